"""How long steps took where no clock tells: inferred from many builds, with error bars."""

from logparse.timing.estimate import Estimates, estimate, image_of

__all__ = ["Estimates", "estimate", "image_of"]
