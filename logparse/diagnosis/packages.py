"""Which package brings what a build lacks: the distribution's own name, and the command that installs it.

A header is in ``python3-dev`` on Debian, in ``python3-devel`` on Fedora. ``packages.toml`` knows such names
by package manager. Which one a build has is told by the commands of the failing step, by those of the steps
before it in its stage, and by the name of the base image. Where none of them tells, nothing is said.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from logparse.diagnosis.rule import Cause
from logparse.model import Build, Step, base_image

__all__ = ["advice", "installs", "manager_of"]

_KINDS = ("header", "library", "module", "command", "package")
"""Subjects that are looked up, the most telling first."""
_HOLE = "{install}"
_STAGES = 16
"""Stages that may be made of each other."""

_COMMAND = re.compile(r"[\w.-]{1,64}")
_WORD = re.compile(r"[a-z]{1,64}")
_SHARED = re.compile(r"(?:[^/\s]{0,256}/){0,32}(lib[^/\s]{1,128}?\.so)(?:\.\d{1,9}){0,4}\Z")
_INCLUDED = re.compile(r".{0,512}/include/")


@cache
def _tables() -> dict[str, dict[str, Any]]:
    text = (files("logparse.diagnosis") / "packages.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def advice(cause: Cause, subject: Mapping[str, str], build: Build, step: Step | None) -> str | None:
    """A cause's remedy for one failure, as :meth:`Cause.advice` gives it, with the packages to install.

    Parameters
    ----------
    cause
        Its remedy may have ``{install}``: a command that installs what `subject` names.
    subject
        What the failure names.
    build, step
        The build, and the step that failed.
    """
    if cause.remedy is None or _HOLE not in cause.remedy:
        return cause.advice(subject)
    return cause.advice({**subject, **installs(subject, manager_of(build, step))})


def installs(subject: Mapping[str, str], manager: str | None) -> dict[str, str]:
    """``install``, if it is known what brings the thing that `subject` names.

    Parameters
    ----------
    subject
        What a line names.
    manager
        ``apt``, ``apk``, ``dnf`` or ``yum``; ``None`` if it is not known, and nothing can be said.

    >>> installs({"header": "Python.h"}, "apk")
    {'install': 'apk add --no-cache python3-dev'}
    """
    managers: dict[str, Any] = _tables()["manager"]
    if manager not in managers:
        return {}
    names = next(filter(None, (_named(kind, subject.get(kind, "")) for kind in _KINDS)), {})
    package = names.get(managers[manager].get("like", manager))
    return {} if package is None else {"install": managers[manager]["install"].format(names=package)}


def _named(kind: str, thing: str) -> dict[str, str]:
    """The packages that bring `thing`, by manager."""
    known: dict[str, dict[str, str]] = _tables()[kind]
    if kind == "library":
        thing = _SHARED.sub(r"\1", thing)
    elif kind == "header":
        thing = _INCLUDED.sub("", thing)
    elif kind == "command":
        thing = thing.rpartition("/")[2]
    if not thing or thing in known:
        return known.get(thing, {})
    beginnings = [key for key in known if key.endswith("*") and thing.startswith(key[:-1])]
    return known[max(beginnings, key=len)] if beginnings else {}


def manager_of(build: Build, step: Step | None) -> str | None:
    """The package manager of the image that `step` of `build` is made in, ``None`` if nothing tells.

    Parameters
    ----------
    build, step
        A build and one of its steps; ``None`` for its last.
    """
    managers: dict[str, Any] = _tables()["manager"]
    for earlier in _before(build, step):
        if earlier.instruction == "FROM":
            words = set(_WORD.findall(base_image(earlier.arguments).lower()))
            found = [name for name in managers if words & {*managers[name]["images"]}]
        else:
            commands = set(_COMMAND.findall(earlier.arguments))
            found = [name for name in managers if commands & {*managers[name]["commands"]}]
        if found:
            return found[0]
    return None


def _before(build: Build, step: Step | None) -> Iterator[Step]:
    """`step` and what its image is made of, the latest step first, through the stages it begins from."""
    stages = {stage.number: stage for stage in build.stages}
    numbers = {stage.name: stage.number for stage in build.stages if stage.name}
    if step is None:
        step = build.steps[-1] if build.steps else None
    stage = stages.get(step.stage) if step is not None else None
    if stage is None or step is None:
        return
    place = next((index for index, one in enumerate(stage.steps) if one is step), len(stage.steps))
    steps = stage.steps[: place + 1]
    for _ in range(_STAGES):
        yield from reversed(steps)
        number = numbers.get(stage.base or "")
        if number is None or number >= stage.number:
            return
        stage = stages[number]
        steps = stage.steps
