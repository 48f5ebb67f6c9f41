"""Whatever is in a log, diagnosing it ends, raises nothing, and keeps little."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logparse.diagnosis import RuleBook, default_rules, diagnose, messages, rules
from logparse.diagnosis.lines import Gate, Row, rows
from logparse.diagnosis.root_line import rank, search
from logparse.diagnosis.rules import Patience, Role, Rule, patience_of
from logparse.fetch import RecordedCluster
from logparse.model import Build, Log, Span, Status, Transcript
from logparse.parser import parse
from tests.fixtures_path import CLUSTER

PIECES = [
    b"Step 1/2 : FROM x\n", b"Step 2/2 : RUN pip install y\n", b" ---> Running in 0123456789ab\n", b"\n", b"\r",
    b"Removing intermediate container 0123456789ab\n", b" ---> ba9876543210\n", b"\x1b[91m", b"\x1b[0m",
    b"error: boom\n", b"npm ERR! code ELIFECYCLE\n", b"E: Unable to locate package z\n", b"Traceback (most recent call last):\n",
    b"The command '/bin/sh -c pip install y' returned a non-zero code: 1\n", b"rake aborted!\n", b"Successfully built ba9876543210\n",
    b"COPY failed: no source files were specified\n", b"x" * 5000, b"\xff\xfe", "\u2018error\u2019".encode(),
]  # fmt: skip


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=40)), max_size=30))
@settings(max_examples=300, deadline=None)
def test_any_bytes_can_be_diagnosed(pieces: list[bytes]) -> None:
    for status in (None, Status.FAILED, Status.SUCCEEDED):
        data = b"".join(pieces)
        for build in parse(Log(data=data, status=status)):
            diagnosis = diagnose(build)
            messages(build)
            if diagnosis.root_line is not None:
                assert 1 <= diagnosis.root_line.number <= data.count(b"\n") + 1
                assert diagnosis.fingerprint is not None
            assert 0 <= diagnosis.confidence <= 1


@given(st.binary(max_size=300), st.integers(0, 300), st.integers(0, 300))
def test_lines_are_numbered_by_line_feeds(data: bytes, one: int, other: int) -> None:
    start, end = sorted((min(one, len(data)), min(other, len(data))))
    for row in rows(Transcript(Log(data=data)), [Span(start, end)]):
        assert 1 + data[:start].count(b"\n") <= row.number <= 1 + data[:end].count(b"\n")


@given(
    st.lists(st.text("ab\u2019", max_size=6), min_size=1),
    st.sets(st.text("ab\u2019", min_size=1, max_size=3)),
)
def test_a_gate_opens_for_exactly_the_lines_with_a_literal(texts: list[str], literals: set[str]) -> None:
    block = [Row(i + 1, i, text, red=False) for i, text in enumerate(texts)]
    opened = {row.place for row in Gate(literals).open(block)}
    assert opened == {row.place for row in block if any(literal in row.text for literal in literals)}


def test_many_errors_leave_few_candidates() -> None:
    lines = (Row(i, i, f"E: Unable to locate package p{i} error: x{i}", red=True) for i in range(50_000))
    assert len(rank(search(lines, default_rules()))) < 200


def test_patterns_see_only_lines_with_an_anchor() -> None:
    seen = 0
    read = Rule.read

    def counted(rule: Rule, text: str, patience: Patience | None = None) -> dict[str, str] | None:
        nonlocal seen
        seen += 1
        return read(rule, text, patience)

    lines = [Row(i, i, "copied a part of the whole", red=False) for i in range(20_000)]
    with patch.object(Rule, "read", counted):
        search(lines, default_rules())
    assert seen == 0


def test_of_a_long_line_only_the_ends_are_looked_at() -> None:
    data = b"error: begin " + b"a" * 1_000_000 + b" E: Unable to locate package end"
    (row,) = rows(Transcript(Log(data=data)), [Span(0, len(data))])
    assert len(row.text) < 5000
    assert row.text.startswith("error: begin")
    assert row.text.endswith("package end")


def cost(work: Callable[[], object]) -> float:
    """Seconds of processor time, the best of three."""
    seconds = []
    for _ in range(3):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def many_steps(number: int) -> str:
    steps = (
        f"Step {i}/{number} : RUN apt-get install x\n ---> Running in 0123456789ab\n"
        "E: Unable to locate package x\nfine\n"
        "Removing intermediate container 0123456789ab\n ---> ba9876543210\n"
        for i in range(1, number + 1)
    )
    return "".join(steps) + "The command '/bin/sh -c apt-get install x' returned a non-zero code: 100\n"


def many_builds(number: int) -> str:
    return (
        "Step 1/1 : RUN apt-get install x\n ---> Running in 0123456789ab\nfine\nE: Unable to locate package x\n"
        "The command '/bin/sh -c apt-get install x' returned a non-zero code: 100\n"
    ) * number


def huge_output(number: int) -> str:
    return (
        "Step 1/1 : RUN make\n ---> Running in 0123456789ab\n"
        + "".join(f"copied {i}\nx.c:{i}:1: error: no\n\x1b[1mall done\x1b[0m so far\n" for i in range(number))
        + "The command '/bin/sh -c make' returned a non-zero code: 2\n"
    )


@pytest.mark.parametrize("what", [messages, diagnose], ids=["messages", "diagnose"])
@pytest.mark.parametrize(
    ("make", "size"),
    [(many_steps, 4000), (many_builds, 1000), (huge_output, 5000)],
    ids=["steps", "builds", "output"],
)
def test_time_grows_with_the_log_and_no_faster(
    what: Callable[[Build], object], make: Callable[[int], str], size: int
) -> None:
    def seconds(number: int) -> float:
        builds = parse(make(number))
        for build in builds:
            len(build.steps)
        return cost(lambda: [what(build) for build in builds])

    seconds(10)  # compiles
    # Four times the log: 4 if linear, 16 if quadratic. The addend keeps noise of the clock out.
    assert seconds(4 * size) < 8 * seconds(size) + 0.05


def straightforward(build: Build) -> list[tuple[int, int, str]]:
    """Step, line and rule of all messages, found by showing every line to every rule."""
    rank = {Role.CAUSE: 3, Role.SYMPTOM: 2, Role.WRAPPER: 1, Role.WARNING: 0}
    found = []
    for index, step in enumerate(build.steps):
        for row in rows(build.transcript, step.outputs):
            rules = sorted(default_rules().output, key=lambda rule: rule.id)
            known = [rule for rule in rules if rule.match(row.text) is not None and rule.applies(step.text)]
            if known:
                best = max(known, key=lambda rule: (rank[rule.role], rule.weight))
                found.append((index, row.number, best.id))
    return found


def told(build: Build) -> list[tuple[int | None, int, str]]:
    return [(one.step_index, one.line.number, one.rule) for one in messages(build, limit=10**9)]


def test_messages_are_those_of_a_straightforward_search() -> None:
    for log in itertools.islice(RecordedCluster(CLUSTER).logs(), 0, None, 6):
        for build in parse(log):
            assert told(build) == straightforward(build)


@given(st.lists(st.one_of(st.sampled_from([
    b"E: Unable to", b" locate package x", b"\x1b[91m", b"\x1b[0m", b"\x1b[1m", b"\x1b[K", b"\n", b"\r", b"\x00", b"\x08",
    b"\xe2\x80\x8b", b"\xc2\x85", b"\xe2", b"there is no package called ", "\u2018dplyr\u2019".encode(), b"\xef\xbb\xbf",
    b"E: Una", b"ble to locate package y", b"x" * 4100, b"\x1b]0;", b"\x07",
]), st.binary(max_size=3)), max_size=20))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_control_sequences_hide_no_message(pieces: list[bytes]) -> None:
    data = b"Step 1/1 : RUN x\n ---> Running in 0123456789ab\n" + b"".join(pieces)
    for build in parse(Log(data=data)):
        assert told(build) == straightforward(build)


TOKEN = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize("shift", range(0, 48, 5))
def test_no_cut_leaves_half_a_secret(shift: int) -> None:
    head = "E: Unable to locate package x " + "a " * 1009
    line = head[: 2047 - shift] + " " + TOKEN + " middle " * 900 + TOKEN + " " + "z " * 1024
    line = line[: len(line) - shift]
    (build,) = parse(f"Step 1/1 : RUN x\n ---> Running in 0123456789ab\n{line}\n"
                     "The command '/bin/sh -c x' returned a non-zero code: 100\n")  # fmt: skip
    diagnosis = diagnose(build)
    (message,) = messages(build)
    assert diagnosis.root_line is not None
    for text in (diagnosis.root_line.text, message.line.text):
        assert "\n" not in text
        assert " \u2026 " in text
        assert "a1B2" not in text
        assert "1B2a" not in text


def test_a_rule_that_times_out_is_switched_off_for_the_log() -> None:
    slow = Rule(
        id="x.slow", cause="c.error", role=Role.CAUSE, anchors=("a",), samples=("a",),
        pattern=r"^(?:(?:a{1,99}){1,99}){1,99}(?=b)c",
    )  # fmt: skip
    book = RuleBook(default_rules().causes, (slow,))
    lines = ("a" * 2000 + "\n") * 40
    (build,) = parse(f"Step 1/1 : RUN x\n ---> Running in 0123456789ab\n{lines}")
    with patch.object(rules, "TIME_OUT", 0.01):
        messages(build, rules=book)
    patience = patience_of(build.log)
    assert patience.ended(slow)
    assert slow.match("a" * 2000, patience) is None
    assert patience._lost[slow.id] == rules.TIME_OUTS


def adversaries(rule: Rule, size: int) -> Iterator[str]:
    pieces = {*rule.anchors[:2], *(f"/a{anchor}" for anchor in rule.anchors[:2]), "a.", "a/", " ", "a:", "a1"}
    pieces.update(sample[: len(sample) * k // 4] for sample in rule.samples[:1] for k in (1, 2, 3))
    for piece in sorted(pieces - {""}):
        for anchor in rule.anchors[:1]:
            yield (piece * size)[: size - len(anchor)] + anchor


def test_no_rule_is_slow_on_any_line() -> None:
    def seconds(size: int) -> float:
        total = 0.0
        for rule in default_rules().rules:
            patience = Patience()
            lines = list(adversaries(rule, size))
            start = time.process_time()
            for line in lines:
                rule.match(line, patience)
                rule.applies(line, patience)
            spent = time.process_time() - start
            assert spent < 1, rule.id
            total += spent
            assert not patience._lost, rule.id
        return total

    with patch.object(rules, "TIME_OUT", 2):
        seconds(64)  # compiles
        assert seconds(4096) < 3 * seconds(2048)


@pytest.mark.parametrize("unit", ["a.", ".c", "a", "/a.c", "a.swift"])
def test_a_compilers_line_takes_time_in_proportion(unit: str) -> None:
    rule = next(rule for rule in default_rules().rules if rule.id == "c.error")
    line = (unit * 4096)[:4000] + ": error: no"
    patience = Patience()
    with patch.object(rules, "TIME_OUT", 0.05):
        rule.match(line, patience)
    assert not patience._lost
