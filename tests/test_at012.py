"""Acceptance: peaks and plateaus of the reference patterns, in every precision.

The peak finder asks for exact equality with the largest of 3 x 3 pixels: no tolerance, no clustering.
The exact image is proven to be the C program's by the hash of its file; it is what the others are
compared with.  What is measured is printed (pytest -rP).
"""

import hashlib

from golden_cases import CASES, bring_inputs
import numba
import numpy as np
import pytest

from numbragg.command_line.inputs import read_inputs
from numbragg.command_line.parse import parse
from numbragg.compare.peaks import find_peaks, match_peaks
from numbragg.configs.run_options import Evaluation
from numbragg.render.simulation import render_prepared
from numbragg.scene.prepare import prepare

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="whole images are for compiled kernels")

#: Case, radius within which peaks match [pixel], distinct values of the C image in its central 20 x 20 pixels.
#: The mosaic one is not among the acceptance scenes; its flat tops differ in the last bit of sums of ten terms.
MOSAIC = "at012-simple-cubic-mosaic"
SCENES = {"at012-simple-cubic": (0.5, 66), MOSAIC: (0.5, None),
          "at012-triclinic-p1": (0.5, None), "at012-cubic-tilted-detector": (1.0, None),
          "at012-high-resolution-4096-roi": (1.0, None)}
PEAKS = 50
OTHERS = [("compensated", "kahan"), ("single", "sequential"), ("single", "kahan")]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Prepared scene and exact image of each case, made once."""
    made = {}

    def scene(name):
        if name not in made:
            case = CASES[name]
            folder = tmp_path_factory.mktemp(name)
            bring_inputs(case, folder)
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder)
                line = parse(case["args"])
                factors = read_inputs(line)
                prepared = prepare(line.draft.freeze(), factors)
            image, _ = render_prepared(prepared)
            made[name] = prepared, image
        return made[name]

    return scene


def region(prepared, image):
    """The part of an image that was computed."""
    fast_min, fast_max, slow_min, slow_max = prepared.window
    return image[slow_min:slow_max + 1, fast_min:fast_max + 1]


def distinct(image):
    """Number of distinct values of the central 20 x 20 pixels."""
    slow, fast = (size // 2 for size in image.shape)
    return len(np.unique(image[slow - 10:slow + 10, fast - 10:fast + 10]))


def correlation(a, b):
    """Pearson's, by numpy, in double precision."""
    return np.corrcoef(a.ravel().astype("f8"), b.ravel().astype("f8"))[0, 1]


def test_the_finder_is_exact():
    """A plateau with one pixel raised by the least bit has one peak, not several."""
    image = np.zeros((7, 7), dtype=np.float32)
    image[2:5, 2:5] = 1.0
    assert len(find_peaks(image, PEAKS)) == 9
    image[3, 3] = np.nextafter(np.float32(1.0), np.float32(2.0))
    assert find_peaks(image, PEAKS).tolist() == [[3, 3]]


@pytest.mark.parametrize("name", list(SCENES))
def test_exact(name, scenes):
    prepared, image = scenes(name)
    case = CASES[name]
    file = case["args"][case["args"].index("-floatfile") + 1]
    assert hashlib.sha256(image.tobytes()).hexdigest() == case["outputs"][file]["sha256"]
    found = region(prepared, image)
    peaks = find_peaks(found, PEAKS)
    match = match_peaks(peaks, peaks, SCENES[name][0], PEAKS)
    print(f"{name} exact: the C program's bits, {match.matched}/{PEAKS} peaks, mean distance {match.mean_distance:.3f}"
          f", correlation {correlation(found, found):.12f}, {distinct(found)} distinct values")
    assert match.matched == PEAKS and match.mean_distance == 0.0
    if SCENES[name][1] is not None:
        assert distinct(found) == SCENES[name][1]


@pytest.mark.parametrize("name", list(SCENES))
@pytest.mark.parametrize("precision, summation", OTHERS)
def test_other_precisions(name, precision, summation, scenes):
    prepared, image = scenes(name)
    wanted = region(prepared, image)
    found = region(prepared, render_prepared(prepared, Evaluation(precision, summation))[0])
    assert found.dtype == np.float32
    match = match_peaks(find_peaks(wanted, PEAKS), find_peaks(found, PEAKS), SCENES[name][0], PEAKS)
    similar = correlation(wanted, found)
    many = distinct(found)
    print(f"{name} {precision} {summation}: {match.matched}/{PEAKS} peaks, mean distance {match.mean_distance:.3f}, "
          f"correlation {similar:.12f}, {many} distinct values ({distinct(wanted)} in the C program's)")
    assert similar >= 0.9995
    assert match.matched >= (46 if (name, precision) == (MOSAIC, "single") else 49)
    assert many <= 1.5 * distinct(wanted)


def test_a_sum_in_stages_is_found_out(scenes):
    """What the tests are for: float32 values disturbed by their last bits fragment the plateau."""
    prepared, image = scenes("at012-simple-cubic")
    wanted = region(prepared, image)
    rng = np.random.default_rng(1)
    noisy = (wanted.astype("f8") * (1.0 + rng.uniform(-3, 3, wanted.shape) * 2.0**-24)).astype(np.float32)
    match = match_peaks(find_peaks(wanted, PEAKS), find_peaks(noisy, PEAKS), 0.5, PEAKS)
    assert distinct(noisy) > 1.5 * distinct(wanted)
    assert match.matched < 0.95 * PEAKS
