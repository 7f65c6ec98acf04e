"""A file that one run at a time writes, piece by piece: locked while it is open, and safe for HDF5 on a full disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import errno
from functools import cache
import os
import signal
import stat
import threading
from typing import Any

from ..kernels.stopping import handled
from .destinations import destination
from .locks import is_at, lock

__all__ = ["HeldFile", "uninterrupted", "unfinished_name"]


def unfinished_name(path: str) -> str:
    """Where a file is written until it is whole.

    Parameters
    ----------
    path : str
        Where it will be, which somebody has found out can be written.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        It is a device, a pipe, or what this process has open.
    """
    if destination(path).device:
        raise ValueError(f"{path}: must be a file, for it is written in pieces")
    return f"{os.path.realpath(path)}.partial"


class HeldFile:
    """An unfinished file, made if there is none, that no other run may write.

    The lock is the system's and goes with the process, however that ends.

    HDF5 crashes where a file is closed after a write failed.  As a file object of h5py's this one therefore takes
    whatever it is given: the first failure is kept for `check`, and nothing is written any more.

    Parameters
    ----------
    path : str
        Where.
    said : str
        What the user named, for messages.
    begins : bytes, optional
        What such a file begins with: one with another beginning is somebody's, as is what lies behind a link.

    Raises
    ------
    BlockingIOError
        Another run writes it.
    FileExistsError
        What is there is none of ours; `filename` is `path`.
    OSError
        It cannot be written.  `filename` is `said`.
    """

    def __init__(self, path: str, said: str, begins: bytes = b"") -> None:
        self._path, self._said = path, said
        self._error: OSError | None = None
        self._place = 0
        try:
            self._file = _locked(path)
            try:
                self._check_beginning(begins)
            except BaseException:
                self._file.close()
                raise
        except FileExistsError:
            raise
        except OSError as error:
            raise self._about(error) from error

    def _check_beginning(self, begins: bytes) -> None:
        found = self._file.read(len(begins))
        # zeros: a run that was killed had written something behind
        if not begins.startswith(found) and found.strip(b"\0"):
            raise _not_ours(self._path, "was not left by an interrupted series")

    def _about(self, error: OSError) -> OSError:
        # a folder in the way is no fault of the name that was given
        name = self._path if os.path.isdir(self._path) else self._said
        return OSError(error.errno or errno.EIO, error.strerror or str(error), name)

    @property
    def path(self) -> str:
        """Its name."""
        return self._path

    @property
    def failed(self) -> bool:
        """Whether something was not written."""
        return self._error is not None

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return os.fstat(self._file.fileno()).st_size == 0

    def check(self) -> None:
        """Raise the OSError of the first write that failed, if one did."""
        if self._error is not None:
            raise self._about(self._error) from self._error

    def remove(self) -> None:
        """Take it away, unless it was released."""
        if self._file.closed:
            # the name may be another run's by now
            return
        try:
            os.unlink(self._path)
        except OSError:
            # beyond our reach; whoever goes on finds out that it is of no use
            pass

    def close(self) -> None:
        """Release it.  Safe to call twice."""
        try:
            self._file.close()
        except OSError as error:
            self._error = self._error or error

    # -- what h5py calls

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, also behind the end."""
        self._place = offset + (0, self._place, os.fstat(self._file.fileno()).st_size)[whence]
        return self._place

    def tell(self) -> int:
        """The place of the next byte."""
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; behind the end are zeros."""
        view, done = memoryview(buffer), 0
        try:
            self._file.seek(self._place)
            while done < len(view) and (count := self._file.readinto(view[done:])):
                done += count
        except OSError as error:
            self._error = self._error or error
        # behind what was not written
        view[done:] = bytes(len(view) - done)
        self._place += len(view)
        return len(view)

    def read(self, size: int) -> bytes:
        """So many bytes; behind the end are zeros."""
        content = bytearray(size)
        self.readinto(content)
        return bytes(content)

    def write(self, buffer: Any) -> int:
        """Write all of a buffer, unless something failed; `check` says so."""
        view, done = memoryview(buffer), 0
        if self._error is None:
            try:
                self._file.seek(self._place)
                while done < len(view):
                    done += self._file.write(view[done:]) or 0
            except OSError as error:
                self._error = error
        self._place += len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Give the file a size, unless something failed; `check` says so."""
        size = self._place if size is None else size
        if self._error is None:
            try:
                self._file.truncate(size)
            except OSError as error:
                self._error = error
        return size

    def flush(self) -> None:
        """Nothing is kept back."""


def _not_ours(path: str, why: str) -> FileExistsError:
    return FileExistsError(errno.EEXIST, f"is in the way, for it {why}: remove or rename it", path)


def _locked(path: str) -> Any:
    """A file open for reading and writing, without a buffer, and locked."""
    # nobody named it as an output: what somebody else put there is not written to, nor what a link there leads to
    access = os.O_RDWR | os.O_CREAT | sum(getattr(os, name, 0) for name in ("O_BINARY", "O_NOFOLLOW", "O_NONBLOCK"))
    while True:
        try:
            number = os.open(path, access, 0o666)
        except OSError:
            if os.path.islink(path):
                raise _not_ours(path, "is a link") from None
            raise
        if not stat.S_ISREG(os.fstat(number).st_mode):
            os.close(number)
            raise _not_ours(path, "is no file")
        file = open(number, "r+b", buffering=0)
        try:
            lock(file.fileno())
            if is_at(file.fileno(), path):
                return file
        except BaseException:
            file.close()
            raise
        # it was finished by the run that had it: that name is free, or another's
        file.close()


@cache
def _signals() -> tuple[int, ...]:
    """Numbers of all signals: to ask for them takes longer than to write a small frame."""
    return tuple(sorted(map(int, signal.valid_signals())))


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let what signals raise wait for the end of a block.

    HDF5 calls `HeldFile`, and an interrupt that is raised in there would be a failed write to it.
    """
    if handled() or threading.current_thread() is not threading.main_thread():
        # the command line's handlers raise nothing; and Python handles signals in its main thread
        yield
        return
    waiting: list[tuple[int, Any]] = []
    handlers = {number: handler for number in _signals() if callable(handler := signal.getsignal(number))}

    def later(number: int, frame: Any) -> None:
        waiting.append((number, frame))

    try:
        for number in handlers:
            signal.signal(number, later)
        yield
    finally:
        _set_again(handlers)
        for number, frame in waiting:
            handlers[number](number, frame)


def _set_again(handlers: dict[int, Any]) -> None:
    """Set all handlers, also where one that is set already raises something in the meantime."""
    left, raised = list(handlers.items()), None
    while left:
        try:
            signal.signal(*left[-1])
            left.pop()
        except BaseException as error:
            raised = error
    if raised is not None:
        raise raised
