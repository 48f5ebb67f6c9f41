"""What a failing step printed last, read for which of its commands it came from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from logparse.diagnosis.command.script import Command, Script
from logparse.model import Build, Step
from logparse.text import plain

__all__ = ["Complaint", "count_of", "last_lines", "not_started", "shell_complaints", "traced"]

_TAIL = 1 << 15
"""Bytes of output that are looked at for who spoke last."""
_TRACED = 1 << 20
"""Bytes of output that are looked through for the last line of a trace."""
_COUNTED = 1 << 23
"""Bytes of output beyond which nothing is counted in it."""
_LINES = 64
_LONG = 1000
"""Characters of a line that are looked at."""


def last_lines(build: Build, step: Step) -> list[str]:
    """The last lines of a step's output that are not blank, in order, without control sequences."""
    found: list[str] = []
    for raw in _backwards(build, step, _TAIL):
        line = _read(raw)
        if line:
            found.append(line)
            if len(found) == _LINES:
                break
    return found[::-1]


def _backwards(build: Build, step: Step, size: int) -> Iterator[bytes]:
    """The lines of the end of a step's output, the last first."""
    parts: list[bytes] = []
    for start, end in reversed(step.outputs):
        begin = max(start, end - size)
        parts.append(build.transcript.unmarked(begin, end))
        size -= end - begin
        if size <= 0:
            break
    return reversed(b"".join(reversed(parts)).split(b"\n"))


def _read(raw: bytes) -> str:
    return plain(raw[-_LONG:]).strip()


def count_of(build: Build, step: Step, pattern: re.Pattern[str]) -> int | None:
    """How often a pattern is found in a step's output; ``None`` if that is too long to look through."""
    if sum(end - start for start, end in step.outputs) > _COUNTED:
        return None
    search = re.compile(pattern.pattern.encode())
    return sum(
        sum(1 for _ in search.finditer(build.transcript.data, start, end)) for start, end in step.outputs
    )


_NOT_STARTED = re.compile(
    r"exec user process caused|exec format error|(?:OCI|oci) runtime|starting container process"
    r"|unable to start container|standard_init_linux|failed to create (?:shim )?task"
)


def not_started(lines: Sequence[str]) -> bool:
    """Whether the last lines say that the shell itself could not be run."""
    return any(_NOT_STARTED.search(line) for line in lines[-2:])


class Complaint(NamedTuple):
    """A message of a step's own shell: what it is about, by its first part, and the whole of it."""

    about: str
    text: str


_NEAR = 24
"""Lines from the end within which a shell's message can be why a step ended."""
_LINE_NUMBER = re.compile(r"(?:-c: )?(?:(?:line )?\d{1,7}: )?")


def shell_complaints(lines: Sequence[str], shell: str) -> Iterator[Complaint]:
    """The messages of a step's own shell, the last first.

    Shells begin them with the name that they were called by and the number of the line:
    ``/bin/sh: 1: foo: not found`` (dash), ``/bin/sh: foo: not found`` (busybox),
    ``/bin/bash: line 1: foo: command not found``. By another name it is the shell of a program in the step.
    """
    prefix = f"{shell}: "
    for line in reversed(lines[-_NEAR:]):
        if line.startswith(prefix):
            text = line[len(prefix) :]
            text = text[_end_of(_LINE_NUMBER, text) :]
            about, colon, _ = text.partition(":")
            if colon:
                yield Complaint(about, text)


def _end_of(pattern: re.Pattern[str], text: str) -> int:
    match = pattern.match(text)
    return match.end() if match is not None else 0


_MARGIN = 64
"""Bytes of a line, colours and indentation among them, in which a trace begins."""
_STRANGE = 100
"""Lines of a trace that are of no command of the script, beyond which it is not looked through."""
_MOST = 500
"""Commands that a line of a trace is compared with."""
_TRACE = re.compile(r"\+{1,8} (.{1,4000})")


def traced(build: Build, step: Step, script: Script) -> int | None:
    """The command that the last line of the shell's trace (``set -x``) is of, by its index.

    Quotes in a trace are the shell's own, and variables are filled in; so what of a command is known before
    it runs is looked for in the line, in order.
    """
    lines = [raw for raw in _backwards(build, step, _TRACED) if b"+ " in raw[:_MARGIN]]
    for raw in lines[:_STRANGE]:
        line = _read(raw)
        match = _TRACE.match(line)
        found = _of_trace(match[1], script) if match is not None else []
        if len(found) > 1:
            # The same words stand in the script more than once: as many have run as there are lines.
            ran = sum(_read(one) == line for one in lines)
            return found[min(ran, len(found)) - 1]
        if found:
            return found[0]
    return None


_FILLED_IN = re.compile(r"[$`*?\[{~]")
_PLAIN = re.compile(r"['\"\\]")


def _of_trace(line: str, script: Script) -> list[int]:
    """The commands of a script that a line of a trace may be of: the ones that share most with it."""
    words = _PLAIN.sub("", line).split()
    best, found = 0.0, list[int]()
    for command in script.commands[:_MOST]:
        share = _shared(command, words)
        if share > best:
            best, found = share, [command.index]
        elif share and share == best:
            found.append(command.index)
    return found


_ENOUGH = 0.6


def _shared(command: Command, words: Sequence[str]) -> float:
    """How much of a traced line a command explains, 0 if it is not of it."""
    expected = [word for part in command.words for word in _PLAIN.sub("", part).split()] or ["="]
    if not words:
        return 0.0
    at = 0
    while at < len(words) and "=" in words[at] and "=" not in expected[0]:
        at += 1
    if at == len(words):
        return 0.0
    first = expected[0]
    if first != words[at] and not _FILLED_IN.search(first):
        return 0.0
    known = hits = 0
    for word in expected:
        if _FILLED_IN.search(word):
            continue
        known += 1
        if word in words[at:]:
            at = words.index(word, at) + 1
            hits += 1
    if not known:
        return 0.1
    share = hits / known
    return share * (1 + min(known, len(words)) / (1 + max(known, len(words)))) if share >= _ENOUGH else 0.0
