"""What buildah and podman print, as recorded, as older versions did, and as it should never be."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logparse.model import Build, Builder, Kind, Log, Outcome, Transcript
from logparse.parser import parse
from logparse.parser.buildah import BUILDAH, parse_buildah
from tests.fixtures_path import FIXTURES

RECORDED = sorted(
    path for name in ("buildah", "podman") for path in (FIXTURES / "builders").glob(f"*/{name}*.log")
)
ID = "0123456789ab"
FULL = "0123456789abcdef" * 4

# What the log says of its end, where the recorder knows more than that.
OTHERWISE = {
    # The client was interrupted. podman says nothing, buildah what it says of any program that is killed.
    ("canceled", "podman.log"): {"outcome": "incomplete"},
    ("canceled", "buildah.log"): {"outcome": "failed", "step": "RUN for epoch in"},
    # The program was never there. What is named is the exit code of the helper that did not find it.
    ("no_program", "podman.log"): {"step_exit_code": 1, "step": 'RUN ["build-model", "--all"]'},
    ("no_program", "buildah.log"): {"step_exit_code": 1, "step": 'RUN ["build-model", "--all"]'},
    # Here-documents are unknown, so their first line is taken for an instruction.
    ("heredoc", "buildah.log"): {"step": 'ECHO "first line of the document"'},
}


def read(text: str | bytes) -> list[Build]:
    data = text.encode() if isinstance(text, str) else text
    return parse_buildah(Transcript(Log(data=data)))


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


class TestRecorded:
    """Real builds, with what the recorder knows of them."""

    @pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}/{path.stem}")
    def test_agrees_with_the_recorder(self, path):
        truth = json.loads((path.parent / "truth.json").read_text())["recordings"][path.name]
        truth |= OTHERWISE.get((path.parent.name, path.name), {})
        (build,) = parse(path)
        assert build.builder is Builder.BUILDAH
        assert build.outcome == truth["outcome"]
        assert build.exit_code == truth["step_exit_code"]
        assert build.unknown_bytes == 0
        assert_lossless(path.read_bytes(), [build])
        failing = build.failing_step
        assert (failing is None) == (build.outcome != "failed")
        if failing is not None:
            assert truth["step"] in failing.text

    @pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}/{path.stem}")
    def test_has_every_step_that_was_announced(self, path):
        (build,) = parse(path)
        # Programs that imitate headers do so on whole lines, with these words.
        announced = re.findall(rb"STEP (\d+)/(\d+): (?!(?:RUN|FROM) imitated)", path.read_bytes())
        assert [(step.number, step.total) for step in build.steps] == [(int(a), int(b)) for a, b in announced]

    def test_stages_of_a_recorded_build(self):
        (build,) = parse(FIXTURES / "builders" / "multistage" / "buildah.log")
        # Which of two independent stages comes first is up to chance, but not their numbers.
        assert {(stage.number, stage.name, len(stage.steps)) for stage in build.stages} == {
            (0, "base", 2),
            (1, "compile", 3),
            (2, "pages", 2),
            (3, None, 6),
        }
        assert {(step.stage_name, step.output) for step in build.steps if step.instruction == "RUN"} == {
            ("base", b"prepared\n"),
            ("compile", b"compiling 2 files\n"),
            ("pages", b"page 1\npage 2\npage 3\n"),
        }
        (pull,) = build.pulls
        assert pull.reference == "hub.cluster.example/base/busybox:1.35"
        assert pull.step_number == 1
        assert len(pull.layers) == 1
        assert pull.status == "Storing signatures"

    def test_what_a_program_printed_is_whole_though_it_imitates_a_builder(self):
        (build,) = parse(FIXTURES / "builders" / "odd_output" / "podman.log")
        printed = (FIXTURES / "scenarios/builders/odd_output/context/imitate.sh").read_bytes()
        expected = printed.partition(b"<<'LINES'\n")[2].partition(b"LINES\n")[0]
        assert build.steps[4].output == expected
        assert build.steps[6].output == b"no newline at the end"
        assert build.steps[7].output == b"x" * 20_000 + b"\n"

    def test_cache_hits(self):
        (build,) = parse(FIXTURES / "builders" / "cached" / "buildah.log")
        assert all(step.cached for step in build.steps if step.instruction != "FROM")
        (build,) = parse(FIXTURES / "builders" / "multistage" / "buildah.log")
        assert not any(step.cached for step in build.steps)


class TestGlued:
    """Without a newline at a program's end, buildah goes on behind its last words."""

    def test_header(self):
        build = one(
            "[1/2] STEP 1/2: FROM a AS one\n[1/2] STEP 2/2: RUN printf x\nx[2/2] STEP 1/2: FROM b\n"
            f"[2/2] STEP 2/2: RUN printf tail\ntail[2/2] COMMIT c\n--> {ID}\n{FULL}\n"
        )
        assert [step.output for step in build.steps] == [b"", b"x", b"", b"tail"]
        assert build.outcome is Outcome.SUCCEEDED

    def test_image(self):
        build = one(f"STEP 1/3: FROM a\nSTEP 2/3: RUN printf x\nx--> {ID}\nSTEP 3/3: CMD y\nCOMMIT\n")
        assert build.steps[1].output == b"x"
        assert build.steps[1].image_id == ID

    def test_failure(self):
        build = one(
            "STEP 1/2: FROM a\nSTEP 2/2: RUN x\nfatal"
            'Error: building at STEP "RUN x": while running runtime: exit status 7\n'
        )
        assert build.steps[1].output == b"fatal"
        assert build.exit_code == 7

    def test_failure_under_chroot(self):
        build = one(
            "STEP 1/2: FROM a\nSTEP 2/2: RUN x\nfatalsubprocess exited with status 7\n"
            'subprocess exited with status 7\nError: building at STEP "RUN x": exit status 7\n'
        )
        assert build.steps[1].output == b"fatal"
        assert build.exit_code == 7


class TestSteps:
    """Counters, totals, stages, platforms."""

    def test_triggers_change_the_total(self):
        build = one(
            f"STEP 1/2: FROM base\nSTEP 2/4: RUN echo triggered\ntriggered\nSTEP 3/4: ENV T=1\n"
            f"STEP 4/4: RUN x\nCOMMIT y\n--> {ID}\n{FULL}\n"
        )
        assert [(step.number, step.total) for step in build.steps] == [(1, 2), (2, 4), (3, 4), (4, 4)]

    def test_before_there_were_totals_and_stage_numbers(self):
        build = one(
            f"STEP 1: FROM golang:1.10 AS build\nSTEP 2: RUN go build\nok\n--> {FULL}\nSTEP 3: FROM alpine\n"
            f"STEP 4: COPY --from=build /x /x\n--> Using cache {FULL}\nSTEP 5: COMMIT image\n--> {FULL}\n{FULL}\n"
        )
        assert [step.number for step in build.steps] == [1, 2, 3, 4]
        assert [step.total for step in build.steps] == [None] * 4
        assert [step.stage for step in build.steps] == [0, 0, 1, 1]
        assert [step.stage_name for step in build.steps] == ["build", "build", None, None]
        assert build.steps[3].cached
        assert build.image_id == FULL[:12]
        assert build.outcome is Outcome.SUCCEEDED

    def test_counters_that_start_again_in_each_stage(self):
        build = one(
            f"STEP 1: FROM a AS one\nSTEP 2: RUN x\nSTEP 1: FROM b\nSTEP 2: RUN y\nSTEP 3: COMMIT\n{FULL}\n"
        )
        assert [(step.stage, step.number) for step in build.steps] == [(0, 1), (0, 2), (1, 1), (1, 2)]

    def test_platforms(self):
        build = one(
            f"[linux/amd64] [1/1] STEP 1/2: FROM a\n[linux/amd64] [1/1] STEP 2/2: RUN x\nout\n"
            f"[linux/amd64] [1/1] COMMIT\n--> {ID}\n{FULL}\n"
            f"[linux/arm64/v8] [1/1] STEP 1/2: FROM a\n[linux/arm64/v8] [1/1] STEP 2/2: RUN x\nout\n"
            f"[linux/arm64/v8] [1/1] COMMIT\n--> {ID}\n{FULL}\n"
        )
        assert [step.platform for step in build.steps] == ["linux/amd64"] * 2 + ["linux/arm64/v8"] * 2
        assert [step.stage for step in build.steps] == [0, 0, 1, 1]
        assert [step.output for step in build.steps] == [b"", b"out\n"] * 2
        assert build.outcome is Outcome.SUCCEEDED

    def test_the_platform_without_a_base_failed(self):
        build = one(
            "[linux/386] STEP 1/2: FROM a\nTrying to pull a:latest...\n"
            f"[linux/amd64] STEP 1/2: FROM a\n[linux/amd64] STEP 2/2: RUN x\n[linux/amd64] COMMIT\n--> {ID}\n"
            f"{FULL}\nError: creating build container: initializing source docker://a:latest: no such image\n"
        )
        assert build.outcome is Outcome.FAILED
        assert build.failing_step is build.steps[0]

    def test_stages_at_once(self):
        build = one(
            "[1/3] STEP 1/3: FROM a AS one\n[3/3] STEP 1/2: FROM a\n[2/3] STEP 1/3: FROM a AS two\n"
            "[2/3] STEP 2/3: RUN two\n[3/3] STEP 2/2: COPY --from=one /x /x\n[1/3] STEP 2/3: RUN one\n"
            "two 1\none 1\ntwo 2\nsubprocess exited with status 3\nsubprocess exited with status 3\n"
            'Error: building at STEP "RUN two": exit status 3\n'
        )
        assert build.failing_step is not None
        assert build.failing_step.text == "RUN two"
        assert build.failing_step.output == b"two 1\none 1\ntwo 2\n"
        assert [step.stage for step in build.steps] == [0, 2, 1, 1, 2, 0]
        assert build.unknown_bytes == 0

    def test_a_commit_of_a_stage_that_is_built_on_is_no_output(self):
        build = one(
            "[1/2] STEP 1/2: FROM a AS one\n[1/2] STEP 2/2: RUN x\nout\nGetting image source signatures\n"
            f"Copying blob sha256:{FULL}\nCopying config sha256:{FULL}\nWriting manifest to image destination\n"
            f"Storing signatures\n--> {ID}\n[2/2] STEP 1/1: FROM {FULL}\n[2/2] COMMIT\n--> {ID}\n{FULL}\n"
        )
        assert build.steps[1].output == b"out\n"
        assert Kind.PULL not in [kind for kind, _ in kinds(build)]
        assert build.steps[1].image_id == ID

    def test_the_client_of_docker(self):
        text = (
            "Sending build context to Docker daemon  824.5MB\r\r\n[1/2] STEP 1/1: FROM a AS base\n"
            f"[2/2] STEP 1/2: FROM {FULL}\n[2/2] STEP 2/2: WORKDIR /app\n[2/2] COMMIT a:test\n--> {ID}\n"
            f"Successfully tagged docker.io/library/a:test\n{FULL}\nSuccessfully built {ID}\n"
            "Successfully tagged a:test\n"
        )
        (build,) = parse(text)
        assert build.builder is Builder.BUILDAH
        assert build.outcome is Outcome.SUCCEEDED
        assert build.tags == ("docker.io/library/a:test", "a:test")
        assert build.unknown_bytes == 0
        assert len(build.steps) == 3

    def test_dockers_own_builder_keeps_its_logs(self):
        (build,) = parse(f"Sending build context to Docker daemon  2kB\r\r\nStep 1/1 : FROM a\n ---> {ID}\n")
        assert build.builder is Builder.CLASSIC

    def test_carriage_returns_at_the_ends_of_lines(self):
        build = one(
            f"STEP 1/2: FROM a\r\nSTEP 2/2: RUN x\r\nout\r\nCOMMIT y\r\n--> {ID}\r\n"
            f"Successfully tagged localhost/y:latest\r\n{FULL}\r\n"
        )
        assert [step.arguments for step in build.steps] == ["a", "x"]
        assert build.steps[1].output == b"out\r\n"
        assert build.tags == ("localhost/y:latest",)


class TestImitations:
    """Programs that print what buildah prints."""

    @pytest.mark.parametrize(
        "printed",
        [
            "STEP 1/5: FROM x\n",
            "STEP 3/9: RUN x\n",
            "[2/2] STEP 1/3: FROM x\n",
            "COMMIT\n",
            "COMMIT;\n",
            f"--> {ID}\nmore\n",
            "--> Using cache 0123\n",
            'error building at STEP "RUN other": exit status 9\n',
            "Successfully tagged x\n",
            f"{FULL}\n",
            "Error: no\n",
            "Getting image source signatures\nx\n",
        ],
    )
    def test_are_output(self, printed):
        build = one(
            f"STEP 1/3: FROM a\nSTEP 2/3: RUN x\n{printed}--> {ID}\nSTEP 3/3: RUN y\n{printed}end\n"
            f"COMMIT b\n--> {ID}\n{FULL}\n"
        )
        assert len(build.steps) == 3
        assert build.steps[1].output.decode() == printed
        assert build.steps[2].output.decode() == printed + "end\n"
        assert build.outcome is Outcome.SUCCEEDED

    def test_a_stage_that_is_printed_before_it_begins(self):
        build = one(
            "[1/2] STEP 1/3: FROM a\n[1/2] STEP 2/3: RUN x\n[2/2] STEP 1/3: FROM imitated\n"
            f"[1/2] STEP 3/3: RUN y\n[2/2] STEP 1/2: FROM b\n[2/2] STEP 2/2: RUN z\n[2/2] COMMIT\n--> {ID}\n{FULL}\n"
        )
        assert [step.text for step in build.steps] == ["FROM a", "RUN x", "RUN y", "FROM b", "RUN z"]

    def test_a_build_inside_of_a_build(self):
        nested = f"STEP 1/2: FROM n\nSTEP 2/2: RUN m\nCOMMIT n\n--> {ID}\n{FULL}\n"
        build = one(f"STEP 1/3: FROM a\nSTEP 2/3: RUN podman build .\n{nested}STEP 3/3: CMD b\nCOMMIT\n")
        assert [step.text for step in build.steps] == ["FROM a", "RUN podman build .", "CMD b"]
        assert build.steps[1].output.decode() == nested


class TestFailures:
    """How builds end badly."""

    def test_before_the_instruction_was_quoted(self):
        build = one(
            "STEP 1: FROM alpine\nSTEP 2: RUN false\n"
            "error building at step {Env:[PATH=/bin] Command:run Args:[false] Flags:[] Attrs:map[] "
            "Message:RUN false Original:RUN false}: error while running runtime: exit status 1\n"
        )
        assert build.failing_step is build.steps[1]
        assert build.exit_code == 1

    def test_error_twice(self):
        build = one(
            "STEP 1/2: FROM a\nSTEP 2/2: RUN x\nsh: x: not found\n"
            'Error: error building at STEP "RUN x": error while running runtime: exit status 127\n'
        )
        assert build.exit_code == 127
        assert build.steps[1].output == b"sh: x: not found\n"

    def test_lines_of_its_own_log(self):
        build = one(
            "STEP 1/2: FROM a\nSTEP 2/2: RUN x\nout\n"
            'time="2026-01-01T00:00:00Z" level=error msg="did not get container create message"\n'
            'Error: building at STEP "RUN x": while running runtime: exit status 1\nERRO[0012] exit status 1\n'
        )
        assert [kind for kind, _ in kinds(build)] == [
            Kind.HEADER,
            Kind.HEADER,
            Kind.OUTPUT,
            Kind.ERROR,
            Kind.FAILURE,
            Kind.ERROR,
        ]

    def test_a_file_that_is_not_there(self):
        build = one(
            'STEP 1/2: FROM a\nSTEP 2/2: COPY x /\nError: building at STEP "COPY x /": checking on sources under '
            '"/ctx": copier: stat: "/x": no such file or directory\n'
        )
        assert build.failing_step is build.steps[1]
        assert build.exit_code is None

    def test_several_tries_to_pull(self):
        build = one(
            "STEP 1/2: FROM x/y\nTrying to pull quay.io/x/y:latest...\nTrying to pull docker.io/x/y:latest...\n"
            "Error: creating build container: 2 errors occurred while pulling:\n * initializing source a\n"
            " * initializing source b\nmake: *** Error 125\n"
        )
        assert [pull.printed for pull in build.pulls] == ["quay.io/x/y:latest", "docker.io/x/y:latest"]
        assert [pull.reference for pull in build.pulls] == ["quay.io/x/y:latest", "x/y:latest"]
        assert build.failing_step is build.steps[0]
        assert kinds(build)[-2][1].endswith("source b\n")

    def test_a_name_without_a_registry(self):
        build = one('STEP 1/1: FROM x:9\nError: creating build container: short-name "x:9" did not resolve\n')
        assert build.failing_step is build.steps[0]
        assert build.steps[0].arguments == "x:9"

    def test_no_step_at_all(self):
        build = one("Error: no FROM statement found\n")
        assert build.outcome is Outcome.FAILED
        assert build.failing_step is None

    def test_an_instruction_over_several_lines(self):
        build = one(
            "STEP 1/2: FROM a\nSTEP 2/2: RUN <<EOF (echo one...)\none\n"
            'Error: building at STEP "RUN <<EOF\necho one\nfalse\nEOF": while running runtime: exit status 1\n'
        )
        assert build.exit_code == 1
        assert build.steps[1].output == b"one\n"
        assert build.unknown_bytes == 0

    def test_a_step_that_waits_for_another_stage(self):
        """It is announced, then the stage it copies from is built, and then it goes on."""
        build = parse(FIXTURES / "builders" / "multistage" / "buildah.log")[0]
        found = {(step.stage_name, step.number): step for step in build.steps}
        assert found["compile", 3].image_id == "94a437ce7f1"
        assert found["compile", 2].image_id == "f7208384231"
        assert found[None, 3].text == "COPY --from=compile /out/model.txt ."
        assert found[None, 3].image_id == "153ca4a25e2"

    def test_seconds_of_a_step_that_waits_are_its_own(self):
        """Stamps of the lines: 01.48 its header, 02.06 that of the other stage's last step; their images at
        03.38 and 03.79."""
        build = parse(FIXTURES / "wrapped" / "github-actions" / "buildah-good.log")[0]
        found = {(step.stage_name, step.number): step.timing for step in build.steps}
        assert found["compile", 3].seconds == pytest.approx(1.32, abs=0.01)
        assert found[None, 3].seconds == pytest.approx(0.41, abs=0.01)
        assert found[None, 3].started == pytest.approx(3.24, abs=0.01)

    def test_a_signal_is_no_exit_code(self):
        text = (
            "STEP 1/2: FROM a\nSTEP 2/2: RUN x\nout\ncontainer exited on {}\n"
            'Error: building at STEP "RUN x": while running runtime: exit status 1\n'
        )
        build = one(text.format("killed"))
        assert build.outcome is Outcome.FAILED
        assert build.exit_code is None
        assert build.steps[1].output == b"out\n"
        assert one(text.format("interrupt")).outcome is Outcome.CANCELED

    def test_a_signal_with_containers_isolated_by_chroot(self):
        """Words of buildah 1.28, interrupted by SIGTERM, and of a program that killed itself."""
        text = (
            "STEP 1/2: FROM a\nSTEP 2/2: RUN x\nout\nsubprocess exited on {}\n"
            'subprocess exited with status 1\nError: building at STEP "RUN x": exit status 1\n'
        )
        build = one(text.format("terminated"))
        assert (build.outcome, build.exit_code) == (Outcome.CANCELED, None)
        assert build.steps[1].output == b"out\n"
        assert one(text.format("hangup")).outcome is Outcome.CANCELED
        # It kills itself, or the kernel does, or buildah when it is interrupted: nothing tells.
        assert one(text.format("killed")).outcome is Outcome.FAILED
        assert one(text.format("segmentation fault")).outcome is Outcome.FAILED

    def test_buildah_says_that_it_has_killed_the_container(self):
        """Words of buildah 1.28, interrupted by SIGHUP."""
        build = one(
            "STEP 1/2: FROM a\nSTEP 2/2: RUN x\nout\n"
            'time="2026-11-24T00:15:08Z" level=error msg="container not running"\n'
            'time="2026-11-24T00:15:08Z" level=error msg="exit status 1 sending SIGKILL"\n'
            'container exited on killed\nError: building at STEP "RUN x": while running runtime: exit status 1\n'
        )
        assert build.outcome is Outcome.CANCELED
        assert build.steps[1].output == b"out\n"

    @pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}-{path.stem}")
    def test_what_stands_behind_the_end_of_a_build_is_no_output(self, path):
        if path.parent.name == "canceled" and path.stem == "podman":
            pytest.skip("it has no end")
        data = path.read_bytes()
        behind = b"Logging in to the registry\nDeploying web\n"
        alone, followed = parse(data), parse(data + behind)
        assert [[step.output for step in build.steps] for build in followed] == [
            [step.output for step in build.steps] for build in alone
        ]
        assert [build.outcome for build in followed] == [build.outcome for build in alone]
        assert sum(build.unknown_bytes for build in followed) == len(behind) + sum(
            build.unknown_bytes for build in alone
        )

    def test_a_log_that_begins_in_the_middle(self):
        build = one(
            "the end of an output\n--> " + ID + "\n[2/3] STEP 4/5: RUN x\nout\n[2/3] STEP 5/5: CMD y\n"
            '[3/3] STEP 1/2: FROM b AS c\n[3/3] STEP 2/2: RUN z\nError: building at STEP "RUN z": exit status 3\n'
        )
        assert [(step.number, step.stage, step.stage_name) for step in build.steps] == [
            (4, 1, None),
            (5, 1, None),
            (1, 2, "c"),
            (2, 2, "c"),
        ]
        assert kinds(build)[0] == (Kind.OUTPUT, "the end of an output\n")
        assert build.exit_code == 3

    @pytest.mark.parametrize("cut", [20, 40, 60, 75])
    def test_a_log_that_is_cut(self, cut):
        text = f"STEP 1/3: FROM a\nSTEP 2/3: RUN x\nout\n--> {ID}\nSTEP 3/3: RUN y\nout\nCOMMIT b\n--> {ID}\n{FULL}\n"
        assert one(text[:cut]).outcome is Outcome.INCOMPLETE


class TestSeveralBuilds:
    """Several builds in one log."""

    GOOD = f"STEP 1/2: FROM a\nSTEP 2/2: RUN x\nout\nCOMMIT a\n--> {ID}\nSuccessfully tagged localhost/a:1\n{FULL}\n"
    BAD = 'STEP 1/2: FROM a\nSTEP 2/2: RUN x\nout\nError: building at STEP "RUN x": exit status 3\n'
    CUT = "STEP 1/2: FROM a\nSTEP 2/2: RUN x\nout\n"

    @pytest.mark.parametrize("first", [GOOD, BAD, CUT], ids=["good", "bad", "cut"])
    @pytest.mark.parametrize("second", [GOOD, BAD, CUT], ids=["good", "bad", "cut"])
    def test_one_after_another(self, first, second):
        builds = read(first + "$ podman build .\n" + second)
        outcomes = {self.GOOD: Outcome.SUCCEEDED, self.BAD: Outcome.FAILED, self.CUT: Outcome.INCOMPLETE}
        assert [build.outcome for build in builds] == [outcomes[first], outcomes[second]]

    def test_the_context_begins_a_build(self):
        builds = read(f"{self.GOOD}Sending build context to Docker daemon 1kB\r\n{self.BAD}")
        assert len(builds) == 2
        assert kinds(builds[1])[0][0] is Kind.CONTEXT


class TestPulls:
    """Images fetched."""

    def test_states_and_bytes(self):
        build = one(
            "STEP 1/1: FROM node:20\nTrying to pull docker.io/library/node:20...\nGetting image source signatures\n"
            "Copying blob 8e012198eea1 [====>-----] 12.0MiB / 28.5MiB | 4.5 MiB/s\r"
            "Copying blob 8e012198eea1 done   | \nCopying blob 7b2b1fa0c4b1 skipped: already exists  \n"
            "Copying config 1f2e3d4c5b6a done   | \nWriting manifest to image destination\n"
        )
        (pull,) = build.pulls
        assert (pull.repository, pull.tag) == ("docker.io/library/node", "20")
        first, second = pull.layers
        assert (first.layer_id, first.bytes, first.state) == ("8e012198eea1", round(28.5 * 2**20), "done")
        assert second.already_present

    def test_on_a_terminal(self):
        build = one(
            b"STEP 1/1: FROM a\r\nTrying to pull h/a:1...\r\nGetting image source signatures\r\n\xe2\x80\xa6\r\n"
            b"\x1b[1A\x1b[J\xe2\x80\xa6\r\n\x1b[1A\x1b[JCopying blob 8e012198eea1 done\r\n"
            b"Writing manifest to image destination\r\n"
        )
        assert build.unknown_bytes == 0
        assert len(build.pulls[0].layers) == 1

    def test_before_it_said_what_it_pulls(self):
        build = one(
            f"STEP 1: FROM golang:1.10\nGetting image source signatures\nCopying blob sha256:{FULL}\n\n"
            " 0 B / 2.10 MiB \n 2.10 MiB / 2.10 MiB  1s\nWriting manifest to image destination\n"
        )
        assert build.pulls[0].reference == "golang:1.10"
        assert build.unknown_bytes == 0

    def test_warnings(self):
        build = one(
            "STEP 1/1: FROM a\nTrying to pull a:latest...\n"
            'time="2026-01-01T00:00:00Z" level=warning msg="Failed, retrying in 2s ... (1/3). Error: \\"x\\""\n'
            f"COMMIT\n--> {ID}\n[Warning] one or more build args were not consumed: [X]\n{FULL}\n"
        )
        assert [warning.text for warning in build.warnings] == [
            'Failed, retrying in 2s ... (1/3). Error: "x"',
            "[Warning] one or more build args were not consumed: [X]",
        ]


_PIECES = [
    *[f"STEP {number}/3: RUN make\n" for number in range(1, 5)],
    "STEP 1/3: FROM alpine\n",
    "STEP 1/1: FROM alpine\n",
    *[f"[{stage}/2] STEP 1/2: FROM alpine AS a{stage}\n" for stage in (1, 2)],
    *[f"[{stage}/2] STEP 2/2: RUN make\n" for stage in (1, 2)],
    "[linux/arm64] [1/1] STEP 1/2: FROM alpine\n",
    "[linux/arm64] [1/1] STEP 2/2: RUN make\n",
    "STEP 1: FROM alpine\n",
    "STEP 2: COPY . .\n",
    "STEP 3: COMMIT x\n",
    "COMMIT x\n",
    "[2/2] COMMIT\n",
    f"--> {ID}\n",
    f"--> Using cache {FULL}\n",
    "--> Pushing cache [a]:b\n",
    "Trying to pull a/b:c...\n",
    "Getting image source signatures\n",
    f"Copying blob sha256:{FULL} [==>--] 1.0MiB / 2.0MiB\n",
    "Writing manifest to image destination\nStoring signatures\n",
    "Successfully tagged x\n",
    f"{FULL}\n",
    f"Successfully built {ID}\n",
    'Error: building at STEP "RUN make": exit status 2\n',
    'error building at STEP "RUN make',
    "error building at step {Env:[]}: exit status 2\n",
    "Error: creating build container: x\n * y\n",
    "Error: x\n",
    "subprocess exited with status 2\n",
    "container exited on killed\n",
    'time="x" level=warning msg="y"\n',
    'time="x" level=error msg="exit status 2"\n',
    "Sending build context to Docker daemon  2.048kB\r\r\n",
    "DEPRECATED: The legacy builder is deprecated\n     x\n",
    "output\n",
    "output without newline",
    "\x1b[1A\x1b[J",
    "\n",
    "\r",
    "\r\n",
    "\xff",
]
soup = st.lists(st.sampled_from(_PIECES), max_size=40).map("".join).map(str.encode)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A recorded log after some cuts, splices, repetitions, insertions and changes of line ends."""
    logs = st.sampled_from(RECORDED).map(lambda path: path.read_bytes()[:20_000])
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
    @example(b"STEP 1/1: FROM a\n--> 0123456789ab")
    def test_any_bytes(self, data):
        builds = read(data)
        assert_lossless(data, builds)
        for build in builds:
            end = len(data)
            for step in build.steps:
                assert 0 <= step.start < step.header_end <= step.end <= end
                assert all(step.header_end <= start < stop <= end for start, stop in step.outputs)
                assert len(step.output) == sum(stop - start for start, stop in step.outputs)
            assert build.outcome in Outcome
            assert all(pull.span.start < pull.span.end for pull in build.pulls)
            assert all(isinstance(warning.text, str) for warning in build.warnings)
            assert build.stages is not None
            owned = [span for step in build.steps for span in step.outputs]
            assert len(owned) == len(set(owned))

    def test_of_text_without_a_builder(self):
        assert read("nothing of buildah's\n") == []
        assert BUILDAH.sign.search(b"Step 1/2 : FROM a\nSTEP one: x\n") is None


class TestCost:
    """The cost of a log grows with its size only."""

    @pytest.mark.parametrize(
        "line",
        [
            "STEP 1/3: FROM z\n",
            "STEP 3/3: RUN x\n",
            "[1/2] STEP 1/2: FROM x\n",
            "COMMIT x\n",
            'Error: building at STEP "RUN q": x\n',
            f"--> {ID}\n",
            f"--> {ID}\nSuccessfully tagged x\n",
            "Getting image source signatures\n",
            'time="x" level=error msg="x"\n',
            "Error: " * 50 + "\n",
            "[1/2] " * 50 + "\n",
            "\r" * 100 + "\n",
            "x" * 100,
        ],
    )
    @pytest.mark.parametrize("head", ["", "STEP 1/3: FROM x\nSTEP 2/3: RUN y\n"])
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

    def test_of_many_steps(self):
        def seconds_a_step(count: int) -> float:
            steps = "".join(f"STEP {n}/{count}: RUN x\nout\n--> {ID}\n" for n in range(2, count))
            data = f"STEP 1/{count}: FROM a\n{steps}STEP {count}/{count}: RUN y\nCOMMIT\n--> {ID}\n{FULL}\n".encode()
            start = time.perf_counter()
            build = one(data)
            assert len(build.steps) == count
            return (time.perf_counter() - start) / count

        few = min(seconds_a_step(50) for _ in range(5))
        assert min(seconds_a_step(5000) for _ in range(3)) < 4 * few
