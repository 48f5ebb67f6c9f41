"""What the status line says, and when it is drawn."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logparse.live.screen import Running, StatusLine, compose, decode, encode, in_words

numbers = st.none() | st.floats(0, 1e10)


class TestCompose:
    def test_nothing_is_known_at_first(self):
        assert compose(Running(), 100.0, 107.4, 80) == "build 7 s"

    def test_the_step_and_its_time(self):
        running = Running("3/9 RUN make", 150.0)
        assert compose(running, 100.0, 192.0, 80) == "3/9 RUN make  step 42 s, build 1:32"

    def test_what_is_left_goes_down_as_time_goes_on(self):
        running = Running("3/9 RUN make", 150.0, 60.0, 30.0, 90.0, told=190.0)
        assert compose(running, 100.0, 195.0, 100) == (
            "3/9 RUN make  step 45 s, build 1:35, about 55 s left (25 s to 1:25)"
        )
        assert compose(running, 100.0, 240.0, 100).endswith("about 10 s left (0 s to 40 s)")

    def test_a_long_step_is_cut(self):
        shown = compose(Running("1/1 RUN " + "make " * 50, 0.0), 0.0, 9.0, 60)
        assert shown == "1/1 RUN make make make make make ma...  step 9 s, build 9 s"
        assert len(shown) == 59

    def test_letters_of_two_columns_count_two(self):
        shown = compose(Running("1/1 RUN " + "建" * 50, 0.0), 0.0, 9.0, 60)
        assert shown == "1/1 RUN " + "建" * 13 + "...  step 9 s, build 9 s"

    @given(st.integers(0, 200), st.text(max_size=100))
    def test_it_never_reaches_the_last_column(self, columns, text):
        shown = compose(Running(text, 0.0, 1.0, 1.0, 1.0), 0.0, 1e7, columns)
        assert len(shown) < max(columns, 1)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "0 s"), (59.4, "59 s"), (59.6, "1:00"), (3599.4, "59:59"), (3600.0, "1:00:00"), (90061.0, "25:01:01"), (-1.0, "0 s")],
)  # fmt: skip
def test_durations_in_words(seconds, words):
    assert in_words(seconds) == words


@given(st.text().filter(lambda text: not {"\n", "\t"} & set(text)), numbers, numbers, st.floats(0, 1e10))
def test_what_is_sent_arrives(text, since, left, told):
    text = text.encode("utf-8", "replace").decode()
    running = Running(text, since, left, left, left, told)
    line = encode(running)
    assert line.count(b"\n") == 1
    assert decode(line[:-1]) == running


@pytest.fixture
def drawn() -> Iterator[tuple[StatusLine, Callable[[], bytes]]]:
    """A status line, and what it has written since it was asked for last."""
    theirs, ours = os.pipe()
    os.set_blocking(theirs, False)

    def read() -> bytes:
        try:
            return os.read(theirs, 1 << 16)
        except BlockingIOError:
            return b""

    yield StatusLine(ours), read
    os.close(theirs)
    os.close(ours)


class TestStatusLine:
    def test_it_is_drawn_and_taken_away_where_the_cursor_is(self, drawn):
        line, read = drawn
        line.draw("build 7 s")
        assert read() == b"\x1b7\x1b[0m\x1b[K\x1b[2mbuild 7 s\x1b8"
        line.erase()
        assert read() == b"\x1b7\x1b[0m\x1b[K\x1b8"
        line.erase()
        assert read() == b""

    def test_the_same_is_not_drawn_twice(self, drawn):
        line, read = drawn
        line.draw("build 7 s")
        read()
        line.draw("build 7 s")
        assert read() == b""

    @pytest.mark.parametrize(
        "writes",
        [
            [b"a line\n"],
            [b"half", b" of it\r\n"],
            [b"a line\n\x1b[?25h"],
            [b"a line\n", b"\x1b[?25h\x1b[0m"],
            [b"a line\n\x1b[?2", b"5h"],
        ],
    )
    def test_at_the_beginning_of_a_line_it_is(self, drawn, writes):
        line, read = drawn
        for chunk in writes:
            line.wrote(chunk)
        line.draw("here")
        assert read() != b""

    @pytest.mark.parametrize(
        "writes", [[b"50%"], [b"50%\r"], [b"a line\n", b"next"], [b"a line\n\x1b[1A"], [b"a\n" + b" " * 100]]
    )
    def test_anywhere_else_it_is_not(self, drawn, writes):
        line, read = drawn
        for chunk in writes:
            line.wrote(chunk)
        line.draw("here")
        assert read() == b""

    def test_a_terminal_that_is_gone_is_no_error(self):
        theirs, ours = os.pipe()
        os.close(theirs)
        line = StatusLine(ours)
        line.draw("nobody sees it")
        os.close(ours)
