"""Reading the views of a build from the display's last state and from what stands behind its last frame."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from logparse.model import Build, BuildWarning, Contents, Element, Failure, Kind, LayerPull, Pull, Span
from logparse.parser.buildkit.assemble import Facts, assemble, read_reference
from logparse.parser.buildkit.frames import Doing, Frame, Screen, Shown
from logparse.parser.buildkit.statuses import read_size
from logparse.text import plain

__all__ = ["read_contents"]

_EXIT_CODE = re.compile(rb"exit code: (\d{1,10})(?!\d)")
_CANCELED = re.compile(rb"context canceled|Canceled: ")
_BLOCK_NAME = re.compile(rb" > ([^\n]*):[ \t\r]*\n?\Z")
_EXCERPT_LINE = re.compile(rb"\n {0,8}(\d{1,9}) \| >>>")
_PROCESS = re.compile(
    rb"process \"((?:[^\"\\\n]|\\.){1,65536})\"|executor failed running \[([^\n]{1,65536})\]: "
)
_PATH = re.compile(rb"\"((?:[^\"\\\n]|\\.){1,4096})\"")
_NUMBER = re.compile(rb"#(\d{1,9}) \d")
_CHECK = re.compile(rb"(?:\n|\A)(?:\x1b\[[0-9;]{0,16}m){0,4} - ([^\n]*)")
_CHECK_PARTS = re.compile(
    r"(?P<rule>[A-Z]\w{2,64}): (?P<text>.*?)(?: \(line (?P<line>\d{1,9})\))?\Z", re.DOTALL
)
_SIZE = re.compile(rb"(\d{1,12}(?:\.\d{1,3})?)([kKMGTP]?)i?B")
_WRITTEN = re.compile(rb"(writing image|exporting manifest(?: list)?) sha256:([0-9a-f]{12})")
_NAMED = re.compile(rb"naming to (\S+)")

_SHELL = "/bin/sh -c "
_EXTRACTING = b"extracting "
_TRANSFERRING = (b"transferring ", b"sending ", b"copying ")
_DIGEST = b"sha256:"
_DIGEST_LENGTH = len(_DIGEST) + 12
_WHOLE_DIGEST = len(_DIGEST) + 64

_TARGET = rb"(?:\[[^\n\[\]]{1,512}\] )?"
_CACHE = re.compile(_TARGET + rb"(?:importing|exporting) cache")
"""What may fail in a build that goes on."""
_EXPORT = re.compile(_TARGET + rb"exporting to ")
"""The last vertices of a build."""


@dataclass(slots=True)
class _Failed:
    """A vertex that failed, as the block behind the last frame has it: its whole name, and its output."""

    name: bytes
    start: int
    end: int
    output: Span


def read_contents(build: Build) -> Contents:
    """Read all views of a build that was captured from a terminal."""
    data, tape = build.transcript.data, build.tape
    screen = Screen(data, [Span(*e[1:]) for e in tape.of_kind(Kind.PROGRESS, build.first, build.last)])
    failed = list(_blocks(build))
    closing = _closing(build)
    frame = screen.frame
    finished = frame is not None and frame.finished
    closed = finished or bool(failed) or closing is not None
    shown = screen.shown(closed=closed)
    facts = [_facts(each) for each in shown]
    _add_blocks(data, facts, shown, failed)

    failing = _failing(facts, shown, failed, data, closing)
    exit_code = _exit_code(data, closing)
    if failing is not None:
        facts[failing].lines = _excerpt_lines(build)
        facts[failing].error = (
            plain(data[closing.start : closing.end].rstrip()) if closing is not None else ""
        )
    made = assemble(facts, build.transcript, failing=failing, exit_code=exit_code)
    pulling = (each.cut for each, fact in zip(shown, facts, strict=True) if fact.layers)
    for pull, cut in zip(made.pulls, pulling, strict=True):
        # The terminal may be too narrow for all of the digest, or of what stands before it.
        if pull.digest is not None and len(pull.digest) < _WHOLE_DIGEST:
            pull.digest = None
        elif cut and pull.digest is None and not _whole_tag(data, pull):
            pull.tag = ""
            pull.repository = pull.repository.rstrip(":")
    failure = None
    if closing is not None:
        canceled = _CANCELED.search(data, closing.start, closing.end) is not None
        failure = Failure(Span(*closing[1:]), exit_code, None if canceled else made.failing_step, canceled)
    elif failing is not None:
        # The closing words are missing; there is no line that could stand for them.
        end = tape.element(build.last - 1).end
        failure = Failure(Span(end, end), None, made.failing_step)
    elif not finished and any(each.canceled for each in facts):
        end = tape.element(build.last - 1).end
        failure = Failure(Span(end, end), None, None, canceled=True)
    return Contents(
        steps=made.steps,
        pulls=made.pulls,
        warnings=tuple(_warnings(build, shown)),
        failure=failure,
        image_id=_image_id(shown),
        tags=_tags(shown),
        vertices=made.vertices,
        finished=failure is None and (finished or _all_done(frame, shown)),
    )


# -- vertices -------------------------------------------------------------------------------------------


def _facts(shown: Shown) -> Facts:
    """What the last state of a vertex says."""
    canceled = b"CANCELED" in shown.flags
    terminal = shown.terminal if shown.ended is False or canceled else None
    name = plain(shown.name).rstrip("\N{REPLACEMENT CHARACTER}")
    return Facts(
        name=name,
        start=shown.start,
        header_end=shown.header_end,
        end=max(shown.end, terminal.end if terminal else 0),
        outputs=(terminal,) if terminal else (),
        spans=(Span(shown.start, shown.end),),
        cached=b"CACHED" in shown.flags,
        canceled=canceled,
        error="" if b"ERROR" in shown.flags else None,
        timing=shown.timing,
        bytes=_transferred(shown.doing.values()),
        layers=_layers(shown, read_reference(name.rpartition(" ")[2])[2]),
        incomplete=shown.ended is False,
    )


def _whole_tag(data: bytes, pull: Pull) -> bool:
    """Whether the row of a pull goes on behind the tag."""
    return f":{pull.tag}@".encode() in data[pull.span.start : pull.span.end].partition(b"\n")[0]


def _transferred(doing: Iterable[Doing]) -> int | None:
    sizes = [_size(each.current) for each in doing if each.text.startswith(_TRANSFERRING)]
    known = [size for size in sizes if size is not None]
    return sum(known) if known else None


def _layers(shown: Shown, reference: str | None) -> tuple[LayerPull, ...]:
    """The layers that a vertex fetched, in the order in which they were first shown.

    Each has two rows, one while it is fetched and one while it is extracted, and its digest is cut where they
    end. Manifests and configurations have rows like layers, but are never extracted.
    """
    rows: dict[bytes, dict[bool, Doing]] = {}
    for each in shown.doing.values():
        digest = each.text.removeprefix(_EXTRACTING)
        if digest.startswith(_DIGEST):
            of_layer = rows.setdefault(digest[:_DIGEST_LENGTH], {})
            of_layer[len(digest) < len(each.text)] = each
    done = shown.ended is not False and not shown.flags
    layers: list[LayerPull] = []
    for states in rows.values():
        fetched, extracting = states.get(False), states.get(True)
        digest = max((each.text.removeprefix(_EXTRACTING) for each in states.values()), key=len)
        if (
            extracting is None
            and reference is not None
            and reference.startswith(plain(digest[:_DIGEST_LENGTH]))
        ):
            continue
        if extracting is not None:
            state = "Pull complete" if done or extracting.ended else "Extracting"
        else:
            state = "Download complete" if done or (fetched and fetched.ended) else "Downloading"
        layers.append(
            LayerPull(
                layer_id=plain(digest),
                bytes=_size(fetched.total or fetched.current) if fetched else None,
                already_present=False,
                state=state,
                seconds=fetched.seconds if fetched else None,
            )
        )
    if done and any(layer.state == "Pull complete" for layer in layers):
        layers = [layer for layer in layers if layer.state == "Pull complete"]
    return tuple(layers)


def _size(printed: bytes | None) -> int | None:
    match = _SIZE.fullmatch(printed) if printed is not None else None
    return read_size(match[1], match[2]) if match else None


def _image_id(shown: Iterable[Shown]) -> str | None:
    """The id that Docker shows: of the configuration, or in containerd's store of the manifest."""
    manifest = None
    for each in shown:
        for doing in each.doing.values():
            found = _WRITTEN.match(doing.text)
            if found is None:
                continue
            if found[1] != b"exporting manifest":
                return found[2].decode()
            manifest = manifest or found[2].decode()
    return manifest


def _tags(shown: Iterable[Shown]) -> tuple[str, ...]:
    found = (_NAMED.match(doing.text) for each in shown for doing in each.doing.values())
    return tuple(dict.fromkeys(plain(match[1]) for match in found if match))


# -- how it ended ---------------------------------------------------------------------------------------


def _blocks(build: Build) -> Iterator[_Failed]:
    """The vertices that failed, as the blocks behind the last frame have them."""
    data, tape = build.transcript.data, build.tape
    for index in range(build.first, build.last - 1):
        if tape.kinds[index] != Kind.EXCERPT or tape.kinds[index + 1] not in (Kind.OUTPUT, Kind.EXCERPT):
            continue
        start, end = tape.element(index)[1:]
        name = _BLOCK_NAME.search(data, start, end)
        if name is not None:
            output = tape.element(index + 1)
            yield _Failed(
                name[1].rstrip(), start, end, Span(end, output.end if output.kind is Kind.OUTPUT else end)
            )


def _add_blocks(data: bytes, facts: list[Facts], shown: Sequence[Shown], failed: Iterable[_Failed]) -> None:
    """Give the vertices that failed their whole names and their output."""
    errors = [index for index, each in enumerate(shown) if b"ERROR" in each.flags]
    for each in failed:
        name = plain(each.name)
        index = next(
            (index for index in errors if _is_cut(facts[index].name, name)),
            None,
        )
        if index is None:
            continue
        errors.remove(index)
        fact = facts[index]
        fact.name = name
        fact.end = max(fact.end, each.output.end)
        if each.output.start < each.output.end:
            fact.outputs = (each.output,)
            number = _NUMBER.match(data, each.output.start, each.output.end)
            fact.number = int(number[1]) if number else None
            fact.spans = (*fact.spans, Span(each.start, each.output.end))


def _is_cut(cut: str, name: str) -> bool:
    """Whether the one name may be the beginning of the other; tabs are shown as blanks."""
    return name.replace("\t", " ").startswith(cut)


def _closing(build: Build) -> Element | None:
    """The words by which the build ended: of several the first that name an exit code, else the first."""
    data = build.transcript.data
    words = list(build.tape.of_kind(Kind.FAILURE, build.first, build.last))
    for each in words:
        if _EXIT_CODE.search(data, each.start, each.end):
            return each
    return words[0] if words else None


def _exit_code(data: bytes, closing: Element | None) -> int | None:
    found = None
    if closing is not None:
        for found in _EXIT_CODE.finditer(data, closing.start, closing.end):  # noqa: B007 - the last one is wanted
            pass
    return int(found[1]) if found else None


def _failing(
    facts: Sequence[Facts],
    shown: Sequence[Shown],
    failed: Sequence[_Failed],
    data: bytes,
    closing: Element | None,
) -> int | None:
    """The vertex at which the build stopped: of those that failed, the one that the closing words name."""
    errors = [
        index
        for index, each in enumerate(shown)
        if b"ERROR" in each.flags and (closing is not None or not _CACHE.match(each.name))
    ]
    if len(errors) > 1 and closing is not None:
        words = data[closing.start : closing.end]
        process = _PROCESS.search(words)
        if process is not None:
            command = plain(process[1] or process[2]).removeprefix(_SHELL).replace('\\"', '"')
            for index in errors:
                if command and command[:64] in facts[index].name:
                    return index
        for path in _PATH.findall(words):
            wanted = plain(path).lstrip("/")
            for index in errors:
                if wanted and wanted in facts[index].name:
                    return index
    if errors and failed:
        first = plain(failed[0].name)
        return next((index for index in errors if _is_cut(facts[index].name, first)), errors[0])
    return errors[0] if errors else None


def _excerpt_lines(build: Build) -> tuple[int, int] | None:
    """The lines of the Dockerfile to which the builder points."""
    data = build.transcript.data
    for element in build.tape.of_kind(Kind.EXCERPT, build.first, build.last):
        numbers = [int(number) for number in _EXCERPT_LINE.findall(data, element.start, element.end)]
        if numbers:
            return numbers[0], numbers[-1]
    return None


def _all_done(frame: Frame | None, shown: Sequence[Shown]) -> bool:
    """Whether the last frame is the end of a build though it does not say so: all is done, the export too."""
    return (
        frame is not None
        and frame.done == frame.known
        and not any(b"ERROR" in each.flags or b"CANCELED" in each.flags for each in shown)
        and any(_EXPORT.match(each.name) for each in shown)
    )


def _warnings(build: Build, shown: Iterable[Shown]) -> Iterator[BuildWarning]:
    """Warnings of build checks: those behind the last frame, or else those in it."""
    data = build.transcript.data
    behind = [
        _check(plain(found[1]), Span(found.start(1), found.end(1)))
        for element in build.tape.of_kind(Kind.WARNING, build.first, build.last)
        for found in _CHECK.finditer(data, element.start, element.end)
    ]
    if behind:
        yield from behind
        return
    for element in build.tape.of_kind(Kind.WARNING, build.first, build.last):
        yield BuildWarning(plain(data[element.start : element.end].strip()), Span(*element[1:]))
    for each in shown:
        for text, span in each.warnings.values():
            yield _check(plain(text.removeprefix(b"WARN: ")), span)


def _check(text: str, span: Span) -> BuildWarning:
    parts = _CHECK_PARTS.match(text)
    line = parts["line"] if parts else None
    if parts is None:
        return BuildWarning(text, span)
    return BuildWarning(parts["text"], span, parts["rule"], int(line) if line else None)
