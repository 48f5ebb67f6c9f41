"""Hypothesis strategies: what real logs become on their way to us, and what no engine would print."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from tests.fixtures_path import LOGS

__all__ = ["marker_soup", "mutated_logs"]

# Lines of the builder with the few ids and numbers that make imitations collide with the real thing.
_IDS = (b"0123456789ab", b"ba9876543210", b"cafecafecafe")
_PIECES = [
    *[b"Step %d/3 : RUN make\n" % number for number in range(5)],
    b"Step 1/3 : FROM alpine\n",
    b"Step 2 : COPY . .\n",
    b"Step 99/1 : FROM nowhere\n",
    b" ---> Using cache\n",
    *[b" ---> Running in %s\n" % one for one in _IDS],
    *[b" ---> %s\n" % one for one in _IDS],
    *[b"Removing intermediate container %s\n" % one for one in _IDS],
    *[b" ---> Removed intermediate container %s\n" % one for one in _IDS],
    b"Error removing intermediate container 0123456789ab: No such container: 0123456789ab\n",
    b"Sending build context to Docker daemon  2.048kB\r\r\n",
    b"latest: Pulling from library/alpine\n",
    b"0123456789ab: Pull complete\n",
    b"Digest: sha256:00\nStatus: Downloaded newer image for alpine:latest\n",
    b"Successfully built 0123456789ab\n",
    b"Successfully built uwsgi\n",
    b"Successfully x\n",
    b"short end\n",
    b"\x1b[0K",
    b"Successfully tagged a:b\n",
    b"Untagged: a:b\n",
    b"Deleted: sha256:00\n",
    b"The command '/bin/sh -c make' returned a non-zero code: 2\n",
    b"The command '/bin/sh -c other' returned a non-zero code: 1\n",
    b"COPY failed: file not found in build context\n",
    b"[Warning] One or more build-args [A] were not consumed\n",
    b"# Executing 2 build triggers\n",
    b"output\n",
    b"output without newline",
    b"\x1b[91mred\x1b[0m",
    b"\x1b[0m",
    b"\n",
    b"\r",
    b"\r\n",
    b"\xff\xfe",
]

marker_soup = st.lists(st.sampled_from(_PIECES), max_size=40).map(b"".join)
"""The builder's own lines in any order."""


@cache
def _logs() -> list[bytes]:
    return [path.read_bytes()[:20_000] for path in LOGS]


@st.composite
def mutated_logs(draw: st.DrawFn) -> bytes:
    """A recorded log after some cuts, splices, repetitions, insertions and changes of line ends."""
    data = draw(st.sampled_from(_logs()))
    for _ in range(draw(st.integers(0, 4))):
        here = draw(st.integers(0, len(data)))
        there = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 5)):
            case 0:
                data = data[:here]
            case 1:
                data = data[here:]
            case 2:
                data = data[:here] + draw(st.sampled_from(_logs()))[there:]
            case 3:
                data = data[:here] + draw(marker_soup) + data[here:]
            case 4:
                data = data[: max(here, there)] + data[min(here, there) :]
            case 5:
                data = data.replace(b"\n", draw(st.sampled_from([b"\r\n", b"\r\r\n", b"", b"\n\n"])))
    return data[:40_000]
