"""Get logs: from a cluster into a raw archive, and from anything on disk into memory.

::

    with Client("https://api.cluster.example", token) as client:
        report = fetch(client, "owner/name", Archive("archive"))
    for log in read_logs("archive"):
        ...
"""

from __future__ import annotations

from logparse.fetch.api import BuildInfo, VersionInfo
from logparse.fetch.archive import Archive, is_archive
from logparse.fetch.client import Client
from logparse.fetch.cluster import RecordedCluster, embedded_cluster, is_recorded_cluster
from logparse.fetch.config import Settings, Token, find_settings
from logparse.fetch.progress import NullProgress, Progress, rich_progress
from logparse.fetch.records import LogState, Record
from logparse.fetch.retry import Retry
from logparse.fetch.sources import Limits, Skip, read_logs
from logparse.fetch.sync import FailedFetch, FetchReport, fetch

__all__ = [
    "Archive",
    "BuildInfo",
    "Client",
    "FailedFetch",
    "FetchReport",
    "Limits",
    "LogState",
    "NullProgress",
    "Progress",
    "Record",
    "RecordedCluster",
    "Retry",
    "Settings",
    "Skip",
    "Token",
    "VersionInfo",
    "embedded_cluster",
    "fetch",
    "find_settings",
    "is_archive",
    "is_recorded_cluster",
    "read_logs",
    "rich_progress",
]
