"""How diagnoses are compared with labels, and that the figures in the README are those of now."""

from __future__ import annotations

import io
import json
import math
import re
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from logparse.bundle import read_bundle
from logparse.diagnosis import RuleBook, default_rules
from logparse.errors import SourceError
from logparse.evaluation import (
    Evaluation,
    Label,
    LabelError,
    Measure,
    evaluate,
    read_labels,
    score,
    wilson,
)
from logparse.evaluation.figures import Answer, calibration
from logparse.model import Log, Status
from logparse.parser import parse
from tests.fixtures_path import FIXTURES

README = (FIXTURES.parent / "README.md").read_text(encoding="utf-8")
SETS = ("labels.jsonl", "labels-builders.jsonl")

FAILED = (
    b"Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : RUN pip install x==9\n ---> Running in ba9876543210\n"
    b"Collecting x==9\n"
    b"\x1b[91mERROR: Could not find a version that satisfies the requirement x==9 (from versions: 1)\n"
    b"\x1b[0m\x1b[91mERROR: No matching distribution found for x==9\n\x1b[0m"
    b"The command '/bin/sh -c pip install x==9' returned a non-zero code: 1\n"
)
GOOD = (
    b"Step 1/1 : RUN make\n ---> Running in 0123456789ab\nERROR: No matching distribution found for x\n"
    b"Removing intermediate container 0123456789ab\n ---> ba9876543210\nSuccessfully built ba9876543210\n"
)
LABEL = {
    "path": "a.log",
    "outcome": "failed",
    "step": 2,
    "exit_code": 1,
    "root_line": 6,
    "accepted": [7],
    "cause": "pip.no-version",
}


def write(path: Path, *entries: dict[str, Any] | str) -> Path:
    lines = [entry if isinstance(entry, str) else json.dumps(entry) for entry in entries]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(tmp_path: Path, entry: dict[str, Any]) -> Label:
    [label] = read_labels(write(tmp_path / "one.jsonl", entry))
    return label


def right(log: bytes, **asked: Any) -> dict[str, bool]:
    """What is right of a label that asks these things of a log."""
    return score(Label(name="a", **asked), Log(data=log), default_rules()).right


class TestLabels:
    def test_of_the_documented_form(self, tmp_path):
        label = read(tmp_path, {**LABEL, "accepted_causes": ["pip.*"], "why": "no such version", "build": 0})
        assert label.name == "a.log"
        assert (label.build, label.line) == (0, 6)
        assert label.steps == frozenset({2})
        assert label.exit_codes == frozenset({1})
        assert label.lines == frozenset({6, 7})
        assert label.causes == ("pip.no-version", "pip.*")
        assert label.why == "no such version"
        assert label.where.startswith("line 1 of ")

    def test_in_the_words_of_other_sets(self, tmp_path):
        label = read(
            tmp_path,
            {
                "file": "040_x.log",
                "path": "docs/build.log",
                "failing_step": 6,
                "failing_instruction": "RUN npm run build",
                "exit_code": 1,
                "error_line": 130,
                "error_line_alternatives": [128],
                "causes_accepted": ["webpack.error", "node.bundle*"],
                "notes": "repeated in the summary",
            },
        )
        assert label.name == "040_x.log"
        assert (label.outcome, label.instruction, label.line) == ("failed", "RUN npm run build", 130)
        assert label.steps == frozenset({6})
        assert label.lines == frozenset({128, 130})
        assert label.causes == ("webpack.error", "node.bundle*")
        assert label.why == "repeated in the summary"

    def test_a_root_line_may_be_an_object(self, tmp_path):
        label = read(tmp_path, {"name": "a", "root_line": {"number": 3, "text": "x"}})
        assert label.lines == frozenset({3})

    def test_what_is_left_out_is_not_asked(self, tmp_path):
        label = read(tmp_path, {"name": "a"})
        assert label.outcomes == {"failed"}
        assert (label.steps, label.exit_codes, label.lines, label.causes) == (None, None, None, None)

    def test_null_asks_that_there_is_none_but_not_in_the_other_form(self, tmp_path):
        label = read(tmp_path, {"path": "a", "step": None, "exit_code": None})
        assert label.steps == frozenset({None})
        assert label.exit_codes == frozenset({None})
        assert read(tmp_path, {"path": "a", "failing_step": None}).steps is None

    def test_an_end_that_the_log_does_not_show_has_two_names(self, tmp_path):
        assert read(tmp_path, {"path": "a", "outcome": "unknown"}).outcomes == {"unknown", "incomplete"}

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("nope", "Line 2 of {} is no JSON object: write one label a line."),
            ("[1]", "Line 2 of {} is no JSON object: write one label a line."),
            ("[" * 100_000, "Line 2 of {} is no JSON object: write one label a line."),
            ('{"step": 1}', "Line 2 of {} names no log: give it a 'path'."),
            ('{"path": "a", "step": "x"}', "Line 2 of {} cannot be used: 'step' has \"x\", not a number."),
            ('{"path": "a", "step": true}', "Line 2 of {} cannot be used: 'step' has true, not a number."),
            ('{"path": "a", "accepted": 3}', "Line 2 of {} cannot be used: 'accepted' is 3, not a list."),
            (
                '{"path": "a", "outcome": "broken"}',
                "Line 2 of {} cannot be used: 'broken' is no outcome;"  # noqa: ISC004
                " take one of canceled, failed, incomplete, succeeded, unknown.",
            ),
            (
                '{"path": "a", "status": "done"}',
                "Line 2 of {} cannot be used: 'done' is no status; take one of failed, in-progress, succeeded.",
            ),
        ],
    )
    def test_a_line_that_is_none_is_named(self, tmp_path, line, said):
        path = write(tmp_path / "labels.jsonl", LABEL, line)
        with pytest.raises(LabelError) as raised:
            read_labels(path)
        assert str(raised.value) == said.format(path)
        assert raised.value.exit_code == 2

    def test_a_file_that_is_not_there_or_empty_or_no_text(self, tmp_path):
        with pytest.raises(LabelError, match=r"none\.jsonl does not exist"):
            read_labels(tmp_path / "none.jsonl")
        with pytest.raises(LabelError, match="There is no label in"):
            read_labels(write(tmp_path / "empty.jsonl", " "))
        (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(LabelError, match="cannot be read as labels"):
            read_labels(tmp_path / "binary.jsonl")


class TestLogs:
    """One label and one log, wherever that is."""

    @pytest.fixture
    def labels(self, tmp_path):
        return write(tmp_path / "labels.jsonl", {**LABEL, "path": "part/a.log"})

    def check(self, result: Evaluation) -> None:
        assert [measure.right for measure in result.measures] == [1] * 7

    def test_beside_the_labels(self, labels, tmp_path):
        (tmp_path / "part").mkdir()
        (tmp_path / "part" / "a.log").write_bytes(FAILED)
        self.check(evaluate(labels))

    def test_in_another_folder_under_an_odd_name(self, tmp_path):
        (tmp_path / "logs").mkdir()
        (tmp_path / "logs" / "a[1]*.log").write_bytes(FAILED)
        labels = write(tmp_path / "labels.jsonl", {**LABEL, "path": "a[1]*.log"})
        self.check(evaluate(labels, tmp_path / "logs"))

    def test_in_a_zip_archive(self, labels, tmp_path):
        with zipfile.ZipFile(tmp_path / "logs.zip", "w") as archive:
            archive.writestr("part/a.log", FAILED)
        self.check(evaluate(labels, tmp_path / "logs.zip"))

    def test_in_a_tar_archive(self, labels, tmp_path):
        with tarfile.open(tmp_path / "logs.tar.gz", "w:gz") as archive:
            member = tarfile.TarInfo("part/a.log")
            member.size = len(FAILED)
            archive.addfile(member, io.BytesIO(FAILED))
        self.check(evaluate(labels, tmp_path / "logs.tar.gz"))

    @pytest.mark.parametrize("value", [FAILED, FAILED.decode()], ids=["bytes", "text"])
    def test_in_a_table(self, labels, tmp_path, value):
        pq.write_table(
            pa.table({"name": ["b", "part/a.log"], "log": [value, value]}), tmp_path / "logs.parquet"
        )
        self.check(evaluate(labels, tmp_path / "logs.parquet"))

    def test_given(self, labels):
        self.check(evaluate(labels, {"part/a.log": FAILED}))
        self.check(evaluate(read_labels(labels), {"part/a.log": FAILED.decode()}))

    def test_in_utf_16(self, labels):
        self.check(evaluate(labels, {"part/a.log": FAILED.decode().encode("utf-16")}))

    def test_one_that_is_missing_is_named_with_its_line(self, labels, tmp_path):
        (tmp_path / "logs").mkdir()
        said = "The log 'part/a.log' of line 1 of {} is not in {}: say where the logs are."
        with pytest.raises(LabelError) as raised:
            evaluate(labels, tmp_path / "logs")
        assert str(raised.value) == said.format(labels, tmp_path / "logs")
        with pytest.raises(LabelError) as raised:
            evaluate(labels, {})
        assert str(raised.value) == said.format(labels, "the logs given")

    def test_a_table_without_the_columns_is_told(self, labels, tmp_path):
        pq.write_table(pa.table({"name": ["a"]}), tmp_path / "logs.parquet")
        with pytest.raises(SourceError, match=r"logs\.parquet"):
            evaluate(labels, tmp_path / "logs.parquet")
        (tmp_path / "text.parquet").write_text("no table")
        with pytest.raises(SourceError, match="cannot be read as a table"):
            evaluate(labels, tmp_path / "text.parquet")


class TestScore:
    def test_all_of_a_failure_is_right(self):
        assert right(
            FAILED,
            steps=frozenset({2}),
            exit_codes=frozenset({1}),
            line=6,
            lines=frozenset({6, 7}),
            causes=("pip.no-version",),
        ) == {
            "outcome": True,
            "step": True,
            "exit_code": True,
            "line": True,
            "line_in_3": True,
            "last_line": True,
            "cause": True,
            "line_and_cause": True,
        }

    def test_all_of_a_failure_is_wrong(self):
        found = right(
            FAILED,
            outcomes=frozenset({"canceled"}),
            steps=frozenset({1, None}),
            exit_codes=frozenset({None}),
            line=1,
            lines=frozenset({1}),
            causes=("apt.*",),
        )
        assert set(found.values()) == {False}

    def test_only_what_is_asked_is_answered(self):
        assert right(FAILED) == {"outcome": True}

    def test_an_accepted_line_among_the_first_three_is_not_the_root_line(self):
        found = right(FAILED, line=7, lines=frozenset({7}))
        other = right(FAILED, line=6, lines=frozenset({6}))
        assert sorted([found["line"], other["line"]]) == [False, True]
        assert found["line_in_3"]
        assert other["line_in_3"]

    def test_how_the_text_ends_counts_where_it_is_asked(self):
        lines = frozenset({6, 7})
        assert right(FAILED, line=6, lines=lines, ends=("(from versions: 1)", "found for x==9"))["line"]
        assert not right(FAILED, line=6, lines=lines, ends=("found for y==9",))["line"]

    def test_a_pattern_stands_for_causes(self):
        assert right(FAILED, causes=("npm.404", "pip.*"))["cause"]

    def test_an_instruction_counts_where_no_number_is_given(self):
        assert right(FAILED, instruction="RUN  pip install")["step"]
        assert not right(FAILED, instruction="RUN npm install")["step"]
        assert not right(FAILED, instruction="exporting to image")["step"]

    def test_a_build_that_succeeded_must_be_left_alone(self):
        good = {"outcome": "succeeded", "outcomes": frozenset({"succeeded"})}
        assert right(GOOD, **good) == {"outcome": True, "quiet": True}
        assert right(FAILED, **good) == {"outcome": False, "quiet": False}

    def test_a_failure_that_the_log_does_not_show_is_missed_unless_the_api_told(self):
        cut = FAILED[: FAILED.index(b"The command")]
        asked = {
            "steps": frozenset({2}),
            "exit_codes": frozenset({None}),
            "lines": frozenset({6, 7}),
            "line": 6,
        }
        missed = right(cut, **asked)
        assert not any(missed[key] for key in ("outcome", "step", "exit_code", "line", "line_in_3"))
        told = right(cut, **asked, status=Status.FAILED)
        assert told["outcome"]
        assert told["line"]

    def test_the_last_build_that_failed_is_meant_unless_one_is_named(self):
        two = FAILED + GOOD
        assert right(two, line=6, lines=frozenset({6, 7}))["line"]
        named = {"outcome": "succeeded", "outcomes": frozenset({"succeeded"})}
        assert right(two, build=1, **named)["outcome"]
        assert right(two, build=2) == {"outcome": False}

    def test_of_two_that_failed_the_one_with_the_root_line_is_meant(self):
        two = FAILED + FAILED.replace(b"x==9", b"y==9")
        first = {"line": 6, "lines": frozenset({6, 7}), "ends": ("x==9", "(from versions: 1)")}
        assert right(two, **first)["line"]
        assert right(two, line=14, lines=frozenset({14, 15}))["line"]
        assert not right(two, line=99, lines=frozenset({6, 7}))["line"]

    def test_a_log_without_a_build(self):
        result = score(
            Label(name="a", line=1, lines=frozenset({1}), causes=("x",)), Log(data=b""), default_rules()
        )
        assert result.diagnosis is None
        assert not any(result.right.values())


class TestLastLine:
    def last(self, log: str) -> tuple[int, str] | None:
        return score(Label(name="a"), Log(data=log.encode()), default_rules()).last

    def test_of_the_classic_builder(self):
        assert self.last(FAILED.decode()) == (7, "ERROR: No matching distribution found for x==9")

    def test_of_buildkit_is_before_all_that_it_repeats(self):
        log = (
            "#5 [2/3] RUN make\n#5 0.210 x.c:1:1: error: no\n#5 0.300 make: *** [x] Error 1\n"
            '#5 ERROR: process "/bin/sh -c make" did not complete successfully: exit code: 2\n------\n'
            " > [2/3] RUN make:\n0.210 x.c:1:1: error: no\n------\nDockerfile:2\n--------------------\n"
            "   2 | >>> RUN make\n--------------------\n"
            'ERROR: failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2\n'
        )
        assert self.last(log) == (3, "make: *** [x] Error 1")

    def test_of_a_log_without_closing_words_is_its_last(self):
        assert self.last("Step 1/1 : RUN make\n ---> Running in 0123456789ab\nhalf\n\n") == (3, "half")


class TestFigures:
    def test_the_interval_of_wilson(self):
        # Brown, Cai and DasGupta 2001 give such intervals; these were worked out by hand.
        assert [round(bound, 4) for bound in wilson(5, 10)] == [0.2366, 0.7634]
        assert [round(bound, 4) for bound in wilson(10, 10)] == [0.7225, 1.0]
        assert [round(bound, 4) for bound in wilson(0, 10)] == [0.0, 0.2775]
        assert wilson(0, 0) == (0.0, 1.0)

    def test_recordings_of_one_failure_widen_no_proof(self):
        ten = Measure.of("x", [Answer(True, case) for case in range(10)])
        same = Measure.of("x", [Answer(True, 0) for _ in range(10)])
        assert (ten.n, ten.cases, ten.share) == (10, 10, 1.0)
        assert (same.n, same.cases, same.share) == (10, 1, 1.0)
        assert round(ten.low, 4) == 0.7225
        assert round(same.low, 4) == 0.2065

    def test_calibration_worked_by_hand(self):
        found = calibration(
            [
                Answer(True, 1, said=0.97),
                Answer(True, 2, said=0.97),
                Answer(True, 3, said=0.99),
                Answer(False, 4, said=0.99),
                Answer(False, 5, said=0.5),
            ]
        )
        assert [(one.above, one.up_to, one.n) for one in found.bins] == [(0.4, 0.6, 1), (0.95, 1.0, 4)]
        assert found.bins[1].said == pytest.approx(0.98)
        assert found.bins[1].share == 0.75
        assert found.brier == pytest.approx((0.03**2 + 0.03**2 + 0.01**2 + 0.99**2 + 0.5**2) / 5)
        assert found.error == pytest.approx((4 * (0.98 - 0.75) + 1 * 0.5) / 5)

    def test_nothing_said_is_no_number(self):
        assert math.isnan(calibration([]).brier)
        assert calibration([Answer(False, 1, said=0.0)]).bins[0].n == 1


class TestEvaluation:
    @pytest.fixture
    def result(self):
        labels = [
            Label(name="failed", line=6, lines=frozenset({6, 7}), causes=("pip.no-version",), why="gone"),
            Label(name="failed", line=1, lines=frozenset({1}), causes=("pip.no-version",)),
            Label(name="good", outcome="succeeded", outcomes=frozenset({"succeeded"})),
        ]
        return evaluate(labels, {"failed": FAILED, "good": GOOD})

    def test_measures(self, result):
        assert {measure.what: (measure.right, measure.n) for measure in result.measures} == {
            "outcome": (3, 3),
            "no failure invented": (1, 1),
            "root line": (1, 2),
            "root line in top 3": (1, 2),
            "cause": (2, 2),
            "root line and cause": (1, 2),
        }
        assert {
            measure.what: measure.last_line for measure in result.measures if measure.last_line is not None
        } == {
            "root line": 0.5,
            "root line in top 3": 0.5,
        }

    def test_misses_and_tiers(self, result):
        [miss] = result.misses
        assert miss.label.lines == {1}
        [tier] = result.tiers
        assert (tier.right, tier.n) == (1, 2)
        assert sum(one.n for one in result.calibration.bins) == 2

    def test_a_table_of_it(self, result):
        frame = result.frame
        assert list(frame["path"]) == ["failed", "failed", "good"]
        assert list(frame["said_cause"].dropna()) == ["pip.no-version", "pip.no-version"]
        assert list(frame["right_line"].fillna(False)) == [True, False, False]
        assert frame["right_line"].isna().tolist() == [False, False, True]
        assert str(frame["expected_root_line"].dtype) == "Int64"

    def test_joined(self, result):
        both = Evaluation.joined([result, result])
        assert [measure.n for measure in both.measures] == [2 * measure.n for measure in result.measures]

    def test_other_rules(self):
        labels = [Label(name="a", causes=("pip.no-version",))]
        none = evaluate(labels, {"a": FAILED}, RuleBook(default_rules().causes, ()))
        assert none.measures[-1].right == 0
        assert evaluate(labels, {"a": FAILED}).measures[-1].right == 1


@pytest.fixture(scope="module", params=SETS)
def entries(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """A file of the project's own labels, as it is written."""
    return [json.loads(line) for line in (FIXTURES / request.param).read_text().splitlines()]


@pytest.fixture(scope="module")
def results() -> dict[str, Evaluation]:
    """What the README shows, made anew."""
    return {name: evaluate(FIXTURES / name) for name in SETS}


class TestFixtures:
    """The project's own labels."""

    def test_a_log_has_one_label(self, entries):
        paths = [entry["path"] for entry in entries]
        assert len(set(paths)) == len(paths)

    def test_a_root_line_says_what_the_label_quotes(self, entries):
        for entry in entries:
            if entry.get("root_line") is None:
                continue
            data = (FIXTURES / entry["path"]).read_bytes()
            if entry["path"].endswith(".dockerbuild"):
                data = read_bundle(data, entry["path"])
            line = data.decode("utf-8", "replace").split("\n")[entry["root_line"] - 1]
            if line.startswith("{"):
                # One of many texts in it, encoded one way or another: the end that is asked is the label's.
                assert entry["root_text"].endswith(tuple(entry["ends"])), entry["path"]
                continue
            shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).replace("\r", "")
            assert entry["root_text"].strip() in shown, entry["path"]

    def test_causes_are_in_the_vocabulary(self, entries):
        known = default_rules().causes
        for entry in entries:
            for cause in (entry.get("cause"), *entry.get("accepted_causes", ())):
                assert cause is None or "*" in cause or cause in known, (entry["path"], cause)

    def test_every_failure_of_every_builder_has_a_label(self):
        labelled = {label.name for label in read_labels(FIXTURES / "labels-builders.jsonl")}
        for truth in FIXTURES.glob("builders/*/truth.json"):
            for name, facts in json.loads(truth.read_text())["recordings"].items():
                if facts["outcome"] in {"failed", "canceled", "incomplete"}:
                    assert f"builders/{truth.parent.name}/{name}" in labelled


def readme_rows(results: dict[str, Evaluation]) -> list[str]:
    """The rows of the README's table of accuracy."""
    rows = []
    for name, result in results.items():
        found = {measure.what: measure for measure in result.measures}
        line = found["root line"]
        cells = [f"`fixtures/{name}`", str(line.n), str(line.cases), percent(line.last_line or 0)]
        cells += [
            shown(found[what].share, found[what].low, found[what].high)
            for what in ("root line", "cause", "failing step")
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def readme_bins(result: Evaluation) -> list[str]:
    """The rows of the README's table of confidences."""
    return [
        f"| {one.above:.2f} to {one.up_to:.2f} | {one.n} | {one.cases} | {percent(one.said)} |"
        f" {shown(one.share, one.low, one.high)} |"
        for one in result.calibration.bins
    ]


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def shown(share: float, low: float, high: float) -> str:
    return f"{percent(share)} ({100 * low:.1f} to {100 * high:.1f})"


class TestReadme:
    def test_shows_the_accuracy_of_now(self, results):
        assert [row for row in readme_rows(results) if row not in README] == []

    def test_shows_the_calibration_of_now(self, results):
        result = Evaluation.joined(results.values())
        assert [row for row in readme_bins(result) if row not in README] == []
        figures = f"Brier score {result.calibration.brier:.3f}, expected calibration error {result.calibration.error:.3f}"
        assert figures in README.replace("\n", " ")

    def test_names_the_command(self):
        assert "logparse eval fixtures/labels.jsonl fixtures/labels-builders.jsonl" in README

    def test_no_good_build_is_called_a_failure(self, results):
        good = [one for result in results.values() for one in result.scores if "quiet" in one.right]
        assert [one.label.name for one in good if not one.right["quiet"]] == []
        assert f"Of {len(good)} builds that succeeded" in README


def test_builds_of_one_log_are_told_apart_by_number():
    """Guards the way a label names one of several builds."""
    assert [build.index for build in parse(FAILED + GOOD)] == [0, 1]
