"""Each command, as its user sees it."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.main import get_command

import logparse
from logparse import SCHEMAS
from logparse.cli.app import app
from logparse.fetch import embedded_cluster
from logparse.server import LocalCluster

FAILED = (
    b"Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : RUN pip install x==9\n ---> Running in ba9876543210\n"
    b"Collecting x==9\n"
    b"\x1b[91mERROR: Could not find a version that satisfies the requirement x==9 (from versions: 1)\n"
    b"\x1b[0m\x1b[91mERROR: No matching distribution found for x==9\n\x1b[0m"
    b"The command '/bin/sh -c pip install x==9' returned a non-zero code: 1\n"
)
GOOD = b"Step 1/1 : FROM a\n ---> Using cache\n ---> 0123456789ab\nSuccessfully built 0123456789ab\n"


@pytest.fixture
def failed(tmp_path: Path) -> Path:
    path = tmp_path / "failed.log"
    path.write_bytes(FAILED)
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.log"
    path.write_bytes(GOOD)
    return path


class TestDiagnose:
    def test_a_failed_build_is_exit_code_1(self, run, failed, good):
        assert run("diagnose", failed).code == 1
        assert run("diagnose", good).code == 0
        assert run("diagnose", failed, good).code == 1

    def test_jsonl_is_one_object_a_build_and_nothing_else(self, run, failed, good):
        result = run("diagnose", failed, good, "--format", "jsonl")
        first, second = map(json.loads, result.out.splitlines())
        assert result.code == 1
        assert first["path"] == str(failed)
        assert (first["build"], first["build_id"], first["builder"], first["outcome"]) == (
            0,
            None,
            "classic",
            "failed",
        )
        assert first["step"] == {
            "number": 2,
            "total": 2,
            "stage": "0",
            "instruction": "RUN",
            "text": "RUN pip install x==9",
        }
        assert (first["exit_code"], first["cause"], first["role_owner"], first["retry"]) == (
            1,
            "pip.no-version",
            "dependency",
            "no",
        )
        assert first["root_line"]["number"] in {6, 7}
        assert first["root_line"]["text"].startswith("ERROR: ")
        assert 0 < first["confidence"] <= 1
        assert first["candidates"][0].keys() == {"cause", "number", "text", "confidence"}
        assert (second["outcome"], second["step"], second["cause"], second["root_line"]) == (
            "succeeded",
            None,
            None,
            None,
        )

    def test_json_is_one_list(self, run, failed, good):
        assert [
            row["outcome"] for row in json.loads(run("diagnose", failed, good, "--format", "json").out)
        ] == [
            "failed",
            "succeeded",
        ]

    def test_standard_input(self, run, monkeypatch):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(FAILED)))
        result = run("diagnose", "-", "--format", "jsonl")
        assert json.loads(result.out)["path"] == "-"
        assert result.code == 1

    def test_compressed_standard_input(self, run, monkeypatch):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(FAILED))))
        assert json.loads(run("diagnose", "-", "--format", "jsonl").out)["cause"] == "pip.no-version"

    def test_one_screen_says_step_line_cause_and_remedy(self, run, failed):
        out = run("diagnose", failed).out
        for words in ("FAILED", "2/2", "RUN pip install x==9", "ERROR: ", "pip.no-version", "dependency"):
            assert words in out
        assert max(len(line) for line in out.splitlines() if str(failed) not in line) <= 80

    def test_control_sequences_of_a_log_never_reach_the_terminal(self, run, tmp_path):
        path = tmp_path / "evil.log"
        path.write_bytes(
            FAILED.replace(b"Collecting x==9\n", b"\x1b]0;owned\x07\x1b[2J\x9b31m[bold]\xe2\x80\xaeevil\n")
        )
        for words in (["diagnose", path], ["diagnose", path, "--full"], ["steps", path]):
            out = run(*words).out
            assert not any(character in out for character in "\x1b\x07\x9b\u202e")
        assert "[bold]" in run("diagnose", path).out or "evil" not in run("diagnose", path).out

    def test_secrets_are_masked_everywhere(self, run, tmp_path):
        path = tmp_path / "secret.log"
        path.write_bytes(FAILED.replace(b"x==9", b"https://u:hunter2@pip.example/x"))
        for words in (["diagnose", path], ["diagnose", path, "--format", "json"], ["steps", path]):
            assert "hunter2" not in run(*words).out


class TestSteps:
    def test_jsonl_is_one_object_a_step(self, run, failed):
        rows = [json.loads(line) for line in run("steps", failed, "--format", "jsonl").out.splitlines()]
        assert [row["number"] for row in rows] == [1, 2]
        assert rows[1] == {
            "path": str(failed),
            "build": 0,
            "build_id": None,
            "at_once": False,
            "target": None,
            "stage": "0",
            "platform": None,
            "number": 2,
            "total": 2,
            "instruction": "RUN",
            "text": "RUN pip install x==9",
            "state": "failed",
            "cut_line": None,
            "cached": False,
            "canceled": False,
            "failed": True,
            "exit_code": 1,
            "started": None,
            "seconds": None,
            "low": None,
            "high": None,
            "source": "none",
            "group": None,
            "lines": None,
        }

    def test_the_table_marks_cached_and_failed_steps(self, run, failed, good):
        out = run("steps", failed, good).out
        assert "cached" in out
        assert "exit 1" in out
        # Paths are never broken, so that they can be copied.
        assert max(len(line) for line in out.splitlines() if str(good.parent) not in line) <= 80


class TestFollow:
    def command(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "logparse", "steps", "--follow", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def test_a_step_is_told_while_the_pipe_is_open(self):
        process = self.command("-", "--format", "jsonl")
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : RUN b\n")
        process.stdin.flush()
        first = json.loads(process.stdout.readline())
        assert (first["number"], first["start"], first["end"]) == (1, 0, 37)
        out, err = process.communicate(" ---> Running in ba9876543210\nboom\n")
        assert json.loads(out)["number"] == 2
        assert (process.returncode, err) == (0, "")

    def test_a_pipe_without_a_build_says_so(self):
        process = self.command("-")
        _, err = process.communicate("hello\n")
        assert process.returncode == 3
        assert err.startswith("logparse: No build is in -")

    def test_a_file_is_followed_until_ctrl_c(self, failed):
        process = self.command(str(failed))
        assert process.stdout is not None
        assert "FROM a" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        assert "exit 1" in out
        assert err == ""

    def test_needs_one_path_that_can_grow(self, run, good, failed, tmp_path):
        assert run("steps", "--follow", good, failed).code == 2
        assert run("steps", "--follow", good, "--format", "json").code == 2
        assert run("steps", "--follow", tmp_path).code == 3
        bundle = tmp_path / "x.dockerbuild"
        bundle.write_bytes(b"")
        assert "is a bundle" in run("steps", "--follow", bundle).err


class TestPulls:
    PULL = (
        b"Step 1/1 : FROM base:1\n1: Pulling from library/base\n9e773da543da: Pulling fs layer\n"
        b"9e773da543da: Downloading  1.5MB/3MB\n9e773da543da: Pull complete\n00d14bc76cea: Already exists\n"
        b"Digest: sha256:00\nStatus: Downloaded newer image for base:1\n ---> 0123456789ab\n"
        b"Successfully built 0123456789ab\n"
    )

    def test_jsonl_is_one_object_an_image(self, run, tmp_path):
        path = tmp_path / "pull.log"
        path.write_bytes(self.PULL)
        (row,) = map(json.loads, run("pulls", path, "--format", "jsonl").out.splitlines())
        assert (row["reference"], row["printed"]) == ("base:1", "library/base:1")
        assert (row["bytes"], row["step_number"]) == (3_000_000, 1)
        assert [layer["already_present"] for layer in row["layers"]] == [False, True]

    def test_the_table_names_layers(self, run, tmp_path, good):
        path = tmp_path / "pull.log"
        path.write_bytes(self.PULL)
        out = run("pulls", path, good).out
        assert "  base:1: 2 layers, 3 MB" in out
        assert "nothing was pulled" in out


class TestExplain:
    def test_jsonl_covers_every_byte(self, run, failed):
        rows = [json.loads(line) for line in run("explain", failed, "--format", "jsonl").out.splitlines()]
        assert [row["start"] for row in rows] == [0, *(row["end"] for row in rows[:-1])]
        assert rows[-1]["end"] == len(FAILED)
        assert [row["kind"] for row in rows] == ["header", "image", "header", "running", "output", "failure"]
        assert (rows[4]["first_line"], rows[4]["last_line"]) == (5, 8)

    def test_long_parts_are_cut_unless_full(self, run, tmp_path):
        path = tmp_path / "long.log"
        path.write_bytes(FAILED.replace(b"Collecting x==9\n", b"".join(b"line %d\n" % n for n in range(50))))
        assert "more lines" in run("explain", path).out
        assert "line 30" not in run("explain", path).out
        assert "line 30" in run("explain", path, "--full").out

    def test_a_key_of_several_lines_is_not_shown(self, run, tmp_path):
        key = b"-----BEGIN RSA PRIVATE KEY-----\nMIIabc123\nxyz\n-----END RSA PRIVATE KEY-----\n"
        path = tmp_path / "key.log"
        path.write_bytes(FAILED.replace(b"Collecting x==9\n", key))
        assert "MIIabc123" not in run("explain", path, "--full").out


class TestExplainHidesKeys:
    """A key is kept back wherever its lines stand: between other steps', behind stamps, in JSON."""

    PLAIN = (
        "#1 [internal] load build definition from Dockerfile\n#1 DONE 0.0s\n\n#5 [a 2/3] RUN keygen\n"
        "#5 0.1 -----BEGIN RSA PRIVATE KEY-----\n#5 0.1 MIIabc123\n\n#6 [b 2/2] RUN other\n#6 0.1 fine\n\n"
        "#5 [a 2/3] RUN keygen\n#5 0.2 xyzSECRETxyz\n#5 0.2 -----END RSA PRIVATE KEY-----\n#5 0.3 after\n"
        "#5 DONE 0.4s\n"
    )

    @pytest.mark.parametrize("wrapped", ["bare", "stamped", "json"])
    @pytest.mark.parametrize("options", [["--full"], ["--format", "jsonl"]])
    def test_of_several_lines(self, run, tmp_path, wrapped, options):
        lines = self.PLAIN.splitlines(keepends=True)
        if wrapped == "stamped":
            lines = [f"2024-05-01T10:00:{n:02}.0000000Z {line}" for n, line in enumerate(lines)]
        elif wrapped == "json":
            time = "2024-05-01T10:00:00.0Z"
            lines = [json.dumps({"log": line, "stream": "stdout", "time": time}) + "\n" for line in lines]
        path = tmp_path / "key.log"
        path.write_text("".join(lines))
        out = run("explain", path, *options).out
        assert "RUN keygen" in out
        assert "MIIabc123" not in out
        assert "SECRET" not in out


class TestBuilder:
    def test_overrides_what_is_detected(self, run, good):
        result = run("steps", good, "--builder", "kaniko", "--format", "jsonl")
        assert result.code == 3
        assert "nothing of kaniko's was found" in result.err

    def test_that_is_unknown_is_named_with_the_known(self, run, good):
        result = run("steps", good, "--builder", "make")
        assert result.code == 2
        assert "'make'" in result.err
        assert "buildkit" in result.err


class TestExport:
    def test_the_five_tables(self, run, failed, tmp_path):
        result = run("export", failed, "--out", tmp_path / "report")
        assert result.code == 0
        assert result.out == ""
        assert sorted(path.stem for path in (tmp_path / "report").iterdir()) == sorted(SCHEMAS)
        assert pq.read_table(tmp_path / "report" / "failures.parquet")["cause"].to_pylist() == [
            "pip.no-version"
        ]

    def test_partitioned(self, run, tmp_path):
        assert run("export", embedded_cluster(), "--out", tmp_path / "report", "--partition").code == 0
        assert (tmp_path / "report" / "builds" / "owner=acme" / "name=sentiment").is_dir()

    def test_a_folder_that_cannot_be_written(self, run, failed, tmp_path):
        (tmp_path / "file").write_text("")
        result = run("export", failed, "--out", tmp_path / "file")
        assert result.code == 6
        assert result.err.startswith("logparse: ")


class TestFetch:
    @pytest.fixture
    def cluster(self, monkeypatch):
        with LocalCluster(embedded_cluster(), token="simTestKeyOfTheLocalCluster1") as cluster:
            monkeypatch.setenv("ALGORITHMIA_API", cluster.address)
            monkeypatch.setenv("ALGORITHMIA_API_KEY", cluster.token)
            yield cluster

    def test_logs_land_in_the_archive_and_every_command_reads_it(self, run, cluster, tmp_path):
        first = run("fetch", "logistics/routing", "--route", "both", "--out", tmp_path / "archive")
        again = run(
            "fetch",
            "logistics/routing",
            "--route",
            "both",
            "--out",
            tmp_path / "archive",
            "--format",
            "jsonl",
        )
        assert (first.code, again.code) == (0, 0)
        assert json.loads(again.out)["new"] == 0
        rows = [
            json.loads(line)
            for line in run("diagnose", tmp_path / "archive", "--format", "jsonl").out.splitlines()
        ]
        direct = [
            json.loads(line)
            for line in run(
                "diagnose", embedded_cluster() / "logistics" / "routing", "--format", "jsonl"
            ).out.splitlines()
        ]
        assert sorted(row["build_id"] for row in rows) == sorted(
            build.build_id for build in cluster.cluster.algorithm("logistics", "routing").builds
        )
        assert len(direct) == len(rows)

    def test_logs_that_lie_in_an_archive_are_told(self, run, cluster, tmp_path):
        run("fetch", "logistics/routing", "--out", tmp_path / "archive")
        (tmp_path / "archive" / "other.log").write_bytes(FAILED)
        assert "other.log" in run("diagnose", tmp_path / "archive").err

    def test_status_since_and_limit(self, run, cluster, tmp_path):
        words = ["--status", "failed", "--since", "2020-01-01", "--limit", "2", "--out", tmp_path / "archive"]
        result = run("fetch", "logistics/routing", *words, "--format", "jsonl")
        assert json.loads(result.out)["new"] == 2
        out = run("diagnose", tmp_path / "archive", "--format", "jsonl").out
        assert {json.loads(line)["outcome"] for line in out.splitlines()} == {"failed"}

    @pytest.mark.parametrize(
        ("algorithm", "token", "code", "words"),
        [
            ("logistics/nothing", None, 4, "logistics/nothing"),
            ("nobody/routing", None, 4, "nobody/routing"),
            ("logistics/routing", "simWrongKeyOfTheLocalCluster", 5, "401"),
            ("logistics", None, 2, "logistics"),
        ],
    )
    def test_what_is_wrong_is_said_in_one_sentence(
        self, run, cluster, monkeypatch, tmp_path, algorithm, token, code, words
    ):
        if token:
            monkeypatch.setenv("ALGORITHMIA_API_KEY", token)
        result = run("fetch", algorithm, "--out", tmp_path / "archive")
        assert result.code == code
        assert words in result.err
        assert "Traceback" not in result.err
        assert len(result.err.strip().splitlines()) == 1
        assert (token or cluster.token) not in result.err

    def test_a_cluster_that_is_not_there(self, run, tmp_path):
        result = run("fetch", "a/b", "--address", "http://127.0.0.1:9", "--out", tmp_path / "archive")
        assert result.code == 4
        assert "127.0.0.1:9" in result.err

    @pytest.mark.parametrize(
        ("words", "said"),
        [(["--route", "x"], "route"), (["--since", "soon"], "soon"), (["--limit", "0"], "limit")],
    )
    def test_options_that_make_no_sense(self, run, tmp_path, words, said):
        result = run("fetch", "a/b", "--out", tmp_path / "archive", *words)
        assert result.code == 2
        assert said in result.err


class TestServe:
    def test_it_prints_its_address_once_it_listens(self):
        command = [sys.executable, "-m", "logparse", "serve", str(embedded_cluster()), "--token", "simTest"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            address = next(word for word in line.split() if word.startswith("http://127.0.0.1:"))
            with logparse.Client(address, "simTest") as client:
                assert next(client.builds("logistics/routing")).build_id
            process.send_signal(2)
            assert process.wait(timeout=10) in {0, 130}

    def test_a_folder_that_is_no_cluster(self, run, tmp_path):
        result = run("serve", tmp_path)
        assert result.code == 3
        assert str(tmp_path) in result.err.replace("\n", "")


class TestDemo:
    def test_it_goes_the_whole_way(self, run, tmp_path):
        result = run("demo", "--out", tmp_path / "report")
        assert result.code == 0
        for words in (
            "What failed, and why",
            "Classes of failure",
            "Where the time went",
            "The report is in",
        ):
            assert words in result.out
        tables = {
            path.stem: pq.read_metadata(path).num_rows for path in (tmp_path / "report").glob("*.parquet")
        }
        assert tables.keys() == set(SCHEMAS)
        assert tables["builds"] >= 200
        assert result.err == ""

    def test_again_it_fetches_nothing_anew(self, run, tmp_path):
        run("demo", "--out", tmp_path / "report")
        assert "acme/sentiment: 0 new" in run("demo", "--out", tmp_path / "report").out


class TestBadInput:
    """One sentence, an exit code, no traceback."""

    @pytest.mark.parametrize("command", [["diagnose"], ["steps"], ["export", "--out", "report"]])
    @pytest.mark.parametrize(
        ("data", "code"),
        [(b"", 3), (bytes(range(256)) * 100, 3), (b"x" * 10_000_000, 3), (b"the quick brown fox\n", 3)],
        ids=["empty", "binary", "one long line", "prose"],
    )
    def test_a_log_that_is_no_log(self, run, tmp_path, monkeypatch, command, data, code):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "x.log").write_bytes(data)
        result = run(*command, "x.log")
        assert result.code == code
        assert "x.log" in result.err
        assert len(result.err.strip().splitlines()) == 1
        assert not (tmp_path / "report").exists() or list((tmp_path / "report").iterdir()) == []

    @pytest.mark.parametrize("command", ["diagnose", "steps"])
    def test_a_path_that_is_not_there_and_a_folder_without_logs(self, run, tmp_path, command):
        for path in (tmp_path / "missing.log", tmp_path):
            result = run(command, path)
            assert result.code == 3
            assert len(result.err.strip().splitlines()) == 1

    def test_one_bad_file_among_good_ones_is_told_and_passed_over(self, run, good, tmp_path):
        (tmp_path / "other.log").write_bytes(b"the quick brown fox\n")
        result = run("diagnose", tmp_path)
        assert result.code == 0
        assert "other.log" in result.err

    @pytest.mark.parametrize("words", [[], ["nonsense"], ["diagnose"], ["diagnose", "x", "--format", "xml"]])
    def test_words_that_are_no_command(self, run, words):
        result = run(*words)
        assert result.code == 2 or (words == [] and "Usage" in result.out)
        assert "Traceback" not in result.err

    def test_a_fault_of_the_program_is_one_sentence_too(self, run, good, monkeypatch):
        monkeypatch.setattr("logparse.cli.app.diagnose_build", lambda *_, **__: 1 / 0)
        result = run("diagnose", good)
        assert result.code == 70
        assert "ZeroDivisionError" in result.err
        assert "Traceback" not in result.err

    def test_interrupted(self, run, good, monkeypatch):
        def interrupted(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("logparse.cli.app.diagnose_build", interrupted)
        result = run("diagnose", good)
        assert result.code == 130
        assert result.err.startswith("logparse: Interrupted")

    def test_nobody_reads_the_output(self):
        command = f"{sys.executable} -m logparse steps {embedded_cluster()} --format jsonl | head -n 1"
        done = subprocess.run(
            command, shell=True, capture_output=True, text=True, check=True, env={**os.environ}
        )
        assert len(done.stdout.splitlines()) == 1
        assert "Traceback" not in done.stderr
        assert "Exception" not in done.stderr


class TestHelp:
    """Every command and option says what it is for."""

    def test_version(self, run):
        assert run("--version").out.strip() == f"logparse {logparse.__version__}"

    def test_every_option_has_help(self):
        group = get_command(app)
        for name, command in group.commands.items():  # type: ignore[attr-defined]
            assert command.help, name
            for parameter in command.params:
                assert parameter.name == "help" or getattr(parameter, "help", None), (name, parameter.name)

    def test_the_readme_names_every_command(self):
        readme = (Path(__file__).parents[2] / "README.md").read_text()
        for name in get_command(app).commands:  # type: ignore[attr-defined]
            assert f"`logparse {name}" in readme
