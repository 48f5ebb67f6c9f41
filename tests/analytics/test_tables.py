"""The five tables, made of recorded builds."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
import pytest

from logparse import SCHEMAS, Log, Outcome, Status, parse, tables
from logparse.analytics import SCHEMA_VERSION, batches, describe
from logparse.model import Build, Evidence, Kind

KEYS = {
    "builds": ["build_key"],
    "steps": ["build_key", "step_index"],
    "pulls": ["build_key", "pull_index", "layer_id"],
    "failures": ["build_key"],
}


class TestSchema:
    """One schema, documented and versioned."""

    @pytest.mark.parametrize("name", SCHEMAS)
    def test_tables_have_it_even_without_rows(self, name):
        made = getattr(tables([]), name)
        assert made.schema.equals(SCHEMAS[name], check_metadata=True)
        assert made.num_rows == 0
        assert made.schema.metadata[b"logparse.schema"] == str(SCHEMA_VERSION).encode()

    @pytest.mark.parametrize("name", SCHEMAS)
    def test_every_column_says_what_it_means(self, name):
        described = describe(name)
        assert [column for column, _, _ in described] == SCHEMAS[name].names
        assert all(len(text) > 8 for _, _, text in described)

    @pytest.mark.parametrize("name", SCHEMAS)
    def test_recorded_builds_fit(self, recorded_tables, name):
        getattr(recorded_tables, name).validate(full=True)

    @pytest.mark.parametrize("name", KEYS)
    def test_keys_are_unique(self, recorded_tables, name):
        keys = getattr(recorded_tables, name).select(KEYS[name]).to_pandas()
        assert not keys.duplicated().any()


class TestRows:
    """What stands in them is what the builds say."""

    def test_one_row_a_build_and_a_step(self, recorded_builds, recorded_tables):
        assert recorded_tables.builds.num_rows == len(recorded_builds)
        assert recorded_tables.steps.num_rows == sum(len(build.steps) for build in recorded_builds)

    def test_one_row_a_failed_build(self, recorded_builds, recorded_tables):
        failed = [build.key for build in recorded_builds if build.outcome is Outcome.FAILED]
        assert recorded_tables.failures["build_key"].to_pylist() == failed

    def test_tables_join_on_the_build(self, recorded_tables):
        keys = set(recorded_tables.builds["build_key"].to_pylist())
        for name, table in recorded_tables.items():
            assert set(table["build_key"].to_pylist()) <= keys, name

    def test_facts_of_the_api_are_in_the_builds(self):
        log = Log(
            data=b"Step 1/1 : FROM a\n ---> 0123456789ab\nSuccessfully built 0123456789ab\n",
            owner="o",
            name="n",
            build_id="b",
            commit="c" * 40,
            status=Status.SUCCEEDED,
            started_at=datetime(2021, 7, 29, 21, 12, 56, 442_000, tzinfo=UTC),
            finished_at=datetime(2021, 7, 29, 21, 13, 0, tzinfo=UTC),
            semantic_version="1.0.0",
        )
        [row] = tables(parse(log)).builds.to_pylist()
        assert row["build_key"] == "o/n/b"
        assert row["started_at"] == log.started_at
        assert row["seconds"] == pytest.approx(3.558)
        assert row["seconds_source"] == "api"
        assert (row["steps"], row["total_steps"], row["cached_steps"], row["stages"]) == (1, 1, 0, 1)
        assert row["image_id"] == "0123456789ab"
        assert row["log_bytes"] == len(log.data)

    def test_without_the_api_nothing_is_made_up(self):
        made = tables(parse(b"Step 1/2 : FROM a\n ---> 0123456789ab\n"))
        [build], [step] = made.builds.to_pylist(), made.steps.to_pylist()
        for column in ("owner", "started_at", "finished_at", "seconds", "seconds_source", "status"):
            assert build[column] is None
        assert [step[column] for column in ("started", "seconds", "low", "high", "group")] == [None] * 5
        assert step["source"] == "none"
        assert build["build_key"].startswith("sha256:")

    def test_secrets_are_masked(self):
        data = (
            b"Step 1/1 : RUN pip install --extra-index-url https://me:hunter2@pip.example/simple x\n"
            b" ---> Running in 0123456789ab\nERROR: 401 for https://me:hunter2@pip.example/simple\n"
            b"The command '/bin/sh -c pip install --extra-index-url https://me:hunter2@pip.example/simple x'"
            b" returned a non-zero code: 1\n"
        )
        made = tables(parse(data))
        assert made.failures.num_rows == 1
        for name, table in made.items():
            assert "hunter2" not in json.dumps(table.to_pylist(), default=str), name

    def test_names_are_masked_too(self):
        token = "ghp_" + "a1" * 18
        data = (
            f"Step 1/1 : FROM r/x:{token} AS {token}\n{token}: Pulling from r/x\n"
            f"Status: Downloaded newer image for https://u:hunter22@r/x\n ---> 0123456789ab\n"
            f"Successfully built 0123456789ab\nSuccessfully tagged r/x:{token}\n"
        ).encode()
        for name, table in tables(parse(data)).items():
            written = json.dumps(table.to_pylist(), default=str)
            assert token not in written, name
            assert "hunter22" not in written, name

    def test_a_copy_of_a_log_is_the_same_build(self):
        data = b"Step 1/1 : FROM a\n ---> 0123456789ab\n"
        builds = [build for path in ("a.log", "b.log") for build in parse(Log(data=data, path=path))]
        assert tables(builds).builds["path"].to_pylist() == ["a.log"]
        assert [part.builds.num_rows for part in batches(builds, size=1)] == [1, 0]

    def test_file_names_need_not_be_text(self):
        made = tables(parse(Log(data=b"Step 1/1 : FROM a\n", path="\udcff.log")))
        assert made.builds["path"].to_pylist() == ["?.log"]

    def test_owners_need_not_be_text(self):
        log = Log(data=b"Step 1/1 : FROM a\n", owner="o\udcff", name="n", build_id="b")
        made = tables(parse(log))
        assert made.builds["owner"].to_pylist() == ["o?"]
        assert made.steps["build_key"].to_pylist() == ["o?/n/b"]

    def test_spans_and_bytes_are_those_of_each_step(self, recorded_builds, recorded_tables):
        """Of whole logs as of those that something was taken away from, such as carriage returns."""
        assert {build.transcript.is_whole for build in recorded_builds} == {True, False}
        steps = [step for build in recorded_builds for step in build.steps]
        spans = zip(
            recorded_tables.steps["span_start"].to_pylist(),
            recorded_tables.steps["span_end"].to_pylist(),
            strict=True,
        )
        assert list(spans) == [tuple(step.log_span) for step in steps]
        assert recorded_tables.steps["output_bytes"].to_pylist() == [len(step.output) for step in steps]

    def test_a_build_has_all_bytes_of_its_elements(self, recorded_builds):
        for build in recorded_builds:
            sizes = [(kind, end - start) for kind, start, end in build.elements()]
            assert build.size == sum(size for _, size in sizes)
            assert build.unknown_bytes == sum(size for kind, size in sizes if kind is Kind.UNKNOWN)

    def test_a_build_that_others_wrote_into_has_its_own_bytes(self):
        data = b"".join(
            b"%s | Step %d/2 : %s\n%s | what is this\n%s | \x20---> 0123456789ab\n"
            % (who, number, what, who, who)
            for number, what in ((1, b"FROM a"), (2, b"RUN b"))
            for who in (b"web", b"db")
        )
        builds = parse(data)
        assert len(builds) == 2
        assert sum(build.size for build in builds) == len(data)
        for build in builds:
            assert build.size == sum(end - start for _, start, end in build.elements())

    def test_subjects_are_json_objects(self, recorded_tables):
        subjects = [text for text in recorded_tables.failures["subject"].to_pylist() if text]
        assert subjects
        assert all(isinstance(json.loads(text), dict) for text in subjects)


class TestCommands:
    """Which command of a failed step ended it."""

    @staticmethod
    def failure(instruction: str, output: str, code: int) -> dict[str, object]:
        data = (
            f"Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : {instruction}\n"
            f" ---> Running in ba9876543210\n{output}"
            f"The command '/bin/sh -c {instruction.partition(' ')[2]}' returned a non-zero code: {code}\n"
        )
        [row] = tables(parse(data.encode())).failures.to_pylist()
        return {name: row[name] for name in ("command", "command_tool", "command_evidence")}

    def test_the_only_command_is_the_one(self):
        assert self.failure("RUN sudo make all", "make: *** [all] Error 1\n", 2) == {
            "command": "sudo make all",
            "command_tool": "make",
            "command_evidence": "only",
        }

    def test_the_shell_names_the_one_that_is_not_there(self):
        assert self.failure("RUN echo a && nosuch --all", "a\n/bin/sh: 1: nosuch: not found\n", 127) == {
            "command": "nosuch --all",
            "command_tool": "nosuch",
            "command_evidence": "shell",
        }

    def test_an_instruction_without_commands_has_none(self):
        data = (
            b"Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : COPY x y\n"
            b"COPY failed: file not found in build context or excluded by .dockerignore: stat x: file does not"
            b" exist\n"
        )
        [row] = tables(parse(data)).failures.to_pylist()
        assert [row[name] for name in row if name.startswith("command")] == [None] * 4

    def test_secrets_in_it_are_masked(self):
        row = self.failure("RUN curl --user me:hunter22 https://a.example/x", "curl: (6) no host\n", 6)
        assert row["command"] == "curl --user *** https://a.example/x"

    def test_recorded_failures_have_commands(self, recorded_tables):
        rows = recorded_tables.failures.to_pylist()
        with_command = [row for row in rows if row["command"] is not None]
        assert len(with_command) > len(rows) / 2
        for row in with_command:
            assert row["instruction"] == "RUN"
            assert row["command_evidence"] in set(Evidence)
            assert 0 < row["command_confidence"] <= 1


class TestPandas:
    """The same tables as DataFrames."""

    def test_types_survive_gaps(self, recorded_tables):
        frames = recorded_tables.to_pandas()
        assert frames["steps"]["exit_code"].dtype == pd.Int64Dtype()
        assert frames["builds"]["started_at"].dtype == pd.DatetimeTZDtype("us", "UTC")
        assert isinstance(frames["steps"]["instruction"].dtype, pd.CategoricalDtype)
        assert frames["steps"]["seconds"].dtype == "float64"
        assert frames["builds"]["seconds"].dtype == "float64"


class TestBatches:
    """Many builds at a time change nothing."""

    def test_together_they_are_the_same_tables(self, recorded_builds, recorded_tables):
        parts = list(batches(recorded_builds, size=50))
        assert len(parts) == -(-len(recorded_builds) // 50)
        for name, whole in recorded_tables.items():
            joined = pa.concat_tables([getattr(part, name) for part in parts]).unify_dictionaries()
            assert joined.to_pylist() == whole.to_pylist()

    def test_builds_are_let_go(self):
        """What is held of builds that were read are their rows."""
        alive: weakref.WeakSet[Build] = weakref.WeakSet()

        def read() -> Iterator[Build]:
            for number in range(30):
                [build] = parse(b"Step 1/1 : FROM a%d\n ---> 0123456789ab\n" % number)
                alive.add(build)
                yield build
                del build
                gc.collect()
                assert len(alive) <= 2

        assert [part.builds.num_rows for part in batches(read(), size=10)] == [10, 10, 10]

    def test_no_builds_are_one_empty_batch(self):
        [part] = batches([])
        assert part.builds.num_rows == 0
