"""Orientations to give to crystals: rotations drawn uniformly, each from its seed and its number alone.

The C program's random orientation is not uniform (quirk Q31), so this one is nobody's but ours.
"""

import math

import numpy as np
from numpy.typing import NDArray

from .. import memory
from .checks import whole

# start-up: NumPy's random generators are imported with the first rotation

__all__ = ["random_rotations"]

#: Seeds fit 64 bits with a sign.
LARGEST_SEED = 2 ** 63 - 1

#: Bytes that a rotation takes, and its random numbers.
BYTES = 8 * (9 + 4 + 4)

#: What a generator of 64 bits gives, as a number from 0 to below 1: its upper 53 bits over 2^53.
_DROPPED, _STEP = np.uint64(11), 2.0 ** -53


def random_rotations(n: int, seed: int) -> NDArray[np.float64]:
    """Random orientations of a crystal: rotation matrices, uniform over all rotations (Haar measure).

    A rotation depends on the seed and on its place in the list, not on `n`: the first hundred of a thousand are those
    that ``n=100`` gives.  `Crystal(u_matrix=...)` takes one of them.

    Parameters
    ----------
    n : int
        How many.
    seed : int
        From 0 to 2^63 - 1; different seeds give unrelated rotations.

    Returns
    -------
    (n, 3, 3) float64 array
        Matrices that turn column vectors, of determinant 1.

    Raises
    ------
    ValueError
        If `n` is no whole number from 0 to 2^31 - 1, or `seed` none from 0 to 2^63 - 1.

    Notes
    -----
    Four 64-bit words of the counter-based generator Philox, with the seed as its key, belong to each rotation; the
    first three make uniform numbers u, v, w, and these a unit quaternion, by the subgroup algorithm of Shoemake (1992):
    sqrt(1 - u) (sin 2 pi v, cos 2 pi v), sqrt(u) (sin 2 pi w, cos 2 pi w).

    Examples
    --------
    >>> import numbragg as nb
    >>> turns = nb.random_rotations(3, seed=1)
    >>> turns.shape, bool((nb.random_rotations(1, seed=1)[0] == turns[0]).all())
    ((3, 3, 3), True)
    >>> crystals = [nb.Crystal(cell=(79, 79, 38, 90, 90, 90), u_matrix=turn) for turn in turns]
    """
    from numpy.random import Philox

    count, key = whole("n", n, 0), whole("seed", seed, 0, LARGEST_SEED)
    memory.require(BYTES * count, f"n: {count} rotations")
    words = Philox(key=key).random_raw(4 * count) >> _DROPPED
    rotations = np.empty((count, 3, 3))
    # number by number: NumPy's sines of whole arrays have bits that depend on the processor
    for number, row in enumerate(words.reshape(-1, 4)):
        u, v, w, _ = row.tolist()
        rotations[number] = _rotation(u * _STEP, v * _STEP, w * _STEP)
    return rotations


def _rotation(u, v, w):
    """Rotation matrix, three rows, from three numbers of [0, 1)."""
    v, w = 2.0 * math.pi * v, 2.0 * math.pi * w
    near, far = math.sqrt(1.0 - u), math.sqrt(u)
    x, y, z, t = near * math.sin(v), near * math.cos(v), far * math.sin(w), far * math.cos(w)
    return ((1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * t), 2.0 * (x * z + y * t)),
            (2.0 * (x * y + z * t), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * t)),
            (2.0 * (x * z - y * t), 2.0 * (y * z + x * t), 1.0 - 2.0 * (x * x + y * y)))
