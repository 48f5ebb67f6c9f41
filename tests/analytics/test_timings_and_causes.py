"""Answers over many builds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from logparse import Log, Outcome, Status, failure_causes, parse, step_timings

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
FAILED = (
    b"Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : RUN pip install x==9\n ---> Running in ba9876543210\n"
    b"ERROR: Could not find a version that satisfies the requirement x==9 (from versions: 1)\n"
    b"ERROR: No matching distribution found for x==9\n"
    b"The command '/bin/sh -c pip install x==9' returned a non-zero code: 1\n"
)


def log(number: int, data: bytes = FAILED) -> Log:
    return Log(
        data=data,
        owner="o",
        name=f"n{number % 2}",
        build_id=f"b{number}",
        status=Status.FAILED,
        started_at=NOON + timedelta(hours=number),
        finished_at=NOON + timedelta(hours=number, seconds=10 + number),
    )


class TestStepTimings:
    """Every step with how long it took, as far as that is known."""

    def test_one_row_a_step(self, recorded_builds, recorded_tables):
        frame = step_timings(recorded_builds)
        assert len(frame) == recorded_tables.steps.num_rows
        assert frame.equals(step_timings(recorded_tables))

    def test_the_classic_builder_has_no_clock_so_no_step_has_seconds(self, recorded_tables):
        frame = step_timings(recorded_tables)
        assert set(frame["source"]) == {"none"}
        assert frame[["started", "seconds", "low", "high"]].isna().all(axis=None)
        assert frame["build_seconds"].notna().all()

    def test_builds_are_in_order_of_their_start(self):
        frame = step_timings([build for number in (2, 0, 1) for build in parse(log(number))])
        assert frame["build_id"].tolist() == ["b0", "b0", "b1", "b1", "b2", "b2"]
        assert frame["build_seconds"].tolist() == [10.0, 10.0, 11.0, 11.0, 12.0, 12.0]

    def test_builds_without_times_come_last(self):
        logs = [replace(log(0), started_at=None, finished_at=None), log(1)]
        frame = step_timings([build for one in logs for build in parse(one)])
        assert frame["build_id"].tolist() == ["b1", "b1", "b0", "b0"]

    def test_no_builds_make_an_empty_frame_with_columns(self):
        frame = step_timings([])
        assert frame.empty
        assert {"build_key", "instruction", "seconds", "source"} <= set(frame.columns)


class TestFailureCauses:
    """The classes of failure among many builds."""

    def test_failures_are_counted_by_cause(self):
        frame = failure_causes([build for number in range(3) for build in parse(log(number))])
        assert len(frame) == 1
        row = frame.iloc[0]
        assert (row["cause"], row["role_owner"], row["retry"]) == ("pip.no-version", "dependency", "no")
        assert (row["failures"], row["share"], row["algorithms"], row["fingerprints"]) == (3, 1.0, 2, 1)
        assert row["seconds"] == 10 + 11 + 12
        assert row["first_seen"] == NOON
        assert row["last_seen"] == NOON + timedelta(hours=2)
        assert row["example_build"] == "o/n0/b2"
        assert row["example_line"].startswith("ERROR: ")
        assert row["example_command"] == "pip install x==9"

    def test_an_example_is_one_build(self):
        """Also where the newest one has neither a line nor a command."""
        spoken = b"Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : RUN x\n"
        frame = failure_causes([build for one in (log(0, spoken), log(1, b"\n")) for build in parse(one)])
        [row] = frame.to_dict("records")
        assert row["cause"] == "unknown"
        assert row["example_build"] == "o/n1/b1"
        assert pd.isna(row["example_line"])
        assert pd.isna(row["example_command"])

    def test_all_failures_are_there_and_shares_sum_to_one(self, recorded_builds):
        frame = failure_causes(recorded_builds)
        failed = sum(build.outcome is Outcome.FAILED for build in recorded_builds)
        assert frame["failures"].sum() == failed
        assert frame["share"].sum() == pytest.approx(1)
        assert frame["failures"].is_monotonic_decreasing

    def test_without_failures_it_is_empty_with_columns(self):
        frame = failure_causes(
            parse(b"Step 1/1 : FROM a\n ---> 0123456789ab\nSuccessfully built 0123456789ab\n")
        )
        assert frame.empty
        assert {"cause", "failures", "share"} <= set(frame.columns)

    def test_without_times_seconds_are_unknown(self):
        [build] = parse(replace(log(0), started_at=None, finished_at=None))
        row = failure_causes([build]).iloc[0]
        assert row[["seconds", "first_seen", "last_seen"]].isna().all()
