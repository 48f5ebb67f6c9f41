"""A stretch of a log that is parsed at once: what was carried over, and what came since."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise
from typing import NamedTuple

from logparse.model import Build, Kind, Span, Transcript
from logparse.parser.feed.known import Known
from logparse.parser.wrappings.powershell import first_record

__all__ = ["OF_PROGRAMS", "Part", "Window", "end_of_lines", "merged", "record"]

_LONGEST_HEAD = 1 << 20
_LONGEST_OBJECT = 1 << 18
"""Bytes in which the other end of a line, or of an object of JSON over several lines, is looked for."""
_LONGEST_FRAME = 1 << 14
"""The same for the beginning of a terminal's frame."""

OF_PROGRAMS = frozenset({Kind.OUTPUT, Kind.UNKNOWN})
"""Elements that are no words of the builder's."""


class Part(NamedTuple):
    """A stretch of the log: where it begins, its size, and the build it was carried over for, if it was."""

    place: int
    size: int
    owner: Known | None


class Window:
    """A stretch of a log that is parsed at once: parts of it, each with its place in the whole.

    Parameters
    ----------
    parts
        In order.
    data
        Their bytes.
    record
        What has to stand before them so that they are unwrapped.

    Attributes
    ----------
    begin, size
        Where the parts begin in the data, and where they end.
    """

    def __init__(self, parts: list[Part], data: bytes, record: bytes) -> None:
        self.parts = parts
        self.begin = len(record) if parts[0].place else 0
        self.data = record + data if self.begin else data
        self.size = len(self.data)
        self._offsets = [*accumulate((part.size for part in parts), initial=self.begin)]

    def _index(self, offset: int) -> int:
        return max(bisect_right(self._offsets, offset, hi=len(self.parts)) - 1, 0)

    def place(self, offset: int) -> int:
        """Where in the log an offset in the window is."""
        index = self._index(offset)
        return self.parts[index].place + max(0, offset - self._offsets[index])

    def owner(self, offset: int) -> Known | None:
        """The build for which what is at an offset was carried over."""
        return self.parts[self._index(offset)].owner

    def owned(self) -> Iterator[tuple[Span, Known | None]]:
        """What was carried over for builds."""
        for part, (start, end) in zip(self.parts, pairwise(self._offsets), strict=True):
            if part.owner is not None:
                yield Span(start, end), part.owner

    def shares(self, build: Build) -> dict[Known, int]:
        """For which builds the builder's lines in a build were carried over, and how many bytes for each."""
        sizes: dict[Known, int] = {}
        for kind, start, end in build.elements():
            if start >= self._offsets[-2]:
                break  # from here on, all is fresh
            index, place = self._index(start), start
            while kind not in OF_PROGRAMS and place < end:
                owner, stop = self.parts[index].owner, min(end, self._offsets[index + 1])
                if owner is not None:
                    sizes[owner] = sizes.get(owner, 0) + stop - place
                place, index = stop, index + 1
        return sizes

    def cut(self, span: Span, owner: Known | None) -> Iterator[tuple[Part, Span]]:
        """The parts of the window that are in a span."""
        start, end = max(span.start, self.begin), span.end
        index = self._index(start)
        while start < end:
            stop = min(end, self._offsets[index + 1])
            if stop > start:
                yield Part(self.place(start), stop - start, owner), Span(start, stop)
            start, index = stop, index + 1

    def start(self, build: Build) -> int:
        """Where in the window a build begins."""
        first = build.tape.element(build.first).start
        return next((raw.start for raw in build.transcript.stretches(first, first + 1)), 0)

    def lines(self, transcript: Transcript, spans: Iterable[Span]) -> list[Span]:
        """Whole lines of the window in which some spans of a text are."""
        return merged(self._whole(*raw) for span in spans for raw in _raw(transcript, span))

    def _whole(self, start: int, end: int) -> Span:
        """The lines that `start` and `end` are in, or the objects of JSON over several lines."""
        data = self.data
        feed = data.rfind(b"\n", max(0, start - _LONGEST_HEAD), start)
        start = feed + 1 if feed >= 0 or start <= _LONGEST_HEAD else start
        feed = data.find(b"\n", max(end - 1, start), end + _LONGEST_HEAD)
        end = feed + 1 if feed >= 0 else min(len(data), end + _LONGEST_HEAD)
        if data[start : start + 1] not in (b" ", b"\t", b"{", b"}"):
            return Span(start, end)
        opened = data.rfind(b"\n{\n", max(0, start - _LONGEST_OBJECT), start + 3) + 1
        if (opened or data.startswith(b"{\n")) and data.find(b"\n}\n", opened, start) < 0:
            closed = data.find(b"\n}\n", max(end - 3, opened), end + _LONGEST_OBJECT)
            if closed >= 0:
                return Span(min(opened, start), closed + 3)
        return Span(start, end)


def _raw(transcript: Transcript, span: Span) -> list[Span]:
    """What a span of a text stands for in the log; of what was decoded there, at least the first byte."""
    found = list(transcript.stretches(*span))
    if not found and span.start < span.end:
        piece = transcript.piece(span.start)
        place = max(min(piece.source, piece.end - 1), 0)
        found = [Span(place, place + 1)]
    return found


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same bytes in as few spans as can be, in order."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(end, merged[-1].end))
        else:
            merged.append(Span(start, end))
    return merged


def record(window: Window, build: Build | None) -> bytes:
    """What PowerShell put before a build, and tells how wide it made the lines of it."""
    if build is None or "powershell" not in build.transcript.wrappings:
        return b""
    span = first_record(window.data)
    return b"" if span is None else window.data[slice(*span)]


def end_of_lines(data: bytes, *, of_frames: bool) -> int:
    """Where the last whole line ends, or the last whole object of JSON over several lines.

    Of a terminal's frames it is where the last one begins, which may not be whole.
    """
    end = data.rfind(b"\n") + 1 or len(data)
    opened = data.rfind(b"\n{\n", max(0, end - _LONGEST_OBJECT), end)
    if opened >= 0 and data.find(b"\n}\n", opened, end) < 0:
        return opened + 1
    frame = data.rfind(b"[+] ", max(0, end - _LONGEST_FRAME), end) if of_frames else -1
    if frame >= 0 and data[frame - 1 : frame] in (b"\n", b"G", b"l", b"\r"):  # behind a move of the cursor
        return data.rfind(b"\n", 0, frame) + 1 or end
    return end
