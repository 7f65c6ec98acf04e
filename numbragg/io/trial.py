"""Reading a file in a process of its own first, where a library may hang or crash on a damaged one."""

import subprocess
import sys

from .errors import format_error

__all__ = ["SECONDS", "try_reading"]

#: A file that takes longer hangs [s].
SECONDS = 30.0

#: What the process does; whatever Python raises there will be raised here too.
_PROGRAM = """
import importlib, sys
module, function, path, sys.path[:] = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
try:
    getattr(importlib.import_module(module), function)(path)
except Exception:
    pass
"""


def try_reading(path, module, function, library):
    """Refuse a file that a library does not survive.

    Parameters
    ----------
    path : str or path-like
    module, function : str
        What reads it, called with the path alone.
    library : str
        For the message.

    Raises
    ------
    FileFormatError
        If the process is killed by a signal, or has not ended after half a minute.

    Notes
    -----
    A library that loops cannot be interrupted from within Python.  Where no process can be started, the file is
    taken as it is.
    """
    if not sys.executable:
        return
    # the zero byte of a name that is none would be an error of its own here
    words = [sys.executable, "-c", _PROGRAM, module, function, path, *filter(None, sys.path)]
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise format_error(path, f"is damaged: {library} does not come to an end with it in {SECONDS:g} s") from None
    except (OSError, ValueError):
        return
    if done.returncode < 0:
        raise format_error(path, f"is damaged: {library} breaks off on it (signal {-done.returncode})")
