"""The ``logparse`` command."""

from __future__ import annotations

import os
import sys

from logparse.live.start import start

__all__ = ["main"]


def main() -> None:
    """Run the command line; without what it is built on, say how to get that."""
    if sys.argv[1:2] == ["watch"]:
        # The command line takes a second to import, and there a build waits to be watched.
        code = start(sys.argv[2:])
        if code is not None:
            os._exit(code)  # nothing is left to be done, and Ctrl-C could only come too late
    try:
        from logparse.cli import run  # noqa: PLC0415  what it needs is an extra
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in {"typer", "rich"}:
            raise
        print(  # noqa: T201
            f"logparse: the command line needs {error.name}, which is not there; install 'logparse[cli]'.",
            file=sys.stderr,
        )
        sys.exit(2)
    sys.exit(run())


if __name__ == "__main__":
    main()
