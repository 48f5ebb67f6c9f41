"""The classic builder's output, as engines print it and as it should never be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logparse.model import Build, Kind, Log, Outcome, Status
from logparse.parser import parse
from logparse.parser.classic.cutter import Cutter
from tests.fixtures_path import LOGS
from tests.strategies import marker_soup, mutated_logs

IMAGE = "0123456789ab"
CONTAINER = "ba9876543210"


def one(text: str | bytes) -> Build:
    """The only build of a log."""
    builds = parse(text)
    assert len(builds) == 1
    return builds[0]


def elements(build: Build) -> list[tuple[Kind, str]]:
    data = build.log.data
    return [(kind, data[start:end].decode("utf-8", "replace")) for kind, start, end in build.elements()]


def assert_lossless(data: bytes) -> None:
    # Elements of builds that ran at once stand among each other.
    builds = parse(Log(data=data))
    position = 0
    for start, end in sorted((each.start, each.end) for build in builds for each in build.elements()):
        assert start == position
        assert end > start
        position = end
    assert position == len(data)
    for build in builds:
        assert build.span.end == max(each.end for each in build.elements())


class TestLossless:
    """Every byte belongs to exactly one element, whatever the bytes."""

    @pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem[:8])
    def test_recorded_logs(self, path):
        assert_lossless(path.read_bytes())

    @given(st.binary(max_size=2000))
    def test_random_bytes(self, data):
        assert_lossless(data)

    @given(marker_soup)
    def test_markers_in_any_order(self, data):
        assert_lossless(data)

    @given(mutated_logs())
    @settings(max_examples=200, deadline=None)
    def test_mutated_logs(self, data):
        assert_lossless(data)

    @given(marker_soup | mutated_logs())
    @settings(max_examples=200, deadline=None)
    def test_views_never_raise(self, data):
        for build in parse(data):
            for step in build.steps:
                assert build.span.start <= step.log_span.start < step.log_span.end <= build.span.end
                assert len(step.output) == sum(end - start for start, end in step.outputs)
            assert len(build.pulls) <= sum(kind is Kind.PULL for kind, _, _ in build.elements())
            assert build.outcome in Outcome
            assert len(repr(build)) < 10_000


class TestRegularSteps:
    """Finding regular steps all at once changes nothing but the time it takes."""

    @staticmethod
    def assert_same(data: bytes) -> None:
        slow = Cutter(data, regular=False)
        fast = Cutter(data, regular=True)
        slow.cut()
        fast.cut()
        assert list(fast.tape.elements()) == list(slow.tape.elements())
        assert fast.builds == slow.builds

    @pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem[:8])
    def test_recorded_logs(self, path):
        self.assert_same(path.read_bytes())

    @given(marker_soup)
    @settings(max_examples=500)
    def test_markers_in_any_order(self, data):
        self.assert_same(data)

    @given(mutated_logs())
    @settings(max_examples=200, deadline=None)
    def test_mutated_logs(self, data):
        self.assert_same(data)

    def test_they_are_found_across_pieces_of_a_large_log(self, monkeypatch):
        monkeypatch.setattr("logparse.parser.classic.regular._CHUNK", 300)
        step = (
            b"Step %d/1234567 : RUN x\n ---> Running in ba9876543210\nout\n"
            b"Removing intermediate container ba9876543210\n ---> 0123456789ab\n"
        )
        data = b"".join(step % number for number in range(1, 200)) + b"Successfully built 0123456789ab\n"
        data += b"Successfully tagged a:b\n"
        self.assert_same(data)
        cutter = Cutter(data, regular=True)
        runs = [cutter._run_ahead, *cutter._regular]
        assert sum(run.last_number - run.number + 1 for run in runs if run) == 199


class TestStep:
    """One instruction as the builder ran it."""

    def test_a_run_has_container_output_and_image(self):
        build = one(
            f"Step 1/1 : RUN make\n ---> Running in {CONTAINER}\nhello\n"
            f"Removing intermediate container {CONTAINER}\n ---> {IMAGE}\nSuccessfully built {IMAGE}\n"
        )
        [step] = build.steps
        assert (step.number, step.total, step.instruction, step.arguments) == (1, 1, "RUN", "make")
        assert (step.container_ids, step.image_id, step.output) == ((CONTAINER,), IMAGE, b"hello\n")
        assert not step.cached
        assert step.exit_code is None
        assert build.outcome is Outcome.SUCCEEDED
        assert build.image_id == IMAGE

    def test_since_docker_23_the_removal_is_past_tense(self):
        build = one(
            f"Step 1/1 : RUN make\n ---> Running in {CONTAINER}\nhello\n"
            f" ---> Removed intermediate container {CONTAINER}\n ---> {IMAGE}\n"
        )
        assert build.steps[0].output == b"hello\n"
        assert build.steps[0].image_id == IMAGE

    def test_until_docker_17_the_image_came_before_the_removal(self):
        build = one(
            f"Step 1 : RUN make\n ---> Running in {CONTAINER}\nhello\n ---> {IMAGE}\n"
            f"Removing intermediate container {CONTAINER}\nStep 2 : CMD true\n"
        )
        assert build.steps[0].output == b"hello\n"
        assert build.steps[0].image_id == IMAGE

    def test_before_docker_1_13_there_is_no_total(self):
        build = one(
            f"Step 0 : FROM alpine\n ---> {IMAGE}\nStep 1 : CMD true\n ---> Using cache\n ---> {IMAGE}\n"
        )
        assert [(step.number, step.total, step.cached) for step in build.steps] == [
            (0, None, False),
            (1, None, True),
        ]

    def test_from_scratch_has_no_image(self):
        build = one(f"Step 1/2 : FROM scratch\n ---> \nStep 2/2 : COPY a b\n ---> {IMAGE}\n")
        assert [step.image_id for step in build.steps] == [None, IMAGE]
        assert build.unknown_bytes == 0

    def test_lines_may_end_in_carriage_returns(self):
        build = one(
            f"Step 1/2 : FROM a as b\r\n ---> {IMAGE}\r\nStep 2/2 : RUN x\r\n ---> Running in {CONTAINER}\r\nout\r\n"
            f"Removing intermediate container {CONTAINER}\r\n ---> {IMAGE}\r\nSuccessfully built {IMAGE}\r\n"
        )
        assert [step.arguments for step in build.steps] == ["a as b", "x"]
        assert build.steps[1].output == b"out\n"
        assert build.unknown_bytes == 0

    def test_stages_are_named_or_numbered(self):
        build = one(
            f"Step 1/4 : ARG TAG=1\nStep 2/4 : FROM --platform=linux/arm64 golang:$TAG AS build\n ---> {IMAGE}\n"
            f"Step 3/4 : FROM alpine\n ---> {IMAGE}\nStep 4/4 : COPY --from=build /a /b\n ---> {IMAGE}\n"
        )
        assert [(step.stage, step.stage_name) for step in build.steps] == [
            (-1, None),
            (0, "build"),
            (1, None),
            (1, None),
        ]
        assert [(stage.number, stage.name, stage.base, len(stage.steps)) for stage in build.stages] == [
            (0, "build", "golang:$TAG", 1),
            (1, None, "alpine", 2),
        ]

    def test_triggers_of_the_base_run_in_its_step(self):
        build = one(
            f"Step 1/2 : FROM base\n# Executing 2 build triggers\n ---> Running in {CONTAINER}\none\n"
            f"Removing intermediate container {CONTAINER}\n ---> Running in cafecafecafe\ntwo\n"
            f"Removing intermediate container cafecafecafe\n ---> {IMAGE}\nStep 2/2 : CMD x\n ---> {IMAGE}\n"
        )
        first, _ = build.steps
        assert (first.triggers, first.container_ids, first.output) == (
            2,
            (CONTAINER, "cafecafecafe"),
            b"one\ntwo\n",
        )

    def test_old_triggers_have_headers_counted_from_one_again(self):
        build = one(
            f"Step 1/2 : FROM base\n# Executing 1 build trigger...\nStep 1/1 : COPY . /app\n ---> {IMAGE}\n"
            f"Step 2/2 : CMD x\n ---> {IMAGE}\n"
        )
        assert [(step.number, step.instruction) for step in build.steps] == [(1, "FROM"), (2, "CMD")]
        assert build.unknown_bytes == 0


class TestGluedMarkers:
    """A program that prints no final newline is followed by the builder on the same line."""

    def test_removal(self):
        build = one(
            f"Step 1/1 : RUN printf x\n ---> Running in {CONTAINER}\nno newline at end"
            f"Removing intermediate container {CONTAINER}\n ---> {IMAGE}\n"
        )
        assert build.steps[0].output == b"no newline at end"

    def test_removal_behind_a_colour(self):
        build = one(
            f"Step 1/1 : RUN x\n ---> Running in {CONTAINER}\n\x1b[91mwarn\n\x1b[0m"
            f" ---> Removed intermediate container {CONTAINER}\n ---> {IMAGE}\n"
        )
        assert build.steps[0].output == b"\x1b[91mwarn\n\x1b[0m"

    def test_failure(self):
        build = one(
            f"Step 1/1 : RUN test -f x\n ---> Running in {CONTAINER}\n\x1b[91moops\x1b[0m"
            "The command '/bin/sh -c test -f x' returned a non-zero code: 3"
        )
        assert build.exit_code == 3
        assert build.steps[0].output == b"\x1b[91moops\x1b[0m"

    def test_failure_right_behind_the_container(self):
        build = one(
            f"Step 1/1 : RUN exit 4\n ---> Running in {CONTAINER}"
            "The command '/bin/sh -c exit 4' returned a non-zero code: 4\n"
        )
        assert build.exit_code == 4
        assert build.steps[0].container_ids == (CONTAINER,)

    def test_first_step_behind_the_context(self):
        build = one(f"Sending build context to Docker daemon  282.6kBStep 1/1 : FROM a\n ---> {IMAGE}\n")
        assert [kind for kind, _ in elements(build)][:2] == [Kind.CONTEXT, Kind.HEADER]

    def test_error_behind_a_header(self):
        build = one("Step 1/2 : FROM ros:mymanifest for ros:my not found: manifest unknown")
        assert build.outcome is Outcome.FAILED
        assert elements(build)[-1] == (Kind.FAILURE, "manifest for ros:my not found: manifest unknown")
        assert build.steps[0].arguments == "ros:my"


class TestImitations:
    """What a program prints is output, however much it looks like the builder."""

    def run(self, output: str) -> Build:
        return one(
            f"Step 1/2 : RUN x\n ---> Running in {CONTAINER}\n{output}"
            f"Removing intermediate container {CONTAINER}\n ---> {IMAGE}\nStep 2/2 : CMD y\n ---> {IMAGE}\n"
            f"Successfully built {IMAGE}\n"
        )

    @pytest.mark.parametrize(
        "output",
        [
            "Step 99/1 : FROM nowhere\n",
            "Step 2/2 : CMD y\n ---> 000000000000\n",
            "Successfully built 000000000000\n",
            " ---> Running in 000000000000\n",
            " ---> Using cache\n",
            "Removing intermediate container 000000000000\n ---> 000000000000\n",
            "Sending build context to Docker daemon  2.048kB\nStep 1/1 : FROM a\n ---> 000000000000\n",
            "The command '/bin/sh -c z' returned a non-zero code: 1\n",
            "COPY failed: no\n",
            "latest: Pulling from library/alpine\n",
            f"Removing intermediate container {CONTAINER}\nnot the end\n",
            f"Removing intermediate container {CONTAINER}\n ---> {IMAGE}\nnot the end\n",
        ],
    )
    def test_they_change_nothing(self, output):
        build = self.run(output)
        assert [step.number for step in build.steps] == [1, 2]
        assert build.steps[0].output == output.encode()
        assert build.outcome is Outcome.SUCCEEDED
        assert build.pulls == ()

    def test_a_failing_step_may_print_a_whole_failing_build(self):
        build = one(
            f"Step 1/2 : RUN docker build .\n ---> Running in {CONTAINER}\n"
            "Sending build context to Docker daemon  2.048kB\nStep 1/1 : RUN z\n ---> Running in 000000000000\n"
            "The command '/bin/sh -c z' returned a non-zero code: 7\n"
            "The command '/bin/sh -c docker build .' returned a non-zero code: 1\n"
        )
        assert len(build.steps) == 1
        assert build.exit_code == 1


class TestUnusualEnds:
    """Containers that no line removes."""

    def test_rm_false_keeps_containers(self):
        build = one(
            f"Step 1/2 : RUN a\n ---> Running in {CONTAINER}\nout\n ---> {IMAGE}\n"
            f"Step 2/2 : RUN b\n ---> Running in cafecafecafe\nmore\n ---> {IMAGE}\nSuccessfully built {IMAGE}\n"
        )
        assert [step.output for step in build.steps] == [b"out\n", b"more\n"]
        assert [step.image_id for step in build.steps] == [IMAGE, IMAGE]
        assert build.outcome is Outcome.SUCCEEDED

    def test_then_the_image_may_be_glued_to_the_output(self):
        build = one(
            f"Step 1/2 : RUN a\n ---> Running in {CONTAINER}\nno newline ---> {IMAGE}\n"
            f"Step 2/2 : RUN b\n ---> Running in cafecafecafe\nnone here ---> {IMAGE}\nSuccessfully built {IMAGE}\n"
        )
        assert [step.output for step in build.steps] == [b"no newline", b"none here"]
        assert [step.image_id for step in build.steps] == [IMAGE, IMAGE]

    def test_a_container_may_be_removed_steps_later(self):
        error = f"Error removing intermediate container {CONTAINER}: No such container: {CONTAINER}\n"
        build = one(
            f"Step 1/3 : RUN a\n ---> Running in {CONTAINER}\nout\n{error} ---> {IMAGE}\n"
            f"Step 2/3 : RUN b\n ---> Running in cafecafecafe\nmore\n{error} ---> {IMAGE}\n"
            f"Step 3/3 : COPY . .\nRemoving intermediate container cafecafecafe\n{error} ---> {IMAGE}\n"
            f"Successfully built {IMAGE}\n"
        )
        assert [step.output for step in build.steps] == [b"out\n", b"more\n", b""]
        assert build.outcome is Outcome.SUCCEEDED

    def test_the_daemons_own_error_ends_the_output(self):
        build = one(
            f"Step 1/1 : RUN a\n ---> Running in {CONTAINER}\nout\n"
            'OCI runtime create failed: exec: "/bin/sh": stat /bin/sh: no such file or directory: unknown\n'
        )
        assert build.outcome is Outcome.FAILED
        assert build.exit_code is None
        assert build.steps[0].output == b"out\n"

    @pytest.mark.parametrize(
        "words",
        [
            "COPY failed: file not found in build context or excluded by .dockerignore: stat x: file does not exist",
            "manifest for a:b not found: manifest unknown: manifest unknown",
            "gCOPY failed: no source files were specified",
            "something that no version has said so far",
        ],
    )
    def test_what_stands_where_only_the_builder_can_speak_is_its_failure(self, words):
        build = one(f"Step 1/2 : FROM a\n ---> {IMAGE}\nStep 2/2 : COPY x y\n{words}\n")
        assert build.outcome is Outcome.FAILED
        assert build.failing_step is build.steps[1]
        assert elements(build)[-1] == (Kind.FAILURE, words + "\n")

    def test_a_dockerfile_that_cannot_be_read_fails_before_any_step(self):
        build = one(
            "Sending build context to Docker daemon  2.048kB\n"
            "Error response from daemon: dockerfile parse error line 3: unknown instruction: RUM\n"
        )
        assert build.outcome is Outcome.FAILED
        assert build.failing_step is None

    @pytest.mark.parametrize(
        "end", ["Step 2/2 : RUN x\n", f"Step 2/2 : RUN x\n ---> Running in {CONTAINER}\nout"]
    )
    def test_a_cut_log_is_incomplete(self, end):
        build = one(f"Step 1/2 : FROM a\n ---> {IMAGE}\n{end}")
        assert build.outcome is Outcome.INCOMPLETE
        assert build.failing_step is None

    def test_the_head_may_be_missing(self):
        build = one(f" ---> {IMAGE}\nStep 7/8 : CMD x\n ---> {IMAGE}\nStep 8/8 : CMD y\n ---> {IMAGE}\n")
        assert [step.number for step in build.steps] == [7, 8]

    @pytest.mark.parametrize(
        "end",
        [
            'Step 2/2 : RUN ./x || echo "failed to build"',
            "Step 2/2 : ADD http://x.example/y /y\nDownloading    1.2MB/3MB\n",
        ],
    )
    def test_a_cut_log_has_no_failure_that_nobody_told(self, end):
        assert one(f"Step 1/2 : FROM a\n ---> {IMAGE}\n{end}").outcome is Outcome.INCOMPLETE

    def test_the_last_of_several_closing_sentences_counts(self):
        closing = "The command '/bin/sh -c cat old.log' returned a non-zero code: "
        build = one(
            f"Step 1/1 : RUN cat old.log\n ---> Running in {CONTAINER}\n{closing}9\nreal error: boom\n{closing}1\n"
        )
        assert build.exit_code == 1
        assert build.steps[0].output == f"{closing}9\nreal error: boom\n".encode()

    def test_but_not_that_of_another_build(self):
        failed = (
            f"Step 1/1 : RUN x\n ---> Running in {CONTAINER}\nboom\n"
            "The command '/bin/sh -c x' returned a non-zero code: 2\n"
        )
        assert [build.exit_code for build in parse(failed * 3)] == [2, 2, 2]

    def test_a_cut_build_does_not_take_the_failure_of_the_next(self):
        context = "Sending build context to Docker daemon  2.048kB\n"
        start = f"{context}Step 1/2 : FROM a\n ---> {IMAGE}\nStep 2/2 : RUN x\n ---> Running in {CONTAINER}\n"
        good = f"{context}Step 1/1 : FROM b\n ---> {IMAGE}\nSuccessfully built {IMAGE}\n"
        failed = (
            start.replace(CONTAINER, "cafecafecafe")
            + "The command '/bin/sh -c x' returned a non-zero code: 2\n"
        )
        builds = parse(start + "cut\n" + good + failed)
        assert [build.outcome for build in builds] == [Outcome.INCOMPLETE, Outcome.SUCCEEDED, Outcome.FAILED]
        assert [len(build.steps) for build in builds] == [2, 1, 2]

    def test_exit_codes_of_windows_have_ten_digits(self):
        build = one(
            f"Step 1/1 : RUN x\n ---> Running in {CONTAINER}\n"
            "The command 'cmd /S /C x' returned a non-zero code: 3221225786\n"
        )
        assert build.exit_code == 3221225786

    def test_compose_puts_its_own_words_before_the_builders(self):
        build = one(
            f"Step 1/1 : RUN x\n ---> Running in {CONTAINER}\nout\n"
            "Service 'web' failed to build: The command '/bin/sh -c x' returned a non-zero code: 1\n"
        )
        assert build.steps[0].output == b"out\n"

    def test_a_context_that_was_canceled_is_no_failure(self):
        assert one(f"Step 1/2 : FROM a\n ---> {IMAGE}\nStep 2/2 : COPY . .\ncontext canceled\n").outcome is (
            Outcome.CANCELED
        )

    def test_lines_may_be_cleared_first(self):
        build = one(f"\x1b[0KStep 1/2 : FROM a\n ---> {IMAGE}\n\x1b[0KStep 2/2 : CMD x\n ---> {IMAGE}\n")
        assert len(build.steps) == 2

    def test_words_of_the_client_in_other_peoples_text_are_not_a_failure(self):
        build = one(
            "+ docker rm x\nError response from daemon: No such container: x\n+ docker build .\n"
            f"Step 1/1 : FROM a\n ---> {IMAGE}\nSuccessfully built {IMAGE}\n"
        )
        assert build.outcome is Outcome.SUCCEEDED


class TestBuild:
    """What is around the steps."""

    def test_push_and_clean_up_come_behind_the_result(self):
        build = one(
            f"Step 1/1 : FROM a\n ---> {IMAGE}\nSuccessfully built {IMAGE}\nSuccessfully tagged r/a:1\n"
            "The push refers to repository [r/a]\n0123456789ab: Preparing\n0123456789ab: Pushed\n"
            "1: digest: sha256:00 size: 528\nUntagged: r/a:1\nDeleted: sha256:11\nDeleted: sha256:22\n"
        )
        kinds = [kind for kind, _ in elements(build)]
        assert kinds[2:] == [Kind.RESULT, Kind.TAG, Kind.PUSH, Kind.CLEANUP]
        assert build.tags == ("r/a:1",)
        assert build.unknown_bytes == 0
        assert build.steps[0].span.end == build.log.data.index(b"Successfully")

    def test_several_builds_in_one_log(self):
        log = f"Step 1/1 : FROM a\n ---> {IMAGE}\nSuccessfully built {IMAGE}\n"
        failed = "Step 1/1 : FROM b\npull access denied for b, repository does not exist\n"
        builds = parse(log + failed + "Sending build context to Docker daemon  1kB\n" + log)
        assert [build.outcome for build in builds] == [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.SUCCEEDED]
        assert [build.index for build in builds] == [0, 1, 2]
        assert builds[1].key == builds[0].key + "#1"

    def test_warnings_of_the_builder(self):
        build = one(
            "DEPRECATED: The legacy builder is deprecated and will be removed in a future release.\n"
            "            Install the buildx component to build images with BuildKit:\n"
            "            https://docs.docker.example/go/buildx/\n\n"
            f"Step 1/1 : FROM a\n ---> {IMAGE}\n[Warning] One or more build-args [A B] were not consumed\n"
            f"Successfully built {IMAGE}\n"
        )
        assert [warning.text.split(" ")[0] for warning in build.warnings] == ["DEPRECATED:", "[Warning]"]
        assert build.unknown_bytes == 0

    def test_pulls_have_layers_with_states_and_bytes(self):
        build = one(
            "Step 1/1 : FROM r/a:1\n1: Pulling from r/a\naaaaaaaaaaaa: Already exists\nbbbbbbbbbbbb: Pulling fs layer\n"
            "bbbbbbbbbbbb: Downloading [=>    ]  1.2MB/3.4MB\nbbbbbbbbbbbb: Pull complete\n"
            f"Digest: sha256:00\nStatus: Downloaded newer image for r/a:1\n ---> {IMAGE}\n"
        )
        [pull] = build.pulls
        assert (pull.reference, pull.digest, pull.step_number) == ("r/a:1", "sha256:00", 1)
        assert pull.status == "Downloaded newer image for r/a:1"
        assert [(one.layer_id[0], one.bytes, one.already_present, one.state) for one in pull.layers] == [
            ("a", None, True, "Already exists"),
            ("b", 3_400_000, False, "Pull complete"),
        ]

    def test_of_several_builds_in_a_log_the_api_speaks_of_the_last(self):
        good = f"Step 1/1 : FROM a\n ---> {IMAGE}\nSuccessfully built {IMAGE}\n"
        bad = "Step 1/1 : FROM b\npull access denied for b, repository does not exist\n"
        log = Log(data=(bad + good).encode(), owner="o", name="n", build_id="b", status=Status.SUCCEEDED)
        assert [build.outcome for build in parse(log)] == [Outcome.FAILED, Outcome.SUCCEEDED]

    def test_the_status_of_the_api_wins_over_the_log(self):
        data = f"Step 1/1 : FROM a\n ---> {IMAGE}\nSuccessfully built {IMAGE}\n".encode()
        [build] = parse(data)
        log = replace(build.log, status=Status.FAILED, build_id="b", owner="o", name="n")
        [build] = parse(log)
        assert build.outcome is Outcome.FAILED
        assert build.failing_step is None
        assert build.key == "o/n/b"


class TestLargeLogs:
    """What only shows where regular steps are found all at once."""

    @pytest.mark.parametrize(
        "end",
        [
            b"Successful\nbye bye now\n",
            b"Successfully tagged x\nDeleted\n",
            b"Successfully done\nall 12 ok\n",
            b"Step 1/2\nStep 2/2 : \n",
            b"Step 1/2 : RUN x\n ---> Ru\nxx\n ---> \nSuccessf\n",
        ],
    )
    def test_short_lines_at_the_end(self, end):
        assert_lossless(b"plain text\n" * 30_000 + end)
        TestRegularSteps.assert_same(end)

    def test_a_step_that_is_longer_than_a_piece(self, monkeypatch):
        monkeypatch.setattr("logparse.parser.classic.regular._CHUNK", 300)
        TestRegularSteps.assert_same(
            f"Step 1/3 : FROM a\n ---> {IMAGE}\nStep 2/3 : RUN x\n ---> Running in {CONTAINER}\n{'y' * 99}\n".encode()
            + b"y\n" * 500
            + f"Removing intermediate container {CONTAINER}\n ---> {IMAGE}\nStep 3/3 : CMD y\n ---> {IMAGE}\n".encode()
            + b"Successfully built 0123456789ab\n" * 3
        )


class TestNoBuilder:
    """Logs in which no builder speaks."""

    def test_a_package_managers_output_is_kept_as_output(self):
        build = one("Collecting numpy\nERROR: No matching distribution found for numpy==99\n")
        assert (build.builder, build.steps, build.outcome) == ("none", (), Outcome.UNKNOWN)
        assert build.unknown_bytes == 0

    def test_anything_else_is_not_understood(self):
        assert one(b"\x00\x01\x02").unknown_bytes == 3

    def test_pips_own_success_is_not_the_builders(self):
        assert one("Successfully built uwsgi\n").outcome is Outcome.UNKNOWN

    def test_nothing_is_no_build(self):
        assert parse(b"") == []
