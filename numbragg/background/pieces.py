"""A table of amplitudes as kernels take it: cubics between its rows, and polynomials of their squares' integrals.

Its bits are the same everywhere: NumPy's sums, products and quotients of single numbers, and sums in order.
"""

from itertools import accumulate

import numpy as np

from ..kernels.physics.amorphous import PIECE_COLUMNS
from .tables import slopes

__all__ = ["of_table"]

_UNIT = 1e10  # 1/m of a 1/Angstrom
#: Parts of the range for each row, and at most.
_BINS, _MOST_BINS = 4, 1 << 16


def of_table(table):
    """The fields of `Amorphous` that a `Table` decides, by name."""
    knots, f = np.array(table.stol) * _UNIT, np.array(table.f)
    begins = np.array([0.0, *knots])
    # F is constant before the first and behind the last
    cubics = np.zeros((len(begins), 4))
    cubics[0, 0], cubics[-1, 0], cubics[1:-1] = f[0], f[-1], _cubics(knots, f)
    square = _squared(cubics)
    powers = np.arange(1.0, 8.0)
    once, first, second, twice = (square / powers, square / (powers + 1.0), square / (powers + 2.0),
                                  square / (powers * (powers + 1.0)))
    # from begin to begin
    t, start = begins[1:] - begins[:-1], begins[:-1]
    whole = [value * factor for value, factor in zip((_value(each[:-1], t) for each in (once, first, second, twice)),
                                                     (t, t * t, t * t * t, t * t))]
    integral, of_x = _sums(whole[0]), _sums(whole[1] + start * whole[0])
    of_square = _sums(whole[2] + 2.0 * start * whole[1] + start * start * whole[0])
    of_integral = _sums(integral[:-1] * t + whole[3])
    pieces = np.zeros((len(begins), PIECE_COLUMNS))
    pieces[:, 0], pieces[:, 1] = begins, np.append(begins[1:], np.inf)
    pieces[:, 2:6], pieces[:, 6], pieces[:, 7], pieces[:, 8:15] = cubics, integral, of_integral, twice
    bins, inverse_bin = _bins(knots)
    return {"pieces": pieces, "parts": np.stack([once, first, second], axis=1),
            "sums": np.stack([integral, of_x, of_square], axis=1), "bins": bins, "inverse_bin": inverse_bin,
            "last": float(knots[-1])}


def _cubics(knots, f):
    """Coefficients of the cubic between knots."""
    tangents = np.array(slopes(knots.tolist(), f.tolist()))
    step, left, right = knots[1:] - knots[:-1], tangents[:-1], tangents[1:]
    secant = (f[1:] - f[:-1]) / step
    return np.stack([f[:-1], left, (3.0 * secant - 2.0 * left - right) / step,
                     (left + right - 2.0 * secant) / (step * step)], axis=1)


def _squared(cubics):
    """Coefficients of the squares of cubics."""
    found = np.zeros((len(cubics), 7))
    for i in range(4):
        for j in range(4):
            found[:, i + j] += cubics[:, i] * cubics[:, j]
    return found


def _value(polynomials, t):
    """Of each at its own t."""
    total = polynomials[:, -1]
    for i in range(polynomials.shape[1] - 2, -1, -1):
        total = total * t + polynomials[:, i]
    return total


def _sums(values):
    """From 0 on, in order."""
    return np.array([0.0, *accumulate(values.tolist())])


def _bins(knots):
    """The piece in which each of equal parts of the range begins, and parts per unit; the last piece behind them."""
    count = min(_BINS * len(knots), _MOST_BINS)
    inverse = min(count / float(knots[-1]), 1e300)
    # a product that is rounded up must not lead behind a piece
    parts = np.arange(count) * (1.0 - 2.0 ** -50) / inverse
    return np.append(np.searchsorted(knots, parts, side="right"), len(knots)), inverse
