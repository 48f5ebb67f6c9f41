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

# What stands before a secret. The secret itself is the last group and ends at white space or a quote.
_LABELLED = re.compile(
    r"(?i)("
    r"\b(?:[\w-]{0,40}(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|auth[_-]?key|credentials?))[\"']?\s{0,2}"
    # Behind a colon may stand a message, too; a secret is quoted, or has a digit in it.
    r"(?:=[\"']?|:(?!//)\s?(?:[\"']|(?=[^\s\"']{0,256}\d)))"
    r"|--(?:password|passwd|token|secret|api-key)[ =][\"']?"
    r"|\bauthorization[\"']?:\s{0,2}[\"']?(?:basic|bearer|simple|token)\s+"
    r"|_authToken\s?=\s?"
    r")([^\s\"'&;,\\]{4,4096})"
)

# ``scheme://user:password@host``; the user may be the token, too.
_URL_PASSWORD = re.compile(
    r"(\b[a-z][a-z0-9+.-]{1,20}://)([^\s/:@\"']{0,256}:[^\s/@\"']{1,1024}|[^\s/:@\"']{20,1024})@"
)

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[^-]{0,16384}(?:-----END [A-Z ]{0,32}PRIVATE KEY-----)?"
)

# One of these must be present, or there is nothing to mask: most lines are done after this search.
_HINT = re.compile(
    r"(?i)passw|passphrase|secret|token|key|credential|authorization|@|gh[pousr]_|github_pat|glpat-|npm_|pypi-"
    r"|xox|AKIA|ASIA|AIza|sk-|dckr_|sim|eyJ"
)

# Values that only refer to a secret: a variable, a placeholder, a mask.
_REFERENCE = re.compile(r"[$%<{(*]|x{4,}|\.{3}|null$|none$|true$|false$|\[", re.IGNORECASE)


def _mask_value(match: re.Match[str]) -> str:
    return match[0] if _REFERENCE.match(match[2]) else match[1] + MASK


@lru_cache(maxsize=16384)
def mask(text: str) -> str:
    """Replace every secret in `text` that is recognised by ``***``.

    Recognised are the documented token formats of well-known issuers, passwords in URLs, private keys, and
    values behind words such as ``password=``, ``--token`` or ``Authorization: Bearer``. References to
    variables (``$TOKEN``) stay readable.
    """
    if _HINT.search(text) is None:
        return text
    text = _PRIVATE_KEY.sub(MASK, text)
    text = _TOKENS.sub(MASK, text)
    text = _URL_PASSWORD.sub(rf"\1{MASK}@", text)
    return _LABELLED.sub(_mask_value, text)


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
