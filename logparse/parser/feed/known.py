"""What a feed remembers of a log's builds, and tells of their steps."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

from logparse.model import Step

__all__ = ["Fed", "Known"]


class Fed(NamedTuple):
    """A step that has ended.

    Parameters
    ----------
    build
        0-based number of its build among those of the log.
    step
        The step. Its text is that of a window of the log, in which the middle of a long output may be
        missing; so are its spans.
    start, end
        Where it is in the whole log, in bytes; of a log in UTF-16, of its text in UTF-8.
    elided
        Bytes of its output that were let go.
    """

    build: int
    step: Step
    start: int
    end: int
    elided: int


@dataclass(slots=True, eq=False)
class Known:
    """What is remembered of a build that may go on.

    Parameters
    ----------
    index
        Its number among those of the log.
    whole
        Whether nothing of it was let go.
    told
        The steps that were told of.
    stages
        Numbers of its stages, where they are numbered as they appear, as far as they were told of.
    first
        Number, stage and stage's name of the first step that was carried over.
    target
        The name of the target that all steps have.
    elided
        Bytes of output that were let go, of steps that go on.
    names
        The most that was seen of names that a terminal cuts.
    """

    index: int
    whole: bool = True
    told: dict[Hashable, None] = field(default_factory=dict)
    stages: dict[tuple[str | None, ...], int] = field(default_factory=dict)
    first: tuple[int, int, str | None] | None = None
    target: str | None = None
    elided: dict[Hashable, int] = field(default_factory=dict)
    names: dict[Hashable, str] = field(default_factory=dict)
