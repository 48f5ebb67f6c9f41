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
_MOST_LAYOUTS, _FEW_LAYOUTS = 64, 8
_LONGEST = 480

# Groups of a pattern in which digits may differ from line to line.
_OPEN = ("year", "month", "day", "hour", "minute", "second", "fraction", "epoch", "counter")
_DATE = ("year", "month", "day")

_SMALL = 1 << 14
"""Bytes of a text whose lines are looked at one by one."""
_SHAPED = bytes.maketrans(b"123456789", b"000000000")

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
        dated_bytes = {int(at) for at in self.date}
        masks = _words(bytes(255 * (at in dated_bytes) for at in range(self.size)))
        self.dated = [(word, mask) for word, mask in enumerate(masks) if mask]
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
        if self.dated:
            changes: list[int] = []
            if any((((texts[:, word] ^ texts[0, word]) & mask) != 0).any() for word, mask in self.dated):
                differs = [((texts[1:, word] ^ texts[:-1, word]) & mask) != 0 for word, mask in self.dated]
                changes = (np.flatnonzero(np.any(differs, axis=0)) + 1).tolist()
            for first, last in zip([0, *changes], [*changes, len(texts)], strict=True):
                text = digits[first]
                seconds[first:last] += self._date(text.tobytes(), text[self.date].tobytes())
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
    if len(data) <= _BLOCK:
        found = finder.find(np.append(first, line_starts(data, 0, len(data)))) if data else _NOTHING
        return Prefixes(*found, finder.digits, finder.kinds.texts)
    parts = []
    for begin in range(0, len(data), _BLOCK):
        lines = line_starts(data, begin, min(begin + _BLOCK, len(data)))
        parts.append(finder.find(lines if begin else np.append(first, lines)))
    return Prefixes(*_merged(parts), finder.digits, finder.kinds.texts)


class _Shape:
    """The layout of a prefix in a small text, for which comparing words of many lines does not pay."""

    def __init__(self, match: re.Match[bytes], data: bytes, kind: int) -> None:
        start, end = match.span()
        bare = "bare" in match.re.groupindex and match.group("bare") is not None
        text = data[start : end + 1] if bare else data[start:end]
        self.length, self.size, self.kind = end - start, len(text), kind
        self.text = text.translate(_SHAPED)
        spans = [match.span(group) for group in _OPEN if group in match.re.groupindex]
        opened = {at - start for first, last in spans for at in range(first, last)}
        # Digits that are the same in all prefixes of this layout, though the shape leaves them open.
        self.fixed = [
            (at, byte) for at, byte in enumerate(text) if at not in opened and byte in b"0123456789"
        ]
        self._match = match

    def rows(self, data: bytes, starts: list[int]) -> list[bytes | None]:
        """The first bytes of those lines that are of this layout."""
        size, shape = self.size, self.text
        rows = [data[start : start + size] for start in starts]
        mine = [row if row.translate(_SHAPED) == shape else None for row in rows]
        for at, byte in self.fixed:
            mine = [row if row is not None and row[at] == byte else None for row in mine]
        return mine

    def seconds(self, rows: list[bytes]) -> Seconds:
        """The times that rows print, as of :meth:`_Layout.seconds`."""
        match, start = self._match, self._match.start()
        weights = weights_of(match)
        if not weights:
            return np.full(len(rows), np.nan)
        places, values = zip(*weights, strict=True)
        digits = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, self.size)[:, np.array(places) - start]
        seconds: Seconds = (digits & 15).astype(np.float64) @ np.array(values) - zone_seconds(match)
        dated = [match.span(group) for group in _DATE if group in match.re.groupindex]
        if dated:
            first, last = min(dated)[0] - start, max(dated)[1] - start
            dates = [row[first:last] for row in rows]
            some = dict(zip(dates, rows, strict=True))
            found = {date: match.re.match(row) for date, row in some.items()}
            days = {date: 0.0 if each is None else date_seconds(each) for date, each in found.items()}
            seconds += days[dates[0]] if len(days) == 1 else np.array([days[date] for date in dates])
        return seconds


class Finder:
    """Looks for prefixes, block by block, and learns their layouts."""

    def __init__(self, data: bytes, pattern: re.Pattern[bytes], begins: bytes) -> None:
        self.kinds = _Kinds()
        self.digits = 0
        self._data = data
        self._pattern = pattern
        self._begins = begins or bytes(range(256))
        self._layouts: list[_Layout] = []
        self._worth = _MOST_LAYOUTS if len(data) >= _SMALL else _FEW_LAYOUTS

    def find(self, starts: Offsets) -> Found:
        """Find the prefixes that begin at some of `starts`, which ascend."""
        found: list[Found] = []
        if len(self._data) < _SMALL:
            data, begins = self._data, self._begins
            self._learn([start for start in starts.tolist() if data[start] in begins], found)
        else:
            is_beginning = np.zeros(256, np.bool_)
            is_beginning[list(self._begins)] = True
            starts = starts[is_beginning[np.frombuffer(self._data, np.uint8)[starts]]]
            used = []
            for layout in self._layouts:
                before = len(starts)
                starts = self._apply(layout, starts, found)
                used.append((before - len(starts), layout))
            # The layouts of most lines are tried first, and those of none leave if there are too many.
            used.sort(key=lambda each: -each[0])
            self._layouts = [layout for _, layout in used]
            self._learn(starts.tolist(), found)
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

    def _learn(self, left: list[int], found: list[Found]) -> None:
        """Ask the pattern about lines of no known layout, which it makes known."""
        index = 0
        singles: list[tuple[int, int, float, int]] = []
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
                others = self._others(match, kind, left[index:], found)
                # Where every line is of a layout of its own, learning layouts is not worth what it costs.
                self._worth = min(self._worth - 1 + (len(left) - index - len(others)) // 8, _MOST_LAYOUTS)
                left = others
                index = 0
        if singles:
            starts, ends, seconds, kinds = zip(*singles, strict=True)
            found.append(
                Found(
                    np.array(starts, np.int64),
                    np.array(ends, np.int64),
                    np.array(seconds, np.float64),
                    np.array(kinds, np.int32),
                )
            )

    def _others(self, match: re.Match[bytes], kind: int, starts: list[int], found: list[Found]) -> list[int]:
        """Take the lines of a match's layout out of some."""
        if len(self._data) >= _SMALL:
            self._layouts = [_Layout(match, self._data, kind), *self._layouts[: _MOST_LAYOUTS - 1]]
            others: list[int] = self._apply(self._layouts[0], np.array(starts, np.int64), found).tolist()
            return others
        shape = _Shape(match, self._data, kind)
        rows = shape.rows(self._data, starts)
        mine = np.array([start for start, row in zip(starts, rows, strict=True) if row is not None], np.int64)
        if not len(mine):
            return starts
        kinds = np.full(len(mine), kind, np.int32)
        seconds = shape.seconds([row for row in rows if row is not None])
        found.append(Found(mine, mine + shape.length, seconds, kinds))
        return [start for start, row in zip(starts, rows, strict=True) if row is None]


def _words(text: bytes) -> list[np.uint64]:
    return list(np.frombuffer(text, np.uint64))
