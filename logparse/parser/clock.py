"""Timings of steps whose lines carry time stamps of somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from logparse.model import NO_TIMING, Build, Contents, Kind, Timing, TimingSource, Transcript

__all__ = ["between", "origin", "timed"]

# What stands before a build's first words in a transcript: a CI system's own lines, mostly.
_BEFORE = (Kind.UNKNOWN, Kind.BLANK, Kind.WARNING)


def origin(build: Build) -> float | None:
    """The stamp before the first words that a build's own builder printed, from which its steps are counted.

    ``None`` if there is no stamp so early.
    """
    tape, transcript = build.tape, build.transcript
    for index in range(build.first, build.last):
        if tape.kinds[index] not in _BEFORE:
            return transcript.time(tape.element(index).start)
    return None


def timed(decode: Callable[[Build], Contents], build: Build) -> Contents:
    """Read the views of `build`, and time those steps that the builder itself did not.

    A step begins with its header's stamp and ends with that of the first line behind it, which is the next
    step's header or the builder's closing words. Two stamps are right to within their resolution; where they
    run backwards, nothing is said. A step of which the builder told the seconds, but not since when, gets
    its start only.
    """
    contents = decode(build)
    stamps = build.transcript.stamps
    first = origin(build) if stamps is not None else None
    if stamps is None or first is None:
        return contents
    for step in contents.steps:
        start = build.transcript.time(step.start)
        if start is None or start < first:
            continue
        if step.timing.source is TimingSource.NONE:
            step.timing = between(build.transcript, step.start, step.end, start - first)
        elif step.timing.source is TimingSource.CLOCK and step.timing.started is None:
            step.timing = replace(step.timing, started=start - first)
    return contents


def between(transcript: Transcript, begin: int, end: int, started: float | None) -> Timing:
    """The timing of what went on from the stamp of one line of a text to that of another.

    Nothing is said where there are no stamps, or where they run backwards.
    """
    stamps, first, last = transcript.stamps, transcript.time(begin), transcript.time(end)
    if stamps is None or first is None or last is None or last < first:
        return NO_TIMING
    seconds = last - first
    return Timing(
        started=started,
        seconds=seconds,
        low=max(0.0, seconds - stamps.resolution),
        high=seconds + stamps.resolution,
        source=TimingSource.ARRIVAL if stamps.arrival else TimingSource.PREFIX,
    )
