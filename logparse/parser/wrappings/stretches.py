"""Stretches of a text that are to be taken away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["Offsets", "bytes_of", "merged"]

Offsets = npt.NDArray[np.int64]


def merged(starts: Sequence[int] | Offsets, ends: Sequence[int] | Offsets) -> tuple[Offsets, Offsets]:
    """The same stretches, which ascend, those that touch as one."""
    here, there = np.asarray(starts, np.int64), np.asarray(ends, np.int64)
    apart = here[1:] != there[:-1]
    return here[np.append(True, apart)], there[np.append(apart, True)]


def bytes_of(starts: Offsets, ends: Offsets) -> int:
    """How many bytes some stretches have together."""
    return int((ends - starts).sum())
