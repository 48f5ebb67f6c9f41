"""What a text must hold for a pattern to match it: words, which are looked for far faster than patterns.

An anchor of a rule is in every line that its pattern matches, but it may be a common word, and the pattern
ask for more. :func:`needed` finds the most that it asks for. A line without that need not be shown to the
pattern, which is not even compiled before one has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

__all__ = ["TOKEN", "Needed", "needed"]

TOKEN = re.compile(
    r"(?P<escape>\\(?:[pPN]\{[^{}]{1,64}\}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.))"
    r"|(?P<set>\[\^?\]?(?:\[:\^?\w{1,16}:\]|\\.|[^\]\\])*+\])"
    r"|(?P<open>\((?:\?(?:P<(?P<name>\w{1,64})>|(?P<kind><?[=!]|[:>])|(?P<flags>[ims-]{1,4})[:)])|(?!\?)))"
    r"|(?P<close>\))"
    r"|(?P<or>\|)"
    r"|(?P<count>[*+?]|\{(?:\d{1,12}(?:,\d{0,12})?|,\d{1,12})\})(?P<mode>[+?])?"
    r"|(?P<other>.)",
    re.DOTALL,
)
"""The pieces of a pattern that a rule may use."""

_PLACES = frozenset({"^", "$", r"\b", r"\B", r"\A", r"\Z", r"\m", r"\M"})
"""What matches a place and no character."""
_MOST = 24
"""Texts that are looked for. Beyond, running the pattern takes no longer."""
_SHORTEST = 3
"""Characters of what is looked for besides the rarest text."""
_DEEPEST = 50

_Tokens: TypeAlias = "Sequence[tuple[str | None, str]]"
"""What each token is, and how it is written."""
_Texts: TypeAlias = "frozenset[str]"
"""Texts one of which must be there."""
_END = (None, "")


class Needed(NamedTuple):
    """What every text that a pattern matches holds.

    Parameters
    ----------
    texts
        One of these; anything if there are none.
    besides
        With each of them, all of these; nothing if there are none for any.
    """

    texts: tuple[str, ...] = ()
    besides: tuple[tuple[str, ...], ...] = ()

    def is_in(self, text: str) -> bool:
        """Whether a text holds what is needed."""
        holds = text.__contains__
        if not self.besides:
            return not self.texts or any(map(holds, self.texts))
        for one, more in zip(self.texts, self.besides, strict=True):
            if one in text and all(map(holds, more)):
                return True
        return False


class _UnreadError(Exception):
    """There is something in a pattern that is not understood; it does not leave this module."""


def needed(pattern: str) -> Needed:
    r"""What every text that a pattern matches holds.

    Parameters
    ----------
    pattern
        A regular expression of the ``regex`` module, or of ``re``.

    >>> needed(r"error TS\d{4}:|^npm ERR! .{1,80}error")
    Needed(texts=('error TS', 'npm ERR! '), besides=((), ('error',)))
    """
    try:
        each = _alternatives([*_tokens(pattern), _END], 0, 0)[1]
    except _UnreadError:
        return Needed()
    texts: list[str] = []
    besides: list[tuple[str, ...]] = []
    for wanted in each:
        if not wanted:
            return Needed()
        best = max(wanted, key=_rareness)
        more = {text for one in wanted if len(one) == 1 for text in one if len(text) >= _SHORTEST}
        texts += sorted(best)
        besides += [tuple(sorted(more - best))] * len(best)
    if len(texts) > _MOST:
        return Needed()
    return Needed(tuple(texts), tuple(besides) if any(besides) else ())


def _tokens(pattern: str) -> Iterator[tuple[str | None, str]]:
    for token in TOKEN.finditer(pattern):
        kind = token.lastgroup
        yield "count" if kind == "mode" else kind, token[0]


def _alternatives(tokens: _Tokens, place: int, depth: int) -> tuple[int, list[list[_Texts]]]:
    """Read what stands in a group, up to its end or the pattern's: what each alternative needs."""
    if depth > _DEEPEST:
        raise _UnreadError
    each = []
    while True:
        place, wanted = _sequence(tokens, place, depth)
        each.append(wanted)
        if tokens[place][0] != "or":
            break
        place += 1
    if tokens[place][0] != ("close" if depth else None):
        raise _UnreadError
    return place, each


def _sequence(tokens: _Tokens, place: int, depth: int) -> tuple[int, list[_Texts]]:
    """Read one alternative: all that it needs."""
    wanted: list[_Texts] = []
    text = ""
    while True:
        kind, written = tokens[place]
        ends = kind in {None, "or", "close"}
        texts: _Texts | None = None
        character: str | None = None
        if kind == "open":
            place, texts, character = _group(tokens, place, depth)
        elif not ends:
            character = _character(kind, written)
        counted = not ends and tokens[place + 1][0] == "count"
        if counted and _least(tokens[place + 1][1]) == 0:
            texts = character = None
        text += character or ""
        # What is repeated ends a text, and so does what may be several characters.
        if character is None or counted:
            wanted += [frozenset({text})] if text else []
            wanted += [texts] if texts else []
            text = ""
        if ends:
            return place, wanted
        place += 1 + counted


def _group(tokens: _Tokens, place: int, depth: int) -> tuple[int, _Texts | None, str | None]:
    """Read a group up to its last token, as the texts one of which it needs; it may be a place, too."""
    written = tokens[place][1]
    flags = written[2:-1] if written[2:3] in {"i", "m", "s", "-"} else ""
    if flags and written[-1] == ")":
        if "i" in flags:
            raise _UnreadError
        return place, None, ""
    place, each = _alternatives(tokens, place + 1, depth + 1)
    if written[-1] in {"=", "!"}:
        return place, None, ""
    if "i" in flags or not all(each):
        return place, None, None
    return place, frozenset[str]().union(*(max(wanted, key=_rareness) for wanted in each)), None


def _rareness(texts: _Texts) -> tuple[int, int]:
    """The longer the shortest of some texts is, the fewer others hold one of them by chance."""
    return min(map(len, texts)), -len(texts)


def _character(kind: str | None, written: str) -> str | None:
    """The character that an atom stands for: empty if it is a place, ``None`` if it may be several."""
    if written in _PLACES:
        return ""
    if kind == "escape":
        return None if written[1].isalnum() or written[1] == "_" else written[1]
    if kind == "set" or written == ".":
        return None
    if kind != "other" or written in "([{\\":
        raise _UnreadError
    return written


def _least(count: str) -> int:
    """How often something is there at least, by its repetition."""
    if count[0] != "{":
        return int(count[0] == "+")
    return int(count[1:-1].partition(",")[0] or 0)
