"""What becomes of one lane, in parts: the physics that a vector loop and a thread of a GPU share.

`lanes` runs these functions in loops over the pixels of a block, `gpu_pixel` once for the pixel of a
CUDA thread.  Who calls them owns the memory: here are values only, and no place in an array.
"""

import numpy as np

from ..arithmetic.accumulate import add, add_compensated, compensated_total
from ..arithmetic.fused import floor, fma
from ..compile.compilation import inlined, variants
from ..physics.records import COMPENSATED, EXACT, KAHAN, SEQUENTIAL, SINGLE
from ..physics.shapes import SHAPE_OF
from ..physics.view import photons
from .certificate import DOUBTFUL, FACTOR, float32_is_certain, half_width, scales

__all__ = ["cubic_place", "limited", "nearest_place", "start_of", "summing", "total_of", "uses_second", "verdict_of"]


# -- where structure factors are


@inlined
def limited(x, low, high):
    """x limited to low..high; low if x is not a number."""
    x = x if x > low else low
    return x if x < high else high


@inlined
def nearest_place(grid, nearest, start):
    """Where the nearest structure factor is, beyond `start`; the table's border stands for all that is outside."""
    low, high = grid.low, grid.high
    h = limited(nearest[0], low[0], high[0]) - low[0]
    k = limited(nearest[1], low[1], high[1]) - low[1]
    l = limited(nearest[2], low[2], high[2]) - (low[2] - start)
    # whole numbers below 2^53: exact
    return fma(h, grid.stride_h, fma(k, grid.stride_k, l))


@inlined
def cubic_place(lookup, grid, hkl):
    """Where the first of the sixty-four neighbours is, limited so that every look-up is inside."""
    low, last = lookup.minimum, grid.last
    h = limited(floor(hkl[0]) - 1.0 - low[0], 0.0, last[0])
    k = limited(floor(hkl[1]) - 1.0 - low[1], 0.0, last[1])
    l = limited(floor(hkl[2]) - 1.0 - low[2], 0.0, last[2])
    return (h * grid.row_h + k) * grid.row_k + l


# -- sums: the total so far, and a second number that is the correction, or for the sphere the budget


@inlined
def _plain(total, second, square, factor, spread):
    return add(total, square * factor), second


@inlined
def _with_spread(total, second, square, factor, spread):
    return add(total, square * factor), second + square * spread


@inlined
def _compensated(total, second, square, factor, spread):
    return add_compensated(total, second, square * factor)


@variants
def summing(shape, precision, summation):
    """Make the policy of adding up.

    Returns
    -------
    function
        (total, second, squared structure factor, squared lattice factor, factor of its absolute
        error) to (total, second), in double precision or in single.
    """
    exact = _with_spread if SHAPE_OF[shape].budgeted else _plain
    return {(EXACT, SEQUENTIAL): exact, (COMPENSATED, KAHAN): _compensated,
            (SINGLE, SEQUENTIAL): _plain, (SINGLE, KAHAN): _compensated}[precision, summation]


def uses_second(shape, precision, summation):
    """Return whether the second number of a sum is used: as a correction, or as the budget of the certificate."""
    return summation == KAHAN or (precision == EXACT and SHAPE_OF[shape].budgeted)


@variants
def start_of(precision):
    """Make the function that gives what a sum starts with: background and 0, in the precision of the sum."""
    real = np.float32 if precision == SINGLE else np.float64

    @inlined
    def start(background):
        return real(background), real(0.0)

    return start


@variants
def total_of(summation):
    """Make the function from (total, second) to the sum as a double."""
    @inlined
    def plain(total, second):
        return np.float64(total)

    @inlined
    def compensated(total, second):
        return compensated_total(total, second)

    return compensated if summation == KAHAN else plain


@variants
def verdict_of(precision):
    """Make the function that scales a sum to photons and says whether the result can be vouched for.

    Returns
    -------
    function
        (sampling, bound, total, budget, capture, polar, omega) to (value, half-width, flag): the
        flag is 0.0 or a key of REASONS; it and the half-width are always 0 unless exact.
    """
    @inlined
    def certified(sampling, bound, total, budget, capture, polar, omega):
        value = photons(sampling, total, capture, polar, omega)
        spread = bound.spread * budget + bound.smallest
        within = half_width(bound, value, photons(sampling, spread, capture, polar, omega))
        flag = 0.0 if float32_is_certain(value, within) else float(DOUBTFUL)
        flag = flag if scales(sampling, np.float32(value) == 0.0, capture, polar, omega) else float(FACTOR)
        return value, within, flag

    @inlined
    def taken(sampling, bound, total, budget, capture, polar, omega):
        return photons(sampling, total, capture, polar, omega), 0.0, 0.0

    return certified if precision == EXACT else taken
