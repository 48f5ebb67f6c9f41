"""Seconds of steps that no clock tells, inferred from many builds of the same image.

The classic builder prints no times, but the API knows when each build began and ended. Builds of one image
differ in which steps ran: the cache saved some, and a failure others. What their durations have in common
and where they differ tells what each step costs (:mod:`.fit`, :mod:`.smoother`), and a build's own duration
is then shared out among its steps (:mod:`.draws`).

What is assumed: steps run one after another; the same work costs about the same in the next build, but for
a slow drift and a few sudden changes; a single run scatters around that in proportion; a busy machine is
slow at everything small; now and then one step takes a quite different time. What cannot be told from
durations stays uncertain: steps that always ran together have a known sum, and how it divides is known only
as far as their kinds suggest. Intervals are central, of 90 %.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from logparse.model import Build, Contents, Step, Timing, TimingSource
from logparse.timing.draws import Parts, draw
from logparse.timing.fit import Change, Facts, Fit, fit
from logparse.timing.priors import priors
from logparse.timing.reported import reported_seconds
from logparse.timing.smoother import Floats
from logparse.timing.works import Kind, Works, find_works

__all__ = ["Estimates", "estimate", "image_of"]

_DRAWS = 400
_CLOCK = 0.002
"""Seconds that cannot be told from nothing."""
_LEVELS = (0.05, 0.5, 0.95)
_STEP_COLUMNS = [
    "build_key", "step_index", "image", "work", "seconds", "low", "high", "source", "group", "reason",
]  # fmt: skip
_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Estimates:
    """Seconds of the steps of many builds.

    Parameters
    ----------
    builds
        The builds that were given, in their order.
    timings
        Of each build's steps.
    steps
        One row a step: ``build_key``, ``step_index`` (int32), ``image`` (what it was estimated with),
        ``work`` (Int32, a number that the same step has in all builds of the image), ``seconds``, ``low``,
        ``high`` (float64), ``source``, ``group`` and ``reason``: why nothing better is known.
    groups
        One row a build and group of steps that durations cannot tell apart: ``build_key``, ``group``,
        ``steps`` (how many), and the ``seconds``, ``low`` and ``high`` of their sum.
    changes
        One row a sudden change of a step: ``image``, ``work``, ``text``, ``build_key`` (the first build of
        the new cost), ``started_at``, ``before``, ``after`` (seconds), ``factor`` and ``certainty``
        (standard deviations by which it stands out).
    """

    builds: list[Build]
    timings: list[tuple[Timing, ...]]
    steps: pd.DataFrame
    groups: pd.DataFrame
    changes: pd.DataFrame

    def timed(self) -> list[Build]:
        """The builds, whose steps now have these timings."""
        for build, timings in zip(self.builds, self.timings, strict=True):
            build.decode = _Timed(build.contents, timings)
            build.__dict__.pop("contents", None)
        return self.builds


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


def image_of(build: Build) -> str:
    """What a build builds: ``owner/name``, else the repository of its first tag, else the log's folder."""
    log = build.log
    if log.owner and log.name:
        return f"{log.owner}/{log.name}"
    if build.tags:
        name = build.tags[0]
        return name[: name.rfind(":")] if ":" in name.rpartition("/")[2] else name
    return (log.path or "").rpartition("/")[0]


def estimate(
    builds: Iterable[Build],
    *,
    image: Callable[[Build], str] = image_of,
    draws: int = _DRAWS,
    seed: int = 0,
) -> Estimates:
    """Estimate the seconds of steps from many builds.

    Parameters
    ----------
    builds
        Builds of any images; the more of an image, the better.
    image
        Names what a build builds. Builds of the same name are taken together.
    draws
        How many draws an interval is made of.
    seed
        Where draws begin, so that the same builds give the same numbers.

    Returns
    -------
    Estimates
        Every step has a row. What the log's own clock tells is left as it is, and helps the others.
    """
    given = list(builds)
    images: dict[str, list[int]] = defaultdict(list)
    for index, build in enumerate(given):
        images[image(build)].append(index)
    made = _Made(given)
    for name, chosen in images.items():
        chosen.sort(key=lambda index: given[index].log.started_at or _EARLIEST)
        _Image(name, [given[index] for index in chosen], chosen, made).estimate(draws, seed)
    return made.estimates()


@dataclass(slots=True)
class _Made:
    """What was estimated so far."""

    builds: list[Build]
    timings: dict[int, tuple[Timing, ...]] = field(default_factory=dict)
    steps: dict[int, list[tuple[str, int | None, str | None]]] = field(default_factory=dict)
    groups: list[tuple[str, str, int, float, float, float]] = field(default_factory=list)
    changes: list[tuple[object, ...]] = field(default_factory=list)

    def estimates(self) -> Estimates:
        rows = []
        for index, build in enumerate(self.builds):
            pairs = zip(self.timings[index], self.steps[index], strict=True)
            for step, (timing, (image, work, reason)) in enumerate(pairs):
                seconds = (timing.seconds, timing.low, timing.high)
                rows.append(
                    (build.key, step, image, work, *seconds, timing.source.value, timing.group, reason)
                )
        columns = [
            "build_key",
            "step_index",
            "image",
            "work",
            "seconds",
            "low",
            "high",
            "source",
            "group",
            "reason",
        ]
        steps = pd.DataFrame(rows, columns=columns).astype(
            {"step_index": "int32", "work": "Int32", "seconds": float, "low": float, "high": float}
        )
        groups = pd.DataFrame(self.groups, columns=["build_key", "group", "steps", "seconds", "low", "high"])
        names = ["image", "work", "text", "build_key", "started_at", "before", "after", "factor", "certainty"]
        changes = pd.DataFrame(self.changes, columns=names)
        timings = [self.timings[index] for index in range(len(self.builds))]
        return Estimates(self.builds, timings, steps, groups, changes)


class _Image:
    """The builds of one image, in order of time."""

    def __init__(self, name: str, builds: Sequence[Build], places: Sequence[int], made: _Made) -> None:
        self.name, self.builds, self.places, self.made = name, builds, places, made
        self.works: Works = find_works(builds)
        self.reasons: list[str | None] = []
        self.facts = [self._facts(index) for index in range(len(builds))]

    def estimate(self, draws: int, seed: int) -> None:
        found: Fit | None = None
        if any(each.seconds is not None for each in self.facts):
            found = fit(self.works.all, self.facts)
            for change in found.changes:
                self._note_change(change)
        labels = self._groups()
        chance = np.random.default_rng(seed)
        for index in range(len(self.builds)):
            self._share_out(index, found, labels, chance, draws)

    # -- what the builds say ----------------------------------------------------------------------------

    def _facts(self, index: int) -> Facts:
        build, works = self.builds[index], self.works.of_builds[index]
        seconds, reason = _duration(build)
        ran: list[int] = []
        broken: list[int] = []
        known: dict[int, tuple[float, float]] = {}
        reported: dict[int, float] = {}
        last = len(build.steps) - 1
        for place, (step, work) in enumerate(zip(build.steps, works, strict=True)):
            if work is None:
                continue
            over = (
                step.failed
                or step.canceled
                or (place == last and build.image_id is None and not build.contents.finished)
            )
            (broken if over else ran).append(work)
            if step.outputs and step.timing.seconds is None:
                told = reported_seconds(step)
                if told:
                    reported[work] = told
            if step.timing.seconds is not None:
                wide = (step.timing.high or step.timing.seconds) - (step.timing.low or step.timing.seconds)
                known[work] = (step.timing.seconds, wide)
        if not build.steps and reason is None:
            seconds, reason = None, "the log holds no steps"
        if seconds is not None and sum(reported.values()) > seconds:
            reported, reason = {}, "tools report more time than the build took"
        self.reasons.append(reason)
        return Facts(ran, broken, seconds, known, reported, self.works.edited[index])

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

    def _share_out(
        self, index: int, found: Fit | None, labels: dict[int, str], chance: np.random.Generator, draws: int
    ) -> None:
        build, facts, works = self.builds[index], self.facts[index], self.works.of_builds[index]
        spread: dict[int, tuple[float, float, float]] = {}
        unknown = [work for work in (*facts.ran, *facts.broken) if work not in facts.known]
        if found is not None and unknown:
            drawn = self._draws(index, found, unknown, chance, draws)
            quantiles = np.quantile(drawn, _LEVELS, axis=0)
            for place, piece in enumerate(unknown):
                low, middle, high = quantiles[:, place].tolist()
                spread[piece] = (low, middle, high)
            self._sum_groups(build, unknown, labels, drawn)
        timings: list[Timing] = []
        rows: list[tuple[str, int | None, str | None]] = []
        for step, work in zip(build.steps, works, strict=True):
            levels = spread.get(work) if work is not None else None
            timing, reason = _timing(step, levels, self.reasons[index])
            if timing.source is TimingSource.ESTIMATED and work in labels:
                timing = replace(timing, group=labels[work])
            timings.append(timing)
            rows.append((self.name, work, reason))
        self.made.timings[self.places[index]] = tuple(timings)
        self.made.steps[self.places[index]] = rows

    def _draws(
        self, index: int, found: Fit, unknown: Sequence[int], chance: np.random.Generator, draws: int
    ) -> Floats:
        facts = self.facts[index]
        which = np.array([*unknown, len(self.works.all)])
        noise = found.noise[which].copy()
        mean, covariance = found.of_build(index, which)
        for place, work in enumerate(unknown):
            if work in facts.broken:
                mean[place] += -0.7
                noise[place] = np.hypot(noise[place], 1.0)
        least = np.array([*(facts.reported.get(work, 0.0) for work in unknown), 0.0])
        seconds = facts.seconds
        if seconds is not None:
            seconds -= sum(known for known, _ in facts.known.values())
            seconds = max(seconds, 1e-3)
        return draw(Parts(mean, covariance, noise, 0.01, least), seconds, chance, draws)[:, :-1]

    def _sum_groups(
        self, build: Build, unknown: Sequence[int], labels: dict[int, str], drawn: Floats
    ) -> None:
        members: dict[str, list[int]] = defaultdict(list)
        for place, work in enumerate(unknown):
            if work in labels:
                members[labels[work]].append(place)
        for label, places in members.items():
            if len(places) > 1:
                low, middle, high = np.quantile(drawn[:, places].sum(axis=1), _LEVELS).tolist()
                self.made.groups.append((build.key, label, len(places), middle, low, high))

    def _note_change(self, change: Change) -> None:
        build = self.builds[change.build]
        text = self.works.all[change.work].text if change.work < len(self.works.all) else "(overhead)"
        self.made.changes.append((
            self.name, change.work, text, build.key, build.log.started_at, change.before, change.after,
            change.after / change.before, change.certainty,
        ))  # fmt: skip


def _duration(build: Build) -> tuple[float | None, str | None]:
    """How long a build took, or why that is not known."""
    log = build.log
    if log.started_at is None or log.finished_at is None:
        return None, "the build's start and finish are not known"
    seconds = (log.finished_at - log.started_at).total_seconds()
    if seconds < 0:
        return None, "the build finished before it started"
    if seconds == 0:
        return None, "the build's start and finish are the same"
    return seconds, None


def _timing(
    step: Step, spread: tuple[float, float, float] | None, reason: str | None
) -> tuple[Timing, str | None]:
    """A step's timing, and why nothing better is known."""
    if step.timing.seconds is not None:
        return step.timing, None
    if step.cached:
        prior = priors()[Kind.CACHED]
        wide = float(np.exp(1.645 * np.hypot(prior.spread, prior.noise)))
        timing = Timing(
            seconds=prior.median, low=0.0, high=prior.median * wide, source=TimingSource.ESTIMATED
        )
        return timing, None
    if spread is None:
        return step.timing, reason or "no build of this image has a duration"
    low, middle, high = spread
    if low < _CLOCK:
        low = 0.0
    return Timing(seconds=middle, low=low, high=high, source=TimingSource.ESTIMATED), reason
