"""Access to the connection below HTTP, so that faults can break it.

ASGI has no message for "reset the connection", and uvicorn refuses a body that is shorter than it
declared, as it should. ASGI does have *extensions*: entries of ``scope["extensions"]`` by which a
server offers more than the specification asks. :class:`BreakableProtocol` is uvicorn's own HTTP/1.1
protocol that offers one, `EXTENSION`, whose value is the connection's asyncio transport. What is
written to it goes past the HTTP layer, so the connection must be ended afterwards.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Any

from starlette.types import Receive, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

__all__ = ["EXTENSION", "BreakableProtocol", "close_connection", "reset_connection", "write_raw"]

EXTENSION = "logparse.transport"

# On, with no time to linger: closing drops what is unsent and answers with RST (SO_LINGER, socket(7)).
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

# A reset overtakes what the kernel has not delivered yet; on the loopback this is ample time.
_DELIVERY = 0.05


class BreakableProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol that shows the application its transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Offer the extension to every request of a new connection."""
        super().connection_made(transport)
        self.app = _offering(self.app, transport)


def _offering(app: ASGI3Application, transport: asyncio.Transport) -> ASGI3Application:
    async def offering(scope: Any, receive: Any, send: Any) -> None:
        scope.setdefault("extensions", {})[EXTENSION] = transport
        await app(scope, receive, send)

    return offering


async def write_raw(scope: Scope, data: bytes) -> None:
    """Write bytes past HTTP, and give them time to reach the client."""
    _transport(scope).write(data)
    await asyncio.sleep(_DELIVERY)


async def close_connection(scope: Scope, receive: Receive) -> None:
    """Close the connection in order (FIN), and return when it is gone."""
    _transport(scope).close()
    await _gone(receive)


async def reset_connection(scope: Scope, receive: Receive) -> None:
    """Reset the connection (RST), and return when it is gone."""
    transport = _transport(scope)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
    await _gone(receive)


async def _gone(receive: Receive) -> None:
    """Wait until uvicorn knows that the connection is lost, else it takes no answer for a defect."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _transport(scope: Scope) -> asyncio.Transport:
    transport: asyncio.Transport = scope["extensions"][EXTENSION]
    return transport
