"""Sine and cosine up to sign: worst cases, sweeps against exact values, and special values."""

import math
import re

from lane_loops import (
    INTERPRETED,
    LONG_DOUBLE,
    MANY,
    SCALE,
    U,
    cosine_of_pair,
    cubics_about,
    cubics_mod_pi,
    difference,
    exact_error,
    loop,
    relative_error,
    short_remainder,
    sine_of_pair,
    values,
)
import llvmlite.binding
import mpmath
import numpy as np
import pytest
from worst_cases import HARDEST, closest_doubles, hardest, remainder, smallest_distance_in_binade

from numbragg.kernels.arithmetic import elementary
from numbragg.kernels.arithmetic.c_library import c_cos, c_sin

LARGEST = elementary.SINE_LARGEST
SINES = [
    (elementary.sine_mod_pi, elementary.SINE_BOUND),
    (sine_of_pair, elementary.SINE_BOUND),
]
SINE_NAMES = ["full", "pair"]
needs_long_double = pytest.mark.skipif(not LONG_DOUBLE, reason="long double has no 64 bits here")


def hard_arguments(limit=LARGEST):
    """The doubles nearest to multiples of pi that come nearest, with their neighbours and halves."""
    x = np.array([float.fromhex(text) for _, text, _ in HARDEST])
    x = np.concatenate([x, np.nextafter(x, 0), np.nextafter(x, np.inf), x * 0.5, x * 1.5])
    return x[x <= limit]


def integer_indices(limit=LARGEST):
    """Arguments of the grating for whole indices: fl(pi h) and fl(fl(pi h) N), h and N whole."""
    h = np.unique(np.concatenate([np.arange(1, 400), [14478, 14479, 14480], 29 * np.arange(1, 40),
                                  np.geomspace(400, 3e7, 400).astype(int)]))
    x = math.pi * h.astype(float)
    many = [x] + [x * n for n in (2.0, 3.0, 5.0, 7.0, 10.0, 29.0, 100.0, 499.0, 5000.0)]
    x = np.concatenate(many)
    return x[x <= limit]


def spread(count, limit=LARGEST, seed=7):
    """Arguments of every size: uniform, log-uniform, and about multiples and half multiples of pi."""
    rng = np.random.default_rng(seed)
    part = count // 4
    k = np.rint(np.exp(rng.uniform(0, np.log(max(limit / 4, 2)), part)))
    near = closest_doubles(k)[0] * (1 + rng.integers(-4, 5, part) * 2.0**-52)
    half = (k + 0.5) * math.pi * (1 + rng.integers(-4, 5, part) * 2.0**-52)
    sizes = np.exp(rng.uniform(np.log(1e-12), np.log(limit), part))
    x = np.concatenate([rng.uniform(-limit, limit, part), sizes, near, half])
    return x[abs(x) <= limit]


def exact_sine(x):
    """|sin(x)| as long doubles: sine of the exactly reduced argument."""
    return np.sin(remainder(x, np.rint(x / math.pi)))


# -- the references


def test_smallest_distances_found_by_trying_are_those_of_the_continued_fraction():
    for k, text, distance in HARDEST:
        x = float.fromhex(text)
        with mpmath.workdps(60):
            assert abs(float(abs(x - k * mpmath.pi)) / distance - 1) < 1e-12
        proven = smallest_distance_in_binade(math.frexp(x)[1] - 1)
        assert proven <= distance * (1 + 1e-12)
    # reached where it matters most
    assert smallest_distance_in_binade(6) == pytest.approx(HARDEST[4][2], rel=1e-12)
    assert smallest_distance_in_binade(24) == pytest.approx(HARDEST[23][2], rel=1e-12)


@needs_long_double
@pytest.mark.parametrize("power", [*range(18),
                                   *(pytest.param(p, marks=pytest.mark.slow) for p in range(18, 26))])
def test_table_of_worst_cases_is_complete(power):
    k, text, distance = HARDEST[power]
    assert hardest(2**power, 2 ** (power + 1)) == (k, float.fromhex(text), distance)


@needs_long_double
def test_long_double_reference_is_good_to_a_five_hundredth_of_u():
    x = np.concatenate([hard_arguments(), spread(400, seed=1)])
    reference = exact_sine(x)
    with mpmath.workdps(60):
        for value, argument in zip(reference, x.tolist()):
            high = float(value)
            exact = mpmath.mpf(high) + mpmath.mpf(float(value - high))
            assert abs(abs(exact / mpmath.sin(mpmath.mpf(argument))) - 1) < 2**-62


def test_c_library_is_as_good_as_the_bounds_assume():
    x = np.concatenate([hard_arguments(), spread(8000, 1e6, seed=23)])
    assert exact_error(np.array([c_sin(a) for a in x.tolist()]), x, mpmath.sin) <= 1.2
    with mpmath.workdps(40):
        assert max(abs(c_cos(a) - mpmath.cos(mpmath.mpf(a))) for a in x.tolist()) <= 0.6 * U


# -- errors


@pytest.mark.parametrize("function, bound", SINES, ids=SINE_NAMES)
@pytest.mark.parametrize("arguments", [hard_arguments, integer_indices], ids=["hardest", "whole-indices"])
def test_sine_near_multiples_of_pi(function, bound, arguments):
    x = arguments()
    assert exact_error(values(function, x), x, mpmath.sin) <= bound
    assert exact_error(values(function, -x), x, mpmath.sin) <= bound


def test_named_hard_indices():
    # h = 29 is the hardest of all, 14479 the first with a larger multiple of pi, both met as fl(fl(pi h) N)
    for h in (29, 14479, 58, 29 * 499):
        for n in (1.0, 2.0, 5.0, 7.0, 4999.0):
            x = np.array([math.pi * h * n])
            if x[0] <= LARGEST:
                for function, bound in SINES:
                    assert exact_error(values(function, x), x, mpmath.sin) <= bound


@pytest.mark.parametrize("count", [8000, pytest.param(100_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("function, bound", SINES[:2], ids=SINE_NAMES[:2])
def test_sine_against_mpmath(function, bound, count):
    x = spread(count, seed=count)
    assert 0.01 * bound <= exact_error(values(function, x), x, mpmath.sin) <= bound


@needs_long_double
@pytest.mark.parametrize("limit", [2.0, 40.0, 1e4, 1e7, LARGEST])
@pytest.mark.parametrize("function, bound", SINES, ids=SINE_NAMES)
def test_sine_at_many_points(function, bound, limit):
    x = spread(MANY // 4, limit, seed=int(limit))
    error = relative_error(values(function, x), exact_sine(x))
    assert 0.01 * bound <= error <= bound


@needs_long_double
def test_short_reduction_at_every_multiple_in_its_domain():
    k = np.arange(1, int(elementary.SINE_ABOUT_LARGEST) + 1, 1 if not INTERPRETED else 29)
    x, distance = closest_doubles(k)
    error, bound = relative_error(short_remainder(x, k), distance), 633.0
    assert error <= bound
    if not INTERPRETED:
        # the proof says where the bound is reached
        assert error >= 0.99 * bound


@needs_long_double
@pytest.mark.parametrize("limit", [2.0, 40.0, 1e4, 1e7, LARGEST])
def test_cubics_at_many_points(limit):
    x = np.concatenate([spread(MANY // 4, limit, seed=int(limit)), hard_arguments(limit), integer_indices(limit),
                        [1e-300]])
    error = relative_error(values(cubics_mod_pi, x), exact_sine(x) * SCALE)
    assert 0.95 * elementary.SINE_CUBICS_BOUND <= error <= elementary.SINE_CUBICS_BOUND


@needs_long_double
def test_cubics_about_a_known_multiple():
    largest = elementary.SINE_ABOUT_LARGEST
    rng = np.random.default_rng(3)
    h = np.concatenate([rng.uniform(-largest, largest, MANY // 8), np.arange(-200, 201) / 2, [largest]])
    h = np.concatenate([h, np.nextafter(h, np.inf), np.nextafter(h, -np.inf)])
    # the scale is a factor, and a subnormal number has fewer digits than what it is multiplied to
    h = h[(abs(h) <= largest) & (abs(h) > 1e-300)]
    x, k = math.pi * h, np.ceil(h - 0.5)
    hard = np.arange(1, int(largest) + 1, 1 if not INTERPRETED else 29)
    at_hard, distance = closest_doubles(hard)
    x, k = np.concatenate([x, at_hard]), np.concatenate([k, hard])
    exact = np.concatenate([np.sin(remainder(x[:len(h)], k[:len(h)])), distance])
    error = relative_error(cubics_about(x, k), exact * SCALE)
    assert 0.98 * elementary.SINE_CUBICS_ABOUT_BOUND <= error <= elementary.SINE_CUBICS_ABOUT_BOUND


def test_cubics_vanish_at_zero_only():
    x = np.concatenate([hard_arguments(), integer_indices(), [5e-324]])
    assert values(cubics_mod_pi, x).all() and (values(cubics_mod_pi, np.array([0.0, -0.0])) == 0.0).all()
    assert np.isnan(values(cubics_mod_pi, np.array([np.nan, np.inf, -np.inf]))).all()


def test_short_reduction_fails_beyond_its_domain():
    """The domain is not a formality: at a later hard multiple the error is ten thousand bounds."""
    k, x = 9206271, np.array([float.fromhex(HARDEST[23][1])])
    with mpmath.workdps(60):
        exact = abs(mpmath.sin(mpmath.mpf(x[0])))
        error = float(abs(abs(mpmath.mpf(float(short_remainder(x, np.array([k]))[0]))) / exact - 1)) / U
    assert error > 1e4 * 3480.0


def test_nearest_multiple_leaves_half_of_pi():
    k = np.concatenate([np.arange(1, 2000), np.geomspace(2e3, LARGEST / math.pi - 1, 4000).astype(int)])
    half = (k + 0.5) * math.pi
    x = np.concatenate([half, np.nextafter(half, 0), np.nextafter(half, np.inf), [LARGEST]])
    x = x[x <= LARGEST]
    nearest = values(elementary.nearest_multiple_of_pi, x)
    assert (nearest == np.rint(nearest)).all()
    assert (abs(remainder(x, nearest)) <= math.pi / 2 + 2.0**-24).all()


# -- cosine and sphere


@needs_long_double
@pytest.mark.parametrize("limit", [2.0, 40.0, 1e4, LARGEST])
def test_cosine(limit):
    x = np.concatenate([spread(MANY // 4, limit, seed=5), [0.0, 1e-300, math.pi / 2]])
    # up to sign: at odd multiples of pi/2 the kernel may take the other neighbour
    exact = abs(np.cos(remainder(x, np.rint(x / math.pi))))
    error = float(abs(abs(values(cosine_of_pair, x)) - exact).max()) / U
    assert 0.1 * elementary.COSINE_BOUND <= error <= elementary.COSINE_BOUND


def test_signs_of_sine_and_cosine_are_wrong_together():
    x = spread(4000, 1e6)
    s, c = values(sine_of_pair, x), values(cosine_of_pair, x)
    wrong = np.sign(s) != np.sign(np.sin(x))
    clear = abs(c) > 1e-12
    assert ((np.sign(c) != np.sign(np.cos(x))) == wrong)[clear].all()
    assert wrong.any() and not wrong.all()


@pytest.mark.parametrize("low, high", [(elementary.SPHERE_SMALLEST, 0.1), (0.1, 2.0), (2.0, 1e2), (1e2, 1e8)])
def test_sphere_against_the_c_expression(low, high):
    rng = np.random.default_rng(11)
    x = np.exp(rng.uniform(math.log(low), math.log(high), MANY // 20))
    lane = abs(values(difference, x))
    c = np.array([abs(c_sin(a) / a - c_cos(a)) for a in x.tolist()])
    error = abs(lane - c).max() / U
    assert 0.01 * elementary.SPHERE_DIFFERENCE_BOUND <= error <= elementary.SPHERE_DIFFERENCE_BOUND


def test_sphere_against_mpmath():
    zeros = [4.493409457909064, 7.725251836937707]
    x = np.concatenate([np.geomspace(elementary.SPHERE_SMALLEST, 50.0, 2000), zeros])
    lane = values(difference, x)
    with mpmath.workdps(40):
        exact = [abs(mpmath.sin(a) / a - mpmath.cos(a)) for a in map(mpmath.mpf, x.tolist())]
        error = max(abs(abs(value) - e) for value, e in zip(lane.tolist(), exact)) / U
    # the lane's own part of the bound, without the C program's
    assert error <= elementary.SINE_BOUND + 1 + elementary.COSINE_BOUND + 1
    # what is left of the relative error at the smallest x, as stated
    assert elementary.SPHERE_DIFFERENCE_BOUND * U / float(exact[0]) < 6.3e-11


# -- special values


@pytest.mark.parametrize("function", [f for f, _ in SINES], ids=SINE_NAMES)
def test_sine_of_special_values(function):
    tiny = np.array([5e-324, 1e-310, 2.2250738585072014e-308, 1e-300, 1e-150, 1e-20])
    assert (values(function, tiny) == tiny).all()
    assert (values(function, -tiny) == -tiny).all()
    zero = values(function, np.array([0.0, -0.0]))
    assert (zero == 0).all()
    assert np.isnan(values(function, np.array([np.nan, np.inf, -np.inf]))).all()


def test_sine_vanishes_at_zero_only():
    x = np.concatenate([hard_arguments(), integer_indices()])
    for function, _ in SINES:
        assert values(function, x).all()


def test_cosine_and_sphere_of_special_values():
    assert (values(cosine_of_pair, np.array([0.0, -0.0, 5e-324])) == 1).all()
    assert np.isnan(values(cosine_of_pair, np.array([np.nan, np.inf, -np.inf]))).all()
    assert np.isnan(values(difference, np.array([0.0, np.nan, np.inf]))).all()


# -- lanes


@pytest.mark.parametrize("function", [f for f, _ in SINES], ids=SINE_NAMES)
def test_same_bits_in_every_lane(function):
    """Vector body, remainder loop and single call agree."""
    x = spread(400, 1e6, seed=2)[:103]
    together = values(function, x)
    for count in range(1, 20):
        assert values(function, x[:count]).tobytes() == together[:count].tobytes()
    assert np.array([function(a) for a in x.tolist()]).tobytes() == together.tobytes()


def test_same_bits_interpreted():
    x = spread(400, 1e6, seed=2)[:103]
    k = values(elementary.nearest_multiple_of_pi, x)
    plain = getattr(elementary.sine_polynomial, "py_func", elementary.sine_polynomial)
    reduce = getattr(elementary.remainder_pi, "py_func", elementary.remainder_pi)
    step_by_step = [plain(reduce(a, b)) for a, b in zip(x.tolist(), k.tolist())]
    assert values(elementary.sine_mod_pi, x).tobytes() == np.array(step_by_step).tobytes()


@pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")
@pytest.mark.parametrize("function", [f for f, _ in SINES] + [cubics_mod_pi, difference,
                                                              elementary.exp_negative,
                                                              elementary.exp_squared_coarse])
def test_loops_are_vectorised(function):
    if not llvmlite.binding.get_host_cpu_features().get("fma"):
        pytest.skip("this processor has no fused multiply-add, or is no x86-64")
    values(function, np.ones(3))
    assembly = "\n".join(loop(function).inspect_asm().values())
    assert re.search(r"vfn?m(add|sub)[0-9]+pd\s[^\n]*%[yz]mm", assembly)
