"""``logparse eval`` as its user sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.test_evaluation import FAILED, GOOD, LABEL, write

RULE = """
[[rule]]
id = "mine.gone"
cause = "pip.hash"
role = "cause"
weight = 60
anchors = ["No matching distribution"]
pattern = 'ERROR: No matching distribution found for \\S{1,200}'
samples = ["ERROR: No matching distribution found for x==9"]
counter = ["No matching distribution is needed"]
"""


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    (tmp_path / "a.log").write_bytes(FAILED)
    (tmp_path / "b.log").write_bytes(FAILED)
    (tmp_path / "good.log").write_bytes(GOOD)
    return write(
        tmp_path / "labels.jsonl",
        LABEL,
        {**LABEL, "path": "b.log", "step": 1, "root_line": 5, "accepted": [], "why": "the moon was full"},
        {"path": "good.log", "outcome": "succeeded"},
    )


def cells(out: str, first: str) -> list[str]:
    [line] = [line for line in out.splitlines() if line.startswith(first)]
    return line.removeprefix(first).split()


class TestTable:
    def test_a_row_for_each_thing_that_is_asked(self, run, labels):
        result = run("eval", labels)
        assert result.code == 0
        assert cells(result.out, "outcome") == ["3", "3", "3", "100.0", "43.9", "to", "100.0"]
        assert cells(result.out, "no failure invented")[:4] == ["1", "1", "1", "100.0"]
        assert cells(result.out, "failing step")[:4] == ["2", "2", "1", "50.0"]
        assert cells(result.out, "exit code")[:4] == ["2", "2", "2", "100.0"]
        assert cells(result.out, "cause")[:4] == ["2", "2", "2", "100.0"]
        assert cells(result.out, "root line and cause")[:4] == ["2", "2", "1", "50.0"]
        # The last line is one that a label takes, the root line is one of two.
        assert cells(result.out, "root line  ") == ["2", "2", "1", "50.0", "9.5", "to", "90.5", "50.0"]

    def test_confidences(self, run, labels):
        out = run("eval", labels).out
        [row] = [line.split() for line in out.splitlines() if line.startswith("0.95 to 1.00")]
        assert row[3:5] == ["2", "2"]
        assert "50.0" in row
        assert "Brier score 0." in out
        assert "expected calibration error 0." in out

    def test_it_is_80_columns_wide(self, run, labels):
        lines = run("eval", labels, "--tiers").out.splitlines()
        assert max(len(line) for line in lines if str(labels) not in line) <= 80

    def test_misses_tell_what_was_said_what_is_right_and_why(self, run, labels):
        out = run("eval", labels, "--misses").out
        told = out[out.index("Not right") :]
        assert "Not right: 1 label" in told
        assert "b.log: step, line" in told
        assert "said: failed, step 2, exit code 1, pip.no-version (0.9" in told
        assert ": ERROR: " in told
        assert "before line " in told
        assert "right: failed, step 1, exit code 1, pip.no-version, line 5" in told
        assert "why: the moon was full" in told
        assert "a.log" not in told

    def test_tiers_count_right_and_all(self, run, labels):
        out = run("eval", labels, "--tiers").out
        assert cells(out, "near ")[:4] == ["2", "2", "1", "50.0"]

    def test_several_sets_are_shown_one_by_one_and_together(self, run, labels):
        other = write(labels.parent / "other.jsonl", LABEL)
        out = run("eval", labels, other).out
        assert f"{labels}: 3 labels" in out
        assert f"{other}: 1 label" in out
        assert "All together: 4 labels" in out

    def test_rules_of_ones_own(self, run, labels, tmp_path):
        rules = tmp_path / "mine.toml"
        rules.write_text(RULE)
        assert cells(run("eval", labels).out, "cause")[2] == "2"
        assert cells(run("eval", labels, "--rules", rules).out, "cause")[2] == "0"

    def test_nothing_of_a_log_repaints_the_terminal(self, run, tmp_path):
        evil = FAILED.replace(b"x==9\n\x1b[0mThe", b"x==9\x1b[2J\x1b]0;owned\x07\n\x1b[0mThe")
        (tmp_path / "a.log").write_bytes(evil)
        path = write(tmp_path / "labels.jsonl", {**LABEL, "root_line": 5, "accepted": [], "why": "\x1b[2Jno"})
        out = run("eval", path, "--misses").out
        assert "Not right: 1 label" in out
        assert not any(character in out for character in "\x1b\x07")

    def test_secrets_in_a_line_are_masked(self, run, tmp_path):
        secret = b"ghp_0123456789abcdefghijklmnopqrstuvwxyzAB"
        (tmp_path / "a.log").write_bytes(FAILED.replace(b"(from versions: 1)", b"token=" + secret))
        path = write(tmp_path / "labels.jsonl", {"path": "a.log", "root_line": 1, "outcome": "failed"})
        for form in (["--misses"], ["--format", "jsonl"], ["--format", "json"]):
            out = run("eval", path, *form).out
            assert "requirement x==9 token=" in out
            assert secret.decode() not in out


class TestData:
    def test_jsonl_is_one_object_a_label(self, run, labels):
        first, second, third = map(json.loads, run("eval", labels, "--format", "jsonl").out.splitlines())
        assert first["path"] == "a.log"
        assert first["right"] == {
            "outcome": True,
            "step": True,
            "exit_code": True,
            "line": True,
            "line_in_3": True,
            "last_line": True,
            "cause": True,
            "line_and_cause": True,
        }
        assert first["said"]["cause"] == "pip.no-version"
        assert first["said"]["root_line"] in {6, 7}
        assert first["expected"]["root_line"] == 6
        assert first["last_line"] == 7
        assert (second["right"]["step"], second["why"]) == (False, "the moon was full")
        assert third["right"] == {"outcome": True, "quiet": True}

    def test_json_has_the_figures_too(self, run, labels):
        found = json.loads(run("eval", labels, "--format", "json").out)
        measures = {measure["what"]: measure for measure in found["measures"]}
        assert (measures["root line"]["right"], measures["root line"]["n"]) == (1, 2)
        assert measures["root line"]["last_line"] == 0.5
        assert found["sets"][0]["measures"] == found["measures"]
        assert sum(one["n"] for one in found["calibration"]["bins"]) == 2
        [tier] = found["tiers"]
        assert (tier["what"], tier["right"], tier["n"]) == ("near", 1, 2)
        assert len(found["labels"]) == 3

    def test_json_of_nothing_to_calibrate_is_json(self, run, tmp_path):
        (tmp_path / "good.log").write_bytes(GOOD)
        path = write(tmp_path / "labels.jsonl", {"path": "good.log", "outcome": "succeeded"})
        found = json.loads(run("eval", path, "--format", "json").out)
        assert found["calibration"] == {"bins": [], "brier": None, "error": None}


class TestErrors:
    def check(self, result, *words: str) -> None:
        assert result.code == 2
        assert result.out == ""
        assert result.err.count("\n") == 1
        for word in words:
            assert word in result.err

    def test_labels_that_are_not_there(self, run, tmp_path):
        self.check(run("eval", tmp_path / "none.jsonl"), "none.jsonl does not exist", "check the path")

    def test_a_line_that_is_no_json(self, run, labels):
        labels.write_text(labels.read_text() + "nope\n")
        self.check(run("eval", labels), "Line 4 of", "is no JSON object")

    def test_a_log_that_is_not_there(self, run, labels):
        (labels.parent / "b.log").unlink()
        self.check(run("eval", labels), "'b.log' of line 2 of", "is not in", "say where the logs are")

    def test_places_that_do_not_go_with_the_labels(self, run, labels):
        result = run("eval", labels, labels, labels, "--logs", labels.parent, "--logs", labels.parent)
        self.check(result, "3 files of labels do not go with 2 --logs")

    def test_no_labels_named(self, run):
        self.check(run("eval"), "LABELS")
