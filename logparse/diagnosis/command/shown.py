"""A failed command as it may be written for people."""

from __future__ import annotations

from dataclasses import replace

from logparse.model import FailedCommand, Step
from logparse.secrets import MASK, mask, mask_span
from logparse.text import plain

__all__ = ["shown_command"]


def shown_command(command: FailedCommand, step: Step) -> FailedCommand:
    """A failed command with its secrets masked, without control sequences, and the other commands so, too.

    Its place is the one in the step's text with the secrets masked.

    Parameters
    ----------
    command
        The command that ended the step.
    step
        The step. What is a secret in its whole text, by what stands before it in another command, is one in
        the command, too: then nothing of that command is shown, and it has no place.
    """
    whole = mask(step.text)

    def safe(text: str) -> str:
        masked = mask(_plain(text))
        return masked if command.start is None or masked in whole else MASK

    text, start, end = safe(command.text), command.start, command.end
    if start is not None and end is not None:
        placed = mask_span(step.text, start, end) if text != MASK else None
        start, end = placed[1:] if placed is not None else (None, None)
    return replace(
        command,
        text=text,
        start=start,
        end=end,
        tool=None if command.tool is None else mask(_plain(command.tool)),
        others=tuple(map(safe, command.others)),
    )


def _plain(text: str) -> str:
    """A text without control sequences: what the builder says it ran is as hostile as any output."""
    return "\n".join(plain(line.encode("utf-8", "replace")) for line in text.split("\n"))
