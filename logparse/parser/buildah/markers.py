"""What buildah and podman print: every line that the parser knows, as patterns.

All patterns are bounded or exclude their own terminator, and what may repeat without a bound gives nothing
back (``*+``), so matching costs what it covers, whatever the bytes.
"""

from __future__ import annotations

import re

__all__ = [
    "ABOVE",
    "AFTER_COMMIT",
    "BEFORE_STEP",
    "BUILDING_AT",
    "BULLETS",
    "COMMIT",
    "COPYING_BLOCK",
    "DONE",
    "ENDING",
    "ERROR_WORDS",
    "EXITED",
    "EXIT_STATUS",
    "FROM",
    "HEADER",
    "KNOWN",
    "LEADING",
    "LINE",
    "LOGRUS",
    "OLD_COMMIT",
    "OLD_COUNTER",
    "RESULTS",
    "RUN",
    "SIGN",
    "SIGNATURES",
    "STEP",
    "STRICT_FAILURE",
]

# -- pieces ---------------------------------------------------------------------------------------------

# On a terminal, progress is overwritten in place.
_MOVES = rb"(?:\x1b\[[0-9;?]{0,16}[A-Za-z]|\r)*+"
# 11 digits until buildah 1.28, 12 since; all 64 until 1.16.
_ID = rb"[0-9a-f]{11,64}"
_END = rb"\r{0,8}(?:\n|\Z)"
_REST = rb"[^\n]*(?:\n|\Z)"
_PREFIX = (
    rb"(?:\[(?P<platform>[a-z][a-z0-9]{0,31}/[a-z0-9_]{1,32}(?:/[a-z0-9_.]{1,32})?)\] )?"
    rb"(?:\[(?P<stage>\d{1,6})/(?P<stages>\d{1,6})\] )?"
)
_PLAIN_PREFIX = re.sub(rb"\?P<\w+>", rb"?:", _PREFIX)
_LOGRUS = rb"(?:time=\"[^\"\n]{1,64}\" )?level="
_INSTRUCTION = (
    rb"(?i:FROM|ARG|RUN|COPY|ADD|ENV|WORKDIR|USER|CMD|ENTRYPOINT|EXPOSE|LABEL|VOLUME|SHELL"
    rb"|MAINTAINER|ONBUILD|HEALTHCHECK|STOPSIGNAL)\b"
)

# -- steps ----------------------------------------------------------------------------------------------

STEP = re.compile(rb"STEP (\d{1,6})(?:/(\d{1,6}))?: ([A-Za-z]{1,32})\b[^\n]*(?:\n|\Z)")
"""A step's header from its counter on; its literal start makes the search fast. The instruction may be one
that buildah does not know: it complains only when it gets there."""

HEADER = re.compile(_PREFIX + STEP.pattern)
"""All of it."""

BEFORE_STEP = re.compile(_PREFIX + rb"\Z")
"""What stands before the counter: platform and stage. A program that ends without a newline stands before
that, on the same line."""

ABOVE = 128
"""Bytes that hold all of a prefix."""

FROM = b"FROM"
RUN = b"RUN"

OLD_COMMIT = b"COMMIT"
"""Before 1.20, the final commit was counted as a step."""

# -- what follows a program's output --------------------------------------------------------------------

DONE = re.compile(rb"--> " + _ID + rb"\r{0,8}\n?\Z")
"""The image of a step, at the end of a line."""

ENDING = re.compile(
    rb"--> (?:Using cache " + _ID + rb"|Pushing cache \S|Cache pulled from remote \S)[^\n]*\n\Z"
)
"""What may stand before that, on lines of their own."""

SIGNATURES = b"Getting image source signatures"
"""How the report of a commit begins, of a stage that others are built on."""

# On a terminal too narrow for it, a bar of progress is only an ellipsis.
_COPIED = (
    rb"Getting image source signatures|Copying (?:blob|config) "
    rb"|Writing manifest to image destination|Storing signatures|Writing manifest list"
    rb"|Checking if image destination supports signatures|Copying \d{1,6} (?:of \d{1,6} )?images"
    rb"|Copying image sha256:|Creating signature: |Skipping fetch of repeat blob "
    rb"|[ \t]{0,8}[0-9.]{1,16} [KMGT]?i?B / [0-9.]{1,16} [KMGT]?i?B|\xe2\x80\xa6(?=\r{0,8}\n)"
)
_COPYING = rb"Trying to pull |Resolv(?:ed|ing) \"|" + _COPIED
COPYING_BLOCK = re.compile(rb"(?:" + _MOVES + rb"(?:" + _COPYING + rb")[^\n]*\n|" + _MOVES + rb"\n)*+")
"""Lines of a report of copied blobs."""

OLD_COUNTER = re.compile(rb"STEP \d{1,6}(?:/\d{1,6})?: \Z")
COMMIT = re.compile(rb"COMMIT(?: [^\s\x1b]{1,512})?\r{0,8}\n")
AFTER_COMMIT = re.compile(
    _MOVES
    + rb"(?:\Z|--> [0-9a-f]|Getting image source signatures|Copying |Writing manifest|Storing signatures"
    rb"|Successfully tagged |time=\"|[A-Z]{4}\[|\[Warning\]|[0-9a-f]{64}\r{0,8}(?:\n|\Z)|[Ee]rror:? "
    rb"|\xe2\x80\xa6)"
)
"""What buildah goes on with when it commits the last stage: without it, the word is a program's."""

LOGRUS = re.compile(_LOGRUS + rb"[a-z]{1,16} msg=")
"""What buildah itself complains of, between a program's lines, too."""

LEADING = re.compile(
    rb"(?P<cached>--> Using cache " + _ID + rb")|(?P<pull>Trying to pull \S{1,512}\.\.\.\r{0,8}\n)"
    rb"|--> Cache pulled from remote |" + LOGRUS.pattern
)  # fmt: skip
"""What may stand between a RUN's header and the program's first line: an image to mount is pulled first."""

# -- how a build ends -----------------------------------------------------------------------------------

BUILDING_AT = re.compile(rb"building at (?:STEP \"|step \{)")
ERROR_WORDS = re.compile(rb"(?:(?:build )?[Ee]rror(?:: | )){1,4}(?:building: (?:[Ee]rror(?:: | )){0,4})?\Z")
"""What stands before that, glued to the program's last words if these had no newline."""

EXITED = re.compile(
    rb"(?:subprocess exited with status \d{1,10}|(?:container|subprocess) exited on [a-z][a-z ]{0,32})"
    rb"\r{0,8}\n\Z"
)
"""What may stand before that: the first twice where containers are isolated by ``chroot``, the second where
a signal ended the program. Then the status that is named next is that of a helper."""

BULLETS = re.compile(rb"(?:[ \t]{0,8}\* [^\n]*(?:\n|\Z))*+")
"""What is listed behind ``2 errors occurred while pulling:``."""

EXIT_STATUS = re.compile(rb"exit status (\d{1,10})\"?\s*\Z")

_STRICT = (
    rb"(?:[Ee]rror(?:: | )){1,3}(?:building at (?:STEP \"|step \{)|creating build container|building: "
    rb"|no FROM statement found|FROM requires either one argument|committing container for step "
    rb"|no contents in \"|no context directory and no Containerfile|the specified Containerfile or Dockerfile"
    rb"|no Containerfile or Dockerfile specified|parsing main (?:Dockerfile|containerfile)"
    rb"|preparing container for next step|checking if cached image exists from a previous build"
    rb"|building system context|short-name \")"
)
# Some moves, not any number: it is searched for, and a run of carriage returns would cost its square.
STRICT_FAILURE = re.compile(
    rb"(?:\A|[\r\n])(?:\x1b\[[0-9;?]{0,16}[A-Za-z]|\r){0,16}+(?P<failure>" + _STRICT + rb")"
)
"""A failure that no program's words are taken for."""

RESULTS = (
    re.compile(
        rb"--> " + _ID + rb"\r{0,8}\n(?:Successfully tagged |\[Warning\] |[0-9a-f]{64}\r{0,8}(?:\n|\Z))"
    ),
    re.compile(rb"Storing signatures\r{0,8}\n[0-9a-f]{64}\r{0,8}(?:\n|\Z)"),
)
"""How a build ends well, since 1.17 and before: enough to tell that what follows is another."""

# -- lines that no program prints -----------------------------------------------------------------------

_LINES: dict[str, bytes] = {
    "CACHED": rb"--> Using cache " + _REST,
    "IMAGE": rb"--> " + _ID + _END,
    "CONTEXT": rb"Sending build context to Docker daemon" + _REST,
    "BANNER": rb"DEPRECATED: The legacy builder is deprecated[^\n]*(?:\n[ \t]{4,}[^\n]*)*+(?:\n|\Z)",
    "VERTEX": _PLAIN_PREFIX + rb"(?:STEP \d{1,6}(?:/\d{1,6})?: )?COMMIT(?: [^\n]{0,512})?" + _END,
    "COPYING": (
        rb"(?:" + _COPYING + rb")" + _REST
        + rb"(?:" + _MOVES + rb"(?:" + _COPIED + rb")" + _REST + rb")*+"
    ),
    "TAG": rb"Successfully tagged " + _REST,
    "RESULT": rb"(?:Successfully built " + _ID + rb"|[0-9a-f]{64})" + _END,
    "WARNING": (
        _LOGRUS + rb"warn(?:ing)? " + _REST + rb"|WARN\[\d{4}" + _REST
        + rb"|\[W(?:arning|ARNING)\]:? " + _REST
    ),
    "ERROR": _LOGRUS + rb"(?:error|fatal|panic) " + _REST + rb"|ERRO\[\d{4}" + _REST,
    "NOTE": (
        rb"--> (?:Pushing cache|Cache pulled from remote) " + _REST
        + rb"|" + _LOGRUS + rb"[a-z]{1,16} " + _REST + rb"|(?:INFO|DEBU|TRAC)\[\d{4}" + _REST
    ),
}  # fmt: skip
_NAMED = rb"|".join(b"(?P<%s>%s)" % (name.encode(), line) for name, line in _LINES.items())
LINE = re.compile(
    _MOVES
    + rb"(?:"
    + _NAMED
    + rb"|(?P<STRICT>"
    + _STRICT
    + rb")"
    + _REST
    + rb"|(?P<LOOSE>(?:[Ee]rror(?:: | )|FATA\[\d{4}|panic: |(?:subprocess|container) exited )"
    + _REST
    + rb")|(?P<BLANK>[ \t\r]*+(?:\n|\Z)))"
)
"""A line of buildah's; what it is, is the name of the group that matched. ``COPYING`` is a pull, a commit or
a push, by where it stands; ``LOOSE`` a failure only where no program runs."""

KNOWN = re.compile(
    rb"\n" + _MOVES + rb"(?=--> |Sending build context|DEPRECATED: The legacy|" + _PLAIN_PREFIX
    + rb"COMMIT|" + _COPYING + rb"|Successfully |[0-9a-f]{64}\r{0,8}(?:\n|\Z)|time=\"|level=[a-z]"
    rb"|[A-Z]{4}\[\d{4}|\[W(?:arning|ARNING)\]|[Ee]rror(?:: | )|panic: |(?:subprocess|container) exited )"
)  # fmt: skip
"""Where the next line may be that :data:`LINE` knows, but for blank ones."""

# -- the sign -------------------------------------------------------------------------------------------

SIGN = re.compile(
    rb"(?:\A|[\r\n])(?:\x1b\[[0-9;]{0,16}[mK]){0,4}(?:"
    + _PLAIN_PREFIX
    + rb"STEP \d{1,6}(?:/\d{1,6})?: (?="
    + _INSTRUCTION
    + rb")|Sending build context to Docker daemon[^\n]{0,8192}\n(?=[^\n]{0,64}STEP \d)|"
    + _STRICT
    + rb")"
)
"""What only buildah and podman print. Podman can serve Docker's client, which then speaks first: its line
counts if a step of podman's follows it."""
