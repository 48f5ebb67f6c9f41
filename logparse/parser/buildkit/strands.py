"""What is known of each of several builds of BuildKit that ran at once, and what suits one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logparse.model import Kind
from logparse.parser.at_once import Strand
from logparse.parser.buildkit.markers import EXPORT, RUN, STEP, kind_of_status
from logparse.parser.buildkit.names import VertexName, read_name
from logparse.parser.buildkit.numbers import same_name

__all__ = ["BuildStrand", "likelihood_new", "names_command", "suits"]

_COMMAND = re.compile(rb"(?:executor failed running \[|process \")([^\n]{1,65536})")
_KINDS = {
    Kind.CONTEXT: re.compile(rb"[^\n]*\] (?:load |transfer)|\[(?:internal|context)|local://|[^\n]*copy "),
    Kind.RESULT: EXPORT,
    Kind.TAG: EXPORT,
    Kind.PROGRESS: re.compile(rb"(?!" + RUN.pattern + rb")"),
}
"""The vertices that say some things; others do not."""
_FLAGS = re.compile(r"\A(?:--[a-z]{1,32}(?:=\S{1,4096})?\s{1,64}){1,16}")
_LONGEST_COMMAND = 256
_QUOTES = b"\\\"'"


class BuildStrand(Strand):
    """A build: the names behind its numbers, and how far each vertex has come."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[int, bytes] = {}
        self.digests: dict[int, bytes] = {}
        self.open: set[int] = set()
        self.current = -1
        self.top = 0
        # When each vertex began, on the clock that all builds share, and what its own clock said last.
        self.began: dict[int, float] = {}
        self.clocks: dict[int, float] = {}
        # Lines that each vertex that goes on has said, of those that tell how far it has come.
        self.said: dict[int, set[bytes]] = {}
        self.steps: dict[tuple[str | None, str | None, str | None], VertexName] = {}
        self.step_vertex: dict[tuple[str | None, str | None, str | None], int] = {}
        self.errors: list[bytes] = []
        # Whether it has said why it stopped.
        self.closed = False

    def own_steps(self) -> Iterator[VertexName]:
        """The last step of each stage, base images aside, to which other builds may have given a name."""
        return (step for step in self.steps.values() if step.number != 1)

    def has(self, number: int, name: bytes) -> bool:
        """Whether a number stands for a vertex of this name."""
        known = self.names.get(number)
        return known is not None and same_name(known, name)


def names_command(error: bytes, name: bytes) -> bool:
    """Whether an error may be that of the command in a vertex's name; true if it names none."""
    command = _COMMAND.search(error)
    instruction = read_name(name.decode("utf-8", "replace"))
    if command is None:
        return True
    if instruction.number is None:
        return False
    # Quotes are escaped in the one and not in the other.
    words = _FLAGS.sub("", instruction.arguments, count=1)[:_LONGEST_COMMAND].encode()
    return words.translate(None, _QUOTES) in command[1].translate(None, _QUOTES)


def suits(rest: bytes, name: bytes) -> bool:
    """Whether a vertex of this name may say so."""
    if rest[:1].isdigit():
        return STEP.match(name) is None or RUN.match(name) is not None
    kind = kind_of_status(rest)
    vertices = _KINDS.get(kind) if kind is not None else None
    return vertices is None or vertices.match(name) is not None


def likelihood_new(strand: BuildStrand, name: bytes) -> float:
    """How likely it is that a build has a vertex of this name besides those known; 0 if it cannot have."""
    read = read_name(name.decode("utf-8", "replace"))
    if read.number is None:
        return 0 if any(same_name(each, name) for each in strand.names.values()) else 2
    if any((each.stage is None) != (read.stage is None) for each in strand.own_steps()):
        return 0  # stages have names where there are several
    stage = (read.target, read.platform, read.stage)
    before = strand.steps.get(stage)
    if before is None or before.number is None:
        return 2 + (read.number == 1)
    if before.number >= read.number or (before.total != read.total and before.number > 1):
        return 0
    if before.total != read.total:  # a base image that another build gave its name
        return 2
    is_done = strand.step_vertex[stage] not in strand.open
    return 2 + (2 if before.number == read.number - 1 else 0) + (1 if is_done else -2)
