"""How far a build is can be told from the records so far."""

from __future__ import annotations

import pytest

from logparse.live.progress import Progress
from logparse.live.records import Recorder
from tests.fixtures_path import FIXTURES

SECOND = 1_000_000_000


def progress(*lines: tuple[int, bytes], ends: int | None = None) -> Progress:
    """What is known of lines that came at some seconds since 1970."""
    made, recorder = Progress(), Recorder(0)
    made.add(recorder.begin(0))
    for second, line in lines:
        made.add(recorder.take(second * SECOND, 1, line))
    if ends is None:
        made.look()
    else:
        made.add(recorder.end(ends * SECOND))
        made.close()
    return made


CLASSIC = [
    (1, b"Step 1/3 : FROM a AS base\n"),
    (3, b" ---> 0123456789ab\n"),
    (3, b"Step 2/3 : RUN curl -u me:hunter2secret x\n"),
    (3, b" ---> Running in ba9876543210\n"),
]


class TestRunning:
    def test_of_the_classic_builder_it_is_the_last_step(self):
        [step] = progress(*CLASSIC).running()
        assert (step.number, step.total, step.place, step.state, step.began) == (
            2,
            3,
            "base",
            "incomplete",
            3.0,
        )

    def test_secrets_are_masked(self):
        [step] = progress(*CLASSIC).running()
        assert step.text == "RUN curl -u *** x"

    def test_of_buildkit_there_may_be_several(self):
        steps = progress(
            (1, b"#1 [internal] load build definition from Dockerfile\n#1 DONE 0.0s\n\n"),
            (2, b"#5 [one 1/2] FROM docker.io/library/a\n#5 DONE 1.0s\n\n"),
            (4, b"#6 [one 2/2] RUN make one\n"),
            (5, b"#7 [two 2/2] RUN make two\n#7 0.1 going on\n"),
        ).running()
        assert [(step.text, step.began) for step in steps] == [("RUN make one", 4.0), ("RUN make two", 5.0)]

    def test_before_a_build_there_is_none(self):
        assert progress().running() == []
        assert progress((1, b"checking out\n")).running() == []

    def test_behind_a_build_there_is_none(self):
        end = (9, b" ---> cafecafecafe\nSuccessfully built cafecafecafe\n")
        assert progress(*CLASSIC[:3], end).running() == []


class TestEnded:
    def test_each_step_is_told_of_once(self):
        made = progress(*CLASSIC)
        assert [(step.number, step.timing.seconds) for step in made.ended] == [(1, 2.0)]
        made.look()
        made.close()
        assert [step.number for step in made.ended] == [1, 2]

    def test_a_step_that_nobody_ended_lasts_until_the_output_does(self):
        made = progress(*CLASSIC, ends=60)
        assert [(step.state, step.timing.seconds) for step in made.ended] == [
            ("done", 2.0),
            ("incomplete", 57.0),
        ]
        assert made.seconds == 60.0

    @pytest.mark.parametrize("name", ["classic-28.log", "buildkit-28.plain.log", "buildah.log"])
    def test_a_failure_is_seen(self, name):
        data = (FIXTURES / "builders/fail_copy" / name).read_bytes()
        assert progress((1, data), ends=2).has_failed

    @pytest.mark.parametrize("name", ["classic-28.log", "buildkit-28.plain.log"])
    def test_where_there_is_one(self, name):
        data = (FIXTURES / "builders/cached" / name).read_bytes()
        assert not progress((1, data), ends=2).has_failed
