"""Read logs from whatever a user has: :func:`read_logs`.

What a path means:

==================== ==================================================================================
``-``                standard input, one log; unpacked if it begins as compressed data does
a file               one log, whatever its name; unpacked if its ending says so (below)
a folder             a recorded cluster or a raw archive, if it is one; else every log in it, by path
a pattern            ``*``, ``?``, ``[...]`` and ``**``: each file that matches, whatever its name
``scheme://...``     a raw archive in an object store
==================== ==================================================================================

Unpacked are ``.gz``, ``.bz2``, ``.xz``, ``.zst``, ``.zip``, ``.tar`` and its compressed forms
(``.tar.gz``, ``.tgz``, ...). A member of an archive is named ``archive.zip!member``.

A ``.dockerbuild`` bundle, as ``docker buildx history export`` writes it, is one log of all builds in it: the
lines of JSON that :func:`logparse.bundle.read_bundle` makes of it.

In a folder or an archive, these are logs: names that end in ``.log``, ``.txt`` or ``.out``, with a number
behind it (``build.log.1``) or not, in ``.jsonl`` or ``.ndjson``, bundles, and names without an ending whose
first bytes are text. In a folder, archives are opened too; an archive in an archive is not, but a member that
is only compressed is. Hidden files and folders are never looked at. Whatever is passed over is told.

A log that begins with the byte order mark of UTF-16, as a capture by PowerShell does, is decoded, and its
bytes are then the text's in UTF-8; the mark of UTF-8 is taken off. Lines, offsets and digests are those of
the bytes after that. What is no valid UTF-16 for all its mark is kept as it is, and so are the logs of
recorded clusters and raw archives, since those are what an API gave.

Paths in logs, skips and errors are for reading: bytes of a name that are no UTF-8 show as U+FFFD in them.
"""

from __future__ import annotations

import glob
import io
import logging
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Literal, NamedTuple

from logparse.bundle import is_bundle, read_bundle
from logparse.errors import SourceError
from logparse.fetch._store import is_remote
from logparse.fetch._unpack import Limits, Member, archive_kind, is_packed, unpack
from logparse.fetch.archive import Archive, is_archive
from logparse.fetch.cluster import (
    RecordedAlgorithm,
    RecordedCluster,
    is_recorded_algorithm,
    is_recorded_cluster,
)
from logparse.model import Log
from logparse.text import printable, to_utf8

__all__ = ["Limits", "Skip", "read_logs"]

_LOG_NAME = re.compile(r"\.(?:(?:log|txt|out)(?:\.\d+)?|jsonl|ndjson|dockerbuild)$", re.IGNORECASE)
_PATTERN = re.compile(r"[*?\[]")
_SNIFF_BYTES = 8192

# How compressed data begins: standard input has no name that would tell.
_MAGIC = {
    b"\x1f\x8b": ".gz",
    b"\xfd7zXZ\0": ".xz",
    b"\x28\xb5\x2f\xfd": ".zst",
    b"BZh": ".bz2",
}

_logger = logging.getLogger(__name__)


class Skip(NamedTuple):
    """A file that was passed over.

    Parameters
    ----------
    path
        The file, or the member of an archive, printable.
    reason
        A sentence.
    kind
        ``"other"``: no log by its name or its first bytes. ``"damaged"``: it would be one, but it cannot
        be read.
    """

    path: str
    reason: str
    kind: Literal["other", "damaged"]


def read_logs(
    path: str | os.PathLike[str],
    *,
    on_skip: Callable[[Skip], object] | None = None,
    limits: Limits | None = None,
) -> Iterator[Log]:
    """Read the logs at a path, one at a time.

    Parameters
    ----------
    path
        See above.
    on_skip
        Is told of each file that is passed over. Without it, a file that is damaged ends the reading with
        its error, and the number of the others goes to this module's log, with each of them at debug
        level. With it, a damaged file among several is one more that is passed over.
    limits
        How much is unpacked.

    Yields
    ------
    Log
        In the order of the paths. UTF-16 is decoded to UTF-8, and byte order marks are taken off.

    Raises
    ------
    SourceError
        If there is no such path, it cannot be read or is damaged, or no log is in it.
    ArchiveError
        If a raw archive cannot be read.

    Examples
    --------
    >>> for log in read_logs("logs.tar.gz"):  # doctest: +SKIP
    ...     print(log.path, len(log.data))
    """
    reader = _Reader(on_skip, limits or Limits())
    found = False
    for log in reader.read(os.fspath(path)):
        found = True
        yield log
    reader.conclude(os.fspath(path), found=found)


class _Reader:
    """One call of :func:`read_logs`."""

    def __init__(self, on_skip: Callable[[Skip], object] | None, limits: Limits) -> None:
        self._on_skip = on_skip
        self._limits = limits
        self._skipped = 0
        self._damaged = 0
        self._first_damage = ""

    def read(self, path: str) -> Iterator[Log]:
        """Find out what `path` is, and read it."""
        if path == "-":
            yield from self._read_stdin()
            return
        if is_remote(path):
            yield from Archive(path).logs()
            return
        try:
            mode = os.stat(path).st_mode  # noqa: PTH116 - one call tells a file, a folder and an error apart
        except OSError as error:
            if isinstance(error, FileNotFoundError) and _PATTERN.search(path):
                yield from self._read_pattern(path)
                return
            raise _unreadable(path, error) from error
        except ValueError as error:
            raise SourceError(f"{printable(path)!r} can be no path: {error}.") from error
        if not stat.S_ISDIR(mode):
            yield from self._read_file(path)
        elif is_recorded_cluster(path):
            yield from RecordedCluster(path).logs()
        elif is_recorded_algorithm(path):
            # Its owner and name are in the path, unless that is as short as ".".
            folder = Path(path) if len(Path(path).parts) > 1 else Path(path).resolve()
            yield from RecordedAlgorithm(folder).logs()
        elif is_archive(path):
            yield from Archive(path).logs()
            self._tell_strangers(path)
        else:
            yield from self._read_folder(path)

    def conclude(self, path: str, *, found: bool) -> None:
        """Say what was passed over, and that nothing was found."""
        path = printable(path)
        if not found and self._damaged:
            more = self._damaged - 1
            rest = f" ({more} more {'is' if more == 1 else 'are'} damaged)" if more else ""
            raise SourceError(f"No log in {path} can be read{rest}: {self._first_damage}")
        if not found:
            be = "file is" if self._skipped == 1 else "files are"
            others = f" ({self._skipped} other {be} there)" if self._skipped else ""
            raise SourceError(
                f"There is no log in {path}{others}: name a file or a pattern, or give the logs names that"
                " end in .log, .txt, .out or .jsonl."
            )
        if self._skipped and self._on_skip is None:
            _logger.info(
                "%d files in %s are no logs by their names, and were passed over.", self._skipped, path
            )

    def _read_stdin(self) -> Iterator[Log]:
        data = _read_stdin()
        if is_bundle(data):
            yield self._log(data, "-")
            return
        ending = next((ending for magic, ending in _MAGIC.items() if data.startswith(magic)), None)
        if ending is None:
            yield self._log(data, "-")
            return
        for member in unpack(io.BytesIO(data), f"-{ending}", self._limits):
            yield self._log(member.read(), "-")

    def _tell_strangers(self, archive: str) -> None:
        """Tell of logs that lie in the folder of a raw archive, and are no part of it."""
        for file in self._walk(archive):
            if not file.endswith(".parquet") and _may_be_log(os.path.basename(file)):  # noqa: PTH119
                self._skip_other(file, "It lies in a raw archive, and is no part of it.")

    def _read_pattern(self, pattern: str) -> Iterator[Log]:
        matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - it may be absolute
        files = [match for match in matches if not os.path.isdir(match)]  # noqa: PTH112
        if not files:
            raise SourceError(
                f"No file matches {printable(pattern)}: check the pattern, and quote it from the shell."
            )
        for file in files:
            yield from self._guarded(file, self._read_file(file))

    def _read_folder(self, folder: str) -> Iterator[Log]:
        for file in self._walk(folder):
            name = os.path.basename(file)  # noqa: PTH119
            try:
                regular = stat.S_ISREG(os.stat(file).st_mode)  # noqa: PTH116
            except OSError as error:
                self._skip_damaged(file, _unreadable(file, error))
                continue
            if not regular:
                self._skip_other(file, "It is no regular file.")
            elif is_packed(name):
                yield from self._guarded(file, self._read_file(file))
            elif not _may_be_log(name):
                self._skip_other(file, "Its name is not a log's.")
            else:
                yield from self._guarded(file, self._read_text(file, name))

    def _walk(self, folder: str) -> Iterator[str]:
        """Yield the files below a folder, sorted, but none that is hidden."""

        def failed(error: OSError) -> None:
            self._skip_damaged(str(error.filename), _unreadable(str(error.filename), error))

        for parent, folders, files in os.walk(folder, onerror=failed):
            for name in sorted((*folders, *files)):
                if name.startswith("."):
                    self._skip_other(os.path.join(parent, name), "It is hidden.")  # noqa: PTH118
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield from (os.path.join(parent, name) for name in sorted(files) if not name.startswith("."))  # noqa: PTH118

    def _read_text(self, file: str, name: str) -> Iterator[Log]:
        data = _read_bytes(file)
        if _LOG_NAME.search(name) or _is_text(data):
            yield self._log(data, file)
        else:
            self._skip_other(file, "It is not text.")

    def _read_file(self, file: str) -> Iterator[Log]:
        """Read a file that is meant, be its name as it may."""
        if file.lower().endswith(".parquet"):
            raise SourceError(
                f"{printable(file)} is a table, not a log: give the folder of the raw archive it is part of."
            )
        kind = archive_kind(file)
        if kind is None:
            yield self._log(_read_bytes(file), file)
            return
        with _open(file) as stream:
            for member in unpack(stream, printable(file), self._limits):
                if kind == "single":
                    yield self._log(member.read(), member.path)
                else:
                    yield from self._guarded(member.path, self._read_member(member))

    def _read_member(self, member: Member) -> Iterator[Log]:
        parts = PurePosixPath(member.name).parts
        name = parts[-1] if parts else ""
        if any(part.startswith(".") and part not in {".", ".."} for part in parts):
            self._skip_other(member.path, "It is hidden.")
        elif not _may_be_log(name):
            self._skip_other(member.path, "Its name is not a log's.")
        else:
            data = member.read()
            if _LOG_NAME.search(name) or _is_text(data):
                yield self._log(data, member.path)
            else:
                self._skip_other(member.path, "It is not text.")

    def _log(self, data: bytes, path: str) -> Log:
        path = printable(path)
        if is_bundle(data):
            return Log(data=read_bundle(data, path, limit=self._limits.log_bytes), path=path)
        return Log(data=to_utf8(data), path=path)

    def _guarded(self, path: str, logs: Iterator[Log]) -> Iterator[Log]:
        """Read one of several files: damage to it is told, if somebody listens, and not raised."""
        try:
            yield from logs
        except SourceError as error:
            self._skip_damaged(path, error)

    def _skip_other(self, path: str, reason: str) -> None:
        path = printable(path)
        self._skipped += 1
        _logger.debug("%s was passed over: %s", path, reason)
        if self._on_skip is not None:
            self._on_skip(Skip(path, reason, "other"))

    def _skip_damaged(self, path: str, error: SourceError) -> None:
        if self._on_skip is None:
            raise error
        self._skipped += 1
        self._damaged += 1
        self._first_damage = self._first_damage or str(error)
        self._on_skip(Skip(printable(path), str(error), "damaged"))


def _may_be_log(name: str) -> bool:
    return bool(_LOG_NAME.search(name)) or "." not in name


def _is_text(data: bytes) -> bool:
    """Tell text from what a program would read. UTF-16 has zero bytes, but says so with its first two."""
    head = data[:_SNIFF_BYTES]
    return head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" not in head


def _open(file: str) -> IO[bytes]:
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise _unreadable(file, error) from error


def _read_bytes(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from error


def _read_stdin() -> bytes:
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise _unreadable("standard input", error) from error


def _unreadable(path: str, error: OSError) -> SourceError:
    path = printable(path)
    if isinstance(error, FileNotFoundError):
        return SourceError(f"{path} does not exist: check the path.")
    if isinstance(error, PermissionError):
        return SourceError(
            f"{path} may not be read by this user: change its permissions, or read it as another."
        )
    return SourceError(f"{path} cannot be read: {error.strerror or error}.")
