"""One pixel of a GPU thread: the lanes' evaluation of a pixel, in parts that each take a bounded number of steps.

The loop nest of `lanes` for a single pixel, by the functions that the lanes use, in the same order:
the same bits.  What the C library contributes comes from the host (`gpu_inputs`).  A display's watchdog
stops a kernel that runs too long, so a part does some of the steps, and what they have come to is
carried to the next part.  Nothing here knows a GPU: the same function, compiled for the CPU, is what
the tests compare with the lanes.
"""

from typing import NamedTuple

import numpy as np

from ..arithmetic.fused import floor
from ..arithmetic.vectors import unit
from ..compile.compilation import inlined, variants
from ..physics.geometry import flat_sub_pixel, solid_angle
from ..physics.lattice import miller_indices, nearest_lattice_point
from ..physics.records import EXACT, SEQUENTIAL, SINGLE, Part
from ..physics.shapes import SHAPE_OF, lane_factor
from ..physics.structure_factor import (
    cubic_weights,
    single_weights,
    tricubic_scalar,
    tricubic_scalar_single,
    within_margin,
)
from ..physics.view import (
    first_capture,
    first_polar,
    held,
    incident_direction,
    is_captured_by_source,
    is_polarised,
    is_seen,
    is_weighted,
    number_of_sources,
    per_step,
    place_of_source,
    scattering_vector,
    sub_pixel_number,
    tabulated_cell,
    weigh_step,
)
from .certificate import FACTOR, OUT_OF_MARGIN, SMALLEST_PATH, usable_at_every_step
from .step import cubic_place, nearest_place, start_of, summing, total_of, verdict_of

__all__ = ["CARRIED", "Inputs", "Outputs", "Span", "thread_pixel"]

#: Numbers that a pixel carries from one part to the next.
CARRIED = 14


class Inputs(NamedTuple):
    """What the host contributes to n pixels; where there are no rows, nothing is needed."""

    directions: np.ndarray  # (4 x sub-pixels of all layers, n): unit vector and distance, for a curved detector
    captures: np.ndarray  # (1, or sub-pixels of all layers, or those x sources, n): captured fraction
    polars: np.ndarray  # (1, or sub-pixels of all layers x sources, n): polarisation factor
    evaluations: np.ndarray  # (1, n) int32: how often a direction is normalised once more


class Span(NamedTuple):
    """The steps of one part: some views, and of each of them some orientations.

    A view is a layer, a sub-pixel and a source; an orientation is a phi step and a mosaic domain.
    Where the first ones are in the loop nest is counted out by the host: divisions are dear.
    """

    first_view: int
    last_view: int  # not included
    first: int
    last: int  # not included
    layer: int  # of the first view, and so on
    sub_slow: int
    sub_fast: int
    source: int
    phi_step: int  # of the first orientation of each view
    domain: int
    begins: bool  # nothing has been carried yet
    ends: bool  # nothing is left: give the pixel its value


class Outputs(NamedTuple):
    """Where the results of n pixels go."""

    image: np.ndarray  # (rows of the detector, fast) float32, from row `first_row` on
    first_row: int
    doubles: np.ndarray  # (n, 2): value before rounding and half-width; no rows: not wanted
    flags: np.ndarray  # (n,) uint8: 0 or a key of certificate.REASONS
    carried: np.ndarray  # (CARRIED, n); no rows: all steps are in one part
    part: Part  # where this contribution stands in the running sum of a pixel
    sums: np.ndarray  # (n, 2): running sums from the contribution before, and for the next; no rows: there is none


def _make_step(shape, cubic, about, precision):
    """One step: squared structure factor, squared lattice factor, factor of its error, out of the table."""
    factor, is_tested = lane_factor(shape, precision, about), SHAPE_OF[shape].is_tested
    single = precision == SINGLE

    @inlined
    def weights(x):
        if single:
            # exact but for the rounding to float32
            return single_weights(np.float32(x - floor(x)))
        return cubic_weights(x)

    interpolated = tricubic_scalar_single if single else tricubic_scalar

    @inlined
    def step(scene, grid, cell, q):
        hkl = miller_indices(cell, q)
        nearest = nearest_lattice_point(hkl)
        square, spread = factor(scene.crystal, hkl, nearest)
        out = False
        if cubic:
            if is_tested(scene.crystal, hkl, nearest, scene.sampling.skip_zero):
                out = not within_margin(scene.lookup, hkl)
            at = np.int64(cubic_place(scene.lookup, grid, hkl))
            f = interpolated(grid.amplitudes, at, np.int64(grid.row_h), np.int64(grid.row_k), weights(hkl[0]),
                             weights(hkl[1]), weights(hkl[2]))
            f_square = f * f
        else:
            f_square = grid.squares[np.int64(nearest_place(grid, nearest, 0.0))]
        return f_square, square, spread, out

    return step


@inlined
def _direction(scene, inputs, number, fast, slow, layer, sub_slow, sub_fast):
    """Unit vector to a sub-pixel, and its distance."""
    geometry = scene.geometry
    if inputs.directions.shape[0] > 0:
        row = 4 * sub_pixel_number(geometry, layer, sub_slow, sub_fast)
        directions = inputs.directions
        return ((directions[row, number], directions[row + 1, number], directions[row + 2, number]),
                directions[row + 3, number])
    return unit(flat_sub_pixel(geometry, fast, slow, layer, sub_slow, sub_fast))


@inlined
def _row_of(table, row, number, otherwise):
    """An entry of a table of the host's: the row asked for, or the only one there is; where there is none, another."""
    if table.shape[0] == 0:
        return otherwise
    return table[row if table.shape[0] > 1 else 0, number]


@variants
def thread_pixel(shape, cubic, about, precision=EXACT, summation=SEQUENTIAL):
    """Make the evaluation of one pixel; see `lanes.lane_kernel` for the parameters.

    Returns
    -------
    function
        pixel(scene, grid, bound, pixels, inputs, span, number, outputs): a part of the steps of pixel
        start + number of the window (no list of them); `number` is its place in `inputs` and `outputs`.
        The scene's table of cells must be there.
    """
    step, policy = _make_step(shape, cubic, about, precision), summing(shape, precision, summation)
    beginning, total_sum, verdict = start_of(precision), total_of(summation), verdict_of(precision)
    real = np.float32 if precision == SINGLE else np.float64

    @inlined
    def pixel(scene, grid, bound, pixels, inputs, span, number, outputs):
        geometry, beam, crystal, sampling = scene.geometry, scene.beam, scene.crystal, scene.sampling
        first_fast, first_slow, width = pixels.place
        start, mask = pixels.start, pixels.mask
        row = (start + number) // width
        slow, fast = first_slow + row, first_fast + (start + number) - row * width
        if mask.shape[0] > 0 and mask[slow, fast] == 0:
            if span.ends:
                outputs.flags[number] = 0
            return
        weighed, polarised = per_step(sampling), is_polarised(beam, sampling)
        weighted, by_source = weighed or is_weighted(beam.weights), is_captured_by_source(beam.attenuations)
        sources, over = number_of_sources(beam), geometry.oversample
        all_orientations = crystal.phi_rows.shape[0] * crystal.domains
        # -- what has been carried
        total, second = beginning(sampling.background)
        if span.begins and not outputs.part.begins:
            total, second = real(outputs.sums[number, 0]) + total, real(outputs.sums[number, 1])
        s1, q = (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
        omega, weight, flag, out, evaluated, seen = 0.0, 1.0, 0, False, 0, True
        if not span.begins:
            carried = outputs.carried
            total, second = real(carried[0, number]), real(carried[1, number])
            s1 = (carried[2, number], carried[3, number], carried[4, number])
            q = (carried[5, number], carried[6, number], carried[7, number])
            omega, weight = carried[8, number], carried[9, number]
            flag, out = np.int64(carried[10, number]), carried[11, number] != 0.0
            evaluated, seen = np.int64(carried[12, number]), carried[13, number] != 0.0
        # -- the steps of this part
        layer, sub_slow, sub_fast, source = span.layer, span.sub_slow, span.sub_fast, span.source
        for view in range(span.first_view, span.last_view):
            if span.first == 0:
                if source == 0:
                    s1, airpath = _direction(scene, inputs, number, fast, slow, layer, sub_slow, sub_fast)
                    if airpath < SMALLEST_PATH:
                        flag = FACTOR
                    omega = held(omega, solid_angle(geometry, airpath), sampling.oversample_omega)
                # asked for anew where it is needed: a number that is kept may cost a register too many
                s0 = incident_direction(beam.directions, place_of_source(beam.per_direction, source)[0])
                q = scattering_vector(s1, s0, beam.wavelengths[place_of_source(beam.per_direction, source)[1]])
                seen = is_seen(beam.d_min, q)
                # how often a factor that is held is renewed was counted on the host
                if seen and polarised and (sampling.oversample_polar or evaluated < inputs.evaluations[0, number]):
                    # normalised once more, for the sources that follow
                    s1, _ = unit(s1)
                    evaluated += 1
                if seen and weighted:
                    number_of_wave = place_of_source(beam.per_direction, source)[1]
                    weight = beam.weights[number_of_wave] if is_weighted(beam.weights) else 1.0
                if seen and weighed:
                    row = view if by_source else sub_pixel_number(geometry, layer, sub_slow, sub_fast)
                    capture = _row_of(inputs.captures, row, number, first_capture(geometry))
                    polar = _row_of(inputs.polars, view, number, first_polar(beam))
                    weight = weigh_step(sampling, weight, capture, polar, omega)
                    if not usable_at_every_step(sampling, capture, polar, omega):
                        flag = FACTOR
            # beyond the resolution limit a step adds nothing
            if seen:
                phi_step, domain = span.phi_step, span.domain
                for _ in range(span.first, span.last):
                    cell = tabulated_cell(crystal, crystal.phi_rows[phi_step], domain)
                    f_square, square, spread, outside = step(scene, grid, cell, q)
                    if weighted:
                        f_square = f_square * real(weight)
                    total, second = policy(total, second, f_square, square, spread)
                    out = out or outside
                    domain += 1
                    if domain == crystal.domains:
                        domain, phi_step = 0, phi_step + 1
            if cubic and span.last == all_orientations:
                if out:
                    flag = OUT_OF_MARGIN
                out = False
            source += 1
            if source == sources:
                source, sub_fast = 0, sub_fast + 1
                if sub_fast == over:
                    sub_fast, sub_slow = 0, sub_slow + 1
                    if sub_slow == over:
                        sub_slow, layer = 0, layer + 1
        # -- what is left of it
        if not span.ends:
            carried = outputs.carried
            carried[0, number], carried[1, number] = total, second
            carried[2, number], carried[3, number], carried[4, number] = s1
            carried[5, number], carried[6, number], carried[7, number] = q
            carried[8, number], carried[9, number] = omega, weight
            carried[10, number], carried[11, number] = flag, 1.0 if out else 0.0
            carried[12, number], carried[13, number] = evaluated, 1.0 if seen else 0.0
            return
        if not outputs.part.ends:
            outputs.sums[number, 0], outputs.sums[number, 1] = total, second
            outputs.flags[number] = np.uint8(flag)
            return
        capture = _row_of(inputs.captures, inputs.captures.shape[0] - 1, number, first_capture(geometry))
        polar = _row_of(inputs.polars, inputs.polars.shape[0] - 1, number, first_polar(beam))
        value, within, doubt = verdict(sampling, bound, total_sum(total, second), np.float64(second), capture, polar,
                                       omega)
        if flag == 0:
            flag = np.int64(doubt)
        outputs.flags[number] = np.uint8(flag)
        if flag == 0:
            outputs.image[slow - outputs.first_row, fast] = np.float32(0.0 + value)
        if outputs.doubles.shape[0] > 0:
            outputs.doubles[number, 0] = value
            outputs.doubles[number, 1] = within

    return pixel
