"""What steps cost before anything is known of their image, by kind."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from logparse.timing.records import Kind

__all__ = ["Prior", "priors"]


class Prior(NamedTuple):
    """The cost of one kind of work, as ``priors.toml`` explains it.

    Parameters
    ----------
    median
        Seconds.
    spread, noise
        Standard deviations of the logarithm: of what is typical, between images and machines; of a single
        run, from one build of an image to the next.
    common
        Share of the spread's variance that all work of the kind in one image has in common.
    load
        How much it depends on how busy the machine is.
    """

    median: float
    spread: float
    noise: float
    common: float
    load: float


@cache
def priors() -> dict[Kind, Prior]:
    """By kind, as shipped with the package."""
    text = (files("logparse.timing") / "priors.toml").read_text(encoding="utf-8")
    return {Kind(name): Prior(**entry) for name, entry in tomllib.loads(text).items()}
