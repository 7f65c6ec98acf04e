"""Notes on a result, and the warnings that some of them are."""

from contextlib import contextmanager
import sys
import warnings

__all__ = ["Loud", "LoudlyUntaken", "Misleading", "NumbraggWarning", "Reported",
           "Untaken", "one_line_each", "warn"]


class NumbraggWarning(UserWarning):
    """What was simulated is not what the words say, or not all of it.

    Raised as a warning by the Python interface, once for each call site; the command line says the same in its
    report, and with `--quiet` on stderr.  Some warnings are of an image that is poorer than it seems (sub-pixels too
    coarse for its spots, structure factors that end before the detector does): who calls `simulate` has no report to
    read, while the command line says these there only, and nothing with `--quiet`.

    Examples
    --------
    >>> import warnings
    >>> import numbragg as nb
    >>> warnings.simplefilter("ignore", nb.NumbraggWarning)  # for whoever knows
    """


class Reported(str):
    """A note for which the report is enough: a line of it on the command line, which `--quiet` hides.

    In Python, where only `Result` has a report and `simulate` returns an array, it is a warning.  An image is as it was
    asked for, but poorer than whoever asked may know.
    """

    __slots__ = ()


class Loud(Reported):
    """A note that is a warning: a result is not what was asked for, or what was given is not what it seems.

    All other notes are plain strings.  On the command line they are lines of the report, which `--quiet` hides;
    these are not hidden.
    """

    __slots__ = ()


class Untaken(str):
    """A note on what of a file a simulation does not take: of no concern to whoever only looks at the file."""

    __slots__ = ()


class LoudlyUntaken(Loud, Untaken):
    """The same, where it is a warning in a simulation."""

    __slots__ = ()


class Misleading(Loud):
    """A note on a file that misleads those who read it later: said on stderr in any case."""

    __slots__ = ()


def warn(notes):
    """Warn of those among some notes that are `Reported`, at the line outside this package that called into it."""
    told = [note for note in notes if isinstance(note, Reported)]
    if not told:
        return
    level, frame, package = 1, sys._getframe(), __name__.partition(".")[0]
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        level, frame = level + 1, frame.f_back
    for note in told:
        warnings.warn(str(note), NumbraggWarning, stacklevel=level)


@contextmanager
def one_line_each():
    """Let warnings, also those of other libraries, be one line of ours on stderr: for the command line."""
    def show(message, category, filename, lineno, file=None, line=None):
        said = "".join(c if c.isprintable() else repr(c)[1:-1] for c in " ".join(str(message).split()))
        print(f"numbragg: warning: {said}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        # those who look for errors among others' warnings want the files of ours all the same
        warnings.simplefilter("always", NumbraggWarning)
        yield
