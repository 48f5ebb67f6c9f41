from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from logparse.fetch.cluster import RecordedAlgorithm
from logparse.server import LocalCluster
from tests.builders import make_cluster
from tests.server.support import FIXTURES, KEY, Api


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cluster of three algorithms; the newest build of each runs."""
    names = ("acme/sentiment", "acme/unpublished_2", "stats/forecast")
    return make_cluster(tmp_path_factory.mktemp("cluster"), algorithms=names, builds=7, running=1)


@pytest.fixture(scope="session")
def small_local(small_folder: Path) -> Iterator[LocalCluster]:
    """That cluster, served for all tests: stopping takes 0.2 s."""
    with LocalCluster(small_folder, token=KEY) as local:
        yield local


@pytest.fixture
def small(small_local: LocalCluster) -> Iterator[Api]:
    """That cluster, without faults or earlier requests."""
    small_local.faults.clear()
    small_local.requests.clear()
    api = Api(small_local)
    yield api
    api.close()


@pytest.fixture(scope="module", params=["synthetic", "recorded"])
def any_api(request: pytest.FixtureRequest, small_folder: Path) -> Iterator[Api]:
    """The synthetic cluster, and the one of real builds that travels with the package."""
    folder = small_folder if request.param == "synthetic" else FIXTURES
    with LocalCluster(folder, token=KEY) as local:
        api = Api(local)
        yield api
        api.close()


@pytest.fixture
def sentiment(small: Api) -> RecordedAlgorithm:
    """The first algorithm of the synthetic cluster."""
    return next(iter(small.local.cluster))
