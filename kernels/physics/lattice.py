"""Miller indices of a scattering vector, and the lattice factor of four crystal shapes.

The lattice factor (lattice transform, interference function) is the sum of the phase factors of
all unit cells, as an amplitude; q = (s1 - s0) / wavelength, without 2 pi.  Each shape has a strict
form, every operation of the C program in its order with the C library's functions, and a lane
form: the square of the same with our own elementary functions, branch-free, of bounded error.
"""

import math

import numpy as np

from ..arithmetic.c_library import c_exp, c_sin, ceil, divided, sincos
from ..arithmetic.elementary import (
    SPHERE_DIFFERENCE_BOUND,
    SPHERE_SMALLEST,
    exp_squared_coarse,
    nearest_multiple_of_pi,
    sine_about_coarse,
    sine_mod_pi_coarse,
    sphere_difference,
)
from ..compile.compilation import inlined
from .records import GAUSS, ROUND, SQUARE

__all__ = ["miller_indices", "nearest_index", "grating", "sphere_transform", "lattice_factor", "round_half_down",
           "squared_distance", "squared_radius", "grating_lane", "sphere_lane", "gauss_lane", "tophat_lane",
           "gauss_exponent", "fractions",
           "SPHERE_VOLUME_ROOT", "GAUSS_WIDTH", "TOPHAT_LIMIT", "OUT_OF_RANGE"]

#: What a C program on x86-64 gets when it converts NaN or a number beyond int to int.
OUT_OF_RANGE = -2147483648

#: Makes the integral of a spherical crystal's peak that of the parallelepiped.
SPHERE_VOLUME_ROOT = 0.723601254558268

#: Widths of the Gaussian (exponent's divisor) and of the top-hat (squared radius).
GAUSS_WIDTH = 0.63
TOPHAT_LIMIT = 0.3969


@inlined
def miller_indices(cell, q):
    """Real-valued h, k, l: the dot products of a, b, c (nine numbers) with q."""
    return (cell[0] * q[0] + cell[1] * q[1] + cell[2] * q[2],
            cell[3] * q[0] + cell[4] * q[1] + cell[5] * q[2],
            cell[6] * q[0] + cell[7] * q[1] + cell[8] * q[2])


@inlined
def round_half_down(x):
    """Nearest whole number, halves going down."""
    return ceil(x - 0.5)


@inlined
def nearest_index(x):
    """Nearest integer as a float, halves going down; -2**31 where an int cannot hold it."""
    n = round_half_down(x)
    if not (n < 2147483648.0 and n > -2147483649.0):
        return -2147483648.0
    return n


@inlined
def grating(x, n):
    """sin(n x) / sin(x), the amplitude of n slits; n where x is exactly 0."""
    if x == 0.0:
        return n
    return c_sin(x * n) / c_sin(x)


@inlined
def sphere_transform(x):
    """3 (sin(x)/x - cos(x)) / x**2, the transform of a sphere; 1 at x = 0.

    Cancels below x of about 1e-5: the noise there is the C program's too.
    """
    if x == 0.0:
        return 1.0
    s, c = sincos(x)
    return 3.0 * (s / x - c) / (x * x)


@inlined
def squared_radius(n_cells, dh, dk, dl):
    """Squared distance from the nearest lattice point, each index in units of 1/N."""
    na, nb, nc = n_cells
    return dh * dh * na * na + dk * dk * nb * nb + dl * dl * nc * nc


@inlined
def squared_distance(reciprocal, n_cells, dh, dk, dl):
    """Squared distance from the nearest lattice point [1/Angstrom^2], times the squared number of cells."""
    r = reciprocal
    na, nb, nc = n_cells
    x = dh * r[0] + dk * r[3] + dl * r[6]
    y = dh * r[1] + dk * r[4] + dl * r[7]
    z = dh * r[2] + dk * r[5] + dl * r[8]
    return (x * x + y * y + z * z) * na * na * nb * nb * nc * nc


@inlined
def lattice_factor(crystal, hkl, nearest):
    """Lattice factor (an amplitude) at real-valued Miller indices.

    Parameters
    ----------
    crystal : records.Crystal
    hkl, nearest : tuples of 3 float64
        Real-valued indices, and those of the nearest lattice point.
    """
    na, nb, nc = crystal.n_cells
    if crystal.shape == SQUARE:
        factor = 1.0
        if na > 1.0:
            factor *= grating(math.pi * hkl[0], na)
        if nb > 1.0:
            factor *= grating(math.pi * hkl[1], nb)
        if nc > 1.0:
            factor *= grating(math.pi * hkl[2], nc)
        return factor
    dh = hkl[0] - nearest[0]
    dk = hkl[1] - nearest[1]
    dl = hkl[2] - nearest[2]
    if crystal.shape == ROUND:
        r = squared_radius(crystal.n_cells, dh, dk, dl)
        return na * nb * nc * SPHERE_VOLUME_ROOT * sphere_transform(math.pi * math.sqrt(r * crystal.fudge))
    r = squared_distance(crystal.reciprocal, crystal.n_cells, dh, dk, dl)
    if crystal.shape == GAUSS:
        return na * nb * nc * c_exp(-(r / GAUSS_WIDTH * crystal.fudge))
    return na * nb * nc * (1.0 if r * crystal.fudge < TOPHAT_LIMIT else 0.0)


# -- lane forms: the squared lattice factor

#: Denominators below this are not used (the result is not a number); above, no numerator is denormal.
_SMALLEST_DENOMINATOR = 1e-240


@inlined
def fractions(hkl, nearest):
    """What the indices lack or have over whole numbers; exact."""
    return hkl[0] - nearest[0], hkl[1] - nearest[1], hkl[2] - nearest[2]


@inlined
def _squared_distance(crystal, hkl, nearest):
    dh, dk, dl = fractions(hkl, nearest)
    return squared_distance(crystal.reciprocal, crystal.n_cells, dh, dk, dl)


@inlined
def _sine_of_many(x, about):
    return sine_about_coarse(x, nearest_multiple_of_pi(x)) if about else sine_mod_pi_coarse(x)


@inlined
def _sine_near(x, n, about):
    return sine_about_coarse(x, n) if about else sine_mod_pi_coarse(x)


@inlined
def grating_lane(crystal, hkl, nearest, about):
    """Squared lattice factor of the parallelepiped: three gratings over one division.

    Not a number where an index is exactly 0 (the limit N is the strict form's).  An edge of one
    cell needs no case of its own: its two sines cancel within the bound.

    Parameters
    ----------
    crystal : records.Crystal
    hkl, nearest : tuples of 3 float64
    about : bool
        Use the shorter reduction, for N |index| up to elementary.SINE_ABOUT_LARGEST.
    """
    na, nb, nc = crystal.n_cells
    x = math.pi * hkl[0]
    y = math.pi * hkl[1]
    z = math.pi * hkl[2]
    many = _sine_of_many(x * na, about) * _sine_of_many(y * nb, about) * _sine_of_many(z * nc, about)
    one = _sine_near(x, nearest[0], about) * _sine_near(y, nearest[1], about) * _sine_near(z, nearest[2], about)
    factor = many / one if abs(one) > _SMALLEST_DENOMINATOR else np.nan
    return factor * factor


@inlined
def sphere_lane(crystal, hkl, nearest):
    """Squared lattice factor of the sphere, and the factor of its absolute error.

    The difference of sin(x)/x and cos(x) has zeros, so its error is absolute: the square is wrong
    by at most SPHERE_DIFFERENCE_BOUND u times the second result.  Not a number below SPHERE_SMALLEST.
    """
    na, nb, nc = crystal.n_cells
    dh, dk, dl = fractions(hkl, nearest)
    r = squared_radius(crystal.n_cells, dh, dk, dl)
    x = math.pi * math.sqrt(r * crystal.fudge)
    inverse = 1.0 / x
    difference = sphere_difference(x, inverse)
    scale = na * nb * nc * SPHERE_VOLUME_ROOT * 3.0 * inverse * inverse
    scale = scale * scale
    spread = scale * (2.0 * abs(difference) + SPHERE_DIFFERENCE_BOUND * 2.0 ** -53)
    return (scale * difference * difference if x >= SPHERE_SMALLEST else np.nan), spread


@inlined
def gauss_exponent(crystal, hkl, nearest):
    """Exponent of the Gaussian, with the strict form's bits."""
    r = _squared_distance(crystal, hkl, nearest)
    return -(divided(r, GAUSS_WIDTH, 1.0 / GAUSS_WIDTH) * crystal.fudge)


@inlined
def gauss_lane(crystal, exponent):
    """Squared lattice factor of the Gaussian, 0 where it is below about 1e-307."""
    na, nb, nc = crystal.n_cells
    many = na * nb * nc
    return many * many * exp_squared_coarse(exponent)


@inlined
def tophat_lane(crystal, hkl, nearest):
    """Squared lattice factor of the top-hat."""
    na, nb, nc = crystal.n_cells
    many = na * nb * nc
    r = _squared_distance(crystal, hkl, nearest)
    return many * many if r * crystal.fudge < TOPHAT_LIMIT else 0.0
