"""The time line of builds for the tools that people look at time lines with.

:mod:`.layout` finds out when each part of a build began, :mod:`.timeline` makes bars of them, and
:mod:`.perfetto` and :mod:`.otlp` write these in the tools' formats. Nothing that was not measured looks as if
it was: estimated bars are marked, a start that was laid out says so, and what has no time is listed and not
drawn.
"""

from __future__ import annotations

import enum
import errno
import os
import sys
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from logparse.diagnosis import RuleBook
from logparse.errors import ExportError
from logparse.model import Build
from logparse.report.trace import otlp, perfetto
from logparse.report.trace.bars import Timeline
from logparse.report.trace.timeline import timeline

__all__ = ["Traced", "Viewer", "write_trace"]


class Viewer(enum.StrEnum):
    """Who is to read a trace."""

    PERFETTO = "perfetto"
    """ui.perfetto.dev, chrome://tracing, and others that read Chrome's format."""
    OTLP = "otlp"
    """OpenTelemetry's collectors, and what stands behind them."""


@dataclass(slots=True)
class Traced:
    """What a trace holds.

    Parameters
    ----------
    builds
        How many, each once.
    bars
        Steps, other work, pulls and layers that have their seconds in it.
    untimed
        Steps and other work that have not.
    estimated, laid_out
        Bars whose seconds are estimated; whose start no log tells.
    """

    builds: int = 0
    bars: int = 0
    untimed: int = 0
    estimated: int = 0
    laid_out: int = 0
    _keys: set[str] = field(default_factory=set, repr=False)

    def take(self, build: Timeline) -> bool:
        """Count a build; says whether it is new."""
        if build.key in self._keys:
            return False
        self._keys.add(build.key)
        self.builds += 1
        self.untimed += len(build.untimed)
        for bar in build.all():
            self.bars += bar.seconds is not None
            self.estimated += bar.is_estimated
            self.laid_out += bar.laid_out
        return True


def write_trace(
    builds: Iterable[Build],
    out: str | Path,
    viewer: Viewer = Viewer.PERFETTO,
    *,
    rules: RuleBook | None = None,
) -> Traced:
    """Write the time line of builds as one JSON document.

    Parameters
    ----------
    builds
        Read one by one and not kept, with the timings that they have: :func:`logparse.timing.estimate` gives
        those that no clock tells. One that is given twice counts once.
    out
        The file, which appears whole or not at all; or ``-`` for standard output. OTLP is one line of text.
    viewer
        Who is to read it.
    rules
        The rules by which it is told why builds failed, by default those of the package.

    Returns
    -------
    Traced
        What is in it.

    Raises
    ------
    ExportError
        The file cannot be written.
    """
    traced = Traced()
    lines = (timeline(build, rules=rules) for build in builds)
    new = (line for line in lines if traced.take(line))
    form = otlp if viewer is Viewer.OTLP else perfetto
    with _opened(out) as file:
        for piece in form.pieces(new):
            file.write(piece)
    return traced


@contextmanager
def _opened(out: str | Path) -> Iterator[IO[str]]:
    """Open what is to be written to; a file has its name only when all of it is written."""
    if str(out) == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    path = Path(os.path.realpath(out))
    scratch = path.with_name(f".{uuid.uuid4().hex}.logparse")
    try:
        if Path(out).exists() and not path.is_file():
            # A pipe or a device, which must not be replaced by a file; a folder is refused here.
            with Path(out).open("w", encoding="utf-8") as file:
                yield file
            return
        try:
            with scratch.open("w", encoding="utf-8") as file:
                yield file
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)
    except OSError as error:
        raise ExportError(_sentence(out, error)) from error


def _sentence(out: str | Path, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"No space is left for {out}; free some, or give a file elsewhere."
    if error.errno in {errno.EISDIR, errno.ENOTDIR}:
        return f"{out} is a folder, or is to be in a file; give the name of a file."
    if error.errno == errno.ENOENT:
        return f"The folder of {out} does not exist; make it, or give a file elsewhere."
    return f"{out} could not be written: {error.strerror or error}; give another file."
