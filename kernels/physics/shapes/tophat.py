"""Top-hat spots: one height within a radius of the lattice point, nothing beyond.

Distances are measured in one of two ways, as those of the Gaussian (`gauss`).
"""

import numpy as np

from ...compile.compilation import inlined
from ..lattice import fractions, spot_distance, squared_distance, squared_radius
from ..records import TOPHAT_HKL
from .shape import Shape, no_multiple

__all__ = ["TOPHAT_HKL_SHAPE", "TOPHAT_LIMIT", "TOPHAT_SHAPE", "tophat_factor", "tophat_lane"]

#: The squared radius.
TOPHAT_LIMIT = 0.3969
_LIMIT = np.float32(TOPHAT_LIMIT)


@inlined
def _measured(numbers, dh, dk, dl):
    return squared_distance(numbers[1], numbers[0], dh, dk, dl)


@inlined
def _in_cells(numbers, dh, dk, dl):
    return squared_radius(numbers[0], dh, dk, dl)


@inlined
def tophat_factor(crystal, hkl, nearest):
    """Lattice factor as the C program has it, the distance measured in either way."""
    na, nb, nc = crystal.n_cells
    dh, dk, dl = fractions(hkl, nearest)
    r = spot_distance(crystal.shape == TOPHAT_HKL, crystal.reciprocal, crystal.n_cells, dh, dk, dl)
    return na * nb * nc * (1.0 if r * crystal.fudge < TOPHAT_LIMIT else 0.0)


def _reach(crystal):
    """The squared distance from which on the top-hat is 0, as it is compared in rounded numbers."""
    return TOPHAT_LIMIT / crystal.fudge if crystal.fudge > 0.0 else np.inf


def _shape(squared, measured):
    """The top-hat of a squared distance, a function of (N, a*, b*, c*) and the fractions of the indices."""
    @inlined
    def is_inside(crystal, hkl, nearest):
        dh, dk, dl = fractions(hkl, nearest)
        return squared((crystal.n_cells, crystal.reciprocal), dh, dk, dl) * crystal.fudge < TOPHAT_LIMIT

    @inlined
    def lane(crystal, hkl, nearest):
        """Squared lattice factor of the top-hat."""
        na, nb, nc = crystal.n_cells
        many = na * nb * nc
        return many * many if is_inside(crystal, hkl, nearest) else 0.0

    @inlined
    def exact(crystal, hkl, nearest):
        # nothing in it is rounded, so it serves the accurate form too
        return lane(crystal, hkl, nearest), 0.0

    @inlined
    def single(numbers, dh, dk, dl):
        r = squared(numbers, dh, dk, dl)
        return numbers[3] * numbers[3] if r * numbers[2] < _LIMIT else np.float32(0.0)

    @inlined
    def is_tested(crystal, hkl, nearest, skip_zero):
        return not skip_zero or lane(crystal, hkl, nearest) != 0.0

    return Shape(strict=tophat_factor, exact=lambda about: exact, accurate=exact, single=single, is_tested=is_tested,
                 error=lambda about: 1.0, largest_multiple=no_multiple, budgeted=False, measured=measured,
                 reach=_reach, decay=lambda crystal: 0.0), lane


TOPHAT_SHAPE, tophat_lane = _shape(_measured, True)
TOPHAT_HKL_SHAPE, _ = _shape(_in_cells, False)
