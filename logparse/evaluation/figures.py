"""Shares with their intervals, and how well confidences keep what they promise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Answer", "Bin", "Calibration", "Measure", "calibration", "wilson"]

_Z95 = 1.959964
"""How many standard deviations on either side of its mean hold 95 % of a normal distribution."""

_EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0)
"""Finer at the top, where nearly all confidences are."""


def wilson(right: float, total: float) -> tuple[float, float]:
    """The interval that holds the true share with 95 % of confidence, after Wilson.

    Other than the plain one it is no point where all or none are right, and stays between 0 and 1.

    Parameters
    ----------
    right, total
        How many of how many; of none the share may be anything.

    Examples
    --------
    >>> [round(bound, 3) for bound in wilson(9, 10)]
    [0.596, 0.982]
    >>> wilson(0, 0)
    (0.0, 1.0)
    """
    if total == 0:
        return 0.0, 1.0
    share, square = right / total, _Z95**2
    middle = (share + square / (2 * total)) / (1 + square / total)
    half = _Z95 * math.sqrt(share * (1 - share) / total + square / (4 * total**2)) / (1 + square / total)
    return max(0.0, middle - half), min(1.0, middle + half)


class Answer(NamedTuple):
    """Whether one thing was right, of one label.

    Parameters
    ----------
    right
        Whether it was.
    case
        What the label shares with those of other recordings of the same failure, and with no others.
    last_line
        Whether the last line would have been right.
    said
        The confidence of the verdict.
    """

    right: bool
    case: object
    last_line: bool = False
    said: float = math.nan


def _interval(answers: Sequence[Answer]) -> tuple[int, float, float]:
    """How many cases there are, and the interval of the share of right answers.

    One failure recorded in many formats is no independent proof in each of them, so the interval is that of
    as many trials as there are cases: rather too wide than too narrow.
    """
    cases = len({answer.case for answer in answers})
    share = sum(answer.right for answer in answers) / len(answers) if answers else 0.0
    return cases, *wilson(share * cases, cases)


class Measure(NamedTuple):
    """How often one thing was right.

    Parameters
    ----------
    what
        What was asked.
    n, cases, right
        Labels that ask for it, how many different failures or builds they are recordings of, and how many
        labels were met.
    share, low, high
        ``right / n`` with the bounds of its 95 % interval, which counts cases, not labels.
    last_line
        The same share for the last line before the builder's closing words, where that is an answer.
    """

    what: str
    n: int
    cases: int
    right: int
    share: float
    low: float
    high: float
    last_line: float | None = None

    @classmethod
    def of(cls, what: str, answers: Sequence[Answer], *, beside: bool = False) -> Measure:
        """Count answers, and those of the last line `beside` them."""
        n, right = len(answers), sum(answer.right for answer in answers)
        last = sum(answer.last_line for answer in answers) / n if beside and n else None
        cases, low, high = _interval(answers)
        return cls(what, n, cases, right, right / n if n else math.nan, low, high, last)


class Bin(NamedTuple):
    """Verdicts of similar confidence.

    Parameters
    ----------
    above, up_to
        The bounds of the confidences in it.
    n, cases, said
        How many, of how many different failures, and their mean confidence.
    share, low, high
        How many of them were right, with the bounds of its 95 % interval, which counts cases.
    """

    above: float
    up_to: float
    n: int
    cases: int
    said: float
    share: float
    low: float
    high: float


class Calibration(NamedTuple):
    """Whether verdicts are right as often as they say.

    Parameters
    ----------
    bins
        The reliability table; bins without a verdict are left out.
    brier
        Mean square of confidence less truth (1 right, 0 wrong): 0 is perfect, and 0.25 is what saying 0.5
        of everything would get. NaN of no verdicts.
    error
        Expected calibration error: how far the confidences of a bin are from its share of right ones, in
        the mean over all verdicts.
    """

    bins: tuple[Bin, ...]
    brier: float
    error: float


def calibration(verdicts: Sequence[Answer]) -> Calibration:
    """Compare what verdicts said of themselves (0 to 1) with whether they were right."""
    if not verdicts:
        return Calibration((), math.nan, math.nan)
    bins = []
    for above, up_to in itertools.pairwise(_EDGES):
        inside = [one for one in verdicts if above < one.said <= up_to or one.said == above == 0]
        if inside:
            n = len(inside)
            said, share = sum(one.said for one in inside) / n, sum(one.right for one in inside) / n
            cases, low, high = _interval(inside)
            bins.append(Bin(above, up_to, n, cases, said, share, low, high))
    return Calibration(
        tuple(bins),
        sum((one.said - one.right) ** 2 for one in verdicts) / len(verdicts),
        sum(one.n * abs(one.said - one.share) for one in bins) / len(verdicts),
    )
