"""What a format of the parser is."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from logparse.model import Build, Builder, Kind, Outcome, Span, Transcript

__all__ = ["LINE_START", "Carried", "Format", "Wrapping", "one_at_a_time"]

LINE_START = rb"(?:\A|[\r\n])"
"""How the pattern of a sign begins."""

_HEAD = 1 << 14
"""Bytes that are kept from the beginning of the last step."""
_BEHIND = 1 << 16
"""Bytes behind a build's result after which it is taken to be over."""
_ENDINGS = (Kind.FAILURE, Kind.RESULT, Kind.DONE)


class Carried(NamedTuple):
    """What has to be seen again of a build so that a parser can go on with it in the next stretch of its log.

    Parameters
    ----------
    going_on
        Indexes of the steps about which the log may yet say something that counts.
    heads
        Lines that are needed as they are.
    tails
        What may be long, and of which the end is enough: in each entry, stretches that belong together.
    """

    going_on: Collection[int]
    heads: Sequence[Span]
    tails: Sequence[Sequence[Span]]


def one_at_a_time(build: Build) -> Carried:
    """What is carried over of a build whose steps follow one another: all that belongs to the last one."""
    tape, steps, size = build.tape, build.steps, len(build.transcript.data)
    start = steps[-1].start if steps else tape.element(build.first).start
    # Programs print results, too: whether a build is over is certain only once nothing goes on behind it.
    over = build.outcome is not Outcome.INCOMPLETE and bool(steps) and size - steps[-1].end > _BEHIND
    head = min(size, start + _HEAD)
    endings = [Span(*each[1:]) for kind in _ENDINGS for each in tape.of_kind(kind, build.first, build.last)]
    return Carried(
        () if over or not steps else (len(steps) - 1,), [Span(start, head), *endings], [[Span(head, size)]]
    )


@dataclass(frozen=True, slots=True)
class Format:
    """How one builder writes.

    Parameters
    ----------
    name
        Its name here, which ``--builder`` takes besides the builder's.
    builder
        Who writes so.
    sign
        Finds a line that nobody else prints. Bounded, and begins with :data:`LINE_START`, unless it finds
        nothing at all.
    read
        Makes builds of a text, none if it finds nothing of its own. The elements of the builds it makes
        cover the text; it raises nothing, whatever the bytes.
    carry
        What of the last build of a text has to stand before the next one, where a log is read piece by piece.
    """

    name: str
    builder: Builder
    sign: re.Pattern[bytes]
    read: Callable[[Transcript], list[Build]]
    carry: Callable[[Build], Carried] = one_at_a_time


@dataclass(frozen=True, slots=True)
class Wrapping:
    """What a CI system, a shell or a log driver puts around a builder's lines.

    Parameters
    ----------
    name
        Its name here.
    peel
        Takes it away: gives the transcripts that are in a text, together covering it, or nothing if the text
        is not wrapped so. Whether it is, a bounded part of the text tells.
    """

    name: str
    peel: Callable[[Transcript], list[Transcript]]
