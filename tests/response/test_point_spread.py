"""Point spread: the weights against integrals, what is lost at edges, transforms against the direct sum."""

from dataclasses import replace
import math

import numpy as np
import pytest

import numbragg as nb
from numbragg.kernels.detector.point_spread import arctangent, error_function
from numbragg.response import PointSpread


def density(kind, x, y, fwhm):
    if kind == "fibre":
        g = 0.652383013252053 * fwhm
        return g / (2 * math.pi) * (g * g + x * x + y * y) ** -1.5
    c = 4 * math.log(2) / fwhm ** 2
    return c / math.pi * np.exp(-c * (x * x + y * y))


def integral(kind, across, along):
    """Of the density over a rectangle, by Gauss's rule."""
    nodes, shares = np.polynomial.legendre.leggauss(60)
    (x, u), (y, v) = ((0.5 * (low + high) + 0.5 * (high - low) * nodes, 0.5 * (high - low) * shares)
                      for low, high in (across, along))
    return float(v @ density(kind, x[None, :], y[:, None], 130.0) @ u)


@pytest.mark.parametrize("x", [0.0, 1e-9, 0.1, 0.7, 1.0, 3.0, 50.0, 1e8])
def test_functions(x):
    for sign in (1.0, -1.0):
        assert arctangent(sign * x) == pytest.approx(math.atan(sign * x), abs=4e-16)
        assert error_function(sign * x) == pytest.approx(math.erf(sign * x), abs=2e-15)


@pytest.mark.parametrize("kind", ["fibre", "gaussian"])
@pytest.mark.parametrize("pixel", [(0.1, 0.1), (0.05, 0.172)])
def test_weights_are_integrals_over_pixels(kind, pixel):
    spread = PointSpread(kind=kind, fwhm_um=130.0, accuracy=0.05 if kind == "fibre" else 1e-4)
    weights = spread.weights(pixel)
    rows, columns = (size // 2 for size in weights.shape)
    assert weights.sum() == pytest.approx(1.0, abs=1e-13) and (weights == weights[::-1, ::-1]).all()
    fast, slow = (1e3 * edge for edge in pixel)
    inside = weights[rows, columns] / integral(kind, (-fast / 2, fast / 2), (-slow / 2, slow / 2))
    # what is beyond the reach was made up for, by as much as was allowed
    assert 1.0 <= inside <= 1.0 / (1.0 - (0.06 if kind == "fibre" else 1e-3))
    for i, j in ((0, 1), (1, 0), (1, 1)):
        expected = integral(kind, ((j - 0.5) * fast, (j + 0.5) * fast), ((i - 0.5) * slow, (i + 0.5) * slow))
        assert weights[rows + i, columns + j] == pytest.approx(inside * expected, rel=1e-9)


def test_half_of_the_maximum_is_at_half_of_the_width():
    for kind in ("fibre", "gaussian"):
        assert float(density(kind, 40.0, 0.0, 80.0) / density(kind, 0.0, 0.0, 80.0)) == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("kind, fwhm, accuracy", [("fibre", 40.0, 0.01), ("gaussian", 300.0, 1e-3)])
@pytest.mark.parametrize("shape", [(150, 260), (600, 300), (7, 5)])
def test_transforms_are_the_direct_sum(kind, fwhm, accuracy, shape):
    means = np.random.default_rng(1).gamma(0.5, 300.0, shape)
    fft = nb.Response(point_spread=PointSpread(kind=kind, fwhm_um=fwhm, accuracy=accuracy), gain_adu_per_photon=1000.0)
    direct = replace(fft, point_spread=replace(fft.point_spread, method="direct"))
    one, other = (each.apply(means, seed=2, pixel_mm=0.1).astype(np.int64) for each in (fft, direct))
    # up to roundings that a last bit turns
    assert np.abs(one - other).max() <= 1 and (one != other).mean() < 1e-4


@pytest.mark.parametrize("method", ["fft", "direct"])
def test_light_that_leaves_the_panel_is_lost(method):
    spread = PointSpread(kind="fibre", fwhm_um=100.0, method=method)
    weights = spread.weights((0.1, 0.1))
    reach = weights.shape[0] // 2
    response = nb.Response(counting=False, point_spread=spread, gain_adu_per_photon=1e6)
    image = np.zeros((300, 290))
    image[2, 289] = 100.0
    counts = response.apply(image, seed=1, pixel_mm=0.1) / 1e8
    expected = np.zeros(image.shape)
    expected[:2 + reach + 1, 289 - reach:] = weights[reach - 2:, :reach + 1]
    assert counts == pytest.approx(expected, abs=6e-9)
    assert 0.5 < counts.sum() < 0.75
    image[:] = 0.0
    image[150, 145] = 100.0
    assert response.apply(image, seed=1, pixel_mm=0.1).sum() == pytest.approx(1e8, rel=1e-4)


def test_a_sharp_detector_has_one_weight_that_counts():
    weights = PointSpread(kind="gaussian", fwhm_um=1.0).weights((0.1, 0.1))
    assert weights[weights.shape[0] // 2, weights.shape[1] // 2] == 1.0
