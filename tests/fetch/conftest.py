from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from logparse.fetch import Archive, Client, Retry
from logparse.server import LocalCluster
from tests.builders import make_cluster
from tests.fetch.support import KEY, FakeTime


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "ALGORITHMIA_API",
        "ALGORITHMIA_API_KEY",
        "ALGORITHMIA_BEARER_TOKEN",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "http_proxy",
        "https_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recorded cluster of 25 builds, the newest of which still runs."""
    return make_cluster(tmp_path / "cluster", builds=25, running=1)


@pytest.fixture
def cluster(folder: Path) -> Iterator[LocalCluster]:
    with LocalCluster(folder, token=KEY) as local:
        yield local


@pytest.fixture
def clock() -> FakeTime:
    return FakeTime()


@pytest.fixture
def client(cluster: LocalCluster, clock: FakeTime) -> Iterator[Client]:
    """A client that never really sleeps."""
    retry = Retry(sleep=clock.sleep, clock=clock.now, uniform=lambda _low, high: high)
    with Client(cluster.address, KEY, retry=retry, timeout=(2.0, 5.0)) as one:
        yield one


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")
