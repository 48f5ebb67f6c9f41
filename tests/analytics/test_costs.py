"""What steps cost over many builds."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from logparse.analytics import build_costs, step_costs
from logparse.timing import estimate
from tests.timing.test_estimate import STEPS, build, history


def costs(builds):
    return step_costs(estimate(builds)).set_index("text")


def test_a_row_a_step_with_its_share():
    found = costs(history())
    install = found.loc["RUN pip install -r requirements.txt"]
    # Of 40 builds every third, beginning with the first, had to install.
    assert (install["builds"], install["runs"]) == (40, 14)
    assert install["cached_share"] == pytest.approx(26 / 40)
    assert install["seconds"] == pytest.approx(20, rel=0.1)
    assert install["low"] < 20 < install["high"]
    assert found["share"].sum() == pytest.approx(1)
    assert found.index[0] == "RUN pip install -r requirements.txt"
    assert found.loc["RUN make", "runs"] == 40


def test_a_sudden_change_is_told_with_its_day():
    builds = [*history(40), *history(5, since=40, make=10.0, seed=2)]
    made = costs(builds).loc["RUN make"]
    assert made["factor"] == pytest.approx(2, rel=0.25)
    assert builds[38].log.started_at <= made["changed_at"] <= builds[42].log.started_at


def test_a_calm_step_has_a_trend_near_one_and_no_change():
    made = costs(history()).loc["RUN make"]
    assert made["trend"] == pytest.approx(1, abs=0.15)
    assert math.isnan(made["factor"])


def test_few_runs_have_no_trend():
    assert math.isnan(costs(history(5)).loc["RUN make", "trend"])


def test_a_row_a_build_with_its_slowest_step():
    builds = history(12)
    found = build_costs(estimate(builds)).set_index("build_key")
    whole = found.loc[builds[9].key]
    assert whole["slowest_step"] == "RUN pip install -r requirements.txt"
    assert whole["slowest_low"] < 20 < whole["slowest_high"]
    assert whole["seconds"] == pytest.approx(builds[9].log.duration)
    assert 0.8 < whole["explained"] <= 1.0
    assert found.loc[builds[10].key, "cached_share"] == pytest.approx(2 / 5)


def test_without_durations_nothing_is_made_up():
    builds = [build(None, *STEPS, number=number) for number in range(3)]
    steps, whole = step_costs(estimate(builds)), build_costs(estimate(builds))
    assert steps["seconds"].isna().all()
    assert steps["share"].isna().all()
    assert whole["slowest_step"].isna().all()
    assert list(whole["reason"]) == 3 * ["the build's start and finish are not known"]


def test_no_builds_give_empty_frames():
    assert len(step_costs(estimate([]))) == len(build_costs(estimate([]))) == 0


def test_a_step_that_always_came_from_the_cache_has_a_row():
    builds = [build(5.0, *STEPS, cached=3, number=number) for number in range(4)]
    made = step_costs(estimate(builds)).set_index("text")
    install = made.loc["RUN pip install -r requirements.txt"]
    assert (install["builds"], install["runs"], install["cached_share"]) == (4, 0, 1.0)
    assert pd.isna(install["seconds"])
    assert install["reason"] == "it always came from the cache"
    assert set(made.index[made["reason"].notna()]) == {"COPY requirements.txt .", install.name}
    assert made["share"].sum() == pytest.approx(1)


def test_the_slowest_step_is_one_that_ran():
    builds = [build(5.0, *STEPS, cached=3, number=number) for number in range(4)]
    found = build_costs(estimate(builds))
    assert set(found["slowest_step"]) == {"RUN make"}
    assert set(found["slowest_source"]) == {"estimated"}


def test_what_is_not_known_has_its_reason():
    builds = [build(None, *STEPS, number=number) for number in range(3)]
    assert set(step_costs(estimate(builds))["reason"]) == {"the build's start and finish are not known"}
