"""What BuildKit's display on a terminal shows: rows of frames, and the last state of each.

The display draws up to ten frames a second, each over the one before (``progressui/display.go`` of buildkit:
``ttyDisplay.print``, ``displayInfo``, ``setupTerminals``, ``wrapHeight``)::

    header   = "[+] " phase " " seconds "s (" done "/" known ") " [ "FINISHED" ] [ builder ]
    row      = " => " { "CACHED " | "ERROR " | "CANCELED " } name seconds "s"       one a vertex
             | " => => # " text                                                     what it prints just now
             | " => => " status [ current [ " / " total ] ] seconds "s"             what it is doing
             | " => WARN: " text seconds "s"                                        of build checks

Each row is as wide as the terminal: names are cut, and seconds stand at the right. All frames but the last
are as high as the terminal at most, so earlier vertices are missing in them; the last one has all. A row gets
its colour once its vertex has come to its end. Seconds are the sum of the times in which it ran; less than
0.05 is printed as 0.0.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from logparse.model import NO_TIMING, Span, Timing, TimingSource

__all__ = ["COLOURED", "Doing", "Frame", "Screen", "Shown", "seconds_within"]

_CONTROL = re.compile(rb"\x1b\[[0-9;?]{0,16}[A-Za-z]|[\r\x00-\x08]")
COLOURED = re.compile(rb"\x1b\[(?![0m])[0-9;]{1,16}m[ \t]{0,8}=>")
_HEADER = re.compile(rb"\[\+\] \w{1,32} (\d{1,9}(?:\.\d{1,3})?)s \((\d{1,9})/(\d{1,9})\)([^\r\n]{0,64})")
_SECONDS = re.compile(rb"(\d{1,9}(?:\.\d{1,3})?)s")
_FLAGS = (b"CACHED ", b"ERROR ", b"CANCELED ")
_NUMBERED = re.compile(rb"\[[^\]\n]{0,512}?\d{1,6}/\d{1,6}\]")
_BYTES = re.compile(rb" ?(\d{1,12}(?:\.\d{1,3})?[kMGTP]?i?B)(?: / (\d{1,12}(?:\.\d{1,3})?[kMGTP]?i?B))?\Z")
_LAYER = re.compile(rb"(?:extracting )?sha256:[0-9a-f]{12}")

# A name loses its end to the words before it and to longer seconds, so only this many characters fewer than
# the row has are the same in each frame.
_VARYING = len(" => ") + len("CANCELED ") + len(" 12345.6s") + 1
_SHORTEST_KEY = 12
_ROOM = 2
"""Blanks between a name and the seconds at the least; where there are no more, the name may be cut."""

_LONGEST_KEY = 32
_LONGEST_SIZES = 40
_LONGEST_WARNING = 48
_PRINTED = b"=> # "
_WARNING = b"WARN: "

_KEPT = 1 << 14
"""Rows that are remembered as they were drawn, since most are drawn again and again."""

_PRECISION = 0.05
"""Half of the last digit that is printed of seconds."""
_STILL = 3 * _PRECISION
"""Seconds after which seconds that have not changed will not change any more."""
_GAP = 0.3
"""Seconds between two frames within which a vertex that is new in the second one has started."""

_Key = bytes | tuple[bytes, int]


class Frame(NamedTuple):
    """The header of a frame.

    Parameters
    ----------
    seconds
        Since the build's start.
    done, known
        Vertices.
    finished
        Whether it says that all came to their end.
    """

    seconds: float
    done: int
    known: int
    finished: bool

    @classmethod
    def of(cls, data: bytes, start: int, end: int) -> Frame | None:
        """The first header between two places, ``None`` if there is none."""
        found = _HEADER.search(data, start, end)
        if found is None:
            return None
        return cls(float(found[1]), int(found[2]), int(found[3]), b"FINISHED" in found[4])


@dataclass(slots=True)
class Doing:
    """A status of a vertex: what it is doing, bytes, seconds, and whether a colour says that it is done."""

    text: bytes
    current: bytes | None = None
    total: bytes | None = None
    seconds: float | None = None
    ended: bool = False


@dataclass(slots=True)
class Shown:
    """The last state of a vertex.

    Parameters
    ----------
    name
        As much of it as was ever shown.
    cut
        Whether its row had no room for more.
    flags
        Of `CACHED`, `ERROR` and `CANCELED` those that stand before its name.
    seconds
        As printed.
    ended
        Whether it has come to its end; ``None`` if that cannot be told.
    started
        Seconds from the build's start, where they can be told from the frame in which it was first shown.
    start, header_end, end
        Where it is in the last frame that has it, where that row ends, and its last row.
    terminal
        Where what it printed stands, in the last frame that has any of it.
    doing
        Its statuses.
    warnings
        Warnings of build checks, by how they begin, and where they are.
    since
        The build's seconds when its own were first shown as they are, where no colours tell more.
    drawn
        Whether it is in the last frame.
    """

    name: bytes
    flags: tuple[bytes, ...] = ()
    seconds: float | None = None
    ended: bool | None = None
    started: float | None = None
    start: int = 0
    header_end: int = 0
    end: int = 0
    terminal: Span | None = None
    doing: dict[bytes, Doing] = field(default_factory=dict)
    warnings: dict[bytes, tuple[bytes, Span]] = field(default_factory=dict)
    since: float | None = None
    drawn: bool = False
    cut: bool = False

    @property
    def timing(self) -> Timing:
        """What its seconds say. Those of a vertex that has not ended are a lower bound."""
        if self.seconds is None:
            return NO_TIMING
        return seconds_within(self.seconds, started=self.started, ended=self.ended is not False)

    def prints(self, start: int, stop: int) -> None:
        """Take a row of what it prints."""
        terminal = self.terminal
        if terminal is not None and terminal.end == start:
            self.terminal = Span(terminal.start, stop)
        else:
            self.terminal = Span(start, stop)
        self.end = max(self.end, stop)

    def does(self, text: bytes, seconds: float | None, *, ended: bool) -> None:
        """Take a row of a status."""
        sizes = _BYTES.search(text[-_LONGEST_SIZES:])
        if sizes:
            text = text[: -len(sizes[0])]
        layer = _LAYER.match(text)
        key = layer[0] if layer else text[:_LONGEST_KEY]
        doing = self.doing.get(key)
        if doing is None:
            doing = self.doing[key] = Doing(text)
        elif len(text) > len(doing.text):
            doing.text = text
        if sizes:
            doing.current, doing.total = sizes[1], sizes[2]
        doing.seconds, doing.ended = seconds, ended


def seconds_within(seconds: float, *, started: float | None = None, ended: bool = True) -> Timing:
    """The timing that a number of seconds with one decimal stands for."""
    low = round(max(0.0, seconds - _PRECISION), 2)
    if not ended:
        return Timing(started, seconds, low, None, TimingSource.CLOCK)
    return Timing(started, seconds, low, round(seconds + _PRECISION, 2), TimingSource.CLOCK)


class _Row(NamedTuple):
    """One row, read. Of a vertex `key` tells it from others; of what belongs to one, it is ``None``."""

    key: bytes | None
    text: bytes
    flags: tuple[bytes, ...]
    seconds: float | None
    coloured: bool
    cut: bool = False


class _Mark(enum.Enum):
    """What a row is that is read already, if it is no vertex."""

    STATUS = enum.auto()
    PRINTED = enum.auto()


class Screen:
    """Plays the frames of one build and remembers the last state of each vertex.

    Parameters
    ----------
    data
        The text.
    frames
        Where the frames are in it, in order. One without a header is the rest of the one before it.

    Attributes
    ----------
    frame, before
        The headers of the last frame and of the one before it, as far as there are any.
    """

    def __init__(self, data: bytes, frames: Sequence[Span]) -> None:
        self._data = data
        self._states: dict[_Key, Shown] = {}
        self._known: dict[bytes, Shown | _Mark] = {}
        self._again: dict[bytes, int] = {}
        self._last: list[Shown] = []
        self._coloured = False
        self.before: Frame | None = None
        self.frame: Frame | None = None
        last = len(frames) - 1
        while last > 0 and not self._has_header(*frames[last]):
            last -= 1
        for start, end in frames[:last]:
            self._skim(start, end)
        for start, end in frames[max(last, 0) :]:
            self._draw(start, end)

    def shown(self, *, closed: bool) -> Sequence[Shown]:
        """The last states, in the order in which the vertices were first shown.

        Parameters
        ----------
        closed
            Whether the last frame is the display's last, which has all there is.
        """
        first = next(iter(self._states.values()), None)
        if closed or (first is not None and first.drawn):
            # It is as high as it has to be, and vertices that are not in it go by another name by now.
            return self._last
        shown = list(self._states.values())
        for each in shown:
            if each.ended is None and self.frame is not None and each.since is not None:
                # What has no place in a frame any more has ended.
                each.ended = self.frame.seconds - each.since > _STILL
        return shown

    def _has_header(self, start: int, end: int) -> bool:
        return _HEADER.search(self._data, start, end) is not None

    def _skim(self, start: int, end: int) -> None:
        """Play a frame that is not the last one. Most of its rows are drawn as they were before."""
        known = self._known
        current: Shown | None = None
        for line in self._data[start:end].split(b"\n"):
            what = known.get(line)
            stop = start + len(line) + 1
            if what is None:
                if b"[+] " in line:
                    self._begin(line)
                else:
                    current = self._take(line, current, start, stop)
            elif what is _Mark.PRINTED:
                if current is not None:
                    current.prints(start, stop)
            elif what is not _Mark.STATUS:
                current = what
            start = stop

    def _draw(self, start: int, end: int) -> None:
        """Play the last frame, of which it matters where each row is, and that two may have one name."""
        current: Shown | None = None
        for line in self._data[start:end].split(b"\n"):
            stop = min(start + len(line) + 1, end)
            if b"[+] " in line:
                self._begin(line)
            else:
                current = self._take(line, current, start, stop, last=True)
            start = stop

    def _begin(self, line: bytes) -> None:
        frame = Frame.of(line, 0, len(line))
        if frame is not None:
            self.before, self.frame = self.frame, frame

    def _take(
        self, line: bytes, current: Shown | None, start: int, stop: int, *, last: bool = False
    ) -> Shown | None:
        """Take over what a row says; returns the vertex to which the rows below it belong."""
        if len(self._known) >= _KEPT:
            self._known.clear()
        row = _read_row(line)
        if row is None:
            return current
        if row.key is not None:
            current = self._vertex(row, row.key, start, stop, last=last)
            self._known[line] = current
        elif current is None:
            return current
        elif row.text.startswith(_PRINTED):
            current.prints(start, stop)
            self._known[line] = _Mark.PRINTED
        elif row.text.startswith(_WARNING):
            current.warnings[row.text[:_LONGEST_WARNING]] = (row.text, Span(start, stop))
        else:
            current.does(row.text, row.seconds, ended=row.coloured)
            current.end = max(current.end, stop)
            if current.seconds is not None and current.ended:
                # Until then it may be another vertex's, whose row looks the same.
                self._known[line] = _Mark.STATUS
        return current

    def _vertex(self, row: _Row, key: bytes, start: int, stop: int, *, last: bool) -> Shown:
        state = self._states.get(key)
        again = state is not None and last and bool(self._last) and state.drawn
        if again:
            # Another one of that name, which has its place among those of one name.
            number = self._again[key] = self._again.get(key, 0) + 1
            state = self._states.get((key, number))
        if state is None:
            state = self._states[(key, number) if again else key] = Shown(row.text, cut=row.cut)
            if not again:
                self._date(state, row)
        elif len(row.text) > len(state.name):
            state.name, state.cut = row.text, row.cut
        self._coloured = self._coloured or row.coloured
        state.ended = row.coloured if self._coloured else self._stands_still(state, row)
        state.flags, state.seconds = row.flags, row.seconds
        state.start, state.header_end, state.end = start, stop, stop
        state.drawn = last
        if last:
            self._last.append(state)
        return state

    def _date(self, state: Shown, row: _Row) -> None:
        """Find when a vertex started that is new in this frame."""
        frame, before = self.frame, self.before
        if frame is None or row.seconds is None:
            return
        # It started that long before, if it is running, or else after the frame before.
        started = max(0.0, frame.seconds - row.seconds)
        since = before.seconds if before is not None else 0.0
        if started - since <= _GAP or (self._coloured and not row.coloured):
            state.started = round(started, 1)

    def _stands_still(self, state: Shown, row: _Row) -> bool | None:
        """Whether a vertex has ended, where no colour tells: its seconds stay what they are."""
        frame = self.frame
        if frame is None:
            return None
        if frame.done == frame.known:
            return True
        if state.since is None or row.seconds != state.seconds:
            ended = None if state.since is None else False
            state.since = frame.seconds
            return ended
        return True if frame.seconds - state.since > _STILL else state.ended


def _read_row(line: bytes) -> _Row | None:
    """Read a line of a frame; ``None`` if it is no row."""
    coloured = COLOURED.search(line[:256]) is not None
    text = _CONTROL.sub(b"", line) if b"\x1b" in line or b"\r" in line else line
    width = len(text)
    text = text.strip(b" \t")
    if not text.startswith(b"=> "):
        return None
    text = text[3:]
    if text.startswith(b"=> # "):
        return _Row(None, _PRINTED, (), None, coloured)
    before, _, last = text.rpartition(b" ")
    timer = _SECONDS.fullmatch(last)
    seconds = float(timer[1]) if timer else None
    cut = False
    if timer:
        text = before.rstrip(b" ")
        cut = len(before) - len(text) < _ROOM
    if text.startswith(b"=> "):
        return _Row(None, text[3:], (), seconds, coloured)
    if text.startswith(b"WARN: "):
        return _Row(None, text, (), seconds, coloured)
    flags: list[bytes] = []
    while text.startswith(_FLAGS) and len(flags) < len(_FLAGS):
        flag, _, text = text.partition(b" ")
        flags.append(flag)
    numbered = _NUMBERED.match(text)
    if numbered:  # in which numbers stand at the right: "[ 9/10]"
        key = b" ".join(numbered[0].replace(b"[", b"[ ").split())
    else:
        key = text[: max(width - _VARYING, _SHORTEST_KEY)]
    return _Row(key, text, tuple(flags), seconds, coloured, cut)
