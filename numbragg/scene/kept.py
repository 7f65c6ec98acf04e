"""What was derived for earlier shots and serves for others: by what it was derived from, and no array twice."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

__all__ = ["Kept"]

#: Results that are kept at most: more come only of objects that are made anew for every shot.
MOST = 64


class Kept:
    """Results of earlier shots of one `Simulator`.

    Not for what depends on arrays that somebody else holds, for these can be changed in place.  Whoever takes an
    array from here hands out a copy, for the same reason.  No lock: two threads that ask at once derive the same
    twice, and a fork finds nothing taken.
    """

    def __init__(self) -> None:
        self._made: dict[Hashable, tuple[Sequence[Any], Any]] = {}

    def get(self, name: str, parts: Sequence[Any], key: tuple[Hashable, ...], make: Callable[[], Any]) -> Any:
        """What was derived under a name from these very objects and equal other things, derived if it is not there."""
        # in words, in which 0 and -0 are two
        whole = (name, *map(id, parts), repr(key))
        found = self._made.get(whole)
        if found is None:
            if len(self._made) >= MOST:
                # a new one, for another thread may be looking at the old one
                self._made = {}
            # the objects are held, so that their addresses stand for no others
            found = self._made[whole] = (parts, make())
        return found[1]
