"""How far to trust a diagnosis: measured, not felt.

Every verdict belongs to a tier by the way it was reached, and its confidence is the share of labelled
failures on which verdicts of that tier had both an accepted root line and an accepted cause.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["MEASURED", "NOTHING", "Tier", "confidence"]


class Tier(StrEnum):
    """A way to reach a verdict, the surest first."""

    BUILDER = "builder"
    """A rule knows the builder's closing words."""
    EXIT = "exit"
    """A cause whose tool leaves with the step's exit code."""
    NEAR = "near"
    """A cause within a few lines of the end."""
    FAR = "far"
    """A cause farther up."""
    CLASSED = "classed"
    """A line no rule knows; the wrapper behind it names the tool."""
    SILENT = "silent"
    """Nothing was said: command and exit code speak."""
    SYMPTOM = "symptom"
    """Only a symptom or a wrapper is left, or a hint in the command."""
    LOOKS = "looks"
    """A line that looks like an error, and no cause."""
    LAST = "last"
    """The last line, for want of a better one."""


# Right and total on labelled failures. With these in view the rules were written, so the shares are upper
# bounds: the project's own recorded builds (315), real failures of public projects with the classic builder
# (120), and real ones with BuildKit, kaniko and the classic builder under CI systems (56). Beside them stand
# failures of public projects that were new to the rules, each counted as it was first answered, whatever was
# mended by it later: 316 with all builders that were labelled before they were diagnosed, and 100 with the
# classic builder that were read with the diagnosis at hand. Of the 316, 301 had an accepted root line and 285
# an accepted cause; of the 164 of them that came last, 162 and 153. To measure the first kind again after a
# change of the rules or the ranking:
#
#     logparse eval --tiers LABELS... --logs DIR_OR_ARCHIVE_OR_PARQUET...
MEASURED: dict[Tier, tuple[int, int]] = {
    Tier.BUILDER: (177, 178),
    Tier.EXIT: (206, 209),
    Tier.NEAR: (347, 362),
    Tier.FAR: (26, 28),
    Tier.CLASSED: (7, 9),
    Tier.SILENT: (29, 30),
    Tier.SYMPTOM: (53, 57),
    Tier.LOOKS: (2, 11),
    Tier.LAST: (14, 23),
}

NOTHING = 0.05
"""Where the log does not even say that the build failed. Set by hand: no such log is labelled."""

_UNSEEN = 0.25
"""Of a tier that no labelled failure ended in. Set by hand."""


def confidence(tier: Tier) -> float:
    """The share of right verdicts of a tier, ``(right + 1) / (total + 2)`` after Laplace.

    The smoothing keeps a tier that was seen three times from claiming certainty.
    """
    right, total = MEASURED[tier]
    return round((right + 1) / (total + 2), 3) if total else _UNSEEN
