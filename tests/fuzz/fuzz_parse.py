"""Coverage-guided fuzzing of the whole parser with Atheris: no exception, no lost byte.

Atheris is not among the project's dependencies, since it is needed for this alone::

    pip install atheris
    python -m tests.fuzz.fuzz_parse corpus/ -max_len=600 -runs=10000000 [-fork=2]

The folder is filled with pieces of recorded logs of every builder first, unless it has files. What is
found is written as ``crash-*``; it belongs into the tests of the format that it breaks.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["logparse.parser", "logparse.log", "logparse.model", "logparse.bundle"]
):
    from logparse.log import Log
    from logparse.parser import parse

FIXTURES = Path(__file__).parents[2] / "fixtures"
PIECE = 600


def check(data: bytes) -> None:
    """Parse `data`, read all views, and see that every byte is in exactly one element."""
    builds = parse(Log(data=data))
    spans = []
    for build in builds:
        build.contents  # noqa: B018 - reading it is the point
        build.outcome, build.failing_step, build.exit_code  # noqa: B018
        spans += [(start, end) for _, start, end in build.elements()]
        for step in build.steps:
            step.output  # noqa: B018
    position = 0
    for start, end in sorted(spans):
        if start != position or end <= start:
            raise AssertionError(f"the element from {start} to {end} does not follow {position}")
        position = end
    if position != len(data):
        raise AssertionError(f"nothing holds the bytes from {position} to {len(data)}")


def seed(folder: Path) -> None:
    """Fill a folder with pieces of recorded logs."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        return
    chance = random.Random(1)
    logs = [*FIXTURES.glob("builders/*/*.log"), *FIXTURES.glob("builders/*/*.jsonl")]
    logs += [*FIXTURES.glob("wrapped/*/*.log"), *FIXTURES.glob("made/*/*.log")]
    logs += chance.sample(sorted(FIXTURES.glob("cluster/*/*/logs/*.log")), 40)
    for log in logs:
        data = log.read_bytes()
        starts = {0, max(0, len(data) - PIECE), chance.randrange(max(1, len(data)))}
        for start in starts:
            start = data.rfind(b"\n", 0, start) + 1  # noqa: PLW2901 - at the beginning of its line
            piece = data[start : start + PIECE]
            (folder / f"{log.parent.name}-{log.name}-{start}").write_bytes(piece)


def main() -> None:
    folder = next((Path(word) for word in sys.argv[1:] if not word.startswith("-")), None)
    if folder is not None:
        seed(folder)
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
