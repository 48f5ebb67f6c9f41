"""Builds that ran at once and wrote into one log without names: real recordings, told apart as far as can be."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logparse import Build, Builder, Feed, Kind, Log, Outcome, diagnose, follow, parse
from logparse.parser.classic.places import LARGE
from tests.fixtures_path import FIXTURES

RECORDED = FIXTURES / "builders"
CLASSIC = ["at-once.classic-20.10.log", "at-once.classic-28.log"]
BUILDKIT = ["at-once.buildkit-20.10.log", "at-once.buildkit-28.log"]
PARALLEL = ["compose-1.parallel.log", "compose-1.buildkit-parallel.log"]

# Each RUN of the three Dockerfiles, and each COPY, names whose it is.
WHOSE = re.compile(r"\b(web|db|job)\b")


def recorded(name: str) -> list[Build]:
    return parse(RECORDED / "at_once" / name)


def covered(builds: list[Build], data: bytes) -> None:
    position = 0
    for start, end in sorted((each.start, each.end) for build in builds for each in build.elements()):
        assert start == position < end
        position = end
    assert position == len(data)


def whose(build: Build) -> str:
    """The name that most steps of a build have."""
    names = (WHOSE.search(step.text) for step in build.steps if step.instruction != "FROM")
    return Counter(name[1] for name in names if name).most_common(1)[0][0]


@pytest.mark.parametrize("name", CLASSIC + BUILDKIT)
class TestThreeClientsOfOneShell:
    def test_each_build_ended_as_it_did(self, name):
        ends = {whose(build): build.outcome for build in recorded(name)}
        assert ends == {"web": Outcome.SUCCEEDED, "db": Outcome.FAILED, "job": Outcome.SUCCEEDED}

    def test_no_step_is_lost(self, name):
        steps = {whose(build): len(build.steps) for build in recorded(name)}
        # BuildKit has a step neither for ENV and CMD nor for a FROM of a stage. One of db is never run.
        assert steps == ({"web": 7, "db": 6, "job": 7} if name in CLASSIC else {"web": 5, "db": 6, "job": 5})
        texts = [step.text for build in recorded(name) for step in build.steps if step.instruction == "RUN"]
        assert len(texts) == len(set(texts)) == 3 + 3 + 3

    def test_the_failing_step_has_what_its_program_said(self, name):
        [build] = [build for build in recorded(name) if build.outcome is Outcome.FAILED]
        step = build.failing_step
        assert step is not None
        assert (step.number, step.total, step.exit_code) == (6, 7, 3)
        assert step.text.endswith('echo "db: relation missing" >&2; exit 3')
        root = diagnose(build).root_line
        assert root is not None
        assert root.text == "db: relation missing"

    def test_each_says_that_it_was_not_alone(self, name):
        assert [build.at_once for build in recorded(name)] == [True, True, True]

    def test_no_byte_is_lost(self, name):
        data = (RECORDED / "at_once" / name).read_bytes()
        covered(parse(data), data)

    def test_what_stands_before_and_behind_is_read_as_ever(self, name):
        data = (RECORDED / "at_once" / name).read_bytes()
        alone = "classic-28.log" if name in CLASSIC else "buildkit-28.plain.log"
        other = (RECORDED / "multistage" / alone).read_bytes()
        builds = parse(other + data + other)
        assert [build.at_once for build in builds].count(False) == 2
        expected = parse(other)[0]
        for build in (build for build in builds if not build.at_once):
            assert [step.text for step in build.steps] == [step.text for step in expected.steps]
            assert build.outcome is expected.outcome
        assert sum(len(build.steps) for build in builds if build.at_once) == (20 if name in CLASSIC else 16)
        covered(builds, other + data + other)


def with_much_output(data: bytes, times: int) -> bytes:
    """A log in which programs say each of their lines many times."""
    outputs = sorted(each for build in parse(data) for each in build.elements() if each.kind is Kind.OUTPUT)
    made, done = [], 0
    for _, start, end in sorted(outputs, key=lambda each: each.start):
        lines = data[start:end].splitlines(keepends=True)
        made += [data[done:start], *(line * times if len(line) > 2 else line for line in lines)]
        done = end
    return b"".join([*made, data[done:]])


class TestReadPieceByPiece:
    """Where outputs are so long that the feed lets go of them several times."""

    @pytest.mark.parametrize(
        "path",
        [
            "at_once/at-once.classic-20.10.log",
            "at_once/at-once.buildkit-28.log",
            "services/compose-1.parallel.log",
            "services/compose-1.buildkit-parallel.log",
            "services_good/compose-1.parallel.log",
        ],
    )
    def test_each_step_is_told_of_once_with_its_build(self, path):
        data = with_much_output((RECORDED / path).read_bytes(), 2000)
        feed, told = Feed(window=len(data) // 4), []
        for start in range(0, len(data), 1 << 16):
            told += feed.feed(data[start : start + (1 << 16)])
        told += feed.close()
        steps: dict[int, list[str]] = {}
        for fed in told:
            steps.setdefault(fed.build, []).append(fed.step.text)
        assert sorted(map(sorted, steps.values())) == sorted(
            sorted(step.text for step in build.steps) for build in parse(data)
        )


@pytest.mark.parametrize("name", CLASSIC + BUILDKIT)
class TestReadWhileTheyAreWritten:
    def test_at_the_end_each_step_was_told_of(self, name):
        data = (RECORDED / "at_once" / name).read_bytes()
        told = [fed.step for fed in follow([data[: len(data) // 2], data[len(data) // 2 :]])]
        whole = [step for build in parse(data) for step in build.steps]
        assert Counter((step.text, step.state, step.output) for step in told) == Counter(
            (step.text, step.state, step.output) for step in whole
        )

    def test_what_is_looked_at_before_the_end_is_told_of_again_at_most(self, name):
        data = (RECORDED / "at_once" / name).read_bytes()
        feed, told = Feed(), []
        for start in range(0, len(data), 200):
            told += feed.feed(data[start : start + 200])
            told += feed.look()
        told += feed.close()
        whole = Counter(step.text for build in parse(data) for step in build.steps)
        assert not whole - Counter(fed.step.text for fed in told)


class TestComposeSaysWhichServicesThereAre:
    @pytest.mark.parametrize("name", PARALLEL)
    def test_one_fails(self, name):
        builds = parse(RECORDED / "services" / name)
        ends = {build.steps[-1].target: build.outcome for build in builds}
        assert ends == {
            "api": Outcome.SUCCEEDED,
            "mailer": Outcome.SUCCEEDED,
            "migration": Outcome.FAILED,
        }
        [build] = [build for build in builds if build.outcome is Outcome.FAILED]
        step = build.failing_step
        assert step is not None
        assert (step.target, step.number, step.exit_code) == ("migration", 3, 4)
        root = diagnose(build).root_line
        assert root is not None
        assert root.text == "table orders: no such column"

    @pytest.mark.parametrize("name", PARALLEL)
    def test_none_fails(self, name):
        builds = parse(RECORDED / "services_good" / name)
        assert Outcome.FAILED not in {build.outcome for build in builds}
        assert {step.target for build in builds for step in build.steps} == {"api", "mailer", "migration"}
        count = Counter(step.instruction for build in builds for step in build.steps)
        # Of classic builds, ARG and a second FROM are steps, too.
        assert count == (
            {"FROM": 4, "RUN": 4, "COPY": 2, "ARG": 1}
            if name == "compose-1.parallel.log"
            else {"FROM": 3, "RUN": 4, "COPY": 2}
        )

    @pytest.mark.parametrize("scenario", ["services", "services_good"])
    @pytest.mark.parametrize("name", PARALLEL)
    def test_all_is_understood(self, scenario, name):
        data = (RECORDED / scenario / name).read_bytes()
        builds = parse(data)
        covered(builds, data)
        assert sum(build.unknown_bytes for build in builds) == 0


class TestBuildsThatWereAlone:
    def test_no_other_recording_is_read_so(self):
        paths = [
            path
            for path in sorted(RECORDED.glob("*/*.log"))
            if path.parent.name != "at_once" and path.name not in PARALLEL
        ]
        assert len(paths) > 250
        assert [path for path in paths if any(build.at_once for build in parse(path))] == []

    def test_a_build_that_a_program_runs_is_its_output(self):
        inner = (RECORDED / "multistage" / "classic-20.10.log").read_bytes()
        data = (
            b"Step 1/2 : FROM docker\n ---> 0123456789ab\nStep 2/2 : RUN docker build .\n"
            b" ---> Running in aaaaaaaaaaaa\n" + inner + b"Removing intermediate container aaaaaaaaaaaa\n"
            b" ---> ba9876543210\nSuccessfully built ba9876543210\n"
        )
        [build] = parse(data)
        assert not build.at_once
        assert build.steps[1].output == inner

    def test_a_log_of_builds_at_once_that_a_program_prints_is_its_output(self):
        inner = (RECORDED / "at_once" / "at-once.classic-20.10.log").read_bytes()
        data = (
            b"Step 1/2 : FROM docker\n ---> 0123456789ab\nStep 2/2 : RUN cat log\n"
            b" ---> Running in aaaaaaaaaaaa\n" + inner + b"Removing intermediate container aaaaaaaaaaaa\n"
            b" ---> ba9876543210\nSuccessfully built ba9876543210\n"
        )
        [build] = parse(data)
        assert build.steps[1].output == inner

    def test_a_build_that_was_cut_and_the_same_once_more(self):
        whole = (RECORDED / "multistage" / "classic-20.10.log").read_bytes()
        cut = whole[: whole.index(b"Step 4/")]
        builds = parse(cut + whole)
        assert [build.at_once for build in builds] == [False, False]
        assert [build.outcome for build in builds] == [Outcome.INCOMPLETE, Outcome.SUCCEEDED]


class TestInALargeLog:
    """Where the sentences that matter are looked for all at once."""

    @pytest.mark.parametrize("name", CLASSIC)
    def test_the_same_builds_ran_at_once(self, name):
        alone = (RECORDED / "multistage" / "classic-28.log").read_bytes()
        many = alone * (LARGE // len(alone) + 1)
        builds = parse(many + (RECORDED / "at_once" / name).read_bytes())
        assert not any(build.at_once for build in builds[:-3])
        together = recorded(name)
        assert [build.at_once for build in builds[-3:]] == [build.at_once for build in together]
        assert [[step.text for step in build.steps] for build in builds[-3:]] == [
            [step.text for step in build.steps] for build in together
        ]


class TestWhatCannotBeToldApart:
    def test_as_many_at_once_as_nobody_runs_are_kept_together(self):
        start = b"".join(b"Step 1/2 : FROM a%d\n" % index for index in range(40))
        end = b"".join(b"Step 2/2 : RUN x%d\n" % index for index in range(40))
        builds = parse(start + end)
        assert all(build.at_once for build in builds[-1:])
        covered(builds, start + end)

    def test_of_two_that_look_the_same_each_has_its_own_steps(self):
        """Nothing tells whose a line is; that it is nobody's twice is all that can be asked for."""
        data = (
            b"Step 1/2 : FROM a\nStep 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : RUN make\n"
            b" ---> 0123456789ab\nStep 2/2 : RUN make\n ---> Running in aaaaaaaaaaaa\n"
            b" ---> Running in bbbbbbbbbbbb\nmade\nmade\n"
            b"Removing intermediate container aaaaaaaaaaaa\n ---> aaaaaaaaaaa1\nSuccessfully built aaaaaaaaaaa1\n"
            b"Removing intermediate container bbbbbbbbbbbb\n ---> bbbbbbbbbbb1\nSuccessfully built bbbbbbbbbbb1\n"
        )
        builds = parse(data)
        assert {build.image_id for build in builds} == {"aaaaaaaaaaa1", "bbbbbbbbbbb1"}
        assert [[step.text for step in build.steps] for build in builds] == 2 * [["FROM a", "RUN make"]]


def lines_of(name: str) -> list[bytes]:
    return (RECORDED / "at_once" / name).read_bytes().splitlines(keepends=True)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(CLASSIC + BUILDKIT), st.data())
def test_with_lines_lost_nothing_is_raised_and_no_byte_in_two_builds(name, data):
    lines = lines_of(name)
    lost = data.draw(st.sets(st.integers(0, len(lines) - 1), max_size=12))
    text = b"".join(line for index, line in enumerate(lines) if index not in lost)
    builds = parse(Log(data=text))
    covered(builds, text)
    for build in builds:
        assert build.builder in {Builder.CLASSIC, Builder.BUILDKIT}
        _ = build.outcome, build.failing_step, build.stages, build.warnings


@pytest.mark.parametrize("name", CLASSIC + BUILDKIT)
def test_many_times_in_one_log(name):
    """Each time the builds that ran at once are told apart; what is read again stays in proportion."""
    data = (RECORDED / "at_once" / name).read_bytes()
    builds = parse(data * 50)
    assert Counter(build.outcome for build in builds) == {Outcome.SUCCEEDED: 100, Outcome.FAILED: 50}
    assert all(build.at_once for build in builds)
    assert [build.index for build in builds] == list(range(150))


def test_the_recordings_are_interleaved():
    """Guards against a recording in which the builds happened to run one after another."""
    for name in CLASSIC + BUILDKIT:
        speakers = [WHOSE.search(line.decode()) for line in lines_of(name)]
        names = [speaker[1] for speaker in speakers if speaker]
        changes = sum(one != other for one, other in pairwise(names))
        assert changes > 20, Path(name)
