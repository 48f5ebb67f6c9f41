"""How often the root line and the cause are right, on labelled failures, beside a baseline.

The baseline is the last line before the builder's closing words, control sequences removed::

    python tests/benchmarks/bench_root_line.py
    python tests/benchmarks/bench_root_line.py --labels labels.jsonl --logs logs/
    python tests/benchmarks/bench_root_line.py --labels labels.jsonl --logs builds.parquet --tiers --wrong

Without arguments the labels of the project's own recorded builds are used. A label is one JSON object a line:
the log (``path``, ``file`` or ``name``), its root line (``root_line`` or ``error_line``), other lines that are
as good (``accepted`` or ``error_line_alternatives``), and the causes (``cause``, ``accepted_causes``, ``causes_accepted``).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from logparse.diagnosis import default_rules
from logparse.diagnosis.diagnose import explain
from logparse.model import Build, Log, Outcome, Status
from logparse.parser import parse
from logparse.text import plain

FIXTURES = Path(__file__).parents[2] / "fixtures"


@dataclass(frozen=True)
class Label:
    """What a person says of a failed build."""

    name: str
    lines: frozenset[int]
    causes: tuple[str, ...]

    @classmethod
    def read(cls, entry: dict[str, Any]) -> Label | None:
        """The label of a failed build, ``None`` for others."""
        line = entry.get("root_line") or entry.get("error_line")
        if isinstance(line, dict):
            line = line["number"]
        if line is None or entry.get("outcome", "failed") != "failed":
            return None
        others = entry.get("accepted") or entry.get("error_line_alternatives") or ()
        causes = [entry.get("cause"), *entry.get("causes_accepted", ()), *entry.get("accepted_causes", ())]
        return cls(
            entry.get("file") or entry.get("path") or entry["name"],
            frozenset((line, *(other for other in others if isinstance(other, int)))),
            tuple(cause for cause in causes if cause),
        )


@dataclass
class Score:
    """Counts over one labelled set."""

    total: int = 0
    skipped: int = 0
    baseline: int = 0
    line: int = 0
    cause: int = 0
    tiers: dict[str, Counter[bool]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def read_logs(where: Path) -> dict[str, bytes]:
    """Logs by name, from a folder or a Parquet file with the columns ``name`` and ``log``."""
    if where.is_dir():
        return {path.relative_to(where).as_posix(): path.read_bytes() for path in where.rglob("*.log")}
    table = pq.read_table(where, columns=["name", "log"]).to_pylist()
    return {row["name"]: row["log"].encode("utf-8", "surrogateescape") for row in table}


def baseline(build: Build) -> int:
    """The number of the last line that is not blank before the builder's closing words."""
    data = build.log.data
    end = build.failure.span.start if build.failure is not None else len(data)
    lines = data[:end].split(b"\n")
    for index in range(len(lines) - 1, -1, -1):
        if plain(lines[index]).strip():
            return index + 1
    return 0


def failed_build(data: bytes) -> Build | None:
    """The build of a log that failed; a log without the builder's last words counts as failed."""
    builds = parse(data)
    for build in reversed(builds):
        if build.outcome is Outcome.FAILED:
            return build
    builds = parse(Log(data=data, status=Status.FAILED))
    return builds[-1] if builds else None


def measure(labels: Iterator[Label], logs: dict[str, bytes]) -> Score:
    """Diagnose every labelled log and compare."""
    score = Score()
    for label in labels:
        data = logs.get(label.name)
        build = failed_build(data) if data is not None else None
        if build is None:
            score.skipped += 1
            continue
        diagnosis, tier = explain(build, default_rules())
        root = diagnosis.root_line.number if diagnosis.root_line else 0
        line = root in label.lines
        cause = any(fnmatchcase(diagnosis.cause or "", accepted) for accepted in label.causes)
        score.total += 1
        score.baseline += baseline(build) in label.lines
        score.line += line
        score.cause += cause
        score.tiers.setdefault(tier.name, Counter())[line and cause] += 1
        if not (line and cause):
            text = diagnosis.root_line.text[:110] if diagnosis.root_line else "-"
            score.wrong.append(
                f"{label.name}: line {root} for {sorted(label.lines)[:4]}, "
                f"{diagnosis.cause} for {list(label.causes)} [{tier.name}] {text}"
            )
    return score


def percent(part: int, total: int) -> str:
    """A share in percent, or a dash of nothing."""
    return f"{100 * part / total:.1f}" if total else "-"


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--labels", type=Path, action="append", default=[], help="labels, JSON lines")
    parser.add_argument(
        "--logs", type=Path, action="append", default=[], help="their logs: folder or Parquet"
    )
    parser.add_argument("--only", default="*", help="pattern of the log names to take")
    parser.add_argument(
        "--tiers", action="store_true", help="also the counts for the confidence of each tier"
    )
    parser.add_argument("--wrong", action="store_true", help="also what was wrong")
    options = parser.parse_args(arguments)
    if len(options.labels) != len(options.logs):
        parser.error("each --labels needs its --logs")
    sets = list(zip(options.labels, options.logs, strict=True))
    if (FIXTURES / "labels.jsonl").exists():
        sets.insert(0, (FIXTURES / "labels.jsonl", FIXTURES))
    print(f"{'labelled set':<28} {'n':>5} {'baseline %':>11} {'root line %':>12} {'cause %':>8}")
    tiers: dict[str, Counter[bool]] = {}
    for labels, where in sets:
        entries = [json.loads(line) for line in labels.read_text(encoding="utf-8").splitlines() if line]
        read = [
            label for label in map(Label.read, entries) if label and fnmatchcase(label.name, options.only)
        ]
        score = measure(iter(read), read_logs(where))
        n = score.total
        print(
            f"{labels.name:<28} {n:>5} {percent(score.baseline, n):>11} "
            f"{percent(score.line, n):>12} {percent(score.cause, n):>8}"
        )
        if options.wrong:
            print("\n".join(f"  {line}" for line in score.wrong))
        for tier, counts in score.tiers.items():
            tiers.setdefault(tier, Counter()).update(counts)
    if options.tiers:
        for tier, counts in sorted(tiers.items()):
            print(f"  {tier:<8} = ({counts[True]}, {counts.total()})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
