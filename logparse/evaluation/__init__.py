"""How often diagnoses are right, against labels that people made by reading the logs.

:func:`evaluate` diagnoses the logs of a labelled set and compares. What a label may say, and in which words,
is told in :mod:`logparse.evaluation.labels`; what counts as right, in :mod:`logparse.evaluation.score`; how
far a share or a confidence can be trusted, in :mod:`logparse.evaluation.figures`.
"""

from __future__ import annotations

from logparse.evaluation.evaluate import Evaluation, evaluate
from logparse.evaluation.figures import Bin, Calibration, Measure, wilson
from logparse.evaluation.labels import Label, LabelError, read_labels
from logparse.evaluation.score import Score, score

__all__ = [
    "Bin",
    "Calibration",
    "Evaluation",
    "Label",
    "LabelError",
    "Measure",
    "Score",
    "evaluate",
    "read_labels",
    "score",
    "wilson",
]
