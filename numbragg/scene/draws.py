"""Random numbers that are nobody's but ours: uniform and normal ones from a seed, with the same bits everywhere.

What the C program draws has its own generator (`numbragg.kernels.detector.random`).
"""

import math

# start-up: NumPy's random generators are imported with the first number

__all__ = ["LARGEST_SEED", "normals", "uniforms"]

#: Seeds fit 64 bits with a sign.
LARGEST_SEED = 2 ** 63 - 1

#: What a generator of 64 bits gives, as a number from 0 to below 1: its upper 53 bits over 2^53.
_DROPPED, _STEP = 11, 2.0 ** -53


def uniforms(seed, count):
    """Numbers of [0, 1), multiples of 2^-53: those of a shorter list begin every longer one.

    Parameters
    ----------
    seed : int
        From 0 to 2^63 - 1: the key of the counter-based generator Philox, whose 64-bit words are a part of its
        definition.
    count : int

    Returns
    -------
    list of float
    """
    from numpy.random import Philox

    return [(word >> _DROPPED) * _STEP for word in Philox(key=seed).random_raw(count).tolist()]


def normals(numbers):
    """Normal numbers of mean 0 and width 1, one for each pair of uniform ones.

    The transform of Box and Muller, number by number with the C library's logarithm and cosine: vector functions
    have bits that depend on the processor.

    Parameters
    ----------
    numbers : sequence of float
        An even number of them, of [0, 1).

    Returns
    -------
    list of float
    """
    # 1 - u is never 0
    return [math.sqrt(-2.0 * math.log(1.0 - u)) * math.cos(2.0 * math.pi * v)
            for u, v in zip(numbers[::2], numbers[1::2])]
