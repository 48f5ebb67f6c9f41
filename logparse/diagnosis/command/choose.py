"""Which command of a step ended it: the shell's rules first, then what is known of the run."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from logparse.diagnosis.command.flow import enders
from logparse.diagnosis.command.instruction import Instruction, read_instruction
from logparse.diagnosis.command.points import Heard, points_of
from logparse.diagnosis.command.said import last_lines, not_started, shell_complaints, traced
from logparse.diagnosis.command.script import Command, Join, Node, Options
from logparse.diagnosis.command.tools import names_of, tool_of
from logparse.model import Build, Evidence, FailedCommand, Step

__all__ = ["failed_command"]

_OTHERS = 16
"""Other commands that are named."""
_SHELLS_OWN = 125
"""Exit codes above it are the shell's: 126 and 127, and 128 + signal."""
_LAST_SIGNAL = 128 + 64
_COMMON = frozenset({1, 2})
"""Exit codes that most programs fail with."""
_NOT_RUN = frozenset({126, 127})
_CLEAR = 5.0
"""Points ahead of the next by which a command is chosen that was not heard: the others would have been."""
_WEIGHED = 200
"""Commands that are weighed against each other."""


def failed_command(build: Build, *, root: str = "", rule: str = "") -> FailedCommand | None:
    """Say which command of the failing step ended it.

    Parameters
    ----------
    build
        A build that failed.
    root
        The line that says why, if one is known.
    rule
        The id of the rule that knows that line.

    Returns
    -------
    FailedCommand or None
        ``None`` if the build did not fail at a command: at another instruction, before its shell ran, or at
        a shell or a script that cannot be read.
    """
    step = build.failing_step
    instruction = read_instruction(build, step) if step is not None else None
    if step is None or instruction is None:
        return None
    return _Case(build, step, instruction, root, rule).answer()


class _Suspect(NamedTuple):
    """A command that may have ended the step, and the exit code it would have left with, if that is known."""

    command: Command
    code: int | None


class _Case:
    """One failed step, with what its commands are judged by."""

    def __init__(self, build: Build, step: Step, instruction: Instruction, root: str, rule: str) -> None:
        self.build = build
        self.step = step
        self.instruction = instruction
        self.script = instruction.script
        self.code = build.exit_code
        self.root = root
        self.rule = rule
        self.enders = enders(self.script)

    @cached_property
    def lines(self) -> list[str]:
        return last_lines(self.build, self.step)

    def answer(self) -> FailedCommand | None:
        suspects = self.suspects()
        if not suspects or (self.instruction.shell and not_started([*self.lines[-2:], self.root])):
            return None
        complaint = self._complaint(suspects)
        if isinstance(complaint, Command):
            return self._failed(_Suspect(complaint, self.code), Evidence.SHELL, suspects)
        if complaint is False:
            return None
        inner = [one for one in suspects if not one.command.starts_script] or suspects
        if len(inner) == 1:
            return self._failed(inner[0], Evidence.ONLY, suspects)
        last = self._traced(inner)
        if len(last) == 1:
            return self._failed(last[0], Evidence.TRACE, suspects)
        possible = [one for one in last if _possible(one)] or last
        if len(possible) == 1:
            return self._failed(possible[0], Evidence.EXIT_CODE, suspects)
        return self._likeliest(possible, suspects)

    def suspects(self) -> list[_Suspect]:
        """The commands that can have ended the step by the rules of its shell, in their order.

        Where a command only passes on the failure of others, those stand for it, with a code of their own.
        """
        found: dict[int, _Suspect] = {}
        for index in sorted(self.enders.commands):
            status = self.enders.status.get(index)
            if self.code is not None and status is not None and status != self.code:
                continue
            passed_on = self.enders.stands_for.get(index)
            for one in passed_on or (index,):
                code = None if passed_on else self.code
                found.setdefault(one, _Suspect(self.script.commands[one], code))
        suspects = [found[index] for index in sorted(found)]
        if self.code is not None and not any(map(_possible, suspects)):
            # Only Docker prints a shell's options: this one may have been called with "pipefail".
            others = [_Suspect(one, self.code) for one in self.script.commands if self._leaves_so(one)]
            return others or suspects
        return suspects

    def _leaves_so(self, command: Command) -> bool:
        """Whether a command leaves with just such an exit code as the step did."""
        tool = tool_of(command)
        return tool is not None and self.code in tool.codes and self.code not in _COMMON

    def _complaint(self, suspects: Sequence[_Suspect]) -> Command | bool:
        """The command that a message of the shell names; ``False`` if none was run; ``True`` otherwise."""
        if not self.instruction.shell:
            return True
        for complaint in shell_complaints(self.lines, self.instruction.shell[0]):
            if _SYNTAX.search(complaint.text) and self.lines[-1].endswith(complaint.text):
                return False
            commands = [one.command for one in suspects]
            if _UNSET.search(complaint.text):
                commands = [one for one in self.script.commands if self._uses(one, complaint.about)]
            elif _MISSING.search(complaint.text) and self.code not in {None, *_NOT_RUN}:
                continue
            else:
                commands = [one for one in commands if self._is_about(one, complaint.about)]
            if commands:
                named = (one for one in commands if any(word in complaint.text for word in one.arguments))
                return next(named, commands[0])
        return True

    def _uses(self, command: Command, variable: str) -> bool:
        source = self.script.source(command)
        return f"${variable}" in source or f"${{{variable}" in source

    def _is_about(self, command: Command, about: str) -> bool:
        """Whether a message about a program, or about a file to be opened, is about a command."""
        redirected = _REDIRECTED.match(about)
        if redirected is not None:
            target = redirected[1].strip("'\"").rpartition("/")[2]
            source = self.script.source(command)
            return bool(target) and target in source and (">" in source or "<" in source)
        # What runs the program may be what is missing: "sudo: not found".
        runners = command.words[: len(command.words) - len(command.arguments)]
        return about in names_of(command) or about in runners

    def _traced(self, suspects: Sequence[_Suspect]) -> list[_Suspect]:
        """The suspects that the shell's trace leaves, all of them if there is none."""
        commands = self.script.commands
        if not self.script.options.xtrace and not any(_switches_trace_on(one) for one in commands):
            return list(suspects)
        index = traced(self.build, self.step, self.script)
        if index is None:
            return list(suspects)
        exact = [one for one in suspects if one.command.index == index]
        if exact:
            return exact
        # The commands of a pipe are traced in no certain order, and a substitution before what it is in.
        near = self._piped_with(index)
        around = [
            one
            for one in suspects
            if one.command.index in near
            or (one.command.start <= commands[index].start and commands[index].end <= one.command.end)
        ]
        return around or list(suspects)

    def _piped_with(self, index: int) -> Collection[int]:
        """The commands of the innermost pipe that a command is in."""
        found: Collection[int] = ()
        left = [self.script.root]
        while left:
            node = left.pop()
            if node.join is Join.PIPE:
                inside = {one for part in node.parts for one in _commands_in(part)}
                found = inside if index in inside else found
            left.extend(node.parts)
        return found

    def _likeliest(self, possible: Sequence[_Suspect], suspects: Sequence[_Suspect]) -> FailedCommand:
        """The suspect that most speaks for, by points; of equals the first."""
        possible = possible[:_WEIGHED]
        points = points_of(
            [one.command for one in possible],
            [one.code for one in possible],
            Heard(self.build, self.step, self.script, self.lines, self.root, self.rule),
        )
        order = sorted(range(len(points)), key=lambda place: (-points[place].total, place))
        best, second = (points[place] for place in order[:2])
        ahead = best.total - second.total
        tells = (best.heard > 0 and ahead > 0) or ahead >= _CLEAR
        evidence = Evidence.OUTPUT if tells else Evidence.ORDER
        return self._failed(possible[order[0]], evidence, suspects)

    def _failed(self, suspect: _Suspect, evidence: Evidence, suspects: Sequence[_Suspect]) -> FailedCommand:
        command = suspect.command
        tool = tool_of(command)
        code = suspect.code
        inside = self.instruction.in_step
        others = [one.command for one in suspects if one.command.index != command.index]
        return FailedCommand(
            text=self.script.source(command),
            start=command.start if inside else None,
            end=command.end if inside else None,
            index=command.index,
            count=len(self.script.commands),
            tool=command.name or None,
            evidence=evidence,
            confidence=confidence(evidence),
            meaning=tool.meanings.get(code) if tool is not None and code is not None else None,
            others=tuple(self.script.source(one) for one in others[:_OTHERS]),
        )


_SYNTAX = re.compile(r"[Ss]yntax error|unexpected (?:EOF|end of file)")
_MISSING = re.compile(r": (?:command )?not found\Z")
_UNSET = re.compile(r": (?:parameter not set|parameter null or not set|unbound variable)\Z")
_REDIRECTED = re.compile(r"(?:cannot|can't) (?:create|open) (.{1,400})\Z")


def _commands_in(node: Node) -> Iterator[int]:
    left = [node]
    while left:
        one = left.pop()
        if one.command >= 0:
            yield one.command
        left.extend(one.parts)


def _switches_trace_on(command: Command) -> bool:
    options = Options()
    if command.name == "set" or command.starts_script:
        options.take(command.arguments)
    return options.xtrace


_BUILTINS = frozenset({"builtin", "echo", "test", "exit"})
"""Tools of the table that are parts of the shell: these cannot be missing, and no signal ends them."""


def _possible(suspect: _Suspect) -> bool:
    """Whether a command can have left with the step's exit code."""
    tool, code = tool_of(suspect.command), suspect.code
    if tool is None or code is None:
        return True
    if _SHELLS_OWN < code <= _LAST_SIGNAL:
        return tool.name not in _BUILTINS or code in tool.codes
    return not tool.codes or code in tool.codes


# Right and total on failed steps of public projects, labelled by reading, each counted as it was first
# answered, before anything was mended by it: 304 steps of several commands, and under "only" also 606 of one
# command, which alone can have failed.
MEASURED: dict[Evidence, tuple[int, int]] = {
    Evidence.ONLY: (619, 619),
    Evidence.TRACE: (26, 26),
    Evidence.SHELL: (19, 20),
    Evidence.OUTPUT: (150, 158),
    Evidence.EXIT_CODE: (24, 24),
    Evidence.ORDER: (44, 63),
}


def confidence(evidence: Evidence) -> float:
    """The share of labelled steps on which such evidence was right, ``(right + 1) / (total + 2)``."""
    right, total = MEASURED[evidence]
    return round((right + 1) / (total + 2), 3)
