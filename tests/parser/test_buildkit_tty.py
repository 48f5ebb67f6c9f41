"""Captures of BuildKit's display: recordings against what is written in them, and against the same builds' events."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logparse import Build, Builder, Kind, Log, Outcome, Transcript, parse
from logparse.model import TimingSource
from logparse.parser.buildkit.frames import Frame, Screen
from logparse.parser.buildkit.tty import SIGN, parse_tty
from tests.fixtures_path import FIXTURES

RECORDED = FIXTURES / "builders"
CAPTURES = sorted(RECORDED.glob("*/*tty*.log"))
IDS = [f"{path.parent.name}-{path.stem}" for path in CAPTURES]

ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")

# How each build ended that did not succeed, the step that its last frame shows as failed, and the exit code in
# its last line: read in the captures. Where a name has two entries, the first is of the engine of 2021.
FAILED = {
    "add_missing": (None, "ADD http://files.cluster.example/models/large.bin", None),
    "bad_dockerfile": (None, None, None),
    "checks_failure": ("RUN echo compiling", "RUN echo compiling", 9),
    "clipped": ("RUN sleep 0.2; seq 1 4000", "RUN sleep 0.2; seq 1 4000", 5),
    "command_not_found": ("RUN npm install", "RUN npm install", 127),
    "fail_copy": ("COPY requirements.txt /srv/", "COPY requirements.txt /srv/", None),
    "fail_copy_many": ("COPY missing-three.txt", "COPY missing-three.txt", None),
    "fail_run": ("RUN sleep 0.5; for line in", "RUN sleep 0.5; for line in", 3),
    "heredoc_failure": (None, "RUN <<EOF (set -e...)", 7),
    "killed": ("RUN echo training", "RUN echo training", 137),
    "multi_platform_failure": (None, 'RUN if [ "$(uname -m)" = aarch64 ]', 4),
    "multiline": ("RUN echo one &&     echo two", "RUN echo one &&     echo two", 2),
    "no_base": (None, None, None),
    "no_base_dns": (None, None, None),
    "no_program": ('RUN ["build-model", "--all"]', 'RUN ["build-model", "--all"]', 1),
    "odd_failure": ("RUN sh /imitate.sh", "RUN sh /imitate.sh", 6),
    "push_refused": (None, None, None),
    "services": (None, "RUN echo migrating", 4),
    "silent": ("RUN false", "RUN false", 1),
}


def recorded(scenario: str, name: str) -> bytes:
    return (RECORDED / scenario / name).read_bytes()


def one(data: bytes) -> Build:
    [build] = parse_tty(Transcript(Log(data=data)))
    return build


def covered(builds: list[Build], data: bytes) -> None:
    """The elements of all builds lie end to end and are all of the text."""
    position = 0
    for build in builds:
        for element in build.elements():
            assert element.start == position < element.end
            position = element.end
    assert position == len(data)


def told(build: Build) -> list[tuple[object, ...]]:
    """What a capture tells of steps, but for names, which are cut."""
    return [
        (step.number, step.total, step.stage_name, step.platform, step.target, step.instruction, step.cached,
         step.canceled, step.failed, step.timing.seconds)
        for step in build.steps
    ]  # fmt: skip


@pytest.mark.parametrize("path", CAPTURES, ids=IDS)
class TestRecorded:
    def test_is_recognised_and_wholly_understood(self, path):
        data = path.read_bytes()
        builds = parse(path)
        assert [build.builder for build in builds] == [Builder.BUILDKIT]
        assert SIGN.search(data)
        covered(builds, data)
        assert builds[0].unknown_bytes == 0

    def test_how_it_ended(self, path):
        build = one(path.read_bytes())
        truth = json.loads((path.parent / "truth.json").read_text())["recordings"][path.name]
        assert build.outcome == truth["outcome"]
        if build.outcome is Outcome.FAILED and path.parent.name in FAILED:
            old, new, code = FAILED[path.parent.name]
            text = old if "20.10" in path.name else new
            step = build.failing_step
            assert (step is None) == (text is None)
            assert step is None or step.text.startswith(text or "")
            assert build.exit_code == (code if text is not None else None)
            if step is not None:
                assert step.failed
                assert step.exit_code == code
            assert build.failure is not None
            words = build.transcript.data[slice(*build.failure.span)].splitlines()
            assert words[-1].endswith(b"exit code: %d" % code if code is not None and text else b"")

    def test_it_shows_what_the_engine_did(self, path):
        """In another run of the same build: the same vertices, cached or not, each once."""
        events = path.parent / "buildkit-28.rawjson.jsonl"
        if "20.10" in path.name or not events.exists() or path.parent.name == "cut":
            pytest.skip("no events of this build")
        started = {}
        for line in events.read_text().splitlines():
            for vertex in json.loads(line).get("vertexes") or []:
                if vertex.get("started"):
                    started[vertex["digest"]] = vertex
        expected = sorted((v["name"].replace("\t", " "), bool(v.get("cached"))) for v in started.values())
        build = one(path.read_bytes())
        shown = [
            *((step.header, step.cached) for step in build.steps),
            *((vertex.spans[0], vertex.cached) for vertex in build.vertices),
        ]
        for span, cached in shown:
            row = ESCAPES.sub(b"", build.transcript.data[span.start : span.end]).decode()
            name = re.sub(r" +\d+\.\ds\s*(\n.*)?\Z", "", row, flags=re.DOTALL).strip().removeprefix("=> ")
            name = re.sub(r"\A(?:(?:CACHED|ERROR|CANCELED) )+", "", name)
            if name.startswith("pushing "):  # the client's own work, of which the engine has no events
                continue
            found = next(each for each in expected if each[0].startswith(name) and each[1] is cached)
            expected.remove(found)
        assert expected == []


class TestSteps:
    def test_names_numbers_stages_and_seconds(self):
        """As the last frame of the capture has them."""
        build = one(recorded("multistage", "buildkit-28.tty.log"))
        assert [(step.stage_name, step.number, step.total, step.instruction) for step in build.steps] == [
            ("base", 1, 2, "FROM"),
            ("base", 2, 2, "RUN"),
            ("stage-3", 2, 4, "WORKDIR"),
            ("compile", 1, 2, "COPY"),
            ("pages", 1, 1, "RUN"),
            ("compile", 2, 2, "RUN"),
            ("stage-3", 3, 4, "COPY"),
            ("stage-3", 4, 4, "COPY"),
        ]
        rows = [
            row for row in recorded("multistage", "buildkit-28.tty.log").split(b"\n") if b"pages 1/1" in row
        ]
        seconds = float(rows[-1].strip().removesuffix(b"s").rpartition(b" ")[2])
        timing = build.steps[4].timing
        assert (timing.seconds, timing.source) == (seconds, TimingSource.CLOCK)
        assert timing.low == pytest.approx(seconds - 0.05)
        assert timing.high == pytest.approx(seconds + 0.05)
        assert timing.started is not None
        assert 0.0 < timing.started < 1.0

    def test_starts_follow_from_the_frame_in_which_a_row_is_new(self):
        """Of three stages at once, each step starts when the one before it in its stage has ended."""
        build = one(recorded("slow_parallel", "buildkit-28.tty.log"))
        for stage in build.stages:
            for before, after in zip(stage.steps, stage.steps[1:], strict=False):
                if before.instruction == after.instruction == "RUN":
                    assert after.timing.started is not None
                    assert before.timing.started is not None
                    assert before.timing.seconds is not None
                    ended = before.timing.started + before.timing.seconds
                    assert after.timing.started == pytest.approx(ended, abs=0.45)

    def test_all_cached(self):
        build = one(recorded("cached", "buildkit-28.tty.log"))
        assert [step.cached for step in build.steps] == [False] + 7 * [True]

    def test_platforms(self):
        build = one(recorded("multi_platform", "buildkit-28.tty.log"))
        assert {step.platform for step in build.steps} == {
            "linux/amd64",
            "linux/arm64",
            "linux/amd64->arm64",
        }
        assert build.tags == ("hub.cluster.example/team/two:1",)

    @pytest.mark.parametrize("scenario", ["fail_run", "multistage", "slow_parallel", "push", "big_pull"])
    def test_a_narrow_terminal_cuts_names_only(self, scenario):
        wide = one(recorded(scenario, "buildkit-28.tty.log"))
        narrow = one(recorded(scenario, "buildkit-28.tty-60.log"))
        assert sorted(step[:9] for step in told(wide)) == sorted(step[:9] for step in told(narrow))
        texts = {(step.stage_name, step.number): step.text for step in wide.steps}
        for step in narrow.steps:
            assert texts[step.stage_name, step.number].startswith(step.text)

    def test_the_step_that_failed_has_its_whole_name_its_output_and_its_lines(self):
        """All three stand behind the last frame."""
        build = one(recorded("fail_run", "buildkit-28.tty-60.log"))
        step = build.failing_step
        assert step is not None
        assert step.arguments.endswith('echo "case 21: expected 3, got 4" >&2; exit 3')
        assert step.lines == (3, 3)
        lines = step.output.splitlines()
        assert sorted(lines) == sorted(
            [*(b"case %d: ok" % number for number in range(1, 21)), b"case 21: expected 3, got 4"]
        )

    def test_imitated_markers_are_output(self):
        for name in ("buildkit-28.tty.log", "buildkit-20.10.tty.log"):
            build = one(recorded("odd_failure", name))
            step = build.failing_step
            assert step is not None
            assert b"[+] Building 0.1s (2/2) FINISHED" in step.output
            assert step.output.rstrip().endswith(b"checking ... fatal: wrong checksum")

    def test_the_number_that_stood_before_output_until_2023(self):
        build = one(recorded("fail_run", "buildkit-20.10.tty.log"))
        step = build.failing_step
        assert step is not None
        assert step.vertex == 8
        assert step.output.startswith(b"case 1: ok\r\n")

    def test_canceled_steps_keep_what_was_last_shown_of_their_output(self):
        build = one(recorded("fail_run", "buildkit-28.tty.log"))
        [step] = [step for step in build.steps if step.canceled]
        assert step.stage_name == "docs"
        assert [line.strip() for line in step.output.splitlines()] == [b"page %d" % n for n in range(1, 7)]


class TestOtherViews:
    @pytest.mark.parametrize(
        ("scenario", "name", "reference"),
        [
            # The row ends behind the tag, in it, before it, and with its colon.
            ("odd_output", "buildkit-20.10.tty-60.log", "hub.cluster.example/base/busybox:1.35"),
            ("slow_parallel", "buildkit-20.10.tty-60.log", "hub.cluster.example/base/busybox"),
            ("fail_run", "buildkit-20.10.tty-60.log", "hub.cluster.example/base/busybox"),
            ("multistage", "buildkit-20.10.tty-60.log", "hub.cluster.example/base/busybox"),
        ],
    )
    def test_a_tag_of_which_the_terminal_shows_only_a_part_is_none(self, scenario, name, reference):
        [pull] = one(recorded(scenario, name)).pulls
        assert (pull.reference, pull.digest) == (reference, None)

    def test_a_pull_has_its_layers_with_bytes(self):
        build = one(recorded("big_pull", "buildkit-28.tty.log"))
        [pull] = build.pulls
        assert pull.reference == "hub.cluster.example/base/big:1"
        rows = re.findall(
            rb"=> (sha256:[0-9a-f]+) (\d+\.\d+)MB / (\d+\.\d+)MB", recorded("big_pull", "buildkit-28.tty.log")
        )
        sizes = {digest[:20].decode(): round(float(total) * 1e6) for digest, _, total in rows}
        assert {layer.layer_id[:20]: layer.bytes for layer in pull.layers} == sizes
        assert {layer.state for layer in pull.layers} == {"Pull complete"}
        assert pull.digest is None  # the terminal shows the first part of it

    def test_the_context_has_bytes(self):
        build = one(recorded("multistage", "buildkit-28.tty.log"))
        sizes = {vertex.name: vertex.bytes for vertex in build.vertices}
        assert sizes["[internal] load .dockerignore"] is not None
        assert sizes["[internal] load build context"] is not None

    def test_the_image_and_its_name(self):
        build = one(recorded("push", "buildkit-28.tty.log"))
        written = re.findall(rb"writing image sha256:([0-9a-f]{12})", recorded("push", "buildkit-28.tty.log"))
        assert build.image_id == written[-1].decode()
        assert build.tags == ("hub.cluster.example/team/model:1.4.0",)

    def test_build_checks_are_warnings(self):
        build = one(recorded("checks_failure", "buildkit-28.tty.log"))
        assert [(warning.rule, warning.line) for warning in sorted(build.warnings, key=lambda w: w.text)] == [
            ("FromAsCasing", 1),
            ("SecretsUsedInArgOrEnv", 2),
            ("JSONArgsRecommended", 4),
            ("StageNameCasing", 1),
        ]

    def test_a_cache_that_is_missing_stops_nothing(self):
        build = one(recorded("cache_from", "buildkit-28.tty.log"))
        assert build.outcome is Outcome.SUCCEEDED
        [vertex] = [vertex for vertex in build.vertices if vertex.error is not None]
        assert vertex.name.startswith("importing cache manifest from ")

    def test_what_is_not_a_step_can_fail(self):
        build = one(recorded("no_base", "buildkit-28.tty.log"))
        assert build.failing_step is None
        [vertex] = [vertex for vertex in build.vertices if vertex.error is not None]
        assert vertex.name.startswith("[internal] load metadata for ")
        assert vertex.error is not None
        assert vertex.error.endswith("hub.cluster.example/base/busybox:9.99: not found")


class TestPasted:
    """Captures that lost their escape sequences, and all frames but the last."""

    @pytest.mark.parametrize("path", CAPTURES, ids=IDS)
    def test_without_escapes_they_tell_the_same(self, path):
        data = path.read_bytes()
        raw, bare = one(data), one(ESCAPES.sub(b"", data).replace(b"\r", b""))
        assert bare.outcome == raw.outcome
        assert bare.exit_code == raw.exit_code
        assert told(bare) == told(raw)
        assert bare.unknown_bytes == 0

    @pytest.mark.parametrize("path", CAPTURES, ids=IDS)
    def test_the_last_frame_alone_tells_it_all_but_starts(self, path):
        data = ESCAPES.sub(b"", path.read_bytes()).replace(b"\r", b"")
        if path.parent.name == "cut":
            pytest.skip("it has no last frame")
        whole = one(data)
        frames = [frame.start() for frame in re.finditer(rb"(?m)^\[\+\] Building \d+\.\d", data)]
        alone = one(data[frames[-1] :])
        assert told(alone) == told(whole)
        assert alone.outcome == whole.outcome
        assert alone.pulls == whole.pulls or [p.layers for p in alone.pulls] == [
            p.layers for p in whole.pulls
        ]

    def test_rows_without_a_header(self):
        data = recorded("multistage", "buildkit-28.tty.log")
        rows = ESCAPES.sub(b"", data[data.rindex(b"FINISHED") :]).partition(b"\n")[2]
        build = one(rows)
        assert SIGN.search(rows)
        assert [step.number for step in build.steps] == [1, 2, 2, 1, 1, 2, 3, 4]


class TestCut:
    def test_seconds_of_what_still_ran_are_a_lower_bound(self):
        build = one(recorded("cut", "buildkit-28.tty.log"))
        assert build.outcome is Outcome.INCOMPLETE
        running = [step for step in build.steps if step.timing.high is None]
        assert [step.stage_name for step in running] == ["train", "docs"]
        for step in running:
            assert step.timing.low is not None
            assert step.timing.low > 1.5
            assert b"epoch" in step.output or b"page" in step.output

    def test_the_same_without_colours(self):
        raw = recorded("cut", "buildkit-28.tty.log")
        build, bare = one(raw), one(ESCAPES.sub(b"", raw))
        assert [step.timing for step in bare.steps] == [step.timing for step in build.steps]

    def test_steps_that_scrolled_away_are_kept(self):
        """All frames but the last are as high as the terminal at most."""
        data = recorded("slow_parallel", "buildkit-28.tty-60.log")
        frames = [frame.start() for frame in re.finditer(rb"\[\+\] Building ", data)]
        whole = one(data)
        build = one(data[: frames[-1]])
        assert build.outcome is Outcome.INCOMPLETE
        numbers = {(step.stage_name, step.number) for step in whole.steps}
        assert {(step.stage_name, step.number) for step in build.steps} <= numbers
        assert len(build.steps) >= 8

    def test_without_the_closing_words_a_failure_is_one(self):
        """As some captures of standard error end."""
        data = recorded("fail_run", "buildkit-28.tty.log")
        end = data.rindex(b"------\r\nDockerfile:3") + len(b"------\r\n")
        build = one(data[:end])
        assert build.outcome is Outcome.FAILED
        assert build.exit_code is None
        assert build.failing_step is not None
        assert build.failing_step.number == 3

    @pytest.mark.parametrize("scenario", ["fail_run", "multistage"])
    def test_at_any_place(self, scenario):
        data = recorded(scenario, "buildkit-28.tty.log")
        last = data.rindex(b"[+] Building ")
        numbers = {(step.stage_name, step.number) for step in one(data).steps}
        for end in range(200, len(data), 97):
            builds = parse(Log(data=data[:end]))
            covered(builds, data[:end])
            assert len(builds) == 1
            assert {(step.stage_name, step.number) for step in builds[0].steps} <= numbers
            if 2000 < end < last:
                some = {Outcome.INCOMPLETE, Outcome.FAILED} if builds[0].steps else {Outcome.UNKNOWN}
                assert builds[0].outcome in some


class TestSeveral:
    def test_one_after_another(self):
        paths = [path for path in CAPTURES if path.parent.name not in {"cut", "bad_dockerfile"}]
        data = b"".join(path.read_bytes() for path in paths)
        builds = parse_tty(Transcript(Log(data=data)))
        covered(builds, data)
        assert len(builds) == len(paths)
        for build, path in zip(builds, paths, strict=True):
            assert told(build) == told(one(path.read_bytes()))

    def test_frames_among_other_output(self):
        """Something else writes to the same terminal."""
        data = recorded("multistage", "buildkit-28.tty.log")
        frames = [frame.start() for frame in re.finditer(rb"\n(?=\x1b\[\?25h\x1b\[1A)", data)]
        parts = [data[a:b] for a, b in zip([0, *frames], [*frames, len(data)], strict=True)]
        mixed = b"\nnpm notice: a newer version is there".join(parts)
        build = one(mixed)
        assert told(build) == told(one(data))
        assert build.unknown_bytes == mixed.count(b"npm notice: a newer version is there\n") * 37

    def test_an_error_of_another_program_ends_nothing(self):
        data = recorded("multistage", "buildkit-28.tty.log")
        place = [frame.start() for frame in re.finditer(rb"\n(?=\x1b\[\?25h\x1b\[1A)", data)][5]
        build = one(data[: place + 1] + b"ERROR: no connection to the indexer\n" + data[place + 1 :])
        assert told(build) == told(one(data))
        assert build.outcome is Outcome.SUCCEEDED
        assert build.unknown_bytes == len(b"ERROR: no connection to the indexer\n")


class TestRows:
    """Single lines, written by hand."""

    def row(self, line: bytes, header: bytes = b"[+] Building 1.0s (1/2)\n") -> Build:
        return one(header + line + b"\n")

    @pytest.mark.parametrize(
        ("line", "text", "seconds"),
        [
            (b" => [2/5] RUN make                     3.1s", "RUN make", 3.1),
            (b"=> [2/5] RUN make 3.1s", "RUN make", 3.1),
            (b" => CACHED [2/5] RUN make 0.0s", "RUN make", 0.0),
            (b"\x1b[0m\x1b[36m => [2/5] RUN make  12.0s\r", "RUN make", 12.0),
            (b" => ERROR [linux/arm64 web builder 2/5] RUN make  0.3s", "RUN make", 0.3),
            (b" => [2/5] RUN echo 1.5s and more", "RUN echo 1.5s and more", None),
        ],
    )
    def test_a_step(self, line, text, seconds):
        [step] = self.row(line).steps
        assert (step.number, step.total, step.text) == (2, 5, text)
        assert step.timing.seconds == seconds

    def test_a_name_cut_inside_a_character(self):
        [step] = self.row(b" => [2/5] RUN echo gr\xc3  0.1s").steps
        assert step.text == "RUN echo gr"

    def test_two_of_one_name_are_told_by_their_place(self):
        frame = (
            b"[+] Building %ss (1/4)\n => [internal] preparing inline document  0.0s\n"
            b" => [internal] preparing inline document  %ss\n"
        )
        build = one(frame % (b"1.0", b"0.4") + frame % (b"1.2", b"0.6"))
        assert [vertex.timing.seconds for vertex in build.vertices] == [0.0, 0.6]

    def test_a_name_that_gets_shorter_is_the_same(self):
        """Longer seconds and the words before it take of its place."""
        build = one(
            b"[+] Building 9.9s (0/1)\n => importing something with a very long na  9.9s\n"
            b"[+] Building 10.2s (0/1)\n => importing something with a very long n  10.2s\n"
            b"[+] Building 10.4s (1/1)\n => CACHED importing something with a very  10.3s\n"
        )
        [vertex] = build.vertices
        assert vertex.name == "importing something with a very long na"
        assert vertex.cached
        assert vertex.timing.seconds == 10.3

    def test_a_warning_among_rows(self):
        build = self.row(
            b" => [internal] load build definition from Dockerfile  0.1s\n"
            b" => WARN: FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 3)  0.1s"
        )
        [warning] = build.warnings
        assert (warning.rule, warning.line) == ("FromAsCasing", 3)

    def test_headers(self):
        header = b"[+] Building 12.3s (5/10) FINISHED      docker:default"
        assert Frame.of(header, 0, len(header)) == Frame(12.3, 5, 10, finished=True)
        assert Frame.of(b"[+] Running 2/2", 0, 15) is None
        assert Screen(b"", []).shown(closed=False) == []

    @pytest.mark.parametrize(
        "data",
        [b"", b"=> x\n", b"irb> [1]\n=> [1]\n", b"[+] done\n", b"[+] Running 2/2\n => 1.0s\n", b"\x1b[1A"],
    )
    def test_what_is_no_capture(self, data):
        assert not SIGN.search(data)
        builds = parse(Log(data=data))
        assert all(build.builder is Builder.NONE for build in builds)


class TestCost:
    def test_it_grows_with_the_size_only(self):
        """A capture of thousands of frames costs per byte what one of a hundred does, or less."""
        data = recorded("slow_parallel", "buildkit-28.tty.log")
        frames = [frame.start() for frame in re.finditer(rb"\x1b\[\?25h\x1b\[1A", data)]
        head, body, tail = data[: frames[3]], data[frames[3] : frames[-2]], data[frames[-2] :]

        def seconds(times: int) -> float:
            text = head + re.sub(rb"(Building )\d+\.\d", rb"\g<1>1.0", body) * times + tail
            start = time.perf_counter()
            build = one(text)
            assert len(build.steps) == 11
            return (time.perf_counter() - start) / len(text)

        assert min(seconds(100) for _ in range(3)) < 3 * min(seconds(3) for _ in range(3))

    @pytest.mark.parametrize(
        "piece",
        [
            b" => [1/2] RUN x  0.1s\n",
            b"[+] Building 1.0s (1/2)\n",
            b"------\n > a:\n",
            b"a:1\n--------------------\n",
            b"\x1b[1A",
            b" => " + b" " * 50,
            b"=> => # x\n",
            b"=> [internal] a  0.0s\n=> => sha256:0123456789ab 1B / 2B 0.1s\n",
            b"1.1s" + b" " * 20,
            b"ERROR: \n",
        ],
    )
    def test_no_line_makes_it_quadratic(self, piece):
        def seconds(times: int) -> float:
            text = b"[+] Building 1.0s (1/2)\n => [1/2] RUN x  0.1s\n" + piece * times
            start = time.perf_counter()
            for build in parse_tty(Transcript(Log(data=text))):
                _ = build.contents
            return time.perf_counter() - start

        small, large = (min(seconds(times) for _ in range(3)) for times in (1_000, 8_000))
        assert large < 30 * small + 0.05


PIECES = [
    b"[+] Building 1.0s (1/2)\n",
    b"[+] Building 0.5s (3/3) FINISHED\n",
    b"[+] Running 1/2\n",
    b" => [internal] load metadata for a  0.1s\n",
    b" => [1/2] FROM a@sha256:0123456789abcdef  0.1s\n",
    b" => => sha256:0123456789ab 1.00MB / 2.00MB  0.1s\n",
    b" => => extracting sha256:0123456789ab  0.1s\n",
    b" => CACHED [stage-1 2/2] RUN x  0.0s\n",
    b" => ERROR [stage-1 2/2] RUN x  0.4s\n",
    b" => CANCELED [linux/arm64 a 2/2] RUN x  0.4s\n",
    b" => => # printed\n",
    b" => WARN: FromAsCasing: x (line 1)  0.0s\n",
    b" => exporting to image  0.1s\n",
    b" => => writing image sha256:0123456789ab\n",
    b"------\n",
    b" > [stage-1 2/2] RUN x:\n",
    b"0.123 printed\n",
    b"#7 0.123 printed\n",
    b"Dockerfile:3\n--------------------\n   3 | >>> RUN x\n--------------------\n",
    b'ERROR: failed to solve: process "/bin/sh -c x" did not complete successfully: exit code: 1\n',
    b"context canceled\n",
    b"Building web\n",
    b"Service 'web' failed to build : Build failed\n",
    b" 1 warning found (use docker --debug to expand):\n - FromAsCasing: x (line 1)\n",
    b"\x1b[1A\x1b[0G\x1b[?25l",
    b"\x1b[?25h",
    b"\x1b[34m",
    b"\x1b[0m",
    b"^C",
    b"\r",
    b"\n",
    b"\r\n",
    b"   \n",
    b"text\n",
    b"\xff",
    b"\x00",
]
soup = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)
SMALL = [path.read_bytes() for path in CAPTURES if path.stat().st_size < 20_000]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A recording after some cuts, splices, repetitions, insertions, and changes of line ends and colours."""
    data = draw(st.sampled_from(SMALL))
    for _ in range(draw(st.integers(0, 4))):
        here, there = draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))
        match draw(st.integers(0, 6)):
            case 0:
                data = data[:here]
            case 1:
                data = data[here:]
            case 2:
                data = data[:here] + draw(st.sampled_from(SMALL))[there:]
            case 3:
                data = data[:here] + draw(soup) + data[here:]
            case 4:
                data = data[: max(here, there)] + data[min(here, there) :]
            case 5:
                data = data.replace(b"\r\n", draw(st.sampled_from([b"\n", b"\r\r\n", b"", b"\r"])))
            case 6:
                data = ESCAPES.sub(b"", data)
    return data[:60_000]


class TestProperties:
    @settings(deadline=None, max_examples=300)
    @given(st.one_of(soup, mutated(), st.binary(max_size=200)))
    def test_nothing_is_lost_and_nothing_raised(self, data):
        builds = parse_tty(Transcript(Log(data=data)))
        if builds:
            covered(builds, data)
        for index, build in enumerate(builds):
            assert build.index == index
            assert build.outcome in Outcome
            _ = build.failing_step, build.exit_code, build.stages, build.pulls, build.warnings
            for step in build.steps:
                assert step.start <= step.header_end <= step.end <= len(data)
                position = 0
                for start, end in step.outputs:
                    assert position <= start < end <= len(data)
                    position = end
                _ = step.output
            assert all(element.kind in Kind for element in build.elements())

    @settings(deadline=None, max_examples=100)
    @given(st.one_of(soup, mutated()))
    def test_with_all_formats(self, data):
        builds = parse(Log(data=data))
        covered(builds, data)
