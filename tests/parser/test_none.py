"""Logs in which no builder speaks."""

from __future__ import annotations

import time

import pytest

from logparse.model import Builder, Kind, Log
from logparse.parser import parse


@pytest.mark.parametrize(
    "line", [b"   Compiling serde v1.0.1", b"    Finished release [optimized] target(s)"]
)
def test_cargo_is_known(line):
    [build] = parse(Log(data=b"x\n" + line + b"\n"))
    assert build.builder is Builder.NONE
    assert [element.kind for element in build.elements()] == [Kind.OUTPUT]


@pytest.mark.parametrize("piece", [b"\r", b"\r\n", b" \n", b"\t\n"])
@pytest.mark.parametrize("before", [b"", b"STEP 1/2: FROM a\nSTEP 2/2: RUN b\n"])
def test_white_space_does_not_cost_its_square(before, piece):
    def seconds(size: int) -> float:
        data = before + piece * (size // len(piece))
        started = time.process_time()
        [build] = parse(Log(data=data))
        assert build.contents is not None
        return time.process_time() - started

    small, large = (min(seconds(size) for _ in range(3)) for size in (20_000, 160_000))
    assert large < 32 * max(small, 0.002)
