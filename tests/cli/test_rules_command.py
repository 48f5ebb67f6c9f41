"""``logparse rules``, and ``--rules`` of the commands that diagnose."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.main import get_command

from logparse.cli.rules import commands
from logparse.diagnosis import default_rules

TEAM = Path(__file__).parent / "rules" / "team.toml"
RULE = """
[[rule]]
id = "my.rule"
cause = "c.error"
role = "cause"
anchors = ["frobnicate"]
pattern = 'cannot frobnicate (?P<file>\\S{1,200})'
samples = ["cannot frobnicate a.c"]
"""
LINE = "E: frobnicator: cannot open '/etc/frob.conf' (error 13)"
SECRET = "ghp_" + "a1B2" * 9


def log_of(line: str, code: int = 3) -> bytes:
    return (
        f"Step 1/1 : RUN frob\n ---> Running in 0123456789ab\n{line}\n"
        f"The command '/bin/sh -c frob' returned a non-zero code: {code}\n"
    ).encode()


@pytest.fixture
def frob(tmp_path: Path) -> Path:
    path = tmp_path / "frob.log"
    path.write_bytes(log_of(LINE))
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.toml"
    path.write_text(
        RULE.replace("c.error", "no.cause") + RULE.replace("my.rule", "my.other").replace("a.c", "")
    )
    return path


def rows(result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.out.splitlines()]


class TestDiagnose:
    def test_uses_the_rules_it_is_given(self, run, frob):
        (row,) = rows(run("diagnose", frob, "--rules", TEAM, "--format", "jsonl"))
        assert (row["cause"], row["role_owner"], row["subject"]) == (
            "team.frob",
            "infra",
            {"file": "/etc/frob.conf"},
        )
        assert (
            row["remedy"] == "Ask the platform team for a configuration. It was looked for in /etc/frob.conf."
        )

    def test_uses_those_of_the_environment(self, run, frob, monkeypatch):
        monkeypatch.setenv("LOGPARSE_RULES", str(TEAM.parent))
        assert rows(run("diagnose", frob, "--format", "jsonl"))[0]["cause"] == "team.frob"

    def test_an_option_comes_after_the_environment(self, run, frob, tmp_path, monkeypatch):
        mine = tmp_path / "mine.toml"
        mine.write_text(TEAM.read_text().replace("not configured", "out of order"))
        monkeypatch.setenv("LOGPARSE_RULES", str(TEAM))
        titles = [
            rows(run("diagnose", frob, *words, "--format", "jsonl"))[0]["title"]
            for words in ([], ["--rules", mine], ["--rules", mine, "--rules", TEAM])
        ]
        assert titles == [
            "The frobnicator is not configured",
            "The frobnicator is out of order",
            "The frobnicator is not configured",
        ]

    def test_refuses_a_wrong_rule_in_one_sentence(self, run, frob, bad):
        result = run("diagnose", frob, "--rules", bad)
        assert (result.code, result.out) == (2, "")
        assert result.err == (
            f"logparse: {bad}, my.rule: unknown cause 'no.cause'; describe it in a table [cause.\"no.cause\"].\n"
        )

    def test_refuses_a_path_that_is_not_there(self, run, frob):
        result = run("diagnose", frob, "--rules", "no-such.toml")
        assert (result.code, result.out) == (2, "")
        assert result.err == (
            "logparse: no-such.toml: it cannot be read (No such file or directory); give a .toml file, or a folder of"
            " them.\n"
        )

    def test_export_uses_them_too(self, run, frob, tmp_path):
        assert run("export", frob, "--rules", TEAM, "--out", tmp_path / "out").code == 0
        failures = pq.read_table(tmp_path / "out" / "failures.parquet").to_pylist()
        assert [row["cause"] for row in failures] == ["team.frob"]
        messages = pq.read_table(tmp_path / "out" / "messages.parquet").to_pylist()
        assert [row["rule"] for row in messages] == ["team.frob"]


class TestList:
    def test_lists_all_rules_with_their_origin(self, run):
        found = rows(run("rules", "list", "--rules", TEAM, "--format", "jsonl"))
        assert len(found) == len(default_rules().rules) + 1
        origins = {row["id"]: (row["origin"], row["overrides"]) for row in found}
        assert origins["team.frob"] == (str(TEAM), None)
        assert origins["apk.missing"] == (str(TEAM), "package")
        assert origins["apt.locate"] == ("package", None)

    def test_narrows_down(self, run):
        by_tool = rows(run("rules", "list", "--tool", "apt", "--format", "jsonl"))
        assert {"apt.locate", "apt.unmet"} <= {str(row["id"]) for row in by_tool}
        assert all(str(row["id"]).startswith("apt.") for row in by_tool)
        by_cause = rows(run("rules", "list", "--cause", "net.dns", "--format", "jsonl"))
        assert by_cause
        assert {row["cause"] for row in by_cause} == {"net.dns"}

    def test_json_is_one_list(self, run):
        found = json.loads(run("rules", "list", "--tool", "team", "--rules", TEAM, "--format", "json").out)
        assert [row["id"] for row in found] == ["team.frob"]

    def test_a_table_has_80_columns(self, run):
        result = run("rules", "list", "--rules", TEAM)
        assert max(map(len, result.out.splitlines())) <= 80
        assert "…" not in result.out
        assert "overrides" in result.out

    def test_nothing_found_is_an_error(self, run):
        result = run("rules", "list", "--tool", "nonsense")
        assert (result.code, result.out) == (2, "")
        assert result.err == (
            "logparse: No rule is of that tool and cause; logparse rules list shows all there are.\n"
        )


class TestShow:
    def test_shows_all_that_is_in_the_file(self, run):
        (row,) = rows(run("rules", "show", "team.frob", "--rules", TEAM, "--format", "jsonl"))
        assert row == {
            "id": "team.frob",
            "cause": "team.frob",
            "title": "The frobnicator is not configured",
            "owner": "infra",
            "retry": "no",
            "remedy": "Ask the platform team for a configuration.\nIt was looked for in {file}.",
            "role": "cause",
            "where": "output",
            "pick": "first",
            "weight": 4,
            "exits": [3],
            "era": "frobnicator 2 to 4",
            "anchors": ["frobnicator: cannot open"],
            "pattern": r"frobnicator: cannot open '(?P<file>[^']{1,200})' \(error \d{1,18}\)",
            "unless": None,
            "instruction": None,
            "identity": [],
            "explains": [],
            "within": 200,
            "samples": [LINE],
            "counter": ["frobnicator: cannot open the door"],
            "origin": str(TEAM),
            "overrides": None,
        }

    def test_every_rule_of_the_package_can_be_shown(self, run):
        for rule in default_rules().rules[::25]:
            result = run("rules", "show", rule.id)
            assert result.code == 0
            assert max(map(len, result.out.splitlines())) <= 80

    def test_masks_secrets(self, run, tmp_path):
        path = tmp_path / "a.toml"
        path.write_text(RULE.replace("frobnicate a.c", f"frobnicate {SECRET}"))
        for words in ([], ["--format", "jsonl"]):
            result = run("rules", "show", "my.rule", "--rules", path, *words)
            assert result.code == 0
            assert SECRET not in result.out
            assert "***" in result.out

    def test_an_unknown_rule_is_an_error_with_a_hint(self, run):
        result = run("rules", "show", "apt.locat")
        assert (result.code, result.out) == (2, "")
        assert result.err == (
            "logparse: There is no rule 'apt.locat'; give apt.locate, or another of logparse rules list.\n"
        )


class TestTest:
    def test_all_is_well(self, run):
        result = run("rules", "test", TEAM)
        assert (result.code, result.out, result.err) == (0, "", "2 rules of 1 file: all are well.\n")

    def test_each_failure_is_a_line(self, run, bad):
        result = run("rules", "test", bad, TEAM)
        assert result.code == 1
        assert result.out.splitlines() == [
            f"{bad}, my.rule: unknown cause 'no.cause'; describe it in a table [cause.\"no.cause\"].",
            f"{bad}, my.other: the sample 'cannot frobnicate ' does not match; correct the sample or the pattern.",
        ]
        assert result.err == "4 rules of 2 files: 2 wrong.\n"

    def test_jsonl_is_one_object_a_failure(self, run, bad):
        result = run("rules", "test", bad, "--format", "jsonl")
        assert result.code == 1
        assert rows(result)[0] == {
            "file": str(bad),
            "rule": "my.rule",
            "reason": "unknown cause 'no.cause'; describe it in a table [cause.\"no.cause\"]",
        }
        assert run("rules", "test", TEAM, "--format", "json").out == "[]\n"

    def test_a_file_that_is_none_is_a_failure_too(self, run, tmp_path):
        path = tmp_path / "a.toml"
        path.write_text("[[rule]")
        result = run("rules", "test", path)
        assert result.code == 1
        assert result.out.startswith(f"{path}: it is no TOML (")
        assert rows(run("rules", "test", path, "--format", "jsonl"))[0]["rule"] is None

    def test_the_environment_s_without_a_path(self, run, monkeypatch):
        monkeypatch.setenv("LOGPARSE_RULES", str(TEAM))
        assert run("rules", "test").err == "2 rules of 1 file: all are well.\n"

    def test_given_paths_are_tested_alone(self, run, bad, monkeypatch):
        monkeypatch.setenv("LOGPARSE_RULES", str(bad))
        assert run("rules", "test", TEAM).code == 0

    def test_masks_secrets(self, run, tmp_path):
        path = tmp_path / "a.toml"
        path.write_text(RULE.replace("cannot frobnicate a.c", f"{SECRET} a.c"))
        result = run("rules", "test", path)
        assert result.code == 1
        assert SECRET not in result.out

    def test_control_sequences_do_not_reach_the_terminal(self, run, tmp_path):
        path = tmp_path / "a.toml"
        path.write_text(RULE.replace('"c.error"', '"\\u001b[2J\\u009b31m"'))
        result = run("rules", "test", path)
        assert not any(character in result.out for character in "\x1b\x9b")


class TestNew:
    def new(self, run, line: str, *words: object):
        return run("rules", "new", "my.frob", "--cause", "c.error", "--line", line, *words)

    def test_prints_a_rule(self, run):
        assert self.new(run, "E: frobnicator: door of '/etc/frob' is jammed (error 13)").out == (
            "[[rule]]\n"
            "id = 'my.frob'\n"
            "cause = 'c.error'\n"
            "role = 'cause'\n"
            "anchors = ['frobnicator: door of']\n"
            r"pattern = '''E: frobnicator: door of '(?P<file>[^']{1,200})' is jammed \(error \d{1,18}\)'''"
            "\n"
            "samples = ['''E: frobnicator: door of '/etc/frob' is jammed (error 13)''']\n"
        )

    def test_writes_a_file_that_is_well_at_once(self, run, tmp_path, frob):
        out = tmp_path / "new.toml"
        result = self.new(run, "E: frobnicator: door of '/etc/frob' is jammed (error 13)", "--out", out)
        frob.write_bytes(log_of("E: frobnicator: door of '/etc/frob' is jammed (error 7)"))
        assert (result.code, result.out) == (0, "")
        assert f"my.frob is in {out}" in result.err.replace("\n", " ")
        assert run("rules", "test", out).code == 0
        assert rows(run("diagnose", frob, "--rules", out, "--format", "jsonl"))[0]["cause"] == "c.error"

    def test_adds_to_a_file(self, run, tmp_path):
        out = tmp_path / "new.toml"
        out.write_text(TEAM.read_text().rstrip("\n"))
        result = run(
            "rules", "new", "team.zap", "--cause", "team.frob", "--line", "zap: fell over", "--out", out
        )
        assert result.code == 0
        assert run("rules", "test", out).err == "3 rules of 1 file: all are well.\n"
        assert out.read_text().startswith(TEAM.read_text())

    def test_reads_a_line_that_a_shell_would_spoil(self, run, monkeypatch):
        monkeypatch.setattr("sys.stdin", io.StringIO("zap 'x' $HOME `y` fell over\nand more\n"))
        assert "samples = ['''zap 'x' $HOME `y` fell over''']" in self.new(run, "-").out

    def test_tells_of_rules_that_know_the_line(self, run):
        result = self.new(run, "E: Unable to locate package frob")
        assert result.code == 0
        weight = next(rule.weight for rule in default_rules().rules if rule.id == "apt.locate")
        assert f"apt.locate, of weight {weight}, knows the line, too." in result.err
        assert f"weight = {weight + 1}\n" in result.out

    def test_tells_that_a_rule_of_the_package_is_replaced(self, run):
        result = run("rules", "new", "apt.locate", "--cause", "c.error", "--line", LINE)
        assert result.code == 0
        assert "apt.locate takes the place of the package's rule." in result.err

    def test_masks_secrets(self, run):
        result = self.new(run, f"frobnicator was called with {SECRET}")
        assert result.code == 0
        assert SECRET not in result.out + result.err
        assert "samples = ['frobnicator was called with ***']" in result.out

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (
                ["my.frob", "--cause", "c.error", "--line", "12345"],
                "the draft, my.frob: the line has no words that stay the same from log to log; take a line that has.",
            ),
            (
                ["my.frob", "--cause", "c.eror", "--line", LINE],
                "the draft, my.frob: unknown cause 'c.eror'; write 'c.error', or describe it in a table [cause.\"c.eror\"].",
            ),
            (
                ["my frob", "--cause", "c.error", "--line", LINE],
                "the draft, 'my frob': an id is made of letters, digits, dots and dashes; rename it.",
            ),
            (
                ["team.frob", "--cause", "c.error", "--line", LINE, "--rules", str(TEAM)],
                f"{TEAM} has a rule team.frob already; give another id, or change that one.",
            ),
            (
                [
                    "my.frob",
                    "--cause",
                    "c.error",
                    "--line",
                    "zap: fell over",
                    "--out",
                    "no/such/folder/a.toml",
                ],
                "no/such/folder/a.toml cannot be written (No such file or directory); give another file.",
            ),
        ],
    )
    def test_says_why_it_cannot(self, run, words, sentence):
        result = run("rules", "new", *words)
        assert result.out == ""
        assert result.err == f"logparse: {sentence}\n"
        assert result.code == (6 if "written" in sentence else 2)


class TestCoverage:
    @pytest.fixture
    def logs(self, tmp_path: Path) -> Path:
        folder = tmp_path / "logs"
        folder.mkdir()
        for number, line in enumerate([LINE, "zap: fell over", "zap: fell over", f"zip: {SECRET} is out"]):
            (folder / f"{number}.log").write_bytes(log_of(line))
        (folder / "make.log").write_bytes(log_of("make: *** [Makefile:3: all] Error 2", 2))
        return folder

    def test_says_what_to_write_next(self, run, logs):
        found = rows(run("rules", "coverage", logs, "--rules", TEAM, "--format", "jsonl"))
        first, second, third, *_ = found
        assert (first["kind"], first["failures"], first["rule"]) == ("gap", 2, None)
        assert first["line"] == {"number": 3, "text": "zap: fell over"}
        assert str(first["path"]).endswith("1.log")
        assert str(first["fingerprint"]).startswith("v1:")
        assert {second["rule"], third["rule"]} == {None, "make.error"}
        assert [row for row in found if row["kind"] == "rule" and row["rule"] == "team.frob"] == [
            {
                "kind": "rule",
                "rule": "team.frob",
                "cause": "team.frob",
                "role": "cause",
                "origin": str(TEAM),
                "root": 1,
                "builds": 1,
                "lines": 1,
            }
        ]
        assert found[-1] == {"kind": "total", "builds": 5, "failures": 5, "known": 1}

    def test_a_screen_has_80_columns_and_no_secret(self, run, logs):
        result = run("rules", "coverage", logs, "--rules", TEAM)
        assert result.code == 0
        assert max(map(len, result.out.splitlines())) <= 80
        assert SECRET not in result.out
        for words in (
            "No rule knew:",
            "A rule knew a symptom only:",
            "zap: fell over",
            "5 builds, 5 failed;",
        ):
            assert words in result.out

    def test_logs_that_are_not_there_are_an_error(self, run):
        assert run("rules", "coverage", "no-such-log").code == 3


class TestGroup:
    def test_every_option_has_help(self):
        for name, command in get_command(commands).commands.items():  # type: ignore[attr-defined]
            assert command.help, name
            for parameter in command.params:
                assert parameter.name == "help" or getattr(parameter, "help", None), (name, parameter.name)

    def test_alone_it_asks_for_a_command(self, run):
        result = run("rules")
        assert (result.code, result.out) == (2, "")
        assert result.err == "logparse: Give a command; see logparse rules --help.\n"

    def test_nobody_need_read_to_the_end(self):
        command = f"{sys.executable} -m logparse rules list --format jsonl | head -n 1"
        done = subprocess.run(
            command, shell=True, capture_output=True, text=True, check=True, env={**os.environ}
        )
        assert json.loads(done.stdout)["origin"] == "package"
        assert done.stderr == ""

    def test_a_pipe_gets_no_colours(self):
        done = subprocess.run(
            [sys.executable, "-m", "logparse", "rules", "show", "team.frob", "--rules", str(TEAM)],
            capture_output=True,
            check=True,
            env={**os.environ, "TERM": "xterm-256color"},
        )
        assert b"\x1b" not in done.stdout
        assert done.stderr == b""
