"""Far causes: the earlier line that explains the one a step ended with.

A mirror times out, and ten lines later apt knows no package; a certificate is refused, and pip finds no
version; an interpreter is too old, and a package it installed has a syntax error. The later line is what
the ranking finds, since it ended the step. What explains it is data: a rule's ``explains`` names the rules of
such later lines (or ``"*"``: all of them), and its ``within`` how many lines after it they may stand.

What becomes of it depends on the earlier rule's role. A cause, or a symptom, is itself the root line, and
what it explains is the second candidate. A warning never is the root line: it lends its cause to the later
line, which stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from logparse.diagnosis.ranking import Found, Part
from logparse.diagnosis.rules import ANY, Role, Rule

__all__ = ["explained"]

_STEPS = 3
"""Explanations that may stand behind each other: a full disk, a broken archive, a file that is missing."""


def explained(
    found: Sequence[Found], warnings: Callable[[Found], Sequence[Found]] = lambda _: ()
) -> list[Found]:
    """`found` with what explains the best candidate before it.

    Parameters
    ----------
    found
        The candidates of one step, best first, as :func:`logparse.diagnosis.ranking.rank` gives them.
    warnings
        Gives the warnings before a candidate that explain it. They are looked for only here, since few of the
        many that programs print explain anything.

    Returns
    -------
    list of Found
        The same candidates; where an earlier line explains the best, that line or its cause comes first.
    """
    ranked = list(found)
    for _ in range(_STEPS):
        reason = _reason([*ranked, *warnings(ranked[0])] if ranked else [])
        if reason is None:
            break
        winner = ranked[0]
        if reason.rule is not None and reason.rule.role is Role.WARNING:
            ranked[0] = replace(
                winner,
                rule=_lent(reason.rule),
                subject=reason.subject | winner.subject,
                parts=(*winner.parts, Part("explained", 0.0, f"the warning {reason.rule.id} explains it")),
            )
            break
        first = reason.before(winner)
        ranked = [first, *(one for one in ranked if one is not reason)]
    return ranked


def _reason(ranked: Sequence[Found]) -> Found | None:
    """The nearest candidate before the best one that explains it."""
    if not ranked:
        return None
    winner = ranked[0]
    reasons = [one for one in ranked[1:] if one.rule is not None and _explains(one, one.rule, winner)]
    return max(reasons, key=lambda one: one.row.place, default=None)


def _explains(one: Found, rule: Rule, winner: Found) -> bool:
    if not rule.explains or one.row.place >= winner.row.place:
        return False
    # Where the run of the earlier line goes on behind the later one, only its first line stands before.
    last = one.until if one.until < winner.row.place else one.row.place
    if winner.row.place - last > rule.within:
        return False
    if winner.rule is None:
        return ANY in rule.explains
    if winner.rule.cause == rule.cause:
        return False
    return winner.rule.id in rule.explains or ANY in rule.explains


def _lent(rule: Rule) -> Rule:
    """`rule` as the one that says why."""
    return replace(rule, role=Role.CAUSE)
