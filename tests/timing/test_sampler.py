"""The likeliest parameters and draws, where the answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from logparse.timing.density import Density, Sums, Usual
from logparse.timing.sampler import likeliest, sample


def repeated(seconds: float, builds: int, *, spread=1.0) -> Density:
    """One piece of work that takes the same in all builds, whose noise is known."""
    sums = Sums(
        np.arange(builds),
        np.full(builds, math.log(seconds)),
        np.zeros((builds, 1)),
        np.zeros((builds, 1)),
        np.full(builds, 1e-6),
    )
    known = Usual(
        np.zeros(1),
        np.eye(1) * spread**2,
        np.full(1, 0.1),
        np.zeros(1),
        np.array([False]),
        np.array([False]),
        0.0,
        np.array([[math.log(0.15), 0.01], [math.log(0.2), 0.01]]),
    )
    return Density(known, builds, sums, [])


def test_the_likeliest_is_between_what_is_usual_and_what_is_seen():
    density = repeated(4.0, 3)
    top, _ = likeliest(density, density.start(np.zeros(1)))
    # Near its middle, Student's t with 6 degrees counts 7/6 of a normal distribution's weight.
    weight = 3 * 7 / 6 / 0.1**2
    assert top[0] == pytest.approx(math.log(4.0) * weight / (weight + 1), rel=0.01)


def test_from_far_away_it_is_found_as_well():
    density = repeated(4.0, 30)
    near, _ = likeliest(density, density.start(np.log([3.9])))
    far, _ = likeliest(density, density.start(np.log([3000.0])))
    assert far[0] == pytest.approx(near[0], abs=0.005)


def test_draws_scatter_as_the_density_does():
    density = repeated(4.0, 20)
    top, information = likeliest(density, density.start(np.zeros(1)))
    drawn, stride = sample(density, top, information, 1000, np.random.default_rng(5))
    assert drawn.shape == (1000, density.size)
    assert 0.02 <= stride <= 0.7
    # 0.1 / sqrt(20), about, since the noise is normal but its tails are not.
    assert drawn[:, 0].std() == pytest.approx(0.1 * math.sqrt(6 / 7 / 20), rel=0.1)
    assert drawn[:, 0].mean() == pytest.approx(top[0], abs=0.004)


def test_two_steps_of_which_only_the_sum_is_known_are_divided_in_many_ways():
    builds = 12
    sums = Sums(
        np.arange(builds),
        math.log(10.0) + 0.08 * np.random.default_rng(4).standard_normal(builds),
        np.zeros((builds, 2)),
        np.zeros((builds, 2)),
        np.full(builds, 1e-6),
    )
    known = Usual(
        np.full(2, math.log(3.0)),
        np.eye(2),
        np.full(2, 0.05),
        np.zeros(2),
        np.array([True, True]),
        np.array([True, True]),
        0.003,
        np.array([[math.log(0.1), 0.8], [math.log(0.2), 0.1]]),
    )
    density = Density(known, builds, sums, [])
    top, information = likeliest(density, density.start(np.log([5.0, 5.0])))
    drawn, _ = sample(density, top, information, 300, np.random.default_rng(2), apart=6)
    seconds = np.exp(drawn[:, :2])
    assert seconds.sum(axis=1) == pytest.approx(np.full(300, 10.0), rel=0.2)
    low, high = np.quantile(seconds[:, 0], [0.05, 0.95])
    assert low < 3.5
    assert high > 6.5


def test_the_same_chance_gives_the_same_draws():
    density = repeated(4.0, 20)
    top, information = likeliest(density, density.start(np.zeros(1)))
    first, second = (sample(density, top, information, 5, np.random.default_rng(1))[0] for _ in range(2))
    assert (first == second).all()
