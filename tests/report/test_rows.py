"""Diagnoses as plain objects."""

from __future__ import annotations

import json

import pytest

from logparse.diagnosis import diagnose, explain
from logparse.dockerfile import read_dockerfile
from logparse.model import Build, Outcome
from logparse.parser import parse
from logparse.report import diagnosis_row, explanation_row


def failed(instruction: str, output: str, code: int = 1) -> Build:
    """A classic build that fails at its second step."""
    said = f"The command '/bin/sh -c {instruction.removeprefix('RUN ')}' returned a non-zero code: {code}\n"
    log = f"Step 1/2 : FROM a\n ---> 0123456789ab\nStep 2/2 : {instruction}\n ---> Running in ba9876543210\n"
    (build,) = parse(f"{log}{output}\n{said}".encode())
    assert build.outcome is Outcome.FAILED
    return build


NOT_FOUND = failed("RUN echo a &&   make all", "/bin/sh: 1: make: not found", 127)
DOCKERFILE = read_dockerfile("FROM a\nRUN echo a && \\\n  make all\n", "app/Dockerfile")


class TestTheCommand:
    def test_its_span_is_in_the_text_of_the_step(self) -> None:
        row = diagnosis_row(diagnose(NOT_FOUND))
        assert row["command"] == {
            "text": "make all",
            "start": 16,
            "end": 24,
            "index": 1,
            "count": 2,
            "tool": "make",
            "evidence": "shell",
            "guess": False,
            "confidence": 0.909,
            "meaning": None,
            "others": ["echo a"],
            "place": None,
        }
        assert row["step"]["text"][16:24] == "make all"
        assert row["place"] is None

    def test_its_place_in_the_dockerfile(self) -> None:
        row = diagnosis_row(diagnose(NOT_FOUND), dockerfile=DOCKERFILE)
        assert row["command"]["place"] == {
            "file": "app/Dockerfile",
            "line": 3,
            "column": 3,
            "end_line": 3,
            "end_column": 11,
            "source": "given",
        }
        assert row["place"] == {
            "file": "app/Dockerfile",
            "line": 2,
            "column": 1,
            "end_line": 3,
            "end_column": 11,
            "source": "given",
        }

    def test_none_where_nothing_ran(self) -> None:
        (build,) = parse(b"Step 1/1 : FROM a\n ---> 0123456789ab\nSuccessfully built 0123456789ab\n")
        row = diagnosis_row(diagnose(build), dockerfile=DOCKERFILE)
        assert (row["command"], row["place"], row["cause"]) == (None, None, None)

    @pytest.mark.parametrize(
        "instruction",
        [
            "RUN curl -u me:hunter2hunter2 https://a.example/x && make all",
            "RUN make all && curl -u me:hunter2hunter2 https://a.example/x",
            "RUN TOKEN=hunter2hunter2 make all && ls",
        ],
    )
    def test_secrets_are_masked_and_the_span_still_holds(self, instruction: str) -> None:
        row = diagnosis_row(diagnose(failed(instruction, "/bin/sh: 1: make: not found", 127)))
        command = row["command"]
        assert row["step"]["text"][command["start"] : command["end"]] == command["text"]
        assert "make all" in command["text"]
        assert "hunter2" not in json.dumps(row)


class TestTheExplanation:
    def test_is_plain_and_tells_every_line_that_was_weighed(self) -> None:
        explanation = explain(NOT_FOUND)
        row = explanation_row(explanation)
        assert json.loads(json.dumps(row)) == row
        assert row["tier"] == explanation.tier
        assert [one["number"] for one in row["considered"]] == [
            one.line.number for one in explanation.considered
        ]
        chosen = [one for one in row["considered"] if one["chosen"]]
        assert [(one["text"], one["cause"]) for one in chosen] == [
            ("/bin/sh: 1: make: not found", "sh.command-not-found")
        ]
        assert sum(part["points"] for part in chosen[0]["parts"]) == pytest.approx(
            chosen[0]["score"], abs=0.2
        )

    def test_secrets_of_the_lines_are_masked(self) -> None:
        build = failed("RUN make all", "E: TOKEN=hunter2hunter2 is wrong\nerror: TOKEN=hunter2hunter2")
        assert "hunter2" not in json.dumps(explanation_row(explain(build)))
