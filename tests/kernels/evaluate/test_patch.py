"""What comes near a patch of pixels: its scattering vectors, and the leaves that lattice points reach, one by one.

The oracle is plain NumPy: the vectors of all sub-pixels, and all lattice points around each of them.
"""

from dataclasses import replace
import math

from formula_tools import INTERPRETED
import numba
import numpy as np
import pytest

import numbragg as nb
from numbragg.kernels.drive import cpu as driver_cpu
from numbragg.kernels.evaluate import cull, patch
from numbragg.kernels.physics.records import Window
from numbragg.kernels.physics.structure_factor import Grid
from numbragg.selftest.rounds import compare

FAST, SLOW = patch.PATCH_FAST, patch.PATCH_SLOW


def _prepared(detector=None, beam=None, sampling=None, **crystal):
    panel = {"pixels": (150, 110), "pixel_mm": 0.1, "distance_mm": 60.0, **(detector or {})}
    factors = nb.StructureFactors.from_array(np.ones((41, 41, 41)), (-20, -20, -20), 0.0)
    given = {"cell": (40.0, 52.0, 31.0, 90.0, 90.0, 90.0), "n_cells": (30, 30, 30), "mosaic_spread_deg": 0.4,
             "mosaic_domains": 40, "shape": "gauss", "spot_metric": "hkl"}
    simulator = nb.Simulator(nb.Detector(**panel), beam or nb.Beam(wavelength_angstrom=1.1), factors,
                             sampling=sampling or nb.Sampling(oversample=1))
    return simulator.prepare(nb.Crystal(**{**given, **crystal}))


def _scene(*given, **named):
    return _prepared(*given, **named).scene


@numba.njit(error_model="numpy")
def _patch(geometry, beam, layer, source, corner):
    vectors, rho, least, faces = patch.patch_of(geometry, beam, layer, source, corner[0], corner[1])
    return vectors, rho, least, faces


def _positions(geometry, layer, corner):
    """Laboratory positions of all sub-pixels of a patch, and their places in it: (n, 3), (n,), (n,)."""
    n, size = geometry.oversample, geometry.sub_pixel_size
    f, s = np.meshgrid((np.arange(FAST * n) + 0.5) / n, (np.arange(SLOW * n) + 0.5) / n)
    f, s = f.ravel(), s.ravel()
    fast, slow, normal, origin = (np.array(v, dtype=np.longdouble) for v in (
        geometry.fast_axis, geometry.slow_axis, geometry.normal, geometry.origin))
    where = (np.outer((f + corner[0] + geometry.first_fast) * size * n, fast)
             + np.outer((s + corner[1] + geometry.first_slow) * size * n, slow)
             + layer * geometry.layer_step * normal + origin)
    return where, f / (FAST / 2) - 1.0, s / (SLOW / 2) - 1.0


@pytest.mark.parametrize("detector", [
    {}, {"rotation_deg": (20.0, -35.0, 12.0)}, {"pixel_mm": 0.01}, {"pixel_mm": 0.5, "distance_mm": 30.0},
    {"rotation_deg": (0.0, 70.0, 0.0), "distance_mm": 200.0}])
def test_scattering_vectors_of_a_patch(detector):
    scene = _scene(detector, nb.Beam(wavelength_angstrom=1.1, dispersion_percent=3.0, dispersion_steps=2),
                   nb.Sampling(oversample=2))
    geometry = scene.geometry._replace(layers=2, layer_step=2e-4)
    for corner in ((0, 0), (96, 48), (118, 94)):
        for layer, source in ((0, 0), (1, 1)):
            (q0, u, v), rho, least, faces = _patch(geometry, scene.beam, layer, source, corner)
            where, s, t = _positions(geometry, layer, corner)
            length = np.sqrt((where ** 2).sum(axis=1))
            direction = -scene.beam.directions[0]
            q = (where / length[:, None] - direction) / scene.beam.wavelengths[source]
            off = np.sqrt(((q - np.array(q0) - np.outer(s, u) - np.outer(t, v)) ** 2).sum(axis=1))
            assert off.max() <= rho and least <= length.min()
            # and little is given away
            assert rho < 4.0 * off.max() and least > 0.7 * length.min()
            assert faces == bool((where @ np.array(geometry.normal) > 0.0).all())


def test_a_patch_around_the_sample_is_not_known():
    scene = _scene()
    geometry, size = scene.geometry, scene.geometry.sub_pixel_size * scene.geometry.oversample
    middle = size * (FAST / 2 * np.array(geometry.fast_axis) + SLOW / 2 * np.array(geometry.slow_axis))
    for away, known in ((1e-3, False), (1e-2, True)):
        origin = tuple((away * np.array(geometry.normal) - middle).tolist())
        near = geometry._replace(origin=origin, first_fast=0, first_slow=0)
        assert (_patch(near, scene.beam, 0, 0, (0, 0))[1] < math.inf) == known


@numba.njit(error_model="numpy")
def _near(culling, grid, vectors, limits, marks):
    work = (np.zeros(patch.NEAR_SIZE), np.zeros(cull.GROUP, np.int64), np.zeros(cull.FOUND_SIZE))
    return patch.enter_near(culling, grid, vectors, limits, work, marks)


def _culling(cells, form):
    each = cells.reshape(3, 3, -1)
    stretch = cull._stretch(each, form) * (1.0 + 1e-9)
    edges = np.sqrt((each ** 2).sum(axis=1).max(axis=1)) * (1.0 + 1e-9)
    least = tuple((np.diag(form) * cull._smallest_part(form)).tolist())
    return cull.Culling(cells, cull._root(form), least, tuple(edges.tolist()), stretch,
                        1e-11 * float(np.abs(form).sum()), 1.0, 1.0, np.inf, 0.0, 0.0, 0.0, 0.0, np.zeros(14))


def test_vectors_are_no_longer_than_the_stretch():
    rng = np.random.default_rng(2)
    for _ in range(20):
        cells, axes = rng.normal(size=(3, 3, 7)) * rng.uniform(0.01, 2.0, (1, 3, 1)), rng.normal(size=(3, 3))
        form, stretch = axes @ axes.T, 0.0
        for m in range(7):
            stretch = max(stretch, np.linalg.eigvalsh(cells[:, :, m].T @ form @ cells[:, :, m])[-1] ** 0.5)
        assert stretch * (1.0 - 1e-12) <= cull._stretch(cells, form) <= 1.1 * stretch


@pytest.mark.parametrize("seed", range(2 if INTERPRETED else 16))
def test_every_point_within_reach_is_entered(seed):
    rng = np.random.default_rng(seed)
    orientations = 5 if INTERPRETED else 150  # more than a group
    # rows a, b, c of a cell, turned a little each
    first = rng.normal(size=(3, 3)) * rng.uniform(0.6, 1.5, (3, 1))
    turned = first + rng.choice([0.0, 0.02]) * rng.normal(size=(orientations, 3, 3))
    cells = np.ascontiguousarray(turned.transpose(1, 2, 0).reshape(9, orientations))
    axes = rng.normal(size=(3, 3)) + 2.0 * np.eye(3)
    form = np.diag(rng.uniform(1.0, 50.0, 3) ** 2) if seed % 2 else axes @ axes.T * 100.0
    culling = _culling(cells, form)
    q0, u, v = 4.0 * rng.normal(size=3), *(rng.choice([0.1, 0.5, 1.2]) * rng.normal(size=(2, 3)))
    rho = rng.choice([0.0, 0.003])
    cut = (rng.choice([0.1, 0.3, 0.55]) ** 2) * float(min(culling.least))
    # structure factors of half of the points
    size = 81
    squares = (rng.random(size ** 3) < 0.5).astype(float)
    low, high = (-40.0,) * 3, (40.0,) * 3
    grid = Grid(squares, low, high, float(size ** 2), float(size), np.ones(64), 4, 4, (0.0,) * 3)
    marks = np.full(orientations, 7, dtype=np.uint32)
    entered = _near(culling, grid, tuple(map(tuple, (q0, u, v))), (rho, cut), marks)
    if entered < 0:
        # a plane as thick as that has points everywhere; a patch that wide many
        return
    assert entered == int(np.bitwise_or.reduce(marks))
    s, t = np.meshgrid(np.linspace(-1.0, 1.0, 33), np.linspace(-1.0, 1.0, 17))
    s, t = s.ravel()[:40 if INTERPRETED else None], t.ravel()[:40 if INTERPRETED else None]
    d = rng.normal(size=(len(s), 3))
    d *= (rho / np.linalg.norm(d, axis=1))[:, None]
    q = q0 + np.outer(s, u) + np.outer(t, v) + d
    leaf_fast, leaf_slow = (np.clip(np.floor((x + 1.0) * n / 2), 0, n - 1).astype(int) for x, n in ((s, 8), (t, 4)))
    bit, needed = leaf_fast + 8 * leaf_slow, np.zeros(orientations, dtype=np.int64)
    for j in range(orientations):
        indices = q @ turned[j].T
        for offset in np.ndindex(3, 3, 3):
            n = np.rint(indices) + np.array(offset) - 1.0
            x = indices - n
            within = np.einsum("ni,ij,nj->n", x, form, x) <= cut
            place = ((n - low) @ np.array([size ** 2, size, 1])).astype(int)[within]
            for b in np.unique(bit[within][squares[place] > 0.0]):
                needed[j] |= 1 << int(b)
    assert not (needed & ~marks.astype(np.int64)).any()
    count = [sum(bin(int(x)).count("1") for x in each) for each in (needed, marks)]
    if count[0] > 300:
        assert count[1] < 4 * count[0]


def test_nothing_is_entered_where_nothing_counts():
    culling = _culling(np.ones((9, 3)) + np.eye(9, 3), np.eye(3))
    grid = Grid(np.ones(1), (0.0,) * 3, (0.0,) * 3, 0.0, 0.0, np.ones(64), 4, 4, (0.0,) * 3)
    vectors = ((1.0, 0.0, 0.0), (0.1, 0.0, 0.0), (0.0, 0.1, 0.0))
    marks = np.full(3, 7, dtype=np.uint32)
    assert _near(culling, grid, vectors, (0.0, -1.0), marks) == 0 and not marks.any()
    for limits in ((0.0, math.nan), (math.inf, 1.0), (math.nan, 1.0)):
        assert _near(culling, grid, vectors, limits, marks) == -1


def test_which_scenes_have_patches():
    scene = _scene()
    geometry, beam = scene.geometry, scene.beam
    assert patch.patches_of(scene) == 1
    for changed in (scene._replace(geometry=geometry._replace(curved=True)),
                    scene._replace(geometry=geometry._replace(pixel_area=-1e-8)),
                    scene._replace(geometry=geometry._replace(close_distance=math.nan)),
                    scene._replace(geometry=geometry._replace(thickness=1e-4, attenuation=-1.0)),
                    scene._replace(beam=beam._replace(polarisation_fraction=1.5)),
                    scene._replace(beam=beam._replace(polarisation_axes=beam.polarisation_axes * math.nan)),
                    scene._replace(crystal=scene.crystal._replace(domains=1 << 22))):
        assert patch.patches_of(changed) == 0


def _images(scene, shape, culled, **changes):
    image, doubles = np.full(shape, -1.0, dtype=np.float32), np.zeros((shape[0] * shape[1], 2))
    window = Window(0, shape[1] - 1, 0, shape[0] - 1)
    target = driver_cpu.Target(window, changes.get("mask"), image, doubles)
    outcome = driver_cpu.render(scene, target, driver_cpu.Modes(threads=1, culled=culled), interpolating=False)
    return image, doubles, outcome


@pytest.mark.skipif(INTERPRETED, reason="many steps are for compiled kernels")
def test_dark_tiles_have_zeros_and_half_widths():
    scene, shape = _scene(), (110, 150)
    right, strict, _ = _images(scene, shape, 1 << 62)
    image, doubles, outcome = _images(scene, shape, 0)
    assert image.tobytes() == right.tobytes() and outcome.left_out > 0.5 * 40 * image.size
    assert (np.abs(doubles[:, 0] - strict[:, 0]) <= doubles[:, 1] + strict[:, 1]).all()
    assert (doubles[:, 1] > 0.0).all() and (image == 0.0).mean() > 0.3
    mask = (np.random.default_rng(1).random(shape) < 0.5).astype(np.uint8)
    masked, _, outcome = _images(scene, shape, 0, mask=mask)
    assert (masked[mask == 0] == -1.0).all() and masked[mask != 0].tobytes() == right[mask != 0].tobytes()


@pytest.mark.skipif(INTERPRETED, reason="many steps are for compiled kernels")
def test_a_reach_that_is_too_short_is_seen(monkeypatch):
    scene, shape = _scene(), (110, 150)
    right, _, _ = _images(scene, shape, 0)
    culling_of = driver_cpu.culling_of
    # points counted as further from the patch than they are
    monkeypatch.setattr(driver_cpu, "culling_of", lambda *given: culling_of(*given)._replace(stretch=-4e-6))
    wrong, _, _ = _images(scene, shape, 0)
    assert wrong.tobytes() != right.tobytes()


#: Scenes in which what is told of a patch could be wrong: factors, views and what a pixel starts with.
VIEWS = {
    "background": {"rules": {"background": 1e-3}},
    "a thick sensor": {"detector": {"sensor_thickness_um": 300.0, "attenuation_depth_um": 400.0}},
    "layers": {"detector": {"sensor_thickness_um": 300.0, "attenuation_depth_um": 400.0, "sensor_layers": 3}},
    "sources and sub-pixels": {"beam": {"dispersion_percent": 2.0, "dispersion_steps": 3}, "oversample": 2,
                               "mosaic_domains": 12},
    "a limit of resolution": {"d_min": 4e-10},
    "polarised": {"beam": {"polarisation_fraction": 1.0}},
    "factors at every step": {"beam": {"polarisation_fraction": 0.5}, "oversample": 2, "mosaic_domains": 12,
                              "rules": {"oversample_omega": True, "oversample_polar": True}},
    "near": {"detector": {"distance_mm": 4.0}},
    "behind the sample": {"detector": {"rotation_deg": (0.0, 175.0, 0.0)}},
    "point pixels": {"geometry": {"point_pixel": True}},
    "large": {"n_cells": (200, 150, 300)},
}


@pytest.mark.skipif(INTERPRETED, reason="many steps are for compiled kernels")
@pytest.mark.parametrize("name", VIEWS)
def test_views_have_the_strict_bits(name):
    given = dict(VIEWS[name])
    rules, d_min, geometry = given.pop("rules", {}), given.pop("d_min", 0.0), given.pop("geometry", {})
    beam = nb.Beam(wavelength_angstrom=1.1, **given.pop("beam", {}))
    prepared = _prepared(given.pop("detector", None), beam, nb.Sampling(oversample=given.pop("oversample", 1)), **given)
    scene = prepared.scene
    scene = scene._replace(sampling=scene.sampling._replace(**rules), geometry=scene.geometry._replace(**geometry),
                           beam=scene.beam._replace(d_min=d_min or scene.beam.d_min))
    assert patch.patches_of(scene) > 0
    found, outcome = compare(replace(prepared, scene=scene), name, threads=2)
    assert found.refused is None and found.violations == found.mismatches == 0 and found.ratio <= 1.0
    # pixels of which each sees many lattice points
    assert outcome.left_out > (0.02 if name == "near" else 0.2) * found.steps
