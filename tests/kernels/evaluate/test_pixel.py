"""Whole pixels: settings drawn at random over all options, the program against the oracle, bit for bit."""

import os
from pathlib import Path
import shutil

import forks
from formula_tools import (
    INTERPRETED,
    bits,
    draw_factors,
    draw_parameters,
    image_bits,
    oracle_scene,
    prepared_example,
    prepared_scene,
)
import naive
import numpy as np
from places import TESTS
import pytest
import render_tools

import numbragg
from numbragg.kernels.drive import cpu as driver_cpu
from numbragg.kernels.evaluate import strict
from numbragg.kernels.evaluate.strict import RECORD_FIELDS
from numbragg.kernels.physics import records
from numbragg.scene.request import Draft

SEEDS = range(20 if INTERPRETED else 300)

NO_RECORD = None


def window_pixels(prepared):
    """(slow, fast) of the pixels that are computed, in order."""
    fast_min, fast_max, slow_min, slow_max = prepared.window
    return [(slow, fast) for slow in range(slow_min, slow_max + 1) for fast in range(fast_min, fast_max + 1)
            if prepared.mask is None or prepared.mask[slow, fast]]


def oracle_doubles(p, factors):
    """{(slow, fast): the double that is rounded}, and the oracle's scene."""
    s = oracle_scene(p, factors)
    state = naive.initial_state(s)
    places = [(slow, fast) for slow in range(s.pixels_s) for fast in range(s.pixels_f)
              if not naive.skipped(s, slow, fast)]
    with np.errstate(all="ignore"):
        return {place: naive.pixel(s, state, *place) for place in places}, s


def our_doubles(prepared):
    """{(slow, fast): the double that is rounded} of the strict evaluator, in the same order."""
    state = records.initial_state(prepared.interpolating)
    return {(slow, fast): strict.trace_pixel(prepared.scene, fast, slow, state, NO_RECORD)[0]
            for slow, fast in window_pixels(prepared)}


def rendered(prepared, threads, lanes=True):
    """The image, and for each pixel of the window its double before rounding and the lanes' half-width."""
    image = np.zeros(prepared.shape, np.float32)
    fast_min, fast_max, slow_min, slow_max = prepared.window
    width, height = max(fast_max - fast_min + 1, 0), max(slow_max - slow_min + 1, 0)
    doubles = np.zeros((height * width, 2))
    render_tools.render(prepared.scene, prepared.window, prepared.mask, image,
                      interpolating=prepared.interpolating, threads=threads, lanes=lanes, doubles=doubles)
    return image, doubles.reshape(height, width, 2)


def assert_close(prepared, doubles, expected):
    """Lane doubles lie within their half-width about the oracle's; those evaluated strictly have its bits."""
    for (slow, fast), value in expected.items():
        found, half_width = doubles[slow - prepared.window[2], fast - prepared.window[0]].tolist()
        assert bits(found) == bits(value) or abs(found - value) <= half_width, (slow, fast)


def assert_same(p, factors, threads=2):
    """Doubles and float32 pixels of one scene have the oracle's bits, from every evaluator."""
    expected, s = oracle_doubles(p, factors)
    prepared = prepared_scene(p, factors)
    assert prepared.shape == (s.pixels_s, s.pixels_f)
    assert prepared.scene.sampling.steps == s.steps
    found = our_doubles(prepared)
    assert list(found) == list(expected)
    assert bits(list(found.values())) == bits(list(expected.values()))
    image = np.zeros(prepared.shape, np.float32)
    with np.errstate(all="ignore"):
        for place, value in expected.items():
            image[place] = np.float32(0.0 + value)
    for lanes, crew in ((False, 1), (False, threads), (True, threads)):
        found, doubles = rendered(prepared, crew, lanes)
        assert image_bits(found) == image_bits(image), (lanes, crew)
        assert_close(prepared, doubles, expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_scene(seed):
    assert_same(draw_parameters(seed), draw_factors(seed))


@pytest.mark.skipif(INTERPRETED, reason="counts what the compiled run draws")
def test_random_scenes_reach_every_option():
    """The draw is worth something: every branch is there in some scenes, and most images have signal."""
    seen = {}

    def note(name, present):
        seen[name] = seen.get(name, 0) + bool(present)

    for seed in SEEDS:
        p, factors = draw_parameters(seed), draw_factors(seed)
        prepared = prepared_scene(p, factors)
        counts, scene = prepared.counts, prepared.scene
        for name in ("convention", "shape", "revision", "misset", "interpolation", "oversample"):
            note(f"{name} {getattr(p, name)}", True)
        for name in ("curved", "point_pixel", "oversample_thick", "oversample_polar", "oversample_omega",
                     "unpolarised_factor", "d_min", "water_size", "polarisation_fraction"):
            note(name, getattr(p, name))
        for name in ("matrix", "u_matrix", "sources", "mask"):
            note(name, getattr(p, name) is not None)
        note("phi steps", counts.phi_steps > 1)
        note("phi is zero in a sweep", 0.0 in [p.phi_start + counts.phi_step * n
                                               for n in range(1, counts.phi_steps)])
        note("sweeps differ", not np.array_equal(scene.crystal.phi_rows, scene.crystal.first_phi_rows))
        note("mosaic domains", counts.mosaic_domains > 1)
        note("layers", counts.layers > 1)
        note("sources, several", prepared.sources > 1)
        note("wavelengths", len(set(scene.beam.wavelengths)) > 1)
        note("table", factors.filled)
        note("interpolating", prepared.interpolating)
        if prepared.interpolating:
            state = records.initial_state(True)
            for slow, fast in window_pixels(prepared):
                strict.trace_pixel(scene, fast, slow, state, NO_RECORD)
            note("interpolating to the end", state[records.INTERPOLATING])
            note("interpolation given up", not state[records.INTERPOLATING])
        note("signal", np.count_nonzero(rendered(prepared, 1)[0]) > 3)
    assert min(seen.values()) >= 3, {name: n for name, n in seen.items() if n < 3}
    assert len(seen) == 6 + 4 + 2 + 3 + 3 + 4 + 9 + 4 + 12
    assert seen["signal"] > 0.6 * len(SEEDS)


# -- scenes at the limits


LIMITS = {
    "beam of no size": {"flux": 1e12, "beam_size": 0.0},
    "no fluence": {"fluence": 0.0, "water_size": 1e-6},
    "infinite fluence": {"fluence": float("inf")},
    "float32 overflows": {"fluence": 1e45},
    "float32 subnormal": {"fluence": 1e-18},
    "exactly on the spot": {"convention": "xds", "beam_x": 0.005, "beam_y": 0.005,
                            "n_cells": [7.0, 6.0, 5.0]},
    "spot in a pixel's middle": {"convention": "adxv", "beam_x": 0.005, "beam_y": 0.003,
                                 "polarisation_fraction": 1.0},
    "sample in the detector": {"distance": 0.0},
    "source without direction": {"sources": np.array([[1e-200, 0.0, 0.0, 1.0, 1e-10]])},
    "capture is zero": {"sensor_thickness": 1e-4, "attenuation": 0.0, "oversample": 2},
    "capture is zero in layers": {"sensor_thickness": 1e-4, "sensor_layers": 3, "attenuation": 1e9},
    "thin layers, factor per step": {"sensor_thickness": -1.0, "sensor_layers": 3, "oversample_thick": True},
    "no sensor, factor per step": {"oversample_thick": True, "water_size": 1e-6},
    "everything per step": {"oversample_thick": True, "oversample_polar": True, "oversample_omega": True,
                            "sensor_thickness": 1e-4, "oversample": 2, "polarisation_fraction": 0.9},
    "half of the phi steps at zero": {"phi_start": -0.02, "phi_step": 0.02, "oscillation": 0.04},
    "all phi steps at zero": {"phi_steps": 3, "oscillation": 0.0, "phi_step": 0.0},
    "beyond the limit, all of it": {"d_min": 1.0},
    "beyond the limit, with water": {"d_min": 1.0, "water_size": 1e-6},
    "top-hat of no reflection": {"shape": "tophat", "fudge": 1e6},
    "top-hat, water": {"shape": "tophat", "fudge": 1e6, "water_size": 1e-6},
    "Gaussian underflows": {"shape": "gauss", "fudge": 300.0, "n_cells": [50.0, 50.0, 50.0]},
    "negative fudge": {"shape": "round", "fudge": -1.0},
    "fudge of zero": {"shape": "round", "fudge": 0.0},
    "axis along the beam": {"convention": "custom", "polarisation_axis": (1.0, 0.0, 0.0),
                            "polarisation_fraction": 1.0,
                            "divergence_h": 0.01},
    "axis that never settles": {"convention": "custom", "polarisation_axis": (0.3, 0.5, 0.7), "oversample": 2,
                                "oversample_polar": True, "polarisation_fraction": 1.0},
    "no polarisation axis": {"convention": "custom", "polarisation_axis": (0.0, 0.0, 0.0),
                             "polarisation_fraction": 1.0},
    "unpolarised, per step": {"unpolarised_factor": True, "oversample_polar": True,
                              "polarisation_fraction": 1.0},
}


@pytest.mark.parametrize("revision", ("fixed", "main"))
@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.skipif(INTERPRETED, reason="Python raises where the processor goes on")
def test_limiting_scene(name, revision):
    settings = {"cell_given": True, "cell_lengths": [40.0, 50.0, 60.0], "pixels_f": 5, "pixels_s": 3,
                "pixel_size": 2e-3, "oversample": 1, "n_cells": [5.0, 4.0, 3.0], "misset": "angles",
                "misset_angles": [0.1, 0.2, 0.3], "revision": revision}
    p = Draft(**(settings | LIMITS[name]))
    assert_same(p, draw_factors(1 if "top" in name else 3))


def test_interpolation_gives_up_between_threads():
    """The first pixel without a margin ends interpolation for all that follow it, whatever the threads."""
    table = np.arange(12 * 8 * 30.0).reshape(12, 8, 30)
    factors = numbragg.StructureFactors.from_array(table, (-6, -4, -15), 7.0)
    p = Draft(cell_given=True, cell_lengths=[12.0, 13.0, 14.0], pixels_f=9, pixels_s=8, pixel_size=4e-3,
                   beam_x=1e-3, beam_y=1e-3, oversample=1, n_cells=[2.0, 3.0, 3.0], misset="angles",
                   misset_angles=[-0.2, 0.0, 0.0])
    s = oracle_scene(p, factors)
    state = naive.initial_state(s)
    on = []
    for slow in range(8):
        for fast in range(9):
            naive.pixel(s, state, slow, fast)
            on.append(state.interpolate)
    assert sum(on) == 34  # in the middle of a row
    for threads in (2, 3, 7):
        assert_same(p, factors, threads)
    prepared = prepared_scene(p, factors)
    outcome = render_tools.render(prepared.scene, prepared.window, prepared.mask,
                                np.zeros(prepared.shape, np.float32), interpolating=True, threads=2)
    assert outcome.first_out_of_range == (sum(on) % 9, sum(on) // 9)


@pytest.mark.parametrize("axis", (0, 1, 2))
@pytest.mark.parametrize("size", (1, 2, 3, 4, 5))
def test_table_too_small_to_interpolate(axis, size):
    """One plane at most has its margin, and nothing outside the table is looked up."""
    sizes = [9, 9, 9]
    sizes[axis] = size
    factors = numbragg.StructureFactors.from_array(np.arange(1.0, 1.0 + 81 * size).reshape(sizes),
                                                   [-(n // 2) for n in sizes], 7.0)
    p = Draft(cell_given=True, cell_lengths=[14.0, 15.0, 16.0], pixels_f=3, pixels_s=2, pixel_size=4e-3,
                   oversample=1, n_cells=[2.0, 3.0, 3.0])
    assert_same(p, factors)


# -- the record of a pixel's steps


def test_record_holds_the_steps_of_the_oracle():
    p = Draft(cell_given=True, cell_lengths=[40.0, 50.0, 60.0], pixels_f=5, pixels_s=4, pixel_size=2e-3,
                   oversample=2, n_cells=[5.0, 4.0, 3.0], misset="angles", misset_angles=[0.1, 0.2, 0.3],
                   phi_start=0.1, phi_steps=2, oscillation=0.1, polarisation_fraction=0.5,
                   sensor_thickness=1e-4)
    factors = draw_factors(1)
    s, prepared = oracle_scene(p, factors), prepared_scene(p, factors)
    state = records.initial_state(prepared.interpolating)
    record = np.zeros((2 * 4 * 2 + 1, len(RECORD_FIELDS)))
    slow, fast = 2, 3
    traced = strict.trace_pixel(prepared.scene, fast, slow, state, record)
    value, total, capture, polar, omega, steps = traced
    assert bits(value) == bits(naive.pixel(s, naive.initial_state(s), slow, fast))
    assert steps == 2 * 4 * 2
    last = None
    total_here = s.background
    for row, r in zip(range(steps), (dict(zip(RECORD_FIELDS, row)) for row in record.tolist())):
        layer, rest = divmod(row, 8)
        sub, phi_step = divmod(rest, 2)
        numbers = [r[n] for n in ("layer", "sub_slow", "sub_fast", "phi_step")]
        assert numbers == [layer, sub // 2, sub % 2, phi_step]
        assert r["source"] == r["domain"] == 0
        place = naive.position(naive.subpixel_centre(fast, sub % 2, 2, s.subpixel),
                               naive.subpixel_centre(slow, sub // 2, 2, s.subpixel),
                               layer * s.counts["sensor"][2], s.d)
        assert bits([r[n] for n in "xyz"]) == bits(place)
        s1, airpath = naive.unitize(place)
        assert bits(r["airpath"]) == bits(airpath)
        if row < 2:
            # made unit again with the polarisation factor (Q20), for both steps of the sub-pixel
            omega_here = naive.solid_angle(p.pixel_size, airpath, s.d["close_distance"], False)
            polar_here, _, s1, _ = naive.polarisation_factor(0.5, s.d["beam"], s1, s.d["polarisation"])
        assert bits([r["s1_x"], r["s1_y"], r["s1_z"]]) == bits(s1)
        assert bits([r["solid_angle"], r["polarisation_factor"]]) == bits([omega_here, polar_here])
        cell = [naive.rotate_axis(s.crystal[n], s.d["spindle"], 0.1 + s.counts["phi"][2] * phi_step)
                for n in "abc"]
        assert bits([[r[f"{n}_{x}"] for x in "xyz"] for n in "abc"]) == bits(cell)
        hkl = [naive.dot(v, [r["q_x"], r["q_y"], r["q_z"]]) for v in cell]
        near = [naive.nearest(x) for x in hkl]
        assert bits([r[n] for n in "hkl"]) == bits(hkl) and [r["h0"], r["k0"], r["l0"]] == near
        f_latt = naive.lattice_factor("square", *hkl, *near, s.n_cells, 1.0, s.stars)
        f_cell = naive.nearest_f(*near, s.table, s.hkl_min, s.hkl_max, s.default_f)
        assert bits([r["f_latt"], r["f_cell"]]) == bits([f_latt, f_cell])
        total_here += f_cell * f_cell * f_latt * f_latt
        assert bits(r["sum"]) == bits(total_here)
        last = r
    assert bits([total, capture, polar, omega]) == bits(
        [last[n] for n in ("sum", "capture_fraction", "polarisation_factor", "solid_angle")])


def test_record_too_short_keeps_the_first_steps_and_the_last():
    prepared = prepared_example(phi_steps=7, oscillation=0.1)
    full, short = np.zeros((9, len(RECORD_FIELDS))), np.zeros((3, len(RECORD_FIELDS)))
    for record in (full, short):
        strict.trace_pixel(prepared.scene, 1, 2, records.initial_state(False), record)
    assert bits(short) == bits(full[[0, 1, 6]]) and not full[7:].any()


# -- interpreted, and with a fault put in


def run_interpreted(package_folder, *arguments):
    """pytest in a process of its own, kernels as plain Python, the package taken from a folder."""
    words = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments]
    return forks.run(words, package_folder, {"NUMBA_DISABLE_JIT": "1"}, first=package_folder, seconds=600)


@pytest.fixture(scope="module")
def package_copy(tmp_path_factory):
    """A folder with a copy of the package, kernels inside."""
    folder = tmp_path_factory.mktemp("copy")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(numbragg.__file__).parent, folder / "numbragg", ignore=ignore)
    shutil.copytree(Path(driver_cpu.__file__).parent.parent, folder / "numbragg" / "kernels", ignore=ignore,
                    dirs_exist_ok=True)
    return folder


FORMULAS = [str(TESTS / "kernels" / room / f"test_{name}.py") for room, name in (
    ("arithmetic", "vectors"), ("physics", "lattice"), ("physics", "structure_factor"), ("physics", "polarisation"),
    ("physics", "geometry"), ("evaluate", "pixel"))]


@pytest.mark.skipif(INTERPRETED, reason="is itself the interpreted run")
def test_same_bits_interpreted(package_copy):
    """All tests of the kernels' formulas, twenty scenes among them, pass where kernels are plain Python."""
    done = run_interpreted(package_copy, *FORMULAS)
    assert done.returncode == 0, done.stdout[-4000:]


FAULTS = {
    "grating": ("shapes/square.py", "return c_sin(x * n) / c_sin(x)", "return c_sin(n * x + 1e-16) / c_sin(x)"),
    "square": ("shapes/square.py", "factor *= grating(math.pi * hkl[1], nb)",
               "factor *= grating(math.pi * hkl[1], na)"),
    "squared distance": ("lattice.py", "* na * na * nb * nb * nc * nc", "* (na * na * nb * nb * nc * nc)"),
}


@pytest.mark.skipif(INTERPRETED, reason="starts interpreted runs")
@pytest.mark.parametrize("fault", FAULTS)
def test_comparison_sees_a_fault_in_the_lattice_factor(fault, package_copy):
    """The gate can go red: one changed operation, and both kinds of comparison fail."""
    name, old, new = FAULTS[fault]
    path = package_copy / "numbragg" / "kernels" / "physics" / name
    right, times = path.read_text(encoding="utf-8"), path.stat()
    assert right.count(old) == 1
    path.write_text(right.replace(old, new), encoding="utf-8")
    try:
        assert run_interpreted(package_copy, FORMULAS[1]).returncode == 1
        if fault != "grating":
            assert run_interpreted(package_copy, FORMULAS[-1], "-k", "random_scene").returncode == 1
    finally:
        path.write_text(right, encoding="utf-8")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
