"""The lane evaluator for compact spots: of each orientation only the leaves that it can reach.

A block is a tile of 16 x 8 pixels, whose leaves of 4 x 4 stand one after the other in the scratch (`lane_rows`), so
that all that is done once for a pixel, a sub-pixel or a source is done by the lanes' own functions.  The terms that
are added are the lanes' own too; what is left out is bounded by `cull` and counted into the budget of the certificate.
"""

import numpy as np

from ..arithmetic.fused import ceil, sqrt
from ..compile.compilation import inlined, jit, variants
from ..compile.halting import is_halted
from ..compile.stack import on_stack
from ..physics.lattice import miller_indices
from ..physics.records import EXACT, SEQUENTIAL
from ..physics.shapes import lane_factor
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
from .cull import (
    ALONE_NOW,
    CENTRES,
    EXTENT_H,
    EXTENT_K,
    EXTENT_L,
    FLOOR_BITS,
    FOUND_SIZE,
    GROUP,
    LEAF,
    LENGTH_NOW,
    LINEAR_UU,
    LINEAR_UV,
    LINEAR_VV,
    LOW,
    LOW_NOW,
    MODEL_SIZE,
    PLACE_NOW,
    RELATIVE_BITS,
    ROWS_SIZE,
    SQUARE_NOW,
    TILE_FAST,
    TILE_SLOW,
    U_NOW,
    V_NOW,
    axis_bound,
    enter_boxes,
    enter_extents,
    enter_model,
    enter_nearest,
    least_square,
    log2_above,
    log2_below,
    nearest_bounds,
)
from .lane_rows import (
    BLOCK,
    BUDGET,
    CAPTURE,
    OMEGA,
    POLAR,
    QX,
    SCRATCH_SIZE,
    SMALL_SIZE,
    SUM,
    WEIGHT,
    enter_source,
    enter_sub_pixel,
    enter_weights,
    gather_tile,
    leave,
    leave_flags,
    start_layer,
    start_pixels,
    vector,
)
from .lanes import finishing, lane_loops, running_sum
from .step import nearest_place

__all__ = ["cull_kernel"]

_LEAVES = BLOCK // LEAF

# -- entries: one lattice point that can be nearest to pixels of the leaf, of one orientation
(SQUARE_AT, ALONG_U, ALONG_V, LENGTH, OCTAVES, F_AT) = [row * 3 * GROUP for row in range(6)]
_MOST_ENTRIES = 3 * GROUP
_ENTRIES_SIZE, _LISTS_SIZE = 18 * GROUP, 5 * GROUP

# -- the reference of a leaf: the numbers of its entry, the quadratic part of its orientation, how bright it is
_REFERENCE = 9
(R_SQUARE, R_U, R_V, R_LENGTH, R_OCTAVES, R_UU, R_UV, R_VV, R_BRIGHT) = range(_REFERENCE)
_REFERENCES_SIZE, _LOSS_SIZE = _REFERENCE * _LEAVES, 2 * _LEAVES

#: Where a block keeps more than this part of its terms, some after it are not looked at: twice as many each time.
_WORTH_WHILE, _LONGEST_PAUSE = 0.75, 128


@inlined
def _brightest(sampling, n, scratch, work):
    """The largest factor from a sum to photons in a block, and the largest weight of a term."""
    for i in range(LEAF):
        work[i], work[LEAF + i] = 1e-60, 0.0
    for first in range(0, n, LEAF):
        for i in range(LEAF):
            at = first + i
            factor = abs(photons(sampling, 1.0, scratch[CAPTURE + at], scratch[POLAR + at], scratch[OMEGA + at]))
            work[i] = factor if factor > work[i] else work[i]
            work[LEAF + i] = scratch[WEIGHT + at] if scratch[WEIGHT + at] > work[LEAF + i] else work[LEAF + i]
    brightest, weight = 1e-60, 0.0
    for i in range(LEAF):
        brightest = work[i] if work[i] > brightest else brightest
        weight = work[LEAF + i] if work[LEAF + i] > weight else weight
    return brightest, weight


@inlined
def _limits(culling, brightest, weight, leaf, scratch):
    """What a term of a leaf must not exceed to be left out, and log2 of the largest weight over that."""
    least = np.inf
    for i in range(leaf * LEAF, leaf * LEAF + LEAF):
        least = scratch[SUM + i] if scratch[SUM + i] < least else least
    small, part = 2.0 ** -FLOOR_BITS / brightest, least * 2.0 ** -RELATIVE_BITS
    small = part if part > small and part < np.inf else small
    # of all steps of a pixel
    small = small * 2.0 ** -culling.terms
    return small, log2_above(weight) - log2_below(small)


@inlined
def _side(x):
    return 1.0 if x > 0.0 else -1.0


@inlined
def _points(x, extent):
    """How many lattice points can be the nearest along one axis: 1 or 2."""
    return 2 if not abs(x) + extent < 0.5 else 1


@inlined
def _is_far(points, least, cut):
    """Whether no term counts where a lattice point is no longer the nearest along an axis."""
    return points == 1 or 0.2499999 * least > cut


@inlined
def _own_cut(culling, brightness, octaves):
    """The squared distance from which on terms of a structure factor do not count."""
    if culling.decay > 0.0:
        return min(culling.reach, (brightness + octaves) * culling.inverse)
    return culling.reach if brightness + octaves > 0.0 else -1.0


@inlined
def _enter_alone(culling, grid, listing, brightness, found, entries, entered):
    """Enter the one lattice point of an orientation, if it matters to a leaf. Returns the number of entries now."""
    f_squared = grid.squares[np.uint64(np.int64(found[PLACE_NOW + listing]))]
    if f_squared == 0.0:
        return entered
    octaves = log2_above(f_squared)
    if found[LOW_NOW + listing] > _own_cut(culling, brightness, octaves):
        return entered
    if entered == _MOST_ENTRIES:
        return -1
    entries[SQUARE_AT + entered] = found[SQUARE_NOW + listing]
    entries[ALONG_U + entered] = found[U_NOW + listing]
    entries[ALONG_V + entered] = found[V_NOW + listing]
    entries[LENGTH + entered] = found[LENGTH_NOW + listing]
    entries[OCTAVES + entered] = octaves
    entries[F_AT + entered] = f_squared
    return entered + 1


@inlined
def _enter_entries(culling, grid, orientation, tile, limits, rows, entries, entered):
    """Enter the lattice points of one orientation that can matter to a leaf.

    Parameters
    ----------
    orientation : tuple of 2 int
        Its place among all, and in the group.
    tile : tuple
        U, V, the largest deviation and the longest s U + t V by the form, indices of the leaf's centre.
    limits : tuple of 2 float64
        Terms at this squared distance and beyond are left out, whatever their structure factor is; log2 of the
        largest term with a structure factor of 1 over what is left out.

    Returns
    -------
    entered : int
        Number of entries now; -1 where they do not fit, or cannot be told.
    alone : bool
        Whether all pixels of the leaf may be taken for nearest to the one lattice point that is nearest to its centre.
    """
    u, v, reach, spread, f = tile
    (j, number), (cut, brightness) = orientation, limits
    nearest = (ceil(f[0] - 0.5), ceil(f[1] - 0.5), ceil(f[2] - 0.5))
    x = (f[0] - nearest[0], f[1] - nearest[1], f[2] - nearest[2])
    eh, ek, el = rows[EXTENT_H + number], rows[EXTENT_K + number], rows[EXTENT_L + number]
    if not (eh < 0.5 and ek < 0.5 and el < 0.5):
        return -1, False
    nh, nk, nl = _points(x[0], eh), _points(x[1], ek), _points(x[2], el)
    sh, sk, sl = _side(x[0]), _side(x[1]), _side(x[2])
    least, begun, others = culling.least, entered, 0
    for h in range(nh):
        xh = x[0] - h * sh
        box_h = axis_bound(xh, eh, least[0])
        for k in range(nk):
            xk = x[1] - k * sk
            box_k = box_h + axis_bound(xk, ek, least[1])
            for l in range(nl):
                xl = x[2] - l * sl
                if box_k + axis_bound(xl, el, least[2]) > cut:
                    continue
                point = (nearest[0] + h * sh, nearest[1] + k * sk, nearest[2] + l * sl)
                f_squared = grid.squares[np.uint64(np.int64(nearest_place(grid, point, 0.0)))]
                if f_squared == 0.0:
                    continue
                octaves = log2_above(f_squared)
                own_cut = _own_cut(culling, brightness, octaves)
                square, along_u, along_v, size, low = nearest_bounds(culling, j, (xh, xk, xl), u, v, reach, spread)
                if low > own_cut:
                    continue
                low = (least_square(square, along_u, along_v, np.uint64(number), rows) - 2.0 * reach * size
                       - culling.rounding)
                if low > own_cut:
                    continue
                if entered == _MOST_ENTRIES:
                    return -1, False
                entries[SQUARE_AT + entered] = square
                entries[ALONG_U + entered] = along_u
                entries[ALONG_V + entered] = along_v
                entries[LENGTH + entered] = size
                entries[OCTAVES + entered] = octaves
                entries[F_AT + entered] = f_squared
                entered += 1
                others += h + k + l
    alone = (entered == begun + 1 and others == 0 and _is_far(nh, least[0], cut) and _is_far(nk, least[1], cut)
             and _is_far(nl, least[2], cut))
    return entered, alone


@inlined
def _is_dominated(culling, entry, number, entries, rows, reference, at, limits):
    """Whether a term is below 2^-bits of the reference's at every lane of the leaf; limits: reach and bits."""
    reach, bits = limits
    uu = rows[LINEAR_UU + number] - reference[at + R_UU]
    uv = abs(rows[LINEAR_UV + number] - reference[at + R_UV])
    vv = rows[LINEAR_VV + number] - reference[at + R_VV]
    low = ((entries[SQUARE_AT + entry] - reference[at + R_SQUARE])
           - 2.0 * (abs(entries[ALONG_U + entry] - reference[at + R_U])
                    + abs(entries[ALONG_V + entry] - reference[at + R_V]) + uv)
           + (uu if uu < 0.0 else 0.0) + (vv if vv < 0.0 else 0.0)
           - 2.0 * reach * (entries[LENGTH + entry] + reference[at + R_LENGTH] + reach) - 2.0 * culling.rounding)
    return culling.decay * low > bits + entries[OCTAVES + entry] - reference[at + R_OCTAVES]


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
        cull_pixels(scene, grid, (bound, culling), pixels, axis, filled, flags, account) does what
        `lanes.lane_kernel`'s does, pixels in any range, and adds to account[0] the terms of leaves that
        it was asked for and to account[1] those of them that it added up.  account[2] and account[3] are how
        many blocks are not looked at next, and were not the last time: what one chunk learns, the next knows.
        With account[3] = -1 all are.
    """
    factor = lane_factor(shape, EXACT, False)
    places, look_up, add_terms = lane_loops(shape, False, False, EXACT, SEQUENTIAL)
    start_sum, leave_sum, _ = running_sum(EXACT, SEQUENTIAL)
    finish = finishing(EXACT, SEQUENTIAL)

    @inlined
    def add_known(crystal, weighted, cell, nearest, f_squared, first, scratch):
        """Add the terms of a leaf of which one lattice point is the nearest everywhere."""
        for i in range(LEAF):
            at = first + i
            hkl = miller_indices(cell, vector(scratch, QX, at))
            square, _ = factor(crystal, hkl, nearest)
            weight = f_squared * scratch[WEIGHT + at] if weighted else f_squared
            scratch[SUM + at] += weight * square

    @inlined
    def add_any(scene, grid, weighted, cell, first, scratch, small):
        leaf = scratch[first:]
        places(scene.crystal, scene.lookup, grid, scene.sampling.skip_zero, cell, LEAF, leaf, small)
        look_up(grid, LEAF, leaf, small)
        add_terms(scene.crystal, weighted, LEAF, leaf, small)

    @inlined
    def sweep_leaf(task, first, listed, leaf, tile, limits, work):
        """Add what a leaf gets of the orientations listed. Returns how many of them were added."""
        scene, grid, culling, weighted = task
        model, rows, found, entries, lists, reference, loss, scratch, small = work
        lanes = leaf * LEAF
        at = CENTRES + 3 * leaf
        x, y, z = model[at], model[at + 1], model[at + 2]
        cells = culling.cells
        u, v, reach, spread = tile
        entered, kept, own = 0, 0, leaf * _REFERENCE
        enter_nearest(culling, grid, (first, listed, lists), (x, y, z), tile, limits[0], rows, found)
        for listing in range(listed):
            number, begun, alone = lists[listing], entered, found[ALONE_NOW + listing] > 0.0
            if alone:
                entered = _enter_alone(culling, grid, listing, limits[1], found, entries, begun)
            else:
                j = np.uint64(first + number)
                f = miller_indices(tabulated_orientation(cells, j), (x, y, z))
                entered, alone = _enter_entries(culling, grid, (j, number), (u, v, reach, spread, f), limits, rows,
                                                entries, begun)
            if entered < 0:
                # looked at no further
                entered = begun
                lists[GROUP + kept], lists[2 * GROUP + kept], lists[3 * GROUP + kept] = number, -1, 0
                lists[4 * GROUP + kept] = -1
                kept += 1
            elif entered > begun:
                lists[GROUP + kept], lists[2 * GROUP + kept], lists[3 * GROUP + kept] = number, begun, alone
                lists[4 * GROUP + kept] = entered
                kept += 1
                if alone and entries[F_AT + begun] > 1e-200 and culling.decay > 0.0:
                    bright = (entries[OCTAVES + begun] - culling.decay * entries[SQUARE_AT + begun])
                    if not bright <= reference[own + R_BRIGHT]:
                        reference[own + R_BRIGHT] = bright
                        reference[own + R_SQUARE] = entries[SQUARE_AT + begun]
                        reference[own + R_U] = entries[ALONG_U + begun]
                        reference[own + R_V] = entries[ALONG_V + begun]
                        reference[own + R_LENGTH] = entries[LENGTH + begun]
                        reference[own + R_OCTAVES] = log2_below(entries[F_AT + begun])
                        reference[own + R_UU] = rows[LINEAR_UU + number]
                        reference[own + R_UV] = rows[LINEAR_UV + number]
                        reference[own + R_VV] = rows[LINEAR_VV + number]
        added, bits = 0, RELATIVE_BITS + culling.terms
        for place in range(kept):
            number, begin, alone = lists[GROUP + place], lists[2 * GROUP + place], lists[3 * GROUP + place]
            if begin >= 0 and reference[own + R_BRIGHT] > -np.inf:
                dominated = True
                for entry in range(begin, lists[4 * GROUP + place]):
                    if not _is_dominated(culling, entry, number, entries, rows, reference, own, (reach, bits)):
                        dominated = False
                        break
                if dominated:
                    loss[_LEAVES + leaf] += 1.0
                    continue
            cell = tabulated_orientation(cells, np.uint64(first + number))
            if alone:
                f = miller_indices(cell, (x, y, z))
                nearest = (ceil(f[0] - 0.5), ceil(f[1] - 0.5), ceil(f[2] - 0.5))
                add_known(scene.crystal, weighted, cell, nearest, entries[F_AT + begin], lanes, scratch)
            else:
                add_any(scene, grid, weighted, cell, lanes, scratch, small)
            added += 1
        return added

    @inlined
    def sweep(task, place, n, halt, work):
        """Add all orientations of a view to a block. Returns how many leaves of them were added."""
        scene, _, culling, weighted = task
        model, rows, _, _, lists, reference, loss, scratch, _ = work
        rho, _ = enter_model(place, n, scratch, model, rows)
        brightest, weight = _brightest(scene.sampling, n, scratch, rows)
        total, added, leaves = culling.cells.shape[1], 0, n // LEAF
        u, v = (model[0], model[1], model[2]), (model[3], model[4], model[5])
        spread = culling.stretch * (sqrt(u[0] * u[0] + u[1] * u[1] + u[2] * u[2])
                                    + sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]))
        tile = (u, v, culling.stretch * rho, spread)
        for leaf in range(leaves):
            reference[leaf * _REFERENCE + R_BRIGHT] = -np.inf
        for first in range(0, total, GROUP):
            count = min(GROUP, total - first)
            enter_extents(culling, first, count, model, rho, rows)
            for leaf in range(leaves):
                if is_halted(halt):
                    return added
                limits = _limits(culling, brightest, weight, leaf, scratch)
                cut = culling.reach
                if culling.decay > 0.0:
                    cut = min(cut, (limits[1] + culling.largest) * culling.inverse)
                at = CENTRES + 3 * leaf
                enter_boxes(culling, first, count, model[at], model[at + 1], model[at + 2], rows)
                listed = 0
                for i in range(count):
                    lists[listed] = i
                    listed += 0 if rows[LOW + i] > cut else 1
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
        bound, culling = bounds
        scratch, small = on_stack(SCRATCH_SIZE, np.float64), on_stack(SMALL_SIZE, np.float32)
        model, rows = on_stack(MODEL_SIZE, np.float64), on_stack(ROWS_SIZE, np.float64)
        found = on_stack(FOUND_SIZE, np.float64)
        entries, lists = on_stack(_ENTRIES_SIZE, np.float64), on_stack(_LISTS_SIZE, np.int64)
        reference, loss = on_stack(_REFERENCES_SIZE, np.float64), on_stack(_LOSS_SIZE, np.float64)
        work = (model, rows, found, entries, lists, reference, loss, scratch, small)
        geometry, beam, sampling = scene.geometry, scene.beam, scene.sampling
        axis = polarisation_axis(beam.polarisation_axes, axis_row)
        place, start, stop = pixels.place, pixels.start, pixels.stop
        part, sums, width = filled.part, filled.sums, pixels.place[2]
        weighed, by_source = per_step(sampling), is_captured_by_source(beam.attenuations)
        weighted = weighed or is_weighted(beam.weights) or beam.d_min > 0.0
        task = (scene, grid, culling, weighted)
        for i in range(6):
            model[i] = 0.0
        pause, length = account[2], account[3]
        if start >= stop:
            return
        for row in range(start // width - start // width % TILE_SLOW, (stop - 1) // width + 1, TILE_SLOW):
            for column in range(0, width, TILE_FAST):
                n = gather_tile(place, pixels.mask, start, stop, row, column, scratch)
                if n == 0:
                    continue
                start_pixels(sampling.background, first_polar(beam), n, scratch)
                start_sum(sampling.background, part, place, n, sums, scratch, small)
                for i in range(2 * _LEAVES):
                    loss[i] = 0.0
                asked, added, plainly = 0, 0, pause > 0
                pause = pause - 1 if plainly else 0
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
                                asked += culling.cells.shape[1] * (n // LEAF)
                                if plainly:
                                    sweep_plainly(scene, grid, culling, n, weighted, filled.halt, scratch, small)
                                else:
                                    added += sweep(task, place, n, filled.halt, work)
                if plainly:
                    added = asked
                elif added > _WORTH_WHILE * asked:
                    length = min(2 * length + 1, _LONGEST_PAUSE)
                    pause = length
                else:
                    length = length // 4
                account[0] += asked * LEAF
                account[1] += added * LEAF
                for i in range(n):
                    kappa = loss[_LEAVES + i // LEAF] * 2.0 ** -(RELATIVE_BITS + culling.terms)
                    scratch[BUDGET + i] += (loss[i // LEAF] + kappa * abs(scratch[SUM + i])) / bound.spread * 1.000001
                if part.ends:
                    finish(sampling, bound, n, scratch, small)
                    leave(place, start, n, scratch, filled, flags)
                else:
                    leave_sum(place, n, scratch, small, sums)
                    leave_flags(place, start, n, scratch, flags)
        account[2], account[3] = pause, length

    return cull_pixels
