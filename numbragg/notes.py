"""Notes on a result, and the warnings that some of them are."""

import sys
import warnings

__all__ = ["Loud", "Misleading", "NumbraggWarning", "warn"]


class NumbraggWarning(UserWarning):
    """What was simulated is not what the words say, or not all of it.

    Raised as a warning by the Python interface, once for each call site; the command line says the same in its
    report, and with `--quiet` on stderr.

    Examples
    --------
    >>> import warnings
    >>> import numbragg as nb
    >>> warnings.simplefilter("ignore", nb.NumbraggWarning)  # for whoever knows
    """


class Loud(str):
    """A note that is a warning: a result is not what was asked for, or what was given is not what it seems.

    All other notes are plain strings.  On the command line they are lines of the report, which `--quiet` hides;
    these are not hidden.
    """

    __slots__ = ()


class Misleading(Loud):
    """A note on a file that misleads those who read it later: said on stderr in any case."""

    __slots__ = ()


def warn(notes):
    """Warn of those among some notes that are `Loud`, at the line outside this package that called into it."""
    loud = [note for note in notes if isinstance(note, Loud)]
    if not loud:
        return
    level, frame, package = 1, sys._getframe(), __name__.partition(".")[0]
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        level, frame = level + 1, frame.f_back
    for note in loud:
        warnings.warn(str(note), NumbraggWarning, stacklevel=level)
