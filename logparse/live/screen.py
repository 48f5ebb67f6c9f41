"""A line at the bottom of the terminal that others write to as well."""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple
from unicodedata import east_asian_width

__all__ = ["NOTHING_KNOWN", "Running", "StatusLine", "compose", "decode", "encode", "in_words"]

_MINUTE, _HOUR = 60, 3600
_LEAST_COLUMNS = 20

# Between these, colours and the cursor's place are as they were before.
_SAVE, _RESTORE = "\x1b7", "\x1b8"
_CLEAR = "\x1b[0m\x1b[K"

# What a program may write behind a line's end without leaving the beginning of the next one.
_STILL = re.compile(rb"(?:\x1b\[(?:\?25[hl]|[0-9;]{0,16}m))+\Z")
_LONGEST_STILL = 64


class Running(NamedTuple):
    """What is known of a build that runs.

    Parameters
    ----------
    text
        The step; empty if none is known to run.
    since
        When it began, in seconds since 1970.
    left, low, high
        Seconds that the build will probably still take, and the bounds of that, as of `told`.
    told
        When that was said.
    """

    text: str = ""
    since: float | None = None
    left: float | None = None
    low: float | None = None
    high: float | None = None
    told: float = 0.0


NOTHING_KNOWN = Running()


def encode(running: Running) -> bytes:
    """One line for :func:`decode`."""
    numbers = (running.since, running.left, running.low, running.high, running.told)
    words = ["" if number is None else repr(number) for number in numbers]
    return "\t".join([*words, running.text.replace("\t", " ")]).encode() + b"\n"


def decode(line: bytes) -> Running:
    """What :func:`encode` made a line of."""
    *words, text = line.decode("utf-8", "replace").split("\t", 5)
    since, left, low, high, told = (float(word) if word else None for word in words)
    return Running(text, since, left, low, high, told or 0.0)


def compose(running: Running, begun: float, now: float, columns: int) -> str:
    """The text of the status line.

    Parameters
    ----------
    running
        What is known.
    begun, now
        When the build began, and the time, in seconds since 1970.
    columns
        How many there are.
    """
    facts = []
    if running.since is not None and running.text:
        facts.append(f"step {in_words(now - running.since)}")
    facts.append(f"build {in_words(now - begun)}")
    if running.left is not None and running.low is not None and running.high is not None:
        passed = now - running.told
        middle, low, high = (
            in_words(max(0.0, seconds - passed)) for seconds in (running.left, running.low, running.high)
        )
        facts.append(f"about {middle} left ({low} to {high})")
    behind = ", ".join(facts)
    room = columns - 1 - len(behind) - 2
    if room < _LEAST_COLUMNS or not running.text:
        return behind[: max(columns - 1, 0)]
    return f"{_cut(running.text, room)}  {behind}"


def _cut(text: str, columns: int) -> str:
    """A text cut to some columns of a terminal, on which letters of East Asia take two."""
    ends = list(accumulate(2 if east_asian_width(letter) in "WF" else 1 for letter in text))
    if ends[-1] <= columns:
        return text
    return text[: bisect_right(ends, columns - 3)] + "..."


def in_words(seconds: float) -> str:
    """A duration as short as it can be said: ``7 s``, ``1:23``, ``1:02:03``."""
    whole = max(0, round(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}:{whole % _MINUTE:02}"
    return f"{whole // _HOUR}:{whole % _HOUR // _MINUTE:02}:{whole % _MINUTE:02}"


class StatusLine:
    """Draws a line, and takes it away before anything else is written.

    Parameters
    ----------
    fd
        The terminal.

    Notes
    -----
    It is drawn only while the cursor is at the beginning of a line, so that a line that has not ended, as of
    a progress bar, is never written over.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._at_start = True
        self._end = b""
        self._shown = ""

    def columns(self) -> int:
        """How wide the terminal is."""
        try:
            return os.get_terminal_size(self._fd).columns
        except OSError:
            return 80

    def wrote(self, chunk: bytes) -> None:
        """Learn what somebody else wrote to the terminal."""
        self._end = (self._end + chunk[-_LONGEST_STILL:])[-_LONGEST_STILL:]
        moved = _STILL.sub(b"", self._end)
        if moved:
            self._at_start = moved.endswith(b"\n")

    def draw(self, text: str) -> None:
        """Show a text, which has to fit the line."""
        if self._at_start and text != self._shown:
            self._write(f"{_SAVE}{_CLEAR}\x1b[2m{text}{_RESTORE}")
            self._shown = text

    def erase(self) -> None:
        """Take the line away."""
        if self._shown:
            self._write(f"{_SAVE}{_CLEAR}{_RESTORE}")
            self._shown = ""

    def _write(self, text: str) -> None:
        try:
            os.write(self._fd, text.encode("utf-8", "replace"))
        except OSError:  # nobody looks
            self._at_start = False
