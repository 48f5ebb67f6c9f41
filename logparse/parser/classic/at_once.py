"""Finding where several builds of the classic builder wrote into one log at once.

A program's output ends with the line that removes its container. So a reading that knows of one build at a
time takes for output what another one says meanwhile, and finds the removal of that one's container, or its
next step, where nobody waits for it. A build that a program runs does not do so: its containers come and go
while the program's does not.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence

from logparse.model import Build, Kind, Span, Tape, Transcript
from logparse.parser.at_once import builds_of
from logparse.parser.classic.markers import REMOVAL_ID, RUNNING, RUNNING_ID
from logparse.parser.classic.strands import HEADER, Clues, Sorter

__all__ = ["read_apart"]

_LATE = b"Error removing intermediate container "
"""Behind it, other containers' removals are tried again at any place."""


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
    signs = sorted(_signs(transcript.data, builds))
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


def _signs(data: bytes, builds: Sequence[Build]) -> Iterator[int]:
    """Where something stands that no single build prints there."""
    tape = builds[0].tape
    # Mostly no line is hidden in an output, and then no container is.
    if data.count(RUNNING) > tape.kinds.count(Kind.RUNNING) and _LATE not in data:
        yield from _crossings(data, tape)
    # Steps that go on with a build that was left before.
    left: set[tuple[int, bytes | None]] = set()
    for build in builds:
        for element in tape.of_kind(Kind.UNKNOWN, build.first, build.last) if left else ():
            for header in HEADER.finditer(data, max(element.start - 1, 0), element.end):
                if (int(header["number"]) - 1, header["total"]) in left:
                    yield element.start
        last = tape.kinds.rfind(Kind.HEADER, build.first, build.last)
        if last >= 0 and not _has_ended(build):
            words = HEADER.search(data, *tape.element(last)[1:])
            if words is not None:
                left.add((int(words["number"]), words["total"]))


def _crossings(data: bytes, tape: Tape) -> Iterator[int]:
    """Containers during which another one was started that was removed only behind them."""
    begins, ends = [], []
    index = tape.kinds.find(Kind.OUTPUT)
    while index >= 0:
        _, begin, end = tape.element(index)
        begins.append(begin)
        ends.append(end)
        index = tape.kinds.find(Kind.OUTPUT, index + 1)
    hidden: list[tuple[bytes, int, int]] = []
    starts: dict[bytes, list[int]] = {}
    for start in RUNNING_ID.finditer(data):
        place = start.start()
        starts.setdefault(start[1], []).append(place)
        index = bisect_right(begins, place) - 1
        if index >= 0 and place < ends[index]:
            hidden.append((start[1], place, index))
    if not hidden:
        return
    removals: dict[bytes, list[int]] = {}
    for removal in REMOVAL_ID.finditer(data):
        removals.setdefault(removal[1], []).append(removal.start())
    for container, place, index in hidden:
        removed, again = _after(removals.get(container, []), place), _after(starts[container], place + 1)
        if ends[index] <= removed < (again if again >= 0 else len(data)):
            yield begins[index]


def _after(places: list[int], place: int) -> int:
    """The first of some places at or behind another one, -1 if there is none."""
    index = bisect_left(places, place)
    return places[index] if index < len(places) else -1
