"""A block of pixels side by side: where its numbers lie, and how they get there, pixel by pixel.

One row of BLOCK numbers per quantity, all in one flat array, at offsets that the compiler knows:
so it sees that rows do not overlap, and needs no tests at run time.  What calls the C library has
a loop of its own, which is no vector code and often not needed.
"""

import numpy as np

from ..arithmetic.vectors import unit
from ..compile.compilation import inlined
from ..physics.geometry import capture_fraction, curved_position, flat_sub_pixel, pixel_solid_angle, point_solid_angle
from ..physics.polarisation import cosine_of_two_psi, kahn_factor
from ..physics.view import (
    first_capture,
    held,
    incident_direction,
    is_captured,
    is_captured_by_source,
    is_polarised,
    is_renewed,
    is_seen,
    is_weighted,
    place_of_source,
    scattering_vector,
    weigh_step,
)
from .certificate import FACTOR, SMALLEST_PATH, usable_at_every_step

__all__ = ["BLOCK", "SCRATCH_SIZE", "SMALL_SIZE", "gather", "gather_tile", "start_pixels", "start_layer",
           "enter_sub_pixel", "enter_source", "enter_weights", "index_of", "leave", "leave_flags",
           "leave_tile", "leave_zeros"]

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


@inlined
def gather(place, mask, start, stop, scratch):
    """Enter the pixels start..stop-1 that are not masked.

    Returns the number of them.
    """
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
def gather_tile(place, mask, start, stop, row, column, scratch):
    """Enter those pixels of a tile of 16 x 8 that are among start..stop-1 and not masked, in leaves of 4 x 4.

    A leaf without pixels is left out; one that lacks some has its first instead, whose values are the same each time.

    Parameters
    ----------
    row, column : int
        The tile's first pixel, counted from the window's.

    Returns
    -------
    int
        The number of lanes, 16 for each leaf.
    bool
        Whether all pixels of the tile are there.
    """
    first_fast, first_slow, width = place
    if (mask.shape[0] == 0 and column + 16 <= width and row * width + column >= start
            and (row + 7) * width + column + 15 < stop):
        for leaf in range(8):
            lanes = scratch[16 * leaf:]
            fast, slow = np.float64(first_fast + column + leaf % 4 * 4), np.float64(first_slow + row + leaf // 4 * 4)
            for y in range(4):
                for x in range(4):
                    lanes[FAST + 4 * y + x] = fast + x
                    lanes[SLOW + 4 * y + x] = slow + y
        return BLOCK, True
    n = 0
    for leaf in range(8):
        slow, fast = row + leaf // 4 * 4, column + leaf % 4 * 4
        found, sample = 0, 0
        for i in range(16):
            y, x = slow + i // 4, fast + i % 4
            index = y * width + x
            inside = x < width and index >= start and index < stop
            if inside and mask.shape[0] > 0:
                inside = mask[first_slow + y, first_fast + x] != 0
            scratch[FAST + n + i] = first_fast + x if inside else -1.0
            scratch[SLOW + n + i] = first_slow + y
            if inside:
                sample = i if found == 0 else sample
                found += 1
        if found == 0:
            continue
        if found < 16:
            for i in range(16):
                if scratch[FAST + n + i] < 0.0:
                    scratch[FAST + n + i] = scratch[FAST + n + sample]
                    scratch[SLOW + n + i] = scratch[SLOW + n + sample]
        n += 16
    return n, False


@inlined
def vector(scratch, row, i):
    return (scratch[row + i], scratch[row + BLOCK + i], scratch[row + 2 * BLOCK + i])


@inlined
def enter_vector(v, row, i, scratch):
    scratch[row + i] = v[0]
    scratch[row + BLOCK + i] = v[1]
    scratch[row + 2 * BLOCK + i] = v[2]


@inlined
def enter_sub_pixel(geometry, sampling, by_source, layer, sub_slow, sub_fast, n, scratch):
    """Directions, solid angles and captured fractions of one sub-pixel.

    What calls the C library has a loop of its own, which is no vector code and often not needed.
    """
    for i in range(n):
        enter_vector(flat_sub_pixel(geometry, scratch[FAST + i], scratch[SLOW + i], layer, sub_slow, sub_fast), S1X, i,
                     scratch)
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
    if is_captured(geometry, sampling) and not by_source:
        for i in range(n):
            if is_renewed(scratch[CAPTURE + i], sampling.oversample_thick):
                scratch[CAPTURE + i] = capture_fraction(geometry, layer, vector(scratch, S1X, i), geometry.attenuation)


@inlined
def _enter_solid_angle(sampling, now, i, scratch):
    scratch[OMEGA + i] = held(scratch[OMEGA + i], now, sampling.oversample_omega)


@inlined
def enter_source(geometry, beam, sampling, layer, source, axis, n, scratch):
    """Scattering vectors of one source, its captured fractions where these differ, and polarisation factors.

    Returns the number of lanes that see it.
    """
    row, number = place_of_source(beam.per_direction, source)
    s0, wavelength = incident_direction(beam.directions, row), beam.wavelengths[number]
    for i in range(n):
        enter_vector(scattering_vector(vector(scratch, S1X, i), s0, wavelength), QX, i, scratch)
        scratch[WEIGHT + i] = 1.0
    if is_weighted(beam.weights):
        # a loop of its own: with a number that varies in the one above, images of one step take a tenth longer
        weight = beam.weights[number]
        for i in range(n):
            scratch[WEIGHT + i] = weight
    seen = n
    if beam.d_min > 0.0:
        for i in range(n):
            if not is_seen(beam.d_min, vector(scratch, QX, i)):
                scratch[WEIGHT + i] = 0.0
                seen -= 1
    if is_captured_by_source(beam.attenuations):
        # of the direction as it is before this source's polarisation factor normalises it
        attenuation = beam.attenuations[number]
        for i in range(n):
            scratch[CAPTURE + i] = capture_fraction(geometry, layer, vector(scratch, S1X, i), attenuation)
    s0, _ = unit(s0)
    if is_polarised(beam, sampling):
        _enter_polarisation(beam.polarisation_fraction, sampling.oversample_polar, s0, axis, n, scratch)
    return seen


@inlined
def _enter_polarisation(fraction, each, s0, axis, n, scratch):
    """Polarisation factors of the lanes that need one, whose directions are normalised once more for good."""
    for i in range(n):
        wanted = (scratch[WEIGHT + i] != 0.0) & is_renewed(scratch[POLAR + i], each)
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
def enter_weights(sampling, n, scratch):
    """Factors that are multiplied at every step, after the weight of the source; one out of range spoils the lane."""
    for i in range(n):
        seen = scratch[WEIGHT + i] != 0.0
        weight = weigh_step(sampling, scratch[WEIGHT + i], scratch[CAPTURE + i], scratch[POLAR + i], scratch[OMEGA + i])
        if seen and not usable_at_every_step(sampling, scratch[CAPTURE + i], scratch[POLAR + i], scratch[OMEGA + i]):
            scratch[BAD + i] = FACTOR
        # a lane beyond the resolution limit has no terms, whatever its factors are
        scratch[WEIGHT + i] = weight if seen else 0.0
        scratch[SEEN + i] = 1.0 if seen else 0.0


@inlined
def start_pixels(background, polar, n, scratch):
    """Set what a block starts with."""
    for i in range(n):
        scratch[SUM + i] = background
        scratch[BUDGET + i] = 0.0
        scratch[POLAR + i] = polar
        scratch[OMEGA + i] = 0.0
        scratch[BAD + i] = 0.0
        scratch[OUT + i] = 0.0


@inlined
def start_layer(geometry, n, scratch):
    """Set what a layer of the sensor starts with."""
    for i in range(n):
        scratch[CAPTURE + i] = first_capture(geometry)


@inlined
def index_of(place, i, scratch):
    """Return the number of a lane's pixel in the window."""
    return (np.int64(scratch[SLOW + i]) - place[1]) * place[2] + np.int64(scratch[FAST + i]) - place[0]


@inlined
def leave_flags(place, start, n, scratch, flags):
    """Hand over which lanes of a block the strict evaluator must take, where the sum goes on."""
    for i in range(n):
        flags[index_of(place, i, scratch) - start] = np.uint8(np.int64(scratch[BAD + i]))


@inlined
def leave(place, start, n, scratch, filled, flags):
    """Hand over the values of a block."""
    image, doubles = filled.image, filled.doubles
    for i in range(n):
        slow, fast = np.int64(scratch[SLOW + i]), np.int64(scratch[FAST + i])
        index = index_of(place, i, scratch) - start
        flag = np.uint8(np.int64(scratch[BAD + i]))
        flags[index] = flag
        if flag == 0 and image.shape[0] > 0:
            image[slow, fast] = np.float32(0.0 + scratch[VALUE + i])
        if doubles.shape[0] > 0:
            doubles[index, 0] = scratch[VALUE + i]
            doubles[index, 1] = scratch[WITHIN + i]


@inlined
def leave_tile(place, start, scratch, filled, flags):
    """Hand over the values of a tile that is whole, as `leave` does, but without asking each lane for its place."""
    image, doubles = filled.image, filled.doubles
    for leaf in range(8):
        lanes = scratch[16 * leaf:]
        fast, slow = np.int64(lanes[FAST]), np.int64(lanes[SLOW])
        for y in range(4):
            index = (slow + y - place[1]) * place[2] + fast - place[0] - start
            for x in range(4):
                i = 4 * y + x
                flag = lanes[BAD + i]
                if flag != 0.0:
                    flags[index + x] = np.uint8(np.int64(flag))
                elif image.shape[0] > 0:
                    image[slow + y, fast + x] = np.float32(0.0 + lanes[VALUE + i])
            if doubles.shape[0] > 0:
                for x in range(4):
                    doubles[index + x, 0] = lanes[VALUE + 4 * y + x]
                    doubles[index + x, 1] = lanes[WITHIN + 4 * y + x]


@inlined
def leave_zeros(pixels, row, column, within, filled):
    """Hand over zeros for those pixels of a tile that are to be computed, and how far they can be off.

    Returns how many there are.
    """
    first_fast, first_slow, width = pixels.place
    image, doubles, mask, count = filled.image, filled.doubles, pixels.mask, 0
    for slow in range(row, row + 8):
        # along a row pixels follow each other
        begin = max(slow * width + column, pixels.start)
        end = min(slow * width + min(column + 16, width), pixels.stop)
        for index in range(begin, end):
            fast = index - slow * width + first_fast
            if mask.shape[0] > 0 and mask[first_slow + slow, fast] == 0:
                continue
            count += 1
            if image.shape[0] > 0:
                image[first_slow + slow, fast] = np.float32(0.0)
            if doubles.shape[0] > 0:
                doubles[index - pixels.start, 0] = 0.0
                doubles[index - pixels.start, 1] = within
    return count
