from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from logparse.fetch.cluster import RecordedAlgorithm
from logparse.model import Status
from logparse.server import LocalCluster
from tests.builders import make_build, make_cluster, make_version
from tests.server.support import KEY, Api, base

Serve = Callable[[], Api]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve the cluster in the test's own folder, once it is as the test wants it."""
    running: list[LocalCluster] = []
    clients: list[Api] = []

    def start() -> Api:
        running.append(LocalCluster(tmp_path, token=KEY))
        running[-1].start()
        clients.append(Api(running[-1]))
        return clients[-1]

    yield start
    for client in clients:
        client.close()
    for local in running:
        local.stop()


def code(answer: requests.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["error"]["code"]


class TestBuilds:
    def test_both_route_families_give_the_recorded_builds(self, any_api: Api) -> None:
        for algorithm in any_api.local.cluster:
            recorded = [build.raw for build in algorithm.builds]
            for path in (base(algorithm), f"/v1/algorithms/{algorithm.id}"):
                assert any_api.get(f"{path}/builds?limit=1000").json()["results"] == recorded
                for build in algorithm.builds:
                    assert any_api.get(f"{path}/builds/{build.build_id}").json() == build.raw

    def test_null_members_are_left_out(self, serve: Serve, tmp_path: Path) -> None:
        make_cluster(tmp_path, builds=1)
        index = tmp_path / "acme/sentiment/builds.json"
        (build,) = json.loads(index.read_text())
        index.write_text(
            json.dumps([{**build, "finished_at": None, "version_info": {"semantic_version": None}}])
        )
        answer = serve().get("/v1/algorithms/acme/sentiment/builds").json()["results"][0]
        assert "finished_at" not in answer
        assert answer["version_info"] == {}

    def test_names_are_decoded_segment_by_segment(self, serve: Serve, tmp_path: Path) -> None:
        make_cluster(tmp_path, builds=1)
        build_id = "a/b c%2Fé"
        index = tmp_path / "acme/sentiment/builds.json"
        index.write_text(json.dumps([{**make_build("acme/sentiment", 0), "build_id": build_id}]))
        api = serve()
        path = f"/v1/algorithms/acme/sentiment/builds/{quote(build_id, safe='')}"
        assert api.get(path).json()["build_id"] == build_id
        assert code(api.get(f"{path}/logs")) == (404, 5004)


class TestLogs:
    def test_are_those_recorded(self, any_api: Api) -> None:
        read = 0
        for algorithm in any_api.local.cluster:
            for log in algorithm.logs():
                if log.status is not Status.IN_PROGRESS:
                    for path in (base(algorithm), f"/v1/algorithms/{algorithm.id}"):
                        answer = any_api.get(f"{path}/builds/{log.build_id}/logs").json()
                        assert answer == {"logs": log.data.decode("utf-8", "replace")}
                        read += 1
        assert read > 0

    def test_bytes_that_are_not_utf8_become_replacement_characters(
        self, serve: Serve, tmp_path: Path
    ) -> None:
        make_cluster(tmp_path, builds=1)
        (file,) = (tmp_path / "acme/sentiment/logs").iterdir()
        file.write_bytes(b"caf\xe9 \x1b[31m\x00 \xe2\x9c\x93\r\n")
        answer = serve().get(f"/v1/algorithms/acme/sentiment/builds/{file.stem}/logs")
        assert answer.json() == {"logs": "caf\ufffd \x1b[31m\x00 ✓\r\n"}

    def test_of_a_running_build_is_404_even_if_recorded(self, serve: Serve, tmp_path: Path) -> None:
        make_cluster(tmp_path, builds=1, running=1)
        build_id = make_build("acme/sentiment", 0)["build_id"]
        (tmp_path / "acme/sentiment/logs" / f"{build_id}.log").write_bytes(b"Step 1/2 : FROM scratch\n")
        answer = serve().get(f"/v1/algorithms/acme/sentiment/builds/{build_id}/logs")
        assert code(answer) == (404, 5004)
        assert "in progress" in answer.json()["error"]["message"]

    def test_that_is_not_stored_is_404(self, serve: Serve, tmp_path: Path) -> None:
        make_cluster(tmp_path, builds=1, logs=False)
        build_id = make_build("acme/sentiment", 0)["build_id"]
        answer = serve().get(f"/v1/algorithms/acme/sentiment/builds/{build_id}/logs")
        assert code(answer) == (404, 5004)
        assert "stored" in answer.json()["error"]["message"]

    def test_that_cannot_be_read_is_500_and_tells_no_path(self, serve: Serve, tmp_path: Path) -> None:
        make_cluster(tmp_path, builds=1)
        (file,) = (tmp_path / "acme/sentiment/logs").iterdir()
        file.unlink()
        file.mkdir()
        answer = serve().get(f"/v1/algorithms/acme/sentiment/builds/{file.stem}/logs")
        assert code(answer) == (500, 5001)
        assert str(tmp_path) not in answer.text


class TestVersions:
    def test_list_entries_are_those_recorded(self, any_api: Api) -> None:
        for algorithm in any_api.local.cluster:
            if algorithm.versions:
                answer = any_api.get(f"{base(algorithm)}/versions?limit=1000").json()["results"]
                assert answer == [version.raw for version in algorithm.versions]

    def test_the_answer_of_a_hash_adds_the_log_of_the_latest_build_that_ended(self, any_api: Api) -> None:
        outputs = 0
        for algorithm in any_api.local.cluster:
            for version in algorithm.versions:
                if version.git_hash is None:
                    continue
                answer = any_api.get(f"{base(algorithm)}/versions/{version.git_hash}").json()
                output = answer.get("compilation", {}).pop("output", None)
                assert answer == version.raw
                builds = algorithm.builds_of(version.git_hash)
                ended = [build for build in builds if build.status is not Status.IN_PROGRESS]
                data = algorithm.read_log(ended[0].build_id) if ended else None
                assert output == (None if data is None else data.decode("utf-8", "replace"))
                outputs += output is not None
        assert outputs > 0

    def test_a_failed_builds_version_is_an_answer(self, small: Api, sentiment: RecordedAlgorithm) -> None:
        failed = next(
            build
            for build in sentiment.builds
            if build.status is Status.FAILED and sentiment.builds_of(build.commit_sha or "")[0] is build
        )
        answer = small.get(f"{base(sentiment)}/versions/{failed.commit_sha}")
        assert answer.status_code == 200
        assert answer.json()["compilation"]["successful"] is False
        assert "returned a non-zero code" in answer.json()["compilation"]["output"]

    def test_a_commit_that_is_built_again_tells_of_the_build_that_ended(
        self, serve: Serve, tmp_path: Path
    ) -> None:
        make_cluster(tmp_path, builds=3, running=1)
        running, ended, _ = (make_build("acme/sentiment", i, running=i == 2) for i in (2, 1, 0))
        assert running["commit_sha"] == ended["commit_sha"]
        answer = serve().get(f"/v1/algorithms/acme/sentiment/versions/{ended['commit_sha']}").json()
        assert answer["build"] == ended
        assert ended["build_id"] in answer["compilation"]["output"]

    def test_a_commit_whose_only_build_runs_has_no_compilation(
        self, small: Api, sentiment: RecordedAlgorithm
    ) -> None:
        newest = sentiment.builds[0]
        answer = small.get(f"{base(sentiment)}/versions/{newest.commit_sha}").json()
        assert answer["build"]["status"] == "in-progress"
        assert "compilation" not in answer

    def test_follow_from_the_builds_where_none_are_recorded(self, serve: Serve, tmp_path: Path) -> None:
        make_cluster(tmp_path, builds=3, versions=False)
        api = serve()
        path = "/v1/algorithms/acme/sentiment/versions"
        newest, oldest = api.get(path).json()["results"]
        builds = [make_build("acme/sentiment", i) for i in range(3)]
        assert newest["build"] == builds[2]
        assert oldest["build"] == builds[0]
        assert newest["version_info"] == {"git_hash": builds[2]["commit_sha"]}
        assert oldest["version_info"] == {"git_hash": builds[0]["commit_sha"], "semantic_version": "0.1.0"}
        assert [entry["compilation"] for entry in (newest, oldest)] == [{"successful": True}] * 2
        assert newest["self_link"] == f"{api.local.address}{path}/{builds[2]['commit_sha']}"
        answer = api.get(f"{path}/{builds[2]['commit_sha']}").json()
        assert builds[2]["build_id"] in answer["compilation"]["output"]

    def test_a_recorded_output_is_given_where_no_log_is_stored_but_never_in_a_list(
        self, serve: Serve, tmp_path: Path
    ) -> None:
        make_cluster(tmp_path, builds=0)
        version = make_version("acme/sentiment", make_build("acme/sentiment", 0))
        version["compilation"]["output"] = "recorded"
        del version["build"]
        (tmp_path / "acme/sentiment/versions.json").write_text(json.dumps([version]))
        api = serve()
        path = "/v1/algorithms/acme/sentiment/versions"
        git_hash = version["version_info"]["git_hash"]
        assert api.get(f"{path}/{git_hash}").json()["compilation"] == {
            "successful": True,
            "output": "recorded",
        }
        assert api.get(path).json()["results"][0]["compilation"] == {"successful": True}

    def test_output_is_left_out_where_nothing_is_stored(self, serve: Serve, tmp_path: Path) -> None:
        make_cluster(tmp_path, builds=1)
        shutil.rmtree(tmp_path / "acme/sentiment/logs")
        commit = make_build("acme/sentiment", 0)["commit_sha"]
        answer = serve().get(f"/v1/algorithms/acme/sentiment/versions/{commit}").json()
        assert answer["compilation"] == {"successful": True}

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("", ["0.1.0", None, None, None]),
            ("published=true", ["0.1.0"]),
            ("published=false", [None, None, None]),
            ("callable=true", ["0.1.0"]),
            ("callable=false", [None, None, None]),
            ("published=true&callable=false", []),
        ],
    )
    def test_filters(self, serve: Serve, tmp_path: Path, query: str, expected: list[str | None]) -> None:
        make_cluster(tmp_path, builds=5)
        entries = serve().get(f"/v1/algorithms/acme/sentiment/versions?{query}").json()["results"]
        published = [entry["version_info"].get("semantic_version") for entry in reversed(entries)]
        assert published == expected


class TestRefusals:
    @pytest.mark.parametrize(
        ("path", "status", "number"),
        [
            ("nobody/sentiment/builds", 404, 3000),
            ("nobody/sentiment/versions/x", 404, 3000),
            ("acme/nothing/builds", 404, 1000),
            ("acme/nothing/builds/x", 404, 1000),
            ("acme/nothing/builds/x/logs", 404, 1000),
            ("acme/nothing/versions", 404, 1000),
            ("Acme/sentiment/builds", 404, 3000),
            ("00000000-0000-0000-0000-000000000000/builds", 404, 1001),
            ("00000000-0000-0000-0000-000000000000/builds/x/logs", 404, 1001),
            ("acme/sentiment/builds/x", 404, 5004),
            ("acme/sentiment/builds/x/logs", 404, 5004),
            (f"acme/sentiment/versions/{'0' * 40}", 404, 5004),
            ("acme/sentiment/versions/0.1.0", 400, 5004),
            ("acme/sentiment/versions/0123abc", 400, 5004),
            ("acme/sentiment/builds?limit=0", 400, 5003),
            ("acme/sentiment/builds?limit=1001", 400, 5003),
            ("acme/sentiment/versions?limit=many", 400, 5003),
            ("acme/sentiment/builds?marker=!", 400, 5002),
            ("acme/sentiment/versions?marker=AAAA", 400, 5002),
            ("acme/sentiment/versions?published=maybe", 400, 5004),
            ("acme/sentiment/versions?callable=", 400, 5004),
            ("acme/sentiment", 404, 5004),
            ("acme/sentiment/builds/", 404, 5004),
            ("acme/sentiment/builds//logs", 404, 5004),
            ("acme/sentiment/builds/x/logs/y", 404, 5004),
            ("acme/sentiment/versions/", 404, 5004),
            ("00000000-0000-0000-0000-000000000000/versions", 404, 5004),
            ("../../builds", 404, 5004),
        ],
    )
    def test_each_has_its_status_and_code(self, small: Api, path: str, status: int, number: int) -> None:
        assert code(small.get(f"/v1/algorithms/{path}")) == (status, number)

    @pytest.mark.parametrize("path", ["/", "/v1", "/v2/algorithms/acme/sentiment/builds", "/%FF/%2F"])
    def test_an_unknown_path_is_404_even_without_a_credential(self, small: Api, path: str) -> None:
        assert code(small.get(path, headers={"Authorization": None})) == (404, 5004)

    @pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    @pytest.mark.parametrize("rest", ["builds", "builds/x", "builds/x/logs", "versions", "versions/x"])
    def test_every_other_method_is_405(
        self, small: Api, sentiment: RecordedAlgorithm, method: str, rest: str
    ) -> None:
        answer = small.request(method, f"{base(sentiment)}/{rest}")
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "GET"
        assert answer.content == b"" if method == "HEAD" else code(answer) == (405, 5004)

    def test_a_defect_of_the_server_is_a_documented_500(
        self, small: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr("logparse.server.app.known", lambda _value: 1 / 0)
        assert code(small.get("/v1/algorithms/acme/sentiment/builds")) == (500, 5001)
        assert "ZeroDivisionError" in caplog.text

    def test_the_largest_page_can_be_set(self, small_folder: Path) -> None:
        with LocalCluster(small_folder, token=KEY, max_limit=5) as local:
            api = Api(local)
            path = "/v1/algorithms/acme/sentiment/builds"
            assert api.get(f"{path}?limit=5").status_code == 200
            assert code(api.get(f"{path}?limit=6")) == (400, 5003)
            assert len(api.get(path).json()["results"]) == 5
            api.close()
