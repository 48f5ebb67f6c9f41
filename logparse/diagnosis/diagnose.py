"""From a build to its diagnosis."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from logparse.diagnosis.confidence import NOTHING, Tier, confidence
from logparse.diagnosis.fingerprint import fingerprint, identity, unwrapped
from logparse.diagnosis.lines import Row, named, rows, shown
from logparse.diagnosis.root_line import Found, inherited, rank, search
from logparse.diagnosis.rules import UNKNOWN, Role, Rule, RuleBook, default_rules, patience_of
from logparse.model import Build, Candidate, Diagnosis, Kind, Line, Outcome, Span, Step

__all__ = ["diagnose", "explain"]

_SHOWN = 5
"""Candidates in a diagnosis."""
_NEAR = 12
"""Lines from the end within which a cause is near."""
_TELLING, _VAGUE, _FINAL = 70.0, 40.0, 92.0
"""Scores that a line must reach to explain more than the command does: where the exit code is one that only
few tools leave with, where it could be anything's, and where the command itself ends with a failure."""
_CLOSING = 16
"""Lines of the builder's closing words that are looked at."""
_COMMON_EXITS = frozenset({1, 2, 100, 128})

_COMPOSE = re.compile(rb"(?:ERROR: )?Service '[^'\n]{1,256}' failed to build ?: ?\Z")
"""How version 1 of Docker Compose introduces the builder's closing words."""
_COMPOSE_LONGEST = 512


@dataclass(slots=True)
class _Verdict:
    """What was found, before the cause's facts are filled in."""

    tier: Tier
    row: Row | None = None
    rule: Rule | None = None
    cause: str = UNKNOWN
    subject: dict[str, str] = field(default_factory=dict)
    others: Sequence[Found] = ()
    says: str = ""
    """What the fingerprint is made of, where it is not the root line."""
    closing: bool = False
    """Whether the root line is the builder's."""


def diagnose(build: Build, *, rules: RuleBook | None = None) -> Diagnosis:
    """Say why a build failed.

    Parameters
    ----------
    build
        Any build. One that did not fail gets a diagnosis that says only that, whatever its programs called
        errors.
    rules
        The rules to use, by default those that come with the package.

    Returns
    -------
    Diagnosis
        With a root line wherever the log has a line at all that may say why.
    """
    if build.outcome is not Outcome.FAILED:
        return Diagnosis(build)
    return explain(build, rules or default_rules())[0]


def explain(build: Build, book: RuleBook) -> tuple[Diagnosis, Tier]:
    """The diagnosis of a failed build, and the way it was reached."""
    step = build.failing_step
    verdict = _verdict(build, step, book)
    cause = book.causes.get(verdict.cause)
    root = shown(build.transcript, verdict.row) if verdict.row is not None else None
    subject = named(
        verdict.subject,
        verdict.row,
        root,
        _instruction(build, step),
        *(one.row.text for one in verdict.others if one.row.cut is None),
    )
    diagnosis = Diagnosis(
        build,
        step=step,
        root_line=root,
        cause=verdict.cause,
        title=cause.title if cause else None,
        owner=cause.owner if cause else None,
        retry=cause.retry if cause else None,
        remedy=cause.advice(subject) if cause else None,
        confidence=confidence(verdict.tier) if root else NOTHING,
        candidates=_candidates(build, verdict, root),
        subject=subject,
        fingerprint=fingerprint(verdict.cause, _said(verdict, subject, root)),
    )
    return diagnosis, verdict.tier


def _said(verdict: _Verdict, subject: Mapping[str, str], root: Line | None) -> str:
    """What the fingerprint is made of."""
    if verdict.says or root is None:
        return verdict.says
    known = identity(verdict.rule.identity, subject) if verdict.rule is not None else ""
    return known or (unwrapped(root.text) if verdict.closing else root.text)


def _instruction(build: Build, step: Step | None) -> str:
    """The failing instruction, or the name of what failed that is no instruction."""
    if step is not None:
        return step.text
    return next((vertex.name for vertex in reversed(build.vertices) if vertex.error is not None), "")


def _verdict(build: Build, step: Step | None, book: RuleBook) -> _Verdict:
    failure = build.failure
    words = _words(build, failure.span) if failure is not None else ()
    closing = words[0] if words else None
    instruction = _instruction(build, step)
    if closing is not None and build.exit_code is None:
        verdict = _builder(build, words, instruction, book)
        if verdict.rule is None or verdict.rule.role is Role.CAUSE:
            return verdict
        # All that the builder says is that the command failed.
    if build.image_id is not None and failure is None:
        # The builder finished; what failed came later, and the log does not show it.
        return _Verdict(Tier.LAST)
    spans = _programs(build, step.outputs if step is not None else _outputs(build))
    patience = patience_of(build.log)
    found = rank(search(rows(build.transcript, spans), book, instruction, patience), build.exit_code)
    silent = _silent(build, found, closing, instruction, book)
    if silent is not None:
        return silent
    if not found:
        last = closing or _last_row(build, build.span)
        says = f"{instruction}\n{build.exit_code}" if closing is not None and instruction else ""
        return _Verdict(Tier.LAST, row=last, says=says)
    verdict = _spoken(found)
    if verdict.rule is None and failure is None:
        # Some daemons leave out the words by which their messages are told from a program's.
        last = _last_row(build, spans[-1])
        if last is not None:
            closed = _builder(build, (last,), instruction, book)
            return closed if closed.rule is not None else verdict
    return verdict if verdict.rule is not None else _hinted(build, verdict, instruction, book)


def _outputs(build: Build) -> tuple[Span, ...]:
    """Everything a program may have printed in a build without a failing step."""
    kinds = {Kind.OUTPUT, Kind.UNKNOWN}
    return tuple(Span(e.start, e.end) for e in build.elements() if e.kind in kinds)


def _programs(build: Build, spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """`spans` without what Docker Compose writes on the same line before the builder's closing words."""
    if not spans or build.failure is None or spans[-1].end != build.failure.span.start:
        return spans
    start, end = spans[-1]
    line = max(start, build.transcript.data.rfind(b"\n", start, end) + 1, end - _COMPOSE_LONGEST)
    words = _COMPOSE.search(build.transcript.data, line, end)
    return (*spans[:-1], Span(start, words.start())) if words is not None else spans


def _last_row(build: Build, span: Span) -> Row | None:
    last = None
    for last in rows(build.transcript, (span,)):  # noqa: B007 - the last one is wanted
        pass
    return last


def _words(build: Build, span: Span) -> tuple[Row, ...]:
    """The builder's closing words: their last line, which says it best, and the latest few before it."""
    return tuple(reversed(deque(rows(build.transcript, (span,)), maxlen=_CLOSING)))


def _builder(build: Build, words: Sequence[Row], instruction: str, book: RuleBook) -> _Verdict:
    """The builder itself failed: one of its closing words is the root line, most likely the last."""
    patience = patience_of(build.log)
    wrapped = None
    for row in words:
        for rule in book.builder:
            subject = rule.match(row.text, patience)
            context = rule.named_in(instruction, patience) if subject is not None else None
            if subject is None or context is None:
                continue
            verdict = _Verdict(Tier.BUILDER, row, rule, rule.cause, context | subject, closing=True)
            if rule.role is Role.CAUSE:
                return verdict
            wrapped = wrapped or verdict
    return wrapped or _Verdict(Tier.LOOKS, words[0], closing=True)


def _silent(
    build: Build, found: Sequence[Found], closing: Row | None, instruction: str, book: RuleBook
) -> _Verdict | None:
    """A verdict from command and exit code, if they explain more than anything that was printed."""
    exit_code, patience = build.exit_code, patience_of(build.log)
    if closing is None or exit_code is None:
        return None
    best = found[0].score if found else 0.0
    for rule in book.command:
        if rule.role is not Role.CAUSE or (rule.exits and exit_code not in rule.exits):
            continue
        vague = _VAGUE if exit_code in _COMMON_EXITS else _TELLING
        if best >= (vague if rule.exits else _FINAL):
            continue
        subject = rule.match(instruction, patience)
        if subject is not None:
            return _Verdict(Tier.SILENT, closing, rule, rule.cause, subject, found, says=instruction)
    return None


def _hinted(build: Build, verdict: _Verdict, instruction: str, book: RuleBook) -> _Verdict:
    """`verdict` with the cause that the command hints at, where no rule knows what was printed."""
    exit_code, patience = build.exit_code, patience_of(build.log)
    for rule in book.command:
        if exit_code is None or rule.role is Role.CAUSE or (rule.exits and exit_code not in rule.exits):
            continue
        subject = rule.match(instruction, patience)
        if subject is not None and subject.get("code", str(exit_code)) == str(exit_code):
            return replace(verdict, tier=Tier.SYMPTOM, rule=rule, cause=rule.cause, subject=subject)
    return verdict


def _spoken(found: Sequence[Found]) -> _Verdict:
    best = found[0]
    rule = best.rule
    if rule is None:
        wrapper = inherited(best, found)
        if wrapper is not None:
            return _Verdict(Tier.CLASSED, best.row, wrapper, wrapper.cause, {}, found)
        looks = best.score > 0 and len(found) > 1
        return _Verdict(Tier.LOOKS if looks else Tier.LAST, best.row, None, UNKNOWN, {}, found)
    if rule.role is not Role.CAUSE:
        tier = Tier.SYMPTOM
    elif best.exits:
        tier = Tier.EXIT
    else:
        tier = Tier.NEAR if best.distance <= _NEAR else Tier.FAR
    return _Verdict(tier, best.row, rule, rule.cause, best.subject, found)


def _candidates(build: Build, verdict: _Verdict, root: Line | None) -> tuple[Candidate, ...]:
    """The root line first, then the best of the others: each with its share of what confidence is left."""
    if root is None:
        return ()
    chosen = [
        Candidate(root, verdict.cause, verdict.rule.id if verdict.rule else None, confidence(verdict.tier))
    ]
    share = min(confidence(verdict.tier), 1 - confidence(verdict.tier))
    for other in verdict.others:
        if len(chosen) == _SHOWN:
            break
        if other.row.number == root.number:
            continue
        share /= 2
        rule = other.rule
        chosen.append(
            Candidate(
                shown(build.transcript, other.row),
                rule.cause if rule else None,
                rule.id if rule else None,
                round(share, 3),
            )
        )
    return tuple(chosen)
