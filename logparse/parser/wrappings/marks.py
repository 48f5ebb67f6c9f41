"""What builders print at the start of a line: tells where a wrapping ends and its builder begins.

A wrapping is not believed on its looks alone, since programs print time stamps and names before their lines
too. In a wrapped log the builder's own lines stand behind the prefix; in a bare one they stand at the start
of the line. So a text is surveyed in a few windows, for what stands before the builder's words in them.

Sources: the classic builder's lines are those of :mod:`logparse.parser.classic.markers`; BuildKit's are
printed by ``util/progress/progressui/printer.go``; buildah's by ``imagebuildah/stage_executor.go`` and
``imagebuildah/executor.go``; kaniko's by logrus, whose text formatter writes ``INFO[0012] `` or
``time="..." level=info msg=``.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["COLOURS", "MARK", "Survey", "holds_mark", "lines_of", "survey", "windows", "without_colours"]

_HEAD = 1 << 16
_WINDOW = 1 << 13
_WINDOWS = 14
_TAIL = 1 << 14

_LONGEST_PREFIX = 400
_DECISIVE = 2

COLOURS = rb"(?:\x1b\[[0-9;]{0,16}[mK]){0,4}"
"""Colours, which a builder, a program or a wrapping may put before a line."""

MARK = re.compile(
    # Classic.
    rb"Step \d{1,9}(?:/\d{1,9})? : [A-Za-z]|Sending build context to Docker|Successfully built [0-9a-f]{12}"
    rb"| ---> (?:Running in |Removed intermediate container )?[0-9a-f]{12}| ---> Using cache"
    rb"|Removing intermediate container [0-9a-f]{12}|The command ['\[]"
    # BuildKit.
    rb"|#\d{1,5} (?:\[|\d{1,6}\.\d|DONE |CACHED|CANCELED|ERROR|WARN: |sha256:|resolve |reading "
    rb"|transferring |extracting|exporting |naming |pushing |building with |resolving |loading |importing )"
    rb"|\[\+\] Building \d"
    # buildah and podman, kaniko.
    rb"|(?:\[\d{1,4}/\d{1,4}\] )?STEP \d{1,5}(?:/\d{1,5})?: [A-Za-z]"
    rb"|(?:INFO|WARN|ERRO|DEBU|FATA|TRAC)\[(?:\d{4}|\d{4}-\d\d-\d\dT[^\]\n]{8,30})\] "
    rb"|time=\"[^\"\n]{19,40}\" level=[a-z]{4,7} msg="
    # Streams of JSON objects: the engine's and BuildKit's own.
    rb"|\{\"(?:stream|status|aux|errorDetail|vertexes|Vertexes)\":"
)
"""A line that only a builder begins so."""

_ENDING_COLOURS = re.compile(COLOURS + rb"\Z")
_SHAPE = bytes.maketrans(b"123456789", b"000000000")


class Survey(NamedTuple):
    """What stands before a builder's words in some windows of a text.

    Parameters
    ----------
    prefixes
        How often each kind of prefix was seen, where two that differ in digits only are of one kind. Of each
        kind, one that was seen.
    bare
        How many of the builder's lines begin with its words.
    """

    prefixes: list[tuple[bytes, int]]
    bare: int


def windows(data: bytes) -> Iterator[bytes]:
    """A bounded part of a text: its head, its tail and some stretches between, in whole lines."""
    size = len(data)
    yield data[:_HEAD]
    rest = size - _HEAD
    if rest <= 0:
        return
    places = [_HEAD]
    if rest > _WINDOWS * _WINDOW + _TAIL:
        places = [_HEAD + rest * index // _WINDOWS for index in range(_WINDOWS)]
        places.append(size - _TAIL)
    for place, following in zip(places, [*places[1:], size], strict=True):
        begin = data.find(b"\n", place - 1, place + _WINDOW) + 1
        if begin:
            limit = _WINDOWS * _WINDOW + _TAIL if len(places) == 1 else _WINDOW
            yield data[begin : min(following, begin + (_TAIL if following == size else limit))]


def lines_of(data: bytes, most: int) -> list[bytes]:
    """Some lines of a text that are not blank, from all of its windows."""
    chosen: list[bytes] = []
    for window in windows(data):
        lines = [line for line in window.split(b"\n") if line.strip()]
        half = most // 2 if not chosen else most // 20
        # The first ones as they follow each other, and others in odd steps, as every second may be alike.
        chosen += lines[:half]
        chosen += lines[half :: len(lines) // half | 1][:half]
    return chosen


def survey(data: bytes) -> Survey:
    """Look for a builder's words in a bounded part of a text, and for what stands before them.

    If nothing stands before the first ones, nothing does: what follows may be a program's imitation.
    """
    shapes: Counter[bytes] = Counter()
    seen: dict[bytes, bytes] = {}
    bare = 0
    for window in windows(data):
        last = -1
        for mark in MARK.finditer(window):
            place = mark.start()
            begin = window.rfind(b"\n", max(0, place - _LONGEST_PREFIX), place) + 1
            if begin <= last or (begin == 0 and place > _LONGEST_PREFIX):
                continue  # not the first of its line, or too far inside of it
            last = begin
            prefix = window[begin:place].removeprefix(codecs.BOM_UTF8)
            if not prefix or not (without_colours(prefix) and prefix.rpartition(b"\r")[2]):
                bare += 1
                if bare == _DECISIVE and not shapes:
                    return Survey([], bare)
                continue
            shape = prefix.translate(_SHAPE)
            shapes[shape] += 1
            seen.setdefault(shape, prefix)
    prefixes = [(seen[shape], count) for shape, count in shapes.most_common()]
    return Survey(prefixes, bare)


def holds_mark(data: bytes, places: list[int]) -> bool:
    """Whether a builder's words stand at one of some places, perhaps behind colours."""
    return any(_MARK_HERE.match(data, place) is not None for place in places)


_MARK_HERE = re.compile(COLOURS + rb"(?:" + MARK.pattern + rb")")


def without_colours(prefix: bytes) -> bytes:
    """What stands before a line without the colours that belong to the line."""
    found = _ENDING_COLOURS.search(prefix)
    return prefix if found is None else prefix[: found.start()]
