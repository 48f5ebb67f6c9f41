"""What steps cost over many builds of an image: typical seconds, spread, trend, share, hits of the cache."""

from __future__ import annotations

import numpy as np
import pandas as pd

from logparse.timing import Estimates

__all__ = ["build_costs", "step_costs"]

_THIRDS = 3
_FEWEST = 6
"""Runs of a step below which no trend is told."""

_STEP_COLUMNS = [
    "image", "work", "text", "builds", "runs", "cached_share", "seconds", "low", "high", "fastest", "slowest",
    "total", "share", "trend", "source", "group", "changed_at", "factor",
]  # fmt: skip
_BUILD_COLUMNS = [
    "image", "build_key", "started_at", "seconds", "steps", "cached_share", "explained", "slowest_step",
    "slowest_seconds", "slowest_low", "slowest_high", "reason",
]  # fmt: skip


def step_costs(estimates: Estimates) -> pd.DataFrame:
    """What each step of each image costs, over all builds.

    Parameters
    ----------
    estimates
        Of :func:`logparse.estimate`.

    Returns
    -------
    pandas.DataFrame
        One row a step of an image, those that took most in all first. ``builds`` it was in and ``runs`` that
        did not come from the cache (int64), ``cached_share`` (of the builds); ``seconds``, the median of its
        runs, with ``low`` and ``high``, the medians of their bounds, so that the doubt of a single run shows;
        ``fastest`` and ``slowest``, between which nine runs in ten are; ``total`` seconds over all runs and
        their ``share`` of what all steps of the image took; ``trend``, the median of the last third of its
        runs over that of the first third, NaN below six runs; ``source`` and ``group`` of its latest run;
        ``changed_at`` and ``factor`` of its latest sudden change. Seconds are float64, and NaN where nothing
        is known.
    """
    if estimates.steps.empty:
        return pd.DataFrame(columns=_STEP_COLUMNS)
    steps = estimates.steps.merge(estimates.builds[["build_key", "started_at"]], on="build_key")
    steps = steps.sort_values("started_at", na_position="first", kind="stable")
    # A step that came from the cache is the one that ran in other builds, under the same text.
    rows = []
    for image, of_image in steps.groupby("image", sort=False):
        ran = of_image[~of_image["cached"]]
        total = ran["seconds"].sum()
        hits = of_image[of_image["cached"]].groupby("text").size()
        of_text = ran.groupby("text")["work"].nunique()
        for work, runs in ran.groupby("work", sort=False):
            text = runs["text"].iloc[-1]
            cached = int(hits.get(text, 0)) // int(of_text.get(text, 1))
            rows.append({"image": image, "work": work, "text": text, **_cost(runs, cached, total)})
    made = pd.DataFrame(rows, columns=_STEP_COLUMNS[:-2])
    latest = estimates.changes.sort_values("started_at", kind="stable").groupby(["image", "work"]).last()
    latest = latest[["started_at", "factor"]].rename(columns={"started_at": "changed_at"}).reset_index()
    made = made.merge(latest, on=["image", "work"], how="left")
    order = made.groupby("image", sort=False)["total"].transform("sum")
    made = made.assign(order=order).sort_values(
        ["order", "image", "total"], ascending=[False, True, False], kind="stable", ignore_index=True
    )
    return made[_STEP_COLUMNS]


def _cost(runs: pd.DataFrame, cached: int, of_image: float) -> dict[str, object]:
    seconds = runs["seconds"]
    total = seconds.sum(min_count=1)
    third = len(runs) // _THIRDS
    has_trend = len(runs) >= _FEWEST and seconds.notna().all()
    return {
        "builds": len(runs) + cached,
        "runs": len(runs),
        "cached_share": cached / (len(runs) + cached),
        "seconds": seconds.median(),
        "low": runs["low"].median(),
        "high": runs["high"].median(),
        "fastest": seconds.quantile(0.05),
        "slowest": seconds.quantile(0.95),
        "total": total,
        "share": total / of_image if of_image else np.nan,
        "trend": seconds.iloc[-third:].median() / seconds.iloc[:third].median() if has_trend else np.nan,
        "source": runs["source"].iloc[-1],
        "group": runs["group"].iloc[-1],
    }


def build_costs(estimates: Estimates) -> pd.DataFrame:
    """Where the time of each build went.

    Parameters
    ----------
    estimates
        Of :func:`logparse.estimate`.

    Returns
    -------
    pandas.DataFrame
        One row a build, by image and start: ``seconds`` of the whole build, ``steps`` (int64),
        ``cached_share`` of them, ``explained``, the share of the build's seconds that its steps took,
        ``slowest_step`` with its seconds and bounds, and ``reason``, why the duration is not known or not to
        be trusted. Seconds are float64, and NaN where nothing is known.
    """
    if estimates.builds.empty:
        return pd.DataFrame(columns=_BUILD_COLUMNS)
    by_build: dict[str, pd.DataFrame] = {
        str(key): steps for key, steps in estimates.steps.groupby("build_key", sort=False)
    }
    rows: list[dict[str, object]] = []
    for build in estimates.builds.to_dict("records"):
        steps = by_build.get(build["build_key"])
        parts = _parts(steps, build["seconds"]) if steps is not None else _NO_PARTS
        rows.append({str(name): value for name, value in build.items()} | parts)
    made = pd.DataFrame(rows, columns=_BUILD_COLUMNS)
    return made.sort_values(
        ["image", "started_at", "build_key"], na_position="first", kind="stable", ignore_index=True
    )


_NO_PARTS: dict[str, object] = {"steps": 0, "cached_share": np.nan, "explained": np.nan}


def _parts(steps: pd.DataFrame, seconds: float) -> dict[str, object]:
    parts: dict[str, object] = {
        "steps": len(steps),
        "cached_share": steps["cached"].mean(),
        "explained": steps["seconds"].sum(min_count=1) / seconds if seconds else np.nan,
    }
    if steps["seconds"].notna().any():
        slowest = steps.iloc[int(steps["seconds"].argmax())]
        parts |= {f"slowest_{name}": slowest[name] for name in ("seconds", "low", "high")}
        parts["slowest_step"] = slowest["text"]
    return parts
