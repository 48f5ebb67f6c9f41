"""Messages: what programs said in any step, with how much it weighs there."""

from __future__ import annotations

from logparse.diagnosis import messages
from logparse.model import Build
from logparse.parser import parse

TWO_STEPS = (
    "Step 1/2 : RUN one\n ---> Running in 0123456789ab\nE: Unable to locate package tolerated\nfine\n"
    "Removing intermediate container 0123456789ab\n ---> 111111111111\n"
    "Step 2/2 : RUN two\n ---> Running in ba9876543210\nE: Unable to locate package fatal\n"
    "debconf: unable to initialize frontend: Dialog\n"
    "The command '/bin/sh -c two' returned a non-zero code: 100\n"
)


def build() -> Build:
    (only,) = parse(TWO_STEPS)
    return only


def test_lines_are_numbered_in_the_whole_log_and_belong_to_steps() -> None:
    found = messages(build())
    assert [(message.step_index, message.line.number) for message in found] == [(0, 3), (1, 9), (1, 10)]


def test_only_the_failing_step_has_errors() -> None:
    assert [message.severity for message in messages(build())] == ["warning", "error", "warning"]


def test_they_name_rule_cause_and_subject() -> None:
    message = messages(build())[1]
    assert (message.rule, message.cause, message.subject) == (
        "apt.locate",
        "apt.locate",
        {"package": "fatal"},
    )


def test_a_warning_has_no_cause() -> None:
    assert messages(build())[2].cause is None


def test_each_step_gives_at_most_so_many() -> None:
    output = "E: Unable to locate package x\n" * 500
    (noisy,) = parse(f"Step 1/1 : RUN x\n ---> Running in 0123456789ab\n{output}")
    assert len(messages(noisy, limit=7)) == 7


def test_the_shells_trace_is_no_message() -> None:
    output = "+ echo E: Unable to locate package x\nE: Unable to locate package x\n"
    (traced,) = parse(f"Step 1/1 : RUN x\n ---> Running in 0123456789ab\n{output}")
    assert [message.line.number for message in messages(traced)] == [4]


def test_what_the_builder_writes_behind_on_the_same_line_is_none_of_it() -> None:
    log = (
        "Step 1/2 : RUN one\n ---> Running in 0123456789ab\nE: Unable to locate package x"
        "Removing intermediate container 0123456789ab\n ---> 111111111111\n"
        "Step 2/2 : RUN two\n ---> Running in ba9876543210\nE: Unable to locate package y"
        "The command '/bin/sh -c two' returned a non-zero code: 100\n"
    )
    (glued,) = parse(log)
    assert [message.subject for message in messages(glued)] == [{"package": "x"}, {"package": "y"}]
