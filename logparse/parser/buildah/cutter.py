"""The structural pass: between two headers of steps, where a program's output ends.

Behind the header of a RUN a program speaks, and no line tells where it ends but what buildah says next. What
that can be depends on what follows: before another header it is the image of the step and little else, so
the end is found from behind; at the end of a stage or a log it is the commit or the failure. Where no program
speaks, line after line is taken for what it is.
"""

from __future__ import annotations

from bisect import bisect_left

from logparse.model import Kind, Tape
from logparse.parser.buildah.chain import Header, Key, builds_of, says
from logparse.parser.buildah.markers import (
    ABOVE,
    AFTER_COMMIT,
    BULLETS,
    COMMIT,
    COPYING_BLOCK,
    DONE,
    ENDING,
    ERROR_WORDS,
    EXITED,
    FROM,
    KNOWN,
    LEADING,
    LINE,
    LOGRUS,
    OLD_COMMIT,
    OLD_COUNTER,
    SIGNATURES,
    STRICT_FAILURE,
)

__all__ = ["Cutter"]

# Bytes of a report of copied blobs that are looked at.
_LOOKED_BACK = 1 << 16

# Bytes of a line in which words glued to its end are looked for.
_LONGEST_LINE = 1 << 12

# Bytes of an instruction that a failure repeats, over several lines if it has them.
_LONGEST_QUOTE = 1 << 14

# How many look-alikes of an end are examined, and how many lines of buildah's own before one.
_COMPARED = 64
_COMPLAINTS = 16

_MERGED = frozenset(
    {Kind.UNKNOWN, Kind.BLANK, Kind.CONTEXT, Kind.PULL, Kind.PROGRESS, Kind.PUSH, Kind.OUTPUT, Kind.FAILURE}
)


_KINDS: dict[str | None, Kind] = {
    kind.name: kind for kind in (Kind.CACHED, Kind.IMAGE, Kind.WARNING, Kind.ERROR, Kind.NOTE, Kind.BLANK)
}
"""Lines that are what they are wherever they stand, by their names in :data:`~.markers.LINE`."""

_FETCHES = (b"Trying to pull ", b'Resolved "', b'Resolving "')


class Cutter:
    """Cuts a log into elements and builds.

    Parameters
    ----------
    data
        Any bytes.

    Attributes
    ----------
    tape : Tape
        All elements, once :meth:`cut` is done.
    builds : list of int
        The index of each build's first element; the first build's is 0.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.tape = Tape()
        self.builds = [0]
        self._failures: list[int] = []
        # What copied blobs belong to: a pull, then the commit, then a push.
        self._copied = Kind.PULL
        # Whether steps were seen, whether the build at hand has come to its end, whether another has begun.
        self._started = self._over = self._begun = False
        # Whether a program of another stage may be speaking, and whether no step of the build follows.
        self._shared = self._last = False

    def cut(self) -> None:
        """Cut the whole log."""
        chain = builds_of(self.data)
        self._failures = chain.failures
        headers = [header for headers in chain.builds for header in headers]
        starts = [header.start for header in headers] + [self.size]
        firsts = {headers[0].start for headers in chain.builds}
        running: dict[Key, Header] = {}
        # In a log that begins in the middle of a build, a program's words may come first.
        self._shared = bool(headers) and headers[0].number > 1
        self._lines(starts[0])
        for header, end in zip(headers, starts[1:], strict=True):
            if header.start in firsts:
                running.clear()
                if self._started and not self._begun:
                    self.builds.append(len(self.tape))
            running.pop(header.key, None)
            self._shared = bool(running) and header.start in chain.shared
            if header.runs:
                running[header.key] = header
            self._started, self._over, self._begun = True, False, False
            # Of a step that needs no image, the blobs are those of its stage, which is committed.
            self._copied = Kind.PULL if header.instruction == FROM else Kind.PROGRESS
            self._last = end == self.size or end in firsts
            self.tape.add(Kind.HEADER, header.end)
            if header.runs:
                self._program(header, end)
            self._lines(end)

    # -- elements -------------------------------------------------------------------------------------

    def _add(self, kind: Kind, end: int) -> None:
        """Add an element, or let the one before it grow if it is of the same kind and build."""
        kinds, ends = self.tape.kinds, self.tape.ends
        if kind in _MERGED and len(kinds) > self.builds[-1] and kinds[-1] == kind:
            ends[-1] = max(end, ends[-1])
        else:
            self.tape.add(kind, end)

    def _lines(self, end: int) -> None:
        """Cut lines that no program printed."""
        data, read = self.data, LINE.match
        kinds, ends = self.tape.kinds, self.tape.ends
        position = self.tape.end
        while position < end:
            match = read(data, position, end)
            name = match.lastgroup if match is not None else None
            kind = _KINDS.get(name) or self._kind(name, position)
            if match is None or kind is None:
                # A line feed belongs to the line before it.
                known = KNOWN.search(data, position, end)
                position = known.start() + 1 if known is not None else end
                self._add(Kind.OUTPUT if self._shared else Kind.UNKNOWN, position)
                continue
            position = match.end()
            if kind is Kind.FAILURE:
                position = self._failure_end(match.start(), position, end)
            if kind in _MERGED and len(kinds) > self.builds[-1] and kinds[-1] == kind:
                ends[-1] = position
            else:
                kinds.append(kind)
                ends.append(position)

    def _kind(self, name: str | None, start: int) -> Kind | None:
        """What a line is whose kind depends on what was before; ``None`` if it is none of buildah's."""
        match name:
            case "COPYING":
                if self.data.startswith(_FETCHES, start):
                    self._copied = Kind.PULL
                return self._copied
            case "STRICT":
                self._end()
                return Kind.FAILURE
            case "LOOSE":
                if not self._started or self._over or self._shared:
                    return None
                self._over = not self.data.startswith((b"subprocess ", b"container "), start)
                return Kind.FAILURE
            case "CONTEXT" | "BANNER":
                if self._over and not self._begun:
                    self._begun = True
                    self._copied = Kind.PULL
                    self.builds.append(len(self.tape))
                return Kind.CONTEXT if name == "CONTEXT" else Kind.WARNING
            case "VERTEX":
                self._copied = Kind.PROGRESS
                return Kind.VERTEX
            case "RESULT" | "TAG":
                self._copied = Kind.PUSH
                self._end()
                return Kind[name]
        return None

    def _end(self) -> None:
        """Take note of a result or a failure: if no step follows, no program speaks any more."""
        self._over = True
        self._shared = self._shared and not self._last

    def _failure_end(self, start: int, stop: int, end: int) -> int:
        """Where a failure ends whose first line goes from `start` to `stop`."""
        data = self.data
        quote = data.find(b'building at STEP "', start, stop)
        if quote >= 0 and data.find(b'": ', quote, stop) < 0:
            closing = data.find(b'": ', stop, min(end, stop + _LONGEST_QUOTE))
            if closing >= 0:
                stop = data.find(b"\n", closing, end) + 1 or end
        bullets = BULLETS.match(data, stop, end)
        return bullets.end() if bullets is not None else stop

    # -- what programs print --------------------------------------------------------------------------

    def _program(self, header: Header, end: int) -> None:
        """Cut what a RUN's program printed."""
        while leading := LEADING.match(self.data, self.tape.end, end):
            if leading["cached"]:
                return
            self._lines(self.data.find(b"\n", self.tape.end, end) + 1 or end)
            block = COPYING_BLOCK.match(self.data, self.tape.end, end) if leading["pull"] else None
            if block is not None:
                self._lines(block.end())
        self._copied = Kind.PROGRESS
        position = self.tape.end
        stop = self._commit(header, position, end) if header.may_be_last else -1
        if stop < 0 and self._last:
            stop = self._failure(header, position, end)
            self._shared = self._shared and stop < 0
        if stop < 0:
            stop = self._image(position, end)
        self._add(Kind.OUTPUT, self._complaints(position, stop))

    def _line(self, position: int, stop: int) -> int:
        """Where the line begins that ends at `stop`, or the part of it that is looked at."""
        first = max(position, stop - 1 - _LONGEST_LINE)
        feed = self.data.rfind(b"\n", first, stop - 1)
        return feed + 1 if feed >= 0 else first

    def _image(self, position: int, end: int) -> int:
        """Where the lines about a step's image begin that stand before `end`, or `end`."""
        data, stop = self.data, end
        while stop > position:
            line = self._line(position, stop)
            arrow = data.rfind(b"--> ", line, stop)
            if arrow < 0:
                break
            if DONE.match(data, arrow, stop) is not None:
                stop = arrow
                if arrow > line:
                    return stop
            elif arrow == line and ENDING.match(data, line, stop) is not None:
                stop = line
            else:
                break
        if stop < end:
            report = data.rfind(SIGNATURES, max(position, stop - _LOOKED_BACK), stop)
            block = COPYING_BLOCK.match(data, report, stop) if report >= 0 else None
            if block is not None and block.end() == stop:
                return report
        return stop

    def _commit(self, header: Header, position: int, end: int) -> int:
        """Where the commit of the last stage begins, -1 if nowhere."""
        data, place = self.data, end
        for _ in range(_COMPARED):
            place = data.rfind(OLD_COMMIT, position, place)
            if place < 0:
                break
            match = COMMIT.match(data, place, end)
            if match is None or AFTER_COMMIT.match(data, match.end()) is None:
                continue
            above = max(position, place - ABOVE)
            if header.prefix:
                if data.endswith(header.prefix, above, place):
                    return place - len(header.prefix)
                continue
            counter = OLD_COUNTER.search(data, above, place)
            return counter.start() if counter is not None else place
        return -1

    def _failure(self, header: Header, position: int, end: int) -> int:
        """Where the builder's closing words begin, -1 if there are none."""
        data = self.data
        first, beyond = bisect_left(self._failures, position), bisect_left(self._failures, end)
        near = self._failures[max(first, beyond - _COMPARED) : beyond]
        if not near:
            strict = STRICT_FAILURE.search(data, max(position - 1, 0), end)
            return max(strict.start("failure"), position) if strict is not None else -1
        place = max(reversed(near), key=lambda each: says(data, each, header))
        line = self._line(position, place + 1)
        words = ERROR_WORDS.search(data, line, place)
        start = words.start() if words is not None else line
        for _ in range(_COMPARED):
            exited = EXITED.search(data, max(position, start - ABOVE), start)
            if exited is None:
                break
            start = exited.start()
        return start

    def _complaints(self, position: int, stop: int) -> int:
        """Where lines of buildah's own log begin that stand before `stop`, or `stop`."""
        for _ in range(_COMPLAINTS):
            if stop <= position or not self.data.endswith(b"\n", position, stop):
                break
            line = self._line(position, stop)
            if LOGRUS.match(self.data, line, stop) is None:
                break
            stop = line
        return stop
