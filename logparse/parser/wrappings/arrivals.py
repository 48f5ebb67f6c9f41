"""The times at which lines came, as ``logparse watch`` saves them: see :mod:`logparse.live.records`.

::

    record = stamp " " ("1" | "2") (">" | "+") " " text LF

Behind ``+`` the line feed is none of the program's, and the line goes on in the next record if that is of the
same stream. Records without text tell when watching began and the output ended. These stamps are taken when
a line is read, not when it is written.
"""

from __future__ import annotations

import re

import numpy as np

from logparse.log import Stamps
from logparse.model import Transcript
from logparse.parser.format import Wrapping
from logparse.parser.wrappings.layouts import Prefixes, find_prefixes
from logparse.parser.wrappings.marks import lines_of
from logparse.parser.wrappings.stretches import Offsets, bytes_of

__all__ = ["ARRIVALS", "RESOLUTION"]

RESOLUTION = 0.01
"""Seconds by which what lies between two lines may be off. Mostly it is less than a thousandth; but a busy
machine may let a line wait that long in a pipe."""

_LINES = 60
_NEARLY_ALL = 0.9
_HEAD = 1 << 12
_BEGINS = b"12"

_RECORD = re.compile(
    rb"(?P<year>[12]\d{3})-(?P<month>[01]\d)-(?P<day>[0-3]\d)"
    rb"T(?P<hour>[012]\d):(?P<minute>[0-5]\d):(?P<second>[0-6]\d)\.(?P<fraction>\d{6})Z"
    rb" (?P<stream>[12])(?P<sign>[>+])(?: |(?P<bare>(?=[\r\n]|\Z)))"
)


def _is_watched(data: bytes) -> bool:
    """Whether nearly all lines are records: of the first two, one may be cut."""
    second = data.find(b"\n", 0, _HEAD) + 1
    if _RECORD.match(data) is None and (not second or _RECORD.match(data, second) is None):
        return False
    lines = lines_of(data, _LINES)
    return sum(_RECORD.match(line) is not None for line in lines) >= _NEARLY_ALL * (len(lines) - 1)


def _peel(transcript: Transcript) -> list[Transcript]:
    data = transcript.data
    if not _is_watched(data):
        return []
    found = find_prefixes(data, _RECORD, _BEGINS)
    starts, ends, seconds = _with_feeds(data, found), found.ends, found.seconds
    if len(starts) and found.texts[found.kinds[-1]]["sign"] == b"+" and _is_last(data, int(ends[-1])):
        starts, ends = np.append(starts, len(data) - 1), np.append(ends, len(data))
        seconds = np.append(seconds, seconds[-1])
    if bytes_of(starts, ends) >= len(data) or not len(starts):
        return []
    stamps = Stamps(starts, seconds, RESOLUTION, arrival=True)
    return [transcript.without(starts, ends, stamps=stamps, wrapping="logparse-watch")]


def _is_last(data: bytes, place: int) -> bool:
    """Whether the next line feed is the last byte."""
    return data.find(b"\n", place) == len(data) - 1


def _with_feeds(data: bytes, found: Prefixes) -> Offsets:
    """Where the prefixes start, with the line feed before those that go on with the line before."""
    starts = found.starts.copy()
    open_ended = np.array([text["sign"] == b"+" for text in found.texts], np.bool_)[found.kinds]
    for index in (np.flatnonzero(open_ended[:-1]) + 1).tolist():
        here, there = found.texts[found.kinds[index]], found.texts[found.kinds[index - 1]]
        feed = int(starts[index]) - 1
        text = int(found.ends[index - 1])
        if data.find(b"\n", text) == feed and (here["stream"] == there["stream"] or feed == text):
            starts[index] = feed
    return starts


ARRIVALS = Wrapping("arrivals", _peel)
