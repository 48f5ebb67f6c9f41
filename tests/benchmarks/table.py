"""What all benchmarks share: timing, peak memory, and a table of what, size, ours, theirs, ratio."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

T = TypeVar("T")

__all__ = ["Row", "best", "show"]


class Row(NamedTuple):
    """One comparison. `ratio` is how we compare with the goal beside it, in words for the reader."""

    what: str
    size: str
    ours: str
    theirs: str
    ratio: str
    goal: str


def best(call: Callable[[], T], rounds: int = 3) -> tuple[float, T]:
    """The least seconds that `call` took in some rounds, and what it gave."""
    least = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        result = call()
        least = min(least, time.perf_counter() - start)
    return least, result


def show(title: str, rows: list[Row]) -> None:
    """Print rows under a title."""
    cells = [Row("what", "size", "ours", "theirs", "ratio", "goal"), *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(Row._fields))]
    print(f"\n{title}")
    for number, row in enumerate(cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
