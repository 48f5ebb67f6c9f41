"""Reading the views of a build from its elements: vertices, then steps and pulls of them, how it ended."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from logparse.model import Build, BuildWarning, Contents, Failure, Kind, LayerPull, Span, Step
from logparse.parser.buildkit.assemble import Facts, assemble, read_reference
from logparse.parser.buildkit.checks import read_warnings
from logparse.parser.buildkit.intervals import Clock, timing_of
from logparse.parser.buildkit.markers import EXPORT
from logparse.parser.buildkit.numbers import same_name
from logparse.parser.buildkit.statuses import Transfers
from logparse.text import plain

__all__ = ["read_contents"]

_NUMBER = re.compile(rb"#(\d{1,6}) ")
# Plain numbers, since members of an enumeration take several times as long to compare and to look up.
_BLANK = int(Kind.BLANK)
_CACHED = int(Kind.CACHED)
_CANCELED = int(Kind.CANCELED)
_CONTEXT = int(Kind.CONTEXT)
_DONE = int(Kind.DONE)
_ERROR = int(Kind.ERROR)
_EXCERPT = int(Kind.EXCERPT)
_FAILURE = int(Kind.FAILURE)
_HEADER = int(Kind.HEADER)
_NOTE = int(Kind.NOTE)
_OUTPUT = int(Kind.OUTPUT)
_PROGRESS = int(Kind.PROGRESS)
_PUSH = int(Kind.PUSH)
_RESULT = int(Kind.RESULT)
_TAG = int(Kind.TAG)
_VERTEX = int(Kind.VERTEX)
_WARNING = int(Kind.WARNING)

_EXIT_CODE = re.compile(rb"exit\s{1,4}code:\s{1,4}(\d{1,10})(?![\dx])")
_CACHE = re.compile(rb"(?:\[[^\n\[\]]{1,512}\] )?(?:importing|exporting) cache")
_STOPPED = re.compile(rb"(?i)context canceled|\bcanceled\b(?!:? desc = grpc)|signal: interrupt|SIGINT")
_DISCONNECTED = re.compile(
    rb"failed to receive status|error reading from server|failed to dial|transport is closing"
)
_WRITTEN = re.compile(rb"writing image sha256:([0-9a-f]{64})")
_MANIFEST = re.compile(rb"exporting manifest (list )?sha256:([0-9a-f]{64})")
_NAMED = re.compile(rb"#\d{1,6} naming to (\S{1,1024})")
_CHECKED = b"Check complete, "

_POINTED = re.compile(rb"\n[ \t]{0,16}(\d{1,7}) \| >>> ?([^\n]*)")

_SHORT = 12
# Builds that may run at once, and excerpts that they may print: far more than do. Bounds, so that the cost of
# hostile text is linear.
_AT_ONCE = 32
_EXCERPTS = 32


@dataclass(slots=True)
class _Vertex:
    """What is gathered about one vertex while its elements are read."""

    name: bytes
    number: int
    start: int
    header_end: int
    end: int = 0
    spans: list[Span] = field(default_factory=list)
    outputs: list[Span] = field(default_factory=list)
    transfers: Transfers = field(default_factory=Transfers)
    clock: Clock = field(default_factory=Clock)
    cached: bool = False
    canceled: bool = False
    closed: bool = False
    error: bytes | None = None
    error_span: Span = field(default_factory=lambda: Span(0, 0))
    error_place: int = -1


class _Reader:
    """Reads the elements of one build, each once."""

    def __init__(self, build: Build) -> None:
        self.build = build
        self.data = build.transcript.data
        self.vertices: list[_Vertex] = []
        self.by_number: dict[int, list[_Vertex]] = {}
        self.current: _Vertex | None = None
        self.warnings: dict[object, BuildWarning] = {}
        self.excerpts: list[Span] = []
        self.failure: Span | None = None
        self.errors = 0
        self.canceled: Span | None = None
        self.checked = False
        self.written: list[bytes] = []
        self.tags: dict[str, None] = {}

    def read(self) -> None:
        """Read all elements."""
        build = self.build
        kinds, ends = build.tape.kinds, build.tape.ends
        end = ends[build.first - 1] if build.first else 0
        for index in range(build.first, build.last):
            kind, start, end = kinds[index], end, ends[index]
            if kind == _BLANK:
                continue
            found = _NUMBER.match(self.data, start, end) if kind in _OF_VERTICES else None
            if found is not None and not (kind == _OUTPUT and found[1] == b"0"):
                self._vertex(kind, int(found[1]), found.end(), Span(start, end))
            elif kind == _OUTPUT and self.current is not None:
                self._says(self.current, Span(start, end))
                _extend(self.current.outputs, start, end)
            elif kind == _FAILURE:
                self.failure = self.failure or Span(start, end)
            elif kind == _EXCERPT:
                self.excerpts.append(Span(start, end))
            elif kind == _WARNING:
                read_warnings(self.data, Span(start, end), self.warnings)
            elif kind == _NOTE and self.data.startswith(_CHECKED, start):
                self.checked = True

    def _vertex(self, kind: int, number: int, behind: int, span: Span) -> None:
        """One element of a vertex; `behind` is where its first line goes on after the number."""
        known = self.by_number.setdefault(number, [])
        if kind in _NAMES:
            vertex = self._named(known, number, behind, span)
        elif known:
            vertex = known[-1]
            if vertex.closed and kind in _ENDS and len(known) > 1:
                # Builds that ran at once: another one's vertex of this number, if one has not ended.
                vertex = next((each for each in known[:-_AT_ONCE:-1] if not each.closed), vertex)
            self._said(vertex, kind, behind, span)
        else:
            return
        self.current = vertex
        self._says(vertex, span)

    def _named(self, known: list[_Vertex], number: int, behind: int, span: Span) -> _Vertex:
        """The vertex of this name and number: that of the same name, if there is one."""
        name = self.data[behind : span.end].rstrip()
        for index in range(len(known) - 1, max(-1, len(known) - _AT_ONCE), -1):
            if same_name(known[index].name, name):
                known.append(known.pop(index))
                return known[-1]
        known.append(_Vertex(name, number, *span))
        self.vertices.append(known[-1])
        return known[-1]

    def _said(self, vertex: _Vertex, kind: int, behind: int, span: Span) -> None:
        """What a vertex says, its name aside."""
        data, transcript = self.data, self.build.transcript
        if kind == _OUTPUT:
            _extend(vertex.outputs, *span)
            vertex.clock.output(data, span, transcript)
        elif kind in _ENDS:
            vertex.closed = True
            if kind == _DONE:
                vertex.clock.done(data, span, transcript)
            elif kind == _CACHED:
                vertex.cached = True
            elif kind == _CANCELED:
                vertex.canceled = True
                self.canceled = span
            else:
                vertex.error = data[behind : span.end].rstrip().removeprefix(b"ERROR: ")
                vertex.error_span, vertex.error_place = span, self.errors
                self.errors += 1
        elif kind == _WARNING:
            read_warnings(data, span, self.warnings)
        elif kind == _NOTE:
            vertex.clock.note(data, span, vertex)
        else:
            vertex.transfers.read(data, span)
            self._made(kind, span)

    def _says(self, vertex: _Vertex, span: Span) -> None:
        vertex.end = span.end
        _extend(vertex.spans, *span)

    def _made(self, kind: int, span: Span) -> None:
        """What an export made: ids of images and their names."""
        if kind == _RESULT:
            self.written += [found[1] for found in _WRITTEN.finditer(self.data, *span)]
        elif kind == _TAG:
            for found in _NAMED.finditer(self.data, *span):
                self.tags[plain(found[1])] = None


_NAMES = frozenset({_HEADER, _VERTEX})
_ENDS = frozenset({_DONE, _CACHED, _CANCELED, _ERROR})
_OF_VERTICES = frozenset(
    {
        _HEADER,
        _VERTEX,
        _OUTPUT,
        _PROGRESS,
        _CONTEXT,
        _RESULT,
        _TAG,
        _PUSH,
        _DONE,
        _CACHED,
        _CANCELED,
        _ERROR,
        _WARNING,
        _NOTE,
    }
)


def _extend(spans: list[Span], start: int, end: int) -> None:
    """Add a span, joined to the last one if they meet."""
    if spans and spans[-1].end == start:
        spans[-1] = Span(spans[-1].start, end)
    else:
        spans.append(Span(start, end))


def read_contents(build: Build) -> Contents:
    """Read all views of a build."""
    reader = _Reader(build)
    reader.read()
    vertices = reader.vertices
    closing = reader.failure
    failing = _failing(reader)
    finished = closing is None and (reader.checked or _is_finished(vertices))
    ending = closing
    canceled = False
    if ending is not None:
        canceled = _STOPPED.search(reader.data, *ending) is not None and failing is None
    elif failing is not None and not finished:
        # The log stops before the builder's last words, but a step has failed.
        ending = vertices[failing].error_span
    elif reader.canceled is not None and not finished:
        ending, canceled = reader.canceled, True
    exit_code = _exit_code(reader, ending, failing)
    lasting = failing
    if ending is not None and lasting is None and not canceled:
        lasting = _running(reader, ending)
    assembled = assemble(
        [_facts(vertex, build) for vertex in vertices],
        build.transcript,
        failing=lasting if ending is not None else None,
        exit_code=exit_code,
    )
    _point_out(assembled.steps, reader)
    made = ending is not None or finished
    return Contents(
        steps=assembled.steps,
        pulls=assembled.pulls,
        warnings=tuple(reader.warnings.values()),
        failure=Failure(ending, exit_code, assembled.failing_step, canceled) if ending is not None else None,
        image_id=_image_id(reader) if made else None,
        tags=tuple(reader.tags),
        vertices=assembled.vertices,
        finished=finished,
    )


def _facts(vertex: _Vertex, build: Build) -> Facts:
    name = plain(vertex.name)
    reference = read_reference(name.rpartition(" ")[2])[2]
    layers: tuple[LayerPull, ...] = ()
    if vertex.transfers.layers:
        layers = vertex.transfers.pulled(reference, closed=vertex.closed)
    return Facts(
        name=name,
        number=vertex.number,
        start=vertex.start,
        header_end=vertex.header_end,
        end=vertex.end,
        outputs=tuple(vertex.outputs),
        spans=tuple(vertex.spans),
        cached=vertex.cached,
        canceled=vertex.canceled,
        error=plain(vertex.error) if vertex.error is not None else None,
        timing=timing_of(
            vertex.clock,
            build,
            cached=vertex.cached,
            ended=vertex.closed and vertex.error is None and not vertex.canceled,
            at_least=vertex.transfers.longest,
        ),
        bytes=vertex.transfers.bytes,
        layers=layers,
        incomplete=not vertex.closed,
    )


def _failing(reader: _Reader) -> int | None:
    """The vertex at which the build stopped, of those that failed.

    A cache that cannot be imported stops nothing. Where several failed, the builder's closing words name the
    program that did; missing files are all found missing at once, and the first one printed is taken.
    """
    failed = [
        (vertex.error_place, index)
        for index, vertex in enumerate(reader.vertices)
        if vertex.error is not None and not _CACHE.match(vertex.name)
    ]
    if not failed:
        return None
    failed.sort()
    if reader.failure is not None and len(failed) > 1:
        closing = reader.data[reader.failure.start : reader.failure.end]
        for _, index in failed:
            error = reader.vertices[index].error or b""
            if _EXIT_CODE.search(error) and error in closing:
                return index
    return failed[0][1]


def _running(reader: _Reader, ending: Span) -> int | None:
    """The vertex that ran when the build was ended from outside, unless it was the connection that broke."""
    if _DISCONNECTED.search(reader.data, *ending):
        return None
    running = [index for index, vertex in enumerate(reader.vertices) if not vertex.closed]
    return running[0] if len(running) == 1 else None


def _exit_code(reader: _Reader, ending: Span | None, failing: int | None) -> int | None:
    if ending is None:
        return None
    found = _EXIT_CODE.search(reader.data, *ending)
    if found is None and failing is not None:
        found = _EXIT_CODE.search(reader.vertices[failing].error or b"")
    return int(found[1]) if found is not None else None


def _is_finished(vertices: list[_Vertex]) -> bool:
    """Whether a build that did not fail came to its end: all it exports is exported, and no step runs."""
    exports = [vertex for vertex in vertices if EXPORT.match(vertex.name)]
    if not exports:
        return False
    return all(
        vertex.closed and not vertex.canceled and vertex.error is None for vertex in exports
    ) and not any(not vertex.closed and _is_work(vertex) for vertex in vertices)


def _is_work(vertex: _Vertex) -> bool:
    return b"] RUN " in vertex.name or b"] COPY " in vertex.name or b"] ADD " in vertex.name


def _image_id(reader: _Reader) -> str | None:
    """The id that Docker shows: the configuration's digest, or the manifest's in containerd's store."""
    if reader.written:
        return reader.written[0][:_SHORT].decode()
    manifest = None
    for vertex in reader.vertices:
        if not EXPORT.match(vertex.name):
            continue
        for span in vertex.spans:
            for found in _MANIFEST.finditer(reader.data, *span):
                if found[1]:
                    return found[2][:_SHORT].decode()
                manifest = manifest or found[2]
    return manifest[:_SHORT].decode() if manifest else None


def _point_out(steps: tuple[Step, ...], reader: _Reader) -> None:
    """Give steps that failed the lines of the Dockerfile at which the builder points."""
    numbers = {vertex.number for vertex in reader.vertices if vertex.error is not None}
    failed = sorted((step for step in steps if step.failed or step.vertex in numbers), key=_goes_last)
    for excerpt in reader.excerpts[:_EXCERPTS] if failed else ():
        marked = _POINTED.findall(reader.data, *excerpt)
        if marked:
            text = plain(marked[0][1]).strip().rstrip("\\`").strip()
            best = max(failed[:_EXCERPTS], key=lambda step: _likeness(step.text, text))
            best.lines = (int(marked[0][0]), int(marked[-1][0]))


def _goes_last(step: Step) -> bool:
    return not step.failed


def _likeness(one: str, other: str) -> int:
    """How many words two instructions begin with alike."""
    count = 0
    for mine, theirs in zip(one.split(), other.split(), strict=False):
        if mine != theirs:
            break
        count += 1
    return count
