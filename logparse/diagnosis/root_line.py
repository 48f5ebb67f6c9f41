"""The root line: which of a failing step's lines best says why.

The search goes over the output once. It keeps, for each rule, the run of lines the rule matched last, and of
the lines that merely look like errors the latest few: a bounded number of candidates, whatever the output's
size. Then it ranks them. What counts, in this order:

* *What the line is.* A cause beats a line that looks like an error and that no rule knows, that beats a
  symptom, that a wrapper, that a warning.
* *How telling its rule is*, and whether the step's exit code is one of the tool that prints such lines.
* *How near the end it stands.* The command that ended the step spoke last; what is far above was often
  tolerated. Wrappers and symptoms at the end do not count as distance, since they follow their cause.

A step that failed in silence is explained from its command and exit code, and shown by the builder's own
closing line.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from logparse.diagnosis.lines import Gate, Row, notable
from logparse.diagnosis.rules import Patience, Pick, Role, Rule, RuleBook

__all__ = ["Evidence", "Found", "Sieve", "inherited", "rank", "search", "sieve_of"]

_RUN = 150
"""Lines between two matches of a rule that still belong to one run."""
_TAIL = 6
"""Lines that may stand between the wrappers at an output's end."""
_KEPT = 40
"""Lines without a rule that are kept: the latest ones."""

_TRACES = ("+ ", "++ ")
"""How the shell's trace of a command begins: what was run, not what came of it."""

_WORTH = {Role.CAUSE: 100.0, Role.SYMPTOM: 52.0, Role.WRAPPER: 34.0, Role.WARNING: 0.0}
_STRONG, _WEAK, _LAST, _WELL = 66.0, 44.0, 36.0, 12.0
_EXIT_BONUS, _RED_BONUS = 8.0, 1.0
_PER_DOUBLING, _FARTHEST = 5.0, 48.0


class _Looks:
    """What lines look like that report an error in no known form."""

    ANCHORS = (
        "rror", "ERROR", "atal", "FATAL", "ailed", "FAILED", "ailure", "annot", "an't", "nable to",
        "ould not", "not found", "o such", "nvalid", "xception", "issing", "enied", "efused", "anic",
        "bort", "ndefined", "nknown", "nsupported", "not supported", "equired", "equires", "ust be",
        "not exist", "n't exist", "onflict", "ncompatible", "not installed", "ERR!", "xpected ",
    )  # fmt: skip
    # ``error:`` with a word's edge on both sides: neither a package liberror nor a file errors.c counts.
    STRONG = re.compile(
        r"(?:^|[\s\[(:*])(?:fatal|errors?|failed|failure|exception|panic)(?:\[\w{1,16}\])?(?:\s?[:!\])]|\s-)"
        r"|^(?:error|fatal|failed|unable to|cannot|could not|can't|failure)\b"
        r"|\berror occurred|\berr(?:or)?!",
        re.IGNORECASE,
    )
    WEAK = re.compile(
        r"\b(?:fatal|error|failed|failure|exception|panic(?:ked)?|abort(?:ed|ing)?|cannot|can['\u2019]t"
        r"|unable to|could not|couldn't|not found|no such|invalid|missing|denied|refused|undefined|unknown"
        r"|unsupported|not supported|required|requires|must be|(?:not|n't) exist|conflict\w{0,6}"
        r"|incompatible|not installed)\b(?![-./\w])|\bexpected\b.{1,120}\b(?:got|but)\b",
        re.IGNORECASE,
    )
    # Lines of a tool at its ordinary work, whatever words occur in them.
    HARMLESS = re.compile(
        r"^\s{0,8}(?:checking |Selecting previously|Preparing to unpack|Unpacking |Setting up |Get:\d|Hit:"
        r"|Ign:|Collecting |Downloading |Downloaded |Compiling |Processing |copying |creating |adding "
        r"|inflating: |Requirement already|Building wheel|\(\d{1,4}/\d{1,4}\) |> Task |-- "
        r"|\[\s{0,3}\d{1,3}%\]|\s{0,4}at "
        r"|File \"|gcc |g\+\+ |cc |/bin/sh \S{0,200}libtool|\S{1,200}:\d{1,6}:in [`']|\[INFO\]|\[DEBUG\]"
        r"|\[info\]|\[WARN|\[warn\]|INFO[: ]|DEBUG[: ]|W: |Note: |In file included)"
        r"|\bwarning\b|\bWARN(?:ING)?\b|\b0 (?:errors?|failures?|failed)\b|\bdeprecated\b|No errors?\b",
    )

    # A program's last words that all is well are no reason for its failure.
    WELL = re.compile(
        r"(?:\b(?:ok|done|pass(?:ed)?|success(?:ful(?:ly)?)?|completed?|finished)|\b100 ?%)\W{0,3}$",
        re.IGNORECASE,
    )

    @classmethod
    def worth(cls, text: str) -> float:
        """How much a line looks like an error; 0 if it does not."""
        if cls.HARMLESS.search(text):
            return 0.0
        if cls.STRONG.search(text):
            return _STRONG
        return _WEAK if cls.WEAK.search(text) else 0.0


@dataclass(slots=True)
class _Run:
    """Lines of one rule that stand near each other."""

    rule: Rule
    first: Row
    first_subject: dict[str, str]
    last: Row
    last_subject: dict[str, str]


@dataclass(slots=True)
class Evidence:
    """What one pass over an output keeps of it."""

    runs: dict[str, _Run] = field(default_factory=dict)
    """The latest run of each rule."""
    earlier: deque[_Run] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """Runs that a later one of the same rule has replaced: the latest few."""
    unknown: deque[tuple[Row, float]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """Lines that look like errors and that no rule knows, with their worth."""
    last: Row | None = None
    """The last line."""
    places: int = 0
    """Lines that are not blank."""


@dataclass(frozen=True, slots=True)
class Found:
    """A candidate: a line, the rule that knows it if any does, and how it compares with others."""

    row: Row
    rule: Rule | None
    subject: dict[str, str]
    score: float
    exits: bool
    """Whether the step's exit code is one of the rule's."""
    until: int
    """The place of its run's last line."""
    distance: int
    """Lines between its run's end and the end of the output, wrappers and symptoms at the end apart."""

    @property
    def role(self) -> Role | None:
        """The rule's role, ``None`` for a line without a rule."""
        return self.rule.role if self.rule is not None else None


class Sieve:
    """Shows a line to those rules only that have an anchor in it.

    Parameters
    ----------
    rules
        The rules to choose from.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._by_anchor: dict[str, list[Rule]] = {}
        for rule in rules:
            for anchor in rule.anchors:
                self._by_anchor.setdefault(anchor, []).append(rule)
        self.known = Gate(self._by_anchor)
        """Lets through what a rule may recognise."""
        self.gate = Gate({*self._by_anchor, *_Looks.ANCHORS})
        """Lets through what looks like an error, too."""

    def match(
        self, text: str, instruction: str, patience: Patience | None = None
    ) -> list[tuple[Rule, dict[str, str]]]:
        """The rules that recognise a line of a step with this `instruction`, with what the line names."""
        seen: dict[str, Rule] = {}
        for anchor in self.known.inside(text):
            for rule in self._by_anchor[anchor]:
                seen[rule.id] = rule
        found = []
        for _, rule in sorted(seen.items()):
            subject = rule.read(text, patience)
            if subject is not None and rule.applies(instruction, patience):
                found.append((rule, subject))
        return found


_SIEVES: WeakKeyDictionary[RuleBook, Sieve] = WeakKeyDictionary()


def sieve_of(book: RuleBook) -> Sieve:
    """The sieve of a book's rules about output, made once."""
    if book not in _SIEVES:
        _SIEVES[book] = Sieve(book.output)
    return _SIEVES[book]


def search(
    lines: Iterable[Row], book: RuleBook, instruction: str = "", patience: Patience | None = None
) -> Evidence:
    """Go over an output once and keep what may explain its failure.

    Parameters
    ----------
    lines
        The output's lines in order.
    book
        The rules.
    instruction
        The failing instruction, which some rules depend on.
    patience
        What is known of rules that time out on this log.
    """
    evidence = Evidence()
    sieve = sieve_of(book)
    announced: list[tuple[Rule, dict[str, str]]] = []
    for row, passed in notable(lines, sieve.gate):
        evidence.places = row.place + 1
        if row.text.startswith(_TRACES):
            continue
        evidence.last = row
        for announcer, named in announced:
            _extend(evidence, announcer, row, named)
        announced.clear()
        if not passed:
            continue
        matches = sieve.match(row.text, instruction, patience)
        for rule, subject in matches:
            if rule.pick is Pick.NEXT:
                announced.append((rule, subject))
            else:
                _extend(evidence, rule, row, subject)
        if not matches:
            worth = _Looks.worth(row.text)
            if worth:
                evidence.unknown.append((row, worth))
    return evidence


def _extend(evidence: Evidence, rule: Rule, row: Row, subject: dict[str, str]) -> None:
    run = evidence.runs.get(rule.id)
    if run is not None and row.place - run.last.place <= _RUN:
        run.last, run.last_subject = row, subject
        return
    if run is not None:
        evidence.earlier.append(run)
    evidence.runs[rule.id] = _Run(rule, row, subject, row, subject)


def rank(evidence: Evidence, exit_code: int | None = None) -> list[Found]:
    """All candidates, best first.

    A line that several rules know is one candidate, under the rule that makes most of it.
    """
    end = _end(evidence)
    best: dict[int, Found] = {}
    for run in (*evidence.runs.values(), *evidence.earlier):
        found = _judge(run, end, exit_code)
        known = best.get(found.row.place)
        if known is None or known.score < found.score:
            best[found.row.place] = found
    for row, worth in evidence.unknown:
        if row.place in best:
            # Known by the line before it, which announced it.
            continue
        distance = max(0, end - row.place)
        best[row.place] = Found(
            row, None, {}, worth + _RED_BONUS * row.red - _far(distance), False, row.place, distance
        )
    last = evidence.last
    if last is not None and last.place not in best:
        worth = _WELL if _Looks.WELL.search(last.text) else _LAST
        best[last.place] = Found(last, None, {}, worth, False, last.place, 0)
    return sorted(best.values(), key=lambda found: (-found.score, -found.row.place))


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
    end = max(evidence.places - 1, 0)
    for last, first in late:
        if end - last > _TAIL:
            break
        end = min(end, first)
    return end


def _far(distance: int) -> float:
    return min(_FARTHEST, _PER_DOUBLING * math.log2(1 + distance))


def _judge(run: _Run, end: int, exit_code: int | None) -> Found:
    rule = run.rule
    distance = max(0, end - run.last.place)
    score = _WORTH[rule.role] + rule.weight + _RED_BONUS * run.last.red - _far(distance)
    exits = exit_code in rule.exits
    if exits:
        score += _EXIT_BONUS
    if rule.pick is Pick.FIRST:
        return Found(run.first, rule, run.first_subject, score, exits, run.last.place, distance)
    return Found(run.last, rule, run.last_subject, score, exits, run.last.place, distance)


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
