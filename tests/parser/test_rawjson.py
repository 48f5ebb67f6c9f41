"""BuildKit's events as JSON, recorded and damaged."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logparse import diagnose
from logparse.model import Build, Builder, Kind, Log, Outcome, TimingSource
from logparse.parser import parse
from logparse.parser.buildkit.rawjson import RAWJSON
from logparse.parser.buildkit.trace import nanoseconds
from tests.fixtures_path import FIXTURES

BUILDERS = FIXTURES / "builders"
RECORDED = sorted(BUILDERS.glob("*/*rawjson.jsonl"))
IDS = [f"{path.parent.name}-{path.name.removesuffix('.jsonl')}" for path in RECORDED]

A, B, C = (f"sha256:{digit * 64}" for digit in "abc")
T0 = "2026-11-23T20:35:26"


def one(text: str | bytes) -> Build:
    builds = parse(text)
    assert len(builds) == 1
    return builds[0]


def events(**lists: list[dict[str, Any]]) -> str:
    return json.dumps(lists, separators=(",", ":")) + "\n"


def vertex(digest: str, name: str, start: float | None = None, end: float | None = None, **more: Any) -> str:
    """A vertex' state; seconds count from the first moment of the tests."""
    entry: dict[str, Any] = {"digest": digest, "name": name}
    if start is not None:
        entry["started"] = f"{T0}.{round(start * 1e9):09}Z"
    if end is not None:
        entry["completed"] = f"{T0}.{round(end * 1e9):09}Z"
    return events(vertexes=[entry | more])


def prints(digest: str, text: bytes) -> str:
    entry = {
        "vertex": digest,
        "stream": 1,
        "data": base64.b64encode(text).decode(),
        "timestamp": f"{T0}.5Z",
    }
    return events(logs=[entry])


def assert_lossless(data: bytes) -> None:
    """Every byte is in exactly one element."""
    spans = sorted((start, end) for build in parse(Log(data=data)) for _, start, end in build.elements())
    position = 0
    for start, end in spans:
        assert start == position
        assert end > start
        position = end
    assert position == len(data)


STEP = (
    *("text", "number", "total", "stage", "stage_name", "platform", "target", "cached", "canceled", "failed"),
    *("exit_code", "timing", "output", "lines"),
)
"""What is told of a step but for where it stands."""


def views(build: Build) -> list[Any]:
    """Everything that is told of a build but for where it stands."""
    return [
        build.outcome,
        build.exit_code,
        build.image_id,
        build.tags,
        [[getattr(step, name) for name in STEP] for step in build.steps],
        [(each.name, each.cached, each.error, each.bytes, each.timing) for each in build.vertices],
        [(each.reference, each.layers, each.timing) for each in build.pulls],
        [(each.text, each.rule, each.line) for each in build.warnings],
    ]


@pytest.mark.parametrize("path", RECORDED, ids=IDS)
class TestRecorded:
    def test_every_byte_is_understood(self, path):
        data = path.read_bytes()
        assert_lossless(data)
        build = one(data)
        assert build.builder is Builder.BUILDKIT
        assert build.unknown_bytes == 0

    def test_it_ends_as_the_recorder_saw(self, path):
        truth = json.loads((path.parent / "truth.json").read_text())["recordings"][path.name]
        build = one(path.read_bytes())
        expected = truth["outcome"]
        if (
            "same_build_as" in truth
            and not truth.get("vertex")
            and path.parent.name
            in {
                "bad_dockerfile",  # no vertex fails, and only the client says why
                "push_refused",  # the push is the client's, and not in the history
                "cut",  # the recorder stopped reading, and the engine gave up
            }
        ):
            assert build.failing_step is None
            return
        assert build.outcome == expected
        if expected == "failed" and truth.get("step") and build.steps and path.parent.name != "no_base":
            assert build.failing_step is not None
            assert truth["step"] in build.failing_step.text
            if truth["step_exit_code"] is not None:
                assert build.exit_code == truth["step_exit_code"]
            if truth["stage"] is not None:
                # Of a Dockerfile with one stage only, BuildKit does not print its name.
                assert build.failing_step.stage_name in {truth["stage"], None}

    def test_times_are_exact(self, path):
        build = one(path.read_bytes())
        for timing in [step.timing for step in build.steps] + [each.timing for each in build.vertices]:
            assert timing.source is TimingSource.CLOCK
            assert timing.started is not None
            assert timing.started >= 0
            if timing.seconds is not None:
                assert timing.low == timing.high == timing.seconds >= 0
        if build.outcome is Outcome.SUCCEEDED:
            assert all(step.timing.seconds is not None for step in build.steps)

    def test_indented_as_buildx_0_13_printed_it_all_is_the_same(self, path):
        """Derived from the recording, as no such buildx is at hand: Go's ``SetIndent("", "  ")`` does the same."""
        lines = path.read_text().splitlines(keepends=True)
        indented = "".join(
            json.dumps(json.loads(line), indent=2, ensure_ascii=False) + "\n"
            if line.startswith("{")
            else line
            for line in lines
        )
        build = one(indented)
        assert build.unknown_bytes == 0
        assert views(build) == views(one("".join(lines)))
        assert_lossless(indented.encode())

    def test_run_together_and_with_lines_of_windows_it_is_the_same(self, path):
        data = path.read_bytes()
        for changed in (data.replace(b"}\n{", b"}{"), data.replace(b"\n", b"\r\n")):
            assert views(one(changed)) == views(one(data))
            assert_lossless(changed)

    def test_noise_around_and_between_is_kept(self, path):
        lines = path.read_bytes().splitlines(keepends=True)
        half = len(lines) // 2
        noisy = b"".join([b"+ docker build .\n", *lines[:half], b"{not json\n", *lines[half:], b"done\n"])
        build = one(noisy)
        if half:
            assert views(build) == views(one(b"".join(lines)))
        unknown = [e for e in build.elements() if e.kind is Kind.UNKNOWN]
        assert b"".join(noisy[e.start : e.end] for e in unknown).count(b"\n") >= 3
        assert_lossless(noisy)


class TestOutput:
    def test_is_decoded_and_its_lines_are_those_of_the_file(self):
        path = BUILDERS / "fail_run/buildkit-28.live-rawjson.jsonl"
        build = one(path.read_bytes())
        step = build.failing_step
        assert step is not None
        assert step.output.startswith((b"case 1: ok\n", b"case 21: expected"))
        root = diagnose(build).root_line
        assert root is not None
        line = path.read_bytes().splitlines()[root.number - 1]
        assert base64.b64encode(root.text.encode())[:12] in line or root.text.encode() in b"".join(
            base64.b64decode(entry["data"]) for entry in json.loads(line)["logs"]
        )

    def test_of_one_vertex_is_whole_across_events(self):
        log = (
            vertex(A, "[1/1] RUN make", 0) + prints(A, b"half a ") + prints(A, b"line\n") + prints(A, b"end")
        )
        [step] = one(log + vertex(A, "[1/1] RUN make", 0, 0.5)).steps
        assert step.output == b"half a line\nend"
        assert len(step.outputs) == 1

    def test_of_two_vertices_is_told_apart(self):
        log = vertex(A, "[a 1/1] RUN make", 0) + vertex(B, "[b 1/1] RUN test", 0.1)
        log += prints(A, b"one\n") + prints(B, b"two\n") + prints(A, b"three\n")
        steps = one(log).steps
        assert [step.output for step in steps] == [b"one\nthree\n", b"two\n"]

    def test_that_is_no_base64_is_kept_as_it_came(self):
        log = vertex(A, "[1/1] RUN make", 0) + prints(A, b"good\n").replace("Z29v", "Z29")
        build = one(log)
        assert build.unknown_bytes > 0
        assert_lossless(log.encode())

    def test_without_a_byte_is_no_loss(self):
        assert_lossless(prints(A, b"").encode())
        assert_lossless((vertex(A, "[1/1] RUN make", 0) + prints(A, b"")).encode())

    def test_may_be_any_bytes(self):
        log = vertex(A, "[1/1] RUN make", 0) + prints(A, bytes(range(256)))
        assert one(log).steps[0].output == bytes(range(256))

    def test_that_imitates_events_is_output(self):
        imitation = vertex(B, "[2/2] FROM imitated", 0, 0.1).encode()
        [step] = one(vertex(A, "[1/1] RUN make", 0) + prints(A, imitation)).steps
        assert step.output == imitation


class TestVertices:
    def test_that_ran_in_parts_took_the_sum_of_them(self):
        name = "[1/1] FROM a"
        log = "".join(
            vertex(A, name, start, end) for start, end in [(0, 0.1), (0.2, 0.4), (0.3, 0.5), (0.35, 0.36)]
        )
        [step] = one(log).steps
        assert step.timing.seconds == pytest.approx(0.4)

    def test_that_is_only_announced_is_none(self):
        log = vertex(A, "[1/2] FROM a", 0, 0.1) + vertex(B, "[2/2] RUN make", inputs=[A])
        assert [step.number for step in one(log).steps] == [1]

    def test_that_is_announced_again_keeps_its_state(self):
        log = vertex(A, "[1/1] FROM a", 0, 0.1, cached=True) + vertex(A, "[1/1] FROM a")
        assert one(log).steps[0].cached

    def test_that_still_runs_has_no_seconds(self):
        [step] = one(vertex(B, "[internal] load", 0) + vertex(A, "[1/1] RUN make", 0.5)).steps
        assert (step.timing.started, step.timing.seconds) == (0.5, None)

    def test_of_a_progress_group_are_one(self):
        group = {"id": "g", "name": "[2/2] COPY --link a b", "weak": False}
        log = vertex(A, "mkdir", 0, 0.1, progressGroup=group) + vertex(
            B, "copy", 0.1, 0.3, progressGroup=group
        )
        log += vertex(C, "merge", progressGroup={**group, "weak": True})
        [step] = one(log).steps
        assert step.text == "COPY --link a b"
        assert step.timing.seconds == pytest.approx(0.3)

    def test_of_a_weak_group_are_hidden(self):
        group = {"id": "g", "name": "[2/2] COPY --link a b", "weak": True}
        log = vertex(C, "[1/2] FROM a", 0, 0.1) + vertex(A, "merge", 0, 0.1, progressGroup=group)
        assert [step.number for step in one(log).steps] == [1]

    def test_make_a_graph(self):
        log = vertex(A, "[1/2] FROM a", 0, 0.1) + vertex(B, "[2/2] RUN make", 0.1, 0.2, inputs=[A])
        facts = one(log).facts
        assert facts["inputs"] == {A: (), B: (A,)}
        assert facts["steps"] == [A, B]

    def test_have_bytes(self):
        log = vertex(A, "[internal] load build context", 0, 0.1)
        log += events(
            statuses=[
                {"id": "transferring context:", "vertex": A, "current": 2_048_123, "timestamp": T0 + "Z"}
            ]
        )
        assert one(log + vertex(B, "[1/1] FROM a", 0.1, 0.2)).vertices[0].bytes == 2_048_123


class TestEnd:
    def test_of_a_cut_log_is_missing(self):
        path = BUILDERS / "multistage/buildkit-28.live-rawjson.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        at = next(index for index, line in enumerate(lines) if b"exporting to image" in line)
        assert one(b"".join(lines[: at - 4])).outcome is Outcome.INCOMPLETE

    def test_of_a_cut_line_is_kept(self):
        log = vertex(A, "[1/2] FROM a", 0, 0.1) + vertex(B, "[2/2] RUN make", 0.1, 0.2)[:-9]
        build = one(log)
        assert build.unknown_bytes > 0
        assert_lossless(log.encode())

    def test_by_a_failed_cache_is_none(self):
        log = vertex(A, "importing cache manifest from hub/cache", 0, 0.1, error="not found")
        log += vertex(B, "[1/1] FROM a", 0.1, 0.2) + vertex(C, "exporting to image", 0.2, 0.3)
        assert one(log).outcome is Outcome.SUCCEEDED

    def test_is_that_of_the_vertex_that_the_client_names(self):
        log = vertex(A, "[a 1/1] COPY x /", 0, 0.1, error='"/x": not found')
        log += vertex(B, "[b 1/1] COPY y /", 0, 0.2, error='"/y": not found')
        assert one(log).steps[0].failed
        log += 'ERROR: failed to build: failed to solve: failed to compute cache key: "/y": not found\n'
        build = one(log)
        assert build.failing_step is build.steps[1]

    def test_several_builds_are_told_apart(self):
        data = [
            (BUILDERS / f"{name}/buildkit-28.rawjson.jsonl").read_bytes() for name in ("fail_run", "heredoc")
        ]
        builds = parse(data[0] + data[1])
        assert [views(build) for build in builds] == [views(one(each)) for each in data]


class TestTime:
    def test_is_read_to_the_nanosecond(self):
        assert nanoseconds("2026-11-23T20:35:26.000000001Z") == nanoseconds("2026-11-23T20:35:26Z") + 1  # type: ignore[operator]
        assert nanoseconds("2026-11-23T21:35:26.5+01:00") == nanoseconds("2026-11-23T20:35:26.5Z")

    @pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "", "x", None, 3, "2026-13-23T20:35:26Z"])
    def test_that_is_none_is_not_made_up(self, text):
        assert nanoseconds(text) is None

    @pytest.mark.parametrize(
        "text", ["x", "23.11.2026 20:35", "2026-13-23T20:35:26Z", "1764-01-01T00:00:00Z"]
    )
    def test_a_step_whose_times_cannot_be_read_is_one_without_times(self, text):
        build = one(
            vertex(A, "[1/2] FROM a", 0, 0.5)
            + vertex(B, "[2/2] RUN make", started=text, completed=text)
            + prints(B, b"made\n")
        )
        assert [(step.text, step.state, step.timing.seconds) for step in build.steps] == [
            ("FROM a", "done", 0.5),
            ("RUN make", "done", None),
        ]
        assert build.steps[1].timing.source is TimingSource.NONE
        assert build.steps[1].output == b"made\n"
        assert build.outcome is Outcome.SUCCEEDED

    def test_one_that_has_begun_at_an_unknown_time_goes_on(self):
        build = one(vertex(A, "[1/2] FROM a", 0, 0.5) + vertex(B, "[2/2] RUN make", started="x"))
        assert build.steps[1].state == "incomplete"
        assert build.outcome is Outcome.INCOMPLETE

    def test_a_time_that_was_not_set_begins_nothing(self):
        build = one(
            vertex(A, "[1/2] FROM a", 0, 0.5) + vertex(B, "[2/2] RUN x", started="0001-01-01T00:00:00Z")
        )
        assert [step.text for step in build.steps] == ["FROM a"]


# -- what no engine would print -------------------------------------------------------------------------

_PIECES = [
    *[vertex(digest, f"[{n}/3] RUN make", 0, 0.5).encode() for n, digest in enumerate((A, B, C), 1)],
    vertex(A, "[internal] load build definition from Dockerfile", 0, 0.1).encode(),
    vertex(B, "[internal] load build definition from Dockerfile", 0, 0.1).encode(),
    vertex(
        C, "[3/3] RUN x", 0, 0.1, error='process "x" did not complete successfully: exit code: 2'
    ).encode(),
    vertex(C, "[3/3] RUN x", 0, 0.1, error="context canceled").encode(),
    prints(A, b"output\n").encode(),
    prints(B, b"no newline").encode(),
    prints(C, b"").encode(),
    b'{"record":{"ref":"x","error":{"message":"m"},"locations":{"x":[[1,2]]}}}\n',
    b"{}\n",
    b"{\n",
    b"}\n",
    b'{\n  "vertexes": [\n    {\n      "digest": "sha256:00"\n    }\n  ]\n}\n',
    b'{"vertexes":[{"digest":"sha256:00","name":7,"inputs":"x","started":1}]}\n',
    b'{"logs":[{"vertex":"x","stream":1,"data":"?","timestamp":""}]}\n',
    b'{"statuses":[{"id":"extracting sha256:' + b"0" * 64 + b'","vertex":"' + A.encode() + b'"}]}\n',
    b'{"warnings":[{"vertex":"x","short":"eA==","range":[{"start":{"line":1}}]}]}\n',
    b'{"vertexes":[',
    b'"\\ud800"',
    b"ERROR: failed to solve: x\n",
    b"Dockerfile:3\n--------------------\n",
    b"------\n > [1/2] x:\n",
    b"\xff\xfe\n",
    b"text\n",
    b"\r\n",
    b"[" * 3000,
]
soup = st.lists(st.sampled_from(_PIECES), max_size=30).map(b"".join)


@cache
def recorded() -> list[bytes]:
    return [path.read_bytes()[:20_000] for path in RECORDED]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A recording after some cuts, splices and insertions."""
    data = draw(st.sampled_from(recorded()))
    for _ in range(draw(st.integers(0, 4))):
        here, there = draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))
        match draw(st.integers(0, 4)):
            case 0:
                data = data[:here]
            case 1:
                data = data[: max(here, there)] + data[min(here, there) :]
            case 2:
                data = data[:here] + draw(st.sampled_from(recorded()))[there:]
            case 3:
                data = data[:here] + draw(soup) + data[here:]
            case 4:
                data = data.replace(b"\n", draw(st.sampled_from([b"\r\n", b"", b"\n\n", b"\n{"])))
    return data[:40_000]


class TestAnything:
    @given(soup)
    def test_in_any_order_is_read_without_loss(self, data):
        assert_lossless(data)
        for build in parse(data):
            assert build.contents is not None

    @given(mutated())
    @settings(max_examples=150, deadline=None)
    def test_of_recordings_that_are_damaged_nothing_is_lost(self, data):
        assert_lossless(data)
        for build in parse(data):
            diagnose(build)

    @pytest.mark.parametrize(
        "data",
        [
            b"{\n" * 20_000,
            _PIECES[0] + b"  {\n" * 20_000,
            b'{"vertexes":[{"digest":"a"}]}' * 5_000,
            _PIECES[0] + b'{"logs":[{"vertex":"' * 5_000,
            _PIECES[0] + b'{"vertexes":' + b"[" * 100_000,
            _PIECES[0] + b"Dockerfile:3\n--------------------\n" * 3_000,
            b"".join(
                vertex(f"sha256:{n:064}", "[internal] load build definition from Dockerfile", 0, 0.1).encode()
                for n in range(2_000)
            ),
            _PIECES[0] + "{\u2028\u00e9".encode() * 20_000,
        ],
        ids=["open", "indented", "together", "logs", "nested", "blocks", "definitions", "wide"],
    )
    def test_costs_no_more_than_its_bytes(self, data):
        """Each took minutes if it were read again from every line on."""
        assert_lossless(data)

    def test_is_named(self):
        assert parse(_PIECES[0] * 2, builder=RAWJSON.name)[0].builder is Builder.BUILDKIT
