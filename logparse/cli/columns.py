"""Tables of one line a row in the terminal's width: one column gives way, so that no number is ever cut."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from rich.cells import cell_len
from rich.text import Text

from logparse.cli.console import console, safe
from logparse.secrets import mask

__all__ = ["Columns", "short_names"]

_LEAST = 12
"""Characters that are left to the column that gives way, however narrow the terminal is."""
_OPTION = re.compile(r" --(?!from)[a-z]{1,32}=\S{1,200}+(?= )")
_FOLDERS = 2
"""Slashes in a path from which on only its last name is kept."""
_DIGEST = re.compile(r"(?:@sha256)?:[0-9a-f-]{12,128}+$")
"""A tag of an image that is no name that anybody knows."""


class Columns:
    """A table that fits the terminal's width.

    Parameters
    ----------
    *titles
        Of its columns. One in which nothing is is left out.
    right
        Titles of those that are aligned to the right, as numbers are.
    gives_way
        The place of the one that holds instructions. It has what room the others leave.
    """

    def __init__(self, *titles: str, right: AbstractSet[str] = frozenset(), gives_way: int = 0) -> None:
        self._titles, self._right, self._gives_way = titles, right, gives_way
        self._rows: list[tuple[list[Text], str]] = []

    def add(self, *cells: str | Text, words: str = "") -> None:
        """Add a row.

        Parameters
        ----------
        *cells
            Of the first columns, or of all of them.
        words
            A sentence in the place of the cells that are missing.
        """
        self._rows.append(([cell if isinstance(cell, Text) else safe(cell) for cell in cells], words))

    def print(self) -> None:
        """Print all rows below the titles of their columns."""
        widths = [self._width(place) for place in range(len(self._titles))]
        names = short_names([cells[self._gives_way].plain for cells, _ in self._rows], self._room(widths))
        widths[self._gives_way] = max(map(cell_len, [*names, self._titles[self._gives_way]]))
        _print(self._line([Text(title) for title in self._titles], widths), "bold")
        _print(Text("─" * min(self._longest(widths) - 1, console.width)), "dim")
        for (cells, words), name in zip(self._rows, names, strict=True):
            cells[self._gives_way] = Text(name, cells[self._gives_way].style)
            line = self._line(cells, widths)
            if words:
                line.append(" ").append_text(safe(mask(words), "dim"))
            _print(line)

    def _width(self, place: int) -> int:
        """How wide a column has to be: not at all if nothing is in it, or if it gives way."""
        if place == self._gives_way:
            return 0
        cells = [cells[place].plain for cells, _ in self._rows if place < len(cells)]
        return max(map(cell_len, [self._titles[place], *cells])) if any(cells) else 0

    def _room(self, widths: Sequence[int]) -> int:
        """What is left to the column that gives way."""
        return max(console.width - self._longest(widths), _LEAST)

    def _longest(self, widths: Sequence[int]) -> int:
        """Characters of the longest line, and one behind it."""
        words = [_taken(widths[: len(cells)]) + len(words) + 1 for cells, words in self._rows if words]
        return max(_taken(widths), *words, 0)

    def _line(self, cells: Sequence[Text], widths: Sequence[int]) -> Text:
        """Cells side by side, each as wide as its column."""
        made = []
        for cell, title, width in zip(cells, self._titles, widths, strict=False):
            if width:
                padded = cell.copy()
                padded.align("right" if title in self._right else "left", width)
                made.append(padded)
        return Text(" ").join(made)


def _taken(widths: Sequence[int]) -> int:
    """Characters that columns take, each with the space behind it."""
    return sum(width + 1 for width in widths if width)


def _print(line: Text, style: str = "") -> None:
    line.rstrip()
    line.stylize(style)
    console.print(line, no_wrap=True, overflow="ellipsis")


def short_names(names: Sequence[str], room: int) -> list[str]:
    """Instructions in so many characters, secrets masked.

    What tells most is kept: of long ones, options and the folders of paths go first. Those that would then
    look alike are cut in their middle, not at their end.

    Parameters
    ----------
    names
        Instructions with their arguments.
    room
        Characters there are.
    """
    whole = [mask(" ".join(name.split())) for name in names]
    looks = _unless_alike([name if len(name) <= room else _bare(name) for name in whole], whole, whole)
    ends = [name if len(name) <= room else name[: room - 1] + "…" for name in looks]
    return _unless_alike(ends, [_without_middle(name, room) for name in looks], whole)


def _unless_alike(looks: Sequence[str], others: Sequence[str], names: Sequence[str]) -> list[str]:
    """How names look, and where different ones look alike, how else they do."""
    seen = Counter(look for look, _ in set(zip(looks, names, strict=True)))
    return [look if seen[look] == 1 else other for look, other in zip(looks, others, strict=True)]


def _bare(name: str) -> str:
    """An instruction without its options, folders, and digests of images."""
    return " ".join(
        f"…/{_DIGEST.sub('', word).rstrip('/').rpartition('/')[2]}" if word.count("/") >= _FOLDERS else word
        for word in _OPTION.sub("", name).split(" ")
    )


def _without_middle(name: str, room: int) -> str:
    if len(name) <= room:
        return name
    head = (room - 1) // 2
    return f"{name[:head]}…{name[len(name) - (room - 1 - head) :]}"
