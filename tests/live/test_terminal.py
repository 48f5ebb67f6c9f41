"""On a terminal there is a status line, the output is as it was, and keys do what they do without us."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import pytest

from logparse.live.records import original
from tests.fixtures_path import FIXTURES
from tests.live.support import WATCH, Screen, screen

STATUS = re.compile(rb"\x1b7\x1b\[0m\x1b\[K(?:\x1b\[2m[^\x1b]*)?\x1b8")
"""What draws the status line, or takes it away."""
BUILD = (
    "echo 'Step 1/2 : FROM a'; echo ' ---> 0123456789ab'; echo 'Step 2/2 : RUN make'; sleep 2;"
    " echo ' ---> cafecafecafe'; echo 'Successfully built cafecafecafe'"
)
SAID = (
    b"Step 1/2 : FROM a\r\n ---> 0123456789ab\r\nStep 2/2 : RUN make\r\n ---> cafecafecafe\r\n"
    b"Successfully built cafecafecafe\r\n"
)


def watched(*words: object) -> list[object]:
    return [*WATCH, *words]


def without_status(seen: bytes) -> bytes:
    return STATUS.sub(b"", seen)


class TestStatusLine:
    def test_it_tells_the_running_step_and_is_gone_in_the_end(self):
        with screen(*watched("--", "sh", "-c", BUILD)) as terminal:
            seen = terminal.until(b"2/2 RUN make  step 1 s, build ")
            assert terminal.wait() == 0
            seen = terminal.seen
        drawn = [match for match in STATUS.findall(seen) if b"\x1b[2m" in match]
        assert len(drawn) > 1
        # The last thing done to it is to take it away, and the output stands there as if it had not been.
        assert STATUS.findall(seen)[-1] == b"\x1b7\x1b[0m\x1b[K\x1b8"
        assert without_status(seen).startswith(SAID)
        assert b"SUCCEEDED" in without_status(seen)

    def test_no_output_comes_while_it_is_there(self):
        with screen(*watched("--", "sh", "-c", BUILD)) as terminal:
            terminal.wait()
            seen = terminal.seen
        between = STATUS.split(seen)
        for text, mark in zip(between[1:], STATUS.findall(seen), strict=True):
            if b"\x1b[2m" in mark:
                assert text == b""

    def test_a_line_that_has_not_ended_is_never_touched(self):
        program = "printf '50%%'; sleep 1.5; printf '\\r100%%\\n'"
        with screen(*watched("--", "sh", "-c", program)) as terminal:
            terminal.wait()
            assert b"50%\r100%\r\n" in terminal.seen

    def test_it_stays_within_the_terminals_width(self):
        program = f"echo 'Step 1/1 : RUN {'make ' * 40}'; sleep 2"
        with screen(*watched("--", "sh", "-c", program), columns=60) as terminal:
            seen = terminal.until(b"...  step")
        drawn = re.findall(rb"\x1b\[2m([^\x1b]*)\x1b8", seen)
        assert max(map(len, drawn)) == 59

    @pytest.mark.parametrize("term", ["dumb", ""])
    def test_a_terminal_that_cannot_move_its_cursor_has_none(self, term):
        with screen(*watched("--", "sh", "-c", "echo a; sleep 0.5"), term=term) as terminal:
            assert terminal.wait() == 0
            assert b"build" not in terminal.seen
            assert b"\x1b7" not in terminal.seen

    def test_quiet_has_none(self):
        with screen(*watched("--quiet", "--", "sh", "-c", "echo a; sleep 0.5")) as terminal:
            assert terminal.wait() == 0
            assert terminal.seen == b"a\r\n"

    def test_it_is_not_in_output_that_goes_elsewhere(self, tmp_path):
        with screen(*watched("--", "sh", "-c", BUILD), stdout=tmp_path / "out") as terminal:
            terminal.until(b"build 1 s")
            assert terminal.wait() == 0
        assert (tmp_path / "out").read_bytes() == SAID.replace(b"\r\n", b"\n")

    def test_errors_that_go_elsewhere_leave_none(self, tmp_path):
        with screen(*watched("--", "sh", "-c", BUILD), stderr=tmp_path / "errors") as terminal:
            assert terminal.wait() == 0
            assert terminal.seen == SAID
        assert b"\x1b" not in (tmp_path / "errors").read_bytes()

    def test_of_a_pipe_too(self):
        words = " ".join(map(str, WATCH))
        with screen("sh", "-c", f"({BUILD}) | {words}") as terminal:
            terminal.until(b"2/2 RUN make  step 1 s")
            assert terminal.wait() == 0
            assert without_status(terminal.seen).startswith(SAID)


class TestTerminalOfTheCommand:
    def test_its_output_is_a_terminal_of_our_size_and_its_bytes_are_its_own(self, tmp_path):
        log = tmp_path / "log"
        program = "test -t 1 && test -t 2 && stty size <&1; printf 'a\\nb\\r\\n'"
        with screen(*watched("--log", log, "--", "sh", "-c", program), rows=31, columns=77) as terminal:
            assert terminal.wait() == 0
            assert without_status(terminal.seen).startswith(b"31 77\r\na\r\nb\r\r\n")
        # Line ends are left to our terminal.
        assert original(log.read_bytes()) == b"31 77\na\nb\r\n"

    def test_only_what_is_a_terminal_without_us_is_one(self, tmp_path):
        program = "test -t 1 || echo no 1 >&2; test -t 2 && echo yes 2 >&2"
        with screen(*watched("--quiet", "--", "sh", "-c", program), stdout=tmp_path / "out") as terminal:
            terminal.wait()
            assert terminal.seen == b"no 1\r\nyes 2\r\n"

    def test_changes_of_its_size_come_through(self):
        program = "trap 'stty size <&1' WINCH; echo ready; while :; do sleep 0.05; done"
        with screen(*watched("--quiet", "--", "sh", "-c", program)) as terminal:
            terminal.until(b"ready")
            terminal.resize(40, 120)
            terminal.until(b"40 120")

    def test_a_recorded_display_comes_out_as_it_was(self):
        path = FIXTURES / "builders/fail_copy/buildkit-28.tty.log"
        with screen(*watched("--quiet", "--", "cat", path)) as terminal:
            terminal.wait()
            assert terminal.seen == path.read_bytes().replace(b"\n", b"\r\n")


class TestKeys:
    COUNTER = (
        "import os, signal, time\n"
        "came = []\n"
        "signal.signal(signal.SIGINT, lambda number, _: came.append(number))\n"
        "os.write(1, b'ready\\n')\n"
        "while not came:\n"
        "    time.sleep(0.02)\n"
        "time.sleep(0.4)\n"
        "os.write(1, b'%d came\\n' % len(came))\n"
        "raise SystemExit(9)\n"
    )

    def test_ctrl_c_reaches_the_command_once(self):
        with screen(*watched("--", sys.executable, "-S", "-c", self.COUNTER)) as terminal:
            terminal.until(b"ready")
            terminal.press(b"\x03")
            assert terminal.wait() == 9
            assert b"1 came" in terminal.seen
            assert b"Traceback" not in terminal.seen

    def test_ctrl_c_ends_what_it_ends_without_us(self):
        with screen(*watched("--", "sh", "-c", "echo ready; exec sleep 60")) as terminal:
            terminal.until(b"ready")
            terminal.press(b"\x03")
            assert terminal.wait() == 128 + signal.SIGINT
            assert b"Traceback" not in terminal.seen

    def test_ctrl_c_of_a_pipe_waits_for_the_last_words(self, tmp_path):
        words = " ".join(map(str, WATCH))
        program = "trap 'echo canceled; exit 1' INT; echo ready; while :; do sleep 0.1; done"
        (tmp_path / "build.sh").write_text(program)
        log = tmp_path / "log"
        script = (
            f"trap '' INT; (trap - INT; sh {tmp_path}/build.sh) | (trap - INT; {words} --log {log}); echo $?"
        )
        with screen("bash", "-c", script) as terminal:
            terminal.until(b"ready")
            terminal.press(b"\x03")
            terminal.wait()
            assert b"canceled" in terminal.seen
            assert b"Traceback" not in terminal.seen
        assert original(log.read_bytes()) == b"ready\ncanceled\n"

    def test_without_anything_to_watch_it_says_what_to_do(self):
        with screen(*watched()) as terminal:
            assert terminal.wait() == 2
            assert terminal.seen.startswith(b"logparse: There is nothing to watch; give a command")
            assert b"Traceback" not in terminal.seen


class TestHistory:
    def earlier(self, folder: Path) -> None:
        """Three builds in which a step takes 30, 32 and 31 seconds."""
        folder.mkdir()
        for number, seconds in enumerate((30, 32, 31)):
            (folder / f"{number}.log").write_text(
                f"2026-01-0{number + 1}T12:00:00.000000Z 1> Step 1/2 : FROM a\n"
                f"2026-01-0{number + 1}T12:00:00.000000Z 1>  ---> 0123456789ab\n"
                f"2026-01-0{number + 1}T12:00:00.000000Z 1> Step 2/2 : RUN make\n"
                f"2026-01-0{number + 1}T12:00:{seconds}.000000Z 1>  ---> cafecafecafe\n"
                f"2026-01-0{number + 1}T12:00:{seconds}.000000Z 1> Successfully built cafecafecafe\n"
            )

    def test_what_is_left_is_told_with_its_range(self, tmp_path):
        self.earlier(tmp_path / "earlier")
        program = BUILD.replace("sleep 2", "sleep 60")
        with screen(*watched("--history", tmp_path / "earlier", "--", "sh", "-c", program)) as terminal:
            seen = terminal.until(b" left (")
            seen = terminal.until(b" s)")
            terminal.press(b"\x03")
        found = re.search(
            rb"2/2 RUN make  step (\d+) s, build \d+ s, about (\d+) s left \((\d+) s to (\d+) s\)", seen
        )
        assert found is not None
        passed, middle, low, high = map(int, found.groups())
        assert low <= middle <= high
        assert low < 31 - passed < high

    def test_one_that_cannot_be_read_is_told_and_the_build_goes_on(self, tmp_path):
        with screen(
            *watched("--history", tmp_path / "none", "--", "sh", "-c", BUILD.replace("2;", "6;"))
        ) as terminal:
            terminal.until(b"logparse: What is left is not estimated: ")
            assert terminal.wait() == 0
            assert b"SUCCEEDED" in terminal.seen


def test_a_screen_that_is_closed_is_no_error():
    terminal = Screen(*watched("--", "sh", "-c", "echo ready; exec sleep 60"))
    terminal.until(b"ready")
    # The terminal hangs up; the command has got that, too.
    assert terminal.leave() in {128 + signal.SIGHUP, -signal.SIGHUP}
