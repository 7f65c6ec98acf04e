"""How finely layers are sampled: right where rings are sharp and layers thick, and not finer than that needs."""

import math

import numpy as np
import pytest
from test_photons import CRYSTAL, background, expected

from numbragg import Background, Beam, Detector, NumbraggWarning, Panel, Sampling, Simulator, simulate
from numbragg.background import Layer, Table, ground
from numbragg.background.ground import Ground
from numbragg.background.panels import Panel as Seen
from numbragg.background.sampling import sampled
from numbragg.background.tables import material, slopes
from numbragg.commands.cli import main

SENSOR = {"sensor_thickness_um": 320, "attenuation_depth_um": 200}


def curve(name):
    """F of a material between the rows of its table, with NumPy."""
    return curve_of(material(name))


def curve_of(table):
    """F between the rows of a table, and before and behind them."""
    x, y, m = np.array(table.stol), np.array(table.f), np.array(slopes(table.stol, table.f))

    def f(stol):
        i = np.clip(np.searchsorted(x, stol, side="right") - 1, 0, len(x) - 2)
        step = x[i + 1] - x[i]
        t = (stol - x[i]) / step
        inside = ((1 + 2 * t) * (1 - t) ** 2 * y[i] + t * (1 - t) ** 2 * step * m[i]
                  + t * t * (3 - 2 * t) * y[i + 1] + t * t * (t - 1) * step * m[i + 1])
        return np.where(stol >= x[-1], y[-1], np.where(stol < x[0], y[0], inside))
    return f


def wide(distance, pixel, pixels, tilt=0.0, origin=(20.0, -3.0), **sensor):
    """A panel, tilted about the slow axis, and its normal, in a frame whose beam is along +z."""
    c, s = math.cos(tilt), math.sin(tilt)
    return Panel(origin_mm=(*origin, distance), fast_mm=(pixel * c, 0.0, -pixel * s), slow_mm=(0.0, pixel, 0.0),
                 pixels=pixels, **sensor), np.array((s, 0.0, c))


@pytest.mark.parametrize("polarised", [None, 0.9])
@pytest.mark.parametrize("name, begin, end, distance", [
    ("ice", -15.0, 15.0, 60.0), ("ice", -1.0, 1.0, 60.0), ("ice", -45.0, 45.0, 60.0), ("ice", -300.0, -5.0, 60.0),
    ("air", -25.0, 25.0, 100.0), ("air", -25.0, 25.0, 35.0), ("water", -15.0, 15.0, 60.0)])
def test_thick_layers_are_the_integral_along_the_beam(name, begin, end, distance, polarised):
    """Of points so small that their middle stands for them, from near the beam to far from it."""
    steps, fast = 20, 0.0025
    beam = Beam(polarisation_fraction=polarised)
    layer = Layer(name, begin_mm=begin, end_mm=end)
    for tilt in (0.0, 0.35):
        # pixels are narrow, and far from each other in panels of their own
        panels = [wide(distance, fast, (1, 1), tilt, (0.5 + 4.0 * i, -1.3)) for i in range(steps)]
        found = Simulator(Detector(panels=[panel for panel, _ in panels], convention="adxv"), beam, 0.0,
                          background=Background([layer]), threads=1).run(CRYSTAL).background
        for (panel, normal), part in zip(panels, found):
            middle = (np.asarray(panel.origin_mm) + 0.5 * np.asarray(panel.fast_mm) + 0.5 * np.asarray(panel.slow_mm))
            right = expected(middle, normal, fast * fast, beam, layer, curve(name), nodes=20000)
            assert part[0, 0] == pytest.approx(right, rel=2e-4)


@pytest.mark.parametrize("sensor", [{}, SENSOR])
@pytest.mark.parametrize("words", ["ice:5um", "ice:2mm", "ice:30mm", "air:50mm"])
@pytest.mark.parametrize("pixel, distance, tilt, origin", [
    (0.172, 100.0, 0.3, (28.0, -2.0)), (1.5, 60.0, -0.4, (30.0, 9.0)), (0.172, 100.0, 0.0, (60.0, 30.0)),
    (1.5, 60.0, 0.0, (4.0, -3.0))])
def test_pixels_are_means_on_any_panel(words, pixel, distance, tilt, origin, sensor):
    n, rows, fineness = 24, 2, 12
    beam, still = Beam(wavelength_angstrom=1.3, polarisation_fraction=0.9), Sampling(oversample=1)
    coarse, fine = (background(
        Detector(panels=[wide(distance, pixel / parts, (parts * n, parts * rows), tilt, origin, **sensor)[0]],
                 convention="adxv"), beam, words, sampling=still) for parts in (1, fineness))
    means = fine.reshape(rows, fineness, n, fineness).sum(axis=(1, 3))
    # pixels of more than a degree have rings in them
    assert np.allclose(coarse, means, rtol=3e-4 if pixel < 1.0 else 1e-3, atol=1e-6 * means.max())


@pytest.mark.parametrize("words", ["ice:5um", "ice:15mm", "water:-150mm..48mm"])
@pytest.mark.parametrize("edges", [(0.2, 1.2), (1.2, 0.2)])
def test_pixels_that_are_not_square(words, edges):
    """As means of square ones: they need as many points as their longer edge asks for."""
    n, rows, fineness = 12, 10, 6
    beam, parts = Beam(wavelength_angstrom=1.4, polarisation_fraction=-0.5), [round(each / 0.2) for each in edges]

    def seen(fast, slow, counts):
        panel = Panel(origin_mm=(3.0, -2.0, 60.0), fast_mm=(fast, 0.0, 0.0), slow_mm=(0.0, 0.9 * slow, 0.4 * slow),
                      pixels=counts)
        return background(Detector(panels=[panel], convention="adxv"), beam, words, sampling=Sampling(oversample=1))

    coarse = seen(*edges, (n, rows))
    fine = seen(0.2 / fineness, 0.2 / fineness, (n * parts[0] * fineness, rows * parts[1] * fineness))
    means = fine.reshape(rows, parts[1] * fineness, n, parts[0] * fineness).sum(axis=(1, 3))
    assert np.allclose(coarse, means, rtol=5e-4, atol=5e-7 * means.max())


@pytest.mark.parametrize("half_width, thickness", [(1e-5, 10.0), (1e-7, 4.0)])
def test_thick_layers_with_lines_that_no_tried_pixel_meets(half_width, thickness):
    """A line much narrower than pixels is smeared by the layer: none of its light is missing in any pixel."""
    line = Table("line", (0.0, 0.2 - half_width, 0.2, 0.2 + half_width, 0.6), (1.0, 1.0, 1000.0, 1.0, 1.0), 1.0, 18.0)
    beam, layer = Beam(polarisation_fraction=None), Layer(line, thickness)
    # off the beam, where the line is within the panel, and 2 theta some 23.6 degrees
    panel, normal = wide(100.0, 0.1, (90, 2), 0.0, (39.0, 0.0))
    found = background(Detector(panels=[panel], convention="adxv"), beam, [layer])
    beside, = (background(Detector(panels=[panel], convention="adxv"), beam, [Layer(Table("flat", (0.0, 0.6), (
        1.0, 1.0), 1.0, 18.0), thickness)]),)
    # of the line alone: the integral of F**2 over it, over how fast sin(theta)/lambda changes along the beam
    x = 0.2 + half_width * np.linspace(-1.0, 1.0, 200001)
    strength = float(np.mean(curve_of(line)(x) ** 2 - 1.0)) * 2.0 * half_width
    sine, two_theta = 0.2, 2.0 * math.asin(0.2)
    for i in range(90):
        across = math.hypot(39.0 + 0.1 * (i + 0.5), 0.05)
        z = 100.0 - across / math.tan(two_theta)
        if abs(z) > 0.5 * thickness - 0.3:
            continue
        slope = 0.5 * math.sqrt(1.0 - sine * sine) * math.sin(two_theta) ** 2 / across
        distance = across / math.sin(two_theta)
        photons = expected((across, 0.0, 100.0), normal, 0.01, beam, layer, lambda stol: np.ones_like(stol), nodes=1)
        # the formula at the sample, moved to where the line is seen from
        at_sample = math.hypot(across, 100.0)
        moved = photons * (at_sample / distance) ** 3 * ((100.0 - z) / 100.0)
        right = beside[0, i] + moved * strength / slope / thickness
        assert found[0, i] == pytest.approx(right, rel=1e-3), i


def test_curved_detectors_too():
    """Where pixels see the beam under an angle, on a sphere."""
    beam = Beam(wavelength_angstrom=1.3)
    coarse, fine = (background(Detector(pixels=(40 * parts, 30 * parts), pixel_mm=0.5 / parts, distance_mm=60,
                                        curved=True, convention="xds",
                                        beam_centre_mm=(-6.0, -5.0)), beam, "ice:5um,ice:30mm",
                               sampling=Sampling(oversample=1)) for parts in (1, 6))
    means = fine.reshape(30, 6, 40, 6).sum(axis=(1, 3))
    assert np.allclose(coarse, means, rtol=2e-4, atol=1e-6 * means.max())


def test_in_the_beam_itself():
    """Where all of a layer is at one scattering vector, and rings have no radius."""
    detector = Detector(pixels=(21, 21), pixel_mm=0.1, distance_mm=60, beam_centre_mm=(1.05, 1.05),
                        convention="xds")
    found = background(detector, Beam(), "ice:30mm,water:30mm,air:50mm")
    assert np.isfinite(found).all() and found.min() > 0
    assert found[10, 10] == pytest.approx(found[9:12, 9:12].mean(), rel=1e-2)
    assert np.allclose(found, found[::-1, ::-1], rtol=1e-9)


def cost(detector, words, beam=None):
    """What a layer costs: evaluations a pixel."""
    simulator = Simulator(detector, beam or Beam(), 0.0, background=words, threads=1)
    shot = simulator.prepare_shot(CRYSTAL)
    panels = [Seen(panel[0]) for panel in shot]
    layer, = simulator.background.layers
    return sampled(layer, panels)[1].evaluations / sum(panel.prepared.window.pixels for panel in panels)


def test_thick_layers_need_few_points():
    """Twenty million evaluations a pixel were needed once, of 512 nodes and up to 48 x 48 points."""
    assert cost(Detector(pixels=(200, 200), pixel_mm=0.1, distance_mm=100), "ice:30mm") < 100
    assert cost(Detector(pixels=(200, 200), pixel_mm=0.1, distance_mm=60), "ice:30mm") < 100
    assert cost(Detector(pixels=(60, 60), pixel_mm=1.5, distance_mm=60), "ice:30mm") < 30000
    assert cost(Detector(pixels=(60, 60), pixel_mm=1.5, distance_mm=60), "ice:5um") < 500


@pytest.mark.parametrize("pixel, distance", [(0.075, 200), (0.1, 150), (0.172, 100)])
def test_ordinary_detectors_need_few_nodes(pixel, distance):
    detector = Detector(pixels=(2048, 2048), pixel_mm=pixel, distance_mm=distance)
    assert cost(detector, "water:5um") <= 1.01
    assert cost(detector, "air:50mm") <= 6.1
    assert cost(detector, "ice:5um") <= 1.2


def test_a_part_has_the_bits_of_the_whole():
    """What is needed far from the beam is taken near it, too."""
    detector = Detector(pixels=(600, 600), pixel_mm=0.172, distance_mm=60)
    for words in ("air:50mm", "ice:30mm"):
        whole, part = (background(detector, Beam(), words, roi=roi) for roi in ((280, 340, 299, 300),
                                                                              (300, 310, 300, 300)))
        assert np.array_equal(whole[300, 300:311], part[300, 300:311]) and part[300, 305] > 0


def test_what_takes_long_is_announced_before_it_begins(monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(ground, "_LONG", 1e4)
    said = []
    simulator = Simulator(Detector(pixels=(64, 48)), Beam(), 0.0, background="ice:30mm", threads=1)
    made = Ground(simulator.background, simulator.prepare_shot(CRYSTAL), 1, said.append)
    assert len(said) == 1 and "ice from -15 to 15 mm needs about" in said[0] and "minutes of one thread" in said[0]
    assert said[0] not in made.notes
    with pytest.warns(NumbraggWarning, match="needs about .* evaluations"):
        simulate(CRYSTAL, Beam(), Detector(pixels=(64, 48)), 0.0, background="ice:30mm")
    monkeypatch.chdir(tmp_path)
    words = ["-cell", "50", "60", "70", "90", "90", "90", "-default_F", "1", "-N", "5", "-detpixels", "48",
             "--background", "ice:30mm", "-nonoise", "-nopgm"]
    assert main(words) == 0
    assert "numbragg: background: ice from -15 to 15 mm needs about" in capfd.readouterr().err
    assert main([*words, "--quiet"]) == 0
    assert capfd.readouterr().err == ""


def test_what_takes_far_too_long_is_refused(monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(ground, "_LONG", 1e4)
    monkeypatch.setattr(ground, "_TOO_LONG", 2e4)
    with pytest.raises(ValueError, match="must be at most 2e.04") as caught:
        simulate(CRYSTAL, Beam(), Detector(pixels=(64, 48)), 0.0, background="ice:30mm")
    assert "\n" not in str(caught.value)
    monkeypatch.chdir(tmp_path)
    assert main(["-cell", "50", "60", "70", "90", "90", "90", "-default_F", "1", "-N", "5", "-detpixels", "48",
                 "--background", "ice:30mm"]) == 2
    assert len(capfd.readouterr().err.splitlines()) == 1 and list(tmp_path.iterdir()) == []
