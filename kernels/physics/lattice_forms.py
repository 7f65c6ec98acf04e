"""Squared lattice factors of the lanes in three precisions, and the choice among them.

The exact form, whose error the certificate knows, is in `lattice`.  The accurate form works from
the exact fraction of an index to the last digits, and so comes nearer to the formula than the C
program does.  The form in single precision does the same with that fraction rounded to float32.
All are branch-free, and their results are defined operation by operation: no C library.
"""

import functools
import math

import numpy as np

from ..arithmetic.c_library import fma, sqrt
from ..arithmetic.elementary import ROUNDER, exp_negative, sine_polynomial, sphere_difference
from ..arithmetic.elementary_single import exp_negative_single, parallelepiped_single, sphere_transform_single
from ..compile.compilation import inlined
from .lattice import (
    GAUSS_WIDTH,
    SPHERE_VOLUME_ROOT,
    TOPHAT_LIMIT,
    fractions,
    gauss_exponent,
    gauss_lane,
    grating_lane,
    sphere_lane,
    squared_distance,
    squared_radius,
    tophat_lane,
)
from .records import COMPENSATED, EXACT, GAUSS, ONE_CELL, ROUND, SINGLE, SQUARE, TOPHAT

__all__ = ["grating_accurate", "sphere_accurate", "lane_factor", "single_crystal", "single_factor"]

# -- accurate forms

#: Below this a sine is its argument, and the ratio of two of them N.
_SMALLEST_FRACTION = 1e-200

#: Taylor series of 3 (sin(x)/x - cos(x)) / x**2 in x**2: (-1)**k 3 (2 k + 2) / (2 k + 3)!, k = 0, 1, ...
_SPHERE_SERIES = tuple((-1) ** k * 3 * (2 * k + 2) / math.factorial(2 * k + 3) for k in range(10))


@inlined
def grating_accurate(f, n):
    """sin(pi n f) / sin(pi f) up to sign, for a fraction f within -0.5..0.5 and a whole number n.

    A relative error of at most 10 u, but where the numerator is near 0: there n f, rounded once, has
    an error of u/2 of the distance from the multiple of pi, and the bound holds all the same.
    """
    r = fma(n, f, -(fma(n, f, ROUNDER) - ROUNDER))
    one = sine_polynomial(math.pi * f)
    return n if abs(f) < _SMALLEST_FRACTION else sine_polynomial(math.pi * r) / one


@inlined
def sphere_accurate(x):
    """3 (sin(x)/x - cos(x)) / x**2 for x >= 0: by its series up to x = 1."""
    z = x * x
    q = fma(_SPHERE_SERIES[9], z, _SPHERE_SERIES[8])
    q = fma(q, z, _SPHERE_SERIES[7])
    q = fma(q, z, _SPHERE_SERIES[6])
    q = fma(q, z, _SPHERE_SERIES[5])
    q = fma(q, z, _SPHERE_SERIES[4])
    q = fma(q, z, _SPHERE_SERIES[3])
    q = fma(q, z, _SPHERE_SERIES[2])
    q = fma(q, z, _SPHERE_SERIES[1])
    q = fma(q, z, _SPHERE_SERIES[0])
    # a divisor that is not 0, for the value that is not taken
    y = x if x > 1.0 else 1.0
    # known up to sign only, like all that enters squared
    inverse = 1.0 / y
    return 3.0 * sphere_difference(y, inverse) * inverse * inverse if x > 1.0 else q


@inlined
def _grating_accurate_lane(crystal, hkl, nearest):
    na, nb, nc = crystal.n_cells
    dh, dk, dl = fractions(hkl, nearest)
    factor = grating_accurate(dh, na) * grating_accurate(dk, nb) * grating_accurate(dl, nc)
    return factor * factor, 0.0


@inlined
def _sphere_accurate_lane(crystal, hkl, nearest):
    na, nb, nc = crystal.n_cells
    dh, dk, dl = fractions(hkl, nearest)
    x = math.pi * math.sqrt(squared_radius(crystal.n_cells, dh, dk, dl) * crystal.fudge)
    factor = na * nb * nc * SPHERE_VOLUME_ROOT * sphere_accurate(x)
    return factor * factor, 0.0


@inlined
def _gauss_accurate_lane(crystal, hkl, nearest):
    na, nb, nc = crystal.n_cells
    factor = na * nb * nc * exp_negative(gauss_exponent(crystal, hkl, nearest))
    return factor * factor, 0.0


# -- forms in single precision, from the fractions rounded to float32

_ROOT = np.float32(SPHERE_VOLUME_ROOT)
_LIMIT = np.float32(TOPHAT_LIMIT)


@inlined
def single_crystal(crystal):
    """N, a*, b*, c* [1/Angstrom], fudge, the Gaussian's factor and the number of cells, as float32."""
    n, r = crystal.n_cells, crystal.reciprocal
    return ((np.float32(n[0]), np.float32(n[1]), np.float32(n[2])),
            (np.float32(r[0]), np.float32(r[1]), np.float32(r[2]), np.float32(r[3]), np.float32(r[4]),
             np.float32(r[5]), np.float32(r[6]), np.float32(r[7]), np.float32(r[8])),
            np.float32(crystal.fudge), np.float32(-2.0 / GAUSS_WIDTH * crystal.fudge),
            np.float32(n[0] * n[1] * n[2]))


@functools.cache
def single_factor(shape):
    """Make the squared lattice factor in single precision of one shape.

    Returns
    -------
    function
        factor(numbers, dh, dk, dl): float32, from what `single_crystal` gives and the fractions of
        the indices as float32.
    """
    @inlined
    def square(numbers, dh, dk, dl):
        factor = parallelepiped_single(dh, dk, dl, numbers[0])
        return factor * factor

    @inlined
    def round_(numbers, dh, dk, dl):
        y = sqrt(squared_radius(numbers[0], dh, dk, dl) * numbers[2])
        factor = numbers[4] * _ROOT * sphere_transform_single(y)
        return factor * factor

    @inlined
    def gauss(numbers, dh, dk, dl):
        r = squared_distance(numbers[1], numbers[0], dh, dk, dl)
        return numbers[4] * numbers[4] * exp_negative_single(r * numbers[3])

    @inlined
    def tophat(numbers, dh, dk, dl):
        r = squared_distance(numbers[1], numbers[0], dh, dk, dl)
        return numbers[4] * numbers[4] if r * numbers[2] < _LIMIT else np.float32(0.0)

    @inlined
    def one_cell(numbers, dh, dk, dl):
        return np.float32(1.0)

    return {SQUARE: square, ROUND: round_, GAUSS: gauss, TOPHAT: tophat, ONE_CELL: one_cell}[shape]


# -- the lane form of a shape, in any precision


def _exact_lane(shape, about):
    @inlined
    def square(crystal, hkl, nearest):
        return grating_lane(crystal, hkl, nearest, about), 0.0

    @inlined
    def gauss(crystal, hkl, nearest):
        return gauss_lane(crystal, gauss_exponent(crystal, hkl, nearest)), 0.0

    return {SQUARE: square, ROUND: sphere_lane, GAUSS: gauss}[shape]


def _single_lane(shape):
    of_fractions = single_factor(shape)

    @inlined
    def factor(crystal, hkl, nearest):
        dh, dk, dl = fractions(hkl, nearest)
        return of_fractions(single_crystal(crystal), np.float32(dh), np.float32(dk), np.float32(dl)), 0.0

    return factor


@inlined
def _tophat_in_lane(crystal, hkl, nearest):
    return tophat_lane(crystal, hkl, nearest), 0.0


@inlined
def _one_cell_lane(crystal, hkl, nearest):
    return 1.0, 0.0


@functools.cache
def lane_factor(shape, precision, about):
    """Make the lane form of the lattice factor.

    Parameters
    ----------
    shape : int
        records.SQUARE, ROUND, GAUSS, TOPHAT or ONE_CELL.
    precision : int
        records.EXACT, COMPENSATED or SINGLE.
    about : bool
        Parallelepiped, exact: use the shorter reduction of the sines' arguments.

    Returns
    -------
    function
        factor(crystal, hkl, nearest): the squared lattice factor (float32 in single precision), and
        for the sphere, exact, the factor of its absolute error.
    """
    if precision == SINGLE:
        return _single_lane(shape)
    # nothing in these two is rounded
    if shape in (TOPHAT, ONE_CELL):
        return _tophat_in_lane if shape == TOPHAT else _one_cell_lane
    if precision == EXACT:
        return _exact_lane(shape, about)
    assert precision == COMPENSATED
    return {SQUARE: _grating_accurate_lane, ROUND: _sphere_accurate_lane, GAUSS: _gauss_accurate_lane}[shape]
