"""Where the numbers in kernels/arithmetic/elementary.py come from: coefficients, constants and claimed bounds."""

import math

import bounds
import generate
import mpmath
import pytest

from numbragg.kernels.arithmetic import elementary

COEFFICIENTS = ("SINE", "SINE_CUBICS", "COSINE", "EXP", "EXP_SQUARED_COARSE")


@pytest.fixture(scope="module")
def generated():
    return generate.constants()


def differing(generated):
    """Names of the kernel's constants that are not what the generator makes."""
    return [name for name, value in generated.items() if getattr(elementary, name) != value]


def test_every_constant_is_what_the_generator_makes(generated):
    assert set(COEFFICIENTS) < set(generated)
    assert differing(generated) == []


@pytest.mark.parametrize("name", COEFFICIENTS)
def test_a_change_in_the_twelfth_digit_is_noticed(name, generated, monkeypatch):
    original = getattr(elementary, name)
    for i, coefficient in enumerate(original):
        monkeypatch.setattr(elementary, name, original[:i] + (coefficient * (1 + 1e-12),) + original[i + 1:])
        assert differing(generated) == [name]


def test_parts_of_pi_and_of_the_logarithm():
    with mpmath.workdps(80):
        assert abs(mpmath.fsum(elementary.PI_PARTS) - mpmath.pi) < mpmath.mpf(2) ** -160
        assert abs(mpmath.fsum(elementary.LOG_2_PARTS) - mpmath.log(2)) < mpmath.mpf(2) ** -106


DERIVED = {
    "SINE_BOUND": bounds.sine_bound,
    "SINE_CUBICS_BOUND": bounds.sine_cubics_bound,
    "SINE_CUBICS_ABOUT_BOUND": bounds.sine_cubics_about_bound,
    "COSINE_BOUND": bounds.cosine_bound,
    "SPHERE_DIFFERENCE_BOUND": bounds.sphere_bound,
    "EXP_BOUND": bounds.exp_bound,
    "EXP_SQUARED_BOUND": bounds.exp_squared_bound,
}


def test_every_claimed_bound_is_derived():
    claimed = {name for name in elementary.__all__ if name.endswith("_BOUND")}
    assert set(DERIVED) == claimed == set(bounds.table())


@pytest.mark.parametrize("name", DERIVED)
def test_claimed_bound_is_the_derived_one_rounded_up(name):
    derived = DERIVED[name]()
    assert 0.95 * getattr(elementary, name) <= derived <= getattr(elementary, name)


@pytest.mark.parametrize("name, coefficients, changed", [
    # the coefficients of a full-precision polynomial that its bound can tell from a neighbour in the
    # twelfth digit; that of r**17 moves the sine by 2e-24
    ("SINE_BOUND", "SINE", (0, 1, 2)),
    ("SINE_CUBICS_BOUND", "SINE_CUBICS", (1, 2, 4, 5)),
    ("COSINE_BOUND", "COSINE", (0, 1, 2, 3)),
    ("EXP_BOUND", "EXP", (0, 1, 2, 3, 4)),
    ("EXP_SQUARED_BOUND", "EXP_SQUARED_COARSE", (0,)),
])
def test_derivation_notices_a_changed_coefficient(name, coefficients, changed, monkeypatch):
    original = getattr(elementary, coefficients)
    for i in changed:
        for factor in (1 + 1e-12, 1 - 1e-12):
            monkeypatch.setattr(elementary, coefficients,
                                original[:i] + (original[i] * factor,) + original[i + 1:])
            assert DERIVED[name]() > getattr(elementary, name), (i, factor)


def test_derivation_counts_roundings(monkeypatch):
    """A product and a sum in place of one fused operation cost something."""
    where = bounds.pieces(bounds.TINY, 1.5)
    fused = bounds.fma
    before = bounds.evaluation_error(elementary.sine_polynomial, *where)
    monkeypatch.setattr(bounds, "fma", lambda a, b, c: fused(fused(a, b, 0.0), 1.0, c))
    after = bounds.evaluation_error(elementary.sine_polynomial, *where)
    assert (after >= before).all() and (after > 1.2 * before).any()


def test_smallest_distance_from_a_multiple_of_pi():
    # 29 pi is nearer to a double than any other multiple of pi in the domain
    smallest = bounds.smallest_distance(elementary.SINE_LARGEST)
    assert smallest == pytest.approx(1.2379612731767154e-18, rel=1e-12)
    assert bounds.third_part()[0] < 2**26
    # the sum of what the proof of the first multiply-add needs: a remainder below 2 before the second part
    assert math.pi / 2 + 2**-24 + 2**26 * elementary.PI_PARTS[1] < 2
