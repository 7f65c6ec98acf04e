"""Where outputs go: files by the name behind all links, devices, pipes, and what a process has open."""

from __future__ import annotations

from collections.abc import Callable, Iterable
import errno
import os
import re
import stat
import sys
from typing import Any

from ..kernels.stopping import handled

try:
    import fcntl
except ImportError:
    # no such system call, and no names for what a process has open either
    fcntl = None  # type: ignore[assignment]

__all__ = ["Destination", "copy_to", "destination", "pieces_of", "read_too", "same_name", "streams"]

_PIECE = 2 ** 20


class Destination:
    """What a name stands for.

    Attributes
    ----------
    target : str
        Behind all links; of a device any name of it.
    device : bool
        Whether it is written to, not replaced.
    descriptor : int or None
        Of what this process has open.
    there : tuple of int, or None
        What is there: device and number of the file; None: nothing yet.
    """

    # start-up: named tuples and dataclasses compile their methods
    __slots__ = ("descriptor", "device", "target", "there")

    def __init__(self, target: str, device: bool, descriptor: int | None, there: tuple[int, int] | None) -> None:
        self.target, self.device, self.descriptor, self.there = target, device, descriptor, there

    @property
    def lost(self) -> bool:
        """Whether it is the device that takes anything and keeps nothing."""
        return self.device and self.there is not None and self.there == _number(os.stat(os.devnull))


def _number(found: os.stat_result) -> tuple[int, int]:
    # a device may have several files
    return (-1, found.st_rdev) if stat.S_ISCHR(found.st_mode) else (found.st_dev, found.st_ino)


def destination(path: str) -> Destination:
    """What a name stands for, if something can be written there.

    Parameters
    ----------
    path : str

    Returns
    -------
    Destination

    Raises
    ------
    OSError
        It is a folder, in none, or protected.
    """
    if not path:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    if path.endswith(os.sep):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    opened = _opened(path)
    if opened is not None:
        own, number = opened
        if own and _is_ours(number):
            # or an image would go into a pipe or a file of this program's own
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), path)
        if own and _can_be_written(number):
            return Destination(os.path.abspath(path), True, number, _number(os.fstat(number)))
        return Destination(os.path.abspath(path), True, None, _number(os.stat(path)))
    target = os.path.realpath(path)
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return Destination(target, False, None, None)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    # a rename would replace a file that its owner protected
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    return Destination(target, not stat.S_ISREG(found.st_mode), None, _number(found))


def _opened(path: str) -> tuple[bool, int] | None:
    """Whether a name is of what this process, or another, has open, such as /dev/stdout or /dev/fd/3; its number.

    These look like links to files but must be written to, not replaced.
    """
    for _ in range(40):
        folder, name = os.path.split(path)
        folder = os.path.realpath(folder)
        if name.isdecimal() and (folder == "/dev/fd" or folder.startswith("/proc/") and folder.endswith("/fd")):
            return folder == "/dev/fd" or _is_own(folder), int(name)
        if not os.path.islink(path):
            return None
        path = os.path.join(folder, os.readlink(path))
    return None


def _is_own(folder: str) -> bool:
    return re.fullmatch(rf"/proc/{os.getpid()}(?:/task/[0-9]+)?/fd", folder) is not None


def _is_ours(descriptor: int) -> bool:
    """Whether the command line opened this itself: what was there when it started was let through to it."""
    return handled() and not os.get_inheritable(descriptor)


def _can_be_written(descriptor: int) -> bool:
    if fcntl is None:
        return True
    return fcntl.fcntl(descriptor, fcntl.F_GETFL) & (os.O_WRONLY | os.O_RDWR) != 0


def read_too(outputs: Iterable[str], inputs: Callable[[], Iterable[str]]) -> str | None:
    """The first output that is one of the files that are read, through links of any kind, too.

    Parameters
    ----------
    outputs : iterable of str
    inputs : callable
        Returns names, which a dataset may follow behind two colons; called if one of the outputs is there.
    """
    there = [(output, found) for output in outputs if (found := _there(output)) is not None]
    if not there:
        return None
    read = {_there(place) for name in map(os.fsdecode, inputs()) for place in (name, name.partition("::")[0])}
    return next((output for output, found in there if found in read), None)


def _there(path: str) -> tuple[int, int] | None:
    """What is at a name, but for devices such as terminals, which can be both."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return None if stat.S_ISCHR(found.st_mode) or stat.S_ISDIR(found.st_mode) else _number(found)


def streams() -> dict[tuple[int, int], str]:
    """Files to which standard output and standard error go."""
    found = {}
    for descriptor, name in ((2, "standard error"), (1, "standard output")):
        try:
            said = os.fstat(descriptor)
        except OSError:
            continue
        if stat.S_ISREG(said.st_mode):
            found[_number(said)] = name
    return found


def same_name(first: str, second: str, beside: str) -> bool:
    """Whether two names that are not equal are the same one to a file system that knows no capitals.

    Parameters
    ----------
    first, second : str
    beside : str
        A file that is there, in the folder of the first.
    """
    if first.casefold() != second.casefold():
        return False
    folder, name = os.path.split(beside)
    return os.path.lexists(os.path.join(folder, name.upper()))


def copy_to(path: str, descriptor: int | None, pieces: Iterable[bytes]) -> None:
    """Write to a device, all of it.

    Parameters
    ----------
    path : str
    descriptor : int or None
        What this process has open under that name: written to as it is, behind what has been written to it.
    pieces : iterable of bytes

    Raises
    ------
    OSError
        It does not take all.
    """
    for stream in (sys.stdout, sys.stderr):
        # what was said before comes first
        if stream is not None and descriptor is not None:
            stream.flush()
    opened = os.open(path, os.O_WRONLY | os.O_TRUNC) if descriptor is None else os.dup(descriptor)
    try:
        for piece in pieces:
            _write(opened, piece)
    finally:
        os.close(opened)


def pieces_of(file: Any) -> Iterable[bytes]:
    """The content of a file, from its start."""
    file.seek(0)
    while piece := file.read(_PIECE):
        yield piece


def _write(descriptor: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        try:
            view = view[os.write(descriptor, view):]
        except BlockingIOError:
            # whoever started this process made it so; start-up: rarely needed
            import select

            select.select([], [descriptor], [])
