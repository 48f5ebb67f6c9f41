"""Reading a log while it is written: chunks in, steps out as they complete, in bounded memory.

A :class:`Feed` gathers chunks until there is enough to be worth a look, parses what it has like any log, and
lets go of it but for what the format says it has to see again to go on (:class:`.format.Carried`): the first
lines of the steps that have not ended, the end of their output, and the builder's own lines that tell builds
and stages apart, which are all of them where builds run at once. So each byte is parsed about once, and
memory depends neither on the log's size nor on that of any one step.

What is carried over are whole lines of the log, as they came, so that what is wrapped is unwrapped again.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from operator import itemgetter

from logparse.model import Build, Builder, Log, Span, Transcript
from logparse.parser import formats_of, read_texts
from logparse.parser.feed.known import Fed, Known
from logparse.parser.feed.steps import Steps, said
from logparse.parser.feed.window import Part, Window, end_of_lines, record
from logparse.parser.format import Format, one_at_a_time
from logparse.text import UTF16_MARKS

__all__ = ["Fed", "Feed", "follow"]

_WINDOW = 8 << 20
"""Bytes that are gathered before they are parsed."""
_LOOKED_AT = 1 << 18
"""Bytes that are looked at again and again at most, when they come one by one."""
_LEAST_KEPT = 1 << 14
"""Bytes that are kept of a text in which no build has begun."""
_LONGEST_LINE = 8 << 20
"""Bytes of a line without an end after which it is parsed like a whole one."""
_LONGEST_OBJECT = 1 << 18
"""Bytes of the end that are looked at for the end of a line or object."""
_BEGINNING = 1 << 10
"""Bytes of a log in which its first frame is looked for."""


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

    Builds that ran at once and wrote without names are told of when part of them is let go, or at the log's
    end, since more of the log can change what was guessed of them; what was told before may be told again.

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
        self._decoder = Decoder()
        # What has come and was not looked at, whether there is a line's end in it, and its size.
        self._fresh: list[bytes] = []
        self._has_line = False
        self._fresh_size = 0
        # What was seen and is needed again, which parts of the log that is, and how much was carried over.
        self._seen = b""
        self._parts: list[Part] = []
        self._carried = 0
        self._received = 0
        self._starts: dict[int, Known] = {}
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

    def _next(self, *, final: bool, let_go: bool) -> Window:
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
            end = end_of_lines(last, of_frames=let_go and self._draws(last))
            self._fresh[index:] = [last[:end]]
            rest = last[end:]
        fresh = Part(self._received, sum(map(len, self._fresh)), None)
        self._received += fresh.size
        window = Window([*self._parts, fresh], b"".join([self._seen, *self._fresh]), self._record)
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
        kept: list[tuple[Span, Known | None]] = []
        starts: dict[int, Known] = {}
        builds = sorted(((window.start(build), build) for build in chain(*texts)), key=itemgetter(0))
        for (start, build), known in zip(builds, self._whose(window, builds), strict=True):
            starts[window.place(start)] = known
            if known.index >= self._last:
                self.last, self._last = build, known.index
            steps = Steps(build, self._format_of[id(build.tape)], known)
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
                if build.at_once:
                    carried = carried._replace(heads=[*carried.heads, *said(build)])
                kept += ((span, known) for span in window.lines(build.transcript, steps.let_go(carried)))
        self._starts = {} if let_go else starts
        if not let_go:
            self._seen, self._parts = window.data[window.begin :], window.parts
            return found
        if not kept:
            # Whose build this is, is not known yet or not any more.
            kept = [*window.owned(), (Span(max(window.begin, window.size - _LEAST_KEPT), window.size), None)]
        self._record = self._record or record(window, self.last)
        parts = [part for span, owner in kept for part in window.cut(span, owner)]
        parts.sort(key=lambda each: each[0].place)
        self._parts = [part for part, _ in parts]
        self._seen = b"".join(window.data[slice(*span)] for _, span in parts)
        self._carried = len(self._seen)
        return found

    def _whose(self, window: Window, builds: Sequence[tuple[int, Build]]) -> list[Known]:
        """What is known of each of some builds, given with where they start in the window."""
        claims: list[tuple[int, int, Known]] = []
        for index, (start, build) in enumerate(builds):
            known = self._starts.get(window.place(start))
            if build.at_once:
                # Whose line is the first may look otherwise now than it did before.
                claims += ((size, index, each) for each, size in window.shares(build).items())
            else:
                known = window.owner(start) or known
            if known is not None:
                claims.append((0 if build.at_once else window.size, index, known))
        found: dict[int, Known] = {}
        for _, index, known in sorted(claims, key=lambda each: (-each[0], each[1])):
            if index not in found and known not in found.values():
                found[index] = known
        for index in range(len(builds)):
            if index not in found:
                found[index] = Known(self._count)
                self._count += 1
        return [found[index] for index in range(len(builds))]


class Decoder:
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
