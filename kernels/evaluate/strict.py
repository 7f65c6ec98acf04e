"""The strict evaluator: the loop nest of one pixel, every operation of the C program in its order.

The C library's functions are called, so the sum has the C program's bits by construction.  What
the C program carries from pixel to pixel is in `state` (see `records`); nothing else is remembered.
"""

from typing import NamedTuple

import numpy as np

from ..arithmetic.vectors import magnitude, unit
from ..compile.compilation import inlined, jit
from ..compile.halting import is_halted
from ..physics.geometry import capture_fraction, solid_angle, sub_pixel_position
from ..physics.lattice import miller_indices, nearest_index
from ..physics.polarisation import polarisation_factor
from ..physics.records import AXIS, FRESH, INTERPOLATING
from ..physics.shapes import lattice_factor
from ..physics.structure_factor import interpolated_f, nearest_f, within_margin
from ..physics.view import (
    beyond_limit,
    first_capture,
    first_polar,
    incident_direction,
    is_captured_by_source,
    is_renewed,
    is_weighted,
    number_of_sources,
    photons,
    place_of_source,
    polarisation_axis,
    rotated_cell,
    scattering_vector,
    steps_per_pixel,
    weigh_step,
)
from ..stopping import halting

__all__ = ["RECORD_FIELDS", "Step", "View", "accumulate", "pixel_sum", "step", "strict_pixels", "trace_pixel",
           "traced_pixel"]

#: What a row of a record holds: the values after a step, in this order.
RECORD_FIELDS = (
    "layer", "sub_slow", "sub_fast", "source", "phi_step", "domain", "x", "y", "z", "airpath", "s1_x", "s1_y", "s1_z",
    "q_x", "q_y", "q_z", "stol", "h", "k", "l", "h0", "k0", "l0", "f_cell", "f_latt", "sum",
    "solid_angle", "capture_fraction", "polarisation_factor",
    "a_x", "a_y", "a_z", "b_x", "b_y", "b_z", "c_x", "c_y", "c_z")


class Step(NamedTuple):
    """Intermediates of one step."""

    hkl: tuple
    nearest: tuple
    f_latt: float
    f_cell: float
    skipped: bool
    interpolating: bool


class View(NamedTuple):
    """What the steps of one sub-pixel and source share."""

    layer: int
    sub_slow: int
    sub_fast: int
    source: int
    weight: float
    position: tuple
    airpath: float
    s1: tuple
    q: tuple
    stol: float
    solid_angle: float
    capture: float
    polar: float


@inlined
def step(scene, cell, q, interpolating):
    """Lattice factor and structure factor of one orientation at one scattering vector."""
    hkl = miller_indices(cell, q)
    nearest = (nearest_index(hkl[0]), nearest_index(hkl[1]), nearest_index(hkl[2]))
    f_latt = lattice_factor(scene.crystal, hkl, nearest)
    if f_latt == 0.0 and scene.sampling.skip_zero:
        return Step(hkl, nearest, f_latt, 0.0, True, interpolating)
    if interpolating and not within_margin(scene.lookup, hkl):
        interpolating = False
    if interpolating:
        f_cell = interpolated_f(scene.lookup, hkl)
    else:
        f_cell = nearest_f(scene.lookup, nearest)
    return Step(hkl, nearest, f_latt, f_cell, False, interpolating)


@inlined
def accumulate(sampling, view, total, now):
    """The sum after one step."""
    # a source that counts as all others do has a weight of exactly 1, which changes no bit
    term = now.f_cell * now.f_cell * now.f_latt * now.f_latt * view.weight
    if sampling.running_product:
        return weigh_step(sampling, total + term, view.capture, view.polar, view.solid_angle)
    return total + weigh_step(sampling, term, view.capture, view.polar, view.solid_angle)


@jit
def write_record(row, view, phi_step, domain, now, total, cell):
    """One row of a record, in the order of RECORD_FIELDS."""
    row[0] = view.layer
    row[1] = view.sub_slow
    row[2] = view.sub_fast
    row[3] = view.source
    row[4] = phi_step
    row[5] = domain
    row[9] = view.airpath
    row[16] = view.stol
    row[23] = now.f_cell
    row[24] = now.f_latt
    row[25] = total
    row[26] = view.solid_angle
    row[27] = view.capture
    row[28] = view.polar
    for i in range(3):
        row[6 + i] = view.position[i]
        row[10 + i] = view.s1[i]
        row[13 + i] = view.q[i]
        row[17 + i] = now.hkl[i]
        row[20 + i] = now.nearest[i]
    for i in range(9):
        row[29 + i] = cell[i]


@inlined
def sweep(scene, view, total, state, record, recorded, halt):
    """Add all phi steps and mosaic domains of one sub-pixel and source to the sum."""
    crystal = scene.crystal
    interpolating = state[INTERPOLATING] != 0
    rows = crystal.first_phi_rows if state[FRESH] != 0 else crystal.phi_rows
    for phi_step in range(rows.shape[0]):
        for domain in range(crystal.domains):
            # some 10 us
            if domain % 256 == 0 and is_halted(halt):
                return total, recorded
            cell = rotated_cell(crystal, rows[phi_step], domain)
            now = step(scene, cell, view.q, interpolating)
            interpolating = now.interpolating
            if not now.skipped:
                total = accumulate(scene.sampling, view, total, now)
            if record is not None:
                write_record(record[min(recorded, record.shape[0] - 1)], view, phi_step, domain, now, total, cell)
                recorded += 1
    state[INTERPOLATING] = interpolating
    state[FRESH] = 0
    return total, recorded


@inlined
def pixel_sum(scene, fast_pixel, slow_pixel, total, state, record, halt):
    """The sum over all steps of a pixel, and the factors that scale it.

    Parameters
    ----------
    scene : records.Scene
    fast_pixel, slow_pixel : int
        Place on the panel, from 0.
    total : float
        What the sum starts from.
    state : (STATE_SIZE,) int64
        What the C program carries from pixel to pixel; updated.
    record : (n, len(RECORD_FIELDS)) float64, or None
        Filled with the first n - 1 steps and the last one.
    halt : (1,) uint8
        Not zero: leave at once, with part of the sum.

    Returns
    -------
    total, capture, polar, omega : float
        Sum of squared amplitudes, fraction absorbed, polarisation factor and solid angle [sr] as
        they are left by the last step.
    steps : int
        Steps recorded.
    """
    geometry, beam, sampling = scene.geometry, scene.beam, scene.sampling
    by_source = is_captured_by_source(beam.attenuations)
    polar, omega, capture, recorded = first_polar(beam), 0.0, 0.0, 0
    for layer in range(geometry.layers):
        capture = first_capture(geometry)
        for sub_slow in range(geometry.oversample):
            for sub_fast in range(geometry.oversample):
                place = sub_pixel_position(geometry, fast_pixel, slow_pixel, layer, sub_slow, sub_fast)
                s1, airpath = unit(place)
                if is_renewed(omega, sampling.oversample_omega):
                    omega = solid_angle(geometry, airpath)
                if not by_source and is_renewed(capture, sampling.oversample_thick):
                    capture = capture_fraction(geometry, layer, s1, geometry.attenuation)
                for source in range(number_of_sources(beam)):
                    if is_halted(halt):
                        return total, capture, polar, omega, recorded
                    row, number = place_of_source(beam.per_direction, source)
                    s0 = incident_direction(beam.directions, row)
                    q = scattering_vector(s1, s0, beam.wavelengths[number])
                    stol = 0.5 * magnitude(q)
                    if beyond_limit(beam.d_min, stol):
                        continue
                    if by_source:
                        capture = capture_fraction(geometry, layer, s1, beam.attenuations[number])
                    if is_renewed(polar, sampling.oversample_polar):
                        # normalised once more, and so used for the sources that follow
                        s1, _ = unit(s1)
                        state[AXIS] = beam.next_axis[state[AXIS]]
                        polar = polarisation_factor(beam.polarisation_fraction, unit(s0)[0], s1,
                                                    polarisation_axis(beam.polarisation_axes, state[AXIS]))
                    weight = beam.weights[number] if is_weighted(beam.weights) else 1.0
                    view = View(layer, sub_slow, sub_fast, source, weight, place, airpath, s1, q, stol, omega, capture,
                                polar)
                    total, recorded = sweep(scene, view, total, state, record, recorded, halt)
    return total, capture, polar, omega, recorded


@jit
def strict_pixels(scene, pixels, state, until, filled):
    """Strict evaluation of pixels of a window, in the C program's order.

    Parameters
    ----------
    scene : records.Scene
    pixels : records.Pixels
    state : (STATE_SIZE,) int64
        What the C program carries from pixel to pixel; updated.
    until : records.Until
    filled : records.Filled
        Of the doubles the values are written, numbered from the window's first pixel.

    Returns
    -------
    int
        Number (in the list, if there is one) of the pixel to go on with; without meaning where it was halted.
    """
    first_fast, first_slow, width = pixels.place
    mask, listed, image, doubles, sums = pixels.mask, pixels.listed, filled.image, filled.doubles, filled.sums
    slow, column = pixels.start // width, pixels.start % width - 1
    for number in range(pixels.start, pixels.stop):
        if listed.shape[0] > 0:
            slow, column = listed[number] // width, listed[number] % width
        else:
            # counted along: a division for every pixel would be felt
            column += 1
            if column == width:
                slow, column = slow + 1, 0
        index = slow * width + column
        fast = first_fast + column
        row = first_slow + slow
        if mask.shape[0] > 0 and mask[row, fast] == 0:
            continue
        total = scene.sampling.background
        if not filled.part.begins:
            total = sums[index, 0] + total
        total, capture, polar, omega, _ = pixel_sum(scene, fast, row, total, state, None, filled.halt)
        if is_halted(filled.halt):
            return number
        if filled.part.ends:
            value = photons(scene.sampling, total, capture, polar, omega)
            if image.shape[0] > 0:
                image[row, fast] = np.float32(0.0 + value)
            if doubles.shape[0] > 0:
                doubles[index, 0] = value
        else:
            sums[index, 0] = total
        if until.settled and state[FRESH] == 0 and state[AXIS] >= until.settled_axis:
            return number + 1
        if until.trip and state[INTERPOLATING] == 0:
            return number + 1
    return pixels.stop


@jit
def traced_pixel(scene, fast, slow, state, record, halt, found):
    """Strict evaluation of one pixel with a record of its steps, and what `trace_pixel` returns of it into an array."""
    total, capture, polar, omega, recorded = pixel_sum(scene, fast, slow, scene.sampling.background, state, record,
                                                       halt)
    found[0] = photons(scene.sampling, total, capture, polar, omega)
    found[1], found[2], found[3], found[4], found[5] = total, capture, polar, omega, recorded


def trace_pixel(scene, fast, slow, state, record):
    """Strict evaluation of one pixel with a record of its steps.

    Returns
    -------
    value, total, capture, polar, omega : float
        Photons, and what `pixel_sum` returns.
    steps : int
        Steps recorded.
    """
    found = np.zeros(6)
    halting(lambda halt: traced_pixel(scene, fast, slow, state, record, halt, found), steps_per_pixel(scene))
    *numbers, steps = found.tolist()
    return *numbers, int(steps)
