"""When each part of a build began: as its log tells, or laid out where it tells only how long parts took.

The classic builder, buildah and kaniko do one step after another, so steps are laid end to end from the
build's start; one of unknown length takes no room. BuildKit does at once what can be done at once, and its
plain output has no starts. There each part is laid at the earliest moment it can have begun: a step behind
the one before it in its stage, behind the stages that it copies from or mounts, and behind what is loaded
before any step; a step that copies files of the context behind the loading of that; exports, and other work
that is no step, behind all before it. What is not printed, as that a stage is made of another one, cannot be
heeded, so some of it will have begun later.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from logparse.model import Build, Builder, Step, Timing, Vertex

__all__ = ["LONGEST", "Place", "lay_out"]

LONGEST = 3e8
"""Seconds from a build's start, almost ten years, beyond which nothing is believed: formats have limits."""

_LOADING = re.compile(r"\[(?:[^\[\]\n]{1,256} )?internal\] load ")
_CONTEXT = "build context"
_ASIDE = re.compile(r"\[(?:[^\[\]\n]{1,256} )?auth\] ")
_OTHER_STAGE = re.compile(r"\bfrom=([^\s,\"']{1,256})")


class Place(NamedTuple):
    """Where a part of a build is on its time line.

    Parameters
    ----------
    start
        Seconds from the build's start; ``None`` if nothing tells.
    seconds
        How long it took; ``None`` if that is not known.
    laid_out
        Whether the start was laid out, and not told by the log.
    """

    start: float | None
    seconds: float | None
    laid_out: bool


_Stage = tuple[str | None, str | None, str | None]
"""Target, platform, and name in lower case: what is in one stage is done in order."""
_ANY = "*"


def lay_out(build: Build) -> tuple[list[Place], list[Place]]:
    """Find the places of a build's steps and of its vertices.

    Parameters
    ----------
    build
        Any build.

    Returns
    -------
    list of Place, list of Place
        One for each of the steps, and for each of the vertices.
    """
    layout = _Parallel() if build.builder is Builder.BUILDKIT else _Sequential()
    parts = _in_order(build.steps, build.vertices)
    steps, vertices = [_NOWHERE] * len(build.steps), [_NOWHERE] * len(build.vertices)
    for index, part in parts:
        place = _place(part.timing, layout.earliest(part))
        layout.take(part, place)
        (steps if isinstance(part, Step) else vertices)[index] = place
    return steps, vertices


_NOWHERE = Place(None, None, laid_out=False)


def _in_order(steps: Sequence[Step], vertices: Sequence[Vertex]) -> list[tuple[int, Step | Vertex]]:
    """Steps and vertices with their indices, in the order in which the log shows them first."""
    parts: list[tuple[int, int, Step | Vertex]] = [(step.start, n, step) for n, step in enumerate(steps)]
    parts += [(each.spans[0].start if each.spans else 0, n, each) for n, each in enumerate(vertices)]
    parts.sort(key=lambda part: part[0])
    return [(index, part) for _, index, part in parts]


def _place(timing: Timing, earliest: float) -> Place:
    seconds = timing.seconds
    start, laid_out = timing.started, False
    if start is None and seconds is not None:
        start, laid_out = earliest, True
    if start is not None and not 0 <= start <= start + (seconds or 0.0) <= LONGEST:
        return _NOWHERE
    return Place(start, seconds, laid_out)


class _Sequential:
    """Each part begins where the one before it ended."""

    def __init__(self) -> None:
        self._end = 0.0

    def earliest(self, part: Step | Vertex) -> float:  # noqa: ARG002 - what comes next comes next
        return self._end

    def take(self, part: Step | Vertex, place: Place) -> None:  # noqa: ARG002
        if place.start is not None:
            self._end = place.start + (place.seconds or 0.0)


class _Parallel:
    """Each part begins where all that it waits for has ended."""

    def __init__(self) -> None:
        self._loaded = self._context = self._end = 0.0
        self._stages: dict[_Stage, float] = {}

    def earliest(self, part: Step | Vertex) -> float:
        if isinstance(part, Vertex):
            if _LOADING.match(part.name):
                return self._loaded
            return 0.0 if _ASIDE.match(part.name) else self._end
        waits = [self._stages.get(_stage(part), self._loaded)]
        others = _OTHER_STAGE.findall(part.arguments) if part.instruction in {"COPY", "RUN", "ADD"} else []
        waits += [self._end_of(part, other) for other in others]
        if part.instruction in {"COPY", "ADD"} and not others:
            waits.append(self._context)
        return max(waits)

    def _end_of(self, step: Step, name: str) -> float:
        """When a stage that a step names had ended: of the step's platform if there is one, else of any."""
        for platform in (step.platform, _ANY):
            # A stage without a name has its number in BuildKit's own one.
            for label in (name.lower(), f"stage-{name}"):
                end = self._stages.get((step.target, platform, label))
                if end is not None:
                    return end
        return 0.0

    def take(self, part: Step | Vertex, place: Place) -> None:
        if place.start is None:
            return
        end = place.start + (place.seconds or 0.0)
        self._end = max(self._end, end)
        if isinstance(part, Step):
            target, platform, label = _stage(part)
            self._stages[target, platform, label] = self._stages[target, _ANY, label] = end
        elif _LOADING.match(part.name) and _CONTEXT in part.name:
            self._context = end
        elif _LOADING.match(part.name):
            self._loaded = max(self._loaded, end)


def _stage(step: Step) -> _Stage:
    label = step.stage_label
    return step.target, step.platform, None if label is None else label.lower()
