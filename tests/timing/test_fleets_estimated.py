"""Estimates beside the truth: recorded histories of real builds, of which a clock beside the log knew every step.

``retail``, ``media``, ``logistics`` and ``science`` were at hand while the method was made. ``harvest`` was held
out: it was looked at only to see whether the method holds elsewhere, and nothing may be tuned to it.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from logparse import parse
from logparse.fetch import RecordedCluster
from logparse.timing import estimate
from tests.fixtures_path import FIXTURES

KNOWN = ["captioner", "price_model", "tariffs", "spectra"]
HELD_OUT = "yields"
LONG = 1.0
"""Seconds of a step above which its share in a build's duration can be seen at all."""


@pytest.fixture(scope="module")
def fleets() -> dict[str, tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]]:
    """By fleet: the steps that ran with their truth and estimate, the sums of groups, and what changed at once."""
    found = {}
    for algorithm in RecordedCluster(FIXTURES / "fleets"):
        builds = [build for log in algorithm.logs() for build in parse(log)]
        estimates = estimate(builds)
        rows = []
        for build in builds:
            truth = json.loads((algorithm.folder / f"truth/{build.log.build_id}.json").read_text())
            number = int(truth["scenario"].split("/")[-1][:2])
            for step, timing, true in zip(
                build.steps, estimates.timings[build.key], truth["steps"], strict=True
            ):
                if not step.cached:
                    rows.append(
                        {
                            "build_key": build.key,
                            "number": number,
                            "text": step.text,
                            "instruction": step.instruction,
                            "failed": step.failed,
                            "true": true["seconds"],
                            "seconds": timing.seconds,
                            "low": timing.low,
                            "high": timing.high,
                            "source": timing.source.value,
                            "group": timing.group,
                        }
                    )
        steps = pd.DataFrame(rows)
        sums = steps.groupby(["build_key", "group"], as_index=False)["true"].sum()
        groups = estimates.groups.merge(sums, on=["build_key", "group"])
        changes = estimates.changes.merge(steps[["build_key", "number"]].drop_duplicates(), on="build_key")
        found[algorithm.name] = steps, groups, changes
    return found


def held(rows: pd.DataFrame) -> float:
    """The share of truths inside their bars."""
    return float(((rows["low"] <= rows["true"]) & (rows["true"] <= rows["high"])).mean())


def error(rows: pd.DataFrame) -> float:
    """The median of how far estimates are from their truths, relative to these."""
    return float((rows["seconds"] / rows["true"] - 1).abs().median())


def separable(steps: pd.DataFrame) -> pd.DataFrame:
    """Long steps that ran to their end and that durations may tell from others."""
    return steps[steps["group"].isna() & (steps["true"] > LONG) & ~steps["failed"]]


class TestBars:
    """A bar of 90 % should hold about nine truths in ten: neither too few nor all."""

    def test_of_all_steps_that_ran(self, fleets):
        steps = pd.concat([fleets[name][0] for name in KNOWN])
        assert len(steps) > 2400
        assert set(steps["source"]) == {"estimated"}
        assert 0.85 <= held(steps) <= 0.97

    @pytest.mark.parametrize("name", [*KNOWN, HELD_OUT])
    def test_of_each_fleet(self, fleets, name):
        assert 0.83 <= held(fleets[name][0]) <= 0.99

    def test_of_commands_alone(self, fleets):
        """Most steps are metadata and copies, which cost little and are easily right."""
        steps = pd.concat([fleets[name][0] for name in KNOWN])
        assert held(steps[steps["instruction"] == "RUN"]) >= 0.85

    @pytest.mark.parametrize("name", [*KNOWN, HELD_OUT])
    def test_of_commands_of_each_fleet(self, fleets, name):
        steps = fleets[name][0]
        assert held(steps[steps["instruction"] == "RUN"]) >= 0.75

    def test_of_long_steps_of_the_held_out_fleet(self, fleets):
        steps = separable(fleets[HELD_OUT][0])
        assert len(steps) > 100
        assert error(steps) <= 0.15
        assert held(steps) >= 0.85

    def test_of_groups(self, fleets):
        groups = pd.concat([fleets[name][1] for name in fleets])
        groups = groups[groups["true"] > LONG]
        assert len(groups) > 30
        assert held(groups) >= 0.80

    def test_they_say_something(self, fleets):
        """A bar from nothing to the whole build holds every truth."""
        steps = separable(pd.concat([fleets[name][0] for name in KNOWN]))
        assert ((steps["high"] - steps["low"]) / steps["true"]).median() < 1.0


class TestEstimates:
    def test_of_long_steps_that_durations_tell_apart(self, fleets):
        steps = separable(pd.concat([fleets[name][0] for name in KNOWN]))
        assert len(steps) > 250
        assert error(steps) <= 0.15

    @pytest.mark.parametrize("name", KNOWN)
    def test_of_such_steps_of_each_fleet(self, fleets, name):
        assert error(separable(fleets[name][0])) <= 0.35

    def test_of_groups(self, fleets):
        groups = pd.concat([fleets[name][1] for name in fleets])
        assert error(groups[groups["true"] > LONG]) <= 0.16

    def test_beat_equal_shares(self, fleets):
        """The plainest guess: what ran shares a build's duration evenly."""
        for name in KNOWN:
            steps = fleets[name][0]
            total = steps.groupby("build_key")["true"].transform("sum")
            even = total / steps.groupby("build_key")["true"].transform("size")
            long = separable(steps)
            plain = float((even[long.index] / long["true"] - 1).abs().median())
            assert error(long) < 0.6 * plain


class TestDoubledStep:
    """``train-model`` of price_model takes twice as long from build 40 on."""

    @pytest.fixture
    def training(self, fleets):
        steps = fleets["price_model"][0]
        steps = steps[steps["text"].str.contains("train-model") & ~steps["failed"]]
        return steps.sort_values("number")

    def test_it_is_noticed_within_five_builds(self, training):
        earlier = training[training["number"] < 40]["seconds"].median()
        later = training[training["number"] >= 40]["seconds"].head(5)
        assert len(later) == 5
        assert later.max() >= 1.5 * earlier

    def test_both_levels_are_about_right(self, training):
        for part in (training["number"] < 40, training["number"] >= 40):
            assert error(training[part]) < 0.15

    def test_it_is_told_as_a_sudden_change(self, fleets):
        changes = fleets["price_model"][2]
        [change] = [row for row in changes.to_dict("records") if "train-model" in row["text"]]
        assert 1.4 < change["factor"] < 2.6
        assert np.abs(change["number"] - 40) <= 3
