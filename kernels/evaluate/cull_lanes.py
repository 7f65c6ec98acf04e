"""The lane evaluator for compact spots: of each orientation only the leaves that it can reach.

A block is a tile of 16 x 8 pixels, whose leaves of 4 x 4 stand one after the other in the scratch (`lane_rows`), so
that all that is done once for a pixel, a sub-pixel or a source is done by the lanes' own functions.  The terms that
are added are the lanes' own too; what is left out is bounded by `cull` and counted into the budget of the certificate.
"""

import numpy as np

from ..arithmetic.fused import fma, sqrt
from ..compile.compilation import inlined, jit, variants
from ..compile.halting import is_halted
from ..compile.stack import on_stack
from ..physics.lattice import fractions, miller_indices
from ..physics.records import EXACT, SEQUENTIAL
from ..physics.shapes import SHAPE_OF, lane_factor
from ..physics.view import (
    first_polar,
    is_captured_by_source,
    is_weighted,
    number_of_sources,
    per_step,
    photons,
    polarisation_axis,
    tabulated_orientation,
)
from .certificate import ABSOLUTE
from .cull import (
    ADDED,
    ALONE_NOW,
    BRIGHT_NOW,
    CENTRES,
    F_NOW,
    FOUND_SIZE,
    GROUP,
    KEPT_NOW,
    LEAF,
    LISTED,
    LISTS_SIZE,
    LOW_NOW,
    MODEL_SIZE,
    OCTAVES_NOW,
    PLACE_NOW,
    POINT_NOW,
    RELATIVE_BITS,
    ROWS_SIZE,
    SQUARE_EXTENT,
    SQUARE_NOW,
    TILE_FAST,
    TILE_SLOW,
    U_NOW,
    UU_NOW,
    UV_NOW,
    V_NOW,
    VV_NOW,
    cut_of,
    enter_extents,
    enter_model,
    enter_nearest,
    enter_square,
    least_difference,
    limits_of,
    list_boxes,
    list_of_those,
    log2_above,
    log2_below,
    middle_of,
    with_cells,
)
from .dark import is_dark
from .lane_rows import (
    BLOCK,
    BUDGET,
    CAPTURE,
    FAST,
    OMEGA,
    POLAR,
    QX,
    SCRATCH_SIZE,
    SLOW,
    SMALL_SIZE,
    SUM,
    WEIGHT,
    enter_source,
    enter_sub_pixel,
    enter_weights,
    gather_tile,
    leave,
    leave_flags,
    leave_tile,
    leave_zeros,
    start_layer,
    start_pixels,
    vector,
)
from .lanes import finishing, lane_loops, running_sum
from .patch import NEAR_SIZE, PATCH_FAST, PATCH_LEAVES, PATCH_SLOW, leaves_of_tile, look_near

__all__ = ["cull_kernel"]

_LEAVES = BLOCK // LEAF

_HALF = LEAF // 2

# -- the reference of half a leaf: squared distance, U and V, UU, UV, VV, length, octaves, how bright it is
_REFERENCE = 9
(R_SQUARE, R_U, R_V, R_UU, R_UV, R_VV, R_LENGTH, R_OCTAVES, R_BRIGHT) = range(_REFERENCE)
_REFERENCES_SIZE, _LOSS_SIZE = _REFERENCE * 2 * _LEAVES, _LEAVES

#: Where a block keeps more than this part of its terms, some after it are not looked at: twice as many each time.
_WORTH_WHILE, _LONGEST_PAUSE = 0.75, 128


@inlined
def _brightest(sampling, n, scratch, work):
    """The largest factor from a sum to photons in a block, and the largest weight of a term."""
    for i in range(LEAF):
        work[i], work[LEAF + i] = 1e-60, 0.0
    for first in range(0, n, LEAF):
        leaf = scratch[first:]
        for i in range(LEAF):
            factor = abs(photons(sampling, 1.0, leaf[CAPTURE + i], leaf[POLAR + i], leaf[OMEGA + i]))
            work[i] = factor if factor > work[i] else work[i]
            work[LEAF + i] = leaf[WEIGHT + i] if leaf[WEIGHT + i] > work[LEAF + i] else work[LEAF + i]
    brightest, weight = 1e-60, 0.0
    for i in range(LEAF):
        brightest = work[i] if work[i] > brightest else brightest
        weight = work[LEAF + i] if work[LEAF + i] > weight else weight
    return brightest, weight


@inlined
def _smallest_sum(leaf, scratch):
    """The smallest sum of a lane of a leaf so far."""
    least = np.inf
    for i in range(leaf * LEAF, leaf * LEAF + LEAF):
        least = scratch[SUM + i] if scratch[SUM + i] < least else least
    return least


@inlined
def _largest_cut(culling, brightest, weight, square, scratch):
    """The squared distance from which on no term counts in a square of four leaves: the largest of theirs."""
    cut = -np.inf
    for number in range(4):
        least = _smallest_sum(2 * square + number % 2 + number // 2 * 4, scratch)
        cut = max(cut, cut_of(culling, limits_of(culling, brightest, weight, least)[1]))
    return cut


@inlined
def _gather_near(all_cells, marks, of_tile, start, own, lists):
    """Gather the orientations that are entered for a tile, from one of them on, with their leaves.

    Returns how many there are, no more than a group, and the orientation to go on with.
    """
    total, count, j = all_cells.shape[1], 0, start
    while j < total and count < GROUP:
        bits = np.int64(marks[j]) & of_tile
        if bits != 0:
            for i in range(9):
                own[i, count] = all_cells[i, j]
            lists[LISTED + count] = bits
            count += 1
        j += 1
    return count, j


@inlined
def _leaf_of_patch(place, corner, first, scratch):
    """Which leaf of the patch one is, whose lanes begin here."""
    fast = np.int64(scratch[FAST + first]) - place[0] - corner[0]
    slow = np.int64(scratch[SLOW + first]) - place[1] - corner[1]
    return fast // 4 + slow // 4 * PATCH_LEAVES


@inlined
def _list_marked(count, leaf, lists):
    """List those of a gathered group that are entered for a leaf of the patch."""
    listed = 0
    for i in range(count):
        lists[np.uint64(listed)] = i
        listed += (lists[LISTED + i] >> leaf) & 1
    return listed


@inlined
def _own_cut(culling, brightness, f_squared, octaves):
    """The squared distance from which on terms of a structure factor do not count."""
    visible = brightness + octaves
    if culling.decay > 0.0:
        cut = visible * culling.inverse
        cut = cut if cut < culling.reach else culling.reach
    else:
        cut = culling.reach if visible > 0.0 else -1e300
    return cut if f_squared > 0.0 else -1e300


@inlined
def _enter_brightness(culling, listed, brightness, found):
    """Enter which halves of a leaf the terms of listed orientations matter to, and how bright they are there."""
    decay = culling.decay
    for i in range(listed):
        f_squared = found[F_NOW + i]
        octaves = log2_above(f_squared)
        cut = _own_cut(culling, brightness, f_squared, octaves)
        found[OCTAVES_NOW + i] = octaves
        for half in range(2):
            t, at = middle_of(half), half * GROUP + i
            kept = found[LOW_NOW + at] <= cut
            square = found[SQUARE_NOW + i] + t * (2.0 * found[V_NOW + i] + t * found[VV_NOW + i])
            # a reference must be there, and large enough for its logarithm
            usable = kept & (f_squared > 1e-200) & (decay > 0.0)
            found[KEPT_NOW + at] = 1.0 if kept else 0.0
            found[BRIGHT_NOW + at] = octaves - decay * square if usable else -np.inf


@inlined
def _enter_reference(culling, half, listed, spread, found, reference, own):
    """Enter the brightest of the listed orientations as the reference of half a leaf, if it is brighter than that."""
    brightest, best = reference[own + R_BRIGHT], -1
    for i in range(listed):
        if found[BRIGHT_NOW + half * GROUP + i] > brightest:
            brightest, best = found[BRIGHT_NOW + half * GROUP + i], i
    if best >= 0:
        reference[own + R_BRIGHT] = brightest
        reference[own + R_SQUARE] = found[SQUARE_NOW + best]
        reference[own + R_U], reference[own + R_V] = found[U_NOW + best], found[V_NOW + best]
        reference[own + R_UU], reference[own + R_UV] = found[UU_NOW + best], found[UV_NOW + best]
        reference[own + R_VV] = found[VV_NOW + best]
        reference[own + R_LENGTH] = sqrt(found[SQUARE_NOW + best] + culling.rounding) + spread
        reference[own + R_OCTAVES] = log2_below(found[F_NOW + best])


@inlined
def _leave_dominated(culling, half, listed, reach, spread, found, r):
    """Leave out terms that are below 2^-bits of the reference's at every lane of half a leaf, all steps together."""
    t, bits = middle_of(half), RELATIVE_BITS + culling.terms
    for i in range(listed):
        length = sqrt(found[SQUARE_NOW + i] + culling.rounding) + spread
        low = least_difference(t, found[SQUARE_NOW + i] - r[R_SQUARE],
                               (found[U_NOW + i] - r[R_U], found[V_NOW + i] - r[R_V]),
                               (found[UU_NOW + i] - r[R_UU], found[UV_NOW + i] - r[R_UV], found[VV_NOW + i] - r[R_VV]))
        low -= 2.0 * reach * (length + r[R_LENGTH] + reach) + 2.0 * culling.rounding
        if culling.decay * low > bits + found[OCTAVES_NOW + i] - r[R_OCTAVES]:
            found[KEPT_NOW + half * GROUP + i] = 0.0


@inlined
def _reference_of(reference, own):
    return (reference[own], reference[own + 1], reference[own + 2], reference[own + 3], reference[own + 4],
            reference[own + 5], reference[own + 6], reference[own + 7])


def _adding(shape):
    """Make the loop that adds terms of which one lattice point is known to be the nearest: numbers, and the loop."""
    brief, factor = SHAPE_OF[shape].brief, lane_factor(shape, EXACT, False)

    @inlined
    def no_numbers(crystal, constants):
        return (1.0,), 0.0

    @inlined
    def add_exact(crystal, known, weighted, cell, nearest, f_squared, lanes, scratch):
        first, n = lanes
        scratch = scratch[first:]
        for i in range(n):
            square, _ = factor(crystal, miller_indices(cell, vector(scratch, QX, i)), nearest)
            weight = f_squared * scratch[WEIGHT + i] if weighted else f_squared
            scratch[SUM + i] += weight * square

    if brief is None:
        return no_numbers, add_exact
    squared, made = brief.square, brief.numbers

    @inlined
    def numbers_of(crystal, c):
        return made(crystal), (c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9], c[10], c[11], c[12], c[13])

    @inlined
    def add_brief(crystal, known, weighted, cell, nearest, f_squared, lanes, scratch):
        (numbers, constants), (first, n) = known, lanes
        weight, scratch = f_squared * numbers[-1], scratch[first:]
        for i in range(n):
            dh, dk, dl = fractions(miller_indices(cell, vector(scratch, QX, i)), nearest)
            own = weight * scratch[WEIGHT + i] if weighted else weight
            scratch[SUM + i] = fma(own, squared(numbers, constants, dh, dk, dl), scratch[SUM + i])

    return numbers_of, add_brief


@variants
def cull_kernel(shape):
    """Make the culling kernel for one compact crystal shape, structure factors not interpolated, exact.

    Parameters
    ----------
    shape : int
        records.GAUSS, TOPHAT, GAUSS_HKL or TOPHAT_HKL.

    Returns
    -------
    function
        cull_pixels(scene, grid, (bound, culling, own, marks), pixels, axis, filled, flags, account) does what
        `lanes.lane_kernel`'s does, pixels in any range, and adds to account[0] the terms of leaves that
        it was asked for and to account[1] those of them that it added up.  account[2] and account[3] are how
        many blocks are not looked at next, and were not the last time: what one chunk learns, the next knows.
        With account[3] = -1 all are.
    """
    numbers_of, add_known = _adding(shape)
    places, look_up, add_terms = lane_loops(shape, False, False, EXACT, SEQUENTIAL)
    start_sum, leave_sum, _ = running_sum(EXACT, SEQUENTIAL)
    finish = finishing(EXACT, SEQUENTIAL)

    @inlined
    def add_any(scene, grid, weighted, cell, first, scratch, small):
        leaf = scratch[first:]
        places(scene.crystal, scene.lookup, grid, scene.sampling.skip_zero, cell, LEAF, leaf, small)
        look_up(grid, LEAF, leaf, small)
        add_terms(scene.crystal, weighted, LEAF, leaf, small)

    @inlined
    def sweep_leaf(task, first, listed, leaf, tile, limits, work):
        """Add what a leaf gets of the orientations listed. Returns how many halves of it were added to."""
        scene, grid, culling, weighted, numbers = task
        model, rows, found, lists, reference, loss, scratch, small = work
        at, lanes, (reach, spread, half_leaf, whole) = CENTRES + 3 * leaf, leaf * LEAF, tile
        cells, added = culling.cells, 0
        enter_nearest(culling, grid, (first, listed, lists), (model[at], model[at + 1], model[at + 2]), reach,
                      limits[0], rows, found)
        for listing in range(listed):
            if found[ALONE_NOW + listing] > 0.0:
                found[F_NOW + listing] = grid.squares[np.uint64(np.int64(found[PLACE_NOW + listing]))]
            else:
                found[F_NOW + listing] = 0.0
                cell = tabulated_orientation(cells, np.uint64(first + lists[listing]))
                add_any(scene, grid, weighted, cell, lanes, scratch, small)
                added += 2
        _enter_brightness(culling, listed, limits[1], found)
        for half in range(2):
            own = (2 * leaf + half) * _REFERENCE
            _enter_reference(culling, half, listed, spread, found, reference, own)
            if reference[own + R_BRIGHT] > -np.inf:
                _leave_dominated(culling, half, listed, reach, spread, found, _reference_of(reference, own))
        kept = 0
        for listing in range(listed):
            lists[np.uint64(ADDED + kept)] = listing
            kept += 1 if found[KEPT_NOW + listing] + found[KEPT_NOW + GROUP + listing] > 0.0 else 0
        for place in range(kept):
            listing = lists[ADDED + place]
            # a lane that stands for a missing one is that of another place, perhaps in the other half
            upper = (found[KEPT_NOW + listing] > 0.0) | (not whole)
            lower = (found[KEPT_NOW + GROUP + listing] > 0.0) | (not whole)
            halves = 2 if upper & lower else 1
            cell = tabulated_orientation(cells, np.uint64(first + lists[listing]))
            point = (found[POINT_NOW + listing], found[POINT_NOW + GROUP + listing],
                     found[POINT_NOW + 2 * GROUP + listing])
            add_known(scene.crystal, numbers, weighted, cell, point, found[F_NOW + listing],
                      (lanes if upper else lanes + half_leaf, halves * half_leaf), scratch)
            added += halves
        return added

    @inlined
    def sweep(task, place, tile, patch, halt, work):
        """Add all orientations of a view to a block. Returns how many halves of leaves were added to."""
        (scene, grid, culling, weighted, numbers), (n, whole) = task, tile
        own, marks, corner, (column, row), is_near, (brightest, weight, far, _) = patch
        model, rows, _, lists, reference, loss, scratch, _ = work
        rho, _ = enter_model(place, n, scratch, model, rows)
        if not is_near:
            brightest, weight = _brightest(scene.sampling, n, scratch, rows)
        total, added, leaves, following = culling.cells.shape[1], 0, n // LEAF, 0
        spread = culling.stretch * (sqrt(model[0] * model[0] + model[1] * model[1] + model[2] * model[2])
                                    + sqrt(model[3] * model[3] + model[4] * model[4] + model[5] * model[5]))
        # half a leaf's lanes as a number that a compiler does not know: it would unroll loops and make no vectors
        tile = (culling.stretch * rho, spread, n // (2 * leaves), whole)
        for half in range(2 * leaves):
            reference[half * _REFERENCE + R_BRIGHT] = -np.inf
        if is_near:
            for leaf in range(leaves):
                loss[leaf] += far
        own_bits = leaves_of_tile(column, row)
        for _ in range(total):
            if following >= total:
                break
            if is_near:
                first, cells = 0, own
                count, following = _gather_near(culling.cells, marks, own_bits, following, own, lists)
                if count == 0:
                    break
            else:
                first, cells, count = following, culling.cells, min(GROUP, total - following)
                following += count
            group = with_cells(culling, cells)
            task = (scene, grid, group, weighted, numbers)
            enter_extents(group, first, count, model, rho, rows)
            # squares of leaves of whole tiles, where it pays; others leaf by leaf
            squares = n == BLOCK and not is_near
            for square in range(2 if squares else 1):
                leaves_now, of_square = 4 if squares else leaves, count
                if squares:
                    centre, off = enter_square(model, square)
                    cut = _largest_cut(culling, brightest, weight, square, scratch)
                    of_square = list_boxes(group, first, count, centre, (SQUARE_EXTENT, off + rho), cut, rows, lists)
                    for i in range(of_square):
                        lists[LISTED + i] = lists[i]
                for number in range(leaves_now):
                    if is_halted(halt):
                        return added
                    leaf = 2 * square + number % 2 + number // 2 * 4 if squares else number
                    limits = limits_of(culling, brightest, weight, _smallest_sum(leaf, scratch))
                    cut = cut_of(culling, limits[1])
                    at = CENTRES + 3 * leaf
                    centre = (model[at], model[at + 1], model[at + 2])
                    if is_near:
                        listed = _list_marked(count, _leaf_of_patch(place, corner, leaf * LEAF, scratch), lists)
                    elif 2 * of_square < count:
                        listed = list_of_those(group, first, of_square, centre, cut, rows, lists)
                    else:
                        listed = list_boxes(group, first, count, centre, (1.0, 0.0), cut, rows, lists)
                    if listed > 0:
                        added += sweep_leaf(task, first, listed, leaf, tile, (cut, limits[1] + culling.many), work)
                    # what is left out, and what is taken for another lattice point's
                    loss[leaf] += limits[0] * 2.0 * count
        return added

    @inlined
    def sweep_plainly(scene, grid, culling, n, weighted, halt, scratch, small):
        for j in range(culling.cells.shape[1]):
            if is_halted(halt):
                return
            cell = tabulated_orientation(culling.cells, np.uint64(j))
            places(scene.crystal, scene.lookup, grid, scene.sampling.skip_zero, cell, n, scratch, small)
            look_up(grid, n, scratch, small)
            add_terms(scene.crystal, weighted, n, scratch, small)

    @jit(variant=shape)
    def cull_pixels(scene, grid, bounds, pixels, axis_row, filled, flags, account):
        bound, culling, own, marks = bounds
        scratch, small = on_stack(SCRATCH_SIZE, np.float64), on_stack(SMALL_SIZE, np.float32)
        model, rows = on_stack(MODEL_SIZE, np.float64), on_stack(ROWS_SIZE, np.float64)
        found, lists = on_stack(FOUND_SIZE, np.float64), on_stack(LISTS_SIZE, np.int64)
        reference, loss = on_stack(_REFERENCES_SIZE, np.float64), on_stack(_LOSS_SIZE, np.float64)
        near = on_stack(NEAR_SIZE, np.float64)
        work = (model, rows, found, lists, reference, loss, scratch, small)
        geometry, beam, sampling = scene.geometry, scene.beam, scene.sampling
        axis = polarisation_axis(beam.polarisation_axes, axis_row)
        place, start, stop = pixels.place, pixels.start, pixels.stop
        part, sums, width = filled.part, filled.sums, pixels.place[2]
        weighed, by_source = per_step(sampling), is_captured_by_source(beam.attenuations)
        weighted = weighed or is_weighted(beam.weights) or beam.d_min > 0.0
        task = (scene, grid, culling, weighted, numbers_of(scene.crystal, culling.constants))
        total, sources = culling.cells.shape[1], number_of_sources(beam)
        views = geometry.layers * geometry.oversample * geometry.oversample * sources
        for i in range(6):
            model[i] = 0.0
        pause, length = account[2], account[3]
        if start >= stop:
            return
        # patches of four tiles
        across = (width + PATCH_FAST - 1) // PATCH_FAST
        first_patch = start // width // PATCH_SLOW * across
        for number in range(4 * first_patch, 4 * ((stop - 1) // width // PATCH_SLOW + 1) * across):
            top, left, tile = number // 4 // across * PATCH_SLOW, number // 4 % across * PATCH_FAST, number % 4
            row, column = top + tile // 2 * TILE_SLOW, left + tile % 2 * TILE_FAST
            if tile == 0:
                if is_halted(filled.halt):
                    return
                entered, seen = np.int64(-1), (0.0, 0.0, 0.0, False)
                if marks.shape[0] > 0 and pause < 4:
                    entered, seen = look_near(scene, grid, culling, (place[0] + left, place[1] + top),
                                              (near, lists, found), marks)
            brightest, weight, far, is_scaled = seen
            if column >= width:
                continue
            if entered >= 0 and entered & leaves_of_tile(column - left, row - top) == 0 and is_scaled:
                within = brightest * (far * views * 1.000001 + bound.smallest) * 1.000001 + ABSOLUTE
                if (sampling.background == 0.0 and part.begins and part.ends and np.float32(within) == 0.0):
                    account[0] += leave_zeros(pixels, row, column, within, filled) * views * total
                    continue
            n, whole = gather_tile(place, pixels.mask, start, stop, row, column, scratch)
            if n == 0:
                continue
            start_pixels(sampling.background, first_polar(beam), n, scratch)
            start_sum(sampling.background, part, place, n, sums, scratch, small)
            for i in range(_LEAVES):
                loss[i] = 0.0
            asked, added, plainly = 0, 0, pause > 0
            pause = pause - 1 if plainly else 0
            for layer in range(geometry.layers):
                start_layer(geometry, n, scratch)
                for sub_slow in range(geometry.oversample):
                    for sub_fast in range(geometry.oversample):
                        enter_sub_pixel(geometry, sampling, by_source, layer, sub_slow, sub_fast, n, scratch)
                        for source in range(sources):
                            if is_halted(filled.halt):
                                return
                            if enter_source(geometry, beam, sampling, layer, source, axis, n, scratch) == 0:
                                continue
                            if weighed:
                                enter_weights(sampling, n, scratch)
                            asked += total * (n // _HALF)
                            if is_dark(bound.beyond, n, scratch):
                                continue
                            if plainly:
                                sweep_plainly(scene, grid, culling, n, weighted, filled.halt, scratch, small)
                            else:
                                patch = (own, marks[layer * sources + source if entered >= 0 else 0], (left, top),
                                         (column - left, row - top), entered >= 0, seen)
                                added += sweep(task, place, (n, whole), patch, filled.halt, work)
            if plainly:
                added = asked  # where it is dark, too: it does not matter for what is looked at
            elif added > _WORTH_WHILE * asked:
                length = min(2 * length + 1, _LONGEST_PAUSE)
                pause = length
            else:
                length = length // 4
            account[0] += asked * _HALF
            account[1] += added * _HALF
            for i in range(n):
                off = loss[i // LEAF] + culling.relative * abs(scratch[SUM + i])
                scratch[BUDGET + i] += off / bound.spread * 1.000001
            if part.ends:
                finish(sampling, bound, n, scratch, small)
                if whole:
                    leave_tile(place, start, scratch, filled, flags)
                else:
                    leave(place, start, n, scratch, filled, flags)
            else:
                leave_sum(place, n, scratch, small, sums)
                leave_flags(place, start, n, scratch, flags)
        account[2], account[3] = pause, length

    return cull_pixels
