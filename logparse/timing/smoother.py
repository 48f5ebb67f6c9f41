r"""What steps cost, from the durations of the builds they ran in: a non-linear Kalman smoother.

The state is the logarithm of what each piece of work typically costs, so costs are positive and errors
proportional. From one build to the next it wanders a little, and where a change was found, a lot. A build
says one number about it, its duration :math:`D`:

.. math:: \log D = \log \sum_s \exp(z_s + f_s + \varepsilon_s) + e

over the work :math:`s` that ran, with :math:`\varepsilon_s` the noise of a single run, which grows with the
work as it is relative to it; :math:`f_s` shifts work that broke off, and :math:`e` is what the clock cannot
tell.
What is known of single runs (a clock in the log, a time that a tool reported) are observations of one
component.

The sum is linearised around the smoothed states of the pass before, until they stay (an iterated extended
Kalman smoother, which is Gauss-Newton on the whole history: B. M. Bell, *SIAM J. Optimization* 4, 1994). One
observation is a scalar, so no matrix is ever inverted, and the backward pass is the disturbance smoother of
J. Durbin and S. J. Koopman (*Time Series Analysis by State Space Methods*, 2012, ch. 4). Its by-products, the
auxiliary residuals, show where a component jumped (A. C. Harvey and S. J. Koopman, *J. Business & Economic
Statistics* 10, 1992). Durations far off are given less weight, after P. J. Huber (*Annals of
Mathematical Statistics* 35, 1964).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["History", "Observation", "Smoothed", "smooth"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_PASSES = 8
_SETTLED = 0.02
"""Largest change of a state, in logarithms, at which no further pass is made."""
_FAR = 2.5
"""Standard deviations beyond which a duration loses weight."""
_LENGTHS = (1.0, 0.5, 0.25, 0.1, 0.03, 0.0)
"""How far to go along a step, tried in this order: where sums are far from linear, not all the way."""
_TINY = 1e-12


@dataclass(slots=True)
class Observation:
    """One number about the work of one build, as logarithm.

    Parameters
    ----------
    which
        Components that it is the sum of.
    value
        Its logarithm.
    shift
        What is added to each component: work that broke off is expected to be shorter.
    noise
        Variance of a single run of each, relative.
    loads
        How much each depends on how busy the machine is, which is the last component of the state; empty
        where that does not matter.
    error
        Variance of the number itself, relative.
    """

    which: Ints
    value: float
    shift: Floats
    noise: Floats
    loads: Floats
    error: float

    def spread(self, share: Floats) -> float:
        """The variance of the number, if each component has a share in it."""
        return float(share**2 @ self.noise) + self.error

    def parts(self, state: Floats) -> Floats:
        """The logarithm of what each component is expected to take in a state."""
        typical = state[self.which] + self.shift
        return typical + self.loads * state[-1] if len(self.loads) else typical

    def slope(self, share: Floats, size: int) -> Floats:
        """How much the number changes with each component of the state."""
        slope = np.zeros(size)
        slope[self.which] = share
        if len(self.loads):
            slope[-1] = share @ self.loads
        return slope


@dataclass(slots=True)
class History:
    """What is known of the builds of one image, in order of time.

    Parameters
    ----------
    mean, covariance
        Of the components before anything is seen, shapes (n,) and (n, n).
    builds
        The observations of each build, none if nothing is known of it.
    drift
        Variance by which each component wanders from one build to the next, shape (n,). It is drawn back to
        its mean as much as keeps its variance what it is before anything is seen.
    jumps
        By build, the variances that are added before it, shape (n,).
    asked
        Of each build, the components whose covariance is asked for; by default all.
    """

    mean: Floats
    covariance: Floats
    builds: list[list[Observation]]
    drift: Floats
    jumps: dict[int, Floats] = field(default_factory=dict)
    asked: list[Ints] | None = None


@dataclass(slots=True)
class Smoothed:
    """What all builds say about each.

    Parameters
    ----------
    means
        Of the components when each build ran, shape (builds, n).
    covariances
        Of those that are asked for, when each build ran; empty if none were wanted.
    likelihood
        Logarithm of the density of all observations, each given those before it.
    pulls
        Auxiliary residuals: how many standard deviations each component would have to jump before each build,
        shape (builds, n).
    residuals, spreads
        Of each build's first observation: how far its value is from what the smoothed state says, and the
        variance that this is expected to have; NaN without one.
    """

    means: Floats
    covariances: list[Floats]
    likelihood: float
    pulls: Floats
    residuals: Floats
    spreads: Floats


@dataclass(slots=True)
class _Update:
    """What the forward pass did with one observation."""

    slope: Floats
    gain: Floats
    error: float
    variance: float
    density: float
    """Logarithm of the number's density, given all before it, under Huber's distribution."""


def smooth(
    history: History, *, around: Floats | None = None, passes: int = _PASSES, covariances: bool = True
) -> Smoothed:
    """Smooth a history.

    Parameters
    ----------
    history
        Builds in order of time.
    around
        States to begin with, by default what is known before each build.
    passes
        How often the sums are linearised at most.
    covariances
        Whether covariances are wanted, which cost as much as all the rest.
    """
    if around is None:
        around = np.tile(history.mean, (len(history.builds), 1))
    residuals, spreads = _residuals(history, around)
    for _ in range(max(passes, 1)):
        weights = _weights(residuals, spreads)
        forward = _forward(history, around, weights)
        result = _backward(history, forward)
        step = result.means - around
        around, residuals, spreads = _towards(history, around, step, weights)
        if float(np.abs(step).max(initial=0.0)) < _SETTLED:
            break
    result.means, result.residuals, result.spreads = around, residuals, spreads
    if covariances:
        result.covariances = _covariances(history, forward)
    return result


def _weights(residuals: Floats, spreads: Floats) -> Floats:
    """By how much the variance of each duration is made larger, since it is far off."""
    with np.errstate(invalid="ignore"):
        far = np.abs(residuals) / np.sqrt(spreads)
    return np.maximum(np.nan_to_num(far) / _FAR, 1.0)


def _towards(
    history: History, around: Floats, step: Floats, weights: Floats
) -> tuple[Floats, Floats, Floats]:
    """Go as far along a step as makes states likelier: all the way, if the linearisation holds so far."""
    now = _misfit(history, around, *_residuals(history, around), weights)
    for length in _LENGTHS:
        states = around + length * step
        residuals, spreads = _residuals(history, states)
        if _misfit(history, states, residuals, spreads, weights) <= now:
            break
    return states, residuals, spreads


def _misfit(history: History, states: Floats, residuals: Floats, spreads: Floats, weights: Floats) -> float:
    """How unlikely states are: minus their log-likelihood, but for a constant."""
    if not len(states):
        return 0.0
    off = states - history.mean
    first = off[0] @ np.linalg.solve(history.covariance, off[0])
    draw = np.sqrt(np.maximum(1 - history.drift / np.diagonal(history.covariance), 0.0))
    wandered = (off[1:] - draw * off[:-1]) ** 2
    allowed = np.broadcast_to(np.maximum(history.drift, _TINY), wandered.shape).copy()
    for build, added in history.jumps.items():
        if build:
            allowed[build - 1] += added
    seen = np.nansum(residuals**2 / (spreads * weights) + np.log(spreads))
    return float(first + (wandered / allowed).sum() + seen)


@dataclass(slots=True)
class _Forward:
    """What is known before each build, and what each then says."""

    means: Floats
    covariances: Floats
    updates: list[list[_Update]]
    likelihood: float
    draw: Floats


def _forward(history: History, around: Floats | None, weights: Floats) -> _Forward:
    """Go over the builds once, in order of time."""
    count, size = len(history.builds), len(history.mean)
    means, covariances = np.empty((count, size)), np.empty((count, size, size))
    updates: list[list[_Update]] = []
    mean, covariance = history.mean.copy(), history.covariance.copy()
    likelihood = 0.0
    diagonal = np.arange(size)
    draw = np.sqrt(np.maximum(1 - history.drift / np.diagonal(history.covariance), 0.0))
    draws = np.outer(draw, draw)
    for index, observations in enumerate(history.builds):
        if index:
            mean = history.mean + draw * (mean - history.mean)
            covariance = covariance * draws
            covariance[diagonal, diagonal] += history.drift
        if index in history.jumps:
            covariance[diagonal, diagonal] += history.jumps[index]
        means[index], covariances[index] = mean, covariance
        made = []
        for number, observation in enumerate(observations):
            at = around[index] if around is not None else mean
            update = _observe(observation, mean, covariance, at, weights[index] if number == 0 else 1.0)
            made.append(update)
            mean = mean + update.gain * update.error
            covariance = covariance - np.outer(update.gain, update.gain) * update.variance
            likelihood += update.density
        updates.append(made)
    return _Forward(means, covariances, updates, float(likelihood), draw)


def _observe(
    observation: Observation, mean: Floats, covariance: Floats, around: Floats, weight: float
) -> _Update:
    value, share = _expected(observation, around)
    slope = observation.slope(share, len(mean))
    spread = covariance @ slope
    noise = observation.spread(share)
    known = float(slope @ spread)
    variance = known + noise * weight
    error = observation.value - value - float(slope @ (mean - around))
    return _Update(slope, spread / variance, error, variance, _density(error, known + noise))


def _density(error: float, variance: float) -> float:
    """Logarithm of the density of Huber's least favourable distribution, but for a constant."""
    far = abs(error) / math.sqrt(variance)
    loss = 0.5 * far * far if far < _FAR else _FAR * far - 0.5 * _FAR * _FAR
    return -0.5 * math.log(variance) - loss


def _expected(observation: Observation, state: Floats) -> tuple[float, Floats]:
    """The value of an observation at a state, and the share that each component has in it."""
    parts = observation.parts(state)
    top = float(parts.max())
    share = np.exp(parts - top)
    total = float(share.sum())
    share /= total
    # A sum of noisy parts is larger, on average, than the sum of what is typical for each.
    excess = 0.5 * float((share * (1 - share)) @ observation.noise)
    return top + float(np.log(total)) + excess, share


def _backward(history: History, forward: _Forward) -> Smoothed:
    """Go over the builds once more, from the latest on, and smooth the states."""
    means = forward.means.copy()
    pulls = np.zeros_like(means)
    for index, score, information in _disturbances(forward):
        pulls[index] = score / np.sqrt(np.maximum(np.diagonal(information), 1e-12))
        means[index] += forward.covariances[index] @ score
    residuals, spreads = _residuals(history, means)
    return Smoothed(means, [], forward.likelihood, pulls, residuals, spreads)


def _covariances(history: History, forward: _Forward) -> list[Floats]:
    """The smoothed covariances of what is asked for in each build."""
    everything = np.arange(len(history.mean))
    made: list[Floats] = [np.empty((0, 0))] * len(history.builds)
    for index, _, information in _disturbances(forward):
        asked = history.asked[index] if history.asked is not None else everything
        part = forward.covariances[index][:, asked]
        reduced = part.T @ information @ part
        made[index] = part[asked] - (reduced + reduced.T) / 2
    return made


def _disturbances(forward: _Forward) -> Iterator[tuple[int, Floats, Floats]]:
    """Of each build, from the latest on: the score of what is known before it, and its information."""
    size = len(forward.draw)
    score, information = np.zeros(size), np.zeros((size, size))
    draws = np.outer(forward.draw, forward.draw)
    for index in range(len(forward.updates) - 1, -1, -1):
        for update in reversed(forward.updates[index]):
            slope, gain = update.slope, update.gain
            # L' r + Z v / F and L' N L + Z Z' / F, where L = I - gain Z'.
            score = score + slope * (update.error / update.variance - float(gain @ score))
            crossed = information @ gain
            crossed -= slope * (0.5 * (float(gain @ crossed) + 1 / update.variance))
            outer = np.outer(slope, crossed)
            information = information - outer - outer.T
        yield index, score, information
        score = forward.draw * score
        information = information * draws


def _residuals(history: History, means: Floats) -> tuple[Floats, Floats]:
    count = len(history.builds)
    residuals, spreads = np.full(count, np.nan), np.full(count, np.nan)
    for index, observations in enumerate(history.builds):
        if observations:
            first = observations[0]
            value, share = _expected(first, means[index])
            residuals[index] = first.value - value
            spreads[index] = first.spread(share)
    return residuals, spreads
