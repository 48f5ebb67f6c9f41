"""Output is saved so that nothing of it is lost, and it can be had back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logparse import Log, Transcript, parse
from logparse.live.records import Recorder, moment, original
from logparse.parser.wrappings.arrivals import ARRIVALS

SECOND = 1_000_000_000
MILLI = 1_000_000

# What the module's documentation says a record is.
RECORD = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z [12][>+] [^\n]*\n")

texts = st.lists(
    st.sampled_from(
        [b"\n", b"\r", b"\r\n", b"a", b"50%\r", b"Step 1/1 : FROM a\n", b"\xff\x00", b" ", b"1+ "]
    ),
    max_size=6,
).map(b"".join)
chunks = st.lists(st.tuples(st.sampled_from([1, 2]), texts | st.binary(max_size=20), st.integers(0, 30)))
"""Stream, bytes, and milliseconds since the one before."""


def recorded(given_chunks: list[tuple[int, bytes, int]]) -> bytes:
    recorder = Recorder(1_700_000_000 * SECOND)
    now = 0
    log = recorder.begin(now)
    for stream, chunk, pause in given_chunks:
        now += pause * MILLI
        log += recorder.take(now, stream, chunk)
    return log + recorder.end(now)


class TestRecorder:
    def test_lines_that_came_at_once_have_one_stamp(self):
        log = Recorder(0).take(61 * SECOND + 2_500, 1, b"a\n\nb\n")
        stamp = b"1970-01-01T00:01:01.000002Z 1> "
        assert log == stamp + b"a\n" + stamp + b"\n" + stamp + b"b\n"

    def test_a_line_that_goes_on_soon_is_one_record_with_its_first_bytes_stamp(self):
        recorder = Recorder(0)
        assert recorder.take(SECOND, 1, b"half of") == b""
        assert recorder.holds
        assert (
            recorder.take(SECOND + 9 * MILLI, 1, b" it\n") == b"1970-01-01T00:00:01.000000Z 1> half of it\n"
        )
        assert not recorder.holds

    def test_one_that_goes_on_later_is_two(self):
        recorder = Recorder(0)
        recorder.take(SECOND, 1, b"checking ... ")
        assert recorder.take(3 * SECOND, 1, b"yes\n") == (
            b"1970-01-01T00:00:01.000000Z 1+ checking ... \n1970-01-01T00:00:03.000000Z 1> yes\n"
        )

    def test_what_is_held_back_can_be_had(self):
        recorder = Recorder(0)
        recorder.take(SECOND, 1, b"50%")
        assert recorder.release(SECOND - 1) == b""
        assert recorder.release(SECOND) == b"1970-01-01T00:00:01.000000Z 1+ 50%\n"
        assert not recorder.holds

    def test_lines_of_two_streams_are_not_mixed(self):
        recorder = Recorder(0)
        assert recorder.take(SECOND, 1, b"out") == b""
        assert recorder.take(SECOND, 2, b"error\n") == b"1970-01-01T00:00:01.000000Z 2> error\n"
        assert recorder.take(SECOND, 1, b"put\n") == b"1970-01-01T00:00:01.000000Z 1> output\n"

    def test_a_line_without_an_end_is_not_held_for_ever(self):
        recorder = Recorder(0)
        log = b"".join(recorder.take(0, 1, b"x" * 1000) for _ in range(100))
        assert log.startswith(b"1970-01-01T00:00:00.000000Z 1+ xxx")
        assert original(log) == b"x" * 66_000

    def test_the_date_goes_on_over_midnight(self):
        recorder = Recorder(1_798_761_599 * SECOND)  # the last second of 2026
        assert recorder.take(999_999_999, 1, b"\n") == b"2026-12-31T23:59:59.999999Z 1> \n"
        assert recorder.take(SECOND, 1, b"\n") == b"2027-01-01T00:00:00.000000Z 1> \n"

    @given(chunks)
    def test_every_line_is_a_record(self, given_chunks):
        log = recorded(given_chunks)
        assert b"".join(RECORD.findall(log)) == log


class TestOriginal:
    @given(chunks)
    def test_each_stream_is_as_it_came(self, given_chunks):
        log = recorded(given_chunks)
        for stream in (1, 2):
            assert original(log, stream) == b"".join(text for of, text, _ in given_chunks if of == stream)

    @given(chunks)
    def test_a_single_stream_is_all(self, given_chunks):
        alone = [(1, text, pause) for _, text, pause in given_chunks]
        assert original(recorded(alone)) == b"".join(text for _, text, _ in alone)

    @given(chunks, st.integers(0, 400))
    def test_a_log_that_was_cut_lacks_its_end_only(self, given_chunks, size):
        log = recorded([(1, text, pause) for _, text, pause in given_chunks])
        whole = log[: log.rfind(b"\n", 0, size) + 1]
        assert original(log).startswith(original(whole))
        assert original(log[:size]).startswith(original(whole))

    def test_lines_of_others_stay(self):
        assert original(b"not ours\n1970-01-01T00:00:00.000000Z 1> a\n") == b"not ours\na\n"


class TestUnwrapping:
    """The parser takes the same away."""

    @given(st.lists(st.tuples(st.just(1), texts, st.integers(0, 30))))
    def test_the_text_is_the_output(self, given_chunks):
        log = recorded(given_chunks)
        found = ARRIVALS.peel(Transcript(Log(data=log)))
        output = original(log)
        assert [each.data for each in found] == ([output] if output else [])

    @given(chunks)
    def test_no_byte_of_the_log_is_lost(self, given_chunks):
        log = recorded(given_chunks)
        spans = sorted((start, end) for build in parse(log) for _, start, end in build.elements())
        assert [start for start, _ in spans] == [0, *(end for _, end in spans)][:-1]
        assert spans[-1][1] == len(log)

    def test_stamps_are_those_of_the_lines(self):
        log = recorded([(1, b"a\n", 1500), (1, b"b\nc", 250), (1, b"\n", 30)])
        [text] = ARRIVALS.peel(Transcript(Log(data=log)))
        times = [text.time(offset) for offset in range(len(text.data))]
        assert text.data == b"a\nb\nc\n"
        assert times == pytest.approx(
            [1_700_000_000 + late for late in (1.5, 1.5, 1.75, 1.75, 1.75, 1.78)], abs=1e-6
        )
        assert text.stamps is not None
        assert text.stamps.arrival
        assert text.wrappings == ("logparse-watch",)

    def test_records_without_text_are_no_lines(self):
        recorder = Recorder(0)
        log = recorder.begin(0) + recorder.take(0, 2, b"only errors\n") + recorder.end(0)
        [text] = ARRIVALS.peel(Transcript(Log(data=log)))
        assert text.data == b"only errors\n"

    @pytest.mark.parametrize(
        "line",
        [
            b"2026-01-31T12:00:00.123456Z 3> no stream\n",
            b"2026-01-31T12:00:00.123456Z 1- no sign\n",
            b"2026-01-31T12:00:00.123Z 1> milliseconds\n",
            b"2026-01-31T12:00:00.123456Z text\n",
            b"2026-13-31T12:00:00.123456Z 1>no blank\n",
        ],
    )
    def test_others_are_not_taken_for_records(self, line):
        assert ARRIVALS.peel(Transcript(Log(data=line * 20))) == []


class TestMoment:
    def test_of_a_record(self):
        assert moment(b"1970-01-02T00:00:01.250000Z 1> a\n") == 86_401.25

    def test_of_anything_else(self):
        assert moment(b"") is None
        assert moment(b"Step 1/1 : FROM a") is None
