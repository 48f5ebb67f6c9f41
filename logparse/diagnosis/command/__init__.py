"""Which command of ``RUN a && b; c | d`` failed.

:func:`failed_command` reads the step's instruction (:mod:`~logparse.diagnosis.command.instruction`) as a
script (:mod:`~logparse.diagnosis.command.shell`), finds the commands that can have ended it by the rules of
the shell (:mod:`~logparse.diagnosis.command.flow`), and chooses among those by what the step printed
(:mod:`~logparse.diagnosis.command.choose`). What is known of tools is data: ``tools.toml``.
"""

from __future__ import annotations

from logparse.diagnosis.command.choose import failed_command
from logparse.diagnosis.command.shown import shown_command

__all__ = ["failed_command", "shown_command"]
