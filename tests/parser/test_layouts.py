"""Prefixes of small texts are looked for one by one, those of others many at once: they are the same."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from logparse.model import Log, Transcript
from logparse.parser.wrappings import layouts
from logparse.parser.wrappings.layouts import Prefixes, find_prefixes
from logparse.parser.wrappings.prefixes import choose
from logparse.parser.wrappings.stamps import STAMPS

FIXTURES = Path(__file__).parents[2] / "fixtures"
WRAPPED = [
    log
    for log in sorted(FIXTURES.glob("wrapped/*/*.log"))
    if choose(Transcript(Log(data=log.read_bytes()))) is not None
]
"""Those before whose lines something stands."""


def both(
    monkeypatch: pytest.MonkeyPatch, data: bytes, pattern: re.Pattern[bytes], begins: bytes = b""
) -> tuple[Prefixes, Prefixes]:
    """The prefixes of a text, found one by one and many at once."""
    found = []
    for small in (1 << 30, 0):
        monkeypatch.setattr(layouts, "_SMALL", small)
        found.append(find_prefixes(data, pattern, begins))
    return found[0], found[1]


def assert_same(one: Prefixes, other: Prefixes) -> None:
    assert one.starts.tolist() == other.starts.tolist()
    assert one.ends.tolist() == other.ends.tolist()
    assert [one.texts[kind] for kind in one.kinds.tolist()] == [
        other.texts[kind] for kind in other.kinds.tolist()
    ]
    assert one.digits == other.digits
    np.testing.assert_allclose(one.seconds, other.seconds, rtol=0, atol=1e-6)


@pytest.mark.parametrize("log", WRAPPED, ids=lambda log: f"{log.parent.name}/{log.name}")
def test_of_recorded_logs(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = log.read_bytes()
    chosen = choose(Transcript(Log(data=data)))
    assert chosen is not None
    assert_same(*both(monkeypatch, data, chosen.pattern, chosen.prefix.begins))


@pytest.mark.parametrize(
    ("kind", "lines", "seconds"),
    [
        # A day changes; fractions of other lengths; an offset from UTC.
        (
            "iso",
            [
                b"2024-02-28T23:59:59.5Z x",
                b"2024-02-29T00:00:00.25Z x",
                b"2024-02-29T01:00:00+01:00 x",
                b"text",
            ],
            [1709164799.5, 1709164800.25, 1709164800.0],
        ),
        ("go", [b"2024/02/29 00:00:01 x", b"2024/02/29 00:00:02 x"], [1709164801.0, 1709164802.0]),
        ("clock", [b"00:00:01 x", b"00:00:02 x", b"x", b"", b"23:59:59 x"], [1.0, 2.0, 86399.0]),
        ("epoch", [b"1709164801000 x", b"1709164801500 x"], [1709164801.0, 1709164801.5]),
    ],
)
def test_of_stamps(
    kind: str, lines: list[bytes], seconds: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = both(monkeypatch, b"\n".join(lines) + b"\n", re.compile(STAMPS[kind] + b" "))
    assert one.seconds.tolist() == pytest.approx(seconds)
    assert_same(one, other)


def test_of_names_that_hold_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [b"web-%d | 1 Step %d/9 : RUN a" % (number % 3, number) for number in range(1, 10)]
    pattern = re.compile(rb"(?P<name>[a-z]+-\d+) \| ")
    one, other = both(monkeypatch, b"\n".join(lines) + b"\n", pattern)
    assert [one.texts[kind]["name"] for kind in one.kinds.tolist()][:3] == [b"web-1", b"web-2", b"web-0"]
    assert_same(one, other)
