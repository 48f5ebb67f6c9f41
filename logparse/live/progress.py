"""How far a build is, to go by the records of its output so far."""

from __future__ import annotations

from typing import NamedTuple

from logparse.live.records import moment
from logparse.model import Build, Outcome, Step, Timing
from logparse.parser.feed import Fed, Feed
from logparse.secrets import mask

__all__ = ["Progress", "Told", "place_of", "text_of"]

_WINDOW = 1 << 20
_LONGEST = 1 << 12
_STAMP = 40
"""Bytes of a record that its stamp is in."""


class Told(NamedTuple):
    """A step as the output tells it, with nothing that holds on to its text.

    Parameters
    ----------
    build
        0-based number of its build among those of the output.
    number, total, place
        As the builder counts, and its target, platform and stage.
    state
        What became of it: see :attr:`~logparse.model.Step.state`.
    timing
        Its seconds.
    text
        The instruction with its arguments; secrets are masked.
    began
        Of one that has not ended: when it began, in seconds since 1970.
    """

    build: int
    number: int
    total: int | None
    place: str
    state: str
    timing: Timing
    text: str
    began: float | None = None


class Progress:
    """Follows output, record by record."""

    def __init__(self) -> None:
        self._feed = Feed(window=_WINDOW)
        self.ended: list[Told] = []
        """The steps that have ended, of all builds."""
        self._first = self._last = b""

    def add(self, records: bytes) -> None:
        """Take the next records."""
        self._first = self._first or records[:_STAMP]
        self._last = records[records.rfind(b"\n", 0, -1) + 1 :][:_STAMP]
        self._note(self._feed.feed(records))

    def look(self) -> None:
        """See to what has come so far."""
        self._note(self._feed.look())

    def close(self) -> None:
        """Learn that there is no more."""
        self._note(self._feed.close())

    def _note(self, found: list[Fed]) -> None:
        self.ended += [_told(fed.step, fed.build) for fed in found]

    @property
    def build(self) -> Build | None:
        """The build that was seen last, as far as its text was kept."""
        return self._feed.last

    @property
    def has_failed(self) -> bool:
        """Whether a build did."""
        is_last = self.build is not None and self.build.outcome is Outcome.FAILED
        return is_last or any(step.state == "failed" for step in self.ended)

    @property
    def seconds(self) -> float | None:
        """How long the output has been watched."""
        first, last = moment(self._first), moment(self._last)
        return None if first is None or last is None else last - first

    def running(self) -> list[Told]:
        """The steps that run, in the order in which they began."""
        if self.build is None:
            return []
        index = self.ended[-1].build if self.ended else 0
        return [
            _told(step, index)._replace(began=step.transcript.time(step.start))
            for step in self.build.steps
            if step.state == "incomplete"
        ]


def place_of(step: Step) -> str:
    """Target, platform and stage of a step, as far as they are known."""
    stage = step.stage_name if step.target or step.platform else step.stage_label
    return " ".join(word for word in (step.target, step.platform, stage) if word)


def text_of(step: Step) -> str:
    """The instruction of a step, as it may be shown."""
    return mask(step.text)[:_LONGEST]


def _told(step: Step, build: int) -> Told:
    return Told(build, step.number, step.total, place_of(step), step.state, step.timing, text_of(step))
