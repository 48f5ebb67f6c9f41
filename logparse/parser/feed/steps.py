"""The steps of a build as they look in a window, made what they are in the whole log."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from logparse.model import Build, Builder, Span, Step, Transcript
from logparse.parser.feed.known import Fed, Known
from logparse.parser.feed.window import OF_PROGRAMS, Window, merged
from logparse.parser.format import Carried, Format

__all__ = ["Steps", "said"]

_KEPT = 1 << 18
"""Bytes of output that are kept of a step that goes on."""
_LEAST_KEPT = 1 << 14
"""The same where many steps go on at once."""
_MANY = 4
_TOLD = 1 << 16
"""Steps of a build that are remembered to have been told of."""


class Steps:
    """The steps of a build as they look in a window, made what they are in the whole log."""

    def __init__(self, build: Build, form: Format, known: Known) -> None:
        self.build = build
        self.form = form
        self._known = known
        self._number()
        digests = build.facts.get("steps", ())
        self._keys = [
            self._key(step, digests[index] if index < len(digests) else None)
            for index, step in enumerate(build.steps)
        ]

    def _number(self) -> None:
        """Give the steps the numbers of their stages in the whole build, and kaniko's their own."""
        steps, known = self.build.steps, self._known
        targets = {step.target for step in steps}
        if known.whole:
            # Version 1 of Compose says whose build it is once, at its beginning.
            known.target = targets.pop() if len(targets) == 1 else None
        for step in steps:
            step.target = step.target or known.target
        if self.build.builder is Builder.BUILDKIT:
            stages = known.stages.copy()
            for step in steps:
                step.stage = stages.setdefault(_stage(step), len(stages))
        elif known.first is not None and steps:
            number, stage, name = known.first
            began = steps[0].stage
            by = number - steps[0].number if self.build.builder is Builder.KANIKO else 0
            for step in steps:
                # Before the window's first FROM, the stage that the window began in goes on.
                step.stage_name = name if step.stage == began else step.stage_name
                step.stage += stage - began
                step.number += by
        if not known.whole:
            for step in steps:
                if step.timing.started is not None:
                    step.timing = replace(step.timing, started=None)

    def _key(self, step: Step, digest: str | None) -> Hashable:
        """What tells a step from all others of its build."""
        if self.build.at_once:
            # Under that number another build's may have been told of, before the second one was known.
            return (step.platform, step.stage_name, step.number, step.text)
        if self.build.builder is not Builder.BUILDKIT:
            return (step.platform, step.stage, step.number)
        if digest is not None:
            return digest
        # On a terminal, only the last words of a build may tell a vertex' number.
        vertex = None if self.form.name == "buildkit-tty" else step.vertex
        return (vertex, step.target, step.platform, step.stage_name, step.number)

    def new(self, going_on: Iterable[int] = ()) -> Iterator[int]:
        """The steps to be told of: all that were not told of and do not go on."""
        told, waiting = self._known.told, frozenset(going_on)
        settled = 0
        for index, key in enumerate(self._keys):
            if key in told:
                told[key] = told.pop(key)  # those that are not seen any more are forgotten first
            elif index not in waiting:
                told[key] = None
                settled = index + 1
                yield index
        for step in self.build.steps[:settled]:
            self._known.stages.setdefault(_stage(step), step.stage)
        while len(told) > max(_TOLD, len(self._keys)):
            del told[next(iter(told))]

    def fed(self, window: Window, index: int) -> Fed:
        """What is told of a step."""
        step, key = self.build.steps[index], self._keys[index]
        name = self._known.names.pop(key, "")
        if name.startswith(step.arguments):
            step.arguments = name  # a terminal cuts it, and did not do so as early before
        place = self.build.transcript.place
        start = place(step.start)
        end = max(place(max(step.end - 1, step.start)) + 1, start + 1)
        elided = self._known.elided.pop(key, 0)
        return Fed(self._known.index, step, window.place(start), window.place(end - 1) + 1, elided)

    def let_go(self, carried: Carried) -> list[Span]:
        """Say what to keep of the text when the window goes, and remember what is lost."""
        known, steps, transcript = self._known, self.build.steps, self.build.transcript
        most = max(_KEPT * _MANY // max(len(carried.tails), _MANY), _LEAST_KEPT)
        spans = [span for tail in carried.tails for span in _last(transcript, tail, most)]
        kept = merged(chain(carried.heads, spans))
        known.whole = False
        for index in carried.going_on:
            step, key = steps[index], self._keys[index]
            known.elided[key] = known.elided.get(key, 0) + _size_outside(step.outputs, kept)
            if step.arguments.startswith(known.names.get(key, "")):
                known.names[key] = step.arguments
        begins = {span.start for span in kept}
        first = next((step for step in steps if step.start in begins), None)
        if first is not None:
            known.first = (first.number, first.stage, first.stage_name)
        return kept


def _stage(step: Step) -> tuple[str | None, ...]:
    return (step.target, step.platform, step.stage_name)


def _last(transcript: Transcript, spans: Sequence[Span], most: int) -> Iterator[Span]:
    """The last of `spans`, together no longer than `most`, from a line's start on."""
    for start, end in reversed(spans):
        if most <= 0:
            return
        begin = max(start, end - most)
        if begin > start:
            begin = transcript.data.find(b"\n", begin - 1, min(end, begin + most // 2)) + 1 or begin
        yield Span(begin, end)
        most -= end - begin


def said(build: Build) -> list[Span]:
    """What the builder itself said in a build, by which its lines are told from those of others."""
    spans = [
        Span(start, end)
        for kind, start, end in build.tape.elements(build.first, build.last)
        if kind not in OF_PROGRAMS
    ]
    return spans if sum(end - start for start, end in spans) <= _KEPT else []


def _size_outside(spans: Sequence[Span], others: Sequence[Span]) -> int:
    """Bytes of `spans` that are in none of `others`. Both ascend, and do not overlap among themselves."""
    size = index = 0
    for start, end in spans:
        size += end - start
        while index < len(others) and others[index].end <= start:
            index += 1
        for other in others[index:]:
            if other.start >= end:
                break
            size -= min(end, other.end) - max(start, other.start)
    return size
