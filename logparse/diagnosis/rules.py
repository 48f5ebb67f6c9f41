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
that the failing instruction must match, and whose groups name things as well), ``era`` (the versions of the
tool or builder that print such lines, in a few words: ``npm <= 9``) and ``identity``: the things
named by which two such failures are the same, for what each builder words in its own way. Without it they
are the same if the lines are. ``explains`` names later lines that such a line is the reason of, by the ids of
their rules, and ``within`` how many lines after it they may stand: see :mod:`logparse.diagnosis.far`.

Anchors are what makes many rules cheap: a line is shown to a rule's pattern only if an anchor of it is in
the line. Patterns carry a bound on every repetition, and those that come with the package take time in
proportion to a line's length, whatever is in it; the test suite holds them to it.

Rules of your own
-----------------
:func:`load_book` adds files of yours to the package's. They hold ``[[rule]]`` tables as above and causes as
``[cause."my.id"]`` tables with the keys of ``causes.toml``. A rule or cause with an id of the package's takes
its place. Such a file is checked whole when it is loaded, with its samples and with lines made against its
patterns, and a wrong one is refused: see :mod:`logparse.diagnosis.check`. What is slow all the same is ended
by the time-outs of :mod:`logparse.diagnosis.rule`. From then on a rule's lines count as lines that no rule
knows, so such a diagnosis may depend on the machine.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple

from logparse.diagnosis.check import cause_of, flaws, rule_of
from logparse.diagnosis.rule import (
    ANY,
    DELAYS,
    PACKAGE,
    SUBJECTS,
    TIME_OUT,
    TIME_OUTS,
    UNKNOWN,
    Cause,
    Patience,
    Pick,
    Role,
    Rule,
    RuleBook,
    Where,
    patience_of,
)
from logparse.errors import RuleError
from logparse.text import printable, to_utf8

__all__ = [
    "ANY",
    "DELAYS",
    "ENVIRONMENT",
    "PACKAGE",
    "SUBJECTS",
    "TIME_OUT",
    "TIME_OUTS",
    "UNKNOWN",
    "Cause",
    "Examined",
    "Patience",
    "Pick",
    "Role",
    "Rule",
    "RuleBook",
    "RuleError",
    "Where",
    "default_rules",
    "examine_rules",
    "load_book",
    "load_causes",
    "load_rules",
    "patience_of",
]

ENVIRONMENT = "LOGPARSE_RULES"
"""The variable that names files and folders of rules, joined as those of ``PATH`` are."""

_LARGEST, _LONGEST = 1 << 18, 1 << 15
"""Bytes of a user's file and of a line in it. Some lines take the parser of TOML time that grows with the
square of their length."""


class Examined(NamedTuple):
    """What :func:`examine_rules` has found: how many rules in which files, and what is wrong with them."""

    rules: int
    files: tuple[str, ...]
    errors: tuple[RuleError, ...]


@cache
def default_rules() -> RuleBook:
    """The causes and rules that come with the package, read once."""
    here = files("logparse.diagnosis")
    causes = load_causes(here / "causes.toml")
    return RuleBook(causes, load_rules(here / "rules", causes))


def load_book(*paths: str | os.PathLike[str], environ: Mapping[str, str] | None = None) -> RuleBook:
    """The package's causes and rules together with your own.

    Parameters
    ----------
    paths
        Files, or folders whose ``*.toml`` files are read. Each path may replace what the package and the
        paths before it say, by id; within one path, an id stands once.
    environ
        Where :data:`ENVIRONMENT` is looked up, which names paths that come before `paths`; by default the
        process's environment, ``{}`` for none.

    Raises
    ------
    RuleError
        A file is missing or too large or no TOML, or a rule or cause in it is wrong.
    """
    paths = (*_named(environ), *paths)
    return _Shelf(_raise).filled(paths) if paths else default_rules()


def examine_rules(*paths: str | os.PathLike[str], environ: Mapping[str, str] | None = None) -> Examined:
    """Check files of rules as :func:`load_book` does, to the end.

    Parameters
    ----------
    paths, environ
        As of :func:`load_book`. Without any path, the rules of the package are run on their samples and on
        lines made against their patterns.
    """
    paths = (*_named(environ), *paths)
    errors: list[RuleError] = []
    if not paths:
        rules = default_rules().rules
        for rule in rules:
            errors += [RuleError(flaw, file=PACKAGE, entry=rule.id) for flaw in flaws(rule)]
        return Examined(len(rules), (PACKAGE,), tuple(errors))
    shelf = _Shelf(errors.append)
    shelf.filled(paths)
    return Examined(shelf.seen, tuple(shelf.files), tuple(errors))


def _named(environ: Mapping[str, str] | None) -> list[str]:
    value = (os.environ if environ is None else environ).get(ENVIRONMENT, "")
    return [path for path in value.split(os.pathsep) if path]


def _raise(error: RuleError) -> None:
    raise error


class _Shelf:
    """Rules and causes that files are added to.

    Parameters
    ----------
    tell
        Is given each error. If it returns, reading goes on without what is wrong.
    """

    def __init__(self, tell: Callable[[RuleError], object]) -> None:
        book = default_rules()
        self.causes = dict(book.causes)
        self.rules = {rule.id: rule for rule in book.rules}
        self.files: list[str] = []
        self.seen = 0
        self._tell = tell

    def filled(self, paths: Iterable[str | os.PathLike[str]]) -> RuleBook:
        """The book with all of `paths` in it."""
        for path in paths:
            self._add(Path(path))
        for rule in self.rules.values():
            unknown = rule.explains - self.rules.keys() - {ANY}
            if unknown:
                reason = f"explains: there is no rule {min(unknown)!r}; name one, or {ANY!r} for all"
                self._tell(RuleError(reason, file=rule.origin, entry=rule.id))
        return RuleBook(self.causes, tuple(self.rules.values()))

    def _add(self, path: Path) -> None:
        tables = [(file, table) for file in self._listed(path) for table in self._table(file)]
        taken: dict[str, str] = {}
        # Causes come first: a rule may name one of another file.
        for file, table in tables:
            for name, entry in table.get("cause", {}).items():
                self._add_cause(file, name, entry, taken)
        taken.clear()
        for file, table in tables:
            for number, entry in enumerate(table.get("rule", ()), 1):
                self._add_rule(file, number, entry, taken)

    def _listed(self, path: Path) -> list[Path]:
        """The files that `path` stands for."""
        try:
            if not path.is_dir():
                return [path]
            found = [
                file for file in sorted(path.iterdir()) if file.suffix == ".toml" and file.name[0] != "."
            ]
        except (OSError, ValueError) as error:
            self._tell(_unreadable(path, error))
            return []
        if not found:
            self._tell(RuleError("no file of the folder ends in .toml; put rules into it", file=_name(path)))
        return found

    def _table(self, path: Path) -> Iterator[dict[str, Any]]:
        """What is in a file, if anything is."""
        try:
            table = _user_table(path)
        except RuleError as error:
            self._tell(error)
            return
        self.files.append(_name(path))
        yield table

    def _add_cause(self, path: Path, name: str, entry: object, taken: dict[str, str]) -> None:
        file = _name(path)
        try:
            cause = cause_of(name, entry, file=file)
            _take(name, file, taken)
        except RuleError as error:
            self._tell(error)
            return
        self.causes[name] = cause

    def _add_rule(self, path: Path, number: int, entry: object, taken: dict[str, str]) -> None:
        file = _name(path)
        self.seen += 1
        try:
            rule = rule_of(entry, self.causes, file=file, number=number, origin=file)
            _take(rule.id, file, taken)
        except RuleError as error:
            self._tell(error)
            return
        for flaw in flaws(rule):
            self._tell(RuleError(flaw, file=file, entry=rule.id))
        self.rules[rule.id] = rule


def _take(name: str, file: str, taken: dict[str, str]) -> None:
    if name in taken:
        where = "this file" if taken[name] == file else taken[name]
        raise RuleError(
            f"the id is taken by another one in {where}; give it one of its own", file=file, entry=name
        )
    taken[name] = file


def _name(path: Path) -> str:
    return printable(str(path))


def _unreadable(path: Path, error: Exception) -> RuleError:
    reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
    return RuleError(
        f"it cannot be read ({reason}); give a .toml file, or a folder of them", file=_name(path)
    )


def _user_table(path: Path) -> dict[str, Any]:
    """Read a file that anything may be in."""
    file = _name(path)
    try:
        # What is no file may have no end.
        if path.exists() and not path.is_file():
            raise RuleError("it is no file; give a .toml file, or a folder of them", file=file)
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if len(data) > _LARGEST:
        raise RuleError(f"it is larger than {_LARGEST // 1024} kB; make several files of it", file=file)
    if max(map(len, data.split(b"\n"))) > _LONGEST:
        raise RuleError(f"a line of it is longer than {_LONGEST // 1024} kB; break or shorten it", file=file)
    try:
        table = tomllib.loads(to_utf8(data).decode())
    except (ValueError, RecursionError) as error:
        raise RuleError(f"it is no TOML ({_one_line(error)}); correct it", file=file) from None
    for key, value in table.items():
        if key not in {"rule", "cause"}:
            hint = 'a file has [[rule]] and [cause."..."] tables and nothing else'
            raise RuleError(f"unknown key {key!r}; {hint}", file=file)
        if not isinstance(value, list if key == "rule" else dict):
            form = "[[rule]]" if key == "rule" else '[cause."..."]'
            raise RuleError(f"{key!r} is no {form} table; begin each with {form}", file=file)
    return table


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def load_causes(path: Traversable) -> dict[str, Cause]:
    """Read and check the package's ``causes.toml``.

    Raises
    ------
    RuleError
        The file cannot be read, or an entry is incomplete or says something unknown.
    """
    return {name: cause_of(name, entry, file=path.name) for name, entry in _read(path).items()}


def load_rules(
    directory: Traversable, causes: Mapping[str, Cause], *, check_samples: bool = False
) -> tuple[Rule, ...]:
    """Read and check the package's rule files.

    Parameters
    ----------
    directory
        The folder that holds the ``*.toml`` files.
    causes
        What the rules may name as a cause.
    check_samples
        Also look at every pattern, and run every rule on its samples and on lines made against it, which
        takes seconds.

    Raises
    ------
    RuleError
        A file cannot be read, or a rule in it is wrong.
    """
    rules: dict[str, Rule] = {}
    taken: dict[str, str] = {}
    for path in sorted(directory.iterdir(), key=lambda path: path.name):
        if not path.name.endswith(".toml"):
            continue
        for number, entry in enumerate(_read(path).get("rule", ()), 1):
            rule = rule_of(entry, causes, file=path.name, number=number, patterns=check_samples)
            _take(rule.id, path.name, taken)
            for flaw in flaws(rule) if check_samples else ():
                raise RuleError(flaw, file=path.name, entry=rule.id)
            rules[rule.id] = rule
    for rule in rules.values():
        unknown = rule.explains - rules.keys() - {ANY}
        if unknown:
            raise RuleError(
                f"explains: there is no rule {min(unknown)!r}", file=taken[rule.id], entry=rule.id
            )
    return tuple(rules.values())


def _read(path: Traversable) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RuleError(f"it cannot be read ({_one_line(error)})", file=path.name) from error
