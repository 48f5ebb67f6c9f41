"""Where the time went: steps with their seconds, over many builds."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from logparse.analytics.tables import Tables, tables, to_pandas
from logparse.model import Build

__all__ = ["step_timings"]

_BUILD_COLUMNS = [
    "build_key",
    "owner",
    "name",
    "build_id",
    "path",
    "commit",
    "outcome",
    "started_at",
    "seconds",
]
_STEP_COLUMNS = [
    "build_key",
    "step_index",
    "target",
    "stage",
    "platform",
    "number",
    "total",
    "instruction",
    "text",
    "cached",
    "canceled",
    "failed",
    "started",
    "seconds",
    "low",
    "high",
    "source",
    "group",
]


def step_timings(builds: Iterable[Build] | Tables) -> pd.DataFrame:
    """Every step of every build with how long it took, as far as that is known.

    Parameters
    ----------
    builds
        Builds, or the tables made of them.

    Returns
    -------
    pandas.DataFrame
        One row a step, builds in order of their start. The columns of the ``steps`` table, between those of
        its build: ``owner``, ``name``, ``build_id``, ``path``, ``commit``, ``outcome``, ``build_started_at``
        (UTC) and ``build_seconds`` (float64, from the API or from time stamps in the log). A step's
        ``seconds``, ``low`` and ``high`` are float64 and NaN where ``source`` is ``none``: the classic
        builder prints no times, and none are made up.
    """
    made = builds if isinstance(builds, Tables) else tables(builds)
    of_builds = to_pandas(made.builds.select(_BUILD_COLUMNS)).rename(
        columns={"started_at": "build_started_at", "seconds": "build_seconds"}
    )
    of_steps = to_pandas(made.steps.select(_STEP_COLUMNS))
    # Keys are categories of different tables: joined as strings, given back as one category.
    of_builds["build_key"] = of_builds["build_key"].astype(object)
    of_steps["build_key"] = of_steps["build_key"].astype(object)
    joined = of_builds.merge(of_steps, on="build_key", how="inner", validate="one_to_many")
    joined["build_key"] = joined["build_key"].astype("category")
    return joined.sort_values(
        ["build_started_at", "build_key", "step_index"], na_position="last", kind="stable", ignore_index=True
    )
