"""Labels: what a person says of a log, one JSON object a line.

==================== ==================================================================================
``path``             the log, relative to the folder of the labels or the place of the logs; also
                     ``file`` or ``name``, the first of ``file``, ``path``, ``name`` that is there
``build``            0-based number of the build in its log that the label speaks of. Without it: of those
                     that failed the first that has the root line in its part of the log, else the last, and
                     if none failed, the last of all
``status``           what the API said of the build, for logs that do not tell how it ended
``outcome``          ``failed`` (if left out), ``succeeded``, ``canceled``, ``incomplete`` or ``unknown``
``step``             the number of the failing step, as its builder counts; ``null``: it failed outside its
                     steps. Also ``failing_step``, of which ``null`` says nothing
``instruction``      how the failing instruction begins, or the name of what failed that is none; also
                     ``failing_instruction``. It counts where no number is given
``exit_code``        the code that the builder names, ``null`` if it names none
``root_line``        number of the line that best says why, from 1, counted by line feeds; also
                     ``error_line``, or an object with ``number``
``accepted``         other lines that say it well enough; also ``error_line_alternatives``
``ends``             how the text of an accepted line ends, in one of these ways: where one line of the log
                     holds many texts, as lines of JSON do, a number tells too little
``cause``            the cause, ``*`` standing for anything
``accepted_causes``  others that are right, too; also ``causes_accepted``
``why``              the reason in words; also ``notes`` or ``note``
==================== ==================================================================================

``accepted_outcomes``, ``accepted_steps`` and ``accepted_exit_codes`` are others that the log allows. What a
label leaves out is not asked; of builds that did not fail, nothing but the outcome is. Other fields, such as
``root_text`` or ``scenario``, are for readers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from logparse.errors import UsageError
from logparse.model import Outcome, Status
from logparse.text import printable

__all__ = ["Label", "LabelError", "read_labels"]

_NAMES = ("file", "path", "name")
_STATUSES = {status.value: status for status in Status}
_OUTCOMES = frozenset(outcome.value for outcome in Outcome)

T = TypeVar("T")


class LabelError(UsageError):
    """A label cannot be read, or speaks of a log that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a person says of a log. A part that is ``None`` is not asked.

    Parameters
    ----------
    name
        The log.
    build
        Which of its builds.
    status
        What the API said of the build.
    outcome, outcomes
        How it ended, and all that count as right.
    steps, instruction, exit_codes
        What failed; ``None`` among steps or codes stands for none at all.
    line, lines, ends
        The root line, all that count as right, and how their text must end.
    cause, causes
        The cause, and patterns of all that count as right.
    why, scenario
        For the reader.
    where
        The label's place, ``line 3 of labels.jsonl``.
    """

    name: str
    build: int | None = None
    status: Status | None = None
    outcome: str = "failed"
    outcomes: frozenset[str] = frozenset({"failed"})
    steps: frozenset[int | None] | None = None
    instruction: str | None = None
    exit_codes: frozenset[int | None] | None = None
    line: int | None = None
    lines: frozenset[int] | None = None
    ends: tuple[str, ...] = ()
    cause: str | None = None
    causes: tuple[str, ...] | None = None
    why: str = ""
    scenario: str = ""
    where: str = field(default="", compare=False)

    @property
    def step(self) -> int | None:
        """The number of the failing step, the first of those that are right."""
        return min((step for step in self.steps or () if step is not None), default=None)

    @property
    def exit_code(self) -> int | None:
        """The exit code, the first of those that are right."""
        return min((code for code in self.exit_codes or () if code is not None), default=None)


def read_labels(path: Path) -> list[Label]:
    """Read a file of labels.

    Raises
    ------
    LabelError
        The file cannot be read, or a line of it is no label.
    """
    name = printable(str(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise LabelError(f"{name} does not exist: check the path of the labels.") from None
    except (OSError, ValueError) as error:
        raise LabelError(
            f"{name} cannot be read as labels ({error}): give a text file of JSON lines."
        ) from None
    labels = [
        _label(line, f"line {number} of {name}")
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip()
    ]
    if not labels:
        raise LabelError(f"There is no label in {name}: write one JSON object a line.")
    return labels


def _label(line: str, where: str) -> Label:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        raise LabelError(f"{_capital(where)} is no JSON object: write one label a line.")
    name = next((entry[key] for key in _NAMES if entry.get(key)), None)
    if not isinstance(name, str):
        raise LabelError(f"{_capital(where)} names no log: give it a 'path'.")
    reader = _Entry(entry, where)
    outcome = reader.one("outcome", str) or "failed"
    outcomes = frozenset({outcome, *reader.many("accepted_outcomes", str)})
    if not outcomes <= _OUTCOMES:
        raise reader.error(f"{min(outcomes - _OUTCOMES)!r} is no outcome; take one of {_listed(_OUTCOMES)}")
    if outcome == Outcome.UNKNOWN:
        # Both say that the log does not show the end.
        outcomes |= {Outcome.INCOMPLETE.value}
    status = reader.one("status", str)
    if status is not None and status not in _STATUSES:
        raise reader.error(f"{status!r} is no status; take one of {_listed(_STATUSES)}")
    root = reader.root()
    others = [*reader.many("accepted", int), *reader.many("error_line_alternatives", int)]
    causes = tuple(dict.fromkeys(reader.causes()))
    return Label(
        name=name,
        build=reader.one("build", int),
        status=_STATUSES[status] if status else None,
        outcome=outcome,
        outcomes=outcomes,
        steps=reader.steps(),
        instruction=reader.one("instruction", str) or reader.one("failing_instruction", str),
        exit_codes=frozenset({reader.one("exit_code", int), *reader.many("accepted_exit_codes", int)})
        if "exit_code" in entry
        else None,
        line=root,
        lines=frozenset({root, *others}) if root is not None else None,
        ends=tuple(reader.many("ends", str)),
        cause=causes[0] if causes else None,
        causes=causes or None,
        why=next((str(entry[key]) for key in ("why", "notes", "note") if entry.get(key)), ""),
        scenario=str(entry.get("scenario") or ""),
        where=where,
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    """One object of a file of labels, read with errors that name its line."""

    entry: dict[str, Any]
    where: str

    def error(self, sentence: str) -> LabelError:
        return LabelError(f"{_capital(self.where)} cannot be used: {sentence}.")

    def one(self, key: str, kind: type[T]) -> T | None:
        """The value of a field, ``None`` if it is not there."""
        return self._checked(key, self.entry.get(key), kind)

    def many(self, key: str, kind: type[T]) -> list[T]:
        """The values of a field that lists some; ``null`` among them does not count."""
        values = self.entry.get(key)
        if values is None:
            return []
        if not isinstance(values, list):
            raise self.error(f"{key!r} is {_shown(values)}, not a list")
        return [value for value in (self._checked(key, one, kind) for one in values) if value is not None]

    def steps(self) -> frozenset[int | None] | None:
        others = self.many("accepted_steps", int)
        if "step" in self.entry:
            return frozenset({self.one("step", int), *others})
        step = self.one("failing_step", int)
        return frozenset({step, *others}) if step is not None else None

    def root(self) -> int | None:
        key = "root_line" if "root_line" in self.entry else "error_line"
        value = self.entry.get(key)
        return self._checked(key, value.get("number") if isinstance(value, dict) else value, int)

    def causes(self) -> list[str]:
        cause = self.one("cause", str)
        return [
            *([cause] if cause else []),
            *self.many("causes_accepted", str),
            *self.many("accepted_causes", str),
        ]

    def _checked(self, key: str, value: Any, kind: type[T]) -> T | None:
        if value is None:
            return None
        if not isinstance(value, kind) or isinstance(value, bool):
            wanted = "a number" if kind is int else "text"
            raise self.error(f"{key!r} has {_shown(value)}, not {wanted}")
        return value


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _listed(values: Any) -> str:
    return ", ".join(sorted(values))


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."  # noqa: PLR2004 - a glimpse is enough
