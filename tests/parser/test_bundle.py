"""Bundles of builds: what is recovered, and what damage does."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logparse import read_builds
from logparse.bundle import is_bundle, read_bundle, status_line
from logparse.bundle.wire import BrokenMessageError, instant
from logparse.errors import SourceError
from logparse.fetch import Limits, read_logs
from logparse.model import Build, Log, Outcome
from logparse.parser import parse
from tests.fixtures_path import FIXTURES
from tests.parser.test_rawjson import assert_lossless, views

BUILDERS = FIXTURES / "builders"
RECORDED = sorted(BUILDERS.glob("*/*.dockerbuild"))
IDS = [path.parent.name for path in RECORDED]
WARNED = {"checks", "checks_failure"}
"""Their warnings carry how to load the Dockerfile, which is left out."""


def bundle(name: str) -> Path:
    return BUILDERS / name / "buildkit-28.dockerbuild"


def one(path: Path) -> Build:
    [build] = parse(path)
    return build


def files(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isreg()}  # type: ignore[union-attr]


def packed(members: dict[str, bytes], *, compressed: bool = True) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0) if compressed else buffer.getvalue()


@pytest.mark.parametrize("path", RECORDED, ids=IDS)
class TestRecorded:
    def test_its_messages_are_those_that_the_history_prints(self, path):
        lines = read_bundle(path.read_bytes()).splitlines(keepends=True)
        printed = path.with_suffix(".rawjson.jsonl").read_bytes().splitlines(keepends=True)
        events = [line for line in lines[1:] if line.startswith(b"{")]
        if path.parent.name in WARNED:
            events, printed = ([_without_definitions(line) for line in each] for each in (events, printed))
        assert events == printed

    def test_its_steps_are_those_that_the_history_prints(self, path):
        printed = path.with_suffix(".rawjson.jsonl").read_bytes()
        [events] = parse(printed)
        build = one(path)
        for mine, theirs in zip(build.steps, events.steps, strict=True):
            assert (mine.text, mine.timing, mine.output, mine.cached, mine.canceled) == (
                *(theirs.text, theirs.timing, theirs.output, theirs.cached, theirs.canceled),
            )
        assert [(each.name, each.bytes, each.timing) for each in build.vertices] == [
            (each.name, each.bytes, each.timing) for each in events.vertices
        ]
        assert [each.layers for each in build.pulls] == [each.layers for each in events.pulls]

    def test_it_ends_as_the_recorder_saw(self, path):
        truth = json.loads((path.parent / "truth.json").read_text())["recordings"][path.name]
        build = one(path)
        if path.parent.name == "push_refused":  # the push is the client's, and not in the record
            assert build.outcome is Outcome.SUCCEEDED
        elif path.parent.name == "cut":  # the recorder stopped reading, and the engine gave up
            assert build.outcome is Outcome.CANCELED
        else:
            assert build.outcome == truth["outcome"]
        if truth["step_exit_code"] is not None:
            assert build.exit_code == truth["step_exit_code"]

    def test_lines_of_the_dockerfile_are_those_of_the_steps(self, path):
        build = one(path)
        dockerfiles = [source["data"] for source in build.facts.get("sources", [])]
        for step in build.steps:
            if step.lines is None:
                continue
            text = _dockerfile(path, dockerfiles)[step.lines[0] - 1]
            assert text.split()[0].upper() in {step.instruction, "ONBUILD", "FROM"}
            if step.instruction == "RUN" and text.startswith("RUN "):
                assert step.arguments.split()[0] in text
        if build.outcome is Outcome.SUCCEEDED:
            assert sum(step.lines is not None for step in build.steps) * 2 > len(build.steps)

    def test_every_byte_is_understood(self, path):
        data = read_bundle(path.read_bytes())
        assert_lossless(data)
        assert one(path).unknown_bytes == 0


def _without_definitions(line: bytes) -> Any:
    event = json.loads(line)
    for warning in event.get("warnings", []):
        warning.get("sourceInfo", {}).pop("definition", None)
    return event


def _dockerfile(path: Path, sources: list[str]) -> list[str]:
    if sources:
        return base64.b64decode(sources[0]).decode().splitlines()
    folder = FIXTURES / "scenarios/builders" / path.parent.name
    plan = tomllib.loads((folder / "scenario.toml").read_text())
    context: Path = folder.parent / plan.get("context", folder.name) / "context"
    return (context / "Dockerfile").read_text().splitlines()


class TestFacts:
    def test_build_arguments(self):
        assert one(bundle("target_args")).facts["build_args"] == {"VERSION": "2.1", "COLOUR": "blue"}
        assert one(bundle("target_args")).facts["target"] == "test"

    def test_materials(self):
        [material] = one(bundle("partly_cached")).facts["materials"]
        assert material["uri"].startswith("pkg:docker/hub.cluster.example/base/busybox@1.35")
        assert len(material["digest"]["sha256"]) == 64

    def test_error_of_a_dockerfile_that_no_vertex_has(self):
        build = one(bundle("bad_dockerfile"))
        assert build.outcome is Outcome.FAILED
        assert build.facts["error"]["lines"] == [3, 3]
        assert build.failure is not None
        words = build.transcript.data[build.failure.span.start : build.failure.span.end]
        assert words.startswith(b"ERROR: failed to build: failed to solve: dockerfile parse error on line 3")

    def test_lines_of_a_step_that_failed_and_of_a_stage_by_its_name(self):
        build = one(bundle("fail_run"))
        assert build.failing_step is not None
        assert build.failing_step.lines == (3, 3)
        steps = {(step.stage_name, step.number): step.lines for step in one(bundle("checks")).steps}
        assert steps["compile2", 1] == (7, 7)

    def test_times(self):
        facts = one(bundle("fail_run")).facts
        assert facts["created"] < facts["completed"]


class TestReading:
    def test_from_everywhere(self, tmp_path, monkeypatch):
        path = bundle("fail_run")
        expected = views(one(path))
        assert views(parse(path.read_bytes())[0]) == expected
        assert views(parse(str(path))[0]) == expected
        assert [views(build) for build in read_builds(path)] == [expected]
        (tmp_path / "a.dockerbuild").write_bytes(path.read_bytes())
        (tmp_path / "notes.md").write_text("no log")
        assert [views(build) for build in read_builds(tmp_path)] == [expected]
        archive = tmp_path / "all.tar.gz"
        archive.write_bytes(packed({"run/a.dockerbuild": path.read_bytes()}))
        [log] = read_logs(archive)
        assert log.path == f"{archive}!run/a.dockerbuild"
        stdin = io.TextIOWrapper(io.BytesIO(path.read_bytes()))
        monkeypatch.setattr("sys.stdin", stdin)
        assert [views(build) for build in read_builds("-")] == [expected]

    def test_not_compressed(self):
        data = bundle("fail_run").read_bytes()
        assert read_bundle(gzip.decompress(data)) == read_bundle(data)

    def test_of_several_builds(self):
        """Made of two recordings, as ``docker buildx history export --all`` packs them: an index of manifests."""
        members: dict[str, bytes] = {}
        manifests = []
        for name in ("fail_run", "heredoc"):
            inner = files(bundle(name).read_bytes())
            manifests += json.loads(inner.pop("index.json"))["manifests"]
            members |= inner
        index = json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()
        members["blobs/sha256/all"] = index
        members["index.json"] = json.dumps({"manifests": [{"digest": "sha256:all"}]}).encode()
        builds = parse(packed(members))
        assert [views(build) for build in builds] == [views(one(bundle(n))) for n in ("fail_run", "heredoc")]
        assert builds[0].facts["ref"] != builds[1].facts["ref"]

    def test_of_an_image_says_what_is_missing(self, tmp_path):
        path = tmp_path / "image.dockerbuild"
        path.write_bytes(packed({"blobs/sha256/x": b"{}", "index.json": b'{"manifests":[]}'}))
        with pytest.raises(SourceError, match="holds no record of a build"):
            parse(path)

    def test_that_is_cut_short_says_so(self, tmp_path):
        path = tmp_path / "cut.dockerbuild"
        path.write_bytes(bundle("fail_run").read_bytes()[:3000])
        with pytest.raises(SourceError, match=r"cut\.dockerbuild is damaged or cut short"):
            parse(path)
        with pytest.raises(SourceError, match="damaged"):
            list(read_logs(path))

    def test_is_bounded(self):
        bomb = packed({"blobs/sha256/x": bytes(1 << 22)})
        with pytest.raises(SourceError, match="unpacks to more than 1048576 bytes"):
            read_bundle(bomb, limit=1 << 20)
        with pytest.raises(SourceError, match="unpacks to more"):
            list(read_logs(bundle("fail_run"), limits=Limits(log_bytes=100)))

    def test_of_broken_messages_keeps_the_others(self):
        members = files(bundle("fail_run").read_bytes())
        manifest = json.loads(members[_blob(json.loads(members["index.json"])["manifests"][0])])
        log = _blob(manifest["layers"][0])
        members[log] = b"\x03\0\0\0\x0f\x0f\x0f" + members[log] + b"\xff\0\0\0\x0a"
        build = parse(packed(members))[0]
        assert build.facts["unreadable"] == 2
        assert len(build.steps) == 4


def _blob(descriptor: dict[str, Any]) -> str:
    return "blobs/" + str(descriptor["digest"]).replace(":", "/")


class TestDamage:
    @given(st.data())
    @settings(max_examples=100, deadline=None)
    def test_of_any_byte_is_one_error_or_none(self, data):
        raw = bytearray(gzip.decompress(data.draw(st.sampled_from(RECORDED)).read_bytes()))
        for _ in range(data.draw(st.integers(1, 6))):
            at = data.draw(st.integers(0, len(raw) - 1))
            raw[at] = data.draw(st.integers(0, 255))
        try:
            text = read_bundle(bytes(raw))
        except SourceError as error:
            assert "\n" not in str(error)  # noqa: PT017
            return
        assert_lossless(text)
        for build in parse(Log(data=text)):
            assert build.contents is not None

    @given(st.sampled_from(RECORDED), st.integers(0, 1 << 20), st.binary(max_size=50))
    @settings(max_examples=60, deadline=None)
    def test_of_its_compression_is_one_error_or_none(self, path, at, put):
        raw = path.read_bytes()
        at %= len(raw)
        try:
            read_bundle(raw[:at] + put + raw[at + len(put) :])
        except SourceError as error:
            assert "\n" not in str(error)  # noqa: PT017

    @given(st.binary(max_size=3000))
    def test_is_told_by_the_first_bytes(self, data):
        assert not is_bundle(data) or data[257:262] == b"ustar"
        with pytest.raises(SourceError):
            read_bundle(data)

    @given(st.binary(max_size=300))
    def test_of_a_message_is_one_error(self, data):
        try:
            line = status_line(data)
        except BrokenMessageError:
            return
        json.loads(line)

    def test_of_a_time_is_no_time(self):
        assert instant(0, 5) == "1970-01-01T00:00:00.000000005Z"
        assert instant(-(1 << 62), 0) is None
        assert instant(-62_135_596_800, 0) == "0001-01-01T00:00:00Z"

    def test_of_an_error_with_half_a_surrogate_is_replaced(self):
        members = files(bundle("fail_run").read_bytes())
        name = next(name for name, blob in members.items() if b'"FrontendAttrs"' in blob)
        record = json.loads(members[name])
        record["error"] = {"code": 2, "message": "half \ud800"}
        members[name] = json.dumps(record).encode()
        assert read_bundle(packed(members)).endswith(b"failed to solve: half ?\n")
