"""Where the command line writes: rows to standard output, everything else to standard error."""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.text import Text

__all__ = ["Format", "console", "errors", "note", "safe", "write_json"]

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


class Format(enum.StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


def write_json(rows: Iterable[dict[str, Any]], form: Format) -> None:
    """Print rows as one JSON list, or as one object a line as they come."""
    if form is Format.JSONL:
        for row in rows:
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
    else:
        json.dump(list(rows), sys.stdout, ensure_ascii=False, indent=2)
        sys.stdout.write("\n")
    sys.stdout.flush()


def note(sentence: str) -> None:
    """Tell something that is neither a result nor an error."""
    errors.print(safe(sentence), style="dim", soft_wrap=True)


def safe(text: str | None, style: str = "") -> Text:
    """Text of a log for the terminal: never read as markup, and without anything that is not printable."""
    return Text(
        "".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in text or ""), style
    )
