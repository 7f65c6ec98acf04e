"""Miller indices and lattice factors: compiled and interpreted, the oracle's bits; errors in ulp."""

from fractions import Fraction
import math
import random

from formula_tools import INTERPRETED, SPECIAL, U, bits, prepared_example, ulps, vector
from hypothesis import given, settings
from hypothesis import strategies as st
import naive
import numpy as np
import pytest

from numbragg.kernels.physics import lattice as ours
from numbragg.kernels.physics import records
from numbragg.kernels.physics.shapes import lattice_factor
from numbragg.kernels.physics.shapes.round import SPHERE_VOLUME_ROOT, sphere_transform
from numbragg.kernels.physics.shapes.square import grating

QUIET = settings(derandomize=True, deadline=None, max_examples=300)
SHAPES = ("square", "round", "gauss", "tophat", "gauss_hkl", "tophat_hkl")

#: Their numbers in the record.
NUMBERS = records.SHAPES | {"gauss_hkl": records.GAUSS_HKL, "tophat_hkl": records.TOPHAT_HKL}
goes_on = pytest.mark.skipif(INTERPRETED, reason="Python raises where the processor goes on")


def versions(kernel):
    """A kernel compiled, and its body as plain Python."""
    return (kernel,) if INTERPRETED else (kernel, kernel.py_func)


def crystal(shape, n_cells=(5.0, 4.0, 3.0), fudge=1.0, reciprocal=None):
    """The record of a crystal."""
    record = prepared_example().scene.crystal
    return record._replace(shape=NUMBERS[shape], n_cells=tuple(float(n) for n in n_cells),
                           fudge=float(fudge),
                           reciprocal=record.reciprocal if reciprocal is None else reciprocal)


RECORD = crystal("square")


def stars(record):
    """a*, b*, c* of such a record."""
    return record.reciprocal[:3], record.reciprocal[3:6], record.reciprocal[6:]


def oracle_factor(shape, record, hkl):
    """The oracle's lattice factor."""
    near = tuple(naive.nearest(x) for x in hkl)
    return naive.lattice_factor(shape, *hkl, *near, record.n_cells, record.fudge, stars(record))


def our_factors(record, hkl):
    """Compiled and interpreted lattice factors."""
    near = tuple(float(naive.nearest(x)) for x in hkl)
    return [version(record, hkl, near) for version in versions(lattice_factor)]


# -- indices


def test_miller_indices():
    r = random.Random(1)
    for _ in range(300):
        cell, q = tuple(x for _ in range(3) for x in vector(r, 1e-8)), vector(r, 1e10)
        expected = bits([naive.dot(cell[i:i + 3], q) for i in (0, 3, 6)])
        for version in versions(ours.miller_indices):
            assert bits(version(cell, q)) == expected


EDGE = 2.0 ** 31
NEAREST = [*SPECIAL, 1.5, 2.5, -1.5, -2.5, 0.49999999999999994, -0.49999999999999994, 0.5000000000000001,
           2.0 ** 52 + 1, 2.0 ** 53, 2.0 ** 63, 2.0 ** 64, -2.0 ** 63, 1e19, EDGE - 1, EDGE - 0.5, EDGE - 0.4,
           EDGE, -EDGE, EDGE + 0.5, -EDGE + 0.5, -EDGE - 0.4, -EDGE - 0.5, -EDGE - 0.6, -EDGE - 1,
           -EDGE - 1.5, math.nextafter(EDGE - 0.5, 0), math.nextafter(EDGE - 0.5, math.inf),
           math.nextafter(-EDGE - 0.5, 0), math.nextafter(-EDGE - 0.5, -math.inf),
           *(n + 0.5 for n in range(-50, 50)),
           *(math.nextafter(n + 0.5, side) for n in range(-20, 20) for side in (-math.inf, math.inf))]


@pytest.mark.parametrize("version", versions(ours.nearest_index))
def test_nearest_index(version):
    with np.errstate(all="ignore"):
        assert [version(x) for x in NEAREST] == [naive.nearest(x) for x in NEAREST]


@QUIET
@given(st.one_of(st.floats(), st.floats(-4.3e9, 4.3e9), st.floats(-9.0, 9.0)))
def test_nearest_index_of_anything(x):
    assert ours.nearest_index(x) == naive.nearest(x)


# -- interference function


def grating_arguments():
    """0, tiny numbers, multiples of pi and their neighbours, numbers at random."""
    yield from (0.0, -0.0, 5e-324, 1e-308, -1e-300, 1e-17, 1e-9, -1e-5, 0.3, 1e5, 1e22)
    for whole in (1, 2, 3, 7, 29, 100, 14479, 2 ** 20):
        x = math.pi * whole
        yield from (x, -x, math.nextafter(x, 0), math.nextafter(x, math.inf), math.pi * (whole + 1e-9),
                    math.pi * math.nextafter(whole, 0), math.pi * (whole + 0.5))
    r = random.Random(2)
    for _ in range(100):
        yield r.uniform(-40.0, 40.0)


@pytest.mark.parametrize("version", versions(grating))
def test_interference_function(version):
    counts = [1.0, 2.0, 3.0, 5.0, 7.0, 64.0, 99.0, 1000.0, 4999.0, 5000.0]
    for x in grating_arguments():
        assert [bits(version(x, n)) for n in counts] == [bits(naive.interference(x, n)) for n in counts], x
    for n in range(1, 5001):
        x = 0.7 / n
        assert version(x, float(n)) == naive.interference(x, float(n))


@goes_on
def test_interference_function_of_what_is_not_finite():
    for x in (math.inf, -math.inf, math.nan):
        assert math.isnan(grating(x, 5.0)) and math.isnan(naive.interference(x, 5.0))


def test_error_of_the_interference_function():
    r = random.Random(3)
    worst = 0.0
    for _ in range(400):
        x, n = r.uniform(-40.0, 40.0), float(r.choice((2, 5, 50, 5000)))
        true = naive.extended("interference", x, n)
        # x*n is rounded: u|x n| in the argument of a sine of slope 1, which is off by 2u itself; all over
        # sin(x); the sine below 2u and the quotient u, relatively
        bound = (abs(x * n) + 2.0) * U / abs(math.sin(x)) + 3.01 * U * abs(true)
        error = abs(grating(x, n) - true)
        worst = max(worst, float(error / bound))
    assert 0.01 < worst <= 1


def test_interference_next_to_multiples_of_pi_in_ulp():
    """Where x*n is exact nothing is lost, even at the double next to a multiple of pi."""
    seen = 0
    for whole in range(1, 200):
        x = math.pi * whole
        for n in (2.0, 3.0, 5.0, 64.0):
            if Fraction(x) * Fraction(n) == Fraction(x * n):
                # two sines and a quotient within 1, 1 and 0.5 ulp, each ulp up to twice that of the result: 5
                assert ulps(grating(x, n), naive.extended("interference", x, n)) <= 5
                seen += 1
    assert seen > 400
    # and where it is not exact the rounding of x*n may be all there is: the C program's value, far from 5
    assert grating(math.pi * 3, 5.0) == naive.interference(math.pi * 3, 5.0) > 14


# -- sphere


def sphere_arguments():
    """0 and sizes from 1e-9 to 1e7, both sides of where the cancellation ends in nothing."""
    yield from (0.0, -0.0, 1e-9, 1e-8, 1.1e-8, 2e-8, 1e-7, 1e-5, 1e-3, 0.1, 1.0, 4.493409457909064, 1e7)
    r = random.Random(4)
    for _ in range(400):
        yield 10.0 ** r.uniform(-9.0, 7.0)


@pytest.mark.parametrize("version", versions(sphere_transform))
def test_sphere_transform(version):
    for x in sphere_arguments():
        assert bits(version(x)) == bits(naive.sphere(x)), x


@goes_on
def test_sphere_transform_of_what_underflows_or_is_not_finite():
    for x in (1e-200, 5e-324, -1e-170, math.inf, math.nan):
        assert bits(sphere_transform(x)) == bits(naive.sphere(x)), x


def test_error_of_the_sphere_transform():
    r = random.Random(5)
    worst = 0.0
    for _ in range(300):
        x = 10.0 ** r.uniform(-6.0, 4.0)
        # sin within 2u and /x u on a term up to min(1, 1/x), cos 2u on at most 1, difference and two factors
        # 4u on the result; all times 3/(x*x), of which x*x is off by u
        size = 3.0 * (3.0 * min(1.0, 1.0 / x) + 2.0) / (x * x)
        true = naive.extended("sphere", x)
        bound = size * U + 4 * U * abs(true)
        worst = max(worst, float(abs(sphere_transform(x) - true) / bound))
    assert 0.01 < worst <= 1


# -- the four shapes


@pytest.mark.parametrize("shape", SHAPES)
def test_lattice_factor(shape):
    r = random.Random(shape)
    for n in range(400):
        record = crystal(shape, [r.choice((1, 1, 2, 3, 8, 50, 5000)) for _ in range(3)],
                         r.choice((1.0, 0.5, 3.7, 0.0, 1e-3)),
                         tuple(r.uniform(-0.03, 0.03) for _ in range(9)))
        close = 10.0 ** r.uniform(-12.0, -0.3)
        offsets = [r.choice((0.0, 0.5, -0.5, r.uniform(-0.5, 0.5), r.uniform(-close, close)))
                   for _ in range(3)]
        hkl = tuple(r.randint(-30, 30) + offset for offset in offsets)
        expected = bits(oracle_factor(shape, record, hkl))
        assert all(bits(f) == expected for f in our_factors(record, hkl)), (n, hkl)


@QUIET
@given(st.sampled_from(SHAPES), st.tuples(*[st.one_of(st.floats(-1e3, 1e3), st.floats(-1e9, 1e9))] * 3),
       st.tuples(*[st.integers(1, 5000)] * 3), st.floats(0.0, 1e3))
def test_lattice_factor_of_any_index(shape, hkl, n_cells, fudge):
    record = RECORD._replace(shape=NUMBERS[shape], n_cells=tuple(map(float, n_cells)), fudge=fudge)
    expected = bits(oracle_factor(shape, record, hkl))
    assert all(bits(f) == expected for f in our_factors(record, hkl))


@goes_on
@pytest.mark.parametrize("shape", SHAPES)
def test_lattice_factor_of_what_is_not_finite(shape):
    for fudge in (1.0, -1.0, -0.0, math.inf, math.nan, 1e300):
        record = crystal(shape, fudge=fudge)
        for hkl in ((0.25, math.nan, 1.0), (math.inf, 0.0, 0.0), (1e300, 0.1, 0.2), (0.0, 0.0, 0.0),
                    (0.3, 0.2, 0.1), (3e9, -3e9, 0.5)):
            near = tuple(float(naive.nearest(x)) for x in hkl)
            expected = oracle_factor(shape, record, hkl)
            assert bits(lattice_factor(record, hkl, near)) == bits(expected), (hkl, fudge)


def test_top_hat_at_its_edge():
    """Squared distances at 0.3969 and its two neighbours: inside is below, exactly."""
    record = crystal("tophat", (1, 1, 1), reciprocal=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
    for inside in (0.63, math.nextafter(0.63, 0), math.nextafter(0.63, 1), 0.6299999999):
        for sign in (1.0, -1.0):
            hkl = (0.0, sign * inside, 0.0)  # not the nearest point, but 0 is asked for
            expected = naive.lattice_factor("tophat", *hkl, 0, 0, 0, record.n_cells, 1.0, stars(record))
            for version in versions(lattice_factor):
                assert version(record, hkl, (0.0, 0.0, 0.0)) == expected
    assert {naive.lattice_factor("tophat", x, 0.0, 0.0, 0, 0, 0, (1, 1, 1), 1.0, stars(record))
            for x in (0.629, 0.631)} == {0, 1}


def test_peak_of_each_shape_is_the_number_of_cells():
    assert [our_factors(crystal(shape), (0.0, 0.0, 0.0))[0] for shape in SHAPES] == [
        60.0, 60.0 * SPHERE_VOLUME_ROOT, 60.0, 60.0, 60.0, 60.0]
    assert our_factors(crystal("square", (1, 1, 1)), (0.3, 0.2, 0.1))[0] == 1.0


# -- errors of the shapes against the truth, in ulp


def test_error_of_the_gaussian_in_ulp():
    r = random.Random(6)
    record = crystal("gauss")
    for _ in range(200):
        hkl = tuple(r.uniform(-0.4, 0.4) for _ in range(3))
        factor = our_factors(record, hkl)[0]
        # its own nearest point 0, so the differences are exact; the metric is that of the record
        r2 = naive.extended("squared_distance", *hkl, record.n_cells, *stars(record))
        true = naive.extended("gauss", r2, record.n_cells, 1.0)
        # R2: each component 3 roundings of terms that may cancel (3u of the sum S of their sizes; squared 6u
        # S*S), then 2 sums, 1 square, 6 products: 9u; /0.63 and *fudge: 2u; so (6 S2 + 11 R2)u/0.63 absolute
        # in the exponent; exp 1 ulp, three products 1.5 ulp. In ulp of the result: u relative is at most 1
        # ulp.
        s2 = sum(sum(abs(d * v[i]) for d, v in zip(hkl, stars(record))) ** 2 for i in range(3)) * 3600.0
        assert ulps(factor, true) <= 1.1 * ((6.0 * s2 + 11.0 * float(r2)) / 0.63 + 2.5 + 1)


def test_error_of_the_square_crystal_in_ulp():
    r = random.Random(7)
    record = crystal("square")
    for _ in range(200):
        hkl = tuple(r.randint(-9, 9) + r.uniform(-0.4, 0.4) for _ in range(3))
        true = naive.extended("square", *hkl, (5, 4, 3))
        # pi*h is off by 2u relatively (pi and the product), and *N by 1u more. Through cot(x) the relative
        # error of each sine is (2u x)|cot x| and (3u x N)|cot x N|; each sine 2u, quotient u, and 2 products:
        # 7u per axis
        relative = sum(2.01 * x / abs(math.tan(x)) + 3.01 * x * n / abs(math.tan(x * n)) + 7
                       for x, n in ((math.pi * abs(h), n) for h, n in zip(hkl, (5, 4, 3))))
        if relative * U < 1e-10:  # away from the zeros, where the relative error has no bound
            assert ulps(our_factors(record, hkl)[0], true) <= relative * 1.1


def test_error_of_the_sphere_in_ulp():
    r = random.Random(8)
    record = crystal("round")
    for _ in range(200):
        hkl = tuple(r.uniform(-0.45, 0.45) for _ in range(3))
        x = math.pi * math.sqrt(sum((h * n) ** 2 for h, n in zip(hkl, record.n_cells)))
        true = naive.extended("round", *hkl, record.n_cells, 1.0)
        # x: squares and sums 6u, halved by the root, root, pi and product 3u: 6u relative, so 6u x in the
        # argument of a function of slope at most 3(1 + 1/x)/x**2 * (1 + 3/x) in size; then as for the
        # transform itself; four products
        slope = 3.0 * (1.0 + 1.0 / x) * (1.0 + 3.0 / x) / (x * x)
        bound = (6.0 * x * slope + 3.0 * (3.0 / x + 2.0) / (x * x) + 4.0 * 1.0) * 60 * 0.7237 * U
        error = abs(our_factors(record, hkl)[0] - true)
        assert error <= bound + 5 * U * abs(true)
