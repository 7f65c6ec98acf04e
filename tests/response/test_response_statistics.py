"""Statistics of a response: mean and variance of each stage as in theory, and no correlation between stages."""

from dataclasses import replace

import numpy as np
import pytest

import numbragg as nb
from numbragg.response import Calibration, PointSpread

SHAPE = (400, 500)


def flat(mean):
    return np.full(SHAPE, mean)


def moments(counts):
    """Mean and variance with their standard errors, of pixels near enough to normal."""
    x = counts.astype(np.float64).ravel()
    variance = x.var()
    fourth = ((x - x.mean()) ** 4).mean()
    return (x.mean(), np.sqrt(variance / x.size)), (variance, np.sqrt((fourth - variance ** 2) / x.size))


@pytest.mark.parametrize("mean", [0.03, 1.0, 37.0, 5e3])
@pytest.mark.parametrize("response, variance", [
    (nb.Response(), lambda m: m),
    (nb.Response(gain_adu_per_photon=8.0), lambda m: 64 * m),
    # a rounded normal deviate has a twelfth more
    (nb.Response(readout_adu=3.0, offset_adu=100.0), lambda m: m + 9 + 1 / 12),
    (nb.Response(gain_adu_per_photon=2.5, readout_adu=7.0, offset_adu=100.0, calibration=Calibration(fraction=0.03)),
     lambda m: 6.25 * (m + 0.03 ** 2 * (m + m * m)) + 49 + 1 / 12),
], ids=["counting", "gain", "read-out", "all"])
def test_mean_and_variance(response, variance, mean):
    (found, error), (spread, of_spread) = moments(response.apply(flat(mean), seed=11))
    expected = mean * response.gain_adu_per_photon + response.offset_adu
    assert abs(found - expected) < 5 * error
    assert abs(spread - variance(mean)) < 5 * of_spread + 1e-3 * variance(mean)


def test_gains_that_switch():
    """Behind each gain the variance is that of counting, of its noise and of roundings."""
    stages = nb.response.JUNGFRAU.gain_stages
    for stage, mean in enumerate((5.0, 300.0, 4000.0)):
        (found, error), (spread, of_spread) = moments(nb.response.JUNGFRAU.apply(flat(mean), seed=2)[:, :1000])
        step = 1.0 / stages.gains_adu_per_photon[stage]
        rounding = step ** 2 / 12 + (1 / 12 if stage else 0.0)
        assert abs(found - mean) < 5 * error + 0.01
        assert abs(spread - mean - stages.noises_photons[stage] ** 2 - rounding) < 5 * of_spread + 0.02 * rounding


def test_stages_are_independent():
    """What one stage draws tells nothing of another, and leaving it out changes nothing in the others."""
    both = nb.Response(gain_adu_per_photon=4.0, readout_adu=6.0, offset_adu=1000.0)
    means = flat(20.0)
    photons = replace(both, readout_adu=0.0).apply(means, seed=3)
    noise = both.apply(means, seed=3) - photons
    alone = replace(both, counting=False, gain_adu_per_photon=1.0).apply(flat(0.0), seed=3) - 1000
    assert (noise == alone).all()
    for other in (photons, np.roll(photons, 1, 0), np.roll(photons, 1, 1)):
        assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 5 / np.sqrt(noise.size)
    detector = replace(both, readout_adu=0.0, counting=False, calibration=Calibration(fraction=0.2, detector_seed=3))
    for other in (noise, photons):
        assert abs(np.corrcoef(detector.apply(means, seed=3).ravel(), other.ravel())[0, 1]) < 5 / np.sqrt(noise.size)


def test_frames_and_panels_are_independent():
    counts = [nb.Response().apply(flat(20.0), seed=3, frame=frame, panel=panel).ravel()
              for frame, panel in ((0, 0), (1, 0), (0, 1), (1, 1))]
    correlations = np.corrcoef(counts) - np.eye(4)
    assert np.abs(correlations).max() < 5 / np.sqrt(counts[0].size)


@pytest.mark.parametrize("method", ["fft", "direct"])
def test_autocorrelation_of_the_point_spread(method):
    """Counts that have spread are correlated as the weights are with themselves."""
    spread = PointSpread(kind="gaussian", fwhm_um=150.0, method=method)
    response = nb.Response(point_spread=spread, gain_adu_per_photon=100.0)
    counts = response.apply(flat(50.0), seed=4, pixel_mm=0.1) / 100.0
    weights = spread.weights((0.1, 0.1))
    reach = weights.shape[0] // 2
    inside = counts[reach:-reach, reach:-reach] - 50.0
    for slow, fast in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (0, 3)):
        mine = inside[:inside.shape[0] - slow, :inside.shape[1] - fast]
        theirs = inside[slow:, fast:]
        expected = 50.0 * (weights[:weights.shape[0] - slow, :weights.shape[1] - fast] * weights[slow:, fast:]).sum()
        found = (mine * theirs).mean()
        # neighbours are not independent: some ten pixels are worth one
        error = 5 * 50.0 * (weights ** 2).sum() * np.sqrt(10 / mine.size)
        assert abs(found - expected) < error, (slow, fast)
    assert inside.mean() == pytest.approx(0.0, abs=5 * np.sqrt(50.0 / inside.size))
