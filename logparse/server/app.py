"""The routes of the build API over a recorded cluster.

Faithful to the OpenAPI document of version 1.5.1 and to what the official clients rely on. Choices
where these leave a point open (those of ``/versions`` are in :mod:`logparse.server.versions`):

- A log is stored as bytes and sent as a JSON string: decoded as UTF-8, with U+FFFD for what is not.
- ``/logs`` of a running build is 404, as documented, even if part of a log is recorded. So is a log
  that is not stored. Both have the documented error body with a message that says which; the code is
  the same, so a client that must tell them apart asks for the build, as with a real cluster.
- A page holds at most 1000 entries unless the server is told otherwise.
- A wrong ``limit`` or ``marker`` is 400: the codes 5003 and 5002 are documented, their status is not.
- ``callable`` selects by ``settings.algorithm_callability``: ``true`` the public versions, ``false``
  the others. ``published`` selects by whether there is a ``semantic_version``.
- Every method but GET is 405. Nobody learns what exists without a credential: 401 comes before 404,
  except for paths that are no route at all.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import unquote, urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from logparse.errors import SourceError
from logparse.fetch.api import BuildInfo, VersionInfo
from logparse.fetch.cluster import RecordedAlgorithm, RecordedCluster
from logparse.model import Status
from logparse.server.answers import (
    ErrorCode,
    Refusal,
    answer_internal_error,
    answer_refusal,
    answer_unreadable,
    json_answer,
    known,
)
from logparse.server.auth import Keyring
from logparse.server.faults import Fault, FaultInjector, Faults
from logparse.server.paging import MAX_LIMIT, Listing, parse_limit
from logparse.server.recorder import Exchange, Recorder
from logparse.server.versions import find_version, latest_build, list_versions, version_entry

__all__ = ["create_app"]

# The document's pattern of an algorithm's UUID. No owner's name can match it: those hold no hyphen.
_UUID = re.compile(r"[a-zA-Z0-9]{8}(?:-[a-zA-Z0-9]{4}){3}-[a-zA-Z0-9]{12}")


def create_app(
    cluster: RecordedCluster,
    *,
    token: str | Sequence[str],
    forbidden: Sequence[str] = (),
    faults: Faults | Iterable[Fault] = (),
    exchanges: list[Exchange] | None = None,
    max_limit: int = MAX_LIMIT,
) -> Starlette:
    """Make the ASGI application that serves a recorded cluster.

    Parameters
    ----------
    cluster
        What to serve. Its builds and versions are read now, its logs when they are asked for.
    token
        The API key or JSON web token that may read, or several.
    forbidden
        Tokens that are known and may read nothing (403).
    faults
        What goes wrong on purpose. A :class:`~logparse.server.faults.Faults` can be changed while the
        server runs.
    exchanges
        A list to add every request to; without one, requests are not recorded.
    max_limit
        Largest page.

    Raises
    ------
    SourceError
        If a JSON file of the cluster is malformed.
    UsageError
        If there is no token, or one that no header can carry.
    """
    api = _Api(cluster, Keyring([token] if isinstance(token, str) else token, forbidden), max_limit)
    middleware = [Middleware(FaultInjector, faults=faults if isinstance(faults, Faults) else Faults(faults))]
    if exchanges is not None:
        middleware.insert(0, Middleware(Recorder, exchanges=exchanges))
    return Starlette(
        # Routes are told apart by the encoded path, which the framework's own router does not see.
        routes=[Mount("/", app=api)],
        middleware=middleware,
        exception_handlers={
            Refusal: answer_refusal,
            SourceError: answer_unreadable,
            Exception: answer_internal_error,
        },
    )


class _Served:
    """An algorithm with the lists that are served of it."""

    def __init__(self, algorithm: RecordedAlgorithm) -> None:
        self.algorithm = algorithm
        name = f"{algorithm.owner}/{algorithm.name}"
        self.builds = Listing(f"builds/{name}", algorithm.builds)
        self.versions = Listing(f"versions/{name}", list_versions(algorithm))


_Find = Callable[[], _Served]
_Handler = Callable[[Request], Awaitable[Response]]


class _Api:
    """ASGI application: finds what a path names, checks who asks, and answers."""

    def __init__(self, cluster: RecordedCluster, keyring: Keyring, max_limit: int) -> None:
        self._owners = cluster.owners
        self._keyring = keyring
        self._max_limit = max_limit
        served = [_Served(algorithm) for algorithm in cluster]
        self._by_name = {(one.algorithm.owner, one.algorithm.name): one for one in served}
        self._by_id = {one.algorithm.id: one for one in served}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        # Split before decoding: an encoded slash belongs to a name.
        segments = [unquote(segment) for segment in scope["raw_path"].decode("ascii").split("/")[1:]]
        handler = self._route(segments)
        if request.method != "GET":
            raise Refusal(405, ErrorCode.GENERAL, "Only GET is allowed here.", headers={"Allow": "GET"})
        self._keyring.check(request.headers.get("authorization"))
        response = await handler(request)
        await response(scope, receive, send)

    def _route(self, segments: list[str]) -> _Handler:
        match segments:
            case ["v1", "algorithms", algorithm_id, "builds", *rest] if _UUID.fullmatch(algorithm_id):
                return self._build_route(partial(self._find_by_id, algorithm_id), rest)
            case ["v1", "algorithms", owner, name, "builds", *rest]:
                return self._build_route(partial(self._find, owner, name), rest)
            case ["v1", "algorithms", owner, name, "versions"]:
                return partial(self._version_page, partial(self._find, owner, name))
            case ["v1", "algorithms", owner, name, "versions", git_hash] if git_hash:
                return partial(self._version, partial(self._find, owner, name), git_hash)
            case _:
                raise _no_route()

    def _build_route(self, find: _Find, rest: list[str]) -> _Handler:
        match rest:
            case []:
                return partial(self._build_page, find)
            case [build_id] if build_id:
                return partial(self._build, find, build_id)
            case [build_id, "logs"] if build_id:
                return partial(self._log, find, build_id)
            case _:
                raise _no_route()

    def _find(self, owner: str, name: str) -> _Served:
        if served := self._by_name.get((owner, name)):
            return served
        if owner not in self._owners:
            raise Refusal(404, ErrorCode.NO_SUCH_USER, f"No such user: {owner}.")
        raise Refusal(404, ErrorCode.NO_SUCH_ALGORITHM, f"No such algorithm: {owner}/{name}.")

    def _find_by_id(self, algorithm_id: str) -> _Served:
        if served := self._by_id.get(algorithm_id):
            return served
        raise Refusal(404, ErrorCode.NO_SUCH_ALGORITHM_ID, f"No such algorithm: {algorithm_id}.")

    async def _build_page(self, find: _Find, request: Request) -> Response:
        builds, marker = find().builds.page(**self._paging(request))
        return json_answer(_page([known(build.raw) for build in builds], marker, request))

    async def _build(self, find: _Find, build_id: str, _request: Request) -> Response:
        return json_answer(known(_find_build(find().algorithm, build_id).raw))

    async def _log(self, find: _Find, build_id: str, _request: Request) -> Response:
        algorithm = find().algorithm
        if _find_build(algorithm, build_id).status is Status.IN_PROGRESS:
            raise Refusal(404, ErrorCode.GENERAL, "The build is in progress; its log is not there yet.")
        return await run_in_threadpool(_log_answer, algorithm, build_id)

    async def _version_page(self, find: _Find, request: Request) -> Response:
        published = _boolean(request.query_params, "published")
        callable_ = _boolean(request.query_params, "callable")

        def selected(version: VersionInfo) -> bool:
            return (published is None or published is (version.semantic_version is not None)) and (
                callable_ is None or callable_ is _is_public(version)
            )

        served = find()
        versions, marker = served.versions.page(**self._paging(request), keep=selected)
        entries = [version_entry(served.algorithm, version, origin=_origin(request)) for version in versions]
        return json_answer(_page(entries, marker, request))

    async def _version(self, find: _Find, git_hash: str, request: Request) -> Response:
        algorithm = find().algorithm
        version = find_version(algorithm, git_hash)
        return await run_in_threadpool(_version_answer, algorithm, version, _origin(request))

    def _paging(self, request: Request) -> dict[str, Any]:
        query = request.query_params
        return {
            "limit": parse_limit(query.get("limit"), maximum=self._max_limit),
            "marker": query.get("marker"),
        }


def _no_route() -> Refusal:
    return Refusal(404, ErrorCode.GENERAL, "There is nothing at this path.")


def _find_build(algorithm: RecordedAlgorithm, build_id: str) -> BuildInfo:
    build = algorithm.build(build_id)
    if build is None:
        raise Refusal(404, ErrorCode.GENERAL, f"{algorithm.owner}/{algorithm.name} has no such build.")
    return build


# The next two run off the event loop: a log comes from disk, and a large one takes its time to encode.


def _log_answer(algorithm: RecordedAlgorithm, build_id: str) -> Response:
    data = algorithm.read_log(build_id)
    if data is None:
        raise Refusal(404, ErrorCode.GENERAL, "No log of this build is stored.")
    return json_answer({"logs": data.decode("utf-8", "replace")})


def _version_answer(algorithm: RecordedAlgorithm, version: VersionInfo, origin: str) -> Response:
    answer = version_entry(algorithm, version, origin=origin)
    build = latest_build(algorithm, version)
    if "compilation" in answer:
        data = algorithm.read_log(build.build_id) if build else None
        output = version.output if data is None else data.decode("utf-8", "replace")
        answer["compilation"] |= known({"output": output})
    return json_answer(answer)


def _is_public(version: VersionInfo) -> bool:
    settings = version.raw.get("settings")
    return isinstance(settings, Mapping) and settings.get("algorithm_callability") == "public"


def _boolean(query: Mapping[str, str], name: str) -> bool | None:
    match query.get(name):
        case None:
            return None
        case "true":
            return True
        case "false":
            return False
        case _:
            raise Refusal(400, ErrorCode.GENERAL, f"The parameter {name} must be true or false.")


def _origin(request: Request) -> str:
    return f"http://{request.url.netloc}"


def _page(results: list[Any], marker: str | None, request: Request) -> dict[str, Any]:
    """Return a page as the API gives it; ``next_link`` repeats the request's own parameters."""
    if marker is None:
        return {"results": results}
    path = request.scope["raw_path"].decode("ascii")
    query = urlencode({**request.query_params, "marker": marker})
    return {"marker": marker, "next_link": f"{_origin(request)}{path}?{query}", "results": results}
