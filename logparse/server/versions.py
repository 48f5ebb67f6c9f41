"""The versions of a recorded algorithm, as the API tells of them.

Choices where the API's documents leave a point open:

- An algorithm without ``versions.json`` has one version for each commit that was built, newest first.
- HASH is a full ``git_hash``, also of a commit that only the builds name. A semantic version or a
  shortened hash is not resolved: what is not 40 hexadecimal digits is 400, an unknown hash 404.
- A version tells of one build, in ``build`` and in ``compilation`` alike: the commit's latest that has
  ended or, while there is none, the one that runs, which has no ``compilation`` yet.
- A failed build's version is an answer like any other: 200, ``successful`` false, ``output`` its log.
- If no log of that build is stored, ``output`` is the one recorded in ``versions.json``, or left out.
"""

from __future__ import annotations

import re
from typing import Any

from logparse.fetch.api import BuildInfo, VersionInfo
from logparse.fetch.cluster import RecordedAlgorithm
from logparse.model import Status
from logparse.server.answers import ErrorCode, Refusal, known

__all__ = ["find_version", "latest_build", "list_versions", "version_entry"]

_GIT_HASH = re.compile(r"[0-9a-fA-F]{40}")


def list_versions(algorithm: RecordedAlgorithm) -> tuple[VersionInfo, ...]:
    """Return the versions recorded of an algorithm, or those that follow from its builds."""
    if algorithm.versions:
        return algorithm.versions
    commits = dict.fromkeys(build.commit_sha for build in algorithm.builds if build.commit_sha)
    return tuple(_built_version(algorithm, commit) for commit in commits)


def find_version(algorithm: RecordedAlgorithm, git_hash: str) -> VersionInfo:
    """Return the version of a commit, or raise :class:`Refusal`."""
    version = algorithm.version(git_hash)
    if version is not None:
        return version
    if algorithm.builds_of(git_hash):
        return _built_version(algorithm, git_hash)
    if not _GIT_HASH.fullmatch(git_hash):
        raise Refusal(400, ErrorCode.GENERAL, "The version must be named by its full git hash.")
    raise Refusal(404, ErrorCode.GENERAL, f"{algorithm.owner}/{algorithm.name} has no such version.")


def latest_build(algorithm: RecordedAlgorithm, version: VersionInfo) -> BuildInfo | None:
    """Return the build that a version tells of."""
    builds = algorithm.builds_of(version.git_hash) if version.git_hash else ()
    ended = (build for build in builds if build.status is not Status.IN_PROGRESS)
    return next(ended, builds[0] if builds else version.build)


def version_entry(algorithm: RecordedAlgorithm, version: VersionInfo, *, origin: str) -> dict[str, Any]:
    """Return a version as a list of versions has it: without the log.

    Parameters
    ----------
    origin
        Scheme, host and port by which the client reached the server, for a ``self_link`` where the
        recording has none.
    """
    entry: dict[str, Any] = known(version.raw)
    if version.git_hash:
        link = f"{origin}/v1/algorithms/{algorithm.owner}/{algorithm.name}/versions/{version.git_hash}"
        entry.setdefault("self_link", link)
    build = latest_build(algorithm, version)
    if build is not None:
        entry["build"] = known(build.raw)
    if build is not None and build.status is Status.IN_PROGRESS:
        entry.pop("compilation", None)
    elif build is not None and build.status is not None:
        entry["compilation"] = {"successful": build.status is Status.SUCCEEDED}
    elif isinstance(entry.get("compilation"), dict):
        entry["compilation"].pop("output", None)
    return entry


def _built_version(algorithm: RecordedAlgorithm, commit: str) -> VersionInfo:
    """Make the version of a commit from what its builds say."""
    published = (build.semantic_version for build in algorithm.builds_of(commit))
    semantic_version = next(filter(None, published), None)
    return VersionInfo.from_json(
        {
            "id": algorithm.id,
            "name": algorithm.name,
            "version_info": known({"git_hash": commit, "semantic_version": semantic_version}),
            "resource_type": "algorithm",
        }
    )
