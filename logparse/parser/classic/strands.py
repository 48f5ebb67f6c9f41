"""Telling lines of the classic builder apart where several builds wrote at once.

What tells whose a line is: steps count up to a total; a container is removed by the build that started it;
and behind a step's image stands the next step of the same build. What programs print while several run is
given to the one that fails, else to the one that spoke last, which is a guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from typing import NamedTuple

from logparse.model import Kind
from logparse.parser.at_once import MOST, Sorting, Strand
from logparse.parser.classic.markers import COMMANDS, KIND_OF, LINE, NON_ZERO, REMOVAL_ID, RUN_FLAGS

__all__ = ["HEADER", "Clues", "Sorter"]

_SGR = rb"(?:\x1b\[[0-9;]{0,16}[mK]){0,4}"
_ID = rb"[0-9a-f]{12}"
_EOL = rb"[ \t\r]{0,8}(?:\n|\Z)"
_REST = rb"[^\n]*+(?:\n|\Z)"
_BLANK = rb"(?:[ \t\r]{0,8}\n){0,4}"
_STEP = rb"Step (?P<number>\d{1,9})(?:/(?P<total>\d{1,9}))? : (?P<words>[^\n]*+)(?:\n|\Z)"
_NEXT = _BLANK + _SGR + rb"(?:" + _STEP + rb"|Successfully built )"

HEADER = re.compile(rb"(?:\A|(?<=\n))" + _SGR + _STEP)
_LINE = re.compile(
    _SGR
    + rb"(?:"
    + rb"|".join(
        b"(?P<%s>%s)" % (name.encode(), line)
        for name, line in {
            "header": _STEP,
            "cached": rb" ---> Using cache" + _EOL,
            "running": rb" ---> Running in (?P<started>" + _ID + rb")" + _EOL,
            "image": rb" ---> (?:" + _ID + rb")?" + _EOL,
            "result": rb"Successfully built (?P<built>" + _ID + rb")" + _EOL,
            "tagged": rb"Successfully tagged " + _REST,
            "context": rb"Sending build context to Docker daemon" + _REST,
            "pulling": rb"[^\s:]{1,128}: Pulling from \S{1,256}" + _EOL,
            "layer": _ID + rb": " + _REST,
            "digest": rb"Digest: sha256:" + _REST,
            "status": rb"Status: " + _REST,
        }.items()
    )
    + rb")|"
    + _REST
)
_REMOVED = re.compile(rb"(?:Removing| ---> Removed) intermediate container (" + _ID + rb")" + _EOL)
_BEHIND_REMOVAL = re.compile(_REMOVED.pattern + rb"(?: ---> " + _ID + rb"[ \t\r]{0,8}\n)?" + _NEXT)
_BEHIND = re.compile(_NEXT)
_ALIAS = re.compile(rb"(?i)\sAS\s+(\S{1,256})\s*\Z")

_LONGEST_COMMAND = 1 << 12
_NO_CONTAINER = frozenset({b"FROM", b"COPY", b"ADD"})
_QUOTES = b"\\\"'"


class _Next(NamedTuple):
    """What a build goes on with: a step's number, total and words; no number where it is the result."""

    number: int | None
    total: int | None
    words: bytes

    @classmethod
    def of(cls, found: re.Match[bytes]) -> _Next:
        """What a pattern found."""
        if found["number"] is None:
            return cls(None, None, b"")
        return cls(int(found["number"]), int(found["total"]) if found["total"] else None, found["words"])


class Clues:
    """What is looked up in the whole text.

    Attributes
    ----------
    behind : dict of bytes to _Next
        What follows the removal of a container.
    removed : set of bytes
        The containers that are removed.
    failures : set of bytes
        The commands that fail, without quotes.
    """

    def __init__(self, data: bytes) -> None:
        self.behind = {found[1]: _Next.of(found) for found in _BEHIND_REMOVAL.finditer(data)}
        self.removed = {found[1] for found in REMOVAL_ID.finditer(data)}
        self.failures: set[bytes] = set()
        place = data.find(NON_ZERO)
        while place >= 0:
            command = _command(data, place)
            if command is not None:
                self.failures.add(command)
            place = data.find(NON_ZERO, place + 1)


def _command(data: bytes, place: int) -> bytes | None:
    """The command that is said at a place to have failed, without quotes."""
    begin = max(data.rfind(words, max(0, place - _LONGEST_COMMAND), place) for words in COMMANDS)
    if begin < 0:
        return None
    shell, _, command = data[begin:place].partition(b" -c ")
    return _unquoted(command or shell)


def _unquoted(command: bytes) -> bytes:
    """A command as it can be compared: what repeats it has other quotes, and some around it."""
    return command.translate(None, _QUOTES).strip()


class _Strand(Strand):
    """A build, and how far it has come."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.total: int | None = None
        self.words = self.instruction = b""
        # When its step began, counted in lines.
        self.begun = 0
        self.container: bytes | None = None
        self.image: bytes | None = None
        # How many of a pull's beginning, digest and status were printed.
        self.pulled = 0
        self.stages: set[bytes] = set()

    def begin(self, step: _Next, begun: int) -> None:
        """Begin a step."""
        self.number, self.total, self.words, self.begun = step.number or 0, step.total, step.words, begun
        self.instruction = step.words.split(None, 1)[0].upper() if step.words.strip() else b""
        self.container = self.image = None
        self.pulled = 0
        stage = _ALIAS.search(step.words)
        if stage is not None and self.instruction == b"FROM":
            self.stages.add(stage[1])

    @property
    def waits(self) -> bool:
        """Whether its step has neither a container nor an image yet."""
        return self.number > 0 and not self.over and self.container is None and self.image is None

    def goes_on_with(self, following: _Next) -> bool:
        """Whether that is the step behind its own, or the result if there is none."""
        if following.number is None:
            return self.total is None or self.number == self.total
        return (following.number, following.total) == (self.number + 1, self.total)

    def has_stage(self, following: _Next) -> bool:
        """Whether a FROM is made of one of its stages."""
        words = following.words.split()
        return len(words) > 1 and words[0].upper() == b"FROM" and words[1] in self.stages

    def runs(self, commands: Container[bytes]) -> bool:
        """Whether its step runs one of some commands."""
        if self.instruction != b"RUN":
            return False
        words = self.words.split(None, 1)[-1]
        flags = RUN_FLAGS.match(words)
        return _unquoted(words[flags.end() if flags is not None else 0 :]) in commands


class Sorter:
    """Goes through the lines of builds that ran at once.

    Parameters
    ----------
    data
        The text.
    clues
        What was found in it.
    """

    def __init__(self, data: bytes, clues: Clues) -> None:
        self.data = data
        self.strands: list[_Strand] = []
        self._clues = clues
        self._sorting = Sorting(data)
        self._of: dict[bytes, _Strand] = {}
        self._lines = 0

    @property
    def is_over(self) -> bool:
        """Whether all builds so far have come to their ends."""
        return all(strand.over for strand in self.strands)

    @property
    def can_go_on(self) -> bool:
        """Whether there are not too many of them."""
        return len(self.strands) <= MOST

    @property
    def can_tell_apart(self) -> bool:
        """Whether there is more than one build, and not too many."""
        return 1 < len(self.strands) <= MOST

    def sort(self) -> None:
        """Give all lines to their builds."""
        self._sorting.sort()

    def line(self, position: int) -> int:
        """Give the line at a place to a build; returns where the next begins."""
        line = _LINE.match(self.data, position)
        if line is None:  # its last alternative matches any line
            raise AssertionError(position)
        self._lines += 1
        start, end = line.span()
        is_blank = not self.data[start:end].strip()
        if not is_blank and self._compose(start, end):
            return end
        strand = None if is_blank else self._owner(line)
        if strand is None:
            self._sorting.hold(start, end)
        else:
            self._sorting.give(strand, start, end)
        return end

    def _compose(self, start: int, end: int) -> bool:
        """Take a line of Compose's, if it is one; it may repeat why a build failed."""
        failed = self._failed(start, end)
        if failed is None:
            return self._sorting.take_compose(start, end)
        failed.over = failed.failed = True
        if self._sorting.take_compose(start, end):
            return True
        failed.over = failed.failed = False
        return False

    def _owner(self, line: re.Match[bytes]) -> _Strand | None:
        """The build that wrote a line."""
        start, end = line.span()
        match line.lastgroup:
            case "header":
                return self._step(_Next.of(line))
            case "context":
                return self._begin()
            case "running":
                return self._starts(line["started"])
            case "image":
                return self._makes(start, end)
            case "result":
                return self._ends(line["built"])
            case "pulling" | "digest" | "status" | "layer" as said:
                return self._pulls(said) or self._says(start, end)
            case "tagged" | "cached":
                return self._last
        removed = _REMOVED.search(self.data, start, end)
        if removed is not None and removed[1] in self._of:
            strand = self._of[removed[1]]
            strand.container = None
            return strand
        return self._says(start, end)

    @property
    def _last(self) -> _Strand | None:
        last = self._sorting.last
        return last if isinstance(last, _Strand) else None

    def _begin(self) -> _Strand:
        strand = _Strand()
        self.strands.append(strand)
        self._sorting.strands.append(strand)
        return strand

    def _best(self, those: Iterable[_Strand], *better: Callable[[_Strand], bool]) -> _Strand | None:
        """The one of some builds for which most that makes it likelier holds; else whose step is oldest."""
        key = lambda strand: (*(not holds(strand) for holds in better), strand.begun)  # noqa: E731
        return min(those, key=key, default=None)

    # -- steps ------------------------------------------------------------------------------------------

    def _step(self, step: _Next) -> _Strand:
        if step.number is not None and step.number <= 1:
            waiting = [each for each in self.strands if not each.number and not each.over]
            strand = waiting[0] if waiting else self._begin()
        else:
            going_on = [each for each in self.strands if each.goes_on_with(step) and not each.over]
            strand = (
                self._best(
                    going_on,
                    lambda each: each is self._last and each.image is not None,
                    lambda each: each.has_stage(step),
                    lambda each: each.image is not None,
                )
                or self._best(
                    (each for each in self.strands if each.total == step.total),
                    lambda each: not each.over,
                    lambda each: each.number < (step.number or 0),
                )
                or self._last
                or self._begin()
            )
        strand.begin(step, self._lines)
        return strand

    def _starts(self, container: bytes) -> _Strand | None:
        """The build that starts a container."""
        waiting = [each for each in self.strands if each.waits and each.instruction not in _NO_CONTAINER]
        following = self._clues.behind.get(container)
        lasts = container in self._clues.removed
        strand = self._best(
            waiting,
            lambda each: following is None or each.goes_on_with(following),
            lambda each: lasts != each.runs(self._clues.failures),
            lambda each: following is None or each.has_stage(following) or not each.stages,
        )
        if strand is None:
            return self._last
        strand.container = container
        self._of[container] = strand
        return strand

    def _makes(self, start: int, end: int) -> _Strand | None:
        """The build that made an image."""
        found = _BEHIND.match(self.data, end)
        following = _Next.of(found) if found is not None else None
        strand = self._best(
            (each for each in self.strands if each.waits),
            lambda each: following is None or each.goes_on_with(following),
            lambda each: each is self._last,
            lambda each: following is None or each.has_stage(following),
            lambda each: each.instruction in _NO_CONTAINER,
        )
        if strand is None:
            return self._last
        strand.image = self.data[start:end].split()[-1]
        return strand

    def _ends(self, image: bytes) -> _Strand | None:
        """The build whose result is an image."""
        strand = self._best(
            (each for each in self.strands if not each.over),
            lambda each: each.image == image,
            lambda each: each.number == each.total,
            lambda each: each is self._last,
        )
        if strand is not None:
            strand.over = True
        return strand

    def _pulls(self, said: str) -> _Strand | None:
        """The build that pulls its base image."""
        pulling = [each for each in self.strands if each.waits and each.instruction == b"FROM"]
        progress = {"pulling": 0, "layer": 1, "digest": 1, "status": 2}[said]
        strand = self._best(
            (each for each in pulling if each.pulled == progress),
            lambda each: each is self._last,
        )
        if strand is not None and said != "layer":
            strand.pulled += 1
        return strand

    # -- everything else --------------------------------------------------------------------------------

    def _says(self, start: int, end: int) -> _Strand | None:
        """The build in which a program, or the builder for the last time, says something."""
        failed = self._failed(start, end)
        if failed is not None:
            failed.over = failed.failed = True
            return failed
        running = [each for each in self.strands if each.container is not None and not each.over]
        return (
            self._best(
                running,
                lambda each: each.container not in self._clues.removed and each.runs(self._clues.failures),
                lambda each: each is self._last,
            )
            or self._last
        )

    def _failed(self, start: int, end: int) -> _Strand | None:
        """The build that says with a line why it failed."""
        place = self.data.find(NON_ZERO, start, end)
        command = _command(self.data, place) if place >= 0 else None
        if command is not None:
            return self._best(
                (each for each in self.strands if not each.over and each.runs([command])),
                lambda each: each.container not in self._clues.removed,
            )
        line = LINE.match(self.data, start, end)
        if line is None or KIND_OF[line.lastindex] is not Kind.FAILURE:
            return None
        return self._best(
            (each for each in self.strands if each.waits and each.instruction in _NO_CONTAINER),
            lambda each: each is self._last,
        )
