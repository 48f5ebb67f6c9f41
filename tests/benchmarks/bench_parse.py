"""The structural parse of the classic builder's output, beside ``ripgrep -c`` of the same markers.

The log is made of recorded ones: once as many builds one after another, as they are, and once as one huge
build whose steps are numbered anew, since a marker that is looked for in vain must not cost more there. Seconds are
those of the processor, so that what else a machine does tells on neither.
"""

from __future__ import annotations

import itertools
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from logparse.model import Log, Outcome, Transcript
from logparse.parser.classic import parse_classic
from tests.benchmarks.table import Row, show

CLUSTER = Path(__file__).parents[2] / "fixtures" / "cluster"
SIZE = 100_000_000

# What ripgrep counts: a line for each thing that the parser tells apart.
MARKERS = [
    r"^Step [0-9]+(/[0-9]+)? : ",
    r"^ ---> ",
    r"(Removing|Removed) intermediate container ",
    r"returned a non-zero code: ",
    r"^Successfully (built|tagged) ",
    r"^Sending build context to Docker daemon",
    r": Pulling from ",
    r"^(Untagged|Deleted): ",
]


T = TypeVar("T")


def least(call: Callable[[], T], rounds: int = 3) -> tuple[float, T]:
    """The least seconds of a processor's that `call`, and programs it ran, took in some rounds; what it gave."""
    seconds = []
    for _ in range(rounds):
        start = _spent()
        result = call()
        seconds.append(_spent() - start)
        if len(seconds) < rounds:
            del result  # or the next round would need memory for both
    return min(seconds), result


def _spent() -> float:
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def recorded() -> list[bytes]:
    """Every recorded log that has steps."""
    logs = [path.read_bytes() for path in sorted(CLUSTER.glob("*/*/logs/*.log"))]
    return [log if log.endswith(b"\n") else log + b"\n" for log in logs if b"Step 1/" in log]


def many_builds(size: int, *, terminals: bool = True) -> bytes:
    """Recorded logs one after another, those of terminals among them or not."""
    logs = itertools.cycle([log for log in recorded() if terminals or b"\x1b[1A" not in log])
    made = bytearray()
    while len(made) < size:
        made += next(logs)
    return bytes(made)


def one_build(size: int) -> bytes:
    """One build with the steps of all recorded ones that succeeded, numbered anew."""
    steps = []
    for data in recorded():
        for build in parse_classic(Transcript(Log(data=data))):
            if build.outcome is Outcome.SUCCEEDED and len(build.steps) > 2:
                steps += [data[step.span.start : step.span.end] for step in build.steps[:-1]]
    steps = [step for step in steps if re.search(rb"\n ---> [0-9a-f]{12}\n\Z", step)]
    chosen: list[bytes] = []
    length = 0
    for step in itertools.cycle(steps):
        chosen.append(step)
        length += len(step)
        if length >= size:
            break
    made = bytearray(b"Sending build context to Docker daemon  2.048kB\n")
    for number, step in enumerate(chosen, 1):
        made += re.sub(rb"\AStep \d+/\d+ :", b"Step %d/%d :" % (number, len(chosen)), step, count=1)
    return bytes(made)


def ripgrep(path: Path) -> tuple[float, int]:
    """Seconds that ripgrep takes, on one core, to count the lines with markers; and their number."""
    command = ["rg", "--threads", "1", "--count", "--text"]
    for marker in MARKERS:
        command += ["--regexp", marker]
    seconds, result = least(lambda: subprocess.run([*command, str(path)], capture_output=True, check=True))
    return seconds, int(result.stdout)


def peak_memory(path: Path) -> int:
    """Bytes of resident memory that a process needs at most to read and parse a log, less what it began with."""
    program = (
        "import sys\n"
        "from logparse.model import Log, Transcript\n"
        "from logparse.parser.classic import parse_classic\n"
        "def peak():\n"
        "    return next(int(line.split()[1]) for line in open('/proc/self/status') if 'VmHWM' in line)\n"
        "before = peak()\n"
        "builds = parse_classic(Transcript(Log(data=open(sys.argv[1], 'rb').read())))\n"
        "print(1024 * (peak() - before))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, check=True, text=True
    )
    return int(done.stdout)


def main() -> None:
    """Print the tables."""
    if shutil.which("rg") is None:
        sys.exit("ripgrep is needed: apt-get install ripgrep")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "classic.log"
        for name, made in (("many builds", many_builds), ("one build", one_build)):
            data = made(SIZE)
            path.write_bytes(data)
            log = Transcript(Log(data=data))
            seconds, builds = least(partial(parse_classic, log))
            theirs, lines = ripgrep(path)
            count = f"{len(data) / 1e6:.0f} MB, {lines:,} lines"
            rows.append(
                Row(
                    f"structural parse, {name}",
                    count,
                    f"{len(data) / seconds / 1e6:.0f} MB/s",
                    f"ripgrep -c {len(data) / theirs / 1e6:.0f} MB/s",
                    f"{theirs / seconds:.2f}x",
                    ">= 1.00x",
                )
            )
            del log, builds
            memory = peak_memory(path)
            rows.append(
                Row(
                    f"peak memory, {name}",
                    f"{len(data) / 1e6:.0f} MB",
                    f"{memory / 1e6:.0f} MB",
                    "the log itself",
                    f"{memory / len(data):.2f}x",
                    "< 2.00x",
                )
            )
        show("Classic builder: structural parse", rows)

    rows = []
    base = 0.0
    for factor in (1, 2, 4, 8):
        data = one_build(10_000_000 * factor)
        log = Transcript(Log(data=data))
        seconds, builds = least(partial(parse_classic, log))
        steps = len(builds[0].steps)
        base = base or seconds / len(data)
        rows.append(
            Row(
                f"steps and size x{factor}",
                f"{len(data) / 1e6:.0f} MB, {steps:,} steps",
                f"{seconds * 1e3:.0f} ms",
                f"{seconds / steps * 1e6:.2f} us a step",
                f"{seconds / len(data) / base:.2f}x",
                "about 1.00x",
            )
        )
    show("Classic builder: time a byte as one build grows", rows)


if __name__ == "__main__":
    main()
