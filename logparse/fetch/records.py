"""The raw archive's row: :class:`Record`, and its schema as Arrow and Parquet see it.

=================== ==================== ==========================================================
column              type                 meaning
=================== ==================== ==========================================================
owner, name         string               the algorithm; asked for by UUID, owner is null
build_id, commit    string               null where the API gave none
route               string               ``builds`` or ``versions``: how the record was got
status              string               the API's own word
started_at          timestamp[us, UTC]
finished_at         timestamp[us, UTC]
semantic_version    string               the published version
environment         string               UUID of the algorithm environment
fetched_at          timestamp[us, UTC]   when the API was asked
log_state           string               see :class:`LogState`
log_digest          string               ``sha256:`` and 64 hexadecimal digits; null without a log
api                 string               the JSON the API gave for the build or version, less the log
log                 large_binary         the log as it came; null without a log
=================== ==================== ==========================================================

The schema's metadata has ``logparse.archive``, the version of this table. A change that an older reader
would misread counts it up; a column more does not.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

import pyarrow as pa

from logparse.fetch.api import BuildInfo, VersionInfo
from logparse.model import Status

__all__ = ["ARCHIVE_VERSION", "SCHEMA", "LogState", "Record", "to_table", "version_status"]

ARCHIVE_VERSION = 1

_TIME = pa.timestamp("us", tz="UTC")

SCHEMA = pa.schema(
    [
        pa.field("owner", pa.string()),
        pa.field("name", pa.string(), nullable=False),
        pa.field("build_id", pa.string()),
        pa.field("commit", pa.string()),
        pa.field("route", pa.string(), nullable=False),
        pa.field("status", pa.string()),
        pa.field("started_at", _TIME),
        pa.field("finished_at", _TIME),
        pa.field("semantic_version", pa.string()),
        pa.field("environment", pa.string()),
        pa.field("fetched_at", _TIME, nullable=False),
        pa.field("log_state", pa.string(), nullable=False),
        pa.field("log_digest", pa.string()),
        pa.field("api", pa.string()),
        pa.field("log", pa.large_binary()),
    ],
    metadata={"logparse.archive": str(ARCHIVE_VERSION)},
)


class LogState(enum.StrEnum):
    """Where the log of a record is."""

    STORED = "stored"
    """In the record."""
    MISSING = "missing"
    """Nowhere when the cluster was asked: the build had ended, and no log of it was stored.

    Should it be stored later, a record of the same build has it, and that one counts.
    """
    ELSEWHERE = "elsewhere"
    """In another record of the same build: this one adds what its route alone tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One build as one route gave it.

    Parameters
    ----------
    log
        ``None`` unless `log_state` is ``stored``.
    api
        JSON text, without the log.

    The others are the columns of the schema.
    """

    route: str
    owner: str | None
    name: str
    build_id: str | None
    commit: str | None
    status: Status | None
    started_at: datetime | None
    finished_at: datetime | None
    semantic_version: str | None
    environment: str | None
    fetched_at: datetime
    log_state: LogState
    api: str = field(repr=False)
    log: bytes | None = field(default=None, repr=False)
    log_digest: str | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Here, since this is the thread that fetched the log, and there are many of those.
        digest = None if self.log is None else "sha256:" + hashlib.sha256(self.log).hexdigest()
        object.__setattr__(self, "log_digest", digest)

    @classmethod
    def of_build(
        cls, owner: str | None, name: str, build: BuildInfo, log: bytes | None, *, fetched_at: datetime
    ) -> Self:
        """Make the record of a build of the builds route; `log` is ``None`` when none is stored."""
        return cls(
            route="builds",
            owner=owner,
            name=name,
            build_id=build.build_id,
            commit=build.commit_sha,
            status=build.status,
            started_at=build.started_at,
            finished_at=build.finished_at,
            semantic_version=build.semantic_version,
            environment=None,
            fetched_at=fetched_at,
            log_state=LogState.MISSING if log is None else LogState.STORED,
            api=_dump(build.raw),
            log=log,
        )

    @classmethod
    def of_version(
        cls,
        owner: str | None,
        name: str,
        version: VersionInfo,
        log: bytes | None,
        *,
        fetched_at: datetime,
        elsewhere: bool = False,
    ) -> Self:
        """Make the record of a commit's latest build, as the versions route tells it.

        Parameters
        ----------
        log
            ``None`` when none is stored, or when it is in another record.
        elsewhere
            Which of these two it is.
        """
        build = version.build
        without_log = LogState.ELSEWHERE if elsewhere else LogState.MISSING
        return cls(
            route="versions",
            owner=owner,
            name=name,
            build_id=build.build_id if build else None,
            commit=version.git_hash,
            status=version_status(version),
            started_at=build.started_at if build else None,
            finished_at=build.finished_at if build else None,
            semantic_version=version.semantic_version,
            environment=version.environment,
            fetched_at=fetched_at,
            log_state=without_log if log is None else LogState.STORED,
            api=_dump(_without_output(version.raw)),
            log=log,
        )


def version_status(version: VersionInfo) -> Status | None:
    """Return a version's status: its build's, else what its compilation says."""
    if version.build is not None and version.build.status is not None:
        return version.build.status
    if version.successful is None:
        return None
    return Status.SUCCEEDED if version.successful else Status.FAILED


def to_table(records: Sequence[Record]) -> pa.Table:
    """Return records as a table of :data:`SCHEMA`."""
    columns = {name: [getattr(record, name) for record in records] for name in SCHEMA.names}
    return pa.table(columns, schema=SCHEMA)


def _without_output(version: Mapping[str, Any]) -> Mapping[str, Any]:
    compilation = version.get("compilation")
    if not isinstance(compilation, Mapping):
        return version
    return {**version, "compilation": {k: v for k, v in compilation.items() if k != "output"}}


def _dump(value: Mapping[str, Any]) -> str:
    # ASCII, since a string of the API may hold half a surrogate pair, which Parquet cannot.
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
