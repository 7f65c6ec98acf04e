"""Gaussian spots: no fringes, an exponential of the squared distance from the lattice point.

The C program measures the distance in reciprocal space, times the product of the numbers of cells: round spots,
whatever the shape of the crystal.  Measured in units of cells a spot has the crystal's own proportions, as simtbx
has it.
"""

import numpy as np

from ...arithmetic.c_library import c_exp
from ...arithmetic.elementary import C_EXP_ZERO_BELOW, EXP_SQUARED_BOUND, exp_negative, exp_squared_coarse
from ...arithmetic.elementary_single import exp_negative_single
from ...arithmetic.fused import divided
from ...compile.compilation import inlined
from ..error import C_LIBRARY_BOUND
from ..lattice import fractions, spot_distance, squared_distance, squared_radius
from ..records import GAUSS_HKL
from .shape import Shape, no_multiple

__all__ = ["GAUSS_HKL_SHAPE", "GAUSS_SHAPE", "GAUSS_WIDTH", "gauss_exponent", "gauss_factor", "gauss_lane"]

#: The exponent's divisor.
GAUSS_WIDTH = 0.63


@inlined
def _measured(numbers, dh, dk, dl):
    return squared_distance(numbers[1], numbers[0], dh, dk, dl)


@inlined
def _in_cells(numbers, dh, dk, dl):
    return squared_radius(numbers[0], dh, dk, dl)


@inlined
def gauss_lane(crystal, exponent):
    """Squared lattice factor of the Gaussian, 0 where it is below about 1e-307."""
    na, nb, nc = crystal.n_cells
    many = na * nb * nc
    return many * many * exp_squared_coarse(exponent)


def _error(about):
    return (EXP_SQUARED_BOUND + 2.0) + (2.0 * C_LIBRARY_BOUND + 2.0)


def _reach(crystal):
    """There is always something, but for underflow."""
    return np.inf


def _decay(crystal):
    """The square is exp(-this times the squared distance)."""
    return 2.0 / GAUSS_WIDTH * crystal.fudge


@inlined
def gauss_factor(crystal, hkl, nearest):
    """Lattice factor as the C program has it, the distance measured in either way."""
    na, nb, nc = crystal.n_cells
    dh, dk, dl = fractions(hkl, nearest)
    r = spot_distance(crystal.shape == GAUSS_HKL, crystal.reciprocal, crystal.n_cells, dh, dk, dl)
    exponent = r / GAUSS_WIDTH * crystal.fudge
    # the C program turns the sign of a NaN too; of what nobody else needs a compiler turns a factor's instead
    return na * nb * nc * (c_exp(-exponent) if exponent == exponent else -exponent)


def _shape(squared, measured):
    """The Gaussian of a squared distance, a function of (N, a*, b*, c*) and the fractions of the indices."""
    @inlined
    def exponent(crystal, hkl, nearest):
        """Exponent of the Gaussian, with the strict form's bits."""
        dh, dk, dl = fractions(hkl, nearest)
        r = squared((crystal.n_cells, crystal.reciprocal), dh, dk, dl)
        return -(divided(r, GAUSS_WIDTH, 1.0 / GAUSS_WIDTH) * crystal.fudge)

    @inlined
    def exact(crystal, hkl, nearest):
        return gauss_lane(crystal, exponent(crystal, hkl, nearest)), 0.0

    @inlined
    def accurate(crystal, hkl, nearest):
        na, nb, nc = crystal.n_cells
        value = na * nb * nc * exp_negative(exponent(crystal, hkl, nearest))
        return value * value, 0.0

    @inlined
    def single(numbers, dh, dk, dl):
        r = squared(numbers, dh, dk, dl)
        return numbers[3] * numbers[3] * exp_negative_single(r * np.float32(-2.0 / GAUSS_WIDTH * numbers[4]))

    @inlined
    def is_tested(crystal, hkl, nearest, skip_zero):
        # the C library's underflow decides; above its threshold the factor is surely positive or nearly so
        return not skip_zero or not exponent(crystal, hkl, nearest) < C_EXP_ZERO_BELOW

    return Shape(strict=gauss_factor, exact=lambda about: exact, accurate=accurate, single=single, is_tested=is_tested,
                 error=_error, largest_multiple=no_multiple, budgeted=False, measured=measured,
                 reach=_reach, decay=_decay), exponent


GAUSS_SHAPE, gauss_exponent = _shape(_measured, True)
GAUSS_HKL_SHAPE, _ = _shape(_in_cells, False)
