"""Reports on disk: read back by three engines, whole or not at all."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from logparse import SCHEMAS, Log, Status, Tables, export, parse
from logparse.errors import ExportError


@pytest.fixture(scope="module")
def report(recorded_tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    export(recorded_tables, folder)
    return folder


def normal(rows: Iterable[Mapping[Any, object]]) -> list[dict[Any, object]]:
    """Rows with one kind of null, of list and of time."""

    def value(each: object) -> object:
        if isinstance(each, list | tuple) or type(each).__module__ == "numpy":
            return list(each)  # type: ignore[call-overload]
        if isinstance(each, pd.Timestamp):
            each = each.to_pydatetime()
        if isinstance(each, datetime):
            return each.astimezone(UTC)
        if each is None or each is pd.NaT or each is pd.NA or each != each:  # noqa: PLR0124
            return None
        return each

    return [{key: value(each) for key, each in row.items()} for row in rows]


class TestReadBack:
    """pandas, DuckDB and Polars read the same values that were written."""

    @pytest.fixture(params=list(SCHEMAS))
    def written(self, request, recorded_tables, report):
        return report / f"{request.param}.parquet", normal(
            getattr(recorded_tables, request.param).to_pylist()
        )

    def test_pyarrow(self, written):
        path, rows = written
        table = pq.read_table(path)
        assert table.schema.equals(SCHEMAS[path.stem], check_metadata=True)
        assert normal(table.to_pylist()) == rows

    def test_pandas(self, written):
        path, rows = written
        frame = pd.read_parquet(path)
        assert normal(frame.astype(object).to_dict("records")) == rows

    def test_pandas_with_its_nullable_types(self, written):
        path, rows = written
        frame = pd.read_parquet(path, dtype_backend="pyarrow")
        assert normal(frame.astype(object).to_dict("records")) == rows

    def test_duckdb(self, written):
        path, rows = written
        with duckdb.connect() as connection:
            relation = connection.sql("select * from read_parquet($path)", params={"path": str(path)})
            columns = relation.columns
            read = [dict(zip(columns, row, strict=True)) for row in relation.fetchall()]
        assert normal(read) == rows

    def test_polars(self, written):
        path, rows = written
        assert normal(pl.read_parquet(path).to_dicts()) == rows

    def test_times_are_utc_for_all(self, report):
        path = report / "builds.parquet"
        assert pd.read_parquet(path)["started_at"].dtype == pd.DatetimeTZDtype("us", "UTC")
        assert pl.read_parquet(path).schema["started_at"] == pl.Datetime("us", "UTC")
        with duckdb.connect() as connection:
            query = "select typeof(started_at) from read_parquet($path) limit 1"
            assert connection.execute(query, {"path": str(path)}).fetchone() == ("TIMESTAMP WITH TIME ZONE",)


class TestPartitions:
    """Folders by owner, name and month."""

    def test_they_hold_the_same_rows(self, recorded_tables, tmp_path):
        export(recorded_tables, tmp_path, partition=True)
        builds = {row["build_key"]: row for row in recorded_tables.builds.to_pylist()}
        for name, table in recorded_tables.items():
            read = ds.dataset(tmp_path / name, partitioning="hive").to_table()
            assert read.num_rows == table.num_rows
            for row in read.select(["build_key", "owner", "name", "month"]).to_pylist():
                build = builds[row["build_key"]]
                assert (row["owner"], row["name"]) == (build["owner"], build["name"])
                assert row["month"] == f"{build['started_at']:%Y-%m}"

    def test_polars_and_duckdb_read_the_folders(self, recorded_tables, tmp_path):
        export(recorded_tables, tmp_path, partition=True)
        pattern = str(tmp_path / "steps" / "**" / "*.parquet")
        assert (
            pl.scan_parquet(pattern, hive_partitioning=True).collect().height
            == recorded_tables.steps.num_rows
        )
        with duckdb.connect() as connection:
            query = "select count(*), count(distinct name) from read_parquet($path, hive_partitioning = true)"
            counts = connection.execute(query, {"path": pattern}).fetchone()
        assert counts == (recorded_tables.steps.num_rows, 6)

    def test_builds_of_no_algorithm_have_their_place(self, tmp_path):
        export(parse(b"Step 1/1 : FROM a\n ---> 0123456789ab\n"), tmp_path, partition=True)
        [row] = ds.dataset(tmp_path / "builds", partitioning="hive").to_table().to_pylist()
        assert (row["owner"], row["name"], row["month"]) == ("-", "-", "-")

    def test_names_that_are_no_file_names(self, tmp_path):
        log = Log(
            data=b"Step 1/1 : FROM a\n ---> 0123456789ab\n",
            owner="../../x",
            name="a b/c",
            build_id="b",
            status=Status.FAILED,
        )
        export(parse(log), tmp_path / "report", partition=True)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["report"]
        [row] = ds.dataset(tmp_path / "report" / "builds", partitioning="hive").to_table().to_pylist()
        assert (row["owner"], row["name"]) == ("../../x", "a b/c")


class TestWhole:
    """A table appears whole or not at all."""

    def test_a_new_report_replaces_the_old_one(self, recorded_builds, tmp_path):
        export(recorded_builds[:10], tmp_path)
        export(recorded_builds[:3], tmp_path)
        assert pq.read_metadata(tmp_path / "builds.parquet").num_rows == 3
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
            f"{name}.parquet" for name in SCHEMAS
        )

    def test_the_other_layout_goes_away(self, recorded_builds, tmp_path):
        export(recorded_builds[:3], tmp_path)
        export(recorded_builds[:3], tmp_path, partition=True)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(SCHEMAS)
        export(recorded_builds[:3], tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
            f"{name}.parquet" for name in SCHEMAS
        )

    @pytest.mark.parametrize("partition", [False, True])
    @pytest.mark.parametrize("name", ["builds", "steps.parquet", "failures"])
    def test_what_is_not_a_table_is_never_replaced(self, recorded_builds, tmp_path, partition, name):
        if name.endswith(".parquet"):
            (tmp_path / name).write_text("mine")
        else:
            (tmp_path / name).mkdir()
            (tmp_path / name / "mine.log").write_text("mine")
        with pytest.raises(ExportError, match="is not a table of logparse"):
            export(recorded_builds[:3], tmp_path, partition=partition)
        [kept] = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert kept.read_text() == "mine"

    @pytest.mark.parametrize("partition", [False, True])
    def test_if_one_table_cannot_be_moved_all_old_ones_stay(
        self, recorded_builds, tmp_path, monkeypatch, partition
    ):
        export(recorded_builds[:3], tmp_path, partition=partition)
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        rename = Path.rename

        def refuse(self: Path, target: Path) -> Path:
            if self.stem == "pulls" and target.parent == tmp_path and "old" not in str(self):
                raise OSError(errno.EIO, "Input/output error")
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", refuse)
        with pytest.raises(ExportError, match="could not be written"):
            export(recorded_builds[:10], tmp_path, partition=partition)
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before

    def test_a_full_disk_leaves_the_old_report_as_it_was(self, recorded_builds, tmp_path, monkeypatch):
        export(recorded_builds[:3], tmp_path)
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

        def full(*_args: object, **_kwargs: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
        with pytest.raises(ExportError, match="No space is left"):
            export(recorded_builds[:10], tmp_path)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before

    def test_an_interrupted_export_leaves_nothing(self, recorded_builds, tmp_path):
        def builds():
            yield from recorded_builds[:3]
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            export(builds(), tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_a_file_in_place_of_the_folder(self, tmp_path):
        (tmp_path / "report").write_text("x")
        with pytest.raises(ExportError, match="is a file"):
            export([], tmp_path / "report")

    def test_builds_are_read_in_batches(self, recorded_builds, tmp_path):
        builds = (
            build
            for number in range(11)
            for one in recorded_builds
            for build in parse(replace(one.log, build_id=f"{one.log.build_id}-{number}"))
        )
        export(builds, tmp_path)
        metadata = pq.read_metadata(tmp_path / "builds.parquet")
        assert metadata.num_rows == 11 * len(recorded_builds)
        assert metadata.num_row_groups == -(-11 * len(recorded_builds) // 1000)
