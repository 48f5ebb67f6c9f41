"""Regular stretches of a log, all at once.

Most lines of the builder look the same but for their ids, and what is not the builder's lies between a
container's start and its removal. This module finds such stretches, steps and whole builds, with a few array
operations, at a speed that no loop over lines can reach. It only ever says what the state machine in
:mod:`.cutter` would say, and leaves to that everything that is not regular: late removals, kept containers,
triggers, unusual failures.

:mod:`.chunk` gives each line a class, as if the machine stood there, and leaves out the lines of outputs. The
rest are the lines that the machine would visit one by one, and a run of them whose classes follow from each
other is a :class:`Run`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from logparse.model import Kind
from logparse.parser.classic.chunk import (
    BEGINS,
    BLANK,
    CACHED,
    CLEANUP,
    FAILS,
    FAILURE,
    HEADER,
    IMAGE,
    INDENTED,
    LAYERS,
    OUTPUT,
    PULL,
    PUSH,
    REMOVED,
    RESULT,
    RUNS,
    STATUS,
    TAG,
    UNKNOWN,
    WARNING,
    Chunk,
)
from logparse.parser.classic.lines import Flags, Kinds, Lines, Offsets, at_or_beyond, is_hex, leading, word
from logparse.parser.classic.markers import CONTEXT, CONTEXT_LINE, HEAD, HIDDEN, KIND_OF, LINE
from logparse.parser.classic.places import Places

__all__ = ["Run", "find_regular"]

_CHUNK = 1 << 22
_SMALL_CHUNK = 1 << 18

_LAYER, _LAYER_MASK = word(b"\0\0\0\0\0\0: "), word(b"\0\0\0\0\0\0\xff\xff")
_INDENT, _FOUR = word(b"    "), leading(4)
_ID = 12

_BEGINNINGS = (
    (b"Successfully tagged ", TAG),
    (b"The push refers to ", PUSH),
    (b"DEPRECATED: The legacy builder is deprecated", WARNING),
    (b"Untagged: ", CLEANUP),
    (b"Deleted: ", CLEANUP),
)


class Run(NamedTuple):
    """Lines one behind the other, which the machine would cut so if it came to stand at the first one.

    Parameters
    ----------
    kinds, ends
        Their elements, as for :class:`~logparse.model.Tape`; `ends` are the bytes of 64-bit integers.
    builds
        Which of the elements begin other builds than the first one.
    start, end
        Where the first line begins and the last one ends.
    number, total
        The count of the step that the first line begins, `total` is -1 if there is none; `number` is -1 if
        it begins a build.
    header, last_number, last_total
        Of the last build: the last header's element and count; -1 if it has none.
    is_open
        Whether the last build has not ended.
    """

    kinds: memoryview
    ends: memoryview
    builds: list[int]
    start: int
    end: int
    number: int
    total: int
    header: int
    last_number: int
    last_total: int
    is_open: bool


def find_regular(data: bytes, places: Places) -> Iterator[Run]:
    """Find the regular stretches of a log, from left to right.

    A stretch may be cut in two anywhere. The log is read piece by piece, so that memory does not grow with
    it, and what is at work stays in the processor's cache.
    """
    # Memory of arrays this large is given back to the system when they are gone, and got from it anew for
    # the next one, page by page, at several times the cost of the work. Once one of them is gone, the C
    # library keeps what is smaller.
    np.empty(1 << 24, np.uint8)
    for start, end in _chunks(data, 0, len(data), _CHUNK):
        lines = Lines(data, start, end)
        if len(lines.starts) < _CHUNK // 16:
            yield from _Visited(Chunk(data, lines, places)).runs()
        else:
            # Of very short lines, fewer at a time.
            for begin, stop in _chunks(data, start, end, _SMALL_CHUNK):
                yield from _Visited(Chunk(data, Lines(data, begin, stop), places)).runs()


def _chunks(data: bytes, start: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut a log into pieces that end where a step begins, so that steps stay whole.

    A step that is longer than a piece is left out: it would take memory in proportion, and one step more
    or less does not count.
    """
    while end - start > size:
        found = data.rfind(b"\nStep ", start + 1, start + size)
        if found >= 0:
            yield start, found + 1
        else:
            found = data.find(b"\nStep ", start + size - len(b"\nStep "), end)
            if found < 0:
                return
        start = found + 1
    yield start, end


class _Visited:
    """The lines of a piece that the machine would visit, one by one.

    Attributes
    ----------
    visited : array of int64
        Their numbers among the lines of the piece. All other indices count visited lines.
    classes, starts, ends : array
        Of each.
    joined : array of bool
        Whether each is of the same element as the one before; and whether one behind them would be.
    is_unknown : array of bool
        Whether each has no class; and whether one behind them would have none.
    is_odd, breaks : array of bool
        Whether each is not regular where it stands, and whether it does not follow from the one before.
    headers, contexts, closings, running : array of int64
        Lines that begin a step, begin a build, end a build, start a container.
    numbers, totals : array of int64
        The counts of the headers.
    """

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self.lines = chunk.lines
        self.visited = chunk.visited()
        self.classes = chunk.classes[self.visited]
        self.starts = chunk.lines.starts[self.visited]
        self.ends = chunk.lines.starts[self.visited + 1]

    def runs(self) -> Iterator[Run]:
        """Stretches of lines that follow from each other."""
        count = len(self.visited)
        if not count:
            return
        goes_on = self._classify_others()
        classes = self.classes
        self.joined = np.zeros(count + 1, np.bool_)
        self.joined[1:-1] = (classes[1:] == classes[:-1]) & _is_one_of(classes[1:], TAG, PUSH, CLEANUP, BLANK)
        self.joined[goes_on] = True
        self.is_odd = classes == UNKNOWN
        self.is_unknown = np.append(self.is_odd, not self.chunk.ends_at_step)
        self.breaks = np.zeros(count, np.bool_)
        self.headers = np.flatnonzero(classes == HEADER)
        self.contexts = np.flatnonzero(classes == BEGINS)
        self.closings = np.flatnonzero(_is_one_of(classes, RESULT, FAILS, FAILURE))
        self.running = np.flatnonzero(_is_one_of(classes, RUNS, FAILS))
        self._check_counts()
        self._check_contexts()
        self._check_closed()
        yield from self._collect(*self._stretches())

    # -- classes --------------------------------------------------------------------------------------

    def _classify_others(self) -> Offsets:
        """Find all that is not part of steps; returns the lines that go on with what is before them."""
        lines, classes = self.lines, self.classes
        others = np.flatnonzero(classes == UNKNOWN)
        if not len(others):
            return others
        words = self.chunk.words[self.visited[others]]
        starts = self.starts[others]
        found = np.zeros(len(others), np.uint8)
        found[self.ends[others] - starts == 1] = BLANK
        found[(words & _FOUR) == _INDENT] = INDENTED
        found[(words == word(b"Digest: ")) | (words == word(b"Status: "))] = STATUS
        for text, kind in _BEGINNINGS:
            some = np.flatnonzero(words == word(text[:8]))
            if len(some):
                some = some[lines.goes_on(text, starts[some])]
                # A tag of that name may be pulled.
                some = some[lines.bytes[starts[some] + len(text)] != ord("P")] if kind is CLEANUP else some
                found[some] = kind
        some = np.flatnonzero(is_hex(words))
        if len(some):
            rest = lines.word(starts[some] + (_ID - 6))
            found[some[is_hex(rest, 6) & ((rest & _LAYER_MASK) == _LAYER)]] = LAYERS
        some = np.flatnonzero(words == word(b"Sending "))
        if len(some):
            # The returns at the beginning of a line belong to the context before.
            some = some[lines.bytes[self.ends[others[some]]] != ord("\r")]
            found[some] = self._read(others[some], _read_context)
        classes[others] = found

        # What begins with a tag, which may be any word, or is a failure; both are looked for where they are
        # likely.
        some = others[found == UNKNOWN]
        some = some[some > 0]
        some = some[_is_one_of(classes[some - 1], HEADER, BEGINS, LAYERS, PUSH)]
        classes[some] = self._read(some, _read_words)
        return self._resolve(others[found >= LAYERS])

    def _read(self, those: Offsets, read: Callable[[bytes], np.uint8]) -> Kinds:
        """The classes of lines that have to be read."""
        data, base = self.chunk.data, self.lines.base
        spans = zip((self.starts[those] + base).tolist(), (self.ends[those] + base).tolist(), strict=True)
        texts = [data[start:end] for start, end in spans]
        # Sizes of contexts and names of images repeat.
        class_of = {text: read(text) for text in {*texts}}
        return np.array([class_of[text] for text in texts], np.uint8)

    def _resolve(self, those: Offsets) -> Offsets:
        """Give lines that go on with others the class of these; returns which are right where they stand."""
        classes = self.classes
        if len(those):
            is_first = np.ones(len(those), np.bool_)
            is_first[1:] = those[1:] != those[:-1] + 1
            first = those[is_first]
            heads = np.where(first > 0, classes[first - 1], UNKNOWN)
            heads = heads[np.cumsum(is_first) - 1]
            found = classes[those]
            good = (found == LAYERS) & _is_one_of(heads, PULL, PUSH)
            good |= (found == STATUS) & (heads == PULL)
            good |= (found == INDENTED) & (heads == WARNING)
            classes[those] = np.where(good, heads, UNKNOWN)
            those = those[good]
        # On a terminal, an empty line may stand between the lines of a pull.
        blank = np.flatnonzero(classes[1:] == BLANK) + 1
        classes[blank[_is_one_of(classes[blank - 1], PULL, PUSH)]] = UNKNOWN
        return those

    # -- what follows from what -----------------------------------------------------------------------

    def _check_counts(self) -> None:
        """Read the counts of headers; one that does not go on with the one before begins a stretch."""
        chunk, headers = self.chunk, self.headers
        numbers, totals = chunk.numbers, chunk.totals
        if len(headers) < len(numbers):
            index = np.searchsorted(chunk.headers, self.visited[headers])
            numbers, totals = numbers[index], totals[index]
        self.numbers, self.totals = numbers, totals
        jumps = np.flatnonzero((numbers[1:] - numbers[:-1] != 1) | (totals[1:] != totals[:-1])) + 1
        here, before = headers[jumps], headers[jumps - 1]
        in_one_build = np.searchsorted(self.contexts, here) == np.searchsorted(self.contexts, before)
        self.breaks[here[in_one_build]] = True

    def _check_contexts(self) -> None:
        """A context behind another one, with neither step nor end between, begins no build."""
        here, before = self.contexts[1:], self.contexts[:-1]
        nothing = np.searchsorted(self.headers, here) == np.searchsorted(self.headers, before)
        nothing &= np.searchsorted(self.closings, here) == np.searchsorted(self.closings, before)
        self.breaks[here[nothing]] = True

    def _check_closed(self) -> None:
        """Between a build's end and the next one's beginning, fewer lines are regular."""
        closings, classes = self.closings, self.classes
        if not len(closings):
            return
        count = len(classes)
        opens = np.minimum(self._next_beginning(closings), count)
        is_first = np.ones(len(opens), np.bool_)
        is_first[1:] = opens[1:] != opens[:-1]
        closings, opens = closings[is_first], opens[is_first]
        change = np.zeros(count + 1, np.int8)
        change[closings + 1] += 1
        change[opens] -= 1
        closed = np.cumsum(change[:-1], dtype=np.int8) > 0
        self.is_odd |= closed & _is_one_of(classes, RUNS, FAILS, CACHED, IMAGE, PULL, RESULT, FAILURE)
        # A first step without a context begins a build, too.
        opens_at = opens[opens < count]
        self.breaks[opens_at[classes[opens_at] == HEADER]] = True
        for begin, end in self._hiding(closings + 1, opens):
            self.is_odd[begin:end] = True

    def _next_beginning(self, those: Offsets) -> Offsets:
        """The first line at or behind each of some that begins a step or build, or beyond the last line."""
        header = at_or_beyond(self.headers, np.searchsorted(self.headers, those))
        context = at_or_beyond(self.contexts, np.searchsorted(self.contexts, those))
        return np.minimum(header, context)

    def _hiding(self, first: Offsets, behind: Offsets) -> Iterator[tuple[int, int]]:
        """Those stretches of lines outside of builds in which one may begin in the middle of a line."""
        data, base = self.chunk.data, self.lines.base
        starts = np.append(self.starts, self.lines.starts[-1]) + base
        begin, end = starts[first], starts[behind]
        contexts = self.chunk.places.contexts
        hides = np.searchsorted(contexts, end) > np.searchsorted(contexts, begin)
        spans = zip(begin.tolist(), end.tolist(), strict=True)
        hides |= np.array([data.find(b"\r", *span) for span in spans]) >= 0
        for index in np.flatnonzero(hides).tolist():
            # At the end of a line, a carriage return hides nothing.
            span = begin[index], end[index]
            if data.find(CONTEXT, *span) >= 0 or HIDDEN.search(data, *span) is not None:
                yield first[index], behind[index]

    def _stretches(self) -> tuple[Offsets, Offsets]:
        """The stretches of lines that follow from each other: the first line of each and the one behind."""
        is_odd, joined = self.is_odd, self.joined
        edges = np.flatnonzero(is_odd | self.breaks)
        # Only where a step or a build begins is it certain where the machine stands.
        first = self._next_beginning(np.concatenate(([0], edges + is_odd[edges])))
        behind = np.append(edges, len(is_odd))
        chosen = first < behind
        first, behind = first[chosen], behind[chosen]
        # An element that may go on behind the stretch is left to the machine.
        last = behind - 1
        cut = self.is_unknown[behind] | joined[behind]
        cut &= _is_one_of(self.classes[last], TAG, PUSH, CLEANUP, PULL, WARNING)
        if cut.any():
            begins = np.flatnonzero(~joined[:-1])
            behind[cut] = begins[np.searchsorted(begins, last[cut], "right") - 1]
            chosen = first < behind
            first, behind = first[chosen], behind[chosen]
        return first, behind

    # -- elements -------------------------------------------------------------------------------------

    def _elements(self) -> tuple[Offsets, Kinds, Offsets]:
        """The elements of all lines: how many there are up to each line, their kinds and ends."""
        outputs, running = self.chunk.outputs, self.running
        kinds, ends = self.classes, self.ends
        is_last = ~self.joined[1:]
        counts = np.cumsum(is_last, dtype=np.int64)
        has_output = outputs.ends > ends[running]
        if len(running):
            # A container has up to two more, of which its removal or failure is the last.
            more = np.zeros(len(ends), np.int64)
            more[running] = 1 + has_output
            counts += np.cumsum(more)
            kinds, ends = kinds.copy(), ends.copy()
            kinds[running] = np.where(outputs.fails, FAILURE, REMOVED)
            ends[running] = self.lines.starts[outputs.behind]
        where = counts - 1
        if not is_last.all():
            kinds, ends, where = kinds[is_last], ends[is_last], where[is_last]
        made_kinds, made_ends = np.empty(counts[-1], np.uint8), np.empty(counts[-1], np.int64)
        made_kinds[where], made_ends[where] = kinds, ends
        last = counts[running] - 1
        output = last[has_output] - 1
        made_kinds[output], made_ends[output] = OUTPUT, outputs.ends[has_output]
        last -= 1 + has_output
        made_kinds[last], made_ends[last] = RUNS, self.ends[running]
        made_ends += self.lines.base
        return np.concatenate(([0], counts)), made_kinds, made_ends

    def _collect(self, first: Offsets, behind: Offsets) -> Iterator[Run]:
        """Make runs of the stretches from each `first` to `behind` (exclusive)."""
        if not len(first):
            return
        headers, contexts = self.headers, self.contexts
        counts, kinds, ends = self._elements()
        low, high = counts[first], counts[behind]
        nothing = np.int64(-1)
        numbers, totals = np.append(self.numbers, nothing), np.append(self.totals, nothing)
        at_header = np.searchsorted(headers, first)
        at_header[at_or_beyond(headers, at_header) != first] = -1

        # How the stretch ends.
        last_header = np.searchsorted(headers, behind) - 1
        last_context = np.searchsorted(contexts, behind) - 1
        last_closing = np.searchsorted(self.closings, behind) - 1
        header = np.append(headers, nothing)[last_header]
        context = np.append(contexts, nothing)[last_context]
        is_open = np.append(self.closings, nothing)[last_closing] < np.maximum(header, context)
        last_header[(header < first) | (header < context)] = -1
        last_element = np.where(last_header < 0, nothing, counts[header] - low)
        builds = counts[contexts]
        columns = (
            low,
            high,
            # A context with which the stretch begins is not counted.
            np.searchsorted(contexts, first, "right"),
            last_context + 1,
            self.starts[first] + self.lines.base,
            ends[high - 1],
            numbers[at_header],
            totals[at_header],
            last_element,
            numbers[last_header],
            totals[last_header],
            is_open,
        )
        all_kinds, all_ends = kinds.data, ends.data.cast("B")
        for begin, end, first_build, last_build, *rest in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            yield Run(
                all_kinds[begin:end],
                all_ends[8 * begin : 8 * end],
                (builds[first_build:last_build] - begin).tolist() if first_build < last_build else [],
                *rest,
            )


def _is_one_of(classes: Kinds, *some: np.uint8) -> Flags:
    """Whether each class is one of some."""
    flags: Flags = classes == some[0]
    for one in some[1:]:
        flags |= classes == one
    return flags


def _read_context(text: bytes) -> np.uint8:
    """The class of a line about a context, if it is about nothing else."""
    return UNKNOWN if CONTEXT_LINE.fullmatch(text) is None else BEGINS


def _read_words(text: bytes) -> np.uint8:
    """The class of a line that begins a pull, ends a push or is a failure."""
    head = HEAD.match(text)
    if head is not None:
        return PUSH if head.lastindex is None else PULL
    match = LINE.match(text)
    is_failure = match is not None and match.end() == len(text) and KIND_OF[match.lastindex] is Kind.FAILURE
    return FAILURE if is_failure else UNKNOWN
