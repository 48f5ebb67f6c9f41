"""Make small recorded clusters, equal on every machine, for tests and benchmarks."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

EPOCH = datetime(2021, 7, 29, 21, 12, 56, 442_000, tzinfo=UTC)
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "tests.cluster.example")
ENVIRONMENT = str(uuid.uuid5(NAMESPACE, "environment"))


def make_cluster(
    root: Path,
    *,
    algorithms: Sequence[str] = ("acme/sentiment",),
    builds: int = 6,
    running: int = 0,
    lines: int = 3,
    versions: bool = True,
    logs: bool = True,
    as_pages: bool = False,
) -> Path:
    """Write a recorded cluster and return its folder.

    Build number ``i`` of an algorithm (0 is the oldest) starts ``i`` hours after `EPOCH` and takes 10 s.
    Every third build builds the commit before it again; every fourth build (1, 5, 9...) fails; the first
    is published as 0.1.0. The newest `running` builds are in progress and have no log.

    Parameters
    ----------
    algorithms
        ``owner/name`` of each.
    builds
        Builds of each algorithm.
    lines
        Lines that the one RUN prints in each log. The log is valid UTF-8 and not all ASCII.
    versions, logs
        Whether ``versions.json`` and the logs are written.
    as_pages
        Write the lists as pages of the API, with ``results``.
    """
    for algorithm in algorithms:
        folder = root / algorithm
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        entries = [make_build(algorithm, i, running=i >= builds - running) for i in range(builds)]
        entries.reverse()
        write_list(folder / "builds.json", entries, as_page=as_pages)
        if versions:
            latest: dict[str, dict[str, Any]] = {}
            for build in entries:
                kept = latest.setdefault(build["commit_sha"], build)
                # A version speaks of the latest build that has ended.
                if kept["status"] == "in-progress" and build["status"] != "in-progress":
                    latest[build["commit_sha"]] = build
            write_list(
                folder / "versions.json",
                [make_version(algorithm, build) for build in latest.values()],
                as_page=as_pages,
            )
        if logs:
            for build in entries:
                if build["status"] != "in-progress":
                    (folder / "logs" / f"{build['build_id']}.log").write_bytes(make_log(build, lines=lines))
    return root


def make_build(algorithm: str, number: int, *, running: bool = False) -> dict[str, Any]:
    """Return build `number` of an algorithm, as the API gives it."""
    commit = number - 1 if number % 3 == 2 else number
    started = EPOCH + timedelta(hours=number)
    build: dict[str, Any] = {
        "build_id": str(uuid.uuid5(NAMESPACE, f"{algorithm}/{number}")),
        "status": "in-progress" if running else "failed" if number % 4 == 1 else "succeeded",
        "commit_sha": hashlib.sha1(f"{algorithm}/{commit}".encode()).hexdigest(),
        "started_at": timestamp(started),
        "resource_type": "build",
    }
    if not running:
        build["finished_at"] = timestamp(started + timedelta(seconds=10))
        if number == 0:
            build["version_info"] = {"semantic_version": "0.1.0"}
    return build


def make_version(algorithm: str, build: dict[str, Any]) -> dict[str, Any]:
    """Return the version of a build's commit, as a list of versions gives it."""
    commit = build["commit_sha"]
    version: dict[str, Any] = {
        "id": str(uuid.uuid5(NAMESPACE, algorithm)),
        "name": algorithm.partition("/")[2],
        "details": {"summary": "", "label": algorithm, "tagline": ""},
        "settings": {
            "algorithm_callability": "public" if "version_info" in build else "private",
            "algorithm_environment": ENVIRONMENT,
            "package_set": "python38",
        },
        "version_info": {
            "git_hash": commit,
            "version_uuid": str(uuid.uuid5(NAMESPACE, commit)),
            **build.get("version_info", {}),
        },
        "build": build,
        "self_link": f"https://api.cluster.example/v1/algorithms/{algorithm}/versions/{commit}",
        "resource_type": "algorithm",
    }
    if build["status"] != "in-progress":
        version["compilation"] = {"successful": build["status"] == "succeeded"}
    return version


def make_log(build: dict[str, Any], *, lines: int = 3) -> bytes:
    """Return a log of the classic builder that ends as the build's status says."""
    output = "".join(f"Collecting package-{i}\n" for i in range(lines))
    head = (
        "Sending build context to Docker daemon  1.039MB\n\n"
        f"Step 1/2 : FROM hub.cluster.example/algorithmiahq/langpack-builder:{ENVIRONMENT}\n"
        " ---> 83ee3a23efb7\n"
        "Step 2/2 : RUN algorithmia-build\n"
        " ---> Running in 2f3c1d4b5a69\n"
        f"Building {build['build_id']} ✓\n{output}"
    )
    if build["status"] == "failed":
        tail = "The command '/bin/sh -c algorithmia-build' returned a non-zero code: 1\n"
    else:
        tail = "Removing intermediate container 2f3c1d4b5a69\n ---> 8f1b2c3d4e5f\nSuccessfully built 8f1b2c3d4e5f\n"
    return (head + tail).encode()


def timestamp(moment: datetime) -> str:
    """Return a time as the API writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def write_list(file: Path, entries: list[dict[str, Any]], *, as_page: bool) -> None:
    """Write a list of API objects, bare or as the API's last page."""
    value = {"marker": None, "next_link": None, "results": entries} if as_page else entries
    file.write_text(json.dumps(value, indent=1) + "\n")
