"""The words of a shell command: which of them names the program that does the work."""

from __future__ import annotations

import re
from collections.abc import Sequence

from logparse.diagnosis.command.script import Options

__all__ = ["SHELLS", "base_name", "program", "script_word", "unquoted"]

SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "zsh"})

# Programs that run another one, and those of their short options that take a word of their own.
_RUNNERS = {
    "builtin": "", "catchsegv": "", "command": "", "doas": "uC", "eatmydata": "", "env": "uCS", "exec": "a",
    "fakeroot": "", "ionice": "cnp", "linux32": "", "linux64": "", "nice": "n", "nohup": "", "setarch": "",
    "stdbuf": "ioe", "sudo": "CDRTghprtu", "time": "fo", "timeout": "ks", "unbuffer": "",
    "xargs": "EILPadins", "xvfb-run": "efnps",
}  # fmt: skip
_TAKE_A_WORD = frozenset({"chroot", "gosu", "setarch", "su-exec", "timeout"})
"""Those that take one before the program's name."""
_MOST_RUNNERS = 4
_USERS = frozenset({"runuser", "su"})

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w{0,127}\+?=")
_QUOTES = re.compile(r"\\(.)|[\"']", re.DOTALL)


def unquoted(word: str) -> str:
    """A word without its quotes: near enough to what the shell makes of it to be compared."""
    if "'" not in word and '"' not in word and "\\" not in word:
        return word
    if word[:1] == "'" == word[-1:] and word.find("'", 1) == len(word) - 1:
        return word[1:-1]
    return _QUOTES.sub(lambda match: match[1] or "", word)


def base_name(word: str) -> str:
    """A program's name without its folder, ``python`` of ``/usr/bin/python``."""
    return word.rpartition("/")[2] or word


def program(words: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The program that does the work, and the words behind it.

    Programs that only run another are passed over: ``sudo``, ``env``, ``time``, ...
    """
    position = _behind_runners(words)
    rest = words[position:]
    return (base_name(rest[0]), tuple(rest[1:])) if rest else ("", ())


def _behind_runners(words: Sequence[str]) -> int:
    """Which word names the program that does the work."""
    position = 0
    for _ in range(_MOST_RUNNERS):
        name = base_name(words[position]) if position < len(words) else ""
        if name not in _RUNNERS and name not in _TAKE_A_WORD:
            break
        following = position + 1
        while following < len(words) and words[following][:1] == "-":
            word = words[following]
            following += 1
            if word == "--":
                break
            if word[1:2] != "-" and word[-1] in _RUNNERS.get(name, ""):
                following += 1
        following += name in _TAKE_A_WORD
        while following < len(words) and _ASSIGNMENT.match(words[following]):
            following += 1
        if following >= len(words):
            break
        position = following
    return position


def script_word(words: Sequence[str]) -> tuple[int, Options] | None:
    """Which word of a command is a script for a shell that it starts, and the options of that shell."""
    position = _behind_runners(words)
    name = base_name(words[position]) if words else ""
    if name in _USERS:
        at = next((at for at in range(position, len(words) - 1) if words[at] == "-c"), None)
        return None if at is None else (at + 1, Options())
    if name not in SHELLS:
        return None
    options = Options()
    at = position + 1
    while at < len(words) and words[at][:1] in {"-", "+"}:
        word = words[at]
        takes = 0 if word[1:2] == "-" else word.count("o")
        options.take(words[at : at + 1 + takes])
        at += 1 + takes
        if word[0] == "-" and word[1:2] != "-" and "c" in word:
            return (at, options) if at < len(words) else None
    return None
