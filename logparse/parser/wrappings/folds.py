"""Marks that CI systems put between a program's words for their web pages, invisible on a terminal.

::

    gitlab  = ("section_start:" | "section_end:") seconds ":" name [ "[" options "]" ] CR ESC "[0K"
    travis  = "travis_fold:" ("start:" | "end:") name CR ESC "[0K"
            | "travis_time:" ("start:" id | "end:" id ":start=" ns ",finish=" ns ",duration=" ns) CR ESC "[0K"
    jenkins = ESC "[8mha:" { base64 } ESC "[0m"

Each overwrites itself (GitLab's documentation of custom collapsible sections; ``travis-build``'s
``lib/travis/build/bash``) or is concealed (Jenkins's ``hudson.console.ConsoleNote``, whose preamble this is).
They stand where a line begins, mostly, and the line goes on behind them.
"""

from __future__ import annotations

import re

from logparse.model import Transcript
from logparse.parser.format import Wrapping
from logparse.parser.wrappings.marks import windows
from logparse.parser.wrappings.stretches import merged

__all__ = ["FOLDS"]

_CLEAR = rb"\r(?:\x1b\[0K)?"
# Each kind has a byte that many logs do not have at all, and one byte is found faster than several.
_KINDS: tuple[tuple[str, bytes, bytes, re.Pattern[bytes]], ...] = (
    (
        "gitlab-sections",
        b"\r",
        b"section_",
        re.compile(rb"section_(?:start|end):\d{1,12}:[\w.-]{1,256}(?:\[[^\]\r\n]{0,256}\])?" + _CLEAR),
    ),
    (
        "travis-folds",
        b"\r",
        b"travis_",
        re.compile(rb"travis_(?:fold:(?:start|end)|time:(?:start|end)):[^\r\n\x1b]{1,256}" + _CLEAR),
    ),
    ("jenkins-notes", b"\x1b", b"\x1b[8mha:", re.compile(rb"\x1b\[8mha:[\w+/=]{1,16384}\x1b\[0m")),
)
_MANY = 1 << 18
_LARGE = 1 << 24


def _peel(transcript: Transcript) -> list[Transcript]:
    data = transcript.data
    for name, rare, literal, pattern in _KINDS:
        # A program that prints such a mark means it, so the first one found decides. Where its beginning
        # stands all over a text for another reason, looking goes on for a bounded number of times only.
        if len(data) > _LARGE:
            if not any(literal in window for window in windows(data)):
                continue
        elif data.find(rare) < 0:
            continue
        starts, ends = [], []
        place = data.find(literal)
        vain = 0
        while place >= 0 and vain < _MANY:
            found = pattern.match(data, place)
            if found is None:
                vain += 1
                place = data.find(literal, place + 1)
            else:
                starts.append(place)
                ends.append(found.end())
                place = data.find(literal, found.end())
        if starts and sum(ends) - sum(starts) < len(data):
            return [transcript.without(*merged(starts, ends), wrapping=name)]
    return []


FOLDS = Wrapping("folds", _peel)
