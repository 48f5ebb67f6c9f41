"""One wrapping in another, as CI systems, shells and log drivers nest: the build inside is the same.

The wrappings are those that ``fixtures/recorder/wrap.py`` makes, around recorded builds.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import pytest

from logparse import Build, parse
from logparse.text import to_utf8
from tests.fixtures_path import FIXTURES

LOGS = {
    "classic": "builders/fail_run/classic-20.10.log",
    "buildkit": "builders/fail_run/buildkit-28.plain.log",
    "buildah": "builders/fail_run/buildah.log",
}


def _wrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recorder_wrap", FIXTURES / "recorder" / "wrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # data classes look there for their module
    spec.loader.exec_module(module)
    return module


wrap = _wrap()


def crlf(lines: list[Any]) -> bytes:
    """Line ends of Windows."""
    return b"".join(line.text + b"\r\n" for line in lines)


def utf16(lines: list[Any]) -> bytes:
    """Standard output that Windows PowerShell writes to a file."""
    return b"\xff\xfe" + crlf(lines).decode("utf-8", "replace").encode("utf-16-le")


def colours(lines: list[Any]) -> bytes:
    """Colours around each line, as PowerShell 7 prints standard error."""
    return b"".join(b"\x1b[31;1m" + line.text + b"\x1b[0m\n" for line in lines)


def powershell(name: str, width: int = 79) -> Callable[[list[Any]], bytes]:
    """A console of so many columns. Which lines are standard error is the builder's to say."""
    return lambda lines: wrap.powershell(lines, width=width, all_errors=name == "buildkit")


AROUND = {name: made for name, made in wrap.SYSTEMS.items() if not name.startswith("powershell")} | {
    "crlf": crlf,
    "utf16": utf16,
    "colours": colours,
}
INSIDE = [*AROUND, "powershell"]

# Known not to be told apart: numbers and blanks that vary with them, stamps of a copied table inside others.
UNTOLD = {("numbered", "indented"), ("logs-explorer", "github-actions"), ("logs-explorer", "nested")}

THREE = [
    ("colours", "github-actions", "crlf"),
    ("powershell", "github-actions", "utf16"),
    ("powershell", "gitlab", "docker-json"),
    ("powershell", "gitlab-timestamps", "crlf"),
    ("powershell", "codebuild", "cloudwatch"),
    ("powershell", "azure-pipelines", "crlf"),
    ("crlf", "gitlab-timestamps", "utf16"),
    ("jenkins-timestamper", "docker-json", "crlf"),
    ("jenkins", "kubectl", "utf16"),
    ("tekton", "cri", "crlf"),
    ("heroku", "gitlab-timestamps", "docker-json"),
    ("cloud-build", "github-actions", "github-cli"),
    ("compose", "buildkite", "logging-json"),
    ("travis", "ts", "indented"),
    ("colours", "jenkins-timestamper", "cri"),
]


def relined(data: bytes, lines: list[Any]) -> list[Any]:
    """The lines of a wrapped log, each with the time of the line that it comes from, or nearly."""
    texts = to_utf8(data).removesuffix(b"\n").split(b"\n")
    return [wrap.Line(text, lines[index * len(lines) // len(texts)].at) for index, text in enumerate(texts)]


def made(name: str, log: str) -> Callable[[list[Any]], bytes]:
    return powershell(log) if name == "powershell" else AROUND[name]


def views(builds: list[Build]) -> list[Any]:
    return [
        (
            build.builder,
            build.outcome,
            build.exit_code,
            [
                (
                    step.stage_name,
                    step.number,
                    step.total,
                    step.text,
                    step.state,
                    b" ".join(step.output.split()),
                )
                for step in build.steps
            ],
        )
        for build in builds
        if build.steps
    ]


@cache
def alone(log: str) -> list[Any]:
    return views(parse(FIXTURES / LOGS[log]))


@cache
def lines_of(log: str) -> list[Any]:
    lines: list[Any] = wrap.read(LOGS[log])
    return lines


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("inside", INSIDE)
def test_one_in_any_other(inside, log):
    lines = lines_of(log)
    once = relined(made(inside, log)(lines), lines)
    wrong = [
        around
        for around, make in AROUND.items()
        if (inside, around) not in UNTOLD and views(parse(make(once))) != alone(log)
    ]
    assert wrong == []


# At 53 columns, the stamps of both stand on lines of their own, and which one comes first cannot be told.
CUT_APART = {("nested", 53)}

# The shell ends lines itself.
ENDINGS = {"crlf", "utf16"}


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("width", [53, 79])
def test_marks_in_lines_that_powershell_cuts(width, log):
    lines = lines_of(log)
    shell = powershell(log, width)
    wrong = [
        inside
        for inside, make in AROUND.items()
        if inside not in ENDINGS
        and (inside, width) not in CUT_APART
        and views(parse(shell(relined(make(lines), lines)))) != alone(log)
    ]
    assert wrong == []


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("names", THREE, ids="+".join)
def test_three(names, log):
    lines = lines_of(log)
    data = b""
    for name in names:
        data = made(name, log)(relined(data, lines) if data else lines)
    assert views(parse(data)) == alone(log)


class TestColours:
    def test_around_all_lines_are_taken_away(self):
        lines = lines_of("classic")
        [build] = parse(colours(lines))
        assert build.transcript.wrappings == ("colours",)
        assert build.unknown_bytes == 0

    def test_of_the_builders_own_are_its_own(self):
        for path in [*FIXTURES.glob("builders/*/*.log"), *FIXTURES.glob("made/kaniko/*.log")]:
            assert not any("colours" in build.transcript.wrappings for build in parse(path)), path
