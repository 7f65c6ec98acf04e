"""How work ends early: what a signal leaves to be seen, exceptions at safe places, work done beside the main thread.

An exception that a signal's handler raises comes up in the main thread wherever that is, also in the middle of a
library that is left with a lock taken.  The command line's handlers therefore only note the signal (`ask`), and
work in pieces looks between them (`poll`).  In a process that is not ours handlers are left alone: what is long, or
takes locks of libraries, is done by a thread (`aside`), for which the main one waits, where an exception does no harm.
"""

import _thread
import os

# start-up: `threading` is loaded where there are threads of ours, which most short commands do without

__all__ = ["Halted", "Stopped", "aside", "ask", "asked", "begin_to_end", "finish", "halting", "handled", "handling",
           "know", "leave_nothing", "nothing_left", "poll", "putting_in_place", "remove_all", "what_is_there"]

#: Seconds after which a waiting main thread looks whether a signal has come.
_LOOK = 0.05

#: Steps, at most a tenth of a second, up to which the main thread does them itself: it hears of signals soon enough.
ASIDE_STEPS = 1_000_000


class Stopped(KeyboardInterrupt):
    """A signal asked this process to end."""


class Halted(Exception):
    """Work was told to end and has no result; whoever told it knows why."""


class _State:
    """The signal that asked this process to end, if one did; whether such signals are handled; what there is."""

    number = 0
    handled = False
    what_is_there = ""


_state = _State()


def ask(number):
    """Note that a signal asks this process to end; the first one counts."""
    _state.number = _state.number or number


def asked():
    """Return the number of the signal that asked this process to end, or 0."""
    return _state.number


def handling():
    """Note that the process has handlers that only note a signal."""
    _state.handled = True


def handled():
    """Return whether handlers of signals raise nothing in this process, for they are the command line's."""
    return _state.handled


def poll():
    """Raise `Stopped` if a signal asked this process to end: for places where nothing is left half done."""
    if _state.number:
        raise Stopped


# -- work beside the main thread


def aside(work, leave=None, firm=False):
    """Let a thread do some work; the main thread waits for it, and no other thread has need of this.

    Parameters
    ----------
    work : callable
    leave : callable or None
        Called where the wait is interrupted: tells the work to end, which is then waited for.  None: the work is left
        to itself, and ends when it is done.
    firm : bool
        Go on waiting then, however often that is interrupted.

    Returns
    -------
    object
        What `work` returns.

    Raises
    ------
    Stopped
        A signal asked this process to end.
    BaseException
        What `work` raises, or a handler of the caller's.
    """
    import threading

    if threading.current_thread() is not threading.main_thread():
        return work()
    over, found = threading.Lock(), []
    over.acquire()

    def labour():
        try:
            found.append((work(), None))
        except BaseException as failure:
            found.append((None, failure))
        over.release()

    try:
        try:
            # not a daemon: a process that ends in the middle of a compilation crashes
            threading.Thread(target=labour, name="numbragg").start()
        except RuntimeError:
            # the system gives no more threads
            labour()
        while not found:
            poll()
            over.acquire(timeout=_LOOK)
    except BaseException:
        if leave is not None:
            leave()
            while not found:
                try:
                    over.acquire(timeout=_LOOK)
                except BaseException:
                    if not firm:
                        raise
        raise
    result, failure = found[0]
    if failure is not None:
        raise failure
    return result


def halting(work, steps, halt=None):
    """Do work of kernels; where it takes long, beside the main thread, and halted if the wait is interrupted.

    Parameters
    ----------
    work : callable
        Takes an array of one uint8, which is to be the `halt` of all kernels that it calls, and raises where these
        were halted.
    steps : int
        How many it has.
    halt : array or None
        That of whoever waits for this thread and halts it; such a thread does the work itself.

    Returns
    -------
    object
        What `work` returns.
    """
    if halt is not None:
        return work(halt)
    # start-up: the command line loads this module before it needs NumPy
    import numpy as np

    halt = np.zeros(1, dtype=np.uint8)

    def leave():
        halt[0] = 1

    if steps <= ASIDE_STEPS:
        return work(halt)
    return aside(lambda: work(halt), leave)


# -- what a process that must end at once sees to

#: Held while finished files are put in their places, which is not broken off.
putting_in_place = _thread.RLock()

_to_remove = {}

_ending = _thread.allocate_lock()


def finish(work, words):
    """Do the last step of some output, which is not broken off once it has begun.

    Parameters
    ----------
    work : callable
    words : str
        What is there when it is done, for whoever is interrupted then; unless a function that knows it was given.

    Raises
    ------
    Stopped
        A signal asked this process to end before it began.
    """
    def whole():
        with putting_in_place:
            poll()
            work()
            if not callable(_state.what_is_there):
                know(words)

    if _state.handled:
        whole()
    else:
        # whatever interrupts the wait comes up when it is done
        aside(whole, lambda: None, firm=True)


def know(words):
    """Note what there is of files: words, or a function that returns them."""
    _state.what_is_there = words


def what_is_there():
    """Return, in words, what there is of files."""
    words = _state.what_is_there
    return words() if callable(words) else words


def begin_to_end():
    """Return whether the caller, as the first, is to say that the process ends."""
    return _ending.acquire(blocking=False)


def leave_nothing(owner, remove):
    """Remember how to remove what an owner has not finished, for a process that ends without its exceptions."""
    _to_remove[id(owner)] = remove


def nothing_left(owner):
    """Forget an owner that has nothing unfinished any more."""
    _to_remove.pop(id(owner), None)


def remove_all():
    """Remove whatever is not finished."""
    # a folder behind what is in it
    for remove in reversed(list(_to_remove.values())):
        try:
            remove()
        except OSError:
            # beyond our reach
            pass


def _begin_child():
    """The child of a fork has no work and no files of its parent's, and is asked nothing yet."""
    global putting_in_place, _ending
    putting_in_place, _ending = _thread.RLock(), _thread.allocate_lock()
    _to_remove.clear()
    _state.number = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_child)
