"""What people see: calm tables and screens of 80 columns that read the same in a pipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from rich import box
from rich.table import Table
from rich.text import Text

from logparse.cli.console import Format, console, note, safe, write_json
from logparse.fetch import FetchReport
from logparse.model import Build, Kind, LayerPull, Outcome, Step, TimingSource
from logparse.report import ShownElement, has_events, shown_elements, shown_events
from logparse.secrets import mask

__all__ = [
    "OUTCOME_COLOURS",
    "build_name",
    "headline",
    "plain_table",
    "show_elements",
    "show_fetch",
    "show_pulls",
    "show_steps",
    "shown",
    "step_mark",
    "step_name",
    "step_place",
    "steps_table",
]

OUTCOME_COLOURS = {
    Outcome.SUCCEEDED: "green",
    Outcome.FAILED: "red",
    Outcome.CANCELED: "yellow",
    Outcome.INCOMPLETE: "yellow",
    Outcome.UNKNOWN: "yellow",
}
_TEXT_SHOWN = 300
_ID_SHOWN = 8
_LAYER_SHOWN = 12
_ENDS_SHOWN = 3
_KIND_COLOURS = {
    Kind.UNKNOWN: "bold magenta",
    Kind.OUTPUT: "dim",
    Kind.BLANK: "dim",
    Kind.FAILURE: "red",
    Kind.ERROR: "red",
    Kind.WARNING: "yellow",
    Kind.CANCELED: "yellow",
    Kind.RESULT: "green",
}
_TEXT_COLOURS = {Kind.OUTPUT: "dim", Kind.HEADER: "bold", Kind.FAILURE: "red", Kind.ERROR: "red"}


def build_name(build: Build) -> str:
    """What a build is called: its algorithm, or where its log is."""
    log = build.log
    if log.owner and log.name:
        return f"{log.owner}/{log.name}"
    return "standard input" if log.path == "-" else log.path or "log"


def headline(build: Build) -> Text:
    """The line above what is told of a build: how it ended, and which one it is."""
    line = Text(build.outcome.value.upper(), style=f"bold {OUTCOME_COLOURS[build.outcome]}")
    line.append_text(safe(f"  {build_name(build)}", "bold"))
    if build.log.build_id:
        line.append_text(safe(f"  build {build.log.build_id}"))
    if build.log.commit:
        line.append_text(safe(f"  commit {build.log.commit[:_ID_SHOWN]}"))
    if build.index:
        line.append(f"  (build {build.index + 1} of its log)")
    if build.at_once:
        line.append("  ran at once with others: which lines are its own is a guess")
    if build.outcome is Outcome.INCOMPLETE and build.cut_line is not None:
        line.append_text(safe(f"  the log ends {_where_cut(build)}, at line {build.cut_line}"))
    return line


def _where_cut(build: Build) -> str:
    """In which steps a log was cut, or behind which one."""
    match [step for step in build.steps if step.incomplete]:
        case []:
            return f"behind step {step_name(build.steps[-1])}"
        case [step]:
            return f"in step {step_name(step)}"
        case steps:
            return "in steps " + ", ".join(f"{step_name(step)} {step_place(step)}".strip() for step in steps)


def step_place(step: Step) -> str:
    """Where a step belongs: its target and platform, if the build has several, and its stage."""
    stage = step.stage_name if step.target or step.platform else step.stage_label
    return mask(" ".join(word for word in (step.target, step.platform, stage) if word))


def step_name(step: Step) -> str:
    """A step's number as its builder prints it."""
    total = "" if step.total is None else f"/{step.total}"
    return f"{step.number}{total}"


def shown(text: str, most: int = _TEXT_SHOWN) -> str:
    """A text of a log with its secrets masked, cut to a length in characters."""
    text = mask(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)


def plain_table(*columns: str, right: AbstractSet[str] = frozenset()) -> Table:
    """Make an empty table; the columns in `right` are aligned to the right, as numbers are."""
    table = _table()
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    return table


def show_steps(builds: Iterable[Build]) -> None:
    """Print each build's steps."""
    for build in builds:
        console.print(headline(build), soft_wrap=True)
        if build.steps:
            console.print(steps_table(build.steps))
        else:
            console.print("  no steps", style="dim")
        console.print()


def steps_table(steps: Iterable[Step]) -> Table:
    """Steps as a table; the column of seconds is there only if any are known."""
    steps = list(steps)
    timed = any(step.timing.seconds is not None for step in steps)
    table = _table()
    table.expand = True
    table.add_column("Step", justify="right", no_wrap=True, min_width=5)
    several = any(step.target or step.platform for step in steps)
    table.add_column("Stage", overflow="ellipsis", no_wrap=True, min_width=7, max_width=28 if several else 16)
    table.add_column("", no_wrap=True, min_width=6)
    if timed:
        table.add_column("Seconds", justify="right", no_wrap=True, min_width=7)
    table.add_column("Instruction", overflow="ellipsis", no_wrap=True, ratio=1)
    for step in steps:
        mark = "~" if step.timing.source is TimingSource.ESTIMATED else ""
        seconds = "" if step.timing.seconds is None else f"{mark}{step.timing.seconds:.1f}"
        table.add_row(
            step_name(step),
            safe(step_place(step)),
            step_mark(step),
            *([seconds] if timed else []),
            safe(shown(step.text)),
        )
    return table


def show_pulls(builds: Iterable[Build]) -> None:
    """Print each build's pulled images with their layers."""
    for build in builds:
        console.print(headline(build), soft_wrap=True)
        for pull in build.pulls:
            sizes = [layer.bytes for layer in pull.layers if layer.bytes is not None]
            facts = [f"{len(pull.layers)} layers"]
            facts += [_bytes(sum(sizes))] if sizes else []
            facts += [] if pull.timing.seconds is None else [f"{pull.timing.seconds:.1f} s"]
            console.print(safe(f"  {mask(pull.reference)}: {', '.join(facts)}"), soft_wrap=True)
            if pull.layers:
                console.print(_layers_table(pull.layers))
        if not build.pulls:
            console.print("  nothing was pulled", style="dim")
        console.print()


def _layers_table(layers: Iterable[LayerPull]) -> Table:
    table = plain_table("Layer", "Bytes", "Seconds", "State", right={"Bytes", "Seconds"})
    for layer in layers:
        table.add_row(
            safe(layer.layer_id.removeprefix("sha256:")[:_LAYER_SHOWN]),
            "" if layer.bytes is None else _bytes(layer.bytes),
            "" if layer.seconds is None else f"{layer.seconds:.1f}",
            safe(layer.state),
        )
    return table


def _bytes(count: int) -> str:
    """Bytes in the units that Docker prints."""
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004 - Docker's units are decimal
            return f"{size:.4g} {unit}"
        size /= 1000
    return f"{size:.4g} GB"


def show_elements(builds: Iterable[Build], *, full: bool = False) -> None:
    """Print what the parser took each line for; unless `full`, only the ends of long parts."""
    for build in builds:
        around = f", out of {'/'.join(build.transcript.wrappings)}" if build.transcript.wrappings else ""
        line = headline(build)
        line.append_text(safe(f"  {build.builder}{around}"))
        console.print(line, soft_wrap=True)
        sizes: Counter[Kind] = Counter()
        in_words = has_events(build) and not full
        for element in shown_elements(build):
            sizes[element.kind] += element.end - element.start
            if not in_words:
                _show_element(element, full=full)
        for element in shown_events(build) if in_words else ():
            _show_element(element, full=full)
        console.print(_kinds_table(sizes))
        console.print()


def _show_element(element: ShownElement, *, full: bool) -> None:
    """Print the lines of one element behind its kind."""
    kind, count = element.kind, element.data.removesuffix(b"\n").count(b"\n") + 1
    left_out = 0 if full or count <= 2 * _ENDS_SHOWN + 1 else count - 2 * _ENDS_SHOWN
    for index, text in enumerate(element.texts()):
        if left_out and _ENDS_SHOWN <= index < _ENDS_SHOWN + left_out:
            if index == _ENDS_SHOWN:
                console.print(safe(f"{'':9} {'':>6}  ... {left_out} more lines", "dim"))
            continue
        label = Text(f"{kind.name.lower() if index == 0 else '':9} ", _KIND_COLOURS.get(kind, "cyan"))
        label.append(f"{min(element.first_line + index, element.last_line):>6}  ", "dim")
        label.append_text(safe(text if len(text) <= _TEXT_SHOWN else text[: _TEXT_SHOWN - 1] + "…"))
        label.stylize(_TEXT_COLOURS.get(kind, ""), 18)
        console.print(label, no_wrap=True, overflow="ellipsis")


def _kinds_table(sizes: Counter[Kind]) -> Table:
    table = plain_table("Kind", "Bytes", "Share", right={"Bytes", "Share"})
    for kind, size in sizes.most_common():
        share = f"{100 * size / sizes.total():.1f} %"
        name = "unknown: not understood" if kind is Kind.UNKNOWN else kind.name.lower()
        table.add_row(Text(name, _KIND_COLOURS.get(kind, "cyan")), f"{size:,}", share)
    return table


def step_mark(step: Step) -> Text:
    """What became of a step, in a word."""
    if step.failed:
        return Text("failed" if step.exit_code is None else f"exit {step.exit_code}", "red")
    if step.canceled or step.incomplete:
        return Text(step.state, "yellow")
    return Text("cached", "cyan") if step.cached else Text("")


def show_fetch(report: FetchReport, out: str, form: Format) -> None:
    """Print what a fetch did."""
    if form is not Format.TABLE:
        row = {
            "algorithm": report.algorithm,
            "route": report.route,
            "listed": report.listed,
            "new": report.new,
            "known": report.known,
            "in_progress": report.in_progress,
            "missing": report.missing,
            "bytes": report.size,
            "seconds": round(report.seconds, 3),
            "failures": [{"id": one.id, "error": str(one.error)} for one in report.failures],
            "archive": out,
        }
        write_json([row], form)
        return
    console.print(
        safe(
            f"{report.algorithm}: {report.new} new records, {report.known} known before,"
            f" {report.in_progress} in progress, {report.missing} without a stored log;"
            f" {report.size / 1e6:.1f} MB in {report.seconds:.1f} s -> {out}"
        ),
        soft_wrap=True,
    )
    if report.failures:
        note(f"{len(report.failures)} logs could not be fetched.")
