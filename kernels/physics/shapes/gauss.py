"""Gaussian spots: no fringes, an exponential of the squared distance from the lattice point."""

import numpy as np

from ...arithmetic.c_library import c_exp
from ...arithmetic.elementary import C_EXP_ZERO_BELOW, EXP_SQUARED_BOUND, exp_negative, exp_squared_coarse
from ...arithmetic.elementary_single import exp_negative_single
from ...arithmetic.fused import divided
from ...compile.compilation import inlined
from ..error import C_LIBRARY_BOUND
from ..lattice import fractions, squared_distance
from .shape import Shape, no_multiple

__all__ = ["GAUSS_SHAPE", "GAUSS_WIDTH", "gauss_exponent", "gauss_factor", "gauss_lane"]

#: The exponent's divisor.
GAUSS_WIDTH = 0.63


@inlined
def gauss_factor(crystal, hkl, nearest):
    """Lattice factor as the C program has it."""
    na, nb, nc = crystal.n_cells
    dh, dk, dl = fractions(hkl, nearest)
    r = squared_distance(crystal.reciprocal, crystal.n_cells, dh, dk, dl)
    return na * nb * nc * c_exp(-(r / GAUSS_WIDTH * crystal.fudge))


@inlined
def gauss_exponent(crystal, hkl, nearest):
    """Exponent of the Gaussian, with the strict form's bits."""
    dh, dk, dl = fractions(hkl, nearest)
    r = squared_distance(crystal.reciprocal, crystal.n_cells, dh, dk, dl)
    return -(divided(r, GAUSS_WIDTH, 1.0 / GAUSS_WIDTH) * crystal.fudge)


@inlined
def gauss_lane(crystal, exponent):
    """Squared lattice factor of the Gaussian, 0 where it is below about 1e-307."""
    na, nb, nc = crystal.n_cells
    many = na * nb * nc
    return many * many * exp_squared_coarse(exponent)


@inlined
def _exact(crystal, hkl, nearest):
    return gauss_lane(crystal, gauss_exponent(crystal, hkl, nearest)), 0.0


@inlined
def _accurate(crystal, hkl, nearest):
    na, nb, nc = crystal.n_cells
    factor = na * nb * nc * exp_negative(gauss_exponent(crystal, hkl, nearest))
    return factor * factor, 0.0


@inlined
def _single(numbers, dh, dk, dl):
    r = squared_distance(numbers[1], numbers[0], dh, dk, dl)
    return numbers[3] * numbers[3] * exp_negative_single(r * np.float32(-2.0 / GAUSS_WIDTH * numbers[4]))


@inlined
def _is_tested(crystal, hkl, nearest, skip_zero):
    # the C library's underflow decides; above its threshold the factor is surely positive or nearly so
    return not skip_zero or not gauss_exponent(crystal, hkl, nearest) < C_EXP_ZERO_BELOW


def _error(about):
    return (EXP_SQUARED_BOUND + 2.0) + (2.0 * C_LIBRARY_BOUND + 2.0)


GAUSS_SHAPE = Shape(strict=gauss_factor, exact=lambda about: _exact, accurate=_accurate, single=_single,
                    is_tested=_is_tested, error=_error, largest_multiple=no_multiple, budgeted=False, measured=True)
