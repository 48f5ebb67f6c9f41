"""Reading protobuf messages without their library: just what BuildKit's status messages need.

A message is a row of fields, each a key (the field's number and how its value is laid out) and a value
(https://protobuf.dev/programming-guides/encoding). A :data:`Schema` says which fields are wanted and under
which names; all others are stepped over.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

__all__ = [
    "BrokenMessageError",
    "Field",
    "Schema",
    "decode",
    "encoded",
    "flag",
    "instant",
    "moment",
    "number",
    "text",
]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10
_SIGN = 1 << 63
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = -62_135_596_800, 253_402_300_799
"""Seconds from 1970 to the first and the last second that a date can have."""
_BILLION = 1_000_000_000


class BrokenMessageError(ValueError):
    """The bytes are no message."""


class Field(NamedTuple):
    """A field that is wanted.

    Parameters
    ----------
    name
        What to call it.
    read
        Makes a value of it: of a number that was written as one, of bytes that were written as such.
        What is written otherwise is stepped over.
    repeated
        Whether it is a list.
    """

    name: str
    read: Callable[[Any], Any] | Schema
    repeated: bool = False


Schema: TypeAlias = Mapping[int, Field]
"""The fields that are wanted, by their numbers."""


def decode(data: bytes, schema: Schema) -> dict[str, Any]:
    """Read the wanted fields of a message; those that are not there are missing.

    Raises
    ------
    BrokenMessageError
        The bytes are no message.
    """
    found: dict[str, Any] = {}
    for key, value in _fields(data):
        field = schema.get(key)
        if field is None:
            continue
        read = field.read
        result: Any
        if isinstance(read, Mapping):
            result = decode(value, read) if isinstance(value, bytes) else None
        else:
            result = read(value)
        if result is None:
            continue
        if field.repeated:
            found.setdefault(field.name, []).append(result)
        else:
            found[field.name] = result
    return found


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: a number as it was written, or bytes."""
    position, size = 0, len(data)
    while position < size:
        key = data[position]
        position += 1
        if key > 0x7F:  # noqa: PLR2004 - the first seven bits of a longer number
            key, position = _varint(data, position - 1)
        layout = key & 7
        if layout == _BYTES:
            length = data[position] if position < size else 0x80
            position += 1
            if length > 0x7F:  # noqa: PLR2004
                length, position = _varint(data, position - 1)
            end = position + length
            if end > size:
                raise BrokenMessageError("it ends inside a field")
            yield key >> 3, data[position:end]
            position = end
        elif layout == _VARINT:
            value, position = _varint(data, position)
            yield key >> 3, value
        elif layout in {_FIXED32, _FIXED64}:
            position += 4 if layout == _FIXED32 else 8
            if position > size:
                raise BrokenMessageError("it ends inside a number")
        else:
            raise BrokenMessageError("it has a field of no known layout")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A number, seven bits a byte, and where it ends."""
    value = shift = 0
    for byte in data[position : position + _LONGEST_VARINT]:
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:  # noqa: PLR2004 - no byte follows
            return value & 0xFFFF_FFFF_FFFF_FFFF, position
        shift += 7
    raise BrokenMessageError("it has a number without an end")


def text(value: int | bytes) -> str | None:
    """A string."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else None


def encoded(value: int | bytes) -> str | None:
    """Bytes, in base64."""
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else None


def number(value: int | bytes) -> int | None:
    """A whole number that may be negative."""
    if not isinstance(value, int):
        return None
    return value - (_SIGN << 1) if value >= _SIGN else value


def flag(value: int | bytes) -> bool | None:
    """A truth value."""
    return bool(value) if isinstance(value, int) else None


def moment(value: int | bytes) -> str | None:
    """A time (``google.protobuf.Timestamp``) as :func:`instant` writes it."""
    if not isinstance(value, bytes):
        return None
    parts = decode(value, {1: Field("seconds", number), 2: Field("nanos", number)})
    return instant(parts.get("seconds", 0), parts.get("nanos", 0))


def instant(seconds: int, nanos: int) -> str | None:
    """A time since 1970 as ``2021-07-29T21:12:56.4420001Z``; ``None`` if it is no time."""
    if not (_FIRST <= seconds <= _LAST and 0 <= nanos < _BILLION):
        return None
    whole = (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
    return f"{whole}.{nanos:09}".rstrip("0") + "Z" if nanos else f"{whole}Z"
