"""The process beside: it parses what another one passes on, and says how far the build is."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import deque

from logparse.live.options import Options
from logparse.live.screen import NOTHING_KNOWN, Running, decode
from logparse.live.signals import ENDING, unblock

__all__ = ["Beside"]

_PORTION = 1 << 18
_CHUNK = 1 << 16
_NICER = 5
"""By how much it stands back for the build."""
# Nothing is imported from the folder that a build is started in; but this package, wherever it is.
_PROGRAM = f"""
import sys
sys.path.append({__file__.rpartition("/logparse/live/")[0]!r})
from logparse.live.reader import main
main(sys.argv[1:])
"""


class Beside:
    """A process that is given records, without ever waiting for it.

    Parameters
    ----------
    options
        What the user asked for.
    shows
        Whether somebody sees what it says of the build while it runs.

    Attributes
    ----------
    inward, outward
        Files: it reads what is written to the first; from the second comes what it says.
    running
        What it said last.
    """

    def __init__(self, options: Options, *, shows: bool) -> None:
        words = ["--quiet"] if options.quiet else []
        words += ["--status"] if shows else []
        words += [f"--log={options.log}"] if options.log is not None else []
        words += [f"--history={path}" for path in options.history]
        self._process = subprocess.Popen(  # noqa: S603  nothing but our own
            [sys.executable, "-P", "-c", _PROGRAM, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=_prepare,  # noqa: PLW1509  no thread runs yet
        )
        assert self._process.stdin is not None  # noqa: S101  both are pipes
        assert self._process.stdout is not None  # noqa: S101
        self.inward = self._process.stdin.fileno()
        self.outward = self._process.stdout.fileno()
        os.set_blocking(self.inward, False)
        self._waiting: deque[memoryview] = deque()
        self._said = b""
        self._deaf = False
        self.running: Running = NOTHING_KNOWN

    @property
    def has_more(self) -> bool:
        """Whether there is something that it was not given yet."""
        return bool(self._waiting) and not self._deaf

    def give(self, records: bytes) -> None:
        """Give it records, now or later."""
        if records and not self._deaf:
            self._waiting.append(memoryview(records))
            self.push()

    def push(self) -> None:
        """Give it what it takes right now."""
        try:
            while self._waiting:
                first = self._waiting[0]
                written = os.write(self.inward, first[:_PORTION])
                self._waiting[0] = first[written:]
                if written == len(first):
                    self._waiting.popleft()
        except BlockingIOError:
            return
        except OSError:  # it is gone
            self._deaf = True
            self._waiting.clear()

    def hear(self) -> bool:
        """Take in what it says; false once it says no more."""
        chunk = os.read(self.outward, _CHUNK)
        *lines, self._said = (self._said + chunk).split(b"\n")
        if lines:
            with contextlib.suppress(ValueError):
                self.running = decode(lines[-1])
        return bool(chunk)

    def end(self) -> None:
        """Tell it that there is no more."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def stop(self) -> None:
        """Have it leave without a word."""
        self._process.kill()

    def exit_code(self) -> int:
        """Wait for it to leave."""
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdout.close()
        return self._process.wait()


def _prepare() -> None:
    """What keys of the terminal are for is the build; this process ends with its input."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    unblock()
    os.nice(_NICER)
