"""Earlier builds of an image, as far as they tell how long the present one will take."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from logparse.builds import read_builds
from logparse.live.progress import place_of, text_of
from logparse.model import Build, Builder, Outcome, Step, Timing
from logparse.timing import estimate
from logparse.timing.priors import priors
from logparse.timing.records import METADATA, Kind

__all__ = ["Cost", "History", "Past", "PastStep", "read_history"]

_RUNS = 12
"""Runs of a step that are looked at: the latest."""
_FADING = 0.85
"""What a run counts, of what the one after it counts."""
_USUAL = 3.0
"""How many runs the usual scatter counts as."""
_LEAST = 1e-3
"""Seconds; less is the same."""
_NINETY = 1.645
"""Standard deviations on either side of the middle that hold 90 % of a normal distribution."""
_UNSURE = 1.0
"""Standard deviation of the logarithm of seconds that may as well be none."""
_WHOLE = 64
"""Builds that came to their end and are compared with the present one: the latest."""
_CHANCES = 32
"""Builds that tell how often a step comes from the cache: the latest."""
_EXPORTS = ("exporting", "pushing", "naming", "unpacking")


@dataclass(slots=True)
class PastStep:
    """A step of an earlier build.

    Parameters
    ----------
    text
        The instruction with its arguments, secrets masked.
    place
        Its target, platform and stage.
    kind
        What kind of work it is.
    cached
        Whether it came from the cache.
    is_whole
        Whether it came to its end.
    timing
        Its seconds, be they estimated.
    """

    text: str
    place: str
    kind: Kind
    cached: bool
    is_whole: bool
    timing: Timing

    @property
    def instruction(self) -> str:
        """``RUN``, ``COPY``, ..."""
        return self.text.partition(" ")[0]


@dataclass(slots=True)
class Past:
    """An earlier build.

    Parameters
    ----------
    key
        The build's.
    began
        When, as far as that is known: by which builds are put in order.
    steps
        Its steps.
    is_whole
        Whether it came to its end.
    at_once
        Whether steps of several stages run at once.
    behind
        Seconds that it took behind its last step.
    """

    key: str
    began: float
    steps: list[PastStep]
    is_whole: bool
    at_once: bool
    behind: float
    texts: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        self.texts = Counter(step.text for step in self.steps)

    @classmethod
    def of(cls, build: Build) -> Past:
        """What counts of a build."""
        pulled = {pull.step_number for pull in build.pulls}
        began = build.log.started_at.timestamp() if build.log.started_at is not None else None
        if began is None and build.first < build.last:
            began = build.transcript.time(build.tape.element(build.first).start)
        return cls(
            build.key,
            began or 0.0,
            [_past_step(step, pulled=step.number in pulled) for step in build.steps],
            build.outcome is Outcome.SUCCEEDED,
            build.builder is Builder.BUILDKIT,
            sum(each.timing.seconds or 0.0 for each in build.vertices if each.name.startswith(_EXPORTS)),
        )


class Cost(NamedTuple):
    """What a step takes if it runs: mean and standard deviation of the logarithm of seconds."""

    mean: float
    spread: float


class History:
    """What earlier builds tell.

    Parameters
    ----------
    builds
        In any order.
    """

    def __init__(self, builds: Iterable[Past]) -> None:
        ordered = sorted(builds, key=lambda past: past.began)
        self._whole = [past for past in ordered if past.is_whole][-_WHOLE:]
        self._runs: dict[str, list[PastStep]] = defaultdict(list)
        self._chances: dict[str, list[bool]] = defaultdict(list)
        for past in ordered:
            for step in past.steps:
                if step.is_whole and not step.cached and step.timing.seconds is not None:
                    self._runs[step.text].append(step)
            for step in _behind_cached(past.steps):
                self._chances[step.text].append(step.cached)
        self._costs: dict[tuple[str, Kind], Cost] = {}

    def like(self, texts: Sequence[str]) -> Past | None:
        """The build that has most of some steps, of those that came to their end: the latest of them.

        ``None`` if no build has half of them.
        """
        wanted = Counter(texts)
        best: tuple[int, Past] | None = None
        for past in self._whole:
            common = (past.texts & wanted).total()
            if best is None or common >= best[0]:
                best = common, past
        return best[1] if best is not None and 2 * best[0] >= max(len(texts), 1) else None

    def cost(self, step: PastStep) -> Cost:
        """What a step takes if it runs."""
        key = step.text, step.kind
        if key not in self._costs:
            self._costs[key] = _cost(self._runs.get(step.text, ())[-_RUNS:], step.kind)
        return self._costs[key]

    def chance_of_cache(self, step: PastStep) -> float:
        """How probable it is that a step comes from the cache, if the one before it does."""
        known = self._chances.get(step.text, ())[-_CHANCES:]
        return (sum(known) + 0.5) / (len(known) + 1)


def read_history(paths: Sequence[str]) -> History:
    """Read earlier builds, of which logs without a clock get estimated seconds.

    Raises
    ------
    SourceError
        A path cannot be read, or holds no build.
    """
    pasts: list[Past] = []

    def noted() -> Iterator[Build]:
        for build in read_builds(*paths):
            pasts.append(Past.of(build))
            yield build

    timings = estimate(noted()).timings
    for past in pasts:
        for step, timing in zip(past.steps, timings.get(past.key, ()), strict=False):
            step.timing = timing
    return History(pasts)


def _past_step(step: Step, *, pulled: bool) -> PastStep:
    if step.instruction == "FROM":
        kind = Kind.PULL if pulled else Kind.BASE
    elif step.instruction in {"COPY", "ADD"}:
        kind = Kind.COPY
    else:
        kind = Kind.METADATA if step.instruction in METADATA else Kind.RUN
    is_whole = step.state in {"done", "cached"}
    return PastStep(text_of(step), place_of(step), kind, step.cached, is_whole, step.timing)


def _behind_cached(steps: Sequence[PastStep]) -> Iterator[PastStep]:
    """The steps before which nothing of their stage had run, so that they could come from the cache."""
    ran: set[str] = set()
    for step in steps:
        if step.instruction == "FROM":
            continue
        if step.place not in ran:
            yield step
        if not step.cached:
            ran.add(step.place)


def _cost(runs: Sequence[PastStep], kind: Kind) -> Cost:
    """The cost of a step by its runs, in order; of one that never ran, what is usual for its kind."""
    prior = priors()[kind]
    if not runs:
        return Cost(math.log(prior.median), math.hypot(prior.spread, prior.noise))
    logs = [math.log(max(step.timing.seconds or 0.0, _LEAST)) for step in runs]
    errors = [_error(step.timing) for step in runs]
    weights = [
        _FADING ** (len(runs) - 1 - place) / (1 + (error / prior.noise) ** 2)
        for place, error in enumerate(errors)
    ]
    count = sum(weights)
    mean = sum(weight * each for weight, each in zip(weights, logs, strict=True)) / count
    scatter = sum(weight * (each - mean) ** 2 for weight, each in zip(weights, logs, strict=True))
    variance = (_USUAL * prior.noise**2 + scatter) / (_USUAL + count)
    return Cost(mean, math.sqrt(variance * (1 + 1 / count)))


def _error(timing: Timing) -> float:
    """Standard deviation of the logarithm of a step's seconds, as far as these are not known."""
    if timing.low is None or timing.high is None or timing.low <= _LEAST:
        return 0.0 if (timing.high or timing.seconds or 0.0) <= 2 * _LEAST else _UNSURE
    return math.log(timing.high / timing.low) / 2 / _NINETY
