"""The commands."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq
import typer

import logparse
from logparse.builds import read_builds
from logparse.cli.console import Format, console, note, write_json
from logparse.cli.diagnoses import Absent, show_diagnoses, write_diagnoses
from logparse.cli.evaluate import eval_labels
from logparse.cli.rules import RulePaths
from logparse.cli.rules import commands as rules_commands
from logparse.cli.screens import show_elements, show_fetch, show_pulls, show_steps
from logparse.cli.timed import timed_builds
from logparse.cli.timings import By, show_timings
from logparse.cli.trace import save_trace
from logparse.cli.watch import SETTINGS as WATCH_SETTINGS
from logparse.cli.watch import watch_build
from logparse.diagnosis import diagnose as diagnose_build
from logparse.diagnosis import explain as explain_build
from logparse.diagnosis import load_book
from logparse.dockerfile import load_dockerfile
from logparse.errors import SourceError, UsageError
from logparse.fetch import Archive, Client, Skip, rich_progress
from logparse.fetch import fetch as fetch_logs
from logparse.model import Build, Status
from logparse.report import element_rows, pull_rows, step_rows
from logparse.report import export as export_tables
from logparse.report.trace import Viewer

__all__ = ["app"]

LOCAL_TOKEN = "simLocalClusterKey0123456789"  # noqa: S105  it opens recorded builds on this machine only

# Files passed over that are named; the others are counted.
_SKIPS_NAMED = 3


class Route(enum.StrEnum):
    """The routes of the API by which logs are fetched."""

    BUILDS = "builds"
    VERSIONS = "versions"
    BOTH = "both"


class Ended(enum.StrEnum):
    """How a build that is fetched may have ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


app = typer.Typer(
    name="logparse",
    help="Turn the build logs of Docker images into answers: what failed and why, and where the time went.",
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH",
        help="Files, folders, globs, archives (.gz .zst .xz .zip .tar*), recorded clusters, raw archives,"
        " or '-'.",
        show_default=False,
    ),
]
Builder = Annotated[
    str | None,
    typer.Option(
        "--builder",
        help="Who wrote the logs, if detection errs: classic, buildkit, buildah, kaniko.",
        show_default=False,
    ),
]
Estimated = Annotated[
    bool,
    typer.Option(
        "--estimate/--no-estimate", help="Estimate steps' seconds from many builds where no clock tells."
    ),
]
Form = Annotated[Format, typer.Option("--format", help="How to print.")]


@app.callback(invoke_without_command=True)
def _main(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        console.print(f"logparse {logparse.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        raise UsageError("Give a command; see logparse --help.")


@app.command()
def diagnose(
    paths: Paths,
    form: Form = Format.TABLE,
    screens: Annotated[
        bool, typer.Option("--full", help="A screen for each failed build, not one line.")
    ] = False,
    dockerfile: Annotated[
        Path | None,
        typer.Option(
            "--dockerfile",
            help="The Dockerfile that was built: tells in which line and column of it the command stands.",
            show_default=False,
        ),
    ] = None,
    explained: Annotated[
        bool, typer.Option("--explain", help="Also which rules spoke, on which lines, and why one won.")
    ] = False,
    builder: Builder = None,
    rules: RulePaths = None,
) -> int:
    """Tell which builds failed, at which command, why, and what to do. Leaves with 1 if any failed."""
    book = load_book(*rules or ())
    built = None if dockerfile is None else load_dockerfile(dockerfile)
    absent = Absent(built)
    found = (
        absent.counted(explain_build(build, rules=book) if explained else diagnose_build(build, rules=book))
        for build in _builds(paths, builder)
    )
    if form is Format.TABLE:
        failed = show_diagnoses(found, full=screens, dockerfile=built)
    else:
        failed = write_diagnoses(found, form, dockerfile=built)
    absent.tell()
    return int(failed)


@app.command()
def steps(
    paths: Paths,
    form: Form = Format.TABLE,
    follow: Annotated[
        bool,
        typer.Option("--follow", help="List steps as they end, of '-', or of one file until Ctrl-C."),
    ] = False,
    builder: Builder = None,
    estimated: Estimated = True,
) -> None:
    """List the steps of builds.

    With instruction, whether it was cached, exit code, and seconds, estimated where no clock tells them.
    """
    if follow:
        from logparse.cli.follow import follow_steps  # noqa: PLC0415  it is rarely needed

        follow_steps(paths, form, builder)
        return
    builds = _timed(paths, builder, estimated=estimated)
    if form is Format.TABLE:
        show_steps(builds)
    else:
        write_json((row for build in builds for row in step_rows(build)), form)


@app.command()
def timings(
    paths: Paths,
    form: Form = Format.TABLE,
    by: Annotated[By, typer.Option("--by", help="What a row is about.")] = By.STEP,
    full: Annotated[bool, typer.Option("--full", help="Every row, not only the most important.")] = False,
    builder: Builder = None,
) -> None:
    """Show where the time went over builds, with error bars.

    Where no clock tells, seconds are estimated from the durations of many builds of the same image.
    """
    show_timings(_builds(paths, builder), by, form, full=full)


@app.command()
def trace(
    paths: Paths,
    out: Annotated[str, typer.Option("--out", help="File to write, or '-'.", show_default=False)],
    viewer: Annotated[
        Viewer, typer.Option("--as", help="Chrome's and Perfetto's JSON, or OpenTelemetry's.")
    ] = Viewer.PERFETTO,
    builder: Builder = None,
    rules: RulePaths = None,
    estimated: Estimated = True,
) -> None:
    """Write the time line of builds for a viewer of traces.

    Steps by stage, what ran at once side by side, pulls and layers; estimated seconds are marked.
    """
    save_trace(_timed(paths, builder, estimated=estimated), out, viewer, load_book(*rules or ()))


@app.command()
def pulls(paths: Paths, form: Form = Format.TABLE, builder: Builder = None) -> None:
    """List the images that builds pulled, with their layers.

    With bytes, what was there already, and seconds where they are known.
    """
    if form is Format.TABLE:
        show_pulls(_builds(paths, builder))
    else:
        write_json((row for build in _builds(paths, builder) for row in pull_rows(build)), form)


@app.command()
def explain(
    paths: Paths,
    form: Form = Format.TABLE,
    full: Annotated[
        bool, typer.Option("--full", help="Every line, not only the ends of long parts.")
    ] = False,
    builder: Builder = None,
) -> None:
    """Show what each line of a log was taken for.

    And what was not understood.
    """
    if form is Format.TABLE:
        show_elements(_builds(paths, builder), full=full)
    else:
        write_json((row for build in _builds(paths, builder) for row in element_rows(build)), form)


@app.command()
def export(
    paths: Paths,
    out: Annotated[
        Path, typer.Option("--out", help="Folder of the report; one there is replaced.", show_default=False)
    ],
    partition: Annotated[bool, typer.Option("--partition", help="Folders by owner, name and month.")] = False,
    builder: Builder = None,
    rules: RulePaths = None,
    estimated: Estimated = True,
) -> None:
    """Write the five tables as Parquet.

    They are builds, steps, pulls, messages and failures.
    """
    book = load_book(*rules or ())
    given = 0

    def counted() -> Iterator[Build]:
        nonlocal given
        for build in _timed(paths, builder, estimated=estimated):
            given += 1
            yield build

    written = export_tables(counted(), out, partition=partition, rules=book)
    rows = {table: _rows(path) for table, path in written.items()}
    for table, path in written.items():
        note(f"{table}: {rows[table]} rows in {path}")
    if given > rows["builds"]:
        note(f"{given - rows['builds']} builds were given more than once, and count once.")


@app.command()
def fetch(
    algorithm: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The algorithm, or its UUID.")],
    out: Annotated[str, typer.Option("--out", help="Raw archive: a folder, or s3://bucket/folder.")],
    route: Annotated[
        Route, typer.Option(help="builds: every build. versions: the latest of each commit. both: joined.")
    ] = Route.BUILDS,
    since: Annotated[
        str | None,
        typer.Option(help="Only builds that started then or later, 2026-01-31 or 2026-01-31T12:00."),
    ] = None,
    status: Annotated[Ended | None, typer.Option(help="Only builds that ended so.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The most logs to fetch, newest first.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Requests under way at once.")] = 16,
    address: Annotated[
        str | None,
        typer.Option(
            help="The cluster [ALGORITHMIA_API, the profile's, or https://api.algorithmia.com].",
            show_default=False,
        ),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="Profile of ~/.algorithmia/config.", show_default=False)
    ] = None,
    form: Form = Format.TABLE,
) -> None:
    """Fetch the logs that a raw archive lacks. The key comes from ALGORITHMIA_API_KEY or the profile."""
    first = _time(since)
    with Client(address, profile=profile, max_connections=workers) as client:
        report = fetch_logs(
            client,
            algorithm,
            Archive(out),
            route=route.value,
            since=first,
            status=None if status is None else Status(status.value),
            limit=limit,
            workers=workers,
            progress=rich_progress(f"Fetching {algorithm}"),
        )
    show_fetch(report, out, form)
    report.raise_failures()


@app.command()
def serve(
    cluster: Annotated[Path, typer.Argument(metavar="CLUSTER", help="Folder of a recorded cluster.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    token: Annotated[str, typer.Option(help="The API key that may read.")] = LOCAL_TOKEN,
) -> None:
    """Serve a recorded cluster over HTTP on 127.0.0.1.

    By both routes of the API, until Ctrl-C.
    """
    from logparse.cli.extras import server  # noqa: PLC0415  what it needs is an extra

    server().serve(
        cluster, token=token, port=port, on_listen=lambda address: console.print(address, soft_wrap=True)
    )


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder of the report.")] = Path("logparse-report"),
) -> None:
    """Do the main job on recorded builds.

    Serve them, fetch their logs by both routes, diagnose, time, and write the report.
    """
    from logparse.cli.demo import run_demo  # noqa: PLC0415  what it needs is an extra

    run_demo(out)


app.command("watch", context_settings=WATCH_SETTINGS)(watch_build)
app.command("eval")(eval_labels)
app.add_typer(rules_commands)


def _builds(
    paths: list[str], builder: str | None = None, *, told: set[Skip] | None = None
) -> Iterator[Build]:
    """Read builds, telling on standard error what is passed over, but for what is `told` already."""
    known: set[Skip] = set() if told is None else told
    skipped: list[Skip] = []

    def pass_over(one: Skip) -> None:
        if one not in known:
            known.add(one)
            skipped.append(one)

    try:
        yield from read_builds(*paths, builder=builder, on_skip=pass_over)
    except SourceError:
        # The error names what has no build in it.
        _tell_skipped([skip for skip in skipped if skip.kind == "damaged"])
        raise
    _tell_skipped(skipped)


def _timed(paths: list[str], builder: str | None, *, estimated: bool) -> Iterator[Build]:
    """The same, with the seconds of steps estimated where no clock tells them."""
    if not estimated:
        return _builds(paths, builder)
    # Many logs are read twice.
    return timed_builds(partial(_builds, paths, builder, told=set()), again="-" not in paths)


def _tell_skipped(skipped: list[Skip]) -> None:
    damaged = [skip for skip in skipped if skip.kind == "damaged"]
    for skip in damaged[:_SKIPS_NAMED]:
        note(f"Passed over {skip.path}: {skip.reason.rstrip('.')}.")
    others = [skip for skip in skipped if skip.kind == "other" and not Path(skip.path).name.startswith(".")]
    if others:
        names = ", ".join(skip.path for skip in others[:_SKIPS_NAMED])
        more = len(others) - _SKIPS_NAMED
        note(f"Passed over, since no build is in them: {names}" + (f" and {more} more." if more > 0 else "."))


def _rows(table: Path) -> int:
    """The rows of a table that was written, be it a file or a folder."""
    files = table.rglob("*.parquet") if table.is_dir() else [table]
    return sum(pq.read_metadata(file).num_rows for file in files)


def _time(text: str | None) -> datetime | None:
    """Read a date or a time; without a zone it is UTC."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no time; give one like 2026-01-31 or 2026-01-31T12:00.") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
