"""Finding a step, or a command of it, in a Dockerfile or in what its log repeats of one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logparse.dockerfile.matching import match
from logparse.dockerfile.reading import Dockerfile, Instruction, Place, read_dockerfile
from logparse.model import Build, FailedCommand, Kind, Step
from logparse.text import plain

__all__ = ["locate", "printed_dockerfile", "printed_parts"]

# Of the lines that a failure repeats, those of the instruction are marked.
_MARKED = re.compile(rb"^ {0,8}(\d{1,9}) \| >>>(?: ([^\r\n]{0,65536}))?", re.MULTILINE)
_MARKED_IN = re.compile(rb"([^\s:][^\r\n:]{0,1024}):\d{1,9}\r?\n")


def printed_dockerfile(build: Build) -> Dockerfile | None:
    """Read what a log repeats of its Dockerfile: the instruction that BuildKit failed at.

    Returns
    -------
    Dockerfile or None
        With that instruction alone; ``None`` if the log has no such lines.
    """
    step = build.failing_step
    found: Dockerfile | None = None
    for found in printed_parts(build):
        if step is not None and step.lines is not None and step.lines[0] == found.first_line:
            break
    return found


def printed_parts(build: Build) -> Iterator[Dockerfile]:
    """Read all instructions that a log repeats: those that a failure or a warning is about.

    Yields
    ------
    Dockerfile
        With one instruction each.
    """
    data = build.transcript.data
    for start, end in (element[1:] for element in build.tape.of_kind(Kind.EXCERPT, build.first, build.last)):
        marked = [(int(line[1]), line[2] or b"") for line in _MARKED.finditer(data, start, end)]
        if not marked:
            continue
        first = marked[0][0]
        text = b"\n".join(line for place, (number, line) in enumerate(marked) if number == first + place)
        name = _MARKED_IN.match(data, start, end)
        path = plain(name[1]) if name is not None else None
        yield read_dockerfile(text.decode("utf-8", "replace"), path, first_line=first, whole=False)


def locate(
    step: Step, command: FailedCommand | None = None, dockerfile: Dockerfile | None = None
) -> Place | None:
    """Find where a step, or a command of it, stands in a Dockerfile.

    Parameters
    ----------
    step
        Any step.
    command
        A command of it. Without one, or where it cannot be found, the place is that of the whole instruction.
    dockerfile
        The Dockerfile, or what :func:`printed_dockerfile` has of it. Without one, the log may still have told
        the step's lines.

    Returns
    -------
    Place or None
        ``None`` if the step is not in the Dockerfile, or if it may be more than one of its instructions.
    """
    if dockerfile is None:
        return None if step.lines is None else Place(None, step.lines[0], None, step.lines[1], None)
    found = match(step, dockerfile)
    if found is None:
        return None if dockerfile.whole else locate(step)
    span = None
    if command is not None:
        span = found.span(command) or _in_documents(command.text, dockerfile, found.instruction)
    return dockerfile.place(*(span or (found.instruction.places[0], dockerfile.end_of(found.instruction))))


def _in_documents(text: str, dockerfile: Dockerfile, instruction: Instruction) -> tuple[int, int] | None:
    """Where a command stands in the here-documents of an instruction, if it is there once."""
    found: list[int] = []
    for start, end in instruction.documents:
        at = dockerfile.text.find(text, start, end) if text else -1
        while at >= 0 and len(found) <= 1:
            found.append(at)
            at = dockerfile.text.find(text, at + 1, end)
    return (found[0], found[0] + len(text)) if len(found) == 1 else None
