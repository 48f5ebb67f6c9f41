"""Failures whose programs say little: what the instruction, the builder and the tool tell instead."""

from __future__ import annotations

import pytest

from logparse import parse
from logparse.diagnosis import diagnose
from logparse.diagnosis.account import explain
from logparse.diagnosis.confidence import Tier
from logparse.model import Diagnosis


def classic(command: str, output: str, code: int) -> bytes:
    """A log of the classic builder, one step of which failed."""
    return (
        f"Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : RUN {command}\n ---> Running in ba9876543210\n"
        f"{output}The command '/bin/sh -c {command}' returned a non-zero code: {code}\n"
    ).encode()


def of(log: bytes) -> Diagnosis:
    return diagnose(parse(log)[-1])


def root(log: bytes) -> str:
    line = of(log).root_line
    return line.text if line is not None else ""


class TestLastLine:
    @pytest.mark.parametrize("output", ["compiling\n", "4000\n", "100%\n", "all tests passed\n"])
    def test_that_says_nothing_of_a_failure_is_not_the_root_line(self, output: str) -> None:
        assert (
            root(classic("./run", output, 3)) == "The command '/bin/sh -c ./run' returned a non-zero code: 3"
        )

    @pytest.mark.parametrize(
        "output", ["Systemd has to be there first", "config.yml is empty", "out of range: 7"]
    )
    def test_that_says_something_is_the_root_line(self, output: str) -> None:
        assert root(classic("./run", f"{output}\n", 3)) == output


class TestLastWords:
    def test_of_the_instruction_are_found_wherever_they_came_out(self) -> None:
        command = 'seq 3; echo "no licence here" >&2; exit 5'
        assert root(classic(command, "1\nno licence here\n2\n3\n", 5)) == "no licence here"

    def test_a_single_word_will_do(self) -> None:
        assert root(classic("echo broken >&2; exit 5", "broken\n", 5)) == "broken"

    def test_what_it_prints_to_its_standard_output_is_no_complaint(self) -> None:
        assert "returned a non-zero code" in root(classic("echo compiling; exit 9", "compiling\n", 9))

    def test_have_one_fingerprint_wherever_they_came_out(self) -> None:
        command = 'seq 3; echo "no licence here" >&2; exit 5'
        first = of(classic(command, "1\nno licence here\n2\n3\n", 5))
        glued = of(classic(command, "1\n2no licence here\n3\n", 5))
        assert first.fingerprint == glued.fingerprint


class TestTool:
    @pytest.mark.parametrize(
        ("command", "cause"),
        [
            ("poetry lock --no-update", "poetry.any"),
            ("bundle install --jobs 4", "ruby.bundler"),
            ("conda env update -f a.yml", "conda.unsat"),
        ],
    )
    def test_names_the_cause_where_no_rule_knows_the_line(self, command: str, cause: str) -> None:
        explanation = explain(parse(classic(command, "Something quite new went amiss\n", 1))[-1])
        assert explanation.diagnosis.cause == cause
        assert explanation.tier in {Tier.LAST, Tier.LOOKS}
        assert "which names the cause" in " ".join(explanation.turns)

    def test_names_none_where_a_program_of_ones_own_failed(self) -> None:
        assert of(classic("./run --fast", "Something quite new went amiss\n", 1)).cause == "unknown"

    def test_names_none_with_a_code_that_it_does_not_leave_with(self) -> None:
        assert of(classic("make || exit 7", "Something quite new went amiss\n", 7)).cause == "unknown"


class TestUnplaced:
    def test_output_of_a_log_without_its_indentation_is_searched(self) -> None:
        log = classic("conda activate env", "CondaError: Run 'conda init' before 'conda activate'\n", 1)
        diagnosis = of(log.replace(b" ---> Running", b"---> Running"))
        assert diagnosis.root_line is not None
        assert diagnosis.root_line.number == 5
        assert diagnosis.cause == "conda.missing"


class TestClosingWords:
    def test_that_only_say_that_a_command_failed_are_not_trusted(self) -> None:
        log = b'failed to solve: process "/bin/sh -c ./run" did not complete successfully: exit code: 3\n'
        log = b"#1 [internal] load build definition from Dockerfile\n#1 DONE 0.0s\n" + log
        explanation = explain(parse(log)[-1])
        assert explanation.diagnosis.cause == "unknown"
        assert explanation.tier is Tier.LAST

    @pytest.mark.parametrize(
        ("code", "cause"), [(137, "exec.exit-137"), (139, "exec.exit-139"), (127, "exec.exit-127")]
    )
    def test_name_a_cause_by_an_exit_code_of_the_shell(self, code: int, cause: str) -> None:
        log = (
            f'failed to solve: process "/bin/sh -c ./run" did not complete successfully: exit code: {code}\n'
        )
        log = "#1 [internal] load build definition from Dockerfile\n#1 DONE 0.0s\n" + log
        assert of(log.encode()).cause == cause
