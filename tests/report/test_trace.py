"""Time lines for viewers of traces: read back by OpenTelemetry's own messages, and held to Chrome's format."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from logparse import Build, Log, parse, read_builds
from logparse.errors import ExportError
from logparse.fetch import RecordedCluster
from logparse.model import Step, Timing, TimingSource, Vertex
from logparse.report.trace import Viewer, write_trace
from logparse.report.trace.layout import lay_out
from logparse.timing import estimate
from tests.fixtures_path import CLUSTER, FIXTURES

BUILDERS = FIXTURES / "builders"
FORMATS = sorted({path.name for path in BUILDERS.glob("*/*") if path.name != "truth.json"})
COLOURS = {"good", "bad", "terrible", "grey", "yellow", "olive", "black", "white"}


def trace(builds: Iterable[Build], folder: Path) -> dict[str, Any]:
    write_trace(builds, folder / "trace.json")
    made: dict[str, Any] = json.loads((folder / "trace.json").read_text(encoding="utf-8"))
    return made


def otlp(builds: Iterable[Build], folder: Path) -> dict[str, Any]:
    write_trace(builds, folder / "otlp.json", Viewer.OTLP)
    made: dict[str, Any] = json.loads((folder / "otlp.json").read_text(encoding="utf-8"))
    return made


def bars(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for event in document["traceEvents"] if event["ph"] == "X"]


def steps(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for event in bars(document) if event["args"]["kind"] == "step"]


def threads(document: dict[str, Any]) -> dict[int, str]:
    return {
        event["tid"]: event["args"]["name"]
        for event in document["traceEvents"]
        if event["name"] == "thread_name"
    }


def spans(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        span
        for resource in document["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {entry["key"]: next(iter(entry["value"].values())) for entry in span["attributes"]}


def one(path: Path) -> Build:
    [build] = read_builds(path)
    return build


def fleet() -> list[Build]:
    """The first forty builds of a recorded history, with their steps' seconds estimated."""
    [algorithm] = [each for each in RecordedCluster(FIXTURES / "fleets") if each.name == "price_model"]
    builds = [build for log in algorithm.logs() for build in parse(log)][-40:]
    estimates = estimate(builds)
    return [estimates.timed(build) for build in builds]


CLASSIC = (
    b"Step 1/3 : FROM alpine\n ---> 0123456789ab\n"
    b"Step 2/3 : COPY . .\n ---> 1123456789ab\n"
    b"Step 3/3 : RUN make\n ---> Running in ba9876543210\nmake: *** [all] Error 1\n"
    b"The command '/bin/sh -c make' returned a non-zero code: 2\n"
)


def timed(*timings: Timing, data: bytes = CLASSIC, **about: Any) -> Build:
    """A classic build whose steps have some timings."""
    [build] = parse(Log(data=data, **about))
    for step, timing in zip(build.steps, timings, strict=True):
        step.timing = timing
    return build


def told(seconds: float, started: float | None = None, **more: Any) -> Timing:
    return Timing(started, seconds, seconds, seconds, **{"source": TimingSource.CLOCK, **more})


# -- Chrome's and Perfetto's ----------------------------------------------------------------------------


def check_events(document: dict[str, Any]) -> None:
    """What the format of trace events says, and what Perfetto asks besides."""
    assert document.keys() == {"traceEvents", "displayTimeUnit", "otherData"}
    assert document["displayTimeUnit"] in {"ms", "ns"}
    named: dict[str, set[int]] = {"process_name": set(), "thread_name": set()}
    of_thread = defaultdict(list)
    process_of: dict[int, int] = {}
    for event in document["traceEvents"]:
        assert isinstance(event["name"], str)
        assert event["name"]
        for key in ("pid", "tid", "ts"):
            assert type(event[key]) is int
            assert 0 <= event[key] < 2**53
        assert isinstance(event["args"], dict)
        if event["ph"] == "M":
            assert event.keys() == {"ph", "name", "pid", "tid", "ts", "args"}
            if event["name"] in named:
                assert isinstance(event["args"]["name"], str)
                named[event["name"]].add(event["pid" if event["name"] == "process_name" else "tid"])
            else:
                assert event["name"] in {"process_sort_index", "thread_sort_index"}
                assert type(event["args"]["sort_index"]) is int
            continue
        assert event["ph"] in {"X", "i"}
        assert isinstance(event["cat"], str)
        assert event.get("cname", "grey") in COLOURS
        assert process_of.setdefault(event["tid"], event["pid"]) == event["pid"]
        if event["ph"] == "X":
            assert type(event["dur"]) is int
            assert 0 <= event["dur"] < 2**53
            of_thread[event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
        else:
            assert event["s"] == "t"
            of_thread[event["tid"]].append((event["ts"], event["ts"]))
    assert set(process_of) <= named["thread_name"]
    assert set(process_of.values()) <= named["process_name"]
    assert not named["process_name"] & named["thread_name"]
    for events in of_thread.values():
        for (_, end), (start, _) in pairwise(sorted(events)):
            assert end <= start


class TestEveryRecordedFormat:
    """Each builder in each format: both documents are what their readers take, and nothing is left out."""

    @pytest.fixture(params=FORMATS)
    def builds(self, request):
        return [build for path in sorted(BUILDERS.glob(f"*/{request.param}")) for build in read_builds(path)]

    def test_chrome(self, builds, tmp_path):
        document = trace(builds, tmp_path)
        check_events(document)
        known = sum(part.timing.seconds is not None for b in builds for part in (*b.steps, *b.vertices))
        drawn = [event for event in bars(document) if event["args"]["kind"] in {"step", "work"}]
        assert len(drawn) == known
        unknown = sum(len(build.steps) + len(build.vertices) for build in builds) - known
        assert len(document["otherData"]["untimed"]) == unknown

    def test_otlp(self, builds, tmp_path):
        document = otlp(builds, tmp_path)
        check_spans(document)
        known = sum(part.timing.seconds is not None for b in builds for part in (*b.steps, *b.vertices))
        kinds = [attributes(span)["logparse.kind"] for span in spans(document)]
        assert kinds.count("build") == len(builds)
        assert kinds.count("step") + kinds.count("work") == known

    def test_seconds_are_those_of_the_steps(self, builds, tmp_path):
        told = sorted(
            round(step.timing.seconds, 6)
            for build in builds
            for step in build.steps
            if step.timing.seconds is not None
        )
        drawn = steps(trace(builds, tmp_path))
        assert sorted(event["args"]["seconds"] for event in drawn) == told
        assert sorted(event["dur"] / 1e6 for event in drawn) == pytest.approx(told, abs=2e-6)


class TestParallelBuild:
    """Three stages of ``slow_parallel`` that BuildKit ran at once, by its own clock."""

    @pytest.fixture
    def document(self, tmp_path):
        return trace([one(BUILDERS / "slow_parallel/buildkit-28.rawjson.jsonl")], tmp_path)

    def test_a_stage_is_a_thread(self, document):
        names = threads(document)
        found = defaultdict(list)
        for event in steps(document):
            found[names[event["tid"]]].append(event["args"]["number"])
        assert found == {
            "stage one": [2, 3],
            "stage two": [2, 3],
            "stage three": [1, 2, 3, 4],
            "stage stage-3": [2, 3, 4],
        }

    def test_stages_ran_at_once_and_steps_of_one_did_not(self, document):
        at = {event["name"]: (event["ts"], event["ts"] + event["dur"]) for event in steps(document)}
        [one_first] = [span for name, span in at.items() if "one, first" in name]
        [two_first] = [span for name, span in at.items() if "two, first" in name]
        [two_second] = [span for name, span in at.items() if "two, second" in name]
        assert two_first[0] < one_first[1]
        assert two_first[1] <= two_second[0]

    def test_starts_are_the_logs_own(self, document):
        assert {event["args"]["start"] for event in steps(document)} == {"log"}
        assert {event["cat"] for event in steps(document)} == {"clock"}

    def test_work_of_one_track_that_ran_at_once_has_lanes(self, tmp_path):
        build = one(BUILDERS / "cache_from/buildkit-28.rawjson.jsonl")
        first, second, *others = build.vertices
        first.timing, second.timing = told(2.0, 0.0), told(2.0, 1.0)
        for other in others:
            other.timing = told(0.1, 5.0 + build.vertices.index(other))
        names = threads(trace([build], tmp_path)).values()
        assert [name for name in names if name.startswith("BuildKit")] == ["BuildKit", "BuildKit (2)"]


class TestLaidOut:
    """Where a log tells how long parts took, but not when they began."""

    def test_a_sequential_builders_steps_follow_each_other(self, tmp_path):
        document = trace([timed(told(1.5), told(0.25), told(3.0))], tmp_path)
        assert [(event["ts"], event["dur"]) for event in steps(document)] == [
            (0, 1_500_000),
            (1_500_000, 250_000),
            (1_750_000, 3_000_000),
        ]
        assert {event["args"]["start"] for event in steps(document)} == {"laid out"}

    def test_a_start_that_is_known_is_kept(self, tmp_path):
        document = trace([timed(told(1.0), told(1.0, started=4.0), told(1.0))], tmp_path)
        assert [(event["ts"], event["args"]["start"]) for event in steps(document)] == [
            (0, "laid out"),
            (4_000_000, "log"),
            (5_000_000, "laid out"),
        ]

    def test_plain_buildkit_is_near_the_truth_and_hardly_ever_late(self):
        """The event stream of the same builds knows when each part really began."""
        off = []
        for path in sorted(BUILDERS.glob("*/buildkit-28.plain.log")):
            builds = list(read_builds(path))
            truth = path.with_name("buildkit-28.rawjson.jsonl")
            if len(builds) != 1 or not truth.exists():
                continue
            [true] = read_builds(truth)
            known: list[Step | Vertex] = [*true.steps, *true.vertices]
            starts = {_key(part): part.timing.started for part in known}
            of_steps, of_vertices = lay_out(builds[0])
            parts: list[Step | Vertex] = [*builds[0].steps, *builds[0].vertices]
            for part, place in zip(parts, [*of_steps, *of_vertices], strict=True):
                start = starts.get(_key(part))
                if place.start is not None and start is not None:
                    assert place.laid_out
                    off.append(place.start - start)
        assert len(off) > 250
        assert sum(abs(each) < 0.3 for each in off) / len(off) > 0.9
        assert max(off) < 0.4

    def test_a_step_that_copies_from_stages_waits_for_them(self):
        build = one(BUILDERS / "slow_parallel/buildkit-28.plain.log")
        starts, ends = {}, {}
        for step, place in zip(build.steps, lay_out(build)[0], strict=True):
            assert place.start is not None
            assert place.seconds is not None
            starts[step.stage_label, step.number] = place.start
            ends[step.stage_label, step.number] = place.start + place.seconds
        assert starts["stage-3", 3] == pytest.approx(max(ends["two", 3], ends["stage-3", 2]))
        assert starts["two", 3] == pytest.approx(ends["two", 2])


def _key(part: Step | Vertex) -> object:
    if isinstance(part, Step):
        return part.target, part.platform, part.stage_label, part.number, part.text
    return part.name


class TestEstimatedAndUnknown:
    """Nothing that was not measured looks as if it was."""

    def test_estimates_are_marked(self, tmp_path):
        builds = fleet()
        document = trace(builds, tmp_path)
        check_events(document)
        found = steps(document)
        assert len(found) == sum(len(build.steps) for build in builds)
        for event in found:
            assert event["cat"] == "estimated"
            assert event["name"].startswith("~")
            assert event["cname"] in {"grey", "bad"}
            assert event["args"]["low"] <= event["args"]["seconds"] <= event["args"]["high"]
        assert any("group" in event["args"] for event in found)

    def test_a_measured_step_is_not(self, tmp_path):
        [event, *_] = steps(trace([timed(told(1), told(1), told(1))], tmp_path))
        assert event["name"] == "FROM alpine"
        assert event["cat"] == "clock"
        assert "cname" not in event

    def test_what_has_no_time_is_listed_and_not_drawn(self, tmp_path):
        document = trace([timed(Timing(), told(1.0), Timing())], tmp_path)
        assert [event["name"] for event in steps(document)] == ["COPY . ."]
        reason = "the log has no clock, and when the build started and finished is not known"
        assert [
            (each["number"], each["name"], each["reason"]) for each in document["otherData"]["untimed"]
        ] == [
            ("1/3", "FROM alpine", reason),
            ("3/3", "RUN make", reason),
        ]

    def test_a_step_without_an_end_is_an_instant(self, tmp_path):
        running = Timing(2.0, source=TimingSource.CLOCK)
        document = trace([timed(told(1.0, 0.0), told(1.0, 1.0), running)], tmp_path)
        check_events(document)
        [instant] = [event for event in document["traceEvents"] if event["ph"] == "i"]
        assert (instant["ts"], instant["name"]) == (2_000_000, "RUN make")
        [untimed] = document["otherData"]["untimed"]
        assert untimed["reason"] == "it began at 2.000 s, and the log does not tell when it ended"

    def test_a_time_that_no_format_can_hold_is_not_believed(self, tmp_path):
        build = timed(told(1.0), told(1e300), told(float("inf"), 0.0))
        document = trace([build], tmp_path)
        assert [event["name"] for event in steps(document)] == ["FROM alpine"]
        assert {each["reason"] for each in document["otherData"]["untimed"]} == {
            "the time in the log cannot be right"
        }
        check_spans(otlp([build], tmp_path))

    def test_a_build_without_any_time_has_a_name_all_the_same(self, tmp_path):
        document = trace([timed(Timing(), Timing(), Timing(), path="logs/a.log")], tmp_path)
        check_events(document)
        assert bars(document) == []
        [process] = [event for event in document["traceEvents"] if event["name"] == "process_name"]
        assert process["args"]["name"] == "logs/a.log (failed)"


class TestBuildsAndFailures:
    def test_a_build_is_a_process_that_begins_at_nothing(self, tmp_path):
        start = datetime(2026, 3, 1, 12, tzinfo=UTC)
        builds = [
            timed(
                told(1.0),
                told(1.0),
                told(1.0),
                owner="acme",
                name="sentiment",
                build_id=f"b{day}",
                started_at=start + timedelta(days=day),
                finished_at=start + timedelta(days=day, seconds=4),
            )
            for day in (0, 1)
        ]
        document = trace(builds, tmp_path)
        whole = [event for event in bars(document) if event["args"]["kind"] == "build"]
        assert [(event["name"], event["ts"], event["dur"]) for event in whole] == [
            ("acme/sentiment b0", 0, 4_000_000),
            ("acme/sentiment b1", 0, 4_000_000),
        ]
        assert [event["args"]["started_at"] for event in whole] == [
            "2026-03-01T12:00:00+00:00",
            "2026-03-02T12:00:00+00:00",
        ]
        assert len({event["pid"] for event in whole}) == 2

    def test_the_failed_step_says_why(self, tmp_path):
        *_, event = steps(trace([timed(told(1.0), told(1.0), told(1.0))], tmp_path))
        assert event["cname"] == "terrible"
        assert event["args"]["exit_code"] == 2
        assert event["args"]["root_line"] == "make: *** [all] Error 1"
        assert event["args"]["root_line_number"] == 7

    def test_a_build_that_is_given_twice_counts_once(self, tmp_path):
        build = timed(told(1.0), told(1.0), told(1.0))
        assert len(steps(trace([build, build], tmp_path))) == 3

    def test_pulls_and_layers_are_below_their_step(self, tmp_path):
        build = one(BUILDERS / "big_pull/buildkit-28.rawjson.jsonl")
        found = spans(otlp([build], tmp_path))
        by_id = {span["spanId"]: span for span in found}
        [pull] = [span for span in found if attributes(span)["logparse.kind"] == "pull"]
        layers = [span for span in found if attributes(span)["logparse.kind"] == "layer"]
        assert attributes(pull)["container.image.name"] == "hub.cluster.example/base/big:1"
        assert by_id[pull["parentSpanId"]]["name"].startswith("FROM hub.cluster.example/base/big:1")
        assert {layer["parentSpanId"] for layer in layers} == {pull["spanId"]}
        assert sorted(round(attributes(layer)["logparse.seconds"], 9) for layer in layers) == sorted(
            round(layer.seconds, 6) for layer in build.pulls[0].layers if layer.seconds is not None
        )

    def test_layers_on_their_way_at_once_have_a_lane_each(self, tmp_path):
        build = one(BUILDERS / "big_pull/buildkit-28.rawjson.jsonl")
        [pull] = build.pulls
        pull.layers = tuple(pull.layers[0]._replace(layer_id=f"{n:012x}", seconds=1.0) for n in range(300))
        document = trace([build], tmp_path)
        check_events(document)
        lanes = [name for name in threads(document).values() if name.startswith("layers")]
        assert lanes == ["layers", *(f"layers ({n})" for n in range(2, 301))]


# -- OpenTelemetry's ------------------------------------------------------------------------------------


def in_proto3_form(value: Any) -> Any:
    """The same JSON as protocol buffers have it: OTLP's ids are hexadecimal, theirs are base64."""
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(each)).decode()
            if key in {"traceId", "spanId", "parentSpanId"}
            else in_proto3_form(each)
            for key, each in value.items()
        }
    return [in_proto3_form(each) for each in value] if isinstance(value, list) else value


def check_spans(document: dict[str, Any]) -> ExportTraceServiceRequest:
    """Read with OpenTelemetry's own messages, which refuse fields and types that are not theirs."""
    request: ExportTraceServiceRequest = ParseDict(in_proto3_form(document), ExportTraceServiceRequest())
    for resource in request.resource_spans:
        assert {"service.name"} <= {entry.key for entry in resource.resource.attributes}
        [scope] = resource.scope_spans
        root, *others = scope.spans
        assert root.parent_span_id == b""
        assert {len(span.trace_id) for span in scope.spans} == {16}
        assert {span.trace_id for span in scope.spans} == {root.trace_id}
        ids = [span.span_id for span in scope.spans]
        assert {len(each) for each in ids} == {8}
        assert len(set(ids)) == len(ids)
        assert {span.parent_span_id for span in others} <= set(ids)
        for span in scope.spans:
            assert span.end_time_unix_nano >= span.start_time_unix_nano >= root.start_time_unix_nano
    for span in spans(document):
        assert re.fullmatch("[0-9a-f]{32}", span["traceId"])
        assert re.fullmatch("[0-9a-f]{16}", span["spanId"])
        assert re.fullmatch("[0-9]+", span["startTimeUnixNano"])
        assert re.fullmatch("[0-9]+", span["endTimeUnixNano"])
    return request


class TestOtlp:
    def test_ids_follow_from_the_builds_key(self, tmp_path):
        about: dict[str, Any] = {"owner": "acme", "name": "sentiment", "build_id": "b1"}
        first = spans(otlp([timed(told(1), told(1), told(1), **about)], tmp_path))
        again = spans(otlp([timed(told(2), told(2), told(2), **about)], tmp_path))
        other = spans(otlp([timed(told(1), told(1), told(1), **about | {"build_id": "b2"})], tmp_path))
        ids = [(span["traceId"], span["spanId"]) for span in first]
        assert ids == [(span["traceId"], span["spanId"]) for span in again]
        assert not set(ids) & {(span["traceId"], span["spanId"]) for span in other}

    def test_times_count_from_the_apis_start(self, tmp_path):
        start = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
        build = timed(
            told(1.0), told(0.5), told(2.0), started_at=start, finished_at=start + timedelta(seconds=4)
        )
        root, first, second, _ = spans(otlp([build], tmp_path))
        assert (root["startTimeUnixNano"], root["endTimeUnixNano"]) == (
            "1772366400250000000",
            "1772366404250000000",
        )
        assert (first["startTimeUnixNano"], first["endTimeUnixNano"]) == (
            "1772366400250000000",
            "1772366401250000000",
        )
        assert second["startTimeUnixNano"] == "1772366401250000000"
        assert attributes(root)["logparse.clock"] == "api"

    def test_else_from_the_logs_stamps(self, tmp_path):
        build = one(FIXTURES / "wrapped/github-actions/classic-good.log")
        root = spans(otlp([build], tmp_path))[0]
        assert root["startTimeUnixNano"].startswith("17146079")
        assert attributes(root)["logparse.clock"] == "log"

    def test_else_from_the_events_own_clock(self, tmp_path):
        path = BUILDERS / "slow_parallel/buildkit-28.rawjson.jsonl"
        [earliest] = sorted(re.findall(rb'"started":"([^"]+)"', path.read_bytes()))[:1]
        root = spans(otlp([one(path)], tmp_path))[0]
        moment = datetime.fromisoformat(earliest.decode()[:26].removesuffix("Z") + "+00:00")
        assert int(root["startTimeUnixNano"]) // 10**9 == int(moment.timestamp())
        assert attributes(root)["logparse.clock"] == "log"

    def test_else_from_1970_and_says_so(self, tmp_path):
        root, first, *_ = spans(otlp([timed(told(1.5), told(1), told(1))], tmp_path))
        assert attributes(root)["logparse.clock"] == "none"
        assert (first["startTimeUnixNano"], first["endTimeUnixNano"]) == ("0", "1500000000")

    def test_stamps_without_a_date_are_no_date(self, tmp_path):
        root = spans(otlp([one(FIXTURES / "wrapped/jenkins-clock/classic-good.log")], tmp_path))[0]
        assert root["startTimeUnixNano"] == "0"

    def test_the_failed_step_and_its_build_have_an_errors_status(self, tmp_path):
        request = check_spans(otlp([timed(told(1), told(1), told(1))], tmp_path))
        root, first, second, failed = request.resource_spans[0].scope_spans[0].spans
        assert (root.status.code, failed.status.code) == (Status.STATUS_CODE_ERROR,) * 2
        assert failed.status.message == "make: *** [all] Error 1"
        assert {first.status.code, second.status.code} == {Status.STATUS_CODE_UNSET}

    def test_an_image_has_a_name_where_it_is_known(self, tmp_path):
        data = CLASSIC.partition(b"Step 3/3")[0].replace(b"/3 :", b"/2 :")
        data += b"Successfully built 1123456789ab\nSuccessfully tagged hub.example:5000/team/app:1.2\n"
        document = otlp([timed(told(1), told(1), data=data)], tmp_path)
        [resource] = document["resourceSpans"]
        assert attributes(resource["resource"]) == {
            "service.name": "hub.example:5000/team/app",
            "container.image.name": "hub.example:5000/team/app",
        }
        assert spans(document)[0]["name"] == "hub.example:5000/team/app"

    def test_what_has_no_time_is_told_of_the_build(self, tmp_path):
        running = Timing(1.5, source=TimingSource.CLOCK)
        root, *others = spans(otlp([timed(told(1.0, 0.0), Timing(), running)], tmp_path))
        assert len(others) == 1
        values = [each["stringValue"] for each in attributes(root)["logparse.untimed"]["values"]]
        assert [value.partition(":")[0] for value in values] == ["2/3 COPY . .", "3/3 RUN make"]
        assert [(event["timeUnixNano"], event["name"]) for event in root["events"]] == [
            ("1500000000", "RUN make")
        ]

    def test_it_is_one_line(self, tmp_path):
        otlp([timed(told(1), told(1), told(1)), one(BUILDERS / "services/bake.tty.log")], tmp_path)
        assert (tmp_path / "otlp.json").read_bytes().count(b"\n") == 1


class TestHostileText:
    HOSTILE = (
        b"Step 1/2 : FROM alpine\n ---> 0123456789ab\n"
        b'Step 2/2 : RUN echo "</script>\\u0000 \x1b[31m\xff\xe2\x80\xae" && curl -u joe:hunter2hunter2 https://x --token abcdef0123456789\n'
        b" ---> Running in ba9876543210\npassword=hunter2hunter2 is wrong\n"
        b"The command '/bin/sh -c x' returned a non-zero code: 1\n"
    )

    @pytest.fixture(params=list(Viewer))
    def text(self, request, tmp_path):
        build = timed(told(1), told(1), data=self.HOSTILE, path="a\udcff\x1b[2J.log")
        write_trace([build], tmp_path / "out.json", request.param)
        return (tmp_path / "out.json").read_bytes().decode("utf-8", "strict")

    def test_secrets_are_masked(self, text):
        assert "hunter2" not in text
        assert "abcdef0123456789" not in text
        assert "***" in text

    def test_there_are_no_control_characters_and_it_is_json(self, text):
        json.loads(text)
        assert "\x1b" not in text
        assert "\\u001b" not in text
        assert "\u202e" not in text

    def test_a_long_instruction_is_cut_behind_its_masking(self, tmp_path):
        data = CLASSIC.replace(b"RUN make", b"RUN " + b"x" * 1990 + b" --token abcdefghij" + b"y" * 5000)
        *_, event = steps(trace([timed(told(1), told(1), told(1), data=data)], tmp_path))
        assert len(event["args"]["text"]) <= 2000
        assert "--token a" not in event["args"]["text"]
        assert len(event["name"]) <= 101


class TestFile:
    def test_an_error_leaves_what_was_there(self, tmp_path):
        out = tmp_path / "trace.json"
        out.write_text("before")

        def broken() -> Iterable[Build]:
            yield timed(told(1), told(1), told(1))
            raise ValueError("enough")

        with pytest.raises(ValueError, match="enough"):
            write_trace(broken(), out)
        assert out.read_text() == "before"
        assert list(tmp_path.iterdir()) == [out]

    @pytest.mark.parametrize(
        ("out", "sentence"),
        [
            (".", "is a folder"),
            ("missing/trace.json", "The folder of .* does not exist"),
        ],
    )
    def test_errors_name_the_file_and_the_remedy(self, tmp_path, out, sentence):
        with pytest.raises(ExportError, match=sentence):
            write_trace([timed(told(1), told(1), told(1))], tmp_path / out)

    def test_a_device_is_written_to_and_not_replaced(self):
        before = Path("/dev/null").stat()
        write_trace([timed(told(1), told(1), told(1))], "/dev/null")
        assert Path("/dev/null").stat().st_rdev == before.st_rdev

    def test_what_is_told_of_a_trace(self, tmp_path):
        found = write_trace(
            [timed(told(1), replace(told(1), source=TimingSource.ESTIMATED), Timing())], tmp_path / "a"
        )
        assert (found.builds, found.bars, found.estimated, found.laid_out, found.untimed) == (1, 2, 1, 2, 1)


class TestCommand:
    @pytest.fixture
    def run(self, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
        from logparse.cli import run  # noqa: PLC0415

        def call(*words: object) -> tuple[int, str, str]:
            code = run([str(word) for word in words])
            return (code, *capsys.readouterr())

        return call

    def test_perfetto_is_the_default(self, run, tmp_path):
        out = tmp_path / "trace.json"
        code, printed, said = run("trace", BUILDERS / "slow_parallel/buildkit-28.plain.log", "--out", out)
        assert (code, printed) == (0, "")
        assert "1 build in" in said
        assert "laid out" in said
        check_events(json.loads(out.read_text()))

    def test_otlp_to_standard_output(self, run):
        path = BUILDERS / "slow_parallel/buildkit-28.rawjson.jsonl"
        code, printed, _ = run("trace", path, "--out", "-", "--as", "otlp")
        assert code == 0
        check_spans(json.loads(printed))

    def test_steps_without_a_clock_are_estimated_unless_that_is_not_wanted(self, run, tmp_path):
        out = tmp_path / "trace.json"
        unknown = CLUSTER / "logistics/routing"
        shutil.copytree(FIXTURES / "fleets/logistics", tmp_path / "fleets/logistics")
        code, _, said = run("trace", tmp_path / "fleets", "--out", out)
        assert code == 0
        assert "estimated" in said
        assert {event["cat"] for event in steps(json.loads(out.read_text()))} == {"estimated"}
        code, _, said = run("trace", unknown, "--out", out, "--no-estimate")
        assert code == 0
        assert "Not drawn" in said
        assert steps(json.loads(out.read_text())) == []

    def test_what_makes_no_sense_is_said_in_one_sentence(self, run, tmp_path):
        code, _, said = run(
            "trace", BUILDERS / "push/buildkit-28.plain.log", "--out", tmp_path / "x", "--as", "svg"
        )
        assert code == 2
        assert "svg" in said
        code, _, said = run("trace", BUILDERS / "push/buildkit-28.plain.log", "--out", tmp_path)
        assert code == 6
        assert said.count("\n") == 1
