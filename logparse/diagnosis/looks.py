"""What lines look like that report an error in a form that no rule knows."""

from __future__ import annotations

import re

__all__ = ["ANCHORS", "STRONGLY", "WEAKLY", "says_well", "worth"]

# Every line that looks like an error holds one of these.
ANCHORS = (
    "rror", "ERROR", "atal", "FATAL", "ailed", "FAILED", "ailure", "annot", "an't", "nable to",
    "ould not", "not found", "o such", "nvalid", "xception", "issing", "enied", "efused", "anic",
    "bort", "ndefined", "nknown", "nsupported", "not supported", "equired", "equires", "ust be",
    "not exist", "n't exist", "onflict", "ncompatible", "not installed", "ERR!", "xpected ",
)  # fmt: skip
# ``error:`` with a word's edge on both sides: neither a package liberror nor a file errors.c counts.
_STRONG = re.compile(
    r"(?:^|[\s\[(:*])(?:fatal|errors?|failed|failure|exception|panic)(?:\[\w{1,16}\])?(?:\s?[:!\])]|\s-)"
    r"|^(?:error|fatal|failed|unable to|cannot|could not|can't|failure)\b"
    r"|\berror occurred|\berr(?:or)?!",
    re.IGNORECASE,
)
# Searched in lower case, which is far faster than in any case.
_WEAK = re.compile(
    r"\b(?:fatal|error|failed|failure|exception|panic(?:ked)?|abort(?:ed|ing)?|cannot|can['\u2019]t"
    r"|unable to|could not|couldn't|not found|no such|invalid|missing|denied|refused|undefined|unknown"
    r"|unsupported|not supported|required|requires|must be|(?:not|n't) exist|conflict\w{0,6}"
    r"|incompatible|not installed)\b(?![-./\w])|\bexpected\b.{1,120}\b(?:got|but)\b|\berrors\s?[:!\])]|\berr!"
)
# Lines of a tool at its ordinary work, whatever words occur in them.
_WORK = re.compile(
    r"\s{0,8}(?:checking |Selecting previously|Preparing to unpack|Unpacking |Setting up |Get:\d|Hit:"
    r"|Ign:|Collecting |Downloading |Downloaded |Compiling |Processing |copying |creating |adding "
    r"|inflating: |Requirement already|Building wheel|\(\d{1,4}/\d{1,4}\) |> Task |-- "
    r"|\[\s{0,3}\d{1,3}%\]|\s{0,4}at "
    r"|File \"|gcc |g\+\+ |cc |/bin/sh \S{0,200}libtool|\S{1,200}:\d{1,6}:in [`']|\[INFO\]|\[DEBUG\]"
    r"|\[info\]|\[WARN|\[warn\]|INFO[: ]|DEBUG[: ]|W: |Note: |In file included)"
)
# What is said to be no error.
_MILD = re.compile(
    r"\bwarning\b|\bWARN(?:ING)?\b|\b0 (?:errors?|failures?|failed)\b|\bdeprecated\b|No errors?\b"
)

# A program's last words that all is well are no reason for its failure.
_WELL = re.compile(
    r"(?:\b(?:ok|done|pass(?:ed)?|success(?:ful(?:ly)?)?|completed?|finished)|\b100 ?%)\W{0,3}$",
    re.IGNORECASE,
)

_ENDING = 40

STRONGLY, WEAKLY = 66.0, 44.0
"""What a line is worth beside one that a rule knows: see :mod:`logparse.diagnosis.ranking`."""


def worth(text: str) -> float:
    """How much a line looks like an error; 0 if it does not."""
    if _WORK.match(text):
        return 0.0
    if not _WEAK.search(text.lower()) or _MILD.search(text):
        return 0.0
    return STRONGLY if _STRONG.search(text) else WEAKLY


def says_well(text: str) -> bool:
    """Whether a program's last words say that all is well."""
    return _WELL.search(text, max(len(text) - _ENDING, 0)) is not None
