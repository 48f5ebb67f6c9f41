"""The tool that ended a step, as far as that is known and not guessed."""

from __future__ import annotations

from logparse.diagnosis.command.choose import failed_command
from logparse.diagnosis.command.instruction import read_instruction
from logparse.diagnosis.command.tools import Tool, tool_of
from logparse.model import Build, Evidence

__all__ = ["failed_tool"]


def failed_tool(build: Build, root: str) -> Tool | None:
    """The tool that ended the failing step of a build.

    Parameters
    ----------
    build
        A build that failed.
    root
        The line that says why.

    Returns
    -------
    Tool or None
        ``None`` where several commands may have ended the step and nothing tells which, and where the one
        that did calls no known tool.
    """
    step = build.failing_step
    found = failed_command(build, root=root)
    if step is None or found is None or found.evidence is Evidence.ORDER:
        return None
    instruction = read_instruction(build, step)
    tool = tool_of(instruction.script.commands[found.index]) if instruction is not None else None
    # What leaves with a code that its tool does not know was told to, as in "make || exit 7".
    known = tool is None or not tool.codes or build.exit_code is None or build.exit_code in tool.codes
    return tool if known else None
