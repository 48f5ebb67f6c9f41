"""Which lines of a log hold any of many literals, found in one pass over its bytes.

An Aho-Corasick automaton reads every byte once, whatever the number of literals. It is shown a block of lines
at a time, without the control sequences that a literal may go on behind: colours that change within a word,
carriage returns, NUL bytes, characters that hide text. Lines that hold no literal are never decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
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
    """

    def __init__(self, literals: Sequence[str]) -> None:
        self._automaton = BytesAhoCorasick(
            [literal.encode() for literal in literals], implementation=Implementation.DFA
        )

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
        place = 0
        for start, end in _blocks(transcript.data, spans):
            feeds = _feeds(transcript.data, start, end)
            text = _text(transcript, start, end, feeds)
            found = self._automaton.find_matches_as_indexes(text, overlapping=True)
            if found:
                begins = [start, *(feeds + (start + 1)).tolist(), end + 1]
                for number, line, held in _by_line(text, found):
                    begin, stop = begins[number], min(begins[number + 1] - 1, end)
                    plainly = transcript.mark is None and stop - begin <= LONG and b"\r" not in line
                    if plainly and line.isascii():
                        # Most lines: what read() would make of them again.
                        yield Row(begin, place + number, line.decode().rstrip()), held
                    else:
                        yield Row(begin, place + number, *read(transcript, begin, stop)), held
            place += len(feeds) + (transcript.data[end - 1] != LINE_FEED)


def _by_line(text: bytes, found: list[tuple[int, int, int]]) -> Iterator[tuple[int, bytes, list[int]]]:
    """The lines that an automaton has found literals in: the number, the line, and the literals' numbers."""
    number = looked = 0
    begin = end = -1
    held: list[int] = []
    for literal, at, _ in found:
        if at > end:
            if held:
                yield number, text[begin:end], held
            number += text.count(b"\n", looked, at)
            begin = text.rfind(b"\n", 0, at) + 1
            end = text.find(b"\n", at)
            if end < 0:
                end = len(text)
            looked, held = at, []
        held.append(literal)
    yield number, text[begin:end], held


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


def _feeds(data: bytes, start: int, end: int) -> npt.NDArray[np.intp]:
    """Where the line feeds of a block are, counted from its beginning."""
    return np.flatnonzero(np.frombuffer(data, np.uint8, end - start, start) == LINE_FEED)


def _text(transcript: Transcript, start: int, end: int, feeds: npt.NDArray[np.intp]) -> bytes:
    """A block as it is searched, line for line."""
    data = transcript.data
    ends = np.concatenate(((-1,), feeds, (end - start,)))
    lengths = ends[1:] - ends[:-1]
    if lengths.max() <= LONG:
        return plain_lines(data[start:end])
    parts = []
    done = start
    for number in np.flatnonzero(lengths > LONG).tolist():
        begin, stop = start + int(ends[number]) + 1, start + int(ends[number + 1])
        parts += [plain_lines(data[done:begin]), read(transcript, begin, stop)[0].encode()]
        done = stop
    return b"".join([*parts, plain_lines(data[done:end])])
