"""What tests of several layers share."""

from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

from logparse import Build, Tables, parse, tables
from logparse.fetch import RecordedCluster
from tests.fixtures_path import CLUSTER

# How long an example takes says something of the machine, and nothing of the code: what is slow is measured as
# ratios, in tests/benchmarks.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# Tests begun with `nohup`, or in the background of a script, have signals ignored, and so had the commands they run.
for number in (signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def recorded_builds() -> list[Build]:
    """Every recorded build that has a log."""
    return [build for log in RecordedCluster(CLUSTER).logs() for build in parse(log)]


@pytest.fixture(scope="session")
def recorded_tables(recorded_builds: list[Build]) -> Tables:
    """The five tables of the recorded builds."""
    return tables(recorded_builds)
