"""An instruction in a few lines, with its failing command marked so that a pipe shows it, too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from rich.cells import cell_len, chop_cells
from rich.text import Text

from logparse.cli.console import safe
from logparse.dockerfile import Dockerfile, Found, Place
from logparse.secrets import MASK, mask, mask_span

__all__ = ["marked_lines", "marked_text"]

_INDENT = 4
_TAB = "    "
_NARROWEST = 16
_MARKED = 4
"""Rows of a command that are shown before its middle is left out."""
_UNMARKED = 3
_LEFT_OUT = "..."

_SIGNS = {True: "> ", False: "  "}
_CONTINUES = " \\`"
_WORD = re.compile(r"\S++")
_OPERATORS = ("&&", "||", ";", "|")


class Row(NamedTuple):
    """A row of an instruction.

    Parameters
    ----------
    text
        Without anything that is not printable.
    start, end
        What of it is marked, in characters; nothing if these are equal.
    label
        What stands before it.
    """

    text: str
    start: int = 0
    end: int = 0
    label: str = ""

    @property
    def marked(self) -> bool:
        """Whether any of it is marked."""
        return self.end > self.start

    @property
    def whole(self) -> bool:
        """Whether all of it is, but for white space and what continues the line."""
        return not (self.text[: self.start] + self.text[self.end :]).strip(_CONTINUES)


def marked_text(text: str, start: int | None, end: int | None, width: int) -> Text:
    """An instruction as its builder prints it, broken at its operators where it is too long for one row.

    Parameters
    ----------
    text
        The instruction, secrets masked.
    start, end
        Where the failing command is in it; ``None`` if that is not known.
    width
        Columns.
    """
    span = (start, end) if start is not None and end is not None else (0, 0)
    clean = safe(text).plain
    rows = _rows(clean, *span, max(width, _NARROWEST))
    if sum(row.marked for row in rows) > 1:
        # There have to be signs before them.
        rows = _rows(clean, *span, max(width - len(_SIGNS[True]), _NARROWEST))
    return _drawn(_shortened(rows))


def marked_lines(dockerfile: Dockerfile, found: Found, width: int) -> Text:
    """The lines of a Dockerfile about a failing command, with their numbers.

    Parameters
    ----------
    dockerfile
        It has the lines of `found`.
    found
        The instruction and, if it is known, the command.
    width
        Columns.
    """
    first, last = found.instruction.line, found.instruction.end_line
    numbers = len(str(last))
    room = max(width - numbers - 3, _NARROWEST)
    lines = dockerfile.text.split("\n")
    whole = safe(mask(dockerfile.text)).plain
    rows: list[Row] = []
    for number in range(first, last + 1):
        line = safe(lines[number - dockerfile.first_line].rstrip()).plain
        shown = _masked(line, *_marked_of(line, number, found.command), whole)
        for place, row in enumerate(_line_rows(*shown, room)):
            label = f"{number if place == 0 else '':>{numbers}} {_SIGNS[row.marked]}"
            rows.append(row._replace(label=label))
    return _drawn(_shortened(rows))


def _marked_of(line: str, number: int, command: Place | None) -> tuple[int, int]:
    """What of a line of a Dockerfile belongs to the failing command."""
    if command is None or command.column is None or command.end_column is None:
        return 0, 0
    bare = line.strip()
    inside = command.line < number < command.end_line
    if not command.line <= number <= command.end_line or (inside and bare.startswith("#")):
        return 0, 0
    start = command.column - 1 if number == command.line else len(line) - len(line.lstrip())
    if number == command.end_line:
        return start, command.end_column - 1
    # What continues the line is no part of the command.
    return start, len(line[:-1].rstrip() if line.endswith(("\\", "`")) else line)


def _masked(line: str, start: int, end: int, whole: str) -> tuple[str, int, int]:
    """A line with its secrets masked, and where its mark is then. `whole` is the masked Dockerfile."""
    if mask(line) not in whole:
        # It is a part of a secret of several lines, such as a key.
        return MASK, 0, len(MASK) if end > start else 0
    return mask_span(line, start, end) or (mask(line), 0, 0)


def _line_rows(text: str, start: int, end: int, width: int) -> list[Row]:
    """A line of a Dockerfile in one row as it stands, or in several."""
    start += (len(_TAB) - 1) * text.count("\t", 0, start)
    end += (len(_TAB) - 1) * text.count("\t", 0, end)
    text = text.replace("\t", _TAB)
    if cell_len(text) <= width:
        return [Row(text, start, end)]
    return _rows(text, start, end, width, indent=len(text) - len(text.lstrip()))


def _rows(text: str, start: int, end: int, width: int, indent: int = 0) -> list[Row]:
    """A text word by word in rows of some width; stretches of white space become one space."""
    long = cell_len(" ".join(text.split())) > width
    left = min(indent, width // 4)
    inner = left + _INDENT
    # A command that has room in one row is not spread over two.
    whole = cell_len(" ".join(text[start:end].split())) if end > start else width
    rows: list[Row] = []
    row, fresh = Row(" " * left), True
    for word, begin, breaks in _words(text):
        # The command may begin behind a quote.
        here = begin <= start < begin + len(word)
        needed = start - begin + whole
        if not fresh and (
            (long and breaks) or (here and cell_len(row.text) + 1 + needed > width >= inner + needed)
        ):
            rows.append(row)
            row, fresh = Row(" " * inner), True
        at = begin
        for piece in chop_cells(word, width - inner):
            space = 0 if fresh or at > begin else 1
            if not fresh and cell_len(row.text) + space + cell_len(piece) > width:
                rows.append(row)
                row, space = Row(" " * inner), 0
            row, fresh = _appended(row, piece, space, start - at, end - at), False
            at += len(piece)
    return [*rows, row]


def _words(text: str) -> Iterator[tuple[str, int, bool]]:
    """Words with their places; and whether the Dockerfile probably has a new line before one.

    Builders join the lines of an instruction and keep their indentation, so that a wide gap behind an
    operator, or before one, was the end of a line.
    """
    words = list(_WORD.finditer(text))
    if words:
        yield words[0][0], words[0].start(), False
    for last, word in pairwise(words):
        wide = word.start() - last.end() > 1
        yield word[0], word.start(), wide and (last[0].endswith(_OPERATORS) or word[0] in _OPERATORS)


def _appended(row: Row, piece: str, space: int, start: int, end: int) -> Row:
    """A row with a piece of text more, of which the characters from `start` to `end` are marked."""
    offset = len(row.text) + space
    text = f"{row.text}{' ' * space}{piece}"
    first, behind = max(start, 0), min(end, len(piece))
    if first >= behind:
        return row._replace(text=text)
    return Row(text, row.start if row.marked else offset + first, offset + behind)


def _shortened(rows: Sequence[Row]) -> Iterator[Row | None]:
    """The first row, and those about the marked ones; ``None`` for what is left out between them."""
    marked = [place for place, row in enumerate(rows) if row.marked]
    if marked:
        first, last = marked[0], marked[-1]
        kept = {0, *range(first - 1, last + 2)}
        if last - first >= _MARKED:
            kept -= {*range(first + _MARKED // 2, last)}
    else:
        kept = {*range(_UNMARKED)}
    gap = 0
    for place, row in enumerate(rows):
        if place in kept:
            if gap > 1:
                yield None
            elif gap:
                yield rows[place - 1]
            yield row
            gap = 0
        else:
            gap += 1
    if gap:
        yield rows[-1] if gap == 1 else None


def _drawn(rows: Iterable[Row | None]) -> Text:
    """Rows one below the other, with a line of marks below each of which a part is marked."""
    rows = list(rows)
    several = sum(row is not None and row.marked for row in rows) > 1
    lines: list[Text] = []
    label = ""
    for row in rows:
        if row is None:
            lines.append(Text(" " * len(label) + _LEFT_OUT, "dim"))
            continue
        label = row.label or (_SIGNS[row.marked] if several else "")
        text = Text(row.text)
        if row.marked:
            text.stylize("bold", row.start, row.end)
        lines.append(Text().append(label, "dim").append_text(text))
        # Of a command on several lines, the sign before those that belong to it whole is enough.
        if row.marked and not (several and row.whole):
            before = len(label) + cell_len(row.text[: row.start])
            lines.append(Text(" " * before + "^" * max(1, cell_len(row.text[row.start : row.end])), "red"))
    return Text("\n").join(lines)
