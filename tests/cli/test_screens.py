"""What people see, kept as files in ``screens/``.

After a change that is meant, ``LOGPARSE_UPDATE_SCREENS=1 python -m pytest tests/cli/test_screens.py`` writes them anew;
read the difference before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fixtures_path import CLUSTER

SCREENS = Path(__file__).parent / "screens"
COMMANDS = {
    "diagnose-one": ["diagnose", "stats/forecast/logs/2df8b868-*.log"],
    "diagnose-copy": ["diagnose", "acme/sentiment/logs/d69ba464-*.log"],
    "diagnose-killed": ["diagnose", "acme/sentiment/logs/6f4f0d98-*.log"],
    "diagnose-good": ["diagnose", "logistics/routing/logs/*.log"],
    "diagnose-many": ["diagnose", "vision/embedder"],
    "diagnose-full": ["diagnose", "vision/embedder/logs", "--full"],
    "steps-one": ["steps", "acme/sentiment/logs/d69ba464-*.log"],
    "pulls-one": ["pulls", "acme/sentiment/logs/d69ba464-*.log"],
    "explain-one": ["explain", "acme/sentiment/logs/d69ba464-*.log"],
    "help": ["--help"],
    "help-diagnose": ["diagnose", "--help"],
    "help-explain": ["explain", "--help"],
    "help-fetch": ["fetch", "--help"],
    "help-rules": ["rules", "--help"],
    "rules-list": ["rules", "list", "--cause", "team", "--rules", "../../tests/cli/rules"],
    "rules-show": ["rules", "show", "team.frob", "--rules", "../../tests/cli/rules"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_screen(run, monkeypatch, name):
    monkeypatch.chdir(CLUSTER)
    result = run(*COMMANDS[name])
    screen = "\n".join(line.rstrip() for line in result.out.splitlines()) + "\n"
    expected = SCREENS / f"{name}.txt"
    if os.environ.get("LOGPARSE_UPDATE_SCREENS"):
        SCREENS.mkdir(exist_ok=True)
        expected.write_text(screen)
    assert screen == expected.read_text()
    assert result.err == ""
    assert max(map(len, screen.splitlines())) <= 80


def test_no_screen_is_left_over():
    assert {path.stem for path in SCREENS.iterdir()} == COMMANDS.keys()
