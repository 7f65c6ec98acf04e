"""Which reflection each step of a pixel belongs to, where few are near: many pixels side by side.

Steps, terms and sums are those of `attribute`, bit by bit.  Here each pixel of a block has its lane, and for each
lattice point that can be the nearest of any of its steps a place for sums: a box of indices, which is known before.
For an orientation whose axes a, b, c are within some distance of the mean ones has indices within the length of q
times that distance of the mean ones.  So a term is credited by an addition, at a place that vector code computes.
"""

import numpy as np

from ..arithmetic.fused import WHOLE_SHIFT, fma, shifted_whole
from ..arithmetic.vectors import magnitude
from ..compile.compilation import inlined, jit, variants
from ..compile.halting import is_halted
from ..compile.stack import on_stack
from ..physics.lattice import miller_indices, nearest_lattice_point, round_half_down
from ..physics.records import COMPENSATED
from ..physics.shapes import lane_factor
from ..physics.structure_factor import nearest_f
from ..physics.view import (
    first_polar,
    incident_direction,
    is_captured_by_source,
    number_of_sources,
    per_step,
    place_of_source,
    polarisation_axis,
    scattering_vector,
    tabulated_orientation,
)
from .lane_rows import (
    BLOCK,
    CAPTURE,
    FAST,
    HKL,
    INDEX,
    NEAREST,
    OMEGA,
    POLAR,
    QX,
    S1X,
    SCRATCH_SIZE,
    SLOW,
    WEIGHT,
    enter_source,
    enter_sub_pixel,
    enter_vector,
    enter_weights,
    start_layer,
    start_pixels,
    vector,
)
from .reflections import DONE, HALTED, WIDE, credit, key_of, place_of_pixel

__all__ = ["BLOCK", "lanes_of_reflections"]

# -- rows behind those of `lane_rows`: the least and the largest indices of a lane's box, in this order
(LEAST, _, _, MOST, _, _, BASE, TERM, UNSURE) = [SCRATCH_SIZE + row * BLOCK for row in range(9)]
_SIZE = SCRATCH_SIZE + 9 * BLOCK

#: Indices reach so much farther: more than rounding makes of the largest one.
_MARGIN = 1e-6


# -- boxes


@inlined
def _widen(index, reach, row, i, scratch):
    below, above = index - reach, index + reach
    least, most = scratch[LEAST + row + i], scratch[MOST + row + i]
    scratch[LEAST + row + i] = below if below < least else least
    scratch[MOST + row + i] = above if above > most else most


@inlined
def _enter_boxes(scene, cell, reach, n, scratch):
    """Enter the least and the largest whole numbers that can be nearest to indices of a lane.

    Parameters
    ----------
    cell : tuple of nine float
        Mean a, b, c [m].
    reach : (3,) float64
        Largest distance of those of an orientation from them [m].
    """
    geometry, beam = scene.geometry, scene.beam
    for axis in range(3):
        for i in range(n):
            scratch[LEAST + axis * BLOCK + i] = np.inf
            scratch[MOST + axis * BLOCK + i] = -np.inf
    for i in range(n):
        scratch[UNSURE + i] = 0.0
    for layer in range(geometry.layers):
        for sub_slow in range(geometry.oversample):
            for sub_fast in range(geometry.oversample):
                # no captured fractions: they take long, and are not needed
                enter_sub_pixel(geometry, scene.sampling, True, layer, sub_slow, sub_fast, n, scratch)
                for source in range(number_of_sources(beam)):
                    row, number = place_of_source(beam.per_direction, source)
                    s0, wavelength = incident_direction(beam.directions, row), beam.wavelengths[number]
                    for i in range(n):
                        q = scattering_vector(vector(scratch, S1X, i), s0, wavelength)
                        length, hkl = magnitude(q), miller_indices(cell, q)
                        _widen(hkl[0], length * reach[0] + _MARGIN, 0, i, scratch)
                        _widen(hkl[1], length * reach[1] + _MARGIN, BLOCK, i, scratch)
                        _widen(hkl[2], length * reach[2] + _MARGIN, 2 * BLOCK, i, scratch)
                        # stays 0 but for what is not finite
                        scratch[UNSURE + i] += 0.0 * (hkl[0] + hkl[1] + hkl[2])
    for axis in range(3):
        for i in range(n):
            scratch[LEAST + axis * BLOCK + i] = round_half_down(scratch[LEAST + axis * BLOCK + i])
            scratch[MOST + axis * BLOCK + i] = round_half_down(scratch[MOST + axis * BLOCK + i])


@inlined
def _largest_box(n, scratch):
    """How many whole numbers there are of h, k and l in the largest boxes, as floats; NaN where that is unknown."""
    nh, nk, nl, unsure = 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        least, most = vector(scratch, LEAST, i), vector(scratch, MOST, i)
        nh, nk, nl = max(nh, most[0] - least[0]), max(nk, most[1] - least[1]), max(nl, most[2] - least[2])
        unsure += scratch[UNSURE + i]
    return nh + 1.0 + unsure, nk + 1.0 + unsure, nl + 1.0 + unsure


@inlined
def _place_in_sums(nearest, strides, base):
    """Where the sums of a lattice point are, a whole number + WHOLE_SHIFT; all steps to it are exact."""
    return fma(nearest[0], strides[0], fma(nearest[1], strides[1], fma(nearest[2], strides[2], base)))


@inlined
def _enter_bases(strides, n, scratch):
    for i in range(n):
        least = vector(scratch, LEAST, i)
        scratch[BASE + i] = WHOLE_SHIFT + i - (least[0] * strides[0] + least[1] * strides[1] + least[2] * strides[2])


# -- terms


def _make_terms(factor):
    @inlined
    def terms(crystal, cell, strides, n, scratch):
        """Enter terms of one orientation, without structure factors, and where their sums are."""
        for i in range(n):
            hkl = miller_indices(cell, vector(scratch, QX, i))
            nearest = nearest_lattice_point(hkl)
            enter_vector(hkl, HKL, i, scratch)
            enter_vector(nearest, NEAREST, i, scratch)
            scratch[INDEX + i] = _place_in_sums(nearest, strides, scratch[BASE + i])
        for i in range(n):
            square, _ = factor(crystal, vector(scratch, HKL, i), vector(scratch, NEAREST, i))
            scratch[TERM + i] = square * scratch[WEIGHT + i]

    return terms


@inlined
def _add(n, sums, scratch):
    """Credit terms of the only sub-pixel; their places need no sums of their own, which would be half of it."""
    for i in range(n):
        sums[np.uint64(0), np.uint64(shifted_whole(scratch[INDEX + i]))] += scratch[TERM + i]


@inlined
def _add_with_place(n, slow, fast, sums, scratch):
    for i in range(n):
        at, term = np.uint64(shifted_whole(scratch[INDEX + i])), scratch[TERM + i]
        sums[np.uint64(0), at] += term
        sums[np.uint64(1), at] += term * slow
        sums[np.uint64(2), at] += term * fast


@inlined
def _finish(scene, indices, strides, filled, least, scratch):
    """Enter the reflections of pixels that are done into the table, and leave sums of 0. Returns as `credit` does."""
    sums, alone = filled[0], scene.geometry.oversample == 1
    for i in range(indices.shape[0]):
        pixel = (indices[i], scratch[FAST + i], scratch[SLOW + i])
        factors = (scratch[CAPTURE + i], scratch[POLAR + i], scratch[OMEGA + i])
        first, last = vector(scratch, LEAST, i), vector(scratch, MOST, i)
        for h in range(int(first[0]), int(last[0]) + 1):
            for k in range(int(first[1]), int(last[1]) + 1):
                for l in range(int(first[2]), int(last[2]) + 1):
                    nearest = (np.float64(h), np.float64(k), np.float64(l))
                    at = np.uint64(shifted_whole(_place_in_sums(nearest, strides, scratch[BASE + i])))
                    total, slow, fast = sums[np.uint64(0), at], sums[np.uint64(1), at], sums[np.uint64(2), at]
                    if total == 0.0:
                        continue
                    sums[np.uint64(0), at] = sums[np.uint64(1), at] = sums[np.uint64(2), at] = 0.0
                    if alone:
                        slow = fast = 0.5 * total
                    f = nearest_f(scene.lookup, nearest)
                    code = credit(scene.sampling, f * f, np.int64(key_of(nearest)), (total, slow, fast), pixel, factors,
                                  (filled[1], filled[2]), least)
                    if code != DONE:
                        return code
    return DONE


@variants
def lanes_of_reflections(shape):
    """Make the kernel that attributes the steps of listed pixels, of few reflections each.

    Parameters
    ----------
    shape : int
        As `shapes.lane_factor` takes it.

    Returns
    -------
    function
        attribute(scene, crystal, pixels, axis, filled, least, largest, halt): DONE, HALTED, which of the tables was too
        small, and is to be tried again, or WIDE, where a box of a block has more than `largest` lattice points.
        `crystal`: (9, orientations) of `cull.enter_cells`, their mean (9,), and the largest distances (3,) of an
        orientation's a, b and c from it [m]; `pixels`: place of the window as in records.Pixels, numbers of pixels
        within it, and (1,) int64 that becomes how many of them are done; `axis`: row of the polarisation axis;
        `filled`: (3, BLOCK largest) zeros for sums, which are left so if all is done, a `Table` and a `Bright`;
        `least`: photons above which a reflection is bright in a pixel.
    """
    terms = _make_terms(lane_factor(shape, COMPENSATED, False))

    @jit(variant=shape)
    def attribute(scene, crystal, pixels, axis_row, filled, least, largest, halt):
        scratch = on_stack(_SIZE, np.float64)
        (cells, mean, reach), (place, listed, done), sums = crystal, pixels, filled[0]
        geometry, beam, sampling = scene.geometry, scene.beam, scene.sampling
        axis = polarisation_axis(beam.polarisation_axes, axis_row)
        weighed, by_source = per_step(sampling), is_captured_by_source(beam.attenuations)
        alone = geometry.oversample == 1
        cell = (mean[0], mean[1], mean[2], mean[3], mean[4], mean[5], mean[6], mean[7], mean[8])
        for first in range(0, listed.shape[0], BLOCK):
            done[0] = first
            indices = listed[first:min(first + BLOCK, listed.shape[0])]
            n = indices.shape[0]
            for i in range(n):
                scratch[FAST + i], scratch[SLOW + i] = place_of_pixel(place, indices[i])
            start_pixels(0.0, first_polar(beam), n, scratch)
            _enter_boxes(scene, cell, reach, n, scratch)
            nh, nk, nl = _largest_box(n, scratch)
            # not a number is neither
            if not nh * nk * nl <= largest:
                return WIDE
            strides = (np.float64(BLOCK), BLOCK * nh, BLOCK * nh * nk)
            _enter_bases(strides, n, scratch)
            start_pixels(0.0, first_polar(beam), n, scratch)
            for layer in range(geometry.layers):
                start_layer(geometry, n, scratch)
                for sub_slow in range(geometry.oversample):
                    for sub_fast in range(geometry.oversample):
                        enter_sub_pixel(geometry, sampling, by_source, layer, sub_slow, sub_fast, n, scratch)
                        slow, fast = (sub_slow + 0.5) / geometry.oversample, (sub_fast + 0.5) / geometry.oversample
                        for source in range(number_of_sources(beam)):
                            if enter_source(geometry, beam, sampling, layer, source, axis, n, scratch) == 0:
                                continue
                            if weighed:
                                enter_weights(sampling, n, scratch)
                            for j in range(cells.shape[1]):
                                if is_halted(halt):
                                    return HALTED
                                terms(scene.crystal, tabulated_orientation(cells, j), strides, n, scratch)
                                if alone:
                                    _add(n, sums, scratch)
                                else:
                                    _add_with_place(n, slow, fast, sums, scratch)
            code = _finish(scene, indices, strides, filled, least, scratch)
            if code != DONE:
                return code
        done[0] = listed.shape[0]
        return DONE

    return attribute
