"""Recorded builds against their labels, which were made by reading the logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from logparse import Build, Log, RecordedCluster, parse
from tests.fixtures_path import CLUSTER, FIXTURES

LABELS = [json.loads(line) for line in (FIXTURES / "labels.jsonl").read_text().splitlines()]
IDS = [f"{label['scenario']}-{Path(label['path']).stem[:8]}" for label in LABELS]


@pytest.fixture(scope="module")
def logs() -> dict[str, Log]:
    return {str(Path(log.path or "").relative_to(FIXTURES)): log for log in RecordedCluster(CLUSTER).logs()}


def parsed(logs: dict[str, Log], label: dict[str, Any]) -> Build:
    [build] = parse(logs[label["path"]])
    return build


@pytest.mark.parametrize("label", LABELS, ids=IDS)
class TestLabels:
    def test_how_it_ended(self, logs, label):
        build = parsed(logs, label)
        accepted = {label["outcome"], *label.get("accepted_outcomes", [])}
        if label["outcome"] in {"canceled", "incomplete", "unknown"} and build.log.status is not None:
            # Where the log alone cannot tell, the API does.
            accepted.add(build.log.status.value)
        assert build.outcome in accepted
        assert build.exit_code == label["exit_code"]
        step = build.failing_step
        assert (step.number if step else None) == label["step"]

    def test_steps_and_pulls(self, logs, label):
        build = parsed(logs, label)
        assert len(build.steps) == label["steps"]
        assert sum(step.cached for step in build.steps) == label["cached"]
        assert len(build.pulls) == label["pulls"]
        if label["total"] is not None:
            assert {step.total for step in build.steps} == {label["total"]}

    def test_steps_begin_where_the_recorder_saw_a_line_arrive(self, logs, label):
        build = parsed(logs, label)
        truth = json.loads(
            (FIXTURES / label["path"])
            .parent.parent.joinpath("truth", f"{build.log.build_id}.json")
            .read_text()
        )
        arrivals = {offset for offset, _ in truth["arrivals"]}
        assert [step.number for step in build.steps] == [step["number"] for step in truth["steps"]]
        assert {step.log_span.start for step in build.steps} <= arrivals

    def test_nearly_everything_is_understood(self, logs, label):
        build = parsed(logs, label)
        odd = {"image_checks/quiet", "image_checks/add-missing-url"}
        assert build.unknown_bytes == 0 or label["scenario"] in odd


def test_the_kinds_of_log_that_matter_are_there():
    """Guards against a recording that lost what it was made for."""
    data = b"".join((FIXTURES / label["path"]).read_bytes() for label in LABELS)
    for oddity in (
        b"no newline at endRemoving intermediate container ",
        b"no newline at end ---> Removed intermediate container ",
        b"kept without newline ---> ",
        b"\r\r\n",
        b"\x1b[91m",
        b"# Executing 2 build triggers\n",
        b"Step 99/1 : FROM nowhere",
        b"[Warning] One or more build-args",
        b"DEPRECATED: The legacy builder",
        b"Already exists",
        b"Untagged: ",
        b"returned a non-zero code: 137",
        b"no space left on device",
        b"connection refused",
        b"dockerfile parse error",
        b"which is incompatible",
        b"Tests run: ",
        "\N{REPLACEMENT CHARACTER}".encode(),
    ):
        assert oddity in data, oddity
    assert len(LABELS) >= 200


def test_one_behind_the_other_they_are_as_many_builds():
    """Also where one is cut, or fails like a later one."""
    logs = [(FIXTURES / label["path"]).read_bytes() for label in LABELS if label["steps"]]
    logs = [log if log.endswith(b"\n") else log + b"\n" for log in logs]
    builds = parse(b"".join(logs))
    assert len(builds) == len(logs)
    assert sum(len(build.steps) for build in builds) == sum(label["steps"] for label in LABELS)
