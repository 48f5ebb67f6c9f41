"""Every error logparse raises on purpose, in one tree.

Catch :class:`LogparseError` to catch them all, or a branch of it::

    LogparseError
    ├── UsageError            what was asked for makes no sense
    ├── ConfigError           credentials or profiles are missing or unreadable
    ├── RuleError             a file of rules is missing, or a rule or cause in it is wrong
    ├── SourceError           a local path holds no log that can be read
    │   └── NoBuildError      it was read, but no build is in it
    ├── FetchError            a cluster could not be asked, or answered with an error
    │   ├── ConnectError      no HTTP answer came back
    │   │   ├── TLSError
    │   │   └── TimedOut
    │   └── APIError          an answer came, and it is an error
    │       ├── BadRequest            400
    │       ├── Unauthorized          401
    │       ├── Forbidden             403
    │       ├── NotFound              404, refined where the API lets us:
    │       │   ├── NoSuchAlgorithm
    │       │   ├── NoSuchVersion
    │       │   ├── NoSuchBuild
    │       │   ├── BuildInProgress   the log of a running build
    │       │   └── NoLogStored       the build ended, its log is gone
    │       ├── RateLimited           429
    │       ├── ServerError           5xx
    │       └── BadResponse           the status was fine, the body was not
    ├── ArchiveError          a raw archive cannot be read or written
    └── ExportError           a report could not be written

An error's text is one sentence that names the thing and the remedy; ``exit_code`` is what the
command line leaves with. Tokens are never part of an error.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "APIError",
    "ArchiveError",
    "BadRequest",
    "BadResponse",
    "BuildInProgress",
    "ConfigError",
    "ConnectError",
    "ExportError",
    "FetchError",
    "Forbidden",
    "LogparseError",
    "NoBuildError",
    "NoLogStored",
    "NoSuchAlgorithm",
    "NoSuchBuild",
    "NoSuchVersion",
    "NotFound",
    "RateLimited",
    "RuleError",
    "ServerError",
    "SourceError",
    "TLSError",
    "TimedOut",
    "Unauthorized",
    "UsageError",
]


class LogparseError(Exception):
    """Base of all errors of this package."""

    exit_code: ClassVar[int] = 2
    """What the command line exits with. 1 is kept for "a diagnosed build failed"."""


class UsageError(LogparseError):
    """The request contradicts itself or names something that does not exist."""


class ConfigError(LogparseError):
    """Credentials, profiles or addresses are missing or unreadable."""


class RuleError(LogparseError):
    """A file of rules is missing, or a rule or cause in it is wrong.

    Parameters
    ----------
    reason
        What is wrong and what to do about it, without a full stop.
    file
        The file, as it was given.
    entry
        The id of the rule or cause; empty if it is the file as a whole.
    """

    def __init__(self, reason: str, *, file: str, entry: str = "") -> None:
        super().__init__(f"{file}, {entry}: {reason}." if entry else f"{file}: {reason}.")
        self.reason = reason
        self.file = file
        self.entry = entry


class SourceError(LogparseError):
    """A local path is missing, unreadable, or holds no log."""

    exit_code = 3


class NoBuildError(SourceError):
    """The input was read, but there is no build in it."""


class FetchError(LogparseError):
    """A cluster could not be asked, or answered with an error."""

    exit_code = 4


class ConnectError(FetchError):
    """No HTTP answer: unknown host, refused, reset or closed too early."""


class TLSError(ConnectError):
    """The server's certificate or TLS handshake was not accepted."""


class TimedOut(ConnectError):
    """The server took longer than allowed."""


class APIError(FetchError):
    """The cluster answered with an error.

    Parameters
    ----------
    message
        The server's own words, or ours where it had none.
    status
        HTTP status.
    code
        Algorithmia's numeric error code, if the body had one.
    request_id
        The id the server gave this error, if any.
    route
        Method and path that was asked, without host, query or credentials.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: int | None = None,
        request_id: str | None = None,
        route: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.request_id = request_id
        self.route = route

    def __str__(self) -> str:
        facts = [f"HTTP {self.status}"]
        if self.code is not None:
            facts.append(f"code {self.code}")
        if self.request_id:
            facts.append(f"id {self.request_id}")
        if self.route:
            facts.append(self.route)
        return f"{self.message} ({', '.join(facts)})"


class BadRequest(APIError):
    """400: the server did not accept a parameter."""


class Unauthorized(APIError):
    """401: no credential, or one the cluster does not know."""

    exit_code = 5


class Forbidden(APIError):
    """403: the credential is known but may not read this."""

    exit_code = 5


class NotFound(APIError):
    """404, and what exactly is missing could not be found out."""


class NoSuchAlgorithm(NotFound):
    """The algorithm does not exist, or this credential may not see it."""


class NoSuchVersion(NotFound):
    """The algorithm has no such version."""


class NoSuchBuild(NotFound):
    """The algorithm has no such build."""


class BuildInProgress(NotFound):
    """The build is still running, so its log is not there yet."""


class NoLogStored(NotFound):
    """The build is finished, but no log of it is stored."""


class RateLimited(APIError):
    """429, still after all retries."""


class ServerError(APIError):
    """5xx, still after all retries."""


class BadResponse(APIError):
    """The status was fine, the body was not: truncated, not JSON, or of another shape."""


class ArchiveError(LogparseError):
    """A raw archive cannot be read or written."""

    exit_code = 6


class ExportError(LogparseError):
    """A report could not be written."""

    exit_code = 6
