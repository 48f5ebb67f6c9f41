"""Draws of one build's parts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logparse.timing.draws import Parts, draw


def parts(*seconds: float, spread: float = 0.01, noise: float = 0.1, least=None) -> Parts:
    size = len(seconds)
    return Parts(
        np.log(seconds),
        np.eye(size) * spread**2,
        np.full(size, noise),
        0.01,
        np.array(least) if least else np.zeros(size),
    )


def some(made: Parts, seconds: float | None, count: int = 4000):
    return draw(made, seconds, np.random.default_rng(1), count)


@given(
    st.lists(st.floats(0.001, 500), min_size=1, max_size=12),
    st.floats(0.01, 2000),
    st.floats(0.01, 2),
    st.floats(0.02, 0.8),
)
def test_every_draw_is_positive_and_sums_up_to_the_duration(seconds, duration, spread, noise):
    drawn = draw(parts(*seconds, spread=spread, noise=noise), duration, np.random.default_rng(0), 50)
    assert (drawn > 0).all()
    assert drawn.sum(axis=1) == pytest.approx(np.full(50, duration))


def test_a_longer_build_is_shared_out_by_the_variances_of_the_parts():
    drawn = some(parts(8.0, 1.0), 9.9)
    # Of 0.9 s too much, 64 parts in 65 belong to the long step: 0.8 s against 0.1 s of standard deviation.
    assert np.median(drawn[:, 0]) == pytest.approx(8.0 + 0.9 * 64 / 65, abs=0.05)
    low, high = np.quantile(drawn[:, 1], [0.16, 0.84])
    assert (high - low) / 2 == pytest.approx(0.1, rel=0.1)


def test_without_a_duration_nothing_is_shared_out():
    drawn = some(parts(8.0, 1.0, noise=0.1), None)
    low, high = np.quantile(drawn[:, 0], [0.05, 0.95])
    assert low == pytest.approx(8 * math.exp(-0.165), rel=0.02)
    assert high == pytest.approx(8 * math.exp(0.165), rel=0.02)


def test_one_step_that_is_far_off_is_thought_of():
    drawn = some(parts(4.0, 4.0, 2.0), 30.0)
    # Twenty seconds too much are one step's rather than all steps': each may be the one.
    largest = drawn.max(axis=1)
    assert np.median(largest) > 18
    assert (drawn[:, :2].argmax(axis=1) == 0).mean() == pytest.approx(0.5, abs=0.1)


def test_a_reported_time_is_a_lower_bound():
    drawn = some(parts(3.0, 3.0, spread=1.0, least=[5.0, 0.0]), 6.0)
    assert drawn[:, 0].min() >= 4.95
    assert drawn[:, 1].max() <= 1.05


def test_what_one_part_takes_more_the_others_take_less():
    # Two steps whose sum of 6.5 s is known, and one of them only within a factor of three.
    mean = np.log([0.4, 6.1])
    uncertain = 1.0
    cross = -uncertain * 0.4 / 6.1
    covariance = np.array([[uncertain, cross], [cross, (0.4 / 6.1) ** 2 + 1e-4]])
    made = Parts(mean, covariance, np.full(2, 0.02), 0.01, np.zeros(2))
    drawn = some(made, 6.5)
    assert np.quantile(drawn[:, 0], 0.95) > 1.5
    assert np.quantile(drawn[:, 1], 0.05) < 5.0
