"""Which commands of a script can have been the one that ended it.

A shell's exit status is that of the last command it ran, or, under ``set -e``, of the first that failed where
nobody looked. So most commands of a script cannot be why it left with a failure: those before a ``;``, those
with a ``||`` behind them, all but the last of a pipe. Which can is found by running the script on sets: not
what each command does, but whose status each part of the script may leave with.

The rules are those of the Shell Command Language, POSIX.1-2024, 2.8.1, 2.9 and ``set`` in 2.15, and of bash's
manual for ``pipefail``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from logparse.diagnosis.command.script import Command, Join, Node, Options, Script

__all__ = ["Enders", "enders"]

_NONE: frozenset[int] = frozenset()
_NOBODY = frozenset((-1,))
"""Stands for a success that is no command's: of an ``if`` whose condition did not hold."""
_CALLS = 8
"""Calls of functions inside of each other. Beyond, a call is a command like any other."""
_WORK = 20_000
"""Nodes that are visited, since functions can call each other many times over."""


class Enders(NamedTuple):
    """Which commands can have ended a script with a failure.

    Parameters
    ----------
    commands
        Their indices.
    status
        Of those that can leave it with one status only: that status.
    stands_for
        Of those that only pass a failure on, as ``exit 1`` in ``make || exit 1``: whose it may be.
    """

    commands: frozenset[int]
    status: Mapping[int, int]
    stands_for: Mapping[int, frozenset[int]]


class _Run(NamedTuple):
    """What may come of a part of a script, as the commands whose status it would be.

    `bad` and `good` are those that it may leave with, so nothing can run behind a part without either;
    `exits` and `returns` are those that would end the shell or a function from within.
    """

    bad: frozenset[int] = _NONE
    good: frozenset[int] = _NONE
    exits: frozenset[int] = _NONE
    returns: frozenset[int] = _NONE


@dataclass(slots=True)
class _Shell:
    """A shell: its options, and the commands whose failure ``$?`` would be."""

    options: Options
    last: frozenset[int] = _NONE

    def copy(self) -> _Shell:
        return _Shell(replace(self.options), self.last)


def enders(script: Script) -> Enders:
    """Find the commands of a script that can have ended it with a failure."""
    walk = _Walk(script)
    run = walk.run(script.root, _Shell(replace(script.options)), tested=False)
    return Enders((run.bad | run.exits | run.returns) - _NOBODY, walk.status, walk.stands_for)


_TRUE = frozenset({"true", ":"})
_TESTS = frozenset({"[", "[[", "((", "test"})
_COMPARISONS = {"=": True, "==": True, "!=": False}
_VARIABLE = re.compile(r"[$`*?\[~]")
_NUMBER = re.compile(r"[0-9]{1,9}\Z")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w{0,127}(?:\[|\+?=)")
_DEMAND = re.compile(r"\$\{\w{1,128}:?\?")


@dataclass(slots=True)
class _Walk:
    script: Script
    functions: dict[str, Node] = field(default_factory=dict)
    status: dict[int, int] = field(default_factory=dict)
    stands_for: dict[int, frozenset[int]] = field(default_factory=dict)
    calls: int = 0
    work: int = 0

    def run(self, node: Node, shell: _Shell, *, tested: bool) -> _Run:
        """What may come of `node`; `tested` says that its failure is looked at, where ``set -e`` is off."""
        self.work += 1
        how = _HOW.get(node.join) if self.work < _WORK else None
        run = how(self, node, shell, tested=tested) if how is not None else _Run(good=_NOBODY)
        shell.last = run.bad
        return run

    def _failing(self, run: _Run, shell: _Shell, *, tested: bool) -> _Run:
        """`run` of something whose failure ends a shell with ``set -e``, unless it is looked at."""
        if not shell.options.errexit or tested:
            return run
        return run._replace(bad=_NONE, exits=run.exits | run.bad)

    def of_command(self, node: Node, shell: _Shell, *, tested: bool) -> _Run:
        command = self.script.commands[node.command]
        mine = frozenset((command.index,))
        name = command.words[0] if command.words else ""
        source = self.script.source(command)
        exits = mine if name == "." or _DEMAND.search(source, 0, 4096) else _NONE
        if not name and _ASSIGNMENT.match(source):
            # An assignment has the status of what was substituted last in it. Some shells keep "set -e" there
            # even where the assignment is looked at, others never do.
            run = _Run(good=mine)
            if node.parts:
                run = _shell_of(self.run(node.parts[-1].parts[0], shell.copy(), tested=False))
        elif name in self.functions and self.calls < _CALLS:
            run = self._call(self.functions[name], shell, tested=tested)
        elif name in {"exit", "return"}:
            return self._exit(command, shell, mine)
        elif name in _TRUE:
            run = _Run(good=mine)
        elif name == "false":
            self.status[command.index] = 1
            run = _Run(mine)
        elif name == "exec" and len(command.words) > 1:
            return _Run(exits=mine | _NOBODY)
        elif name in _TESTS and (holds := _compared(command.words)) is not None:
            run = _Run(good=mine) if holds else _Run(mine)
        elif name == "set":
            shell.options.take(command.arguments)
            # Not all shells know all names of options, and end then.
            exits |= mine if any("o" in word for word in command.arguments) else _NONE
            run = _Run(good=mine)
        else:
            run = _Run(mine, mine)
        return self._failing(run._replace(exits=run.exits | exits), shell, tested=tested)

    def _call(self, body: Node, shell: _Shell, *, tested: bool) -> _Run:
        self.calls += 1
        run = self.run(body, shell, tested=tested)
        self.calls -= 1
        return _Run(run.bad | (run.returns - _NOBODY), run.good | (run.returns & _NOBODY), run.exits)

    def _exit(self, command: Command, shell: _Shell, mine: frozenset[int]) -> _Run:
        word = command.words[1] if len(command.words) > 1 else "$?"
        ends = mine | _NOBODY
        if word == "$?":
            ends = shell.last | _NOBODY
        elif _NUMBER.match(word):
            self.status[command.index] = int(word) % 256
            ends = mine if int(word) % 256 else _NOBODY
        if command.words[0] == "return" and self.calls:
            return _Run(returns=ends)
        return _Run(exits=ends)

    def of_sequence(self, node: Node, shell: _Shell, *, tested: bool) -> _Run:
        run, exits, returns = _Run(good=_NOBODY), _NONE, _NONE
        for part in node.parts:
            run = self.run(part, shell, tested=tested)
            exits, returns = exits | run.exits, returns | run.returns
            if not run.bad and not run.good:
                break
        return _Run(run.bad, run.good, exits, returns)

    def of_list(self, node: Node, shell: _Shell, *, tested: bool) -> _Run:
        whole = self.run(node.parts[0], shell, tested=True)
        last = len(node.parts) - 1
        for place, operator in enumerate(node.operators, 1):
            part, guards = node.parts[place], operator == "||"
            if not (whole.bad if guards else whole.good):
                continue
            shell.last = whole.bad if guards else _NONE
            run = self.run(part, shell, tested=tested or place < last)
            if guards:
                self._passes_on(run, whole.bad)
            bad, good = (run.bad, run.good | whole.good) if guards else (run.bad | whole.bad, run.good)
            whole = _Run(bad, good, whole.exits | run.exits, whole.returns | run.returns)
        return whole

    def of_pipe(self, node: Node, shell: _Shell, *, tested: bool) -> _Run:
        runs = [_shell_of(self.run(part, shell.copy(), tested=tested)) for part in node.parts]
        if shell.options.pipefail:
            bad = frozenset[int]().union(*(run.bad for run in runs))
            return self._failing(_Run(bad, runs[-1].good), shell, tested=tested)
        return self._failing(runs[-1], shell, tested=tested)

    def of_not(self, node: Node, shell: _Shell, *, tested: bool) -> _Run:
        del tested  # "set -e" never minds a failure that is asked for.
        run = self.run(node.parts[0], shell, tested=True)
        bad = run.good - _NOBODY
        for index in bad - run.exits:
            self.status[index] = 1
        return run._replace(bad=bad, good=run.bad or (run.good & _NOBODY))

    def of_loop(self, node: Node, shell: _Shell, *, tested: bool) -> _Run:
        before = replace(shell.options)
        condition = self.run(node.parts[0], shell, tested=True)
        runs = [condition._replace(bad=_NONE, good=_NONE), self.run(node.parts[1], shell, tested=tested)]
        if shell.options != before:
            # From the second turn on, other options hold.
            runs.append(self.run(node.parts[1], shell, tested=tested))
        return _either(runs, _NOBODY)

    def of_case(self, node: Node, shell: _Shell, *, tested: bool) -> _Run:
        return _either([self.run(part, shell, tested=tested) for part in node.parts], _NOBODY)

    def of_subshell(self, node: Node, shell: _Shell, *, tested: bool) -> _Run:
        run = _shell_of(self.run(node.parts[0], shell.copy(), tested=tested))
        return self._failing(run, shell, tested=tested)

    def of_script(self, node: Node, shell: _Shell, *, tested: bool) -> _Run:
        inner = _Shell(replace(node.options or Options()))
        run = _shell_of(self.run(node.parts[0], inner, tested=False))
        return self._failing(run._replace(bad=run.bad | {node.command}), shell, tested=tested)

    def of_function(self, node: Node, shell: _Shell, *, tested: bool) -> _Run:
        del shell, tested
        self.functions[node.name] = node.parts[0]
        return _Run(good=_NOBODY)

    def of_if(self, node: Node, shell: _Shell, *, tested: bool) -> _Run:
        parts = node.parts
        runs: list[_Run] = []
        failed = _NOBODY
        for at in range(0, len(parts) - 1, 2):
            condition = self.run(parts[at], shell, tested=True)
            runs.append(condition._replace(bad=_NONE, good=_NONE))
            failed = condition.bad
            if condition.good:
                shell.last = _NONE
                branch = self.run(parts[at + 1], shell, tested=tested)
                if parts[at].join is Join.NOT:
                    self._passes_on(branch, self._programs(condition.good))
                runs.append(branch)
            if not failed:
                return _either(runs)
        if len(parts) % 2:
            shell.last = failed
            branch = self.run(parts[-1], shell, tested=tested)
            self._passes_on(branch, self._programs(failed))
            return _either([*runs, branch])
        return _either(runs, _NOBODY)

    def _programs(self, commands: frozenset[int]) -> frozenset[int]:
        """Those of `commands` that do more than test a condition."""
        return frozenset(
            index for index in commands - _NOBODY if self.script.commands[index].name not in _TESTS
        )

    def _passes_on(self, run: _Run, failed: frozenset[int]) -> None:
        """Remember whose failures it may be that a part of a script passes on."""
        if not failed - _NOBODY:
            return
        for index in (run.bad | run.exits | run.returns) - _NOBODY:
            command = self.script.commands[index]
            deliberate = command.words[:1] in {("exit",), ("return",), ("false",)}
            if deliberate or (command.name in _TESTS and "$?" in command.words):
                self.stands_for.setdefault(index, failed - _NOBODY)


_HOW: Mapping[Join, Callable[..., _Run]] = {
    Join.COMMAND: _Walk.of_command,
    Join.SEQUENCE: _Walk.of_sequence,
    Join.LIST: _Walk.of_list,
    Join.PIPE: _Walk.of_pipe,
    Join.NOT: _Walk.of_not,
    Join.IF: _Walk.of_if,
    Join.LOOP: _Walk.of_loop,
    Join.CASE: _Walk.of_case,
    Join.SUBSHELL: _Walk.of_subshell,
    Join.SCRIPT: _Walk.of_script,
    Join.FUNCTION: _Walk.of_function,
}
"""How each part of a script runs. A background command is not among them: its failure is nobody's."""


def _compared(words: Sequence[str]) -> bool | None:
    """Whether a test that compares two constants holds, as where BuildKit has filled in build arguments."""
    words = [word for word in words[1:] if word not in {"]", "]]"}]
    if any(_VARIABLE.search(word) for word in words):
        return None
    if len(words) == 3 and words[1] in _COMPARISONS:  # noqa: PLR2004 - two operands
        return (words[0] == words[2]) == _COMPARISONS[words[1]]
    if len(words) == 2 and words[0] in {"-n", "-z"}:  # noqa: PLR2004 - one operand
        return bool(words[1]) == (words[0] == "-n")
    return None


def _shell_of(run: _Run) -> _Run:
    """What may come of a shell within which `run` is all that runs."""
    inside = run.exits | run.returns
    return _Run(run.bad | (inside - _NOBODY), run.good | (inside & _NOBODY))


def _either(runs: Sequence[_Run], more: frozenset[int] = _NONE) -> _Run:
    """What may come of one of `runs`, or of none with success where `more` says so."""
    bad, good, exits, returns = (frozenset[int]().union(*sets) for sets in zip(_Run(), *runs, strict=True))
    return _Run(bad, good | more, exits, returns)
