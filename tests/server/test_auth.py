from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from logparse.errors import UsageError
from logparse.fetch.cluster import RecordedCluster
from logparse.server import LocalCluster, create_app
from tests.server.support import KEY, Api

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl-_"
FORBIDDEN = "simKnownButMayReadNothing"
ROUTES = [
    "/v1/algorithms/acme/sentiment/builds",
    "/v1/algorithms/acme/sentiment/builds/x",
    "/v1/algorithms/acme/sentiment/builds/x/logs",
    "/v1/algorithms/acme/sentiment/versions",
    "/v1/algorithms/acme/sentiment/versions/x",
    "/v1/algorithms/nobody/nothing/builds",
    "/v1/algorithms/00000000-0000-0000-0000-000000000000/builds",
]


@pytest.fixture(scope="module")
def guarded(small_folder: Path) -> Iterator[Api]:
    with LocalCluster(small_folder, token=[KEY, JWT], forbidden=[FORBIDDEN]) as local:
        api = Api(local)
        yield api
        api.close()


class TestAuthorization:
    @pytest.mark.parametrize(
        ("header", "status", "code"),
        [
            (f"Simple {KEY}", 200, None),
            (f"simple {KEY}", 200, None),
            (KEY, 200, None),
            (f"Bearer {JWT}", 200, None),
            (f"bearer {JWT}", 200, None),
            (f"Simple {JWT}", 200, None),
            (f"Bearer {KEY}", 401, 2002),
            (JWT, 401, 2002),
            (f"Basic {KEY}", 401, 2002),
            (None, 401, 2002),
            ("", 401, 2002),
            ("Simple", 401, 2002),
            (KEY.lower(), 401, 2002),
            (f"Simple {KEY}x", 401, 2002),
            (f"Simple {KEY[:-1]}", 401, 2002),
            (f"Bearer {JWT}x", 401, 2002),
            ("Simple ü".encode("latin-1"), 401, 2002),
            (f"Simple {FORBIDDEN}", 403, 2001),
            (FORBIDDEN, 403, 2001),
        ],
    )
    def test_each_form_of_the_header(
        self, guarded: Api, header: str | bytes | None, status: int, code: int | None
    ) -> None:
        answer = guarded.get(ROUTES[0], headers={"Authorization": header})
        assert answer.status_code == status
        assert answer.json().get("error", {}).get("code") == code

    @pytest.mark.parametrize("route", ROUTES)
    @pytest.mark.parametrize(("header", "status"), [(None, 401), (FORBIDDEN, 403)])
    def test_nobody_learns_what_exists_without_a_credential(
        self, guarded: Api, route: str, header: str | None, status: int
    ) -> None:
        assert guarded.get(route, headers={"Authorization": header}).status_code == status

    def test_the_credential_is_in_no_answer(self, guarded: Api) -> None:
        answer = guarded.get(ROUTES[0], headers={"Authorization": "Simple simSecret"})
        assert "simSecret" not in answer.text + str(answer.headers)

    def test_the_record_of_requests_does_not_print_it(self, guarded: Api) -> None:
        guarded.get(ROUTES[0])
        exchange = guarded.local.requests[-1]
        assert exchange.headers["authorization"] == f"Simple {KEY}"
        assert KEY not in repr(exchange)


class TestKeyring:
    @pytest.mark.parametrize("token", [[], "", ["good", ""], "two words", "naïve", "line\n"])
    def test_an_unusable_token_is_an_error(self, small_folder: Path, token: str | list[str]) -> None:
        with pytest.raises(UsageError, match="token"):
            create_app(RecordedCluster(small_folder), token=token)
