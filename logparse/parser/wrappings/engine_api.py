r"""The JSON stream of Docker's Engine API: ``POST /build`` and ``POST /images/create``, as libraries get it.

The grammar, as ``JSONMessage`` of ``pkg/jsonmessage`` in moby has it (``BuildInfo`` in the API)::

    text     = { [ "[INFO] " | "DOCKER> " | "data: " ] ( object { object } | repr ) NL | words NL }
    object   = '{"stream":' string "}"                                   what the builder or a program says
             | '{"status":' string [ ',"progressDetail":{' [ current total ] "}" ] [ ',"id":' string ] "}"
             | '{"errorDetail":{"code":' number ',"message":' string '},"error":' string "}"
             | '{"aux":{"ID":' image "}}" | '{"progressDetail":{},"aux":{"Tag":' ... "}}"
             | '{"id":"moby.image.id","aux":{"ID":' image "}}"           of BuildKit, with version=2
             | '{"id":"moby.buildkit.trace","aux":' status "}"           its status messages in base64
             | '{"message":' string "}"                                  alone: no build was begun
    repr     = the same as Python prints it: docker-py's dictionaries, or bytes of it

Each object becomes the text that Docker's client prints for it, so that the classic builder's format reads
it. Where the client shows a bar, and nothing on a pipe, there is a line ``ID: Downloading 49152B/4335400B``,
with the exact bytes. BuildKit's status messages become what ``--progress=rawjson`` prints of them.
"""

from __future__ import annotations

import binascii
import json
import re
from typing import Any, TypeAlias

from logparse.bundle import BrokenMessageError, json_line, status_line
from logparse.log import Pieces
from logparse.model import Transcript
from logparse.parser.format import Wrapping

__all__ = ["ENGINE_API"]

_PREFIX = rb"[ \t]{0,8}(?:(?:\[[A-Z]{4,8}\]|DOCKER>|data:) {1,2}){0,2}"
_LINE = re.compile(_PREFIX + rb"(?P<repr>b['\"])?(?=\{)")
_LINES = re.compile(rb"\n(?=" + _PREFIX + rb"(?:b['\"])?\{)")

_SIGN = re.compile(
    _PREFIX + rb"(?:b['\"])?\{[ ]?['\"](?:"
    rb"stream['\"]: ?['\"](?:Step \d| ---(?:>|\\u003e) |Successfully built |Removing intermediate )"
    rb"|status['\"]: ?['\"](?:Pulling |Downloading|Extracting|Digest: |Status: |The push refers )"
    rb"|id['\"]: ?['\"]moby\.(?:buildkit\.trace|image\.id)"
    rb"|aux['\"]: ?\{['\"]ID['\"]: ?['\"]sha256:"
    rb"|errorDetail['\"]: ?\{)"
)
"""An object that only the engine writes, at the beginning of a line."""
_NEXT_SIGN = re.compile(rb"\n" + _SIGN.pattern)

_REFUSAL = b'{"message":'

_LOOKED_AT = 1 << 16
_LINES_LOOKED_AT = 20
_NEARLY_ALL = 0.8

_SAID = re.compile(rb'\{"stream":"([^"\\\r\n]*+)(\\n)?+"\}\r?\n')
"""What a program says, as it mostly is: with no escape but for the line feed."""

_KEYS = frozenset(
    {
        "aux",
        "error",
        "errorDetail",
        "from",
        "id",
        "message",
        "progress",
        "progressDetail",
        "status",
        "stream",
        "time",
        "timeNano",
    }
)
_TRACE, _IMAGE = "moby.buildkit.trace", "moby.image.id"
_GIGABYTE = 10**9

_SPACE = re.compile(r"\s*+")
_TOKEN = re.compile(
    r"'(?P<single>(?:[^'\\]++|\\.)*+)'|\"(?P<double>(?:[^\"\\]++|\\.)*+)\"|\b(?P<word>True|False|None)\b"
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_WORDS = {"True": "true", "False": "false", "None": "null"}
_LAST = 0x10FFFF

_decoder = json.JSONDecoder(strict=False)

_Object: TypeAlias = tuple[int, int, dict[str, Any]]
"""Where an object begins and ends, and what it says."""


def _peel(transcript: Transcript) -> list[Transcript]:
    if not _is_stream(transcript.data):
        return []
    reader = _Reader(transcript)
    reader.read()
    inner = reader.pieces.transcript(wrapping="engine-api")
    return [inner] if inner.data else []


def _is_stream(data: bytes) -> bool:
    """Whether the engine's objects stand on nearly all lines from the first one on."""
    if data.startswith(_REFUSAL) and len(data) < _LOOKED_AT:
        return len(_rendered(data)) == 1
    if data.find(b"{", 0, _LOOKED_AT) < 0:
        return False
    found = _SIGN.match(data, 0, _LOOKED_AT) or _NEXT_SIGN.search(data, 0, _LOOKED_AT)
    if found is None:
        return False
    start = found.start() + data.startswith(b"\n", found.start())
    lines = data[start : start + _LOOKED_AT].split(b"\n", _LINES_LOOKED_AT)
    if len(lines) > 1:
        lines.pop()  # it may go on
    lines = [line for line in lines if line.strip()]
    objects = sum(bool(_rendered(line)) for line in lines)
    return objects > 0 and objects >= _NEARLY_ALL * len(lines)


def _rendered(line: bytes) -> list[_Object]:
    """The objects on a line, and where in it they stand; none if there are none, or others behind them."""
    found = _LINE.match(line)
    if found is None:
        return []
    start, text = found.end(), line[found.end() :].decode("utf-8", "surrogateescape")
    if found["repr"]:
        inner = _unescaped(text.rstrip()[:-1]).encode("latin-1", "replace")
        return _whole(start, len(line), _objects(inner.decode("utf-8", "surrogateescape")))
    objects = _objects(text)
    if not objects and text.startswith("{'"):
        return _whole(start, len(line), _objects(_as_json(text.rstrip())))
    if text.isascii():
        return [(start + begin, start + end, value) for begin, end, value in objects]
    placed, index, place = [], 0, start
    for begin, end, value in objects:
        first = place + len(text[index:begin].encode("utf-8", "surrogateescape"))
        place = first + len(text[begin:end].encode("utf-8", "surrogateescape"))
        index = end
        placed.append((first, place, value))
    return placed


def _whole(start: int, end: int, objects: list[_Object]) -> list[_Object]:
    """Objects that Python printed. Where each one ends is not worth finding: all of it is the last one's."""
    last = len(objects) - 1
    return [(start, end if index == last else start, value) for index, (*_, value) in enumerate(objects)]


def _objects(text: str) -> list[_Object]:
    """The engine's objects that a text is made of."""
    objects: list[_Object] = []
    index = 0
    while text.startswith("{", index):
        try:
            value, end = _decoder.raw_decode(text, index)
        except (ValueError, RecursionError):
            return []
        if not isinstance(value, dict) or not value.keys() <= _KEYS:
            return []
        space = _SPACE.match(text, end)
        end = space.end() if space is not None else end
        objects.append((index, end, value))
        index = end
    return objects if index == len(text) else []


class _Reader:
    """Takes the objects out of a text, and puts what the client prints."""

    def __init__(self, transcript: Transcript) -> None:
        self.data = transcript.data
        self.pieces = Pieces(transcript)
        self._buildkit = False

    def read(self) -> None:
        """Read the whole text."""
        data, size = self.data, len(self.data)
        position = 0
        while position < size:
            said = _SAID.match(data, position)
            if said is not None:
                self.pieces.put(said[1] + b"\n" if said[2] else said[1], position, said.end())
                position = said.end()
                continue
            end = data.find(b"\n", position) + 1 or size
            objects = _rendered(data[position:end])
            if not objects:
                found = _LINES.search(data, end - 1)
                end = found.end() if found is not None else size
                self.pieces.keep(position, end)
            for begin, stop, value in objects:
                text = self._text(value)
                if text is None:
                    text = data[position + begin : position + stop]
                self.pieces.put(text, position + begin, position + stop)
            position = end

    def _text(self, value: dict[str, Any]) -> bytes | None:
        """What the client prints of an object, ``None`` if that is not known."""
        match value:
            case {"stream": str(stream)}:
                return _encoded(stream)
            case {"message": str(message)}:
                return _encoded(f"Error response from daemon: {message}\n")
            case {"errorDetail": {"message": str(message)}} | {"error": str(message)}:
                words = "ERROR: failed to solve: " if self._buildkit else ""
                return _encoded(words + message.rstrip("\n") + "\n")
            case {"id": "moby.buildkit.trace", "aux": str(message)}:
                self._buildkit = True
                return _status(message)
            case {"id": "moby.image.id", "aux": {"ID": str(image)}}:
                return json_line({"record": {"image_id": image}}) if self._buildkit else b""
            case {"status": str(status)}:
                return _encoded(_progress(value, status))
            case {"aux": _} | {"progressDetail": _}:
                return b""
        return None


def _status(message: str) -> bytes | None:
    try:
        return status_line(binascii.a2b_base64(message))
    except (BrokenMessageError, ValueError):
        return None


def _progress(value: dict[str, Any], status: str) -> str:
    """A line about a layer, or about the whole image."""
    name = value.get("id")
    line = f"{name}: {status}" if isinstance(name, str) and name else status
    match value.get("progressDetail"):
        case {"current": int(current), "total": int(total)} if total > 0:
            return f"{line} {_size(current)}/{_size(total)}\n"
        case {"current": int(current)} if current > 0:
            return f"{line} {_size(current)}\n"
    return line + "\n"


def _size(count: int) -> str:
    """Bytes, none lost; of many the thousands stand before the point."""
    return f"{count}B" if count < _GIGABYTE else f"{count // 1000}.{count % 1000:03}kB"


def _as_json(text: str) -> str:
    """A dictionary as Python prints it, as JSON."""

    def token(found: re.Match[str]) -> str:
        if found["word"]:
            return _WORDS[found["word"]]
        return json.dumps(_unescaped(found["double"] if found["single"] is None else found["single"]))

    return _TOKEN.sub(token, text)


def _unescaped(text: str) -> str:
    """What a string that Python prints stands for."""

    def escape(found: re.Match[str]) -> str:
        digits = found[1] or found[2] or found[3]
        if digits is None:
            return _ESCAPES.get(found[4], found[4])
        return chr(min(int(digits, 16), _LAST))

    return _ESCAPE.sub(escape, text) if "\\" in text else text


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a character, which JSON can hold
        return text.encode("utf-8", "replace")


ENGINE_API = Wrapping("engine-api", _peel)
