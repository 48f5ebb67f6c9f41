"""All places of the builder's few tell-tale sentences, found in one pass over a log.

A sentence can stand anywhere in a line, behind whatever a program printed last. Looking for each with
:meth:`bytes.find` reads the log once per sentence and costs a call per place. Here four bytes in every
twenty are looked at, since a sentence of 23 bytes or more must hold one of those groups of four whole (of
shorter sentences, as many less); what group it is says where the sentence would begin, and only there it is
compared.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from functools import cache

import numpy as np
import numpy.typing as npt

from logparse.parser.classic.lines import Flags, Offsets, Words, at_or_beyond, word
from logparse.parser.classic.markers import CONTEXT, NON_ZERO, REMOVAL

__all__ = ["LARGE", "Places", "find_places"]

LARGE = 1 << 18
"""Bytes of a log below which looking at all of it at once costs more than it spares."""

_GROUP = 4
_SHORTEST = 11

# Groups looked at a time: few enough to stay in the processor's cache.
_PIECE = 1 << 17

# Groups of four bytes are told apart by the upper half of their product with this number. No two groups of
# the builder's sentences share one, which is checked below.
_FACTOR = 0x9E3779B1
_HASHES = 1 << 16

_REMOVING = b"removing "

# As far as the lines of a late removal can reach.
_LATE = 1 << 16


class Places:
    """Where the sentences stand in a log that outputs and builds end with.

    Attributes
    ----------
    removals, failures, contexts : array of int64
        All places of :data:`REMOVAL`, :data:`NON_ZERO` and :data:`CONTEXT`.
    """

    def __init__(self, data: bytes) -> None:
        places: list[list[Offsets]] = [[], [], []]
        ids: list[Words] = []
        errors: list[Offsets] = []
        words = np.ndarray((max(len(data) - 7, 0),), "<u8", data, strides=(1,))
        for found in find_places(data, (REMOVAL, NON_ZERO, CONTEXT)):
            for known, new in zip(places, found, strict=True):
                known.append(new)
            # What is around them is read while it is in the processor's cache.
            removals = found[0]
            ids.append(words[removals[removals < len(words) - len(REMOVAL)] + len(REMOVAL)])
            before = removals[removals >= len(_REMOVING)] - len(_REMOVING)
            errors.append(before[words[before] == word(_REMOVING[:8])])
        nothing = np.zeros(0, np.int64)
        self.removals, self.failures, self.contexts = (np.concatenate([nothing, *some]) for some in places)
        self._ids = np.sort(np.concatenate([nothing.view(np.uint64), *ids]))
        self._sorted = self._ids.data
        self._errors = np.concatenate([nothing, *errors])

    def speak_of(self, ids: Words) -> Flags:
        """Whether a removal may be about one of the ids that begin so."""
        if not len(self._ids):
            return np.zeros(len(ids), np.bool_)
        at = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        same: Flags = self._ids[at] == ids
        return same

    def speaks_of(self, container: bytes) -> bool:
        """Whether a removal may be about a container."""
        key = int.from_bytes(container[:8], "little")
        index = bisect_left(self._sorted, key)
        return index < len(self._sorted) and self._sorted[index] == key

    def may_be_late(self, offsets: Offsets) -> Flags:
        """Whether a container may be removed late whose output begins at an offset."""
        if not len(self._errors):
            return np.zeros(len(offsets), np.bool_)
        first = at_or_beyond(self.removals, np.searchsorted(self.removals, offsets))
        return np.searchsorted(self._errors, first - 16) < np.searchsorted(self._errors, first + _LATE)


def find_places(data: bytes, sentences: tuple[bytes, ...]) -> Iterator[list[Offsets]]:
    """Where each of some sentences begins, from left to right, piece by piece of a log.

    Parameters
    ----------
    data
        The log.
    sentences
        At least 11 bytes each. The longer the shortest of them is, the less of the log is looked at.

    Raises
    ------
    ValueError
        A sentence is too short, or two have a group of bytes in common that cannot be told apart.
    """
    stride, known, sentence_of, distance = _groups(sentences)
    count = max(len(data) - _GROUP + stride, 0) // stride
    groups = np.ndarray((count,), "<u4", data, strides=(stride,))
    for first in range(0, count, _PIECE):
        hashes = ((groups[first : first + _PIECE] * np.uint32(_FACTOR)) >> np.uint32(16)).astype(np.int64)
        here = np.flatnonzero(known.take(hashes))
        if len(here):
            hashes = hashes[here]
            starts = (here + first) * stride - distance[hashes]
            which = sentence_of[hashes]
            yield [
                _where(data, sentence, starts[which == number]) for number, sentence in enumerate(sentences)
            ]


@cache
def _groups(
    sentences: tuple[bytes, ...],
) -> tuple[int, npt.NDArray[np.bool_], npt.NDArray[np.uint8], Offsets]:
    """From one group that is looked at to the next; and what is known of groups by their hashes.

    That is whether it is one of a sentence's groups, of which one's, and how far behind its beginning.
    """
    shortest = min(map(len, sentences))
    if shortest < _SHORTEST:
        raise ValueError(f"{min(sentences, key=len)!r} is too short to be looked for so")
    stride = shortest - _GROUP + 1
    known = np.zeros(_HASHES, np.bool_)
    sentence_of = np.zeros(_HASHES, np.uint8)
    distance = np.zeros(_HASHES, np.int64)
    for number, sentence in enumerate(sentences):
        for skipped in range(len(sentence) - shortest + 1):
            # As many groups as there are bytes in a stride are enough: of a longer sentence, those that no
            # other one has.
            offsets = range(skipped, skipped + stride)
            groups = (int.from_bytes(sentence[offset : offset + _GROUP], "little") for offset in offsets)
            hashes = [(group * _FACTOR & 0xFFFFFFFF) >> 16 for group in groups]
            if len({*hashes}) == stride and not known[hashes].any():
                known[hashes], sentence_of[hashes], distance[hashes] = True, number, offsets
                break
        else:
            raise ValueError(f"{sentence!r} cannot be looked for together with the others")
    return stride, known, sentence_of, distance


def _where(data: bytes, sentence: bytes, starts: Offsets) -> Offsets:
    """Those of some offsets at which a sentence does stand."""
    starts = starts[(starts >= 0) & (starts <= len(data) - len(sentence))]
    words = np.ndarray((max(len(data) - 7, 0),), "<u8", data, strides=(1,))
    for offset in {*range(0, len(sentence) - 7, 8), len(sentence) - 8}:
        starts = starts[words[starts + offset] == int.from_bytes(sentence[offset : offset + 8], "little")]
    return starts
