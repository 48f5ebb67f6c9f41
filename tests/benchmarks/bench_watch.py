"""Measure what watching a build costs it: time, and how late its lines come.

Run from the repository's root::

    python -m tests.benchmarks.bench_watch

"theirs" is the same without ``logparse watch``, or with ``cat`` in its place, in the same run, in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from logparse import parse
from tests.benchmarks.table import Row, show
from tests.fixtures_path import CLUSTER, FIXTURES
from tests.live.foretold import foretold
from tests.live.replay import REPLAY, replayed

WATCH = [str(Path(sys.executable).with_name("logparse")), "watch"]
LINES = 100_000
"""Lines a second."""
BURST = 0.001
"""Seconds between the bursts in which they are written."""

# Writes a step, whose lines begin with the time of their writing, 70 bytes each, for some seconds.
PRODUCER = """
import os, sys, time
lines, seconds, burst = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
each = round(lines * burst)
os.write(1, b"Step 1/1 : RUN pip install package\\n ---> Running in ba9876543210\\n")
due = begin = time.monotonic()
while due < begin + seconds:
    wait = due - time.monotonic()
    if wait > 0:
        time.sleep(wait)
    os.write(1, b"%020d Collecting package==1.0.0 from the index of it\\n" % time.monotonic_ns() * each)
    due += burst
"""


def delays(command: list[str], seconds: float) -> list[float]:
    """Seconds by which each line comes late that a producer writes, at the end of a command it goes through."""
    producer = [sys.executable, "-S", "-c", PRODUCER, str(LINES), str(seconds), str(BURST)]
    chunks: list[tuple[int, bytes]] = []
    first = subprocess.Popen(producer, stdout=subprocess.PIPE)
    assert first.stdout is not None
    last = first
    if command:
        last = subprocess.Popen(
            command, stdin=first.stdout, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        first.stdout.close()
    assert last.stdout is not None
    while chunk := os.read(last.stdout.fileno(), 1 << 20):
        chunks.append((time.monotonic_ns(), chunk))
    last.stdout.close()
    assert first.wait() == 0
    assert last.wait() == 0
    found = []
    rest = b""
    for now, chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        found += [(now - int(line[:20])) / 1e9 for line in lines if line[:1].isdigit()]
    assert rest == b""
    # Until all processes have begun, lines wait for them.
    return found[len(found) // 4 :]


def _words(found: list[float]) -> str:
    levels = [found[int(share * (len(found) - 1))] for share in (0.5, 0.99, 0.999, 1.0)]
    return " / ".join(f"{1000 * level:.2f}" for level in levels)


def bench_delay(folder: Path, seconds: float, rounds: int) -> list[Row]:
    """How late lines come."""
    ways = {
        "nothing in between": [],
        "cat": ["cat"],
        "watch --log": [*WATCH, "--log", str(folder / "delay.log")],
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, command in ways.items():
            found[name] += delays(command, seconds)
    for each in found.values():
        each.sort()
    ours = found["watch --log"]
    rows = []
    for name in list(ways)[:2]:
        theirs = found[name]
        added = ours[int(0.999 * len(ours))] - theirs[int(0.999 * len(theirs))]
        rows.append(
            Row(
                f"delay of a line, beside {name}",
                f"{LINES:,} lines a second",
                f"{_words(ours)} ms",
                f"{_words(theirs)} ms",
                f"{1000 * added:+.2f} ms",
                "< 5 ms",
            )
        )
    return rows


def bench_build(folder: Path, rounds: int, *, least: float) -> list[Row]:
    """How much longer a build takes."""
    logs = [log for log in replayed(CLUSTER) if log.seconds >= least]
    log = min(logs, key=lambda each: each.seconds)
    alone = [sys.executable, "-S", str(REPLAY), str(log.path), str(log.truth)]
    saved = folder / "build.log"
    rows = []
    for name, words in (("--quiet", ["--quiet"]), ("with the table", [])):
        ours, theirs = [], []
        for _ in range(rounds):
            theirs.append(_seconds(alone))
            ours.append(_seconds([*WATCH, "--log", str(saved), *words, "--", *alone]))
        mine, other = statistics.median(ours), statistics.median(theirs)
        rows.append(
            Row(
                f"a build, watched, {name}",
                f"{log.seconds:.1f} s, {log.path.stat().st_size} bytes",
                f"{mine:.3f} s",
                f"{other:.3f} s",
                f"{mine / other - 1:+.2%}",
                "< 1 %",
            )
        )
    [build] = parse(saved.read_bytes())
    truth = json.loads(log.truth.read_text())["steps"]
    worst = max(
        abs((step.timing.seconds or 0.0) - true["seconds"])
        for step, true in zip(build.steps, truth, strict=True)
    )
    rows.append(
        Row(
            "its steps' seconds, at worst",
            f"{len(truth)} steps",
            f"{worst:.4f} s off",
            "truth",
            "",
            "< 0.05 s",
        )
    )
    return rows


def _seconds(command: list[str]) -> float:
    begin = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.monotonic() - begin


def bench_throughput(folder: Path, rounds: int, megabytes: int = 64) -> list[Row]:
    """How much of a step's output goes through."""
    line = b"Collecting package==1.0.0 from the index of it, as pip would say it\n"
    data = folder / "much.txt"
    step = b"Step 1/1 : RUN pip install package\n ---> Running in ba9876543210\n"
    data.write_bytes(step + line * (megabytes * 1_000_000 // len(line)))
    ways = {
        "--quiet": f"{WATCH[0]} watch --quiet --log {folder / 'much.log'} -- cat {data}",
        "with the table": f"{WATCH[0]} watch --log {folder / 'much.log'} -- cat {data}",
        "tee": f"cat {data} | tee {folder / 'tee.log'}",
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, command in ways.items():
            best[name] = min(best[name], _seconds(["sh", "-c", f"{command} | cat"]))
    rates = {name: megabytes / seconds for name, seconds in best.items()}
    return [
        Row(
            f"a step's output, saved, {name}",
            f"{megabytes} MB",
            f"{rates[name]:.0f} MB/s",
            f"tee {rates['tee']:.0f} MB/s",
            f"{rates[name] / rates['tee']:.2f}x",
            "",
        )
        for name in list(ways)[:2]
    ]


def bench_left() -> list[Row]:
    """How well is told what is left of a build."""
    folders = [*sorted((FIXTURES / "fleets").glob("*/*")), CLUSTER / "acme" / "demand_history"]
    rows = []
    for folder in folders:
        told = [(each, true) for each, true in foretold(folder) if each.seconds is not None]
        inside = sum((each.low or 0.0) <= true <= (each.high or 0.0) for each, true in told)
        off = statistics.median(abs((each.seconds or 0.0) - true) for each, true in told)
        rows.append(
            Row(
                f"{folder.parent.name}/{folder.name}",
                f"{len(told)} times asked",
                f"{inside / len(told):.1%} in the range",
                f"{statistics.median(true for _, true in told):.2f} s left",
                f"{off:.2f} s off",
                "90 %",
            )
        )
    return rows


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=2.0, help="of lines, for delays")
    options.add_argument("--least", type=float, default=20.0, help="seconds of the build that is replayed")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        show(
            "Delays: median / 99 % / 99.9 % / most of all lines",
            bench_delay(folder, given.seconds, given.rounds),
        )
        show("Throughput", bench_throughput(folder, given.rounds))
        show("What is left of recorded builds, to go by those before them (medians)", bench_left())
        show(
            "Builds, replayed with the times of their recording",
            bench_build(folder, min(given.rounds, 2), least=given.least),
        )


if __name__ == "__main__":
    main()
