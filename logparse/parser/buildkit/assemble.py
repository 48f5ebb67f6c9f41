"""From vertices to steps, pulls and other work: what all formats of BuildKit have in common.

A reader of one format collects :class:`Facts` about each vertex of a build, in the order in which they
appear; :func:`assemble` tells instructions from other work by their names, numbers the stages and finds the
images that were fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from logparse.model import NO_TIMING, LayerPull, Pull, Span, Step, Timing, Transcript, Vertex
from logparse.parser.buildkit.names import VertexName, read_name

__all__ = ["Assembled", "Facts", "assemble", "read_reference", "targets_of"]

_REFERENCE = re.compile(
    r"(?P<repository>[^\s@:]{1,256}(?::\d{1,5}/[^\s@:]{1,256})?)"
    r"(?::(?P<tag>[^\s@:/]{1,128}))?"
    # A terminal may be too narrow for the digest.
    r"(?:@(?:(?P<digest>[a-z0-9]{1,16}:[0-9a-f]{1,128})|[a-z0-9]{0,16}:?\Z))?(?:\s|\Z)"
)
_IMAGE = re.compile(r"(?i:FROM)[ \t]+(?:--\S{1,256}[ \t]+)*+(\S+)|(?:docker-image|oci-layout)://(\S+)")


@dataclass(slots=True)
class Facts:
    """What a log says of one vertex, whatever the format.

    Parameters
    ----------
    name
        As printed, ``[builder 2/5] RUN make``, without ``#12`` before it.
    number
        As printed, ``#12``; ``None`` if the format prints none.
    start, header_end, end
        Where it is first named, where that line ends, and where the last thing it says ends.
    outputs
        What its programs printed, ascending and not empty.
    spans
        Where it speaks: everything from `start` to `end` that is its own.
    cached, canceled
        What became of it.
    error
        What it failed with.
    timing
        Seconds and their source.
    bytes
        Bytes transferred, of a context or the like.
    layers
        Layers of an image that were fetched for it.
    lines
        First and last line of the Dockerfile.
    incomplete
        Whether its end is not told of.
    """

    name: str
    number: int | None = None
    start: int = 0
    header_end: int = 0
    end: int = 0
    outputs: tuple[Span, ...] = ()
    spans: tuple[Span, ...] = ()
    cached: bool = False
    canceled: bool = False
    error: str | None = None
    timing: Timing = NO_TIMING
    bytes: int | None = None
    layers: tuple[LayerPull, ...] = ()
    lines: tuple[int, int] | None = None
    incomplete: bool = False


class Assembled(NamedTuple):
    """The views of a build's vertices.

    Parameters
    ----------
    steps
        Those that are instructions of a Dockerfile, in the order of the facts.
    vertices
        All others, in that order.
    pulls
        Images that any of them fetched.
    failing_step
        0-based index in `steps` of the vertex that was said to have failed; ``None`` if it is no step.
    """

    steps: tuple[Step, ...]
    vertices: tuple[Vertex, ...]
    pulls: tuple[Pull, ...]
    failing_step: int | None


def assemble(
    facts: Sequence[Facts],
    transcript: Transcript,
    *,
    failing: int | None = None,
    exit_code: int | None = None,
    targets: Iterable[str] = (),
) -> Assembled:
    """Make steps, other vertices and pulls of facts about vertices.

    Parameters
    ----------
    facts
        One a vertex, in the order in which they appear in the log.
    transcript
        The text that all spans are of.
    failing
        Index in `facts` of the vertex at which the build stopped.
    exit_code
        What its command exited with, where the log states it.
    targets
        Names of the build's targets, where they are known otherwise; those that names tell are added.

    Notes
    -----
    A stage is what has one name for one platform and target. Stages are numbered as they appear, since a
    log does not tell in which order the Dockerfile has them.
    """
    known = frozenset(targets) | targets_of(each.name for each in facts)
    stages: dict[tuple[str | None, str | None, str | None], int] = {}
    steps: list[Step] = []
    vertices: list[Vertex] = []
    pulls: list[Pull] = []
    failing_step = None
    for index, each in enumerate(facts):
        name = read_name(each.name, known)
        if each.layers:
            pulls.append(_pull(each, name))
        if name.number is None:
            vertices.append(
                Vertex(
                    number=each.number,
                    name=each.name,
                    cached=each.cached,
                    canceled=each.canceled,
                    error=each.error,
                    bytes=each.bytes,
                    timing=each.timing,
                    spans=each.spans,
                )
            )
            continue
        if index == failing:
            failing_step = len(steps)
        stage = stages.setdefault((name.target, name.platform, name.stage), len(stages))
        steps.append(
            Step(
                number=name.number,
                total=name.total,
                instruction=name.instruction,
                arguments=name.arguments,
                stage=stage,
                stage_name=name.stage,
                platform=name.platform,
                cached=each.cached,
                image_id=None,
                container_ids=(),
                exit_code=exit_code if index == failing else None,
                failed=index == failing,
                triggers=0,
                timing=each.timing,
                start=each.start,
                header_end=each.header_end,
                end=each.end,
                outputs=each.outputs,
                transcript=transcript,
                canceled=each.canceled,
                target=name.target,
                vertex=each.number,
                lines=each.lines,
                incomplete=each.incomplete,
            )
        )
    return Assembled(tuple(steps), tuple(vertices), tuple(pulls), failing_step)


def targets_of(names: Iterable[str]) -> frozenset[str]:
    """The targets of a build, as the names of its vertices tell: ``[frontend internal] load metadata ...``.

    There are none if the build has only one, which buildx does not name.
    """
    return frozenset(
        name.target for name in map(read_name, names) if name.number is None and name.target is not None
    )


def read_reference(reference: str) -> tuple[str, str, str | None]:
    """Repository, tag and digest of an image; the tag is empty and the digest ``None`` if not there."""
    match = _REFERENCE.match(reference)
    if match is None:
        return reference, "", None
    return match["repository"], match["tag"] or "", match["digest"]


def _pull(facts: Facts, name: VertexName) -> Pull:
    """The image whose layers a vertex fetched. Layers of a cached result have no image's name."""
    named = _IMAGE.match(name.text)
    repository, tag, digest = read_reference(named[1] or named[2]) if named else ("", "", None)
    return Pull(
        repository=repository,
        tag=tag,
        step_number=name.number or 0,
        layers=facts.layers,
        digest=digest,
        status=None,
        span=Span(facts.start, facts.end),
        timing=facts.timing,
    )
