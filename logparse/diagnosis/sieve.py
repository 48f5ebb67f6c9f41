"""Shows a line to those rules only that have an anchor in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from weakref import WeakKeyDictionary

from logparse.diagnosis import looks
from logparse.diagnosis.literals import Literals
from logparse.diagnosis.rules import ANY, Patience, Role, Rule, RuleBook

__all__ = ["Match", "Setting", "Sieve", "Sieves", "sieves_of"]

Match = tuple[Rule, dict[str, str]]
"""A rule that recognises a line, with what the line names."""

_REMEMBERED, _FEW = 4096, 16
"""Lists of literals in a line of which it is remembered what rules they call for, and the literals of one."""


class Sieve:
    """Some rules, and other literals besides, to be looked for in one pass.

    Parameters
    ----------
    rules
        The rules to choose from, in the order in which they are to be asked.
    others
        What else makes a line worth a look.
    much
        As of :class:`~logparse.diagnosis.literals.Literals`.
    """

    def __init__(self, rules: Iterable[Rule], others: Sequence[str] = (), *, much: bool = True) -> None:
        self._rules = tuple(rules)
        asked: dict[str, set[int]] = {literal: set() for literal in others}
        for number, rule in enumerate(self._rules):
            for anchor in rule.anchors:
                asked.setdefault(anchor, set()).add(number)
        self.literals = Literals(list(asked), much=much)
        """Finds the lines."""
        self._asked = [sorted(numbers) for numbers in asked.values()]
        self._others = len(others)
        self._chosen: dict[tuple[int, ...], tuple[tuple[Rule, ...], bool]] = {}

    def asked(self, text: str) -> tuple[Rule, ...]:
        """The rules to show a text."""
        held = self.literals.held(text)
        return self.chosen(held)[0] if held else ()

    def chosen(self, held: Sequence[int]) -> tuple[tuple[Rule, ...], bool]:
        """The rules to show a line that holds these literals, and whether it holds one of the others."""
        key = tuple(held)
        chosen = self._chosen.get(key)
        if chosen is None:
            numbers = sorted({number for literal in held for number in self._asked[literal]})
            chosen = tuple(self._rules[number] for number in numbers), min(held) < self._others
            if len(self._chosen) >= _REMEMBERED:
                self._chosen.clear()
            if len(key) <= _FEW:
                self._chosen[key] = chosen
        return chosen


class Setting:
    """What rules are asked beside a line: whether they hold for an instruction, which is found out but once.

    Parameters
    ----------
    instruction
        The instruction that the lines come from.
    patience
        What is known of rules that time out on this log.
    """

    def __init__(self, instruction: str, patience: Patience | None = None) -> None:
        self._instruction = instruction
        self._patience = patience
        self._holds: dict[str, bool] = {}

    def matches(self, rules: Iterable[Rule], text: str) -> list[Match]:
        """Those of some rules that recognise a line."""
        found = []
        for rule in rules:
            subject = rule.read(text, self._patience)
            if subject is not None and (rule.instruction is None or self._hold(rule)):
                found.append((rule, subject))
        return found

    def _hold(self, rule: Rule) -> bool:
        holds = self._holds.get(rule.id)
        if holds is None:
            holds = self._holds[rule.id] = rule.applies(self._instruction, self._patience)
        return holds


class Sieves:
    """The sieves of a rule book, made as they are needed.

    Parameters
    ----------
    book
        The rules.
    """

    def __init__(self, book: RuleBook) -> None:
        self._output = sorted(book.output, key=lambda rule: rule.id)
        self._warnings = [rule for rule in book.output if rule.role is Role.WARNING]
        self._builder = book.builder

    @cached_property
    def all(self) -> Sieve:
        """Of all rules about output."""
        return Sieve(self._output)

    @cached_property
    def suspicious(self) -> Sieve:
        """Of the rules that may explain a failure, and of what looks like an error.

        Warnings are not among them: programs print them by the thousand, and they matter only on a line that
        something else takes for an error (:meth:`harmless`), and shortly before one that they explain
        (:meth:`explaining`).
        """
        return Sieve((rule for rule in self._output if rule.role is not Role.WARNING), looks.ANCHORS)

    @cached_property
    def builder(self) -> Sieve:
        """Of the rules about the builder's closing words, the most telling first."""
        return Sieve(self._builder, much=False)

    @cached_property
    def _harmless(self) -> Sieve:
        return Sieve(self._warnings, much=False)

    def harmless(self, text: str, patience: Patience | None = None) -> Rule | None:
        """The rule that knows a line as a warning that builds go on behind, ``None`` if there is none."""
        asked = self._harmless.asked(text)
        return next((rule for rule in asked if rule.read(text, patience) is not None), None)

    def explaining(self, rule: Rule) -> list[Rule]:
        """The warnings that explain lines of a rule."""
        return [one for one in self._warnings if rule.id in one.explains or ANY in one.explains]


_SIEVES: WeakKeyDictionary[RuleBook, Sieves] = WeakKeyDictionary()


def sieves_of(book: RuleBook) -> Sieves:
    """The sieves of a rule book, the same at every call."""
    sieves = _SIEVES.get(book)
    if sieves is None:
        sieves = _SIEVES[book] = Sieves(book)
    return sieves
