"""The one error that every reader raises for a file whose content it refuses."""

import os

__all__ = ["FileFormatError", "format_error", "shown"]

#: Found text longer than this is cut in messages.
_LONGEST_SHOWN = 40


class FileFormatError(ValueError):
    """A file was read but its content breaks a rule of its format.

    The message is one line and starts with the name of the file, followed by ``, line N`` where a
    line is at fault.  Files that cannot be opened or read raise `OSError`, not this.
    """


def format_error(path, problem, line=None):
    """`FileFormatError` for a file, worded the same way everywhere.

    Parameters
    ----------
    path : str or path-like
        The file, named as the user named it.
    problem : str
        What was found and which rule it breaks.
    line : int, optional
        Line number, counted from one.

    Returns
    -------
    FileFormatError
        To be raised by the caller.
    """
    place = "" if line is None else f", line {line}"
    return FileFormatError(f"{os.fsdecode(path)}{place}: {problem}")


def shown(text):
    """Bytes of a file as they appear in a message: quoted, ASCII, one line, not too long."""
    text = bytes(text)
    cut = text[:_LONGEST_SHOWN].decode("ascii", "backslashreplace")
    return repr(cut).replace("\\\\", "\\") + ("..." if len(text) > _LONGEST_SHOWN else "")
