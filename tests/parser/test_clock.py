"""Time stamps of somebody else's give steps their times, where the builder gave none."""

from __future__ import annotations

import pytest

from logparse import Timing, parse
from logparse.model import TimingSource
from logparse.parser.clock import origin

CLASSIC = (
    b"%s Sending build context to Docker daemon  2.048kB\n"
    b"%s Step 1/2 : FROM a\n"
    b"%s  ---> 0123456789ab\n"
    b"%s Step 2/2 : RUN make\n"
    b"%s  ---> Running in ba9876543210\n"
    b"%s made\n"
    b"%s Removing intermediate container ba9876543210\n"
    b"%s  ---> cafecafecafe\n"
    b"%s Successfully built cafecafecafe\n"
)


def stamped(*times: str, template: bytes = CLASSIC) -> list[Timing]:
    [build] = parse(template % tuple(time.encode() for time in times))
    return [step.timing for step in build.steps]


class TestClassic:
    def test_a_step_lasts_until_the_next_words_of_the_builder(self):
        times = [
            "10:00:00",
            "10:00:01",
            "10:00:01",
            "10:00:05",
            "10:00:05",
            "10:00:06",
            "10:01:00",
            "10:01:00",
        ]
        first, second = stamped(*times, "10:01:01")
        assert first == Timing(1.0, 4.0, 3.0, 5.0, TimingSource.PREFIX)
        assert second == Timing(5.0, 56.0, 55.0, 57.0, TimingSource.PREFIX)

    def test_midnight_is_passed(self):
        times = [
            "23:59:58",
            "23:59:58",
            "23:59:59",
            "23:59:59",
            "00:00:00",
            "00:00:01",
            "00:00:03",
            "00:00:03",
        ]
        _, second = stamped(*times, "00:00:04")
        assert (second.started, second.seconds) == (1.0, 5.0)

    def test_new_year_is_passed(self):
        old, new = "Dec 31 23:59:59 ", "Jan  1 00:00:02 "
        _, second = stamped(*[old.strip()] * 5, *[new.strip()] * 4)
        assert second.seconds == 3.0

    def test_stamps_that_run_backwards_give_no_negative_times(self):
        times = [
            "10:00:09",
            "10:00:08",
            "10:00:07",
            "10:00:06",
            "10:00:05",
            "10:00:04",
            "10:00:03",
            "10:00:02",
        ]
        for timing in stamped(*times, "10:00:01"):
            assert timing == Timing()

    def test_a_line_out_of_order_at_midnight_is_no_second_day(self):
        times = [
            "23:59:58",
            "23:59:59",
            "00:00:00",
            "23:59:59",
            "00:00:01",
            "00:00:01",
            "00:00:02",
            "00:00:02",
        ]
        _, second = stamped(*times, "00:00:03")
        assert second.seconds == 4.0

    def test_fractions_are_kept(self):
        fine = [f"2024-05-01T10:00:0{number}.{number}234567Z" for number in range(9)]
        first, second = stamped(*fine)
        assert first.seconds == pytest.approx(2.2, abs=1e-6)
        assert second.high is not None
        assert second.low is not None
        assert second.high - second.low == pytest.approx(2e-7, abs=1e-8)

    def test_the_last_step_of_a_cut_log_lasts_until_the_last_stamp(self):
        template = b"%s Step 1/2 : RUN make\n%s  ---> Running in ba9876543210\n%s half\n"
        [timing] = stamped("10:00:00", "10:00:01", "10:00:07", template=template)
        assert timing.seconds == 7.0


class TestBuilder:
    def test_the_begin_is_the_builders_not_the_systems_around_it(self):
        data = (
            b"10:00:00 checking out\n10:05:00 more of the job\n"
            b"10:06:00 Step 1/1 : FROM a\n10:06:02  ---> 0123456789ab\n10:06:03 Successfully built 0123456789ab\n"
        )
        [build] = parse(data)
        assert origin(build) == 10 * 3600 + 6 * 60
        assert build.steps[0].timing.started == 0.0

    def test_without_stamps_there_is_none(self):
        [build] = parse(b"Step 1/1 : FROM a\n ---> 0123456789ab\n")
        assert origin(build) is None
        assert build.steps[0].timing == Timing()

    def test_a_clock_of_the_builders_own_is_left_alone(self):
        lines = [
            b"#1 [internal] load build definition from Dockerfile",
            b"#1 DONE 0.1s",
            b"",
            b"#2 [1/2] FROM a",
            b"#2 DONE 1.0s",
            b"",
            b"#3 [2/2] RUN make",
            b"#3 2.000 made",
            b"#3 DONE 2.5s",
        ]
        data = b"".join(b"10:00:%02d %s\n" % (number, line) for number, line in enumerate(lines))
        [build] = parse(data)
        assert [step.timing.seconds for step in build.steps] == [1.0, 2.5]
        assert {step.timing.source for step in build.steps} == {TimingSource.CLOCK}
        assert all(step.timing.started is not None for step in build.steps)

    def test_buildah_is_timed(self):
        data = (
            b"10:00:00 STEP 1/2: FROM a\n10:00:02 STEP 2/2: RUN make\n10:00:03 made\n10:00:09 COMMIT\n"
            b"10:00:10 --> 0123456789a\n10:00:10 0123456789ab0123456789ab0123456789ab0123456789ab0123456789ab0123\n"
        )
        [build] = parse(data)
        assert build.steps[0].timing.seconds == 2.0
        assert {step.timing.source for step in build.steps} == {TimingSource.PREFIX}
