"""Shows a line to those rules only that have an anchor in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from weakref import WeakKeyDictionary

from logparse.diagnosis import looks
from logparse.diagnosis.literals import Literals
from logparse.diagnosis.rules import ANY, Patience, Role, Rule, RuleBook

__all__ = ["Match", "Sieve", "Sieves", "sieves_of"]

Match = tuple[Rule, dict[str, str]]
"""A rule that recognises a line, with what the line names."""


class Sieve:
    """Some rules, and other literals besides, to be looked for in one pass.

    Parameters
    ----------
    rules
        The rules to choose from.
    others
        What else makes a line worth a look.
    """

    def __init__(self, rules: Iterable[Rule], others: Sequence[str] = ()) -> None:
        self._rules = sorted(rules, key=lambda rule: rule.id)
        asked: dict[str, set[int]] = {literal: set() for literal in others}
        for number, rule in enumerate(self._rules):
            for anchor in rule.anchors:
                asked.setdefault(anchor, set()).add(number)
        self.literals = Literals(list(asked))
        """Finds the lines."""
        self._asked = [sorted(numbers) for numbers in asked.values()]
        self._others = len(others)
        self._conditional = [n for n, rule in enumerate(self._rules) if rule.instruction is not None]

    def has_other(self, held: Sequence[int]) -> bool:
        """Whether a line that holds these literals holds one of the others."""
        return min(held) < self._others

    def barred(self, instruction: str, patience: Patience | None = None) -> frozenset[int]:
        """The numbers of those rules that do not hold for an instruction."""
        return frozenset(
            number for number in self._conditional if not self._rules[number].applies(instruction, patience)
        )

    def match(
        self,
        held: Sequence[int],
        text: str,
        barred: Collection[int] = (),
        patience: Patience | None = None,
    ) -> list[Match]:
        """The rules that recognise a line.

        Parameters
        ----------
        held
            The literals it holds.
        text
            The line.
        barred
            The rules that do not hold here, see :meth:`barred`.
        patience
            What is known of rules that time out on this log.
        """
        numbers = self._asked[held[0]]
        if len(held) > 1:
            numbers = sorted({number for literal in held for number in self._asked[literal]})
        found = []
        for number in numbers:
            if number not in barred:
                rule = self._rules[number]
                subject = rule.read(text, patience)
                if subject is not None:
                    found.append((rule, subject))
        return found


class Sieves:
    """The sieves of a rule book, made as they are needed.

    Parameters
    ----------
    book
        The rules.
    """

    def __init__(self, book: RuleBook) -> None:
        self._output = book.output
        self._warnings = [rule for rule in book.output if rule.role is Role.WARNING]

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

    def harmless(self, text: str, patience: Patience | None = None) -> Rule | None:
        """The rule that knows a line as a warning that builds go on behind, ``None`` if there is none."""
        return next((rule for rule in self._warnings if rule.match(text, patience) is not None), None)

    def explaining(self, rule: Rule) -> list[Rule]:
        """The warnings that explain lines of a rule."""
        return [one for one in self._warnings if rule.id in one.explains or ANY in one.explains]


_SIEVES: WeakKeyDictionary[RuleBook, Sieves] = WeakKeyDictionary()


def sieves_of(book: RuleBook) -> Sieves:
    """The sieves of a rule book, the same at every call."""
    if book not in _SIEVES:
        _SIEVES[book] = Sieves(book)
    return _SIEVES[book]
