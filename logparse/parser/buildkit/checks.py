"""Warnings of the builder and of its build checks, in the three ways in which they are printed.

At the vertex that found them, all together at the end (``commands/build.go`` of buildx, ``printWarnings``),
and by ``--check`` with the lines that they speak of::

    #2 WARN: FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 4)
     - FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 4)
    WARNING: FromAsCasing - https://docs.docker.com/go/dockerfile/rule/from-as-casing/
    'as' and 'FROM' keywords' casing do not match
    Dockerfile:4
"""

from __future__ import annotations

import re

from logparse.model import BuildWarning, Span
from logparse.text import plain

__all__ = ["read_warnings"]

_LOOKED_BEYOND = 1 << 10
"""Bytes behind a warning in which the line is named that it speaks of."""

_WARNS = re.compile(
    rb"(?<![^\n])(?:\x1b\[[0-9;]{0,16}m)?(?:#\d{1,6} WARN(?:ING)?: | - |WARN\[\d{4}\] )(?P<text>[^\n]*)"
    rb"|WARNING: (?P<rule>[A-Za-z]{1,64})(?: - https?://[^\n]*+)?\n(?P<says>[^\n]*)"
    rb"(?=\r?\n(?:[^\n:]{0,512}:(?P<line>\d{1,7})\r?\n)?)|WARNING: (?P<other>[^\n]*)"
)
_CHECK = re.compile(r"(?P<rule>[A-Z][A-Za-z]{2,64})(?:: | - )(?P<text>.*?)(?: \(line (?P<line>\d{1,7})\))?\Z")


def read_warnings(data: bytes, span: Span, known: dict[object, BuildWarning]) -> None:
    """Add the warnings in `span` to those that are `known`, unless the same check was printed before."""
    start, end = span
    for found in _WARNS.finditer(data, start, min(end + _LOOKED_BEYOND, len(data))):
        if found.start() >= end:
            break
        place = Span(found.start(), min(found.end(), end))
        if found["rule"]:
            rule, text, line = found["rule"].decode(), plain(found["says"]).strip(), found["line"]
        else:
            text = plain(found["text"] or found["other"] or b"").strip()
            check = _CHECK.match(text)
            if check is None:
                known[place] = BuildWarning(text, place)
                continue
            rule, text, line = check["rule"], check["text"], check["line"]
        number = int(line) if line else None
        known.setdefault((rule, number, text), BuildWarning(text, place, rule, number))
