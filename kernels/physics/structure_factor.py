"""Structure factor at a point of reciprocal space: nearest entry of a table, or tricubic in it.

Outside the table: the default.  Interpolation needs a margin of two entries on each side; whether
a point has it is `within_margin`, and what happens where it has not is the caller's business.
"""

from typing import NamedTuple

import numpy as np

from ..arithmetic.fused import divided, floor
from ..compile.compilation import inlined, jit

__all__ = ["nearest_f", "within_margin", "interpolated_f", "cubic_weights", "single_weights", "weighed", "cubic",
           "cubic_lane", "tricubic_scalar", "tricubic_scalar_single", "Grid", "squared_grid"]


@inlined
def nearest_f(lookup, nearest):
    """Table entry at integer indices (given as floats), or the default outside the table."""
    h0, k0, l0 = nearest
    low, high = lookup.minimum, lookup.maximum
    if (lookup.filled and h0 <= high[0] and h0 >= low[0] and k0 <= high[1] and k0 >= low[1]
            and l0 <= high[2] and l0 >= low[2]):
        # by way of signed integers, which processors convert to in one instruction
        return lookup.table[np.uint64(np.int64(h0 - low[0])), np.uint64(np.int64(k0 - low[1])),
                            np.uint64(np.int64(l0 - low[2]))]
    return lookup.default


@inlined
def _within(x, low, extent):
    return not (x - low + 3.0 > extent or x - 2.0 < low)


@inlined
def within_margin(lookup, hkl):
    """Whether tricubic interpolation at real-valued indices stays inside the table."""
    low, high = lookup.minimum, lookup.maximum
    return (_within(hkl[0], low[0], high[0] - low[0] + 1) and _within(hkl[1], low[1], high[1] - low[1] + 1)
            and _within(hkl[2], low[2], high[2] - low[2] + 1))


@inlined
def cubic_weights(x):
    """Products of the distances from x to the four whole numbers about it, leaving out one each."""
    n1 = floor(x)
    d0 = x - (n1 - 1.0)
    d1 = x - n1
    d2 = x - (n1 + 1.0)
    d3 = x - (n1 + 2.0)
    return (d1 * d2 * d3, d0 * d2 * d3, d0 * d1 * d3, d0 * d1 * d2)


_ONE, _TWO = np.float32(1.0), np.float32(2.0)
_SIXTH, _HALF = np.float32(1.0 / 6.0), np.float32(0.5)


@inlined
def single_weights(t):
    """Weights of four neighbours in single precision, from the fraction t = x - floor(x) as float32.

    Unlike those of `cubic_weights` they hold the divisors, so that the polynomial is their scalar
    product with the values: `weighed`.
    """
    d0, d2, d3 = t + _ONE, t - _ONE, t - _TWO
    return (-(t * d2 * d3 * _SIXTH), d0 * d2 * d3 * _HALF, -(d0 * t * d3 * _HALF), d0 * t * d2 * _SIXTH)


@inlined
def weighed(w, y0, y1, y2, y3):
    """Scalar product of four weights and values, from the first on."""
    return w[0] * y0 + w[1] * y1 + w[2] * y2 + w[3] * y3


@inlined
def cubic(w, y0, y1, y2, y3):
    """Third-order polynomial through four equidistant points, in Lagrange's form, of given weights."""
    return w[0] * y0 / -6.0 + w[1] * y1 / 2.0 + w[2] * y2 / -2.0 + w[3] * y3 / 6.0


@inlined
def cubic_lane(w, y0, y1, y2, y3):
    """`cubic`, with the same bits for finite values that are not denormal, without divisions."""
    return (-divided(w[0] * y0, 6.0, 1.0 / 6.0) + w[1] * y1 * 0.5 - w[2] * y2 * 0.5
            + divided(w[3] * y3, 6.0, 1.0 / 6.0))


def _scalar_tricubic(polynomial):
    @inlined
    def row(amplitudes, start, w):
        return polynomial(w, amplitudes[start], amplitudes[start + 1], amplitudes[start + 2], amplitudes[start + 3])

    @inlined
    def plane(amplitudes, start, row_k, wk, wl):
        return polynomial(wk, row(amplitudes, start, wl), row(amplitudes, start + row_k, wl),
                          row(amplitudes, start + 2 * row_k, wl), row(amplitudes, start + 3 * row_k, wl))

    @inlined
    def tricubic(amplitudes, at, row_h, row_k, wh, wk, wl):
        """Interpolated structure factor by scalars, for a GPU's thread; the parameters are those of `tricubic`."""
        step = row_h * row_k
        return polynomial(wh, plane(amplitudes, at, row_k, wk, wl), plane(amplitudes, at + step, row_k, wk, wl),
                          plane(amplitudes, at + 2 * step, row_k, wk, wl),
                          plane(amplitudes, at + 3 * step, row_k, wk, wl))

    return tricubic


#: For doubles, and for float32.
tricubic_scalar, tricubic_scalar_single = _scalar_tricubic(cubic_lane), _scalar_tricubic(weighed)


@inlined
def _holds(n, low, size):
    return n >= low and n + 3.0 < low + size


@inlined
def interpolated_f(lookup, hkl):
    """Structure factor by cubic interpolation along l, then k, then h; margins not checked."""
    table = lookup.table
    low = lookup.minimum
    h0 = floor(hkl[0]) - 1.0
    k0 = floor(hkl[1]) - 1.0
    l0 = floor(hkl[2]) - 1.0
    if not (_holds(h0, low[0], table.shape[0]) and _holds(k0, low[1], table.shape[1])
            and _holds(l0, low[2], table.shape[2])):
        return np.nan  # indices that are not finite
    i = np.int64(h0) - low[0]
    j = np.int64(k0) - low[1]
    m = np.int64(l0) - low[2]
    wh, wk, wl = cubic_weights(hkl[0]), cubic_weights(hkl[1]), cubic_weights(hkl[2])
    return cubic(wh, _plane(table, i, j, m, wk, wl), _plane(table, i + 1, j, m, wk, wl),
                 _plane(table, i + 2, j, m, wk, wl), _plane(table, i + 3, j, m, wk, wl))


@inlined
def _row(table, i, j, m, wl):
    i, j = np.uint64(i), np.uint64(j)
    return cubic(wl, table[i, j, np.uint64(m)], table[i, j, np.uint64(m + 1)], table[i, j, np.uint64(m + 2)],
                 table[i, j, np.uint64(m + 3)])


@inlined
def _plane(table, i, j, m, wk, wl):
    return cubic(wk, _row(table, i, j, m, wl), _row(table, i, j + 1, m, wl), _row(table, i, j + 2, m, wl),
                 _row(table, i, j + 3, m, wl))


class Grid(NamedTuple):
    """Squared structure factors for the lanes: a flat table with a border of squared defaults."""

    squares: np.ndarray  # flat, (h, k, l) by rows
    low: tuple  # indices of the border, as floats
    high: tuple
    stride_h: float
    stride_k: float
    amplitudes: np.ndarray  # the amplitudes themselves, flat, without border, at least four along each axis
    row_h: int  # k per h, and l per k, of the amplitudes
    row_k: int
    last: tuple  # last places of four neighbours along h, k, l, as floats


@jit
def _enter_squares(table, outside, squares):
    """Fill a table of squares, which has a border that the table of amplitudes has not."""
    planes, rows, entries = squares.shape
    for h in range(planes):
        for k in range(rows):
            border = h == 0 or h == planes - 1 or k == 0 or k == rows - 1
            squares[h, k, 0] = outside
            squares[h, k, entries - 1] = outside
            for l in range(1, entries - 1):
                squares[h, k, l] = outside if border else table[h - 1, k - 1, l - 1] * table[h - 1, k - 1, l - 1]


def squared_grid(lookup, kind=np.float64):
    """Make the table of squared structure factors.

    Parameters
    ----------
    lookup : records.Lookup
    kind : dtype
        float64, or float32 for single precision (squares and amplitudes rounded once).

    Returns
    -------
    Grid
    """
    if not lookup.filled:
        return Grid(np.array([lookup.default * lookup.default]).astype(kind), (0.0,) * 3, (0.0,) * 3, 0.0, 0.0,
                    lookup.table.reshape(-1).astype(kind, copy=False), 1, 1, (0.0,) * 3)
    extents = [high - low + 3 for low, high in zip(lookup.minimum, lookup.maximum)]
    squares = np.empty(extents, dtype=kind)
    _enter_squares(lookup.table, lookup.default * lookup.default, squares)
    if min(lookup.table.shape) < 4:
        # nothing is inside the margin, but lanes look before they are told: at the only place of a small table
        amplitudes = np.zeros((4, 4, 4), dtype=kind)
    else:
        amplitudes = lookup.table.astype(kind, copy=False)
    return Grid(squares.reshape(-1), tuple(float(low - 1) for low in lookup.minimum),
                tuple(float(high + 1) for high in lookup.maximum), float(extents[1] * extents[2]), float(extents[2]),
                amplitudes.reshape(-1), amplitudes.shape[1], amplitudes.shape[2],
                tuple(float(n - 4) for n in amplitudes.shape))
