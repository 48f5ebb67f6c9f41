"""Time stamps on lines of their own, each before the line it belongs to, as log viewers are copied.

::

    2026-01-25 11:31:48.927
    Step #0: Step 1/43 : FROM node:22-alpine AS base

Known from copies of Google's Logs Explorer, in which stamp and text are cells of a table.
"""

from __future__ import annotations

import re

from logparse.log import Stamps
from logparse.model import Transcript
from logparse.parser.format import Wrapping
from logparse.parser.wrappings.layouts import find_prefixes
from logparse.parser.wrappings.marks import lines_of
from logparse.parser.wrappings.stamps import STAMPS, unnamed, unrolled
from logparse.parser.wrappings.stretches import bytes_of

__all__ = ["LONE_STAMPS"]

_HEAD = 1 << 11
_LINES = 60
_LARGE = 1 << 16
"""Bytes of a text of which not all is looked at."""
_LONGEST = 80
"""More bytes than such a line has."""
_SHARE = 0.4
"""Lines of a text that are stamps: half of them, but for texts of several lines."""

_STAMPS = [STAMPS[kind] for kind in ("iso", "go", "clock")]
_KINDS = [re.compile(rb"[ \t]{0,8}" + stamp + rb"[ \t]{0,4}\r?\n") for stamp in _STAMPS]
_FIRST = re.compile(rb"[ \t]{0,8}(?:" + unnamed(b"|".join(_STAMPS)) + rb")[ \t]{0,4}\r?(?=\n|\Z)")
_NEXT = re.compile(rb"\n" + _FIRST.pattern)
_BEGINS = b" \t0123456789"


def _peel(transcript: Transcript) -> list[Transcript]:
    data = transcript.data
    first = _FIRST.match(data, 0, _HEAD) or _NEXT.search(data, 0, _HEAD)
    if first is None or (len(data) < _LARGE and _NEXT.search(data, first.end()) is None):
        return []  # one may be a program's
    lines = lines_of(data, _LINES)
    short = [line + b"\n" for line in lines if len(line) < _LONGEST]
    if len(short) < _SHARE * len(lines):
        return []
    for kind in _KINDS:
        stamps = sum(kind.fullmatch(line) is not None for line in short)
        if stamps < 2 or stamps < _SHARE * len(lines):  # noqa: PLR2004 - one may be a program's
            continue
        found = find_prefixes(data, kind, _BEGINS)
        if len(found.starts) and bytes_of(found.starts, found.ends) < len(data):
            times = Stamps(found.starts, unrolled(found.seconds), 10.0**-found.digits)
            return [transcript.without(found.starts, found.ends, stamps=times, wrapping="lone-stamps")]
    return []


LONE_STAMPS = Wrapping("lone-stamps", _peel)
