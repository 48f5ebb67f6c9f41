r"""BuildKit's events as JSON: what ``--progress=rawjson`` prints, and ``docker buildx history logs`` with it.

The grammar, as ``client/graph.go`` and ``util/progress/progressui/display.go`` of moby/buildkit have it::

    log     = { object | words }
    object  = "{" [ '"vertexes":[' vertex ... "]" ] [ '"statuses":[' status ... "]" ]
                  [ '"logs":[' log ... "]" ] [ '"warnings":[' warning ... "]" ] "}"
    vertex  = digest inputs name started completed cached error progressGroup
    status  = id vertex name total current timestamp started completed
    log     = vertex stream data timestamp                              data in base64
    warning = vertex level short detail url sourceInfo range            short and detail in base64
    facts   = '{"record":{' ... "}}"                                    out of a bundle, before its build

An object stands on one line since BuildKit 0.14; before, it was indented by two blanks. A build that is
printed while it runs has an event or a few in each object; out of the history, hundreds. Behind the last one
the client prints its own words: lines of the Dockerfile, and why the build failed.

So that programs' output can be read, the transcript is not the JSON itself. It has each entry of an
object on a line of its own; but in place of a log what was printed, and in place of a vertex that failed
``ERROR: process "/bin/sh -c make" did not complete successfully: exit code: 2``, as it is printed plain.
Logs of one vertex that follow each other are one stretch of output.
"""

from __future__ import annotations

import binascii
import json
import re
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

from logparse.log import Pieces
from logparse.model import Build, Builder, Kind, Tape, Transcript
from logparse.parser.buildkit.carry import carry_events
from logparse.parser.buildkit.events import read_contents
from logparse.parser.buildkit.trace import Trace, is_canceled
from logparse.parser.buildkit.words import cut_words
from logparse.parser.format import Format
from logparse.text import printable

__all__ = ["RAWJSON", "parse_rawjson"]

SIGN = re.compile(
    rb"(?:\A|[\r\n])[ \t]{0,8}\{\s{0,8}\"(?:"
    rb"(?:vertexes|statuses|logs|warnings)\":\s{0,2}\[\s{0,16}\{\s{0,16}\"(?:digest|id|vertex)\":\s{0,2}\""
    rb"|record\":\{\"(?:ref|frontend|created|completed|error|build_args|attributes|image_id)\":)"
)
"""The first entry of an object, at the beginning of a line."""

_OBJECT = re.compile(rb"\n[ \t]{0,16}\{")
"""The beginning of an object, unless the text begins with it."""
_FIRST_OBJECT = re.compile(rb"[ \t]{0,16}\{")
_NEXT_EDGE = re.compile(rb"\n[{}]")
"""What an object that is indented ends with, or the next one begins with."""
_BLANK = re.compile(rb"[ \t\r]*(?:\n|\Z)")

_KEY = re.compile(r'\s*+(?:,\s*+)?(?:\}|"(?P<name>\w{1,64})"\s*+:\s*+(?P<list>\[\s*+)?)')
_NEXT = re.compile(r"\s*+(?:,\s*+)?")
_SPACE = re.compile(r"\s*+")
_LOG = re.compile(
    r'\{\s*+"vertex":\s*+"([^"\\]{1,512})",\s*+"stream":\s*+\d{1,3},\s*+"data":\s*+"([A-Za-z0-9+/=]*+)"'
    r',\s*+"timestamp":\s*+"[^"\\]{0,64}"\s*+\}'
)
"""A log as it mostly is: read without a parser, since there are so many."""

_LOG_LINE = re.compile(
    rb'\{"logs":\[\{"vertex":"([^"\\\x80-\xff]{1,512})","stream":\d{1,3},"data":"([A-Za-z0-9+/=]*+)"'
    rb',"timestamp":"[^"\\]{0,64}"\}\]\}\r?\n'
)
"""The same alone in an object on a line of its own."""

_RECORD = "record"
_KEYS = frozenset({"vertexes", "statuses", "logs", "warnings", _RECORD})

_decoder = json.JSONDecoder(strict=False)


class _Entry(NamedTuple):
    """One entry of an object: the list it is in, what it says, and where it stands in the line's text."""

    key: str
    value: Any
    start: int
    end: int


class _Line:
    """A line, or the lines of an object that is indented, as text of which places in the log are known.

    Places have to be asked for in ascending order, so that all of them cost no more than the text.
    """

    def __init__(self, data: bytes, start: int, stop: int) -> None:
        self.stop = stop
        self.text = data[start:stop].decode("utf-8", "surrogateescape")
        self._index, self._place = 0, start
        self._ascii = len(self.text) == stop - start

    def place(self, index: int) -> int:
        """Where in the log the character at `index` is."""
        if self._ascii:
            self._place += index - self._index
        else:
            self._place += len(self.text[self._index : index].encode("utf-8", "surrogateescape"))
        self._index = index
        return self._place


def parse_rawjson(transcript: Transcript) -> list[Build]:
    """Parse BuildKit's events.

    Parameters
    ----------
    transcript
        Any bytes at all.

    Returns
    -------
    list of Build
        One or more builds whose elements cover the text without a gap; empty if no event is in it.
    """
    if SIGN.search(transcript.data) is None:
        return []
    cutter = _Cutter(transcript)
    cutter.cut()
    if all(trace.is_empty() for trace in cutter.traces):
        return []
    decoded = cutter.pieces.transcript()
    spans = pairwise([*cutter.firsts, len(cutter.tape)])
    return [
        Build(
            decoded, Builder.BUILDKIT, cutter.tape, *span, index=index, decode=partial(read_contents, trace)
        )
        for index, (span, trace) in enumerate(zip(spans, cutter.traces, strict=True))
    ]


class _Cutter:
    """Cuts a text into elements, decodes what programs printed, and follows the events.

    Attributes
    ----------
    pieces : Pieces
        The decoded text.
    tape : Tape
        Its elements.
    traces, firsts : list
        The events of each build, and the index of its first element.
    """

    def __init__(self, transcript: Transcript) -> None:
        self.data = transcript.data
        self.pieces = Pieces(transcript)
        self.tape = Tape()
        self.traces = [Trace()]
        self.firsts = [0]
        # The vertex whose output was put last, while nothing else has come; and whether its last line ended.
        self._speaker: str | None = None
        self._open = False

    def cut(self) -> None:
        """Cut the whole text."""
        data, size = self.data, len(self.data)
        taken = position = 0
        while position < size:
            found = _FIRST_OBJECT.match(data, position) or _OBJECT.search(data, max(position - 1, 0))
            if found is None:
                break
            start = found.end() - 1
            end = self._logs(taken, start)
            taken, position = (end, end) if end > start else self._objects(taken, start)
        self._words(taken, size)
        if not self.tape.kinds:
            # Nothing but logs without a byte.
            self._put(Kind.UNKNOWN, data, 0, size)

    def _logs(self, taken: int, position: int) -> int:
        """Put the words behind `taken` and lines of one log each, the bulk of a long build.

        Returns where these lines end: `position` if there is none.
        """
        data, put = self.data, self.pieces.put
        found = _LOG_LINE.match(data, position)
        if found is None or _decoded(found[2]) is None:
            return position
        self._words(taken, position)
        while found is not None:
            vertex, size, output = found[1], self.tape.end, b""
            while found is not None and found[1] == vertex:
                text = _decoded(found[2])
                if text is None:
                    found = None
                    break
                if text:
                    put(text, position, found.end())
                    size, output = size + len(text), text
                position = found.end()
                found = _LOG_LINE.match(data, position)
            if output:
                self._printed(vertex.decode("ascii"), size, output)
        return position

    def _objects(self, taken: int, start: int) -> tuple[int, int]:
        """Put the words behind `taken` and the objects on the line at `start`, as far as they are of events.

        Returns up to where all is put, and where the next line begins.
        """
        stop = self._stop(start)
        line = _Line(self.data, start, stop)
        index = 0
        while line.text.startswith("{", index):
            entries, end = _walk(line.text, index)
            if not entries and (end < 0 or line.text[index + 1 : end - 1].strip()):
                break
            self._words(taken, line.place(index))
            self._divide(entries)
            if end < 0:
                taken = self._entries(entries, line, entries[-1].end)
                self._put(Kind.UNKNOWN, self.data[taken:stop], taken, stop)
                return stop, stop
            space = _SPACE.match(line.text, end)
            index = space.end() if space is not None else end
            taken = self._entries(entries, line, index)
        return taken, stop

    def _stop(self, start: int) -> int:
        """Where the line that begins with an object ends, or the lines if the object is indented."""
        data = self.data
        line_end = data.find(b"\n", start) + 1
        if not line_end:
            return len(data)
        if data[start + 1 : min(line_end, start + 16)].strip():
            return line_end
        edge = _NEXT_EDGE.search(data, line_end - 1)
        if edge is None:
            return len(data)
        if not data.startswith(b"}", edge.end() - 1):
            return edge.start() + 1
        return data.find(b"\n", edge.end()) + 1 or len(data)

    def _entries(self, entries: list[_Entry], line: _Line, end: int) -> int:
        """Put the entries of an object, which belongs to the last one up to `end`; returns up to where."""
        if not entries:
            before, behind = line.place(end), line.place(end)
            self._put(Kind.NOTE, self.data[before:behind], before, behind)
            return behind
        for entry in entries[:-1]:
            self._entry(entry, line.text, line.place(entry.start), line.place(entry.end))
        last = entries[-1]
        start, behind = line.place(last.start), line.place(end)
        self._entry(last, line.text, start, behind)
        return behind

    # -- what is put ------------------------------------------------------------------------------------

    def _divide(self, entries: list[_Entry]) -> None:
        """Begin another build if one of these entries does."""
        trace = self.traces[-1]
        for key, value, *_ in entries:
            if key == "vertexes":
                another = trace.starts_another(value.get("name"), value.get("digest"))
            else:
                another = key == _RECORD and "ref" in value and not trace.is_empty()
            if another:
                self.traces.append(Trace())
                self.firsts.append(len(self.tape))
                return

    def _entry(self, entry: _Entry, text: str, start: int, end: int) -> None:
        """Put one entry, which stands in the log from `start` to `end`."""
        trace, value = self.traces[-1], entry.value
        if entry.key == "logs":
            output = _decoded(value.get("data"))
            vertex = value.get("vertex")
            if output is not None and isinstance(vertex, str):
                self._output(vertex, output, start, end)
                return
        shown = text[entry.start : entry.end].encode("utf-8", "surrogateescape")
        error = value.get("error")
        if entry.key == "vertexes" and isinstance(error, str) and error and not is_canceled(error):
            shown = b"ERROR: " + printable(error).encode()
        shown = b"\n" * self._open + shown + b"\n"
        place = self.tape.end
        kind = trace.take(entry.key, value, place, place + len(shown))
        self._put(kind, shown, start, end)

    def _output(self, vertex: str, output: bytes, start: int, end: int) -> None:
        """Put what a program printed. An element goes on as long as one vertex prints."""
        if not output:
            return
        self.pieces.put(output, start, end)
        self._printed(vertex, self.tape.end + len(output), output)

    def _printed(self, vertex: str, end: int, last: bytes) -> None:
        """Make an element of what was printed up to `end`, or the last one longer if its vertex goes on."""
        tape = self.tape
        before = tape.end
        if self._speaker == vertex:
            tape.ends[-1] = end
        else:
            tape.add(Kind.OUTPUT, end)
        self._speaker = vertex
        self._open = not last.endswith(b"\n")
        self.traces[-1].log(vertex, before, end)

    def _words(self, start: int, end: int) -> None:
        """Put what is no JSON: words of the client's, or of somebody else's."""
        for kind, word_start, word_end in cut_words(self.data, start, end):
            self._put(kind, self.data[word_start:word_end], word_start, word_end)

    def _put(self, kind: Kind, text: bytes, start: int, end: int) -> None:
        self.pieces.put(text, start, end)
        self.tape.add(kind, self.tape.end + len(text))
        self._speaker, self._open = None, False


def _decoded(data: object) -> bytes | None:
    """What a program printed."""
    try:
        return binascii.a2b_base64(data) if isinstance(data, str | bytes) else None
    except ValueError:
        return None


def _walk(text: str, start: int) -> tuple[list[_Entry], int]:
    """The entries of the object that begins at `start`, and where it ends; -1 if it breaks off."""
    entries: list[_Entry] = []
    index = start + 1
    while True:
        key = _KEY.match(text, index)
        if key is None:
            return entries, -1
        index = key.end()
        name = key["name"]
        if name is None:
            return entries, index
        listed = key["list"] is not None
        while not (listed and text.startswith("]", index)):
            end = _value(name, text, index, entries)
            if end < 0:
                return entries, -1
            index = end
            following = _NEXT.match(text, index) if listed else None
            if following is None:
                break
            index = following.end()
        if listed:
            if not text.startswith("]", index):
                return entries, -1
            index += 1


def _value(name: str, text: str, index: int, entries: list[_Entry]) -> int:
    """Read one value, which is an entry if it is an object of ours; where it ends, -1 if it breaks off."""
    log = _LOG.match(text, index) if name == "logs" else None
    if log is not None:
        entries.append(_Entry(name, {"vertex": log[1], "data": log[2]}, index, log.end()))
        return log.end()
    try:
        value, end = _decoder.raw_decode(text, index)
    except (ValueError, RecursionError):
        return -1
    if name in _KEYS and isinstance(value, dict):
        entries.append(_Entry(name, value, index, end))
    return end


RAWJSON = Format("buildkit-rawjson", Builder.BUILDKIT, SIGN, parse_rawjson, carry_events)
