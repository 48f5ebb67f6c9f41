"""Telling which builder wrote a text, or which part of it.

Each format has a sign, a line that only its builder prints. The format whose sign comes first reads the text;
where it leaves a part that it does not understand and another one's sign is in there, that part begins
a text of its own. So a console in which several builders ran one after another gives the builds of each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar

from logparse.model import Build, Builder, Kind, Span, Transcript
from logparse.parser.format import LINE_START, Format

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
    found = _standing(data, 0, _LOOKED_AT + _LONGEST_SIGN, known)
    signs = _Signs.of(known)
    start, length = 0, _LOOKED_AT
    while found is None and start < len(data):
        end = start + length + _LONGEST_SIGN
        sign = signs.any.search(data, max(0, start - _LONGEST_SIGN), end)
        if sign is not None and sign.start() < start + length:
            found = _standing(data, sign.start(), end, known)
        start, length = start + length, length * _GROWTH
    return found


def _standing(data: bytes, place: int, end: int, known: Iterable[Format]) -> Format | None:
    """The first format whose sign stands at a line's start, none of it at `end` or beyond."""
    for each in known:
        if each.sign.match(data, place, end) is not None:
            return each
    return None


class _Signs:
    """The signs of several formats, looked for at once.

    Attributes
    ----------
    any : Pattern
        A line that any of them begins with its sign, with the end of the line before; so the first line of a
        text is not found.
    but_for : dict
        By builder, the same for what all others write.
    """

    _made: ClassVar[dict[tuple[str, ...], _Signs]] = {}

    def __init__(self, known: tuple[Format, ...]) -> None:
        self.any = _any_of(known)
        self.but_for = {
            builder: _any_of([each for each in known if each.builder is not builder]) for builder in Builder
        }

    @classmethod
    def of(cls, known: tuple[Format, ...]) -> _Signs:
        """Those of some formats, made once."""
        names = tuple([each.name for each in known])
        signs = cls._made.get(names)
        if signs is None:
            signs = cls._made[names] = cls(known)
        return signs


def _any_of(formats: Iterable[Format]) -> re.Pattern[bytes]:
    # What begins with one of a few bytes, and with nothing else, is looked for many times as fast.
    bodies = [each.sign.pattern.removeprefix(LINE_START) for each in formats]
    return re.compile(rb"[\r\n](?:" + b"|".join(bodies or [rb"(?!)"]) + rb")")


def _foreign(builds: list[Build], chosen: Format | None, known: tuple[Format, ...]) -> int | None:
    """Where another format's sign is in a part that the chosen one did not understand."""
    if chosen is None or len(known) < 3 or not chosen.sign.pattern:  # noqa: PLR2004 - one and the last resort
        return None
    first = builds[0]
    if any(build.tape is not first.tape for build in (first, builds[-1])):
        return None  # the format has told interleaved builds apart, and knows better
    others = [each for each in known if each.builder is not chosen.builder]
    any_other = _Signs.of(known).but_for[chosen.builder]
    data = first.transcript.data
    for element in first.tape.of_kind(Kind.UNKNOWN):
        before = max(0, element.start - 1)
        if any_other.search(data, before, element.end) is None and (
            before or _standing(data, 0, element.end, others) is None
        ):
            continue
        for each in others:
            sign = each.sign.search(data, before, element.end)
            if sign is not None and sign.end() > element.start:
                place = max(element.start, sign.start())
                place += data[place : place + 1] in (b"\n", b"\r")
                if 0 < place < len(data):
                    return place
    return None
