"""Which format a text is taken for: the one whose sign comes first."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from logparse.model import Build, Log, Transcript
from logparse.parser import FORMATS
from logparse.parser.detect import read
from logparse.parser.format import LINE_START, Format

FIXTURES = Path(__file__).parents[2] / "fixtures"
LOGS = [*sorted(FIXTURES.glob("builders/*/*.log")), *sorted(FIXTURES.glob("builders/*/*.jsonl"))]


def asked_first(data: bytes) -> str:
    """The name of the format that is asked first to read a text."""
    asked: list[str] = []

    def note(form: Format, _: Transcript) -> list[Build]:
        asked.append(form.name)
        return []

    read(Transcript(Log(data=data)), tuple(replace(form, read=partial(note, form)) for form in FORMATS))
    return asked[0]


def first_sign(data: bytes) -> str:
    """The name of the format whose sign comes first, each looked for by itself; else of the first format."""
    found = [(sign.start(), index) for index, form in enumerate(FORMATS) if (sign := form.sign.search(data))]
    return FORMATS[min(found)[1] if found else 0].name


class TestSigns:
    @pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
    def test_a_sign_begins_where_a_line_does_or_is_none_at_all(self, form: Format) -> None:
        assert form.sign.pattern.startswith(LINE_START) or form.sign.pattern == b"(?!)"

    @pytest.mark.parametrize("log", LOGS, ids=lambda log: f"{log.parent.name}/{log.name}")
    def test_the_first_one_of_a_recorded_log_is_found(self, log: Path) -> None:
        data = log.read_bytes()[:60_000]
        assert asked_first(data) == first_sign(data)
        for place in random.Random(1).sample(range(len(data)), min(len(data), 5)):
            assert asked_first(data[place:]) == first_sign(data[place:])

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            (b"Step 1/2 : FROM a\n", "classic"),
            (b"text\nStep 1/2 : FROM a\nSTEP 1/2: FROM a\n", "classic"),
            (b"text\rSTEP 1/2: FROM a\nStep 1/2 : FROM a\n", "buildah"),
            (b"text Step 1/2 : FROM a\n#1 DONE 0.1s\n", "buildkit-plain"),
            (b"INFO[0001] Retrieving image manifest a\n", "kaniko"),
            (b"\n" * 70_000 + b"#1 [internal] load .dockerignore\n", "buildkit-plain"),
            (b"x" * 400_000 + b"\n[+] Building 0.1s (0/1)\n", "buildkit-tty"),
        ],
        ids=["at once", "before another", "behind a return", "not inside a line", "kaniko", "far", "farther"],
    )
    def test_it_counts_wherever_it_stands(self, text: bytes, name: str) -> None:
        assert asked_first(text) == name
