"""Signals that end the command line: noted at once, answered at a safe place, or without one after a while."""

import _thread
import gc
import os
import signal
import time

# start-up: until signals are noted, Python answers them with a traceback; so what can wait is imported after that

__all__ = ["begin", "farewell", "say_end", "signalled", "watch"]

#: Signals that ask a program to end.
_ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

#: Seconds after a signal within which the program should have found a safe place.
_GRACE = 1.5

#: Seconds that the words of a process that ends may take: whoever should read them may have stopped.
_WORDS = 0.5

#: What this process has open for itself all the time gets numbers from here on, which nobody means by /dev/fd/3.
_FIRST_NUMBER = 200

_noted, _loaded = [], []


def _note(number, frame):
    _noted.append(number)
    for stopping in _loaded:
        # the first one counts
        stopping.ask(_noted[0])


def _stopping():
    """The module that work looks at; None in an installation without kernels, of which the program says something."""
    try:
        from ..kernels import stopping
    except ImportError:
        return None
    return stopping


def _open_streams():
    """Give the numbers of standard streams that were closed at the start to nothing that is read or written.

    The next file that is opened would get such a number, and what is said on stderr, or written to /dev/stdout, would
    go there.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # the lowest that is free, so this one; for reading, so that who writes to it hears that it was closed
            os.open(os.devnull, os.O_WRONLY if number == 0 else os.O_RDONLY)


def _out_of_the_way(number):
    """The same open file under a number that no user means, if there is one."""
    for high in range(_FIRST_NUMBER, _FIRST_NUMBER + 50):
        try:
            os.fstat(high)
        except OSError:
            break
    try:
        os.dup2(number, high, inheritable=False)
    except OSError:
        # fewer numbers are allowed
        return number
    os.close(number)
    return high


def watch():
    """Let signals that ask to end only be noted, by a handler that raises nothing, and by a thread that answers late.

    A signal that is ignored by now (of nohup, of a job in the background) stays ignored.  The thread hears of a signal
    also while the main one is in the middle of something long.
    """
    _open_streams()
    before = {number: signal.getsignal(number) for number in _ENDING}
    numbers = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    for number in numbers:
        signal.signal(number, _note)
    stopping = _stopping()
    if stopping is None:
        for number in numbers:
            signal.signal(number, before[number])
        return
    _loaded.append(stopping)
    if _noted:
        stopping.ask(_noted[0])
    stopping.handling()
    try:
        there, here = map(_out_of_the_way, os.pipe())
        os.set_blocking(here, False)
        signal.set_wakeup_fd(here, warn_on_full_buffer=False)
        _thread.start_new_thread(_attend, (there, numbers))
    except (OSError, RuntimeError):
        # the system gives no more; the program answers where it can
        return
    if hasattr(os, "register_at_fork"):
        # a child must not write into its parent's pipe
        os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))


def _attend(there, numbers):
    """End the process some time after a signal, if the program does not do so itself."""
    stopping, = _loaded
    number = stopping.asked()
    while not number:
        # of all signals that have a handler
        number = os.read(there, 1)[0]
        number = number if number in numbers else 0
    stopping.ask(number)
    # or this thread might have to wait for the compiler: to take something apart that belongs to it
    gc.disable()
    time.sleep(_GRACE)
    # not between two renames
    with stopping.putting_in_place:
        try:
            stopping.remove_all()
            if stopping.begin_to_end():
                _say_in_time(_line(stopping.asked(), stopping.what_is_there()))
            else:
                # the main thread came first, is about to say it and then ends the process
                time.sleep(_WORDS)
        finally:
            # whatever is wrong with files or words: somebody asked for the end
            os._exit(128 + stopping.asked())


def _say_in_time(line):
    """Write a line to stderr, unless nobody takes it."""
    said = _thread.allocate_lock()
    said.acquire()

    def say():
        try:
            os.write(2, line.encode(errors="backslashreplace"))
        except OSError:
            # nobody reads it
            pass
        said.release()

    # a pipe that is full would take it never
    _thread.start_new_thread(say, ())
    said.acquire(timeout=_WORDS)


def _line(number, words):
    return f"numbragg: {'interrupted' if number == signal.SIGINT else 'terminated'}; {words}\n"


def begin():
    """Note that nothing has been written yet."""
    stopping = _stopping()
    if stopping is not None:
        stopping.know("no file was written")


def signalled():
    """Return whether a signal asked this process to end."""
    stopping = _stopping()
    return stopping is not None and stopping.asked() != 0


def farewell(words=""):
    """Say that a signal ended the run.

    Parameters
    ----------
    words : str
        What is there; by default what is known of files.

    Returns
    -------
    int
        The exit status.
    """
    from ..kernels import stopping

    if stopping.handled() and not stopping.begin_to_end():
        # the other thread has said it, and ends the process
        signal.pause()
    return say_end(words)


def say_end(words=""):
    """As `farewell`, for whoever has made sure that nobody else says it."""
    import sys

    from ..kernels import stopping

    number = stopping.asked() or signal.SIGINT
    sys.stderr.write(_line(number, words or stopping.what_is_there()))
    return 128 + number
