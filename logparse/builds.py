"""From any source to builds: reading and parsing in one step."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator

from logparse.errors import NoBuildError
from logparse.fetch import Skip, read_logs
from logparse.model import Build, Builder
from logparse.parser import parse

__all__ = ["is_recognised", "read_builds"]

_BUILDKIT = re.compile(rb"(?:^|\n)#\d{1,6} (?:\[|DONE|CACHED|ERROR|sha256:)")
_LOOKED_AT = 1 << 16


def is_recognised(build: Build) -> bool:
    """Whether anything at all speaks for `build` being one: the API, or a line that a format knows."""
    if build.log.build_id is not None or build.log.commit is not None:
        return True
    return build.builder is not Builder.NONE or build.unknown_bytes < build.size


def read_builds(
    *paths: str | os.PathLike[str], on_skip: Callable[[Skip], object] | None = None
) -> Iterator[Build]:
    """Read and parse every log at `paths`, one log at a time.

    Parameters
    ----------
    paths
        Files, folders, globs, archives, recorded clusters, raw archives or ``-``: see
        :func:`logparse.fetch.read_logs`.
    on_skip
        Is told of each file that is passed over: because it does not look like a log, is damaged, or has no
        build in it.

    Yields
    ------
    Build
        In the order of the paths.

    Raises
    ------
    SourceError
        A path cannot be read.
    NoBuildError
        There are logs, but no build is in any of them.
    """
    seen: list[str] = []
    found = buildkit = False
    for path in paths:
        for log in read_logs(path, on_skip=on_skip):
            builds = [build for build in parse(log) if is_recognised(build)]
            found = found or bool(builds)
            buildkit = buildkit or _BUILDKIT.search(log.data, 0, _LOOKED_AT) is not None
            if not builds:
                seen.append(f"{log.path or path} ({_size(len(log.data))})")
                if on_skip is not None:
                    on_skip(Skip(log.path or os.fspath(path), "no build is in it", "other"))
            yield from builds
    if not found and buildkit:
        raise NoBuildError(
            f"No build that can be read is in {_names(seen)}: it looks like BuildKit's output, which is not"
            " read yet; build with DOCKER_BUILDKIT=0 to get the classic builder's."
        )
    if not found:
        raise NoBuildError(
            f"No build is in {_names(seen)}: neither a step of a Dockerfile ('Step 1/N : FROM ...') nor a"
            " line of a known package manager was found; give the output of docker build."
        )


def _size(count: int) -> str:
    return "empty" if count == 0 else f"{count:,} bytes"


def _names(seen: Iterable[str]) -> str:
    names = list(seen)
    more = len(names) - 3
    return ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")
