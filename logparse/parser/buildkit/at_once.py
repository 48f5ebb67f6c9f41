"""Telling builds of BuildKit apart that ran at once, in the plain display.

Each build counts its vertices from 1, so two of them have lines that look like one's. What tells them apart:

* a display prints one vertex at a time, so a line belongs to a build whose vertex *at hand* has that number;
* a number has one name in each build, and a step comes behind the one before it in its stage;
* the clock of a vertex does not run backwards, and the clocks of all go on together.

What is left is a guess. Vertices that builds share, such as the base image, have the name that one of them
gave it, in each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter

from logparse.model import Build, Span, Transcript
from logparse.parser.at_once import MOST, Sorting, builds_of
from logparse.parser.buildkit.markers import (
    CLOSING,
    CONTROL,
    EXPORT,
    GLUED_END,
    HEADING,
    kind_of_status,
)
from logparse.parser.buildkit.names import read_name
from logparse.parser.buildkit.strands import BuildStrand, likelihood_new, names_command, suits

__all__ = ["read_apart"]

_LINE = re.compile(rb"#(?P<number>\d{1,6}) (?P<rest>[^\n]*+)\n?+|[^\n]*+\n?+")
_DIGEST = re.compile(rb"#(\d{1,6}) (sha256:[0-9a-f]{64})[ \t\r]{0,8}(?:\n|\Z)")
_CLOCK = re.compile(rb"(?:DONE )?(\d{1,7}\.\d{1,3})(?:s?[ \t\r]|s?\Z)")
_SUMMARY = re.compile(rb"------[ \t\r]{0,8}\n > ([^\n]{1,65536}):[ \t\r]{0,8}\n")
_CLOSING = re.compile(CLOSING)
_LAST_WORDS = re.compile(rb"[^\n:]{1,512}:\d{1,7}[ \t\r]{0,8}\n-{20}|" + CLOSING)
_RESOLVE = re.compile(rb"(?:sha256:[0-9a-f]{64}[ \t\r]{0,8}\n#\d{1,6} )?resolve ")

_FOLLOWING = re.compile(rb"(?:[ \t\r]*+\n){1,2}#(?P<number>\d{1,6}) (?P<name>(?!\d)[^\n]++)\n")
_ENDING = re.compile(rb"DONE|CACHED")
_LOCAL = re.compile(rb"\[internal\] load (?:build |\.docker)")
"""Vertices that are each build's own, even if others have one of that name."""
_LONGEST_BLOCK = 1 << 16

_WEIGHT = 0.25
"""Seconds of difference for which one more of likelihood makes up."""
_NEARNESS = 0.15
"""The same for the build that spoke last, since what is printed at once stands together."""
_UNSUITED = 1e3
_NO_WAY = 1e6
_SLACK = 0.05
"""Seconds by which a clock may seem to run backwards: it is printed with fewer digits at a vertex' end."""
_UNKNOWN_CLOCK = 0.5
"""Seconds that a line without a clock counts as being away from now."""


def read_apart(
    transcript: Transcript,
    builds: Sequence[Build],
    at_once: Sequence[bool],
    read: Callable[[Transcript], list[Build]],
) -> list[Build]:
    """Read a text in which several builds wrote at once.

    Parameters
    ----------
    transcript
        The text.
    builds
        What was made of it.
    at_once
        Whether each of these seems to be several.
    read
        Makes builds of a text without looking for such.

    Returns
    -------
    list of Build
        One a build that ran, as far as they can be told apart.
    """
    found: list[Build] = []
    start = 0
    for is_several, group in groupby(zip(at_once, builds, strict=True), key=itemgetter(0)):
        those = [build for _, build in group]
        # Several in a row are told apart one by one, since each was cut where another one begins for sure.
        for last in those if is_several else those[-1:]:
            end = last.tape.element(last.last - 1).end
            read_there = _read_region(transcript, Span(start, end), read, is_several=is_several)
            if read_there:
                found += read_there
                start = end
            # Words in which no vertex is named are none of a build alone; they go with what follows.
    if start < len(transcript.data):
        for build, is_several in zip(builds, at_once, strict=True):
            build.at_once = is_several
        return list(builds)
    for index, build in enumerate(found):
        build.index = index
    return found


def _read_region(
    transcript: Transcript, region: Span, read: Callable[[Transcript], list[Build]], *, is_several: bool
) -> list[Build]:
    strands = _tell_apart(transcript.data, region) if is_several else []
    apart = builds_of(transcript, strands, read) if len(strands) > 1 else []
    if apart:
        return apart
    builds = read(transcript.select([region]))
    for build in builds:
        build.at_once = is_several
    return builds


def _tell_apart(data: bytes, region: Span) -> list[BuildStrand]:
    """Give each line of a stretch of the text to the build that wrote it; fewer than two if that fails."""
    sorter = _Sorter(data)
    position, end = region
    while position < end:
        line = _LINE.match(data, position, end)
        if line is None or len(sorter.strands) > MOST:
            return []
        position = sorter.line(line)
    if len(sorter.strands) > 1:
        sorter.sorting.sort()
    return sorter.strands


class _Sorter:
    """Goes through the lines."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.sorting = Sorting(data)
        self.strands: list[BuildStrand] = []
        self.now = 0.0
        # Builds with an error, in the order of these; and whose last words are being printed.
        self._failing: list[BuildStrand] = []
        self._ending: BuildStrand | None = None
        self._looking_ahead = False

    def line(self, line: re.Match[bytes]) -> int:
        """Give a line, or lines that belong together, to a build; returns where the next begins."""
        start, end = line.span()
        if line["number"] is None:
            return self._other(start, end)
        self._ending = None
        number, rest = int(line["number"]), line["rest"]
        strand: BuildStrand | None
        if not CONTROL.match(rest) and self._is_name(number, rest):
            digest = _DIGEST.match(self.data, end)
            if digest is not None and int(digest[1]) == number:
                end = digest.end()
            strand = self._header(number, rest.rstrip(), digest[2] if digest else None, end)
        else:
            strand = self._says(number, rest, Span(start, end))
        if strand is None:
            self.sorting.hold(start, end)
        else:
            self.sorting.give(strand, start, end)
        return end

    def _is_name(self, number: int, rest: bytes) -> bool:
        if rest[:1].isdigit():
            return False
        if HEADING.match(rest) is not None or (number == 0 and rest.startswith(b"building with ")):
            return True
        return any(strand.has(number, rest) for strand in self.strands)

    # -- names of vertices ------------------------------------------------------------------------------

    def _header(self, number: int, name: bytes, digest: bytes | None, behind: int) -> BuildStrand:
        """The build to which the name of a vertex belongs."""
        best: BuildStrand | None = None
        most = 0.0
        for strand in self.strands:
            likely = self._likelihood(strand, number, name, digest, behind)
            if likely > most or (likely == most > 0 and strand is self.sorting.last):
                best, most = strand, likely
        if best is None:
            best = self._nearest(number)
        self._begins(best, number, name, digest)
        return best

    def _begins(self, best: BuildStrand, number: int, name: bytes, digest: bytes | None) -> None:
        """Take note of the name of a vertex."""
        best.names.setdefault(number, name)
        if digest is not None:
            best.digests.setdefault(number, digest)
        if number not in best.began:
            best.began[number] = self.now
            read = read_name(name.decode("utf-8", "replace"))
            if read.number is not None:
                best.steps[read.target, read.platform, read.stage] = read
                best.step_vertex[read.target, read.platform, read.stage] = number
        best.open.add(number)
        best.top = max(best.top, number)
        best.current = number

    def _nearest(self, number: int) -> BuildStrand:
        """A build that is new to the log; or if it should have begun before, the one that fits best."""
        begun = any(each.names.keys() & {0, 1} for each in self.strands)
        if number > 1 and begun:
            going_on = [each for each in self.strands if not each.over] or self.strands
            return min(going_on, key=lambda each: (number in each.names, number in each.open))
        strand = BuildStrand()
        self.strands.append(strand)
        self.sorting.strands.append(strand)
        return strand

    def _likelihood(
        self, strand: BuildStrand, number: int, name: bytes, digest: bytes | None, behind: int
    ) -> float:
        """How likely it is that a build printed a vertex's name; 0 if it cannot have."""
        known = strand.digests.get(number)
        if strand.failed or (digest is not None and known is not None and digest != known):
            return 0
        # A display that has just ended a vertex goes on with another one, and prints both at once.
        likely = 1.5 if strand.current < 0 else 0.0
        likely += strand is self.sorting.last and not self._looking_ahead
        if number in strand.names:
            again = self._likelihood_again(strand, number, name, digest, behind)
            return likely + again if again else 0
        if strand.over or number == 0 or (number == 1 and strand.top > 0):
            return 0
        new = likelihood_new(strand, name)
        return likely + new + (number == strand.top + 1) if new else 0

    def _likelihood_again(
        self, strand: BuildStrand, number: int, name: bytes, digest: bytes | None, behind: int
    ) -> float:
        """The same for a number that a build has a name for.

        The display comes back to a vertex that it left, but mostly not to one that has ended, nor to a base
        that it begins to resolve.
        """
        if number in {0, strand.current} or name in strand.errors or not strand.has(number, name):
            return 0
        if digest is not None and _LOCAL.match(name):
            return 8
        if number not in strand.open:
            return 0.5 if number > 1 else 0
        return 2 if _RESOLVE.match(self.data, behind + len(b"#%d " % number)) else 6

    # -- what vertices say ------------------------------------------------------------------------------

    def _says(self, number: int, rest: bytes, span: Span) -> BuildStrand | None:
        """The build in which a vertex says something."""
        those = []
        if not rest.startswith(b"ERROR: "):
            those = [each for each in self.strands if each.current == number and number in each.open]
        those = those or [each for each in self.strands if number in each.open]
        those = those or [each for each in self.strands if number in each.names]
        found = _CLOCK.match(rest)
        clock = float(found[1]) if found is not None else None
        following = _FOLLOWING.match(self.data, span.end) if _ENDING.match(rest) else None
        best, least = None, 0.0
        for strand in those:
            cost = self._cost(strand, number, rest, clock)
            if following is not None and len(those) > 1:
                cost -= _WEIGHT * self._likelihood_behind(strand, number, following)
            cost -= _NEARNESS * (strand is self.sorting.last)
            if best is None or cost < least:
                best, least = strand, cost
        if best is None:
            return None
        if clock is not None:
            if number not in best.clocks:
                # Its first words tell better when it began than its name, which may be printed late.
                best.began[number] = self.now - clock
            best.clocks[number] = clock
            self.now = max(self.now, best.began.get(number, self.now) + clock)
        elif kind_of_status(rest) is not None:
            best.said.setdefault(number, set()).add(rest)
        self._end(best, number, rest, span)
        return best

    def _likelihood_behind(self, strand: BuildStrand, number: int, following: re.Match[bytes]) -> float:
        """How likely it is that a build printed the name that comes next, had it ended a vertex just now.

        A display prints both at once.
        """
        self._looking_ahead = True
        current, was_open = strand.current, number in strand.open
        strand.current = -1
        strand.open.discard(number)
        name, behind = following["name"].rstrip(), following.end()
        digest = _DIGEST.match(self.data, behind)
        words = digest[2] if digest is not None else None
        likely = self._likelihood(
            strand, int(following["number"]), name, words, digest.end() if digest is not None else behind
        )
        self._looking_ahead = False
        strand.current = current
        if was_open:
            strand.open.add(number)
        return likely

    def _cost(self, strand: BuildStrand, number: int, rest: bytes, clock: float | None) -> float:
        """How far from what is expected a line would be in a build."""
        if rest.startswith(b"ERROR: "):
            if not names_command(rest, strand.names.get(number, b"")):
                return _NO_WAY
            if strand.errors or strand.over:
                return _UNSUITED
        if not suits(rest, strand.names.get(number, b"")):
            return _UNSUITED
        if clock is None:
            return _UNKNOWN_CLOCK if rest not in strand.said.get(number, ()) else 2 * _UNKNOWN_CLOCK
        cost = abs(strand.began.get(number, self.now) + clock - self.now)
        # What ran backwards is none of this vertex's.
        return cost + (_NO_WAY if clock < strand.clocks.get(number, 0.0) - _SLACK else 0.0)

    def _end(self, strand: BuildStrand, number: int, rest: bytes, span: Span) -> None:
        """Take note of the end of a vertex."""
        control = CONTROL.match(rest)
        group = control.lastgroup if control is not None else None
        if group is None:
            glued = GLUED_END.search(self.data, max(span.start, span.end - 64), span.end)
            group = "done" if glued is not None and int(glued[1]) == number else None
        if group is None or group == "warning":
            return
        strand.current = -1
        if group == "going":
            return
        strand.open.discard(number)
        strand.said.pop(number, None)
        name = strand.names.get(number, b"")
        if group == "error":
            strand.errors.append(name)
            self._failing.append(strand)
        elif EXPORT.match(name):
            strand.over = True

    # -- everything else --------------------------------------------------------------------------------

    def _other(self, start: int, end: int) -> int:
        """A line without a number: empty, Compose's, or of a build's last words."""
        data = self.data
        if not data[start:end].strip():
            if self._ending is not None:
                self.sorting.give(self._ending, start, end)
            else:
                self.sorting.hold(start, end)
            return end
        if self.sorting.take_compose(start, end):
            self._ending = None
            return end
        summary = _SUMMARY.match(data, start)
        if summary is not None:
            name = summary[1].rstrip()
            failed = [each for each in self._failing if name in each.errors]
            if self._is_interrupted(summary.end()):
                failed.reverse()  # who speaks next came to its end first
            self._ending = next((each for each in failed if not each.failed), next(iter(failed), None))
            if self._ending is not None:
                self._ending.failed = self._ending.over = True
                end = summary.end()
        elif self._ending is None and _LAST_WORDS.match(data, start) is not None:
            # What somebody else has cut off from the block before it.
            silent = [each for each in self._failing if not each.closed]
            self._ending = next((each for each in silent if each.failed), next(iter(silent), None))
        strand = self._ending or self.sorting.last
        if strand is None:
            self.sorting.hold(start, end)
            return end
        self.sorting.give(strand, start, end)
        if isinstance(strand, BuildStrand) and _CLOSING.match(data, start) is not None:
            strand.closed = strand.over = strand.failed = True
            self._ending = None
        return end

    def _is_interrupted(self, start: int) -> bool:
        """Whether another build's block stands where the last words should that belong to one."""
        close = self.data.find(b"\n------", start - 1, start + _LONGEST_BLOCK)
        behind = self.data.find(b"\n", close + 1) + 1 if close >= 0 else 0
        return behind > 0 and _SUMMARY.match(self.data, behind) is not None
