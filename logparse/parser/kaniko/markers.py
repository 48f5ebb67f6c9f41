"""What kaniko prints: every line that the parser knows, as patterns.

All patterns are bounded or exclude their own terminator, and what may repeat without a bound gives nothing
back (``*+``), so matching costs what it covers, whatever the bytes.
"""

from __future__ import annotations

import json
import re
from enum import Enum
from typing import NamedTuple

from logparse.text import plain

__all__ = [
    "COLOUR",
    "GLUED_CLOSING",
    "IN_PROGRAM",
    "LEAD",
    "LINE",
    "MESSAGE",
    "NEXT",
    "PLAIN_LINE",
    "RETRIEVED",
    "SIGN",
    "UNPACKS",
    "Form",
    "Line",
    "read_line",
    "said",
]

# -- pieces ---------------------------------------------------------------------------------------------

# What tests and documents indent, and Tekton puts before each line.
_LEAD = rb"[ \t]{0,32}(?:\[[^\]\n]{1,128} : [^\]\n]{1,128}\] )?"
_SGR = rb"(?:\x1b\[[0-9;]{0,8}m)?+"
_LEVEL = rb"(?:INFO|WARN|ERRO|DEBU|TRAC|FATA|PANI)"
_CLOCK = rb"(?:\d{4,9}|\d{4}-\d\d-\d\dT[^\]\n]{1,32})"
_REST = rb"[^\n]*+(?:\n|\Z)"

_COLOURED = _SGR + rb"(?P<level>" + _LEVEL + rb")" + _SGR + rb"\[(?P<clock>" + _CLOCK + rb")\] (?P<words>)"
_TEXT = rb"time=\"(?P<time>[^\"\n]{1,64})\" level=(?P<grade>[a-z]{1,8}) msg=\"?(?P<quoted>)"
_JSON = rb"\{\"level\":\"(?P<rank>[a-z]{1,8})\",\"msg\":\"(?P<escaped>)"


class Form(Enum):
    """How the log is formatted: ``--log-format``."""

    COLOUR = "words"
    TEXT = "quoted"
    JSON = "escaped"


LINE = re.compile(_LEAD + rb"(?:" + _COLOURED + rb"|" + _TEXT + rb"|" + _JSON + rb")[^\n]*+(?:\n|\Z)")
"""A line that kaniko stamps. An empty group marks where its message begins."""

NEXT = re.compile(
    rb"\n" + _LEAD + rb"(?=" + _SGR + _LEVEL + _SGR + rb"\[\d{4}|time=\"\d{4}-|\{\"level\":\""
    rb"|error |Error: |kaniko should |\d{4}/\d\d/\d\d \d\d:)"
)  # fmt: skip
"""Where the next line may be that the parser knows."""

_JSON_TIME = re.compile(rb"\",\"time\":\"([^\"\n]{1,64})\"\}\s*\Z")

# -- messages -------------------------------------------------------------------------------------------

_UPPER = (
    rb"FROM|ARG|RUN|COPY|ADD|ENV|WORKDIR|USER|CMD|ENTRYPOINT|EXPOSE|LABEL|VOLUME|SHELL|MAINTAINER|ONBUILD"
    rb"|HEALTHCHECK|STOPSIGNAL"
)
_MESSAGES: dict[str, bytes] = {
    # As it stands in the Dockerfile; kaniko's own words are mixed, ``Cmd: /bin/sh``.
    "STEP": rb"(?:" + _UPPER + rb"|" + _UPPER.lower() + rb")[ \t]",
    "STAGE": rb"Building stage '",
    "RUNNING": rb"Running: \[",
    "ARGS": rb"[Aa]rgs: \[",
    "CACHED": rb"Found cached layer",
    "PULL": (
        rb"Retrieving image |Returning cached image manifest|Resolved base name |Downloading base image "
        rb"|Base image from previous stage|Found \S{1,512} in local cache"
    ),
    "TRIGGERS": rb"Executing [1-9]\d{0,6} build triggers",
    "PUSH": rb"Pushing layer |Pushing image to |Pushed ",
    "DONE": rb"Skipping push to container registry",
    "VERTEX": rb"Storing source image from stage |Saving file |Deleting filesystem",
    "PROGRESS": (
        rb"Unpacking rootfs as cmd |Skipping unpacking as no commands|Taking snapshot of "
        rb"|Initializing snapshotter|No files were changed, appending|No files changed in this command"
    ),
}  # fmt: skip
MESSAGE = re.compile(rb"|".join(b"(?P<%s>%s)" % (name.encode(), words) for name, words in _MESSAGES.items()))
"""What a message is, by the name of the group that matched; others are notes."""

UNPACKS = (b"Unpacking rootfs as cmd ", b"Skipping unpacking as no commands")
"""What is said of a stage before its first step."""
RETRIEVED = (b"Retrieving image manifest ", b"Downloading base image ")
"""How the base image of a stage is named where no line says that the stage begins: before 1.6."""

_SPOKEN = rb"(?=" + b"|".join(
    _MESSAGES[name] for name in ("STEP", "STAGE", "PULL", "PUSH", "DONE", "VERTEX", "PROGRESS")
) + rb")"  # fmt: skip
IN_PROGRAM = {
    Form.COLOUR: re.compile(rb"INFO" + _SGR + rb"\[(?P<clock>" + _CLOCK + rb")\] " + _SPOKEN),
    Form.TEXT: re.compile(rb"time=\"(?P<clock>[^\"\n]{1,64})\" level=info msg=\"?" + _SPOKEN),
    Form.JSON: re.compile(rb"\{\"level\":\"info\",\"msg\":\"" + _SPOKEN),
}
"""What kaniko says once a program has ended, or while it pushes layers to the cache meanwhile: glued to the
program's last words if these had no newline. Each has a literal start, which makes the search fast."""

COLOUR = b"\x1b[36m"
LEAD = re.compile(_LEAD)
"""What of the line before it belongs to it."""

# -- how a build ends -----------------------------------------------------------------------------------

_CLOSING = (
    rb"error building image: |error pushing image: |error checking push permissions|error resolving "
    rb"|error changing to root dir|kaniko should only be run inside of a container|Error: error resolving "
)
GLUED_CLOSING = re.compile(rb"error building image: ")
"""The one that may be glued to a program's last words."""

# -- lines without a stamp ------------------------------------------------------------------------------

_DATE = rb"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d "
_PLAIN = {
    "BLANK": rb"[ \t\r]*+(?:\n|\Z)",
    "FAILURE": _LEAD + rb"(?:" + _CLOSING + rb")" + _REST,
    "PUSH": _LEAD + _DATE + rb"(?:pushed blob|existing blob|mounted blob|\S{1,512}: digest: sha256:)" + _REST,
    "NOTE": _LEAD
    + _DATE
    + rb"(?:No matching credentials were found|ERROR failed to get CPU variant|[Ee]rror while |retrying )"
    + _REST,
}
PLAIN_LINE = re.compile(b"|".join(b"(?P<%s>%s)" % (name.encode(), words) for name, words in _PLAIN.items()))
"""What kaniko says without its log: its last words, and those of its registry client."""

_STAMP = re.sub(rb"\?P<\w+>", rb"?:", _COLOURED + rb"|" + _TEXT + rb"|" + _JSON)
_WORDS = (
    rb"Retrieving image manifest |Resolved base name |Built cross stage deps|Building stage '"
    rb"|Unpacking rootfs as cmd |Skipping unpacking as no commands|Executing \d{1,6} build triggers"
    rb"|Taking snapshot of (?:full filesystem|files)|Downloading base image |Using caching version of cmd"
    rb"|No cached layer found for cmd|Checking for cached layer "
)
SIGN = re.compile(
    rb"(?:\A|[\r\n])" + _LEAD + rb"(?:(?:" + _STAMP + rb")(?:" + _WORDS + rb")|" + _CLOSING + rb")"
)
"""What only kaniko prints: the form of its lines is also that of others, its words are not."""


class Line(NamedTuple):
    """A line of kaniko's log.

    Parameters
    ----------
    form
        How it is formatted.
    level
        Four letters, upper case.
    clock
        Its stamp as printed: seconds since kaniko started, or a date; empty where it is cut off.
    message
        Where its message begins.
    end
        Where the line ends.
    """

    form: Form
    level: bytes
    clock: bytes
    message: int
    end: int


def read_line(data: bytes, start: int, end: int) -> Line | None:
    """Read the line at `start`, ``None`` if kaniko did not stamp it."""
    match = LINE.match(data, start, end)
    if match is None:
        return None
    form = Form(match.lastgroup)
    match form:
        case Form.COLOUR:
            level, clock = match["level"], match["clock"]
        case Form.TEXT:
            level, clock = match["grade"], match["time"]
        case Form.JSON:
            found = _JSON_TIME.search(data, max(match.end() - 128, match.start()), match.end())
            level, clock = match["rank"], found[1] if found is not None else b""
    return Line(form, level[:4].upper(), clock, match.start(form.value), match.end())


def said(data: bytes, line: Line) -> str:
    """The message of a line, as text."""
    words = data[line.message : line.end].rstrip()
    if line.form is Form.JSON:
        words = words[: words.rfind(b'","time":"')] if b'","time":"' in words else words.rstrip(b'"}')
        return _unescaped(words)
    if line.form is Form.TEXT and data[line.message - 1 : line.message] == b'"':
        return _unescaped(words.removesuffix(b'"'))
    return plain(words)


def _unescaped(words: bytes) -> str:
    """What is written with the escapes of JSON; Go quotes in much the same way."""
    try:
        text: str = json.loads(b'"' + words + b'"')
    except ValueError:
        return plain(words)
    return plain(text.encode("utf-8", "replace").replace(b"\n", b" "))
