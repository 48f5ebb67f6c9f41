"""Regular steps, all at once.

Most steps of a log look the same but for their ids and their output, and their ends can be told from where
the next step begins: a cached step is three lines, a copied file two, and a command's output lies between
its container's start in the second line and the same container's removal in the last but one. This module
finds such steps in a whole log with a few array operations, at a speed that no loop over steps can reach.
It only ever says what the state machine in :mod:`.cutter` would say, and leaves to that everything that is
not regular: late removals, triggers, failures, what is behind the last step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from logparse.model import Kind
from logparse.parser.classic.markers import PLAIN_PULL

__all__ = ["Run", "find_regular_steps"]

_CHUNK = 1 << 21
_LOOKED_BEYOND = 32

_Offsets = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]
_Words = npt.NDArray[np.uint64]


def _word(text: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(text, "little"))


_STEP = _word(b"Step ")
_FIVE_BYTES = _word(b"\xff" * 5)
_THREE_BYTES = _word(b"\xff" * 3)
_SIX_BYTES = _word(b"\xff" * 6)
_RESULT = _word(b"Successf")
_COLON = _word(b" : ")
_ARROW = _word(b" ---> ")
_CACHED = _word(b" ---> Us")
_RUNNING = _word(b" ---> Ru")
_REMOVING = b"Removing intermediate container "
_REMOVED = b" ---> Removed intermediate container "

# Lengths of the builder's lines with their newline, and where an id stands in them.
_IMAGE_LENGTH = len(b" ---> 0123456789ab\n")
_CACHED_LENGTH = len(b" ---> Using cache\n")
_RUNNING_LENGTH = len(b" ---> Running in 0123456789ab\n")
_ID_LENGTH = 12

_RESULT_LENGTH = len(b"Successfully built 0123456789ab\n")
_EACH_BYTE = 0x0101010101010101
_HIGH = np.uint64(0x80 * _EACH_BYTE)


class Run(NamedTuple):
    """Regular steps one behind the other, with consecutive numbers.

    Parameters
    ----------
    start, end
        Where the first one begins and the last one ends.
    number, total
        The first one's count as printed; `total` is -1 if there is none.
    last_number
        The last one's.
    kinds, ends
        Their elements, as for :class:`~logparse.model.Tape`; `ends` are the bytes of 64-bit
        integers.
    """

    start: int
    end: int
    number: int
    total: int
    last_number: int
    kinds: bytes
    ends: memoryview


def find_regular_steps(data: bytes) -> Iterator[Run]:
    """Find all regular steps of a log, from left to right.

    A run may be cut in two anywhere. The log is read piece by piece, so that memory does not grow with it.
    """
    for start, end in _chunks(data):
        yield from _read_chunk(data, start, end)


def _chunks(data: bytes) -> Iterator[tuple[int, int]]:
    """Cut a log into pieces that end where a step begins, so that steps stay whole.

    A step that is longer than a piece is left out: it would take memory in proportion, and one step more
    or less does not count.
    """
    start = 0
    while start < len(data):
        end = len(data)
        if end - start > _CHUNK:
            found = data.rfind(b"\nStep ", start + 1, start + _CHUNK)
            if found < 0:
                found = data.find(b"\nStep ", start + _CHUNK)
                if found < 0:
                    return
                start = found + 1
                continue
            end = found + 1
        yield start, end
        start = end


class _Lines:
    """The lines of a piece of a log, by number; what stands in them is read 8 bytes at a time."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self.bytes = np.frombuffer(data, np.uint8)
        # Eight bytes from any offset on, as one number: a view that overlaps itself.
        self.words = np.ndarray((max(len(data) - 7, 0),), "<u8", data, strides=(1,))
        starts = np.flatnonzero(self.bytes[start:end] == ord("\n"))
        self.starts = np.concatenate(([start], starts + (start + 1)))
        if end > len(self.words):
            self.starts = self.starts[self.starts < len(self.words)]
        self._has_returns = data.find(b"\r\n", start, end) >= 0

    def key(self, lines: _Offsets) -> _Words:
        """The first 8 bytes of lines."""
        return self.words[self.starts[lines]]

    def beginning_with(self, byte: str) -> _Offsets:
        """The lines that begin with a byte."""
        return np.flatnonzero(self.bytes[self.starts] == ord(byte))

    def stands(self, text: bytes, at: _Offsets) -> _Flags:
        """Whether `text`, of 8 bytes or more, stands at offsets."""
        same = np.ones(len(at), np.bool_)
        for offset in {*range(0, len(text) - 7, 8), len(text) - 8}:
            same &= self.words[at + offset] == _word(text[offset : offset + 8])
        return same

    def before(self, line: _Offsets) -> _Offsets:
        """Where the text of the line before each begins to end: at its newline, or the return before it."""
        ends: _Offsets = self.starts[line] - 1
        if self._has_returns:
            ends -= self.bytes[ends - 1] == ord("\r")
        return ends

    def length(self, lines: _Offsets) -> _Offsets:
        """Bytes of the lines with their newline, less the carriage return that may stand before it."""
        next_line = self.starts[lines + 1]
        length: _Offsets = next_line - self.starts[lines]
        if self._has_returns:
            length -= self.bytes[next_line - 2] == ord("\r")
        return length

    def same_id(self, one: _Offsets, other: _Offsets) -> _Flags:
        """Whether the ids at two offsets are the same."""
        halves = _ID_LENGTH - 8
        same: _Flags = (self.words[one] == self.words[other]) & (
            self.words[one + halves] == self.words[other + halves]
        )
        return same

    def is_id(self, offsets: _Offsets) -> _Flags:
        """Whether 12 lower-case hexadecimal digits stand at the offsets."""
        both: _Flags = _is_hex(self.words[offsets]) & _is_hex(self.words[offsets + (_ID_LENGTH - 8)])
        return both


def _is_between(words: _Words, first: str, behind: str) -> _Words:
    """The highest bit of each byte that is at least `first` and less than `behind`; other bits are noise.

    Adding 128 - c to a byte below 128 sets its highest bit exactly if the byte is c or more, and carries
    nothing into the next byte, so one addition compares 8 bytes at once.
    """
    low = words & ~_HIGH
    at_least = low + np.uint64((128 - ord(first)) * _EACH_BYTE)
    beyond = low + np.uint64((128 - ord(behind)) * _EACH_BYTE)
    return at_least & ~beyond & ~words


def _is_hex(words: _Words) -> _Flags:
    """Whether all 8 bytes of a word are lower-case hexadecimal digits."""
    either = _is_between(words, "0", ":") | _is_between(words, "a", "g")
    hexadecimal: _Flags = (either & _HIGH) == _HIGH
    return hexadecimal


def _read_chunk(data: bytes, start: int, end: int) -> Iterator[Run]:
    """Find the regular steps of a piece of a log that ends where a step begins, or with the log."""
    lines = _Lines(data, start, end)
    starts = lines.starts
    boundaries = lines.beginning_with("S")
    keys = lines.key(boundaries)
    is_step = (keys & _FIVE_BYTES) == _STEP
    is_result = keys == _RESULT
    is_result[is_result] = _is_result(lines, boundaries[is_result])
    either = is_step | is_result
    boundaries, is_step = boundaries[either], is_step[either]
    first, behind = boundaries[:-1][is_step[:-1]], boundaries[1:][is_step[:-1]]

    # Every regular step ends with its image.
    image, count = behind - 1, behind - first
    chosen = (count >= 2) & ((lines.key(image) & _SIX_BYTES) == _ARROW)  # noqa: PLR2004  and has a header
    # So far may be looked beyond a step, in search of what is not there.
    chosen &= starts[behind] + _LOOKED_BEYOND <= len(lines.words)
    first, behind = first[chosen], behind[chosen]
    image, count, second = behind - 1, behind - first, first + 1
    keys = lines.key(second)
    is_plain = count == 2  # noqa: PLR2004
    is_cached = (count == 3) & (keys == _CACHED) & (lines.length(second) == _CACHED_LENGTH)  # noqa: PLR2004
    is_run = (count >= 4) & (keys == _RUNNING)  # noqa: PLR2004
    is_pull = (count >= 3) & ~is_cached & ~is_run  # noqa: PLR2004
    removal = np.zeros(len(first), np.int64)
    removal[is_run] = _find_removal(lines, second[is_run], image[is_run])
    is_run = removal > 0
    is_pull[is_pull] = [
        PLAIN_PULL.fullmatch(data, *span) is not None
        for span in zip(starts[second[is_pull]].tolist(), starts[image[is_pull]].tolist(), strict=True)
    ]
    numbers, totals, chosen = _read_counts(lines, starts[first] + len(b"Step "))
    chosen &= is_plain | is_cached | is_run | is_pull
    chosen &= lines.length(image) == _IMAGE_LENGTH
    chosen[chosen] = lines.is_id(starts[image[chosen]] + len(b" ---> "))

    if not chosen.any():
        return

    ends = np.stack([starts[second], starts[first + 2], removal, starts[image], starts[behind]], axis=1)
    ends[is_pull, 1] = starts[image[is_pull]]
    kinds = np.empty(ends.shape, np.uint8)
    kinds[:] = [Kind.HEADER, Kind.RUNNING, Kind.OUTPUT, Kind.REMOVED, Kind.IMAGE]
    kinds[is_cached, 1] = Kind.CACHED
    kinds[is_pull, 1] = Kind.PULL
    has_output = is_run & (ends[:, 2] > ends[:, 1])
    present = np.stack([chosen, chosen & ~is_plain, chosen & has_output, chosen & is_run, chosen], axis=1)
    count = 2 + (~is_plain).astype(np.int64) + has_output + is_run
    yield from _runs(
        starts=starts[first[chosen]],
        stops=starts[behind[chosen]],
        numbers=numbers[chosen],
        totals=totals[chosen],
        elements=np.cumsum(count[chosen]),
        kinds=kinds[present].tobytes(),
        ends=ends[present].data.cast("B"),
    )


def _runs(
    *,
    starts: _Offsets,
    stops: _Offsets,
    numbers: _Offsets,
    totals: _Offsets,
    elements: _Offsets,
    kinds: bytes,
    ends: memoryview,
) -> Iterator[Run]:
    """Join steps to runs; `elements` counts those up to each step's end."""
    breaks = (stops[:-1] != starts[1:]) | (numbers[:-1] + 1 != numbers[1:]) | (totals[:-1] != totals[1:])
    last = np.append(np.flatnonzero(breaks), len(starts) - 1)
    first = np.concatenate(([0], last[:-1] + 1))
    begin = np.concatenate(([0], elements[last[:-1]]))
    columns = (
        starts[first],
        stops[last],
        numbers[first],
        totals[first],
        numbers[last],
        begin,
        elements[last],
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for start, stop, number, total, last_number, low, high in rows:
        yield Run(start, stop, number, total, last_number, kinds[low:high], ends[8 * low : 8 * high])


def _is_result(lines: _Lines, line: _Offsets) -> _Flags:
    """Whether lines that begin with ``Successf`` are the builder's and not those of pip."""
    whole: _Flags = line + 1 < len(lines.starts)
    # Only lines that are long enough may be looked into: a short one may be the last of the log.
    whole[whole] = lines.length(line[whole]) == _RESULT_LENGTH
    whole[whole] = lines.is_id(lines.starts[line[whole]] + (_RESULT_LENGTH - 1 - _ID_LENGTH))
    return whole


def _find_removal(lines: _Lines, running: _Offsets, image: _Offsets) -> _Offsets:
    """Where the container that a line started is removed, right before its image; 0 if it is not.

    That need not be where a line begins: a program may not have ended its last one.
    """
    container = lines.starts[running] + (_RUNNING_LENGTH - 1 - _ID_LENGTH)
    name = lines.before(image) - _ID_LENGTH
    good = (
        (lines.length(running) == _RUNNING_LENGTH) & lines.is_id(container) & lines.same_id(container, name)
    )
    removal = np.zeros(len(running), np.int64)
    for words in (_REMOVING, _REMOVED):
        at = name - len(words)
        here = good & (at >= lines.starts[running + 1])
        here[here] = lines.stands(words, at[here])
        removal[here] = at[here]
    return removal


def _read_counts(lines: _Lines, at: _Offsets) -> tuple[_Offsets, _Offsets, _Flags]:
    """Read ``number/total : `` or ``number : `` at each offset; the flags say where there is one."""
    numbers, at = _read_number(lines, at)
    with_total = lines.bytes[at] == ord("/")
    totals, ends = _read_number(lines, at + with_total)
    good = (numbers >= 0) & ((totals >= 0) | ~with_total)
    at = np.where(with_total, ends, at)
    good &= (lines.words[at] & _THREE_BYTES) == _COLON
    return numbers, np.where(with_total, totals, -1), good


def _read_number(lines: _Lines, at: _Offsets) -> tuple[_Offsets, _Offsets]:
    """Read a number of up to 7 digits at each offset, and where it ends; -1 where there is none.

    All 8 bytes are read at once: neighbours are joined to numbers of two digits, those to four, those to
    eight. What stands behind the digits is shifted out before.
    """
    words = lines.words[at]
    other = ~_is_between(words, "0", ":") & _HIGH
    # The bits below the lowest byte that is no digit: 7, and 8 more for each digit; 64 if all are digits.
    length = np.bitwise_count((other & (~other + np.uint64(1))) - np.uint64(1)) >> 3
    digits = (words << (np.uint64(64) - 8 * length.astype(np.uint64))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    pairs = ((digits * np.uint64(10 * 2**8 + 1)) >> np.uint64(8)) & np.uint64(0x00FF00FF00FF00FF)
    fours = ((pairs * np.uint64(100 * 2**16 + 1)) >> np.uint64(16)) & np.uint64(0x0000FFFF0000FFFF)
    numbers = ((fours * np.uint64(10000 * 2**32 + 1)) >> np.uint64(32)).astype(np.int64)
    numbers[(length == 0) | (length == 8)] = -1  # noqa: PLR2004  more digits may follow the eighth
    return numbers, at + length
