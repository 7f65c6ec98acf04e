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

from .block import (BAD, BLOCK, BUDGET, CAPTURE, CORRECTION, FRACTION, INDEX, OMEGA, OUT, OUT_OF_MARGIN, POLAR, QX,
                    SCRATCH_SIZE, SEEN, SMALL_CORRECTION, SMALL_SIZE, SMALL_SQUARED, SMALL_SUM, SMALL_WEIGHTS, SPREAD,
                    SQUARED, SUM, VALUE, WEIGHT, WEIGHTS, WITHIN, enter_source, enter_sub_pixel, enter_vector,
                    enter_weights, gather, leave, start_pixels, vector)
from .compilation import inlined, jit
from .lane import (REASONS, cubic_place, is_tested_of, nearest_lattice_point, nearest_place, start_of, summing, total_of,
                   verdict_of)
from .lattice import fractions, miller_indices
from .lattice_forms import lane_factor, single_crystal, single_factor
from .layout import EXACT, KAHAN, ONE_CELL, ROUND, SINGLE
from .pixel import rotated_cell
from .primitives import floor
from .simd import tricubic
from .structure_factor import cubic_weights, single_weights, within_margin

__all__ = ["BLOCK", "ONE_CELL", "SCRATCH_SIZE", "SMALL_SIZE", "REASONS", "lane_kernel"]


@inlined
def _enter_cubic(lookup, grid, tested, hkl, i, scratch):
    """Where the sixty-four neighbours are, and whether all are there (if that is to be tested)."""
    scratch[OUT + i] = 1.0 if tested and not within_margin(lookup, hkl) else scratch[OUT + i]
    scratch[INDEX + i] = cubic_place(lookup, grid, hkl)


@inlined
def _four(rows, at):
    return (rows[at], rows[at + BLOCK], rows[at + 2 * BLOCK], rows[at + 3 * BLOCK])


@inlined
def _enter_four(w, at, rows):
    rows[at] = w[0]
    rows[at + BLOCK] = w[1]
    rows[at + 2 * BLOCK] = w[2]
    rows[at + 3 * BLOCK] = w[3]


def _make_factors(shape, cubic, about, precision):
    """Loop over lanes: squared lattice factors, and where the structure factor is."""
    factor, is_tested = lane_factor(shape, precision, about), is_tested_of(shape)
    spread = shape == ROUND and precision == EXACT

    @inlined
    def factors(crystal, lookup, grid, skip_zero, cell, n, scratch, small):
        for i in range(n):
            hkl = miller_indices(cell, vector(scratch, QX, i))
            nearest = nearest_lattice_point(hkl)
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
                scratch[INDEX + i] = nearest_place(grid, nearest)

    return factors


def _make_single_factors(shape, cubic):
    """Loops over lanes: the same in single precision, from the exact fractions of the indices on."""
    factor, is_tested = single_factor(shape), is_tested_of(shape)

    @inlined
    def factors(crystal, lookup, grid, skip_zero, cell, n, scratch, small):
        for i in range(n):
            hkl = miller_indices(cell, vector(scratch, QX, i))
            nearest = nearest_lattice_point(hkl)
            enter_vector(fractions(hkl, nearest), FRACTION, i, small)
            if cubic:
                _enter_cubic(lookup, grid, is_tested(crystal, hkl, nearest, skip_zero), hkl, i, scratch)
                # exact but for the rounding to float32
                small[SMALL_WEIGHTS + i] = hkl[0] - floor(hkl[0])
                small[SMALL_WEIGHTS + 4 * BLOCK + i] = hkl[1] - floor(hkl[1])
                small[SMALL_WEIGHTS + 8 * BLOCK + i] = hkl[2] - floor(hkl[2])
            else:
                scratch[INDEX + i] = nearest_place(grid, nearest)
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
        seen = scratch[SEEN + i] if per_step else scratch[WEIGHT + i]
        if scratch[OUT + i] != 0.0 and seen != 0.0:
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
    policy = summing(shape, precision, summation)
    # a second number that is not used is not touched
    second = summation == KAHAN or (precision == EXACT and shape == ROUND)

    @inlined
    def double(square, i, scratch, small):
        spread = scratch[SPREAD + i] if shape == ROUND else 0.0
        total, other = policy(scratch[SUM + i], scratch[CORRECTION + i], square, scratch[SQUARED + i], spread)
        scratch[SUM + i] = total
        if second:
            scratch[CORRECTION + i] = other

    @inlined
    def single(square, i, scratch, small):
        total, other = policy(small[SMALL_SUM + i], small[SMALL_CORRECTION + i], square, small[SMALL_SQUARED + i],
                              np.float32(0.0))
        small[SMALL_SUM + i] = total
        if second:
            small[SMALL_CORRECTION + i] = other

    return single if precision == SINGLE else double


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
    total = total_of(summation)

    @inlined
    def double(i, scratch, small):
        return total(scratch[SUM + i], scratch[CORRECTION + i])

    @inlined
    def single(i, scratch, small):
        return total(small[SMALL_SUM + i], small[SMALL_CORRECTION + i])

    return single if precision == SINGLE else double


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
    verdict, beginning = verdict_of(precision), start_of(precision)

    @inlined
    def finish(sampling, bound, n, scratch, small):
        for i in range(n):
            value, within, flag = verdict(sampling, bound, total(i, scratch, small), scratch[BUDGET + i],
                                          scratch[CAPTURE + i], scratch[POLAR + i], scratch[OMEGA + i])
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
                    small[SMALL_SUM + i], small[SMALL_CORRECTION + i] = beginning(sampling.background)
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
