"""Where the recorded builds are, for tests and benchmarks."""

from __future__ import annotations

from pathlib import Path

FIXTURES = Path(__file__).parents[1] / "fixtures"
CLUSTER = FIXTURES / "cluster"
LOGS = sorted(CLUSTER.glob("*/*/logs/*.log"))
