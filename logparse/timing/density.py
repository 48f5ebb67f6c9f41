r"""How likely the durations of an image's builds are, if its work costs this or that.

The parameters are logarithms, so costs are positive and errors proportional. Work :math:`s` typically takes
:math:`\exp z_{ts}` seconds in build :math:`t`, where :math:`z` is a base, a slow walk between knots for what
takes long, and jumps where an instruction was edited or a change was found. A build says one number about
its work, its duration :math:`D`:

.. math:: \log D_t = \log \sum_s \exp(z_{ts} + f_{ts} + l_s b_t + \varepsilon_{ts}) + e_t

over the work that ran. :math:`f` shifts work that broke off, :math:`\varepsilon` is the noise of a single
run, which grows with the work as it is relative to it, :math:`b` is how busy the machine was, on which small
steps depend, and :math:`e` is what the clock cannot tell. What is known of single runs (a clock in the log, a
time that a tool reported) are sums of one term. The sum of noisy parts is taken as lognormal, with the mean
and variance that fit it to second order in the noise (L. F. Fenton, *IRE Trans. Communications Systems* 8,
1960), and the whole as Student's t, so that a build that is far off counts little (K. L. Lange, R. J. A.
Little and J. M. G. Taylor, *J. American Statistical Association* 84, 1989).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Density", "Floats", "Ints", "Jump", "Sums", "Usual"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FREEDOM = 6.0
"""Degrees of freedom of Student's t for what builds say."""
_KNOT = 20
"""Builds from one knot of the slow walk to the next, about."""
_MACHINE_KNOT = 7
_MACHINE_SPREAD, _MACHINE_KEPT = 0.35, 0.7
"""How slow the machine is: builds from knot to knot, standard deviation, correlation of neighbours."""
_LARGEST_NOISE = 2.0
"""Logarithm of the most that anything scatters: only steps into nowhere come there."""
_FAR = 4.0
"""Standard deviations up to which a build counts in full where changes are looked for."""
_TOLD_ANEW, _SMALLEST = 0.02, 1e-9
"""Share of what builds say about a jump that nothing else explains, at least."""
_OWN_NOISE = 0.35
"""How much the noise of one piece of work differs from another's, in logarithms."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What builds say: each row is a sum over some work.

    Parameters
    ----------
    build
        Which build says it, shape (rows,).
    value
        The logarithm of the sum in seconds, shape (rows,).
    shift
        Shape (rows, n): added to the logarithm of each piece of work; a large negative number for what is not
        part of the sum.
    extra
        Variance beside each piece's own noise, relative, shape (rows, n): of work that broke off.
    error
        Variance of the number itself, relative, shape (rows,).
    """

    build: Ints
    value: Floats
    shift: Floats
    extra: Floats
    error: Floats


class Jump(NamedTuple):
    """A place where some work may cost something else from then on.

    Parameters
    ----------
    build, work
        The first build of the new cost, and the piece.
    scale
        What it changes by, in logarithms.
    freedom
        Degrees of freedom of that: few, where most such places change nothing and some a lot.
    """

    build: int
    work: int
    scale: float
    freedom: float


class Usual(NamedTuple):
    """What is known before anything is seen.

    Parameters
    ----------
    mean, covariance
        Of the logarithms of seconds, shapes (n,) and (n, n).
    noise
        Standard deviation of a single run, relative, of what takes little, shape (n,).
    loads
        How much each depends on how busy the machine is, shape (n,).
    long
        Whether the piece takes long: its noise and its walk can be told from durations, shape (n,).
    walks
        Whether a piece that takes long may wander, shape (n,).
    drift
        Standard deviation by which what takes long wanders from one build to the next, in logarithms.
    common
        Means and standard deviations of the logarithms of two numbers, shape (2, 2): the noise of what takes
        long, and how busy the machine is.
    """

    mean: Floats
    covariance: Floats
    noise: Floats
    loads: Floats
    long: npt.NDArray[np.bool_]
    walks: npt.NDArray[np.bool_]
    drift: float
    common: Floats


def _slow(builds: int) -> Floats:
    """How slow the machine is in each build, out of standard normal numbers, shape (builds, knots)."""
    knots = max(round(builds / _MACHINE_KNOT), 1) + 1
    gap = np.abs(np.subtract.outer(np.arange(knots), np.arange(knots)))
    root = np.linalg.cholesky(_MACHINE_SPREAD**2 * _MACHINE_KEPT**gap)
    place = np.arange(builds) * ((knots - 1) / max(builds - 1, 1))
    between = np.maximum(1.0 - np.abs(place[:, None] - np.arange(knots)), 0.0)
    return np.asarray(between @ root)


class _Expected(NamedTuple):
    """What is expected of each row: each piece's share in it, and what is off."""

    share: Floats
    single: Floats
    """Variance of each piece's logarithm."""
    spread: Floats
    load: Floats
    excess: Floats
    """How far the mean of the sum's logarithm is above the logarithm of the typical sum, doubled."""
    off: Floats
    variance: Floats


class Density:
    """The density of parameters, given what builds say.

    Parameters are one vector: the bases of all work; the steps of the walk, in units of its size; how slow
    the machine was, likewise; how the noise of each piece that takes long differs from what is common; the
    two common numbers; and jumps.

    Parameters
    ----------
    usual
        What is known at first.
    builds
        How many builds there are.
    sums
        What they say.
    jumps
        Where work may change.
    """

    def __init__(self, usual: Usual, builds: int, sums: Sums, jumps: list[Jump]) -> None:
        self.usual, self.builds, self.sums, self.jumps = usual, builds, sums, jumps
        self.count, self.long = len(usual.mean), np.flatnonzero(usual.long)
        walking = np.flatnonzero(usual.long & usual.walks)
        self.knots = knots = max(round(builds / _KNOT), 1)
        # How far along each step of the walk a build is: 0 before it, 1 behind it.
        place = np.arange(builds)[:, None] * (knots / max(builds - 1, 1)) - np.arange(knots)
        along = np.clip(place, 0.0, 1.0) * (usual.drift * math.sqrt(builds / knots))
        slow = _slow(builds)
        sizes = [self.count, knots * len(walking), slow.shape[1], len(self.long), 2, len(jumps)]
        ends = np.cumsum(sizes)
        self.base, self.walk, self.machine, self.own, self.common, self.jump = (
            slice(int(end - size), int(end)) for end, size in zip(ends, sizes, strict=True)
        )
        self.size = int(ends[-1])
        self.precision = np.linalg.inv(usual.covariance)
        self.scale = np.array([jump.scale for jump in jumps])
        self.freedom = np.array([jump.freedom for jump in jumps])
        # What is typical is `drive @ coefficients`: rows of coefficients are the bases, the steps of the
        # walk, how slow the machine was at each knot, and jumps.
        behind = np.zeros((builds, len(jumps)))
        for index, jump in enumerate(jumps):
            behind[jump.build :, index] = 1.0
        self.drive = np.hstack([np.ones((builds, 1)), along, slow, behind])
        self.of_rows = self.drive[sums.build]
        self.coefficients = np.zeros((self.drive.shape[1], self.count))
        self.walk_at = np.ix_(np.arange(1, knots + 1), walking)
        self.machine_at = slice(1 + knots, 1 + knots + slow.shape[1])
        self.jump_at = (
            np.arange(self.machine_at.stop, self.drive.shape[1]),
            np.array([jump.work for jump in jumps], np.int64),
        )

    def start(self, typical: Floats) -> Floats:
        """Parameters to begin with, when this is typical."""
        start = np.zeros(self.size)
        start[self.base] = typical
        start[self.common] = self.usual.common[:, 0]
        return start

    def typical(self, parameters: Floats) -> Floats:
        """Logarithms of typical seconds, shape (builds, n)."""
        return np.asarray(self.drive @ self._coefficients(parameters))

    def noise(self, parameters: Floats) -> Floats:
        """Standard deviation of a single run of each piece, shape (n,)."""
        noise = self.usual.noise.copy()
        logs = parameters[self.common.start] + _OWN_NOISE * parameters[self.own]
        noise[self.long] = np.exp(np.minimum(logs, _LARGEST_NOISE))
        return noise

    def busy(self, parameters: Floats) -> float:
        """Standard deviation of how busy the machine is."""
        return math.exp(min(parameters[self.common.start + 1], _LARGEST_NOISE))

    def _coefficients(self, parameters: Floats) -> Floats:
        made = self.coefficients
        made[0] = parameters[self.base]
        made[self.walk_at] = parameters[self.walk].reshape(self.knots, self.walk_at[1].size)
        made[self.machine_at] = np.multiply.outer(parameters[self.machine], self.usual.loads)
        made[self.jump_at] = parameters[self.jump]
        return made

    def _chain(self, slope: Floats) -> Floats:
        """From derivatives of rows by what is typical in them, shape (rows, n), to those by parameters."""
        made = np.zeros((len(slope), self.size))
        drive = self.of_rows
        made[:, self.base] = slope
        walk = drive[:, self.walk_at[0].ravel(), None] * slope[:, None, self.walk_at[1].ravel()]
        made[:, self.walk] = walk.reshape(len(slope), -1)
        made[:, self.machine] = drive[:, self.machine_at] * (slope @ self.usual.loads)[:, None]
        made[:, self.jump] = drive[:, self.jump_at[0]] * slope[:, self.jump_at[1]]
        return made

    # -- the density and how it changes -------------------------------------------------------------------

    def loss(self, parameters: Floats) -> float:
        """Minus the logarithm of the density, but for a constant."""
        return self._unlikely(parameters) + self._misfit(self._expect(parameters))

    def gradient(self, parameters: Floats) -> tuple[float, Floats]:
        """Minus the logarithm of the density, and how it changes with each parameter."""
        found = self._expect(parameters)
        by_value, by_variance = self._pulls(found)
        by_coefficient = self.of_rows.T @ self._by_typical(found, by_value, by_variance)
        slope = self._unlikely_slope(parameters)
        slope[self.base] += by_coefficient[0]
        slope[self.walk] += by_coefficient[self.walk_at].ravel()
        slope[self.machine] += by_coefficient[self.machine_at] @ self.usual.loads
        slope[self.jump] += by_coefficient[self.jump_at]
        share = found.share[:, self.long]
        by_noise = (0.5 * by_value) @ share + (by_variance - 0.5 * by_value) @ (share * share)
        noise, busy = self.noise(parameters)[self.long], self.busy(parameters)
        by_noise *= np.where(noise < math.exp(_LARGEST_NOISE), 2 * noise**2, 0.0)
        slope[self.own] += _OWN_NOISE * by_noise
        by_busy = 2 * busy**2 if parameters[self.common.start + 1] < _LARGEST_NOISE else 0.0
        slope[self.common] += by_noise.sum(), float(by_variance @ found.load**2) * by_busy
        return self._unlikely(parameters) + self._misfit(found), slope

    def information(self, parameters: Floats) -> Floats:
        """The information of the parameters, shape (parameters, parameters): positive definite.

        Fisher's, but that builds that are far off count less, as in the step of an iteration with weights.
        """
        found = self._expect(parameters)
        ones, zeros = np.ones(len(found.off)), np.zeros(len(found.off))
        by_noise = 2 * self.noise(parameters)[self.long] ** 2
        share = found.share[:, self.long]
        made = np.zeros((self.size, self.size))
        for by_value, by_variance, told, weight in (
            (ones, zeros, 0.5 * share * (1 - share), self._weight(found)),
            (zeros, ones, share**2, 0.5 * _FREEDOM / (_FREEDOM + 3) / found.variance**2),
        ):
            slope = self._chain(self._by_typical(found, by_value, by_variance))
            slope[:, self.own] = _OWN_NOISE * told * by_noise
            slope[:, self.common.start] = (told * by_noise).sum(axis=1)
            slope[:, self.common.start + 1] = 2 * by_variance * (found.load * self.busy(parameters)) ** 2
            made += (slope * weight[:, None]).T @ slope
        made[self.base, self.base] += self.precision
        rest = np.ones(self.size)
        rest[self.base] = 0.0
        rest[self.jump] = (self.freedom + 1) / (self.freedom * self.scale**2 + parameters[self.jump] ** 2)
        rest[self.common] = self.usual.common[:, 1] ** -2.0
        made[np.diag_indices(self.size)] += rest
        return made

    def pulls(self, parameters: Floats, information: Floats) -> Floats:
        """By how many standard deviations what takes long would jump before each build, shape (builds, n).

        The score test of a jump that the parameters lack (C. R. Rao, *Proc. Cambridge Philosophical Society*
        44, 1948), with the others free to give way. 0 for what takes little. What is far off counts more here
        than elsewhere: after a change, all builds are.
        """
        found = self._expect(parameters)
        slope = self._by_typical(found, np.ones(len(found.off)), np.zeros(len(found.off)))
        spread = np.sqrt(found.variance)
        bounded = np.clip(found.off, -_FAR * spread, _FAR * spread)
        score = -slope[:, self.long] * (bounded / found.variance)[:, None]
        weight = 1 / found.variance[:, None]
        others = self._chain(slope)
        slope = slope[:, self.long]
        inverse = np.linalg.inv(information)
        explained = np.empty((self.builds, len(self.long)))
        for index in range(len(self.long)):
            crossed = self._from_each_build_on((slope[:, index, None] * weight) * others)
            explained[:, index] = np.einsum("ij,ij->i", crossed @ inverse, crossed)
        score, told = (self._from_each_build_on(each) for each in (score, slope**2 * weight))
        made = np.zeros((self.builds, self.count))
        made[:, self.long] = -score / np.sqrt(np.maximum(told - explained, _TOLD_ANEW * told + _SMALLEST))
        return made

    def _from_each_build_on(self, rows: Floats) -> Floats:
        """Sums over the rows of each build and all behind it."""
        summed = np.zeros((len(rows) + 1, *rows.shape[1:]))
        np.cumsum(rows[::-1], axis=0, out=summed[1:])
        behind = len(rows) - np.searchsorted(self.sums.build, np.arange(self.builds))
        return summed[behind]

    def _expect(self, parameters: Floats) -> _Expected:
        sums = self.sums
        parts = self.of_rows @ self._coefficients(parameters)
        parts += sums.shift
        top = parts.max(axis=1)
        parts -= top[:, None]
        share = np.exp(parts, out=parts)
        total = share.sum(axis=1)
        share /= total[:, None]
        single = sums.extra + self.noise(parameters) ** 2
        own = share * single
        spread = np.einsum("ij,ij->i", share, own)
        load = share @ self.usual.loads
        # A sum of noisy parts is larger, on average, than the sum of what is typical for each.
        excess = own.sum(axis=1) - spread
        return _Expected(
            share,
            single,
            spread,
            load,
            excess,
            sums.value - top - np.log(total) - 0.5 * excess,
            spread + (self.busy(parameters) * load) ** 2 + sums.error,
        )

    def _by_typical(self, found: _Expected, by_value: Floats, by_variance: Floats) -> Floats:
        """From derivatives by expected values and variances to those by what is typical, shape (rows, n)."""
        busy = (found.variance - found.spread - self.sums.error) / np.maximum(found.load, _SMALLEST)
        # With s the shares and v the variances: s + (s v (1 - 2 s) - s sum(s v (1 - 2 s))) / 2 for the value,
        # and 2 s (s v - sum(s s v)) with its like of the load for the variance.
        made = found.share * (2 * by_variance - by_value)[:, None]
        made += (0.5 * by_value)[:, None]
        made *= found.single
        made += np.multiply.outer(2 * by_variance * busy, self.usual.loads)
        made += (
            by_value * (1 - 0.5 * (found.excess - found.spread))
            - 2 * by_variance * (found.spread + busy * found.load)
        )[:, None]
        made *= found.share
        return np.asarray(made)

    def _weight(self, found: _Expected) -> Floats:
        return np.asarray((_FREEDOM + 1) / (_FREEDOM * found.variance + found.off**2))

    def _misfit(self, found: _Expected) -> float:
        far = np.log1p(found.off**2 / (_FREEDOM * found.variance)).sum()
        return float(0.5 * (_FREEDOM + 1) * far + 0.5 * np.log(found.variance).sum())

    def _pulls(self, found: _Expected) -> tuple[Floats, Floats]:
        """How the misfit of each row changes with the value and the variance that are expected of it."""
        weighted = self._weight(found) * found.off
        return -weighted, 0.5 * (1 - weighted * found.off) / found.variance

    def _unlikely(self, parameters: Floats) -> float:
        off = parameters[self.base] - self.usual.mean
        jumps = np.log1p(parameters[self.jump] ** 2 / (self.freedom * self.scale**2))
        mean, spread = self.usual.common.T
        return 0.5 * float(
            off @ self.precision @ off
            + parameters[self.walk] @ parameters[self.walk]
            + parameters[self.machine] @ parameters[self.machine]
            + parameters[self.own] @ parameters[self.own]
            + (self.freedom + 1) @ jumps
            + (((parameters[self.common] - mean) / spread) ** 2).sum()
        )

    def _unlikely_slope(self, parameters: Floats) -> Floats:
        slope = parameters.copy()
        slope[self.base] = self.precision @ (parameters[self.base] - self.usual.mean)
        jumps = parameters[self.jump]
        slope[self.jump] = (self.freedom + 1) * jumps / (self.freedom * self.scale**2 + jumps**2)
        mean, spread = self.usual.common.T
        slope[self.common] = (parameters[self.common] - mean) / spread**2
        return slope
