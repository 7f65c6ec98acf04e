"""When a sum computed in lanes has certainly the strict evaluator's float32 bits, and how far it can be off.

t is the lane evaluator's value of a pixel, before its rounding to float32, and t' the strict one.
For every pixel that is not flagged

    |t - t'| <= relative |t| + |photons(spread B + smallest)| + ABSOLUTE,

with B the second sum of the sphere (`lanes`), 0 for other shapes.  Rounding is monotone: where both
ends of this interval round to the same float32, so does t'.  The bounds are derived line by line in
docs/accuracy/certificate.md; u is 2**-53.
"""

import math
from typing import NamedTuple

import numpy as np

from ..arithmetic.elementary import (
    EXP_SQUARED_BOUND,
    SINE_ABOUT_BOUND,
    SINE_ABOUT_LARGEST,
    SINE_COARSE_BOUND,
    SINE_LARGEST,
    SPHERE_DIFFERENCE_BOUND,
)
from ..compile.compilation import inlined, jit
from ..physics.records import EXACT, GAUSS, ROUND, SINGLE, SQUARE, TOPHAT

__all__ = ["Bound", "Plan", "float32_is_certain", "half_width", "plan", "ABSOLUTE", "LARGEST_FACTOR",
           "SMALLEST_PATH", "U"]

U = 2.0 ** -53

#: Assumed error of the C library's sine, cosine and exponential, in u: 1 ulp.  (glibc: 0.55 ulp.)
C_LIBRARY_BOUND = 2.0

#: `SPHERE_DIFFERENCE_BOUND` takes 0.6 ulp for granted: 12.3 instead of 11.1 u where it is 1 ulp.
SPHERE_MARGIN = 1.2

#: Second-order terms are below this part of the first-order ones.
SECOND_ORDER = 1.0 + 1e-6

#: Sums of more terms, and numbers of larger size, are left to the strict evaluator: nothing overflows.
MOST_TERMS = 10 ** 9
LARGEST_AMPLITUDE = 1e75
LARGEST_SCALE = 1e50
LARGEST_BACKGROUND = 1e140
LARGEST_INDEX = 2.0 ** 30

#: The same for single precision: a sum that float32 holds, and cells that it counts in halves.
LARGEST_SINGLE = 1e37
LARGEST_SINGLE_CELLS = 2.0 ** 22

#: A pixel with a factor (captured fraction, polarisation, solid angle) of this size is evaluated strictly ...
LARGEST_FACTOR = 1e20
#: ... and one that is so near [m] that its direction is no unit vector.
SMALLEST_PATH = 1e-140

#: More than underflow in the last products can take off a value; nothing beside the least float32, 1.4e-45.
ABSOLUTE = 1e-200


class Bound(NamedTuple):
    """Half-width of the interval about t; see above."""

    relative: float
    spread: float
    smallest: float


class Plan(NamedTuple):
    """How the lanes treat a scene, or why they do not."""

    reason: str | None
    about: bool
    bound: Bound


@inlined
def half_width(bound, value, spread):
    """How far the strict value can be from `value`; `spread` is the absolute part, in photons."""
    return abs(value) * bound.relative + abs(spread) + ABSOLUTE


@inlined
def float32_is_certain(value, half_width):
    """Whether every number within half_width of value rounds to one and the same float32.

    Zeros count as equal: whether a zero has the right sign is the caller's business.
    """
    return np.float32(value - half_width) == np.float32(value + half_width)


def largest_index(scene):
    """No Miller index of the scene is larger: |h| <= |a| |q|, |q| <= 2 / wavelength, and rounding."""
    crystal = scene.crystal
    cells = crystal.phi_cells.reshape(-1, 3, 3)
    longest = float(np.sqrt((cells ** 2).sum(axis=2)).max())
    if len(crystal.mosaic):
        # rotations do not stretch; whatever these are, the root of the largest row sum of U'U bounds it
        u = crystal.mosaic.reshape(-1, 3, 3)
        longest *= math.sqrt(float(np.abs(np.matmul(u.transpose(0, 2, 1), u)).sum(axis=2).max()))
    return float(2.001 * longest / np.abs(scene.beam.wavelengths).min())


def terms(scene):
    """Number of terms that are added up in a pixel, the background among them."""
    return (scene.geometry.layers * scene.geometry.oversample ** 2 * len(scene.beam.wavelengths)
            * len(scene.crystal.phi_rows) * scene.crystal.domains + 1)


@jit
def _largest_bits(bits):
    """Bits of the largest magnitude among numbers given by theirs: they are in order, and NaN comes last."""
    largest = np.int64(0)
    for i in range(bits.shape[0]):
        magnitude = bits[i] & np.int64(0x7FFFFFFFFFFFFFFF)
        largest = magnitude if magnitude > largest else largest
    return largest


def _largest_f(lookup):
    if not lookup.filled:
        return abs(lookup.default)
    largest = np.int64(_largest_bits(lookup.table.reshape(-1).view(np.int64))).view(np.float64)
    # not Python's max, which loses NaN
    return float(np.maximum(abs(lookup.default), largest))


def _largest_multiple(crystal, index):
    """No sine or cosine in the lanes has an argument beyond this multiple of pi."""
    if crystal.shape == SQUARE:
        return index * max(crystal.n_cells) + 1.0
    if crystal.shape == ROUND:
        return 0.51 * math.hypot(*crystal.n_cells) * math.sqrt(abs(crystal.fudge)) + 1.0
    return 0.0


def _obstacle(scene, index, multiple, amplitude):
    """Why the lanes cannot treat a scene; None if they can."""
    sampling, beam, crystal = scene.sampling, scene.beam, scene.crystal
    if sampling.running_product and (sampling.oversample_thick or sampling.oversample_polar
                                     or sampling.oversample_omega):
        return "running product of revision main"
    if not (np.isfinite(beam.wavelengths).all() and (beam.wavelengths > 0.0).all()):
        return "wavelength of a source"
    if not (np.abs((beam.directions ** 2).sum(axis=1) - 1.0) < 1e-9).all():
        return "direction of a source"
    polarised = sampling.oversample_polar or not beam.unpolarised_factor
    if polarised and int(beam.next_axis[-1]) != len(beam.next_axis) - 1:
        return "polarisation axis that alternates"
    if not (index < LARGEST_INDEX and multiple <= SINE_LARGEST / math.pi - 2.0):
        return "indices beyond the reduction's range"
    if terms(scene) > MOST_TERMS:
        return "number of terms"
    for size, largest in ((amplitude, LARGEST_AMPLITUDE), (sampling.scale, LARGEST_SCALE),
                          (sampling.background, LARGEST_BACKGROUND), (crystal.fudge, LARGEST_AMPLITUDE)):
        if size < 0.0:
            return "negative fluence, background or fudge"
        if not size < largest:
            return "numbers too large"
    return None


def _obstacle_to_single(scene, amplitude):
    """Why single precision cannot hold what a scene needs; None if it can."""
    if not max(scene.crystal.n_cells) <= LARGEST_SINGLE_CELLS:
        return "number of unit cells too large"
    if not max(amplitude ** 2 * terms(scene), scene.sampling.background) < LARGEST_SINGLE:
        return "numbers too large"
    return None


def _lattice_error(shape, about):
    """Relative errors of the squared lattice factor, lane and strict together, in u."""
    if shape == SQUARE:
        # lane: six sines, five roundings, squared, one more; strict: six sines, five roundings, squared
        sine = SINE_ABOUT_BOUND if about else SINE_COARSE_BOUND
        return (12.0 * sine + 11.0) + (12.0 * C_LIBRARY_BOUND + 10.0)
    if shape == ROUND:
        # about the difference of sine and cosine, which has its own bound
        return 13.0 + 8.0
    if shape == GAUSS:
        return (EXP_SQUARED_BOUND + 2.0) + (2.0 * C_LIBRARY_BOUND + 2.0)
    assert shape == TOPHAT
    return 1.0


def plan(scene, precision=EXACT):
    """Decide whether the lanes can treat a scene, and with which bounds.

    Parameters
    ----------
    scene : records.Scene
    precision : int
        records.EXACT, COMPENSATED or SINGLE; the bounds are those of EXACT.

    Returns
    -------
    Plan
    """
    crystal = scene.crystal
    many = math.prod(crystal.n_cells)
    with np.errstate(all="ignore"):
        index = largest_index(scene)
        multiple = _largest_multiple(crystal, index)
        # tricubic F is at most 16 times the largest
        amplitude = (1.0 + 16.0 * _largest_f(scene.lookup)) * many
        reason = _obstacle(scene, index, multiple, amplitude)
        if reason is None and precision == SINGLE:
            reason = _obstacle_to_single(scene, amplitude)
    about = multiple <= SINE_ABOUT_LARGEST
    n = terms(scene)
    # the factor of a single cell is 1 in both evaluators
    one_cell = crystal.shape == SQUARE and max(crystal.n_cells) <= 1.0
    lattice = 0.0 if one_cell else _lattice_error(crystal.shape, about)
    # weights and products of a term: lane 4, strict 5; each sum n - 1; photons 5 on each side; the interval 4
    relative = (lattice + 9.0 + 2.0 * (n - 1) + 10.0 + 4.0) * U * SECOND_ORDER
    spread = SPHERE_MARGIN * SPHERE_DIFFERENCE_BOUND * U * SECOND_ORDER * 1.001
    # what underflow and the Gaussian's cut at exp(-708) can take off the sum
    smallest = n * 1e-240 * (1.0 + amplitude ** 2) if reason is None else math.inf
    return Plan(reason, about, Bound(relative, spread, smallest))
