"""Structure factor at a point of reciprocal space: nearest entry of a table, or tricubic in it.

Outside the table: the default.  Interpolation needs a margin of two entries on each side; whether
a point has it is `within_margin`, and what happens where it has not is the caller's business.
"""

import numpy as np

from .compilation import inlined

__all__ = ["nearest_f", "within_margin", "interpolated_f", "cubic"]


@inlined
def nearest_f(lookup, nearest):
    """Table entry at integer indices (given as floats), or the default outside the table."""
    h0, k0, l0 = nearest
    low, high = lookup.minimum, lookup.maximum
    if (lookup.filled and h0 <= high[0] and h0 >= low[0] and k0 <= high[1] and k0 >= low[1]
            and l0 <= high[2] and l0 >= low[2]):
        return lookup.table[np.uint64(h0 - low[0]), np.uint64(k0 - low[1]), np.uint64(l0 - low[2])]
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
def cubic(x, n0, y0, y1, y2, y3):
    """Third-order polynomial through y at n0, n0+1, n0+2, n0+3, in Lagrange's form, at x."""
    n1 = n0 + 1.0
    n2 = n0 + 2.0
    n3 = n0 + 3.0
    d0 = x - n0
    d1 = x - n1
    d2 = x - n2
    d3 = x - n3
    p0 = d1 * d2 * d3 * y0 / -6.0
    p1 = d0 * d2 * d3 * y1 / 2.0
    p2 = d0 * d1 * d3 * y2 / -2.0
    p3 = d0 * d1 * d2 * y3 / 6.0
    return p0 + p1 + p2 + p3


@inlined
def _holds(n, low, size):
    return n >= low and n + 3.0 < low + size


@inlined
def interpolated_f(lookup, hkl):
    """Structure factor by cubic interpolation along l, then k, then h; margins not checked."""
    table = lookup.table
    low = lookup.minimum
    h0 = np.floor(hkl[0]) - 1.0
    k0 = np.floor(hkl[1]) - 1.0
    l0 = np.floor(hkl[2]) - 1.0
    if not (_holds(h0, low[0], table.shape[0]) and _holds(k0, low[1], table.shape[1])
            and _holds(l0, low[2], table.shape[2])):
        return np.nan  # indices that are not finite
    i = np.int64(h0) - low[0]
    j = np.int64(k0) - low[1]
    m = np.int64(l0) - low[2]
    planes = (_plane(table, i, j, m, k0, l0, hkl), _plane(table, i + 1, j, m, k0, l0, hkl),
              _plane(table, i + 2, j, m, k0, l0, hkl), _plane(table, i + 3, j, m, k0, l0, hkl))
    return cubic(hkl[0], h0, planes[0], planes[1], planes[2], planes[3])


@inlined
def _row(table, i, j, m, l0, x):
    row = table[np.uint64(i), np.uint64(j)]
    return cubic(x, l0, row[np.uint64(m)], row[np.uint64(m + 1)], row[np.uint64(m + 2)], row[np.uint64(m + 3)])


@inlined
def _plane(table, i, j, m, k0, l0, hkl):
    return cubic(hkl[1], k0, _row(table, i, j, m, l0, hkl[2]), _row(table, i, j + 1, m, l0, hkl[2]),
                 _row(table, i, j + 2, m, l0, hkl[2]), _row(table, i, j + 3, m, l0, hkl[2]))
