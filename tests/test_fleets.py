"""The fleets: many rebuilds of one image, recorded with the true time of every step."""

from __future__ import annotations

import importlib
import json
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from statistics import fmean, median
from typing import Any

import pytest

from logparse import Build, Outcome, Step, parse
from logparse.fetch import RecordedCluster
from tests.fixtures_path import FIXTURES

FLEETS = FIXTURES / "fleets"
NAMES = ["captioner", "price_model", "spectra", "tariffs", "yields"]


@dataclass(frozen=True)
class Recorded:
    """One build, parsed, with what the recorder knows of it."""

    build: Build
    truth: dict[str, Any]

    @property
    def number(self) -> int:
        """Its place in the history, from 1."""
        return int(self.truth["scenario"].split("/")[-1][:2])

    def ran(self) -> list[tuple[Step, float]]:
        """The RUN steps that ran to their end, with their true seconds."""
        pairs = zip(self.build.steps, self.truth["steps"], strict=True)
        return [
            (step, true["seconds"])
            for step, true in pairs
            if step.instruction == "RUN" and not step.cached and not self.broken(step)
        ]

    def broken(self, step: Step) -> bool:
        """Whether the build ended in this step."""
        return self.truth["exit_code"] != 0 and step is self.build.steps[-1]


@pytest.fixture(scope="module")
def fleets() -> dict[str, list[Recorded]]:
    """Each fleet by name, oldest build first."""
    found: dict[str, list[Recorded]] = {}
    for algorithm in RecordedCluster(FLEETS):
        entries = []
        for log in algorithm.logs():
            [build] = parse(log)
            truth = json.loads((algorithm.folder / f"truth/{log.build_id}.json").read_text())
            entries.append(Recorded(build, truth))
        found[algorithm.name] = entries[::-1]
    return found


def seconds(fleet: list[Recorded], text: str, first: int = 1, last: int = 99) -> list[float]:
    """The true times of one RUN step in some builds."""
    return [
        took
        for entry in fleet
        if first <= entry.number <= last
        for step, took in entry.ran()
        if step.arguments.startswith(text)
    ]


@pytest.mark.parametrize("name", NAMES)
class TestEveryBuild:
    """What must hold for each, or it is no truth."""

    def test_the_parser_finds_the_steps_of_the_truth(self, fleets, name):
        for entry in fleets[name]:
            arrivals = dict(entry.truth["arrivals"])
            found = [(step.number, arrivals[step.log_span.start]) for step in entry.build.steps]
            assert found == [(true["number"], true["start"]) for true in entry.truth["steps"]]
            assert entry.build.unknown_bytes == 0

    def test_steps_follow_each_other_and_end_inside_the_build(self, fleets, name):
        for entry in fleets[name]:
            steps = entry.truth["steps"]
            for one, following in pairwise(steps):
                assert one["start"] + one["seconds"] == pytest.approx(following["start"], abs=3e-6)
            assert steps[0]["start"] > 0
            assert all(true["seconds"] >= 0 for true in steps)
            assert steps[-1]["start"] + steps[-1]["seconds"] <= entry.truth["seconds"] + 3e-6

    def test_the_api_says_the_true_duration_in_milliseconds(self, fleets, name):
        for entry in fleets[name]:
            log = entry.build.log
            assert log.started_at is not None
            assert log.finished_at is not None
            said = (log.finished_at - log.started_at).total_seconds()
            assert said == pytest.approx(entry.truth["seconds"], abs=0.0011)
            assert log.started_at.microsecond % 1000 == log.finished_at.microsecond % 1000 == 0

    def test_builds_end_as_the_client_did_and_failures_in_the_last_step(self, fleets, name):
        for entry in fleets[name]:
            failed = entry.truth["exit_code"] != 0
            assert entry.build.log.status == ("failed" if failed else "succeeded")
            assert entry.build.outcome == (Outcome.FAILED if failed else Outcome.SUCCEEDED)
            if not failed:
                assert len(entry.build.steps) == entry.build.steps[0].total
            elif entry.build.failing_step:
                assert entry.build.failing_step is entry.build.steps[-1]

    def test_a_step_takes_what_it_was_told_and_a_little_more(self, fleets, name):
        """The rest is the container's, and now and then the machine's."""
        rest = []
        for entry in fleets[name]:
            told = Counter(key.partition("@")[0] for key in entry.truth["drawn"])
            runs = [step for step in entry.build.steps if step.instruction == "RUN" and not step.cached]
            assert Counter(step.arguments.split()[1] for step in runs) == told
            done = entry.ran()
            drawn = list(entry.truth["drawn"].values())[: len(done)]
            rest += [took - least for (_, took), least in zip(done, drawn, strict=True)]
        assert min(rest) > 0
        assert median(rest) < 0.8
        assert sum(more > 1 for more in rest) <= len(rest) / 20

    def test_cached_steps_take_next_to_nothing(self, fleets, name):
        """The builder still reads what a COPY out of a stage copies, to find it in its cache."""
        for entry in fleets[name]:
            for step, true in zip(entry.build.steps, entry.truth["steps"], strict=True):
                if step.cached:
                    assert true["seconds"] < (0.5 if "--from=" in step.arguments else 0.1)

    def test_the_made_calendar_has_working_days_and_one_build_at_a_time(self, fleets, name):
        logs = [entry.build.log for entry in fleets[name]]
        assert all(log.started_at.weekday() < 5 for log in logs)
        for one, following in pairwise(logs):
            assert following.started_at - one.finished_at > timedelta(minutes=2)
        assert logs[-1].started_at - logs[0].started_at > timedelta(days=80)
        assert {entry.truth["calendar"] for entry in fleets[name]} == {"made"}
        assert {entry.truth["recorded_at"][:8] for entry in fleets[name]} == {"2026-11-"}

    def test_the_seed_draws_the_same_builds_again(self, fleets, name, monkeypatch):
        monkeypatch.syspath_prepend(str(FIXTURES))
        plan = importlib.import_module("recorder.fleets.plan")
        [fleet] = [fleet for fleet in plan.load() if fleet.name == name]
        assert [entry.truth["build_id"] for entry in fleets[name]] == [
            build.plan.build_id for build in fleet.builds
        ]
        for entry, build in zip(fleets[name], fleet.builds, strict=True):
            assert entry.truth["change"] == build.change
            for step, told in entry.truth["drawn"].items():
                assert told == pytest.approx(build.scripts[step][-1].second, abs=1e-6)


def test_each_fleet_has_the_builds_it_is_said_to_have(fleets):
    assert {name: len(fleet) for name, fleet in fleets.items()} == {
        "captioner": 70,
        "price_model": 70,
        "spectra": 40,
        "tariffs": 70,
        "yields": 60,
    }
    assert {name: {entry.truth["engine"] for entry in fleet} for name, fleet in fleets.items()} == {
        "captioner": {"28.5.2"},
        "price_model": {"20.10.24"},
        "spectra": {"28.5.2"},
        "tariffs": {"20.10.24"},
        "yields": {"20.10.24"},
    }


def test_nothing_names_the_recording_machine_and_all_of_it_is_small():
    files = [file for file in FLEETS.rglob("*") if file.is_file()]
    for file in files:
        data = file.read_bytes()
        for leak in (b"127.0.0.1", b"/var/tmp", b"lp-engines", b"localhost"):
            assert leak not in data, (file, leak)
    assert sum(file.stat().st_size for file in files) < 4_000_000


class TestPriceModel:
    """One stage, a sudden slow-down, failures everywhere."""

    def test_training_doubles_at_build_40(self, fleets):
        before = seconds(fleets["price_model"], "step train-model", last=39)
        after = seconds(fleets["price_model"], "step train-model", first=40)
        assert min(len(before), len(after)) >= 10
        assert 2.8 < median(before) < 3.6
        assert 5.2 < median(after) < 6.6

    def test_every_long_step_fails_somewhere_and_a_copy_does(self, fleets):
        failing = {e.build.steps[-1].text for e in fleets["price_model"] if e.truth["exit_code"]}
        assert failing == {
            "RUN step system-packages",
            "RUN step requirements",
            "RUN step train-model",
            "RUN step compile",
            "RUN step unit-tests",
            "COPY tests/cases.txt ./",
        }

    def test_three_new_bases_are_pulled(self, fleets):
        pulled = [entry.number for entry in fleets["price_model"] if entry.build.pulls]
        assert pulled == [1, 17, 34, 52]


class TestCaptioner:
    """Three stages, heavy noise, a slow drift, outliers, and two steps that durations cannot tell apart."""

    def test_download_and_unpack_always_run_together(self, fleets):
        together = [
            {step.arguments for step, _ in entry.ran()} & {"step download", "step unpack"}
            for entry in fleets["captioner"]
        ]
        assert Counter(len(found) for found in together).keys() == {0, 2}

    def test_six_builds_use_no_cache(self, fleets):
        whole = [
            entry.number
            for entry in fleets["captioner"]
            if len(entry.build.steps) == 27 and not any(step.cached for step in entry.build.steps)
        ]
        assert set(whole) >= {9, 22, 35, 44, 57, 66}

    def test_three_outliers(self, fleets):
        for step, number in (("download", 15), ("bundle", 31), ("link", 50)):
            [outlier] = seconds(fleets["captioner"], f"step {step}", number, number)
            assert outlier > 2.5 * median(seconds(fleets["captioner"], f"step {step}"))

    def test_thumbnails_drift_upwards(self, fleets):
        early = fmean(seconds(fleets["captioner"], "step thumbnails", last=35))
        late = fmean(seconds(fleets["captioner"], "step thumbnails", first=36))
        assert 1.05 < late / early < 1.6


class TestTariffs:
    """A Dockerfile that changes."""

    def test_the_long_step_is_four_fifths_of_the_steps_time(self, fleets):
        shares = [
            took / sum(true["seconds"] for true in entry.truth["steps"])
            for entry in fleets["tariffs"][1:]
            for step, took in entry.ran()
            if step.arguments.startswith("step package")
        ]
        assert 0.72 < median(shares) < 0.88

    def test_its_text_changes_twice(self, fleets):
        texts: dict[str, list[int]] = {}
        for entry in fleets["tariffs"]:
            for step in entry.build.steps:
                if step.arguments.startswith("step package"):
                    texts.setdefault(step.arguments, []).append(entry.number)
        assert {text: (min(found), max(found)) for text, found in texts.items()} == {
            "step package --release 11": (1, 36),
            "step package --release 17": (37, 52),
            "step package --release 21": (53, 70),
        }

    def test_a_step_is_inserted_and_a_stage_renamed(self, fleets):
        totals = {entry.number: entry.build.steps[0].total for entry in fleets["tariffs"]}
        assert {totals[number] for number in range(1, 30)} == {12}
        assert {totals[number] for number in range(30, 71)} == {13}
        stages = {entry.number: entry.build.steps[0].stage_name for entry in fleets["tariffs"]}
        assert {stages[number] for number in range(1, 44)} == {"builder"}
        assert {stages[number] for number in range(44, 71)} == {"compile"}
