"""What was derived for earlier shots and serves for others: by what it was derived from, and no array twice."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from operator import attrgetter
from typing import Any

__all__ = ["Kept", "Shared"]

#: Results that are kept at most: more come only of objects that are made anew for every shot.
MOST = 64

#: All that is asked of a crystal but its cell, its orientation and what files say of these.
_BESIDE_ORIENTATION = attrgetter(
    "n_cells", "sample_size", "shape", "fudge", "mosaic_spread", "mosaic_domains", "mosaic_seed", "phi_start",
    "oscillation", "phi_step", "phi_steps", "spindle_axis", "water_size", "spot_metric", "mosaicity", "mosaic_spreads",
    "mosaic_low_discrepancy")


class Shared:
    """What is derived once for crystals that differ in their cell and orientation only."""

    def __init__(self) -> None:
        self._made: dict[Hashable, Any] = {}

    def once(self, name: Hashable, make: Callable[[], Any]) -> Any:
        """What goes by a name, made if it is not there; it is not to be changed."""
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = make()
        return found


class Kept:
    """Results of earlier shots of one `Simulator`.

    Not for what depends on arrays that somebody else holds, for these can be changed in place.  Whoever takes an
    array from here hands out a copy, for the same reason.  No lock: two threads that ask at once derive the same
    twice, and a fork finds nothing taken.
    """

    def __init__(self) -> None:
        self._made: dict[Hashable, tuple[Sequence[Any], Any]] = {}

    def shared(self, request: Any) -> Shared:
        """What this shot has in common with others, whose crystals differ in cell and orientation only."""
        crystal, beam = request.crystal, request.beam
        if beam.sources is not None or beam.spectrum is not None or crystal.mosaic_rotations is not None:
            # somebody else's arrays
            return Shared()
        parts = beam, request.detector, request.sampling
        return self.get("shared", parts, (request.revision, *_BESIDE_ORIENTATION(crystal)), Shared)

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
