"""The state machine that cuts what BuildKit's plain display printed into elements and builds, line by line.

The display prints one vertex at a time. Its name comes first, then lines of that vertex, each behind its
number, until the vertex ends or the display goes over to another one. So a line of a vertex that is not at
hand is either a name or a sign that another build prints at the same time; which, its words and the
names seen so far tell. Lines of one kind that follow each other become one element.
"""

from __future__ import annotations

import re

from logparse.model import Kind, Tape
from logparse.parser.buildkit.markers import (
    CLOSING_NEARBY,
    CONTROL,
    EXCERPT_END,
    EXPORT,
    GLUED_END,
    HEADING,
    KIND_OF_WORDS,
    RUN,
    STEP,
    SUMMARY_END,
    TOKEN,
    WORDS,
    WORDS_LINE,
    kind_of_status,
)
from logparse.parser.buildkit.numbers import Numbers, join, same_name

__all__ = ["ENDS", "LONGEST_BLOCK", "Machine"]

# Plain numbers, since members of an enumeration take several times as long to compare and to look up.
_BLANK = int(Kind.BLANK)
_CACHED = int(Kind.CACHED)
_CANCELED = int(Kind.CANCELED)
_CONTEXT = int(Kind.CONTEXT)
_DONE = int(Kind.DONE)
_ERROR = int(Kind.ERROR)
_EXCERPT = int(Kind.EXCERPT)
_FAILURE = int(Kind.FAILURE)
_HEADER = int(Kind.HEADER)
_NOTE = int(Kind.NOTE)
_OUTPUT = int(Kind.OUTPUT)
_PROGRESS = int(Kind.PROGRESS)
_PUSH = int(Kind.PUSH)
_RESULT = int(Kind.RESULT)
_TAG = int(Kind.TAG)
_UNKNOWN = int(Kind.UNKNOWN)
_VERTEX = int(Kind.VERTEX)
_WARNING = int(Kind.WARNING)

# Bounds, far above what builds print, that keep the cost of hostile text linear: bytes of a block of the
# builder's, bytes and lines of its last words that are looked at.
LONGEST_BLOCK = 1 << 20
_LAST_LINE = 1 << 12
_CLOSING_LINES = 64

_DASHES = b"-" * 20
_MERGED = frozenset({_UNKNOWN, _RESULT, _PROGRESS, _CONTEXT, _PUSH, _TAG, _OUTPUT, _NOTE, _BLANK})
_WHITE = frozenset(b" \t\n\r\v\f")
_NUMBERED_EXCERPT = re.compile(rb"-{20}\s{1,64}\d{1,7} \| ")
_GOES_ON = re.compile(rb"process \"|executor failed running \[")
_CODE = re.compile(rb"exit code: \w|did not (?:complete|terminate)|runc did not|\]: [^\r\n]|rpc error")
_BOOTING = b"[internal] booting buildkit"


class Machine:
    """Cuts a text into elements and builds.

    Parameters
    ----------
    data
        Any bytes.

    Attributes
    ----------
    tape : Tape
        All elements, once :meth:`cut` is done.
    named : bool
        Whether any vertex was named, without which there is no build.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.tape = Tape()
        self.named = False
        self._states = [Numbers(0)]
        self._kinds, self._ends, self._at = self.tape.kinds, self.tape.ends, 0
        # The vertex at hand, or -1; the last element's kind and vertex; whether a build begins behind it.
        self._current = -1
        self._kind = _UNKNOWN
        self._of = -1
        self._fresh = False
        # Whether anything is known of the build at hand that was not taken with all of a series.
        self._touched = False
        # Whether its end was told since a vertex' line was seen last.
        self._just_ended = False
        # Where the next end of a summary or an excerpt is, once it has been looked for.
        self._closed: dict[re.Pattern[bytes], int] = {}

    @property
    def builds(self) -> list[int]:
        """The index of each build's first element; the first build's is 0."""
        return [state.first for state in self._states]

    @property
    def mixed(self) -> list[bool]:
        """Whether each build is several, which ran at once."""
        return [state.mixed for state in self._states]

    def cut(self) -> None:
        """Cut the whole text."""
        data, match = self.data, TOKEN.match
        position = 0
        while position < self.size:
            if self._current < 0:
                behind = self._ahead(position)
                if behind > position:
                    position = behind
                    continue
            token = match(data, position)
            if token is None:  # nothing is left but what every pattern leaves out
                self._add(_UNKNOWN, self.size)
                return
            end = token.end()
            group = token.lastgroup
            if group != "gap":
                self._touched, self._just_ended = True, False
            if group == "output":
                self._output(int(token["number"]), end)
            elif group == "rest":
                self._line(int(token["number"]), token["rest"], end)
            elif group == "layers":
                self._layers(int(token["number"]), position, end)
            else:
                end = self._gap(position, end)
            position = end

    def _ahead(self, position: int) -> int:
        """Take what is regular at `position`, where no vertex is at hand; returns where that ends."""
        return position

    # -- lines of vertices ------------------------------------------------------------------------------

    def _add(self, kind: int, end: int, number: int = -1) -> None:
        """Put an element on the tape, or make the last one longer if it is of the same kind and vertex."""
        if end <= self._at:
            return
        ends = self._ends
        if kind == self._kind and number == self._of and not self._fresh and kind in _MERGED and ends:
            ends[-1] = end
        else:
            self._kinds.append(kind)
            ends.append(end)
        self._kind, self._of, self._at, self._fresh = kind, number, end, False

    def _output(self, number: int, end: int) -> None:
        if number == 0 and self._current > 0:
            # Some releases of 2022 printed 0 before what a program says until its vertex had a number.
            number = self._current
        if number != self._current:
            if number not in self._states[-1].settle().names and not join(self._states, number):
                self._add(_UNKNOWN, end)
                return
            self._current = number
        self._add(_OUTPUT, end, number)

    def _layers(self, number: int, start: int, end: int) -> None:
        if number != self._current:
            if number not in self._states[-1].settle().names and not join(self._states, number):
                self._add(_UNKNOWN, end)
                return
            self._current = number
        if self._kind in {_HEADER, _VERTEX}:
            # In the releases of 2021 the vertex's digest comes below its name.
            line = self.data.find(b"\n", start, end) + 1 or end
            rest = self.data[start : min(line, start + 256)].partition(b" ")[2].rstrip(b"\n")
            if kind_of_status(rest) is Kind.NOTE:
                self._add(_NOTE, line, number)
                start = line
        if start < end:
            self._add(_PROGRESS, end, number)

    def _line(self, number: int, rest: bytes, end: int) -> None:
        """One line of a vertex that no program printed: its name, its end, or how far it has come."""
        state = self._states[-1].settle()
        known = state.names.get(number)
        if number == self._current:
            if known is not None and rest == known and len(rest) > 1:
                if self._restarts(number, state):
                    self._begin()
                self._header(number, rest, end)
                return
            self._status(number, rest, end)
            return
        control = CONTROL.match(rest)
        if control is not None or (known is not None and rest != known and not HEADING.match(rest)):
            if known is None or (
                control is not None and number not in state.open and control.lastgroup != "warning"
            ):
                found = join(self._states, number)
                if known is None and not found:
                    self._add(_UNKNOWN, end)
                    return
            self._current = number
            self._status(number, rest, end)
            return
        self._glued()
        if known is not None and not same_name(known, rest):
            if not state.mixed or (number <= 1 and not state.open):
                self._begin()
        elif (
            (state.ended and not state.mixed)
            or (known is not None and self._restarts(number, state))
            or (number == 0 and state.top > 0 and (not state.mixed or not state.open))
        ):
            self._begin()
        self._header(number, rest, end)

    def _header(self, number: int, rest: bytes, end: int) -> None:
        """The name of a vertex, for the first time or again."""
        state = self._states[-1].settle()
        self.named = True
        if number == 0 and rest.startswith(b"building with "):
            self._add(_NOTE, end, number)
            state.names[0] = rest
            self._current = -1
            return
        if state.booting and number != 0:
            state.booting = rest.startswith(_BOOTING)
        elif not state.names and rest.startswith(_BOOTING):
            state.booting = True
        state.names[number] = rest
        state.open.add(number)
        state.top = max(state.top, number)
        self._current = number
        self._add(_HEADER if STEP.match(rest) else _VERTEX, end, number)

    def _status(self, number: int, rest: bytes, end: int) -> None:
        """A line of the vertex at hand, by what stands behind its number."""
        state = self._states[-1].settle()
        control = CONTROL.match(rest)
        group = control.lastgroup if control is not None else None
        if group is None:
            status = kind_of_status(rest)
            if status is None:
                # The releases before 2020 print no clock before what a program says.
                status = Kind.OUTPUT if RUN.match(state.names.get(number, b"")) else Kind.PROGRESS
            elif status is Kind.NOTE and b" completed: " in rest[:24]:
                state.open.discard(number)
            self._add(int(status), end, number)
        elif group == "warning":
            self._add(_WARNING, end, number)
        else:
            self._end(group, number, end)

    def _end(self, group: str, number: int, end: int) -> None:
        """The line with which a vertex ends, or with which the display leaves it."""
        state = self._states[-1].settle()
        self._current = -1
        self._add(ENDS[group], end, number)
        if group == "going":
            return
        state.open.discard(number)
        if group == "done" and not state.exported:
            state.exported = EXPORT.match(state.names.get(number, b"")) is not None

    def _glued(self) -> None:
        """Cut off the end of the vertex at hand from the last line of its output, should it stand there."""
        tape = self.tape
        if self._current < 0 or not tape.kinds or (tape.kinds[-1] != _OUTPUT and self._kind != _BLANK):
            return
        index = len(tape) - 1
        if tape.kinds[index] == _BLANK:
            index -= 1
        if index < 0 or tape.kinds[index] != _OUTPUT:
            return
        start, end = tape.element(index)[1:]
        found = GLUED_END.search(self.data, max(start, end - 64), end)
        if found is not None and int(found[1]) == self._current and found.start() > start:
            tape.split(index, found.start(), Kind.CACHED if b"CACHED" in found[0] else Kind.DONE)
            self._states[-1].settle().open.discard(self._current)

    # -- builds -----------------------------------------------------------------------------------------

    def _restarts(self, number: int, state: Numbers) -> bool:
        """Whether a vertex's name that comes again is that of another build's.

        A vertex that has ended can go on, so this takes more: it is the first one, others came since, and
        nothing is left to do or the display did not say that it leaves the vertex at hand.
        """
        if number > 1 or number in state.open or state.mixed:
            return False
        return state.top >= 3 and (not state.open or self._current not in {-1, number})  # noqa: PLR2004 - see above

    def _begin(self, element: int | None = None) -> None:
        """Open another build at an element, by default at the tape's end; what is before the first is its."""
        state = self._states[-1]
        if not (state.names or state.pending) or (state.booting and not state.ended):
            # A builder that was only started is no build.
            state.names.clear()
            state.open.clear()
            state.booting = False
            state.top = 0
        else:
            self._states.append(Numbers(len(self.tape) if element is None else element))
        self._fresh = True
        self._current = -1

    # -- everything else --------------------------------------------------------------------------------

    def _gap(self, start: int, end: int) -> int:
        """Lines without a vertex's number, up to `end`; returns where they end indeed."""
        data = self.data
        if end - start <= 2 and not data[start:end].strip():  # noqa: PLR2004 - an empty line, the common case
            self._add(_BLANK, end)
            return end
        if self._kind == _OUTPUT and self._current >= 0 and data.startswith(b"#%d " % self._current, end):
            # A program's line that somebody has broken, at a carriage return or at a terminal's width.
            self._add(_OUTPUT, end, self._current)
            return end
        was_ended = self._states[-1].ended and not self._just_ended
        self._just_ended = False
        position = start
        while position < end:
            if data[position] in _WHITE:
                line = self._blank(position, end)
                if line > position:
                    self._add(_BLANK, line)
                    position = line
                    continue
            words = WORDS.match(data, position)
            if words is not None:
                position = self._words(words, end)
                if position > end or words.lastgroup == "echo":
                    return position
                continue
            if self._kind != _UNKNOWN and self.named and not (was_ended or self._states[-1].succeeded):
                closing = CLOSING_NEARBY.match(data, position, end)
                if closing is not None:
                    position = self._closing(closing.end(), position, end)
                    continue
            position = self._foreign(position, end)
        return position

    def _foreign(self, position: int, end: int) -> int:
        """What no builder said, from `position` on; returns where the next words of the builder's may be."""
        data = self.data
        found = WORDS_LINE.search(data, position, end)
        following = found.start() + 1 if found is not None else end
        if data.startswith(_DASHES, following):
            # The file and the line that it points at stand above.
            above = data.rfind(b"\n", position, following - 1) + 1 or position
            words = WORDS.match(data, above)
            if above > position and words is not None and words.lastgroup == "excerpt":
                following = above
        self._add(_UNKNOWN, following)
        return following

    def _blank(self, position: int, end: int) -> int:
        """Where the empty lines at `position` end."""
        data = self.data
        while position < end:
            line = data.find(b"\n", position, end) + 1 or end
            if data[position : min(line, position + 256)].strip():
                break
            if line - position > 256 and data[position:line].strip():  # noqa: PLR2004 - bytes looked at first
                break
            position = line
        return position

    def _words(self, words: re.Match[bytes], end: int) -> int:
        """Words of the builder or of its client; returns where they end."""
        start, stop, group = words.start(), words.end(), words.lastgroup or ""
        if group == "summary":
            stop = self._close(SUMMARY_END, stop - 1)
        elif group == "excerpt":
            stop = self._close(EXCERPT_END, stop - 1)
        elif group == "rule":
            if _NUMBERED_EXCERPT.match(self.data, start):
                stop = self._close(EXCERPT_END, stop - 1)
            else:
                self._add(_UNKNOWN, stop)
                return stop
        elif group == "closing":
            if self._states[-1].ended or not self.named:
                self._add(_UNKNOWN, stop)
                return stop
            return self._closing(stop, start, end)
        self._add(KIND_OF_WORDS[group], stop)
        return stop

    def _closing(self, stop: int, start: int, end: int) -> int:
        """The builder's last words, with the lines on which a quoted command goes on."""
        data = self.data
        if self._goes_on(start, stop):
            line = stop
            for _ in range(_CLOSING_LINES):
                following = data.find(b"\n", line, end) + 1 or end
                if line >= end or not data[line:following].strip():
                    break
                line = following
                if _CODE.search(data, start, line):
                    stop = line
                    break
        self._states[-1].ended = True
        self._current = -1
        self._add(_FAILURE, stop)
        return stop

    def _goes_on(self, start: int, stop: int) -> bool:
        """Whether last words quote a command that goes on in the next line: how it exited is not told yet."""
        data = self.data
        return (
            _GOES_ON.search(data, start, min(stop, start + _LAST_LINE)) is not None
            and _CODE.search(data, start, stop) is None
        )

    def _close(self, pattern: re.Pattern[bytes], start: int) -> int:
        """Where the block that begins at `start` ends: behind the line that `pattern` finds next."""
        stop = self._closed.get(pattern, -1)
        if stop <= start:
            found = pattern.search(self.data, start)
            stop = found.end() if found is not None else self.size + LONGEST_BLOCK + 1
            self._closed[pattern] = stop
        if stop - start > LONGEST_BLOCK:
            return min(self.data.find(b"\n", start + 1) + 1 or self.size, self.size)
        return stop


ENDS = {
    "going": _NOTE,
    "done": _DONE,
    "cached": _CACHED,
    "canceled": _CANCELED,
    "error": _ERROR,
}
"""The kinds of elements with which a visit ends, by the names of patterns' groups."""
