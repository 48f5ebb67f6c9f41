"""The structural pass: line after line of kaniko's log, and between them what programs print.

A program speaks from ``Running: [...]`` on, or ``args: [...]`` in older versions, until kaniko says what only
kaniko says: that it takes a snapshot, what it does next, that it failed. Layers are pushed to the cache
meanwhile, so lines about that may stand anywhere in a program's output.
"""

from __future__ import annotations

from bisect import bisect_left

from logparse.model import Kind, Tape
from logparse.parser.kaniko.markers import (
    COLOUR,
    GLUED_CLOSING,
    IN_PROGRAM,
    LEAD,
    MESSAGE,
    NEXT,
    PLAIN_LINE,
    RETRIEVED,
    UNPACKS,
    Form,
    Line,
    read_line,
    said,
)

__all__ = ["Cutter"]

_MERGED = frozenset({Kind.UNKNOWN, Kind.BLANK, Kind.PULL, Kind.OUTPUT, Kind.NOTE, Kind.PROGRESS, Kind.VERTEX})
_BY_LEVEL = {
    b"WARN": Kind.WARNING,
    b"ERRO": Kind.ERROR,
    b"FATA": Kind.FAILURE,
    b"PANI": Kind.FAILURE,
    b"DEBU": Kind.NOTE,
    b"TRAC": Kind.NOTE,
}
# What may stand between the line about a stage's base image and the one that says that it is unpacked.
_BEFORE_STAGE = frozenset({Kind.TRIGGERS, Kind.NOTE, Kind.BLANK, Kind.WARNING})
_STARTS = (b"Retrieving image manifest ", b"Resolved base name ", b"Downloading base image ")

# Bytes before a message in which what belongs to it is looked for.
_LONGEST_LEAD = 512

# Bytes of a heredoc that are part of a header.
_LONGEST_HEADER = 1 << 16


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
        self._closings = [match.start() for match in GLUED_CLOSING.finditer(data)]
        # Seconds since kaniko's start that were printed last, where it does print these.
        self._clock = -1
        # Whether kaniko has said anything at all.
        self._spoke = False
        # Whether a RUN's header was the last one, whether the build has come to its end, and to a bad one.
        self._runs = self._over = self._failed = False
        # Names under which layers are pushed to the cache.
        self._caches: set[str] = set()

    def cut(self) -> None:
        """Cut the whole log."""
        position = 0
        while position < self.size:
            line = read_line(self.data, position, self.size)
            position = self._plain(position) if line is None else self._stamped(line)
        self.tape.add(Kind.UNKNOWN, self.size)

    def _add(self, kind: Kind, end: int) -> int:
        """Add an element, or let the one before it grow if it is of the same kind and build."""
        tape = self.tape
        if kind in _MERGED and len(tape) > self.builds[-1] and tape.kinds[-1] == kind:
            tape.ends[-1] = end
        else:
            tape.add(kind, end)
        return end

    def _begin(self) -> None:
        """Let another build begin with the next element."""
        self.builds.append(len(self.tape))
        self._clock = -1
        self._runs = self._over = self._failed = False
        self._caches.clear()

    # -- lines without a stamp ------------------------------------------------------------------------

    def _plain(self, position: int) -> int:
        """Cut lines that kaniko did not stamp."""
        match = PLAIN_LINE.match(self.data, position)
        if match is None:
            known = NEXT.search(self.data, position)
            # A line feed belongs to the line before it.
            return self._add(Kind.UNKNOWN, known.start() + 1 if known is not None else self.size)
        kind = Kind[match.lastgroup or "UNKNOWN"]
        if kind is Kind.FAILURE:
            self._head(output=self.data.find(b"waiting for process", position, match.end()) >= 0)
            kind = Kind.NOTE if self._failed else kind
            self._over, self._failed, self._runs = True, True, False
        return self._add(kind, match.end())

    def _head(self, *, output: bool) -> None:
        """Take what stands before the first of kaniko's lines for a program's `output`, if it is that."""
        if output and not self._spoke:
            kinds = self.tape.kinds
            kinds[:] = bytes([Kind.OUTPUT]) * len(kinds)
        self._spoke = True

    # -- lines with a stamp ---------------------------------------------------------------------------

    def _stamped(self, line: Line) -> int:
        """Cut a line of kaniko's log, and the output behind it."""
        data = self.data
        message = MESSAGE.match(data, line.message, line.end)
        name = message.lastgroup if message is not None else None
        clock = int(line.clock) if line.clock.isdigit() else -1
        starts = data.startswith(_STARTS, line.message)
        if (self._over and starts) or (0 <= clock < self._clock and (starts or clock == 0)):
            self._begin()
        self._head(output=data.startswith(b"Taking snapshot", line.message))
        self._clock = max(clock, self._clock)
        kind = _BY_LEVEL.get(line.level)
        if kind is not None:
            if kind is Kind.FAILURE:
                self._over = self._failed = True
            return self._add(kind, line.end)
        return self._message(name, line)

    def _message(self, name: str | None, line: Line) -> int:
        """Cut a line that has this name in :data:`~.markers.MESSAGE`, and the output behind it."""
        data = self.data
        match name:
            case "STEP":
                self._runs = data[line.message : line.message + 3].upper() == b"RUN"
                return self._header(line)
            case "STAGE":
                self._runs = False
                return self._add(Kind.HEADER, line.end)
            case "ARGS" | "RUNNING":
                self._add(Kind.RUNNING if name == "RUNNING" else Kind.NOTE, line.end)
                return self._program(line) if self._runs else line.end
            case "PUSH":
                self._over = self._over or not self._is_for_cache(line)
            case "DONE":
                self._over = True
            case "PROGRESS":
                self._from(line)
            case "TRIGGERS" | "CACHED" | "PULL" | "VERTEX":
                pass
            case _:
                return self._add(Kind.NOTE, line.end)
        return self._add(Kind[name], line.end)

    def _header(self, line: Line) -> int:
        """Cut an instruction. Here-documents in it go on over the next lines."""
        data, end = self.data, line.end
        if line.form is Form.COLOUR and data.find(b"<<", line.message, end) >= 0:
            known = NEXT.search(data, end - 1, min(self.size, end + _LONGEST_HEADER))
            end = known.start() + 1 if known is not None else end
        return self._add(Kind.HEADER, end)

    def _from(self, line: Line) -> None:
        """Make a header of the line about the image that is unpacked, if no line says that a stage begins.

        So it is before 1.6. The image that was retrieved last is the one that is unpacked now, unless that is
        one of an earlier stage.
        """
        if not self.data.startswith(UNPACKS, line.message):
            return
        tape = self.tape
        index = len(tape) - 1
        while index >= self.builds[-1] and tape.kinds[index] in _BEFORE_STAGE:
            index -= 1
        if index < self.builds[-1] or tape.kinds[index] != Kind.PULL:
            return
        _, start, end = tape.element(index)
        begin, behind = self._retrieved(start, end)
        if begin < behind:
            tape.split(index, begin, Kind.HEADER)
            if behind < end:
                tape.split(index + (begin > start), behind, Kind.PULL)

    def _retrieved(self, position: int, end: int) -> tuple[int, int]:
        """Where the last line says that an image is retrieved; an empty stretch if none is for this stage."""
        begin = behind = position
        while position < end:
            line = read_line(self.data, position, end)
            if line is None:
                break
            if self.data.startswith(RETRIEVED, line.message):
                begin, behind = position, line.end
            elif self.data.startswith(b"Base image from previous stage", line.message):
                begin = behind
            position = line.end
        return begin, behind

    def _is_for_cache(self, line: Line) -> bool:
        """Whether a line about a push is about a layer for the cache."""
        words = said(self.data, line).split()
        match words:
            case ["Pushing", "layer", name, *_]:
                self._caches.add(name)
                return True
            case ["Pushing", "image", "to", name, *_]:
                return name in self._caches
        return True

    # -- what programs print --------------------------------------------------------------------------

    def _program(self, line: Line) -> int:
        """Cut what a RUN's program prints, up to kaniko's next words."""
        data = self.data
        position = line.end
        following = read_line(data, position, self.size)
        if following is not None and data.startswith(
            (b"Running: [", b"args: [", b"Args: ["), following.message
        ):
            return position
        for match in IN_PROGRAM[line.form].finditer(data, position):
            if match.start() < position:
                continue  # on the line of one that was taken
            clock = match["clock"] if line.form is not Form.JSON else b""
            seconds = int(clock) if clock.isdigit() else self._clock
            start = self._line_start(position, match.start())
            found = read_line(data, start, self.size)
            if found is None:
                continue
            if seconds < self._clock:
                if data.startswith(_STARTS, found.message):
                    break
                continue
            if data.startswith(b"Push", found.message) and self._is_for_cache(found):
                self._add(Kind.OUTPUT, start)
                position = self._add(Kind.PUSH, found.end)
                continue
            self._runs = False
            return self._add(Kind.OUTPUT, start)
        else:
            start = self.size
        first, beyond = bisect_left(self._closings, position), bisect_left(self._closings, start)
        self._runs = False
        if beyond > first:
            start = self._line_start(position, self._closings[beyond - 1])
        return self._add(Kind.OUTPUT, start)

    def _line_start(self, position: int, place: int) -> int:
        """Where a line of kaniko's begins whose own words are at `place`."""
        if self.data.endswith(COLOUR, position, place):
            place -= len(COLOUR)
        line = self.data.rfind(b"\n", max(position, place - _LONGEST_LEAD), place) + 1 or position
        return line if line == place or LEAD.fullmatch(self.data, line, place) is not None else place
