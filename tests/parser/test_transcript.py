"""Transcripts claim every byte of their log once, however deep they are taken out of it."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from logparse.log import Pieces, Stamps
from logparse.model import Log, Span, Transcript

TEXT = st.binary(min_size=1, max_size=60)


def cuts(draw, size):
    return sorted(draw(st.sets(st.integers(0, size), max_size=8)))


@st.composite
def nested(draw):
    """Some transcripts that together hold a log, each made by up to four operations."""
    log = Log(data=draw(TEXT))
    made = [Transcript(log)]
    for _ in range(draw(st.integers(0, 4))):
        index = draw(st.integers(0, len(made) - 1))
        chosen = made[index]
        size = len(chosen.data)
        if size < 2:
            continue
        operation = draw(st.sampled_from(["without", "decode", "split"]))
        marks = cuts(draw, size)
        marks = marks[: len(marks) // 2 * 2]
        if operation == "without":
            starts, ends = np.array(marks[::2], np.int64), np.array(marks[1::2], np.int64)
            if ends.sum() - starts.sum() == size:
                continue
            made[index] = chosen.without(starts, ends)
        elif operation == "decode":
            pieces = Pieces(chosen)
            for start, end in zip(marks[::2], marks[1::2], strict=True):
                if draw(st.booleans()):
                    pieces.keep(start, end)
                else:
                    pieces.put(draw(st.binary(min_size=1, max_size=9)), start, end)
            if marks:
                made[index] = pieces.transcript()
        else:
            marks = [0, *(mark for mark in marks if 0 < mark < size), size]
            spans = [Span(*pair) for pair in pairwise(marks)]
            if len(spans) > 1:
                made[index : index + 1] = [chosen.select(spans[::2]), chosen.select(spans[1::2])]
    return log, made


class TestEveryByte:
    @given(nested(), st.data())
    def test_is_claimed_once(self, case, data):
        log, made = case
        claimed = []
        for transcript in made:
            size = len(transcript.data)
            marks = sorted({0, *cuts(data.draw, size), size})
            for start, end in pairwise(marks):
                spans = list(transcript.stretches(start, end))
                assert all(begin < stop for begin, stop in spans)
                claimed += spans
        position = 0
        for start, end in sorted(claimed):
            assert start == position
            position = end
        assert position == len(log.data)

    @given(TEXT, st.data())
    def test_of_the_text_is_found_in_the_log(self, raw, data):
        transcript = Transcript(Log(data=raw))
        for _ in range(3):
            marks = cuts(data.draw, len(transcript.data))
            marks = marks[: len(marks) // 2 * 2]
            starts, ends = np.array(marks[::2], np.int64), np.array(marks[1::2], np.int64)
            transcript = transcript.without(starts, ends)
        for offset, byte in enumerate(transcript.data):
            assert raw[transcript.place(offset)] == byte


class TestStamps:
    """Times go with their lines, whatever is taken away around them."""

    def test_belong_to_the_line_behind_them(self):
        log = Log(data=b"1 one\n2 two\n4 four\n")
        starts = np.array([0, 6, 12])
        stamps = Stamps(starts, np.array([1.0, 2.0, 4.0]), 1.0)
        transcript = Transcript(log).without(starts, starts + 2, stamps=stamps, wrapping="test")
        assert transcript.data == b"one\ntwo\nfour\n"
        assert [transcript.time(offset) for offset in (0, 3, 4, 8, 12)] == [1.0, 1.0, 2.0, 4.0, 4.0]
        assert transcript.wrappings == ("test",)

    def test_stay_right_when_more_is_taken_away(self):
        log = Log(data=b"1 > one\n2 > two\n")
        starts = np.array([0, 8])
        stamps = Stamps(starts, np.array([1.0, 2.0]), 1.0)
        outer = Transcript(log).without(starts, starts + 2, stamps=stamps)
        inner = outer.without(np.array([0, 6]), np.array([2, 8]))
        assert inner.data == b"one\ntwo\n"
        assert (inner.time(0), inner.time(4)) == (1.0, 2.0)
        assert [inner.line_number(offset) for offset in (0, 4)] == [1, 2]
        assert [log.data[a:b] for a, b in inner.stretches(4, 8)] == [b"2 > two\n"]

    def test_are_those_of_the_lines_selected(self):
        log = Log(data=b"1 a\n2 b\n3 c\n")
        starts = np.array([0, 4, 8])
        stamps = Stamps(starts, np.array([1.0, 2.0, 3.0]), 1.0)
        text = Transcript(log).without(starts, starts + 2, stamps=stamps)
        chosen = text.select([Span(0, 2), Span(4, 6)])
        assert chosen.data == b"a\nc\n"
        assert (chosen.time(0), chosen.time(2)) == (1.0, 3.0)
