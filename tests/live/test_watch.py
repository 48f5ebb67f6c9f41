"""Builds are watched in processes of their own: nothing that they do changes."""

from __future__ import annotations

import json
import os
import re
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logparse import parse
from logparse.live.records import original
from tests.fixtures_path import CLUSTER, FIXTURES
from tests.live.replay import REPLAY, replayed
from tests.live.support import PATIENCE, WATCH, run, started, wait_for

GOOD = b"Step 1/1 : FROM a\n ---> 0123456789ab\nSuccessfully built 0123456789ab\n"
FAILED = (
    b"Step 1/1 : RUN false\n ---> Running in ba9876543210\n"
    b"The command '/bin/sh -c false' returned a non-zero code: 1\n"
)
TRACEBACK = re.compile(rb"Traceback|Exception|most recent call")

# Writes each of its arguments, in hexadecimal digits, to the file whose number is their first digit.
WRITER = """
import os, sys
for word in sys.argv[1:]:
    os.write(int(word[0]), bytes.fromhex(word[1:]))
"""

chunks = st.lists(
    st.tuples(
        st.sampled_from([1, 2]), st.binary(max_size=40) | st.sampled_from([b"a\r\nb", b"50%\r", b"\n\n"])
    ),
    max_size=12,
)


def python(program: str, *words: object) -> list[object]:
    return [sys.executable, "-S", "-c", program, *words]


class TestPassing:
    @settings(max_examples=15, deadline=None)
    @given(chunks)
    def test_what_a_command_writes_comes_out_as_it_is(self, tmp_path_factory, given_chunks):
        log = tmp_path_factory.mktemp("log") / "build.log"
        words = [f"{to}{chunk.hex()}" for to, chunk in given_chunks]
        done = run("--quiet", "--log", log, "--", *python(WRITER, *words))
        for stream, out in ((1, done.stdout), (2, done.stderr)):
            assert out == b"".join(chunk for to, chunk in given_chunks if to == stream)
            assert original(log.read_bytes(), stream) == out

    @settings(max_examples=10, deadline=None)
    @given(st.binary(max_size=5000))
    def test_what_comes_from_a_pipe_goes_out_as_it_is(self, tmp_path_factory, data):
        log = tmp_path_factory.mktemp("log") / "build.log"
        assert run("--quiet", "--log", log, stdin=data).stdout == data
        assert original(log.read_bytes()) == data

    def test_much_of_it_too(self, tmp_path):
        data = bytes(range(256)) * 40_000
        done = run("--quiet", "--log", tmp_path / "build.log", stdin=GOOD + data)
        assert done.stdout == GOOD + data
        assert original((tmp_path / "build.log").read_bytes()) == GOOD + data

    def test_output_and_errors_in_one_file_keep_their_order(self, tmp_path):
        words = [f"{1 + number % 2}{(b'%d ' % number).hex()}" for number in range(200)]
        done = run(
            "--quiet", "--log", tmp_path / "log", "--", *python(WRITER, *words), stderr=subprocess.STDOUT
        )
        assert done.stdout == b"".join(b"%d " % number for number in range(200))
        assert original((tmp_path / "log").read_bytes()) == done.stdout

    def test_a_line_that_has_not_ended_comes_out_at_once(self):
        program = "import os; os.write(1, b'50%'); os.read(0, 1); os.write(1, b'\\r100%\\n')"
        with started("--quiet", "--", *python(program)) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            assert select.select([process.stdout], [], [], PATIENCE)[0]
            assert os.read(process.stdout.fileno(), 100) == b"50%"
            process.stdin.write(b"x")
            process.stdin.close()
            assert process.stdout.read() == b"\r100%\n"

    def test_a_reader_that_is_slow_loses_nothing(self):
        data = bytes(range(256)) * 4000
        theirs, ours = os.pipe()
        os.set_blocking(ours, False)
        with started("--quiet", stdout=ours) as process:
            os.close(ours)
            assert process.stdin is not None
            feeder = threading.Thread(target=lambda: (process.stdin.write(data), process.stdin.close()))  # type: ignore[union-attr]
            feeder.start()
            time.sleep(0.3)
            with os.fdopen(theirs, "rb") as file:
                assert file.read() == data
            feeder.join()

    def test_the_command_has_our_input(self):
        assert run("--quiet", "--", "cat", stdin=b"a context\n").stdout == b"a context\n"

    def test_a_regular_file_can_be_watched(self, tmp_path):
        (tmp_path / "in").write_bytes(GOOD)
        with (tmp_path / "in").open("rb") as file:
            done = subprocess.run([*WATCH, "--quiet"], stdin=file, capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, GOOD, b"")


class TestTable:
    def test_it_tells_the_seconds_of_each_step_and_goes_to_standard_error(self):
        program = (
            "import os, time\n"
            "os.write(1, b'Step 1/2 : FROM a\\n ---> 0123456789ab\\nStep 2/2 : RUN make\\n')\n"
            "time.sleep(1.2)\n"
            "os.write(1, b' ---> cafecafecafe\\nSuccessfully built cafecafecafe\\n')\n"
        )
        done = run("--", *python(program))
        assert done.stdout.endswith(b"Successfully built cafecafecafe\n")
        rows = [line.split() for line in done.stderr.decode().splitlines() if "/2" in line]
        assert [(row[0], row[4], row[5:]) for row in rows] == [
            ("1/2", "arrival", ["FROM", "a"]),
            ("2/2", "arrival", ["RUN", "make"]),
        ]
        assert 1.2 <= float(rows[1][2]) < 1.2 + PATIENCE
        assert float(rows[1][3]) == 0.01
        assert "SUCCEEDED  2 steps" in done.stderr.decode()

    def test_secrets_and_control_sequences_are_not_in_it(self):
        log = b"Step 1/1 : RUN curl -u me:hunter2secret \x1b]0;evil\x07x\n ---> 0123456789ab\n"
        error = run(stdin=log).stderr
        assert b"1/1" in error
        assert b"hunter2secret" not in error
        assert b"\x1b" not in error
        assert b"\x07" not in error

    def test_without_steps_it_says_so(self):
        assert run("--", "true").stderr == (
            b"logparse: No step of a Dockerfile was in the output, so there are no times to show.\n"
        )

    def test_quiet_leaves_it_out(self):
        assert run("--quiet", stdin=GOOD).stderr == b""


class TestExitCodes:
    @pytest.mark.parametrize(("program", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 143)])
    def test_that_of_the_command(self, program, code):
        assert run("--quiet", "--", "sh", "-c", program).returncode == code

    def test_without_quiet_too(self):
        assert run("--", "sh", "-c", "exit 3").returncode == 3

    @pytest.mark.parametrize(("log", "code"), [(GOOD, 0), (FAILED, 1), (b"", 0)])
    def test_of_a_pipe_whether_a_build_failed(self, log, code):
        assert run(stdin=log).returncode == code
        assert run("--quiet", stdin=log).returncode == code

    def test_a_command_that_is_not_there(self):
        done = run("--", "no-such-program")
        assert (done.returncode, done.stdout) == (127, b"")
        assert done.stderr == (
            b"logparse: Cannot run no-such-program: No such file or directory; give a program, and its"
            b" arguments behind it.\n"
        )

    def test_a_command_that_is_no_program(self, tmp_path):
        (tmp_path / "text").write_text("words")
        assert run("--", tmp_path / "text").returncode == 126


class TestSignals:
    COUNTER = (
        "import os, signal, time\n"
        "came = []\n"
        "for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):\n"
        "    signal.signal(number, lambda number, _: came.append(number))\n"
        "os.write(1, b'ready\\n')\n"
        "while not came:\n"
        "    time.sleep(0.02)\n"
        "time.sleep(0.3)\n"
        "os.write(1, b'%d of %d\\n' % (len(came), came[0]))\n"
        "raise SystemExit(9)\n"
    )

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
    def test_the_command_gets_what_is_sent_once(self, number):
        with started("--", *python(self.COUNTER)) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            process.send_signal(number)
            out, error = process.communicate(timeout=PATIENCE)
        assert out == b"1 of %d\n" % number
        assert process.returncode == 9
        assert not TRACEBACK.search(error)

    def test_a_signal_that_ends_the_command_is_its_exit_code(self):
        with started("--quiet", "--", "sh", "-c", "echo ready; exec sleep 60") as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            process.terminate()
            assert process.wait(PATIENCE) == 128 + signal.SIGTERM

    def test_of_a_pipe_they_end_the_reading_and_the_table_comes(self, tmp_path):
        with started("--log", tmp_path / "log") as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(GOOD)
            process.stdin.flush()
            assert process.stdout.read(len(GOOD)) == GOOD
            process.terminate()
            assert process.wait(PATIENCE) == 128 + signal.SIGTERM
            assert process.stderr is not None
            assert b"SUCCEEDED" in process.stderr.read()
        assert original((tmp_path / "log").read_bytes()) == GOOD

    def test_one_that_was_ignored_stays_so(self):
        ignoring = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *WATCH, "--quiet"]
        with subprocess.Popen(ignoring, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"before\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"before\n"
            process.send_signal(signal.SIGHUP)
            time.sleep(0.3)
            process.stdin.write(b"behind\n")
            process.stdin.close()
            assert process.stdout.read() == b"behind\n"
        assert process.returncode == 0


class TestEnds:
    def test_nobody_reads_what_a_command_writes(self):
        words = " ".join(WATCH)
        done = subprocess.run(
            ["bash", "-c", f"{words} -- yes | head -n 2; echo ${{PIPESTATUS[0]}}"],
            capture_output=True, timeout=2 * PATIENCE, check=False,
        )  # fmt: skip
        assert done.stdout == b"y\ny\n141\n"
        assert not TRACEBACK.search(done.stderr)

    def test_nobody_reads_what_came_from_a_pipe(self):
        words = " ".join(WATCH)
        done = subprocess.run(
            ["bash", "-c", f"yes | {words} --quiet | head -n 2; echo ${{PIPESTATUS[1]}}"],
            capture_output=True, timeout=2 * PATIENCE, check=False,
        )  # fmt: skip
        assert done.stdout == b"y\ny\n141\n"
        assert done.stderr == b""

    def test_the_file_that_output_goes_to_is_full(self):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [*WATCH, "--quiet"], input=GOOD, stdout=full, stderr=subprocess.PIPE, check=False
            )
        assert done.returncode == 6
        assert done.stderr == (
            b"logparse: Cannot write what came: No space left on device; see to the file it goes to.\n"
        )

    def test_a_process_that_keeps_the_pipe_open_is_not_waited_for(self):
        begin = time.monotonic()
        done = run("--quiet", "--", "sh", "-c", "sleep 60 & echo $!")
        assert time.monotonic() - begin < PATIENCE
        assert done.returncode == 0
        os.kill(int(done.stdout), signal.SIGKILL)

    def test_a_command_that_closes_its_output_is_waited_for(self):
        done = run(
            "--quiet",
            "--",
            *python("import os, time; os.close(1); os.close(2); time.sleep(0.7); os._exit(5)"),
        )
        assert done.returncode == 5

    def test_a_killed_watch_leaves_whole_records(self, tmp_path):
        log = tmp_path / "build.log"
        program = "import os, time\nfor _ in range(3):\n    os.write(1, b'a line\\n')\nos.write(1, b'half')\ntime.sleep(60)"
        with started("--log", log, "--", *python(program)) as process:
            wait_for(lambda: log.exists() and b"half" in log.read_bytes())
            process.kill()
            process.wait()
        assert original(log.read_bytes()) == b"a line\n" * 3 + b"half"
        assert log.read_bytes().endswith(b" 1+ half\n")


class TestLog:
    def test_other_commands_read_it(self, tmp_path):
        log = tmp_path / "build.log"
        run("--quiet", "--log", log, stdin=FAILED)
        [build] = parse(log)
        assert build.exit_code == 1
        assert [step.timing.source for step in build.steps] == ["arrival"]

    def test_it_begins_when_the_command_does_and_ends_when_its_output_does(self, tmp_path):
        log = tmp_path / "build.log"
        before = time.time()
        run("--quiet", "--log", log, "--", "sh", "-c", "sleep 0.4; echo a; sleep 0.3")
        after = time.time()
        first, line, last = [
            float(stamp[17:26]) + 60 * int(stamp[14:16]) for stamp in log.read_text().splitlines()
        ]
        assert (
            before % 3600 - 0.001 <= first < line < last <= after % 3600 + 0.001
            or after % 3600 < before % 3600
        )
        assert 0.4 <= line - first < 0.4 + PATIENCE
        assert 0.3 <= last - line < 0.3 + PATIENCE

    def test_one_that_cannot_be_written_is_told_before_anything_runs(self, tmp_path):
        done = run("--log", tmp_path / "no" / "such", "--", "touch", tmp_path / "ran")
        assert done.returncode == 6
        assert done.stderr.decode() == (
            f"logparse: Cannot write {tmp_path}/no/such: No such file or directory; give a file that can be"
            " written.\n"
        )
        assert not (tmp_path / "ran").exists()

    def test_a_full_disk_ends_it_at_a_whole_record_and_the_build_goes_on(self, tmp_path):
        log = tmp_path / "build.log"
        program = "import os, time\nfor number in range(8):\n    os.write(1, b'%01000d\\n' % number)\n    time.sleep(0.1)"
        done = subprocess.run(
            [*WATCH, "--quiet", "--log", str(log), "--", *map(str, python(program))],
            capture_output=True, timeout=2 * PATIENCE, check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4500, 4500)),
        )  # fmt: skip
        output = b"".join(b"%01000d\n" % number for number in range(8))
        assert (done.returncode, done.stdout) == (0, output)
        assert done.stderr.decode() == (
            f"logparse: {log} is cut short: File too large; the build goes on without it.\n"
        )
        saved = log.read_bytes()
        assert saved.endswith(b"\n")
        assert original(saved) in {output[: 1001 * count] for count in range(1, 5)}

    def test_a_full_device_is_told_once(self):
        done = run(
            "--quiet", "--log", "/dev/full", "--", "sh", "-c", "echo a; sleep 0.3; echo b; sleep 0.3; echo c"
        )
        assert done.stdout == b"a\nb\nc\n"
        assert done.stderr == (
            b"logparse: /dev/full is cut short: No space left on device; the build goes on without it.\n"
        )


class TestHistory:
    def test_one_that_cannot_be_read_does_not_matter_where_nobody_looks(self, tmp_path):
        done = run("--history", tmp_path / "none", stdin=GOOD)
        assert (done.returncode, done.stdout) == (0, GOOD)


RECORDED = [each for each in replayed(CLUSTER) if 1.2 < each.seconds < 3.2][::6][:4]


@pytest.mark.parametrize("recording", RECORDED, ids=lambda each: each.path.stem[:8])
class TestReplayed:
    """Recorded builds that run again, with the times of their recording."""

    def test_the_seconds_of_steps_are_right_to_within_50_milliseconds(self, recording, tmp_path):
        log, written = tmp_path / "build.log", tmp_path / "times.json"
        done = run(
            "--quiet",
            "--log",
            log,
            "--",
            sys.executable,
            "-S",
            REPLAY,
            recording.path,
            recording.truth,
            written,
        )
        data = recording.path.read_bytes()
        assert done.stdout == data
        build = parse(log)[-1]
        bare = parse(data)[-1]
        # When lines were written in truth, on a machine that may be busy.
        times = json.loads(written.read_text())
        starts = [times[str(step.start)] for step in bare.steps]
        assert len(build.steps) == len(starts) > 1
        for index, step in enumerate(build.steps[:-1]):
            assert step.timing.source == "arrival"
            assert step.timing.seconds == pytest.approx(starts[index + 1] - starts[index], abs=0.05)


def test_a_display_on_a_terminal_is_read_from_its_log(tmp_path):
    path = FIXTURES / "builders/fail_copy/buildkit-28.tty.log"
    log = tmp_path / "build.log"
    assert run("--quiet", "--log", log, "--", "cat", path).stdout == path.read_bytes()
    [watched], [bare] = parse(log), parse(path)
    assert [(step.text, step.state) for step in watched.steps] == [
        (step.text, step.state) for step in bare.steps
    ]
