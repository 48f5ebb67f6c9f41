"""Lines of a log that are worth a look, found in one pass and without holding the output in memory."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple, TypeAlias

from logparse.model import Line, Span, Transcript
from logparse.secrets import MASK, mask, mask_parts
from logparse.text import plain

__all__ = ["Gate", "Row", "named", "notable", "picked", "rows", "shown"]

_LONG = 4096
"""Bytes beyond which only a line's two ends are looked at."""
_END = 2048
_AROUND = 1 << 14
"""Bytes beyond a cut that are looked at for a secret that the cut would halve."""
_BETWEEN = " \u2026 "
"""Stands for the middle of a long line."""
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
        Without control sequences; of a very long line, its two ends.
    red
        Whether the builder marked it as standard error.
    cut
        Of a very long line, where it is in the log.
    """

    number: int
    place: int
    text: str
    red: bool
    cut: Span | None = None


def rows(transcript: Transcript, spans: Iterable[Span]) -> Iterator[Row]:
    """The lines in `spans` of a text that are not blank, in order.

    A span may begin or end within a line, where the builder's words are glued to a program's. Only the part
    inside counts.

    Parameters
    ----------
    transcript
        The text. Lines are numbered in the whole log; it is read from the first span on.
    spans
        Stretches of it in ascending order.
    """
    data, mark = transcript.data, transcript.mark
    lines, place = _Numbers(transcript), 0
    for start, end in spans:
        begin = start
        while begin < end:
            line_end = data.find(b"\n", begin, end)
            stop = end if line_end < 0 else line_end
            text, red, cut = _read(data, begin, stop, mark)
            if text:
                yield Row(lines.number(begin), place, text, red, cut)
                place += 1
            begin = stop if line_end < 0 else stop + 1


def picked(transcript: Transcript, spans: Iterable[Span], gate: Gate) -> Iterator[Row]:
    """Those of :func:`rows` that `gate` may let through, found without decoding the others.

    A few that it would not let through are among them. They are numbered like all rows, and their `place` is
    0: what lies between them was not read.
    """
    data, mark = transcript.data, transcript.mark
    lines = _Numbers(transcript)
    for start, end in spans:
        for begin, stop in gate.suspects(data, start, end):
            text, red, cut = _read(data, begin, stop, mark)
            if text:
                yield Row(lines.number(begin), 0, text, red, cut)


class _Numbers:
    """Numbers of lines that are asked for in ascending order."""

    __slots__ = ("_counted", "_number", "_transcript")

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._counted = self._number = 0

    def number(self, offset: int) -> int:
        """The number of the log's line that holds `offset`."""
        log, place = self._transcript.log, self._transcript.place(offset)
        if self._number and place >= self._counted:
            self._number += log.data.count(b"\n", self._counted, place)
        else:
            self._number = log.line_number(place)
        self._counted = place
        return self._number


def _read(
    data: bytes, start: int, stop: int, mark: re.Pattern[bytes] | None
) -> tuple[str, bool, Span | None]:
    if mark is not None:
        marked = mark.match(data, start, stop)
        start = start if marked is None else marked.end()
    if stop - start > _LONG:
        # A progress bar overwrites itself: what counts is its last state.
        while stop > start and data[stop - 1] in b"\r ":
            stop -= 1
        start = max(start, data.rfind(b"\r", start, stop) + 1)
        if stop - start > _LONG:
            ends = (data[start : start + _END], data[stop - _END : stop])
            text = _joined(*(plain(end).strip() for end in ends))
            return text, _RED in ends[0], Span(start, stop)
    raw = data[start:stop]
    return plain(raw).rstrip(), _RED in raw, None


def _joined(head: str, tail: str) -> str:
    return f"{head}{_BETWEEN}{tail}" if head and tail else head or tail


def shown(transcript: Transcript, row: Row) -> Line:
    """A row as a line to show: where it had to be cut, no secret is left in half."""
    if row.cut is None:
        return Line(row.number, row.text)
    start, stop = row.cut
    head = plain(transcript.data[start : min(stop, start + _END + _AROUND)]).strip()
    tail = plain(transcript.data[max(start, stop - _END - _AROUND) : stop]).strip()
    safe = mask(tail)
    if 2 * len(safe) < len(tail):
        # Next to nothing but secrets: what stands before the first may be the rest of another.
        safe = safe[max(safe.find(MASK), 0) :]
    return Line(row.number, _joined(mask(head)[:_END].rstrip(), safe[-_END:].lstrip()))


def named(subject: Mapping[str, str], row: Row | None, line: Line | None, *sources: str) -> dict[str, str]:
    """What a row names, with its secrets masked.

    Parameters
    ----------
    subject
        The named pieces.
    row, line
        The row that they were found in, and how it is shown.
    sources
        Other texts they may come from.
    """
    if not subject:
        return {}
    if row is None or line is None or row.cut is None:
        return mask_parts(subject, row.text if row is not None else "", *sources)
    safe = (line.text, *map(mask, sources))
    return {name: part if any(part in text for text in safe) else MASK for name, part in subject.items()}


# Shares of the most frequent bytes in the outputs of builds, in percent. Of the others, it is small.
_SHARES = {
    " ": 8.8, ".": 5.9, "/": 5.3, "e": 4.8, "t": 4.6, "c": 4.5, "s": 4.0, "i": 4.0, "n": 4.0, "-": 3.4,
    "a": 3.3, "o": 3.3, "l": 3.2, "r": 3.0, "m": 2.9, "p": 2.5, "u": 2.5, "0": 2.4, "g": 2.4, "d": 2.1,
    "1": 2.1, "2": 1.7, "b": 1.6, "_": 1.2, "=": 1.2, "3": 1.1, "y": 1.1, "9": 1.0, "h": 1.0, "f": 1.0,
    "[": 0.9, "6": 0.9, "4": 0.9, "k": 0.9, "w": 0.8, ":": 0.7, "x": 0.7, "#": 0.7, "B": 0.7, "8": 0.7,
    "5": 0.6, "v": 0.5, "I": 0.5, "D": 0.4, "7": 0.4, ",": 0.4, "*": 0.4, "C": 0.4, "(": 0.3, ")": 0.3,
}  # fmt: skip
_RARE = 0.2
_EACH = 1.0
"""What one more character to look for costs, as a share."""
_SHORTEST = 3
"""Characters that are kept of a literal at least, so that its end is still telling."""

# What a literal may go on behind, since plain() takes it out: control characters, and ones that hide text.
_HIDDEN = frozenset(
    chr(code).encode()
    for codes in (
        range(0x09), range(0x0B, 0x0D), range(0x0E, 0x1B), range(0x1C, 0x20), range(0x7F, 0xA0),
        range(0x200B, 0x2010), range(0x2028, 0x202F), range(0x2060, 0x206A), (0xFEFF,),
    )
    for code in codes
)  # fmt: skip
_HIDES = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f\xc2\xe2\xef](?:(?<![\xc2\xe2\xef])|(?<=\xc2)[\x80-\x9f]"
    rb"|(?<=\xe2)(?:\x80[\x8b-\x8f\xa8-\xae]|\x81[\xa0-\xa9])|(?<=\xef)\xbb\xbf)"
)
"""The same as one pattern. Where it finds none, the literals' pattern goes without them, twice as fast."""
# So are control sequences; the two by which the builder marks standard error do not count at a line's ends.
_SEQUENCE = r"\x1b(?!(?<=\n\x1b)\[(?:91|0)m|(?<=\n\x1b\[0m\x1b)\[91m|\[0m\r?(?:\n|\Z))"


class Gate:
    """Finds the lines that hold any of many literals, and which of them a line holds.

    A literal is looked for by its end from a rare character on, since a search may skip all places where no
    rare character stands. Those ends become one pattern shaped like the tree of their common beginnings,
    which the standard library's ``re`` walks far faster than a flat list of alternatives. At any place the
    pattern finds the shortest end only; its family, the literals whose end begins with it, is tried one by
    one. All of it works on bytes, so that lines need not be decoded to be passed over.
    """

    def __init__(self, literals: Iterable[str]) -> None:
        self._literals = sorted({literal.encode() for literal in literals})

    @cached_property
    def _families(self) -> dict[bytes, list[tuple[int, bytes]]]:
        """By the shortest end: how far before it each literal begins, and the literal."""
        ends = sorted((literal[cut:], cut, literal) for literal, cut in _cuts(self._literals).items())
        families: dict[bytes, list[tuple[int, bytes]]] = {}
        shortest = b""
        for end, cut, literal in ends:
            if not shortest or not end.startswith(shortest):
                shortest = end
            families.setdefault(shortest, []).append((cut, literal))
        return families

    @cached_property
    def _ends(self) -> re.Pattern[bytes]:
        return re.compile("|".join(_alternatives(_tree(self._families)) or ["(?!)"]).encode("latin-1"))

    @cached_property
    def _plain(self) -> re.Pattern[bytes]:
        parts = _alternatives(_tree(self._families))
        return re.compile("|".join([*parts, _SEQUENCE]).encode("latin-1"))

    @cached_property
    def _suspects(self) -> re.Pattern[bytes]:
        # Every alternative begins with a literal byte: only then does a search skip what none begins with.
        parts = _alternatives(_tree({*self._families, *_HIDDEN}))
        return re.compile("|".join([*parts, _SEQUENCE]).encode("latin-1"))

    def _stands(self, data: bytes, match: re.Match[bytes]) -> bool:
        """Whether a literal of the family that `match` is the end of is there."""
        place = match.start()
        for cut, literal in self._families[match[0]]:
            if place >= cut and data.startswith(literal, place - cut):
                return True
        return False

    def inside(self, text: str) -> set[str]:
        """The literals that `text` holds."""
        data = text.encode("utf-8", "replace")
        found: set[bytes] = set()
        search = self._ends.search
        match = search(data)
        while match is not None:
            place = match.start()
            for cut, literal in self._families[match[0]]:
                if place >= cut and data.startswith(literal, place - cut):
                    found.add(literal)
            match = search(data, place + 1)
        return {literal.decode() for literal in found}

    def open(self, block: list[Row]) -> Iterator[Row]:
        """The rows of `block` that hold a literal."""
        starts, length = [], 0
        texts = [row.text.encode("utf-8", "replace") for row in block]
        for text in texts:
            starts.append(length)
            length += len(text) + 1
        data = b"\n".join(texts)
        match = self._ends.search(data)
        while match is not None:
            position = match.start() + 1
            if self._stands(data, match):
                index = bisect_right(starts, match.start()) - 1
                yield block[index]
                if index + 1 == len(starts):
                    return
                position = starts[index + 1]
            match = self._ends.search(data, position)

    def suspects(self, data: bytes, start: int, end: int) -> Iterator[Span]:
        """The lines of ``data[start:end]`` that may hold a literal.

        A line is one that may where a control sequence stands in it: the literal can be around that.
        """
        clean = _HIDES.search(data, start, end) is None
        search = (self._plain if clean else self._suspects).search
        families = self._families
        match = search(data, start, end)
        while match is not None:
            position = match.start() + 1
            if match[0] not in families or self._stands(data, match):
                line_end = data.find(b"\n", match.start(), end)
                position = end if line_end < 0 else line_end
                yield Span(max(start, data.rfind(b"\n", start, match.start()) + 1), position)
            match = search(data, position, end)


def _cuts(literals: Iterable[bytes]) -> dict[bytes, int]:
    """Where to begin to look at each literal, so that few and rare characters begin them all."""
    choices = {literal: _beginnings(literal) for literal in literals}
    left = dict(choices)
    chosen: set[int] = set()
    while left:
        uses = Counter(byte for bytes_ in left.values() for byte in bytes_)
        best = max(sorted(uses), key=lambda byte: uses[byte] / _share(byte))
        chosen.add(best)
        left = {literal: bytes_ for literal, bytes_ in left.items() if best not in bytes_}
    # The earliest of those that do leaves the longest and most telling end.
    return {
        literal: min(literal.index(byte) for byte in bytes_ & chosen) for literal, bytes_ in choices.items()
    }


def _beginnings(literal: bytes) -> set[int]:
    """The bytes a literal may be looked for from: none from the middle of a character."""
    last = max(1, len(literal) - _SHORTEST + 1)
    return {byte for byte in literal[:last] if byte < 0x80} or {literal[0]}  # noqa: PLR2004 - ASCII


def _share(byte: int) -> float:
    return _SHARES.get(chr(byte), _RARE) + _EACH


def _tree(literals: Iterable[bytes]) -> _Tree:
    tree: _Tree = {}
    for literal in literals:
        node = tree
        for character in literal.decode("latin-1"):
            node = node.setdefault(character, {})
        node[""] = {}
    return tree


def _alternatives(node: _Tree) -> list[str]:
    """One pattern for each character that `node` goes on with."""
    patterns = []
    for character in sorted(node):
        after = node[character]
        # Where a shorter literal ends, nothing that follows matters.
        further = [] if "" in after else _alternatives(after)
        rest = "".join(further) if len(further) < 2 else f"(?:{'|'.join(further)})"  # noqa: PLR2004
        patterns.append(re.escape(character) + rest)
    return patterns


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
