"""Amorphous material in the beam: a table of amplitudes instead of a crystal, and its integrals.

Its bits are the same on all processors: sums, products, quotients and roots only.
"""

from typing import NamedTuple

import numpy as np

from ..compile.compilation import inlined, jit

__all__ = ["Amorphous", "PIECE_COLUMNS", "Subdivisions", "cells_needed", "from_table", "integral_errors", "integrals",
           "mean_of_cell", "part_of"]


class Subdivisions(NamedTuple):
    """Ways to make a mean over a pixel of points in it, from the middle alone to ever more."""

    counts: np.ndarray  # (rules,) int64: points per edge
    firsts: np.ndarray  # (rules,) int64: where the points of each begin in what follows
    places: np.ndarray  # from the middle, in pixels
    weights: np.ndarray  # with a sum of 1 for each rule
    reaches: np.ndarray  # how far from a pixel the beam must be for a rule to be right: the sum of the distances of two
    # ends of the pixel, over half its size


class Amorphous(NamedTuple):
    """A layer: where it scatters, how strongly, and how finely pixels are sampled."""

    pieces: np.ndarray  # (n + 1, `PIECE_COLUMNS`) rows of the table: the constant before its first knot, cubics between
    # knots, and the constant behind the last
    parts: np.ndarray  # (n + 1, 3, 7) polynomials of t, from the begin of a piece: integrals of F**2, of it times t,
    # times t**2, over the lowest power that they have, t, t**2, t**3
    sums: np.ndarray  # (n + 1, 3) integrals from 0 to the begin of a piece: of F**2, of it times x, times x**2
    bins: np.ndarray  # (m,) int64: the piece in which each of m equal parts from 0 on begins; behind them is the last
    inverse_bin: float  # parts per 1/m
    last: float  # the last knot [1/m]
    places: np.ndarray  # (z,) along the beam from the sample, downstream positive [m]
    weights: np.ndarray  # (z,) shares of the layer, with a sum of 1
    ends: tuple  # begin and end along the beam [m]
    segments: int  # in which F**2 is integrated exactly, instead of places: equal ones of sin(theta)/lambda; or 0
    scale: float  # r_e**2 times photons times molecules per area
    subdivisions: Subdivisions
    near: bool  # whether it is so near some pixel that the solid angle differs in it
    fineness: np.ndarray  # (k,) uint8: for each part of a range of sin(theta)/lambda 0 where F**2 at a point is its
    # mean over a pixel, else one more than the subdivision with whose cells the mean is right; or none
    errors: np.ndarray  # (levels, rules, k) for segments: what each subdivision makes wrong of the integral of F**2, in
    # pixels of ever smaller angles; or none
    ratios: np.ndarray  # (levels,) size of a pixel over its distance, at most
    inverse_part: float  # parts of it per 1/m
    tolerance: float  # what the latter may be of the integral


# -- the table

#: Columns of a piece: where it begins and ends [1/m]; F = c0 + t (c1 + t (c2 + t c3)), t from its begin; integrals from
#: 0 to its begin of F**2 and of that integral; seven coefficients of the latter beyond it, from t**2 on.
_BEGIN, _END, _CUBIC, _ONCE, _TWICE, _BEYOND = 0, 1, 2, 6, 7, 8
#: A row has two of a processor's lines.
PIECE_COLUMNS = 16


@inlined
def _piece(layer, x):
    """The piece of the table in which sin(theta)/lambda x lies."""
    pieces, bins = layer.pieces, layer.bins
    piece = bins[int(min(x * layer.inverse_bin, float(bins.shape[0] - 1)))]
    # the last has no end
    while x >= pieces[piece, _END]:
        piece += 1
    return piece


@inlined
def from_table(layer, stol):
    """F**2 at sin(theta)/lambda."""
    piece, c = _piece(layer, stol), layer.pieces
    t = stol - c[piece, _BEGIN]
    f = c[piece, _CUBIC] + t * (c[piece, _CUBIC + 1] + t * (c[piece, _CUBIC + 2] + t * c[piece, _CUBIC + 3]))
    return f * f



# -- its integrals


@inlined
def integrals(layer, x):
    """Integrals from 0 to sin(theta)/lambda x of F**2, of F**2 x and of F**2 x**2."""
    piece, c, sums = _piece(layer, x), layer.parts, layer.sums
    begin = layer.pieces[piece, _BEGIN]
    t = x - begin
    zeroth = first = second = 0.0
    for i in range(6, -1, -1):
        zeroth, first, second = zeroth * t + c[piece, 0, i], first * t + c[piece, 1, i], second * t + c[piece, 2, i]
    zeroth, first, second = zeroth * t, first * (t * t), second * (t * t * t)
    return (sums[piece, 0] + zeroth, sums[piece, 1] + (begin * zeroth + first),
            sums[piece, 2] + (begin * begin * zeroth + 2.0 * begin * first + second))


@inlined
def _twice(layer, x):
    """Integral from 0 to sin(theta)/lambda x of the integral of F**2."""
    piece, c = _piece(layer, x), layer.pieces
    t = x - c[piece, _BEGIN]
    total = c[piece, _BEYOND + 6]
    for i in range(5, -1, -1):
        total = total * t + c[piece, _BEYOND + i]
    return c[piece, _TWICE] + t * (c[piece, _ONCE] + t * total)


# -- means over pixels, across which sin(theta)/lambda hardly bends


@inlined
def mean_of_cell(layer, middle, half, less):
    """Mean of F**2 over a cell, times the product of its edges, given half of their sum and of their difference.

    Exactly, if sin(theta)/lambda changes evenly along them.
    """
    outer = _twice(layer, middle + half) + _twice(layer, abs(middle - half))
    return outer - _twice(layer, middle + less) - _twice(layer, abs(middle - less))


@inlined
def _mean_of_box(layer, centre, width):
    """Mean of F**2 over a range."""
    low = centre - 0.5 * width
    below = integrals(layer, abs(low))[0]
    return (integrals(layer, centre + 0.5 * width)[0] + (below if low < 0.0 else -below)) / width


@inlined
def _spread(layer, centre, width):
    """How much F**2 differs in a range."""
    least = most = from_table(layer, centre)
    for i in range(1, 4):
        for at in (centre - width * i / 6.0, centre + width * i / 6.0):
            now = from_table(layer, abs(at))
            least, most = min(least, now), max(most, now)
    return most - least


@jit
def cells_needed(layer, centres, width, bends, floors, needs):
    """Find what pixels need in which sin(theta)/lambda changes by a width.

    Parameters
    ----------
    layer : Amorphous
    centres : (k,) array
        sin(theta)/lambda [1/m].
    width : float
        [1/m]
    bends : (2, k) array
        About how much of the differences of F**2 in a pixel is missing in F**2 at its middle, and in the mean over a
        cell as large: other factors differ too, and sin(theta)/lambda bends.
    floors : (k,) array
        The mean may be wrong by the layer's tolerance, of itself or of these.
    needs : (k,) uint8 array
        Filled, as `Amorphous.fineness`.
    """
    last = layer.subdivisions.counts.shape[0] - 1
    for i in range(centres.shape[0]):
        right = _mean_of_box(layer, centres[i], width)
        allowed = layer.tolerance * max(right, floors[i])
        wrong = abs(from_table(layer, centres[i]) - right) + bends[0, i] * _spread(layer, centres[i], width)
        if wrong <= allowed:
            needs[i] = 0
            continue
        rule = 0
        while rule < last:
            edge = layer.subdivisions.counts[rule]
            if bends[1, i] / edge * _spread(layer, centres[i], width / edge) <= allowed:
                break
            rule += 1
        needs[i] = rule + 1


@jit
def integral_errors(layer, centres, width, negligible, out):
    """Fill what subdivisions make wrong of the mean of the integral of F**2 over pixels.

    Parameters
    ----------
    layer : Amorphous
    centres : (k,) array
        sin(theta)/lambda [1/m].
    width : float
        By which it changes in a pixel [1/m].
    negligible : float
        An error that is as good as none: finer subdivisions are not looked at.
    out : (rules, k) array
        Zeros, filled.
    """
    rules = layer.subdivisions
    for i in range(centres.shape[0]):
        middle = integrals(layer, centres[i])[0]
        # the integral is odd, and its own integral even
        ends = _twice(layer, centres[i] + 0.5 * width), _twice(layer, abs(centres[i] - 0.5 * width))
        right = (ends[0] - ends[1]) / width - middle
        for rule in range(out.shape[0]):
            total, first = 0.0, rules.firsts[rule]
            for j in range(rules.counts[rule]):
                at = centres[i] + width * rules.places[first + j]
                value = integrals(layer, abs(at))[0]
                total += rules.weights[first + j] * ((-value if at < 0.0 else value) - middle)
            out[rule, i] = abs(total - right)
            if out[rule, i] <= negligible:
                break


@inlined
def part_of(layer, stol, parts):
    """The part of the range of sin(theta)/lambda in which one is."""
    return min(int(stol * layer.inverse_part), parts - 1)
