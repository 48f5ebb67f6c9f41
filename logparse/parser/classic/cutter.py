"""The structural pass: a state machine that visits each marker once and skips over output.

Inside a build, the machine stands at the beginning of a line that no program printed. Outside, everything
up to the next context or first step is text. Where a container's output ends is for :mod:`.ends` to say.
"""

from __future__ import annotations

import re
from bisect import bisect_left

from logparse.model import Kind, Tape
from logparse.parser.classic.ends import ID_LENGTH, LAST_LINE, Ends, Landmarks, command_of
from logparse.parser.classic.markers import (
    AFTER_REMOVAL,
    BEFORE_REMOVAL,
    BOUNDARY,
    CLOSING_CLIENT,
    COMMANDS,
    COMPOSE,
    COMPOSE_FIRST,
    CONTEXT,
    FIRST_STEP,
    GLUED_CLOSING,
    GLUED_TO,
    GLUED_WORD_ERROR,
    KIND_OF,
    LINE,
    LINE_START,
    PROGRESS,
    REMOVAL,
    REMOVERS,
    STEP,
    StepGroup,
)
from logparse.parser.classic.places import LARGE, Places
from logparse.parser.classic.regular import Run, find_regular

__all__ = ["Cutter"]

# Bytes before the builder's last words in which Compose may have put its own.
_PREFIX = 256

_NO_RESULT = frozenset({Kind.UNKNOWN, Kind.BLANK, Kind.PULL})
_MERGED = frozenset({Kind.UNKNOWN, Kind.BLANK, Kind.CONTEXT, Kind.PUSH, Kind.CLEANUP})


class Cutter:
    """Cuts a log into elements and builds.

    Parameters
    ----------
    data
        Any bytes.
    regular
        Whether to find regular steps all at once; by default in large logs only. The result is the same.

    Attributes
    ----------
    tape : Tape
        All elements, once :meth:`cut` is done.
    builds : list of int
        The index of each build's first element; the first build's is 0.
    places : Places, optional
        Of a large log, where the builder's tell-tale sentences stand.
    """

    def __init__(self, data: bytes, *, regular: bool | None = None) -> None:
        self.data = data
        self.size = len(data)
        self.tape = Tape()
        self.builds = [0]
        large = self.size >= LARGE if regular is None else regular
        self.places = Places(data) if large else None
        self._regular = find_regular(data, self.places) if self.places else iter(())
        self._run_ahead = next(self._regular, None)
        known = self.places
        self._contexts = Landmarks(data, CONTEXT, known.contexts.data if known else None)
        self._ends = Ends(data, known)
        self._first_step = -1
        self._any_step = False
        # Of the build at hand: whether it has begun and not ended, the last step's count, where its header is
        # on the tape, whether triggers were announced, whether it has steps, whether its end was told.
        self._open = False
        self._number = -1
        self._total = -1
        self._header = -1
        self._triggers = False
        self._has_steps = False
        self._ended = False

    def cut(self) -> None:
        """Cut the whole log."""
        position = 0
        while position < self.size:
            if self._open:
                position = self._inside(position)
                continue
            start = self._next_build(position)
            while position < start:
                position = self._line(position, start)
            if start < self.size:
                self._begin()
        if self._open:
            self._close()

    # -- builds ---------------------------------------------------------------------------------------

    def _next_build(self, position: int) -> int:
        """Where the next build begins: at its context, or at its first step if it has none."""
        if self._first_step < position:
            self._first_step = self.size
            for match in FIRST_STEP.finditer(self.data, position):
                # A log may have lost its head; but once a step was seen, only a first one begins a build.
                start = match.start()
                if (not self._any_step or match[1] in {b"0", b"1"}) and (
                    self.data.endswith(b"\n", 0, start)
                    or LINE_START.search(self.data, max(0, start - 64), start) is not None
                ):
                    self._first_step = start
                    break
        return min(self._first_step, self._contexts.after(position))

    def _begin(self) -> None:
        """Open a build at the tape's end; what came before the first one in the log belongs to that."""
        if self._has_steps or self._ended:
            self.builds.append(len(self.tape))
        self._open = True
        self._ended = False
        self._header = -1
        self._number = -1
        self._total = -1
        self._triggers = False
        self._has_steps = False

    def _end(self) -> None:
        """Close the build at hand: its builder has said how it ended."""
        self._open = False
        self._ended = True

    def _inside(self, position: int) -> int:
        """Cut what stands at `position` inside a build; returns where the next line begins."""
        run = self._run_ahead
        while run is not None and run.start < position:
            run = self._run_ahead = next(self._regular, None)
        if run is not None and run.start == position and self._joins(run):
            self._take(run)
            return run.end
        match = STEP.match(self.data, position)
        if match is not None:
            total = match[StepGroup.TOTAL]
            if self._continues(int(match[StepGroup.NUMBER]), -1 if total is None else int(total)):
                return self._step(match)
        return self._line(position, self.size)

    def _joins(self, run: Run) -> bool:
        """Whether a run's first line is what it was taken for, and begin its build if it begins one."""
        if run.number >= 0:
            return self._continues(run.number, run.total)
        kinds = self.tape.kinds
        if self._has_steps:
            self._begin()
        elif len(kinds) > self.builds[-1] and kinds[-1] == Kind.CONTEXT:
            return False
        return True

    def _take(self, run: Run) -> None:
        """Append a run to the tape, and stand where its last line leaves the machine."""
        first = len(self.tape)
        self.tape.kinds += run.kinds
        self.tape.ends.frombytes(run.ends)
        if run.builds:
            self.builds += [first + element for element in run.builds]
            self._triggers = False
        has_steps = run.header >= 0
        self._header = first + run.header if has_steps else -1
        self._number, self._total = run.last_number, run.last_total
        self._has_steps = has_steps
        self._any_step = self._any_step or Kind.HEADER in run.kinds
        self._open = run.is_open
        self._ended = not run.is_open

    def _continues(self, number: int, total: int) -> bool:
        """Whether a step's count belongs to the build at hand, or begins the next one."""
        # A greater number than the next one is accepted, since lines may be missing here; a smaller one
        # or another total is not this build's.
        if self._number >= 0 and (number <= self._number or total != self._total):
            if self._triggers or number > 1:
                return False
            self._begin()
        self._number = number
        self._total = total
        self._has_steps = self._any_step = True
        return True

    def _close(self) -> None:
        """At the log's end, find last words that stand where only last words can, whatever they say."""
        if not self._has_steps:
            return
        kinds = self.tape.kinds
        header = kinds.rfind(Kind.HEADER)
        after = kinds[header + 1 :].rstrip(bytes([Kind.BLANK]))
        if any(kind not in _NO_RESULT for kind in after):
            return
        last = header + len(after)
        element = self.tape.element(last)
        # Some captures join two streams, so the first of several lines may hang on the header. Only the
        # arguments of some instructions cannot hold such words themselves.
        hangs_on = header if element.kind in {Kind.UNKNOWN, Kind.HEADER} else last
        surely = hangs_on != header or GLUED_TO.match(self.data, self.tape.element(header).start)
        words = GLUED_CLOSING if surely else GLUED_WORD_ERROR
        glued = words.search(self.data, *self.tape.element(hangs_on)[1:])
        if glued is not None:
            self.tape.split(hangs_on, glued.start(), Kind.FAILURE)
        elif element.kind is Kind.UNKNOWN and self.data.endswith(b"\n", element.start, element.end):
            start = max(self.data.rfind(b"\n", element.start, element.end - 1) + 1, element.start)
            if PROGRESS.search(self.data, start, element.end) is None:
                self.tape.split(last, start, Kind.FAILURE)

    # -- between steps --------------------------------------------------------------------------------

    def _line(self, position: int, limit: int) -> int:
        """Cut one line, or one block of lines that belong together; returns where the next begins."""
        match = LINE.match(self.data, position, limit)
        if match is None:  # its last alternative matches any line
            raise AssertionError(position)
        end = match.end()
        kind = KIND_OF[match.lastindex]
        if kind in _SPECIAL:
            kind = self._special(kind, position, limit)
        kinds = self.tape.kinds
        if kind in _MERGED and len(kinds) > self.builds[-1] and kinds[-1] == kind:
            self.tape.ends[-1] = end
        else:
            kinds.append(kind)
            self.tape.ends.append(end)
        if kind is Kind.RUNNING and self._open:
            return self._run(end, match["container"])
        if kind is Kind.RESULT or kind is Kind.FAILURE:
            self._end()
        return end

    def _special(self, kind: Kind, position: int, limit: int) -> Kind:
        """What a line is whose kind depends on where it stands; some of them change the state."""
        match kind:
            case Kind.FAILURE if not self._open:
                # Only where no build is at all can the client's words be about one.
                alone = limit == self.size and not self._any_step
                if not alone or CLOSING_CLIENT.match(self.data, position) is None:
                    return Kind.UNKNOWN
            case Kind.RESULT if not self._open:
                return Kind.UNKNOWN
            case Kind.CONTEXT if self._open and self._has_steps:
                self._begin()
            case Kind.TRIGGERS:
                self._triggers = True
            case Kind.UNKNOWN if self._triggers and FIRST_STEP.match(self.data, position):
                # Until Docker 17.x each trigger had a header of its own, counted from 1 again.
                return Kind.TRIGGERS
        return kind

    # -- steps ----------------------------------------------------------------------------------------

    def _step(self, match: re.Match[bytes]) -> int:
        """Cut a step's header and what stands right behind it; returns where the next line begins."""
        kinds, ends = self.tape.kinds, self.tape.ends
        spans = match.regs
        header = spans[StepGroup.HEADER]
        self._header = len(kinds)
        kinds.append(Kind.HEADER)
        ends.append(header[1])
        running = spans[StepGroup.RUNNING][1]
        if running >= 0:
            kinds.append(Kind.RUNNING)
            ends.append(running)
            return self._run(running, match[StepGroup.CONTAINER])
        if spans[StepGroup.CACHED][1] >= 0:
            kinds.append(Kind.CACHED)
            ends.append(spans[StepGroup.CACHED][1])
        if spans[StepGroup.IMAGE][1] >= 0:
            kinds.append(Kind.IMAGE)
            ends.append(spans[StepGroup.IMAGE][1])
        return spans[0][1]

    def _run(self, position: int, container: bytes) -> int:
        """Cut a container's output and what the builder says behind it."""
        removal = self._ends.removals.after(position)
        if not self._ends.removes(removal, position, container):
            late = self._ends.late_removal(removal, position, self._number)
            if late >= 0:
                self.tape.add(Kind.OUTPUT, late)
                return late
            removal = self._ends.far_removal(position, container)
            if removal < 0:
                return self._run_unremoved(position)
        if not self._ends.goes_on(removal):
            removal = self._ends.last_removal(removal, container)
        after = AFTER_REMOVAL.match(self.data, removal + len(REMOVAL) + ID_LENGTH)
        if after is None:  # _removes has seen it
            raise AssertionError(removal)
        start = removal - len(REMOVERS[0] if self.data.startswith(REMOVERS[0], removal - 9) else REMOVERS[1])
        image = None
        if after[1] is None:
            image = BEFORE_REMOVAL.search(self.data, max(position - 1, start - 32), start)
        if image is not None:
            self.tape.add(Kind.OUTPUT, image.start())
            self.tape.add(Kind.IMAGE, start)
        else:
            self.tape.add(Kind.OUTPUT, start)
        if after[1] is not None:
            self.tape.add(Kind.REMOVED, after.start(1))
            self.tape.add(Kind.IMAGE, after.end())
        else:
            self.tape.add(Kind.REMOVED, after.end())
        return after.end()

    # -- containers that no line removes --------------------------------------------------------------

    def _run_unremoved(self, position: int) -> int:
        """Cut the output of a container that no line removes: it failed, was kept, or the log is cut."""
        header = self.data[slice(*self.tape.element(self._header)[1:])] if self._header >= 0 else b""
        command = command_of(header)
        # The builder repeats the instruction when its command fails. That is the surest end there is.
        if command:
            end = self._ends.closing(position, header, command)
            if end >= 0:
                return self._fail(position, end, end - 1 - len(command))
        end = self.size
        for match in BOUNDARY.finditer(self.data, max(position - 1, 0)):
            if match["build"] is not None:
                end = match.start("build")
                break
            if match["result"] is not None or int(match["next"]) == self._number + 1:
                end = match.start("image")
                break
        places = self._ends.failures.all()
        beyond = bisect_left(places, end)
        if beyond > bisect_left(places, position):
            return self._fail(position, places[beyond - 1], places[beyond - 1])
        words = self._ends.last_words(position, end)
        self.tape.add(Kind.OUTPUT, words)
        if words < end:
            self.tape.add(Kind.FAILURE, end)
            self._end()
        return end

    def _fail(self, position: int, place: int, limit: int) -> int:
        """Cut output and failure, whose `` returned a non-zero code: `` is at `place`."""
        start = max(self.data.rfind(words, position, max(limit, position)) for words in COMMANDS)
        if start < 0:
            start = max(self.data.rfind(b"\n", position, place) + 1, position)
        before = COMPOSE.search(self.data, max(position, start - _PREFIX), start)
        if before is not None:
            start = before.start()
            # With ``--parallel``, Compose says it twice.
            line = self.data.rfind(b"\n", max(position, start - LAST_LINE), max(start - 1, position)) + 1
            if line and self.data.startswith(COMPOSE_FIRST, line):
                start = line
        self.tape.add(Kind.OUTPUT, start)
        newline = self.data.find(b"\n", place)
        end = self.size if newline < 0 else newline + 1
        self.tape.add(Kind.FAILURE, end)
        self._end()
        return end


_SPECIAL = frozenset({Kind.FAILURE, Kind.RESULT, Kind.CONTEXT, Kind.TRIGGERS, Kind.UNKNOWN})
