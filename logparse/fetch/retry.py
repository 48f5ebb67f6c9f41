"""When to ask again, and after how long.

Exponential back-off with full jitter (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture
Blog, 2015): the n-th wait is drawn evenly from zero to ``min(cap, base * 2**n)``, so that clients that
failed together do not come back together. A server's ``Retry-After`` is honoured, up to a bound.

Every route of the API is a GET, so asking twice changes nothing.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TypeVar

from logparse.errors import FetchError

__all__ = ["Retry", "Transient"]

T = TypeVar("T")


class Transient(Exception):
    """Says that an error may pass.

    Parameters
    ----------
    error
        What to raise once there are no tries left.
    retry_after
        The server's ``Retry-After`` header as it came.
    """

    def __init__(self, error: FetchError, retry_after: str | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A retry policy.

    Parameters
    ----------
    attempts
        How often a request is sent at most; 1 means never again.
    base, cap
        Seconds: the first wait is at most `base`, none is longer than `cap`.
    max_retry_after
        Seconds: a longer ``Retry-After`` is cut to this.
    sleep
        Waits that many seconds. ``None`` lets the caller of :meth:`run` decide, who may have a wait that
        can be interrupted.
    clock
        Seconds since 1970, to read a ``Retry-After`` that is a date.
    uniform
        Draws evenly between two numbers.
    """

    attempts: int = 6
    base: float = 0.5
    cap: float = 20.0
    max_retry_after: float = 120.0
    sleep: Callable[[float], object] | None = field(default=None, repr=False)
    clock: Callable[[], float] = field(default=time.time, repr=False)
    uniform: Callable[[float, float], float] = field(default=random.uniform, repr=False)

    def run(self, call: Callable[[], T], *, sleep: Callable[[float], object] = time.sleep) -> T:
        """Return what `call` returns, calling it again for as long as it raises :class:`Transient`.

        Raises
        ------
        FetchError
            The last :class:`Transient`'s error, once all tries are used up. Whatever else `call` raises
            passes at once.
        """
        sleep = self.sleep or sleep
        tries = 0
        while True:
            try:
                return call()
            except Transient as signal:
                tries += 1
                if tries >= self.attempts:
                    raise signal.error from signal.error.__cause__
                delay = self.delay(tries - 1, signal.retry_after)
            sleep(delay)

    def delay(self, retry: int, retry_after: str | None = None) -> float:
        """Return the seconds to wait before a retry, the first being number 0.

        With a ``Retry-After`` the jitter comes on top of it: earlier would be against the server's word.
        """
        asked = self._seconds(retry_after)
        if asked is not None:
            return asked + self.uniform(0.0, self.base)
        # 2**64 is past any cap; a larger power would overflow a float after a thousand tries.
        return self.uniform(0.0, min(self.cap, self.base * 2.0 ** min(retry, 64)))

    def _seconds(self, retry_after: str | None) -> float | None:
        """Read a ``Retry-After`` header: seconds or an HTTP date (RFC 9110, 10.2.3)."""
        if not retry_after:
            return None
        text = retry_after.strip()
        if text.isascii() and text.isdigit():
            # A number of a thousand digits is longer than any bound, whatever it says.
            seconds = float(text[:9]) if len(text) <= 9 else self.max_retry_after  # noqa: PLR2004
        else:
            try:
                moment = parsedate_to_datetime(text)
            except (ValueError, OverflowError):
                return None
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            seconds = moment.timestamp() - self.clock()
        return min(max(seconds, 0.0), self.max_retry_after)
