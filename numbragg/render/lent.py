"""Memory of images that nobody has any more, for the images that follow: new memory costs more than to fill it."""

from __future__ import annotations

import math
from typing import Any
import weakref

import numpy as np

__all__ = ["Lent"]


class Lent:
    """Memory for images of which most live as long as a turn of a loop.

    A system gives a program new memory page by page, cleared, as each is first written to: for an image of 256 x 256
    pixels that is a tenth of a millisecond.

    Memory comes back when the last array or other object that looks at it is gone.  Nothing is lent twice meanwhile,
    and nothing is kept once `close` was called.

    Parameters
    ----------
    most_bytes : int
        That are kept at most of images of one size.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._free: dict[int, list[memoryview]] = {}
        self._open = True
        # weak references call nobody once they are gone
        self._watched: dict[int, Any] = {}

    def image(self, shape: tuple[int, ...]) -> Any:
        """An array of float32 of a shape that is to be filled: anything is in it."""
        size = 4 * math.prod(shape)
        try:
            memory = self._free[size].pop()
        except (KeyError, IndexError):
            memory = np.empty(size, dtype=np.uint8).data
        # views of views have the first array of all as their base, and not what is no array
        first = np.frombuffer(memory, dtype=np.float32)

        def back(reference: Any) -> None:
            self._watched.pop(id(reference), None)
            free = self._free.setdefault(size, [])
            if self._open and (len(free) + 1) * size <= self._most:
                free.append(memory)

        watching = weakref.ref(first, back)
        self._watched[id(watching)] = watching
        return first.reshape(shape)

    def close(self) -> None:
        """Keep nothing any more; what is lent is let go as it comes back."""
        self._open = False
        self._free = {}
