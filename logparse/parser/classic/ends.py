"""Where the output of a container ends: at the line that removes it, or at what else tells.

Searches are remembered, so that no stretch of a log is searched twice however many containers there are.
"""

from __future__ import annotations

import json
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from logparse.parser.classic.markers import (
    AFTER_REMOVAL,
    CLOSING_DAEMON,
    CONTEXT,
    FIRST_STEP,
    GOING_ON,
    LATE_REMOVAL,
    LINE_GOING_ON,
    NON_ZERO,
    REMOVAL,
    REMOVAL_ID,
    REMOVERS,
    RUN_FLAGS,
    RUNNING,
    RUNNING_ID,
)
from logparse.parser.classic.places import Places

__all__ = ["ID_LENGTH", "LAST_LINE", "Ends", "Landmarks", "command_of"]

ID_LENGTH = 12

LAST_LINE = 1 << 16
"""Bytes at the end of an output in which its last line is looked for."""

# How many look-alikes of a container's end are examined. More than a few exist only where a program
# imitates them, and a bound keeps the cost linear.
_COMPARED = 64

# How many times the size of a log may be searched for single containers before it is indexed.
_SEARCHES = 4

# Bytes behind a container's removal in which the builder's own removal is looked for, should that one have
# been printed by a program.
_LOOKED_AHEAD = 1 << 16


class Landmarks:
    """The places of one substring in a log, found from left to right and at most once each.

    A parser that looked for the next marker anew at every step would read a log of n steps n times when
    the marker is missing. Here the next place is remembered until it is passed, so all calls together
    read the log once; :meth:`all` reads it once more for the rare questions that cannot be answered so.

    Parameters
    ----------
    data, literal
        The log and the substring.
    places
        All places, if they are known.
    """

    __slots__ = ("_all", "_data", "_literal", "_next")

    def __init__(self, data: bytes, literal: bytes, places: memoryview | None = None) -> None:
        self._data = data
        self._literal = literal
        self._next = -1
        self._all: Sequence[int] | None = places

    def after(self, offset: int) -> int:
        """The first place at or behind `offset`, or the log's size; `offset` must not fall between calls."""
        if self._next < offset:
            if self._all is not None:
                index = bisect_left(self._all, offset)
                self._next = self._all[index] if index < len(self._all) else len(self._data)
            else:
                found = self._data.find(self._literal, offset)
                self._next = found if found >= 0 else len(self._data)
        return self._next

    def all(self) -> Sequence[int]:
        """All places."""
        if self._all is None:
            places = array("q")
            found = self._data.find(self._literal)
            while found >= 0:
                places.append(found)
                found = self._data.find(self._literal, found + 1)
            self._all = places
        return self._all


class Ends:
    """Looks for the ends of outputs.

    Parameters
    ----------
    data
        The log.
    places
        Where the builder's tell-tale sentences stand in it, if they are known.

    Attributes
    ----------
    removals, failures : Landmarks
        All places of :data:`~.markers.REMOVAL` and :data:`~.markers.NON_ZERO`.
    """

    def __init__(self, data: bytes, places: Places | None) -> None:
        self.data = data
        self.removals = Landmarks(data, REMOVAL, places.removals.data if places else None)
        self.failures = Landmarks(data, NON_ZERO, places.failures.data if places else None)
        self._places = places
        self._late: tuple[int, re.Match[bytes] | None] = (-1, None)
        self._removed: set[bytes] | None = None
        self._started: dict[bytes, list[int]] = {}
        self._searchable = _SEARCHES * len(data)
        self._indexed: dict[bytes, list[int]] | None = None

    # -- the line that removes a container -----------------------------------------------------------

    def removes(self, offset: int, position: int, container: bytes) -> bool:
        """Whether the ``intermediate container `` at `offset` is the builder's, about `container`."""
        name = offset + len(REMOVAL)
        return (
            self.data.startswith(container, name)
            and self.data.endswith(REMOVERS, position, offset)
            and AFTER_REMOVAL.match(self.data, name + ID_LENGTH) is not None
        )

    def goes_on(self, removal: int) -> bool:
        """Whether the builder goes on behind a removal; else a program may have printed it."""
        after = AFTER_REMOVAL.match(self.data, removal + len(REMOVAL) + ID_LENGTH)
        end = removal if after is None else after.end()
        return end == len(self.data) or GOING_ON.match(self.data, end) is not None

    def late_removal(self, offset: int, position: int, number: int) -> int:
        """Where the lines of a late removal begin, if `offset` is in the first of them; else -1.

        `number` is the step's that has the container.
        """
        for words in (b"Removing ", b"Error removing "):
            start = offset - len(words)
            if start < position or not self.data.startswith(words, start):
                continue
            if self._late[0] != start:
                # Several containers may wait for the same lines.
                self._late = (start, LATE_REMOVAL.match(self.data, start))
            match = self._late[1]
            if match is not None:
                following = match["next"]
                return start if following is None or int(following) == number + 1 else -1
        return -1

    def last_removal(self, removal: int, container: bytes) -> int:
        """The one of several lines that remove `container` behind which the builder goes on.

        The first is at `removal`, and no program knows when the builder's own will come, so the last one
        before the next step counts.
        """
        going_on = LINE_GOING_ON.search(self.data, removal, removal + _LOOKED_AHEAD)
        limit = going_on.start() if going_on is not None else removal + _LOOKED_AHEAD
        last = self.data.rfind(REMOVAL + container, removal + 1, limit)
        return last if last >= 0 and self.removes(last, removal, container) else removal

    def far_removal(self, position: int, container: bytes) -> int:
        """Where `container` is removed, when that is not the first place that looks so; -1 if nowhere."""
        if self._places is not None:
            is_removed = self._places.speaks_of(container)
        else:
            if self._removed is None:
                self._removed = set(REMOVAL_ID.findall(self.data))
            is_removed = container in self._removed
        if not is_removed:
            return -1
        for place in self._places_of(container, position):
            if self.removes(place, position, container):
                # A log may hold another one in which the same container was started and did come to its end.
                if LINE_GOING_ON.search(self.data, position, place) is None:
                    return place
                return -1 if self._starts_between(position, place, container) else place
        return -1

    def _starts_between(self, position: int, place: int, container: bytes) -> bool:
        """Whether `container` is started between two places."""
        if self._searchable >= 0:
            found = self.data.find(RUNNING + container, position, place)
            self._searchable -= (place if found < 0 else found) - position
            return found >= 0
        if not self._started:
            for match in RUNNING_ID.finditer(self.data):
                self._started.setdefault(match[1], []).append(match.start())
        started = self._started.get(container, [])
        again = bisect_left(started, position)
        return again < len(started) and started[again] < place

    def _places_of(self, container: bytes, position: int) -> Iterator[int]:
        """The next places at or behind `position` that speak of `container` as intermediate.

        They are mostly near, and searched for; only a log in which they never are is indexed.
        """
        for _ in range(_COMPARED):
            if self._searchable < 0:
                break
            found = self.data.find(REMOVAL + container, position)
            self._searchable -= (len(self.data) if found < 0 else found) - position
            if found < 0:
                return
            yield found
            position = found + 1
        else:
            return
        if self._indexed is None:
            self._indexed = {}
            for match in REMOVAL_ID.finditer(self.data):
                self._indexed.setdefault(match[1], []).append(match.start())
        places = self._indexed.get(container, [])
        first = bisect_left(places, position)
        yield from places[first : first + _COMPARED]

    # -- of a container that no line removes ---------------------------------------------------------

    def closing(self, position: int, header: bytes, command: bytes) -> int:
        """Which `` returned a non-zero code: `` the builder said of a step's command; -1 if none.

        It stands at or behind `position`. The command may have printed that sentence, too: the last one
        counts, but for other builds'.
        """
        places = self.failures.all()
        first = bisect_left(places, position)
        header = header.strip()
        end = seen = -1
        for place in places[first : first + _COMPARED]:
            if end >= 0:
                # Behind the next context it is about another build.
                if self.data.find(CONTEXT, seen, place) >= 0:
                    break
                seen = place
            if not self.data.endswith(command, position, place - 1):
                continue
            # In a log of several builds, a later one may fail at the same step, behind the same header.
            if self.data.find(header, max(position, end), place + len(header)) >= 0:
                break
            if end >= 0 and FIRST_STEP.search(self.data, end, place):
                break
            end = seen = place
        return end

    def last_words(self, start: int, end: int) -> int:
        """Where the daemon's last words begin in the last line of a container's output, else `end`."""
        tail = max(start, end - LAST_LINE)
        last = tail + len(self.data[tail:end].rstrip())
        line = max(self.data.rfind(b"\n", tail, last) + 1, tail)
        return line if CLOSING_DAEMON.match(self.data, line, last) is not None else end


def command_of(header: bytes) -> bytes:
    """The command of a step as the builder repeats it when it fails; empty of other instructions."""
    instruction, _, arguments = header.partition(b" : ")[2].strip().partition(b" ")
    if instruction.upper() != b"RUN":
        return b""
    flags = RUN_FLAGS.match(arguments)
    arguments = arguments[flags.end() if flags else 0 :].strip()
    if arguments.startswith(b"["):
        try:
            return " ".join(json.loads(arguments)).encode()
        except (ValueError, TypeError, RecursionError):
            return arguments
    return arguments
