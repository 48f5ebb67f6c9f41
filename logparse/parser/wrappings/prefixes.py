"""What systems put before each line: which one did, and the text without it.

What stands before the builder's words in some windows of a text tells which system it is
(:mod:`.marks`, :mod:`.systems`), and :mod:`.layouts` finds all its prefixes. Where prefixes name the programs
that write in turn, and builders speak behind more than one name, each of these gets a transcript of its own.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from logparse.log import Stamps, outside
from logparse.model import Transcript
from logparse.parser.format import Wrapping
from logparse.parser.wrappings.layouts import Prefixes, find_prefixes
from logparse.parser.wrappings.marks import MARK, holds_mark, lines_of, survey, without_colours
from logparse.parser.wrappings.stamps import unrolled
from logparse.parser.wrappings.stretches import Offsets, bytes_of, merged
from logparse.parser.wrappings.systems import SYSTEMS, Prefix

__all__ = ["PREFIXES", "choose"]

_BOM = b"\xef\xbb\xbf"

_MOST_SHAPES = 256
_DEEPEST = 3
_LONGEST_PREFIX = 160
_MOST_NAMES = 64
_ASKED = 2000
"""Lines of a name that are looked at from its first on, and as many more from all over the text."""

_SUFFIX = re.compile(rb"(\x1b\[K| {8})\r?\Z")
_LONGEST_SUFFIX = 9

_LINES = 120
_NEARLY_ALL = 0.9
_ENOUGH_LINES = 3


class _Choice(NamedTuple):
    prefix: Prefix
    pattern: re.Pattern[bytes]
    name: str


def choose(transcript: Transcript) -> _Choice | None:
    """Which system's prefixes stand before the lines of a text, if any do: a bounded part of it tells."""
    data, seen = transcript.data, survey(transcript)
    votes: Counter[tuple[str, bytes]] = Counter()
    choices: dict[tuple[str, bytes], _Choice] = {}
    for text, count in seen.prefixes[:_MOST_SHAPES]:
        found = _outermost(text, _DEEPEST) or _outermost(without_colours(text), _DEEPEST)
        if found is None:
            continue
        prefix, match = found
        pattern = prefix.pattern(match)
        key = (prefix.system, pattern.pattern)
        votes[key] += count
        if key not in choices:
            choices[key] = _Choice(prefix, pattern, prefix.name_of(match, data))
    if votes:
        key, count = votes.most_common(1)[0]
        # Where the builder's own lines begin with its words, it is a program that prints what looks so.
        return choices[key] if count > seen.bare else None
    return None if seen.bare else _plain(data)


def _outermost(text: bytes, depth: int) -> tuple[Prefix, re.Match[bytes]] | None:
    """The system that put the first part of a prefix there, if one did, or several did one after another."""
    likely = [prefix for prefix in SYSTEMS if not prefix.begins or text[0] in prefix.begins]
    for prefix in likely:
        match = prefix.probe.fullmatch(text)
        if match is not None:
            return prefix, match
    for prefix in likely if depth > 1 else ():
        match = prefix.probe.match(text)
        rest = text[match.end() :] if match is not None else b""
        if match is None or not 0 < len(rest) < len(text):
            continue
        if _is_wrapped(rest, depth - 1):
            return prefix, match
    return None


def _is_wrapped(text: bytes, depth: int) -> bool:
    """Whether what stands before a builder's words is a wrapping: a system's prefix, or an object's begin."""
    return (text.startswith(b'{"') and b"\n" not in text) or _outermost(text, depth) is not None


def _plain(data: bytes) -> _Choice | None:
    """The system of a text without a builder's words, if nearly every line begins as only it would print."""
    lines = lines_of(data, _LINES)
    if len(lines) < _ENOUGH_LINES:
        return None
    others = len(lines) - math.ceil(_NEARLY_ALL * len(lines))
    for prefix in SYSTEMS:
        found = _begin_so(lines, prefix, others) if prefix.plain else []
        if found:
            patterns = Counter(prefix.pattern(match).pattern for match in found)
            pattern, count = patterns.most_common(1)[0]
            if count >= _NEARLY_ALL * len(lines):
                return _Choice(prefix, re.compile(pattern), prefix.name_of(found[-1], data))
    return None


def _begin_so(lines: list[bytes], prefix: Prefix, others: int) -> list[re.Match[bytes]]:
    """The prefixes of a system's with which lines begin, nothing if more than some do not."""
    found = []
    for line in lines:
        text = line.removeprefix(_BOM)
        match = prefix.probe.match(text) if text and (not prefix.begins or text[0] in prefix.begins) else None
        if match is not None:
            found.append(match)
        elif others == 0:
            return []
        else:
            others -= 1
    return found


def _peel(transcript: Transcript) -> list[Transcript]:
    data = transcript.data
    chosen = choose(transcript)
    if chosen is None:
        return []
    # The mark at the beginning of a file stands before its first prefix, and goes with it.
    first = len(_BOM) if data.startswith(_BOM) else 0
    found = find_prefixes(data, chosen.pattern, chosen.prefix.begins, first)
    speakers = _speakers(data, found) if "name" in chosen.pattern.groupindex else []
    if chosen.prefix.weak:
        found = _of_names(found, speakers)
    if not len(found.starts):
        return []
    if first and found.starts[0] == first:
        found.starts[0] = 0
    if "joined" in chosen.pattern.groupindex or "partial" in chosen.pattern.groupindex:
        found = found._replace(starts=_joined(data, found))
    starts, ends = found.starts, found.ends
    if chosen.prefix.system == "git-remote":
        starts, ends = _with_suffixes(data, starts, ends)
    if bytes_of(starts, ends) >= len(data):
        return []
    stamps = None
    if not math.isnan(found.seconds[0]):
        stamps = Stamps(found.starts, unrolled(found.seconds), 10.0**-found.digits)
    inner = transcript.without(starts, ends, stamps=stamps, wrapping=chosen.name)
    return _apart(inner, found, speakers) if len(speakers) > 1 else [inner]


def _speakers(data: bytes, found: Prefixes) -> list[bytes]:
    """The names behind which a builder speaks."""
    names = _names(found)
    different = sorted(set(names))
    speakers: list[bytes] = []
    if len(different) > _MOST_NAMES:
        return speakers  # no system runs so many at once
    for name in different:
        mine = np.array([kind for kind, each in enumerate(names) if each == name], np.int32)
        places = found.ends[np.isin(found.kinds, mine)] if len(different) > 1 else found.ends
        spread = places[_ASKED :: max(1, len(places) // _ASKED)]
        asked = [*places[:_ASKED].tolist(), *spread.tolist()]
        if holds_mark(data, asked) or any(_speaks_inside(data, place) for place in asked):
            speakers.append(name)
    return speakers


def _speaks_inside(data: bytes, place: int) -> bool:
    """Whether a builder's words stand in the line at `place` behind the prefix of another system."""
    mark = MARK.search(data, place, place + _LONGEST_PREFIX)
    return mark is not None and _is_wrapped(data[place : mark.start()], _DEEPEST - 1)


def _names(found: Prefixes) -> list[bytes]:
    return [text.get("name", b"") for text in found.texts]


def _of_names(found: Prefixes, names: list[bytes]) -> Prefixes:
    """Only the prefixes with one of some names."""
    wanted = np.array([name in names for name in _names(found)], np.bool_)[found.kinds]
    return found._replace(
        starts=found.starts[wanted],
        ends=found.ends[wanted],
        seconds=found.seconds[wanted],
        kinds=found.kinds[wanted],
    )


def _joined(data: bytes, found: Prefixes) -> Offsets:
    """Where the prefixes start, with the line feed before those that go on with the line before.

    That line has to be of the same stream, and right before.
    """
    starts = found.starts.copy()
    going_on = np.array([text.get("joined") == b"+" for text in found.texts], np.bool_)[found.kinds]
    partial = np.array([text.get("partial") == b"P" for text in found.texts], np.bool_)[found.kinds]
    going_on[1:] |= partial[:-1]
    going_on[0] = False
    for index in np.flatnonzero(going_on).tolist():
        here, there = found.texts[found.kinds[index]], found.texts[found.kinds[index - 1]]
        start = int(starts[index])
        feed = data.find(b"\n", int(found.ends[index - 1]), start)
        if feed == start - 1 and here.get("stream") == there.get("stream"):
            starts[index] = feed
    return starts


def _with_suffixes(data: bytes, starts: Offsets, ends: Offsets) -> tuple[Offsets, Offsets]:
    """The prefixes of git, and what it prints at the ends of lines to clear what a terminal shows there.

    That is ``ESC[K`` on a terminal and eight blanks elsewhere (git's ``sideband.c``); empty lines go without.
    """
    froms, tos = [], []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        froms.append(start)
        tos.append(end)
        feed = data.find(b"\n", end)
        feed = len(data) if feed < 0 else feed
        found = _SUFFIX.search(data, max(end, feed - _LONGEST_SUFFIX), feed)
        if found is not None:
            froms.append(found.start())
            tos.append(found.end(1))
    return merged(froms, tos)


def _apart(inner: Transcript, found: Prefixes, speakers: list[bytes]) -> list[Transcript]:
    """A transcript for each name behind which a builder speaks.

    Lines without such a name go to the one before them, and those at the beginning to the first.
    """
    numbers = {name: number for number, name in enumerate(speakers)}
    number_of_kind = np.array([numbers.get(name, -1) for name in _names(found)], np.int64)
    owners: npt.NDArray[np.int64] = number_of_kind[found.kinds]
    speaking = np.flatnonzero(owners >= 0)
    if not len(speaking):
        return [inner]
    last = np.maximum.accumulate(np.where(owners >= 0, np.arange(len(owners)), speaking[0]))
    owners = owners[np.maximum(last, speaking[0])]
    lengths = found.ends - found.starts
    places = found.starts - (np.cumsum(lengths) - lengths)  # in the text without the prefixes
    changes = np.flatnonzero(np.diff(owners)) + 1
    begins = np.append(0, places[changes])
    stops = np.append(begins[1:], len(inner.data))
    turns = owners[np.append(0, changes)]
    parts = [_part(inner, begins, stops, turns == owner) for owner in range(len(speakers))]
    return sorted((part for part in parts if part is not None), key=lambda part: part.place(0))


def _part(
    inner: Transcript, begins: Offsets, stops: Offsets, mine: npt.NDArray[np.bool_]
) -> Transcript | None:
    """The text of some of the stretches that a text consists of, each of them some of its pieces."""
    lengths = np.where(mine, stops - begins, 0)
    if inner.pieces is None or not lengths.any():
        return None
    moved = np.cumsum(lengths) - lengths - begins  # how far each stretch goes, to be where it is alone
    turn = np.searchsorted(begins, inner.pieces[:, 0], side="right") - 1
    pieces = inner.pieces[mine[turn]]
    pieces[:, 0] += moved[turn[mine[turn]]]
    stamps = inner.stamps
    if stamps is not None:
        turn = np.searchsorted(begins, stamps.at, side="right") - 1
        kept = mine[turn]
        stamps = replace(stamps, at=stamps.at[kept] + moved[turn[kept]], seconds=stamps.seconds[kept])
    data = outside(inner.data, *merged(begins[~mine], stops[~mine]))
    return Transcript(inner.log, data, pieces, stamps=stamps, wrappings=inner.wrappings, mark=inner.mark)


PREFIXES = Wrapping("prefixes", _peel)
