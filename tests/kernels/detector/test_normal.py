"""Normal deviates: against exact values, odd symmetry to the bit, and moments."""

import mpmath
import numba
import numpy as np
import pytest

from numbragg.kernels.detector.normal import NORMAL_BOUND, normal

INTERPRETED = bool(numba.config.DISABLE_JIT)
LAST = 2**53 - 1


@numba.njit
def deviates(k, result):
    for i in range(k.size):
        result[i] = normal(k[i])


def of(k):
    k = np.asarray(k, dtype=np.uint64)
    result = np.empty(k.size)
    deviates(k, result)
    return result


def sample(count, seed):
    """Uniform, close to both ends, close to the middle, and where the rational functions change."""
    rng = np.random.default_rng(seed)
    ends = np.exp(rng.uniform(0, 36, count)).astype(np.int64)
    changes = [int(p * 2.0**53) for p in (0.075, np.exp(-25))]
    about = np.concatenate([change + np.arange(-5, 6) for change in changes])
    low = np.concatenate([ends, about, [0, 1, 2, 3]])
    return np.concatenate([rng.integers(0, LAST, count), low, LAST - low, 2**52 - ends // 2, [2**52 - 1, 2**52]])


def exact(k):
    with mpmath.workprec(200):
        lower = k < 2**52
        tail = (mpmath.mpf(k if lower else LAST - k) + mpmath.mpf(1) / 2) / mpmath.mpf(2) ** 53
        z = mpmath.mpf(float(of([k])[0])) * (1 if lower else -1)
        for _ in range(3):
            z -= (mpmath.ncdf(z) - tail) / mpmath.npdf(z)
        return z if lower else -z


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_against_exact_deviates(count):
    k = sample(count, 4)
    with mpmath.workprec(200):
        errors = [float(abs(mpmath.mpf(z) / exact(i) - 1)) for i, z in zip(k.tolist(), of(k).tolist())]
    assert 1 < max(errors) * 2.0**53 < NORMAL_BOUND


def test_the_ends():
    assert of([0])[0] == -of([LAST])[0] and 8.29 < of([LAST])[0] < 8.3


def test_odd_symmetry_is_exact():
    k = sample(500 if INTERPRETED else 100_000, 5)
    assert np.array_equal(of(k), -of(LAST - k))
    assert of([2**52 - 1])[0] < 0.0 < of([2**52])[0]


def test_moments():
    count = 4000 if INTERPRETED else 1_000_000
    z = of(np.random.default_rng(6).integers(0, LAST, count, endpoint=True))
    # five standard deviations
    assert abs(z.mean()) < 5 / count**0.5 and abs(z.var() - 1) < 5 * (2 / count) ** 0.5
    assert abs((z**3).mean()) < 5 * (15 / count) ** 0.5 and abs((z**4).mean() - 3) < 5 * (96 / count) ** 0.5
