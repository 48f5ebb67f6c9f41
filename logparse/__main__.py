"""The ``logparse`` command."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; without what it is built on, say how to get that."""
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
