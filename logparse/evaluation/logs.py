"""The logs that labels speak of: in a folder, an archive, a Parquet table or a mapping."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from logparse.errors import SourceError
from logparse.evaluation.labels import Label, LabelError
from logparse.fetch import read_logs
from logparse.model import Log
from logparse.text import printable, to_utf8

__all__ = ["Logs", "Place", "find_logs"]

Logs: TypeAlias = str | os.PathLike[str] | Mapping[str, str | bytes | Log]
"""Where logs are: a folder, an archive, a Parquet file with the columns ``name`` and ``log``, or the logs
themselves by name."""


class Place(Protocol):
    """Where logs are found by the names that labels give them."""

    def find(self, label: Label) -> Log:
        """The log of a label.

        Raises
        ------
        LabelError
            It is not there.
        """


def find_logs(logs: Logs) -> Place:
    """Open the place of some logs.

    Raises
    ------
    SourceError
        It does not exist or cannot be read.
    """
    if isinstance(logs, Mapping):
        return _Given(logs)
    path = Path(logs)
    if path.is_dir():
        return _Folder(path)
    if path.suffix.lower() == ".parquet":
        return _Table(path)
    return _Packed(path)


class _Folder:
    """Files of a folder, by their paths in it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def find(self, label: Label) -> Log:
        path = self._root / label.name
        if not path.is_file():
            raise _missing(label, str(self._root))
        logs = list(read_logs(path))
        if len(logs) != 1:
            raise LabelError(
                f"{printable(str(path))}, of {label.where}, holds {len(logs)} logs: give the archive as the"
                " place of the logs, and name the log in it."
            )
        return logs[0]


class _Packed:
    """Members of an archive, by their paths in it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._members = {(log.path or "").partition("!")[2]: log for log in read_logs(path)}

    def find(self, label: Label) -> Log:
        log = self._members.get(label.name)
        if log is None:
            raise _missing(label, str(self._path))
        return log


class _Table:
    """Rows of a Parquet table, by their names."""

    def __init__(self, path: Path) -> None:
        name = printable(str(path))
        try:
            table = pq.read_table(path, columns=["name", "log"])
        except (OSError, pa.ArrowInvalid) as error:
            raise SourceError(f"{name} cannot be read as a table ({error}): check the file.") from None
        if {"name", "log"} - set(table.column_names):
            raise SourceError(f"{name} has no columns 'name' and 'log': give it those.")
        self._path = path
        self._logs = table["log"]
        self._rows = {row: index for index, row in enumerate(table["name"].to_pylist())}

    def find(self, label: Label) -> Log:
        row = self._rows.get(label.name)
        if row is None:
            raise _missing(label, str(self._path))
        return _log(self._logs[row].as_py() or b"", label.name)


class _Given:
    """Logs that the caller has."""

    def __init__(self, logs: Mapping[str, str | bytes | Log]) -> None:
        self._logs = logs

    def find(self, label: Label) -> Log:
        if label.name not in self._logs:
            raise _missing(label, "the logs given")
        return _log(self._logs[label.name], label.name)


def _log(value: str | bytes | Log, name: str) -> Log:
    if isinstance(value, Log):
        return value if value.path else replace(value, path=printable(name))
    data = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    return Log(data=to_utf8(data), path=printable(name))


def _missing(label: Label, place: str) -> LabelError:
    where = label.where or "a label"
    return LabelError(
        f"The log {printable(label.name)!r} of {where} is not in {printable(place)}: say where the logs are."
    )
