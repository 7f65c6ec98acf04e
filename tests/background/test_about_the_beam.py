"""Pixels about the beam, where ice scatters least and rings have hardly a radius: right to a part of themselves."""

import numpy as np
import pytest
from test_photons import AVOGADRO, CRYSTAL, R_E_SQR
from test_sampling import curve, curve_of, wide

from numbragg import Background, Beam, Detector, Sampling, Simulator
from numbragg.background import Layer, Table
from numbragg.background.pieces import of_table
from numbragg.background.tables import material
from numbragg.kernels.compile.compilation import jit
from numbragg.kernels.physics.amorphous import Amorphous, from_table, integrals

BEAM = Beam(polarisation_fraction=0.9)


def of_pixel(panel, normal, layer, fast, slow):
    """Photons of a pixel by the formula, with NumPy: 48 x 48 points by Gauss's rule, 4 in each of 12 x 12 parts."""
    x, w = np.polynomial.legendre.leggauss(4)
    inside = ((np.arange(12)[:, None] + 0.5 + 0.5 * x) / 12).ravel()
    weight = np.tile(w / 24, 12)
    across, down = np.meshgrid(fast + inside, slow + inside)
    at = (np.array(panel.origin_mm) + across[..., None] * np.array(panel.fast_mm)
          + down[..., None] * np.array(panel.slow_mm))
    distance = np.linalg.norm(at, axis=-1)
    s1 = at / distance[..., None]
    stol = np.sin(0.5 * np.arctan2(np.hypot(s1[..., 0], s1[..., 1]), s1[..., 2]))
    polar = 0.5 * (1 + s1[..., 2] ** 2 - 0.9 * (s1[..., 0] ** 2 - s1[..., 1] ** 2))
    area = np.linalg.norm(panel.fast_mm) * np.linalg.norm(panel.slow_mm)
    mean = np.outer(weight, weight) * curve("ice")(stol) ** 2 * polar * area / distance ** 2 * (s1 @ normal)
    photons = BEAM.fluence_photons_per_m2 * (BEAM.size_mm * 1e-3) ** 2
    table = layer.material
    molecules = table.density_g_per_cm3 * 1e6 * AVOGADRO / table.molecular_weight * layer.thickness_mm * 1e-3
    return R_E_SQR * photons * molecules * mean.sum()


@pytest.mark.parametrize("tilt", [0.0, 0.3])
@pytest.mark.parametrize("distance, pixel, edge, centre", [
    (100.0, 0.172, 40, (20.0, 20.0)), (100.0, 0.172, 40, (19.2, 19.4)), (100.0, 0.02, 40, (20.1, 19.7)),
    (300.0, 0.172, 400, (174.4, 180.2)), (60.0, 0.5, 60, (30.5, 30.5))])
def test_ice_about_the_beam(distance, pixel, edge, centre, tilt):
    panel, normal = wide(distance, pixel, (edge, edge), tilt, (-centre[0] * pixel, -centre[1] * pixel))
    layer = Layer("ice", 0.005)
    found = Simulator(Detector(panels=[panel], convention="adxv"), BEAM, 0.0, background=Background([layer]), threads=1,
                      sampling=Sampling(oversample=1)).run(CRYSTAL).background
    middle = [int(each) for each in centre]
    near = [(middle[0] + i, middle[1] + j) for i in range(-2, 3) for j in range(-2, 3)]
    others = [tuple(each) for each in np.random.default_rng(edge).integers(0, edge, (60, 2))]
    for fast, slow in near + others:
        # pixels of half a degree are coarse
        assert found[slow, fast] == pytest.approx(of_pixel(panel, normal, layer, fast, slow),
                                                  rel=3e-4 if distance > 60.0 else 6e-4)


@jit
def _looked_up(layer, x, out):
    for i in range(len(x)):
        out[i, 0] = from_table(layer, x[i])
        out[i, 1], out[i, 2], out[i, 3] = integrals(layer, x[i])


def on_one(table):
    """A layer that has a table and nothing else."""
    nothing = dict.fromkeys(Amorphous._fields, 0.0)
    return Amorphous(**{**nothing, **of_table(table)})


@pytest.mark.parametrize("table", [
    material("ice"), material("air"), Table("late", (0.1, 0.1001, 0.3, 0.30001), (0.0, 3.0, 2.0, 5.0), 1.0, 18.0)],
    ids=("ice", "air", "late"))
def test_pieces_are_the_table_and_its_integrals(table):
    """From 0 to beyond the last row, at rows and beside them, against midpoints of the curve that NumPy makes."""
    x, f = np.array(table.stol), curve_of(table)
    at = np.concatenate([[0.0], x[:: max(len(x) // 40, 1)], x[-1:], np.linspace(0.0, 1.3 * x[-1], 97)])
    out = np.empty((len(at), 4))
    _looked_up(on_one(table), 1e10 * at, out)
    assert np.allclose(out[:, 0], f(at) ** 2, rtol=1e-9, atol=1e-9)
    points, weights = np.polynomial.legendre.leggauss(6)
    for i, end in enumerate(at):
        # between rows F**2 is a polynomial
        rows = np.unique(np.concatenate([[0.0, end], x[x < end]]))
        half = 0.5 * np.diff(rows)[:, None]
        where = rows[:-1, None] + half * (1.0 + points)
        for power in range(3):
            right = (half * weights * f(where) ** 2 * where ** power).sum()
            assert out[i, 1 + power] == pytest.approx(right * 1e10 ** (1 + power), rel=1e-9, abs=1e-300)
