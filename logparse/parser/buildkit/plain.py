r"""BuildKit's plain display: ``docker build --progress=plain``, and all that is no terminal, 2018 to today.

The grammar, as ``util/progress/progressui`` of moby/buildkit prints it (``printer.go``: ``printVtx``;
``display.go``: ``trace.update``, ``printErrorLogs``); ``N`` is the number of a vertex, in order of start::

    log      = { text | build }
    build    = [ "#0 building with " name " instance using " driver " driver\n" ]        buildx, since 0.10
               { block } { summary } [ checks ] [ excerpt ] [ closing ] [ details ]
    block    = "\n" "#N " name "\n" [ "#N " digest "\n" ] { line } [ end | "#N ...\n" ]
               the name again whenever the display comes back to a vertex; the digest in 20.10 only
    line     = "#N " status "\n" | "#N " clock " " text "\n" | "#N WARN: " text "\n"
             | "#N   " ( "digest" | "name" | "started" | "completed" | "duration" ) ": " value "\n"   18.09
    status   = id [ " " bytes [ " / " bytes ] ] [ " " seconds "s" ] [ " done" ]          see statuses
    clock    = seconds since the vertex began, with 3, 2 or 1 decimals             none in the first ones
    end      = "#N CACHED\n" | "#N DONE" [ " " seconds "s" ] "\n"
             | "#N CANCELED\n" | "#N ERROR: " text "\n"
    summary  = "------\n" " > " name ":\n" { [ "#N " ] clock " " text "\n" } "------\n"    one a failure
    checks   = count " warnings found" [ " (use docker --debug to expand)" ] ":\n"        since Dockerfile 1.8
               { " - " rule ": " text [ " (line " line ")" ] "\n" }
    excerpt  = file ":" line "\n" 20 * "-" "\n" { line " | " [ ">>>" ] text "\n" } 20 * "-" "\n"
    closing  = [ "ERROR: " ] [ "target " name ": " ] [ "failed to build: " ]
               "failed to solve: " text "\n"
             | "executor failed running [" command "]: exit code: " code "\n"            until 20.10
    details  = "\nView build details: " url "\n"                                         Docker Desktop

What a name says is in :mod:`.names`. Five facts make this harder than it looks, each seen in real logs:

* *Vertices take turns.* A line is the name of a vertex only if the vertex before it has ended or was left
  with ``...``; otherwise it is a status. A vertex that has ended can go on, under the same name.
* *Output can look like anything*, but each of its lines is behind the vertex's number and a clock, so it
  cannot imitate a marker. Where somebody broke lines (a carriage return, a terminal's width), what follows
  belongs to the program if the vertex's next line does. A program's last line may lack its line feed, and
  older releases glue the vertex's end to it.
* *Not every ERROR is a failure*: a cache that cannot be imported is one, in a build that goes on. And of
  files that are missing, all are found missing at once.
* *A log holds several builds*, mostly one after another: numbers start again. Builds that ran at once
  have colliding numbers; :mod:`.at_once` tells their lines apart as far as that can be done.
* *A build with several targets* (``bake``, Compose) is one build, and the targets share vertices, which are
  then named after any of them.

What the display prints is in :mod:`.markers`; :mod:`.cutter` cuts a text into elements, and :mod:`.reader`
reads vertices from those when somebody looks at them, with :mod:`.statuses` and :mod:`.intervals`;
:mod:`.assemble` makes steps of vertices.
"""

from __future__ import annotations

from itertools import pairwise

from logparse.model import Build, Builder, Transcript
from logparse.parser.buildkit.at_once import read_apart
from logparse.parser.buildkit.carry import carry_plain
from logparse.parser.buildkit.cutter import Cutter
from logparse.parser.buildkit.markers import FIRST, MARK, SIGN
from logparse.parser.buildkit.reader import read_contents
from logparse.parser.format import Format

__all__ = ["PLAIN", "parse_plain"]


def parse_plain(transcript: Transcript) -> list[Build]:
    """Parse what BuildKit's plain display printed.

    Parameters
    ----------
    transcript
        Any bytes at all.

    Returns
    -------
    list of Build
        One or more builds whose elements cover the text without a gap; empty if no vertex is named in it.
    """
    builds, at_once = _read(transcript)
    if any(at_once):
        return read_apart(transcript, builds, at_once, lambda text: _read(text)[0])
    return builds


def _read(transcript: Transcript) -> tuple[list[Build], list[bool]]:
    """The builds of a text, and whether each seems to be several that ran at once."""
    data = transcript.data
    if not data.startswith(b"#") and FIRST.search(data) is None:
        return [], []
    cutter = Cutter(data)
    cutter.cut()
    if not cutter.named:
        return [], []
    marked = transcript.marked(MARK)
    starts = [*cutter.builds, len(cutter.tape)]
    builds = [
        Build(marked, Builder.BUILDKIT, cutter.tape, first, last, index=index, decode=read_contents)
        for index, (first, last) in enumerate(pairwise(starts))
    ]
    return builds, cutter.mixed


PLAIN = Format("buildkit-plain", Builder.BUILDKIT, SIGN, parse_plain, carry_plain)
