"""What was derived for earlier shots and serves for others: by what it was derived from, and no array twice."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
import marshal
from operator import attrgetter
from typing import Any

__all__ = ["Kept", "Shared"]

#: Results of one name that are kept at most: more come only of objects that are made anew for every shot.
MOST = 64

#: All that is asked of a crystal but its cell, its orientation and what files say of these.
_BESIDE_ORIENTATION = attrgetter(
    "n_cells", "sample_size", "shape", "fudge", "mosaic_spread", "mosaic_domains", "mosaic_seed", "phi_start",
    "oscillation", "phi_step", "phi_steps", "spindle_axis", "water_size", "spot_metric", "mosaicity", "mosaic_spreads",
    "mosaic_low_discrepancy")

#: All that is asked of a beam but how many photons it has, what files say of that, and arrays of somebody else's.
_BESIDE_INTENSITY = attrgetter(
    "wavelength", "beam_size", "polarisation_fraction", "unpolarised_factor", "dispersion", "dispersion_steps",
    "divergence_h", "divergence_v", "divergence_h_step", "divergence_v_step", "divergence_h_steps",
    "divergence_v_steps", "round_divergence", "d_min", "beam_vector", "polarisation_axis")


def _exactly(key: tuple[Hashable, ...]) -> str | bytes:
    """What tells a key from all others, 0 from -0 and 1 from True."""
    try:
        # hot path: numbers take some time to be put into words
        return marshal.dumps(key, 2)
    except ValueError:
        return repr(key)


class Shared:
    """What is derived once for crystals that differ in their cell and orientation only.

    Parameters
    ----------
    whatever_intensity : Shared, optional
        What is derived once for beams that differ in the number of their photons, too; by default nothing else's.

    Attributes
    ----------
    whatever_intensity : Shared
    """

    def __init__(self, whatever_intensity: Shared | None = None) -> None:
        self._made: dict[Hashable, Any] = {}
        self.whatever_intensity = self if whatever_intensity is None else whatever_intensity

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
        self._made: dict[str, dict[Hashable, tuple[Sequence[Any], Any]]] = {}

    def shared(self, request: Any) -> Shared:
        """What this shot has in common with others, whose crystals differ in cell and orientation only."""
        crystal, beam = request.crystal, request.beam
        if beam.sources is not None or beam.spectrum is not None or crystal.mosaic_rotations is not None:
            # somebody else's arrays
            return Shared()
        own = request.revision, *_BESIDE_ORIENTATION(crystal)
        around = request.detector, request.sampling

        def made() -> Shared:
            return Shared(self.get("whatever intensity", around, (*own, *_BESIDE_INTENSITY(beam)), Shared))

        return self.get("shared", (beam, *around), own, made)

    def get(self, name: str, parts: Sequence[Any], key: tuple[Hashable, ...], make: Callable[[], Any]) -> Any:
        """What was derived under a name from these very objects and equal other things, derived if it is not there."""
        whole = (*map(id, parts), _exactly(key))
        # by names, so that what comes and goes with each shot leaves alone what stays
        there = self._made.get(name)
        found = None if there is None else there.get(whole)
        if found is None:
            made = make()
            if there is None or len(there) >= MOST:
                # a new one, for another thread may be looking at the old one
                there = self._made[name] = {}
            # the objects are held, so that their addresses stand for no others
            found = there[whole] = (parts, made)
        return found[1]
