"""What the programs in a build's steps had to say, whether the build failed or not."""

from __future__ import annotations

from logparse.diagnosis.echo import is_echo
from logparse.diagnosis.lines import named, shown
from logparse.diagnosis.rules import Role, Rule, RuleBook, default_rules, patience_of
from logparse.diagnosis.sieve import Setting, Sieve, sieves_of
from logparse.model import Build, Message, Outcome, Step

__all__ = ["messages"]

_RANK = {Role.CAUSE: 3, Role.SYMPTOM: 2, Role.WRAPPER: 1, Role.WARNING: 0}


def messages(build: Build, *, rules: RuleBook | None = None, limit: int = 1000) -> list[Message]:
    """The lines of all steps' outputs that a rule recognises, in the log's order.

    Parameters
    ----------
    build
        Any build.
    rules
        The rules to use, by default those that come with the package.
    limit
        How many messages a step may give. A program can print the same complaint a million times.

    Returns
    -------
    list of Message
        One a line, of the rule that makes most of it. ``severity`` is ``"error"`` only in the step that the
        build stopped at; a step that went on has warnings, whatever its programs call them.
    """
    book = rules or default_rules()
    failing = build.failing_step if build.outcome is Outcome.FAILED else None
    sieve = sieves_of(book).all
    found: list[Message] = []
    for index, step in enumerate(build.steps):
        if not step.outputs:
            continue
        found += _of_step(build, step, index, sieve, limit, failed=step is failing)
    return found


def _of_step(
    build: Build, step: Step, index: int, sieve: Sieve, limit: int, *, failed: bool
) -> list[Message]:
    found: list[Message] = []
    instruction = step.text
    setting = Setting(instruction, patience_of(build.log))
    for row, held in sieve.literals.rows(build.transcript, step.outputs):
        matches = setting.matches(sieve.chosen(held)[0], row.text)
        if not matches or is_echo(row.text):
            continue
        rule, subject = max(matches, key=lambda match: _key(match[0]))
        severity = "error" if failed and rule.role is not Role.WARNING else "warning"
        line = shown(build.transcript, row)
        cause = rule.cause if rule.role is not Role.WARNING else None
        subject = named(subject, row, line, instruction)
        found.append(Message(index, line, severity, rule.id, cause, subject))
        if len(found) >= limit:
            break
    return found


def _key(rule: Rule) -> tuple[int, int]:
    return _RANK[rule.role], rule.weight
