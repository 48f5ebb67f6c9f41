"""What Docker Compose itself prints around the builder's lines, whoever the builder is.

Version 1 (``compose/service.py``, ``compose/project.py``, ``compose/parallel.py`` of docker/compose 1.x)
builds one service after another and says which. Later versions (``pkg/progress``, ``cmd/display``) build all
at once with BuildKit, which names the services itself; they draw frames of their own on a terminal, and print
a line an event elsewhere::

    v1       = "Building " service | service " uses an image, skipping"
             | "Building " service " ... " [ "done" | "error" ]                         with --parallel
             | "ERROR: for " service "  " reason
             | [ "ERROR: " ] "Service '" service "' failed to build" [ " : " reason ]
    frame    = "[+] " word " " done "/" all { " " mark " " subject state [ details ] seconds "s" }
    event    = " " [ kind " " ] subject " " state
    kind     = "Service" | "Image" | "Container" | "Network" | "Volume"
    mark     = a tick, a cross, an exclamation mark, or a pattern of Braille dots that turns

Where frames are drawn, the lines of later versions stand among the builder's own, so the format knows them.
:func:`with_services` finds all others around builds of any builder.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby, pairwise
from typing import NamedTuple

from logparse.model import Build, Builder, Contents, Kind, Tape
from logparse.text import plain

__all__ = ["COMPOSE_LINE", "FAILED_SERVICE", "with_services"]

_STATE = (
    rb"(?:Buil(?:ding|t)|Pull(?:ing|ed)|Creat(?:ing|ed)|Start(?:ing|ed)|Running|Recreated?|Waiting|Healthy"
    rb"|Exited|Stopp(?:ing|ed)|Remov(?:ing|ed)|Kill(?:ing|ed)|Skipped|Interrupted|Error|Warning|Canceled)"
)
# A tick, a cross, or one of the patterns of dots U+2800 to U+28FF.
_MARK = rb"(?:\xe2(?:\x9c[\x94\x98]|[\xa0-\xa3][\x80-\xbf])|!)"
_COLOURS = rb"(?:\x1b\[[0-9;]{0,16}m){0,4}"
_SERVICE = rb"[A-Za-z0-9][\w.-]{0,127}"
_END = rb"[ \t\r]{0,8}(?:\n|\Z)"
_REST = rb"[^\n]*+(?:\n|\Z)"

COMPOSE_LINE = (
    rb"(?:\[\+\] \w{1,32} \d{1,6}/\d{1,6}(?![^\n]*\d\))"
    + _REST
    + rb"| {0,6}"
    + _COLOURS
    + _MARK
    + _COLOURS
    + rb" "
    + _REST
    + rb"| {1,2}(?:Service|Image|Container|Network|Volume) [\w./:@\"-]{1,256} {1,64}"
    + _COLOURS
    + _STATE
    + rb"\b[^\n]{0,256}(?:\n|\Z)"
    + rb"| {1,2}[A-Za-z0-9][\w./:@-]{0,255} {1,64}"
    + _COLOURS
    + rb"(?:Buil(?:ding|t)|Pull(?:ing|ed))"
    + _COLOURS
    + _END
    + rb")"
)
"""One line of version 2 or later, for a larger pattern; at a line's start."""

FAILED_SERVICE = rb"(?:ERROR: )?Service '[^'\n]{1,128}' failed to build"
"""What version 1 says of a service whose build failed."""

_LINES: dict[str, bytes] = {
    "building": rb"Building (?P<service>" + _SERVICE + rb")" + _END,
    # What only Compose says.
    "other": (
        rb"Building "
        + _SERVICE
        + rb" {1,64}\.\.\. ?(?:done|error)?"
        + _END
        + rb"|"
        + _SERVICE
        + rb" uses an image, skipping"
        + _END
        + rb"|Flag '--parallel' is ignored "
        + _REST
        + rb"|ERROR: for "
        + _SERVICE
        + rb"  "
        + _REST
        + rb"|"
        + FAILED_SERVICE
        + _REST
    ),
    # What others may say as well, and what tells nothing about who builds.
    "event": COMPOSE_LINE,
}
_ANY = rb"|".join(b"(?P<%s>%s)" % (name.encode(), line) for name, line in _LINES.items())
_LINE = re.compile(_ANY)
_NEXT = re.compile(rb"\n(?=" + _ANY + rb")")
_FAILED = re.compile(FAILED_SERVICE)

_AROUND = frozenset({Kind.UNKNOWN, Kind.BLANK, Kind.NOTE})


def with_services(builds: list[Build]) -> list[Build]:
    """Give builds the lines by which version 1 of Compose announces them, and their steps a target.

    Parameters
    ----------
    builds
        Those of one log, in order. Where Compose speaks among them, they are changed: a line that announces
        a build becomes its first, and lines of Compose are notes. Anybody may print ``Building web``; it is
        taken for Compose's if two services are announced so, or if Compose says something else, too.

    Returns
    -------
    list of Build
        The same.
    """
    start = 0
    while start < len(builds):
        tape, end = builds[start].tape, start + 1
        while end < len(builds) and builds[end].tape is tape:
            end += 1
        _in_one_text(builds[start:end])
        start = end
    return builds


class _Line(NamedTuple):
    """A line that may be Compose's, inside an element that nobody understood.

    Parameters
    ----------
    element
        The element's place on the tape.
    start, end
        The line's place in the text.
    service
        Whose build it announces.
    telling
        Whether only Compose says so.
    """

    element: int
    start: int
    end: int
    service: bytes | None
    telling: bool

    @classmethod
    def of(cls, element: int, match: re.Match[bytes]) -> _Line:
        """The line that a pattern found."""
        return cls(element, *match.span(), match["service"], match["other"] is not None)


def _in_one_text(builds: Sequence[Build]) -> None:
    """The same for the builds that one text holds."""
    data, tape = builds[0].transcript.data, builds[0].tape
    if builds[0].builder is Builder.NONE:
        return
    lines = list(_lines(data, tape, builds[0].first, builds[-1].last))
    if lines and not _is_compose(lines, builds):
        lines = [line for line in lines if line.service is None]
    if not lines:
        return
    places = _cut(tape, lines, builds)
    announcing = [place for place, line in zip(places, lines, strict=True) if line.service is not None]
    services = {place: line.service for place, line in zip(places, lines, strict=True)}
    for build, following in pairwise(builds):
        # What announces a build stands behind all that the one before it says.
        last = build.last
        while last > build.first and tape.kinds[last - 1] in _AROUND:
            last -= 1
        index = bisect_left(announcing, last)
        if index < len(announcing) and announcing[index] < build.last:
            build.last = following.first = announcing[index]
    for build in builds:
        header = tape.kinds.find(Kind.HEADER, build.first, build.last)
        until = header if header >= 0 else build.last
        own = announcing[bisect_left(announcing, build.first) : bisect_left(announcing, until)]
        if len(own) == 1:
            build.decode = partial(_decode, build.decode, plain(services[own[0]] or b""))


def _lines(data: bytes, tape: Tape, first: int, last: int) -> Iterator[_Line]:
    index = tape.kinds.find(Kind.UNKNOWN, first, last)
    while index >= 0:
        start, end = tape.element(index)[1:]
        match = _LINE.match(data, start, end)
        if match is not None:
            yield _Line.of(index, match)
        for feed in _NEXT.finditer(data, start, end):
            match = _LINE.match(data, feed.end(), end)
            if match is not None:
                yield _Line.of(index, match)
        index = tape.kinds.find(Kind.UNKNOWN, index + 1, last)


def _is_compose(lines: Sequence[_Line], builds: Sequence[Build]) -> bool:
    """Whether it is version 1 of Compose that announces builds."""
    if any(line.telling for line in lines) or len({line.service for line in lines} - {None}) > 1:
        return True
    data, tape = builds[0].transcript.data, builds[0].tape
    failures = tape.of_kind(Kind.FAILURE, builds[0].first, builds[-1].last)
    return any(_FAILED.search(data, each.start, each.end) for each in failures)


def _cut(tape: Tape, lines: Sequence[_Line], builds: Sequence[Build]) -> list[int]:
    """Make an element of each line; returns their places on the tape."""
    kinds, ends = bytearray(), tape.ends[:0]
    places = []
    behind, shifts = [0], [0]  # from which element on the later ones have moved by how many
    done = 0
    for element, group in groupby(lines, key=lambda line: line.element):
        kinds += tape.kinds[done:element]
        ends += tape.ends[done:element]
        position, end = tape.element(element)[1:]
        for line in group:
            if line.start > position:
                kinds.append(Kind.UNKNOWN)
                ends.append(line.start)
            places.append(len(kinds))
            kinds.append(Kind.NOTE)
            ends.append(line.end)
            position = line.end
        if position < end:
            kinds.append(Kind.UNKNOWN)
            ends.append(end)
        done = element + 1
        behind.append(done)
        shifts.append(len(kinds) - done)
    kinds += tape.kinds[done:]
    ends += tape.ends[done:]
    tape.kinds, tape.ends = kinds, ends
    for build in builds:
        build.first += shifts[bisect_right(behind, build.first) - 1]
        build.last += shifts[bisect_right(behind, build.last) - 1]
    return places


def _decode(decode: Callable[[Build], Contents], service: str, build: Build) -> Contents:
    contents = decode(build)
    for step in contents.steps:
        step.target = step.target or service
    return contents
