"""Poisson counts by the inverse of the distribution: one uniform number each, and never less for a larger mean.

A count is the number of those n = 0, 1, 2 ... of which `_exceeds(n, mean, k)` says that the mean is so large, or
the uniform number so close to 1, that the count is above n.  Each of these decisions, as it is computed,
changes once from no to yes as the mean grows, and once as k grows, and they are nested in n; so the count
never decreases with either.  How a decision is made depends on n alone:

* n < `_SUMMED`: the probability of n or fewer photons, or its complement, is summed, at the mean rounded to 40
  bits.  One step of that grid changes it by far more than all errors, so that rounding cannot reverse the order.
* n >= `_SUMMED`: the mean is compared with a threshold made from n and k only, a quantile of the gamma
  distribution; the uniform number's tail is rounded to 40 bits, for the same reason.

Most counts are found without a decision, by a running sum or a series, and are kept where they are so far from
the next step that the decisions would certainly be the same.  docs/accuracy/counts.md has the proof and the bounds.
"""

import numpy as np

from ..arithmetic.elementary import exp_negative
from ..arithmetic.fused import floor, sqrt
from ..arithmetic.logarithm import log
from ..compile.compilation import inlined, jit
from ..compile.stack import on_stack
from .draws import draw
from .normal import CENTRAL, central_deviate, deviate_of_tail

__all__ = ["LARGEST_MEAN", "count", "count_row", "replace_by_counts"]

#: Larger means, infinity among them, count as this one.
LARGEST_MEAN = 2.0**45

#: Below, probabilities are summed; from there on, thresholds are computed.
_SUMMED = 1024.0
#: Means below are counted by a running sum from 0, others by a series.
_RUNNING = 16.0
#: No count of such a mean is above.
_RUNNING_LARGEST = 96.0
#: How far, in probability, from a step a running sum is certainly right: its error is below 2e-14, a decision's below
#: 4e-14, and the rounding of the mean changes it by less than 1.5e-12.
_RUNNING_MARGIN = 2.0**-38
#: Largest deviate over root of the mean, of either sign, for which the series is trusted, and how far, in
#: photons: its error is below 2.1e-4, and more where the mean is so large that it is rounded.
_SERIES_LARGEST = 0.75
_SERIES_MARGIN = 2.0**-10
_SERIES_ROUNDING = 2.0**-49

#: Counts that are found without a branch, where most means are below a limit and where they are not.
_FEW = 8
_FEW_LARGEST = 4.0
_MORE = 24
_NOT_FOUND = -1.0

_RECIPROCALS = 1.0 / np.maximum(np.arange(_RUNNING_LARGEST + 1.0), 1.0)
_TWO_PI = 6.283185307179586
_ONE = 2.0**53
_MOST_TERMS = 1 << 12
_MOST_STEPS = 1 << 12
_BLOCK = 512

# -- constants made by tests/kernels/detector/generate_counts.py

# The quantile of the gamma distribution of shape a at the deviate z is a + z sqrt(a) + z**2 p0(s) + p1(s) + p2(s) / a
# + p3(s) / a**2, s = z / sqrt(a)
_GAMMA = (
    (0.3333333333333333, 0.027777777777777776, -0.003703703703703704, 0.0002314814814814815, 5.878894767783657e-05,
     -2.553644914756026e-05, 4.899078973153047e-06, -2.428276122977769e-07, -1.85406221071516e-07,
     7.542464855411896e-08, -1.47216272806884e-08),
    (-0.3333333333333333, -0.19444444444444445, -0.008641975308641974, 0.006584362139917695, -0.0011904761904761906,
     -2.9619014958521132e-05, 8.37198162301043e-05, -2.5886869379667732e-05, 3.1606390583680632e-06),
    (0.019753086419753086, -0.011136831275720165, -0.004521849892220263, 0.0019699536764865985,
     -0.0001726108824874257, -0.00012957468509809046, 6.401354139884852e-05),
    (0.007211444248481286, 0.0019713145317569185, -0.0019049977863420935, 0.0003315300488940178,
     0.00015464459476106582),
)
# The count's real continuation, from which it is rounded down, is the same with the mean m in place of a
_POISSON = (
    (0.16666666666666666, -0.013888888888888888, 0.003703703703703704, -0.0013310185185185185, 0.0005584950029394474,
     -0.0002580513300999412, 0.00012737605330197924, -6.598050961818484e-05, 3.545877482777345e-05),
    (0.3333333333333333, -0.027777777777777776, 0.008641975308641974, -0.003523662551440329, 0.0016534391534391533,
     -0.0008460045969691032, 0.00045877152873037645),
    (-0.019753086419753086, 0.017258230452674897, -0.01271066039584558, 0.009008552294946327),
    (-0.00062708210856359, 0.001870271027935637),
)


@inlined
def _rounded(x):
    """x to 40 significant bits (Veltkamp's way: products and sums must not be fused); never decreases with x."""
    scaled = x * 8193.0
    return scaled - (scaled - x)


@inlined
def _deviate(k, coarse):
    """Standard normal deviate of k, with the smaller tail rounded to 40 bits or not."""
    t = (min(k, _ONE - 1.0 - k) + 0.5) * 2.0**-53
    if coarse:
        t = _rounded(t)
    z = deviate_of_tail(t)
    return z if k >= 0.5 * _ONE else -z


@inlined
def _polynomial(c, x):
    value = c[-1]
    for i in range(len(c) - 2, -1, -1):
        value = value * x + c[i]
    return value


# -- the decisions: slow, and seldom asked for


@inlined
def _probability(n, mean):
    """exp(-mean) mean**n / n!, mean > 0."""
    if n < 16.0:
        p = exp_negative(-mean)
        for j in range(1, int(n) + 1):
            p *= mean / float(j)
        return p
    # Stirling's series: the first term left out is below 2e-17 at 16
    y = 1.0 / (n * n)
    stirling = (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - (1 / 1188 - (691 / 360360 - y / 156) * y) * y) * y) * y)
                * y) / n
    return exp_negative(n * log(mean / n) - (mean - n) - stirling) / sqrt(_TWO_PI * n)


@inlined
def _sum_exceeds(n, mean, k):
    """The decision for n < `_SUMMED`, at the rounded mean: is the probability of n or less below (k + 1/2) 2**-53?"""
    lower = mean >= n + 1.0
    first = n if lower else n + 1.0
    total, term, j = 1.0, 1.0, first
    for _ in range(_MOST_TERMS):
        if lower:
            term *= j / mean
            j -= 1.0
        else:
            j += 1.0
            term *= mean / j
        if total + term == total:
            break
        total += term
    scaled = _probability(first, mean) * total * _ONE
    # exact: near k the difference is, by Sterbenz
    return scaled - k < 0.5 if lower else scaled - (_ONE - 1.0 - k) > 0.5


@inlined
def _threshold_exceeds(n, mean, z):
    """The decision for n >= `_SUMMED`: is the mean above the quantile?  z is minus the deviate of k."""
    a = n + 1.0
    root = sqrt(a)
    s = z / root
    rest = (_polynomial(_GAMMA[2], s) + _polynomial(_GAMMA[3], s) / a) / a
    return mean - a > z * (root + z * _polynomial(_GAMMA[0], s)) + (_polynomial(_GAMMA[1], s) + rest)


@jit
def _search(guess, mean, k):
    """The count, wherever one begins."""
    rounded, z = _rounded(mean), -_deviate(k, True)
    n = max(guess, 0.0)
    rising = falling = False
    for _ in range(_MOST_STEPS):
        above = _threshold_exceeds(n, mean, z) if n >= _SUMMED else _sum_exceeds(n, rounded, k)
        if above:
            n += 1.0
            rising = True
            if falling:
                break
        else:
            if rising or n == 0.0:
                break
            n -= 1.0
            falling = True
    return n


# -- the short ways


@inlined
def _of_small_mean(mean, k):
    """The count of a mean below `_RUNNING`."""
    u = (k + 0.5) * 2.0**-53
    p = exp_negative(-mean)
    n, total = 0.0, p
    while total < u and n < _RUNNING_LARGEST:
        n += 1.0
        p *= mean * _RECIPROCALS[int(n)]
        total += p
    if total - u > _RUNNING_MARGIN and (n == 0.0 or u - (total - p) > _RUNNING_MARGIN):
        return n
    return _search(n, mean, k)


@inlined
def _of_few(mean, k, p, most):
    """The count if it is at most `most` and certain, else `_NOT_FOUND`; without a branch."""
    u = (k + 0.5) * 2.0**-53
    n, total, nearest = 0.0, p, abs(u - p)
    for j in range(1, most + 1):
        n += 1.0 if total < u else 0.0
        p *= mean * (1.0 / j)
        total += p
        nearest = min(nearest, abs(u - total))
    return n if u < total and nearest > _RUNNING_MARGIN else _NOT_FOUND


@inlined
def _series(mean, z):
    """The count where the deviate is z, and whether it is certain."""
    root = sqrt(mean)
    s = z / root
    rest = _polynomial(_POISSON[1], s) + (_polynomial(_POISSON[2], s) + _polynomial(_POISSON[3], s) / mean) / mean
    x = mean + (z * (root + z * _polynomial(_POISSON[0], s)) + rest)
    n = floor(x)
    margin = _SERIES_MARGIN + mean * _SERIES_ROUNDING
    return n, (abs(s) <= _SERIES_LARGEST) & (x - n > margin) & (n + 1.0 - x > margin)


@inlined
def _of_central(mean, k):
    """The count of a mean from `_RUNNING` on if k is not in a tail and it is certain, else `_NOT_FOUND`; no branch."""
    q = (k - 0.5 * (_ONE - 1.0)) * 2.0**-53
    n, certain = _series(mean, central_deviate(min(max(q, -CENTRAL), CENTRAL)))
    return n if certain & (abs(q) <= CENTRAL) else _NOT_FOUND


@inlined
def _of_large_mean(mean, k):
    """The count of a mean from `_RUNNING` on."""
    n, certain = _series(mean, _deviate(k, False))
    return n if certain else _search(n, mean, k)


@inlined
def count(mean, k):
    """Photons counted where `mean` are expected.

    Never decreases with the mean, nor with k.

    Parameters
    ----------
    mean : float
        Below 0, and no number, count 0; above `LARGEST_MEAN` it counts as that.
    k : uint64
        As `draws.draw` makes it: the uniform number is (k + 1/2) 2**-53.

    Returns
    -------
    float
        A whole number: the least n of which the probability of n or fewer photons is not below the uniform
        number, or n of a mean that is other by at most 1e-12 of it, or of a tail other by 1e-12.
    """
    x = np.float64(k)
    if mean < _RUNNING:
        return _of_small_mean(mean, x) if mean > 0.0 else 0.0
    return _of_large_mean(min(mean, LARGEST_MEAN), x) if mean >= _RUNNING else 0.0


@inlined
def _find(means, first, size, numbers, found):
    """Counts of a block, or `_NOT_FOUND`, by loops that are vector code."""
    middling = large = 0
    for i in range(size):
        middling += 1 if means[first + i] >= _FEW_LARGEST else 0
        large += 1 if means[first + i] >= _RUNNING else 0
        found[i] = _NOT_FOUND
    # a loop that is of use to few pixels costs more than it saves
    if 4 * (middling - large) > size:
        for i in range(size):
            mean = means[first + i]
            n = _of_few(mean, np.float64(numbers[i]), exp_negative(-min(mean, _RUNNING)), _MORE)
            found[i] = n if 0.0 <= mean < _RUNNING else _NOT_FOUND
    elif large < size:
        for i in range(size):
            mean = means[first + i]
            n = _of_few(mean, np.float64(numbers[i]), exp_negative(-min(mean, _RUNNING)), _FEW)
            found[i] = n if 0.0 <= mean < _RUNNING else _NOT_FOUND
    if 4 * large > size:
        for i in range(size):
            mean = means[first + i]
            n = _of_central(mean, np.float64(numbers[i]))
            found[i] = n if _RUNNING <= mean <= LARGEST_MEAN else found[i]


@jit
def count_row(means, seed, stage, frame, panel, slow, fast):
    """Replace mean numbers of photons by counts, in pixels that are neighbours in the fast direction.

    Parameters
    ----------
    means : (n,) float64 array
        Means; then counts, whole numbers.
    seed, stage, frame, panel, slow, fast
        As of `replace_by_counts`.
    """
    numbers = on_stack(_BLOCK, np.uint64)
    found = on_stack(_BLOCK, np.float64)
    for first in range(0, means.shape[0], _BLOCK):
        # vector code, and then what branches
        size = min(_BLOCK, means.shape[0] - first)
        for i in range(size):
            numbers[i] = draw(seed, stage, frame, panel, slow, fast + first + i)
        _find(means, first, size, numbers, found)
        for i in range(size):
            mean = means[first + i]
            if found[i] == _NOT_FOUND:
                found[i] = count(mean, numbers[i])
            means[first + i] = found[i]


@jit
def replace_by_counts(pixels, seed, stage, frame, panel, slow, fast):
    """Replace mean numbers of photons by counts.

    Parameters
    ----------
    pixels : (slow, fast) float64 array
        Means; then counts, whole numbers. Part of a panel or all of it.
    seed : uint64
    stage, frame, panel : int
        As of `draws.draw`.
    slow, fast : int
        Of the first pixel, on its panel.
    """
    for row in range(pixels.shape[0]):
        count_row(pixels[row], seed, stage, frame, panel, slow + row, fast)
