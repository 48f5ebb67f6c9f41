"""Which of a log's lines that look like headers of steps are buildah's own.

A program can print ``STEP 3/9: RUN make``, or a whole nested build. But steps are counted, for each stage of
each platform on its own, so a header counts if it goes on where its stage is, or begins a stage or a build
where one can begin. Doubtful beginnings are decided by what comes later. All headers are found once and
looked up by their numbers, so the cost of a log grows with its size only.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from logparse.parser.buildah.markers import (
    ABOVE,
    BEFORE_STEP,
    BUILDING_AT,
    FROM,
    OLD_COMMIT,
    RESULTS,
    RUN,
    STEP,
)

__all__ = ["Chain", "Header", "Key", "builds_of", "find_headers", "says"]

_PREFIX_END = b"] "


class Key(NamedTuple):
    """What is counted on its own: a stage on a platform."""

    platform: bytes | None
    stage: int | None
    stages: int | None


class Header(NamedTuple):
    """A line that announces a step.

    Parameters
    ----------
    start, end
        Where it is, from its prefix to its line's end.
    prefix
        Platform and stage as printed.
    words
        Where the instruction begins.
    key, number, total
        What it counts.
    instruction
        In upper case.
    """

    start: int
    prefix: bytes
    words: int
    end: int
    key: Key
    number: int
    total: int | None
    instruction: bytes

    @property
    def runs(self) -> bool:
        """Whether a program speaks behind it."""
        return self.instruction == RUN

    @property
    def is_at_end(self) -> bool:
        """Whether no further step of its stage need follow."""
        return self.total is None or self.number >= self.total

    @property
    def may_be_last(self) -> bool:
        """Whether no further step of its platform need follow."""
        return self.is_at_end and self.key.stage == self.key.stages


@dataclass(slots=True)
class _Run:
    """One build, as far as it was followed: the last header of each stage."""

    last: dict[Key, Header] = field(default_factory=dict)
    latest: Header | None = None
    interleaved: bool = False

    def add(self, header: Header) -> None:
        self.last[header.key] = header
        self.latest = header


def find_headers(data: bytes) -> list[Header]:
    """Every line that looks like a header."""
    found = []
    keys: dict[bytes, Key] = {b"": Key(None, None, None)}
    for match in STEP.finditer(data):
        instruction = match[3].upper()
        if instruction == OLD_COMMIT:
            continue
        start = match.start()
        prefix = b""
        if data.endswith(_PREFIX_END, 0, start):
            prefix = _prefix(data, start)
            if prefix not in keys:
                keys[prefix] = _key(prefix)
        number, total = match.group(1, 2)
        found.append(
            Header(
                start - len(prefix),
                prefix,
                match.start(3),
                match.end(),
                keys[prefix],
                int(number),
                None if total is None else int(total),
                instruction,
            )
        )
    return found


def _prefix(data: bytes, start: int) -> bytes:
    """The prefix that ends where a counter starts."""
    above = max(0, start - ABOVE)
    before = BEFORE_STEP.search(data, max(above, data.rfind(b"\n", above, start)), start)
    return b"" if before is None else before[0]


def _key(prefix: bytes) -> Key:
    """What a prefix says."""
    said = BEFORE_STEP.match(prefix)
    if said is None:  # it was found by that
        raise AssertionError(prefix)
    platform, stage, stages = said.group("platform", "stage", "stages")
    return Key(platform, int(stage) if stage else None, int(stages) if stage else None)


def builds_of(data: bytes) -> Chain:
    """The headers of each build in a log."""
    chain = Chain(data, find_headers(data))
    chain.follow()
    return chain


def _is_first(header: Header) -> bool:
    return header.number == 1 and header.instruction == FROM


class Chain:
    """Follows the headers of a log.

    Attributes
    ----------
    builds : list of list of Header
        Those that are buildah's, build by build.
    shared : set of int
        Where those of them begin at which stages ran at once.
    failures : list of int
        Where a failure may name a step, in ascending order.
    """

    def __init__(self, data: bytes, headers: list[Header]) -> None:
        self.builds: list[list[Header]] = []
        self.shared: set[int] = set()
        self._data = data
        self._headers = headers
        self.failures = [match.start() for match in BUILDING_AT.finditer(data)]
        self._results = sorted(match.start() for each in RESULTS for match in each.finditer(data))

    # Few logs leave a doubt for which these are asked.

    @cached_property
    def _places(self) -> dict[tuple[Key, int], list[int]]:
        """Where headers are, by what they count."""
        places: dict[tuple[Key, int], list[int]] = {}
        for header in self._headers:
            places.setdefault((header.key, header.number), []).append(header.start)
        return places

    @cached_property
    def _same(self) -> dict[bytes, list[int]]:
        """Where they are, by their words."""
        same: dict[bytes, list[int]] = {}
        for header in self._headers:
            same.setdefault(_line(self._data, header), []).append(header.start)
        return same

    def follow(self) -> None:
        """Tell the builder's headers from others."""
        run = _Run()
        for header in self._headers:
            if run.latest is None:
                # A log may begin in the middle of a build.
                self.builds.append([])
            elif self.begins_build(run, header):
                run = _Run()
                self.builds.append([])
            elif not self.goes_on(run, header):
                continue
            run.add(header)
            self.builds[-1].append(header)
            if run.interleaved:
                self.shared.add(header.start)

    def goes_on(self, run: _Run, header: Header) -> bool:
        """Whether a header is the next of a build."""
        last, latest = run.last.get(header.key), run.latest
        if last is not None:
            if latest is not None and header.total is None and header.key.stage is None and _is_first(header):
                # Another stage, from before they were numbered.
                return not latest.runs or self._continues(header)
            if header.number != last.number + 1 or not _counts_on(last, header):
                return False
            run.interleaved = run.interleaved or last is not latest
            return True
        if latest is None or not self._belongs(run, header):
            return False
        if not latest.is_at_end:
            # Another stage at the same time: a program may have printed that.
            if latest.runs and not self._continues(header):
                return False
            run.interleaved = True
        return True

    def begins_build(self, run: _Run, header: Header) -> bool:
        """Whether a header is the first of another build."""
        if not _is_first(header) or run.latest is None:
            return False
        if header.key not in run.last and self._belongs(run, header):
            return False
        if header.total is None and header.key.stage is None and not self._is_over(run, header):
            return False
        latest = run.latest
        if not latest.runs or self._is_over(run, header):
            return True
        return self._continues(header) and not self._is_nested(latest, header)

    def _belongs(self, run: _Run, header: Header) -> bool:
        """Whether a header begins a stage that a build has not had so far."""
        if not _is_first(header) or run.latest is None:
            return False
        ours, theirs = run.latest.key, header.key
        return (
            (ours.platform is None) == (theirs.platform is None)
            and (ours.stages == theirs.stages or ours.platform is not None)
            and (theirs.stage is not None or theirs.platform is not None)
        )

    def _is_over(self, run: _Run, header: Header) -> bool:
        """Whether a build came to its end before a header."""
        latest = run.latest
        if latest is None:
            return True
        end = self._next_failure(latest.end)
        if end < header.start and says(self._data, end, latest):
            return True
        index = bisect_right(self._results, latest.end)
        return index < len(self._results) and self._results[index] < header.start

    def _next_failure(self, offset: int) -> int:
        index = bisect_right(self.failures, offset)
        return self.failures[index] if index < len(self.failures) else len(self._data)

    def _continues(self, header: Header) -> bool:
        """Whether a first step is followed by a second before there is another first one."""
        if header.total == 1:
            return True
        second = self._after((header.key, 2), header.start)
        again = self._after((header.key, 1), header.start)
        return second is not None and (again is None or second < again)

    def _is_nested(self, latest: Header, header: Header) -> bool:
        """Whether the build that was there goes on behind a header, so that a program of its printed that."""
        following = self._after((latest.key, latest.number + 1), header.start)
        ends = [] if following is None else [following]
        failure = self._next_failure(header.start)
        if failure < len(self._data) and says(self._data, failure, latest):
            ends.append(failure)
        if not ends:
            return False
        same = self._same[_line(self._data, latest)]
        index = bisect_right(same, header.start)
        return index == len(same) or same[index] > min(ends)

    def _after(self, what: tuple[Key, int], offset: int) -> int | None:
        places = self._places.get(what, [])
        index = bisect_right(places, offset)
        return places[index] if index < len(places) else None


_LONGEST = 512


def _line(data: bytes, header: Header) -> bytes:
    return data[header.words : min(header.end, header.words + _LONGEST)].strip()


def _counts_on(last: Header, header: Header) -> bool:
    """Whether the total of a header can follow that of the one before it."""
    if last.total is None or header.total is None:
        # Behind the last step that was foreseen, no total is printed.
        return header.total is None and (last.total is None or last.number >= last.total)
    # ONBUILD instructions of the base image are counted once it is known, behind the first step.
    return header.total == last.total or (last.number == 1 and header.total > last.total)


def says(data: bytes, failure: int, header: Header) -> int:
    """How well the failure that has ``building at`` at an offset names a header's instruction.

    Returns
    -------
    int
        2 if it repeats it, 1 if it may be meant, 0 if it is another. Arguments are printed with variables
        filled in and without flags, so the first words that are neither have to do.
    """
    line = _line(data, header)
    quoted = data[failure : failure + 2 * _LONGEST].partition(b'"')[2]
    if quoted.startswith(line + b'":'):
        return 2
    words = line.split()
    if not quoted:  # ``step {Env:[...] Command:run ...}`` of before 1.8
        return 1
    named = quoted.split()[: len(words)]
    if not named or named[0].rstrip(b'":').upper() != words[0].upper():
        return 0
    ours = [word for word in words[1:] if not word.startswith(b"--")][:3]
    theirs = [word.rstrip(b'":') for word in named[1:] if not word.startswith(b"--")][:3]
    pairs = zip(ours, theirs, strict=False)
    return int(all(b"$" in one or one.rstrip(b'":') == other or one.startswith(b"[") for one, other in pairs))
