"""Builds that ran at once and wrote into one log line by line, without names before their lines.

``docker build web & docker build db`` in a shell and version 1 of Compose with ``--parallel`` do so. Nothing
but their words tells whose a line is, so some lines are given to a build by a guess, and each build that was
made of such a log says so (:attr:`~logparse.model.Build.at_once`).

A format goes through the lines and gives each to a :class:`Strand`, which holds what it has to know of one
build; :class:`Sorting` keeps the lines in order, and those of Compose until it is known whose they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

from logparse.model import Build, Contents, Span, Transcript
from logparse.text import plain

__all__ = ["MOST", "Sorting", "Strand", "builds_of"]

MOST = 32
"""Builds that may run at once: far more than do. A bound, so that the cost of hostile text is linear."""

_SERVICE = rb"[A-Za-z0-9][\w.-]{0,127}"
_MOVES = rb"(?:\x1b\[[0-9;]{0,16}[A-Za-z]|\r){0,16}"
_COMPOSE = re.compile(
    _MOVES
    + rb"(?:Building (?P<building>"
    + _SERVICE
    + rb") {0,64}(?:(?P<begins>\.\.\.)? ?"
    + _MOVES
    + rb"(?P<ends>done|error)?)?"
    + _MOVES
    + rb"[ \t]{0,8}(?:\n|\Z)"
    rb"|(?P<fails>ERROR: for (?P<failing>"
    + _SERVICE
    + rb")  |(?:ERROR: )?Service '(?P<failed>[^'\n]{1,128})' failed to build)[^\n]*+(?:\n|\Z))"
)


class Strand:
    """The lines of one build.

    Attributes
    ----------
    spans : list of Span
        Where they are, ascending.
    service : bytes or None
        What Compose calls it.
    over, failed : bool
        Whether it has come to its end, and whether to a bad one.
    """

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.service: bytes | None = None
        self.over = False
        self.failed = False


class Sorting:
    """Lines of a text on their way to the builds that wrote them.

    Parameters
    ----------
    data
        The text.

    Attributes
    ----------
    strands : list of Strand
        All builds so far.
    last : Strand or None
        The one that spoke last.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.strands: list[Strand] = []
        self.last: Strand | None = None
        self._lines: list[tuple[int, int, Strand | None]] = []
        self._services: dict[int, bytes] = {}
        self._announced: set[bytes] = set()

    def give(self, strand: Strand, start: int, end: int) -> None:
        """Give a line to a build."""
        self.last = strand
        self._lines.append((start, end, strand))

    def hold(self, start: int, end: int) -> None:
        """Keep a line for the build whose line comes next."""
        self._lines.append((start, end, None))

    def take_compose(self, start: int, end: int) -> bool:
        """Keep a line for the service of which it speaks, if it is one of Compose's."""
        line = _COMPOSE.match(self.data, start, end)
        if line is None or line.end() < end:
            return False
        service = line["building"] or line["failing"] or line["failed"]
        if line["building"] and not line["begins"] and self.strands and service not in self._announced:
            return False
        self._announced.add(service)
        self._services[len(self._lines)] = service
        self._lines.append((start, end, None))
        named = any(strand.service == service for strand in self.strands)
        if not named and (line["ends"] or line["fails"]):
            self._name(service, failed=line["fails"] is not None or line["ends"] == b"error")
        return True

    def _name(self, service: bytes, *, failed: bool) -> None:
        """Find the build of a service that has just ended: the one that spoke last, or one that failed."""
        ended = [each for each in self.strands if each.over and each.failed == failed and not each.service]
        if self.last in ended and not failed:
            ended = [self.last]
        if ended:
            ended[0].service = service

    def sort(self) -> None:
        """Give all lines to their builds; those of nobody go to the next one that speaks."""
        strands = self.strands
        unnamed = [strand for strand in strands if strand.service is None]
        others = self._announced - {strand.service for strand in strands}
        if len(unnamed) == len(others) == 1:
            unnamed[0].service = others.pop()
        by_service = {strand.service: strand for strand in strands if strand.service is not None}
        # Of no known build: with one that has a name, they cannot give it another one.
        rest = next(iter(by_service.values()), strands[0])
        owner = self.last or strands[-1]
        owners = []
        for index in range(len(self._lines) - 1, -1, -1):
            start, end, strand = self._lines[index]
            service = self._services.get(index)
            if service is not None:
                strand = by_service.get(service, rest)
            owner = strand or owner
            owners.append((start, end, owner))
        for start, end, strand in reversed(owners):
            if strand.spans and strand.spans[-1].end == start:
                strand.spans[-1] = Span(strand.spans[-1].start, end)
            else:
                strand.spans.append(Span(start, end))


def builds_of(
    transcript: Transcript, strands: Sequence[Strand], read: Callable[[Transcript], list[Build]]
) -> list[Build]:
    """Read the build of each strand; none if a strand turns out to be no build."""
    found: list[Build] = []
    for strand in strands:
        builds = read(transcript.select(strand.spans)) if strand.spans else []
        if not builds:
            return []
        for build in builds:
            # Nobody else's lines are among those that stand together.
            build.at_once = len(strand.spans) > 1
            if strand.service is not None:
                build.decode = partial(_decode, build.decode, plain(strand.service))
        found += builds
    return found


def _decode(decode: Callable[[Build], Contents], service: str, build: Build) -> Contents:
    contents = decode(build)
    for step in contents.steps:
        step.target = step.target or service
    return contents
