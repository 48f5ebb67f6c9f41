"""How long the steps of one build may have taken: draws that sum up to the build's own duration."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from logparse.timing.smoother import Floats

__all__ = ["Parts", "draw"]

_LOW, _HIGH = 0.05, 0.95
_OUTLIER_SHARE, _OUTLIER_SPREAD = 0.02, 1.2
"""How often a step takes a quite different time for once, and how different, in logarithms."""
_ROUNDS = 6
_SMALLEST = 1e-12
_WIDER = 1.05
"""How much wider than the fit says, since it takes what it found (noise, drift, changes) for certain."""
_DOUBT = 0.05
"""How much of the doubt about what is typical gives way to the build's duration: it rests on that already."""
_LEFT = 0.02
"""Share of what is typical for a part that is left of it at least, whatever the others take."""


class Parts(NamedTuple):
    """What is known of the parts of one build before its duration is shared out.

    Parameters
    ----------
    mean, covariance
        Of the logarithm of each part's typical seconds.
    noise
        Standard deviation of a single run of each, relative.
    error
        Relative error of the duration.
    least
        Seconds that each took at least; 0 where nothing is known.
    """

    mean: Floats
    covariance: Floats
    noise: Floats
    error: float
    least: Floats


def draw(parts: Parts, seconds: float | None, chance: np.random.Generator, count: int) -> Floats:
    """Draw the seconds of each part.

    Parameters
    ----------
    parts
        The build's steps, and its overhead.
    seconds
        The build's duration: each draw sums up to it. Without one, nothing is shared out.
    chance
        Where draws come from.
    count
        How many.

    Returns
    -------
    ndarray of float64, shape (count, n)
    """
    parts = parts._replace(covariance=parts.covariance * _WIDER**2, noise=parts.noise * _WIDER)
    size = len(parts.mean)
    typical = _typical(parts, chance, count)
    noise = np.broadcast_to(parts.noise, (count, size))
    if seconds is not None:
        noise = _with_outliers(parts, math.log(seconds), noise, chance)
    logs = np.log(typical) + noise * chance.standard_normal((count, size))
    if seconds is None:
        return np.maximum(np.exp(logs), parts.least)
    # What is uncertain gives way, the more so the larger its part is.
    give = _DOUBT * np.diagonal(parts.covariance) + noise**2
    least = np.log(np.maximum(parts.least, _SMALLEST))
    goal = math.log(seconds)
    for _ in range(_ROUNDS):
        logs = np.maximum(logs, least)
        top = logs.max(axis=1, keepdims=True)
        share = np.exp(logs - top)
        total = share.sum(axis=1, keepdims=True)
        share /= total
        weight = share * give
        # Newton's step for the weight times a number that makes the sum right.
        off = goal - (top + np.log(total))
        weight = np.where((logs <= least) & (off < 0), 0.0, weight)
        slope = np.maximum((share * weight).sum(axis=1, keepdims=True), _SMALLEST)
        logs = logs + np.clip(off / slope * weight, -2.0, 2.0)
    drawn = np.exp(logs)
    return np.asarray(drawn * (seconds / drawn.sum(axis=1, keepdims=True)))


def _typical(parts: Parts, chance: np.random.Generator, count: int) -> Floats:
    """Draw what is typical for each part.

    What durations tell of the parts are sums of seconds, not of logarithms. So the most uncertain part is
    drawn first, as a logarithm, and what it takes more than expected the others take less, in seconds.
    """
    size = len(parts.mean)
    expected = np.exp(parts.mean)
    order = np.argsort(-np.diagonal(parts.covariance), kind="stable")
    seconds = expected[order]
    ordered = parts.covariance[np.ix_(order, order)] * np.outer(seconds, seconds)
    ordered[np.diag_indices(size)] += (1e-4 * seconds) ** 2
    root = np.linalg.cholesky(ordered)
    off = np.zeros((size, count))
    drawn = np.empty((count, size))
    normal = chance.standard_normal((size, count))
    for index in range(size):
        scale = root[index, index]
        middle = np.maximum(seconds[index] + root[index, :index] @ off[:index], _LEFT * seconds[index])
        value = middle * np.exp(scale / seconds[index] * normal[index])
        off[index] = (value - middle) / scale
        drawn[:, order[index]] = value
    return drawn


def _with_outliers(parts: Parts, goal: float, noise: Floats, chance: np.random.Generator) -> Floats:
    """`noise`, but in some draws far more of one part: as many as a duration that is far off makes likely."""
    top = float(parts.mean.max())
    share = np.exp(parts.mean - top)
    off = goal - top - math.log(float(share.sum()))
    share /= share.sum()
    spread = float(share**2 @ parts.noise**2) + float(share @ parts.covariance @ share) + parts.error**2
    spreads = np.append(spread + (share * _OUTLIER_SPREAD) ** 2, spread)
    prior = np.full(len(spreads), _OUTLIER_SHARE)
    prior[-1] = 1.0
    likely = np.log(prior) - 0.5 * (np.log(spreads) + off**2 / spreads)
    odds = np.exp(likely - likely.max())
    odds /= odds.sum()
    which = chance.choice(len(odds), size=len(noise), p=odds)
    changed = noise.copy()
    some = np.flatnonzero(which < len(parts.mean))
    changed[some, which[some]] = _OUTLIER_SPREAD
    return changed
