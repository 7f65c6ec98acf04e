"""Reading a file in a process of its own first, where a library may hang or crash on a damaged one."""

import signal
import subprocess
import sys

from ..kernels.stopping import leave_nothing, nothing_left, poll
from .children import started
from .errors import FileFormatError, format_error

__all__ = ["SECONDS", "DamagedFile", "try_reading"]

#: A file that takes longer hangs [s].
SECONDS = 30.0

#: What the process does; whatever Python raises there will be raised here too.  It ends after some time without its
#: parent, too, where the system does not tell it of that one's end and the library lets no Python run.
_PROGRAM = """
import importlib, signal
if hasattr(signal, "alarm"):
    signal.alarm(int(sys.argv[3]))
try:
    getattr(importlib.import_module(sys.argv[1]), sys.argv[2])(*sys.argv[4:])
except Exception:
    pass
"""


class DamagedFile(FileFormatError):
    """A file that a library does not survive: whoever does without a part of a file must not open this one."""


def try_reading(path, module, function, library, more=(), more_seconds=0.0):
    """Refuse a file that a library does not survive.

    Parameters
    ----------
    path : str or path-like
    module, function : str
        What reads it, called with the path.
    library : str
        For the message.
    more : sequence of str
        What it is called with besides.
    more_seconds : float, optional
        What a large file may take beyond half a minute [s].

    Raises
    ------
    DamagedFile
        If the process is killed by a signal, or has not ended after that time.

    Notes
    -----
    A library that loops cannot be interrupted from within Python.  Where no process can be started, the file is
    taken as it is.
    """
    if not sys.executable:
        return
    # the zero byte of a name that is none would be an error of its own here
    seconds = SECONDS + more_seconds
    words = [module, function, str(int(2.0 * seconds) + 10), path, *more]
    try:
        process = started(_PROGRAM, words, path=[*filter(None, sys.path)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL)
    except (OSError, ValueError):
        return
    # not left behind, however this process ends
    leave_nothing(process, process.kill)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise _damaged(path, f"{library} does not come to an end with it in {seconds:.3g} s") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdin.close()
        nothing_left(process)
    poll()
    # a terminal's interrupt goes to the child, too; what it means here, this process decides
    if process.returncode < 0 and process.returncode != -signal.SIGINT:
        raise _damaged(path, f"{library} breaks off on it (signal {-process.returncode})")


def _damaged(path, how):
    return DamagedFile(str(format_error(path, f"is damaged: {how}")))
