"""The form in which watched output is saved: every line behind the time at which it came.

::

    log    = { record }
    record = stamp " " stream sign " " text LF
    stamp  = RFC 3339 in UTC with microseconds, 2026-01-31T12:00:00.123456Z
    stream = "1" | "2"          standard output, or standard error where that is another file
    sign   = ">"                the line ends here: the line feed is the program's
           | "+"                it does not: the next record of the stream goes on with it, if there is one

The stamp is that of the text's first byte; a line that came in parts, a hundredth of a second apart or more,
is saved in parts. Text is as it came, carriage returns and all, but for line feeds, so taking away the first
31 bytes of each line, and the line feed of those with a ``+``, gives back the output. The first and the last
record have no text and a ``+``: they tell when watching began, and when the output ended.
:mod:`logparse.parser.wrappings.arrivals` takes all this away before a log is parsed.
"""

from __future__ import annotations

import re
import time

__all__ = ["Recorder", "moment", "original"]

_LONGEST = 1 << 16
"""Bytes of a line without an end that are held back."""
_APART = 10_000_000
"""Nanoseconds from a line's first byte after which what comes of it is stamped anew."""
_SECOND = 1_000_000_000
_RECORD = re.compile(rb"[12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z ([12])([>+]) ?")


class _Held:
    """The beginning of a line that has not ended."""

    __slots__ = ("at", "parts", "size")

    def __init__(self, at: int) -> None:
        self.at = at
        self.parts: list[bytes] = []
        self.size = 0

    def add(self, text: bytes) -> None:
        self.parts.append(text)
        self.size += len(text)


class Recorder:
    r"""Makes records of output.

    Parameters
    ----------
    origin
        Nanoseconds from 1970 to where :func:`time.monotonic_ns` is 0. Differences of stamps are those of that
        clock, which nobody sets.

    Examples
    --------
    >>> recorder = Recorder(0)
    >>> recorder.begin(1_250_000_000)
    b'1970-01-01T00:00:01.250000Z 1+ \n'
    >>> recorder.take(1_500_000_000, 1, b"Step 1/1 : FROM a\n --->")
    b'1970-01-01T00:00:01.500000Z 1> Step 1/1 : FROM a\n'
    >>> recorder.end(2_000_000_000)
    b'1970-01-01T00:00:01.500000Z 1+  --->\n1970-01-01T00:00:02.000000Z 1+ \n'
    """

    def __init__(self, origin: int) -> None:
        self._origin = origin
        self._held: dict[int, _Held] = {}
        self._latest = 1
        self._second = -1
        self._date = b""

    def begin(self, at: int) -> bytes:
        """Give the first record."""
        return self._prefix(at, 1, b"+") + b"\n"

    @property
    def holds(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._held)

    def take(self, at: int, stream: int, chunk: bytes) -> bytes:
        """Take bytes that came at a time of the monotonic clock; give the records that are whole now."""
        last = chunk.rfind(b"\n") + 1
        records = b""
        held = self._held.get(stream)
        begin = 0
        if held is not None and at - held.at >= _APART:
            records, held = self._let_go(stream), None
        elif held is not None and last:
            begin = chunk.find(b"\n") + 1
            records = b"".join([self._prefix(held.at, stream, b">"), *held.parts, chunk[:begin]])
            held = None
            del self._held[stream]
        if begin < last:
            prefix = self._prefix(at, stream, b">")
            records += prefix + chunk[begin : last - 1].replace(b"\n", b"\n" + prefix) + b"\n"
        if last < len(chunk):
            if held is None:
                held = self._held[stream] = _Held(at)
            held.add(chunk[last:] if last else chunk)
            if held.size > _LONGEST:
                records += self._let_go(stream)
        return records

    def release(self, before: int) -> bytes:
        """Give what has been held back since `before`, a time of the monotonic clock, or longer."""
        late = [stream for stream, held in self._held.items() if held.at <= before]
        return b"".join(map(self._let_go, late))

    def end(self, at: int) -> bytes:
        """Give what is held back, and the last record."""
        rest = b"".join(map(self._let_go, list(self._held)))
        return b"".join([rest, self._prefix(at, self._latest, b"+"), b"\n"])

    def _let_go(self, stream: int) -> bytes:
        held = self._held.pop(stream)
        return b"".join([self._prefix(held.at, stream, b"+"), *held.parts, b"\n"])

    def _prefix(self, at: int, stream: int, sign: bytes) -> bytes:
        self._latest = stream
        second, rest = divmod(self._origin + at, _SECOND)
        if second != self._second:
            self._second = second
            self._date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode()
        return b"%b.%06dZ %d%b " % (self._date, rest // 1000, stream, sign)


def moment(record: bytes) -> float | None:
    """When a record was stamped, in seconds since 1970; ``None`` if it is none."""
    if _RECORD.match(record) is None:
        return None
    from datetime import datetime  # noqa: PLC0415  it is not needed where records are made

    return datetime.fromisoformat(record[:27].decode()).timestamp()


def original(data: bytes, stream: int | None = None) -> bytes:
    r"""The output of which a log of records was made.

    Parameters
    ----------
    data
        The log.
    stream
        1 or 2, to get that of one stream alone; else both, in the order of the records. A line of the one
        may have come while one of the other had not ended.

    Examples
    --------
    >>> original(b"1970-01-01T00:00:01.500000Z 1> a\r\n1970-01-01T00:00:02.000000Z 1+ b\n")
    b'a\r\nb'
    """
    parts = []
    lines = data.split(b"\n")
    rest = lines.pop()
    for line in lines:
        found = _RECORD.match(line)
        if found is None:  # it was not made here
            parts.append(line + b"\n")
        elif stream is None or int(found[1]) == stream:
            parts.append(line[found.end() :] + (b"\n" if found[2] == b">" else b""))
    found = _RECORD.match(rest)
    if found is None or stream is None or int(found[1]) == stream:
        parts.append(rest[found.end() :] if found else rest)  # cut in the middle of a record
    return b"".join(parts)
