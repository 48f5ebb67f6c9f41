"""What a log repeats of the instruction: what was to be run, and nothing that came of it.

BuildKit prints an instruction up to five times: in the header of its step, above the last lines of the
output, in the excerpt of the Dockerfile, in the step's error and in its own last line. Builders that run
inside a step print theirs into its output, compilers quote the source, and a shell with ``set -x`` traces
what it runs. None of that may be taken for a message, whatever words are in it.
"""

from __future__ import annotations

import re

__all__ = ["is_echo", "without_command"]

_INSTRUCTION = r"(?:ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|FROM|RUN|WORKDIR) "
_ECHO = re.compile(
    # The shell's trace of a command, of one that the first one runs, ...
    r"\+{1,8} "
    # A header of BuildKit's, and the same above the last lines of an output.
    rf"|(?:#\d{{1,9}} | ?> )\[[^\]]{{1,200}}\] {_INSTRUCTION}"
    # One of the classic builder's, and of podman's.
    rf"|(?:\[\d{{1,4}}/\d{{1,4}}\] )?(?:Step|STEP) \d{{1,5}}(?:/\d{{1,5}})?\s?: {_INSTRUCTION}"
    # Lines of an excerpt: of the Dockerfile, or of the source that a compiler complains about.
    rf"|\s{{0,8}}(?:\d{{1,7}}|\*{{3}}) \| |>>> {_INSTRUCTION}"
)

_COMMAND = re.compile(
    # BuildKit today and of 2020, the classic builder, buildah.
    r"(?P<process>process )\"[^\n]{0,8192}\"(?= did not complete)"
    r"|(?P<executor>executor failed running )\[[^\n]{0,8192}\](?=:|$)"
    r"|(?P<classic>The command )(?:'[^\n]{0,8192}'|\[[^\n]{0,8192}\])(?= returned a non-zero)"
    r"|(?P<buildah>at STEP \"RUN )[^\n]{0,8192}(?=\": )"
)


def is_echo(text: str) -> bool:
    """Whether a line repeats what was to be run, or a source."""
    return _ECHO.match(text) is not None


def without_command(text: str) -> str:
    """One of the builder's closing words, with "[...]" for the command that it quotes."""
    return _COMMAND.sub(lambda found: f"{found[found.lastgroup or 0]}[...]", text)
