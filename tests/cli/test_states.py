"""What users see of a build that was cut, of builds that ran at once, and of events: real recordings."""

from __future__ import annotations

import json
import sys

import pytest

from tests.fixtures_path import FIXTURES

BUILDERS = FIXTURES / "builders"


def rows(run, *words):
    return [json.loads(line) for line in run(*words, "--format", "jsonl").out.splitlines()]


class TestACutLog:
    @pytest.mark.parametrize(
        ("name", "states", "line"),
        [
            ("classic-20.10.log", ["done", "done", "incomplete"], 21),
            ("classic-28.log", ["done", "done", "incomplete"], 25),
            ("buildkit-28.plain.log", ["done", "done", "incomplete"], 35),
            ("buildkit-28.live-rawjson.jsonl", ["done", "done", "incomplete", "incomplete"], 50),
            ("buildkit-28.tty.log", ["cached", "cached", "incomplete", "incomplete"], 351),
        ],
    )
    def test_steps_that_ran_on_are_marked_and_the_line_is_told(self, run, name, states, line):
        path = BUILDERS / "cut" / name
        found = rows(run, "steps", path)
        assert [row["state"] for row in found] == states
        assert {row["cut_line"] for row in found if row["state"] == "incomplete"} == {line}
        assert {row["cut_line"] for row in found if row["state"] != "incomplete"} == {None}
        [diagnosis] = rows(run, "diagnose", path)
        assert (diagnosis["outcome"], diagnosis["cut_line"]) == ("incomplete", line)
        out = run("steps", path).out
        assert out.count("incomplete") == states.count("incomplete")
        assert f", at line {line}\n" in out

    def test_one_that_ends_between_two_steps(self, run, tmp_path):
        path = tmp_path / "build.log"
        path.write_bytes(b"Step 1/2 : FROM a\n ---> 0123456789ab\n")
        assert [row["state"] for row in rows(run, "steps", path)] == ["done"]
        assert "the log ends behind step 1/2, at line 2" in run("steps", path).out

    @pytest.mark.parametrize("name", ["classic-28.log", "buildkit-28.plain.log", "buildah.log"])
    def test_no_step_of_a_build_that_came_to_its_end(self, run, name):
        for scenario in ("multistage", "fail_run"):
            found = rows(run, "steps", BUILDERS / scenario / name)
            assert "incomplete" not in {row["state"] for row in found}
            assert {row["cut_line"] for row in found} == {None}

    def test_while_it_is_followed(self, run, monkeypatch, tmp_path):
        path = BUILDERS / "cut" / "classic-28.log"
        with path.open() as file:
            monkeypatch.setattr(sys, "stdin", file)
            found = rows(run, "steps", "--follow", "-")
        assert [(row["state"], row["cut_line"]) for row in found] == [
            ("done", None),
            ("done", None),
            ("incomplete", 25),
        ]


class TestBuildsAtOnce:
    def test_each_row_and_each_screen_says_that_its_lines_are_a_guess(self, run):
        path = BUILDERS / "at_once" / "at-once.classic-28.log"
        found = rows(run, "diagnose", path)
        assert sorted(row["outcome"] for row in found) == ["failed", "succeeded", "succeeded"]
        assert {row["at_once"] for row in found} == {True}
        assert {row["at_once"] for row in rows(run, "steps", path)} == {True}
        assert run("steps", path).out.count("ran at once with others") == 3
        assert run("diagnose", path).code == 1

    def test_no_other_does(self, run):
        path = BUILDERS / "multistage" / "classic-28.log"
        assert {row["at_once"] for row in rows(run, "diagnose", path)} == {False}
        assert "at once" not in run("steps", path).out


class TestFollowing:
    def test_columns_stay_where_they_are_whatever_the_names(self, run, monkeypatch, tmp_path):
        path = tmp_path / "build.log"
        names = ["a", "a-stage-with-a-name-of-many-letters", "sixteen-letters-"]
        path.write_text(
            "".join(
                f"Step {number}/3 : FROM base AS {name}\n ---> 0123456789ab\n"
                for number, name in enumerate(names, 1)
            )
        )
        with path.open() as file:
            monkeypatch.setattr(sys, "stdin", file)
            lines = run("steps", "--follow", "-").out.splitlines()
        assert len({line.index("FROM base") for line in lines}) == 1
        assert "a-stage-with-a-…" in lines[1]
        assert "sixteen-letters- " in lines[2]


class TestEvents:
    PATH = BUILDERS / "big_pull" / "buildkit-28.live-rawjson.jsonl"

    def test_those_of_one_vertex_are_one_line_with_its_name(self, run):
        out = run("explain", self.PATH).out
        assert "29 events: extracting sha256:" in out
        assert "[2/2] RUN ls -l /opt" in out
        assert '{"' not in out
        assert len(out.splitlines()) < 50 < len(run("explain", self.PATH, "--full").out.splitlines())

    def test_in_full_each_is_shown_as_it_stands(self, run):
        assert '{"digest":' in run("explain", self.PATH, "--full").out

    def test_as_rows_there_is_one_an_element(self, run):
        found = rows(run, "explain", self.PATH)
        assert len(found) > 50
        assert all(row["start"] < row["end"] for row in found)

    @pytest.mark.parametrize(
        "path", sorted(BUILDERS.glob("*/*rawjson.jsonl")), ids=lambda path: f"{path.parent.name}-{path.name}"
    )
    def test_the_sums_are_the_same(self, run, path):
        def sizes(*words):
            table = run("explain", path, *words).out.split("Share")[-1].splitlines()[2:]
            return sorted(line.split()[-3] for line in table if line.strip())

        assert sizes() == sizes("--full")


class TestPulls:
    @pytest.mark.parametrize(
        ("name", "printed"),
        [
            ("classic-28.log", "base/big:1"),
            ("buildkit-28.plain.log", "hub.cluster.example/base/big:1"),
            ("buildkit-28.tty.log", "hub.cluster.example/base/big:1"),
            ("buildah.log", "hub.cluster.example/base/big:1"),
            ("engine-api-28.jsonl", "base/big:1"),
        ],
    )
    def test_an_image_has_one_name_whoever_pulled_it(self, run, name, printed):
        [pull] = rows(run, "pulls", BUILDERS / "big_pull" / name)
        assert (pull["reference"], pull["printed"]) == ("hub.cluster.example/base/big:1", printed)

    @pytest.mark.parametrize(
        ("log", "reference"),
        [
            ("Step 1/1 : FROM golang\nlatest: Pulling from library/golang\n", "golang:latest"),
            ("Step 1/1 : FROM $BASE\n1: Pulling from library/golang\n", "golang:1"),
            ("Step 1/1 : FROM hub.example/a/b:1 AS c\n1: Pulling from a/b\n", "hub.example/a/b:1"),
            (
                (
                    "Step 1/1 : FROM $BASE\n1: Pulling from a/b\nDigest: sha256:00\n"
                    "Status: Image is up to date for hub.example/a/b:1\n"
                ),
                "hub.example/a/b:1",
            ),
            (
                (
                    "#1 [internal] load build definition from Dockerfile\n#1 DONE 0.0s\n\n"
                    f"#2 [1/1] FROM docker.io/library/golang:1@sha256:{64 * 'a'}\n"
                    f"#2 sha256:{64 * 'b'} 10MB / 20MB 0.1s\n"
                ),
                "golang:1",
            ),
            ("STEP 1/1: FROM golang:1\nTrying to pull docker.io/library/golang:1...\n", "golang:1"),
        ],
    )
    def test_that_of_docker_hub_is_as_short_as_in_a_dockerfile(self, run, tmp_path, log, reference):
        path = tmp_path / "build.log"
        path.write_text(log)
        assert [row["reference"] for row in rows(run, "pulls", path)] == [reference]

    def test_layers_that_buildah_has_are_done(self, run):
        [pull] = rows(run, "pulls", BUILDERS / "big_pull" / "buildah.log")
        assert [layer["state"] for layer in pull["layers"]] == 4 * ["done"]

    def test_those_of_a_pull_that_was_cut_are_not(self, run, tmp_path):
        path = tmp_path / "build.log"
        data = (BUILDERS / "big_pull" / "buildah.log").read_bytes()
        path.write_bytes(data[: data.index(b"Copying config")])
        [pull] = rows(run, "pulls", path)
        assert [layer["state"] for layer in pull["layers"]] == 4 * ["copying"]
