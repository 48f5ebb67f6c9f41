"""Every answer of every route against the OpenAPI document of the API."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse

from logparse.errors import SourceError
from logparse.fetch.cluster import RecordedAlgorithm
from logparse.server import LocalCluster
from tests.builders import make_cluster
from tests.server.support import KEY, Api, base

FORBIDDEN = "simKnownButMayReadNothing"


def document() -> dict[str, Any]:
    """Return the document, open to any server.

    It declares the error body "for all non-200 response", but lists only some of the statuses at each
    route; here the others (400 for a wrong limit, 405) have it too.
    """

    def with_text_keys(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): with_text_keys(member) for key, member in value.items()}
        return [with_text_keys(member) for member in value] if isinstance(value, list) else value

    text = Path(__file__).with_name("algorithmia-openapi.yml").read_text()
    spec: dict[str, Any] = with_text_keys(yaml.safe_load(text))
    spec["servers"] = [{"url": "/"}]
    for path in spec["paths"].values():
        path["get"]["responses"]["default"] = {"$ref": "#/components/responses/Error"}
    return spec


OPENAPI = OpenAPI.from_dict(document())
OPERATIONS = sorted(path for path, item in document()["paths"].items() if "get" in item)


def problems(answer: requests.Response) -> list[Exception]:
    """Return what the document does not allow in an answer."""
    result = OPENAPI.unmarshal_response(
        RequestsOpenAPIRequest(answer.request), RequestsOpenAPIResponse(answer)
    )
    return list(result.errors)


def paths(algorithm: RecordedAlgorithm, *, build_id: str, git_hash: str) -> dict[str, str]:
    """Return a path of every operation of the document, for an algorithm."""
    values = {
        "{username}": algorithm.owner,
        "{algoname}": algorithm.name,
        "{algorithmId}": algorithm.id,
        "{buildid}": build_id,
        "{algohash}": git_hash,
    }
    filled = {}
    for operation in OPERATIONS:
        path = operation
        for name, value in values.items():
            path = path.replace(name, value)
        filled[operation] = path
    return filled


class TestValidator:
    """The check must be able to fail."""

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda page: page["results"][0].pop("commit_sha"),
            lambda page: page["results"][0].update(status="broken"),
            lambda page: page["results"][0].update(started_at="yesterday"),
            lambda page: page["results"][0].update(finished_at=None),
            lambda page: page.update(marker=None),
            lambda page: page.update(results={}),
        ],
    )
    def test_catches_a_broken_page(
        self, small: Api, sentiment: RecordedAlgorithm, spoil: Callable[[Any], Any]
    ) -> None:
        answer = small.get(f"{base(sentiment)}/builds")
        assert problems(answer) == []
        page = answer.json()
        spoil(page)
        answer._content = json.dumps(page).encode()
        assert problems(answer) != []

    def test_catches_a_broken_error(self, small: Api) -> None:
        answer = small.get("/v1/algorithms/nobody/sentiment/builds")
        assert problems(answer) == []
        for body in (b'{"error": "No such algorithm"}', b'{"error": {"code": 1, "message": ""}}', b"{}x"):
            answer._content = body
            assert problems(answer) != []


class TestAnswers:
    def test_all_routes_of_the_document_are_covered(self) -> None:
        assert len(OPERATIONS) == 8

    def test_success(self, any_api: Api) -> None:
        """Lists whole, the other routes for one build of each status (the validator takes its time)."""
        for algorithm in any_api.local.cluster:
            for kind in ("builds", "versions"):
                assert problems(any_api.get(f"{base(algorithm)}/{kind}?limit=1000")) == []
            for build in {build.status: build for build in algorithm.builds}.values():
                named = paths(algorithm, build_id=build.build_id, git_hash=build.commit_sha or "")
                for operation, path in named.items():
                    answer = any_api.get(path)
                    running = operation.endswith("/logs") and algorithm.read_log(build.build_id) is None
                    assert answer.status_code == (404 if running else 200), path
                    assert problems(answer) == [], path

    @pytest.mark.parametrize("limit", [1, 3])
    def test_pages(self, small: Api, sentiment: RecordedAlgorithm, limit: int) -> None:
        for kind in ("builds", "versions"):
            query: dict[str, Any] = {"limit": limit}
            while query.get("marker", "") is not None:
                answer = small.get(f"{base(sentiment)}/{kind}", params=query)
                assert problems(answer) == []
                query["marker"] = answer.json().get("marker")

    def test_versions_made_from_builds(self, tmp_path: Path) -> None:
        with LocalCluster(make_cluster(tmp_path, versions=False, running=1), token=KEY) as local:
            api = Api(local)
            answer = api.get("/v1/algorithms/acme/sentiment/versions")
            assert problems(answer) == []
            for entry in answer.json()["results"]:
                assert (
                    problems(
                        api.get(f"/v1/algorithms/acme/sentiment/versions/{entry['version_info']['git_hash']}")
                    )
                    == []
                )
            api.close()

    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_every_refusal(self, small_folder: Path, operation: str) -> None:
        with LocalCluster(small_folder, token=KEY, forbidden=[FORBIDDEN]) as local:
            api = Api(local)
            algorithm = next(iter(local.cluster))
            path = paths(algorithm, build_id="missing", git_hash="0" * 40)[operation]
            answers = {
                401: api.get(path, headers={"Authorization": None}),
                403: api.get(path, headers={"Authorization": FORBIDDEN}),
                404: api.get(
                    path.replace(algorithm.name, "missing").replace(algorithm.id, "0" * 8 + algorithm.id[8:])
                ),
            }
            if operation.endswith(("/builds", "/versions")):
                answers[400] = api.get(path, params={"limit": 0})
            else:
                assert api.get(path).status_code == 404
                assert problems(api.get(path)) == []
            for status, answer in answers.items():
                assert answer.status_code == status
                assert problems(answer) == []
            api.close()

    def test_an_unreadable_log(
        self, small: Api, sentiment: RecordedAlgorithm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_build_id: str) -> bytes:
            raise SourceError("unreadable")

        monkeypatch.setattr(sentiment, "read_log", fail)
        answer = small.get(f"{base(sentiment)}/builds/{sentiment.builds[-1].build_id}/logs")
        assert answer.status_code == 500
        assert problems(answer) == []
