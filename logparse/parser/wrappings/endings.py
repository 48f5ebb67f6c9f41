"""Line ends of Windows, where all lines end so: builders write a line feed alone.

A terminal's driver makes such ends too, and so does whoever copies a log from one. Lone carriage returns, and
those of single lines, are the builder's own or a program's.
"""

from __future__ import annotations

import numpy as np

from logparse.model import Transcript
from logparse.parser.format import Wrapping
from logparse.parser.wrappings.marks import windows

__all__ = ["ENDINGS"]

_FIRST = 1 << 16
"""Bytes in which the end of the first line is looked for; no more than what is looked at anyway."""
_BLOCK = 1 << 20
_FEED, _RETURN = 10, 13


def _peel(transcript: Transcript) -> list[Transcript]:
    data = transcript.data
    first = data.find(b"\n", 0, _FIRST)
    if first >= 0 and not data.endswith(b"\r", 0, first):
        return []
    feeds = 0
    for window in windows(data):
        here = window.count(b"\n")
        if here != window.count(b"\r\n"):
            return []
        feeds += here
    if feeds < 2:  # noqa: PLR2004 - one line says nothing
        return []
    text = np.frombuffer(data, np.uint8)
    found = []
    for begin in range(0, len(data) - 1, _BLOCK):
        block = text[begin : begin + _BLOCK + 1]
        found.append(np.flatnonzero((block[:-1] == _RETURN) & (block[1:] == _FEED)) + begin)
    returns = np.concatenate(found)
    if 2 * len(returns) == len(data):
        return []  # nothing but empty lines: a text has to be left
    return [transcript.without(returns, returns + 1, wrapping="crlf")]


ENDINGS = Wrapping("endings", _peel)
