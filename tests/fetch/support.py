"""What the tests of the fetch layer share."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Self

from logparse.fetch import Archive
from logparse.model import Log

KEY = "simLocalClusterKeyOfTheTests"
ALGORITHM = "acme/sentiment"


class FakeTime:
    """Seconds that pass only when somebody sleeps."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self.seconds = start
        self.slept: list[float] = []

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


class RawServer:
    """A listening socket that keeps what it is sent, and answers as a function says."""

    def __init__(self, answer: Callable[[socket.socket], None] | None = None) -> None:
        self._answer = answer or (lambda _connection: None)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self.received: list[bytes] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self._connections:
            connection.close()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._connections.append(connection)
            try:
                self.received.append(connection.recv(65536))
                self._answer(connection)
            except OSError:
                continue


def answering(body: bytes) -> Callable[[socket.socket], None]:
    """Return an answer for a :class:`RawServer`, of status 200."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    return answer


def contents(archive: Archive) -> set[Log]:
    """Return the logs of an archive, without the names of the parts they are in."""
    return {strip(log) for log in archive.logs()}


def strip(log: Log) -> Log:
    return replace(log, path=None)
