"""A log that comes in chunks gives the same steps as the whole of it, whatever the chunks."""

from __future__ import annotations

import base64
import codecs
import json
import tracemalloc
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logparse import Build, Builder, Feed, Outcome, Step, diagnose, follow, parse
from tests.fixtures_path import CLUSTER, FIXTURES

LOGS = sorted(CLUSTER.glob("*/*/logs/*.log"))
BUILDERS = FIXTURES / "builders"
FORMATS = (
    "classic-28.log",
    "buildkit-20.10.plain.log",
    "buildkit-28.plain.log",
    "bake.plain.log",
    "buildkit-20.10.tty.log",
    "buildkit-28.tty.log",
    "buildkit-28.rawjson.jsonl",
    "buildkit-28.live-rawjson.jsonl",
    "bake.live-rawjson.jsonl",
    "buildah.log",
    "podman.log",
    "engine-api-20.10.jsonl",
    "engine-api-28.buildkit.jsonl",
)
SCENARIOS = (
    "cached",
    "canceled",
    "fail_copy_many",
    "fail_run",
    "heredoc_failure",
    "multi_platform_failure",
    "multistage",
    "onbuild",
    "services",
    "slow_parallel",
)
RECORDED = [
    path for scenario in SCENARIOS for name in FORMATS if (path := BUILDERS / scenario / name).exists()
] + sorted((FIXTURES / "made" / "kaniko").glob("[!o]*.log"))
"""Every format. Of kaniko's those in which no program prints what kaniko would."""
WRAPPED = sorted((FIXTURES / "wrapped").glob("*/*.log"))


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def facts(build: int, step: Step) -> tuple[object, ...]:
    seconds = step.timing.seconds
    return (
        build,
        step.target,
        step.platform,
        step.number,
        step.total,
        step.text,
        step.stage,
        step.stage_name,
        step.cached,
        step.exit_code,
        step.failed,
        step.canceled,
        None if seconds is None else round(seconds, 4),
    )


def whole(data: bytes) -> list[tuple[object, ...]]:
    builds: list[Build] = [build for build in parse(data) if build.builder is not Builder.NONE]
    return [facts(index, step) for index, build in enumerate(builds) for step in build.steps]


def fed(data: bytes, window: int, chunk: int) -> tuple[Feed, list[tuple[object, ...]]]:
    feed = Feed(window=window)
    found = []
    for start in range(0, len(data), chunk):
        found += feed.feed(data[start : start + chunk])
    found += feed.close()
    return feed, [facts(each.build, each.step) for each in found]


def same(data: bytes, window: int, chunk: int) -> None:
    """Steps may be told of in another order: as they end."""
    feed, steps = fed(data, window, chunk)
    assert sorted(steps, key=repr) == sorted(whole(data), key=repr)
    last = next((build for build in reversed(parse(data)) if build.builder is not Builder.NONE), None)
    assert last is None or feed.last is not None
    if last is not None and feed.last is not None:
        assert (feed.last.outcome, feed.last.exit_code) == (last.outcome, last.exit_code)


class TestSameSteps:
    @pytest.mark.parametrize("window", [300, 5_000])
    @pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem[:8])
    def test_of_every_recorded_build(self, path, window):
        data = path.read_bytes()
        assert fed(data, window, 97)[1] == whole(data)

    @pytest.mark.parametrize("window", [3_000, 20_000])
    @pytest.mark.parametrize("path", RECORDED, ids=name_of)
    def test_of_every_format(self, path, window):
        same(path.read_bytes(), window, 991)

    @pytest.mark.parametrize("path", WRAPPED, ids=name_of)
    def test_of_every_wrapping(self, path):
        data = path.read_bytes()
        if len(data) > 10_000:
            same(data, 10_000, 991)

    @pytest.mark.parametrize("window", [2_000, 60_000])
    def test_of_many_builds_in_one_log(self, window):
        data = b"".join(path.read_bytes() for path in LOGS[:60])
        assert fed(data, window, 4_096)[1] == whole(data)

    @settings(max_examples=50, deadline=None)
    @given(st.sampled_from(LOGS), st.integers(500, 20_000), st.integers(1, 3_000))
    def test_whatever_the_chunks(self, path, window, chunk):
        data = path.read_bytes()
        assert fed(data, window, chunk)[1] == whole(data)


# -- builds that are larger than a window ---------------------------------------------------------------


def output(number: int, lines: int) -> list[str]:
    return [f"line {line} of what step {number} prints" for line in range(lines)]


def joined(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def classic(steps: int, lines: int) -> Iterator[bytes]:
    for number in range(1, steps + 1):
        if number % 20 == 1:
            yield joined([f"Step {number}/{steps} : FROM base AS s{number // 20}", f" ---> {number:012x}"])
            continue
        yield joined([f"Step {number}/{steps} : RUN make {number}", f" ---> Running in {number + 9:012x}"])
        yield joined(output(number, lines))
        if number < steps:
            yield joined([f"Removing intermediate container {number + 9:012x}", f" ---> {number:012x}"])
    yield joined(["The command '/bin/sh -c make' returned a non-zero code: 7"])


def buildah(steps: int, lines: int) -> Iterator[bytes]:
    stages = -(-steps // 20)
    for number in range(steps):
        stage, place = number // 20 + 1, number % 20 + 1
        before = f"[{stage}/{stages}] STEP {place}/{min(20, steps - 20 * (stage - 1))}: "
        if place == 1:
            yield joined([f"{before}FROM base AS s{stage}"])
            continue
        yield joined([f"{before}RUN make {number}", *output(number, lines)])
        if number < steps - 1:
            yield joined([f"--> {number:012x}"])
    yield joined([f'Error: building at STEP "RUN make {steps - 1}": while running: exit status 7'])


def kaniko(steps: int, lines: int) -> Iterator[bytes]:
    yield joined(["INFO[0000] Retrieving image manifest base"])
    for number in range(steps):
        clock = f"INFO[{number:04}]"
        if number % 20 == 0:
            yield joined([f"{clock} Building stage 'base' [idx: '{number // 20}', base-idx: '-1']"])
            continue
        yield joined([f"{clock} RUN make {number}", f"{clock} Running: [/bin/sh -c make {number}]"])
        yield joined(output(number, lines))
        if number < steps - 1:
            yield joined([f"{clock} Taking snapshot of full filesystem..."])
    yield joined(["error building image: error building stage: failed to execute command: exit status 7"])


def plain(steps: int, lines: int) -> Iterator[bytes]:
    """Two stages at once, each line of the one followed by one of the other's."""
    yield joined(["#1 [internal] load build definition from Dockerfile", "#1 DONE 0.0s", ""])
    yield joined([f"#2 [one 1/{steps}] FROM base", "#2 DONE 0.1s", ""])
    yield joined([f"#2 [one 1/{steps}] FROM base", "#2 extracting sha256:0 1.2s done", "#2 DONE 1.3s", ""])
    for place in range(2, steps + 1):
        names = {
            2 * place: f"[one {place}/{steps}] RUN make",
            2 * place + 1: f"[two {place}/{steps}] RUN make",
        }
        for clock, line in enumerate(output(place, lines)):
            for number, name in names.items():
                yield joined(
                    [f"#{number} {name}", f"#{number} {clock / 1000:.3f} {line}", f"#{number} ...", ""]
                )
        for number, name in names.items():
            yield joined([f"#{number} {name}", f"#{number} DONE {place}.0s", ""])
    yield joined(["#9999 exporting to image", f"#9999 writing image sha256:{7:064x} done", "#9999 DONE 0.1s"])


def events(steps: int, lines: int) -> Iterator[bytes]:
    def line(entry: object) -> bytes:
        return json.dumps(entry, separators=(",", ":")).encode() + b"\n"

    name = "[internal] load build definition from Dockerfile"
    yield line({"vertexes": [{"digest": "sha256:def", "name": name, "started": "2026-01-01T00:00:00Z"}]})
    for number in range(steps):
        digest = f"sha256:{number:x}"
        vertex = {"digest": digest, "name": f"[{number // 20} {number % 20 + 1}/20] RUN make {number}"}
        vertex["started"] = f"2026-01-01T{number // 60:02}:{number % 60:02}:00Z"
        yield line({"vertexes": [vertex]})
        for printed in output(number, lines):
            text = base64.b64encode(printed.encode() + b"\n").decode()
            yield line(
                {"logs": [{"vertex": digest, "stream": 1, "data": text, "timestamp": vertex["started"]}]}
            )
        vertex["completed"] = f"2026-01-01T{number // 60:02}:{number % 60:02}:01.5Z"
        yield line({"vertexes": [vertex]})


def indented(steps: int, lines: int) -> Iterator[bytes]:
    """The same as BuildKit 0.13 printed it, over several lines."""
    for line in events(steps, lines):
        yield json.dumps(json.loads(line), indent=2).encode() + b"\n"


def terminal(steps: int, lines: int) -> Iterator[bytes]:
    """Frames as high as a terminal of ten rows, the last one higher."""
    rows = [f" => [{number // 9} {number % 9 + 1}/9] RUN make".ljust(60) + "0.2s" for number in range(steps)]
    done = [f"\x1b[34m{row}\x1b[0m" for row in rows]
    for number in range(steps):
        for frame in range(lines):
            header = f"\x1b[10A\x1b[0G[+] Building {number + frame / 10:.1f}s ({number}/{steps})"
            last = rows[number][:-4] + "0.1s" if frame < lines - 1 else done[number]
            yield joined([header, *done[max(0, number - 8) : number], last])
    yield joined([f"\x1b[10A\x1b[0G[+] Building {steps:.1f}s ({steps}/{steps}) FINISHED", *done])


def stamped(build: Callable[[int, int], Iterator[bytes]]) -> Callable[[int, int], Iterator[bytes]]:
    def made(steps: int, lines: int) -> Iterator[bytes]:
        for number, line in enumerate(b"".join(build(steps, lines)).splitlines(keepends=True)):
            yield f"2026-01-01T10:{number // 60_000 % 60:02}:{number // 1000 % 60:02}".encode()
            yield f".{number % 1000:03}0000Z ".encode() + line

    return made


def in_objects(build: Callable[[int, int], Iterator[bytes]]) -> Callable[[int, int], Iterator[bytes]]:
    def made(steps: int, lines: int) -> Iterator[bytes]:
        for line in b"".join(build(steps, lines)).splitlines(keepends=True):
            entry = {"log": line.decode(), "stream": "stdout", "time": "2026-01-01T10:00:00.000000000Z"}
            yield json.dumps(entry, separators=(",", ":")).encode() + b"\n"

    return made


MADE: dict[str, Callable[[int, int], Iterator[bytes]]] = {
    "classic": classic,
    "buildah": buildah,
    "kaniko": kaniko,
    "plain": plain,
    "events": events,
    "indented": indented,
    "terminal": terminal,
    "stamped classic": stamped(classic),
    "stamped plain": stamped(plain),
    "stamped buildah": stamped(buildah),
    "classic in objects": in_objects(classic),
    "plain in objects": in_objects(plain),
}


@cache
def made(name: str, steps: int, lines: int) -> bytes:
    return b"".join(MADE[name](steps, lines))


class TestLargeBuilds:
    """Builds of many windows. Real ones are of megabytes, so these windows are small."""

    @pytest.mark.parametrize("steps", [100, 12])
    @pytest.mark.parametrize("name", MADE)
    def test_all_steps_of_one_build(self, name, steps):
        same(made(name, steps, 400 // steps), 20_000, 1_009)

    @pytest.mark.parametrize("name", sorted(set(MADE) - {"events", "indented"}))
    def test_all_steps_of_many_builds(self, name):
        data = b"".join(made(name, steps, lines) for steps in (5, 9, 3) for lines in (2, 7, 12, 4))
        same(data, 20_000, 1_009)
        same(data, 7_000, 1_009)

    @pytest.mark.parametrize("name", MADE)
    def test_nothing_is_told_twice_or_differently_while_it_is_watched(self, name):
        data = made(name, 12, 8)
        feed = Feed()
        found = []
        for start in range(0, len(data), 2_003):
            found += feed.feed(data[start : start + 2_003])
            found += feed.look()
        before = len(found)
        found += feed.close()
        assert before >= len(found) - 2
        told = sorted((facts(each.build, each.step) for each in found), key=repr)
        assert told == sorted(whole(data), key=repr)


class TestWrapped:
    def test_utf_16_in_odd_chunks(self):
        data = (FIXTURES / "wrapped" / "powershell-79" / "buildkit-good.log").read_bytes()
        assert data.startswith(codecs.BOM_UTF16_LE)
        same(data, 1_500, 7)


class TestNeverRaises:
    @settings(deadline=None)
    @given(st.binary(max_size=200), st.integers(1, 50), st.integers(1, 50))
    def test_whatever_the_bytes(self, data, window, chunk):
        fed(data, window, chunk)

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.tuples(st.sampled_from(RECORDED), st.integers(0, 9), st.integers(1, 9)), max_size=4),
        st.integers(50, 5_000),
    )
    def test_pieces_of_recordings(self, pieces, window):
        parts = []
        for path, start, length in pieces:
            data = path.read_bytes()[:20_000]
            parts.append(data[len(data) * start // 10 : len(data) * (start + length) // 10])
        fed(b"".join(parts), window, 501)


class TestFeed:
    def test_tells_of_a_step_when_the_next_begins(self):
        feed = Feed()
        assert feed.feed(b"Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/") == []
        assert feed.look() == []
        assert feed.feed(b"2 : RUN b\n") == []
        (first,) = feed.look()
        assert (first.step.text, first.start, first.end) == ("FROM a", 0, 37)
        (second,) = feed.close()
        assert (second.step.text, second.start) == ("RUN b", 37)

    def test_tells_of_what_failed_once_the_builder_says_why(self):
        feed = Feed()
        feed.feed(b"#1 [1/2] FROM a\n#1 DONE 0.1s\n\n#2 [2/2] RUN make\n#2 0.1 boom\n")
        feed.feed(b'#2 ERROR: process "/bin/sh -c make" did not complete successfully: exit code: 2\n')
        assert feed.look() == []
        feed.feed(b'ERROR: failed to solve: process "/bin/sh -c make" did not complete successfully: ')
        feed.feed(b"exit code: 2\n")
        assert [(each.step.text, each.step.exit_code) for each in feed.look()] == [
            ("FROM a", None),
            ("RUN make", 2),
        ]

    def test_a_base_is_told_of_once_nothing_of_it_can_follow(self):
        feed = Feed()
        feed.feed(b"#1 [1/3] FROM a\n#1 DONE 0.1s\n\n#2 [2/3] RUN make\n")
        assert feed.look() == []
        feed.feed(b"#2 ...\n\n#1 [1/3] FROM a\n#1 extracting sha256:0 2.5s done\n#1 DONE 2.6s\n\n")
        assert feed.look() == []
        feed.feed(b"#2 [2/3] RUN make\n#2 DONE 1.0s\n")
        assert [(each.step.text, each.step.timing.seconds) for each in feed.look()] == [
            ("FROM a", 2.6),
            ("RUN make", 1.0),
        ]

    def test_last_build_can_be_diagnosed(self):
        (path,) = (CLUSTER / "stats/forecast/logs").glob("2df8b868-*.log")
        data = path.read_bytes()
        (build,) = parse(data)
        feed, _ = fed(data, 1_000, 100)
        assert feed.last is not None
        assert feed.last.outcome is Outcome.FAILED
        assert diagnose(feed.last).cause == diagnose(build).cause

    @pytest.mark.parametrize("name", ["buildah", "kaniko", "plain", "events", "terminal", "stamped classic"])
    def test_places_are_those_of_the_whole_log(self, name):
        data = made(name, 30, 10)
        feed = Feed(window=10_000)
        found = [each for start in range(0, len(data), 500) for each in feed.feed(data[start : start + 500])]
        found += feed.close()
        for each in found:
            assert 0 <= each.start < each.end <= len(data)
            if name != "events":
                assert each.step.text.split()[-1].encode() in data[each.start : each.start + 200]

    def test_long_output_is_let_go_of(self):
        def chunks() -> Iterator[bytes]:
            yield b"Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : RUN x\n ---> Running in ba9876543210\n"
            for _ in range(400):
                yield b"some line of output\n" * 5_000
            yield b"boom\nThe command '/bin/sh -c x' returned a non-zero code: 3\n"

        tracemalloc.start()
        _, last = follow(chunks(), window=1 << 20)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert last.step.exit_code == 3
        assert last.elided > 39_000_000
        assert last.end - last.start > 40_000_000
        assert last.step.output.endswith(b"boom\n")
        assert peak < 28 << 20

    @pytest.mark.parametrize(
        ("name", "steps"),
        [
            ("plain", 300),
            ("buildah", 2400),
            ("kaniko", 2400),
            ("events", 600),
            ("terminal", 150),
            ("stamped plain", 150),
        ],
    )
    def test_memory_does_not_depend_on_the_number_of_steps(self, name, steps):
        window, data = 50_000, made(name, steps, 20)
        # A third is several windows, too, or it would be the window that is measured.
        assert len(data) // 3 > 6 * window
        peaks = []
        for size in (len(data) // 3, len(data)):
            feed = Feed(window=window)
            tracemalloc.start()
            for start in range(0, size, 20_000):
                feed.feed(data[start : start + 20_000])
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[1] < 1.5 * peaks[0] + 200_000
