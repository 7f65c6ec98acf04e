"""Counts: the exact inverse within the stated error, monotony across every change of method, and statistics."""

from functools import cache
import math

import generate_counts
import mpmath
import numba
import numpy as np
import pytest
from scipy import special, stats

from numbragg.kernels.detector import draws, poisson

INTERPRETED = bool(numba.config.DISABLE_JIT)
LAST = 2**53 - 1
SUMMED = int(poisson._SUMMED)
LIMIT = poisson.LARGEST_MEAN
#: Of the mean, and of the tail: the stated error.
ERROR = 1e-12


@numba.njit
def _counts(means, k, result):
    for i in range(means.size):
        result[i] = poisson.count(means[i], k[i])


def counts(means, k):
    means, k = np.broadcast_arrays(np.asarray(means, dtype=np.float64), np.asarray(k, dtype=np.uint64))
    result = np.empty(means.size)
    with np.errstate(all="ignore"):
        _counts(means.ravel(), k.ravel(), result)
    return result.reshape(means.shape)


# -- against the exact distribution


def tails(n, mean):
    """Probabilities of n or fewer, and of more than n, photons: term by term, the smaller one summed."""
    lower = mean >= n + 1
    j = n if lower else n + 1
    term = total = mpmath.mpf(1)
    i = j
    while term > total * mpmath.mpf(10) ** -32:
        if lower:
            term *= i / mean
            i -= 1
        else:
            i += 1
            term *= mean / i
        total += term
    p = total * mpmath.exp(j * mpmath.log(mean) - mean - mpmath.loggamma(j + 1))
    return (p, 1 - p) if lower else (1 - p, p)


def below(n, mean, k, factor=1):
    """Whether the probability of n or fewer photons is below the uniform number, its tail times a factor."""
    if n < 0:
        return True
    lower, upper = tails(n, mean)
    if k < 2**52:
        return lower < (mpmath.mpf(k) + mpmath.mpf(1) / 2) / 2**53 * factor
    return upper > (mpmath.mpf(LAST - k) + mpmath.mpf(1) / 2) / 2**53 * factor


def check(mean, k):
    """The count is the exact inverse, or that of a mean and a tail within the stated error.  Returns whether exact."""
    n = int(counts([mean], [k])[0])
    with mpmath.workprec(140):
        exact = mpmath.mpf(mean)
        if below(n - 1, exact, k) and not below(n, exact, k):
            return True
        up, down = (1 + ERROR, 1 - ERROR) if k < 2**52 else (1 - ERROR, 1 + ERROR)
        assert below(n - 1, exact * (1 + ERROR), k, up), (mean, k, n)
        assert not below(n, exact * (1 - ERROR), k, down), (mean, k, n)
        return False


EXTREMES = [0, 1, 2, 2**20, 2**40, 2**52 - 1, 2**52, 2**52 + 1, LAST - 2**40, LAST - 1, LAST]
MEANS = [1e-300, 1e-17, 1e-3, 0.1, 1.0, 5.5, 8.0, 15.999, 16.0, 16.001, 30.0, 100.0, 700.0, 1000.0, 1023.0, 1025.0,
         1100.0, 1300.0, 1e4]


@pytest.mark.parametrize("mean", MEANS)
def test_exact_at_the_ends_of_the_uniform_numbers(mean):
    assert all([check(mean, k) for k in EXTREMES])


@pytest.mark.parametrize("mean, points", [(1e5, 20), (1e6, 5), pytest.param(1e9, 3, marks=pytest.mark.slow)])
def test_exact_for_large_means(mean, points):
    k = np.random.default_rng(int(mean)).integers(0, LAST, points).tolist()
    assert all([check(mean, i) for i in [*k, 0, LAST]])


@pytest.mark.parametrize("points", [400, pytest.param(20_000, marks=pytest.mark.slow)])
def test_exact_at_random(points):
    rng = np.random.default_rng(21)
    means = np.exp(rng.uniform(math.log(1e-3), math.log(3e3), points))
    ends = np.exp(rng.uniform(0, 36, points)).astype(np.int64)
    k = np.where(rng.random(points) < 0.5, rng.integers(0, LAST, points), np.where(ends % 2, ends, LAST - ends))
    assert all([check(mean, i) for mean, i in zip(means.tolist(), k.tolist())])


@pytest.mark.skipif(INTERPRETED, reason="a million counts")
def test_against_another_program_at_a_million_points():
    """SciPy's distribution has twelve digits; so near a step, what it says is open."""
    rng = np.random.default_rng(22)
    means = np.exp(rng.uniform(math.log(1e-3), math.log(1e7), 1_000_000))
    k = rng.integers(0, LAST, means.size)
    n, u, rest = counts(means, k), (k + 0.5) * 2.0**-53, (LAST - k + 0.5) * 2.0**-53
    with np.errstate(all="ignore"):
        wrong = np.where(k < 2**52, special.pdtr(n, means) < u * (1 - 1e-9), special.pdtrc(n, means) > rest * (1 + 1e-9))
        wrong |= (n > 0) & np.where(k < 2**52, special.pdtr(n - 1, means) > u * (1 + 1e-9),
                                    special.pdtrc(n - 1, means) < rest * (1 - 1e-9))
    assert not wrong.any()


def test_means_that_are_none():
    odd = [0.0, -0.0, -1.0, -1e300, -math.inf, math.nan]
    for k in EXTREMES:
        assert counts(odd, k).tolist() == [0.0] * len(odd)
        assert counts([5e-324, 1e-308], k).tolist() == [0.0, 0.0]
        assert len(set(counts([LIMIT, np.nextafter(LIMIT, math.inf), 1e100, 1.7e308, math.inf], k).tolist())) == 1
    # a double's mean below the smallest tail
    assert counts([2.0**-54, 2.0**-53], LAST).tolist() == [0.0, 1.0]


# -- monotony


@numba.njit
def _falls(mean, steps, k, step):
    """Decreases along means one float apart (step 0), or along k."""
    found, last = 0, -1.0
    for _ in range(steps):
        now = poisson.count(mean, np.uint64(k))
        if now < last:
            found += 1
        last = now
        if step == 0:
            mean = np.nextafter(mean, np.inf)
        else:
            k += step
    return found


def threshold(n, k):
    """The least mean whose count is above n, by halving: what the search finds if the count is monotone."""
    low, high = 0.0, 2.0 * n + 200.0
    while np.nextafter(low, math.inf) < high:
        middle = 0.5 * (low + high)
        if counts([middle], [k])[0] > n:
            high = middle
        else:
            low = middle
    return high


#: About every change of method: of n, of the mean, of the terms found without a branch.
STEPS = [0, 1, 2, 7, 8, 9, 10, 15, 16, 17, 18, 25, 40, 94, 95, 96, 97, 500, SUMMED - 3, SUMMED - 2, SUMMED - 1, SUMMED,
         SUMMED + 1, 2000, 10**4, 10**6, 10**9, 10**12]
LENGTH = 20 if INTERPRETED else 4000


@pytest.mark.parametrize("n", STEPS)
def test_one_float_after_the_other_across_a_step(n):
    """Where decisions are close, means one float apart and uniform numbers one bit apart never reverse the count."""
    rng = np.random.default_rng(n)
    for k in EXTREMES + rng.integers(0, LAST, 2 if INTERPRETED else 25).tolist():
        step = threshold(float(n), k)
        first = step
        for _ in range(LENGTH // 2):
            first = np.nextafter(first, 0.0)
        assert _falls(first, LENGTH, k, 0) == 0
        # the mean's grid is coarser than that of floats
        for offset in (-2.0**-38, -2.0**-40, 2.0**-40):
            assert _falls(step * (1 + offset), LENGTH // 10, k, 0) == 0
        low = min(max(k - LENGTH // 2, 0), LAST - LENGTH)
        assert _falls(step, LENGTH, low, 1) == 0
        low = max(k - LENGTH // 2 * 2**13, k % 2**13)
        assert _falls(step, min(LENGTH, (LAST - low) // 2**13), low, 2**13) == 0


@pytest.mark.parametrize("mean", [poisson._RUNNING, 2.0, 32.0, 1024.0, 1023.9, LIMIT])
def test_one_float_after_the_other_where_the_mean_s_method_changes(mean):
    first = mean
    for _ in range(LENGTH // 2):
        first = np.nextafter(first, 0.0)
    for k in EXTREMES + np.random.default_rng(3).integers(0, LAST, 4 if INTERPRETED else 40).tolist():
        assert _falls(first, LENGTH, k, 0) == 0


@pytest.mark.parametrize("pairs", [2000 if INTERPRETED else 2_000_000])
def test_random_pairs(pairs):
    """Neither a mean nor a uniform number that is larger, by little or by much, gives less."""
    rng = np.random.default_rng(23)
    means = np.exp(rng.uniform(math.log(1e-3), math.log(1e9), pairs))
    more = means * (1 + np.exp(rng.uniform(math.log(1e-16), 0, pairs)))
    k = rng.integers(0, LAST, pairs)
    further = np.minimum(k + np.exp(rng.uniform(0, 36, pairs)).astype(np.int64), LAST)
    here = counts(means, k)
    assert (counts(more, k) >= here).all() and (counts(means, further) >= here).all()
    assert (here == np.floor(here)).all() and (here >= 0).all()


@pytest.mark.skipif(INTERPRETED, reason="many counts")
def test_a_fine_grid_of_means():
    """Every mean of a fine grid from 0 to 2100, for many uniform numbers."""
    means = np.linspace(0.0, 2100.0, 200_001)
    for k in EXTREMES + np.random.default_rng(4).integers(0, LAST, 30).tolist():
        assert (np.diff(counts(means, k)) >= 0).all()


def test_a_count_hardly_changes_when_its_mean_hardly_changes():
    rng = np.random.default_rng(24)
    size = 1000 if INTERPRETED else 300_000
    means, k = np.exp(rng.uniform(math.log(0.1), math.log(1e7), size)), rng.integers(0, LAST, size)
    change = counts(means * (1 + 1e-9), k) - counts(means, k)
    # as many as the mean's change makes, and one each
    assert change.max() <= 1 and change.sum() <= 5 + 3 * (means * 1e-9).sum()


@numba.njit
def _differences(means, k, offsets):
    found = 0
    for i in range(means.size):
        n = poisson.count(means[i], k[i])
        if poisson._search(n + offsets[i], means[i], np.float64(k[i])) != n:
            found += 1
    return found


def test_the_short_ways_agree_with_the_decisions():
    """From wherever one searches: the margins hold."""
    rng = np.random.default_rng(25)
    size = 300 if INTERPRETED else 300_000
    means = np.concatenate([np.exp(rng.uniform(math.log(1e-2), math.log(1e9), size)), rng.uniform(10.0, 1500.0, size)])
    k = rng.integers(0, LAST, means.size).astype(np.uint64)
    assert _differences(means, k, rng.integers(-3, 4, means.size).astype(np.float64)) == 0


@numba.njit
def _series(means, k, result):
    for i in range(means.size):
        z = poisson._deviate(np.float64(k[i]), False)
        root = math.sqrt(means[i])
        s = z / root
        rest = (poisson._polynomial(poisson._POISSON[2], s) + poisson._polynomial(poisson._POISSON[3], s) / means[i])
        result[i] = means[i] + (z * (root + z * poisson._polynomial(poisson._POISSON[0], s))
                                + (poisson._polynomial(poisson._POISSON[1], s) + rest / means[i]))


def test_the_series_is_within_a_quarter_of_its_margin():
    """x with Q(x, mean) = u, the continuous count, where the series is trusted."""
    means = np.repeat(np.concatenate([np.geomspace(poisson._RUNNING, 300.0, 40), [1e3, 1e4]]), 61)
    z = np.tile(np.linspace(-1, 1, 61), 42) * np.minimum(poisson._SERIES_LARGEST * np.sqrt(means), 8.2)
    k = np.clip(special.ndtr(z) * 2.0**53, 0, LAST).astype(np.uint64)
    x = np.empty(means.size)
    _series(means, k, x)
    u, rest = (k + 0.5) * 2.0**-53, (LAST - k.astype(np.int64) + 0.5) * 2.0**-53
    off = 0.25 * poisson._SERIES_MARGIN
    # Q grows with x; the smaller tail is compared
    assert np.where(u < 0.5, special.gammaincc(x + off, means) > u, special.gammainc(x + off, means) < rest).all()
    assert np.where(u < 0.5, special.gammaincc(x - off, means) < u, special.gammainc(x - off, means) > rest).all()


def test_the_series_are_those_of_the_generator():
    assert generate_counts.constants() == (poisson._GAMMA, poisson._POISSON)


@numba.njit
def _thresholds(n, z, mean):
    """Whether the count of a mean is above n, by the series alone."""
    return poisson._threshold_exceeds(n, mean, z)


@pytest.mark.parametrize("n", [SUMMED, SUMMED + 500, 10**4, 10**5])
def test_thresholds_are_quantiles(n):
    """To 1e-10 photons, at all deviates there are."""
    for z in (-8.29, -6.0, -3.0, -1.0, -0.1, 0.1, 1.0, 3.0, 6.0, 8.29):
        low, high = n - 20 * n**0.5, n + 20 * n**0.5
        while np.nextafter(low, math.inf) < high:
            middle = 0.5 * (low + high)
            low, high = (low, middle) if _thresholds(float(n), z, middle) else (middle, high)
        with mpmath.workprec(140):
            lower, upper = tails(n, mpmath.mpf(high))
            error = lower - mpmath.ncdf(-z) if z > 0 else mpmath.ncdf(z) - upper
            density = mpmath.exp(n * mpmath.log(high) - high - mpmath.loggamma(n + 1))
        # and the rounding of the mean
        assert abs(error / density) < 1e-10 + 4 * n * 2.0**-53


# -- statistics


@cache
def drawn(mean):
    size = 100 if INTERPRETED else 1000
    pixels = np.full((size, size), float(mean))
    poisson.replace_by_counts(pixels, np.uint64(17), draws.COUNTING, 3, 1, 0, 0)
    return pixels.ravel()


@pytest.mark.parametrize("mean", [1e-3, 0.03, 1.0, 7.0, 15.9, 16.1, 100.0, 1e3, 1e4, 1e5, 1e6, 1e7])
def test_moments(mean):
    n = drawn(mean)
    deviation = n - mean
    # five standard deviations, with the sixth moments of the distribution
    variance = mean
    fourth = mean + 3 * mean**2
    sixth = mean + 25 * mean**2 + 15 * mean**3
    assert abs(deviation.mean()) < 5 * (variance / n.size) ** 0.5
    assert abs((deviation**2).mean() - mean) < 5 * ((fourth - variance**2) / n.size) ** 0.5
    assert abs((deviation**3).mean() - mean) < 5 * ((sixth - mean**2) / n.size) ** 0.5


@pytest.mark.parametrize("mean", [1e-3, 0.5, 1.0, 7.0, 15.9, 16.1, 100.0, 1e3, 1e4, 1e6])
def test_chi_squared(mean):
    n = drawn(mean)
    # classes of a hundredth at least, but for the ends
    edges = np.unique(stats.poisson.ppf(np.linspace(0.0, 1.0, 101)[1:-1], mean))
    expected = np.diff(np.concatenate([[0.0], stats.poisson.cdf(edges, mean), [1.0]])) * n.size
    found = np.bincount(np.searchsorted(edges, n), minlength=edges.size + 1)
    kept = expected > 5
    freedom = kept.sum() - 1
    if freedom:
        chi_squared = ((found - expected)[kept] ** 2 / expected[kept]).sum()
        assert stats.chi2.sf(chi_squared, freedom) > 1e-6 and stats.chi2.cdf(chi_squared, freedom) > 1e-6
    else:
        assert abs(found - expected).max() < 5 * n.size**0.5
