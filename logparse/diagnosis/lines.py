"""Lines of a log that are worth a look, found in one pass and without holding the output in memory."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

from logparse.model import Span
from logparse.text import plain

__all__ = ["Gate", "Row", "notable", "rows"]

_LONG = 4096
"""Bytes beyond which only a line's two ends are looked at."""
_END = 2048
_BLOCK = 1 << 18
"""Characters that are searched for anchors at a time."""

_Tree: TypeAlias = "dict[str, _Tree]"

_RED = b"\x1b[91m"


class Row(NamedTuple):
    """A line of output.

    Parameters
    ----------
    number
        1-based number of the line in the whole log.
    place
        How many lines that are not blank came before it in the output looked at.
    text
        Without control sequences; of a very long line, its two ends with a line feed between.
    red
        Whether the builder marked it as standard error.
    """

    number: int
    place: int
    text: str
    red: bool


def rows(data: bytes, spans: Iterable[Span]) -> Iterator[Row]:
    """The lines in `spans` of a log that are not blank, in order.

    A span may begin or end within a line, where the builder's words are glued to a program's. Only the part
    inside counts.

    Parameters
    ----------
    data
        The whole log, by which lines are numbered.
    spans
        Stretches of it in ascending order.
    """
    number, counted, place = 1, 0, 0
    for start, end in spans:
        number += data.count(b"\n", counted, start)
        counted = start
        while counted < end:
            line_end = data.find(b"\n", counted, end)
            stop = end if line_end < 0 else line_end
            text, red = _read(data, counted, stop)
            if text:
                yield Row(number, place, text, red)
                place += 1
            counted = stop
            if line_end >= 0:
                counted += 1
                number += 1


def _read(data: bytes, start: int, stop: int) -> tuple[str, bool]:
    if stop - start > _LONG:
        # A progress bar overwrites itself: what counts is its last state.
        while stop > start and data[stop - 1] in b"\r ":
            stop -= 1
        start = max(start, data.rfind(b"\r", start, stop) + 1)
        if stop - start > _LONG:
            ends = (data[start : start + _END], data[stop - _END : stop])
            return "\n".join(plain(end).strip() for end in ends).strip(), _RED in ends[0]
    raw = data[start:stop]
    return plain(raw).rstrip(), _RED in raw


class Gate:
    """Finds the lines that hold any of many literals, and which of them a line holds.

    The literals become one pattern shaped like the tree of their common beginnings, which the standard
    library's ``re`` walks about ten times faster than as a flat list of alternatives. At any place the
    pattern finds the shortest literal only; its family, the literals that begin with it, is tried one by one.
    """

    def __init__(self, literals: Iterable[str]) -> None:
        tree: _Tree = {}
        families: dict[str, list[str]] = {}
        shortest = ""
        for literal in sorted(set(literals)):
            if not shortest or not literal.startswith(shortest):
                shortest = literal
            families.setdefault(shortest, []).append(literal)
            node = tree
            for character in literal:
                node = node.setdefault(character, {})
            node[""] = {}
        self._families = families
        pattern = _alternatives(tree) if tree else r"(?!)"
        self._search = re.compile(pattern).search
        self._everywhere = re.compile(f"(?=({pattern}))").finditer

    def inside(self, text: str) -> set[str]:
        """The literals that `text` holds."""
        found: set[str] = set()
        for match in self._everywhere(text):
            family = self._families[match[1]]
            found.update(literal for literal in family if text.startswith(literal, match.start()))
        return found

    def open(self, block: list[Row]) -> Iterator[Row]:
        """The rows of `block` that hold a literal."""
        starts, length = [], 0
        for row in block:
            starts.append(length)
            length += len(row.text) + 1
        text = "\n".join(row.text for row in block)
        found = self._search(text)
        while found is not None:
            index = bisect_right(starts, found.start()) - 1
            yield block[index]
            if index + 1 == len(starts):
                return
            found = self._search(text, starts[index + 1])


def _alternatives(node: _Tree) -> str:
    if "" in node:
        return ""  # a shorter literal ends here: nothing that follows matters
    parts = [re.escape(character) + _alternatives(node[character]) for character in sorted(node)]
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"


def notable(lines: Iterable[Row], gate: Gate) -> Iterator[tuple[Row, bool]]:
    """Every row, with whether `gate` lets it through; rows are held a block at a time."""
    block: list[Row] = []
    size = 0
    for row in lines:
        block.append(row)
        size += len(row.text)
        if size >= _BLOCK:
            yield from _marked(block, gate)
            block, size = [], 0
    yield from _marked(block, gate)


def _marked(block: list[Row], gate: Gate) -> Iterator[tuple[Row, bool]]:
    passed = {row.place for row in gate.open(block)}
    for row in block:
        yield row, row.place in passed
