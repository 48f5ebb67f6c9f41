"""Why builds failed: how fast, beside others, as rules grow in number and logs in length.

::

    python -m tests.benchmarks.bench_diagnosis [--logs BUILDS.parquet] [--peers PYTHON]

The logs are those of the labelled failures in ``fixtures/`` that are text, or with ``--logs`` those of a
Parquet table with a column ``log``. ``--peers`` is a Python with ``buildlog-consultant`` or ``drain3``; each
reads the same logs from memory in the same run: the consultant says what it finds to be wrong, and drain3
makes templates of the lines, as other tools begin with. Ours is parsing and diagnosing. Seconds are those of
the processor, so that what else the machine does counts less.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from logparse.diagnosis import RuleBook, default_rules, diagnose
from logparse.evaluation import read_labels
from logparse.model import Log, Outcome, Status
from logparse.parser import parse
from tests.benchmarks.table import Row, show
from tests.fixtures_path import FIXTURES

MOST, LONGEST = 8_000_000, 400_000
"""Bytes of logs, and of one of them, that are read: peers are slow."""
FEW, MANY = 30, 300
SEED = 20

PEER = r"""
import json, sys, time
logs = json.load(open(sys.argv[2]))
def consultant():
    from buildlog_consultant.common import find_build_failure_description
    return lambda text: find_build_failure_description(text.splitlines(True))
def drain3():
    from drain3 import TemplateMiner
    miner = TemplateMiner()
    def mine(text):
        for line in text.splitlines():
            miner.add_log_message(line)
    return mine
try:
    read = {"buildlog-consultant": consultant, "drain3": drain3}[sys.argv[1]]()
except ImportError:
    print(json.dumps(None))
    sys.exit()
crashed, start = 0, time.process_time()
for log in logs:
    try:
        read(log)
    except BaseException:  # a panic of Rust is no Exception
        crashed += 1
print(json.dumps([time.process_time() - start, crashed]))
"""


def failing(table: Path | None) -> list[bytes]:
    """Logs of failed builds: labelled ones in text, or those of a table."""
    if table is not None:
        logs = pq.read_table(table, columns=["log"])["log"].to_pylist()
        return [log.encode("utf-8", "surrogateescape") if isinstance(log, str) else log for log in logs]
    labels = [label for file in sorted(FIXTURES.glob("labels*.jsonl")) for label in read_labels(file)]
    return [
        (FIXTURES / label.name).read_bytes()
        for label in labels
        if label.outcome == Outcome.FAILED and label.name.endswith(".log") and "tty" not in label.name
    ]


def some(logs: list[bytes]) -> list[bytes]:
    """The first of them that are not too long, as many as are enough."""
    short = [log for log in logs if len(log) <= LONGEST]
    ends = itertools.accumulate(map(len, short))
    return [log for log, end in zip(short, ends, strict=True) if end <= MOST]


def least(*calls: Callable[[], object], rounds: int = 3) -> list[float]:
    """The least seconds of the processor that each of some calls took, when they took turns."""
    seconds = [float("inf")] * len(calls)
    for _ in range(rounds):
        for place, call in enumerate(calls):
            gc.collect()
            start = time.process_time()
            call()
            seconds[place] = min(seconds[place], time.process_time() - start)
    return seconds


def why(logs: list[bytes], book: RuleBook | None = None) -> int:
    """Diagnose each log, from its bytes."""
    return sum(
        diagnose(build, rules=book).cause is not None
        for data in logs
        for build in parse(Log(data=data, status=Status.FAILED))
    )


def against_peers(logs: list[bytes], python: str, folder: Path) -> list[Row]:
    size = sum(map(len, logs))
    path = folder / "logs.json"
    path.write_text(json.dumps([log.decode("utf-8", "replace") for log in logs]))
    why(logs[:20])
    [ours] = least(partial(why, logs))
    rows = []
    for peer in ("buildlog-consultant", "drain3"):
        done = subprocess.run([python, "-c", PEER, peer, path], capture_output=True, check=True, text=True)
        result = json.loads(done.stdout)
        if result is None:
            continue
        theirs, crashed = result
        fails = f", fails on {crashed}" if crashed else ""
        rows.append(
            Row(
                "why builds failed" if peer != "drain3" else "templates of their lines",
                f"{len(logs):,} logs, {size / 1e6:.1f} MB",
                f"{size / ours / 1e6:.1f} MB/s",
                f"{peer} {size / theirs / 1e6:.2f} MB/s{fails}",
                f"{theirs / ours:.0f}x",
                ">= 10x" if peer != "drain3" else "-",
            )
        )
    return rows


def as_rules_grow(logs: list[bytes]) -> list[Row]:
    """The cost of many rules beside that of few, taken at random from those of the package."""
    book = default_rules()
    chosen = random.Random(SEED).sample(book.rules, len(book.rules))
    counts = (FEW, MANY, len(chosen))
    books = [RuleBook(book.causes, tuple(chosen[:count])) for count in counts]
    for chosen_book in books:
        why(logs[:1], chosen_book)
    times = least(*(partial(why, logs, chosen_book) for chosen_book in books), rounds=5)
    seconds = dict(zip(counts, times, strict=True))
    size = sum(map(len, logs))
    return [
        Row(
            f"{count} rules",
            f"{len(logs):,} logs, {size / 1e6:.1f} MB",
            f"{size / seconds[count] / 1e6:.1f} MB/s",
            f"{FEW} rules {size / seconds[FEW] / 1e6:.1f} MB/s",
            f"{seconds[count] / seconds[FEW]:.2f}x the time",
            "<= 2.00x" if count == MANY else "-",
        )
        for count in (MANY, len(chosen))
    ]


def grown(factor: int) -> bytes:
    """A failing step that prints `factor` times 25,000 lines, most of them like errors that rules know."""
    kinds = (
        b"src/part%d.c:%d:9: error: 'node' undeclared (first use in this function)\n",
        b"E: Unable to locate package libpart%d-dev%d\n",
        b"npm ERR! 404 Not Found - GET https://npm.example/part%d.%d\n",
        b"WARNING: part %d failed, trying again in %d s\n",
        b"compiling part %d of %d\n",
    )
    lines = b"".join(kinds[n % 5] % (n, n % 997) for n in range(25_000 * factor))
    return (
        b"Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : RUN make\n ---> Running in ba9876543210\n"
        + lines
        + b"make: *** [all] Error 1\nThe command '/bin/sh -c make' returned a non-zero code: 2\n"
    )


def as_logs_grow() -> list[Row]:
    factors = (1, 2, 4, 8)
    logs = [grown(factor) for factor in factors]
    seconds = least(*(partial(why, [data]) for data in logs))
    return [
        Row(
            "one step full of errors",
            f"{len(data) / 1e6:.1f} MB, {25 * factor},000 lines",
            f"{taken:.2f} s",
            f"{len(data) / taken / 1e6:.1f} MB/s",
            f"{taken / factor / seconds[0]:.2f}x a line",
            "about 1.00x",
        )
        for factor, data, taken in zip(factors, logs, seconds, strict=True)
    ]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--logs", type=Path)
    parser.add_argument("--peers", metavar="PYTHON")
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    logs = some(failing(given.logs))
    if not logs:
        sys.exit("There are no logs to diagnose.")
    if given.peers:
        with tempfile.TemporaryDirectory() as folder:
            rows = against_peers(logs, given.peers, Path(folder))
        show("Beside others, one core", rows)
    show("As rules grow in number", as_rules_grow(logs))
    show("As a log grows", as_logs_grow())


if __name__ == "__main__":
    main()
