"""``logparse timings``: where the time went, over builds, with error bars."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd
from rich.text import Text

from logparse.analytics import build_costs, step_costs
from logparse.cli.columns import Columns, short_names
from logparse.cli.console import Format, console, safe, write_json
from logparse.cli.timed import estimated
from logparse.model import Build, TimingSource
from logparse.secrets import mask
from logparse.timing import Estimates

__all__ = ["By", "show_timings"]

_BAR = 10
"""Characters of an error bar."""
_FEWEST, _MOST = 5, 20
"""Steps of an image that are shown: those that took nearly all its time, but so many."""
_NEARLY_ALL = 0.95
_FEW = 5
"""Builds below which steps' seconds are little more than what is usual for their kind."""
_GROUPS, _NAMES, _NAME = 3, 2, 28
"""Groups that are explained, their steps that are named, and characters of a name."""
_WORTH = 0.05
"""Share of the time below which nobody asks how a group's divides."""
_LEAST = 0.05
"""Seconds below which it does not matter which step of a build was the slowest."""
_ESTIMATED, _NONE = TimingSource.ESTIMATED.value, TimingSource.NONE.value
_TREND = 1.15
_ID_SHOWN, _PATH_SHOWN = 8, 24
_RIGHT = frozenset({"Runs", "Cached", "Sec", "Share", "Took", "Steps"})
_MINUTE, _HOUR = 60, 3600
_TENTHS = 10
"""Seconds from which on bounds are told without tenths."""
_ABOUT_SECONDS = "90 %: bounds of the seconds of one run, drawn beside them. "
_ABOUT_ESTIMATES = "~: estimated from the durations of builds. "
_ABOUT = {
    "step": "Sec: the median of the runs. Spread: nine runs in ten. Cached: of the builds that have the step."
    " Share: of the time of all steps. Trend: the last third of the runs over the first, ! if it changed at"
    " once.",
    "build": "Cached: of its steps. Steps: their share of what the build took.",
}


class By(enum.StrEnum):
    """What a row is about."""

    STEP = "step"
    BUILD = "build"


class _Seen:
    """What is shown of builds beside their estimates, noted as they go by.

    Attributes
    ----------
    builds
        Where each build is from, by its key.
    places
        The stage of each step, and whether it pulled its image, by the build's key.
    """

    def __init__(self) -> None:
        self.builds: dict[str, dict[str, Any]] = {}
        self.places: dict[str, list[tuple[str | None, bool]]] = {}

    def noting(self, builds: Iterable[Build]) -> Iterator[Build]:
        """Note builds that go by."""
        for build in builds:
            pulled = {pull.step_number for pull in build.pulls}
            self.places[build.key] = [(step.stage_label, step.number in pulled) for step in build.steps]
            log = build.log
            self.builds[build.key] = {"path": log.path, "build": build.index, "build_id": log.build_id}
            yield build

    def name(self, key: str) -> str:
        """A build's id, or the end of its path."""
        build = self.builds[key]
        if build["build_id"]:
            return str(build["build_id"])[:_ID_SHOWN]
        name = (build["path"] or "-").rpartition("/")[2]
        name = name if len(name) <= _PATH_SHOWN else "…" + name[1 - _PATH_SHOWN :]
        return f"{name}#{build['build'] + 1}" if build["build"] else name


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

    Notes
    -----
    As data, a row of a step is one of :func:`logparse.step_costs` with ``stage`` and ``pulled`` (whether it
    pulled its image) of its latest run; a row of a build is one of :func:`logparse.build_costs` with the
    ``path``, ``build`` (0-based number in its log) and ``build_id`` of its log. What is not known is null.
    """
    seen = _Seen()
    estimates = estimated(seen.noting(builds))
    made = _steps(estimates, seen) if by is By.STEP else build_costs(estimates)
    if form is not Format.TABLE:
        rows = (_row(row) for row in made.to_dict("records"))
        if by is By.BUILD:
            rows = ({**row, **seen.builds[row["build_key"]]} for row in rows)
        write_json(rows, form)
        return
    images = list(dict.fromkeys([*made["image"], *estimates.builds["image"]]))
    for image in images:
        rows_of_image = made[made["image"] == image]
        _show_headline(image, estimates)
        if by is By.STEP:
            _show_steps(image, rows_of_image, estimates, full=full)
        else:
            _show_builds(rows_of_image, seen, full=full)
        _show_reasons(image, estimates, by)
        console.print()
    if estimates.steps["seconds"].notna().any():
        estimated_too = (estimates.steps["source"] == _ESTIMATED).any()
        console.print((_ABOUT_ESTIMATES if estimated_too else "") + _ABOUT_SECONDS + _ABOUT[by], style="dim")


def _steps(estimates: Estimates, seen: _Seen) -> pd.DataFrame:
    """What steps cost, each with its stage and whether it pulled an image, as of its latest run."""
    made = step_costs(estimates)
    latest = estimates.steps.dropna(subset="work").drop_duplicates(["image", "work"], keep="last")
    columns = (latest[name].tolist() for name in ("image", "work", "build_key", "step_index"))
    places = {
        (image, work): seen.places[key][index] for image, work, key, index in zip(*columns, strict=True)
    }
    of_rows = [places.get(key, (None, False)) for key in zip(made["image"], made["work"], strict=True)]
    stages = pd.Series([stage for stage, _ in of_rows], made.index, dtype=object)
    return made.assign(stage=stages, pulled=[pulled for _, pulled in of_rows])


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


# -- screens ----------------------------------------------------------------------------------------------


def _show_headline(image: str, estimates: Estimates) -> None:
    builds = estimates.builds[estimates.builds["image"] == image]
    line = Text().append_text(safe(mask(image or "builds"), "bold"))
    line.append(f": {_count(len(builds), 'build')}")
    days = [
        f"{day:%Y-%m-%d}"
        for day in (builds["started_at"].min(), builds["started_at"].max())
        if not pd.isna(day)
    ]
    if days:
        line.append(", " + " to ".join(dict.fromkeys(days)))
    console.print(line, soft_wrap=True)


def _show_steps(image: str, rows: pd.DataFrame, estimates: Estimates, *, full: bool) -> None:
    if rows.empty:
        console.print("no steps", style="dim")
        return
    shown = rows if full else rows.head(_shown(rows["share"]))
    highest = shown["high"].fillna(shown["seconds"])
    scale = _scale(highest[shown["runs"] > 1], highest)
    table = Columns(
        "Step", "", "Runs", "Cached", "Sec", "90 %", _scale_title(scale), "Spread", "Share", "Trend",
        right=_RIGHT,
    )  # fmt: skip
    texts = rows["text"].value_counts()
    for row in shown.to_dict("records"):
        known = () if pd.isna(row["seconds"]) else (
            *_error_bar(row, "", scale),
            _bounds(row["fastest"], row["slowest"]) if row["runs"] > 1 else "",
            "" if pd.isna(row["share"]) else f"{row['share']:.0%}",
            _trend(row),
        )  # fmt: skip
        table.add(
            _named(row) if texts[row["text"]] > 1 else row["text"],
            _words(row["group"]),
            str(row["runs"]),
            f"{row['cached_share']:.0%}",
            *known,
            words="" if known else _words(row["reason"]),
        )
    table.print()
    left = rows[len(shown) :]
    if len(left):
        share = "" if left["share"].isna().all() else f", {left['share'].sum():.0%} of the time"
        console.print(f"and {_count(len(left), 'step')} more{share} (--full)", style="dim")
    _show_changes(rows)
    _show_groups(rows, estimates)
    _show_advice(image, rows, estimates)


def _shown(shares: pd.Series) -> int:
    """How many of the first rows are nearly all of it."""
    if shares.isna().all():
        return _MOST
    enough = int((shares.cumsum() < _NEARLY_ALL).sum()) + 1
    return min(max(enough, _FEWEST), _MOST)


def _named(row: dict[Any, Any]) -> str:
    """A step whose text others have too, with what tells it from these."""
    if row["pulled"]:
        return f"pulled {row['text'].removeprefix('FROM ')}"
    return f"[{row['stage']}] {row['text']}" if row["stage"] else str(row["text"])


def _show_changes(rows: pd.DataFrame) -> None:
    for row in rows[rows["factor"].notna()].to_dict("records"):
        when = "" if pd.isna(row["changed_at"]) else f" on {row['changed_at']:%Y-%m-%d}"
        console.print(
            safe(f"{_text(row)} changed at once{when}, by a factor of {row['factor']:.1f}.", "yellow")
        )


def _show_groups(rows: pd.DataFrame, estimates: Estimates) -> None:
    """Tell what is known of steps that durations cannot tell apart: their sum."""
    keys = estimates.builds["build_key"][estimates.builds["image"] == rows["image"].iloc[0]]
    sums = estimates.groups[estimates.groups["build_key"].isin(keys)]
    known = sums.groupby("group")[["seconds", "low", "high"]].median()
    shares = rows.groupby("group")["share"].sum().sort_values(ascending=False)
    for group in shares[shares > _WORTH].index.intersection(known.index, sort=False)[:_GROUPS]:
        texts = short_names([_text(row) for row in rows[rows["group"] == group].to_dict("records")], _NAME)
        more = f" and {len(texts) - _NAMES} more" if len(texts) > _NAMES else ""
        seconds, low, high = known.loc[group]
        console.print(safe(
            f"{group}: {', '.join(texts[:_NAMES])}{more} always ran together. Durations tell their sum,"
            f" {_seconds(seconds, _ESTIMATED)} s ({_bounds(low, high)}), not how it divides."
        ))  # fmt: skip


def _show_advice(image: str, rows: pd.DataFrame, estimates: Estimates) -> None:
    """Say how more could be known."""
    builds = estimates.builds[estimates.builds["image"] == image]
    sources = set(rows["source"])
    if sources == {_NONE}:
        console.print(
            "Seconds need a start and a finish, as builds of a cluster or raw archive have, or time stamps in"
            " the log, as logparse watch --log saves them.",
            style="dim",
        )
    elif _ESTIMATED in sources and builds["seconds"].notna().sum() < _FEW:
        console.print(
            "Few builds tell little more than what such steps usually take; give more of this image.",
            style="dim",
        )


def _show_reasons(image: str, estimates: Estimates, by: By) -> None:
    """Say why durations are not known, where these matter."""
    builds = estimates.builds[estimates.builds["image"] == image]
    steps = estimates.steps[estimates.steps["image"] == image]
    if by is By.BUILD or steps["source"].isin([_ESTIMATED, _NONE]).any():
        for reason, count in builds["reason"].dropna().value_counts().items():
            console.print(safe(f"{count} of {_count(len(builds), 'build')}: {reason}.", "dim"))


def _show_builds(rows: pd.DataFrame, seen: _Seen, *, full: bool) -> None:
    shown = rows if full else rows.tail(_MOST)
    scale = _scale(shown["slowest_high"].fillna(shown["slowest_seconds"]))
    table = Columns(
        "Build", "Started", "Took", "Cached", "Steps", "Slowest step", "Sec", "90 %", _scale_title(scale),
        right=_RIGHT, gives_way=5,
    )  # fmt: skip
    for row in shown.to_dict("records"):
        started = row["started_at"]
        known = _error_bar(row, "slowest_", scale) if row["slowest_seconds"] >= _LEAST else ()
        step = row["slowest_step"]
        if not known:
            is_short = row["cached_share"] == 1 or row["slowest_seconds"] < _LEAST
            step = "(none took long)" if is_short else _words(row["reason"])
        table.add(
            seen.name(row["build_key"]),
            "" if pd.isna(started) else f"{started:%Y-%m-%d}",
            "?" if pd.isna(row["seconds"]) else _seconds(row["seconds"]),
            "" if pd.isna(row["cached_share"]) else f"{row['cached_share']:.0%}",
            "" if pd.isna(row["explained"]) else f"{row['explained']:.0%}",
            step,
            *known,
        )
    table.print()
    if len(rows) > len(shown):
        console.print(f"the latest {len(shown)} of {len(rows)} builds (--full)", style="dim")


# -- cells ------------------------------------------------------------------------------------------------


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _words(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _text(row: dict[Any, Any]) -> str:
    return mask(" ".join(str(row["text"]).split()))


def _error_bar(row: dict[Any, Any], what: str, scale: float) -> tuple[str, str, Text]:
    """Seconds, their bounds, and both drawn."""
    seconds, low, high = (row[f"{what}{name}"] for name in ("seconds", "low", "high"))
    return _seconds(seconds, row[f"{what}source"]), _bounds(low, high), _bar(seconds, low, high, scale)


def _bounds(low: float, high: float) -> str:
    if pd.isna(low) or pd.isna(high):
        return ""
    return "-".join(
        _seconds(each) if each < _TENTHS or each >= _MINUTE else f"{each:.0f}" for each in (low, high)
    )


def _seconds(value: float, source: str = "") -> str:
    mark = "~" if source == _ESTIMATED else ""
    if value >= _HOUR:
        return f"{mark}{int(value // _HOUR)}h{int(value % _HOUR // _MINUTE):02}m"
    if value >= _MINUTE:
        return f"{mark}{int(value // _MINUTE)}m{int(value % _MINUTE):02}s"
    return f"{mark}{value:.1f}"


def _scale(*highs: pd.Series) -> float:
    """Where bars end: the first of the highest values there is."""
    return next((float(high.max()) for high in highs if high.notna().any()), 0.0)


def _scale_title(scale: float) -> str:
    return f"0{_seconds(scale) + (' s' if scale < _MINUTE else ''):>{_BAR - 1}}"


def _bar(seconds: float, low: float, high: float, scale: float) -> Text:
    """An error bar: the line from the lower to the upper bound, with a mark at the seconds."""
    if not scale:
        return Text("")
    low, high = (seconds if pd.isna(each) else each for each in (low, high))
    places = [round(each / scale * (_BAR - 1)) for each in (low, seconds, high)]
    first, mark, last = (min(place, _BAR - 1) for place in places)
    line = [" "] * _BAR
    line[first : last + 1] = "-" * (last + 1 - first)
    line[first] = line[last] = "|"
    line[mark] = "o"
    if places[2] >= _BAR:
        line[_BAR - 1] = ">"
    return Text("".join(line), "cyan")


def _trend(row: dict[Any, Any]) -> Text:
    if not pd.isna(row["factor"]):
        return Text(f"x{row['factor']:.1f}!", "yellow" if row["factor"] > 1 else "green")
    trend = row["trend"]
    if pd.isna(trend) or 1 / _TREND < trend < _TREND:
        return Text("")
    return Text(f"x{trend:.1f}", "dim")
