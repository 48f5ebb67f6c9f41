"""From any source to builds: reading and parsing in one step."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

from logparse.errors import NoBuildError
from logparse.fetch import Skip, read_logs
from logparse.model import Build, Builder
from logparse.parser import formats_of, parse

__all__ = ["is_recognised", "read_builds"]

_LOOKED_FOR = (
    "neither a step of a Dockerfile ('Step 1/5 : FROM', '#5 [1/5] FROM', '[+] Building', 'STEP 1/5: FROM',"
    " 'INFO[0000] RUN') nor a line of a known package manager was found"
)


def is_recognised(build: Build) -> bool:
    """Whether anything at all speaks for `build` being one: the API, or a line that a format knows."""
    if build.log.build_id is not None or build.log.commit is not None:
        return True
    return build.builder is not Builder.NONE or build.unknown_bytes < build.size


def read_builds(
    *paths: str | os.PathLike[str],
    builder: str | None = None,
    on_skip: Callable[[Skip], object] | None = None,
) -> Iterator[Build]:
    """Read and parse every log at `paths`, one log at a time.

    Parameters
    ----------
    paths
        Files, folders, globs, archives, recorded clusters, raw archives or ``-``: see
        :func:`logparse.fetch.read_logs`.
    builder
        Who wrote the logs, if that is known better than detected: see :func:`logparse.parse`.
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
    UsageError
        There is no such builder.
    """
    seen: list[str] = []
    found = False
    formats_of(builder)
    for path in paths:
        for log in read_logs(path, on_skip=on_skip):
            builds = [build for build in parse(log, builder=builder) if is_recognised(build)]
            found = found or bool(builds)
            if not builds:
                seen.append(f"{log.path or path} ({_size(len(log.data))})")
                if on_skip is not None:
                    on_skip(Skip(log.path or os.fspath(path), "no build is in it", "other"))
            yield from builds
    if not found:
        looked_for = _LOOKED_FOR if builder is None else f"nothing of {builder}'s was found"
        raise NoBuildError(f"No build is in {_names(seen)}: {looked_for}; give the output of an image build.")


def _size(count: int) -> str:
    return "empty" if count == 0 else f"{count:,} bytes"


def _names(seen: Iterable[str]) -> str:
    names = list(seen)
    more = len(names) - 3
    return ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")
