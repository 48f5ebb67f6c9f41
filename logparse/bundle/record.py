"""What a bundle's history record, provenance and error say about a build, as plain facts.

The record is ``BuildHistoryRecord`` of ``api/services/control/control.proto`` in moby/buildkit, written as
JSON by ``util/desktop/bundle/export.go`` of docker/buildx; build arguments are in its ``FrontendAttrs`` as
``build-arg:NAME``. The provenance is SLSA's (0.2 or 1), with BuildKit's own metadata: where in the Dockerfile
each vertex comes from. The external error is a ``google.rpc.Status`` whose details name the failing vertex,
its lines and its exit code (``solver/errdefs``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from logparse.bundle.wire import BrokenMessageError, Field, Schema, decode, instant, number, text

__all__ = ["error_facts", "provenance_facts", "record_facts"]

_ARGUMENT = "build-arg:"
_LONG = 4096
"""Characters of a value that are kept at most: whole configurations of images are of no use here."""

_STATUS: Schema = {
    1: Field("code", number),
    2: Field("message", text),
    3: Field("details", {1: Field("type", text), 2: Field("value", text)}, repeated=True),
}
_METADATA = "https://mobyproject.org/buildkit@v1#metadata"


def record_facts(record: Mapping[str, Any]) -> dict[str, Any]:
    """Read a history record."""
    attributes = _strings(record.get("FrontendAttrs"))
    arguments = {
        key.removeprefix(_ARGUMENT): value for key, value in attributes.items() if key.startswith(_ARGUMENT)
    }
    others = {key: value for key, value in attributes.items() if not key.startswith(_ARGUMENT)}
    local = record.get("localState")
    error = record.get("error")
    facts = {
        "ref": record.get("Ref"),
        "frontend": record.get("Frontend"),
        "created": _time(record.get("CreatedAt")),
        "completed": _time(record.get("CompletedAt")),
        "error": _message(error) if isinstance(error, dict) else None,
        "build_args": arguments,
        "attributes": others,
        "target": others.get("target"),
        "platform": others.get("platform") or record.get("DefaultPlatform"),
        "local": _strings(local),
        "response": _strings(record.get("ExporterResponse")),
    }
    return {key: value for key, value in facts.items() if value}


def provenance_facts(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Read a provenance attestation, or the statement around one."""
    predicate = _object(provenance, "predicate") or provenance
    definition = _object(predicate, "buildDefinition")  # SLSA 1
    config = _object(predicate, "buildConfig") or _object(
        _object(definition, "internalParameters"), "buildConfig"
    )
    metadata = _object(_object(predicate, "metadata"), _METADATA) or _object(
        _object(_object(predicate, "runDetails"), "metadata"), "buildkit_metadata"
    )
    materials = _list(predicate, "materials") or _list(definition, "resolvedDependencies")
    source = _object(metadata, "source")
    facts = {
        "materials": [
            {"uri": uri, "digest": _strings(each.get("digest"))}
            for each in materials
            if isinstance(each, dict) and isinstance(uri := each.get("uri"), str) and len(uri) <= _LONG
        ],
        "locations": _locations(_object(source, "locations"), _object(config, "digestMapping")),
        "sources": _sources(_list(source, "infos")),
    }
    return {key: value for key, value in facts.items() if value}


def error_facts(message: bytes) -> dict[str, Any]:
    """Read the error that ended a build: its words, the failing vertex and its exit code."""
    try:
        status = decode(message, _STATUS)
    except BrokenMessageError:
        return {}
    error: dict[str, Any] = {}
    for detail in status.get("details", []):
        kind = detail.get("type", "").rpartition("/")[2]
        value = _json(detail.get("value", ""))
        if kind == "errdefs.Vertex+json":
            error["vertex"] = value.get("digest")
        elif kind == "gatewayapi.ExitMessage+json":
            error["exit_code"] = value.get("Code")
        elif kind == "errdefs.Source+json":
            lines = _ranges([value])
            error["lines"] = list(lines[0]) if lines else None
    return {key: value for key, value in error.items() if value is not None}


def _locations(locations: Mapping[str, Any], digests: Mapping[str, Any]) -> dict[str, list[list[int]]]:
    """Lines of the Dockerfile by the digests of vertices, which provenance calls ``step0``, ``step1``, ..."""
    found: dict[str, list[list[int]]] = {}
    for digest, step in digests.items():
        place = locations.get(step) if isinstance(step, str) else None
        lines = _ranges(_list(place, "locations")) if isinstance(place, dict) else []
        if lines:
            found[digest] = lines
    return found


def _ranges(places: list[Any]) -> list[list[int]]:
    """First and last lines, one pair a place, in the order of the file."""
    pairs = set()
    for place in places:
        lines = [
            line
            for each in (_list(place, "ranges") if isinstance(place, dict) else [])
            for edge in ("start", "end")
            if isinstance(line := _object(each if isinstance(each, dict) else {}, edge).get("line"), int)
        ]
        if lines:
            pairs.add((min(lines), max(lines)))
    return [list(pair) for pair in sorted(pairs)]


def _sources(infos: list[Any]) -> list[dict[str, str]]:
    """Names and contents (in base64) of the Dockerfiles."""
    return [
        {key: str(info[key]) for key in ("filename", "language", "data") if info.get(key)}
        for info in infos
        if isinstance(info, dict)
    ]


def _time(stamp: Any) -> str | None:
    """A time, which Go writes as the structure that it is."""
    if isinstance(stamp, str):
        return stamp
    if not isinstance(stamp, dict):
        return None
    seconds, nanos = stamp.get("seconds", 0), stamp.get("nanos", 0)
    return instant(seconds, nanos) if isinstance(seconds, int) and isinstance(nanos, int) else None


def _message(error: Mapping[str, Any]) -> dict[str, Any]:
    return {key: error[key] for key in ("code", "message") if isinstance(error.get(key), int | str)}


def _strings(value: Any) -> dict[str, str]:
    """The entries of an object that are short strings."""
    if not isinstance(value, dict):
        return {}
    return {key: each for key, each in value.items() if isinstance(each, str) and len(each) <= _LONG}


def _object(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _list(value: Mapping[str, Any], key: str) -> list[Any]:
    found = value.get(key)
    return found if isinstance(found, list) else []


def _json(value: str) -> dict[str, Any]:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
