"""Reading Dockerfiles, and finding steps and commands in them."""

from __future__ import annotations

import textwrap
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logparse.diagnosis import diagnose
from logparse.diagnosis.command import failed_command
from logparse.dockerfile import (
    Dockerfile,
    Found,
    Place,
    find_failure,
    load_dockerfile,
    locate,
    printed_dockerfile,
    read_dockerfile,
)
from logparse.errors import UsageError
from logparse.fetch import read_logs
from logparse.model import Build, Evidence, FailedCommand, Kind, Step
from logparse.parser import parse
from tests.fixtures_path import FIXTURES

SCENARIOS = FIXTURES / "scenarios" / "builders"


def read(text: str) -> Dockerfile:
    """A Dockerfile that is written with an indentation."""
    return read_dockerfile(textwrap.dedent(text).lstrip("\n"), "Dockerfile")


def steps(*lines: str) -> tuple[Step, ...]:
    """The steps of a classic build whose instructions are `lines`."""
    log = "".join(f"Step {n}/{len(lines)} : {line}\n ---> 0123456789ab\n" for n, line in enumerate(lines, 1))
    (build,) = parse(log.encode())
    return build.steps


def command(step: Step, text: str) -> FailedCommand:
    """A command of a step, as if it had failed."""
    start = step.text.index(text)
    return FailedCommand(text, start, start + len(text), 0, 1, None, Evidence.ONLY, 1.0)


def at(dockerfile: Dockerfile, place: Place | None) -> str:
    """What stands at a place, in the Dockerfile's own words."""
    assert place is not None
    assert place.column is not None
    assert place.end_column is not None
    lines = dockerfile.text.split("\n")
    kept = lines[place.line - 1 : place.end_line]
    kept[-1] = kept[-1][: place.end_column - 1]
    kept[0] = kept[0][place.column - 1 :]
    return "\n".join(kept)


class TestReading:
    def test_instructions_with_their_numbers_stages_and_lines(self) -> None:
        found = read(
            """
            # syntax=docker/dockerfile:1
            ARG TAG=1
            FROM a:$TAG AS first

            run one
            WORKDIR /b
            ENV A=b
            FROM first
            COPY --from=first a b
            """
        ).instructions
        assert [
            (one.keyword, one.number, one.layer, one.stage, one.stage_name, one.first_line) for one in found
        ] == [
            ("ARG", 1, 0, -1, None, 2),
            ("FROM", 2, 1, 0, "first", 3),
            ("RUN", 3, 2, 0, "first", 5),
            ("WORKDIR", 4, 3, 0, "first", 6),
            ("ENV", 5, 0, 0, "first", 7),
            ("FROM", 6, 1, 1, None, 8),
            ("COPY", 7, 2, 1, None, 9),
        ]
        assert found[2].text == "RUN one"

    def test_lines_that_go_on(self) -> None:
        (found,) = read(
            r"""
            RUN a && \
                # a comment

                b \
              && c
            """
        ).instructions
        assert found.text == "RUN a &&     b   && c"
        assert (found.first_line, found.last_line) == (1, 5)

    def test_another_character_to_go_on_with(self) -> None:
        found = read("# escape=`\nRUN a `\n  b\\\nRUN c\n").instructions
        assert [one.text for one in found] == ["RUN a   b\\", "RUN c"]

    def test_a_directive_behind_a_comment_is_a_comment(self) -> None:
        found = read("# a comment\n# escape=`\nRUN a \\\n  b\n").instructions
        assert [one.text for one in found] == ["RUN a   b"]

    def test_here_documents(self) -> None:
        dockerfile = read('RUN <<EOF\na\nRUN b\nEOF\nCOPY <<-"X" <<Y /c\n\tX\nd\nY\nRUN e\n')
        assert [(one.keyword, one.first_line, one.last_line) for one in dockerfile.instructions] == [
            ("RUN", 1, 4),
            ("COPY", 5, 8),
            ("RUN", 9, 9),
        ]
        texts = [
            [dockerfile.text[start:end] for start, end in one.documents] for one in dockerfile.instructions
        ]
        assert texts == [["a\nRUN b\n"], ["", "d\n"], []]

    def test_what_looks_like_a_here_document_and_does_not_end_is_none(self) -> None:
        assert [one.text for one in read("RUN cat <<EOF\nRUN b\n").instructions] == ["RUN cat <<EOF", "RUN b"]

    def test_windows_line_ends_and_a_byte_order_mark(self) -> None:
        dockerfile = read_dockerfile("\ufeffFROM a\r\nRUN b && \\\r\n  c\r\n")
        assert [one.text for one in dockerfile.instructions] == ["FROM a", "RUN b &&   c"]
        run = dockerfile.instructions[1]
        assert [
            run.text[index] for index, place in enumerate(run.places) if dockerfile.text[place] == "c"
        ] == ["c"]


@given(st.text(alphabet="RUNFOMrun \\`#\n\r\t<EOF-\"'&$=a\ufeff", max_size=200))
@settings(max_examples=400, deadline=None)
def test_any_text_is_a_dockerfile(text: str) -> None:
    dockerfile = read_dockerfile(text)
    last = 0
    for number, one in enumerate(dockerfile.instructions, 1):
        assert one.number == number
        assert last < one.first_line <= one.last_line <= text.count("\n") + 1
        assert len(one.places) == len(one.text)
        assert [text[place].upper() for place in one.places] == list(one.text.upper())
        last = one.last_line


class TestSteps:
    def test_a_step_is_found_by_its_text(self) -> None:
        dockerfile = read("FROM a\nRUN b \\\n   c\nRUN d\n")
        one, two, three = steps("FROM a", "RUN b    c", "RUN d")
        assert locate(one, None, dockerfile) == Place("Dockerfile", 1, 1, 1, 7)
        assert locate(two, None, dockerfile) == Place("Dockerfile", 2, 1, 3, 5)
        assert locate(three, None, dockerfile) == Place("Dockerfile", 4, 1, 4, 6)

    def test_equal_steps_are_told_by_their_number(self) -> None:
        dockerfile = read("FROM a\nRUN b\nRUN b\nFROM c\nRUN b\n")
        found = [
            locate(step, None, dockerfile) for step in steps("FROM a", "RUN b", "RUN b", "FROM c", "RUN b")
        ]
        assert [place.line for place in found if place is not None] == [1, 2, 3, 4, 5]

    def test_equal_steps_are_told_by_their_stage(self) -> None:
        dockerfile = read("FROM a AS one\nRUN make\nFROM a AS two\nRUN x\nRUN make\nFROM a\nRUN make\n")
        log = b"#4 [two 3/3] RUN make\n#4 0.1 x\n#5 [one 2/2] RUN make\n#5 0.1 x\n#6 [stage-2 2/2] RUN make\n#6 0.1 x\n"
        (build,) = parse(log)
        found = {step.stage_name: locate(step, None, dockerfile) for step in build.steps}
        assert {name: place.line for name, place in found.items() if place is not None} == {
            "one": 2,
            "two": 5,
            "stage-2": 7,
        }

    def test_what_may_be_two_is_not_guessed(self) -> None:
        dockerfile = read("FROM a\nRUN b\nFROM c\nRUN b\n")
        (step,) = steps("RUN b")
        assert locate(step, None, dockerfile) is None

    def test_a_step_that_is_not_in_it_is_not_found(self) -> None:
        dockerfile = read("FROM a\nRUN make && make install\n")
        assert locate(steps("RUN pip install x")[0], None, dockerfile) is None
        assert locate(steps("COPY a b")[0], None, dockerfile) is None

    def test_variables_may_be_filled_in(self) -> None:
        dockerfile = read('FROM a\nRUN get "$URL/x" && \\\n  tar ${OPTIONS:-x} && make\nRUN get "$URL/y"\n')
        (step,) = steps('RUN get "https://a.example/x" &&   tar zxf && make')
        assert locate(step, None, dockerfile) == Place("Dockerfile", 2, 1, 3, 28)
        for text, expected in (
            ('get "https://a.example/x"', 'get "$URL/x"'),
            ("tar zxf", "tar ${OPTIONS:-x}"),
            ("make", "make"),
        ):
            assert at(dockerfile, locate(step, command(step, text), dockerfile)) == expected

    def test_a_text_that_is_almost_the_same_is_found(self) -> None:
        dockerfile = read(
            "FROM a\nRUN apt-get update && apt-get install -y b c d e f\nRUN make all && make test\n"
        )
        (step,) = steps("RUN apt-get update && apt-get install -y b c d x f")
        assert locate(step, command(step, "apt-get update"), dockerfile) == Place("Dockerfile", 2, 5, 2, 19)

    def test_without_a_dockerfile_the_lines_that_the_log_tells_are_the_place(self) -> None:
        (step,) = steps("RUN a")
        assert locate(step) is None
        step.lines = (3, 5)
        assert locate(step) == Place(None, 3, None, 5, None)


class TestCommands:
    def test_a_command_on_a_line_of_its_own(self) -> None:
        dockerfile = read(
            r"""
            FROM a
            RUN set -e && \
                # the packages
                apt-get update && \
                apt-get install -y \
                  b \
                  # and this one
                  c && \
                make
            """
        )
        step = steps(
            "FROM a", "RUN set -e &&     apt-get update &&     apt-get install -y       b       c &&     make"
        )[1]
        place = locate(step, command(step, "apt-get install -y       b       c"), dockerfile)
        assert place == Place("Dockerfile", 5, 5, 8, 8)
        assert at(dockerfile, place) == "apt-get install -y \\\n      b \\\n      # and this one\n      c"

    def test_a_command_of_a_here_document(self) -> None:
        dockerfile = read("FROM a\nRUN <<EOF\nset -e\nmake all\nmake test\nEOF\n")
        log = (
            b"#5 [2/2] RUN <<EOF (set -e...)\n#5 0.136 x\n"
            b'#5 ERROR: process "/bin/sh -c set -e\\nmake all\\nmake test\\n" did not complete successfully: exit code: 2\n'
            b'ERROR: failed to solve: process "/bin/sh -c set -e\\nmake all\\nmake test\\n" did not complete successfully: exit code: 2\n'
        )
        (build,) = parse(log)
        (step,) = build.steps
        found = FailedCommand("make test", None, None, 2, 3, "make", Evidence.OUTPUT, 0.9)
        assert locate(step, found, dockerfile) == Place("Dockerfile", 5, 1, 5, 10)
        # Where it stands twice, the instruction is all that is certain.
        twice = read("FROM a\nRUN <<EOF\nset -e\nmake all\nmake test\nmake test\nEOF\n")
        assert locate(step, found, twice) == Place("Dockerfile", 2, 1, 7, 4)

    def test_columns_count_characters(self) -> None:
        dockerfile = read("FROM a\nRUN echo \u00e9\U0001f600 && make\n")
        step = steps("FROM a", "RUN echo \u00e9\U0001f600 && make")[1]
        assert locate(step, command(step, "make"), dockerfile) == Place("Dockerfile", 2, 16, 2, 20)


# The command that ends each scenario's step, and where its Dockerfile has it.
PLACES = {
    "checks_failure": "exit 9",
    "clipped": "exit 5",
    "fail_run": "exit 3",
    "heredoc_failure": "exit 7",
    "killed": "wait $!",
    "multi_platform_failure": "exit 4",
    "multiline": "cd /srv/models",
    "odd_failure": "exit 6",
    "silent": "false",
}


def failing(name: str) -> list[tuple[Path, Build]]:
    """The recorded builds of a scenario that failed at a step with an exit code."""
    folder = FIXTURES / "builders" / name
    paths = [path for path in sorted(folder.iterdir()) if path.name != "truth.json"]
    builds = [(path, build) for path in paths for log in read_logs(path) for build in parse(log)]
    return [
        (path, build)
        for path, build in builds
        if build.failing_step is not None and build.exit_code is not None
    ]


@pytest.mark.parametrize("name", PLACES)
def test_recorded_failures_are_found_in_their_dockerfiles(name: str) -> None:
    text = (SCENARIOS / name / "context" / "Dockerfile").read_text()
    dockerfile = read_dockerfile(text, "Dockerfile")
    builds = failing(name)
    assert builds
    for path, build in builds:
        assert build.failing_step is not None
        place = locate(build.failing_step, failed_command(build), dockerfile)
        assert at(dockerfile, place) == PLACES[name], path.name


@pytest.mark.parametrize("name", PLACES)
def test_what_a_log_repeats_gives_the_same_places(name: str) -> None:
    text = (SCENARIOS / name / "context" / "Dockerfile").read_text()
    dockerfile = read_dockerfile(text, "Dockerfile")
    for path, build in failing(name):
        printed = printed_dockerfile(build)
        if printed is None:
            assert not path.name.startswith("buildkit-28.plain")
            continue
        assert build.failing_step is not None
        assert not printed.whole
        found = failed_command(build)
        assert locate(build.failing_step, found, printed) == locate(build.failing_step, found, dockerfile)


def test_recorded_steps_are_found_in_their_dockerfiles() -> None:
    """Every step of every scenario with one Dockerfile, but where a terminal was too narrow for the steps."""
    checked = 0
    for folder in sorted((FIXTURES / "builders").iterdir()):
        file = SCENARIOS / folder.name / "context" / "Dockerfile"
        if not file.exists() or folder.name in {
            "onbuild",
            "services",
            "services_good",
            "at_once",
            "named_context",
        }:
            continue
        dockerfile = read_dockerfile(file.read_text())
        keywords = {one.keyword for one in dockerfile.instructions}
        for path in sorted(folder.iterdir()):
            if path.name == "truth.json" or "tty" in path.name:
                continue
            for log in read_logs(path):
                for build in parse(log):
                    for step in build.steps:
                        if step.instruction in keywords:
                            assert locate(step, None, dockerfile) is not None, (path, step.text)
                            checked += 1
    assert checked > 500


def test_a_log_that_repeats_nothing_has_no_dockerfile() -> None:
    (build,) = parse(b"Step 1/1 : RUN false\nThe command '/bin/sh -c false' returned a non-zero code: 1\n")
    assert not list(build.tape.of_kind(Kind.EXCERPT))
    assert printed_dockerfile(build) is None


@pytest.mark.parametrize("text", ["RUN a\n" * 20_000, "RUN " + "a b $C " * 100_000, "RUN a \\\n" * 100_000])
def test_a_dockerfile_of_any_size_is_read_soon(text: str) -> None:
    (step,) = steps("RUN " + "a b c " * 1000)
    started = time.perf_counter()
    locate(step, None, read_dockerfile(text))
    assert time.perf_counter() - started < 10


def recorded(name: str, file: str) -> Build:
    """A recorded build, the only one of its log."""
    (log,) = read_logs(FIXTURES / "builders" / name / file)
    (build,) = parse(log)
    return build


class TestFailures:
    def test_what_the_log_repeats(self) -> None:
        found = find_failure(diagnose(recorded("multiline", "buildkit-28.plain.log")))
        assert found is not None
        assert found.command == Place("Dockerfile", 16, 5, 16, 19)
        assert found.instruction == Place("Dockerfile", 14, 1, 17, 15)
        assert found.place == found.command
        assert found.in_log

    def test_a_dockerfile_comes_before_the_log(self) -> None:
        text = (SCENARIOS / "multiline" / "context" / "Dockerfile").read_text()
        given = read_dockerfile(f"# one more line\n{text}", "other")
        found = find_failure(diagnose(recorded("multiline", "buildkit-28.plain.log")), given)
        assert found is not None
        assert found.command == Place("other", 17, 5, 17, 19)
        assert not found.in_log

    def test_where_the_dockerfile_does_not_have_it_the_log_speaks(self) -> None:
        found = find_failure(
            diagnose(recorded("multiline", "buildkit-28.plain.log")), read("FROM a\nRUN other\n")
        )
        assert found is not None
        assert found.command == Place("Dockerfile", 16, 5, 16, 19)
        assert found.in_log

    def test_lines_alone(self) -> None:
        found = find_failure(diagnose(recorded("multiline", "buildkit-28.dockerbuild")))
        assert found == Found(Place(None, 14, None, 17, None))

    def test_an_instruction_that_runs_nothing(self) -> None:
        found = find_failure(diagnose(recorded("fail_copy", "buildkit-28.plain.log")))
        assert found is not None
        assert (found.command, found.instruction) == (None, Place("Dockerfile", 3, 1, 3, 28))

    @pytest.mark.parametrize("file", ["buildkit-28.plain.log", "buildkit-28.tty.log"])
    def test_a_dockerfile_that_could_not_be_read(self, file: str) -> None:
        found = find_failure(diagnose(recorded("bad_dockerfile", file)))
        assert found is not None
        assert found.place == Place("Dockerfile", 3, None, 3, None)

    def test_of_many_warnings_none_is_the_failure(self) -> None:
        assert find_failure(diagnose(recorded("check_only", "buildkit-28.plain.log"))) is None

    def test_a_log_without_a_word_on_it(self) -> None:
        assert find_failure(diagnose(recorded("multiline", "classic-28.log"))) is None

    def test_a_build_that_did_not_fail(self) -> None:
        given = load_dockerfile(SCENARIOS / "multistage" / "context" / "Dockerfile")
        assert find_failure(diagnose(recorded("multistage", "classic-28.log")), given) is None


class TestFiles:
    def test_the_path_is_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "Dockerfile.test"
        path.write_text("FROM a\nRUN b\n")
        dockerfile = load_dockerfile(path)
        assert dockerfile.path == str(path)
        assert [one.text for one in dockerfile.instructions] == ["FROM a", "RUN b"]

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
    def test_byte_order_marks(self, tmp_path: Path, encoding: str) -> None:
        path = tmp_path / "Dockerfile"
        path.write_bytes("FROM \u00e9\n".encode(encoding))
        assert [one.text for one in load_dockerfile(path).instructions] == ["FROM \u00e9"]

    @pytest.mark.parametrize(
        "data", [b"", b"# nothing\n", b"hello\n", b"FROM a\0\n", b"FROM a\n" * 2_500_000]
    )
    def test_what_is_no_dockerfile_is_refused(self, tmp_path: Path, data: bytes) -> None:
        path = tmp_path / "Dockerfile"
        path.write_bytes(data)
        with pytest.raises(UsageError, match="give the Dockerfile that was built"):
            load_dockerfile(path)

    @pytest.mark.parametrize("name", ["absent", ".", "a\0b"])
    def test_what_cannot_be_read_is_refused(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(UsageError, match="give the Dockerfile that was built"):
            load_dockerfile(f"{tmp_path}/{name}")
