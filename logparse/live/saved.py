"""The file that watched output is saved in."""

from __future__ import annotations

import contextlib
import os
import threading
from queue import SimpleQueue

from logparse.errors import ExportError
from logparse.text import printable

__all__ = ["SavedLog"]


class SavedLog:
    """A file that grows by whole records, written behind the back of who passes them on.

    A disk that is slow delays nobody, and one that is full ends the file, not the build.

    Parameters
    ----------
    path
        Where it is. What is there is replaced.

    Raises
    ------
    ExportError
        It cannot be written.
    """

    def __init__(self, path: str) -> None:
        self.name = printable(path)
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ExportError(
                f"Cannot write {self.name}: {reason}; give a file that can be written."
            ) from error
        self._records: SimpleQueue[bytes] = SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._started = False
        self.problem: str | None = None
        """Why the file ends before the output did."""

    def add(self, records: bytes) -> None:
        """Write some records soon."""
        if not self._started:
            self._thread.start()
            self._started = True
        if records and self.problem is None:
            self._records.put(records)

    def close(self) -> None:
        """Write what there is to write."""
        if self._started:
            self._records.put(b"")
            self._thread.join()
        if self._fd >= 0:
            with contextlib.suppress(OSError):  # what there was to say is said
                os.close(self._fd)
            self._fd = -1

    def _write_all(self) -> None:
        size = 0
        while records := self._records.get():
            if self.problem is not None:
                continue
            try:
                self._write(records)
            except OSError as error:
                self.problem = error.strerror or type(error).__name__
                with contextlib.suppress(OSError):  # it may be no file on a disk
                    os.ftruncate(self._fd, size)
            size += len(records)

    def _write(self, records: bytes) -> None:
        left = memoryview(records)
        while left:
            left = left[os.write(self._fd, left) :]
