"""Which reflection each step of a pixel belongs to: terms summed up by the lattice point that is nearest.

The steps are those of the image: every layer, sub-pixel, source, spindle angle and mosaic domain, in that order, with
the rules of `view`.  A term is credited to the whole numbers nearest to its h, k, l, halves going down, as the C
program rounds them.  Lattice factors are the accurate forms of the lanes, within some 1e-14 of the strict ones.  Of
the nearest structure factor only the square times the sum is needed, so it is looked up once for each reflection of a
pixel.

This form takes any number of reflections in a pixel, and interpolated structure factors; `attribute_lanes` is for few.
"""

from typing import NamedTuple

import numpy as np

from ..arithmetic.vectors import magnitude, unit
from ..compile.compilation import inlined, jit, variants
from ..compile.halting import is_halted
from ..physics.geometry import capture_fraction, solid_angle, sub_pixel_position
from ..physics.lattice import miller_indices, nearest_lattice_point
from ..physics.polarisation import polarisation_factor
from ..physics.records import COMPENSATED
from ..physics.shapes import lane_factor
from ..physics.structure_factor import nearest_f
from ..physics.view import (
    beyond_limit,
    first_capture,
    first_polar,
    incident_direction,
    is_captured_by_source,
    is_renewed,
    is_weighted,
    number_of_sources,
    place_of_source,
    polarisation_axis,
    scattering_vector,
    tabulated_orientation,
    weigh_step,
)
from .reflections import DONE, FULL_OWN, HALTED, credit, key_of, parts_of, place_of_pixel, slot_of
from .strict import step

__all__ = ["NO_KEY", "Own", "SCRATCH_SIZE", "attribution_kernel"]

#: Lanes and steps that are computed side by side.
LANES, STEPS = 256, 4096

# -- rows of the scratch array: of lanes, which are views; of pixels; of steps
(QX, QY, QZ, WEIGHT, SUB_SLOW, SUB_FAST, FIRST, LAST, CAPTURE, POLAR, OMEGA, H_NOW, K_NOW, L_NOW, WEIGHT_NOW, KEY_NOW,
 TERM_NOW, HELD) = [row * LANES for row in range(18)]
KEYS = 18 * LANES
TERMS = KEYS + STEPS
SCRATCH_SIZE = TERMS + STEPS

#: Of a slot that is free.
NO_KEY = 0.5


class Own(NamedTuple):
    """Reflections of one pixel."""

    keys: np.ndarray  # (2 n,) float64: the key of a slot, or NO_KEY; n is a power of two
    sums: np.ndarray  # (2 n, 3): sum of terms, and of terms times slow and fast [pixels from the pixel's corner]
    slots: np.ndarray  # (n,) int64: slots in use, in the order in which reflections were met


# -- views


@inlined
def _next_view(geometry, sources, at):
    """The layer, sub-pixel and source that follow, in the order of the sum."""
    layer, sub_slow, sub_fast, source = at
    source += 1
    if source == sources:
        source, sub_fast = 0, sub_fast + 1
        if sub_fast == geometry.oversample:
            sub_fast, sub_slow = 0, sub_slow + 1
            if sub_slow == geometry.oversample:
                sub_slow, layer = 0, layer + 1
    return layer, sub_slow, sub_fast, source


@inlined
def _enter_view(scene, axis, pixel, at, held, lane, scratch):
    """Enter a view into a lane.

    Parameters
    ----------
    pixel : tuple of two int
        Fast and slow place on the panel.
    at : tuple of four int
        Layer, sub-pixel (slow, fast) and source.
    held : tuple
        Direction s1, solid angle, captured fraction and polarisation factor, as the view before has left them.

    Returns
    -------
    int
        1 where the view is within the resolution limit, else 0: the lane is free.
    tuple
        What is held now.
    """
    geometry, beam, sampling = scene.geometry, scene.beam, scene.sampling
    layer, sub_slow, sub_fast, source = at
    s1, omega, capture, polar = held
    by_source = is_captured_by_source(beam.attenuations)
    if source == 0:
        if sub_slow == 0 and sub_fast == 0:
            capture = first_capture(geometry)
        s1, airpath = unit(sub_pixel_position(geometry, pixel[0], pixel[1], layer, sub_slow, sub_fast))
        if is_renewed(omega, sampling.oversample_omega):
            omega = solid_angle(geometry, airpath)
        if not by_source and is_renewed(capture, sampling.oversample_thick):
            capture = capture_fraction(geometry, layer, s1, geometry.attenuation)
    row, number = place_of_source(beam.per_direction, source)
    s0 = incident_direction(beam.directions, row)
    q = scattering_vector(s1, s0, beam.wavelengths[number])
    if beyond_limit(beam.d_min, 0.5 * magnitude(q)):
        return 0, (s1, omega, capture, polar)
    if by_source:
        capture = capture_fraction(geometry, layer, s1, beam.attenuations[number])
    if is_renewed(polar, sampling.oversample_polar):
        s1, _ = unit(s1)
        polar = polarisation_factor(beam.polarisation_fraction, unit(s0)[0], s1,
                                    polarisation_axis(beam.polarisation_axes, axis))
    scratch[QX + lane], scratch[QY + lane], scratch[QZ + lane] = q
    scratch[SUB_SLOW + lane] = (sub_slow + 0.5) / geometry.oversample
    scratch[SUB_FAST + lane] = (sub_fast + 0.5) / geometry.oversample
    weight = beam.weights[number] if is_weighted(beam.weights) else 1.0
    scratch[WEIGHT + lane] = weigh_step(sampling, weight, capture, polar, omega)
    return 1, (s1, omega, capture, polar)


@jit
def _enter_views(scene, pixels, numbers, axis, begins, scratch):
    """Enter views of listed pixels into lanes, all of them, or as many as there are lanes for those of one pixel.

    One function for all shapes.

    Parameters
    ----------
    pixels : tuple
        Place of the window and numbers of pixels.
    numbers : tuple of three int
        Number of the first pixel in the list, how many, and how many lanes.
    begins : bool
        False: go on with the pixel.

    Returns
    -------
    int
        Lanes that were entered.  The first number of the row HELD is how many views the last pixel has had.
    """
    place, listed = pixels
    geometry, sources = scene.geometry, number_of_sources(scene.beam)
    views = geometry.layers * geometry.oversample * geometry.oversample * sources
    first, many, most = numbers
    lanes = 0
    for i in range(many):
        pixel = place_of_pixel(place, listed[first + i])
        view, at = 0, (0, 0, 0, 0)
        held = ((0.0, 0.0, 0.0), 0.0, first_capture(geometry), first_polar(scene.beam))
        if not begins:
            view = int(scratch[HELD])
            at = (int(scratch[HELD + 1]), int(scratch[HELD + 2]), int(scratch[HELD + 3]), int(scratch[HELD + 4]))
            held = ((scratch[HELD + 5], scratch[HELD + 6], scratch[HELD + 7]), scratch[OMEGA], scratch[CAPTURE],
                    scratch[POLAR])
        scratch[FIRST + i] = lanes
        while view < views and lanes < most:
            seen, held = _enter_view(scene, axis, pixel, at, held, lanes, scratch)
            at = _next_view(geometry, sources, at)
            lanes += seen
            view += 1
        scratch[LAST + i] = lanes
        scratch[OMEGA + i], scratch[CAPTURE + i], scratch[POLAR + i] = held[1], held[2], held[3]
        scratch[HELD] = view
        scratch[HELD + 1], scratch[HELD + 2], scratch[HELD + 3], scratch[HELD + 4] = at
        scratch[HELD + 5], scratch[HELD + 6], scratch[HELD + 7] = held[0]
    return lanes


# -- terms of steps


def _make_terms(factor):
    """Loops over lanes or orientations, whichever are more: keys, and squared lattice factors times weights.

    Vector code writes them to rows at offsets that the compiler knows; from there they are put in the order of the sum.
    """
    @inlined
    def enter_indices(cell, q, weight, i, scratch):
        scratch[H_NOW + i], scratch[K_NOW + i], scratch[L_NOW + i] = miller_indices(cell, q)
        scratch[WEIGHT_NOW + i] = weight

    @inlined
    def enter_terms(crystal, n, scratch):
        for i in range(n):
            hkl = (scratch[H_NOW + i], scratch[K_NOW + i], scratch[L_NOW + i])
            nearest = nearest_lattice_point(hkl)
            square, _ = factor(crystal, hkl, nearest)
            scratch[KEY_NOW + i] = key_of(nearest)
            scratch[TERM_NOW + i] = square * scratch[WEIGHT_NOW + i]

    @inlined
    def put(n, start, stride, scratch):
        at, stride = np.uint64(start), np.uint64(stride)
        for i in range(n):
            scratch[np.uint64(KEYS) + at] = scratch[KEY_NOW + i]
            scratch[np.uint64(TERMS) + at] = scratch[TERM_NOW + i]
            at += stride

    @inlined
    def terms(crystal, cells, lanes, first, count, scratch):
        """Enter the steps of some lanes and orientations, lane after lane."""
        by_lanes = lanes >= count
        for outer in range(count if by_lanes else lanes):
            for begin in range(0, lanes if by_lanes else count, LANES):
                n, start = min(LANES, (lanes if by_lanes else count) - begin), np.uint64(first + begin)
                if by_lanes:
                    cell = tabulated_orientation(cells, np.uint64(first + outer))
                    for i in range(n):
                        enter_indices(cell, (scratch[QX + i], scratch[QY + i], scratch[QZ + i]), scratch[WEIGHT + i], i,
                                      scratch)
                else:
                    q, weight = (scratch[QX + outer], scratch[QY + outer], scratch[QZ + outer]), scratch[WEIGHT + outer]
                    for j in range(n):
                        enter_indices(tabulated_orientation(cells, start + np.uint64(j)), q, weight, j, scratch)
                enter_terms(crystal, n, scratch)
                put(n, outer if by_lanes else outer * count + begin, count if by_lanes else 1, scratch)

    return terms


@inlined
def _interpolated_terms(scene, cells, lanes, orientations, interpolating, scratch):
    """Enter the steps of some lanes of one pixel with interpolated structure factors in them, strictly and in order.

    Returns
    -------
    bool
        Whether interpolation is still on.
    """
    first, count = orientations
    for i in range(lanes):
        q = (scratch[QX + i], scratch[QY + i], scratch[QZ + i])
        for j in range(count):
            now = step(scene, tabulated_orientation(cells, first + j), q, interpolating)
            interpolating = now.interpolating
            term = now.f_cell * now.f_cell * now.f_latt * now.f_latt * scratch[WEIGHT + i]
            scratch[KEYS + i * count + j] = key_of(now.nearest)
            scratch[TERMS + i * count + j] = 0.0 if now.skipped else term
    return interpolating


# -- what is credited to whom


@inlined
def _slot_of(own, key, slot, entries):
    """The slot of a key that is not in its first one, and the number of entries with it; -1: all are in use."""
    size = own.keys.shape[0]
    for _ in range(size):
        if own.keys[slot] == key:
            return slot, entries
        if own.keys[slot] == NO_KEY:
            if entries == own.slots.shape[0]:
                return -1, entries
            own.keys[slot], own.slots[entries] = key, slot
            own.sums[slot, 0] = own.sums[slot, 1] = own.sums[slot, 2] = 0.0
            return slot, entries + 1
        slot = (slot + 1) & (size - 1)
    return -1, entries


@inlined
def _attribute(own, lanes, count, entries, scratch):
    """Credit the steps of some lanes of a pixel, in their order. Returns the number of its entries, -1: full.

    Domains come in no order, and so do reflections: each step finds the sums of its own in memory, most often at once.
    """
    size = own.keys.shape[0]
    for lane in range(lanes[0], lanes[1]):
        at, slow, fast = np.uint64(lane * count), scratch[SUB_SLOW + lane], scratch[SUB_FAST + lane]
        for j in range(count):
            term, key = scratch[np.uint64(TERMS) + at], scratch[np.uint64(KEYS) + at]
            at += np.uint64(1)
            if term == 0.0:
                continue
            slot = slot_of(np.int64(key), size)
            if own.keys[np.uint64(slot)] != key:
                slot, entries = _slot_of(own, key, slot, entries)
                if slot < 0:
                    return -1
            place = np.uint64(slot)
            own.sums[place, np.uint64(0)] += term
            own.sums[place, np.uint64(1)] += term * slow
            own.sums[place, np.uint64(2)] += term * fast
    return entries


def _make_finish(interpolated):
    @inlined
    def finish(scene, own, entries, pixel, factors, filled, least):
        """Enter the reflections of a pixel that is done into the table, as `credit` does. Returns what that returns."""
        for i in range(entries):
            slot = own.slots[i]
            key, square = np.int64(own.keys[slot]), 1.0
            own.keys[slot] = NO_KEY
            if not interpolated:
                h, k, l = parts_of(key)
                f = nearest_f(scene.lookup, (np.float64(h), np.float64(k), np.float64(l)))
                square = f * f
            code = credit(scene.sampling, square, key, (own.sums[slot, 0], own.sums[slot, 1], own.sums[slot, 2]), pixel,
                          factors, filled, least)
            if code != DONE:
                return code
        return DONE

    return finish


@variants
def attribution_kernel(shape, interpolated):
    """Make the kernel that attributes the steps of listed pixels.

    Parameters
    ----------
    shape : int
        As `shapes.lane_factor` takes it.
    interpolated : bool
        Whether structure factors are interpolated, which is strict and slower.

    Returns
    -------
    function
        attribute(scene, cells, pixels, axis, filled, least, scratch, halt): DONE, HALTED or which of the tables was
        too small, and is to be tried again.  `cells`: (9, orientations) of `cull.enter_cells`; `pixels`: place of the
        window as in records.Pixels, numbers of pixels within it, in rising order, and (2,) int64: pixels beyond the
        first of these do not interpolate, and the second becomes that of the first pixel in which interpolation
        switches itself off, if it is smaller; `axis`: row of the polarisation axis; `filled`: an `Own`, a `Table` and
        a `Bright`; `least`: photons above which a reflection is bright in a pixel.
    """
    terms, finish = _make_terms(lane_factor(shape, COMPENSATED, False)), _make_finish(interpolated)

    @jit(variant=(shape, interpolated))
    def attribute(scene, cells, pixels, axis, filled, least, scratch, halt):
        place, listed, trip = pixels
        own, table, bright = filled
        geometry, orientations = scene.geometry, cells.shape[1]
        views = geometry.layers * geometry.oversample * geometry.oversample * number_of_sources(scene.beam)
        most = min(max(STEPS // orientations, 1), LANES)
        # interpolation switches itself off pixel by pixel
        group = 1 if interpolated else max(most // views, 1)
        number = 0
        while number < listed.shape[0]:
            many, entries, view = min(group, listed.shape[0] - number), 0, 0
            on = listed[number] <= trip[0]
            still = on
            while view < views:
                if is_halted(halt):
                    return HALTED
                lanes = _enter_views(scene, (place, listed), (number, many, most), axis, view == 0, scratch)
                view = int(scratch[HELD])
                for first in range(0, orientations, STEPS):
                    count = min(STEPS, orientations - first)
                    if interpolated:
                        still = _interpolated_terms(scene, cells, lanes, (first, count), still, scratch)
                    else:
                        terms(scene.crystal, cells, lanes, first, count, scratch)
                    for i in range(many):
                        # of many pixels all steps are here
                        entries = 0 if many > 1 else entries
                        entries = _attribute(own, (int(scratch[FIRST + i]), int(scratch[LAST + i])), count, entries,
                                             scratch)
                        if entries < 0:
                            return FULL_OWN
                        if view == views and first + count == orientations:
                            index = listed[number + i]
                            fast, slow = place_of_pixel(place, index)
                            factors = (scratch[CAPTURE + i], scratch[POLAR + i], scratch[OMEGA + i])
                            code = finish(scene, own, entries, (index, fast, slow), factors, (table, bright), least)
                            if code != DONE:
                                return code
            if on and not still and listed[number] < trip[1]:
                trip[1] = listed[number]
            number += many
        return DONE

    return attribute
