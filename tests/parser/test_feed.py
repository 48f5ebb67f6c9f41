"""A log that comes in chunks gives the same steps as the whole of it, whatever the chunks."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logparse import Build, Builder, Feed, Outcome, Step, diagnose, follow, parse
from tests.fixtures_path import CLUSTER

LOGS = sorted(CLUSTER.glob("*/*/logs/*.log"))


def facts(build: int, step: Step) -> tuple[object, ...]:
    return (
        build,
        step.number,
        step.total,
        step.text,
        step.stage,
        step.stage_name,
        step.cached,
        step.exit_code,
        step.failed,
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


class TestSameSteps:
    @pytest.mark.parametrize("window", [300, 5_000])
    @pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem[:8])
    def test_of_every_recorded_build(self, path, window):
        data = path.read_bytes()
        assert fed(data, window, 97)[1] == whole(data)

    @pytest.mark.parametrize("window", [2_000, 60_000])
    def test_of_many_builds_in_one_log(self, window):
        data = b"".join(path.read_bytes() for path in LOGS[:60])
        assert fed(data, window, 4_096)[1] == whole(data)

    @settings(max_examples=50, deadline=None)
    @given(st.sampled_from(LOGS), st.integers(500, 20_000), st.integers(1, 3_000))
    def test_whatever_the_chunks(self, path, window, chunk):
        data = path.read_bytes()
        assert fed(data, window, chunk)[1] == whole(data)

    @given(st.binary(max_size=200), st.integers(1, 50), st.integers(1, 50))
    def test_never_raises(self, data, window, chunk):
        fed(data, window, chunk)


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

    def test_last_build_can_be_diagnosed(self):
        (path,) = (CLUSTER / "stats/forecast/logs").glob("2df8b868-*.log")
        data = path.read_bytes()
        (build,) = parse(data)
        feed, _ = fed(data, 1_000, 100)
        assert feed.last is not None
        assert feed.last.outcome is Outcome.FAILED
        assert diagnose(feed.last).cause == diagnose(build).cause

    def test_long_output_is_let_go_of(self):
        def chunks() -> Iterator[bytes]:
            yield b"Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : RUN x\n ---> Running in ba9876543210\n"
            for _ in range(600):
                yield b"some line of output\n" * 5_000
            yield b"boom\nThe command '/bin/sh -c x' returned a non-zero code: 3\n"

        tracemalloc.start()
        _, last = follow(chunks(), window=1 << 20)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert last.step.exit_code == 3
        assert last.elided > 59_000_000
        assert last.end - last.start > 60_000_000
        assert last.step.output.endswith(b"boom\n")
        assert peak < 28 << 20
