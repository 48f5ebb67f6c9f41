"""Cutting a script at its operators, where the grammar cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["pieces"]

_OPENS = frozenset({"(", "$(", "{"})
_CLOSES = frozenset({")", "}"})
_BEGINS = frozenset({"if", "for", "while", "until", "case", "select"})
_ENDS = frozenset({"fi", "done", "esac"})
_GOES_ON = frozenset({"then", "else", "elif", "do", "if", "while", "until", "!"})
_APART = frozenset({"&&", "||", ";", "|", "&", "\n"})
_JOINS = frozenset({"&&", "||", "|"})
_COMMENT = re.compile(r"#[^\n]{0,16384}+")
_WORD = re.compile(
    r"'[^']{0,16384}+'?|\"(?:[^\"\\]|\\.){0,16384}+\"?|\\.|[0-9]?[<>]&|&>|\$?\(|\|\|?|[){};\n!]|&&?"
    r"|[^\S\n]{1,64}|[\w./-]{1,64}|.",
    re.DOTALL,
)


def pieces(text: str, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """Stretches of a text between the operators that stand in no quotes, brackets or compound commands.

    Yields
    ------
    tuple
        The operator before the stretch (``;`` also for what else ends a statement), its start and its end.
    """
    depth, begin, operator = 0, start, ";"
    fresh = blank = True
    for word, at, behind in _words(text, start, end):
        if word[0] == "#" and blank:
            continue
        if word in _OPENS or (fresh and word in _BEGINS):
            depth += 1
        elif word in _CLOSES or (fresh and word in _ENDS):
            depth = max(0, depth - 1)
        elif depth == 0 and word in _APART:
            if text[begin:at].strip():
                yield operator, begin, at
                operator = word if word in _JOINS else ";"
            begin = behind
        blank = word.isspace() or word in _APART
        if not word.isspace() or word == "\n":
            fresh = word in _APART or word in _OPENS or (fresh and word in _GOES_ON)
    if text[begin:end].strip():
        yield operator, begin, end


def _words(text: str, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """The words and operators of a text, quoted ones and comments whole, with where they start and end."""
    at = start
    blank = True
    while at < end:
        match = (_COMMENT if blank and text[at] == "#" else _WORD).match(text, at, end)
        if match is None:
            return
        yield match[0], at, match.end()
        blank = match[0].isspace() or match[0] in _APART
        at = match.end()
