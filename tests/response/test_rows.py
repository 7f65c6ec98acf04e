"""Rows of pixels are drawn by vector code: the same numbers as one by one, and the bits that they have always had."""

import hashlib

import numpy as np
import pytest

import numbragg as nb
from numbragg.kernels.detector import draws
from numbragg.kernels.detector.normal import normal, normal_row
from numbragg.kernels.detector.poisson import count, count_row
from numbragg.response import Beamstop, Calibration, Defects, Gaps, PointSpread

SEED = np.uint64(2 ** 40 + 3)
# longer than a block of vector code, and not a whole number of them
LENGTH = 1237


def means():
    """Of all methods, in runs and mixed; and what is no mean."""
    powers = np.tile(np.repeat(10.0 ** np.arange(-4.0, 7.0), 9), 13)[:LENGTH]
    made = powers * (1.0 + 0.9 * np.sin(np.arange(LENGTH)))
    made[:40] = 1.0
    made[[41, 43, 47, 53]] = 0.0, -1.0, np.nan, np.inf
    return made


def test_counts_of_a_row():
    found, expected = means(), means()
    count_row(found, SEED, draws.COUNTING, 3, 2, 7, 11)
    for j, mean in enumerate(expected):
        expected[j] = count(mean, draws.draw(SEED, draws.COUNTING, 3, 2, 7, 11 + j))
    assert found.tobytes() == expected.tobytes()


def test_normal_deviates_of_a_row():
    found = np.empty(LENGTH)
    normal_row(found, SEED, draws.READOUT, 3, 2, 7, 11)
    expected = np.array([normal(draws.draw(SEED, draws.READOUT, 3, 2, 7, 11 + j)) for j in range(LENGTH)])
    assert found.tobytes() == expected.tobytes()
    # of both formulas
    assert (np.abs(found) > 1.5).any() and (np.abs(found) < 1.4).any()


GAPS = Gaps(module_pixels=(50, 40), gap_pixels=(5, 9))
KEPT = {
    "counting": "cb9720f6be66bdfd",
    "calibration": "46d682a62c0153d5",
    "read-out": "0eac66410fa5483f",
    "gains": "72db97c242f72d13",
    "shadows": "42d3500988b44d2f",
    "everything": "e1959a32f8c83bd1",
}
RESPONSES = {
    "counting": nb.Response(),
    "calibration": nb.Response(calibration=Calibration(fraction=0.3)),
    "read-out": nb.Response(readout_adu=3.0, offset_adu=40.0, gain_adu_per_photon=1.7),
    "gains": nb.Response.named("jungfrau"),
    "shadows": nb.Response.named("eiger", gaps=GAPS, beamstop=Beamstop(centre_pixels=(100.0, 77.3),
                                                                       radius_pixels=20.3)),
    "everything": nb.Response.named(
        "rayonix", flicker_fraction=0.1, defects=Defects(dead_fraction=1e-2, hot_fraction=1e-2), gaps=GAPS,
        point_spread=PointSpread(kind="gaussian", fwhm_um=200.0, method="direct")),
}


@pytest.mark.parametrize("name", KEPT)
def test_bits_are_kept(name):
    image = np.abs(np.resize(means(), (43, 701)))
    counts = RESPONSES[name].apply(image, seed=int(SEED), frame=17, panel=0, pixel_mm=0.1, origin=(30, 20))
    assert hashlib.sha256(counts.astype("<i8").tobytes()).hexdigest()[:16] == KEPT[name]


def test_light_beyond_all_integers_is_the_largest():
    response = nb.Response(counting=False, gain_adu_per_photon=1e6)
    found = response.apply(np.array([[1e20, np.inf, 1.0]]), seed=1)
    assert found.tolist() == [[response.saturation, response.saturation, 1000000]]
