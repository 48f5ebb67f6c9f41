"""A rule drafted from one line: what is fixed in it stays literal, what varies becomes bounded groups.

One line does not tell which of its words vary, so a draft is a beginning. But it is a rule that loads, that
knows its line, and that is as cheap as any.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from logparse.diagnosis.check import HEAVIEST, SHORTEST_ANCHOR, flaws, rule_of
from logparse.diagnosis.rule import Role, Rule, RuleBook
from logparse.errors import RuleError
from logparse.secrets import MASK, mask
from logparse.text import plain

__all__ = ["draft_rule", "knowing", "rule_text"]

_ORIGIN = "the draft"
_LONGEST = 2000
"""Characters of a line that are looked at."""
_ANCHOR, _FIXED = 60, 200
"""Characters of an anchor, and of a fixed part of a pattern."""
_WIDTH = 110
_GROUPS = (4, 2, 0)
"""How many varying parts a pattern may have: fewer, if it is too slow with more."""

_URL = r"https?://[^\s'\"`<>]{1,400}"
_FILE = (
    r"(?<![\w.~-])(?:\.{1,2}|~)?/[\w.@+~-][\w.@+~/-]{0,300}"
    r"|(?<![\w./~-])[\w@+~-][\w.@+~-]{0,99}(?:/[\w.@+~-]{1,100}){1,20}\.[A-Za-z]\w{0,7}\b"
    r"|(?<![\w./~-])[\w@+~-]{1,100}\.[A-Za-z]\w{0,7}(?=:\d)"
)
_VERSION = r"(?<![\w.])v?\d{1,9}(?:\.\d{1,9}){1,4}[\w+~-]{0,40}"
_NAMED = {name: re.compile(found) for name, found in (("url", _URL), ("file", _FILE), ("version", _VERSION))}


class _Kind(NamedTuple):
    """Something that varies from log to log, and what a pattern has in its place."""

    found: re.Pattern[str]
    pattern: str
    name: str = ""
    around: tuple[str, str] = ("", "")


# The first that fits counts.
_KINDS = (
    _Kind(re.compile(re.escape(MASK)), ""),
    *(
        _Kind(
            re.compile(rf"(?<!\w){first}[^{last}]{{1,200}}{last}(?!\w)"),
            f"[^{last}]{{1,200}}",
            "",
            (first, last),
        )
        for first, last in ("''", '""', "``", "`'", "\u2018\u2019", "\u201c\u201d")
    ),
    _Kind(
        re.compile(r"\d{4}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d[\d:.,]{0,16}Z?)?|\d\d:\d\d:\d\d[\d.,]{0,12}"),
        r"[\dTZ:.,/ -]{5,40}",
    ),
    _Kind(_NAMED["url"], r"https?://[^\s'\"`<>]{1,400}", "url"),
    _Kind(_NAMED["file"], r"[^\s:'\"`]{1,400}", "file"),
    _Kind(
        re.compile(r"(?<![\w-])(?=[a-fA-F-]{0,40}\d)[0-9a-fA-F]{7,64}(?:-[0-9a-fA-F]{4,12}){0,4}(?![\w-])"),
        r"[0-9a-fA-F-]{7,99}",
    ),
    _Kind(_NAMED["version"], r"v?\d[\w.+~-]{0,99}", "version"),
    _Kind(re.compile(r"(?<![\w.])\d{1,18}(?![\w.])"), r"\d{1,18}"),
    _Kind(re.compile(r"\s{2,64}|\t"), r"\s{1,64}"),
)
_SPECIAL = re.compile(r"[\\.^$*+?{}\[\]|()]")
_WORD = re.compile(r"[^\W\d_]{2,64}")


class _Piece(NamedTuple):
    """A stretch of a line, and what it is if it varies."""

    text: str
    kind: _Kind | None = None

    @property
    def is_secret(self) -> bool:
        """Whether a pattern must not reach over it: what stood there is not to be in a file."""
        return self.text == MASK

    @property
    def name(self) -> str:
        """What a group for it may be called: only what its form tells for sure."""
        if self.kind is None or self.kind.name or not self.kind.around[0]:
            return "" if self.kind is None else self.kind.name
        return next((name for name, found in _NAMED.items() if found.fullmatch(self.text[1:-1])), "")


def draft_rule(
    line: str,
    *,
    id: str,  # noqa: A002 - the name of the field
    cause: str,
    book: RuleBook,
    role: Role = Role.CAUSE,
) -> dict[str, Any]:
    """A rule that recognises lines like `line`, as a table for a file of rules.

    Parameters
    ----------
    line
        A line of a log. Its secrets are masked, and its pattern does not reach over them.
    id, cause, role
        What the rule is to be called, and what such a line means.
    book
        The rules that it joins. Words that are rare in their samples make its anchor.

    Raises
    ------
    RuleError
        There is nothing in the line that a rule could hold on to, there is no such cause, or `id` is none.
    """
    shown = plain(line.encode("utf-8", "replace")).strip()[:_LONGEST].strip()
    sample = mask(shown).strip()
    pieces = list(_pieces(sample))
    counts = Counter(
        word for rule in book.rules for text in rule.samples for word in set(_WORD.findall(text))
    )
    best = _most_telling(pieces, counts)
    if best is None:
        reason = "the line has no words that stay the same from log to log; take a line that has"
        raise RuleError(reason, file=_ORIGIN, entry=id)
    entry: dict[str, Any] = {"id": id, "cause": cause, "role": role.value}
    others = [rule.weight for rule in knowing(sample, book) if rule.role is role and rule.id != id]
    if others:
        # Of several rules that know a line, the one of the greatest weight counts.
        entry["weight"] = min(max(others) + 1, HEAVIEST)
    anchor, fixed = _anchor(pieces[best].text, counts)
    pieces[best] = _Piece(fixed)
    reason = ""
    for groups in _GROUPS:
        entry |= {
            "anchors": [anchor],
            "pattern": _pattern(_window(pieces, best, groups)),
            "samples": [sample],
        }
        rule = rule_of(entry, book.causes, file=_ORIGIN, origin=_ORIGIN)
        known = replace(rule, samples=(shown,))
        reason = next(flaws(rule), "") or next(flaws(known), "")
        if not reason:
            return entry
    raise RuleError(reason, file=_ORIGIN, entry=id)


def knowing(line: str, book: RuleBook) -> list[Rule]:
    """The rules of `book` about output that know a line as it is shown."""
    return [rule for rule in book.output if rule.match(line) is not None]


def _pieces(text: str) -> Iterator[_Piece]:
    """`text` cut into what is fixed and what varies."""
    found = sorted(
        (match.start(), order, match.end())
        for order, kind in enumerate(_KINDS)
        for match in kind.found.finditer(text)
    )
    place = 0
    for start, order, end in found:
        if start < place:
            continue
        if start > place:
            yield _Piece(text[place:start])
        yield _Piece(text[start:end], _KINDS[order])
        place = end
    if place < len(text):
        yield _Piece(text[place:])


def _most_telling(pieces: Sequence[_Piece], counts: Mapping[str, int]) -> int | None:
    """Which fixed piece has the rarest word, if any has one."""
    ranked = [
        (_rarity(word, counts), index)
        for index, piece in enumerate(pieces)
        if piece.kind is None and len(piece.text.strip()) >= SHORTEST_ANCHOR
        for word in _WORD.findall(piece.text)
    ]
    return min(ranked)[1] if ranked else None


def _rarity(word: str, counts: Mapping[str, int]) -> tuple[int, int]:
    """Rare words first, and of those the longest."""
    return counts.get(word, 0), -len(word)


def _anchor(text: str, counts: Mapping[str, int]) -> tuple[str, str]:
    """What to look for in a fixed piece: words about its rarest one; and the piece, cut if it is long."""
    words = list(_WORD.finditer(text))
    rarest = min(words, key=lambda word: _rarity(word[0], counts))
    start, end = rarest.span()
    for word in (*words[words.index(rarest) + 1 :], *reversed(words[: words.index(rarest)])):
        if max(end, word.end()) - min(start, word.start()) <= _ANCHOR:
            start, end = min(start, word.start()), max(end, word.end())
    while end - start < SHORTEST_ANCHOR:
        # A short word takes in what stands beside it.
        start, end = (start - 1, end) if start else (start, end + 1)
    room = max(_FIXED - (end - start), 0)
    return text[start:end], text[max(start - room // 2, 0) : end + room // 2]


def _window(pieces: Sequence[_Piece], best: int, groups: int) -> list[_Piece]:
    """The pieces around the best one, with `groups` varying ones, and without ends that tell nothing."""
    first = last = best
    while groups and (first > 0 or last + 1 < len(pieces)):
        before = last + 1 == len(pieces) or (first > 0 and best - first < last - best)
        index = first - 1 if before else last + 1
        if pieces[index].is_secret or len(pieces[index].text) > _FIXED:
            # Nothing beyond it can be reached.
            pieces = pieces[index + 1 :] if before else pieces[:index]
            best, first, last = (best - index - 1, 0, last - index - 1) if before else (best, first, last)
            continue
        groups -= pieces[index].kind is not None
        first, last = min(first, index), max(last, index)
    while (
        first < best
        and not pieces[first].name
        and (pieces[first].kind or not _WORD.search(pieces[first].text))
    ):
        first += 1
    while last > best and pieces[last].text.isspace():
        last -= 1
    return list(pieces[first : last + 1])


def _pattern(pieces: Iterable[_Piece]) -> str:
    parts: list[str] = []
    names: set[str] = set()
    for piece in pieces:
        if piece.kind is None:
            parts.append(_SPECIAL.sub(r"\\\g<0>", piece.text))
            continue
        inner, name = piece.kind.pattern, piece.name
        if name and name not in names:
            names.add(name)
            inner = f"(?P<{name}>{inner})"
        parts.append(inner.join(piece.kind.around))
    return "".join(parts).strip(" ")


def rule_text(entry: Mapping[str, Any]) -> str:
    """A table as it is written into a file of rules."""
    lines = ["[[rule]]"]
    for key, value in entry.items():
        if not isinstance(value, list):
            lines.append(f"{key} = {_quoted(value) if isinstance(value, str) else value}")
            continue
        texts = [_quoted(text) for text in value]
        line = f"{key} = [{', '.join(texts)}]"
        if len(line) <= _WIDTH:
            lines.append(line)
        else:
            lines += [f"{key} = [", *(f"  {text}," for text in texts), "]"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A text of TOML: as it is if it can be, so that a pattern stays readable."""
    if text.isprintable() and "'" not in text:
        return f"'{text}'"
    if text.isprintable() and "'''" not in text and text[-1] != "'":
        return f"'''{text}'''"
    escaped = "".join(f"\\{c}" if c in '"\\' else c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)
    return f'"{escaped}"'
