"""Running the command line as a user would."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from logparse.cli import run as run_cli


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run ``logparse`` with some words in this process, 80 columns wide."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("LOGPARSE_RULES", raising=False)

    def call(*words: object) -> Result:
        capsys.readouterr()
        code = run_cli([str(word) for word in words])
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return call
