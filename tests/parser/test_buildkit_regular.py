"""Finding regular stretches of the plain display changes nothing but the time it takes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logparse.parser.buildkit import cutter, regular
from logparse.parser.buildkit.cutter import Cutter
from tests.parser.test_buildkit_plain import PLAIN_LOGS, mutated

DIGEST = b"sha256:" + b"a" * 64
BUILD = (
    b'#0 building with "default" instance using docker driver\n\n'
    b"#1 [internal] load build definition from Dockerfile\n#1 transferring dockerfile: 88B done\n"
    b"#1 DONE 0.0s\n\n"
    b"#2 [1/2] FROM docker.io/library/a\n#2 resolve docker.io/library/a 0.1s done\n"
    b"#2 %s 1.2MB / 3.4MB 0.1s\n#2 extracting %s 0.3s done\n#2 ...\n\n"
    b"#3 [stage-1 2/2] RUN make\n#3 0.123 one\n#3 10.45 two\n#3 WARN: slow\n#3 100.1 three\n#3 DONE 100.2s\n\n"
    b"#2 [1/2] FROM docker.io/library/a\n#2 CACHED\n\n"
    b"#4 exporting to image\n#4 exporting layers 0.1s done\n#4 writing image %s done\n#4 naming to b done\n"
    b"#4 DONE 0.1s\n\n"
) % (DIGEST, DIGEST, DIGEST)
FAILED = BUILD[: BUILD.index(b"#3 DONE")] + (
    b'#3 ERROR: process "make" did not complete successfully: exit code: 2\n'
    b"------\n > [stage-1 2/2] RUN make:\n100.1 three\n------\n"
    b"Dockerfile:2\n--------------------\n   1 |     FROM a\n   2 | >>> RUN make\n   3 |     \n"
    b"--------------------\n"
    b'ERROR: failed to build: failed to solve: process "make" did not complete successfully: exit code: 2\n'
)
DIGESTS = re.sub(
    rb"(#\d )(?:\[|exporting to )[^\n]*\n", lambda name: name[0] + name[1] + DIGEST + b"\n", BUILD
)


def cut(data: bytes, *, is_regular: bool) -> Cutter:
    made = Cutter(data, shortcuts=is_regular, regular=is_regular)
    made.cut()
    return made


def assert_same(data: bytes) -> None:
    fast, slow = cut(data, is_regular=True), cut(data, is_regular=False)
    assert (fast.tape.kinds, fast.tape.ends) == (slow.tape.kinds, slow.tape.ends)
    assert (fast.builds, fast.mixed, fast.named) == (slow.builds, slow.mixed, slow.named)


class Machine(Cutter):
    """Refuses to look at a line."""

    def _line(self, number: int, rest: bytes, end: int) -> None:
        raise AssertionError(rest)

    def _gap(self, start: int, end: int) -> int:
        raise AssertionError(self.data[start:end])

    def _block(self, block: re.Match[bytes]) -> bool:
        raise AssertionError(block[0])


class TestWholeBuilds:
    """What is regular is not visited by the machine."""

    @pytest.mark.parametrize(
        ("data", "builds"),
        [
            (BUILD, 1),
            (BUILD * 3, 3),
            (FAILED * 3 + BUILD, 4),
            # Clients that do not tell which builder they use: the first vertex begins another build.
            (BUILD.partition(b"\n\n")[2] * 3, 3),
            (BUILD.replace(b"#3 DONE", b"#3 CANCELED\n\n#5 [2/2] COPY . .\n#5 DONE"), 1),
            # Releases of 2021 print a digest below each name.
            (DIGESTS * 2, 2),
        ],
        ids=["one", "several", "failed", "without the builder", "canceled", "with digests"],
    )
    def test_no_line_is_left_to_the_machine(self, data: bytes, builds: int) -> None:
        machine = Machine(data, regular=True)
        machine.cut()
        assert len(machine.builds) == builds
        assert_same(data)

    def test_elements_are_those_that_a_person_would_cut(self) -> None:
        elements = cut(BUILD, is_regular=True).tape.elements()
        names = [kind.name for kind, *_ in elements if kind.name != "BLANK"]
        assert names == [
            *("NOTE", "VERTEX", "CONTEXT", "DONE"),
            *("HEADER", "PROGRESS", "NOTE"),
            *("HEADER", "OUTPUT", "WARNING", "OUTPUT", "DONE"),
            *("HEADER", "CACHED"),
            *("VERTEX", "PROGRESS", "RESULT", "TAG", "DONE"),
        ]


class TestIrregularLines:
    """What does not follow is left to the machine, and what stands behind it is right again."""

    @pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
    @pytest.mark.parametrize(
        "line",
        [
            b"#3 [stage-1 2/2] RUN make",
            b"#3 [stage-1 2/2] RUN other",
            b"#2 0.5 of another vertex",
            b"#03 0.5 x",
            b"#3 DONE",
            b"#3 DONE 0.1",
            b"#3 DONE 0.1s and more",
            b"#3 CACHED and more",
            b"#3 ....",
            b"#3 " + DIGEST,
            b"#3 " + DIGEST + b" x",
            b"#3 sha256:ab 1B",
            b"#3 transferringly",
            b"#3 unheard of",
            b"#3 WARNING: slow",
            b"#3 ERROR: bad",
            b"#3 exporting to image",
            b"#3 ",
            b"#3",
            b"#1234567 0.1 x",
            b"#9 [internal] booting buildkit",
            b'#0 building with "default" instance',
            b'#0 building with "default" instance\n#0 building with "default" instance',
            b"#0 0.1 x",
            b"#1 [internal] load build definition from Dockerfile",
            b"#1 [internal] load build definition from other",
            b"ERROR: failed to solve: x\nERROR: for web  y\n\nERROR: for db  z",
            b"------\n > [x]:\n#7 0.1 y\n------",
            b"text",
            b"",
            b" ",
            b"\x00\xff",
        ],
    )
    def test_between_any_two_lines_of_builds(self, line: bytes, newline: bytes) -> None:
        log = (BUILD + FAILED + BUILD).replace(b"\n", newline)
        feeds = [found.end() for found in re.finditer(rb"\n", log)][:45]
        for feed in feeds:
            assert_same(log[:feed] + line.replace(b"\n", newline) + newline + log[feed:])

    def test_a_log_that_is_cut_anywhere(self) -> None:
        log = FAILED + BUILD
        for end in range(len(log)):
            assert_same(log[:end])

    def test_names_that_differ_begin_another_build(self) -> None:
        log = BUILD.partition(b"\n\n")[2]
        other = log.replace(b"from Dockerfile", b"from web/Dockerfile")
        assert_same(log + other + log)
        assert len(cut(log + other + log, is_regular=True).builds) == 3


class TestPieces:
    """A log is read piece by piece; where it is cut makes no difference."""

    @pytest.fixture(autouse=True, params=[300, 3000, 1 << 20])
    def _piece(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(regular, "_CHUNK", request.param)
        monkeypatch.setattr(cutter, "_REGULAR", 0.0)

    def test_recorded_logs_one_after_another(self) -> None:
        assert_same(b"".join(path.read_bytes() for path in PLAIN_LOGS))

    def test_a_vertex_that_says_more_than_a_piece_holds(self) -> None:
        output = b"".join(b"#3 %d.%03d line\n" % (number // 10, number) for number in range(500))
        assert_same((BUILD + BUILD.replace(b"#3 0.123 one\n", output)) * 2 + FAILED)

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.integers(0, 2**32), min_size=1, max_size=4))
    def test_mutated_logs(self, seeds: list[int]) -> None:
        assert_same(b"".join(mutated(seed) for seed in seeds))
