"""Mosaic domains that the C program does not have: normal angles, three widths, even coverage.

Everything is computed number by number, with basic operations and the C library's functions: the same bits on every
processor.
"""

import math

import numpy as np

from ..kernels.arithmetic.vectors import rotate_axis, unit
from .draws import normal_quantile, normals, uniform_rows

# start-up: Python's random numbers are imported where angles are shuffled

__all__ = ["MOSAICITIES", "domain_rotations", "middle_axes", "rotation", "width_about"]

#: By name: what `Crystal.mosaicity` may be.
MOSAICITIES = ("cap", "gaussian", "anisotropic")

#: What shuffles the angles of the anisotropic domains, as in the program that they are taken from.
SHUFFLE_SEED = 8675309

#: Steps of the additive recurrence in three dimensions that fills a cube most evenly, 1/g, 1/g^2, 1/g^3 with
#: g^4 = g + 1, in units of 2^-64: whole numbers, which add up without rounding.
_STEPS = (15111065706836454659, 12378569675163806722, 10140184033053478359)


def domain_rotations(crystal, counts, axes):
    """Rotation matrices of mosaic domains.

    Parameters
    ----------
    crystal : request.CrystalRequest
        Whose mosaicity is not the C program's.
    counts : counts.StepCounts
        Their number, and the spread [rad].
    axes : nine floats
        a, b, c of the crystal as it stands in the middle of the exposure, in the laboratory frame, of any length.

    Returns
    -------
    (domains, 9) float64
        By rows.
    """
    if crystal.mosaic_rotations is not None:
        return np.ascontiguousarray(crystal.mosaic_rotations, dtype=np.float64)
    if not counts.mosaic_spread > 0.0:
        return np.empty((0, 9))
    n = counts.mosaic_domains
    out = np.empty((n, 9))
    even = crystal.mosaic_low_discrepancy
    if crystal.mosaicity == "gaussian":
        turns = (_even_turns if even else _random_turns)(n, crystal.mosaic_seed)
        rows = (rotation(axis, counts.mosaic_spread * angle) for axis, angle in turns)
    else:
        widths = _widths(crystal.mosaic_spreads, axes)
        turns = _even_turns(n, crystal.mosaic_seed) if even else _spiral_turns(n)
        rows = (rotation(axis, width_about(axis, widths) * angle) for axis, angle in turns)
    for place, row in enumerate(rows):
        out[place] = row
    return out


def rotation(axis, angle):
    """Rotation matrix, nine numbers by rows, about a unit vector by an angle [rad], right-handed."""
    x, y, z = axis
    s, c = math.sin(angle), math.cos(angle)
    t = 1.0 - c
    return (c + t * (x * x), t * x * y - s * z, t * x * z + s * y,
            t * x * y + s * z, c + t * (y * y), t * y * z - s * x,
            t * x * z - s * y, t * y * z + s * x, c + t * (z * z))


def _axis(cosine, turn):
    """Unit vector, uniform on the sphere for two uniform numbers of [-1, 1] and [0, 1]."""
    sine, angle = math.sqrt(max(0.0, 1.0 - cosine * cosine)), 2.0 * math.pi * turn
    return sine * math.cos(angle), sine * math.sin(angle), cosine


# -- axes and angles, the latter in units of their width


def _random_turns(n, seed):
    """Random axes and normal angles: each depends on the seed and its own number alone."""
    for u, v, cosine, turn in uniform_rows(seed, n, 4):
        angle, = normals((u, v))
        yield _axis(2.0 * cosine - 1.0, turn), angle


def _even_turns(n, seed):
    """Axes and quantiles of angles of a sequence that covers both evenly, wherever it ends; the seed shifts it."""
    places = [int(u * 2.0 ** 53) << 11 for u in next(iter(uniform_rows(seed, 1, 3)))]
    for _ in range(n):
        quantile, cosine, turn = ((place >> 11) * 2.0 ** -53 for place in places)
        # half a step inside, so that no quantile is 0
        yield _axis(2.0 * cosine - 1.0, turn), normal_quantile(quantile + 2.0 ** -54)
        places = [(place + step) & 0xFFFFFFFFFFFFFFFF for place, step in zip(places, _STEPS)]


def _spiral_turns(n):
    """Axes on a spiral over a hemisphere, shuffled quantiles of the angles' sizes, each with both signs; n is even."""
    from random import Random

    half = n // 2
    quantiles = [j / half for j in range(half)]
    Random(SHUFFLE_SEED).shuffle(quantiles)
    for i in range(half):
        t = (i + 0.5) / half
        theta, phi = math.acos(t), math.sqrt(math.pi * half) * math.asin(t)
        axis = (math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi), math.cos(theta))
        # the quantile of |angle| is one of the angle between 1/2 and 1
        angle = normal_quantile(0.5 + 0.5 * quantiles[i])
        yield axis, angle
        yield axis, -angle


# -- widths that depend on the axis


def _widths(spreads, axes):
    """S E S^-1, nine numbers: E the inverse squares of the spreads, S the unit vectors along a, b, c as columns."""
    a, b, c = (unit(tuple(axes[i:i + 3]))[0] for i in (0, 3, 6))
    inverse = _inverse_rows(a, b, c)
    weights = [1.0 / (spread * spread) for spread in spreads]
    return tuple(math.fsum(s[row] * w * v[column] for s, w, v in zip((a, b, c), weights, inverse))
                 for row in range(3) for column in range(3))


def _inverse_rows(a, b, c):
    """Rows of the inverse of the matrix with the columns a, b, c."""
    def crossed(x, y):
        return (x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0])

    rows = crossed(b, c), crossed(c, a), crossed(a, b)
    volume = math.fsum(x * y for x, y in zip(a, rows[0]))
    return tuple(tuple(value / volume for value in row) for row in rows)


def width_about(axis, widths):
    """1 / sqrt(|C^T E C|): the spread of rotations about an axis C [rad]."""
    return 1.0 / math.sqrt(abs(math.fsum(axis[i] * widths[3 * i + j] * axis[j] for i in range(3) for j in range(3))))


def middle_axes(direct, spindle, angle):
    """a, b, c turned by a spindle angle [rad], nine numbers."""
    return [value for i in (0, 3, 6) for value in rotate_axis(tuple(direct[i:i + 3]), spindle, angle)]
