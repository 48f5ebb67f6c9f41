"""What rules know of many logs: which of them spoke, and which failures none of them knew.

The second is the list of what to write next: one entry a kind of failure, the most frequent first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from logparse.diagnosis.diagnose import diagnose
from logparse.diagnosis.messages import messages
from logparse.diagnosis.rule import UNKNOWN, Role, RuleBook
from logparse.model import Build, Diagnosis, Line, Outcome

__all__ = ["Coverage", "Gap", "Spoken", "coverage"]


@dataclass(slots=True)
class Spoken:
    """How often a rule recognised something.

    Parameters
    ----------
    root
        Failures whose root line it recognised.
    builds
        Builds in which it recognised a line.
    lines
        Lines it recognised; of a line that several rules know, only the one that makes most of it counts.
    """

    root: int = 0
    builds: int = 0
    lines: int = 0


@dataclass(slots=True)
class Gap:
    """Failures with the same fingerprint that no rule gives the reason of.

    Parameters
    ----------
    rule
        The rule that knew a symptom only, or the tool that failed; ``None`` if none knew a thing.
    cause
        What the failures were taken for.
    line
        The root line of the first of them.
    path, build
        The first one's log, and its 0-based number there.
    failures
        How many there are.
    """

    rule: str | None
    cause: str
    line: Line | None
    path: str | None
    build: int
    failures: int = 0


@dataclass(slots=True)
class Coverage:
    """What :func:`coverage` has counted.

    Parameters
    ----------
    builds, failures
        How many builds there are, and how many of them failed.
    spoken
        By the id of each rule that recognised anything.
    gaps
        By fingerprint, the most frequent first.
    """

    builds: int = 0
    failures: int = 0
    spoken: dict[str, Spoken] = field(default_factory=dict)
    gaps: dict[str, Gap] = field(default_factory=dict)


def coverage(builds: Iterable[Build], book: RuleBook) -> Coverage:
    """Count what the rules of `book` know of `builds`.

    Parameters
    ----------
    builds
        Any builds; each is read once, in order.
    book
        The rules.
    """
    roles = {rule.id: rule.role for rule in book.rules}
    counted = Coverage()
    for build in builds:
        counted.builds += 1
        lines = Counter(message.rule for message in messages(build, rules=book))
        if build.outcome is Outcome.FAILED:
            counted.failures += 1
            rule = _count_failure(counted, diagnose(build, rules=book), roles)
            if rule is not None:
                counted.spoken.setdefault(rule, Spoken()).root += 1
                # Neither the builder's words nor instructions are messages.
                lines[rule] = lines[rule] or 1
        for rule, number in lines.items():
            spoken = counted.spoken.setdefault(rule, Spoken())
            spoken.builds += 1
            spoken.lines += number
    counted.gaps = dict(sorted(counted.gaps.items(), key=lambda one: -one[1].failures))
    return counted


def _count_failure(counted: Coverage, diagnosis: Diagnosis, roles: dict[str, Role]) -> str | None:
    """Note a failure as a gap if it is one; returns the rule of its root line."""
    rule = diagnosis.candidates[0].rule if diagnosis.candidates else None
    known = rule is not None and roles.get(rule) in {Role.CAUSE, Role.WARNING}
    if diagnosis.cause == UNKNOWN or not known:
        key, build = diagnosis.fingerprint or "", diagnosis.build
        if key not in counted.gaps:
            cause, line = diagnosis.cause or UNKNOWN, diagnosis.root_line
            counted.gaps[key] = Gap(rule, cause, line, build.log.path, build.index)
        counted.gaps[key].failures += 1
    return rule
