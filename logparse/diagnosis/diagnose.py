"""From a build to its diagnosis."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from logparse.diagnosis.command import failed_command
from logparse.diagnosis.confidence import NOTHING, confidence
from logparse.diagnosis.fingerprint import fingerprint, identity, unwrapped
from logparse.diagnosis.lines import named, shown
from logparse.diagnosis.packages import advice
from logparse.diagnosis.rules import RuleBook, default_rules
from logparse.diagnosis.verdict import Verdict, instruction_of, verdict_on
from logparse.errors import UsageError
from logparse.model import Build, Candidate, Diagnosis, Line, Outcome

__all__ = ["diagnose", "diagnosis_of"]

_SHOWN = 5
"""Candidates in a diagnosis."""


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

    Raises
    ------
    UsageError
        It is no build: a path has to be parsed first, which gives the builds in it.
    """
    if not isinstance(build, Build):
        raise UsageError(
            f"A build can be diagnosed, and a {type(build).__name__} is none; give each of the builds that"
            " logparse.parse returns."
        )
    if build.outcome is not Outcome.FAILED:
        return Diagnosis(build)
    book = rules or default_rules()
    return diagnosis_of(build, verdict_on(build, book), book)


def diagnosis_of(build: Build, verdict: Verdict, book: RuleBook) -> Diagnosis:
    """A verdict with the facts of its cause."""
    step = build.failing_step
    cause = book.causes.get(verdict.cause)
    root = shown(build.transcript, verdict.row) if verdict.row is not None else None
    subject = named(
        verdict.subject,
        verdict.row,
        root,
        instruction_of(build, step),
        *(one.row.text for one in verdict.others if one.row.cut is None),
    )
    return Diagnosis(
        build,
        step=step,
        root_line=root,
        cause=verdict.cause,
        title=cause.title if cause else None,
        owner=cause.owner if cause else None,
        retry=cause.retry if cause else None,
        remedy=advice(cause, subject, build, step) if cause else None,
        confidence=confidence(verdict.tier) if root else NOTHING,
        candidates=_candidates(build, verdict, root),
        subject=subject,
        fingerprint=fingerprint(verdict.cause, _said(verdict, subject, root)),
        find_command=partial(
            failed_command,
            build,
            root=root.text if root else "",
            rule=verdict.rule.id if verdict.rule else "",
        ),
    )


def _said(verdict: Verdict, subject: Mapping[str, str], root: Line | None) -> str:
    """What the fingerprint is made of."""
    if verdict.says or root is None:
        return verdict.says
    known = identity(verdict.rule.identity, subject) if verdict.rule is not None else ""
    return known or (unwrapped(root.text) if verdict.closing else root.text)


def _candidates(build: Build, verdict: Verdict, root: Line | None) -> tuple[Candidate, ...]:
    """The root line first, then the best of the others: each with its share of what confidence is left."""
    if root is None or verdict.row is None:
        return ()
    sure = confidence(verdict.tier)
    chosen = [Candidate(root, verdict.cause, verdict.rule.id if verdict.rule else None, sure)]
    share = min(sure, 1 - sure)
    for other in verdict.others:
        if len(chosen) == _SHOWN:
            break
        if other.row.at == verdict.row.at:
            continue
        share /= 2
        line, rule = shown(build.transcript, other.row), other.rule
        cause, name = (rule.cause, rule.id) if rule is not None else (None, None)
        chosen.append(Candidate(line, cause, name, round(share, 3)))
    return tuple(chosen)
