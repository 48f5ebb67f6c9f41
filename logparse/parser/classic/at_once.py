"""Finding where several builds of the classic builder wrote into one log at once.

A program's output ends with the line that removes its container. So a reading that knows of one build at a
time takes for output what another one says meanwhile, and finds the removal of that one's container, or its
next step, where nobody waits for it. A build that a program runs does not do so: its containers come and go
while the program's does not.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from logparse.model import Build, Kind, Span, Tape, Transcript
from logparse.parser.at_once import builds_of
from logparse.parser.classic.lines import Offsets, Words, hex_number, is_hex
from logparse.parser.classic.markers import REMOVAL, RUNNING
from logparse.parser.classic.places import LARGE, find_places
from logparse.parser.classic.strands import HEADER, Clues, Sorter

__all__ = ["read_apart"]

_LATE = b"Error removing intermediate container "
"""Behind it, other containers' removals are tried again at any place."""
_ID_LENGTH = 12
_BEYOND = np.int64(1 << 62)


def read_apart(
    transcript: Transcript, builds: list[Build], read: Callable[[Transcript], list[Build]]
) -> list[Build]:
    """Read a text once more where several builds wrote it at once.

    Parameters
    ----------
    transcript
        The text.
    builds
        What was made of it by a reading that knows of one build at a time.
    read
        That reading.

    Returns
    -------
    list of Build
        `builds` themselves unless some ran at once; else one a build that ran, as far as they can be told
        apart.
    """
    tape = builds[0].tape
    if len(builds) == 1 and Kind.UNKNOWN not in tape.kinds:
        return builds
    signs = sorted(_signs(transcript, builds))
    if not signs:
        return builds
    starts = [tape.element(build.first).start for build in builds] + [len(transcript.data)]
    found: list[Build] = []
    done = 0

    def read_together(first: int, last: int, *, at_once: bool) -> bool:
        """Read a stretch as if builds in it had been alone; false if there is none in it then."""
        made = read(transcript.select([Span(starts[first], starts[last])])) if first < last else []
        for build in made:
            build.at_once = at_once
        found.extend(made)
        return bool(made) or first == last

    is_whole = True
    for first, last, sorter in _regions(transcript.data, builds, signs, starts):
        is_whole = read_together(done, first, at_once=False) and is_whole
        apart: list[Build] = []
        if sorter.can_tell_apart:
            sorter.sort()
            apart = builds_of(transcript, sorter.strands, read)
        found += apart
        is_whole = (bool(apart) or read_together(first, last, at_once=True)) and is_whole
        done = last
    if not (read_together(done, len(builds), at_once=False) and is_whole):
        for build in builds:
            build.at_once = True
        return builds
    for index, build in enumerate(found):
        build.index = index
    return found


def _regions(
    data: bytes, builds: Sequence[Build], signs: Sequence[int], starts: Sequence[int]
) -> Iterator[tuple[int, int, Sorter]]:
    """Stretches in which several builds wrote: the first of `builds` in it, the one behind it, its lines."""
    clues = Clues(data)
    done = 0
    for sign in signs:
        first = bisect_right(starts, sign) - 1
        if first < done:
            continue
        # Who did not come to an end before is likely to be one of them.
        while first > done and not _has_ended(builds[first - 1]):
            first -= 1
        sorter = Sorter(data, clues)
        position = starts[first]
        following = first + 1
        while position < len(data) and sorter.can_go_on:
            while starts[following] < position:
                following += 1
            if position == starts[following] and position > sign and sorter.is_over:
                break
            position = sorter.line(position)
        done = bisect_left(starts, position)
        yield first, done, sorter


def _has_ended(build: Build) -> bool:
    find = build.tape.kinds.find
    return any(find(kind, build.first, build.last) >= 0 for kind in (Kind.RESULT, Kind.FAILURE))


def _signs(transcript: Transcript, builds: Sequence[Build]) -> Iterator[int]:
    """Where something stands that no single build prints there."""
    data, tape = transcript.data, builds[0].tape
    crossings = _crossings(data, tape, transcript.kept.get("removals"))
    if crossings and _LATE not in data:
        yield from crossings
    # Steps that go on with a build that was left before.
    left: set[tuple[int, bytes | None]] = set()
    for build in _doubtful(builds):
        for element in tape.of_kind(Kind.UNKNOWN, build.first, build.last) if left else ():
            for header in HEADER.finditer(data, max(element.start - 1, 0), element.end):
                if (int(header["number"]) - 1, header["total"]) in left:
                    yield element.start
        last = tape.kinds.rfind(Kind.HEADER, build.first, build.last)
        if last >= 0 and not _has_ended(build):
            words = HEADER.search(data, *tape.element(last)[1:])
            if words is not None:
                left.add((int(words["number"]), words["total"]))


def _doubtful(builds: Sequence[Build]) -> Iterator[Build]:
    """The builds that did not come to an end, or have something in them that was not understood."""
    kinds = np.frombuffer(builds[0].tape.kinds, np.uint8)
    firsts = np.array([build.first for build in builds])
    behind = np.array([build.last for build in builds])
    endings = np.flatnonzero((kinds == Kind.RESULT) | (kinds == Kind.FAILURE))
    unknown = np.flatnonzero(kinds == Kind.UNKNOWN)
    chosen = np.searchsorted(endings, firsts) == np.searchsorted(endings, behind)
    chosen |= np.searchsorted(unknown, firsts) < np.searchsorted(unknown, behind)
    return (builds[index] for index in np.flatnonzero(chosen).tolist())


def _crossings(data: bytes, tape: Tape, removals: Offsets | None) -> list[int]:
    """Where outputs begin of containers during which another one was started that was removed behind them."""
    if len(data) < LARGE and data.count(RUNNING) <= tape.kinds.count(Kind.RUNNING):
        return []  # mostly no line is hidden in an output, and then no container is
    outputs = np.flatnonzero(np.frombuffer(tape.kinds, np.uint8) == Kind.OUTPUT)
    edges = np.append(np.int64(0), np.frombuffer(tape.ends, np.int64))
    begins, stops = edges[outputs], edges[outputs + 1]
    starts, started = _named(data, RUNNING, _places_of(data, RUNNING))
    # Those that stand in an output.
    within = np.searchsorted(begins, starts, side="right") - 1
    hidden = np.flatnonzero((within >= 0) & (starts < stops[within])) if len(outputs) else within[:0]
    if not len(hidden):
        return []
    known = _places_of(data, REMOVAL) if removals is None else removals
    removals, removed = _named(data, REMOVAL, known)
    removal = _following(removals, removed, starts[hidden], started[hidden])
    again = _following(starts, started, starts[hidden] + 1, started[hidden])
    crosses = (stops[within[hidden]] <= removal) & (removal < np.minimum(again, len(data)))
    found: list[int] = begins[within[hidden[crosses]]].tolist()
    return found


def _places_of(data: bytes, words: bytes) -> Offsets:
    """Where some words stand."""
    if len(data) >= LARGE:
        return np.concatenate([np.zeros(0, np.int64), *(found for (found,) in find_places(data, (words,)))])
    places = array("q")
    place = data.find(words)
    while place >= 0:
        places.append(place)
        place = data.find(words, place + 1)
    return np.array(places, np.int64)


def _named(data: bytes, words: bytes, found: Offsets) -> tuple[Offsets, Words]:
    """Those of the places of some words at which a container's id stands behind them; and it, as a number."""
    found = found[found <= len(data) - len(words) - _ID_LENGTH]
    bytes_at = np.ndarray((max(len(data) - 7, 0),), "<u8", data, strides=(1,))
    first, last = bytes_at[found + len(words)], bytes_at[found + (len(words) + _ID_LENGTH - 8)]
    are_ids = is_hex(first) & is_hex(last)
    return found[are_ids], hex_number(first[are_ids], last[are_ids])


def _following(places: Offsets, names: Words, froms: Offsets, wanted: Words) -> Offsets:
    """For each of some names, its first place at or behind an offset; beyond all offsets if there is none."""
    known, numbers = np.unique(np.concatenate([wanted, names]), return_inverse=True)
    size = max(int(places[-1]) if len(places) else 0, int(froms.max())) + 1
    # By name, and in order of the text for each: both in one number.
    keys = numbers[len(wanted) :] * size + places
    keys.sort()
    keys = np.append(keys, len(known) * size)
    number = numbers[: len(wanted)]
    found = keys[np.searchsorted(keys, number * size + froms)]
    return np.where(found < (number + 1) * size, found - number * size, _BEYOND)
