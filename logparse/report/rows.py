"""Builds as plain objects for JSON: the interface that scripts rely on.

Field names and types are stable; fields may be added.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from logparse.diagnosis import Explanation
from logparse.diagnosis.command import shown_command
from logparse.dockerfile import Dockerfile, Found, Place, find_failure
from logparse.model import Build, Diagnosis, Evidence, Line, Step, Timing
from logparse.report.elements import shown_elements
from logparse.secrets import mask

__all__ = ["diagnosis_row", "element_rows", "explanation_row", "pull_rows", "step_row", "step_rows"]


def diagnosis_row(diagnosis: Diagnosis, *, dockerfile: Dockerfile | None = None) -> dict[str, Any]:
    """Give a diagnosis as one object, secrets masked.

    Parameters
    ----------
    diagnosis
        Any diagnosis.
    dockerfile
        The Dockerfile that was built, for the places in it. Without one the log itself may tell them.

    Returns
    -------
    dict
        ``path``, ``build`` (0-based number in its log), ``build_id``, ``at_once`` (whether builds wrote into
        the log at once, so that which lines are this one's is a guess), ``owner``, ``name``, ``commit``,
        ``builder``, ``outcome``, ``cut_line`` (where the log was cut, counted from 1 by line feeds; ``None``
        if the build came to its end in it), ``step`` (``number``, ``total``, ``stage``, ``instruction``,
        ``text``; or ``None``), ``place``, ``command``, ``exit_code``, ``cause``, ``title``, ``role_owner``,
        ``retry``, ``confidence`` (0 to 1), ``root_line`` (``number``, counted from 1 by line feeds, and
        ``text``; or ``None``), ``candidates`` (the same with ``cause`` and ``confidence``), ``subject``,
        ``fingerprint``, ``remedy``.

        ``place`` is where the failing instruction stands in its Dockerfile: ``file`` (as it was given, or as
        the log calls it), ``line``, ``column``, ``end_line``, ``end_column`` (all counted from 1, columns in
        characters, the last one behind the end; columns are ``None`` where only lines are known) and
        ``source``: ``given`` if it is from a Dockerfile that was given, ``log`` if the log tells it. It is
        ``None`` if nothing tells.

        ``command`` is the command of a ``RUN`` that failed, or ``None``: ``text``; ``start`` and ``end``
        (where it is in the step's ``text``, in characters; ``None`` where it is not in there, as with a
        here-document); ``index`` and ``count`` (0-based place among the step's commands, and how many these
        are); ``tool`` (the program that does the work); ``evidence`` (what tells that it was this one, an
        :class:`~logparse.model.Evidence`); ``guess`` (whether nothing but its place does); ``confidence`` (0
        to 1); ``meaning`` (what the exit code says of this program, where its manual tells); ``others`` (the
        other commands that can have ended the step); ``place`` (the same of the command; ``None`` where only
        the instruction's is known).
    """
    build, found = diagnosis.build, find_failure(diagnosis, dockerfile)
    return {
        **_identity(build),
        "owner": build.log.owner,
        "name": build.log.name,
        "commit": build.log.commit,
        "builder": build.builder.value,
        "outcome": build.outcome.value,
        "cut_line": build.cut_line,
        "step": _step(diagnosis.step),
        "place": None if found is None else _place(found.instruction, found),
        "command": _command(diagnosis, found),
        "exit_code": diagnosis.exit_code,
        "cause": diagnosis.cause,
        "title": diagnosis.title,
        "role_owner": diagnosis.owner,
        "retry": diagnosis.retry,
        "confidence": diagnosis.confidence,
        "root_line": _line(diagnosis.root_line),
        "candidates": [
            {"cause": one.cause, **(_line(one.line) or {}), "confidence": one.confidence}
            for one in diagnosis.candidates
        ],
        "subject": {key: mask(value) for key, value in diagnosis.subject.items()},
        "fingerprint": diagnosis.fingerprint,
        "remedy": None if diagnosis.remedy is None else mask(diagnosis.remedy),
    }


def explanation_row(explanation: Explanation) -> dict[str, Any]:
    """Give the account of a diagnosis as one object, secrets masked.

    Returns
    -------
    dict
        ``tier`` (the way to the verdict, by which its confidence was measured; ``None`` for a build that did
        not fail), ``turns`` (that way, a sentence a turn) and ``considered``: all lines that were weighed,
        the root line first, then the others, best first. Of each ``number`` and ``text`` of the line,
        ``rule`` and ``cause`` (ids), ``role``, ``score``, ``parts`` of that (``name``, ``points``,
        ``words``), ``count`` (lines near each other that it stands for), ``chosen``, ``why``. See
        :class:`logparse.diagnosis.Considered`.
    """
    return {
        "tier": None if explanation.tier is None else explanation.tier.value,
        "turns": [mask(turn) for turn in explanation.turns],
        "considered": [
            {
                **(_line(one.line) or {}),
                "rule": one.rule,
                "cause": one.cause,
                "role": one.role,
                "score": one.score,
                "parts": [
                    {"name": part.name, "points": round(part.points, 1), "words": mask(part.words)}
                    for part in one.parts
                ],
                "count": one.count,
                "chosen": one.chosen,
                "why": mask(one.why),
            }
            for one in explanation.considered
        ],
    }


def step_rows(build: Build) -> Iterator[dict[str, Any]]:
    """Give each step of a build as one object, secrets masked.

    Yields
    ------
    dict
        ``path``, ``build``, ``build_id``, ``at_once``, ``target``, ``stage``, ``platform``, ``number``,
        ``total``, ``instruction``, ``text``, ``state`` (``done``, ``cached``, ``failed``, ``canceled``;
        ``incomplete`` if the log does not have its end), ``cut_line`` (where the log was cut, counted from 1
        by line feeds, if that is why), ``cached``, ``canceled``, ``failed``, ``exit_code``, ``started``
        (seconds from the build's start), ``seconds``, ``low``, ``high``, ``source``, ``group``, ``lines``
        (first and last line of the Dockerfile). What is not known is ``None``.
    """
    for step in build.steps:
        yield {**_identity(build), **step_row(step, build.cut_line)}


def step_row(step: Step, cut_line: int | None = None) -> dict[str, Any]:
    """Give one step as :func:`step_rows` does, without what tells its build.

    Parameters
    ----------
    step
        Any step.
    cut_line
        Where its log was cut, if it was.
    """
    return {
        "target": None if step.target is None else mask(step.target),
        "stage": _stage(step),
        "platform": step.platform,
        "number": step.number,
        "total": step.total,
        "instruction": step.instruction,
        "text": mask(step.text),
        "state": step.state,
        "cut_line": cut_line if step.incomplete else None,
        "cached": step.cached,
        "canceled": step.canceled,
        "failed": step.failed,
        "exit_code": step.exit_code,
        **_timing(step.timing),
        "lines": step.lines,
    }


def pull_rows(build: Build) -> Iterator[dict[str, Any]]:
    """Give each pulled image of a build as one object, secrets masked.

    Yields
    ------
    dict
        ``path``, ``build``, ``build_id``, ``at_once``, ``step_number``, ``reference`` (the image as a
        Dockerfile names it, whichever builder pulled it), ``printed`` (as the builder names it), ``digest``,
        ``status``, ``bytes`` (of all layers, as far as printed), ``layers`` (``layer_id``, ``bytes``,
        ``already_present``, ``state``, ``seconds``), and the timing as in :func:`step_rows`. What is not
        known is ``None``.
    """
    for pull in build.pulls:
        sizes = [layer.bytes for layer in pull.layers if layer.bytes is not None]
        yield {
            **_identity(build),
            "step_number": pull.step_number,
            "reference": mask(pull.reference),
            "printed": mask(pull.printed),
            "digest": None if pull.digest is None else mask(pull.digest),
            "status": None if pull.status is None else mask(pull.status),
            "bytes": sum(sizes) if sizes else None,
            "layers": [{**layer._asdict(), "state": mask(layer.state)} for layer in pull.layers],
            **_timing(pull.timing),
        }


def element_rows(build: Build, *, longest: int = 200) -> Iterator[dict[str, Any]]:
    """Give each element of a build's log as one object: what the parser took which bytes for.

    Parameters
    ----------
    build
        Any build.
    longest
        Characters of an element's first line that are shown.

    Yields
    ------
    dict
        ``path``, ``build``, ``build_id``, ``at_once``, ``kind`` (a :class:`~logparse.model.Kind` in lower
        case), ``start`` and ``end`` (bytes of the log), ``first_line`` and ``last_line`` (counted from 1 by
        line feeds) and ``text``: its first line that is not blank, without control sequences, secrets masked.
    """
    for element in shown_elements(build):
        text = next((text for text in element.texts(4) if text.strip()), "")
        yield {
            **_identity(build),
            "kind": element.kind.name.lower(),
            "start": element.start,
            "end": element.end,
            "first_line": element.first_line,
            "last_line": element.last_line,
            "text": text[:longest],
        }


def _timing(timing: Timing) -> dict[str, Any]:
    return {
        **{name: _rounded(getattr(timing, name)) for name in ("started", "seconds", "low", "high")},
        "source": timing.source.value,
        "group": timing.group,
    }


def _rounded(seconds: float | None) -> float | None:
    """Seconds to the microsecond, which no builder's clock can tell better."""
    return None if seconds is None else round(seconds, 6)


def _identity(build: Build) -> dict[str, Any]:
    return {
        "path": build.log.path,
        "build": build.index,
        "build_id": build.log.build_id,
        "at_once": build.at_once,
    }


def _step(step: Step | None) -> dict[str, Any] | None:
    if step is None:
        return None
    return {
        "number": step.number,
        "total": step.total,
        "stage": _stage(step),
        "instruction": step.instruction,
        "text": mask(step.text),
    }


def _command(diagnosis: Diagnosis, found: Found | None) -> dict[str, Any] | None:
    if diagnosis.command is None or diagnosis.step is None:
        return None
    command = shown_command(diagnosis.command, diagnosis.step)
    return {
        "text": command.text,
        "start": command.start,
        "end": command.end,
        "index": command.index,
        "count": command.count,
        "tool": command.tool,
        "evidence": command.evidence.value,
        "guess": command.evidence is Evidence.ORDER,
        "confidence": command.confidence,
        "meaning": command.meaning,
        "others": list(command.others),
        "place": None if found is None or found.command is None else _place(found.command, found),
    }


def _place(place: Place, found: Found) -> dict[str, Any]:
    file = None if place.file is None else mask(place.file)
    return {**place._asdict(), "file": file, "source": "log" if found.in_log else "given"}


def _stage(step: Step) -> str | None:
    return None if step.stage_label is None else mask(step.stage_label)


def _line(line: Line | None) -> dict[str, Any] | None:
    return None if line is None else {"number": line.number, "text": mask(line.text)}
