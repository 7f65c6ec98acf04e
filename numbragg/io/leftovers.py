"""What dead runs left in a folder: sets of files that they were renaming are completed, temporary files removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
import os
import stat
import time

from ..notes import Loud
from .bounded import open_regular
from .journal import Pair, identity, pairs_of
from .locks import COMMIT_SECONDS, START, NameLocks, is_at, lock, machine, names_of_ours

__all__ = ["clear"]

#: A temporary file of another machine, whose locks are not seen from here, is of a dead run after so many days.
_DAYS = 30.0
#: So many files are open at once.
_AT_ONCE = 100
#: A journal is not longer.
_LONGEST = 2 ** 22


def clear(folder: str, names: Sequence[str]) -> list[str]:
    """Complete what dead runs were renaming in a folder, and remove their temporary files.

    What has an owner that lives, or may live on another machine, stays; so does what is another user's.

    Parameters
    ----------
    folder : str
    names : sequence of str
        Of the files there, as `io.locks.names_of_ours` has them.

    Returns
    -------
    list of str
        Notes on sets of files that were completed, or cannot be.

    Raises
    ------
    OSError
        The folder cannot be read, or another run keeps a name.
    """
    notes: list[str] = []
    for name in names:
        if name.endswith(".journal"):
            notes += _settled(os.path.join(folder, name))
    _removed(folder, [name for name in names if name.endswith((".tmp", ".lock"))])
    return notes


@contextmanager
def _of_the_dead(path: str, seconds: float) -> Iterator[int | None]:
    """A file of a run that is dead, open and locked; None if that is not certain, or it is another user's."""
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        yield None
        return
    try:
        said = os.fstat(descriptor)
        mine = stat.S_ISREG(said.st_mode) and (not hasattr(os, "geteuid") or said.st_uid == os.geteuid())
        try:
            held = mine and lock(descriptor)
            # locks of another machine may not be seen here
            told = held and (os.path.basename(path).startswith(f"{START}{machine()}-") or path.endswith(".lock"))
            dead = mine and (told or time.time() - said.st_mtime > seconds) and is_at(descriptor, path)
        except BlockingIOError:
            dead = False
        yield descriptor if dead else None
    finally:
        os.close(descriptor)


def _unlinked(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        # somebody was faster
        pass


def _removed(folder: str, names: Sequence[str]) -> None:
    """Remove temporary files and locks of dead runs, but for what is still to be renamed."""
    for first in range(0, len(names), _AT_ONCE):
        with ExitStack() as stack:
            dead = []
            for name in names[first:first + _AT_ONCE]:
                path = os.path.join(folder, name)
                seconds = COMMIT_SECONDS if name.endswith(".lock") else _DAYS * 86400.0
                if stack.enter_context(_of_the_dead(path, seconds)) is not None:
                    dead.append(path)
            # looked for when it is certain that owners are dead, who may have written a journal at last
            kept = _awaited(folder) if dead else set()
            for path in dead:
                # as long as there is a journal, locks lead to it
                if path not in kept and not (kept and path.endswith(".lock")):
                    _unlinked(path)


def _awaited(folder: str) -> set[str]:
    """Temporary files that are named by journals in a folder."""
    found = set()
    for name in names_of_ours(folder):
        if name.endswith(".journal"):
            found |= {os.path.join(folder, os.path.basename(pair.temporary))
                      for pair in _read(os.path.join(folder, name))}
    return found


def _read(path: str) -> list[Pair]:
    try:
        with open_regular(path) as file:
            text = file.read(_LONGEST)
    except OSError:
        return []
    return pairs_of(text, os.path.dirname(path))


def _settled(path: str) -> list[str]:
    """Complete the renames of a journal whose owner is dead, and remove it. Returns notes."""
    with _of_the_dead(path, COMMIT_SECONDS) as descriptor:
        if descriptor is None:
            return []
        pairs = _read(path)
        notes: list[str] = []
        if pairs:
            try:
                with NameLocks(pair.target for pair in pairs):
                    notes = _completed(pairs)
            except OSError:
                # the next run there tries again
                return []
        for folder in dict.fromkeys(os.path.dirname(pair.target) for pair in pairs):
            # the same journal beside files elsewhere
            _unlinked(os.path.join(folder, os.path.basename(path)))
        _unlinked(path)
        return notes


def _completed(pairs: Sequence[Pair]) -> list[str]:
    """Rename what a dead run did not come to, if it had begun. Returns notes."""
    done, found, lost = [], [], []
    for pair in pairs:
        if identity(pair.target) == pair.new:
            done.append(pair.target)
    for pair in pairs:
        at, beside = identity(pair.target), identity(pair.temporary)
        if at == pair.new:
            continue
        # what has come there since is not replaced; where nothing was, the files from before are whole
        if done and beside == pair.new and at == pair.old and _renamed(pair):
            found.append(pair.target)
            continue
        lost.append(pair.target)
        if beside == pair.new:
            _unlinked(pair.temporary)
    if not done:
        return []
    if lost:
        return [Loud(f"{', '.join(lost)}: not of the run that wrote {', '.join(done + found)}, which was killed while "
                     "it put its files in place: they do not belong together")]
    return [Loud(f"{', '.join(found)}: put in place for a run that was killed in the middle of that, after "
                 f"{', '.join(done)}")] if found else []


def _renamed(pair: Pair) -> bool:
    try:
        os.replace(pair.temporary, pair.target)
    except OSError:
        return False
    return True
