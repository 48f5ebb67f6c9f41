"""What tools say about their own time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logparse import parse
from logparse.timing.reported import reported_seconds, tools

SAMPLES = [(tool, line, seconds) for tool in tools() for line, seconds in tool.samples]
HEAD = b"Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : RUN x\n ---> Running in ba9876543210\n"


def told(output: bytes) -> float | None:
    step = parse(HEAD + output + b"Removing intermediate container ba9876543210\n ---> 00000000000a\n")[
        0
    ].steps[1]
    return reported_seconds(step)


@pytest.mark.parametrize(("tool", "line", "seconds"), SAMPLES, ids=[line for _, line, _ in SAMPLES])
def test_samples(tool, line, seconds):
    assert tool.seconds(line) == pytest.approx(seconds)
    assert told(line.encode() + b"\n") == pytest.approx(seconds)


@pytest.mark.parametrize("tool", tools(), ids=lambda tool: tool.name)
def test_every_tool_has_a_sample(tool):
    assert tool.samples


@pytest.mark.parametrize(
    "line",
    [
        b"compiling in 3 steps",
        b"Fetched 9,402 kB",
        b"added 3 lines in file.py",
        b"tests must end in 30s",
        b"realpath /usr/bin/x",
        b"retrying in 5s",
        b"Waiting 10s for the server",
    ],
)
def test_other_lines_say_nothing(line):
    assert told(line + b"\n") is None


def test_times_of_one_tool_add_up_and_the_largest_of_different_tools_counts():
    output = (
        b"Fetched 9,402 kB in 2s (4,701 kB/s)\nFetched 70 MB in 9s (7,701 kB/s)\n"
        b"added 3 packages in 4s\nreal\t0m12.500s\n"
    )
    assert told(output) == 12.5
    assert told(output.replace(b"12.5", b"02.5")) == 11.0


def test_colours_and_progress_bars_do_not_hide_it():
    assert told(b"\x1b[32mDone\x1b[0m in 48.31s.\n") == 48.31
    assert told(b"50%\r100%\rDone in 48.31s.\r\n") == 48.31


@given(st.binary(max_size=400))
def test_anything_can_be_read(output):
    seconds = told(output)
    assert seconds is None or seconds >= 0
