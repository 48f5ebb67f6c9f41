"""Decide which records of an archive are one build, and which of them speaks for it.

The same build can be in an archive several times: two runs fetched it at once, or both routes gave it.
The builds route is the surer source, so its record stands; the versions route adds the published version
and the environment, and lends its log where the other has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from logparse.fetch.records import LogState

__all__ = ["Place", "Row", "reconcile"]

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


class Place(NamedTuple):
    """Where a record's log is: the part's number in the listing, its row group, the row in that."""

    part: int
    group: int
    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A record without its log and JSON."""

    place: Place
    owner: str | None
    name: str
    build_id: str | None
    commit: str | None
    route: str
    status: str | None
    started_at: datetime | None
    finished_at: datetime | None
    semantic_version: str | None
    environment: str | None
    fetched_at: datetime
    log_state: str

    @property
    def stored(self) -> bool:
        """Whether a log is at `place`."""
        return self.log_state == LogState.STORED


def reconcile(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield one row a build, with the best of what all its records tell.

    A record of the versions route belongs to the build it names. One that names none belongs to the
    latest build of its commit, since that is what ``/versions/HASH`` answers; is there no other record of
    the commit, it stands for a build of its own.
    """
    builds: dict[tuple[str | None, str, str], Row] = {}
    versions: dict[tuple[str | None, str, str], Row] = {}
    nameless: dict[tuple[str | None, str, str | None], Row] = {}
    for row in rows:
        if row.build_id is None:
            key = (row.owner, row.name, row.commit)
            nameless[key] = _merge(nameless.get(key), row)
        else:
            target = builds if row.route == "builds" else versions
            named = (row.owner, row.name, row.build_id)
            target[named] = _merge(target.get(named), row)
    for named, row in versions.items():
        builds[named] = _adopt(builds[named], row) if named in builds else row
    latest: dict[tuple[str | None, str, str | None], tuple[str | None, str, str]] = {}
    if nameless:
        for named, row in builds.items():
            key = (row.owner, row.name, row.commit)
            if key not in latest or _started(row) > _started(builds[latest[key]]):
                latest[key] = named
    for key, row in nameless.items():
        if key in latest:
            builds[latest[key]] = _adopt(builds[latest[key]], row)
        else:
            yield row
    yield from builds.values()


def _merge(one: Row | None, other: Row) -> Row:
    """Return what two records of the same build and route tell together: the later word, any log."""
    if one is None:
        return other
    older, newer = (one, other) if one.fetched_at <= other.fetched_at else (other, one)
    log = older if older.stored else newer
    return replace(
        newer,
        place=log.place,
        log_state=log.log_state,
        semantic_version=newer.semantic_version or older.semantic_version,
        environment=newer.environment or older.environment,
    )


def _adopt(build: Row, version: Row) -> Row:
    """Return a record of the builds route with what the versions route knows beyond it."""
    log = version if version.stored and not build.stored else build
    return replace(
        build,
        place=log.place,
        log_state=log.log_state,
        semantic_version=build.semantic_version or version.semantic_version,
        environment=build.environment or version.environment,
    )


def _started(row: Row) -> datetime:
    return row.started_at or _BEFORE_ALL
