"""What can go wrong between a client and a cluster, on purpose.

A :class:`Fault` says when (path, how often, how likely) and an *effect* says what. An effect is ASGI
middleware: it takes the application and returns one that misbehaves, so effects that fire on the same
request pile up, the first one added outermost (a ``delay`` and then a ``reset``). Faults come before
routing and authentication, as a gateway would.

>>> faults = Faults([Fault(error(503), "*/logs", times=2), Fault(delay(0.1))])

Broken connections need what HTTP has no words for; see :mod:`logparse.server.transport`.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from logparse.server.transport import close_connection, reset_connection, write_raw

__all__ = [
    "Effect",
    "Fault",
    "FaultInjector",
    "Faults",
    "Shape",
    "close_early",
    "delay",
    "drip",
    "edit",
    "error",
    "next_link_to",
    "rate_limited",
    "redirect",
    "reply",
    "reset",
    "truncate",
]

Effect: TypeAlias = Callable[[ASGIApp], ASGIApp]
"""What happens to a request: takes the application, and returns one that misbehaves."""

Shape: TypeAlias = Literal["documented", "no-code", "string", "flat", "plain", "html", "empty"]
"""Bodies that errors come with. Only the first is documented; the others were seen, the last three
from servers and gateways that do not speak JSON."""


@dataclass(frozen=True)
class Fault:
    """When an effect takes place.

    Parameters
    ----------
    effect
        What happens: one of this module's functions, called.
    path
        Shell pattern of the decoded path, in which ``*`` also matches ``/``.
    times
        How many matching requests it hits before it is spent; ``None`` for all.
    after
        How many matching requests it lets through first.
    probability
        Chance of hitting each request that is left; the others neither suffer nor count.
    seed
        Of the dice, so that a run can be repeated.
    """

    effect: Effect
    path: str = "*"
    times: int | None = None
    after: int = 0
    probability: float = 1.0
    seed: int = 0


class Faults:
    """The faults of a server; may be changed from any thread while it runs."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._armed = [_Armed(fault) for fault in faults]

    def add(self, *faults: Fault) -> None:
        """Add faults after those already there."""
        with self._lock:
            self._armed += [_Armed(fault) for fault in faults]

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._armed = []

    def wrap(self, app: ASGIApp, path: str) -> ASGIApp:
        """Return the application as a request for `path` meets it, and count the request."""
        with self._lock:
            effects = [armed.fault.effect for armed in self._armed if armed.fires(path)]
        for effect in reversed(effects):
            app = effect(app)
        return app


@dataclass
class _Armed:
    """A fault and what is left of it."""

    fault: Fault
    seen: int = 0
    fired: int = 0
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.fault.seed)  # noqa: S311 - to be repeatable, not secret

    def fires(self, path: str) -> bool:
        fault = self.fault
        if not fnmatchcase(path, fault.path):
            return False
        self.seen += 1
        if self.seen <= fault.after or self.fired == fault.times:
            return False
        if fault.probability < 1 and self.dice.random() >= fault.probability:
            return False
        self.fired += 1
        return True


class FaultInjector:
    """ASGI middleware that lets :class:`Faults` happen."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self.app = app
        self.faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, with whatever goes wrong on it."""
        await self.faults.wrap(self.app, scope["path"])(scope, receive, send)


# Effects that answer in the application's place.


def reply(
    status: int,
    body: bytes = b"",
    *,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Effect:
    """Answer with this status and body."""
    fields = {"content-type": content_type, **(headers or {})} if body else dict(headers or {})
    answer = _Answer(status, [(k.lower().encode(), v.encode()) for k, v in fields.items()], body)

    def effect(_app: ASGIApp) -> ASGIApp:
        async def replying(_scope: Scope, _receive: Receive, send: Send) -> None:
            await answer.send(send)

        return replying

    return effect


def error(
    status: int,
    shape: Shape = "documented",
    *,
    code: int | None = None,
    message: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Effect:
    """Answer with an error; with status 200, with a success whose body is an error.

    Parameters
    ----------
    status
        HTTP status.
    shape
        Form of the body.
    code, message
        Of the body; by default what fits the status.
    headers
        Further headers, for instance ``X-Error-Message`` or ``Retry-After``.
    """
    text = message or _MESSAGES.get(status) or HTTPStatus(status).phrase
    facts = {
        "id": "00000000-0000-4000-8000-000000000000",
        "code": code or _CODES.get(status, 5001),
        "message": text,
    }
    value: Any
    match shape:
        case "documented":
            value = {"error": facts}
        case "no-code":
            value = {"error": {"id": facts["id"], "message": text}}
        case "string":
            value = {"error": text}
        case "flat":
            value = facts
        case "plain":
            return reply(status, text.encode(), content_type="text/plain; charset=utf-8", headers=headers)
        case "html":
            page = f"<html><head><title>{status} {text}</title></head><body><h1>{text}</h1></body></html>"
            return reply(status, page.encode(), content_type="text/html", headers=headers)
        case "empty":
            return reply(status, headers=headers)
    return reply(status, json.dumps(value).encode(), headers=headers)


_CODES = {401: 2002, 403: 2001, 404: 1000}
_MESSAGES = {401: "The API key is not known.", 403: "Not authorized.", 404: "No such algorithm"}


def rate_limited(retry_after: int | datetime, *, status: int = 429, shape: Shape = "plain") -> Effect:
    """Answer that there were too many requests.

    Parameters
    ----------
    retry_after
        Seconds, or an aware UTC time, which is sent as an HTTP date.
    status, shape
        Of the answer; a gateway may say 503 instead, in HTML.
    """
    moment = (
        format_datetime(retry_after, usegmt=True) if isinstance(retry_after, datetime) else str(retry_after)
    )
    return error(status, shape, headers={"Retry-After": moment})


def redirect(location: str, *, status: int = 302) -> Effect:
    """Send the client elsewhere.

    Parameters
    ----------
    location
        A URL. If it has no path (``http://127.0.0.1:8001``), the request's own path and query are added.
    status
        301, 302, 303, 307 or 308.
    """

    def effect(_app: ASGIApp) -> ASGIApp:
        async def redirecting(scope: Scope, _receive: Receive, send: Send) -> None:
            target = location if urlsplit(location).path else location + _target(scope)
            await _Answer(status, [(b"location", target.encode())], b"").send(send)

        return redirecting

    return effect


# Effects on the way of the application's own answer.


def delay(seconds: float) -> Effect:
    """Wait before the request goes on. Requests wait side by side, not one after the other."""

    def effect(app: ASGIApp) -> ASGIApp:
        async def delaying(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.sleep(seconds)
            await app(scope, receive, send)

        return delaying

    return effect


def edit(change: Callable[[Any], Any]) -> Effect:
    """Change the JSON of the application's answers of status 200."""

    def changed(answer: _Answer) -> _Answer:
        if answer.status != HTTPStatus.OK:
            return answer
        return answer.with_body(json.dumps(change(json.loads(answer.body))).encode())

    return _rewriting(changed)


def next_link_to(origin: str, *, keep_marker: bool = True) -> Effect:
    """Let the next page's link point to another server.

    Parameters
    ----------
    origin
        Scheme, host and port.
    keep_marker
        Whether the page still has its ``marker``, by which a client can do without the link.
    """

    def change(page: dict[str, Any]) -> dict[str, Any]:
        if "next_link" not in page:
            return page
        parts = urlsplit(page["next_link"])
        page["next_link"] = f"{origin}{parts.path}?{parts.query}"
        return page if keep_marker else {key: value for key, value in page.items() if key != "marker"}

    return edit(change)


def truncate(keep: float = 0.5) -> Effect:
    """Cut the body, JSON or not, and declare the length of what is left: good HTTP, broken JSON.

    Parameters
    ----------
    keep
        Share of the body that is sent, from 0 to less than 1.
    """
    return _rewriting(lambda answer: answer.with_body(answer.body[: int(len(answer.body) * keep)]))


def drip(seconds: float, *, size: int = 1) -> Effect:
    """Send the body slowly: `size` bytes, then a pause of so many seconds, and so on."""

    def effect(app: ASGIApp) -> ASGIApp:
        async def dripping(scope: Scope, receive: Receive, send: Send) -> None:
            answer = await _answer_of(app, scope, receive)
            await send(answer.start)
            for position in range(0, len(answer.body), size):
                piece = answer.body[position : position + size]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await asyncio.sleep(seconds)
            await send({"type": "http.response.body", "body": b""})

        return dripping

    return effect


# Effects that break the connection.


def reset(keep: float | None = None) -> Effect:
    """Reset the connection (RST).

    Parameters
    ----------
    keep
        ``None`` to answer nothing at all; otherwise the share of the body that is sent after the
        headers, which declare all of it, and before the reset.
    """
    return _breaking(keep, reset_connection)


def close_early(keep: float = 0.5) -> Effect:
    """Declare the whole length, send this share of the body, and close the connection in order (FIN)."""
    return _breaking(keep, close_connection)


def _breaking(keep: float | None, end: Callable[[Scope, Receive], Any]) -> Effect:
    def effect(app: ASGIApp) -> ASGIApp:
        async def breaking(scope: Scope, receive: Receive, _send: Send) -> None:
            if keep is not None:
                answer = await _answer_of(app, scope, receive)
                await write_raw(scope, answer.raw(int(len(answer.body) * keep)))
            await end(scope, receive)

        return breaking

    return effect


@dataclass(frozen=True)
class _Answer:
    """A whole HTTP answer."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """The headers, with the length of the body."""
        others = [(name, value) for name, value in self.headers if name != b"content-length"]
        return [*others, (b"content-length", str(len(self.body)).encode())]

    @property
    def start(self) -> Message:
        return {"type": "http.response.start", "status": self.status, "headers": self.fields}

    def with_body(self, body: bytes) -> _Answer:
        return _Answer(self.status, self.headers, body)

    async def send(self, send: Send) -> None:
        await send(self.start)
        await send({"type": "http.response.body", "body": self.body})

    def raw(self, length: int) -> bytes:
        """Return the answer as on the wire, with only so many bytes of its body."""
        line = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n".encode()
        fields = b"".join(b"%s: %s\r\n" % field for field in self.fields)
        return line + fields + b"\r\n" + self.body[:length]


async def _answer_of(app: ASGIApp, scope: Scope, receive: Receive) -> _Answer:
    """Let the application answer, and keep the answer."""
    start: Message = {}
    body: list[bytes] = []

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            body.append(message.get("body", b""))

    await app(scope, receive, keep)
    return _Answer(start["status"], list(start["headers"]), b"".join(body))


def _rewriting(change: Callable[[_Answer], _Answer]) -> Effect:
    def effect(app: ASGIApp) -> ASGIApp:
        async def rewriting(scope: Scope, receive: Receive, send: Send) -> None:
            await change(await _answer_of(app, scope, receive)).send(send)

        return rewriting

    return effect


def _target(scope: Scope) -> str:
    """Return the path and query of a request, as they were sent."""
    path: str = scope["raw_path"].decode("ascii")
    query: str = scope["query_string"].decode("ascii")
    return f"{path}?{query}" if query else path
