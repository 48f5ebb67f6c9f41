"""Reading the views of a build from its elements: steps with their times, pulls, warnings, how it ended."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from sys import intern

from logparse.model import (
    NO_TIMING,
    Build,
    BuildWarning,
    Contents,
    Failure,
    Kind,
    Pull,
    Span,
    Step,
    Timing,
    TimingSource,
)
from logparse.parser.kaniko.markers import Line, read_line, said
from logparse.text import plain

__all__ = ["read_contents"]

_EXIT_STATUS = re.compile(r"exit status (\d{1,10})\s*$")
_STAGE = re.compile(r"Building stage '([^']*)'")
_TRIGGERS = re.compile(r"Executing (\d{1,7}) build triggers")
_RETRIEVED = re.compile(r"(?:Retrieving image (?:manifest )?|Downloading base image )(\S+)")
_RESOLUTION = 1.0
"""kaniko prints whole seconds."""

_STEP_ENDS = frozenset({Kind.HEADER, Kind.VERTEX, Kind.PULL, Kind.FAILURE, Kind.DONE, Kind.TRIGGERS})
_OF_BASE = frozenset({Kind.PULL, Kind.TRIGGERS})
_UNSTAMPED = frozenset({Kind.OUTPUT, Kind.UNKNOWN, Kind.BLANK})
_IN_STAGE = re.compile(r"error building stage: |waiting for process to exit|exit status \d")
_BETWEEN = re.compile(r"failed to get files used from context|failed to optimize instructions")
"""Of the first, a COPY or ADD dies that would have come next and is not named."""


def read_contents(build: Build) -> Contents:
    """Read all views of a build of kaniko's."""
    reader = _Reader(build)
    reader.read()
    failure = reader.failure
    if failure is not None and failure.step_index is not None:
        step = reader.steps[failure.step_index]
        step.failed, step.exit_code = True, failure.exit_code
    elif failure is None and not reader.finished and reader.steps:
        reader.steps[-1].incomplete = True
    return Contents(
        steps=tuple(reader.steps),
        pulls=tuple(reader.pulls),
        warnings=tuple(reader.warnings),
        failure=failure,
        tags=tuple(dict.fromkeys(reader.tags)),
        finished=reader.finished and failure is None,
    )


class _Reader:
    """Goes through the elements of a build once."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._data = build.transcript.data
        self.steps: list[Step] = []
        self.pulls: list[Pull] = []
        self.warnings: list[BuildWarning] = []
        self.tags: list[str] = []
        self.failure: Failure | None = None
        self.finished = False
        self._caches: set[str] = set()
        self._retrieved: dict[str, Span] = {}
        # The step at hand: whether there is one, what was printed in it, when it began.
        self._open = False
        self._outputs: list[Span] = []
        self._began: float | None = None
        self._last: float | None = None
        self._origin: float | None = None
        self._stage = -1
        self._fresh = True
        self._triggers = 0

    def read(self) -> None:
        """Read everything."""
        tape = self._build.tape
        for index in range(self._build.first, self._build.last):
            kind, start, end = tape.element(index)
            self._element(kind, start, end)
        if self._open:
            self._close(None)
        bases = {step.arguments: step.number for step in reversed(self.steps) if step.instruction == "FROM"}
        for name, span in self._retrieved.items():
            self.pulls.append(_pull(name, bases.get(name, 0), span))

    def _element(self, kind: Kind, start: int, end: int) -> None:
        line = read_line(self._data, start, end) if kind not in _UNSTAMPED else None
        seconds = self._seconds(line)
        self._pass(kind, line, end, seconds)
        match kind:
            case Kind.HEADER if line is not None:
                self._header(line, start, end, seconds)
            case Kind.OUTPUT if self._open:
                self._outputs.append(Span(start, end))
            case Kind.CACHED if self._open:
                self.steps[-1].cached = True
            case Kind.PROGRESS | Kind.TRIGGERS:
                self._prepare(line, start, end)
            case Kind.PULL:
                self._retrieve(start, end)
            case Kind.PUSH | Kind.DONE:
                self._push(line, start, end)
            case Kind.WARNING if line is not None:
                self.warnings.append(BuildWarning(said(self._data, line), Span(start, end)))
            case Kind.FAILURE if self.failure is None:
                self._fail(start, end)

    def _pass(self, kind: Kind, line: Line | None, end: int, seconds: float | None) -> None:
        """Let the step at hand end with an element, or go on over it."""
        base = self._open and self.steps[-1].instruction == "FROM" and kind in _OF_BASE
        if self._open and not base and (kind in _STEP_ENDS or (kind is Kind.PUSH and self._is_final(line))):
            self._close(seconds)
        elif self._open:
            self.steps[-1].end = end
        self._last = self._last if seconds is None else seconds

    # -- time -----------------------------------------------------------------------------------------

    def _seconds(self, line: Line | None) -> float | None:
        """When a line was printed, in seconds from the build's start."""
        if line is None or not line.clock:
            return None
        if line.clock.isdigit():
            return float(line.clock)
        try:
            moment = datetime.fromisoformat(line.clock.decode("ascii", "replace"))
            seconds = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError, OSError):
            return None
        if self._origin is None:
            self._origin = seconds
        return seconds - self._origin

    def _close(self, seconds: float | None) -> None:
        """Let the last step end at a time, if that is known."""
        self._open = False
        self.steps[-1].outputs = tuple(self._outputs)
        began = self._began
        if began is None:
            return
        if seconds is None:
            if self._build.transcript.stamps is not None:
                return  # they know more
            low = max(0.0, (self._last or began) - began - _RESOLUTION)
            self.steps[-1].timing = Timing(began, None, low, None, TimingSource.CLOCK)
        elif seconds >= began:
            took = seconds - began
            low = max(0.0, took - _RESOLUTION)
            self.steps[-1].timing = Timing(began, took, low, took + _RESOLUTION, TimingSource.CLOCK)

    # -- steps ----------------------------------------------------------------------------------------

    def _header(self, line: Line, start: int, end: int, seconds: float | None) -> None:
        message = said(self._data, line)
        stage = _STAGE.match(message)
        if stage is None and message.startswith(("Retrieving", "Downloading")):
            self._retrieve(start, end)
            stage = _RETRIEVED.match(message)
        if stage is not None:
            instruction, arguments = "FROM", stage[1]
        else:
            instruction, _, arguments = message.partition(" ")
        if stage is not None or self._fresh:
            self._stage += 1
        self._fresh = False
        self.steps.append(
            Step(
                number=len(self.steps) + 1,
                total=None,
                instruction=intern(instruction.upper()),
                arguments=arguments.strip(),
                stage=self._stage,
                stage_name=None,
                platform=None,
                cached=False,
                image_id=None,
                container_ids=(),
                exit_code=None,
                failed=False,
                triggers=self._triggers if stage is not None else 0,
                timing=NO_TIMING,
                start=start,
                header_end=end,
                end=end,
                outputs=(),
                transcript=self._build.transcript,
            )
        )
        self._triggers = 0
        self._open, self._began, self._outputs = True, seconds, []

    def _prepare(self, line: Line | None, start: int, end: int) -> None:
        """Read how a stage begins. Before 1.6, no line said so itself."""
        words = self._data[start:end]
        if b"Unpacking rootfs" in words or b"Skipping unpacking" in words:
            self._fresh = not (self.steps and self.steps[-1].instruction == "FROM")
        found = _TRIGGERS.match(said(self._data, line)) if line is not None else None
        if found is not None and self._open and self.steps[-1].instruction == "FROM":
            self.steps[-1].triggers = int(found[1])
        elif found is not None:
            self._triggers = int(found[1])

    # -- pulls and pushes -----------------------------------------------------------------------------

    def _retrieve(self, start: int, end: int) -> None:
        position = start
        while position < end:
            line = read_line(self._data, position, end)
            if line is None:
                break
            found = _RETRIEVED.match(said(self._data, line))
            if found is not None:
                before = self._retrieved.get(found[1])
                self._retrieved[found[1]] = Span(before.start if before else position, line.end)
            position = line.end

    def _is_final(self, line: Line | None) -> bool:
        """Whether a line says that the image is pushed, and not a layer to the cache."""
        if line is None:
            return True
        words = said(self._data, line).split()
        return words[:3] == ["Pushing", "image", "to"] and words[-1] not in self._caches

    def _push(self, line: Line | None, start: int, end: int) -> None:
        if line is None:  # the registry client's, of old
            self.finished = self.finished or b": digest: sha256:" in self._data[start:end]
            return
        if self._data.startswith(b"Skipping push", line.message):
            self.finished = True
            return
        words = said(self._data, line).split()
        if words[:2] == ["Pushing", "layer"]:
            self._caches.update(words[2:3])
        elif self._is_final(line):
            self.tags += words[3:4]
            self.finished = True

    # -- the end --------------------------------------------------------------------------------------

    def _fail(self, start: int, end: int) -> None:
        words = plain(self._data[start:end].strip())
        status = _EXIT_STATUS.search(words)
        in_step = bool(self.steps) and _IN_STAGE.search(words) is not None and not _BETWEEN.search(words)
        if in_step and "failed to get filesystem from image" in words:
            in_step = self.steps[-1].instruction == "FROM"
        self.failure = Failure(
            span=Span(start, end),
            exit_code=int(status[1]) if status is not None else None,
            step_index=len(self.steps) - 1 if in_step else None,
            canceled="context canceled" in words,
        )


def _pull(name: str, number: int, span: Span) -> Pull:
    repository, _, digest = name.partition("@")
    tag = ""
    if ":" in repository.rpartition("/")[2]:
        repository, _, tag = repository.rpartition(":")
    return Pull(repository, tag, number, (), digest or None, None, span)
