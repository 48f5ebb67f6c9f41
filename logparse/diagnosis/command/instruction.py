"""The commands of a step: what its shell was given, and where that is in the step's text.

Builders print an instruction on one line, its continuation lines joined, comments left out. BuildKit fills in
build arguments and takes backslashes out of what it prints as a step's name, and of a here-document it
prints the beginning only. What the shell was really given stands in its closing words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import pairwise

from logparse.diagnosis.command.script import Command, Join, Node, Options, Script
from logparse.diagnosis.command.shell import read_script
from logparse.diagnosis.command.words import SHELLS, base_name, program, script_word
from logparse.model import Build, Step, base_image

__all__ = ["Instruction", "read_instruction"]

_LONGEST = 1 << 17
"""Bytes of the closing words that are looked at."""
_STAGES = 16
"""Stages built upon each other that are looked through for a ``SHELL``."""


class Instruction:
    """The commands of a step.

    Parameters
    ----------
    script
        What its shell ran, or the one program of ``RUN ["program", ...]``.
    shell
        The words that its shell was called with, ``("/bin/sh", "-c")``; none where there was no shell.
    in_step
        Whether the places of the commands are places in :attr:`~logparse.model.Step.text`.
    """

    __slots__ = ("in_step", "script", "shell")

    def __init__(self, script: Script, shell: Sequence[str], *, in_step: bool) -> None:
        self.script = script
        self.shell = tuple(shell)
        self.in_step = in_step


_FLAG = r"--[a-z]{1,32}=(?:\"[^\"\n]{0,1024}\"|[^\s\"]){1,1024}\s{1,64}"
_FLAGS = re.compile(rf"RUN\s{{1,64}}(?:{_FLAG}){{0,32}}")
_WRAPPED = re.compile(r"\r?\n")
_SHORTENED = re.compile(r"<<-?[\"']?\w{1,128}[\"']?(?:\s{1,16}\(.{0,512}\.\.\.\))?\s{0,16}\Z", re.DOTALL)


def read_instruction(build: Build, step: Step) -> Instruction | None:
    """Read the commands of the step that a build failed at.

    Returns
    -------
    Instruction or None
        ``None`` for a step that runs nothing, and where the shell is none that is known.
    """
    said, text = _said(build), step.text
    head = _FLAGS.match(text)
    if head is None:
        # What a base image wants to be run later runs in the step of the FROM.
        called = _called(said) if said is not None and step.triggers else None
        return None if called is None else _given(*called)
    start = head.end()
    if text[start : start + 1] == "[":
        listed = _exec_form(text, start)
        if listed is not None:
            return listed
    called = _called(said) if said is not None else None
    if called is None and said is not None:
        return None
    shell, given = called or (_shell_of(build, step), text[start:])
    options = _options(shell)
    if options is None:
        return None
    if _SHORTENED.search(text) is None:
        # A here-document apart, a script has one line; more are those of a terminal that was too narrow.
        given = _WRAPPED.sub("", given)
    if given.split() == text[start:].split():
        return Instruction(_printed(text, start, options), shell, in_step=True)
    script = _placed(given, text, start, options)
    return Instruction(script, shell, in_step=script.text is text)


def _printed(text: str, start: int, options: Options) -> Script:
    """The script that a step's text has from `start` on."""
    return read_script(text, options, script=text[start:], places=range(start, len(text)))


_BARE = re.compile(r"[^\s\\]")


def _placed(given: str, text: str, start: int, options: Options) -> Script:
    """A script that a step's text has in other words, with places in that text if they can be told."""
    here = [match.start() for match in _BARE.finditer(text, start)]
    there = [match.start() for match in _BARE.finditer(given)]
    if [text[at] for at in here] == [given[at] for at in there]:
        # Only backslashes got lost.
        places = [here[0] if here else start] * len(given)
        for (at, following), place in zip(pairwise([*there, len(given)]), here, strict=True):
            places[at:following] = [place] * (following - at)
        return read_script(text, options, script=given, places=places)
    script = read_script(given, options)
    printed = _printed(text, start, options)
    if _SHORTENED.search(text) or len(script.commands) != len(printed.commands):
        return script
    # Variables were filled in: the commands are the same ones, one by one.
    return Script(text, script.root, printed.commands, options)


# What the closing words say the shell was called with.
_BEFORE = "The command '"
_BEHIND = "' returned a non-zero code"
_RUNNING = "executor failed running ["
_PROCESS = 'process "'
_NOT_COMPLETED = '" did not complete successfully'


def _said(build: Build) -> str | None:
    """The command that the builder says has failed, with its shell."""
    if build.failure is None:
        return None
    start, end = build.failure.span
    words = build.transcript.data[start : min(end, start + _LONGEST)].decode("utf-8", "replace")
    for before, behind in ((_BEFORE, _BEHIND), (_PROCESS, _NOT_COMPLETED), (_RUNNING, "]: ")):
        first = words.find(before)
        last = words.rfind(behind)
        if 0 <= first < last:
            inside = words[first + len(before) : last]
            return _unescaped(inside) if before == _PROCESS else inside
    return None


_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_LAST = 0x10FFFF


def _unescaped(text: str) -> str:
    """A text as Go's ``%q`` writes it, without the escapes."""

    def character(match: re.Match[str]) -> str:
        code = match[1] or match[2] or match[3]
        if code is not None:
            return chr(min(int(code, 16), _LAST))
        return _ESCAPED.get(match[4], match[4])

    return _ESCAPE.sub(character, text) if "\\" in text else text


_CALL = re.compile(
    # Docker writes build arguments before the shell: "|1 NAME=value /bin/sh -c".
    r"(?:\|\d{1,3} .{0,4096}? )??((?:/\S{0,128}/)?\w{0,8}sh(?: [-+\w]{1,32}){0,8}? -[A-Za-z]{0,16}c) ",
    re.DOTALL,
)


def _called(said: str) -> tuple[tuple[str, ...], str] | None:
    """The words before a shell's script in what the builder says it ran, and the script."""
    match = _CALL.match(said)
    return None if match is None else (tuple(match[1].split(" ")), said[match.end() :])


def _options(shell: Sequence[str]) -> Options | None:
    """The options that a shell is called with, ``None`` if it is no shell that is known."""
    found = script_word((*shell, "")) if base_name(shell[0]) in SHELLS else None
    return None if found is None else found[1]


def _shell_of(build: Build, step: Step) -> tuple[str, ...]:
    """The shell by the ``SHELL`` instructions before a step: of its stage, or of those that is built upon."""
    stages = {stage.name: stage for stage in build.stages if stage.name}
    steps = next((stage.steps for stage in build.stages if stage.number == step.stage), ())
    for _ in range(_STAGES):
        for one in reversed(steps):
            if one.instruction == "SHELL" and (one.start < step.start or one.stage != step.stage):
                words = _strings(one.arguments)
                if words:
                    return words
        stage = stages.get(base_image(steps[0].arguments)) if steps else None
        steps = stage.steps if stage is not None and stage.steps != steps else ()
    return ("/bin/sh", "-c")


def _strings(text: str) -> tuple[str, ...]:
    """A list of strings as JSON writes it; an empty one if the text is something else."""
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    return tuple(words) if isinstance(words, list) and all(isinstance(word, str) for word in words) else ()


_STRING = re.compile(r'"(?:[^"\\]|\\.){0,131072}+"', re.DOTALL)
_CHARACTER = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL)


def _exec_form(text: str, start: int) -> Instruction | None:
    """The commands of ``RUN ["program", "argument", ...]``."""
    words = _strings(text[start:])
    if not words:
        return None
    found = script_word(words)
    if found is None or found[0] != len(words) - 1:
        end = len(text.rstrip())
        name, arguments = program(words)
        command = Command(0, start, end, words, name, arguments)
        return Instruction(
            Script(text, Node(Join.COMMAND, command=0), (command,), Options()), (), in_step=True
        )
    strings = [match.span() for match in _STRING.finditer(text, start)]
    first, last = strings[found[0]]
    places = [match.start() for match in _CHARACTER.finditer(text, first + 1, last - 1)]
    if len(places) != len(words[-1]):
        # Two escapes that make one character.
        return Instruction(read_script(words[-1], found[1]), words[:-1], in_step=False)
    script = read_script(text, found[1], script=words[-1], places=places)
    return Instruction(script, words[:-1], in_step=True)


def _given(shell: tuple[str, ...], script: str) -> Instruction | None:
    options = _options(shell)
    return None if options is None else Instruction(read_script(script, options), shell, in_step=False)
