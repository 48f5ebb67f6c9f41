"""One image's history as numbers, and what no build says outright: noise, drift and sudden changes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from logparse.timing.priors import priors
from logparse.timing.records import Kind
from logparse.timing.smoother import Floats, History, Ints, Observation, Smoothed, smooth
from logparse.timing.works import Work

__all__ = ["BROKEN_SHIFT", "BROKEN_SPREAD", "SHARE_ERROR", "Change", "Facts", "Fit", "fit"]

BROKEN_SHIFT, BROKEN_SPREAD = -0.7, 1.0
"""Work that failed took half its usual time, or up to thrice or a tenth of that."""
_REPORTED_SHIFT, _REPORTED_SPREAD = 0.2, 0.5
"""A tool's own time is a lower bound; the step around it took about a fifth more."""
_CLOCK_ERROR = 0.005
"""Seconds that a build's start and finish are off, at least."""
SHARE_ERROR = 0.01
"""Relative error of every duration, for what the model leaves out."""

_NOISES = (0.02, 0.04, 0.07, 0.11, 0.17, 0.26, 0.4)
_USUAL_NOISE = 0.15
"""What noises are, give or take a factor of two and a half."""
_DRIFTS = (0.003, 0.01, 0.02)
_BUSY = (0.1, 0.25, 0.5)
"""Standard deviations of how busy the machine is, as the logarithm of what small steps take longer."""
_BUSY_KEPT = 0.8
"""How much of that is left in the next build."""
_SEARCHED = 600
"""Builds by which noise and drift are fitted: the latest."""
_EDIT = 0.4
"""Standard deviation, in logarithms, by which an edited instruction may cost more or less."""
_JUMP = 0.7
"""That by which work changes where a change was found."""
_SURE = 3.6
"""Standard deviations that a change must stand out, beside the many places where one may seem to be."""
_ALIKE = 6.0
"""Twice the difference of log-likelihoods below which a change may as well be of other work."""
_NEAR = 2
"""Builds before and after a change in which the same work does not change again."""
_SWEEPS = 100
_LEAST = 0.02
"""Sweeps over the components of the first guess, and how much of what is usual each takes at least."""
_CHANGES, _NEAR_EACH = 24, 10
"""The most changes that are looked for, and the builds that there are for each."""
_RUNS_BEFORE, _RUNS_BEHIND = 3, 2
"""Runs of a step before and behind a change, without which it would be a guess."""


@dataclass(slots=True)
class Facts:
    """What one build says about its work.

    Parameters
    ----------
    ran
        Work that ran to its end.
    broken
        Work that failed, or was still running.
    seconds
        The build's duration, ``None`` if it is not known.
    known
        Seconds of single pieces of work that a clock in the log tells, with the clock's resolution.
    reported
        Seconds that tools told of their own work: lower bounds.
    edited
        Work whose instruction was changed before this build.
    """

    ran: list[int]
    broken: list[int]
    seconds: float | None
    known: dict[int, tuple[float, float]]
    reported: dict[int, float]
    edited: set[int]

    def renumbered(self, place: Mapping[int, int]) -> Facts:
        """The same with other numbers for its work; what has none is left out."""
        return Facts(
            [place[work] for work in self.ran],
            [place[work] for work in self.broken],
            self.seconds,
            {place[work]: known for work, known in self.known.items()},
            {place[work]: seconds for work, seconds in self.reported.items()},
            {place[work] for work in self.edited if work in place},
        )


class Change(NamedTuple):
    """A sudden change of what a piece of work costs.

    Parameters
    ----------
    build
        The first build of the new cost.
    work
        The piece.
    before, after
        Typical seconds.
    certainty
        Standard deviations by which it stands out.
    """

    build: int
    work: int
    before: float
    after: float
    certainty: float


class _Mark(NamedTuple):
    """A place where some work, one piece or another, seems to jump, and how much that stands out."""

    build: int
    work: Ints
    certainty: float


@dataclass(slots=True)
class Fit:
    """What was found out about an image.

    Parameters
    ----------
    smoothed
        Logarithms of typical seconds, of all work and of the overhead behind it; the last component is how
        busy the machine is.
    noise
        Standard deviation of a single run of each, relative.
    loads
        How much each depends on how busy the machine is.
    changes
        Sudden changes, in order.
    asked
        Of each build, the components whose covariance is known, ascending.
    """

    smoothed: Smoothed
    noise: Floats
    loads: Floats
    changes: list[Change]
    asked: list[Ints]

    def of_build(self, build: int, which: Ints) -> tuple[Floats, Floats]:
        """Mean and covariance of the logarithms of what some work that ran in a build is expected to take."""
        asked, mean = self.asked[build], self.smoothed.means[build]
        loading = np.zeros((len(which), len(asked)))
        loading[np.arange(len(which)), np.searchsorted(asked, which)] = 1.0
        loading[:, -1] = self.loads[which]
        return loading @ mean[asked], loading @ self.smoothed.covariances[build] @ loading.T


def fit(work: Sequence[Work], facts: Sequence[Facts]) -> Fit:
    """Fit an image's history.

    Parameters
    ----------
    work
        All of it. The build's overhead is added behind.
    facts
        Of each build, in order of time.
    """
    return _Fitter(work, facts).fit()


class _Fitter:
    def __init__(self, work: Sequence[Work], facts: Sequence[Facts]) -> None:
        self.kinds = [each.kind for each in work] + [Kind.OVERHEAD]
        self.facts = facts
        known = [priors()[kind] for kind in self.kinds]
        self.mean = np.log([each.median for each in known])
        spread = np.array([each.spread for each in known])
        common = np.array([each.common for each in known])
        same = np.array([[a is b for b in self.kinds] for a in self.kinds])
        self.covariance = np.where(same, np.sqrt(np.outer(common, common)), 0.0) * np.outer(spread, spread)
        np.fill_diagonal(self.covariance, spread**2)
        self.busy = _BUSY[0]
        self.mean, self.covariance = _with_machine(self.mean, self.covariance, self.busy)
        self.noise = np.array([each.noise for each in known])
        self.loads = np.array([each.load for each in known])
        ends = [len(self.kinds) - 1, len(self.kinds)]
        self.asked = [np.array(sorted({*each.ran, *each.broken, *ends})) for each in facts]
        self.runs = np.zeros((len(facts) + 1, len(self.kinds) + 1))
        for index, each in enumerate(facts):
            if each.seconds is not None:
                self.runs[index + 1, each.ran] = 1
        self.runs = np.cumsum(self.runs, axis=0)
        # Only of what takes long the noise shows in a build's duration.
        self.fitted = np.array([kind in {Kind.RUN, Kind.PULL} for kind in self.kinds])
        self.start = self._start()

    def fit(self) -> Fit:
        first = max(len(self.facts) - _SEARCHED, 0)
        self._search_noise(_DRIFTS[1], first)
        drift = self._search_drift(first)
        self._search_busy(drift, first)
        self._search_noise(drift, first)
        smoothed, jumps, marks = self._with_changes(drift, 0)
        self._refine_noise(smooth(self._history(drift, jumps), around=smoothed.means, passes=1))
        smoothed = smooth(self._history(drift, jumps), around=smoothed.means, passes=3)
        return Fit(smoothed, self.noise, self.loads, self._changes(smoothed, marks), self.asked)

    def _start(self) -> Floats:
        """Logarithms of seconds to begin with: of the many states that may explain durations, a sound one.

        The seconds that are least off all durations, relative to these, none of them negative: a problem with
        one solution, since it is about sums and not about logarithms. What takes little is taken as usual.
        """
        count = len(self.kinds)
        usual = np.exp(self.mean[:count])
        parts = np.zeros((len(self.facts), count))
        seconds = np.ones(len(self.facts))
        for index, each in enumerate(self.facts):
            if each.seconds is not None:
                parts[index, each.ran] = 1.0
                parts[index, each.broken] = math.exp(BROKEN_SHIFT)
                parts[index, -1] = 1.0
                seconds[index] = each.seconds
        left = np.maximum(seconds - parts[:, ~self.fitted] @ usual[~self.fitted], 0.1 * seconds)
        some = parts[:, self.fitted] / (_USUAL_NOISE * seconds)[:, None]
        # What is usual counts like one duration that tells it within a factor of about two.
        square = some.T @ some + np.diag(usual[self.fitted] ** -2.0)
        toward = some.T @ (left / (_USUAL_NOISE * seconds)) + 1 / usual[self.fitted]
        found = usual[self.fitted].copy()
        for _ in range(_SWEEPS):
            for index in range(len(found)):
                rest = toward[index] - square[index] @ found + square[index, index] * found[index]
                found[index] = max(rest / square[index, index], _LEAST * usual[self.fitted][index])
        start = self.mean.copy()
        start[np.flatnonzero(self.fitted)] = np.log(found)
        return start

    # -- observations -----------------------------------------------------------------------------------

    def _history(self, drift: float, jumps: dict[int, Floats], first: int = 0) -> History:
        facts = self.facts[first:]
        return History(
            self.mean,
            self.covariance,
            [self._observations(each) for each in facts],
            self._drift(drift),
            {build - first: added for build, added in jumps.items() if build >= first},
            self.asked[first:],
        )

    def _drift(self, drift: float) -> Floats:
        drifts = np.full(len(self.mean), drift**2)
        drifts[-1] = self.busy**2 * (1 - _BUSY_KEPT**2)
        return drifts

    def _observations(self, facts: Facts) -> list[Observation]:
        made = []
        variance = self.noise**2
        if facts.seconds is not None:
            which = np.array([*facts.ran, *facts.broken, len(self.kinds) - 1])
            broken = np.zeros(len(which), np.bool_)
            broken[len(facts.ran) : -1] = True
            made.append(
                Observation(
                    which,
                    math.log(facts.seconds),
                    np.where(broken, BROKEN_SHIFT, 0.0),
                    variance[which] + np.where(broken, BROKEN_SPREAD**2, 0.0),
                    self.loads[which],
                    SHARE_ERROR**2 + (_CLOCK_ERROR / facts.seconds) ** 2,
                )
            )
        for work, (seconds, resolution) in facts.known.items():
            shift = BROKEN_SHIFT if work in facts.broken else 0.0
            extra = BROKEN_SPREAD**2 if work in facts.broken else 0.0
            value = max(seconds, resolution / 2, 1e-4)
            made.append(_single(work, value, shift, variance[work] + extra, (resolution / value / 2) ** 2))
        for work, seconds in facts.reported.items():
            if work not in facts.known and work not in facts.broken:
                made.append(_single(work, seconds, -_REPORTED_SHIFT, variance[work], _REPORTED_SPREAD**2))
        return made

    def _edits(self) -> dict[int, Floats]:
        jumps = {}
        for build, facts in enumerate(self.facts):
            if facts.edited:
                jumps[build] = np.zeros(len(self.mean))
                jumps[build][sorted(facts.edited)] = _EDIT**2
        return jumps

    # -- noise, drift and changes, one against the other --------------------------------------------------

    def _search_noise(self, drift: float, first: int) -> None:
        """The noise of what takes long, common to all of it, under which the durations are likeliest."""
        usual = self.noise
        likelihoods = []
        for noise in _NOISES:
            self.noise = np.where(self.fitted, noise, usual)
            doubt = 0.5 * math.log(noise / _USUAL_NOISE) ** 2
            likelihoods.append(self._likelihood(drift, first) - doubt)
        self.noise = np.where(self.fitted, _NOISES[int(np.argmax(likelihoods))], usual)

    def _search_drift(self, first: int) -> float:
        return max(_DRIFTS, key=lambda drift: self._likelihood(drift, first))

    def _search_busy(self, drift: float, first: int) -> None:
        """How much busier the machine is at some times than at others."""
        likelihoods = []
        for busy in _BUSY:
            self._set_busy(busy)
            likelihoods.append(self._likelihood(drift, first))
        self._set_busy(_BUSY[int(np.argmax(likelihoods))])

    def _set_busy(self, busy: float) -> None:
        self.busy = busy
        self.covariance[-1, -1] = busy**2

    def _likelihood(self, drift: float, first: int) -> float:
        """How likely the durations are once sudden changes are found; each has to be worth its place."""
        smoothed, _, marks = self._with_changes(drift, first)
        return smoothed.likelihood - _SURE**2 / 2 * len(marks)

    def _with_changes(self, drift: float, first: int) -> tuple[Smoothed, dict[int, Floats], list[_Mark]]:
        """Smooth the history from a build on, with the sudden changes that stand out in it."""
        jumps = self._edits()
        around = np.tile(self.start, (len(self.facts) - first, 1))
        smoothed = smooth(self._history(drift, jumps, first), around=around, passes=6, covariances=False)
        marks: list[_Mark] = []
        while len(marks) < min(_CHANGES, 1 + len(self.facts) // _NEAR_EACH):
            found = self._change(smoothed, first, marks)
            if found is None:
                break
            marks.append(found)
            added = jumps.get(found.build, np.zeros(len(self.mean))).copy()
            added[found.work] += _JUMP**2
            jumps = {**jumps, found.build: added}
            history = self._history(drift, jumps, first)
            smoothed = smooth(history, around=smoothed.means, passes=3, covariances=False)
        return smoothed, jumps, marks

    def _refine_noise(self, smoothed: Smoothed) -> None:
        """Give work that takes long a noise of its own, as far as the durations it dominates tell.

        A step of the expectation-maximisation algorithm, with the common noise counted as some builds more.
        """
        for _ in range(3):
            variance = self.noise**2
            told = np.zeros(len(variance))
            weight = np.zeros(len(variance))
            for index, each in enumerate(self.facts):
                if np.isnan(smoothed.residuals[index]):
                    continue
                observation = self._observations(each)[0]
                parts = observation.parts(smoothed.means[index])
                share = np.exp(parts - parts.max())
                share /= share.sum()
                slope = observation.slope(share, len(self.mean))
                # The states have taken up some of what happened: that counts as noise, too.
                slope = slope[self.asked[index]]
                doubt = float(slope @ smoothed.covariances[index] @ slope)
                spread = observation.spread(share)
                part = share**2 * variance[observation.which] / spread
                size = min((smoothed.residuals[index] ** 2 + doubt) / spread, 9.0)
                told[observation.which] += part * size
                weight[observation.which] += part
            kept = 8.0
            factor = (told + kept) / (weight + kept)
            self.noise = np.where(self.fitted, np.clip(self.noise * np.sqrt(factor), 0.01, 0.8), self.noise)

    def _change(self, smoothed: Smoothed, first: int, marks: Sequence[_Mark]) -> _Mark | None:
        """The place where a jump would explain most, with the work that it may be of."""
        pulls = np.abs(smoothed.pulls)
        runs = self.runs[first:-1]
        pulls[(runs < _RUNS_BEFORE) | (self.runs[-1] - runs < _RUNS_BEHIND)] = 0.0
        pulls[:, np.append(~self.fitted, True)] = 0.0
        for mark in marks:
            near = mark.build - first
            pulls[max(near - _NEAR, 0) : near + _NEAR + 1, mark.work] = 0.0
        build, work = np.unravel_index(int(pulls.argmax()), pulls.shape)
        certainty = float(pulls[build, work])
        if certainty < _SURE:
            return None
        # Work that durations can hardly tell apart is pulled about alike.
        alike = np.flatnonzero(pulls[build] ** 2 > certainty**2 - _ALIKE)
        return _Mark(int(build) + first, alike, certainty)

    def _changes(self, smoothed: Smoothed, marks: Sequence[_Mark]) -> list[Change]:
        found = []
        for build, which, certainty in sorted(marks, key=lambda mark: mark.build):
            before, after = np.exp(smoothed.means[build - 1][which]), np.exp(smoothed.means[build][which])
            work = int(np.argmax(np.abs(after - before)))
            found.append(Change(build, int(which[work]), float(before[work]), float(after[work]), certainty))
        return found


def _with_machine(mean: Floats, covariance: Floats, busy: float) -> tuple[Floats, Floats]:
    """What is known of the components at first, with how busy the machine is as the last one."""
    size = len(mean)
    wider = np.zeros((size + 1, size + 1))
    wider[:size, :size] = covariance
    wider[size, size] = busy**2
    return np.append(mean, 0.0), wider


def _single(work: int, seconds: float, shift: float, noise: float, error: float) -> Observation:
    return Observation(
        np.array([work]), math.log(seconds), np.array([shift]), np.array([noise]), np.empty(0), error
    )
