"""The parallelepiped: a product of three gratings."""

import math

import numpy as np

from ...arithmetic.c_library import c_sin
from ...arithmetic.elementary import (
    ROUNDER,
    SINE_CUBICS_ABOUT_BOUND,
    SINE_CUBICS_BOUND,
    nearest_multiple_of_pi,
    remainder_pi,
    remainder_pi_short,
    sine_cubics,
    sine_polynomial,
)
from ...arithmetic.elementary_single import parallelepiped_single
from ...arithmetic.fused import fma
from ...compile.compilation import inlined, variants
from ..error import C_LIBRARY_BOUND
from ..lattice import fractions
from .shape import Shape, Stages, always_tested

__all__ = ["SQUARE_SHAPE", "grating", "grating_accurate", "grating_lane", "grating_stages", "square_factor"]

#: Denominators below this are not used (the result is not a number); above, no numerator is denormal.
_SMALLEST_DENOMINATOR = 1e-240

#: Below this a sine is its argument, and the ratio of two of them N.
_SMALLEST_FRACTION = 1e-200


@inlined
def grating(x, n):
    """sin(n x) / sin(x), the amplitude of n slits; n where x is exactly 0."""
    if x == 0.0:
        return n
    return c_sin(x * n) / c_sin(x)


@inlined
def square_factor(crystal, hkl, nearest):
    """Lattice factor as the C program has it; an edge of one cell has no part in it."""
    na, nb, nc = crystal.n_cells
    factor = 1.0
    if na > 1.0:
        factor *= grating(math.pi * hkl[0], na)
    if nb > 1.0:
        factor *= grating(math.pi * hkl[1], nb)
    if nc > 1.0:
        factor *= grating(math.pi * hkl[2], nc)
    return factor


def _make_reduced(about):
    """Distances of the sines' arguments from the nearest multiples of pi, N times the indices' and the indices' own."""
    @inlined
    def far(x):
        k = nearest_multiple_of_pi(x)
        return remainder_pi_short(x, k) if about else remainder_pi(x, k)

    @inlined
    def near(x, n):
        return remainder_pi_short(x, n) if about else remainder_pi(x, nearest_multiple_of_pi(x))

    @inlined
    def reduced(crystal, hkl, nearest):
        na, nb, nc = crystal.n_cells
        x = math.pi * hkl[0]
        y = math.pi * hkl[1]
        z = math.pi * hkl[2]
        return ((far(x * na), far(y * nb), far(z * nc)),
                (near(x, nearest[0]), near(y, nearest[1]), near(z, nearest[2])))

    return reduced


@inlined
def _products(crystal, many, one):
    """Products of three sines each, all with the same factor."""
    return (sine_cubics(many[0]) * sine_cubics(many[1]) * sine_cubics(many[2]),
            sine_cubics(one[0]) * sine_cubics(one[1]) * sine_cubics(one[2]))


@inlined
def _quotient(crystal, many, one):
    factor = many / one if abs(one) > _SMALLEST_DENOMINATOR else np.nan
    return factor * factor, 0.0


@variants
def grating_stages(about):
    """Squared lattice factor of the parallelepiped in three parts: three gratings over one division.

    Not a number where an index is exactly 0 (the limit N is the strict form's).  An edge of one
    cell needs no case of its own: its two sines cancel within the bound.

    Parameters
    ----------
    about : bool
        Use the shorter reduction, for N |index| up to elementary.SINE_ABOUT_LARGEST.
    """
    return Stages(_make_reduced(about), _products, _quotient)


@variants
def grating_lane(about):
    """The same as one function (crystal, hkl, nearest), with the same bits."""
    early, middle, late = grating_stages(about)

    @inlined
    def square(crystal, hkl, nearest):
        many, one = early(crystal, hkl, nearest)
        above, below = middle(crystal, many, one)
        return late(crystal, above, below)

    return square


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
def _accurate(crystal, hkl, nearest):
    na, nb, nc = crystal.n_cells
    dh, dk, dl = fractions(hkl, nearest)
    factor = grating_accurate(dh, na) * grating_accurate(dk, nb) * grating_accurate(dl, nc)
    return factor * factor, 0.0


@inlined
def _single(numbers, dh, dk, dl):
    factor = parallelepiped_single(dh, dk, dl, numbers[0])
    return factor * factor


def _error(about):
    # lane: six sines, five roundings, squared, one more; strict: six sines, five roundings, squared
    sine = SINE_CUBICS_ABOUT_BOUND if about else SINE_CUBICS_BOUND
    return (12.0 * sine + 11.0) + (12.0 * C_LIBRARY_BOUND + 10.0)


def _largest_multiple(crystal, index):
    return index * max(crystal.n_cells) + 1.0


SQUARE_SHAPE = Shape(strict=square_factor, exact=grating_lane, accurate=_accurate, single=_single,
                     is_tested=always_tested, error=_error, largest_multiple=_largest_multiple, budgeted=False,
                     measured=False, stages=grating_stages)
