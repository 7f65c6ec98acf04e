"""The polarisation factor: compiled and interpreted, the oracle's bits; its limits and its error."""

import math
import random

from formula_tools import INTERPRETED, U, bits, vector
from hypothesis import given, settings
from hypothesis import strategies as st
import naive
import pytest

from numbragg.kernels.arithmetic.vectors import unit
from numbragg.kernels.physics.polarisation import polarisation_factor

QUIET = settings(derandomize=True, deadline=None, max_examples=200)
VERSIONS = (polarisation_factor,) if INTERPRETED else (polarisation_factor, polarisation_factor.py_func)
FRACTIONS = (0.0, -0.0, 1.0, -1.0, 0.5, 0.95, -1.5, 3.0)


def both(fraction, s0, s1, axis):
    """(ours, compiled and interpreted; the oracle's), of vectors that are made unit vectors on the way."""
    units = [unit(v)[0] for v in (s0, s1, axis)]
    return ([bits(version(fraction, *units)) for version in VERSIONS],
            bits(naive.polarisation_factor(fraction, s0, s1, axis)[0]))


def assert_same(*arguments):
    found, expected = both(*arguments)
    assert found == [expected] * len(VERSIONS), arguments


def test_random_vectors():
    r = random.Random(1)
    for _ in range(1500):
        assert_same(r.choice((*FRACTIONS, r.uniform(-1.0, 1.0))), vector(r), vector(r), vector(r))


@QUIET
@given(st.floats(-2.0, 2.0), *[st.tuples(*[st.floats(-1e30, 1e30)] * 3)] * 3)
def test_any_vectors(fraction, s0, s1, axis):
    assert_same(fraction, s0, s1, axis)


@pytest.mark.parametrize("fraction", FRACTIONS)
def test_singular_directions(fraction):
    """Forward, backward, along the axis, axis along the beam, no axis, signs of zero."""
    directions = [(1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (-0.0, -1.0, -0.0), (0.0, 0.0, 0.0),
                  (1.0, 1e-200, 0.0), (1.0, 1e-9, -1e-9)]
    for s0 in directions:
        for s1 in directions:
            for axis in directions:
                assert_same(fraction, s0, s1, axis)


@pytest.mark.skipif(INTERPRETED, reason="Python raises where the processor goes on")
def test_no_numbers():
    nan = (math.nan, 0.0, 1.0)
    for arguments in ((0.5, nan, (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
                      (0.5, (1.0, 0.0, 0.0), nan, (0.0, 0.0, 1.0)),
                      (0.5, (1.0, 0.0, 0.0), (1.0, 0.0, 0.0), nan),
                      (math.nan, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
                      (math.inf, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))):
        found, expected = both(*arguments)
        assert found[0] == expected, arguments


def test_known_values():
    beam, axis = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
    for version in VERSIONS:
        assert version(0.0, beam, beam, axis) == 1.0
        assert version(0.0, beam, (0.0, 1.0, 0.0), axis) == 0.5
        assert version(1.0, beam, axis, axis) == 0.0  # nothing along the electric field
        assert version(1.0, beam, (0.0, 1.0, 0.0), axis) == 1.0  # everything across it


def test_without_polarisation_the_factor_needs_no_axis():
    """fraction = 0: (1 + cos**2)/2 to 2 ulp, whatever the axis."""
    r = random.Random(2)
    for _ in range(200):
        s0, s1, axis = (unit(vector(r))[0] for _ in range(3))
        value = polarisation_factor(0.0, s0, s1, axis)
        c = naive.dot(s0, s1)
        # c*c within u, then 1 + cos**2 within u; what is taken away is 0*(1 - cos**2), exactly 0: 2 u of at
        # most 1
        assert abs(value - math.fsum((1.0, c * c)) / 2) <= 2 * U
        assert value == polarisation_factor(0.0, s0, s1, (0.0, 0.0, 0.0))


def test_error():
    r = random.Random(3)
    worst = 0.0
    for _ in range(400):
        fraction = r.uniform(-1.0, 1.0)
        s0, s1, axis = (unit(vector(r))[0] for _ in range(3))
        true = naive.extended("polarisation", fraction, s0, s1, axis)
        sin_axis, sin_two_theta = (naive.magnitude(naive.cross(v, s0)) for v in (axis, s1))
        # all three are unit vectors to 4u, which the truth divides out: 8u in cos, 16u in cos**2, halved. The
        # angle psi: b is a cross product (5u absolute) over sin_axis, made unit (4u); so is e; each dot
        # product 3u more; the angle is off by 16u over the two sines, its doubled cosine by twice that times
        # sin**2, halved; last sums 4u
        bound = (8 + 16 / (sin_axis * sin_two_theta) * sin_two_theta ** 2 + 8) * U
        worst = max(worst, float(abs(polarisation_factor(fraction, s0, s1, axis) - true) / bound))
    assert 0.01 < worst <= 1
