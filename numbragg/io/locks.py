"""Locks of files and of names, which go with the process that holds them, however that ends."""

from __future__ import annotations

import binascii
from collections.abc import Iterable
import errno
from functools import cache
from itertools import islice
import os
import time

from ..kernels.stopping import poll

try:
    import fcntl
except ImportError:
    # no such system call; two runs of one name are then not found out
    fcntl = None  # type: ignore[assignment]

__all__ = ["COMMIT_SECONDS", "LOCKS", "START", "NameLocks", "create_locked", "is_at", "lock", "lock_name", "machine",
           "names_of_ours"]

#: How names of files begin that are none of the user's.
START = ".numbragg-"
#: Whether there are locks here.
LOCKS = fcntl is not None
#: Nobody takes longer than this to rename files: where locks do not tell, what is older is of a dead run.
COMMIT_SECONDS = 3600.0
#: How long a run waits for names that another one is writing.
PATIENCE_SECONDS = 30.0
_BINARY = getattr(os, "O_BINARY", 0)


def lock(descriptor: int) -> bool:
    """Lock an open file.

    Parameters
    ----------
    descriptor : int

    Returns
    -------
    bool
        False where the file system has no locks.

    Raises
    ------
    BlockingIOError
        Another run has it.
    """
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BlockingIOError(errno.EWOULDBLOCK, "another run is writing it") from None
    except OSError:
        return False
    return True


def is_at(descriptor: int, path: str) -> bool:
    """Whether an open file still has a name: what was locked may have been removed, or renamed, just before."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def create_locked(path: str, mode: int = 0o666) -> int | None:
    """Make a file that is locked as long as this process lives.

    Parameters
    ----------
    path : str
        A name that is free.
    mode : int
        The system applies the umask.

    Returns
    -------
    int or None
        The open file; None if a run that cleans up took it away before it was locked: try another name.

    Raises
    ------
    OSError
        It cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, mode)
    try:
        if not lock(descriptor) or is_at(descriptor, path):
            return descriptor
    except BlockingIOError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


@cache
def machine() -> str:
    """What runs have in common that see each other's locks: a machine since its start, as eight digits."""
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            said = file.read()
    except OSError:
        said = os.fsencode(os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", ""))
    return f"{binascii.crc32(said):08x}"


def lock_name(name: str) -> str:
    """The file whose lock is that of a name in the same folder."""
    # one for names that some file systems take for the same; that others share one as well does no harm
    return f"{START}{binascii.crc32(os.fsencode(name.casefold())):08x}.lock"


def names_of_ours(folder: str, most: int | None = None) -> list[str]:
    """Names of files in a folder that are none of the user's, among so many that are looked at, or all."""
    with os.scandir(folder or os.curdir) as entries:
        names = (entry.name for entry in islice(entries, most))
        return [name for name in names if name.startswith(START)]


class NameLocks:
    """Locks of the names of files, while these are renamed.

    Each is a file beside the one that it is of, there as long as it is held: names, not folders, so that runs that
    write others do not wait.

    Parameters
    ----------
    targets : sequence of str
        Files, behind all links.

    Attributes
    ----------
    left : bool
        Whether one of the locks was there, and nobody's: a run that had it is dead, or has only just made it.

    Raises
    ------
    BlockingIOError
        Another run keeps one of them; `filename` is the target.
    OSError
        A lock cannot be made; `filename` is the target.
    """

    def __init__(self, targets: Iterable[str]) -> None:
        self._held: list[tuple[int, str]] = []
        self.left = False
        until = time.monotonic() + PATIENCE_SECONDS
        try:
            for place, target in _in_order(targets):
                try:
                    descriptor, found = _taken(place, until)
                except OSError as error:
                    raise OSError(error.errno, error.strerror, target) from error
                self._held.append((descriptor, place))
                self.left = self.left or found
        except BaseException:
            self.release()
            raise

    def __enter__(self) -> NameLocks:
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()

    def release(self) -> None:
        """Give the names back.  Safe to call twice."""
        while self._held:
            descriptor, place = self._held.pop()
            try:
                # as long as it is held: who waits for it looks whether it is still there
                os.unlink(place)
            except OSError:
                pass
            os.close(descriptor)


def _in_order(targets: Iterable[str]) -> list[tuple[str, str]]:
    """Files of locks and what they are of, in an order that all runs share: none waits for another in a ring."""
    folders: dict[str, tuple[int, int]] = {}
    found: dict[tuple[tuple[int, int], str], tuple[str, str]] = {}
    for target in targets:
        folder, name = os.path.split(target)
        if folder not in folders:
            said = os.stat(folder or os.curdir)
            folders[folder] = said.st_dev, said.st_ino
        own = lock_name(name)
        found.setdefault((folders[folder], own), (os.path.join(folder, own), target))
    return [found[key] for key in sorted(found)]


def _taken(place: str, until: float) -> tuple[int, bool]:
    """The lock of a file, waited for; and whether the file was there."""
    pause = 0.0005
    while True:
        descriptor, found = _opened(place)
        if descriptor is not None:
            try:
                # without locks, whoever makes the file has it
                if (lock(descriptor) or not found or _dead(descriptor)) and is_at(descriptor, place):
                    return descriptor, found
            except BlockingIOError:
                pass
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
        if time.monotonic() > until:
            raise BlockingIOError(errno.EWOULDBLOCK, "another run has been putting its file there for "
                                  f"{PATIENCE_SECONDS:g} s; if there is none, remove {place}")
        # nothing is renamed yet
        poll()
        time.sleep(pause)
        pause = min(2.0 * pause, 0.02)


def _opened(place: str) -> tuple[int | None, bool]:
    """A lock's file, open if that is possible, and whether it was there."""
    try:
        return os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o666), False
    except FileExistsError:
        pass
    for access in (os.O_RDWR, os.O_RDONLY):
        try:
            return os.open(place, access | getattr(os, "O_NOFOLLOW", 0) | _BINARY), True
        except FileNotFoundError:
            return None, False
        except PermissionError:
            # of another user: reading is enough for a lock, but on network drives
            continue
    return None, True


def _dead(descriptor: int) -> bool:
    """Whether a file without a lock is older than any run needs to rename its files."""
    return time.time() - os.fstat(descriptor).st_mtime > COMMIT_SECONDS
