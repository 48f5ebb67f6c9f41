"""``logparse watch`` is asked for in words, and most of them are read before the command line is there."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from typer.main import get_command

from logparse.cli.app import app
from logparse.live.options import Options, read_options

GOOD = b"Step 1/1 : FROM a\n ---> 0123456789ab\nSuccessfully built 0123456789ab\n"


def by_command_line(words: list[str]) -> Options:
    """What the whole command line makes of words."""
    command = get_command(app).commands["watch"]  # type: ignore[attr-defined]
    given = command.make_context("watch", list(words)).params
    history = tuple(given["history"] or ())
    return Options(tuple(given["command"] or ()), given["log"], history, given["quiet"])


class TestWords:
    @pytest.mark.parametrize(
        "words",
        [
            [],
            ["--quiet"],
            ["--", "docker", "build", "."],
            ["docker", "build", "--tag", "a", "."],
            ["docker", "build", "--", "."],
            ["--log", "build.log", "--", "docker", "build", "."],
            ["--log=build.log", "--quiet", "docker", "--log", "other"],
            ["--history", "a", "--history=b", "--log", "c"],
            ["--log", "--", "--", "make"],
            ["--log=", "make"],
            ["--log", "a=b", "make", "A=b"],
            ["--quiet", "--"],
            ["--", "--quiet"],
        ],
        ids=" ".join,
    )
    def test_they_mean_the_same_however_they_are_read(self, words):
        assert read_options(words) == by_command_line(words)

    @pytest.mark.parametrize(
        "words",
        [["--help"], ["-h"], ["--no-such"], ["--log"], ["--quiet=yes"], ["-q", "make"], ["--logs", "x"]],
    )
    def test_all_others_are_left_to_the_command_line(self, words):
        assert read_options(words) is None

    def test_help_is_shown_and_says_how_to_use_it(self):
        done = subprocess.run(
            [sys.executable, "-m", "logparse", "watch", "--help"], capture_output=True, text=True, check=True
        )
        assert "logparse watch -- docker build ." in done.stdout
        assert all(word in done.stdout for word in ("--log", "--history", "--quiet"))

    @pytest.mark.parametrize("words", [["--no-such"], ["--log"]])
    def test_what_is_wrong_is_one_sentence(self, words):
        done = subprocess.run(
            [sys.executable, "-m", "logparse", "watch", *words], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("logparse: ")
        assert done.stderr.count("\n") == 1


def test_the_whole_command_line_watches_too():
    program = "import sys; from logparse.cli import run; sys.exit(run(['watch', '--quiet', '--', 'sh', '-c', 'cat; exit 3']))"
    done = subprocess.run([sys.executable, "-c", program], input=GOOD, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, GOOD, b"")


def test_a_build_does_not_wait_for_what_takes_long_to_import():
    program = (
        "import sys, logparse.__main__, logparse.live.watch\n"
        "print(sorted({'numpy', 'pandas', 'pyarrow', 'typer', 'rich', 'requests'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_other_commands_follow_what_is_saved(tmp_path):
    """A watched log can be followed by another command while it grows."""
    log = tmp_path / "build.log"
    with subprocess.Popen(
        [sys.executable, "-m", "logparse", "watch", "--quiet", "--log", str(log)],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
    ) as watching:  # fmt: skip
        assert watching.stdin is not None
        watching.stdin.write(GOOD[:40])
        watching.stdin.flush()
        end = time.monotonic() + 30
        while not (log.exists() and b"1> Step 1/1" in log.read_bytes()):
            assert time.monotonic() < end
            time.sleep(0.02)
        watching.stdin.write(GOOD[40:])
    with log.open("rb") as file:
        done = subprocess.run(
            [sys.executable, "-m", "logparse", "steps", "--follow", "-", "--format", "jsonl"],
            stdin=file, capture_output=True, check=True,
        )  # fmt: skip
    assert b'"source": "arrival"' in done.stdout
