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

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logparse.analytics import (
        SCHEMAS,
        Tables,
        build_costs,
        failure_causes,
        step_costs,
        step_timings,
        tables,
    )
    from logparse.builds import read_builds
    from logparse.diagnosis import RuleBook, diagnose, load_book, messages
    from logparse.errors import LogparseError
    from logparse.evaluation import Evaluation, evaluate
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
    from logparse.timing import Estimates, estimate

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
    "Estimates",
    "Evaluation",
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
    "RuleBook",
    "Span",
    "Stage",
    "Status",
    "Step",
    "Tables",
    "Timing",
    "TimingSource",
    "Transcript",
    "Vertex",
    "build_costs",
    "diagnose",
    "embedded_cluster",
    "estimate",
    "evaluate",
    "export",
    "failure_causes",
    "fetch_logs",
    "follow",
    "load_book",
    "messages",
    "parse",
    "read_builds",
    "read_logs",
    "step_costs",
    "step_timings",
    "tables",
]

_HOMES = (
    "model",
    "errors",
    "parser",
    "parser.feed",
    "builds",
    "diagnosis",
    "fetch",
    "evaluation",
    "timing",
    "analytics",
    "report",
)
"""Where the names above are, what is imported soonest first."""


if not TYPE_CHECKING:  # or a checker would believe that there is every name

    def __getattr__(name: str) -> Any:
        """Import what is asked for: all of it takes a second, in which a build to be watched would wait."""
        if name in __all__:
            for home in _HOMES:
                module = import_module(f"{__name__}.{home}")
                own = "fetch" if (name, home) == ("fetch_logs", "fetch") else name
                if own in module.__all__:
                    return globals().setdefault(name, getattr(module, own))
        elif name in _HOMES:
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
