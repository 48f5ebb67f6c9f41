"""What speaks for each of several commands to be the one that ended a step, in points.

The commands of a step print into one stream. A tool is known by its lines (``tools.toml``); the one that was
heard from last, and says that it failed, is the likeliest. Beside that count what the last lines name, runs
that have come to their end, the rule that knows the root line, and rare exit codes. The numbers are set by
hand; they order what counts more than what.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from logparse.diagnosis.command.said import count_of
from logparse.diagnosis.command.script import Command, Join, Node, Script
from logparse.diagnosis.command.tools import Tool, names_of, tool_of
from logparse.model import Build, Step

__all__ = ["Heard", "Points", "points_of"]

_LOOKED_AT = 60
"""Lines from the end in which tools are listened for."""
_NAMED_IN = 10
"""Lines from the end that may name what a command is about."""
_LONG = 400
"""Characters of such a line that are looked at."""
_WORDS = 64
"""Words of a command that may be named."""

_FAILED, _WORKED, _FADES = 12.0, 7.0, 0.25
"""Points of a tool that says it failed in the last line, of one that worked, and what a line more costs."""
_UNHEARD = -5.0
"""Of a tool that would have said so if it had failed."""
_UNKNOWN = 2.0
"""Of a program that nothing is known of: it may have printed anything."""
_ASKS = frozenset({("--version",), ("-v",), ("-V",), ("version",)})
_ASKING = -2.0
"""Of a program that is only asked for its version."""
_SILENT = 3.0
"""Of one that says nothing when it fails."""
_NAMED, _CLOSE = 3.0, 8.0
"""Of a command that is named, and the points by which others may be behind the best and still be compared."""
_TELLING = 5.0
_RULE = 4.0
_RARE_CODE = 3.0
_OVER = -9.0
"""Of a run that is over, or was not begun."""
_COMMON = frozenset({1, 2})


@dataclass(frozen=True, slots=True)
class Heard:
    """What a step printed last, and what is known of that.

    Parameters
    ----------
    build, step, script
        The step, and its commands.
    lines
        Its last lines.
    root, rule
        The line that says why it failed, and the rule that knows that line, as far as they are known.
    """

    build: Build
    step: Step
    script: Script
    lines: Sequence[str]
    root: str
    rule: str


@dataclass(slots=True)
class Points:
    """Points of a command: of what was heard, and of what it is."""

    heard: float = 0.0
    known: float = 0.0

    @property
    def total(self) -> float:
        """All of them."""
        return self.heard + self.known


def points_of(commands: Sequence[Command], codes: Sequence[int | None], heard: Heard) -> list[Points]:
    """Points of each of some commands.

    Parameters
    ----------
    commands
        Those that may have ended the step, in their order.
    codes
        The exit code that each would have left with.
    heard
        What there is to judge by.
    """
    tools = [tool_of(command) for command in commands]
    points = [Points() for _ in commands]
    last: list[int | None] = []
    for place, (command, tool) in enumerate(zip(commands, tools, strict=True)):
        failed, worked = _distances(command, tool, heard.lines)
        last.append(failed if failed is not None else worked)
        mine = points[place]
        if failed is not None:
            mine.heard += max(_FAILED - _FADES * failed, 2.0)
            if worked is not None:
                mine.heard += 0.1 * max(_WORKED - _FADES * worked, 0.0)
        elif worked is not None:
            mine.heard += max(_WORKED - _FADES * worked, 1.0)
        _by_itself(mine, command, tool, codes[place], said=failed is not None)
    latest = min((distance for distance in last if distance is not None), default=None)
    for place, tool in enumerate(tools):
        # A tool may print the lines of one that it runs; it is heard behind that then.
        if tool is not None and last[place] == latest and heard.rule.startswith(tool.rules or " "):
            points[place].heard += _RULE
        if tool is not None and _told(tool, commands[place], heard.lines):
            points[place].heard += _TELLING
    _unexplained(points, tools, last)
    _by_runs(points, commands, heard)
    _by_names(points, commands, tools, heard)
    return points


def _told(tool: Tool, command: Command, lines: Sequence[str]) -> bool:
    """Whether a line near the end can only be of this tool's failure, and of this call where it names it."""
    for line in lines[-_LOOKED_AT:] if tool.own else ():
        for pattern in tool.telling:
            match = pattern.match(line)
            if match is not None and (not pattern.groups or match["script"] in command.arguments):
                return True
    return False


def _by_itself(points: Points, command: Command, tool: Tool | None, code: int | None, *, said: bool) -> None:
    """What a tool's nature and the exit code say."""
    if command.arguments in _ASKS:
        points.known += _ASKING
    if tool is None:
        points.known += _UNKNOWN
        return
    if tool.silent:
        points.known += _SILENT if code is None or code in tool.meanings or not tool.meanings else -_SILENT
    elif not said and (tool.terse or tool.fails) and not tool.is_hushed(command.arguments):
        points.known += _UNHEARD
    if code in tool.codes and code not in _COMMON:
        points.known += _RARE_CODE


def _distances(command: Command, tool: Tool | None, lines: Sequence[str]) -> tuple[int | None, int | None]:
    """How far from the end a command's program last said that it failed, and that it worked."""
    names = "|".join(re.escape(name) for name in sorted(names_of(command)))
    named = re.compile(rf"(?:\S{{0,200}}/)?(?:{names})(?:\[\d{{1,9}}\]|\.exe)?: .") if names else None
    failing = tool.failing if tool is not None else None
    working = tool.working if tool is not None else None
    worked = None
    for distance, line in enumerate(reversed(lines[-_LOOKED_AT:])):
        if (named is not None and named.match(line)) or (failing is not None and failing.match(line)):
            return distance, worked if worked is not None else distance
        if worked is None and working is not None and working.match(line):
            worked = distance
    return None, worked


def _unexplained(points: Sequence[Points], tools: Sequence[Tool | None], last: Sequence[int | None]) -> None:
    """Lines at the end that no known tool prints speak for what nothing is known of, behind those."""
    heard = [(distance, place) for place, distance in enumerate(last) if distance is not None]
    distance, latest = min(heard, default=(_LOOKED_AT, -1))
    for place in range(latest + 1, len(points)):
        if tools[place] is None and distance:
            points[place].known += min(1.5 * distance, 4.0)


_SHORTEST = 4
"""Characters of a word that names something: "run" and "add" stand in too many lines."""
_WORD = re.compile(r"[\w@.+/:=~-]{3,200}")
_PATH = re.compile(r"[/_.]")
_PART = re.compile(r"[A-Za-z]{5,64}")
_NO_NAME = re.compile(r"[$`\s]")
"""Found in what is filled in later, and in code or a sentence."""


def _by_names(
    points: Sequence[Points], commands: Sequence[Command], tools: Sequence[Tool | None], heard: Heard
) -> None:
    """What the last lines, and those in which a tool says it failed, name of a command and of no other."""
    last = heard.lines[-_NAMED_IN:]
    wholes, parts = zip(*map(_words_of, commands), strict=True)
    least = max(mine.total for mine in points) - _CLOSE
    close = [place for place, mine in enumerate(points) if mine.total >= least]
    for place in close:
        # A whole word of the command must be no other likely one's; a part of a word, which many lines have
        # by chance, no other's at all.
        own = wholes[place] - _together(wholes, close, place)
        own_parts = parts[place] - wholes[place] - _together(parts, range(len(parts)), place)
        tool = tools[place]
        near = [*last, heard.root]
        if tool is not None and tool.failing is not None:
            near += [line for line in heard.lines[-_LOOKED_AT:-_NAMED_IN] if tool.failing.match(line)]
        text = "\n".join(line[:_LONG] for line in near)
        found = {word for word in own if _stands_in(word, text, _BESIDE)}
        found |= {word for word in own_parts if _stands_in(word, text)}
        points[place].heard += min(len(found), 3) * 0.5 * _NAMED
        if any(_stands_in(word, heard.root, _BESIDE if word in own else "") for word in found):
            points[place].heard += _NAMED


def _together(sets: Sequence[frozenset[str]], places: Iterable[int], left_out: int) -> set[str]:
    return set[str]().union(*(sets[place] for place in places if place != left_out))


_BESIDE = "/-_.@"
"""What may not stand beside a whole word, which may be a part of longer names."""


def _words_of(command: Command) -> tuple[frozenset[str], frozenset[str]]:
    """The words by which a command may be named, and parts of those: names of files, longer words."""
    words: set[str] = set()
    parts: set[str] = set()
    for argument in (command.name, *command.arguments[:_WORDS]):
        if _NO_NAME.search(argument):
            continue
        for word in _WORD.findall(argument)[:8]:
            words.add(word)
            parts |= {word, word.rstrip("/").rpartition("/")[2]}
            if _PATH.search(word):
                parts.update(_PART.findall(word)[:16])
    return frozenset(filter(_telling, words)), frozenset(filter(_telling, parts))


def _telling(word: str) -> bool:
    return len(word) >= _SHORTEST and not word.isdigit()


def _stands_in(word: str, text: str, beside: str = "") -> bool:
    """Whether a word is in a text, with nothing beside it that makes it a part of another one."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        around = text[at - 1 : at] + text[end : end + 1]
        if not any(one.isalnum() or one in beside for one in around):
            return True
        at = text.find(word, at + 1)
    return False


def _by_runs(points: Sequence[Points], commands: Sequence[Command], heard: Heard) -> None:
    """How far the script has come, by what some tools print once a run: what stands before that is over."""
    if _goes_back(heard.script.root):
        return
    over, begun = -1, -1
    not_begun: set[int] = set()
    for runs in _families(heard.script).values():
        tool = runs[0][1]
        if tool.beginning is not None:
            count = count_of(heard.build, heard.step, tool.beginning) or 0
            loud = [index for index, one in runs if not one.is_quiet(heard.script.commands[index].arguments)]
            if 0 < count <= len(loud):
                begun = max(begun, loud[count - 1])
                not_begun.update(loud[count:])
        if tool.ending is not None:
            count = count_of(heard.build, heard.step, tool.ending) or 0
            once = [index for index, one in runs if not one.repeats]
            if len(once) < len(runs):
                count = min(count, len(once))
            if 0 < count <= len(once):
                over = max(over, once[count - 1])
    for command, mine in zip(commands, points, strict=True):
        if command.index <= over or command.index < begun or command.index in not_begun:
            mine.heard += _OVER


def _goes_back(node: Node) -> bool:
    """Whether a script may run a command again: then nobody can say from its output how far it has come."""
    left = [node]
    while left:
        one = left.pop()
        if one.join in {Join.LOOP, Join.FUNCTION}:
            return True
        left.extend(one.parts)
    return False


def _families(script: Script) -> dict[str, list[tuple[int, Tool]]]:
    """The commands of a script by the families of their tools, in order."""
    found: dict[str, list[tuple[int, Tool]]] = {}
    for command in script.commands:
        tool = tool_of(command)
        if tool is not None and tool.family:
            found.setdefault(tool.family, []).append((command.index, tool))
    return found
