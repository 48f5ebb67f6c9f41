"""What a line of the plain display is in a regular stretch: its class, by what stands behind its number."""

from __future__ import annotations

import numpy as np

from logparse.model import Kind
from logparse.parser.classic.lines import Flags, leading, word

__all__ = [
    "BLANK",
    "BY_FIRST",
    "CLOSES",
    "COMPARED",
    "DIGEST",
    "DONE",
    "FOLLOWS_END",
    "HEADER",
    "IS_END",
    "IS_FIRST",
    "IS_INSIDE",
    "IS_MARK",
    "IS_STATUS",
    "KIND_OF",
    "LAYER",
    "MERGES",
    "NOTE",
    "ODD",
    "SIZES",
    "TEXT",
    "TWO_WORDS",
    "VERTEX",
    "ZERO",
]

# Classes are the kinds of elements, as numbers of numpy's own, since it would look into members of an
# enumeration anew each time; and some more.
TEXT, BLANK, HEADER, OUTPUT, VERTEX, PROGRESS = (
    np.uint8(kind)
    for kind in (Kind.UNKNOWN, Kind.BLANK, Kind.HEADER, Kind.OUTPUT, Kind.VERTEX, Kind.PROGRESS)
)
DONE, CACHED, CANCELED, ERROR, NOTE, WARNING = (
    np.uint8(kind) for kind in (Kind.DONE, Kind.CACHED, Kind.CANCELED, Kind.ERROR, Kind.NOTE, Kind.WARNING)
)
ZERO = np.uint8(250)
"""``#0 building with "default" instance``."""
WORDS = np.uint8(251)
"""Words of a vertex' that are no status: its name, if anything."""
LAYER, EXTRACTING = np.uint8(252), np.uint8(253)
"""How far a transfer or an extraction has come."""
DIGEST = np.uint8(254)
"""A vertex' own, which some releases print below its name."""
ODD = np.uint8(255)
"""What begins like something else, and is not quite that."""

STATUSES = {
    b"transferring ": np.uint8(Kind.CONTEXT),
    b"writing image ": np.uint8(Kind.RESULT),
    b"naming to ": np.uint8(Kind.TAG),
    b"pushing ": np.uint8(Kind.PUSH),
    b"resolve ": PROGRESS,
    b"exporting ": PROGRESS,
    b"unpacking ": PROGRESS,
    b"preparing ": PROGRESS,
    b"importing ": PROGRESS,
}
BEGINNINGS = (
    (b"DONE", DONE),
    (b"CACHED", CACHED),
    (b"CANCELED", CANCELED),
    (b"...", NOTE),
    (b"ERROR: ", ERROR),
    (b"WARN: ", WARNING),
    (b"WARNING", ODD),
    (b"sha256:", LAYER),
    (b"extracting ", EXTRACTING),
    (b"building with ", ZERO),
    *STATUSES.items(),
)
"""What stands behind a number; none is longer than two words of eight bytes."""
COMPARED = [
    (leading(min(len(text), 8)), word(text[:8]), leading(len(text[8:])), word(text[8:]), kind)
    for text, kind in BEGINNINGS
]
TWO_WORDS = 16


def _table(*classes: np.uint8) -> Flags:
    table = np.zeros(256, np.bool_)
    table[list(classes)] = True
    return table


# What a class may be, and where it may stand.
IS_STATUS = _table(*STATUSES.values())
IS_END = _table(DONE, CACHED, CANCELED, ERROR, NOTE)
IS_INSIDE = _table(OUTPUT, WARNING, LAYER, EXTRACTING, DIGEST) | IS_STATUS | IS_END
CLOSES = _table(TEXT, BLANK, ZERO) | IS_END
IS_NAME = _table(WORDS) | IS_STATUS
IS_MARK = _table(ZERO) | IS_NAME
FOLLOWS_END = _table(BLANK) | IS_MARK
MERGES = _table(OUTPUT, BLANK) | IS_STATUS
# By a line's first byte behind the number: whether one of the beginnings has it, and the class if none does.
IS_FIRST = np.zeros(256, np.bool_)
IS_FIRST[[text[0] for text, _ in BEGINNINGS]] = True
BY_FIRST = np.full(256, WORDS)
BY_FIRST[list(b"0123456789")] = OUTPUT
# By class: the kind of element that it is, and how long a line is that says no more than that.
KIND_OF = np.arange(256, dtype=np.uint8)
KIND_OF[[ZERO, LAYER, EXTRACTING, DIGEST]] = NOTE, PROGRESS, PROGRESS, NOTE
SIZES = np.zeros(256, np.int64)
SIZES[[CACHED, CANCELED, NOTE]] = [len(b"CACHED"), len(b"CANCELED"), len(b"...")]
