"""How long a build will still take, to go by earlier ones.

The earlier build that is most like the present one tells which steps are left. What each takes, and whether
it runs at all or comes from the cache, is drawn many times from what it took in earlier builds; behind a step
that ran, all of the same stage run. Steps follow one another, but stages of BuildKit's, which go on beside
each other until one needs the other. Quantiles of the sums are the range. It is meant to hold the truth in 90
of 100 cases; of recorded builds it did in 80 to 96, since no log tells what a commit changes, and with that
what runs (``tests/benchmarks/bench_watch.py``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from logparse.live.history import Cost, History, Past, PastStep
from logparse.live.progress import Told

__all__ = ["UNKNOWN", "Left", "left"]

Floats = npt.NDArray[np.float64]

_DRAWS = 256
_LEVELS = (0.05, 0.5, 0.95)
_CACHED = 0.001
"""Seconds of a step that comes from the cache."""
_RARE = 1e-3
"""Share of runs that take longer than this one has, below which earlier ones tell nothing more."""
_FROM = re.compile(r"--from=(\S{1,256})")
_STEPS = 4096
_COMMON = 0.2
"""Standard deviation of the logarithm of seconds that all steps of a build have in common."""


class Left(NamedTuple):
    """Seconds that are left: the middle of what is expected, and its range. All ``None`` if not known."""

    seconds: float | None
    low: float | None
    high: float | None


UNKNOWN = Left(None, None, None)


def left(history: History, seen: Sequence[Told], now: float, *, seed: int = 0) -> Left:
    """Estimate how long a build will still take.

    Parameters
    ----------
    history
        Earlier builds.
    seen
        The steps that have begun, in order.
    now
        The time, in seconds since 1970.
    seed
        Where draws begin, so that the same builds give the same numbers.
    """
    past = history.like([step.text for step in seen])
    if past is None or len(past.steps) > _STEPS:
        return UNKNOWN
    draws = _Draws(history, past, np.random.default_rng(seed))
    matched = _matched(past, seen)
    for step, index in zip(seen, matched, strict=True):
        draws.begun(step, None if index is None else past.steps[index], now)
    taken = {index for index in matched if index is not None}
    last = max(taken, default=-1)
    for index, ahead in enumerate(past.steps):
        if index not in taken and (past.at_once or index > last):
            draws.ahead(ahead)
    low, middle, high = np.quantile(draws.total(), _LEVELS).tolist()
    return Left(middle, low, high)


def _matched(past: Past, seen: Sequence[Told]) -> list[int | None]:
    """The step of an earlier build that each one is, by its text, or else by its place behind the last."""
    places: dict[str, list[int]] = {}
    for place in reversed(range(len(past.steps))):
        places.setdefault(past.steps[place].text, []).append(place)
    found: list[int | None] = []
    taken: set[int] = set()
    following = 0
    for step in seen:
        same = places.get(step.text)
        index: int | None = None
        if same:
            index = same.pop()
        elif following < len(past.steps) and following not in taken:
            ahead = past.steps[following]
            is_edited = ahead.text.partition(" ")[0] == step.text.partition(" ")[0]
            index = following if is_edited and ahead.place == step.place else None
        if index is not None:
            taken.add(index)
            following = index + 1
        found.append(index)
    return found


class _Draws:
    """Many ways in which a build may go on."""

    def __init__(self, history: History, past: Past, chance: np.random.Generator) -> None:
        self._history, self._past, self._chance = history, past, chance
        self._common = chance.normal(0.0, _COMMON, _DRAWS)
        self._ran: dict[str, npt.NDArray[np.bool_]] = {}
        self._ready: dict[str, Floats] = {}

    def begun(self, step: Told, before: PastStep | None, now: float) -> None:
        """Add a step that has begun, and what it is in the earlier build."""
        if not step.text.startswith("FROM"):
            self._ran[step.place] = np.full(_DRAWS, step.state != "cached")
        if step.began is not None:
            cost = None if before is None else self._history.cost(before)
            self._follow(step.place, step.text, self._rest(cost, max(0.0, now - step.began)))

    def ahead(self, step: PastStep) -> None:
        """Add a step that has not begun."""
        cost = self._history.cost(step)
        seconds = np.exp(self._chance.normal(cost.mean, cost.spread, _DRAWS) + self._common)
        if step.instruction != "FROM":
            ran = self._ran.get(step.place, np.zeros(_DRAWS, np.bool_))
            cached = ~ran & (self._chance.random(_DRAWS) < self._history.chance_of_cache(step))
            self._ran[step.place] = ~cached
            seconds = np.where(cached, _CACHED, seconds)
        self._follow(step.place, step.text, seconds)

    def _follow(self, place: str, text: str, seconds: Floats) -> None:
        """Have a step begin once all that it needs is there."""
        nothing = np.zeros(_DRAWS)
        key = place if self._past.at_once else ""
        start = self._ready.get(key, nothing)
        if self._past.at_once:
            around = place.rpartition(" ")[0]
            for name in _needed(text):
                start = np.maximum(start, self._ready.get(f"{around} {name}".strip(), nothing))
        self._ready[key] = start + seconds

    def _rest(self, cost: Cost | None, passed: float) -> Floats:
        """What is left of a step that has run for so long; nothing, if it is a new one."""
        if cost is None:
            return np.zeros(_DRAWS)
        normal = NormalDist(cost.mean, max(cost.spread, 1e-6))
        done = normal.cdf(math.log(passed)) if passed > 0 else 0.0
        if done > 1 - _RARE:
            # It takes longer than it ever did: probably as long again, as far as can be said.
            return passed * np.exp(self._chance.normal(-1.0, 1.0, _DRAWS))
        shares = done + (1 - done) * self._chance.uniform(1e-9, 1 - 1e-9, _DRAWS)
        return np.array([math.exp(normal.inv_cdf(min(share, 1 - 1e-12))) for share in shares]) - passed

    def total(self) -> Floats:
        """Seconds until all of it is done."""
        ends = [*self._ready.values(), np.zeros(_DRAWS)]
        most: Floats = np.maximum.reduce(ends) + self._past.behind
        return most


def _needed(text: str) -> list[str]:
    """The stages that a step needs besides its own."""
    words = text.split(maxsplit=3)
    if words[:1] == ["FROM"]:
        return [word for word in words[1:3] if not word.startswith("--")][:1]
    return _FROM.findall(text[:1024])
