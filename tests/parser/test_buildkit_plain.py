"""What BuildKit's plain display prints, on recorded builds; single lines are written by hand."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logparse import diagnose, parse
from logparse.log import Log, Stamps, Transcript
from logparse.model import Build, Builder, Kind, Outcome, Step, TimingSource
from logparse.parser.buildkit.cutter import Cutter
from logparse.parser.buildkit.plain import PLAIN, parse_plain

RECORDED = Path(__file__).parents[2] / "fixtures" / "builders"
PLAIN_LOGS = sorted(
    path
    for pattern in (
        "buildkit-*.plain.log",
        "bake.plain.log",
        "compose-2*.plain.log",
        "compose-1.buildkit*.log",
    )
    for path in RECORDED.glob(f"*/{pattern}")
)
SAME_BUILD = sorted(
    path.parent
    for path in RECORDED.glob("*/buildkit-28.plain.log")
    if (path.parent / "buildkit-28.rawjson.jsonl").exists()
)

START = "#1 [internal] load build definition from Dockerfile\n#1 DONE 0.0s\n\n"


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def read(text: str | bytes) -> list[Build]:
    data = text.encode() if isinstance(text, str) else text
    return parse_plain(Transcript(Log(data=data)))


def only(text: str | bytes) -> Build:
    (build,) = read(text)
    return build


def recorded(name: str) -> Build:
    (build,) = parse(RECORDED / name)
    return build


def kinds(build: Build) -> list[tuple[str, str]]:
    data = build.log.data
    return [(kind.name, data[start:end].decode()) for kind, start, end in build.elements()]


def is_lossless(data: bytes, builds: list[Build]) -> bool:
    # Elements of builds that ran at once stand among each other.
    elements = sorted((each.start, each.end) for build in builds for each in build.elements())
    return b"".join(data[start:end] for start, end in elements) == data


def key(step: Step) -> tuple[Any, ...]:
    return step.platform, step.stage_name, step.number, step.total, step.instruction, step.arguments


class TestRecorded:
    """Every recorded log in this format."""

    @pytest.mark.parametrize("path", PLAIN_LOGS, ids=named)
    def test_no_byte_is_lost(self, path: Path) -> None:
        data = path.read_bytes()
        builds = read(data)
        assert builds
        assert is_lossless(data, builds)

    @pytest.mark.parametrize("path", PLAIN_LOGS, ids=named)
    def test_shortcuts_change_nothing(self, path: Path) -> None:
        data = path.read_bytes()
        short, long = Cutter(data), Cutter(data, shortcuts=False)
        short.cut()
        long.cut()
        assert short.tape.kinds == long.tape.kinds
        assert short.tape.ends == long.tape.ends
        assert short.builds == long.builds

    @pytest.mark.parametrize(
        "path", [path for path in PLAIN_LOGS if path.name.startswith(("buildkit", "bake"))], ids=named
    )
    def test_outcome_and_exit_code_are_those_that_the_recorder_saw(self, path: Path) -> None:
        truth = json.loads((path.parent / "truth.json").read_text())["recordings"][path.name]
        (build,) = parse(path)
        assert build.builder is Builder.BUILDKIT
        assert build.outcome == truth["outcome"]
        assert build.exit_code == truth["step_exit_code"]

    @pytest.mark.parametrize("path", PLAIN_LOGS, ids=named)
    def test_everything_is_understood_but_what_compose_says(self, path: Path) -> None:
        understood = sum(build.unknown_bytes for build in parse(path))
        assert understood <= (400 if path.name.startswith("compose") else 0)


class TestTheSameBuildInEvents:
    """The event stream of the same build is the truth."""

    @pytest.mark.parametrize("folder", SAME_BUILD, ids=lambda folder: folder.name)
    def test_steps_are_equal(self, folder: Path) -> None:
        plain = recorded(f"{folder.name}/buildkit-28.plain.log")
        events = parse(folder / "buildkit-28.rawjson.jsonl")[-1]
        mine = {key(step): step for step in plain.steps}
        truth = {key(step): step for step in events.steps}
        if folder.name == "cut":  # the client was killed before it printed all of them
            assert mine.keys() < truth.keys()
        else:
            assert mine.keys() == truth.keys()
        for name, step in mine.items():
            assert step.cached == truth[name].cached
            assert step.failed == truth[name].failed
            assert step.exit_code == truth[name].exit_code

    @pytest.mark.parametrize("folder", SAME_BUILD, ids=lambda folder: folder.name)
    def test_seconds_are_equal_within_a_tenth_and_inside_their_bounds(self, folder: Path) -> None:
        plain = recorded(f"{folder.name}/buildkit-28.plain.log")
        events = parse(folder / "buildkit-28.rawjson.jsonl")[-1]
        truth = {key(step): step.timing.seconds for step in events.steps}
        for step in plain.steps:
            seconds = truth[key(step)]
            if step.cached or seconds is None or step.timing.seconds is None:
                continue
            assert step.timing.low is not None
            assert step.timing.low <= seconds + 0.001
            if step.timing.high is not None:
                assert seconds <= step.timing.high + 0.001
                assert step.timing.seconds == pytest.approx(seconds, abs=0.1)

    @pytest.mark.parametrize("folder", SAME_BUILD, ids=lambda folder: folder.name)
    def test_other_vertices_are_equal_but_for_a_push(self, folder: Path) -> None:
        def others(build: Build) -> set[tuple[str, bool, str | None]]:
            return {(each.name, each.cached, each.error) for each in build.vertices}

        plain = recorded(f"{folder.name}/buildkit-28.plain.log")
        events = parse(folder / "buildkit-28.rawjson.jsonl")[-1]
        extra = others(plain) ^ others(events)
        # Docker's own push is no work of BuildKit's, so its history does not have it.
        assert all(name.startswith("pushing ") for name, _, _ in extra)


class TestViews:
    def test_parallel_stages_are_numbered_as_they_appear(self) -> None:
        build = recorded("slow_parallel/buildkit-28.plain.log")
        assert [stage.name for stage in build.stages] == ["three", "two", "one", "stage-3"]
        assert [(step.vertex, step.stage_name, step.number, step.timing.seconds) for step in build.steps][
            :4
        ] == [
            (4, "three", 1, 0.2),
            (5, "two", 2, 2.8),
            (6, "one", 2, 1.3),
            (7, "one", 3, 2.1),
        ]
        assert build.image_id == "edf1e75fd470"

    def test_nothing_says_when_parallel_steps_began(self) -> None:
        build = recorded("slow_parallel/buildkit-28.plain.log")
        assert {step.timing.started for step in build.steps} == {None}

    def test_output_in_parts_is_read_without_marks(self) -> None:
        build = recorded("slow_parallel/buildkit-28.plain.log")
        step = next(step for step in build.steps if step.vertex == 10)
        assert step.output == b"two, second\ntwo, second, done\n"
        assert len(step.outputs) == 2

    def test_programs_that_imitate_the_display_are_output(self) -> None:
        build = recorded("odd_failure/buildkit-28.plain.log")
        assert [step.vertex for step in build.steps] == [4, 6, 7]
        failing = build.failing_step
        assert failing is not None
        assert b"#99 ERROR: process" in failing.output
        assert failing.output.startswith(b"#5 DONE 0.3s\n#5 CACHED\n#7 [1/2] FROM")

    def test_layers_have_bytes_and_states(self) -> None:
        (pull,) = recorded("big_pull/buildkit-28.plain.log").pulls
        assert pull.reference == "hub.cluster.example/base/big:1"
        assert pull.digest is not None
        assert sorted(layer.bytes or 0 for layer in pull.layers) == [
            1_090_000,
            30_010_000,
            60_020_000,
            90_030_000,
        ]
        assert {layer.state for layer in pull.layers} == {"Pull complete"}

    def test_checks_are_warnings_with_rule_and_line(self) -> None:
        build = recorded("checks/buildkit-28.plain.log")
        assert len(build.warnings) == 16
        found = {(warning.rule, warning.line): warning.text for warning in build.warnings}
        assert found["UndefinedVar", 19] == "Usage of undefined variable '$PAHT' (did you mean $PATH?)"

    def test_checks_alone_fail_with_their_lines(self) -> None:
        build = recorded("check_only/buildkit-28.plain.log")
        assert build.outcome is Outcome.FAILED
        assert build.failing_step is None
        assert ("MaintainerDeprecated", 8) in {(warning.rule, warning.line) for warning in build.warnings}

    def test_the_failing_step_stands_on_the_lines_that_the_builder_points_at(self) -> None:
        step = recorded("multiline/buildkit-28.plain.log").failing_step
        assert step is not None
        assert step.lines == (14, 17)
        assert step.exit_code == 2

    def test_an_interrupted_build_is_canceled_with_bounds(self) -> None:
        build = recorded("canceled/buildkit-28.plain.log")
        assert build.outcome is Outcome.CANCELED
        step = build.steps[-1]
        assert step.canceled
        assert (step.timing.seconds, step.timing.low, step.timing.high) == (1.896, 1.8955, None)

    def test_a_cache_that_is_missing_is_no_failure(self) -> None:
        build = recorded("cache_from/buildkit-28.plain.log")
        assert build.outcome is Outcome.SUCCEEDED
        assert any(vertex.error for vertex in build.vertices)

    def test_a_cut_log_is_incomplete(self) -> None:
        assert recorded("cut/buildkit-28.plain.log").outcome is Outcome.INCOMPLETE

    def test_platforms_are_stages_of_their_own(self) -> None:
        build = recorded("multi_platform_failure/buildkit-28.plain.log")
        assert {step.platform for step in build.steps} == {"linux/amd64", "linux/arm64"}
        assert build.failing_step is not None
        assert build.failing_step.platform == "linux/arm64"

    def test_several_targets_are_one_build(self) -> None:
        build = recorded("services/bake.plain.log")
        assert {step.target for step in build.steps} >= {"api", "migration"}
        assert build.exit_code == 4

    def test_the_release_of_2021_says_the_same(self) -> None:
        old = recorded("multistage/buildkit-20.10.plain.log")
        new = recorded("multistage/buildkit-28.plain.log")
        assert {key(step)[1:5] for step in old.steps} == {key(step)[1:5] for step in new.steps}

    def test_missing_files_end_with_the_builder_s_words(self) -> None:
        build = recorded("fail_copy/buildkit-28.plain.log")
        root = diagnose(build).root_line
        assert root is not None
        assert root.text.startswith("ERROR: failed to build: failed to solve: ")
        assert '"/requirements.txt": not found' in root.text


class TestLines:
    """Single lines and short logs, written by hand."""

    def test_the_end_of_a_vertex_may_be_glued_to_its_output(self) -> None:
        text = START + "#2 [1/2] RUN a\n#2 0.1 x#2 DONE 0.2s\n\n#3 [2/2] RUN b\n#3 DONE 1.0s\n"
        build = only(text)
        assert build.steps[0].output == b"x"
        assert [step.timing.seconds for step in build.steps] == [0.2, 1.0]

    def test_lines_without_a_clock_are_the_program_s(self) -> None:
        step = only(START + "#2 [1/1] RUN a\n#2 compiling a.c\n#2 compiling b.c\n#2 DONE 0.2s\n").steps[0]
        assert step.output == b"compiling a.c\ncompiling b.c\n"

    def test_a_number_0_before_output_stands_for_the_vertex_at_hand(self) -> None:
        step = only(START + "#2 [1/1] RUN a\n#0 0.1 one\n#2 0.2 two\n#2 DONE 0.2s\n").steps[0]
        assert step.output == b"one\ntwo\n"

    def test_broken_lines_belong_to_the_program(self) -> None:
        step = only(START + "#2 [1/1] RUN a\n#2 0.1 Reading ... 5%\nReading ... 10%\n#2 DONE 0.2s\n").steps[0]
        assert step.output == b"Reading ... 5%\nReading ... 10%\n"

    def test_a_vertex_that_was_never_named_is_not_understood(self) -> None:
        build = only(START + "#2 [1/1] RUN a\n#2 DONE 0.1s\n#7 DONE 0.3s\n#8 1.0 x\n")
        assert ("UNKNOWN", "#7 DONE 0.3s\n#8 1.0 x\n") in kinds(build)

    @pytest.mark.parametrize(
        ("ending", "code"),
        [
            (
                'ERROR: failed to solve: process "/bin/sh -c a" did not complete successfully: exit code: 127',
                127,
            ),
            ("executor failed running [/bin/sh -c a]: exit code: 137", 137),
            (
                "failed to solve: executor failed running [/bin/sh -c a]: runc did not terminate sucessfully",
                None,
            ),
            ('target web: failed to solve: process "a" did not complete successfully: exit code: 3', 3),
            ('failed to solve: process "a" did not complete successfully: cannot allocate memory', None),
            ("failed to execute bake: exit status 0xc000013a", None),
        ],
    )
    def test_exit_codes_are_taken_where_they_are_stated(self, ending: str, code: int | None) -> None:
        build = only(START + f"#2 [1/1] RUN a\n#2 0.1 x\n{ending}\n")
        assert build.outcome is Outcome.FAILED
        assert build.exit_code == code
        assert build.failing_step is build.steps[0]

    def test_a_lost_connection_is_no_step_s_failure(self) -> None:
        build = only(START + "#2 [1/1] RUN a\n#2 0.1 x\nERROR: failed to receive status: rpc error: EOF\n")
        assert build.outcome is Outcome.FAILED
        assert build.failing_step is None

    def test_of_several_programs_that_failed_the_one_that_is_named_counts(self) -> None:
        first = 'process "a" did not complete successfully: exit code: 1'
        second = 'process "b" did not complete successfully: exit code: 2'
        build = only(
            START + f"#2 [x 1/1] RUN a\n#2 ERROR: {first}\n\n#3 [y 1/1] RUN b\n#3 ERROR: {second}\n"
            f"ERROR: failed to solve: {second}\n"
        )
        assert build.exit_code == 2
        assert build.failing_step is build.steps[1]

    def test_an_echoed_key_is_set_apart(self) -> None:
        build = only(START + "#2 [1/1] RUN a\n#2 0.1 x\n^C#2 CANCELED\n")
        assert build.steps[0].canceled
        assert build.outcome is Outcome.CANCELED

    def test_numbers_that_start_again_begin_another_build(self) -> None:
        log = (
            START
            + "#2 [1/2] FROM a\n#2 CACHED\n\n#3 [2/2] RUN b\n#3 DONE 1.0s\n\n#4 exporting to image\n#4 DONE 0.1s\n"
        )
        builds = read(log + "+ docker build .\n" + log)
        assert [len(build.steps) for build in builds] == [2, 2]
        assert {build.outcome for build in builds} == {Outcome.SUCCEEDED}

    def test_a_builder_that_is_started_first_is_no_build(self) -> None:
        booting = "#1 [internal] booting buildkit\n#1 pulling image x\n#1 DONE 3.9s\nsome text\n"
        text = booting + '#0 building with "x" instance\n\n' + START + "#2 [1/1] RUN b\n#2 DONE 1.0s\n"
        build = only(text)
        assert [vertex.name for vertex in build.vertices] == [
            "[internal] booting buildkit",
            "[internal] load build definition from Dockerfile",
        ]

    def test_a_stage_that_is_made_of_another_has_no_base_image(self) -> None:
        (build,) = parse(RECORDED / "multistage" / "buildkit-28.plain.log")
        bases = {stage.name: stage.base for stage in build.stages}
        assert bases["compile"] is None
        assert (bases["base"] or "").startswith("hub.cluster.example/base/busybox:1.35@sha256:")

    def test_stamps_tell_when_a_step_began(self) -> None:
        text = (START + "#2 [1/1] RUN a\n#2 1.500 x\n#2 DONE 4.0s\n").encode()
        at = np.array([0, text.index(b"#2 ["), text.index(b"#2 1.5"), text.index(b"#2 DONE")])
        stamps = Stamps(at, np.array([100.0, 102.0, 103.5, 106.1]), 0.1)
        (build,) = parse_plain(Transcript(Log(data=text), stamps=stamps))
        timing = build.steps[0].timing
        assert timing.started == pytest.approx(2.0)
        assert (timing.seconds, timing.source) == (4.0, TimingSource.CLOCK)

    def test_parts_that_were_printed_give_bounds(self) -> None:
        build = only(START + "#2 [1/1] COPY a\n#2 DONE 2.0s\n\n#2 [1/1] COPY a\n#2 DONE 0.5s\n")
        timing = build.steps[0].timing
        assert (timing.seconds, timing.low) == (2.0, 1.95)
        assert timing.high == pytest.approx(2.6)


MARKERS = [
    b"------\n > [a 1/2] RUN x:\n",
    b"Dockerfile:3\n--------------------\n   3 | >>> x\n",
    b"--------------------\n",
    b"ERROR: failed to solve: x\n",
    b"ERROR: failed to solve: x\n\nERROR: for web  y\nrpc error: z\n",
    b'#0 building with "x" instance\n',
    b"#1 [internal] load build definition\n",
    b"#3 DONE 0.1s\n",
    b"#4 CACHED\n",
    b"#5 ...\n",
    b"^C#3 CANCELED\n",
    b"#2 1.2 x\n",
    b"#999999 [1/1] RUN x\n",
    b"\x00\xff",
    b"\r",
    b"\x1b[33m",
    b"#7 sha256:" + b"a" * 64 + b" 1.2MB / 3MB 0.1s done\n",
    b"3 warnings found:\n - Aa: b (line 3)\n",
    b"executor failed running [\n",
]
SOURCES = [path.read_bytes()[:20_000] for path in PLAIN_LOGS[:40]]


def mutated(seed: int) -> bytes:
    """A recorded log, cut, spliced and mixed up."""
    chance = random.Random(seed)
    data = chance.choice(SOURCES)
    for _ in range(chance.randint(1, 5)):
        start, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        match chance.randrange(5):
            case 0:
                data = data[:start] + data[end:]
            case 1:
                data = data[:start] + chance.choice(MARKERS) + data[start:]
            case 2:
                other = chance.choice(SOURCES)
                data = data[:start] + other[: chance.randrange(4000)] + data[start:]
            case 3:
                mine, theirs = data.split(b"\n"), chance.choice(SOURCES).split(b"\n")
                data = b"\n".join(line for pair in zip(mine, theirs, strict=False) for line in pair)
            case _:
                data = data.replace(b"\n", b"\r\n")
    return data


def check(data: bytes) -> None:
    builds = read(data)
    if builds:
        assert is_lossless(data, builds)
    short, long = Cutter(data), Cutter(data, shortcuts=False)
    short.cut()
    long.cut()
    assert (short.tape.kinds, short.tape.ends) == (long.tape.kinds, long.tape.ends)
    for build in builds:
        assert build.outcome in Outcome
        for step in build.steps:
            assert step.start < step.header_end <= step.end
            assert all(
                one.end < other.start for one, other in zip(step.outputs, step.outputs[1:], strict=False)
            )


class TestAnyBytes:
    @settings(deadline=None, max_examples=150)
    @example(12337)
    @given(st.integers(0, 2**32))
    def test_mutated_logs_are_read_without_loss(self, seed: int) -> None:
        check(mutated(seed))

    @settings(deadline=None)
    @given(st.lists(st.one_of(st.sampled_from(MARKERS), st.binary(max_size=20)), max_size=40))
    def test_markers_in_any_order_are_read_without_loss(self, parts: list[bytes]) -> None:
        check(b"".join(parts))

    def test_a_text_without_vertices_is_none_of_this_format(self) -> None:
        assert read("Step 1/2 : FROM a\n# a comment\n#12 is the issue\n") == []
        assert PLAIN.sign.search(b"Step 1/2 : FROM a\n#12 is the issue\n") is None

    @pytest.mark.parametrize(
        "unit",
        [
            b"#2 [1/1] RUN x\n#2 ...\n\n",
            b"ERROR: failed to solve: x\n",
            b"------\n > x:\n",
            b"Dockerfile:1\n--------------------\n",
            b"#1 [internal] load build definition\n#7 DONE 0.1s\n",
            b"#2 0.1 x#2 DONE 0.1s\n\n#3 [1/1] RUN y\n",
        ],
    )
    def test_time_grows_no_faster_than_the_log(self, unit: bytes) -> None:
        def seconds(count: int) -> float:
            data = START.encode() + unit * count
            taken = []
            for _ in range(3):
                start = time.process_time()
                for build in read(data):
                    assert build.contents is not None
                taken.append(time.process_time() - start)
            return min(taken)

        # Eight times the log; a search that began anew at each unit would take 64 times as long.
        assert seconds(8000) < 32 * max(seconds(1000), 0.002)


class TestKinds:
    def test_each_line_has_its_kind(self) -> None:
        text = (
            '#0 building with "default" instance using docker driver\n\n'
            "#1 [internal] load build context\n#1 transferring context: 2.5kB 0.1s done\n#1 DONE 0.1s\n\n"
            "#2 [1/2] FROM a\n#2 extracting sha256:" + "a" * 64 + " 0.1s done\n#2 ...\n\n"
            "#3 [2/2] RUN b\n#3 0.1 text\n#3 WARN: some\n#3 ERROR: bad\n"
            "------\n > [2/2] RUN b:\n0.1 text\n------\n"
            "Dockerfile:2\n--------------------\n   2 | >>> RUN b\n--------------------\n"
            "ERROR: failed to solve: bad\n\nView build details: x\n"
        )
        build = only(text)
        assert [kind for kind, _ in kinds(build) if kind != "BLANK"] == [
            "NOTE",
            "VERTEX",
            "CONTEXT",
            "DONE",
            "HEADER",
            "PROGRESS",
            "NOTE",
            "HEADER",
            "OUTPUT",
            "WARNING",
            "ERROR",
            "EXCERPT",
            "EXCERPT",
            "FAILURE",
            "NOTE",
        ]
        assert build.unknown_bytes == 0
        assert [vertex.bytes for vertex in build.vertices] == [2500]
        assert build.tape.kinds.count(Kind.UNKNOWN) == 0
