"""The density of what work costs, against answers that can be had without it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logparse.timing.density import Density, Jump, Sums, Usual

NOT = -1e3


def usual(size, *, long=None, drift=0.01, noise=0.3) -> Usual:
    return Usual(
        np.zeros(size),
        np.eye(size),
        np.full(size, noise),
        np.linspace(0.0, 1.0, size),
        np.ones(size, bool) if long is None else np.array(long),
        np.ones(size, bool),
        drift,
        np.array([[math.log(0.15), 0.8], [math.log(0.2), 0.6]]),
    )


def some(seed: int, *, size=5, builds=30, jumps=()) -> Density:
    """A density of made-up builds of which each ran some of the work."""
    chance = np.random.default_rng(seed)
    shift = np.where(chance.random((builds, size)) < 0.6, 0.0, NOT)
    shift[:, -1] = 0.0
    extra = np.where(chance.random((builds, size)) < 0.1, 1.0, 0.0)
    sums = Sums(np.arange(builds), chance.normal(1, 1, builds), shift, extra, np.full(builds, 1e-4))
    return Density(usual(size, long=[True] * (size - 2) + [False] * 2), builds, sums, list(jumps))


class TestDerivatives:
    @settings(max_examples=30)
    @given(st.integers(0, 10_000))
    def test_the_gradient_is_what_differences_say(self, seed):
        density = some(seed, jumps=[Jump(10, 1, 0.3, 2.0), Jump(12, 2, 0.7, 1e6)])
        at = density.start(np.zeros(5)) + 0.3 * np.random.default_rng(seed).standard_normal(density.size)
        loss, slope = density.gradient(at)
        assert loss == pytest.approx(density.loss(at))
        step = 1e-5
        told = [
            (density.loss(at + step * unit) - density.loss(at - step * unit)) / (2 * step)
            for unit in np.eye(density.size)
        ]
        assert slope == pytest.approx(told, abs=1e-5)

    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize("far", [30.0, 900.0, -900.0])
    def test_far_from_all_that_is_likely_nothing_overflows(self, far):
        density = some(1)
        at = density.start(np.zeros(5))
        at[density.common] = far
        loss, slope = density.gradient(at)
        assert math.isfinite(loss)
        assert np.isfinite(slope).all()

    @settings(max_examples=30)
    @given(st.integers(0, 10_000))
    def test_information_is_symmetric_and_positive(self, seed):
        density = some(seed)
        at = density.start(np.zeros(5)) + np.random.default_rng(seed).standard_normal(density.size)
        found = density.information(at)
        assert found == pytest.approx(found.T)
        assert np.linalg.eigvalsh(found).min() > 0


class TestTypical:
    def test_a_jump_holds_from_its_build_on(self):
        density = some(1, jumps=[Jump(10, 1, 0.7, 1e6)])
        at = density.start(np.log([1.0, 2.0, 3.0, 4.0, 5.0]))
        at[density.jump] = math.log(2)
        seconds = np.exp(density.typical(at))
        assert seconds[9] == pytest.approx([1, 2, 3, 4, 5])
        assert seconds[10] == pytest.approx([1, 4, 3, 4, 5])

    def test_a_slow_machine_is_slow_as_far_as_work_depends_on_it(self):
        density = some(1)
        at = density.start(np.zeros(5))
        at[density.machine] = 1.0
        logs = density.typical(at)
        # Loads are 0, 1/4, 2/4, 3/4 and 1.
        assert logs[:, 0] == pytest.approx(np.zeros(30))
        assert logs[:, 1] == pytest.approx(logs[:, 4] / 4)
        assert (logs[:, 4] > 0).all()

    def test_only_what_takes_long_walks(self):
        density = some(1)
        at = density.start(np.zeros(5))
        at[density.walk] = 1.0
        logs = density.typical(at)
        assert (np.diff(logs[:, :3], axis=0) >= 0).all()
        assert (logs[-1, :3] > logs[0, :3]).all()
        assert logs[:, 3:] == pytest.approx(np.zeros((30, 2)))


def test_pulls_point_at_the_place_of_a_change():
    builds = 60
    chance = np.random.default_rng(3)
    seconds = np.exp(0.05 * chance.standard_normal(builds)) * np.where(np.arange(builds) < 40, 5.0, 8.0)
    sums = Sums(
        np.arange(builds),
        np.log(seconds),
        np.zeros((builds, 1)),
        np.zeros((builds, 1)),
        np.full(builds, 1e-4),
    )
    density = Density(usual(1, drift=0.003), builds, sums, [])
    at = density.start(np.log([6.0]))
    pulls = density.pulls(at, density.information(at))
    assert abs(int(np.abs(pulls[3:, 0]).argmax()) + 3 - 40) <= 1
    assert pulls[40, 0] > 5
