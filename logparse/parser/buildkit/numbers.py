"""What is known of builds while a text is cut: the names behind their numbers, and which vertices go on."""

from __future__ import annotations

from typing import NamedTuple

from logparse.model import Kind
from logparse.parser.buildkit.markers import EXPORT
from logparse.parser.buildkit.names import read_name
from logparse.parser.buildkit.regular import Visits

__all__ = ["Numbers", "Pending", "join", "same_name"]

_DONE, _LEFT = int(Kind.DONE), int(Kind.NOTE)

_AT_ONCE = 32
"""Builds that may run at once, far more than do; a bound, so that the cost of hostile text is linear."""


def same_name(one: bytes, other: bytes) -> bool:
    """Whether two names may be those of one vertex.

    Several targets share vertices, and the name then tells of the one or the other: ``[web builder 2/5] RUN
    make`` and ``[api builder 2/5] RUN make``.
    """
    if one == other:
        return True
    if one.rstrip()[-1:] != other.rstrip()[-1:]:  # most names differ there, and reading them takes longer
        return False
    names = [read_name(name.decode("utf-8", "replace").rstrip()) for name in (one, other)]
    return names[0].text == names[1].text and names[0].number == names[1].number


class Pending(NamedTuple):
    """Visits that a build has had, from `first` to `last` (exclusive), about which nobody has asked yet."""

    data: bytes
    visits: Visits
    first: int
    last: int


class Numbers:
    """What is known of one build: the names of its vertices, and which of them have not ended.

    Parameters
    ----------
    first
        Index of its first element.
    pending
        Visits that it begins with.

    Attributes
    ----------
    top : int
        The highest number so far.
    ended, exported : bool
        Whether the builder said why it failed; whether it exported an image.
    booting : bool
        Whether nothing but a builder was started so far.
    mixed : bool
        Whether it is several builds, which ran at once.
    pending : list of Pending
        What the names, the vertices that go on, `top` and `exported` do not tell before :meth:`settle`.
    """

    __slots__ = ("booting", "ended", "exported", "first", "mixed", "names", "open", "pending", "top")

    def __init__(self, first: int, pending: Pending | None = None) -> None:
        self.first = first
        self.names: dict[int, bytes] = {}
        self.open: set[int] = set()
        self.top = 0
        self.ended = False
        self.exported = False
        self.booting = False
        self.mixed = False
        self.pending = [] if pending is None else [pending]

    @property
    def has_vertices(self) -> bool:
        """Whether it is known at once that a vertex was named."""
        return len(self.pending) > 0 and self.pending[0].last - self.pending[0].first > 1

    def settle(self) -> Numbers:
        """Take note of what is pending; returns itself."""
        if self.pending:
            for data, visits, first, last in self.pending:
                for number, start, end, ending in zip(
                    *(column[first:last] for column in visits), strict=True
                ):
                    self.visit(number, data[start:end], ending)
            self.pending.clear()
        return self

    def visit(self, number: int, name: bytes, ending: int) -> None:
        """Take note that a vertex was named, and of the kind of element with which the display left it."""
        self.names[number] = name
        if number == 0:
            return
        self.top = max(self.top, number)
        if ending == _LEFT:
            self.open.add(number)
            return
        self.open.discard(number)
        if ending == _DONE and not self.exported:
            self.exported = EXPORT.match(name) is not None

    @property
    def finished(self) -> bool:
        """Whether it came to its end: nothing that is said later is why it failed."""
        return self.ended or self.succeeded

    @property
    def succeeded(self) -> bool:
        """Whether it exported an image, and no vertex goes on."""
        self.settle()
        return self.exported and not self.open

    def take(self, later: Numbers) -> None:
        """Take over what is known of another build that ran at the same time."""
        later.settle()
        self.names.update(later.names)
        self.open |= later.open
        self.top = max(self.top, later.top)
        self.ended = self.ended or later.ended
        self.exported = self.exported or later.exported
        self.mixed = True


def join(builds: list[Numbers], number: int) -> bool:
    """Join the last builds into one if `number` is a vertex that goes on in an earlier one.

    Returns
    -------
    bool
        Whether the last build has such a vertex now.
    """
    builds[-1].settle()
    for index in range(len(builds) - 2, max(-1, len(builds) - _AT_ONCE), -1):
        builds[index].settle()
        if number in builds[index].open:
            break
        if not builds[index].mixed and not builds[index].open:
            return number in builds[-1].names
    else:
        return number in builds[-1].names
    # Whoever came before and has not come to its end may be mixed up with them as well.
    while index > 0 and not builds[index - 1].finished:
        index -= 1
    for later in builds[index + 1 :]:
        builds[index].take(later)
    del builds[index + 1 :]
    return True
