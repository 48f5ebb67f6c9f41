"""Each fault does on the wire what it says."""

from __future__ import annotations

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from logparse.server import Fault, Faults, LocalCluster
from logparse.server.faults import (
    Effect,
    Shape,
    close_early,
    delay,
    drip,
    edit,
    error,
    next_link_to,
    rate_limited,
    redirect,
    reply,
    reset,
    truncate,
)
from tests.server.support import KEY, Api

BUILDS = "/v1/algorithms/acme/sentiment/builds"


def wire(api: Api, path: str = BUILDS) -> tuple[bytes, bool]:
    """Ask over a bare socket; return every byte of the answer, and whether the connection was reset."""
    address = urlsplit(api.local.address)
    assert address.hostname
    assert address.port
    received = b""
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: {KEY}\r\nConnection: close\r\n\r\n".encode()
        )
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            return received, True
    return received, False


def parts(received: bytes) -> tuple[int, dict[str, str], bytes]:
    """Take an answer apart: status, headers, body."""
    head, _, body = received.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    return int(line.split()[1]), dict(field.lower().split(": ", 1) for field in fields), body


class TestWhen:
    """Which requests a fault hits."""

    @pytest.mark.parametrize(
        ("fault", "hit"),
        [
            (Fault(error(503)), [1, 1, 1, 1, 1, 1]),
            (Fault(error(503), times=2), [1, 1, 0, 0, 0, 0]),
            (Fault(error(503), times=2, after=1), [0, 1, 1, 0, 0, 0]),
            (Fault(error(503), times=0), [0, 0, 0, 0, 0, 0]),
            (Fault(error(503), "*/builds"), [1, 1, 1, 1, 1, 1]),
            (Fault(error(503), "*/logs"), [0, 0, 0, 0, 0, 0]),
            (Fault(error(503), "/v1/algorithms/acme/*", times=1), [1, 0, 0, 0, 0, 0]),
        ],
    )
    def test_by_path_and_count(self, small: Api, fault: Fault, hit: list[int]) -> None:
        small.local.faults.add(fault)
        assert [int(small.get(BUILDS).status_code == 503) for _ in hit] == hit

    def test_requests_for_other_paths_do_not_count(self, small: Api) -> None:
        small.local.faults.add(Fault(error(503), "*/builds", times=1))
        statuses = [small.get(path).status_code for path in (f"{BUILDS}/x", BUILDS, BUILDS)]
        assert statuses == [404, 503, 200]

    def test_by_chance_and_the_same_with_the_same_seed(self) -> None:
        def hits(seed: int) -> list[bool]:
            faults = Faults([Fault(error(503), probability=0.3, seed=seed)])
            app: Any = object()
            return [faults.wrap(app, "/") is not app for _ in range(1000)]

        assert hits(1) == hits(1) != hits(2)
        assert 250 < sum(hits(1)) < 350

    def test_added_and_cleared_while_running(self, small: Api) -> None:
        assert small.get(BUILDS).status_code == 200
        small.local.faults.add(Fault(error(500)))
        assert small.get(BUILDS).status_code == 500
        small.local.faults.clear()
        assert small.get(BUILDS).status_code == 200

    def test_given_at_the_start(self, small_folder: Path) -> None:
        with LocalCluster(small_folder, token=KEY, faults=[Fault(error(500), times=1)]) as local:
            api = Api(local)
            assert [api.get(BUILDS).status_code for _ in range(2)] == [500, 200]
            api.close()

    def test_several_pile_up(self, small: Api) -> None:
        small.local.faults.add(Fault(delay(0.2)), Fault(error(503), times=1))
        for status in (503, 200):
            started = time.monotonic()
            assert small.get(BUILDS).status_code == status
            assert time.monotonic() - started >= 0.2

    def test_come_before_authentication(self, small: Api) -> None:
        small.local.faults.add(Fault(error(502, "html")))
        assert small.get(BUILDS, headers={"Authorization": None}).status_code == 502


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (401, 2002),
            (403, 2001),
            (404, 1000),
            (429, 5001),
            (500, 5001),
            (502, 5001),
            (503, 5001),
            (504, 5001),
            (200, 5001),
        ],
    )
    def test_each_status_in_the_documented_shape(self, small: Api, status: int, code: int) -> None:
        small.local.faults.add(Fault(error(status)))
        answer = small.get(BUILDS)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json"
        assert set(answer.json()["error"]) == {"id", "code", "message"}
        assert answer.json()["error"]["code"] == code

    @pytest.mark.parametrize(
        ("shape", "content_type", "body"),
        [
            (
                "no-code",
                "application/json",
                {"error": {"id": "00000000-0000-4000-8000-000000000000", "message": "No"}},
            ),
            ("string", "application/json", {"error": "No"}),
            (
                "flat",
                "application/json",
                {"id": "00000000-0000-4000-8000-000000000000", "code": 7, "message": "No"},
            ),
            ("plain", "text/plain; charset=utf-8", b"No"),
            ("empty", None, b""),
        ],
    )
    def test_the_other_shapes(self, small: Api, shape: Shape, content_type: str | None, body: Any) -> None:
        small.local.faults.add(Fault(error(404, shape, code=7, message="No")))
        answer = small.get(BUILDS)
        assert answer.headers.get("content-type") == content_type
        assert (answer.content if isinstance(body, bytes) else answer.json()) == body

    def test_html_of_a_gateway(self, small: Api) -> None:
        small.local.faults.add(Fault(error(502, "html")))
        answer = small.get(BUILDS)
        assert answer.headers["content-type"] == "text/html"
        assert "<h1>Bad Gateway</h1>" in answer.text

    def test_an_empty_401(self, small: Api) -> None:
        small.local.faults.add(Fault(error(401, "empty")))
        status, headers, body = parts(wire(small)[0])
        assert (status, headers["content-length"], body) == (401, "0", b"")

    def test_further_headers(self, small: Api) -> None:
        small.local.faults.add(Fault(error(500, headers={"X-Error-Message": "out of memory"})))
        assert small.get(BUILDS).headers["X-Error-Message"] == "out of memory"

    def test_retry_after_in_seconds(self, small: Api) -> None:
        small.local.faults.add(Fault(rate_limited(3)))
        answer = small.get(BUILDS)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")

    def test_retry_after_as_a_date(self, small: Api) -> None:
        moment = datetime(2021, 7, 29, 21, 12, 56, tzinfo=UTC)
        small.local.faults.add(Fault(rate_limited(moment, status=503, shape="html")))
        answer = small.get(BUILDS)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "Thu, 29 Jul 2021 21:12:56 GMT")

    def test_any_other_answer(self, small: Api) -> None:
        small.local.faults.add(Fault(reply(200, b'{"logs": null}')))
        assert small.get(BUILDS).json() == {"logs": None}


class TestAnswersOnTheWay:
    def test_truncated_json_is_good_http(self, small: Api) -> None:
        whole = small.get(BUILDS).content
        small.local.faults.add(Fault(truncate(0.5)))
        answer = small.get(BUILDS)
        assert answer.content == whole[: len(whole) // 2]
        assert answer.headers["content-length"] == str(len(answer.content))
        with pytest.raises(requests.JSONDecodeError):
            answer.json()

    def test_edited_json(self, small: Api) -> None:
        small.local.faults.add(Fault(edit(lambda value: value | {"status": "in-progress"}), times=1))
        assert small.get(BUILDS).json()["status"] == "in-progress"
        assert "status" not in small.get(BUILDS).json()

    def test_an_error_is_not_edited(self, small: Api) -> None:
        small.local.faults.add(Fault(edit(lambda _: 7)))
        assert small.get(f"{BUILDS}/missing").json()["error"]["code"] == 5004

    @pytest.mark.parametrize("keep_marker", [True, False])
    def test_a_link_to_another_server(self, small: Api, keep_marker: bool) -> None:
        small.local.faults.add(Fault(next_link_to("http://127.0.0.1:9", keep_marker=keep_marker)))
        page = small.get(f"{BUILDS}?limit=2").json()
        assert page["next_link"].startswith(f"http://127.0.0.1:9{BUILDS}?limit=2&marker=")
        assert ("marker" in page) is keep_marker
        assert "next_link" not in small.get(BUILDS).json()

    def test_a_slow_drip_sends_the_body_in_pieces(self, small: Api) -> None:
        whole = small.get(BUILDS).content
        size = len(whole) // 8
        small.local.faults.add(Fault(drip(0.02, size=size)))
        started = time.monotonic()
        answer = small.get(BUILDS, stream=True)
        pieces = [(len(piece), time.monotonic() - started) for piece in answer.iter_content(size)]
        assert sum(length for length, _ in pieces) == len(whole)
        assert answer.headers["content-length"] == str(len(whole))
        assert len(pieces) >= 5
        assert pieces[-1][1] - pieces[0][1] >= 0.1

    def test_delays_run_side_by_side(self, small: Api) -> None:
        small.local.faults.add(Fault(delay(0.5)))

        def get(_: int) -> int:
            return requests.get(
                small.local.address + BUILDS, headers={"Authorization": KEY}, timeout=10
            ).status_code

        started = time.monotonic()
        with ThreadPoolExecutor(16) as pool:
            assert list(pool.map(get, range(16))) == [200] * 16
        assert 0.5 <= time.monotonic() - started < 4


class TestRedirects:
    def test_to_another_server_keeps_path_and_query(self, small: Api, small_folder: Path) -> None:
        with LocalCluster(small_folder, token=KEY) as other:
            small.local.faults.add(Fault(redirect(other.address)))
            answer = small.get(f"{BUILDS}?limit=2")
            assert (answer.status_code, answer.content) == (302, b"")
            assert answer.headers["location"] == f"{other.address}{BUILDS}?limit=2"
            # What reaches the other server can be seen there, which is how a leaked credential is found.
            requests.get(answer.headers["location"], headers={"Authorization": "leaked"}, timeout=10)
            assert other.requests[0].headers["authorization"] == "leaked"
            assert (other.requests[0].path, other.requests[0].query) == (BUILDS, "limit=2")

    def test_to_the_same_server(self, small: Api) -> None:
        small.local.faults.add(Fault(redirect(BUILDS, status=307), times=1))
        answer = small.get("/v1/anything", allow_redirects=True)
        assert answer.status_code == 200
        assert [step.status_code for step in answer.history] == [307]


class TestBrokenConnections:
    def test_a_reset_before_the_headers(self, small: Api) -> None:
        small.local.faults.add(Fault(reset(), times=1))
        assert wire(small) == (b"", True)
        assert small.local.requests[-1].status is None
        assert small.get(BUILDS).status_code == 200

    def test_a_reset_in_the_body(self, small: Api) -> None:
        whole = small.get(BUILDS).content
        small.local.faults.add(Fault(reset(0.5)))
        received, was_reset = wire(small)
        status, headers, body = parts(received)
        assert was_reset
        assert (status, headers["content-length"]) == (200, str(len(whole)))
        assert body == whole[: len(whole) // 2]

    def test_an_early_close_declares_more_than_it_sends(self, small: Api) -> None:
        whole = small.get(BUILDS).content
        small.local.faults.add(Fault(close_early(0.25)))
        received, was_reset = wire(small)
        _, headers, body = parts(received)
        assert not was_reset
        assert headers["content-length"] == str(len(whole))
        assert body == whole[: len(whole) // 4]

    @pytest.mark.parametrize("effect", [reset(), reset(0), reset(0.9), close_early(0), close_early(0.9)])
    def test_a_client_sees_an_error_and_the_server_lives_on(self, small: Api, effect: Effect) -> None:
        small.local.faults.add(Fault(effect, times=1))
        with pytest.raises(requests.RequestException):
            small.get(BUILDS)
        assert small.get(BUILDS).status_code == 200

    def test_other_connections_are_not_disturbed(self, small: Api) -> None:
        small.local.faults.add(Fault(delay(0.3), "*/builds"), Fault(reset(), "*/versions"))
        result: list[int] = []
        slow = threading.Thread(target=lambda: result.append(small.get(BUILDS).status_code))
        slow.start()
        assert wire(small, BUILDS.replace("builds", "versions")) == (b"", True)
        slow.join()
        assert result == [200]


class TestWholeAnswers:
    @pytest.mark.parametrize("effect", [delay(0), drip(0, size=1000), edit(lambda value: value)])
    def test_effects_that_spoil_nothing_change_nothing(self, small: Api, effect: Effect) -> None:
        before = small.get(BUILDS)
        small.local.faults.add(Fault(effect))
        after = small.get(BUILDS)
        assert json.loads(after.content) == json.loads(before.content)
        assert after.headers["content-type"] == before.headers["content-type"]
