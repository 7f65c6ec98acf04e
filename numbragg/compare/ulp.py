"""How many representable values two arrays, or two numbers, lie apart."""

import math

import numpy as np

from ..io.any_image import bit_patterns

__all__ = ["NO_DISTANCE", "ulp_distances", "ulp_histogram", "ulps"]

#: Distance of values that have none: NaN or an infinity against anything else.
NO_DISTANCE = np.uint64(2 ** 64 - 1)

# bins 0, 1, 2, 3 to 4, 5 to 8, ... up to the largest of 64 bits
_LOWER_EDGES = np.array([0, 1, *(2 ** k + 1 for k in range(64))], np.uint64)
_LOWER_EDGES[2] = 2


def ulp_distances(a, b):
    """How many representable values two arrays lie apart.

    Parameters
    ----------
    a, b : arrays of one shape and type
        Floats, or integers, for which the distance is the absolute difference.

    Returns
    -------
    uint64 array
        0 for equal values, zeros of either sign included, and for infinities and NaN with the same
        bits; 2**64 - 1 for NaN or an infinity against anything else.
    """
    if a.dtype.kind in "iu":
        # modulo 2**64 this is right for signed integers too
        return np.maximum(a, b).astype(np.uint64) - np.minimum(a, b).astype(np.uint64)
    distances = _places_apart(a, b)
    distances[~(np.isfinite(a) & np.isfinite(b)) & (bit_patterns(a) != bit_patterns(b))] = NO_DISTANCE
    return distances


def _places_apart(a, b):
    """Distances of two arrays of floats in the order of all floats, in which zeros of either sign are one."""
    bits_a, bits_b = bit_patterns(a), bit_patterns(b)
    sign = bits_a.dtype.type(1 << (8 * a.dtype.itemsize - 1))
    magnitude_a, magnitude_b = ((bits & ~sign).astype(np.uint64) for bits in (bits_a, bits_b))
    same_side = (bits_a & sign) == (bits_b & sign)
    apart = np.maximum(magnitude_a, magnitude_b) - np.minimum(magnitude_a, magnitude_b)
    return np.where(same_side, apart, magnitude_a + magnitude_b)


def ulps(a, b, single=False):
    """Number of floating-point numbers from a to b.

    Parameters
    ----------
    a, b : float
    single : bool
        Count in float32.

    Returns
    -------
    int or None
        0 also for zeros of both signs and for two NaN; None if just one is NaN.  Infinities come after the
        largest numbers.

    Examples
    --------
    >>> from numbragg.compare.ulp import ulps
    >>> ulps(1.0, 1.0 + 2.0 ** -52), ulps(-5e-324, 5e-324), ulps(1.0, 1.0 + 2.0 ** -23, single=True)
    (1, 2, 1)
    """
    if math.isnan(a) or math.isnan(b):
        return 0 if math.isnan(a) and math.isnan(b) else None
    with np.errstate(over="ignore", under="ignore"):
        here, there = (np.array([value], np.float32 if single else np.float64) for value in (a, b))
    return int(_places_apart(here, there)[0])


def ulp_histogram(distances):
    """Numbers of distances 0, 1, 2, 3 to 4, 5 to 8 and so on.

    Parameters
    ----------
    distances : uint64 array
        As of `ulp_distances`.

    Returns
    -------
    tuple of (int, int, int)
        Smallest and largest distance of a bin, number of distances in it; from 0 up to the last bin that
        is not empty.
    """
    places = np.searchsorted(_LOWER_EDGES, distances.ravel(), side="right") - 1
    return histogram_of(np.bincount(places, minlength=1))


def histogram_of(counts):
    """The same, of the numbers in all bins; of several images these add up."""
    lower = [int(edge) for edge in _LOWER_EDGES] + [2 ** 64]
    return tuple((lower[i], lower[i + 1] - 1, int(count)) for i, count in enumerate(counts))
