r"""buildah and podman: the output of ``buildah build`` (``bud``) and ``podman build``, 2017 to today.

The grammar, as buildah prints it (``imagebuildah/executor.go`` and ``stage_executor.go``; the lines about
blobs are those of ``containers/image``, ``copy/copy.go``; a line may end in ``\r\n``)::

    log      = { text | build }
    build    = { step } ( failure | result )
    step     = prefix "STEP " number [ "/" total ] ": " INSTRUCTION arguments "\n"
               { pull | complaint } [ output ] [ cached ] [ report ] [ "--> " ID "\n" ]
    prefix   = [ "[" platform "] " ]                          with several platforms
               [ "[" stage "/" stages "] " ]                  with several stages, since 1.22
    pull     = "Trying to pull " name "...\n"                 since 1.17
               report
    report   = "Getting image source signatures\n" { "Copying blob " ID [ state ] "\n" }
               "Copying config " ID "\n" "Writing manifest to image destination\n" [ "Storing signatures\n" ]
    cached   = "--> Using cache " ID "\n" | "--> Cache pulled from remote " name "\n"
    result   = prefix "COMMIT" [ " " name ] "\n"              until 1.19 counted: "STEP 8: COMMIT " name
               [ report ] [ "--> " ID "\n" ] { "[Warning] " text "\n" }
               { "Successfully tagged " name "\n" } [ ID "\n" ]
    failure  = { "subprocess exited with status " code "\n" | "container exited on " signal "\n" }
               error "building at STEP " quoted ": " text "\n"
             | error text "\n"                                outside of a RUN
    error    = "Error: " | "error " | "Error: error "         the first since 1.24
    complaint = 'time="' time '" level=' level " msg=" quoted "\n"

An ``ID`` has 11 digits until 1.28 and 12 since in ``-->``; 64 in older versions, and where the finished
image is named. Without ``--layers``, which is buildah's default and not podman's, no ``-->`` stands behind a
step.

Facts that matter, each seen in logs:

* *Nothing marks where a program's output ends* but what buildah says next, glued to the last words of a
  program that ends without a newline: ``no newline[1/2] STEP 3/3: RUN true``, ``tail[2/2] COMMIT x``.
* *Output imitates headers.* Steps are counted for each stage, so a header must go on where its stage is
  (:mod:`.chain`).
* *ONBUILD changes the total*: ``STEP 1/2: FROM base`` is followed by ``STEP 2/4``.
* *Stages run at once* with ``--jobs``, and nothing tells whose output a line is. Without it, too, a stage
  waits for another in the middle, which is then announced.
* *Platforms follow each other in one build*, each with steps, commit and image of its own.
* *Podman serves Docker's client*, which then prints ``Sending build context to Docker daemon`` first and, in
  the end, Docker's ``Successfully built`` behind podman's own result.

:mod:`.chain` follows the headers, :mod:`.cutter` cuts what is between them, :mod:`.reader` reads the views,
and :mod:`.markers` has the patterns.
"""

from __future__ import annotations

from itertools import pairwise

from logparse.model import Build, Builder, Kind, Transcript
from logparse.parser.buildah.cutter import Cutter
from logparse.parser.buildah.markers import SIGN
from logparse.parser.buildah.reader import carry, read_contents
from logparse.parser.format import Format

__all__ = ["BUILDAH", "parse_buildah"]


def parse_buildah(transcript: Transcript) -> list[Build]:
    """Parse what buildah or podman printed.

    Parameters
    ----------
    transcript
        Any bytes at all.

    Returns
    -------
    list of Build
        One or more builds whose elements cover the text without a gap; empty if buildah printed neither a
        step nor a failure of its own in it.
    """
    cutter = Cutter(transcript.data)
    cutter.cut()
    if Kind.HEADER not in cutter.tape.kinds and Kind.FAILURE not in cutter.tape.kinds:
        return []
    starts = [*cutter.builds, len(cutter.tape)]
    return [
        Build(transcript, Builder.BUILDAH, cutter.tape, first, last, index=index, decode=read_contents)
        for index, (first, last) in enumerate(pairwise(starts))
    ]


BUILDAH = Format("buildah", Builder.BUILDAH, SIGN, parse_buildah, carry)
