"""Why a build failed: its root line, the cause, and what to do.

:func:`diagnose` looks at the failing step, or at the builder's own words where the builder failed, ranks what
may explain the failure (:mod:`~logparse.diagnosis.root_line`), and names the cause by the rules in
:mod:`~logparse.diagnosis.rules`. What is known about tools is data: ``causes.toml`` and ``rules/*.toml``, and
files of your own beside them (:func:`load_book`).
"""

from __future__ import annotations

from logparse.diagnosis.account import Considered, Explanation, explain
from logparse.diagnosis.diagnose import diagnose
from logparse.diagnosis.fingerprint import fingerprint
from logparse.diagnosis.messages import messages
from logparse.diagnosis.ranking import Part
from logparse.diagnosis.rules import (
    Cause,
    Rule,
    RuleBook,
    RuleError,
    default_rules,
    examine_rules,
    load_book,
    load_causes,
    load_rules,
)

__all__ = [
    "Cause",
    "Considered",
    "Explanation",
    "Part",
    "Rule",
    "RuleBook",
    "RuleError",
    "default_rules",
    "diagnose",
    "examine_rules",
    "explain",
    "fingerprint",
    "load_book",
    "load_causes",
    "load_rules",
    "messages",
]
