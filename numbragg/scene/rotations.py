"""Seeded random numbers of a simulation: the streams, random orientation, mosaic domains.

One simulation draws from up to three streams, in this order: orientation, mosaic domains, noise.
Each has a seed of its own, but all share one shuffle table, as in the C program.  A seed of 0 or
more fills that table anew, so what was drawn before makes no difference; seeds 0 and 1 are the
same.  A negative seed goes on with the table that the stream before it left, so the result depends
on that stream (on a table never filled, every negative seed is the same as seed 1).
"""

import math
import operator

import numpy as np

from ..kernels.detector.random import empty_table, mosaic_rotation, mosaic_rotations, new_stream

__all__ = ["Generator", "random_misset", "misset_angles", "mosaic_domains"]

#: Seeds lie between minus this and this: they are negated in 64 bits.
LARGEST_SEED = 2**63 - 1

#: Spreads of mosaic domains [rad] are rounded to float32, which holds no more.
LARGEST_SPREAD = float(np.finfo(np.float32).max)

# Below this many domains the interpreter is done before the compiled kernel is loaded.
_FEW_DOMAINS = 500


class Generator:
    """The shuffle table that the streams of one simulation share.

    Examples
    --------
    >>> from numbragg.random import Generator, mosaic_domains
    >>> generator = Generator()
    >>> mosaic_domains(generator, 2, 0.01, 12345678).shape
    (2, 3, 3)
    """

    def __init__(self):
        self._table = empty_table()

    def stream(self, seed):
        """A stream of random numbers, to be used after those before it and not alongside them.

        Parameters
        ----------
        seed : int
            As on the command line (it is negated inside); see the module's description.

        Returns
        -------
        numbragg.kernels.detector.random.Stream

        Raises
        ------
        ValueError
            If `seed` is not a whole number of at most 2**63 - 1 in size.
        """
        return new_stream(-checked_seed(seed), self._table)

    def numbers(self):
        """A copy of the table as the streams so far have left it."""
        return self._table.copy()

    def go_on(self, numbers):
        """Leave the table as streams that are not drawn again have left it: `numbers` of another generator."""
        self._table[...] = numbers


def checked_seed(seed):
    """The seed as an int. Raises ValueError if it is none or too large."""
    try:
        if isinstance(seed, (bool, np.bool_)):
            raise TypeError
        number = operator.index(seed)
    except TypeError:
        raise ValueError(f"seed is {seed!r}: it must be a whole number") from None
    if abs(number) > LARGEST_SEED:
        raise ValueError(f"seed is {number}: it must lie between -(2**63 - 1) and 2**63 - 1")
    return number


def random_misset(generator, seed):
    """Random orientation of the crystal.

    A rotation about a random axis by up to 90 **radians**, as the C program has it: random, but
    not uniform over all orientations.

    Parameters
    ----------
    generator : Generator
        Three numbers are drawn. The orientation is the first thing that a simulation draws.
    seed : int
        As for `Generator.stream`.

    Returns
    -------
    (3, 3) float64
        Rotation matrix.
    """
    return np.array(mosaic_rotation(np.float32(90.0), generator.stream(seed))).reshape(3, 3)


def misset_angles(u):
    """Angles about x, y and z [rad] that give a rotation matrix, applied in this order.

    Parameters
    ----------
    u : (3, 3) array_like of float
        Rotation matrix. Its rows are normalised here (twice, which is part of the bits).

    Returns
    -------
    tuple of 3 float
        Where the rotation about y is a right angle to the last bit, the C program's constants
        (pi, pi/2) stand for x and y.

    Raises
    ------
    ValueError
        If `u` is not 3 by 3, not finite, or has a row of zeros.
    """
    matrix = np.asarray(u, dtype=np.float64)
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all() or not matrix.any(axis=1).all():
        raise ValueError(f"u is {matrix.tolist()}: it must be a finite 3x3 matrix without a row of zeros")
    rows = matrix.tolist()
    for _ in range(2):
        rows = [_unit(*row) for row in rows]
    (u11, u12, _), (u21, u22, _), (u31, u32, u33) = rows
    if u31 * u31 < 1.0:
        return (math.atan2(u32, u33), math.atan2(-u31, math.sqrt(u32 * u32 + u33 * u33)),
                math.atan2(u21, u11))
    right_angle = math.atan2(1.0, 1.0)
    return right_angle * 4.0, right_angle * 2.0, math.atan2(u12, -u22)


def _unit(x, y, z):
    length = math.sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length


def mosaic_domains(generator, count, spread_rad, seed):
    """Orientations of the mosaic domains relative to the crystal.

    Parameters
    ----------
    generator : Generator
        Three numbers are drawn per domain, also for a single one.
    count : int
        Number of domains, at least 1.
    spread_rad : float
        Largest angle of rotation [rad]; rounded to float32.
    seed : int
        As for `Generator.stream`.

    Returns
    -------
    (count, 3, 3) float64
        Rotation matrices. The first is the identity, after its numbers have been drawn.

    Raises
    ------
    ValueError
        If `count` is below 1, `spread_rad` not finite, or `seed` no valid seed.
    """
    if count < 1:
        raise ValueError(f"count is {count}: there must be at least 1 mosaic domain")
    if not abs(spread_rad) <= LARGEST_SPREAD:
        raise ValueError(f"mosaic spread is {spread_rad} rad: it must lie between -{LARGEST_SPREAD:g} and"
                         f" {LARGEST_SPREAD:g}")
    stream = generator.stream(seed)
    draw = mosaic_rotations
    if count < _FEW_DOMAINS:
        draw = getattr(mosaic_rotations, "py_func", mosaic_rotations)
    rotations = np.empty((count, 3, 3))
    draw(np.float32(spread_rad), stream, rotations)
    rotations[0] = np.eye(3)
    return rotations
