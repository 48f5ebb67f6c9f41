"""The command that is watched: what its output is connected to, and what it is told."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import termios
from collections.abc import Sequence
from typing import NamedTuple

from logparse.live.signals import unblock

__all__ = ["CANNOT_RUN", "NOT_FOUND", "Child", "Source"]

CANNOT_RUN, NOT_FOUND = 126, 127
"""What shells leave with if a command is no program, and if there is none of its name."""

_OUTPUT, _ERRORS = 1, 2
_PIPE = 1 << 20
_SIZE = bytes(8)


class Source(NamedTuple):
    """Output that goes through.

    Parameters
    ----------
    fd
        Where it is read.
    to
        Where it is written.
    stream
        What it is called in the log: 1, or 2.
    """

    fd: int
    to: int
    stream: int


class Child:
    """A command that runs.

    What goes to a terminal without us goes to a pseudo-terminal, so that colours and displays are as they
    would be, and all else to a pipe. Where standard output and standard error are the same file, the command
    has one for both, which keeps their order.

    Parameters
    ----------
    command
        The program, and its arguments.

    Raises
    ------
    OSError
        It cannot be started.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.sources: list[Source] = []
        self._terminals: list[Source] = []
        ends: dict[int, int] = {}
        theirs: list[int] = []
        try:
            for stream in (_OUTPUT,) if _are_one() else (_OUTPUT, _ERRORS):
                ends[stream] = self._connect(stream)
                theirs.append(ends[stream])
            self._process = subprocess.Popen(  # noqa: S603  it is what the user asked for
                command,
                stdout=ends[_OUTPUT],
                stderr=ends.get(_ERRORS, ends[_OUTPUT]),
                preexec_fn=unblock,  # noqa: PLW1509  no thread runs yet
            )
        except BaseException:
            for source in self.sources:
                os.close(source.fd)
            raise
        finally:
            for end in theirs:
                os.close(end)

    def _connect(self, stream: int) -> int:
        """Make a way from the command to one of our own outputs; give its end."""
        if os.isatty(stream):
            ours, theirs = os.openpty()
            _let_bytes_be(theirs)
            self._terminals.append(Source(ours, stream, stream))
        else:
            ours, theirs = os.pipe()
            with contextlib.suppress(AttributeError, OSError):  # only Linux lets pipes hold more
                fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, _PIPE)
        self.sources.append(Source(ours, stream, stream))
        self.resize()
        return theirs

    def resize(self) -> None:
        """Give pseudo-terminals the size of ours."""
        for source in self._terminals:
            with contextlib.suppress(OSError):
                fcntl.ioctl(source.fd, termios.TIOCSWINSZ, fcntl.ioctl(source.to, termios.TIOCGWINSZ, _SIZE))

    def close(self, source: Source) -> None:
        """Read no more from a source: what is written there then fails."""
        self.sources.remove(source)
        self._terminals = [each for each in self._terminals if each.fd != source.fd]
        os.close(source.fd)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        self._process.send_signal(number)

    @property
    def exit_code(self) -> int | None:
        """As a shell would give it: 128 and the signal if one ended it; ``None`` while it runs."""
        code = self._process.poll()
        return code if code is None or code >= 0 else 128 - code


def _are_one() -> bool:
    """Whether standard output and standard error are the same file."""
    try:
        return os.path.samestat(os.fstat(_OUTPUT), os.fstat(_ERRORS))
    except OSError:  # one of them is closed
        return False


def _let_bytes_be(terminal: int) -> None:
    """Have a terminal leave line ends to the one behind it."""
    attributes = termios.tcgetattr(terminal)
    attributes[1] &= ~termios.OPOST
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)
