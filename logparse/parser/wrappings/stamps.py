"""How time stamps are printed, as patterns; and what they mean in seconds.

========= ================================== ==================================================
kind      example                            printed by
========= ================================== ==================================================
iso       ``2024-05-01T10:11:12.1234567Z``   GitHub's and Azure's runners (7 digits), GitLab's
                                             (6), Jenkins's timestamper (3, in brackets), log
                                             drivers (RFC 3339 with up to 9), ``ts``
go        ``2024/05/01 10:11:12``            Go's package ``log``, with its standard flags
month     ``May  1 10:11:12``                syslog (RFC 3164), ``ts`` by default
http      ``Wed, 01 May 2024 10:11:12 GMT``  GitHub's web pages, until 2020
clock     ``10:11:12``                       Jenkins's timestamper, ``ts -s``, copied web pages
epoch     ``1714558272123``                  CloudWatch, Buildkite: milliseconds since 1970
========= ================================== ==================================================
"""

from __future__ import annotations

import calendar
import math
import re

import numpy as np
import numpy.typing as npt

__all__ = [
    "ISO",
    "STAMPS",
    "date_seconds",
    "fraction_digits",
    "seconds_of",
    "unnamed",
    "unrolled",
    "weights_of",
    "zone_seconds",
]

_TIME = rb"(?P<hour>[012]\d):(?P<minute>[0-5]\d):(?P<second>[0-6]\d)"
_FRACTION = rb"(?:[.,](?P<fraction>\d{1,9}))?"
_ZONE = rb"(?P<zone>Z|(?: |)[+-]\d\d:?\d\d(?: UTC)?| UTC| GMT)?"
_DATE = rb"(?P<year>[12]\d{3})-(?P<month>[01]\d)-(?P<day>[0-3]\d)"
_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_MONTH = rb"(?P<name_of_month>" + b"|".join(_MONTHS) + rb")"

ISO = _DATE + rb"[T ]" + _TIME + _FRACTION + _ZONE

STAMPS: dict[str, bytes] = {
    "iso": ISO,
    "go": rb"(?P<year>[12]\d{3})/(?P<month>[01]\d)/(?P<day>[0-3]\d) " + _TIME + _FRACTION,
    "month": _MONTH + rb" (?P<day>[ 0-3]\d) " + _TIME + _FRACTION,
    "http": rb"[MTWFS][a-z]{2}, (?P<day>[0-3]\d) " + _MONTH + rb" (?P<year>[12]\d{3}) " + _TIME + rb" GMT",
    "clock": _TIME + _FRACTION,
    "epoch": rb"(?P<epoch>1\d{12})",
}
"""The pattern of each kind. Groups have the same names in all."""


def unnamed(pattern: bytes) -> bytes:
    """A pattern without its groups' names, to stand in another one beside patterns with the same names."""
    return re.sub(rb"\(\?P<\w+>", b"(?:", pattern)


_DAY = 86_400.0
_HALF_DAY = _DAY / 2
_YEAR = 366 * _DAY
_MANY_DAYS = 180 * _DAY

# Seconds that the first digit of a group stands for; each further one stands for a tenth of the one before.
_FIRST_DIGIT = {"hour": 36_000.0, "minute": 600.0, "second": 10.0, "fraction": 0.1, "epoch": 1e9}
_UNITS = {"hour": 3_600.0, "minute": 60.0}


def weights_of(match: re.Match[bytes]) -> list[tuple[int, float]]:
    """The digits of a stamp's time of day, or of its milliseconds: where each is, and its seconds."""
    weights = []
    for group, first in _FIRST_DIGIT.items():
        if group in match.re.groupindex and match.group(group) is not None:
            start, end = match.span(group)
            weights += [(start + index, first / 10**index) for index in range(end - start)]
    return weights


def fraction_digits(match: re.Match[bytes]) -> int:
    """How many digits of a second a stamp prints."""
    found = match.re.groupindex
    if "epoch" in found and match["epoch"]:
        return 3
    return len(match["fraction"] or b"") if "fraction" in found else 0


def seconds_of(match: re.Match[bytes]) -> float:
    """The time that a stamp prints; NaN if it prints none."""
    found = match.re.groupindex
    if "epoch" in found and match["epoch"]:
        return int(match["epoch"]) / 1000
    if "hour" not in found or not match["hour"]:
        return math.nan
    hour, minute, second = match.group("hour", "minute", "second")
    fraction = match["fraction"] if "fraction" in found else None
    seconds = 3600 * int(hour) + 60 * int(minute) + int(second)
    return seconds + float(b"0." + (fraction or b"0")) + date_seconds(match) - zone_seconds(match)


def date_seconds(match: re.Match[bytes]) -> float:
    """Seconds from 1970 to the day of a stamp; a day without a year counts as one of 1972, none as the first.

    A date that is none, such as the 99th of a month, counts as the first of all too.
    """
    found = match.re.groupindex
    if "day" not in found:
        return 0.0
    year = int(match.group("year")) if "year" in found else 1972
    if "name_of_month" in found:
        month = _MONTHS.index(match.group("name_of_month")) + 1
    else:
        month = int(match.group("month"))
    day = int(match.group("day"))
    if not 1 <= month <= 12 or not 1 <= day <= 31:  # noqa: PLR2004 - months and days
        return 0.0
    return float(calendar.timegm((year, month, day, 0, 0, 0)))


def zone_seconds(match: re.Match[bytes]) -> float:
    """How many seconds a stamp's clock is ahead of UTC, as far as it says."""
    zone = match["zone"] if "zone" in match.re.groupindex else None
    if not zone or zone == b"Z":
        return 0.0
    digits = re.sub(rb"\D", b"", zone)
    if len(digits) != 4:  # noqa: PLR2004 - hours and minutes
        return 0.0
    seconds = 3600.0 * int(digits[:2]) + 60.0 * int(digits[2:])
    return -seconds if b"-" in zone else seconds


def unrolled(seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Times without a date or a year, made to go on where they begin anew at midnight or at New Year."""
    if len(seconds) < 2 or seconds.max() >= _YEAR * 3:  # noqa: PLR2004 - there is none to go on from; dated
        return seconds
    dateless = seconds.max() < 2 * _DAY
    back, period = (_HALF_DAY, _DAY) if dateless else (_MANY_DAYS, _YEAR)
    steps = np.diff(seconds)
    # A step back over the boundary, as lines that came out of order make it, is taken back.
    turns = np.zeros(len(seconds))
    turns[1:] = np.cumsum((steps < -back).astype(np.int64) - (steps > back))
    return seconds + np.maximum(turns, 0) * period
