"""Measure the fetch layer against what latency alone would take.

Run from the repository's root::

    python -m tests.benchmarks.bench_fetch

The server runs in a process of its own, so that it does not share the client's interpreter lock, and adds
a fixed latency to every answer. "theirs" is the bound that no client can beat: requests divided by
connections, times latency, or the pages that the builds need at least.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Empty, SimpleQueue

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from logparse.fetch import Archive, Client, fetch
from logparse.fetch.client import PAGE_SIZE
from logparse.server import Fault, LocalCluster
from tests.builders import make_cluster

KEY = "simLocalClusterKeyOfTheTests"
ALGORITHM = "acme/sentiment"


def _latency(seconds: float) -> Callable[[ASGIApp], ASGIApp]:
    """Send each answer so long after its request came, the time it takes to make the answer included."""

    def effect(app: ASGIApp) -> ASGIApp:
        async def delayed(scope: Scope, receive: Receive, send: Send) -> None:
            loop = asyncio.get_running_loop()
            due = loop.time() + seconds
            messages: list[Message] = []

            async def keep(message: Message) -> None:
                messages.append(message)

            await app(scope, receive, keep)
            await asyncio.sleep(due - loop.time())
            for message in messages:
                await send(message)

        return delayed

    return effect


def _serve(folder: Path, latency: float, pipe: Connection) -> None:
    """Serve until the other end says so, and tell it how many requests came."""
    faults = [Fault(_latency(latency))] if latency else []
    with LocalCluster(folder, token=KEY, faults=faults) as cluster:
        pipe.send(cluster.address)
        pipe.recv()
        pipe.send(len(cluster.requests))


class _Remote:
    """A cluster in another process."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.address: str = pipe.recv()

    def stop(self) -> int:
        """Stop it and return the number of requests it answered."""
        self._pipe.send(None)
        count: int = self._pipe.recv()
        return count


@contextmanager
def _remote_cluster(folder: Path, latency: float) -> Iterator[_Remote]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(folder, latency, theirs))
    process.start()
    remote = _Remote(ours)
    try:
        yield remote
    except BaseException:
        process.terminate()
        raise
    finally:
        process.join()


def _row(what: str, size: str, ours: str, theirs: str, ratio: str) -> None:
    print(f"{what:<48} {size:>22} {ours:>14} {theirs:>14} {ratio:>7}")


def _bare_seconds(address: str, ids: list[str], workers: int) -> float:
    """Time threads that only ask, by http.client, and throw the logs away: the least that Python can do."""
    host = address.removeprefix("http://")
    left = SimpleQueue[str]()
    for build_id in ids:
        left.put(build_id)

    def ask() -> None:
        connection = http.client.HTTPConnection(host)
        with contextlib.closing(connection), contextlib.suppress(Empty):
            while True:
                path = f"/v1/algorithms/{ALGORITHM}/builds/{left.get_nowait()}/logs"
                connection.request("GET", path, headers={"Authorization": f"Simple {KEY}"})
                json.loads(connection.getresponse().read())

    threads = [threading.Thread(target=ask) for _ in range(workers)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begin


def bench_download(folder: Path, *, builds: int, latency: float, workers: int) -> float:
    """Fetch everything into a new archive; return the share of the latency-bound ideal."""
    cluster = make_cluster(folder / "logs", builds=builds, lines=800, versions=False)
    with _remote_cluster(cluster, latency) as remote:
        with Client(remote.address, KEY, max_connections=workers + 1) as client:
            ids = [build.build_id for build in client.builds(ALGORITHM)]
            bare = _bare_seconds(remote.address, ids, workers)
            archive = Archive(folder / "archive")
            begin = time.perf_counter()
            report = fetch(client, ALGORITHM, archive, workers=workers)
            seconds = time.perf_counter() - begin
            begin = time.perf_counter()
            again = fetch(client, ALGORITHM, archive, workers=workers)
            seconds_again = time.perf_counter() - begin
        remote.stop()
    report.raise_failures()
    assert (report.new, again.new) == (builds, 0), (report, again)
    ideal = builds / workers * latency
    _row(
        f"fetch, {latency * 1000:.0f} ms latency, {workers} at a time",
        f"{builds} logs, {report.size / 1e6:.0f} MB",
        f"{seconds:.2f} s",
        f"{ideal:.2f} s",
        f"{ideal / seconds:.0%}",
    )
    _row(
        "  beside http.client, listing and storing nothing",
        "",
        f"{seconds:.2f} s",
        f"{bare:.2f} s",
        f"{bare / seconds:.0%}",
    )
    _row("  the same again, nothing new", f"{again.listed} builds", f"{seconds_again:.2f} s", "", "")
    return ideal / seconds


def bench_listing(folder: Path, *, builds: int) -> int:
    """List all builds; return the number of requests."""
    cluster = make_cluster(folder / "list", builds=builds, versions=False, logs=False)
    with _remote_cluster(cluster, 0.0) as remote:
        with Client(remote.address, KEY) as client:
            begin = time.perf_counter()
            listed = sum(1 for _ in client.builds(ALGORITHM))
            seconds = time.perf_counter() - begin
        count = remote.stop()
    pages = -(-builds // PAGE_SIZE)
    assert listed == builds, listed
    _row(
        f"list, {PAGE_SIZE} builds a page",
        f"{builds} builds, {seconds:.2f} s",
        f"{count} requests",
        f"{pages} pages",
        f"{count / pages:.2f}",
    )
    return count


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--builds", type=int, default=2000)
    options.add_argument("--listed", type=int, default=10_000)
    options.add_argument("--latency", type=float, default=0.05, help="seconds")
    options.add_argument("--workers", type=int, default=16)
    given = options.parse_args()
    _row("what", "size", "ours", "theirs", "ratio")
    with tempfile.TemporaryDirectory() as folder:
        bench_download(Path(folder), builds=given.builds, latency=given.latency, workers=given.workers)
        bench_listing(Path(folder), builds=given.listed)


if __name__ == "__main__":
    main()
