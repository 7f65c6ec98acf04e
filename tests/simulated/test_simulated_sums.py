"""Several crystals and several panels on the simulated device: the bits of the CPU, and what is copied how often."""

import numpy as np
import pytest

import numbragg as nb
from numbragg.kernels.drive import cuda as driver_cuda

CELL = (50, 55, 60, 90, 90, 90)
RNG = np.random.default_rng(2)
TABLE = nb.StructureFactors.from_array(RNG.uniform(5.0, 90.0, (15, 15, 15)), (-7, -7, -7), 5.0)
OTHER = nb.StructureFactors.from_array(RNG.uniform(5.0, 90.0, (9, 9, 9)), (-4, -4, -4), 7.0)
SMALL = dict(pixels=(6, 4), pixel_mm=0.9, distance_mm=60.0)


def crystal(**fields):
    return nb.Crystal(**{"cell": CELL, "n_cells": 3, "misset_deg": (10, 20, 30)} | fields)


#: All shapes, two tables, sums that are shared and sums of their own, orientations that are joined.
SHOT = [crystal(), crystal(misset_deg=(50, 1, 2)), crystal(shape="round", n_cells=(3, 4, 5)),
        crystal(shape="gauss", structure_factors=OTHER), crystal(shape="tophat", fudge=0.01, scale=0.25),
        crystal(mosaic_spread_deg=0.5, mosaic_domains=3)]


def images(detector, shot, beam=nb.Beam(polarisation_fraction=0.9), **how):
    """The image on the device and on the CPU, strictly evaluated where that is possible."""
    settings = {"sampling": nb.Sampling(oversample=1), "threads": 1} | how
    made = [nb.Simulator(detector, beam, TABLE, **settings, backend=backend)
            for backend in ("cuda", "cpu")]
    return [simulator.run(shot) for simulator in made]


def same(a, b):
    return all(x.tobytes() == y.tobytes() and x.shape == y.shape for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("precision", ["exact", "compensated", "single"])
def test_several_crystals(precision):
    on_device, on_cpu = images(nb.Detector(**SMALL), SHOT, precision=precision)
    assert same([on_device.image], [on_cpu.image]) and on_cpu.image.all()
    assert on_device.outcome.backend == "cuda" and len(on_device.outcome.contributions) == 5
    assert on_device.outcome.lane_pixels > 0


def test_shared_sums_in_parts(monkeypatch):
    """Sums are carried from crystal to crystal and from part to part, tile by tile."""
    monkeypatch.setattr(driver_cuda, "LAUNCH_STEPS", 10)
    monkeypatch.setattr(driver_cuda, "TILE_PIXELS", 7)
    on_device, on_cpu = images(nb.Detector(**SMALL), SHOT[:4])
    assert same([on_device.image], [on_cpu.image])


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("tile", [7, 1 << 22])
def test_a_sensor_that_absorbs_each_wavelength_in_its_own_way(monkeypatch, layers, tile):
    pytest.importorskip("xraydb", exc_type=ImportError)
    monkeypatch.setattr(driver_cuda, "TILE_PIXELS", tile)
    beam = nb.Beam(polarisation_fraction=0.9, spectrum=nb.Spectrum([1.0, 1.2, 1.3], [1, 5, 2]),
                   divergence_h_mrad=1.0, divergence_h_steps=2)
    panel = nb.Panel(origin_mm=(60, 2, -2), fast_mm=(0, 0, 0.9), slow_mm=(0, -0.9, 0.1), pixels=(6, 4),
                     sensor_thickness_um=100.0, sensor_material="Si", sensor_layers=layers)
    on_device, on_cpu = images(nb.Detector(panels=[panel]), SHOT[:3], beam)
    assert same([on_device.image], [on_cpu.image]) and on_cpu.image.all()
    one, _ = images(nb.Detector(panels=[panel]), SHOT[:3], nb.Beam(polarisation_fraction=0.9, wavelength_angstrom=1.2))
    assert not np.allclose(one.image, on_device.image, rtol=1e-3)


def test_factors_per_step_and_layers():
    detector = nb.Detector(**SMALL, sensor_thickness_um=200.0, attenuation_depth_um=300.0)
    sampling = nb.Sampling(oversample=2, per_step=("capture", "polarisation", "solid_angle"))
    on_device, on_cpu = images(detector, SHOT[:3], sampling=sampling)
    assert same([on_device.image], [on_cpu.image])


@pytest.mark.parametrize("shot", [[SHOT[0], SHOT[1], SHOT[4]], [crystal(n_cells=n) for n in (5, 4, 3)]])
def test_interpolation_that_is_given_up(shot):
    detector = nb.Detector(**SMALL | dict(pixel_mm=4.0), beam_centre_mm=(1.0, 1.0))
    sampling = nb.Sampling(oversample=1, interpolation=True)
    on_device, on_cpu = images(detector, shot, sampling=sampling)
    expected = sum(images(detector, [one], sampling=sampling)[1].image.astype(float) for one in shot)
    assert (np.abs(on_device.image - expected) <= 1e-6 * expected).all()
    assert same([on_device.image], [on_cpu.image])
    assert [o.first_out_of_range for o in on_device.outcome.contributions] == [
        o.first_out_of_range for o in on_cpu.outcome.contributions]


def test_windows_and_panels():
    cut = nb.Detector(**SMALL, windows=[(0, 0, 4, 4), (4, 1, 2, 3)])
    for shot in (SHOT[0], SHOT[:2]):
        on_device, on_cpu = images(cut, shot)
        assert same(on_device.image, on_cpu.image)
    panels = [nb.Panel(origin_mm=(60, 1, -1), fast_mm=(0, 0, 0.9), slow_mm=(0, -0.8, 0.01), pixels=(3, 2)),
              nb.Panel(origin_mm=(70, 3, 2), fast_mm=(0.1, 0, 0.9), slow_mm=(0, -0.8, 0), pixels=(2, 3),
                       sensor_thickness_um=100.0, attenuation_depth_um=200.0)]
    on_device, on_cpu = images(nb.Detector(panels=panels), SHOT[:3])
    assert same(on_device.image, on_cpu.image)


def test_what_is_copied_once():
    """A session keeps what it holds by panel, and the tables of all crystals of a shot."""
    panels = [nb.Panel(origin_mm=(60 + n, 1, -1), fast_mm=(0, 0, 0.9), slow_mm=(0, -0.8, 0), pixels=(3, 2))
              for n in (0, 1)]
    simulator = nb.Simulator(nb.Detector(panels=panels), nb.Beam(), TABLE, backend="cuda", threads=1,
                             sampling=nb.Sampling(oversample=1))
    shots = [[crystal(misset_deg=(a, 0, 0)), crystal(structure_factors=OTHER)] for a in (0, 5, 9)]
    list(simulator.images(shots))
    assert simulator.backend.session.uploads == {"structure factors": 2, "pixels": 2}


def test_images_that_stay():
    cut = nb.Detector(**SMALL, windows=[(0, 0, 4, 4), (4, 1, 2, 3)])
    for shot in (SHOT[0], SHOT[:2]):
        simulator = nb.Simulator(cut, nb.Beam(), TABLE, backend="cuda", threads=1, sampling=nb.Sampling(oversample=1))
        there, here = simulator.device_image(shot), simulator.image(shot)
        assert same([image.copy_to_host() for image in there], here)
