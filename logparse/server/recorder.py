"""The log of the requests that a local cluster was asked."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Exchange", "Recorder"]


@dataclass(slots=True)
class Exchange:
    """One request and what became of it.

    Parameters
    ----------
    method, path, query
        As sent, the path still percent-encoded, the query without ``?``.
    headers
        The request's headers, names in lower case; not printed, for they hold the credential.
    at
        Seconds of a monotonic clock when the request came in.
    status
        Status of the answer; ``None`` until it starts, and for good when the connection was broken.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    at: float
    status: int | None = None


class Recorder:
    """ASGI middleware that adds every request to a list when it comes in."""

    def __init__(self, app: ASGIApp, exchanges: list[Exchange]) -> None:
        self.app = app
        self.exchanges = exchanges

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record a request and pass it on."""
        exchange = Exchange(
            method=scope["method"],
            path=scope["raw_path"].decode("ascii"),
            query=scope["query_string"].decode("ascii"),
            headers=dict(Headers(scope=scope)),
            at=time.monotonic(),
        )
        self.exchanges.append(exchange)

        async def note_status(message: Message) -> None:
            # Noted before it is sent, so that a client that has its answer finds the status here.
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
            await send(message)

        await self.app(scope, receive, note_status)
