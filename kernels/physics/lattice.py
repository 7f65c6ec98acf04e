"""Miller indices of a scattering vector, the nearest lattice point, and distances from it.

q = (s1 - s0) / wavelength, without 2 pi.  What a crystal of a given shape makes of the indices, its
lattice factor, is in `shapes`.
"""

import numpy as np

from ..arithmetic.fused import ceil
from ..compile.compilation import inlined

__all__ = ["miller_indices", "nearest_index", "nearest_lattice_point", "round_half_down", "fractions",
           "spot_distance", "squared_distance", "squared_radius", "single_crystal"]


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
    """Nearest integer as a float, halves going down; -2**31 where an int cannot hold it.

    That is what a C program on x86-64 gets when it converts NaN or a number beyond int to int.
    """
    n = round_half_down(x)
    if not (n < 2147483648.0 and n > -2147483649.0):
        return -2147483648.0
    return n


@inlined
def nearest_lattice_point(hkl):
    """The whole numbers nearest to three indices, halves going down; for indices that an int holds."""
    return (round_half_down(hkl[0]), round_half_down(hkl[1]), round_half_down(hkl[2]))


@inlined
def fractions(hkl, nearest):
    """What the indices lack or have over whole numbers; exact."""
    return hkl[0] - nearest[0], hkl[1] - nearest[1], hkl[2] - nearest[2]


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
def spot_distance(in_cells, reciprocal, n_cells, dh, dk, dl):
    """Squared distance from the nearest lattice point, of the one kind or the other.

    The strict evaluator has one function for both, for it is compiled with all shapes.
    """
    if in_cells:
        return squared_radius(n_cells, dh, dk, dl)
    return squared_distance(reciprocal, n_cells, dh, dk, dl)


@inlined
def single_crystal(crystal):
    """N, a*, b*, c* [1/Angstrom], fudge and the number of cells, as float32; fudge in double last."""
    n, r = crystal.n_cells, crystal.reciprocal
    return ((np.float32(n[0]), np.float32(n[1]), np.float32(n[2])),
            (np.float32(r[0]), np.float32(r[1]), np.float32(r[2]), np.float32(r[3]), np.float32(r[4]),
             np.float32(r[5]), np.float32(r[6]), np.float32(r[7]), np.float32(r[8])),
            np.float32(crystal.fudge), np.float32(n[0] * n[1] * n[2]), crystal.fudge)
