"""What is known of the programs that a RUN calls: the table ``tools.toml``, checked and typed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from logparse.diagnosis.command.script import Command
from logparse.diagnosis.command.words import SHELLS, base_name

_WORDS, _LONG = 64, 2000
"""Words of a call that are looked at, and their characters."""

__all__ = ["Tool", "load_tools", "names_of", "tool_of"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Tool:
    """A program, or one of its subcommands: how it is called, what it prints and leaves with.

    The fields are those of ``tools.toml``, which describes them.
    """

    name: str
    programs: frozenset[str]
    words: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    codes: frozenset[int] = frozenset()
    fails: tuple[str, ...] = ()
    works: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    begins: str = ""
    ends: str = ""
    family: str = ""
    rules: tuple[str, ...] = ()
    cause: str = ""
    terse: bool = False
    silent: bool = False
    repeats: bool = False
    hushed: str = ""
    quiet: str = ""
    meanings: Mapping[int, str] = field(default_factory=dict)

    @cached_property
    def failing(self) -> re.Pattern[str] | None:
        """Recognises, from its start on, a line that the tool prints when it fails."""
        return _any_of(self.fails)

    @cached_property
    def working(self) -> re.Pattern[str] | None:
        """Recognises, from its start on, a line that the tool prints on its way."""
        return _any_of(self.works)

    @cached_property
    def beginning(self) -> re.Pattern[str] | None:
        """Recognises a line that the tool prints once a run."""
        return _any_of((self.begins,) if self.begins else ())

    @cached_property
    def ending(self) -> re.Pattern[str] | None:
        """Recognises a line that the tool prints when it has succeeded."""
        return _any_of((self.ends,) if self.ends else ())

    @cached_property
    def telling(self) -> tuple[re.Pattern[str], ...]:
        """Each recognises, from its start on, a line by which the tool failed, and no other one.

        A group that is called `script` must be a word of the call.
        """
        return tuple(map(re.compile, self.own))

    @cached_property
    def _quiet(self) -> re.Pattern[str] | None:
        return _any_of((self.quiet,) if self.quiet else ())

    def is_quiet(self, arguments: Sequence[str]) -> bool:
        """Whether a call with these arguments does not print what it otherwise begins with."""
        return self._quiet is not None and self._quiet.match(" ".join(arguments[:_WORDS])[:_LONG]) is not None

    @cached_property
    def _hushed(self) -> re.Pattern[str] | None:
        return _any_of((self.hushed,) if self.hushed else ())

    def is_hushed(self, arguments: Sequence[str]) -> bool:
        """Whether a call with these arguments says nothing when it fails."""
        return (
            self._hushed is not None and self._hushed.match(" ".join(arguments[:_WORDS])[:_LONG]) is not None
        )

    def fits(self, arguments: Sequence[str]) -> bool:
        """Whether a call with these arguments is this tool's."""
        if self.needs and self.needs.isdisjoint(arguments):
            return False
        if not self.words:
            return True
        first = next((word for word in arguments if word[:1] != "-"), "")
        return first in self.words


def _any_of(patterns: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(patterns)) if patterns else None


@cache
def load_tools() -> Mapping[str, tuple[Tool, ...]]:
    """The tools of the package by the names of their programs; of a name, the first that fits counts."""
    entries = tomllib.loads((files("logparse.diagnosis.command") / "tools.toml").read_text("utf-8"))["tool"]
    found: dict[str, list[Tool]] = {}
    for tool in map(_tool, entries):
        for name in tool.programs:
            found.setdefault(name, []).append(tool)
    return {name: tuple(tools) for name, tools in found.items()}


_SETS = ("programs", "words", "needs", "codes")
_TUPLES = ("fails", "own", "rules", "works")


def _tool(entry: Mapping[str, Any]) -> Tool:
    values = dict(entry)
    values.update({key: frozenset(values[key]) for key in _SETS if key in values})
    values.update({key: tuple(values[key]) for key in _TUPLES if key in values})
    values["meanings"] = {int(code): text for code, text in values.get("meanings", {}).items()}
    return Tool(**values)


_FIRST = 3
"""Words of a command among which its program is."""
_PYTHON = re.compile(r"(?:python|pypy)[\d.]{0,8}\Z")


def _called(command: Command) -> tuple[str, tuple[str, ...]]:
    """The program that a command calls, ``pip`` of ``python -m pip``, and its arguments."""
    name, arguments = command.name, command.arguments
    if _PYTHON.match(name) and "-m" in arguments[:-1]:
        at = arguments.index("-m")
        return arguments[at + 1], arguments[at + 2 :]
    return name, arguments


def tool_of(command: Command) -> Tool | None:
    """The tool that a command calls, if it is a known one."""
    name, arguments = _called(command)
    # A script of one's own may be called like a small program: "./test".
    own = any(word.startswith(("./", "../")) for word in command.words[:_FIRST])
    for tool in load_tools().get(name, ()):
        if tool.fits(arguments) and not (own and (tool.terse or tool.silent)):
            return tool
    return None


def names_of(command: Command) -> frozenset[str]:
    """The names that may stand before what a command prints: its program's, and its script's."""
    names = {command.name, base_name(command.name), *command.words[:1], *map(base_name, command.words[:1])}
    name, arguments = _called(command)
    names.add(name)
    if name in SHELLS or _PYTHON.match(name) or name in {".", "source", "perl", "ruby", "node", "php"}:
        script = next((word for word in arguments if word[:1] != "-"), "")
        names |= {script, base_name(script)}
    return frozenset(name for name in names if name and name[0] != "$")
