"""The account of a diagnosis on the screen: the way to it, and the lines that were weighed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from logparse.cli.console import console, safe
from logparse.cli.screens import shown
from logparse.diagnosis import Considered, Explanation
from logparse.diagnosis.command.choose import MEASURED
from logparse.model import Diagnosis, Evidence, Line
from logparse.secrets import mask

__all__ = ["EVIDENCE", "show_account"]

EVIDENCE = {
    Evidence.ONLY: "no other can have ended the step",
    Evidence.TRACE: "the shell's trace ends with it",
    Evidence.SHELL: "the shell's own message names it",
    Evidence.OUTPUT: "what was printed last is its own or about it",
    Evidence.EXIT_CODE: "no other leaves with this exit code",
    Evidence.ORDER: "nothing but its place speaks for it",
}
"""What tells which command failed, in words."""

_SHOWN = 5
"""Lines that are shown; all of them are in the JSON."""
_TEXT = 160


def show_account(explanation: Explanation) -> None:
    """Print how a diagnosis was reached.

    Parameters
    ----------
    explanation
        Of any build.
    """
    console.print(Text("Why this verdict", "bold"))
    for turn in (*explanation.turns, _on_the_command(explanation.diagnosis)):
        if turn:
            console.print(_hanging("  ", safe(mask(turn))))
    # Several rules may have weighed the same line.
    lines: dict[Line, list[Considered]] = {}
    for one in explanation.considered:
        lines.setdefault(one.line, []).append(one)
    if not lines:
        return
    console.print(Text("Lines that were weighed", "bold"))
    for line, weighed in list(lines.items())[:_SHOWN]:
        _show_line(line, weighed)
    if len(lines) > _SHOWN:
        console.print(f"  ... and {len(lines) - _SHOWN} more, which --format json has", style="dim")


def _on_the_command(diagnosis: Diagnosis) -> str:
    """What tells which command failed, if there are several."""
    command = diagnosis.command
    if command is None or command.count == 1:
        return ""
    right, total = MEASURED[command.evidence]
    return (
        f"Of the {command.count} commands it is number {command.index + 1}, since"
        f" {EVIDENCE[command.evidence]}; such evidence was right on {right} of {total} labelled steps."
    )


def _show_line(line: Line, weighed: Sequence[Considered]) -> None:
    chosen = any(one.chosen for one in weighed)
    before = f"  {line.number} {'>' if chosen else ' '} "
    console.print(_hanging(before, safe(shown(line.text, _TEXT), "bold" if chosen else "")))
    for one in weighed:
        console.print(_hanging("    ", safe(_known(one), "cyan")))
        for part in one.parts:
            console.print(_hanging(f"      {part.points:+6.1f}  ", safe(mask(part.words), "dim")))
        console.print(_hanging("      ", safe(mask(one.why))))


def _known(one: Considered) -> str:
    """What a line was weighed as, by which rule, and its points."""
    points = f", {one.score:.1f} points" if one.parts else ""
    if one.rule is None:
        return f"no rule: {_ROLES.get(one.role, one.role)}{points}"
    cause = f", {one.cause}" if one.cause else ""
    return f"{one.rule}: {_ROLES.get(one.role, one.role)}{cause}{points}"


_ROLES = {
    "unknown": "looks like an error",
    "last": "the last line",
    "builder": "the builder's closing words",
}


def _hanging(before: str, text: Text) -> Table:
    """A text behind some words, its further rows indented as far."""
    row = Table.grid()
    row.add_column(no_wrap=True, style="dim", width=len(before))
    row.add_column(overflow="fold")
    row.add_row(before, text)
    return row
