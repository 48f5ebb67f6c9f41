"""Signals as something to wait for beside files, with who sent them."""

from __future__ import annotations

import os
import signal
import threading
from typing import NamedTuple

__all__ = ["ENDING", "Sent", "Signals", "unblock"]

ENDING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})
"""Signals that end a program unless it says otherwise."""

_KEYS = (signal.SIGINT, signal.SIGQUIT)
_OTHERS = (signal.SIGWINCH, signal.SIGCHLD)


class Sent(NamedTuple):
    """A signal that came.

    Parameters
    ----------
    number
        Which one.
    by_keys
        Whether keys of the terminal did it, as Ctrl-C does. Then all processes of its foreground have got it.
    """

    number: signal.Signals
    by_keys: bool


class Signals:
    """Takes signals from when it is made until it is closed; processes that are started have to unblock them.

    Signals that were ignored before stay ignored.

    Attributes
    ----------
    fd
        Can be read from once a signal has come.
    """

    def __init__(self) -> None:
        ignored = {each for each in ENDING if signal.getsignal(each) is signal.SIG_IGN}
        self._handled = {*ENDING, *_OTHERS} - ignored
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, self._handled)
        self.fd, self._end = os.pipe()
        self._over = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to tell of signals. Those that came before are told of first."""
        self._thread = threading.Thread(target=self._wait, name="signals", daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        while True:
            sent = _next(self._handled)
            if self._over:
                return
            os.write(self._end, bytes([sent.number, sent.by_keys]))

    def read(self) -> list[Sent]:
        """The signals that came since."""
        data = os.read(self.fd, 1 << 12)
        return [
            Sent(signal.Signals(number), bool(by_keys))
            for number, by_keys in zip(data[::2], data[1::2], strict=True)
        ]

    def close(self) -> None:
        """Let signals do again what they did before. Those that came meanwhile are forgotten."""
        self._over = True
        if self._thread is not None and self._thread.ident is not None:
            signal.pthread_kill(self._thread.ident, signal.SIGWINCH)
            self._thread.join()
        for number in signal.sigpending() & self._handled:
            signal.sigwait({number})
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)
        os.close(self.fd)
        os.close(self._end)


def _next(handled: set[signal.Signals]) -> Sent:
    """Wait for a signal."""
    if hasattr(signal, "sigwaitinfo"):
        info = signal.sigwaitinfo(handled)
        number = signal.Signals(info.si_signo)
        return Sent(number, number in _KEYS and info.si_code > 0)  # no process sent it
    # Elsewhere than on Linux nobody tells who did.
    number = signal.Signals(signal.sigwait(handled))
    return Sent(number, number in _KEYS and os.isatty(0))


def unblock() -> None:
    """Take all signals, as a program expects that is started."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
