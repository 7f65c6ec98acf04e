"""Statistics of an image against plain sums, and against what a run reports."""

import math

import numpy as np
import pytest

import numbragg as nb
from numbragg.results.digitise import make_products

IMAGE = np.random.default_rng(5).gamma(2.0, 30.0, (37, 53)).astype(np.float32)
MASK = np.random.default_rng(6).random(IMAGE.shape) < 0.8


def plain(image, roi, mask):
    """Loops over the pixels, with exact sums."""
    values, every, best = [], [], (0.0, None, None)
    for slow in range(roi[2], roi[3] + 1):
        for fast in range(roi[0], roi[1] + 1):
            value = float(image[slow, fast])
            every.append(value)
            if mask[slow, fast]:
                values.append(value)
                best = max(best, (value, fast, slow), key=lambda item: item[0])
    mean = math.fsum(values) / len(values)
    return best, math.fsum(values), mean, math.sqrt(math.fsum(v * v for v in values) / (len(values) - 1)), math.sqrt(
        math.fsum((v - mean) ** 2 for v in every) / (len(every) - 1)), len(values)


@pytest.mark.parametrize("roi", [None, (3, 20, 5, 5), (0, 52, 10, 36)])
@pytest.mark.parametrize("masked", [False, True])
def test_against_plain_sums(roi, masked):
    found = nb.image_statistics(IMAGE, roi=roi, mask=MASK if masked else None)
    best, total, mean, rms, deviation, pixels = plain(IMAGE, roi or (0, 52, 0, 36),
                                                      MASK if masked else np.ones_like(MASK))
    assert (found.maximum, found.maximum_fast, found.maximum_slow) == best and found.pixels == pixels
    # squares are rounded to float32
    for a, b in ((found.sum, total), (found.mean, mean), (found.rms, rms), (found.rms_deviation, deviation)):
        assert math.isclose(a, b, rel_tol=1e-7)
    assert all(type(value) in (int, float) for value in (found.maximum, found.maximum_fast, found.sum, found.pixels))


def test_the_numbers_of_a_report():
    simulator = nb.Simulator(nb.Detector(pixels=(30, 20)), nb.Beam(), 100.0)
    result = simulator.run(nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=4))
    summary = make_products(result.image, result.prepared).summary
    found = nb.image_statistics(result.image)
    assert (found.maximum, found.maximum_fast, found.maximum_slow, found.sum, found.mean, found.rms,
            found.rms_deviation, found.pixels) == (
        summary.maximum, summary.maximum_fast, summary.maximum_slow, summary.total, summary.mean, summary.rms,
        summary.rms_deviation, summary.count)


def test_dark_and_odd_images():
    dark = nb.image_statistics(np.zeros((3, 4)))
    assert (dark.maximum, dark.maximum_fast, dark.maximum_slow, dark.sum) == (0.0, None, None, 0.0)
    assert nb.image_statistics([[math.nan, 5.0]]).maximum == 5.0
    read_only = IMAGE.copy()
    read_only.setflags(write=False)
    assert nb.image_statistics(read_only[::2, ::2]) == nb.image_statistics(IMAGE[::2, ::2].copy())
    assert (read_only == IMAGE).all()


@pytest.mark.parametrize("image, options, words", [
    (np.zeros((2, 3, 4)), {}, "two-dimensional"), ("x", {}, "two-dimensional"), ([[1j]], {}, "real numbers"),
    (IMAGE, dict(roi=(0, 53, 0, 3)), "^roi: "), (IMAGE, dict(mask=np.ones((2, 2))), "^mask has shape")])
def test_refused(image, options, words):
    with pytest.raises(ValueError, match=words):
        nb.image_statistics(image, **options)
