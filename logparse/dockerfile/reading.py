"""Reading a Dockerfile into instructions that know where each of their characters stands.

The format is that of Docker's "Dockerfile reference": parser directives, continuation lines with comments
between them, here-documents.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

__all__ = ["Dockerfile", "Instruction", "Place", "read_dockerfile"]


class Place(NamedTuple):
    """A stretch of a Dockerfile.

    Parameters
    ----------
    file
        The Dockerfile's path or name, where it is known.
    line, column
        Where it begins, both counted from 1, columns in characters.
    end_line, end_column
        Where it ends; the column is the one behind its last character. Both columns are ``None`` where only
        the lines are known.
    """

    file: str | None
    line: int
    column: int | None
    end_line: int
    end_column: int | None


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction of a Dockerfile.

    Parameters
    ----------
    keyword
        ``RUN``, ``COPY``, ... in upper case.
    text
        The instruction as builders print it: on one line, without comments.
    places
        Where in the Dockerfile each character of `text` stands.
    number
        1-based number among all instructions, which is the classic builder's number of the step.
    layer
        1-based number among those of its stage that make a step of BuildKit's, which is that step's number;
        0 if it makes none.
    stage, stage_name
        0-based number of its ``FROM`` (-1 before the first), and the ``AS`` name of that.
    first_line, last_line
        Counted from 1.
    documents
        Where its here-documents begin and end in the Dockerfile.
    """

    keyword: str
    text: str
    places: tuple[int, ...]
    number: int
    layer: int
    stage: int
    stage_name: str | None
    first_line: int
    last_line: int
    documents: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Dockerfile:
    """A Dockerfile, or a part of one.

    Parameters
    ----------
    text
        Its text.
    instructions
        All instructions, in order.
    path
        Where it is from.
    first_line
        The number of the text's first line.
    whole
        Whether the text is all of it.
    """

    text: str
    instructions: tuple[Instruction, ...]
    path: str | None = None
    first_line: int = 1
    whole: bool = True

    @cached_property
    def _lines(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_FEED.finditer(self.text))]

    def end_of(self, instruction: Instruction) -> int:
        """Where an instruction ends, its here-documents included."""
        last = instruction.last_line - self.first_line + 1
        end = self._lines[last] - 1 if last < len(self._lines) else len(self.text)
        return end - (self.text[end - 1 : end] == "\r")

    def place(self, start: int, end: int) -> Place:
        """The place of the characters from `start` to `end` (exclusive)."""
        first = bisect_right(self._lines, start) - 1
        last = bisect_right(self._lines, max(start, end - 1)) - 1
        return Place(
            self.path,
            first + self.first_line,
            start - self._lines[first] + 1,
            last + self.first_line,
            end - self._lines[last] + 1,
        )


_LINE_FEED = re.compile("\n")
_DIRECTIVE = re.compile(r"#\s{0,64}([A-Za-z]{1,32})\s{0,64}=\s{0,64}(\S{1,1024})\s{0,64}\Z")
_KEYWORD = re.compile(r"\s{0,1024}([A-Za-z]{1,32})(?=\s|\Z)")
_STAGE_NAME = re.compile(r"\sAS\s{1,64}(\S{1,256})\s{0,64}\Z", re.IGNORECASE)
_DOCUMENT = re.compile(r"(?<![<\w])<<(-?)([\"']?)([A-Za-z_][\w.]{0,127})\2")
_WITH_DOCUMENTS = frozenset({"ADD", "COPY", "RUN"})
_LAYERS = frozenset({"ADD", "COPY", "FROM", "RUN", "WORKDIR"})
_MOST_DOCUMENTS = 16


def read_dockerfile(
    text: str, path: str | None = None, *, first_line: int = 1, whole: bool = True
) -> Dockerfile:
    """Read a Dockerfile.

    Parameters
    ----------
    text
        Any text. What is no instruction is read as one that has an unknown keyword.
    path
        Where it is from, for messages.
    first_line, whole
        The number of its first line, and whether it is all of a Dockerfile.
    """
    return Dockerfile(text, tuple(_instructions(text, first_line)), path, first_line, whole)


class _Line(NamedTuple):
    """A line: where it starts, and where it ends without its line feed and what of a CRLF is left."""

    start: int
    end: int


def _lines(text: str) -> list[_Line]:
    lines = []
    start = 1 if text.startswith("\ufeff") else 0
    while start <= len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        lines.append(_Line(start, end - (end > start and text[end - 1] == "\r")))
        start = end + 1
    return lines


def _escape(text: str, lines: Sequence[_Line]) -> str:
    """The character that continues a line: a backslash, unless a directive at the top says otherwise."""
    for start, end in lines:
        match = _DIRECTIVE.match(text[start : min(end, start + 2048)].strip())
        if match is None:
            break
        if match[1].lower() == "escape":
            return "`" if match[2] == "`" else "\\"
    return "\\"


def _instructions(text: str, first_line: int) -> Iterator[Instruction]:
    lines = _lines(text)
    escape = _escape(text, lines)
    stage, stage_name, number, layer = -1, None, 0, 0
    endless: set[tuple[bool, str]] = set()
    at = 0
    while at < len(lines):
        begin = at
        spans, at = _logical(text, lines, at, escape)
        if not spans:
            continue
        joined, places = _joined(text, spans)
        keyword = _KEYWORD.match(joined)
        word = keyword[1].upper() if keyword is not None else ""
        documents: tuple[tuple[int, int], ...] = ()
        if word in _WITH_DOCUMENTS:
            documents, at = _documents(text, lines, at, joined, endless)
        number += 1
        if word == "FROM":
            stage, layer = stage + 1, 0
            name = _STAGE_NAME.search(joined)
            stage_name = name[1] if name is not None else None
        layer += word in _LAYERS
        yield Instruction(
            word,
            word + joined[len(word) :],
            tuple(places),
            number,
            layer if word in _LAYERS else 0,
            stage,
            stage_name,
            begin + first_line,
            at - 1 + first_line,
            documents,
        )


def _logical(text: str, lines: Sequence[_Line], at: int, escape: str) -> tuple[list[_Line], int]:
    """The stretches of text that an instruction at a line is made of, and the line behind it.

    None for a line that is blank or a comment. Inside of an instruction such lines do not count.
    """
    spans: list[_Line] = []
    while at < len(lines):
        start, end = lines[at]
        line = text[start:end]
        at += 1
        bare = line.strip()
        if not bare or bare[0] == "#":
            if spans:
                continue
            return [], at
        stripped = line.rstrip(" \t")
        goes_on = stripped.endswith(escape)
        spans.append(_Line(start, start + len(stripped) - 1 if goes_on else end))
        if not goes_on:
            break
    return spans, at


def _joined(text: str, spans: Sequence[_Line]) -> tuple[str, Sequence[int]]:
    """The text of an instruction on one line, and where its characters are."""
    joined = "".join(text[start:end] for start, end in spans)
    places = [place for start, end in spans for place in range(start, end)]
    first = len(joined) - len(joined.lstrip())
    last = len(joined.rstrip())
    return joined[first:last], places[first:last]


def _documents(
    text: str, lines: Sequence[_Line], at: int, joined: str, endless: set[tuple[bool, str]]
) -> tuple[tuple[tuple[int, int], ...], int]:
    """Where the here-documents of an instruction are, which begin at a line, and the line behind them.

    What looks like one and does not end is none: older builders know no here-documents. Which words end none
    is remembered in `endless`, since what a word does not end it does not end farther down.
    """
    found: list[tuple[int, int]] = []
    for match in list(_DOCUMENT.finditer(joined))[:_MOST_DOCUMENTS]:
        word = (bool(match[1]), match[3])
        for end in range(at, len(lines) if word not in endless else at):
            line = text[lines[end].start : lines[end].end]
            if (line.lstrip("\t") if match[1] else line) == match[3]:
                found.append((lines[at].start, lines[end].start))
                at = end + 1
                break
        else:
            endless.add(word)
            break
    return tuple(found), at
