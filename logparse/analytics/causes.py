"""Why builds fail: classes of failure, over many builds."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from logparse.analytics.tables import Tables, tables, to_pandas
from logparse.model import Build

__all__ = ["failure_causes"]

_COLUMNS = {
    "cause": "object",
    "role_owner": "object",
    "retry": "object",
    "failures": "int64",
    "share": "float64",
    "algorithms": "int64",
    "fingerprints": "int64",
    "seconds": "float64",
    "first_seen": "datetime64[us, UTC]",
    "last_seen": "datetime64[us, UTC]",
    "example_build": "object",
    "example_line": "object",
    "example_command": "object",
}


def failure_causes(builds: Iterable[Build] | Tables) -> pd.DataFrame:
    """The classes of failure among many builds, the most frequent first.

    Parameters
    ----------
    builds
        Builds, or the tables made of them. Those that did not fail are passed over.

    Returns
    -------
    pandas.DataFrame
        One row a cause: ``cause``, ``role_owner`` and ``retry``; ``failures`` (int64) and their ``share`` of
        all failures (float64); ``algorithms`` and ``fingerprints`` (int64), how many different ones it hit;
        ``seconds`` (float64), what the failed builds took together as far as the API tells, NaN if it tells
        of none; ``first_seen`` and ``last_seen`` (UTC); and ``example_build`` with ``example_line`` and
        ``example_command``, the newest one, or the last read where no times are known.
    """
    made = builds if isinstance(builds, Tables) else tables(builds)
    of_builds = to_pandas(made.builds.select(["build_key", "owner", "name", "started_at", "seconds"]))
    failed = to_pandas(
        made.failures.select(
            ["build_key", "cause", "role_owner", "retry", "fingerprint", "root_line", "command"]
        )
    )
    if failed.empty:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _COLUMNS.items()})
    for frame in (of_builds, failed):
        for column in frame.select_dtypes("category"):
            frame[column] = frame[column].astype(object)
    joined = failed.merge(of_builds, on="build_key", how="left", validate="one_to_one")
    joined["algorithm"] = joined["owner"].str.cat(joined["name"], sep="/")
    joined = joined.sort_values("started_at", na_position="first", kind="stable")
    causes = joined.groupby("cause", sort=False, dropna=False).agg(
        role_owner=("role_owner", "first"),
        retry=("retry", "first"),
        failures=("build_key", "size"),
        algorithms=("algorithm", "nunique"),
        fingerprints=("fingerprint", "nunique"),
        seconds=("seconds", lambda column: column.sum(min_count=1)),
        first_seen=("started_at", "min"),
        last_seen=("started_at", "max"),
        example_build=("build_key", _newest),
        example_line=("root_line", _newest),
        example_command=("command", _newest),
    )
    causes["share"] = causes["failures"] / len(joined)
    causes = causes.reset_index().sort_values(
        ["failures", "cause"], ascending=[False, True], ignore_index=True
    )
    return causes[list(_COLUMNS)].astype(_COLUMNS)


def _newest(column: pd.Series[str]) -> str | None:
    """The last value even if it is null, so that all are of one build."""
    value: str | None = column.iloc[-1]
    return value
