"""Reading a log while it is written: chunks in, steps out as they complete, in bounded memory.

A :class:`Feed` gathers chunks until there is enough to be worth a look, parses what it has like any log, and
lets go of it but for what the format says it has to see again to go on (:class:`.format.Carried`): the first
lines of the steps that have not ended, the end of their output, and the builder's own lines that tell builds
and stages apart. So each byte is parsed about once, and memory depends neither on the log's size nor on that
of any one step.

What is carried over are whole lines of the log, as they came, so that what is wrapped is unwrapped again.
"""

from __future__ import annotations

import codecs
from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate, chain, pairwise
from operator import itemgetter
from typing import NamedTuple

from logparse.model import Build, Builder, Log, Span, Step, Transcript
from logparse.parser import formats_of, read_texts
from logparse.parser.format import Carried, Format, one_at_a_time
from logparse.parser.wrappings.powershell import first_record
from logparse.text import UTF16_MARKS

__all__ = ["Fed", "Feed", "follow"]

_WINDOW = 8 << 20
"""Bytes that are gathered before they are parsed."""
_LOOKED_AT = 1 << 18
"""Bytes that are looked at again and again at most, when they come one by one."""
_KEPT = 1 << 18
"""Bytes of output that are kept of a step that goes on."""
_LEAST_KEPT = 1 << 14
"""The same where many steps go on at once, and what is kept of a text in which no build has begun."""
_MANY = 4
_LONGEST_LINE = 8 << 20
"""Bytes of a line without an end after which it is parsed like a whole one."""
_LONGEST_HEAD = 1 << 20
_LONGEST_OBJECT = 1 << 18
"""Bytes in which the other end of a line, or of an object of JSON over several lines, is looked for."""
_LONGEST_FRAME = 1 << 14
"""The same for the beginning of a terminal's frame."""
_BEGINNING = 1 << 10
"""Bytes of a log in which its first frame is looked for."""
_TOLD = 1 << 16
"""Steps of a build that are remembered to have been told of."""


class Fed(NamedTuple):
    """A step that has ended.

    Parameters
    ----------
    build
        0-based number of its build among those of the log.
    step
        The step. Its text is that of a window of the log, in which the middle of a long output may be
        missing; so are its spans.
    start, end
        Where it is in the whole log, in bytes; of a log in UTF-16, of its text in UTF-8.
    elided
        Bytes of its output that were let go.
    """

    build: int
    step: Step
    start: int
    end: int
    elided: int


@dataclass(slots=True, eq=False)
class _Known:
    """What is remembered of a build that may go on.

    Parameters
    ----------
    index
        Its number among those of the log.
    whole
        Whether nothing of it was let go.
    told
        The steps that were told of.
    stages
        Numbers of its stages, where they are numbered as they appear, as far as they were told of.
    first
        Number, stage and stage's name of the first step that was carried over.
    target
        The name of the target that all steps have.
    elided
        Bytes of output that were let go, of steps that go on.
    names
        The most that was seen of names that a terminal cuts.
    """

    index: int
    whole: bool = True
    told: dict[Hashable, None] = field(default_factory=dict)
    stages: dict[tuple[str | None, ...], int] = field(default_factory=dict)
    first: tuple[int, int, str | None] | None = None
    target: str | None = None
    elided: dict[Hashable, int] = field(default_factory=dict)
    names: dict[Hashable, str] = field(default_factory=dict)


class _Part(NamedTuple):
    """A stretch of the log: where it begins, its size, and the build it was carried over for, if it was."""

    place: int
    size: int
    owner: _Known | None


class Feed:
    r"""A parser that is fed a log piece by piece.

    Parameters
    ----------
    builder
        Who writes the log, if that is known better than detected: see :func:`logparse.parse`.
    window
        Bytes that are gathered before they are parsed. Memory is some 20 times as many.

    Notes
    -----
    A step is told of once the log can say nothing more about it that counts: a ``FROM`` of BuildKit's, which
    may go on later, once a step that is built on it has ended; one that failed once the builder has said why
    the build stopped; one on a terminal without colours at the build's end.

    Pulls, messages and :attr:`~logparse.model.Step.timing`'s ``started`` need the whole log and are not
    given once part of their build was let go. :attr:`last` is the build that was seen last, with its closing
    words and the end of the failing step's output: enough for :func:`logparse.diagnose`.

    Builds that ran at once and wrote without names are told of at the log's end, since more of the log can
    change what was guessed of them; what was told before the second one began may be told again.

    A line longer than 8 MB is cut there, and with it what it says if it is JSON. A bundle is one compressed
    piece and cannot be fed.

    Examples
    --------
    >>> feed = Feed()
    >>> log = b"Step 1/1 : FROM a\n ---> 0123456789ab\nSuccessfully built 0123456789ab\n"
    >>> [*feed.feed(log), *feed.close()][0].step.text
    'FROM a'
    >>> feed.last.outcome
    <Outcome.SUCCEEDED: 'succeeded'>
    """

    def __init__(self, *, builder: str | None = None, window: int = _WINDOW) -> None:
        self._formats = tuple(replace(each, read=partial(self._note, each)) for each in formats_of(builder))
        self._format_of: dict[int, Format] = {}
        self._window = window
        self._decoder = _Decoder()
        # What has come and was not looked at, whether there is a line's end in it, and its size.
        self._fresh: list[bytes] = []
        self._has_line = False
        self._fresh_size = 0
        # What was seen and is needed again, which parts of the log that is, and how much was carried over.
        self._seen = b""
        self._parts: list[_Part] = []
        self._carried = 0
        self._received = 0
        self._starts: dict[int, _Known] = {}
        """Builds in parts that were not carried over for one, by their places."""
        self._record = b""
        self._count = 0
        self._last = 0
        self._feeds = 0
        self._ends_line = False
        self.last: Build | None = None

    def feed(self, chunk: bytes) -> list[Fed]:
        """Take the next bytes of the log.

        Returns
        -------
        list of Fed
            The steps that are now known to have ended, mostly none.
        """
        self._take(self._decoder.decode(chunk))
        return self._read(let_go=True) if self._is_enough(self._window) else []

    def look(self) -> list[Fed]:
        """Parse what there is, be it little: worth it when nothing more comes for a while.

        Returns
        -------
        list of Fed
            As of :meth:`feed`.
        """
        if not self._has_line:
            return []
        return self._read(let_go=self._is_enough(min(self._window, _LOOKED_AT)))

    def close(self) -> list[Fed]:
        """Tell that the log has ended.

        Returns
        -------
        list of Fed
            All steps that were not told of before, ended or not.
        """
        self._take(self._decoder.decode(b"", final=True))
        return self._read(final=True)

    @property
    def line(self) -> int:
        """The 1-based number of the line at which what was fed ends."""
        return self._feeds + (not self._ends_line)

    def _take(self, chunk: bytes) -> None:
        if chunk:
            self._feeds += chunk.count(b"\n")
            self._ends_line = chunk.endswith(b"\n")
            self._fresh.append(chunk)
            self._fresh_size += len(chunk)
            self._has_line = self._has_line or b"\n" in chunk

    def _is_enough(self, window: int) -> bool:
        """Whether enough is new, besides what was carried over, to be parsed and let go of."""
        new = self._fresh_size + len(self._seen) - self._carried
        return new >= max(window, self._carried) and (self._has_line or self._fresh_size >= _LONGEST_LINE)

    def _next(self, *, final: bool, let_go: bool) -> _Window:
        """All there is, but for a line that may not be whole yet, or for a frame before all is let go."""
        rest = b""
        if not final:
            # Only as much of the end is looked at as a line, or an object of JSON, can take.
            index, size, has_line = len(self._fresh), 0, False
            while index and not (has_line and size >= _LONGEST_OBJECT):
                index -= 1
                size += len(self._fresh[index])
                has_line = has_line or b"\n" in self._fresh[index]
            last = b"".join(self._fresh[index:])
            end = _end_of_lines(last, of_frames=let_go and self._draws(last))
            self._fresh[index:] = [last[:end]]
            rest = last[end:]
        fresh = _Part(self._received, sum(map(len, self._fresh)), None)
        self._received += fresh.size
        window = _Window([*self._parts, fresh], b"".join([self._seen, *self._fresh]), self._record)
        self._fresh, self._fresh_size, self._has_line = [rest], len(rest), b"\n" in rest
        return window

    def _draws(self, data: bytes) -> bool:
        """Whether it is a terminal that is captured, to go by what was read last, or else by the data."""
        if self._format_of:
            return any(form.name == "buildkit-tty" for form in self._format_of.values())
        return b"[+] " in data[:_BEGINNING]

    def _note(self, form: Format, transcript: Transcript) -> list[Build]:
        """Read a text, and remember in which format it was."""
        builds = form.read(transcript)
        for build in builds:
            self._format_of[id(build.tape)] = form
        return builds

    def _read(self, *, final: bool = False, let_go: bool = False) -> list[Fed]:
        """Parse what there is, and let go of it."""
        window = self._next(final=final, let_go=let_go)
        self._format_of.clear()
        texts = [
            [build for build in text if build.builder is not Builder.NONE]
            for text in read_texts(Log(data=window.data), self._formats)
        ]
        lasts = {id(text[-1]) for text in texts if text}
        lasts |= {id(build) for text in texts for build in text if build.at_once}
        found: list[Fed] = []
        kept: list[tuple[Span, _Known | None]] = []
        starts: dict[int, _Known] = {}
        builds = sorted(((window.start(build), build) for build in chain(*texts)), key=itemgetter(0))
        for start, build in builds:
            place = window.place(start)
            known = window.owner(start) or self._starts.get(place)
            if known is None or known in starts.values():
                known = _Known(self._count)
                self._count += 1
            starts[place] = known
            if known.index >= self._last:
                self.last, self._last = build, known.index
            steps = _Steps(build, self._format_of[id(build.tape)], known)
            if final or id(build) not in lasts:
                found += [steps.fed(window, index) for index in steps.new()]
                continue
            carried = steps.form.carry(build)
            if not carried.heads:
                carried = one_at_a_time(build)
            # Whose steps are whose may look otherwise once more is known.
            waiting = range(len(build.steps)) if build.at_once and not let_go else carried.going_on
            found += [steps.fed(window, index) for index in steps.new(waiting)]
            if let_go:
                kept += ((span, known) for span in window.lines(build.transcript, steps.let_go(carried)))
        self._starts = {} if let_go else starts
        if not let_go:
            self._seen, self._parts = window.data[window.begin :], window.parts
            return found
        if not kept:
            # Whose build this is, is not known yet or not any more.
            kept = [*window.owned(), (Span(max(window.begin, window.size - _LEAST_KEPT), window.size), None)]
        self._record = self._record or _record(window, self.last)
        parts = [part for span, owner in kept for part in window.cut(span, owner)]
        parts.sort(key=lambda each: each[0].place)
        self._parts = [part for part, _ in parts]
        self._seen = b"".join(window.data[slice(*span)] for _, span in parts)
        self._carried = len(self._seen)
        return found


class _Decoder:
    """Makes UTF-8 of a log in UTF-16, which a byte order mark at its beginning tells."""

    def __init__(self) -> None:
        self._begun = b""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._decided = False

    def decode(self, chunk: bytes, *, final: bool = False) -> bytes:
        if not self._decided:
            chunk = self._begun + chunk
            if len(chunk) < len(UTF16_MARKS[0]) and not final:
                self._begun = chunk
                return b""
            self._decided = True
            if chunk.startswith(UTF16_MARKS):
                self._decoder = codecs.getincrementaldecoder("utf-16")("replace")
        return chunk if self._decoder is None else self._decoder.decode(chunk, final).encode()


class _Steps:
    """The steps of a build as they look in a window, made what they are in the whole log."""

    def __init__(self, build: Build, form: Format, known: _Known) -> None:
        self.build = build
        self.form = form
        self._known = known
        self._number()
        digests = build.facts.get("steps", ())
        self._keys = [
            self._key(step, digests[index] if index < len(digests) else None)
            for index, step in enumerate(build.steps)
        ]

    def _number(self) -> None:
        """Give the steps the numbers of their stages in the whole build, and kaniko's their own."""
        steps, known = self.build.steps, self._known
        targets = {step.target for step in steps}
        if known.whole:
            # Version 1 of Compose says whose build it is once, at its beginning.
            known.target = targets.pop() if len(targets) == 1 else None
        for step in steps:
            step.target = step.target or known.target
        if self.build.builder is Builder.BUILDKIT:
            stages = known.stages.copy()
            for step in steps:
                step.stage = stages.setdefault(_stage(step), len(stages))
        elif known.first is not None and steps:
            number, stage, name = known.first
            began = steps[0].stage
            by = number - steps[0].number if self.build.builder is Builder.KANIKO else 0
            for step in steps:
                # Before the window's first FROM, the stage that the window began in goes on.
                step.stage_name = name if step.stage == began else step.stage_name
                step.stage += stage - began
                step.number += by
        if not known.whole:
            for step in steps:
                if step.timing.started is not None:
                    step.timing = replace(step.timing, started=None)

    def _key(self, step: Step, digest: str | None) -> Hashable:
        """What tells a step from all others of its build."""
        if self.build.at_once:
            # Under that number another build's may have been told of, before the second one was known.
            return (step.platform, step.stage_name, step.number, step.text)
        if self.build.builder is not Builder.BUILDKIT:
            return (step.platform, step.stage, step.number)
        if digest is not None:
            return digest
        # On a terminal, only the last words of a build may tell a vertex' number.
        vertex = None if self.form.name == "buildkit-tty" else step.vertex
        return (vertex, step.target, step.platform, step.stage_name, step.number)

    def new(self, going_on: Iterable[int] = ()) -> Iterator[int]:
        """The steps to be told of: all that were not told of and do not go on."""
        told, waiting = self._known.told, frozenset(going_on)
        settled = 0
        for index, key in enumerate(self._keys):
            if key in told:
                told[key] = told.pop(key)  # those that are not seen any more are forgotten first
            elif index not in waiting:
                told[key] = None
                settled = index + 1
                yield index
        for step in self.build.steps[:settled]:
            self._known.stages.setdefault(_stage(step), step.stage)
        while len(told) > max(_TOLD, len(self._keys)):
            del told[next(iter(told))]

    def fed(self, window: _Window, index: int) -> Fed:
        """What is told of a step."""
        step, key = self.build.steps[index], self._keys[index]
        name = self._known.names.pop(key, "")
        if name.startswith(step.arguments):
            step.arguments = name  # a terminal cuts it, and did not do so as early before
        place = self.build.transcript.place
        start = place(step.start)
        end = max(place(max(step.end - 1, step.start)) + 1, start + 1)
        elided = self._known.elided.pop(key, 0)
        return Fed(self._known.index, step, window.place(start), window.place(end - 1) + 1, elided)

    def let_go(self, carried: Carried) -> list[Span]:
        """Say what to keep of the text when the window goes, and remember what is lost."""
        known, steps, transcript = self._known, self.build.steps, self.build.transcript
        most = max(_KEPT * _MANY // max(len(carried.tails), _MANY), _LEAST_KEPT)
        spans = [span for tail in carried.tails for span in _last(transcript, tail, most)]
        kept = sorted(chain(carried.heads, spans))
        known.whole = False
        for index in carried.going_on:
            step, key = steps[index], self._keys[index]
            known.elided[key] = known.elided.get(key, 0) + _size_outside(step.outputs, kept)
            if step.arguments.startswith(known.names.get(key, "")):
                known.names[key] = step.arguments
        begins = {span.start for span in kept}
        first = next((step for step in steps if step.start in begins), None)
        if first is not None:
            known.first = (first.number, first.stage, first.stage_name)
        return kept


def _stage(step: Step) -> tuple[str | None, ...]:
    return (step.target, step.platform, step.stage_name)


class _Window:
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

    def __init__(self, parts: list[_Part], data: bytes, record: bytes) -> None:
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

    def owner(self, offset: int) -> _Known | None:
        """The build for which what is at an offset was carried over."""
        return self.parts[self._index(offset)].owner

    def owned(self) -> Iterator[tuple[Span, _Known | None]]:
        """What was carried over for builds."""
        for part, (start, end) in zip(self.parts, pairwise(self._offsets), strict=True):
            if part.owner is not None:
                yield Span(start, end), part.owner

    def cut(self, span: Span, owner: _Known | None) -> Iterator[tuple[_Part, Span]]:
        """The parts of the window that are in a span."""
        start, end = max(span.start, self.begin), span.end
        index = self._index(start)
        while start < end:
            stop = min(end, self._offsets[index + 1])
            if stop > start:
                yield _Part(self.place(start), stop - start, owner), Span(start, stop)
            start, index = stop, index + 1

    def start(self, build: Build) -> int:
        """Where in the window a build begins."""
        first = build.tape.element(build.first).start
        return next((raw.start for raw in build.transcript.stretches(first, first + 1)), 0)

    def lines(self, transcript: Transcript, spans: Iterable[Span]) -> list[Span]:
        """Whole lines of the window in which some spans of a text are."""
        merged: list[Span] = []
        for start, end in sorted(self._whole(*raw) for span in spans for raw in _raw(transcript, span)):
            if merged and start <= merged[-1].end:
                merged[-1] = Span(merged[-1].start, max(end, merged[-1].end))
            else:
                merged.append(Span(start, end))
        return merged

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


def _record(window: _Window, build: Build | None) -> bytes:
    """What PowerShell put before a build, and tells how wide it made the lines of it."""
    if build is None or "powershell" not in build.transcript.wrappings:
        return b""
    span = first_record(window.data)
    return b"" if span is None else window.data[slice(*span)]


def _last(transcript: Transcript, spans: Sequence[Span], most: int) -> Iterator[Span]:
    """The last of `spans`, together no longer than `most`, from a line's start on."""
    for start, end in reversed(spans):
        if most <= 0:
            return
        begin = max(start, end - most)
        if begin > start:
            begin = transcript.data.find(b"\n", begin - 1, min(end, begin + most // 2)) + 1 or begin
        yield Span(begin, end)
        most -= end - begin


def _size_outside(spans: Sequence[Span], others: Sequence[Span]) -> int:
    """Bytes of `spans` that are in none of `others`. Both ascend, and do not overlap among themselves."""
    size = index = 0
    for start, end in spans:
        size += end - start
        while index < len(others) and others[index].end <= start:
            index += 1
        for other in others[index:]:
            if other.start >= end:
                break
            size -= min(end, other.end) - max(start, other.start)
    return size


def _end_of_lines(data: bytes, *, of_frames: bool) -> int:
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


def follow(chunks: Iterable[bytes], *, builder: str | None = None, window: int = _WINDOW) -> Iterator[Fed]:
    """The steps of a log that comes in `chunks`, as they end.

    Parameters
    ----------
    chunks
        Bytes in any portions: an open pipe's reads, a growing file's.
    builder, window
        See :class:`Feed`.

    Yields
    ------
    Fed
        At the end of the chunks, those that did not end, too.
    """
    feed = Feed(builder=builder, window=window)
    for chunk in chunks:
        yield from feed.feed(chunk)
    yield from feed.close()
