"""Export of 10,000 builds of 20 steps, beside pyarrow writing the same tables from memory."""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from logparse import Build, Log, export, parse, tables
from logparse.diagnosis import messages
from logparse.fetch import RecordedCluster
from tests.benchmarks.table import Row, best, show
from tests.fixtures_path import CLUSTER

BUILDS = 10_000


def many_logs() -> list[Log]:
    """Logs of recorded builds with 20 or 21 steps, under as many build ids as needed."""
    logs = [log for log in RecordedCluster(CLUSTER).logs() if len(parse(log)[0].steps) in {20, 21}]
    return [
        replace(log, build_id=f"{log.build_id}-{number}")
        for number, log in zip(range(BUILDS), itertools.cycle(logs), strict=False)
    ]


def main() -> None:
    """Print the table."""
    logs = many_logs()
    made = tables(build for log in logs for build in parse(log))
    size = f"{BUILDS:,} builds, {made.steps.num_rows:,} steps"

    with tempfile.TemporaryDirectory() as folder:

        def write() -> None:
            for name, table in made.items():
                pq.write_table(table, Path(folder) / f"{name}.parquet", compression="zstd")

        def parsed() -> list[Build]:
            return [build for log in logs for build in parse(log)]

        theirs, _ = best(write)
        rows = []
        seconds, _ = best(lambda: export(made, folder))
        rows.append(("export, tables in memory", seconds, "-"))
        builds = parsed()
        for build in builds:
            build.contents  # noqa: B018  it is decoded when it is first asked for
        seconds, _ = best(lambda: export(builds, folder))
        rows.append(("export, builds in memory", seconds, "<= 3.0x"))
        # These tables hold what has to be found in the logs, and not only what the builds have.
        seconds, _ = best(lambda: [messages(build) for build in builds])
        rows.append(("of it, recognise messages", seconds, "-"))
        seconds, _ = best(lambda: export(parsed(), folder))
        rows.append(("parse and export, logs in memory", seconds, "-"))
    show(
        "Export to Parquet",
        [
            Row(
                what,
                size,
                f"{seconds:.2f} s",
                f"pyarrow {theirs:.2f} s",
                f"{seconds / theirs:.1f}x the time",
                goal,
            )
            for what, seconds, goal in rows
        ],
    )


if __name__ == "__main__":
    main()
