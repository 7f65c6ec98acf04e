"""Random numbers that are nobody's but ours: uniform and normal ones from a seed, with the same bits everywhere.

What the C program draws has its own generator (`numbragg.kernels.detector.random`).
"""

import math

# start-up: NumPy's random generators are imported with the first number

__all__ = ["LARGEST_SEED", "normal_quantile", "normals", "uniform_rows", "uniforms"]

#: Seeds fit 64 bits with a sign.
LARGEST_SEED = 2 ** 63 - 1

#: What a generator of 64 bits gives, as a number from 0 to below 1: its upper 53 bits over 2^53.
_DROPPED, _STEP = 11, 2.0 ** -53

#: Rows that are drawn at a time.
_ROWS = 1 << 14

# Hastings' approximation to the normal quantile (Abramowitz and Stegun, 26.2.23): where the iteration starts
_ABOVE, _BELOW = (2.515517, 0.802853, 0.010328), (1.0, 1.432788, 0.189269, 0.001308)


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


def uniform_rows(seed, rows, width):
    """The numbers of `uniforms` in tuples of `width`, a part of them at a time."""
    from numpy.random import Philox

    generator = Philox(key=seed)
    for first in range(0, rows, _ROWS):
        count = min(_ROWS, rows - first)
        numbers = [(word >> _DROPPED) * _STEP for word in generator.random_raw(count * width).tolist()]
        yield from zip(*(numbers[place::width] for place in range(width)))


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


def normal_quantile(p):
    """The number that a normal number of mean 0 and width 1 is below with probability p, of (0, 1).

    Two steps of Halley's iteration on the C library's complement of the error function, from an approximation that is
    within 4.5e-4: each step makes three times as many digits.  Within 1e-15 of the quantile, or of it in relation
    to its size where that is larger.
    """
    tail = p if p < 0.5 else 1.0 - p
    t = math.sqrt(-2.0 * math.log(tail))
    z = t - (_ABOVE[0] + t * (_ABOVE[1] + t * _ABOVE[2])) / (
        _BELOW[0] + t * (_BELOW[1] + t * (_BELOW[2] + t * _BELOW[3])))
    for _ in range(2):
        excess = (0.5 * math.erfc(z * math.sqrt(0.5)) - tail) * math.sqrt(2.0 * math.pi) * math.exp(0.5 * z * z)
        z += excess / (1.0 - 0.5 * z * excess)
    return -z if p < 0.5 else z
