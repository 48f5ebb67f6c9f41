"""How long vertices took, and when they began: what the display's clocks tell, with bounds.

``#12 DONE 3.4s`` is how long the vertex ran. A vertex can run in parts, with others between. Since BuildKit
0.10 it is the sum of the parts, of which overlapping ones count once; before, it is the last part only
(``progressui/printer.go``, ``mergeIntervals``). Lines of programs begin with the seconds since their vertex
began, or its last part, with 3 decimals below 10, 2 below 100 and 1 above (``progressui/display.go``). So a
vertex that failed ran at least until its last line.

Nothing in the text says when a vertex began. But if somebody stamped the lines, none was stamped before it
was printed, and the earliest moment that a stamp and a clock leave is it.
"""

from __future__ import annotations

import re
from typing import Protocol

from logparse.model import NO_TIMING, Build, Span, Timing, TimingSource, Transcript
from logparse.parser.clock import origin

__all__ = ["Clock", "timing_of"]

_HALF = 0.05
_CLOCK = re.compile(rb"#\d{1,6} (\d{1,7}\.\d{1,3})(?![.\d])")
_DONE = re.compile(rb"#\d{1,6} DONE (\d{1,7}\.\d)s")
_LAST_LINE = 1 << 14
_DURATION = re.compile(rb"duration: ((?:\d{1,6}(?:\.\d{1,9})?(?:h|ms|m|s|us|\xc2\xb5s|ns)){1,4})")
_PART = re.compile(rb"(\d{1,6}(?:\.\d{1,9})?)(h|ms|m|s|us|\xc2\xb5s|ns)")
_UNITS = {b"h": 3600, b"m": 60, b"s": 1, b"ms": 1e-3, b"us": 1e-6, b"\xc2\xb5s": 1e-6, b"ns": 1e-9}


class _Marked(Protocol):
    cached: bool
    closed: bool


class Clock:
    """The times that one vertex printed."""

    __slots__ = ("durations", "exact", "last", "precision", "start")

    def __init__(self) -> None:
        self.durations: list[float] = []
        self.exact: float | None = None
        self.last: float | None = None
        self.precision = 0.0
        self.start: float | None = None

    def output(self, data: bytes, span: Span, transcript: Transcript) -> None:
        """Lines of a program."""
        first = _CLOCK.match(data, *span)
        if first is None:
            return
        if transcript.stamps is not None:
            self._began(transcript.time(span.start), float(first[1]))
        line = data.rfind(b"\n", max(span.start, span.end - _LAST_LINE), span.end - 1) + 1
        last = _CLOCK.match(data, line, span.end) if line > span.start else first
        clock = (last or first)[1]
        self.last = float(clock)
        self.precision = 0.5 * 10.0 ** -len(clock.partition(b".")[2])

    def done(self, data: bytes, span: Span, transcript: Transcript) -> None:
        """The line that tells its end."""
        found = _DONE.match(data, *span)
        if found is None:
            return
        self.durations.append(float(found[1]))
        if transcript.stamps is not None:
            self._began(transcript.time(span.start), float(found[1]))

    def note(self, data: bytes, span: Span, vertex: _Marked) -> None:
        """What the first releases print below a name, ``#2     duration: 5.98ms`` among it."""
        found = _DURATION.search(data, *span)
        if found is not None:
            self.exact = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(found[1]))
            vertex.closed = True
        if b"cached: true" in data[span.start : span.end]:
            vertex.cached = vertex.closed = True

    def _began(self, stamp: float | None, clock: float) -> None:
        if stamp is not None and (self.start is None or stamp - clock < self.start):
            self.start = stamp - clock


def timing_of(
    clock: Clock, build: Build, *, cached: bool, ended: bool, at_least: float | None = None
) -> Timing:
    """The timing of one vertex.

    Parameters
    ----------
    clock
        What it printed.
    build
        The build it is of, for the stamps before its lines.
    cached
        Whether it did not run.
    ended
        Whether it came to its end, and was neither given up nor failed.
    at_least
        What the longest of its transfers took.
    """
    started = _on_axis(clock, build)
    if cached:
        return Timing(started, 0.0, 0.0, 0.0, TimingSource.CLOCK)
    if clock.exact is not None:
        return Timing(started, clock.exact, clock.exact, clock.exact, TimingSource.CLOCK)
    if clock.durations:
        durations = clock.durations
        seconds = max(durations)
        low, high = max(0.0, seconds - _HALF), seconds + _HALF
        if durations[-1] < seconds:  # the parts were printed, and nothing tells which of them overlap
            high = sum(durations) + _HALF * len(durations)
        return Timing(started, seconds, low, high, TimingSource.CLOCK)
    if ended or build.transcript.stamps is not None:
        return NO_TIMING
    if clock.last is not None and clock.last >= (at_least or 0.0):
        return Timing(started, clock.last, max(0.0, clock.last - clock.precision), None, TimingSource.CLOCK)
    if at_least is not None:
        return Timing(started, at_least, max(0.0, at_least - _HALF), None, TimingSource.CLOCK)
    return NO_TIMING


def _on_axis(clock: Clock, build: Build) -> float | None:
    """When it began, in seconds from the build's first words; ``None`` unless stamps tell."""
    first = origin(build) if clock.start is not None else None
    if clock.start is None or first is None:
        return None
    return max(0.0, clock.start - first)
