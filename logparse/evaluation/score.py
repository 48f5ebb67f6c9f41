"""One log against its label."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from logparse.diagnosis import RuleBook, explain
from logparse.diagnosis.lines import rows_backwards, shown
from logparse.evaluation.labels import Label
from logparse.model import Build, Diagnosis, Kind, Line, Log, Outcome, Span
from logparse.parser import parse

__all__ = ["Score", "last_line", "score"]

_INSTRUCTIONS = re.compile(
    r"(?:ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|RUN|SHELL|STOPSIGNAL"
    r"|USER|VOLUME|WORKDIR)\b",
    re.IGNORECASE,
)
_REPEATED = frozenset({Kind.EXCERPT, Kind.BLANK})
"""What stands between the output of a failing step and the builder's last words."""
_FIRST = 3
"""Candidates among which the root line is looked for."""


@dataclass(slots=True)
class Score:
    """What was said of a log, and which of it is right.

    Parameters
    ----------
    label
        What a person says of it.
    diagnosis
        What the program says; ``None`` if no build was found in the log.
    tier
        The way the verdict was reached.
    last
        The last line before the builder's closing words.
    right
        By what the label asks (``outcome``, ``quiet``, ``step``, ``exit_code``, ``line``, ``line_in_3``,
        ``cause``, ``line_and_cause``, ``last_line``): whether it is met. ``quiet`` is asked of builds that
        succeeded: no failure may be claimed.
    """

    label: Label
    diagnosis: Diagnosis | None
    tier: str | None = None
    last: Line | None = None
    right: dict[str, bool] = field(default_factory=dict)


def score(label: Label, log: Log, rules: RuleBook) -> Score:
    """Diagnose a log and compare with its label.

    What is said is what a user gets of the same log: a failure that the log does not show is not diagnosed,
    unless the label has the status that an API gave.
    """
    if label.status is not None:
        log = replace(log, status=label.status)
    build = _spoken_of(parse(log), label)
    if build is None:
        result = Score(label, None)
    elif build.outcome is Outcome.FAILED:
        explanation = explain(build, rules=rules)
        result = Score(label, explanation.diagnosis, explanation.tier)
    else:
        result = Score(label, Diagnosis(build))
    result.last = last_line(build) if build is not None else None
    _compare(result)
    return result


def last_line(build: Build) -> Line | None:
    """The last line that is not blank before the builder's closing words, without control sequences.

    It needs no knowledge of any tool, so it is what a diagnosis must be better than. BuildKit's closing words
    begin with its ``ERROR`` behind the failing step's output, and what it repeats after that is part of them.
    """
    row = next(rows_backwards(build.transcript, (_before_closing(build),)), None)
    return shown(build.transcript, row) if row is not None else None


def _before_closing(build: Build) -> Span:
    """What was written before the builder's closing words, in the transcript."""
    tape, first = build.tape, build.first
    if first == build.last:
        return Span(0, 0)
    start, index = tape.element(first).start, build.last
    if build.failure is not None:
        words = build.failure.span.start
        while index > first and tape.element(index - 1).end > words:
            index -= 1
        errors = list(tape.of_kind(Kind.ERROR, first, index))
        if errors:
            return Span(start, errors[-1].start)
        while index > first and Kind(tape.kinds[index - 1]) in _REPEATED:
            index -= 1
        if index == build.last:
            return Span(start, words)
    return Span(start, tape.element(index - 1).end if index > first else start)


def _spoken_of(builds: Sequence[Build], label: Label) -> Build | None:
    """The build that a label speaks of."""
    if label.build is not None:
        return builds[label.build] if 0 <= label.build < len(builds) else None
    failed = [build for build in builds if build.outcome is Outcome.FAILED]
    # Those that ran at once may all have it.
    with_line = [build for build in failed if _holds(build, label.line)]
    return (with_line[:1] or failed or builds)[-1] if builds else None


def _holds(build: Build, line: int | None) -> bool:
    """Whether a line of the log is in a build's part of it."""
    if line is None:
        return False
    start, end = build.span
    return build.log.line_number(start) <= line <= build.log.line_number(max(start, end - 1))


def _compare(score: Score) -> None:
    label, said, right = score.label, score.diagnosis, score.right
    right["outcome"] = said is not None and said.outcome.value in label.outcomes
    if label.outcome == Outcome.SUCCEEDED:
        right["quiet"] = said is None or (said.cause is None and said.root_line is None)
    if label.outcome != Outcome.FAILED:
        return
    failed = said is not None and said.outcome is Outcome.FAILED
    if label.steps is not None or label.instruction is not None:
        right["step"] = failed and _step_is_right(label, said)
    if label.exit_codes is not None:
        right["exit_code"] = failed and said is not None and said.exit_code in label.exit_codes
    if label.lines is not None:
        lines = [candidate.line for candidate in said.candidates[:_FIRST]] if said is not None else []
        right["line"] = said is not None and _line_is_right(label, said.root_line)
        right["line_in_3"] = right["line"] or any(_line_is_right(label, line) for line in lines)
        right["last_line"] = _line_is_right(label, score.last)
    if label.causes is not None:
        cause = (said.cause if said is not None else None) or ""
        right["cause"] = any(fnmatchcase(cause, accepted) for accepted in label.causes)
    if label.lines is not None and label.causes is not None:
        right["line_and_cause"] = right["line"] and right["cause"]


def _step_is_right(label: Label, said: Diagnosis | None) -> bool:
    step = said.step if said is not None else None
    if label.steps is not None:
        return (step.number if step is not None else None) in label.steps
    words = (label.instruction or "").split()
    if words and not _INSTRUCTIONS.match(words[0]):
        # What failed is no instruction.
        return step is None
    return step is not None and " ".join(step.text.split()).startswith(" ".join(words))


def _line_is_right(label: Label, line: Line | None) -> bool:
    if line is None or label.lines is None or line.number not in label.lines:
        return False
    return not label.ends or line.text.rstrip().endswith(label.ends)
