"""Docker Compose around the builders: real recordings of versions 1 and 2, for three services each."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logparse import Build, Builder, Kind, Log, Outcome, parse
from logparse.parser.compose import COMPOSE_LINE, with_services
from tests.fixtures_path import FIXTURES

RECORDED = FIXTURES / "builders"
SERVICES = ["api", "mailer", "migration"]
ONE_BY_ONE = [
    ("compose-1.log", Builder.CLASSIC),
    ("compose-1.buildkit.log", Builder.BUILDKIT),
]
AT_ONCE = ["compose-2.tty.log", "compose-2.plain.log", "compose-2.no-bake.plain.log", "bake.tty.log"]


def read(data: bytes) -> list[Build]:
    return with_services(parse(Log(data=data)))


def recorded(scenario: str, name: str) -> bytes:
    return (RECORDED / scenario / name).read_bytes()


def covered(builds: list[Build], data: bytes) -> None:
    spans = sorted((element.start, element.end) for build in builds for element in build.elements())
    position = 0
    for start, end in spans:
        assert start == position < end
        position = end
    assert position == len(data)


@pytest.mark.parametrize(("name", "builder"), ONE_BY_ONE)
class TestOneServiceAfterAnother:
    """Version 1: a build each."""

    def test_each_is_a_build_that_begins_with_its_announcement(self, name, builder):
        data = recorded("services_good", name)
        builds = read(data)
        assert [build.builder for build in builds] == 3 * [builder]
        assert [build.outcome for build in builds] == 3 * [Outcome.SUCCEEDED]
        for build, service in zip(builds, SERVICES, strict=True):
            assert data[build.span.start :].startswith(b"Building %s\n" % service.encode())
        covered(builds, data)

    def test_steps_have_the_service_as_target(self, name, builder):
        builds = read(recorded("services_good", name))
        assert [{step.target for step in build.steps} for build in builds] == [{each} for each in SERVICES]
        assert [build.tags for build in builds] == [
            (f"{'' if builder is Builder.CLASSIC else 'docker.io/'}team/{each}:1",) for each in SERVICES
        ]

    def test_the_last_one_fails(self, name, builder):
        builds = read(recorded("services", name))
        assert [build.outcome for build in builds] == [Outcome.SUCCEEDED, Outcome.SUCCEEDED, Outcome.FAILED]
        step = builds[-1].failing_step
        assert step is not None
        assert (step.target, step.number, step.exit_code) == ("migration", 3, 4)
        assert b"table orders: no such column" in step.output

    def test_all_that_compose_says_is_understood(self, name, builder):
        data = recorded("services", name)
        builds = read(data)
        assert sum(build.unknown_bytes for build in builds) == 0
        notes = [
            data[element.start : element.end]
            for build in builds
            for element in build.elements()
            if element.kind is Kind.NOTE and b"Building" in data[element.start : element.end]
        ]
        assert [note for note in notes if b" failed " not in note] == [
            b"Building %s\n" % each.encode() for each in SERVICES
        ]

    def test_once_is_enough(self, name, builder):
        builds = read(recorded("services", name))
        before = [(build.first, build.last) for build in builds]
        assert [(build.first, build.last) for build in with_services(builds)] == before


class TestAllAtOnce:
    """Version 2, and bake, on which it builds: BuildKit names the targets."""

    @pytest.mark.parametrize("name", AT_ONCE)
    def test_targets(self, name):
        [build] = read(recorded("services_good", name))
        assert build.outcome is Outcome.SUCCEEDED
        assert {step.target for step in build.steps} == set(SERVICES)
        assert build.unknown_bytes == 0
        assert set(build.tags) == (
            {f"docker.io/team/{each}:1" for each in SERVICES} if "compose" in name else set()
        )
        [step] = [step for step in build.steps if step.text == "RUN echo migrating"]
        assert (step.target, step.stage_name, step.number, step.total) == ("migration", None, 3, 3)
        [step] = [step for step in build.steps if step.stage_name == "base" and step.instruction == "RUN"]
        assert step.target == "api"

    @pytest.mark.parametrize("name", AT_ONCE)
    def test_one_fails(self, name):
        [build] = read(recorded("services", name))
        assert build.outcome is Outcome.FAILED
        assert build.exit_code == 4
        step = build.failing_step
        assert step is not None
        assert (step.target, step.number) == ("migration", 3)
        assert b"table orders: no such column" in step.output
        assert build.unknown_bytes == 0

    def test_frames_of_its_own_are_notes(self):
        data = recorded("services_good", "compose-2.tty.log")
        [build] = parse(Log(data=data))
        notes = b"".join(
            data[element.start : element.end] for element in build.elements() if element.kind is Kind.NOTE
        )
        assert b"[+] Building 3/3" in notes
        assert notes.count(" ✔ ".encode()) + notes.count("✔".encode()) >= 3


class TestWhoSpeaks:
    """Anybody may print ``Building web``."""

    BUILD = b"Step 1/1 : FROM scratch\n ---> \nSuccessfully built 0123456789ab\n"

    def test_one_line_alone_is_not_compose(self):
        [build] = read(b"Building web\n" + self.BUILD)
        assert [step.target for step in build.steps] == [None]
        assert build.unknown_bytes == len(b"Building web\n")

    def test_two_services_are(self):
        builds = read(b"Building web\n" + self.BUILD + b"\nBuilding db\n" + self.BUILD)
        assert [step.target for build in builds for step in build.steps] == ["web", "db"]
        assert sum(build.unknown_bytes for build in builds) == 0

    def test_one_is_if_compose_says_more(self):
        [build] = read(b"redis uses an image, skipping\nBuilding web\n" + self.BUILD)
        assert [step.target for step in build.steps] == ["web"]

    def test_what_a_program_prints_is_output(self):
        data = (
            b"Step 1/2 : FROM scratch\n ---> \nStep 2/2 : RUN make\n ---> Running in 0123456789ab\n"
            b"Building web\nBuilding db\nRemoving intermediate container 0123456789ab\n ---> ba9876543210\n"
            b"Successfully built ba9876543210\n"
        )
        [build] = read(data)
        assert build.steps[1].output == b"Building web\nBuilding db\n"
        assert build.steps[1].target is None


@pytest.mark.parametrize(
    ("line", "known"),
    [
        (" ✔ web  Built   0.0s\n", True),
        (" \x1b[32m✔\x1b[0m team/web:1 \x1b[32mBuilt\x1b[0m   0.0s\n", True),
        (" ⠋ Container app-db-1  Starting  0.3s\n", True),
        (" ✘ worker Error\n", True),
        ("[+] Running 2/3\n", True),
        ("[+] build 1/2\n", True),
        ("[+] Building 12.3s (5/10)\n", False),
        (" web  Built\n", True),
        (" Service web  Building\n", True),
        (" Image team/api:1 Building \n", True),
        (" Network app_default  Created\n", True),
        (' Volume "app_data"  Creating\n', True),
        (" web  is up\n", False),
        ("web Built\n", False),
        (" => [1/2] RUN x\n", False),
    ],
)
def test_lines_of_version_2(line, known):
    """Single lines, written by hand after the source."""
    assert (re.match(COMPOSE_LINE, line.encode()) is not None) is known


PIECES = [
    b"Building web\n",
    b"Building db\n",
    b"Building web ... done\r\n",
    b"web uses an image, skipping\n",
    b"Service 'web' failed to build : Build failed\n",
    b"ERROR: Service 'db' failed to build: The command '/bin/sh -c x' returned a non-zero code: 1\n",
    b"ERROR: for web  x\n",
    b"Step 1/2 : FROM a\n ---> 0123456789ab\n",
    b"Step 2/2 : RUN x\n ---> Running in 0123456789ab\n",
    b"Removing intermediate container 0123456789ab\n ---> ba9876543210\n",
    b"Successfully built ba9876543210\n",
    b"#1 [internal] load build definition from Dockerfile\n#1 DONE 0.0s\n",
    b"#2 [1/2] FROM a\n#2 DONE 0.1s\n",
    b"#3 [2/2] RUN x\n#3 0.1 out\n#3 DONE 0.2s\n",
    b"#4 exporting to image\n#4 DONE 0.2s\n",
    b"[+] Building 0.1s (1/1) FINISHED\n => [1/1] FROM a  0.1s\n",
    b" web  Built\n",
    b"text\n",
    b"text",
    b"\n",
    b"\r\n",
]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join))
def test_nothing_is_lost_and_nothing_raised(data):
    builds = read(data)
    covered(builds, data)
    for build in builds:
        assert build.first <= build.last
        assert all(step.transcript is not None for step in build.steps)
        _ = build.outcome, build.failing_step, build.unknown_bytes


def test_cost_grows_with_the_size_only():
    """As many builds as lines that announce one, and many lines nobody knows."""
    one = b"Building web\n" + TestWhoSpeaks.BUILD + b"who\nBuilding db\nknows\n"
    builds = read(one * 2_000)
    assert len(builds) == 2_000
    assert sum(build.unknown_bytes for build in builds) == 2_000 * len(b"who\nknows\n")
