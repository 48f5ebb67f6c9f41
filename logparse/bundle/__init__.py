"""``.dockerbuild`` bundles: what ``docker buildx history export`` packs of builds that BuildKit remembers.

A bundle is a tar archive, mostly compressed with gzip, in the layout of an OCI image
(``util/desktop/bundle/export.go`` of docker/buildx)::

    index.json                     the manifest of one build, or an index of several builds' manifests
    blobs/sha256/<digest>          manifests, and what they name:
        config                     the history record, JSON (``application/vnd.buildkit.historyrecord.v0``)
        logs of the record         status messages (``application/vnd.buildkit.status.v0``), each behind its
                                   length in four bytes, little end first (``solver/llbsolver/history.go``)
        externalError              the error that ended the build (``google.rpc.Status``)
        attestations               provenance (``application/vnd.in-toto+json``)
        trace                      OpenTelemetry spans, which say nothing of the build that the rest does not

:func:`read_bundle` makes lines of JSON of that: for each build a line of facts ``{"record":{...}}``, then its
status messages as ``docker buildx history logs --progress=rawjson`` prints them, and if it failed the closing
line that its client printed: ``ERROR: failed to build: failed to solve: ...``.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, cast

from logparse.bundle.record import error_facts, provenance_facts, record_facts
from logparse.bundle.status import json_line, status_line
from logparse.bundle.wire import BrokenMessageError
from logparse.errors import SourceError

__all__ = ["ENDING", "BrokenMessageError", "is_bundle", "json_line", "read_bundle", "status_line"]

ENDING = ".dockerbuild"
"""What names of bundles end in."""

_GZIP = b"\x1f\x8b"
_TAR = b"ustar"
_TAR_AT = 257
_FIRST_NAMES = (b"blobs/", b"./blobs/", b"index.json", b"oci-layout", b"manifest.json")
_HEADER = 512
_MOST = 1 << 29
_LENGTH = 4
_DEEPEST = 4
"""Indexes in indexes that are followed."""

_RECORD = "application/vnd.buildkit.historyrecord.v0"
_PROVENANCE = "https://slsa.dev/provenance/"
_PREDICATE = "in-toto.io/predicate-type"

_DAMAGE = (EOFError, OSError, ValueError, OverflowError, tarfile.TarError, zlib.error)


def is_bundle(data: bytes) -> bool:
    """Whether these bytes begin as a bundle does. An image that was saved begins so too."""
    if data.startswith(_GZIP):
        try:
            data = zlib.decompressobj(wbits=31).decompress(data[: 4 * _HEADER], _HEADER)
        except zlib.error:
            return False
    return data[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR and data.startswith(_FIRST_NAMES)


def read_bundle(data: bytes, path: str = "The bundle", *, limit: int = _MOST) -> bytes:
    """Lines of JSON for the builds in a bundle.

    Parameters
    ----------
    data
        The file.
    path
        Its name, for errors.
    limit
        Bytes that it may unpack to.

    Raises
    ------
    SourceError
        If it is damaged, unpacks to more than `limit`, or holds no build.
    """
    try:
        blobs = _unpack(data, path, limit)
        records = list(_records(_json(blobs.get("index.json", b"")), blobs, set(), 0))
    except _DAMAGE as error:
        words = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise SourceError(f"{path} is damaged or cut short ({words}): export the build anew.") from error
    if not records:
        raise SourceError(
            f"{path} holds no record of a build: give what 'docker buildx history export' wrote, or the log."
        )
    return b"".join(line for manifest, record in records for line in _lines(manifest, record, blobs))


class _Bounded:
    """A stream that may not get too long."""

    def __init__(self, stream: IO[bytes], sentence: str, limit: int) -> None:
        self._stream = stream
        self._sentence = sentence
        self._left = limit

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise SourceError(self._sentence)
        return data


def _unpack(data: bytes, path: str, limit: int) -> dict[str, bytes]:
    """The files of the archive by their names."""
    stream = cast("IO[bytes]", io.BytesIO(data))
    if data.startswith(_GZIP):
        stream = cast("IO[bytes]", gzip.GzipFile(fileobj=stream))
    sentence = f"{path} unpacks to more than {limit} bytes, which no record of a build does: give its log."
    files = {}
    # As a stream: no size that a header claims is believed, and nothing is read twice.
    with tarfile.open(fileobj=cast("IO[bytes]", _Bounded(stream, sentence, limit)), mode="r|") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isreg() else None
            if file is not None:
                files[member.name.removeprefix("./")] = file.read()
    return files


def _records(
    index: dict[str, Any], blobs: dict[str, bytes], seen: set[str], depth: int
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The manifests of builds below an index, each with its history record."""
    for descriptor in _objects(index.get("manifests")):
        digest = str(descriptor.get("digest"))
        if digest in seen:
            continue
        seen.add(digest)
        manifest = _json(_blob(descriptor, blobs))
        config = manifest.get("config")
        if isinstance(config, dict) and config.get("mediaType") == _RECORD:
            yield manifest, _json(_blob(config, blobs))
        elif depth < _DEEPEST:
            yield from _records(manifest, blobs, seen, depth + 1)


def _lines(manifest: dict[str, Any], record: dict[str, Any], blobs: dict[str, bytes]) -> Iterator[bytes]:
    """The facts of one build, and its status messages."""
    facts = record_facts(record)
    error = error_facts(_blob(record.get("externalError"), blobs))
    if error:
        facts["error"] = {**facts.get("error", {}), **error}
    for layer in _objects(manifest.get("layers")):
        notes = layer.get("annotations")
        if isinstance(notes, dict) and str(notes.get(_PREDICATE, "")).startswith(_PROVENANCE):
            # One a platform: what they have in common is there twice.
            for key, value in provenance_facts(_json(_blob(layer, blobs))).items():
                facts[key] = _merged(facts.get(key), value)
    messages = list(_messages(_blob(record.get("logs"), blobs)))
    if None in messages:
        facts["unreadable"] = messages.count(None)
    yield json_line({"record": facts})
    yield from filter(None, messages)
    words = facts.get("error", {}).get("message")
    if isinstance(words, str):
        closing = "ERROR: failed to build: failed to solve: " + " ".join(words.split("\n"))
        yield closing.encode("utf-8", "replace") + b"\n"


def _messages(log: bytes) -> Iterator[bytes | None]:
    """Status messages as lines of JSON, ``None`` for one that cannot be read."""
    position = 0
    while position < len(log):
        start = position + _LENGTH
        end = start + int.from_bytes(log[position:start], "little")
        try:
            yield status_line(log[start:end]) if end <= len(log) else None
        except BrokenMessageError:
            yield None
        position = end


def _merged(before: Any, value: Any) -> Any:
    if isinstance(before, dict):
        return {**before, **value}
    if isinstance(before, list):
        return [*before, *(each for each in value if each not in before)]
    return value


def _blob(descriptor: Any, blobs: dict[str, bytes]) -> bytes:
    """What a descriptor names; nothing if it is not there."""
    digest = str(descriptor.get("digest", "")) if isinstance(descriptor, dict) else ""
    return blobs.get("blobs/" + digest.replace(":", "/", 1), b"")


def _json(data: bytes) -> dict[str, Any]:
    """An object; an empty one for what is none, such as a blob that is not there."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
