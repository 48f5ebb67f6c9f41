"""Builds with the seconds of their steps, estimated over all builds that are given where no clock tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from logparse.model import Build, TimingSource
from logparse.timing import Estimates, estimate

__all__ = ["timed_builds"]

_HELD = 1 << 28
"""Bytes of logs that are held in memory. Of more, the logs are read twice."""


def timed_builds(read: Callable[[], Iterator[Build]], *, again: bool = True) -> Iterator[Build]:
    """Builds whose steps have their seconds.

    Parameters
    ----------
    read
        Reads all builds, in the same order each time.
    again
        Whether they can be read a second time: standard input cannot.
    """
    held: list[Build] = []
    size = 0

    def noted() -> Iterator[Build]:
        nonlocal size
        for build in read():
            size += build.size
            if size <= _HELD or not again:
                held.append(build)
            else:
                held.clear()
            yield build

    estimates = estimate(noted())
    if not _tells(estimates):
        yield from held if held or not size else read()
        return
    for build in held if held or not size else read():
        yield estimates.timed(build)


def _tells(estimates: Estimates) -> bool:
    """Whether anything was estimated."""
    return bool((estimates.steps["source"] == TimingSource.ESTIMATED.value).any())
