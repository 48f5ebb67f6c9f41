"""Reading the views of a build from its elements: steps, pulls, warnings, how it ended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from sys import intern

from logparse.model import (
    NO_TIMING,
    Build,
    BuildWarning,
    Contents,
    Element,
    Failure,
    Kind,
    LayerPull,
    Pull,
    Span,
    Step,
    base_image,
)
from logparse.parser.classic.markers import NON_ZERO_CODE
from logparse.text import plain

__all__ = ["read_contents"]

_HEADER = re.compile(rb"[^S]{0,80}Step (\d+)(?:/(\d+))? : (\w*)[ \t]*([^\n]*)")
_STAGE_NAME = re.compile(r"(?i)\sAS\s+(\S+)\s*$")
_ID = re.compile(rb"[0-9a-f]{12}")
_TAGGED = re.compile(rb"Successfully tagged ([^\r\n]*)")
_TRIGGER_COUNT = re.compile(rb"Executing (\d{1,9}) build")

_PULLING = re.compile(rb"(?:^|\n)([^\s:]{1,128}): Pulling from ([^\r\n]*)")
_LAYER = re.compile(rb"(?:^|[\r\n])([0-9a-f]{12}): ([^\r\n]*)")
_LAYER_BYTES = re.compile(rb"/\s?([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([kKMGT]?)B\b")
_LAYER_STATE = re.compile(r"[A-Z][A-Za-z ]*[a-z]")
# On a terminal, a move of the cursor comes before them and no line's end.
_DIGEST = re.compile(rb"(?:^|[\r\nB])Digest: ([^\r\n]*)")
_STATUS = re.compile(rb"(?:^|[\r\nB])Status: ([^\r\n]*)")
_NAMED = re.compile(r"[Ii]mage (?:is up to date )?for (\S{1,512})\Z")
_UNITS = {b"": 1, b"k": 10**3, b"K": 10**3, b"M": 10**6, b"G": 10**9, b"T": 10**12}

# Plain numbers, since comparing with a member of an enumeration takes several times as long, and this is
# done for every element.
_IMAGE, _RUNNING, _OUTPUT = int(Kind.IMAGE), int(Kind.RUNNING), int(Kind.OUTPUT)
_CACHED, _PULL, _TRIGGERS = int(Kind.CACHED), int(Kind.PULL), int(Kind.TRIGGERS)

# Where ids stand in the builder's lines.
_IMAGE_ID = slice(len(" ---> "), len(" ---> ") + 12)
_CONTAINER_ID = slice(len(" ---> Running in "), len(" ---> Running in ") + 12)


def read_contents(build: Build) -> Contents:
    """Read all views of a build of the classic builder."""
    kinds, data = build.tape.kinds, build.transcript.data
    headers = list(_find_all(kinds, Kind.HEADER, build.first, build.last))
    failure_at = kinds.find(Kind.FAILURE, build.first, build.last)
    result_at = kinds.find(Kind.RESULT, build.first, build.last)
    end = min((at for at in (failure_at, result_at) if at >= 0), default=build.last)

    steps: list[Step] = []
    pulls: list[Pull] = []
    stage, stage_name = -1, None
    for place, first in enumerate(headers):
        last = headers[place + 1] if place + 1 < len(headers) else max(end, first + 1)
        step = _read_step(build, first, last, pulls)
        if step.instruction == "FROM":
            stage += 1
            name = _STAGE_NAME.search(step.arguments)
            stage_name = name[1] if name else None
        step.stage, step.stage_name = stage, stage_name
        steps.append(step)

    if steps and failure_at < 0 and result_at < 0:
        steps[-1].incomplete = kinds.find(Kind.IMAGE, headers[-1], build.last) < 0

    failure = None
    if failure_at >= 0:
        element = build.tape.element(failure_at)
        code = NON_ZERO_CODE.search(data, element.start, element.end)
        failure = Failure(
            span=Span(element.start, element.end),
            exit_code=int(code[1]) if code else None,
            step_index=len(steps) - 1 if steps else None,
            canceled=data.find(b"context canceled", element.start, element.end) >= 0,
        )
        if steps:
            steps[-1].failed = True
            steps[-1].exit_code = failure.exit_code
    return Contents(
        steps=tuple(steps),
        pulls=tuple(pulls),
        warnings=tuple(
            _read_warning(data, e) for e in build.tape.of_kind(Kind.WARNING, build.first, build.last)
        ),
        failure=failure,
        image_id=_first_id(data, build.tape.element(result_at)) if result_at >= 0 else None,
        tags=tuple(
            plain(name)
            for element in build.tape.of_kind(Kind.TAG, build.first, build.last)
            for name in _TAGGED.findall(data, element.start, element.end)
        ),
    )


def _find_all(kinds: bytearray, kind: Kind, first: int, last: int) -> Iterator[int]:
    found = kinds.find(kind, first, last)
    while found >= 0:
        yield found
        found = kinds.find(kind, found + 1, last)


def _first_id(data: bytes, element: Element) -> str | None:
    match = _ID.search(data, element.start, element.end)
    return match[0].decode() if match else None


def _read_warning(data: bytes, element: Element) -> BuildWarning:
    lines = data[element.start : element.end].strip().split(b"\n")
    return BuildWarning("\n".join(plain(line) for line in lines), Span(element.start, element.end))


def _read_step(build: Build, first: int, last: int, pulls: list[Pull]) -> Step:
    """Read the step whose elements are `first` to `last` (exclusive); its pulls go to `pulls`."""
    data = build.transcript.data
    kinds, ends = build.tape.kinds, build.tape.ends
    header_start, start = ends[first - 1] if first else 0, ends[first]
    parts = _HEADER.match(data, header_start, start)
    if parts is None:  # the header was cut by a stricter pattern
        raise AssertionError(header_start)
    number = int(parts[1])
    cached = False
    image_id: str | None = None
    container_ids: list[str] = []
    outputs: list[Span] = []
    triggers = 0
    for index in range(first + 1, last):
        kind, end = kinds[index], ends[index]
        if kind == _IMAGE:
            image_id = _id(data[start:end][_IMAGE_ID])
        elif kind == _RUNNING:
            container_id = _id(data[start:end][_CONTAINER_ID])
            container_ids += [container_id] if container_id else []
        elif kind == _OUTPUT:
            outputs.append(Span(start, end))
        elif kind == _CACHED:
            cached = True
        elif kind == _PULL:
            pulls.append(_read_pull(data[start:end], number, Span(start, end), plain(parts[4])))
        elif kind == _TRIGGERS:
            count = _TRIGGER_COUNT.search(data, start, end)
            triggers += int(count[1]) if count else 0
        start = end
    return Step(
        number=number,
        total=None if parts[2] is None else int(parts[2]),
        instruction=intern(parts[3].decode("ascii", "replace").upper()),
        arguments=plain(parts[4]).rstrip(),
        stage=-1,
        stage_name=None,
        platform=None,
        cached=cached,
        image_id=image_id,
        container_ids=tuple(container_ids),
        exit_code=None,
        failed=False,
        triggers=triggers,
        timing=NO_TIMING,
        start=header_start,
        header_end=ends[first],
        end=start,
        outputs=tuple(outputs),
        transcript=build.transcript,
    )


def _id(raw: bytes) -> str | None:
    return raw.decode() if _ID.fullmatch(raw) else None


def _read_pull(block: bytes, step_number: int, span: Span, arguments: str) -> Pull:
    """Read the lines of one pull that a FROM asked for. A layer's state is the last one it reached."""
    named = _PULLING.search(block)
    states: dict[bytes, bytes] = {}
    sizes: dict[bytes, int] = {}
    present: set[bytes] = set()
    for layer_id, state in _LAYER.findall(block):
        states[layer_id] = state
        if state.startswith(b"Already exists"):
            present.add(layer_id)
        elif b"B" in state:
            size = _LAYER_BYTES.search(state)
            if size is not None:
                sizes[layer_id] = round(float(size[1]) * _UNITS[size[2]])
    digest, status = _DIGEST.search(block), _STATUS.search(block)
    repository, tag = (plain(named[2]).strip(), plain(named[1])) if named else ("", "")
    return Pull(
        repository=repository,
        tag=tag,
        step_number=step_number,
        layers=tuple(
            LayerPull(layer_id.decode(), sizes.get(layer_id), layer_id in present, _state(state))
            for layer_id, state in states.items()
        ),
        digest=plain(digest[1]) if digest else None,
        status=plain(status[1]) if status else None,
        span=span,
        name=_name(plain(status[1]) if status else "", f"{repository}:{tag}", base_image(arguments)),
    )


def _name(status: str, printed: str, base: str) -> str | None:
    """The image's name with its registry: of the closing line, or of the FROM if it is the same image."""
    named = _NAMED.search(status)
    if named is not None:
        return named[1]
    return base if f"/{base}".endswith(f"/{printed}") else None


def _state(line: bytes) -> str:
    """A layer's state without its progress bar: ``Downloading``, ``Pull complete``."""
    text = plain(line)
    match = _LAYER_STATE.match(text)
    return match[0] if match else text
