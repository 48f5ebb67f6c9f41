"""Whatever is in a log, diagnosing it ends, raises nothing, and keeps little."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from logparse.diagnosis import default_rules, diagnose, messages
from logparse.diagnosis.lines import Gate, Row, rows
from logparse.diagnosis.root_line import rank, search
from logparse.diagnosis.rules import Rule
from logparse.model import Log, Span, Status
from logparse.parser import parse

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
    for row in rows(data, [Span(start, end)]):
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
    match = Rule.match

    def counted(rule: Rule, text: str) -> dict[str, str] | None:
        nonlocal seen
        seen += 1
        return match(rule, text)

    lines = [Row(i, i, "copied a part of the whole", red=False) for i in range(20_000)]
    with patch.object(Rule, "match", counted):
        search(lines, default_rules())
    assert seen == 0


def test_of_a_long_line_only_the_ends_are_looked_at() -> None:
    data = b"error: begin " + b"a" * 1_000_000 + b" E: Unable to locate package end"
    (row,) = rows(data, [Span(0, len(data))])
    assert len(row.text) < 5000
    assert row.text.startswith("error: begin")
    assert row.text.endswith("package end")


def test_work_grows_with_the_output_and_no_faster() -> None:
    def matches(lines: int) -> int:
        count = 0
        match = Rule.match

        def counted(rule: Rule, text: str) -> dict[str, str] | None:
            nonlocal count
            count += 1
            return match(rule, text)

        text = "make: *** [all] Error 2 " + "a" * 300 + " not found"
        with patch.object(Rule, "match", counted):
            search((Row(i, i, text, red=False) for i in range(lines)), default_rules())
        return count

    assert matches(200) == 2 * matches(100)
