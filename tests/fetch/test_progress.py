from __future__ import annotations

import builtins
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from logparse.fetch.progress import NullProgress, rich_progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class TestRichProgress:
    def test_draws_on_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        screen = _Terminal()
        monkeypatch.setattr(sys, "stderr", screen)
        monkeypatch.setenv("TERM", "xterm")
        bar = rich_progress("Fetching acme/sentiment")
        bar.total(4)
        bar.advance(3, 2_000_000)
        bar.close()
        assert "Fetching acme/sentiment" in screen.getvalue()
        assert "3/4" in screen.getvalue()
        assert "2.0 MB" in screen.getvalue()

    def test_is_silent_elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("FORCE_COLOR", raising=False)
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        assert isinstance(rich_progress(), NullProgress)

    def test_is_silent_without_rich(self, monkeypatch: pytest.MonkeyPatch) -> None:
        importing = builtins.__import__

        def without_rich(name: str, *rest: Any) -> Any:
            if name.startswith("rich"):
                raise ImportError(name)
            return importing(name, *rest)

        monkeypatch.setattr(builtins, "__import__", without_rich)
        bar = rich_progress()
        assert isinstance(bar, NullProgress)
        bar.total(1)
        bar.advance(1, 1)
        bar.close()

    def test_rich_is_not_imported_with_the_package(self) -> None:
        script = "import sys, logparse.fetch; sys.exit('rich' in sys.modules or 'typer' in sys.modules)"
        subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])
