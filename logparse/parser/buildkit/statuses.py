"""What vertices say of transfers: ``sha256:... 20.97MB / 93.29MB 0.1s``, ``transferring context: 2B done``.

``progressui/printer.go`` prints a status as its id, what was transferred of how much, how long it has taken
and whether it is done::

    status = id [ " " bytes [ " / " bytes ] ] [ " " seconds "s" ] [ " done" ]
    bytes  = number with two decimals or none, and B, kB, MB, GB, TB: powers of 1000
"""

from __future__ import annotations

import re

from logparse.model import LayerPull, Span

__all__ = ["Transfers", "read_size"]

_SIZE = rb"(\d{1,12}(?:\.\d{1,4})?)([kKMGTPE]?)i?B"
_LAYER = re.compile(
    rb"#\d{1,6} (?P<extracting>extracting )?(?P<id>sha256:[0-9a-f]{64})"
    rb"(?: "
    + _SIZE
    + rb"(?: / "
    + _SIZE
    + rb")?)?(?: (?P<seconds>\d{1,7}\.\d)s)?(?P<done> done)?[ \r]*(?:\n|\Z)"
)
_TAKEN = re.compile(rb" (\d{1,7}\.\d)s(?: done)?[ \r]*(?:\n|\Z)")
_TRANSFERRING = re.compile(rb"#\d{1,6} (transferring [^\n:]{1,256}:) " + _SIZE)
_UNITS = {
    b"": 1,
    b"k": 10**3,
    b"K": 10**3,
    b"M": 10**6,
    b"G": 10**9,
    b"T": 10**12,
    b"P": 10**15,
    b"E": 10**18,
}


def read_size(number: bytes, unit: bytes) -> int:
    """Bytes, of what is printed as a number and a unit."""
    return round(float(number) * _UNITS[unit])


class _Layer:
    __slots__ = ("bytes", "downloaded", "extracted", "extracting", "seconds")

    def __init__(self) -> None:
        self.bytes: int | None = None
        self.seconds: float | None = None
        self.downloaded = False
        self.extracting = False
        self.extracted = False

    @property
    def state(self) -> str:
        if self.extracted:
            return "Pull complete"
        if self.extracting:
            return "Extracting"
        return "Download complete" if self.downloaded else "Downloading"


class Transfers:
    """What one vertex transferred."""

    __slots__ = ("layers", "longest", "sent")

    def __init__(self) -> None:
        self.layers: dict[bytes, _Layer] = {}
        self.longest: float | None = None
        self.sent: dict[bytes, int] = {}

    def read(self, data: bytes, span: Span) -> None:
        """Read lines of statuses; later ones of the same id take the place of earlier ones."""
        for found in _LAYER.finditer(data, *span):
            layer = self.layers.setdefault(found["id"], _Layer())
            done = found["done"] is not None
            if found["extracting"]:
                layer.extracting = True
                layer.extracted = layer.extracted or done
                continue
            number, unit = (found[5], found[6]) if found[5] else (found[3], found[4])
            if number:
                size = read_size(number, unit)
                if found[5] or done or layer.bytes is None:
                    layer.bytes = size
            if found["seconds"]:
                layer.seconds = float(found["seconds"])
            layer.downloaded = layer.downloaded or done
        for found in _TAKEN.finditer(data, *span):
            self.longest = max(float(found[1]), self.longest or 0.0)
        for found in _TRANSFERRING.finditer(data, *span):
            self.sent[found[1]] = read_size(found[2], found[3])

    @property
    def bytes(self) -> int | None:
        """Bytes of contexts that were transferred, of as many as were printed."""
        return sum(self.sent.values()) if self.sent else None

    def pulled(self, reference: str | None, *, closed: bool) -> tuple[LayerPull, ...]:
        """The layers that were fetched.

        Manifests and configurations are fetched like layers and printed so. They are told by never being
        extracted though other things are, and by being what the reference names.
        """
        some = closed and any(layer.extracted for layer in self.layers.values())
        return tuple(
            LayerPull(name.decode(), layer.bytes, False, layer.state, layer.seconds)
            for name, layer in self.layers.items()
            if name.decode() != reference and (layer.extracting or not (some and layer.downloaded))
        )
