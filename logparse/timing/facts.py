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
    "LEAST",
    "SHARE_ERROR",
    "Before",
    "Facts",
    "Memory",
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

LEAST = 1e-3
"""Seconds that are left of a duration at least, whatever clocks tell."""
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

    def of(self, place: Mapping[int, int]) -> Facts:
        """What the build says of some work, with other numbers for it; what it takes besides is subtracted.

        Parameters
        ----------
        place
            The new number of each piece of work: of all whose seconds are not known.
        """
        beside = sum(seconds for work, (seconds, _) in self.known.items() if work not in place)
        return Facts(
            [place[work] for work in self.ran if work in place],
            [place[work] for work in self.broken if work in place],
            None if self.seconds is None else max(self.seconds - beside, LEAST),
            {place[work]: known for work, known in self.known.items() if work in place},
            {place[work]: seconds for work, seconds in self.reported.items() if work in place},
            {place[work] for work in self.edited if work in place},
        )

    def unknown(self) -> list[int]:
        """Work whose seconds are to be found."""
        return [work for work in (*self.ran, *self.broken) if work not in self.known]


class Before(NamedTuple):
    """What is known of the work of a part of an image's history before that is seen.

    Parameters
    ----------
    mean, covariance
        Of the logarithms of seconds of the work and of what is :data:`BESIDE` it, shapes (n,) and (n, n).
    first
        Means and variances when nothing had been seen, shape (2, n): no doubt gets larger than these.
    common
        Means and standard deviations of the logarithms of the noise of what takes long and of how busy the
        machine is, shape (2, 2).
    drift
        How far work wanders from one build to the next, in logarithms; ``None`` if that is not known.
    stride
        How far draws of the parameters went at once, likewise.
    """

    mean: Floats
    covariance: Floats
    first: Floats
    common: Floats
    drift: float | None = None
    stride: float | None = None


class Memory:
    """What is known of an image's work while its history is gone through, part by part.

    How costs hang together is kept for the work of the part before. All work may be far too much for that.

    Parameters
    ----------
    work
        All of it.
    """

    def __init__(self, work: Sequence[Work]) -> None:
        known = [priors()[kind] for kind in [*(each.kind for each in work), *BESIDE]]
        spread = np.array([each.spread for each in known])
        self.common = np.sqrt([each.common for each in known]) * spread
        self.first = np.stack([np.log([each.median for each in known]), spread**2])
        self.mean, self.variance = self.first.copy()
        self.is_new = np.ones(len(known), np.bool_)
        self.latest: list[int] = []
        noise = [[math.log(_NOISE), _NOISE_SPREAD], [math.log(_BUSY), _BUSY_SPREAD]]
        self.then = Before(np.empty(0), np.empty((0, 0)), np.empty((2, 0)), np.array(noise))

    def of(self, work: Sequence[int]) -> Before:
        """What is known of some work."""
        places = self._places(work)
        # What the machine has in common is known of nothing that was seen, but for what was seen at last.
        common = np.where(self.is_new[places], self.common[places], 0.0)
        covariance = np.outer(common, common)
        number = {place: index for index, place in enumerate(self.latest)}
        kept = [index for index, place in enumerate(places) if place in number]
        if kept:
            latest = [number[places[index]] for index in kept]
            covariance[np.ix_(kept, kept)] = self.then.covariance[np.ix_(latest, latest)]
        np.fill_diagonal(covariance, self.variance[places])
        return self.then._replace(mean=self.mean[places], covariance=covariance, first=self.first[:, places])

    def keep(self, work: Sequence[int], then: Before) -> None:
        """Note what is known of some work now."""
        places = self._places(work)
        self.mean[places], self.variance[places] = then.mean, np.diagonal(then.covariance)
        self.is_new[places] = False
        self.latest, self.then = places, then

    def _places(self, work: Sequence[int]) -> list[int]:
        return [*work, len(self.mean) - 2, len(self.mean) - 1]
