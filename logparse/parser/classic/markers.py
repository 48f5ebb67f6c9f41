"""What the classic builder prints: every line that the parser knows, as patterns.

All patterns are bounded or exclude their own terminator, and none nests one repetition of the same
characters in another, so matching costs what it covers, whatever the bytes.
"""

from __future__ import annotations

import re

from logparse.model import Kind

__all__ = [
    "AFTER_REMOVAL",
    "BEFORE_REMOVAL",
    "BOUNDARY",
    "CLOSING_CLIENT",
    "CLOSING_DAEMON",
    "COMMANDS",
    "COMPOSE",
    "COMPOSE_FIRST",
    "CONTEXT",
    "CONTEXT_LINE",
    "FIRST_STEP",
    "GLUED_CLOSING",
    "GLUED_TO",
    "GLUED_WORD_ERROR",
    "GOING_ON",
    "HEAD",
    "HIDDEN",
    "KIND_OF",
    "LATE_REMOVAL",
    "LINE",
    "LINE_GOING_ON",
    "LINE_START",
    "NON_ZERO",
    "NON_ZERO_CODE",
    "PROGRESS",
    "REMOVAL",
    "REMOVAL_ID",
    "REMOVERS",
    "RUNNING",
    "RUNNING_ID",
    "RUN_FLAGS",
    "STEP",
    "StepGroup",
]

# -- pieces ---------------------------------------------------------------------------------------------

# Standard error is wrapped in colours, and the sequence that ends one stands before the next line. Others
# clear the rest of the line first.
_SGR = rb"(?:\x1b\[[0-9;]{0,16}[mK]){0,4}"
# On a terminal, each line of a pull or push is overwritten in place.
_MOVES = rb"(?:\x1b\[[0-9;]{0,16}[A-Km]|\r){0,16}"
_ID = rb"[0-9a-f]{12}"
_END = rb"\r{0,8}(?:\n|\Z)"
_REST = rb"[^\n]*(?:\n|\Z)"
_INSTRUCTION = (
    rb"(?i:FROM|ARG|RUN|COPY|ADD|ENV|WORKDIR|USER|CMD|ENTRYPOINT|EXPOSE|LABEL|VOLUME|SHELL"
    rb"|MAINTAINER|ONBUILD|HEALTHCHECK|STOPSIGNAL)\b"
)

# -- steps ----------------------------------------------------------------------------------------------


class StepGroup:
    """The numbers of the groups of :data:`STEP`."""

    NUMBER, TOTAL, HEADER, RUNNING, CONTAINER, CACHED, IMAGE = range(1, 8)


STEP = re.compile(
    _SGR + rb"Step (\d{1,9})(?:/(\d{1,9}))? : ([^\n]*(?:\n|\Z))"
    rb"(?:( ---> Running in (" + _ID + rb")(?:\r{0,8}\n)?)"
    rb"|( ---> Using cache\r{0,8}\n)?( ---> (?:" + _ID + rb")?" + _END + rb")?)"
)
"""A step's header and all that can follow it without a look at any output. Nothing more is read behind a
container's start, since from there on it is a program that speaks."""

REMOVAL = b"intermediate container "
"""What all lines about a removed container have in common; its id follows."""

REMOVAL_ID = re.compile(rb"intermediate container (" + _ID + rb")")

RUNNING = b" ---> Running in "
RUNNING_ID = re.compile(RUNNING + rb"(" + _ID + rb")")

REMOVERS = (b"Removing ", b" ---> Removed ")
"""What stands before that in the builder's own lines: until 20.10, since 23."""

AFTER_REMOVAL = re.compile(_END + rb"( ---> " + _ID + _END + rb")?")
"""What stands right behind the id in a line that removes a container."""

_GOING_ON = rb"(?:Step |Successfully built " + _ID + rb"\r?\n)"
GOING_ON = re.compile(_GOING_ON)
"""What the builder goes on with when a step is done."""
LINE_GOING_ON = re.compile(rb"\n" + _GOING_ON)

BEFORE_REMOVAL = re.compile(rb"(?<=\n) ---> " + _ID + rb"\r{0,8}\n\Z")
"""Until Docker 17.x the image came before the removal."""

LATE_REMOVAL = re.compile(
    rb"(?:(?:Removing|Error removing) intermediate container "
    + _ID
    + rb"[^\n]{0,512}\n){0,63}Error removing intermediate container "
    + _ID
    + rb"[^\n]{0,512}\n ---> "
    + _ID
    + rb"\r{0,8}\n(?:Step (?P<next>\d{1,9})|Successfully built )"
)
"""A container that could not be removed is tried again behind every later step, sometimes with success, so
the line about a step's own container may come several steps late. The one that fails comes last."""

BOUNDARY = re.compile(
    rb"(?P<image> ---> "
    + _ID
    + rb"\r{0,8}\n)(?:Step (?P<next>\d{1,9})(?:/\d{1,9})? : |(?P<result>Successfully built "
    + _ID
    + _END
    + rb"))|\n"
    + _SGR
    + rb"(?P<build>Sending build context to Docker daemon |Step [01](?:/\d{1,9})? : "
    + _INSTRUCTION
    + rb")"
)
"""What can end the output of a container that no line removes: its image with the next step or the result
behind it, or the beginning of another build."""

RUN_FLAGS = re.compile(rb"(?:--[a-z]{1,32}=\S{1,4096}\s{1,64}){0,16}")
"""Flags of a RUN, which the builder leaves out when it repeats the command."""

# -- where a build begins -------------------------------------------------------------------------------

# Both have a literal start, which makes the search fast.
FIRST_STEP = re.compile(rb"Step (\d{1,9})(?:/\d{1,9})? : (?=" + _INSTRUCTION + rb")")
CONTEXT = b"Sending build context to Docker daemon"

SIGN = re.compile(
    rb"(?:\A|[\r\n])"
    + _SGR
    + rb"(?:"
    + CONTEXT
    + rb"|Step \d{1,9}(?:/\d{1,9})? : (?="
    + _INSTRUCTION
    + rb")|The command ['\[])"
)
"""What only this builder prints. Its client's complaints may be those of any other command of Docker's."""

LINE_START = re.compile(rb"(?:\A|[\r\n])" + _SGR + rb"\Z")
"""What may stand before a first step: nothing, a colour's end, a progress bar."""

# -- how a build ends -----------------------------------------------------------------------------------

NON_ZERO = b" returned a non-zero code: "
# Windows has codes of ten digits, such as 3221225786 for an interruption.
NON_ZERO_CODE = re.compile(rb" returned a non-zero code: (\d{1,10})(?!\d)")
COMMANDS = (b"The command '", b"The command [")
"""How the sentence begins that :data:`NON_ZERO` ends."""

COMPOSE = re.compile(rb"(?:ERROR: )?Service '[^'\n]{1,128}' failed to build ?: \Z")
"""What Docker Compose 1.x puts before the builder's last words."""
COMPOSE_FIRST = b"ERROR: for "
"""How the line before that begins, where it builds several services at once."""

# What the client says when no build could begin.
_CLIENT_WORDS = (
    rb"unable to prepare context: |Cannot connect to the Docker daemon|ERROR: Cannot connect to the Docker"
    rb"|error during connect: |Error response from daemon: "
)
# What the daemon says in place of a result even while a container runs.
_DAEMON_WORDS = (
    rb"OCI runtime |rpc error: |context canceled|unexpected EOF|failed to create |failed to register layer"
    rb"|failed to export image|failed to get layer|layer does not exist|max depth exceeded"
    rb"|Error processing tar file|ApplyLayer |archive/tar: |unable to find (?:user|group) "
)
# What both say between steps. No program can be running there, so a wide net is safe; what it misses is
# found by its position.
_LAST_WORDS = (
    rb"The command ['\[]|(?:COPY|ADD) failed: |manifest for \S{1,512} not found|pull access denied"
    rb"|(?:Get|Head) \"?https?://|no matching manifest for|invalid reference format|invalid from flag value"
    rb"|failed to |toomanyrequests: |unauthorized: |denied: |received unexpected HTTP status"
    rb"|repository \S{1,512} not found|[Dd]ockerfile parse error|[Uu]nknown instruction: |[Uu]nknown flag: "
    rb"|the Dockerfile \([^\n)]{0,512}\) cannot be empty|[Nn]o build stage in current context"
    rb"|error pulling image|x509: |dial tcp|(?: --->)?No image was generated"
    rb"|When using (?:COPY|ADD) with more"
    rb"|[Ff]orbidden path outside|the --\w{1,32} option requires BuildKit|image operating system"
    rb"|(?:ERROR: )?Service '[^'\n]{1,128}' failed to build|circular dependency"
    rb"|mkdir /|write /|open /|l?stat /|" + _DAEMON_WORDS + rb"|" + _CLIENT_WORDS
)
CLOSING_CLIENT = re.compile(_SGR + rb"(?:" + _CLIENT_WORDS + rb")")
CLOSING_DAEMON = re.compile(_SGR + rb"(?:" + _DAEMON_WORDS + rb"|" + _CLIENT_WORDS + rb")")
GLUED_CLOSING = re.compile(
    rb"invalid reference format|manifest for \S{1,512} not found|pull access denied for |Get \"?https?://"
    rb"|no matching manifest for |failed to |unauthorized: |unknown flag: |repository \S{1,512} not found"
    rb"|(?:COPY|ADD) failed: |Error response from daemon: |No image was generated|error pulling image "
    rb"|denied: |toomanyrequests: |received unexpected HTTP status|image operating system "
    rb"|invalid from flag|lstat /"
)
"""Last words behind a header with no newline between: some captures join the two streams so."""
GLUED_TO = re.compile(_SGR + rb"Step \d+(?:/\d+)? : (?i:FROM|COPY|ADD|WORKDIR|USER|MAINTAINER)\b")
"""Headers of instructions whose arguments are no program's text."""
GLUED_WORD_ERROR = re.compile(rb"failed to process \\?\"")
"""What the builder says of a word with a quote too few, wherever it stands."""

PROGRESS = re.compile(rb"\d ?[kKMGT]?i?B/|\d ?%|\[[=>]")
"""Progress of a download, which may stand where else only last words do."""

# -- lines between steps --------------------------------------------------------------------------------

# Before the first of them a terminal gets an empty line to go up from.
_LAYER = rb"(?:\r{0,8}\n)?" + _MOVES + _ID + rb": "
_PULL = (
    rb"(?:[^\s:]{1,128}: Pulling from |Using default tag: |Trying to pull repository |Pulling repository )"
    + _REST
    + rb"(?:(?:"
    + _LAYER
    + rb"|"
    + _MOVES
    + rb"(?:Digest|Status): )"
    + _REST
    + rb")*"
)
HEAD = re.compile(rb"[^\s:]{1,128}: (?:(Pulling from )|digest: sha256:)")
"""How a pull begins, with a group, and how a push ends."""

HIDDEN = re.compile(rb"\r[S\x1b]")
"""What stands before a build's first step, or in it, where one begins in the middle of a line."""

_CONTEXT_LINE = rb"(?:Sending build context to Docker daemon *(?:[0-9.]{1,16} ?[kKMGT]?i?B)?\r{0,8})+"
CONTEXT_LINE = re.compile(_CONTEXT_LINE + rb"\n")
"""A line about the context and nothing else."""

_LINES: dict[Kind, bytes] = {
    Kind.BLANK: rb"[ \t\r]*(?:\n|\Z)",
    Kind.CONTEXT: _CONTEXT_LINE + rb"(?:\n\r{0,8})?",
    Kind.RUNNING: rb" ---> Running in (?P<container>" + _ID + rb")(?:\r{0,8}\n)?",
    Kind.CACHED: rb" ---> Using cache" + _END,
    Kind.IMAGE: rb" ---> (?:" + _ID + rb")?" + _END,
    Kind.REMOVED: rb"(?:Removing| ---> Removed) intermediate container " + _ID + _END,
    Kind.TRIGGERS: rb"# Executing \d{1,9} build triggers?(?:\.\.\.)?" + _END,
    Kind.PULL: _PULL,
    Kind.RESULT: rb"Successfully built " + _ID + _END,
    Kind.TAG: rb"(?:Successfully tagged " + _REST + rb")+",
    Kind.CLEANUP: rb"(?:(?:Untagged|Deleted): " + _REST + rb")+",
    Kind.PUSH: (
        rb"(?:The push refers to |"
        + _LAYER
        + rb"(?:Preparing|Waiting|Pushed|Pushing|Layer already exists|Mounted)"
        + rb"|[^\s:]{1,128}: digest: sha256:)"
        + _REST
        + rb"(?:"
        + _LAYER
        + _REST
        + rb")*"
    ),
    Kind.WARNING: (
        rb"DEPRECATED: The legacy builder is deprecated[^\n]*(?:\n[ \t]{4,}[^\n]*)*(?:\n|\Z)"
        rb"|\[WARNING\]: Empty continuation line[^\n]*(?:\n {4}[^\n]*)*(?:\n\[WARNING\]: [^\n]*)?(?:\n|\Z)"
        rb"|(?:(?: ---> )?\[[Ww](?:arning|ARNING)\]|SECURITY WARNING: |WARNING: "
        rb"|Error removing intermediate container )" + _REST
    ),
    Kind.FAILURE: rb"(?:" + _LAST_WORDS + rb")" + _REST,
}
LINE = re.compile(
    _SGR
    + rb"(?:"
    + rb"|".join(b"(?P<%s>%s)" % (kind.name.encode(), line) for kind, line in _LINES.items())
    + rb")"
    rb"|" + _REST
)
"""One line between steps, or a block of lines of one kind; anything else is a line that no group matches."""

KIND_OF: dict[int | None, Kind] = {LINE.groupindex[kind.name]: kind for kind in _LINES} | {None: Kind.UNKNOWN}
"""What a line is, by the number of the outermost group that matched."""
