"""Masking of secrets in text that is written anywhere.

Build logs leak credentials: a token in a URL, a password in a build argument, a key that ``set -x`` echoes.
Logs are archived as they came, but whatever logparse writes for people passes through :func:`mask`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

__all__ = ["mask", "mask_parts"]

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
    r"|(?:\s-u|--user)[ =]?(?=[^\s:]{1,256}:)"
    r")(" + _VALUE + r")"
)

# ``scheme://user:password@host``; the user may be the token, too, and the password hold an ``@``.
_URL_PASSWORD = re.compile(
    r"(\b[a-z][a-z0-9+.-]{1,20}://)([^\s/\"']{0,256}:[^\s/\"']{1,1024}|[^\s/:@\"']{20,1024})@"
)

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[^-]{0,16384}(?:-----END [A-Z ]{0,32}PRIVATE KEY-----)?"
)

# One of these must be present, or there is nothing to mask: most lines are done after this search.
_HINT = re.compile(
    r"(?i)passw|passphrase|_pwd|secret|token|key|credential|authorization|bearer|@|-u|gh[pousr]_|github_pat"
    r"|glpat-|npm_|pypi-|xox|AKIA|ASIA|AIza|sk-|dckr_|sim|eyJ"
)

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
    if _HINT.search(text) is None:
        return text
    text = _PRIVATE_KEY.sub(MASK, text)
    text = _TOKENS.sub(MASK, text)
    text = _URL_PASSWORD.sub(rf"\1{MASK}@", text)
    return _LABELLED.sub(_mask_value, text)


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
