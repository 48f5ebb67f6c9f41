"""Reading a log while it is written: chunks in, steps out as they complete, in bounded memory.

A :class:`Feed` gathers chunks until there is enough to be worth a look, parses what it has like any log, and
lets go of it but for the steps that have not ended: their first lines and the end of their output. So each
byte is parsed about once, and memory depends neither on the log's size nor on that of any one step.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from logparse.model import Build, Builder, Log, Outcome, Span, Step, TimingSource
from logparse.parser import parse

__all__ = ["Fed", "Feed", "follow"]

_WINDOW = 4 << 20
"""Bytes that are gathered before they are parsed."""
_KEPT = 1 << 18
"""Bytes of output that are kept of a step that goes on."""
_HEAD = 1 << 14
"""Bytes that are kept from its beginning."""
_BEHIND = 1 << 16
"""Bytes behind a build's result after which it is taken to be over."""


class Fed(NamedTuple):
    """A step that has ended.

    Parameters
    ----------
    build
        0-based number of its build among those of the log.
    step
        The step. Its text is that of a window of the log, in which the middle of a long output may be
        missing; so are its spans.
    start, end
        Where it is in the whole log, in bytes.
    elided
        Bytes of its output that were let go.
    """

    build: int
    step: Step
    start: int
    end: int
    elided: int


class Feed:
    r"""A parser that is fed a log piece by piece.

    Parameters
    ----------
    builder
        Who writes the log, if that is known better than detected: see :func:`logparse.parse`.
    window
        Bytes that are gathered before they are parsed. Memory is some 20 times as many.

    Notes
    -----
    Pulls, messages and :attr:`~logparse.model.Step.timing`'s ``started`` need the whole log and are not
    given. :attr:`last` is the build that was seen last, with its closing words and the end of the failing
    step's output: enough for :func:`logparse.diagnose`.

    Examples
    --------
    >>> feed = Feed()
    >>> log = b"Step 1/1 : FROM a\n ---> 0123456789ab\nSuccessfully built 0123456789ab\n"
    >>> [*feed.feed(log), *feed.close()][0].step.text
    'FROM a'
    >>> feed.last.outcome
    <Outcome.SUCCEEDED: 'succeeded'>
    """

    def __init__(self, *, builder: str | None = None, window: int = _WINDOW) -> None:
        self._builder = builder
        self._window = window
        self._fresh: list[bytes] = []
        self._fresh_size = 0
        self._kept: list[tuple[int, bytes]] = []
        """What was kept of earlier windows, each with its place in the log."""
        self._received = 0
        self._index = -1
        self._over = True
        self._told: set[tuple[object, ...]] = set()
        self._stages: dict[tuple[object, ...], tuple[int, str | None]] = {}
        self._first_of_build = True
        self._vertex = 0
        self._window_stage: tuple[int, str | None] = (-1, None)
        self._carried_stage: tuple[int, str | None] = (-1, None)
        self.last: Build | None = None

    def feed(self, chunk: bytes) -> list[Fed]:
        """Take the next bytes of the log.

        Returns
        -------
        list of Fed
            The steps that are now known to have ended, mostly none.
        """
        if chunk:
            self._fresh.append(chunk)
            self._fresh_size += len(chunk)
        enough = max(self._window, sum(len(part) for _, part in self._kept))
        return list(self._read(final=False)) if self._fresh_size >= enough else []

    def look(self) -> list[Fed]:
        """Parse what there is, be it little: worth it when nothing more comes for a while.

        Returns
        -------
        list of Fed
            As of :meth:`feed`.
        """
        return list(self._read(final=False)) if self._fresh_size else []

    def close(self) -> list[Fed]:
        """Tell that the log has ended.

        Returns
        -------
        list of Fed
            All steps that were not told of before, ended or not.
        """
        return list(self._read(final=True))

    def _read(self, *, final: bool) -> Iterator[Fed]:
        fresh = b"".join(self._fresh)
        # A line that is not whole yet waits, unless it is as long as a window.
        end = len(fresh) if final else (fresh.rfind(b"\n") + 1 or len(fresh))
        self._fresh = [fresh[end:]] if end < len(fresh) else []
        self._fresh_size = len(fresh) - end
        places = [place for place, _ in self._kept] + [self._received]
        parts = [part for _, part in self._kept] + [fresh[:end]]
        self._received += end
        window = _Window(places, parts)
        builds = [
            build
            for build in parse(Log(data=window.data), builder=self._builder)
            if build.builder is not Builder.NONE
        ]
        kept: list[tuple[int, bytes]] = []
        for number, build in enumerate(builds):
            self._begin(build, is_first=number == 0)
            open_steps = [] if final or number + 1 < len(builds) else _open_steps(build)
            waiting = {id(step) for step in open_steps}
            for step in build.steps:
                key = _key(step)
                if id(step) not in waiting and key not in self._told:
                    self._told.add(key)
                    yield self._fed(window, build, step)
            self._over = not open_steps and build.outcome not in {Outcome.INCOMPLETE, Outcome.UNKNOWN}
            self.last = build
            for step in open_steps:
                self._settle(build, step)
                kept += window.keep(build, step)
        self._kept = sorted(kept)

    def _begin(self, build: Build, *, is_first: bool) -> None:
        """See whether `build` goes on with the last window's last one."""
        first = next((step for step in build.steps if step.vertex is not None), None)
        goes_on = first is not None and first.vertex is not None and first.vertex > self._vertex
        if is_first and self._index >= 0 and (not self._over or goes_on):
            self._first_of_build = False
        else:
            self._index += 1
            self._first_of_build = True
            self._told.clear()
            self._stages.clear()
        # The stage of the window's first step, as it looks in the window, and as it is in the build.
        self._window_stage = self._carried_stage = (-1, None)
        for step in build.steps[:1]:
            known = self._stages.get(_key(step))
            if known is not None:
                self._window_stage, self._carried_stage = (step.stage, None), known
        self._vertex = max((step.vertex or 0 for step in build.steps), default=0)

    def _settle(self, build: Build, step: Step) -> tuple[int, str | None]:
        """The number and name of a step's stage in the whole build."""
        key = (step.target, step.platform, step.stage_label)
        if build.builder is Builder.BUILDKIT:
            return self._stages.setdefault(key, (len(self._stages), step.stage_name))
        known = self._stages.get(_key(step))
        if known is None:
            # Before the window's first FROM, the stage that the window began in goes on.
            name = step.stage_name if step.stage > self._window_stage[0] else self._carried_stage[1]
            known = (step.stage - self._window_stage[0] + self._carried_stage[0], name)
            self._stages[_key(step)] = known
        return known

    def _fed(self, window: _Window, build: Build, step: Step) -> Fed:
        step.stage, step.stage_name = self._settle(build, step)
        if not self._first_of_build and step.timing.started is not None:
            step.timing = replace(step.timing, started=None)
        start, end, elided = window.absolute(build, step)
        return Fed(self._index, step, start, end, elided)


class _Window:
    """A stretch of a log that is parsed at once: parts of it, each with its place in the whole."""

    def __init__(self, places: list[int], parts: list[bytes]) -> None:
        self.data = b"".join(parts)
        self._places = places
        self._starts = [0]
        for part in parts:
            self._starts.append(self._starts[-1] + len(part))

    def _place(self, offset: int) -> int:
        index = max(bisect_right(self._starts, offset, hi=len(self._places)) - 1, 0)
        return self._places[index] + offset - self._starts[index]

    def absolute(self, build: Build, step: Step) -> tuple[int, int, int]:
        """Where a step begins and ends in the whole log, and how much of that is not here."""
        transcript = build.transcript
        start = transcript.place(step.start)
        end = max(transcript.place(max(step.end - 1, step.start)) + 1, start)
        first, last = self._place(start), self._place(end - 1) + 1
        # Where other steps wrote in between, nothing is missing: those parts were kept of this one only.
        elided = max(0, last - first - (end - start)) if build.builder is not Builder.BUILDKIT else 0
        return first, last, elided

    def keep(self, build: Build, step: Step) -> Iterator[tuple[int, bytes]]:
        """What is kept of a step that goes on: its head and the end of its output."""
        if build.builder is Builder.BUILDKIT:
            spans = [step.header, *_tail(step.outputs, _KEPT)]
        else:
            data = build.transcript.data
            spans = [Span(step.start, len(data))]
            if len(data) - step.start > _KEPT + _HEAD:
                head = data.find(b"\n", step.start + _HEAD) + 1
                tail = data.find(b"\n", len(data) - _KEPT) + 1 or len(data) - _KEPT
                if head and head < tail:
                    spans = [Span(step.start, head), Span(tail, len(data))]
                else:
                    spans = [Span(step.start, step.start + _HEAD), Span(len(data) - _KEPT, len(data))]
        for span in spans:
            for start, end in build.transcript.stretches(*span):
                yield self._place(start), self.data[start:end]


def _tail(spans: tuple[Span, ...], most: int) -> list[Span]:
    """The last of `spans`, together no longer than `most`."""
    found: list[Span] = []
    for start, end in reversed(spans):
        if most <= 0:
            break
        found.append(Span(max(start, end - most), end))
        most -= end - start
    return found[::-1]


def _key(step: Step) -> tuple[object, ...]:
    """What tells a step from all others of its build."""
    return (step.vertex, step.target, step.platform, step.stage_name if step.vertex else None, step.number)


def _open_steps(build: Build) -> list[Step]:
    """The steps of a window's last build that have not ended."""
    if build.builder is Builder.BUILDKIT:
        return [
            step
            for step in build.steps
            if not (step.cached or step.canceled or step.failed) and step.timing.source is TimingSource.NONE
        ]
    # Programs print results, too: whether a build is over is certain only once nothing goes on behind it.
    over = build.outcome is not Outcome.INCOMPLETE
    return [step for step in build.steps[-1:] if not over or len(build.transcript.data) - step.end < _BEHIND]


def follow(chunks: Iterable[bytes], *, builder: str | None = None, window: int = _WINDOW) -> Iterator[Fed]:
    """The steps of a log that comes in `chunks`, as they end.

    Parameters
    ----------
    chunks
        Bytes in any portions: an open pipe's reads, a growing file's.
    builder, window
        See :class:`Feed`.

    Yields
    ------
    Fed
        At the end of the chunks, those that did not end, too.
    """
    feed = Feed(builder=builder, window=window)
    for chunk in chunks:
        yield from feed.feed(chunk)
    yield from feed.close()
