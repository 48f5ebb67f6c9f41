"""More logs than are held in memory are read twice; their reader is told everything once."""

from __future__ import annotations

import pytest

GOOD = b"Step 1/1 : FROM a\n ---> Using cache\n ---> 0123456789ab\nSuccessfully built 0123456789ab\n"


class TestManyLogs:
    @pytest.fixture(autouse=True)
    def _little_memory(self, monkeypatch):
        monkeypatch.setattr("logparse.cli.timed._HELD", 10)

    @pytest.fixture
    def logs(self, tmp_path):
        folder = tmp_path / "logs"
        folder.mkdir()
        (folder / "good.log").write_bytes(GOOD)
        (folder / "other.log").write_bytes(b"the quick brown fox\n")
        (folder / "torn.log.gz").write_bytes(b"\x1f\x8b\x08\x00torn")
        return folder

    def test_what_is_passed_over_is_told_once(self, run, logs, tmp_path):
        result = run("export", logs, "--out", tmp_path / "report")
        assert result.code == 0
        assert result.err.count(f"no build is in them: {logs / 'other.log'}") == 1
        assert result.err.count(f"Passed over {logs / 'torn.log.gz'}") == 1
        assert result.err.count("Passed over") == 2

    def test_without_estimates_the_same_is_told(self, run, logs, tmp_path):
        once = run("export", logs, "--out", tmp_path / "report", "--no-estimate")
        assert once.err == run("export", logs, "--out", tmp_path / "report").err

    def test_steps_tell_it_once_too(self, run, logs):
        result = run("steps", logs, "--format", "jsonl")
        assert len(result.out.splitlines()) == 1
        assert result.err.count("Passed over") == 2
