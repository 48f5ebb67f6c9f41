"""The five tables: their columns, types and meaning, in one place and with a version.

The same schema holds in pandas, Arrow and Parquet. Times are UTC with microseconds, durations are float64
seconds, sizes are int64 bytes, ids are dictionary-encoded strings (categories in pandas). Anything that a log
or the API does not say is null. ``build_key`` joins all tables; ``step_index`` joins steps to pulls,
messages and failures.

The version is in every table's metadata under ``logparse.schema``. It grows by one when a column changes its
meaning or type or goes away; new columns do not change it.
"""

from __future__ import annotations

import pyarrow as pa

__all__ = ["SCHEMAS", "SCHEMA_VERSION", "describe"]

SCHEMA_VERSION = 1

_ID = pa.dictionary(pa.int32(), pa.string())
_TIME = pa.timestamp("us", tz="UTC")
_SECONDS = pa.float64()
_TEXT = pa.string()
# Parquet calls a list's items so; any other name would change on the way through a file.
_TEXTS = pa.list_(pa.field("element", _TEXT))
_INT = pa.int64()
_SMALL = pa.int32()

_COLUMNS: dict[str, list[tuple[str, pa.DataType, str]]] = {
    "builds": [
        (
            "build_key",
            _ID,
            "owner/name/build_id, else the log's digest; '#1' and on for later builds of a log",
        ),
        ("owner", _ID, "user or organisation that owns the algorithm"),
        ("name", _ID, "name of the algorithm"),
        ("build_id", _ID, "the API's id of the build"),
        ("build_index", _SMALL, "0-based number of the build among those of its log"),
        ("commit", _ID, "git commit that was built, 40 hexadecimal digits"),
        ("semantic_version", _ID, "version that the build was published as"),
        ("environment", _ID, "UUID of the algorithm environment, the tag of its langpack images"),
        ("route", _ID, "how the log was had: builds, versions or file"),
        ("path", _TEXT, "file that the log was read from"),
        ("log_digest", _TEXT, "sha256 of the log's bytes"),
        ("log_bytes", _INT, "bytes of the log that belong to this build"),
        ("unknown_bytes", _INT, "how many of them the parser did not understand"),
        ("builder", _ID, "classic, buildkit, buildah, kaniko or none"),
        ("wrappings", _ID, "what stood around the builder's lines, outermost first, joined by slashes"),
        ("status", _ID, "the API's word: in-progress, succeeded or failed"),
        ("outcome", _ID, "succeeded, failed, canceled, incomplete or unknown"),
        ("started_at", _TIME, "when the build started, as the API says"),
        ("finished_at", _TIME, "when the build finished, as the API says"),
        ("seconds", _SECONDS, "how long the build took"),
        ("seconds_source", _ID, "where that comes from: api, or stamps before the lines: prefix or arrival"),
        ("steps", _SMALL, "steps that were started"),
        ("total_steps", _SMALL, "steps that the builder announced"),
        ("cached_steps", _SMALL, "steps whose result came from the cache"),
        ("stages", _SMALL, "FROM instructions that were reached"),
        ("pulls", _SMALL, "images that were pulled"),
        ("warnings", _SMALL, "warnings of the builder itself"),
        ("image_id", _TEXT, "short id of the finished image"),
        ("tags", _TEXTS, "names given to the finished image"),
        (
            "at_once",
            pa.bool_(),
            "whether others wrote meanwhile: which lines are its own is a guess",
        ),
        ("cut_line", _INT, "line at which the log was cut; null if the build came to its end in it"),
    ],
    "steps": [
        ("build_key", _ID, "the build"),
        ("step_index", _SMALL, "0-based place of the step in its build's log"),
        ("target", _ID, "target of a build with several, such as a service of Compose"),
        ("stage", _ID, "name of the stage, its 0-based number if it has none; null before the first FROM"),
        ("stage_index", _SMALL, "0-based number of the stage"),
        ("platform", _ID, "platform of the stage where the builder prints it"),
        ("number", _SMALL, "the builder's own count"),
        ("total", _SMALL, "steps that the builder announced"),
        ("instruction", _ID, "FROM, RUN, COPY, ..."),
        ("text", _ID, "the instruction with its arguments as printed; secrets masked"),
        ("cached", pa.bool_(), "whether the result came from the cache"),
        ("canceled", pa.bool_(), "whether it was given up because another step failed"),
        ("image_id", _TEXT, "short id of the image that the step made"),
        ("container_id", _TEXT, "short id of the container that the step ran in (the last, if several)"),
        ("exit_code", _INT, "exit code of the command that failed; null elsewhere"),
        ("failed", pa.bool_(), "whether the build stopped here"),
        ("triggers", _SMALL, "ONBUILD instructions of the base image that ran with it"),
        ("started", _SECONDS, "seconds from the build's start"),
        ("seconds", _SECONDS, "how long the step took"),
        ("low", _SECONDS, "it took at least this"),
        ("high", _SECONDS, "it took at most this"),
        ("source", _ID, "where the seconds come from: clock, prefix, arrival, reported, estimated or none"),
        ("group", _ID, "steps of a build that durations alone cannot tell apart share a group"),
        ("vertex", _SMALL, "BuildKit's number of it, #12"),
        ("dockerfile_line", _SMALL, "line of the Dockerfile where it begins, 1-based, where the log tells"),
        ("dockerfile_last_line", _SMALL, "line where it ends"),
        ("output_bytes", _INT, "bytes that programs printed in it"),
        ("span_start", _INT, "where the step begins in its log"),
        ("span_end", _INT, "where it ends"),
        ("incomplete", pa.bool_(), "whether the log does not have its end"),
    ],
    "pulls": [
        ("build_key", _ID, "the build"),
        ("pull_index", _SMALL, "0-based number of the pull in its build"),
        ("step_number", _SMALL, "step that asked for the image, the builder's own count"),
        ("repository", _ID, "image name as the daemon prints it"),
        ("tag", _ID, "tag that was asked for"),
        ("digest", _ID, "digest of what was pulled"),
        ("status", _TEXT, "the daemon's closing line"),
        ("pull_seconds", _SECONDS, "how long the pull took, where printed"),
        ("layer_id", _ID, "id of the layer as printed; null for a pull without layers"),
        ("bytes", _INT, "size of the layer where it was printed"),
        ("already_present", pa.bool_(), "whether the layer was there before"),
        ("state", _ID, "last state that the layer reached"),
        ("layer_seconds", _SECONDS, "how long the layer was on its way, where printed"),
        ("reference", _ID, "the image as a Dockerfile names it, whichever builder pulled it"),
    ],
    "messages": [
        ("build_key", _ID, "the build"),
        ("step_index", _SMALL, "the step; null outside all steps"),
        ("line", _INT, "1-based number of the line in the log"),
        ("severity", _ID, "error or warning"),
        ("rule", _ID, "rule that recognised the line"),
        ("cause", _ID, "class of failure that it speaks of"),
        ("subject", _TEXT, "what the line names, as a JSON object: package, file, ...; secrets masked"),
        ("text", _TEXT, "the line without control sequences; secrets masked"),
    ],
    "failures": [
        ("build_key", _ID, "the build"),
        ("step_index", _SMALL, "failing step; null if none was running"),
        ("step_number", _SMALL, "its number, the builder's own count"),
        ("stage", _ID, "its stage"),
        ("instruction", _ID, "its instruction"),
        ("exit_code", _INT, "exit code of the command that failed"),
        ("cause", _ID, "class of failure; 'unknown' if no rule knows the line"),
        (
            "role_owner",
            _ID,
            "whose side it is on: dockerfile, code, dependency, network, registry, auth, infra",
        ),
        ("retry", _ID, "whether building again may help: yes, no or maybe"),
        (
            "confidence",
            pa.float64(),
            "0 to 1, the share of labelled failures on which such a verdict was right",
        ),
        ("line", _INT, "1-based number of the root line"),
        ("root_line", _TEXT, "the line that best says why; secrets masked"),
        ("subject", _TEXT, "what the root line names, as a JSON object; secrets masked"),
        ("fingerprint", _ID, "id of the failure with its variable parts masked"),
        ("remedy", _TEXT, "what to do"),
        (
            "command",
            _TEXT,
            "command of the failing RUN that ended it; secrets masked; null if nothing can be said",
        ),
        ("command_tool", _ID, "the program of it that does the work: apt-get of sudo apt-get update"),
        (
            "command_evidence",
            _ID,
            "what tells so, strongest first: only, trace, shell, output, exit-code, order (a guess)",
        ),
        (
            "command_confidence",
            pa.float64(),
            "0 to 1, the share of labelled steps on which such evidence was right",
        ),
    ],
}

SCHEMAS: dict[str, pa.Schema] = {
    table: pa.schema(
        [pa.field(name, kind, metadata={"description": text}) for name, kind, text in columns],
        metadata={"logparse.schema": str(SCHEMA_VERSION), "logparse.table": table},
    )
    for table, columns in _COLUMNS.items()
}
"""Arrow schema of each table; a field's meaning is in its metadata under ``description``."""


def describe(table: str) -> list[tuple[str, str, str]]:
    """Name, type and meaning of each column of a table.

    Parameters
    ----------
    table
        ``builds``, ``steps``, ``pulls``, ``messages`` or ``failures``.
    """
    return [(name, str(kind), text) for name, kind, text in _COLUMNS[table]]
