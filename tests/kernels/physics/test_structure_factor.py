"""Structure factors from a table: compiled and interpreted, the oracle's bits, at every edge."""

import itertools
import math
import random

from formula_tools import INTERPRETED, U, bits
from hypothesis import given, settings
from hypothesis import strategies as st
import mpmath
import naive
import numpy as np
import pytest

from numbragg.kernels.physics import records
from numbragg.kernels.physics import structure_factor as ours

QUIET = settings(derandomize=True, deadline=None, max_examples=300)
LOW, HIGH = (-3, 4, -20), (4, 12, -12)


def versions(kernel):
    """A kernel compiled, and its body as plain Python."""
    return (kernel,) if INTERPRETED else (kernel, kernel.py_func)


def padded_table():
    """Amplitudes of both signs; the padding holds numbers that would be noticed."""
    r = random.Random(1)
    shape = tuple(high - low + 2 for low, high in zip(LOW, HIGH))
    table = np.array([r.gauss(0.0, 1.0) * 10.0 ** r.randint(-3, 3)
                      for _ in range(math.prod(shape))]).reshape(shape)
    table[-1], table[:, -1], table[:, :, -1] = 1e30, 1e31, 1e32
    return table


TABLE = padded_table()
ROWS = TABLE.tolist()
LOOKUP = records.Lookup(table=TABLE, minimum=LOW, maximum=HIGH, filled=True, default=7.5)
EMPTY = records.Lookup(table=np.zeros((1, 1, 1)), minimum=(0, 0, 0), maximum=(-1, -1, -1), filled=False,
                      default=-2.5)


# -- nearest entry


@pytest.mark.parametrize("version", versions(ours.nearest_f))
def test_nearest_entry_inside_and_around_the_table(version):
    ranges = [range(low - 2, high + 3) for low, high in zip(LOW, HIGH)]
    for near in itertools.product(*ranges):
        expected = naive.nearest_f(*near, ROWS, LOW, HIGH, 7.5)
        assert version(LOOKUP, tuple(map(float, near))) == expected
        assert version(EMPTY, tuple(map(float, near))) == -2.5
    assert version(LOOKUP, (-3.0, 4.0, -20.0)) == TABLE[0, 0, 0]
    assert version(LOOKUP, (4.0, 12.0, -12.0)) == TABLE[-2, -2, -2]


@pytest.mark.parametrize("version", versions(ours.nearest_f))
def test_nearest_entry_far_away(version):
    """Numbers that no table reaches, the value for what an int cannot hold among them, on any axis."""
    for far in (-2.0 ** 31, 2.0 ** 31 - 1, 2.0 ** 31, 1e6, -1e6):
        for axis in range(3):
            near = [0.0, 5.0, -15.0]
            near[axis] = far
            assert version(LOOKUP, tuple(near)) == 7.5
            assert naive.nearest_f(*map(int, near), ROWS, LOW, HIGH, 7.5) == 7.5
    assert version(LOOKUP, (-0.0, 5.0, -15.0)) == TABLE[3, 1, 5]


# -- margin


@pytest.mark.parametrize("version", versions(ours.within_margin))
def test_margin_at_its_limits(version):
    """The limits are min + 2 and max - 2, both inside, on each axis; checked at their neighbours too."""
    middle = (0.5, 8.0, -16.0)
    for axis, (low, high) in enumerate(zip(LOW, HIGH)):
        for limit, inward in ((low + 2.0, math.inf), (high - 2.0, -math.inf)):
            for x, inside in ((limit, True), (math.nextafter(limit, inward), True),
                              (limit - math.copysign(1e-9, inward), False),
                              (limit - math.copysign(1.0, inward), False)):
                hkl = list(middle)
                hkl[axis] = x
                assert naive.interpolable(*hkl, LOW, HIGH) is inside, (axis, x)
                assert bool(version(LOOKUP, tuple(hkl))) is inside, (axis, x)
            # the neighbour outside may round onto the limit, as in the C program; only equality counts
            hkl[axis] = math.nextafter(limit, -inward)
            assert bool(version(LOOKUP, tuple(hkl))) is naive.interpolable(*hkl, LOW, HIGH)


def test_margin_of_small_tables_and_of_what_is_not_finite():
    for size in range(1, 7):
        high = tuple(low + size - 1 for low in LOW)
        lookup = LOOKUP._replace(maximum=high)
        for x in np.arange(-1.0, 8.0, 0.25).tolist():
            hkl = tuple(low + x for low in LOW)
            for version in versions(ours.within_margin):
                assert bool(version(lookup, hkl)) is naive.interpolable(*hkl, LOW, high)
    for bad in (math.inf, -math.inf, math.nan, 1e300):
        for axis in range(3):
            hkl = [0.5, 8.0, -16.0]
            hkl[axis] = bad
            assert bool(ours.within_margin(LOOKUP, tuple(hkl))) is naive.interpolable(*hkl, LOW, HIGH)


@QUIET
@given(st.tuples(*[st.floats(low - 1.0, high + 1.0) for low, high in zip(LOW, HIGH)]))
def test_margin_and_interpolation_anywhere(hkl):
    inside = naive.interpolable(*hkl, LOW, HIGH)
    assert bool(ours.within_margin(LOOKUP, hkl)) is inside
    if inside:
        expected = bits(naive.interpolated_f(*hkl, ROWS, LOW))
        assert all(bits(version(LOOKUP, hkl)) == expected for version in versions(ours.interpolated_f))


# -- polynomial


def cubics(x, values):
    """The polynomial at x through values at the whole numbers about it: every form that we have."""
    forms = zip(versions(ours.cubic_weights) * 2, (*versions(ours.cubic), *versions(ours.cubic_lane)))
    return [form(weights(x), *values) for weights, form in forms]


def test_cubic():
    r = random.Random(2)
    for _ in range(1000):
        x = r.choice((-1, 0, 3, -200, 10 ** 6, r.randint(-5000, 5000)))
        x += r.choice((0.0, 0.5, r.random(), r.random()))
        values = [r.choice((0.0, r.gauss(0.0, 10.0 ** r.randint(-30, 30)))) for _ in range(4)]
        expected = naive.polynomial(x, [math.floor(x) + n for n in (-1.0, 0.0, 1.0, 2.0)], values)
        # -0.0 and 0.0 are one amplitude: the lanes' form makes some zeros of the other sign
        assert cubics(x, values) == [expected] * len(cubics(x, values)), (x, values)
        assert bits(cubics(x, values)[0]) == bits(expected)


def test_cubic_goes_through_its_points():
    for x in (-3.0, 0.0, 7.0):
        for n in range(4):
            values = [0.0] * 4
            values[n] = 3.25
            # at the second of the four points: three terms are 0, the other 2*y/2
            assert cubics(x, values) == [3.25 if n == 1 else 0.0] * len(cubics(x, values))


@pytest.mark.parametrize("version", versions(ours.interpolated_f))
def test_interpolated_f(version):
    r = random.Random(3)
    for _ in range(400):
        hkl = tuple(r.choice((r.uniform(low + 2, high - 2), float(r.randint(low + 2, high - 2))))
                    for low, high in zip(LOW, HIGH))
        assert bits(version(LOOKUP, hkl)) == bits(naive.interpolated_f(*hkl, ROWS, LOW)), hkl
        edge = tuple(float(r.choice((low + 2, high - 2))) for low, high in zip(LOW, HIGH))
        assert bits(version(LOOKUP, edge)) == bits(naive.interpolated_f(*edge, ROWS, LOW)), edge


def test_interpolated_f_of_indices_that_are_no_numbers():
    """The C program reads memory that is not its own; here the result says that there is none."""
    for hkl in ((math.nan, 8.0, -16.0), (0.5, math.nan, -16.0), (0.5, 8.0, math.nan), (math.inf, 8.0, -16.0),
                (0.5, 8.0, -1e300), (0.5, 2.0 ** 70, -16.0)):
        assert math.isnan(ours.interpolated_f(LOOKUP, hkl))


def test_error_of_interpolation():
    r = random.Random(4)
    worst = 0.0

    def true_cubic(x, nodes, values):
        x = mpmath.mpf(x)
        return mpmath.fsum(y * mpmath.fprod((x - n) / mpmath.mpf(m - n) for n in nodes if n != m)
                           for m, y in zip(nodes, values))

    for _ in range(60):
        hkl = tuple(r.uniform(low + 2, high - 2) for low, high in zip(LOW, HIGH))
        nodes = [[math.floor(x) + n for n in (-1, 0, 1, 2)] for x in hkl]
        values = [[[ROWS[h - LOW[0]][k - LOW[1]][m - LOW[2]] for m in nodes[2]] for k in nodes[1]]
                  for h in nodes[0]]
        with mpmath.workdps(50):
            true = true_cubic(hkl[0], nodes[0], [true_cubic(hkl[1], nodes[1], [
                true_cubic(hkl[2], nodes[2], row) for row in plane]) for plane in values])
        largest = max(abs(v) for plane in values for row in plane for v in row)
        # one cubic: the four terms have sizes of at most 1.25 M in all (Lebesgue's constant of four nodes);
        # each is off by 3u of its differences, 3 products, a quotient, 7u, and 3 sums follow: 10u x 1.25 M.
        # Each of the three levels adds this, and carries values and errors on up to 1.25 times larger:
        # 3 x 10u x 1.25^3 M
        bound = 3 * 10 * U * 1.25 ** 3 * largest
        worst = max(worst, float(abs(ours.interpolated_f(LOOKUP, hkl) - true) / bound))
    assert 0.001 < worst <= 1


# -- the table of the lanes


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("extents", [(1, 1, 1), (1, 5, 2), (6, 3, 4), (7, 9, 30)])
def test_squares_have_a_border_of_squared_defaults(extents, kind):
    r = np.random.default_rng(5)
    table = r.normal(size=[n + 1 for n in extents])
    table[-1], table[:, -1], table[:, :, -1] = 1e30, 1e31, 1e32
    table[0, 0, 0] = np.nan
    low = (-3, 0, 7)
    lookup = records.Lookup(table=table, minimum=low, maximum=tuple(a + n - 1 for a, n in zip(low, extents)),
                           filled=True, default=-1.5)
    grid = ours.squared_grid(lookup, kind)
    wanted = np.pad(table[:-1, :-1, :-1], 1, constant_values=-1.5) ** 2
    assert grid.squares.dtype == kind
    assert np.array_equal(grid.squares.reshape(wanted.shape), wanted.astype(kind), equal_nan=True)
    assert grid.low == tuple(a - 1.0 for a in low) and grid.high == tuple(float(a + n) for a, n in zip(low, extents))
    assert (grid.stride_h, grid.stride_k) == (wanted[0].size, wanted.shape[2])
