"""Where a step, or a command of it, stands in its Dockerfile.

Builders print an instruction on one line, so its place has to be found again. :func:`read_dockerfile` reads a
Dockerfile into instructions that know where each of their characters stands, :func:`printed_dockerfile` reads
what a log repeats of one, and :func:`locate` finds a step in either. :func:`find_failure` does all of it for
a diagnosis.
"""

from __future__ import annotations

from logparse.dockerfile.failing import Found, find_failure
from logparse.dockerfile.loading import load_dockerfile
from logparse.dockerfile.locating import locate, printed_dockerfile
from logparse.dockerfile.reading import Dockerfile, Instruction, Place, read_dockerfile

__all__ = [
    "Dockerfile",
    "Found",
    "Instruction",
    "Place",
    "find_failure",
    "load_dockerfile",
    "locate",
    "printed_dockerfile",
    "read_dockerfile",
]
