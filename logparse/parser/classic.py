r"""Docker's classic builder: the output of ``docker build`` with ``DOCKER_BUILDKIT=0``, 2013 to today.

The grammar, as ``builder/dockerfile`` of moby prints it (a line ends in any number of ``\r`` and a ``\n``;
``ID`` is 12 hexadecimal digits)::

    log      = { text | build }
    build    = [ banner ] [ context ] { step } [ failure | result ] { tail }
    banner   = "DEPRECATED: The legacy builder is deprecated" three lines            since 20.10 / 23
    context  = { "Sending build context to Docker daemon  " size "\r" } "\n"         the last one may miss it
    step     = "Step " number [ "/" total ] " : " INSTRUCTION arguments "\n"         the total since 1.13
               { pull | triggers | warning | run } [ cached ] [ image ]
    triggers = "# Executing " count " build trigger" [ "s" ] [ "..." ] "\n"          of ONBUILD in the base
               { "Step " number ... }                                                until 17.x
    run      = " ---> Running in " ID "\n" output [ image ] [ removed ]
    removed  = "Removing intermediate container " ID "\n"                            until 20.10
             | " ---> Removed intermediate container " ID "\n"                       since 23
    cached   = " ---> Using cache\n"
    image    = " ---> " [ ID ] "\n"                                                  no ID: FROM scratch
    pull     = tag ": Pulling from " repository "\n" { ID ": " state "\n" }
               [ "Digest: " digest "\n" ] [ "Status: " text "\n" ]
    failure  = "The command '" command "' returned a non-zero code: " code | message of the daemon
    result   = "Successfully built " ID "\n" { "Successfully tagged " name "\n" }
    tail     = warning | push | "Untagged: " name "\n" | "Deleted: " digest "\n" | text

Three facts make this harder than it looks, each seen in recorded logs:

* *Markers are glued to what came before.* A program that ends without a newline is followed on the same line
  by ``Removing intermediate container ...`` or by the failure; standard error is wrapped in ``ESC[91m``
  and ``ESC[0m``, so a failure often begins behind an escape sequence.
* *Output imitates markers.* A program can print ``Step 99/1 : FROM nowhere`` or a whole nested build. So
  the end of a container's output is found from its id, which the builder chose: everything up to the
  line that removes that container is output, whatever it says. Only where no such line exists (the
  step failed, ``--rm=false``, a cut log) do other markers count, and steps must continue their sequence.
* *The log may stop anywhere*, or hold several builds.

The structural pass visits each marker once and skips over output with plain substring searches. Those are
remembered (:class:`_Landmarks`), so that no stretch is searched twice however many steps there are.
"""

from __future__ import annotations

import json
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from logparse.model import (
    NO_TIMING,
    Build,
    Builder,
    BuildWarning,
    Contents,
    Element,
    Failure,
    Kind,
    LayerPull,
    Log,
    Pull,
    Span,
    Step,
    Tape,
)
from logparse.text import plain

__all__ = ["parse_classic"]

_NOWHERE = 1 << 62

_INSTRUCTION = (
    rb"(?i:FROM|ARG|RUN|COPY|ADD|ENV|WORKDIR|USER|CMD|ENTRYPOINT|EXPOSE|LABEL|VOLUME|SHELL"
    rb"|MAINTAINER|ONBUILD|HEALTHCHECK|STOPSIGNAL)"
)
_SGR = rb"(?:\x1b\[[0-9;]{0,16}m){0,4}"

# A step's header and all that can follow it without a look at any output: one match a step. Nothing more is
# read behind a container's start, since from there on it is a program that speaks.
_STEP = re.compile(
    _SGR
    + rb"Step (\d{1,9})(?:/(\d{1,9}))? : (?="
    + _INSTRUCTION
    + rb"\b)([^\n]*(?:\n|\Z))"
    + rb"(?:( ---> Running in ([0-9a-f]{12})(?:\r{0,8}\n)?)"
    + rb"|( ---> Using cache\r{0,8}\n)?( ---> (?:[0-9a-f]{12})?\r{0,8}(?:\n|\Z))?)"
)
_HEADER, _RUNNING, _CONTAINER, _CACHED, _IMAGE = 3, 4, 5, 6, 7

# What stands right behind the id in a line that removes a container.
_AFTER_REMOVAL = re.compile(rb"\r{0,8}(?:\n|\Z)( ---> [0-9a-f]{12}\r{0,8}(?:\n|\Z))?")
# A container that could not be removed is tried again behind every later step, sometimes with success, so
# the line about a step's own container may come several steps late.
_LATE_REMOVAL = re.compile(
    rb"(?P<lines>(?:(?:Removing|Error removing) intermediate container [0-9a-f]{12}[^\n]*\n){1,64})"
    rb" ---> [0-9a-f]{12}\r{0,8}\n(?:Step (?P<next>\d{1,9})|Successfully built )"
)
# Until Docker 17.x the image came before the removal.
_BEFORE_REMOVAL = re.compile(rb"(?<=\n) ---> [0-9a-f]{12}\r{0,8}\n\Z")

# What the client says when no build could begin.
_CLIENT_WORDS = (
    rb"unable to prepare context: |Cannot connect to the Docker daemon|ERROR: Cannot connect to the Docker"
    rb"|error during connect: |Error response from daemon: "
)
# What the daemon says in place of a result even while a container runs.
_DAEMON_WORDS = (
    rb"OCI runtime |rpc error: |context canceled|unexpected EOF|failed to create |failed to register layer"
    rb"|failed to export image|failed to get layer|layer does not exist|max depth exceeded"
    rb"|Error processing tar file|ApplyLayer |archive/tar: "
)
# What they say between steps. No program can be running there, so a wide net is safe; what it misses is
# found by position (see _Cutter._close).
_LAST_WORDS = (
    rb"The command ['\[]|(?:COPY|ADD) failed: |manifest for \S{1,512} not found|pull access denied"
    rb"|(?:Get|Head) \"?https?://|no matching manifest for|invalid reference format|invalid from flag value"
    rb"|failed to |toomanyrequests: |unauthorized: |denied: |received unexpected HTTP status"
    rb"|repository \S{1,512} not found|[Dd]ockerfile parse error|[Uu]nknown instruction: |[Uu]nknown flag: "
    rb"|the Dockerfile \([^\n)]{0,512}\) cannot be empty|[Nn]o build stage in current context"
    rb"|error pulling image|x509: |dial tcp|(?: --->)?No image was generated|When using (?:COPY|ADD) with more"
    rb"|[Ff]orbidden path outside|the --\w{1,32} option requires BuildKit|image operating system"
    rb"|circular dependency|mkdir /|write /|open /|l?stat /|" + _DAEMON_WORDS + rb"|" + _CLIENT_WORDS
)
_CLOSING_CLIENT = re.compile(_SGR + rb"(?:" + _CLIENT_WORDS + rb")")
_CLOSING_DAEMON = re.compile(_SGR + rb"(?:" + _DAEMON_WORDS + rb"|" + _CLIENT_WORDS + rb")")
# Last words behind a header with no newline between: some captures join the two streams so.
_GLUED_CLOSING = re.compile(
    rb"invalid reference format|manifest for \S{1,512} not found|pull access denied for |Get \"?https?://"
    rb"|no matching manifest for |failed to |unauthorized: |unknown flag: |repository \S{1,512} not found"
    rb"|(?:COPY|ADD) failed: |Error response from daemon: |No image was generated|error pulling image "
    rb"|denied: |toomanyrequests: |received unexpected HTTP status|image operating system |invalid from flag|lstat /"
)

# One line between steps. The number of the group that matched says the kind.
_LINE_KINDS: tuple[tuple[Kind, bytes], ...] = (
    (Kind.BLANK, rb"[ \t\r]*(?:\n|\Z)"),
    (
        Kind.CONTEXT,
        rb"(?:Sending build context to Docker daemon *(?:[0-9.]{1,16} ?[kKMGT]?i?B)?\r{0,8})+(?:\n\r{0,8})?",
    ),
    (Kind.RUNNING, rb" ---> Running in (?P<container>[0-9a-f]{12})(?:\r{0,8}\n)?"),
    (Kind.CACHED, rb" ---> Using cache\r{0,8}(?:\n|\Z)"),
    (Kind.IMAGE, rb" ---> (?:[0-9a-f]{12})?\r{0,8}(?:\n|\Z)"),
    (
        Kind.REMOVED,
        rb"(?:Removing| ---> Removed) intermediate container [0-9a-f]{12}\r{0,8}(?:\n|\Z)",
    ),
    (Kind.TRIGGERS, rb"# Executing \d{1,9} build triggers?(?:\.\.\.)?\r{0,8}(?:\n|\Z)"),
    (
        Kind.PULL,
        rb"(?:[^\s:]{1,128}: Pulling from [^\n]*(?:\n|\Z)|Using default tag: [^\n]*(?:\n|\Z)"
        rb"|Trying to pull repository [^\n]*(?:\n|\Z)|Pulling repository [^\n]*(?:\n|\Z))"
        rb"(?:[0-9a-f]{12}: [^\n]*(?:\n|\Z)|Digest: [^\n]*(?:\n|\Z)|Status: [^\n]*(?:\n|\Z)|[ \t\r]*\n(?=[0-9a-f]{12}: ))*",
    ),
    (Kind.RESULT, rb"Successfully built [0-9a-f]{12}\r{0,8}(?:\n|\Z)"),
    (Kind.TAG, rb"Successfully tagged [^\n]*(?:\n|\Z)"),
    (Kind.CLEANUP, rb"(?:Untagged: |Deleted: )[^\n]*(?:\n|\Z)"),
    (
        Kind.PUSH,
        rb"(?:The push refers to |[0-9a-f]{12}: (?:Preparing|Waiting|Pushed|Pushing|Layer already exists|Mounted)"
        rb"|[^\s:]{1,128}: digest: sha256:)[^\n]*(?:\n|\Z)",
    ),
    (
        Kind.WARNING,
        rb"DEPRECATED: The legacy builder is deprecated[^\n]*(?:\n[ \t]{4,}[^\n]*)*(?:\n|\Z)"
        rb"|\[WARNING\]: Empty continuation line[^\n]*(?:\n {4}[^\n]*)*(?:\n\[WARNING\]: [^\n]*)?(?:\n|\Z)"
        rb"|(?: ---> )?\[[Ww](?:arning|ARNING)\][^\n]*(?:\n|\Z)|SECURITY WARNING: [^\n]*(?:\n|\Z)"
        rb"|WARNING: [^\n]*(?:\n|\Z)|Error removing intermediate container [^\n]*(?:\n|\Z)",
    ),
    (Kind.FAILURE, rb"(?:" + _LAST_WORDS + rb")[^\n]*(?:\n|\Z)"),
)
_LINE = re.compile(
    _SGR + rb"(?:" + rb"|".join(b"(?P<%s>%s)" % (k.name.encode(), r) for k, r in _LINE_KINDS) + rb")"
    rb"|[^\n]*(?:\n|\Z)"
)


# What can begin a build where none is open. Both have a literal start, which makes the search fast.
_FIRST_STEP = re.compile(rb"Step (\d{1,9})(?:/\d{1,9})? : (?=" + _INSTRUCTION + rb"\b)")
_CONTEXT = b"Sending build context to Docker daemon"
_LINE_START = re.compile(rb"(?:\A|[\r\n])(?:\x1b\[[0-9;]{0,16}m){0,4}\Z")

# What can end the output of a container that no line removes: its image with the next step or the result
# behind it, or the beginning of another build.
_BOUNDARY = re.compile(
    rb"\n"
    + _SGR
    + rb"(?:(?P<image> ---> [0-9a-f]{12}\r{0,8}\n)(?:Step (?P<next>\d{1,9})(?:/\d{1,9})? : "
    + _INSTRUCTION
    + rb"\b|(?P<result>Successfully built [0-9a-f]{12}\r{0,8}(?:\n|\Z)))"
    + rb"|(?P<build>Sending build context to Docker daemon |Step [01](?:/\d{1,9})? : "
    + _INSTRUCTION
    + rb"\b))"
)

_REMOVAL = b"intermediate container "
_REMOVERS = (b"Removing ", b" ---> Removed ")
_NON_ZERO = b" returned a non-zero code: "
_CODE = re.compile(rb" returned a non-zero code: (\d{1,9})")
_LAST_LINE = 65536  # bytes at the end of an output in which its last line is looked for
_COMMANDS = (b"The command '", b"The command [")
_RUN_FLAGS = re.compile(rb"(?:--[a-z]+=\S+\s+)*")

# How many look-alikes of a container's end are examined. More than a few exist only where a program
# imitates them, and a bound keeps the cost linear.
_COMPARED = 64

_NO_RESULT = frozenset({Kind.UNKNOWN, Kind.BLANK, Kind.PULL})
_MERGED = frozenset({Kind.UNKNOWN, Kind.BLANK, Kind.CONTEXT, Kind.PUSH, Kind.CLEANUP})


class _Landmarks:
    """The places of one substring in a log, found from left to right and at most once each.

    A parser that looked for the next marker anew at every step would read a log of n steps n times when
    the marker is missing. Here the next place is remembered until it is passed, so all calls together
    read the log once; :meth:`all` reads it once more for the rare questions that cannot be answered so.
    """

    __slots__ = ("_all", "_data", "_literal", "_next")

    def __init__(self, data: bytes, literal: bytes) -> None:
        self._data = data
        self._literal = literal
        self._next = -1
        self._all: array[int] | None = None

    def after(self, offset: int) -> int:
        """The first place at or behind `offset`, or the log's size; `offset` must not fall between calls."""
        if self._next < offset:
            found = self._data.find(self._literal, offset)
            self._next = found if found >= 0 else len(self._data)
        return self._next

    def all(self) -> array[int]:
        """All places."""
        if self._all is None:
            self._all = array("q")
            found = self._data.find(self._literal)
            while found >= 0:
                self._all.append(found)
                found = self._data.find(self._literal, found + len(self._literal))
        return self._all


class _Cutter:
    """The structural pass: cuts a log into elements, steps and builds."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.tape = Tape()
        self.heads = array("q")
        """Three numbers a step: the index of its header on the tape, its number, its total or -1."""
        self.builds = [(0, 0)]
        """Where each build begins: its first element, its first step."""
        self._contexts = _Landmarks(data, _CONTEXT)
        self._removals = _Landmarks(data, _REMOVAL)
        self._failures = _Landmarks(data, _NON_ZERO)
        self._removals_of: dict[bytes, list[int]] | None = None
        self._first_step = -1
        self._open = False
        self._number = -1
        self._total = -1
        self._arguments = Span(0, 0)
        self._triggers = False

    def cut(self) -> None:
        """Cut the whole log."""
        position = 0
        while position < self.size:
            if not self._open:
                start = self._next_build(position)
                while position < start:
                    position = self._line(position, start)
                if start < self.size:
                    self._begin()
            else:
                match = _STEP.match(self.data, position)
                if match is not None and self._continues(match):
                    position = self._step(match)
                else:
                    position = self._line(position, self.size)
        if self._open:
            self._close()

    # -- builds ---------------------------------------------------------------------------------------

    def _next_build(self, position: int) -> int:
        """Where the next build begins: at its context, or at its first step if it has none."""
        if self._first_step < position:
            # A log may have lost its head; but once a build was seen, only a first step begins another.
            lost_head = not self.heads
            self._first_step = self.size
            for match in _FIRST_STEP.finditer(self.data, position):
                start = match.start()
                if (lost_head or match[1] in {b"0", b"1"}) and (
                    _LINE_START.search(self.data, max(0, start - 64), start) is not None
                ):
                    self._first_step = start
                    break
        return min(self._first_step, self._contexts.after(position))

    def _begin(self) -> None:
        """Open a build at the end of the tape; what came before the log's first one belongs to it."""
        self._open = True
        if len(self.heads) > 3 * self.builds[-1][1]:
            self.builds.append((len(self.tape), len(self.heads) // 3))
        self._number = -1
        self._total = -1
        self._triggers = False

    def _continues(self, match: re.Match[bytes]) -> bool:
        """Whether a header belongs to the build at hand, or begins the next one."""
        number = int(match[1])
        total = int(match[2]) if match[2] is not None else -1
        if self._number >= 0:
            # A greater number than the next one is accepted, since lines may be missing here; a
            # smaller one or another total is not this build's.
            if number <= self._number or total != self._total:
                if self._triggers or number > 1:
                    return False
                self._begin()
        self._number = number
        self._total = total
        return True

    def _close(self) -> None:
        """At the log's end, find last words that stand where only last words can, whatever they say."""
        if len(self.heads) == 3 * self.builds[-1][1]:
            return
        header = self.heads[-3]
        after = self.tape.kinds[header + 1 :].rstrip(bytes([Kind.BLANK]))
        if any(kind not in _NO_RESULT for kind in after):
            return
        last = header + len(after)
        element = self.tape.element(last)
        if element.kind is Kind.UNKNOWN:
            # Some captures join two streams, so the first of several lines may hang on the header.
            glued = _GLUED_CLOSING.search(self.data, *self.tape.element(header)[1:])
            if glued is not None:
                self.tape.split(header, glued.start(), Kind.FAILURE)
            elif self.data.endswith(b"\n", element.start, element.end):
                start = self.data.rfind(b"\n", element.start, element.end - 1) + 1
                self.tape.split(last, max(start, element.start), Kind.FAILURE)
        else:
            glued = _GLUED_CLOSING.search(self.data, element.start, element.end)
            if glued is not None:
                self.tape.split(last, glued.start(), Kind.FAILURE)

    # -- between steps --------------------------------------------------------------------------------

    def _line(self, position: int, limit: int) -> int:
        """Cut one line, or one block of lines that belong together; returns where the next begins."""
        match = _LINE.match(self.data, position, limit)
        assert match is not None  # its last alternative matches anything
        end = match.end()
        kind = Kind[match.lastgroup] if match.lastgroup else Kind.UNKNOWN
        if kind is Kind.FAILURE and not self._may_fail(position, limit):
            kind = Kind.UNKNOWN
        elif kind is Kind.RESULT and not self._open:
            kind = Kind.UNKNOWN
        elif kind is Kind.CONTEXT and self._open and self._number >= 0:
            self._begin()
        elif kind is Kind.TRIGGERS:
            self._triggers = True
        elif kind is Kind.UNKNOWN and self._triggers and _FIRST_STEP.match(self.data, position):
            # Until Docker 17.x each trigger had a header of its own, counted from 1 again.
            kind = Kind.TRIGGERS

        kinds = self.tape.kinds
        if kinds and kinds[-1] == kind and kind in _MERGED and len(kinds) > self.builds[-1][0]:
            self.tape.ends[-1] = end
        else:
            kinds.append(kind)
            self.tape.ends.append(end)

        if kind is Kind.RUNNING and self._open:
            return self._run(end, match["container"])
        if kind is Kind.RESULT or kind is Kind.FAILURE:
            self._open = False
        return end

    def _may_fail(self, position: int, limit: int) -> bool:
        """Whether words that sound like the builder's last ones can be that."""
        if self._open:
            return True
        no_build = limit == self.size and not self.heads
        return no_build and _CLOSING_CLIENT.match(self.data, position) is not None

    # -- steps ----------------------------------------------------------------------------------------

    def _step(self, match: re.Match[bytes]) -> int:
        """Cut a step's header and what stands right behind it; returns where the next line begins."""
        kinds, ends = self.tape.kinds, self.tape.ends
        self.heads.extend((len(kinds), self._number, self._total))
        spans = match.regs
        self._arguments = spans[_HEADER]
        kinds.append(Kind.HEADER)
        ends.append(spans[_HEADER][1])
        if spans[_RUNNING][1] >= 0:
            kinds.append(Kind.RUNNING)
            ends.append(spans[_RUNNING][1])
            return self._run(spans[_RUNNING][1], match[_CONTAINER])
        if spans[_CACHED][1] >= 0:
            kinds.append(Kind.CACHED)
            ends.append(spans[_CACHED][1])
        if spans[_IMAGE][1] >= 0:
            kinds.append(Kind.IMAGE)
            ends.append(spans[_IMAGE][1])
        return spans[0][1]

    def _run(self, position: int, container: bytes) -> int:
        """Cut a container's output and what the builder says behind it."""
        removal = self._removals.after(position)
        if not self._removes(removal, position, container):
            # Rare: a failing step, ``--rm=false``, a late removal, or output that imitates one.
            late = self._late_removal(removal, position)
            if late >= 0:
                self._add(Kind.OUTPUT, late)
                return late
            removal = self._far_removal(position, container)
            if removal < 0:
                return self._run_unremoved(position)
        after = _AFTER_REMOVAL.match(self.data, removal + len(_REMOVAL) + len(container))
        assert after is not None  # _removes has seen it
        start = removal - (9 if self.data.startswith(b"Removing ", removal - 9) else 14)
        image = None
        if after[1] is None:
            image = _BEFORE_REMOVAL.search(self.data, max(position - 1, start - 32), start)
        if image is not None:
            self._add(Kind.OUTPUT, image.start())
            self._add(Kind.IMAGE, start)
        else:
            self._add(Kind.OUTPUT, start)
        if after[1] is None:
            self._add(Kind.REMOVED, after.end())
        else:
            self._add(Kind.REMOVED, after.start(1))
            self._add(Kind.IMAGE, after.end())
        return after.end()

    def _add(self, kind: Kind, end: int) -> None:
        """Append an element unless it is empty (:meth:`Tape.add` without its check, for speed)."""
        ends = self.tape.ends
        if end > ends[-1]:
            self.tape.kinds.append(kind)
            ends.append(end)

    def _late_removal(self, offset: int, position: int) -> int:
        """Where the lines of :data:`_LATE_REMOVAL` begin, if `offset` is in the first of them; else -1."""
        for words in (b"Removing ", b"Error removing "):
            start = offset - len(words)
            if start < position or not self.data.startswith(words, start):
                continue
            match = _LATE_REMOVAL.match(self.data, start)
            if match is not None and b"Error removing " in match["lines"]:
                number = match["next"]
                return start if number is None or int(number) == self._number + 1 else -1
        return -1

    def _far_removal(self, position: int, container: bytes) -> int:
        """Where the line that removes `container` is when other such lines come before it, or -1."""
        if self._removals_of is None:
            self._removals_of = {}
            for offset in self._removals.all():
                name = offset + len(_REMOVAL)
                self._removals_of.setdefault(self.data[name : name + 12], []).append(offset)
        offsets = self._removals_of.get(container, [])
        first = bisect_left(offsets, position)
        for offset in offsets[first : first + _COMPARED]:
            if self._removes(offset, position, container):
                return offset
        return -1

    def _removes(self, offset: int, position: int, container: bytes) -> bool:
        """Whether the ``intermediate container `` at `offset` is the builder's, about `container`."""
        name = offset + len(_REMOVAL)
        return (
            self.data.startswith(container, name)
            and self.data.endswith(_REMOVERS, position, offset)
            and _AFTER_REMOVAL.match(self.data, name + len(container)) is not None
        )

    def _run_unremoved(self, position: int) -> int:
        """Cut the output of a container that no line removes: it failed, was kept, or the log is cut."""
        places = self._failures.all()
        first = bisect_left(places, position)
        arguments = self._command()
        # The builder repeats the instruction when its command fails. That is the surest end there is.
        for place in places[first : first + _COMPARED]:
            if arguments and self.data.endswith(arguments, position, place - 1):
                return self._fail(position, place, place - 1 - len(arguments))
        end = self.size
        for match in _BOUNDARY.finditer(self.data, max(position - 1, 0)):
            if match["build"] is not None:
                end = match.start("build")
                break
            if match["result"] is not None or int(match["next"]) == self._number + 1:
                end = match.start("image")
                break
        beyond = bisect_left(places, end)
        if beyond > first:
            return self._fail(position, places[beyond - 1], places[beyond - 1])
        words = self._last_words(position, end)
        self._add(Kind.OUTPUT, words)
        if words < end:
            self._add(Kind.FAILURE, end)
            self._open = False
        return end

    def _command(self) -> bytes:
        """The command of the step at hand as the builder repeats it when it fails."""
        instruction, _, arguments = self.data[slice(*self._arguments)].strip().partition(b" ")
        if instruction.upper() != b"RUN":
            return b""
        arguments = arguments[_RUN_FLAGS.match(arguments).end() :].strip()  # type: ignore[union-attr]
        if arguments.startswith(b"["):
            try:
                return " ".join(json.loads(arguments)).encode()
            except (ValueError, TypeError, RecursionError):
                return arguments
        return arguments

    def _fail(self, position: int, place: int, limit: int) -> int:
        """Cut output and failure, whose `` returned a non-zero code: `` is at `place`."""
        start = max(self.data.rfind(words, position, max(limit, position)) for words in _COMMANDS)
        if start < 0:
            start = max(self.data.rfind(b"\n", position, place) + 1, position)
        self._add(Kind.OUTPUT, start)
        line_end = self.data.find(b"\n", place)
        end = self.size if line_end < 0 else line_end + 1
        self._add(Kind.FAILURE, end)
        self._open = False
        return end

    def _last_words(self, start: int, end: int) -> int:
        """Where the daemon's last words begin in the last line of a container's output, else `end`."""
        tail = max(start, end - _LAST_LINE)
        last = tail + len(self.data[tail:end].rstrip())
        line = max(self.data.rfind(b"\n", tail, last) + 1, tail)
        return line if _CLOSING_DAEMON.match(self.data, line, last) is not None else end


# ---- reading the views of a build from its elements ---------------------------------------------------

_HEADER_PARTS = re.compile(_SGR + rb"Step \d+(?:/\d+)? : (\w+)[ \t]*([^\n]*)")
_LAYER_LINE = re.compile(rb"(?:^|[\r\n])([0-9a-f]{12}): ([^\r\n]*)")
_LAYER_BYTES = re.compile(rb"/\s?([0-9.]{1,16}) ?([kKMGT]?)i?B\b")
_STAGE_NAME = re.compile(r"(?i)\s+AS\s+(\S+)\s*$")
_PULLING = re.compile(rb"(?:^|\n)([^\s:]{1,128}): Pulling from ([^\r\n]*)")
_PULL_DIGEST = re.compile(rb"\nDigest: ([^\r\n]*)")
_PULL_STATUS = re.compile(rb"\nStatus: ([^\r\n]*)")
_IMAGE_ID = re.compile(rb"[0-9a-f]{12}")
_TRIGGER_COUNT = re.compile(rb"Executing (\d{1,9}) build")
_TAGGED = re.compile(rb"Successfully tagged ([^\r\n]*)")
_UNITS = {b"": 1, b"k": 1000, b"K": 1000, b"M": 1000**2, b"G": 1000**3, b"T": 1000**4}


@dataclass(slots=True)
class _Reader:
    """Reads one build's elements into steps, pulls and the rest."""

    build: Build
    heads: array[int]

    def __call__(self) -> Contents:
        build, tape, data = self.build, self.build.tape, self.build.log.data
        kinds = tape.kinds
        failure_at = kinds.find(Kind.FAILURE, build.first, build.last)
        steps: list[Step] = []
        pulls: list[Pull] = []
        stage, stage_name = -1, None
        heads = self.heads
        failed_step = None
        for place in range(0, len(heads), 3):
            first = heads[place]
            last = heads[place + 3] if place + 3 < len(heads) else self._end_of_last_step(first)
            step = self._step(first, last, heads[place + 1], heads[place + 2], pulls)
            if step.instruction == "FROM":
                stage += 1
                name = _STAGE_NAME.search(step.arguments)
                stage_name = name[1] if name else None
            step.stage, step.stage_name = stage, stage_name
            if first < failure_at:
                failed_step = len(steps)
            steps.append(step)
        failure = None
        if failure_at >= 0:
            element = tape.element(failure_at)
            code = _CODE.search(data, element.start, element.end)
            failure = Failure(Span(*element[1:]), int(code[1]) if code else None, failed_step)
            if failed_step is not None:
                steps[failed_step].failed = True
                steps[failed_step].exit_code = failure.exit_code
        result = kinds.find(Kind.RESULT, build.first, build.last)
        return Contents(
            steps=tuple(steps),
            pulls=tuple(pulls),
            warnings=tuple(
                BuildWarning(self._text(e).strip(), Span(*e[1:])) for e in self._of_kind(Kind.WARNING)
            ),
            failure=failure,
            image_id=self._first_id(tape.element(result)) if result >= 0 else None,
            tags=tuple(
                plain(name) for e in self._of_kind(Kind.TAG) for name in _TAGGED.findall(data, e.start, e.end)
            ),
        )

    def _of_kind(self, kind: Kind) -> Iterator[Element]:
        index = self.build.tape.kinds.find(kind, self.build.first, self.build.last)
        while index >= 0:
            yield self.build.tape.element(index)
            index = self.build.tape.kinds.find(kind, index + 1, self.build.last)

    def _text(self, element: Element) -> str:
        lines = self.build.log.data[element.start : element.end].split(b"\n")
        return "\n".join(plain(line) for line in lines)

    def _first_id(self, element: Element) -> str | None:
        match = _IMAGE_ID.search(self.build.log.data, element.start, element.end)
        return match[0].decode() if match else None

    def _end_of_last_step(self, header: int) -> int:
        kinds = self.build.tape.kinds
        ends = (kinds.find(kind, header, self.build.last) for kind in (Kind.RESULT, Kind.FAILURE))
        return min((end for end in ends if end >= 0), default=self.build.last)

    def _step(self, first: int, last: int, number: int, total: int, pulls: list[Pull]) -> Step:
        """Read the step whose elements are `first` to `last` (exclusive); its pulls go to `pulls`."""
        data = self.build.log.data
        kinds, ends = self.build.tape.kinds, self.build.tape.ends
        header = Span(ends[first - 1] if first else 0, ends[first])
        parts = _HEADER_PARTS.match(data, *header)
        assert parts is not None  # the header was cut by a stricter pattern
        cached = False
        image_id: str | None = None
        container_ids: list[str] = []
        outputs: list[Span] = []
        triggers = 0
        start = header.end
        for index in range(first + 1, last):
            kind, end = kinds[index], ends[index]
            if kind == Kind.IMAGE:
                image_id = data[start + 6 : start + 18].decode().strip() or None
            elif kind == Kind.RUNNING:
                container_ids.append(data[start + 17 : start + 29].decode())
            elif kind == Kind.OUTPUT:
                outputs.append(Span(start, end))
            elif kind == Kind.CACHED:
                cached = True
            elif kind == Kind.PULL:
                pulls.append(_read_pull(data[start:end], number, Span(start, end)))
            elif kind == Kind.TRIGGERS:
                count = _TRIGGER_COUNT.search(data, start, end)
                triggers += int(count[1]) if count else 0
            start = end
        return Step(
            number=number,
            total=total if total >= 0 else None,
            instruction=parts[1].decode("ascii", "replace").upper(),
            arguments=plain(parts[2]).rstrip(),
            stage=-1,
            stage_name=None,
            platform=None,
            cached=cached,
            image_id=image_id,
            container_ids=tuple(container_ids),
            exit_code=None,
            failed=False,
            triggers=triggers,
            timing=NO_TIMING,
            span=Span(header.start, start),
            header=header,
            outputs=tuple(outputs),
            log=self.build.log,
        )


def _read_pull(block: bytes, step_number: int, span: Span) -> Pull:
    """Read the lines of one pull. A layer's state is the last one it reached."""
    named = _PULLING.search(block)
    layers: dict[bytes, LayerPull] = {}
    for match in _LAYER_LINE.finditer(block):
        layer_id, state = match[1], plain(match[2]).strip()
        size = _LAYER_BYTES.search(match[2])
        known = layers.get(layer_id)
        layers[layer_id] = LayerPull(
            layer_id=layer_id.decode(),
            bytes=int(float(size[1]) * _UNITS[size[2]]) if size else known.bytes if known else None,
            already_present=state == "Already exists" or (known is not None and known.already_present),
            state=state.split("  ")[0] if size is None else state.split(" ")[0],
        )
    digest, status = _PULL_DIGEST.search(block), _PULL_STATUS.search(block)
    return Pull(
        repository=plain(named[2]).strip() if named else "",
        tag=plain(named[1]) if named else "",
        step_number=step_number,
        layers=tuple(layers.values()),
        digest=plain(digest[1]) if digest else None,
        status=plain(status[1]) if status else None,
        span=span,
    )


def parse_classic(log: Log) -> list[Build]:
    """Parse what the classic builder printed.

    Parameters
    ----------
    log
        Any bytes at all.

    Returns
    -------
    list of Build
        One or more builds whose elements cover the log without a gap; empty if the builder printed nothing
        in it: no context, no step, no words of its own.
    """
    cutter = _Cutter(log.data)
    cutter.cut()
    if not any(kind in cutter.tape.kinds for kind in (Kind.HEADER, Kind.CONTEXT, Kind.FAILURE)):
        return []
    builds = []
    starts = [*cutter.builds, (len(cutter.tape), len(cutter.heads) // 3)]
    for index, ((first, step), (last, next_step)) in enumerate(pairwise(starts)):
        heads = cutter.heads[3 * step : 3 * next_step]
        builds.append(
            Build(
                log,
                Builder.CLASSIC,
                cutter.tape,
                first,
                last,
                index=index,
                decode=lambda build, heads=heads: _Reader(build, heads)(),
            )
        )
    return builds
