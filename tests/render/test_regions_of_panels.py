"""Regions of a detector of several panels: what is computed has the bits of the whole, the rest stays 0."""

import numpy as np
import pytest

import numbragg as nb

CRYSTALS = [nb.Crystal(cell=(50, 60, 70, 90, 90, 90), misset_deg=(a, 20, 30), n_cells=n) for a, n in ((10, 4), (40, 3))]
NOTHING = (0, -1, 0, -1)


def panels(*sizes, **more):
    return nb.Detector(convention="adxv", panels=[
        nb.Panel(pixels=size, origin_mm=(20.0 - 25.0 * n, 10.0, 60.0), fast_mm=(-1, 0, 0), slow_mm=(0, -1, 0.1), **more)
        for n, size in enumerate(sizes)])


def image(detector, crystal=CRYSTALS[0], **more):
    return nb.simulate(crystal, nb.Beam(), detector, 10.0, **more)


@pytest.mark.parametrize("crystal", [CRYSTALS[0], CRYSTALS], ids=["one", "two"])
@pytest.mark.parametrize("roi, computed", [
    ([(2, 5, 0, 3), None, (0, 0, 11, 11)], [(2, 5, 0, 3), (0, 15, 0, 11), (0, 0, 11, 11)]),
    ({1: (3, 9, 2, 4)}, [NOTHING, (3, 9, 2, 4), NOTHING]),
    ({2: None, 0: np.array([0, 3, 0, 3])}, [(0, 3, 0, 3), NOTHING, (0, 15, 0, 11)])])
@pytest.mark.parametrize("threads", [1, 2])
def test_bits_of_the_whole(crystal, roi, computed, threads):
    detector = panels((16, 12), (16, 12), (16, 12), sensor_thickness_um=300.0, attenuation_depth_um=250.0)
    whole, part = image(detector, crystal), image(detector, crystal, roi=roi, threads=threads)
    expected = np.zeros_like(whole)
    for panel, (fast_min, fast_max, slow_min, slow_max) in enumerate(computed):
        place = panel, slice(slow_min, slow_max + 1), slice(fast_min, fast_max + 1)
        expected[place] = whole[place]
    assert part.tobytes() == expected.tobytes() and part.any() and not part.all()


def test_masks_and_sizes():
    mask = np.ones((12, 16), bool)
    mask[3] = False
    detector = nb.Detector(convention="adxv", panels=[*panels((16, 12), mask=mask).panels, *panels((9, 7)).panels])
    whole, part = image(detector), image(detector, roi=[(0, 15, 2, 4), (1, 2, 3, 4)])
    assert (part[0][2:5] == whole[0][2:5]).all() and not part[0][3].any() and not part[0][5:].any()
    assert (part[1][3:5, 1:3] == whole[1][3:5, 1:3]).all() and np.count_nonzero(part[1]) == 4


def test_progress_counts_what_is_computed():
    steps = []
    image(panels((16, 12), (16, 12)), roi={1: (3, 9, 2, 4)}, progress=steps.append)
    assert sum(steps) == 7 * 3


def test_windows_of_a_plane():
    cut = nb.Detector(pixels=(24, 20), pixel_mm=2.0, windows=[(0, 0, 10, 20), (12, 4, 10, 8)])
    whole, part = image(cut), image(cut, roi=[None, (1, 3, 2, 5)])
    assert (part[0] == whole[0]).all() and (part[1][2:6, 1:4] == whole[1][2:6, 1:4]).all()
    assert np.count_nonzero(part[1]) == 12


@pytest.mark.parametrize("roi, said", [
    ((0, 1, 0, 1), "must have a region, or None, for each of 3 panels"),
    ([None, None], "must have a region, or None, for each of 3 panels"),
    ("abc", "must have a region"), (5, "must have a region"), ({}, "must have a region"), ({"a": None}, "must have"),
    ({3: None}, "dictionary of panels' numbers and regions, which are 0 to 2"),
    ([None, (0, 16, 0, 1), None], r"roi\[1\]: 0 16 0 1 .* must lie within 0 to 15 and 0 to 11"),
    ({2: (5, 4, 0, 1)}, r"roi\[2\]: 5 4 0 1 .* the smaller number first")])
def test_refusals(roi, said):
    with pytest.raises(ValueError, match=said):
        image(panels((16, 12), (16, 12), (16, 12)), roi=roi)
