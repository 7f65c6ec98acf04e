"""The lane evaluator: many pixels side by side, in loops that a compiler turns into vector code.

A block of pixels goes through the same loop nest as one pixel of the strict evaluator, with the
same functions and in the same order, but for the lattice factor: there the sines, cosines and
exponentials are our own, of known error, and products and quotients are regrouped.  All else
(h, k, l, the structure factor, every factor per pixel) has the strict evaluator's bits, unless
single precision is asked for.  `certificate` says what that does to an exact sum, and which pixels
must be evaluated strictly.

A step is three loops over the lanes: where the structure factor is, its look-up, and the lattice
factor with the sum.  The look-up cannot be vector code and would keep the rest from it; arithmetic
in single precision stands in the last loop, for its vectors are longer.  A shape may have its lattice
factor in parts: then the first loop has one of them, and the last is two, or one where vectors are of 512 bits.
"""

import numpy as np

from ..arithmetic.fused import WHOLE_SHIFT, floor, shifted_whole
from ..compile.compilation import inlined, is_wide, jit, variants
from ..compile.halting import is_halted
from ..compile.stack import on_stack
from ..physics.lattice import fractions, miller_indices, nearest_lattice_point, single_crystal
from ..physics.records import SINGLE
from ..physics.shapes import SHAPE_OF, lane_factor, lane_stages
from ..physics.structure_factor import cubic_weights, single_weights, within_margin
from ..physics.tricubic import tricubic
from ..physics.view import (
    first_polar,
    is_captured_by_source,
    is_weighted,
    number_of_sources,
    per_step,
    polarisation_axis,
    rotated_cell,
)
from .certificate import OUT_OF_MARGIN
from .dark import is_dark
from .lane_rows import (
    BAD,
    BLOCK,
    BUDGET,
    CAPTURE,
    CORRECTION,
    F_SQUARED,
    FRACTION,
    HKL,
    INDEX,
    NEAREST,
    OMEGA,
    OUT,
    POLAR,
    QX,
    SCRATCH_SIZE,
    SEEN,
    SMALL_CORRECTION,
    SMALL_F_SQUARED,
    SMALL_SIZE,
    SMALL_SUM,
    SMALL_WEIGHTS,
    SUM,
    VALUE,
    WEIGHT,
    WEIGHTS,
    WITHIN,
    enter_source,
    enter_sub_pixel,
    enter_vector,
    enter_weights,
    gather,
    index_of,
    leave,
    leave_flags,
    start_layer,
    start_pixels,
    vector,
)
from .step import cubic_place, nearest_place, start_of, summing, total_of, uses_second, verdict_of
from .zeros import box_of, has_only_zeros, is_tried, patience_after

__all__ = ["BLOCK", "finishing", "lane_kernel", "lane_loops", "running_sum"]


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


@inlined
def _indices(crystal, hkl, nearest):
    """What is kept of a step where the lattice factor is in one part."""
    return hkl, nearest


def _make_places(shape, cubic, about, precision):
    """Loop over lanes: indices, or what the lattice factor needs of them, and where the structure factor is."""
    is_tested, single = SHAPE_OF[shape].is_tested, precision == SINGLE
    stages = lane_stages(shape, precision, about)
    kept = _indices if stages is None else stages.early

    @inlined
    def enter_indices(crystal, hkl, nearest, i, scratch, small):
        if single:
            # exact but for the rounding to float32
            enter_vector(fractions(hkl, nearest), FRACTION, i, small)
        else:
            first, second = kept(crystal, hkl, nearest)
            enter_vector(first, HKL, i, scratch)
            enter_vector(second, NEAREST, i, scratch)

    @inlined
    def enter_weights_of(x, row, i, scratch, small):
        if single:
            # the weights are made of it in a loop of their own
            small[SMALL_WEIGHTS + row + i] = x - floor(x)
        else:
            _enter_four(cubic_weights(x), WEIGHTS + row + i, scratch)

    @inlined
    def places(crystal, lookup, grid, skip_zero, cell, n, scratch, small):
        for i in range(n):
            hkl = miller_indices(cell, vector(scratch, QX, i))
            nearest = nearest_lattice_point(hkl)
            enter_indices(crystal, hkl, nearest, i, scratch, small)
            if cubic:
                _enter_cubic(lookup, grid, is_tested(crystal, hkl, nearest, skip_zero), hkl, i, scratch)
                enter_weights_of(hkl[0], 0, i, scratch, small)
                enter_weights_of(hkl[1], 4 * BLOCK, i, scratch, small)
                enter_weights_of(hkl[2], 8 * BLOCK, i, scratch, small)
            else:
                scratch[INDEX + i] = nearest_place(grid, nearest, WHOLE_SHIFT)
        if cubic and single:
            for i in range(n):
                at = SMALL_WEIGHTS + i
                _enter_four(single_weights(small[at]), at, small)
                _enter_four(single_weights(small[at + 4 * BLOCK]), at + 4 * BLOCK, small)
                _enter_four(single_weights(small[at + 8 * BLOCK]), at + 8 * BLOCK, small)

    return places


@inlined
def _leave_source(weighed, n, scratch):
    """Hand over the lanes that an index of this source brought out of the table."""
    for i in range(n):
        # a weight of 0 marks a lane beyond the resolution limit, unless other factors are in it
        seen = scratch[SEEN + i] if weighed else scratch[WEIGHT + i]
        if scratch[OUT + i] != 0.0 and seen != 0.0:
            scratch[BAD + i] = OUT_OF_MARGIN
        scratch[OUT + i] = 0.0


def _make_look_up(cubic, precision):
    """Loop over lanes: squared structure factors, in the precision of the table."""
    @inlined
    def square(grid, i, scratch):
        return grid.squares[np.uint64(shifted_whole(scratch[INDEX + i]))]

    @inlined
    def interpolated(grid, rows, weights, i, scratch):
        at = weights + i
        f = tricubic(grid.amplitudes, np.uint64(np.int64(scratch[INDEX + i])), np.uint64(grid.row_h),
                     np.uint64(grid.row_k), _four(rows, at), _four(rows, at + 4 * BLOCK), _four(rows, at + 8 * BLOCK))
        return f * f

    @inlined
    def double(grid, n, scratch, small):
        for i in range(n):
            scratch[F_SQUARED + i] = (interpolated(grid, scratch, WEIGHTS, i, scratch) if cubic
                                      else square(grid, i, scratch))

    @inlined
    def single(grid, n, scratch, small):
        for i in range(n):
            small[SMALL_F_SQUARED + i] = (interpolated(grid, small, SMALL_WEIGHTS, i, scratch) if cubic
                                          else square(grid, i, scratch))

    return single if precision == SINGLE else double


def _make_add(shape, about, precision, summation):
    """Loop over lanes: squared lattice factors, and the terms added to the sums."""
    stages, policy = lane_stages(shape, precision, about), summing(shape, precision, summation)
    middle = None if stages is None else stages.middle
    factor = lane_factor(shape, precision, about) if stages is None else stages.late
    of_fractions = SHAPE_OF[shape].single
    # a second number that is not used is not touched
    second = uses_second(shape, precision, summation)

    @inlined
    def enter_term(square, spread, weighted, i, scratch):
        f_squared = scratch[F_SQUARED + i] * scratch[WEIGHT + i] if weighted else scratch[F_SQUARED + i]
        total, other = policy(scratch[SUM + i], scratch[CORRECTION + i], f_squared, square, spread)
        scratch[SUM + i] = total
        if second:
            scratch[CORRECTION + i] = other

    @inlined
    def double(crystal, weighted, n, scratch, small):
        for i in range(n):
            square, spread = factor(crystal, vector(scratch, HKL, i), vector(scratch, NEAREST, i))
            enter_term(square, spread, weighted, i, scratch)

    @inlined
    def in_one_loop(crystal, weighted, n, scratch, small):
        for i in range(n):
            first, other = middle(crystal, vector(scratch, HKL, i), vector(scratch, NEAREST, i))
            square, spread = factor(crystal, first, other)
            enter_term(square, spread, weighted, i, scratch)

    @inlined
    def in_stages(crystal, weighted, n, scratch, small):
        for i in range(n):
            first, other = middle(crystal, vector(scratch, HKL, i), vector(scratch, NEAREST, i))
            scratch[HKL + i] = first
            scratch[HKL + BLOCK + i] = other
        for i in range(n):
            square, spread = factor(crystal, scratch[HKL + i], scratch[HKL + BLOCK + i])
            enter_term(square, spread, weighted, i, scratch)

    @inlined
    def single(crystal, weighted, n, scratch, small):
        if weighted:
            # a loop of its own: vectors of doubles are shorter
            for i in range(n):
                small[SMALL_F_SQUARED + i] *= np.float32(scratch[WEIGHT + i])
        numbers = single_crystal(crystal)
        for i in range(n):
            dh, dk, dl = vector(small, FRACTION, i)
            square = of_fractions(numbers, dh, dk, dl)
            total, other = policy(small[SMALL_SUM + i], small[SMALL_CORRECTION + i], small[SMALL_F_SQUARED + i],
                                  square, np.float32(0.0))
            small[SMALL_SUM + i] = total
            if second:
                small[SMALL_CORRECTION + i] = other

    if precision == SINGLE:
        return single
    if stages is None:
        return double
    # by a model of such processors, not measured: a quotient of 512 bits takes its unit as long as all else in that
    # loop, and sines are computed meanwhile
    return in_one_loop if is_wide() else in_stages


def running_sum(precision, summation):
    """The running sum of a lane: how it starts or goes on from another contribution's, is handed over, is totalled."""
    total, beginning = total_of(summation), start_of(precision)

    @inlined
    def start_double(background, part, place, n, sums, scratch, small):
        if not part.begins:
            for i in range(n):
                index = index_of(place, i, scratch)
                scratch[SUM + i] = sums[index, 0] + scratch[SUM + i]
                scratch[CORRECTION + i] = sums[index, 1]

    @inlined
    def start_single(background, part, place, n, sums, scratch, small):
        for i in range(n):
            small[SMALL_SUM + i], small[SMALL_CORRECTION + i] = beginning(background)
        if not part.begins:
            for i in range(n):
                index = index_of(place, i, scratch)
                small[SMALL_SUM + i] = np.float32(sums[index, 0]) + small[SMALL_SUM + i]
                small[SMALL_CORRECTION + i] = np.float32(sums[index, 1])

    @inlined
    def leave_double(place, n, scratch, small, sums):
        for i in range(n):
            index = index_of(place, i, scratch)
            sums[index, 0] = scratch[SUM + i]
            sums[index, 1] = scratch[CORRECTION + i]

    @inlined
    def leave_single(place, n, scratch, small, sums):
        for i in range(n):
            index = index_of(place, i, scratch)
            sums[index, 0] = small[SMALL_SUM + i]
            sums[index, 1] = small[SMALL_CORRECTION + i]

    @inlined
    def total_double(i, scratch, small):
        return total(scratch[SUM + i], scratch[CORRECTION + i])

    @inlined
    def total_single(i, scratch, small):
        return total(small[SMALL_SUM + i], small[SMALL_CORRECTION + i])

    if precision == SINGLE:
        return start_single, leave_single, total_single
    return start_double, leave_double, total_double


def lane_loops(shape, cubic, about, precision, summation):
    """The three loops of a step: where structure factors are, their look-up, lattice factors with the sum."""
    return (_make_places(shape, cubic, about, precision), _make_look_up(cubic, precision),
            _make_add(shape, about, precision, summation))


def finishing(precision, summation):
    """Loop over lanes: sums to photons, and what the certificate says of them."""
    verdict, (_, _, total) = verdict_of(precision), running_sum(precision, summation)

    @inlined
    def finish(sampling, bound, n, scratch, small):
        for i in range(n):
            value, within, flag = verdict(sampling, bound, total(i, scratch, small), scratch[BUDGET + i],
                                          scratch[CAPTURE + i], scratch[POLAR + i], scratch[OMEGA + i])
            scratch[BAD + i] = flag if scratch[BAD + i] == 0.0 else scratch[BAD + i]
            scratch[VALUE + i] = value
            scratch[WITHIN + i] = within

    return finish


@variants
def lane_kernel(shape, cubic, about, precision, summation):
    """Make the kernel for one crystal shape, with interpolated structure factors or nearest ones.

    Parameters
    ----------
    shape : int
        records.SQUARE, ROUND, GAUSS, TOPHAT, GAUSS_HKL or TOPHAT_HKL; ONE_CELL: the lattice factor is 1.
    cubic : bool
    about : bool
        Parallelepiped, exact: use the shorter reduction of the sines' arguments.
    precision, summation : int
        records.EXACT with SEQUENTIAL, COMPENSATED with KAHAN, SINGLE with either.

    Returns
    -------
    function
        lane_pixels(scene, grid, bound, pixels, axis, filled, flags) renders pixels start..stop-1 of a
        window (no list of them), with the polarisation axis in row `axis`.  flags[index - start]
        becomes 0 where the pixel of the image is right, a key of certificate.REASONS where it must
        be evaluated strictly.  Where `filled.doubles` has rows, doubles[index - start] becomes the
        value before rounding and its half-width (0 unless exact).
    """
    places, look_up, add_terms = lane_loops(shape, cubic, about, precision, summation)
    start_sum, leave_sum, _ = running_sum(precision, summation)
    finish = finishing(precision, summation)

    @jit(variant=(shape, cubic, about, precision, summation))
    def lane_pixels(scene, grid, bound, pixels, axis_row, filled, flags):
        scratch, small = on_stack(SCRATCH_SIZE, np.float64), on_stack(SMALL_SIZE, np.float32)
        geometry, beam, crystal, sampling = scene.geometry, scene.beam, scene.crystal, scene.sampling
        axis = polarisation_axis(beam.polarisation_axes, axis_row)
        place, start, stop = pixels.place, pixels.start, pixels.stop
        part, sums = filled.part, filled.sums
        weighed, by_source = per_step(sampling), is_captured_by_source(beam.attenuations)
        weighted = weighed or is_weighted(beam.weights) or beam.d_min > 0.0
        orientations = crystal.phi_rows.shape[0] * crystal.domains
        patience, turn = bound.patience, 0
        for first in range(start, stop, BLOCK):
            n = gather(place, pixels.mask, first, min(first + BLOCK, stop), scratch)
            start_pixels(sampling.background, first_polar(beam), n, scratch)
            start_sum(sampling.background, part, place, n, sums, scratch, small)
            for layer in range(geometry.layers):
                start_layer(geometry, n, scratch)
                for sub_slow in range(geometry.oversample):
                    for sub_fast in range(geometry.oversample):
                        enter_sub_pixel(geometry, sampling, by_source, layer, sub_slow, sub_fast, n, scratch)
                        for source in range(number_of_sources(beam)):
                            if is_halted(filled.halt):
                                return
                            if enter_source(geometry, beam, sampling, layer, source, axis, n, scratch) == 0:
                                continue
                            if weighed:
                                enter_weights(sampling, n, scratch)
                            if not cubic and is_dark(bound.beyond, n, scratch):
                                continue
                            asked, middle, half, passed = False, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0
                            turn += 1
                            if not cubic and is_tried(bound, patience, turn):
                                asked, middle, half = box_of(n, scratch)
                            for phi_step in range(crystal.phi_rows.shape[0]):
                                for domain in range(crystal.domains):
                                    if is_halted(filled.halt):
                                        return
                                    cell = rotated_cell(crystal, crystal.phi_rows[phi_step], domain)
                                    if asked and has_only_zeros(grid, cell, (middle, half), bound.margin):
                                        passed += 1
                                        continue
                                    places(crystal, scene.lookup, grid, sampling.skip_zero, cell, n, scratch, small)
                                    look_up(grid, n, scratch, small)
                                    add_terms(crystal, weighted, n, scratch, small)
                            if asked:
                                patience = patience_after(bound, patience, passed, orientations)
                            if cubic:
                                _leave_source(weighed, n, scratch)
            if part.ends:
                finish(sampling, bound, n, scratch, small)
                leave(place, start, n, scratch, filled, flags)
            else:
                leave_sum(place, n, scratch, small, sums)
                leave_flags(place, start, n, scratch, flags)

    return lane_pixels
