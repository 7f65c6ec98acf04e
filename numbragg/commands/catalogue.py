"""The subcommands: their names, and what each one is, without running any."""

from importlib import import_module

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["COMMANDS", "module_of", "parser_of", "summaries", "table_of"]

#: Subcommands and the modules that run them (function `run(arguments)`, returns the exit code).
COMMANDS = {"demo": "demo", "scan": "scan", "selftest": "selftest", "trace": "trace", "compare": "compare",
            "plateau": "plateau", "view": "view", "nonbragg": "nonbragg", "noisify": "noisify", "help": "help",
            "completion": "completion", "campaign": "campaign"}


def module_of(name):
    """The module that runs a subcommand."""
    return import_module(f"numbragg.commands.{COMMANDS[name]}")


def parser_of(name):
    """The options of a subcommand.

    Returns
    -------
    numbragg.commands.arguments.Parser or None
        None for one that has no options.
    """
    make = getattr(module_of(name), "_parser", None)
    return None if make is None else make()


def table_of(name):
    """The options of a subcommand that has those of a C program.

    Returns
    -------
    tuple of numbragg.command_line.table.Option or None
        None for one that has not.
    """
    known = getattr(module_of(name), "WORDS", None)
    return None if known is None else known.table


def summaries():
    """Names of all subcommands, each with what its module says of itself in its first line."""
    for name in COMMANDS:
        first = module_of(name).__doc__.splitlines()[0]
        yield name, first.partition(": ")[2].rstrip(".")
