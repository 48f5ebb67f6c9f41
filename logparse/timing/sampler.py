"""The likeliest parameters of a density, and draws of what they may be beside.

The likeliest are found by Fisher scoring, damped as by D. W. Marquardt (*J. SIAM* 11, 1963). Draws are made
by Hamiltonian Monte Carlo (R. M. Neal, *Handbook of Markov Chain Monte Carlo*, 2011, ch. 5), in coordinates
in which the density is about round at its top. The top is only where they begin: among so many parameters it
is far from most of what is likely.
"""

from __future__ import annotations

import math

import numpy as np

from logparse.timing.density import Density, Floats

__all__ = ["likeliest", "sample"]

_STEPS = 40
_SETTLED = 0.01
"""Gain of log-likelihood at which no further step is made."""
_DAMPING, _MOST_DAMPING, _LEAST_DAMPING = 1.0, 1e7, 1e-9
_HARDER, _EASIER = 5.0, 8.0
"""How much damping grows after a step that was no good, and shrinks after one that was."""
_LONGEST = 2.0
"""The most by which one parameter changes in a step."""
_WARMING, _WARMING_AGAIN = 30, 10
"""Trajectories by which their strides are found, and if something is known of them."""
_AIM = 0.8
"""Share of trajectories that should be accepted."""
_REACH = 1.6
"""Length of a trajectory, about a quarter of a full turn."""
_APART = 4
"""Trajectories from one draw to the next."""
_MOST_STEPS = 32
"""Strides of a trajectory."""
_USUAL_STRIDE = 1.0
"""Stride for one parameter; for many, it is smaller by the fourth root of their number."""
_LARGEST, _SMALLEST = 0.7, 0.02
_BROKEN = 1e3
"""Loss of log-likelihood at which a trajectory is given up."""


def likeliest(density: Density, start: Floats) -> tuple[Floats, Floats]:
    """Find the likeliest parameters, and the information there.

    Parameters
    ----------
    density
        Of the parameters.
    start
        Where to begin, shape (parameters,).
    """
    at, damping = start, _DAMPING
    loss, slope = density.gradient(at)
    information = density.information(at)
    for _ in range(_STEPS):
        scale = np.diagonal(information)
        step = np.linalg.solve(information + np.diag(damping * scale), -slope)
        there = at + np.clip(step, -_LONGEST, _LONGEST)
        new_loss, new_slope = density.gradient(there)
        if not new_loss < loss:
            damping *= _HARDER
            if damping > _MOST_DAMPING:
                break
            continue
        gain = loss - new_loss
        at, loss, slope = there, new_loss, new_slope
        information = density.information(at)
        if gain < _SETTLED and damping < _DAMPING:
            break
        damping = max(damping / _EASIER, _LEAST_DAMPING)
    return at, information


def sample(
    density: Density,
    top: Floats,
    information: Floats,
    count: int,
    chance: np.random.Generator,
    *,
    apart: int = _APART,
    stride: float | None = None,
) -> tuple[Floats, float]:
    """Draw parameters.

    Parameters
    ----------
    density
        Of the parameters.
    top, information
        The likeliest, as :func:`likeliest` finds them.
    count
        How many draws.
    chance
        Where they come from.
    apart
        Trajectories from one draw to the next.
    stride
        How far to go at once, if it is known from a density that is much alike.

    Returns
    -------
    ndarray of float64, shape (count, parameters)
        The draws.
    float
        How far it went at once.
    """
    size = density.size
    # In u, where parameters are top + root.T @ u, the density is about a standard normal one.
    root = np.linalg.inv(np.linalg.cholesky(information))
    drawn = np.empty((count, size))
    at = chance.standard_normal(size) * 0.1
    loss, slope = density.gradient(top + at @ root)
    slope = root @ slope
    warming = _WARMING if stride is None else _WARMING_AGAIN
    stride = stride or min(_USUAL_STRIDE * size**-0.25, _LARGEST)
    for number in range(warming + count * apart):
        speed = chance.standard_normal(size)
        energy = loss + 0.5 * float(speed @ speed)
        steps = min(max(round(_REACH * chance.uniform(0.6, 1.2) / stride), 1), _MOST_STEPS)
        there, new_loss, new_slope = at, loss, slope
        for _ in range(steps):
            speed = speed - 0.5 * stride * new_slope
            there = there + stride * speed
            new_loss, new_slope = density.gradient(top + there @ root)
            new_slope = root @ new_slope
            speed = speed - 0.5 * stride * new_slope
            if not new_loss < loss + _BROKEN:
                break
        gone = energy - new_loss - 0.5 * float(speed @ speed)
        likely = float(np.exp(min(gone, 0.0))) if math.isfinite(gone) else 0.0
        if chance.random() < likely:
            at, loss, slope = there, new_loss, new_slope
        if number < warming:
            stride = float(np.clip(stride * np.exp(0.5 * (likely - _AIM)), _SMALLEST, _LARGEST))
        elif (number - warming) % apart == apart - 1:
            drawn[(number - warming) // apart] = top + at @ root
    return drawn, stride
