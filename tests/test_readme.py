"""The README shows what the program prints now."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from logparse.cli import run
from tests.fixtures_path import FIXTURES

README = (FIXTURES.parent / "README.md").read_text()
EXAMPLES = re.findall(r"^```\n\$ (logparse .*)\n((?:.*\n)*?)```$", README, re.MULTILINE)


@pytest.mark.parametrize(("command", "output"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_examples_print_what_they_show(command, output, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(FIXTURES.parent)
    run(shlex.split(command)[1:])
    printed = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
    assert printed.rstrip() == output.rstrip()


def test_there_is_an_example():
    assert EXAMPLES


def test_links_lead_somewhere():
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert targets
    for target in targets:
        assert (Path(FIXTURES.parent) / target).exists(), target


def test_python_of_the_readme_compiles():
    for code in re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL):
        compile(code, "README.md", "exec")
