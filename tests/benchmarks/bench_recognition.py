"""How much of labelled logs is read right: builder, outcome, failing step, exit code, root line, cause.

Run with one JSON object a line that labels a log (``file``, ``format``, ``outcome``, ``failing_step``,
``exit_code``, ``error_line`` with ``error_line_alternatives``, ``causes_accepted``), and the folder of the logs::

    python -m tests.benchmarks.bench_recognition --labels labels.jsonl --logs logs/ [--wrong] [--only TEXT]

A log that holds several builds is judged by its first failed one, else by its last. A label that is null asks
nothing. Without arguments the recordings of every builder in ``fixtures/builders`` are judged by what the
recorder saw.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from logparse import Build, Outcome, diagnose, parse
from logparse.parser.buildkit.names import read_name

BUILDERS = Path(__file__).parents[2] / "fixtures" / "builders"
ASKED = ("builder", "outcome", "step", "exit code", "root line", "cause")
STRUCTURE = ASKED[:4]
FORMAT_OF = {
    "classic": "classic",
    "buildah": "buildah",
    "podman": "buildah",
    "engine": "classic",
    "compose-1": "classic",
    "at-once.classic": "classic",
}
"""Who wrote a recording, by the first word of its name; the others are BuildKit's."""

# What the labels call an outcome that the log does not show.
_OPEN = {Outcome.INCOMPLETE, Outcome.UNKNOWN}


def judged(builds: list[Build]) -> Build | None:
    """The build that a label speaks of."""
    failed = [build for build in builds if build.outcome is Outcome.FAILED]
    return failed[0] if failed else builds[-1] if builds else None


def compare(build: Build | None, label: dict[str, Any]) -> dict[str, bool]:
    """Whether each thing that a label states is so."""
    if build is None:
        return dict.fromkeys(ASKED, False)
    found = {
        "builder": build.builder.value == label["format"].split("_")[0],
        "outcome": build.outcome in _OPEN
        if label["outcome"] == "unknown"
        else build.outcome.value == label["outcome"],
    }
    if label["outcome"] != "failed":
        return found
    diagnosis = diagnose(build)
    if label.get("failing_step") is not None:
        found["step"] = diagnosis.step is not None and diagnosis.step.number == label["failing_step"]
    elif label.get("step_text"):
        found["step"] = diagnosis.step is not None and label["step_text"] in diagnosis.step.text
    if label.get("exit_code") is not None or "exit_code" in label:
        found["exit code"] = diagnosis.exit_code == label["exit_code"]
    lines = {label.get("error_line"), *(label.get("error_line_alternatives") or ())} - {None}
    if lines:
        found["root line"] = diagnosis.root_line is not None and diagnosis.root_line.number in lines
    if label.get("causes_accepted"):
        found["cause"] = any(fnmatchcase(diagnosis.cause or "", cause) for cause in label["causes_accepted"])
    return found


def _writer(name: str) -> str:
    if ".buildkit" in name:
        return "buildkit"
    return next((writer for start, writer in FORMAT_OF.items() if name.startswith(start)), "buildkit")


def recorded() -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """Every recording with what the recorder saw, as a label."""
    for truth in sorted(BUILDERS.glob("*/truth.json")):
        facts = json.loads(truth.read_text())["recordings"]
        vertices = [fact["vertex"] for fact in facts.values() if fact.get("vertex")]
        outside = {"buildkit"} if any(read_name(vertex).number is None for vertex in vertices) else set()
        for name, fact in facts.items():
            path = truth.parent / name
            if path.exists() and fact.get("outcome") in {"succeeded", "failed"}:
                # What failed outside the instructions has no step; only the classic builder had begun one.
                instruction = outside.isdisjoint({_writer(name)})
                label = {
                    "format": _writer(name),
                    "outcome": fact["outcome"],
                    "step_text": fact.get("step") if instruction else None,
                }
                if fact.get("step_exit_code") is not None:
                    label["exit_code"] = fact["step_exit_code"]
                yield f"{truth.parent.name}/{name}", path, label


def labelled(labels: Path, logs: Path) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """Every log with its label."""
    for line in labels.read_text().splitlines():
        label = json.loads(line)
        yield label["file"], logs / label["file"], label


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--logs", type=Path)
    parser.add_argument("--wrong", action="store_true", help="tell what is wrong")
    parser.add_argument("--only", default="", help="only logs whose name has this")
    given = parser.parse_args()
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    whole = logs = 0
    cases = labelled(given.labels, given.logs) if given.labels else recorded()
    for name, path, label in cases:
        if given.only not in name:
            continue
        build = judged(parse(path))
        answers = compare(build, label)
        logs += 1
        whole += all(answers.get(key, True) for key in STRUCTURE)
        asked.update(answers.keys())
        right.update(key for key, good in answers.items() if good)
        wrong = [key for key, good in answers.items() if not good]
        if given.wrong and wrong:
            print(f"{name}: {', '.join(wrong)}")
            if build is not None:
                said = diagnose(build)
                print(
                    f"    {build.builder} {build.outcome} step {said.step and said.step.text[:60]!r} "
                    f"exit {said.exit_code} line {said.root_line} cause {said.cause}"
                )
            keys = (
                "format",
                "outcome",
                "failing_step",
                "step_text",
                "exit_code",
                "error_line",
                "causes_accepted",
            )
            print("    label", {key: label[key] for key in keys if label.get(key) is not None})
    print(f"\n{'what':12} {'right':>6} {'of':>6}   share")
    for key in ASKED:
        if asked[key]:
            print(f"{key:12} {right[key]:6} {asked[key]:6}   {100 * right[key] / asked[key]:.1f} %")
    print(
        f"{'structure':12} {whole:6} {logs:6}   {100 * whole / max(logs, 1):.1f} %   all of {', '.join(STRUCTURE)}"
    )


if __name__ == "__main__":
    main()
