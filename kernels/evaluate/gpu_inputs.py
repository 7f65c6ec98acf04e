"""What the C library contributes to the pixels of a GPU, computed beforehand on the CPU.

Positions on a curved detector, captured fractions and polarisation factors depend on the sine,
cosine, exponential and arc tangent of the machine's C library, whose bits no GPU has.  They do not
depend on the crystal, so one set serves all images of one detector and beam.
"""

import numpy as np

from ..compile.compilation import jit
from ..compile.stack import on_stack
from ..physics.view import (
    first_polar,
    is_captured,
    is_captured_by_source,
    is_polarised,
    is_renewed,
    number_of_sources,
    polarisation_axis,
    sub_pixel_number,
)
from .gpu_pixel import Inputs
from .lane_rows import (
    BLOCK,
    CAPTURE,
    PATH,
    POLAR,
    S1X,
    S1Y,
    S1Z,
    SCRATCH_SIZE,
    WANTED,
    enter_source,
    enter_sub_pixel,
    gather,
    index_of,
    start_layer,
    start_pixels,
)

__all__ = ["empty_inputs", "enter_inputs", "input_rows"]


def input_rows(scene):
    """Rows of `directions`, `captures`, `polars` and `evaluations` that a scene needs."""
    geometry, beam, sampling = scene.geometry, scene.beam, scene.sampling
    sub_pixels = geometry.layers * geometry.oversample ** 2
    captured, polarised = is_captured(geometry, sampling), is_polarised(beam, sampling)
    views = sub_pixels * number_of_sources(beam)
    captures = views if is_captured_by_source(beam.attenuations) else sub_pixels if sampling.oversample_thick else 1
    return (4 * sub_pixels if geometry.curved else 0, captures if captured else 0,
            (views if sampling.oversample_polar else 1) if polarised else 0,
            1 if polarised and not sampling.oversample_polar else 0)


def empty_inputs(scene, pixels):
    """Arrays for the inputs of so many pixels, not filled."""
    directions, captures, polars, evaluations = input_rows(scene)
    return Inputs(np.empty((directions, pixels)), np.ones((captures, pixels)), np.ones((polars, pixels)),
                  np.zeros((evaluations, pixels), dtype=np.int32))


@jit
def enter_inputs(scene, pixels, offset, axis_row, inputs):
    """Fill in the inputs of pixels of a window, those that are not masked.

    Parameters
    ----------
    scene : records.Scene
    pixels : records.Pixels
        No list of them.
    offset : int
        Pixel that the arrays of `inputs` begin with.
    axis_row : int
        Row of the polarisation axis.
    inputs : Inputs
    """
    scratch = on_stack(SCRATCH_SIZE, np.float64)
    geometry, beam, sampling = scene.geometry, scene.beam, scene.sampling
    axis = polarisation_axis(beam.polarisation_axes, axis_row)
    once, each = inputs.evaluations.shape[0] > 0, sampling.oversample_polar
    sources, by_source, place = number_of_sources(beam), is_captured_by_source(beam.attenuations), pixels.place
    for first in range(pixels.start, pixels.stop, BLOCK):
        n = gather(place, pixels.mask, first, min(first + BLOCK, pixels.stop), scratch)
        start_pixels(sampling.background, first_polar(beam), n, scratch)
        unsettled = n if once else 0
        for layer in range(geometry.layers):
            start_layer(geometry, n, scratch)
            for sub_slow in range(geometry.oversample):
                for sub_fast in range(geometry.oversample):
                    # of captured fractions that are taken once, the last layer's are left
                    captures = inputs.captures.shape[0] > 0 and (sampling.oversample_thick
                                                                 or layer == geometry.layers - 1)
                    if not (geometry.curved or captures or unsettled > 0 or each):
                        continue
                    sub_pixel = sub_pixel_number(geometry, layer, sub_slow, sub_fast)
                    enter_sub_pixel(geometry, sampling, by_source, layer, sub_slow, sub_fast, n, scratch)
                    for i in range(n):
                        number = index_of(place, i, scratch) - offset
                        if geometry.curved:
                            inputs.directions[4 * sub_pixel, number] = scratch[S1X + i]
                            inputs.directions[4 * sub_pixel + 1, number] = scratch[S1Y + i]
                            inputs.directions[4 * sub_pixel + 2, number] = scratch[S1Z + i]
                            inputs.directions[4 * sub_pixel + 3, number] = scratch[PATH + i]
                        if captures and not by_source:
                            row = sub_pixel if sampling.oversample_thick else 0
                            inputs.captures[row, number] = scratch[CAPTURE + i]
                    if unsettled == 0 and not each and not by_source:
                        continue
                    for source in range(sources):
                        enter_source(geometry, beam, sampling, layer, source, axis, n, scratch)
                        view = sub_pixel * sources + source
                        if by_source:
                            for i in range(n):
                                inputs.captures[view, index_of(place, i, scratch) - offset] = scratch[CAPTURE + i]
                        if once:
                            unsettled = 0
                            for i in range(n):
                                number = index_of(place, i, scratch) - offset
                                if scratch[WANTED + i] != 0.0:
                                    inputs.evaluations[0, number] += 1
                                if is_renewed(scratch[POLAR + i], each):
                                    unsettled += 1
                                inputs.polars[0, number] = scratch[POLAR + i]
                            if unsettled == 0 and not by_source:
                                break
                        elif each:
                            for i in range(n):
                                number = index_of(place, i, scratch) - offset
                                inputs.polars[view, number] = scratch[POLAR + i]
