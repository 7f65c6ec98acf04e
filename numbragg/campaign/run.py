"""How the files of a campaign are made: by workers of Dask, on this machine or any cluster, or shard by shard here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
import errno
import os
import signal
import time
from typing import Any, NamedTuple

from ..kernels.stopping import asked, poll
from .work import Done, Plan, do_shard

# start-up: Dask is an extra, and imported where there are workers

__all__ = ["Share", "by_workers", "cluster_here", "connected", "here", "share_of_environment"]

#: How often the client looks what has been done, and how long a shard waits that another run is writing [s].
_LOOK, _BUSY = 0.2, 2.0
#: How long a scheduler may take to answer.
_PATIENCE = "10s"
#: How often a shard is given to another worker, after one of them died over it.
_LIVES = 5
#: Shards that a worker has waiting.
_AHEAD = 2
#: Where a launcher of many processes says which one this is, and of how many; and what else must be set.
_LAUNCHERS = (("SLURM_PROCID", "SLURM_NTASKS", "SLURM_STEP_ID"),
              ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", None), ("PMI_RANK", "PMI_SIZE", None))


class Share(NamedTuple):
    """A part of the shards: those whose number leaves a remainder."""

    number: int
    of: int
    source: str = ""  # what said so

    def shards(self, count: int) -> range:
        """Numbers of the shards among so many."""
        return range(self.number, count, self.of)


def share_of_environment(environment: Mapping[str, str]) -> Share | None:
    """The part of this process among those that a launcher has started; None where there is one alone.

    Raises
    ------
    ValueError
        It is one of several, and how many there are is not said.

    Examples
    --------
    >>> from numbragg.campaign.run import share_of_environment
    >>> share_of_environment({"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "64"})
    Share(number=3, of=64, source='OMPI_COMM_WORLD_RANK and OMPI_COMM_WORLD_SIZE')
    """
    for rank, size, besides in _LAUNCHERS:
        words = environment.get(rank, ""), environment.get(size, "")
        if not words[1] and words[0].isascii() and words[0].isdecimal() and int(words[0]) > 0:
            raise ValueError(f"campaign run: {rank} is {words[0]} and {size} is not set, so this is one of several "
                             "processes and not known of how many; give --shard I/N, or --workers N to make all here")
        # a script of SLURM's own is one process, whatever was asked for
        if besides is not None and besides not in environment:
            continue
        if all(word.isascii() and word.isdecimal() for word in words):
            number, of = map(int, words)
            if number < of and of > 1:
                return Share(number, of, f"{rank} and {size}")
    return None


def here(plan: Plan, share: Share, on_done: Callable[[Done], object],
         on_shot: Callable[[int], object] | None = None) -> list[int]:
    """Make shards one after the other in this process.

    Parameters
    ----------
    plan : Plan
    share : Share
    on_done : callable
        Called with each `Done`.
    on_shot : callable, optional
        Called with the number of shots of the present shard that are done.

    Returns
    -------
    list of int
        Shards that another run is writing.
    """
    def step(shots: int) -> None:
        poll()
        if on_shot is not None:
            on_shot(shots)

    busy = []
    for number in share.shards(plan.head.shards):
        poll()
        done = do_shard(plan, number, step)
        if done.busy:
            busy.append(number)
        else:
            on_done(done)
    return busy


@contextmanager
def cluster_here(workers: int) -> Iterator[Any]:
    """A client of so many workers on this machine, each a process that is started again if it dies."""
    import logging

    distributed = _distributed()
    import dask

    with dask.config.set({"distributed.scheduler.allowed-failures": _LIVES,
                          "distributed.comm.timeouts.connect": "20s",
                          # memory of workers is the campaign's to see to: tables and one shot
                          "distributed.worker.memory.terminate": False, "distributed.worker.memory.pause": False,
                          "distributed.worker.memory.spill": False, "distributed.worker.memory.target": False}):
        try:
            with _tracker_is_quiet():
                # a port that is free, with bokeh or without: another run may have the usual one
                cluster = distributed.LocalCluster(n_workers=workers, threads_per_worker=1, processes=True,
                                                   dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL)
        except RuntimeError as error:
            raise ChildProcessError(f"a worker died while it was started ({error}); the same command goes on") from None
        try:
            client = distributed.Client(cluster)
            try:
                yield client
            finally:
                if not asked():
                    client.close()
        finally:
            if asked():
                # the process ends, and has no time for farewells
                _kill_workers(cluster)
            else:
                cluster.close()


@contextmanager
def _tracker_is_quiet() -> Iterator[None]:
    """Let Python's tracker of resources, which outlives a process that is killed, say nothing of what was left."""
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, (before, "ignore:resource_tracker")))
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


def _kill_workers(cluster: Any) -> None:
    """End all workers at once: what they were writing is of no use."""
    for nanny in list(cluster.workers.values()):
        nanny.auto_restart = False
        process = getattr(nanny, "process", None)
        try:
            if process is not None and process.pid:
                os.kill(process.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        except OSError:
            # it is gone
            pass


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """A client of a scheduler that is running.

    Raises
    ------
    OSError
        There is none.
    """
    distributed = _distributed()
    with _quiet_logs():
        try:
            client = distributed.Client(address, timeout=_PATIENCE, name="numbragg")
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise OSError(errno.ECONNREFUSED, f"no scheduler of Dask answers ({reason[:120]})", address) from None
        try:
            yield client
        finally:
            if not asked():
                client.close(timeout=2)


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Let Dask's client log nothing: what is wrong is raised, and said in one line."""
    import logging

    loggers = [logging.getLogger("distributed"), logging.getLogger("tornado"),
               *(each for name, each in logging.root.manager.loggerDict.items()
                 if name.startswith("distributed.") and isinstance(each, logging.Logger))]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for each, level in zip(loggers, levels):
            each.setLevel(level)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise ImportError("workers (--shard 0/1 does without) need Dask: pip install dask distributed") from error
    return distributed


class _Client:
    """Gives shards to workers, few at a time, and takes back what they say."""

    def __init__(self, client: Any, plan: Plan) -> None:
        self.client, self.plan = client, plan
        self.waiting: list[int] = []  # the last is the next
        self.later: list[tuple[float, int]] = []  # when, and which
        self.running: dict[Any, int] = {}
        self.lives: dict[int, int] = {}
        self.given = 0

    def give(self) -> None:
        """Give out as many shards as workers can take."""
        now = time.monotonic()
        for until, number in [each for each in self.later if each[0] <= now]:
            self.later.remove((until, number))
            self.waiting.append(number)
        # a worker makes one at a time, however many threads it has
        room = _AHEAD * max(len(self.client.nthreads()), 1)
        while self.waiting and len(self.running) < room:
            number = self.waiting.pop()
            self.given += 1
            # a name of its own: what another client was given is not waited for
            future = self.client.submit(do_shard, self.plan, number, pure=False,
                                        key=f"numbragg-{os.getpid()}-{self.given}-shard-{number}")
            self.running[future] = number

    def take(self) -> Iterator[Done]:
        """What is finished."""
        for future in [each for each in self.running if each.status != "pending"]:
            number = self.running.pop(future)
            if future.status != "finished":
                self._again(number, future)
                continue
            done = Done(*future.result())
            if done.busy:
                self.later.append((time.monotonic() + _BUSY, number))
            else:
                yield done

    def _again(self, number: int, future: Any) -> None:
        """Give a shard out once more if its worker is gone; raise what is wrong else."""
        from distributed import KilledWorker

        error = future.exception() if future.status == "error" else None
        if error is not None and not isinstance(error, KilledWorker):
            raise error
        if self.client.status != "running":
            return
        self.lives[number] = self.lives.get(number, 0) + 1
        if self.lives[number] > _LIVES:
            raise ChildProcessError(f"shard {number}: {_LIVES} workers died while they made it; see their logs, and "
                                    "the memory that they have")
        self.waiting.append(number)


def by_workers(client: Any, plan: Plan, on_done: Callable[[Done], object],
               on_look: Callable[[], object] | None = None) -> None:
    """Let workers make all shards.

    Parameters
    ----------
    client : distributed.Client
    plan : Plan
        Its files are where workers find them by the same names.
    on_done : callable
        Called with each `Done`.
    on_look : callable, optional
        Called now and then.

    Raises
    ------
    OSError
        The scheduler is gone, or a file cannot be written.
    ValueError, MemoryError, ChildProcessError
        As a worker raised it.
    """
    from concurrent.futures import CancelledError

    from distributed.comm.core import CommClosedError

    mine, address = _Client(client, plan), client.scheduler.address
    mine.waiting = list(reversed(range(plan.head.shards)))
    while mine.waiting or mine.later or mine.running:
        poll()
        try:
            if client.status != "running":
                raise CommClosedError
            mine.give()
            time.sleep(_LOOK)
            done = list(mine.take())
        except (CommClosedError, CancelledError):
            # a worker's own errors are of other kinds
            raise OSError(errno.ECONNRESET, "the scheduler is gone; the same command goes on when there is one",
                          address) from None
        for each in done:
            on_done(each)
        if on_look is not None:
            on_look()
