"""Whether a pattern is safe to show any line: what its text tells, and what lines made against it cost.

A pattern is a program that somebody else wrote, and a log is text that somebody else wrote: together they can
take years. Three things are held against that. :func:`flaw` reads the pattern's text and refuses what is
unbounded, what repeats a repetition, what grows when it is compiled, and the parts of the ``regex`` module
that search in ways of their own (recursion, fuzzy matching). :func:`costly_line` then runs the pattern on
lines made of its own samples, with every part of them repeated up to the length of the longest line that a
rule is shown. What both of them miss is ended by the time-outs of :mod:`~logparse.diagnosis.rule`.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

import regex

from logparse.diagnosis.needed import TOKEN
from logparse.diagnosis.rule import SUBJECTS

__all__ = ["COSTLY", "LONGEST_LINE", "LONGEST_PATTERN", "costly_line", "flaw"]

LONGEST_LINE = 4100
"""Characters of the longest line that a rule is shown: of longer ones it sees the two ends."""
LONGEST_PATTERN = 2000
"""Characters of a pattern. The longest that comes with the package has about 500."""
COSTLY = 0.25
"""Seconds of processor time that a search of the longest line must stay below: half of the time-out."""

_DEEPEST = 50
_MOST = 10_000
"""The highest count of a repetition, and the characters that fixed repetitions may come to when a pattern is
compiled, which writes them out."""

_Tokens: TypeAlias = "Sequence[re.Match[str]]"
_Thing = TypeVar("_Thing")


class _Part(NamedTuple):
    """What is known of a piece of a pattern."""

    size: int = 1
    """Characters it comes to when it is written out."""
    empty: bool = False
    """Whether it can match nothing at all."""
    loose: bool = False
    """Whether all that must be there is one repetition, so that two turns of it can be one, too."""


class _FlawError(Exception):
    """Says what is wrong; it does not leave this module."""


def flaw(pattern: str) -> str | None:
    """What is wrong with a pattern as far as its text can tell, with the remedy; ``None`` if nothing is.

    Parameters
    ----------
    pattern
        A regular expression of the ``regex`` module.
    """
    if len(pattern) > LONGEST_PATTERN:
        return f"it is {len(pattern)} characters long; make rules of at most {LONGEST_PATTERN} of it"
    try:
        _check(list(TOKEN.finditer(pattern)))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            regex.compile(pattern)
    except _FlawError as found:
        return str(found)
    except (regex.error, Warning, OverflowError, RecursionError) as error:
        return f"it is no regular expression ({error}); correct it"
    return None


def _check(tokens: _Tokens) -> None:
    """Read a pattern up to its first flaw.

    Raises
    ------
    _FlawError
        It has one.
    """
    place, whole = _alternatives(tokens, 0, 0)
    if place < len(tokens):
        raise _FlawError(f"the ')' at {tokens[place].start()} closes nothing; write \\) for the character")
    if whole.size > _MOST:
        raise _FlawError(
            f"its repetitions ask for {whole.size} characters; no line has so many, ask for less"
        )


def _alternatives(tokens: _Tokens, place: int, depth: int) -> tuple[int, _Part]:
    """Read what stands in a group, up to its end or the pattern's."""
    if depth > _DEEPEST:
        raise _FlawError(f"its groups are nested {_DEEPEST} deep; write it flatter")
    parts = []
    while True:
        place, part = _sequence(tokens, place, depth)
        parts.append(part)
        if place == len(tokens) or tokens[place]["or"] is None:
            break
        place += 1
    return place, _Part(
        sum(part.size for part in parts), any(part.empty for part in parts), any(part.loose for part in parts)
    )


def _sequence(tokens: _Tokens, place: int, depth: int) -> tuple[int, _Part]:
    """Read one alternative."""
    parts = []
    while place < len(tokens) and tokens[place]["close"] is None and tokens[place]["or"] is None:
        place, part = _item(tokens, place, depth)
        parts.append(part)
    needed = [part for part in parts if not part.empty]
    loose = any(part.loose for part in (needed or parts)) and len(needed) < 2  # noqa: PLR2004
    return place, _Part(sum(part.size for part in parts), not needed, loose)


def _item(tokens: _Tokens, place: int, depth: int) -> tuple[int, _Part]:
    """Read one thing with its repetition."""
    token, start = tokens[place], tokens[place].start()
    held = token["kind"] is not None and token["kind"] != ":"
    if token["open"] is not None and token["open"][-1] != ")":
        if token["name"] is not None and token["name"] not in SUBJECTS:
            known = ", ".join(sorted(SUBJECTS))
            raise _FlawError(f"unknown subject {token['name']!r}; call the group one of {known}")
        place, part = _alternatives(tokens, place + 1, depth + 1)
        if place == len(tokens):
            raise _FlawError(
                f"the group at {start} is not closed (missing ) at its end); write \\( for the character"
            )
        if held:
            part = _Part(part.size, part.empty or token["kind"] != ">")
    elif token["open"] is not None or token[0] in {"^", "$", r"\b", r"\B", r"\A", r"\Z", r"\m", r"\M"}:
        part = _Part(0, empty=True)
    else:
        _check_atom(token)
        part = _Part()
    place += 1
    if place < len(tokens) and tokens[place]["count"] is not None:
        return place + 1, _repeated(part, tokens[place])
    return place, part


def _check_atom(token: re.Match[str]) -> None:
    """Refuse what is no character, and what searches in ways of its own."""
    start, text = token.start(), token[0]
    if token["count"] is not None:
        raise _FlawError(
            f"the repetition {text!r} at {start} repeats nothing; write \\{text[0]} for the character"
        )
    if token["escape"] is not None and text[1] in "123456789gKLRX":
        raise _FlawError(f"{text} at {start} is not for rules; spell out what it stands for")
    if token["other"] == "(":
        raise _FlawError(
            f"the group at {start} is none that a rule may use; write \\( for the character, or (?:...),"
            " (?P<name>...), (?>...), (?i:...), (?=...), (?!...), (?<=...) or (?<!...)"
        )
    if token["other"] is not None and text in "[{\\":
        raise _FlawError(f"the {text!r} at {start} stands alone; write \\{text} for the character")


def _repeated(part: _Part, count: re.Match[str]) -> _Part:
    text, mode = count["count"], count["mode"]
    least, most = _bounds(text)
    if most is None:
        raise _FlawError(
            f"the repetition {text!r} at {count.start()} has no upper bound; write {{{least},200}}"
        )
    if most > _MOST:
        raise _FlawError(
            f"the repetition {text!r} at {count.start()} is beyond every line; write {_MOST} at most"
        )
    if part.loose and most > 1 and mode != "+":
        raise _FlawError(
            f"the repetition {text!r} at {count.start()} repeats a repetition, which can take for ever; let a"
            " character stand between its turns, or write a + behind the inner one to make it possessive"
        )
    loose = mode != "+" and (part.loose or least != most)
    return _Part(part.size * max(least, 1), part.empty or least == 0, loose)


def _bounds(count: str) -> tuple[int, int | None]:
    if count in "*+?":
        return int(count == "+"), 1 if count == "?" else None
    low, comma, high = count[1:-1].partition(",")
    if not comma:
        return int(low), int(low)
    return int(low or 0), int(high) if high else None


_WORD = regex.compile(r"\w{1,64}|\s{1,64}|[^\w\s]")
_STANDS_FOR = {r"\d": "0", r"\s": " ", r"\W": "-", r"\D": "a", r"\S": "a", r"\w": "a", ".": "a"}
_CHARACTERS = "a0 "
_MOST_CUTS, _MOST_CHARACTERS, _MOST_SAMPLES = 6, 8, 2
_SHORT = 512
"""Characters of the lines by which it is found out which to try in full length."""
_WORST = 6
_BREAK = "\x01"
"""What no pattern means: a repetition ends at it."""


def costly_line(pattern: str, samples: Sequence[str], *, limit: float = COSTLY) -> str | None:
    """A line that `pattern` takes too long for, if one is found.

    Parameters
    ----------
    pattern
        One without a :func:`flaw`.
    samples
        Lines that it recognises, or at least some of the kind.
    limit
        Seconds of processor time that are too long.
    """
    search = regex.compile(pattern).search

    def seconds(line: str) -> float:
        start = time.process_time()
        try:
            search(line, timeout=limit)
        except TimeoutError:
            return limit
        return time.process_time() - start

    took = []
    for number, line in enumerate(_lines(pattern, samples, _SHORT)):
        took.append((seconds(line), number))
        if took[-1][0] >= limit:
            return line
    worst = {number for _, number in sorted(took, reverse=True)[:_WORST]}
    for number, line in enumerate(_lines(pattern, samples, LONGEST_LINE)):
        if number in worst and seconds(line) >= limit:
            return line
    return None


def _lines(pattern: str, samples: Sequence[str], length: int) -> Iterator[str]:
    """Lines made against a pattern: a text it may match, in which something is repeated at one place.

    What is repeated are the text's own words, what stands before them, and the pattern's characters. What
    follows is the rest of the text, so that all the pattern asks for is there; once as it is, and once where
    no repetition reaches it.
    """
    own, own_places = _skeleton(pattern)
    characters = [*_CHARACTERS, *_thinned(list(dict.fromkeys(own)), _MOST_CHARACTERS)]
    texts = [(own, own_places)]
    texts += [(text, [word.start() for word in _WORD.finditer(text)]) for text in samples[:_MOST_SAMPLES]]
    for text, places in texts:
        ends = (*places, len(text))
        for index in _thinned(range(len(places)), _MOST_CUTS):
            place = places[index]
            words = [text[place:end] for end in ends[index + 1 : index + 3]]
            for piece in dict.fromkeys(filter(None, (*characters, *words, text[:place]))):
                for rest in (text[place:], _BREAK + text):
                    room = max(length - place - len(rest), 0)
                    yield text[:place] + (piece * (room // len(piece) + 1))[:room] + rest


def _skeleton(pattern: str) -> tuple[str, list[int]]:
    """A text of the pattern's characters in their order, and where in it a group or a repetition begins."""
    text, places = "", [0]
    for token in TOKEN.finditer(pattern):
        if token["set"] is not None:
            text += next((c for c in token[0][1:-1] if c.isalnum()), token[0].strip("[]^\\")[:1])
        elif token["escape"] is not None:
            text += _STANDS_FOR.get(token[0], token[0][-1] if not token[0][-1].isalnum() else "")
        elif token["other"] is not None and token[0] not in "^$":
            text += _STANDS_FOR.get(token[0], token[0])
        if token["open"] is not None:
            places.append(len(text))
        elif token["count"] is not None:
            places.append(max(len(text) - 1, 0))
    return text, sorted(set(places))


def _thinned(things: Sequence[_Thing], most: int) -> Sequence[_Thing]:
    """At most `most` of `things`, evenly spread."""
    return things[:: 1 + (len(things) - 1) // most] if things else things
