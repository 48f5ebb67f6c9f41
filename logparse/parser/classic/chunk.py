"""A piece of a log as lines with classes, and where the outputs among them end.

A line's class says what the state machine would take it for if it came to stand there. Lines inside an output
have one, too, which nobody asks for: where an output ends, the next line that speaks of an intermediate
container tells, if that is about the container that printed it, whatever else it says in between.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from logparse.model import Kind
from logparse.parser.classic.lines import (
    Flags,
    Kinds,
    Lines,
    Offsets,
    Words,
    at_or_beyond,
    is_hex,
    leading,
    read_number,
    word,
)
from logparse.parser.classic.markers import REMOVAL
from logparse.parser.classic.places import Places

__all__ = [
    "BEGINS",
    "BLANK",
    "CACHED",
    "CLEANUP",
    "FAILS",
    "FAILURE",
    "HEADER",
    "IMAGE",
    "INDENTED",
    "LAYERS",
    "OUTPUT",
    "PULL",
    "PUSH",
    "REMOVED",
    "RESULT",
    "RUNS",
    "STATUS",
    "TAG",
    "UNKNOWN",
    "WARNING",
    "Chunk",
    "Outputs",
]

# Classes of lines: most are the kind of element that such a line is. They are numbers of numpy's own, since
# it would look into members of an enumeration anew each time.
UNKNOWN, BLANK, BEGINS, HEADER, CACHED, RUNS, OUTPUT, REMOVED, IMAGE, PULL = (
    np.uint8(kind)
    for kind in (
        Kind.UNKNOWN,
        Kind.BLANK,
        Kind.CONTEXT,
        Kind.HEADER,
        Kind.CACHED,
        Kind.RUNNING,
        Kind.OUTPUT,
        Kind.REMOVED,
        Kind.IMAGE,
        Kind.PULL,
    )
)
RESULT, TAG, PUSH, CLEANUP, WARNING, FAILURE = (
    np.uint8(kind) for kind in (Kind.RESULT, Kind.TAG, Kind.PUSH, Kind.CLEANUP, Kind.WARNING, Kind.FAILURE)
)
FAILS = np.uint8(250)
"""A container is started, and its command fails."""
LAYERS = np.uint8(251)
"""``0123456789ab: ``: goes on with a pull or a push."""
STATUS = np.uint8(252)
"""``Digest: `` or ``Status: ``: goes on with a pull."""
INDENTED = np.uint8(253)
"""Goes on with a warning."""

_STEP, _FIVE = word(b"Step "), leading(5)
_ARROW, _SIX = word(b" ---> "), leading(6)
_COLON, _THREE = word(b" : "), leading(3)
_RUN, _SEVEN = word(b" : RUN "), leading(7)
_CACHED_WORD = word(b" ---> Us")
_RUNNING = word(b" ---> Ru")
_SUCCESS = word(b"Successf")
_BUILT = b"Successfully built "

_ID = 12
_IMAGE_ID = len(b" ---> ")
_RUNNING_ID = len(b" ---> Running in ")
_CLOSING = b"The command '/bin/sh -c "
_QUOTE, _SPACE = b"' "


class Outputs(NamedTuple):
    """Containers whose output's end is sure.

    Parameters
    ----------
    lines
        The line that starts each.
    ends
        Where its output ends.
    behind
        The line with which the builder goes on.
    fails
        Whether the command failed.
    """

    lines: Offsets
    ends: Offsets
    behind: Offsets
    fails: Flags

    def where(self, chosen: Flags) -> Outputs:
        """Some of them."""
        return Outputs(self.lines[chosen], self.ends[chosen], self.behind[chosen], self.fails[chosen])


class Chunk:
    """A piece of a log at work.

    Attributes
    ----------
    data : bytes
        The whole log.
    places : Places
        What was found in all of it.
    lines : Lines
        The lines of the piece.
    words, classes : array
        The first eight bytes and the class of each.
    headers, numbers, totals : array of int64
        The lines that begin a step, and their counts; a total is -1 if there is none.
    outputs : Outputs
        The outputs whose end is sure, none inside another one.
    ends_at_step : bool
        Whether a line begins behind the piece that is a step's.
    """

    def __init__(self, data: bytes, lines: Lines, places: Places) -> None:
        self.data = data
        self.places = places
        self.lines = lines
        self.ends_at_step = data.startswith(b"Step ", lines.base + lines.end)
        self.count = len(self.lines.starts) - 1
        self.words = self.lines.word(self.lines.starts[:-1])
        self.classes: Kinds = np.zeros(self.count, np.uint8)

        self._classify_steps()
        self._classify_results()
        starting, ids = self._classify_arrows()
        outputs = self._find_outputs(starting, ids)
        # An output that begins inside another one is part of it.
        beyond = np.maximum.accumulate(outputs.behind)
        is_outer = np.ones(len(beyond), np.bool_)
        is_outer[1:] = outputs.lines[1:] >= beyond[:-1]
        self.outputs = outputs.where(is_outer)
        self.classes[starting] = UNKNOWN
        self.classes[self.outputs.lines] = np.where(self.outputs.fails, FAILS, RUNS)

    def visited(self) -> Offsets:
        """The lines that are in no output."""
        inside = np.zeros(self.count + 1, np.int8)
        inside[self.outputs.lines + 1] += 1
        inside[self.outputs.behind] -= 1
        return np.flatnonzero(np.cumsum(inside[:-1], dtype=np.int8) == 0)

    # -- classes --------------------------------------------------------------------------------------

    def _classify_steps(self) -> None:
        """Find headers, and read their counts."""
        lines = self.lines
        steps = np.flatnonzero((self.words & _FIVE) == _STEP)
        at = lines.starts[steps] + len(b"Step ")
        numbers, at = read_number(lines, at)
        with_total = lines.bytes[at] == ord("/")
        totals, ends = read_number(lines, at + with_total)
        good = (numbers >= 0) & ((totals >= 0) | ~with_total)
        totals[~with_total] = -1
        self.colon = np.where(with_total, ends, at)
        good &= (lines.word(self.colon) & _THREE) == _COLON
        if good.all():
            self.headers, self.numbers, self.totals = steps, numbers, totals
        else:
            self.headers, self.numbers, self.totals = steps[good], numbers[good], totals[good]
            self.colon = self.colon[good]
        self.is_step = np.zeros(self.count + 1, np.bool_)
        self.is_step[steps] = True
        self.is_step[-1] = self.ends_at_step
        self.classes[self.headers] = HEADER

    def _classify_arrows(self) -> tuple[Offsets, Words]:
        """Find images, hits of the cache and starts of containers; returns the latter, with their ids."""
        lines = self.lines
        arrows = np.flatnonzero((self.words & _SIX) == _ARROW)
        starts = lines.starts[arrows]
        words = self.words[arrows]
        length = lines.starts[arrows + 1] - starts
        is_running = words == _RUNNING
        name = starts + np.where(is_running, _RUNNING_ID, _IMAGE_ID)
        ids, rest_of_ids = lines.word(name), lines.word(name + (_ID - 8))
        has_id = is_hex(ids)
        has_id &= is_hex(rest_of_ids)
        rest = length - (name - starts)
        has_id &= self._ends_after(starts, length, rest, _ID + 1)
        classes = np.where(has_id, IMAGE, UNKNOWN)
        # That of a stage from scratch has no id.
        classes[self._ends_after(starts, length, length, _IMAGE_ID + 1)] = IMAGE

        cached = words == _CACHED_WORD
        cached &= ids == word(b"Using ca")
        cached &= (rest_of_ids & _SEVEN) == word(b"g cache")
        some = np.flatnonzero(cached)
        size = length[some]
        classes[some[self._ends_after(starts[some], size, size, len(b" ---> Using cache\n"))]] = CACHED

        running = np.flatnonzero(is_running)
        classes[running] = UNKNOWN
        running = running[has_id[running]]
        at = starts[running]
        running = running[(lines.word(at + 8) == word(b"nning in")) & (lines.bytes[at + 16] == ord(" "))]
        self.classes[arrows] = classes
        return arrows[running], ids[running]

    def _ends_after(self, starts: Offsets, lengths: Offsets, rest: Offsets, count: int) -> Flags:
        """Whether lines have `count` bytes of `rest`, or one more that is a carriage return at their end."""
        good = rest == count
        longer = np.flatnonzero(rest == count + 1)
        if len(longer):
            good[longer] = self.lines.bytes[starts[longer] + lengths[longer] - 2] == ord("\r")
        flags: Flags = good
        return flags

    def _classify_results(self) -> None:
        """Find the builder's last words on a build that succeeded; pip has some that begin like them."""
        lines = self.lines
        results = np.flatnonzero(self.words == _SUCCESS)
        if not len(results):
            return
        at = lines.starts[results]
        length = lines.starts[results + 1] - at
        good = self._ends_after(at, length, length, len(_BUILT) + _ID + 1)
        at, results = at[good], results[good]
        good = lines.goes_on(_BUILT, at)
        good &= is_hex(lines.word(at + len(_BUILT)))
        good &= is_hex(lines.word(at + (len(_BUILT) + _ID - 8)))
        self.classes[results[good]] = RESULT

    # -- outputs --------------------------------------------------------------------------------------

    def _find_outputs(self, running: Offsets, ids: Words) -> Outputs:
        """Find where outputs end, of the containers that some lines start."""
        sure, output_end, next_line = self._find_removals(running, ids)
        fails = np.zeros(len(running), np.bool_)
        left = np.flatnonzero(~sure)
        if len(left) and len(self.headers) and len(self.places.failures):
            failed = self._find_failures(left, running[left], ids[left])
            if failed:
                left, ends, behind = np.array(failed).T
                fails[left] = sure[left] = True
                output_end[left], next_line[left] = ends, behind
        return Outputs(running, output_end, next_line, fails).where(sure)

    def _find_removals(self, running: Offsets, ids: Words) -> tuple[Flags, Offsets, Offsets]:
        """Find containers whose own removal is the first spoken of, with a step or the result behind it."""
        lines = self.lines
        base, starts = lines.base, lines.starts
        removals = self.places.removals
        low, high = np.searchsorted(removals, (base, base + lines.end))
        removals = np.append(removals[low:high] - base, starts[-1])
        begin = starts[running + 1]
        at = removals[np.searchsorted(removals, begin)]
        # What is behind the last line is none of this piece's, and read as if it stood right here.
        sure = at < starts[-1]
        at[~sure] = begin[~sure]
        name = at + len(REMOVAL)
        sure &= lines.word(name) == ids
        sure &= lines.word(name + (_ID - 8)) == lines.word(starts[running] + (_RUNNING_ID + _ID - 8))
        before = lines.word(at - 8)
        is_past = before == word(b"Removed ")
        end = at - np.where(is_past, len(b" ---> Removed "), len(b"Removing "))
        sure &= end >= begin
        sure &= is_past | (before == word(b"emoving "))
        sure &= lines.word(end) == np.where(is_past, word(b" ---> Re"), word(b"Removing"))
        line = np.searchsorted(starts, at)
        # Its image follows, and behind that what the builder goes on with.
        line[line >= self.count] = 0
        sure &= self._ends_after(at, starts[line] - at, starts[line] - at, len(REMOVAL) + _ID + 1)
        sure &= self.classes[line] == IMAGE
        sure &= starts[line + 1] - starts[line] > _ID
        goes_on = self.is_step.copy()
        goes_on[:-1] |= self.classes == RESULT
        sure &= goes_on[line + 1]
        return sure, end, line

    def _find_failures(self, index: Offsets, running: Offsets, ids: Words) -> list[tuple[int, int, int]]:
        """Find containers that nothing removes and whose command the builder repeats when it fails.

        Returns
        -------
        list of tuple
            Of each: its place in `index`, where its output ends and the line behind the builder's words.
        """
        lines, places, data = self.lines, self.places, self.data
        base, starts, failures = lines.base, lines.starts, places.failures
        begin = starts[running + 1]
        header = np.searchsorted(self.headers, running) - 1
        chosen = (header >= 0) & (self.headers[header] == running - 1)
        chosen &= (lines.word(self.colon[header]) & _SEVEN) == _RUN
        first = np.searchsorted(failures, begin + base)
        failure = at_or_beyond(failures, first)
        chosen &= failure < starts[-1] + base
        # The last of several such sentences counts, so the next one must be another build's.
        following = at_or_beyond(failures, np.minimum(first + 1, len(failures)))
        next_context = at_or_beyond(places.contexts, np.searchsorted(places.contexts, failure))
        chosen &= (next_context < following) | (first + 1 >= len(failures))
        chosen &= ~places.speak_of(ids)
        chosen &= ~places.may_be_late(begin + base)
        columns = (
            index,
            starts[running - 1] + base,
            self.colon[header] + (base + len(b" : RUN ")),
            starts[running] + base,
            begin + base,
            failure,
            np.searchsorted(starts, failure - base),
        )
        found = []
        for place, header_at, command_at, running_at, output, end, behind in zip(
            *(column[chosen].tolist() for column in columns), strict=True
        ):
            command = data[command_at:running_at].strip()
            if not command or command[0] in b"-[":  # flags are not repeated, words of a list come joined
                continue
            words = end - len(_CLOSING) - len(command) - 1
            if (
                words >= output
                and data.startswith(_CLOSING, words)
                and data.startswith(command, words + len(_CLOSING))
                and data[end - 1] == _QUOTE
                and data[words - 1] != _SPACE
                # A later build may fail at the same step, behind the same header.
                and data.find(data[header_at:running_at].strip(), output, end + running_at - header_at) < 0
            ):
                found.append((place, words - base, behind))
        return found
