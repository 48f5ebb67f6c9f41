"""Telling which builder wrote a text, or which part of it.

Each format has a sign, a line that only its builder prints. The format whose sign comes first reads the text;
where it leaves a part that it does not understand and another one's sign is in there, that part begins
a text of its own. So a console in which several builders ran one after another gives the builds of each.
"""

from __future__ import annotations

from collections.abc import Iterator

from logparse.model import Build, Kind, Span, Transcript
from logparse.parser.format import Format

__all__ = ["read"]

# Bytes of a text in which signs are looked for at first. Where there is none, the next stretch is this
# many times as long, so a log with a builder's words in its head costs no more than its head.
_LOOKED_AT = 1 << 16
_GROWTH = 4
_LONGEST_SIGN = 512

# How many times a text is cut. Each cut reads the rest once more.
_CUTS = 16


def read(transcript: Transcript, known: tuple[Format, ...]) -> list[Build]:
    """Make builds of a text.

    Parameters
    ----------
    transcript
        Unwrapped.
    known
        The formats it may be in; the last one takes anything.
    """
    found: list[Build] = []
    for _ in range(_CUTS):
        chosen, builds = _read(transcript, known)
        cut = _foreign(builds, chosen, known)
        if cut is None:
            return found + builds
        size = len(transcript.data)
        found += _read(transcript.select([Span(0, cut)]), known)[1]
        transcript = transcript.select([Span(cut, size)])
    return found + _read(transcript, known)[1]


def _read(transcript: Transcript, known: tuple[Format, ...]) -> tuple[Format | None, list[Build]]:
    """Builds of a text, and the format that made them."""
    for each in _in_turn(transcript.data, known):
        builds = each.read(transcript)
        if builds:
            return each, builds
    return None, []


def _in_turn(data: bytes, known: tuple[Format, ...]) -> Iterator[Format]:
    """The formats that may have written a text, the likeliest first."""
    first = _signed(data, known) if len(known) > 2 else None  # noqa: PLR2004 - one and the last resort
    if first is not None:
        yield first
    for each in known:
        if each is not first:
            yield each


def _signed(data: bytes, known: tuple[Format, ...]) -> Format | None:
    """The format whose sign comes first."""
    start, length = 0, _LOOKED_AT
    while start < len(data):
        best, place = None, start + length
        for each in known:
            found = each.sign.search(data, max(0, start - _LONGEST_SIGN), place + _LONGEST_SIGN)
            if found is not None and found.start() < place:
                best, place = each, found.start()
        if best is not None:
            return best
        start, length = start + length, length * _GROWTH
    return None


def _foreign(builds: list[Build], chosen: Format | None, known: tuple[Format, ...]) -> int | None:
    """Where another format's sign is in a part that the chosen one did not understand."""
    if chosen is None or len(known) < 3 or not chosen.sign.pattern:  # noqa: PLR2004 - one and the last resort
        return None
    first = builds[0]
    if any(build.tape is not first.tape for build in (first, builds[-1])):
        return None  # the format has told interleaved builds apart, and knows better
    others = [each for each in known if each.builder is not chosen.builder]
    data = first.transcript.data
    for element in first.tape.of_kind(Kind.UNKNOWN):
        for each in others:
            sign = each.sign.search(data, max(0, element.start - 1), element.end)
            if sign is not None and sign.end() > element.start:
                place = max(element.start, sign.start())
                place += data[place : place + 1] in (b"\n", b"\r")
                if 0 < place < len(data):
                    return place
    return None
