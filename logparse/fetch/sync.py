"""Bring an archive up to date with a cluster: :func:`fetch`.

A run lists the builds, newest first, while threads already get the logs of those that the archive lacks,
and writes them as they come. So it can be stopped at any moment, and run again: what is in the archive is
not asked for twice. A build in progress is not stored, so a later run takes it.

A cluster may store a log some time after its build has ended. So builds whose log was missing are asked for
again by each later run, until a day after they ended; from then on they are known to have none. A log that
came late is in a second record of its build, which counts as the one (:mod:`logparse.fetch._reconcile`).
A version that names no build is not asked again, since nothing tells when its build ended.

A run that saw every build to the end, and failed at none, leaves a note in the archive that all builds
before a time are there; the next run's listing ends an hour before that time. The hour is for builds that
the API lists late.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from queue import Empty, SimpleQueue
from typing import Literal, NamedTuple, Self

from logparse.errors import (
    BuildInProgress,
    ConnectError,
    FetchError,
    Forbidden,
    NoLogStored,
    RateLimited,
    ServerError,
    Unauthorized,
    UsageError,
)
from logparse.fetch.api import BuildInfo, VersionInfo
from logparse.fetch.archive import Archive, Known, VersionKey, Writer
from logparse.fetch.client import Client, split_algorithm, to_bytes
from logparse.fetch.progress import NullProgress, Progress
from logparse.fetch.records import LogState, Record, version_status
from logparse.model import Status

__all__ = ["FailedFetch", "FetchReport", "Route", "fetch"]

Route = Literal["builds", "versions", "both"]

_OVERLAP = timedelta(hours=1)
# For so long after its end, a build's log may still come. A whole day, since nothing bounds it but the
# cluster's health, and asking costs little where few logs are missing.
_LATE = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
# One task a worker is under way, the others wait, so that no worker idles while a page is asked for.
_TASKS_A_WORKER = 5
# How often the main thread looks for what is done. To be woken for each log would cost the threads two
# switches a log, which at hundreds a second is what they spend on the logs themselves.
_TICK_SECONDS = 0.02
# That many failures in a row, per worker, mean that the cluster is gone rather than a log.
_FAILURES_A_WORKER = 2


class FailedFetch(NamedTuple):
    """A log that could not be fetched, after all retries."""

    id: str
    """The build's id, or the commit for the versions route."""
    error: FetchError


@dataclass(slots=True, kw_only=True)
class FetchReport:
    """What a run of :func:`fetch` did.

    Parameters
    ----------
    algorithm, route
        What was fetched, and how.
    listed
        Builds and versions that the listings gave and the filters let pass.
    new
        Records that were added, be it with a log or without.
    known
        Those that were in the archive before, with those asked for again to no avail.
    in_progress
        Builds that still ran; a later run takes them.
    missing
        Those of `new` whose log the cluster does not store, or not yet: those of the last day are asked for
        again by later runs.
    size
        Bytes of the logs that were added.
    seconds
        How long the run took.
    failures
        What could not be fetched; a later run tries again.
    """

    algorithm: str
    route: Route
    listed: int = 0
    new: int = 0
    known: int = 0
    in_progress: int = 0
    missing: int = 0
    size: int = 0
    seconds: float = 0.0
    failures: list[FailedFetch] = field(default_factory=list)

    def raise_failures(self) -> None:
        """Raise one error that sums up the failures, if there are any.

        Raises
        ------
        FetchError
            Its cause is the first failure's error.
        """
        if self.failures:
            first = self.failures[0]
            raise FetchError(
                f"{len(self.failures)} of {self.listed} logs of {self.algorithm} could not be fetched (the"
                f" first is {first.id}: {first.error}): run again to try these anew, the others are stored."
            ) from first.error


def fetch(
    client: Client,
    algorithm: str,
    archive: Archive,
    *,
    route: Route = "builds",
    since: datetime | None = None,
    status: Status | None = None,
    limit: int | None = None,
    workers: int = 16,
    progress: Progress | None = None,
    clock: Callable[[], datetime] | None = None,
) -> FetchReport:
    """Fetch the logs that an archive lacks.

    Parameters
    ----------
    algorithm
        ``"owner/name"``, or for the builds route the algorithm's UUID.
    route
        ``"builds"`` is the surer one: every build, one log each. ``"versions"`` gives the latest build of
        each commit, with the published version and the environment. ``"both"`` asks for all builds, and
        of the versions for what they alone tell, and the logs of builds that the first route lacks.
    since, status
        Only builds that started then or later, that ended so: succeeded or failed. A version that names no
        build, and so no time, is not left out by `since`.
    limit
        The most logs to fetch in this run, newest first; those that were missing before come last.
    workers
        Logs under way at once, beside the listing. More than the client's `max_connections` wait for their
        turn.
    progress
        Is told how far the run is.
    clock
        The time, with a time zone; by default the system's.

    Returns
    -------
    FetchReport
        Failures of single logs are in it, and do not end the run: see :meth:`FetchReport.raise_failures`.

    Raises
    ------
    Unauthorized, Forbidden
        At once, since no other log would fare better.
    FetchError
        If a listing fails, or so many logs in a row that the cluster must be gone.
    ArchiveError
        If the archive cannot be read or written.
    UsageError
        If an argument makes no sense.
    KeyboardInterrupt
        As it came; `client` is closed then, to cut off what is under way.

    Notes
    -----
    Whatever is raised, what was fetched before it is in the archive.
    """
    if workers < 1:
        raise UsageError(f"{workers} workers cannot fetch anything: give 1 or more.")
    if since is not None and since.tzinfo is None:
        raise UsageError("A time without a time zone could mean any of several: give since with one.")
    if status == Status.IN_PROGRESS:
        raise UsageError("A build in progress has no log to fetch: give succeeded or failed.")
    owner, name = split_algorithm(algorithm)
    report = FetchReport(algorithm=algorithm, route=route)
    progress = progress or NullProgress()
    begin = time.monotonic()
    try:
        with archive.writer() as writer, _Crew(workers, client, writer, report, progress) as crew:
            run = _Run(
                client=client,
                algorithm=algorithm,
                known=archive.known(owner, name),
                crew=crew,
                report=report,
                since=since,
                status=status,
                limit=limit,
                clock=clock or partial(datetime.now, UTC),
            )
            if route != "versions":
                before = run.take_builds()
                if before is not None:
                    writer.mark_complete(owner, name, before, run.count_builds(before))
            if route != "builds":
                run.take_versions()
    finally:
        progress.close()
        report.seconds = time.monotonic() - begin
    return report


class _Run:
    """One call of :func:`fetch`: which builds and versions to take."""

    def __init__(
        self,
        *,
        client: Client,
        algorithm: str,
        known: Known,
        crew: _Crew,
        report: FetchReport,
        since: datetime | None,
        status: Status | None,
        limit: int | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._algorithm = algorithm
        self._owner, self._name = split_algorithm(algorithm)
        self._known = known
        self._crew = crew
        self._report = report
        self._since = since
        self._status = status
        self._left = limit
        self._clock = clock
        self._late = clock() - _LATE
        self._builds = dict(known.builds)

    def take_builds(self) -> datetime | None:
        """Fetch what is new of the builds route.

        Returns
        -------
        datetime or None
            A time before which every build is now stored, if that is news.
        """
        complete = self._known.complete
        cut = complete and complete - _OVERLAP
        if self._since is not None and (cut is None or cut < self._since):
            cut = self._since
            whole = False
        else:
            whole = self._status is None
        cut = self._cut_for_late_logs(cut)
        again: list[BuildInfo] = []
        listed: dict[str, BuildInfo] = {}
        for build in self._client.builds(self._algorithm, since=cut):
            if _runs(build):
                self._report.listed += 1
                self._report.in_progress += 1
            elif self._status is not None and build.status != self._status:
                continue
            elif build.build_id in self._known.builds:
                self._report.listed += 1
                if build.build_id in self._known.missing and self._may_come_late(build):
                    again.append(build)
                else:
                    self._report.known += 1
            elif not self._may_take():
                whole = False
                break
            else:
                self._report.listed += 1
                self._crew.submit(build.build_id, partial(self._build_record, build))
            listed[build.build_id] = build
        for build in again:
            self._ask_again(build.build_id, partial(self._build_record, build, again=True))
        self._crew.drain()
        stored = self._known.builds.keys() | self._crew.stored.keys()
        self._builds |= {id_: build.started_at for id_, build in listed.items() if id_ in stored}
        if not whole or not listed:
            return None
        before = _complete_before(listed, stored)
        return before if before and (complete is None or before > complete) else None

    def count_builds(self, before: datetime) -> int:
        """Count the stored builds that started before a time."""
        return sum(started is not None and started < before for started in self._builds.values())

    def take_versions(self) -> None:
        """Fetch what is new of the versions route.

        A version whose build's log is stored already is kept for what else it tells, without the log.
        """
        new = self._crew.stored.values()
        logs = self._known.logs | {record.build_id for record in new if record.has_log}
        commits = self._known.commits | {record.commit for record in new if record.has_log}
        again: list[str] = []
        for version in self._client.versions(self._algorithm):
            build = version.build
            if version.git_hash is None or not self._wanted(version):
                continue
            self._report.listed += 1
            if build is not None and _runs(build):
                self._report.in_progress += 1
            elif self._known.has_version(VersionKey.of(version)):
                if build is not None and build.build_id not in logs and self._may_come_late(build):
                    again.append(version.git_hash)
                else:
                    self._report.known += 1
            elif build.build_id in logs if build else version.git_hash in commits:
                self._crew.store(version.git_hash, self._version_record(version, None, elsewhere=True))
            elif self._may_take():
                self._crew.submit(version.git_hash, partial(self._ask_version, version.git_hash))
            else:
                self._report.listed -= 1
                break
        for git_hash in again:
            self._ask_again(git_hash, partial(self._ask_version, git_hash, again=True))
        self._crew.drain()

    def _cut_for_late_logs(self, cut: datetime | None) -> datetime | None:
        """Return where the listing may end, so that builds whose log may yet have come are in it."""
        if cut is None:
            return None
        starts = [
            self._known.builds[id_] for id_, end in self._known.missing.items() if end and end > self._late
        ]
        first = min((start for start in starts if start is not None), default=cut)
        return min(cut, first if self._since is None else max(first, self._since))

    def _may_come_late(self, build: BuildInfo) -> bool:
        """Tell whether a build ended so lately that its log, if it is missing, may yet be stored."""
        end = build.finished_at or build.started_at
        return end is not None and end > self._late

    def _ask_again(self, id_: str, task: Callable[[], Record | None]) -> None:
        """Ask for a log that was missing. It counts as known, unless there is one now."""
        if self._may_take():
            self._crew.submit(id_, task, known=True)
        else:
            self._report.known += 1

    def _may_take(self) -> bool:
        """Count down to the limit."""
        if self._left is None:
            return True
        self._left -= 1
        return self._left >= 0

    def _wanted(self, version: VersionInfo) -> bool:
        started = version.build.started_at if version.build else None
        in_time = self._since is None or started is None or started >= self._since
        return in_time and (self._status is None or version_status(version) == self._status)

    def _build_record(self, build: BuildInfo, *, again: bool = False) -> Record | None:
        log: bytes | None
        try:
            log = self._client.build_log(self._algorithm, build.build_id)
        except NoLogStored:
            if again:
                return None
            log = None
        except BuildInProgress:
            return None
        return Record.of_build(self._owner, self._name, build, log, fetched_at=self._clock())

    def _ask_version(self, git_hash: str, *, again: bool = False) -> Record | None:
        version = self._client.version(self._algorithm, git_hash)
        if version.output is None and (again or (version.build is not None and _runs(version.build))):
            return None
        return self._version_record(version, None if version.output is None else to_bytes(version.output))

    def _version_record(self, version: VersionInfo, log: bytes | None, *, elsewhere: bool = False) -> Record:
        return Record.of_version(
            self._owner, self._name, version, log, fetched_at=self._clock(), elsewhere=elsewhere
        )


class _Stored(NamedTuple):
    """A record that was handed to the writer, less what is large."""

    build_id: str | None
    commit: str | None
    state: LogState
    size: int

    @property
    def has_log(self) -> bool:
        return self.state == LogState.STORED


class _Done(NamedTuple):
    """What became of a task: stored, an error, or neither when there is no log yet.

    The build then still runs, or is `known`, since an earlier run stored that its log is missing.
    """

    id: str
    stored: _Stored | None = None
    error: FetchError | None = None
    known: bool = False


class _Crew:
    """Threads that fetch and store, with a bound on what is under way.

    A log is handed to the writer by the thread that fetched it, so no more than `workers` logs and the
    writer's batch are in memory.
    """

    def __init__(
        self, workers: int, client: Client, writer: Writer, report: FetchReport, progress: Progress
    ) -> None:
        self._workers = workers
        self._client = client
        self._writer = writer
        self._report = report
        self._progress = progress
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="logparse-fetch")
        self._pending = 0
        self._done: SimpleQueue[Future[_Done]] = SimpleQueue()
        self._submitted = 0
        self._lost_in_a_row = 0
        # Set by the thread that meets an error which ends the run, so that the others start nothing more
        # in the moment until it is raised.
        self._broken = False
        self.stored: dict[str, _Stored] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        if isinstance(error, KeyboardInterrupt):
            self._client.close()
        # What is under way still comes to the writer; what has not begun is left to the next run.
        self._pool.shutdown(cancel_futures=True)

    def submit(self, id_: str, task: Callable[[], Record | None], *, known: bool = False) -> None:
        """Have `task` done by a thread, waiting while too much is under way.

        Parameters
        ----------
        known
            Whether it is known what there is if `task` returns nothing; else the build still runs.
        """
        self._settle(down_to=self._workers * _TASKS_A_WORKER - 1)
        self._submitted += 1
        self._progress.total(self._submitted)
        self._pending += 1
        self._pool.submit(self._do, id_, task, known=known).add_done_callback(self._done.put)

    def store(self, id_: str, record: Record) -> None:
        """Store a record that needs no asking."""
        self._count(_Done(id_, self._write(record)))

    def drain(self) -> None:
        """Wait for all that is under way."""
        self._settle(down_to=0)

    def _settle(self, *, down_to: int) -> None:
        """Count what is done, and wait until no more than `down_to` tasks are left."""
        while self._pending > down_to:
            try:
                future = self._done.get_nowait()
            except Empty:
                # No log may have come for a while, so that no append looked at the clock.
                self._writer.flush_if_due()
                time.sleep(_TICK_SECONDS)
                continue
            self._pending -= 1
            self._progress.advance(1, self._count(future.result()))

    def _do(self, id_: str, task: Callable[[], Record | None], *, known: bool) -> _Done:
        if self._broken:
            return _Done(id_)  # nobody counts any more
        try:
            record = task()
            return _Done(id_, self._write(record) if record else None, known=known)
        except FetchError as error:
            if not isinstance(error, Unauthorized | Forbidden):
                return _Done(id_, error=error)
            self._broken = True
            raise
        except BaseException:
            self._broken = True
            raise

    def _write(self, record: Record) -> _Stored:
        self._writer.append(record)
        return _Stored(record.build_id, record.commit, record.log_state, len(record.log or b""))

    def _count(self, done: _Done) -> int:
        """Enter a task's end in the report, and return the bytes it brought."""
        report = self._report
        lost = isinstance(done.error, ConnectError | ServerError | RateLimited)
        self._lost_in_a_row = self._lost_in_a_row + 1 if lost else 0
        if done.error is not None:
            report.failures.append(FailedFetch(done.id, done.error))
            if self._lost_in_a_row >= self._workers * _FAILURES_A_WORKER:
                raise done.error
            return 0
        if done.stored is None:
            if done.known:
                report.known += 1
            else:
                report.in_progress += 1
            return 0
        self.stored[done.id] = done.stored
        report.new += 1
        report.size += done.stored.size
        report.missing += done.stored.state == LogState.MISSING
        return done.stored.size


def _runs(build: BuildInfo) -> bool:
    """Tell whether a build has yet to end. One of a status unknown to us has, unless it says when it did."""
    return build.status == Status.IN_PROGRESS or (build.status is None and build.finished_at is None)


def _complete_before(listed: Mapping[str, BuildInfo], stored: AbstractSet[str]) -> datetime | None:
    """Return the latest time before which every listed build is stored; ``None`` if there is none to tell."""
    starts = [build.started_at for build in listed.values()]
    pending = [build.started_at for id_, build in listed.items() if id_ not in stored]
    known = [start for start in pending or starts if start is not None]
    if not known or len(known) < len(pending):
        return None
    return min(known) if pending else max(known) + _INSTANT
