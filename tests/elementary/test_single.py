"""Single precision: bits against an emulation operation by operation, errors against exact values.

The sine is tried with every float32 there is (slow), and with a stride of them otherwise.
"""

import functools
import math

from elementary import generate_single
from lane_loops import INTERPRETED
import mpmath
from naive_single import emulated_cosine, emulated_exp, emulated_sine, emulated_sphere
import numba
import numpy as np
import pytest

from numbragg.kernels.arithmetic import elementary_single as single
from numbragg.kernels.arithmetic.c_library import c_sin
from numbragg.kernels.arithmetic.fused import fma

V = 2.0**-24
F = np.float32
#: Arguments of a sweep: compiled, or interpreted (a thousand times slower).
MANY = 500 if INTERPRETED else 200_000

_compile = numba.njit(nogil=True, error_model="numpy")


@functools.cache
def _loop(function):
    @_compile
    def apply(x, result):
        for i in range(x.size):
            result[i] = function(x[i])

    return apply


def singles(function, x):
    """A function of one float32 over an array of them."""
    x = np.ascontiguousarray(x, dtype=F)
    result = np.empty(x.shape, dtype=F)
    with np.errstate(all="ignore"):
        _loop(function)(x, result)
    return result


def fractions(count, seed=5):
    """Fractions within -0.5..0.5: uniform, small ones of all sizes, and the special ones."""
    rng = np.random.default_rng(seed)
    some = np.concatenate([rng.uniform(-0.5, 0.5, count), np.exp(rng.uniform(-85, -0.7, count)),
                           [0.0, -0.0, 0.5, -0.5, 0.25, 2.0**-40, 2.0**-41, 1e-38, 2.0**-126]])
    return some.astype(F)


def same_bits(a, b):
    """Whether two float32 arrays have the same bits."""
    return np.array_equal(np.asarray(a, dtype=F).view("u4"), np.asarray(b, dtype=F).view("u4"))


def test_bits_are_those_of_the_operations_written_down():
    r = fractions(MANY)
    assert same_bits(singles(single.sine_pi_polynomial, r), emulated_sine(r))
    assert same_bits(singles(single.cosine_pi_polynomial, r), emulated_cosine(r))
    x = -np.abs(r) * F(200)
    assert same_bits(singles(single.exp_negative_single, x), emulated_exp(x))
    y = np.abs(r) * F(300)
    assert same_bits(singles(single.sphere_transform_single, y), emulated_sphere(y))


def test_the_bits_notice_a_plain_product_and_sum():
    r = fractions(MANY)
    z = r * r
    unfused = ((single.SINE_PI[3] * z + single.SINE_PI[2]) * z + single.SINE_PI[1]) * z + single.SINE_PI[0]
    unfused = r * single.PI_PARTS[0] + r * (unfused * z + single.PI_PARTS[1])
    assert not same_bits(singles(single.sine_pi_polynomial, r), unfused)


def test_constants_are_those_of_the_generator():
    for name, wanted in generate_single.constants().items():
        found = getattr(single, name)
        assert np.array_equal(np.array(found, dtype="f8"), np.array(wanted, dtype="f8")), name


# -- errors


@_compile
def _sine_errors(start, stop, step, words, floats, function_error):
    worst = 0.0
    for bits in range(start, stop, step):
        words[0] = bits
        x = floats[0]
        found = np.float64(single.sine_pi_single(x))
        y = abs(np.float64(x))
        if not y < np.inf:
            if found == found:
                function_error[0] += 1
            continue
        r = y - np.floor(y)
        exact = c_sin(math.pi * min(r, 1.0 - r))
        # what is denormal may be wrong by one unit of its last place more
        error = abs(found - exact) - 2.0**-149
        if exact == 0.0:
            if found != 0.0:
                function_error[0] += 1
        elif error > 0.0:
            worst = max(worst, error / exact)
    return worst


def sine_errors(start, stop, step):
    """Largest relative error of the sine over bit patterns, in v, and how many special values are wrong."""
    words = np.zeros(1, dtype=np.uint32)
    wrong = np.zeros(1, dtype=np.int64)
    worst = _sine_errors(start, stop, step, words, words.view(F), wrong)
    return worst / V, int(wrong[0])


def test_sine_of_a_stride_of_all_arguments():
    with np.errstate(all="ignore"):
        worst, wrong = sine_errors(0, 2**32, 2**24 + 1 if INTERPRETED else 1021)
    assert wrong == 0
    assert 0.1 * single.SINE_PI_BOUND < worst <= single.SINE_PI_BOUND


@pytest.mark.slow
def test_sine_of_all_arguments():
    """All 2**32 of them: about a minute."""
    worst, wrong = 0.0, 0
    for start in range(0, 2**32, 2**28):
        now, special = sine_errors(start, start + 2**28, 1)
        worst, wrong = max(worst, now), wrong + special
    print(f"\nsine of all 2**32 arguments: largest error {worst:.4f} v, {wrong} special values wrong")
    assert wrong == 0
    assert 0.5 * single.SINE_PI_BOUND < worst <= single.SINE_PI_BOUND


_SIGN = np.uint32(2**31)


def differing_bits(start, stop, step, size=2**16):
    """For how many arguments with bits from start to stop, and their negatives, the sine is not what is written down.

    Up to one half that is numpy's evaluation of every operation; beyond, the value at the exactly reduced
    argument.
    """
    count = 0
    for first in range(start, stop, size * step):
        x = np.arange(first, min(first + size * step, stop), step, dtype="u4").view(F)
        found = singles(single.sine_pi_single, x)
        with np.errstate(all="ignore"):
            y = x.astype("f8")
            r = y - np.floor(y)
            reduced = np.minimum(r, 1.0 - r).astype(F)
            wanted = np.empty_like(x)
            near = x <= F(0.5)
            wanted[near] = emulated_sine(x[near])
            wanted[~near] = singles(single.sine_pi_polynomial, reduced[~near])
        negative = (x.view("u4") | _SIGN).view(F)
        for other in (wanted, singles(single.sine_pi_single, negative)):
            count += np.count_nonzero((found.view("u4") != other.view("u4")) & ~(np.isnan(found) & np.isnan(other)))
        odd = singles(single.sine_pi_polynomial, negative[near])
        count += np.count_nonzero((odd.view("u4") != found[near].view("u4") ^ _SIGN) & (x[near] > 0))
    return count


def test_bits_of_the_sine_at_a_stride_of_all_arguments():
    assert differing_bits(0, 2**31, 2**24 + 1 if INTERPRETED else 10007) == 0


@pytest.mark.skipif(INTERPRETED, reason="then both sides see the change")
def test_bits_of_the_sine_notice_the_last_bit_of_a_coefficient(monkeypatch):
    a, b, c, d = single.SINE_PI
    monkeypatch.setattr(single, "SINE_PI", (np.nextafter(a, F(0)), b, c, d))
    assert differing_bits(0, 2**31, 10007) > 0


@pytest.mark.slow
def test_bits_of_the_sine_at_all_arguments():
    """All 2**32 of them: some minutes."""
    assert differing_bits(0, 2**31, 1) == 0


def worst_error(found, exact, relative):
    """Largest error in v."""
    error = np.abs(found.astype("f8") - exact)
    return float((error / exact).max() if relative else error.max()) / V


def test_other_functions_within_their_bounds():
    r = np.linspace(-0.5, 0.5, 2 * (MANY // 2) + 1).astype(F)
    worst = worst_error(singles(single.cosine_pi_polynomial, r), np.cos(np.pi * r.astype("f8")), False)
    assert 0.1 * single.COSINE_PI_BOUND < worst <= single.COSINE_PI_BOUND
    x = np.linspace(float(single.EXP_SMALLEST), 0.0, MANY).astype(F)
    worst = worst_error(singles(single.exp_negative_single, x), np.exp(x.astype("f8")), True)
    assert 0.1 * single.EXP_BOUND < worst <= single.EXP_BOUND


def test_exponential_at_its_ends():
    below = np.array([np.nextafter(single.EXP_SMALLEST, F(-np.inf)), -88, -104, -1e4, -1e30, -np.inf], dtype=F)
    assert not singles(single.exp_negative_single, below).any()
    ends = singles(single.exp_negative_single, np.array([0.0, -0.0, -1e-30, single.EXP_SMALLEST], dtype=F))
    assert ends[:3].tolist() == [1.0, 1.0, 1.0] and ends[3] > 2.0**-126
    assert np.isnan(singles(single.exp_negative_single, np.array([np.nan], dtype=F))).all()


def exact_sphere(y):
    """3 (sin(x)/x - cos(x)) / x**2 with many digits."""
    with mpmath.workdps(150):
        x = mpmath.pi * mpmath.mpf(float(y))
        return float(3 * (mpmath.sin(x) / x - mpmath.cos(x)) / x**2) if x else 1.0


def test_sphere_transform_within_its_bound():
    rng = np.random.default_rng(3)
    count = 200 if INTERPRETED else 4000
    y = np.concatenate([rng.uniform(0, 3, count), np.exp(rng.uniform(-80, 15, count)),
                        [0.0, 0.5, np.nextafter(F(0.5), F(1)), 1.43, 4.0e6]]).astype(F)
    exact = np.array([abs(exact_sphere(value)) for value in y])
    worst = worst_error(np.abs(singles(single.sphere_transform_single, y)), exact, False)
    assert 0.05 * single.SPHERE_BOUND < worst <= single.SPHERE_BOUND


# -- the parallelepiped


def factors(f, g, h, n):
    """parallelepiped_single over arrays."""
    @_compile
    def apply(f, g, h, n, result):
        for i in range(f.size):
            result[i] = single.parallelepiped_single(f[i], g[i], h[i], n)

    result = np.empty(f.shape, dtype=F)
    with np.errstate(all="ignore"):
        apply(f, g, h, tuple(map(F, n)), result)
    return result


def ratio(f, n):
    """sin(pi n f) / sin(pi f) of doubles, up to sign."""
    with np.errstate(all="ignore"):
        r = n * f
        value = np.abs(np.sin(np.pi * (r - np.rint(r))) / np.sin(np.pi * f))
    return np.where(f == 0.0, n, value)


@pytest.mark.parametrize("n", [(1, 1, 1), (5, 6, 7), (100, 3, 1), (5000, 4999, 2), (2**22, 2**21, 2**20)])
def test_lattice_factor_of_a_parallelepiped(n):
    """Relative to its largest value: the numerators are as wrong as float32 makes n f."""
    f, g, h = (fractions(MANY // 4, seed) for seed in (1, 2, 3))
    exact = ratio(f.astype("f8"), n[0]) * ratio(g.astype("f8"), n[1]) * ratio(h.astype("f8"), n[2])
    found = np.abs(factors(f, g, h, n).astype("f8"))
    assert np.isfinite(found).all()
    # n f - k is rounded once, by at most v/2 of itself; nothing else depends on n
    assert (np.abs(found - exact) <= 20 * V * exact + 1e-36).all()
    if n == (1, 1, 1):
        assert same_bits(found, np.ones_like(f))


def test_lattice_factor_at_reflections():
    zero = np.zeros(4, dtype=F)
    near = np.array([0.0, 1e-38, 2.0**-40, 1e-20], dtype=F)
    assert factors(zero, zero, zero, (7, 8, 9)) == pytest.approx([504.0] * 4, rel=4 * V)
    assert factors(near, zero, -near, (7, 8, 9)) == pytest.approx([504.0] * 4, rel=4 * V)
    # between reflections an even number of cells cancels
    half = np.full(1, 0.5, dtype=F)
    assert factors(half, zero[:1], zero[:1], (4, 1, 1))[0] == 0.0
    assert factors(half, zero[:1], zero[:1], (5, 1, 1))[0] == pytest.approx(1.0, rel=4 * V)


def test_vectors_of_eight_lanes():
    """Otherwise single precision would be no faster than double.  tests/test_precision.py looks at the whole kernel."""
    if INTERPRETED:
        pytest.skip("nothing is compiled")

    @_compile
    def loop(f, result):
        n = (F(5.0), F(6.0), F(7.0))
        for i in range(f.size):
            result[i] = single.parallelepiped_single(f[i], f[i], f[i], n)

    loop(np.zeros(128, dtype=F), np.zeros(128, dtype=F))
    text, = loop.inspect_llvm().values()
    assert "double" not in text.split("define", 2)[1]
    assembly, = loop.inspect_asm().values()
    if "avx2" in numba.core.codegen.get_host_cpu_features():
        assert "vdivps" in assembly and "ymm" in assembly
        assert "cvtss2sd" not in assembly and "cvtps2pd" not in assembly


# -- fused multiply-add of float32


def test_fused_multiply_add_rounds_once():
    a, b, c = F(2.0**-30), F(2.0**-30), F(1.0)
    x = F(1.0 + 2.0**-12)
    # (1 + 2**-12)**2 = 1 + 2**-11 + 2**-24: a tie in float32, which 2**-60 decides
    for sign, wanted in ((1, 1 + 2.0**-11 + 2.0**-23), (-1, 1 + 2.0**-11)):
        tiny = F(sign * 2.0**-60)
        result = fma(x, x, tiny)
        assert isinstance(result, F) and float(result) == wanted
        assert float(_fma_compiled(x, x, tiny)) == wanted
    assert float(fma(a, b, c)) == 1.0 == float(_fma_compiled(a, b, c))


@_compile
def _fma_compiled(a, b, c):
    return fma(a, b, c)
