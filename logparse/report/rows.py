"""Builds as plain objects for JSON: the interface that scripts rely on.

Field names and types are stable; fields may be added.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from logparse.model import Build, Diagnosis, Line, Step
from logparse.secrets import mask

__all__ = ["diagnosis_row", "step_rows"]


def diagnosis_row(diagnosis: Diagnosis) -> dict[str, Any]:
    """Give a diagnosis as one object, secrets masked.

    Returns
    -------
    dict
        ``path``, ``build`` (0-based number in its log), ``build_id``, ``owner``, ``name``, ``commit``,
        ``builder``, ``outcome``, ``step`` (``number``, ``total``, ``stage``, ``instruction``, ``text``; or
        ``None``), ``exit_code``, ``cause``, ``title``, ``role_owner``, ``retry``, ``confidence`` (0 to 1),
        ``root_line`` (``number``, counted from 1 by line feeds, and ``text``; or ``None``), ``candidates``
        (the same with ``cause`` and ``confidence``), ``subject``, ``fingerprint``, ``remedy``.
    """
    build = diagnosis.build
    return {
        **_identity(build),
        "owner": build.log.owner,
        "name": build.log.name,
        "commit": build.log.commit,
        "builder": build.builder.value,
        "outcome": build.outcome.value,
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
        ``path``, ``build``, ``build_id``, ``stage``, ``platform``, ``number``, ``total``, ``instruction``,
        ``text``, ``cached``, ``exit_code``, ``started`` (seconds from the build's start), ``seconds``,
        ``low``, ``high``, ``source``, ``group``. What is not known is ``None``.
    """
    for step in build.steps:
        timing = step.timing
        yield {
            **_identity(build),
            "stage": _stage(step),
            "platform": step.platform,
            "number": step.number,
            "total": step.total,
            "instruction": step.instruction,
            "text": mask(step.text),
            "cached": step.cached,
            "exit_code": step.exit_code,
            "started": timing.started,
            "seconds": timing.seconds,
            "low": timing.low,
            "high": timing.high,
            "source": timing.source.value,
            "group": timing.group,
        }


def _identity(build: Build) -> dict[str, Any]:
    return {"path": build.log.path, "build": build.index, "build_id": build.log.build_id}


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
