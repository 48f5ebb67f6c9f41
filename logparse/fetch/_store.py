"""Where an archive's parts lie: a local folder or an object store, behind four methods.

A part appears whole or not at all. Locally it is written under a temporary name, flushed to the disk and
renamed; an object store shows an object only once its single put is over.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
import uuid
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.fs as pafs

from logparse.errors import ArchiveError
from logparse.text import printable

__all__ = ["Store", "is_remote", "open_store"]

_URI = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_TEMPORARY = ".logparse-"
_STALE_SECONDS = 3600.0
"""A temporary file lives for the seconds of one write; one this old was left by a process that died."""


class Store(Protocol):
    """A flat folder of immutable files."""

    def names(self) -> list[str]:
        """List the files that are whole, sorted; empty if the folder does not exist."""

    def open(self, name: str) -> pa.NativeFile:
        """Open a file for reading."""

    def put(self, name: str, data: pa.Buffer) -> None:
        """Write a file, whole or not at all."""

    def label(self, name: str = "") -> str:
        """Return a file's full name, for messages; without a name the folder's."""


def is_remote(path: str | os.PathLike[str]) -> bool:
    """Tell whether `path` is a URI such as ``s3://bucket/prefix``."""
    return isinstance(path, str) and bool(_URI.match(path))


def open_store(path: str | os.PathLike[str], filesystem: pafs.FileSystem | None = None) -> Store:
    """Return the store at a local path or a URI.

    Parameters
    ----------
    filesystem
        What `path` is a path of. Made from `path` unless given.

    Raises
    ------
    ArchiveError
        If the URI's scheme is not one that pyarrow knows.
    """
    if filesystem is not None:
        return _ObjectStore(filesystem, os.fspath(path), os.fspath(path))
    if not is_remote(path):
        return _LocalStore(Path(path).expanduser())
    try:
        filesystem, inner = pafs.FileSystem.from_uri(os.fspath(path))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ArchiveError(
            f"{printable(os.fspath(path))} is no address of an archive: {_first_line(error)}."
        ) from error
    if isinstance(filesystem, pafs.LocalFileSystem):
        return _LocalStore(Path(inner))
    return _ObjectStore(filesystem, inner, os.fspath(path))


class _LocalStore:
    """A folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shown = printable(str(folder))
        self._swept = False

    def names(self) -> list[str]:
        try:
            with os.scandir(self._folder) as entries:
                return sorted(
                    entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file()
                )
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ArchiveError(f"The archive {self._shown} cannot be read: {error.strerror}.") from error

    def open(self, name: str) -> pa.NativeFile:
        # As bytes, since Arrow takes no name that is not UTF-8 as text.
        return pa.OSFile(os.fsencode(self._folder / name), "rb")

    def put(self, name: str, data: pa.Buffer) -> None:
        temporary = self._folder / f"{_TEMPORARY}{uuid.uuid4().hex}.tmp"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            try:
                with temporary.open("xb") as file:
                    file.write(memoryview(data))
                    file.flush()
                    os.fsync(file.fileno())
                temporary.rename(self._folder / name)
            except BaseException:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise
            self._sync_folder()
        except OSError as error:
            raise ArchiveError(
                f"The archive {self._shown} cannot be written: {error.strerror}. What it holds is whole:"
                " mend this, and run again."
            ) from error

    def label(self, name: str = "") -> str:
        return str(self._folder / name)

    def _sync_folder(self) -> None:
        """Make the rename outlive a power cut. Windows has no such call, and needs none."""
        if os.name == "posix":
            descriptor = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _sweep(self) -> None:
        """Remove, once, what writers left that were killed in the middle of a write."""
        if self._swept:
            return
        self._swept = True
        oldest = time.time() - _STALE_SECONDS
        for file in self._folder.glob(f"{_TEMPORARY}*.tmp"):
            # Another process may be sweeping too.
            with contextlib.suppress(OSError):
                if file.stat().st_mtime < oldest:
                    file.unlink()


class _ObjectStore:
    """A prefix of an object store, or any other file system of pyarrow."""

    def __init__(self, filesystem: pafs.FileSystem, prefix: str, label: str) -> None:
        self._filesystem = filesystem
        self._prefix = prefix.rstrip("/")
        self._label = label.rstrip("/")

    def names(self) -> list[str]:
        try:
            found = self._filesystem.get_file_info(pafs.FileSelector(self._prefix, allow_not_found=True))
        except (pa.ArrowException, OSError) as error:
            raise ArchiveError(f"The archive {self._label} cannot be read: {_first_line(error)}.") from error
        return sorted(
            info.base_name
            for info in found
            if info.type == pafs.FileType.File and not info.base_name.startswith(".")
        )

    def open(self, name: str) -> pa.NativeFile:
        return self._filesystem.open_input_file(f"{self._prefix}/{name}")

    def put(self, name: str, data: pa.Buffer) -> None:
        try:
            # On object stores this makes nothing but a marker; on others the folder must be there.
            self._filesystem.create_dir(self._prefix, recursive=True)
            # Compression is detected from a name's ending unless told.
            with self._filesystem.open_output_stream(f"{self._prefix}/{name}", compression=None) as stream:
                stream.write(data)
        except (pa.ArrowException, OSError) as error:
            raise ArchiveError(
                f"The archive {self._label} cannot be written: {_first_line(error)}. What it holds is whole:"
                " mend this, and run again."
            ) from error

    def label(self, name: str = "") -> str:
        return f"{self._label}/{name}" if name else self._label


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")
