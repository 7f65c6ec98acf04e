"""Vectors and rotations: interpreted and compiled, the oracle's bits; errors against true values."""

import math
import random

from formula_tools import INTERPRETED, SPECIAL, U, bits, vector
from hypothesis import given, settings
from hypothesis import strategies as st
import mpmath
import naive
import numba
import pytest

from numbragg.kernels.arithmetic import vectors as ours

FINITE = st.floats(-1e100, 1e100)
VECTORS = st.tuples(FINITE, FINITE, FINITE)
ANGLES = st.floats(-1e7, 1e7)
QUIET = settings(derandomize=True, deadline=None, max_examples=150)


def products(x, y, axis, s, c, angle, u):
    """All functions that kernels use, of one set of arguments."""
    return (ours.dot(x, y), ours.cross(x, y), ours.magnitude(x), ours.unit(x),
            ours.rotate_axis_sc(x, axis, s, c), ours.rotate_axis(x, axis, angle), ours.rotate_matrix(x, u))


compiled_products = numba.njit(error_model="numpy")(products)


def oracle_products(x, y, axis, angle, u):
    """The same of the oracle; the sine and cosine are those of the angle."""
    turned = naive.rotate_axis(x, axis, angle)
    return (naive.dot(x, y), naive.cross(x, y), naive.magnitude(x), naive.unitize(x), turned, turned,
            naive.rotate_umat(x, u))


def nine(r, size=1.0):
    """Nine numbers."""
    return tuple(r.uniform(-size, size) for _ in range(9))


@pytest.mark.parametrize("version", [products, compiled_products])
def test_same_bits_for_vectors_of_every_size(version):
    r = random.Random(1)
    for n in range(600):
        x, y, axis = (vector(r, 10.0 ** r.uniform(-12.0, 12.0)) for _ in range(3))
        angle, u = r.uniform(-7.0, 7.0) if n % 3 else r.uniform(-1e5, 1e5), nine(r)
        s, c = math.sin(angle), math.cos(angle)
        assert bits(version(x, y, axis, s, c, angle, u)) == bits(oracle_products(x, y, axis, angle, u))


@QUIET
@given(VECTORS, VECTORS, VECTORS, ANGLES)
def test_same_bits_for_any_vectors(x, y, axis, angle):
    u = (*x, *y, *axis)
    s, c = math.sin(angle), math.cos(angle)
    expected = bits(oracle_products(x, y, axis, angle, u))
    for version in (products, compiled_products):
        assert bits(version(x, y, axis, s, c, angle, u)) == expected


@pytest.mark.skipif(INTERPRETED, reason="Python raises where the processor goes on")
def test_same_bits_for_zeros_infinities_and_nan():
    r = random.Random(2)
    for _ in range(1500):
        x, y, axis = (tuple(r.choice(SPECIAL) for _ in range(3)) for _ in range(3))
        angle, u = r.choice((0.0, -0.0, 0.5, math.inf, math.nan)), tuple(r.choice(SPECIAL) for _ in range(9))
        s, c = naive.sine(angle), naive.cosine(angle)
        expected = oracle_products(x, y, axis, angle, u)
        assert bits(compiled_products(x, y, axis, s, c, angle, u)) == bits(expected), (x, y, axis, angle, u)


@QUIET
@given(VECTORS, st.tuples(*[st.one_of(ANGLES, st.just(0.0), st.just(-0.0))] * 3))
def test_rotation_about_the_three_axes(v, angles):
    assert bits(ours.rotate_xyz(v, angles)) == bits(naive.rotate(v, *angles))


def test_rotation_about_the_three_axes_keeps_signs_of_zero_and_infinities():
    for v in ((-0.0, 0.0, -0.0), (0.0, -0.0, 0.0), (math.inf, 1.0, 2.0), (1.0, -math.inf, 2.0),
              (1.0, 2.0, math.inf), (math.nan, 0.0, 1.0)):
        for angles in ((0.0, 0.0, 0.0), (0.1, 0.0, 0.0), (0.0, -0.1, 0.0), (0.0, 0.0, 0.2), (0.3, 0.2, 0.1)):
            assert bits(ours.rotate_xyz(v, angles)) == bits(naive.rotate(v, *angles))


def test_zero_vector_has_no_direction():
    for v in ((0.0, 0.0, 0.0), (-0.0, 0.0, -0.0), (1e-200, 0.0, 0.0)):  # the last one's square underflows
        assert ours.unit(v) == ((0.0, 0.0, 0.0), 0.0) == naive.unitize(v)


def test_rotation_by_no_angle_is_no_shortcut():
    """An angle of zero still goes through the formula, and changes the sign of a zero."""
    assert bits(ours.rotate_axis((-0.0, 1.0, 0.0), (0.0, 0.0, 1.0), 0.0)) == bits((0.0, 1.0, 0.0))


# -- errors against true values


def test_error_of_a_rotation():
    r = random.Random(3)
    worst = 0.0
    for _ in range(300):
        v, axis, angle = vector(r), naive.unitize(vector(r))[0], r.uniform(-4.0, 4.0)
        with mpmath.workdps(50):
            s, c = mpmath.sin(mpmath.mpf(angle)), mpmath.cos(mpmath.mpf(angle))
            exact = [[mpmath.mpf(x) for x in w] for w in (v, axis)]
            along, across = naive.dot(*exact) * (1 - c), naive.cross(exact[1], exact[0])
            true = [exact[1][i] * along + exact[0][i] * c + across[i] * s for i in range(3)]
        got = ours.rotate_axis(v, axis, angle)
        # per component: axis.v 3u, 1-cos 3u on a number up to 2, products and sums 4u more: 10u on a term up
        # to 2|v|; v cos 3u, cross 2u + sin 2u + product u: 5u; the two sums 2u of at most 4|v|:
        # 20 + 3 + 5 + 8 = 36
        bound = 36 * U * naive.magnitude(v)
        worst = max(worst, max(abs(a - b) for a, b in zip(got, true)) / bound)
    assert 0.01 < worst <= 1


def test_error_of_unit_and_matrix_product():
    r = random.Random(4)
    for _ in range(300):
        v, u = vector(r, 1e-3), nine(r)
        with mpmath.workdps(50):
            length = mpmath.sqrt(mpmath.fsum(mpmath.mpf(x) ** 2 for x in v))
            true_unit = [x / length for x in v]
            true_product = [mpmath.fsum(mpmath.mpf(u[3 * i + j]) * v[j] for j in range(3)) for i in range(3)]
        # length: the sum of squares 3u, half of it under the root, the root u: 2.5u; the quotient u: 3.5u
        assert all(abs(a - b) <= 3.5 * U * abs(b) * (1 + 1e-9) for a, b in zip(ours.unit(v)[0], true_unit))
        # three products u each, two sums: at most 3u of the sum of their sizes
        sizes = [sum(abs(u[3 * i + j] * v[j]) for j in range(3)) for i in range(3)]
        got = ours.rotate_matrix(v, u)
        assert all(abs(a - b) <= 3 * U * size * (1 + 1e-9) for a, b, size in zip(got, true_product, sizes))


def test_compiled_functions_contract_nothing():
    """a*b + c*d of these numbers is zero rounded, and not zero where one product is fused into the sum."""
    a = 1.0 + 2.0 ** -30
    x, y = (a, a, 0.0), (a, -a, 0.0)
    assert float(compiled_products(x, y, x, 0.0, 1.0, 0.0, (0.0,) * 9)[0]) == 0.0
