"""The official Python client, unmodified, over a real socket: an independent reading of the contract."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import Algorithmia
import pytest
from Algorithmia.algorithm import Algorithm
from Algorithmia.errors import AlgorithmException

from logparse.fetch.cluster import RecordedAlgorithm
from logparse.model import Status
from tests.server.support import Api

Pairs = list[tuple[Algorithm, RecordedAlgorithm]]


@pytest.fixture
def official(any_api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pairs]:
    """Return the client's view of each algorithm, beside the recorded one."""
    for name in ("ALGORITHMIA_API_KEY", "ALGORITHMIA_BEARER_TOKEN", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    client = Algorithmia.client(any_api.local.token, any_api.local.address)
    yield [(client.algo(f"{one.owner}/{one.name}"), one) for one in any_api.local.cluster]
    client.requestSession.close()


class TestOfficialClient:
    def test_builds(self, official: Pairs) -> None:
        for algo, recorded in official:
            assert algo.get_builds(limit=1000)["results"] == [build.raw for build in recorded.builds]

    def test_builds_page_by_page(self, official: Pairs) -> None:
        for algo, recorded in official:
            seen = []
            page = algo.get_builds(limit=3)
            while page.get("marker"):
                seen += page["results"]
                page = algo.get_builds(limit=3, marker=page["marker"])
            assert seen + page["results"] == [build.raw for build in recorded.builds]

    def test_build(self, official: Pairs) -> None:
        for algo, recorded in official:
            for build in recorded.builds:
                assert algo.get_build(build.build_id) == build.raw

    def test_build_logs(self, official: Pairs) -> None:
        for algo, recorded in official:
            for log in recorded.logs():
                if log.status is not Status.IN_PROGRESS:
                    assert algo.get_build_logs(log.build_id) == {"logs": log.data.decode("utf-8", "replace")}

    def test_build_logs_of_a_running_build(self, official: Pairs) -> None:
        for algo, recorded in official:
            for build in recorded.builds:
                if build.status is Status.IN_PROGRESS:
                    with pytest.raises(AlgorithmException, match="in progress"):
                        algo.get_build_logs(build.build_id)

    def test_versions(self, official: Pairs) -> None:
        for algo, recorded in official:
            if not recorded.versions:
                continue
            raw = [version.raw for version in recorded.versions]
            published = [version.raw for version in recorded.versions if version.semantic_version]
            assert algo.versions(limit=1000)["results"] == raw
            assert algo.versions(limit=1000, published=True)["results"] == published
            assert algo.info()["results"] == raw[:50]

    def test_info(self, official: Pairs) -> None:
        for algo, recorded in official:
            for version in recorded.versions:
                if version.git_hash:
                    info = algo.info(version.git_hash)
                    assert info["version_info"] == version.raw["version_info"]
                    if version.build and (data := recorded.read_log(version.build.build_id)) is not None:
                        assert info["compilation"]["output"] == data.decode("utf-8", "replace")

    def test_an_unknown_algorithm(self, any_api: Api) -> None:
        client = Algorithmia.client(any_api.local.token, any_api.local.address)
        with pytest.raises(AlgorithmException, match="No such algorithm"):
            client.algo("acme/missing").get_builds()
        client.requestSession.close()

    def test_an_unknown_key(self, any_api: Api) -> None:
        client = Algorithmia.client("simUnknown", any_api.local.address)
        with pytest.raises(AlgorithmException, match="key is not known"):
            client.algo("acme/sentiment").get_builds()
        client.requestSession.close()


class TestAlgoCommand:
    def test_builds(self, any_api: Api, tmp_path: Path) -> None:
        """The command prints the first page of builds, as JSON."""
        recorded = next(iter(any_api.local.cluster))
        (tmp_path / ".algorithmia").mkdir()
        (tmp_path / ".algorithmia" / "config").write_text(
            "[profiles.default]\n"
            f'api_key = "{any_api.local.token}"\napi_server = "{any_api.local.address}"\n'
            'ca_cert = ""\nbearer_token = ""\n'
        )
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("ALGORITHMIA_")
        }
        command = [sys.executable, "-m", "Algorithmia", "builds", recorded.owner, recorded.name]
        done = subprocess.run(
            command,
            env={**environment, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert json.loads(done.stdout) == [build.raw for build in recorded.builds[:56]]
