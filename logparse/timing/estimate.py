"""Seconds of steps that no clock tells, inferred from many builds of the same image.

The classic builder prints no times, but the API knows when each build began and ended. Builds of one image
differ in which steps ran: the cache saved some, and a failure others. What their durations have in common
and where they differ tells what each step costs (:mod:`.fit`, :mod:`.density`), and a build's own duration
is then shared out among its steps (:mod:`.draws`).

What is assumed: steps run one after another; the same work costs about the same in the next build, but for
a slow drift and a few sudden changes; a single run scatters around that in proportion; a busy machine is
slow at everything small; now and then one step takes a quite different time. What cannot be told from
durations stays uncertain: steps that always ran together have a known sum, and how it divides is known only
as far as their kinds suggest. Intervals are central, of 90 %.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from logparse.model import Build, Contents, Timing, TimingSource
from logparse.timing.density import Floats
from logparse.timing.draws import Parts, share_out
from logparse.timing.facts import (
    BROKEN_OVERHEAD,
    BROKEN_SHIFT,
    BROKEN_SPREAD,
    SHARE_ERROR,
    Facts,
    Memory,
)
from logparse.timing.fit import APART, Change, Fit, fit
from logparse.timing.priors import priors
from logparse.timing.records import Kind, Record, StepRecord, image_of, record_of
from logparse.timing.works import find_works

__all__ = ["Estimates", "estimate"]

_DRAWS = 200
_LONG, _FEWER_DRAWS = 1000, 48
"""Builds above which fewer draws do, and nearer ones."""
_NEARER = 2
_LEAST_DRAWS = 10
_AT_ONCE = 150
"""Builds of an image that are fitted together at most. What is known behind them is passed on to the next."""
_CLOCK = 0.002
"""Seconds that cannot be told from nothing."""
_LEVELS = (0.05, 0.5, 0.95)
_NINETY = 1.645
"""Standard deviations on either side of the middle that hold 90 % of a normal distribution."""
_STEP_COLUMNS = [
    "build_key", "step_index", "image", "work", "text", "cached", "seconds", "low", "high", "source", "group",
    "reason",
]  # fmt: skip
_BUILD_COLUMNS = ["build_key", "image", "started_at", "seconds", "reason"]
_GROUP_COLUMNS = ["build_key", "group", "steps", "seconds", "low", "high"]
_CHANGE_COLUMNS = [
    "image", "work", "text", "build_key", "started_at", "before", "after", "factor", "certainty",
]  # fmt: skip
_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Estimates:
    """Seconds of the steps of many builds.

    Parameters
    ----------
    timings
        Of each build's steps, by the build's key.
    steps
        One row a step: ``build_key``, ``step_index`` (int32), ``image`` (what it was estimated with),
        ``work`` (Int32, a number that the same step has in all builds of the image), ``text``, ``cached``,
        ``seconds``, ``low``, ``high`` (float64), ``source``, ``group`` and ``reason``: why nothing better is
        known.
    builds
        One row a build: ``build_key``, ``image``, ``started_at``, ``seconds`` (of the whole build) and
        ``reason``.
    groups
        One row a build and group of steps that durations cannot tell apart: ``build_key``, ``group``,
        ``steps`` (how many), and the ``seconds``, ``low`` and ``high`` of their sum.
    changes
        One row a sudden change of a step: ``image``, ``work``, ``text``, ``build_key`` (the first build of
        the new cost), ``started_at``, ``before``, ``after`` (seconds), ``factor`` and ``certainty``
        (standard deviations by which it stands out).
    """

    timings: dict[str, tuple[Timing, ...]]
    steps: pd.DataFrame
    builds: pd.DataFrame
    groups: pd.DataFrame
    changes: pd.DataFrame

    def timed(self, build: Build) -> Build:
        """A build, whose steps have their timings from now on; it must be one of those given."""
        timings = self.timings.get(build.key, ())
        if len(timings) == len(build.steps):
            build.decode = _Timed(build.contents, timings)
            build.__dict__.pop("contents", None)
        return build


@dataclass(frozen=True, slots=True)
class _Timed:
    """Gives a build's contents with other timings."""

    contents: Contents
    timings: tuple[Timing, ...]

    def __call__(self, build: Build) -> Contents:  # noqa: ARG002 - what decodes a build is given it
        steps = tuple(
            replace(step, timing=timing)
            for step, timing in zip(self.contents.steps, self.timings, strict=True)
        )
        return replace(self.contents, steps=steps)


def estimate(
    builds: Iterable[Build],
    *,
    image: Callable[[Build], str] = image_of,
    draws: int | None = None,
    seed: int = 0,
) -> Estimates:
    """Estimate the seconds of steps from many builds.

    Parameters
    ----------
    builds
        Builds of any images; the more of an image, the better. They are read one by one and not kept. A
        build that is given twice counts once.
    image
        Names what a build builds, by default its algorithm, else the repository of its tag, else the folder
        of its log. Builds of the same name are taken together.
    draws
        How many draws an interval is made of, by default 200, and 48 for over 1,000 builds.
    seed
        Where draws begin, so that the same builds give the same numbers.

    Raises
    ------
    ValueError
        If `draws` is less than 10.

    Returns
    -------
    Estimates
        Every step has a row. What the log's own clock tells is left as it is, and helps the others.
    """
    if draws is not None and draws < _LEAST_DRAWS:
        raise ValueError(f"{draws} draws make no interval; ask for {_LEAST_DRAWS} or more")
    images: dict[str, dict[str, Record]] = defaultdict(dict)
    made = _Made()
    for build in builds:
        record = record_of(build, image(build))
        images[record.image].setdefault(record.key, record)
        made.keys.setdefault(record.key)
    are_many = sum(len(records) for records in images.values()) > _LONG
    apart = _NEARER if are_many else APART
    if draws is None:
        draws = _FEWER_DRAWS if are_many else _DRAWS
    for records in images.values():
        # In the order of their start, and where that is equal or unknown, of their keys.
        ordered = sorted(records.values(), key=lambda record: (record.started_at or _EARLIEST, record.key))
        _Image(ordered, made).estimate(draws, seed, apart)
    return made.estimates()


@dataclass(slots=True)
class _Made:
    """What was estimated so far."""

    keys: dict[str, None] = field(default_factory=dict)
    timings: dict[str, tuple[Timing, ...]] = field(default_factory=dict)
    steps: dict[str, list[tuple[object, ...]]] = field(default_factory=dict)
    builds: dict[str, tuple[object, ...]] = field(default_factory=dict)
    groups: list[tuple[object, ...]] = field(default_factory=list)
    changes: list[tuple[object, ...]] = field(default_factory=list)

    def estimates(self) -> Estimates:
        """All of it, in the order in which builds were given."""
        steps = pd.DataFrame([row for key in self.keys for row in self.steps[key]], columns=_STEP_COLUMNS)
        steps = steps.astype({"step_index": "int32", "work": "Int32", "cached": bool})
        steps = steps.astype({"seconds": float, "low": float, "high": float})
        builds = pd.DataFrame([self.builds[key] for key in self.keys], columns=_BUILD_COLUMNS)
        return Estimates(
            {key: self.timings[key] for key in self.keys},
            steps,
            builds.astype({"seconds": float}),
            pd.DataFrame(self.groups, columns=_GROUP_COLUMNS),
            pd.DataFrame(self.changes, columns=_CHANGE_COLUMNS),
        )


class _Era(NamedTuple):
    """Builds of an image that follow one another, fitted together.

    Parameters
    ----------
    first, behind
        The first of them, and the one behind the last.
    place
        Where each piece of their work is among the components of the fit.
    found
        The fit, ``None`` if none of them has a duration, or no work is without a clock.
    is_told
        Whether one of them has a duration.
    """

    first: int
    behind: int
    place: dict[int, int]
    found: Fit | None
    is_told: bool


class _Image:
    """The builds of one image, in order of time."""

    def __init__(self, records: Sequence[Record], made: _Made) -> None:
        self.records, self.made = records, made
        self.works = find_works([record.steps for record in records])
        self.memory = Memory(self.works.all)
        self.facts = [self._facts(index) for index in range(len(records))]

    def estimate(self, draws: int, seed: int, apart: int) -> None:
        """Estimate the seconds of every step."""
        labels = self._groups()
        chance = np.random.default_rng(seed)
        parts = max(math.ceil(len(self.records) / _AT_ONCE), 1)
        ends = [round(len(self.records) * part / parts) for part in range(parts + 1)]
        for first, behind in pairwise(ends):
            era = self._era(first, behind, draws, apart, chance)
            for index in range(era.first, era.behind):
                self._share_out(index, era, labels, chance)

    def _era(self, first: int, behind: int, draws: int, apart: int, chance: np.random.Generator) -> _Era:
        """Fit some builds that follow one another, with what work there is in them."""
        facts = self.facts[first:behind]
        used = sorted({work for each in facts for work in each.unknown()})
        is_told = any(each.seconds is not None for each in facts)
        if not (is_told and used):
            return _Era(first, behind, {}, None, is_told)
        place = {work: index for index, work in enumerate(used)}
        found, then = fit(
            [self.works.all[work] for work in used],
            [each.of(place) for each in facts],
            self.memory.of(used),
            draws,
            chance,
            apart=apart,
        )
        self.memory.keep(used, then)
        for change in found.changes:
            self._note_change(
                first + change.build, used[change.work] if change.work < len(used) else None, change
            )
        return _Era(first, behind, place, found, is_told)

    # -- what the builds say ----------------------------------------------------------------------------

    def _facts(self, index: int) -> Facts:
        record = self.records[index]
        facts = Facts([], [], record.seconds, {}, {}, self.works.edited[index])
        told = sum(step.reported or 0.0 for step in record.steps)
        for step, work in zip(record.steps, self.works.of_builds[index], strict=True):
            if work is None:
                continue
            (facts.broken if step.broke else facts.ran).append(work)
            if step.timing.seconds is not None and 0 <= step.timing.seconds < math.inf:
                low, high = step.timing.low, step.timing.high
                width = high - low if low is not None and high is not None else 0.0
                facts.known[work] = (step.timing.seconds, width)
            elif step.reported and (record.seconds is None or told <= record.seconds):
                facts.reported[work] = step.reported
        return facts

    def _groups(self) -> dict[int, str]:
        """Labels of work that ran in the very same builds, so that durations cannot tell it apart."""
        marks: dict[int, list[tuple[int, bool]]] = defaultdict(list)
        for index, facts in enumerate(self.facts):
            if facts.seconds is None:
                continue
            for broken, some in ((False, facts.ran), (True, facts.broken)):
                for work in some:
                    if work not in facts.known:
                        marks[work].append((index, broken))
        alike: dict[tuple[tuple[int, bool], ...], list[int]] = defaultdict(list)
        for work, places in marks.items():
            alike[tuple(places)].append(work)
        labels = {}
        for members in alike.values():
            if len(members) > 1:
                for work in members:
                    labels[work] = f"g{min(members) + 1}"
        return labels

    # -- what follows -----------------------------------------------------------------------------------

    def _share_out(self, index: int, era: _Era, labels: dict[int, str], chance: np.random.Generator) -> None:
        """Give each step of a build its part of the build's duration."""
        record, facts, works = self.records[index], self.facts[index], self.works.of_builds[index]
        spread: dict[int, tuple[float, float, float]] = {}
        unknown = facts.unknown()
        drawn = self._draws(index, era, unknown, chance)
        if drawn is not None:
            quantiles = np.quantile(drawn, _LEVELS, axis=0)
            if facts.seconds is not None:
                quantiles = _summed(quantiles, float(drawn[0].sum()))
            drawn, quantiles = drawn[:, :-1], quantiles[:, :-1]
            for place, piece in enumerate(unknown):
                low, middle, high = quantiles[:, place].tolist()
                spread[piece] = (low, middle, high)
            self._sum_groups(record, unknown, labels, drawn)
        timings: list[Timing] = []
        rows: list[tuple[object, ...]] = []
        for place, (step, work) in enumerate(zip(record.steps, works, strict=True)):
            levels = spread.get(work) if work is not None else None
            timing, reason = _timing(step, levels, record.reason, known=era.is_told)
            if timing.source is TimingSource.ESTIMATED and work in labels:
                timing = replace(timing, group=labels[work])
            timings.append(timing)
            rows.append((
                record.key, place, record.image, work, step.text, step.cached, timing.seconds, timing.low,
                timing.high, timing.source.value, timing.group, reason,
            ))  # fmt: skip
        made = self.made
        made.timings[record.key], made.steps[record.key] = tuple(timings), rows
        made.builds[record.key] = (
            record.key, record.image, record.started_at, record.seconds, record.reason,
        )  # fmt: skip

    def _draws(
        self, index: int, era: _Era, unknown: Sequence[int], chance: np.random.Generator
    ) -> Floats | None:
        """Draw the seconds of some work of a build, ``None`` if nothing is known."""
        found, facts = era.found, self.facts[index]
        if found is None or not unknown:
            return None
        which = np.array([*(era.place[work] for work in unknown), len(era.place)])
        typical = found.typical[:, index - era.first, which]
        noise = found.noise[:, which]
        for place, work in enumerate(unknown):
            if work in facts.broken:
                typical[:, place] += BROKEN_SHIFT
                noise[:, place] = np.hypot(noise[:, place], BROKEN_SPREAD)
        if facts.broken:
            typical[:, -1] += BROKEN_OVERHEAD
        least = np.array([*(facts.reported.get(work, 0.0) for work in unknown), 0.0])
        seconds = facts.seconds
        if seconds is not None:
            seconds = max(seconds - sum(known for known, _ in facts.known.values()), 1e-3)
        parts = Parts(typical, noise, found.busy, found.loads[which], SHARE_ERROR, least)
        return share_out(parts, seconds, chance)

    def _sum_groups(
        self, record: Record, unknown: Sequence[int], labels: dict[int, str], drawn: Floats
    ) -> None:
        members: dict[str, list[int]] = defaultdict(list)
        for place, work in enumerate(unknown):
            if work in labels:
                members[labels[work]].append(place)
        several = {label: places for label, places in members.items() if len(places) > 1}
        if several:
            sums = np.column_stack([drawn[:, places].sum(axis=1) for places in several.values()])
            levels = np.quantile(sums, _LEVELS, axis=0).T.tolist()
            for (label, places), (low, middle, high) in zip(several.items(), levels, strict=True):
                self.made.groups.append((record.key, label, len(places), middle, low, high))

    def _note_change(self, build: int, work: int | None, change: Change) -> None:
        record = self.records[build]
        text = self.works.all[work].text if work is not None else "(overhead)"
        self.made.changes.append((
            record.image, work, text, record.key,
            record.started_at, change.before, change.after, change.after / change.before, change.certainty,
        ))  # fmt: skip


def _summed(quantiles: Floats, seconds: float) -> Floats:
    """The same with the middles moved so that they sum up to the duration, the more uncertain the further.

    Middles of what is skewed do not sum up by themselves.
    """
    low, middle, high = quantiles
    width = high - low
    moved = middle + (seconds - middle.sum()) * width / max(float(width.sum()), _CLOCK)
    return np.stack([low, np.clip(moved, low, high), high])


def _timing(
    step: StepRecord, spread: tuple[float, float, float] | None, reason: str | None, *, known: bool
) -> tuple[Timing, str | None]:
    """A step's timing, and why nothing better is known; nothing if no build of the image has a duration."""
    if step.timing.seconds is not None:
        return step.timing, None
    if step.cached and known:
        prior = priors()[Kind.CACHED]
        high = prior.median * float(np.exp(_NINETY * np.hypot(prior.spread, prior.noise)))
        return Timing(seconds=prior.median, low=0.0, high=high, source=TimingSource.ESTIMATED), None
    if spread is None:
        return step.timing, reason or "no build of this image has a duration"
    low, middle, high = spread
    if low < _CLOCK:
        low = 0.0
    return Timing(seconds=middle, low=low, high=high, source=TimingSource.ESTIMATED), reason
