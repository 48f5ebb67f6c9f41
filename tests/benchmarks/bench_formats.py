"""Every builder's output and its wrappings, beside ``ripgrep -c`` of the same markers, chunks beside whole files.

::

    python -m tests.benchmarks.bench_formats [--peer parse_buildkit_output.py] [--consultant PYTHON]

Logs are made of recorded ones, one after another. ``--peer`` is a script with a class ``BuildKitParser`` that
reads plain BuildKit output into dictionaries, ``--consultant`` a Python with ``buildlog-consultant``; each is
compared on the same log, ours with everything read that theirs reads. Seconds are those of the processor.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from logparse import Feed, diagnose, parse
from tests.benchmarks.bench_parse import MARKERS as CLASSIC
from tests.benchmarks.bench_parse import least, many_builds
from tests.benchmarks.table import Row, show

BUILDERS = Path(__file__).parents[2] / "fixtures" / "builders"
SIZE = 100_000_000
PEER_SIZE = 20_000_000

PLAIN = [
    r"#[0-9]+ \[",
    r"#[0-9]+ (DONE|CACHED|CANCELED|ERROR|WARN|sha256:|extracting|transferring|exporting|pushing|naming)",
    r"#[0-9]+ (importing|writing|resolve|unpacking|preparing) ",
    r"------",
    r"ERROR: failed to",
]
BUILDAH = [
    r"(\[[0-9]+/[0-9]+\] )?STEP [0-9]+/[0-9]+: ",
    r"--> ",
    r"COMMIT",
    r"Successfully tagged",
    r"(Getting image source|Copying|Writing manifest|Storing|Trying to pull)",
    r"[Ee]rror(:| building)",
]
GITHUB = "2024-05-01T10:{:02}:{:02}.{:07}Z "
GITHUB_PREFIX = r"[0-9T:.-]{27}Z "


def recorded(name: str) -> bytes:
    """All recordings of one kind, one after another."""
    logs = [path.read_bytes() for path in sorted(BUILDERS.glob(f"*/{name}"))]
    return b"".join(log if log.endswith(b"\n") else log + b"\n" for log in logs)


def repeated(data: bytes, size: int) -> bytes:
    """`data` as often as makes `size`."""
    return data * (size // len(data) + 1)


def stamped(data: bytes) -> bytes:
    """Lines as GitHub's runner writes them, each behind the time; a carriage return ends one, too."""
    return b"".join(
        b"%b%b\n"
        % (
            GITHUB.format(number // 600_000 % 60, number // 10_000 % 60, number % 10_000 * 1000).encode(),
            line,
        )
        for number, line in enumerate(data.splitlines())
    )


def ripgrep(path: Path, markers: list[str], prefix: str = "") -> float:
    """Seconds that ripgrep takes, on one core, to count the lines with markers."""
    command = ["rg", "--threads", "1", "--count", "--text"]
    for marker in markers:
        command += [
            "--regexp",
            f"^{prefix}{marker.removeprefix('^')}" if marker[0] in "^#" or prefix else marker,
        ]
    return least(lambda: subprocess.run([*command, str(path)], capture_output=True, check=True))[0]


def against_ripgrep(folder: Path) -> list[Row]:
    plain = recorded("buildkit-28.plain.log")
    cases: list[tuple[str, bytes, list[str], str, str]] = [
        ("BuildKit plain", repeated(plain, SIZE), PLAIN, "", ">= 1.00x"),
        (
            "BuildKit plain, GitHub's stamps",
            stamped(repeated(plain, SIZE // 2)),
            PLAIN,
            GITHUB_PREFIX,
            ">= 0.50x",
        ),
        (
            "classic, GitHub's stamps",
            stamped(many_builds(SIZE // 2, terminals=False)),  # a runner has none
            CLASSIC,
            GITHUB_PREFIX,
            ">= 0.50x",
        ),
        ("buildah", repeated(recorded("buildah.log"), SIZE), BUILDAH, "", "-"),
    ]
    rows = []
    for name, data, markers, prefix, goal in cases:
        path = folder / "one.log"
        path.write_bytes(data)
        seconds, builds = least(partial(parse, data))
        theirs = ripgrep(path, markers, prefix)
        rows.append(
            Row(
                name,
                f"{len(data) / 1e6:.0f} MB, {len(builds):,} builds",
                f"{len(data) / seconds / 1e6:.0f} MB/s",
                f"ripgrep -c {len(data) / theirs / 1e6:.0f} MB/s",
                f"{theirs / seconds:.2f}x",
                goal,
            )
        )
        del builds
    return rows


def whole_steps(data: bytes) -> int:
    """Parse a log and read every step."""
    return sum(len(build.steps) for build in parse(data))


def fed_steps(data: bytes) -> int:
    """The same in chunks of 64 kB."""
    feed = Feed()
    count = sum(len(feed.feed(data[start : start + 65_536])) for start in range(0, len(data), 65_536))
    return count + len(feed.close())


def in_chunks() -> list[Row]:
    rows = []
    plain = recorded("buildkit-28.plain.log")
    for name, data in (
        ("classic", many_builds(SIZE // 4)),
        ("BuildKit plain", repeated(plain, SIZE // 4)),
        ("BuildKit plain, GitHub's stamps", stamped(repeated(plain, SIZE // 8))),
        ("BuildKit events", repeated(recorded("buildkit-28.live-rawjson.jsonl"), SIZE // 8)),
        ("BuildKit on a terminal", repeated(recorded("buildkit-28.tty.log"), SIZE // 8)),
        ("buildah", repeated(recorded("buildah.log"), SIZE // 8)),
        ("Engine API", repeated(recorded("engine-api-28.jsonl"), SIZE // 8)),
    ):
        whole, steps = least(partial(whole_steps, data))
        fed, fed_count = least(partial(fed_steps, data))
        rows.append(
            Row(
                f"{name}, steps read",
                f"{len(data) / 1e6:.0f} MB, {steps:,} / {fed_count:,} steps",
                f"{len(data) / fed / 1e6:.0f} MB/s in chunks",
                f"{len(data) / whole / 1e6:.0f} MB/s whole",
                f"{whole / fed:.2f}x",
                ">= 0.50x",
            )
        )
    return rows


def grown(factor: int) -> bytes:
    """One build of `factor` times as many steps: recorded vertices, numbered anew."""
    text = recorded("buildkit-28.plain.log")
    blocks = re.findall(
        rb"^#\d+ \[[^\n]*\d+/\d+\] RUN [^\n]*\n(?:#\d+ \d[^\n]*\n)*#\d+ DONE [^\n]*\n", text, re.MULTILINE
    )
    total = 40 * factor
    made = [b"#1 [internal] load build definition from Dockerfile\n#1 DONE 0.0s\n\n"]
    for number, block in enumerate(itertools.islice(itertools.cycle(blocks), total), 1):
        again = re.sub(rb"^#\d+ ", b"#%d " % (number + 1), block, flags=re.MULTILINE)
        made.append(re.sub(rb"\[[^\]\n]*\d+/\d+\]", b"[%d/%d]" % (number, total), again, count=1) + b"\n")
    return b"".join(made)


def as_steps_grow() -> list[Row]:
    rows, base = [], 0.0
    for factor in (1, 5, 25, 125):
        data = grown(factor)
        seconds, steps = least(partial(whole_steps, data), rounds=5)
        base = base or seconds / steps
        rows.append(
            Row(
                "BuildKit plain, one build",
                f"{len(data) / 1e3:.0f} kB, {steps:,} steps",
                f"{seconds * 1e3:.1f} ms",
                f"{seconds / steps * 1e6:.1f} us a step",
                f"{seconds / steps / base:.2f}x",
                "about 1.00x",
            )
        )
    return rows


def against_peers(peer: Path | None, consultant: str | None, folder: Path) -> list[Row]:
    data = repeated(recorded("buildkit-28.plain.log"), PEER_SIZE)
    rows = []
    if peer is not None:
        theirs, _ = least(partial(_load(peer), data.decode("utf-8", "replace")), rounds=1)
        ours, _ = least(partial(whole_steps, data))
        rows.append(_peer_row("steps of BuildKit plain", data, ours, theirs, peer.name))
    if consultant is not None:
        failed = (BUILDERS / "multiline" / "classic-28.log").read_bytes()
        path = folder / "failed.log"
        path.write_bytes(failed)
        program = (
            "import sys, time\n"
            "from buildlog_consultant.common import find_build_failure_description\n"
            "lines = open(sys.argv[1], errors='replace').read().splitlines(True)\n"
            "start = time.perf_counter()\n"
            "for _ in range(50): find_build_failure_description(lines)\n"
            "print(time.perf_counter() - start)\n"
        )
        done = subprocess.run([consultant, "-c", program, path], capture_output=True, check=True, text=True)
        theirs = float(done.stdout.split()[-1]) / 50
        ours, _ = least(lambda: [diagnose(build) for build in parse(failed)], rounds=50)
        rows.append(_peer_row("why a build failed", failed, ours, theirs, "buildlog-consultant"))
    return rows


def _peer_row(what: str, data: bytes, ours: float, theirs: float, name: str) -> Row:
    size = f"{len(data) / 1e6:.1f} MB" if len(data) > 1e6 else f"{len(data) / 1e3:.1f} kB"
    return Row(
        what,
        size,
        f"{len(data) / ours / 1e6:.1f} MB/s",
        f"{name} {len(data) / theirs / 1e6:.2f} MB/s",
        f"{theirs / ours:.0f}x",
        ">= 20x",
    )


def _load(script: Path) -> Callable[[str], Any]:
    spec = importlib.util.spec_from_file_location("peer", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda text: module.BuildKitParser().parse_log(text)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--consultant")
    given = parser.parse_args()
    if shutil.which("rg") is None:
        sys.exit("ripgrep is needed: apt-get install ripgrep")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        show("Parse beside ripgrep, one core", against_ripgrep(Path(folder)))
        show("Chunks beside whole files", in_chunks())
        show("Time a step as one build grows", as_steps_grow())
        peers = against_peers(given.peer, given.consultant, Path(folder))
        if peers:
            show("Beside others", peers)


if __name__ == "__main__":
    main()
