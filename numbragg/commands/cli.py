"""The command `numbragg` as a process: signals are seen to before all else; `commands.program` is what it does."""

import gc
import sys

# start-up: until signals are seen to, Python answers them with a traceback; so what can wait is imported after that

__all__ = ["entry", "main"]

#: Objects made, less those that are gone, after which Python looks for garbage; its own number is some hundreds.
_SELDOM = 10_000


def main(argv=None):
    """Run the command line.

    Handlers of signals are left alone: an interrupt is an exception here.

    Parameters
    ----------
    argv : list of str, optional
        Words after the program's name; by default the process's own.

    Returns
    -------
    int
        0, or 2 after one line on stderr that says what was wrong, or 130 when interrupted.
    """
    from .program import run

    return run(sys.argv[1:] if argv is None else argv)


def entry():
    """Run the command line as a process of its own and end that at once: the command `numbragg`.

    The exit status is that of `main`; 128 and the number of the signal where one ended it.
    """
    from .signals import watch

    watch()
    # start-up: what is loaded stays; to look through it for garbage again and again would take a fifth of a short run
    gc.set_threshold(_SELDOM)
    from .program import end, run

    end(run(sys.argv[1:]))


def __getattr__(name):
    if name != "COMMANDS":
        raise AttributeError(f"module 'numbragg.commands.cli' has no attribute {name!r}")
    from . import catalogue

    return getattr(catalogue, name)


if __name__ == "__main__":
    entry()
