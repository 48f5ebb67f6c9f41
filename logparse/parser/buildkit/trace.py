"""A build as its events tell it: what each vertex did and when, put together out of BuildKit's messages.

A client of BuildKit gets its events as ``SolveStatus`` (``client/graph.go``): a vertex each time something
about it changes, the state of each transfer, what programs print, and warnings. How they are put together is
that of ``util/progress/progressui/display.go``, so that the steps are those that are printed plain:

* A vertex counts once it has started; what is only announced is not shown.
* It may run in parts, each with its own start and end; overlapping parts are one (``mergeIntervals``).
* Vertices of a progress group are shown as one, under the group's name, as soon as one of them that is not
  weak has started or failed.
* It was given up if its error ends with ``context canceled``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from logparse.model import Kind, LayerPull, Span, Timing, TimingSource
from logparse.parser.buildkit.assemble import Facts
from logparse.text import printable

__all__ = ["Happened", "Trace", "is_cache", "is_canceled", "nanoseconds"]

_CANCELED = "context canceled"
_BILLION = 1_000_000_000
_ZERO = "0001-01-01T00:00:00"

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d{0,16})?(Z|z|[+-]\d\d:\d\d)?", re.ASCII
)
_STEP = re.compile(r"\[ {0,8}(?:[^\s\[\]]{1,256} {1,4}){0,4}\d{1,6}/\d{1,6}\]")
_LAYER = re.compile(r"(extracting )?(sha256:[0-9a-f]{64})")
_CACHE = re.compile(r"(?:\[[^\n\[\]]{1,512}\] )?(?:importing|exporting) cache")
_EXPORT = re.compile(r"(?:\[[^\n\[\]]{1,512}\] )?exporting to ")
_TRANSFERRING = "transferring "

_Moment = int | None
"""Nanoseconds since 1970."""


@lru_cache(maxsize=4096)
def _second(text: str, zone: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text.upper() + (zone.upper() or "Z"))
        return int(moment.timestamp())
    except (ValueError, OverflowError):
        return None


def nanoseconds(text: object) -> _Moment:
    """A time as Go prints it, in nanoseconds since 1970; ``None`` if it is none, or was not set."""
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    second = _second(found[1], found[3] or "")
    if second is None or second < 0:
        return None
    return second * _BILLION + int((found[2] or "0").ljust(9, "0"))


def _is_set(text: object) -> bool:
    """Whether a time was set, be it one that can be read or not; Go has a zero time for what was not."""
    return isinstance(text, str) and bool(text) and not text.startswith(_ZERO)


def is_cache(name: str) -> bool:
    """Whether a vertex imports or exports a cache, which may fail in a build that goes on."""
    return _CACHE.match(name) is not None


def is_canceled(error: str) -> bool:
    """Whether a vertex was given up, rather than that it failed."""
    return error.endswith(_CANCELED)


class _Part:
    """A vertex, or one of those that a progress group shows as one."""

    __slots__ = ("cached", "completed", "error", "intervals", "started")

    def __init__(self) -> None:
        self.intervals: dict[int, _Moment] = {}
        self.started = self.completed = False
        self.cached = False
        self.error = ""

    def update(self, entry: Mapping[str, Any], *, cached: bool, error: str) -> None:
        """Take an event: when it started and completed may be no times, and still tell that it did."""
        has_started = _is_set(entry.get("started"))
        # What announces a vertex once more says nothing about how far it is.
        if not self.started or has_started:
            self.cached, self.error = cached, error
        if has_started:
            self.started = True
            self.completed = _is_set(entry.get("completed"))
            started = nanoseconds(entry.get("started"))
            if started is not None:
                self.intervals[started] = nanoseconds(entry.get("completed"))


class Happened:
    """What is known of one vertex.

    Attributes
    ----------
    digest, name, inputs
        As in its events; of a group its id and name.
    start, header_end, end
        Where in the text it starts, where that entry ends, and where its last one ends.
    error_span
        Where it says that it failed.
    """

    __slots__ = (
        "digest",
        "end",
        "error_span",
        "header_end",
        "inputs",
        "name",
        "outputs",
        "parts",
        "spans",
        "start",
        "states",
    )

    def __init__(self, digest: str) -> None:
        self.digest = digest
        self.name = ""
        self.inputs: tuple[str, ...] = ()
        self.parts: dict[str, _Part] = {}
        self.states: dict[str, tuple[int, int, _Moment, _Moment]] = {}
        """Transfers by their names: how much of how much, from when to when."""
        self.outputs: list[Span] = []
        self.spans: list[Span] = []
        self.start = -1
        self.header_end = self.end = 0
        self.error_span: Span | None = None

    @property
    def is_step(self) -> bool:
        """Whether it is an instruction of a Dockerfile, to go by its name."""
        return _STEP.match(self.name) is not None

    @property
    def cached(self) -> bool:
        """Whether all of it was in the cache."""
        return all(part.cached for part in self.parts.values())

    @property
    def error(self) -> str:
        """What it failed with, empty if it did not."""
        return next((part.error for part in self.parts.values() if part.error), "")

    @property
    def completed(self) -> bool:
        """Whether all parts of it came to their ends."""
        parts = self.merged()
        if parts and parts[-1][1] is not None:
            return True
        begun = [part for part in self.parts.values() if part.started]
        return bool(begun) and all(part.completed for part in begun)

    @property
    def stopped(self) -> int:
        """When it came to its end, as far as that is known."""
        parts = self.merged()
        return (parts[-1][1] or parts[-1][0]) if parts else 0

    def merged(self) -> list[tuple[int, _Moment]]:
        """When it ran: stretches that do not overlap; the last one's end is ``None`` while it runs."""
        intervals = sorted(
            ((start, stop) for part in self.parts.values() for start, stop in part.intervals.items()),
            key=lambda each: each[0],
        )
        merged: list[tuple[int, _Moment]] = []
        for start, stop in intervals:
            if merged:
                before, until = merged[-1]
                if until is None:
                    break
                if start <= until:
                    merged[-1] = (before, None if stop is None else max(until, stop))
                    continue
            merged.append((start, stop))
        return merged

    def speaks(self, start: int, end: int) -> None:
        """Note that the text from `start` to `end` is about it."""
        if self.spans and self.spans[-1].end == start:
            self.spans[-1] = Span(self.spans[-1].start, end)
        else:
            self.spans.append(Span(start, end))
        if self.start >= 0:
            self.end = max(self.end, end)

    def prints(self, start: int, end: int) -> None:
        """Note what its program printed."""
        self.speaks(start, end)
        if start == end:
            return
        if self.outputs and self.outputs[-1].end == start:
            self.outputs[-1] = Span(self.outputs[-1].start, end)
        else:
            self.outputs.append(Span(start, end))

    def facts(self, origin: _Moment, lines: tuple[int, int] | None) -> Facts:
        """The same in the words that all formats of BuildKit share."""
        error = self.error
        return Facts(
            name=self.name,
            start=max(self.start, 0),
            header_end=self.header_end,
            end=self.end,
            outputs=tuple(self.outputs),
            spans=tuple(self.spans),
            cached=self.cached,
            canceled=bool(error) and is_canceled(error),
            error=error or None,
            timing=self._timing(origin),
            bytes=self._bytes(),
            layers=tuple(self._layers()),
            lines=lines,
            incomplete=not (self.completed or error),
        )

    def _timing(self, origin: _Moment) -> Timing:
        merged = self.merged()
        if not merged or origin is None:
            return Timing()
        started = (merged[0][0] - origin) / _BILLION
        if merged[-1][1] is None:
            # It was still running when the log ended, so its seconds are not known.
            return Timing(started=started, source=TimingSource.CLOCK)
        seconds = sum(max(0, (stop or start) - start) for start, stop in merged) / _BILLION
        return Timing(started=started, seconds=seconds, low=seconds, high=seconds, source=TimingSource.CLOCK)

    def _bytes(self) -> int | None:
        """Bytes of contexts that were sent."""
        sent = [current for name, (current, *_) in self.states.items() if name.startswith(_TRANSFERRING)]
        return sum(sent) if sent else None

    def _layers(self) -> Iterator[LayerPull]:
        """Layers that were fetched: each speaks while it is fetched, and again while it is extracted.

        An image's manifests and its configuration are fetched like layers. They are told by never being
        extracted though other things are.
        """
        fetched: dict[str, tuple[int | None, float | None, bool]] = {}
        extracted: dict[str, bool] = {}
        for name, (current, total, started, completed) in self.states.items():
            found = _LAYER.fullmatch(name)
            if found is None:
                continue
            if found[1]:
                extracted[found[2]] = completed is not None
                fetched.setdefault(found[2], (None, None, True))
                continue
            seconds = None
            if started is not None and completed is not None and completed >= started:
                seconds = (completed - started) / _BILLION
            fetched[found[2]] = (total or current or None, seconds, completed is not None)
        for digest, (size, seconds, done) in fetched.items():
            if digest in extracted:
                state = "Pull complete" if extracted[digest] else "Extracting"
            elif done and self.completed and any(extracted.values()):
                continue
            else:
                state = "Download complete" if done else "Downloading"
            if not self.name.rstrip().endswith(digest):
                yield LayerPull(digest, size, already_present=False, state=state, seconds=seconds)


class Trace:
    """The events of one build, in the order in which they came."""

    def __init__(self) -> None:
        self._by_digest: dict[str, Happened] = {}
        self.shown: list[Happened] = []
        """Vertices in the order in which they started."""
        self.record: dict[str, Any] = {}
        """What is known of the build besides its events."""
        self.warnings: list[tuple[Mapping[str, Any], Span]] = []
        self._defined: dict[str, set[str]] = {}
        self._begun = False

    def starts_another(self, name: object, digest: object) -> bool:
        """Whether this vertex is the first one of another build.

        A build loads its Dockerfile first, and again if that asks for another front end; once a step has
        started it is another build that does.
        """
        if not isinstance(name, str) or "internal] load build definition" not in name:
            return False
        before = self._defined.setdefault(name, set())
        if str(digest) not in before and before and self._begun:
            return True
        before.add(str(digest))
        return False

    def take(self, key: str, entry: Mapping[str, Any], start: int, end: int) -> Kind:
        """Take an entry of the list `key`, in the text from `start` to `end`; say what it is."""
        if key == "vertexes":
            return self._vertex(entry, start, end)
        if key == "statuses":
            return self._status(entry, start, end)
        if key == "warnings":
            self.warnings.append((entry, Span(start, end)))
            return Kind.WARNING
        if key == "record":
            self.record |= entry
            return Kind.NOTE
        return Kind.UNKNOWN

    def _vertex(self, entry: Mapping[str, Any], start: int, end: int) -> Kind:
        digest = entry.get("digest")
        if not isinstance(digest, str):
            return Kind.UNKNOWN
        group = entry.get("progressGroup")
        if isinstance(group, dict) and isinstance(group.get("id"), str):
            happened = self._by_digest.get(group["id"]) or Happened(group["id"])
            happened.name = _text(group.get("name"))
            self._by_digest[group["id"]] = self._by_digest[digest] = happened
            weak = group.get("weak") is True
        else:
            happened = self._by_digest.setdefault(digest, Happened(digest))
            happened.name = _text(entry.get("name")) or happened.name
            weak = False
        inputs = entry.get("inputs")
        if isinstance(inputs, list):
            happened.inputs = tuple(each for each in inputs if isinstance(each, str))
        error, cached = _text(entry.get("error")), entry.get("cached") is True
        part = happened.parts.setdefault(digest, _Part())
        part.update(entry, cached=cached, error=error)
        if happened.start < 0 and part.started and (not weak or part.error):
            self.shown.append(happened)
            happened.start, happened.header_end, happened.end = start, end, end
        self._begun = self._begun or bool(error) or (happened.start >= 0 and happened.is_step)
        happened.speaks(start, end)
        if error:
            happened.error_span = Span(start, end)
        return _kind(happened, entry, cached=cached, error=error)

    def _status(self, entry: Mapping[str, Any], start: int, end: int) -> Kind:
        name, happened = _text(entry.get("id")), self._of(entry)
        if happened is None or not name:
            return Kind.UNKNOWN
        current, total = entry.get("current"), entry.get("total")
        happened.states[name] = (
            current if isinstance(current, int) else 0,
            total if isinstance(total, int) else 0,
            nanoseconds(entry.get("started")),
            nanoseconds(entry.get("completed")),
        )
        happened.speaks(start, end)
        if name.startswith(_TRANSFERRING):
            return Kind.CONTEXT
        if name.startswith("writing image "):
            return Kind.RESULT
        return Kind.TAG if name.startswith("naming to ") else Kind.PROGRESS

    def log(self, vertex: str, start: int, end: int) -> None:
        """Take what a program printed: `end` is the end of it, `start` that of what is known already."""
        happened = self._by_digest.get(vertex)
        # Where the beginning of the events is missing, all that is known of a vertex is what it prints.
        if happened is not None:
            happened.prints(start, end)

    def is_empty(self) -> bool:
        """Whether nothing is known yet."""
        return not (self._by_digest or self.record)

    def inputs(self) -> dict[str, tuple[str, ...]]:
        """What each vertex is made of, by digests: the graph of the build."""
        return {happened.digest: happened.inputs for happened in self._all()}

    def origin(self) -> _Moment:
        """When the first vertex started."""
        starts = [part[0][0] for happened in self.shown if (part := happened.merged())]
        return min(starts, default=None)

    def is_finished(self) -> bool:
        """Whether the build came to its end, as far as events can tell.

        What it makes is exported; or where it exports nothing, all steps are done that no other needs. What
        was only announced need not run: the cache may have what it is made into.
        """
        steps = [each for each in self.shown if each.is_step]
        exports = [each for each in self.shown if _EXPORT.match(each.name)]
        if exports:
            return all(each.completed and not each.error for each in (*steps, *exports))
        needed = {digest for happened in self._all() for digest in happened.inputs}
        last = [each for each in self._all() if not needed.intersection((each.digest, *each.parts))]
        return bool(steps) and all(
            (each.completed and not each.error) or is_cache(each.name) for each in last
        )

    def states(self) -> Iterator[str]:
        """The names of all transfers, and of what exporters do."""
        for happened in self.shown:
            yield from happened.states

    def _all(self) -> Iterable[Happened]:
        """Each vertex, and each group once, whatever the number of its members."""
        return {id(happened): happened for happened in self._by_digest.values()}.values()

    def _of(self, entry: Mapping[str, Any]) -> Happened | None:
        digest = entry.get("vertex")
        return self._by_digest.get(digest) if isinstance(digest, str) else None


def _kind(happened: Happened, entry: Mapping[str, Any], *, cached: bool, error: str) -> Kind:
    if error:
        return Kind.CANCELED if is_canceled(error) else Kind.ERROR
    if not _is_set(entry.get("started")):
        return Kind.NOTE
    if not _is_set(entry.get("completed")):
        return Kind.HEADER if happened.is_step else Kind.VERTEX
    return Kind.CACHED if cached else Kind.DONE


def _text(value: object) -> str:
    """A string that can be written; JSON can hold halves of characters."""
    return printable(value) if isinstance(value, str) else ""
