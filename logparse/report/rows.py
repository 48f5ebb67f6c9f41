"""Builds as plain objects for JSON: the interface that scripts rely on.

Field names and types are stable; fields may be added.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from logparse.model import Build, Diagnosis, Line, Step, Timing
from logparse.report.elements import shown_elements
from logparse.secrets import mask

__all__ = ["diagnosis_row", "element_rows", "pull_rows", "step_row", "step_rows"]


def diagnosis_row(diagnosis: Diagnosis) -> dict[str, Any]:
    """Give a diagnosis as one object, secrets masked.

    Returns
    -------
    dict
        ``path``, ``build`` (0-based number in its log), ``build_id``, ``at_once`` (whether builds wrote into
        the log at once, so that which lines are this one's is a guess), ``owner``, ``name``, ``commit``,
        ``builder``, ``outcome``, ``cut_line`` (where the log was cut, counted from 1 by line feeds; ``None``
        if the build came to its end in it), ``step`` (``number``, ``total``, ``stage``, ``instruction``,
        ``text``; or ``None``), ``exit_code``, ``cause``, ``title``, ``role_owner``, ``retry``,
        ``confidence`` (0 to 1), ``root_line`` (``number``, counted from 1 by line feeds, and ``text``; or
        ``None``), ``candidates`` (the same with ``cause`` and ``confidence``), ``subject``, ``fingerprint``,
        ``remedy``.
    """
    build = diagnosis.build
    return {
        **_identity(build),
        "owner": build.log.owner,
        "name": build.log.name,
        "commit": build.log.commit,
        "builder": build.builder.value,
        "outcome": build.outcome.value,
        "cut_line": build.cut_line,
        "step": _step(diagnosis.step),
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


def _stage(step: Step) -> str | None:
    return None if step.stage_label is None else mask(step.stage_label)


def _line(line: Line | None) -> dict[str, Any] | None:
    return None if line is None else {"number": line.number, "text": mask(line.text)}
