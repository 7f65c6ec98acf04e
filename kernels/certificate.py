"""When a sum computed in lanes has certainly the strict evaluator's float32 bits, and how far it can be off.

t is the lane evaluator's value of a pixel, before its rounding to float32, and t' the strict one.
For every pixel that is not flagged

    |t - t'| <= relative |t| + |photons(spread B + smallest)|,

with B the second sum of the sphere (`lanes`), 0 for other shapes.  Rounding is monotone: where both
ends of this interval round to the same float32, so does t'.  The bounds are derived line by line in
docs/accuracy/certificate.md; u is 2**-53.
"""

import math
from typing import NamedTuple

import numpy as np

from .compilation import inlined
from .elementary import (EXP_SQUARED_BOUND, SINE_ABOUT_BOUND, SINE_ABOUT_LARGEST, SINE_COARSE_BOUND, SINE_LARGEST,
                         SPHERE_DIFFERENCE_BOUND)
from .layout import GAUSS, ROUND, SQUARE

__all__ = ["Bound", "Plan", "float32_is_certain", "plan", "U"]

U = 2.0 ** -53

#: Error of the C library's sine, cosine and exponential, in u (glibc states 0.55 ulp; 1 ulp is at most 2 u).
C_LIBRARY_BOUND = 1.2

#: Second-order terms are below this part of the first-order ones.
SECOND_ORDER = 1.0 + 1e-6

#: Sums beyond this number of terms, or sizes of numbers beyond these powers, are left to the strict evaluator.
MOST_TERMS = 10 ** 9
LARGEST = 1e120


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
def float32_is_certain(value, half_width):
    """Whether every number within half_width of value rounds to one and the same float32."""
    return np.float32(value - half_width) == np.float32(value + half_width)


def largest_index(scene):
    """No Miller index of the scene is larger: |h| <= |a| |q|, |q| <= 2 / wavelength, and rounding."""
    cells = scene.crystal.phi_cells.reshape(-1, 3, 3)
    longest = float(np.sqrt((cells ** 2).sum(axis=2)).max(axis=0).max())
    return float(2.001 * longest / np.abs(scene.beam.wavelengths).min())


def terms(scene):
    """Number of terms that are added up in a pixel."""
    return (scene.geometry.layers * scene.geometry.oversample ** 2 * len(scene.beam.wavelengths)
            * len(scene.crystal.phi_rows) * scene.crystal.domains + 1)


def _largest_f(lookup):
    largest = abs(lookup.default)
    if lookup.filled:
        largest = max(largest, float(lookup.table.max()), -float(lookup.table.min()))
    return largest


def _obstacle(scene, largest_f, about_range):
    """Why the lanes cannot treat a scene; None if they can."""
    sampling, beam = scene.sampling, scene.beam
    if sampling.running_product and (sampling.oversample_thick or sampling.oversample_polar
                                     or sampling.oversample_omega):
        return "running product of revision main"
    if not (np.isfinite(beam.wavelengths).all() and (beam.wavelengths > 0.0).all()):
        return "wavelength of a source"
    if int(beam.next_axis[-1]) != len(beam.next_axis) - 1:
        return "polarisation axis that alternates"
    if not about_range <= SINE_LARGEST / math.pi - 2.0:
        return "indices beyond the reduction's range"
    if terms(scene) > MOST_TERMS:
        return "number of terms"
    if scene.crystal.fudge < 0.0:
        return "negative fudge"
    many = math.prod(scene.crystal.n_cells)
    for size in (largest_f, many, sampling.scale, sampling.background, scene.crystal.fudge):
        if not size < LARGEST:
            return "numbers too large"
    return None


def plan(scene):
    """Decide whether the lanes can treat a scene, and with which bounds.

    Parameters
    ----------
    scene : layout.Scene

    Returns
    -------
    Plan
    """
    crystal = scene.crystal
    largest_f = _largest_f(scene.lookup)
    with np.errstate(all="ignore"):
        largest = largest_index(scene) * max(crystal.n_cells) + 1.0
    about = largest <= SINE_ABOUT_LARGEST
    reason = _obstacle(scene, largest_f, largest)
    n = terms(scene)
    if crystal.shape == SQUARE:
        sine = SINE_ABOUT_BOUND if about else SINE_COARSE_BOUND
        lattice = 12.0 * (sine + C_LIBRARY_BOUND) + 20.0
    elif crystal.shape == ROUND:
        lattice = 40.0
    elif crystal.shape == GAUSS:
        lattice = EXP_SQUARED_BOUND + 2.0 * C_LIBRARY_BOUND + 12.0
    else:
        lattice = 12.0
    # per term 14 for F^2, weights and products; each sum n - 1; photons 5 on each side; the interval 4
    relative = (lattice + 14.0 + 2.0 * (n - 1) + 10.0 + 4.0) * U * SECOND_ORDER
    many = math.prod(crystal.n_cells)
    # what denormal products and the Gaussian's cut at exp(-708) can lose; tricubic F is at most 16 times the largest
    smallest = n * 1e-300 * (1.0 + (16.0 * largest_f * many) ** 2) if reason is None else math.inf
    return Plan(reason, about, Bound(relative, SPHERE_DIFFERENCE_BOUND * U * SECOND_ORDER * 1.001, smallest))
