"""What would have been said to be left of recorded builds, by those before them, and what was left in truth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from logparse import parse
from logparse.live.history import History, Past
from logparse.live.left import Left, left
from logparse.live.progress import Told, place_of, text_of
from logparse.live.records import Recorder
from logparse.model import Build
from tests.live.replay import pieces

__all__ = ["foretold"]

_FIRST = 5
"""Builds that have to be there before anything is said."""
_MOMENTS = (0.1, 0.35, 0.6, 0.85)
"""Shares of a build's time after which it is asked."""


def foretold(folder: Path) -> Iterator[tuple[Left, float]]:
    """What was said at some moments of each build that came to its end, and how many seconds were left then."""
    entries = json.loads((folder / "builds.json").read_text())
    entries = entries["results"] if isinstance(entries, dict) else entries
    before: list[Past] = []
    for entry in sorted(entries, key=lambda each: each["started_at"]):
        log = folder / "logs" / f"{entry['build_id']}.log"
        if not log.exists():
            continue
        truth = json.loads((folder / "truth" / f"{entry['build_id']}.json").read_text())
        build = parse(_watched(log.read_bytes(), truth))[-1]
        past = Past.of(build)
        past.began = float(len(before))
        if past.is_whole and len(before) >= _FIRST:
            yield from _at_moments(History(before), build, truth["steps"])
        before.append(past)


def _watched(data: bytes, truth: dict[str, list[tuple[int, float]]]) -> bytes:
    recorder = Recorder(0)
    records = [recorder.take(round(seconds * 1e9), 1, line) for seconds, line in pieces(data, truth)]
    return b"".join([*records, recorder.end(round(truth["seconds"] * 1e9))])  # type: ignore[operator]


def _at_moments(
    history: History, build: Build, truth: list[dict[str, float]]
) -> Iterator[tuple[Left, float]]:
    end = truth[-1]["start"] + truth[-1]["seconds"]
    for share in _MOMENTS:
        now = share * end
        seen = []
        for step, true in zip(build.steps, truth, strict=True):
            if true["start"] > now:
                break
            told = Told(0, step.number, step.total, place_of(step), step.state, step.timing, text_of(step))
            has_ended = true["start"] + true["seconds"] <= now
            seen.append(told if has_ended else told._replace(state="incomplete", began=true["start"]))
        if seen:
            yield left(history, seen, now), end - now
