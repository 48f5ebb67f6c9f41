from __future__ import annotations

import json
import socket
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from logparse.errors import (
    APIError,
    BadRequest,
    BadResponse,
    BuildInProgress,
    ConnectError,
    Forbidden,
    NoLogStored,
    NoSuchAlgorithm,
    NoSuchBuild,
    NoSuchVersion,
    NotFound,
    RateLimited,
    ServerError,
    TimedOut,
    Unauthorized,
    UsageError,
)
from logparse.fetch import BuildInfo, Client, Retry
from logparse.model import Status
from logparse.server import Fault, LocalCluster
from logparse.server.faults import (
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
from tests.fetch.support import ALGORITHM, KEY, FakeTime, RawServer, answering


def newest_done(cluster: LocalCluster) -> str:
    return next(one.build_id for one in builds_of(cluster) if one.status != Status.IN_PROGRESS)


def builds_of(cluster: LocalCluster) -> tuple[BuildInfo, ...]:
    algorithm = cluster.cluster.algorithm("acme", "sentiment")
    assert algorithm is not None
    return algorithm.builds


class TestRoutes:
    def test_builds_come_newest_first_one_request_a_page(self, client: Client, cluster: LocalCluster) -> None:
        assert list(client.builds(ALGORITHM, limit=10)) == list(builds_of(cluster))
        assert len(cluster.requests) == 3

    def test_uuid_names_the_algorithm_on_the_builds_routes(
        self, client: Client, cluster: LocalCluster
    ) -> None:
        algorithm = cluster.cluster.algorithm("acme", "sentiment")
        assert algorithm is not None
        assert list(client.builds(algorithm.id)) == list(algorithm.builds)
        build_id = newest_done(cluster)
        assert client.build_log(algorithm.id, build_id) == algorithm.read_log(build_id)
        with pytest.raises(UsageError, match="OWNER/NAME"):
            list(client.versions(algorithm.id))

    def test_since_ends_the_listing_early(self, client: Client, cluster: LocalCluster) -> None:
        since = builds_of(cluster)[3].started_at
        assert list(client.builds(ALGORITHM, limit=2, since=since)) == list(builds_of(cluster))[:4]
        assert len(cluster.requests) == 3

    def test_build_and_log(self, client: Client, cluster: LocalCluster, folder: Path) -> None:
        build_id = newest_done(cluster)
        assert client.build(ALGORITHM, build_id).build_id == build_id
        assert (
            client.build_log(ALGORITHM, build_id)
            == (folder / "acme/sentiment/logs" / f"{build_id}.log").read_bytes()
        )

    def test_versions_filter_and_versions_log(self, client: Client, cluster: LocalCluster) -> None:
        everything = list(client.versions(ALGORITHM, limit=4))
        published = list(client.versions(ALGORITHM, published=True))
        assert [one.semantic_version for one in published] == ["0.1.0"]
        assert len(list(client.versions(ALGORITHM, published=False))) == len(everything) - 1
        assert "published=false" in cluster.requests[-1].query
        version = published[0]
        assert version.git_hash is not None
        assert version.build is not None
        assert client.version(ALGORITHM, version.git_hash).environment == version.environment
        assert client.version_log(ALGORITHM, version.git_hash) == client.build_log(
            ALGORITHM, version.build.build_id
        )

    def test_path_parts_are_encoded(self, client: Client, cluster: LocalCluster) -> None:
        with pytest.raises(NotFound):
            client.build(ALGORITHM, "a/b?c#d%2F é")
        assert cluster.requests[0].path.endswith("/builds/a%2Fb%3Fc%23d%252F%20%C3%A9")

    @pytest.mark.parametrize("algorithm", ["acme", "acme/", "/x", "a/b/c", "", "../x", "acme/.."])
    def test_refuses_what_names_no_algorithm(self, client: Client, algorithm: str) -> None:
        with pytest.raises(UsageError):
            list(client.builds(algorithm))

    def test_refuses_ids_that_lead_elsewhere(self, client: Client, cluster: LocalCluster) -> None:
        for build_id in ("", ".", ".."):
            with pytest.raises(UsageError):
                client.build(ALGORITHM, build_id)
        assert cluster.requests == []

    def test_half_a_surrogate_pair_and_bytes_that_are_not_utf8(self) -> None:
        with RawServer(answering(b'{"logs": "half \\ud83d"}')) as server, Client(server.address) as client:
            assert client.build_log(ALGORITHM, "x") == b"half \xed\xa0\xbd"
        with RawServer(answering(b'{"logs": "\xff raw"}')) as server, Client(server.address) as client:
            assert client.build_log(ALGORITHM, "x") == b"\xff raw"


class TestFindBuilds:
    def test_full_and_short_commits(self, client: Client, cluster: LocalCluster) -> None:
        commit = builds_of(cluster)[-2].commit_sha
        assert commit is not None
        wanted = [one for one in builds_of(cluster) if one.commit_sha == commit]
        assert len(wanted) == 2
        assert (
            client.find_builds(ALGORITHM, commit)
            == client.find_builds(ALGORITHM, commit[:8].upper())
            == wanted
        )

    def test_unknown_commit_has_none(self, client: Client) -> None:
        assert client.find_builds(ALGORITHM, "0" * 40) == []

    def test_ambiguous_beginning_is_refused(self, client: Client, cluster: LocalCluster) -> None:
        def same_start(page: dict[str, Any]) -> dict[str, Any]:
            for number, build in enumerate(page["results"]):
                build["commit_sha"] = f"abcd{number:036x}"
            return page

        cluster.faults.add(Fault(edit(same_start)))
        with pytest.raises(UsageError, match="beginning of 25 commits"):
            client.find_builds(ALGORITHM, "abcd")

    @pytest.mark.parametrize("commit", ["", "abc", "main", "z" * 40, "0" * 41])
    def test_refuses_what_is_no_commit(self, client: Client, commit: str) -> None:
        with pytest.raises(UsageError, match="hexadecimal"):
            client.find_builds(ALGORITHM, commit)


class TestWait:
    def test_polls_until_the_build_has_ended(
        self, client: Client, cluster: LocalCluster, clock: FakeTime
    ) -> None:
        running = builds_of(cluster)[0]
        cluster.faults.add(Fault(edit(lambda build: {**build, "status": "succeeded"}), after=3))
        build = client.wait(ALGORITHM, running.build_id, poll=2.0, clock=clock.now, sleep=clock.sleep)
        assert build.status == Status.SUCCEEDED
        assert clock.slept == [2.0, 2.0, 2.0]

    def test_gives_up(self, client: Client, cluster: LocalCluster, clock: FakeTime) -> None:
        with pytest.raises(TimedOut, match="after 5 s"):
            client.wait(
                ALGORITHM,
                builds_of(cluster)[0].build_id,
                timeout=5,
                poll=2,
                clock=clock.now,
                sleep=clock.sleep,
            )
        assert clock.slept == [2.0, 2.0, 1.0]


class TestPaging:
    def test_foreign_next_link_is_never_called(self, client: Client, cluster: LocalCluster) -> None:
        with RawServer() as trap:
            cluster.faults.add(Fault(next_link_to(trap.address)))
            assert len(list(client.builds(ALGORITHM, limit=10))) == 25
            assert trap.received == []

    def test_marker_is_taken_from_a_link_without_calling_it(
        self, client: Client, cluster: LocalCluster
    ) -> None:
        with RawServer() as trap:
            cluster.faults.add(Fault(next_link_to(trap.address, keep_marker=False)))
            assert len(list(client.builds(ALGORITHM, limit=10))) == 25
            assert trap.received == []

    def test_a_circle_of_markers_ends(self, client: Client, cluster: LocalCluster) -> None:
        first: dict[str, str] = {}

        def circle(page: dict[str, Any]) -> dict[str, Any]:
            return {**page, "marker": first.setdefault("marker", page["marker"])}

        cluster.faults.add(Fault(edit(circle)))
        with pytest.raises(BadResponse, match="circle"):
            list(client.builds(ALGORITHM, limit=10))
        assert len(cluster.requests) == 2

    def test_new_markers_without_new_builds_end(self, client: Client, cluster: LocalCluster) -> None:
        def endless(app: Any) -> Any:
            async def answering(*call: Any) -> None:
                page = json.dumps({"marker": uuid.uuid4().hex, "results": []})
                await reply(200, page.encode())(app)(*call)

            return answering

        cluster.faults.add(Fault(endless))
        with pytest.raises(BadResponse, match="circle"):
            list(client.builds(ALGORITHM))
        assert len(cluster.requests) == 3

    def test_a_build_that_moves_to_the_next_page_comes_once(
        self, client: Client, cluster: LocalCluster
    ) -> None:
        last: list[Any] = []

        def shifted(page: dict[str, Any]) -> dict[str, Any]:
            results = last[-1:] + page["results"]
            last.append(page["results"][-1])
            return {**page, "results": results}

        cluster.faults.add(Fault(edit(shifted)))
        ids = [one.build_id for one in client.builds(ALGORITHM, limit=10)]
        assert ids == [one.build_id for one in builds_of(cluster)]

    def test_a_limit_below_one_is_refused(self, client: Client) -> None:
        with pytest.raises(UsageError):
            list(client.builds(ALGORITHM, limit=0))

    @pytest.mark.parametrize(
        "page", [{}, [], {"results": None}, {"results": ["x"]}, {"results": [{}]}, None, 7]
    )
    def test_pages_of_another_shape(self, client: Client, cluster: LocalCluster, page: object) -> None:
        cluster.faults.add(Fault(edit(lambda _page: page)))
        with pytest.raises(BadResponse):
            list(client.builds(ALGORITHM))


class TestNotFound:
    def test_algorithm_build_and_version_are_told_apart(self, client: Client) -> None:
        with pytest.raises(NoSuchAlgorithm, match="acme/other"):
            list(client.builds("acme/other"))
        with pytest.raises(NoSuchAlgorithm):
            client.build_log("nobody/other", "x")
        with pytest.raises(NoSuchBuild):
            client.build(ALGORITHM, "x")
        with pytest.raises(NoSuchBuild):
            client.build_log(ALGORITHM, "x")
        with pytest.raises(NoSuchVersion):
            client.version_log(ALGORITHM, "0" * 40)
        with pytest.raises(NoSuchAlgorithm):
            client.version("acme/other", "0" * 40)

    @pytest.mark.parametrize("shape", ["string", "no-code", "plain", "empty", "html"])
    def test_also_without_a_code(self, client: Client, cluster: LocalCluster, shape: Shape) -> None:
        cluster.faults.add(Fault(error(404, shape, message="Not here"), "*/builds/*"))
        with pytest.raises(NoSuchBuild):
            client.build(ALGORITHM, "x")
        cluster.faults.add(Fault(error(404, shape, message="Not here"), "*/builds"))
        with pytest.raises(NoSuchAlgorithm):
            client.build(ALGORITHM, "x")

    def test_log_of_a_running_build(self, client: Client, cluster: LocalCluster) -> None:
        running = builds_of(cluster)[0]
        with pytest.raises(BuildInProgress, match=running.build_id) as caught:
            client.build_log(ALGORITHM, running.build_id)
        assert caught.value.status == 404
        assert caught.value.route.endswith("/logs")

    def test_log_that_is_not_stored(self, client: Client, cluster: LocalCluster, folder: Path) -> None:
        build_id = newest_done(cluster)
        (folder / "acme/sentiment/logs" / f"{build_id}.log").unlink()
        with pytest.raises(NoLogStored, match=build_id):
            client.build_log(ALGORITHM, build_id)

    @pytest.mark.parametrize("body", [{"logs": None}, {}])
    def test_log_that_is_null_or_missing(self, client: Client, cluster: LocalCluster, body: object) -> None:
        cluster.faults.add(Fault(edit(lambda _log: body), "*/logs"))
        with pytest.raises(NoLogStored):
            client.build_log(ALGORITHM, newest_done(cluster))

    def test_build_that_ends_between_the_two_questions(self, client: Client, cluster: LocalCluster) -> None:
        cluster.faults.add(Fault(error(404, "empty"), "*/logs", times=1))
        assert client.build_log(ALGORITHM, newest_done(cluster)).startswith(b"Sending build context")

    def test_empty_log_is_a_log(self, client: Client, cluster: LocalCluster) -> None:
        cluster.faults.add(Fault(edit(lambda _log: {"logs": ""}), "*/logs"))
        assert client.build_log(ALGORITHM, newest_done(cluster)) == b""

    @pytest.mark.parametrize("body", [{"logs": 5}, ["x"], "x", None])
    def test_log_of_another_shape(self, client: Client, cluster: LocalCluster, body: object) -> None:
        cluster.faults.add(Fault(edit(lambda _log: body), "*/logs"))
        with pytest.raises(BadResponse):
            client.build_log(ALGORITHM, newest_done(cluster))

    def test_version_whose_build_runs_or_left_no_log(self, client: Client, cluster: LocalCluster) -> None:
        running = builds_of(cluster)[0]

        def without_output(version: dict[str, Any]) -> dict[str, Any]:
            return {**version, "build": running.raw, "compilation": {"successful": False, "output": ""}}

        cluster.faults.add(Fault(edit(without_output), "*/versions/*", times=1))
        cluster.faults.add(
            Fault(edit(lambda version: {**version, "compilation": None}), "*/versions/*", after=1)
        )
        commit = builds_of(cluster)[-1].commit_sha
        assert commit is not None
        with pytest.raises(BuildInProgress):
            client.version_log(ALGORITHM, commit)
        with pytest.raises(NoLogStored):
            client.version_log(ALGORITHM, commit)


class TestErrors:
    @pytest.mark.parametrize("shape", ["documented", "no-code", "string", "flat", "plain", "html", "empty"])
    @pytest.mark.parametrize(
        ("status", "kind"),
        [(400, BadRequest), (401, Unauthorized), (403, Forbidden), (429, RateLimited), (500, ServerError)],
    )
    def test_every_shape_becomes_the_status_exception(
        self, client: Client, cluster: LocalCluster, shape: Shape, status: int, kind: type[APIError]
    ) -> None:
        cluster.faults.add(Fault(error(status, shape, message="The words of the server")))
        with pytest.raises(kind) as caught:
            client.build(ALGORITHM, "x")
        assert caught.value.status == status
        assert caught.value.route == f"GET /v1/algorithms/{ALGORITHM}/builds/x"
        assert ("The words of the server" in str(caught.value)) == (shape != "empty")
        assert (caught.value.request_id is not None) == (shape in {"documented", "no-code", "flat"})
        assert "<" not in str(caught.value)

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            (1000, NoSuchAlgorithm),
            (2001, Forbidden),
            (2002, Unauthorized),
            (5002, BadRequest),
            (9999, APIError),
        ],
    )
    def test_status_200_with_an_error(
        self, client: Client, cluster: LocalCluster, code: int, kind: type[APIError]
    ) -> None:
        cluster.faults.add(Fault(error(200, code=code, message="No")))
        with pytest.raises(APIError) as caught:
            client.build(ALGORITHM, "x")
        assert type(caught.value) is kind
        assert (caught.value.status, caught.value.code) == (200, code)

    def test_status_200_with_a_string(self, client: Client, cluster: LocalCluster) -> None:
        cluster.faults.add(Fault(error(200, "string", message="No such algorithm")))
        with pytest.raises(NoSuchAlgorithm):
            client.build(ALGORITHM, "x")

    def test_message_in_a_header(self, client: Client, cluster: LocalCluster) -> None:
        cluster.faults.add(Fault(error(403, "empty", headers={"X-Error-Message": "Not yours"})))
        with pytest.raises(Forbidden, match="Not yours"):
            client.build(ALGORITHM, "x")

    def test_message_cannot_act_on_a_terminal_nor_show_the_token(
        self, client: Client, cluster: LocalCluster
    ) -> None:
        cluster.faults.add(Fault(error(403, message=f"\x1b[2J\r\n{KEY} {'x' * 5000}")))
        with pytest.raises(Forbidden) as caught:
            client.build(ALGORITHM, "x")
        text = f"{caught.value} {caught.value.args} {caught.value!r}"
        assert KEY not in text
        assert "\x1b" not in text
        assert len(caught.value.message) < 500

    @pytest.mark.parametrize("where", ["body", "flat", "header"])
    def test_request_id_cannot_act_on_a_terminal_nor_show_the_token(
        self, client: Client, cluster: LocalCluster, where: str
    ) -> None:
        id_ = f"{KEY}\x1b[2J\r\n{'x' * 5000}" if where != "header" else f"{KEY}\x1b[2J {'x' * 5000}"
        value = {"id": id_, "message": "No"}
        body = {"body": {"error": value}, "flat": value, "header": {"error": "No"}}[where]
        headers = {"X-Request-Id": id_} if where == "header" else None
        cluster.faults.add(Fault(reply(403, json.dumps(body).encode(), headers=headers)))
        with pytest.raises(Forbidden) as caught:
            client.build(ALGORITHM, "x")
        assert KEY not in f"{caught.value} {caught.value.request_id}"
        assert caught.value.request_id is not None
        assert caught.value.request_id.startswith("*** [2J x")
        assert len(caught.value.request_id) <= 100

    @pytest.mark.parametrize("shape", ["documented", "plain", "html"])
    def test_token_is_not_shown_where_a_text_is_cut_short(
        self, client: Client, cluster: LocalCluster, shape: Shape
    ) -> None:
        cluster.faults.add(Fault(error(403, shape, message=f"{'x' * (295 - len('403 '))} {KEY}")))
        with pytest.raises(Forbidden) as caught:
            client.build(ALGORITHM, "x")
        assert "xx" in str(caught.value)
        assert KEY[:3] not in str(caught.value)

    def test_wrong_key(self, cluster: LocalCluster) -> None:
        with (
            Client(cluster.address, "simWrong") as client,
            pytest.raises(Unauthorized, match="check the API key"),
        ):
            client.build(ALGORITHM, "x")
        assert len(cluster.requests) == 1


class TestRetries:
    @pytest.mark.parametrize(
        "effect",
        [
            error(500),
            error(502, "html"),
            error(503, "empty"),
            error(200, code=5001),
            rate_limited(0),
            reset(),
            reset(0.5),
            close_early(),
            truncate(),
            reply(200, b"<html>please wait</html>", content_type="text/html"),
            reply(200, b""),
        ],
        ids=lambda effect: effect.__qualname__.partition(".")[0],
    )
    def test_what_passes_is_outlived(
        self, client: Client, cluster: LocalCluster, clock: FakeTime, effect: Callable[..., Any]
    ) -> None:
        expected = client.build_log(ALGORITHM, newest_done(cluster))
        cluster.faults.add(Fault(effect, times=3))
        assert client.build_log(ALGORITHM, newest_done(cluster)) == expected
        assert len(clock.slept) == 3

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 418])
    def test_what_does_not_pass_is_asked_once(
        self, client: Client, cluster: LocalCluster, status: int
    ) -> None:
        cluster.faults.add(Fault(error(status, "no-code", message="No such algorithm")))
        with pytest.raises(APIError):
            client.build(ALGORITHM, "x")
        assert len(cluster.requests) == 1

    def test_retry_after_is_waited_for(self, client: Client, cluster: LocalCluster, clock: FakeTime) -> None:
        cluster.faults.add(Fault(rate_limited(7), times=1))
        client.build(ALGORITHM, newest_done(cluster))
        assert clock.slept == [7.5]

    @pytest.mark.parametrize(
        ("effect", "kind"),
        [(reset(), ConnectError), (truncate(), BadResponse), (close_early(), ConnectError)],
    )
    def test_the_end_of_tries_says_what_it_was(
        self, client: Client, cluster: LocalCluster, effect: Callable[..., Any], kind: type[Exception]
    ) -> None:
        build_id = newest_done(cluster)
        cluster.faults.add(Fault(effect))
        with pytest.raises(kind) as caught:
            client.build(ALGORITHM, build_id)
        assert type(caught.value) is kind
        assert len(cluster.requests) == 6


class TestTime:
    def test_slow_drip_is_bounded_as_a_whole(self, cluster: LocalCluster) -> None:
        cluster.faults.add(Fault(drip(0.05)))
        begin = time.monotonic()
        with (
            Client(cluster.address, KEY, timeout=(1.0, 0.5), retry=Retry(attempts=1)) as client,
            pytest.raises(TimedOut, match=r"answer 0\.5 s"),
        ):
            client.build(ALGORITHM, "x")
        assert time.monotonic() - begin < 3

    def test_slow_headers_are_bounded_too(self) -> None:
        stop = threading.Event()

        def answer(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not stop.wait(0.05):
                connection.sendall(b"x")

        begin = time.monotonic()
        with RawServer(answer) as server:
            with (
                Client(server.address, timeout=(1.0, 0.5), retry=Retry(attempts=1)) as client,
                pytest.raises(TimedOut),
            ):
                client.build(ALGORITHM, "x")
            stop.set()
        assert time.monotonic() - begin < 3

    def test_a_drip_that_ends_in_time_is_read(self, client: Client, cluster: LocalCluster) -> None:
        cluster.faults.add(Fault(drip(0.001, size=64)))
        assert client.build_log(ALGORITHM, newest_done(cluster)).startswith(b"Sending")

    def test_close_cuts_off_what_another_thread_awaits(self, cluster: LocalCluster) -> None:
        cluster.faults.add(Fault(delay(30.0)))
        caught: list[BaseException] = []
        client = Client(cluster.address, KEY)

        def ask() -> None:
            try:
                client.build(ALGORITHM, "x")
            except ConnectError as error:
                caught.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        while not cluster.requests:
            time.sleep(0.01)
        client.close()
        thread.join(timeout=5)
        assert not thread.is_alive()
        assert "was closed" in str(caught[0])
        with pytest.raises(ConnectError, match="was closed"):
            client.build(ALGORITHM, "x")

    def test_an_answer_of_insane_size_is_not_read(self, cluster: LocalCluster) -> None:
        with (
            Client(cluster.address, KEY, max_bytes=100) as client,
            pytest.raises(BadResponse, match="longer than 100 bytes"),
        ):
            client.build_log(ALGORITHM, newest_done(cluster))
        assert len(cluster.requests) == 1


class TestReach:
    def test_refused_is_told_at_once(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        with (
            Client(f"http://127.0.0.1:{port}") as client,
            pytest.raises(ConnectError, match=f"{port} refused"),
        ):
            client.build(ALGORITHM, "x")

    def test_refused_is_outlived_where_there_was_an_answer(
        self, client: Client, cluster: LocalCluster, clock: FakeTime
    ) -> None:
        build_id = newest_done(cluster)
        client.build(ALGORITHM, build_id)
        cluster.stop()
        with pytest.raises(ConnectError):
            client.build(ALGORITHM, build_id)
        assert len(clock.slept) == 5

    def test_unknown_host_is_named(self) -> None:
        with (
            Client("http://no-such-host.invalid", "simA") as client,
            pytest.raises(ConnectError, match=r"no-such-host\.invalid is not known"),
        ):
            client.build(ALGORITHM, "x")

    def test_proxy_of_the_environment_is_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with RawServer(answering(b'{"build_id": "x"}')) as proxy:
            monkeypatch.setenv("http_proxy", proxy.address)
            with Client("http://cluster.example", "simA") as client:
                assert client.build(ALGORITHM, "x").build_id == "x"
            assert proxy.received[0].startswith(b"GET http://cluster.example/v1/algorithms/")


class TestCredential:
    def test_is_sent_with_its_scheme(self, client: Client, cluster: LocalCluster) -> None:
        client.build(ALGORITHM, newest_done(cluster))
        assert cluster.requests[0].headers["authorization"] == f"Simple {KEY}"

    def test_does_not_follow_a_redirect_to_another_origin(
        self, client: Client, cluster: LocalCluster
    ) -> None:
        with RawServer() as trap:
            for location in (trap.address, trap.address.replace("http:", ""), "https://127.0.0.1/x"):
                cluster.faults.clear()
                cluster.faults.add(Fault(redirect(location)))
                with pytest.raises(APIError, match="another origin"):
                    client.build(ALGORITHM, "x")
            assert trap.received == []

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_follows_redirects_inside_the_origin(
        self, client: Client, cluster: LocalCluster, status: int
    ) -> None:
        target = f"/v1/algorithms/{ALGORITHM}/builds/{newest_done(cluster)}"
        cluster.faults.add(Fault(redirect(target, status=status), "*/old"))
        assert client.build(ALGORITHM, "old").build_id == newest_done(cluster)
        assert cluster.requests[-1].headers["authorization"] == f"Simple {KEY}"

    def test_user_name_in_a_redirect_does_not_replace_it(self, client: Client, cluster: LocalCluster) -> None:
        target = cluster.address.replace("//", "//user:pass@") + f"/v1/algorithms/{ALGORITHM}/builds"
        cluster.faults.add(Fault(redirect(target), "*/builds", times=1))
        assert len(list(client.builds(ALGORITHM))) == 25
        assert cluster.requests[-1].headers["authorization"] == f"Simple {KEY}"

    def test_redirects_in_a_circle_end(self, client: Client, cluster: LocalCluster) -> None:
        cluster.faults.add(Fault(redirect("/v1/round")))
        with pytest.raises(APIError, match="circle"):
            client.build(ALGORITHM, "x")
        assert len(cluster.requests) == 6

    def test_netrc_is_not_read(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login user password secret\n")
        monkeypatch.setenv("NETRC", str(netrc))
        with RawServer(lambda connection: connection.close()) as server:
            with (
                Client(server.address, retry=Retry(attempts=1)) as client,
                pytest.raises(ConnectError),
            ):
                client.build(ALGORITHM, "x")
            assert b"authorization" not in server.received[0].lower()

    def test_cookies_are_not_kept(self, client: Client, cluster: LocalCluster) -> None:
        cluster.faults.add(Fault(error(403, headers={"Set-Cookie": "a=b"}), times=1))
        with pytest.raises(Forbidden):
            client.build(ALGORITHM, "x")
        client.build(ALGORITHM, newest_done(cluster))
        assert "cookie" not in cluster.requests[-1].headers

    def test_client_does_not_show_it(self, client: Client) -> None:
        assert KEY not in repr(client)


class TestThreads:
    def test_share_a_client_and_its_connections(self, client: Client, cluster: LocalCluster) -> None:
        ids = [one.build_id for one in builds_of(cluster) if one.status != Status.IN_PROGRESS]
        logs: dict[str, bytes] = {}

        def ask(some: list[str]) -> None:
            for build_id in some:
                logs[build_id] = client.build_log(ALGORITHM, build_id)

        threads = [threading.Thread(target=ask, args=(ids[start::8],)) for start in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        algorithm = cluster.cluster.algorithm("acme", "sentiment")
        assert algorithm is not None
        assert logs == {build_id: algorithm.read_log(build_id) for build_id in ids}
        assert all(one.status == HTTPStatus.OK for one in cluster.requests)

    def test_since_is_inclusive(self, client: Client, cluster: LocalCluster) -> None:
        newest = builds_of(cluster)[0].started_at
        assert newest is not None
        assert len(list(client.builds(ALGORITHM, since=newest))) == 1
        assert list(client.builds(ALGORITHM, since=newest + timedelta(seconds=1))) == []
