"""A failed command as it may be written for people."""

from __future__ import annotations

from dataclasses import replace

from logparse.model import FailedCommand, Step
from logparse.secrets import MASK, mask

__all__ = ["shown_command"]


def shown_command(command: FailedCommand, step: Step) -> FailedCommand:
    """A failed command with its secrets masked, and those of the other commands.

    Parameters
    ----------
    command
        The command that ended the step.
    step
        The step. What is a secret in its whole text, by what stands before it in another command, is one in
        the command, too: then nothing of that command is shown.
    """
    whole = mask(step.text)

    def safe(text: str) -> str:
        masked = mask(text)
        return masked if command.start is None or masked in whole else MASK

    return replace(command, text=safe(command.text), others=tuple(map(safe, command.others)))
