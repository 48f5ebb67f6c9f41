"""What a rule, a cause and a book of them are, and how a rule looks at a line.

A rule never takes a log's reader hostage. Each search of a line ends after :data:`TIME_OUT` seconds of
processor time as if the line did not match, and a rule that has come to that :data:`TIME_OUTS` times on one
log, or has been slow :data:`DELAYS` times, is switched off for the rest of it. Only the package's own rules
search short lines without a clock, whose reading costs more than most searches: the test suite holds them to
a time in proportion to a line's length.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

import regex

from logparse.diagnosis.needed import Needed, needed
from logparse.model import Log

__all__ = [
    "ANY",
    "DELAYS",
    "PACKAGE",
    "SUBJECTS",
    "TIME_OUT",
    "TIME_OUTS",
    "UNKNOWN",
    "Cause",
    "Patience",
    "Pick",
    "Role",
    "Rule",
    "RuleBook",
    "Where",
    "patience_of",
]

TIME_OUT = 0.5
"""Seconds a pattern may look at one line. On lines made against them, the package's need some hundredths."""
TIME_OUTS = 3
"""How often a rule may time out on one log."""
DELAYS = 25
"""How often it may be slow on one log: take longer than a millisecond and five microseconds a character."""
_BRIEF, _PER_CHARACTER = 1e-3, 5e-6
_SHORT = 512
"""Characters of a line that a rule of the package searches without a clock."""

SUBJECTS = frozenset({
    "branch", "code", "command", "constraint", "distribution", "file", "goal", "header", "host", "image",
    "instruction", "key", "library", "line", "module", "option", "package", "platform", "plugin", "port",
    "reason", "repository", "required", "script", "status", "symbol", "target", "task", "test", "tool", "url",
    "user", "variable", "version",
})  # fmt: skip
"""What a line can name. A pattern's groups must be called one of these, so that subjects have fixed types."""


class Role(StrEnum):
    """What a line that a rule recognises is to the failure."""

    CAUSE = "cause"
    """It says why."""
    SYMPTOM = "symptom"
    """It says that something went wrong earlier: ``Unable to correct problems``."""
    WRAPPER = "wrapper"
    """A tool reports that a tool it ran has failed: ``make: *** [all] Error 2``."""
    WARNING = "warning"
    """It looks like an error, and builds go on behind it."""


class Where(StrEnum):
    """What a rule is shown."""

    OUTPUT = "output"
    """Lines that the programs of a step printed."""
    BUILDER = "builder"
    """The builder's closing words."""
    COMMAND = "command"
    """The failing instruction, when no line explains the failure. Without exit codes, it takes any. Of the
    role symptom, it names the cause, and what was printed last is the root line; where its pattern has a
    `code`, the command left with that."""


class Pick(StrEnum):
    """Which line of a run of lines of the same rule is the one to show."""

    FIRST = "first"
    """Tools that go on after an error (compilers, apt's missing packages): the rest follows."""
    LAST = "last"
    """Programs that stop at an error: what they printed before was tolerated."""
    NEXT = "next"
    """The line behind it: ``rake aborted!`` announces the reason."""


PACKAGE = "package"
"""The origin of the rules that come with the package."""
UNKNOWN = "unknown"
"""The cause of a failure that no rule knows."""
ANY = "*"
"""Among what a rule explains: whatever the step says later."""


class Cause(NamedTuple):
    """A class of failure, as ``causes.toml`` describes it. `remedy` may hold ``{subjects}`` to fill in.

    Of a failure that no rule knows nobody can say whose side it is on, or whether building again helps: only
    ``unknown`` has neither `owner` nor `retry`.
    """

    id: str
    title: str
    owner: str | None
    retry: str | None
    remedy: str | None

    def advice(self, subject: Mapping[str, str]) -> str | None:
        """The remedy with `subject` filled in: as much of it as speaks of things that are known.

        Sentences are kept or dropped whole, so that no advice has a hole in it.
        """
        if self.remedy is None:
            return None
        kept = []
        for sentence in self.remedy.split("\n"):
            try:
                kept.append(sentence.format_map(subject))
            except KeyError:
                continue
        return " ".join(kept) or None


class Patience:
    """Counts how often rules are slow or time out on a log, and says which have done so too often."""

    def __init__(self) -> None:
        self._late: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()

    def delay(self, rule: Rule) -> None:
        """`rule` has been slow once more."""
        self._late[rule.id] += 1

    def lose(self, rule: Rule) -> None:
        """`rule` has timed out once more."""
        self._lost[rule.id] += 1

    def ended(self, rule: Rule) -> bool:
        """Whether `rule` is switched off."""
        return bool(self._late) and (self._lost[rule.id] >= TIME_OUTS or self._late[rule.id] >= DELAYS)


def patience_of(log: Log) -> Patience:
    """The time-outs on a log so far, over all its builds."""
    patience: Patience = log._kept.setdefault("patience", Patience())  # noqa: SLF001 - kept with the log
    return patience


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How lines of one kind are recognised, and what they mean.

    The fields are those of the files, as :mod:`logparse.diagnosis.rules` explains them, and `origin`: the
    file it comes from.
    """

    id: str
    cause: str
    role: Role
    where: Where = Where.OUTPUT
    pick: Pick = Pick.FIRST
    weight: int = 0
    exits: frozenset[int] = frozenset()
    anchors: tuple[str, ...]
    pattern: str = field(repr=False)
    unless: str | None = field(default=None, repr=False)
    instruction: str | None = field(default=None, repr=False)
    identity: tuple[str, ...] = ()
    explains: frozenset[str] = field(default=frozenset(), repr=False)
    within: int = 200
    samples: tuple[str, ...] = field(repr=False)
    counter: tuple[str, ...] = field(default=(), repr=False)
    era: str | None = field(default=None, repr=False)
    origin: str = field(default=PACKAGE, repr=False, compare=False)

    # Compiled on first use: most logs need a handful of several hundred patterns.
    @cached_property
    def _pattern(self) -> regex.Pattern[str]:
        return regex.compile(self.pattern)

    @cached_property
    def _needed(self) -> Needed:
        return needed(self.pattern)

    @cached_property
    def _unless(self) -> regex.Pattern[str] | None:
        return regex.compile(self.unless) if self.unless is not None else None

    @cached_property
    def _instruction(self) -> regex.Pattern[str] | None:
        return regex.compile(self.instruction) if self.instruction is not None else None

    def match(self, text: str, patience: Patience | None = None) -> dict[str, str] | None:
        """What `text` names, if this rule recognises it; ``None`` if not, or if it takes too long."""
        if not any(map(text.__contains__, self.anchors)):
            return None
        return self.read(text, patience)

    def read(self, text: str, patience: Patience | None = None) -> dict[str, str] | None:
        """What `text` names, as :meth:`match` says it, of a text that is known to hold an anchor."""
        if not self._needed.is_in(text):
            return None
        if patience is not None and patience.ended(self):
            return None
        try:
            found = self._search(self._pattern, text, patience)
            if found is None or (self._unless and self._search(self._unless, text, patience)):
                return None
        except TimeoutError:
            if patience is not None:
                patience.lose(self)
            return None
        if not self._pattern.groups:
            return {}
        return {name: value.strip() for name, value in found.groupdict().items() if value and value.strip()}

    def applies(self, instruction: str, patience: Patience | None = None) -> bool:
        """Whether the rule holds for a failing `instruction`; not if finding out takes too long."""
        return self.named_in(instruction, patience) is not None

    def named_in(self, instruction: str, patience: Patience | None = None) -> dict[str, str] | None:
        """What a failing `instruction` names; ``None`` if the rule does not hold for it."""
        if self._instruction is None:
            return {}
        if patience is not None and patience.ended(self):
            return None
        try:
            found = self._search(self._instruction, instruction, patience)
        except TimeoutError:
            if patience is not None:
                patience.lose(self)
            return None
        return {name: value for name, value in found.groupdict().items() if value} if found else None

    def _search(
        self, pattern: regex.Pattern[str], text: str, patience: Patience | None
    ) -> regex.Match[str] | None:
        """Search `text`; in two goes, so that a rule that is slow again and again is found out at no cost.

        Raises
        ------
        TimeoutError
            It took too long.
        """
        if self.origin == PACKAGE and len(text) <= _SHORT:
            return pattern.search(text)
        if patience is not None:
            try:
                return pattern.search(text, timeout=min(TIME_OUT, _BRIEF + _PER_CHARACTER * len(text)))
            except TimeoutError:
                patience.delay(self)
        return pattern.search(text, timeout=TIME_OUT)


@dataclass(frozen=True, eq=False)
class RuleBook:
    """Causes and rules that fit together, indexed for use."""

    causes: Mapping[str, Cause]
    rules: tuple[Rule, ...]

    @cached_property
    def output(self) -> tuple[Rule, ...]:
        """Rules about the lines that programs print."""
        return tuple(rule for rule in self.rules if rule.where is Where.OUTPUT)

    @cached_property
    def builder(self) -> tuple[Rule, ...]:
        """Rules about the builder's closing words, the most telling first."""
        return self._sorted(Where.BUILDER)

    @cached_property
    def command(self) -> tuple[Rule, ...]:
        """Rules about commands that failed in silence, the most telling first."""
        return self._sorted(Where.COMMAND)

    def _sorted(self, where: Where) -> tuple[Rule, ...]:
        chosen = [rule for rule in self.rules if rule.where is where]
        return tuple(sorted(chosen, key=lambda rule: -rule.weight))
