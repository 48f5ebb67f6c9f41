"""One build in two forms: what BuildKit's history says of it is the truth for what was printed plain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from logparse.model import Build, Outcome, Pull, Step, Vertex
from logparse.parser import parse
from tests.fixtures_path import FIXTURES

BUILDERS = FIXTURES / "builders"
SCENARIOS = sorted(path.parent for path in BUILDERS.glob("*/buildkit-28.rawjson.jsonl"))
BAKED = sorted(BUILDERS.glob("*/bake.plain.log"))

CUT = {"cut"}
"""Scenarios of which the plain log stops before the build does."""
CLIENTS = {"push_refused", "bad_dockerfile"}
"""What fails there is the client's, or said by it alone, and no event of the build."""

PRECISION = 0.1
"""Seconds are printed with one decimal."""

Key = tuple[str, str, str, int]


def one(path: Path) -> Build:
    [build] = parse(path.read_bytes())
    return build


def both(folder: Path) -> tuple[Build, Build]:
    return one(folder / "buildkit-28.plain.log"), one(folder / "buildkit-28.rawjson.jsonl")


def key(step: Step) -> Key:
    """What tells a step from the others: which of several that run at once is printed first, chance decides."""
    return step.target or "", step.platform or "", step.stage_name or "", step.number


def by_key(build: Build) -> dict[Key, Step]:
    steps = {key(step): step for step in build.steps}
    assert len(steps) == len(build.steps)
    return steps


def _layers(pull: Pull) -> list[str]:
    return sorted(layer.layer_id for layer in pull.layers)


def lines(step: Step) -> list[bytes]:
    """What a step printed, line by line: the plain display ends the last line, and breaks none at ``\\r``."""
    return [line.rstrip(b"\r") for line in step.output.split(b"\n")]


def assert_same_time(plain: Step | Vertex, exact: Step | Vertex) -> None:
    """What was printed, and its bounds, agree with the truth as far as the display's decimals go."""
    seconds = exact.timing.seconds
    timing = plain.timing
    if timing.seconds is None or seconds is None:
        return
    assert timing.low is not None
    assert timing.low - PRECISION <= seconds
    if timing.high is not None:
        assert seconds <= timing.high + PRECISION
        assert abs(timing.seconds - seconds) <= PRECISION


@pytest.mark.parametrize("folder", SCENARIOS, ids=lambda folder: folder.name)
class TestPlain:
    def test_steps_are_the_same(self, folder):
        plain, exact = map(by_key, both(folder))
        assert plain.keys() == exact.keys() or (folder.name in CUT and plain.keys() < exact.keys())
        for name, step in plain.items():
            truth = exact[name]
            assert (step.total, step.text) == (truth.total, truth.text)
            assert step.cached == truth.cached
            if folder.name in CUT:
                continue
            assert (step.failed, step.exit_code) == (truth.failed, truth.exit_code)
            if truth.canceled and not step.canceled:
                # The client left before the engine had given all up.
                assert f"#{step.vertex} CANCELED".encode() not in step.transcript.data
            else:
                assert step.canceled == truth.canceled

    def test_stages_are_the_same(self, folder):
        """Their numbers are those of their appearance, which may differ where stages run at once."""
        plain, exact = map(by_key, both(folder))
        numbers = {(step.stage, exact[name].stage) for name, step in plain.items()}
        assert len(numbers) == len({mine for mine, _ in numbers}) == len({theirs for _, theirs in numbers})

    def test_seconds_are_the_same(self, folder):
        plain, exact = map(by_key, both(folder))
        timed = 0
        for name, step in plain.items():
            if folder.name not in CUT:
                assert_same_time(step, exact[name])
                timed += step.timing.seconds is not None
        if one(folder / "buildkit-28.plain.log").outcome is Outcome.SUCCEEDED:
            assert timed == len(plain)

    def test_output_is_the_same(self, folder):
        plain, exact = map(by_key, both(folder))
        for name, step in plain.items():
            mine, theirs = lines(step), lines(exact[name])
            if folder.name in CUT:
                mine = mine[:-1]
                theirs = theirs[: len(mine)]
            assert [line for line in mine if line] == [line for line in theirs if line]

    def test_other_work_is_the_same(self, folder):
        plain, exact = both(folder)
        # A push that the client asks the engine for is no part of the build.
        mine = {each.name: each for each in plain.vertices if not each.name.startswith("pushing ")}
        theirs = {each.name: each for each in exact.vertices}
        assert mine.keys() == theirs.keys()
        for name, vertex in mine.items():
            truth = theirs[name]
            assert (vertex.cached, vertex.canceled) == (truth.cached, truth.canceled)
            assert (vertex.error is None) == (truth.error is None)
            assert_same_time(vertex, truth)
            # Of several transfers of one name, the history keeps the last one only.
            if vertex.bytes is not None and truth.bytes is not None:
                assert vertex.bytes == pytest.approx(truth.bytes, rel=0.01)

    def test_pulls_are_the_same(self, folder):
        plain, exact = both(folder)
        assert len(plain.pulls) == len(exact.pulls)
        for pull, truth in zip(*(sorted(each.pulls, key=_layers) for each in (plain, exact)), strict=True):
            assert (pull.reference, pull.digest) == (truth.reference, truth.digest)
            mine = {layer.layer_id: layer for layer in pull.layers}
            theirs = {layer.layer_id: layer for layer in truth.layers}
            assert mine.keys() == theirs.keys()
            for name, layer in mine.items():
                assert layer.state == theirs[name].state
                assert layer.bytes == pytest.approx(theirs[name].bytes, rel=0.01)
                if layer.seconds is not None:
                    assert layer.seconds == pytest.approx(theirs[name].seconds, abs=PRECISION)

    def test_warnings_are_the_same(self, folder):
        plain, exact = both(folder)
        assert {(each.rule, each.line, each.text) for each in plain.warnings} == {
            (each.rule, each.line, each.text) for each in exact.warnings
        }

    def test_the_end_is_the_same(self, folder):
        plain, exact = both(folder)
        if folder.name in CUT:
            assert plain.outcome is Outcome.INCOMPLETE
            return
        if folder.name not in CLIENTS:
            assert plain.outcome is exact.outcome
            assert plain.image_id == exact.image_id
        assert plain.exit_code == exact.exit_code
        assert (plain.failing_step and key(plain.failing_step)) == (
            exact.failing_step and key(exact.failing_step)
        )
        assert plain.tags == exact.tags


@pytest.mark.parametrize("path", BAKED, ids=lambda path: path.parent.name)
def test_targets_of_one_bake_are_the_builds_that_the_history_has(path):
    """The history has each target's build alone; printed, they share vertices, under the name of one of them."""
    plain = {(step.number, step.total, step.text): step for step in one(path).steps}
    histories = sorted(path.parent.glob("bake.*.rawjson.jsonl"))
    assert len(histories) > 1
    known = set()
    for history in histories:
        for step in one(history).steps:
            name = step.number, step.total, step.text
            known.add(name)
            assert (plain[name].cached, plain[name].canceled) == (step.cached, step.canceled)
            assert_same_time(plain[name], step)
    assert known == plain.keys()
    truth = json.loads((path.parent / "truth.json").read_text())["recordings"]
    assert one(path).outcome == truth[path.name]["outcome"]
