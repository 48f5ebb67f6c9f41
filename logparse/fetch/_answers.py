"""Turn an answer that is an error into the exception that says so.

Five shapes of body are in use by servers and the gateways before them::

    {"error": {"id": "...", "code": 1000, "message": "..."}}    the documented one; code may be missing
    {"error": "No such algorithm"}
    {"id": "...", "code": 1000, "message": "..."}
    not JSON: plain text, a gateway's HTML page
    nothing at all

An ``error`` may also come with status 200, and a message in the header ``X-Error-Message``.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from logparse.errors import (
    APIError,
    BadRequest,
    Forbidden,
    NoSuchAlgorithm,
    NoSuchVersion,
    NotFound,
    RateLimited,
    ServerError,
    Unauthorized,
)

__all__ = ["error_in", "to_error"]

_BY_STATUS: Mapping[int, type[APIError]] = {
    HTTPStatus.BAD_REQUEST: BadRequest,
    HTTPStatus.UNAUTHORIZED: Unauthorized,
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.TOO_MANY_REQUESTS: RateLimited,
}

# Algorithmia's codes: 10xx and 3000 mean that the algorithm, or its owner, is not there.
_BY_CODE: Mapping[int, type[APIError]] = {
    1000: NoSuchAlgorithm,
    1001: NoSuchAlgorithm,
    1009: NoSuchAlgorithm,
    2001: Forbidden,
    2002: Unauthorized,
    3000: NoSuchAlgorithm,
    5001: ServerError,
    5002: BadRequest,
    5003: BadRequest,
}

# For bodies without a code. Must not match "No such build", whose meaning depends on the route.
_BY_MESSAGE: tuple[tuple[re.Pattern[str], type[NotFound]], ...] = (
    (re.compile(r"\b(?:no such|unknown) (?:algorithm|user|org)", re.IGNORECASE), NoSuchAlgorithm),
    (re.compile(r"\balgorithm\b.*\b(?:not found|does not exist)", re.IGNORECASE), NoSuchAlgorithm),
    (re.compile(r"\b(?:no such|unknown) version", re.IGNORECASE), NoSuchVersion),
)

_MAX_MESSAGE = 300
_MAX_ID = 100
_TITLE = re.compile(r"<(title|h1)[^>]*>(?P<text>.*?)</\1", re.IGNORECASE | re.DOTALL)
_REMEDIES: Mapping[type[APIError], str] = {
    Unauthorized: "check the API key and that it belongs to this cluster",
}


class _Facts(NamedTuple):
    message: str | None = None
    code: int | None = None
    request_id: str | None = None


def error_in(value: object) -> bool:
    """Tell whether a JSON body that came with a good status is an error all the same."""
    return isinstance(value, Mapping) and bool(value.get("error"))


def to_error(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    route: str,
    scrub: Callable[[str], str] = str,
) -> APIError:
    """Return the exception for an answer that is an error.

    Parameters
    ----------
    status
        HTTP status. With a good one the body's code decides.
    headers
        Looked up without regard to case.
    body
        As it came, in any of the shapes above.
    route
        Method and path, to be part of the error.
    scrub
        Takes the credential out of a text that echoes it. It is given the server's texts before they are
        cut short, since half a credential would not be known for one.
    """
    facts = _facts(headers, body, scrub)
    kind = _kind(status, facts)
    message = facts.message or _default_message(status, body)
    if remedy := _REMEDIES.get(kind):
        message = f"{message}: {remedy}"
    return kind(message, status=status, code=facts.code, request_id=facts.request_id, route=route)


def _kind(status: int, facts: _Facts) -> type[APIError]:
    by_status = _BY_STATUS.get(status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        by_status = ServerError
    by_code = _BY_CODE.get(facts.code) if facts.code is not None else None
    # The status is the surer word; a code or a text can only refine a 404 or stand in for a good status.
    if by_status not in {None, NotFound}:
        return by_status or APIError
    if by_code and (by_status is None or issubclass(by_code, NotFound)):
        return by_code
    for pattern, kind in _BY_MESSAGE:
        if facts.message and pattern.search(facts.message):
            return kind
    return by_status or APIError


def _facts(headers: Mapping[str, str], body: bytes, scrub: Callable[[str], str]) -> _Facts:
    """Read what the answer says of the error."""
    header_message = _clean(headers.get("X-Error-Message"), scrub)
    header_id = _clean(headers.get("X-Request-Id"), scrub, _MAX_ID)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return _Facts(header_message or _from_text(body, scrub), None, header_id)
    error = value.get("error", value) if isinstance(value, Mapping) else value
    if isinstance(error, Mapping):
        code = _integer(error.get("code"))
        return _Facts(
            _clean(error.get("message"), scrub) or header_message,
            code,
            _clean(error.get("id"), scrub, _MAX_ID) or header_id,
        )
    return _Facts(_clean(error, scrub) or header_message, None, header_id)


def _integer(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:  # noqa: PLR2004
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _from_text(body: bytes, scrub: Callable[[str], str]) -> str | None:
    """Return the gist of a body that is not JSON: a page's title, or the first line of text."""
    text = scrub(body[:8192].decode("utf-8", "replace"))[:4096]
    if "<" in text:
        title = _TITLE.search(text)
        return _clean(html.unescape(title["text"]), scrub) if title else None
    return _clean(text.strip().partition("\n")[0], scrub)


def _clean(value: object, scrub: Callable[[str], str], limit: int = _MAX_MESSAGE) -> str | None:
    """Return a short text on one line, without the credential and control characters.

    The latter could act on a terminal.
    """
    if not isinstance(value, str):
        return None
    text = scrub(value)[: 4 * limit]
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return scrub(text)[:limit].rstrip(".") or None


def _default_message(status: int, body: bytes) -> str:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "an unknown status"
    return f"The cluster answered {phrase!r} and gave no reason" + ("" if body else " (its body was empty)")
