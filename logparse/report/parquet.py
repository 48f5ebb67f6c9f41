"""The five tables as Parquet: one file a table, or folders by owner, name and month."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from logparse.analytics import SCHEMAS, Tables, batches
from logparse.diagnosis import RuleBook
from logparse.errors import ExportError
from logparse.model import Build

__all__ = ["export"]

_COMPRESSION = "zstd"
_PARTITIONS = ("owner", "name", "month")
# The folder of what has no owner, name or month. Not Hive's own word for null, since readers that guess the
# type of a column from its folders cannot do so where there is no other.
_NONE = "-"


def export(
    builds: Iterable[Build] | Tables,
    out: str | Path,
    *,
    partition: bool = False,
    rules: RuleBook | None = None,
) -> dict[str, Path]:
    """Write the five tables of `builds` as Parquet below the folder `out`.

    A report appears whole or not at all: everything is written under temporary names first, and one that was
    there before is replaced when the new one is complete. Nothing else is ever replaced.

    Parameters
    ----------
    builds
        Builds, read in batches so that memory does not grow with their number; or tables made of them.
    out
        A folder; it is made if need be.
    partition
        Write ``<table>/owner=.../name=.../month=YYYY-MM/*.parquet`` (Hive's layout, which pandas, DuckDB
        and Polars read as columns) in place of ``<table>.parquet``. The month is that of the build's start;
        ``-`` stands for what is not known.
    rules
        The rules to diagnose failures by, by default those that come with the package. Tables that are made
        already stay as they are.

    Returns
    -------
    dict of str to pathlib.Path
        Each table's file, or folder if partitioned.

    Raises
    ------
    ExportError
        The folder cannot be written: no space left, no permission, a file in its place; or something that
        is not a table of a report has a table's name in it.
    """
    out = Path(out)
    parts = iter([builds]) if isinstance(builds, Tables) else batches(builds, rules=rules)
    with _sentences(out):
        out.mkdir(parents=True, exist_ok=True)
        _check_replaceable(out)
        scratch = out / f".logparse-{uuid.uuid4().hex}"
        scratch.mkdir()
        try:
            if partition:
                _write_folders(parts, scratch)
            else:
                _write_files(parts, scratch)
            return _publish(scratch, out)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _write_files(parts: Iterator[Tables], folder: Path) -> None:
    writers = {
        name: pq.ParquetWriter(folder / f"{name}.parquet", schema, compression=_COMPRESSION)
        for name, schema in SCHEMAS.items()
    }
    try:
        for part in parts:
            for name, table in part.items():
                writers[name].write_table(table)
    finally:
        _close(writers.values())


def _close(writers: Iterable[pq.ParquetWriter]) -> None:
    """Close all writers even if one cannot: the first one's error is the one to tell."""
    first: Exception | None = None
    for writer in writers:
        try:
            writer.close()
        except OSError as error:
            first = first or error
    if first is not None:
        raise first


def _write_folders(parts: Iterator[Tables], folder: Path) -> None:
    for number, part in enumerate(parts):
        keys = pa.table(
            {
                "build_key": part.builds["build_key"].cast(pa.string()),
                "owner": part.builds["owner"].cast(pa.string()),
                "name": part.builds["name"].cast(pa.string()),
                "month": pc.strftime(part.builds["started_at"], format="%Y-%m"),
            }
        )
        for name, table in part.items():
            ds.write_dataset(
                _with_partitions(table, keys).replace_schema_metadata(table.schema.metadata),
                folder / name,
                format="parquet",
                partitioning=ds.partitioning(
                    pa.schema([(column, pa.string()) for column in _PARTITIONS]), flavor="hive"
                ),
                basename_template=f"part-{number:06}-{{i}}.parquet",
                file_options=ds.ParquetFileFormat().make_write_options(compression=_COMPRESSION),
                existing_data_behavior="overwrite_or_ignore",
                max_partitions=1 << 20,
                max_open_files=256,
            )
        for name in SCHEMAS:
            (folder / name).mkdir(exist_ok=True)


def _with_partitions(table: pa.Table, keys: pa.Table) -> pa.Table:
    """Put the columns of `keys` that a table is split by behind its own."""
    rows = pc.index_in(table["build_key"].cast(pa.string()), value_set=keys["build_key"])
    table = table.drop_columns([column for column in _PARTITIONS if column in table.column_names])
    for column in _PARTITIONS:
        table = table.append_column(column, pc.fill_null(keys[column].take(rows), _NONE))
    return table


def _publish(scratch: Path, out: Path) -> dict[str, Path]:
    """Move complete tables into place, all of them or none.

    Old ones are moved aside first and deleted last; if anything goes wrong, they are moved back.
    """
    made = sorted(path for path in scratch.iterdir() if path.stem in SCHEMAS)
    old = scratch / "old"
    old.mkdir()
    moved: list[tuple[Path, Path]] = []
    try:
        # The same table in the other layout would be a second, older truth.
        for name in SCHEMAS:
            for before in (out / name, out / f"{name}.parquet"):
                if os.path.lexists(before):
                    before.rename(old / before.name)
                    moved.append((old / before.name, before))
        for table in made:
            table.rename(out / table.name)
            moved.append((out / table.name, table))
    except OSError:
        for here, there in reversed(moved):
            here.rename(there)
        raise
    return {table.stem: out / table.name for table in made}


def _check_replaceable(out: Path) -> None:
    """Refuse to replace what is not a table of a former report.

    Raises
    ------
    ExportError
        Something else has a table's name.
    """
    for name in SCHEMAS:
        for path in (out / name, out / f"{name}.parquet"):
            if os.path.lexists(path) and not _is_table(path, name):
                raise ExportError(
                    f"{path} is not a table of logparse and would be replaced; give another folder for the"
                    " report."
                )


def _is_table(path: Path, name: str) -> bool:
    """Whether `path` is a table of a report: a file that says so, or a folder of nothing but such files."""
    if path.is_symlink():
        return False
    if path.is_dir():
        files = [Path(parent) / file for parent, _, names in os.walk(path) for file in names]
        return all(file.suffix == ".parquet" and _is_table(file, name) for file in files)
    try:
        return (pq.read_schema(path).metadata or {}).get(b"logparse.table") == name.encode()
    except (OSError, pa.ArrowException):
        return False


@contextmanager
def _sentences(out: Path) -> Iterator[None]:
    """Turn what the operating system says into one sentence with a remedy."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC or "No space left" in str(error):
            text = f"No space is left for the report in {out}; free some, or give another folder."
        elif error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            text = f"The folder {out} is not writable; give another one."
        elif error.errno in {errno.EEXIST, errno.ENOTDIR}:
            text = f"{out} is a file; give a folder for the report."
        else:
            text = (
                f"The report could not be written to {out}: {error.strerror or error}; give another folder."
            )
        raise ExportError(text) from error
