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


# Right and total on labelled failures: the project's own recorded builds (100), real failures of public
# projects with the classic builder (130, and 36 more that were read only after they had been diagnosed), and
# real ones with BuildKit, kaniko and the classic builder under CI systems (56). The rules were written with
# most of them in view, so the shares are upper bounds. To measure again after a change of the rules or the
# ranking:
#
#     logparse eval --tiers LABELS... --logs DIR_OR_ARCHIVE_OR_PARQUET...
MEASURED: dict[Tier, tuple[int, int]] = {
    Tier.BUILDER: (61, 61),
    Tier.EXIT: (71, 72),
    Tier.NEAR: (146, 151),
    Tier.FAR: (17, 17),
    Tier.CLASSED: (3, 3),
    Tier.SILENT: (9, 9),
    Tier.SYMPTOM: (4, 4),
    Tier.LOOKS: (0, 2),
    Tier.LAST: (0, 3),
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
