"""The table of steps that is shown when a build is over."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from logparse.live.progress import Progress, Told
from logparse.live.screen import in_words
from logparse.model import Outcome, Timing
from logparse.secrets import mask
from logparse.text import plain, printable

__all__ = ["show", "tell"]

_LONGEST = 300
_STATES = {"failed": "red", "canceled": "yellow", "incomplete": "yellow", "cached": "cyan"}
_OUTCOMES = {Outcome.SUCCEEDED: "green", Outcome.FAILED: "red"}

_errors = Console(stderr=True, highlight=False)


def tell(sentence: str) -> None:
    """Say something on standard error."""
    _errors.print(_safe(f"logparse: {mask(sentence)}"), soft_wrap=True)


def show(progress: Progress, log: str | None) -> None:
    """Show the steps of builds that were watched to their end.

    Parameters
    ----------
    progress
        What was seen of them.
    log
        The file that their output was saved in, if it was.
    """
    if not progress.ended:
        tell("No step of a Dockerfile was in the output, so there are no times to show.")
    for _, steps in groupby(sorted(progress.ended, key=lambda step: step.build), lambda step: step.build):
        _errors.print()
        _errors.print(_table(steps))
    build = progress.build
    if build is not None and progress.ended:
        line = Text(build.outcome.value.upper(), f"bold {_OUTCOMES.get(build.outcome, 'yellow')}")
        count, seconds = len(progress.ended), progress.seconds
        line.append(f"  {count} step{'s' if count > 1 else ''}")
        line.append("" if seconds is None else f" in {in_words(seconds)}")
        _errors.print(line)
    if log is not None:
        _errors.print(_safe(f"Saved in {printable(log)}", "dim"), soft_wrap=True)


def _table(steps: Iterable[Told]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False, expand=True)
    table.add_column("Step", justify="right", no_wrap=True, min_width=5)
    table.add_column("Stage", overflow="ellipsis", no_wrap=True, max_width=16)
    table.add_column("", no_wrap=True)
    table.add_column("Seconds", justify="right", no_wrap=True)
    table.add_column("Error", justify="right", no_wrap=True)
    table.add_column("From", no_wrap=True)
    table.add_column("Instruction", overflow="ellipsis", no_wrap=True, ratio=1)
    for step in steps:
        timing = step.timing
        table.add_row(
            str(step.number) if step.total is None else f"{step.number}/{step.total}",
            _safe(step.place),
            Text("" if step.state == "done" else step.state, _STATES.get(step.state, "")),
            "" if timing.seconds is None else f"{timing.seconds:.2f}",
            _error(timing),
            "" if timing.seconds is None else timing.source.value,
            _safe(step.text[:_LONGEST]),
        )
    return table


def _error(timing: Timing) -> str:
    """By how much the seconds may be off."""
    if timing.seconds is None or timing.low is None:
        return ""
    if timing.high is None:
        return "or more"
    return f"{max(timing.high - timing.seconds, timing.seconds - timing.low):.2f}"


def _safe(text: str, style: str = "") -> Text:
    return Text(plain(text.encode("utf-8", "replace")), style)
