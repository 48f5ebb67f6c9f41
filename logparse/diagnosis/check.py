"""What is wrong with a rule or a cause, in words that say how to put it right.

:func:`rule_of` and :func:`cause_of` make a rule or a cause of a table of a file, and read what it says.
:func:`flaws` runs a rule: on its samples, on its counter samples, and on lines made against it.
"""

from __future__ import annotations

import difflib
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, TypeVar

from logparse.diagnosis.pattern import LONGEST_LINE, costly_line, flaw
from logparse.diagnosis.rule import PACKAGE, SUBJECTS, UNKNOWN, Cause, Pick, Role, Rule, Where
from logparse.errors import RuleError
from logparse.text import plain

__all__ = ["DERIVED", "HEAVIEST", "SHORTEST_ANCHOR", "cause_of", "flaws", "quoted", "rule_of"]

SHORTEST_ANCHOR = 3
"""Characters of an anchor of a user's rule about lines. Shorter ones are in nearly every line."""

_OWNERS = ("auth", "code", "dependency", "dockerfile", "infra", "network", "registry")
_RETRIES = ("yes", "no", "maybe")
_CAUSE_KEYS = ("title", "owner", "retry", "remedy")
HEAVIEST = 100
"""The greatest weight of a rule, and below zero the smallest."""
DERIVED = frozenset({"install"})
"""What a remedy can name beside what a line names: see :mod:`logparse.diagnosis.packages`."""

_NEEDED = ("id", "cause", "role", "anchors", "pattern", "samples")
_TEXT = ("id", "cause", "role", "where", "pick", "pattern", "unless", "instruction", "era")
_TEXTS = ("anchors", "identity", "explains", "samples", "counter")
_NUMBERS = {"weight": range(-HEAVIEST, HEAVIEST + 1), "within": range(1_000_001)}
_EXITS = range(256)
_KEYS = (*_TEXT, *_TEXTS, *_NUMBERS, "exits")
_ID = re.compile(r"[A-Za-z0-9][\w.+-]{0,99}", re.ASCII)
_ERA_LONGEST = 60
_SHOWN = 80

_Word = TypeVar("_Word", bound=StrEnum)


class _WrongError(Exception):
    """Says what is wrong with an entry; it becomes a :class:`RuleError` with the entry's place."""


def quoted(text: str) -> str:
    """A piece of text for a sentence: in quotes, on one line, shortened."""
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}\u2026")


def cause_of(name: str, entry: object, *, file: str) -> Cause:
    """Make a cause of its table.

    Raises
    ------
    RuleError
        It is incomplete, or says something unknown.
    """
    try:
        return _cause(name, entry)
    except _WrongError as wrong:
        raise RuleError(str(wrong), file=file, entry=_named(name)) from None


def _named(name: str) -> str:
    """An id for a sentence: anything may stand in its place."""
    return name if _ID.fullmatch(name) else quoted(name)


def _cause(name: str, entry: object) -> Cause:
    if not _ID.fullmatch(name):
        raise _WrongError("an id is made of letters, digits, dots and dashes; rename it")
    if not isinstance(entry, Mapping) or any(isinstance(value, Mapping) for value in entry.values()):
        raise _WrongError(f'a cause is a table; write [cause."{name}..."] with the whole id in quotes')
    _no_others(entry, _CAUSE_KEYS, "cause")
    for key, value in entry.items():
        _text(key, value)
        if not value.replace("\n", " ").isprintable():
            raise _WrongError(f"{key!r} has control characters; leave them out")
    if not entry.get("title"):
        raise _WrongError("a cause needs a title; add 'title'")
    cause = Cause(name, entry["title"], entry.get("owner"), entry.get("retry"), entry.get("remedy"))
    if name != UNKNOWN:
        if cause.owner not in _OWNERS:
            raise _WrongError(f"unknown owner {cause.owner!r}; write one of {', '.join(_OWNERS)}")
        if cause.retry not in _RETRIES:
            raise _WrongError(f"retry is yes, no or maybe, not {cause.retry!r}; write one of them")
    _check_remedy(cause.remedy or "")
    return cause


def _check_remedy(remedy: str) -> None:
    try:
        holes = list(string.Formatter().parse(remedy))
    except ValueError as error:
        raise _WrongError(f"remedy: {error}; write {{{{ and }}}} for the characters") from None
    for _, name, form, conversion in holes:
        if name is None:
            continue
        if name not in SUBJECTS | DERIVED or form or conversion:
            known = ", ".join(sorted(SUBJECTS | DERIVED))
            raise _WrongError(f"remedy: nothing is called {{{name}}}; name one of {known}")


def rule_of(
    entry: object,
    causes: Mapping[str, Cause],
    *,
    file: str,
    number: int = 1,
    origin: str = PACKAGE,
    patterns: bool = True,
) -> Rule:
    """Make a rule of its table.

    Parameters
    ----------
    entry
        The table.
    causes
        What it may name as its cause.
    file, number
        Where it is: the file, and which of the file's rules it is, for one without an id.
    origin
        Who it comes from. A user's anchors are looked at more closely than those of the package.
    patterns
        Whether patterns are looked at, which takes most of the time.

    Raises
    ------
    RuleError
        It is incomplete, or says something wrong.
    """
    name = str(entry.get("id") or "") if isinstance(entry, Mapping) else ""
    name = _named(name) if name else f"rule {number}"
    try:
        rule = _rule(entry, causes, origin)
        if patterns:
            _check_patterns(rule)
        _check_anchors(rule)
    except _WrongError as wrong:
        raise RuleError(str(wrong), file=file, entry=name) from None
    return rule


def _rule(entry: object, causes: Mapping[str, Cause], origin: str) -> Rule:
    if not isinstance(entry, Mapping):
        raise _WrongError("a rule is a table; begin it with [[rule]]")
    for key in _NEEDED:
        if not entry.get(key):
            raise _WrongError(f"a rule needs {key!r}; add it")
    _no_others(entry, _KEYS, "rule")
    _check_types(entry)
    if not _ID.fullmatch(entry["id"]):
        raise _WrongError("an id is made of letters, digits, dots and dashes; rename it")
    if entry["cause"] not in causes:
        raise _WrongError(f"unknown cause {quoted(entry['cause'])}; {_unknown_cause(entry['cause'], causes)}")
    return Rule(
        id=entry["id"],
        cause=entry["cause"],
        role=_member("role", entry["role"], Role),
        where=_member("where", entry.get("where", Where.OUTPUT), Where),
        pick=_member("pick", entry.get("pick", Pick.FIRST), Pick),
        weight=entry.get("weight", 0),
        exits=frozenset(entry.get("exits", ())),
        anchors=tuple(entry["anchors"]),
        pattern=entry["pattern"],
        unless=entry.get("unless"),
        instruction=entry.get("instruction"),
        identity=tuple(entry.get("identity", ())),
        explains=frozenset(entry.get("explains", ())),
        within=entry.get("within", Rule.within),
        samples=tuple(entry["samples"]),
        counter=tuple(entry.get("counter", ())),
        era=entry.get("era"),
        origin=origin,
    )


def _check_types(entry: Mapping[str, Any]) -> None:
    for key in _TEXT:
        _text(key, entry.get(key, ""))
    for key in _TEXTS:
        texts = entry.get(key, [])
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise _WrongError(f"{key!r} is no list of texts; write {key} = ['...']")
    for key, allowed in _NUMBERS.items():
        _number(key, entry.get(key, 0), allowed)
    if not isinstance(entry.get("exits", []), list):
        raise _WrongError("'exits' is no list; write exits = [1]")
    for code in entry.get("exits", ()):
        _number("exits", code, _EXITS)
    era = entry.get("era", "")
    if len(era) > _ERA_LONGEST or not era.isprintable():
        raise _WrongError(f"'era' is a few words such as 'npm <= 9'; use {_ERA_LONGEST} characters at most")


def _check_patterns(rule: Rule) -> None:
    patterns = {"pattern": rule.pattern, "unless": rule.unless, "instruction": rule.instruction}
    for key, pattern in patterns.items():
        reason = None if pattern is None else flaw(pattern)
        if reason is not None:
            raise _WrongError(f"{key}: {reason}")
    for name in rule.identity:
        if not any(f"(?P<{name}>" in (pattern or "") for pattern in patterns.values()):
            raise _WrongError(f"identity: no group is called {name!r}; name one of the pattern's")


def _no_others(entry: Iterable[str], known: Iterable[str], what: str) -> None:
    others = set(entry) - set(known)
    if others:
        raise _WrongError(f"unknown key {min(others)!r}; a {what} may have {', '.join(sorted(known))}")


def _text(key: str, value: object) -> None:
    if not isinstance(value, str):
        raise _WrongError(f"{key!r} is no text; put it in quotes")


def _number(key: str, value: object, allowed: range) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value not in allowed:
        raise _WrongError(f"{key!r} is no whole number from {allowed[0]} to {allowed[-1]}; give one")


def _member(key: str, value: str, words: type[_Word]) -> _Word:
    try:
        return words(value)
    except ValueError:
        known = ", ".join(word.value for word in words)
        raise _WrongError(f"unknown {key} {value!r}; write one of {known}") from None


def _unknown_cause(name: str, causes: Iterable[str]) -> str:
    if not _ID.fullmatch(name):
        return "write the id of one"
    near = difflib.get_close_matches(name, list(causes), n=1)
    described = f'describe it in a table [cause."{name}"]'
    return f"write {near[0]!r}, or {described}" if near else described


def _check_anchors(rule: Rule) -> None:
    lines = rule.where is not Where.COMMAND
    for anchor in rule.anchors:
        if not (anchor.strip() if lines else anchor):
            raise _WrongError("an empty anchor is in every line; take it out")
        if rule.origin == PACKAGE:
            continue
        if lines and len(anchor) < SHORTEST_ANCHOR:
            raise _WrongError(
                f"the anchor {anchor!r} is in too many lines; give one of {SHORTEST_ANCHOR} characters"
            )
        if not any(anchor in sample for sample in rule.samples):
            raise _WrongError(
                f"no sample holds the anchor {quoted(anchor)}; add such a line, or drop the anchor"
            )


def flaws(rule: Rule) -> Iterator[str]:
    """What a rule does wrong when it is run, each with its remedy.

    Parameters
    ----------
    rule
        Of a file that has been looked at as :func:`rule_of` does.
    """
    for sample in (*rule.samples, *rule.counter):
        if rule.where is not Where.COMMAND and plain(sample.encode("utf-8", "replace")) != sample:
            yield f"the sample {quoted(sample)} has control characters, and no shown line has; leave them out"
        if len(sample) > LONGEST_LINE:
            yield f"the sample {quoted(sample)} is longer than {LONGEST_LINE} characters; shorten it"
    for key, pattern in (
        ("pattern", rule.pattern),
        ("unless", rule.unless),
        ("instruction", rule.instruction),
    ):
        line = None if pattern is None else costly_line(pattern, rule.samples)
        if line is not None:
            yield (
                f"{key}: lines such as {quoted(line)} would take too long; let neighbouring repetitions take"
                " different characters, or make them possessive ({1,9}+)"
            )
            return
    for sample in rule.samples:
        if rule.match(sample) is None:
            yield f"the sample {quoted(sample)} does not match{_why(rule, sample)}"
    for counter in rule.counter:
        if rule.match(counter) is not None:
            yield f"the counter sample {quoted(counter)} matches; narrow the pattern, or add 'unless'"


def _why(rule: Rule, sample: str) -> str:
    if not any(anchor in sample for anchor in rule.anchors):
        return ", since it holds no anchor; add one that it holds"
    if rule.unless is not None and replace(rule, unless=None).match(sample) is not None:
        return ", since 'unless' takes it out; correct that or the sample"
    return "; correct the sample or the pattern"
