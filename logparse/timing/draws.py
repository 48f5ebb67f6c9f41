"""How long the steps of one build may have taken: draws that sum up to the build's own duration."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from logparse.timing.density import Floats

__all__ = ["Parts", "share_out"]

_OUTLIER_SHARE, _OUTLIER_SPREAD = 0.02, 1.2
"""How often a step takes a quite different time for once, and how different, in logarithms."""
_ROUNDS, _SETTLED = 6, 1e-3
"""Steps towards the right sum at most, and how near, in logarithms, is near enough: the rest is scaled."""
_SMALLEST = 1e-12
_LARGEST = 50.0
"""Logarithm of seconds that nothing takes."""


class Parts(NamedTuple):
    """What is known of the parts of one build before its duration is shared out.

    Parameters
    ----------
    typical
        Draws of the logarithm of each part's typical seconds, shape (draws, n).
    noise
        Standard deviation of a single run of each, relative, shape (draws, n).
    busy
        Standard deviation of how busy the machine is, shape (draws,).
    loads
        How much each part depends on that, shape (n,).
    error
        Relative error of the duration.
    least
        Seconds that each took at least; 0 where nothing is known. Shape (n,).
    """

    typical: Floats
    noise: Floats
    busy: Floats
    loads: Floats
    error: float
    least: Floats


def share_out(parts: Parts, seconds: float | None, chance: np.random.Generator) -> Floats:
    """Draw the seconds of each part.

    A draw of all noise that is not made to fit is moved as little as makes the sum right, where little is
    counted in standard deviations of the noise: that is a draw given the sum, as far as the sum is linear.

    Parameters
    ----------
    parts
        The build's steps, and its overhead.
    seconds
        The build's duration: each draw sums up to it. Without one, nothing is shared out.
    chance
        Where draws come from.

    Returns
    -------
    ndarray of float64, shape (draws, n)
    """
    noise = parts.noise if seconds is None else _with_outliers(parts, math.log(seconds), chance)
    business = parts.busy[:, None] * parts.loads
    logs = parts.typical + noise * chance.standard_normal(noise.shape)
    logs = np.clip(logs + business * chance.standard_normal((len(logs), 1)), -_LARGEST, _LARGEST)
    if seconds is None:
        return np.maximum(np.exp(logs), parts.least)
    least = np.log(np.maximum(parts.least, _SMALLEST))
    goal = math.log(seconds)
    give = noise**2
    for _ in range(_ROUNDS):
        logs = np.maximum(logs, least)
        top = logs.max(axis=1, keepdims=True)
        share = np.exp(logs - top)
        total = share.sum(axis=1, keepdims=True)
        share /= total
        weight = share * give + business * (share * business).sum(axis=1, keepdims=True)
        # Newton's step for the weight times a number that makes the sum right.
        off = goal - (top + np.log(total))
        if float(np.abs(off).max()) < _SETTLED:
            break
        weight = np.where((logs <= least) & (off < 0), 0.0, weight)
        slope = np.maximum((share * weight).sum(axis=1, keepdims=True), _SMALLEST)
        logs = logs + np.clip(off / slope * weight, -2.0, 2.0)
    drawn = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(drawn * (seconds / drawn.sum(axis=1, keepdims=True)))


def _with_outliers(parts: Parts, goal: float, chance: np.random.Generator) -> Floats:
    """The noise, but in some draws far more of one part, as often as a duration that is far off tells."""
    top = parts.typical.max(axis=1, keepdims=True)
    share = np.exp(parts.typical - top)
    total = share.sum(axis=1, keepdims=True)
    share /= total
    off = goal - top - np.log(total)
    spread = ((share * parts.noise) ** 2).sum(axis=1, keepdims=True) + parts.error**2
    spread += (parts.busy[:, None] * (share @ parts.loads)[:, None]) ** 2
    spreads = np.hstack([spread + (share * _OUTLIER_SPREAD) ** 2, spread])
    prior = np.full(spreads.shape[1], _OUTLIER_SHARE)
    prior[-1] = 1.0
    likely = np.log(prior) - 0.5 * (np.log(spreads) + off**2 / spreads)
    odds = np.cumsum(np.exp(likely - likely.max(axis=1, keepdims=True)), axis=1)
    which = (odds < chance.random((len(odds), 1)) * odds[:, -1:]).sum(axis=1)
    changed = parts.noise.copy()
    some = np.flatnonzero(which < parts.noise.shape[1])
    changed[some, which[some]] = _OUTLIER_SPREAD
    return changed
