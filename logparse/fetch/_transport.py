"""Send one GET and return its JSON, or raise the one exception that says what went wrong."""

from __future__ import annotations

import errno
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

import requests
from requests.auth import AuthBase
from requests.cookies import RequestsCookieJar
from requests.utils import get_environ_proxies
from urllib3.exceptions import HTTPError as Urllib3Error
from urllib3.exceptions import NameResolutionError

from logparse.errors import APIError, BadResponse, ConnectError, FetchError, TimedOut, TLSError
from logparse.fetch._answers import error_in, to_error
from logparse.fetch._wire import BoundedAdapter
from logparse.fetch.config import Origin, Settings, Token
from logparse.fetch.retry import Retry, Transient

__all__ = ["Answer", "Transport"]

_CHUNK_BYTES = 1 << 16
_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Answer(NamedTuple):
    """A good answer: its status, the JSON in its body, and ``METHOD path`` of what was asked."""

    status: int
    value: Any
    route: str


class Transport:
    """Connections to one cluster, with its credential, time-outs and retries. Threads may share one.

    Parameters
    ----------
    settings
        Address, credential and CA certificates.
    retry
        When to ask again.
    timeout
        Seconds to connect, and seconds for a whole answer.
    max_connections
        The most that are open at once.
    max_bytes
        The longest body that is read, counted after decompression.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        retry: Retry,
        timeout: tuple[float, float],
        max_connections: int,
        max_bytes: int,
    ) -> None:
        self.settings = settings
        self.retry = retry
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._origin = Origin.of(settings.address)
        self._verify = settings.ca_bundle or True
        self._closed = threading.Event()
        self._reached = False
        self._adapter = BoundedAdapter(max_connections)
        self._session = requests.Session()
        self._session.mount("http://", self._adapter)
        self._session.mount("https://", self._adapter)
        # What requests would take from the environment with each request, at a third of its cost, cannot
        # change for one origin: the proxy. The rest, a password in ~/.netrc above all, is not wanted.
        self._session.trust_env = False
        self._session.proxies = dict(get_environ_proxies(settings.address))
        self._session.auth = _Authorization(settings.token)
        self._session.headers.update({"Accept": "application/json", "User-Agent": "logparse"})
        # The API is stateless, and a jar would be the one thing that threads write to.
        self._session.cookies = _NoCookies()
        self._template = self._session.prepare_request(requests.Request("GET", settings.address))

    def close(self) -> None:
        """Cut off what is under way, in whatever thread, and close the connections. Final."""
        self._closed.set()
        self._adapter.abort()
        self._session.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Ask for a path below the address.

        Parameters
        ----------
        path
            Already percent-encoded, with a slash at the start.
        params
            Query parameters, not yet encoded.

        Raises
        ------
        FetchError
            One of its branches, after the retries of the policy.
        """
        return self.retry.run(lambda: self._try(path, params), sleep=self.pause)

    def pause(self, seconds: float) -> None:
        """Wait, unless the transport is closed meanwhile.

        Raises
        ------
        ConnectError
            If it is.
        """
        if self._closed.wait(seconds):
            raise self._closed_error()

    def _try(self, path: str, params: Mapping[str, str] | None) -> Answer:
        """Send the request once, and follow redirects inside the origin."""
        route = f"GET {path}"
        url = self.settings.address + path + (f"?{urlencode(params)}" if params else "")
        for _ in range(_MAX_REDIRECTS + 1):
            if self._closed.is_set():
                raise self._closed_error()
            try:
                with self._session.send(
                    self._request(url),
                    timeout=self._timeout,
                    verify=self._verify,
                    proxies=self._session.proxies,
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    body = self._read(response, route)
            except (requests.RequestException, Urllib3Error, OSError) as error:
                raise self._lost(error) from error
            self._reached = True
            if response.status_code not in _REDIRECTS or "Location" not in response.headers:
                return self._answer(response, body, route)
            url = self._redirected(response, route)
        raise APIError("The cluster's redirects go in a circle", status=response.status_code, route=route)

    def _request(self, url: str) -> requests.PreparedRequest:
        """Return the request for a URL: all are alike but for that, so one was prepared for all."""
        request = self._template.copy()
        request.url = url
        return request

    def _read(self, response: requests.Response, route: str) -> bytes:
        """Read a body of sane size."""
        chunks = []
        size = 0
        for chunk in _chunks(response):
            size += len(chunk)
            if size > self._max_bytes:
                raise BadResponse(
                    f"The answer is longer than {self._max_bytes} bytes, which no build log is: raise"
                    " max_bytes if it is meant",
                    status=response.status_code,
                    route=route,
                )
            chunks.append(chunk)
        return b"".join(chunks)

    def _answer(self, response: requests.Response, body: bytes, route: str) -> Answer:
        """Judge an answer that came whole as far as HTTP can tell."""
        status = response.status_code
        if status != HTTPStatus.OK:
            raise self._judged(self._to_error(response, body, route), response)
        try:
            value = _load(body)
        except (ValueError, RecursionError) as error:
            kind = "an HTML page" if body.lstrip()[:1] == b"<" else "cut short or not JSON"
            raise Transient(
                BadResponse(
                    f"The answer is {kind} ({len(body)} bytes): check that the address is the API's",
                    status=status,
                    route=route,
                )
            ) from error
        if error_in(value):
            raise self._judged(self._to_error(response, body, route), response)
        return Answer(status, value, route)

    def _judged(self, error: APIError, response: requests.Response) -> APIError | Transient:
        """Tell errors that may pass from those that will not."""
        passing = error.status == HTTPStatus.TOO_MANY_REQUESTS or (
            error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            or (error.status == HTTPStatus.OK and error.code == _INTERNAL)
        )
        return Transient(error, response.headers.get("Retry-After")) if passing else error

    def _to_error(self, response: requests.Response, body: bytes, route: str) -> APIError:
        """Return the error that an answer is, without the credential, should the server echo it."""
        token = self.settings.token
        return to_error(
            response.status_code, response.headers, body, route=route, scrub=token.scrub if token else str
        )

    def _redirected(self, response: requests.Response, route: str) -> str:
        """Return where a redirect leads, if that is the same origin."""
        target = urljoin(response.url, response.headers["Location"])
        try:
            origin = Origin.of(target)
        except ValueError:
            raise BadResponse(
                "The cluster redirects to what is no address", status=response.status_code, route=route
            ) from None
        if origin != self._origin:
            raise APIError(
                f"The cluster redirects to {origin}, another origin, where the credential is not sent: if you"
                f" trust it, give {origin} as the address",
                status=response.status_code,
                route=route,
            )
        parts = urlsplit(target)
        # Put together anew, so that a user name in the target does not become a credential.
        return f"{self._origin}{parts.path}" + (f"?{parts.query}" if parts.query else "")

    def _lost(self, error: Exception) -> FetchError | Transient:
        """Say in one sentence why no answer came, and whether another try makes sense."""
        if self._closed.is_set():
            return self._closed_error()
        where = str(self._origin)
        causes = list(_causes(error))
        if any(isinstance(cause, requests.exceptions.SSLError) for cause in causes):
            return TLSError(
                f"The certificate or TLS handshake of {where} was not accepted"
                f" ({_reason(causes)}): check the address, or give the cluster's CA certificates as"
                " ca_bundle or in REQUESTS_CA_BUNDLE."
            )
        if any(isinstance(cause, requests.exceptions.ProxyError) for cause in causes):
            return ConnectError(
                f"The proxy on the way to {where} gave no connection ({_reason(causes)}): check HTTP_PROXY,"
                " HTTPS_PROXY and NO_PROXY."
            )
        if any(isinstance(cause, requests.exceptions.Timeout | TimeoutError) for cause in causes):
            connect, read = self._timeout
            return Transient(
                TimedOut(
                    f"{where} gave no whole answer in time (connect {connect:g} s, answer {read:g} s):"
                    " try again, or raise the time-out."
                )
            )
        if any(isinstance(cause, NameResolutionError | socket.gaierror) for cause in causes):
            return self._unreached(
                ConnectError(f"The host name {self._origin.host} is not known: check the address.")
            )
        if any(getattr(cause, "errno", None) == errno.ECONNREFUSED for cause in causes):
            return self._unreached(
                ConnectError(
                    f"{where} refused the connection: check the address and port, and that the server runs."
                )
            )
        return Transient(
            ConnectError(
                f"{where} closed the connection before the answer was whole ({_reason(causes)}): try again."
            )
        )

    def _unreached(self, error: ConnectError) -> ConnectError | Transient:
        """Ask again only where there once was an answer: else the address is wrong more likely than not."""
        return Transient(error) if self._reached else error

    def _closed_error(self) -> ConnectError:
        return ConnectError(f"The client of {self._origin} was closed: make a new one.")


class _Authorization(AuthBase):
    """Sets the header, or none."""

    def __init__(self, token: Token | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = self._token.header
        return request


class _NoCookies(RequestsCookieJar):
    """A jar that stays empty."""

    def set_cookie(self, *_args: Any, **_kwargs: Any) -> None:
        """Drop the cookie."""


_INTERNAL = 5001
"""Algorithmia's code for an internal error, which may come with status 200."""


def _chunks(response: requests.Response) -> Iterator[bytes]:
    chunks: Iterator[bytes] = response.iter_content(_CHUNK_BYTES)
    return chunks


def _load(body: bytes) -> Any:
    """Read JSON whose strings may hold bytes that are not UTF-8, as a log of some tool may."""
    try:
        return json.loads(body)
    except UnicodeDecodeError:
        return json.loads(body.decode("utf-8", "surrogateescape"))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk from an error of requests down to the one of the socket, through all that wrap it."""
    seen: set[int] = set()
    queue: list[BaseException] = [error]
    while queue:
        one = queue.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
        queue += [candidate for candidate in inner if isinstance(candidate, BaseException)]


def _reason(causes: list[BaseException]) -> str:
    """Return the innermost error's own words."""
    for cause in reversed(causes):
        text = getattr(cause, "verify_message", None) or getattr(cause, "strerror", None)
        if isinstance(text, str) and text:
            return text
    return type(causes[-1]).__name__
