"""Squared lattice factors of the lanes against the strict ones, where each is worst: bounds one by one.

`test_certificate` has whole scenes.
"""

from fractions import Fraction
import math
import random

from formula_tools import INTERPRETED, U, prepared_example
import mpmath
import numba
import numpy as np
import pytest

from numbragg.kernels.arithmetic import elementary, fused
from numbragg.kernels.evaluate import certificate
from numbragg.kernels.physics import lattice
from numbragg.kernels.physics.records import EXACT, GAUSS, GAUSS_HKL, ROUND, SQUARE, TOPHAT, TOPHAT_HKL
from numbragg.kernels.physics.shapes import SHAPE_OF, lane_factor, lattice_factor
from numbragg.kernels.physics.shapes.gauss import GAUSS_WIDTH, gauss_exponent, gauss_lane
from numbragg.kernels.physics.shapes.round import sphere_lane
from numbragg.kernels.physics.shapes.square import grating_lane
from numbragg.kernels.physics.shapes.tophat import tophat_lane

slow_if_interpreted = pytest.mark.skipif(INTERPRETED, reason="millions of steps are for compiled kernels")

#: The record of a crystal, to be changed.
RECORD = prepared_example().scene.crystal

gauss_in_cells, tophat_in_cells = (lane_factor(shape, EXACT, False) for shape in (GAUSS_HKL, TOPHAT_HKL))

#: Of the parallelepiped, with the shorter reduction and with the longer one.
short_grating, long_grating = grating_lane(True), grating_lane(False)


@numba.njit(error_model="numpy")
def _both_factors(crystal, hkl, about, out):
    for i in range(hkl.shape[0]):
        index = (hkl[i, 0], hkl[i, 1], hkl[i, 2])
        nearest = (lattice.round_half_down(index[0]), lattice.round_half_down(index[1]),
                   lattice.round_half_down(index[2]))
        out[i, 0] = lattice_factor(crystal, index, nearest)
        out[i, 2] = 0.0
        if crystal.shape == SQUARE:
            found = short_grating(crystal, index, nearest) if about else long_grating(crystal, index, nearest)
            out[i, 1] = found[0]
        elif crystal.shape == ROUND:
            out[i, 1], out[i, 2] = sphere_lane(crystal, index, nearest)
        elif crystal.shape == GAUSS_HKL:
            out[i, 1], out[i, 2] = gauss_in_cells(crystal, index, nearest)
        elif crystal.shape == TOPHAT_HKL:
            out[i, 1], out[i, 2] = tophat_in_cells(crystal, index, nearest)
        elif crystal.shape == GAUSS:
            out[i, 1] = gauss_lane(crystal, gauss_exponent(crystal, index, nearest))
        else:
            out[i, 1] = tophat_lane(crystal, index, nearest)


def factors(shape, n_cells, hkl, about=True, fudge=1.0):
    """Strict lattice factors squared (long doubles), the lanes' squares, and their spreads."""
    crystal = RECORD._replace(shape=shape, n_cells=tuple(map(float, n_cells)), fudge=fudge)
    hkl = np.ascontiguousarray(np.broadcast_to(hkl, (len(hkl), 3)), dtype=np.float64)
    out = np.empty((len(hkl), 3))
    _both_factors(crystal, hkl, about, out)
    return out[:, 0].astype(np.longdouble) ** 2, out[:, 1], out[:, 2]


def hard_indices(limit, count, seed=0):
    """Whole and half-whole indices, their neighbours, and others of every distance from them."""
    rng = np.random.default_rng(seed)
    whole = np.minimum(np.rint(np.exp(rng.uniform(0.0, math.log(limit), count))), math.floor(limit))
    kinds = [whole, np.nextafter(whole, 0.0), np.nextafter(whole, np.inf), whole - 0.5,
             np.nextafter(whole - 0.5, 0.0), np.nextafter(whole - 0.5, np.inf),
             whole * (1.0 + rng.integers(-50, 50, count) * 2.0 ** -52), rng.uniform(0.0, limit, count),
             whole + 0.5 * np.exp(rng.uniform(-40.0, 0.0, count))]
    sizes = np.choose(rng.integers(0, len(kinds), count), kinds)
    return np.minimum(sizes, limit) * rng.choice([1.0, -1.0], count)


@slow_if_interpreted
@pytest.mark.parametrize("about, limit", [(True, 14477.0), (False, 3.18e7)])
def test_gratings_at_the_hardest_indices(about, limit):
    largest = 0.0
    for n in (1, 2, 3, 5, 7, 29, 100, 499, 5000, 14000):
        hkl = np.stack([hard_indices((limit - 1.0) / n, 20_000, seed) for seed in (n, n + 1, n + 2)], axis=1)
        strict, lane, _ = factors(SQUARE, (n, max(1, n // 2), max(1, n // 3)), hkl, about)
        assert np.isfinite(lane).all()
        largest = max(largest, float((np.abs(lane - strict) / strict).max()))
    assert 0.5 < largest / (SHAPE_OF[SQUARE].error(about) * U) <= 1.0


def test_gratings_of_whole_indices():
    """h = 29 is where a short reduction is worst, 14479 the first that is worse: N squared all the same."""
    for h, n in ((29, 5), (29, 499), (58, 7), (14478, 1), (14479, 5), (29 * 499, 3)):
        about = abs(h) * n <= elementary.SINE_ABOUT_LARGEST
        strict, lane, _ = factors(SQUARE, (n, 1, 1), [[h, 0.3, 0.4], [-h, 0.3, 0.4]], about)
        with mpmath.workdps(60):
            x = mpmath.mpf(math.pi * h)
            exact = (mpmath.sin(mpmath.mpf(math.pi * h * n)) / mpmath.sin(x)) ** 2
            # each of the two with half of what both together may be off, and a little
            for value in (*lane.tolist(), *map(float, strict)):
                assert abs(value - exact) <= (12.0 * elementary.SINE_CUBICS_BOUND + 50.0) * U * exact


@slow_if_interpreted
def test_sphere_where_its_transform_vanishes_or_is_small():
    zeros = (np.arange(1, 2000) + 0.5) * math.pi
    for _ in range(60):
        zeros -= (np.sin(zeros) - zeros * np.cos(zeros)) / (zeros * np.sin(zeros))
    near = np.concatenate([zeros * (1.0 + j * 2.0 ** -51) for j in range(-8, 9)])
    least = math.log(elementary.SPHERE_SMALLEST * 1.0001)
    small = np.exp(np.random.default_rng(1).uniform(least, 2.0, 50_000))
    h = np.concatenate([near, small]) / math.pi / 15000.0
    strict, lane, spread = factors(ROUND, (15000,) * 3, np.stack([h, 0.0 * h, 0.0 * h], axis=1))
    bound = certificate.SPHERE_MARGIN * elementary.SPHERE_DIFFERENCE_BOUND * U
    ratio = np.abs(lane - strict) / (SHAPE_OF[ROUND].error(True) * U * lane + bound * spread)
    assert 0.01 < ratio.max() <= 1.0
    # too small: for the strict evaluator
    tiny = np.array([0.999, 1e-3, 1e-60, 1e-140, 1e-300, 0.0])
    tiny *= elementary.SPHERE_SMALLEST / math.pi / 15000.0
    assert np.isnan(factors(ROUND, (15000,) * 3, np.stack([tiny, 0.0 * tiny, 0.0 * tiny], axis=1))[1]).all()


@slow_if_interpreted
@pytest.mark.parametrize("shape, width", [(GAUSS, 60.0), (GAUSS_HKL, 4.0)])
def test_gaussian_of_every_size(shape, width):
    hkl = np.stack([hard_indices(1e4, 60_000, seed) for seed in range(3)], axis=1)
    largest = 0.0
    for fudge in np.exp(np.random.default_rng(2).uniform(-3.0, 25.0, 12)).tolist():
        strict, lane, _ = factors(shape, (3, 4, 5), hkl, fudge=fudge / width ** 2)
        large = strict > 1e-300
        largest = max(largest, float((np.abs(lane - strict)[large] / strict[large]).max()))
        assert (lane[~large] < 1e-299).all()
    assert 0.5 < largest / (SHAPE_OF[shape].error(True) * U) <= 1.0


@pytest.mark.parametrize("shape", [TOPHAT, TOPHAT_HKL])
def test_top_hat_is_the_same(shape):
    hkl = np.stack([hard_indices(100, 20_000, seed) for seed in range(3)], axis=1)
    strict, lane, _ = factors(shape, (7, 5, 3), hkl)
    assert 0 < np.count_nonzero(strict) < len(strict)
    assert (lane == strict).all()


@pytest.mark.parametrize("divisor", [GAUSS_WIDTH, 6.0])
def test_divisions_by_a_constant_are_correctly_rounded(divisor):
    """Markstein's theorem wants a rounded reciprocal and a first quotient within one ulp."""
    reciprocal = 1.0 / divisor
    error = abs(Fraction(reciprocal) * Fraction(divisor) - 1)
    # times a quotient below 2, and half an ulp for its rounding: below one ulp
    assert error <= Fraction(U) / 2
    for other in (math.nextafter(reciprocal, 0.0), math.nextafter(reciprocal, 1.0)):
        assert abs(Fraction(other) * Fraction(divisor) - 1) > error
    rng = random.Random(3)
    hard = []
    for _ in range(1500):
        # numerators next to divisor times the middle between two doubles
        middle = Fraction(2 * rng.randrange(2 ** 52, 2 ** 53) + 1, 2 ** rng.randrange(20, 80))
        x = float(middle * Fraction(divisor))
        hard += [x, math.nextafter(x, 0.0), math.nextafter(x, math.inf)]
    hard += [rng.uniform(1.0, 2.0) * 2.0 ** rng.randint(-900, 900) for _ in range(1500)]
    for x in hard:
        assert fused.divided(x, divisor, reciprocal) == x / divisor
