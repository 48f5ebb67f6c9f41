"""What the server answers with: JSON, and errors in the documented shape.

The OpenAPI document declares no property nullable, so what is unknown is left out, never ``null``;
that holds for the ``marker`` and ``next_link`` of a last page too.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from logparse.errors import SourceError

__all__ = [
    "ErrorCode",
    "Refusal",
    "answer_internal_error",
    "answer_refusal",
    "answer_unreadable",
    "json_answer",
    "known",
]

_log = logging.getLogger("logparse.server")


class ErrorCode(IntEnum):
    """Algorithmia's error codes that this server uses.

    The document lists the numbers without their meaning; the names are those the public reference and
    the clients give. ``GENERAL`` stands in where no number's meaning is known (no such build, version
    or path, a parameter of the wrong type): next to the other general ones, and none of those that
    mean "no such algorithm", so that a client can tell the two apart.
    """

    NO_SUCH_ALGORITHM = 1000
    NO_SUCH_ALGORITHM_ID = 1001
    NOT_AUTHORIZED = 2001
    UNKNOWN_KEY = 2002
    NO_SUCH_USER = 3000
    INTERNAL = 5001
    INVALID_MARKER = 5002
    LIMIT_OUT_OF_RANGE = 5003
    GENERAL = 5004


class Refusal(Exception):
    """A request is answered with an error.

    Parameters
    ----------
    status, code, message
        HTTP status, Algorithmia's code, and the sentence of the body.
    headers
        Further headers of the answer.
    """

    def __init__(
        self, status: int, code: ErrorCode, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers


def json_answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON in UTF-8."""
    # A recording may hold half of a surrogate pair as an escape, which no UTF-8 can carry.
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(body, status_code=status, headers=headers, media_type="application/json")


def known(value: Any) -> Any:
    """Return a JSON value without the members that are ``null``."""
    if isinstance(value, Mapping):
        return {key: known(member) for key, member in value.items() if member is not None}
    return [known(member) for member in value] if isinstance(value, list) else value


def _error(status: int, code: ErrorCode, message: str, headers: Mapping[str, str] | None = None) -> Response:
    body = {"error": {"id": str(uuid.uuid4()), "code": int(code), "message": message}}
    return json_answer(body, status=status, headers=headers)


async def answer_refusal(_request: Request, refusal: Exception) -> Response:
    """Answer a :class:`Refusal`."""
    assert isinstance(refusal, Refusal)  # noqa: S101 - registered for no other class
    return _error(refusal.status, refusal.code, refusal.message, refusal.headers)


async def answer_unreadable(_request: Request, error: Exception) -> Response:
    """Answer a request for what the recorded cluster cannot read. The path stays in the server's own log."""
    _log.error("%s", error)
    assert isinstance(error, SourceError)  # noqa: S101 - registered for no other class
    return _error(500, ErrorCode.INTERNAL, "The log could not be read.")


async def answer_internal_error(request: Request, error: Exception) -> Response:
    """Answer a request that met a defect of this server."""
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _error(500, ErrorCode.INTERNAL, "Internal error.")
