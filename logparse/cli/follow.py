"""Listing the steps of a log while it is written."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

from rich.text import Text

from logparse.cli.console import Format, console, safe, write_json
from logparse.cli.screens import step_mark, step_name, step_place
from logparse.errors import NoBuildError, SourceError, UsageError
from logparse.parser.feed import Fed, Feed
from logparse.report import step_row
from logparse.text import printable

__all__ = ["follow_steps"]

_CHUNK = 1 << 20
_STAGES, _PLACES, _MARK = 16, 28, len("incomplete")
"""Columns for a stage's name, for one with its target and platform, and for what became of a step."""
_PATIENCE = 0.5
"""Seconds without anything new after which what there is gets a look."""


def follow_steps(paths: list[str], form: Format, builder: str | None) -> None:
    """Print each step once it has ended.

    Standard input is read to its end. A file is followed as it grows, until Ctrl-C.

    Raises
    ------
    UsageError
        There is not one path, or rows are asked for as one list.
    SourceError
        The file cannot be read.
    """
    if len(paths) != 1:
        raise UsageError("Give one path to follow: '-' or a file.")
    (path,) = paths
    if form is Format.JSON:
        raise UsageError("A list has no end while a log is followed; give --format jsonl.")
    if path != "-" and not Path(path).is_file():
        raise SourceError(f"Cannot follow {printable(path)}: it is no file; give a file or '-'.")
    if path.endswith(".dockerbuild"):
        raise UsageError(f"{printable(path)} is a bundle, which does not grow; leave out --follow.")
    feed = Feed(builder=builder)
    found = _steps(feed, path)
    if form is Format.TABLE:
        for fed in found:
            console.print(_line(fed), no_wrap=True, overflow="ellipsis")
    else:
        write_json((_row(path, fed, feed) for fed in found), form)
    if feed.last is None:
        raise NoBuildError(f"No build is in {printable(path)}; give the output of an image build.")


def _steps(feed: Feed, path: str) -> Iterator[Fed]:
    try:
        for chunk in _stdin() if path == "-" else _growing(Path(path)):
            yield from feed.feed(chunk) if chunk else feed.look()
    except OSError as error:
        raise SourceError(
            f"Cannot read {printable(path)}: {error.strerror or type(error).__name__}; give a file or '-'."
        ) from error
    yield from feed.close()


def _stdin() -> Iterator[bytes]:
    """Chunks of standard input, an empty one whenever nothing comes for a while."""
    pipe = sys.stdin.fileno()
    while True:
        while not select.select([pipe], [], [], _PATIENCE)[0]:
            yield b""
        chunk = os.read(pipe, _CHUNK)
        if not chunk:
            return
        yield chunk


def _growing(path: Path) -> Iterator[bytes]:
    """Chunks of a file, an empty one whenever it does not grow for a while; Ctrl-C ends it.

    Ctrl-C sets a flag here, since an exception could come while a step is printed, and the others be lost.
    """
    stop = Event()
    before = signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        with path.open("rb") as file:
            while not stop.is_set():
                chunk = file.read(_CHUNK)
                if not chunk:
                    stop.wait(_PATIENCE)
                yield chunk
    finally:
        signal.signal(signal.SIGINT, before)


def _row(path: str, fed: Fed, feed: Feed) -> dict[str, object]:
    was_cut = feed.last is not None and feed.last.cut_line is not None
    return {
        "path": path,
        "build": fed.build,
        "build_id": None,
        "at_once": feed.last is not None and feed.last.at_once,
        **step_row(fed.step, feed.line if was_cut else None),
        "start": fed.start,
        "end": fed.end,
        "elided": fed.elided,
    }


def _line(fed: Fed) -> Text:
    step = fed.step
    seconds = "" if step.timing.seconds is None else f"{step.timing.seconds:.1f} s"
    line = safe(f"{step_name(step):>7} ")
    # How long later names are is not known yet; what is longer loses its end, as in a table.
    place = safe(step_place(step))
    place.truncate(_PLACES if step.target or step.platform else _STAGES, overflow="ellipsis", pad=True)
    line.append_text(place)
    mark = step_mark(step)
    mark.truncate(_MARK, pad=True)
    line.append(" ")
    line.append_text(mark)
    line.append(f"{seconds:>9}  ")
    line.append_text(safe(step_row(step)["text"]))
    return line
