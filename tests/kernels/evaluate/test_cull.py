"""What culling leaves out: bounds against every lane of random tiles, and scenes against the strict evaluator.

The oracle is plain NumPy: indices, nearest points and distances of all pixels, one by one.
"""

from dataclasses import replace
import math

from formula_tools import INTERPRETED
import numba
import numpy as np
import pytest

import numbragg as nb
from numbragg.kernels.drive import cpu as driver_cpu
from numbragg.kernels.evaluate import cull
from numbragg.kernels.evaluate.lane_rows import BLOCK, FAST, QX, SCRATCH_SIZE, SLOW
from numbragg.kernels.physics.structure_factor import Grid
from numbragg.selftest.rounds import compare

#: The table has one entry: places are of no interest here.
GRID = Grid(np.ones(1), (0.0,) * 3, (0.0,) * 3, 0.0, 0.0, np.ones((4, 4, 4)).ravel(), 4, 4, (0.0,) * 3)


@numba.njit(error_model="numpy")
def _bounds(culling, grid, cut, n, scratch, found):
    """Bounds of every orientation: of leaves and squares by boxes, of halves of leaves about the nearest point.

    The last number says whether that point is the only one that counts.
    """
    model, rows = np.zeros(cull.MODEL_SIZE), np.zeros(cull.ROWS_SIZE)
    now, lists, others = np.zeros(cull.FOUND_SIZE), np.arange(cull.LISTS_SIZE), np.zeros(cull.LISTS_SIZE, np.int64)
    rho, _ = cull.enter_model((0, 0, 1 << 20), n, scratch, model, rows)
    count = culling.cells.shape[1]
    cull.enter_extents(culling, 0, count, model, rho, rows)
    for leaf in range(n // 16):
        at = cull.CENTRES + 3 * leaf
        centre = (model[at], model[at + 1], model[at + 2])
        square, off = cull.enter_square(model, leaf % 4 // 2)
        cull.list_boxes(culling, 0, count, square, (cull.SQUARE_EXTENT, off + rho), cut, rows, others)
        for j in range(count):
            found[leaf, j, 1] = rows[cull.LOW + j]
        cull.list_boxes(culling, 0, count, centre, (1.0, 0.0), cut, rows, others)
        cull.enter_nearest(culling, grid, (0, count, lists), centre, culling.stretch * rho, cut, rows, now)
        for j in range(count):
            found[leaf, j, 0] = rows[cull.LOW + j]
            found[leaf, j, 2] = now[cull.LOW_NOW + j]
            found[leaf, j, 3] = now[cull.LOW_NOW + cull.GROUP + j]
            found[leaf, j, 4] = now[cull.ALONE_NOW + j]
    return rho


def _tile(rng, curvature):
    """Scattering vectors of a tile, in its order of lanes: a piece of a curved surface."""
    scratch = np.zeros(SCRATCH_SIZE)
    leaf, lane = np.divmod(np.arange(BLOCK), 16)
    fast, slow = leaf % 4 * 4 + lane % 4, leaf // 4 * 4 + lane // 4
    scratch[FAST:FAST + BLOCK], scratch[SLOW:SLOW + BLOCK] = fast, slow
    origin, u, v, normal = rng.normal(size=(4, 3))
    q = (3.0 * origin[:, None] + 0.01 * (u[:, None] * fast + v[:, None] * slow)
         + curvature * normal[:, None] * ((fast - 7.0) ** 2 + 0.7 * (slow - 3.0) ** 2))
    for axis in range(3):
        scratch[QX + axis * BLOCK:QX + (axis + 1) * BLOCK] = q[axis]
    return scratch, q


def _culling(cells, form):
    """The record for given orientations and a given form."""
    each = cells.reshape(3, 3, -1)
    stretch = math.sqrt(np.einsum("ijm,ik,kjm->m", each, form, each).max()) * (1.0 + 1e-9)
    edges = np.sqrt((each ** 2).sum(axis=1).max(axis=1)) * (1.0 + 1e-9)
    least = tuple((np.diag(form) * cull._smallest_part(form)).tolist())
    return cull.Culling(cells, cull._root(form), least, tuple(edges.tolist()), stretch,
                        1e-11 * float(np.abs(form).sum()), 1.0, 1.0, np.inf, 0.0, 0.0, 0.0, 0.0, np.zeros(14))


@pytest.mark.parametrize("seed", range(3 if INTERPRETED else 30))
def test_bounds_hold_at_every_lane(seed):
    rng = np.random.default_rng(seed)
    size = rng.choice([1.0, 5.0, 12.0])
    cells = size * rng.normal(size=(9, 4 if INTERPRETED else 64)) * np.repeat(rng.uniform(0.4, 1.5, 3), 3)[:, None]
    axes = rng.normal(size=(3, 3))
    form = np.diag(rng.uniform(1.0, 50.0, 3) ** 2) if seed % 2 else axes @ axes.T * 100.0
    scratch, q = _tile(rng, rng.choice([0.0, 1e-6, 1e-4]))
    culling = _culling(cells, form)
    found = np.zeros((8, cells.shape[1], 5))
    cut = 0.1 * float(np.trace(form))
    rho = _bounds(culling, GRID, cut, BLOCK, scratch, found)
    assert math.isfinite(rho)
    indices = np.einsum("ijm,jp->mip", cells.reshape(3, 3, -1), q)
    nearest = np.ceil(indices - 0.5)
    x = indices - nearest
    square = np.einsum("mip,ik,mkp->mp", x, form, x).reshape(-1, 8, 16)
    least = square.min(axis=2).T
    assert (found[:, :, 0] <= least * (1.0 + 1e-12)).all()
    for leaves in ([0, 1, 4, 5], [2, 3, 6, 7]):
        assert (found[leaves, :, 1] <= least[leaves].min(axis=0) * (1.0 + 1e-12)).all()
    alone = found[:, :, 4] > 0.0
    # about the point that is nearest to the centre, which the corners have between them
    centres = q.reshape(3, 8, 16)[:, :, [0, 3, 12, 15]].mean(axis=2)
    of_centre = np.ceil(np.einsum("ijm,jl->mil", cells.reshape(3, 3, -1), centres) - 0.5)
    x = indices.reshape(-1, 3, 8, 16) - of_centre[..., None]
    about = np.einsum("milp,ik,mklp->mlp", x, form, x)
    for half in range(2):
        lanes = about[:, :, 8 * half:8 * half + 8].min(axis=2).T
        assert (found[:, :, 2 + half] <= lanes * (1.0 + 1e-12))[alone].all()
    # a pixel that is nearer to another one is beyond the cut, from either
    other = (nearest.reshape(-1, 3, 8, 16) != of_centre[..., None]).any(axis=1) & alone.T[..., None]
    assert (square[other] >= cut).all() and (about[other] >= cut).all()
    alone &= ~other.any(axis=2).T
    if size == 1.0:
        # and it is worth something
        low = found[:, :, 2:4].min(axis=2)
        assert alone.any() and np.median((least - low)[alone] / least[alone]) < 0.6


def test_smallest_values_on_halves_of_a_square():
    rng = np.random.default_rng(7)
    jit = numba.njit(error_model="numpy")
    least = jit(lambda t, square, along, quadratic: cull.least_square(t, square, along, quadratic, 1.0 / quadratic[0]))
    difference = jit(lambda t, square, along, quadratic: cull.least_difference(t, square, along, quadratic))
    for case in range(20 if INTERPRETED else 300):
        half = case % 2
        s, t = np.meshgrid(np.linspace(-1.0, 1.0, 81), np.linspace(-1.0, -1.0 / 3.0, 41) + 4.0 / 3.0 * half)
        forms = []
        for _ in range(2):
            g = rng.normal(size=(2, 3)) * rng.choice([1.0, 0.1, 10.0], size=(2, 1))
            if case % 5 == 0:
                g[1] = g[0] * rng.normal()  # parallel
            x = rng.normal(size=3) * rng.choice([0.3, 3.0])
            values = ((x[:, None, None] + s * g[0][:, None, None] + t * g[1][:, None, None]) ** 2).sum(axis=0)
            forms.append((np.array([x @ x, x @ g[0], x @ g[1], g[0] @ g[0], g[0] @ g[1], g[1] @ g[1]]), values))
        (own, values), (other, beside) = forms
        middle, size = cull.middle_of(half), 1e-12 * own.max()
        assert abs(middle - t.mean()) < 1e-12
        low = least(middle, own[0], (own[1], own[2]), tuple(own[3:]))
        assert low <= values.min() + size
        # along U nothing is given away, along V what it changes at most
        slope = abs(own[2] + middle * own[5]) + abs(own[4])
        assert low >= values.min() - 4.0 / 3.0 * slope - own[5] / 9.0 - 0.002 * own[3] - size
        apart = own - other
        low = difference(middle, apart[0], (apart[1], apart[2]), tuple(apart[3:]))
        assert low <= (values - beside).min() + 1e-12 * max(own.max(), other.max())


def test_logarithms_are_on_their_sides():
    below = numba.njit(lambda x: cull.log2_below(x))
    above = numba.njit(lambda x: cull.log2_above(x))
    for x in np.exp(np.random.default_rng(1).uniform(-600.0, 600.0, 2000)).tolist() + [1.0, 2.0, 1.5, 1.443, 5e-324]:
        if x > 1e-300:
            assert below(x) <= math.log2(x)
        assert math.log2(x) <= above(x)


def _factors(reach=12, absences=False, default=0.0):
    span = np.arange(-reach, reach + 1)
    h, k, l = (each.ravel() for each in np.meshgrid(span, span, span, indexing="ij"))
    f = np.random.default_rng(3).exponential(100.0, h.size)
    if absences:
        f[(h + k + l) % 2 != 0] = 0.0
    return nb.StructureFactors.from_reflections(np.stack([h, k, l], axis=1), f, default=default)


def _prepared(shape="gauss", metric="hkl", n=20, domains=40, detector=None, beam=None, sampling=None, factors=None,
              **crystal):
    given = {"cell": (40.0, 52.0, 31.0, 90.0, 90.0, 90.0), "misset_deg": (10, 20, 30), "n_cells": (n, n, n),
             "mosaic_spread_deg": 0.4, "mosaic_domains": domains, "shape": shape}
    if metric == "hkl":
        given["spot_metric"] = "hkl"
    else:
        given["fudge"] = 1.0 / (n ** 4 * (40.0 * 52.0 * 31.0) ** (-2.0 / 3.0))
    panel = {"pixels": (67, 45), "pixel_mm": 0.1, "distance_mm": 90.0, "beam_centre_mm": (-20.0, -14.0),
             **(detector or {})}
    simulator = nb.Simulator(nb.Detector(**panel), beam or nb.Beam(wavelength_angstrom=1.1),
                             factors or _factors(), sampling=sampling or nb.Sampling(oversample=1))
    return simulator.prepare(nb.Crystal(**{**given, **crystal}))


#: Scenes, and what is changed of the one above.
SCENES = {
    "hkl": {},
    "the C program's metric": {"metric": "C"},
    "top-hat": {"shape": "tophat", "n": 8},
    "larger": {"n": 60},
    "a crystal of seven cells": {"n": 7},
    "oblique": {"cell": (40.0, 52.0, 31.0, 80.0, 107.0, 66.0)},
    "oblique, the C program's metric": {"cell": (40.0, 52.0, 31.0, 80.0, 107.0, 66.0), "metric": "C"},
    "one cell along an axis": {"n_cells": (1, 25, 30), "sampling": {"oversample": 1, "interpolation": False}},
    "curved, many domains": {"detector": {"curved": True}, "domains": 300},
    "tilted": {"detector": {"rotation_deg": (20.0, -35.0, 12.0)}},
    "coarse pixels": {"detector": {"pixel_mm": 4.0}},
    "fine pixels": {"detector": {"pixel_mm": 0.02}},
    "the table ends": {"factors": "small"},
    "centred": {"factors": "centred", "detector": {"pixel_mm": 0.05}},
    "a default": {"factors": "default"},
    "oversampling": {"sampling": {"oversample": 2}, "domains": 12},
    "per step": {"sampling": {"oversample": 2}, "domains": 12, "rules": {"oversample_omega": True,
                                                                         "oversample_polar": True}},
    "spindle": {"oscillation_deg": 1.0, "phi_steps": 5, "domains": 9},
    "left-handed": {"mirrored": True},
    "no fluence to speak of": {"rules": {"scale": 1e-40}},
    "much fluence": {"rules": {"scale": 1e45}},
    "background": {"rules": {"background": 1e3}},
    "dispersion": {"beam": {"dispersion_percent": 2.0, "dispersion_steps": 3}},
}
_MADE = {"small": lambda: _factors(4), "centred": lambda: _factors(absences=True),
         "default": lambda: _factors(3, default=7.0)}

#: In which little or nothing can be left out.
_KEPT = ("a crystal of seven cells", "coarse pixels", "much fluence")


@pytest.mark.skipif(INTERPRETED, reason="many steps are for compiled kernels")
@pytest.mark.parametrize("name", SCENES)
def test_scenes_have_the_strict_bits(name):
    change = dict(SCENES[name])
    if "factors" in change:
        change["factors"] = _MADE[change["factors"]]()
    if "sampling" in change:
        change["sampling"] = nb.Sampling(**change["sampling"])
    if "beam" in change:
        change["beam"] = nb.Beam(wavelength_angstrom=1.1, **change["beam"])
    rules, mirrored = change.pop("rules", {}), change.pop("mirrored", False)
    prepared = _prepared(**change)
    scene = prepared.scene
    if mirrored:
        # c the other way round
        sign = np.repeat([1.0, 1.0, -1.0], 3)
        crystal, reciprocal = scene.crystal, tuple(sign * np.array(scene.crystal.reciprocal))
        scene = scene._replace(crystal=crystal._replace(phi_cells=crystal.phi_cells * sign, cells=crystal.cells * sign,
                                                        reciprocal=reciprocal))
        assert np.linalg.det(scene.crystal.phi_cells[0].reshape(3, 3)) < 0.0
    prepared = replace(prepared, scene=scene._replace(sampling=scene.sampling._replace(**rules)))
    found, outcome = compare(prepared, name, threads=2)
    assert found.refused is None and found.violations == found.mismatches == 0 and found.ratio <= 1.0
    assert outcome.lane_pixels >= 0.99 * outcome.pixels
    if name not in _KEPT:
        assert outcome.left_out > 0.1 * found.steps


@pytest.mark.slow
@pytest.mark.skipif(INTERPRETED, reason="many steps are for compiled kernels")
def test_top_hat_of_the_c_programs_metric():
    # a kernel of its own that differs from the others in nothing but what they have between them
    found, outcome = compare(_prepared(shape="tophat", metric="C", n=8), "top-hat", threads=2)
    assert found.violations == found.mismatches == 0 and outcome.left_out > 0.1 * found.steps


def _doubles(prepared, culled, window=None, mask=None, threads=1):
    window = window or prepared.window
    image = np.full(prepared.shape, -1.0, dtype=np.float32)
    doubles = np.zeros((window.pixels, 2))
    target = driver_cpu.Target(window, mask, image, doubles)
    outcome = driver_cpu.render(prepared.scene, target, driver_cpu.Modes(threads=threads, culled=culled),
                                interpolating=prepared.interpolating)
    return image, doubles, outcome


@pytest.mark.skipif(INTERPRETED, reason="many steps are for compiled kernels")
def test_windows_and_masks_of_any_size():
    prepared = _prepared(domains=15)
    rng = np.random.default_rng(5)
    whole, _, _ = _doubles(prepared, 10 ** 15)
    for case in range(12):
        (a, b), (c, d) = sorted(rng.integers(0, 67, 2)), sorted(rng.integers(0, 45, 2))
        window = prepared.window._replace(fast_min=int(a), fast_max=int(b), slow_min=int(c), slow_max=int(d))
        mask = None if case % 3 == 0 else (rng.random(prepared.shape) < (0.1, 0.95)[case % 2]).astype(np.uint8)
        image, _, outcome = _doubles(prepared, 0, window, mask, threads=case % 3 + 1)
        wanted = np.full(prepared.shape, -1.0, dtype=np.float32)
        inside = np.zeros(prepared.shape, dtype=bool)
        inside[c:d + 1, a:b + 1] = True
        if mask is not None:
            inside &= mask != 0
        wanted[inside] = whole[inside]
        assert image.tobytes() == wanted.tobytes(), (case, window)


@pytest.mark.skipif(INTERPRETED, reason="many steps are for compiled kernels")
def test_budget_is_what_vouches(monkeypatch):
    # with limits that leave out what matters, the certificate must notice: nothing is wrong, more is recomputed
    prepared = _prepared(domains=30)
    right, _, usual = _doubles(prepared, 0)
    culling_of = driver_cpu.culling_of
    # terms larger than they are said to be by 2^60: these would be left out, and their budget too small
    monkeypatch.setattr(driver_cpu, "culling_of", lambda *given: culling_of(*given)._replace(largest=-60.0, many=-60.0))
    wrong, _, _ = _doubles(prepared, 0)
    assert wrong.tobytes() != right.tobytes()


@pytest.mark.skipif(INTERPRETED, reason="many steps are for compiled kernels")
def test_sums_of_contributions_keep_their_bits():
    simulator = nb.Simulator(nb.Detector(pixels=(60, 40), pixel_mm=0.4, distance_mm=90.0),
                             nb.Beam(wavelength_angstrom=1.1), _factors(), sampling=nb.Sampling(oversample=1))
    crystals = [nb.Crystal(cell=(40.0, 52.0, 31.0, 90.0, 90.0, 90.0), misset_deg=(angle, 20, 30), n_cells=(n, n, n),
                           mosaic_spread_deg=0.4, mosaic_domains=200, shape=shape, spot_metric="hkl")
                for angle, n, shape in ((10, 20, "gauss"), (50, 30, "tophat"), (80, 12, "gauss"))]
    image = np.asarray(simulator.image(crystals))
    threshold = driver_cpu.CULLED_STEPS
    assert 200 * image.size >= threshold
    plain = driver_cpu.Evaluator.made_culling
    try:
        driver_cpu.Evaluator.made_culling = lambda self, culled: None
        assert np.asarray(simulator.image(crystals)).tobytes() == image.tobytes()
    finally:
        driver_cpu.Evaluator.made_culling = plain


def test_what_is_not_culled():
    # too few orientations; a shape that does not fall off; no finite numbers
    for change in ({"domains": 7}, {"shape": "square", "metric": "C", "fudge": 1.0}):
        prepared = _prepared(**change)
        assert cull.culling_of(prepared.scene, 1.0) is None
    scene = _prepared().scene
    assert cull.culling_of(scene, 1.0) is not None
    nothing = {name: np.full_like(getattr(scene.crystal, name), np.nan) for name in ("phi_cells", "cells")}
    broken = scene._replace(crystal=scene.crystal._replace(**nothing))
    assert cull.culling_of(broken, 1.0) is None
