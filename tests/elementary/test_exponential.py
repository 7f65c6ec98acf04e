"""The exponentials: sweeps against exact values, both ends of the domain, and special values."""

import math

from lane_loops import INTERPRETED, LONG_DOUBLE, MANY, exact_error, relative_error, values
import mpmath
import numpy as np
import pytest

from numbragg.kernels.arithmetic import elementary
from numbragg.kernels.arithmetic.c_library import c_exp

EXPONENTIALS = [
    (elementary.exp_negative, elementary.EXP_BOUND, 1, elementary.EXP_SMALLEST, elementary.EXP_LARGEST),
    (elementary.exp_squared_coarse, elementary.EXP_SQUARED_BOUND, 2, elementary.EXP_SQUARED_SMALLEST,
     elementary.EXP_SQUARED_LARGEST),
]
NAMES = ["exp", "squared"]
every = pytest.mark.parametrize("function, bound, factor, smallest, largest", EXPONENTIALS, ids=NAMES)


def spread(count, smallest, largest, factor, seed=13):
    """Uniform over the domain, tiny arguments of both signs, and where the reduction changes its multiple."""
    rng = np.random.default_rng(seed)
    part = count // 4
    tiny = np.exp(rng.uniform(math.log(1e-30), 0, part))
    k = rng.integers(math.ceil(smallest * factor / math.log(2)) + 1, 0, part)
    edge = (k + 0.5) * math.log(2) / factor * (1 + rng.integers(-4, 5, part) * 2.0**-52)
    x = np.concatenate([rng.uniform(smallest, 0, part), rng.uniform(0, largest, part), tiny, -tiny, edge])
    return np.concatenate([x[(x >= smallest) & (x <= largest)], [smallest, largest, 0.0]])


@every
@pytest.mark.parametrize("count", [8000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_exponential_against_mpmath(function, bound, factor, smallest, largest, count):
    x = spread(count, smallest, largest, factor)
    error = exact_error(values(function, x), x, lambda a: mpmath.exp(factor * a))
    assert 0.5 * bound <= error <= bound


@pytest.mark.skipif(not LONG_DOUBLE, reason="long double has no 64 bits here")
@every
def test_exponential_at_many_points(function, bound, factor, smallest, largest):
    # glibc's expl is good to 1 ulp of 64 bits, a thousandth of u
    x = spread(MANY, smallest, largest, factor, seed=17)
    error = relative_error(values(function, x), np.exp(factor * x.astype(np.longdouble)))
    assert 0.5 * bound <= error <= bound


@every
def test_exact_zero_below_the_domain(function, bound, factor, smallest, largest):
    below = np.array([np.nextafter(smallest, -np.inf), smallest - 1, -745.2, -1e4, -1e10, -1e100, -np.inf])
    result = values(function, below)
    assert (result == 0).all() and not np.signbit(result).any()
    assert values(function, np.array([smallest]))[0] >= 2.0**-1022


@every
def test_special_values(function, bound, factor, smallest, largest):
    assert np.isnan(values(function, np.array([np.nan, -np.nan, np.inf]))).all()
    # not-a-numbers of any payload: the low bits of the word reach the shift
    payloads = np.array([0x7FF8000000000FFF, 0x7FF8000000000001, 0xFFF80000000007FF], dtype=np.uint64)
    assert np.isnan(values(function, payloads.view(np.float64))).all()
    near_zero = values(function, np.array([0.0, -0.0, 5e-324, -1e-310]))
    assert (near_zero == near_zero[0]).all()
    assert abs(near_zero[0] - 1) <= bound * 2.0**-53
    if factor == 1:
        assert near_zero[0] == 1


def test_squared_exponential_is_the_square_of_the_c_library_s():
    x = np.random.default_rng(19).uniform(elementary.EXP_SQUARED_SMALLEST, 0, 20000)
    square = np.array([c_exp(a) ** 2 for a in x.tolist()])
    # 1.2 u for each factor of the library, 1 u for their product
    bound = (elementary.EXP_SQUARED_BOUND + 3.5) * 2.0**-53
    assert (abs(values(elementary.exp_squared_coarse, x) - square) <= bound * square).all()


def test_where_the_c_library_s_exponential_becomes_zero():
    below = [elementary.C_EXP_ZERO_BELOW, elementary.C_EXP_ZERO_BELOW - 1, -1e4, -math.inf]
    above = [elementary.C_EXP_POSITIVE_ABOVE, elementary.C_EXP_POSITIVE_ABOVE + 1e-3, -700.0]
    assert all(c_exp(x) == 0 for x in below)
    assert all(c_exp(x) > 0 for x in above)
    # the smallest double is left at half of it
    threshold = -1075 * math.log(2)
    assert elementary.C_EXP_ZERO_BELOW < threshold < elementary.C_EXP_POSITIVE_ABOVE


@every
def test_same_bits_in_every_lane(function, bound, factor, smallest, largest):
    x = spread(400, smallest, largest, factor)[:103]
    together = values(function, x)
    for count in range(1, 20):
        assert values(function, x[:count]).tobytes() == together[:count].tobytes()


@pytest.mark.skipif(INTERPRETED, reason="the compiled form is not there to compare with")
@pytest.mark.parametrize("k", [-1021, -1020, -1, 0, 1, 52, 1023])
def test_power_of_two(k):
    import numba

    @numba.njit
    def compiled(shifted):
        return elementary.power_of_two(shifted)

    shifted = k + elementary.EXPONENT_ROUNDER
    assert elementary.power_of_two(shifted) == compiled(shifted) == 2.0**k
