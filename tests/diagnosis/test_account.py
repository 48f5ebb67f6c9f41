"""Accounts of diagnoses: each says what was decided and why, and decides nothing itself."""

from __future__ import annotations

import itertools

import pytest

from logparse.diagnosis import Considered, Explanation, Part, diagnose, explain
from logparse.diagnosis.confidence import Tier
from logparse.fetch import RecordedCluster
from logparse.model import Line
from logparse.parser import parse
from tests.fixtures_path import CLUSTER


def account(command: str, output: str, code: int = 1) -> Explanation:
    """The account of a build whose third line begins the output of a failing RUN."""
    (build,) = parse(
        f"Step 1/1 : RUN {command}\n ---> Running in 0123456789ab\n{output}\n"
        f"The command '/bin/sh -c {command}' returned a non-zero code: {code}\n"
    )
    return explain(build)


def of_line(explanation: Explanation, number: int) -> list[Considered]:
    return [one for one in explanation.considered if one.line.number == number]


COMPILER = (
    "a.c:1:9: warning: unused variable\nx.c:1:1: error: no such thing\nlinking failed\n"
    "make: *** [Makefile:2: all] Error 1"
)


class TestAccount:
    def test_the_root_line_comes_first_with_the_parts_of_its_score(self) -> None:
        explanation = account("make", COMPILER, 2)
        first = explanation.considered[0]
        assert first.line == explanation.diagnosis.root_line == Line(4, "x.c:1:1: error: no such thing")
        assert (first.rule, first.cause, first.role) == ("c.error", "c.error", "cause")
        assert first.chosen
        assert first.why == "Chosen: it has the highest score."
        # A cause; c.error weighs 2; one line, "linking failed", stands between it and make's.
        assert [(part.name, round(part.points, 1)) for part in first.parts] == [
            ("role", 100.0),
            ("rule", 2),
            ("position", -3.8),
        ]
        assert first.score == 98.2
        assert first.parts[0] == Part("role", 100.0, "the rule c.error knows it as a cause")
        assert first.parts[2].words == "it is 2 lines before the end"

    def test_it_says_why_each_of_the_others_lost(self) -> None:
        explanation = account("make", COMPILER, 2)
        (wrapper,) = [one for one in of_line(explanation, 6) if one.role == "wrapper"]
        assert wrapper.rule == "make.error"
        assert wrapper.why == (
            "Not chosen: 60.2 points behind, most of all because it says only that another tool failed."
        )
        (unknown,) = of_line(explanation, 5)
        assert (unknown.role, unknown.rule, unknown.cause) == ("unknown", None, None)
        assert unknown.why.endswith("most of all because no rule knows it.")

    def test_exactly_the_root_line_is_chosen(self) -> None:
        chosen = [one for one in account("make", COMPILER, 2).considered if one.chosen]
        assert [one.line.number for one in chosen] == [4]

    def test_other_rules_that_know_the_line_are_named(self) -> None:
        explanation = account("apt-get install x", "E: Unable to locate package x", 100)
        mine, others = of_line(explanation, 3)[0], of_line(explanation, 3)[1:]
        assert mine.rule == "apt.locate"
        assert {one.why for one in others} == {"Not chosen: another rule makes more of the same line."}

    def test_what_is_known_as_a_warning_is_named(self) -> None:
        output = "pip: error: requests 2.25 has requirement x<1, but you'll have x 2 which is incompatible.\nerror: boom"
        noise = "debconf: unable to initialize frontend: Dialog\n"
        explanation = account("pip install x", noise + output)
        (warning,) = of_line(explanation, 3)
        assert (warning.rule, warning.role) == ("debconf.frontend", "warning")
        assert warning.why == "Not chosen: builds go on behind such a line."

    def test_an_earlier_line_that_explains_the_best_one(self) -> None:
        output = (
            "W: Failed to fetch http://deb.example/debian/dists/x/Release  Temporary failure resolving 'deb.example'\n"
            + "Reading package lists...\n" * 60
            + "E: Unable to locate package y"
        )
        explanation = account("apt-get update; apt-get install y", output, 100)
        first, second = explanation.considered[:2]
        assert first.line.number == 3
        assert first.why == "Chosen: it explains the line that had the highest score."
        assert second.line.number == 64
        assert second.why == "Not chosen: it has the highest score, and an earlier line explains it."
        assert (
            "An earlier line explains the one with the highest score, and takes its place."
            in explanation.turns
        )

    def test_lines_of_one_rule_are_counted(self) -> None:
        output = "\n".join(f"E: Unable to locate package p{i}" for i in range(5))
        assert account("apt-get install p0 p1", output, 100).considered[0].count == 5


class TestTurns:
    def test_of_a_program_that_failed(self) -> None:
        explanation = account("make", COMPILER, 2)
        assert explanation.tier is Tier.NEAR
        assert explanation.turns[:2] == (
            "The build stopped at step 1, RUN, with exit code 2.",
            "The output of the failing step was searched, 4 lines.",
        )
        assert explanation.turns[-1].startswith(
            "Verdicts by a cause within a few lines of the end were right on "
        )

    def test_of_a_command_that_said_nothing(self) -> None:
        explanation = account("wget -q https://files.example/a.tgz", "", 8)
        assert explanation.tier is Tier.SILENT
        assert explanation.turns[2] == (
            "The rule silent.wget-network explains the command and its exit code 8; a line would have to score 70"
            " to say more, and the best has 0."
        )
        (closing,) = explanation.considered
        assert (closing.role, closing.why) == ("builder", "Chosen by the command and its exit code.")

    def test_of_a_builder_that_failed(self) -> None:
        (build,) = parse("Step 1/1 : COPY a.txt /\nCOPY failed: no source files were specified\n")
        explanation = explain(build)
        assert explanation.turns[0] == "The build stopped at step 1, COPY, without an exit code."
        assert explanation.turns[2] == "The rule docker.copy-glob knows the builder's closing words."
        assert [one.line.number for one in explanation.considered] == [2]

    def test_of_a_build_that_did_not_fail(self) -> None:
        (build,) = parse("Step 1/1 : FROM x\n ---> 0123456789ab\nSuccessfully built 0123456789ab\n")
        explanation = explain(build)
        assert (explanation.tier, explanation.considered) == (None, ())
        assert explanation.turns == (
            "The outcome of the build is succeeded: nothing is explained, whatever its programs said.",
        )


@pytest.mark.parametrize("start", range(4))
def test_it_is_the_account_of_the_diagnosis(start: int) -> None:
    for log in itertools.islice(RecordedCluster(CLUSTER).logs(), start, None, 12):
        for build in parse(log):
            explanation = explain(build)
            assert explanation.diagnosis == diagnose(build)
            chosen = [one for one in explanation.considered if one.chosen]
            assert [one.line for one in chosen] == [
                line for line in (explanation.diagnosis.root_line,) if line is not None
            ]
            for one in explanation.considered:
                assert one.score == pytest.approx(sum(part.points for part in one.parts), abs=0.05)
                assert one.why.endswith(".")
