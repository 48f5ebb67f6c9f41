"""Reading records beside the process that makes them: the running step while they come, the table in the end.

Standard input has the records. On standard output there is a line for the status whenever there is something
new to say, and on standard error, in the end, the table. Leaves with 1 if a build failed.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

from logparse.errors import LogparseError
from logparse.live.progress import Progress, Told
from logparse.live.screen import NOTHING_KNOWN, Running, encode
from logparse.live.table import show, tell
from logparse.text import plain

__all__ = ["main"]

_INPUT, _OUTPUT = 0, 1
_CHUNK = 1 << 20
_SECONDS = 0.4
"""Between two looks at what has come."""
_FAULT = 70

_Range = tuple[float | None, float | None, float | None]


class Reader:
    """Follows records that come on standard input.

    Parameters
    ----------
    words
        ``--status`` to speak on standard output, ``--quiet`` to leave out the table, ``--log=FILE`` for
        where records are saved, ``--history=PATH`` for earlier builds.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._quiet = "--quiet" in words
        self._says = "--status" in words
        self._log = next((word.partition("=")[2] for word in words if word.startswith("--log=")), None)
        self._progress = Progress()
        self._said = NOTHING_KNOWN
        self._left: Callable[[list[Told], float], _Range] | None = None
        self._parent = os.getppid()
        paths = [word.partition("=")[2] for word in words if word.startswith("--history=")]
        if paths and self._says:
            threading.Thread(target=self._read_history, args=(paths,), daemon=True).start()

    def _read_history(self, paths: list[str]) -> None:
        # What estimates stand on takes longer to import than all the rest.
        from logparse.live.history import read_history  # noqa: PLC0415
        from logparse.live.left import left  # noqa: PLC0415

        try:
            history = read_history(paths)
        except LogparseError as error:
            tell(f"What is left is not estimated: {error}")
            return
        self._left = lambda steps, now: left(history, steps, now)

    def run(self) -> int:
        """Read to the end; give the exit code."""
        looked, is_new = 0.0, False
        os.set_blocking(_OUTPUT, False)
        while True:
            if select.select([_INPUT], [], [], _SECONDS)[0]:
                chunk = os.read(_INPUT, _CHUNK)
                if not chunk:
                    break
                self._progress.add(chunk)
                is_new = True
            now = time.monotonic()
            if now - looked >= _SECONDS:
                if is_new:
                    self._progress.look()
                looked, is_new = now, False
                self._say()
        self._progress.close()
        # Whoever killed the process before this one wants no table.
        if not self._quiet and os.getppid() == self._parent:
            show(self._progress, self._log)
        return int(self._progress.has_failed)

    def _say(self) -> None:
        """Tell what is known, if it is news."""
        if not self._says:
            return
        running = self._running()
        if running != self._said:
            with contextlib.suppress(OSError):  # a newer one will come, if anybody listens
                os.write(_OUTPUT, encode(running))
                self._said = running

    def _running(self) -> Running:
        steps = self._progress.running()
        text, since = "", None
        if steps:
            step = steps[-1]
            total = "" if step.total is None else f"/{step.total}"
            text, since = plain(f"{step.number}{total} {step.text}".encode()), step.began
        if self._left is None:
            return Running(text, since)
        ended = self._progress.ended
        index = steps[-1].build if steps else ended[-1].build if ended else 0
        now = time.time()
        seen = [*(step for step in ended if step.build == index), *steps]
        middle, low, high = self._left(seen, now)
        return Running(text, since, middle, low, high, 0.0 if middle is None else now)


def main(words: Sequence[str]) -> NoReturn:
    """Follow records to their end, and leave; no error has a traceback."""
    code = _FAULT
    try:
        code = Reader(words).run()
    except Exception as error:
        if os.environ.get("LOGPARSE_DEBUG"):
            raise
        tell(
            f"No steps are shown, by a fault of logparse ({type(error).__name__}: {error}); run it again with"
            " LOGPARSE_DEBUG=1 in the environment, and report what that prints."
        )
    sys.stderr.flush()
    os._exit(code)  # to take everything down takes longer than to show the table
