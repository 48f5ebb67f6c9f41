"""What Windows PowerShell makes of a program's standard error: an error record, and lines cut at its width.

PowerShell up to 5.1 takes the lines that a program writes to standard error for error records when they are
redirected (``2>&1``, ``*>``). The first is formatted like an error of PowerShell's own; the others are
printed as they are, but for their width::

    capture  = { text | record }
    record   = name " : " line NL             "docker : #0 building with ..."; it may be cut, see below
               place NL                       "At line:1 char:1", "In Zeile:1 Zeichen:1", in any language
               "+ " command NL "+ " { " " } { "~" } NL
               "    + CategoryInfo          : " text NL
               "    + FullyQualifiedErrorId : NativeCommandError" NL
               " " NL
    cut      = at most `width` characters NL

A record is cut to lines as wide as the console was (23 to 160 columns have been seen; a file has the width
of the console too). Cuts are behind the last blank that fits, the blank staying at the line's end; a word
longer than a line is cut where the line is full. So a cut is certain where a line is full, or ends with a
blank and has no room for the word that follows, unless what follows begins as lines do: with BuildKit's
marks, or with what a system put before each line that the program printed. Standard output is not cut: with
``docker build`` all of BuildKit's lines are standard error, with ``docker compose`` only the last words are.

Source: captures, and ``ComplexWriter``'s word wrap in PowerShell's ``FormatAndOutput/common``.
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from logparse.log import Span
from logparse.model import Transcript
from logparse.parser.format import Wrapping
from logparse.parser.wrappings.bom import BOM
from logparse.parser.wrappings.marks import survey, windows
from logparse.parser.wrappings.prefixes import choose
from logparse.parser.wrappings.stretches import bytes_of, merged

__all__ = ["POWERSHELL", "first_record"]

_CATEGORY = b"    + CategoryInfo "
_ERROR_ID = b"    + FullyQualified"
_NAME = re.compile(rb"[^\s:]{1,64} : ?")
# The place where the command was, in any language: its last two numbers are line and character.
_PLACE = re.compile(rb"[^\n]{2,300}?:\s{0,2}\d{1,6}[^\d\n]{1,40}\d{1,6}[ \r]{0,2}\n?\Z")
_BLANKS = (b" ", b"\t")
_WORD = re.compile(rb"[^ \t\r]*[ \t]?")
_LARGE = 1 << 24
_MOST_LINES = 60
_LONGEST_RECORD = 1 << 14
_LONGEST_END = 12

_BUILDKIT = re.compile(rb"#\d{1,5} ")
_BEGINS_ANYWHERE = re.compile(rb"#\d{1,5} |------\r?\Z|\s*\Z")
_BEGINS = re.compile(
    _BEGINS_ANYWHERE.pattern
    + rb"| > \[|\d{1,6}\.\d{1,3} |time=\"|Step \d| ---> |Sending build context"
    + rb"| (?:Image|Container|Network|Volume) "
)
"""How a line begins that goes on with no other one: among BuildKit's, and behind them."""


_KEY = re.compile(rb"\{ ?\"[^\"\n]{1,64}\"")


class _Record(NamedTuple):
    """A formatted error: where its parts are.

    Parameters
    ----------
    begin
        Where the name of the program is, or where the place begins if there is no name.
    text
        Where the program's line begins.
    place, end
        Where what PowerShell adds begins and ends.
    width
        Characters of its longest line if any line of it was cut, else 0.
    """

    begin: int
    text: int
    place: int
    end: int
    width: int


def _peel(transcript: Transcript) -> list[Transcript]:
    data = transcript.data
    records = list(_records(data))
    if not records:
        return []
    if data.startswith(codecs.BOM_UTF8):
        return BOM.peel(transcript)  # it is no character of the first line's, which may be the widest
    prefix = _prefix(transcript)
    starts: list[int] = []
    ends: list[int] = []
    for number, record in enumerate(records):
        if record.text > record.begin:
            starts.append(record.begin)
            ends.append(record.text)
        for feed in _feeds(data, record.text, max(record.text, record.place - 1)):
            starts.append(feed)
            ends.append(feed + 1 + (data[feed : feed + 1] == b"\r"))
        starts.append(record.place)
        ends.append(record.end)
        stop = records[number + 1].begin if number + 1 < len(records) else len(data)
        for feed in _cuts(data, record.end, stop, record.width, prefix):
            starts.append(feed)
            ends.append(feed + 1 + (data[feed : feed + 1] == b"\r"))
    here, there = merged(starts, ends)
    return (
        [transcript.without(here, there, wrapping="powershell")] if bytes_of(here, there) < len(data) else []
    )


def _prefix(transcript: Transcript) -> re.Pattern[bytes] | None:
    """What stands before each line that the shell was given, if anything does: one without goes on."""
    chosen = choose(transcript)
    if chosen is not None:
        return re.compile(rb"(?:" + chosen.pattern.pattern + rb")|\s*\Z")
    # What is said in objects of JSON, whose first key is always the same.
    seen = survey(transcript).prefixes
    key = _KEY.match(seen[0][0]) if seen else None
    return re.compile(re.escape(key[0]) + rb"|\s*\Z") if key is not None else None


def first_record(data: bytes) -> Span | None:
    """Where the first formatted error is in a log, by which the cuts of all lines behind it are found."""
    place = data.find(b"\n" + _CATEGORY)
    record = _record(data, place + 1, 0) if place >= 0 else None
    return None if record is None else Span(record.begin, record.end)


def _records(data: bytes) -> list[_Record]:
    """All formatted errors, in order. Each costs what it is long."""
    found: list[_Record] = []
    if len(data) > _LARGE and not any(_CATEGORY in window for window in windows(data)):
        return found
    place = data.find(b"\n" + _CATEGORY)
    while place >= 0:
        record = _record(data, place + 1, found[-1].end if found else 0)
        if record is not None:
            found.append(record)
            place = record.end - 1
        place = data.find(b"\n" + _CATEGORY, place + 1)
    return found


def _record(data: bytes, category: int, floor: int) -> _Record | None:
    """The formatted error whose category begins at `category`, none of it before `floor`."""
    end = _end(data, category)
    if end is None:
        return None
    low = max(floor, category - _LONGEST_RECORD)
    head = data[low:category]
    if low > floor:
        head = head[head.find(b"\n") + 1 :]  # to begin with a whole line
        low = category - len(head)
    lines = head.splitlines(keepends=True)[-_MOST_LINES:]
    begins = [category - sum(map(len, lines))]
    for line in lines:
        begins.append(begins[-1] + len(line))
    for index in range(len(lines) - 1, 0, -1):
        # The place stands right above the command; it may be cut in two.
        for above in (1, 2):
            where = index - above
            if (
                lines[index].startswith(b"+ ")
                and where >= 0
                and _PLACE.match(b"".join(line.rstrip(b"\r\n") for line in lines[where:index]))
                and not lines[where].startswith(b"+ ")
            ):
                return _named(data, lines[:where], begins, where, end)
    return None


def _named(data: bytes, above: list[bytes], begins: list[int], where: int, end: int) -> _Record:
    """The record whose place is line number `where`, with the program's name above it."""
    place = begins[where]
    begin = text = place
    for index in range(where - 1, -1, -1):
        name = _NAME.match(above[index])
        if name is not None:
            begin, text = begins[index], begins[index] + name.end()
            break
    lines = data[begin:end].splitlines()
    cut = (
        data.count(b"\n", text, place) > 1
        or re.search(rb"\n~", data[place:end]) is not None
        or not re.search(rb"\n    \+ CategoryInfo [^\n]*\n    \+ FullyQ", data[place:end])
    )
    width = max((_width(line) for line in lines), default=0) if cut else 0
    return _Record(begin, text, place, end, width)


def _end(data: bytes, category: int) -> int | None:
    """Where the record ends whose category begins at `category`: behind the first blank line."""
    start = category
    identified = False
    for _ in range(_LONGEST_END):
        feed = data.find(b"\n", start, start + 512)
        if feed < 0:
            return len(data) if identified and len(data) - start < 512 else None  # noqa: PLR2004 - as above
        line = data[start:feed]
        identified = identified or line.startswith(_ERROR_ID)
        if identified and not line.strip():
            return feed + 1
        start = feed + 1
    return start if identified else None


def _width(line: bytes) -> int:
    """Characters of a line of UTF-8."""
    return len(line.rstrip(b"\r\n").decode("utf-8", "replace"))


def _feeds(data: bytes, start: int, end: int) -> list[int]:
    """Where lines end from `start` to `end`: at their carriage return, if they have one."""
    feeds = []
    feed = data.find(b"\n", start, end)
    while feed >= 0:
        feeds.append(feed - 1 if data[feed - 1 : feed] == b"\r" and feed > start else feed)
        feed = data.find(b"\n", feed + 1, end)
    return feeds


def _cuts(data: bytes, start: int, end: int, width: int, prefix: re.Pattern[bytes] | None) -> list[int]:
    """The ends of lines from `start` to `end` that are cuts, for certain."""
    lines = data[start:end].split(b"\n")
    width = width or _full_width(lines, prefix or _BEGINS)
    if not width:
        return []
    widths = [
        _width(line) if len(line) >= width or line.rstrip(b"\r").endswith(_BLANKS) else 0 for line in lines
    ]
    # Where none of the builder's lines is longer, standard output was cut too, or there is none. Around them
    # stand lines of a CI system's own, which no shell has cut.
    buildkit = any(_BUILDKIT.match(line) for line in lines)
    told = (wide for line, wide in zip(lines, widths, strict=True) if not buildkit or _BUILDKIT.match(line))
    everything = max(told, default=0) <= width
    cuts: list[int] = []
    place = start
    begins = prefix or _BEGINS
    for line, following, wide in zip(lines, lines[1:], widths, strict=False):
        if prefix is None and (
            not cuts or cuts[-1] + 1 + line.endswith(b"\r") != place
        ):  # it goes on with no other one
            begins = _BEGINS_ANYWHERE if _BUILDKIT.match(line) else _BEGINS
        place += len(line) + 1
        standard_output = not everything and (begins is _BEGINS_ANYWHERE or not buildkit)
        if standard_output or not wide or wide > width or begins.match(following):
            continue
        ends_a_word = line.rstrip(b"\r").endswith(_BLANKS)
        word = _WORD.match(following)
        if wide == width or (ends_a_word and word and _width(word.group()) > width - wide):
            cuts.append(place - 1 - line.endswith(b"\r"))
    return cuts


def _full_width(lines: list[bytes], begins: re.Pattern[bytes]) -> int:
    """The width at which lines were cut, if they tell: several are just as wide and go on in the next."""
    widths = [_width(line) for line in lines]
    most = max(widths, default=0)
    full = [index for index, width in enumerate(widths[:-1]) if width == most]
    going_on = sum(begins.match(lines[index + 1]) is None for index in full)
    return most if going_on > 1 and going_on > len(full) // 2 else 0


POWERSHELL = Wrapping("powershell", _peel)
