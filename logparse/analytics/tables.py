"""From builds to the five tables, as Arrow.

Each table's rows are made by one function that reads one build, so the order of columns there is the order
in :mod:`logparse.analytics.schema`. Rows are turned into columns build by build, and nothing else is held.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import pandas as pd
import pyarrow as pa

from logparse.analytics.columns import Column, columns_of, table_of
from logparse.analytics.schema import SCHEMAS
from logparse.diagnosis import RuleBook, diagnose, messages
from logparse.diagnosis.command import shown_command
from logparse.model import Build, Outcome, Step
from logparse.secrets import mask

__all__ = ["Tables", "batches", "tables", "to_pandas"]

_Row = tuple[Any, ...]

# Dictionary-encoded columns in which a log may have a secret: they mask their strings themselves.
_MASKED = {
    "steps": {"target", "stage", "text"},
    "pulls": {"repository", "tag", "reference"},
    "failures": {"stage"},
}


@dataclass(frozen=True, slots=True)
class Tables:
    """The five tables of some builds.

    Parameters
    ----------
    builds
        One row a build.
    steps
        One row a step.
    pulls
        One row a layer of a pulled image.
    messages
        One row a line that a rule recognises.
    failures
        One row a failed build.
    """

    builds: pa.Table
    steps: pa.Table
    pulls: pa.Table
    messages: pa.Table
    failures: pa.Table

    def items(self) -> Iterator[tuple[str, pa.Table]]:
        """Each table with its name."""
        for name in SCHEMAS:
            yield name, getattr(self, name)

    def to_pandas(self) -> dict[str, pd.DataFrame]:
        """Each table as a DataFrame; integers with gaps are ``Int32``/``Int64``, not floats."""
        return {name: to_pandas(table) for name, table in self.items()}


_NULLABLE = {
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Give an Arrow table as a DataFrame that keeps integers and booleans with gaps what they are."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=_NULLABLE.get)
    return frame


def tables(builds: Iterable[Build], *, rules: RuleBook | None = None) -> Tables:
    """Make the five tables of all `builds`.

    Parameters
    ----------
    builds
        Any number of builds, none included; each is read once, in order. A second build of the same key, such
        as that of a copy of a log, is the same build and does not count again.
    rules
        The rules to diagnose failures by, by default those that come with the package.
    """
    return _tables(builds, set(), rules)


def _tables(builds: Iterable[Build], seen: set[str], rules: RuleBook | None) -> Tables:
    """Make the tables of those builds whose keys are not `seen`, and note them there."""
    made = {name: columns_of(schema, _MASKED.get(name, ())) for name, schema in SCHEMAS.items()}
    for build in builds:
        key = build.key
        if key in seen:
            continue
        seen.add(key)
        _add(made["builds"], [_build_row(key, build)])
        _add(made["steps"], _step_rows(key, build))
        _add(made["pulls"], list(_pull_rows(key, build)))
        _add(made["messages"], _message_rows(key, build, rules))
        if build.outcome is Outcome.FAILED:
            _add(made["failures"], [_failure_row(key, build, rules)])
    return Tables(**{name: table_of(schema, made[name]) for name, schema in SCHEMAS.items()})


def _add(columns: dict[str, Column], rows: Sequence[_Row]) -> None:
    if rows:
        for column, values in zip(columns.values(), zip(*rows, strict=True), strict=True):
            column.extend(values)


def batches(builds: Iterable[Build], size: int = 1000, *, rules: RuleBook | None = None) -> Iterator[Tables]:
    """Make the five tables of `size` builds at a time, so that memory does not grow with their number.

    The builds themselves are not held. At least one batch is given, so that tables without rows have their
    columns, too.
    """
    remaining = iter(builds)
    seen: set[str] = set()
    yield _tables(islice(remaining, size), seen, rules)
    for build in remaining:
        yield _tables(chain((build,), islice(remaining, size - 1)), seen, rules)


def _build_row(key: str, build: Build) -> _Row:
    log = build.log
    steps = build.steps
    totals = [step.total for step in steps if step.total is not None]
    seconds, source = _duration(build)
    return (
        key,
        log.owner,
        log.name,
        log.build_id,
        build.index,
        log.commit,
        log.semantic_version,
        log.environment,
        log.route,
        log.path,
        log.digest,
        build.size,
        build.unknown_bytes,
        build.builder.value,
        "/".join(build.transcript.wrappings) or None,
        log.status.value if log.status else None,
        build.outcome.value,
        log.started_at,
        log.finished_at,
        seconds,
        source,
        len(steps),
        max(totals, default=None),
        sum(step.cached for step in steps),
        len({step.stage for step in steps if step.stage >= 0}),
        len(build.pulls),
        len(build.warnings),
        build.image_id,
        [mask(tag) for tag in build.tags],
        build.at_once,
        build.cut_line,
    )


def _duration(build: Build) -> tuple[float | None, str | None]:
    """How long a build took, and where that comes from."""
    if build.log.duration is not None:
        return build.log.duration, "api"
    stamps = build.transcript.stamps
    if stamps is not None and build.first < build.last:
        started = build.transcript.time(build.tape.element(build.first).start)
        end = build.tape.element(build.last - 1).end
        # At the end of the text there may be a stamp of its own, of when it ended.
        ended = build.transcript.time(end - (end < len(build.transcript.data)))
        if started is not None and ended is not None and ended >= started:
            return ended - started, "arrival" if stamps.arrival else "prefix"
    return None, None


def _step_rows(key: str, build: Build) -> list[_Row]:
    steps = build.steps
    starts, ends = build.transcript.hulls([step.start for step in steps], [step.end for step in steps])
    return [
        (
            key,
            index,
            step.target,
            step.stage_label,
            step.stage if step.stage >= 0 else None,
            step.platform,
            step.number,
            step.total,
            step.instruction,
            step.text,
            step.cached,
            step.canceled,
            step.image_id,
            step.container_ids[-1] if step.container_ids else None,
            step.exit_code,
            step.failed,
            step.triggers,
            step.timing.started,
            step.timing.seconds,
            step.timing.low,
            step.timing.high,
            step.timing.source,
            step.timing.group,
            step.vertex,
            step.lines[0] if step.lines else None,
            step.lines[1] if step.lines else None,
            _printed(step) if step.outputs else 0,
            start,
            end,
            step.incomplete,
        )
        for index, (step, start, end) in enumerate(zip(steps, starts, ends, strict=True))
    ]


def _printed(step: Step) -> int:
    """Bytes that programs printed in a step."""
    if step.transcript.mark is None:
        return sum(end - start for start, end in step.outputs)
    return len(step.output)


def _pull_rows(key: str, build: Build) -> Iterator[_Row]:
    for index, pull in enumerate(build.pulls):
        head = (
            key,
            index,
            pull.step_number,
            pull.repository,
            pull.tag,
            pull.digest,
            _masked(pull.status),
            pull.timing.seconds,
        )
        reference = pull.reference
        if not pull.layers:
            yield (*head, None, None, None, None, None, reference)
        for layer in pull.layers:
            one = (layer.layer_id, layer.bytes, layer.already_present, layer.state, layer.seconds)
            yield (*head, *one, reference)


def _masked(text: str | None) -> str | None:
    return None if text is None else mask(text)


def _subject(subject: dict[str, str]) -> str | None:
    if not subject:
        return None
    return json.dumps({name: mask(value) for name, value in sorted(subject.items())}, ensure_ascii=False)


def _message_rows(key: str, build: Build, rules: RuleBook | None) -> list[_Row]:
    return [
        (
            key,
            message.step_index,
            message.line.number,
            message.severity,
            message.rule,
            message.cause,
            _subject(message.subject),
            mask(message.line.text),
        )
        for message in messages(build, rules=rules)
    ]


def _failure_row(key: str, build: Build, rules: RuleBook | None) -> _Row:
    diagnosis = diagnose(build, rules=rules)
    step, line, command = diagnosis.step, diagnosis.root_line, diagnosis.command
    command = shown_command(command, step) if command is not None and step is not None else None
    return (
        key,
        next((index for index, each in enumerate(build.steps) if each is step), None),
        None if step is None else step.number,
        None if step is None else step.stage_label,
        None if step is None else step.instruction,
        diagnosis.exit_code,
        diagnosis.cause,
        diagnosis.owner,
        diagnosis.retry,
        diagnosis.confidence,
        None if line is None else line.number,
        None if line is None else mask(line.text),
        _subject(diagnosis.subject),
        diagnosis.fingerprint,
        _masked(diagnosis.remedy),
        *(
            (None, None, None, None)
            if command is None
            else (command.text, command.tool, command.evidence, command.confidence)
        ),
    )
