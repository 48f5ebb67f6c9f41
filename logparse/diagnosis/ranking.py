"""The ranking of candidates for the root line, and the parts that a score is made of.

What counts, in this order:

* *What the line is.* A cause beats a line that looks like an error and that no rule knows, that beats a
  symptom, that a wrapper, that a warning.
* *How telling its rule is*, and whether the step's exit code is one of the tool that prints such lines.
* *How near the end it stands.* The command that ended the step spoke last; what is far above was often
  tolerated. Wrappers and symptoms at the end do not count as distance, since they follow their cause. A tool
  that goes on after an error has said all it says where its last complaint stands, and the first is shown.
* *Whether the step went on behind it*, as it was meant to: see :mod:`~logparse.diagnosis.tolerated`.

Every score is a sum of named parts, so that it can be accounted for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from logparse.diagnosis import looks
from logparse.diagnosis.lines import Row, coloured
from logparse.diagnosis.root_line import Evidence, Lookalike, Run, warned
from logparse.diagnosis.rules import Patience, Pick, Role, Rule, RuleBook
from logparse.diagnosis.tolerated import recovery
from logparse.secrets import mask

__all__ = ["COMMON_EXITS", "Found", "Part", "beaten", "inherited", "rank", "says_nothing", "warnings"]

_BETWEEN = 3
"""Lines that may stand between two complaints of a tool that goes on after the first."""
_TAIL = 6
"""Lines that may stand between the wrappers at an output's end."""

_WORTH = {Role.CAUSE: 100.0, Role.SYMPTOM: 52.0, Role.WRAPPER: 34.0, Role.WARNING: 0.0}
_LAST, _WELL = 36.0, 12.0
_EXIT_BONUS, _COMMON_EXIT_BONUS, _RED_BONUS = 8.0, 4.0, 1.0
_TOLERATED = 40.0
"""What a cause loses that the step went on behind: a line that clearly looks like an error beats it then."""
_NEAR, _PER_DOUBLING, _FARTHEST = 4, 6.5, 48.0
_SENTENCE = re.compile(r"(?>.*?[^\W\d_]{2})(?:(?>.*?[\s:,(]).*?[^\W\d_]{2}|.*?\.\w{1,8}\b)")
"""Two words or more, or a word and a file. Of each the first place does, so none is left again."""
_EXPLAINS = "it explains the line that would have been chosen"


_QUOTED = 60
"""Characters of another line in the account of a score."""


COMMON_EXITS = frozenset({1, 2})
"""Exit codes that most programs fail with."""


class Part(NamedTuple):
    """A part of a score.

    Parameters
    ----------
    name
        What it is about: ``role``, ``rule``, ``looks``, ``position``, ``stream``, ``exit-code``, ...
    points
        What it adds, or takes away.
    words
        Why, in plain words.
    """

    name: str
    points: float
    words: str


@dataclass(frozen=True, slots=True)
class Found:
    """A candidate: a line, the rule that knows it if any does, and how it compares with others."""

    row: Row
    rule: Rule | None
    subject: dict[str, str]
    parts: tuple[Part, ...]
    exits: bool
    """Whether the step's exit code is one of the rule's."""
    until: int
    """The place of its run's last line."""
    distance: int
    """Lines between its run's end and the end of the output, wrappers and symptoms at the end apart."""
    size: int = 1
    """Lines of its run."""

    @property
    def score(self) -> float:
        """The sum of its parts."""
        return sum(part.points for part in self.parts)

    @property
    def role(self) -> Role | None:
        """The rule's role, ``None`` for a line without a rule."""
        return self.rule.role if self.rule is not None else None

    def before(self, other: Found) -> Found:
        """The same candidate with the score of a later one, which it explains."""
        return replace(self, parts=(*self.parts, Part("explains", other.score - self.score, _EXPLAINS)))


def rank(evidence: Evidence, exit_code: int | None = None, forgiven: tuple[str, ...] = ()) -> list[Found]:
    """All candidates, best first.

    A line that several rules know is one candidate, under the rule that makes most of it.

    Parameters
    ----------
    evidence
        What was found.
    exit_code
        The one that the step left with.
    forgiven
        The beginnings of the ids of rules whose failures the instruction tolerates, see
        :func:`logparse.diagnosis.tolerated.forgiven`.
    """
    best: dict[int, Found] = {}
    for found in _known(evidence, exit_code, forgiven):
        other = best.get(found.row.place)
        if other is None or other.score < found.score:
            best[found.row.place] = found
    end = _end(evidence)
    for one in evidence.lookalikes:
        # One that is known already was announced by the line before it.
        if one.harmless is None and one.row.place not in best:
            best[one.row.place] = _unknown(evidence, one, end)
    last = evidence.last
    if last is not None and last.row.place not in best:
        best[last.row.place] = _last(last)
    return sorted(best.values(), key=lambda found: (-found.score, -found.until, found.row.place))


def beaten(
    evidence: Evidence,
    ranked: Sequence[Found],
    exit_code: int | None = None,
    forgiven: tuple[str, ...] = (),
) -> list[Found]:
    """The candidates that :func:`rank` leaves out, since another rule makes more of the same line."""
    taken = {(found.row.place, found.rule.id) for found in ranked if found.rule is not None}
    known = _known(evidence, exit_code, forgiven)
    return [found for found in known if found.rule and (found.row.place, found.rule.id) not in taken]


def _known(evidence: Evidence, exit_code: int | None, forgiven: tuple[str, ...]) -> Iterator[Found]:
    """The candidates that rules know."""
    end = _end(evidence)
    for run in (*evidence.runs.values(), *evidence.earlier):
        yield _judge(evidence, run, end, exit_code, forgiven)


def warnings(
    evidence: Evidence, found: Found, book: RuleBook, patience: Patience | None = None
) -> list[Found]:
    """The warnings shortly before a candidate that explain it."""
    if found.rule is None:
        return []
    runs = warned(evidence, found.rule, found.row, book, patience)
    return [_judge(evidence, run, found.row.place, None) for run in runs]


def _end(evidence: Evidence) -> int:
    """The place of the last line that is neither a wrapper's nor a symptom's."""
    late = sorted(
        (
            (run.last.place, run.first.place)
            for run in evidence.runs.values()
            if run.rule.role in {Role.WRAPPER, Role.SYMPTOM}
        ),
        reverse=True,
    )
    end = evidence.last.row.place if evidence.last is not None else 0
    for last, first in late:
        if end - last > _TAIL:
            break
        end = min(end, first)
    return end


def _judge(
    evidence: Evidence, run: Run, end: int, exit_code: int | None, forgiven: tuple[str, ...] = ()
) -> Found:
    rule = run.rule
    row, subject, until = run.last, run.last_subject, run.last.place
    if rule.pick is Pick.FIRST:
        row, subject, until = run.first, run.first_subject, _burst(evidence, run)
    distance = max(0, end - until)
    parts = [Part("role", _WORTH[rule.role], f"the rule {rule.id} knows it as a {rule.role}")]
    if rule.weight:
        more = "more" if rule.weight > 0 else "less"
        parts.append(Part("rule", rule.weight, f"its rule tells {more} than others of its kind"))
    exits = exit_code in rule.exits
    if exits:
        bonus = _COMMON_EXIT_BONUS if exit_code in COMMON_EXITS else _EXIT_BONUS
        parts.append(Part("exit-code", bonus, f"its tool leaves with {exit_code}, as this step did"))
    parts += _around(evidence, run.last, distance)
    if rule.role is Role.CAUSE:
        parts += _tolerated(evidence, run, forgiven)
    return Found(row, rule, subject, tuple(parts), exits, until, distance, run.size)


def _burst(evidence: Evidence, run: Run) -> int:
    """The place of the last of a tool's complaints, which go on under several rules."""
    tool = run.rule.id.partition(".")[0] + "."
    until = run.last.place
    for other in evidence.runs.values():
        rule = other.rule
        alike = rule.id.startswith(tool) and rule.role is run.rule.role and rule.pick is Pick.FIRST
        if alike and other.first.place <= run.last.place + _BETWEEN:
            until = max(until, other.last.place)
    return until


def _unknown(evidence: Evidence, one: Lookalike, end: int) -> Found:
    distance = max(0, end - one.row.place)
    how = "clearly" if one.worth == looks.STRONGLY else "somewhat"
    looked = Part("looks", one.worth, f"no rule knows it, and it looks {how} like an error")
    parts = (looked, *_around(evidence, one.row, distance))
    return Found(one.row, None, {}, parts, False, one.row.place, distance)


def _last(last: Lookalike) -> Found:
    row = last.row
    if last.harmless is not None:
        words = f"the rule {last.harmless.id} knows it as a {Role.WARNING}"
        points = _WORTH[Role.WARNING] + last.harmless.weight
        return Found(row, last.harmless, {}, (Part("role", points, words),), False, row.place, 0)
    if looks.says_well(row.text):
        part = Part("last", _WELL, "it is the last line, but it says that all is well")
    elif not _SENTENCE.match(row.text):
        part = Part("last", _WELL, "it is the last line, but a word or a number alone tells nothing")
    else:
        part = Part("last", _LAST, "it is the last line")
    return Found(row, None, {}, (part,), False, row.place, 0)


def says_nothing(found: Found) -> bool:
    """Whether a candidate is the last line for want of a better one, and that line tells nothing."""
    return found.rule is None and found.parts[0].name == "last" and found.parts[0].points <= _WELL


def _around(evidence: Evidence, row: Row, distance: int) -> tuple[Part, ...]:
    """What speaks for or against a line by where it stands and how it is marked."""
    parts: tuple[Part, ...] = ()
    if distance:
        points = -min(_FARTHEST, _PER_DOUBLING * math.log2(1 + distance / _NEAR))
        lines = "line" if distance == 1 else "lines"
        parts += (Part("position", points, f"it is {distance} {lines} before the end"),)
    if coloured(evidence.transcript, row):
        parts += (Part("stream", _RED_BONUS, "it was written to standard error"),)
    return parts


def _tolerated(evidence: Evidence, run: Run, forgiven: tuple[str, ...]) -> tuple[Part, ...]:
    """What speaks against an error that the step went on behind."""
    if run.rule.id.startswith(forgiven or ("\0",)):
        words = "the instruction lets its tool fail, with || true or the like"
        return (Part("tolerated", -_TOLERATED, words),)
    success = recovery(evidence, run.rule, run.last)
    if success is not None:
        words = f"its tool succeeded later: {mask(success.text)[:_QUOTED]}"
        return (Part("mended", -_TOLERATED, words),)
    return ()


def inherited(found: Found, candidates: Sequence[Found]) -> Rule | None:
    """The rule of the wrapper or symptom that follows a line without a rule: it names the tool that spoke."""
    behind = [
        other
        for other in candidates
        if other.rule is not None
        and other.role in {Role.WRAPPER, Role.SYMPTOM}
        and other.until >= found.row.place
    ]
    if not behind:
        return None
    return max(behind, key=lambda other: other.score).rule
