"""Read a recorded cluster: a folder that holds what an Algorithmia cluster said of its builds.

The layout, one folder an algorithm::

    CLUSTER/<owner>/<name>/builds.json           a list of Build, or a page with "results"
    CLUSTER/<owner>/<name>/versions.json         optional, the same of Version
    CLUSTER/<owner>/<name>/algorithm.json        optional, an object whose "id" is the algorithm's UUID
    CLUSTER/<owner>/<name>/logs/<build_id>.log   the raw bytes of a build's log

Other files and folders are ignored, and so is a log that no build names: the API could not show it.
Each JSON file is read once, when first asked for; a log is read when it is asked for, and not kept.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from logparse.errors import SourceError
from logparse.fetch.api import BuildInfo, VersionInfo
from logparse.model import Log
from logparse.text import printable

__all__ = [
    "RecordedAlgorithm",
    "RecordedCluster",
    "embedded_cluster",
    "is_recorded_algorithm",
    "is_recorded_cluster",
]

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


def is_recorded_cluster(path: str | Path) -> bool:
    """Tell whether `path` is a folder that holds at least one ``<owner>/<name>/builds.json``."""
    return next(_indexes(Path(path)), None) is not None


def is_recorded_algorithm(path: str | Path) -> bool:
    """Tell whether `path` is the folder of one algorithm of a recorded cluster."""
    return (Path(path) / "builds.json").is_file() and (Path(path) / "logs").is_dir()


def embedded_cluster() -> Path:
    """The recorded cluster that comes with logparse: builds of six algorithms, made by real engines.

    Raises
    ------
    SourceError
        If it is missing from this installation.
    """
    package = Path(__file__).resolve().parents[1]
    # In a wheel it is inside the package; in the repository it is where it was recorded.
    for path in (package / "_cluster", package.parent / "fixtures" / "cluster"):
        if path.is_dir():
            return path
    raise SourceError("The recorded cluster is not part of this installation: install logparse anew.")


class RecordedCluster:
    """The algorithms of a recorded cluster.

    Parameters
    ----------
    path
        The cluster's folder.

    Raises
    ------
    SourceError
        If `path` is no folder, or no algorithm is in it. A malformed JSON file raises the same when
        it is first needed.

    Examples
    --------
    >>> cluster = RecordedCluster("fixtures/cluster")  # doctest: +SKIP
    >>> for log in cluster.logs():  # doctest: +SKIP
    ...     print(log.key, log.status, len(log.data))
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise SourceError(f"{_shown(self.path)} is not a folder, so it is no recorded cluster.")
        algorithms = [RecordedAlgorithm(index.parent) for index in _indexes(self.path)]
        if not algorithms:
            raise SourceError(
                f"{_shown(self.path)} is no recorded cluster: it holds no <owner>/<name>/builds.json."
            )
        self._algorithms = {
            (one.owner, one.name): one for one in sorted(algorithms, key=lambda one: one.folder)
        }

    def __iter__(self) -> Iterator[RecordedAlgorithm]:
        """Iterate over the algorithms, by owner and name."""
        return iter(self._algorithms.values())

    def __len__(self) -> int:
        """Return the number of algorithms."""
        return len(self._algorithms)

    @cached_property
    def owners(self) -> frozenset[str]:
        """The users and organizations that own an algorithm here."""
        return frozenset(owner for owner, _ in self._algorithms)

    def algorithm(self, owner: str, name: str) -> RecordedAlgorithm | None:
        """Return the algorithm ``owner/name``, or ``None``. Names are compared exactly."""
        return self._algorithms.get((owner, name))

    def logs(self) -> Iterator[Log]:
        """Read every stored log, algorithm by algorithm, each one's newest build first."""
        for algorithm in self:
            yield from algorithm.logs()


class RecordedAlgorithm:
    """One algorithm of a recorded cluster: its builds, versions and logs.

    Parameters
    ----------
    folder
        ``CLUSTER/<owner>/<name>``; the last two parts are the algorithm's owner and name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.owner = folder.parent.name
        self.name = folder.name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.folder)!r})"

    @cached_property
    def id(self) -> str:
        """The algorithm's UUID.

        What ``algorithm.json`` says, else what its versions say, else a UUID derived from the owner
        and the name, so that it is the same on every machine.
        """
        facts = self.folder / "algorithm.json"
        recorded = _read_json(facts) if facts.is_file() else None
        stated = recorded.get("id") if isinstance(recorded, Mapping) else None
        if isinstance(stated, str) and stated:
            return stated
        named = (version.algorithm_id for version in self.versions)
        return next(filter(None, named), None) or str(
            uuid.uuid5(uuid.NAMESPACE_URL, f"algo://{self.owner}/{self.name}")
        )

    @cached_property
    def builds(self) -> tuple[BuildInfo, ...]:
        """Every build, newest first by ``started_at``; equal times keep the file's order."""
        index = self.folder / "builds.json"
        # A build listed twice (pages joined while a new build came in) is one build.
        builds: dict[str, BuildInfo] = {}
        for entry in _read_list(index):
            try:
                build = BuildInfo.from_json(entry)
            except ValueError as error:
                raise SourceError(
                    f"{_shown(index)} does not hold builds as the API gives them: {error}."
                ) from error
            builds.setdefault(build.build_id, build)
        return tuple(sorted(builds.values(), key=lambda build: build.started_at or _BEFORE_ALL, reverse=True))

    @cached_property
    def versions(self) -> tuple[VersionInfo, ...]:
        """Every version, in the file's order; empty when none were recorded."""
        index = self.folder / "versions.json"
        if not index.is_file():
            return ()
        try:
            return tuple(VersionInfo.from_json(entry) for entry in _read_list(index))
        except ValueError as error:
            raise SourceError(
                f"{_shown(index)} does not hold versions as the API gives them: {error}."
            ) from error

    def build(self, build_id: str) -> BuildInfo | None:
        """Return one build, or ``None`` if the algorithm has no such build."""
        return self._builds_by_id.get(build_id)

    def builds_of(self, commit: str) -> tuple[BuildInfo, ...]:
        """Return the builds of a commit, newest first."""
        return tuple(self._builds_by_commit.get(commit, ()))

    def version(self, git_hash: str) -> VersionInfo | None:
        """Return the version of a commit, or ``None`` if none was recorded."""
        return self._versions_by_hash.get(git_hash)

    def read_log(self, build_id: str) -> bytes | None:
        """Read the raw bytes of a build's log, or return ``None`` if the algorithm stores none of that id.

        Raises
        ------
        SourceError
            If the log is there but cannot be read.
        """
        file = self._log_file(build_id)
        if file is None:
            return None
        try:
            return file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SourceError(f"{_shown(file)} cannot be read: {error.strerror or error}.") from error

    def logs(self) -> Iterator[Log]:
        """Read the stored logs one by one, newest build first, with the API's facts filled in.

        A build without a stored log is passed over. The environment is that of the version whose
        ``git_hash`` is the build's commit.
        """
        for build in self.builds:
            data = self.read_log(build.build_id)
            if data is not None:
                yield self._log(build, data)

    def _log(self, build: BuildInfo, data: bytes) -> Log:
        version = self.version(build.commit_sha) if build.commit_sha else None
        return Log(
            data=data,
            path=printable(str(self._log_file(build.build_id))),
            route="builds",
            owner=printable(self.owner),
            name=printable(self.name),
            build_id=build.build_id,
            commit=build.commit_sha,
            status=build.status,
            started_at=build.started_at,
            finished_at=build.finished_at,
            semantic_version=build.semantic_version,
            environment=version.environment if version else None,
        )

    def _log_file(self, build_id: str) -> Path | None:
        # An id is the server's word, so it must not lead out of the folder of logs.
        if self.build(build_id) is None or any(character in build_id for character in "/\\\0"):
            return None
        return self.folder / "logs" / f"{build_id}.log"

    @cached_property
    def _builds_by_id(self) -> dict[str, BuildInfo]:
        return {build.build_id: build for build in self.builds}

    @cached_property
    def _builds_by_commit(self) -> dict[str, list[BuildInfo]]:
        commits: dict[str, list[BuildInfo]] = {}
        for build in self.builds:
            if build.commit_sha:
                commits.setdefault(build.commit_sha, []).append(build)
        return commits

    @cached_property
    def _versions_by_hash(self) -> dict[str, VersionInfo]:
        # Should a commit have two entries, the first is the newest, as in every list of the API.
        return {version.git_hash: version for version in reversed(self.versions) if version.git_hash}


def _indexes(cluster: Path) -> Iterator[Path]:
    """Find the ``builds.json`` of each algorithm."""
    return (index for index in cluster.glob("*/*/builds.json") if index.is_file())


def _shown(path: Path) -> str:
    return printable(str(path))


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except OSError as error:
        raise SourceError(f"{_shown(file)} cannot be read: {error.strerror or error}.") from error
    except json.JSONDecodeError as error:
        raise SourceError(
            f"{_shown(file)} is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise SourceError(f"{_shown(file)} is not valid JSON.") from error


def _read_list(file: Path) -> list[Any]:
    """Read a list of API objects, bare or as a page of the API."""
    value = _read_json(file)
    if isinstance(value, Mapping):
        value = value.get("results")
    if not isinstance(value, list):
        raise SourceError(f"{_shown(file)} is neither a list nor a page with 'results'.")
    return value
