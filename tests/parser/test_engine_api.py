"""The JSON stream of Docker's Engine API, recorded and as libraries print it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logparse import diagnose
from logparse.model import Build, Builder, Log, Outcome, Transcript
from logparse.parser import parse
from logparse.parser.wrappings.engine_api import ENGINE_API
from tests.fixtures_path import FIXTURES
from tests.parser.test_rawjson import assert_lossless, views

BUILDERS = FIXTURES / "builders"
RECORDED = sorted(BUILDERS.glob("*/engine-api*.jsonl"))
IDS = [f"{path.parent.name}-{path.stem}" for path in RECORDED]


def one(text: str | bytes) -> Build:
    builds = parse(text)
    assert len(builds) == 1
    return builds[0]


def stream(*objects: dict[str, Any]) -> str:
    return "".join(json.dumps(each, separators=(",", ":")) + "\r\n" for each in objects)


def rendered(text: str) -> str:
    [inner] = ENGINE_API.peel(Transcript(Log(data=text.encode())))
    return inner.data.decode()


STEP = {"stream": "Step 1/1 : FROM scratch"}


@pytest.mark.parametrize("path", RECORDED, ids=IDS)
class TestRecorded:
    def test_every_byte_is_understood(self, path):
        data = path.read_bytes()
        assert_lossless(data)
        assert one(data).unknown_bytes == 0

    def test_it_ends_as_the_recorder_saw(self, path):
        truth = json.loads((path.parent / "truth.json").read_text())["recordings"][path.name]
        build = one(path.read_bytes())
        assert build.builder == truth["builder"].partition("-")[0]
        assert build.outcome == truth["outcome"]
        if truth["step_exit_code"] is not None:
            assert build.exit_code == truth["step_exit_code"]
            assert build.failing_step is not None
            assert truth["step"] in build.failing_step.text

    def test_as_libraries_print_it_it_is_the_same(self, path):
        """docker-py gives dictionaries if asked to decode, else bytes with several objects in each."""
        data = path.read_bytes()
        objects = [json.loads(line) for line in data.splitlines() if line.strip()]
        if "message" in objects[0]:
            return  # no stream
        expected = views(one(data))
        forms = {
            "dictionaries": "".join(f"{each!r}\n" for each in objects),
            "spaces": "".join(json.dumps(each) + "\n" for each in objects),
            "bytes": "".join(f"{line!r}\n" for line in data.splitlines(keepends=True)),
            "chunks": "".join(f"{chunk!r}\n" for chunk in data.split(b"\n{")[:1])
            + "".join(f"{b'{' + chunk!r}\n" for chunk in data.split(b"\n{")[1:]),
            "together": data.decode().replace("}\r\n{", "}{"),
            "prefixes": "".join(f"[INFO] {line}\n" for line in data.decode().split("\r\n")),
        }
        for name, text in forms.items():
            assert views(one(text)) == expected, name
            assert_lossless(text.encode())


class TestText:
    def test_is_what_the_client_prints(self):
        log = stream(
            STEP,
            {"stream": "\n"},
            {"status": "Pulling from library/alpine", "id": "3.18"},
            {"status": "Pulling fs layer", "progressDetail": {}, "id": "0123456789ab"},
            {"status": "Digest: sha256:00"},
            {"aux": {"ID": "sha256:00"}},
            {"stream": " ---> 0123456789ab\n"},
            {"errorDetail": {"code": 2, "message": "it\nfailed"}, "error": "it failed"},
        )
        assert rendered(log) == (
            "Step 1/1 : FROM scratch\n3.18: Pulling from library/alpine\n0123456789ab: Pulling fs layer\n"
            "Digest: sha256:00\n ---> 0123456789ab\nit\nfailed\n"
        )

    @pytest.mark.parametrize("size", [1, 4_335_400, 999_999_999, 1_000_000_000, 123_456_789_012])
    def test_of_a_download_has_exact_bytes(self, size):
        layer = {"progressDetail": {"current": size // 2, "total": size}, "id": "0123456789ab"}
        log = stream(
            STEP,
            {"stream": "\n"},
            {"status": "Pulling from library/alpine", "id": "3.18"},
            {"status": "Downloading", **layer},
            {"status": "Download complete", "progressDetail": {}, "id": "0123456789ab"},
        )
        [pull] = one(log).pulls
        assert pull.layers[0].bytes == size

    def test_of_a_line_is_told_by_its_number_in_the_file(self):
        path = BUILDERS / "fail_run/engine-api-28.jsonl"
        root = diagnose(one(path.read_bytes())).root_line
        assert root is not None
        assert root.text in path.read_text().splitlines()[root.number - 1]

    def test_around_it_is_kept(self):
        log = "$ curl http://docker/build\n" + stream(STEP, *[{"stream": "\n"}] * 4) + "* closed\n"
        assert rendered(log) == "$ curl http://docker/build\nStep 1/1 : FROM scratch\n\n\n\n* closed\n"

    def test_that_breaks_off_is_kept(self):
        log = stream(STEP, {"stream": "\n"}) + '{"stream":"out'
        assert rendered(log).endswith('\n{"stream":"out')
        assert_lossless(log.encode())

    def test_of_halves_of_characters_is_read(self):
        assert_lossless(
            stream(STEP, {"stream": "x"}).replace('"x"', '"\\ud83d"').encode()
            + b"{'stream': '\\xff \\U0010ffff \\ud800'}\n"
        )

    def test_of_an_image_that_is_pulled(self):
        log = stream(
            {"status": "Pulling from library/alpine", "id": "3.18"},
            {"status": "Status: Image is up to date for alpine:3.18"},
        )
        assert rendered(log).startswith("3.18: Pulling from library/alpine\nStatus: ")

    def test_of_a_build_that_is_refused(self):
        build = one('{"message":"dockerfile parse error line 3: unknown instruction: RUM"}\n')
        assert build.builder is Builder.CLASSIC
        assert build.outcome is Outcome.FAILED


class TestOthers:
    @pytest.mark.parametrize(
        "log",
        [
            'Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : RUN x\n{"status":"Pulling x"}\nmore\nmore\n',
            '{"log":"Step 1/1 : FROM a\\n","stream":"stdout","time":"2021-01-01T00:00:00Z"}\n',
            '{"vertexes":[{"digest":"sha256:00","name":"[1/1] FROM a"}]}\n',
            '{"stream":"stdout","aux":1}\n',
            '{"message":"x"}\n{"message":"y"}\n',
            "",
        ],
    )
    def test_are_left_alone(self, log):
        assert ENGINE_API.peel(Transcript(Log(data=log.encode()))) == []


_PIECES = [
    stream(STEP).encode(),
    stream({"stream": "\n"}, {"stream": " ---\u003e Running in 0123456789ab\n"}, {"stream": "out"}).encode(),
    stream({"status": "Downloading", "progressDetail": {"current": -1, "total": 2**70}, "id": 3}).encode(),
    stream(
        {"id": "moby.buildkit.trace", "aux": "Cg=="}, {"id": "moby.image.id", "aux": {"ID": "x"}}
    ).encode(),
    stream({"errorDetail": {"code": 1, "message": "failed"}, "error": "failed"}).encode(),
    b"{'stream': 'Step 1/1 : FROM a\\n'}\n",
    b'b\'{"stream":"Step 1/1 : FROM a\\\\n"}\\r\\n\'\n',
    b'{"stream":',
    b"{'stream': '",
    b"b'{",
    b"{}",
    b"\n",
    b"text\n",
    b"\xff\\\n",
]


@cache
def recorded() -> list[bytes]:
    return [path.read_bytes()[:20_000] for path in RECORDED]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = draw(st.sampled_from(recorded()))
    for _ in range(draw(st.integers(0, 4))):
        here, there = draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))
        match draw(st.integers(0, 3)):
            case 0:
                data = data[:here]
            case 1:
                data = data[: max(here, there)] + data[min(here, there) :]
            case 2:
                data = data[:here] + draw(st.sampled_from(_PIECES)) + data[here:]
            case 3:
                data = data.replace(b"\r\n", draw(st.sampled_from([b"\n", b"", b"\r", b" "])))
    return data[:40_000]


class TestAnything:
    @given(st.lists(st.sampled_from(_PIECES), max_size=20).map(b"".join))
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
            _PIECES[0] + b"{" * 100_000,
            _PIECES[0] * 10 + b'{"stream":"x"}' * 20_000,
            _PIECES[0] * 10 + b"{'stream': 'x'}" * 20_000,
            _PIECES[0] * 10 + b"{'" * 50_000,
            _PIECES[0] * 10 + b"[INFO] {\n" * 20_000,
        ],
        ids=["braces", "together", "repr", "quotes", "lines"],
    )
    def test_costs_no_more_than_its_bytes(self, data):
        assert_lossless(data)
