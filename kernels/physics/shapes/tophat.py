"""Top-hat spots: one height within a radius of the lattice point, nothing beyond."""

import numpy as np

from ...compile.compilation import inlined
from ..lattice import fractions, squared_distance
from .shape import Shape, no_multiple

__all__ = ["TOPHAT_LIMIT", "TOPHAT_SHAPE", "tophat_factor", "tophat_lane"]

#: The squared radius.
TOPHAT_LIMIT = 0.3969
_LIMIT = np.float32(TOPHAT_LIMIT)


@inlined
def _is_inside(crystal, hkl, nearest):
    dh, dk, dl = fractions(hkl, nearest)
    return squared_distance(crystal.reciprocal, crystal.n_cells, dh, dk, dl) * crystal.fudge < TOPHAT_LIMIT


@inlined
def tophat_factor(crystal, hkl, nearest):
    """Lattice factor as the C program has it."""
    na, nb, nc = crystal.n_cells
    return na * nb * nc * (1.0 if _is_inside(crystal, hkl, nearest) else 0.0)


@inlined
def tophat_lane(crystal, hkl, nearest):
    """Squared lattice factor of the top-hat."""
    na, nb, nc = crystal.n_cells
    many = na * nb * nc
    return many * many if _is_inside(crystal, hkl, nearest) else 0.0


@inlined
def _exact(crystal, hkl, nearest):
    # nothing in it is rounded, so it serves the accurate form too
    return tophat_lane(crystal, hkl, nearest), 0.0


@inlined
def _single(numbers, dh, dk, dl):
    r = squared_distance(numbers[1], numbers[0], dh, dk, dl)
    return numbers[3] * numbers[3] if r * numbers[2] < _LIMIT else np.float32(0.0)


@inlined
def _is_tested(crystal, hkl, nearest, skip_zero):
    return not skip_zero or tophat_lane(crystal, hkl, nearest) != 0.0


TOPHAT_SHAPE = Shape(strict=tophat_factor, exact=lambda about: _exact, accurate=_exact, single=_single,
                     is_tested=_is_tested, error=lambda about: 1.0, largest_multiple=no_multiple, budgeted=False, measured=True)
