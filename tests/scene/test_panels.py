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
@pytest.mark.parametrize("name", ["plain", "tilted", "xds"])
def test_panels_differ_by_the_rounding_of_their_origins(name, shape):
    """A place that is off by d changes a value by its derivative along d, and the factors of a pixel by some u.

    The origin is rounded four times on its way through millimetres (three products and sums, one
    division) and the axes twice: within 8 u of the largest coordinate for the former and 4 u of
    the panel's extent for the latter.  Derivatives are differences over +-100 nm; their error and
    the second order are within the same again.  Area and obliquity: 40 u.
    """
    detector = nb.Detector(**PLANE, **VARIANTS[name])
    made = crystal(shape=shape)
    plane = simulator(detector).prepare(made)
    values, largest = strict_values(plane), 0.0
    for fast, slow, width, height in CUTS:
        panel = as_panel(detector, fast, slow, (width, height))
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
    (dict(fast_mm=(0, 0, 1e200)), r"fast_mm: .* must be 1e-12 to 1e\+12 mm long"),
    (dict(slow_mm=(0, 1e-160, 0)), r"slow_mm: .* must be 1e-12 to 1e\+12 mm long"),
    (dict(pixels=(2 ** 20, 2 ** 11)), r"1048576 x 2048 pixels; must be .* less than 2\^31 in all"),
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
    with pytest.raises(ValueError, match="roi: .* must have a region, or None, for each of 2 panels"):
        simulator(two, roi=(0, 3, 0, 3))
    with pytest.raises(ValueError, match="detector: 2 panels; must be one here"):
        simulator(two).prepare(crystal())
    with pytest.raises(ValueError, match="detector: 2 panels"):
        nb.trace(crystal(), BEAM, two, TABLE, 1, 1)
    with pytest.raises(ValueError, match="panel: 2"):
        nb.trace(crystal(), BEAM, two, TABLE, 1, 1, panel=2)
    assert simulator(nb.Detector(panels=[panel]), roi=(0, 3, 0, 3)).image(crystal()).shape == (28, 36)


# -- sensors


def thick(layers, **fields):
    """A panel that the beam meets at an angle, with a sensor one absorption length deep."""
    return nb.Panel(**{"origin_mm": (60, 12, -9), "fast_mm": (0.3, 0.0, 0.5), "slow_mm": (0.1, -0.6, 0.0),
                       "pixels": (12, 10), "sensor_thickness_um": 600.0, "attenuation_depth_um": 600.0,
                       "sensor_layers": layers} | fields)


def integral(panel, made, depths, beam=BEAM, mu=None):
    """Photons that the sensor of a panel captures: the sum over many depths, by rule of midpoints.

    At a depth z a pixel sees its own direction and solid angle, and captures mu/cos exp(-mu z/cos) dz of that.
    """
    thickness, mu = panel.sensor_thickness_um / 1000.0, mu or 1000.0 / panel.attenuation_depth_um
    normal = np.cross(panel.fast_mm, panel.slow_mm)
    normal = normal / np.linalg.norm(normal) * math.copysign(1.0, normal @ panel.origin_mm)
    step, total = thickness / depths, 0.0
    for n in range(depths):
        z = (n + 0.5) * step
        bare = nb.Panel(origin_mm=tuple(panel.origin_mm + z * normal), fast_mm=panel.fast_mm, slow_mm=panel.slow_mm,
                        pixels=panel.pixels)
        detector = nb.Detector(panels=[bare])
        place = detector.pixel_positions_mm()
        cosine = place @ normal / np.linalg.norm(place, axis=-1)
        share = np.exp(-mu * (z - step / 2) / cosine) - np.exp(-mu * (z + step / 2) / cosine)
        total = total + share * nb.Simulator(detector, beam, 1.0, sampling=nb.Sampling(oversample=1)).image(made)
    return total


@compiled
@pytest.mark.parametrize("how", [{}, {"revision": "main"}, {"precision": "single"}])
def test_sensors_against_the_integral(how):
    """Layers at their middles, each with its own capture: the integral over depth, and quadratic in their thickness.

    What is left however thin they are is the cosine in the solid angle, which is that of the mean depth of capture
    along the normal: rays at 40 degrees are captured a tenth of the thickness further in front, 0.06 / 57.
    """
    made = crystal(shape="square", n_cells=2, mosaic_domains=1, mosaic_spread_deg=0.0)
    one = nb.Sampling(oversample=1)
    expected, errors = integral(thick(1), made, 100), {}
    for layers in (1, 2, 4, 8, 16):
        image = nb.Simulator(nb.Detector(panels=[thick(layers)]), BEAM, 1.0, sampling=one, threads=2, **how).image(made)
        errors[layers] = float(np.abs(image - expected).max() / expected.max())
    assert errors[1] > 3.5 * errors[2] and errors[2] > 3.5 * errors[4] and errors[4] > 2.0 * errors[8] > 0.0
    assert errors[16] < 0.06 / 57.0


@compiled
def test_what_a_sensor_captures_in_all():
    """However many layers: together 1 - exp(-t mu / cos), and as many photons as without a sensor times that."""
    flat = crystal(n_cells=1, mosaic_domains=1, mosaic_spread_deg=0.0)
    panel = nb.Panel(origin_mm=(3000, 30, -90), fast_mm=(30, 0.0, 5), slow_mm=(1, -60, 0), pixels=(12, 10))
    fields = {name: getattr(panel, name) for name in ("origin_mm", "fast_mm", "slow_mm", "pixels")}
    bare = nb.Detector(panels=[panel])
    place = bare.pixel_positions_mm()
    normal = np.cross(panel.fast_mm, panel.slow_mm)
    cosine = np.abs(place @ normal) / np.linalg.norm(normal) / np.linalg.norm(place, axis=-1)
    ordinary = nb.Simulator(bare, BEAM, 1.0, sampling=nb.Sampling(oversample=1)).image(flat)
    for layers in (None, 1, 2, 7):
        one = nb.Panel(**fields, sensor_thickness_um=450.0, attenuation_depth_um=300.0, sensor_layers=layers)
        image = nb.Simulator(nb.Detector(panels=[one]), BEAM, 1.0, sampling=nb.Sampling(oversample=1)).image(flat)
        # depths change places by 0.45 mm in 500 at least
        assert np.allclose(image / ordinary, 1.0 - np.exp(-1.5 / cosine), rtol=3 * 0.45 / 500)


def test_quirks_of_sensors_belong_to_one_plane_in_the_words_of_c():
    """The notes on Q6 and Q7 are those of planes; a panel has neither."""
    plane = nb.Detector(**PLANE, sensor_thickness_um=300.0, attenuation_depth_um=200.0, sensor_layers=3)
    said = "\n".join(simulator(plane).run(crystal()).notes)
    assert "the captured fraction not at every step" in said and "together they are" in said
    said = "\n".join(simulator(nb.Detector(panels=[thick(3)])).run(crystal()).notes)
    assert "captured fraction" not in said and "sensor layers" not in said


def test_materials_of_sensors():
    xraydb = pytest.importorskip("xraydb", exc_type=ImportError)
    for material, formula, density in (("Si", "Si", 2.329), ("silicon", "Si", 2.329), ("CdTe", "CdTe", 5.85)):
        panel = thick(2, sensor_material=material, attenuation_depth_um=None)
        for wavelength in (0.7, 1.1):
            beam = nb.Beam(wavelength_angstrom=wavelength)
            prepared = nb.Simulator(nb.Detector(panels=[panel]), beam, TABLE).prepare(crystal())
            mu = 100.0 * xraydb.material_mu(formula, 12398.42 / wavelength, density=density)
            assert math.isclose(prepared.scene.geometry.attenuation, mu, rel_tol=1e-8)
            assert len(prepared.scene.beam.attenuations) == 0
    for beam in (nb.Beam(wavelength_angstrom=100.0), nb.Beam(wavelength_angstrom=1.0, spectrum=nb.Spectrum(
            [1.0, 100.0]))):
        with pytest.raises(ValueError, match="sensor_material: 'CdTe' at 123.984 eV; the tables have 250 to 800000 eV"):
            nb.Simulator(nb.Detector(panels=[panel]), beam, TABLE).prepare(crystal())


@pytest.mark.parametrize("beam", [
    dict(spectrum=nb.Spectrum([0.7, 0.9, 1.1], [1, 5, 2])), dict(dispersion_percent=3.0, dispersion_steps=3),
    dict(spectrum=nb.Spectrum([0.7, 0.9, 1.1]), divergence_h_mrad=1.0, divergence_h_steps=2),
    dict(sources=[(math.nan, math.nan, math.nan, 1.0, wave / 1e10) for wave in (1.1, 0.9, 1.1)])], ids=str)
def test_a_material_absorbs_at_each_wavelength(beam):
    xraydb = pytest.importorskip("xraydb", exc_type=ImportError)
    panels = [thick(layers, sensor_material="Si", attenuation_depth_um=None) for layers in (1, 2)]
    panels += [thick(3), thick(2, sensor_material="CdTe", attenuation_depth_um=None)]
    beam = nb.Beam(wavelength_angstrom=1.0, **beam)
    shot = nb.Simulator(nb.Detector(panels=panels), beam, TABLE).prepare_shot(crystal())
    for (prepared,), panel in zip(shot, panels):
        sources, sampling = prepared.scene.beam, prepared.scene.sampling
        if panel.sensor_material is None:
            assert len(sources.attenuations) == 0
            continue
        density = {"Si": 2.329, "CdTe": 5.85}[panel.sensor_material]
        mu = [100.0 * xraydb.material_mu(panel.sensor_material, 12398.42 / (wavelength * 1e10), density=density)
              for wavelength in sources.wavelengths.tolist()]
        assert np.allclose(sources.attenuations, mu, rtol=1e-8, atol=0.0) and len(mu) == 3
        # a factor of its own for each source; the solid angle only where layers have one each
        assert sampling.oversample_thick and sampling.oversample_omega == (panel.sensor_layers > 1)
        assert not sampling.running_product


def test_one_wavelength_is_that_of_the_sources():
    """A spectrum of one wavelength need not be the wavelength that headers name."""
    xraydb = pytest.importorskip("xraydb", exc_type=ImportError)
    detector = nb.Detector(panels=[thick(1, sensor_material="Si", attenuation_depth_um=None)])
    made = [nb.Simulator(detector, nb.Beam(**beam), TABLE, sampling=nb.Sampling(oversample=1)).prepare(crystal()).scene
            for beam in (dict(wavelength_angstrom=1.3), dict(wavelength_angstrom=1.3, spectrum=nb.Spectrum([1.1])))]
    for scene, wavelength in zip(made, (1.3, 1.1)):
        assert len(scene.beam.attenuations) == 0 and not scene.sampling.oversample_thick
        assert math.isclose(scene.geometry.attenuation, 100.0 * xraydb.material_mu(
            "Si", 12398.42 / wavelength, density=2.329), rel_tol=1e-8)


@compiled
@pytest.mark.parametrize("how", [{}, {"revision": "main"}, {"precision": "single"}])
def test_two_sides_of_an_edge_against_the_integral(how):
    """Cadmium's K edge, at 0.4642 Angstrom, between two wavelengths: each with its own integral over depth."""
    xraydb = pytest.importorskip("xraydb", exc_type=ImportError)
    waves, weights = (0.462, 0.467), (1.0, 3.0)
    below, above = (100.0 * xraydb.material_mu("CdTe", 12398.42 / wave, density=5.85) for wave in waves)
    assert below > 2.0 * above
    fields = dict(sensor_material="CdTe", attenuation_depth_um=None, sensor_thickness_um=200.0)
    made = crystal(shape="square", n_cells=1, mosaic_domains=1, mosaic_spread_deg=0.0)
    parts = [integral(thick(1, **fields), made, 100, nb.Beam(wavelength_angstrom=wave), mu / 1000.0)
             for wave, mu in zip(waves, (below, above))]
    expected = (weights[0] * parts[0] + weights[1] * parts[1]) / sum(weights)
    beam = nb.Beam(spectrum=nb.Spectrum(waves, weights))

    def error(panel):
        simulator = nb.Simulator(nb.Detector(panels=[panel]), beam, 1.0, threads=2,
                                 sampling=nb.Sampling(oversample=1), **how)
        return float(np.abs(simulator.image(made) / expected - 1.0).max())

    # the cosine of the solid angle is that of one depth: a tenth of the thickness, in 57 mm
    assert max(error(thick(layers, **fields)) for layers in (4, 16)) < 0.02 / 57.0
    # with one attenuation, that of either wavelength or the mean of both, it is another image
    for mu in (below, above, (3.0 * above + below) / 4.0):
        one = fields | {"sensor_material": None, "attenuation_depth_um": 1e6 / mu}
        assert error(thick(4, **one)) > 0.02


def test_without_the_tables_of_materials(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "xraydb", None)
    panel = thick(2, sensor_material="Si", attenuation_depth_um=None)
    with pytest.raises(ImportError, match="sensor_material: 'Si' needs the tables of xraydb: pip install xraydb"):
        simulator(nb.Detector(panels=[panel])).prepare(crystal())


@pytest.mark.parametrize("fields, message", [
    (dict(sensor_material="Xx"), "sensor_material: 'Xx' must be one of Si, Ge"),
    (dict(sensor_material=3), "sensor_material: 3 must be one of"),
    (dict(sensor_material="Si"), "does not go with attenuation_depth_um"),
    (dict(sensor_material="Si", attenuation_depth_um=None, sensor_thickness_um=0.0), "needs a sensor_thickness_um")])
def test_bad_materials(fields, message):
    with pytest.raises(ValueError, match=message):
        thick(2, **fields)


# -- many panels


def test_traces_and_maps_of_panels():
    base = nb.Detector(**PLANE)
    detector = nb.Detector(panels=[as_panel(base, 0, 0, (10, 20)), thick(3), as_panel(base, 20, 15, (10, 9))])
    images = simulator(detector).image(crystal())
    for number, (fast, slow) in ((0, (3, 4)), (1, (11, 9)), (2, (0, 8))):
        trace = nb.trace(crystal(), BEAM, detector, TABLE, fast, slow, sampling=nb.Sampling(oversample=2), panel=number)
        assert trace.pixel == images[number][slow, fast] > 0
        assert detector.resolutions_angstrom(BEAM, number).shape == images[number].shape


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("how", [{}, {"precision": "single"}, {"sampling": nb.Sampling(
    oversample=1, interpolation=True)}], ids=str)
def test_many_panels_have_the_bits_of_each_alone(threads, how):
    """One crew for all, what they share made once: every panel is what it is alone, masked, interpolating or not."""
    base = nb.Detector(**PLANE)
    mask = np.zeros((7, 9), bool)
    mask[5:] = True
    panels = [as_panel(base, 9 * i, 7 * j, (9, 7), mask=mask if i == j else None) for i in range(4) for j in range(4)]
    panels += [thick(1), thick(2, name="deep")]
    images = simulator(nb.Detector(panels=panels), threads=threads, **how)
    result = images.run(crystal())
    assert len(result.outcome) == 18 and [o.pixels for o in result.outcome] == [63] * 16 + [120] * 2
    done = []
    images.run(crystal(), done.append)
    assert sum(done) == 63 * 16 + 240
    for panel, image in zip(panels, result.image, strict=True):
        assert same(image, simulator(nb.Detector(panels=[panel]), threads=1, **how).image(crystal()))


@compiled
def test_what_panels_share_is_made_once(monkeypatch):
    """Tables and plans once, and hardly anything prepared for each of hundreds."""
    from numbragg.kernels.drive import cpu
    from numbragg.scene import shot

    calls = {"grid": 0, "plan": 0, "prepare": 0}

    def counted(name, function):
        def call(*arguments, **fields):
            calls[name] += 1
            return function(*arguments, **fields)
        return call

    monkeypatch.setattr(cpu, "squared_grid", counted("grid", cpu.squared_grid))
    monkeypatch.setattr(cpu, "plan", counted("plan", cpu.plan))
    monkeypatch.setattr(shot, "prepare", counted("prepare", shot.prepare))
    panels = [nb.Panel(origin_mm=(100, 0.1 * n, n % 7), fast_mm=(0, 0.001 * n, 0.1), slow_mm=(0, -0.1, 0),
                       pixels=(5, 4)) for n in range(200)]
    images = simulator(nb.Detector(panels=panels)).image(crystal())
    assert images.shape == (200, 4, 5) and calls == {"grid": 1, "plan": 1, "prepare": 2}
    simulator(nb.Detector(panels=panels)).image([crystal(), crystal(scale=2.0)])
    assert calls["grid"] == 2
