"""Forks of a process in which other threads import, load or compile kernels.

A child has the forking thread only: a lock that another thread holds at that moment is never released in it, and
what the lock guards is half done.  So a fork waits until no other thread is at work there, and takes the locks
itself: those of our modules' and of Numba's imports, our own, Numba's and llvmlite's.  Nothing is held for long while
another lock is waited for, so that nobody who takes them in another order stands still.

Whoever keeps one of them for longer than `PATIENCE` does not stop the fork.  The child then has new locks and, as
nobody knows in what state the compiler is, an error where it would have to load or compile a kernel.
"""

import _imp
import _thread
import sys
import threading
import time

__all__ = ["PATIENCE", "before", "in_child", "in_parent", "making", "refuse_if_unfit"]

#: Seconds that a fork waits for other threads; a large kernel takes ten to be compiled, on busy processors many more.
PATIENCE = 300.0

#: Seconds for which some locks are held while another one is waited for.
_TURN = 0.05

#: Packages whose imports by other threads are waited for, beside the standard library: without them nothing is
#: simulated, or some files are not read and written. Imports of others may take for ever, as that of a module which
#: is a whole program does.
_NEEDED = frozenset({"numbragg", "numba", "llvmlite", "numpy", "scipy", "tifffile", "h5py", "hdf5plugin", "fabio",
                     "gemmi", "xraydb", "matplotlib", "PIL", "tqdm"}) | sys.stdlib_module_names

#: Held by who makes kernels, see `compilation.variants`.
making = threading.RLock()

#: Modules that were loaded before our hooks were set: their own hooks take their locks when ours have done all.
earlier = frozenset()

#: What threads hold that are about to fork.
_held = {}

#: Not empty where this process cannot compile: why.
_unfit = []


class _Imports:
    """A lock to those who look at it from here: held, there is no import elsewhere, and none begins."""

    def acquire(self, timeout):
        _imp.acquire_lock()
        if not _imports_elsewhere():
            return True
        _imp.release_lock()
        return False

    def release(self):
        _imp.release_lock()


_IMPORTS = _Imports()


def _module_locks():
    return sys.modules["_frozen_importlib"]._module_locks


def _imports_elsewhere():
    """Names of modules that children need, and that other threads import at this moment."""
    me, names = threading.get_ident(), []
    for name, reference in list(_module_locks().items()):
        owner = getattr(reference(), "owner", None)
        if owner is not None and owner != me and name.partition(".")[0] in _NEEDED:
            names.append(name)
    return names


def _locks():
    """The locks of what is loaded by now."""
    # what is just being imported may have no such names yet; its import is waited for
    target = getattr(sys.modules.get("numba.core.registry"), "CPUTarget", None)
    compiler = getattr(sys.modules.get("numba.core.compiler_lock"), "global_compiler_lock", None)
    library = getattr(sys.modules.get("llvmlite.binding.ffi"), "lib", None)
    found = [making]
    if target is not None:
        found += [value._lock for value in vars(target).values() if hasattr(value, "_lock")]
    if compiler is not None:
        found.append(compiler._lock)
    if library is not None:
        found.append(library._lock._lock)
    hdf5 = sys.modules.get("h5py._objects")
    if hasattr(hdf5, "phil") and not hasattr(hdf5, _HOOK_OF_H5PY):
        found.append(_Untimed(hdf5.phil))
    return found


#: h5py's hook, which older ones do not have: their lock is taken as ours are, or the child's threads would wait for it.
_HOOK_OF_H5PY = "_phil_before_fork"


class _Untimed:
    """A lock that knows no limit of time: tried, or, with no other in hand, waited for as newer h5py's hook does."""

    def __init__(self, lock):
        self.lock = lock

    def __eq__(self, other):
        return isinstance(other, _Untimed) and other.lock is self.lock

    def acquire(self, timeout):
        return self.lock.acquire(timeout > _TURN)

    def release(self):
        self.lock.release()

    def _is_owned(self):
        return self.lock._is_owned()

    def _at_fork_reinit(self):
        """It cannot be renewed: what waits for it in this child, which is unfit, waits for ever."""


#: Locks of libraries whose own hooks take them before a fork and release them after it.
_LIBRARIES = (("logging", "_lock"), ("h5py._objects", "phil"), ("concurrent.futures.thread", "_global_shutdown_lock"))


def _libraries():
    """Those of what is loaded by now, and whose hooks have been called before ours."""
    found = [getattr(sys.modules.get(module), name, None) for module, name in _LIBRARIES if module not in earlier]
    ours = [lock.lock for lock in _locks() if isinstance(lock, _Untimed)]
    return [lock for lock in found if lock is not None and lock not in ours]


def _take_libraries():
    """Take what the libraries have not taken: one that was loaded meanwhile will release nevertheless."""
    for lock in _libraries():
        if not hasattr(lock, "_is_owned"):
            # a plain lock: taken by its library, or now
            lock.acquire(False)
        elif not lock._is_owned() and not lock.acquire(False):
            return False
    return True


def _leave_libraries():
    """Let the others, who are waited for, have what the libraries have taken."""
    for lock in _libraries():
        if hasattr(lock, "_is_owned") and lock._is_owned():
            lock.release()


def _take_all(taken, end):
    """Add all locks to a list of those that are taken, or none but what is left when time is up."""
    pause, missed = 0.001, None
    while True:
        late = time.monotonic() > end
        # to take locks while somebody imports would only hold that up
        if late or not _imports_elsewhere():
            missed = _take(taken, missed, late, end)
            if missed is None:
                return
        _leave_libraries()
        time.sleep(pause)
        pause = min(2.0 * pause, 0.02)


def _take(taken, first, late, end):
    """Take all locks, or none and return that which was missed; what is left, if it is late.

    One that was missed before is waited for without another in hand, so for as long as it takes: who tries again and
    again comes never in between others who queue for it.
    """
    missed = None
    locks = [*_locks(), _IMPORTS]
    if first is not None and first is not _IMPORTS and not late:
        _leave_libraries()
        if not _acquired(taken, first, max(0.0, end - time.monotonic())):
            return first
        locks = [lock for lock in locks if lock is not first]
    for lock in locks:
        if not _acquired(taken, lock, 0.0 if late else _TURN) and not late:
            missed = lock
            break
    else:
        if _take_libraries() or late:
            return None
        missed = _IMPORTS
    _release(taken)
    taken.clear()
    return missed


def _acquired(taken, lock, timeout):
    """Whether a lock is taken, and then one of those that are.

    A signal that another thread took interrupts no wait: its exception comes up when the wait is over, with the lock
    in hand and nobody told.
    """
    is_mine = getattr(lock, "_is_owned", bool)
    before = is_mine()
    try:
        if lock.acquire(timeout=timeout):
            taken.append(lock)
            return True
        return False
    except BaseException:
        if not before and is_mine() and lock not in taken:
            taken.append(lock)
        raise


def _release(taken):
    for lock in reversed(taken):
        lock.release()


def before():
    """Wait until no other thread is at work where a child would find it half done."""
    taken = []
    try:
        _take_all(taken, time.monotonic() + PATIENCE)
    except BaseException as stop:
        _release(taken)
        if not isinstance(stop, KeyboardInterrupt):
            raise
        # the fork cannot be stopped from here; the exception comes when it is done
        taken = [None]
    _held[threading.get_ident()] = taken


def _interrupt():
    # a signal, which whoever sleeps notices as well; start-up: seldom needed
    import signal

    time.sleep(0.01)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def in_parent():
    """Let the others go on."""
    taken = _held.pop(threading.get_ident(), [])
    if taken == [None]:
        # not from here, where exceptions have nowhere to go
        _thread.start_new_thread(_interrupt, ())
    else:
        _release(taken)


def in_child():
    """Release what was taken, and renew what was not: in the child nobody else is at work."""
    taken = [lock for lock in _held.pop(threading.get_ident(), []) if lock is not None]
    _held.clear()
    missed = [lock for lock in _locks() if lock not in taken]
    if missed or _IMPORTS not in taken:
        # the compiler may be in any state
        _unfit.append("this process was forked while another thread imported or compiled for longer than "
                      f"{PATIENCE:g} s; start it by another method, such as multiprocessing's 'spawn'")
    for lock in missed:
        lock._at_fork_reinit()
    _release(taken)
    me, locks = threading.get_ident(), _module_locks()
    for name, reference in list(locks.items()):
        owner = getattr(reference(), "owner", None)
        # also one that a thread was about to take, which has no owner yet
        if owner is None or owner != me and name.partition(".")[0] in _NEEDED:
            locks.pop(name, None)


def refuse_if_unfit():
    """Raise RuntimeError in a process that cannot load or compile kernels."""
    if _unfit:
        raise RuntimeError(f"kernels cannot be compiled: {_unfit[0]}")
