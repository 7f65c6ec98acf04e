"""Processes of Python that end with the one that started them, however that ends, killed with -9, too."""

import _thread
import os
import signal
import subprocess
import sys

# start-up: ctypes is imported in the child, and only where there is such a call of the system

__all__ = ["end_with_parent", "started"]

#: Linux's PR_SET_PDEATHSIG: the system sends a signal when the parent has ended, also to a process that is in the
#: middle of a library and runs no Python.
_SIGNAL_OF_PARENTS_DEATH = 1

#: What a child does first; its own words follow it.
_FIRST = ("import sys\n"
          "number, count = int(sys.argv[1]), int(sys.argv[2])\n"
          "sys.path[:] = [*sys.argv[3:3 + count], *sys.path]\n"
          "del sys.argv[1:3 + count]\n"
          "from numbragg.io.children import end_with_parent\n"
          "end_with_parent(number)\n")


def started(code, words=(), *, ends_by="SIGKILL", path=(), **named):
    """Start a process of Python that does not outlive this one.

    It has the reading end of a pipe for its standard input, of which this process holds the other end until it ends
    or `stdin` is closed.

    Parameters
    ----------
    code : str
        What it runs.
    words : sequence of str
        Its `sys.argv` behind the first.
    ends_by : str
        Name of the signal that it gets when this process is gone; SIGTERM where there is no other.
    path : sequence of str
        Folders where modules are looked for first.
    **named
        For `subprocess.Popen`.

    Returns
    -------
    subprocess.Popen
        Whoever has waited for it closes its `stdin`.

    Raises
    ------
    OSError, ValueError
        It cannot be started.
    """
    number = int(getattr(signal, ends_by, signal.SIGTERM))
    # -P: a current folder that holds a numbragg, as the root of a clone does, must not stand for the installed one
    return subprocess.Popen([sys.executable, "-P", "-c", _FIRST + code, str(number), str(len(path)), *path, *words],
                            stdin=subprocess.PIPE, **named)


def end_with_parent(number):
    """Get a signal when the process that started this one by `started` is gone; if it is by now, at once.

    Parameters
    ----------
    number : int
        Of the signal.
    """
    if sys.platform.startswith("linux"):
        try:
            import ctypes

            ctypes.CDLL(None).prctl(_SIGNAL_OF_PARENTS_DEATH, number)
        except (ImportError, OSError, AttributeError):
            # the pipe tells, as elsewhere
            pass
    _thread.start_new_thread(_watch, (number,))


def _watch(number):
    """Wait for the end of the standard input, which nobody writes to: the other end is closed."""
    try:
        while os.read(0, 1):
            pass
    except OSError:
        # it was closed here
        return
    os.kill(os.getpid(), number)
