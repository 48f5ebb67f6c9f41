"""Names of vertices: what ``[linux/arm64 builder 2/5] RUN make`` says.

BuildKit's Dockerfile front end names each vertex (``dockerfile2llb/convert.go``: ``prefixCommand``,
``formatStep``), and buildx puts the name of the target before what is in the brackets when it builds several
(``bake``, Compose)::

    name     = "[" [ target " " ] [ platform " " ] [ stage " " ] number "/" total "] " instruction arguments
             | "[" [ target " " ] [ platform " " ] "internal] " text
             | "[" target "] " text                                  several targets: exporting, ...
             | "[" ( "auth" | "context " name ) "] " text            tokens of registries, named contexts
             | text                                                  exporting, importing caches, ...
    platform = os "/" architecture [ "/" variant ] [ "->" architecture ]

A stage without a name is ``stage-1``, by its number, or nothing where the Dockerfile has only one. The
number is padded with blanks to the width of the total: ``[ 2/13]``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["VertexName", "read_name"]

_NAME = re.compile(
    r"\[ {0,8}(?P<words>(?:[^\s\[\]]{1,256} {1,4}){0,4})"
    r"(?P<last>(?P<number>\d{1,6})/(?P<total>\d{1,6})|internal|[^\s\[\]]{1,256})\] ?(?P<text>.*)",
    re.DOTALL,
)
_PLATFORM = re.compile(r"[a-z0-9_]{1,32}/[A-Za-z0-9_.]{1,32}(?:/[A-Za-z0-9_.]{1,32})?(?:->[\w./]{1,64})?")
_INSTRUCTION = re.compile(r"([A-Za-z]{1,32})(?:[ \t]+|\Z)")

_NO_TARGETS = frozenset({"auth", "context"})


class VertexName(NamedTuple):
    """What the name of a vertex says.

    Parameters
    ----------
    number, total
        Of an instruction, ``None`` for other work.
    stage, platform, target
        ``None`` where not printed. Of a build with several targets and a stage without a name, the one
        word in the brackets is the target's; alone it cannot be told from a stage's, and is taken for that.
    text
        What stands behind the brackets; the whole name if there are none.
    internal
        Whether the builder calls it internal.
    """

    number: int | None
    total: int | None
    stage: str | None
    platform: str | None
    target: str | None
    text: str
    internal: bool = False

    @property
    def instruction(self) -> str:
        """The instruction in upper case, empty for other work."""
        found = _INSTRUCTION.match(self.text) if self.number is not None else None
        return found[1].upper() if found else ""

    @property
    def arguments(self) -> str:
        """What follows the instruction."""
        found = _INSTRUCTION.match(self.text) if self.number is not None else None
        return self.text[found.end() :].strip() if found else self.text


def read_name(name: str, targets: frozenset[str] = frozenset()) -> VertexName:
    """Read a vertex's name.

    Parameters
    ----------
    name
        As printed, without ``#12`` before it.
    targets
        The targets of the build, where known: a single word in the brackets that is one of them is no stage.
    """
    match = _NAME.match(name)
    if match is None:
        return VertexName(None, None, None, None, None, name)
    words = match["words"].split()
    platform = next((word for word in words if _PLATFORM.fullmatch(word)), None)
    if match["number"] is None and match["last"] != "internal":
        words = [*words, match["last"]]
        platform = next((word for word in words if _PLATFORM.fullmatch(word)), None)
    others = [word for word in words if word != platform]
    target = stage = None
    if match["number"] is None:
        target = others[0] if others and others[0] not in _NO_TARGETS else None
    elif len(others) > 1:
        target, stage = others[0], others[-1]
    elif others:
        target, stage = (others[0], None) if others[0] in targets else (None, others[0])
    return VertexName(
        int(match["number"]) if match["number"] else None,
        int(match["total"]) if match["total"] else None,
        stage,
        platform,
        target,
        match["text"],
        internal=match["last"] == "internal",
    )
