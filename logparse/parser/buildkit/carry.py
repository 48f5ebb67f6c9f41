"""What of a build of BuildKit's is carried over where a log is read piece by piece, in each of its formats.

Many vertices go on at once, so it is the lines that name them, and besides them those by which a parser tells
one build from the next, and a target from a stage: internal work, the export, the last step.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from logparse.model import Build, Kind, Outcome, Span, Step, Tape, Vertex
from logparse.parser.buildkit.frames import COLOURED
from logparse.parser.buildkit.names import read_name
from logparse.parser.format import Carried

__all__ = ["carry_events", "carry_plain", "carry_tty"]

_ENDS = frozenset({Kind.DONE, Kind.CACHED, Kind.CANCELED, Kind.ERROR})
_NAMES = frozenset({Kind.HEADER, Kind.VERTEX, *_ENDS})
_TRANSFERS = frozenset({Kind.PROGRESS})
_CLOSING = (Kind.FAILURE, Kind.EXCERPT)
_MOST_CLOSING = 64
_COLOURED_WITHIN = 256

_NUMBER = re.compile(rb"#(\d{1,6}) ")
_DIGEST = re.compile(rb"\"(?:digest|id)\":\s{0,2}\"([^\"]{1,512})\"")


def carry_plain(build: Build) -> Carried:
    """Of the plain display: the names of vertices, and the lines with which they ended."""
    transcript, tape, steps = build.transcript, build.tape, build.steps
    data = transcript.data
    said = tape.kinds.find(Kind.FAILURE, build.first, build.last) >= 0
    # Where stamps tell the times, a step ends with the next line.
    behind = 0 if transcript.stamps is None else 1

    def has_ended(end: int) -> bool:
        index = bisect_left(tape.ends, end, build.first, build.last)
        if index == build.last or tape.ends[index] != end or end + behind > len(data):
            return False
        return tape.kinds[index] in _ENDS and (said or tape.kinds[index] != Kind.ERROR)

    going_on = _going_on(build, lambda step: has_ended(step.end))
    shown = set(going_on)
    if steps:
        shown.add(max(range(len(steps)), key=lambda index: steps[index].vertex or 0))
    heads = _closing(build)
    tails = [steps[index].outputs for index in going_on]
    for index in shown:
        step = steps[index]
        heads.append(step.header)
        heads += _of_vertex(data, tape, step, _ENDS)
        if behind and step.end < len(data):
            heads.append(Span(step.end, step.end + behind))
        if step.instruction == "FROM":
            tails.append(tuple(_of_vertex(data, tape, step, _TRANSFERS)))
    for vertex in build.vertices:
        if vertex.spans and (_is_needed(vertex) or not has_ended(vertex.spans[-1].end)):
            start, end = vertex.spans[0].start, vertex.spans[-1].end
            heads.append(Span(start, data.find(b"\n", start, end) + 1 or end))
            heads.append(Span(data.rfind(b"\n", vertex.spans[-1].start, end - 1) + 1 or start, end))
    return Carried(going_on, heads, tails)


def carry_events(build: Build) -> Carried:
    """Of events: those of vertices, with what is transferred and printed left out."""
    steps = build.steps
    going_on = _going_on(build, lambda step: step.timing.high is not None)
    digests = build.facts["steps"]
    wanted = {digests[index] for index in going_on} | set(digests[-1:])
    for digest, vertex in zip(build.facts["vertices"], build.vertices, strict=True):
        if _is_needed(vertex) or vertex.timing.high is None:
            wanted.add(digest)
    heads = _closing(build) + [Span(each.start, each.end) for each in _wanted(list(_events(build)), wanted)]
    return Carried(going_on, heads, [steps[index].outputs for index in going_on])


class _Event(NamedTuple):
    """An event of a vertex: where it is, on which line of the log, and which digests are in it."""

    kind: Kind
    start: int
    end: int
    line: int
    digests: frozenset[bytes]


def _events(build: Build) -> Iterator[_Event]:
    data, tape = build.transcript.data, build.tape
    for index in range(build.first, build.last):
        if tape.kinds[index] in _NAMES:
            kind, start, end = tape.element(index)
            digests = frozenset(found[1] for found in _DIGEST.finditer(data, start, end))
            yield _Event(kind, start, end, build.transcript.line_number(start), digests)


def _wanted(events: Sequence[_Event], digests: set[str]) -> list[_Event]:
    """The events of some vertices, and how those ended that are on the same lines."""
    lines: dict[int, set[bytes]] = {}
    for event in events:
        lines.setdefault(event.line, set()).update(event.digests)
    wanted = {digest.encode() for digest in digests}
    found = [event for event in events if event.kind is Kind.ERROR or not wanted.isdisjoint(event.digests)]
    ends: dict[bytes, list[_Event]] = {}
    for event in events:
        if event.kind in _ENDS:
            for digest in event.digests:
                ends.setdefault(digest, []).append(event)
    taken: set[int] = set()
    for event in found:  # which grows
        if event.line not in taken:
            taken.add(event.line)
            for digest in lines[event.line] - wanted:
                wanted.add(digest)
                found += ends.get(digest, [])
    return found


def carry_tty(build: Build) -> Carried:
    """Of a terminal: the last frame, and rows that may not be in it any more."""
    data, steps = build.transcript.data, build.steps
    going_on = _going_on(
        build,
        lambda step: (
            COLOURED.search(data, step.start, min(step.header_end, step.start + _COLOURED_WITHIN)) is not None
        ),
    )
    heads = [steps[index].header for index in going_on] + _closing(build)
    for vertex in build.vertices:
        if vertex.spans and _is_needed(vertex):
            start, end = vertex.spans[0]
            heads.append(Span(start, data.find(b"\n", start, end) + 1 or end))
    start = build.tape.element(build.first).start
    for index in range(build.last - 1, build.first - 1, -1):
        kind, begin, end = build.tape.element(index)
        if kind is Kind.PROGRESS:
            heads.append(Span(begin, end))
            start = max(start, end)
            if data.find(b"[+] ", begin, min(end, begin + _COLOURED_WITHIN)) >= 0:
                break
    return Carried(going_on, heads, [[Span(start, len(data))]])


def _going_on(build: Build, has_ended: Callable[[Step], bool]) -> list[int]:
    """Steps of which more may come: a result that was not there yet, or another part of a base's transfer.

    Which of several steps that failed is the one that ended the build, the builder's last words tell.
    """
    said = build.tape.kinds.find(Kind.FAILURE, build.first, build.last) >= 0
    stopping = build.outcome in {Outcome.FAILED, Outcome.CANCELED} and not said
    over = said or build.outcome is Outcome.SUCCEEDED
    ended = [has_ended(step) for step in build.steps]
    built = {
        _stage(step)
        for step, is_over in zip(build.steps, ended, strict=True)
        if is_over and not step.cached and step.instruction != "FROM"
    }
    return [
        index
        for index, step in enumerate(build.steps)
        if stopping
        or (step.failed and not said)
        or not (ended[index] or step.failed)
        or (step.instruction == "FROM" and not over and _stage(step) not in built)
    ]


def _stage(step: Step) -> tuple[str | None, ...]:
    return (step.target, step.platform, step.stage_name)


def _is_needed(vertex: Vertex) -> bool:
    """Whether a vertex tells more than that it ran."""
    return vertex.error is not None or read_name(vertex.name).internal or "exporting to " in vertex.name


def _closing(build: Build) -> list[Span]:
    """The builder's last words, and what it repeats before them."""
    tape = build.tape
    said = (each for kind in _CLOSING for each in tape.of_kind(kind, build.first, build.last))
    return [Span(start, end) for _, start, end in islice(said, _MOST_CLOSING)]


def _of_vertex(data: bytes, tape: Tape, step: Step, kinds: Collection[Kind]) -> Iterator[Span]:
    """What a step says besides its output, of some kinds."""
    first, last = bisect_right(tape.ends, step.start), bisect_left(tape.ends, step.end)
    for index in range(first, min(last + 1, len(tape))):
        if tape.kinds[index] in kinds:
            _, start, end = tape.element(index)
            found = _NUMBER.match(data, start, end)
            if found is not None and int(found[1]) == step.vertex:
                yield Span(start, end)
