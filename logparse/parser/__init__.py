"""From bytes to :class:`~logparse.model.Build`: one module per format, registered here.

A log is first freed of what others put around its builder's lines (:mod:`.wrappings`), then given to the
format whose sign comes first in it. A format makes its builds of a transcript, or an empty list if it finds
nothing of its own.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

from logparse.bundle import ENDING, is_bundle, read_bundle
from logparse.errors import SourceError, UsageError
from logparse.model import Build, Log, Transcript
from logparse.parser.buildah import BUILDAH
from logparse.parser.buildkit.plain import PLAIN
from logparse.parser.buildkit.rawjson import RAWJSON
from logparse.parser.buildkit.tty import TTY
from logparse.parser.classic import CLASSIC
from logparse.parser.clock import timed
from logparse.parser.compose import with_services
from logparse.parser.detect import read
from logparse.parser.format import Format
from logparse.parser.kaniko import KANIKO
from logparse.parser.none import NONE
from logparse.parser.wrappings import unwrap
from logparse.text import UTF16_MARKS, printable, to_utf8

__all__ = ["FORMATS", "formats_of", "parse", "read_texts"]

FORMATS: tuple[Format, ...] = (BUILDAH, CLASSIC, PLAIN, RAWJSON, TTY, KANIKO, NONE)
"""Every format. Of two whose signs begin at the same place, the earlier one wins: podman's can begin with the
line of Docker's client that is the classic builder's. The last takes anything."""

_LONGEST_PATH = 4096


def parse(source: bytes | str | Path | Log, *, builder: str | None = None) -> list[Build]:
    """Parse a log into the builds it holds.

    Parameters
    ----------
    source
        A :class:`~logparse.model.Log`, its bytes, its text, or the path of a file; a string is a path if it
        has no line feed and names a file, or ends in ``.log``, ``.txt`` or ``.dockerbuild``. What begins with
        a byte order mark of UTF-16, as PowerShell writes it, is read as its text in UTF-8; a bundle of
        ``docker buildx history export`` as the lines of JSON that :func:`logparse.bundle.read_bundle` makes.
    builder
        Who wrote the log, if that is known better than detected: the name of a builder or of a format in
        :data:`FORMATS`.

    Returns
    -------
    list of Build
        In the order of their first bytes; their elements cover every byte of the log exactly once. There are
        none only if the log has no bytes and no build in the API. Whatever the bytes are, parsing them raises
        nothing, and takes time and memory in proportion to their number.

    Raises
    ------
    SourceError
        The file at the path cannot be read, or a bundle is damaged.
    UsageError
        There is no such builder.
    """
    known = formats_of(builder)
    log = _as_log(source)
    builds = [build for text in read_texts(log, known) for build in text]
    if builds and any(build.transcript is not builds[0].transcript for build in builds):
        builds.sort(key=lambda build: build.span)
        for index, build in enumerate(builds):
            build.index = index
    return _with_facts(builds)


def read_texts(log: Log, known: tuple[Format, ...]) -> list[list[Build]]:
    """The builds of each text that is in a log once it is unwrapped, in the text's order."""
    texts = [with_services(read(transcript, known)) for transcript in unwrap(Transcript(log))]
    for build in chain.from_iterable(texts):
        if build.transcript.stamps is not None:
            build.decode = partial(timed, build.decode)
    return texts


def formats_of(builder: str | None) -> tuple[Format, ...]:
    """The formats that a builder of this name may have written, the last resort among them.

    Raises
    ------
    UsageError
        There is no such builder.
    """
    if builder is None:
        return FORMATS
    chosen = tuple(each for each in FORMATS if builder in (each.name, each.builder.value))
    if not chosen:
        names = sorted({name for each in FORMATS for name in (each.name, each.builder.value)})
        raise UsageError(f"There is no builder {printable(builder)!r}; give one of {', '.join(names)}.")
    return chosen if NONE in chosen else (*chosen, NONE)


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
        case bytes() if is_bundle(source):
            return Log(data=read_bundle(source))
        case bytes():
            # A byte order mark of UTF-8 is left to be unwrapped, so that no byte of the caller's is missing.
            return Log(data=to_utf8(source) if source.startswith(UTF16_MARKS) else source)
        case str() if not _is_path(source):
            return Log(data=source.encode("utf-8", "surrogatepass"))
        case _:
            path = printable(str(source))
            try:
                data = Path(source).read_bytes()
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise SourceError(
                    f"Cannot read {path}: {reason}; give the path of a readable file."
                ) from error
            return Log(data=read_bundle(data, path) if is_bundle(data) else to_utf8(data), path=path)


def _is_path(source: str) -> bool:
    """Whether a string is meant as a path: one line that names a file, or would, to go by its ending."""
    if "\n" in source or "\0" in source or not 0 < len(source) < _LONGEST_PATH:
        return False
    return source.endswith((".log", ".txt", ENDING)) or os.path.isfile(source)  # noqa: PTH113  it may be no path at all
