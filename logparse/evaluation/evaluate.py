"""A labelled set as a whole."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from logparse.diagnosis import RuleBook, default_rules
from logparse.evaluation.figures import Answer, Calibration, Measure, calibration
from logparse.evaluation.labels import Label, read_labels
from logparse.evaluation.logs import Logs, find_logs
from logparse.evaluation.score import Score, score
from logparse.secrets import mask

__all__ = ["Evaluation", "evaluate"]

_MEASURES = {
    "outcome": "outcome",
    "quiet": "no failure invented",
    "step": "failing step",
    "exit_code": "exit code",
    "line": "root line",
    "line_in_3": "root line in top 3",
    "cause": "cause",
    "line_and_cause": "root line and cause",
}
_BESIDE = {"line", "line_in_3"}
"""What the last line is an answer to, too."""


@dataclass(frozen=True)
class Evaluation:
    """Labelled logs, what was said of them, and how often that was right.

    Parameters
    ----------
    scores
        One entry a label, in the labels' order.
    """

    scores: tuple[Score, ...]

    @classmethod
    def joined(cls, parts: Iterable[Evaluation]) -> Evaluation:
        """Several sets as one."""
        return cls(tuple(one for part in parts for one in part.scores))

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """How often each thing that the labels ask was right; things that none asks are left out."""
        measures = (
            Measure.of(what, self._answers(key), beside=key in _BESIDE) for key, what in _MEASURES.items()
        )
        return tuple(measure for measure in measures if measure.n)

    @cached_property
    def calibration(self) -> Calibration:
        """Whether verdicts on failures had an accepted line and cause as often as they said.

        A failure that was not seen at all said nothing, and is not among them.
        """
        return calibration([one for one in self._answers("line_and_cause") if not math.isnan(one.said)])

    def _answers(self, key: str, tier: str | None = None) -> list[Answer]:
        return [
            Answer(
                one.right[key],
                one.label.scenario or index,
                one.right.get("last_line", False),
                one.diagnosis.confidence if one.diagnosis is not None and one.tier is not None else math.nan,
            )
            for index, one in enumerate(self.scores)
            if key in one.right and tier in {None, one.tier}
        ]

    @cached_property
    def tiers(self) -> tuple[Measure, ...]:
        """The same verdicts by the way they were reached: how many had an accepted line and cause."""
        tiers = {one.tier for one in self.scores if one.tier is not None and "line_and_cause" in one.right}
        return tuple(Measure.of(tier, self._answers("line_and_cause", tier)) for tier in sorted(tiers))

    @property
    def misses(self) -> tuple[Score, ...]:
        """What was not right in everything asked; the line among the first three is no miss."""
        passed = {"last_line", "line_in_3"}
        return tuple(
            one for one in self.scores if not all(ok for key, ok in one.right.items() if key not in passed)
        )

    def records(self) -> list[dict[str, Any]]:
        """One object a label, for JSON, secrets masked.

        Returns
        -------
        list of dict
            ``path``, ``scenario``; ``said`` and ``expected`` with ``outcome``, ``step``, ``exit_code``,
            ``root_line`` and ``cause`` (``said`` also ``text``, ``confidence`` and ``tier``); ``right``, by
            what was asked; ``last_line``; ``why``, in the label's words.
        """
        return [_record(one) for one in self.scores]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The same as a table.

        Columns are named ``said_outcome``, ``expected_outcome``, ``right_outcome`` and so on. What was not
        asked is missing.
        """
        flat = [
            {
                f"{group}_{key}" if isinstance(value, dict) else group: inner
                for group, value in record.items()
                for key, inner in (value.items() if isinstance(value, dict) else [("", value)])
            }
            for record in self.records()
        ]
        frame = pd.DataFrame(flat)
        for column in frame.columns:
            if column.startswith("right_"):
                frame[column] = frame[column].astype("boolean")
            elif column.endswith(("_step", "_exit_code", "_root_line")) or column == "last_line":
                frame[column] = frame[column].astype("Int64")
        return frame


def evaluate(
    labels: str | os.PathLike[str] | Sequence[Label],
    logs: Logs | None = None,
    rules: RuleBook | None = None,
) -> Evaluation:
    r"""Diagnose labelled logs, and tell how often the diagnoses are right.

    Parameters
    ----------
    labels
        A file of labels (:mod:`logparse.evaluation.labels`), or the labels.
    logs
        Where the logs are, by the names that the labels give them: a folder, an archive, a Parquet file with
        the columns ``name`` and ``log``, or a mapping. By default, the folder of the file of labels.
    rules
        The rules to diagnose by, by default those that come with the package.

    Raises
    ------
    LabelError
        A label cannot be read, or its log is not there.
    SourceError
        The logs cannot be read.

    Examples
    --------
    >>> result = evaluate(
    ...     [Label(name="a", lines=frozenset({4}), line=4)],
    ...     {"a": b"Step 1/1 : RUN x\n ---> Running in 0123456789ab\nhello\n/bin/sh: 1: x: not found\n"
    ...           b"The command '/bin/sh -c x' returned a non-zero code: 127\n"},
    ... )
    >>> [(measure.what, measure.right, measure.n) for measure in result.measures]
    [('outcome', 1, 1), ('root line', 1, 1), ('root line in top 3', 1, 1)]
    """
    if isinstance(labels, str | os.PathLike):
        path = Path(labels)
        known: Sequence[Label] = read_labels(path)
        place = find_logs(path.parent if logs is None else logs)
    else:
        known, place = labels, find_logs(Path() if logs is None else logs)
    book = rules or default_rules()
    return Evaluation(tuple(score(label, place.find(label), book) for label in known))


def _record(one: Score) -> dict[str, Any]:
    label, said = one.label, one.diagnosis
    step = said.step if said is not None else None
    line = said.root_line if said is not None else None
    return {
        "path": label.name,
        "scenario": label.scenario,
        "said": {
            "outcome": said.outcome.value if said is not None else None,
            "step": step.number if step is not None else None,
            "instruction": mask(step.text) if step is not None else None,
            "exit_code": said.exit_code if said is not None else None,
            "root_line": line.number if line is not None else None,
            "text": mask(line.text) if line is not None else None,
            "cause": said.cause if said is not None else None,
            "confidence": said.confidence if said is not None else None,
            "tier": one.tier,
        },
        "expected": {
            "outcome": label.outcome,
            "step": label.step,
            "instruction": mask(label.instruction) if label.instruction is not None else None,
            "exit_code": label.exit_code,
            "root_line": label.line,
            "cause": label.cause,
        },
        "right": dict(one.right),
        "last_line": one.last.number if one.last is not None else None,
        "why": mask(label.why),
    }
