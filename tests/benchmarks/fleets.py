"""Recorded fleets beside what was estimated of them: each step that ran, with its true seconds."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pandas as pd

from logparse import Build, Estimates, RecordedCluster, estimate, parse
from tests.fixtures_path import FIXTURES

__all__ = ["HELD_OUT", "KNOWN", "Fleet", "error", "held", "read_fleets", "separable", "width"]

KNOWN = ("captioner", "price_model", "tariffs", "spectra")
HELD_OUT = "yields"
"""No number of the method was chosen with it in view."""
LONG = 1.0
"""Seconds of a step above which its share in a build's duration can be seen at all."""


@dataclass(frozen=True)
class Fleet:
    """A history of one image, and the truth of it.

    Parameters
    ----------
    image
        Its owner and name.
    builds
        Its builds, the oldest first.
    truths
        The true seconds of each build's steps, by its key.
    """

    image: str
    builds: list[Build]
    truths: dict[str, list[float]]

    def beside(self, estimates: Estimates) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The steps that ran, with ``true`` beside what was estimated; and the sums of groups likewise."""
        rows = []
        for number, build in enumerate(self.builds, 1):
            timings = estimates.timings[build.key]
            for step, timing, true in zip(build.steps, timings, self.truths[build.key], strict=True):
                if not step.cached:
                    rows.append({
                        "build_key": build.key, "number": number, "text": step.text,
                        "instruction": step.instruction, "failed": step.failed, "true": true,
                        "seconds": timing.seconds, "low": timing.low, "high": timing.high,
                        "source": timing.source.value, "group": timing.group,
                    })  # fmt: skip
        steps = pd.DataFrame(rows)
        sums = steps.groupby(["build_key", "group"], as_index=False)["true"].sum()
        return steps, estimates.groups.merge(sums, on=["build_key", "group"])

    def noticed(self, text: str, first: int, *, factor: float = 1.5) -> dict[str, tuple[int, int] | None]:
        """How soon it is seen that a step takes longer.

        Each time one build more is given, as if it had just ended.

        Parameters
        ----------
        text
            A part of the step's text.
        first
            The number of the first build in which it does.
        factor
            By which it has to be seen to.

        Returns
        -------
        dict
            Of ``seconds`` (its latest run's are that much above the median of the earlier ones) and
            ``change`` (it is told as a sudden change): how many builds, and how many runs of the step, there
            were by then from the first slow one on; ``None`` if it never was.
        """
        found: dict[str, tuple[int, int] | None] = {"seconds": None, "change": None}
        runs = 0
        for behind in range(first, len(self.builds) + 1):
            build = self.builds[behind - 1]
            if all(step.cached or text not in step.text for step in build.steps):
                continue
            runs += 1
            estimates = estimate(self.builds[:behind])
            steps = estimates.steps[~estimates.steps["cached"] & estimates.steps["text"].str.contains(text)]
            of_build = steps.set_index("build_key")["seconds"]
            earlier = of_build.reindex([each.key for each in self.builds[: first - 1]]).median()
            factors = {
                "seconds": of_build[build.key] / earlier,
                "change": estimates.changes["factor"][estimates.changes["text"].str.contains(text)].max(),
            }
            for name, seen in factors.items():
                if found[name] is None and seen >= factor:
                    found[name] = behind - first + 1, runs
            if all(found.values()):
                break
        return found


def read_fleets() -> dict[str, Fleet]:
    """The recorded fleets, by name."""
    found = {}
    for algorithm in RecordedCluster(FIXTURES / "fleets"):
        builds = [build for log in algorithm.logs() for build in parse(log)][::-1]
        truths = {}
        for build in builds:
            truth = json.loads((algorithm.folder / f"truth/{build.log.build_id}.json").read_text())
            truths[build.key] = [step["seconds"] for step in truth["steps"]]
        found[algorithm.name] = Fleet(f"{algorithm.owner}/{algorithm.name}", builds, truths)
    return found


def held(rows: pd.DataFrame) -> float:
    """The share of truths inside their bars."""
    return float(((rows["low"] <= rows["true"]) & (rows["true"] <= rows["high"])).mean())


def error(rows: pd.DataFrame) -> float:
    """The median of how far estimates are from their truths, relative to these."""
    return float((rows["seconds"] / rows["true"] - 1).abs().median())


def width(rows: pd.DataFrame) -> float:
    """The median length of a bar, relative to the truth."""
    return float(((rows["high"] - rows["low"]) / rows["true"]).median())


def separable(steps: pd.DataFrame) -> pd.DataFrame:
    """Long steps that ran to their end and that durations may tell from others."""
    return steps[steps["group"].isna() & (steps["true"] > LONG) & ~steps["failed"]]
