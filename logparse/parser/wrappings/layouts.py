"""Finding prefixes of many lines at once.

A prefix is described by a regular expression. To match one on each of millions of lines would take seconds,
so the expression is asked only for the first line of each *layout*: the bytes of a prefix, with the digits
that may differ from line to line left open. All further lines of that layout are found, and their time
stamps decoded, by comparing words of eight bytes, thousands of lines at a time.

For that, a pattern must be such that all texts of one layout match it alike: whether it matches must hang on
nothing but the matched bytes and, where it has a group ``bare``, on the line ending right behind them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from logparse.parser.wrappings.stamps import (
    date_seconds,
    fraction_digits,
    seconds_of,
    weights_of,
    zone_seconds,
)
from logparse.parser.wrappings.stretches import Offsets

__all__ = ["Finder", "Found", "Prefixes", "find_prefixes", "line_starts"]

Seconds = npt.NDArray[np.float64]

_BLOCK = 1 << 19
_WORD = 8
_MOST_LAYOUTS = 64
_LONGEST = 480

# Groups of a pattern in which digits may differ from line to line.
_OPEN = ("year", "month", "day", "hour", "minute", "second", "fraction", "epoch", "counter")
_DATE = ("year", "month", "day")

_LOW_BITS = 0x7F7F7F7F7F7F7F7F


class Prefixes(NamedTuple):
    """Prefixes that were found, in ascending order.

    Parameters
    ----------
    starts, ends
        Where each begins and ends.
    seconds
        The time each prints: since 1970, or since midnight where it has no date. NaN if it prints none.
    kinds
        For each the index of its text in `texts`.
    digits
        The most digits of a second that were printed.
    texts
        The named groups of each kind of prefix that are no digits of a stamp.
    """

    starts: Offsets
    ends: Offsets
    seconds: Seconds
    kinds: npt.NDArray[np.int32]
    digits: int
    texts: list[dict[str, bytes]]


class Found(NamedTuple):
    """Prefixes of some lines, as of :class:`Prefixes`."""

    starts: Offsets
    ends: Offsets
    seconds: Seconds
    kinds: npt.NDArray[np.int32]


_NOTHING = Found(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int32))


def _merged(parts: list[Found]) -> Found:
    return Found(
        np.concatenate([part.starts for part in parts]),
        np.concatenate([part.ends for part in parts]),
        np.concatenate([part.seconds for part in parts]),
        np.concatenate([part.kinds for part in parts]),
    )


class _Kinds:
    """The different texts of prefixes, numbered."""

    def __init__(self) -> None:
        self.texts: list[dict[str, bytes]] = []
        self._numbers: dict[tuple[bytes | None, ...], int] = {}

    def number(self, match: re.Match[bytes]) -> int:
        names = [name for name in match.re.groupindex if name not in _OPEN]
        key = tuple(match.group(name) for name in names)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.texts)
            self.texts.append({name: text for name, text in zip(names, key, strict=True) if text is not None})
        return number


class _Layout:
    """The bytes of one prefix, with the digits in some of its groups left open."""

    def __init__(self, match: re.Match[bytes], data: bytes, kind: int) -> None:
        start, end = match.span()
        self.length = end - start
        self.kind = kind
        # Where the line ends right behind the prefix because the pattern says so, that byte counts too.
        bare = "bare" in match.re.groupindex and match.group("bare") is not None
        text = data[start : end + 1] if bare else data[start:end]
        self.size = -(-len(text) // _WORD) * _WORD
        opened: set[int] = set()
        for group in _OPEN:
            if group in match.re.groupindex and match.group(group) is not None:
                opened.update(range(*match.span(group)))
        limits = [9 if start + at in opened and text[at : at + 1].isdigit() else 0 for at in range(len(text))]
        template = bytes(48 if limit else byte for byte, limit in zip(text, limits, strict=True))
        room = self.size - len(text)
        self.template = _words(template + bytes(room))
        # What is added to a byte to set its highest bit if the byte is more than its limit.
        self.more = _words(bytes(0x7F - limit for limit in limits) + bytes(room))
        self.care = _words(b"\x80" * len(text) + bytes(room))
        self.words = range(self.size // _WORD)
        weights = weights_of(match)
        self.columns = np.array([at - start for at, _ in weights], np.intp)
        self.weights = np.array([weight for _, weight in weights])
        self.pattern = match.re
        dated = [group for group in _DATE if group in match.re.groupindex]
        self.date = np.array([at - start for group in dated for at in range(*match.span(group))], np.intp)
        self.dates: dict[bytes, float] = {}
        self.zone = zone_seconds(match)

    def matches(self, texts: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Which rows, each the first bytes of a line, are of this layout."""
        wrong = np.zeros(len(texts), np.uint64)
        low = np.uint64(_LOW_BITS)
        for word in self.words:
            differing = texts[:, word] ^ self.template[word]
            wrong |= (((differing & low) + self.more[word]) | differing) & self.care[word]
        right: npt.NDArray[np.bool_] = wrong == 0
        return right

    def seconds(self, texts: npt.NDArray[np.uint64]) -> Seconds:
        """The times that rows of this layout print."""
        if not len(self.columns):
            return np.full(len(texts), np.nan)
        digits = texts.view(np.uint8).reshape(len(texts), -1)
        seconds: Seconds = (digits[:, self.columns] & 15).astype(np.float64) @ self.weights - self.zone
        if len(self.date):
            dates = digits[:, self.date]
            changes: list[int] = []
            if not (dates == dates[0]).all():
                changes = (np.flatnonzero((dates[1:] != dates[:-1]).any(axis=1)) + 1).tolist()
            for first, last in zip([0, *changes], [*changes, len(dates)], strict=True):
                seconds[first:last] += self._date(digits[first].tobytes(), dates[first].tobytes())
        return seconds

    def _date(self, text: bytes, date: bytes) -> float:
        known = self.dates.get(date)
        if known is None:
            match = self.pattern.match(text)
            # Digits that make no date at all, such as the month 19, match no pattern of one.
            known = self.dates[date] = date_seconds(match) if match is not None else 0.0
        return known


def line_starts(data: bytes, begin: int, end: int) -> Offsets:
    """Where lines start behind each line feed from `begin` to `end`."""
    text = np.frombuffer(data, np.uint8, end - begin, begin)
    starts = np.flatnonzero(text == 10) + (begin + 1)  # noqa: PLR2004 - a line feed
    return starts[:-1] if len(starts) and starts[-1] == len(data) else starts


def find_prefixes(data: bytes, pattern: re.Pattern[bytes], begins: bytes, first: int = 0) -> Prefixes:
    """Find the prefixes of all lines that have one.

    Parameters
    ----------
    data
        The text.
    pattern
        What a prefix looks like, at most some hundred bytes long. See above for what it may ask.
    begins
        The bytes with which one can begin; empty if that is any byte.
    first
        Where the first line starts.
    """
    finder = Finder(data, pattern, begins)
    parts = []
    for begin in range(0, len(data), _BLOCK):
        starts = line_starts(data, begin, min(begin + _BLOCK, len(data)))
        parts.append(finder.find(starts if begin else np.append(first, starts)))
    found = _merged(parts) if parts else _NOTHING
    return Prefixes(found.starts, found.ends, found.seconds, found.kinds, finder.digits, finder.kinds.texts)


class Finder:
    """Looks for prefixes, block by block, and learns their layouts."""

    def __init__(self, data: bytes, pattern: re.Pattern[bytes], begins: bytes) -> None:
        self.kinds = _Kinds()
        self.digits = 0
        self._data = data
        self._pattern = pattern
        self._begins = np.zeros(256, np.bool_)
        self._begins[list(begins or range(256))] = True
        self._layouts: list[_Layout] = []
        self._worth = _MOST_LAYOUTS
        self._bytes = np.frombuffer(data, np.uint8)

    def find(self, starts: Offsets) -> Found:
        """Find the prefixes that begin at some of `starts`, which ascend."""
        starts = starts[self._begins[self._bytes[starts]]]
        found: list[Found] = []
        used = []
        for layout in self._layouts:
            before = len(starts)
            starts = self._apply(layout, starts, found)
            used.append((before - len(starts), layout))
        # The layouts of most lines are tried first, and those of none leave if there are too many.
        used.sort(key=lambda each: -each[0])
        self._layouts = [layout for _, layout in used]
        self._learn(starts, found)
        if len(found) < 2:  # noqa: PLR2004 - nothing to merge
            return found[0] if found else _NOTHING
        everything = _merged(found)
        order = np.argsort(everything.starts, kind="stable")
        return Found(
            everything.starts[order],
            everything.ends[order],
            everything.seconds[order],
            everything.kinds[order],
        )

    def _apply(self, layout: _Layout, starts: Offsets, found: list[Found]) -> Offsets:
        """Take the lines of one layout out of `starts`."""
        limit = int(np.searchsorted(starts, len(self._data) - layout.size, side="right"))
        if not limit:  # no lines, or too near the end to be looked at all at once
            return starts
        record = np.dtype((np.void, layout.size))
        places = np.ndarray(len(self._data) - layout.size + 1, record, self._data, strides=(1,))
        texts = places[starts[:limit]].view(np.uint64).reshape(limit, -1)
        hits = layout.matches(texts)
        if not hits.any():
            return starts
        everything = bool(hits.all())
        mine = starts[:limit] if everything else starts[:limit][hits]
        kinds = np.full(len(mine), layout.kind, np.int32)
        seconds = layout.seconds(texts if everything else texts[hits])
        found.append(Found(mine, mine + layout.length, seconds, kinds))
        if everything:
            return starts[limit:]
        return np.concatenate([starts[:limit][~hits], starts[limit:]])

    def _learn(self, starts: Offsets, found: list[Found]) -> None:
        """Ask the pattern about lines of no known layout, which it makes known."""
        index = 0
        singles: list[tuple[int, int, float, int]] = []
        left = starts.tolist()
        while index < len(left):
            start = left[index]
            index += 1
            match = self._pattern.match(self._data, start, start + _LONGEST)
            if match is None or match.end() == start:
                continue
            kind = self.kinds.number(match)
            self.digits = max(self.digits, fraction_digits(match))
            singles.append((start, match.end(), seconds_of(match), kind))
            if self._worth and match.end() < len(self._data):
                self._layouts = [_Layout(match, self._data, kind), *self._layouts[: _MOST_LAYOUTS - 1]]
                others = self._apply(self._layouts[0], np.array(left[index:], np.int64), found)
                # Where every line is of a layout of its own, learning layouts is not worth what it costs.
                self._worth = min(self._worth - 1 + (len(left) - index - len(others)) // 8, _MOST_LAYOUTS)
                left = others.tolist()
                index = 0
        if singles:
            starts_, ends, seconds, kinds = zip(*singles, strict=True)
            found.append(
                Found(
                    np.array(starts_, np.int64),
                    np.array(ends, np.int64),
                    np.array(seconds, np.float64),
                    np.array(kinds, np.int32),
                )
            )


def _words(text: bytes) -> list[np.uint64]:
    return list(np.frombuffer(text, np.uint64))
