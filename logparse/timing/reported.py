"""What tools say about their own time: a lower bound for the step that they ran in.

Times of one tool that works line by line add up. Those of different tools do not, since one may have run the
other; the largest counts.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

from logparse.model import Step
from logparse.text import plain

__all__ = ["Tool", "reported_seconds", "tools"]

_LONGEST = 1 << 10
"""Bytes of a line that may hold such words."""
_UNITS = {"hours": 3600.0, "minutes": 60.0, "seconds": 1.0, "seconds_only": 1.0, "millis": 1e-3}


@dataclass(frozen=True)
class Tool:
    """How a tool says what it took, as ``reported.toml`` explains it."""

    name: str
    anchor: str
    pattern: str
    adds: bool
    samples: tuple[tuple[str, float], ...]

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self.pattern)

    def seconds(self, line: str) -> float | None:
        """The seconds that a line tells, ``None`` if it does not speak of that."""
        if self.anchor not in line:
            return None
        found = self._pattern.search(line)
        if found is None:
            return None
        parts = found.groupdict()
        told = [(unit, parts[name]) for name, unit in _UNITS.items() if parts.get(name)]
        return sum(unit * float(text.replace(",", ".")) for unit, text in told) if told else None


@cache
def tools() -> tuple[Tool, ...]:
    """Every tool that is known to say what it took."""
    text = (files("logparse.timing") / "reported.toml").read_text(encoding="utf-8")
    return tuple(
        Tool(
            entry["name"],
            entry["anchor"],
            entry["pattern"],
            entry["adds"],
            tuple((line, float(seconds)) for line, seconds in entry["samples"]),
        )
        for entry in tomllib.loads(text)["tool"]
    )


# Every such line holds a digit before a unit's letter or a clock's colon, near its end or in brackets.
_TELLING = re.compile(rb"\d(?:m?s\b|m$|min\b| (?:ms|min|s|sec|seconds)\b|elapsed)|:\d\d|real")


def reported_seconds(step: Step) -> float | None:
    """The seconds that a step took at least, as the tools in it say.

    Parameters
    ----------
    step
        Any step.

    Returns
    -------
    float or None
        ``None`` if no tool says anything.
    """
    told: dict[str, float] = {}
    for line in step.output.split(b"\n"):
        if len(line) > _LONGEST or _TELLING.search(line) is None:
            continue
        text = plain(line)
        for tool in tools():
            seconds = tool.seconds(text)
            if seconds is not None:
                so_far = told.get(tool.name, 0.0)
                told[tool.name] = so_far + seconds if tool.adds else max(so_far, seconds)
                break
    return max(told.values(), default=None)
