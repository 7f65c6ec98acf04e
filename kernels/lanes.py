"""The lane evaluator: many pixels side by side, in loops that a compiler turns into vector code.

A block of pixels goes through the same loop nest as one pixel of the strict evaluator, with the
same functions and in the same order, but for the lattice factor: there the sines, cosines and
exponentials are our own, of known error, and products and quotients are regrouped.  All else
(h, k, l, the structure factor, every factor per pixel) has the strict evaluator's bits, unless
single precision is asked for.  `certificate` says what that does to an exact sum, and which pixels
must be evaluated strictly.

Table look-ups have a loop of their own, for they cannot be vector code and would keep the rest
from it; so has arithmetic in single precision, for its vectors are longer.
"""

import functools

import numpy as np

from .accumulate import add, add_compensated, compensated_total
from .block import (BAD, BLOCK, BUDGET, CAPTURE, CORRECTION, DOUBTFUL, FACTOR, FRACTION, INDEX, OMEGA, OUT,
                    OUT_OF_MARGIN, POLAR, QX, SCRATCH_SIZE, SMALL_CORRECTION, SMALL_SIZE, SMALL_SQUARED, SMALL_SUM,
                    SMALL_WEIGHTS, SPREAD, SQUARED, SUM, VALUE, WEIGHT, WEIGHTS, WITHIN, enter_source,
                    enter_sub_pixel, enter_vector, enter_weights, gather, leave, scales, start_pixels, vector)
from .certificate import float32_is_certain, half_width
from .compilation import inlined, jit
from .elementary import C_EXP_ZERO_BELOW
from .lattice import fractions, gauss_exponent, miller_indices, round_half_down, tophat_lane
from .lattice_forms import lane_factor, single_crystal, single_factor
from .layout import COMPENSATED, EXACT, GAUSS, KAHAN, ONE_CELL, ROUND, SEQUENTIAL, SINGLE, TOPHAT
from .pixel import photons, rotated_cell
from .simd import tricubic
from .structure_factor import cubic_weights, single_weights, within_margin

__all__ = ["BLOCK", "ONE_CELL", "SCRATCH_SIZE", "SMALL_SIZE", "REASONS", "lane_kernel"]

REASONS = {DOUBTFUL: "rounding in doubt", OUT_OF_MARGIN: "interpolation out of range",
           FACTOR: "factor negative or out of range"}


@inlined
def _within(x, low, high):
    """x limited to low..high; low if x is not a number."""
    x = x if x > low else low
    return x if x < high else high


@inlined
def _enter_nearest(grid, nearest, i, scratch):
    """Where the nearest structure factor is; its border stands for all that is outside."""
    low, high = grid.low, grid.high
    h = _within(nearest[0], low[0], high[0]) - low[0]
    k = _within(nearest[1], low[1], high[1]) - low[1]
    l = _within(nearest[2], low[2], high[2]) - low[2]
    # whole numbers below 2^53: exact
    scratch[INDEX + i] = h * grid.stride_h + k * grid.stride_k + l


@inlined
def _enter_cubic(lookup, grid, tested, hkl, i, scratch):
    """Where the sixty-four neighbours are, and whether all are there (if that is to be tested)."""
    low, last = lookup.minimum, grid.last
    scratch[OUT + i] = 1.0 if tested and not within_margin(lookup, hkl) else scratch[OUT + i]
    # limited so that every look-up is inside, whatever becomes of the pixel
    h = _within(np.floor(hkl[0]) - 1.0 - low[0], 0.0, last[0])
    k = _within(np.floor(hkl[1]) - 1.0 - low[1], 0.0, last[1])
    l = _within(np.floor(hkl[2]) - 1.0 - low[2], 0.0, last[2])
    scratch[INDEX + i] = (h * grid.row_h + k) * grid.row_k + l


@inlined
def _four(rows, at):
    return (rows[at], rows[at + BLOCK], rows[at + 2 * BLOCK], rows[at + 3 * BLOCK])


@inlined
def _enter_four(w, at, rows):
    rows[at] = w[0]
    rows[at + BLOCK] = w[1]
    rows[at + 2 * BLOCK] = w[2]
    rows[at + 3 * BLOCK] = w[3]


def _make_is_tested(shape):
    """Whether the C program tests the margins of the table: where its lattice factor is not 0.

    To test too often does no harm.
    """
    @inlined
    def is_tested(crystal, hkl, nearest, skip_zero):
        if shape == GAUSS:
            return not skip_zero or not gauss_exponent(crystal, hkl, nearest) < C_EXP_ZERO_BELOW
        if shape == TOPHAT:
            return not skip_zero or tophat_lane(crystal, hkl, nearest) != 0.0
        return True

    return is_tested


def _make_factors(shape, cubic, about, precision):
    """Loop over lanes: squared lattice factors, and where the structure factor is."""
    factor, is_tested = lane_factor(shape, precision, about), _make_is_tested(shape)
    spread = shape == ROUND and precision == EXACT

    @inlined
    def factors(crystal, lookup, grid, skip_zero, cell, n, scratch, small):
        for i in range(n):
            hkl = miller_indices(cell, vector(scratch, QX, i))
            nearest = (round_half_down(hkl[0]), round_half_down(hkl[1]), round_half_down(hkl[2]))
            square, extra = factor(crystal, hkl, nearest)
            scratch[SQUARED + i] = square
            if spread:
                scratch[SPREAD + i] = extra
            if cubic:
                _enter_cubic(lookup, grid, is_tested(crystal, hkl, nearest, skip_zero), hkl, i, scratch)
                _enter_four(cubic_weights(hkl[0]), WEIGHTS + i, scratch)
                _enter_four(cubic_weights(hkl[1]), WEIGHTS + 4 * BLOCK + i, scratch)
                _enter_four(cubic_weights(hkl[2]), WEIGHTS + 8 * BLOCK + i, scratch)
            else:
                _enter_nearest(grid, nearest, i, scratch)

    return factors


def _make_single_factors(shape, cubic):
    """Loops over lanes: the same in single precision, from the exact fractions of the indices on."""
    factor, is_tested = single_factor(shape), _make_is_tested(shape)

    @inlined
    def factors(crystal, lookup, grid, skip_zero, cell, n, scratch, small):
        for i in range(n):
            hkl = miller_indices(cell, vector(scratch, QX, i))
            nearest = (round_half_down(hkl[0]), round_half_down(hkl[1]), round_half_down(hkl[2]))
            enter_vector(fractions(hkl, nearest), FRACTION, i, small)
            if cubic:
                _enter_cubic(lookup, grid, is_tested(crystal, hkl, nearest, skip_zero), hkl, i, scratch)
                # exact but for the rounding to float32
                small[SMALL_WEIGHTS + i] = hkl[0] - np.floor(hkl[0])
                small[SMALL_WEIGHTS + 4 * BLOCK + i] = hkl[1] - np.floor(hkl[1])
                small[SMALL_WEIGHTS + 8 * BLOCK + i] = hkl[2] - np.floor(hkl[2])
            else:
                _enter_nearest(grid, nearest, i, scratch)
        numbers = single_crystal(crystal)
        for i in range(n):
            dh, dk, dl = vector(small, FRACTION, i)
            small[SMALL_SQUARED + i] = factor(numbers, dh, dk, dl)
        if cubic:
            for i in range(n):
                _enter_four(single_weights(small[SMALL_WEIGHTS + i]), SMALL_WEIGHTS + i, small)
                at = SMALL_WEIGHTS + 4 * BLOCK + i
                _enter_four(single_weights(small[at]), at, small)
                at = SMALL_WEIGHTS + 8 * BLOCK + i
                _enter_four(single_weights(small[at]), at, small)

    return factors


@inlined
def _leave_source(per_step, n, scratch):
    """Hand over the lanes that an index of this source brought out of the table."""
    for i in range(n):
        # a weight of 0 marks a lane beyond the resolution limit, unless other factors are in it
        if scratch[OUT + i] != 0.0 and (per_step or scratch[WEIGHT + i] != 0.0):
            scratch[BAD + i] = OUT_OF_MARGIN
        scratch[OUT + i] = 0.0


def _make_look_up(cubic, precision):
    """Squared structure factor of a lane, in the precision of the table."""
    @inlined
    def nearest(grid, i, scratch, small):
        return grid.squares[np.uint64(np.int64(scratch[INDEX + i]))]

    @inlined
    def interpolated(grid, i, scratch, small):
        f = tricubic(grid.amplitudes, np.uint64(np.int64(scratch[INDEX + i])), np.uint64(grid.row_h),
                     np.uint64(grid.row_k), _four(scratch, WEIGHTS + i), _four(scratch, WEIGHTS + 4 * BLOCK + i),
                     _four(scratch, WEIGHTS + 8 * BLOCK + i))
        return f * f

    @inlined
    def interpolated_single(grid, i, scratch, small):
        f = tricubic(grid.amplitudes, np.uint64(np.int64(scratch[INDEX + i])), np.uint64(grid.row_h),
                     np.uint64(grid.row_k), _four(small, SMALL_WEIGHTS + i),
                     _four(small, SMALL_WEIGHTS + 4 * BLOCK + i), _four(small, SMALL_WEIGHTS + 8 * BLOCK + i))
        return f * f

    if not cubic:
        return nearest
    return interpolated_single if precision == SINGLE else interpolated


def _make_accumulate(shape, precision, summation):
    """Add a term to the sum of a lane."""
    @inlined
    def plain(square, i, scratch, small):
        scratch[SUM + i] = add(scratch[SUM + i], square * scratch[SQUARED + i])

    @inlined
    def with_spread(square, i, scratch, small):
        scratch[SUM + i] = add(scratch[SUM + i], square * scratch[SQUARED + i])
        scratch[BUDGET + i] += square * scratch[SPREAD + i]

    @inlined
    def compensated(square, i, scratch, small):
        total, correction = add_compensated(scratch[SUM + i], scratch[CORRECTION + i], square * scratch[SQUARED + i])
        scratch[SUM + i] = total
        scratch[CORRECTION + i] = correction

    @inlined
    def single(square, i, scratch, small):
        small[SMALL_SUM + i] = add(small[SMALL_SUM + i], square * small[SMALL_SQUARED + i])

    @inlined
    def single_compensated(square, i, scratch, small):
        total, correction = add_compensated(small[SMALL_SUM + i], small[SMALL_CORRECTION + i],
                                            square * small[SMALL_SQUARED + i])
        small[SMALL_SUM + i] = total
        small[SMALL_CORRECTION + i] = correction

    return {(EXACT, SEQUENTIAL): with_spread if shape == ROUND else plain, (COMPENSATED, KAHAN): compensated,
            (SINGLE, SEQUENTIAL): single, (SINGLE, KAHAN): single_compensated}[precision, summation]


def _make_add(shape, cubic, precision, summation):
    """Loop over lanes: look up the squared structure factor and add the term."""
    look_up, accumulate = _make_look_up(cubic, precision), _make_accumulate(shape, precision, summation)
    real = np.float32 if precision == SINGLE else np.float64

    @inlined
    def add_terms(grid, weighted, n, scratch, small):
        for i in range(n):
            square = look_up(grid, i, scratch, small)
            if weighted:
                square = square * real(scratch[WEIGHT + i])
            accumulate(square, i, scratch, small)

    return add_terms


def _make_total(precision, summation):
    """The sum of a lane as a double."""
    @inlined
    def plain(i, scratch, small):
        return scratch[SUM + i]

    @inlined
    def compensated(i, scratch, small):
        return compensated_total(scratch[SUM + i], scratch[CORRECTION + i])

    @inlined
    def single(i, scratch, small):
        return np.float64(small[SMALL_SUM + i])

    @inlined
    def single_compensated(i, scratch, small):
        return compensated_total(small[SMALL_SUM + i], small[SMALL_CORRECTION + i])

    return {(EXACT, SEQUENTIAL): plain, (COMPENSATED, KAHAN): compensated, (SINGLE, SEQUENTIAL): single,
            (SINGLE, KAHAN): single_compensated}[precision, summation]


@functools.cache
def lane_kernel(shape, cubic, about, precision, summation):
    """Make the kernel for one crystal shape, with interpolated structure factors or nearest ones.

    Parameters
    ----------
    shape : int
        layout.SQUARE, ROUND, GAUSS or TOPHAT; ONE_CELL: the lattice factor is 1.
    cubic : bool
    about : bool
        Parallelepiped, exact: use the shorter reduction of the sines' arguments.
    precision, summation : int
        layout.EXACT with SEQUENTIAL, COMPENSATED with KAHAN, SINGLE with either.

    Returns
    -------
    function
        lane_pixels(scene, grid, bound, place, mask, image, start, stop, axis, scratch, small, doubles, flags)
        renders pixels start..stop-1 of a window (see `driver_cpu.strict_pixels`), with the
        polarisation axis in row `axis`.  flags[index - start] becomes 0 where the pixel of the
        image is right, a key of REASONS where it must be evaluated strictly.  Where `doubles` has
        rows, doubles[index - start] becomes the value before rounding and its half-width (0 unless
        exact).  `scratch` and `small` are SCRATCH_SIZE doubles and SMALL_SIZE floats of no meaning.
    """
    single = precision == SINGLE
    factors = _make_single_factors(shape, cubic) if single else _make_factors(shape, cubic, about, precision)
    add_terms = _make_add(shape, cubic, precision, summation)
    total = _make_total(precision, summation)
    certified = precision == EXACT

    @inlined
    def finish(sampling, bound, n, scratch, small):
        for i in range(n):
            capture, polar, omega = scratch[CAPTURE + i], scratch[POLAR + i], scratch[OMEGA + i]
            value = photons(sampling, total(i, scratch, small), capture, polar, omega)
            within = 0.0
            if certified:
                spread = bound.spread * scratch[BUDGET + i] + bound.smallest
                within = half_width(bound, value, photons(sampling, spread, capture, polar, omega))
                flag = 0.0 if float32_is_certain(value, within) else float(DOUBTFUL)
                flag = flag if scales(sampling, np.float32(value) == 0.0, capture, polar, omega) else float(FACTOR)
                scratch[BAD + i] = flag if scratch[BAD + i] == 0.0 else scratch[BAD + i]
            scratch[VALUE + i] = value
            scratch[WITHIN + i] = within

    @jit(variant=(shape, cubic, about, precision, summation))
    def lane_pixels(scene, grid, bound, place, mask, image, start, stop, axis_row, scratch, small, doubles, flags):
        geometry, beam, crystal, sampling = scene.geometry, scene.beam, scene.crystal, scene.sampling
        axis = (beam.polarisation_axes[axis_row, 0], beam.polarisation_axes[axis_row, 1],
                beam.polarisation_axes[axis_row, 2])
        per_step = sampling.oversample_thick or sampling.oversample_polar or sampling.oversample_omega
        weighted = per_step or beam.d_min > 0.0
        for first in range(start, stop, BLOCK):
            n = gather(place, mask, first, min(first + BLOCK, stop), scratch)
            start_pixels(scene, n, scratch)
            if single:
                for i in range(n):
                    small[SMALL_SUM + i] = sampling.background
                    small[SMALL_CORRECTION + i] = 0.0
            for layer in range(geometry.layers):
                for i in range(n):
                    scratch[CAPTURE + i] = 1.0 if geometry.thickness == 0.0 else 0.0
                for sub_slow in range(geometry.oversample):
                    for sub_fast in range(geometry.oversample):
                        enter_sub_pixel(scene, layer, sub_slow, sub_fast, n, scratch)
                        for source in range(beam.wavelengths.shape[0]):
                            if enter_source(scene, source, axis, n, scratch) == 0:
                                continue
                            if per_step:
                                enter_weights(sampling, n, scratch)
                            for phi_step in range(crystal.phi_rows.shape[0]):
                                for domain in range(crystal.domains):
                                    cell = rotated_cell(crystal, crystal.phi_rows[phi_step], domain)
                                    factors(crystal, scene.lookup, grid, sampling.skip_zero, cell, n, scratch, small)
                                    add_terms(grid, weighted, n, scratch, small)
                            if cubic:
                                _leave_source(per_step, n, scratch)
            finish(sampling, bound, n, scratch, small)
            leave(place, start, n, scratch, image, doubles, flags)

    return lane_pixels
