"""What ``logparse watch`` is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Options", "read_options"]


class Options(NamedTuple):
    """What to watch, and what to do besides.

    Parameters
    ----------
    command
        The command to run, with its arguments; standard input is watched if there is none.
    log
        File in which the stamped output is saved.
    history
        Paths of earlier builds, as of :func:`logparse.read_builds`.
    quiet
        Whether to leave out the status line and the table.
    """

    command: tuple[str, ...] = ()
    log: str | None = None
    history: tuple[str, ...] = ()
    quiet: bool = False


def read_options(words: Sequence[str]) -> Options | None:
    """Read the words behind ``logparse watch``, if all is as it should be.

    The whole command line takes a second to import, so the build is not to wait for it. It is asked for help,
    and to say what is wrong, if this gives ``None``.
    """
    options = Options()
    left = list(words)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        if word == "--" or not word.startswith("-"):
            command = tuple(left) if word == "--" else (word, *left)
            return options._replace(command=command)
        if word == "--quiet":
            options = options._replace(quiet=True)
            continue
        if name not in {"--log", "--history"} or not (equals or left):
            return None
        value = value if equals else left.pop(0)
        if name == "--log":
            options = options._replace(log=value)
        else:
            options = options._replace(history=(*options.history, value))
    return options
