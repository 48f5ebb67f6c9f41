"""The format of OpenTelemetry's collectors: traces as OTLP's JSON.

An ``ExportTraceServiceRequest`` (``opentelemetry/proto/collector/trace/v1/trace_service.proto``) in the JSON
encoding of the `OTLP specification <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>`_: ids
are hexadecimal, numbers of 64 bits are strings, names are in lowerCamelCase, enums are integers.

A build is a trace. Its root is the build, below it are its steps, below these pulls and their layers. Ids
follow from the build's key, so that a build that is sent twice is the same trace. A failed step has the
status of an error. Where nothing tells when a build began, it began in 1970, and ``logparse.clock`` is
``"none"``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import logparse
from logparse.report.trace.bars import Bar, Timeline

__all__ = ["pieces"]

_text = partial(json.dumps, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

_BILLION = 10**9
_INTERNAL = 1
"""``SPAN_KIND_INTERNAL``."""
_ERROR = 2
"""``STATUS_CODE_ERROR``."""
_TRACE, _SPAN = 16, 8
"""Bytes of ids."""


def pieces(builds: Iterable[Timeline]) -> Iterator[str]:
    """Give the document piece by piece, all in one line.

    Parameters
    ----------
    builds
        Read one by one and not kept.
    """
    comma = ""
    scope = {"name": "logparse", "version": logparse.__version__}
    yield '{"resourceSpans":['
    for build in builds:
        resource = {"service.name": build.image or "docker build", "container.image.name": build.image}
        made = {
            "resource": {"attributes": _attributes(resource)},
            "scopeSpans": [{"scope": scope, "spans": _spans(build)}],
        }
        yield comma + _text(made)
        comma = ","
    yield "]}\n"


def _spans(build: Timeline) -> list[dict[str, Any]]:
    trace = _id(build.key, "trace", _TRACE)
    root = _id(build.key, "build", _SPAN)
    began = build.began or 0
    untimed = [f"{part.number or ''} {part.name}: {part.reason}".strip() for part in build.untimed]
    about = {**build.about, "clock": build.clock or "none", "untimed": untimed or None}
    made = [
        {
            "traceId": trace,
            "spanId": root,
            "name": build.image or build.name,
            "kind": _INTERNAL,
            "startTimeUnixNano": str(began),
            "endTimeUnixNano": str(began + _nanoseconds(build.seconds or 0.0)),
            "attributes": _own(about),
            **_status(build.failure),
        }
    ]
    events: list[dict[str, Any]] = []

    def add(bar: Bar, parent: str) -> None:
        at = str(began + _nanoseconds(bar.start))
        if bar.seconds is None:
            events.append({"timeUnixNano": at, "name": bar.name, "attributes": _own(bar.about)})
            return
        span = _id(build.key, bar.path, _SPAN)
        made.append(
            {
                "traceId": trace,
                "spanId": span,
                "parentSpanId": parent,
                "name": bar.name,
                "kind": _INTERNAL,
                "startTimeUnixNano": at,
                "endTimeUnixNano": str(began + _nanoseconds(bar.end)),
                "attributes": _attributes({"container.image.name": bar.about.get("image")}) + _own(bar.about),
                **_status(bar.failure),
            }
        )
        for part in bar.parts:
            add(part, span)

    for bar in build.bars:
        add(bar, root)
    if events:
        made[0]["events"] = events
    return made


def _id(key: str, path: str, size: int) -> str:
    """An id of some bytes that follows from a build's key and a place in its trace."""
    return hashlib.sha256(f"{key}\0{path}".encode("utf-8", "surrogatepass")).digest()[:size].hex()


def _nanoseconds(seconds: float) -> int:
    return round(seconds * _BILLION)


def _status(failure: str | None) -> dict[str, Any]:
    return {} if failure is None else {"status": {"code": _ERROR, "message": failure}}


def _own(about: dict[str, Any]) -> list[dict[str, Any]]:
    """Attributes that no convention of OpenTelemetry's has a name for."""
    return _attributes({f"logparse.{name}": value for name, value in about.items()})


def _attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in values.items() if value is not None]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list | tuple):
        return {"arrayValue": {"values": [_value(each) for each in value]}}
    return {"stringValue": str(value)}
