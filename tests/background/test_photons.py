"""Photons of a background against an independent reading of the physics, and where nanoBragg's own water is right."""

import math

import numpy as np
import pytest

from numbragg import Background, Beam, Crystal, Detector, Panel, Sampling, Simulator, Spectrum, scan, simulate
from numbragg.background import Layer, Table

R_E_SQR, AVOGADRO = 7.94079248018965e-30, 6.02214179e23
CRYSTAL = Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5)
WATER = Table("flat", (0.0, 1.0), (2.57, 2.57), 1.0, 18.0)
SLOPED = Table("sloped", (0.0, 2.0), (10.0, 2.0), 1.2e-3, 28.0)


def background(detector, beam, layers, **more):
    """The photons of a background alone."""
    return Simulator(detector, beam, 0.0, background=Background(layers), threads=1, **more).run(CRYSTAL).background


def expected(place, normal, area, beam, layer, f, sensor=None, nodes=2000, wavelength=1.0):
    """Photons of one pixel by the formula, with NumPy, the layer by midpoints; beam along z, polarisation along x.

    `place` [mm]; `f` a function of sin(theta)/lambda; `sensor` thickness and 1/e depth [mm].
    """
    z = layer.begin_mm + (np.arange(nodes) + 0.5) / nodes * layer.thickness_mm
    way = np.asarray(place)[None, :] - np.stack([0 * z, 0 * z, z], axis=1)
    distance = np.linalg.norm(way, axis=1)
    s1 = way / distance[:, None]
    stol = np.sin(0.5 * np.arccos(np.clip(s1[:, 2], -1, 1))) / wavelength
    omega = area / distance ** 2 * (s1 @ normal)
    cos_sqr = s1[:, 2] ** 2
    fraction = beam.polarisation_fraction
    polar = 1.0
    if fraction is not None:
        psi = np.arctan2(s1[:, 1], s1[:, 0])
        polar = 0.5 * (1 + cos_sqr - fraction * np.cos(2 * psi) * (1 - cos_sqr))
    capture = 1.0 if sensor is None else -np.expm1(-sensor[0] / sensor[1] / (s1 @ normal))
    photons = beam.fluence_photons_per_m2 * (beam.size_mm * 1e-3) ** 2
    table = layer.material
    molecules = table.density_g_per_cm3 * 1e6 * AVOGADRO / table.molecular_weight * layer.thickness_mm * 1e-3
    return R_E_SQR * photons * molecules * np.mean(f(stol) ** 2 * polar * omega * capture)


def flat(stol):
    return np.full_like(stol, 2.57)


def sloped(stol):
    return 10.0 - 4.0 * stol


def tilted(sensor=None, **more):
    """A panel of 6 x 5 pixels with a normal of its own, in a frame whose beam is along +z."""
    c, s = math.cos(0.3), math.sin(0.3)
    sensor = {} if sensor is None else {"sensor_thickness_um": sensor[0] * 1e3, "attenuation_depth_um": sensor[1] * 1e3}
    return Panel(origin_mm=(12.0, -9.0, 60.0), fast_mm=(0.2 * c, 0.0, -0.2 * s), slow_mm=(0.0, 0.2, 0.0),
                 pixels=(6, 5), **sensor, **more), np.array((s, 0.0, c))


BEAMS = (Beam(polarisation_fraction=None), Beam(polarisation_fraction=0.0),
         Beam(polarisation_fraction=0.8, size_mm=0.05, fluence_photons_per_m2=1e20))


@pytest.mark.parametrize("beam", BEAMS, ids=("none", "unpolarised", "polarised"))
@pytest.mark.parametrize("layer, f", [
    (Layer(WATER, 0.005), flat), (Layer(SLOPED, 50.0), sloped), (Layer(SLOPED, begin_mm=-70.0, end_mm=-3.0), sloped),
    (Layer(SLOPED, begin_mm=5.0, end_mm=45.0), sloped)], ids=("thin", "around", "upstream", "downstream"))
def test_pixels_are_the_integral_along_the_beam(beam, layer, f):
    panel, normal = tilted()
    detector = Detector(panels=[panel], convention="adxv")
    found = background(detector, beam, [layer])
    direction, axis = frame(detector, beam)
    for slow, fast in ((0, 0), (2, 3), (4, 5)):
        place = place_of(panel, fast, slow)
        want = expected(place, normal, 0.04e-6 * 1e6, beam, layer, f)
        assert found[slow, fast] == pytest.approx(want, rel=2e-4)
    assert direction == (0.0, 0.0, 1.0) and axis == (1.0, 0.0, 0.0)


def frame(detector, beam):
    """Direction of travel and polarisation axis of a scene, rounded."""
    prepared = Simulator(detector, beam, 0.0).prepare(CRYSTAL)
    kept = prepared.scene.beam
    return (tuple(np.round(-kept.directions[0], 12) + 0.0), tuple(np.round(np.abs(kept.polarisation_axes[0]), 12)))


def place_of(panel, fast, slow):
    """Middle of a pixel [mm]."""
    return (np.asarray(panel.origin_mm) + (fast + 0.5) * np.asarray(panel.fast_mm)
            + (slow + 0.5) * np.asarray(panel.slow_mm))


def test_a_sensor_captures_part_of_them():
    sensor = (0.3, 0.4)
    panel, normal = tilted(sensor, sensor_layers=30)
    layer = Layer(SLOPED, 40.0)
    beam = BEAMS[2]
    found = background(Detector(panels=[panel], convention="adxv"), beam, [layer])
    # photons stop inside the sensor, at a mean depth of some 0.14 mm of 60
    want = expected(place_of(panel, 3, 2) + 0.136 * normal, normal, 0.04, beam, layer, sloped, sensor)
    assert found[2, 3] == pytest.approx(want, rel=1e-3)


@pytest.mark.parametrize("edge_um", [5.0, 100.0])
def test_one_step_of_nanobraggs_own_water_is_right(edge_um):
    """Its amplitude is constant, its cube has the edge of the beam, and one step divides by nothing."""
    detector = Detector(pixels=(40, 30), distance_mm=50)
    beam = Beam(size_mm=edge_um * 1e-3)
    still = dict(sampling=Sampling(oversample=1), threads=1)
    own = simulate(Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5, water_size_um=edge_um), beam, detector, 0.0,
                   **still)
    found = simulate(CRYSTAL, beam, detector, 0.0, background=Background([Layer(WATER, edge_um * 1e-3)]), **still)
    assert own.max() > 0 and np.allclose(found, own, rtol=3e-6, atol=0)


def test_images_are_sums_rounded_once():
    detector, beam = Detector(pixels=(40, 30)), Beam()
    plain = simulate(CRYSTAL, beam, detector, 100.0, threads=1)
    result = Simulator(detector, beam, 100.0, background="water:5um", threads=1).run(CRYSTAL)
    assert result.background.dtype == np.float64 and result.background.min() > 0
    assert np.array_equal(result.image, (plain.astype(np.float64) + result.background).astype(np.float32))
    assert Simulator(detector, beam, 100.0).run(CRYSTAL).background is None


def test_layers_add_up():
    detector, beam = Detector(pixels=(30, 20), distance_mm=80), Beam()
    whole, parts = (background(detector, beam, words) for words in ("water:5um", "water:2um,water:3um"))
    assert np.allclose(whole, parts, rtol=1e-7)
    whole, parts = (background(detector, beam, words) for words in (
        "air:-30mm..20mm", "air:-30mm..-4mm,air:-4mm..9mm,air:9mm..20mm"))
    assert np.allclose(whole, parts, rtol=2e-4)
    half = background(detector, beam, [Layer(Table("thin", (0.0, 1.0), (2.57, 2.57), 0.5, 18.0), 0.005)])
    assert np.allclose(2.0 * half, background(detector, beam, [Layer(WATER, 0.005)]), rtol=1e-14)


def test_a_layer_elsewhere_is_a_detector_elsewhere():
    """Moved downstream by 20 mm it is seen as from 20 mm nearer."""
    moved, near = (background(Detector(pixels=(30, 20), distance_mm=distance), Beam(), [layer]) for distance, layer in (
        (100.0, Layer(SLOPED, begin_mm=18.0, end_mm=22.0)), (80.0, Layer(SLOPED, 4.0))))
    assert np.allclose(moved, near, rtol=1e-9)


def test_sources_weigh_what_they_weigh_in_the_spots():
    detector = Detector(pixels=(20, 16), distance_mm=60)
    spectrum = Spectrum([0.9, 1.3], [3.0, 1.0])
    both = background(detector, Beam(spectrum=spectrum), [Layer(SLOPED, 0.01)])
    one, other = (background(detector, Beam(wavelength_angstrom=w), [Layer(SLOPED, 0.01)]) for w in (0.9, 1.3))
    # each wavelength has cells of its own, where points are not fine enough
    assert np.allclose(both, 0.75 * one + 0.25 * other, rtol=1e-4)
    turned = ((-1.0, 0.02, 0.0, 1.0, 1e-10), (-1.0, -0.03, 0.01, 9.0, 1.2e-10))
    both = background(detector, Beam(sources=turned), [Layer(SLOPED, 3.0)])
    parts = [background(detector, Beam(sources=[row]), [Layer(SLOPED, 3.0)]) for row in turned]
    assert np.allclose(both, 0.5 * (parts[0] + parts[1]), rtol=1e-6)


def test_regions_masks_threads_and_panels():
    words = "water:5um,ice:1um,air:20mm"
    mask = np.ones((20, 30), dtype=np.uint8)
    mask[3:6, 4:9] = 0
    detector, beam = Detector(pixels=(30, 20), distance_mm=60), Beam()
    whole = background(detector, beam, words)
    region = background(detector, beam, words, roi=(5, 14, 2, 9))
    assert np.array_equal(region[2:10, 5:15], whole[2:10, 5:15]) and np.count_nonzero(region) == 80
    masked = background(Detector(pixels=(30, 20), distance_mm=60, mask=mask), beam, words)
    assert np.array_equal(masked, np.where(mask == 0, 0.0, whole))
    two = Simulator(detector, beam, 0.0, background=words, threads=2).run(CRYSTAL).background
    assert np.array_equal(two, whole)
    panels = [tilted()[0], Panel(origin_mm=(-5.0, 3.0, 70.0), fast_mm=(0.2, 0, 0), slow_mm=(0, 0.2, 0), pixels=(4, 3))]
    both = background(Detector(panels=panels, convention="adxv"), beam, "water:5um")
    for panel, found in zip(panels, both):
        assert np.array_equal(found, background(Detector(panels=[panel], convention="adxv"), beam, "water:5um"))


@pytest.mark.parametrize("words", ["ice:5um", "ice:30mm", "water:5um"])
@pytest.mark.parametrize("pixel, distance", [(0.1, 100.0), (1.5, 60.0)])
def test_pixels_are_means(words, pixel, distance):
    """Of fine ones, also where rings are finer than pixels."""
    # pixels of a thick layer near by take a tenth of a second each
    n, rows, fineness = (4, 1, 4) if (words, pixel) == ("ice:30mm", 1.5) else (30, 3, 16)
    beam = Beam(wavelength_angstrom=1.3)
    # rings of ice are 30 mm away at 100 mm
    origin = (28.0, -2.0, distance)
    coarse, fine = (Detector(panels=[Panel(origin_mm=origin, fast_mm=(pixel / parts, 0, 0),
                                           slow_mm=(0, pixel / parts, 0), pixels=(parts * n, parts * rows))],
                             convention="adxv") for parts in (1, fineness))
    still = Sampling(oversample=1)
    found, right = (background(detector, beam, words, sampling=still) for detector in (coarse, fine))
    right = right.reshape(rows, fineness, n, fineness).sum(axis=(1, 3))
    assert np.allclose(found, right, rtol=1e-3, atol=1e-4 * right.max())


def test_a_curved_detector_sees_it_as_a_flat_one_in_the_middle():
    for layer in (Layer(SLOPED, 0.01), Layer(SLOPED, begin_mm=-20.0, end_mm=20.0)):
        flat_one, curved = (background(Detector(pixels=(16, 16), distance_mm=100, curved=curved), Beam(), [layer])
                            for curved in (False, True))
        assert np.allclose(curved, flat_one, rtol=1e-3)


def test_it_is_made_once_and_does_not_depend_on_the_crystal():
    simulator = Simulator(Detector(pixels=(30, 20)), Beam(), 10.0, background="water:5um")
    first = simulator.run(CRYSTAL)
    large = simulator.run(Crystal(cell=(90, 90, 90, 90, 90, 90), n_cells=40, misset_deg=(1, 2, 3)))
    several = simulator.run([CRYSTAL, CRYSTAL])
    assert large.background is first.background is several.background
    alone = Simulator(Detector(pixels=(30, 20)), Beam(), 10.0, background="water:5um").run(
        Crystal(cell=(90, 90, 90, 90, 90, 90), n_cells=40))
    assert np.array_equal(alone.background, first.background)
    with pytest.raises(ValueError):
        first.background[0, 0] = 0.0


def test_frames_have_it():
    crystal = Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5, oscillation_deg=0.5, phi_steps=2)
    detector, beam = Detector(pixels=(30, 20)), Beam()
    with_it, without = (scan(Simulator(detector, beam, 100.0, background=words), crystal, 2)
                        for words in ("water:5um", None))
    own = background(detector, beam, "water:5um")
    for frame in range(2):
        assert np.array_equal(with_it.image(frame), (without.image(frame).astype(np.float64) + own).astype(np.float32))
    assert with_it._key() != without._key()
