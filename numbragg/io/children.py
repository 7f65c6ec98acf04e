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

#: Signals that ask a program to end.
_ENDING = {getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)}

#: What a child does first; its own words follow it.  Python answers SIGINT with a traceback, which would stand beside
#: the parent's one line, so that the signal ends the child, as others do, until the child says something else; before
#: that it waits.
_FIRST = ("import _signal, sys\n"
          "if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:\n"
          "    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)\n"
          "waiting = [int(word) for word in sys.argv[1].split()]\n"
          "if waiting:\n"
          "    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, waiting)\n"
          "number, count = int(sys.argv[2]), int(sys.argv[3])\n"
          "sys.path[:] = [*sys.argv[4:4 + count], *sys.path]\n"
          "del sys.argv[1:4 + count]\n"
          "from numbragg.io.children import end_with_parent\n"
          "end_with_parent(number)\n")


def started(code, words=(), *, ends_by="SIGKILL", path=(), **named):
    """Start a process of Python that does not outlive this one.

    A signal that asks it to end does so without a word.

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
    masks = hasattr(signal, "pthread_sigmask")
    # the child inherits this thread's mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING) if masks else _ENDING
    try:
        waiting = " ".join(str(int(signal_)) for signal_ in sorted(_ENDING - before))
        # -P: a current folder that holds a numbragg, as the root of a clone does, must not stand for the installed one
        return subprocess.Popen([sys.executable, "-P", "-c", _FIRST + code, waiting, str(number), str(len(path)), *path,
                                 *words], stdin=subprocess.PIPE, **named)
    finally:
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
