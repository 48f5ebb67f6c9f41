"""An account of a diagnosis: how it was reached, which lines were considered, and why the others lost.

Nothing here decides anything. The account is drawn from what the decision was made of, so it cannot differ
from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from logparse.diagnosis.confidence import MEASURED, Tier
from logparse.diagnosis.diagnose import diagnosis_of
from logparse.diagnosis.lines import shown
from logparse.diagnosis.ranking import Found, Part, beaten
from logparse.diagnosis.root_line import Lookalike
from logparse.diagnosis.rules import Role, RuleBook, default_rules
from logparse.diagnosis.tolerated import forgiven
from logparse.diagnosis.verdict import Verdict, verdict_on
from logparse.model import Build, Diagnosis, Line, Outcome

__all__ = ["Considered", "Explanation", "explain"]

_KIND = frozenset({"role", "looks", "last"})
"""Parts of a score that say what a line is."""

_WAYS = {
    Tier.BUILDER: "a rule about the builder's closing words",
    Tier.EXIT: "a cause whose tool leaves with the step's exit code",
    Tier.NEAR: "a cause within a few lines of the end",
    Tier.FAR: "a cause farther up",
    Tier.CLASSED: "a line that no rule knows, before one that names the tool",
    Tier.SILENT: "the command and its exit code",
    Tier.SYMPTOM: "a symptom or a wrapper only",
    Tier.LOOKS: "a line that looks like an error",
    Tier.LAST: "the last line",
}


@dataclass(frozen=True, slots=True)
class Considered:
    """A line that may say why a build failed, as it was weighed.

    Parameters
    ----------
    line
        The line, made safe to show.
    rule, cause
        Ids of the rule that knows it and of the cause that this names; ``None`` if no rule knows it.
    role
        What the line is: ``cause``, ``symptom``, ``wrapper``, ``warning``, ``unknown`` for one that looks
        like an error and that no rule knows, ``last`` for the last line, ``builder`` for the builder's
        closing words.
    score
        The sum of the parts' points. Only scores of one build can be compared.
    parts
        What the score is made of, each with its points and the reason in plain words.
    count
        Lines near each other that the same rule knows; this one stands for them.
    chosen
        Whether it is the root line.
    why
        Why it was chosen, or why it was not, in one sentence.
    """

    line: Line
    rule: str | None
    cause: str | None
    role: str
    score: float
    parts: tuple[Part, ...]
    count: int
    chosen: bool
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a diagnosis was reached.

    Parameters
    ----------
    diagnosis
        The same that :func:`logparse.diagnose` gives.
    tier
        The way it was reached; ``None`` for a build that did not fail.
    turns
        That way, a sentence a turn.
    considered
        All lines that were weighed: the root line first, then the others, best first.
    """

    diagnosis: Diagnosis
    tier: Tier | None
    turns: tuple[str, ...]
    considered: tuple[Considered, ...] = ()


def explain(build: Build, *, rules: RuleBook | None = None) -> Explanation:
    """Diagnose a build and give an account of it.

    Parameters
    ----------
    build
        Any build.
    rules
        The rules to use, by default those that come with the package.
    """
    if build.outcome is not Outcome.FAILED:
        said = "nothing is explained, whatever its programs said"
        return Explanation(Diagnosis(build), None, (f"The outcome of the build is {build.outcome}: {said}.",))
    book = rules or default_rules()
    verdict = verdict_on(build, book)
    diagnosis = diagnosis_of(build, verdict, book)
    account = _Account(build, verdict, diagnosis)
    return Explanation(diagnosis, verdict.tier, account.turns(), tuple(account.considered()))


class _Account:
    def __init__(self, build: Build, verdict: Verdict, diagnosis: Diagnosis) -> None:
        self.build = build
        self.verdict = verdict
        self.diagnosis = diagnosis
        self.best = verdict.others[0] if verdict.others else None

    def turns(self) -> tuple[str, ...]:
        """The way to the verdict, from the builder's word on it to the confidence."""
        build, step, turns = self.build, self.diagnosis.step, []
        code = " without an exit code" if build.exit_code is None else f" with exit code {build.exit_code}"
        if step is not None:
            number = f"step {step.number}" if step.number is not None else "a step"
            turns.append(f"The build stopped at {number}, {step.instruction},{code}.")
        else:
            turns.append(f"The build stopped outside its steps{code}.")
        turns += self.verdict.turns
        if self.diagnosis.root_line is None:
            return (*turns, "There is no line to show.")
        right, total = MEASURED[self.verdict.tier]
        turns.append(
            f"Verdicts by {_WAYS[self.verdict.tier]} were right on {right} of {total} labelled failures."
        )
        return tuple(turns)

    def considered(self) -> Iterator[Considered]:
        """Every line that was weighed."""
        verdict, root = self.verdict, self.diagnosis.root_line
        if root is not None and (self.best is None or self.best.row is not verdict.row):
            role = "builder" if verdict.closing or verdict.tier is Tier.SILENT else "last"
            rule = verdict.rule.id if verdict.rule is not None else None
            why = f"Chosen by {_WAYS[verdict.tier]}."
            yield Considered(root, rule, verdict.cause, role, 0.0, (), 1, chosen=True, why=why)
        for found in verdict.others:
            yield self._weighed(found)
        if verdict.evidence is None:
            return
        tolerated = forgiven(self.build, self.diagnosis.step)
        for found in beaten(verdict.evidence, verdict.others, self.build.exit_code, tolerated):
            why = "Not chosen: another rule makes more of the same line."
            yield self._of(found, why, chosen=False)
        for one in verdict.evidence.lookalikes:
            if one.harmless is not None:
                yield self._waved(one)

    def _weighed(self, found: Found) -> Considered:
        chosen = found.row is self.verdict.row
        if chosen:
            why = "Chosen: it has the highest score."
            if any(part.name == "explains" for part in found.parts):
                why = "Chosen: it explains the line that had the highest score."
        elif self.best is not None and self.best.row is self.verdict.row:
            why = _lost(found, self.best)
        else:
            why = f"Not chosen: the verdict is by {_WAYS[self.verdict.tier]}."
        return self._of(found, why, chosen=chosen)

    def _of(self, found: Found, why: str, *, chosen: bool) -> Considered:
        rule = found.rule
        return Considered(
            shown(self.build.transcript, found.row),
            rule.id if rule is not None else None,
            rule.cause if rule is not None else None,
            _role(found),
            round(found.score, 1),
            found.parts,
            found.size,
            chosen,
            why,
        )

    def _waved(self, one: Lookalike) -> Considered:
        rule = one.harmless
        why = "Not chosen: builds go on behind such a line."
        return Considered(
            shown(self.build.transcript, one.row),
            rule.id if rule is not None else None,
            None,
            Role.WARNING.value,
            0.0,
            (),
            1,
            chosen=False,
            why=why,
        )


_LESS = {
    Role.SYMPTOM.value: "it says only that something went wrong before",
    Role.WRAPPER.value: "it says only that another tool failed",
    Role.WARNING.value: "builds go on behind such a line",
    "unknown": "no rule knows it",
    "last": "it is only the last line",
}
"""What is less than a cause, by role."""


def _lost(found: Found, best: Found) -> str:
    """Why a candidate has fewer points than the best one: the part in which it is most behind."""
    gap = best.score - found.score
    if gap <= 0 and any(part.name == "explains" for part in best.parts):
        return "Not chosen: it has the highest score, and an earlier line explains it."
    mine, theirs = _by_name(found), _by_name(best)
    behind = {name: _points(theirs, name) - _points(mine, name) for name in (*mine, *theirs)}
    worst = max(behind, key=lambda name: behind[name])
    if gap <= 0:
        return "Not chosen: it has as many points, and the root line stands nearer to the end or comes first."
    if worst == "rule":
        words = "its rule tells less"
    elif worst == "kind" or worst not in mine:
        words = _LESS.get(_role(found), "")
    else:
        words = mine[worst].words
    words = words or f"of the other line it holds that {theirs[worst].words}"
    return f"Not chosen: {gap:.1f} points behind, most of all because {words}."


def _role(found: Found) -> str:
    if found.role is not None:
        return found.role.value
    return "last" if found.parts[0].name == "last" else "unknown"


def _by_name(found: Found) -> Mapping[str, Part]:
    return {"kind" if part.name in _KIND else part.name: part for part in found.parts}


def _points(parts: Mapping[str, Part], name: str) -> float:
    return parts[name].points if name in parts else 0.0
