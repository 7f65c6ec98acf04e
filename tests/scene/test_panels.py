"""Detectors of several panels: windows of one plane with its bits, panels with places of their own, sizes and masks."""

import math

from formula_tools import INTERPRETED
import numpy as np
import pytest

import numbragg as nb
from numbragg.kernels.drive.cpu import Modes, Target, render
from numbragg.kernels.evaluate.certificate import U

compiled = pytest.mark.skipif(INTERPRETED, reason="thousands of pixels are for compiled kernels")

CELL = (61, 72, 45, 90, 100, 110)
RNG = np.random.default_rng(12)
TABLE = nb.StructureFactors.from_array(RNG.gamma(2.0, 60.0, (41, 41, 41)), (-20, -20, -20), 5.0)
BEAM = nb.Beam(wavelength_angstrom=1.1, polarisation_fraction=0.9)
PLANE = dict(pixels=(36, 28), pixel_mm=0.7, distance_mm=70.0)


def crystal(**fields):
    return nb.Crystal(**{"cell": CELL, "n_cells": 4, "misset_deg": (10, 20, 30), "mosaic_spread_deg": 0.4,
                         "mosaic_domains": 3} | fields)


def simulator(detector, **how):
    return nb.Simulator(detector, BEAM, TABLE, **{"threads": 2, "sampling": nb.Sampling(oversample=2)} | how)


def same(a, b):
    return a.shape == b.shape and a.tobytes() == b.tobytes()


# -- windows of one plane

VARIANTS = {
    "plain": {}, "tilted": dict(rotation_deg=(3, 5, 7), twotheta_deg=10.0), "xds": dict(convention="xds"),
    "sensor": dict(sensor_thickness_um=300.0, attenuation_depth_um=200.0),
    "overlapping layers": dict(sensor_thickness_um=300.0, attenuation_depth_um=200.0, sensor_layers=3),
    "point pixels": dict(point_pixel=True),
    "mask": dict(mask=np.arange(28 * 36).reshape(28, 36) % 5 != 2),
}
CUTS = [(0, 0, 10, 28), (10, 0, 26, 9), (10, 9, 13, 19), (23, 9, 13, 19)]


@pytest.mark.parametrize("how", [{}, {"precision": "single"}, {"precision": "compensated"},
                                 {"sampling": nb.Sampling(oversample=2, per_step=("polarisation", "solid_angle"))},
                                 {"revision": "main"}], ids=str)
@pytest.mark.parametrize("name", VARIANTS)
def test_windows_have_the_bits_of_the_plane(name, how):
    whole = simulator(nb.Detector(**PLANE, **VARIANTS[name]), **how).image(crystal())
    parts = simulator(nb.Detector(**PLANE, **VARIANTS[name], windows=CUTS), **how).image(crystal())
    assert isinstance(parts, list) and whole.any()
    for part, (fast, slow, width, height) in zip(parts, CUTS, strict=True):
        assert same(part, whole[slow:slow + height, fast:fast + width].copy())


def test_windows_of_one_size_are_stacked():
    cut = nb.Detector(**PLANE, windows=[(0, 0, 12, 28), (12, 0, 12, 28), (24, 0, 12, 28)])
    assert cut.shape == (3, 28, 12) and cut.shapes == ((28, 12),) * 3
    images = simulator(cut).image([crystal(), crystal(misset_deg=(1, 2, 3), scale=0.3)])
    whole = simulator(nb.Detector(**PLANE)).image([crystal(), crystal(misset_deg=(1, 2, 3), scale=0.3)])
    assert images.shape == (3, 28, 12) and same(np.concatenate(list(images), axis=1), whole)
    one = nb.Detector(**PLANE, windows=[(4, 5, 8, 9)])
    assert one.shape == (9, 8) and same(simulator(one).image(crystal()), simulator(nb.Detector(**PLANE)).image(
        crystal())[5:14, 4:12].copy())


# -- panels with places of their own


def geometry_of(detector):
    """Geometry of a plane, as it is prepared."""
    return simulator(detector).prepare(crystal()).scene.geometry


def as_panel(detector, first_fast=0, first_slow=0, pixels=None, **fields):
    """A panel at the place of a part of a plane; the rounding of its origin is all that it has over a window."""
    g, size = geometry_of(detector), detector.pixel_mm
    origin = [1000.0 * o + size * (first_fast * f + first_slow * s)
              for o, f, s in zip(g.origin, g.fast_axis, g.slow_axis)]
    return nb.Panel(origin_mm=origin, fast_mm=[size * f for f in g.fast_axis], slow_mm=[size * s for s in g.slow_axis],
                    pixels=pixels or detector.pixels, **fields)


def strict_values(prepared):
    """Doubles of a panel, strictly."""
    doubles = np.zeros((prepared.shape[0] * prepared.shape[1], 2))
    render(prepared.scene, Target(prepared.window, prepared.mask, None, doubles), Modes(threads=2, lanes=False),
           interpolating=prepared.interpolating)
    return doubles[:, 0].reshape(prepared.shape)


@compiled
@pytest.mark.parametrize("shape", ["gauss", "round", "square"])
@pytest.mark.parametrize("name", ["plain", "tilted", "xds", "sensor"])
def test_panels_differ_by_the_rounding_of_their_origins(name, shape):
    """A place that is off by d changes a value by its derivative along d, and the factors of a pixel by some u.

    The origin is rounded four times on its way through millimetres (three products and sums, one
    division) and the axes twice: within 8 u of the largest coordinate for the former and 4 u of
    the panel's extent for the latter.  Derivatives are differences over +-100 nm; their error and
    the second order are within the same again.  Area, obliquity and captured fraction: 40 u.
    """
    detector = nb.Detector(**PLANE, **VARIANTS[name])
    made = crystal(shape=shape)
    plane = simulator(detector).prepare(made)
    values, largest = strict_values(plane), 0.0
    for fast, slow, width, height in CUTS:
        panel = as_panel(detector, fast, slow, (width, height), **{
            key: value for key, value in VARIANTS[name].items() if key.startswith(("sensor", "attenuation"))})
        (prepared,), = simulator(nb.Detector(panels=[panel], convention=detector.convention)).prepare_shot(made)
        found, expected = strict_values(prepared), values[slow:slow + height, fast:fast + width]
        origin = np.array(plane.scene.geometry.origin)
        off = 8.0 * U * np.abs(origin).max() + 4.0 * U * 0.7e-3 * (fast + width + slow + height)
        slope = np.zeros(values.shape)
        for axis in range(3):
            moved = []
            for sign in (1.0, -1.0):
                shifted = origin + sign * 1e-7 * np.eye(3)[axis]
                geometry = plane.scene.geometry._replace(origin=tuple(shifted.tolist()))
                doubles = np.zeros((values.size, 2))
                render(plane.scene._replace(geometry=geometry), Target(plane.window, None, None, doubles),
                       Modes(threads=2, lanes=False), interpolating=False)
                moved.append(doubles[:, 0].reshape(values.shape))
            slope += np.abs(moved[0] - moved[1]) / 2e-7
        slope = slope[slow:slow + height, fast:fast + width]
        bound = 2.0 * slope * off + 40.0 * U * expected
        # where a fringe is at its zero the slope of the intensity is too, and the second order is left
        bound += expected.max() * 1e-14
        assert (np.abs(found - expected) <= bound).all()
        largest = max(largest, float((np.abs(found - expected) / bound).max()))
    assert largest > 0.001


def naive_place(panel, fast, slow, oversample, sub_fast, sub_slow):
    """Middle of a sub-pixel [m], from the panel's own vectors."""
    f, s = fast + (sub_fast + 0.5) / oversample, slow + (sub_slow + 0.5) / oversample
    return np.array([o + f * x + s * y for o, x, y in zip(panel.origin_mm, panel.fast_mm, panel.slow_mm)]) / 1000.0


@pytest.mark.parametrize("fast_mm, slow_mm", [((0.0, 0.0, 0.2), (0.0, -0.1, 0.0)),
                                              ((0.001, 0.002, 0.1), (0.0, -0.0998, 0.001)),
                                              ((0.03, 0.1, 0.02), (-0.01, 0.02, 0.15)),
                                              # of the other hand: fast x slow points to the sample
                                              ((0.0, -0.1, 0.0), (0.0, 0.0, 0.2))])
def test_pitch_vectors_that_are_no_unit_vectors(fast_mm, slow_mm):
    """Places and solid angles against the panel's own vectors: a parallelogram's area, and its obliquity."""
    panel = nb.Panel(origin_mm=(80.0, 3.0, -4.0), fast_mm=fast_mm, slow_mm=slow_mm, pixels=(7, 5))
    detector = nb.Detector(panels=[panel])
    prepared = nb.Simulator(detector, nb.Beam(polarisation_fraction=None), 1.0, sampling=nb.Sampling(
        oversample=2)).prepare(nb.Crystal(cell=CELL))
    g = prepared.scene.geometry
    normal = np.cross(fast_mm, slow_mm)
    area, normal = np.linalg.norm(normal) * 1e-6, normal / np.linalg.norm(normal)
    normal = normal * math.copysign(1.0, normal @ panel.origin_mm)
    assert np.allclose(g.normal, normal, rtol=0.0, atol=1e-15) and math.isclose(g.pixel_area, area, rel_tol=1e-14)
    values = strict_values(prepared)
    scale = prepared.scene.sampling.scale
    for slow in range(5):
        for fast in range(7):
            first = naive_place(panel, fast, slow, 2, 0, 0)
            distance = np.linalg.norm(first)
            # one cell and one amplitude: what is left is the solid angle, taken at the first sub-pixel
            omega = area / distance ** 2 * (first @ normal) / distance
            assert math.isclose(values[slow, fast], scale * omega, rel_tol=1e-13)
            middle = naive_place(panel, fast, slow, 2, 1, 1)
            sub = g.sub_pixel_size
            found = [o + sub * (2 * fast + 1.5) * x + sub * (2 * slow + 1.5) * y
                     for o, x, y in zip(g.origin, g.fast_axis, g.slow_axis)]
            assert np.allclose(found, middle, rtol=0.0, atol=1e-16)


def test_panels_of_different_sizes_sensors_and_masks():
    base = nb.Detector(**PLANE)
    mask = np.ones((9, 14), bool)
    mask[3:5, 2:9] = False
    panels = [as_panel(base, 0, 0, (10, 20)), as_panel(base, 12, 3, (14, 9), mask=mask),
              as_panel(base, 20, 15, (10, 20), sensor_thickness_um=100.0, attenuation_depth_um=300.0, sensor_layers=2)]
    detector = nb.Detector(panels=panels)
    assert detector.shape is None and detector.shapes == ((20, 10), (9, 14), (20, 10))
    images = simulator(detector).image(crystal())
    assert [image.shape for image in images] == [(20, 10), (9, 14), (20, 10)]
    assert not images[1][3:5, 2:9].any() and images[1][0].all()
    # layers fill the sensor, however many there are: what is captured is 1 - exp(-100 um / (300 um cos))
    bare = simulator(nb.Detector(panels=[as_panel(base, 20, 15, (10, 20))])).image(crystal(mosaic_domains=1))
    for layers in (1, 2, 7):
        panel = as_panel(base, 20, 15, (10, 20), sensor_thickness_um=100.0, attenuation_depth_um=300.0,
                         sensor_layers=layers)
        every_layer = nb.Sampling(oversample=2, per_step="capture")
        ratio = simulator(nb.Detector(panels=[panel]), sampling=every_layer).image(
            crystal(mosaic_domains=1)).sum() / bare.sum()
        assert abs(ratio - (1.0 - math.exp(-1.0 / (3.0 * 0.98)))) < 0.01
    result = simulator(detector).run(crystal())
    assert len(result.prepared) == 3 and [o.masked for o in result.outcome] == [0, 14, 0]
    alone = [simulator(nb.Detector(panels=[panel])).image(crystal()) for panel in panels]
    assert all(same(a, b) for a, b in zip(images, alone, strict=True))


def test_automatic_sub_pixels_are_those_of_the_nearest_panel():
    base = nb.Detector(**PLANE)
    near = nb.Detector(**PLANE | dict(distance_mm=20.0))
    shot = nb.Simulator(nb.Detector(panels=[as_panel(base), as_panel(near)]), BEAM, TABLE).prepare_shot(
        crystal(n_cells=30))
    alone = nb.Simulator(near, BEAM, TABLE).prepare(crystal(n_cells=30)).oversample
    assert [panel[0].scene.geometry.oversample for panel in shot] == [alone] * 2 and alone > 1


def test_automatic_sub_pixels_are_those_of_the_longer_side():
    """Which of the two vectors is called fast does not decide."""
    found = []
    for fast_mm, slow_mm in (((0, 0, 0.05), (0, -1.5, 0)), ((0, -1.5, 0), (0, 0, 0.05)), ((0, 0, 1.5), (0, -1.5, 0))):
        panel = nb.Panel(origin_mm=(90, 1, 2), fast_mm=fast_mm, slow_mm=slow_mm, pixels=(3, 4))
        prepared = nb.Simulator(nb.Detector(panels=[panel]), BEAM, TABLE).prepare(crystal(n_cells=20))
        found.append(prepared.scene.geometry.oversample)
    assert found[0] == found[1] == found[2] > 1


def test_state_begins_anew_in_each_window():
    """What the first pixel of a rotation has under `main` (Q1), a window's first pixel has: as a region's."""
    turned = crystal(oscillation_deg=1.0, phi_steps=2, mosaic_domains=1, mosaic_spread_deg=0.0)
    how = dict(revision="main", sampling=nb.Sampling(oversample=1))
    cut = simulator(nb.Detector(**PLANE, windows=[(0, 0, 10, 28), (10, 0, 26, 28)]), **how).image(turned)
    whole = simulator(nb.Detector(**PLANE), **how).image(turned)
    region = simulator(nb.Detector(**PLANE), **how, roi=(10, 35, 0, 27)).image(turned)
    assert same(cut[0], np.ascontiguousarray(whole[:, :10])) and same(cut[1], np.ascontiguousarray(region[:, 10:]))
    assert (cut[1] != whole[:, 10:]).sum() == 1 and cut[1][0, 0] != whole[0, 10]


@pytest.mark.parametrize("fields, message", [
    (dict(panels=[]), "panels: \\[\\] must be one or more Panel"), (dict(panels=[1]), "must be one or more Panel"),
    (dict(panels=5), "panels: 5 must be"),
    (dict(windows=[]), "windows: \\[\\] must be one or more"), (dict(windows=[(0, 0, 5)]), "four pixel numbers"),
    (dict(windows=[(0, 0, 37, 5)]), "must lie in 36 x 28"), (dict(windows=[(-1, 0, 3, 5)]), "windows: -1"),
    (dict(windows=[(0, 0, 3, 5)], curved=True), "curved")])
def test_bad_panels_and_windows(fields, message):
    plane = {} if "panels" in fields else PLANE
    with pytest.raises(ValueError, match=message):
        nb.Detector(**plane, **fields)


@pytest.mark.parametrize("fields, message", [
    (dict(origin_mm=(0, 0)), "origin_mm"), (dict(origin_mm=(0, 1, 1)), "go through the sample"),
    (dict(fast_mm=(0, 0, 0)), "fast_mm"), (dict(slow_mm=(0, 0, -5)), "parallel"), (dict(pixels=(0, 5)), "pixels: 0"),
    (dict(pixels=(5,)), "two numbers"), (dict(mask=np.ones((3, 3))), "mask: shape"),
    (dict(sensor_thickness_um=-1.0), "sensor_thickness_um"), (dict(origin_mm=(np.nan, 0, 0)), "origin_mm: nan"),
    (dict(fast_mm=(0, 0, 1e200), slow_mm=(0, 1e200, 0)), "must span a finite area"),
    (dict(name=3), "name: 3 must be text"),
    (dict(name="p7", pixels=(0, 5)), "^panel 'p7': pixels: 0")])
def test_bad_fields_of_a_panel(fields, message):
    with pytest.raises(ValueError, match=message):
        nb.Panel(**dict(origin_mm=(100, 0, 0), fast_mm=(0, 0, 0.1), slow_mm=(0, -0.1, 0), pixels=(4, 5)) | fields)


def test_what_goes_with_one_plane_only():
    panel = as_panel(nb.Detector(**PLANE))
    with pytest.raises(ValueError, match="distance_mm: 50.0 does not go with panels"):
        nb.Detector(panels=[panel], distance_mm=50.0)
    with pytest.raises(ValueError, match="mask: .* does not go with panels"):
        nb.Detector(panels=[panel], mask=np.ones((1024, 1024)))
    two = nb.Detector(panels=[panel, panel])
    with pytest.raises(ValueError, match="roi: .* goes with a detector of one panel, not of 2"):
        simulator(two, roi=(0, 3, 0, 3))
    with pytest.raises(ValueError, match="detector: 2 panels; must be one here"):
        simulator(two).prepare(crystal())
    with pytest.raises(ValueError, match="detector: 2 panels"):
        nb.trace(crystal(), BEAM, two, TABLE, 1, 1)
    assert simulator(nb.Detector(panels=[panel]), roi=(0, 3, 0, 3)).image(crystal()).shape == (28, 36)
