"""Run the application with uvicorn: in a thread, or until Ctrl-C."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from logparse.errors import UsageError
from logparse.fetch.cluster import RecordedCluster
from logparse.server.app import create_app
from logparse.server.faults import Fault, Faults
from logparse.server.paging import MAX_LIMIT
from logparse.server.recorder import Exchange
from logparse.server.transport import BreakableProtocol

__all__ = ["LocalCluster", "serve"]

LOOPBACK = "127.0.0.1"

_LAST_PORT = 65535


def serve(
    cluster: RecordedCluster | str | Path,
    *,
    token: str | Sequence[str],
    port: int = 0,
    host: str = LOOPBACK,
    on_listen: Callable[[str], None] | None = None,
    forbidden: Sequence[str] = (),
    faults: Faults | Iterable[Fault] = (),
    max_limit: int = MAX_LIMIT,
) -> None:
    """Serve a recorded cluster until Ctrl-C.

    Parameters
    ----------
    cluster
        The cluster, or its folder.
    token, forbidden, faults, max_limit
        As for :func:`logparse.server.app.create_app`.
    port, host
        Where to listen; port 0 takes a free one.
    on_listen
        Called once with the address, ``http://127.0.0.1:8000``, when requests are answered there.

    Raises
    ------
    SourceError
        If `cluster` is no recorded cluster.
    UsageError
        If it is not possible to listen there, or a token is unusable.
    """
    app = create_app(_opened(cluster), token=token, forbidden=forbidden, faults=faults, max_limit=max_limit)
    listener = _listen(host, port)
    # uvicorn ends in order on Ctrl-C, and then raises the signal again.
    with listener, contextlib.suppress(KeyboardInterrupt):
        _Server(app, listener, on_listen or _ignore).run(sockets=[listener])


class LocalCluster:
    """A recorded cluster that is served from a thread of this process, for as long as a ``with`` lasts.

    Parameters
    ----------
    cluster
        The cluster, or its folder.
    token, forbidden, max_limit
        As for :func:`logparse.server.app.create_app`.
    faults
        What goes wrong from the start; more with ``cluster.faults.add(...)``.
    port
        Where to listen on 127.0.0.1; 0 takes a free one.

    Attributes
    ----------
    cluster : RecordedCluster
        What is served.
    faults : Faults
        May be changed at any time.
    requests : list of Exchange
        Every request since the start, in the order of arrival. May be cleared.
    """

    def __init__(
        self,
        cluster: RecordedCluster | str | Path,
        *,
        token: str | Sequence[str],
        forbidden: Sequence[str] = (),
        faults: Iterable[Fault] = (),
        max_limit: int = MAX_LIMIT,
        port: int = 0,
    ) -> None:
        self.cluster = _opened(cluster)
        self.faults = Faults(faults)
        self.requests: list[Exchange] = []
        self._app = create_app(
            self.cluster,
            token=token,
            forbidden=forbidden,
            faults=self.faults,
            exchanges=self.requests,
            max_limit=max_limit,
        )
        self._token = token if isinstance(token, str) else token[0]
        self._port = port
        self._running: tuple[_Server, threading.Thread] | None = None
        self._address = ""

    @property
    def token(self) -> str:
        """The token that may read; the first, if there are several."""
        return self._token

    @property
    def address(self) -> str:
        """``http://127.0.0.1:PORT``, known while the cluster runs and after."""
        return self._address

    def start(self) -> None:
        """Listen and answer; returns once it does, at once if it already runs.

        Raises
        ------
        UsageError
            If the port is taken.
        """
        if self._running is not None:
            return
        listener = _listen(LOOPBACK, self._port)
        listening = threading.Event()

        def note(address: str) -> None:
            self._address = address
            listening.set()

        server = _Server(self._app, listener, note)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="logparse-local-cluster", daemon=True
        )
        self._running = server, thread
        thread.start()
        listening.wait()

    def stop(self) -> None:
        """Break off what is under way and stop listening; returns once it has."""
        if self._running is None:
            return
        server, thread = self._running
        self._running = None
        server.should_exit = True
        thread.join()

    def __enter__(self) -> Self:
        """Start, and return the running cluster."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()


class _Server(uvicorn.Server):
    """uvicorn without its own log, which says when it listens."""

    def __init__(self, app: ASGIApp, listener: socket.socket, on_listen: Callable[[str], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=BreakableProtocol,
                ws="none",
                lifespan="off",
                # Connections that are broken on purpose are no news, and defects are logged by the app.
                log_config=None,
                log_level="critical",
                access_log=False,
                # A slow answer must not hold up the end of a test or a second Ctrl-C.
                timeout_graceful_shutdown=0,
            )
        )
        host, port = listener.getsockname()[:2]
        self._address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        self._on_listen = on_listen

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell the address."""
        await super().startup(sockets)
        self._on_listen(self._address)


def _opened(cluster: RecordedCluster | str | Path) -> RecordedCluster:
    return cluster if isinstance(cluster, RecordedCluster) else RecordedCluster(cluster)


def _ignore(_address: str) -> None:
    """Tell nobody."""


def _listen(host: str, port: int) -> socket.socket:
    """Open the listening socket here, where the reason of a failure is still known."""
    if not 0 <= port <= _LAST_PORT:
        raise UsageError(f"{port} is no port; give one from 0 to {_LAST_PORT}, 0 for a free one.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageError(
                f"Port {port} of {host} is in use; give another one, or 0 for a free one."
            ) from error
        raise UsageError(f"Cannot listen on {host}, port {port}: {error.strerror or error}.") from error
    # Inherited by every connection. asyncio sets it only on sockets it made itself, and without it each
    # answer waits 40 ms for the client's delayed acknowledgement of the headers.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
