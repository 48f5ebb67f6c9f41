"""The screens of ``logparse diagnose``: which command failed, why, whose side that is, and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from logparse.cli.account import EVIDENCE, show_account
from logparse.cli.console import Format, console, note, safe, write_json
from logparse.cli.marked import marked_lines, marked_text
from logparse.cli.root import root_line
from logparse.cli.screens import OUTCOME_COLOURS, build_name, headline, shown, step_name, step_place
from logparse.diagnosis import Explanation
from logparse.diagnosis.command import shown_command
from logparse.diagnosis.rules import UNKNOWN
from logparse.dockerfile import Dockerfile, Found, find_failure, locate
from logparse.model import Diagnosis, Evidence, FailedCommand, Outcome, Step
from logparse.report import diagnosis_row, explanation_row
from logparse.secrets import mask

__all__ = ["Absent", "show_diagnoses", "write_diagnoses"]

_SIDE = {
    "dockerfile": "the Dockerfile",
    "code": "the code that is built",
    "dependency": "a dependency",
    "network": "the network",
    "registry": "the registry",
    "auth": "the credentials",
    "infra": "the machine that builds",
}
_RETRY = {
    "yes": "building again may help",
    "no": "building again does not help",
    "maybe": "building again helps sometimes",
}
_READ_ON = "Read the log about that line. --explain shows what was weighed; logparse rules new drafts a rule."
_LABELS = 10
"""Columns of the names of facts."""
_BETWEEN = 2
_LIKELY, _SURE, _SUREST = 0.5, 0.8, 0.99
_OTHERS = 2
_OTHER_SHOWN = 100
_ABSENT_SHOWN = 60


def show_diagnoses(
    diagnoses: Iterable[Diagnosis | Explanation],
    *,
    full: bool = False,
    limit: int | None = None,
    dockerfile: Dockerfile | None = None,
) -> bool:
    """Print what failed and why; returns whether anything did.

    Parameters
    ----------
    diagnoses
        Printed as they come; of an explanation the account, too.
    full
        Whether each failure has a screen of its own. A log with one build has one anyway.
    limit
        The most failures to print; the others are counted.
    dockerfile
        The Dockerfile that was built, if it is at hand.
    """
    outcomes: Counter[Outcome] = Counter()
    first: Diagnosis | Explanation | None = None
    for one in diagnoses:
        outcomes[_diagnosis(one).outcome] += 1
        if outcomes.total() == 1:
            # Only the second one tells whether the first is alone.
            first = one
            continue
        if first is not None:
            _show_among_others(first, dockerfile, full=full)
            first = None
        if limit is None or outcomes[Outcome.FAILED] <= limit:
            _show_among_others(one, dockerfile, full=full)
    if first is not None:
        _show_alone(first, dockerfile)
        return _diagnosis(first).outcome is Outcome.FAILED
    if limit is not None and outcomes[Outcome.FAILED] > limit:
        console.print(f"... and {outcomes[Outcome.FAILED] - limit} more", style="dim")
    words = ", ".join(f"{count} {outcome.value}" for outcome, count in outcomes.most_common())
    console.print(f"{outcomes.total()} builds: {words}")
    return outcomes[Outcome.FAILED] > 0


def write_diagnoses(
    diagnoses: Iterable[Diagnosis | Explanation], form: Format, *, dockerfile: Dockerfile | None = None
) -> bool:
    """Print diagnoses as JSON; returns whether anything failed.

    Parameters
    ----------
    diagnoses
        Of an explanation the account is written, too.
    form
        One list, or one object a line.
    dockerfile
        The Dockerfile that was built, if it is at hand.
    """
    failed = False

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal failed
        for one in diagnoses:
            diagnosis = _diagnosis(one)
            failed = failed or diagnosis.outcome is Outcome.FAILED
            account = {"explanation": explanation_row(one)} if isinstance(one, Explanation) else {}
            yield {**diagnosis_row(diagnosis, dockerfile=dockerfile), **account}

    write_json(rows(), form)
    return failed


class Absent:
    """The failed steps that a Dockerfile does not have.

    Parameters
    ----------
    dockerfile
        The Dockerfile; without one nothing is counted.
    """

    def __init__(self, dockerfile: Dockerfile | None) -> None:
        self.dockerfile = dockerfile
        self.steps = 0
        self.absent: list[Step] = []

    def counted(self, one: Diagnosis | Explanation) -> Diagnosis | Explanation:
        """Give back a diagnosis, its step counted."""
        step = _diagnosis(one).step
        if self.dockerfile is not None and step is not None:
            self.steps += 1
            if locate(step, None, self.dockerfile) is None:
                self.absent.append(step)
        return one

    def tell(self) -> None:
        """Say on standard error what was not found, in one sentence."""
        if self.dockerfile is None or not self.absent:
            return
        path = self.dockerfile.path
        what, them = f"{len(self.absent)} of the {self.steps} instructions that failed", "them"
        if self.steps == 1:
            text = shown(" ".join(self.absent[0].text.split()), _ABSENT_SHOWN)
            what, them = f"the instruction that failed, {text}", "it"
        note(
            f"{path} does not have {what}, or has {them} more than once; give the Dockerfile that was built."
        )


def _diagnosis(one: Diagnosis | Explanation) -> Diagnosis:
    return one.diagnosis if isinstance(one, Explanation) else one


def _show_alone(one: Diagnosis | Explanation, dockerfile: Dockerfile | None) -> None:
    diagnosis = _diagnosis(one)
    console.print(headline(diagnosis.build), soft_wrap=True)
    if diagnosis.outcome is Outcome.FAILED:
        console.print(_facts(diagnosis, find_failure(diagnosis, dockerfile)))
    if isinstance(one, Explanation):
        console.print()
        show_account(one)
    if diagnosis.outcome is Outcome.FAILED:
        console.print()


def _show_among_others(one: Diagnosis | Explanation, dockerfile: Dockerfile | None, *, full: bool) -> None:
    diagnosis = _diagnosis(one)
    if diagnosis.outcome in {Outcome.INCOMPLETE, Outcome.CANCELED}:
        console.print(headline(diagnosis.build), soft_wrap=True)
    if diagnosis.outcome is not Outcome.FAILED:
        return
    if full or isinstance(one, Explanation):
        _show_alone(one, dockerfile)
        return
    build, step, line = diagnosis.build, diagnosis.step, diagnosis.root_line
    name = safe(build_name(build), "bold")
    if build.log.build_id:
        name.append_text(safe(f" {build.log.build_id}"))
    console.print(name, soft_wrap=True)
    facts = Text("  failed", OUTCOME_COLOURS[Outcome.FAILED])
    facts.append("" if step is None else f" at step {step_name(step)}", "default")
    facts.append("" if diagnosis.exit_code is None else f", exit {diagnosis.exit_code}", "default")
    facts.append_text(safe(f": {diagnosis.cause}", "cyan"))
    facts.append_text(safe(_briefly(diagnosis), "default"))
    console.print(facts, no_wrap=True, overflow="ellipsis")
    if line is not None:
        text = safe(f"  {line.number}: {mask(line.text).strip()}", "dim")
        console.print(text, no_wrap=True, overflow="ellipsis")


def _briefly(diagnosis: Diagnosis) -> str:
    """The failing command in a few words."""
    if diagnosis.command is None or diagnosis.step is None:
        return ""
    command = shown_command(diagnosis.command, diagnosis.step)
    surely = "perhaps in" if command.evidence is Evidence.ORDER else "in"
    return f" {surely} `{' '.join(command.text.split())}`"


def _facts(diagnosis: Diagnosis, found: Found | None) -> Table:
    """All that is known of a failure, a row a fact."""
    facts = Table.grid(padding=(0, _BETWEEN))
    facts.add_column(style="dim", no_wrap=True, min_width=_LABELS)
    facts.add_column(overflow="fold")
    for label, text in _rows(diagnosis, found):
        facts.add_row(label, text)
    return facts


def _rows(diagnosis: Diagnosis, found: Found | None) -> Iterator[tuple[str, Text | Table]]:
    yield from _what_failed(diagnosis, found)
    if diagnosis.root_line is not None:
        yield "Line", root_line(diagnosis)
    if diagnosis.cause is not None:
        words = f"{diagnosis.cause}" + (f": {diagnosis.title}" if diagnosis.title else "")
        yield "Cause", safe(words, "bold")
        if diagnosis.owner is not None:
            side = _SIDE.get(diagnosis.owner, diagnosis.owner)
            yield "Side", safe(f"{side}; {_RETRY[diagnosis.retry]}" if diagnosis.retry else side)
        if diagnosis.remedy:
            yield "Do", safe(mask(diagnosis.remedy))
        elif diagnosis.cause == UNKNOWN:
            yield "Do", Text(_READ_ON)
        yield "Confidence", Text(_confidence(diagnosis))
    if diagnosis.confidence < _SURE:
        for other in diagnosis.candidates[1 : 1 + _OTHERS]:
            yield "Or", safe(f"{other.line.number}: {shown(other.line.text)} ({other.cause or 'unknown'})")


def _what_failed(diagnosis: Diagnosis, found: Found | None) -> Iterator[tuple[str, Text]]:
    """The step, where it stands, and the command in it."""
    step, command = diagnosis.step, diagnosis.command
    width = console.width - _LABELS - _BETWEEN
    if step is not None:
        several = step.target or step.platform
        stage = f" of {'' if several else 'stage '}{step_place(step)}" if step_place(step) else ""
        text = "" if command is not None else f": {shown(step.text)}"
        yield "Step", safe(f"{step_name(step)}{stage}{text}")
    if found is not None:
        yield "Where", safe(_where(found))
    if step is not None and command is not None:
        command = shown_command(command, step)
        yield "Command", Text("\n").join(_command(step, command, found, width))
    elif step is None and found is not None and found.dockerfile is not None:
        yield "", marked_lines(found.dockerfile, found, width)
    if diagnosis.exit_code is not None:
        meaning = f": {command.meaning}" if command is not None and command.meaning else ""
        yield "Exit code", Text(f"{diagnosis.exit_code}{meaning}")


def _where(found: Found) -> str:
    """A place as editors open it, ``Dockerfile:12:5``, or in words where the file has no name."""
    place = found.place
    if place.file is None:
        if place.line == place.end_line:
            return f"line {place.line} of the Dockerfile"
        return f"lines {place.line} to {place.end_line} of the Dockerfile"
    column = f":{place.column}" if found.command is not None and place.column is not None else ""
    return f"{mask(place.file)}:{place.line}{column}"


def _command(step: Step, command: FailedCommand, found: Found | None, width: int) -> Iterator[Text]:
    """The instruction with its failing command marked, and what tells that it was this one."""
    if found is not None and found.command is not None and found.dockerfile is not None:
        yield marked_lines(found.dockerfile, found, width)
    elif command.start is not None:
        yield marked_text(mask(step.text), command.start, command.end, width)
    else:
        yield marked_text(command.text, 0, len(command.text), width)
        yield safe(f"in {shown(step.text)}")
    if command.evidence is Evidence.ORDER:
        others = "; ".join(shown(" ".join(one.split()), _OTHER_SHOWN) for one in command.others[:_OTHERS])
        more = len(command.others) - _OTHERS
        others += f"; or {more} more" if more > 0 else ""
        yield safe(f"A guess: nothing but its place speaks for it. Or: {others}", "yellow")
    elif command.count > 1:
        yield safe(f"command {command.index + 1} of {command.count}: {EVIDENCE[command.evidence]}", "dim")


def _confidence(diagnosis: Diagnosis) -> str:
    text = f"{_share(diagnosis.confidence)} for line and cause"
    if diagnosis.confidence < _LIKELY:
        text += " (a guess)"
    if diagnosis.command is None or diagnosis.command.count == 1:
        return text
    return f"{text}, {_share(diagnosis.command.confidence)} for the command"


def _share(confidence: float) -> str:
    """A confidence in hundredths; nothing is ever told as certain."""
    return f"{min(confidence, _SUREST):.2f}"
