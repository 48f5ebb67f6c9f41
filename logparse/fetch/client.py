"""Ask a cluster for builds, versions and logs: one method a route of the API.

The routes and their answers are those of the OpenAPI document, version 1.5.1; where it is silent, the
choice made is in the method's description.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, quote, urlsplit

from logparse.errors import (
    APIError,
    BadResponse,
    BuildInProgress,
    NoLogStored,
    NoSuchAlgorithm,
    NoSuchBuild,
    NoSuchVersion,
    NotFound,
    TimedOut,
    UsageError,
)
from logparse.fetch._transport import Answer, Transport
from logparse.fetch.api import BuildInfo, VersionInfo
from logparse.fetch.config import Token, find_settings
from logparse.fetch.retry import Retry
from logparse.model import Status

__all__ = ["PAGE_SIZE", "Client", "split_algorithm", "to_bytes"]

PAGE_SIZE = 50
"""The API's documented default; the largest page is not documented, so no more is asked for unbidden."""

_MAX_BYTES = 1 << 30
_UUID = re.compile(r"[0-9A-Za-z]{8}(?:-[0-9A-Za-z]{4}){3}-[0-9A-Za-z]{12}")
_COMMIT = re.compile(r"[0-9a-f]{4,40}")
_STALE_PAGES = 3

T = TypeVar("T", BuildInfo, VersionInfo)


class Client:
    """A client of one cluster. Threads may share it.

    Parameters
    ----------
    address, token, profile, ca_bundle
        See :func:`logparse.fetch.find_settings`, which fills in what is not given.
    timeout
        Seconds to connect, and seconds for a whole answer, however slowly it drips.
    retry
        When to ask again.
    max_connections
        The most that are open at once. The default serves the 16 workers of
        :func:`logparse.fetch.fetch`, and its listing.
    max_bytes
        The longest answer that is read.

    Raises
    ------
    ConfigError
        If the address or the credential is missing or cannot be used.

    Notes
    -----
    An algorithm is named ``"owner/name"``, or by its UUID on the builds routes. Every method raises
    :class:`~logparse.errors.FetchError`: its branches tell what went wrong.

    The credential goes to the address's own origin only: redirects that leave it are refused, and a
    page's ``next_link``, which servers fill with other schemes and hosts, is never called.
    """

    def __init__(
        self,
        address: str | None = None,
        token: str | Token | None = None,
        *,
        profile: str | None = None,
        timeout: tuple[float, float] = (10.0, 120.0),
        retry: Retry | None = None,
        max_connections: int = 17,
        ca_bundle: str | os.PathLike[str] | None = None,
        max_bytes: int = _MAX_BYTES,
    ) -> None:
        self._transport = Transport(
            find_settings(address, token, profile=profile, ca_bundle=ca_bundle),
            retry=retry or Retry(),
            timeout=timeout,
            max_connections=max_connections,
            max_bytes=max_bytes,
        )

    @property
    def address(self) -> str:
        """Base URL of the cluster."""
        return self._transport.settings.address

    def __repr__(self) -> str:
        return f"Client({self.address!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. What another thread has under way ends with :class:`ConnectError`."""
        self._transport.close()

    def builds(
        self, algorithm: str, *, limit: int = PAGE_SIZE, since: datetime | None = None
    ) -> Iterator[BuildInfo]:
        """List builds, newest first, one request a page.

        Parameters
        ----------
        limit
            Builds a page.
        since
            Only builds that started at this time or later. The listing ends with the first page that has
            none, since the API lists the newest first.

        Raises
        ------
        NoSuchAlgorithm
            Which is all that a 404 can mean here.
        """
        for page in self._pages(_path(algorithm, "builds"), limit, {}, _build):
            recent = [
                one for one in page if since is None or one.started_at is None or one.started_at >= since
            ]
            yield from recent
            if page and not recent:
                return

    def build(self, algorithm: str, build_id: str) -> BuildInfo:
        """Ask for one build.

        Raises
        ------
        NoSuchBuild, NoSuchAlgorithm
            The API answers both with 404; where its error code does not tell them apart, the algorithm is
            asked for.
        """
        try:
            answer = self._transport.get(_path(algorithm, "builds", build_id))
        except NotFound as error:
            raise self._missing(
                error, algorithm, NoSuchBuild, f"{algorithm} has no build {build_id}"
            ) from error
        return _build(answer.value, answer)

    def build_log(self, algorithm: str, build_id: str) -> bytes:
        """Ask for a build's log.

        Returns
        -------
        bytes
            The log in UTF-8. Escapes of half a surrogate pair, which a server that cuts logs leaves, keep
            their three bytes; bytes that are not UTF-8 stay as they came.

        Raises
        ------
        BuildInProgress
            The build still runs, and its log comes with its end.
        NoLogStored
            The build ended, and no log of it is stored.
        NoSuchBuild, NoSuchAlgorithm
            There is nothing to have a log.
        """
        path = _path(algorithm, "builds", build_id, "logs")
        log, status, cause = self._log(path)
        if log is not None:
            return log
        # Four things look the same from here: the build tells them apart.
        build = self.build(algorithm, build_id)
        if build.status == Status.IN_PROGRESS:
            raise BuildInProgress(
                f"Build {build_id} of {algorithm} still runs: its log comes when it ends",
                status=status,
                route=f"GET {path}",
            ) from cause
        # It may have ended between the two questions.
        log, status, cause = self._log(path)
        if log is not None:
            return log
        raise NoLogStored(
            f"Build {build_id} of {algorithm} has ended, but the cluster stores no log of it",
            status=status,
            route=f"GET {path}",
        ) from cause

    def find_builds(self, algorithm: str, commit: str) -> list[BuildInfo]:
        """Find the builds of a commit, newest first.

        Parameters
        ----------
        commit
            4 to 40 hexadecimal digits: the whole id or its beginning.

        Raises
        ------
        UsageError
            If `commit` is no commit id, or is the beginning of several.
        """
        wanted = commit.strip().lower()
        if not _COMMIT.fullmatch(wanted):
            raise UsageError(f"{commit!r} is no commit id: give 4 to 40 hexadecimal digits.")
        found = [one for one in self.builds(algorithm) if (one.commit_sha or "").lower().startswith(wanted)]
        commits = sorted({one.commit_sha or "" for one in found})
        if len(commits) > 1:
            raise UsageError(
                f"{commit!r} is the beginning of {len(commits)} commits of {algorithm}: give more digits"
                f" ({', '.join(commits[:5])})."
            )
        return found

    def wait(
        self,
        algorithm: str,
        build_id: str,
        *,
        timeout: float = 900.0,
        poll: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> BuildInfo:
        """Wait until a build has ended.

        Parameters
        ----------
        timeout, poll
            Seconds to wait in all, and between two questions.
        clock, sleep
            The time in seconds, and a way to let it pass.

        Raises
        ------
        TimedOut
            If it still runs after `timeout`.
        """
        sleep = sleep or self._transport.pause
        end = clock() + timeout
        while True:
            build = self.build(algorithm, build_id)
            if build.status != Status.IN_PROGRESS:
                return build
            left = end - clock()
            if left <= 0:
                raise TimedOut(
                    f"Build {build_id} of {algorithm} still runs after {timeout:g} s: wait longer, or look"
                    " again later."
                )
            sleep(min(poll, left))

    def versions(
        self,
        algorithm: str,
        *,
        published: bool | None = None,
        callable: bool | None = None,  # noqa: A002 - the API's name
        limit: int = PAGE_SIZE,
    ) -> Iterator[VersionInfo]:
        """List versions, one request a page. The entries hold no logs.

        Parameters
        ----------
        published, callable
            Only versions that are, or that are not; ``None`` for both.
        limit
            Versions a page.
        """
        wanted = {"published": published, "callable": callable}
        params = {key: str(value).lower() for key, value in wanted.items() if value is not None}
        for page in self._pages(_path(algorithm, "versions", by_uuid=False), limit, params, _version):
            yield from page

    def version(self, algorithm: str, git_hash: str) -> VersionInfo:
        """Ask for the version of a commit, with the log of its latest build.

        `git_hash` is passed on as it is: whether a cluster takes short ones is not documented.

        Raises
        ------
        NoSuchVersion, NoSuchAlgorithm
            Told apart as for :meth:`build`.
        """
        answer = self._version(algorithm, git_hash)
        return _version(answer.value, answer)

    def version_log(self, algorithm: str, git_hash: str) -> bytes:
        """Ask for the log of a commit's latest build, in UTF-8 as by :meth:`build_log`.

        Raises
        ------
        BuildInProgress, NoLogStored
            If the version has none.
        NoSuchVersion, NoSuchAlgorithm
            Told apart as for :meth:`build`.
        """
        answer = self._version(algorithm, git_hash)
        version = _version(answer.value, answer)
        if version.output is not None:
            return to_bytes(version.output)
        if version.build is not None and version.build.status == Status.IN_PROGRESS:
            raise BuildInProgress(
                f"The build of {algorithm} at {git_hash} still runs: its log comes when it ends",
                status=answer.status,
                route=answer.route,
            )
        raise NoLogStored(
            f"The cluster stores no log of {algorithm} at {git_hash}",
            status=answer.status,
            route=answer.route,
        )

    def _version(self, algorithm: str, git_hash: str) -> Answer:
        try:
            return self._transport.get(_path(algorithm, "versions", git_hash, by_uuid=False))
        except NotFound as error:
            raise self._missing(
                error, algorithm, NoSuchVersion, f"{algorithm} has no version {git_hash}"
            ) from error

    def _log(self, path: str) -> tuple[bytes | None, int, NotFound | None]:
        """Ask for a log; without one, return why as status and error."""
        try:
            answer = self._transport.get(path)
        except NoSuchAlgorithm:
            raise
        except NotFound as error:
            return None, error.status, error
        log = answer.value.get("logs") if isinstance(answer.value, dict) else False
        if log is None:
            return None, answer.status, None
        if not isinstance(log, str):
            raise BadResponse("The answer is no object with 'logs'", status=answer.status, route=answer.route)
        return to_bytes(log), answer.status, None

    def _missing(self, error: NotFound, algorithm: str, kind: type[NotFound], message: str) -> NotFound:
        """Find out whether a 404 is about the algorithm or about what was asked of it."""
        if isinstance(error, NoSuchAlgorithm):
            return error
        try:
            self._transport.get(_path(algorithm, "builds"), {"limit": "1"})
        except NotFound as deeper:
            return _no_algorithm(algorithm, deeper)
        except APIError:
            return error  # no wiser than before
        return kind(
            message, status=error.status, code=error.code, request_id=error.request_id, route=error.route
        )

    def _pages(
        self, path: str, limit: int, params: dict[str, str], read: Callable[[Any, Answer], T]
    ) -> Iterator[list[T]]:
        """Follow markers to the last page, passing over entries that an earlier page had.

        A build that starts while pages are read moves all others on by one, so an entry at the end of a
        page can come again. A marker that comes again, or pages without anything new, are a server's
        fault and would never end.
        """
        if limit < 1:
            raise UsageError(f"A page of {limit} entries makes no sense: give a limit of 1 or more.")
        markers: set[str] = set()
        seen: set[str] = set()
        stale = 0
        query = {**params, "limit": str(limit)}
        while True:
            try:
                answer = self._transport.get(path, query)
            except NotFound as error:
                raise _no_algorithm(path.split("/algorithms/")[1].rsplit("/", 1)[0], error) from error
            entries, marker = _page(answer)
            page = []
            for entry in (read(value, answer) for value in entries):
                key = _identity(entry)
                if key is None or key not in seen:
                    page.append(entry)
                if key is not None:
                    seen.add(key)
            yield page
            if marker is None:
                return
            stale = 0 if page else stale + 1
            if marker in markers or stale == _STALE_PAGES:
                raise BadResponse(
                    f"The cluster's pages go in a circle after {len(seen)} entries",
                    status=answer.status,
                    route=answer.route,
                )
            markers.add(marker)
            query["marker"] = marker


def split_algorithm(algorithm: str) -> tuple[str | None, str]:
    """Return owner and name of ``"owner/name"``, or ``None`` and the UUID.

    Raises
    ------
    UsageError
        If `algorithm` is neither.
    """
    parts = algorithm.split("/")
    if len(parts) == 2 and all(parts):  # noqa: PLR2004
        return parts[0], parts[1]
    if _UUID.fullmatch(algorithm):
        return None, algorithm
    raise UsageError(f"{algorithm!r} names no algorithm: write OWNER/NAME, or its UUID.")


def to_bytes(text: str) -> bytes:
    """Encode a log, be there surrogates of either kind in it (see :meth:`Client.build_log`)."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _path(algorithm: str, *rest: str, by_uuid: bool = True) -> str:
    """Return the path of a route, its parts percent-encoded."""
    owner, name = split_algorithm(algorithm)
    if owner is None and not by_uuid:
        raise UsageError(f"The API lists versions by OWNER/NAME only, not by the UUID {name}.")
    parts = [part for part in (owner, name, *rest) if part is not None]
    for part in parts:
        if part in {"", ".", ".."}:
            # Dots cannot be encoded: a path part of them would lead to another route.
            raise UsageError(f"{part!r} cannot be part of a route: give the id as the API lists it.")
    return "/".join(["/v1/algorithms", *(quote(part, safe="") for part in parts)])


def _page(answer: Answer) -> tuple[list[Any], str | None]:
    """Return a page's entries and the marker of the next page, if there is one."""
    value = answer.value
    entries = value.get("results") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        raise BadResponse("The answer is no page with 'results'", status=answer.status, route=answer.route)
    marker = value.get("marker")
    link = value.get("next_link")
    if not marker and isinstance(link, str):
        # Only the marker is taken from the link: its host is the server's claim.
        marker = next(iter(parse_qs(urlsplit(link).query).get("marker", [])), None)
    return entries, marker if isinstance(marker, str) and marker else None


def _identity(entry: BuildInfo | VersionInfo) -> str | None:
    return entry.build_id if isinstance(entry, BuildInfo) else entry.git_hash


def _no_algorithm(algorithm: str, error: NotFound) -> NoSuchAlgorithm:
    return NoSuchAlgorithm(
        f"There is no algorithm {algorithm}, or this credential may not see it",
        status=error.status,
        code=error.code,
        request_id=error.request_id,
        route=error.route,
    )


def _build(value: Any, answer: Answer) -> BuildInfo:
    try:
        return BuildInfo.from_json(value)
    except ValueError as error:
        raise BadResponse(
            f"The answer is no build: {error}", status=answer.status, route=answer.route
        ) from error


def _version(value: Any, answer: Answer) -> VersionInfo:
    try:
        return VersionInfo.from_json(value)
    except ValueError as error:
        raise BadResponse(
            f"The answer is no version: {error}", status=answer.status, route=answer.route
        ) from error
