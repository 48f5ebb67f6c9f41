"""The program that a shell did not find is named whole, whatever stands before it."""

from __future__ import annotations

import pytest

from logparse import diagnose, parse


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("./mvnw: line 256: tar: command not found", "tar"),
        ("./install.sh: line 12: unzip: command not found", "unzip"),
        ("./configure: 14: pkg-config: not found", "pkg-config"),
        ("./configure: 14: ./configure: pkg-config: not found", "pkg-config"),
        ("/bin/sh: 1: yarn: not found", "yarn"),
        ("bash: line 1: g++: command not found", "g++"),
    ],
)
def test_a_command_is_named_whole(line, command):
    log = (
        "Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : RUN ./build\n ---> Running in ba9876543210\n"
        f"{line}\nThe command '/bin/sh -c ./build' returned a non-zero code: 127\n"
    )
    diagnosis = diagnose(parse(log)[0])
    assert diagnosis.cause == "sh.command-not-found"
    assert diagnosis.subject["command"] == command
