"""Reports made of tables. Each way to write them is one module here."""

from logparse.report.elements import ShownElement, shown_elements
from logparse.report.events import has_events, shown_events
from logparse.report.parquet import export
from logparse.report.rows import (
    diagnosis_row,
    element_rows,
    explanation_row,
    pull_rows,
    step_row,
    step_rows,
)

__all__ = [
    "ShownElement",
    "diagnosis_row",
    "element_rows",
    "explanation_row",
    "export",
    "has_events",
    "pull_rows",
    "shown_elements",
    "shown_events",
    "step_row",
    "step_rows",
]
