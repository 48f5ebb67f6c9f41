from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from logparse.errors import LogparseError, SourceError, UsageError
from logparse.server import Fault, LocalCluster, serve
from logparse.server.faults import Effect, delay, drip
from tests.builders import make_cluster
from tests.server.support import KEY, Api, base

SERVE = """
import sys
from logparse.server import serve
serve(sys.argv[1], token="k", on_listen=lambda address: print(address, flush=True))
print("ended in order", flush=True)
"""


class TestLocalCluster:
    def test_listens_on_a_free_port_and_stops(self, small_folder: Path) -> None:
        with LocalCluster(small_folder, token=KEY) as one, LocalCluster(small_folder, token=KEY) as two:
            assert one.address != two.address
            for local in (one, two):
                assert local.address.startswith("http://127.0.0.1:")
                assert requests.get(local.address, timeout=10).status_code == 404
        with pytest.raises(requests.ConnectionError):
            requests.get(one.address, timeout=10)

    def test_can_be_started_again(self, small_folder: Path) -> None:
        local = LocalCluster(small_folder, token=KEY)
        local.stop()
        for _ in range(2):
            local.start()
            local.start()
            assert requests.get(local.address, timeout=10).status_code == 404
            local.stop()

    def test_records_requests_in_the_order_of_arrival(self, small: Api) -> None:
        small.get("/v1/algorithms/acme/sentiment/builds", params={"limit": 2})
        small.get("/v1/algorithms/acme/sentiment/builds/a%2Fb")
        small.request("POST", "/")
        seen = [(one.method, one.path, one.query, one.status) for one in small.local.requests]
        assert seen == [
            ("GET", "/v1/algorithms/acme/sentiment/builds", "limit=2", 200),
            ("GET", "/v1/algorithms/acme/sentiment/builds/a%2Fb", "", 404),
            ("POST", "/", "", 404),
        ]
        times = [one.at for one in small.local.requests]
        assert times == sorted(times)

    @pytest.mark.parametrize("effect", [delay(60), drip(60)])
    def test_does_not_wait_for_slow_answers_when_it_stops(self, small_folder: Path, effect: Effect) -> None:
        failed = threading.Event()

        def ask(address: str) -> None:
            try:
                requests.get(address, timeout=30)
            except requests.RequestException:
                failed.set()

        with LocalCluster(small_folder, token=KEY, faults=[Fault(effect)]) as local:
            client = threading.Thread(target=ask, args=[local.address])
            client.start()
            deadline = time.monotonic() + 10
            while not local.requests and time.monotonic() < deadline:
                time.sleep(0.01)
            assert local.requests
            started = time.monotonic()
        assert time.monotonic() - started < 5
        client.join(10)
        assert not client.is_alive()

    def test_an_answer_is_not_held_back_by_delayed_acknowledgements(self, small: Api) -> None:
        """Without TCP_NODELAY each answer on a kept connection takes 40 ms."""
        small.get("/")
        started = time.monotonic()
        for _ in range(50):
            small.get("/")
        assert time.monotonic() - started < 50 * 0.03

    def test_many_builds_are_served_by_the_page(self, tmp_path: Path) -> None:
        with LocalCluster(make_cluster(tmp_path, builds=10_000, logs=False), token=KEY) as local:
            api = Api(local)
            path = f"{base(next(iter(local.cluster)))}/builds"
            pages = 0
            query: dict[str, str] = {}
            started = time.monotonic()
            while query.get("marker", "") is not None:
                query["marker"] = api.get(path, params=query).json().get("marker")
                pages += 1
            assert pages == 200
            assert time.monotonic() - started < 20
            api.close()


class TestListening:
    def test_a_port_in_use_is_one_sentence(self, small_folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(LogparseError, match=rf"^Port {port} of 127\.0\.0\.1 is in use; .*\.$"):
                LocalCluster(small_folder, token=KEY, port=port).start()
            with pytest.raises(UsageError, match=f"Port {port}"):
                serve(small_folder, token=KEY, port=port)

    @pytest.mark.parametrize("port", [-1, 65536])
    def test_no_port_at_all(self, small_folder: Path, port: int) -> None:
        with pytest.raises(UsageError, match="is no port"):
            serve(small_folder, token=KEY, port=port)

    def test_an_address_of_another_machine(self, small_folder: Path) -> None:
        with pytest.raises(UsageError, match=r"^Cannot listen on 192\.0\.2\.1"):
            serve(small_folder, token=KEY, host="192.0.2.1")

    def test_what_is_no_cluster_is_told_before_anything_listens(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="no recorded cluster"):
            serve(tmp_path, token=KEY, on_listen=lambda _address: pytest.fail("it listens"))

    def test_malformed_json_is_told_before_anything_listens(self, tmp_path: Path) -> None:
        make_cluster(tmp_path)
        (tmp_path / "acme/sentiment/versions.json").write_text("[")
        with pytest.raises(SourceError, match=r"versions\.json is not valid JSON"):
            LocalCluster(tmp_path, token=KEY)


class TestServe:
    def test_tells_its_address_serves_and_ends_in_order_on_ctrl_c(self, small_folder: Path) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", SERVE, str(small_folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        ) as process:
            assert process.stdout
            assert process.stderr
            try:
                address = process.stdout.readline().strip()
                answer = requests.get(
                    f"{address}/v1/algorithms/acme/sentiment/builds",
                    headers={"Authorization": "k"},
                    timeout=10,
                )
                assert len(answer.json()["results"]) == 7
                process.send_signal(signal.SIGINT)
                assert process.stdout.read() == "ended in order\n"
                assert process.stderr.read() == ""
                assert process.wait(10) == 0
            finally:
                process.kill()
