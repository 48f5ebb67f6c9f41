"""Advice that names the distribution's own package, and the command that installs it."""

from __future__ import annotations

import re

import pytest

from logparse.diagnosis import Cause, default_rules, diagnose
from logparse.diagnosis.packages import _tables, advice, installs, manager_of
from logparse.model import Build
from logparse.parser import parse


def failed(*instructions: str, said: str = "no") -> Build:
    """A build of some instructions, of which the last failed with exit code 1 after it `said` something."""
    total, text = len(instructions), ""
    for number, instruction in enumerate(instructions, 1):
        text += f"Step {number}/{total} : {instruction}\n"
        if number < total:
            text += f" ---> {number:012x}\n"
    command = instructions[-1].removeprefix("RUN ")
    text += f" ---> Running in ba9876543210\n{said}\n"
    (build,) = parse(f"{text}The command '/bin/sh -c {command}' returned a non-zero code: 1\n".encode())
    return build


class TestManager:
    @pytest.mark.parametrize(
        ("image", "manager"),
        [
            ("debian:bookworm-slim", "apt"),
            ("ubuntu:22.04", "apt"),
            ("python:3.9", "apt"),
            ("python:3.9-alpine3.12", "apk"),
            ("registry.example:5000/team/node:18-bullseye", "apt"),
            ("alpine", "apk"),
            ("fedora:38", "dnf"),
            ("redhat/ubi8", "dnf"),
            ("amazonlinux:2 AS base", "dnf"),
            ("--platform=linux/arm64 alpine:3", "apk"),
            ("scratch", None),
            ("team/base:3", None),
        ],
    )
    def test_is_told_by_the_base_image(self, image, manager):
        build = failed(f"FROM {image}", "RUN make")
        assert manager_of(build, build.failing_step) == manager

    @pytest.mark.parametrize(
        ("command", "manager"),
        [
            ("apt-get install -y gcc && make", "apt"),
            ("apk add gcc && make", "apk"),
            ("microdnf install gcc", "dnf"),
            ("yum -y install gcc", "yum"),
            ("./gradlew assemble -o app.apk", None),
            ("echo aptitude-test", None),
        ],
    )
    def test_is_told_by_the_commands(self, command, manager):
        build = failed("FROM team/base", f"RUN {command}")
        assert manager_of(build, build.failing_step) == manager

    def test_commands_of_the_stage_say_more_than_its_image(self):
        build = failed("FROM python:3", "RUN apk add gcc", "RUN make")
        assert manager_of(build, build.failing_step) == "apk"

    def test_stages_begin_from_each_other(self):
        build = failed("FROM alpine AS base", "FROM base AS middle", "FROM middle", "RUN make")
        assert manager_of(build, build.failing_step) == "apk"

    def test_another_stage_says_nothing(self):
        build = failed("FROM alpine AS base", "RUN apk add x", "FROM team/base", "RUN make")
        assert manager_of(build, build.failing_step) is None

    def test_without_a_step_it_is_the_last_one_s(self):
        assert manager_of(failed("FROM alpine", "RUN make"), None) == "apk"
        (empty,) = parse(b"nothing\n")
        assert manager_of(empty, None) is None


class TestInstalls:
    @pytest.mark.parametrize(
        ("subject", "manager", "command"),
        [
            ({"header": "Python.h"}, "apt", "apt-get update && apt-get install -y python3-dev"),
            ({"header": "Python.h"}, "apk", "apk add --no-cache python3-dev"),
            ({"header": "Python.h"}, "dnf", "dnf install -y python3-devel"),
            ({"header": "Python.h"}, "yum", "yum install -y python3-devel"),
            ({"header": "openssl/opensslv.h"}, "apk", "apk add --no-cache openssl-dev"),
            ({"header": "/usr/include/libxml/parser.h"}, "dnf", "dnf install -y libxml2-devel"),
            ({"library": "z"}, "apk", "apk add --no-cache zlib-dev"),
            ({"library": "boost_filesystem"}, "dnf", "dnf install -y boost-devel"),
            ({"library": "libGL.so.1"}, "apt", "apt-get update && apt-get install -y libgl1"),
            ({"library": "/usr/lib/libpq.so.5.12"}, "apk", "apk add --no-cache libpq"),
            ({"command": "/usr/bin/gcc"}, "apk", "apk add --no-cache build-base"),
            ({"command": "pg_config"}, "dnf", "dnf install -y libpq-devel"),
            ({"module": "distutils.core"}, "apt", "apt-get update && apt-get install -y python3-distutils"),
            ({"package": "libffi"}, "apt", "apt-get update && apt-get install -y libffi-dev"),
        ],
    )
    def test_is_the_manager_s_command(self, subject, manager, command):
        assert installs(subject, manager) == {"install": command}

    def test_says_nothing_of_what_it_does_not_know(self):
        for subject in ({}, {"header": "acme.h"}, {"library": "acme"}, {"file": "Python.h"}, {"header": ""}):
            assert installs(subject, "apt") == {}
        assert installs({"command": "lsb_release"}, "apk") == {}

    def test_says_nothing_where_the_manager_is_not_known(self):
        assert installs({"command": "git"}, None) == {}
        assert installs({"command": "git"}, "pacman") == {}


class TestAdvice:
    def test_is_a_sentence_of_the_remedy(self):
        build = failed(
            "FROM alpine:3", "RUN gcc x.c", said="x.c:1:10: fatal error: zlib.h: No such file or directory"
        )
        assert diagnose(build).remedy == (
            "Install the development package that has zlib.h. Run apk add --no-cache zlib-dev in an earlier step."
        )

    def test_is_left_out_where_the_package_is_not_known(self):
        build = failed(
            "FROM alpine:3", "RUN gcc x.c", said="x.c:1:10: fatal error: acme.h: No such file or directory"
        )
        assert diagnose(build).remedy == "Install the development package that has acme.h."

    def test_knows_a_command_that_was_not_found(self):
        build = failed("FROM fedora:38", "RUN make", said="/bin/sh: line 1: make: command not found")
        assert diagnose(build).remedy == (
            "Install make in the image, or correct PATH. Run dnf install -y make in an earlier step."
        )

    def test_leaves_other_remedies_as_they_are(self):
        cause = Cause("x.y", "A thing", "code", "no", "Install {header}.\nBuild again.")
        build = failed("FROM alpine:3", "RUN make")
        assert (
            advice(cause, {"header": "zlib.h"}, build, build.failing_step) == "Install zlib.h. Build again."
        )
        assert advice(cause._replace(remedy=None), {}, build, build.failing_step) is None


class TestData:
    def test_is_well_formed(self):
        tables = dict(_tables())
        managers = tables.pop("manager")
        assert set(managers) == {"apt", "apk", "dnf", "yum"}
        assert set(tables) == {"header", "library", "command", "module", "package"}
        for things in tables.values():
            assert things
            assert list(things) == sorted(things, key=lambda name: (name.endswith(".so"), name))
            for packages in things.values():
                assert packages
                assert set(packages) <= {"apt", "apk", "dnf"}
                assert all(re.fullmatch(r"[A-Za-z0-9][\w.+-]*", package) for package in packages.values())

    def test_speaks_of_images_in_words_of_their_names(self):
        words = [word for manager in _tables()["manager"].values() for word in manager["images"]]
        assert len(words) == len(set(words))
        assert all(re.fullmatch(r"[a-z]+", word) for word in words)

    def test_causes_that_ask_for_it_name_what_it_looks_up(self):
        causes = [cause for cause in default_rules().causes.values() if "{install}" in (cause.remedy or "")]
        assert {"c.missing-header", "pip.missing-header", "sh.command-not-found"} <= {
            cause.id for cause in causes
        }
