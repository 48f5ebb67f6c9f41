"""``logparse trace``: the time line of builds for a viewer."""

from __future__ import annotations

from collections.abc import Iterable

from logparse.cli.console import note
from logparse.diagnosis import RuleBook
from logparse.model import Build
from logparse.report.trace import Traced, Viewer, write_trace

__all__ = ["save_trace"]

_TO = {
    Viewer.PERFETTO: "open it in ui.perfetto.dev or chrome://tracing",
    Viewer.OTLP: "post it to a collector's /v1/traces as application/json",
}


def save_trace(builds: Iterable[Build], out: str, viewer: Viewer, rules: RuleBook) -> None:
    """Write a trace, and tell on standard error what is in it and what is not.

    Parameters
    ----------
    builds
        With the timings that they have.
    out
        A file, or ``-``.
    viewer
        Who is to read it.
    rules
        The rules by which it is told why builds failed.
    """
    traced = write_trace(builds, out, viewer, rules=rules)
    where = "standard output" if out == "-" else out
    note(f"{_count(traced.builds, 'build')} in {where}, {_count(traced.bars, 'bar')}: {_TO[viewer]}.")
    for sentence in _doubts(traced):
        note(sentence)


def _doubts(traced: Traced) -> Iterable[str]:
    if traced.estimated:
        yield f"{traced.estimated:,} of them: estimated from many builds; the names begin with '~'."
    if traced.laid_out:
        yield f"{traced.laid_out:,} of them: no start is in the log; laid out as early as can have been."
    if traced.untimed:
        yield f"Not drawn, as no length is known: {traced.untimed:,}; the file lists them with the reasons."


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
