"""A build as bars on a time line."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

from logparse.diagnosis import RuleBook, diagnose
from logparse.model import Build, Diagnosis, LayerPull, Outcome, Pull, Step, Timing, TimingSource, Vertex
from logparse.parser.clock import origin
from logparse.report.rows import step_row
from logparse.report.trace.bars import Bar, Timeline, Untimed
from logparse.report.trace.layout import LONGEST, Place, lay_out
from logparse.secrets import mask
from logparse.text import plain, printable

__all__ = ["timeline"]

_NAME, _TEXT = 100, 2000
"""Characters of a bar's name, and of any text that is told about it."""
_DATED = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
"""Stamps of an earlier time have no date: they count from midnight, or from the start of a job."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
_BILLION = 10**9
_DIGITS = 6


def timeline(build: Build, *, rules: RuleBook | None = None) -> Timeline:
    """Put a build on a time line.

    Parameters
    ----------
    build
        Any build.
    rules
        The rules by which it is told why it failed, by default those of the package.
    """
    diagnosis = diagnose(build, rules=rules) if build.outcome is Outcome.FAILED else None
    bars: list[Bar] = []
    untimed: list[Untimed] = []
    steps, vertices = lay_out(build)
    of_steps: list[Bar | None] = []
    failure = _failure(build, diagnosis)
    for index, (step, place) in enumerate(zip(build.steps, steps, strict=True)):
        bar = _step(f"step/{index}", step, place, diagnosis, failure)
        of_steps.append(bar)
        bars += [bar] if bar is not None else []
        if place.seconds is None:
            untimed.append(_untimed(build, step, place))
    for index, (vertex, place) in enumerate(zip(build.vertices, vertices, strict=True)):
        if (bar := _vertex(f"work/{index}", vertex, place)) is not None:
            bars.append(bar)
        if place.seconds is None:
            untimed.append(_untimed(build, vertex, place))
    _add_pulls(build, of_steps, bars)
    bars.sort(key=lambda bar: bar.start)
    began, clock = _began(build)
    seconds, source = _length(build, bars)
    image = _image(build)
    return Timeline(
        build.key,
        image,
        _name(build, image),
        began,
        clock,
        seconds,
        source,
        bars,
        untimed,
        _about_build(build, diagnosis, source, seconds),
        failure,
    )


# -- bars -----------------------------------------------------------------------------------------------


def _step(
    path: str, step: Step, place: Place, diagnosis: Diagnosis | None, failure: str | None
) -> Bar | None:
    if place.start is None:
        return None
    about = {"kind": "step", **{name: _safe(value) for name, value in step_row(step).items()}}
    if step.failed and diagnosis is not None:
        about |= _verdict(diagnosis)
    words = ("stage", step.stage_label, "of" if step.target else None, step.target, step.platform)
    track = " ".join(filter(None, words)) if step.stage_label is not None else "steps"
    why = (failure or "it failed") if step.failed else None
    return _bar(path, step.text, track, place=place, timing=step.timing, about=about, failure=why)


def _vertex(path: str, vertex: Vertex, place: Place) -> Bar | None:
    if place.start is None:
        return None
    about = {
        "kind": "work",
        "text": _safe(vertex.name),
        "cached": vertex.cached,
        "canceled": vertex.canceled,
        "bytes": vertex.bytes,
        "error": _safe(vertex.error),
        **_seconds(vertex.timing),
    }
    why = None if vertex.error is None or vertex.canceled else _shown(vertex.error, _TEXT)
    return _bar(path, vertex.name, "BuildKit", place=place, timing=vertex.timing, about=about, failure=why)


def _add_pulls(build: Build, of_steps: Sequence[Bar | None], bars: list[Bar]) -> None:
    """Put each pull below the step that asked for it."""
    order = sorted(range(len(build.steps)), key=lambda index: build.steps[index].start)
    starts = [build.steps[index].start for index in order]
    for index, pull in enumerate(build.pulls):
        found = bisect_right(starts, pull.span.start) - 1
        step = of_steps[order[found]] if found >= 0 else None
        bar = _pull(f"pull/{index}", pull, step)
        if bar is not None:
            (bars if step is None else step.parts).append(bar)


def _pull(path: str, pull: Pull, step: Bar | None) -> Bar | None:
    timing = pull.timing
    start = timing.started if timing.started is not None else step.start if step is not None else None
    if start is None or timing.seconds is None:
        return None
    place = Place(start, timing.seconds, laid_out=timing.started is None)
    about = {
        "kind": "pull",
        "image": _safe(pull.reference),
        "digest": _safe(pull.digest),
        **_seconds(timing),
    }
    bar = _bar(path, f"pull {pull.reference}", "pulls", place=place, timing=timing, about=about)
    layers = (_layer(f"{path}/{n}", layer, start, timing) for n, layer in enumerate(pull.layers))
    bar.parts = [layer for layer in layers if layer is not None]
    return bar


def _layer(path: str, layer: LayerPull, start: float, of_pull: Timing) -> Bar | None:
    """A layer, which is told only how long it took: it began with its pull, or later."""
    if layer.seconds is None:
        return None
    timing = Timing(seconds=layer.seconds, low=layer.seconds, high=layer.seconds, source=of_pull.source)
    about = {
        "kind": "layer",
        "layer": _safe(layer.layer_id),
        "bytes": layer.bytes,
        "state": _safe(layer.state),
        **_seconds(timing),
    }
    place = Place(start, layer.seconds, laid_out=True)
    return _bar(path, f"layer {layer.layer_id}", "layers", place=place, timing=timing, about=about)


def _bar(
    path: str,
    name: str,
    track: str,
    *,
    place: Place,
    timing: Timing,
    about: dict[str, Any],
    failure: str | None = None,
) -> Bar:
    assert place.start is not None  # noqa: S101 - who calls this has looked
    estimated = timing.source is TimingSource.ESTIMATED
    about = {**about, "start": "laid out" if place.laid_out else "log"}
    return Bar(
        path,
        ("~" if estimated else "") + _shown(name, _NAME),
        _shown(track, _NAME),
        place.start,
        place.seconds,
        timing.source,
        _known(about),
        place.laid_out,
        failure,
    )


def _known(about: dict[str, Any]) -> dict[str, Any]:
    """What is known of something: neither ``None`` nor a number that JSON does not have."""
    return {
        name: value
        for name, value in about.items()
        if value is not None and not (isinstance(value, float) and not isfinite(value))
    }


def _seconds(timing: Timing) -> dict[str, Any]:
    """What is known of a part's seconds, as of a step's."""
    known = {name: getattr(timing, name) for name in ("started", "seconds", "low", "high")}
    known = {name: None if value is None else round(value, _DIGITS) for name, value in known.items()}
    return {**known, "source": timing.source.value, "group": timing.group}


def _untimed(build: Build, part: Step | Vertex, place: Place) -> Untimed:
    if place.start is not None:
        reason = f"it began at {place.start:.3f} s, and the log does not tell when it ended"
    elif part.timing.seconds is not None or part.timing.started is not None:
        reason = "the time in the log cannot be right"
    elif build.log.duration is None and part.timing.source is TimingSource.NONE:
        reason = "the log has no clock, and when the build started and finished is not known"
    else:
        reason = "the log has no clock"
    if isinstance(part, Vertex):
        return Untimed(None, _shown(part.name, _NAME), reason)
    number = str(part.number) if part.total is None else f"{part.number}/{part.total}"
    return Untimed(number, _shown(part.text, _NAME), reason)


# -- the build as a whole -------------------------------------------------------------------------------


def _began(build: Build) -> tuple[int | None, str | None]:
    """When a build began, in nanoseconds since 1970, and who says so."""
    if build.log.started_at is not None:
        microseconds = (build.log.started_at - _EPOCH) // timedelta(microseconds=1)
        return (microseconds * 1000, "api") if _is_date(microseconds / 1e6) else (None, None)
    events = build.facts.get("started")
    if isinstance(events, int) and _is_date(events / _BILLION):
        return events, "log"
    stamp = origin(build) if build.transcript.stamps is not None else None
    if stamp is not None and _is_date(stamp):
        return int(stamp * 1e6) * 1000, "log"
    return None, None


def _is_date(seconds: float) -> bool:
    return _DATED <= seconds <= _LAST


def _length(build: Build, bars: Sequence[Bar]) -> tuple[float | None, str]:
    """How long a build took, and where that comes from."""
    seconds = build.log.duration
    if seconds is not None and seconds <= LONGEST:
        return seconds, "api"
    timed = [bar for bar in bars if bar.seconds is not None]
    if not timed:
        return None, TimingSource.NONE.value
    sources = {bar.source for bar in timed}
    weakest = max(sources, key=list(TimingSource).index)
    return max(bar.end for bar in timed), weakest.value


def _image(build: Build) -> str | None:
    log = build.log
    if log.owner and log.name:
        return _shown(f"{log.owner}/{log.name}", _NAME)
    if not build.tags:
        return None
    repository, colon, tag = build.tags[0].rpartition(":")
    return _shown(repository if colon and "/" not in tag else build.tags[0], _NAME)


def _name(build: Build, image: str | None) -> str:
    """What to call a build: what it builds and its id, else its file; of a long name the end tells most."""
    log = build.log
    words = [image or log.path or "build", log.build_id, f"#{build.index}" if build.index else None]
    name = _shown(" ".join(filter(None, words)), _TEXT)
    return name if len(name) <= _NAME else "…" + name[1 - _NAME :]


def _about_build(
    build: Build, diagnosis: Diagnosis | None, source: str, seconds: float | None
) -> dict[str, Any]:
    log = build.log
    about = {
        "kind": "build",
        "build_key": build.key,
        "path": log.path,
        "build_id": log.build_id,
        "commit": log.commit,
        "builder": build.builder.value,
        "outcome": build.outcome.value,
        "exit_code": build.exit_code,
        "started_at": None if log.started_at is None else log.started_at.isoformat(),
        "seconds": None if seconds is None else round(seconds, _DIGITS),
        "source": source,
        "tags": list(build.tags) or None,
        "at_once": build.at_once or None,
        **({} if diagnosis is None else _verdict(diagnosis)),
    }
    return _known({name: _safe(value) for name, value in about.items()})


def _verdict(diagnosis: Diagnosis) -> dict[str, Any]:
    line = diagnosis.root_line
    return {
        "cause": diagnosis.cause,
        "confidence": diagnosis.confidence,
        "root_line": None if line is None else _safe(line.text),
        "root_line_number": None if line is None else line.number,
    }


def _failure(build: Build, diagnosis: Diagnosis | None) -> str | None:
    """The line that says best why a build failed, else the builder's last words, else its exit code."""
    if diagnosis is None:
        return None
    if diagnosis.root_line is not None:
        return _shown(diagnosis.root_line.text, _TEXT)
    return "the build failed" if build.exit_code is None else f"exit code {build.exit_code}"


# -- text -----------------------------------------------------------------------------------------------


def _safe(value: Any) -> Any:
    """A value with its text safe to show."""
    if isinstance(value, str):
        return _shown(value, _TEXT)
    if isinstance(value, list | tuple):
        return [_safe(each) for each in value]
    return value


def _shown(text: str, longest: int) -> str:
    """Text of a log in one line, without control characters and secrets, and no longer than need be."""
    # A secret is masked before it is cut, or what is left of it would not be known for one.
    text = mask(plain(printable(text).replace("\n", " ").encode()))
    return text if len(text) <= longest else text[: longest - 1] + "…"
