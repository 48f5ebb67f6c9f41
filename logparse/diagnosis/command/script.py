"""A shell script as logparse sees it: its commands, and how they are joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

__all__ = ["Command", "Join", "Node", "Options", "Script"]


class Join(Enum):
    """What a node of a script is."""

    COMMAND = auto()
    """A simple command; its parts are what is substituted in its words."""
    SEQUENCE = auto()
    """Statements one after the other."""
    LIST = auto()
    """Statements joined by ``&&`` and ``||``, which bind alike, from the left."""
    PIPE = auto()
    NOT = auto()
    IF = auto()
    """Conditions and branches by turns, and perhaps one more branch, for ``else``."""
    LOOP = auto()
    """A condition, which is empty for ``for``, and a body."""
    CASE = auto()
    """One branch each."""
    SUBSHELL = auto()
    SCRIPT = auto()
    """A shell that a command starts for a script in one of its words: the command, and that script."""
    FUNCTION = auto()
    """A function is defined."""
    BACKGROUND = auto()


@dataclass(slots=True)
class Options:
    """Options of a shell that matter to what can end it."""

    errexit: bool = False
    pipefail: bool = False
    xtrace: bool = False

    def take(self, words: Sequence[str]) -> None:
        """Take in the words behind ``set``, or behind the name of a shell: ``-eo pipefail``."""
        on, named = True, 0
        for word in words:
            if named:
                named -= 1
                if word in {"errexit", "pipefail", "xtrace"}:
                    setattr(self, word, on)
            elif word[:1] in {"-", "+"} and not word.startswith("--"):
                on = word[0] == "-"
                named = word.count("o")
                self.errexit = on if "e" in word else self.errexit
                self.xtrace = on if "x" in word else self.xtrace


@dataclass(frozen=True, slots=True)
class Command:
    """A simple command.

    Parameters
    ----------
    index
        0-based place among all of its script, by where they begin.
    start, end
        Where it is in the script's text, in characters.
    words
        Its words without their quotes; assignments and redirections are left out.
    name
        The program that does the work: ``apt-get`` of ``sudo -E apt-get update``. Empty of an assignment.
    arguments
        The words behind that.
    starts_script
        Whether it starts a shell for a script whose commands are commands of their own.
    """

    index: int
    start: int
    end: int
    words: tuple[str, ...]
    name: str
    arguments: tuple[str, ...]
    starts_script: bool = False


@dataclass(slots=True)
class Node:
    """A part of a script, see :class:`Join`.

    Parameters
    ----------
    join
        What it is.
    parts
        What it is made of.
    operators
        Of a list: what stands before each part but the first, ``&&`` or ``||``.
    command
        Of a command, or of one that starts a script: its index.
    name
        Of a function.
    options
        Of a script in a word: what its shell is started with.
    """

    join: Join
    parts: tuple[Node, ...] = ()
    operators: tuple[str, ...] = ()
    command: int = -1
    name: str = ""
    options: Options | None = None


@dataclass(slots=True)
class Script:
    """A script that was read.

    Parameters
    ----------
    text
        What the places of the commands are in: the script, or a text that it is a part of.
    root
        How its commands are joined.
    commands
        All simple commands, in the order in which they begin.
    options
        What its shell is started with.
    """

    text: str
    root: Node
    commands: tuple[Command, ...]
    options: Options

    def source(self, command: Command) -> str:
        """A command as it stands in the text."""
        return self.text[command.start : command.end]
