"""Find out which cluster to ask, and with which credential.

Each setting is taken from the first place that has it: an explicit argument, the environment, a
profile of ``~/.algorithmia/config``. The names are those of Algorithmia's own clients:

=============== ========================================================= ==============
setting         environment                                               profile
=============== ========================================================= ==============
address         ``ALGORITHMIA_API``                                       ``api_server``
API key         ``ALGORITHMIA_API_KEY``                                   ``api_key``
bearer token    ``ALGORITHMIA_BEARER_TOKEN``                              ``bearer_token``
CA certificates ``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE``                ``ca_cert``
=============== ========================================================= ==============

An empty string means unset everywhere. Where one place has both a key and a bearer token, the key wins.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from logparse.errors import ConfigError

__all__ = ["DEFAULT_ADDRESS", "Origin", "Settings", "Token", "find_settings"]

DEFAULT_ADDRESS = "https://api.algorithmia.com"
DEFAULT_PROFILE = "default"

_PORTS = {"http": 80, "https": 443}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SCHEMED = re.compile(r"(?:simple|bearer) +(?P<value>\S+)", re.IGNORECASE)
_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


class Token:
    """A credential that does not show itself.

    Parameters
    ----------
    value
        An API key, a JWT, or either with its scheme (``Simple ...``, ``Bearer ...``) before it.
    origin
        What the value came from, for the error's sentence: a variable, a file, an argument.

    Raises
    ------
    ConfigError
        If `value` cannot be sent in a header: empty, not ASCII, with spaces or control characters.
        A newline at the end, which a file read by hand often leaves, is refused as well.
    """

    __slots__ = ("_header", "_secret")

    def __init__(self, value: str, *, origin: str = "the token") -> None:
        schemed = _SCHEMED.fullmatch(value)
        secret = schemed["value"] if schemed else value
        if not secret:
            raise ConfigError(f"The credential from {origin} is empty: give an API key or a bearer token.")
        if not all("!" <= character <= "~" for character in secret):
            raise ConfigError(
                f"The credential from {origin} holds a space, a line end or another character that no key"
                " has: copy it again, without anything around it."
            )
        scheme = "Bearer" if _JWT.fullmatch(secret) else "Simple"
        self._secret = secret
        self._header = value if schemed else f"{scheme} {secret}"

    @classmethod
    def bearer(cls, value: str, *, origin: str = "the bearer token") -> Self:
        """Make a bearer token of `value`, be it a JWT or opaque."""
        return cls(value if _SCHEMED.fullmatch(value) else f"Bearer {value}", origin=origin)

    @property
    def header(self) -> str:
        """The value of the ``Authorization`` header."""
        return self._header

    def scrub(self, text: str) -> str:
        """Return `text` without the credential, should a server have echoed it."""
        return text.replace(self._secret, "***")

    def __repr__(self) -> str:
        return "Token(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and self._header == other._header

    def __hash__(self) -> int:
        return hash(self._header)

    def __reduce__(self) -> Any:
        # A pickle would carry the secret to other machines and into caches.
        raise TypeError("a Token is not pickled: make it anew from the configuration")


class Origin(NamedTuple):
    """Scheme, host and port: what must be equal for a credential to be sent."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Self:
        """Return the origin of an absolute URL.

        Raises
        ------
        ValueError
            If `url` is no absolute ``http`` or ``https`` URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError(f"not an absolute http or https URL: {url!r}")
        port = parts.port if parts.port is not None else _PORTS[parts.scheme]
        return cls(parts.scheme, parts.hostname.rstrip("."), port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a client needs to know.

    Parameters
    ----------
    address
        Base URL without a slash at the end and without ``/v1``.
    token
        ``None`` for a cluster that asks for none.
    ca_bundle
        A file or folder of CA certificates, ``None`` for the system's.
    """

    address: str
    token: Token | None = None
    ca_bundle: str | None = None


def find_settings(
    address: str | None = None,
    token: str | Token | None = None,
    *,
    profile: str | None = None,
    ca_bundle: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
    config_file: Path | None = None,
) -> Settings:
    """Find address, credential and CA certificates.

    Parameters
    ----------
    address, token, ca_bundle
        Explicit values, which win.
    profile
        Name of a profile, which wins over the environment and must exist. Without one, ``default`` fills in
        what is set nowhere else, and need not exist.
    environ
        ``os.environ`` unless given.
    config_file
        ``~/.algorithmia/config`` unless given.

    Raises
    ------
    ConfigError
        If something that is set cannot be used, or no credential is found for a cluster that is not on
        this machine. A profile's credential is meant for the profile's own ``api_server``: it is not
        sent to an address of another origin that came from elsewhere.
    """
    environ = os.environ if environ is None else environ
    config_file = config_file or Path("~/.algorithmia/config").expanduser()
    if profile is not None:
        # Who names a profile means it, whatever else is set.
        environ = {name: value for name, value in environ.items() if not name.startswith("ALGORITHMIA_")}
    try:
        stored = _read_profile(config_file, profile)
    except ConfigError:
        has_address = address or environ.get("ALGORITHMIA_API")
        has_token = token or environ.get("ALGORITHMIA_API_KEY") or environ.get("ALGORITHMIA_BEARER_TOKEN")
        if profile is not None or not (has_address and has_token):
            raise
        stored = {}  # nothing in it is needed
    where = f"profile {profile or DEFAULT_PROFILE!r} of {config_file}"

    base = _first(
        (address, "the address argument"),
        (environ.get("ALGORITHMIA_API"), "ALGORITHMIA_API"),
        (stored.get("api_server"), f"api_server in {where}"),
        (DEFAULT_ADDRESS, "the default"),
    )
    assert base is not None  # noqa: S101 - the default is never empty
    clean = _check_address(*base)
    bundle = _first(
        (os.fspath(ca_bundle) if ca_bundle else None, "the ca_bundle argument"),
        (environ.get("REQUESTS_CA_BUNDLE"), "REQUESTS_CA_BUNDLE"),
        (environ.get("CURL_CA_BUNDLE"), "CURL_CA_BUNDLE"),
        (stored.get("ca_cert"), f"ca_cert in {where}"),
    )
    if bundle and not Path(bundle[0]).expanduser().exists():
        raise ConfigError(f"The CA bundle {bundle[0]}, set by {bundle[1]}, does not exist: correct the path.")
    return Settings(
        address=clean,
        token=_find_token(token, environ, stored, clean, where),
        ca_bundle=str(Path(bundle[0]).expanduser()) if bundle else None,
    )


def _find_token(
    token: str | Token | None, environ: Mapping[str, str], stored: Mapping[str, str], address: str, where: str
) -> Token | None:
    if isinstance(token, Token):
        return token
    if token:
        return Token(token, origin="the token argument")
    if key := environ.get("ALGORITHMIA_API_KEY"):
        return Token(key, origin="ALGORITHMIA_API_KEY")
    if bearer := environ.get("ALGORITHMIA_BEARER_TOKEN"):
        return Token.bearer(bearer, origin="ALGORITHMIA_BEARER_TOKEN")
    key, bearer = stored.get("api_key"), stored.get("bearer_token")
    if key or bearer:
        own = (
            _check_address(stored["api_server"], f"api_server in {where}") if stored.get("api_server") else ""
        )
        if own and Origin.of(own) != Origin.of(address):
            raise ConfigError(
                f"The credential in {where} belongs to {Origin.of(own)}, so it is not sent to"
                f" {Origin.of(address)}: set ALGORITHMIA_API_KEY to a key of that cluster, or pick the"
                " profile that belongs to it."
            )
        if key:
            return Token(key, origin=f"api_key in {where}")
        return Token.bearer(bearer or "", origin=f"bearer_token in {where}")
    if Origin.of(address).host in _LOOPBACK:
        return None  # a server on this machine, such as a recorded cluster's, may ask for none
    raise ConfigError(
        f"There is no credential for {address}: set ALGORITHMIA_API_KEY or ALGORITHMIA_BEARER_TOKEN, or add"
        f" api_key to {where}."
    )


def _first(*candidates: tuple[str | None, str]) -> tuple[str, str] | None:
    """Return the first value that is set, with its origin."""
    return next(((value, origin) for value, origin in candidates if value), None)


def _read_profile(file: Path, name: str | None) -> Mapping[str, str]:
    """Read one profile's settings; ``{}`` if the default one is not there."""
    wanted = name or DEFAULT_PROFILE
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if name:
            raise ConfigError(
                f"There is no profile {name!r}, since {file} does not exist: create it."
            ) from None
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # The parser's own message would quote the file, and with it perhaps a key.
        place = re.search(r"\(at [^)]*\)", str(error))
        raise ConfigError(f"{file} is not valid TOML {place[0] if place else ''}: correct it.") from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.") from error
    profiles = document.get("profiles")
    profiles = profiles if isinstance(profiles, dict) else {}
    found = profiles.get(wanted)
    if found is None:
        if name:
            known = ", ".join(sorted(profiles)) or "none"
            raise ConfigError(f"There is no profile {name!r} in {file}; those it has: {known}.")
        return {}
    if not isinstance(found, dict):
        raise ConfigError(f"profiles.{wanted} in {file} is not a table: write it as [profiles.{wanted}].")
    for key in ("api_key", "api_server", "bearer_token", "ca_cert"):
        if not isinstance(found.get(key, ""), str):
            raise ConfigError(f"{key} of profile {wanted!r} in {file} is not a string: put it in quotes.")
    return found


def _check_address(address: str, origin: str) -> str:
    """Return a base URL in its one spelling, or say what is wrong with it."""
    example = f"write an address such as {DEFAULT_ADDRESS}"
    try:
        Origin.of(address)
        parts = urlsplit(address)
    except ValueError:
        raise ConfigError(f"The address from {origin} is no http or https address: {example}.") from None
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            f"The address from {origin} holds a user name or password: take it out and set"
            " ALGORITHMIA_API_KEY."
        )
    if parts.query or parts.fragment or not all("!" <= character <= "~" for character in address):
        raise ConfigError(
            f"The address from {origin} holds more than scheme, host, port and path: {example}."
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/").removesuffix("/v1").rstrip("/")
