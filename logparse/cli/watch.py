"""The command that watches a build while it runs."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from logparse.live.options import Options
from logparse.live.start import watch

__all__ = ["SETTINGS", "watch_build"]

SETTINGS = {"allow_interspersed_args": False}
"""Behind the first word of a command, options are the command's."""


_given = partial(typer.Option, show_default=False)
_Command = Annotated[
    list[str] | None,
    typer.Argument(metavar="COMMAND", help="What to run [standard input is watched].", show_default=False),
]
_Log = Annotated[
    str | None,
    _given(metavar="FILE", help="Save the output, with the time of each line: every command reads it."),
]
_History = Annotated[
    list[str] | None,
    _given(
        metavar="PATH",
        help="Earlier builds, by which to say how much is left; may be given more than once.",
    ),
]
_Quiet = Annotated[bool, typer.Option("--quiet", help="No status line, and no table in the end.")]


def watch_build(
    command: _Command = None, log: _Log = None, history: _History = None, quiet: _Quiet = False
) -> int:
    """Time a build while it runs: its output goes through untouched.

    As in logparse watch -- docker build ., or docker build . 2>&1 | logparse watch. Leaves with the exit code
    of the command; of standard input, with 1 if a build in it failed.
    """
    return watch(Options(tuple(command or ()), log, tuple(history or ()), quiet))
