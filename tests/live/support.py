"""Running ``logparse watch`` as a user would: in processes of its own, on pipes and on a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["WATCH", "Screen", "run", "screen", "started", "wait_for"]

WATCH = [sys.executable, "-m", "logparse", "watch"]
PATIENCE = 30.0
"""Seconds after which what should happen soon is taken not to happen."""


def run(
    *words: object, stdin: bytes | None = None, stderr: int | None = subprocess.PIPE, cwd: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run it to its end, on pipes."""
    return subprocess.run(
        [*WATCH, *map(str, words)],
        input=b"" if stdin is None else stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        timeout=2 * PATIENCE,
        check=False,
        cwd=cwd,
    )


@contextmanager
def started(*words: object, **more: object) -> Iterator[subprocess.Popen[bytes]]:
    """Have it run, on pipes."""
    process = subprocess.Popen(
        [*WATCH, *map(str, words)],
        **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more},  # type: ignore[call-overload]
    )
    try:
        yield process
    finally:
        process.kill()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


class Screen:
    """A terminal with a program on it.

    Parameters
    ----------
    words
        The program.
    rows, columns
        The terminal's size.
    stdout, stderr
        Where these go instead, as files.
    term
        The terminal's kind.
    """

    def __init__(
        self,
        *words: object,
        rows: int = 24,
        columns: int = 100,
        stdout: Path | None = None,
        stderr: Path | None = None,
        term: str = "xterm",
    ) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
                for number, path in ((1, stdout), (2, stderr)):
                    if path is not None:
                        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), number)
                os.environ["TERM"] = term
                os.environ.pop("COLUMNS", None)
                os.execvp(str(words[0]), list(map(str, words)))
            finally:
                os._exit(99)
        self.seen = b""
        self._code: int | None = None

    def resize(self, rows: int, columns: int) -> None:
        """Change the size of the terminal."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.fd, keys)

    def until(self, text: bytes) -> bytes:
        """Wait until a text was written; give all that was."""
        end = time.monotonic() + PATIENCE
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            assert self._read(), self.seen
        return self.seen

    def wait(self) -> int:
        """Wait until the program has left; give its exit code."""
        end = time.monotonic() + 2 * PATIENCE
        while self._read():
            assert time.monotonic() < end, self.seen
        return self.leave()

    def leave(self) -> int:
        """Close the terminal, and end the program if it still runs."""
        if self._code is None:
            os.close(self.fd)
            wait_for(self._has_left)
        assert self._code is not None
        return self._code

    def _has_left(self) -> bool:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self._code = os.waitstatus_to_exitcode(status)
        return bool(pid)

    def _read(self) -> bool:
        if select.select([self.fd], [], [], 0.1)[0]:
            try:
                chunk = os.read(self.fd, 1 << 16)
            except OSError:  # nobody has it open any more
                return False
            self.seen += chunk
            return bool(chunk)
        return True


@contextmanager
def screen(*words: object, **more: object) -> Iterator[Screen]:
    """A program on a terminal: see :class:`Screen`."""
    made = Screen(*words, **more)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        made.leave()
