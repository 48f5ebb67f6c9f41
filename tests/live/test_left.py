"""Earlier builds tell how long a build will still take."""

from __future__ import annotations

import math

import pytest

from logparse.errors import SourceError
from logparse.live.history import History, Past, PastStep, read_history
from logparse.live.left import UNKNOWN, Left, left
from logparse.live.progress import Told
from logparse.model import Timing, TimingSource
from logparse.timing.records import Kind
from tests.fixtures_path import FIXTURES
from tests.live.foretold import foretold

NOW = 1_000_000.0


def timing(seconds: float) -> Timing:
    return Timing(None, seconds, seconds, seconds, TimingSource.ARRIVAL)


def step(
    text: str, seconds: float, place: str = "0", *, cached: bool = False, whole: bool = True
) -> PastStep:
    kind = {"FROM": Kind.BASE, "COPY": Kind.COPY}.get(text.partition(" ")[0], Kind.RUN)
    return PastStep(text, place, kind, cached, whole, timing(seconds))


def past(
    *steps: PastStep, number: int = 0, whole: bool = True, at_once: bool = False, behind: float = 0.0
) -> Past:
    return Past(str(number), float(number), list(steps), whole, at_once, behind)


def done(text: str, place: str = "0", *, cached: bool = False) -> Told:
    return Told(0, 1, None, place, "cached" if cached else "done", Timing(), text)


def running(text: str, since: float, place: str = "0") -> Told:
    return Told(0, 1, None, place, "incomplete", Timing(), text, NOW - since)


def known(found: Left) -> tuple[float, float, float]:
    assert found.seconds is not None
    assert found.low is not None
    assert found.high is not None
    return found.seconds, found.low, found.high


ONE, TWO, THREE = "RUN one", "RUN two", "RUN three"
HISTORY = History(
    [
        past(step("FROM a", 0.01), step(ONE, 10.0), step(TWO, 100.0), step(THREE, 30.0), number=n)
        for n in range(8)
    ]
)


class TestSequence:
    def test_all_that_has_not_begun_is_left(self):
        middle, low, high = known(left(HISTORY, [done("FROM a"), done(ONE), running(TWO, 0.0)], NOW))
        assert middle == pytest.approx(130, rel=0.1)
        assert low < 130 < high

    def test_what_a_step_has_run_already_is_not(self):
        middle, low, high = known(left(HISTORY, [done("FROM a"), done(ONE), running(TWO, 60.0)], NOW))
        assert middle == pytest.approx(70, rel=0.2)
        assert low < 70 < high

    def test_of_a_step_that_takes_longer_than_ever_some_is_left(self):
        middle, low, _ = known(left(HISTORY, [done("FROM a"), done(ONE), running(TWO, 5000.0)], NOW))
        assert low > 30
        assert middle > 200

    def test_behind_the_last_step_nothing_is(self):
        seen = [done("FROM a"), done(ONE), done(TWO), done(THREE)]
        assert left(HISTORY, seen, NOW) == (0.0, 0.0, 0.0)

    def test_the_latest_runs_count_most(self):
        became_slow = History(
            [past(step(ONE, 10.0), step(TWO, 10.0 if n < 8 else 40.0), number=n) for n in range(16)]
        )
        middle, _, _ = known(left(became_slow, [done(ONE)], NOW))
        assert middle > 25

    def test_an_edited_step_is_the_one_in_its_place(self):
        seen = [done("FROM a"), done(ONE), running("RUN two --faster", 0.0)]
        middle, _, _ = known(left(HISTORY, seen, NOW))
        assert middle == pytest.approx(130, rel=0.1)

    def test_builds_that_broke_off_do_not_tell_what_is_left(self):
        history = History(
            [past(step(ONE, 10.0), number=9, whole=False), past(step(ONE, 10.0), step(TWO, 50.0))]
        )
        middle, _, _ = known(left(history, [done(ONE)], NOW))
        assert middle == pytest.approx(50, rel=0.1)

    def test_the_same_is_said_of_the_same(self):
        seen = [done("FROM a"), running(ONE, 1.0)]
        assert left(HISTORY, seen, NOW) == left(HISTORY, seen, NOW)


class TestUnknown:
    def test_without_earlier_builds(self):
        assert left(History([]), [running(ONE, 1.0)], NOW) == UNKNOWN

    def test_of_another_image(self):
        assert left(HISTORY, [done("FROM b"), running("RUN four", 1.0)], NOW) == UNKNOWN

    def test_the_image_with_the_most_of_the_steps_is_taken(self):
        others = [past(step("FROM a", 0.01), step("RUN other", 7.0), number=20 + n) for n in range(3)]
        history = History([*others, past(step("FROM a", 0.01), step(ONE, 10.0), step(TWO, 100.0))])
        middle, _, _ = known(left(history, [done("FROM a"), done(ONE)], NOW))
        assert middle == pytest.approx(100, rel=0.1)


class TestCache:
    ALWAYS = History(
        [
            past(step(ONE, 10.0), step(TWO, 100.0)),
            *(past(step(ONE, 0.0, cached=True), step(TWO, 0.0, cached=True), number=n) for n in range(1, 30)),
        ]
    )

    def test_behind_a_step_that_ran_all_of_its_stage_run(self):
        middle, _, _ = known(left(self.ALWAYS, [done(ONE)], NOW))
        assert middle == pytest.approx(100, rel=0.1)

    def test_behind_one_from_the_cache_the_next_one_mostly_is_too(self):
        middle, _, _ = known(left(self.ALWAYS, [done(ONE, cached=True)], NOW))
        assert middle < 0.01

    def test_if_it_is_so_in_half_of_all_builds_both_are_possible(self):
        history = History(
            [
                past(step(ONE, 0.0, cached=True), step(TWO, 100.0 * (n % 2), cached=n % 2 == 0), number=n)
                for n in range(30)
            ]
        )
        _, low, high = known(left(history, [done(ONE, cached=True)], NOW))
        assert low < 0.01
        assert high > 90


class TestStages:
    STEPS = (
        step("FROM a", 0.01, "one"),
        step(ONE, 100.0, "one"),
        step("FROM b", 0.01, "two"),
        step(TWO, 60.0, "two"),
        step("COPY --from=one /a /a", 10.0, "two"),
    )

    def of(self, *, at_once: bool, behind: float = 0.0) -> History:
        return History([past(*self.STEPS, number=n, at_once=at_once, behind=behind) for n in range(8)])

    def test_of_buildkit_go_on_beside_each_other_until_one_needs_the_other(self):
        seen = [done("FROM a", "one"), done("FROM b", "two")]
        middle, _, _ = known(left(self.of(at_once=True), seen, NOW))
        assert middle == pytest.approx(110, rel=0.1)

    def test_of_others_follow_one_another(self):
        middle, _, _ = known(left(self.of(at_once=False), [done("FROM a", "one")], NOW))
        assert middle == pytest.approx(170, rel=0.1)

    def test_what_a_build_takes_to_save_its_image_comes_on_top(self):
        seen = [done("FROM a", "one"), done("FROM b", "two"), done(ONE, "one"), done(TWO, "two")]
        seen.append(done("COPY --from=one /a /a", "two"))
        assert left(self.of(at_once=True, behind=7.5), seen, NOW) == (7.5, 7.5, 7.5)


class TestReadHistory:
    def test_logs_without_a_clock_have_estimated_seconds(self):
        history = read_history([str(FIXTURES / "fleets/retail")])
        texts = next(iter(history._whole)).texts
        found = left(history, [done(text) for text in list(texts)[:3]], NOW)
        middle, low, high = known(found)
        assert 0 < low < middle < high < math.inf

    def test_a_path_that_is_not_there_is_an_error(self):
        with pytest.raises(SourceError):
            read_history(["no/such/path"])


def test_of_recorded_builds_the_truth_is_mostly_in_the_range():
    found = list(foretold(FIXTURES / "fleets/retail/price_model"))
    inside = [
        each.low <= true <= each.high
        for each, true in found
        if each.low is not None and each.high is not None
    ]
    assert len(inside) > 150
    assert sum(inside) / len(inside) > 0.85
