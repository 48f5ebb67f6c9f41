"""What BuildKit's client prints around events that are JSON: its closing words, as in the plain display."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logparse.model import Kind
from logparse.parser.buildkit.markers import EXCERPT_END, KIND_OF_WORDS, SUMMARY_END, WORDS, WORDS_LINE

__all__ = ["cut_words"]

_ENDS = {"excerpt": EXCERPT_END, "rule": EXCERPT_END, "summary": SUMMARY_END}
_BLANK = re.compile(rb"(?:[ \t\r]*+\n)++|[ \t\r]++\Z")


def cut_words(data: bytes, start: int, end: int) -> Iterator[tuple[Kind, int, int]]:
    """Cut lines that are no JSON into elements; what nobody of BuildKit's says is not understood."""
    ends: dict[re.Pattern[bytes], int] = {}
    position = start
    while position < end:
        blank = _BLANK.match(data, position, end)
        if blank is not None:
            yield Kind.BLANK, position, blank.end()
            position = blank.end()
            continue
        words = WORDS.match(data, position, end)
        if words is None:
            found = WORDS_LINE.search(data, position, end)
            stop = end if found is None else found.start() + 1
            yield Kind.UNKNOWN, position, stop
        else:
            name = words.lastgroup or ""
            stop = words.end()
            if name in _ENDS:
                stop = _close(_ENDS[name], data, max(stop - 1, position), end, ends)
            yield KIND_OF_WORDS.get(name, Kind.UNKNOWN), position, stop
        position = stop


def _close(
    pattern: re.Pattern[bytes], data: bytes, position: int, end: int, ends: dict[re.Pattern[bytes], int]
) -> int:
    """Where a block ends that began before `position`; the end of all words if it is not closed.

    What was looked for is remembered, so that many blocks without an end cost no more than one.
    """
    if ends.get(pattern, -1) < position:
        found = pattern.search(data, position, end)
        ends[pattern] = found.end() if found is not None else end
    return ends[pattern]
