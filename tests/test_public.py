"""What the package shows to the outside."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.resources
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import logparse
from logparse import errors

MODULES = [
    module.name
    for module in pkgutil.walk_packages(logparse.__path__, "logparse.")
    if not module.name.endswith("__main__")
]


def test_everything_in_all_is_there():
    for name in ("logparse", *MODULES):
        module = importlib.import_module(name)
        for public in getattr(module, "__all__", []):
            assert hasattr(module, public), (name, public)


@pytest.mark.parametrize("name", ["logparse", *MODULES])
def test_examples_in_docstrings_are_true(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_core_needs_no_extra():
    """Without the packages of the extras, everything but the command line and the server works."""
    program = (
        "import sys\n"
        "for name in ('typer', 'rich', 'starlette', 'uvicorn', 'zstandard', 'matplotlib'):\n"
        "    sys.modules[name] = None\n"
        "import logparse\n"
        "[build] = logparse.parse(b'Step 1/1 : FROM a\\n')\n"
        "assert logparse.tables([build]).builds.num_rows == 1\n"
        "sys.argv = ['logparse', 'demo']\n"
        "from logparse.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "install 'logparse[cli]'" in done.stderr


def test_layers_import_downward_only():
    """``model`` below everything; ``fetch`` and ``parser`` know only it and what has no opinion of logs."""
    allowed = {
        "log": set[str](),
        "model": {"log"},
        "errors": set(),
        "text": set(),
        "secrets": set(),
        "bundle": {"errors"},
        "fetch": {"model", "errors", "text", "bundle"},
        "parser": {"log", "model", "errors", "text", "bundle"},
        "builds": {"model", "errors", "fetch", "parser"},
        "dockerfile": {"model", "errors", "text"},
        "diagnosis": {"model", "errors", "text", "secrets", "parser"},
        "evaluation": {"model", "errors", "text", "secrets", "fetch", "parser", "diagnosis"},
        "timing": {"model", "text"},
        "analytics": {"model", "errors", "text", "secrets", "parser", "diagnosis", "timing"},
        "report": {
            "model",
            "errors",
            "text",
            "secrets",
            "parser",
            "dockerfile",
            "diagnosis",
            "analytics",
            "timing",
        },
        "server": {"model", "errors", "fetch"},
        "live": {"model", "errors", "text", "secrets", "parser", "builds", "timing"},
    }
    root = Path(logparse.__file__).parent
    for layer, below in allowed.items():
        files = (
            [root / f"{layer}.py"]
            if (root / f"{layer}.py").exists()
            else sorted((root / layer).rglob("*.py"))
        )
        for file in files:
            for node in ast.walk(ast.parse(file.read_text())):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                for name in names:
                    if name.startswith("logparse."):
                        assert name.split(".")[1] in below | {layer}, (file.name, name)


def test_errors_are_one_tree():
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), errors.LogparseError)


def test_the_package_is_typed():
    assert (importlib.resources.files("logparse") / "py.typed").is_file()
