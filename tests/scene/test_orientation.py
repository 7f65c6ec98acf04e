"""Unit cell and orientation: the oracle's bits, what is refused, and the truth where the formulas have it."""

import math
import random

from formula_tools import U, bits, draw_cell, draw_orientation
from hypothesis import given, settings
from hypothesis import strategies as st
import mpmath
import naive
from naive_random import NaiveStream
import pytest

from numbragg.scene.orientation import matrix_vectors, orient, reciprocal_cell
from numbragg.scene.request import Draft

QUIET = settings(derandomize=True, deadline=None, max_examples=200)
RIGHT = (0.0, 0.0, 0.0)  # not given: right angles
LENGTHS = st.floats(1.0, 2000.0)
ANGLES = st.one_of(st.just(0.0), st.floats(math.radians(20.0), math.radians(160.0)))
MISSETS = st.one_of(st.none(), st.tuples(*[st.one_of(st.just(0.0), st.floats(-10.0, 10.0))] * 3))
NINE = st.tuples(*[st.floats(-1.0, 1.0)] * 9)


def oracle(p, misset):
    """The oracle's orientation."""
    cell = naive.reciprocal_cell(p.cell_lengths, p.cell_angles) if p.cell_given else None
    return naive.orient(cell, p.matrix, p.wavelength, misset, p.u_matrix)


def oriented(p, misset):
    """Ours."""
    asked = p.freeze()
    return orient(asked.crystal, asked.beam.wavelength, misset)


def assert_same(p, misset):
    """Direct and reciprocal vectors, lengths and volume have the oracle's bits."""
    expected, found = oracle(p, misset), oriented(p, misset)
    assert bits(found.direct) == bits([x for name in "abc" for x in expected[name]])
    assert bits(found.reciprocal) == bits([x for name in "abc" for x in expected[name + "_star"]])
    assert bits(found.lengths) == bits([naive.magnitude(expected[name]) for name in "abc"])
    assert bits(found.volume) == bits(expected["volume"])
    assert found.misset == (misset or (0.0, 0.0, 0.0))
    return found


def possible(lengths, angles):
    """Whether the cell has a volume; None where it is too close to say."""
    cell = naive.reciprocal_cell(lengths, angles)
    a, b, c = cell["lengths"]
    ratio = cell["volume"] / (a * b * c)
    return None if 1e-9 < ratio < 1e-4 else ratio > 1e-6


# -- reciprocal cell


@QUIET
@given(st.tuples(LENGTHS, *[st.one_of(LENGTHS, st.sampled_from((0.0, -1.0)))] * 2),
       st.tuples(ANGLES, ANGLES, ANGLES))
def test_reciprocal_cell(lengths, angles):
    expected = naive.reciprocal_cell(lengths, angles)
    able = possible(lengths, angles)
    if able is False:
        with pytest.raises(ValueError, match="impossible cell"):
            reciprocal_cell(lengths, angles)
    elif able:
        vectors, filled, volume = reciprocal_cell(lengths, angles)
        assert bits(vectors) == bits([expected[name] for name in ("a_star", "b_star", "c_star")])
        assert bits(filled) == bits(expected["lengths"]) and bits(volume) == bits(expected["volume"])


def test_cosine_beyond_its_limit_becomes_one():
    """Angles that no cell has: the C program takes +1 for a reciprocal cosine beyond either limit."""
    seen = set()
    for degrees in ((60.0, 60.0, 150.0), (120.0, 100.0, 40.0), (30.0, 100.0, 100.0), (100.0, 30.0, 100.0),
                    (20.0, 20.0, 120.0)):
        angles = [math.radians(x) for x in degrees]
        cosines = [naive.cosine(angles[i - 2]) * naive.cosine(angles[i - 1]) - naive.cosine(angles[i])
                   for i in range(3)]
        sines = [naive.sine(angles[i - 2]) * naive.sine(angles[i - 1]) for i in range(3)]
        ratios = [c / s for c, s in zip(cosines, sines)]
        seen |= {"above" if ratio > 1 else "below" if ratio < -1 else "inside" for ratio in ratios}
        expected = naive.reciprocal_cell((50.0, 60.0, 70.0), angles)
        assert bits(reciprocal_cell((50.0, 60.0, 70.0), angles)[0]) == bits(
            [expected[name] for name in ("a_star", "b_star", "c_star")])
    assert seen == {"above", "below", "inside"}


@pytest.mark.parametrize("degrees", [(90.0, 90.0, 180.0), (60.0, 60.0, 120.0), (30.0, 40.0, 70.0),
                                     (120.0, 120.0, 120.0)])
def test_refuses_a_cell_without_volume(degrees):
    with pytest.raises(ValueError, match="impossible cell"):
        reciprocal_cell((50.0, 60.0, 70.0), [math.radians(x) for x in degrees])


def test_error_of_the_reciprocal_cell():
    """Against the truth, for monoclinic cells, whose c* the C program has right."""
    r = random.Random(1)
    for _ in range(100):
        a, b, c = (r.uniform(20.0, 200.0) for _ in range(3))
        beta = math.radians(r.uniform(70.0, 120.0))
        vectors, _, volume = reciprocal_cell((a, b, c), (0.0, beta, 0.0))
        with mpmath.workdps(50):
            right = mpmath.mpf(math.pi / 2)  # the angle that is put in for one that is not given
            half = (right + mpmath.mpf(beta) + right) / 2
            skew = mpmath.sin(half) * mpmath.sin(half - right) ** 2 * mpmath.sin(half - beta)
            true_volume = 2 * mpmath.mpf(a) * b * c * mpmath.sqrt(abs(skew))
            true_length = b * c * mpmath.sin(right) / true_volume
        # the half sum of the angles is off by 5u, each difference by 7u, through slopes cot of at most 1.75:
        # 4 x 12u; four sines 2u each, three products, all halved by the root: 30u; the root itself and three
        # products: 34u
        assert abs(volume - true_volume) <= 34 * U * true_volume
        # one over the volume 35u, the sine 2u, three products, and the length of (a*, 0, 0) is exact but for
        # 2u
        assert abs(naive.magnitude(vectors[0]) - true_length) <= 42 * U * true_length


# -- orientation


def test_settings_at_random():
    r = random.Random(2)
    for _ in range(600):
        p = Draft(wavelength=r.uniform(0.3e-10, 3e-10))
        draw_cell(p, r)
        draw_orientation(p, r)
        assert_same(p, None if p.misset == "none" else tuple(p.misset_angles))


@QUIET
@given(st.tuples(LENGTHS, LENGTHS, LENGTHS), MISSETS, st.one_of(st.none(), NINE), st.one_of(st.none(), NINE))
def test_any_settings(lengths, misset, matrix, u_matrix):
    """A cell with and without a matrix and a U matrix that need be no rotations."""
    p = Draft(cell_given=True, cell_lengths=list(lengths), matrix=matrix, u_matrix=u_matrix)
    expected = oracle(p, misset)
    if not all(map(math.isfinite, (*expected["a"], *expected["b"], *expected["c"]))):
        with pytest.raises(ValueError):
            oriented(p, misset)
        return
    try:
        assert_same(p, misset)
    except ValueError as refusal:
        # three vectors in one plane, almost or altogether: the oracle goes on with what rounding leaves of them
        assert "span no volume" in str(refusal) or "lengths must be greater than zero" in str(refusal)


def test_matrix_alone_and_with_a_cell():
    """The matrix sets the directions; a cell beside it sets the lengths."""
    matrix = (0.011, 0.002, -0.001, 0.0005, 0.02, 0.003, -0.002, 0.001, 0.04)
    for wavelength in (1e-10, 0.9e-10, 6.2e-10):
        p = Draft(matrix=matrix, wavelength=wavelength)
        alone = assert_same(p, None)
        assert bits(matrix_vectors(matrix, wavelength)) == bits(naive.matrix_vectors(matrix, wavelength))
        p.cell_given, p.cell_lengths = True, [40.0, 50.0, 60.0]
        beside = assert_same(p, None)
        # rescaled by a/|bc*V|..., with five roundings in the length of the vector and three in its use
        assert all(abs(x - y) <= 8 * U * y for x, y in zip(beside.lengths, (40e-10, 50e-10, 60e-10)))
        assert alone.lengths != beside.lengths
        assert_same(p, (0.1, -0.2, 0.3))


def test_u_matrix_turns_before_the_misset_angles():
    r = random.Random(3)
    for seed in range(20):
        turn = tuple(sum(NaiveStream(seed).rotation(1.0), []))
        p = Draft(cell_given=True, cell_lengths=[40.0, 50.0, 60.0], u_matrix=turn)
        misset = tuple(r.uniform(-3.0, 3.0) for _ in range(3))
        plain = oriented(Draft(cell_given=True, cell_lengths=[40.0, 50.0, 60.0]), None)
        turned = assert_same(p, misset)
        expected = [naive.rotate(naive.rotate_umat(plain.direct[i:i + 3], turn), *misset) for i in (0, 3, 6)]
        for x, y in zip(turned.direct, sum(expected, ())):
            # rotations in single precision at their source are off by some 1e-7 from a rotation, so the
            # vectors, made from cross products of the turned reciprocal ones, are as well: this is about the
            # order, which matters by 1
            assert abs(x - y) <= 60e-10 * 1e-5


def test_misset_of_zero_is_no_rotation():
    p = Draft(cell_given=True, cell_lengths=[40.0, 50.0, 60.0], cell_angles=[1.5, 1.6, 1.7])
    assert bits(assert_same(p, (0.0, 0.0, 0.0)).direct) == bits(assert_same(p, None).direct)


@pytest.mark.parametrize("matrix", [(0.0,) * 9, (1.0, 2.0, 3.0) * 3,
                                    (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, math.inf)])
def test_refuses_a_matrix_without_volume(matrix):
    with pytest.raises(ValueError, match="span no volume"):
        oriented(Draft(matrix=matrix), None)


def test_refuses_neither_cell_nor_matrix():
    with pytest.raises(ValueError, match="no crystal"):
        oriented(Draft(), None)


def test_direct_and_reciprocal_vectors_are_inverse():
    """a . a* = 1 and a . b* = 0, for a matrix, which nothing rescales."""
    r = random.Random(4)
    for _ in range(100):
        matrix = tuple(r.uniform(-0.02, 0.02) + 0.05 * (i % 4 == 0) for i in range(9))
        found = oriented(Draft(matrix=matrix), None)
        for i in range(3):
            for j in range(3):
                product = naive.dot(found.direct[3 * i:3 * i + 3], found.reciprocal[3 * j:3 * j + 3]) * 1e10
                # the cross products of cross products: 10u of sums of products of lengths up to 0.11 and 40,
                # whose volumes differ by a condition of at most 10
                assert abs(product - (i == j)) <= 10 * 10 * 5 * U
