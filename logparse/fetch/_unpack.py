"""Read logs out of archives and compressed files, a member at a time and never more than a bound.

Nothing is extracted to disk, so a member's path can do no harm; what can is its size, which
:class:`Limits` bounds as bytes come out of the decompressor, whatever the archive claims. What a tar says
of a member (long names, extended attributes, a sparse file's map) is held in memory, so it has a bound of
its own.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, NamedTuple, Self, cast

import pyarrow as pa

from logparse.errors import SourceError
from logparse.text import printable

__all__ = ["Limits", "Member", "archive_kind", "is_packed", "unpack"]

_CHUNK_BYTES = 1 << 20
# What a tar may say of one member, in all the records before it: paths end at 4 KiB, attributes at 64 KiB.
_HEADER_BYTES = 1 << 20

# What a stream that is damaged or cut short raises, by any of the modules in use here.
_DAMAGE = (
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    lzma.LZMAError,
    pa.ArrowException,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)

_TAR = re.compile(r"\.(?:tar(?:\.(?P<long>gz|bz2|xz|zst))?|t(?P<short>gz|bz2?|xz|zst))$", re.IGNORECASE)
_SINGLE = re.compile(r"\.(?P<codec>gz|bz2|xz|zst)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is unpacked at most.

    Parameters
    ----------
    log_bytes
        Of one log, decompressed.
    archive_bytes
        Of all that one archive decompresses to, members that are passed over included, and what members
        that are compressed themselves decompress to.
    """

    log_bytes: int = 512 << 20
    archive_bytes: int = 32 << 30


class Member(NamedTuple):
    """One file of an archive.

    Parameters
    ----------
    path
        ``archive.zip!folder/member.log``; the file's own path for a file that is only compressed. Names in
        an archive that are no UTF-8 are made printable.
    name
        The name that tells what kind of file it is, without the ending of its compression.
    read
        Reads it. Must be called before the next member is asked for, if at all.
    """

    path: str
    name: str
    read: Callable[[], bytes]


def archive_kind(name: str) -> str | None:
    """Return ``"zip"``, ``"tar"``, ``"single"`` (one compressed file), or ``None`` by a file's ending."""
    if name.lower().endswith(".zip"):
        return "zip"
    if _TAR.search(name):
        return "tar"
    return "single" if _SINGLE.search(name) else None


def is_packed(name: str) -> bool:
    """Tell whether a file of this name can be unpacked."""
    return archive_kind(name) is not None


def unpack(file: IO[bytes], path: str, limits: Limits) -> Iterator[Member]:
    """Go through the files in an archive, in its order.

    Parameters
    ----------
    file
        Open for reading; a zip must be seekable.
    path
        Its name, by whose ending it is opened.

    Raises
    ------
    SourceError
        If it is damaged, encrypted, or larger than the limits. A member's own damage is raised by
        :attr:`Member.read`.
    """
    kind = archive_kind(path)
    with _damage(path):
        if kind == "zip":
            yield from _unzip(file, path, limits)
        elif kind == "tar":
            yield from _untar(file, path, limits)
        else:
            yield _packed_member(file, path, path, limits)


def _unzip(file: IO[bytes], path: str, limits: Limits) -> Iterator[Member]:
    budget = _Budget(path, limits.archive_bytes)
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            name = printable(info.filename)
            inner = f"{path}!{name}"
            if info.flag_bits & 1:
                yield _refused(inner, name, f"{inner} is encrypted: decrypt the archive first.")
                continue

            def opened(info: zipfile.ZipInfo = info) -> IO[bytes]:
                return cast("IO[bytes]", _Counted(archive.open(info), budget))

            yield _member(opened, inner, name, limits, budget)


def _untar(file: IO[bytes], path: str, limits: Limits) -> Iterator[Member]:
    match = _TAR.search(path)
    codec = ((match["long"] or match["short"] or "") if match else "").lower()
    plain = _decompressor(codec)(file) if codec else file
    budget = _Budget(path, limits.archive_bytes)
    counted = _Counted(plain, budget)
    # As a stream: it is read once from front to back, compressed or not.
    with (
        contextlib.closing(plain) if codec else contextlib.nullcontext(),
        tarfile.open(
            fileobj=cast("IO[bytes]", counted), mode="r|", tarinfo=_bounded_headers(counted, path)
        ) as archive,
    ):
        while (info := archive.next()) is not None:
            # Kept by tarfile for a later look, which nobody takes: millions of members would fill the memory,
            # and so would what is said of all of them.
            archive.members = []  # type: ignore[attr-defined]  # public, though only its source says so
            archive.pax_headers = {}
            if info.isdir():
                continue
            name = printable(info.name)
            inner = f"{path}!{name}"
            if not info.isreg():
                yield _refused(inner, name, f"{inner} is a link or a device, not a log.")
                continue

            def opened(info: tarfile.TarInfo = info) -> IO[bytes]:
                return cast("IO[bytes]", archive.extractfile(info))

            yield _member(opened, inner, name, limits, budget)


def _bounded_headers(stream: _Counted, path: str) -> type[tarfile.TarInfo]:
    """Return a class that reads the headers of a tar, as tarfile does, but no more of them than is sane."""

    class Bounded(tarfile.TarInfo):
        @classmethod
        def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
            # Reads one header, and by way of itself all that belong to the same member.
            with stream.bounded(
                _HEADER_BYTES,
                f"{path} says more than {_HEADER_BYTES} bytes of one member before its contents, which no"
                " archive of logs does: unpack it yourself if it is meant.",
            ):
                return super().fromtarfile(archive)

    return Bounded


def _member(opened: Callable[[], IO[bytes]], path: str, name: str, limits: Limits, budget: _Budget) -> Member:
    """Make a member, which may be a single compressed file itself."""
    if archive_kind(name) == "single":

        def read_packed() -> bytes:
            with _damage(path), opened() as stream:
                return _packed_member(stream, path, name, limits, budget).read()

        return Member(path, _SINGLE.sub("", name), read_packed)

    def read() -> bytes:
        with _damage(path), opened() as stream:
            return _read_bounded(stream, path, limits.log_bytes)

    return Member(path, name, read)


def _packed_member(
    file: IO[bytes], path: str, name: str, limits: Limits, budget: _Budget | None = None
) -> Member:
    match = _SINGLE.search(name)
    decompress = _decompressor(match["codec"].lower() if match else "")

    def read() -> bytes:
        with _damage(path), decompress(file) as stream:
            return _read_bounded(_Counted(stream, budget) if budget else stream, path, limits.log_bytes)

    return Member(path, _SINGLE.sub("", name), read)


def _refused(path: str, name: str, sentence: str) -> Member:
    def read() -> bytes:
        raise SourceError(sentence)

    return Member(path, name, read)


def _decompressor(codec: str) -> Callable[[IO[bytes]], Any]:
    openers: dict[str, Callable[[Any], Any]] = {
        "gz": lambda file: gzip.GzipFile(fileobj=file, mode="rb"),
        "bz2": bz2.BZ2File,
        "bz": bz2.BZ2File,
        "xz": lzma.LZMAFile,
        # Of Arrow, which is there anyway: Python has its own from 3.14 on.
        "zst": lambda file: pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd"),
    }
    return openers[codec]


def _read_bounded(stream: Any, path: str, limit: int) -> bytes:
    chunks = []
    size = 0
    while chunk := stream.read(_CHUNK_BYTES):
        size += len(chunk)
        if size > limit:
            raise SourceError(
                f"{path} unpacks to more than {limit} bytes, which no build log is: unpack it yourself if"
                " it is meant."
            )
        chunks.append(chunk)
    return b"".join(chunks)


class _Budget:
    """What an archive may still unpack to."""

    def __init__(self, path: str, limit: int) -> None:
        self._path = path
        self._limit = limit
        self._left = limit

    def spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise SourceError(
                f"{self._path} unpacks to more than {self._limit} bytes in all: unpack it yourself if it is"
                " meant."
            )


class _Counted:
    """A stream that is paid for from a budget."""

    def __init__(self, stream: Any, budget: _Budget) -> None:
        self._stream = stream
        self._budget = budget
        self._bound: int | None = None
        self._sentence = ""

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(size)
        self._budget.spend(len(data))
        if self._bound is not None:
            self._bound -= len(data)
            if self._bound < 0:
                raise SourceError(self._sentence)
        return data

    @contextlib.contextmanager
    def bounded(self, limit: int, sentence: str) -> Iterator[None]:
        """Let no more than `limit` bytes be read meanwhile. Inside another such bound, that one holds."""
        if self._bound is not None:
            yield
            return
        self._bound, self._sentence = limit, sentence
        try:
            yield
        finally:
            self._bound = None

    @property
    def closed(self) -> bool:
        """Whether it is; Arrow asks before it reads."""
        return bool(self._stream.closed)

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


@contextlib.contextmanager
def _damage(path: str) -> Iterator[None]:
    """Turn what a damaged archive raises into one sentence."""
    try:
        yield
    except RuntimeError as error:
        # zipfile's word for a password; a generator's end must not be taken for one.
        raise SourceError(f"{path} cannot be unpacked: {error}.") from error
    except _DAMAGE as error:
        words = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise SourceError(
            f"{path} is damaged or cut short ({words}): get it anew, or unpack what is left of it yourself."
        ) from error
