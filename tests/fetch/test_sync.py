from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from logparse.errors import (
    ArchiveError,
    ConnectError,
    FetchError,
    Forbidden,
    ServerError,
    Unauthorized,
    UsageError,
)
from logparse.fetch import Archive, Client, RecordedCluster, Retry, fetch
from logparse.model import Log, Status
from logparse.server import Fault, LocalCluster
from logparse.server.faults import delay, edit, error, rate_limited, reset, truncate
from tests.builders import EPOCH, make_build, make_cluster, make_log, make_version
from tests.fetch.support import ALGORITHM, KEY, contents, strip


def recorded(folder: Path) -> set[Log]:
    """Return what a perfect fetch by both routes finds, less environments (a version has but one build)."""
    return {without_environment(log) for log in RecordedCluster(folder).logs()}


def without_environment(log: Log) -> Log:
    return replace(strip(log), environment=None)


def ids(archive: Archive) -> set[str | None]:
    return {log.build_id for log in archive.logs()}


def build_id(number: int) -> str:
    found: str = make_build(ALGORITHM, number)["build_id"]
    return found


def hours(number: int) -> datetime:
    """Return when build `number` starts."""
    return EPOCH + timedelta(hours=number)


def log_requests(cluster: LocalCluster) -> int:
    return sum(one.path.endswith("/logs") for one in cluster.requests)


def finish(folder: Path, number: int) -> None:
    """Let the running build `number` end."""
    home = folder / ALGORITHM
    done = make_build(ALGORITHM, number)
    entries = json.loads((home / "builds.json").read_text())
    entries = [done if one["build_id"] == done["build_id"] else one for one in entries]
    (home / "builds.json").write_text(json.dumps(entries))
    (home / "logs" / f"{done['build_id']}.log").write_bytes(make_log(done))


class Told:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.totals: list[int] = []
        self.logs = 0
        self.size = 0
        self.closed = 0

    def total(self, logs: int) -> None:
        self.totals.append(logs)

    def advance(self, logs: int, size: int) -> None:
        self.logs += logs
        self.size += size

    def close(self) -> None:
        self.closed += 1


class TestBuilds:
    def test_stores_every_ended_build_with_its_facts(
        self, client: Client, archive: Archive, folder: Path
    ) -> None:
        told = Told()
        report = fetch(client, ALGORITHM, archive, progress=told)
        found = contents(archive)
        assert found == recorded(folder)
        assert (report.listed, report.new, report.known, report.in_progress, report.missing) == (
            25,
            24,
            0,
            1,
            0,
        )
        assert report.size == told.size == sum(len(log.data) for log in found)
        assert (told.logs, told.totals[-1], told.closed) == (24, 24, 1)
        report.raise_failures()

    def test_second_run_asks_for_no_log_and_writes_nothing(
        self, client: Client, archive: Archive, cluster: LocalCluster
    ) -> None:
        fetch(client, ALGORITHM, archive)
        parts = archive.parts()
        cluster.requests.clear()
        report = fetch(client, ALGORITHM, archive)
        assert (report.new, log_requests(cluster), archive.parts()) == (0, 0, parts)

    def test_second_run_ends_its_listing_early(self, tmp_path: Path, archive: Archive) -> None:
        folder = make_cluster(tmp_path / "many", builds=220)
        with LocalCluster(folder, token=KEY) as cluster, Client(cluster.address, KEY) as client:
            fetch(client, ALGORITHM, archive)
            cluster.requests.clear()
            fetch(client, ALGORITHM, archive)
            assert len(cluster.requests) == 2

    def test_uuid_in_place_of_the_name(self, client: Client, cluster: LocalCluster, archive: Archive) -> None:
        algorithm = cluster.cluster.algorithm("acme", "sentiment")
        assert algorithm is not None
        assert fetch(client, algorithm.id, archive).new == 24
        assert {(log.owner, log.name) for log in archive.logs()} == {(None, algorithm.id)}
        assert fetch(client, algorithm.id, archive).new == 0

    def test_build_in_progress_is_taken_once_it_has_ended(
        self, client: Client, archive: Archive, folder: Path
    ) -> None:
        fetch(client, ALGORITHM, archive)
        finish(folder, 24)
        with LocalCluster(folder, token=KEY) as later, Client(later.address, KEY) as again:
            report = fetch(again, ALGORITHM, archive)
        assert (report.new, report.in_progress) == (1, 0)
        assert contents(archive) == recorded(folder)

    def test_long_running_build_is_not_lost_behind_newer_ones(self, tmp_path: Path, archive: Archive) -> None:
        folder = make_cluster(tmp_path / "long", builds=200)
        entries = json.loads((folder / ALGORITHM / "builds.json").read_text())
        slow = make_build(ALGORITHM, 60, running=True)
        entries = [slow if one["build_id"] == slow["build_id"] else one for one in entries]
        (folder / ALGORITHM / "builds.json").write_text(json.dumps(entries))
        with LocalCluster(folder, token=KEY) as cluster, Client(cluster.address, KEY) as client:
            assert fetch(client, ALGORITHM, archive).in_progress == 1
        finish(folder, 60)
        with LocalCluster(folder, token=KEY) as cluster, Client(cluster.address, KEY) as client:
            assert fetch(client, ALGORITHM, archive).new == 1
        assert contents(archive) == recorded(folder)

    def test_missing_log_is_remembered(
        self, client: Client, archive: Archive, cluster: LocalCluster, folder: Path
    ) -> None:
        gone = min((folder / ALGORITHM / "logs").iterdir())
        gone.unlink()
        report = fetch(client, ALGORITHM, archive)
        assert (report.new, report.missing, report.failures) == (24, 1, [])
        assert gone.stem not in ids(archive)
        assert gone.stem in {log.build_id for log in archive.logs(without_log=True)}
        cluster.requests.clear()
        assert fetch(client, ALGORITHM, archive).new == 0
        assert log_requests(cluster) == 0

    @pytest.mark.parametrize("route", ["builds", "versions", "both"])
    @pytest.mark.parametrize("how", ["404", "null"])
    def test_log_that_is_stored_late_is_fetched_within_a_day(
        self, client: Client, archive: Archive, cluster: LocalCluster, folder: Path, route: Any, how: str
    ) -> None:
        (late,) = (log for log in RecordedCluster(folder).logs() if log.build_id == build_id(20))
        file = folder / ALGORITHM / "logs" / f"{late.build_id}.log"
        file.unlink()
        if how == "null":
            nothing = edit(lambda _log: {"logs": None})
            cluster.faults.add(Fault(nothing, f"*/builds/{late.build_id}/logs"))
        first = fetch(client, ALGORITHM, archive, route=route, clock=lambda: hours(25))
        assert first.missing == (2 if route == "both" else 1)
        assert late not in contents(archive)
        again = fetch(client, ALGORITHM, archive, route=route, clock=lambda: hours(26))
        assert (again.new, again.missing) == (0, 0)
        assert again.known == again.listed - again.in_progress
        file.write_bytes(late.data)
        cluster.faults.clear()
        cluster.requests.clear()
        third = fetch(client, ALGORITHM, archive, route=route, clock=lambda: hours(43))
        assert third.missing == 0
        assert third.new >= 1
        assert sum("/logs" in one.path or "/versions/" in one.path for one in cluster.requests) == 1
        found = [log for log in archive.logs(without_log=True) if log.build_id == late.build_id]
        assert [log.data for log in found] == [late.data]
        assert len(list(archive.logs())) == len(list(archive.logs(without_log=True)))
        cluster.requests.clear()
        last = fetch(client, ALGORITHM, archive, route=route, clock=lambda: hours(43))
        assert (last.new, log_requests(cluster)) == (0, 0)

    @pytest.mark.parametrize("route", ["builds", "versions", "both"])
    def test_log_that_is_missing_for_a_day_is_not_asked_for_again(
        self, client: Client, archive: Archive, cluster: LocalCluster, folder: Path, route: Any
    ) -> None:
        (folder / ALGORITHM / "logs" / f"{build_id(20)}.log").unlink()
        fetch(client, ALGORITHM, archive, route=route, clock=lambda: hours(25))
        cluster.requests.clear()
        assert fetch(client, ALGORITHM, archive, route=route, clock=lambda: hours(45)).new == 0
        assert not any("/logs" in one.path or "/versions/" in one.path for one in cluster.requests)

    def test_late_log_behind_the_mark_is_found_by_a_longer_listing(
        self, tmp_path: Path, archive: Archive
    ) -> None:
        folder = make_cluster(tmp_path / "many", builds=220)
        file = folder / ALGORITHM / "logs" / f"{build_id(200)}.log"
        data = file.read_bytes()
        file.unlink()
        with LocalCluster(folder, token=KEY) as cluster, Client(cluster.address, KEY) as client:
            fetch(client, ALGORITHM, archive, clock=lambda: hours(220))
            file.write_bytes(data)
            since = hours(201)
            assert fetch(client, ALGORITHM, archive, since=since, clock=lambda: hours(221)).new == 0
            assert fetch(client, ALGORITHM, archive, status=Status.FAILED, clock=lambda: hours(221)).new == 0
            report = fetch(client, ALGORITHM, archive, clock=lambda: hours(221))
            assert (report.new, report.size) == (1, len(data))
            cluster.requests.clear()
            assert fetch(client, ALGORITHM, archive, clock=lambda: hours(221)).listed == 1
        assert contents(archive) == recorded(folder)

    def test_missing_logs_do_not_use_up_the_limit_of_new_ones(
        self, client: Client, archive: Archive, folder: Path
    ) -> None:
        for number in (21, 22, 23):
            (folder / ALGORITHM / "logs" / f"{build_id(number)}.log").unlink()
        fetch(client, ALGORITHM, archive, limit=3, clock=lambda: hours(25))
        report = fetch(client, ALGORITHM, archive, limit=3, clock=lambda: hours(25))
        assert (report.new, report.known, report.missing) == (3, 3, 0)

    def test_filters_do_not_hide_builds_from_later_runs(
        self, client: Client, archive: Archive, folder: Path, cluster: LocalCluster
    ) -> None:
        algorithm = cluster.cluster.algorithm("acme", "sentiment")
        assert algorithm is not None
        failed = {one.build_id for one in algorithm.builds if one.status == Status.FAILED}
        assert fetch(client, ALGORITHM, archive, status=Status.FAILED).new == len(failed)
        assert ids(archive) == failed
        since = algorithm.builds[5].started_at
        fetch(client, ALGORITHM, archive, since=since)
        assert ids(archive) == failed | {one.build_id for one in algorithm.builds[1:6]}
        assert fetch(client, ALGORITHM, archive, limit=3).new == 3
        fetch(client, ALGORITHM, archive)
        assert contents(archive) == recorded(folder)

    def test_limit_takes_the_newest(self, client: Client, archive: Archive, cluster: LocalCluster) -> None:
        algorithm = cluster.cluster.algorithm("acme", "sentiment")
        assert algorithm is not None
        fetch(client, ALGORITHM, archive, limit=4)
        assert ids(archive) == {one.build_id for one in algorithm.builds[1:5]}

    def test_lost_part_is_fetched_again(self, client: Client, archive: Archive, folder: Path) -> None:
        fetch(client, ALGORITHM, archive)
        (Path(archive.path) / archive.parts()[0]).unlink()
        assert fetch(client, ALGORITHM, archive).new == 24
        assert contents(archive) == recorded(folder)

    def test_builds_in_progress_cannot_be_asked_for(
        self, client: Client, archive: Archive, cluster: LocalCluster
    ) -> None:
        with pytest.raises(UsageError, match=r"give succeeded or failed\.$"):
            fetch(client, ALGORITHM, archive, status=Status.IN_PROGRESS)
        assert cluster.requests == []

    @pytest.mark.parametrize("given", [{"workers": 0}, {"since": datetime(2021, 1, 1)}])  # noqa: DTZ001
    def test_arguments_that_make_no_sense(
        self, client: Client, archive: Archive, given: dict[str, Any]
    ) -> None:
        with pytest.raises(UsageError):
            fetch(client, ALGORITHM, archive, **given)


class TestBothRoutes:
    def test_count_no_build_twice(self, client: Client, archive: Archive, folder: Path) -> None:
        fetch(client, ALGORITHM, archive, route="both")
        found = list(archive.logs())
        assert {without_environment(log) for log in found} == recorded(folder)
        assert len(found) == 24
        # Every commit has one version, and its environment belongs to that commit's latest build.
        assert sum(log.environment is not None for log in found) == len({log.commit for log in found})

    def test_ask_for_no_log_twice(self, client: Client, archive: Archive, cluster: LocalCluster) -> None:
        fetch(client, ALGORITHM, archive, route="both")
        assert log_requests(cluster) == 24
        assert not any("/versions/" in one.path for one in cluster.requests)
        cluster.requests.clear()
        assert fetch(client, ALGORITHM, archive, route="both").new == 0
        assert len(cluster.requests) == 2

    @pytest.mark.parametrize("order", [("builds", "versions"), ("versions", "builds"), ("versions", "both")])
    def test_one_after_the_other_is_the_same(
        self, client: Client, archive: Archive, tmp_path: Path, order: Any
    ) -> None:
        for route in order:
            fetch(client, ALGORITHM, archive, route=route)
        at_once = Archive(tmp_path / "at-once")
        fetch(client, ALGORITHM, at_once, route="both")
        assert contents(archive) == contents(at_once)

    def test_versions_alone_give_the_latest_build_of_each_commit(
        self, client: Client, archive: Archive, cluster: LocalCluster
    ) -> None:
        algorithm = cluster.cluster.algorithm("acme", "sentiment")
        assert algorithm is not None
        fetch(client, ALGORITHM, archive, route="versions")
        latest = {
            algorithm.builds_of(one.git_hash)[0].build_id
            for one in algorithm.versions
            if one.git_hash and one.build and one.build.status != Status.IN_PROGRESS
        }
        assert ids(archive) == latest
        assert {log.data for log in archive.logs()} == {algorithm.read_log(one) for one in latest}
        cluster.requests.clear()
        assert fetch(client, ALGORITHM, archive, route="versions").new == 0
        assert len(cluster.requests) == 1

    def test_versions_without_builds_in_the_list(
        self, client: Client, archive: Archive, cluster: LocalCluster
    ) -> None:
        def bare(page: dict[str, Any]) -> dict[str, Any]:
            for one in page["results"]:
                one.pop("build")
            return page

        cluster.faults.add(Fault(edit(bare), "*/versions"))
        fetch(client, ALGORITHM, archive, route="both")
        assert len(list(archive.logs())) == 24
        again = fetch(client, ALGORITHM, archive, route="versions")
        assert again.new == 0

    def test_version_lends_the_log_that_the_builds_route_lost(
        self, client: Client, archive: Archive, cluster: LocalCluster
    ) -> None:
        algorithm = cluster.cluster.algorithm("acme", "sentiment")
        assert algorithm is not None
        build = algorithm.builds[-1]
        cluster.faults.add(Fault(error(404, "empty"), f"*/{build.build_id}/logs"))
        report = fetch(client, ALGORITHM, archive, route="both")
        assert report.missing == 1
        (log,) = (one for one in archive.logs() if one.build_id == build.build_id)
        assert (log.route, log.data) == ("builds", algorithm.read_log(build.build_id))

    def test_version_published_later_is_news_but_its_log_is_not(
        self, client: Client, archive: Archive, folder: Path
    ) -> None:
        fetch(client, ALGORITHM, archive, route="both")
        home = folder / ALGORITHM / "versions.json"
        versions = json.loads(home.read_text())
        versions[3]["version_info"]["semantic_version"] = "9.9.9"
        home.write_text(json.dumps(versions))
        with LocalCluster(folder, token=KEY) as later, Client(later.address, KEY) as again:
            assert fetch(again, ALGORITHM, archive, route="both").new == 1
            assert not any("/versions/" in one.path for one in later.requests)
        assert "9.9.9" in {log.semantic_version for log in archive.logs()}
        assert len(list(archive.logs())) == 24

    def test_never_built_algorithm_has_nothing(self, tmp_path: Path, archive: Archive) -> None:
        home = make_cluster(tmp_path / "bare", builds=0) / ALGORITHM
        version = make_version(ALGORITHM, make_build(ALGORITHM, 0))
        for key in ("version_info", "build", "compilation"):
            version.pop(key)
        (home / "versions.json").write_text(json.dumps([version]))
        with LocalCluster(home.parents[1], token=KEY) as cluster, Client(cluster.address, KEY) as client:
            report = fetch(client, ALGORITHM, archive, route="both")
        assert (report.listed, report.new, archive.parts()) == (0, 0, [])


class TestTrouble:
    def test_what_passes_leaves_no_trace(self, archive: Archive, cluster: LocalCluster, folder: Path) -> None:
        cluster.faults.add(
            Fault(error(503, "html"), probability=0.2, seed=1),
            Fault(rate_limited(1), probability=0.1, seed=2),
            Fault(reset(), probability=0.1, seed=3),
            Fault(reset(0.5), "*/logs", probability=0.1, seed=4),
            Fault(truncate(), probability=0.1, seed=5),
        )
        patient = Retry(attempts=50, sleep=lambda _seconds: None)
        with Client(cluster.address, KEY, retry=patient) as stubborn:
            report = fetch(stubborn, ALGORITHM, archive)
        assert report.failures == []
        assert contents(archive) == recorded(folder)

    def test_one_log_that_fails_does_not_lose_the_others(
        self, client: Client, archive: Archive, cluster: LocalCluster, folder: Path
    ) -> None:
        algorithm = cluster.cluster.algorithm("acme", "sentiment")
        assert algorithm is not None
        bad = algorithm.builds[7].build_id
        cluster.faults.add(Fault(error(500), f"*/{bad}/logs"))
        report = fetch(client, ALGORITHM, archive)
        assert [(one.id, type(one.error)) for one in report.failures] == [(bad, ServerError)]
        assert report.new == 23
        with pytest.raises(FetchError, match=f"1 of 25 logs.*{bad}") as caught:
            report.raise_failures()
        assert caught.value.exit_code == 4
        cluster.faults.clear()
        assert fetch(client, ALGORITHM, archive).new == 1
        assert contents(archive) == recorded(folder)

    @pytest.mark.parametrize(("status", "kind"), [(401, Unauthorized), (403, Forbidden)])
    def test_refused_credential_ends_the_run_at_once(
        self, client: Client, archive: Archive, cluster: LocalCluster, status: int, kind: type[FetchError]
    ) -> None:
        cluster.faults.add(Fault(error(status), "*/logs", after=5))
        with pytest.raises(kind):
            fetch(client, ALGORITHM, archive, workers=2)
        assert len(ids(archive)) == 5
        assert log_requests(cluster) < 10

    def test_listing_that_fails_keeps_what_was_fetched(self, tmp_path: Path, archive: Archive) -> None:
        folder = make_cluster(tmp_path / "many", builds=120)
        fault = Fault(error(500), "*/builds", after=1)
        with (
            LocalCluster(folder, token=KEY, faults=[fault]) as cluster,
            Client(cluster.address, KEY, retry=Retry(attempts=2, base=0.01)) as client,
        ):
            with pytest.raises(ServerError):
                fetch(client, ALGORITHM, archive)
            assert len(ids(archive)) >= 1
            cluster.faults.clear()
            fetch(client, ALGORITHM, archive)
        assert contents(archive) == recorded(folder)

    def test_cluster_that_goes_away_ends_the_run(
        self, client: Client, archive: Archive, cluster: LocalCluster
    ) -> None:
        cluster.faults.add(Fault(reset(), "*/logs", after=4))
        with pytest.raises(ConnectError):
            fetch(client, ALGORITHM, archive, workers=2)
        assert len(ids(archive)) == 4

    def test_full_disk_is_told_and_parts_stay_whole(
        self, client: Client, archive: Archive, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fetch(client, ALGORITHM, archive, limit=5)

        def full(_descriptor: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(ArchiveError, match="No space left"):
                fetch(client, ALGORITHM, archive)
        assert len(ids(archive)) == 5
        fetch(client, ALGORITHM, archive)
        assert contents(archive) == recorded(folder)

    def test_progress_is_closed_whatever_happens(self, client: Client, archive: Archive) -> None:
        told = Told()
        with pytest.raises(FetchError):
            fetch(client, "acme/other", archive, progress=told)
        assert told.closed == 1

    def test_concurrent_runs_do_not_harm_each_other(
        self, archive: Archive, cluster: LocalCluster, folder: Path
    ) -> None:
        script = FETCH.format(address=cluster.address, archive=archive.path, key=KEY)
        runs = [subprocess.Popen([sys.executable, "-c", script], cwd=ROOT) for _ in range(3)]
        assert [run.wait(60) for run in runs] == [0, 0, 0]
        assert contents(archive) == recorded(folder)
        assert len(list(archive.logs())) == 24


ROOT = Path(__file__).parents[2]
FETCH = """
from logparse.fetch import Archive, Client, fetch
archive = Archive({archive!r})
writer = archive.writer
archive.writer = lambda: writer(max_records=5)
with Client({address!r}, {key!r}) as client:
    fetch(client, "acme/sentiment", archive, workers=3).raise_failures()
"""


class TestStopped:
    @pytest.fixture
    def slow(self, tmp_path: Path) -> Any:
        """A cluster of 80 builds that takes its time."""
        folder = make_cluster(tmp_path / "slow", builds=80)
        with LocalCluster(folder, token=KEY, faults=[Fault(delay(0.03), "*/logs")]) as cluster:
            yield cluster

    def start(self, cluster: LocalCluster, archive: Archive) -> subprocess.Popen[bytes]:
        script = FETCH.format(address=cluster.address, archive=archive.path, key=KEY)
        process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stderr=subprocess.PIPE)
        while len(archive.parts()) < 3:
            assert process.poll() is None
            time.sleep(0.005)
        return process

    def test_killed_run_is_resumed_to_the_same_result(
        self, slow: LocalCluster, archive: Archive, tmp_path: Path
    ) -> None:
        process = self.start(slow, archive)
        process.kill()
        process.communicate()
        stored = len(ids(archive))
        assert 15 <= stored < 80
        slow.faults.clear()
        slow.requests.clear()
        at_once = Archive(tmp_path / "at-once")
        with Client(slow.address, KEY) as client:
            fetch(client, ALGORITHM, archive)
            assert log_requests(slow) == 80 - stored
            fetch(client, ALGORITHM, at_once)
        assert contents(archive) == contents(at_once)
        assert len(list(archive.logs())) == 80

    def test_interrupt_writes_what_is_there_and_ends_at_once(
        self, slow: LocalCluster, archive: Archive
    ) -> None:
        slow.faults.add(Fault(delay(60.0), "*/logs", after=40))
        process = self.start(slow, archive)
        while log_requests(slow) < 43:
            time.sleep(0.005)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        begin = time.monotonic()
        _, told = process.communicate(timeout=20)
        assert time.monotonic() - begin < 5
        assert b"KeyboardInterrupt" in told
        assert len(ids(archive)) == 40
        slow.faults.clear()
        with Client(slow.address, KEY) as client:
            assert fetch(client, ALGORITHM, archive).new == 40


class TestMemory:
    def test_logs_under_way_are_bounded(
        self, client: Client, archive: Archive, cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        under_way = 0
        most = 0
        ask = Client.build_log

        def counted(self: Client, algorithm: str, build_id: str) -> bytes:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            try:
                return ask(self, algorithm, build_id)
            finally:
                under_way -= 1

        monkeypatch.setattr(Client, "build_log", counted)
        cluster.faults.add(Fault(delay(0.02), "*/logs"))
        fetch(client, ALGORITHM, archive, workers=3)
        assert most == 3


class TestTimes:
    def test_are_utc(self, client: Client, archive: Archive) -> None:
        fetch(client, ALGORITHM, archive, limit=1)
        (log,) = archive.logs()
        assert log.started_at is not None
        assert log.started_at.tzinfo is UTC
