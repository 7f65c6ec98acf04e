"""Panels put together: every pixel where its geometry says, seen along the beam; no hole, no spot lost."""

import numpy as np
import pytest

import numbragg as nb


def panel(origin=(2.0, 3.0, 100.0), fast=(-0.1, 0.0, 0.0), slow=(0.0, -0.1, 0.0), pixels=(8, 6), **more):
    return nb.Panel(origin_mm=origin, fast_mm=fast, slow_mm=slow, pixels=pixels, **more)


def test_one_panel_is_its_image():
    """Fast to the right and slow down for who looks along the beam."""
    detector = nb.Detector(panels=[panel()], convention="adxv")
    image = np.random.default_rng(1).random((6, 8), np.float32)
    whole = nb.assemble(image, detector)
    assert (whole.image == image).all() and whole.image.dtype == np.float32
    assert (whole.pixel_mm, whole.left_mm, whole.top_mm) == pytest.approx((0.1, -2.0, 3.0))
    assert (nb.assemble(image[None], detector).image == image).all()


def test_two_panels_and_the_gap_between_them():
    panels = [panel(), panel(origin=(1.0, 3.0, 120.0), mask=np.arange(48).reshape(6, 8) != 3)]
    images = np.random.default_rng(2).random((2, 6, 8), np.float32)
    whole = nb.assemble(images, nb.Detector(panels=panels, convention="adxv"))
    assert whole.image.shape == (6, 18) and (whole.image[:, :8] == images[0]).all()
    assert np.isnan(whole.image[:, 8:10]).all()
    right = images[1].copy()
    right[0, 3] = np.nan
    assert np.array_equal(whole.image[:, 10:], right, equal_nan=True)


def test_the_frame_does_not_matter():
    detector = nb.Detector(panels=[panel(), panel(origin=(1.0, 5.0, 120.0))], convention="adxv")
    images = np.random.default_rng(3).random((2, 6, 8), np.float32)
    expected = nb.assemble(images, detector).image
    for convention in ("mosflm", "denzo", "xds", "dials"):
        found = nb.assemble(images, detector.in_convention(convention)).image
        assert np.array_equal(found, expected, equal_nan=True)


@pytest.mark.parametrize("degrees", [3.0, 30.0, 200.0])
def test_a_turned_panel_has_no_holes(degrees):
    """Against a loop over places: the largest of the pixels whose middles are there, and that under its middle."""
    c, s = 0.1 * np.cos(np.radians(degrees)), 0.1 * np.sin(np.radians(degrees))
    turned = panel(fast=(-c, s, 0.0), slow=(-s, -c, 0.0), pixels=(23, 17))
    image = np.random.default_rng(4).random((17, 23), np.float32) + 1.0
    whole = nb.assemble(image, nb.Detector(panels=[turned], convention="adxv"))
    rows, columns = whole.image.shape
    expected = np.full((rows, columns), -np.inf)
    fast, slow = np.array([c, s]), np.array([s, -c])  # to the right and up
    origin = np.array([-2.0, 3.0])
    for j in range(17):
        for i in range(23):
            x, y = origin + (i + 0.5) * fast + (j + 0.5) * slow
            place = int((whole.top_mm - y) / whole.pixel_mm), int((x - whole.left_mm) / whole.pixel_mm)
            expected[place] = max(expected[place], image[j, i])
    inverse = np.linalg.inv(np.array([fast, slow]).T)
    for row in range(rows):
        for column in range(columns):
            middle = [whole.left_mm + (column + 0.5) * whole.pixel_mm, whole.top_mm - (row + 0.5) * whole.pixel_mm]
            i, j = np.floor(inverse @ (middle - origin)).astype(int)
            if 0 <= i < 23 and 0 <= j < 17:
                expected[row, column] = max(expected[row, column], image[j, i])
    expected[expected == -np.inf] = np.nan
    assert np.array_equal(whole.image, expected.astype(np.float32), equal_nan=True)
    assert np.nanmax(whole.image) == image.max()
    # all that the panel covers is covered
    assert np.isfinite(whole.image).sum() >= 0.95 * 17 * 23


def test_smaller_pictures_keep_the_brightest():
    detector = nb.Detector(panels=[panel(pixels=(64, 48))], convention="adxv")
    image = np.zeros((48, 64), np.float32)
    image[20, 33] = 7.0
    whole = nb.assemble(image, detector, largest_side=16)
    assert whole.image.shape == (12, 16) and whole.pixel_mm == pytest.approx(0.4)
    assert whole.image[5, 8] == 7.0 and whole.image.sum() == 7.0


def test_a_panel_seen_edge_on():
    detector = nb.Detector(panels=[panel(), panel(fast=(0.0, 0.0, 0.1))], convention="adxv")
    whole = nb.assemble(np.ones((2, 6, 8), np.float32), detector)
    assert np.isfinite(whole.image).all()


@pytest.mark.parametrize("image, detector, said", [
    (np.zeros((4, 4)), nb.Detector(pixels=(4, 4)), "detector: must have panels"),
    (np.zeros((3, 6, 8)), nb.Detector(panels=[panel(), panel()]), "image: 3 panels; the detector has 2"),
    ([np.zeros((6, 8)), np.zeros((8, 6))], nb.Detector(panels=[panel(), panel()]),
     r"image: panel 1 has shape \(8, 6\); must be \(6, 8\)")])
def test_refusals(image, detector, said):
    with pytest.raises(ValueError, match=said):
        nb.assemble(image, detector)
