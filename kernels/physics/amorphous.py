"""Amorphous material in the beam: a table of amplitudes instead of a crystal, and its integrals.

Its bits are the same on all processors: sums, products, quotients and roots only.
"""

from typing import NamedTuple

import numpy as np

from ..compile.compilation import inlined, jit

__all__ = ["Amorphous", "Subdivisions", "cells_needed", "from_table", "integral_errors", "integrals", "mean_of_cell",
           "part_of", "table_square"]


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

    knots: np.ndarray  # (n,) sin(theta)/lambda [1/m], increasing, the first 0 or above
    pieces: np.ndarray  # (n - 1, 4) F = c0 + t (c1 + t (c2 + t c3)), t from the knot at the left
    bins: np.ndarray  # (m,) int64: the piece in which each of m equal parts from the first knot to the last begins
    inverse_bin: float  # parts per 1/m
    low: float  # F**2 before the first knot
    high: float  # F**2 behind the last
    parts: np.ndarray  # (n - 1, 4, 7) polynomials of t, as the following, from the knot at the left, over the lowest
    # power that they have: t, t**2, t**3, t**2
    sums: np.ndarray  # (n, 4) integrals from 0 to each knot: of F**2, of it times x, times x**2, and of the first
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


@inlined
def _piece(layer, stol):
    """The piece of the table in which sin(theta)/lambda lies, which is within it."""
    knots = layer.knots
    piece = layer.bins[min(int((stol - knots[0]) * layer.inverse_bin), layer.bins.shape[0] - 1)]
    while piece > 0 and stol < knots[piece]:
        piece -= 1
    while stol >= knots[piece + 1]:
        piece += 1
    return piece


@inlined
def from_table(layer, stol):
    """F**2 at sin(theta)/lambda; before and behind the table its end's."""
    knots = layer.knots
    if stol <= knots[0]:
        return layer.low
    if stol >= knots[knots.shape[0] - 1]:
        return layer.high
    piece, pieces = _piece(layer, stol), layer.pieces
    t = stol - knots[piece]
    f = pieces[piece, 0] + t * (pieces[piece, 1] + t * (pieces[piece, 2] + t * pieces[piece, 3]))
    return f * f


@jit
def table_square(layer, stol, out):
    """Fill F**2 for an array of sin(theta)/lambda [1/m]."""
    for i in range(stol.shape[0]):
        out[i] = from_table(layer, stol[i])


# -- its integrals


@inlined
def _of_constant(square, begin, end):
    """Integrals from begin to end of a constant, of it times x and times x**2."""
    return (square * (end - begin), 0.5 * square * (end * end - begin * begin),
            square / 3.0 * (end * end * end - begin * begin * begin))


@inlined
def integrals(layer, x):
    """Integrals from 0 to sin(theta)/lambda x of F**2, of F**2 x and of F**2 x**2."""
    knots, sums = layer.knots, layer.sums
    last = knots.shape[0] - 1
    if x <= knots[0]:
        return _of_constant(layer.low, 0.0, x)
    if x >= knots[last]:
        more = _of_constant(layer.high, knots[last], x)
        return sums[last, 0] + more[0], sums[last, 1] + more[1], sums[last, 2] + more[2]
    piece = _piece(layer, x)
    knot, c = knots[piece], layer.parts
    t = x - knot
    zeroth = first = second = 0.0
    for i in range(6, -1, -1):
        zeroth, first, second = zeroth * t + c[piece, 0, i], first * t + c[piece, 1, i], second * t + c[piece, 2, i]
    zeroth, first, second = zeroth * t, first * (t * t), second * (t * t * t)
    return (sums[piece, 0] + zeroth, sums[piece, 1] + (knot * zeroth + first),
            sums[piece, 2] + (knot * knot * zeroth + 2.0 * knot * first + second))


@inlined
def _twice(layer, x):
    """Integral from 0 to sin(theta)/lambda x of the integral of F**2."""
    knots, sums = layer.knots, layer.sums
    last = knots.shape[0] - 1
    if x <= knots[0]:
        return 0.5 * layer.low * x * x
    if x >= knots[last]:
        t = x - knots[last]
        return sums[last, 3] + t * (sums[last, 0] + 0.5 * layer.high * t)
    piece = _piece(layer, x)
    t, c = x - knots[piece], layer.parts
    total = 0.0
    for i in range(6, -1, -1):
        total = total * t + c[piece, 3, i]
    return sums[piece, 3] + t * (sums[piece, 0] + t * total)


# -- means over pixels, across which sin(theta)/lambda hardly bends


@inlined
def mean_of_cell(layer, stol, one, other):
    """Mean of F**2 over a cell along whose edges sin(theta)/lambda changes by so much, exactly if it does so evenly."""
    long, short = max(abs(one), abs(other)), min(abs(one), abs(other))
    # a narrow one loses digits, and is as good as one that is a little wider
    short = max(short, 0.015625 * long)
    half, less = 0.5 * (long + short), 0.5 * (long - short)
    outer = _twice(layer, stol + half) + _twice(layer, abs(stol - half))
    return (outer - _twice(layer, stol + less) - _twice(layer, abs(stol - less))) / (long * short)


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
def cells_needed(layer, centres, width, bends, limits, needs):
    """Find what pixels need in which sin(theta)/lambda changes by a width.

    Parameters
    ----------
    layer : Amorphous
    centres : (k,) array
        sin(theta)/lambda [1/m].
    width : float
        [1/m]
    bends : (k,) array
        About how much of the differences of F**2 in a cell as large as the pixel goes into its mean: other factors
        differ too, and sin(theta)/lambda bends.
    limits : (float, float)
        What the mean may be wrong by, of itself or of a floor; the floor.
    needs : (k,) uint8 array
        Filled, as `Amorphous.fineness`.
    """
    last = layer.subdivisions.counts.shape[0] - 1
    for i in range(centres.shape[0]):
        right = _mean_of_box(layer, centres[i], width)
        allowed = limits[0] * max(right, limits[1])
        if (abs(from_table(layer, centres[i]) - right) <= allowed
                and bends[i] * _spread(layer, centres[i], width) <= allowed):
            needs[i] = 0
            continue
        rule = 0
        while rule < last:
            edge = layer.subdivisions.counts[rule]
            if bends[i] / edge * _spread(layer, centres[i], width / edge) <= allowed:
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
