from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from logparse.errors import SourceError
from logparse.fetch.api import BuildInfo, VersionInfo, parse_time
from logparse.fetch.cluster import RecordedAlgorithm, RecordedCluster, is_recorded_cluster
from logparse.model import Status
from tests.builders import ENVIRONMENT, make_build, make_cluster, make_version


def only(folder: Path) -> RecordedAlgorithm:
    (algorithm,) = RecordedCluster(folder)
    return algorithm


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("2021-07-29T21:12:56.442Z", datetime(2021, 7, 29, 21, 12, 56, 442_000, UTC)),
            ("2021-07-29T21:12:56Z", datetime(2021, 7, 29, 21, 12, 56, 0, UTC)),
            ("2021-07-29T23:12:56.442+02:00", datetime(2021, 7, 29, 21, 12, 56, 442_000, UTC)),
            ("2021-07-29T21:12:56", datetime(2021, 7, 29, 21, 12, 56, 0, UTC)),
        ],
    )
    def test_a_time_is_aware_and_utc(self, text: str, moment: datetime) -> None:
        parsed = parse_time(text)
        assert parsed == moment
        assert parsed.tzinfo is UTC

    @pytest.mark.parametrize("value", [None, "", "soon", 1627593176, "0001-01-01T00:00:00+23:00", {}])
    def test_what_is_no_time_is_none(self, value: object) -> None:
        assert parse_time(value) is None


class TestBuildInfo:
    def test_every_field_of_a_published_build(self) -> None:
        raw = make_build("acme/sentiment", 0)
        build = BuildInfo.from_json(raw)
        assert build == BuildInfo(
            build_id=raw["build_id"],
            status=Status.SUCCEEDED,
            commit_sha=raw["commit_sha"],
            started_at=datetime(2021, 7, 29, 21, 12, 56, 442_000, UTC),
            finished_at=datetime(2021, 7, 29, 21, 13, 6, 442_000, UTC),
            semantic_version="0.1.0",
            resource_type="build",
        )
        assert build.raw is raw

    @pytest.mark.parametrize("empty", [None, {}, [], "", 7])
    def test_only_the_id_is_required(self, empty: object) -> None:
        fields = ("status", "commit_sha", "started_at", "finished_at", "version_info", "resource_type")
        assert BuildInfo.from_json({"build_id": "b", **dict.fromkeys(fields, empty)}) == BuildInfo(
            build_id="b"
        )

    @pytest.mark.parametrize(
        "value", [None, [], "b", {}, {"build_id": None}, {"build_id": ""}, {"build_id": 7}]
    )
    def test_what_identifies_no_build_is_an_error(self, value: object) -> None:
        with pytest.raises(ValueError, match=r"^a build "):
            BuildInfo.from_json(value)


class TestVersionInfo:
    def test_every_field_of_a_version(self) -> None:
        raw = make_version("acme/sentiment", make_build("acme/sentiment", 0))
        raw["compilation"]["output"] = "log"
        version = VersionInfo.from_json(raw)
        assert version == VersionInfo(
            git_hash=raw["version_info"]["git_hash"],
            version_uuid=raw["version_info"]["version_uuid"],
            semantic_version="0.1.0",
            algorithm_id=raw["id"],
            name="sentiment",
            environment=ENVIRONMENT,
            package_set="python38",
            build=BuildInfo.from_json(raw["build"]),
            successful=True,
            output="log",
        )
        assert version.raw is raw

    @pytest.mark.parametrize("empty", [None, {}, [], "", 7])
    def test_an_algorithm_that_was_never_built_has_nothing_of_a_build(self, empty: object) -> None:
        fields = ("id", "name", "settings", "version_info", "build", "compilation")
        assert VersionInfo.from_json(dict.fromkeys(fields, empty)) == VersionInfo()

    @pytest.mark.parametrize("output", ["", None])
    def test_an_empty_output_is_none(self, output: object) -> None:
        version = VersionInfo.from_json({"compilation": {"successful": False, "output": output}})
        assert (version.successful, version.output) == (False, None)

    def test_what_is_no_object_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="a version is a JSON object, not list"):
            VersionInfo.from_json([])


class TestRecordedCluster:
    def test_lists_algorithms_by_name_and_ignores_everything_else(self, tmp_path: Path) -> None:
        make_cluster(tmp_path, algorithms=("stats/forecast", "acme/sentiment"), builds=1)
        (tmp_path / "acme" / "labels").mkdir()
        (tmp_path / "acme" / "sentiment" / "truth").mkdir()
        (tmp_path / "README").write_text("not an owner")
        cluster = RecordedCluster(tmp_path)
        assert [(one.owner, one.name) for one in cluster] == [("acme", "sentiment"), ("stats", "forecast")]
        assert len(cluster) == 2
        assert cluster.owners == {"acme", "stats"}
        assert cluster.algorithm("stats", "forecast") is list(cluster)[1]
        assert cluster.algorithm("stats", "Forecast") is None

    def test_is_told_from_other_folders(self, tmp_path: Path) -> None:
        assert not is_recorded_cluster(tmp_path)
        assert not is_recorded_cluster(tmp_path / "missing")
        make_cluster(tmp_path, builds=0)
        assert is_recorded_cluster(tmp_path)
        assert is_recorded_cluster(str(tmp_path))
        assert not is_recorded_cluster(tmp_path / "acme")
        assert not is_recorded_cluster(tmp_path / "acme" / "sentiment" / "builds.json")

    @pytest.mark.parametrize("name", ["", "missing"])
    def test_a_folder_without_algorithms_is_an_error(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(SourceError, match="no recorded cluster"):
            RecordedCluster(tmp_path / name)


class TestBuilds:
    def test_newest_first_whatever_the_order_of_the_file(self, tmp_path: Path) -> None:
        make_cluster(tmp_path, builds=5)
        index = tmp_path / "acme/sentiment/builds.json"
        entries = json.loads(index.read_text())
        index.write_text(json.dumps([entries[i] for i in (3, 0, 4, 2, 1)]))
        assert [build.raw for build in only(tmp_path).builds] == entries

    def test_a_build_listed_twice_is_one_build(self, tmp_path: Path) -> None:
        make_cluster(tmp_path, builds=2)
        index = tmp_path / "acme/sentiment/builds.json"
        entries = json.loads(index.read_text())
        index.write_text(json.dumps([*entries, entries[0]]))
        assert len(only(tmp_path).builds) == 2

    def test_pages_and_lists_read_alike(self, tmp_path: Path) -> None:
        as_list = only(make_cluster(tmp_path / "list", builds=3))
        as_page = only(make_cluster(tmp_path / "page", builds=3, as_pages=True))
        assert as_page.builds == as_list.builds
        assert as_page.versions == as_list.versions
        assert len(as_page.versions) == 2

    def test_are_found_by_id_and_by_commit(self, tmp_path: Path) -> None:
        algorithm = only(make_cluster(tmp_path, builds=3))
        again, first, _ = algorithm.builds
        assert again.commit_sha == first.commit_sha
        assert algorithm.builds_of(first.commit_sha or "") == (again, first)
        assert algorithm.builds_of("0" * 40) == ()
        assert algorithm.build(first.build_id) is first
        assert algorithm.build("missing") is None


class TestAlgorithmId:
    def test_is_what_the_recording_says_else_derived_from_the_name(self, tmp_path: Path) -> None:
        bare = only(make_cluster(tmp_path / "bare", versions=False))
        again = only(make_cluster(tmp_path / "again", versions=False))
        versions = only(make_cluster(tmp_path / "versions"))
        assert bare.id == again.id
        assert versions.id == versions.versions[0].algorithm_id != bare.id
        (bare.folder / "algorithm.json").write_text('{"id": "11111111-2222-3333-4444-555555555555"}')
        assert only(tmp_path / "bare").id == "11111111-2222-3333-4444-555555555555"


class TestLogs:
    def test_come_one_by_one_with_the_facts_of_the_api(self, tmp_path: Path) -> None:
        algorithm = only(make_cluster(tmp_path, builds=3, running=1))
        logs = list(RecordedCluster(tmp_path).logs())
        assert [log.build_id for log in logs] == [build.build_id for build in algorithm.builds[1:]]
        newest, oldest = logs
        assert newest.data == (algorithm.folder / "logs" / f"{newest.build_id}.log").read_bytes()
        assert (newest.owner, newest.name, newest.status) == ("acme", "sentiment", Status.FAILED)
        assert newest.commit == algorithm.builds[1].commit_sha
        assert newest.duration == 10
        assert newest.environment == ENVIRONMENT
        assert (newest.semantic_version, oldest.semantic_version) == (None, "0.1.0")
        assert newest.path == str(algorithm.folder / "logs" / f"{newest.build_id}.log")

    def test_are_not_read_before_they_are_asked_for(self, tmp_path: Path) -> None:
        algorithm = only(make_cluster(tmp_path, builds=2))
        assert len(algorithm.builds) == 2
        logs = algorithm.logs()
        file = algorithm.folder / "logs" / f"{algorithm.builds[0].build_id}.log"
        file.write_bytes(b"later\xff")
        assert next(logs).data == b"later\xff"

    def test_without_versions_have_no_environment(self, tmp_path: Path) -> None:
        (log,) = only(make_cluster(tmp_path, builds=1, versions=False)).logs()
        assert log.environment is None

    def test_a_missing_log_is_none(self, tmp_path: Path) -> None:
        algorithm = only(make_cluster(tmp_path, builds=1, logs=False))
        assert algorithm.read_log(algorithm.builds[0].build_id) is None
        assert algorithm.read_log("missing") is None
        assert list(algorithm.logs()) == []

    @pytest.mark.parametrize(
        "build_id", ["../../secret", "..\\secret", "nul\0", "/etc/hostname", "../builds"]
    )
    def test_an_id_does_not_lead_out_of_the_folder(self, tmp_path: Path, build_id: str) -> None:
        algorithm = only(make_cluster(tmp_path, builds=1))
        (algorithm.folder.parent / "secret.log").write_text("secret")
        (algorithm.folder / "builds.log").write_text("secret")
        (algorithm.folder / "builds.json").write_text(json.dumps([{"build_id": build_id}]))
        algorithm = only(tmp_path)
        assert algorithm.builds[0].build_id == build_id
        assert algorithm.read_log(build_id) is None

    def test_a_log_that_cannot_be_read_is_an_error(self, tmp_path: Path) -> None:
        algorithm = only(make_cluster(tmp_path, builds=1, logs=False))
        (algorithm.folder / "logs" / f"{algorithm.builds[0].build_id}.log").mkdir()
        with pytest.raises(SourceError, match="cannot be read"):
            list(algorithm.logs())


class TestMalformedFiles:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (b'[\n  {"build_id": }]', r"is not valid JSON: Expecting value at line 2, column 16"),
            (b"", r"is not valid JSON"),
            (b"\xff\xfe\xfd", r"is not valid JSON"),
            (b"[" * 100_000, r"is not valid JSON"),
            (b"{}", r"is neither a list nor a page"),
            (b"7", r"is neither a list nor a page"),
            (b"[7]", r"a (build|version) is a JSON object, not int"),
        ],
    )
    @pytest.mark.parametrize("name", ["builds", "versions"])
    def test_are_one_sentence_that_names_the_file(
        self, tmp_path: Path, name: str, text: bytes, reason: str
    ) -> None:
        algorithm = only(make_cluster(tmp_path, builds=1))
        file = algorithm.folder / f"{name}.json"
        file.write_bytes(text)
        with pytest.raises(SourceError, match=reason) as caught:
            getattr(algorithm, name)
        message = str(caught.value)
        assert message.startswith(str(file))
        assert message.count("\n") == 0
        assert message.endswith(".")
