"""Sums over atoms: the structure factor as it is defined, one term for each atom and symmetry operation."""

import math
from typing import NamedTuple

import numpy as np

from .arithmetic.c_library import c_exp, sincos
from .compile.compilation import jit

__all__ = ["Sites", "add_atoms", "form_factors"]


class Sites(NamedTuple):
    """Atoms of an asymmetric unit, each with its images by all symmetry operations."""

    positions: np.ndarray  # (atoms, operations, 3) fractional coordinates
    occupancies: np.ndarray  # (atoms,)
    b_iso: np.ndarray  # (atoms,) isotropic B [Angstrom^2]; NaN: beta holds
    beta: np.ndarray  # (atoms, operations, 6) exponents of h^2, k^2, l^2, hk, hl, kl
    elements: np.ndarray  # (atoms,) int64, rows of the sums


@jit
def _fill_table(table, coordinate):
    """exp(2 pi i h x) for h = -n..n along one axis: cosines, then sines."""
    middle = table.shape[1] // 2
    for h in range(middle + 1):
        # whole turns are taken off first, without error: the angle stays small
        turns = h * coordinate
        sine, cosine = sincos(2.0 * math.pi * (turns - round(turns)))
        table[0, middle + h], table[1, middle + h] = cosine, sine
        table[0, middle - h], table[1, middle - h] = cosine, -sine


@jit
def add_atoms(indices, stol2, sites, tables, real, imaginary):
    """Add the waves of atoms, without their form factors, to sums that are kept apart by element.

    Parameters
    ----------
    indices : (n, 3) int64
        h, k, l; none larger than n.  Not checked.
    stol2 : (n,) float64
        (sin(theta) / lambda)^2 [1/Angstrom^2].
    sites : Sites
    tables : (operations, 3, 2, 2 n + 1) float64
        Room for the waves of one atom along each axis; what it holds does not matter.
    real, imaginary : (elements, n) float64
        Sums that are added to.
    """
    positions, occupancies, b_iso, beta, elements = sites
    operations, middle = positions.shape[1], tables.shape[3] // 2
    for atom in range(positions.shape[0]):
        row = elements[atom]
        isotropic = not math.isnan(b_iso[atom])
        for operation in range(operations):
            for axis in range(3):
                _fill_table(tables[operation, axis], positions[atom, operation, axis])
        for n in range(indices.shape[0]):
            h, k, l = indices[n, 0], indices[n, 1], indices[n, 2]
            re = im = 0.0
            for operation in range(operations):
                hc, hs = tables[operation, 0, 0, middle + h], tables[operation, 0, 1, middle + h]
                kc, ks = tables[operation, 1, 0, middle + k], tables[operation, 1, 1, middle + k]
                lc, ls = tables[operation, 2, 0, middle + l], tables[operation, 2, 1, middle + l]
                c, s = hc * kc - hs * ks, hc * ks + hs * kc
                c, s = c * lc - s * ls, c * ls + s * lc
                if not isotropic:
                    b = beta[atom, operation]
                    damping = c_exp(-(b[0] * h * h + b[1] * k * k + b[2] * l * l
                                      + b[3] * h * k + b[4] * h * l + b[5] * k * l))
                    c, s = damping * c, damping * s
                re += c
                im += s
            weight = occupancies[atom]
            if isotropic:
                weight *= c_exp(-b_iso[atom] * stol2[n])
            real[row, n] += weight * re
            imaginary[row, n] += weight * im


@jit
def form_factors(a, b, c, stol2, found):
    """Form factors of free atoms, sums of Gaussians and a constant.

    Parameters
    ----------
    a, b : (elements, 4) float64
        Heights [electrons] and exponents [Angstrom^2].
    c : (elements,) float64
        Constants [electrons].
    stol2 : (n,) float64
        (sin(theta) / lambda)^2 [1/Angstrom^2].
    found : (elements, n) float64
        Filled with them [electrons].
    """
    for element in range(a.shape[0]):
        for n in range(stol2.size):
            f = c[element]
            for term in range(a.shape[1]):
                f += a[element, term] * c_exp(-b[element, term] * stol2[n])
            found[element, n] = f
