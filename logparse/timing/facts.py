"""What the builds of one image say about their work, and what is known of it before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from logparse.timing.density import Floats
from logparse.timing.priors import priors
from logparse.timing.records import Kind
from logparse.timing.works import Work

__all__ = [
    "BESIDE",
    "BROKEN_OVERHEAD",
    "BROKEN_SHIFT",
    "BROKEN_SPREAD",
    "SHARE_ERROR",
    "Before",
    "Facts",
    "before",
]

BROKEN_SHIFT, BROKEN_SPREAD = -0.7, 1.0
"""Work that failed took half its usual time, or up to thrice or a tenth of that."""
BROKEN_OVERHEAD = -0.65
"""A build that failed took half the overhead of one that came to its end and has an image to name: so it was
in recorded builds of ten images."""
SHARE_ERROR = 0.01
"""Relative error of every duration, for what the model leaves out."""
BESIDE = [Kind.OVERHEAD, Kind.CONTAINER]
"""What is behind all work: what a build takes beside it, and what every command takes beside its own."""

_NOISE, _NOISE_SPREAD = 0.15, 0.8
_BUSY, _BUSY_SPREAD = 0.2, 0.6
"""The noise of what takes long and how busy the machine is, usually, and the spreads of their logarithms."""


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


class Before(NamedTuple):
    """What is known of an image before a part of its history is seen.

    Parameters
    ----------
    mean, covariance
        Of the logarithms of seconds of all work and of what is :data:`BESIDE` it, shapes (n,) and (n, n).
    common
        Means and standard deviations of the logarithms of the noise of what takes long and of how busy the
        machine is, shape (2, 2).
    first
        Means and variances when nothing had been seen, shape (2, n): no doubt gets larger than these.
    drift
        How far work wanders from one build to the next, in logarithms; ``None`` if that is not known.
    stride
        How far draws of the parameters went at once, likewise.
    """

    mean: Floats
    covariance: Floats
    common: Floats
    first: Floats
    drift: float | None = None
    stride: float | None = None

    def of(self, which: Sequence[int]) -> Before:
        """What is known of some of it."""
        places = [*which, len(self.mean) - 2, len(self.mean) - 1]
        return self._replace(
            mean=self.mean[places],
            covariance=self.covariance[np.ix_(places, places)],
            first=self.first[:, places],
        )

    def replaced(self, which: Sequence[int], then: Before) -> Before:
        """The same with what is known of some work now; how that goes with the rest is not known."""
        places = [*which, len(self.mean) - 2, len(self.mean) - 1]
        mean, covariance = self.mean.copy(), self.covariance.copy()
        mean[places] = then.mean
        covariance[places] = 0.0
        covariance[:, places] = 0.0
        covariance[np.ix_(places, places)] = then.covariance
        return then._replace(mean=mean, covariance=covariance, first=self.first)


def before(work: Sequence[Work]) -> Before:
    """What is known of work of which nothing was seen yet."""
    known = [priors()[kind] for kind in [*(each.kind for each in work), *BESIDE]]
    spread = np.array([each.spread for each in known])
    common = np.sqrt([each.common for each in known]) * spread
    covariance = np.outer(common, common)
    np.fill_diagonal(covariance, spread**2)
    mean = np.log([each.median for each in known])
    return Before(
        mean,
        covariance,
        np.array([[math.log(_NOISE), _NOISE_SPREAD], [math.log(_BUSY), _BUSY_SPREAD]]),
        np.stack([mean, spread**2]),
    )
