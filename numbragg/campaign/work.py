"""The work on one file of shots, as a process of a cluster has it: see whether it is there, else make it."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from dataclasses import asdict
import functools
import os
import signal
import socket
import sys
import threading
import time
from typing import Any, NamedTuple

from .._version import __version__
from ..kernels.stopping import ask, poll, putting_in_place, remove_all
from .shard import write_shard
from .shots import Maker, Spent
from .store import Head, account_of, wrong_with

# start-up: Dask is an extra, and known here only where a worker of it has loaded it

__all__ = ["Done", "Plan", "do_shard", "maker_of"]


class Plan(NamedTuple):
    """What a process needs to know of a campaign."""

    path: str  # of the description
    folder: str
    head: Head
    threads: int | None  # None: as many as a worker has, or one per processor
    backend: str = "cpu"
    device: int | None = None
    version: str = __version__  # of numbragg


class Done(NamedTuple):
    """What came of a shard."""

    shard: int
    shots: int
    failed: int
    kept: bool  # whether it was there
    busy: bool  # whether another run is writing it
    seconds: float
    spent: dict[str, float]  # on shots, by name [s]
    worker: str = ""  # host and number of the process that made it
    threads: int | None = None  # that it was made with; None: one per processor
    end: float = 0.0  # seconds since 1970


#: The one that was asked for last, with its tables and compiled kernels.
_makers: dict[Any, Maker] = {}
#: A worker may have several threads: one makes a shard, and the threads of its kernels are all of them.
_one = threading.Lock()
#: How long a process that ends waits for a safe place of its work [s].
_FAREWELL = 10.0


def maker_of(plan: Plan) -> Maker:
    """What makes the shots of a plan, kept for the next.

    Raises
    ------
    ValueError
        If the description is another one here.
    """
    if plan.version != __version__:
        raise ValueError(f"numbragg {__version__} is here, and {plan.version} where the campaign was started")
    key = (plan.path, plan.head.campaign, plan.head.shots, *plan[3:])
    if key not in _makers:
        threads = _threads_of_worker() if plan.threads is None else plan.threads
        made = Maker(plan.path, shots=plan.head.shots, threads=threads, backend=plan.backend, device=plan.device)
        if made.description.hash() != plan.head.campaign:
            raise ValueError(f"{plan.path}: is another description than that of {plan.folder}, or names other files")
        _makers.clear()
        _makers[key] = made
    return _makers[key]


def _threads_of_worker() -> int | None:
    """Threads of the worker of Dask that this is a task of; None where it is none."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return int(distributed.get_worker().state.nthreads)
    except (AttributeError, ValueError):
        return None


def do_shard(plan: Plan, number: int, progress: Callable[[int], object] | None = None) -> Done:
    """Make the files of a shard, unless they are whole.

    Parameters
    ----------
    plan : Plan
    number : int
    progress : callable, optional
        Called with the number of its shots that are done.

    Returns
    -------
    Done

    Raises
    ------
    OSError
        A file cannot be written.
    Stopped
        The process is to end.
    """
    if threading.current_thread() is not threading.main_thread():
        _end_with_process(os.getpid())
    with _one:
        return _do_shard(plan, number, progress)


@functools.cache
def _end_with_process(process: int) -> None:
    """Let this process end its work before it ends itself, once."""
    # a child of a fork has the handlers of its parent, and none of its threads
    atexit.register(lambda: _end_work() if os.getpid() == process else None)


def _end_work() -> None:
    """End what a thread is making, and let none begin.

    Python does not wait for threads of Dask's: they stop wherever they are, also with the lock of h5py, for which the
    end of the process would wait for ever.
    """
    if _one.acquire(blocking=False):
        return
    ask(signal.SIGTERM)
    if not _one.acquire(timeout=_FAREWELL):
        # in the middle of a compilation, or of a disk that does not answer
        with putting_in_place:
            remove_all()
            os._exit(128 + signal.SIGTERM)


def _do_shard(plan: Plan, number: int, progress: Callable[[int], object] | None) -> Done:
    def step(shots: int) -> None:
        poll()
        if progress is not None:
            progress(shots)

    poll()
    start, shots = time.perf_counter(), len(plan.head.of_shard(number))

    def done(failed: int, kept: bool = False, busy: bool = False, spent: Any = None) -> Done:
        threads = _threads_of_worker() if plan.threads is None else plan.threads
        return Done(number, shots, failed, kept, busy, time.perf_counter() - start, spent or asdict(Spent()),
                    f"{socket.gethostname()} {os.getpid()}", threads, time.time())

    if wrong_with(plan.folder, plan.head, number) is None:
        return done(len((account_of(plan.folder, number) or {}).get("failed", ())), kept=True)
    maker = maker_of(plan)
    maker.spent = Spent()
    try:
        account = write_shard(maker, number, plan.folder, plan.head.campaign, step)
    except BlockingIOError:
        return done(0, busy=True)
    return done(len(account["failed"]), spent=asdict(maker.spent))
