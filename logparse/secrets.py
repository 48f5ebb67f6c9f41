"""Masking of secrets in text that is written anywhere.

Build logs leak credentials: a token in a URL, a password in a build argument, a key that ``set -x`` echoes.
Logs are archived as they came, but whatever logparse writes for people passes through :func:`mask`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

__all__ = ["mask", "mask_parts", "mask_span"]

MASK = "***"

# The shapes that issuers document for their own tokens; a match is a secret by its form alone.
_TOKENS = re.compile(
    r"\b(?:"
    r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{22,255}"  # GitHub
    r"|glpat-[\w-]{20,64}"  # GitLab
    r"|npm_[A-Za-z0-9]{36}"  # npm
    r"|pypi-[\w-]{50,255}"  # PyPI
    r"|xox[abeoprs]-[\w-]{10,255}"  # Slack
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"  # AWS access key id
    r"|AIza[\w-]{35}"  # Google API key
    r"|sk-[A-Za-z0-9_-]{20,200}"  # OpenAI and others
    r"|dckr_pat_[\w-]{20,64}"  # Docker Hub
    r"|sim[A-Za-z0-9+/]{25}(?![A-Za-z0-9+/])"  # Algorithmia
    r"|eyJ[\w-]{8,2048}\.eyJ[\w-]{8,4096}\.[\w-]{16,2048}"  # JWT
    r")"
)

_NAME = (
    r"[\w.-]{0,40}(?:passw(?:or)?d|passphrase|_pwd|secret|token|api[_-]?key|access[_-]?key(?:[_-]?id)?"
    r"|private[_-]?key|auth[_-]?key|credentials?)"
)
# A value: up to its closing quote, or up to white space.
_VALUE = r"(?:<[^>\n]{1,128}>|\"[^\"\n]{1,4096}\"?|'[^'\n]{1,4096}'?|[^\s\"']{2,4096})"

_USER = r"(?:\s-u|--user)[ =]?(?=[^\s:]{1,256}:)"

# What stands before a secret, and the secret as the last group.
_LABELLED = re.compile(
    r"(?i)("
    r"\b" + _NAME + r"[\"']?\s{0,2}=\s{0,2}"
    # Behind a colon may stand a message, too; a secret is quoted, or has a digit in it.
    r"|\b" + _NAME + r"[\"']?\s{0,2}:(?!//)\s{0,2}(?=[\"']|[^\s\"']{0,256}\d)"
    r"|\bENV\s{1,4}" + _NAME + r"\s{1,4}"
    r"|--(?:password|passwd|token|secret|api-key)[ =]"
    r"|\bauthorization[\"']?:\s{0,2}[\"']?(?:basic|bearer|simple|token)\s{1,4}"
    r"|\bbearer\s{1,4}(?=[\w.-]{0,256}\d)"
    r"|_authToken\s?=\s?"
    r"|" + _USER + r")(" + _VALUE + r")"
)
# The same of a text with none of the words that all other labels have, which take far more work to look for.
_ONLY_USER = re.compile(r"(?i)(" + _USER + r")(" + _VALUE + r")")
_LABELS = ("passw", "passphrase", "_pwd", "secret", "token", "key", "credential", "authorization", "bearer")

# ``scheme://user:password@host``; the user may be the token, too, and the password hold an ``@``.
_URL_PASSWORD = re.compile(
    r"(\b[a-z][a-z0-9+.-]{1,20}://)([^\s/\"']{0,256}:[^\s/\"']{1,1024}|[^\s/:@\"']{20,1024})@"
)

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[^-]{0,16384}(?:-----END [A-Z ]{0,32}PRIVATE KEY-----)?"
)

# One of these must be present, in any case, or there is nothing to mask: most lines are done after this. They
# are looked for one by one in lower case, which is several times as fast, where that is the same.
_HINTS = (
    *_LABELS, "@", "-u", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat", "glpat-", "npm_", "pypi-",
    "xox", "akia", "asia", "aiza", "sk-", "dckr_", "sim", "eyj",
)  # fmt: skip
_HINT = re.compile("|".join(_HINTS), re.IGNORECASE)

# Values that only refer to a secret, whole: a variable, a placeholder, a mask.
_REFERENCE = re.compile(
    r"[\"']?(?:\$\w{1,128}|\$\{\w{1,128}(?::?[-+?=][^}]{0,256})?\}|\$\([^)]{0,256}\)|%\w{1,128}%|<[^>]{1,128}>|\{\{[^}]{0,128}\}\}"
    r"|\*{1,64}|x{3,64}|\.{3}|null|none|true|false|\[[^\]]{0,128}\])[\"']?[,;)]?\Z",
    re.IGNORECASE,
)

_CACHED = 512
"""Length of the longest text whose masking is remembered."""


def _mask_value(match: re.Match[str]) -> str:
    value = match[2]
    if _REFERENCE.match(value):
        return match[0]
    quote = value[0] if value[0] in "\"'" else ""
    return match[1] + quote + MASK + (quote if quote and value.endswith(quote) else "")


def mask(text: str) -> str:
    """Replace every secret in `text` that is recognised by ``***``.

    Recognised are the documented token formats of well-known issuers, passwords in URLs, private keys, and
    values behind words such as ``password=``, ``--token`` or ``Authorization: Bearer``. References to
    variables (``$TOKEN``) stay readable.
    """
    if len(text) > _CACHED:
        return _mask(text)
    return _mask_short(text)


def _mask(text: str) -> str:
    labelled = _LABELLED
    if text.isascii():
        lower = text.lower()
        if not any(map(lower.__contains__, _HINTS)):
            return text
        if not any(map(lower.__contains__, _LABELS)):
            labelled = _ONLY_USER
    elif _HINT.search(text) is None:
        return text
    text = _PRIVATE_KEY.sub(MASK, text)
    text = _TOKENS.sub(MASK, text)
    text = _URL_PASSWORD.sub(rf"\1{MASK}@", text)
    return labelled.sub(_mask_value, text)


# The same instructions and lines come again with every build of an image.
_mask_short = lru_cache(maxsize=16384)(_mask)


def mask_parts(parts: Mapping[str, str], *sources: str) -> dict[str, str]:
    """Mask what was cut out of lines: a piece of a secret no longer looks like one.

    Parameters
    ----------
    parts
        Named pieces of the sources.
    sources
        The lines they come from. A piece that is not in any of them once their secrets are masked was,
        or held, a part of one.
    """
    masked = [mask(source) for source in sources]
    if masked == list(sources):
        return {name: mask(part) for name, part in parts.items()}
    return {
        name: mask(part) if any(part in source for source in masked) else MASK for name, part in parts.items()
    }


def mask_span(text: str, start: int, end: int) -> tuple[str, int, int] | None:
    """Mask a text and tell where a stretch of it is then.

    Parameters
    ----------
    text
        Any text.
    start, end
        The stretch, in characters.

    Returns
    -------
    tuple or None
        The masked text with the new start and end; ``None`` if the stretch is not in it any more, since it
        is a part of a secret.
    """
    masked = mask(text)
    if masked == text:
        return text, start, end
    stretch, before = mask(text[start:end]), len(mask(text[:start]))
    # A secret may reach over the start, so its place may be a little off.
    places = [match.start() for match in re.finditer(re.escape(stretch), masked)] if stretch else []
    if not places:
        return None
    place = min(places, key=lambda found: abs(found - before))
    return masked, place, place + len(stretch)
