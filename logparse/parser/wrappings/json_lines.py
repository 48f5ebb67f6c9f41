r"""Lines inside JSON objects, one a line, as log drivers and log collectors write them.

::

    line    = "{" { member "," } text { "," member } "}" NL          members in any order
    text    = ('"log":' | '"message":' | '"msg":' | '"textPayload":' | '"MESSAGE":' | '"line":') string
    member  = string ":" ( string | number | "true" | "false" | "null" | object | array )

Docker's driver ``json-file`` writes ``{"log":"text\n","stream":"stdout","time":"..."}``: the line feed is
in the text, and where it is missing, the line goes on in the next object (``daemon/logger/jsonfilelog`` in
moby). Collectors leave it out. Stamps are in ``time``, ``timestamp``, ``ts`` or ``@timestamp``.

kaniko's and other programs' own JSON lines have a ``level`` and a ``time`` beside their ``msg`` and nothing
else; those are their format, no wrapping.

The escapes of a string are as long as what they stand for, or longer. So a string is decoded in place: its
first bytes are taken away, and the last ones are changed to what it stands for.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from logparse.log import Stamps
from logparse.model import Transcript
from logparse.parser.format import Wrapping
from logparse.parser.wrappings.layouts import Finder
from logparse.parser.wrappings.marks import MARK, lines_of, survey
from logparse.parser.wrappings.stamps import ISO
from logparse.parser.wrappings.stretches import Offsets, bytes_of, merged

__all__ = ["JSON_LINES"]

_BYTES = npt.NDArray[np.uint8]

_KEYS = ("log", "message", "msg", "textPayload", "MESSAGE", "line")
_OWN = {"level", "msg", "time", "error"}

_SPACE = rb"[ \t]{0,4}"
_STRING = rb"\"[^\"\\\n]{0,200}\""
_SCALAR = rb"(?:" + _STRING + rb"|-?[\d.eE+]{1,32}|true|false|null)"
_VALUE = rb"(?:" + _SCALAR + rb"|\{[^{}\n\\]{0,400}\}|\[[^\[\]\n\\]{0,400}\])"
_TIME = rb"\"(?:time|timestamp|ts|@timestamp)\"" + _SPACE + rb":" + _SPACE + rb"\""
_STAMP = _TIME + ISO + rb"\""
_OTHER = rb"(?!" + _TIME + rb"\d)" + _STRING + _SPACE + rb":" + _SPACE + _VALUE
_COMMA = _SPACE + rb"," + _SPACE


def _head(key: bytes, *, stamped: bool) -> re.Pattern[bytes]:
    """What stands before the text: from the line's start to the string's first byte."""
    other = rb"(?:" + _OTHER + _COMMA + rb"){0,8}"
    stamp = _STAMP + _COMMA + other if stamped else b""
    return re.compile(
        rb"\{" + _SPACE + other + stamp + rb"\"" + key + rb"\"" + _SPACE + rb":" + _SPACE + rb"\""
    )


def _tail(*, stamped: bool) -> re.Pattern[bytes]:
    """What stands behind it: from the string's closing quote to the line's end."""
    other = rb"(?:" + _COMMA + _OTHER + rb"){0,8}"
    stamp = _COMMA + _STAMP + other if stamped else b""
    return re.compile(rb"\"" + other + stamp + _SPACE + rb"\}" + rb"(?P<bare>(?=[\r\n]|\Z))")


_STAMPED_TAIL, _BARE_TAIL = _tail(stamped=True), _tail(stamped=False)

_BLOCK = 1 << 20
_HEAD = 1 << 16
_LINES = 60
_MOST = 0.5
_QUOTE, _BACKSLASH, _FEED = 34, 92, 10
_SIMPLE = np.zeros(256, np.uint8)
for _escape, _meant in zip(b'nrtbf"\\/', b'\n\r\t\b\f"\\/', strict=True):
    _SIMPLE[_escape] = _meant
_HEX = np.full(256, 255, np.uint8)
for _digit in b"0123456789abcdefABCDEF":
    _HEX[_digit] = int(bytes([_digit]), 16)
_LONG = 6
r"""Bytes of an escape such as ``\u001b``."""
_HIGH, _LOW, _BEHIND = 0xD800, 0xDC00, 0xE000
"""Where the first and the second halves of surrogate pairs begin, and where they end."""
_PAIRED, _REPLACEMENT = 0x10000, 0xFFFD
_TWO_BYTES, _THREE_BYTES = 0x80, 0x800


class _Chosen(NamedTuple):
    key: str
    head: re.Pattern[bytes]
    tail: re.Pattern[bytes]


def _choose(transcript: Transcript) -> _Chosen | None:
    data = transcript.data
    if (not data.startswith(b"{") and data.find(b"\n{", 0, _HEAD) < 0) or survey(transcript).bare:
        return None
    lines = lines_of(data, _LINES)
    objects = [value for line in lines if isinstance(value := _loaded(line), dict)]
    found = {key: [value for value in objects if isinstance(value.get(key), str)] for key in _KEYS}
    key = max(_KEYS, key=lambda each: len(found[each]))
    wrapped = [value for value in found[key] if not value.keys() <= _OWN]
    if not wrapped or len(wrapped) < _MOST * len(lines):
        return None
    if key != "log" and not any(MARK.search(value[key].encode("utf-8", "replace")) for value in wrapped):
        return None
    for stamp_is_before in (False, True):
        head = _head(key.encode(), stamped=stamp_is_before)
        tail = _BARE_TAIL if stamp_is_before else _STAMPED_TAIL
        if any(head.match(line) and tail.search(line) for line in lines):
            return _Chosen(key, head, tail)
    return _Chosen(key, _head(key.encode(), stamped=False), _BARE_TAIL)


def _loaded(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


class _Part(NamedTuple):
    """What is to be done to a block of lines: stretches to take away, bytes to change, times of lines."""

    starts: Offsets
    ends: Offsets
    changed: Offsets
    meant: _BYTES
    lines: Offsets
    seconds: npt.NDArray[np.float64]


def _peel(transcript: Transcript) -> list[Transcript]:
    data = transcript.data
    chosen = _choose(transcript)
    if chosen is None:
        return []
    heads, tails = Finder(data, chosen.head, b"{"), Finder(data, chosen.tail, b'"')
    parts = []
    begin = 0
    while begin < len(data):
        end = data.find(b"\n", min(begin + _BLOCK, len(data))) + 1 or len(data)
        part = _block(data, begin, end, heads, tails, own_feeds=chosen.key == "log")
        if part is not None:
            parts.append(part)
        begin = end
    if not parts:
        return []
    whole = _Part(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    if bytes_of(whole.starts, whole.ends) >= len(data):
        return []
    timed = ~np.isnan(whole.seconds)
    stamps = None
    if timed.any():
        stamps = Stamps(whole.lines[timed], whole.seconds[timed], 10.0 ** -max(heads.digits, tails.digits))
    name = "docker-json" if chosen.key == "log" else "json-lines"
    changed = (whole.changed, whole.meant)
    return [transcript.without(whole.starts, whole.ends, stamps=stamps, wrapping=name, changed=changed)]


def _block(
    data: bytes, begin: int, end: int, heads: Finder, tails: Finder, *, own_feeds: bool
) -> _Part | None:
    """Look at the whole lines from `begin` to `end`."""
    text = np.frombuffer(data, np.uint8, end - begin, begin)
    feeds = np.flatnonzero(text == _FEED) + begin
    lines = np.append(begin, feeds + 1)
    head = heads.find(lines[lines < end])
    escapes = _escapes(text)
    is_escape = np.zeros(end - begin + 1, np.bool_)
    is_escape[escapes] = True
    quotes = np.flatnonzero(text == _QUOTE)
    quotes = quotes[(quotes == 0) | ~is_escape[quotes - 1]] + begin
    # The string of each object ends at the next quote, if that is in the same line.
    closing = np.append(quotes, end)[np.searchsorted(quotes, head.ends)]
    in_line = (closing < end) & (np.searchsorted(feeds, head.ends) == np.searchsorted(feeds, closing))
    tail = tails.find(closing[in_line])
    mine = np.flatnonzero(in_line)[np.searchsorted(closing[in_line], tail.starts)]
    if not len(mine):
        return None
    froms, tos = head.ends[mine], tail.starts
    seconds = np.where(np.isnan(head.seconds[mine]), tail.seconds, head.seconds[mine])
    stops = np.append(feeds, end)[np.searchsorted(feeds, tail.ends)]  # the line's end, behind any "\r"
    escapes += begin
    index = np.searchsorted(froms, escapes, side="right") - 1
    inside = (index >= 0) & (escapes < tos[np.maximum(index, 0)])
    if own_feeds:
        # The line feed of the log stands for the text's own. Without one, the text goes on in the next line.
        last = tos - 2 - begin
        ended = is_escape[last] & (text[last + 1] == ord("n")) & (stops < end)
        is_escape[last[ended]] = False
        inside &= is_escape[escapes - begin]
        tos = tos - 2 * ended
        stops = stops + (~ended & (stops < end))
    escapes = escapes[inside]
    starts, ends, changed, meant = _decoded(text, escapes - begin)
    starts = np.concatenate([head.starts[mine], tos, starts + begin])
    ends = np.concatenate([froms, stops, ends + begin])
    order = np.argsort(starts, kind="stable")
    starts, ends = merged(starts[order], ends[order])
    order = np.argsort(changed, kind="stable")
    return _Part(starts, ends, changed[order] + begin, meant[order], head.starts[mine], seconds)


def _escapes(text: _BYTES) -> Offsets:
    """Where escape sequences begin: at backslashes before which there is an even number of them."""
    places = np.flatnonzero(text == _BACKSLASH)
    if not len(places):
        return places
    first = np.append(True, places[1:] != places[:-1] + 1)
    index = np.arange(len(places))
    nth = index - np.maximum.accumulate(np.where(first, index, 0))
    escapes: Offsets = places[(nth % 2 == 0) & (places < len(text) - 1)]
    return escapes


def _decoded(text: _BYTES, escapes: Offsets) -> tuple[Offsets, Offsets, Offsets, _BYTES]:
    """Stretches to take away, and bytes to change, so that escapes become what they stand for.

    What is no escape stays as it is.
    """
    letters = text[escapes + 1]
    simple = escapes[_SIMPLE[letters] > 0]
    starts, ends = [simple], [simple + 1]
    changed, meant = [simple + 1], [_SIMPLE[text[simple + 1]]]
    long = escapes[(letters == ord("u")) & (escapes + _LONG <= len(text))]
    digits = _HEX[text[long[:, None] + np.arange(2, _LONG)]] if len(long) else np.zeros((0, 4), np.uint8)
    valid = (digits < 16).all(axis=1)  # noqa: PLR2004 - hexadecimal
    long, codes = long[valid], digits[valid].astype(np.int64) @ np.array([4096, 256, 16, 1])
    high = (codes >= _HIGH) & (codes < _LOW)
    low = (codes >= _LOW) & (codes < _BEHIND)
    pair = np.zeros(len(codes), np.bool_)
    pair[:-1] = high[:-1] & low[1:] & (long[1:] == long[:-1] + _LONG)
    second = np.append(False, pair[:-1]) if len(pair) else pair
    both = _PAIRED + ((codes[:-1] - _HIGH) << 10) + codes[1:] - _LOW
    codes[:-1] = np.where(pair[:-1], both, codes[:-1])
    codes[(high | low) & ~pair & ~second] = _REPLACEMENT
    long, codes, pair = long[~second], codes[~second], pair[~second]
    size = 1 + (codes >= _TWO_BYTES).astype(np.int64) + (codes >= _THREE_BYTES) + (codes >= _PAIRED)
    stop = long + np.where(pair, 2 * _LONG, _LONG)
    starts.append(long)
    ends.append(stop - size)
    for length in range(1, 5):
        here, code = (stop - size)[size == length], codes[size == length]
        for index in range(length):
            rest = code >> (6 * (length - 1 - index))
            lead = (0, 0xC0, 0xE0, 0xF0)[length - 1]
            changed.append(here + index)
            meant.append((lead | rest if index == 0 else 0x80 | (rest & 0x3F)).astype(np.uint8))
    return np.concatenate(starts), np.concatenate(ends), np.concatenate(changed), np.concatenate(meant)


JSON_LINES = Wrapping("json-lines", _peel)
