"""The commands about rules: what there are, whether they are well, new ones, and what they miss."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from logparse.builds import read_builds
from logparse.cli.console import Format, console, note, safe, write_json
from logparse.cli.screens import plain_table
from logparse.diagnosis import default_rules, examine_rules, load_book
from logparse.diagnosis.coverage import Coverage, Gap, Spoken, coverage
from logparse.diagnosis.draft import draft_rule, knowing, rule_text
from logparse.diagnosis.rule import PACKAGE, Role, Rule, RuleBook, Where
from logparse.errors import ExportError, UsageError
from logparse.secrets import mask
from logparse.text import printable

__all__ = ["RulePaths", "commands"]

RulePaths = Annotated[
    list[str] | None,
    typer.Option(
        "--rules",
        metavar="PATH",
        help="Rules of your own: a file or a folder; may be repeated. They join those of LOGPARSE_RULES.",
        show_default=False,
    ),
]
_ID_WIDEST = 32

Form = Annotated[Format, typer.Option("--format", help="How to print.")]

commands = typer.Typer(
    name="rules",
    help="Show, test and write the rules by which failures are recognised.",
    rich_markup_mode=None,
)


@commands.callback(invoke_without_command=True)
def _main(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        raise UsageError("Give a command; see logparse rules --help.")


@commands.command("list")
def list_rules(
    tool: Annotated[
        str | None, typer.Option(help="Only of this tool: the first word of a rule's id.", show_default=False)
    ] = None,
    cause: Annotated[
        str | None, typer.Option(help="Only of this cause, or of all that begin so.", show_default=False)
    ] = None,
    rules: RulePaths = None,
    form: Form = Format.TABLE,
) -> None:
    """List rules.

    What they are called, which cause they know, and which file they come from.
    """
    book = load_book(*rules or ())
    found = [rule for rule in book.rules if _is_of(rule.id, tool) and _is_of(rule.cause, cause)]
    if not found:
        raise UsageError("No rule is of that tool and cause; logparse rules list shows all there are.")
    if form is not Format.TABLE:
        write_json((_rule_row(rule, book) for rule in found), form)
        return
    table = plain_table("Rule", "Cause", "Origin")
    for column in table.columns[:2]:
        # Ids are to be copied; the origin may take several lines.
        column.no_wrap, column.max_width = True, _ID_WIDEST
    for rule in found:
        file = Path(rule.origin).name + (" (overrides)" if _overrides(rule) else "")
        table.add_row(safe(rule.id), safe(rule.cause), safe(file))
    console.print(table)


@commands.command("show")
def show_rule(
    name: Annotated[str, typer.Argument(metavar="ID", help="A rule.")],
    rules: RulePaths = None,
    form: Form = Format.TABLE,
) -> None:
    """Show all that a rule says."""
    book = load_book(*rules or ())
    rule = next((rule for rule in book.rules if rule.id == name), None)
    if rule is None:
        near = difflib.get_close_matches(name, [rule.id for rule in book.rules], n=1)
        hint = f"give {near[0]}, or" if near else "give"
        raise UsageError(f"There is no rule {printable(name)!r}; {hint} another of logparse rules list.")
    if form is Format.TABLE:
        console.print(_facts(rule, book))
    else:
        write_json([_rule_row(rule, book)], form)


@commands.command("test")
def examine(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH",
            help="Files or folders of rules [those of LOGPARSE_RULES, or the package's].",
            show_default=False,
        ),
    ] = None,
    form: Form = Format.TABLE,
) -> int:
    """Test files of rules.

    On their samples, and on lines made against their patterns. Leaves with 1 if any rule is wrong.
    """
    examined = examine_rules(*paths, environ={}) if paths else examine_rules()
    if form is not Format.TABLE:
        write_json(
            ({"file": e.file, "rule": e.entry or None, "reason": mask(e.reason)} for e in examined.errors),
            form,
        )
        return int(bool(examined.errors))
    for error in examined.errors:
        console.print(safe(mask(str(error))), soft_wrap=True)
    wrong = len({(error.file, error.entry) for error in examined.errors})
    words = f"{wrong} wrong" if wrong else "all are well"
    files = "the package" if examined.files == (PACKAGE,) else _counted(len(examined.files), "file")
    note(f"{_counted(examined.rules, 'rule')} of {files}: {words}.")
    return int(bool(examined.errors))


@commands.command("new")
def new_rule(  # noqa: PLR0917 - how Typer declares options
    name: Annotated[str, typer.Argument(metavar="ID", help="What the rule is to be called: tool.what.")],
    cause: Annotated[str, typer.Option(help="What such a line means: the id of a cause.")],
    line: Annotated[str, typer.Option(help="A line of a log; '-' reads it from standard input.")],
    role: Annotated[Role, typer.Option(help="What the line is to the failure.")] = Role.CAUSE,
    out: Annotated[
        Path | None,
        typer.Option(help="File to add it to, made if need be [standard output].", show_default=False),
    ] = None,
    rules: RulePaths = None,
) -> None:
    """Draft a rule from a line.

    It looks for the line's words that are rare in logs, and has groups for what varies.
    """
    book = load_book(*rules or (), *([out] if out is not None and out.exists() else []))
    if line == "-":
        line = sys.stdin.readline()
    entry = draft_rule(line, id=name, cause=cause, role=role, book=book)
    known = next((rule for rule in book.rules if rule.id == name), None)
    if known is not None and known.origin != PACKAGE:
        raise UsageError(f"{known.origin} has a rule {name} already; give another id, or change that one.")
    if known is not None:
        note(f"{name} takes the place of the package's rule.")
    for other in knowing(entry["samples"][0], book):
        if other.id != name:
            note(f"{other.id}, of weight {other.weight}, knows the line, too.")
    if out is None:
        sys.stdout.write(rule_text(entry))
        return
    _append(out, rule_text(entry))
    note(f"{name} is in {out}; make it general, and add lines it must not match as 'counter'.")


@commands.command("coverage")
def show_coverage(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH", help="Logs, as of logparse diagnose.", show_default=False)
    ],
    rules: RulePaths = None,
    form: Form = Format.TABLE,
) -> None:
    """Tell what rules make of logs.

    Which of them spoke, and which failures no rule knew: what to write next.
    """
    book = load_book(*rules or ())
    counted = coverage(read_builds(*paths), book)
    if form is not Format.TABLE:
        write_json(_coverage_rows(counted, book), form)
        return
    _show_coverage(counted, book)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _is_of(name: str, beginning: str | None) -> bool:
    return beginning is None or name == beginning or name.startswith(f"{beginning}.")


def _overrides(rule: Rule) -> bool:
    """Whether a rule takes the place of one of the package's."""
    return rule.origin != PACKAGE and any(rule.id == other.id for other in default_rules().rules)


def _rule_row(rule: Rule, book: RuleBook) -> dict[str, Any]:
    """A rule as one object: the keys of its file, its cause in words, and where it comes from."""
    cause = book.causes[rule.cause]
    return {
        "id": rule.id,
        "cause": rule.cause,
        "title": cause.title,
        "owner": cause.owner,
        "retry": cause.retry,
        "remedy": cause.remedy and cause.remedy.strip(),
        "role": rule.role.value,
        "where": rule.where.value,
        "pick": rule.pick.value,
        "weight": rule.weight,
        "exits": sorted(rule.exits),
        "era": rule.era,
        "anchors": list(rule.anchors),
        "pattern": rule.pattern,
        "unless": rule.unless,
        "instruction": rule.instruction,
        "identity": list(rule.identity),
        "explains": sorted(rule.explains),
        "within": rule.within,
        "samples": [mask(text) for text in rule.samples],
        "counter": [mask(text) for text in rule.counter],
        "origin": rule.origin,
        "overrides": PACKAGE if _overrides(rule) else None,
    }


def _facts(rule: Rule, book: RuleBook) -> Table:
    """A rule as a screen; what it does not say is left out."""
    row = _rule_row(rule, book)
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("Rule", safe(rule.id, "bold"))
    facts.add_row("Cause", safe(f"{rule.cause}: {row['title']}"))
    if row["owner"] is not None:
        facts.add_row("Side", safe(f"{row['owner']}; retry: {row['retry']}"))
    if row["remedy"] is not None:
        facts.add_row("Do", safe(" ".join(row["remedy"].split("\n"))))
    plainly = {"where": Where.OUTPUT.value, "pick": "first", "weight": 0, "within": Rule.within}
    for key in ("role", "where", "pick", "weight", "exits", "era", "identity", "explains", "within"):
        value = row[key]
        if value in (None, []) or value == plainly.get(key):
            continue
        words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        facts.add_row(key.capitalize(), safe(words))
    for key in ("anchors", "pattern", "unless", "instruction", "samples", "counter"):
        texts = row[key] if isinstance(row[key], list) else [row[key]]
        for index, text in enumerate(text for text in texts if text is not None):
            facts.add_row("" if index else key.capitalize(), safe(text))
    facts.add_row("Origin", safe(rule.origin))
    if _overrides(rule):
        facts.add_row("", "in place of the package's rule")
    return facts


def _append(out: Path, text: str) -> None:
    """Add a rule to a file."""
    try:
        before = out.read_text(encoding="utf-8") if out.exists() else ""
        gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
        with out.open("a", encoding="utf-8") as file:
            file.write(gap + text)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ExportError(
            f"{printable(str(out))} cannot be written ({reason}); give another file."
        ) from error


def _coverage_rows(counted: Coverage, book: RuleBook) -> Iterator[dict[str, Any]]:
    """What was counted: the gaps, the rules that spoke, and the totals."""
    for fingerprint, gap in counted.gaps.items():
        yield {
            "kind": "gap",
            "fingerprint": fingerprint or None,
            "failures": gap.failures,
            "cause": gap.cause,
            "rule": gap.rule,
            "line": None if gap.line is None else {"number": gap.line.number, "text": mask(gap.line.text)},
            "path": gap.path,
            "build": gap.build,
        }
    for rule, spoken in _spoken(counted, book):
        yield {
            "kind": "rule",
            "rule": rule.id,
            "cause": rule.cause,
            "role": rule.role.value,
            "origin": rule.origin,
            "root": spoken.root,
            "builds": spoken.builds,
            "lines": spoken.lines,
        }
    known = counted.failures - sum(gap.failures for gap in counted.gaps.values())
    yield {"kind": "total", "builds": counted.builds, "failures": counted.failures, "known": known}


def _spoken(counted: Coverage, book: RuleBook) -> list[tuple[Rule, Spoken]]:
    """The rules that spoke, those of the most root lines first."""
    spoken = [(rule, counted.spoken[rule.id]) for rule in book.rules if rule.id in counted.spoken]
    return sorted(spoken, key=lambda one: (-one[1].root, -one[1].builds, -one[1].lines))


def _show_coverage(counted: Coverage, book: RuleBook) -> None:
    spoken = _spoken(counted, book)
    table = plain_table("Root lines", "Builds", "Lines", "Rule", right={"Root lines", "Builds", "Lines"})
    for rule, found in spoken:
        table.add_row(str(found.root), str(found.builds), str(found.lines), safe(rule.id))
    console.print(table)
    gaps = list(counted.gaps.items())
    _show_gaps("No rule knew", [one for one in gaps if one[1].rule is None])
    _show_gaps("A rule knew a symptom only", [one for one in gaps if one[1].rule is not None])
    known = counted.failures - sum(gap.failures for _, gap in gaps)
    console.print(
        f"\n{counted.builds} builds, {counted.failures} failed; rules gave the reason of {known}."
        f" {len(spoken)} of {len(book.rules)} rules spoke."
    )


def _show_gaps(title: str, gaps: list[tuple[str, Gap]]) -> None:
    """Failures of the same kind on two lines each: how many, fingerprint and rule, and what was said."""
    if not gaps:
        return
    console.print(f"\n{title}:", style="bold")
    for fingerprint, gap in gaps:
        head = safe(f"{gap.failures:>5}  {fingerprint}  ")
        head.append_text(safe(gap.rule or "", "cyan"))
        head.append_text(safe(f"  {gap.path or ''}:{gap.line.number if gap.line else 1}", "dim"))
        console.print(head, no_wrap=True, overflow="ellipsis")
        text = "nothing was printed" if gap.line is None else mask(gap.line.text).strip()
        console.print(safe(f"       {text}", "dim"), no_wrap=True, overflow="ellipsis")
