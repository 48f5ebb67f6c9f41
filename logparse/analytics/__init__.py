"""From many builds to tables and answers: Arrow tables, and DataFrames of timings and causes."""

from logparse.analytics.causes import failure_causes
from logparse.analytics.costs import build_costs, step_costs
from logparse.analytics.schema import SCHEMA_VERSION, SCHEMAS, describe
from logparse.analytics.tables import Tables, batches, tables, to_pandas
from logparse.analytics.timings import step_timings

__all__ = [
    "SCHEMAS",
    "SCHEMA_VERSION",
    "Tables",
    "batches",
    "build_costs",
    "describe",
    "failure_causes",
    "step_costs",
    "step_timings",
    "tables",
    "to_pandas",
]
