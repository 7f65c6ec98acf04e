"""Photons by reflections: against the steps in plain Python, against the image, and the same on any threads."""

from types import SimpleNamespace

from formula_tools import INTERPRETED, factors_for_oracle
import naive
import naive_labels
import numpy as np
import pytest
import render_tools

import numbragg as nb
from numbragg.kernels.drive import attribution
from numbragg.kernels.drive.attribution import attributed, obstacle
from numbragg.kernels.evaluate.reflections import LARGEST_INDEX, indices_of
from numbragg.scene.prepare import prepare
from numbragg.scene.request import Draft

INDICES = np.array([(h, k, l) for h in range(-9, 10) for k in range(-9, 10) for l in range(-9, 10)])
TABLE = nb.StructureFactors.from_reflections(INDICES, np.random.default_rng(1).uniform(5.0, 90.0, len(INDICES)))
SPECTRUM = np.array([(1.0e-10, 0.2), (1.02e-10, 2.3), (1.05e-10, 0.5)])
BASE = {"cell_given": True, "cell_lengths": [40.0, 50.0, 60.0], "pixels_f": 6, "pixels_s": 5, "pixel_size": 3e-3,
        "distance": 0.05, "oversample": 2, "n_cells": [5.0, 4.0, 3.0], "polarisation_fraction": 0.7}
SETTINGS = {
    "parallelepiped": {},
    "one cell": {"n_cells": [1.0, 1.0, 1.0], "interpolation": False},
    "sphere": {"shape": "round", "rotation_y": 0.4},
    "gauss": {"shape": "gauss", "fudge": 0.01, "oversample": 1},
    "gauss in cells, curved": {"shape": "gauss", "spot_metric": "hkl", "fudge": 0.2, "curved": True},
    "tophat": {"shape": "tophat", "fudge": 0.0002},
    "spectrum, layers, every factor at every step": {
        "spectrum": SPECTRUM, "sensor_thickness": 4e-4, "sensor_layers": 2, "attenuation": 2000.0,
        "oversample_thick": True, "oversample_polar": True, "oversample_omega": True},
    "directions and a limit of resolution": {"divergence_h": 0.004, "divergence_h_steps": 2, "d_min": 5e-10},
    "rotation, more orientations than sub-pixels": {"oscillation": 0.1, "phi_steps": 20},
    "interpolation, which ends in the image": {"interpolation": True, "n_cells": [2.0, 2.0, 2.0]},
    "a region": {"roi": [1, 4, 2, 3]},
    "revision main": {"revision": "main"},
}

slow_if_interpreted = pytest.mark.skipif(INTERPRETED, reason="millions of steps are for compiled kernels")


def prepared_for(name):
    return prepare(Draft(**BASE | SETTINGS[name]).freeze(), TABLE)


def all_pixels(prepared):
    return np.arange(prepared.window.pixels)


def by_reflection(found):
    hkl = np.empty((len(found.keys), 3), np.int64)
    indices_of(found.keys, hkl)
    return {tuple(row): sums for row, sums in zip(hkl.tolist(), found.sums.tolist())}


@pytest.mark.parametrize("name", SETTINGS)
def test_each_reflection_in_each_pixel(name):
    """Strict sines lose digits where many cells cancel: a billionth of the largest is nothing."""
    prepared, draft = prepared_for(name), Draft(**BASE | SETTINGS[name])
    s = naive.scene(SimpleNamespace(**{slot: getattr(draft, slot) for slot in draft.__slots__}),
                    **factors_for_oracle(TABLE))
    expected = naive_labels.reflections(s)
    assert prepared.interpolating == s.interpolate
    least = 1e-9 * max(own[0] for here in expected.values() for own in here.values())
    found = attributed(prepared.scene, prepared.interpolating, prepared.window, all_pixels(prepared), least, 1)
    hkl = np.empty((len(found.keys), 3), np.int64)
    indices_of(found.keys, hkl)
    left, _, width = prepared.window.place
    top = prepared.window.slow_min
    seen = {}
    for pixel, entry, photons in zip(found.bright.pixels.tolist(), found.bright.entries.tolist(),
                                     found.bright.photons.tolist()):
        seen[(top + pixel // width, left + pixel % width), tuple(hkl[entry].tolist())] = photons
    theirs = {(place, key): own[0] for place, here in expected.items() for key, own in here.items()}
    for key in {*seen, *(key for key, photons in theirs.items() if photons > 2.0 * least)}:
        assert abs(seen.get(key, 0.0) - theirs[key]) <= 1e-9 * theirs[key] + 1e-3 * least, key
    assert len(seen) > 10
    sums = {}
    for here in expected.values():
        for key, own in here.items():
            sums[key] = [x + y for x, y in zip(sums.get(key, (0.0, 0.0, 0.0)), own)]
    mine = by_reflection(found)
    for key, (photons, slow, fast) in sums.items():
        if photons > 1e3 * least:
            assert np.allclose(mine[key], (photons, slow, fast), rtol=1e-8, atol=0.0), key


@pytest.mark.parametrize("name", SETTINGS)
def test_all_reflections_are_the_image(name):
    prepared = prepared_for(name)
    made = np.zeros(prepared.shape, dtype=np.float32)
    doubles = np.zeros((prepared.window.pixels, 2))
    render_tools.render(prepared.scene, prepared.window, prepared.mask, made, interpolating=prepared.interpolating,
                        doubles=doubles)
    found = attributed(prepared.scene, prepared.interpolating, prepared.window, all_pixels(prepared), 0.0, 1)
    pixels = np.zeros(prepared.window.pixels)
    np.add.at(pixels, found.bright.pixels, found.bright.photons)
    # of the doubles before they are rounded; where a crystal's fringes cancel, sines lose digits
    assert np.allclose(pixels, doubles[:, 0], rtol=1e-11, atol=1e-13 * doubles.max())
    assert found.counts.sum() == len(found.bright.pixels)


def test_interpolation_ended():
    """The case above is what it says."""
    prepared = prepared_for("interpolation, which ends in the image")
    outcome = render_tools.render(prepared.scene, prepared.window, None, np.zeros(prepared.shape, np.float32),
                                  interpolating=True)
    assert outcome.first_out_of_range is not None


def in_order(found):
    """Reflections by their keys, and those of pixels by pixel and key: what does not depend on who was met first."""
    order = np.argsort(found.keys)
    keys = found.keys[found.bright.entries]
    places = np.lexsort((keys, found.bright.pixels))
    return [part.tobytes() for part in (found.keys[order], found.sums[order], found.counts[order],
                                        found.bright.pixels[places], keys[places], found.bright.photons[places])]


@pytest.mark.parametrize("name", ["parallelepiped", "gauss in cells, curved",
                                  "rotation, more orientations than sub-pixels",
                                  "spectrum, layers, every factor at every step"])
def test_side_by_side_or_one_by_one(name, monkeypatch):
    """The same bits, whether pixels have a place for each lattice point that is near, or none has, or some have."""
    prepared, ways, alone = prepared_for(name), {}, []
    one_by_one = attribution._Attribution.one_by_one
    monkeypatch.setattr(attribution._Attribution, "one_by_one",
                        lambda self, listed, *more: (alone.append(len(listed)), one_by_one(self, listed, *more))[1])
    monkeypatch.setattr(attribution, "_WIDE", 7)
    for box in (0, 8, 4096):
        monkeypatch.setattr(attribution, "_BOX", box)
        monkeypatch.setattr(attribution, "_PER_STEP", box)
        alone.clear()
        ways[box] = in_order(attributed(prepared.scene, False, prepared.window, all_pixels(prepared), 1e-6, 1))
        assert {0: sum(alone) >= prepared.window.pixels, 8: True, 4096: not alone}[box]
    assert ways[0] == ways[8] == ways[4096]


@slow_if_interpreted
def test_any_threads_and_small_tables(monkeypatch):
    """Many bands, tables that must grow, and more views and orientations than are taken at a time."""
    prepared = prepare(Draft(**BASE | {
        "pixels_f": 90, "pixels_s": 70, "pixel_size": 3e-4, "oscillation": 0.2, "phi_steps": 300, "oversample": 4,
        "spectrum": np.array([(1e-10 + n * 1e-13, 1.0) for n in range(20)])}).freeze(), TABLE)
    listed = np.arange(0, prepared.window.pixels, 41)
    monkeypatch.setattr(attribution, "BAND", 16)
    monkeypatch.setattr(attribution, "_OWN", 2)
    monkeypatch.setattr(attribution, "_TABLE", 2)
    one, three = (attributed(prepared.scene, False, prepared.window, listed, 1e-12, threads) for threads in (1, 3))
    assert len(one.keys) > 100
    for mine, other in zip((*one[:3], *one.bright), (*three[:3], *three.bright)):
        assert mine.tobytes() == other.tobytes()
    image = np.zeros(prepared.shape, np.float32)
    mask = np.zeros(prepared.shape, np.uint8)
    mask.reshape(-1)[listed] = 1
    render_tools.render(prepared.scene, prepared.window, mask, image, interpolating=False)
    assert abs(one.sums[:, 0].sum() / image.sum(dtype=float) - 1.0) < 1e-7


def test_what_cannot_be_attributed():
    assert obstacle(prepared_for("parallelepiped").scene) is None
    prepared = prepare(Draft(**BASE | {"revision": "main", "oversample_omega": True}).freeze(), TABLE)
    assert obstacle(prepared.scene) == "factors that multiply a running sum leave no parts of it"
    prepared = prepare(Draft(**BASE | {"cell_lengths": [40.0, 50.0, 5e6]}).freeze(), TABLE)
    assert obstacle(prepared.scene) == f"Miller indices may be beyond {LARGEST_INDEX}"


def test_keys_of_all_indices():
    """At the ends of the range, where a sign would be lost first."""
    ends = (-LARGEST_INDEX, -1, 0, 1, LARGEST_INDEX)
    hkl = [(h, k, l) for h in ends for k in ends for l in ends]
    keys = np.array([int((h * 131072.0 + k) * 131072.0 + l) for h, k, l in hkl])
    found = np.empty((len(hkl), 3), np.int64)
    indices_of(keys, found)
    assert [tuple(row) for row in found.tolist()] == hkl
