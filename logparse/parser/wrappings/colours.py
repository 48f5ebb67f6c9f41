"""Colours around whole lines, where all of a builder's lines have them: ``ESC[31;1m#1 [internal] ...ESC[0m``.

PowerShell 7 prints lines of standard error so, and other programs that pass lines on do the like. Builders
colour some of their lines themselves, but none from its beginning to its end: BuildKit's rows on a terminal
are drawn behind moves of the cursor, kaniko's colours end behind the level, and those of the classic builder
are around what programs write to standard error.
"""

from __future__ import annotations

import re

import numpy as np

from logparse.model import Transcript
from logparse.parser.format import Wrapping
from logparse.parser.wrappings.marks import MARK, windows
from logparse.parser.wrappings.stretches import bytes_of

__all__ = ["COLOURED_LINES"]

_COLOUR, _RESET = rb"\x1b\[[0-9;]{0,16}m", rb"\x1b\[0?m"
_WHOLE = re.compile(_COLOUR + rb"[^\n]*" + _RESET + rb"\r?\Z")
_WHOLE_LINES = re.compile(
    rb"(?:\A|(?<=\n))(?P<colour>" + _COLOUR + rb")[^\n]*(?P<reset>" + _RESET + rb")(?=\r?(?:\n|\Z))"
)
_LEADING = re.compile(rb"(?:" + _COLOUR + rb")++")
_ONE, _END = re.compile(_COLOUR), re.compile(_RESET)
_LOOKED_AT = 400
_LEAST = 3
_SHARE = 0.9


def _peel(transcript: Transcript) -> list[Transcript]:
    data = transcript.data
    if not _is_coloured(data):
        return []
    starts, ends = [], []
    for line in _WHOLE_LINES.finditer(data):
        for group in ("colour", "reset"):
            starts.append(line.start(group))
            ends.append(line.end(group))
    here, there = np.array(starts, np.int64), np.array(ends, np.int64)
    if not starts or bytes_of(here, there) >= len(data):
        return []
    return [transcript.without(here, there, wrapping="colours")]


def _is_coloured(data: bytes) -> bool:
    """Whether colours stand around nearly all lines with a builder's words, in a bounded part of a text."""
    if data.find(b"\x1b[", 0, 1 << 16) < 0:
        return False
    whole = others = 0
    for window in windows(data):
        for line in window.split(b"\n"):
            mark = MARK.search(line, 0, _LOOKED_AT)
            if mark is None:
                continue
            if _WHOLE.match(line) is not None and _holds(line, mark.start()):
                whole += 1
            else:
                others += 1
                if others >= _LEAST and not whole:
                    return False
    return whole >= _LEAST and whole >= _SHARE * (whole + others)


def _holds(line: bytes, mark: int) -> bool:
    """Whether a colour holds on up to a mark: that of a name before it ends behind the name."""
    leading = _LEADING.match(line, 0, mark)
    if leading is None:
        return False
    return len(_ONE.findall(leading[0])) > len(_END.findall(line, leading.end(), mark))


COLOURED_LINES = Wrapping("colours", _peel)
