from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logparse.fetch.cluster import RecordedAlgorithm
from logparse.server import LocalCluster
from logparse.server.answers import Refusal
from logparse.server.paging import Listing, parse_limit
from tests.builders import make_cluster
from tests.server.support import KEY, Api, base


class TestListing:
    @given(size=st.integers(0, 60), limit=st.integers(1, 70), modulus=st.integers(1, 5))
    def test_any_limit_gives_every_entry_once_and_in_order(self, size: int, limit: int, modulus: int) -> None:
        listing = Listing("numbers", range(size))
        wanted = [number for number in range(size) if number % modulus == 0]
        pages: list[list[int]] = []
        marker: str | None = None
        while True:
            page, marker = listing.page(limit=limit, marker=marker, keep=lambda number: number % modulus == 0)
            pages.append(page)
            if marker is None:
                break
        assert [number for page in pages for number in page] == wanted
        assert all(len(page) == limit for page in pages[:-1])
        assert len(pages) == max(1, -(-len(wanted) // limit))

    @given(limits=st.lists(st.integers(1, 9), min_size=1, max_size=40))
    def test_the_limit_may_change_from_page_to_page(self, limits: list[int]) -> None:
        listing = Listing("numbers", range(30))
        seen: list[int] = []
        marker: str | None = None
        for limit in [*limits, 30]:
            page, marker = listing.page(limit=limit, marker=marker)
            seen += page
            if marker is None:
                break
        assert seen == list(range(30))

    @given(marker=st.text(max_size=40))
    def test_a_marker_that_was_never_given_out_is_refused(self, marker: str) -> None:
        with pytest.raises(Refusal) as caught:
            Listing("numbers", range(30)).page(limit=1, marker=marker)
        assert (caught.value.status, caught.value.code) == (400, 5002)

    @pytest.mark.parametrize(
        "text", ["numbers@30", "numbers@-1", "numbers@07", "numbers@ 7", "letters@7", "7", "\xff"]
    )
    def test_a_forged_marker_is_refused(self, text: str) -> None:
        marker = base64.urlsafe_b64encode(text.encode("latin-1")).rstrip(b"=").decode()
        with pytest.raises(Refusal):
            Listing("numbers", range(30)).page(limit=1, marker=marker)

    def test_a_page_costs_no_more_than_its_own_entries(self) -> None:
        read: list[int] = []

        def keep(number: int) -> bool:
            read.append(number)
            return True

        listing = Listing("numbers", range(10_000))
        _, marker = listing.page(limit=9_000, marker=None)
        listing.page(limit=50, marker=marker, keep=keep)
        assert read == list(range(9_000, 9_051))


class TestLimit:
    def test_default(self) -> None:
        assert parse_limit(None, maximum=1000) == 50

    @pytest.mark.parametrize("text", ["1", "56", "1000"])
    def test_in_range(self, text: str) -> None:
        assert parse_limit(text, maximum=1000) == int(text)

    @pytest.mark.parametrize("text", ["0", "-1", "1001", "", "ten", "1.5", "+5", " 5", "\u0665", "9" * 5000])
    def test_out_of_range(self, text: str) -> None:
        with pytest.raises(Refusal) as caught:
            parse_limit(text, maximum=1000)
        assert (caught.value.status, caught.value.code) == (400, 5003)


class TestPagesOnTheWire:
    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
    @pytest.mark.parametrize("kind", ["builds", "versions"])
    def test_markers_lead_through_all_entries(self, any_api: Api, kind: str, limit: int) -> None:
        for algorithm in any_api.local.cluster:
            full = any_api.get(f"{base(algorithm)}/{kind}?limit=1000").json()["results"]
            seen = []
            query = {"limit": limit}
            while True:
                page = any_api.get(f"{base(algorithm)}/{kind}", params=query).json()
                seen += page["results"]
                if "marker" not in page:
                    break
                query["marker"] = page["marker"]
            assert seen == full

    def test_a_marker_is_unpadded_base64url(self, small: Api, sentiment: RecordedAlgorithm) -> None:
        marker = small.get(f"{base(sentiment)}/builds?limit=2").json()["marker"]
        assert base64.urlsafe_b64decode(marker + "=" * (-len(marker) % 4))
        assert "=" not in marker

    def test_the_last_page_has_neither_marker_nor_link(
        self, small: Api, sentiment: RecordedAlgorithm
    ) -> None:
        """The document allows no null, so both are absent."""
        page = small.get(f"{base(sentiment)}/builds").json()
        assert set(page) == {"results"}

    def test_the_link_is_absolute_and_leads_to_the_same_page_as_the_marker(
        self, small: Api, sentiment: RecordedAlgorithm
    ) -> None:
        page = small.get(f"{base(sentiment)}/versions?limit=1&published=false").json()
        link = page["next_link"]
        assert link.startswith(small.local.address + base(sentiment) + "/versions?")
        assert parse_qs(urlsplit(link).query) == {
            "limit": ["1"],
            "published": ["false"],
            "marker": [page["marker"]],
        }
        assert small.get(link.removeprefix(small.local.address)).json()["results"] != page["results"]

    def test_a_marker_of_another_algorithm_is_invalid(self, small: Api) -> None:
        first, second, _ = small.local.cluster
        marker = small.get(f"{base(first)}/builds?limit=2").json()["marker"]
        for path in (f"{base(second)}/builds", f"{base(first)}/versions"):
            answer = small.get(path, params={"marker": marker})
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, 5002)

    def test_an_algorithm_without_builds_has_one_empty_page(self, tmp_path: Path) -> None:
        with LocalCluster(make_cluster(tmp_path, builds=0), token=KEY) as local:
            api = Api(local)
            for kind in ("builds", "versions"):
                assert api.get(f"/v1/algorithms/acme/sentiment/{kind}").json() == {"results": []}
            api.close()
