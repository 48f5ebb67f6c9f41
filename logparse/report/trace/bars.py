"""The words of a time line: bars, and what has no length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from logparse.model import TimingSource

__all__ = ["Bar", "Timeline", "Untimed"]


@dataclass(slots=True)
class Bar:
    """Something that took its time.

    Parameters
    ----------
    path
        Its place in the build, such as ``step/3``: the same whatever times are known.
    name
        Its first words, safe to show, with a ``~`` before them if the seconds are estimated.
    track
        What it belongs to: a stage, ``BuildKit``, ``pulls`` or ``layers``.
    start, seconds
        From the build's start. A bar of unknown length, of which only the start is known, has ``None``.
    source
        Where the seconds come from.
    about
        What else is known, as plain values, with secrets masked; nothing that is ``None``. ``kind`` is
        ``"step"``, ``"work"`` (BuildKit's beside the steps), ``"pull"`` or ``"layer"``.
    laid_out
        Whether the start is not told by the log, but follows from what came before it.
    failure
        Why it failed; ``None`` if it did not.
    parts
        Bars that belong to this one.
    """

    path: str
    name: str
    track: str
    start: float
    seconds: float | None
    source: TimingSource
    about: dict[str, Any]
    laid_out: bool = False
    failure: str | None = None
    parts: list[Bar] = field(default_factory=list)

    @property
    def is_estimated(self) -> bool:
        """Whether its seconds were inferred from those of other builds."""
        return self.source is TimingSource.ESTIMATED

    @property
    def end(self) -> float:
        """Seconds from the build's start at which it ended, as far as known."""
        return self.start + (self.seconds or 0.0)

    def all(self) -> Iterator[Bar]:
        """The bar, and all its parts."""
        yield self
        for part in self.parts:
            yield from part.all()


@dataclass(slots=True, frozen=True)
class Untimed:
    """A part of a build that has no length on the time line.

    Parameters
    ----------
    number
        ``3/5`` if it is a step.
    name
        Its first words.
    reason
        Why it has none.
    """

    number: str | None
    name: str
    reason: str


@dataclass(slots=True)
class Timeline:
    """What one build did when.

    Parameters
    ----------
    key
        The build's.
    image
        What it builds: its algorithm, else the repository of its first tag; ``None`` if neither is known.
    name
        What to call the build.
    began
        Nanoseconds since 1970 at its start, ``None`` if nothing tells.
    clock
        Who tells that: ``"api"`` or ``"log"``.
    seconds
        How long it took: as the API says, else up to the last end of a bar; ``None`` without either.
    source
        Where they come from: ``"api"``, or that of the bars.
    bars
        Its steps and other work.
    untimed
        Parts of unknown length.
    about
        What else is known of it, as of a bar.
    failure
        Why it failed: the line that says so best; ``None`` if it did not.
    """

    key: str
    image: str | None
    name: str
    began: int | None
    clock: str | None
    seconds: float | None
    source: str
    bars: list[Bar]
    untimed: list[Untimed]
    about: dict[str, Any]
    failure: str | None

    def all(self) -> Iterator[Bar]:
        """All bars, with their parts."""
        for bar in self.bars:
            yield from bar.all()
