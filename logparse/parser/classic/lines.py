"""The lines of a piece of a log as arrays, and what stands at many places of it at once.

All offsets here count from :attr:`Lines.base`, and what stands at an offset is read eight bytes at a time, as
one number.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = [
    "Flags",
    "Kinds",
    "Lines",
    "Offsets",
    "Words",
    "at_or_beyond",
    "hex_number",
    "is_hex",
    "leading",
    "read_number",
    "word",
]

Offsets = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]
Kinds = npt.NDArray[np.uint8]

_EACH_BYTE = 0x0101010101010101
_HIGH = np.uint64(0x80 * _EACH_BYTE)
_BITS = np.uint64(64)
_ONE = np.uint64(1)
_THREE = np.uint64(3)

# How far behind the offset of a line's end anything may be read.
_BEYOND = 128


def word(text: bytes) -> np.uint64:
    """Up to eight bytes as they are read from a log."""
    return np.uint64(int.from_bytes(text, "little"))


def leading(count: int) -> np.uint64:
    """A mask of a word's first bytes."""
    return word(b"\xff" * count)


def at_or_beyond(array: Offsets, index: Offsets) -> Offsets:
    """What stands at indices of a sorted array; at its length, something behind anything."""
    return np.append(array, np.int64(1 << 62))[index]


class Lines:
    """The whole lines between two offsets of a log, of which the first is where a line begins.

    Attributes
    ----------
    base : int
        The offset from which all others here count.
    bytes : array of uint8
        The piece of the log.
    starts : array of int64
        Where each line begins, and behind those, where the last one ends.
    end : int
        Where the piece ends.
    """

    def __init__(self, data: bytes, start: int, end: int) -> None:
        # Words are read from where they are aligned, which takes a third of the time.
        self.base = start & ~7
        if end + _BEYOND > len(data):
            data = data[self.base : end] + bytes(_BEYOND)
            offset = 0
        else:
            offset = self.base
        count = (end - self.base + _BEYOND) // 8
        self._words = np.frombuffer(data, "<u8", count, offset)
        self._next_words = self._words[1:]
        self.bytes = self._words.view(np.uint8)
        self.end = end - self.base
        start -= self.base
        newlines = np.flatnonzero(self.bytes[start : self.end] == ord("\n"))
        self.starts = np.empty(len(newlines) + 1, np.int64)
        self.starts[0] = start
        np.add(newlines, start + 1, out=self.starts[1:])

    def word(self, offsets: Offsets) -> Words:
        """The eight bytes at each offset."""
        index = offsets >> 3
        shift = (offsets & 7).view(np.uint64)
        shift <<= _THREE
        low = self._words.take(index)
        low >>= shift
        np.subtract(_BITS, shift, out=shift)
        # A shift by all 64 bits leaves nothing, which is right: then the first word was whole.
        high = self._next_words.take(index)
        high <<= shift
        low |= high
        return low

    def goes_on(self, text: bytes, offsets: Offsets) -> Flags:
        """Whether `text`, of which the first eight bytes are there, stands at each offset."""
        same = np.ones(len(offsets), np.bool_)
        for at in {*range(8, len(text) - 7, 8), len(text) - 8}:
            same &= self.word(offsets + at) == word(text[at : at + 8])
        return same


def _is_between(low: Words, first: str, behind: str) -> Words:
    """The highest bit of each byte below 128 from `first` up to `behind` (exclusive); the rest is noise.

    Adding 128 - c to a byte below 128 sets its highest bit exactly if the byte is c or more, and carries
    nothing into the next byte, so one addition compares eight bytes at once.
    """
    at_least = low + np.uint64((128 - ord(first)) * _EACH_BYTE)
    beyond = low + np.uint64((128 - ord(behind)) * _EACH_BYTE)
    at_least ^= beyond  # whatever is `behind` or more is also `first` or more
    return at_least


def is_hex(words: Words, count: int = 8) -> Flags:
    """Whether the first bytes of a word are lower-case hexadecimal digits."""
    low = words & ~_HIGH
    either = _is_between(low, "0", ":")
    either |= _is_between(low, "a", "g")
    either &= ~words
    mask = _HIGH & leading(count)
    either &= mask
    hexadecimal: Flags = either == mask
    return hexadecimal


def hex_number(first: Words, last: Words) -> Words:
    """The ids of twelve hexadecimal digits whose first and last eight bytes these are, each as one number."""
    low, ninth = np.uint64(0x0F * _EACH_BYTE), np.uint64(_EACH_BYTE)
    # A letter's lower half begins at 1 for "a", and the bit above tells letters from digits.
    digits = [(word & low) + (word >> np.uint64(6) & ninth) * np.uint64(9) for word in (first, last)]
    number: Words = digits[0] | (digits[1] >> np.uint64(32) << np.uint64(4))
    return number


def read_number(lines: Lines, at: Offsets) -> tuple[Offsets, Offsets]:
    """Read a number of up to 7 digits at each offset, and where it ends; -1 where there is none.

    All 8 bytes are read at once: neighbours are joined to numbers of two digits, those to four, those to
    eight. What stands behind the digits is shifted out before.
    """
    words = lines.word(at)
    other = _is_between(words & ~_HIGH, "0", ":")
    other &= ~words
    np.invert(other, out=other)
    other &= _HIGH
    # The bits below the lowest byte that is no digit: 7, and 8 more for each digit; 64 if all are digits.
    below = ~other
    below += _ONE
    below &= other
    below -= _ONE
    length = (np.bitwise_count(below) >> 3).astype(np.uint64)
    words <<= _BITS - (length << np.uint64(3))
    words &= np.uint64(0x0F0F0F0F0F0F0F0F)
    words *= np.uint64(10 * 2**8 + 1)
    words >>= np.uint64(8)
    words &= np.uint64(0x00FF00FF00FF00FF)
    words *= np.uint64(100 * 2**16 + 1)
    words >>= np.uint64(16)
    words &= np.uint64(0x0000FFFF0000FFFF)
    words *= np.uint64(10000 * 2**32 + 1)
    words >>= np.uint64(32)
    numbers = words.view(np.int64)
    numbers[(length == 0) | (length == 8)] = -1  # noqa: PLR2004  more digits may follow the eighth
    return numbers, at + length.view(np.int64)
