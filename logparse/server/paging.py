"""Pages of a list, and the markers that lead from one to the next."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from logparse.server.answers import ErrorCode, Refusal

__all__ = ["DEFAULT_LIMIT", "MAX_LIMIT", "Listing", "parse_limit"]

DEFAULT_LIMIT = 50
"""Entries of a page when the request names no ``limit``: the API's own default."""

MAX_LIMIT = 1000
"""Largest page served. The API's own maximum is not published."""

Item = TypeVar("Item")

_LIMIT = re.compile(r"[0-9]{1,9}")
_MARKER = re.compile(r"[A-Za-z0-9_-]+")


def parse_limit(text: str | None, *, maximum: int) -> int:
    """Read the ``limit`` of a request; what is no number from 1 to `maximum` is error 5003."""
    if text is None:
        return min(DEFAULT_LIMIT, maximum)
    limit = int(text) if _LIMIT.fullmatch(text) else 0
    if not 1 <= limit <= maximum:
        raise Refusal(400, ErrorCode.LIMIT_OUT_OF_RANGE, f"The limit must be a number from 1 to {maximum}.")
    return limit


class Listing(Generic[Item]):
    """A list that is served in pages.

    A marker is the position of the last entry that was given, bound to this list by its name, in
    unpadded base64url: opaque to a client, and of no use for another algorithm's list.

    Parameters
    ----------
    name
        Tells this list's markers from those of every other list.
    items
        The entries, in the order of the pages.
    """

    def __init__(self, name: str, items: Sequence[Item]) -> None:
        self.name = name
        self.items = items

    def page(
        self, *, limit: int, marker: str | None, keep: Callable[[Item], bool] | None = None
    ) -> tuple[list[Item], str | None]:
        """Return a page and the marker of the next one, ``None`` on the last.

        Costs as much as the page is long, or, with a filter, as there are entries to pass over.

        Raises
        ------
        Refusal
            5002, if this list never gave out such a marker.
        """
        start = 0 if marker is None else self._position(marker) + 1
        page: list[Item] = []
        last = start
        for position in range(start, len(self.items)):
            item = self.items[position]
            if keep is not None and not keep(item):
                continue
            if len(page) == limit:
                return page, self._marker(last)
            page.append(item)
            last = position
        return page, None

    def _marker(self, position: int) -> str:
        return base64.urlsafe_b64encode(f"{self.name}@{position}".encode()).rstrip(b"=").decode()

    def _position(self, marker: str) -> int:
        invalid = Refusal(400, ErrorCode.INVALID_MARKER, "The marker is not valid.")
        if not _MARKER.fullmatch(marker):
            raise invalid
        try:
            text = base64.urlsafe_b64decode(marker + "=" * (-len(marker) % 4)).decode()
            position = int(text.rpartition("@")[2])
        except (binascii.Error, ValueError):
            raise invalid from None
        # Written again, it must be the same: another spelling of the number or base64 was never given out.
        if not 0 <= position < len(self.items) or self._marker(position) != marker:
            raise invalid
        return position
