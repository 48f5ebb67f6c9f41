"""What the builds of one image cost, and what no build says outright: noise, drift and sudden changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from logparse.timing.density import Density, Floats, Ints, Jump, Usual
from logparse.timing.facts import Before, Facts
from logparse.timing.pieces import Pieces
from logparse.timing.sampler import likeliest, sample
from logparse.timing.works import Work

__all__ = ["APART", "Change", "Fit", "fit"]

_DRIFTS = (0.003, 0.008, 0.02)
"""How far work that takes long wanders from one build to the next, in logarithms."""
_EDIT, _EDIT_FREEDOM = 0.15, 2.0
"""An edited instruction mostly costs what it did, but not always: Student's t, in logarithms."""
_JUMP, _JUMP_FREEDOM = 0.7, 1e6
"""By how much work changes where a change was found: about normal, in logarithms."""
_SURE = 3.6
"""Standard deviations that a change must stand out to be looked at."""
_WORTH = 4.0
"""By how much a change must raise the logarithm of the evidence: it may seem to be in many places."""
_ALIKE = 6.0
"""Twice the difference of log-likelihoods below which a change may as well be of another piece."""
_TRIES = 3
"""Places that are looked at in vain before it is enough."""
_NEAR = 2
"""Builds before and after a change in which the same piece does not change again."""
_CHANGES, _BUILDS_EACH = 24, 10
"""The most changes that are looked for, and the builds that there are for each."""
_RUNS_BEFORE, _RUNS_BEHIND = 3, 2
"""Runs of a step before and behind a change, without which it would be a guess."""
_SWEEPS = 100
_LEAST = 0.02
"""Sweeps over the pieces of the first guess, and how much of what is usual each takes at least."""
_USUAL_NOISE = 0.15
_WIDER, _WIDER_NEAR = 1.05, 1.25
"""How much wider draws are than the fit says, since it takes what it found for certain; and where they are
near each other, since they have not been everywhere."""
APART = 4
"""Trajectories of the sampler from one draw to the next."""
_SHRINK, _FORGOTTEN, _SLACK = 0.3, 2.0, 0.1
"""From one part of a long history to the next: how much of the covariances is taken for chance, how much
wider everything gets, and by how much at least, in logarithms. So doubt does not get lost on the way."""
_COMMON_WIDER, _COMMON_LEAST = 1.5, 0.2
_FARTHEST = 3.5
"""Standard deviations of what was known at first, beyond which nothing is passed on."""


class Change(NamedTuple):
    """A sudden change of what a piece of work costs.

    Parameters
    ----------
    build
        The first build of the new cost.
    work
        The piece.
    before, after
        Typical seconds.
    certainty
        Standard deviations by which it stands out.
    """

    build: int
    work: int
    before: float
    after: float
    certainty: float


class _Mark(NamedTuple):
    """A place where some pieces, one or another, seem to jump, and how much that stands out."""

    build: int
    pieces: Ints
    certainty: float


class _Found(NamedTuple):
    """The likeliest parameters under one size of drift."""

    density: Density
    top: Floats
    information: Floats
    marks: list[_Mark]

    def evidence(self) -> float:
        """How likely what builds say is, whatever the parameters: after Laplace, but for a constant."""
        return -self.density.loss(self.top) - 0.5 * float(np.linalg.slogdet(self.information)[1])


@dataclass(slots=True)
class Fit:
    """What was found out about an image: draws of all that is not known.

    Parameters
    ----------
    typical
        Logarithms of typical seconds of all work and of the overhead behind it, shape (draws, builds, n).
    noise
        Standard deviation of a single run of each, relative, shape (draws, n).
    busy
        Standard deviation of how busy the machine is, shape (draws,).
    loads
        How much each piece depends on that, shape (n,).
    changes
        Sudden changes, in order.
    """

    typical: Floats
    noise: Floats
    busy: Floats
    loads: Floats
    changes: list[Change]


def fit(
    work: Sequence[Work],
    facts: Sequence[Facts],
    known: Before,
    draws: int,
    chance: np.random.Generator,
    *,
    apart: int = APART,
) -> tuple[Fit, Before]:
    """Fit an image's history, or a part of it.

    Parameters
    ----------
    work
        All of it.
    facts
        Of each build, in order of time.
    known
        What is known of this work before.
    draws
        How many draws to make.
    chance
        Where they come from.
    apart
        How far one draw is from the next: the further, the less there is of the one in the other.

    Returns
    -------
    Fit
        What was found.
    Before
        What is known behind.
    """
    return _Fitter(Pieces(work, facts, known, chance)).fit(draws, apart)


class _Fitter:
    def __init__(self, pieces: Pieces) -> None:
        self.pieces, self.usual, self.builds = pieces, pieces.usual, len(pieces.facts)
        self.runs = pieces.runs()

    def fit(self, draws: int, apart: int) -> tuple[Fit, Before]:
        pieces, known = self.pieces, self.pieces.known
        drifts = _DRIFTS if known.drift is None else (known.drift,)
        tried = [self._with_changes(self.usual._replace(drift=drift)) for drift in drifts]
        found = max(tried, key=lambda each: each.evidence() - _WORTH * len(each.marks))
        density = found.density
        drawn, stride = sample(
            density,
            found.top,
            found.information,
            draws,
            pieces.chance,
            apart=apart,
            stride=known.stride,
        )
        middle = np.median(drawn, axis=0)
        wider = _WIDER if apart >= APART else _WIDER_NEAR
        typical, noise = pieces.divided(density, middle + wider * (drawn - middle))
        common = drawn[:, density.common]
        then = _behind(typical[:, -1], common, known)._replace(drift=density.usual.drift, stride=stride)
        typical, noise, loads = pieces.with_containers(typical, noise)
        busy = np.array([density.busy(each) for each in drawn])
        return Fit(typical, noise, busy, loads, self._changes(typical, found.marks)), then

    def _start(self) -> Floats:
        """Logarithms of seconds to begin with: of the many states that may explain durations, a sound one.

        The seconds that are least off all durations, relative to these, none of them negative: a problem with
        one solution, since it is about sums and not about logarithms.
        """
        usual, sums = self.usual, self.pieces.sums
        long, typical = usual.long, np.exp(usual.mean)
        start = usual.mean.copy()
        if not long.any():
            return start
        parts, seconds = np.exp(sums.shift), np.exp(sums.value)
        left = np.maximum(seconds - parts[:, ~long] @ typical[~long], 0.1 * seconds)
        some = parts[:, long] / (_USUAL_NOISE * seconds)[:, None]
        # What is usual counts like one duration that tells it within its spread.
        doubt = typical[long] * np.minimum(np.sqrt(np.diagonal(usual.covariance)[long]), 1.0)
        square = some.T @ some + np.diag(doubt**-2.0)
        toward = some.T @ (left / (_USUAL_NOISE * seconds)) + typical[long] / doubt**2
        found = typical[long].copy()
        least = _LEAST * found
        for _ in range(_SWEEPS):
            for index in range(len(found)):
                rest = toward[index] - square[index] @ found + square[index, index] * found[index]
                found[index] = max(rest / square[index, index], least[index])
        start[long] = np.log(found)
        return start

    # -- changes ----------------------------------------------------------------------------------------

    def _with_changes(self, usual: Usual) -> _Found:
        """The likeliest parameters, with the sudden changes that stand out."""
        jumps = [Jump(build, piece, _EDIT, _EDIT_FREEDOM) for build, piece in self.pieces.edits()]
        density = Density(usual, self.builds, self.pieces.sums, jumps)
        found = _Found(density, *likeliest(density, density.start(self._start())), [])
        refused: list[_Mark] = []
        while len(found.marks) < min(_CHANGES, 1 + self.builds // _BUILDS_EACH) and len(refused) < _TRIES:
            mark = self._change(found, [*found.marks, *refused])
            if mark is None:
                break
            tried = [*jumps, *(Jump(mark.build, int(each), _JUMP, _JUMP_FREEDOM) for each in mark.pieces)]
            density = Density(usual, self.builds, self.pieces.sums, tried)
            start = np.append(found.top, np.zeros(len(mark.pieces)))
            changed = _Found(density, *likeliest(density, start), [*found.marks, mark])
            if changed.evidence() < found.evidence() + _WORTH:
                refused.append(mark)
            else:
                found, jumps = changed, tried
        return found

    def _change(self, found: _Found, known: Sequence[_Mark]) -> _Mark | None:
        """The place where a jump would explain most, with the pieces that it may be of."""
        pulls = np.abs(found.density.pulls(found.top, found.information))
        runs = self.runs[:-1]
        pulls[(runs < _RUNS_BEFORE) | (self.runs[-1] - runs < _RUNS_BEHIND)] = 0.0
        for mark in known:
            pulls[max(mark.build - _NEAR, 0) : mark.build + _NEAR + 1, mark.pieces] = 0.0
        build, piece = np.unravel_index(int(pulls.argmax()), pulls.shape)
        certainty = float(pulls[build, piece])
        if certainty < _SURE:
            return None
        # Pieces that durations can hardly tell apart are pulled about alike.
        alike = np.flatnonzero(pulls[build] ** 2 > certainty**2 - _ALIKE)
        return _Mark(int(build), alike, certainty)

    def _changes(self, typical: Floats, marks: Sequence[_Mark]) -> list[Change]:
        found = []
        for build, which, certainty in sorted(marks, key=lambda mark: mark.build):
            some = np.concatenate([self.pieces.members[piece] for piece in which])
            before, after = (np.exp(np.median(typical[:, at][:, some], axis=0)) for at in (build - 1, build))
            work = int(np.argmax(np.abs(after - before)))
            found.append(Change(build, int(some[work]), float(before[work]), float(after[work]), certainty))
        return found


def _behind(last: Floats, common: Floats, known: Before) -> Before:
    """What is known behind some builds, from draws of what was typical in the last one."""
    covariance = np.cov(last, rowvar=False)
    # Draws are few, and what builds say nothing about must not wander with their chance.
    told = np.clip(1 - np.diagonal(covariance) / np.diagonal(known.covariance), 0.0, 1.0)
    middle = known.mean + told * (last.mean(axis=0) - known.mean)
    covariance = (1 - _SHRINK) * covariance + np.diag(_SHRINK * np.diagonal(covariance) + _SLACK**2)
    spread = np.maximum(common.std(axis=0) * _COMMON_WIDER, _COMMON_LEAST)
    covariance *= _FORGOTTEN
    mean, most = known.first
    narrower = np.sqrt(np.minimum(most / np.diagonal(covariance), 1.0))
    covariance *= np.outer(narrower, narrower)
    reach = _FARTHEST * np.sqrt(most)
    return known._replace(
        mean=np.clip(middle, mean - reach, mean + reach),
        covariance=covariance,
        common=np.column_stack([common.mean(axis=0), spread]),
    )
