"""Structure factors of 0 inside a list: orientations that are passed over have no term, and no bit changes."""

from dataclasses import replace
import itertools
import math

from formula_tools import INTERPRETED
import numba
import numpy as np
import pytest

import numbragg as nb
from numbragg.kernels.drive import cpu as driver_cpu
from numbragg.kernels.drive.order import NO_DOUBLES, NO_IMAGE, NO_LIST, NO_MASK
from numbragg.kernels.evaluate import zeros
from numbragg.kernels.evaluate.lane_rows import BLOCK, QX, SCRATCH_SIZE
from numbragg.kernels.evaluate.lanes import lane_kernel
from numbragg.kernels.physics.records import (
    COMPENSATED,
    EXACT,
    KAHAN,
    SEQUENTIAL,
    SINGLE,
    SQUARE,
    WHOLE,
    Filled,
    Lookup,
    Pixels,
)
from numbragg.kernels.physics.structure_factor import squared_grid
from numbragg.selftest.rounds import compare

compiled_only = pytest.mark.skipif(INTERPRETED, reason="many steps are for compiled kernels")

MOLECULE, PROTEIN = (8.0, 11.0, 15.0, 90.0, 100.0, 90.0), (79.0, 79.0, 38.0, 90.0, 90.0, 90.0)

#: Which reflections a list has.
LISTED = {
    "all": lambda h, k, l: h == h,
    "C": lambda h, k, l: (h + k) % 2 == 0,
    "I": lambda h, k, l: (h + k + l) % 2 == 0,
    "F": lambda h, k, l: ((h + k) % 2 == 0) & ((h + l) % 2 == 0),
    "half": lambda h, k, l: h >= 0,
    "quarter": lambda h, k, l: (h >= 0) & (k <= 0),
    "hole": lambda h, k, l: h * h + k * k + l * l > 12,
    "screw": lambda h, k, l: ~((h == 0) & (k == 0) & (l % 4 != 0)) & ~((h == 0) & (l == 0) & (k % 2 != 0)),
    "far": lambda h, k, l: k < -1,
}


def _factors(listed, reach, default=0.0, size=100.0):
    h, k, l = (each.ravel() for each in np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"))
    kept = LISTED[listed](h, k, l)
    f = np.random.default_rng(2).exponential(size, len(h))
    return nb.StructureFactors.from_reflections(np.stack([h, k, l], axis=1)[kept], f[kept], default=default)


def _prepared(listed="C", cell=MOLECULE, pixel=0.06, factors=None, detector=None, beam=None, sampling=None, **crystal):
    reach = (9, 12, 16) if cell == MOLECULE else (20, 20, 10)
    crystal = {"n_cells": (10, 9, 8), "mosaic_spread_deg": 0.4, "mosaic_domains": 5} | crystal
    if crystal["mosaic_domains"] == 1:
        del crystal["mosaic_spread_deg"]
    simulator = nb.Simulator(
        nb.Detector(**{"pixels": (128, 400), "pixel_mm": pixel, "distance_mm": 100.0,
                       "beam_centre_mm": (-1.0, 200 * pixel)} | (detector or {})),
        nb.Beam(**{"wavelength_angstrom": 1.0} | (beam or {})), factors or _factors(listed, reach),
        sampling=nb.Sampling(**{"oversample": 1, "interpolation": False} | (sampling or {})))
    return simulator.prepare(nb.Crystal(cell=cell, misset_deg=(10, 20, 30), **crystal))


# -- boxes, against a naive search


def _naive_f(lookup, index):
    if lookup.filled and all(low <= n <= high for low, n, high in zip(lookup.minimum, index, lookup.maximum)):
        return lookup.table[tuple(n - low for n, low in zip(index, lookup.minimum))]
    return lookup.default


@numba.njit(error_model="numpy")
def _enter_box(n, scratch, out):
    found, middle, half = zeros.box_of(n, scratch)
    for i in range(3):
        out[0, i], out[1, i] = middle[i], half[i]
    return found


def _box(q):
    """Whether there is a box of scattering vectors, its middle and half its edges."""
    scratch, out = np.zeros(SCRATCH_SIZE), np.empty((2, 3))
    for axis in range(3):
        scratch[QX + axis * BLOCK:QX + axis * BLOCK + len(q)] = q[:, axis]
    found = _enter_box(len(q), scratch, out)
    return found, tuple(out[0].tolist()), tuple(out[1].tolist())


@pytest.mark.parametrize("n", [1, 16, 77, BLOCK])
def test_boxes_hold_all_lanes(n):
    rng = np.random.default_rng(n)
    q = rng.normal(size=(n, 3)) * 1e9
    found, middle, half = _box(q)
    assert found
    np.testing.assert_allclose(middle, 0.5 * (q.min(axis=0) + q.max(axis=0)), rtol=1e-15)
    np.testing.assert_allclose(half, 0.5 * (q.max(axis=0) - q.min(axis=0)), rtol=1e-15)
    for bad in (math.nan, math.inf, -math.inf):
        q[rng.integers(n), rng.integers(3)] = bad
        assert not _box(q)[0]


def _random_lookup(rng):
    extents = rng.integers(1, 7, 3)
    low = rng.integers(-6, 4, 3)
    table = np.zeros(extents + 1)
    inside = table[:-1, :-1, :-1]
    inside[:] = rng.exponential(10.0, extents) * (rng.random(extents) < rng.choice((0.1, 0.5, 1.0)))
    if rng.random() < 0.3:
        inside[rng.integers(extents[0])] = 0.0
    default = float(rng.choice((0.0, 0.0, 3.0)))
    return Lookup(table, tuple(low.tolist()), tuple((low + extents - 1).tolist()), bool(rng.random() < 0.95), default)


def test_only_zeros_are_said_to_be_zeros():
    rng = np.random.default_rng(1)
    said = seen = 0
    for _ in range(3000 if not INTERPRETED else 300):
        lookup = _random_lookup(rng)
        cell = (rng.normal(size=(3, 3)) * 10.0).reshape(-1)
        size = rng.choice((0.01, 0.1, 0.3))
        # indices of size 10, and lanes as far apart as `size` of one
        q = rng.normal(size=3) * rng.choice((0.1, 0.4, 2.0)) + rng.uniform(-1.0, 1.0, (BLOCK, 3)) * size / 20.0
        _, middle, half = _box(q)
        zero = zeros.has_only_zeros(squared_grid(lookup), tuple(cell.tolist()), (middle, half), zeros.MARGIN)
        nearest = np.ceil(q @ cell.reshape(3, 3).T - 0.5).astype(int)
        of_lanes = all(_naive_f(lookup, n) == 0.0 for n in set(map(tuple, nearest.tolist())))
        # all indices of the box, from its corners
        corners = np.array([np.array(middle) + np.array(sign) * half
                            for sign in itertools.product((-1.0, 1.0), repeat=3)]) @ cell.reshape(3, 3).T
        ends = [range(math.ceil(low - 0.500011), math.ceil(high - 0.499989) + 1)
                for low, high in zip(corners.min(axis=0), corners.max(axis=0))]
        of_box = all(_naive_f(lookup, n) == 0.0 for n in itertools.product(*ends))
        assert not zero or of_lanes
        # what the box is said to hold it holds, but where places are too many or a lane is at the very edge
        assert zero or not of_box
        said, seen = said + zero, seen + of_lanes
    assert said > 0.5 * seen > 0.1 * 300 and said < seen


def test_half_of_a_step_away():
    """Halves go down, on both ends of a box of no extent: the margin sees to what rounding could do."""
    table = np.zeros((4, 2, 2))
    table[2, 0, 0] = 1.0
    grid = squared_grid(Lookup(table, (0, 0, 0), (2, 0, 0), True, 0.0))
    for h, zero in ((1.4, True), (1.499, True), (1.5, False), (1.5 - 1e-7, False), (1.6, False), (2.5, False),
                    (2.5 + 1e-7, False), (2.501, True)):
        box = (h, 0.0, 0.0), (0.0, 0.0, 0.0)
        assert zeros.has_only_zeros(grid, (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0), box, zeros.MARGIN) == zero
    for broken in (math.nan, math.inf):
        cell = (broken, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
        assert not zeros.has_only_zeros(grid, cell, ((1.0, 0.0, 0.0), (0.0, 0.0, 0.0)), zeros.MARGIN)


# -- images, before they are rounded


def _doubles(prepared, modes, window=None, mask=None):
    window = window or prepared.window
    image = np.full(prepared.shape, -1.0, dtype=np.float32)
    doubles = np.zeros((window.pixels, 2))
    mask = prepared.mask if mask is None else mask
    outcome = driver_cpu.render(prepared.scene, driver_cpu.Target(window, mask, image, doubles), modes,
                                interpolating=prepared.interpolating)
    return image, doubles, outcome


#: No image has so many steps: nothing is asked.
_NEVER = 1 << 62

SCENES = {
    "C": {}, "I": {"listed": "I", "pixel": 0.03}, "F": {"listed": "F"}, "screw": {"listed": "screw"},
    "hole": {"listed": "hole", "pixel": 0.1}, "half": {"listed": "half"},
    "quarter": {"listed": "quarter", "pixel": 0.1}, "far": {"listed": "far"},
    "protein, F": {"listed": "F", "cell": PROTEIN, "pixel": 0.01},
    "protein, half": {"listed": "half", "cell": PROTEIN},
    "a default": {"factors": lambda: _factors("C", (9, 12, 16), default=4.0)},
    "a default and a short list": {"factors": lambda: _factors("F", (2, 2, 3), default=4.0), "pixel": 0.1},
    "a short list": {"factors": lambda: _factors("F", (2, 2, 3)), "pixel": 0.1},
    "squares that underflow": {"factors": lambda: _factors("C", (9, 12, 16), size=1e-25)},
    "sources": {"beam": {"dispersion_percent": 2.0, "dispersion_steps": 3}},
    "a resolution limit": {"beam": {"d_min_angstrom": 12.0}},
    "spindle": {"oscillation_deg": 1.0, "phi_steps": 4, "mosaic_domains": 2},
    "one orientation": {"mosaic_domains": 1},
    "sub-pixels": {"sampling": {"oversample": 2}},
    "per step": {"sampling": {"oversample": 2, "per_step": ("polarisation", "solid_angle")}},
    "an odd width": {"detector": {"pixels": (150, 300)}},
    "curved": {"detector": {"curved": True}},
    "one cell": {"n_cells": (1, 1, 1)},
}


def _scene(name, **more):
    given = SCENES[name] | more
    if "factors" in given:
        given["factors"] = given["factors"]()
    return _prepared(**given)


@compiled_only
@pytest.mark.parametrize("name", SCENES)
def test_doubles_are_those_of_all_terms(name):
    prepared = _scene(name)
    # a parallelepiped of one cell is a kernel of its own, in each precision
    others = [] if name == "one cell" else [(COMPENSATED, KAHAN), (SINGLE, SEQUENTIAL), (SINGLE, KAHAN)]
    for precision, summation in [(EXACT, SEQUENTIAL), *others]:
        modes = driver_cpu.Modes(precision, summation, threads=1)
        plain, before, usual = _doubles(prepared, modes._replace(culled=_NEVER))
        image, doubles, outcome = _doubles(prepared, modes._replace(culled=0))
        # what was evaluated strictly without need has no half-width
        lanes = before[:, 1] != 0.0 if precision == EXACT else np.ones(len(before), dtype=bool)
        assert lanes.mean() > 0.99 and outcome.strict_pixels <= usual.strict_pixels
        assert doubles[lanes].tobytes() == before[lanes].tobytes()
        assert image.tobytes() == plain.tobytes()


@compiled_only
@pytest.mark.parametrize("shape", ["round", "gauss", "tophat"])
@pytest.mark.parametrize("name", ["C", "half"])
def test_other_shapes(shape, name):
    # too few orientations to be culled
    prepared = _scene(name, shape=shape, spot_metric="hkl" if shape in ("gauss", "tophat") else "nanobragg")
    modes = driver_cpu.Modes(threads=1)
    _, before, _ = _doubles(prepared, modes._replace(culled=_NEVER))
    _, doubles, _ = _doubles(prepared, modes._replace(culled=0))
    lanes = before[:, 1] != 0.0
    assert lanes.mean() > 0.5 and doubles[lanes].tobytes() == before[lanes].tobytes()
    found, _ = compare(prepared, name, threads=1)
    assert found.refused is None and found.violations == found.mismatches == 0


@compiled_only
@pytest.mark.parametrize("background", [0.0, -0.0, 1e-3])
def test_the_strict_bits(background):
    prepared = _prepared("F")
    prepared = replace(prepared, scene=prepared.scene._replace(
        sampling=prepared.scene.sampling._replace(background=background)))
    found, _ = compare(prepared, "F", threads=2)
    assert found.refused is None and found.violations == found.mismatches == 0


@compiled_only
def test_windows_and_masks():
    prepared = _prepared("F", detector={"pixels": (150, 30), "beam_centre_mm": (-1.0, 18.0)})
    rng = np.random.default_rng(5)
    whole, _, _ = _doubles(prepared, driver_cpu.Modes(threads=1, culled=_NEVER))
    for case in range(8):
        (a, b), (c, d) = sorted(rng.integers(0, 150, 2)), sorted(rng.integers(0, 30, 2))
        window = prepared.window._replace(fast_min=int(a), fast_max=int(b), slow_min=int(c), slow_max=int(d))
        mask = (rng.random(prepared.shape) < (0.2, 0.9)[case % 2]).astype(np.uint8)
        image, _, _ = _doubles(prepared, driver_cpu.Modes(threads=case % 2 + 1, culled=0), window, mask)
        wanted = np.full(prepared.shape, -1.0, dtype=np.float32)
        inside = np.zeros(prepared.shape, dtype=bool)
        inside[c:d + 1, a:b + 1] = True
        inside &= mask != 0
        wanted[inside] = whole[inside]
        assert image.tobytes() == wanted.tobytes(), case


@compiled_only
def test_a_sum_of_crystals(monkeypatch):
    detector = nb.Detector(pixels=(128, 400), pixel_mm=0.06, distance_mm=100.0, beam_centre_mm=(-1.0, 12.0))
    simulator = nb.Simulator(detector, nb.Beam(wavelength_angstrom=1.0), _factors("F", (9, 12, 16)),
                             sampling=nb.Sampling(oversample=1, interpolation=False))
    crystals = [nb.Crystal(cell=MOLECULE, misset_deg=(angle, 20, 30), n_cells=n, mosaic_spread_deg=0.4,
                           mosaic_domains=5) for angle, n in ((10, 10), (50, 7), (80, 12))]
    plain = np.asarray(simulator.image(crystals))
    asked = []

    def made_zeros(evaluator, culled):
        asked.append(culled)
        return zeros.ALWAYS

    monkeypatch.setattr(driver_cpu.Evaluator, "made_zeros", made_zeros)
    assert np.asarray(simulator.image(crystals)).tobytes() == plain.tobytes()
    assert len(asked) == 3


# -- that it is done, and that it matters how


def _passed(prepared, margin, patience):
    """Whether each block of an image of one orientation was passed over: a lattice factor that is no number tells."""
    scene = prepared.scene
    assert scene.crystal.domains == len(scene.crystal.phi_rows) == 1 and prepared.mask is None
    scene = scene._replace(crystal=scene.crystal._replace(n_cells=(math.nan,) * 3))
    bound = driver_cpu.planned(prepared.scene, driver_cpu.Modes()).bound._replace(margin=margin, patience=patience)
    count = prepared.window.pixels
    doubles, flags = np.zeros((count, 2)), np.zeros(count, dtype=np.uint8)
    kernel = lane_kernel(SQUARE, False, True, EXACT, SEQUENTIAL)
    kernel(scene, squared_grid(scene.lookup), bound, Pixels(prepared.window.place, NO_MASK, NO_LIST, 0, count),
           len(scene.beam.next_axis) - 1, Filled(NO_IMAGE, doubles, WHOLE, NO_DOUBLES), flags)
    nothing = ~np.isnan(doubles[:, 0]).reshape(-1, BLOCK)
    assert (nothing.all(axis=1) == nothing.any(axis=1)).all()
    return nothing.all(axis=1)


def _naive_dark(prepared):
    """Whether all pixels of each block have F = 0, from the geometry."""
    scene = prepared.scene
    geometry, lookup = scene.geometry, scene.lookup
    height, width = prepared.shape
    fast, slow = (np.arange(n)[:, None] + 0.5 for n in (width, height))
    position = (np.array(geometry.origin) + (fast * np.array(geometry.fast_axis))[None] * geometry.sub_pixel_size
                + (slow * np.array(geometry.slow_axis))[:, None] * geometry.sub_pixel_size).reshape(-1, 3)
    q = (position / np.linalg.norm(position, axis=1)[:, None] + scene.beam.directions[0]) / scene.beam.wavelengths[0]
    nearest = np.ceil(q @ scene.crystal.phi_cells[0].reshape(3, 3).T - 0.5).astype(int)
    return np.array([_naive_f(lookup, n) == 0.0 for n in nearest.tolist()]).reshape(-1, BLOCK).all(axis=1)


@compiled_only
@pytest.mark.parametrize("listed, least", [("C", 0.8), ("F", 0.8), ("half", 0.7), ("far", 0.9), ("screw", 0.8)])
def test_blocks_of_zeros_are_passed_over(listed, least):
    prepared = _prepared(listed, mosaic_domains=1)
    passed, dark = _passed(prepared, *zeros.ALWAYS), _naive_dark(prepared)
    assert not (passed & ~dark).any()
    assert passed.sum() > least * dark.sum() > 0.05 * len(dark)
    assert not _passed(prepared, *zeros.NOT_ASKED).any()
    # with some patience, most of them
    assert passed.sum() >= _passed(prepared, zeros.MARGIN, 3.0).sum() > 0.8 * passed.sum()


@compiled_only
@pytest.mark.parametrize("listed", ["C", "F", "half"])
def test_a_smaller_box_is_seen(listed, monkeypatch):
    prepared = _prepared(listed)
    right, _ = compare(prepared, listed, threads=1)
    assert right.mismatches == right.violations == 0
    # half the extent of a block, on its longest axis, is some 0.6 of an index
    half = 0.5 * BLOCK * 0.06 / 100.0 * max(MOLECULE[:3])
    monkeypatch.setattr(driver_cpu, "ALWAYS", (-half / 3.0, math.inf))
    wrong, _ = compare(prepared, listed, threads=1)
    assert wrong.mismatches > 0 and wrong.violations > 0


def test_patience():
    """Where nothing is found one block in 16 is asked; where a few in a hundred orientations are passed over, all."""
    bound = driver_cpu.planned(_prepared().scene, driver_cpu.Modes()).bound
    assert not zeros.is_tried(bound, 1.0, 32)
    for patience, share, most in ((3.0, 0.0, 1 / 16), (3.0, 0.05, 1.0), (math.inf, 0.0, 1.0)):
        given, now, tried, turns = bound._replace(margin=zeros.MARGIN, patience=patience), patience, 0, 3200
        for turn in range(1, turns + 1):
            if zeros.is_tried(given, now, turn):
                tried += 1
                now = zeros.patience_after(given, now, int(1000 * share), 1000)
        assert abs(tried / turns - most) < 0.002
    # and it is not endless where much has been found
    now = zeros.patience_after(bound, 1.0, 1000, 1000)
    for _ in range(10):
        now = zeros.patience_after(bound, now, 1000, 1000)
    for _ in range(100):
        now = zeros.patience_after(bound, now, 0, 1000)
    assert now <= 0.0


@pytest.mark.parametrize("given, margin", [
    ({"listed": "all"}, math.inf), ({"listed": "screw"}, zeros.MARGIN), ({}, zeros.MARGIN),
    ({"listed": "half"}, zeros.MARGIN), ({"mosaic_domains": 3}, math.inf), ({"default": 1.0}, math.inf),
    ({"constant": 0.0}, zeros.MARGIN), ({"constant": 7.0}, math.inf)])
def test_where_it_is_asked(given, margin):
    given = dict(given)
    if "default" in given:
        given["factors"] = _factors("half", (9, 12, 16), default=given.pop("default"))
    if "constant" in given:
        given["factors"] = nb.StructureFactors.constant(given.pop("constant"))
    prepared = _prepared(**given)
    plan, target = driver_cpu.planned(prepared.scene, driver_cpu.Modes()), driver_cpu.Target(prepared.window)
    assert driver_cpu.Evaluator(prepared.scene, plan, target, driver_cpu.Modes(culled=1)).bound.margin == margin
    # so few steps are not worth while
    assert driver_cpu.Evaluator(prepared.scene, plan, target, driver_cpu.Modes()).bound.margin == math.inf
