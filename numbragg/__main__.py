"""`python -m numbragg`: the command line."""

from .commands.cli import entry

entry()
