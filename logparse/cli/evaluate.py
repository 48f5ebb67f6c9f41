"""``logparse eval``: how often diagnoses are right on labelled logs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from logparse.cli.console import Format, console, safe, write_json
from logparse.cli.screens import plain_table
from logparse.diagnosis import load_book
from logparse.errors import UsageError
from logparse.evaluation import Calibration, Evaluation, Measure, Score, evaluate
from logparse.secrets import mask

__all__ = ["eval_labels"]

_COLUMNS = ("n", "Cases", "Right", "%", "95 %", "Last line")
_TEXT_SHOWN = 200
_OTHERS_SHOWN = 3


def eval_labels(  # noqa: PLR0917 - how Typer declares options
    labels: Annotated[
        list[Path],
        typer.Argument(metavar="LABELS", help="Files of labels, one JSON object a line.", show_default=False),
    ],
    logs: Annotated[
        list[Path] | None,
        typer.Option(
            "--logs",
            help="Their logs: a folder, an archive, or a Parquet file with the columns name and log; once, or"
            " once for each file of labels [the folder of the labels].",
            show_default=False,
        ),
    ] = None,
    rules: Annotated[
        list[Path] | None,
        typer.Option("--rules", help="Files or folders of rules of your own.", show_default=False),
    ] = None,
    misses: Annotated[bool, typer.Option("--misses", help="Also what was not right.")] = False,
    tiers: Annotated[
        bool, typer.Option("--tiers", help="Also verdicts by the way they were reached.")
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
) -> None:
    """Tell how often diagnoses are right on labelled logs.

    Beside taking the last line, and with how far to trust the confidences.
    """
    places: Sequence[Path | None] = logs or [None]
    if len(places) == 1:
        places = [*places] * len(labels)
    if len(places) != len(labels):
        raise UsageError(
            f"{len(labels)} files of labels do not go with {len(places)} --logs; give one, or one for each."
        )
    book = load_book(*rules or ())
    parts = [evaluate(path, place, book) for path, place in zip(labels, places, strict=True)]
    whole = Evaluation.joined(parts)
    if form is Format.JSONL:
        write_json(whole.records(), form)
    elif form is Format.JSON:
        sys.stdout.write(json.dumps(_summary(labels, parts, whole), ensure_ascii=False, indent=2) + "\n")
    else:
        _show(labels, parts, whole, misses=misses, tiers=tiers)


def _summary(labels: Sequence[Path], parts: Sequence[Evaluation], whole: Evaluation) -> dict[str, Any]:
    """Everything at once: figures of each file and of all together, and every label."""
    return {
        "sets": [
            {"labels": str(path), "measures": _measures(part)}
            for path, part in zip(labels, parts, strict=True)
        ],
        "measures": _measures(whole),
        "calibration": {
            "bins": [one._asdict() for one in whole.calibration.bins],
            "brier": _number(whole.calibration.brier),
            "error": _number(whole.calibration.error),
        },
        "tiers": [tier._asdict() for tier in whole.tiers],
        "labels": whole.records(),
    }


def _measures(part: Evaluation) -> list[dict[str, Any]]:
    return [measure._asdict() for measure in part.measures]


def _number(value: float) -> float | None:
    """JSON has no word for what is no number."""
    return None if math.isnan(value) else value


def _show(
    labels: Sequence[Path], parts: Sequence[Evaluation], whole: Evaluation, *, misses: bool, tiers: bool
) -> None:
    for path, part in zip(labels, parts, strict=True):
        console.print(safe(f"{path}: {_count(len(part.scores), 'label')}", "bold"), soft_wrap=True)
        console.print(_measure_table(part.measures))
    if len(parts) > 1:
        console.print(safe(f"All together: {_count(len(whole.scores), 'label')}", "bold"))
        console.print(_measure_table(whole.measures))
    if whole.calibration.bins:
        console.print("Verdicts on failures, by the confidence they said", style="bold")
        console.print(_calibration_table(whole.calibration))
        console.print(
            f"Brier score {whole.calibration.brier:.3f}, expected calibration error"
            f" {whole.calibration.error:.3f}"
        )
    if tiers:
        console.print("\nVerdicts on failures, by the way they were reached", style="bold")
        console.print(_measure_table(whole.tiers))
    if misses:
        console.print(f"\nNot right: {_count(len(whole.misses), 'label')}", style="bold")
        for one in whole.misses:
            _show_miss(one)


def _measure_table(measures: Sequence[Measure]) -> Table:
    table = plain_table("", *_COLUMNS, right={*_COLUMNS} - {"95 %"})
    for measure in measures:
        table.add_row(
            measure.what,
            str(measure.n),
            str(measure.cases),
            str(measure.right),
            _percent(measure.share),
            f"{_percent(measure.low)} to {_percent(measure.high)}",
            "" if measure.last_line is None else _percent(measure.last_line),
        )
    return table


def _calibration_table(found: Calibration) -> Table:
    table = plain_table(
        "Said", "n", "Cases", "Mean said %", "Right %", "95 %", right={"n", "Cases", "Mean said %", "Right %"}
    )
    for one in found.bins:
        table.add_row(
            f"{one.above:.2f} to {one.up_to:.2f}",
            str(one.n),
            str(one.cases),
            _percent(one.said),
            _percent(one.share),
            f"{_percent(one.low)} to {_percent(one.high)}",
        )
    return table


def _show_miss(one: Score) -> None:
    label, said = one.label, one.diagnosis
    wrong = [
        key for key, right in one.right.items() if not right and key not in {"last_line", "line_and_cause"}
    ]
    console.print(safe(f"{label.name}: {', '.join(wrong).replace('_', ' ')}"), soft_wrap=True)
    if said is None:
        console.print("  said: no build is in it")
    else:
        step = f"step {said.step.number}" if said.step is not None else "no step"
        console.print(
            safe(
                f"  said: {said.outcome.value}, {step}, exit code {_or_none(said.exit_code)},"
                f" {_or_none(said.cause)} ({said.confidence:.2f})"
            )
        )
        if said.root_line is not None:
            console.print(
                safe(f"        line {said.root_line.number}: {mask(said.root_line.text)[:_TEXT_SHOWN]}"),
                soft_wrap=True,
            )
        others = [one for one in said.candidates if one.line != said.root_line][:_OTHERS_SHOWN]
        if others:
            words = ", ".join(f"line {one.line.number} {one.cause or 'no cause'}" for one in others)
            console.print(safe(f"        before {words}"), soft_wrap=True)
    wanted = [label.outcome]
    if label.steps is not None:
        wanted.append("step " + _or_list(label.steps))
    if label.exit_codes is not None:
        wanted.append("exit code " + _or_list(label.exit_codes))
    if label.causes is not None:
        wanted.append(" or ".join(label.causes))
    if label.lines is not None:
        ends = f" ending in {' or '.join(label.ends)}" if label.ends else ""
        wanted.append(f"line {_or_list(label.lines)}{ends}")
    console.print(safe(f"  right: {', '.join(wanted)}"), soft_wrap=True)
    if label.why:
        console.print(safe(f"  why: {label.why}"), soft_wrap=True)


def _or_list(values: frozenset[int] | frozenset[int | None]) -> str:
    return " or ".join(
        _or_none(value) for value in sorted(values, key=lambda value: (value is None, value or 0))
    )


def _or_none(value: object) -> str:
    return "none" if value is None else str(value)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
