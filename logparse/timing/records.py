"""What is kept of a build to estimate its steps: next to nothing of its log, so that there may be many."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from logparse.model import Build, Step, Timing
from logparse.timing.reported import reported_seconds

__all__ = ["METADATA", "Kind", "Record", "StepRecord", "image_of", "record_of"]

METADATA = frozenset({
    "ARG", "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD", "SHELL",
    "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
})  # fmt: skip
"""Instructions that run nothing and copy nothing."""


class Kind(StrEnum):
    """What kind of work a step is, as far as its cost goes."""

    RUN = "run"
    COPY = "copy"
    METADATA = "metadata"
    PULL = "pull"
    """A base image that was pulled."""
    BASE = "base"
    """A base image that was there."""
    CACHED = "cached"
    CONTAINER = "container"
    """What every command takes beside its own work: a container that begins and ends, and is kept."""
    OVERHEAD = "overhead"
    """What a build takes beside its steps: sending the context, starting and ending."""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What counts of a step.

    Parameters
    ----------
    kind, stage, text
        What kind of work it is, the stage it belongs to, and its instruction.
    cached
        Whether its result came from the cache.
    broke
        Whether it failed, or was still running when the log ended.
    timing
        What the log's own clock tells.
    reported
        Seconds that tools in it told of their own work: a lower bound.
    """

    kind: Kind
    stage: str
    text: str
    cached: bool
    broke: bool
    timing: Timing
    reported: float | None


@dataclass(frozen=True, slots=True)
class Record:
    """What counts of a build.

    Parameters
    ----------
    key
        The build's.
    image
        What it builds.
    started_at
        When it began.
    seconds
        How long it took, ``None`` if that is not known.
    reason
        Why it is not, or not to be trusted.
    steps
        Its steps.
    """

    key: str
    image: str
    started_at: datetime | None
    seconds: float | None
    reason: str | None
    steps: tuple[StepRecord, ...]


def image_of(build: Build) -> str:
    """What a build builds: ``owner/name``, else the repository of its first tag, else the log's folder."""
    log = build.log
    if log.owner and log.name:
        return f"{log.owner}/{log.name}"
    if build.tags:
        name = build.tags[0]
        return name[: name.rfind(":")] if ":" in name.rpartition("/")[2] else name
    return (log.path or "").rpartition("/")[0]


def record_of(build: Build, image: str) -> Record:
    """Keep what counts of a build of an image."""
    seconds, reason = _duration(build)
    pulled = {pull.step_number for pull in build.pulls}
    is_over = build.image_id is not None or build.contents.finished
    last = len(build.steps) - 1
    steps = tuple(
        _step(step, pulled=step.number in pulled, running=place == last and not is_over)
        for place, step in enumerate(build.steps)
    )
    if not steps and reason is None:
        seconds, reason = None, "the log holds no steps"
    told = sum(step.reported or 0.0 for step in steps)
    if seconds is not None and told > seconds:
        reason = "tools report more time than the build took"
    return Record(build.key, image, build.log.started_at, seconds, reason, steps)


def _step(step: Step, *, pulled: bool, running: bool) -> StepRecord:
    told = reported_seconds(step) if step.outputs and step.timing.seconds is None else None
    return StepRecord(
        _kind(step, pulled=pulled),
        step.stage_label or "",
        # Instructions repeat from build to build.
        sys.intern(step.text),
        step.cached,
        step.failed or step.canceled or running,
        step.timing,
        told,
    )


def _kind(step: Step, *, pulled: bool) -> Kind:
    if step.instruction == "FROM":
        return Kind.PULL if pulled else Kind.BASE
    if step.instruction in {"COPY", "ADD"}:
        return Kind.COPY
    return Kind.METADATA if step.instruction in METADATA else Kind.RUN


def _duration(build: Build) -> tuple[float | None, str | None]:
    """How long a build took, or why that is not known."""
    log = build.log
    if log.started_at is None or log.finished_at is None:
        return None, "the build's start and finish are not known"
    seconds = (log.finished_at - log.started_at).total_seconds()
    if seconds < 0:
        return None, "the build finished before it started"
    if seconds == 0:
        return None, "the build's start and finish are the same"
    return seconds, None
