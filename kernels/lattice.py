"""Miller indices of a scattering vector, and the lattice factor of four crystal shapes.

The lattice factor (lattice transform, interference function) is the sum of the phase factors of
all unit cells, as an amplitude; q = (s1 - s0) / wavelength, without 2 pi.  Strict forms: every
operation of the C program, in its order, with the C library's functions.
"""

import math

import numpy as np

from .compilation import inlined
from .layout import GAUSS, ROUND, SQUARE
from .primitives import c_exp, c_sin, sincos

__all__ = ["miller_indices", "nearest_index", "grating", "sphere_transform", "lattice_factor", "SPHERE_VOLUME_ROOT",
           "GAUSS_WIDTH", "TOPHAT_LIMIT", "OUT_OF_RANGE"]

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
def nearest_index(x):
    """Nearest integer as a float, halves going down; -2**31 where an int cannot hold it."""
    n = np.ceil(x - 0.5)
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
def _squared_distance(crystal, dh, dk, dl):
    """Squared distance from the nearest lattice point, times the squared number of cells."""
    r = crystal.reciprocal
    na, nb, nc = crystal.n_cells
    x = dh * r[0] + dk * r[3] + dl * r[6]
    y = dh * r[1] + dk * r[4] + dl * r[7]
    z = dh * r[2] + dk * r[5] + dl * r[8]
    return (x * x + y * y + z * z) * na * na * nb * nb * nc * nc


@inlined
def lattice_factor(crystal, hkl, nearest):
    """Lattice factor (an amplitude) at real-valued Miller indices.

    Parameters
    ----------
    crystal : layout.Crystal
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
        r = dh * dh * na * na + dk * dk * nb * nb + dl * dl * nc * nc
        return na * nb * nc * SPHERE_VOLUME_ROOT * sphere_transform(math.pi * math.sqrt(r * crystal.fudge))
    r = _squared_distance(crystal, dh, dk, dl)
    if crystal.shape == GAUSS:
        return na * nb * nc * c_exp(-(r / GAUSS_WIDTH * crystal.fudge))
    return na * nb * nc * (1.0 if r * crystal.fudge < TOPHAT_LIMIT else 0.0)
