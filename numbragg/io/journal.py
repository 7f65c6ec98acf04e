"""What is to be renamed together, written down before the first rename: a later run finds out what a dead one left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
import errno
import os
import stat

from .locks import START, create_locked, machine

__all__ = ["Pair", "about", "identity", "journal", "pairs_of", "prepared"]

_HEAD, _END = b"numbragg: files renamed together, 1", b"end"
#: Words of a pair.
_WORDS = 4


class Pair:
    """A file and where it goes.

    Attributes
    ----------
    temporary : str
        In the folder of `target`.
    target : str
        Behind all links.
    new : str
        What tells the file from others, as `identity` has it, which a rename leaves.
    old : str
        The same of the file that it replaces; empty: there is none.
    """

    # start-up: named tuples and dataclasses compile their methods
    __slots__ = ("new", "old", "target", "temporary")

    def __init__(self, temporary: str, target: str, new: str, old: str) -> None:
        self.temporary, self.target, self.new, self.old = temporary, target, new, old


def identity(path: str) -> str:
    """What tells a file from others and from its later self; empty if there is none."""
    try:
        return _identity(os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return ""


def _identity(found: os.stat_result) -> str:
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"


def prepared(temporary: str, target: str) -> Pair:
    """A pair whose file has the mode bits of the one that it replaces, and its owner where that is allowed.

    Raises
    ------
    OSError
        Something that is no file has come into its place.
    """
    new = os.stat(temporary)
    try:
        old = os.stat(target)
    except FileNotFoundError:
        return Pair(temporary, target, _identity(new), "")
    if stat.S_ISDIR(old.st_mode):
        # a rename would fail, with others done before
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target)
    if hasattr(os, "chown") and (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        try:
            os.chown(temporary, old.st_uid, old.st_gid)
        except OSError:
            # only the superuser may give files away
            pass
    os.chmod(temporary, stat.S_IMODE(old.st_mode))
    return Pair(temporary, target, _identity(new), _identity(old))


def about(error: OSError, path: str, note: str = "") -> OSError:
    """The same error, about the file that the user named."""
    if error.errno is None:
        return OSError(errno.EIO, f"{error}{note}", path)
    return OSError(error.errno, f"{error.strerror or os.strerror(error.errno)}{note}", path)


@contextmanager
def journal(pairs: Sequence[Pair]) -> Iterator[None]:
    """Keep written down, in all folders concerned, what is renamed meanwhile.

    No `fsync`: what a killed process has written is there.  When power fails, new files may be empty, too, however
    they were renamed; sizes are written down, so that such files are not put in their places afterwards.
    """
    folders = dict.fromkeys(os.path.dirname(pair.target) for pair in pairs)
    made: list[tuple[str, int | None]] = []
    # one name in all folders
    token = os.urandom(8).hex()
    try:
        for folder in folders:
            _make(folder, token, _text(pairs, folder), made)
        yield
    finally:
        for path, descriptor in reversed(made):
            try:
                os.unlink(path)
            except OSError:
                pass
            if descriptor is not None:
                os.close(descriptor)


def _make(folder: str, token: str, text: bytes, made: list[tuple[str, int | None]]) -> None:
    while True:
        path = os.path.join(folder, f"{START}{machine()}-{token}.journal")
        made.append((path, None))
        descriptor = create_locked(path, 0o600)
        made.pop()
        if descriptor is not None:
            break
        token = os.urandom(8).hex()
    made.append((path, descriptor))
    view = memoryview(text)
    while view:
        view = view[os.write(descriptor, view):]


def _text(pairs: Iterable[Pair], folder: str) -> bytes:
    words = [_HEAD]
    for pair in pairs:
        # without the folder where it is this one, which may be moved
        words += [os.fsencode(os.path.basename(path) if os.path.dirname(path) == folder else path)
                  for path in (pair.temporary, pair.target)]
        words += [pair.new.encode(), pair.old.encode()]
    return b"\0".join((*words, _END))


def pairs_of(text: bytes, folder: str) -> list[Pair]:
    """What was to be renamed; nothing where it was not written to its end, so that nothing has been renamed."""
    head, *words = text.split(b"\0")
    if head != _HEAD or words[-1:] != [_END] or len(words) % _WORDS != 1:
        return []
    decoded = [os.fsdecode(word) for word in words[:-1]]
    return [Pair(*(os.path.join(folder, path) for path in decoded[first:first + 2]), *decoded[first + 2:first + _WORDS])
            for first in range(0, len(decoded), _WORDS)]
