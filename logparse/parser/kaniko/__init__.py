r"""kaniko: the output of its executor, 2018 to today.

The grammar, as kaniko prints it (``pkg/executor/build.go`` and ``push.go``, ``pkg/commands/``,
``pkg/image/remote/remote.go``; the form of the lines is logrus's, ``--log-format``)::

    log      = { text | build }
    build    = { line | output } ( result | closing )
    line     = LEVEL "[" clock "] " message "\n"              colour, the default; mostly with colours
             | 'time="' date '" level=' level " msg=" quoted "\n"                 text
             | '{"level":"' level '","msg":"' escaped '","time":"' date '"}\n'    json
    LEVEL    = "INFO" | "WARN" | "ERRO" | "DEBU" | "TRAC" | "FATA"
    clock    = seconds since kaniko started, four digits
             | date                                           with --log-timestamp
    stage    = { "Retrieving image manifest " image }
               "Executing " count " build triggers"
               "Building stage '" image "' [idx: '" number "', base-idx: '" number "']"    since 1.6
               { "Checking for cached layer " name "..." | "Using caching version of cmd: " step
               | "No cached layer found for cmd " step }
               "Unpacking rootfs as cmd " step " requires it."
               | "Skipping unpacking as no commands require it."
               { step }
               { "Storing source image from stage " ... | "Saving file " ... | "Deleting filesystem..." }
    step     = INSTRUCTION arguments                          as in the Dockerfile
               [ "Found cached layer, extracting to filesystem"
               | "Cmd: " program "Args: [" arguments "]" [ "Running: [" command "]" ] output ]
               [ "Taking snapshot of full filesystem..." | "Taking snapshot of files..." ]
    result   = "Pushing image to " name [ "Pushed " name "@" digest ]
             | "Skipping push to container registry due to --no-push flag"
             | date " " name ": digest: " digest              of the registry client, in 2018
    closing  = "error building image: " message ": exit status " code         without a stamp

What follows from it:

* *Steps have no numbers.* :attr:`~logparse.model.Step.number` is the 1-based place of an instruction in the
  log, and there is no total. ``Building stage`` counts as the stage's FROM; before 1.6 it is the line about
  the image that is retrieved just before ``Unpacking rootfs``, which tells that another stage begins. A stage
  that is made of an earlier one has no FROM then. Names of stages are not printed.
* *The clock gives times*, of one second's resolution: a step lasts until the next one begins, with the
  snapshot that is taken of what it did. How long the failing step took is not known, since the closing words
  have no stamp.
* *A program's output ends* where kaniko says what only kaniko says, with a clock that has not run backwards.
  The layers of earlier steps are pushed to the cache meanwhile, and lines about that stand in its middle.
* *A line may be indented or named* by what carried it, ``[task : step] INFO[0005] ...``.

:mod:`.cutter` cuts a log into elements, :mod:`.reader` reads the views, and :mod:`.markers` has the patterns.
"""

from __future__ import annotations

from itertools import islice, pairwise

from logparse.model import Build, Builder, Kind, Span, Transcript
from logparse.parser.format import Carried, Format, one_at_a_time
from logparse.parser.kaniko.cutter import Cutter
from logparse.parser.kaniko.markers import SIGN
from logparse.parser.kaniko.reader import read_contents

__all__ = ["KANIKO", "parse_kaniko"]


def parse_kaniko(transcript: Transcript) -> list[Build]:
    """Parse what kaniko printed.

    Parameters
    ----------
    transcript
        Any bytes at all.

    Returns
    -------
    list of Build
        One or more builds whose elements cover the text without a gap; empty if there is no line in it that
        only kaniko prints.
    """
    if SIGN.search(transcript.data) is None:
        return []
    cutter = Cutter(transcript.data)
    cutter.cut()
    starts = [*cutter.builds, len(cutter.tape)]
    return [
        Build(transcript, Builder.KANIKO, cutter.tape, first, last, index=index, decode=read_contents)
        for index, (first, last) in enumerate(pairwise(starts))
    ]


def carry(build: Build) -> Carried:
    """What is carried over: the last step, and a line before it that tells whose it is, as no header does."""
    carried = one_at_a_time(build)
    elements = (
        element
        for kind in (Kind.PULL, Kind.PROGRESS)
        for element in islice(build.tape.of_kind(kind, build.first, build.last), _LOOKED_AT)
    )
    for _, start, end in elements:
        sign = SIGN.search(build.transcript.data, max(0, start - 1), end)
        if sign is not None and sign.end() <= end:
            return carried._replace(heads=[Span(sign.end() - 1, sign.end()), *carried.heads])
    return carried


_LOOKED_AT = 16

KANIKO = Format("kaniko", Builder.KANIKO, SIGN, parse_kaniko, carry)
