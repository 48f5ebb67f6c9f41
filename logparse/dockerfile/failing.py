"""Where a failed build's instruction and command stand in its Dockerfile."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from logparse.dockerfile.locating import locate, printed_dockerfile, printed_parts
from logparse.dockerfile.reading import Dockerfile, Place
from logparse.model import Build, Diagnosis, Outcome

__all__ = ["Found", "find_failure"]


@dataclass(frozen=True, slots=True)
class Found:
    """Where a failure is in a Dockerfile.

    Parameters
    ----------
    instruction
        The place of the whole instruction.
    command
        The place of the command that failed; ``None`` if only the instruction is known.
    dockerfile
        Whose text has it; ``None`` if only the lines are known.
    """

    instruction: Place
    command: Place | None = None
    dockerfile: Dockerfile | None = None

    @property
    def place(self) -> Place:
        """The closest that is known."""
        return self.command or self.instruction

    @property
    def in_log(self) -> bool:
        """Whether it is the log that tells, not a Dockerfile that was given."""
        return self.dockerfile is None or not self.dockerfile.whole


def find_failure(diagnosis: Diagnosis, dockerfile: Dockerfile | None = None) -> Found | None:
    """Find where a build failed in its Dockerfile.

    Parameters
    ----------
    diagnosis
        Of any build.
    dockerfile
        The Dockerfile that was built. Without one, and where the step is not in it, what the log itself tells
        is taken: BuildKit repeats the lines that it failed at.

    Returns
    -------
    Found or None
        ``None`` if nothing tells.
    """
    build, step, command = diagnosis.build, diagnosis.step, diagnosis.command
    if build.outcome is not Outcome.FAILED:
        return None
    if step is None:
        return _unread(build)
    for one in (dockerfile, printed_dockerfile(build)):
        whole = locate(step, None, one) if one is not None else None
        if one is None or whole is None:
            continue
        part = locate(step, command, one) if command is not None else None
        exact = part if part != whole else None
        return Found(whole, exact, one if whole.column is not None else None)
    told = locate(step)
    return Found(told) if told is not None else None


def _unread(build: Build) -> Found | None:
    """The lines at which BuildKit stopped before it had a step, if it repeats no others."""
    parts = list(islice(printed_parts(build), 2))
    if len(parts) != 1 or not parts[0].instructions:
        return None
    first, last = parts[0].instructions[0], parts[0].instructions[-1]
    return Found(Place(parts[0].path, first.first_line, None, last.last_line, None), None, parts[0])
