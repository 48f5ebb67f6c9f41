"""What the tests of the local cluster share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests

from logparse.fetch.cluster import RecordedAlgorithm
from logparse.server import LocalCluster

KEY = "simLocalClusterKeyOfTheTests"
FIXTURES = Path(__file__).parents[2] / "fixtures" / "cluster"


class Api:
    """A running local cluster and a plain HTTP client that holds its key."""

    def __init__(self, local: LocalCluster) -> None:
        self.local = local
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Simple {local.token}"

    def get(self, path: str, **options: Any) -> requests.Response:
        """GET a path of the cluster."""
        return self.request("GET", path, **options)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request, following no redirect unless told so."""
        options = {"timeout": 10, "allow_redirects": False, **options}
        return self._session.request(method, self.local.address + path, **options)

    def close(self) -> None:
        self._session.close()


def base(algorithm: RecordedAlgorithm) -> str:
    """Return the path of an algorithm."""
    return f"/v1/algorithms/{algorithm.owner}/{algorithm.name}"
