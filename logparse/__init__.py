r"""logparse turns the build logs of Docker images into answers.

>>> import logparse
>>> log = b"Step 1/2 : FROM alpine\n ---> 0123456789ab\n"
>>> log += b"Step 2/2 : RUN false\n ---> Running in ba9876543210\n"
>>> log += b"The command '/bin/sh -c false' returned a non-zero code: 1\n"
>>> [build] = logparse.parse(log)
>>> build.outcome, build.failing_step.text, build.exit_code
(<Outcome.FAILED: 'failed'>, 'RUN false', 1)

The path of every log is ``source -> Log -> Build -> Diagnosis -> tables -> reports``, and each arrow is one
function here: :func:`read_logs` and :func:`fetch_logs`, :func:`parse`, :func:`diagnose`, :func:`tables`,
:func:`export`. :func:`read_builds` joins the first two.
"""

from logparse.analytics import SCHEMAS, Tables, failure_causes, step_timings, tables
from logparse.builds import read_builds
from logparse.diagnosis import diagnose, messages
from logparse.errors import LogparseError
from logparse.fetch import Archive, Client, FetchReport, RecordedCluster, embedded_cluster, read_logs
from logparse.fetch import fetch as fetch_logs
from logparse.model import (
    Build,
    Builder,
    BuildWarning,
    Candidate,
    Diagnosis,
    Element,
    Failure,
    Kind,
    LayerPull,
    Line,
    Log,
    Message,
    Outcome,
    Pull,
    Span,
    Stage,
    Status,
    Step,
    Timing,
    TimingSource,
    Transcript,
    Vertex,
)
from logparse.parser import parse
from logparse.parser.feed import Fed, Feed, follow
from logparse.report import export

__version__ = "0.1.0"

__all__ = [
    "SCHEMAS",
    "Archive",
    "Build",
    "BuildWarning",
    "Builder",
    "Candidate",
    "Client",
    "Diagnosis",
    "Element",
    "Failure",
    "Fed",
    "Feed",
    "FetchReport",
    "Kind",
    "LayerPull",
    "Line",
    "Log",
    "LogparseError",
    "Message",
    "Outcome",
    "Pull",
    "RecordedCluster",
    "Span",
    "Stage",
    "Status",
    "Step",
    "Tables",
    "Timing",
    "TimingSource",
    "Transcript",
    "Vertex",
    "diagnose",
    "embedded_cluster",
    "export",
    "failure_causes",
    "fetch_logs",
    "follow",
    "messages",
    "parse",
    "read_builds",
    "read_logs",
    "step_timings",
    "tables",
]
