"""What a format of the parser is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from logparse.model import Build, Builder, Transcript

__all__ = ["Format", "Wrapping"]


@dataclass(frozen=True, slots=True)
class Format:
    """How one builder writes.

    Parameters
    ----------
    name
        Its name here, which ``--builder`` takes besides the builder's.
    builder
        Who writes so.
    sign
        Finds a line that nobody else prints. Bounded, and begins at a line's start.
    read
        Makes builds of a text, none if it finds nothing of its own. The elements of the builds it makes
        cover the text; it raises nothing, whatever the bytes.
    """

    name: str
    builder: Builder
    sign: re.Pattern[bytes]
    read: Callable[[Transcript], list[Build]]


@dataclass(frozen=True, slots=True)
class Wrapping:
    """What a CI system, a shell or a log driver puts around a builder's lines.

    Parameters
    ----------
    name
        Its name here.
    peel
        Takes it away: gives the transcripts that are in a text, together covering it, or nothing if the text
        is not wrapped so. Whether it is, a bounded part of the text tells.
    """

    name: str
    peel: Callable[[Transcript], list[Transcript]]
