"""A byte order mark of UTF-8 before the first line, as Windows programs and GitHub's archives write it."""

from __future__ import annotations

import codecs

import numpy as np

from logparse.model import Transcript
from logparse.parser.format import Wrapping

__all__ = ["BOM"]

_LENGTH = len(codecs.BOM_UTF8)


def _peel(transcript: Transcript) -> list[Transcript]:
    if not transcript.data.startswith(codecs.BOM_UTF8) or len(transcript.data) == _LENGTH:
        return []
    return [transcript.without(np.array([0]), np.array([_LENGTH]), wrapping="bom")]


BOM = Wrapping("bom", _peel)
