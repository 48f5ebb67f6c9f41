"""Who may ask: the forms of the Authorization header that a cluster accepts.

============================  ====================================================================
header                        accepted for
============================  ====================================================================
``Simple <api key>``          a key, the documented form
``<api key>``                 a key, as the official Python, Ruby and R clients send it
``Bearer <jwt>``              a JSON web token, the documented form
``Simple <jwt>``              a JSON web token
============================  ====================================================================

Everything else is 401, as is no header at all; a session cookie is not supported. A JSON web token is
told from a key by its shape, three dot-separated base64url parts. Schemes are compared without regard
to case (RFC 9110, section 11.1), tokens exactly.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence

from logparse.errors import UsageError
from logparse.server.answers import ErrorCode, Refusal

__all__ = ["Keyring"]

_JWT = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class Keyring:
    """The tokens that a server knows.

    Parameters
    ----------
    tokens
        Keys or JSON web tokens that may read everything.
    forbidden
        Tokens that are known and may read nothing: 403 instead of 401.

    Raises
    ------
    UsageError
        If there is no token, or one that no header can carry.
    """

    def __init__(self, tokens: Sequence[str], forbidden: Sequence[str] = ()) -> None:
        if not tokens:
            raise UsageError("The local cluster needs at least one token.")
        for token in (*tokens, *forbidden):
            if not token or not token.isascii() or not token.isprintable() or " " in token:
                raise UsageError("A token of the local cluster must be printable ASCII without spaces.")
        self._tokens = [token.encode() for token in tokens]
        self._forbidden = [token.encode() for token in forbidden]

    def check(self, header: str | None) -> None:
        """Let the bearer of an Authorization header through, or raise :class:`Refusal`."""
        if not header:
            raise Refusal(401, ErrorCode.UNKNOWN_KEY, "No API key was given.")
        credential = _credential(header.encode("latin-1"))
        if credential is not None and _among(credential, self._tokens):
            return
        if credential is not None and _among(credential, self._forbidden):
            raise Refusal(403, ErrorCode.NOT_AUTHORIZED, "Not authorized.")
        raise Refusal(401, ErrorCode.UNKNOWN_KEY, "The API key is not known.")


def _credential(header: bytes) -> bytes | None:
    """Return the credential of an Authorization header, or ``None`` if its form is not accepted."""
    scheme, space, rest = header.strip().partition(b" ")
    if not space:
        return None if _JWT.fullmatch(scheme) else scheme
    credential = rest.strip()
    match scheme.lower():
        case b"simple":
            return credential
        case b"bearer" if _JWT.fullmatch(credential):
            return credential
        case _:
            return None


def _among(credential: bytes, tokens: Sequence[bytes]) -> bool:
    """Compare with every token, in a time that does not tell how much of one was right."""
    matches = [hmac.compare_digest(credential, token) for token in tokens]
    return any(matches)
