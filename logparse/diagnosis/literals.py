"""Which lines of a log hold any of many literals, found in one pass over its bytes.

An Aho-Corasick automaton reads every byte once, whatever the number of literals. It is shown a block of lines
at a time, without the control sequences that a literal may go on behind: colours that change within a word,
carriage returns, NUL bytes, characters that hide text. Lines that hold no literal are never decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from ahocorasick_rs import BytesAhoCorasick, Implementation

from logparse.diagnosis.lines import LINE_FEED, LONG, Row, read
from logparse.model import Span, Transcript
from logparse.text import plain_lines

__all__ = ["Literals"]

_BLOCK = 1 << 18
"""Bytes that are searched at a time. A line is never divided."""


class Literals:
    """Finds lines by the literals in them.

    Parameters
    ----------
    literals
        What to look for: no empty string, nothing with a line feed.
    much
        Whether they are looked for in much text: then an automaton pays that is faster by a quarter and takes
        ten times as long to make.
    """

    def __init__(self, literals: Sequence[str], *, much: bool = True) -> None:
        kind = Implementation.DFA if much else Implementation.ContiguousNFA
        self._automaton = BytesAhoCorasick([literal.encode() for literal in literals], implementation=kind)

    def held(self, text: str) -> list[int]:
        """The numbers of the literals that a text holds."""
        data = text.encode("utf-8", "replace")
        return [number for number, *_ in self._automaton.find_matches_as_indexes(data, overlapping=True)]

    def rows(self, transcript: Transcript, spans: Sequence[Span]) -> Iterator[tuple[Row, list[int]]]:
        """The lines in `spans` that hold a literal, each with the numbers of those it holds.

        Every line whose text holds a literal is among them. There may be more: a literal can stand in what a
        carriage return has overwritten, or before the program's words.

        Parameters
        ----------
        transcript
            The text to search.
        spans
            Stretches of it in ascending order. They may begin or end within a line.
        """
        data = transcript.data
        place = 0
        for start, end in _blocks(data, spans):
            text, kept = _text(transcript, start, end)
            found = self._automaton.find_matches_as_indexes(text, overlapping=True)
            if found:
                begins = None if kept else _begins(data, start, end)
                for number, at, line, held in _by_line(text, found):
                    if begins is None:
                        begin, stop = start + at, start + at + len(line)
                    else:
                        begin, stop = begins[number], min(begins[number + 1] - 1, end)
                    plainly = transcript.mark is None and stop - begin <= LONG and b"\r" not in line
                    if plainly and line.isascii():
                        # Most lines: what read() would make of them again.
                        yield Row(begin, place + number, line.decode().rstrip()), held
                    else:
                        yield Row(begin, place + number, *read(transcript, begin, stop)), held
            place += data.count(b"\n", start, end) + (data[end - 1] != LINE_FEED)


def _by_line(text: bytes, found: list[tuple[int, int, int]]) -> Iterator[tuple[int, int, bytes, list[int]]]:
    """The lines that an automaton has found literals in: number, place, line, and the literals' numbers."""
    number = looked = 0
    begin = end = -1
    held: list[int] = []
    for literal, at, _ in found:
        if at > end:
            if held:
                yield number, begin, text[begin:end], held
            number += text.count(b"\n", looked, at)
            begin = text.rfind(b"\n", 0, at) + 1
            end = text.find(b"\n", at)
            if end < 0:
                end = len(text)
            looked, held = at, []
        held.append(literal)
    yield number, begin, text[begin:end], held


def _blocks(data: bytes, spans: Sequence[Span]) -> Iterator[Span]:
    """`spans` in pieces of whole lines."""
    for start, end in spans:
        begin = start
        while begin < end:
            stop = min(begin + _BLOCK, end)
            if stop < end:
                cut = data.rfind(b"\n", begin, stop)
                if cut < 0:
                    cut = data.find(b"\n", stop, end)
                stop = end if cut < 0 else cut + 1
            yield Span(begin, stop)
            begin = stop


def _begins(data: bytes, start: int, end: int) -> list[int]:
    """Where the lines of a block begin, and the one behind it would."""
    feeds = (np.frombuffer(data, np.uint8, end - start, start) == LINE_FEED).nonzero()[0]
    return [start, *(feeds + (start + 1)).tolist(), end + 1]


def _text(transcript: Transcript, start: int, end: int) -> tuple[bytes, bool]:
    """A block as it is searched, line for line, and whether it is the same, byte for byte."""
    data = transcript.data
    parts = []
    done = start
    for begin, stop in _long(data, start, end):
        parts += [plain_lines(data[done:begin]), read(transcript, begin, stop)[0].encode()]
        done = stop
    rest = data[done:end]
    last = plain_lines(rest)
    return (b"".join([*parts, last]), False) if parts else (last, last == rest)


def _long(data: bytes, start: int, end: int) -> Iterator[Span]:
    """The lines of a block of which only the two ends are looked at."""
    begin = start
    while end - begin > LONG:
        feed = data.rfind(b"\n", begin, begin + LONG + 1)
        if feed < 0:
            feed = data.find(b"\n", begin + LONG, end)
            feed = end if feed < 0 else feed
            yield Span(begin, feed)
        begin = feed + 1
