"""Logs in which no builder speaks: only a package manager's output, or nothing that is known.

Algorithmia stored such logs before it had environments: what ``pip``, ``mvn`` or ``npm`` printed, and no
``Step`` line at all. The whole log is one element. It counts as output if a known tool speaks in it, else
as not understood.
"""

from __future__ import annotations

import re

from logparse.model import Build, Builder, Contents, Kind, Tape, Transcript
from logparse.parser.format import Format

__all__ = ["NONE", "parse_none"]

# Lines that only these tools print. They are looked for at both ends, so that a huge file of something else
# costs no more than a small one.
_TOOL = re.compile(
    rb"(?:^|[\r\n])(?:\x1b\[[0-9;]{0,16}m){0,4}(?:"
    rb"(?:Collecting|Requirement already satisfied:|Successfully installed|Downloading) \S"  # pip
    rb"|\[INFO\] |\[ERROR\] |\[info\] |\[error\] "  # Maven, sbt
    rb"|npm (?:WARN|ERR!|notice|warn|error) |added \d+ packages"
    rb"|Fetching gem metadata|Bundle complete!"
    # Not any white space: line ends after line ends would cost their number's square.
    rb"|[ \t]{1,16}(?:Compiling \S{1,256} v\d|Finished \w{1,64} \[)|error\[E\d{4}\]"
    rb"|Collecting package metadata|Solving environment|installing \*source\* package|\* installing "
    rb"|Reading package lists\.\.\.|(?:Get|Hit|Ign):\d+ http|E: |ERROR: |Traceback \(most recent call last\))"
)
_LOOKED_AT = 1 << 18


def parse_none(transcript: Transcript) -> list[Build]:
    """Take a log as one build without steps.

    Parameters
    ----------
    transcript
        Any bytes. A log without any is a build only if the API knows it.
    """
    log, data = transcript.log, transcript.data
    if not data and log.build_id is None and log.commit is None:
        return []
    ends = (data[:_LOOKED_AT], data[-_LOOKED_AT:])
    kind = Kind.OUTPUT if any(_TOOL.search(end) for end in ends) else Kind.UNKNOWN
    tape = Tape()
    tape.add(kind, len(data))
    return [Build(transcript, Builder.NONE, tape, 0, len(tape), index=0, decode=lambda _: Contents())]


NONE = Format("none", Builder.NONE, re.compile(rb"(?!)"), parse_none)
