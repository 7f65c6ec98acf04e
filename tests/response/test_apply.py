"""A response applied: against plain Python, and the same whatever the region, the threads and the order of frames."""

from dataclasses import replace
import sys

from naive_response import counts_of
import numpy as np
import pytest

import numbragg as nb
from numbragg.response import Beamstop, Calibration, Defects, Gaps, PointSpread

MEANS = np.random.default_rng(7).gamma(0.7, 30.0, (41, 53))
MEANS[3, 4], MEANS[5, 6], MEANS[7, 8] = -3.0, np.nan, 4000.0

EVERYTHING = nb.Response(
    beamstop=Beamstop(centre_pixels=(20.0, 11.5), radius_pixels=6.0, panel=2),
    gaps=Gaps(module_pixels=(19, 17), gap_pixels=(3, 5)), flicker_fraction=0.2,
    calibration=Calibration(fraction=0.05, detector_seed=4), gain_adu_per_photon=1.7, readout_adu=2.5, offset_adu=40.3,
    saturation_adu=900, defects=Defects(dead_fraction=0.02, hot_fraction=0.03, dead_pixels=[(2, 9, 9), (1, 2, 2)]))

RESPONSES = {
    "counting": nb.Response(),
    "everything": EVERYTHING,
    "unsigned": replace(EVERYTHING, dtype="uint16", offset_adu=1.0, saturation_adu=None),
    "signed": nb.Response(readout_adu=5.0, dtype="int16"),
    "corrected": nb.response.JUNGFRAU,
    "raw": nb.Response.named("jungfrau", dtype="uint16",
                             gain_stages=replace(nb.response.JUNGFRAU.gain_stages, output="raw")),
    "means": nb.Response(counting=False, gain_adu_per_photon=0.5),
}
SPREADING = {method: replace(EVERYTHING, point_spread=PointSpread(kind="fibre", fwhm_um=60, method=method))
             for method in ("fft", "direct")}


@pytest.mark.parametrize("name", RESPONSES)
def test_as_in_plain_python(name):
    response = RESPONSES[name]
    found = response.apply(MEANS, seed=5, frame=17, panel=2, threads=1)
    assert found.dtype == response.dtype
    assert found.tolist() == counts_of(response, MEANS.tolist(), 5, 17, 2)


def test_float32_counts_as_it_is():
    image = MEANS.astype(np.float32)
    assert EVERYTHING.apply(image, seed=1).tolist() == counts_of(EVERYTHING, image.tolist(), 1)


def test_seed_frame_and_panel_matter():
    one = nb.Response().apply(MEANS, seed=5, frame=17, panel=2)
    for other in ({"seed": 6}, {"frame": 18}, {"panel": 3}, {"seed": 2 ** 40 + 5}):
        counts = nb.Response().apply(MEANS, **{"seed": 5, "frame": 17, "panel": 2, **other})
        assert (counts != one).mean() > 0.5


@pytest.mark.parametrize("response", [*RESPONSES.values(), *SPREADING.values()],
                         ids=[*RESPONSES, *SPREADING])
def test_the_same_in_a_region_and_on_any_number_of_threads(response, monkeypatch):
    from numbragg.response import apply

    whole = response.apply(MEANS, seed=3, frame=2, pixel_mm=0.1, threads=1)
    assert (response.apply(MEANS, seed=3, frame=2, pixel_mm=0.1, roi=(11, 40, 6, 29)) == whole[6:30, 11:41]).all()
    if response.point_spread is None or response.point_spread.method == "direct":
        # other parts: a transform is of one part
        monkeypatch.setattr(apply, "_PART_PIXELS", 130)
        monkeypatch.setattr(apply, "_DIRECT_EDGE", 9)
    assert (response.apply(MEANS, seed=3, frame=2, pixel_mm=0.1, threads=5) == whole).all()


def test_parts_of_an_image_have_the_keys_of_the_panel():
    whole = EVERYTHING.apply(MEANS, seed=3)
    assert (EVERYTHING.apply(MEANS[10:30, 5:50], seed=3, origin=(5, 10)) == whole[10:30, 5:50]).all()
    spreading = SPREADING["direct"]
    reach = spreading.point_spread.weights((0.1, 0.1)).shape[0] // 2
    means = np.tile(MEANS, (4, 4))
    whole = spreading.apply(means, seed=3, pixel_mm=0.1)
    part = spreading.apply(means[20:, 20:], seed=3, pixel_mm=0.1, origin=(20, 20))
    # light of the rows and columns that are missing is missing
    assert (part[reach:, reach:] == whole[20 + reach:, 20 + reach:]).all() and (part != whole[20:, 20:]).any()


def test_panels_one_by_one_and_together():
    panels = [MEANS, MEANS[:20], MEANS[:, :9]]
    together = EVERYTHING.apply(panels, seed=1, frame=4)
    for number, (image, counts) in enumerate(zip(panels, together)):
        assert (EVERYTHING.apply(image, seed=1, frame=4, panel=number) == counts).all()
    stack = nb.Response().apply(np.stack([MEANS] * 2), seed=1)
    assert len(stack) == 2 and (stack[0] != stack[1]).any()


def test_flicker_is_of_the_frame():
    """One factor for all panels and pixels, another one in the next frame."""
    response = nb.Response(counting=False, flicker_fraction=0.1, gain_adu_per_photon=1000.0)
    flat = np.full((4, 5), 100.0)
    factors = [response.apply(flat, seed=1, frame=frame, panel=panel) for frame in range(300) for panel in (0, 7)]
    assert all((each == each[0, 0]).all() for each in factors)
    values = np.array([each[0, 0] for each in factors]).reshape(-1, 2) / 1e5
    assert (values[:, 0] == values[:, 1]).all()
    assert values[:, 0].mean() == pytest.approx(1.0, abs=0.03) and values[:, 0].std() == pytest.approx(0.1, rel=0.2)


def test_calibration_is_equal_from_frame_to_frame_and_belongs_to_the_detector():
    response = nb.Response(counting=False, calibration=Calibration(fraction=0.05), gain_adu_per_photon=1e4)
    flat = np.full((200, 300), 100.0)
    one = response.apply(flat, seed=1, frame=0)
    assert (response.apply(flat, seed=99, frame=5) == one).all()
    assert one.std() / one.mean() == pytest.approx(0.05, rel=0.02) and one.mean() == pytest.approx(1e6, rel=1e-3)
    other = replace(response, calibration=Calibration(fraction=0.05, detector_seed=2)).apply(flat, seed=1)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.02
    assert (response.apply(flat, seed=1, panel=1) != one).mean() > 0.99


def test_defects_are_equal_from_frame_to_frame():
    response = nb.Response(defects=Defects(dead_fraction=0.01, hot_fraction=0.02, hot_adu=777))
    flat = np.full((300, 300), 5.0)
    one, two = (response.apply(flat, seed=seed, frame=seed) for seed in (1, 2))
    assert ((one == -1) == (two == -1)).all() and ((one == 777) == (two == 777)).all()
    assert (one == -1).mean() == pytest.approx(0.01, rel=0.15) and (one == 777).mean() == pytest.approx(0.02, rel=0.15)
    assert (response.mask(flat.shape) == (one != -1)).all()


@pytest.mark.parametrize("arguments, message", [
    ({"image": np.zeros(3)}, "image: shape (3,), float64; must be a two-dimensional array of real numbers, not empty"),
    ({"image": np.zeros((0, 3))},
     "image: shape (0, 3), float64; must be a two-dimensional array of real numbers, not empty"),
    ({"image": np.zeros((2, 2), complex)},
     "image: shape (2, 2), complex128; must be a two-dimensional array of real numbers, not empty"),
    ({"image": np.ma.zeros((2, 2))}, "image: a masked array must be made a plain one first, its masked pixels filled"),
    ({"seed": -1}, f"seed: -1 must be a whole number from 0 to {2 ** 63 - 1}"),
    ({"seed": None}, "seed: None is not a whole number"),
    ({"frame": 2 ** 32}, f"frame: {2 ** 32} must be a whole number from 0 to {2 ** 32 - 1}"),
    ({"panel": -1}, f"panel: -1 must be a whole number from 0 to {2 ** 24 - 1}"),
    ({"threads": 0}, f"threads: 0 must be a whole number from 1 to {2 ** 31 - 1}"),
    ({"pixel_mm": 0.0}, "pixel_mm: 0.0 must be above 0 in mm"),
    ({"pixel_mm": None}, "pixel_mm: None must be the edge of a pixel in mm, for a point spread is in micrometres"),
    ({"pixel_mm": 1e-5}, "point_spread: fwhm_um 60 with accuracy 0.01 spreads over 391430 pixels of 1e-05 mm in each "
                         "direction; must be at most 1000"),
    ({"image": [np.zeros((2, 2))], "roi": (0, 1, 0, 1)}, "roi: must be None for several panels"),
])
def test_what_cannot_be(arguments, message):
    with pytest.raises(ValueError) as error:
        SPREADING["fft"].apply(**{"image": np.zeros((2, 2)), "seed": 1, "pixel_mm": 0.1, **arguments})
    assert str(error.value) == message


PROGRAM = """
import hashlib, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from test_apply import MEANS, RESPONSES, SPREADING
counts = [response.apply(MEANS, seed=5, frame=3, pixel_mm=0.1, threads=2)
          for response in (*RESPONSES.values(), SPREADING["direct"])]
print(hashlib.sha256(b"".join(part.tobytes() for part in counts)).hexdigest())
"""


def test_same_bits_on_other_processors():
    from pathlib import Path
    import subprocess

    from processors import PROCESSORS, clean

    def answer(environment):
        arguments = [sys.executable, "-c", PROGRAM, str(Path(__file__).parent)]
        return subprocess.run(arguments, capture_output=True, text=True, check=True,
                              env=clean() | environment).stdout

    plain = answer({})
    for name in ("no AVX2 in NumPy", "kernels for any processor"):
        assert answer(PROCESSORS[name]()) == plain, name
