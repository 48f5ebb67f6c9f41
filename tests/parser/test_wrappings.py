"""What CI systems, shells and log drivers put around a builder's lines is taken away, and nothing else."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from fixtures.recorder import wrap
from logparse import Build, Builder, Log, Outcome, Transcript, diagnose, parse
from logparse.parser.wrappings import WRAPPINGS, unwrap
from logparse.parser.wrappings.json_lines import JSON_LINES
from logparse.parser.wrappings.powershell import POWERSHELL
from logparse.parser.wrappings.prefixes import PREFIXES
from logparse.text import to_utf8
from tests.fixtures_path import FIXTURES, LOGS
from tests.strategies import mutated_logs

WRAPPED = sorted((FIXTURES / "wrapped").glob("*/*.log"))
IDS = [f"{path.parent.name}-{path.stem}" for path in WRAPPED]

# What each system's logs are said to be out of, outermost first.
NAMES = {
    "azure-pipelines": ("azure-pipelines",),
    "buildkite": ("buildkite",),
    "cloud-build": ("cloud-build",),
    "cloud-build-parallel": ("cloud-build",),
    "cloudwatch": ("time-stamps",),
    "codebuild": (),
    "compose": ("compose",),
    "compose-parallel": ("compose",),
    "cri": ("cri",),
    "docker-json": ("docker-json",),
    "github-actions": ("github-actions",),
    "github-cli": ("github-cli",),
    "github-jobs": ("github-cli",),
    "gitlab": ("gitlab-sections",),
    "gitlab-timestamps": ("gitlab-sections", "gitlab"),
    "go-log": ("time-stamps",),
    "heroku": ("git-remote",),
    "indented": ("indent",),
    "jenkins": ("jenkins-notes",),
    "jenkins-clock": ("time-stamps",),
    "jenkins-parallel": ("jenkins-branch",),
    "jenkins-parallel-timestamps": ("jenkins-timestamper", "jenkins-branch"),
    "jenkins-timestamper": ("jenkins-timestamper",),
    "journal": ("syslog",),
    "kubectl": ("time-stamps",),
    "logging-json": ("json-lines",),
    "logs-explorer": ("lone-stamps", "cloud-build"),
    "nested": ("cri", "github-actions"),
    "numbered": ("numbers",),
    "powershell-53": ("crlf", "powershell"),
    "powershell-79": ("crlf", "powershell"),
    "tekton": ("tekton",),
    "travis": ("travis-folds",),
    "ts": ("time-stamps",),
}

# Those that say when each line was written.
STAMPED = {
    "azure-pipelines": 1e-7,
    "buildkite": 1e-3,
    "cloudwatch": 1e-3,
    "cri": 1e-9,
    "docker-json": 1e-9,
    "github-actions": 1e-7,
    "github-cli": 1e-7,
    "gitlab-timestamps": 1e-6,
    "go-log": 1.0,
    "jenkins-clock": 1.0,
    "jenkins-timestamper": 1e-3,
    "journal": 1.0,
    "kubectl": 1e-9,
    "logging-json": 1e-9,
    "logs-explorer": 1e-3,
    "nested": 1e-7,
    "ts": 1.0,
}


def built(data):
    """The builds of a log in which a builder spoke."""
    return [build for build in parse(data) if build.builder is not Builder.NONE]


def outputs(build: Build) -> list[bytes]:
    texts = [step.output for step in build.steps]
    if build.builder is Builder.BUILDAH:
        # What follows a result that others' lines stand behind may be a program's, so much is left open.
        texts = [text.split(b"\n")[0] for text in texts]
    return texts


def facts(build: Build) -> tuple[object, ...]:
    """All that a wrapping must not change."""
    return (
        build.builder,
        build.outcome,
        build.exit_code,
        build.image_id,
        build.failing_step.number if build.failing_step else None,
        [
            (step.number, step.total, step.text, step.stage_label, step.cached, step.exit_code)
            for step in build.steps
        ],
        [[layer.layer_id for layer in pull.layers] for pull in build.pulls],
        outputs(build),
    )


def assert_lossless(data: bytes) -> None:
    claimed = sorted(
        span
        for build in parse(data)
        for element in build.elements()
        for span in [(element.start, element.end)]
    )
    assert [start for start, _ in claimed] == [0, *(end for _, end in claimed)][: len(claimed)]
    assert not data or claimed[-1][1] == len(data)


class TestWrappedRecordings:
    @pytest.mark.parametrize("path", WRAPPED, ids=IDS)
    def test_give_the_builds_that_were_wrapped(self, path):
        originals = [
            build for name in path.stem.split("+") for build in built(FIXTURES / wrap.RECORDINGS[name])
        ]
        found = built(path)
        assert sorted(map(repr, map(facts, found))) == sorted(map(repr, map(facts, originals)))

    @pytest.mark.parametrize("path", WRAPPED, ids=IDS)
    def test_are_said_to_be_out_of_what_was_around_them(self, path):
        expected = NAMES[path.parent.name]
        if path.stem in {"classic-good", "buildah-good"}:
            # Nothing was written to standard error, so there is no record.
            expected = tuple(name for name in expected if name != "powershell")
        for build in built(path):
            assert build.transcript.wrappings == expected

    @pytest.mark.parametrize("path", WRAPPED, ids=IDS)
    def test_keep_every_byte(self, path):
        assert_lossless(
            to_utf8(path.read_bytes()) if b"\xff\xfe" in path.read_bytes()[:2] else path.read_bytes()
        )

    @pytest.mark.parametrize("path", [path for path in WRAPPED if "+" not in path.stem], ids=str)
    def test_have_the_same_root_line_where_it_stands_now(self, path):
        [original] = built(FIXTURES / wrap.RECORDINGS[path.stem])
        [found] = built(path)
        expected, root = diagnose(original).root_line, diagnose(found).root_line
        if expected is None or root is None:
            assert expected is root
            return
        assert root.text == expected.text
        data = path.read_bytes()
        lines = (to_utf8(data) if data.startswith(b"\xff\xfe") else data).split(b"\n")
        line = re.sub(r"\x1b\[[0-9;]*m", "", lines[root.number - 1].decode("utf-8", "replace"))
        if path.parent.name in {"docker-json", "logging-json"}:
            record = json.loads(lines[root.number - 1])
            line = re.sub(r"\x1b\[[0-9;]*m", "", record.get("log") or record["textPayload"])
        # Of a line that was cut, its first piece.
        assert expected.text[:40].strip() in line or path.parent.name in {"cri", "gitlab-timestamps"}

    def test_are_made_of_the_recordings_as_they_are(self):
        """Run ``python3 fixtures/recorder/wrap.py`` again if a recording was made anew."""
        for path in WRAPPED:
            parts = [wrap.read(wrap.RECORDINGS[name]) for name in path.stem.split("+")]
            make = wrap.INTERLEAVED[path.parent.name] if len(parts) > 1 else wrap.SYSTEMS[path.parent.name]
            assert make(*parts) == path.read_bytes()

    def test_are_small(self):
        assert sum(path.stat().st_size for path in WRAPPED) < 1_000_000
        assert {path.parent.name for path in WRAPPED} == set(NAMES)


class TestTimes:
    @pytest.mark.parametrize("system", STAMPED)
    def test_are_as_fine_as_they_were_printed(self, system):
        for build in built(FIXTURES / "wrapped" / system / "classic-pip.log"):
            assert build.transcript.stamps.resolution == pytest.approx(STAMPED[system])

    @pytest.mark.parametrize("system", STAMPED)
    def test_of_steps_are_what_the_recorder_saw(self, system):
        recording = FIXTURES / wrap.RECORDINGS["classic-pip"]
        truth = json.loads((recording.parents[1] / "truth" / f"{recording.stem}.json").read_text())["steps"]
        [build] = built(FIXTURES / "wrapped" / system / "classic-pip.log")
        slack = 2 * STAMPED[system] + 0.002
        begin = truth[0]["start"]
        for step, true, following in zip(build.steps, truth, [*truth[1:], None], strict=True):
            assert step.timing.source == "prefix"
            assert step.timing.low <= step.timing.seconds <= step.timing.high
            if following is not None:
                seconds = following["start"] - true["start"]
                assert step.timing.low - 0.002 <= seconds <= step.timing.high + 0.002
            # A build begins with its first words, a little before its first step.
            assert step.timing.started == pytest.approx(true["start"] - begin, abs=slack + 0.3)

    def test_go_on_over_midnight(self):
        [build] = built(FIXTURES / "wrapped" / "jenkins-clock" / "classic-good.log")
        stamps = build.transcript.stamps.seconds
        assert all(later >= earlier for earlier, later in pairwise(stamps))
        assert stamps[-1] > 86_400 > stamps[0]

    def test_of_a_zone_are_taken_to_utc(self):
        [one, other] = (
            built(
                b"2024-05-01T10:00:00%s Step 1/1 : FROM a\n2024-05-01T10:00:01%s Step 2/2 : FROM b\n" % (z, z)
            )[0]
            for z in (b"Z", b"+02:00")
        )
        assert one.transcript.time(0) - other.transcript.time(0) == 7200

    @pytest.mark.parametrize(
        ("stamp", "seconds"),
        [
            (b"2024-02-29T12:00:00.5Z", 1709208000.5),
            (b"2024-02-29 12:00:00,250", 1709208000.25),
            (b"[2024-02-29 12:00:00]", 1709208000.0),
            (b"2024/02/29 12:00:00.000001", 1709208000.000001),
            (b"1709208000123", 1709208000.123),
            (b"12:00:01.5", 43201.5),
            (b"Thu, 29 Feb 2024 12:00:00 GMT", 1709208000.0),
        ],
    )
    def test_are_read_in_every_form(self, stamp, seconds):
        line = stamp + b" Sending build context to Docker daemon  2.048kB\n" + stamp + b" Step 1/1 : FROM a\n"
        [build] = parse(line)
        assert build.transcript.data.startswith(b"Sending build")
        assert build.transcript.time(0) == pytest.approx(seconds, abs=1e-6)


BARE = [*LOGS, *sorted((FIXTURES / "builders").glob("*/*.log"))]


class TestBareLogs:
    @pytest.mark.parametrize("path", BARE, ids=str)
    def test_are_left_alone(self, path):
        for build in parse(path):
            assert build.transcript.wrappings in {(), ("crlf",)}

    @pytest.mark.parametrize(
        "line",
        [
            b"2024-05-01T10:11:12.1234567Z Step 1/2 : FROM inner",
            b"10:11:12 Step 1/2 : FROM inner",
            b"2024/05/01 10:11:12 #5 [2/3] RUN make",
            b"[branch] Step 1/2 : FROM inner",
            b"web_1  | Step 1/2 : FROM inner",
            b"remote: Step 1/2 : FROM inner",
            b"        Step 1/2 : FROM inner",
            b'{"log":"Step 1/2 : FROM inner\\n","stream":"stdout","time":"2024-05-01T10:11:12Z"}',
        ],
    )
    def test_keep_what_a_program_prints(self, line):
        data = (
            b"Sending build context to Docker daemon  2.048kB\nStep 1/2 : FROM a\n ---> 0123456789ab\n"
            b"Step 2/2 : RUN inner\n ---> Running in ba9876543210\n"
            + (line + b"\n") * 50
            + b"Removing intermediate container ba9876543210\n ---> cafecafecafe\nSuccessfully built cafecafecafe\n"
        )
        [build] = parse(data)
        assert build.transcript.is_whole
        assert build.steps[1].output == (line + b"\n") * 50

    def test_of_kaniko_keep_their_own_objects(self):
        line = b'{"level":"info","msg":"RUN make","time":"2024-05-01T10:11:12Z"}\n'
        assert JSON_LINES.peel(Transcript(Log(data=line * 5))) == []


def in_json(text: str, *, ascii_only: bool) -> bytes:
    return b'{"log":%s,"stream":"stdout","time":"2024-05-01T10:11:12.5Z"}\n' % json.dumps(
        text, ensure_ascii=ascii_only
    ).encode("utf-8", "surrogatepass")


class TestJson:
    @given(
        st.lists(st.text(st.characters(codec="utf-8"), max_size=30), min_size=1, max_size=8), st.booleans()
    )
    def test_strings_are_decoded(self, texts, ascii_only):
        assume(any(texts))
        data = b"".join(in_json(text, ascii_only=ascii_only) for text in texts)
        [inner] = JSON_LINES.peel(Transcript(Log(data=data)))
        assert inner.data == "".join(texts).encode()

    @given(st.lists(st.text('ab\n\\"\u20ac\U0001f600\x1b\ud83d\ude00', max_size=9), min_size=1, max_size=9))
    def test_lone_halves_of_pairs_are_replaced(self, texts):
        data = b"".join(in_json(text, ascii_only=True) for text in texts)
        expected = "".join(
            text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts
        ).encode()
        assume(expected)
        [inner] = JSON_LINES.peel(Transcript(Log(data=data)))
        assert inner.data.count(b"a") == expected.count(b"a")
        assert inner.data.decode()

    def test_a_line_without_a_line_feed_goes_on_in_the_next(self):
        data = in_json("Step 1/1 : ", ascii_only=True) + in_json("FROM a\n", ascii_only=True)
        [build] = parse(data)
        assert build.steps[0].text == "FROM a"
        assert build.transcript.data == b"Step 1/1 : FROM a\n"

    def test_what_is_no_object_stays(self):
        data = in_json("Step 1/1 : FROM a\n", ascii_only=True) * 20 + b'{"log":"cut off\n'
        [inner] = JSON_LINES.peel(Transcript(Log(data=data)))
        assert inner.data.endswith(b'Step 1/1 : FROM a\n{"log":"cut off\n')

    def test_offsets_stay_exact(self):
        data = in_json("a\u20ac\nStep", ascii_only=True) * 2
        [inner] = JSON_LINES.peel(Transcript(Log(data=data)))
        assert inner.data == "a\u20ac\nStepa\u20ac\nStep".encode()
        assert data[inner.place(inner.data.rindex(b"Step")) :].startswith(b'Step",')


class TestPowerShell:
    @pytest.mark.parametrize("width", [53, 79, 120])
    @pytest.mark.parametrize("name", ["buildkit-failed", "buildkit-good"])
    def test_cuts_are_healed(self, width, name):
        lines = wrap.read(wrap.RECORDINGS[name])
        data = to_utf8(wrap.powershell(lines, width=width, all_errors=True))
        [inner] = unwrap(Transcript(Log(data=data)))
        original = [line.text for line in lines]
        # An excerpt's line may end with a blank for which there was no room.
        assert inner.data.splitlines() == original

    def test_the_record_alone_goes_where_nothing_was_cut(self):
        data = (
            b"#1 [internal] load .dockerignore\n#1 DONE 0.0s\n"
            b"docker : Dockerfile:17\nIn riga:1 car:1\n+ docker build .\n+ ~~~~~~~~~~~~~~~~\n"
            b"    + CategoryInfo          : NotSpecified: (Dockerfile:17:String) [], RemoteException\n"
            b"    + FullyQualifiedErrorId : NativeCommandError\n \n"
            b"ERROR: failed to build\n"
        )
        [inner] = POWERSHELL.peel(Transcript(Log(data=data)))
        assert inner.data == (
            b"#1 [internal] load .dockerignore\n#1 DONE 0.0s\nDockerfile:17\nERROR: failed to build\n"
        )
        assert inner.line_number(inner.data.index(b"ERROR")) == 10

    def test_words_of_its_own_alone_are_no_record(self):
        assert POWERSHELL.peel(Transcript(Log(data=b"a\n    + CategoryInfo is what I say\nb\n"))) == []


class TestNames:
    def test_one_builder_among_other_programs_keeps_one_text(self):
        data = b"".join(
            b"[build] Step %d/3 : RUN make\n[test] running case %d\n" % (number, number)
            for number in (1, 2, 3)
        )
        [build] = parse(data)
        assert [step.number for step in build.steps] == [1, 2, 3]
        assert b"[test] running case 1\n" in build.transcript.data

    def test_of_two_builders_lines_without_a_name_go_to_the_one_before(self):
        data = b"[a] Step 1/1 : FROM x\n[b] Step 1/1 : FROM y\nof b\n[Pipeline] }\n[a]  ---> 0123456789ab\nof a\n"
        first, second = unwrap(Transcript(Log(data=data)))
        assert first.data == b"Step 1/1 : FROM x\n ---> 0123456789ab\nof a\n"
        assert second.data == b"Step 1/1 : FROM y\nof b\n[Pipeline] }\n"
        assert_lossless(data)

    def test_of_podmans_stages_are_no_names(self):
        data = b"[1/2] STEP 1/2: FROM a\n[2/2] STEP 1/2: FROM b\n" * 3
        assert PREFIXES.peel(Transcript(Log(data=data))) == []


class TestParts:
    @pytest.mark.parametrize("tail", [b" ", b"  ", b"\t", b" | ", b": ", b" - "])
    def test_what_separates_a_stamp_from_its_line_is_learnt_from_the_builder(self, tail):
        lines = [b"Step 1/2 : FROM a", b" ---> 0123456789ab", b"Step 2/2 : RUN b", b"   indented", b""]
        data = b"".join(b"2024-05-01 10:11:12%s%s\n" % (tail, line) for line in lines)
        [inner] = unwrap(Transcript(Log(data=data)))
        assert inner.data == b"\n".join(lines) + b"\n"

    def test_empty_lines_may_have_lost_the_blank_behind_their_stamp(self):
        data = b"2024-05-01T10:11:12Z Step 1/1 : FROM a\n2024-05-01T10:11:12Z\n2024-05-01T10:11:13Z x\n" * 40
        [inner] = unwrap(Transcript(Log(data=data)))
        assert inner.data == b"Step 1/1 : FROM a\n\nx\n" * 40

    def test_a_build_that_begins_late_is_found(self):
        data = b"".join(b"10:11:12 program line %d\n" % number for number in range(60_000))
        data += b"10:11:13 Step 1/1 : FROM a\n10:11:14  ---> 0123456789ab\n" * 3
        assert len(data) > 1_000_000
        [inner] = unwrap(Transcript(Log(data=data)))
        assert inner.data.endswith(b"Step 1/1 : FROM a\n ---> 0123456789ab\n")

    def test_colours_behind_a_stamp_stay_with_the_line(self):
        data = (
            b"2024-05-01T10:11:12Z \x1b[0mStep 1/1 : FROM a\n2024-05-01T10:11:12Z \x1b[0m ---> 0123456789ab\n"
        )
        [inner] = unwrap(Transcript(Log(data=data)))
        assert inner.data == b"\x1b[0mStep 1/1 : FROM a\n\x1b[0m ---> 0123456789ab\n"


PLAIN = [FIXTURES / path for path in wrap.RECORDINGS.values()]
AROUND = sorted(set(wrap.SYSTEMS) - {"powershell-53", "powershell-79", "heroku"})


@st.composite
def nested(draw: st.DrawFn) -> bytes:
    """A recorded log, perhaps a damaged one, in up to three wrappings."""
    data = draw(st.one_of(st.sampled_from(PLAIN).map(lambda path: path.read_bytes()), mutated_logs()))[:6000]
    for system in draw(st.lists(st.sampled_from(AROUND), min_size=1, max_size=3)):
        texts = data.removesuffix(b"\n").split(b"\n")
        data = wrap.SYSTEMS[system]([wrap.Line(text, wrap.EPOCH) for text in texts])
    if draw(st.booleans()):
        here, there = draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))
        data = data[: max(here, there)] + data[min(here, there) :]
    return data


class TestAnything:
    @settings(max_examples=60, deadline=None)
    @given(nested())
    def test_in_any_wrappings_keeps_every_byte(self, data):
        assert_lossless(data)

    @settings(max_examples=40, deadline=None)
    @given(st.sampled_from(AROUND), st.sampled_from(AROUND), st.sampled_from(sorted(wrap.RECORDINGS)))
    @example("docker-json", "github-actions", "classic-failed")
    @example("cri", "jenkins-timestamper", "buildkit-failed")
    @example("github-actions", "cloud-build", "classic-good")
    def test_in_two_wrappings_is_still_read(self, outer, inner, name):
        original = FIXTURES / wrap.RECORDINGS[name]
        lines = wrap.read(wrap.RECORDINGS[name])
        within = wrap.SYSTEMS[inner](lines).removesuffix(b"\n").split(b"\n")
        data = wrap.SYSTEMS[outer]([wrap.Line(text, wrap.EPOCH) for text in within])
        found = built(data)
        assert len(found) == 1
        assert [step.text for step in found[0].steps] == [step.text for step in built(original)[0].steps]
        assert found[0].outcome is built(original)[0].outcome

    @settings(max_examples=150, deadline=None)
    @given(
        st.lists(
            st.sampled_from(
                [
                    b"2024-05-01T10:11:12.1234567Z ",
                    b"2024-05-01T10:11:12.123456Z 01O+",
                    b"2024-05-01T10:11:12.123456789Z stdout P ",
                    b"99:99:99 ",
                    b"10:11:12 ",
                    b"May 32 10:11:12 host a[1]: ",
                    b"[x] ",
                    b"x | ",
                    b"Step #0: ",
                    b"\xef\xbb\xbf",
                    b"section_start:1:a\r\x1b[0K",
                    b"travis_fold:end:a\r",
                    b"\x1b[8mha:AAAA\x1b[0m",
                    b'{"log":"',
                    b'\\n","stream":"stdout","time":"2024-05-01T10:11:12Z"}',
                    b'\\u00e9\\ud83d\\"\\',
                    b"docker : ",
                    b"At line:1 char:1\n+ docker\n+ ~~~\n    + CategoryInfo  : x\n    + FullyQualifiedErrorId : y\n \n",
                    b"Step 1/2 : FROM a",
                    b" ---> 0123456789ab",
                    b"#1 [internal] load",
                    b"#1 DONE 0.1s",
                    b"\n",
                    b"\n",
                    b"\r\n",
                    b"        ",
                    b"text",
                    b"\xff",
                ]
            ),
            max_size=40,
        ).map(b"".join)
    )
    def test_keeps_every_byte(self, data):
        assert_lossless(data)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=300))
    def test_that_is_no_text_keeps_every_byte(self, data):
        for wrapping in WRAPPINGS:
            for inner in wrapping.peel(Transcript(Log(data=data))):
                assert inner.data
        if not data.startswith((b"\xff\xfe", b"\xfe\xff")):
            assert_lossless(data)

    def test_a_failed_build_in_a_job_that_went_on(self):
        [build] = built(FIXTURES / "wrapped" / "github-actions" / "classic-failed.log")
        assert build.outcome is Outcome.FAILED
