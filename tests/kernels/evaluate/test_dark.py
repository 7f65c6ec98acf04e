"""Where a list of structure factors ends before the detector: what is not added up there is exactly 0."""

from dataclasses import replace
import math

from formula_tools import INTERPRETED
import numpy as np
import pytest

import numbragg as nb
from numbragg.kernels.drive import cpu as driver_cpu
from numbragg.kernels.evaluate.dark import dark_beyond, ends_of_rows
from numbragg.selftest.rounds import compare

CELL = (40.0, 52.0, 31.0, 80.0, 107.0, 66.0)


def _factors(d_min, default=0.0):
    """All reflections of the cell up to a resolution."""
    span = np.arange(-40, 41)
    h, k, l = (each.ravel() for each in np.meshgrid(span, span, span, indexing="ij"))
    hkl = np.stack([h, k, l], axis=1)
    a, b, c, alpha, beta, gamma = (*CELL[:3], *np.radians(CELL[3:]))
    metric = np.array([[a * a, a * b * math.cos(gamma), a * c * math.cos(beta)],
                       [a * b * math.cos(gamma), b * b, b * c * math.cos(alpha)],
                       [a * c * math.cos(beta), b * c * math.cos(alpha), c * c]])
    inside = np.einsum("ni,ij,nj->n", hkl, np.linalg.inv(metric), hkl) < 1.0 / d_min ** 2
    f = np.random.default_rng(2).exponential(100.0, int(inside.sum()))
    return nb.StructureFactors.from_reflections(hkl[inside], f, default=default)


def _prepared(shape, factors, background=0.0, **given):
    detector = nb.Detector(pixels=(70, 50), pixel_mm=1.0, distance_mm=40.0, beam_centre_mm=(6.0, 5.0),
                           **given.pop("detector", {}))
    crystal = nb.Crystal(cell=CELL, misset_deg=(10, 20, 30), n_cells=(5, 6, 7), mosaic_spread_deg=2.0,
                         mosaic_domains=9, shape=shape)
    sampling = {"oversample": 2, "interpolation": False} | given.pop("sampling", {})
    ready = nb.Simulator(detector, nb.Beam(wavelength_angstrom=1.1), factors, sampling=nb.Sampling(**sampling),
                         **given).prepare(crystal)
    return replace(ready, scene=ready.scene._replace(sampling=ready.scene.sampling._replace(background=background)))


def _beyond(prepared):
    return dark_beyond(prepared.scene, prepared.window, lambda: ends_of_rows(prepared.scene.lookup))


def test_no_index_beyond_has_a_structure_factor():
    prepared = _prepared("square", _factors(3.0))
    beyond, lookup, crystal = _beyond(prepared), prepared.scene.lookup, prepared.scene.crystal
    # little is given away: half the way to the next lattice point
    assert 1.0 < math.sqrt(beyond) * 3e-10 < 1.3
    rng = np.random.default_rng(4)
    q = rng.normal(size=(200_000 if not INTERPRETED else 500, 3))
    q *= (math.sqrt(beyond) * rng.uniform(0.7, 1.1, len(q)) / np.linalg.norm(q, axis=1))[:, None]
    dark = (q ** 2).sum(axis=1) > beyond
    for cell in crystal.cells.reshape(-1, 3, 3):
        h = np.ceil(q @ cell.T - 0.5).astype(int) - np.array(lookup.minimum)
        known = ((h >= 0) & (h < np.array(lookup.maximum) - lookup.minimum + 1)).all(axis=1)
        f = np.zeros(len(q))
        f[known] = lookup.table[tuple(h[known].T)]
        assert not f[dark].any() and f[~dark].any()


def test_where_all_may_have_terms():
    factors = _factors(3.0)
    assert _beyond(_prepared("square", _factors(3.0, default=1.0))) == math.inf
    # a list that goes as far as the detector does
    near = _prepared("square", factors, detector={"rotation_deg": (0.0, 0.0, 0.0)})
    near = replace(near, scene=near.scene._replace(beam=near.scene.beam._replace(
        wavelengths=near.scene.beam.wavelengths * 4.0)))
    assert _beyond(near) == math.inf
    prepared = _prepared("square", factors)
    stretched = prepared.scene.crystal.mosaic * 1.5
    scene = prepared.scene._replace(crystal=prepared.scene.crystal._replace(mosaic=stretched))
    assert _beyond(replace(prepared, scene=scene)) == math.inf


@pytest.mark.skipif(INTERPRETED, reason="many steps are for compiled kernels")
@pytest.mark.parametrize("shape", ["square", "round", "gauss"])
@pytest.mark.parametrize("background", [0.0, 1e-3])
def test_bits_are_the_strict_ones(shape, background):
    prepared = _prepared(shape, _factors(4.0), background)
    assert _beyond(prepared) < math.inf
    found, outcome = compare(prepared, shape, threads=2)
    assert found.refused is None and found.violations == found.mismatches == 0
    # of spheres some pixels are strict for other reasons
    assert outcome.lane_pixels > 0.5 * outcome.pixels


@pytest.mark.skipif(INTERPRETED, reason="many steps are for compiled kernels")
def test_a_wrong_limit_is_seen(monkeypatch):
    prepared = _prepared("square", _factors(4.0))
    right, _ = compare(prepared, "square", threads=1)
    assert right.mismatches == 0
    beyond = driver_cpu.dark_beyond
    monkeypatch.setattr(driver_cpu, "dark_beyond", lambda *given: 0.4 * beyond(*given))
    wrong, _ = compare(prepared, "square", threads=1)
    assert wrong.mismatches > 0 and wrong.violations > 0


@pytest.mark.skipif(INTERPRETED, reason="many steps are for compiled kernels")
def test_interpolated_structure_factors_are_added_up():
    prepared = _prepared("square", _factors(4.0), sampling={"interpolation": True})
    found, _ = compare(prepared, "tricubic", threads=1)
    assert found.violations == found.mismatches == 0
