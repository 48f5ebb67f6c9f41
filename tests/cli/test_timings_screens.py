"""``logparse timings``: what people see of where the time went, kept as files in ``screens_timings/``, and bad input.

After a change that is meant, ``LOGPARSE_UPDATE_SCREENS=1 python -m pytest tests/cli/test_timings_screens.py`` writes them
anew; read the difference before it is committed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures_path import FIXTURES

SCREENS = Path(__file__).parent / "screens_timings"
PRICE_MODEL = FIXTURES / "fleets" / "retail" / "price_model"
ALONE = "cluster/stats/forecast/logs/2df8b868-*.log"
COMMANDS = {
    "fleet": ["timings", "fleets/retail/price_model"],
    "fleet-builds": ["timings", "fleets/retail/price_model", "--by", "build"],
    "groups": ["timings", "fleets/media/captioner"],
    "same-text": ["timings", "fleets/science/spectra"],
    "few-builds": ["timings", "cluster/vision/embedder"],
    "clock": ["timings", "builders/multistage/buildkit-28.plain.log"],
    "clock-builds": ["timings", "builders/fail_run/buildkit-28.plain.log", "--by", "build"],
    "no-times": ["timings", ALONE],
    "no-times-builds": ["timings", ALONE, "--by", "build"],
    "help": ["timings", "--help"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_screen(run, monkeypatch, name):
    monkeypatch.chdir(FIXTURES)
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


Entry = dict[str, Any]


@pytest.fixture
def cluster(tmp_path: Path) -> Callable[..., Path]:
    """Copy builds of ``retail/price_model``, the newest first, with what the API says of them changed."""

    def copied(*places: int, change: Callable[[Entry], object] = lambda _: None) -> Path:
        entries = json.loads((PRICE_MODEL / "builds.json").read_text())
        chosen = [entries[place] for place in places]
        folder = tmp_path / "acme" / "model"
        (folder / "logs").mkdir(parents=True)
        for entry in chosen:
            shutil.copy(PRICE_MODEL / "logs" / f"{entry['build_id']}.log", folder / "logs")
            change(entry)
        (folder / "builds.json").write_text(json.dumps(chosen))
        return tmp_path

    return copied


def rows_of(run: Callable[..., Any], *words: object) -> list[dict[str, Any]]:
    result = run("timings", *words, "--format", "jsonl")
    assert result.code == 0
    return [json.loads(line) for line in result.out.splitlines()]


def backwards(entry: Entry) -> None:
    entry["started_at"], entry["finished_at"] = entry["finished_at"], entry["started_at"]


class TestNothingKnown:
    def test_without_start_and_finish_the_reason_is_in_each_row(self, run, cluster):
        path = cluster(20, 21, change=lambda entry: [entry.pop("started_at"), entry.pop("finished_at")])
        result = run("timings", path)
        assert result.code == 0
        [row] = [line for line in result.out.splitlines() if line.startswith("RUN step unit-tests")]
        assert row.split()[3:5] == ["2", "0%"]
        assert row.endswith("the build's start and finish are not known")
        assert "2 of 2 builds: the build's start and finish are not known." in result.out
        assert "Seconds need a start and a finish" in result.out

    def test_a_finish_before_the_start(self, run, cluster):
        result = run("timings", cluster(20, 21, change=backwards))
        assert result.out.count("0% the build finished before it started\n") >= 5
        assert "2 of 2 builds: the build finished before it started." in result.out

    def test_a_finish_at_the_start(self, run, cluster):
        path = cluster(20, change=lambda entry: entry.update(finished_at=entry["started_at"]))
        assert "the build's start and finish are the same" in run("timings", path).out

    def test_of_some_builds_the_others_are_used(self, run, cluster):
        path = cluster(
            *range(24), change=lambda entry: backwards(entry) if entry["build_id"][0] < "8" else None
        )
        wrong = sum(entry["seconds"] is None for entry in rows_of(run, path, "--by", "build"))
        assert 0 < wrong < 24
        result = run("timings", path)
        assert f"{wrong} of 24 builds: the build finished before it started." in result.out
        assert "RUN step unit-tests" in result.out
        assert {row["source"] for row in rows_of(run, path) if row["runs"]} == {"estimated"}

    def test_a_build_without_a_duration_shows_a_question_mark(self, run, cluster):
        result = run("timings", cluster(20, change=backwards), "--by", "build")
        [row] = [line for line in result.out.splitlines() if line.startswith("d1a509eb")]
        assert row.split()[2:4] == ["?", "62%"]
        assert row.endswith("the build finished before it started")

    def test_as_data_it_is_null_with_its_reason(self, run, cluster):
        [row] = [row for row in rows_of(run, cluster(20, change=backwards)) if "unit-tests" in row["text"]]
        assert row["seconds"] is row["low"] is row["high"] is row["share"] is None
        assert (row["source"], row["reason"]) == ("none", "the build finished before it started")


class TestLittleKnown:
    def test_one_build_alone_says_that_it_is_little(self, run, cluster):
        path = cluster(20)
        result = run("timings", path)
        assert "acme/model: 1 build, 2025-05-27\n" in result.out
        assert "Few builds tell little more than what such steps usually take" in result.out
        # Its two commands took 4.04 s less what the build takes besides; which of them, nobody knows.
        for row in rows_of(run, path):
            if row["text"] in {"RUN step compile", "RUN step unit-tests"}:
                assert row["low"] < 0.5
                assert row["high"] > 2.5
                assert row["group"] is not None

    def test_builds_all_from_the_cache(self, run, cluster):
        path = cluster(15, 16)
        rows = {row["text"]: row for row in rows_of(run, path)}
        assert len(rows) == 16
        trained = rows["RUN step train-model"]
        assert (trained["builds"], trained["runs"], trained["cached_share"]) == (2, 0, 1.0)
        assert trained["seconds"] is None
        assert trained["reason"] == "it always came from the cache"
        assert run("timings", path, "--by", "build").out.count("(none took long)") == 2

    def test_builds_that_overlap(self, run, cluster):
        """All begin within a second, as on a machine that builds many at once; each has its own duration."""

        def at_once(entry: Entry) -> None:
            start = datetime.fromisoformat(entry["started_at"])
            took = datetime.fromisoformat(entry["finished_at"]) - start
            moved = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(microseconds=start.microsecond)
            entry.update(started_at=moved.isoformat(), finished_at=(moved + took).isoformat())

        path = cluster(*range(20), change=at_once)
        assert "acme/model: 20 builds, 2026-01-05\n" in run("timings", path).out
        for row in rows_of(run, path, "--by", "build"):
            assert row["seconds"] > 0
            assert 0 <= row["explained"] <= 1.01


class TestUnreadable:
    @pytest.mark.parametrize("by", ["step", "build"])
    def test_what_has_no_build_is_one_sentence(self, run, tmp_path, by):
        (tmp_path / "empty").mkdir()
        (tmp_path / "notes.log").write_text("nothing of a build\n")
        for path, words in (
            (tmp_path / "empty", "There is no log in"),
            (tmp_path / "missing", "does not exist: check the path."),
            (tmp_path / "notes.log", "No build is in"),
        ):
            result = run("timings", path, "--by", by)
            assert result.code == 3
            assert result.out == ""
            assert result.err.startswith("logparse: ")
            assert words in result.err
            assert result.err.count("\n") == 1

    def test_a_build_that_is_listed_and_not_stored_is_passed_over(self, run, cluster):
        path = cluster(20, 21)
        next((path / "acme/model/logs").iterdir()).unlink()
        assert "acme/model: 1 build," in run("timings", path).out

    def test_a_list_of_builds_that_is_none_is_told(self, run, cluster):
        path = cluster(20)
        (path / "acme/model/builds.json").write_text("{")
        result = run("timings", path)
        assert result.code == 3
        assert "is not valid JSON" in result.err


class TestOutput:
    def test_json_is_one_list_of_the_same_rows(self, run, cluster):
        path = cluster(*range(6))
        assert json.loads(run("timings", path, "--format", "json").out) == rows_of(run, path)

    def test_a_row_of_a_build_tells_where_it_is_from(self, run, cluster):
        [row] = rows_of(run, cluster(20), "--by", "build")
        assert row["build_id"] == "d1a509eb-e773-5eed-a417-121d2334164d"
        assert Path(row["path"]).name == f"{row['build_id']}.log"
        assert row["build"] == 0
        assert row["seconds"] == pytest.approx(4.0, abs=0.1)

    def test_secrets_and_control_sequences_are_not_shown(self, run, tmp_path):
        token = "ghp_" + "a1B2" * 9
        log = tmp_path / "build.log"
        log.write_text(
            "Step 1/2 : FROM base\n ---> 000000000001\n"
            f"Step 2/2 : RUN curl -H 'Authorization: token {token}' \x1b[31mx\n ---> Running in 00000000000a\n"
            "Removing intermediate container 00000000000a\n ---> 000000000002\n"
            "Successfully built 000000000002\n"
        )
        for words in ([], ["--by", "build"], ["--format", "json"]):
            result = run("timings", log, *words)
            assert token not in result.out
            assert "\x1b" not in result.out

    @pytest.mark.parametrize("columns", [50, 80, 200])
    def test_no_line_is_wider_than_the_terminal(self, run, cluster, monkeypatch, columns):
        path = cluster(*range(12))
        for words in ([], ["--by", "build"]):
            monkeypatch.setenv("COLUMNS", str(columns))
            lines = run("timings", path, "--full", *words).out.splitlines()
            assert max(map(len, lines)) <= columns

    def test_bars_have_one_scale_and_end_in_an_arrow_beyond_it(self, run, tmp_path):
        """``make`` took 2 s and 4 s; ``rare`` ran once, for 20 s: the scale is that of what ran more than once."""
        for name, rare, make in (("a", 20, 2), ("b", None, 4)):
            lines = ["00:00 Step 1/3 : FROM base", "00:00  ---> 000000000001", "00:00 Step 2/3 : RUN rare"]
            lines += ["00:00  ---> Running in 00000000000a"] if rare else ["00:00  ---> Using cache"]
            begun = rare or 0
            lines += [f"00:{begun:02}  ---> 000000000002", f"00:{begun:02} Step 3/3 : RUN make"]
            lines += [f"00:{begun:02}  ---> Running in 00000000000b"]
            lines += [f"00:{begun + make:02}  ---> 000000000003"]
            lines += [f"00:{begun + make:02} Successfully built 000000000003"]
            stamped = [f"2026-01-05T00:{line[:5]}.000Z{line[5:]}\n" for line in lines]
            (tmp_path / f"{name}.log").write_text("".join(stamped))
        lines = run("timings", tmp_path).out.splitlines()
        [make] = [line for line in lines if line.startswith("RUN make")]
        [rare] = [line for line in lines if line.startswith("RUN rare")]
        assert make.split()[2:5] == ["2", "0%", "3.0"]
        assert rare.split()[2:5] == ["1", "50%", "20.0"]
        assert ">" in rare
        assert ">" not in make
