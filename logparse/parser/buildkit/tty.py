r"""BuildKit's display on a terminal: ``docker build`` as people see it, captured or pasted. 2018 to today.

The grammar, as ``progressui/display.go`` of buildkit (``printErrorLogs``), ``solver/errdefs/source.go`` and
``commands/build.go`` of buildx print it. Escape sequences can stand before each line, or be lost. Frames are
described in :mod:`.frames`::

    log      = { text | build }
    build    = frame { frame } { block } [ warnings ] [ excerpt ] [ failure ] { note }
    frame    = { moves of the cursor } header "\n" { row "\n" }
    block    = "------\n > " name ":\n" { output } "------\n"         one a vertex that failed
    output   = [ "#" number " " ] seconds " " text "\n"               the number in 20.10, until 2023
             | text "\n"                                              the rest of a line that came in pieces
    warnings = "\n " count " warnings found (use docker --debug to expand):\n" { " - " text "\n" }
    excerpt  = file ":" line "\n--------------------\n" { number " | " [ ">>>" ] text "\n" } "----...\n"
    failure  = [ "ERROR: " ] "failed to build: failed to solve: " ... "exit code: " code "\n"
             | "executor failed running [" command "]: exit code: " code "\n"     20.10

A capture is mostly frames, each of which repeats the one before it, so a frame is one element, and all
that the views need is the last state of each row. What a program printed is in a block if its step failed. Of
other steps only those few lines are there that the display happened to show; they are taken for output where
the step did not come to its end.

A display's seconds only grow. So a frame with fewer than the one before it, or behind the end of a build,
begins another build.

:mod:`.display` reads the views.
"""

from __future__ import annotations

import re
from itertools import pairwise

from logparse.model import Build, Builder, Kind, Tape, Transcript
from logparse.parser.buildkit.carry import carry_tty
from logparse.parser.buildkit.display import read_contents
from logparse.parser.buildkit.frames import Frame
from logparse.parser.compose import COMPOSE_LINE, FAILED_SERVICE
from logparse.parser.format import Format

__all__ = ["TTY", "parse_tty"]

# -- patterns -------------------------------------------------------------------------------------------

# Moves of the cursor, colours, titles of windows; and what the terminal shows of Ctrl-C.
_MOVES = (
    rb"(?:\x1b\[[0-9;?]{0,16}[A-Za-z]|\r|\^C|\x1b[()][0-9A-Z]"
    rb"|\x1b\][^\x07\x1b\n]{0,256}(?:\x07|\x1b\\))*+"
)
_END = rb"[ \t\r]*+(?:\n|\Z)"
_ENDS = _END + rb"(?:[ \t\r]*+\n)?"
_REST = rb"[^\n]*+(?:\n|\Z)"
_HEADER = rb"[ \t]{0,8}\[\+\] [A-Z]\w{1,31} \d{1,9}(?:\.\d{1,3})?s \(\d{1,9}/\d{1,9}\)"
_ROW = _MOVES + rb"[ \t]{0,8}=> " + _REST
# A row without a header has to end as one does.
_SURE_ROW = _MOVES + rb"[ \t]{0,8}=> [^\n]*\d\.\ds" + _END
_NAMED_ROW = (
    rb"[ \t]{0,8}=> (?:(?:CACHED|ERROR|CANCELED) ){0,2}\[(?:internal|[^\]\n]{0,256}\d{1,6}/\d{1,6})\] "
    rb"[^\n]{0,400}\d\.\ds[ \t\r]{0,16}(?:\n|\Z)"
)

_NAMED = re.compile(rb"(?:\A|\n)" + _MOVES + _NAMED_ROW)

SIGN = re.compile(
    rb"(?:\A|[\r\n])(?:\x1b\[[0-9;?]{0,16}[A-Za-z]){0,32}(?:" + _HEADER + rb"|" + _NAMED_ROW + rb")"
)
"""The header of a frame, or a row of one whose name only BuildKit gives."""

_MARK = rb"(?:#\d{1,9} )?\d{1,9}\.\d{1,4}(?: |(?=\r?\n))"
MARK = re.compile(rb"(?:\x1b\[[0-9;]{0,16}m){0,4}(?: => => # |" + _MARK + rb")")
"""What stands before each line of a program: in a block its time, in a frame an arrow."""

_CLOSING = (
    rb"(?:ERROR: |failed to |target [^\s:]{1,128}: |executor failed running |rpc error: "
    rb"|Error response from daemon: |error: |context canceled|" + FAILED_SERVICE + rb")"
)

_FRAME, _ROWS, _BLOCK = "FRAME", "ROWS", "BLOCK"
_LINES: dict[str, bytes] = {
    _FRAME: _HEADER + _REST + rb"(?:" + _ROW + rb")*+",
    _ROWS: rb"(?=" + _SURE_ROW + rb")(?:" + _ROW + rb")++",
    Kind.BLANK.name: _END,
    _BLOCK: rb"------" + _END + rb" > [^\n]{0,65536}:" + _END,
    # Compose ends each of its lines twice.
    Kind.EXCERPT.name: (
        rb"[^\n:]{1,512}:\d{1,9}"
        + _ENDS
        + rb"-{20}"
        + _ENDS
        + rb"(?: {0,8}\d{1,9} \|"
        + _REST
        + rb"(?:[ \t\r]*+\n)?)*+(?:-{20}"
        + _ENDS
        + rb")?"
    ),
    Kind.WARNING.name: (
        rb" ?" + _MOVES + rb"\d{1,6} warnings? found" + _REST + rb"(?:" + _MOVES + rb" - " + _REST + rb")*+"
        rb"|WARNING: " + _REST
    ),
    Kind.FAILURE.name: _CLOSING + _REST,
    Kind.NOTE.name: (
        COMPOSE_LINE
        + rb"|View build details: "
        + _REST
        + rb"|What's (?:n|N)ext\?"
        + _REST
        + rb"|What's next:"
        + _REST
        + rb"(?: {4}"
        + _REST
        + rb")*+"
        rb"|(?:WARN|INFO)(?:\x1b\[0m)?\[\d{4}\] " + _REST
    ),
}
_LINE = re.compile(
    rb"(?!\Z)"
    + _MOVES
    + rb"(?:"
    + rb"|".join(b"(?P<%s>%s)" % (name.encode(), line) for name, line in _LINES.items())
    + rb")|"
    + _REST
)
_BLOCK_END = re.compile(rb"(?<=\n)------[ \t\r]*+(?:\n|\Z)(?!" + _MARK + rb")|(?<=\n)" + _MOVES + _HEADER)

_GAP = 2.0
"""Seconds between two frames behind which they are of two builds, if there are closing words between them."""

_MERGED = frozenset({Kind.UNKNOWN, Kind.BLANK, Kind.NOTE})


# -- cutting --------------------------------------------------------------------------------------------


class _Cutter:
    """Cuts a text into elements and builds; a frame is one element."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.tape = Tape()
        self.builds = [0]
        self.found = False
        self._frame: Frame | None = None
        # Of the build at hand: whether it has ended for sure, and where words are that may be its last.
        self._ended = False
        self._words: list[int] = []

    def cut(self) -> None:
        """Cut the whole text."""
        position, size = 0, len(self.data)
        while position < size:
            match = _LINE.match(self.data, position)
            if match is None:  # its last alternative matches any line
                raise AssertionError(position)
            position = self._line(match)

    def _line(self, match: re.Match[bytes]) -> int:
        """Put a line, or the lines that belong to it, on the tape; returns where the next begins."""
        end = match.end()
        kind = Kind.UNKNOWN
        match match.lastgroup:
            case "FRAME":
                self._begin(match.start(), end)
                kind = Kind.PROGRESS
            case "ROWS" if self.found or _NAMED.search(self.data, max(match.start() - 1, 0), end):
                self.found = True
                kind = Kind.PROGRESS
            case "BLOCK" if self.found:
                return self._block(end)
            case "FAILURE" if self.found:
                self._words.append(len(self.tape))
                kind = Kind.FAILURE
            case None | "ROWS" | "BLOCK" | "FAILURE":
                pass
            case name:
                kind = Kind[name]
        kinds = self.tape.kinds
        if kind in _MERGED and len(kinds) > self.builds[-1] and kinds[-1] == kind:
            self.tape.ends[-1] = end
        else:
            self.tape.add(kind, end)
        return end

    def _begin(self, start: int, end: int) -> None:
        """Begin a frame, and with it another build if it does not go on with the one at hand."""
        frame, last = Frame.of(self.data, start, end), self._frame
        if last is not None and frame is not None:
            goes_on = 0 <= frame.seconds - last.seconds < _GAP and last.done <= frame.done
            if self._ended or frame.seconds < last.seconds or (self._words and not goes_on):
                self.builds.append(len(self.tape))
                self._ended = False
            else:
                # Another program of the same terminal has said so.
                for index in self._words:
                    self.tape.kinds[index] = Kind.UNKNOWN
            self._words.clear()
        self.found = True
        self._frame = frame or last
        if frame is not None and frame.finished:
            self._ended = True

    def _block(self, start: int) -> int:
        """Cut what a vertex printed that failed: from behind its name to the line that ends it."""
        self._ended = True
        self.tape.add(Kind.EXCERPT, start)
        found = _BLOCK_END.search(self.data, start)
        if found is None:
            self.tape.add(Kind.OUTPUT, len(self.data))
            return len(self.data)
        self.tape.add(Kind.OUTPUT, found.start())
        if not self.data.startswith(b"------", found.start()):
            return found.start()
        self.tape.add(Kind.EXCERPT, found.end())
        return found.end()


def parse_tty(transcript: Transcript) -> list[Build]:
    """Parse a capture of BuildKit's display.

    Parameters
    ----------
    transcript
        Any bytes at all.

    Returns
    -------
    list of Build
        One or more builds whose elements cover the text without a gap; empty if there is no frame in it.
    """
    if b"=> " not in transcript.data and b"[+] " not in transcript.data:
        return []
    cutter = _Cutter(transcript.data)
    cutter.cut()
    if not cutter.found:
        return []
    marked = transcript.marked(MARK)
    starts = [*cutter.builds, len(cutter.tape)]
    return [
        Build(marked, Builder.BUILDKIT, cutter.tape, first, last, index=index, decode=read_contents)
        for index, (first, last) in enumerate(pairwise(starts))
    ]


TTY = Format("buildkit-tty", Builder.BUILDKIT, SIGN, parse_tty, carry_tty)
