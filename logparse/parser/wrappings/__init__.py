"""What stands around a builder's lines, taken away layer by layer.

One module per wrapping, registered here in the order in which they are tried. A text that was unwrapped is
tried again from the first on, since wrappings nest: a log driver's JSON around the time stamps of a CI system
around the names of parallel jobs.
"""

from __future__ import annotations

from logparse.model import Transcript
from logparse.parser.format import Wrapping
from logparse.parser.wrappings.arrivals import ARRIVALS
from logparse.parser.wrappings.bom import BOM
from logparse.parser.wrappings.colours import COLOURED_LINES
from logparse.parser.wrappings.endings import ENDINGS
from logparse.parser.wrappings.engine_api import ENGINE_API
from logparse.parser.wrappings.folds import FOLDS
from logparse.parser.wrappings.json_lines import JSON_LINES
from logparse.parser.wrappings.lone_stamps import LONE_STAMPS
from logparse.parser.wrappings.powershell import POWERSHELL
from logparse.parser.wrappings.prefixes import PREFIXES

__all__ = ["WRAPPINGS", "unwrap"]

WRAPPINGS: tuple[Wrapping, ...] = (
    ENDINGS,  # before lines that go on in the next one are joined
    POWERSHELL,  # while lines are as wide as it cut them
    ARRIVALS,
    JSON_LINES,
    FOLDS,
    LONE_STAMPS,
    COLOURED_LINES,
    PREFIXES,  # with the byte order mark before the first, if there is one
    BOM,
    ENGINE_API,  # not before line ends are as they were written
)
"""Every wrapping, in the order in which they are tried."""

_DEEPEST = 8


def unwrap(transcript: Transcript) -> list[Transcript]:
    """Take away all wrappings of a text.

    Returns
    -------
    list of Transcript
        Mostly one; one for each name where lines of several programs are told apart by names before them.
        Together they cover the log.
    """
    return _unwrap(transcript, _DEEPEST)


def _unwrap(transcript: Transcript, depth: int) -> list[Transcript]:
    if depth:
        for wrapping in WRAPPINGS:
            inner = wrapping.peel(transcript)
            if inner:
                return [each for one in inner for each in _unwrap(one, depth - 1)]
    return [transcript]
