r"""BuildKit's status messages as lines of JSON: what ``--progress=rawjson`` prints of them.

The messages are ``StatusResponse`` of ``api/services/control/control.proto`` in moby/buildkit (with
``SourceInfo``, ``Range`` and ``ProgressGroup`` of ``solver/pb/ops.proto``), the lines ``SolveStatus`` of
``client/graph.go``, as ``client/status.go`` turns one into the other and Go's ``encoding/json`` writes it:
keys in the order of the structure, empty values left out, ``<``, ``>`` and ``&`` as ``\u003c`` and the like.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from logparse.bundle.wire import Field, Schema, decode, encoded, flag, moment, number, text

__all__ = ["json_line", "status_line"]

_EPOCH = "1970-01-01T00:00:00Z"
"""What a time is that was not set."""

_POSITION: Schema = {1: Field("line", number), 2: Field("character", number)}
_SOURCE: Schema = {1: Field("filename", text), 2: Field("data", encoded), 4: Field("language", text)}
_RANGE: Schema = {1: Field("start", _POSITION), 2: Field("end", _POSITION)}
_GROUP: Schema = {1: Field("id", text), 2: Field("name", text), 3: Field("weak", flag)}

_VERTEX: Schema = {
    1: Field("digest", text),
    2: Field("inputs", text, repeated=True),
    3: Field("name", text),
    5: Field("started", moment),
    6: Field("completed", moment),
    4: Field("cached", flag),
    7: Field("error", text),
    8: Field("progressGroup", _GROUP),
}
_STATUS: Schema = {
    1: Field("id", text),
    2: Field("vertex", text),
    3: Field("name", text),
    5: Field("total", number),
    4: Field("current", number),
    6: Field("timestamp", moment),
    7: Field("started", moment),
    8: Field("completed", moment),
}
_LOG: Schema = {
    1: Field("vertex", text),
    3: Field("stream", number),
    4: Field("data", encoded),
    2: Field("timestamp", moment),
}
_WARNING: Schema = {
    1: Field("vertex", text),
    2: Field("level", number),
    3: Field("short", encoded),
    4: Field("detail", encoded, repeated=True),
    5: Field("url", text),
    6: Field("sourceInfo", _SOURCE),
    7: Field("range", _RANGE, repeated=True),
}
_RESPONSE: Schema = {
    1: Field("vertexes", _VERTEX, repeated=True),
    2: Field("statuses", _STATUS, repeated=True),
    3: Field("logs", _LOG, repeated=True),
    4: Field("warnings", _WARNING, repeated=True),
}

_ALWAYS: dict[int, dict[str, Any]] = {
    id(_STATUS): {"id": "", "current": 0, "timestamp": _EPOCH},
    id(_LOG): {"data": None, "timestamp": _EPOCH},
}
"""Values that are written even where they are empty."""

_ESCAPES = str.maketrans(
    {"<": r"\u003c", ">": r"\u003e", "&": r"\u0026", "\u2028": r"\u2028", "\u2029": r"\u2029"}
)


def status_line(message: bytes) -> bytes:
    """One status message as one line of JSON.

    Raises
    ------
    BrokenMessageError
        The bytes are no such message.
    """
    return json_line(_ordered(decode(message, _RESPONSE), _RESPONSE))


def json_line(value: Mapping[str, Any]) -> bytes:
    """An object on one line, as Go's ``encoding/json`` writes it."""
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPES)
    return line.encode("utf-8", "replace") + b"\n"


def _ordered(found: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """What was found in the order of its schema, without empty values."""
    always = _ALWAYS.get(id(schema), {})
    ordered: dict[str, Any] = {}
    for field in schema.values():
        value = found.get(field.name)
        if isinstance(field.read, Mapping) and value is not None:
            inner = field.read
            value = [_ordered(each, inner) for each in value] if field.repeated else _ordered(value, inner)
        elif not value:
            if field.name not in always:
                continue
            value = always[field.name]
        ordered[field.name] = value
    return ordered
