"""What ``logparse diagnose`` tells of the failing command: in its instruction, in the Dockerfile, and why."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures_path import FIXTURES

BUILDERS = FIXTURES / "builders"
SCENARIOS = FIXTURES / "scenarios" / "builders"


def classic(instruction: str, output: str, code: int) -> bytes:
    """The log of a classic build that fails at its second step."""
    return (
        f"Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : {instruction}\n ---> Running in ba9876543210\n{output}\n"
        f"The command '/bin/sh -c {instruction.removeprefix('RUN ')}' returned a non-zero code: {code}\n"
    ).encode()


@pytest.fixture
def guessed(tmp_path: Path) -> Path:
    """Two downloads in silence: only their order speaks for the first."""
    path = tmp_path / "guess.log"
    path.write_bytes(classic("RUN ./first --quiet && ./second --quiet", "working", 1))
    return path


class TestTheCommand:
    def test_is_marked_below_its_instruction(self, run):
        lines = run("diagnose", BUILDERS / "multiline" / "classic-28.log").out.splitlines()
        place = next(place for place, line in enumerate(lines) if line.startswith("Command"))
        start = lines[place + 1].index("^")
        end = lines[place + 1].rindex("^") + 1
        assert lines[place][start:end] == "cd /srv/models"

    def test_that_is_a_guess_is_called_one_and_the_others_are_named(self, run, guessed):
        out = run("diagnose", guessed).out
        assert "A guess: nothing but its place speaks for it. Or: ./second --quiet" in " ".join(out.split())
        (row,) = json.loads(run("diagnose", guessed, "--format", "json").out)
        assert row["command"] == {
            "text": "./first --quiet",
            "start": 4,
            "end": 19,
            "index": 0,
            "count": 2,
            "tool": "first",
            "evidence": "order",
            "guess": True,
            "confidence": row["command"]["confidence"],
            "meaning": None,
            "others": ["./second --quiet"],
            "place": None,
        }
        assert 0 < row["command"]["confidence"] < 0.8

    def test_is_told_in_brief_where_several_builds_are(self, run, guessed):
        out = run("diagnose", guessed, BUILDERS / "multiline" / "classic-28.log").out
        assert "exit 1: unknown perhaps in `./first --quiet`\n" in out
        assert "exit 2: fs.no-such-file in `cd /srv/models`\n" in out
        assert out.count("\n") == 7

    def test_what_its_exit_code_means(self, run, tmp_path):
        path = tmp_path / "curl.log"
        path.write_bytes(classic("RUN echo a && curl -fsS https://a.example/x", "boom", 6))
        assert "Exit code   6: The host's name could not be resolved.\n" in re.sub(
            " +\n", "\n", run("diagnose", path).out
        )

    def test_is_none_at_an_instruction_that_runs_nothing(self, run):
        path = BUILDERS / "fail_copy" / "buildkit-28.plain.log"
        (row,) = json.loads(run("diagnose", path, "--format", "json").out)
        assert row["command"] is None
        assert (row["place"]["file"], row["place"]["line"], row["place"]["source"]) == (
            "Dockerfile",
            3,
            "log",
        )
        assert "Where       Dockerfile:3 " in run("diagnose", path).out

    def test_has_its_span_in_the_text_that_is_told(self, run, tmp_path):
        path = tmp_path / "secret.log"
        path.write_bytes(
            classic("RUN curl -u me:hunter2hunter2 https://a.example && ./b x && ./c", "boom", 126)
        )
        (row,) = json.loads(run("diagnose", path, "--format", "json").out)
        command, text = row["command"], row["step"]["text"]
        assert "hunter2" not in json.dumps(row)
        assert command["text"] == text[command["start"] : command["end"]]
        assert "hunter2" not in run("diagnose", path).out


class TestOfAHereDocument:
    def test_the_line_is_shown_that_buildkit_repeats(self, run):
        out = run("diagnose", BUILDERS / "heredoc_failure" / "buildkit-28.plain.log").out
        assert "Where       Dockerfile:6:2 " in out
        assert re.search(r"6 > \(exit 7\) *\n +\^{6} *\n", out)

    def test_without_its_lines_the_command_stands_alone(self, run):
        out = run("diagnose", BUILDERS / "heredoc_failure" / "buildkit-28.rawjson.jsonl").out
        assert re.search(r"Command     exit 7 *\n            \^{6} *\n            in RUN <<EOF", out)

    def test_its_dockerfile_tells_line_and_column(self, run):
        path = BUILDERS / "heredoc_failure" / "buildkit-28.rawjson.jsonl"
        dockerfile = SCENARIOS / "heredoc_failure" / "context" / "Dockerfile"
        (row,) = json.loads(run("diagnose", path, "--dockerfile", dockerfile, "--format", "json").out)
        assert row["command"]["start"] is None
        assert row["command"]["place"] == {
            "file": str(dockerfile),
            "line": 6,
            "column": 2,
            "end_line": 6,
            "end_column": 8,
            "source": "given",
        }
        assert (row["place"]["line"], row["place"]["end_line"]) == (2, 8)


class TestDockerfile:
    def test_a_build_argument_and_lines_that_go_on(self, run, tmp_path):
        log, dockerfile = tmp_path / "build.log", tmp_path / "Dockerfile"
        log.write_bytes(
            b"#4 [1/2] FROM a\n#4 DONE 0.0s\n\n"
            b"#5 [2/2] RUN echo 1.2 &&     pip install x==1.2 &&     echo done\n"
            b"#5 0.1 ERROR: No matching distribution found for x==1.2\n"
            b'#5 ERROR: process "/bin/sh -c echo $V &&     pip install x==$V &&     echo done" did not complete'
            b" successfully: exit code: 1\n------\nERROR: failed to solve: process"
            b' "/bin/sh -c echo $V &&     pip install x==$V &&     echo done" did not complete successfully:'
            b" exit code: 1\n"
        )
        dockerfile.write_text(
            "FROM a\nARG V=1.2\nRUN echo $V && \\\n    # why\n    pip install x==$V && \\\n    echo done\n"
        )
        out = run("diagnose", log, "--dockerfile", dockerfile).out
        assert f"{dockerfile}:5:5" in "".join(line.strip() for line in out.splitlines()[2:4]).replace(" ", "")
        assert re.search(r"5 >     pip install x==\$V && \\ *\n +\^{17} *\n", out)

    def test_without_the_instruction_one_sentence_says_so_and_the_log_still_speaks(self, run):
        dockerfile = SCENARIOS / "silent" / "context" / "Dockerfile"
        result = run("diagnose", BUILDERS / "multiline" / "buildkit-28.plain.log", "--dockerfile", dockerfile)
        assert result.code == 1
        assert result.err == (
            f"{dockerfile} does not have the instruction that failed, RUN echo one && echo two && cd /srv/models &&"
            " echo never, or has it more than once; give the Dockerfile that was built.\n"
        )
        assert "Where       Dockerfile:16:5 " in result.out
        assert "Cause       fs.no-such-file" in result.out

    def test_of_several_builds_those_without_it_are_counted(self, run):
        dockerfile = SCENARIOS / "silent" / "context" / "Dockerfile"
        logs = [BUILDERS / name / "classic-28.log" for name in ("multiline", "silent", "multistage")]
        result = run("diagnose", *logs, "--dockerfile", dockerfile, "--format", "jsonl")
        assert result.err.startswith(
            f"{dockerfile} does not have 1 of the 2 instructions that failed, or has them"
        )
        places = [json.loads(line)["place"] for line in result.out.splitlines()]
        assert [place and place["line"] for place in places] == [None, 3, None]

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (None, "cannot be read: No such file or directory"),
            (b"", "has no instruction of a Dockerfile in it"),
            (b"Hello.\nThis is no Dockerfile.\n", "has no instruction of a Dockerfile in it"),
            (b"\x7fELF\x00\x01FROM a\n", "is no text that a Dockerfile could be"),
        ],
    )
    def test_that_is_none_is_one_sentence(self, run, tmp_path, content, said):
        path = tmp_path / "Dockerfile"
        if content is not None:
            path.write_bytes(content)
        result = run("diagnose", BUILDERS / "silent" / "classic-28.log", "--dockerfile", path)
        assert (result.code, result.out) == (2, "")
        assert (
            result.err
            == f"logparse: {path} {said}{', such as FROM' if 'no instruction' in said else ''}; give the Dockerfile that was built.\n"
        )

    def test_that_is_a_folder(self, run, tmp_path):
        result = run("diagnose", BUILDERS / "silent" / "classic-28.log", "--dockerfile", tmp_path)
        assert result.code == 2
        assert "Is a directory; give the Dockerfile" in result.err

    def test_secrets_of_it_are_not_shown(self, run, tmp_path):
        path = tmp_path / "Dockerfile"
        path.write_text(
            "FROM a\nRUN echo one && \\\n  API_TOKEN=hunter2hunter2 echo two && \\\n  cd /srv/models && echo never\n"
        )
        log = tmp_path / "build.log"
        log.write_bytes(
            classic(
                "RUN echo one &&   API_TOKEN=hunter2hunter2 echo two &&   cd /srv/models && echo never",
                "/bin/sh: cd: can't cd to /srv/models",
                2,
            )
        )
        out = run("diagnose", log, "--dockerfile", path).out
        assert "API_TOKEN=***" in out
        assert "hunter2" not in out
        assert re.search(r"4 >   cd /srv/models && echo never *\n +\^{14} *\n", out)


class TestExplain:
    def test_which_rules_spoke_on_which_lines_and_why_one_won(self, run):
        out = run("diagnose", BUILDERS / "multiline" / "classic-28.log", "--explain").out
        assert "Why this verdict\n" in out
        assert "  33 > /bin/sh: cd: line 0: can't cd to /srv/models" in out
        assert "    fs.cannot-open: cause, fs.no-such-file, " in out
        assert "      Chosen: it has the highest score.\n" in out
        assert "      Not chosen: another rule makes more of the same line.\n" in out
        assert "Of the 4 commands it is number 3, since the shell's own message names it;" in out

    def test_in_json(self, run):
        path = BUILDERS / "multiline" / "classic-28.log"
        (plain,) = json.loads(run("diagnose", path, "--format", "json").out)
        (row,) = map(json.loads, run("diagnose", path, "--explain", "--format", "jsonl").out.splitlines())
        explanation = row.pop("explanation")
        assert row == plain
        assert explanation.keys() == {"tier", "turns", "considered"}
        assert explanation["turns"][0] == "The build stopped at step 5, RUN, with exit code 2."
        first = explanation["considered"][0]
        assert (first["number"], first["chosen"], first["rule"]) == (33, True, "fs.cannot-open")
        assert first["parts"][0] == {
            "name": "role",
            "points": 100.0,
            "words": "the rule fs.cannot-open knows it as a cause",
        }
        assert [one["chosen"] for one in explanation["considered"]].count(True) == 1

    def test_each_failure_of_several_has_a_screen(self, run):
        out = run("diagnose", BUILDERS / "multiline", "--builder", "buildah", "--explain").out
        assert out.count("Why this verdict") == out.count("FAILED") >= 1

    def test_of_a_build_that_did_not_fail(self, run):
        path = BUILDERS / "multistage" / "classic-28.log"
        result = run("diagnose", path, "--explain")
        assert result.code == 0
        assert "nothing is explained" in result.out
        (row,) = json.loads(run("diagnose", path, "--explain", "--format", "json").out)
        assert (row["explanation"]["tier"], row["explanation"]["considered"]) == (None, [])


class TestTheLine:
    def test_beside_the_builders_words_stand_the_programs_last(self, run):
        out = run("diagnose", BUILDERS / "checks_failure" / "buildkit-28.plain.log").out
        assert re.search(r"Line +30 +compiling *\n +50 > ERROR: failed to build", out)

    def test_of_events_its_neighbours_are_shown_without_numbers(self, run):
        out = run("diagnose", BUILDERS / "multiline" / "buildkit-28.rawjson.jsonl").out
        assert re.search(r"Line +one *\n +two *\n +1 > /bin/sh: cd: ", out)

    def test_what_a_ci_system_puts_before_lines_is_left_out(self, run, tmp_path):
        path = tmp_path / "stamped.log"
        lines = classic("RUN make all", "one\n/bin/sh: 1: make: not found", 127).splitlines(keepends=True)
        path.write_bytes(b"".join(b"2024-05-01T10:00:%02d.0000000Z %s" % line for line in enumerate(lines)))
        out = run("diagnose", path).out
        assert re.search(
            r"Line +4 +---> Running in ba9876543210 *\n +5 +one *\n +6 > /bin/sh: 1: make: not", out
        )

    def test_a_secret_in_it_is_masked_and_the_rest_is_shown(self, run, tmp_path):
        path = tmp_path / "secret.log"
        said = "ERROR: No matching distribution found for x at https://me:hunter2hunter2@pip.example/simple"
        path.write_bytes(classic("RUN pip install x", f"TOKEN=hunter2hunter2 one\n{said}", 1))
        out = " ".join(run("diagnose", path).out.split())
        assert "TOKEN=*** one" in out
        assert "> ERROR: No matching distribution found for x at https://***@pip.example/simple" in out


EVIL = b"\x1b]0;owned\x07\x1b[2J\x9b31m\xc2\x9b31m\xe2\x80\xaeevil\x08"
HOSTILE = {
    "classic": b"Step 1/1 : RUN echo a && ./x '%b'\n ---> Running in ba9876543210\nboom\n"
    b"The command '/bin/sh -c echo a && ./x '%b'' returned a non-zero code: 1\n",
    "buildkit": b"#5 [2/2] RUN echo a && ./x '%b'\n#5 0.1 boom\n"
    b"#5 ERROR: process \"/bin/sh -c echo a && ./x '%b'\" did not complete successfully: exit code: 1\n"
    b"ERROR: failed to solve: process \"/bin/sh -c echo a && ./x '%b'\" did not complete successfully:"
    b" exit code: 1\n",
    "here-document": b"#5 [2/2] RUN <<EOF (set -e...)\n#5 0.1 boom\n"
    b"#5 ERROR: process \"/bin/sh -c set -e\\n./x '%b'\\n\" did not complete successfully: exit code: 1\n"
    b"------\nDockerfile%b:2\n--------------------\n   1 |     FROM a\n   2 | >>> RUN <<EOF\n   3 | >>> set -e\n"
    b"   4 | >>> ./x '%b'\n   5 | >>> EOF\n--------------------\n"
    b"ERROR: failed to solve: process \"/bin/sh -c set -e\\n./x '%b'\\n\" did not complete successfully:"
    b" exit code: 1\n",
}


class TestHostileText:
    @pytest.mark.parametrize("name", HOSTILE)
    @pytest.mark.parametrize("options", [[], ["--explain"], ["--format", "json", "--explain"]])
    def test_control_sequences_of_a_command_never_reach_the_terminal(self, run, tmp_path, name, options):
        path = tmp_path / "evil.log"
        path.write_bytes(HOSTILE[name].replace(b"%b", EVIL))
        result = run("diagnose", path, path, *options)
        assert not any(character in result.out for character in "\x1b\x07\x9b\u202e\x08")
        assert "./x" in result.out


class TestTheScreen:
    @pytest.mark.parametrize("columns", [20, 40, 60, 120])
    def test_is_as_wide_as_the_terminal(self, run, monkeypatch, columns):
        monkeypatch.setenv("COLUMNS", str(columns))
        for name in ("multiline", "fail_run", "heredoc_failure", "silent"):
            lines = run("diagnose", BUILDERS / name / "buildkit-28.plain.log", "--explain").out.splitlines()
            # The path is not broken, so that it can be copied.
            assert max(len(line.rstrip()) for line in lines[1:]) <= columns
            assert any("^" in line for line in lines)

    def test_in_a_pipe_it_says_the_same(self):
        log = (BUILDERS / "multiline" / "buildkit-28.plain.log").read_bytes()
        done = subprocess.run(
            [sys.executable, "-m", "logparse", "diagnose", "-"],
            input=log,
            capture_output=True,
            check=False,
            env={**os.environ, "COLUMNS": "80"},
        )
        assert (done.returncode, done.stderr) == (1, b"")
        out = done.stdout.decode()
        assert out.startswith("FAILED  standard input\n")
        assert "\x1b" not in out
        assert re.search(r"16 >     cd /srv/models && \\ *\n +\^{14} *\n", out)

    def test_colours_can_be_left_out(self):
        log = (BUILDERS / "multiline" / "buildkit-28.plain.log").read_bytes()
        outs = []
        for variables in ({"FORCE_COLOR": "1"}, {"FORCE_COLOR": "1", "NO_COLOR": "1"}):
            done = subprocess.run(
                [sys.executable, "-m", "logparse", "diagnose", "-"],
                input=log,
                capture_output=True,
                check=False,
                env={**os.environ, "COLUMNS": "80", "TERM": "xterm", **variables},
            )
            outs.append(done.stdout.decode())
        coloured, plain = outs
        assert re.search(r"\x1b\[31m *\^{14}", coloured)
        assert "\x1b[1mcd /srv/models\x1b[0m &&" in coloured
        assert not re.search(r"\x1b\[[0-9;]*3[0-7]", plain)
        assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == re.sub(r"\x1b\[[0-9;]*m", "", plain)
