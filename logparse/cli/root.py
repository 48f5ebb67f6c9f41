"""The root line of a failure between its neighbours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from rich.table import Table
from rich.text import Text

from logparse.cli.console import safe
from logparse.cli.screens import shown
from logparse.diagnosis.lines import rows_backwards
from logparse.diagnosis.lines import shown as line_of
from logparse.model import Diagnosis, Line
from logparse.secrets import mask
from logparse.text import lines_around, plain

__all__ = ["root_line"]

_SHOWN = 100
"""Characters of a neighbour."""
_NEIGHBOURS = 2
_KEY_LINES = 80
"""Lines before the root line in which a key may begin that it is a part of."""
_PREFIX = 200
_NUMBERS = re.compile(r"\d{1,20}")


def root_line(diagnosis: Diagnosis) -> Table:
    """The root line and two lines on either side.

    Behind a program's last words stand the builder's, which repeat what is known. So beside a root line that
    is the builder's the last lines of the program are shown.

    Parameters
    ----------
    diagnosis
        It has a root line.
    """
    root = diagnosis.root_line
    assert root is not None  # noqa: S101  the caller has looked
    around, place = _around(diagnosis, root)
    # A key is a secret of many lines, and no single one of them looks like it.
    masked = mask("\n".join(text for _, text in around))
    before = _prefix(around[place][1], root.text)
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for index in range(max(0, place - _NEIGHBOURS), len(around)):
        number, text = around[index]
        label = "" if number == root.number and index != place else str(number)
        if mask(text) not in masked:
            table.add_row(label, "", Text("***", "dim"))
        elif index == place:
            table.add_row(label, Text(">", "red"), safe(shown(root.text), "bold"))
        elif rest := before.sub("", mask(text)) if before is not None else mask(text):
            table.add_row(label, "", safe(shown(rest, _SHOWN), "dim"))
    return table


def _around(diagnosis: Diagnosis, root: Line) -> tuple[Sequence[tuple[int, str]], int]:
    """The lines about the root line with their numbers, and which of them it is.

    In a log that has its lines as JSON several may have one number.
    """
    here = (root.number, root.text)
    said = _said_before(diagnosis, root)
    if said:
        return [*said, here], len(said)
    if diagnosis.build.transcript.is_encoded:
        lines = _output(diagnosis)
        place = next((place for place in reversed(range(len(lines))) if lines[place] == root.text), None)
        if place is None:
            return [here], 0
        first = max(0, place - _KEY_LINES)
        return [(root.number, line) for line in lines[first : place + 1 + _NEIGHBOURS]], place - first
    numbered = lines_around(diagnosis.build.log.data, root.number, _KEY_LINES, _NEIGHBOURS)
    place = next((place for place, (number, _) in enumerate(numbered) if number == root.number), None)
    return ([here], 0) if place is None else (numbered, place)


def _said_before(diagnosis: Diagnosis, root: Line) -> Sequence[tuple[int, str]]:
    """The last lines of the program, if the root line is one of the builder's closing words."""
    build, step = diagnosis.build, diagnosis.step
    if step is None or build.failure is None:
        return ()
    start, end = build.failure.span
    closing = (
        build.transcript.line_number(start)
        <= root.number
        <= build.transcript.line_number(max(start, end - 1))
    )
    if not closing or root.text in _output(diagnosis)[-_NEIGHBOURS:]:
        return ()
    rows = islice(rows_backwards(build.transcript, step.outputs), _KEY_LINES)
    lines = [line_of(build.transcript, row) for row in rows]
    return [(line.number, line.text) for line in reversed(lines) if line.text]


def _output(diagnosis: Diagnosis) -> Sequence[str]:
    step = diagnosis.step
    return [plain(line) for line in step.output.split(b"\n")] if step is not None else ()


def _prefix(line: str, text: str) -> re.Pattern[str] | None:
    """What stands before a line's text, such as stamps and the builder's marks, with any numbers in it."""
    before = line.removesuffix(text)
    if before == line or not before.strip() or len(before) > _PREFIX:
        return None
    return re.compile(r"\A" + _NUMBERS.sub(r"\\d{1,20}", re.escape(before)))
