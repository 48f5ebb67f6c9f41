"""From bytes to :class:`~logparse.model.Build`: one module per format, registered here.

A format is a function that takes a :class:`~logparse.model.Log` and returns its builds, or an empty list
if it finds nothing of its own in the log. The first format that finds something wins.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from logparse.errors import SourceError
from logparse.model import Build, Log
from logparse.parser.classic import parse_classic
from logparse.parser.none import parse_none
from logparse.text import printable, to_utf8

__all__ = ["FORMATS", "parse"]

_LONGEST_PATH = 4096

FORMATS: dict[str, Callable[[Log], list[Build]]] = {
    "classic": parse_classic,
    "none": parse_none,
}
"""Every format by name, in the order in which they are tried. The last one takes anything."""


def parse(source: bytes | str | Path | Log) -> list[Build]:
    """Parse a log into the builds it holds.

    Parameters
    ----------
    source
        A :class:`~logparse.model.Log`, its bytes, its text, or the path of a file; a string is a path if it
        has no line feed and names a file, or ends in ``.log`` or ``.txt``. A file in UTF-16, as PowerShell
        writes them, is read as text in UTF-8.

    Returns
    -------
    list of Build
        In the log's order; their elements cover every byte of the log exactly once. There are none only
        if the log has no bytes and no build in the API. Whatever the bytes are, parsing them raises nothing,
        and takes time and memory in proportion to their number.

    Raises
    ------
    SourceError
        The file at the path cannot be read.
    """
    log = _as_log(source)
    for read in FORMATS.values():
        builds = read(log)
        if builds:
            return _with_facts(builds)
    return []


def _with_facts(builds: list[Build]) -> list[Build]:
    """Leave what the API says of a log's build to the last one, should there be several in it."""
    if len(builds) > 1:
        log = replace(builds[0].log, status=None, started_at=None, finished_at=None, semantic_version=None)
        for build in builds[:-1]:
            build.log = log
    return builds


def _as_log(source: bytes | str | Path | Log) -> Log:
    match source:
        case Log():
            return source
        case bytes():
            return Log(data=source)
        case str() if not _is_path(source):
            return Log(data=source.encode("utf-8", "surrogatepass"))
        case _:
            try:
                return Log(data=to_utf8(Path(source).read_bytes()), path=printable(str(source)))
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise SourceError(
                    f"Cannot read {source}: {reason}; give the path of a readable file."
                ) from error


def _is_path(source: str) -> bool:
    """Whether a string is meant as a path: one line that names a file, or would, to go by its ending."""
    if "\n" in source or "\0" in source or not 0 < len(source) < _LONGEST_PATH:
        return False
    return source.endswith((".log", ".txt")) or os.path.isfile(source)  # noqa: PTH113  it may be no path at all
