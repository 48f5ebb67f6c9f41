"""What kaniko prints: logs made of recorded builds, single lines, and what should never be."""

from __future__ import annotations

import hashlib
import json
import re
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logparse.log import Stamps
from logparse.model import Build, Builder, Kind, Log, Outcome, TimingSource, Transcript
from logparse.parser import parse
from logparse.parser.kaniko import KANIKO, parse_kaniko
from tests.fixtures_path import FIXTURES

MADE = FIXTURES / "made" / "kaniko"
TRUTH: dict[str, dict[str, Any]] = json.loads((MADE / "truth.json").read_text())
LOGS = sorted(MADE.glob("*.log"))

HEAD = (
    "INFO[0000] Retrieving image manifest a:1              \n"
    "INFO[0001] Executing 0 build triggers                   \n"
    "INFO[0001] Building stage 'a:1' [idx: '0', base-idx: '-1'] \n"
    "INFO[0001] Unpacking rootfs as cmd RUN make requires it. \n"
)
RUN = (
    "INFO[0003] RUN make                                     \n"
    "INFO[0003] Cmd: /bin/sh                                 \n"
    "INFO[0003] Args: [-c make]                              \n"
    "INFO[0003] Running: [/bin/sh -c make]                   \n"
)
SNAPSHOT = "INFO[0009] Taking snapshot of full filesystem...        \n"
PUSH = "INFO[0010] Pushing image to r/a:2                       \n"
FAILED = (
    "error building image: error building stage: failed to execute command: waiting for process to exit: "
    "exit status 2\n"
)


def read(text: str | bytes) -> list[Build]:
    data = text.encode() if isinstance(text, str) else text
    return parse_kaniko(Transcript(Log(data=data)))


def one(text: str | bytes) -> Build:
    builds = read(text)
    assert len(builds) == 1
    return builds[0]


def kinds(build: Build) -> list[tuple[Kind, str]]:
    data = build.transcript.data
    return [(kind, data[start:end].decode("utf-8", "replace")) for kind, start, end in build.elements()]


def assert_lossless(data: bytes, builds: list[Build]) -> None:
    position = 0
    for build in builds:
        for _, start, end in build.elements():
            assert start == position
            assert end > start
            position = end
    assert position == (len(data) if builds else 0)


class TestMade:
    """Logs made of recorded builds, with what was recorded."""

    @pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
    def test_agrees_with_the_recording(self, path):
        truth = TRUTH[path.name]
        (build,) = parse(path)
        assert build.builder is Builder.KANIKO
        assert build.outcome == truth["outcome"]
        assert build.exit_code == truth["exit_code"]
        assert (build.failing_step.text if build.failing_step else None) == truth["failing_step"]
        assert build.unknown_bytes == 0
        steps = truth["steps"]
        assert [(step.number, step.total) for step in build.steps] == [
            (number, None) for number in range(1, len(steps) + 1)
        ]
        assert [step.text for step in build.steps] == [step["text"] for step in steps]
        assert [step.cached for step in build.steps] == [step["cached"] for step in steps]

    @pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
    def test_keeps_what_programs_printed(self, path):
        (build,) = parse(path)
        for step, truth in zip(build.steps, TRUTH[path.name]["steps"], strict=True):
            expected = truth.get("output_sha256", hashlib.sha256(b"").hexdigest())
            assert hashlib.sha256(step.output).hexdigest() == expected

    @pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
    def test_times_are_within_their_bounds(self, path):
        (build,) = parse(path)
        for step, truth in zip(build.steps, TRUTH[path.name]["steps"], strict=True):
            timing = step.timing
            assert timing.source is TimingSource.CLOCK
            assert timing.started is not None
            assert timing.started <= truth["start"] + 1
            assert truth["start"] < timing.started + 1
            if timing.seconds is not None:
                assert timing.low is not None
                assert timing.high is not None
                assert timing.low <= truth["seconds"] <= timing.high
            elif truth["seconds"] is not None:
                assert step is build.steps[-1]
                assert build.outcome is Outcome.FAILED

    @pytest.mark.parametrize(
        "path", [path for path in LOGS if TRUTH[path.name]["form"] == "colour"], ids=lambda path: path.stem
    )
    def test_colours_make_no_difference(self, path):
        data = path.read_bytes()
        bare = re.sub(rb"\x1b\[36mINFO\x1b\[0m(?=\[\d{4}\])", b"INFO", data)
        coloured, plain = one(data), one(bare)
        assert [kind for kind, _, _ in coloured.elements()] == [kind for kind, _, _ in plain.elements()]
        assert [step.text for step in coloured.steps] == [step.text for step in plain.steps]
        assert [step.timing for step in coloured.steps] == [step.timing for step in plain.steps]

    def test_stages(self):
        (build,) = parse(MADE / "multistage.log")
        assert [(stage.number, stage.base, len(stage.steps)) for stage in build.stages] == [
            (0, "hub.cluster.example/base/busybox:1.35", 2),
            (1, "base", 3),
            (2, "base", 2),
            (3, "hub.cluster.example/base/busybox:1.35", 6),
        ]
        assert build.tags == ("hub.cluster.example/team/multistage:1",)
        assert [pull.reference for pull in build.pulls] == ["hub.cluster.example/base/busybox:1.35"]
        assert build.pulls[0].step_number == 1


class TestSteps:
    """Instructions and what belongs to them."""

    def test_the_end_of_the_output(self):
        build = one(HEAD + RUN + "out\n" + SNAPSHOT + PUSH)
        assert [step.text for step in build.steps] == ["FROM a:1", "RUN make"]
        assert build.steps[1].output == b"out\n"
        assert build.outcome is Outcome.SUCCEEDED
        assert build.tags == ("r/a:2",)

    def test_the_end_of_the_output_without_a_newline(self):
        build = one(HEAD + RUN + "out" + SNAPSHOT + PUSH)
        assert build.steps[1].output == b"out"
        build = one(HEAD + RUN + "out\x1b[36mINFO\x1b[0m" + SNAPSHOT.removeprefix("INFO") + PUSH)
        assert build.steps[1].output == b"out"
        build = one(HEAD + RUN + "out" + FAILED)
        assert build.steps[1].output == b"out"
        assert build.exit_code == 2

    def test_layers_pushed_meanwhile(self):
        build = one(
            HEAD
            + RUN
            + "out\nINFO[0004] Pushing layer r/cache:1 to cache now\nINFO[0004] Pushing image to r/cache:1\n"
            "INFO[0005] Pushed r/cache@sha256:00\nmore\n" + SNAPSHOT
        )
        assert build.steps[1].output == b"out\nmore\n"
        assert build.outcome is Outcome.INCOMPLETE
        assert build.tags == ()

    def test_cached(self):
        build = one(
            HEAD + "INFO[0001] Using caching version of cmd: RUN make\nINFO[0003] RUN make\n"
            'INFO[0003] Found cached layer, extracting to filesystem \nINFO[0004] CMD ["x"]\n' + PUSH
        )
        assert [step.cached for step in build.steps] == [False, True, False]

    def test_triggers(self):
        build = one(HEAD.replace("Executing 0", "Executing 2") + RUN + SNAPSHOT + PUSH)
        assert build.steps[0].triggers == 2

    def test_before_stages_were_announced(self):
        build = one(
            "INFO[0000] Downloading base image golang\n2019/01/24 16:52:08 No matching credentials were found, x\n"
            "INFO[0001] Unpacking rootfs as cmd COPY . . requires it.\nINFO[0002] COPY . .\n"
            "INFO[0002] Taking snapshot of files...\nINFO[0002] RUN go build\nINFO[0002] cmd: /bin/sh\n"
            "INFO[0002] args: [-c go build]\nout\nINFO[0004] Taking snapshot of full filesystem...\n"
            "INFO[0005] Unpacking rootfs as cmd RUN x requires it.\nINFO[0006] RUN x\nINFO[0006] cmd: /bin/sh\n"
            "INFO[0006] args: [-c x]\nout\nINFO[0007] Taking snapshot of full filesystem...\n"
            "2019/01/24 16:53:08 pushed blob sha256:00\n2019/01/24 16:53:08 r/a:1: digest: sha256:00 size: 10\n"
        )
        assert [(step.stage, step.text) for step in build.steps] == [
            (0, "FROM golang"),
            (0, "COPY . ."),
            (0, "RUN go build"),
            (1, "RUN x"),
        ]
        # Nothing says what the second stage is made of.
        assert [stage.base for stage in build.stages] == ["golang", None]
        assert [pull.reference for pull in build.pulls] == ["golang"]
        assert [step.output for step in build.steps] == [b"", b"", b"out\n", b"out\n"]
        assert build.outcome is Outcome.SUCCEEDED
        assert build.unknown_bytes == 0

    def test_the_image_that_is_retrieved_last_is_the_stages(self):
        """Of version 0.10: all images are asked for first, and each once more when its stage begins."""
        build = one(
            "INFO[0004] Resolved base name golang:1.12 to golang:1.12\n"
            "INFO[0004] Retrieving image manifest golang:1.12\nINFO[0006] Retrieving image manifest alpine:3.9\n"
            "INFO[0006] Built cross stage deps: map[0:[/web]]\n"
            "INFO[0006] Retrieving image manifest golang:1.12\nINFO[0006] Executing 2 build triggers\n"
            "INFO[0007] Unpacking rootfs as cmd COPY web.go . requires it.\n"
            "INFO[0021] Taking snapshot of full filesystem...\nINFO[0049] COPY web.go .\n"
            "INFO[0049] Taking snapshot of files...\nINFO[0050] Saving file web for later use\n"
            "INFO[0050] Deleting filesystem...\nINFO[0051] Retrieving image manifest alpine:3.9\n"
            "INFO[0052] Skipping unpacking as no commands require it.\nINFO[0052] CMD web\n"
            "INFO[0053] Base image from previous stage 1 found, using saved tar for base image\n"
            "INFO[0054] Unpacking rootfs as cmd RUN x requires it.\nINFO[0055] RUN x\n"
        )
        assert [(step.stage, step.text, step.triggers) for step in build.steps] == [
            (0, "FROM golang:1.12", 2),
            (0, "COPY web.go .", 0),
            (1, "FROM alpine:3.9", 0),
            (1, "CMD web", 0),
            (2, "RUN x", 0),
        ]
        assert [(step.timing.started, step.timing.seconds) for step in build.steps[:2]] == [(6, 43), (49, 1)]
        assert {pull.reference: pull.step_number for pull in build.pulls} == {
            "golang:1.12": 1,
            "alpine:3.9": 3,
        }
        assert build.unknown_bytes == 0

    def test_here_documents(self):
        build = one(
            HEAD + "INFO[0003] RUN <<EOF\necho one\nEOF \nINFO[0003] Cmd: /bin/sh\nINFO[0003] Args: [-c x]\n"
            "INFO[0003] Running: [/bin/sh -c x]\none\n" + SNAPSHOT + PUSH
        )
        assert build.steps[1].text == "RUN <<EOF"
        assert build.steps[1].output == b"one\n"
        assert build.unknown_bytes == 0

    def test_no_push(self):
        build = one(HEAD + RUN + "INFO[0009] Skipping push to container registry due to --no-push flag\n")
        assert build.outcome is Outcome.SUCCEEDED

    def test_warnings(self):
        build = one("\x1b[33mWARN\x1b[0m[0000] maintainer is deprecated, skipping    \n" + HEAD)
        assert [warning.text for warning in build.warnings] == ["maintainer is deprecated, skipping"]

    def test_lines_that_are_indented_or_named(self):
        text = HEAD + RUN + SNAPSHOT + PUSH
        for lead in ("        ", "   [kaniko-build : build-and-push] "):
            build = one("".join(lead + line for line in text.splitlines(keepends=True)))
            assert [step.text for step in build.steps] == ["FROM a:1", "RUN make"]
            assert build.unknown_bytes == 0


class TestClock:
    """Times by kaniko's own clock."""

    def test_a_step_lasts_until_the_next(self):
        build = one(HEAD + RUN + "out\n" + SNAPSHOT + "INFO[0012] CMD x\n" + PUSH)
        first, second, third = (step.timing for step in build.steps)
        assert (first.started, first.seconds, first.low, first.high) == (1, 2, 1, 3)
        assert (second.started, second.seconds, second.low, second.high) == (3, 9, 8, 10)
        assert third.seconds is None  # its clock ran backwards

    def test_dates(self):
        text = HEAD + RUN + "out\n" + SNAPSHOT + PUSH
        dated = re.sub(r"\[(\d{4})\]", lambda match: f"[2022-02-18T10:11:{int(match[1]):02}Z]", text)
        assert [step.timing for step in one(dated).steps] == [step.timing for step in one(text).steps]

    def test_the_failing_step_has_no_end(self):
        build = one(HEAD + RUN + "out\n" + FAILED)
        timing = build.steps[1].timing
        assert (timing.started, timing.seconds, timing.low, timing.high) == (3, None, 0, None)

    def test_of_the_failing_step_other_stamps_know_more(self):
        data = (HEAD + RUN + "out\n" + FAILED).encode()
        stamps = Stamps(np.array([0]), np.array([1.0]), 0.1)
        (build,) = parse_kaniko(Transcript(Log(data=data), stamps=stamps))
        assert build.steps[1].timing.source is TimingSource.NONE

    def test_dates_that_are_none(self):
        build = one(HEAD.replace("[0001]", "[2022-99-99T00:00:00Z]") + RUN)
        assert build.steps[0].timing.started is None


class TestImitations:
    """Programs that print what kaniko prints."""

    @pytest.mark.parametrize(
        "printed",
        [
            "INFO[0000] imitated\n",
            "INFO[0004] imitated\n",
            "INFO[0000] RUN imitated\n",
            "INFO[0001] Taking snapshot of full filesystem...\n",
            "error building image: imitated: exit status 9\n",
            "Successfully built uwsgi\n",
            'time="x" level=info msg="RUN x"\n',
            '{"level":"info","msg":"RUN x","time":"x"}\n',
        ],
    )
    def test_are_output(self, printed):
        build = one(HEAD + RUN + printed + "end\n" + SNAPSHOT + PUSH)
        assert [step.text for step in build.steps] == ["FROM a:1", "RUN make"]
        assert build.steps[1].output.decode() == printed + "end\n"
        assert build.outcome is Outcome.SUCCEEDED


class TestFailures:
    """How builds end badly."""

    def test_of_a_program(self):
        build = one(HEAD + RUN + "make: no rule\n" + FAILED + "ERROR: Job failed: exit code 1\n")
        assert build.outcome is Outcome.FAILED
        assert build.failing_step is build.steps[1]
        assert build.steps[1].output == b"make: no rule\n"
        assert build.exit_code == 2
        assert kinds(build)[-1] == (Kind.UNKNOWN, "ERROR: Job failed: exit code 1\n")

    @pytest.mark.parametrize(
        ("words", "step"),
        [
            (
                "error building image: error building stage: failed to get files used from context: lstat x",
                None,
            ),
            ("error building image: error building stage: failed to optimize instructions: x", None),
            ("error building image: error building stage: failed to take snapshot: x", 1),
            ("error building image: error building stage: failed to get filesystem from image: x", None),
            ("error building image: GET https://r/v2/a/manifests/1: MANIFEST_UNKNOWN: x", None),
            ("error pushing image: failed to push to destination r/a:2: x", None),
            ("error checking push permissions -- make sure you entered the correct tag name: x", None),
        ],
    )
    def test_where_it_failed(self, words, step):
        build = one(HEAD + "INFO[0003] COPY . .\nINFO[0003] Taking snapshot of files...\n" + words + "\n")
        assert build.outcome is Outcome.FAILED
        assert build.failing_step is (None if step is None else build.steps[step])
        assert build.exit_code is None

    def test_of_a_base_image(self):
        build = one(
            HEAD
            + "error building image: error building stage: failed to get filesystem from image: stream error\n"
        )
        assert build.failing_step is build.steps[0]

    def test_before_anything(self):
        build = one(
            "error checking push permissions -- make sure you entered the correct tag name, and that you are "
            "authenticated correctly, and try again: x: UNAUTHORIZED\n"
        )
        assert build.outcome is Outcome.FAILED
        assert build.steps == ()

    def test_only_the_end_of_a_log(self):
        build = one("npm error one\nnpm error two\n" + FAILED)
        assert kinds(build)[0] == (Kind.OUTPUT, "npm error one\nnpm error two\n")
        assert build.exit_code == 2
        build = one("the last words of a program\n" + SNAPSHOT + RUN + "x\n" + FAILED)
        assert kinds(build)[0] == (Kind.OUTPUT, "the last words of a program\n")
        assert build.failing_step is build.steps[0]

    def test_after_the_image_was_made(self):
        build = one(HEAD + RUN + SNAPSHOT + PUSH + "error pushing image: denied\n")
        assert build.outcome is Outcome.FAILED
        assert build.failing_step is None

    @pytest.mark.parametrize("lines", [3, 5, 8])
    def test_a_log_that_is_cut(self, lines):
        text = "".join((HEAD + RUN + "out\n" + SNAPSHOT).splitlines(keepends=True)[:lines])
        assert one(text).outcome is Outcome.INCOMPLETE


class TestSeveralBuilds:
    """Several builds in one log."""

    GOOD = HEAD + RUN + "out\n" + SNAPSHOT + PUSH
    BAD = HEAD + RUN + "out\n" + FAILED
    CUT = HEAD + RUN + "out\n"

    @pytest.mark.parametrize("first", [GOOD, BAD, CUT], ids=["good", "bad", "cut"])
    @pytest.mark.parametrize("second", [GOOD, BAD, CUT], ids=["good", "bad", "cut"])
    def test_one_after_another(self, first, second):
        builds = read(first + second)
        outcomes = {self.GOOD: Outcome.SUCCEEDED, self.BAD: Outcome.FAILED, self.CUT: Outcome.INCOMPLETE}
        assert [build.outcome for build in builds] == [outcomes[first], outcomes[second]]
        assert [len(build.steps) for build in builds] == [2, 2]


_PIECES = [
    *HEAD.splitlines(keepends=True),
    *RUN.splitlines(keepends=True),
    SNAPSHOT,
    PUSH,
    FAILED,
    HEAD + RUN,
    "INFO[0004] Pushing layer r/c:1 to cache now\n",
    "INFO[0004] Pushing image to r/c:1\n",
    "INFO[0005] Pushed r/c@sha256:00\n",
    "\x1b[36mINFO\x1b[0m[0005] COPY . .   \n",
    "WARN[0005] x\n",
    "ERRO[0005] x\n",
    "FATA[0005] x\n",
    "DEBU[0005] x\n",
    "INFO[0006] RUN <<E\n",
    "INFO[2022-02-18T10:11:12Z] ENV a=b\n",
    "INFO[2022-99-18T10:11:12Z] ENV a=b\n",
    'time="2022-02-18T10:11:12Z" level=info msg="RUN \\"x\\""\n',
    'time="2022-02-18T10:11:12+02:00" level=info msg="Running: [x]"\n',
    '{"level":"info","msg":"RUN \\"x\\"","time":"2022-02-18T10:11:12Z"}\n',
    '{"level":"info","msg":"Running: [x]","time":"2022-02-18T10:11:12"}\n',
    '{"level":"info","msg":"RUN x\n',
    "INFO[0007] Found cached layer, extracting to filesystem\n",
    "INFO[0007] Storing source image from stage 0 at path /kaniko/stages/0\n",
    "INFO[0007] Deleting filesystem...\n",
    "INFO[0007] Skipping push to container registry due to --no-push flag\n",
    "INFO[0007] Executing 3 build triggers\n",
    "2019/01/24 16:52:08 pushed blob sha256:00\n",
    "error pushing image: x\n",
    "[a : b] ",
    "        ",
    "output\n",
    "output without newline",
    "\n",
    "\r",
    "\xff",
]
soup = st.lists(st.sampled_from(_PIECES), max_size=40).map("".join).map(str.encode)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A log after some cuts, splices, repetitions, insertions and changes of line ends."""
    logs = st.sampled_from(LOGS).map(lambda path: path.read_bytes()[:20_000])
    data = draw(logs)
    for _ in range(draw(st.integers(0, 4))):
        here, there = draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))
        match draw(st.integers(0, 5)):
            case 0:
                data = data[:here]
            case 1:
                data = data[here:]
            case 2:
                data = data[:here] + draw(logs)[there:]
            case 3:
                data = data[:here] + draw(soup) + data[here:]
            case 4:
                data = data[: max(here, there)] + data[min(here, there) :]
            case 5:
                data = data.replace(b"\n", draw(st.sampled_from([b"\r\n", b"\r\r\n", b"", b"\n\n"])))
    return data[:40_000]


class TestLossless:
    """Every byte belongs to exactly one element, and nothing raises, whatever the bytes."""

    @given(st.binary(max_size=1000) | soup | mutated())
    @settings(max_examples=300, deadline=None)
    @example((HEAD + RUN).encode())
    @example((HEAD + RUN + "INFO[0004] Pushing layer r/c:1 INFO[0004] Pushing layer r/c:1\n").encode())
    def test_any_bytes(self, data):
        builds = read(data)
        assert_lossless(data, builds)
        for build in builds:
            for number, step in enumerate(build.steps, 1):
                assert step.number == number
                assert step.start < step.header_end <= step.end <= len(data)
                assert all(step.header_end <= start < stop <= step.end for start, stop in step.outputs)
                timing = step.timing
                if timing.seconds is not None:
                    assert timing.low is not None
                    assert timing.high is not None
                    assert 0 <= timing.low <= timing.seconds <= timing.high
            assert build.outcome in Outcome
            assert all(isinstance(warning.text, str) for warning in build.warnings)
            assert all(pull.span.start < pull.span.end for pull in build.pulls)
            assert build.stages is not None

    def test_of_text_without_a_builder(self):
        assert read("INFO[0000] something of somebody else's\n") == []
        assert (
            KANIKO.sign.search(b"INFO[0000] The command [/bin/sh -c x] returned a non-zero code: 1\n") is None
        )


class TestCost:
    """The cost of a log grows with its size only."""

    @pytest.mark.parametrize(
        "line",
        [
            "error building image: x\n",
            "INFO[0004] Pushing layer r/c:1 to cache now\n",
            "INFO[0004] Pushed x\nout\n",
            "INFO[0000] RUN x\n",
            "INFO[0000] Retrieving image manifest x\n",
            "INFO[0004] RUN x\nINFO[0004] Running: [x]\nout\n",
            "INFO[0004] RUN <<E\na\n",
            "WARN[0004] x\n",
            '{"level":"info","msg":"RUN x","time":"2022-02-18T10:11:12Z"}\n',
            "        x\n",
            "[a : b] x\n",
            "x" * 100,
        ],
    )
    @pytest.mark.parametrize("head", [HEAD, HEAD + RUN])
    def test_of_many_lines(self, line, head):
        def seconds(count: int) -> float:
            data = (head + line * count).encode()
            least = float("inf")
            for _ in range(3):
                start = time.perf_counter()
                for build in read(data):
                    assert build.steps is not None
                least = min(least, time.perf_counter() - start)
            return least

        small, large = seconds(1000), seconds(8000)
        assert large < 24 * small + 0.05
