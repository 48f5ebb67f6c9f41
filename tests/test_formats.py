"""The README's table of formats: each cell says what recordings of that format give, no more and no less."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from logparse import Build, parse
from tests.fixtures_path import FIXTURES

README = (FIXTURES.parent / "README.md").read_text()

# Which recordings stand behind a row, by the beginning of its name.
LOGS = {
    "classic": ["builders/*/classic-*.log", "cluster/acme/sentiment/logs/*.log"],
    "BuildKit, plain": ["builders/*/buildkit-*.plain.log"],
    "BuildKit, events": ["builders/*/buildkit-*rawjson.jsonl"],
    "BuildKit, bundle": ["builders/*/*.dockerbuild"],
    "BuildKit, terminal": ["builders/*/buildkit-*.tty*.log"],
    "Engine API": ["builders/*/engine-api-*.jsonl"],
    "Compose and bake": ["builders/services*/compose-*.log", "builders/services*/bake.plain.log"],
    "buildah and podman": ["builders/*/buildah.log", "builders/*/podman.log"],
    "kaniko": ["made/kaniko/*.log"],
    "any of them behind time stamps": ["wrapped/github-actions/*.log", "wrapped/jenkins-timestamper/*.log"],
}


def table() -> dict[str, dict[str, str]]:
    """The table's cells by row and column."""
    lines = README[README.index("| format |") :].split("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: dict(zip(rows[0][1:], row[1:], strict=True)) for row in rows[2:]}


TABLE = table()


@cache
def builds(row: str) -> list[Build]:
    (patterns,) = (patterns for name, patterns in LOGS.items() if row.startswith(name))
    paths = [path for pattern in patterns for path in sorted(FIXTURES.glob(pattern))]
    assert paths
    found = [build for path in paths for build in parse(Path(path))]
    if "time stamps" in row:
        for path in sorted(FIXTURES.glob("builders/cached/*.log")):
            if "tty" not in path.name:
                found += parse(stamped(path.read_bytes()))
    return found


def stamped(data: bytes) -> bytes:
    """Lines behind the stamps of GitHub's runner, a second apart."""
    return b"".join(
        b"2024-05-01T10:%02d:%02d.0000000Z " % divmod(number, 60) + line
        for number, line in enumerate(data.splitlines(keepends=True))
    )


def evidence(row: str, column: str) -> bool:
    """Whether any recording gives what a column is about."""
    found = builds(row)
    steps = [step for build in found for step in build.steps]
    layers = [layer for build in found for pull in build.pulls for layer in pull.layers]
    match column:
        case "steps":
            return bool(steps)
        case "stages":
            return any(step.stage_name for step in steps)
        case "targets":
            return any(step.target for step in steps)
        case "cache":
            return any(step.cached for step in steps)
        case "pulls":
            return bool(layers)
        case "bytes":
            return any(layer.bytes for layer in layers)
        case "seconds":
            return any(step.timing.seconds is not None for step in steps)
        case "start":
            return any(step.timing.started is not None for step in steps)
        case "Dockerfile lines":
            return any(step.lines for step in steps)
    raise AssertionError(column)


def test_every_format_has_a_row():
    assert [next(name for name in LOGS if row.startswith(name)) for row in TABLE] == list(LOGS)


@pytest.mark.parametrize(
    ("row", "column"),
    [(row, column) for row, cells in TABLE.items() for column in cells if column != "read as"],
)
def test_a_cell_says_what_recordings_give(row, column):
    cell = TABLE[row][column]
    assert re.fullmatch(r"-|yes|clock|prefix|on a terminal|when failed|the failing one's", cell), cell
    assert evidence(row, column) == (cell != "-")


@pytest.mark.parametrize("row", TABLE)
def test_seconds_come_from_where_the_table_says(row):
    sources = {
        step.timing.source.value
        for build in builds(row)
        for step in build.steps
        if step.timing.seconds is not None
    }
    cell = TABLE[row]["seconds"]
    assert (cell in sources) if cell != "-" else not sources
