"""Sockets that can be given up: the one place that reaches below requests.

A time-out of requests bounds the wait for each packet, so a server that sends a byte a second holds its
reader for ever. Here the read time-out bounds the whole answer, headers and body, and every answer under
way can be cut off from another thread.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import io
import socket
import threading
import time
import weakref
from typing import Any, cast

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

__all__ = ["BoundedAdapter"]

_BUFFER_BYTES = 1 << 16


class BoundedAdapter(HTTPAdapter):
    """A connection pool whose read time-out holds for a whole answer.

    Parameters
    ----------
    connections
        The most that are open at once; a thread that wants one more waits for its turn.
    """

    def __init__(self, connections: int) -> None:
        self._answers: weakref.WeakSet[_BoundedAnswer] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._is_aborted = False
        # Not adapter retries: they would act without our policy's clock and jitter.
        super().__init__(pool_connections=2, pool_maxsize=connections, max_retries=0, pool_block=True)

    def abort(self) -> None:
        """Cut off every answer that is awaited or read, or will be: its reader gets an error at once."""
        with self._lock:
            self._is_aborted = True
            answers = list(self._answers)
        for answer in answers:
            answer.abort()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pool, as requests asks for once."""
        super().init_poolmanager(*args, **kwargs)
        self._bound(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Make or return the pool for a proxy, as requests asks for with each request."""
        return self._bound(super().proxy_manager_for(*args, **kwargs))

    def _bound(self, manager: PoolManager) -> PoolManager:
        manager.pool_classes_by_scheme = self._pool_classes
        return manager

    @functools.cached_property
    def _pool_classes(self) -> dict[str, Any]:
        """urllib3's pools, with connections whose answers are ours."""

        def answer(sock: socket.socket, *args: Any, **kwargs: Any) -> _BoundedAnswer:
            made = _BoundedAnswer(sock, *args, **kwargs)
            with self._lock:
                self._answers.add(made)
                is_late = self._is_aborted
            if is_late:  # the request was sent before, and its answer is awaited only from now on
                made.abort()
            return made

        bounded = {"response_class": staticmethod(answer)}
        plain = type("BoundedHTTPConnection", (HTTPConnection,), bounded)
        tls = type("BoundedHTTPSConnection", (HTTPSConnection,), bounded)
        return {
            "http": type("BoundedHTTPPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("BoundedHTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
        }


class _BoundedAnswer(http.client.HTTPResponse):
    """An answer that must have come whole before its socket's time-out is over."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        self._socket = weakref.ref(sock)
        # http.client asks its socket for a file and for nothing else.
        super().__init__(cast("socket.socket", _Deadline(sock)), *args, **kwargs)

    def abort(self) -> None:
        """Make a read that waits return."""
        sock = self._socket()
        if sock is not None:
            with contextlib.suppress(OSError):  # it may be closed by now
                sock.shutdown(socket.SHUT_RDWR)


class _Deadline(io.RawIOBase):
    """Read a socket until the time-out it has now is over, however many packets that takes."""

    def __init__(self, sock: socket.socket) -> None:
        timeout = sock.gettimeout()
        self._end = None if timeout is None else time.monotonic() + timeout
        self._sock = sock
        # The socket counts its files and stays open until the last is closed.
        self._raw = sock.makefile("rb", buffering=0)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self, _BUFFER_BYTES)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._end is not None:
            left = self._end - time.monotonic()
            if left <= 0:
                raise TimeoutError("the whole answer took too long")
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()
