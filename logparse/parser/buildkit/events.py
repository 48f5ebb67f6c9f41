"""Reading the views of a build from its events: steps, pulls and other work, warnings, how it ended."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from logparse.model import Build, BuildWarning, Contents, Element, Failure, Kind, Span
from logparse.parser.buildkit.assemble import assemble
from logparse.parser.buildkit.names import read_name
from logparse.parser.buildkit.trace import Happened, Trace, is_cache, is_canceled
from logparse.text import plain, printable

__all__ = ["read_contents"]

_EXIT_CODE = re.compile(r"exit code: (\d{1,10})(?![\dx])")
_CANCELED = re.compile(rb"(?i)context canceled|\bcanceled\b|signal: interrupt|SIGINT")
_WRITTEN = re.compile(r"writing image sha256:([0-9a-f]{12})")
_MANIFEST = re.compile(r"exporting manifest (list )?sha256:([0-9a-f]{12})")
_NAMED = "naming to "
_CHECK = re.compile(
    r"(?P<rule>[A-Z][A-Za-z]{2,64}): (?P<text>.*?)(?: \(line (?P<line>\d{1,7})\))?\Z", re.DOTALL
)
_POINTED = re.compile(rb"\n[ \t]{0,16}(\d{1,7}) \| >>>")
_STAGE = re.compile(r"(?i)\sAS\s+(\S+)\s*\Z")
_SHORT = 12


def read_contents(trace: Trace, build: Build) -> Contents:
    """Read all views of a build."""
    shown = trace.shown
    closing = next(build.tape.of_kind(Kind.FAILURE, build.first, build.last), None)
    failing = _failing(trace, build, closing)
    failed = shown[failing] if failing is not None else None
    ending, canceled = _ending(trace, build, closing, failed)
    exit_code = _exit_code(trace, build, closing, failed) if ending is not None else None
    finished = ending is None and (bool(trace.record.get("completed")) or trace.is_finished())
    origin = trace.origin()
    places = _Places(trace, build, failed)
    assembled = assemble(
        [each.facts(origin, places.of(each)) for each in shown],
        build.transcript,
        failing=failing if ending is not None else None,
        exit_code=exit_code,
    )
    return Contents(
        steps=assembled.steps,
        pulls=assembled.pulls,
        warnings=tuple(_warnings(trace)),
        failure=Failure(ending, exit_code, assembled.failing_step, canceled) if ending is not None else None,
        image_id=_image_id(trace) if ending is not None or finished else None,
        tags=tuple(
            dict.fromkeys(name.removeprefix(_NAMED) for name in trace.states() if name.startswith(_NAMED))
        ),
        vertices=assembled.vertices,
        finished=finished,
        facts=_facts(trace),
    )


def _facts(trace: Trace) -> dict[str, Any]:
    """What else is known: the graph of vertices by their digests, and whatever a bundle's record says."""
    steps = [each.digest for each in trace.shown if read_name(each.name).number is not None]
    others = [each.digest for each in trace.shown if read_name(each.name).number is None]
    return {
        **trace.record,
        "started": trace.origin(),
        "inputs": trace.inputs(),
        "steps": steps,
        "vertices": others,
    }


# -- how it ended ---------------------------------------------------------------------------------------


def _failing(trace: Trace, build: Build, closing: Element | None) -> int | None:
    """The vertex at which the build stopped.

    Of several that failed it is the one whose error the closing words give, or else the first one to fail.
    """
    named = _error_fact(trace, "vertex")
    words = _text(build, closing)
    failed = [
        (each.digest != named, each.error not in words, each.stopped, index)
        for index, each in enumerate(trace.shown)
        if each.error and not is_canceled(each.error) and not is_cache(each.name)
    ]
    return min(failed)[-1] if failed else None


def _ending(
    trace: Trace, build: Build, closing: Element | None, failed: Happened | None
) -> tuple[Span | None, bool]:
    """The words by which the build ended without a result, and whether somebody stopped it."""
    if closing is not None:
        span = Span(closing.start, closing.end)
        return span, failed is None and _CANCELED.search(build.transcript.data, *span) is not None
    if trace.record.get("completed") and not trace.record.get("error"):
        return None, False
    if failed is not None:
        return failed.error_span, False
    if not trace.is_finished():
        for each in trace.shown:
            if each.error and is_canceled(each.error):
                return each.error_span, True
    return None, False


def _exit_code(trace: Trace, build: Build, closing: Element | None, failed: Happened | None) -> int | None:
    told = _error_fact(trace, "exit_code")
    if isinstance(told, int):
        return told
    for words in (_text(build, closing), failed.error if failed is not None else ""):
        found = _EXIT_CODE.search(words)
        if found is not None:
            return int(found[1])
    return None


def _error_fact(trace: Trace, key: str) -> Any:
    error = trace.record.get("error")
    return error.get(key) if isinstance(error, dict) else None


def _text(build: Build, element: Element | None) -> str:
    if element is None:
        return ""
    return build.transcript.data[element.start : element.end].decode("utf-8", "replace")


def _image_id(trace: Trace) -> str | None:
    """The id that Docker shows for the image: of its configuration, or in containerd's store its manifest."""
    manifest = None
    for name in trace.states():
        written = _WRITTEN.match(name)
        if written is not None:
            return written[1]
        found = _MANIFEST.match(name)
        if found is not None and found[1]:
            return found[2]
        manifest = manifest or (found and found[2])
    told = trace.record.get("image_id")
    return manifest or (told.removeprefix("sha256:")[:_SHORT] if isinstance(told, str) else None)


# -- the Dockerfile -------------------------------------------------------------------------------------


class _Places:
    """Where in the Dockerfile vertices come from: as a bundle tells, or of the failing one the client."""

    def __init__(self, trace: Trace, build: Build, failed: Happened | None) -> None:
        self._locations = _mapping(trace.record.get("locations"))
        self._dockerfile = _dockerfile(trace.record.get("sources"))
        self._failed = failed
        self._lines = _pair(_error_fact(trace, "lines")) or _pointed(build)

    def of(self, vertex: Happened) -> tuple[int, int] | None:
        """First and last line."""
        places = self._locations.get(vertex.digest)
        pairs = [pair for each in places if (pair := _pair(each))] if isinstance(places, list) else []
        if len(pairs) > 1:
            # Stages that begin with one image share its vertex, and the name tells of the last one only.
            pairs = [pair for pair in pairs if self._begins(pair[0], read_name(vertex.name).stage)]
        if len(pairs) == 1:
            return pairs[0]
        return self._lines if vertex is self._failed else None

    def _begins(self, number: int, stage: str | None) -> bool:
        """Whether the line at `number` begins a stage of this name."""
        line = self._dockerfile[number - 1] if 0 < number <= len(self._dockerfile) else ""
        found = _STAGE.search(line)
        return found is not None and found[1].lower() == stage


def _pointed(build: Build) -> tuple[int, int] | None:
    """The lines at which the client points with ``>>>``."""
    for element in build.tape.of_kind(Kind.EXCERPT, build.first, build.last):
        marked = _POINTED.findall(build.transcript.data, element.start, element.end)
        if marked:
            return int(marked[0]), int(marked[-1])
    return None


def _dockerfile(sources: Any) -> list[str]:
    """The lines of the Dockerfile, if there is only one."""
    if not isinstance(sources, list) or len(sources) != 1 or not isinstance(sources[0], dict):
        return []
    return _decoded(sources[0].get("data")).split("\n")


def _pair(value: Any) -> tuple[int, int] | None:
    match value:
        case [int(first), int(last)]:
            return first, last
    return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


# -- warnings -------------------------------------------------------------------------------------------


def _warnings(trace: Trace) -> Iterator[BuildWarning]:
    """Warnings of build checks and of the builder, each once."""
    seen: set[tuple[str, int | None]] = set()
    for entry, span in trace.warnings:
        text = plain(_decoded(entry.get("short")).encode("utf-8", "replace")).strip()
        check = _CHECK.match(text)
        if check is None:
            yield BuildWarning(text, span)
            continue
        line = int(check["line"]) if check["line"] else _line(entry.get("range"))
        if (check["rule"], line) not in seen:
            seen.add((check["rule"], line))
            yield BuildWarning(check["text"], span, check["rule"], line)


def _line(ranges: Any) -> int | None:
    """The first line that a warning is about."""
    match ranges:
        case [{"start": {"line": int(line)}}, *_]:
            return line
    return None


def _decoded(value: Any) -> str:
    """Text that is in base64, since it may be no text."""
    try:
        data = base64.b64decode(value) if isinstance(value, str) else b""
    except ValueError:
        return ""
    return printable(data.decode("utf-8", "replace"))
