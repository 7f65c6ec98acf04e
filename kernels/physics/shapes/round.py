"""The sphere, or rather the ellipsoid that it is in units of cells."""

import math

import numpy as np

from ...arithmetic.c_library import sincos
from ...arithmetic.elementary import SPHERE_DIFFERENCE_BOUND, SPHERE_SMALLEST, sphere_difference
from ...arithmetic.elementary_single import sphere_transform_single
from ...arithmetic.fused import fma, sqrt
from ...compile.compilation import inlined
from ..lattice import fractions, squared_radius
from .shape import Shape, always_tested

__all__ = ["ROUND_SHAPE", "SPHERE_VOLUME_ROOT", "round_factor", "sphere_accurate", "sphere_lane", "sphere_transform"]

#: Makes the integral of a spherical crystal's peak that of the parallelepiped.
SPHERE_VOLUME_ROOT = 0.723601254558268
_ROOT = np.float32(SPHERE_VOLUME_ROOT)

#: Taylor series of 3 (sin(x)/x - cos(x)) / x**2 in x**2: (-1)**k 3 (2 k + 2) / (2 k + 3)!, k = 0, 1, ...
_SPHERE_SERIES = tuple((-1) ** k * 3 * (2 * k + 2) / math.factorial(2 * k + 3) for k in range(10))


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
def round_factor(crystal, hkl, nearest):
    """Lattice factor as the C program has it."""
    na, nb, nc = crystal.n_cells
    dh, dk, dl = fractions(hkl, nearest)
    r = squared_radius(crystal.n_cells, dh, dk, dl)
    return na * nb * nc * SPHERE_VOLUME_ROOT * sphere_transform(math.pi * math.sqrt(r * crystal.fudge))


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
def _accurate(crystal, hkl, nearest):
    na, nb, nc = crystal.n_cells
    dh, dk, dl = fractions(hkl, nearest)
    x = math.pi * math.sqrt(squared_radius(crystal.n_cells, dh, dk, dl) * crystal.fudge)
    factor = na * nb * nc * SPHERE_VOLUME_ROOT * sphere_accurate(x)
    return factor * factor, 0.0


@inlined
def _single(numbers, dh, dk, dl):
    y = sqrt(squared_radius(numbers[0], dh, dk, dl) * numbers[2])
    factor = numbers[3] * _ROOT * sphere_transform_single(y)
    return factor * factor


def _error(about):
    # about the difference of sine and cosine, which has its own bound
    return 13.0 + 8.0


def _largest_multiple(crystal, index):
    return 0.51 * math.hypot(*crystal.n_cells) * math.sqrt(abs(crystal.fudge)) + 1.0


ROUND_SHAPE = Shape(strict=round_factor, exact=lambda about: sphere_lane, accurate=_accurate, single=_single,
                    is_tested=always_tested, error=_error, largest_multiple=_largest_multiple, budgeted=True, measured=False)
