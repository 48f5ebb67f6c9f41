"""The raw archive: fetched logs as they came, in a Parquet dataset.

An archive is a flat folder, local or in an object store, of immutable parts named
``logs-<time>-<random>.parquet``. A part appears whole or not at all, and no part is ever changed, so
writers need no lock against each other and a process may be killed at any moment: what it had not yet
written is fetched again. There is no other file: what has been fetched is read from the parts themselves.

The rows are those of :mod:`logparse.fetch.records`; any Parquet reader can open them. Logs are read back
a row group at a time, which holds at most `GROUP_BYTES` of logs, or one log if that is longer.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple, Self, TypeVar

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from logparse.errors import ArchiveError
from logparse.fetch._reconcile import Place, Row, reconcile
from logparse.fetch._store import is_remote, open_store
from logparse.fetch.api import VersionInfo
from logparse.fetch.records import ARCHIVE_VERSION, SCHEMA, Record, to_table
from logparse.model import Log, Status
from logparse.text import printable

__all__ = ["Archive", "Known", "VersionKey", "Writer", "is_archive"]

GROUP_BYTES = 8 << 20
_GROUP_ROWS = 4096
_PART = re.compile(r"logs-.+\.parquet")
_VERSION_KEY = b"logparse.archive"
_COMPLETE_KEY = b"logparse.complete"
_ROW_COLUMNS = [name for name in SCHEMA.names if name not in {"log", "log_digest", "api"}]
_IDS = frozenset(
    {"owner", "name", "commit", "route", "status", "semantic_version", "environment", "log_state"}
)

_logger = logging.getLogger(__name__)

T = TypeVar("T")


def is_archive(path: str | os.PathLike[str], *, filesystem: pafs.FileSystem | None = None) -> bool:
    """Tell whether a folder, or a URI's prefix, holds at least one part of an archive.

    Raises
    ------
    ArchiveError
        If the folder or object store cannot be listed.
    """
    if filesystem is None and not is_remote(path) and not Path(path).is_dir():
        return False
    return any(_PART.fullmatch(name) for name in open_store(path, filesystem).names())


class VersionKey(NamedTuple):
    """What must be new for a version's record to be worth storing again."""

    commit: str | None
    build_id: str | None
    semantic_version: str | None
    environment: str | None

    @classmethod
    def of(cls, version: VersionInfo) -> Self:
        """Return the key of a version as a list or the version's own route gives it."""
        build_id = version.build.build_id if version.build else None
        return cls(version.git_hash, build_id, version.semantic_version, version.environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an archive holds of one algorithm.

    Parameters
    ----------
    builds
        The builds that the builds route gave, by id, with the time each started.
    logs
        Ids of the builds whose log is stored, whichever route gave it.
    commits
        Commits of which the builds route gave a log.
    versions
        Keys of the versions route's records.
    missing
        Those of `builds` of which no route gave a log, by id, with the time each ended or, if that is
        unknown, started.
    complete
        Every build that started before this time is in `builds`; ``None`` if no run has seen all.
    """

    builds: Mapping[str, datetime | None]
    logs: frozenset[str]
    commits: frozenset[str]
    versions: frozenset[VersionKey]
    missing: Mapping[str, datetime | None]
    complete: datetime | None

    def has_version(self, key: VersionKey) -> bool:
        """Tell whether a version is stored with all that `key` says.

        A list may say less than the version's own route did, which is then no news.
        """
        return key in self.versions or any(
            all(new is None or new == old for new, old in zip(key, stored, strict=True))
            for stored in self.versions
            if stored.commit == key.commit
        )


class Archive:
    """A raw archive, which need not exist yet.

    Parameters
    ----------
    path
        A local folder, or a URI such as ``s3://bucket/prefix`` of a file system that pyarrow knows.
    filesystem
        The file system that `path` is a path of, if it is not to be found from `path`.
    damaged
        What to do about a part that cannot be read: ``"raise"``, or ``"skip"`` it with a warning in the
        log of this module. Its builds then count as never fetched.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        filesystem: pafs.FileSystem | None = None,
        damaged: Literal["raise", "skip"] = "raise",
    ) -> None:
        self._store = open_store(path, filesystem)
        self._skips = damaged == "skip"

    def __repr__(self) -> str:
        return f"Archive({self.path!r})"

    @property
    def path(self) -> str:
        """Where the archive is."""
        return self._store.label()

    def parts(self) -> list[str]:
        """List the parts' file names, oldest first.

        Raises
        ------
        ArchiveError
            If the folder cannot be listed.
        """
        return [name for name in self._store.names() if name.endswith(".parquet")]

    def known(self, owner: str | None, name: str) -> Known:
        """Tell what has been fetched of an algorithm. Reads no logs.

        Raises
        ------
        ArchiveError
            If a part cannot be read, naming it.
        """
        builds: dict[str, datetime | None] = {}
        logs: set[str] = set()
        commits: set[str] = set()
        versions: set[VersionKey] = set()
        ends: dict[str, datetime | None] = {}
        marks: list[_Mark] = []
        for part in self._scan():
            marks += (mark for mark in part.marks if (mark.owner, mark.name) == (owner, name))
            for row in part.rows:
                if (row.owner, row.name) != (owner, name):
                    continue
                if row.stored and row.build_id:
                    logs.add(row.build_id)
                if row.route == "versions":
                    versions.add(VersionKey(row.commit, row.build_id, row.semantic_version, row.environment))
                elif row.build_id:
                    builds[row.build_id] = row.started_at
                    ends[row.build_id] = row.finished_at or row.started_at
                    if row.stored and row.commit:
                        commits.add(row.commit)
        return Known(
            builds=builds,
            logs=frozenset(logs),
            commits=frozenset(commits),
            versions=frozenset(versions),
            missing={id_: end for id_, end in ends.items() if id_ not in logs},
            complete=_complete(marks, builds),
        )

    def writer(
        self,
        *,
        max_records: int = 2000,
        max_bytes: int = 32 << 20,
        max_seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> Writer:
        """Return a writer, to be used in a ``with`` statement.

        A part is written as soon as `max_records` records, or records with `max_bytes` of logs, or the
        first of them for `max_seconds`, have been waiting: this is what a killed process loses at most.
        """
        return Writer(
            self._put, max_records=max_records, max_bytes=max_bytes, max_seconds=max_seconds, clock=clock
        )

    def append(self, records: Iterable[Record]) -> None:
        """Write records, as one part unless they are many.

        Raises
        ------
        ArchiveError
            If the archive cannot be written. The parts written before are whole.
        """
        with self.writer() as writer:
            for record in records:
                writer.append(record)

    def logs(
        self,
        *,
        owner: str | None = None,
        name: str | None = None,
        since: datetime | None = None,
        status: Status | None = None,
        without_log: bool = False,
    ) -> Iterator[Log]:
        """Read the logs, each build once, in the order they were stored.

        Parameters
        ----------
        owner, name, since, status
            Only builds of this algorithm, that started then or later, that ended so. A build whose start
            is unknown is not left out by `since`.
        without_log
            Whether builds that have no log are told as well, with empty data.

        Raises
        ------
        ArchiveError
            If there is no archive, or a part cannot be read, naming it.
        """
        parts = list(self._scan())
        if not parts:
            raise ArchiveError(
                f"{printable(self.path)} is no archive: there is no part in it. Fetch into it first."
            )
        wanted: dict[tuple[int, int], list[Row]] = {}
        for row in reconcile(row for part in parts for row in part.rows):
            if (
                (row.stored or without_log)
                and (owner is None or row.owner == owner)
                and (name is None or row.name == name)
                and (status is None or row.status == status)
                and (since is None or row.started_at is None or row.started_at >= since)
            ):
                wanted.setdefault((row.place.part, row.place.group), []).append(row)
        names = {part.number: part.name for part in parts}
        del parts
        for (part, group), rows in sorted(wanted.items()):
            yield from self._read_logs(names[part], group, rows)

    def _read_logs(self, part: str, group: int, rows: list[Row]) -> Iterator[Log]:
        """Read a row group's logs."""
        label = printable(self._store.label(part))
        column: pa.ChunkedArray | None = None
        if any(row.stored for row in rows):
            column = self._read(part, lambda file: file.read_row_group(group, columns=["log"]).column("log"))
        for row in sorted(rows, key=lambda one: one.place.row):
            if not row.stored:
                yield _to_log(row, b"", label)
            elif column is not None:  # it is, unless the part is damaged and to be skipped
                yield _to_log(row, column[row.place.row].as_py(), label)

    def _scan(self) -> Iterator[_Part]:
        """Read all of every part but its logs, some parts at a time: a store may be far away."""
        names = self.parts()
        with ThreadPoolExecutor(max_workers=8, thread_name_prefix="logparse-archive") as pool:
            scans = pool.map(
                lambda number, name: self._read(name, lambda file: _scan_part(file, number, name)),
                range(len(names)),
                names,
            )
            yield from (part for part in scans if part is not None)

    def _read(self, name: str, read: Callable[[pq.ParquetFile], T]) -> T | None:
        """Return what `read` makes of a part, or ``None`` if the part is damaged and to be skipped."""
        try:
            with (
                self._store.open(name) as file,
                pq.ParquetFile(file, page_checksum_verification=True) as parquet,
            ):
                _check_version(parquet.schema_arrow.metadata or {})
                return read(parquet)
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            label = printable(self._store.label(name))
            words = str(error).strip().partition("\n")[0].rstrip(".")
            if not self._skips:
                raise ArchiveError(
                    f"{label} cannot be read ({words}): move it out of the archive, and fetch again what was"
                    " in it."
                ) from error
            _logger.warning("%s is skipped, since it cannot be read: %s", label, words)
            return None

    def _put(self, records: list[Record], marks: list[_Mark]) -> None:
        """Write one part."""
        moment = datetime.now(UTC)
        name = f"logs-{moment:%Y%m%dT%H%M%S%f}Z-{uuid.uuid4().hex[:12]}.parquet"
        self._store.put(name, _encode(records, marks))


class Writer:
    """Gathers records and writes them as parts. Threads may share one.

    Made by :meth:`Archive.writer`. Leaving its ``with`` statement writes what is left, for whatever reason
    it is left, unless a write has failed before.
    """

    def __init__(
        self,
        put: Callable[[list[Record], list[_Mark]], None],
        *,
        max_records: int,
        max_bytes: int,
        max_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._put = put
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._clock = clock
        self._pending = _Batch()
        self._marks: list[_Mark] = []
        self._failed = False
        self._lock = threading.Lock()
        # One write at a time: if the disk is slower than the network, threads wait here, and the memory
        # stays bounded.
        self._writing = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        if not self._failed:
            self.flush()

    def append(self, record: Record) -> None:
        """Take a record. The thread whose record makes a part full writes it; others go on.

        Raises
        ------
        ArchiveError
            If the archive cannot be written.
        """
        with self._lock:
            self._pending.add(record, self._clock())
            full = self._take() if self._due() else None
        if full:
            self._write(full)

    def flush_if_due(self) -> None:
        """Write what has been waiting for too long, which :meth:`append` notices only when it is called."""
        with self._lock:
            full = self._take() if self._due() else None
        if full:
            self._write(full)

    def flush(self) -> None:
        """Write what is waiting."""
        with self._lock:
            rest = self._take()
        self._write(rest)

    def mark_complete(self, owner: str | None, name: str, before: datetime, builds: int) -> None:
        """Note, in the next part, that every build that started before a time is in the archive.

        Parameters
        ----------
        builds
            How many these are. Should parts be lost later, the count no longer holds, and the note is void.
        """
        self._marks.append(_Mark(owner, name, before, builds))

    def _due(self) -> bool:
        pending = self._pending
        return bool(pending.records) and (
            len(pending.records) >= self._max_records
            or pending.size >= self._max_bytes
            or self._clock() - pending.since >= self._max_seconds
        )

    def _take(self) -> _Batch:
        taken, self._pending = self._pending, _Batch()
        return taken

    def _write(self, batch: _Batch) -> None:
        with self._writing:
            marks, self._marks = self._marks, []
            if not batch.records and not marks:
                return
            try:
                self._put(batch.records, marks)
            except BaseException:
                self._failed = True
                raise


@dataclass(slots=True)
class _Batch:
    """Records that wait to be written."""

    records: list[Record] = field(default_factory=list)
    size: int = 0
    since: float = 0.0

    def add(self, record: Record, now: float) -> None:
        if not self.records:
            self.since = now
        self.records.append(record)
        self.size += len(record.log or b"") + len(record.api)


class _Mark(NamedTuple):
    """A note that all `builds` builds that started before a time are stored; part of a part's metadata."""

    owner: str | None
    name: str
    before: datetime
    builds: int

    @classmethod
    def read(cls, metadata: dict[bytes, bytes]) -> list[Self]:
        return [
            cls(mark["owner"], mark["name"], datetime.fromisoformat(mark["before"]), mark["builds"])
            for mark in json.loads(metadata.get(_COMPLETE_KEY, b"[]"))
        ]

    @staticmethod
    def dump(marks: list[_Mark]) -> bytes:
        return json.dumps([{**mark._asdict(), "before": mark.before.isoformat()} for mark in marks]).encode()


class _Part(NamedTuple):
    """What a part holds, less logs."""

    number: int
    name: str
    rows: list[Row]
    marks: list[_Mark]


def _check_version(metadata: dict[bytes, bytes]) -> None:
    version = metadata.get(_VERSION_KEY, b"")
    if not version.isdigit():
        raise ValueError("it is no part of an archive")
    if int(version) > ARCHIVE_VERSION:
        raise ValueError(f"a newer logparse wrote it, as version {int(version)}")


def _scan_part(file: pq.ParquetFile, number: int, name: str) -> _Part:
    rows: list[Row] = []
    for group in range(file.num_row_groups):
        columns = file.read_row_group(group, columns=_ROW_COLUMNS).to_pydict()
        # Many rows share these strings: one copy of each is enough.
        for column in _IDS:
            columns[column] = [value and sys.intern(value) for value in columns[column]]
        rows += (
            Row(place=Place(number, group, i), **dict(zip(columns, values, strict=True)))
            for i, values in enumerate(zip(*columns.values(), strict=True))
        )
    return _Part(number, name, rows, _Mark.read(file.schema_arrow.metadata or {}))


def _encode(records: list[Record], marks: list[_Mark]) -> pa.Buffer:
    """Return a part's bytes."""
    schema = SCHEMA
    if marks:
        schema = SCHEMA.with_metadata({**(SCHEMA.metadata or {}), _COMPLETE_KEY: _Mark.dump(marks)})
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        # Ids repeat, logs and JSON do not: a dictionary of them would only be thrown away.
        use_dictionary=sorted(_IDS),
        # The extremes of a log column would be whole logs in the footer.
        write_statistics=[name for name in SCHEMA.names if name not in {"log", "api"}],
        write_page_checksum=True,
    ) as writer:
        for group in _groups(records):
            writer.write_table(
                to_table(group).replace_schema_metadata(schema.metadata), row_group_size=len(group)
            )
    return sink.getvalue()


def _groups(records: list[Record]) -> Iterator[list[Record]]:
    """Cut records into row groups of bounded size."""
    group: list[Record] = []
    size = 0
    for record in records:
        length = len(record.log or b"")
        if group and (size + length > GROUP_BYTES or len(group) == _GROUP_ROWS):
            yield group
            group, size = [], 0
        group.append(record)
        size += length
    if group:
        yield group


def _complete(marks: Iterable[_Mark], builds: dict[str, datetime | None]) -> datetime | None:
    """Return the latest mark that the builds still bear out."""
    for mark in sorted(marks, key=lambda one: one.before, reverse=True):
        if sum(started is not None and started < mark.before for started in builds.values()) >= mark.builds:
            return mark.before
    return None


def _to_log(row: Row, data: bytes, label: str) -> Log:
    return Log(
        data=data,
        path=label,
        route=row.route,
        owner=row.owner,
        name=row.name,
        build_id=row.build_id,
        commit=row.commit,
        status=Status(row.status) if row.status in _STATUSES else None,
        started_at=row.started_at and row.started_at.astimezone(UTC),
        finished_at=row.finished_at and row.finished_at.astimezone(UTC),
        semantic_version=row.semantic_version,
        environment=row.environment,
    )


_STATUSES = frozenset(Status)
