"""How long steps took where no clock tells: inferred from many builds, with error bars."""

from logparse.timing.estimate import Estimates, estimate
from logparse.timing.records import image_of
from logparse.timing.reported import reported_seconds

__all__ = ["Estimates", "estimate", "image_of", "reported_seconds"]
