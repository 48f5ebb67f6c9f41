"""The structural pass: cuts what BuildKit's plain display printed into elements and builds.

A state machine reads the lines (:mod:`.machine`). But most of a log is regular, and there are shortcuts that
take more than a line of it at once: all that a vertex says, all that a failed build ends with, and whole
builds (:mod:`.regular`). Each gives what the machine would.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from logparse.model import Kind
from logparse.parser.buildkit.machine import ENDS, LONGEST_BLOCK, Machine
from logparse.parser.buildkit.markers import BLOCK, HEADING, STEP, TAIL
from logparse.parser.buildkit.numbers import Numbers, Pending, same_name
from logparse.parser.buildkit.regular import Turns, find_regular

__all__ = ["Cutter"]

# Plain numbers, since members of an enumeration take several times as long to compare and to look up.
_BLANK = int(Kind.BLANK)
_CONTEXT = int(Kind.CONTEXT)
_EXCERPT = int(Kind.EXCERPT)
_FAILURE = int(Kind.FAILURE)
_HEADER = int(Kind.HEADER)
_NOTE = int(Kind.NOTE)
_OUTPUT = int(Kind.OUTPUT)
_PROGRESS = int(Kind.PROGRESS)
_RESULT = int(Kind.RESULT)
_TAG = int(Kind.TAG)
_VERTEX = int(Kind.VERTEX)

_LARGE = 1 << 17
"""Bytes of a log in which it is worth while to look for what is regular."""
_REGULAR = 0.5
"""Share of a piece that has to be regular, or it is not looked for in the next one."""

_BEGINS = frozenset(b"#\r\n")
"""Bytes with which a vertex' lines begin, and empty ones."""
_BOOTING = b"[internal] booting buildkit"

# What a vertex says at once, by the groups of the pattern, in its order.
_PARTS = tuple(
    (BLOCK.groupindex[name], kind)
    for name, kind in (
        ("context", _CONTEXT),
        ("progress", _PROGRESS),
        ("result", _RESULT),
        ("tag", _TAG),
        ("output", _OUTPUT),
    )
)


class Cutter(Machine):
    """Cuts a text into elements and builds.

    Parameters
    ----------
    data
        Any bytes.
    shortcuts
        Whether to take what is regular at once. The result is the same.
    regular
        Whether to take whole builds at once, which by default is done in large logs. The result is the same.
    """

    def __init__(self, data: bytes, *, shortcuts: bool = True, regular: bool | None = None) -> None:
        super().__init__(data)
        self._shortcuts = shortcuts
        large = shortcuts and self.size >= _LARGE if regular is None else regular
        self._regular: Iterator[Turns] = find_regular(data) if large else iter(())
        self._turns = next(self._regular, None)
        self._taken = 0
        """Bytes of the piece at hand that were taken so."""

    def _ahead(self, position: int) -> int:
        data = self.data
        if not self._shortcuts:
            return position
        if data[position] not in _BEGINS:
            tail = TAIL.match(data, position)
            return position if tail is None or tail.end() - position > LONGEST_BLOCK else self._tail(tail)
        if self._turns is not None:
            behind = self._take(position)
            if behind > position:
                return behind
        block = BLOCK.match(data, position)
        return block.end() if block is not None and self._block(block) else position

    def _tail(self, tail: re.Match[bytes]) -> int:
        """What a build that failed ends with; returns where the last of it ends that is clear."""
        position = tail.start()
        for part in ("summary", "excerpt"):
            if tail[part] is not None:
                position = tail.end(part)
                self._add(_EXCERPT, position)
        if tail["closing"] is None or not self.named or self._states[-1].ended:
            return position
        if self._goes_on(*tail.span("closing")):
            return position
        self._states[-1].ended = self._just_ended = True
        position = tail.end()
        self._add(_FAILURE, position)
        return position

    def _block(self, block: re.Match[bytes]) -> bool:
        """All that one vertex says at once; ``False`` if that may begin another build, or is not clear."""
        blank, text, name = block.group(1, 2, 3)
        number = int(text)
        state = self._states[-1].settle()
        known = state.names.get(number)
        if state.ended or state.booting or number == 0:
            return False
        if known != name if known is not None else name.startswith(_BOOTING):
            return False
        if number == 1 and known is not None:
            return False
        if self.data.find(name, block.end(3), block.end()) >= 0:  # named again: it looks like a status
            return False
        if blank:
            self._add(_BLANK, block.end(1))
        # Nothing from here on is of one element with what stands before it.
        kinds, ends = self._kinds, self._ends
        position = block.end(3) + 1
        kinds.append(_HEADER if STEP.match(name) else _VERTEX)
        ends.append(position)
        for group, kind in _PARTS:
            end = block.end(group)
            if end > position:
                kinds.append(kind)
                ends.append(end)
                position = end
        ending = ENDS.get(block.lastgroup or "")
        if ending is not None:
            kinds.append(ending)
            ends.append(block.end())
        state.visit(number, name, _NOTE if ending is None else ending)
        self.named, self._touched, self._just_ended = True, True, False
        self._current = number if ending is None else -1
        self._at, self._kind, self._of, self._fresh = ends[-1], kinds[-1], number, False
        return True

    def _take(self, position: int) -> int:
        """Take the turns at `position` as far as they are regular; returns where they end."""
        turns = self._turns
        while turns is not None and turns.end <= position:
            worth = self._taken >= _REGULAR * (turns.end - turns.starts[0])
            turns = self._turns = next(self._regular, None) if worth else None
            self._taken = 0
            self._touched = True
        if turns is None:
            return position
        turn = bisect_left(turns.starts, position)
        if turn == len(turns.starts) or turns.starts[turn] != position or not turns.begins[turn]:
            return position
        stop = turns.breaks[bisect_left(turns.breaks, turn)]
        # An empty line that follows another one is part of the same element.
        first = turns.elements[turn]
        joined = turns.kinds[first] == self._kind == _BLANK and not self._fresh and len(self.tape) > 0
        ahead = len(self.tape) - first - joined
        series = turns.series
        index = bisect_left(series, turn)
        taken = turn
        while taken < stop:
            if index < len(series) and series[index] == taken:
                self._touched = not self._starts(turns, taken, ahead + turns.elements[taken])
                index += 1
            until = min(stop, series[index]) if index < len(series) else stop
            taken = self._go_on(turns, taken, until)
            if taken < until:
                break
        if taken == turn:
            return position
        last = turns.elements[taken]
        if joined:
            del self._kinds[-1], self._ends[-1]
        self._kinds += turns.kinds[first:last]
        self._ends.frombytes(turns.ends[8 * first : 8 * last])
        visit = turns.visited[taken]
        if visit > turns.visited[turn]:
            self.named, self._just_ended = True, False
        self._at, self._kind, self._fresh = self._ends[-1], self._kinds[-1], False
        self._of = -1 if self._kind == _BLANK else turns.visits.numbers[visit - 1]
        self._taken += self._at - position
        return self._at

    def _starts(self, turns: Turns, turn: int, element: int) -> bool:
        """Whether all that is known of a build is the series that begins at a turn; begins that build."""
        visits, visit = turns.visits, turns.visited[turn]
        number = visits.numbers[visit]
        state = self._states[-1]
        if number == 0 and state.has_vertices and not state.mixed:
            self._states.append(Numbers(element))
            return True
        state.settle()
        if state.mixed or state.booting:
            return False
        known = state.names.get(number)
        begins = state.ended or (
            state.top > 0 if number == 0 else known is not None and self._restarts(number, state)
        )
        if known is not None:
            name = self.data[visits.names[visit] : visits.name_ends[visit]]
            if known != name and not HEADING.match(name):
                return False
            begins = begins or not same_name(known, name)
        if not begins:
            return state.top == 0
        self._begin(element)
        return True

    def _go_on(self, turns: Turns, turn: int, until: int) -> int:
        """Take note of visits from `turn` to `until`; returns where the machine has to go on before that."""
        visits, first, last = turns.visits, turns.visited[turn], turns.visited[until]
        state = self._states[-1]
        if not (self._touched or state.ended):
            if first < last:
                state.pending.append(Pending(self.data, visits, first, last))
            return until
        state.settle()
        for visit in range(first, last):
            number = visits.numbers[visit]
            name = self.data[visits.names[visit] : visits.name_ends[visit]]
            known = state.names.get(number)
            if (
                state.ended
                or state.booting
                or number == 0
                or (known is not None and (known != name or number == 1))
            ):
                return turns.marks[visit]
            state.visit(number, name, visits.endings[visit])
        return until
