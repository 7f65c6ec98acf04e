"""Layers of a kilometre, ends beside a pixel, panels beside and behind the sample: an integral over angles."""

import math

import numpy as np
import pytest
from test_photons import AVOGADRO, CRYSTAL, R_E_SQR
from test_sampling import cost, curve

from numbragg import Background, Beam, Detector, Panel, Sampling, Simulator
from numbragg.background import Layer
from numbragg.commands.cli import main

BEAM = Beam(polarisation_fraction=0.9)


def panel_at(two_theta, distance, pixel, pixels, beam_pixel=None):
    """A panel that faces the sample at an angle, turned about y; its normal. The pixel is its middle by default."""
    c, s = math.cos(math.radians(two_theta)), math.sin(math.radians(two_theta))
    normal, fast, slow = np.array((s, 0.0, c)), np.array((pixel * c, 0.0, -pixel * s)), np.array((0.0, pixel, 0.0))
    middle = beam_pixel or (0.5 * pixels[0], 0.5 * pixels[1])
    return Panel(origin_mm=tuple(distance * normal - middle[0] * fast - middle[1] * slow), fast_mm=tuple(fast),
                 slow_mm=tuple(slow), pixels=pixels), normal


def found(panel, layer):
    return Simulator(Detector(panels=[panel], convention="adxv"), BEAM, 0.0, background=Background([layer]), threads=1,
                     sampling=Sampling(oversample=1)).run(CRYSTAL).background


def expected(panel, normal, layer, fast, slow, cells):
    """Photons of a pixel; the angle is the variable, in which a layer is short and smooth however long it is.

    With z = z0 - rho / tan(2 theta) a step dz over the squared distance is a step of the angle over rho.
    """
    table, f = layer.material, curve(layer.material.name)
    x, w = np.polynomial.legendre.leggauss(4)
    inside = ((np.arange(cells)[:, None] + 0.5 + 0.5 * x) / cells).ravel()
    weight = np.tile(0.5 * w / cells, cells)
    across, down = np.meshgrid(fast + inside, slow + inside)
    at = (np.array(panel.origin_mm) + across[..., None] * np.array(panel.fast_mm)
          + down[..., None] * np.array(panel.slow_mm)).reshape(-1, 3)
    rho, azimuth = np.hypot(at[:, 0], at[:, 1]), np.arctan2(at[:, 1], at[:, 0])
    begin, end = (np.arctan2(rho, at[:, 2] - z) for z in (layer.begin_mm, layer.end_mm))
    # pieces end at the rows of the table, where F is not smooth
    rows = 2.0 * np.arcsin([s for s in table.stol if s < 1.0])
    total, (x, w) = np.zeros(len(at)), np.polynomial.legendre.leggauss(8)
    for low, high in zip(rows, [*rows[1:], math.pi]):
        for piece in range(4):
            ends = [np.clip(low + (high - low) * (piece + i) / 4, begin, end) for i in (0, 1)]
            half = 0.5 * (ends[1] - ends[0])
            angle = (0.5 * (ends[0] + ends[1]))[:, None] + half[:, None] * x
            s1 = (np.sin(angle) * np.cos(azimuth)[:, None], np.sin(angle) * np.sin(azimuth)[:, None], np.cos(angle))
            polar = 0.5 * (1 + s1[2] ** 2 - 0.9 * np.cos(2 * azimuth)[:, None] * np.sin(angle) ** 2)
            obliquity = s1[0] * normal[0] + s1[1] * normal[1] + s1[2] * normal[2]
            total += half * (f(np.sin(0.5 * angle)) ** 2 * polar * obliquity * w).sum(axis=1)
    area = np.linalg.norm(panel.fast_mm) * np.linalg.norm(panel.slow_mm)
    photons = BEAM.fluence_photons_per_m2 * (BEAM.size_mm * 1e-3) ** 2
    molecules = table.density_g_per_cm3 * 1e6 * AVOGADRO / table.molecular_weight * 1e-3
    return R_E_SQR * photons * molecules * area * (total / rho * np.outer(weight, weight).ravel()).sum()


@pytest.mark.parametrize("name", ["air", "water"])
@pytest.mark.parametrize("begin, end", [(-1e6, 0.0), (-1e9, 0.0), (-1e9, -1e5), (-1e6, 99.0), (-99.0, 99.0),
                                        (99.0, 99.9), (-50.0, 99.8), (-50.0, 99.95)])
def test_kilometres_upstream_and_a_hair_before_the_detector(name, begin, end):
    panel, normal = panel_at(0.0, 100.0, 0.1, (24, 18), beam_pixel=(13.3, 11.2))
    layer = Layer(name, begin_mm=begin, end_mm=end)
    image = found(panel, layer)
    # the pixel that the beam meets, those beside it, and corners
    for fast, slow in ((13, 11), (12, 11), (13, 10), (0, 0), (23, 17)):
        right = expected(panel, normal, layer, fast, slow, 16 if abs(fast - 13) < 2 else 2)
        assert image[slow, fast] == pytest.approx(right, rel=2.5e-4)


def test_kilometres_are_seen_at_all_angles():
    """A segment of equal length along the beam would hold all of them."""
    panel, normal = panel_at(0.0, 100.0, 0.172, (1200, 2), beam_pixel=(1.0, 1.0))
    layer = Layer("air", begin_mm=-1e6, end_mm=0.0)
    image = found(panel, layer)
    for fast in (10, 100, 400, 1199):
        assert image[1, fast] == pytest.approx(expected(panel, normal, layer, fast, 1, 2), rel=2e-4)


@pytest.mark.parametrize("two_theta, begin, end", [
    (45.0, -1e6, 20.0), (60.0, -150.0, 150.0), (90.0, -30.0, 99.0), (90.0, -1e6, 1e4), (90.0, 0.0, 0.005),
    (120.0, -150.0, 150.0), (170.0, -30.0, 99.0)])
def test_panels_beside_and_behind_the_sample(two_theta, begin, end):
    panel, normal = panel_at(two_theta, 100.0, 0.5, (40, 30))
    layer = Layer("air", begin_mm=begin, end_mm=end)
    image = found(panel, layer)
    for fast, slow in ((0, 0), (39, 0), (20, 15)):
        assert image[slow, fast] == pytest.approx(expected(panel, normal, layer, fast, slow, 2), rel=2.5e-4)


def test_a_large_detector_is_looked_at_where_the_beam_meets_it():
    """Of millions of pixels only some are tried, and a layer's end is near to few of them."""
    panel, normal = panel_at(0.0, 100.0, 0.1, (1500, 1500), beam_pixel=(701.3, 802.2))
    layer = Layer("air", begin_mm=-50.0, end_mm=97.0)
    image = Simulator(Detector(panels=[panel], convention="adxv"), BEAM, 0.0, background=Background([layer]), threads=1,
                      roi=(690, 712, 802, 802)).run(CRYSTAL).background
    for fast in (690, 698, 701, 705, 712):
        assert image[802, fast] == pytest.approx(expected(panel, normal, layer, fast, 802, 8), rel=2.5e-4)


def test_a_near_end_costs_only_near_pixels():
    detector = Detector(pixels=(1000, 1000), pixel_mm=0.1, distance_mm=100)
    assert cost(detector, "air:-50mm..99mm") < 200


@pytest.mark.parametrize("words, part", [
    ("air:-50mm..99.96mm", "comes to 0.04 mm from pixels of 0.1 mm; must be at least 0.05 mm from them, half a pixel"),
    ("air:-50mm..100mm", "reaches the plane of the detector, at 100 mm; must end before it")])
def test_too_near_is_refused(words, part, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main(["-cell", "50", "60", "70", "90", "90", "90", "-default_F", "1", "-N", "5", "-detpixels", "20",
                 "-distance", "100", "--background", words]) == 2
    said = capfd.readouterr().err
    assert part in said and len(said.splitlines()) == 1 and list(tmp_path.iterdir()) == []


def test_a_plane_upstream_is_said_to_be_there():
    panel, _ = panel_at(120.0, 100.0, 0.5, (4, 3))
    with pytest.raises(ValueError, match="at -200 mm; must begin behind it"):
        found(panel, Layer("air", begin_mm=-1000.0, end_mm=0.0))
