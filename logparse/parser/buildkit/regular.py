"""Regular stretches of what the plain display printed, all at once.

Most of a log is as regular as can be: the display comes to a vertex, prints its name, lines behind its number
and how it ended, then an empty line, and comes to the next one. This module finds such *visits* with a few
array operations, at a speed that no loop over lines can reach. It only ever says what the state machine in
:mod:`.cutter` would say, and leaves to that everything else: text that is no vertex's, vertices that are left
without a word, lines of another vertex in between, rare statuses.

Lines of one vertex' program that follow each other are one *turn*, as are lines of text; any other line is
one of its own. Each turn gets a class (:mod:`.classes`), which is the kind of element that it is, and follows
from the one before, or does not. A machine that stands before a turn with no vertex at hand can take all
turns up to the next one that does not follow.

What is left to know is where builds begin. Numbers start again there: at ``#0 building with``, or at the
first vertex where a client does not print that. Within such a *series*, each number must have one name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from logparse.parser.buildkit.classes import (
    BLANK,
    BY_FIRST,
    CLOSES,
    COMPARED,
    DIGEST,
    DONE,
    FOLLOWS_END,
    HEADER,
    IS_END,
    IS_FIRST,
    IS_INSIDE,
    IS_MARK,
    IS_STATUS,
    KIND_OF,
    LAYER,
    MERGES,
    NOTE,
    ODD,
    SIZES,
    TEXT,
    TWO_WORDS,
    VERTEX,
    ZERO,
)
from logparse.parser.buildkit.markers import STEP
from logparse.parser.classic.lines import (
    Flags,
    Kinds,
    Lines,
    Offsets,
    Words,
    is_hex,
    leading,
    read_number,
    word,
)

__all__ = ["Turns", "Visits", "find_regular"]

_FIRST_CHUNK = 1 << 18
_CHUNK = 1 << 20
_NEXT = b"\n\n#"

_EACH_BYTE = 0x0101010101010101
_ONES, _HIGH = np.uint64(_EACH_BYTE), np.uint64(0x80 * _EACH_BYTE)
_SPACES = np.uint64(0x20 * _EACH_BYTE)
_FROM_ZERO, _BEYOND_NINE = np.uint64(0x50 * _EACH_BYTE), np.uint64(0x46 * _EACH_BYTE)
_EIGHT, _FIRST_BYTE = np.uint64(8), np.uint64(0xFF)
_LONGEST_NUMBER = 6
_NUMBERS = 20
"""Bits of a number of so many digits."""
_HEX, _DIGITS = len(b"sha256:"), 64
_INTERNAL, _INTERNAL_END = word(b"[interna"), word(b"l]")
_BOOTING = (word(b"[interna"), word(b"l] booti"))


class Visits(NamedTuple):
    """The visits of a piece of a log, each a row.

    Parameters
    ----------
    numbers
        The number of the vertex.
    names, name_ends
        Where its name begins and ends in the log.
    endings
        The kind of element with which the visit ends. ``#0 building with`` counts as one that has no end.
    """

    numbers: memoryview
    names: memoryview
    name_ends: memoryview
    endings: memoryview


class Turns(NamedTuple):
    """The turns of a piece of a log.

    Parameters
    ----------
    starts
        Where each begins in the log.
    end
        Where the last one ends.
    begins
        Whether a machine with no vertex at hand may begin to take turns here, for each.
    breaks
        Those that do not follow, and behind those, how many turns there are.
    series
        Those with which numbers may start again.
    elements, visited
        How many elements and visits begin before each, and before the end.
    kinds, ends
        Their elements, as for :class:`~logparse.model.Tape`; `ends` are the bytes of 64-bit integers.
    visits
        Their visits.
    marks
        With which turn each visit begins.
    """

    starts: memoryview
    end: int
    begins: memoryview
    breaks: memoryview
    series: memoryview
    elements: memoryview
    visited: memoryview
    kinds: memoryview
    ends: memoryview
    visits: Visits
    marks: memoryview


def find_regular(data: bytes) -> Iterator[Turns]:
    """The turns of a log, piece by piece, from left to right.

    Pieces end where the display comes to another vertex. What a vertex says in one piece or more is left out:
    it would take memory in proportion, and one vertex more or less does not count.
    """
    # Memory of arrays this large is given back to the system when they are gone, and got from it anew for
    # the next one, page by page, at several times the cost of the work. Once one of them is gone, the C
    # library keeps what is smaller.
    np.empty(1 << 24, np.uint8)
    start, size, chunk = 0, len(data), min(_FIRST_CHUNK, _CHUNK)
    while start < size:
        end = size
        if size - start > chunk:
            end = data.rfind(_NEXT, start, start + chunk) + len(_NEXT) - 1
            if end <= start:
                start = data.find(_NEXT, start + chunk - len(_NEXT)) + len(_NEXT) - 1
                if start < len(_NEXT):
                    return
                continue
        lines = Lines(data, start, end)
        if len(lines.starts) > 1:
            yield _Piece(data, lines).turns()
        start, chunk = end, _CHUNK


class _Piece:
    """A piece of a log at work. Offsets count from :attr:`~logparse.parser.classic.lines.Lines.base`."""

    def __init__(self, data: bytes, lines: Lines) -> None:
        self.data = data
        self._lines = lines
        first, words = _first_lines(lines)
        self._count = len(first)
        self._starts = lines.starts.take(first)
        self._line_ends = lines.starts.take(first + 1)
        self._classify(words)
        self._follow()

    # -- what each turn is ------------------------------------------------------------------------------

    def _classify(self, words: Words) -> None:
        """Read the numbers of vertices, -1 where there is none, and tell what stands behind them."""
        lines, starts = self._lines, self._starts
        numbers, behind = read_number(lines, starts + 1)
        digits = behind - starts - 1
        good = (words & _FIRST_BYTE) == ord("#")
        good &= lines.bytes.take(behind) == ord(" ")
        good &= digits <= _LONGEST_NUMBER
        good &= (digits == 1) | (lines.bytes.take(starts + 1) != ord("0"))
        self._numbers, self._text = numbers, behind + 1
        self._said = said = lines.word(self._text)
        classes = BY_FIRST.take((said & _FIRST_BYTE).view(np.int64))
        classes *= good
        self._classes = classes

        others = np.flatnonzero(~good)
        numbers[others] = -1
        start = starts.take(others)
        size = self._line_ends.take(others) - start
        blank = (size == 1) | ((size == len(b"\r\n")) & (lines.bytes.take(start) == ord("\r")))
        classes[others[blank]] = BLANK

        some = np.flatnonzero(IS_FIRST.take((said & _FIRST_BYTE).view(np.int64)) & good)
        text, said = self._text.take(some), said.take(some)
        said_next = lines.word(text + 8)
        found = np.zeros(len(some), np.uint8)
        for mask, beginning, mask_next, next_word, kind in COMPARED:
            same = (said & mask) == beginning
            if mask_next:
                same &= (said_next & mask_next) == next_word
            found += same * kind
        ends = self._line_ends.take(some) - 1
        ends -= lines.bytes.take(ends - 1) == ord("\r")
        wanted = SIZES.take(found)
        found[(wanted != ends - text) & (wanted > 0)] = ODD
        those = np.flatnonzero(found == DONE)
        found[those[~self._is_done(text[those], ends[those])]] = ODD
        those = np.flatnonzero(found == LAYER)
        found[those] = self._layers(text[those], ends[those])
        found[(numbers.take(some) == 0) != (found == ZERO)] = ODD
        known = found > 0
        classes[some[known]] = found[known]

    def _is_done(self, text: Offsets, ends: Offsets) -> Flags:
        """Whether some lines say ``DONE 12.3s`` and no more."""
        lines = self._lines
        seconds, behind = read_number(lines, text + len(b"DONE "))
        tail = lines.word(behind)
        tenth = (tail >> _EIGHT) & _FIRST_BYTE
        good = (seconds >= 0) & (behind == ends - len(b".3s"))
        good &= lines.bytes.take(text + len(b"DONE")) == ord(" ")
        good &= (tail & word(b"\xff\0\xff")) == word(b".\0s")
        good &= (tenth >= ord("0")) & (tenth <= ord("9"))
        flags: Flags = good
        return flags

    def _layers(self, text: Offsets, ends: Offsets) -> Kinds:
        """The classes of lines that begin with a digest: a vertex' own, or of what bytes are transferred."""
        lines = self._lines
        size = ends - text - (_HEX + _DIGITS)
        digit = lines.bytes.take(text + (_HEX + _DIGITS + 1))
        is_layer = (size > 1) & (lines.bytes.take(text + (_HEX + _DIGITS)) == ord(" "))
        is_layer &= (digit >= ord("0")) & (digit <= ord("9"))
        classes = np.where(is_layer, LAYER, ODD)
        own = np.flatnonzero(size == 0)
        digits = lines.word(text[own, None] + np.arange(_HEX, _HEX + _DIGITS, 8))
        classes[own[is_hex(digits).all(axis=1)]] = DIGEST
        return classes

    # -- what follows from what -------------------------------------------------------------------------

    def _follow(self) -> None:
        """Tell which turns follow from the ones before."""
        classes, numbers, count = self._classes, self._numbers, self._count
        # Whether there is no vertex at hand before each turn.
        is_free = np.ones(count + 1, np.bool_)
        CLOSES.take(classes, out=is_free[1:])
        is_free = is_free[:-1]
        begins = FOLLOWS_END.take(classes)
        begins &= is_free
        inside = IS_INSIDE.take(classes)
        inside[1:] &= numbers[1:] == numbers[:-1]
        inside &= ~is_free
        follows = begins | inside
        zero = np.flatnonzero(classes == ZERO)
        follows[zero[1:][zero[1:] == zero[:-1] + 1]] = False
        self._marks = marks = np.flatnonzero(begins & IS_MARK.take(classes))
        self._names = names = marks[classes.take(marks) != ZERO]
        digests = np.flatnonzero(classes == DIGEST)
        follows[digests[~_flags(names + 1, count + 1)[digests]]] = False
        follows[self._odd_names()] = False
        follows[self._odd_statuses(inside)] = False
        self._check_series(follows)
        # A visit is whole if its end comes before anything that does not follow.
        odd = np.append(np.flatnonzero(~follows), count)
        ends = np.append(np.flatnonzero(inside & IS_END.take(classes)), count)
        until = ends[np.searchsorted(ends, names)]
        follows[names[until >= odd[np.searchsorted(odd, names)]]] = False
        begins &= follows
        self._begins = begins
        self._breaks = np.append(np.flatnonzero(~follows), count)
        endings = np.zeros(count, np.uint8)
        endings[names] = np.append(classes, TEXT).take(until)
        self._endings = endings.take(self._marks)

    def _odd_names(self) -> Offsets:
        """Names that are not compared as they should, or have a meaning."""
        names = self._names
        odd = IS_STATUS.take(self._classes.take(names))
        odd &= self._line_ends.take(names) - self._text.take(names) <= TWO_WORDS
        some = np.flatnonzero(self._said.take(names) == _BOOTING[0])
        odd[some[self._said_next(names[some]) == _BOOTING[1]]] = True
        found: Offsets = names[odd]
        return found

    def _odd_statuses(self, inside: Flags) -> Offsets:
        """Statuses that may be the vertex' name once more."""
        some = np.flatnonzero(inside & IS_STATUS.take(self._classes))
        before = np.searchsorted(self._names, some)
        some, before = some[before > 0], before[before > 0]
        name = self._names.take(before - 1)
        same = self._said.take(some) == self._said.take(name)
        some, name = some[same], name[same]
        found: Offsets = some[self._said_next(some) == self._said_next(name)]
        return found

    def _said_next(self, turns: Offsets) -> Words:
        """The second eight bytes of what stands behind numbers."""
        return self._lines.word(self._text.take(turns) + 8)

    def _check_series(self, follows: Flags) -> None:
        """Find where numbers start again, and numbers that come again behind which there is another name."""
        marks, data = self._marks, self.data
        numbers = self._numbers.take(marks)
        starts = numbers <= 1
        starts[1:] &= ~((numbers[1:] == 1) & (numbers[:-1] == 0))
        self._series = marks[starts]
        keys = (np.cumsum(starts) << _NUMBERS) | numbers
        order = np.argsort(keys, kind="stable")
        keys = keys.take(order)
        again = np.flatnonzero(keys[1:] == keys[:-1])
        here, before = marks[order[again + 1]], marks[order[again]]
        text, ends = self._text + self._lines.base, self._line_ends + (self._lines.base - 1)
        columns = (here, text[here], ends[here], text[before], ends[before])
        for turn, *spans in zip(*(column.tolist() for column in columns), strict=True):
            if data[spans[0] : spans[1]] != data[spans[2] : spans[3]]:
                follows[turn] = False

    # -- what there is to take ----------------------------------------------------------------------------

    def turns(self) -> Turns:
        """What a machine needs of it."""
        base, end = self._lines.base, self._lines.starts[-1]
        classes, marks = self._element_classes(), self._marks
        is_last = np.ones(self._count, np.bool_)
        is_last[:-1] = classes[1:] != classes[:-1]
        is_last[:-1] |= ~MERGES.take(classes[1:])
        # A vertex may be left right behind its digest, and both are notes.
        is_last[:-1] &= (self._classes[:-1] != DIGEST) | (self._classes[1:] != NOTE)
        last = np.flatnonzero(is_last)
        ends = np.append(self._starts[1:], end).take(last) + base
        return Turns(
            (self._starts + base).data,
            int(end) + base,
            self._begins.data,
            self._breaks.data,
            self._series.data,
            _before(is_last).data,
            _before(_flags(marks, self._count)).data,
            classes.take(last).data,
            ends.data.cast("B"),
            Visits(
                self._numbers.take(marks).data,
                (self._text.take(marks) + base).data,
                (self._line_ends.take(marks) + (base - 1)).data,
                self._endings.data,
            ),
            marks.data,
        )

    def _element_classes(self) -> Kinds:
        """The kinds of the turns' elements."""
        classes, names = KIND_OF.take(self._classes), self._names
        classes[names] = VERTEX
        some = names[(self._said.take(names) & _FIRST_BYTE) == ord("[")]
        internal = self._said.take(some) == _INTERNAL
        internal &= (self._said_next(some) & leading(2)) == _INTERNAL_END
        some = some[~internal]
        text = (self._text.take(some) + self._lines.base).tolist()
        match, data = STEP.match, self.data
        classes[some[[match(data, place) is not None for place in text]]] = HEADER
        return classes


def _flags(those: Offsets, count: int) -> Flags:
    """Whether each is one of those."""
    flags = np.zeros(count, np.bool_)
    flags[those] = True
    return flags


def _before(flags: Flags) -> Offsets:
    """How many flags are set before each, and in all."""
    counts = np.zeros(len(flags) + 1, np.int64)
    np.cumsum(flags, out=counts[1:])
    return counts


def _first_lines(lines: Lines) -> tuple[Offsets, Words]:
    """The first line of each turn, and the first eight bytes of each of them."""
    words = lines.word(lines.starts[:-1])
    # The highest bit of the first blank's byte: where a byte is zero, subtracting one from it carries.
    blank = words ^ _SPACES
    at = blank - _ONES
    np.invert(blank, out=blank)
    at &= blank
    at &= _HIGH
    before = at - np.uint64(1)
    before ^= at  # all bits up to that one
    at &= before
    at <<= _EIGHT
    # Whether the byte behind it is a digit. In a line of a vertex, no byte before it is so large that the sum
    # carries; what comes of other lines does not count, since none of them goes on with a vertex' line.
    digit = words + _FROM_ZERO
    digit ^= words + _BEYOND_NINE
    digit &= ~words
    at &= digit
    says = at != 0
    differs = words[1:] ^ words[:-1]
    differs &= before[1:]
    goes_on = differs == 0
    goes_on &= says[1:]
    goes_on &= says[:-1]
    byte = words.astype(np.uint8)
    text = (byte != ord("#")) & (byte > ord("\r"))
    goes_on |= text[1:] & text[:-1]
    first = np.flatnonzero(np.concatenate(([True], ~goes_on)))
    return first, words[first]
