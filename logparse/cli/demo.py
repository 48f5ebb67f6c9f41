"""The main job from one end to the other, on builds that real engines recorded."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich.table import Table
from rich.text import Text

from logparse.analytics import Tables, failure_causes, step_costs, tables, to_pandas
from logparse.builds import read_builds
from logparse.cli.console import Format, console, safe
from logparse.cli.diagnoses import show_diagnoses
from logparse.cli.extras import server
from logparse.cli.screens import plain_table, show_fetch
from logparse.diagnosis import diagnose
from logparse.fetch import Archive, Client, RecordedCluster, embedded_cluster, fetch, rich_progress
from logparse.model import Outcome
from logparse.report import export
from logparse.secrets import mask
from logparse.timing import Estimates, estimate

__all__ = ["run_demo"]

TOKEN = "simDemoKeyOfTheLocalCluster0"  # noqa: S105  it opens recorded builds on this machine only

# Failures and causes that are listed; the report has all of them.
_SHOWN = 12
_STEPS_SHOWN = 6
_STEP_SHOWN = 28


def run_demo(out: Path) -> None:
    """Serve the recorded cluster, fetch by both routes, diagnose, time, and write the report.

    Parameters
    ----------
    out
        Folder of the five Parquet tables; the raw archive is in ``archive/`` below it.
    """
    cluster = RecordedCluster(embedded_cluster())
    archive = Archive(str(out / "archive"))
    with server().LocalCluster(cluster, token=TOKEN) as local:
        console.print(f"Serving recorded builds of {len(cluster)} algorithms on {local.address}\n")
        with Client(local.address, TOKEN) as client:
            for algorithm in cluster:
                name = f"{algorithm.owner}/{algorithm.name}"
                report = fetch(
                    client, name, archive, route="both", progress=rich_progress(f"Fetching {name}")
                )
                show_fetch(report, archive.path, Format.TABLE)
                report.raise_failures()

    builds = list(read_builds(archive.path))
    estimates = estimate(builds)
    for build in builds:
        estimates.timed(build)
    console.print("\nWhat failed, and why", style="bold")
    show_diagnoses((diagnose(build) for build in builds), limit=_SHOWN)
    made = tables(builds)
    console.print("\nClasses of failure", style="bold")
    console.print(_causes_table(made))
    console.print("\nWhere the time went", style="bold")
    console.print(_timings_table(made))
    console.print(
        "The API tells a build's seconds. The classic builder prints no clock, so those of its steps are"
        " estimated\nfrom many builds; nine in ten are between the bounds.",
        style="dim",
    )
    console.print(_costs_table(estimates))
    paths = export(made, out)
    console.print()
    console.print(safe(f"The report is in {out}:", "bold"), soft_wrap=True)
    for name, path in paths.items():
        rows = getattr(made, name).num_rows
        console.print(safe(f"  {path}  {rows} rows"), soft_wrap=True)
    first = next((build for build in builds if build.outcome is Outcome.FAILED), None)
    if first is not None:
        console.print(safe(f"Next: logparse diagnose --full {archive.path}"), style="dim", soft_wrap=True)


def _causes_table(made: Tables) -> Table:
    table = plain_table("Cause", "Side", "Retry", "Failures", "Algorithms", right={"Failures", "Algorithms"})
    causes = failure_causes(made)
    for row in causes.head(_SHOWN).to_dict("records"):
        table.add_row(
            safe(row["cause"]),
            safe(row["role_owner"]),
            safe(row["retry"]),
            str(row["failures"]),
            str(row["algorithms"]),
        )
    if len(causes) > _SHOWN:
        table.add_row(Text(f"... and {len(causes) - _SHOWN} more", "dim"))
    return table


def _timings_table(made: Tables) -> Table:
    """A row an algorithm: how long its builds took, and how much the cache spared them."""
    columns = ("Algorithm", "Builds", "Failed", "Median s", "Slowest s", "Steps cached")
    table = plain_table(*columns, right=set(columns[1:]))
    builds = to_pandas(made.builds)
    builds["algorithm"] = builds["owner"].astype(str).str.cat(builds["name"].astype(str), sep="/")
    for algorithm, group in builds.groupby("algorithm"):
        cached = group["cached_steps"].sum() / max(int(group["steps"].sum()), 1)
        table.add_row(
            safe(str(algorithm)),
            str(len(group)),
            str(int((group["outcome"] == Outcome.FAILED.value).sum())),
            _seconds(group["seconds"].median()),
            _seconds(group["seconds"].max()),
            f"{cached:.0%}",
        )
    return table


def _costs_table(estimates: Estimates) -> Table:
    """The steps that took most, in all builds together."""
    table = plain_table("Algorithm", "Step", "Runs", "Median s", "90 %", right={"Runs", "Median s"})
    costs = step_costs(estimates)
    costs = costs[costs["total"].notna()].sort_values("total", ascending=False).head(_STEPS_SHOWN)
    for row in costs.to_dict("records"):
        text = mask(row["text"])
        table.add_row(
            safe(row["image"]),
            safe(text if len(text) <= _STEP_SHOWN else text[: _STEP_SHOWN - 1] + "…"),
            str(row["runs"]),
            _seconds(row["seconds"]),
            f"{_seconds(row['low'])} to {_seconds(row['high'])}",
        )
    return table


def _seconds(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.1f}"
