"""From builds to seconds with error bars: what is known, what is not, and what is never made up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from logparse import parse
from logparse.model import Log, TimingSource
from logparse.timing import estimate
from tests.timing.test_works import build as made

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def build(seconds, *instructions, cached=0, number=0, name="a", finished=True, failed=False):
    """A build of an image that began on day `number` and took some seconds."""
    data = made(*instructions, cached=cached).log.data
    if failed:
        data = data[: data.rindex(b"Removing intermediate")]
        data += b"The command '/bin/sh -c x' returned a non-zero code: 1\n"
    start = START + timedelta(days=number)
    log = Log(
        data=data,
        owner="acme",
        name=name,
        build_id=f"{name}-{number}",
        started_at=start,
        finished_at=start + timedelta(seconds=seconds) if finished and seconds is not None else None,
    )
    return parse(log)[0]


STEPS = (
    "FROM base",
    "COPY requirements.txt .",
    "RUN pip install -r requirements.txt",
    "COPY . .",
    "RUN make",
)


def history(count=40, *, install=20.0, make=5.0, seed=1, since=0, noise=0.05):
    """Builds of which every third has nothing of its first steps in the cache."""
    chance = np.random.default_rng(seed)
    builds = []
    for number in range(since, since + count):
        seconds = make * float(np.exp(noise * chance.standard_normal())) + 0.5
        whole = number % 3 == 0
        if whole:
            seconds += install * float(np.exp(noise * chance.standard_normal()))
        builds.append(build(seconds, *STEPS, cached=1 if whole else 3, number=number))
    return builds


def row(estimates, place, step):
    return list(estimates.timings.values())[place][step]


class TestManyBuilds:
    def test_steps_that_durations_tell_apart(self):
        found = estimate(history())
        for place in (0, 30, 39):
            make = row(found, place, 4)
            assert make.seconds == pytest.approx(5.0, rel=0.15)
            assert make.low < 5.0 < make.high
            assert make.source is TimingSource.ESTIMATED
        install = row(found, 30, 2)
        assert install.seconds == pytest.approx(20.0, rel=0.1)
        assert install.high - install.low < 8

    def test_a_step_from_the_cache_costs_next_to_nothing(self):
        cached = row(estimate(history()), 1, 2)
        assert cached.high < 0.02

    def test_the_same_builds_give_the_same_numbers_in_any_order(self):
        builds = history(12)
        first = estimate(builds).steps
        again = estimate(list(reversed(builds))).steps
        columns = ["build_key", "step_index", "seconds", "low", "high"]
        keys = ["build_key", "step_index"]
        left, right = (each[columns].sort_values(keys, ignore_index=True) for each in (first, again))
        assert left.equals(right)

    def test_images_do_not_mix(self):
        other = [build(300.0, *STEPS, number=number, name="b") for number in range(5)]
        alone, together = estimate(history()), estimate(history() + other)
        assert row(together, 30, 2).seconds == pytest.approx(row(alone, 30, 2).seconds, rel=0.1)
        assert set(together.steps["image"]) == {"acme/a", "acme/b"}

    def test_timed_builds_carry_the_seconds_in_their_steps(self):
        builds = history(12)
        found = estimate(builds)
        for build in builds:
            timings = tuple(step.timing for step in found.timed(build).steps)
            assert timings == found.timings[build.key]
            assert {timing.source for timing in timings} == {TimingSource.ESTIMATED}


class TestGroups:
    def test_steps_that_always_ran_together_share_a_group_whose_sum_is_known_better(self):
        steps = ("FROM base", "RUN one", "RUN two")
        builds = [build(10.0 + 0.1 * (n % 3), *steps, cached=1, number=n) for n in range(20)]
        builds += [build(0.5, *steps, cached=3, number=n) for n in range(20, 30)]
        found = estimate(builds)
        one, two = row(found, 5, 1), row(found, 5, 2)
        assert one.group is not None
        assert one.group == two.group
        sums = found.groups.set_index(["build_key", "group"]).loc[(builds[5].key, one.group)]
        assert sums["seconds"] == pytest.approx(9.6, abs=0.5)
        assert sums["high"] - sums["low"] < 0.3 * (one.high - one.low)
        assert one.high - one.low > 3

    def test_a_step_that_ran_without_any_other_has_none(self):
        builds = [
            *history(),
            build(5.4, *STEPS, cached=4, number=50),
            build(0.5, *STEPS, cached=5, number=51),
        ]
        assert row(estimate(history()), 30, 4).group is not None
        assert row(estimate(builds), 30, 4).group is None


class TestChanges:
    def test_a_doubled_step_is_noticed_within_five_builds(self):
        builds = history(40) + history(5, since=40, make=10.0, seed=2)
        found = estimate(builds)
        assert row(found, 44, 4).seconds == pytest.approx(10.0, rel=0.2)
        change = found.changes.iloc[0]
        assert change["text"] == "RUN make"
        assert change["factor"] == pytest.approx(2.0, rel=0.25)
        assert builds[38].key <= change["build_key"] <= builds[42].key

    def test_nothing_changes_in_a_calm_history(self):
        assert len(estimate(history()).changes) == 0


class TestLittleEvidence:
    def test_one_build_gives_anything_between_nothing_and_its_duration(self):
        timing = row(estimate([build(30.0, "FROM base", "RUN one", "RUN two")]), 0, 1)
        assert timing.low < 3
        assert timing.high > 25
        assert timing.high <= 30

    def test_no_duration_at_all_gives_no_seconds_and_says_why(self):
        found = estimate([build(None, *STEPS)])
        assert row(found, 0, 4).source is TimingSource.NONE
        assert row(found, 0, 4).seconds is None
        assert found.steps["reason"][4] == "the build's start and finish are not known"

    def test_a_build_without_a_finish_is_told_from_the_others_with_a_reason(self):
        builds = [*history(30), build(None, *STEPS, number=31)]
        found = estimate(builds)
        timing = row(found, 30, 4)
        assert timing.low < 5.0 < timing.high
        assert found.steps["reason"].iloc[-1] == "the build's start and finish are not known"

    def test_a_finish_before_the_start_is_not_used(self):
        builds = [*history(30), build(-40.0, *STEPS, number=31)]
        found = estimate(builds)
        assert found.steps["reason"].iloc[-1] == "the build finished before it started"
        assert row(found, 30, 4).seconds == pytest.approx(5.0, rel=0.2)

    def test_all_cached(self):
        found = estimate([build(0.4, *STEPS, cached=5, number=n) for n in range(4)])
        assert found.steps["seconds"].max() < 0.4

    def test_as_good_as_no_draws_are_refused(self):
        with pytest.raises(ValueError, match=r"1 draws make no interval; ask for 10 or more"):
            estimate(history(3), draws=1)

    def test_many_builds_that_have_nothing_in_common_and_no_duration(self):
        builds = [
            build(None, "FROM base", *(f"RUN tool-{number}-{step}" for step in range(5)), number=number)
            for number in range(1500)
        ]
        found = estimate(builds)
        assert len(found.steps) == 9000
        assert found.steps["seconds"].isna().all()

    def test_no_builds(self):
        found = estimate([])
        assert len(found.steps) == len(found.groups) == len(found.changes) == 0

    def test_a_failed_step_is_more_uncertain_than_the_same_one_that_ended(self):
        builds = [*history(30), build(9.0, *STEPS[:3], number=31, failed=True)]
        found = estimate(builds)
        failed = row(found, 30, 2)
        assert failed.high <= 9.0
        assert failed.seconds == pytest.approx(8.0, abs=1.0)


class TestReported:
    def test_a_tools_own_time_is_a_lower_bound(self):
        first = build(60.0, "FROM base", "RUN one", "RUN two")
        data = first.log.data.replace(
            b"Running in 000000000003\n", b"Running in 000000000003\nreal\t0m41.000s\n"
        )
        log = Log(data=data, started_at=first.log.started_at, finished_at=first.log.finished_at)
        timing = row(estimate(parse(log)), 0, 2)
        assert timing.low >= 40.5
        assert row(estimate(parse(log)), 0, 1).high <= 19.5

    def test_more_than_the_whole_build_took_is_not_believed(self):
        first = build(30.0, "FROM base", "RUN one", "RUN two")
        data = first.log.data.replace(
            b"Running in 000000000003\n", b"Running in 000000000003\nreal\t0m41.000s\n"
        )
        log = Log(data=data, started_at=first.log.started_at, finished_at=first.log.finished_at)
        found = estimate(parse(log))
        assert row(found, 0, 2).high <= 30
        assert found.steps["reason"][2] == "tools report more time than the build took"
