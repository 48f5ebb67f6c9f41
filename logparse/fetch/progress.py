"""Tell somebody how far a fetch is.

Anything with the three methods of :class:`Progress` will do. :func:`rich_progress` draws a bar on standard
error, in a terminal or a notebook, if rich is installed; elsewhere it stays silent.
"""

from __future__ import annotations

import sys
from typing import Any, Protocol

__all__ = ["NullProgress", "Progress", "rich_progress"]


class Progress(Protocol):
    """What a fetch tells. All calls come from the thread that called it."""

    def total(self, logs: int) -> None:
        """Learn how many logs there are to fetch as far as is known, which grows while listing goes on."""

    def advance(self, logs: int, size: int) -> None:
        """Learn that so many logs, of so many bytes together, are done."""

    def close(self) -> None:
        """Learn that the fetch is over, be it well or not."""


class NullProgress:
    """Tells nobody."""

    def total(self, logs: int) -> None:
        """Do nothing."""

    def advance(self, logs: int, size: int) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def rich_progress(description: str = "Fetching logs") -> Progress:
    """Return a progress bar, or a silent stand-in where none can be shown.

    Parameters
    ----------
    description
        What stands before the bar.
    """
    try:
        from rich.console import Console  # noqa: PLC0415 - rich is an optional dependency
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn  # noqa: PLC0415
        from rich.progress import Progress as Bars  # noqa: PLC0415
    except ImportError:
        return NullProgress()
    console = Console(file=sys.stderr)
    if not (console.is_terminal or console.is_jupyter):
        return NullProgress()
    return _RichProgress(
        Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[megabytes]:.1f} MB"),
            console=console,
            transient=True,
        ),
        description,
    )


class _RichProgress:
    """A bar of rich."""

    def __init__(self, bars: Any, description: str) -> None:
        self._bars = bars
        self._task = bars.add_task(description, total=None, megabytes=0.0)
        self._size = 0
        bars.start()

    def total(self, logs: int) -> None:
        self._bars.update(self._task, total=logs)

    def advance(self, logs: int, size: int) -> None:
        self._size += size
        self._bars.update(self._task, advance=logs, megabytes=self._size / 1e6)

    def close(self) -> None:
        self._bars.stop()
