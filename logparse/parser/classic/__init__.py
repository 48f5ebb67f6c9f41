r"""Docker's classic builder: the output of ``docker build`` with ``DOCKER_BUILDKIT=0``, 2013 to today.

The grammar, as ``builder/dockerfile`` of moby prints it (a line ends in any number of ``\r`` and a ``\n``;
``ID`` is 12 hexadecimal digits)::

    log      = { text | build }
    build    = [ banner ] [ context ] { step } [ failure | result ] { tail }
    banner   = "DEPRECATED: The legacy builder is deprecated" three lines            since 20.10 / 23
    context  = { "Sending build context to Docker daemon  " size "\r" } "\n"         the last one may miss it
    step     = "Step " number [ "/" total ] " : " INSTRUCTION arguments "\n"         the total since 1.13
               { pull | triggers | warning | run } [ cached ] [ image ]
    triggers = "# Executing " count " build trigger" [ "s" ] [ "..." ] "\n"          of ONBUILD in the base
               { "Step " number ... }                                                until 17.x
    run      = " ---> Running in " ID "\n" output [ image ] [ removed ]
    removed  = "Removing intermediate container " ID "\n"                            until 20.10
             | " ---> Removed intermediate container " ID "\n"                       since 23
    cached   = " ---> Using cache\n"
    image    = " ---> " [ ID ] "\n"                                                  no ID: FROM scratch
    pull     = tag ": Pulling from " repository "\n" { ID ": " state "\n" }
               [ "Digest: " digest "\n" ] [ "Status: " text "\n" ]
    failure  = "The command '" command "' returned a non-zero code: " code | message of the daemon
    result   = "Successfully built " ID "\n" { "Successfully tagged " name "\n" }
    tail     = warning | push | "Untagged: " name "\n" | "Deleted: " digest "\n" | text

Three facts make this harder than it looks, each seen in recorded logs:

* *Markers are glued to what came before.* A program that ends without a newline is followed on the same line
  by ``Removing intermediate container ...`` or by the failure; standard error is wrapped in ``ESC[91m``
  and ``ESC[0m``, so a failure often begins behind an escape sequence.
* *Output imitates markers.* A program can print ``Step 99/1 : FROM nowhere`` or a whole nested build. So
  the end of a container's output is found from its id, which the builder chose: everything up to the
  line that removes that container is output, whatever it says. Only where no such line exists (the
  step failed, ``--rm=false``, a cut log) do other markers count, and steps must continue their sequence.
* *The log may stop anywhere*, or hold several builds.

What goes wrong behind the result, such as a push that is denied, is not the build's failure: it is kept as
text.

What the builder prints is in :mod:`.markers`; :mod:`.cutter` cuts a log into elements, and :mod:`.ends` finds
where outputs end. For large logs they have the help of :mod:`.regular`, which cuts whatever is as usual all
at once: :mod:`.places` finds the sentences that matter, :mod:`.lines` and :mod:`.chunk` tell what each line
is. :mod:`.reader` reads steps and pulls from elements when somebody looks at them; :mod:`.at_once` tells
builds apart that ran at once.
"""

from __future__ import annotations

from itertools import pairwise

from logparse.model import Build, Builder, Kind, Transcript
from logparse.parser.classic.at_once import read_apart
from logparse.parser.classic.cutter import Cutter
from logparse.parser.classic.markers import SIGN
from logparse.parser.classic.reader import read_contents
from logparse.parser.format import Format

__all__ = ["CLASSIC", "parse_classic"]


def parse_classic(transcript: Transcript) -> list[Build]:
    """Parse what the classic builder printed.

    Parameters
    ----------
    transcript
        Any bytes at all.

    Returns
    -------
    list of Build
        One or more builds whose elements cover the text without a gap; empty if the builder printed nothing
        in it: no context, no step, no words of its own.
    """
    builds = _read(transcript)
    return read_apart(transcript, builds, _read) if builds else []


def _read(transcript: Transcript) -> list[Build]:
    """The builds of a text, read as if each had been alone."""
    cutter = Cutter(transcript.data)
    cutter.cut()
    if cutter.places is not None:
        transcript.kept["removals"] = cutter.places.removals
    if not any(kind in cutter.tape.kinds for kind in (Kind.HEADER, Kind.CONTEXT, Kind.FAILURE)):
        return []
    starts = [*cutter.builds, len(cutter.tape)]
    return [
        Build(transcript, Builder.CLASSIC, cutter.tape, first, last, index=index, decode=read_contents)
        for index, (first, last) in enumerate(pairwise(starts))
    ]


CLASSIC = Format("classic", Builder.CLASSIC, SIGN, parse_classic)
