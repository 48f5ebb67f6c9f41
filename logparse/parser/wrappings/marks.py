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
from itertools import islice
from typing import NamedTuple

from logparse.model import Transcript

__all__ = ["COLOURS", "MARK", "Survey", "holds_mark", "lines_of", "survey", "windows", "without_colours"]

_HEAD = 1 << 16
_WINDOW = 1 << 13
_WINDOWS = 14
_TAIL = 1 << 14

_LONGEST_PREFIX = 400
_DECISIVE = 2

COLOURS = rb"(?:\x1b\[[0-9;]{0,16}[mK]){0,4}"
"""Colours, which a builder, a program or a wrapping may put before a line."""

_KANIKO = rb"\[(?:\d{4}|\d{4}-\d\d-\d\dT[^\]\n]{8,30})\] "
_STEP = rb"STEP \d{1,5}(?:/\d{1,5})?: [A-Za-z]"
# Each alternative begins with a letter of its own, which makes the search many times as fast.
_WORDS = (
    # Classic; buildah and podman.
    rb"S(?:tep \d{1,9}(?:/\d{1,9})? : [A-Za-z]|ending build context to Docker"
    rb"|uccessfully built [0-9a-f]{12}|" + _STEP.removeprefix(b"S") + rb")"
    rb"|Removing intermediate container [0-9a-f]{12}|T(?:he command ['\[]|RAC" + _KANIKO + rb")"
    # BuildKit.
    rb"|#\d{1,5} (?:\[|\d{1,6}\.\d|DONE |CACHED|CANCELED|ERROR|WARN: |sha256:|resolve |reading "
    rb"|transferring |extracting|exporting |naming |pushing |building with |resolving |loading |importing )"
    rb"|\[(?:\+\] Building \d|\d{1,4}/\d{1,4}\] " + _STEP + rb")|"
    # kaniko.
    + rb"|".join(level + _KANIKO for level in (rb"INFO", rb"WARN", rb"ERRO", rb"DEBU", rb"FATA"))
    + rb"|time=\"[^\"\n]{19,40}\" level=[a-z]{4,7} msg="
    # Streams of JSON objects: the engine's and BuildKit's own.
    rb"|\{\"(?:stream|status|aux|errorDetail|vertexes|Vertexes)\":"
)  # fmt: skip
_ARROW = rb"--> (?:(?:Running in |Removed intermediate container )?[0-9a-f]{12}|Using cache)"
MARK = re.compile(rb" -" + _ARROW + rb"|" + _WORDS)
"""A line that only a builder begins so."""
_SEARCHED = re.compile(rb"-(?<= -)" + _ARROW + rb"|" + _WORDS)
"""The same without the blank before an arrow, since there are so many blanks."""

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


def survey(transcript: Transcript) -> Survey:
    """Look for a builder's words in a bounded part of a text, and for what stands before them.

    If nothing stands before the first ones, nothing does: what follows may be a program's imitation.
    """
    seen: Survey | None = transcript.kept.get("survey")
    if seen is None:
        seen = transcript.kept["survey"] = _survey(transcript.data)
    return seen


def _survey(data: bytes) -> Survey:
    first = list(islice(_prefixes(data[:_HEAD]), _DECISIVE))
    if len(first) == _DECISIVE and not any(map(_of_wrapping, first)):
        return Survey([], _DECISIVE)
    shapes: dict[bytes, int] = {}
    examples: dict[bytes, bytes] = {}
    for window in windows(data):
        for prefix in _prefixes(window):
            shape = prefix.translate(_SHAPE)
            if shape in shapes:
                shapes[shape] += 1
            else:
                shapes[shape], examples[shape] = 1, prefix
    counts: Counter[bytes] = Counter()
    seen: dict[bytes, bytes] = {}
    bare = 0
    for shape, count in shapes.items():
        prefix = _of_wrapping(shape)
        if prefix:
            counts[prefix] += count
            seen.setdefault(prefix, _of_wrapping(examples[shape]))
        else:
            bare += count
    return Survey([(seen[shape], count) for shape, count in counts.most_common()], bare)


def _prefixes(window: bytes) -> Iterator[bytes]:
    """What stands before the first words of a builder's in each line that has some, not too far inside."""
    behind = 0
    for mark in _SEARCHED.finditer(window):
        place = mark.start()
        if place < behind:
            continue
        place -= window.startswith(b"-", place)
        begin = window.rfind(b"\n", behind - 1 if behind else 0, place) + 1
        behind = window.find(b"\n", place) + 1 or len(window)
        if place - begin < _LONGEST_PREFIX:
            yield window[begin:place]


def _of_wrapping(prefix: bytes) -> bytes:
    """What a wrapping put before a builder's words; nothing if it is only colours, or was overwritten."""
    prefix = prefix.removeprefix(codecs.BOM_UTF8)
    if prefix.endswith(b"\r") or (b"\x1b" in prefix and not without_colours(prefix)):
        return b""
    return prefix


def holds_mark(data: bytes, places: list[int]) -> bool:
    """Whether a builder's words stand at one of some places, perhaps behind colours."""
    return any(_MARK_HERE.match(data, place) is not None for place in places)


_MARK_HERE = re.compile(COLOURS + rb"(?:" + MARK.pattern + rb")")


def without_colours(prefix: bytes) -> bytes:
    """What stands before a line without the colours that belong to the line."""
    found = _ENDING_COLOURS.search(prefix)
    return prefix if found is None else prefix[: found.start()]
