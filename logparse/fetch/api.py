"""What the build API says, as typed records: :class:`BuildInfo` and :class:`VersionInfo`.

Pure data: nothing here opens a socket or a file, so the client, the recorded cluster and the local
server read the same JSON the same way. Field names are the API's own (OpenAPI document of
version 1.5.1, schemas ``Build`` and ``VersionResponse``). Only what identifies a record is required:
clusters of different ages leave out, or send ``null`` for, nearly everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from logparse.model import Status

__all__ = ["BuildInfo", "VersionInfo", "parse_time"]


def parse_time(value: object) -> datetime | None:
    """Read a time of the API (``2021-07-29T21:12:56.442Z``) as an aware UTC time.

    Returns
    -------
    datetime or None
        ``None`` for what is missing, ``null`` or no time at all. A time without an offset is taken
        for UTC, which is what the API means.
    """
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _text(value: object) -> str | None:
    """Return a non-empty string, or ``None``: an empty string means unset, as in the API's settings."""
    return value if isinstance(value, str) and value else None


def _object(value: object) -> Mapping[str, Any]:
    """Return a JSON object, or an empty one in place of what is missing or of another type."""
    return value if isinstance(value, Mapping) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildInfo:
    """One entry of ``/builds``: a build as the API describes it, without its log.

    Parameters
    ----------
    build_id
        Opaque id, a UUID in practice.
    status
        ``None`` when the server sent none of the three documented values.
    commit_sha
        The commit that was built. Several builds can share one.
    started_at, finished_at
        Aware and UTC. ``finished_at`` is ``None`` while the build runs.
    semantic_version
        The version this build was published as, if it was.
    resource_type
        The API's name for the kind of record, where it sends one.
    raw
        The object as it came, for what is not named here.
    """

    build_id: str
    status: Status | None = None
    commit_sha: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    semantic_version: str | None = None
    resource_type: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read a ``Build`` object.

        Raises
        ------
        ValueError
            If `value` is not an object or has no ``build_id``. Whatever else is missing, ``null`` or
            malformed becomes ``None``.
        """
        if not isinstance(value, Mapping):
            raise ValueError(f"a build is a JSON object, not {type(value).__name__}")  # noqa: TRY004 - bad data, not a bad call
        build_id = _text(value.get("build_id"))
        if build_id is None:
            raise ValueError("a build has no build_id")
        status = _text(value.get("status"))
        return cls(
            build_id=build_id,
            status=Status(status) if status in _STATUSES else None,
            commit_sha=_text(value.get("commit_sha")),
            started_at=parse_time(value.get("started_at")),
            finished_at=parse_time(value.get("finished_at")),
            semantic_version=_text(_object(value.get("version_info")).get("semantic_version")),
            resource_type=_text(value.get("resource_type")),
            raw=value,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionInfo:
    """One entry of ``/versions``, or the answer of ``/versions/HASH``.

    Parameters
    ----------
    git_hash
        The HASH of the route, equal to ``commit_sha`` of the version's builds. ``None`` for an
        algorithm that was never built.
    version_uuid, semantic_version
        ``semantic_version`` only when the version was published.
    algorithm_id, name
        The algorithm's UUID (``id``) and its name.
    environment
        UUID of the algorithm environment: the tag of the langpack images in the log.
    package_set
        Older clusters' name for an environment.
    build
        The commit's latest build, where the server sends it.
    successful
        What ``compilation`` says; ``None`` when there is no ``compilation``.
    output
        The full log. List entries never have it, and a server may send ``""`` for none: a missing, a
        null and an empty output are all ``None``.
    raw
        The object as it came, for what is not named here.
    """

    git_hash: str | None = None
    version_uuid: str | None = None
    semantic_version: str | None = None
    algorithm_id: str | None = None
    name: str | None = None
    environment: str | None = None
    package_set: str | None = None
    build: BuildInfo | None = None
    successful: bool | None = None
    output: str | None = field(default=None, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read a ``VersionResponse`` object.

        Raises
        ------
        ValueError
            If `value` is not an object. Whatever is missing, ``null`` or malformed becomes ``None``.
        """
        if not isinstance(value, Mapping):
            raise ValueError(f"a version is a JSON object, not {type(value).__name__}")  # noqa: TRY004 - bad data, not a bad call
        facts = _object(value.get("version_info"))
        settings = _object(value.get("settings"))
        compilation = _object(value.get("compilation"))
        build = _object(value.get("build"))
        successful = compilation.get("successful")
        return cls(
            git_hash=_text(facts.get("git_hash")),
            version_uuid=_text(facts.get("version_uuid")),
            semantic_version=_text(facts.get("semantic_version")),
            algorithm_id=_text(value.get("id")),
            name=_text(value.get("name")),
            environment=_text(settings.get("algorithm_environment")),
            package_set=_text(settings.get("package_set")),
            build=BuildInfo.from_json(build) if _text(build.get("build_id")) else None,
            successful=successful if isinstance(successful, bool) else None,
            output=_text(compilation.get("output")),
            raw=value,
        )


_STATUSES = frozenset(Status)
