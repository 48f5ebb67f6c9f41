"""Watching a build while it runs: its output goes through untouched, and each line gets the time it came.

Two processes share the work, so that nobody waits for a parser:

* the one that was started passes bytes on and stamps them (:mod:`.watch`), saves them (:mod:`.records`), and
  draws the status line (:mod:`.screen`). It imports nothing of the package that takes long to import: the
  build is started, or read, within some hundredths of a second.
* a second one reads the stamped lines (:mod:`.reader`): which step runs and since when (:mod:`.progress`),
  and, from earlier builds, what is left (:mod:`.history`, :mod:`.left`).

What was written into a pipe before it was watched counts as come when watching began. If both ends of the
pipe are started at once, that is up to a tenth of a second later than it came; a command that is started
by the watch itself has no such gap.

Needs a POSIX system.
"""
