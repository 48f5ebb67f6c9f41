r"""Rules and causes: data files in, checked and typed objects out.

What is known about failures is data. ``causes.toml`` is the vocabulary: one table a cause id, with its title,
owner, whether building again helps, and the remedy. ``rules/<tool>.toml`` says by which lines a cause is
recognised::

    [[rule]]
    id = "apt.locate"                  # unique over all files
    cause = "apt.locate"               # an id of causes.toml
    role = "cause"                     # see Role
    anchors = ["Unable to locate"]     # every match contains one of these, literally
    pattern = 'E: Unable to locate package (?P<package>\S{1,256})'
    samples = ["E: Unable to locate package python-pip"]      # lines that must match
    counter = ["Unable to locate the config file"]            # lines that must not

and optionally ``weight`` (how telling it is beside rules of its role), ``exits`` (exit codes of the tool that
prints it), ``where``, ``pick``, ``unless`` (a pattern of lines it must not take), ``instruction`` (a pattern
that the failing instruction must match, and whose groups name things as well) and ``identity``: the things
named by which two such failures are the same, for what each builder words in its own way. Without it they
are the same if the lines are.

Anchors are what makes many rules cheap: a line is shown to a rule's pattern only if an anchor of it is in
the line. Patterns carry a bound on every repetition, and those that come with the package take time in
proportion to a line's length, whatever is in it; the test suite holds them to it. Rules of your own may be
slower: a time-out (:data:`TIME_OUT`) ends each search, as if the line did not match, and a rule whose
searches of one log have timed out :data:`TIME_OUTS` times is switched off for the rest of that log. From
then on its lines count as lines that no rule knows, so such a diagnosis may depend on the machine.

Loading checks everything that is cheap to check. The samples are run by the test suite, and by
:func:`load_rules` if asked to.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

import regex

from logparse.errors import LogparseError
from logparse.model import Log

__all__ = [
    "SUBJECTS",
    "TIME_OUT",
    "TIME_OUTS",
    "UNKNOWN",
    "Cause",
    "Patience",
    "Pick",
    "Role",
    "Rule",
    "RuleBook",
    "RuleError",
    "Where",
    "default_rules",
    "load_causes",
    "load_rules",
    "patience_of",
]

TIME_OUT = 0.5
"""Seconds a pattern may look at one line. Those of the package need about a hundredth at worst."""
TIME_OUTS = 3
"""How often a rule may time out on one log."""

SUBJECTS = frozenset({
    "branch", "code", "command", "constraint", "distribution", "file", "goal", "header", "host", "image",
    "instruction", "key", "library", "line", "module", "option", "package", "platform", "plugin", "port",
    "reason", "repository", "required", "script", "status", "symbol", "target", "task", "test", "tool", "url",
    "user", "variable", "version",
})  # fmt: skip
"""What a line can name. A pattern's groups must be called one of these, so that subjects have fixed types."""

_OWNERS = frozenset({"dockerfile", "code", "dependency", "network", "registry", "auth", "infra"})
_RETRIES = frozenset({"yes", "no", "maybe"})


class RuleError(LogparseError):
    """A rule or cause in a data file is wrong; the text names the file, the entry and the reason."""


class Role(StrEnum):
    """What a line that a rule recognises is to the failure."""

    CAUSE = "cause"
    """It says why."""
    SYMPTOM = "symptom"
    """It says that something went wrong earlier: ``Unable to correct problems``."""
    WRAPPER = "wrapper"
    """A tool reports that a tool it ran has failed: ``make: *** [all] Error 2``."""
    WARNING = "warning"
    """It looks like an error, and builds go on behind it."""


class Where(StrEnum):
    """What a rule is shown."""

    OUTPUT = "output"
    """Lines that the programs of a step printed."""
    BUILDER = "builder"
    """The builder's closing words."""
    COMMAND = "command"
    """The failing instruction, when no line explains the failure. Without exit codes, it takes any. Of the
    role symptom, it names the cause, and what was printed last is the root line; where its pattern has a
    `code`, the command left with that."""


class Pick(StrEnum):
    """Which line of a run of lines of the same rule is the one to show."""

    FIRST = "first"
    """Tools that go on after an error (compilers, apt's missing packages): the rest follows."""
    LAST = "last"
    """Programs that stop at an error: what they printed before was tolerated."""
    NEXT = "next"
    """The line behind it: ``rake aborted!`` announces the reason."""


UNKNOWN = "unknown"
"""The cause of a failure that no rule knows."""


class Cause(NamedTuple):
    """A class of failure, as ``causes.toml`` describes it. `remedy` may hold ``{subjects}`` to fill in.

    Of a failure that no rule knows nobody can say whose side it is on, or whether building again helps: only
    ``unknown`` has neither `owner` nor `retry`.
    """

    id: str
    title: str
    owner: str | None
    retry: str | None
    remedy: str | None

    def advice(self, subject: Mapping[str, str]) -> str | None:
        """The remedy with `subject` filled in: as much of it as speaks of things that are known.

        Sentences are kept or dropped whole, so that no advice has a hole in it.
        """
        if self.remedy is None:
            return None
        kept = []
        for sentence in self.remedy.split("\n"):
            try:
                kept.append(sentence.format_map(subject))
            except KeyError:
                continue
        return " ".join(kept) or None


class Patience:
    """Counts how often rules time out on a log, and says which have done so too often."""

    def __init__(self) -> None:
        self._lost: Counter[str] = Counter()

    def lose(self, rule: Rule) -> None:
        """`rule` has timed out once more."""
        self._lost[rule.id] += 1

    def ended(self, rule: Rule) -> bool:
        """Whether `rule` is switched off."""
        return bool(self._lost) and self._lost[rule.id] >= TIME_OUTS


def patience_of(log: Log) -> Patience:
    """The time-outs on a log so far, over all its builds."""
    patience: Patience = log._kept.setdefault("patience", Patience())  # noqa: SLF001 - kept with the log
    return patience


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How lines of one kind are recognised, and what they mean. See the module's text for the fields."""

    id: str
    cause: str
    role: Role
    where: Where = Where.OUTPUT
    pick: Pick = Pick.FIRST
    weight: int = 0
    exits: frozenset[int] = frozenset()
    anchors: tuple[str, ...]
    pattern: str = field(repr=False)
    unless: str | None = field(default=None, repr=False)
    instruction: str | None = field(default=None, repr=False)
    identity: tuple[str, ...] = ()
    samples: tuple[str, ...] = field(repr=False)
    counter: tuple[str, ...] = field(default=(), repr=False)

    # Compiled on first use: most logs need a handful of several hundred patterns.
    @cached_property
    def _pattern(self) -> regex.Pattern[str]:
        return regex.compile(self.pattern)

    @cached_property
    def _unless(self) -> regex.Pattern[str] | None:
        return regex.compile(self.unless) if self.unless is not None else None

    @cached_property
    def _instruction(self) -> regex.Pattern[str] | None:
        return regex.compile(self.instruction) if self.instruction is not None else None

    def match(self, text: str, patience: Patience | None = None) -> dict[str, str] | None:
        """What `text` names, if this rule recognises it; ``None`` if not, or if it takes too long."""
        if not any(anchor in text for anchor in self.anchors):
            return None
        return self.read(text, patience)

    def read(self, text: str, patience: Patience | None = None) -> dict[str, str] | None:
        """What `text` names, as :meth:`match` says it, of a text that is known to hold an anchor."""
        if patience is not None and patience.ended(self):
            return None
        try:
            found = self._pattern.search(text, timeout=TIME_OUT)
            if found is None or (self._unless and self._unless.search(text, timeout=TIME_OUT)):
                return None
        except TimeoutError:
            if patience is not None:
                patience.lose(self)
            return None
        if not self._pattern.groups:
            return {}
        return {name: value.strip() for name, value in found.groupdict().items() if value and value.strip()}

    def applies(self, instruction: str, patience: Patience | None = None) -> bool:
        """Whether the rule holds for a failing `instruction`; not if finding out takes too long."""
        return self.named_in(instruction, patience) is not None

    def named_in(self, instruction: str, patience: Patience | None = None) -> dict[str, str] | None:
        """What a failing `instruction` names; ``None`` if the rule does not hold for it."""
        if self._instruction is None:
            return {}
        if patience is not None and patience.ended(self):
            return None
        try:
            found = self._instruction.search(instruction, timeout=TIME_OUT)
        except TimeoutError:
            if patience is not None:
                patience.lose(self)
            return None
        return {name: value for name, value in found.groupdict().items() if value} if found else None


@dataclass(frozen=True, eq=False)
class RuleBook:
    """Causes and rules that fit together, indexed for use."""

    causes: Mapping[str, Cause]
    rules: tuple[Rule, ...]

    @cached_property
    def output(self) -> tuple[Rule, ...]:
        """Rules about the lines that programs print."""
        return tuple(rule for rule in self.rules if rule.where is Where.OUTPUT)

    @cached_property
    def builder(self) -> tuple[Rule, ...]:
        """Rules about the builder's closing words, the most telling first."""
        return self._sorted(Where.BUILDER)

    @cached_property
    def command(self) -> tuple[Rule, ...]:
        """Rules about commands that failed in silence, the most telling first."""
        return self._sorted(Where.COMMAND)

    def _sorted(self, where: Where) -> tuple[Rule, ...]:
        chosen = [rule for rule in self.rules if rule.where is where]
        return tuple(sorted(chosen, key=lambda rule: -rule.weight))


@cache
def default_rules() -> RuleBook:
    """The causes and rules that come with the package, read once."""
    here = files("logparse.diagnosis")
    causes = load_causes(here / "causes.toml")
    return RuleBook(causes, load_rules(here / "rules", causes))


def load_causes(path: Traversable) -> dict[str, Cause]:
    """Read and check ``causes.toml``.

    Raises
    ------
    RuleError
        The file cannot be read, or an entry is incomplete or says something unknown.
    """
    causes = {}
    for name, entry in _read(path).items():
        unknown = set(entry) - {"title", "owner", "retry", "remedy"}
        if unknown:
            raise RuleError(f"{path.name}, {name}: unknown key {min(unknown)!r}.")
        cause = Cause(
            name,
            str(entry.get("title", "")),
            entry.get("owner"),
            entry.get("retry"),
            entry.get("remedy"),
        )
        if not cause.title:
            raise RuleError(f"{path.name}, {name}: a cause needs a title.")
        causes[name] = cause
        if name == UNKNOWN:
            continue
        if cause.owner not in _OWNERS:
            raise RuleError(f"{path.name}, {name}: unknown owner {cause.owner!r}.")
        if cause.retry not in _RETRIES:
            raise RuleError(f"{path.name}, {name}: retry is yes, no or maybe, not {cause.retry!r}.")
    return causes


def load_rules(
    directory: Traversable, causes: Mapping[str, Cause], *, check_samples: bool = False
) -> tuple[Rule, ...]:
    """Read and check every rule file of a folder.

    Parameters
    ----------
    directory
        The folder that holds the ``*.toml`` files.
    causes
        What the rules may name as a cause.
    check_samples
        Also run every rule on its samples: compiles all patterns, which takes seconds.

    Raises
    ------
    RuleError
        A file cannot be read, or a rule in it is wrong.
    """
    rules: dict[str, Rule] = {}
    for path in sorted(directory.iterdir(), key=lambda path: path.name):
        if not path.name.endswith(".toml"):
            continue
        for entry in _read(path).get("rule", ()):
            rule = _rule(path.name, entry)
            where = f"{path.name}, {rule.id}"
            if rule.id in rules:
                raise RuleError(f"{where}: the id is taken.")
            if rule.cause not in causes:
                raise RuleError(f"{where}: unknown cause {rule.cause!r}.")
            if check_samples:
                _check_samples(where, rule)
            rules[rule.id] = rule
    return tuple(rules.values())


def _read(path: Traversable) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RuleError(f"{path.name}: {error}") from error


_KEYS = frozenset(Rule.__dataclass_fields__)
_REQUIRED = ("id", "cause", "role", "anchors", "pattern", "samples")


def _rule(file: str, entry: Mapping[str, Any]) -> Rule:
    """Make a rule of a table of a file, or say what is wrong with it."""
    where = f"{file}, {entry.get('id', 'rule without id')}"
    for key in _REQUIRED:
        if not entry.get(key):
            raise RuleError(f"{where}: a rule needs {key!r}.")
    unknown = set(entry) - _KEYS
    if unknown:
        raise RuleError(f"{where}: unknown key {min(unknown)!r}.")
    for key in ("pattern", "unless", "instruction"):
        flaw = _flaw(entry[key]) if key in entry else None
        if flaw:
            raise RuleError(f"{where}: {key}: {flaw}.")
    for name in entry.get("identity", ()):
        if not any(f"(?P<{name}>" in entry.get(key, "") for key in ("pattern", "instruction")):
            raise RuleError(f"{where}: identity: no group is called {name!r}.")
    if not all(entry["anchors"]):
        raise RuleError(f"{where}: an empty anchor is in every line.")
    try:
        return Rule(
            id=entry["id"],
            cause=entry["cause"],
            role=Role(entry["role"]),
            where=Where(entry.get("where", Where.OUTPUT)),
            pick=Pick(entry.get("pick", Pick.FIRST)),
            weight=int(entry.get("weight", 0)),
            exits=frozenset(entry.get("exits", ())),
            anchors=tuple(entry["anchors"]),
            pattern=entry["pattern"],
            unless=entry.get("unless"),
            instruction=entry.get("instruction"),
            identity=tuple(entry.get("identity", ())),
            samples=tuple(entry["samples"]),
            counter=tuple(entry.get("counter", ())),
        )
    except (TypeError, ValueError) as error:
        raise RuleError(f"{where}: {error}.") from error


_TOKEN = regex.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*+\]|\(\?P<(?P<group>\w+)>|(?P<open>[*+]|\{\d*,\})|.", regex.DOTALL
)


def _flaw(pattern: str) -> str | None:
    """What is wrong with a pattern as far as a look at its text can tell, or ``None``.

    A ``+`` behind a quantifier makes that possessive and is no repetition of its own.
    """
    last = ""
    for token in _TOKEN.finditer(pattern):
        if token["open"] and not (token[0] == "+" and last == "}"):
            return f"the repetition {token[0]!r} at {token.start()} has no upper bound"
        if token["group"] and token["group"] not in SUBJECTS:
            return f"unknown subject {token['group']!r}"
        last = token[0]
    return None


def _check_samples(where: str, rule: Rule) -> None:
    try:
        for sample in rule.samples:
            if rule.match(sample) is None:
                raise RuleError(f"{where}: the sample {sample!r} does not match.")
        for counter in rule.counter:
            if rule.match(counter) is not None:
                raise RuleError(f"{where}: {counter!r} matches, and must not.")
    except regex.error as error:
        raise RuleError(f"{where}: {error}.") from error
