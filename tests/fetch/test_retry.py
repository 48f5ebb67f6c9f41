from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logparse.errors import ConnectError, Forbidden
from logparse.fetch import Retry
from logparse.fetch.retry import Transient
from tests.fetch.support import FakeTime


def policy(clock: FakeTime, **given: float) -> Retry:
    return Retry(sleep=clock.sleep, clock=clock.now, uniform=lambda _low, high: high, **given)  # type: ignore[arg-type]


class Flaky:
    """Fails so many times, then answers."""

    def __init__(self, times: int, retry_after: str | None = None) -> None:
        self.left = times
        self.calls = 0
        self.retry_after = retry_after

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.left:
            raise Transient(ConnectError(f"failure {self.calls}"), self.retry_after)
        return "answer"


class TestRun:
    def test_waits_twice_as_long_each_time_up_to_the_cap(self, clock: FakeTime) -> None:
        call = Flaky(5)
        assert policy(clock, base=1.0, cap=6.0).run(call) == "answer"
        assert clock.slept == [1.0, 2.0, 4.0, 6.0, 6.0]

    def test_raises_the_last_error_when_tries_are_used_up(self, clock: FakeTime) -> None:
        call = Flaky(99)
        with pytest.raises(ConnectError, match="failure 3"):
            policy(clock, attempts=3).run(call)
        assert (call.calls, len(clock.slept)) == (3, 2)

    def test_lets_other_errors_pass_at_once(self, clock: FakeTime) -> None:
        def call() -> None:
            raise Forbidden("no", status=403)

        with pytest.raises(Forbidden):
            policy(clock).run(call)
        assert clock.slept == []

    def test_sleeps_as_the_caller_says_unless_the_policy_does(self, clock: FakeTime) -> None:
        Retry(uniform=lambda _low, high: high).run(Flaky(1), sleep=clock.sleep)
        assert clock.slept == [0.5]


class TestDelay:
    @given(st.integers(0, 10_000))
    def test_is_between_zero_and_the_cap(self, retry: int) -> None:
        assert 0.0 <= Retry(base=0.5, cap=20.0).delay(retry) <= 20.0

    def test_honours_seconds_and_dates_up_to_the_bound(self, clock: FakeTime) -> None:
        retry = Retry(clock=clock.now, uniform=lambda low, _high: low, max_retry_after=100.0)
        later = datetime.fromtimestamp(clock.now(), UTC) + timedelta(seconds=30)
        assert retry.delay(0, "7") == 7.0
        assert retry.delay(0, format_datetime(later, usegmt=True)) == 30.0
        assert retry.delay(0, "86400") == retry.delay(0, "9" * 400) == 100.0
        assert retry.delay(0, "Wed, 21 Oct 2015 07:28:00 GMT") == 0.0

    def test_is_never_earlier_than_the_server_asked(self) -> None:
        assert all(Retry().delay(0, "7") >= 7.0 for _ in range(100))

    @given(st.text())
    def test_survives_any_header(self, header: str) -> None:
        assert 0.0 <= Retry().delay(0, header) <= 121.0
