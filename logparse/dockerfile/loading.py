"""Reading a Dockerfile from a file."""

from __future__ import annotations

import re
from pathlib import Path

from logparse.dockerfile.reading import Dockerfile, read_dockerfile
from logparse.errors import UsageError
from logparse.text import printable, to_utf8

__all__ = ["load_dockerfile"]

_LARGEST = 1 << 20
"""Bytes of a Dockerfile. BuildKit takes far less."""
_KEYWORD = re.compile(
    r"ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|RUN|SHELL|STOPSIGNAL"
    r"|USER|VOLUME|WORKDIR"
)
"""All instructions of Docker's "Dockerfile reference"."""


def load_dockerfile(path: str | Path) -> Dockerfile:
    """Read the Dockerfile in a file.

    Parameters
    ----------
    path
        The file; UTF-8, or UTF-16 with a byte order mark.

    Raises
    ------
    UsageError
        It cannot be read, or is no Dockerfile.
    """
    name = printable(str(path))
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).rstrip(".")
        raise UsageError(f"{name} cannot be read: {reason}; give the Dockerfile that was built.") from None
    except ValueError:
        # A NUL in its name.
        raise UsageError(f"{name!r} is no name of a file; give the Dockerfile that was built.") from None
    text = to_utf8(data).decode("utf-8", "replace")
    if len(data) > _LARGEST or "\0" in text:
        raise UsageError(f"{name} is no text that a Dockerfile could be; give the Dockerfile that was built.")
    dockerfile = read_dockerfile(text, name)
    if not any(_KEYWORD.fullmatch(one.keyword) for one in dockerfile.instructions):
        raise UsageError(
            f"{name} has no instruction of a Dockerfile in it, such as FROM; give the Dockerfile that was"
            " built."
        )
    return dockerfile
