"""Recorded builds as if they ran again: a program that prints a log with the true times of its lines.

As a program: ``python -S replay.py LOG TRUTH [TIMES]`` writes each line of a log when it came while it was
recorded, and leaves with the exit code of the recording, when that ended. When it wrote each, by the line's
offset, it saves as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["REPLAY", "Replayed", "pieces", "replayed"]

REPLAY = __file__


class Replayed(NamedTuple):
    """A recorded build: its log, what is known of it, and how long it took."""

    path: Path
    truth: Path
    seconds: float


def replayed(cluster: Path) -> Iterator[Replayed]:
    """The builds of a recorded cluster that have a log."""
    for truth in sorted(cluster.glob("*/*/truth/*.json")):
        path = truth.parent.parent / "logs" / f"{truth.stem}.log"
        if path.exists():
            yield Replayed(path, truth, json.loads(truth.read_text())["seconds"])


def pieces(data: bytes, facts: dict[str, list[tuple[int, float]]]) -> Iterator[tuple[float, bytes]]:
    """The lines of a log, and when each came."""
    arrivals = facts["arrivals"]
    ends = [*(at for at, _ in arrivals[1:]), len(data)]
    for (at, seconds), end in zip(arrivals, ends):  # noqa: B905  this runs without the package's Python, too
        yield seconds, data[at:end]


def main(log: str, truth: str, times: str | None = None) -> int:
    """Print a log as it was printed."""
    with open(log, "rb") as file:  # noqa: PTH123  to import pathlib takes longer than some builds
        data = file.read()
    with open(truth) as file:  # noqa: PTH123
        facts = json.load(file)
    begin = time.monotonic()
    written = {}
    at = 0
    for seconds, line in pieces(data, facts):
        _wait(begin + seconds)
        written[at] = time.monotonic()
        os.write(1, line)
        at += len(line)
    if times is not None:
        with open(times, "w") as file:  # noqa: PTH123
            json.dump(written, file)
    _wait(begin + facts["seconds"])
    return int(facts["exit_code"]) % 256


def _wait(moment: float) -> None:
    seconds = moment - time.monotonic()
    if seconds > 0:
        time.sleep(seconds)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
