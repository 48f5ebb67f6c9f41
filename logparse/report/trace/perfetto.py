"""The format of Chrome's and Perfetto's viewers: JSON with one event a bar.

The format is that of `Trace Event Format <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>`_.
A build is a process and a stage a thread. Perfetto takes only events that do not overlap in their thread
(`FAQ <https://perfetto.dev/docs/faq>`_), so what ran at once is in further threads of the same name. All
builds begin at 0, to be compared one below the other; when each began is told in its ``args``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Any

import logparse
from logparse.model import TimingSource
from logparse.report.trace.bars import Bar, Timeline

__all__ = ["pieces"]

_text = partial(json.dumps, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

_MICRO = 1_000_000
# Names of Chrome's own palette.
_FAILED, _FAILED_ESTIMATE, _ESTIMATE = "terrible", "bad", "grey"


def pieces(builds: Iterable[Timeline]) -> Iterator[str]:
    """Give the document piece by piece.

    Parameters
    ----------
    builds
        Read one by one and not kept.
    """
    untimed: list[dict[str, Any]] = []
    ids = count(1)
    comma = ""
    yield '{"traceEvents":['
    for build in builds:
        for event in _events(build, ids):
            yield f"{comma}\n{_text(event)}"
            comma = ","
        key = build.about["build_key"]
        untimed += [{"build": key, **asdict(part)} for part in build.untimed]
    others = {
        "producer": f"logparse {logparse.__version__}",
        "clock": "microseconds from the start of each build",
        "untimed": untimed,
    }
    yield f'\n],"displayTimeUnit":"ms","otherData":{_text(others)}}}\n'


def _events(build: Timeline, ids: Iterator[int]) -> Iterator[dict[str, Any]]:
    """The events of one build, those that name its process and threads first."""
    process = next(ids)
    yield _name("process_name", process, process, f"{build.name} ({build.about['outcome']})")
    yield _order("process_sort_index", process, process, process)
    threads = [("build", _of_build(build))] if build.seconds is not None else []
    threads += _lanes(build)
    for number, (name, events) in enumerate(threads):
        # No number is that of two threads, or of a thread and another one's process: readers mix them up.
        thread = next(ids)
        yield _name("thread_name", process, thread, name)
        yield _order("thread_sort_index", process, thread, number)
        for event in events:
            yield {**event, "pid": process, "tid": thread}


def _name(kind: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": process, "tid": thread, "ts": 0, "args": {"name": name}}


def _order(kind: str, process: int, thread: int, place: int) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": process, "tid": thread, "ts": 0, "args": {"sort_index": place}}


def _of_build(build: Timeline) -> list[dict[str, Any]]:
    estimated = build.source == TimingSource.ESTIMATED
    event: dict[str, Any] = {
        "ph": "X",
        "name": ("~" if estimated else "") + build.name,
        "cat": build.source,
        "ts": 0,
        "dur": round((build.seconds or 0.0) * _MICRO),
        "args": build.about,
    }
    colour = _colour(failed=build.failure is not None, estimated=estimated)
    return [event | ({"cname": colour} if colour else {})]


def _lanes(build: Timeline) -> list[tuple[str, list[dict[str, Any]]]]:
    """Threads with their events: as few of each track as keep bars from overlapping."""
    tracks: dict[str, list[Bar]] = {}
    for bar in build.all():
        tracks.setdefault(bar.track, []).append(bar)
    lanes = []
    for track, bars in tracks.items():
        events: list[list[dict[str, Any]]] = []
        busy: list[tuple[int, int]] = []
        free: list[int] = []
        for bar in sorted(bars, key=lambda bar: (bar.start, bar.end)):
            event = _event(bar)
            while busy and busy[0][0] <= event["ts"]:
                heappush(free, heappop(busy)[1])
            if not free:
                free.append(len(events))
                events.append([])
            lane = heappop(free)
            events[lane].append(event)
            heappush(busy, (event["ts"] + event.get("dur", 0), lane))
        lanes += [(track if n == 0 else f"{track} ({n + 1})", lane) for n, lane in enumerate(events)]
    return lanes


def _event(bar: Bar) -> dict[str, Any]:
    # Whole microseconds: where one bar ends and the next one begins is rounded to the same number.
    start = round(bar.start * _MICRO)
    event: dict[str, Any] = {
        "ph": "X",
        "name": bar.name,
        "cat": bar.source.value,
        "ts": start,
        "args": bar.about,
    }
    if bar.seconds is None:
        event |= {"ph": "i", "s": "t"}
    else:
        event["dur"] = round(bar.end * _MICRO) - start
    colour = _colour(failed=bar.failure is not None, estimated=bar.is_estimated)
    return event | ({"cname": colour} if colour else {})


def _colour(*, failed: bool, estimated: bool) -> str | None:
    """The colour of a bar, ``None`` where it is left to the viewer."""
    if estimated:
        return _FAILED_ESTIMATE if failed else _ESTIMATE
    return _FAILED if failed else None
