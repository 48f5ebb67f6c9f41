"""Logs that were watched are read like all others, and tell when their lines came."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from logparse import Build, Builder, Feed, Outcome, TimingSource, diagnose, parse, tables
from logparse.live.records import Recorder
from tests.fixtures_path import CLUSTER, FIXTURES
from tests.live.replay import pieces, replayed

SECOND = 1_000_000_000
BUILDS = list(replayed(CLUSTER))[::4]


def recorded(lines: list[tuple[float, bytes]], seconds: float) -> bytes:
    """The log of output whose lines came at some seconds."""
    recorder = Recorder(1_700_000_000 * SECOND)
    parts = [recorder.begin(0)]
    parts += [recorder.take(round(at * SECOND), 1, line) for at, line in lines]
    return b"".join([*parts, recorder.end(round(seconds * SECOND))])


def told(build: Build) -> tuple[object, ...]:
    """All that stamps must not change."""
    return (
        build.builder,
        build.outcome,
        build.exit_code,
        build.image_id,
        [(step.number, step.total, step.text, step.stage_label, step.state) for step in build.steps],
        [step.output for step in build.steps],
        [pull.reference for pull in build.pulls],
    )


def a_second_apart(data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    return recorded([(float(number), line) for number, line in enumerate(lines)], len(lines))


@pytest.mark.parametrize("recording", BUILDS, ids=lambda each: each.path.stem[:8])
class TestRecordedBuilds:
    """Builds of the cluster, as they would have been saved when they were recorded."""

    def test_their_steps_are_timed_as_they_were(self, recording):
        data, truth = recording.path.read_bytes(), json.loads(recording.truth.read_text())
        build = parse(recorded(list(pieces(data, truth)), recording.seconds))[-1]
        steps = truth["steps"]
        assert len(build.steps) == len(steps)
        if build.outcome is Outcome.FAILED and not re.search(rb"\nThe command [^\n]*\n\Z", data):
            # The builder's closing words are behind a program's on their line; when they came is not recorded.
            steps = steps[:-1]
        for step, true in zip(build.steps, steps, strict=False):
            assert step.timing.source is TimingSource.ARRIVAL
            assert step.timing.seconds == pytest.approx(true["seconds"], abs=0.01)
            assert step.timing.low is not None
            assert step.timing.high is not None
            assert step.timing.low <= true["seconds"] <= step.timing.high

    def test_nothing_else_changes(self, recording):
        data, truth = recording.path.read_bytes(), json.loads(recording.truth.read_text())
        log = recorded(list(pieces(data, truth)), recording.seconds)
        assert [told(build) for build in parse(log)] == [told(build) for build in parse(data)]

    def test_piece_by_piece_it_is_the_same(self, recording):
        data, truth = recording.path.read_bytes(), json.loads(recording.truth.read_text())
        log = recorded(list(pieces(data, truth)), recording.seconds)
        feed = Feed(window=1 << 14)
        fed = [each for at in range(0, len(log), 999) for each in feed.feed(log[at : at + 999])]
        fed += feed.close()
        assert [(each.step.text, each.step.timing.seconds) for each in fed] == [
            (step.text, step.timing.seconds) for build in parse(log) for step in build.steps
        ]


@pytest.mark.parametrize(
    "path",
    [
        *sorted((FIXTURES / "builders").glob("*/*.log")),
        *sorted((FIXTURES / "made").glob("*/*.log")),
    ],
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_every_builder_is_read_behind_the_stamps(path: Path):
    data = path.read_bytes()
    assert [told(build) for build in parse(a_second_apart(data))] == [told(build) for build in parse(data)]


class TestSource:
    @pytest.mark.parametrize("builder", ["buildah", "podman"])
    def test_builders_without_a_clock_get_arrivals(self, builder):
        for path in (FIXTURES / "builders").glob(f"*/{builder}.log"):
            for build in parse(a_second_apart(path.read_bytes())):
                assert {step.timing.source for step in build.steps} <= {TimingSource.ARRIVAL}

    def test_buildkit_keeps_its_own_clock(self):
        for path in sorted((FIXTURES / "builders").glob("*/buildkit-28.plain.log")):
            data = path.read_bytes()
            for bare, watched in zip(parse(data), parse(a_second_apart(data)), strict=True):
                for before, after in zip(bare.steps, watched.steps, strict=True):
                    if before.state == "done" and before.timing.source is TimingSource.CLOCK:
                        assert after.timing.source is TimingSource.CLOCK
                        assert after.timing.seconds == before.timing.seconds

    def test_stamps_of_a_ci_system_inside_are_its_own(self):
        data = b"2026-01-31T12:00:00.0000000Z Step 1/1 : FROM a\n2026-01-31T12:00:07.0000000Z  ---> 0123456789ab\n"
        [build] = parse(a_second_apart(data))
        [step] = build.steps
        assert build.transcript.wrappings == ("logparse-watch", "github-actions")
        assert (step.timing.source, step.timing.seconds) == (TimingSource.PREFIX, 7.0)

    def test_names_inside_leave_the_stamps_as_they_are(self):
        data = (
            b"web_1  | Step 1/1 : FROM a\nworker_1  | Step 1/1 : FROM b\nweb_1  |  ---> 0123456789ab\n"
            b"worker_1  |  ---> ba9876543210\nweb_1  | Successfully built 0123456789ab\n"
            b"worker_1  | Successfully built ba9876543210\n"
        )
        builds = parse(a_second_apart(data))
        assert [build.steps[0].timing.source for build in builds] == [TimingSource.ARRIVAL] * 2
        assert [build.steps[0].timing.seconds for build in builds] == [4.0, 4.0]


class TestEnds:
    CLASSIC = b"Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : RUN make\n ---> Running in ba9876543210\nmade half\n"

    def test_a_step_that_nobody_ended_lasts_until_the_output_does(self):
        lines = [(0.5 * number, line) for number, line in enumerate(self.CLASSIC.splitlines(keepends=True))]
        [build] = parse(recorded(lines, 600.0))
        assert build.outcome is Outcome.INCOMPLETE
        assert build.steps[-1].timing.seconds == 599.0

    def test_the_builders_last_words_are_stamped_inside_their_line(self):
        lines = [
            (0.0, b"Step 1/1 : RUN false\n"),
            (0.1, b" ---> Running in ba9876543210\n"),
            (0.2, b"\x1b[91moh no\x1b[0m"),
            (5.0, b"The command '/bin/sh -c false' returned a non-zero code: 1\n"),
        ]
        [build] = parse(recorded(lines, 5.1))
        assert build.steps[0].timing.seconds == pytest.approx(5.0, abs=1e-6)
        assert build.exit_code == 1

    def test_the_seconds_of_a_build_in_tables_are_arrivals(self):
        lines = [(0.5 * number, line) for number, line in enumerate(self.CLASSIC.splitlines(keepends=True))]
        row = tables(parse(recorded(lines, 600.0))).builds.to_pylist()[0]
        assert (row["seconds"], row["seconds_source"]) == (600.0, "arrival")

    def test_the_reason_of_a_failure_is_found_as_without_stamps(self):
        data = (FIXTURES / "builders/fail_copy/classic-28.log").read_bytes()
        [bare], [watched] = parse(data), parse(a_second_apart(data))
        before, after = diagnose(bare), diagnose(watched)
        assert before.cause is not None
        assert (after.cause, after.root_line and after.root_line.text) == (
            before.cause,
            before.root_line and before.root_line.text,
        )


class TestOthers:
    def test_a_build_that_prints_a_watched_log_is_bare(self):
        inside = a_second_apart(b"Step 1/1 : FROM inside\n ---> 0123456789ab\n")
        data = (
            b"Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : RUN cat old.log\n ---> Running in ba9876543210\n"
            + inside
            + b" ---> cafecafecafe\nSuccessfully built cafecafecafe\n"
        )
        [build] = parse(data)
        assert build.transcript.wrappings == ()
        assert [step.text for step in build.steps] == ["FROM a", "RUN cat old.log"]

    def test_the_first_line_may_be_cut(self):
        data = a_second_apart(TestEnds.CLASSIC)
        [build] = parse(data[40:])
        assert build.builder is Builder.CLASSIC
        assert build.steps[-1].timing.source is TimingSource.ARRIVAL

    def test_a_log_of_nothing_is_no_build_of_anything(self):
        recorder = Recorder(0)
        builds = parse(recorder.begin(0) + recorder.end(SECOND))
        assert [build.steps for build in builds] == [()]
