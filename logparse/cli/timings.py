"""``logparse timings``: where the time went, over builds, with error bars."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from typing import Any

import pandas as pd
from rich.table import Table
from rich.text import Text

from logparse.analytics import build_costs, step_costs
from logparse.cli.console import Format, console, note, safe, write_json
from logparse.cli.screens import plain_table
from logparse.model import Build
from logparse.secrets import mask
from logparse.timing import Estimates, estimate

__all__ = ["By", "show_timings"]

_BAR = 10
"""Characters of an error bar."""
_SHOWN = 20
_STEP_SHOWN = 22
_TREND = 1.15
_ID_SHOWN = 8
_MINUTE, _HOUR = 60, 3600


class By(enum.StrEnum):
    """What a row is about."""

    STEP = "step"
    BUILD = "build"


def show_timings(builds: Iterable[Build], by: By, form: Format, *, full: bool = False) -> None:
    """Print what steps cost over builds, or where the time of each build went.

    Parameters
    ----------
    builds
        Of any images.
    by, form
        What a row is about, and how to print.
    full
        Every row; else the most important of each image.
    """
    estimates = estimate(builds)
    made = step_costs(estimates) if by is By.STEP else build_costs(estimates)
    if form is not Format.TABLE:
        write_json((_row(row) for row in made.to_dict("records")), form)
        return
    for image, rows in made.groupby("image", sort=False):
        if by is By.STEP:
            _show_steps(str(image), rows, estimates, full=full)
        else:
            _show_builds(str(image), rows, full=full)


def _row(row: dict[Any, Any]) -> dict[str, Any]:
    """A row as plain values, what is not known as ``None``, with no secret in it."""
    return {str(name): _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return mask(value)
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value


def _show_steps(image: str, rows: pd.DataFrame, estimates: Estimates, *, full: bool) -> None:
    of_image = estimates.builds[estimates.builds["image"] == image]
    known = int(of_image["seconds"].notna().sum())
    console.print(safe(image or "builds", "bold"), safe(f"{len(of_image)} builds, {known} with a duration"))
    shown = rows if full else rows.head(_SHOWN)
    longest = shown["high"].max()
    table = _table("Step", "Runs", "Hit", "Sec", "90 %", "", "Part", "Trend")
    for row in shown.to_dict("records"):
        table.add_row(
            safe(_shortened(str(row["text"]))),
            str(row["runs"]),
            f"{row['cached_share']:.0%}",
            _seconds(row["seconds"]),
            _bounds(row["low"], row["high"]),
            _bar(row["seconds"], row["low"], row["high"], longest),
            "" if pd.isna(row["share"]) else f"{row['share']:.0%}",
            _trend(row),
        )
    console.print(table)
    if len(rows) > len(shown):
        console.print(f"... and {len(rows) - len(shown)} steps more (--full)", style="dim")
    for row in rows[rows["factor"].notna()].to_dict("records"):
        when = "" if pd.isna(row["changed_at"]) else f" on {row['changed_at']:%Y-%m-%d}"
        words = f"{_shortened(str(row['text']))} changed at once{when}, by a factor of {row['factor']:.1f}"
        console.print(safe(words, "yellow"))
    sources = set(shown["source"])
    if "estimated" in sources:
        console.print("Hit: from the cache. Seconds are estimated from the builds' durations.", style="dim")
    elif sources == {"none"}:
        console.print("No build tells when it started and finished, and no log has a clock.", style="dim")
    console.print()


def _show_builds(image: str, rows: pd.DataFrame, *, full: bool) -> None:
    console.print(safe(image or "builds", "bold"), f"{len(rows)} builds")
    shown = rows if full else rows.tail(_SHOWN)
    longest = shown["slowest_high"].max()
    table = _table("Build", "Started", "Took", "Slowest step", "Sec", "90 %", "")
    for row in shown.to_dict("records"):
        started = row["started_at"]
        table.add_row(
            safe(_name(str(row["build_key"]))),
            "" if pd.isna(started) else f"{started:%Y-%m-%d}",
            _seconds(row["seconds"]),
            safe("" if pd.isna(row["slowest_step"]) else _shortened(str(row["slowest_step"]))),
            _seconds(row["slowest_seconds"]),
            _bounds(row["slowest_low"], row["slowest_high"]),
            _bar(row["slowest_seconds"], row["slowest_low"], row["slowest_high"], longest),
        )
    console.print(table)
    if len(rows) > len(shown):
        console.print(f"The latest {len(shown)} of {len(rows)} builds (--full for all)", style="dim")
    for reason, count in rows["reason"].dropna().value_counts().items():
        note(f"{count} of {len(rows)}: {reason}.")
    console.print()


def _table(*columns: str) -> Table:
    """A table whose rows are one line each."""
    table = plain_table(*columns, right={"Runs", "Hit", "Took", "Sec", "Part"})
    for column in table.columns:
        column.no_wrap = True
    return table


def _name(key: str) -> str:
    """A build's id, or as much of its digest as tells it apart."""
    return (
        key.removeprefix("sha256:")[:_ID_SHOWN]
        if key.startswith("sha256:")
        else key.rpartition("/")[2][:_ID_SHOWN]
    )


def _shortened(text: str) -> str:
    text = mask(" ".join(text.split()))
    return text if len(text) <= _STEP_SHOWN else text[: _STEP_SHOWN - 1] + "…"


def _bounds(low: float, high: float) -> str:
    return "" if pd.isna(low) or pd.isna(high) else f"{_seconds(low)}-{_seconds(high)}"


def _seconds(value: float) -> str:
    if pd.isna(value):
        return ""
    if value >= _HOUR:
        return f"{int(value // _HOUR)}h{int(value % _HOUR // _MINUTE):02}m"
    if value >= _MINUTE:
        return f"{int(value // _MINUTE)}m{int(value % _MINUTE):02}s"
    return f"{value:.1f}"


def _bar(seconds: float, low: float, high: float, longest: float) -> Text:
    """An error bar: the line from the lower to the upper bound, with a mark at the seconds."""
    if pd.isna(seconds) or not longest:
        return Text("")
    low, high = (seconds if pd.isna(each) else each for each in (low, high))
    first, mark, last = (min(int(each / longest * (_BAR - 1)), _BAR - 1) for each in (low, seconds, high))
    line = [" "] * _BAR
    for place in range(first, last + 1):
        line[place] = "-"
    line[first] = line[last] = "|"
    line[mark] = "o"
    return Text("".join(line), "cyan")


def _trend(row: dict[Any, Any]) -> Text:
    if not pd.isna(row["factor"]):
        return Text(f"x{row['factor']:.1f}!", "yellow" if row["factor"] > 1 else "green")
    trend = row["trend"]
    if pd.isna(trend) or 1 / _TREND < trend < _TREND:
        return Text("")
    return Text(f"x{trend:.1f}", "dim")
