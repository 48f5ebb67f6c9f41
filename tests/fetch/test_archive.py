from __future__ import annotations

import errno
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logparse.errors import ArchiveError
from logparse.fetch import Archive, LogState, Record, is_archive
from logparse.fetch.archive import GROUP_BYTES
from logparse.fetch.records import SCHEMA
from logparse.model import Status

NOW = datetime(2021, 7, 29, 21, 12, 56, 442_000, tzinfo=UTC)


def record(build_id: str | None = "b1", log: bytes | None = b"log", **changes: Any) -> Record:
    facts: dict[str, Any] = {
        "route": "builds",
        "owner": "acme",
        "name": "sentiment",
        "build_id": build_id,
        "commit": "c1",
        "status": Status.SUCCEEDED,
        "started_at": NOW,
        "finished_at": NOW + timedelta(seconds=10),
        "semantic_version": None,
        "environment": None,
        "fetched_at": NOW + timedelta(days=1),
        "log_state": LogState.MISSING if log is None else LogState.STORED,
        "api": "{}",
        "log": log,
    }
    return Record(**facts | changes)


def version(log: bytes | None = b"log", **changes: Any) -> Record:
    return record(**{"build_id": None, "route": "versions", "log": log, "environment": "env"} | changes)


records = st.builds(
    record,
    build_id=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    log=st.none() | st.binary(max_size=300),
    commit=st.none() | st.text("0123456789abcdef", min_size=40, max_size=40),
    status=st.none() | st.sampled_from(Status),
    started_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    semantic_version=st.none() | st.just("1.0.0"),
)


class TestRoundTrip:
    @given(st.lists(records, max_size=8, unique_by=lambda one: one.build_id))
    def test_any_bytes_and_facts_come_back(self, given: list[Record]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            archive = Archive(folder)
            archive.append([*given, record("always")])
            found = {log.build_id: log for log in archive.logs(without_log=True)}
        assert found.keys() == {one.build_id for one in given} | {"always"}
        for one in given:
            log = found[one.build_id]
            assert log.data == (one.log or b"")
            facts = (
                "owner",
                "name",
                "commit",
                "status",
                "started_at",
                "finished_at",
                "semantic_version",
                "route",
            )
            assert [getattr(log, fact) for fact in facts] == [getattr(one, fact) for fact in facts]

    def test_other_readers_see_the_documented_schema(self, archive: Archive) -> None:
        archive.append([record()])
        table = pq.read_table(Path(archive.path) / archive.parts()[0])
        assert table.schema.equals(SCHEMA)
        assert table.schema.metadata[b"logparse.archive"] == b"1"
        row = table.to_pylist()[0]
        assert row["log"] == b"log"
        assert row["log_digest"] == next(archive.logs()).digest

    def test_builds_without_a_log_are_left_out_unless_asked_for(self, archive: Archive) -> None:
        archive.append([record("b1"), record("b2", None)])
        assert [log.build_id for log in archive.logs()] == ["b1"]
        assert [(log.build_id, log.data) for log in archive.logs(without_log=True)] == [
            ("b1", b"log"),
            ("b2", b""),
        ]

    def test_filters(self, archive: Archive) -> None:
        later = NOW + timedelta(days=1)
        archive.append(
            [
                record("old"),
                record("new", started_at=later),
                record("bad", status=Status.FAILED),
                record("other", owner="stats", name="forecast"),
                record("timeless", started_at=None),
            ]
        )

        def ids(**wanted: Any) -> set[str | None]:
            return {log.build_id for log in archive.logs(**wanted)}

        assert ids(since=later) == {"new", "timeless"}
        assert ids(status=Status.FAILED) == {"bad"}
        assert ids(owner="stats") == ids(name="forecast") == {"other"}
        assert ids(owner="acme", status=Status.SUCCEEDED, since=later) == {"new", "timeless"}


class TestEachBuildOnce:
    def test_fetched_twice(self, archive: Archive) -> None:
        archive.append([record(), record()])
        archive.append([record()])
        assert len(list(archive.logs())) == 1

    def test_same_id_of_another_algorithm_is_another_build(self, archive: Archive) -> None:
        archive.append([record(), record(name="other")])
        assert len(list(archive.logs())) == 2

    def test_later_facts_and_an_earlier_log_are_joined(self, archive: Archive) -> None:
        archive.append([record(log=b"kept")])
        archive.append([record(log=None, semantic_version="1.0.0", fetched_at=NOW + timedelta(days=2))])
        (log,) = archive.logs()
        assert (log.data, log.semantic_version) == (b"kept", "1.0.0")

    def test_version_that_names_a_build_joins_it(self, archive: Archive) -> None:
        archive.append([version(b"again", build_id="b1", semantic_version="1.0.0"), record()])
        (log,) = archive.logs()
        assert (log.route, log.data, log.semantic_version, log.environment) == (
            "builds",
            b"log",
            "1.0.0",
            "env",
        )

    def test_version_without_a_build_joins_the_latest_of_its_commit(self, archive: Archive) -> None:
        archive.append(
            [
                record("first"),
                record("latest", started_at=NOW + timedelta(hours=1)),
                record("foreign", commit="c2", started_at=NOW + timedelta(hours=2)),
                version(b"latest again"),
            ]
        )
        assert {(log.build_id, log.environment) for log in archive.logs()} == {
            ("first", None),
            ("latest", "env"),
            ("foreign", None),
        }

    def test_version_of_a_build_that_the_other_route_lacks_stands(self, archive: Archive) -> None:
        archive.append([record("b1"), version(b"another", build_id="b2"), version(b"alone", commit="c9")])
        assert {(log.build_id, log.route, log.data) for log in archive.logs()} == {
            ("b1", "builds", b"log"),
            ("b2", "versions", b"another"),
            (None, "versions", b"alone"),
        }

    @pytest.mark.parametrize("build_id", ["b1", None])
    def test_version_lends_its_log(self, archive: Archive, build_id: str | None) -> None:
        archive.append([record(log=None), version(b"lent", build_id=build_id)])
        (log,) = archive.logs()
        assert (log.route, log.build_id, log.data) == ("builds", "b1", b"lent")

    def test_version_without_its_log_adds_facts_only(self, archive: Archive) -> None:
        archive.append([record(), version(None, build_id="b1", log_state=LogState.ELSEWHERE)])
        assert [(log.data, log.environment) for log in archive.logs()] == [(b"log", "env")]

    def test_version_published_later(self, archive: Archive) -> None:
        archive.append([version(b"log", build_id="b1")])
        later = NOW + timedelta(days=9)
        archive.append(
            [
                version(
                    None,
                    build_id="b1",
                    semantic_version="2.0.0",
                    log_state=LogState.ELSEWHERE,
                    fetched_at=later,
                )
            ]
        )
        assert [(log.data, log.semantic_version) for log in archive.logs()] == [(b"log", "2.0.0")]


class TestKnown:
    def test_tells_one_algorithm_only(self, archive: Archive) -> None:
        archive.append([record("b1"), record("b2", None, commit="c2"), record("x", name="other"), version()])
        known = archive.known("acme", "sentiment")
        assert known.builds.keys() == {"b1", "b2"}
        assert set(known.logs) == {"b1"}
        assert set(known.commits) == {"c1"}
        assert [key.commit for key in known.versions] == ["c1"]

    def test_of_an_archive_that_is_not_there_is_nothing(self, archive: Archive) -> None:
        assert not archive.known("acme", "sentiment").builds

    def test_reads_no_logs(self, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
        archive.append([record(log=os.urandom(1 << 20))])
        columns: list[str] = []
        read = pq.ParquetFile.read_row_group

        def spy(self: pq.ParquetFile, group: int, **given: Any) -> pa.Table:
            columns.extend(given["columns"])
            return read(self, group, **given)

        monkeypatch.setattr(pq.ParquetFile, "read_row_group", spy)
        assert archive.known("acme", "sentiment").builds
        assert columns
        assert "log" not in columns

    def test_a_note_of_completeness_holds_while_the_builds_are_there(self, archive: Archive) -> None:
        archive.append([record("b1")])
        with archive.writer() as writer:
            writer.append(record("b2"))
            writer.mark_complete("acme", "sentiment", NOW + timedelta(hours=1), builds=2)
        assert archive.known("acme", "sentiment").complete == NOW + timedelta(hours=1)
        assert archive.known("acme", "other").complete is None
        (Path(archive.path) / archive.parts()[0]).unlink()
        assert archive.known("acme", "sentiment").complete is None


class TestWriter:
    def test_writes_a_part_when_one_is_full(self, archive: Archive) -> None:
        with archive.writer(max_records=2) as writer:
            for number in range(5):
                writer.append(record(f"b{number}"))
            assert len(archive.parts()) == 2
        assert len(archive.parts()) == 3

    def test_counts_bytes(self, archive: Archive) -> None:
        with archive.writer(max_bytes=1000) as writer:
            writer.append(record("b1", b"x" * 600))
            assert archive.parts() == []
            writer.append(record("b2", b"x" * 600))
            assert len(archive.parts()) == 1

    def test_counts_seconds(self, archive: Archive) -> None:
        seconds = [0.0]
        with archive.writer(max_seconds=10, clock=lambda: seconds[0]) as writer:
            writer.append(record("b1"))
            seconds[0] = 9.9
            writer.flush_if_due()
            assert archive.parts() == []
            seconds[0] = 10.0
            writer.flush_if_due()
            assert len(archive.parts()) == 1

    def test_leaving_by_an_error_writes_what_is_left(self, archive: Archive) -> None:
        def leave_early() -> None:
            with archive.writer() as writer:
                writer.append(record())
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            leave_early()
        assert len(list(archive.logs())) == 1

    def test_nothing_to_write_makes_no_part(self, archive: Archive) -> None:
        archive.append([])
        assert archive.parts() == []

    def test_threads_and_writers_share_an_archive(self, archive: Archive) -> None:
        def write(prefix: int) -> None:
            with Archive(archive.path).writer(max_records=3) as writer:
                for number in range(20):
                    writer.append(record(f"{prefix}-{number}"))

        threads = [threading.Thread(target=write, args=(prefix,)) for prefix in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({log.build_id for log in archive.logs()}) == 120

    def test_row_groups_are_bounded(self, archive: Archive) -> None:
        size = GROUP_BYTES // 3
        archive.append(record(f"b{number}", os.urandom(size)) for number in range(7))
        with pq.ParquetFile(Path(archive.path) / archive.parts()[0]) as file:
            assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [3, 3, 1]


class TestWholeOrNotAtAll:
    def test_full_disk_leaves_no_trace(self, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
        archive.append([record("b1")])

        def full(_descriptor: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(ArchiveError, match=r"No space left on device.*run again"):
                archive.append([record("b2")])
        assert len(list(Path(archive.path).iterdir())) == 1
        assert [log.build_id for log in archive.logs()] == ["b1"]

    def test_killed_writer_loses_its_last_part_only(self, archive: Archive) -> None:
        script = (
            "import sys; from tests.fetch.test_archive import record; from logparse.fetch import Archive\n"
            "writer = Archive(sys.argv[1]).writer(max_records=5)\n"
            "for number in range(10**6):\n"
            "    writer.append(record(f'b{number}', bytes(5000)))\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", script, archive.path], cwd=Path(__file__).parents[2]
        )
        while len(archive.parts()) < 5:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        ids = {log.build_id for log in archive.logs()}
        assert ids == {f"b{number}" for number in range(len(ids))}
        assert len(ids) == 5 * len(archive.parts())

    def test_leftovers_are_ignored_and_swept_once_they_are_old(self, archive: Archive) -> None:
        archive.append([record()])
        young = Path(archive.path) / ".logparse-1.tmp"
        old = Path(archive.path) / ".logparse-2.tmp"
        for file in (young, old):
            file.write_bytes(b"half a part")
        os.utime(old, (time.time() - 7200,) * 2)
        assert len(list(archive.logs())) == 1
        Archive(archive.path).append([record("b2")])
        assert young.exists()
        assert not old.exists()

    def test_a_file_in_the_way_is_an_error(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.touch()
        for use in (lambda: Archive(file).append([record()]), lambda: Archive(file).parts()):
            with pytest.raises(ArchiveError, match=str(file)):
                use()


class TestDamage:
    @pytest.fixture
    def damaged(self, archive: Archive) -> Path:
        """A part in the middle of three, spoilt by the test."""
        for number in range(3):
            archive.append([record(f"b{number}", os.urandom(20_000), commit=f"c{number}")])
        return Path(archive.path) / archive.parts()[1]

    def spoil(self, part: Path, how: str) -> None:
        data = bytearray(part.read_bytes())
        if how == "truncated":
            del data[len(data) // 2 :]
        elif how == "empty":
            data.clear()
        elif how == "not parquet":
            data[:] = b"hello"
        else:  # a flipped bit in the middle of a log
            data[len(data) // 3] ^= 1
        part.write_bytes(data)

    @pytest.mark.parametrize("how", ["truncated", "empty", "not parquet", "flipped"])
    def test_is_named(self, archive: Archive, damaged: Path, how: str) -> None:
        self.spoil(damaged, how)
        with pytest.raises(ArchiveError, match=damaged.name):
            list(archive.logs())

    @pytest.mark.parametrize("how", ["truncated", "empty", "not parquet", "flipped"])
    def test_others_can_still_be_read(
        self, archive: Archive, damaged: Path, how: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.spoil(damaged, how)
        with caplog.at_level(logging.WARNING):
            assert {log.build_id for log in Archive(archive.path, damaged="skip").logs()} == {"b0", "b2"}
        assert damaged.name in caplog.text

    def test_foreign_and_newer_parts_are_refused(self, archive: Archive, damaged: Path) -> None:
        pq.write_table(pa.table({"a": [1]}), damaged)
        with pytest.raises(ArchiveError, match="no part of an archive"):
            archive.known("acme", "sentiment")
        pq.write_table(pa.table({"a": [1]}).replace_schema_metadata({"logparse.archive": "2"}), damaged)
        with pytest.raises(ArchiveError, match="newer logparse"):
            archive.known("acme", "sentiment")

    def test_nothing_there_is_an_error_that_says_so(self, archive: Archive) -> None:
        with pytest.raises(ArchiveError, match="no archive"):
            list(archive.logs())


class TestStores:
    def test_object_store(self) -> None:
        store = pafs._MockFileSystem()
        archive = Archive("bucket/logs", filesystem=store)
        assert not is_archive("bucket/logs", filesystem=store)
        archive.append([record("b1")])
        archive.append([record("b2")])
        assert is_archive("bucket/logs", filesystem=store)
        assert len(archive.parts()) == 2
        assert {log.build_id for log in archive.logs()} == {"b1", "b2"}
        assert all(log.path and log.path.startswith("bucket/logs/logs-") for log in archive.logs())

    def test_file_uri_is_the_local_folder(self, archive: Archive) -> None:
        Archive(Path(archive.path).absolute().as_uri()).append([record()])
        assert len(list(archive.logs())) == 1

    def test_unknown_scheme(self) -> None:
        with pytest.raises(ArchiveError, match="nope://x"):
            Archive("nope://x")

    def test_is_archive(self, archive: Archive, tmp_path: Path) -> None:
        assert not is_archive(archive.path)
        (tmp_path / "tables").mkdir()
        (tmp_path / "tables/builds.parquet").touch()
        assert not is_archive(tmp_path / "tables")
        assert not is_archive(tmp_path / "tables/builds.parquet")
        archive.append([record()])
        assert is_archive(archive.path)
        assert is_archive(Path(archive.path))
