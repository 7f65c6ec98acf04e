"""The lane evaluator: many pixels side by side, in loops that a compiler turns into vector code.

A block of pixels goes through the same loop nest as one pixel of the strict evaluator, with the
same functions and in the same order, but for the lattice factor: there the sines, cosines and
exponentials are our own, of known relative error, and products and quotients are regrouped.  All
else (h, k, l, the structure factor, every factor per pixel) has the strict evaluator's bits.
`certificate` says what that does to the sum, and which pixels must be evaluated strictly.

The lanes live in one flat scratch array, one row of BLOCK numbers per quantity, at offsets that
the compiler knows: so it sees that rows do not overlap, and needs no tests at run time.  Table
look-ups have a loop of their own, for they cannot be vector code and would keep the rest from it.
"""

import functools

import numpy as np

from .certificate import LARGEST_FACTOR, SMALLEST_PATH, float32_is_certain, half_width
from .compilation import inlined, jit
from .elementary import C_EXP_ZERO_BELOW
from .geometry import (capture_fraction, curved_position, flat_position, pixel_solid_angle, point_solid_angle,
                       sub_pixel_centre)
from .lattice import (gauss_exponent, gauss_lane, grating_lane, miller_indices, round_half_down, sphere_lane,
                      tophat_lane)
from .layout import GAUSS, ROUND, SQUARE, TOPHAT
from .pixel import beyond_limit, photons, rotated_cell, scattering_vector
from .polarisation import cosine_of_two_psi, kahn_factor
from .simd import tricubic
from .structure_factor import cubic_weights, within_margin
from .vectors import magnitude, unit

__all__ = ["BLOCK", "ONE_CELL", "SCRATCH_SIZE", "REASONS", "lane_kernel"]

#: Stands for the shape of a parallelepiped of one unit cell.
ONE_CELL = -1

#: Pixels side by side.
BLOCK = 128

# -- rows of the scratch array
(FAST, SLOW, SUM, BUDGET, POLAR, OMEGA, CAPTURE, WEIGHT, BAD, S1X, S1Y, S1Z, QX, QY, QZ, SQUARED, SPREAD,
 INDEX, OUT, PATH) = [row * BLOCK for row in range(20)]
# rows of several uses: at the end no scattering vector is needed any more, nor a path after the solid angle
VALUE, WITHIN, WANTED = QX, QY, PATH
_WEIGHTS = 20 * BLOCK  # of the interpolation: four rows for each index
SCRATCH_SIZE = 32 * BLOCK

# -- why a pixel is handed to the strict evaluator (values of a flag; 0: its bits are certain)
_DOUBTFUL, _OUT_OF_MARGIN, _FACTOR = 1, 2, 3
REASONS = {_DOUBTFUL: "rounding in doubt", _OUT_OF_MARGIN: "interpolation out of range",
           _FACTOR: "factor negative or out of range"}


@inlined
def _gather(place, mask, start, stop, scratch):
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
def _vector(scratch, row, i):
    return (scratch[row + i], scratch[row + BLOCK + i], scratch[row + 2 * BLOCK + i])


@inlined
def _enter_vector(v, row, i, scratch):
    scratch[row + i] = v[0]
    scratch[row + BLOCK + i] = v[1]
    scratch[row + 2 * BLOCK + i] = v[2]


@inlined
def _enter_sub_pixel(scene, layer, sub_slow, sub_fast, n, scratch):
    """Directions, solid angles and captured fractions of one sub-pixel.

    What calls the C library has a loop of its own, which is no vector code and often not needed.
    """
    geometry, sampling = scene.geometry, scene.sampling
    for i in range(n):
        _enter_vector(flat_position(geometry, sub_pixel_centre(geometry, scratch[FAST + i], sub_fast),
                                    sub_pixel_centre(geometry, scratch[SLOW + i], sub_slow),
                                    layer * geometry.layer_step), S1X, i, scratch)
    if geometry.curved:
        for i in range(n):
            _enter_vector(curved_position(geometry, _vector(scratch, S1X, i)), S1X, i, scratch)
    for i in range(n):
        s1, airpath = unit(_vector(scratch, S1X, i))
        _enter_vector(s1, S1X, i, scratch)
        scratch[PATH + i] = airpath
        scratch[BAD + i] = _FACTOR if airpath < SMALLEST_PATH else scratch[BAD + i]
    if geometry.point_pixel:
        for i in range(n):
            _enter_solid_angle(sampling, point_solid_angle(scratch[PATH + i]), i, scratch)
    else:
        for i in range(n):
            _enter_solid_angle(sampling, pixel_solid_angle(geometry, scratch[PATH + i]), i, scratch)
    if geometry.thickness != 0.0 or sampling.oversample_thick:
        for i in range(n):
            if scratch[CAPTURE + i] == 0.0 or sampling.oversample_thick:
                scratch[CAPTURE + i] = capture_fraction(geometry, layer, _vector(scratch, S1X, i))


@inlined
def _enter_solid_angle(sampling, now, i, scratch):
    before = scratch[OMEGA + i]
    scratch[OMEGA + i] = now if (before == 0.0) | sampling.oversample_omega else before


@inlined
def _enter_source(scene, source, axis, n, scratch):
    """Scattering vectors and polarisation factors of one source; whether any lane sees it."""
    beam, sampling = scene.beam, scene.sampling
    s0 = (-beam.directions[source, 0], -beam.directions[source, 1], -beam.directions[source, 2])
    wavelength = beam.wavelengths[source]
    for i in range(n):
        _enter_vector(scattering_vector(_vector(scratch, S1X, i), s0, wavelength), QX, i, scratch)
        scratch[WEIGHT + i] = 1.0
    seen = n
    if beam.d_min > 0.0:
        for i in range(n):
            stol = 0.5 * magnitude(_vector(scratch, QX, i))
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
        before = _vector(scratch, S1X, i)
        s1, _ = unit(before)
        scratch[WANTED + i] = 1.0 if wanted else 0.0
        scratch[S1X + i] = s1[0] if wanted else before[0]
        scratch[S1Y + i] = s1[1] if wanted else before[1]
        scratch[S1Z + i] = s1[2] if wanted else before[2]
        scratch[POLAR + i] = kahn_factor(fraction, s0, s1, 1.0) if wanted else scratch[POLAR + i]
    if fraction != 0.0:
        for i in range(n):
            if scratch[WANTED + i] != 0.0:
                s1 = _vector(scratch, S1X, i)
                scratch[POLAR + i] = kahn_factor(fraction, s0, s1, cosine_of_two_psi(s0, s1, axis))


@inlined
def _usable(factor):
    """Whether a factor keeps the terms of a sum from cancelling and from overflowing."""
    return 0.0 <= factor < LARGEST_FACTOR


@inlined
def _enter_weights(sampling, n, scratch):
    """Factors that are multiplied at every step; one out of range spoils the lane."""
    for i in range(n):
        weight = scratch[WEIGHT + i]
        usable = True
        if sampling.oversample_thick:
            usable = usable and _usable(scratch[CAPTURE + i])
            weight = weight * scratch[CAPTURE + i]
        if sampling.oversample_polar:
            usable = usable and _usable(scratch[POLAR + i])
            weight = weight * scratch[POLAR + i]
        if sampling.oversample_omega:
            usable = usable and _usable(scratch[OMEGA + i])
            weight = weight * scratch[OMEGA + i]
        if not usable:
            scratch[BAD + i] = _FACTOR
        scratch[WEIGHT + i] = weight


@inlined
def _within(x, low, high):
    """x limited to low..high; low if x is not a number."""
    x = x if x > low else low
    return x if x < high else high


@inlined
def _weights(scratch, row, i):
    at = _WEIGHTS + row * BLOCK + i
    return (scratch[at], scratch[at + BLOCK], scratch[at + 2 * BLOCK], scratch[at + 3 * BLOCK])


@inlined
def _enter_weights_of(x, row, i, scratch):
    at = _WEIGHTS + row * BLOCK + i
    w = cubic_weights(x)
    scratch[at] = w[0]
    scratch[at + BLOCK] = w[1]
    scratch[at + 2 * BLOCK] = w[2]
    scratch[at + 3 * BLOCK] = w[3]


@inlined
def _enter_cubic(shape, lookup, grid, skip_zero, hkl, i, scratch):
    """Where the sixty-four neighbours are, their weights, and whether all are there."""
    low, last = lookup.minimum, grid.last
    # the C program tests this where its lattice factor is not 0; to test too often does no harm
    tested = True
    if shape == GAUSS:
        tested = not scratch[SPREAD + i] < C_EXP_ZERO_BELOW
    elif shape == TOPHAT:
        tested = scratch[SQUARED + i] != 0.0
    out = (tested or not skip_zero) and not within_margin(lookup, hkl)
    scratch[OUT + i] = 1.0 if out else scratch[OUT + i]
    # limited so that every look-up is inside, whatever becomes of the pixel
    h = _within(np.floor(hkl[0]) - 1.0 - low[0], 0.0, last[0])
    k = _within(np.floor(hkl[1]) - 1.0 - low[1], 0.0, last[1])
    l = _within(np.floor(hkl[2]) - 1.0 - low[2], 0.0, last[2])
    scratch[INDEX + i] = (h * grid.row_h + k) * grid.row_k + l
    _enter_weights_of(hkl[0], 0, i, scratch)
    _enter_weights_of(hkl[1], 4, i, scratch)
    _enter_weights_of(hkl[2], 8, i, scratch)


@inlined
def _scales(sampling, zero, capture, polar, omega):
    """Whether the last factors leave the bound and the sign of the rounded value alone.

    Where the value rounds to zero a negative factor makes the sign of that zero depend on whether
    the strict sum is quite 0.
    """
    usable = (abs(capture) < LARGEST_FACTOR) & (abs(polar) < LARGEST_FACTOR) & (abs(omega) < LARGEST_FACTOR)
    negative = (((capture < 0.0) & (not sampling.oversample_thick)) | ((polar < 0.0) & (not sampling.oversample_polar))
                | ((omega < 0.0) & (not sampling.oversample_omega)))
    return usable & (not (zero & negative))


def _make_factors(shape, cubic, about):
    """Loop over lanes: squared lattice factors, and where the structure factor is."""

    @inlined
    def factors(crystal, lookup, grid, skip_zero, cell, n, scratch):
        for i in range(n):
            hkl = miller_indices(cell, (scratch[QX + i], scratch[QY + i], scratch[QZ + i]))
            nearest = (round_half_down(hkl[0]), round_half_down(hkl[1]), round_half_down(hkl[2]))
            if shape == SQUARE:
                scratch[SQUARED + i] = grating_lane(crystal, hkl, nearest, about)
            elif shape == ROUND:
                square, spread = sphere_lane(crystal, hkl, nearest)
                scratch[SQUARED + i] = square
                scratch[SPREAD + i] = spread
            elif shape == GAUSS:
                exponent = gauss_exponent(crystal, hkl, nearest)
                scratch[SQUARED + i] = gauss_lane(crystal, exponent)
                scratch[SPREAD + i] = exponent
            elif shape == TOPHAT:
                scratch[SQUARED + i] = tophat_lane(crystal, hkl, nearest)
            elif shape == ONE_CELL:
                scratch[SQUARED + i] = 1.0
            if cubic:
                _enter_cubic(shape, lookup, grid, skip_zero, hkl, i, scratch)
            else:
                low, high = grid.low, grid.high
                h = _within(nearest[0], low[0], high[0]) - low[0]
                k = _within(nearest[1], low[1], high[1]) - low[1]
                l = _within(nearest[2], low[2], high[2]) - low[2]
                # whole numbers below 2^53: exact
                scratch[INDEX + i] = h * grid.stride_h + k * grid.stride_k + l

    return factors


@inlined
def _leave_source(per_step, n, scratch):
    """Hand over the lanes that an index of this source brought out of the table."""
    for i in range(n):
        # a weight of 0 marks a lane beyond the resolution limit, unless other factors are in it
        if scratch[OUT + i] != 0.0 and (per_step or scratch[WEIGHT + i] != 0.0):
            scratch[BAD + i] = _OUT_OF_MARGIN
        scratch[OUT + i] = 0.0


def _make_add_nearest(shape):
    """Loop over lanes: look up the squared structure factor and add the term."""

    @inlined
    def add_nearest(grid, weighted, n, scratch):
        for i in range(n):
            square = grid.squares[np.uint64(np.int64(scratch[INDEX + i]))]
            if weighted:
                square = square * scratch[WEIGHT + i]
            scratch[SUM + i] += square * scratch[SQUARED + i]
            if shape == ROUND:
                scratch[BUDGET + i] += square * scratch[SPREAD + i]

    return add_nearest


def _make_add_cubic(shape):
    """Loop over lanes: interpolate in three dimensions and add the term."""

    @inlined
    def add_cubic(grid, weighted, n, scratch):
        row_h, row_k = np.uint64(grid.row_h), np.uint64(grid.row_k)
        for i in range(n):
            f = tricubic(grid.amplitudes, np.uint64(np.int64(scratch[INDEX + i])), row_h, row_k,
                         _weights(scratch, 0, i), _weights(scratch, 4, i), _weights(scratch, 8, i))
            square = f * f
            if weighted:
                square = square * scratch[WEIGHT + i]
            scratch[SUM + i] += square * scratch[SQUARED + i]
            if shape == ROUND:
                scratch[BUDGET + i] += square * scratch[SPREAD + i]

    return add_cubic


@inlined
def _leave(place, start, n, scratch, image, doubles, flags):
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


@functools.cache
def lane_kernel(shape, cubic, about):
    """Make the kernel for one crystal shape, with interpolated structure factors or nearest ones.

    Parameters
    ----------
    shape : int
        layout.SQUARE, ROUND, GAUSS or TOPHAT; ONE_CELL: the lattice factor is 1.
    cubic : bool
    about : bool
        Parallelepiped only: use the shorter reduction of the sines' arguments.

    Returns
    -------
    function
        lane_pixels(scene, grid, bound, place, mask, image, start, stop, axis, scratch, doubles, flags)
        renders pixels start..stop-1 of a window (see `driver_cpu.strict_pixels`), with the
        polarisation axis in row `axis`.  flags[index - start] becomes 0 where the pixel of the
        image is right, a key of REASONS where it must be evaluated strictly.  Where `doubles` has
        rows, doubles[index - start] becomes the value before rounding and its half-width.
    """
    factors = _make_factors(shape, cubic, about)
    add_nearest, add_cubic = _make_add_nearest(shape), _make_add_cubic(shape)

    @jit(variant=(shape, cubic, about))
    def lane_pixels(scene, grid, bound, place, mask, image, start, stop, axis_row, scratch, doubles, flags):
        geometry, beam, crystal, sampling = scene.geometry, scene.beam, scene.crystal, scene.sampling
        axis = (beam.polarisation_axes[axis_row, 0], beam.polarisation_axes[axis_row, 1],
                beam.polarisation_axes[axis_row, 2])
        per_step = sampling.oversample_thick or sampling.oversample_polar or sampling.oversample_omega
        weighted = per_step or beam.d_min > 0.0
        for first in range(start, stop, BLOCK):
            n = _gather(place, mask, first, min(first + BLOCK, stop), scratch)
            for i in range(n):
                scratch[SUM + i] = sampling.background
                scratch[BUDGET + i] = 0.0
                scratch[POLAR + i] = 1.0 if beam.unpolarised_factor else 0.0
                scratch[OMEGA + i] = 0.0
                scratch[BAD + i] = 0.0
                scratch[OUT + i] = 0.0
            for layer in range(geometry.layers):
                for i in range(n):
                    scratch[CAPTURE + i] = 1.0 if geometry.thickness == 0.0 else 0.0
                for sub_slow in range(geometry.oversample):
                    for sub_fast in range(geometry.oversample):
                        _enter_sub_pixel(scene, layer, sub_slow, sub_fast, n, scratch)
                        for source in range(beam.wavelengths.shape[0]):
                            if _enter_source(scene, source, axis, n, scratch) == 0:
                                continue
                            if per_step:
                                _enter_weights(sampling, n, scratch)
                            for phi_step in range(crystal.phi_rows.shape[0]):
                                for domain in range(crystal.domains):
                                    cell = rotated_cell(crystal, crystal.phi_rows[phi_step], domain)
                                    factors(crystal, scene.lookup, grid, sampling.skip_zero, cell, n, scratch)
                                    if cubic:
                                        add_cubic(grid, weighted, n, scratch)
                                    else:
                                        add_nearest(grid, weighted, n, scratch)
                            if cubic:
                                _leave_source(per_step, n, scratch)
            for i in range(n):
                capture, polar, omega = scratch[CAPTURE + i], scratch[POLAR + i], scratch[OMEGA + i]
                value = photons(sampling, scratch[SUM + i], capture, polar, omega)
                spread = bound.spread * scratch[BUDGET + i] + bound.smallest
                within = half_width(bound, value, photons(sampling, spread, capture, polar, omega))
                flag = 0.0 if float32_is_certain(value, within) else float(_DOUBTFUL)
                flag = flag if _scales(sampling, np.float32(value) == 0.0, capture, polar, omega) else float(_FACTOR)
                scratch[BAD + i] = flag if scratch[BAD + i] == 0.0 else scratch[BAD + i]
                scratch[VALUE + i] = value
                scratch[WITHIN + i] = within
            _leave(place, start, n, scratch, image, doubles, flags)

    return lane_pixels
