"""Parts that need more than the command line itself."""

from __future__ import annotations

import importlib
from types import ModuleType

from logparse.errors import UsageError

__all__ = ["server"]


def server() -> ModuleType:
    """Give :mod:`logparse.server`, or say how to install what it needs."""
    try:
        return importlib.import_module("logparse.server")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in {"starlette", "uvicorn"}:
            raise
        raise UsageError(
            f"The local cluster needs {error.name}, which is not installed; install 'logparse[server]'."
        ) from error
