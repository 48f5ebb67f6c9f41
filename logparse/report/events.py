"""The elements of a build of BuildKit's events as people can read them.

Each event is an object of JSON with digests in place of names, and a transfer has one each time it has gone
on a little. Here those of one kind about one vertex that follow each other are one line, with its name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from logparse.model import Build, Kind, Span
from logparse.report.elements import ShownElement, shown_elements

__all__ = ["has_events", "shown_events"]

_STRING = r'"((?:[^"\\]|\\.){0,4096})"'
_NAME = re.compile(rb'"name":\s{0,4}' + _STRING.encode())
# What a program printed last may have no line's end, and then the event begins with one.
_DIGEST = re.compile(rb'\n?\{\s{0,16}"digest":\s{0,4}' + _STRING.encode())
_STATUS = re.compile(rb'\n?\{\s{0,16}"id":\s{0,4}' + _STRING.encode())
_VERTEX = re.compile(rb'"vertex":\s{0,4}' + _STRING.encode())
_SIZES = (re.compile(rb'"current":\s{0,4}(\d{1,15})'), re.compile(rb'"total":\s{0,4}(\d{1,15})'))
_LOOKED_AT = 1 << 14


def has_events(build: Build) -> bool:
    """Whether a build was read from events."""
    return "inputs" in build.facts


def shown_events(build: Build) -> Iterator[ShownElement]:
    """The elements of such a build: as of :func:`~logparse.report.shown_elements`, but fewer and in words."""
    elements = list(shown_elements(build))
    names: dict[bytes, bytes] = {}
    for element in elements:
        digest = _DIGEST.match(element.data)
        name = _NAME.search(element.data, 0, _LOOKED_AT) if digest is not None else None
        if digest is not None and name is not None:
            names[digest[1]] = _unescaped(name[1])
    for _, group in groupby(elements, key=_subject):
        those = list(group)
        if _subject(those[0]) is None:
            yield from those
        else:
            yield _joined(those, names)


def _subject(element: ShownElement) -> tuple[Kind, bytes] | None:
    """What elements have in common that are shown as one; ``None`` of one that is no event."""
    status = _STATUS.match(element.data)
    found = _VERTEX.search(element.data, 0, _LOOKED_AT) if status is not None else _DIGEST.match(element.data)
    if found is None:
        return None
    # What is only announced is shown together, whatever it is.
    return element.kind, found[1] if element.kind is not Kind.NOTE else b""


def _joined(elements: list[ShownElement], names: dict[bytes, bytes]) -> ShownElement:
    """Several elements about one vertex as one."""
    first, last = elements[0], elements[-1]
    text = _text(last.data, names)
    if first.kind is Kind.NOTE and len(elements) > 1:
        text = b"announced: " + _text(first.data, names) + b", and %d more" % (len(elements) - 1)
    elif len(elements) > 1:
        text = b"%d events: " % len(elements) + text
    hidden = any(element.keys for element in elements)
    return replace(
        first,
        end=last.end,
        last_line=last.last_line,
        data=text,
        keys=(Span(0, len(text)),) if hidden else (),
    )


def _text(data: bytes, names: dict[bytes, bytes]) -> bytes:
    """What an event says, in words."""
    status = _STATUS.match(data)
    if status is None:
        digest = _DIGEST.match(data)
        return names.get(digest[1], digest[1]) if digest is not None else data
    vertex = _VERTEX.search(data, 0, _LOOKED_AT)
    name = names.get(vertex[1], vertex[1]) if vertex is not None else b""
    words = [_unescaped(status[1])]
    current, total = (int(found[1]) if (found := each.search(data, 0, _LOOKED_AT)) else 0 for each in _SIZES)
    if current:
        words.append(b"%d of %d B" % (current, total) if total else b"%d B" % current)
    return b" ".join(words) + b", for " + name


def _unescaped(text: bytes) -> bytes:
    """What a string of JSON stands for."""
    try:
        value = json.loads(b'"' + text + b'"')
    except ValueError:
        return text
    return str(value).encode("utf-8", "replace")
