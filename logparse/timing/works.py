"""Which steps of many builds are the same work, though their numbers, stages or words may have changed.

A step is the same work as one of an earlier build if their instructions are the same text, the first of
that text in its stage like the first there. Where Dockerfiles were edited, what is left over between two
steps that match is compared word by word: a step that is mostly the same, under the same instruction, is the
same work, edited. A base image that had to be pulled is other work than one that was there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from logparse.timing.records import Kind, StepRecord

__all__ = ["Work", "Works", "find_works"]

_ALIKE = 0.6
"""Share of words that an edited instruction has kept."""
_WORD = re.compile(r"\w+")
_LONGEST, _WORDS = 1 << 13, 400
"""Characters and words of an instruction that are compared."""
_REMEMBERED = 64
"""Pieces of work without a match that an edited step is compared with: the latest."""


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work that many builds may have done.

    Parameters
    ----------
    kind
        What kind it is.
    text
        The instruction, as it was first seen.
    """

    kind: Kind
    text: str


@dataclass(slots=True)
class Works:
    """The work of some builds.

    Parameters
    ----------
    all
        Every piece, in the order of first appearance.
    of_builds
        By build and step, which piece it is; ``None`` for a step whose result came from the cache.
    edited
        Pieces whose instruction a build had changed, by build.
    """

    all: list[Work]
    of_builds: list[list[int | None]]
    edited: list[set[int]]


def find_works(builds: Sequence[Sequence[StepRecord]]) -> Works:
    """Find the work of builds of one image.

    Parameters
    ----------
    builds
        The steps of each, in order of time.
    """
    finder = _Finder()
    for steps in builds:
        finder.add(steps)
    return finder.works


_Key = tuple[str, str, str, int]


class _Finder:
    """Goes through builds and remembers what work there was."""

    def __init__(self) -> None:
        self.works = Works([], [], [])
        # By stage (or any), kind, text and the number among equals.
        self._known: dict[_Key, int] = {}
        self._before: list[int] = []

    def add(self, steps: Sequence[StepRecord]) -> None:
        found, keys = self._match(steps)
        edited = self._edited(steps, found)
        for index, step in enumerate(steps):
            work = found[index]
            if work is None:
                work = len(self.works.all)
                self.works.all.append(Work(step.kind, step.text))
                found[index] = work
            for key in keys[index]:
                self._known[key] = work
        self.works.of_builds.append(
            [None if step.cached else work for step, work in zip(steps, found, strict=True)]
        )
        self.works.edited.append(edited)
        self._remember([work for work in found if work is not None])

    def _match(self, steps: Sequence[StepRecord]) -> tuple[list[int | None], list[list[_Key]]]:
        """The known work of each step whose text is known."""
        counts: Counter[tuple[str, str, str]] = Counter()
        found: list[int | None] = []
        keys: list[list[_Key]] = []
        taken: set[int] = set()
        for step in steps:
            own: list[_Key] = []
            for stage in (step.stage, "*"):
                name = (stage, step.kind.value, step.text)
                counts[name] += 1
                own.append((*name, counts[name]))
            work = next(
                (self._known[key] for key in own if self._known.get(key, -1) not in {-1, *taken}), None
            )
            if work is not None:
                taken.add(work)
            found.append(work)
            keys.append(own)
        return found, keys

    def _edited(self, steps: Sequence[StepRecord], found: list[int | None]) -> set[int]:
        """Match steps with unknown texts to work that this build lacks, by place and words; in place."""
        edited: set[int] = set()
        if None not in found:
            return edited
        matched = {work for work in found if work is not None}
        place = {work: index for index, work in enumerate(self._before)}
        left = [work for work in self._before if work not in matched][-_REMEMBERED:]
        low = -1
        for index, step in enumerate(steps):
            work = found[index]
            if work is not None:
                low = place.get(work, low)
                continue
            high = next((place[other] for other in found[index:] if other in place), len(self._before))
            choices = [
                (_alike(step.text, self.works.all[other].text), -abs(place[other] - low - 1), other)
                for other in left
                if low < place[other] < high and self.works.all[other].kind is step.kind
            ]
            if choices and max(choices)[0] >= _ALIKE:
                work = max(choices)[2]
                found[index] = work
                left.remove(work)
                edited.add(work)
                low = place[work]
        return edited

    def _remember(self, works: list[int]) -> None:
        """Keep the order of work, with what an earlier build did behind the place where this one stopped."""
        if works and works[-1] in self._before:
            rest = self._before[self._before.index(works[-1]) + 1 :]
            works = works + [work for work in rest if work not in works]
        self._before = works


def _alike(text: str, other: str) -> float:
    """The share of words that two instructions have in common, in order."""
    ours, theirs = (_WORD.findall(each[:_LONGEST])[:_WORDS] for each in (text, other))
    return SequenceMatcher(None, ours, theirs, autojunk=False).ratio()
