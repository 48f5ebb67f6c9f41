"""Stable ids of failures: equal wherever and whenever the same thing went wrong.

Two builds that fail alike print lines that differ in what has nothing to do with the failure: ids, times,
addresses, temporary names, the lines of a file that moved. Those parts are masked before the line is
digested, and so are secrets. What is wrong, and with which thing, stays in: a missing ``numpy`` and a missing
``scipy`` are two failures.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from logparse.diagnosis.needed import Needed, needed
from logparse.secrets import MASK, mask

__all__ = ["fingerprint", "identity", "masked", "unwrapped"]

_VERSION = "v1"
"""Changes when the masks do, since every fingerprint changes with them."""


class _Mask(NamedTuple):
    """What is put in the place of a variable part.

    Parameters
    ----------
    pattern
        Matches such a part.
    name
        What is put there.
    digit, needed
        Whether a text must hold a digit for that, and which words. To look for them costs a tenth of what the
        pattern does.
    """

    pattern: re.Pattern[str]
    name: str
    digit: bool
    needed: Needed


_DIGIT = re.compile(r"\d")

# In this order: each mask may rely on what the earlier ones took away. One that says "\d" needs a digit.
_MASKS: tuple[_Mask, ...] = tuple(
    _Mask(re.compile(pattern), name, r"\d" in pattern, needed(pattern))
    for pattern, name in (
        # A time stamp in front, of the tool or of a CI system.
        (
            r"^\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d[\d:.,]{0,13}Z?(?:[+-]\d\d:?\d\d)?\]?\s{0,4}",
            "",
        ),
        (r"\b\d{4}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d{1,9})?Z?)?", "<time>"),
        (r"\b\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?\b", "<time>"),
        # BuildKit's references to what it keeps: two ids of base 36, or a UUID and one.
        (r"\b(?:[0-9a-z]{25}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})::[0-9a-z]{25}\b", "<id>"),
        (r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b", "<id>"),
        (r"\bsha\d{1,3}[:-][0-9a-fA-F]{6,128}\b", "<id>"),
        (r"\b0x[0-9a-fA-F]{1,16}\b", "<id>"),
        (r"\b(?=[0-9a-fA-F]{0,128}\d)(?=[0-9a-fA-F]{0,128}[a-fA-F])[0-9a-fA-F]{7,128}\b", "<id>"),
        (r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b", "<address>"),
        # Names of temporary files and folders, which are random behind a fixed beginning.
        (r"/(?:tmp|var/tmp|private/tmp)/[^\s'\":,;)]{1,256}", "<temp>"),
        (r"\b(docker-builder|buildkit-mount|pip-[a-z-]{1,32}-|tmp|npm-)\w{4,64}", r"\1<id>"),
        # Snapshots and leases of BuildKit's.
        (r"\bextract-\d{1,18}-[\w-]{4}(?![\w-])", "extract-<id>"),
        (r"(?<=[\"' ])(?=[a-z]{0,24}\d)(?=[0-9]{0,24}[a-z])[0-9a-z]{25}(?=[\"':,])", "<id>"),
        (r"/node_modules/\.[\w-]{1,64}", "/node_modules/<id>"),
        # Versions in paths and URLs; a version that a package is asked for in stays.
        (r"(?<=[/_-])v?\d{1,9}(?:\.\d{1,9}){1,4}[\w.+~:-]{0,64}", "<version>"),
        (r"(?<=/)(python|ruby|node|php|perl|go|java)-?\d[\d.]{0,16}(?=/)", r"\1<version>"),
        # Places in files, sizes, durations, counts and process ids.
        (r"(?<=[:(,\[])\d{1,9}(?=[:),\]])", "<n>"),
        (r"\b(line|column|pid|port|process|exit status|after) \d{1,9}\b", r"\1 <n>"),
        (r"\b\d{1,9}(?:\.\d{1,9})?\s?(?:ms|s|sec|seconds|[kKMGT]?i?B|bytes|MiB|KB|MB|GB)\b", "<n>"),
        (r"(?<![\w.<>=~^@-])\d{3,18}(?![\w.])", "<n>"),
        (r"\s{2,256}|[^\S ]", " "),
    )
)

_LONGEST = 2048
"""Characters of a line that count. The ends of longer ones are details."""
_LOOKED_AT = 1 << 14


def masked(text: str) -> str:
    """`text` with its variable parts replaced by names in angle brackets."""
    # A secret may reach beyond what counts: it is masked before the rest is cut off.
    text = mask(text[:_LOOKED_AT])[:_LONGEST]
    digit = _DIGIT.search(text) is not None
    for one in _MASKS:
        if (digit or not one.digit) and one.needed.is_in(text):
            text = one.pattern.sub(one.name, text)
    return text.strip()


# How builders and their clients lead up to what went wrong. Each version has its own words for it.
_LEAD = re.compile(
    r"(?:"
    r"(?:ERROR|Error|error): "
    r"|Error response from daemon: "
    r"|target [^\s:]{1,128}: "
    r"|Service '?[^'\s]{1,128}'? failed to build ?: "
    r"|failed to (?:build|solve(?: with frontend [\w.-]{1,64})?|create LLB definition|execute bake): "
    r"|failed to (?:compute cache key|load cache key|receive status|authorize): "
    r"|rpc error: code = \w{1,32} desc = "
    r"|(?:error )?building at STEP \".{0,1024}?\": "
    r"|(?:error )?creating build container: "
    r"|error building (?:image|stage): "
    r"|(?:COPY|ADD) failed: "
    r")"
)
_LEADS = 12


def unwrapped(text: str) -> str:
    """A builder's closing words without what leads up to them."""
    place = 0
    for _ in range(_LEADS):
        lead = _LEAD.match(text, place)
        if lead is None:
            break
        place = lead.end()
    return text[place:] or text


# Parts of names that a builder may add or leave out.
_SPELLINGS = {
    "image": re.compile(r"^(?:(?:index\.|registry-1\.)?docker\.io/)?(?:library/)?|:latest$"),
    "file": re.compile(r"^(?:\./|/){1,8}|/$"),
}


def identity(names: Iterable[str], subject: Mapping[str, str]) -> str:
    """The text by which failures are told apart that name the same things: empty if one is not known."""
    parts = []
    for name in names:
        value = subject.get(name, "")
        if not value or value == MASK:
            return ""
        spelling = _SPELLINGS.get(name)
        parts.append(f"{name}: {spelling.sub('', value) if spelling is not None else value}")
    return "\n".join(parts)


def fingerprint(cause: str, text: str) -> str:
    """``v1:`` and 16 hexadecimal digits: the failure's id.

    Parameters
    ----------
    cause
        The class of failure.
    text
        The root line; the instruction where a command failed in silence; what the builder names in closing
        words that each version of it puts in its own way.
    """
    digest = hashlib.sha256(f"{cause}\n{masked(text)}".encode("utf-8", "replace"))
    return f"{_VERSION}:{digest.hexdigest()[:16]}"
