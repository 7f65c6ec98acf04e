"""Finished files put in their places together: renamed under locks of their names, with a journal for the next run."""

from __future__ import annotations

from collections.abc import Sequence
import os
import time

from .journal import Pair, about, journal, prepared
from .locks import NameLocks, lock_name, names_of_ours

# start-up: few runs find something that another left

__all__ = ["Finished", "look_after", "put_in_place"]

#: So many names of a folder are looked at in passing: to read all of a folder of a million would take its time.
_MOST_NAMES = 20_000
#: So many folders are remembered.
_MOST_FOLDERS = 1000
#: Of the time of whoever writes one file after the other, the part that looking at folders may take.
_SHARE = 0.01
#: A lock that a dead run left is found so often, at most: one that is only being made looks the same.
_TRIES = 3


class Finished:
    """A file that waits for its name.

    Attributes
    ----------
    temporary : str
        In the folder of `target`.
    target : str
        Behind all links.
    said : str
        As the user named it.
    """

    __slots__ = ("said", "target", "temporary")

    def __init__(self, temporary: str, target: str, said: str) -> None:
        self.temporary, self.target, self.said = temporary, target, said


#: When a folder was looked at, and for how long.
_looked: dict[str, tuple[float, float]] = {}


def look_after(folder: str, *, thoroughly: bool = False, sparingly: bool = False) -> list[str]:
    """Complete what dead runs were renaming in a folder, and remove their temporary files.

    Parameters
    ----------
    folder : str
    thoroughly : bool
        Look at all of the folder, however large it is.
    sparingly : bool
        Not if it has been looked at a moment ago: for those who write one file after the other.

    Returns
    -------
    list of str
        Notes on sets of files that were completed, or cannot be.
    """
    before, start = _looked.get(folder), time.monotonic()
    if before is not None and sparingly and start - before[0] < before[1] / _SHARE:
        return []
    notes: list[str] = []
    try:
        if names := names_of_ours(folder, None if thoroughly else _MOST_NAMES):
            from .leftovers import clear

            notes = clear(folder, names)
    except OSError:
        # whoever writes there finds out what is wrong
        pass
    end = time.monotonic()
    if len(_looked) > _MOST_FOLDERS:
        _looked.clear()
    _looked[folder] = end, end - start
    return notes


def put_in_place(files: Sequence[Finished]) -> list[str]:
    """Rename files, all of them together as far as a file system can.

    One alone is simply renamed.  Several have their names locked meanwhile, so that those of two runs are never mixed,
    and are written down before the first is renamed: if the process dies in between, the next run there completes it.

    Parameters
    ----------
    files : sequence of Finished

    Returns
    -------
    list of str
        Notes on what dead runs had left there.

    Raises
    ------
    OSError
        A file cannot be renamed, and the message names those that already were; or another run keeps a name;
        `filename` is what the user named.
    """
    folders = dict.fromkeys(os.path.dirname(file.target) for file in files)
    if len(files) < 2 and not any(os.path.lexists(_lock_of(file.target)) for file in files):
        # no other run is renaming it, and none has died over it
        _rename(_pairs(files), files)
        return []
    notes: list[str] = []
    for tries in range(_TRIES):
        names = _locked(files)
        with names:
            if not names.left or tries == _TRIES - 1:
                pairs = _pairs(files)
                with journal(pairs):
                    _rename(pairs, files)
                break
        for folder in folders:
            notes += look_after(folder, thoroughly=True)
    return notes


def _lock_of(target: str) -> str:
    folder, name = os.path.split(target)
    return os.path.join(folder, lock_name(name))


def _locked(files: Sequence[Finished]) -> NameLocks:
    try:
        return NameLocks(file.target for file in files)
    except OSError as error:
        raise about(error, next((file.said for file in files if file.target == error.filename), files[0].said)
                    ) from error


def _pairs(files: Sequence[Finished]) -> list[Pair]:
    pairs = []
    for file in files:
        try:
            pairs.append(prepared(file.temporary, file.target))
        except OSError as error:
            raise about(error, file.said) from error
    return pairs


def _rename(pairs: Sequence[Pair], files: Sequence[Finished]) -> None:
    done: list[str] = []
    for pair, file in zip(pairs, files):
        try:
            os.replace(pair.temporary, pair.target)
        except OSError as error:
            raise about(error, file.said, f" (already written: {', '.join(done)})" if done else "") from error
        done.append(file.said)
