"""Gauss-Legendre rules for layers along the beam, with the same bits everywhere: basic operations only."""

import functools
import math

__all__ = ["nodes"]

#: Nodes of one segment at most; thicker layers are cut into equal segments.
_MOST = 16


def _cosine(x):
    """Cosine of 0 <= x <= pi to what a first guess needs, by its series."""
    term = total = 1.0
    for n in range(1, 20):
        term *= -x * x / ((2 * n - 1) * (2 * n))
        total += term
    return total


@functools.cache
def _rule(count):
    """Nodes in -1..1 and weights with a sum of 1."""
    places, weights = [], []
    for i in range(count):
        x = -_cosine(math.pi * (i + 0.75) / (count + 0.5))
        for _ in range(8):
            before, value = 0.0, 1.0
            for n in range(count):
                before, value = value, ((2 * n + 1) * x * value - n * before) / (n + 1)
            slope = count * (x * value - before) / (x * x - 1.0)
            x -= value / slope
        places.append(x)
        weights.append(1.0 / ((1.0 - x * x) * slope * slope))
    return tuple(places), tuple(weights)


def nodes(begin, end, count):
    """Nodes between begin and end, and weights with a sum of 1; more than 16 in equal segments of 16."""
    segments = -(-count // _MOST)
    places, weights = _rule(min(count, _MOST))
    length = (end - begin) / segments
    found = [(begin + length * (segment + 0.5 + 0.5 * x), w / segments)
             for segment in range(segments) for x, w in zip(places, weights)]
    return tuple(zip(*found))
