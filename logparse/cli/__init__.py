"""The command line: each command is a thin cover of one public function."""

from logparse.cli.run import run

__all__ = ["run"]
