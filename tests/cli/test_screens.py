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
    "diagnose-commands": ["diagnose", "platform/image_checks/logs/900e15a7-*.log"],
    "diagnose-meaning": ["diagnose", "platform/image_checks/logs/5eb7cfc9-*.log"],
    "diagnose-lines": ["diagnose", "../builders/multiline/classic-28.log"],
    "diagnose-heredoc": ["diagnose", "../builders/heredoc_failure/buildkit-28.plain.log"],
    "diagnose-heredoc-events": ["diagnose", "../builders/heredoc_failure/buildkit-28.rawjson.jsonl"],
    "diagnose-excerpt": ["diagnose", "../builders/multiline/buildkit-28.plain.log"],
    "diagnose-unread": ["diagnose", "../builders/bad_dockerfile/buildkit-28.plain.log"],
    "diagnose-dockerfile": [
        "diagnose",
        "../builders/fail_run/classic-28.log",
        "--dockerfile",
        "../scenarios/builders/fail_run/context/Dockerfile",
    ],
    "diagnose-explain": ["diagnose", "platform/image_checks/logs/900e15a7-*.log", "--explain"],
    "diagnose-explain-silent": ["diagnose", "../builders/silent/podman.log", "--explain"],
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
