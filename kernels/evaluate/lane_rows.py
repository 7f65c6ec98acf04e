"""A block of pixels side by side: where its numbers lie, and how they get there, pixel by pixel.

One row of BLOCK numbers per quantity, all in one flat array, at offsets that the compiler knows:
so it sees that rows do not overlap, and needs no tests at run time.  What calls the C library has
a loop of its own, which is no vector code and often not needed.
"""

import numpy as np

from ..arithmetic.vectors import magnitude, unit
from ..compile.compilation import inlined
from ..physics.geometry import (
    capture_fraction,
    curved_position,
    flat_position,
    pixel_solid_angle,
    point_solid_angle,
    sub_pixel_centre,
)
from ..physics.polarisation import cosine_of_two_psi, kahn_factor
from .certificate import LARGEST_FACTOR, SMALLEST_PATH
from .strict import beyond_limit, scattering_vector

__all__ = ["BLOCK", "SCRATCH_SIZE", "SMALL_SIZE", "DOUBTFUL", "OUT_OF_MARGIN", "FACTOR", "gather", "start_pixels",
           "enter_sub_pixel", "enter_source", "enter_weights", "held", "scales", "leave", "weight_of_step"]

#: Pixels side by side.
BLOCK = 128

# -- rows of the scratch array
(FAST, SLOW, SUM, BUDGET, POLAR, OMEGA, CAPTURE, WEIGHT, BAD, S1X, S1Y, S1Z, QX, QY, QZ, HKL, _, _, NEAREST, _, _,
 INDEX, F_SQUARED, OUT, PATH) = [row * BLOCK for row in range(25)]
# rows of several uses: at the end no scattering vector is needed any more, nor a path after the solid angle
VALUE, WITHIN, WANTED = QX, QY, PATH
SEEN = PATH  # a source's, when its factors have been entered
CORRECTION = BUDGET  # the one for the certificate of the sphere, the other where there is no certificate
WEIGHTS = 25 * BLOCK  # of the interpolation: four rows for each index
SCRATCH_SIZE = 37 * BLOCK


# -- rows of the float32 array of single precision, whose first are the fractions of h, k, l
(FRACTION, _, _, SMALL_F_SQUARED, SMALL_SUM, SMALL_CORRECTION) = [row * BLOCK for row in range(6)]
SMALL_WEIGHTS = 6 * BLOCK
SMALL_SIZE = 18 * BLOCK

# -- why a pixel is handed to the strict evaluator (values of a flag; 0: its value is right)
DOUBTFUL, OUT_OF_MARGIN, FACTOR = 1, 2, 3


@inlined
def gather(place, mask, start, stop, scratch):
    """Enter the pixels start..stop-1 that are not masked; how many there are."""
    first_fast, first_slow, width = place
    n = 0
    slow, column = start // width, start % width - 1
    for _ in range(start, stop):
        # counted along: a division for every pixel would be felt
        column += 1
        if column == width:
            slow, column = slow + 1, 0
        if mask.shape[0] > 0 and mask[first_slow + slow, first_fast + column] == 0:
            continue
        scratch[FAST + n] = first_fast + column
        scratch[SLOW + n] = first_slow + slow
        n += 1
    return n


@inlined
def vector(scratch, row, i):
    return (scratch[row + i], scratch[row + BLOCK + i], scratch[row + 2 * BLOCK + i])


@inlined
def enter_vector(v, row, i, scratch):
    scratch[row + i] = v[0]
    scratch[row + BLOCK + i] = v[1]
    scratch[row + 2 * BLOCK + i] = v[2]


@inlined
def enter_sub_pixel(scene, layer, sub_slow, sub_fast, n, scratch):
    """Directions, solid angles and captured fractions of one sub-pixel.

    What calls the C library has a loop of its own, which is no vector code and often not needed.
    """
    geometry, sampling = scene.geometry, scene.sampling
    for i in range(n):
        enter_vector(flat_position(geometry, sub_pixel_centre(geometry, scratch[FAST + i], sub_fast),
                                    sub_pixel_centre(geometry, scratch[SLOW + i], sub_slow),
                                    layer * geometry.layer_step), S1X, i, scratch)
    if geometry.curved:
        for i in range(n):
            enter_vector(curved_position(geometry, vector(scratch, S1X, i)), S1X, i, scratch)
    for i in range(n):
        s1, airpath = unit(vector(scratch, S1X, i))
        enter_vector(s1, S1X, i, scratch)
        scratch[PATH + i] = airpath
        scratch[BAD + i] = FACTOR if airpath < SMALLEST_PATH else scratch[BAD + i]
    if geometry.point_pixel:
        for i in range(n):
            _enter_solid_angle(sampling, point_solid_angle(scratch[PATH + i]), i, scratch)
    else:
        for i in range(n):
            _enter_solid_angle(sampling, pixel_solid_angle(geometry, scratch[PATH + i]), i, scratch)
    if geometry.thickness != 0.0 or sampling.oversample_thick:
        for i in range(n):
            if scratch[CAPTURE + i] == 0.0 or sampling.oversample_thick:
                scratch[CAPTURE + i] = capture_fraction(geometry, layer, vector(scratch, S1X, i))


@inlined
def _enter_solid_angle(sampling, now, i, scratch):
    scratch[OMEGA + i] = held(scratch[OMEGA + i], now, sampling.oversample_omega)


@inlined
def held(before, now, each):
    """A factor that stays once it is not 0, unless it is taken anew each time."""
    return now if (before == 0.0) | each else before


@inlined
def enter_source(scene, source, axis, n, scratch):
    """Scattering vectors and polarisation factors of one source; whether any lane sees it."""
    beam, sampling = scene.beam, scene.sampling
    s0 = (-beam.directions[source, 0], -beam.directions[source, 1], -beam.directions[source, 2])
    wavelength = beam.wavelengths[source]
    for i in range(n):
        enter_vector(scattering_vector(vector(scratch, S1X, i), s0, wavelength), QX, i, scratch)
        scratch[WEIGHT + i] = 1.0
    seen = n
    if beam.d_min > 0.0:
        for i in range(n):
            stol = 0.5 * magnitude(vector(scratch, QX, i))
            if beyond_limit(beam.d_min, stol):
                scratch[WEIGHT + i] = 0.0
                seen -= 1
    s0, _ = unit(s0)
    if not beam.unpolarised_factor or sampling.oversample_polar:
        _enter_polarisation(beam.polarisation_fraction, sampling.oversample_polar, s0, axis, n, scratch)
    return seen


@inlined
def _enter_polarisation(fraction, each, s0, axis, n, scratch):
    """Polarisation factors of the lanes that need one, whose directions are normalised once more for good."""
    for i in range(n):
        wanted = (scratch[WEIGHT + i] != 0.0) & ((scratch[POLAR + i] == 0.0) | each)
        before = vector(scratch, S1X, i)
        s1, _ = unit(before)
        scratch[WANTED + i] = 1.0 if wanted else 0.0
        scratch[S1X + i] = s1[0] if wanted else before[0]
        scratch[S1Y + i] = s1[1] if wanted else before[1]
        scratch[S1Z + i] = s1[2] if wanted else before[2]
        scratch[POLAR + i] = kahn_factor(fraction, s0, s1, 1.0) if wanted else scratch[POLAR + i]
    if fraction != 0.0:
        for i in range(n):
            if scratch[WANTED + i] != 0.0:
                s1 = vector(scratch, S1X, i)
                scratch[POLAR + i] = kahn_factor(fraction, s0, s1, cosine_of_two_psi(s0, s1, axis))


@inlined
def _usable(factor):
    """Whether a factor keeps the terms of a sum from cancelling and from overflowing."""
    return 0.0 <= factor < LARGEST_FACTOR


@inlined
def weight_of_step(sampling, capture, polar, omega):
    """Product of the factors that are multiplied at every step, and whether all of them are usable."""
    weight, usable = 1.0, True
    if sampling.oversample_thick:
        usable = usable and _usable(capture)
        weight = weight * capture
    if sampling.oversample_polar:
        usable = usable and _usable(polar)
        weight = weight * polar
    if sampling.oversample_omega:
        usable = usable and _usable(omega)
        weight = weight * omega
    return weight, usable


@inlined
def enter_weights(sampling, n, scratch):
    """Factors that are multiplied at every step; one out of range spoils the lane."""
    for i in range(n):
        seen = scratch[WEIGHT + i] != 0.0
        weight, usable = weight_of_step(sampling, scratch[CAPTURE + i], scratch[POLAR + i], scratch[OMEGA + i])
        if seen and not usable:
            scratch[BAD + i] = FACTOR
        # a lane beyond the resolution limit has no terms, whatever its factors are
        scratch[WEIGHT + i] = weight if seen else 0.0
        scratch[SEEN + i] = 1.0 if seen else 0.0


@inlined
def scales(sampling, zero, capture, polar, omega):
    """Whether the last factors leave the bound and the sign of the rounded value alone.

    Where the value rounds to zero a negative factor makes the sign of that zero depend on whether
    the strict sum is quite 0.
    """
    usable = (abs(capture) < LARGEST_FACTOR) & (abs(polar) < LARGEST_FACTOR) & (abs(omega) < LARGEST_FACTOR)
    negative = (((capture < 0.0) & (not sampling.oversample_thick)) | ((polar < 0.0) & (not sampling.oversample_polar))
                | ((omega < 0.0) & (not sampling.oversample_omega)))
    return usable & (not (zero & negative))


@inlined
def start_pixels(scene, n, scratch):
    """Set what a block starts with."""
    for i in range(n):
        scratch[SUM + i] = scene.sampling.background
        scratch[BUDGET + i] = 0.0
        scratch[POLAR + i] = 1.0 if scene.beam.unpolarised_factor else 0.0
        scratch[OMEGA + i] = 0.0
        scratch[BAD + i] = 0.0
        scratch[OUT + i] = 0.0


@inlined
def leave(place, start, n, scratch, image, doubles, flags):
    """Hand over the values of a block."""
    for i in range(n):
        slow, fast = np.int64(scratch[SLOW + i]), np.int64(scratch[FAST + i])
        index = (slow - place[1]) * place[2] + fast - place[0] - start
        flag = np.uint8(np.int64(scratch[BAD + i]))
        flags[index] = flag
        if flag == 0 and image.shape[0] > 0:
            image[slow, fast] = np.float32(0.0 + scratch[VALUE + i])
        if doubles.shape[0] > 0:
            doubles[index, 0] = scratch[VALUE + i]
            doubles[index, 1] = scratch[WITHIN + i]
