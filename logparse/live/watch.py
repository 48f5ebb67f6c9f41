"""Passing output on while it is stamped."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from functools import partial

from logparse.errors import UsageError
from logparse.live.beside import Beside
from logparse.live.child import CANNOT_RUN, NOT_FOUND, Child, Source
from logparse.live.options import Options
from logparse.live.records import Recorder
from logparse.live.saved import SavedLog
from logparse.live.screen import NOTHING_KNOWN, StatusLine, compose
from logparse.live.signals import ENDING, Signals
from logparse.text import printable

__all__ = ["watch"]

_INPUT, _OUTPUT, _ERRORS = 0, 1, 2
_CHUNK = 1 << 17
_MANY = 128
"""Chunks after which these are stamped and handed on: more would take long enough to be seen."""
_SECOND = 1_000_000_000
_SOON = 50_000_000
"""Nanoseconds after which chunks are handed on, be they few."""
_HELD = 200_000_000
"""The same for a line that has begun."""
_DRAWN = 200_000_000
"""Between two drawings of the status line."""
_GRACE = 500_000_000
"""Without a byte, after which output is over whose program has left: others may hold the pipe for ever."""

_FAILED, _NOT_WRITTEN, _SIGNALLED, _BROKEN_PIPE = 1, 6, 128, 141


def watch(options: Options) -> int:
    """Pass the output of a build on, with its times on the side.

    Parameters
    ----------
    options
        What to watch.

    Returns
    -------
    int
        The exit code: that of the command. Of standard input: 1 if it told of a build that failed, 141 if
        nobody read what was passed on.

    Raises
    ------
    UsageError
        There is nothing to watch.
    ExportError
        The log cannot be written.
    """
    if not options.command and os.isatty(_INPUT):
        raise UsageError(
            "There is nothing to watch; give a command, as in logparse watch -- docker build ., or pipe the"
            " output of one: docker build . 2>&1 | logparse watch."
        )
    with contextlib.ExitStack() as stack:
        log = SavedLog(options.log) if options.log is not None else None
        if log is not None:
            stack.callback(log.close)
        signals = Signals()
        stack.callback(signals.close)
        try:
            child = Child(options.command) if options.command else None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            name = printable(options.command[0])
            _say(f"Cannot run {name}: {reason}; give a program, and its arguments behind it.")
            return NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN
        return _Watch(options, signals, child, log).run()


class _Watch:
    """One build that is watched: what is read, and what happens then."""

    def __init__(self, options: Options, signals: Signals, child: Child | None, log: SavedLog | None) -> None:
        self._begun = time.monotonic_ns()
        self._origin = time.time_ns() - self._begun
        self._child, self._log, self._signals = child, log, signals
        self._sources = child.sources if child is not None else [Source(_INPUT, _OUTPUT, 1)]
        self._recorder = Recorder(self._origin)
        self._fresh: list[tuple[int, int, bytes]] = []
        self._latest = self._begun
        self._drawn = 0
        self._has_left = child is None
        self._exit_code: int | None = None
        self._interrupted = False
        self._poll = select.poll()
        self._handlers: dict[int, Callable[[], None]] = {}
        for source in self._sources:
            self._listen(source.fd, partial(self._pass, source))
        self._listen(signals.fd, self._take_signals)
        self._status: StatusLine | None = None
        if os.isatty(_ERRORS) and not options.quiet and os.environ.get("TERM", "") not in {"", "dumb"}:
            self._status = StatusLine(_ERRORS)
        self._terminals = {fd for fd in (_OUTPUT, _ERRORS) if os.isatty(fd)}
        self._beside: Beside | None = None
        if not options.quiet or child is None:
            self._start_beside(options)
        signals.start()

    def _start_beside(self, options: Options) -> None:
        try:
            self._beside = Beside(options, shows=self._status is not None)
        except OSError as error:
            _say(f"No steps are shown, since {sys.executable} cannot be started: {error.strerror}.")
            return
        self._listen(self._beside.outward, self._hear)

    def _listen(self, fd: int, handler: Callable[[], None]) -> None:
        self._handlers[fd] = handler
        self._poll.register(fd, select.POLLIN)

    def _unlisten(self, fd: int) -> None:
        if self._handlers.pop(fd, None) is not None:
            self._poll.unregister(fd)

    # -- the loop -----------------------------------------------------------------------------------------

    def run(self) -> int:
        """Pass on what comes until nothing more does; give the exit code."""
        self._record(self._recorder.begin(self._begun))
        while not self._is_over():
            for fd, _ in self._poll.poll(self._patience()):
                handler = self._handlers.get(fd)
                if handler is not None:
                    handler()
                elif self._beside is not None and fd == self._beside.inward:
                    self._push()
            self._see_to(time.monotonic_ns())
        return self._finish()

    def _is_over(self) -> bool:
        if not self._has_left:
            return False
        if not self._sources:
            return True
        return self._child is not None and time.monotonic_ns() - self._latest > _GRACE

    def _patience(self) -> float | None:
        """Milliseconds until something has to be seen to, whatever comes."""
        due = []
        if self._fresh:
            due.append(self._fresh[0][0] + _SOON)
        elif self._recorder.holds:
            due.append(self._latest + _HELD)
        if self._status is not None:
            due.append(self._drawn + _DRAWN)
        if self._child is not None and self._has_left:
            due.append(self._latest + _GRACE)
        if not due:
            return None
        return max(0, min(due) - time.monotonic_ns()) // 1_000_000 + 1

    def _see_to(self, now: int) -> None:
        """Do what is due."""
        if self._fresh and (len(self._fresh) >= _MANY or now - self._fresh[0][0] >= _SOON):
            self._hand_on()
        elif self._recorder.holds and not self._fresh and now - self._latest >= _HELD:
            self._record(self._recorder.release(now - _HELD))
        if self._status is not None and now - self._drawn >= _DRAWN:
            self._drawn = now
            self._draw(now)

    def _pass(self, source: Source) -> None:
        """Pass on what there is, and only then think of anything else."""
        try:
            chunk = os.read(source.fd, _CHUNK)
        except BlockingIOError:  # somebody else has read it, or made it so that reading does not wait
            return
        except OSError:  # what a pseudo-terminal gives once the other end is closed
            chunk = b""
        now = time.monotonic_ns()
        if not chunk:
            self._drop(source)
            return
        self._latest = now
        if self._status is not None and source.to in self._terminals:
            self._status.erase()
            self._status.wrote(chunk)
        try:
            _write(source.to, chunk)
        except OSError as error:
            self._drop(source)
            if isinstance(error, BrokenPipeError):
                self._exit_code = _BROKEN_PIPE
            else:
                self._exit_code = _NOT_WRITTEN
                self._tell(f"Cannot write what came: {error.strerror}; see to the file it goes to.")
        self._fresh.append((now, source.stream, chunk))

    def _drop(self, source: Source) -> None:
        self._unlisten(source.fd)
        if self._child is not None:
            self._child.close(source)
        else:
            self._sources.remove(source)

    # -- what happens on the side -------------------------------------------------------------------------

    def _hand_on(self) -> None:
        """Stamp what came."""
        fresh, self._fresh = self._fresh, []
        self._record(b"".join([self._recorder.take(*each) for each in fresh]))

    def _record(self, records: bytes) -> None:
        if self._log is not None:
            self._log.add(records)
            self._tell_of_log()
        if self._beside is not None:
            self._beside.give(records)
            self._want_to_push()

    def _tell_of_log(self) -> None:
        """Say it once if the log could not be written to its end."""
        if self._log is not None and self._log.problem is not None:
            self._tell(f"{self._log.name} is cut short: {self._log.problem}; the build goes on without it.")
            self._log.close()
            self._log = None

    def _push(self) -> None:
        if self._beside is not None:
            self._beside.push()
            self._want_to_push()

    def _want_to_push(self) -> None:
        if self._beside is None:
            return
        if self._beside.has_more:
            self._poll.register(self._beside.inward, select.POLLOUT)
        else:
            with contextlib.suppress(KeyError):
                self._poll.unregister(self._beside.inward)

    def _hear(self) -> None:
        if self._beside is not None and not self._beside.hear():
            self._unlisten(self._beside.outward)

    def _draw(self, now: int) -> None:
        if self._status is not None:
            running = NOTHING_KNOWN if self._beside is None else self._beside.running
            begun, seconds = (self._begun + self._origin) / _SECOND, (now + self._origin) / _SECOND
            self._status.draw(compose(running, begun, seconds, self._status.columns()))

    def _tell(self, sentence: str) -> None:
        if self._status is not None:
            self._status.erase()
        _say(sentence)

    def _take_signals(self) -> None:
        for number, by_keys in self._signals.read():
            if self._child is not None:
                self._pass_signal(self._child, number, by_keys=by_keys)
            elif number in ENDING:
                # Ctrl-C has reached the program that writes, too. Its last words are worth waiting for, once.
                self._exit_code = _SIGNALLED + number
                if not by_keys or self._interrupted:
                    for source in list(self._sources):
                        self._drop(source)
                self._interrupted = True

    def _pass_signal(self, child: Child, number: signal.Signals, *, by_keys: bool) -> None:
        if number == signal.SIGWINCH:
            child.resize()
            child.send(number)
        elif number == signal.SIGCHLD:
            if child.exit_code is not None and not self._has_left:
                self._has_left = True
                self._latest = time.monotonic_ns()
        elif not by_keys:  # else it has got it itself
            child.send(number)

    # -- the end ------------------------------------------------------------------------------------------

    def _finish(self) -> int:
        """Tell everybody that it is over, and wait for the table."""
        if self._status is not None:
            self._status.erase()
        for source in list(self._sources):
            self._drop(source)
        self._hand_on()
        self._record(self._recorder.end(time.monotonic_ns()))
        if self._log is not None:
            self._log.close()
            self._tell_of_log()
        code = self._ask_beside()
        if self._child is not None and self._child.exit_code is not None:
            return self._child.exit_code
        return self._exit_code if self._exit_code is not None else code

    def _ask_beside(self) -> int:
        """Wait for the other process to say all it has to say; give what it says of the builds."""
        beside = self._beside
        if beside is None:
            return 0
        stopped = False
        while beside.outward in self._handlers:
            if not beside.has_more:
                beside.end()
            for fd, _ in self._poll.poll():
                if fd == beside.outward:
                    self._hear()
                elif fd == beside.inward:
                    self._push()
                elif fd == self._signals.fd and any(each.number in ENDING for each in self._signals.read()):
                    stopped = True
                    beside.stop()
        code = beside.exit_code()
        if code < 0 and not stopped:
            self._tell("No steps are shown, since the process that reads them was killed.")
        return code if code == _FAILED else 0


def _write(fd: int, data: bytes) -> None:
    """Write all of it, whatever somebody did to the file."""
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(fd, left) :]
        except BlockingIOError:
            select.select([], [fd], [])


def _say(sentence: str) -> None:
    with contextlib.suppress(OSError):
        os.write(_ERRORS, f"logparse: {sentence}\n".encode("utf-8", "replace"))
