"""The logarithm against exact values over its domain, and where the reduction changes."""

from lane_loops import exact_error, values
import mpmath
import numpy as np
import pytest

from numbragg.kernels.arithmetic.logarithm import LOG_BOUND, log


@pytest.mark.parametrize("count", [4000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_logarithm_against_mpmath(count):
    rng = np.random.default_rng(31)
    # a factor of a root of 2 either side of a power of 2, close to 1, and all magnitudes
    edges = 2.0 ** (rng.integers(-60, 60, count) + 0.5) * (1 + rng.integers(-4, 5, count) * 2.0**-52)
    about = 1 + rng.choice([-1, 1], count) * np.exp(rng.uniform(-36, -0.7, count))
    x = np.concatenate([edges, about, np.exp(rng.uniform(-708, 708, count)), [2.0**-1022, 2.0**1022]])
    x = x[x != 1]
    assert 0.5 < exact_error(values(log, x), x, mpmath.log) < LOG_BOUND


def test_one_and_powers_of_two():
    assert values(log, np.array([1.0]))[0] == 0.0
    n = np.arange(-1022, 1023)
    assert np.allclose(values(log, 2.0**n), n * np.log(2), rtol=LOG_BOUND * 2.0**-53, atol=0.0)
