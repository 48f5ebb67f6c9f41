"""Draws of one build's parts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logparse.timing.draws import Parts, share_out

COUNT = 4000


def parts(*seconds: float, spread=0.01, noise=0.1, busy=0.0, loads=None, least=None, count=COUNT) -> Parts:
    size = len(seconds)
    chance = np.random.default_rng(7)
    return Parts(
        np.log(seconds) + spread * chance.standard_normal((count, size)),
        np.full((count, size), noise),
        np.full(count, busy),
        np.array(loads) if loads else np.zeros(size),
        0.01,
        np.array(least) if least else np.zeros(size),
    )


def some(made: Parts, seconds: float | None):
    return share_out(made, seconds, np.random.default_rng(1))


@given(
    st.lists(st.floats(0.001, 500), min_size=1, max_size=12),
    st.floats(0.01, 2000),
    st.floats(0.01, 2),
    st.floats(0.02, 0.8),
    st.floats(0.0, 0.5),
)
def test_every_draw_is_positive_and_sums_up_to_the_duration(seconds, duration, spread, noise, busy):
    made = parts(*seconds, spread=spread, noise=noise, busy=busy, loads=[1.0] * len(seconds), count=50)
    drawn = some(made, duration)
    assert (drawn > 0).all()
    assert drawn.sum(axis=1) == pytest.approx(np.full(50, duration))


def test_a_longer_build_is_shared_out_by_the_variances_of_the_parts():
    drawn = some(parts(8.0, 1.0), 9.9)
    # Of 0.9 s too much, 64 parts in 65 belong to the long step: 0.8 s against 0.1 s of standard deviation.
    assert np.median(drawn[:, 0]) == pytest.approx(8.0 + 0.9 * 64 / 65, abs=0.05)
    low, high = np.quantile(drawn[:, 1], [0.16, 0.84])
    assert (high - low) / 2 == pytest.approx(0.1, rel=0.1)


def test_a_busy_machine_is_slow_at_everything_small():
    # Nothing but how busy the machine is can explain half as much again, and that falls on the small parts.
    drawn = some(parts(1.0, 1.0, 2.0, noise=0.01, busy=0.5, loads=[1.0, 1.0, 0.0]), 5.0)
    assert np.median(drawn, axis=0) == pytest.approx([1.5, 1.5, 2.0], abs=0.05)


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
