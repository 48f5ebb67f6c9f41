"""Running the command line so that no traceback reaches its user."""

from __future__ import annotations

import io
import os
import sys

import typer

from logparse.cli.app import app
from logparse.cli.console import errors
from logparse.errors import LogparseError
from logparse.secrets import mask
from logparse.text import plain

__all__ = ["run"]

FAULT = 70
INTERRUPTED = 130
BROKEN_PIPE = 141


def run(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    arguments
        The words behind ``logparse``; those of the process unless given.

    Returns
    -------
    int
        0: all is well. 1: a diagnosed build failed. 2: the request makes no sense. 3: no log or no build
        could be read. 4: the cluster could not be asked or answered with an error. 5: it does not accept
        the credential. 6: something could not be written. 70: a fault of
        logparse itself. 130: Ctrl-C. 141: nobody reads the output.
    """
    _tolerate_characters()
    try:
        # Without a word, what there is to say is the help.
        words = sys.argv[1:] if arguments is None else arguments
        result = app(args=words or ["--help"], prog_name="logparse", standalone_mode=False)
    except LogparseError as error:
        _say(str(error))
        return error.exit_code
    except typer.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        result = INTERRUPTED
    except BrokenPipeError:
        # Python would complain once more when it flushes standard output at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except MemoryError:
        _say("There is not enough memory for this log; give a smaller one.")
        return 3
    except Exception as error:
        usage = _usage(error)
        if usage is not None:
            _say(usage)
            return 2
        if os.environ.get("LOGPARSE_DEBUG"):
            raise
        _say(
            f"This is a fault of logparse ({type(error).__name__}: {error}); run it again with"
            " LOGPARSE_DEBUG=1 in the environment, and report what that prints."
        )
        return FAULT
    # Some versions of Typer turn Ctrl-C into this code themselves.
    if result == INTERRUPTED:
        _say("Interrupted; what was written before is whole, and the same command goes on from there.")
    return result if isinstance(result, int) else 0


def _tolerate_characters() -> None:
    """Print ``?`` for characters of a log that the terminal's encoding does not have."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _usage(error: Exception) -> str | None:
    """The sentence of an error in the command's own words and options, ``None`` for any other."""
    format_message = getattr(error, "format_message", None)
    if format_message is None:
        return None
    return f"{format_message().rstrip('.')}; see logparse --help."


def _say(sentence: str) -> None:
    errors.print(
        f"logparse: {mask(plain(sentence.encode('utf-8', 'replace')))}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
