"""What is known of builds while a text is cut: the names behind their numbers, and which vertices go on."""

from __future__ import annotations

from logparse.parser.buildkit.names import read_name

__all__ = ["Numbers", "join", "same_name"]

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


class Numbers:
    """What is known of one build: the names of its vertices, and which of them have not ended.

    Parameters
    ----------
    first
        Index of its first element.

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
    """

    __slots__ = ("booting", "ended", "exported", "first", "mixed", "names", "open", "top")

    def __init__(self, first: int) -> None:
        self.first = first
        self.names: dict[int, bytes] = {}
        self.open: set[int] = set()
        self.top = 0
        self.ended = False
        self.exported = False
        self.booting = False
        self.mixed = False

    @property
    def finished(self) -> bool:
        """Whether it came to its end: nothing that is said later is why it failed."""
        return self.ended or (self.exported and not self.open)

    def take(self, later: Numbers) -> None:
        """Take over what is known of another build that ran at the same time."""
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
    for index in range(len(builds) - 2, max(-1, len(builds) - _AT_ONCE), -1):
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
