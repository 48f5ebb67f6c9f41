"""Errors behind which a step went on, as far as its instruction or its output tells.

``pip install x || true`` may fail. A download that fails is tried again, and comes; apt's indexes cannot be
had, and a second ``apt-get update`` gets them. Such errors are no reason for the failure, whatever rules
know them. Only what is meant to be tolerated counts: behind a mere ``;`` or in a pipe a step goes on as well,
and is wrecked by the very error it went over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from logparse.diagnosis.command.instruction import read_instruction
from logparse.diagnosis.command.script import Join, Node, Script
from logparse.diagnosis.command.tools import tool_of
from logparse.diagnosis.lines import Row, rows
from logparse.diagnosis.root_line import Evidence
from logparse.diagnosis.rules import Rule
from logparse.model import Build, Step

__all__ = ["forgiven", "recovery"]

_ALWAYS_WELL = frozenset({"true", ":", "echo", "printf", "/bin/true"})
"""Commands behind a ``||`` that make up for any failure before it."""


def forgiven(build: Build, step: Step | None) -> tuple[str, ...]:
    """The beginnings of the ids of rules about tools that the step calls only where they may fail.

    Parameters
    ----------
    build, step
        A build and the step that failed.
    """
    if step is None or "||" not in step.text:
        return ()
    instruction = read_instruction(build, step)
    if instruction is None:
        return ()
    script = instruction.script
    may_fail = set(_covered(script, script.root))
    rules: dict[bool, set[str]] = {True: set(), False: set()}
    for command in script.commands:
        tool = tool_of(command)
        rules[command.index in may_fail].update(tool.rules if tool is not None else ())
    return tuple(sorted(rules[True] - rules[False]))


def _covered(script: Script, node: Node) -> Iterator[int]:
    """The commands before a ``|| true``."""
    for part in node.parts:
        yield from _covered(script, part)
    if node.join is not Join.LIST:
        return
    for number, operator in enumerate(node.operators):
        behind = node.parts[number + 1]
        if operator != "||" or behind.join is not Join.COMMAND:
            continue
        if script.commands[behind.command].name in _ALWAYS_WELL:
            for part in node.parts[: number + 1]:
                yield from _commands(part)


def _commands(node: Node) -> Iterator[int]:
    if node.command >= 0:
        yield node.command
    for part in node.parts:
        yield from _commands(part)


class _Success(NamedTuple):
    """What a tool prints when it has got through, which it does not do behind a failure.

    Parameters
    ----------
    rules
        The beginnings of the ids of the rules about its failures,
    but
        and of those it goes on behind.
    words
        What to look for.
    line
        Recognises the line from its start on.
    """

    rules: tuple[str, ...]
    but: tuple[str, ...]
    words: bytes
    line: re.Pattern[str]


_SUCCESSES = tuple(
    _Success(rules, but, words, re.compile(line))
    for rules, but, words, line in (
        (("apk.",), (), b"OK: ", r"OK: \d{1,9} "),
        # dpkg sets up the other packages behind one that it could not.
        (("apt.",), ("apt.dpkg", "apt.unmet"), b"Setting up ", r"Setting up \S{1,200} \("),
        (("bundler.", "ruby."), (), b"Bundle complete", r"Bundle complete!"),
        (("cargo.",), (), b"Finished ", r"\s{0,8}Finished .{1,80} target"),
        (("cmake.",), (), b"-- Build files", r"-- Build files have been written"),
        (("conda.",), (), b"Executing transaction", r"Executing transaction: .{0,60}done"),
        (("git.",), (), b"Resolving deltas: 100%", r"(?:remote: )?Resolving deltas: 100%"),
        (("gradle.",), (), b"BUILD SUCCESSFUL", r"BUILD SUCCESSFUL"),
        (("maven.",), (), b"BUILD SUCCESS", r"(?:\[INFO\] )?BUILD SUCCESS"),
        (("net.",), (), b" saved [", r".{0,80}[-\u2018'\"].{1,300} saved \[\d"),
        (("npm.",), (), b"added ", r"added \d{1,6} packages?"),
        (("pip.",), (), b"Successfully installed ", r"Successfully installed "),
        (("yarn.",), (), b"Done in ", r"(?:\S{0,4} {1,2})?Done in \d"),
        (("rpm.", "yum."), (), b"Complete!", r"Complete!"),
    )
)
_LOOKED_AT = 50
"""Lines with the words that are looked at."""


def recovery(evidence: Evidence, rule: Rule, last: Row) -> Row | None:
    """The line behind an error by which its tool succeeded after all.

    Parameters
    ----------
    evidence
        The output.
    rule
        The rule that knows the error.
    last
        Its last line.
    """
    for success in _SUCCESSES:
        if rule.id.startswith(success.rules) and not rule.id.startswith(success.but or ("\0",)):
            for row in _with(evidence, success.words, last.at):
                if success.line.match(row.text):
                    return row
    return None


def _with(evidence: Evidence, words: bytes, since: int) -> Iterator[Row]:
    """The lines with some words behind an offset: the first few."""
    data = evidence.transcript.data
    left = _LOOKED_AT
    for start, end in evidence.spans:
        at = data.find(words, max(start, since), end)
        while at >= 0 and left:
            left -= 1
            begin = max(start, data.rfind(b"\n", start, at) + 1)
            if begin > since:
                yield from _first(evidence, begin)
            line_end = data.find(b"\n", at, end)
            at = data.find(words, line_end, end) if line_end >= 0 else -1


def _first(evidence: Evidence, at: int) -> Iterator[Row]:
    row = next(rows(evidence.transcript, evidence.spans, since=at), None)
    if row is not None and row.at == at:
        yield row
