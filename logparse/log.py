"""Where builds come from: a :class:`Log`, its bytes, and the :class:`Transcript` of one builder in them.

A log is rarely only what a builder wrote. CI systems put time stamps and names before each line, shells wrap
lines, log drivers make JSON of them, and two builds that run at once write line by line in turn. A
transcript is what is left without all that, and knows for each of its bytes where in the log it came from.
"""

from __future__ import annotations

import enum
import hashlib
import io
import re
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Log", "Piece", "Pieces", "Span", "Stamps", "Status", "Transcript", "outside"]


_BLOCK = 1 << 14
"""Bytes of a log whose line feeds are counted at a time."""

_SAMPLED = 64
_SOME = 64
"""Pieces of a transcript that are looked at one by one; more are looked at all at once."""

_FEW = 1 << 12
_PORTION = 1 << 14
"""Stretches of a text that are taken out of it at a time, and how many it takes to do so."""


class Span(NamedTuple):
    """A half-open range of bytes of a log, ``data[start:end]``."""

    start: int
    end: int


class Status(enum.StrEnum):
    """What the API says of a build (the values are the API's own)."""

    IN_PROGRESS = "in-progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """The raw bytes of one build's output, with where it came from and what the API said of it.

    Parameters
    ----------
    data
        The log as it came, undecoded; but of a file in UTF-16 its text in UTF-8, and of a bundle the lines
        of JSON that :func:`logparse.bundle.read_bundle` makes of it.
    path
        The file it was read from (``archive.tar.gz!member`` inside an archive, ``-`` for standard input).
    route
        ``"builds"`` or ``"versions"`` when it came from a cluster, ``"file"`` otherwise.
    owner, name, build_id, commit
        The algorithm and build it belongs to, where known.
    status, started_at, finished_at
        What the API said of the build. Times are aware and UTC.
    semantic_version
        The published version that this build became, if any.
    environment
        UUID of the algorithm environment, which is the tag of the langpack images in the log.
    """

    data: bytes = field(repr=False)
    path: str | None = None
    route: str = "file"
    owner: str | None = None
    name: str | None = None
    build_id: str | None = None
    commit: str | None = None
    status: Status | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    semantic_version: str | None = None
    environment: str | None = None
    _kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What was computed from the bytes once and may be asked for again."""

    @property
    def digest(self) -> str:
        """``sha256:`` and the hexadecimal digest of the bytes."""
        if "digest" not in self._kept:
            self._kept["digest"] = "sha256:" + hashlib.sha256(self.data).hexdigest()
        digest: str = self._kept["digest"]
        return digest

    def line_number(self, offset: int) -> int:
        """The 1-based number of the line that holds `offset`, counted by line feeds.

        Line feeds are counted once per block of the log and kept, so asking about every line of a huge log
        costs no more than a block each time.
        """
        if "lines" not in self._kept:
            counts = array("q", [1])
            for start in range(0, len(self.data), _BLOCK):
                counts.append(counts[-1] + self.data.count(b"\n", start, start + _BLOCK))
            self._kept["lines"] = counts
        block = min(max(offset, 0), len(self.data)) // _BLOCK
        before: int = self._kept["lines"][block]
        return before + self.data.count(b"\n", block * _BLOCK, offset)

    @property
    def key(self) -> str:
        """``owner/name/build_id`` where all are known, else the digest: stable between runs and machines."""
        if self.owner and self.name and self.build_id:
            return f"{self.owner}/{self.name}/{self.build_id}"
        return self.digest

    @property
    def duration(self) -> float | None:
        """Seconds from start to finish as the API tells them, ``None`` if it does not."""
        if self.started_at is None or self.finished_at is None:
            return None
        seconds = (self.finished_at - self.started_at).total_seconds()
        return seconds if seconds >= 0 else None


_Offsets = npt.NDArray[np.int64]


class Piece(NamedTuple):
    """Bytes of a transcript that came from one stretch of the log.

    Parameters
    ----------
    at
        Where it begins in the transcript's text.
    begin, end
        The stretch of the log that belongs to it, with what stood around the text.
    source
        Where its text begins in the log. The text goes on byte by byte from there, unless the log holds it
        encoded; then offsets inside the piece are as near as can be.
    """

    at: int
    begin: int
    source: int
    end: int


@dataclass(frozen=True, slots=True)
class Stamps:
    """Times that something put before the lines of a log.

    Parameters
    ----------
    at : ndarray of int64, shape (n,)
        Where in the transcript's text the stamped stretches begin, ascending.
    seconds : ndarray of float64, shape (n,)
        When they were written: seconds since 1970 where the date was printed, else since any moment.
    resolution
        Seconds between two times that the stamps can tell apart.
    arrival
        Whether they tell when lines were read live, and not when they were written.
    """

    at: _Offsets
    seconds: npt.NDArray[np.float64]
    resolution: float
    arrival: bool = False


class Transcript:
    """What one builder wrote, as it wrote it: a log without what others put around its lines.

    Parameters
    ----------
    log
        Where it comes from.
    data
        The text; by default all bytes of the log, as they are.
    pieces : ndarray of int64, shape (n, 4), optional
        Where `data` came from, one :class:`Piece` a row, in ascending order of all columns. No two
        transcripts of a log claim the same bytes, and together they claim all.
    stamps
        Times of the lines, if something printed them.
    wrappings
        Names of what was taken away, outermost first: ``("github-actions",)``.
    mark
        What the builder itself puts before each line that a program prints, such as ``#12 3.456``: part of
        the text, and no words of the program's.

    Attributes
    ----------
    kept : dict
        What was found out about the text once and may be asked for again.
    """

    __slots__ = ("data", "kept", "log", "mark", "pieces", "stamps", "wrappings")

    def __init__(
        self,
        log: Log,
        data: bytes | None = None,
        pieces: _Offsets | None = None,
        *,
        stamps: Stamps | None = None,
        wrappings: tuple[str, ...] = (),
        mark: re.Pattern[bytes] | None = None,
    ) -> None:
        self.log = log
        self.data = log.data if data is None else data
        self.pieces = pieces
        self.stamps = stamps
        self.wrappings = wrappings
        self.mark = mark
        self.kept: dict[str, Any] = {}

    def __repr__(self) -> str:
        around = f" out of {'/'.join(self.wrappings)}" if self.wrappings else ""
        return f"<Transcript of {len(self.data)} bytes{around}>"

    @property
    def is_whole(self) -> bool:
        """Whether the text is the log's own bytes, so that offsets are the same in both."""
        return self.pieces is None

    @property
    def is_encoded(self) -> bool:
        """Whether the log holds the text, or parts of it, in another form, such as strings of JSON."""
        if self.pieces is None or not len(self.pieces):
            return False
        at, _, source, end = self.pieces.T
        length = np.diff(np.append(at, len(self.data)))
        if (length > end - source).any():
            return True
        # Decoded text is shorter than what it was decoded from. Some pieces tell what all are like.
        some = np.flatnonzero(length)[:_SAMPLED]
        return any(
            self.log.data[begin : begin + size] != self.data[offset : offset + size]
            for offset, begin, size in zip(
                at[some].tolist(), source[some].tolist(), length[some].tolist(), strict=True
            )
        )

    def piece(self, offset: int) -> Piece:
        """The piece that holds the byte at `offset`, or the last one behind the end."""
        if self.pieces is None:
            return Piece(0, 0, 0, len(self.data))
        index = int(np.searchsorted(self.pieces[:, 0], offset, side="right")) - 1
        return Piece(*(int(value) for value in self.pieces[max(index, 0)]))

    def place(self, offset: int) -> int:
        """Where in the log the byte at `offset` of the text is."""
        if self.pieces is None:
            return offset
        piece = self.piece(offset)
        return min(piece.source + offset - piece.at, piece.end)

    def line_number(self, offset: int) -> int:
        """The 1-based number of the log's line that holds the byte at `offset` of the text."""
        return self.log.line_number(self.place(offset))

    def stretches(self, start: int, end: int) -> Iterator[Span]:
        """The bytes of the log that ``data[start:end]`` stands for, as few spans as can be.

        What stood around a line belongs to its first byte, and what follows the last line of a piece to that
        one's last. So the stretches of texts that lie end to end cover all that the transcript claims.
        """
        if start >= end:
            return
        if self.pieces is None:
            yield Span(start, end)
            return
        at = self.pieces[:, 0]
        # Pieces without text, of which only the surroundings are there, belong to the text that follows them.
        first = int(np.searchsorted(at, start, side="left"))
        if first == len(at) or at[first] > start:
            first -= 1
        last = len(at) if end >= len(self.data) else int(np.searchsorted(at, end, side="left"))
        begin = stop = -1
        cut_short = end < (at[last] if last < len(at) else len(self.data))
        if last - first > _SOME:
            yield from _stretches(self.pieces[first:last], start, end if cut_short else None)
            return
        for index, row in enumerate(self.pieces[first:last].tolist(), first + 1):
            piece = Piece(*row)
            cut_begin = piece.begin if start <= piece.at else min(piece.source + start - piece.at, piece.end)
            cut_stop = piece.end
            if index == last and cut_short:
                cut_stop = min(piece.source + end - piece.at, piece.end)
            if cut_begin != stop:
                if stop > begin:
                    yield Span(begin, stop)
                begin = cut_begin
            stop = cut_stop
        if stop > begin:
            yield Span(begin, stop)

    def hull(self, start: int, end: int) -> Span:
        """The shortest span of the log with the text from `start` to `end`, what stood around it aside."""
        if self.pieces is None or start >= end:
            return Span(self.place(start), self.place(end))
        return Span(self.place(start), self.place(end - 1) + 1)

    def hulls(self, starts: list[int], ends: list[int]) -> tuple[list[int], list[int]]:
        """Where in the log many stretches begin and where they end, each as :meth:`hull` tells."""
        if self.pieces is None or not starts:
            return starts, ends
        at, _, source, end = self.pieces.T
        filled = np.less(starts, ends)
        offsets = np.concatenate([starts, ends - filled])
        piece = np.maximum(np.searchsorted(at, offsets, side="right") - 1, 0)
        places = np.minimum(source[piece] + offsets - at[piece], end[piece])
        return places[: len(starts)].tolist(), (places[len(starts) :] + filled).tolist()

    def time(self, offset: int) -> float | None:
        """The time that was printed before the line at `offset`, ``None`` if there is none so far."""
        if self.stamps is None:
            return None
        index = int(np.searchsorted(self.stamps.at, offset, side="right")) - 1
        return float(self.stamps.seconds[index]) if index >= 0 else None

    def marked(self, mark: re.Pattern[bytes]) -> Transcript:
        """The same transcript, of a builder that puts `mark` before each line of a program."""
        return Transcript(
            self.log, self.data, self.pieces, stamps=self.stamps, wrappings=self.wrappings, mark=mark
        )

    def unmarked(self, start: int, end: int) -> bytes:
        """The text from `start` to `end` without the builder's marks before its lines."""
        text = self.data[start:end]
        if self.mark is None:
            return text
        return b"".join(
            line[found.end() :] if (found := self.mark.match(line)) else line
            for line in text.splitlines(keepends=True)
        )

    def select(self, spans: Iterable[Span]) -> Transcript:
        """Only the text in `spans`, which ascend and do not overlap.

        To tell apart two builds that wrote at once, select each one's lines. Every byte of the text has to be
        selected for one of them, or it is lost.
        """
        rows = array("q")
        parts = []
        size = 0
        for start, end in spans:
            if rows and rows[-1] == start:
                rows[-1] = end
            else:
                rows.extend((size, start, start, end))
            parts.append(self.data[start:end])
            size += end - start
        return self.derive(b"".join(parts), np.array(rows, np.int64).reshape(-1, 4))

    def without(
        self,
        starts: _Offsets,
        ends: _Offsets,
        *,
        stamps: Stamps | None = None,
        wrapping: str | None = None,
        changed: tuple[_Offsets, npt.NDArray[np.uint8]] | None = None,
    ) -> Transcript:
        """The text without what lies between each of `starts` and its one of `ends`.

        Parameters
        ----------
        starts, ends : ndarray of int64, shape (n,)
            Ascending stretches of the text that do not overlap. Each belongs to the text behind it.
        stamps
            Times that were printed there; their offsets are those of *this* text, before anything is taken
            away.
        wrapping
            The name of what is taken away.
        changed
            Bytes that stand for other ones, as the last of an escape sequence does whose first ones are
            taken away: their ascending offsets in *this* text, and what they stand for.
        """
        size = len(self.data)
        # Rows as of `Piece`: the text behind each stretch, and before them the text that begins with none.
        pieces = np.zeros((len(starts) + 1, 4), np.int64)
        pieces[1:, 1] = starts
        pieces[1:, 2] = ends
        pieces[:-1, 3] = starts
        pieces[-1, 3] = size
        np.cumsum(pieces[:-1, 3] - pieces[:-1, 2], out=pieces[1:, 0])
        data = outside(self.data, starts, ends, changed)
        if stamps is not None and stamps.at is starts:
            stamps = replace(stamps, at=np.ascontiguousarray(pieces[1:, 0]))
        elif stamps is not None:
            stamps = _carried(stamps, pieces, len(data))
        if self.pieces is None or not data or not _runs_on(self.pieces, size):
            return self.derive(data, pieces, stamps=stamps, wrapping=wrapping)
        if stamps is None and self.stamps is not None:
            stamps = _carried(self.stamps, pieces, len(data))
        wrappings = self.wrappings if wrapping is None else (*self.wrappings, wrapping)
        cut = _cut(self.pieces, pieces[:, 2], pieces[:, 3])
        return Transcript(self.log, data, cut, stamps=stamps, wrappings=wrappings, mark=self.mark)

    def derive(
        self,
        data: bytes,
        pieces: _Offsets,
        *,
        stamps: Stamps | None = None,
        wrapping: str | None = None,
    ) -> Transcript:
        """A transcript made of this one's text.

        Parameters
        ----------
        data
            The new text.
        pieces
            Where it came from in *this* transcript's text. At least one; the rows ascend.
        stamps
            Times of the new text's lines; by default those of this transcript go on to hold.
        wrapping
            The name of what was taken away.
        """
        wrappings = self.wrappings if wrapping is None else (*self.wrappings, wrapping)
        if stamps is None and self.stamps is not None:
            stamps = _carried(self.stamps, pieces, len(data))
        if self.pieces is not None:
            pieces = _composed(self, pieces, len(data))
        return Transcript(self.log, data, pieces, stamps=stamps, wrappings=wrappings, mark=self.mark)


def _stretches(pieces: _Offsets, start: int, end: int | None) -> Iterator[Span]:
    """The stretches of many pieces at once: from `start` in the first one to `end` in the last, or to its."""
    at, begins, source, ends = pieces[:, 0], pieces[:, 1].copy(), pieces[:, 2], pieces[:, 3].copy()
    if start > at[0]:
        begins[0] = min(source[0] + start - at[0], ends[0])
    if end is not None:
        ends[-1] = min(source[-1] + end - at[-1], ends[-1])
    apart = np.flatnonzero(begins[1:] != ends[:-1]) + 1
    begins, ends = begins[np.append(0, apart)], ends[np.append(apart, len(ends)) - 1]
    filled = ends > begins
    for begin, stop in zip(begins[filled].tolist(), ends[filled].tolist(), strict=True):
        yield Span(begin, stop)


def _runs_on(pieces: _Offsets, size: int) -> bool:
    """Whether pieces lie end to end in the log, and the text of each is as the log has it."""
    following = np.append(pieces[1:, 0], size)
    return bool(
        (pieces[1:, 1] == pieces[:-1, 3]).all()
        and (pieces[:, 2] + following - pieces[:, 0] <= pieces[:, 3]).all()
    )


def _cut(pieces: _Offsets, froms: _Offsets, tos: _Offsets) -> _Offsets:
    """The pieces of what a text has between each of `froms` and its one of `tos`, of a text that runs on.

    What the log has between two pieces belongs to the second one, and all behind the last to that.
    """
    filled = tos > froms
    froms, tos = froms[filled], tos[filled]
    at = pieces[:, 0]
    # A piece begins wherever a stretch does, and where a piece of the text begins inside of one.
    stretch = np.searchsorted(froms, at, side="right") - 1
    inside = (stretch >= 0) & (at > froms[stretch]) & (at < tos[stretch])
    own = np.searchsorted(at, froms, side="right") - 1
    if inside.any():
        begins = np.concatenate([froms, at[inside]])
        order = np.argsort(begins, kind="stable")
        begins = begins[order]
        own = np.concatenate([own, np.flatnonzero(inside)])[order]
        stretch = np.cumsum(order < len(froms)) - 1
        stops = np.minimum(np.append(begins[1:], tos[-1]), tos[stretch])
    else:
        begins, stops = froms, tos
    cut = np.empty((len(begins), 4), np.int64)
    lengths = stops - begins
    cut[0, 0] = 0
    np.cumsum(lengths[:-1], out=cut[1:, 0])
    cut[:, 2] = pieces[own, 2] + begins - at[own]
    cut[:, 3] = cut[:, 2] + lengths
    cut[0, 1] = pieces[0, 1]
    cut[1:, 1] = cut[:-1, 3]
    cut[-1, 3] = pieces[-1, 3]
    return cut


def outside(
    data: bytes,
    starts: _Offsets,
    ends: _Offsets,
    changed: tuple[_Offsets, npt.NDArray[np.uint8]] | None = None,
) -> bytes:
    """The bytes outside of some stretches, as of :meth:`Transcript.without`."""
    if len(starts) < _FEW and changed is None:
        froms, tos = [0, *ends.tolist()], [*starts.tolist(), len(data)]
        return b"".join([data[a:b] for a, b in zip(froms, tos, strict=True)])
    import pyarrow as pa  # noqa: PLC0415  it takes longer to import than small logs to read

    # Stretches and what is between them alternate, as the values of an array of binaries; those that are kept
    # are filtered out of it, which copies them one behind the other.
    written = io.BytesIO()
    size = len(data) - int((ends - starts).sum())
    if size:  # as much memory as it takes, since to grow bit by bit takes several times as long
        written.seek(size - 1)
        written.write(b"\0")
        written.seek(0)
    at = 0
    for first in range(0, len(starts), _PORTION):
        here, there = starts[first : first + _PORTION], ends[first : first + _PORTION]
        limit = int(starts[first + _PORTION]) if first + _PORTION < len(starts) else len(data)
        small = limit - at < 1 << 31
        bounds = np.empty(2 * len(here) + 2, np.int32 if small else np.int64)
        bounds[0], bounds[-1] = 0, limit - at
        np.subtract(here, at, out=bounds[1:-1:2], casting="same_kind")
        np.subtract(there, at, out=bounds[2:-1:2], casting="same_kind")
        text: memoryview | npt.NDArray[np.uint8] = memoryview(data)[at:limit]
        if changed is not None:
            low, high = np.searchsorted(changed[0], [at, limit])
            if low < high:
                text = np.frombuffer(text, np.uint8).copy()
                text[changed[0][low:high] - at] = changed[1][low:high]
        values = pa.Array.from_buffers(
            pa.binary() if small else pa.large_binary(),
            len(bounds) - 1,
            [None, pa.py_buffer(bounds), pa.py_buffer(text)],
        )
        kept = np.zeros(len(bounds) - 1, np.bool_)
        kept[::2] = True
        buffer = values.filter(pa.array(kept)).buffers()[2]
        if buffer is not None:
            written.write(buffer)
        at = limit
    if not len(starts):
        return data
    return written.getvalue()


def _carried(stamps: Stamps, pieces: _Offsets, size: int) -> Stamps:
    """Stamps of a text, moved to a text that was made of `pieces` of it."""
    at, source = pieces[:, 0], pieces[:, 2]
    index = np.maximum(np.searchsorted(source, stamps.at, side="right") - 1, 0)
    following = np.append(at[1:], size)[index]
    moved = np.clip(at[index] + stamps.at - source[index], at[index], following)
    return replace(stamps, at=moved)


def _composed(parent: Transcript, pieces: _Offsets, size: int) -> _Offsets:
    """Pieces in the text of `parent`, given as pieces in the log: cut where the parent's pieces meet.

    Each piece is cut in three: what stands before its text, its text, and what stands behind. Each part is
    cut where two pieces of the parent meet; a part without text becomes a piece without text. Text that is
    not in the parent byte by byte, since it was decoded, is put at the first byte of what it stands for.
    """
    above = parent.pieces
    if above is None:
        return pieces
    at, begin, source, end = pieces.T
    length = np.diff(np.append(at, size))
    linear = source + length <= end
    # Three parts a piece: where it starts and stops in the parent's text, and where its text goes on.
    text_end = np.where(linear, source + length, end)
    starts = np.stack([begin, source, text_end], axis=1).ravel()
    stops = np.stack([source, text_end, end], axis=1).ravel()
    places = np.stack([at, at, at + length], axis=1).ravel()
    grows = np.stack([np.zeros_like(linear), linear, np.zeros_like(linear)], axis=1).ravel()
    sizes = np.stack([np.zeros_like(length), length, np.zeros_like(length)], axis=1).ravel()
    kept = (stops > starts) | (sizes > 0)
    starts, stops, places, grows, sizes = (column[kept] for column in (starts, stops, places, grows, sizes))

    above_at, above_begin, above_source, above_end = above.T
    first = np.searchsorted(above_at, starts, side="left")
    first -= (first == len(above)) | (above_at[np.minimum(first, len(above) - 1)] > starts)
    last = np.where(stops >= len(parent.data), len(above), np.searchsorted(above_at, stops, side="left"))
    count = np.maximum(last - first, 1)
    owner = np.repeat(np.arange(len(starts)), count)
    nth = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    row = first[owner] + nth
    # Where each new piece starts and stops in the parent's text, and what that is in the log.
    here = np.maximum(above_at[row], starts[owner])
    following = np.append(above_at[1:], len(parent.data))[row]
    there = np.minimum(following, stops[owner])
    moved = np.minimum(above_source[row] + here - above_at[row], above_end[row])
    new_begin = np.where(here == above_at[row], above_begin[row], moved)
    whole = there >= following
    new_end = np.where(
        whole, above_end[row], np.minimum(above_source[row] + there - above_at[row], above_end[row])
    )
    offset = np.where(grows[owner], here - starts[owner], np.where(nth == 0, 0, sizes[owner]))
    return np.stack([places[owner] + offset, new_begin, np.clip(moved, new_begin, new_end), new_end], axis=1)


class Pieces:
    """Makes a transcript out of another one, from left to right.

    What is skipped belongs to what is taken next, or, at the end, to what was taken last: nothing is lost.
    """

    def __init__(self, parent: Transcript) -> None:
        self._parent = parent
        self._parts: list[bytes] = []
        self._rows = array("q")
        self._size = 0
        self._claimed = 0
        self._times = array("d")
        self._stamped = array("q")

    def keep(self, start: int, end: int) -> None:
        """Take the parent's text from `start` to `end`."""
        self.put(self._parent.data[start:end], start, end)

    def put(self, text: bytes, start: int, end: int) -> None:
        """Take `text`, which stands for the parent's text from `start` to `end`.

        `start` must not be before the end of what was taken last. An empty text claims nothing yet.
        """
        if not text:
            return
        rows = self._rows
        if rows and start == rows[-1] == self._claimed and start - rows[-2] == self._size - rows[-4]:
            rows[-1] = end  # it goes on where the last piece ends
        else:
            rows.extend((self._size, self._claimed, start, end))
        self._claimed = end
        self._parts.append(text)
        self._size += len(text)

    def stamp(self, seconds: float) -> None:
        """Say when the text that is taken next was written."""
        self._times.append(seconds)
        self._stamped.append(self._size)

    def transcript(self, *, wrapping: str | None = None, resolution: float = 0.0) -> Transcript:
        """The text that was kept.

        Parameters
        ----------
        wrapping
            The name of what was taken away.
        resolution
            Seconds between two times that the stamps can tell apart.
        """
        rows = np.array(self._rows, dtype=np.int64).reshape(-1, 4)
        if len(rows):
            rows[-1, 3] = len(self._parent.data)
        stamps = None
        if self._times:
            stamps = Stamps(np.array(self._stamped, np.int64), np.array(self._times), resolution)
        return self._parent.derive(b"".join(self._parts), rows, stamps=stamps, wrapping=wrapping)
