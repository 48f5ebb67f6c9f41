"""Builds with the seconds of their steps, estimated over all builds that are given where no clock tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from logparse.cli.console import errors
from logparse.model import Build, TimingSource
from logparse.timing import Estimates, estimate

__all__ = ["estimated", "timed_builds"]

_TOLD = 100
"""Builds after which it is told how many were read."""
_HELD = 1 << 28
"""Bytes of logs that are held in memory. Of more, the logs are read twice."""


def estimated(builds: Iterable[Build]) -> Estimates:
    """Estimate the seconds of steps; who waits for it at a terminal is told how far it is."""
    with errors.status("Reading builds") as status:

        def told() -> Iterator[Build]:
            for number, build in enumerate(builds, 1):
                yield build
                if number % _TOLD == 0:
                    status.update(f"Reading builds: {number:,}")
            status.update("Estimating what their steps took")

        return estimate(told())


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

    estimates = estimated(noted())
    if not _tells(estimates):
        yield from held if held or not size else read()
        return
    for build in held if held or not size else read():
        yield estimates.timed(build)


def _tells(estimates: Estimates) -> bool:
    """Whether anything was estimated."""
    return bool((estimates.steps["source"] == TimingSource.ESTIMATED.value).any())
