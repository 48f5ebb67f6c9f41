"""The words of logparse as types: a :class:`Log` goes in, a :class:`Build` comes out.

Everything else in the package imports this module, and this module imports only :mod:`logparse.log`.
The vocabulary is Docker's own wherever Docker has a word for the thing.

A build knows every byte of its log. The parser cuts the log into a :class:`Tape` of elements that
lie end to end, so no byte can belong to two elements or to none; steps, pulls and warnings are views
of stretches of that tape, decoded only when somebody looks at them.
"""

from __future__ import annotations

import enum
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from logparse.log import Log, Span, Status, Transcript

__all__ = [
    "Build",
    "BuildWarning",
    "Builder",
    "Candidate",
    "Contents",
    "Diagnosis",
    "Element",
    "Evidence",
    "FailedCommand",
    "Failure",
    "Kind",
    "LayerPull",
    "Line",
    "Log",
    "Message",
    "Outcome",
    "Pull",
    "Span",
    "Stage",
    "Status",
    "Step",
    "Tape",
    "Timing",
    "TimingSource",
    "Transcript",
    "Vertex",
]


class Builder(enum.StrEnum):
    """Which program wrote the log."""

    CLASSIC = "classic"
    BUILDKIT = "buildkit"
    BUILDAH = "buildah"
    KANIKO = "kaniko"
    NONE = "none"
    """No builder spoke: only a package manager's output, as Algorithmia stored before environments."""


class Outcome(enum.StrEnum):
    """How a build ended, as far as its log (or, where the log is silent, the API) can say."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    INCOMPLETE = "incomplete"
    """The log stops in the middle of a build."""
    UNKNOWN = "unknown"


class Kind(enum.IntEnum):
    """What a stretch of a log is. One byte a stretch on the :class:`Tape`."""

    UNKNOWN = 0
    """Not understood: kept, and counted by :attr:`Build.unknown_bytes`."""
    BLANK = 1
    """Only white space."""
    CONTEXT = 2
    """The build context on its way to the daemon."""
    HEADER = 3
    """A step begins: its number, instruction and arguments."""
    TRIGGERS = 4
    """ONBUILD instructions of the base image are about to run."""
    CACHED = 5
    """The step's result was taken from the cache."""
    RUNNING = 6
    """A container was started for the step."""
    OUTPUT = 7
    """What a program inside a step printed."""
    REMOVED = 8
    """The step's container was removed."""
    IMAGE = 9
    """The image id that a step made."""
    PULL = 10
    """An image on its way from a registry, from its name to its final status."""
    WARNING = 11
    """A warning of the builder itself."""
    FAILURE = 12
    """The builder's closing words on why it stopped."""
    RESULT = 13
    """The id of the finished image."""
    TAG = 14
    """A name given to the finished image."""
    PUSH = 15
    """The image on its way to a registry."""
    CLEANUP = 16
    """Images untagged and layers deleted after the build."""
    VERTEX = 17
    """Work that is no instruction of a Dockerfile begins: loading metadata, exporting."""
    PROGRESS = 18
    """How far a transfer, an extraction or an export has come; on a terminal, a frame of the display."""
    DONE = 19
    """A step or other work came to its end, mostly with the seconds it took."""
    CANCELED = 20
    """A step or other work was given up because another one failed."""
    ERROR = 21
    """A step or other work failed."""
    EXCERPT = 22
    """What the builder repeats once it has failed: last lines of output, lines of the Dockerfile."""
    NOTE = 23
    """Other words of the builder, understood and without a place of their own in the model."""


class Element(NamedTuple):
    """One stretch of a log: what it is, and which bytes."""

    kind: Kind
    start: int
    end: int


class Tape:
    """All elements of a log, lying end to end, in 9 bytes each.

    An element begins where the one before it ends, so a tape cannot leave a byte out or hold one twice;
    :meth:`add` refuses to step back.
    """

    __slots__ = ("ends", "kinds")

    def __init__(self) -> None:
        self.kinds = bytearray()
        self.ends = array("q")

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def end(self) -> int:
        """Where the last element ends."""
        return self.ends[-1] if self.ends else 0

    def add(self, kind: Kind, end: int) -> None:
        """Append the element that reaches from the last one's end to `end`; an empty one is left out."""
        last = self.end
        if end > last:
            self.kinds.append(kind)
            self.ends.append(end)
        elif end < last:
            raise ValueError(f"an element cannot end at {end}, before the last one's end at {last}")

    def split(self, index: int, offset: int, kind: Kind) -> None:
        """Cut the element at `index` in two at `offset`; the part behind it becomes a `kind`."""
        start, end = self.element(index)[1:]
        if not start <= offset < end:
            raise ValueError(f"{offset} is not inside the element from {start} to {end}")
        if offset == start:
            self.kinds[index] = kind
            return
        self.ends.insert(index, offset)
        self.kinds.insert(index + 1, kind)

    def element(self, index: int) -> Element:
        """The element at `index` (0-based, not negative)."""
        return Element(Kind(self.kinds[index]), self.ends[index - 1] if index else 0, self.ends[index])

    def of_kind(self, kind: Kind, first: int = 0, last: int | None = None) -> Iterator[Element]:
        """Those of elements `first` to `last` (exclusive) that are of one kind, in order."""
        last = len(self) if last is None else last
        index = self.kinds.find(kind, first, last)
        while index >= 0:
            yield self.element(index)
            index = self.kinds.find(kind, index + 1, last)

    def elements(self, first: int = 0, last: int | None = None) -> Iterator[Element]:
        """Elements `first` to `last` (exclusive), in order."""
        for index in range(first, len(self) if last is None else last):
            yield self.element(index)


class TimingSource(enum.StrEnum):
    """Where a step's seconds come from."""

    CLOCK = "clock"
    """The log's own clock."""
    PREFIX = "prefix"
    """A time stamp that something put before each line."""
    ARRIVAL = "arrival"
    """Stamped while the log was read live."""
    REPORTED = "reported"
    """A tool in the step said how long it took: a lower bound."""
    ESTIMATED = "estimated"
    """Inferred over many builds."""
    NONE = "none"
    """Not known."""


@dataclass(slots=True, frozen=True)
class Timing:
    """Seconds of a step, between `low` and `high`, and where they come from.

    All are float seconds, ``None`` where nothing is known: a log without a clock gives ``Timing()``, and
    nothing is made up.

    Parameters
    ----------
    started
        Seconds from the build's start.
    seconds, low, high
        How long the step took, and the bounds of that.
    source
        Where they come from.
    group
        Label shared by the steps of a build that durations alone cannot tell apart.
    """

    started: float | None = None
    seconds: float | None = None
    low: float | None = None
    high: float | None = None
    source: TimingSource = TimingSource.NONE
    group: str | None = None


NO_TIMING = Timing()


class BuildWarning(NamedTuple):
    """A warning of the builder itself (not of a program in a step).

    Parameters
    ----------
    text, span
        What it says, and where.
    rule, line
        Of a build check: its name, such as ``FromAsCasing``, and the Dockerfile's line.
    """

    text: str
    span: Span
    rule: str | None = None
    line: int | None = None


@dataclass(slots=True)
class Step:
    """One instruction of a Dockerfile as the builder ran it. Read-only by convention.

    Parameters
    ----------
    number, total
        The builder's own count, ``Step 13/21``. Builders before Docker 1.13 print no total.
    instruction
        ``RUN``, ``COPY``, ... in upper case.
    arguments
        The rest of the instruction as printed: build arguments are not filled in.
    stage, stage_name
        0-based number of the ``FROM`` it belongs to (-1 before the first), and its ``AS`` name.
    platform
        ``linux/arm64`` and the like where the builder prints it.
    cached
        Whether the result came from the cache.
    image_id, container_ids
        Short ids. More than one container when ONBUILD triggers ran.
    exit_code
        Set only where the log states it: the failing step's code; 0 is never inferred.
    failed
        Whether the build ended at this step.
    timing
        Seconds and their source.
    start, header_end, end
        Where the step begins in its log, its first line ends, and the whole of it ends.
    outputs
        What programs in it printed, each line still behind its :attr:`~Transcript.mark`.
    transcript
        The text that all these spans are of.
    canceled
        Whether it was given up because another one failed.
    target
        With several targets in one build (``docker buildx bake``, Compose): the target's name.
    vertex
        BuildKit's number, ``#12``.
    lines
        First and last line of the Dockerfile that it stands on, 1-based, where the log tells.
    incomplete
        Whether the log does not have its end: it was at work when the log was cut, or when the build stopped.
    """

    number: int
    total: int | None
    instruction: str
    arguments: str
    stage: int
    stage_name: str | None
    platform: str | None
    cached: bool
    image_id: str | None
    container_ids: tuple[str, ...]
    exit_code: int | None
    failed: bool
    triggers: int
    timing: Timing
    start: int
    header_end: int
    end: int
    outputs: tuple[Span, ...]
    transcript: Transcript = field(repr=False, compare=False)
    canceled: bool = False
    target: str | None = None
    vertex: int | None = None
    lines: tuple[int, int] | None = None
    incomplete: bool = False

    @property
    def state(self) -> str:
        """What became of it: ``failed``, ``canceled``, ``cached``, ``incomplete`` or ``done``."""
        if self.failed:
            return "failed"
        if self.canceled:
            return "canceled"
        if self.cached:
            return "cached"
        return "incomplete" if self.incomplete else "done"

    @property
    def span(self) -> Span:
        """The bytes of the whole step in its transcript."""
        return Span(self.start, self.end)

    @property
    def log_span(self) -> Span:
        """Where it is in the log, which is elsewhere if something stood around the builder's lines."""
        return self.transcript.hull(self.start, self.end)

    @property
    def header(self) -> Span:
        """The bytes of its first line."""
        return Span(self.start, self.header_end)

    @property
    def text(self) -> str:
        """The instruction with its arguments, on one line as the builder prints it."""
        return f"{self.instruction} {self.arguments}" if self.arguments else self.instruction

    @property
    def stage_label(self) -> str | None:
        """The name of its stage, or the stage's number if it has none; ``None`` before the first ``FROM``."""
        if self.stage < 0:
            return None
        return self.stage_name or str(self.stage)

    @property
    def output(self) -> bytes:
        """What the programs of this step printed, undecoded, without the builder's marks."""
        return b"".join(self.transcript.unmarked(start, end) for start, end in self.outputs)


@dataclass(slots=True)
class Vertex:
    """Work of BuildKit's that is no instruction: loading metadata or the context, exporting, pushing.

    Parameters
    ----------
    number
        As printed, ``#12``.
    name
        ``[internal] load build context``, ``exporting to image``, ...
    cached, canceled
        As of a step.
    error
        What it failed with.
    bytes
        Bytes transferred, where printed.
    timing
        Seconds and their source.
    spans
        Where it speaks.
    """

    number: int | None
    name: str
    cached: bool = False
    canceled: bool = False
    error: str | None = None
    bytes: int | None = None
    timing: Timing = NO_TIMING
    spans: tuple[Span, ...] = ()


class Stage(NamedTuple):
    """One ``FROM`` of a Dockerfile: its 0-based number, ``AS`` name, base image and steps.

    The base image is ``None`` where the log has no ``FROM`` of the stage: BuildKit prints none of a stage
    that is made of another one.
    """

    number: int
    name: str | None
    base: str | None
    steps: tuple[Step, ...]


class LayerPull(NamedTuple):
    """One layer of an image on its way.

    Parameters
    ----------
    layer_id
        As printed: the classic builder shortens it to 12 digits, BuildKit prints the whole digest.
    bytes
        Its size, where printed.
    already_present
        Whether it was there before.
    state
        The last one it reached.
    seconds
        How long it was on its way, where printed.
    """

    layer_id: str
    bytes: int | None
    already_present: bool
    state: str
    seconds: float | None = None


@dataclass(slots=True)
class Pull:
    """One image fetched from a registry.

    Parameters
    ----------
    repository, tag
        As the builder prints them: ``1.17: Pulling from library/golang`` the classic one,
        ``docker.io/library/golang:1.17`` BuildKit.
    step_number
        The step that asked for it.
    layers
        One entry a layer, in the order of first appearance.
    digest, status
        The daemon's closing lines; ``None`` when the pull did not get that far.
    span
        Where it is.
    timing
        Seconds and their source.
    name
        The image's name where the log says elsewhere which registry it is of.
    """

    repository: str
    tag: str
    step_number: int
    layers: tuple[LayerPull, ...]
    digest: str | None
    status: str | None
    span: Span
    timing: Timing = NO_TIMING
    name: str | None = None

    @property
    def printed(self) -> str:
        """``repository:tag`` as the builder prints it."""
        return f"{self.repository}:{self.tag}" if self.tag else self.repository

    @property
    def reference(self) -> str:
        """The image as a Dockerfile names it, whichever builder pulled it: ``golang:1.17``."""
        name = (self.name or self.printed).partition("@sha256:")[0]
        for registry in ("docker.io/", "index.docker.io/"):
            name = name.removeprefix(registry)
        return name.removeprefix("library/")


class Failure(NamedTuple):
    """The builder's closing words.

    Parameters
    ----------
    span
        Where they are. Their last line says why the build stopped, as the builder sees it.
    exit_code
        The one they name.
    step_index
        The step it stopped at, 0-based; ``None`` if it was none.
    canceled
        Whether somebody stopped it.
    """

    span: Span
    exit_code: int | None
    step_index: int | None
    canceled: bool = False


@dataclass(slots=True, frozen=True)
class Contents:
    """Everything a format's decoder reads from one build's stretch of the tape."""

    steps: tuple[Step, ...] = ()
    pulls: tuple[Pull, ...] = ()
    warnings: tuple[BuildWarning, ...] = ()
    failure: Failure | None = None
    image_id: str | None = None
    tags: tuple[str, ...] = ()
    vertices: tuple[Vertex, ...] = ()
    finished: bool = False
    """Whether the builder said that it came to its end, with or without an image's id."""
    facts: dict[str, Any] = field(default_factory=dict)
    """See :attr:`Build.facts`."""


class Build:
    """What the parser made of a log, or of one of several builds in it.

    The structural pass over a log only cuts it up, at the speed of a text search. Whatever costs more per
    step is decoded when a view of the build is first asked for, and kept.

    Parameters
    ----------
    transcript
        The text it was read from. All spans of the build's views are of this text.
    builder
        Which program wrote the log.
    tape
        The elements of the whole transcript; this build has those from `first` to `last` (exclusive).
    index
        0-based number of this build among those of its log.
    decode
        Reads the views of this build's format from its elements.

    Attributes
    ----------
    log : Log
        The log it is in, and what the API said of the build.
    at_once : bool
        Whether another build wrote into the same log at the same time, without names before its lines: which
        lines are this build's is a guess then.
    """

    def __init__(
        self,
        transcript: Transcript,
        builder: Builder,
        tape: Tape,
        first: int,
        last: int,
        *,
        index: int,
        decode: Callable[[Build], Contents],
    ) -> None:
        self.transcript = transcript
        self.log = transcript.log
        self.builder = builder
        self.tape = tape
        self.first = first
        self.last = last
        self.index = index
        self.decode = decode
        self.at_once = False

    def __repr__(self) -> str:
        where = self.log.build_id or self.log.path or "log"
        return f"<Build {where}#{self.index} {self.builder} {self.outcome} {len(self.steps)} steps>"

    @property
    def key(self) -> str:
        """The log's key; later builds of the same log carry ``#1``, ``#2``, ... behind it."""
        return f"{self.log.key}#{self.index}" if self.index else self.log.key

    @property
    def span(self) -> Span:
        """Where this build is in the log. Builds that ran at once overlap."""
        if self.first == self.last:
            return Span(0, 0)
        start, end = self.tape.element(self.first).start, self.tape.element(self.last - 1).end
        if self.transcript.is_whole:
            return Span(start, end)
        spans = list(self.transcript.stretches(start, end))
        return Span(spans[0].start, spans[-1].end) if spans else Span(0, 0)

    def elements(self) -> Iterator[Element]:
        """Every byte of the log that belongs to this build, in order, each in exactly one element.

        Offsets are the log's. An element of which another build's lines lie in the middle is given in parts.
        """
        elements = self.tape.elements(self.first, self.last)
        if self.transcript.is_whole:
            return elements
        return (
            Element(kind, *span)
            for kind, start, end in elements
            for span in self.transcript.stretches(start, end)
        )

    @cached_property
    def size(self) -> int:
        """How many bytes of the log belong to this build."""
        if self.first == self.last:
            return 0
        return self._claimed(self.tape.element(self.first).start, self.tape.element(self.last - 1).end)

    @cached_property
    def unknown_bytes(self) -> int:
        """How many bytes were not understood (they are kept as elements of kind ``UNKNOWN``)."""
        unknown = self.tape.of_kind(Kind.UNKNOWN, self.first, self.last)
        return sum(self._claimed(element.start, element.end) for element in unknown)

    def _claimed(self, start: int, end: int) -> int:
        """How many bytes of the log a stretch of the transcript stands for."""
        if self.transcript.is_whole:
            return end - start
        return sum(stop - begin for begin, stop in self.transcript.stretches(start, end))

    @cached_property
    def contents(self) -> Contents:
        """All views at once; the properties below are its parts."""
        return self.decode(self)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step that was started, in the log's order."""
        return self.contents.steps

    @property
    def pulls(self) -> tuple[Pull, ...]:
        """Every image that was pulled, in the log's order."""
        return self.contents.pulls

    @property
    def warnings(self) -> tuple[BuildWarning, ...]:
        """Warnings of the builder itself."""
        return self.contents.warnings

    @property
    def failure(self) -> Failure | None:
        """The builder's closing words, where it printed any."""
        return self.contents.failure

    @property
    def vertices(self) -> tuple[Vertex, ...]:
        """BuildKit's work beside the steps, in the log's order."""
        return self.contents.vertices

    @property
    def image_id(self) -> str | None:
        """Short id of the finished image."""
        return self.contents.image_id

    @property
    def tags(self) -> tuple[str, ...]:
        """Names given to the finished image."""
        return self.contents.tags

    @property
    def facts(self) -> dict[str, Any]:
        """What the log tells besides, and only some formats do, as plain values.

        BuildKit's events have ``inputs`` (by each vertex' digest those of what it is made of), ``steps``
        and ``vertices`` (digests in the order of :attr:`steps` and :attr:`vertices`), and ``started``
        (nanoseconds since 1970, from which timings count; ``None`` if nothing ran). A ``.dockerbuild``
        bundle has ``build_args``, ``materials``, ``locations`` (lines of the Dockerfile by digest),
        ``sources``, ``ref``, ``created``, ``completed``, ``error`` and what else its record says.
        """
        return self.contents.facts

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """One entry per ``FROM``, in order."""
        groups: dict[int, list[Step]] = {}
        for step in self.steps:
            if step.stage >= 0:
                groups.setdefault(step.stage, []).append(step)
        return tuple(
            Stage(
                number,
                steps[0].stage_name,
                base_image(steps[0].arguments) if steps[0].instruction == "FROM" else None,
                tuple(steps),
            )
            for number, steps in groups.items()
        )

    @cached_property
    def outcome(self) -> Outcome:
        """How the build ended.

        A finished build's status in the API decides, since a program can print anything; without one, the
        builder's own words do. A log that stops in the middle is incomplete.
        """
        if self.log.status is Status.SUCCEEDED:
            return Outcome.SUCCEEDED
        if self.log.status is Status.FAILED:
            return Outcome.FAILED
        if self.failure is not None:
            return Outcome.CANCELED if self.failure.canceled else Outcome.FAILED
        if self.image_id is not None or self.contents.finished:
            return Outcome.SUCCEEDED
        return Outcome.INCOMPLETE if self.steps else Outcome.UNKNOWN

    @property
    def cut_line(self) -> int | None:
        """The 1-based line of the log at which it was cut; ``None`` if the build came to its end in it."""
        over = self.failure is not None or self.image_id is not None or self.contents.finished
        return None if over or not self.steps else self.log.line_number(max(self.span.end - 1, 0))

    @property
    def failing_step(self) -> Step | None:
        """The step the build stopped at: the one its builder names, else the last one started.

        ``None`` if it did not fail, or failed outside its steps.
        """
        if self.outcome is not Outcome.FAILED or not self.steps:
            return None
        if self.failure is not None:
            index = self.failure.step_index
            return None if index is None else self.steps[index]
        return None if self.image_id or self.contents.finished else self.steps[-1]

    @property
    def exit_code(self) -> int | None:
        """The exit code that the builder names, of the command that failed."""
        return self.failure.exit_code if self.failure is not None and self.outcome is Outcome.FAILED else None


class Line(NamedTuple):
    """One line of a log: its 1-based number, counted by line feeds, and its text, made safe to show."""

    number: int
    text: str


class Candidate(NamedTuple):
    """A line that may say why a build failed."""

    line: Line
    cause: str | None
    rule: str | None
    confidence: float


class Message(NamedTuple):
    """A line of a step's output that a rule recognises.

    Parameters
    ----------
    step_index
        0-based index of the step in :attr:`Build.steps`; ``None`` outside all steps.
    severity
        ``"error"`` where it can be why a build failed, ``"warning"`` elsewhere: a step that went on has
        warnings only, whatever its programs call them.
    rule, cause
        Ids of the rule and of the class of failure it speaks of.
    subject
        What the line names: package, version, file, host, ...
    """

    step_index: int | None
    line: Line
    severity: str
    rule: str
    cause: str | None
    subject: dict[str, str]


class Evidence(enum.StrEnum):
    """What tells which command of a step failed, the strongest first."""

    ONLY = "only"
    """No other command can have ended the step."""
    TRACE = "trace"
    """The shell's trace (``set -x``) ends with it."""
    SHELL = "shell"
    """The shell's own message names it."""
    OUTPUT = "output"
    """Its program was heard from last, or what was said last is about it."""
    EXIT_CODE = "exit-code"
    """The step's exit code is one of its program's, and of no other's."""
    ORDER = "order"
    """Nothing but its place speaks for it: a guess."""


@dataclass(slots=True, frozen=True)
class FailedCommand:
    """The command of a ``RUN`` that ended it.

    Parameters
    ----------
    text
        The command as its script has it.
    start, end
        Where it is in :attr:`Step.text`, in characters; ``None`` where it is not in there, as with a
        here-document.
    index, count
        0-based place among all simple commands of the step, and how many these are.
    tool
        The program that does the work: ``apt-get`` of ``sudo apt-get update``. ``None`` of an assignment.
    evidence
        What tells that it was this one.
    confidence
        0 to 1: the share of labelled steps on which such evidence was right. A guess.
    meaning
        What the exit code says of this program, where its manual tells.
    others
        The other commands that can have ended the step, as far as its shell's rules go.
    """

    text: str
    start: int | None
    end: int | None
    index: int
    count: int
    tool: str | None
    evidence: Evidence
    confidence: float
    meaning: str | None = None
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """Why a build failed, as far as its log tells.

    Parameters
    ----------
    build
        The build that was looked at.
    step
        The failing step; ``None`` if none failed or the build failed outside its steps.
    root_line
        The one line that best says why, ``None`` for builds that did not fail or logs that say nothing.
    cause
        Class of failure, an id such as ``pip.no-version``; ``"unknown"`` when no rule knows the line,
        ``None`` for builds that did not fail.
    title, owner, retry, remedy
        The cause in words; whose side it is on (``dockerfile``, ``code``, ``dependency``, ``network``,
        ``registry``, ``auth``, ``infra``); whether building again may help (``yes``, ``no``, ``maybe``); what
        to do.
    confidence
        0 to 1: the share of labelled failures on which a verdict of this kind was right. A guess.
    candidates
        The best lines, best first, the root line among them.
    subject
        What the root line names: package, version, file, host, ...
    fingerprint
        Stable id of the failure with its variable parts masked.
    find_command
        Finds :attr:`command`.
    """

    build: Build
    step: Step | None = None
    root_line: Line | None = None
    cause: str | None = None
    title: str | None = None
    owner: str | None = None
    retry: str | None = None
    remedy: str | None = None
    confidence: float = 0.0
    candidates: tuple[Candidate, ...] = ()
    subject: dict[str, str] = field(default_factory=dict)
    fingerprint: str | None = None
    find_command: Callable[[], FailedCommand | None] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def command(self) -> FailedCommand | None:
        """Which command of the failing step ended it; ``None`` if nothing can be said.

        It is found when it is first asked for, since that takes as long as the rest of a diagnosis.
        """
        return self.find_command() if self.find_command is not None else None

    @property
    def outcome(self) -> Outcome:
        """How the build ended."""
        return self.build.outcome

    @property
    def exit_code(self) -> int | None:
        """The exit code of the command that failed, where the log states it."""
        return self.build.exit_code


def base_image(arguments: str) -> str:
    """The image in the arguments of a ``FROM``: ``--platform=... IMAGE AS name`` gives ``IMAGE``."""
    words = [word for word in arguments.split() if not word.startswith("--")]
    return words[0] if words else ""
