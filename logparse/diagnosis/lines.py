"""Lines of a log as they are looked at: told apart by line feeds, cleaned, and of long ones the two ends."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from logparse.model import Line, Span, Transcript
from logparse.secrets import MASK, mask, mask_parts
from logparse.text import plain

__all__ = [
    "LINE_FEED",
    "LONG",
    "Row",
    "coloured",
    "count",
    "named",
    "read",
    "rows",
    "rows_backwards",
    "shown",
]

LINE_FEED = 0x0A
LONG = 4096
"""Bytes beyond which only a line's two ends are looked at."""
_END = 2048
_AROUND = 1 << 14
"""Bytes beyond a cut that are looked at for a secret that the cut would halve."""
_BETWEEN = " \u2026 "
"""Stands for the middle of a long line."""

_RED, _PLAIN = b"\x1b[91m", b"\x1b[0m"
_BEFORE = 1 << 13
"""Bytes before a line in which what it is coloured by is looked for."""


class Row(NamedTuple):
    """A line of output.

    Parameters
    ----------
    at
        Where it begins in the transcript.
    place
        How many lines came before it in the output looked at.
    text
        Without control sequences; of a very long line, its two ends.
    cut
        Of a very long line, where in the transcript it is.
    """

    at: int
    place: int
    text: str
    cut: Span | None = None


def rows(transcript: Transcript, spans: Sequence[Span], *, since: int = 0) -> Iterator[Row]:
    """The lines in `spans` of a text that are not blank, in order.

    A span may begin or end within a line, where the builder's words are glued to a program's. Only the part
    inside counts.

    Parameters
    ----------
    transcript
        The text.
    spans
        Stretches of it in ascending order.
    since
        The offset in the text from which on lines are wanted. Their places are counted from there.
    """
    data = transcript.data
    place = 0
    for start, end in spans[max(bisect_right(spans, Span(since, since)) - 1, 0) :] if since else spans:
        begin = max(start, since)
        while begin < end:
            line_end = data.find(b"\n", begin, end)
            stop = end if line_end < 0 else line_end
            text, cut = read(transcript, begin, stop)
            if text:
                yield Row(begin, place, text, cut)
            place += 1
            begin = stop + 1


def rows_backwards(
    transcript: Transcript, spans: Sequence[Span], *, until: int | None = None
) -> Iterator[Row]:
    """The lines that :func:`rows` gives, the last one first.

    Parameters
    ----------
    transcript
        The text.
    spans
        Stretches of it in ascending order.
    until
        The offset in the text before which lines are wanted: by default all are. Their places are counted
        back from there: -1, -2, ...
    """
    data = transcript.data
    place = 0
    if until is not None:
        spans = spans[: bisect_left(spans, Span(until, until))]
    for start, stretch_end in reversed(spans):
        end = stretch_end if until is None else min(stretch_end, until)
        stop = end - 1 if end > start and data[end - 1] == LINE_FEED else end
        begin = end
        while begin > start:
            begin = data.rfind(b"\n", start, stop) + 1 or start
            place -= 1
            text, cut = read(transcript, begin, stop)
            if text:
                yield Row(begin, place, text, cut)
            stop = begin - 1


def count(transcript: Transcript, spans: Sequence[Span]) -> int:
    """How many lines there are in `spans` of a text, blank ones included."""
    data = transcript.data
    return sum(
        data.count(b"\n", start, end) + (data[end - 1] != LINE_FEED) for start, end in spans if end > start
    )


def read(transcript: Transcript, start: int, stop: int) -> tuple[str, Span | None]:
    """The text of one line from `start` to `stop`, and if it is very long, where that is."""
    data = transcript.data
    if transcript.mark is not None:
        marked = transcript.mark.match(data, start, stop)
        start = start if marked is None else marked.end()
    if stop - start > LONG:
        # A progress bar overwrites itself: what counts is its last state.
        while stop > start and data[stop - 1] in b"\r ":
            stop -= 1
        start = max(start, data.rfind(b"\r", start, stop) + 1)
        if stop - start > LONG:
            ends = (data[start : start + _END], data[stop - _END : stop])
            return _joined(*(plain(end).strip() for end in ends)), Span(start, stop)
    return plain(data[start:stop]).rstrip(), None


def coloured(transcript: Transcript, row: Row) -> bool:
    """Whether the builder marked a line, or what stands before it, as standard error.

    The classic builder paints what a program writes there, a piece at a time, of one line or of many.
    """
    data, start = transcript.data, row.at
    end = data.find(b"\n", start, start + LONG)
    if data.find(_RED, start, end if end >= 0 else start + LONG) >= 0:
        return True
    painted = data.rfind(_RED, max(0, start - _BEFORE), start)
    return painted >= 0 and data.find(_PLAIN, painted, start) < 0


def _joined(head: str, tail: str) -> str:
    return f"{head}{_BETWEEN}{tail}" if head and tail else head or tail


def shown(transcript: Transcript, row: Row) -> Line:
    """A row as a line to show: where it had to be cut, no secret is left in half."""
    number = transcript.line_number(row.at)
    if row.cut is None:
        return Line(number, row.text)
    start, stop = row.cut
    head = plain(transcript.data[start : min(stop, start + _END + _AROUND)]).strip()
    tail = plain(transcript.data[max(start, stop - _END - _AROUND) : stop]).strip()
    safe = mask(tail)
    if 2 * len(safe) < len(tail):
        # Next to nothing but secrets: what stands before the first may be the rest of another.
        safe = safe[max(safe.find(MASK), 0) :]
    return Line(number, _joined(mask(head)[:_END].rstrip(), safe[-_END:].lstrip()))


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
