"""The elements of a build as people may see them: text without control sequences and without secrets."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from logparse.model import Build, Kind, Span
from logparse.secrets import MASK, mask
from logparse.text import plain

__all__ = ["ShownElement", "shown_elements"]

# A key is a secret of many lines, and no single one of them looks like it. Lines of other steps and time
# stamps may stand between its lines, so all that is between its ends is kept back.
_KEY = re.compile(rb"-----BEGIN [A-Z ]{0,32}PRIVATE KEY")
_KEY_END = re.compile(rb"-----END [A-Z ]{0,32}PRIVATE KEY-----")
_KEY_LONGEST = 1 << 16


@dataclass(frozen=True, slots=True)
class ShownElement:
    """An element with its place in the log and its lines.

    Parameters
    ----------
    kind
        What it is.
    start, end
        Its bytes in the log.
    first_line, last_line
        Its lines in the log, counted from 1 by line feeds.
    data
        Its text: of a log that holds text in another form, such as strings of JSON, the text itself.
    keys
        The stretches of `data` that hold private keys.
    """

    kind: Kind
    start: int
    end: int
    first_line: int
    last_line: int
    data: bytes
    keys: tuple[Span, ...]

    def texts(self, most: int | None = None) -> Iterator[str]:
        """Its lines, at most so many, without control sequences and secrets."""
        start = 0
        data = self.data.removesuffix(b"\n")
        while most is None or most > 0:
            end = data.find(b"\n", start)
            stop = len(data) if end < 0 else end
            hidden = any(begin < stop and start < until for begin, until in self.keys)
            yield MASK if hidden else mask(plain(data[start:stop]))
            if end < 0:
                return
            start = end + 1
            most = None if most is None else most - 1


def shown_elements(build: Build) -> Iterator[ShownElement]:
    """The elements of a build in order, as people may see them.

    One whose lines are not together in the log comes in parts, unless its text is not the log's own.
    """
    transcript, log = build.transcript, build.log
    keys = _keys(transcript.data)
    begins = [key.start for key in keys]
    encoded = transcript.is_encoded
    for kind, start, end in build.tape.elements(build.first, build.last):
        near = keys[max(bisect_right(begins, start) - 1, 0) : bisect_right(begins, end)]
        inside = [key for key in near if key.start < end and start < key.end]
        stretches = list(transcript.stretches(start, end))
        if encoded or not stretches:
            hull = transcript.hull(start, end)
            hidden = tuple(Span(key.start - start, key.end - start) for key in inside)
            yield _shown(build, kind, hull, transcript.data[start:end], hidden)
            continue
        for stretch in stretches:
            hidden = tuple(
                Span(begin - stretch.start, until - stretch.start)
                for begin, until in (
                    transcript.hull(max(key.start, start), min(key.end, end)) for key in inside
                )
            )
            yield _shown(build, kind, stretch, log.data[slice(*stretch)], hidden)


def _shown(build: Build, kind: Kind, span: Span, data: bytes, keys: tuple[Span, ...]) -> ShownElement:
    first = build.log.line_number(span.start)
    last = build.log.line_number(max(span.start, span.end - 1))
    return ShownElement(kind, span.start, span.end, first, last, data, keys)


def _keys(data: bytes) -> list[Span]:
    """Where private keys are, those without an end as long as any may be."""
    found = []
    for match in _KEY.finditer(data):
        end = _KEY_END.search(data, match.end(), match.end() + _KEY_LONGEST)
        found.append(Span(match.start(), end.end() if end else min(len(data), match.end() + _KEY_LONGEST)))
    return found
