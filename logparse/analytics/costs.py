"""What steps cost over many builds of an image: typical seconds, spread, trend, share, hits of the cache."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from logparse.model import TimingSource
from logparse.timing import Estimates

__all__ = ["build_costs", "step_costs"]

_THIRDS = 3
_FEWEST = 6
"""Runs of a step below which no trend is told."""
_UNKNOWN = TimingSource.NONE.value

_STEP_COLUMNS = [
    "image", "work", "text", "builds", "runs", "cached_share", "seconds", "low", "high", "fastest", "slowest",
    "total", "share", "trend", "source", "group", "reason", "changed_at", "factor",
]  # fmt: skip
_BUILD_COLUMNS = [
    "image", "build_key", "started_at", "seconds", "steps", "cached_share", "explained", "slowest_step",
    "slowest_seconds", "slowest_low", "slowest_high", "slowest_source", "reason",
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
        ``reason``, why nothing is known of it, missing where something is; ``changed_at`` and ``factor`` of
        its latest sudden change. Seconds are float64, and NaN where nothing is known.
    """
    if estimates.steps.empty:
        return pd.DataFrame(columns=_STEP_COLUMNS)
    steps = estimates.steps.merge(estimates.builds[["build_key", "started_at"]], on="build_key")
    steps = steps.sort_values("started_at", na_position="first", kind="stable")
    rows = [
        {"image": image, **row}
        for image, of_image in steps.groupby("image", sort=False)
        for row in _costs(of_image)
    ]
    made = pd.DataFrame(rows, columns=_STEP_COLUMNS[:-2]).astype({"work": "Int32"})
    latest = estimates.changes.sort_values("started_at", kind="stable").groupby(["image", "work"]).last()
    latest = latest[["started_at", "factor"]].rename(columns={"started_at": "changed_at"}).reset_index()
    made = made.merge(latest.astype({"work": "Int32"}), on=["image", "work"], how="left")
    order = made.groupby("image", sort=False)["total"].transform("sum")
    made = made.assign(order=order).sort_values(
        ["order", "image", "total"], ascending=[False, True, False], kind="stable", ignore_index=True
    )
    return made[_STEP_COLUMNS]


def _costs(steps: pd.DataFrame) -> Iterator[dict[str, object]]:
    """What each step of one image costs."""
    ran, hits = steps[~steps["cached"]], steps[steps["cached"]]
    total = ran["seconds"].sum()
    # A step that came from the cache is the one that ran in other builds, under the same text.
    hits_of_text = hits.groupby("text").size()
    works_of_text = ran.groupby("text")["work"].nunique()
    for work, runs in ran.groupby("work", sort=False):
        text = runs["text"].iloc[-1]
        cached = int(hits_of_text.get(text, 0)) // int(works_of_text.get(text, 1))
        yield {"work": work, "text": text, **_cost(runs, cached, total)}
    never_ran = hits[~hits["text"].isin(works_of_text.index)]
    for text, builds in never_ran.groupby("text", sort=False)["build_key"].nunique().items():
        yield {
            "text": text, "builds": builds, "runs": 0, "cached_share": 1.0, "source": _UNKNOWN,
            "reason": "it always came from the cache",
        }  # fmt: skip


def _cost(runs: pd.DataFrame, cached: int, of_image: float) -> dict[str, object]:
    seconds = runs["seconds"]
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
        "total": seconds.sum(min_count=1),
        "share": seconds.sum(min_count=1) / of_image if of_image else np.nan,
        "trend": seconds.iloc[-third:].median() / seconds.iloc[:third].median() if has_trend else np.nan,
        "source": runs["source"].iloc[-1],
        "group": runs["group"].iloc[-1],
        "reason": None if seconds.notna().any() else runs["reason"].iloc[-1],
    }


def build_costs(estimates: Estimates) -> pd.DataFrame:
    """Where the time of each build went.

    Parameters
    ----------
    estimates
        Those of the builds, and of others beside them.

    Returns
    -------
    pandas.DataFrame
        One row a build, by image and start: ``seconds`` of the whole build, ``steps`` (int64),
        ``cached_share`` of them, ``explained``, the share of the build's seconds that its steps took,
        ``slowest_step``, of those that ran, with its seconds, bounds and source, and ``reason``, why the
        duration is not known or not to be trusted. Seconds are float64, and NaN where nothing is known.
    """
    by_build = dict(iter(estimates.steps.groupby("build_key", sort=False)))
    rows = [
        {**build, **_parts(by_build.get(build["build_key"]), build["seconds"])}
        for build in estimates.builds.to_dict("records")
    ]
    made = pd.DataFrame(rows, columns=_BUILD_COLUMNS)
    return made.sort_values(
        ["image", "started_at", "build_key"], na_position="first", kind="stable", ignore_index=True
    )


def _parts(steps: pd.DataFrame | None, seconds: float) -> dict[str, object]:
    """Where the time of a build with these steps went."""
    if steps is None:
        return {"steps": 0}
    parts: dict[str, object] = {
        "steps": len(steps),
        "cached_share": steps["cached"].mean(),
        "explained": steps["seconds"].sum(min_count=1) / seconds if seconds else np.nan,
    }
    ran = steps[~steps["cached"]]
    if ran["seconds"].notna().any():
        slowest = ran.iloc[int(ran["seconds"].argmax())]
        parts |= {f"slowest_{name}": slowest[name] for name in ("seconds", "low", "high", "source")}
        parts["slowest_step"] = slowest["text"]
    return parts
