"""Reading the views of a build from its elements: steps, pulls, warnings, how it ended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from sys import intern
from typing import NamedTuple

from logparse.model import (
    NO_TIMING,
    Build,
    BuildWarning,
    Contents,
    Failure,
    Kind,
    LayerPull,
    Pull,
    Span,
    Step,
    Tape,
    base_image,
)
from logparse.parser.buildah.chain import Header, Key, find_headers, says
from logparse.parser.buildah.markers import BUILDING_AT, EXIT_STATUS, FROM
from logparse.parser.clock import between, origin
from logparse.parser.format import Carried, one_at_a_time
from logparse.text import plain

__all__ = ["carry", "read_contents"]

_STAGE_NAME = re.compile(r"(?i)\sAS\s+(\S+)\s*$")
_ID = re.compile(rb"[0-9a-f]{11,64}")
_SHORT = 12
_TAGGED = re.compile(rb"Successfully tagged ([^\r\n]*)")
_LOGRUS = re.compile(r'time="[^"]*" level=\w+ msg=(.*)', re.DOTALL)

_TRYING = re.compile(rb"Trying to pull ([^\s]{1,512}?)\.\.\.[\r\n]")
_BLOB = re.compile(rb"Copying blob (?:sha256:)?([0-9a-f]{12,64})([^\r\n]*)")
_BLOB_BYTES = re.compile(rb"/ ([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([KMGT]?)i?B")
_BLOB_STATE = re.compile(r"(?:[a-z]+(?:: )?)[a-z ]*[a-z]")
_COPYING = "copying"
_STORED = (b"Storing signatures", b"Writing manifest to image destination")
_SIGNAL = re.compile(rb"(?:container|subprocess) exited on ([a-z ]{1,32})")
# Not ``killed``: buildah ends containers so when it is interrupted, but so does a machine without memory.
_INTERRUPTIONS = frozenset({b"interrupt", b"terminated", b"hangup"})
_UNITS = {b"": 1, b"K": 1 << 10, b"M": 1 << 20, b"G": 1 << 30, b"T": 1 << 40}


class _Place(NamedTuple):
    """A step's header, and the elements up to the next header."""

    header: Header
    first: int
    last: int


def read_contents(build: Build) -> Contents:
    """Read all views of a build of buildah's or podman's."""
    data = build.transcript.data
    places = list(_places(build))
    failure_at = build.tape.kinds.find(Kind.FAILURE, build.first, build.last)
    failing = _failing(build, places, failure_at) if failure_at >= 0 else None
    steps = [_read_step(build, place) for place in places]
    _number_stages(places, steps)
    _share_outputs(build, places, steps, failing)
    _go_on(build, places, steps)
    failure = _read_failure(build, failure_at, steps, failing) if failure_at >= 0 else None
    for index in _unfinished(build.tape, places):
        steps[index].incomplete = not steps[index].failed
    committed = build.tape.kinds.find(Kind.VERTEX, build.first, build.last)
    image_id = _result(build, committed)
    tags = tuple(
        dict.fromkeys(
            plain(name)
            for element in build.tape.of_kind(Kind.TAG, build.first, build.last)
            for name in _TAGGED.findall(data, element.start, element.end)
        )
    )
    if image_id is not None or tags:
        for step in steps:
            step.incomplete = False
    return Contents(
        steps=tuple(steps),
        pulls=tuple(
            pull for place, step in zip(places, steps, strict=True) for pull in _pulls(build, place, step)
        ),
        warnings=tuple(
            BuildWarning(_words(plain(data[e.start : e.end].strip())), Span(e.start, e.end))
            for e in build.tape.of_kind(Kind.WARNING, build.first, build.last)
        ),
        failure=failure,
        image_id=image_id,
        tags=tags,
        finished=bool(tags) and failure is None,
    )


def carry(build: Build) -> Carried:
    """What is carried over: all headers of the stages that go on, and all that belongs to the last step."""
    places, tape, size = list(_places(build)), build.tape, len(build.transcript.data)
    if not places:
        return one_at_a_time(build)
    last = {place.header.key: index for index, place in enumerate(places)}
    going_on = {len(places) - 1}
    if _at_once(places):
        going_on.update(index for index in last.values() if not _has_ended(tape, places[index]))
    headers: dict[Key, list[Header]] = {}
    for header in (place.header for place in places):
        if header.number == 1 and header.instruction == FROM:
            headers[header.key] = []
        headers.setdefault(header.key, []).append(header)
    heads = [
        Span(header.start, header.end)
        for stage in headers.values()
        if stage[-1].start == places[-1].header.start or not stage[-1].is_at_end
        for header in stage
    ]
    heads += [
        Span(*tape.element(index)[1:])
        for index in range(places[-1].first + 1, build.last)
        if tape.kinds[index] in _CLOSING
    ]
    return Carried(going_on, heads, [[Span(places[-1].header.end, size)]])


def _unfinished(tape: Tape, places: list[_Place]) -> list[int]:
    """The last step of each stage, if nothing tells that it came to its end."""
    last = {place.header.key: index for index, place in enumerate(places)}
    return [index for index in last.values() if not _has_ended(tape, places[index])]


def _has_ended(tape: Tape, place: _Place) -> bool:
    """Whether a step of a stage beside others came to its end, as far as what stands behind it tells."""
    kinds = tape.kinds[place.first + 1 : place.last]
    return Kind.CACHED in kinds or (place.header.is_at_end and (Kind.IMAGE in kinds or Kind.VERTEX in kinds))


_CLOSING = frozenset({Kind.IMAGE, Kind.VERTEX, Kind.FAILURE, Kind.RESULT, Kind.TAG, Kind.CACHED})


def _places(build: Build) -> Iterator[_Place]:
    tape, data = build.tape, build.transcript.data
    index = tape.kinds.find(Kind.HEADER, build.first, build.last)
    while index >= 0:
        following = tape.kinds.find(Kind.HEADER, index + 1, build.last)
        _, start, end = tape.element(index)
        header = find_headers(data[start:end])[0]
        moved = header._replace(start=start, words=start + header.words, end=end)
        yield _Place(moved, index, following if following >= 0 else build.last)
        index = following


def _failing(build: Build, places: list[_Place], failure_at: int) -> int | None:
    """The step that the builder's closing words name, else the last one."""
    data = build.transcript.data
    _, start, end = build.tape.element(failure_at)
    if not places:
        return None
    named = BUILDING_AT.search(data, start, end)
    latest = range(len(places) - 1, -1, -1)
    if named is not None:
        return max(latest, key=lambda index: says(data, named.start(), places[index].header))
    if data.find(b"creating build container", start, end) >= 0:
        # Of several platforms, one may have stopped at its FROM long ago.
        last = {place.header.key: index for index, place in enumerate(places)}
        bases = [index for index in last.values() if places[index].header.instruction == FROM]
        return max(bases, default=latest[0])
    return latest[0]


def _read_failure(build: Build, failure_at: int, steps: list[Step], failing: int | None) -> Failure:
    _, start, end = build.tape.element(failure_at)
    words = build.transcript.data[start:end]
    signal = _SIGNAL.match(words)
    status = EXIT_STATUS.search(words[-64:]) if signal is None else None
    code = int(status[1]) if status is not None else None
    if failing is not None:
        steps[failing].failed = True
        steps[failing].exit_code = code
    canceled = (
        b"context canceled" in words
        or (signal is not None and signal[1] in _INTERRUPTIONS)
        or _has_killed(build, failure_at)
    )
    return Failure(Span(start, end), code, failing, canceled=canceled)


def _has_killed(build: Build, failure_at: int) -> bool:
    """Whether buildah complains that it could not kill a container, as it does if it is interrupted."""
    index = failure_at - 1
    while index >= build.first and build.tape.kinds[index] == Kind.ERROR:
        _, start, end = build.tape.element(index)
        if build.transcript.data.find(b" sending SIGKILL", start, end) >= 0:
            return True
        index -= 1
    return False


def _read_step(build: Build, place: _Place) -> Step:
    data, tape, header = build.transcript.data, build.tape, place.header
    cached, image_id, ended = False, None, False
    end = header.end
    for index in range(place.first + 1, place.last):
        kind, start, stop = tape.element(index)
        ended = ended or kind in _STEP_ENDS
        if kind is Kind.CACHED:
            cached, image_id = True, _short(data[start:stop])
        elif kind is Kind.IMAGE:  # of the last step, it stands behind the commit
            image_id = _short(data[start:stop])
        elif kind is Kind.RESULT:
            break
        end = end if ended else stop
    return Step(
        number=header.number,
        total=header.total,
        instruction=intern(header.instruction.decode("ascii", "replace")),
        arguments=plain(data[header.words + len(header.instruction) : header.end].strip()),
        stage=-1,
        stage_name=None,
        platform=header.key.platform.decode() if header.key.platform is not None else None,
        cached=cached,
        image_id=image_id,
        container_ids=(),
        exit_code=None,
        failed=False,
        triggers=0,
        timing=NO_TIMING,
        start=header.start,
        header_end=header.end,
        end=end,
        outputs=(),
        transcript=build.transcript,
    )


_STEP_ENDS = frozenset({Kind.VERTEX, Kind.FAILURE, Kind.RESULT, Kind.TAG})


def _number_stages(places: list[_Place], steps: list[Step]) -> None:
    """Give each step the number of its FROM.

    Where buildah prints the number of a stage, that is it: stages need not begin in their order. The stages
    of another platform are counted behind those of the one before.
    """
    count = 0
    stages: dict[Key, tuple[int, str | None]] = {}
    platforms: dict[bytes | None, int] = {}
    for place, step in zip(places, steps, strict=True):
        platform, stage, total = key = place.header.key
        before = platforms.setdefault(platform, len(platforms)) * (total or 1)
        printed = before + (stage - 1 if stage else 0) if stage or platform else None
        if step.instruction == "FROM":
            name = _STAGE_NAME.search(step.arguments)
            stages[key] = (count if printed is None else printed, name[1] if name else None)
            count += 1
        step.stage, step.stage_name = stages.get(key, (-1 if printed is None else printed, None))


def _share_outputs(build: Build, places: list[_Place], steps: list[Step], failing: int | None) -> None:
    """Give what programs printed to their steps.

    Several stages may run at once, and nothing tells whose a line is. It is given to the failing
    step while that one runs, else to the one that began last: so nothing that may say why a build failed is
    missing where it is looked for.
    """
    running: dict[Key, int] = {}
    unfinished: set[Key] = set()
    outputs: list[list[Span]] = [[] for _ in steps]
    at_once = _at_once(places)
    for index, place in enumerate(places):
        before = running.pop(place.header.key, None)
        if before is not None:
            steps[before].end = max(steps[before].end, place.header.start)
        if at_once and steps[index].instruction == "RUN":
            running[place.header.key] = index
        owner = index
        if failing is not None and running.get(places[failing].header.key) == failing:
            owner = failing
        elif steps[index].instruction != "RUN" and running:
            owner = next(reversed(running.values()))
        unfinished.discard(place.header.key)
        if unfinished:
            steps[index].image_id = None  # nor whose image it is
        if at_once and not place.header.is_at_end:
            unfinished.add(place.header.key)
        for element in build.tape.of_kind(Kind.OUTPUT, place.first, place.last):
            outputs[owner].append(Span(element.start, element.end))
            steps[owner].end = max(steps[owner].end, element.end)
    for step, spans in zip(steps, outputs, strict=True):
        step.outputs = tuple(spans)


def _go_on(build: Build, places: list[_Place], steps: list[Step]) -> None:
    """Tell a step that had to wait for another stage from the last step of that stage.

    Buildah prints the header of a COPY, then builds the stage it copies from, and then goes on: behind the
    image of that stage's last step stands that of the COPY.
    """
    waiting: list[int] = []
    began = origin(build) if build.transcript.stamps is not None else None
    for index, place in enumerate(places):
        following = places[index + 1].header if index + 1 < len(places) else None
        images = list(build.tape.of_kind(Kind.IMAGE, place.first, place.last))
        if following is not None and following.key != place.header.key and not place.header.is_at_end:
            if not images and Kind.CACHED not in build.tape.kinds[place.first : place.last]:
                waiting.append(index)
            continue
        if not waiting or not place.header.is_at_end or len(images) != 2:  # noqa: PLR2004 - see above
            continue
        other = places[waiting[-1]].header
        if following is None or (following.key, following.number) != (other.key, other.number + 1):
            continue
        waited = waiting.pop()
        for inner in range(waited + 1, index):
            steps[inner].image_id = _read_step(build, places[inner]).image_id
        for step, image, begin in (
            (steps[index], images[0], place.header.start),
            (steps[waited], images[1], images[0].start),
        ):
            step.image_id = _short(build.transcript.data[image.start : image.end])
            step.end = max(image.end, step.header_end)
            since = build.transcript.time(step.start)
            started = since - began if since is not None and began is not None else None
            step.timing = between(build.transcript, begin, image.start, started)


def _at_once(places: list[_Place]) -> bool:
    """Whether a stage went on, or another began, before one had come to its end."""
    return any(
        one.header.key != other.header.key and (not one.header.is_at_end or other.header.number > 1)
        for one, other in pairwise(places)
    )


def _result(build: Build, committed: int) -> str | None:
    """The id of the finished image: the last one, since each platform of a build prints its own."""
    data, tape = build.transcript.data, build.tape
    index = tape.kinds.rfind(Kind.RESULT, build.first, build.last)
    if index < 0 and committed >= 0:
        index = tape.kinds.find(Kind.IMAGE, committed, build.last)
    return _short(data[slice(*tape.element(index)[1:])]) if index >= 0 else None


def _short(line: bytes) -> str | None:
    match = _ID.search(line)
    return match[0][:_SHORT].decode() if match else None


def _words(line: str) -> str:
    """The message of a line of logrus, and any other line as it is."""
    match = _LOGRUS.fullmatch(line)
    if match is None:
        return line
    message = match[1]
    return message[1:-1].replace('\\"', '"') if message.startswith('"') and message.endswith('"') else message


def _pulls(build: Build, place: _Place, step: Step) -> Iterator[Pull]:
    """The pulls of a step: one for each image that is tried, over the lines of all tries."""
    data = build.transcript.data
    parts: list[tuple[str | None, list[Span]]] = []
    for element in build.tape.of_kind(Kind.PULL, place.first, place.last):
        start = element.start
        tries = list(_TRYING.finditer(data, start, element.end))
        for index, match in enumerate(tries):
            if match.start() > start and parts:
                parts[-1][1].append(Span(start, match.start()))
                start = match.start()
            stop = tries[index + 1].start() if index + 1 < len(tries) else element.end
            parts.append((plain(match[1]), [Span(start, stop)]))
            start = stop
        if not tries:
            if not parts:
                parts.append((None, []))
            parts[-1][1].append(Span(start, element.end))
    for name, spans in parts:
        yield _read_pull(data, name or base_image(step.arguments), spans, step.number)


def _read_pull(data: bytes, name: str, spans: list[Span], number: int) -> Pull:
    states: dict[bytes, str] = {}
    sizes: dict[bytes, int] = {}
    status = None
    for start, end in spans:
        for layer, words in _BLOB.findall(data, start, end):
            size = _BLOB_BYTES.search(words)
            if size is not None:
                sizes[layer] = round(float(size[1]) * _UNITS[size[2]])
            state = _BLOB_STATE.match(plain(words.strip()))
            states[layer] = state[0] if state is not None else states.get(layer, _COPYING)
        status = next((plain(each) for each in _STORED if data.rfind(each, start, end) >= 0), status)
    if status is not None:
        # The manifest is written once all blobs are there; of most, no line says so itself.
        states = {layer: "done" if state == _COPYING else state for layer, state in states.items()}
    # A password in an address stands before an "@", too.
    repository, _, digest = name.partition("@sha256:")
    digest = digest and f"sha256:{digest}"
    tag = ""
    if not digest and ":" in repository.rpartition("/")[2]:
        repository, _, tag = repository.rpartition(":")
    return Pull(
        repository=repository,
        tag=tag,
        step_number=number,
        layers=tuple(
            LayerPull(layer.decode(), sizes.get(layer), state.startswith("skipped"), state)
            for layer, state in states.items()
        ),
        digest=digest or None,
        status=status,
        span=Span(spans[0].start, spans[-1].end),
    )
