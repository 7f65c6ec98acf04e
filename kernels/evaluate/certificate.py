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

from ..arithmetic.elementary import SINE_ABOUT_LARGEST, SINE_LARGEST, SPHERE_DIFFERENCE_BOUND
from ..compile.compilation import inlined, jit
from ..physics.error import U
from ..physics.records import EXACT, SINGLE
from ..physics.shapes import SHAPE_OF, kind_of
from ..physics.view import is_polarised, is_weighted, per_step, steps_per_pixel

__all__ = ["ABSOLUTE", "Bound", "DOUBTFUL", "FACTOR", "LARGEST_FACTOR", "OUT_OF_MARGIN", "Plan", "REASONS",
           "SMALLEST_PATH", "float32_is_certain", "half_width", "largest_f", "plan", "scales", "shared_plan",
           "sum_of_values", "terms", "usable_at_every_step"]

# -- why a pixel is handed to the strict evaluator (values of a flag; 0: its value is right)
DOUBTFUL, OUT_OF_MARGIN, FACTOR = 1, 2, 3
REASONS = {DOUBTFUL: "rounding in doubt", OUT_OF_MARGIN: "interpolation out of range",
           FACTOR: "factor negative or out of range"}

#: `SPHERE_DIFFERENCE_BOUND` takes 0.6 ulp for granted: 12.3 instead of 11.1 u where it is 1 ulp.
SPHERE_MARGIN = 1.2

#: Second-order terms are below this part of the first-order ones.
SECOND_ORDER = 1.0 + 1e-6

#: A source's weight is one rounding more in each evaluator.
WEIGHT_ERROR = 2.0

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


#: Rows of arrays that the interpreter looks at sooner than a kernel is loaded.
_FEW_ROWS = 32


class Bound(NamedTuple):
    """Half-width of the interval about t; see above."""

    relative: float
    spread: float
    smallest: float
    beyond: float = math.inf  # the squared scattering vector of which nothing has terms any more: `dark`
    margin: float = math.inf  # by which boxes of indices are widened that are asked for zeros; infinite: none: `zeros`
    patience: float = 0.0  # how long they are asked for where few are found


class Plan(NamedTuple):
    """How the lanes treat a scene, or why they do not."""

    reason: str | None
    about: bool
    bound: Bound
    error: float = 0.0  # of the squared lattice factor and the weight of the source, both evaluators together, in u
    terms: int = 0  # that are added up, what the sum starts from among them
    largest_f: float = 0.0  # the largest amplitude of a structure factor


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


@jit
def _enter_extremes(cells, mosaic, wavelengths, directions, weights, out):
    """Write what a plan needs to know of the arrays of a scene; NaN anywhere in what is taken makes it NaN.

    Tens of calls of NumPy for arrays of a few numbers would take longer than to prepare the crystal.
    """
    # in this form of a comparison NaN is taken, and nothing comes after it
    longest = 0.0
    for row in range(cells.shape[0]):
        for i in range(0, 9, 3):
            square = cells[row, i] ** 2 + cells[row, i + 1] ** 2 + cells[row, i + 2] ** 2
            longest = longest if longest != longest or square <= longest else square
    largest = 0.0
    for row in range(mosaic.shape[0]):
        for i in range(3):
            total = 0.0
            for j in range(3):
                total += abs(mosaic[row, i] * mosaic[row, j] + mosaic[row, 3 + i] * mosaic[row, 3 + j]
                             + mosaic[row, 6 + i] * mosaic[row, 6 + j])
            largest = largest if largest != largest or total <= largest else total
    low, high = np.inf, -np.inf
    for i in range(wavelengths.shape[0]):
        low = low if low != low or wavelengths[i] >= low else wavelengths[i]
        high = high if high != high or wavelengths[i] <= high else wavelengths[i]
    off = 0.0
    for row in range(directions.shape[0]):
        error = abs(directions[row, 0] ** 2 + directions[row, 1] ** 2 + directions[row, 2] ** 2 - 1.0)
        off = off if off != off or error <= off else error
    least, most = np.inf, -np.inf
    for i in range(weights.shape[0]):
        least = least if least != least or weights[i] >= least else weights[i]
        most = most if most != most or weights[i] <= most else weights[i]
    out[0], out[1], out[2], out[3], out[4], out[5], out[6] = longest, largest, low, high, off, least, most


class _Extremes(NamedTuple):
    """Of the arrays of a scene; NaN where one of the numbers is."""

    longest: float  # the longest square of a, b, c [m^2]
    stretch: float  # the largest row sum of |U'U| of mosaic domains; 0: there are none
    shortest_wavelength: float  # [m]
    longest_wavelength: float
    direction: float  # how far the square of a source's direction is from 1
    least_weight: float  # infinite where sources have none
    largest_weight: float


def _extremes(scene, once=False):
    """What a plan needs to know of the arrays of a scene; for one image of few numbers the interpreter does it."""
    crystal, beam = scene.crystal, scene.beam
    out, enter = np.empty(7), _enter_extremes
    if once and max(map(len, (crystal.phi_cells, crystal.mosaic, beam.wavelengths, beam.directions))) <= _FEW_ROWS:
        # start-up: it is done before the kernel is loaded
        enter = getattr(enter, "py_func", enter)
    with np.errstate(all="ignore"):
        enter(crystal.phi_cells, crystal.mosaic, beam.wavelengths, beam.directions, beam.weights, out)
    return _Extremes(*out.tolist())


def _largest_index(found):
    if not found.shortest_wavelength > 0.0:
        return math.inf
    # rotations do not stretch; whatever these are, the root of the largest row sum of U'U bounds it
    longest = math.sqrt(found.longest) * (math.sqrt(found.stretch) if found.stretch != 0.0 else 1.0)
    return 2.001 * longest / found.shortest_wavelength


def largest_index(scene):
    """No Miller index of the scene is larger: |h| <= |a| |q|, |q| <= 2 / wavelength, and rounding."""
    return _largest_index(_extremes(scene))


@inlined
def _usable(factor):
    """Return whether a factor keeps the terms of a sum from cancelling and from overflowing."""
    return 0.0 <= factor < LARGEST_FACTOR


@inlined
def usable_at_every_step(sampling, capture, polar, omega):
    """Return whether the factors that are multiplied at every step can be."""
    return ((not sampling.oversample_thick or _usable(capture)) and (not sampling.oversample_polar or _usable(polar))
            and (not sampling.oversample_omega or _usable(omega)))


@inlined
def scales(sampling, zero, capture, polar, omega):
    """Return whether the last factors leave the bound and the sign of the rounded value alone.

    Where the value rounds to zero a negative factor makes the sign of that zero depend on whether
    the strict sum is quite 0.
    """
    usable = (abs(capture) < LARGEST_FACTOR) & (abs(polar) < LARGEST_FACTOR) & (abs(omega) < LARGEST_FACTOR)
    negative = (((capture < 0.0) & (not sampling.oversample_thick)) | ((polar < 0.0) & (not sampling.oversample_polar))
                | ((omega < 0.0) & (not sampling.oversample_omega)))
    return usable & (not (zero & negative))


def terms(scene):
    """Return the number of terms that are added up in a pixel, the background among them."""
    return steps_per_pixel(scene) + 1


@jit
def _largest_bits(bits):
    """Bits of the largest magnitude among numbers given by theirs: they are in order, and NaN comes last."""
    largest = np.int64(0)
    for i in range(bits.shape[0]):
        magnitude = bits[i] & np.int64(0x7FFFFFFFFFFFFFFF)
        largest = magnitude if magnitude > largest else largest
    return largest


def largest_f(lookup):
    """Largest magnitude of a structure factor."""
    if not lookup.filled:
        return abs(lookup.default)
    largest = np.int64(_largest_bits(lookup.table.reshape(-1).view(np.int64))).view(np.float64)
    # not Python's max, which loses NaN
    return float(np.maximum(abs(lookup.default), largest))


def _obstacle(scene, found, index, multiple, amplitude):
    """Why the lanes cannot treat a scene, whose `_Extremes` are found, or None if they can."""
    sampling, beam, crystal = scene.sampling, scene.beam, scene.crystal
    if sampling.running_product and per_step(sampling):
        return "factors that multiply a running sum"
    if not (found.shortest_wavelength > 0.0 and found.longest_wavelength < math.inf):
        return "wavelength of a source"
    if not found.direction < 1e-9:
        return "direction of a source"
    if not (found.least_weight > 0.0 and found.largest_weight <= MOST_TERMS):
        return "weight of a source"
    if is_polarised(beam, sampling) and int(beam.next_axis[-1]) != len(beam.next_axis) - 1:
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
    """Why single precision cannot hold what a scene needs, or None if it can."""
    if not max(scene.crystal.n_cells) <= LARGEST_SINGLE_CELLS:
        return "number of unit cells too large"
    if not max(amplitude ** 2 * terms(scene), scene.sampling.background) < LARGEST_SINGLE:
        return "numbers too large"
    return None


def _bound(error, n, smallest):
    """Half-width of a sum of n terms, where squared lattice factors and weights of sources are off by `error` u."""
    # weights and products of a term: lane 4, strict 5; each sum n - 1; photons 5 on each side; the interval 4
    relative = (error + 9.0 + 2.0 * (n - 1) + 10.0 + 4.0) * U * SECOND_ORDER
    spread = SPHERE_MARGIN * SPHERE_DIFFERENCE_BOUND * U * SECOND_ORDER * 1.001
    return Bound(relative, spread, smallest)


def plan(scene, precision=EXACT, largest=None):
    """Decide whether the lanes can treat a scene, and with which bounds.

    Parameters
    ----------
    scene : records.Scene
    precision : int
        records.EXACT, COMPENSATED or SINGLE; the bounds are those of EXACT.
    largest : float or None
        `largest_f` of the scene, where it is known.

    Returns
    -------
    Plan
    """
    crystal = scene.crystal
    shape = SHAPE_OF[kind_of(crystal)]
    many = math.prod(crystal.n_cells)
    found = _extremes(scene, largest is None)
    index = _largest_index(found)
    multiple = shape.largest_multiple(crystal, index)
    # tricubic F is at most 16 times the largest
    largest = largest_f(scene.lookup) if largest is None else largest
    amplitude = (1.0 + 16.0 * largest) * many
    reason = _obstacle(scene, found, index, multiple, amplitude)
    if reason is None and precision == SINGLE:
        reason = _obstacle_to_single(scene, amplitude)
    about = multiple <= SINE_ABOUT_LARGEST
    n = terms(scene)
    weighted = is_weighted(scene.beam.weights)
    error = shape.error(about) + (WEIGHT_ERROR if weighted else 0.0)
    # what underflow and the Gaussian's cut at exp(-708) can take off the sum
    smallest = n * 1e-240 * (1.0 + amplitude ** 2) if reason is None else math.inf
    if weighted:
        smallest *= max(1.0, found.largest_weight)
    return Plan(reason, about, _bound(error, n, smallest), error, n, largest)


def shared_plan(plans):
    """Return the plan of contributions that are added up in one running sum.

    Every term has at most the error of the worst, and there are as many additions as terms in all.

    Parameters
    ----------
    plans : sequence of Plan
        Of each contribution alone.

    Returns
    -------
    Plan
        Its `about` has no meaning: each contribution keeps its own.
    """
    if len(plans) == 1:
        return plans[0]
    n = sum(p.terms for p in plans)
    error = max(p.error for p in plans)
    reason = next((p.reason for p in plans if p.reason is not None), None)
    if reason is None and n > MOST_TERMS:
        reason = "number of terms"
    return Plan(reason, False, _bound(error, n, sum(p.bound.smallest for p in plans)), error, n)


def sum_of_values(values):
    """Add up the values of several running sums, in double, in their order.

    Parameters
    ----------
    values : sequence of (pixels, 2) float64
        Photons before rounding, and their half-widths.

    Returns
    -------
    value, half_width : (pixels,) float64
    certain : (pixels,) bool
        Whether the float32 of the sum is that of the strict evaluator's sum.

    Notes
    -----
    The half-widths add up, and each addition is rounded here and in the strict evaluator: twice u of
    its result.  Where the sum rounds to zero and not all values are positive, the sign of that zero
    is not certain.
    """
    with np.errstate(all="ignore"):
        value, half = values[0][:, 0].copy(), values[0][:, 1].copy()
        negative = value < 0.0
        for other in values[1:]:
            value += other[:, 0]
            negative |= other[:, 0] < 0.0
            half += other[:, 1] + np.abs(value) * (2.0 * U * SECOND_ORDER)
        if len(values) > 1:
            half *= SECOND_ORDER
            low, high = (value - half).astype(np.float32), (value + half).astype(np.float32)
            certain = (low == high) & ~((low == 0.0) & negative)
        else:
            certain = np.ones(len(value), dtype=bool)
    return value, half, certain
