"""Beginning to watch before anything that takes long is imported."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence

from logparse.errors import LogparseError, UsageError
from logparse.live.options import Options, read_options

__all__ = ["start", "watch"]


def watch(options: Options) -> int:
    """Watch a build: see :func:`logparse.live.watch.watch`.

    Raises
    ------
    UsageError
        There is nothing to watch, or this system is none of POSIX's.
    ExportError
        The log cannot be written.
    """
    if os.name != "posix":
        raise UsageError("Only Linux, macOS and their like can watch a build; use logparse steps --follow.")
    from logparse.live import watch as module  # noqa: PLC0415  it needs what only such systems have

    return module.watch(options)


def start(words: Sequence[str]) -> int | None:
    """Watch at once, if the words behind ``logparse watch`` say what; give the exit code.

    ``None``: nothing was done, and the whole command line is to be asked, which says what is wrong.
    """
    options = read_options(words)
    if options is None or any(importlib.util.find_spec(name) is None for name in ("rich", "typer")):
        return None
    try:
        return watch(options)
    except LogparseError:
        return None
