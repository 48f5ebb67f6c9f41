"""What durations can tell apart: work that always ran together is one piece, and is divided afterwards."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from logparse.timing.density import Density, Floats, Ints, Sums, Usual
from logparse.timing.facts import (
    BESIDE,
    BROKEN_OVERHEAD,
    BROKEN_SHIFT,
    BROKEN_SPREAD,
    LEAST,
    SHARE_ERROR,
    Before,
    Facts,
)
from logparse.timing.priors import priors
from logparse.timing.records import Kind
from logparse.timing.works import Work

__all__ = ["Pieces"]

_REPORTED_SHIFT, _REPORTED_SPREAD = 0.2, 0.5
"""A tool's own time is a lower bound; the step around it took about a fifth more."""
_CLOCK_ERROR = 0.005
"""Seconds that a build's start and finish are off, at least."""
_CLOCKED = 12
"""Runs that count of those that a clock told, the latest: there may be thousands, which all tell the same."""
_WALKING = 10
"""Builds that ran a piece, below which no walk of it can be seen."""
_NOT = -1e3
"""Logarithm of the seconds of what did not run."""
_POOL = 2000
"""Draws of what is usual, by which work that always ran together is taken as one."""
_BAND = 0.2
"""Width in logarithms around a sum, within which those draws are taken for how it divides."""
_TAILS = 1.22
"""Standard deviation of Student's t with the degrees of freedom that durations are taken to have."""


class Pieces:
    """The pieces that the durations of some builds tell apart.

    Parameters
    ----------
    work
        All work of these builds.
    facts
        Of each build, in order of time.
    known
        What is known before.
    chance
        Where draws come from.
    """

    def __init__(
        self, work: Sequence[Work], facts: Sequence[Facts], known: Before, chance: np.random.Generator
    ) -> None:
        kinds = [*(each.kind for each in work), *BESIDE]
        self.facts, self.known, self.chance, self.count = facts, known, chance, len(kinds)
        self.noise = np.array([priors()[kind].noise for kind in kinds])
        self.loads = np.array([priors()[kind].load for kind in kinds])
        self.is_command = np.array([kind is Kind.RUN for kind in kinds])
        # Only of what takes long the noise shows in a build's duration.
        self.is_long = self.is_command | np.array([kind is Kind.PULL for kind in kinds])
        self.members = self._together()
        self.of_work = np.empty(self.count, np.int64)
        for index, members in enumerate(self.members):
            self.of_work[members] = index
        self.pool = chance.multivariate_normal(known.mean, known.covariance, _POOL, method="eigh")

    def _together(self) -> list[list[int]]:
        """Work that ran in the very same builds, and of which nothing else is known."""
        seen: dict[int, list[tuple[int, str]]] = defaultdict(list)
        apart = {self.count - 2, self.count - 1}
        for index, each in enumerate(self.facts):
            apart.update(each.known, each.reported)
            if each.seconds is not None:
                for what, some in (("ran", each.ran), ("broken", each.broken), ("edited", each.edited)):
                    for work in some:
                        seen[work].append((index, what))
        alike: dict[object, list[int]] = defaultdict(list)
        for work in range(self.count):
            alike[work if work in apart else tuple(seen[work])].append(work)
        return sorted(alike.values())

    def edits(self) -> list[tuple[int, int]]:
        """Builds and pieces of which an instruction that takes long had been edited."""
        return [
            (build, piece)
            for build, each in enumerate(self.facts)
            for piece in sorted({int(self.of_work[work]) for work in each.edited if self.is_long[work]})
            if build
        ]

    # -- as numbers -------------------------------------------------------------------------------------

    @cached_property
    def usual(self) -> Usual:
        """What is known of the pieces before anything is seen; without drift."""
        logs = np.column_stack(
            [np.logaddexp.reduce(self.pool[:, members], axis=1) for members in self.members]
        )
        noise, loads = np.empty(len(self.members)), np.empty(len(self.members))
        for index, members in enumerate(self.members):
            share = np.exp(self.pool[:, members] - logs[:, [index]])
            noise[index] = math.sqrt(float(((share * self.noise[members]) ** 2).sum(axis=1).mean()))
            loads[index] = float(share.mean(axis=0) @ self.loads[members])
        return Usual(
            logs.mean(axis=0),
            np.cov(logs, rowvar=False) + 1e-6 * np.eye(len(self.members)),
            noise,
            loads,
            np.array([bool(self.is_long[members].any()) for members in self.members]),
            self.runs()[-1] >= _WALKING,
            0.0,
            self.known.common,
        )

    @cached_property
    def sums(self) -> Sums:
        """What the builds say."""
        rows = _Rows(len(self.members))
        overhead, container = (int(piece) for piece in self.of_work[-2:])
        latest = self._latest_clocked()
        for index, each in enumerate(self.facts):
            if each.seconds is not None:
                rest = max(each.seconds - sum(seconds for seconds, _ in each.known.values()), LEAST)
                shift, extra = rows.add(index, rest, SHARE_ERROR**2 + (_CLOCK_ERROR / rest) ** 2)
                for work in (*each.ran, *each.broken):
                    if work not in each.known:
                        self._put(work, each, shift, extra)
                shift[overhead] = BROKEN_OVERHEAD if each.broken else 0.0
                commands = self._commands(each)
                if commands:
                    shift[container] = math.log(commands)
            for work in each.known:
                if index >= latest[work]:
                    self._add_clocked(rows, index, work)
            for work, seconds in each.reported.items():
                if work not in each.known and work not in each.broken:
                    shift, _ = rows.add(index, seconds, _REPORTED_SPREAD**2)
                    shift[self.of_work[work]] = -_REPORTED_SHIFT
        return rows.sums()

    def _add_clocked(self, rows: _Rows, index: int, work: int) -> None:
        facts = self.facts[index]
        seconds, resolution = facts.known[work]
        value = max(seconds, resolution / 2, LEAST / 10)
        shift, extra = rows.add(index, value, (resolution / value / 2) ** 2 + SHARE_ERROR**4)
        self._put(work, facts, shift, extra)
        if self.is_command[work]:
            shift[self.of_work[-1]] = 0.0

    def _latest_clocked(self) -> dict[int, int]:
        """The first build of each piece of work from which on its clocks count."""
        builds: dict[int, list[int]] = defaultdict(list)
        for index, each in enumerate(self.facts):
            for work in each.known:
                builds[work].append(index)
        return {work: some[-_CLOCKED:][0] for work, some in builds.items()}

    def _put(self, work: int, facts: Facts, shift: Floats, extra: Floats) -> None:
        is_broken = work in facts.broken
        shift[self.of_work[work]] = BROKEN_SHIFT if is_broken else 0.0
        extra[self.of_work[work]] = BROKEN_SPREAD**2 if is_broken else 0.0

    def _commands(self, facts: Facts) -> int:
        return sum(
            bool(self.is_command[work]) and work not in facts.known for work in (*facts.ran, *facts.broken)
        )

    def runs(self) -> Ints:
        """How many builds before each ran each piece, shape (builds + 1, pieces)."""
        ran = np.zeros((len(self.facts) + 1, len(self.members)), np.int64)
        for index, each in enumerate(self.facts):
            if each.seconds is not None:
                ran[index + 1, self.of_work[each.ran]] = 1
        return np.cumsum(ran, axis=0)

    # -- and back ---------------------------------------------------------------------------------------

    def divided(self, density: Density, drawn: Floats) -> tuple[Floats, Floats]:
        """Draws of what is typical for each piece of work, and of its noise, from those of parameters.

        Returns
        -------
        tuple of ndarray of float64, shapes (draws, builds, n) and (draws, n)
        """
        whole = np.array([density.typical(each) for each in drawn])
        noises = np.array([density.noise(each) for each in drawn])
        typical = np.empty((*whole.shape[:2], self.count))
        noise = np.tile(self.noise, (len(drawn), 1))
        for index, members in enumerate(self.members):
            typical[:, :, members] = whole[:, :, index, None]
            if len(members) > 1:
                typical[:, :, members] += self._shares(members, np.median(whole[:, :, index], axis=1))[
                    :, None
                ]
            long = [work for work in members if self.is_long[work]]
            noise[:, long] = _TAILS * noises[:, index, None]
        return typical, noise

    def _shares(self, members: list[int], sums: Floats) -> Floats:
        """Draws of the logarithms of what each has of a sum, as is usual of sums about as large."""
        pool = self.pool[:, members]
        usual = np.logaddexp.reduce(pool, axis=1)
        likely = -0.5 * ((sums[:, None] - usual) / _BAND) ** 2
        # Where nothing usual is like the sum, the nearest is taken.
        odds = np.cumsum(np.exp(likely - likely.max(axis=1, keepdims=True)), axis=1)
        chosen = (odds < (self.chance.random(len(sums)) * odds[:, -1])[:, None]).sum(axis=1)
        return np.asarray(pool[chosen] - usual[chosen][:, None])

    def with_containers(self, typical: Floats, noise: Floats) -> tuple[Floats, Floats, Floats]:
        """Commands together with what every command takes: what is typical, the noise, and the loads."""
        container, commands = typical[:, :, -1:], self.is_command
        whole = typical.copy()
        whole[:, :, commands] = np.logaddexp(typical[:, :, commands], container)
        share = np.exp(np.median(container - whole[:, :, commands], axis=1))
        noise, loads = noise.copy(), self.loads.copy()
        noise[:, commands] = np.hypot((1 - share) * noise[:, commands], share * noise[:, -1:])
        part = np.median(share, axis=0)
        loads[commands] = (1 - part) * loads[commands] + part * loads[-1]
        return whole[:, :, :-1], noise[:, :-1], loads[:-1]


class _Rows:
    """Collects sums."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.builds: list[int] = []
        self.values: list[float] = []
        self.errors: list[float] = []
        self.shifts: list[Floats] = []
        self.extras: list[Floats] = []

    def add(self, build: int, seconds: float, error: float) -> tuple[Floats, Floats]:
        """Add a row; its shifts, and what is beside the noise, are to be filled in."""
        self.builds.append(build)
        self.values.append(math.log(seconds))
        self.errors.append(error)
        self.shifts.append(np.full(self.size, _NOT))
        self.extras.append(np.zeros(self.size))
        return self.shifts[-1], self.extras[-1]

    def sums(self) -> Sums:
        return Sums(
            np.array(self.builds, np.int64),
            np.array(self.values),
            np.array(self.shifts),
            np.array(self.extras),
            np.array(self.errors),
        )
