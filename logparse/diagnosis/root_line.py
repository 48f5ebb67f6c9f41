"""The search for the root line: what in a failing step's output may say why it failed.

The search goes over the output once. It keeps, for each rule, the run of lines the rule matched last, and of
the lines that merely look like errors the latest few: a bounded number of candidates, whatever the output's
size. :mod:`~logparse.diagnosis.ranking` compares them.

A step that failed in silence is explained from its command and exit code, and shown by the builder's own
closing line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from logparse.diagnosis import looks
from logparse.diagnosis.echo import is_echo
from logparse.diagnosis.lines import Row, count, rows, rows_backwards
from logparse.diagnosis.rules import Patience, Pick, Rule, RuleBook
from logparse.diagnosis.sieve import Setting, Sieves, sieves_of
from logparse.model import Span, Transcript

__all__ = ["Evidence", "Lookalike", "Run", "search", "warned"]

_RUN = 150
"""Lines between two matches of a rule that still belong to one run."""
_KEPT = 16
"""Lines without a rule that are kept, and earlier runs: the latest ones."""
_HELD = 4096
"""Lines without a rule that are held until the latest that look like errors are sought among them."""


@dataclass(slots=True)
class Run:
    """Lines of one rule that stand near each other."""

    rule: Rule
    first: Row
    first_subject: dict[str, str]
    last: Row
    last_subject: dict[str, str]
    size: int = 1


@dataclass(frozen=True, slots=True)
class Lookalike:
    """A line that looks like an error and that no rule says to be one.

    Parameters
    ----------
    row
        The line.
    worth
        How much it looks like one.
    harmless
        The rule that knows it as a warning, if any does.
    """

    row: Row
    worth: float
    harmless: Rule | None = None


@dataclass(slots=True)
class Evidence:
    """What one pass over an output keeps of it."""

    transcript: Transcript
    spans: Sequence[Span]
    """The output."""
    lines: int
    """How many lines it has."""
    runs: dict[str, Run] = field(default_factory=dict)
    """The latest run of each rule."""
    earlier: deque[Run] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """Runs that a later one of the same rule has replaced: the latest few."""
    lookalikes: list[Lookalike] = field(default_factory=list)
    """The latest lines that look like errors and that no rule says to be one; warnings besides."""
    last: Lookalike | None = None
    """The last line."""


def search(
    transcript: Transcript,
    spans: Sequence[Span],
    book: RuleBook,
    instruction: str = "",
    patience: Patience | None = None,
) -> Evidence:
    """Go over an output once and keep what may explain its failure.

    Parameters
    ----------
    transcript
        The text the output is in.
    spans
        Where the output is, in ascending order.
    book
        The rules.
    instruction
        The failing instruction, which some rules depend on.
    patience
        What is known of rules that time out on this log.
    """
    evidence = Evidence(transcript, spans, count(transcript, spans))
    sieves = sieves_of(book)
    sieve = sieves.suspicious
    setting = Setting(instruction, patience)
    suspects: list[Row] = []
    for row, held in sieve.literals.rows(transcript, spans):
        asked, other = sieve.chosen(held)
        matches = setting.matches(asked, row.text) if asked else ()
        if matches:
            if is_echo(row.text):
                continue
            for rule, subject in matches:
                told = _announced(evidence, row) if rule.pick is Pick.NEXT else row
                if told is not None:
                    _extend(evidence, rule, told, subject)
        elif other:
            suspects.append(row)
            if len(suspects) == _HELD:
                suspects = [one.row for one in _latest(suspects, sieves, patience)]
    evidence.lookalikes = _latest(suspects, sieves, patience)
    last = next((row for row in rows_backwards(transcript, spans) if not is_echo(row.text)), None)
    if last is not None:
        last = last._replace(place=evidence.lines + last.place)
        evidence.last = Lookalike(last, 0.0, sieves.harmless(last.text, patience))
    return evidence


def warned(evidence: Evidence, rule: Rule, row: Row, book: RuleBook, patience: Patience | None) -> list[Run]:
    """The warnings shortly before a line that explain it, the nearest of each rule.

    Parameters
    ----------
    evidence
        Where to look.
    rule, row
        The line to explain, and the rule that knows it.
    book
        The rules.
    patience
        What is known of rules that time out on this log.
    """
    runs: dict[str, Run] = {}
    wanted = sieves_of(book).explaining(rule)
    if not wanted:
        return []
    farthest = max(one.within for one in wanted)
    for before in rows_backwards(evidence.transcript, evidence.spans, until=row.at):
        if -before.place > farthest:
            break
        for one in wanted:
            subject = one.match(before.text, patience) if one.id not in runs else None
            if subject is not None:
                place = row.place + before.place
                known = before._replace(place=place)
                runs[one.id] = Run(one, known, subject, known, subject)
    return list(runs.values())


def _announced(evidence: Evidence, announcer: Row) -> Row | None:
    """The line behind one that announces it."""
    behind = rows(evidence.transcript, evidence.spans, since=announcer.at)
    next(behind)
    for row in behind:
        if not is_echo(row.text):
            return row._replace(place=announcer.place + row.place)
    return None


def _extend(evidence: Evidence, rule: Rule, row: Row, subject: dict[str, str]) -> None:
    run = evidence.runs.get(rule.id)
    if run is not None and row.place - run.last.place <= _RUN:
        run.last, run.last_subject = row, subject
        run.size += 1
        return
    if run is not None:
        evidence.earlier.append(run)
    evidence.runs[rule.id] = Run(rule, row, subject, row, subject)


def _latest(suspects: Sequence[Row], sieves: Sieves, patience: Patience | None) -> list[Lookalike]:
    """Those of `suspects` that look like errors: the latest few, and the latest few known as warnings."""
    found: list[Lookalike] = []
    kept = {True: 0, False: 0}
    for row in reversed(suspects):
        worth = looks.worth(row.text)
        if not worth or is_echo(row.text):
            continue
        rule = sieves.harmless(row.text, patience)
        kept[rule is None] += 1
        if kept[rule is None] <= _KEPT:
            found.append(Lookalike(row, worth, rule))
        if kept[True] == _KEPT:
            break
    return found[::-1]
