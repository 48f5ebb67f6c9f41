"""The smoother against answers that can be had without it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from logparse.timing.smoother import History, Observation, smooth


def single(work: int, seconds: float, noise: float = 0.1) -> Observation:
    return Observation(
        np.array([work]), math.log(seconds), np.zeros(1), np.array([noise**2]), np.empty(0), 0.0
    )


def together(seconds: float, *work: int, noise: float = 0.05) -> Observation:
    count = len(work)
    return Observation(
        np.array(work), math.log(seconds), np.zeros(count), np.full(count, noise**2), np.empty(0), 1e-6
    )


def history(builds, size=1, drift=0.0, spread=1.0, mean=0.0, jumps=None) -> History:
    return History(
        np.full(size, mean), np.eye(size) * spread**2, builds, np.full(size, drift**2), jumps or {}
    )


class TestOneComponent:
    """Of one component all is linear, so the answer is that of a normal distribution."""

    def test_without_drift_it_is_the_weighted_mean(self):
        values = [2.0, 2.2, 1.9]
        result = smooth(history([[single(0, value)] for value in values]))
        precision = 1 + 3 / 0.1**2
        expected = sum(math.log(value) for value in values) / 0.1**2 / precision
        assert result.means[:, 0] == pytest.approx([expected] * 3)
        assert np.array(result.covariances)[:, 0, 0] == pytest.approx([1 / precision] * 3)

    def test_with_drift_it_is_the_conditional_mean_of_all_states(self):
        values, drift, spread = [2.0, 3.0, 2.5, 4.0], 0.3, 1.2
        result = smooth(history([[single(0, value, 0.2)] for value in values], drift=drift, spread=spread))
        # The states are an autoregression that keeps its variance.
        kept = math.sqrt(1 - drift**2 / spread**2)
        prior = np.array([[spread**2 * kept ** abs(i - j) for j in range(4)] for i in range(4)])
        gain = prior @ np.linalg.inv(prior + 0.2**2 * np.eye(4))
        assert result.means[:, 0] == pytest.approx(gain @ np.log(values))
        assert np.array(result.covariances)[:, 0, 0] == pytest.approx(np.diagonal(prior - gain @ prior))

    def test_a_build_that_says_nothing_is_filled_in(self):
        result = smooth(history([[single(0, 2.0)], [], [single(0, 2.0)]]))
        assert result.means[1, 0] == pytest.approx(result.means[0, 0])
        assert math.isnan(result.residuals[1])

    def test_a_duration_far_off_loses_weight(self):
        calm = [[single(0, 2.0)] for _ in range(20)]
        calm[7] = [single(0, 40.0)]
        result = smooth(history(calm))
        assert math.exp(result.means[0, 0]) == pytest.approx(2.0, rel=0.03)


class TestSums:
    def test_differences_between_builds_tell_the_parts(self):
        builds = [[together(5.0, 0, 1)], [together(1.0, 1)]] * 20
        result = smooth(history(builds, size=2, spread=1.5))
        assert np.exp(result.means[0]) == pytest.approx([4.0, 1.0], rel=0.03)

    def test_parts_that_always_ran_together_stay_uncertain_and_their_sum_does_not(self):
        result = smooth(history([[together(6.0, 0, 1)]] * 30, size=2, spread=1.5))
        mean, covariance = result.means[0], result.covariances[0]
        assert np.exp(mean).sum() == pytest.approx(6.0, rel=0.02)
        assert np.sqrt(np.diagonal(covariance)).min() > 0.9
        share = np.exp(mean) / np.exp(mean).sum()
        assert math.sqrt(share @ covariance @ share) < 0.02

    def test_a_jump_shows_where_it_is(self):
        builds = [[together(5.0, 0, 1)], [together(1.0, 1)]] * 10
        builds += [[together(7.0, 0, 1)], [together(3.0, 1)]] * 10
        result = smooth(history(builds, size=2, spread=1.5, drift=0.003))
        pulls = np.abs(result.pulls[1:])
        build, work = np.unravel_index(pulls.argmax(), pulls.shape)
        assert (int(build) + 1, int(work)) == (20, 1)
        assert pulls.max() > 5

    def test_an_added_variance_lets_it_jump(self):
        builds = [[together(5.0, 0, 1)], [together(1.0, 1)]] * 10
        builds += [[together(7.0, 0, 1)], [together(3.0, 1)]] * 10
        result = smooth(history(builds, size=2, spread=1.5, drift=0.003, jumps={20: np.array([0.0, 0.5])}))
        assert np.exp(result.means[19]) == pytest.approx([4.0, 1.0], rel=0.05)
        assert np.exp(result.means[20]) == pytest.approx([4.0, 3.0], rel=0.05)

    def test_work_that_broke_off_says_little(self):
        whole = [[together(5.0, 0)]] * 5
        broken = [
            [Observation(np.array([0]), math.log(0.5), np.array([-0.7]), np.array([1.0]), np.empty(0), 0.0)]
        ]
        result = smooth(history(whole + broken, spread=1.5))
        assert np.exp(result.means[0, 0]) == pytest.approx(5.0, rel=0.05)
