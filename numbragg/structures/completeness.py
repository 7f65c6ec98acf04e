"""How far a list of reflections reaches, and how complete it is, shell by shell."""

import math
from typing import NamedTuple

import numpy as np

from ..scene.matrices import sum_in_order
from .expansion import absent

__all__ = ["Reach", "Shell", "metric", "reach", "stol2"]

#: Shells of equal volume.
SHELLS = 10
#: Reflections that are looked at together.
_PIECE = 2 ** 18

#: Lattice points counted at most, and those of a plane; more of them are not worth the time.
MOST_POINTS, MOST_OF_PLANE = 1 << 26, 1 << 22


class Shell(NamedTuple):
    """A shell of reciprocal space."""

    low: float  # d at its inner side [Angstrom]
    high: float  # and at its outer side
    present: int  # reflections in P1, absences left out
    possible: int


class Reach(NamedTuple):
    """What a list covers."""

    low: float  # largest d [Angstrom]
    high: float  # smallest d [Angstrom]
    shells: tuple  # of Shell; empty where they were not counted

    @property
    def complete(self):
        """Reflections present as a fraction of those possible, NaN where they were not counted."""
        possible = sum(shell.possible for shell in self.shells)
        return sum(shell.present for shell in self.shells) / possible if possible else math.nan


def metric(cell):
    """The reciprocal metric of a cell: 1/d^2 = h G h, as three rows of three floats [1/Angstrom^2]."""
    a, b, c = cell[:3]
    ca, cb, cg = (0.0 if angle == 90.0 else math.cos(math.radians(angle)) for angle in cell[3:])
    g = ((a * a, a * b * cg, a * c * cb), (a * b * cg, b * b, b * c * ca), (a * c * cb, b * c * ca, c * c))
    def minor(i, j):
        (p, q), (r, s) = ([row[n] for n in range(3) if n != j] for m, row in enumerate(g) if m != i)
        return (-1.0) ** (i + j) * (p * s - q * r)

    determinant = sum_in_order(g[0][j] * minor(0, j) for j in range(3))
    return tuple(tuple(minor(j, i) / determinant for j in range(3)) for i in range(3))


def _inverse_d2(h, k, l, g):
    return (g[0][0] * (h * h) + g[1][1] * (k * k) + g[2][2] * (l * l)
            + 2.0 * (g[0][1] * (h * k) + g[0][2] * (h * l) + g[1][2] * (k * l)))


def stol2(indices, cell):
    """(sin(theta) / lambda)^2 of reflections [1/Angstrom^2], an (n,) array."""
    h, k, l = np.asarray(indices, np.float64).T
    return 0.25 * _inverse_d2(h, k, l, metric(cell))


def reach(indices, cell, symmetry):
    """Resolution and completeness of reflections in P1.

    Parameters
    ----------
    indices : (n, 3) integers
        Expanded, each once.
    cell : six floats
        [Angstrom, deg]
    symmetry : symmetry.Symmetry
        Tells which reflections are absent.

    Returns
    -------
    Reach
    """
    ends = [(s2.min(), s2.max()) for _, s2 in _pieces(indices, cell)]
    if not ends:
        return Reach(math.inf, math.inf, ())
    least, most = min(end[0] for end in ends), max(end[1] for end in ends)
    low, high = 1.0 / math.sqrt(least), 1.0 / math.sqrt(most)
    # a little wider, so that what lies on the border is inside
    inner, outer = least * (1.0 - 1e-9), most * (1.0 + 1e-9)
    edges = np.array([(inner ** 1.5 + (outer ** 1.5 - inner ** 1.5) * n / SHELLS) ** (2.0 / 3.0)
                      for n in range(SHELLS + 1)])
    edges[0], edges[-1] = inner, outer
    there = sum(_counted(s2[~absent(piece, symmetry)], edges) for piece, s2 in _pieces(indices, cell))
    possible = _possible(cell, symmetry, edges)
    if possible is None:
        return Reach(low, high, ())
    return Reach(low, high, tuple(
        Shell(1.0 / math.sqrt(edges[n]), 1.0 / math.sqrt(edges[n + 1]), int(there[n]), int(possible[n]))
        for n in range(SHELLS)))


def _pieces(indices, cell):
    """Reflections but for 0 0 0, some at a time, and their 1/d^2: of all at once that takes more than the list itself.
    """
    for first in range(0, len(indices), _PIECE):
        piece = np.asarray(indices[first:first + _PIECE], np.int64)
        piece = piece[piece.any(axis=1)]
        if len(piece):
            yield piece, 4.0 * stol2(piece, cell)


def _counted(s2, edges):
    return np.histogram(s2, edges)[0]


def _possible(cell, symmetry, edges):
    """Lattice points of each shell that are not absent, or None where there are too many."""
    g = metric(cell)
    # |h| is at most a / d for each axis
    most = [int(length * math.sqrt(edges[-1])) + 1 for length in cell[:3]]
    plane = (2 * most[1] + 1) * (2 * most[2] + 1)
    if (most[0] + 1) * plane > MOST_POINTS or plane > MOST_OF_PLANE:
        return None
    k, l = (axis.ravel() for axis in np.meshgrid(np.arange(-most[1], most[1] + 1), np.arange(-most[2], most[2] + 1)))
    found = np.zeros(SHELLS, np.int64)
    for h in range(most[0] + 1):
        s2 = _inverse_d2(float(h), k.astype(np.float64), l.astype(np.float64), g)
        near = np.flatnonzero((s2 >= edges[0]) & (s2 <= edges[-1]))
        points = np.stack([np.full(near.size, h), k[near], l[near]], axis=1)
        # Friedel mates: planes of positive h stand for those of negative h
        found += _counted(s2[near][~absent(points, symmetry)], edges) * (1 if h == 0 else 2)
    return found
