"""Gaussian spots: no fringes, an exponential of the squared distance from the lattice point.

The C program measures the distance in reciprocal space, times the product of the numbers of cells: round spots,
whatever the shape of the crystal.  Measured in units of cells a spot has the crystal's own proportions, as simtbx
has it.
"""

import math

import numpy as np

from ...arithmetic.c_library import c_exp
from ...arithmetic.elementary import (
    C_EXP_ZERO_BELOW,
    EXP_SQUARED_BOUND,
    exp_negative,
    exp_squared_coarse,
    exp_squared_of,
)
from ...arithmetic.elementary_single import exp_negative_single
from ...arithmetic.fused import divided, fma
from ...compile.compilation import inlined
from ..error import C_LIBRARY_BOUND
from ..lattice import fractions, spot_distance, squared_distance, squared_radius
from ..records import GAUSS_HKL
from .shape import Brief, Shape, no_multiple

__all__ = ["GAUSS_HKL_SHAPE", "GAUSS_SHAPE", "GAUSS_WIDTH", "gauss_exponent", "gauss_factor", "gauss_lane"]

#: The exponent's divisor.
GAUSS_WIDTH = 0.63

#: Products of errors are below this part of the errors.
SECOND_ORDER = 1.0 + 1e-6


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
    value = c_exp(-exponent)
    # the C program turns the sign of a NaN too; of what nobody else needs a compiler turns a factor's instead
    return na * nb * nc * (value if exponent == exponent else -exponent)


@inlined
def _brief_measured(numbers, constants, dh, dk, dl):
    x = fma(dh, numbers[0], fma(dk, numbers[3], dl * numbers[6]))
    y = fma(dh, numbers[1], fma(dk, numbers[4], dl * numbers[7]))
    z = fma(dh, numbers[2], fma(dk, numbers[5], dl * numbers[8]))
    return exp_squared_of(constants, numbers[9] * fma(x, x, fma(y, y, z * z)))


@inlined
def _brief_in_cells(numbers, constants, dh, dk, dl):
    x, y, z = dh * numbers[0], dk * numbers[1], dl * numbers[2]
    return exp_squared_of(constants, numbers[3] * fma(x, x, fma(y, y, z * z)))


#: Beyond this, in magnitude, the square is 0.
_LARGEST_EXPONENT = 708.0


def _error_measured(smallest):
    # of the exponents, the strict one's 6 root + 11 and the brief one's 12 root + 5: docs/accuracy/culling.md
    return _LARGEST_EXPONENT * (18.0 * math.sqrt(3.0 / smallest) + 16.0) * SECOND_ORDER


def _error_in_cells(smallest):
    return _LARGEST_EXPONENT * (7.0 + 7.0) * SECOND_ORDER


@inlined
def _numbers_measured(crystal):
    r, (na, nb, nc) = crystal.reciprocal, crystal.n_cells
    n = na * nb * nc
    return (n * r[0], n * r[1], n * r[2], n * r[3], n * r[4], n * r[5], n * r[6], n * r[7], n * r[8],
            -(crystal.fudge / GAUSS_WIDTH), n * n)


@inlined
def _numbers_in_cells(crystal):
    na, nb, nc = crystal.n_cells
    n = na * nb * nc
    return na, nb, nc, -(crystal.fudge / GAUSS_WIDTH), n * n


_BRIEF_MEASURED = Brief(_numbers_measured, _brief_measured, _error_measured)
_BRIEF_IN_CELLS = Brief(_numbers_in_cells, _brief_in_cells, _error_in_cells)


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
                 reach=_reach, decay=_decay, brief=_BRIEF_MEASURED if measured else _BRIEF_IN_CELLS), exponent


GAUSS_SHAPE, gauss_exponent = _shape(_measured, True)
GAUSS_HKL_SHAPE, _ = _shape(_in_cells, False)
