"""Poisson deviates by the inverse of the distribution: one uniform number each, and never less for a larger mean."""

import numpy as np

from ..arithmetic.elementary import exp_negative
from ..arithmetic.fused import floor, sqrt
from ..arithmetic.logarithm import log
from ..compile.compilation import inlined
from .normal import normal

__all__ = ["LARGEST_MEAN", "count"]

#: Larger means, infinity among them, count as this one.
LARGEST_MEAN = 2.0**45

_TWO_PI = 6.283185307179586
#: Terms of a tail's sum that is left when they no longer change it; more are never needed.
_MOST_TERMS = 1 << 28
_MOST_STEPS = 1 << 20


@inlined
def _rounded(mean):
    """The mean to 40 significant bits (Veltkamp); never decreases with the mean."""
    scaled = mean * 8193.0
    return scaled - (scaled - mean)


@inlined
def _probability(n, mean):
    """exp(-mean) mean**n / n!, mean > 0."""
    if n < 16.0:
        p = exp_negative(-mean)
        for j in range(1, int(n) + 1):
            p *= mean / float(j)
        return p
    # Stirling's series: the first term left out is below 2e-15 at 16
    y = 1.0 / (n * n)
    stirling = (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - (1 / 1188 - (691 / 360360 - y / 156) * y) * y) * y) * y)
                * y) / n
    return exp_negative(n * log(mean / n) - (mean - n) - stirling) / sqrt(_TWO_PI * n)


@inlined
def _exceeds(n, mean, k):
    """Whether the count of a rounded mean is above n: the probability of n or less is below the uniform number."""
    if mean >= n + 1.0:
        p = _probability(n, mean)
        total, term, j = 1.0, 1.0, n
        for _ in range(_MOST_TERMS):
            term *= j / mean
            if total + term == total:
                break
            total += term
            j -= 1.0
        # exact: below 2**52 k + 1/2 is a double, above the scaled sum is a whole number
        return p * total * 2.0**53 - k < 0.5
    p = _probability(n + 1.0, mean)
    total, term, j = 1.0, 1.0, n + 2.0
    for _ in range(_MOST_TERMS):
        term *= mean / j
        if total + term == total:
            break
        total += term
        j += 1.0
    return p * total * 2.0**53 - (2.0**53 - 1.0 - k) > 0.5


@inlined
def _search(guess, mean, k):
    n = max(guess, 0.0)
    for _ in range(_MOST_STEPS):
        if n <= 0.0 or _exceeds(n - 1.0, mean, k):
            break
        n -= 1.0
    for _ in range(_MOST_STEPS):
        if not _exceeds(n, mean, k):
            break
        n += 1.0
    return n


@inlined
def count(mean, k):
    """Photons counted where `mean` are expected.

    Parameters
    ----------
    mean : float
        0 or more; below 0, and no number, count 0; above `LARGEST_MEAN` it counts as that.
    k : uint64
        As `draws.draw` makes it: the uniform number is (k + 1/2) 2**-53.

    Returns
    -------
    float
        A whole number.
    """
    if not mean > 0.0:
        return 0.0
    x = np.float64(k)
    rounded = _rounded(min(mean, LARGEST_MEAN))
    z = normal(k)
    return _search(floor(rounded + sqrt(rounded) * z + (z * z + 2.0) / 6.0), rounded, x)
