"""Timings of steps whose lines carry time stamps of somebody else's."""

from __future__ import annotations

from collections.abc import Callable

from logparse.model import Build, Contents, Timing, TimingSource

__all__ = ["timed"]


def timed(decode: Callable[[Build], Contents], build: Build) -> Contents:
    """Read the views of `build`, and time those steps that the builder itself did not.

    A step begins with its header's stamp and ends with that of the first line behind it, which is the next
    step's header or the builder's closing words. Two stamps are right to within their resolution; where
    stamps run backwards, nothing is said.
    """
    contents = decode(build)
    transcript = build.transcript
    stamps = transcript.stamps
    if stamps is None or not build.tape:
        return contents
    origin = transcript.time(build.tape.element(build.first).end - 1)
    for step in contents.steps:
        if step.timing.source is not TimingSource.NONE and step.timing.started is not None:
            continue
        start = transcript.time(step.start)
        end = transcript.time(step.end) if step.end < len(transcript.data) else transcript.time(step.end - 1)
        if start is None or end is None or origin is None or end < start or start < origin:
            continue
        if step.timing.source is not TimingSource.NONE:
            continue
        seconds = end - start
        step.timing = Timing(
            started=start - origin,
            seconds=seconds,
            low=max(0.0, seconds - stamps.resolution),
            high=seconds + stamps.resolution,
            source=TimingSource.PREFIX,
        )
    return contents
