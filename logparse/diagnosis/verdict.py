"""The verdict on a failed build: which line says why, which rule knows it, and how that was found.

Where the builder itself failed, its closing words are the root line. Otherwise a program did, and the output
of the failing step is searched. Where nothing in it explains as much as the command and its exit code do,
those speak. Every way to a verdict says in plain words which turns it took, for
:mod:`~logparse.diagnosis.account`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from logparse.diagnosis.command.ended import failed_tool
from logparse.diagnosis.confidence import Tier
from logparse.diagnosis.echo import without_command
from logparse.diagnosis.far import explained
from logparse.diagnosis.lines import Row, rows_backwards
from logparse.diagnosis.ranking import COMMON_EXITS, Found, inherited, rank, says_nothing, warnings
from logparse.diagnosis.root_line import Evidence, search
from logparse.diagnosis.rules import UNKNOWN, Role, Rule, RuleBook, patience_of
from logparse.diagnosis.sieve import sieves_of
from logparse.diagnosis.tolerated import forgiven
from logparse.model import Build, Kind, Span, Step

__all__ = ["Verdict", "instruction_of", "verdict_on"]

_NEAR = 12
"""Lines from the end within which a cause is near."""
_TELLING, _VAGUE, _FINAL = 70.0, 40.0, 92.0
"""Scores that a line must reach to explain more than the command does: where the exit code is one that only
few tools leave with, where it could be anything's, and where the command itself ends with a failure."""
_CLOSING = 16
"""Lines of the builder's closing words that are looked at."""
_VAGUE_EXITS = COMMON_EXITS | {100, 128}

_COMPOSE = re.compile(rb"(?:ERROR: )?Service '[^'\n]{1,256}' failed to build ?: ?\Z")
"""How version 1 of Docker Compose introduces the builder's closing words."""
_COMPOSE_LONGEST = 512
_LAST_WORDS = re.compile(
    r"""\becho\s{1,8}(?P<quote>["']?)(?P<text>[^"'$;&|<>\\\n]{1,200}?)(?P=quote)\s{0,8}1?>&2\s{0,8}(?:;|&&)"""
    r"""\s{0,8}exit\s{1,8}[1-9]"""
)
"""A message of an instruction's own before it leaves with a failure."""


@dataclass(slots=True)
class Verdict:
    """What was found, before the cause's facts are filled in.

    Parameters
    ----------
    tier
        The way it was reached.
    row
        The root line.
    rule, cause
        The rule that names the cause, and the cause.
    subject
        What the root line names.
    others
        All candidates of the output, best first.
    says
        What the fingerprint is made of, where it is not the root line.
    closing
        Whether the root line is the builder's.
    evidence
        What the search of the output kept.
    turns
        How it was reached, a sentence a turn.
    """

    tier: Tier
    row: Row | None = None
    rule: Rule | None = None
    cause: str = UNKNOWN
    subject: dict[str, str] = field(default_factory=dict)
    others: Sequence[Found] = ()
    says: str = ""
    closing: bool = False
    evidence: Evidence | None = None
    turns: list[str] = field(default_factory=list)


def instruction_of(build: Build, step: Step | None) -> str:
    """The failing instruction, or the name of what failed that is no instruction."""
    if step is not None:
        return step.text
    return next((vertex.name for vertex in reversed(build.vertices) if vertex.error is not None), "")


def verdict_on(build: Build, book: RuleBook) -> Verdict:
    """Find out why a build failed.

    Parameters
    ----------
    build
        A build that failed.
    book
        The rules.
    """
    case = _Case(build, book)
    verdict = case.verdict()
    verdict.turns = case.turns
    return verdict


class _Case:
    """One failed build, and the turns that its diagnosis has taken so far."""

    def __init__(self, build: Build, book: RuleBook) -> None:
        self.build = build
        self.book = book
        self.step = build.failing_step
        self.instruction = instruction_of(build, self.step)
        self.patience = patience_of(build.log)
        failure = build.failure
        # Their last line says it best.
        self.words = self._last_rows(failure.span, _CLOSING) if failure is not None else ()
        self.turns: list[str] = []

    def _turn(self, words: str) -> None:
        self.turns.append(words)

    def _last_rows(self, span: Span, most: int) -> tuple[Row, ...]:
        return tuple(islice(rows_backwards(self.build.transcript, (span,)), most))

    def verdict(self) -> Verdict:
        build = self.build
        if self.words and build.exit_code is None:
            self._turn("The builder's closing words name no exit code: they may say themselves what failed.")
            verdict = self._builder(self.words)
            if verdict.rule is None or verdict.rule.role is Role.CAUSE:
                return verdict
            self._turn("All that they say is that a command failed.")
        if build.image_id is not None and build.failure is None:
            self._turn("The builder finished its image: what failed came later and is not in the log.")
            return Verdict(Tier.LAST)
        spans = self._programs()
        evidence = search(build.transcript, spans, self.book, self.instruction, self.patience)
        where = "the failing step" if self.step is not None else "the build"
        self._turn(f"The output of {where} was searched, {evidence.lines} lines.")
        found = self._ranked(evidence)
        verdict = self._silent(found) or self._spoken(found, spans)
        verdict.evidence = evidence
        return verdict

    def _ranked(self, evidence: Evidence) -> list[Found]:
        ranked = rank(evidence, self.build.exit_code, forgiven(self.build, self.step))
        found = explained(ranked, lambda best: warnings(evidence, best, self.book, self.patience))
        if found and found[0].row is not ranked[0].row:
            self._turn("An earlier line explains the one with the highest score, and takes its place.")
        return found

    def _programs(self) -> tuple[Span, ...]:
        """What programs printed, without what Docker Compose writes before the builder's closing words."""
        build = self.build
        spans = (self.step.outputs or self._unplaced()) if self.step is not None else self._outputs()
        if not spans or build.failure is None or spans[-1].end != build.failure.span.start:
            return spans
        start, end = spans[-1]
        data = build.transcript.data
        line = max(start, data.rfind(b"\n", start, end) + 1, end - _COMPOSE_LONGEST)
        words = _COMPOSE.search(data, line, end)
        return (*spans[:-1], Span(start, words.start())) if words is not None else spans

    def _outputs(self) -> tuple[Span, ...]:
        """Everything a program may have printed in a build without a failing step."""
        kinds = {Kind.OUTPUT, Kind.UNKNOWN}
        elements = self.build.tape.elements(self.build.first, self.build.last)
        return tuple(Span(element.start, element.end) for element in elements if element.kind in kinds)

    def _unplaced(self) -> tuple[Span, ...]:
        """What stands in the failing step and is not known as output, as where indentation was lost."""
        if self.step is None:
            return ()
        since, until = self.step.header_end, self.step.end
        return tuple(span for span in self._outputs() if since <= span.start and span.end <= until)

    def _last_row(self) -> Row | None:
        """The last line of the build."""
        tape, first, last = self.build.tape, self.build.first, self.build.last
        if first == last:
            return None
        rows = self._last_rows(Span(tape.element(first).start, tape.element(last - 1).end), 1)
        return rows[0] if rows else None

    def _builder(self, words: Sequence[Row]) -> Verdict:
        """The builder itself failed: one of its closing words is the root line, most likely the last."""
        wrapped = None
        for row in words:
            text = without_command(row.text)
            for rule in sieves_of(self.book).builder.asked(text):
                subject = rule.read(text, self.patience)
                if subject is None:
                    continue
                context = rule.named_in(self.instruction, self.patience)
                if context is None:
                    continue
                tier = Tier.BUILDER if rule.role is Role.CAUSE else Tier.LAST
                verdict = Verdict(tier, row, rule, rule.cause, context | subject, closing=True)
                if rule.role is Role.CAUSE:
                    self._turn(f"The rule {rule.id} knows the builder's closing words.")
                    return verdict
                wrapped = wrapped or verdict
        if wrapped is None:
            self._turn("No rule knows the builder's closing words: their last line is taken.")
        return wrapped or Verdict(Tier.LOOKS, words[0], closing=True)

    def _silent(self, found: Sequence[Found]) -> Verdict | None:
        """A verdict from command and exit code, if they explain more than anything that was printed."""
        exit_code = self.build.exit_code
        if not self.words or exit_code is None:
            return None
        best = found[0].score if found else 0.0
        for rule in self.book.command:
            if rule.role is not Role.CAUSE or (rule.exits and exit_code not in rule.exits):
                continue
            vague = _VAGUE if exit_code in _VAGUE_EXITS else _TELLING
            needed = vague if rule.exits else _FINAL
            if best >= needed:
                continue
            subject = rule.match(self.instruction, self.patience)
            if subject is not None:
                self._turn(
                    f"The rule {rule.id} explains the command and its exit code {exit_code}; a line would"
                    f" have to score {needed:.0f} to say more, and the best has {best:.0f}."
                )
                says = self.instruction
                return Verdict(Tier.SILENT, self.words[0], rule, rule.cause, subject, found, says)
        return None

    def _spoken(self, found: Sequence[Found], spans: Sequence[Span]) -> Verdict:
        """A verdict from what was printed."""
        if not found:
            self._turn("Nothing was printed: the last line of the log is taken.")
            if not self.words:
                return Verdict(Tier.LAST, self._last_row())
            closed = self._builder(self.words)
            if closed.tier is Tier.BUILDER:
                return closed
            says = f"{self.instruction}\n{self.build.exit_code}" if self.instruction else ""
            return Verdict(Tier.LAST, self.words[0], says=says)
        if self.words and says_nothing(found[0]):
            said = _LAST_WORDS.search(self.instruction)
            last_words = self._saying(said["text"], spans) if said is not None else None
            if said is not None and last_words is not None:
                self._turn("The instruction itself prints this line before it leaves.")
                return self._hinted(Verdict(Tier.LAST, last_words, others=found, says=said["text"]))
            self._turn("The last line says nothing of a failure: the builder's closing words say more.")
            says = f"{self.instruction}\n{self.build.exit_code}" if self.instruction else ""
            return self._hinted(Verdict(Tier.LAST, self.words[0], others=found, says=says))
        verdict = self._best(found)
        if verdict.rule is None and self.build.failure is None:
            # Some daemons leave out the words by which their messages are told from a program's.
            # Where nothing was built, all there is may be such a message, of several lines.
            last = self._last_rows(spans[-1], 1 if self.build.steps else _CLOSING)
            closed = self._builder(last) if last else verdict
            return closed if closed.rule is not None else verdict
        return verdict if verdict.rule is not None else self._hinted(verdict)

    def _saying(self, text: str, spans: Sequence[Span]) -> Row | None:
        """The last line with some words, which may stand behind those of another program."""
        backwards = rows_backwards(self.build.transcript, spans)
        return next((row for row in backwards if row.text.rstrip().endswith(text)), None)

    def _best(self, found: Sequence[Found]) -> Verdict:
        best = found[0]
        rule = best.rule
        if rule is None:
            wrapper = inherited(best, found)
            if wrapper is not None:
                self._turn(f"No rule knows the line; {wrapper.id}, which stands behind it, names the tool.")
                return Verdict(Tier.CLASSED, best.row, wrapper, wrapper.cause, {}, found)
            looks = best.score > 0 and len(found) > 1
            return Verdict(Tier.LOOKS if looks else Tier.LAST, best.row, others=found)
        if rule.role is not Role.CAUSE:
            tier = Tier.SYMPTOM
        elif best.exits:
            tier = Tier.EXIT
        else:
            tier = Tier.NEAR if best.distance <= _NEAR else Tier.FAR
        return Verdict(tier, best.row, rule, rule.cause, best.subject, found)

    def _hinted(self, verdict: Verdict) -> Verdict:
        """`verdict` with the cause that the command hints at, where no rule knows what was printed."""
        exit_code = self.build.exit_code
        for rule in self.book.command:
            if exit_code is None or rule.role is Role.CAUSE or (rule.exits and exit_code not in rule.exits):
                continue
            subject = rule.match(self.instruction, self.patience)
            if subject is not None and subject.get("code", str(exit_code)) == str(exit_code):
                self._turn(f"The rule {rule.id} names the cause from the command.")
                return replace(verdict, tier=Tier.SYMPTOM, rule=rule, cause=rule.cause, subject=subject)
        tool = failed_tool(self.build, verdict.row.text if verdict.row is not None else "")
        if tool is None or not tool.cause:
            return verdict
        self._turn(f"No rule knows the line; the command that failed is {tool.name}, which names the cause.")
        return replace(verdict, cause=tool.cause)
