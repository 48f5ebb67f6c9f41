"""One failure, told by every builder in each of its formats: the same cause, and a root line that says it.

What is expected was written after reading the recordings in ``fixtures/builders``.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from logparse.diagnosis import diagnose
from logparse.model import Build, Diagnosis, Outcome
from logparse.parser import parse
from tests.fixtures_path import FIXTURES

BUILDERS = FIXTURES / "builders"


class Expected(NamedTuple):
    """How a failure is diagnosed.

    Parameters
    ----------
    cause
        Its class.
    ends
        What the root line ends with, by the first words of the recordings' names; ``""`` stands for the
        others. Of the builder's closing words only the end is given: what leads up to it is the client's.
    subject
        What the root line names.
    """

    cause: str
    ends: dict[str, str]
    subject: dict[str, str] = {}  # noqa: RUF012 - never changed


NO_PROGRAM = 'exec: "build-model": executable file not found in $PATH'
DNS = "dial tcp: lookup registry.absent.example on 127.0.0.11:53: no such host"
SCENARIOS = {
    "add_missing": Expected(
        "dockerfile.add-url",
        {"classic": "with status 404 Not Found: <!DOCTYPE HTML>", "": "invalid response status 404"},
        {"url": "http://files.cluster.example/models/large.bin", "status": "404"},
    ),
    "at_once": Expected("intentional.exit", {"": "db: relation missing"}),
    "bad_dockerfile": Expected(
        "dockerfile.unknown-instruction",
        {
            "buildkit-20.10": "dockerfile parse error line 3: unknown instruction: RUM",
            "classic-20.10": "dockerfile parse error line 3: unknown instruction: RUM",
            "engine-api-20.10": "dockerfile parse error line 3: unknown instruction: RUM",
            "buildah": 'Message:"RUM ", Original:"RUM echo \\"misspelt\\""}',
            "podman": 'Message:"RUM ", Original:"RUM echo \\"misspelt\\""}',
            "": "dockerfile parse error on line 3: unknown instruction: RUM (did you mean RUN?)",
        },
        {"instruction": "RUM"},
    ),
    "check_only": Expected("dockerfile.lint", {"": "Check complete, 16 warnings have been found!"}),
    "checks": Expected(
        # The classic builder has no TARGETPLATFORM. Both say which form a platform has, at length.
        "dockerfile.buildkit-required",
        {"": ": invalid argument"},
        {"variable": "TARGETPLATFORM"},
    ),
    # What was printed says nothing of a failure: the builder's closing words do.
    "checks_failure": Expected("intentional.exit", {"": "exit code: 9"}),
    # The reason is said first, among numbers, whatever the command wants; but the command tells what it says.
    "clipped": Expected("intentional.exit", {"": "the reason is said last"}),
    "command_not_found": Expected(
        "sh.command-not-found", {"": "/bin/sh: npm: not found"}, {"command": "npm"}
    ),
    "fail_copy": Expected(
        "dockerfile.copy-missing",
        {
            "buildah": 'copier: stat: "/requirements.txt": no such file or directory',
            "podman": 'copier: stat: "/requirements.txt": no such file or directory',
            "buildkit-20.10": '"/requirements.txt" not found: not found',
            "engine-api-28.buildkit": '"/requirements.txt": not found',
            "classic": "stat requirements.txt: file does not exist",
            "engine-api": "stat requirements.txt: file does not exist",
            "": '"/requirements.txt": not found',
        },
    ),
    # The builders look for the files of two stages at once, or in their order. BuildKit's trace keeps the
    # errors of both, the closing words only one.
    "fail_copy_many": Expected(
        "dockerfile.copy-missing",
        {
            "buildah": 'copier: stat: "/missing-one.txt": no such file or directory',
            "podman": 'copier: stat: "/missing-one.txt": no such file or directory',
            "buildkit-20.10": '"/missing-three.txt" not found: not found',
            "classic": "stat missing-one.txt: file does not exist",
            "buildkit-28.rawjson": '.txt": not found',
            "": '"/missing-three.txt": not found',
        },
    ),
    "fail_run": Expected("intentional.exit", {"": "case 21: expected 3, got 4"}),
    "heredoc": Expected(
        "dockerfile.unknown-instruction",
        {"buildah": 'Original:"echo \\"first line of the document\\""}', "": "unknown instruction: ECHO"},
        {"instruction": "ECHO"},
    ),
    "heredoc_failure": Expected("intentional.exit", {"": "exit code: 7"}),
    "killed": Expected("exec.exit-137", {"": "Killed"}),
    "multi_platform_failure": Expected("intentional.exit", {"": "no assembler for aarch64"}),
    "multiline": Expected(
        "fs.no-such-file",
        # What BuildKit 28 showed on the terminal has another program's word in the middle of the line.
        {"": "cd: line 0: can't cd to /srv/models: No such file or directory"},
        {"file": "/srv/models"},
    ),
    "no_base": Expected(
        "registry.manifest-unknown",
        {
            "buildkit": "hub.cluster.example/base/busybox:9.99: not found",
            "engine-api-28.buildkit": "hub.cluster.example/base/busybox:9.99: not found",
            "": "manifest unknown: manifest unknown",
        },
        {"image": "hub.cluster.example/base/busybox:9.99"},
    ),
    "no_base_dns": Expected("registry.dns", {"": DNS}, {"host": "registry.absent.example"}),
    "no_program": Expected(
        "sh.command-not-found",
        {
            "buildah": 'exec: \\"build-model\\": executable file not found in $PATH"',
            "podman": 'exec: \\"build-model\\": executable file not found in $PATH"',
            "classic-20.10": f"{NO_PROGRAM}: unknown",
            "engine-api-20.10": f"{NO_PROGRAM}: unknown",
            "": NO_PROGRAM,
        },
        {"command": "build-model"},
    ),
    "odd_failure": Expected("net.checksum", {"": "checking ... fatal: wrong checksum"}),
    "push_refused": Expected("net.refused", {"": "dial tcp 127.0.0.79:80: connect: connection refused"}),
    "services": Expected("intentional.exit", {"": "table orders: no such column"}),
    "silent": Expected(
        "sh.set-e-test",
        {
            "buildkit-20.10": "executor failed running [/bin/sh -c false]: exit code: 1",
            "buildah": 'building at STEP "RUN false": while running runtime: exit status 1',
            "podman": 'building at STEP "RUN false": while running runtime: exit status 1',
            "engine-api-28.buildkit": 'process "/bin/sh -c false" did not complete successfully: exit code: 1',
            "classic": "The command '/bin/sh -c false' returned a non-zero code: 1",
            "engine-api": "The command '/bin/sh -c false' returned a non-zero code: 1",
            "": 'process "/bin/sh -c false" did not complete successfully: exit code: 1',
        },
    ),
}

# What went wrong is another thing there: here-documents that the builder does not know.
OTHERWISE = {
    ("heredoc", "classic-28.log"): Expected(
        "dockerfile.copy-glob-empty", {"": "COPY failed: no source files were specified"}
    ),
    ("heredoc_failure", "buildkit-20.10.plain.log"): Expected(
        "dockerfile.unknown-instruction", {"": "unknown instruction: SET"}, {"instruction": "SET"}
    ),
    ("heredoc_failure", "buildkit-20.10.tty.log"): Expected(
        "dockerfile.unknown-instruction", {"": "unknown instruction: SET"}, {"instruction": "SET"}
    ),
}

# A trace holds what the vertices did: neither the Dockerfile's parser nor the push is one of them.
UNTOLD = {
    ("bad_dockerfile", "buildkit-28.rawjson.jsonl"),
    ("push_refused", "buildkit-28.rawjson.jsonl"),
    ("push_refused", "buildkit-28.dockerbuild"),
}

# A line that two programs wrote into, and a COPY of which another file was found missing first.
APART = {("multiline", "buildkit-28.tty.log")} | {
    ("fail_copy_many", name)
    for name in (
        "buildah.log",
        "podman.log",
        "classic-20.10.log",
        "classic-28.log",
        "buildkit-28.rawjson.jsonl",
    )
}


def failures() -> Iterator[tuple[str, str]]:
    """Every recording of a failed build, by the recorder's word."""
    for truth in sorted(BUILDERS.glob("*/truth.json")):
        for name, fact in json.loads(truth.read_text(encoding="utf-8"))["recordings"].items():
            case = (truth.parent.name, name)
            if fact.get("outcome") == "failed" and case not in UNTOLD and (truth.parent / name).exists():
                yield case


def failed(builds: list[Build]) -> Build | None:
    return next((build for build in builds if build.outcome is Outcome.FAILED), None)


def diagnosed(scenario: str, name: str) -> Diagnosis | None:
    build = failed(parse(BUILDERS / scenario / name))
    return diagnose(build) if build is not None else None


def end_of(expected: Expected, name: str) -> str:
    """What the root line of a recording ends with."""
    matching = [start for start in expected.ends if name.startswith(start)]
    return expected.ends[max(matching, key=len)]


FAILURES = list(failures())


class TestRecordings:
    @pytest.mark.parametrize(("scenario", "name"), FAILURES)
    def test_cause_and_root_line_are_those_of_the_scenario(self, scenario: str, name: str) -> None:
        expected = OTHERWISE.get((scenario, name), SCENARIOS[scenario])
        diagnosis = diagnosed(scenario, name)
        if diagnosis is None:
            pytest.skip("not read as a failure")
        assert diagnosis.root_line is not None
        assert diagnosis.root_line.text.endswith(end_of(expected, name))
        assert diagnosis.cause == expected.cause
        assert expected.subject.items() <= diagnosis.subject.items()

    def test_nearly_all_are_read_as_failures(self) -> None:
        unread = [case for case in FAILURES if diagnosed(*case) is None]
        assert len(unread) <= 0.02 * len(FAILURES)

    @pytest.mark.parametrize("scenario", sorted(SCENARIOS))
    def test_a_failure_has_one_fingerprint_in_all_formats(self, scenario: str) -> None:
        names = [
            name for of, name in FAILURES if of == scenario and not {(of, name)} & (APART | OTHERWISE.keys())
        ]
        prints = defaultdict(list)
        for name in names:
            diagnosis = diagnosed(scenario, name)
            if diagnosis is not None:
                prints[diagnosis.fingerprint].append(name)
        assert len(prints) <= 1, dict(prints)


def buildkit(words: str, *, vertex: str = "[2/3] COPY app.toml /srv/") -> str:
    """A log of BuildKit's that ends with `words`, as plain progress."""
    return (
        "#1 [internal] load build definition from Dockerfile\n#1 transferring dockerfile: 120B done\n#1 DONE 0.0s\n\n"
        f"#5 {vertex}\n#5 ERROR: {words}\n------\n > {vertex}:\n------\nERROR: failed to solve: {words}\n"
    )


def buildah(words: str) -> str:
    """A log of buildah's that ends with `words`."""
    return f"STEP 1/2: FROM registry.example/base/os:1\nSTEP 2/2: COPY app.toml /srv/\nError: {words}\n"


def kaniko(words: str) -> str:
    """A log of kaniko's that ends with `words`."""
    return (
        "INFO[0000] Retrieving image manifest registry.example/base/os:1\n"
        "INFO[0001] Building stage 'registry.example/base/os:1' [idx: '0', base-idx: '-1']\n"
        f"INFO[0002] COPY app.toml /srv/\nerror building image: {words}\n"
    )


REF = "q1w2e3r4t5y6u7i8o9p0a1s2d::z9x8c7v6b5n4m3l2k1j0h9g8f"
OTHER_REF = "0f8fad5b-d9cb-469f-a165-70867728950e::m1n2b3v4c5x6z7l8k9j0h1g2f"


class TestClosingWords:
    @pytest.mark.parametrize(
        ("words", "cause", "subject"),
        [
            (f'failed to compute cache key: failed to calculate checksum of ref {REF}: "/app.toml": not found', "dockerfile.copy-missing", {"file": "/app.toml"}),
            ("lstat /var/lib/docker/tmp/buildkit-mount123/dist: no such file or directory", "dockerfile.copy-missing", {"file": "dist"}),
            ("registry.example/base/os:9: failed to resolve source metadata for registry.example/base/os:9: registry.example/base/os:9: not found", "registry.manifest-unknown", {"image": "registry.example/base/os:9"}),
            ("acme/none: failed to resolve source metadata for docker.io/acme/none:latest: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed", "registry.no-such-repo", {"image": "docker.io/acme/none:latest"}),
            ('failed to fetch oauth token: Post "https://auth.registry.example/token": dial tcp 192.0.2.1:443: i/o timeout', "registry.timeout", {}),
            ("failed to fetch anonymous token: unexpected status from GET request to https://auth.registry.example/token: 401 Unauthorized", "registry.unauthorized", {}),
            ("failed to copy: httpReadSeeker: failed open: unexpected status from GET request to https://registry.example/v2/base/os/blobs/1: 503 Service Unavailable", "registry.5xx", {"status": "503"}),
            ("failed to push registry.example/acme/app:1: denied: requested access to the resource is denied", "registry.unauthorized", {}),
            ('failed to push registry.example/acme/app:1: failed to do request: Head "https://registry.example/v2/": dial tcp 192.0.2.1:443: connect: connection refused', "net.refused", {}),
            ('failed to do request: Head "https://registry.example/v2/base/os/manifests/9": tls: failed to verify certificate: x509: certificate signed by unknown authority', "registry.x509", {}),
            ("no match for platform in manifest: not found", "registry.no-platform", {}),
            ("failed to read dockerfile: open build/Dockerfile: no such file or directory", "dockerfile.missing", {"file": "build/Dockerfile"}),
            ('target stage "release" could not be found', "dockerfile.target-missing", {"target": "release"}),
            ("dockerfile parse error on line 7: FROM requires either one or three arguments", "dockerfile.parse", {"line": "7"}),
            ('failed to parse stage name "": invalid reference format', "dockerfile.bad-ref", {}),
            ("secret npmrc: not found", "dockerfile.secret-missing", {"key": "npmrc"}),
            ('failed to prepare extraction snapshot "extract-87654321-AbCd sha256:12ab": parent snapshot sha256:34cd does not exist: not found', "exec.layer-missing", {}),
            ('lease "q1w2e3r4t5y6u7i8o9p0a1s2d": not found', "exec.layer-missing", {}),
            ("error reading from server: EOF", "daemon.rpc", {}),
            ("rpc error: code = Unknown desc = write /var/lib/docker/x: no space left on device", "resource.disk", {}),
            ('exporter "docker" could not be found', "daemon.unsupported", {"option": "docker"}),
            ("error from sender: open /srv/app/data: permission denied", "fs.permission", {"file": "/srv/app/data"}),
        ],
    )  # fmt: skip
    def test_of_buildkit(self, words: str, cause: str, subject: dict[str, str]) -> None:
        build = failed(parse(buildkit(words)))
        assert build is not None
        diagnosis = diagnose(build)
        assert diagnosis.root_line is not None
        assert diagnosis.root_line.text == f"ERROR: failed to solve: {words}"
        assert diagnosis.cause == cause
        assert subject.items() <= diagnosis.subject.items()

    @pytest.mark.parametrize(
        ("words", "cause", "subject"),
        [
            ('building at STEP "COPY app.toml /srv/": checking on sources under "/b": copier: stat: "/app.toml": no such file or directory', "dockerfile.copy-missing", {"file": "/app.toml"}),
            ('building at STEP "COPY *.jar /srv/": no items matching glob "/b/*.jar" copied (1 filtered out using .dockerignore)', "dockerfile.copy-glob-empty", {}),
            ('creating build container: short-name "acme/os" did not resolve to an alias and no unqualified-search registries are defined in "/etc/containers/registries.conf"', "dockerfile.bad-ref", {"image": "acme/os"}),
            ("creating build container: initializing source docker://registry.example/base/os:9: reading manifest 9 in registry.example/base/os: manifest unknown", "registry.manifest-unknown", {"image": "registry.example/base/os:9"}),
            ("creating build container: initializing source docker://docker.io/acme/none:latest: reading manifest latest in docker.io/acme/none: requested access to the resource is denied", "registry.no-such-repo", {"image": "docker.io/acme/none:latest"}),
        ],
    )  # fmt: skip
    def test_of_buildah(self, words: str, cause: str, subject: dict[str, str]) -> None:
        build = failed(parse(buildah(words)))
        assert build is not None
        diagnosis = diagnose(build)
        assert diagnosis.root_line is not None
        assert diagnosis.root_line.text == f"Error: {words}"
        assert diagnosis.cause == cause
        assert subject.items() <= diagnosis.subject.items()

    @pytest.mark.parametrize(
        ("words", "cause", "subject"),
        [
            ("error building stage: failed to get files used from context: failed to get fileinfo for /kaniko/buildcontext/app.toml: lstat /kaniko/buildcontext/app.toml: no such file or directory", "dockerfile.copy-missing", {"file": "app.toml"}),
            ("error building stage: failed to get files used from context: copy failed: no source files specified", "dockerfile.copy-glob-empty", {}),
            ("GET https://registry.example/v2/base/os/manifests/9: MANIFEST_UNKNOWN: manifest unknown; map[Tag:9]", "registry.manifest-unknown", {}),
            ("GET https://registry.example/v2/base/os/manifests/9: UNAUTHORIZED: authentication required; [map[Action:pull]]", "registry.unauthorized", {}),
            ("error building stage: failed to execute command: starting command: fork/exec /bin/sh: no such file or directory", "exec.no-shell", {"command": "/bin/sh"}),
            ("error building stage: failed to execute command: waiting for process to exit: signal: killed", "exec.exit-137", {}),
        ],
    )  # fmt: skip
    def test_of_kaniko(self, words: str, cause: str, subject: dict[str, str]) -> None:
        build = failed(parse(kaniko(words)))
        assert build is not None
        diagnosis = diagnose(build)
        assert diagnosis.root_line is not None
        assert diagnosis.root_line.text == f"error building image: {words}"
        assert diagnosis.cause == cause
        assert subject.items() <= diagnosis.subject.items()

    def test_that_only_say_that_a_command_failed_leave_the_word_to_the_program(self) -> None:
        log = (
            "#5 [2/3] RUN make\n#5 0.210 x.c:1:1: error: no\n"
            "#5 ERROR: executor failed running [/bin/sh -c make]: runc did not terminate sucessfully\n------\n"
            " > [2/3] RUN make:\n------\n"
            "failed to solve: executor failed running [/bin/sh -c make]: runc did not terminate sucessfully\n"
        )
        build = failed(parse(log))
        assert build is not None
        diagnosis = diagnose(build)
        assert diagnosis.cause == "c.error"
        assert diagnosis.root_line == (2, "x.c:1:1: error: no")

    def test_that_the_exit_code_follows_are_no_root_line_while_a_program_spoke(self) -> None:
        log = (
            "#5 [2/3] RUN ./check\n#5 0.210 the moon is in the wrong house\n"
            '#5 ERROR: process "/bin/sh -c ./check" did not complete successfully: exit code: 3\n------\n'
            " > [2/3] RUN ./check:\n0.210 the moon is in the wrong house\n------\n"
            'ERROR: failed to solve: process "/bin/sh -c ./check" did not complete successfully: exit code: 3\n'
        )
        build = failed(parse(log))
        assert build is not None
        assert diagnose(build).root_line == (2, "the moon is in the wrong house")


class TestFingerprints:
    def fingerprint(self, log: str) -> str | None:
        build = failed(parse(log))
        assert build is not None
        return diagnose(build).fingerprint

    def test_references_of_a_run_do_not_count(self) -> None:
        words = 'failed to compute cache key: failed to calculate checksum of ref {}: "/app.toml": not found'
        assert self.fingerprint(buildkit(words.format(REF))) == self.fingerprint(
            buildkit(words.format(OTHER_REF))
        )

    def test_which_file_is_missing_counts(self) -> None:
        words = f'failed to compute cache key: failed to calculate checksum of ref {REF}: "/{{}}": not found'
        assert self.fingerprint(buildkit(words.format("a.toml"))) != self.fingerprint(
            buildkit(words.format("b.toml"))
        )

    def test_ways_to_write_an_image_do_not_count(self) -> None:
        one = buildkit("docker.io/library/os:9: not found")
        other = "Step 1/1 : FROM os:9\nmanifest for os:9 not found: manifest unknown: manifest unknown\n"
        assert self.fingerprint(one) == self.fingerprint(other)

    def test_leases_and_snapshots_do_not_count(self) -> None:
        words = 'failed to prepare extraction snapshot "extract-{} sha256:{}": parent snapshot sha256:{} does not exist: not found'
        assert self.fingerprint(buildkit(words.format("87654321-AbCd", "12ab34cd", "56ef7890"))) == (
            self.fingerprint(buildkit(words.format("1234567-x_Y9", "ffeedd00", "0011aabb")))
        )

    def test_how_clients_lead_up_to_a_failure_does_not_count(self) -> None:
        words = "the frontend gave up"
        log = buildkit(words)
        later = log.replace("ERROR: failed to solve: ", "ERROR: failed to build: failed to solve: ")
        assert self.fingerprint(log) == self.fingerprint(later)

    def test_how_a_silent_failure_is_closed_does_not_count(self) -> None:
        one = "Step 1/1 : RUN ./a\n ---> Running in 0123456789ab\nThe command '/bin/sh -c ./a' returned a non-zero code: 7\n"
        other = (
            '#5 [1/1] RUN ./a\n#5 ERROR: process "/bin/sh -c ./a" did not complete successfully: exit code: 7\n------\n'
            ' > [1/1] RUN ./a:\n------\nERROR: failed to solve: process "/bin/sh -c ./a" did not complete successfully: exit code: 7\n'
        )
        assert self.fingerprint(one) == self.fingerprint(other)
