"""The other precisions: bits of "single" against numpy, accuracy of "compensated", and what all promise."""

import json
import math
import re

from cli_tools import SMALL, error_line
import mpmath
import naive_single
import numba
import numpy as np
import pytest
import render_tools

import numbragg as nb
from numbragg.commands.cli import main
from numbragg.configs.run_options import Evaluation
from numbragg.kernels.arithmetic import accumulate
from numbragg.kernels.drive import cpu as driver_cpu
from numbragg.kernels.evaluate import certificate, strict
from numbragg.kernels.evaluate.strict import RECORD_FIELDS
from numbragg.kernels.physics.records import COMPENSATED, KAHAN, initial_state
from numbragg.kernels.physics.shapes.round import sphere_accurate
from numbragg.kernels.physics.shapes.square import grating_accurate

INTERPRETED = bool(numba.config.DISABLE_JIT)
compiled_only = pytest.mark.skipif(INTERPRETED, reason="whole images are for compiled kernels")
U = 2.0**-53
MODES = [("compensated", "kahan"), ("single", "sequential"), ("single", "kahan")]
each_mode = pytest.mark.parametrize("precision, summation", MODES)
SHAPES = ("square", "round", "gauss", "tophat")
SUMMATIONS = ("sequential", "kahan")
F = np.float32


def by_turns(precision, summation, shape, interpolation):
    """Marks of a case: in single precision there is a kernel for each two of shape, interpolation and sum.

    Each shape is added up both ways, once with interpolation, and each sum has every look-up. What is left, as many
    kernels again, which take their time in the compiler, is slow.
    """
    turn = SUMMATIONS[(SHAPES.index(shape) + interpolation) % 2]
    return () if precision != "single" or summation == turn else (pytest.mark.slow,)


def kernels(modes=MODES, interpolations=(False, True)):
    """Parameters precision, summation, shape and interpolation of each kernel."""
    return [pytest.param(*mode, shape, interpolation, marks=by_turns(*mode, shape, interpolation))
            for mode in modes for shape in SHAPES for interpolation in interpolations]


def table(half=20, seed=0):
    """Structure factors on a cube of indices."""
    edge = 2 * half + 1
    return nb.StructureFactors.from_array(np.random.RandomState(seed).random_sample((edge,) * 3) * 100.0,
                                          (-half,) * 3, 1.0)


def simulator(crystal=None, beam=None, detector=None, sampling=None, factors=None, **how):
    """A small scene with mosaicity and spindle steps; what to change."""
    crystal = nb.Crystal(**{"cell": (40, 50, 60, 85, 95, 100), "n_cells": (5, 6, 7), "misset_deg": (10, 20, 30),
                            "mosaic_spread_deg": 0.5, "mosaic_domains": 3, "oscillation_deg": 1.0, "phi_steps": 2,
                            **(crystal or {})})
    detector = nb.Detector(**{"pixels": (24, 20), "pixel_mm": 1.5, "distance_mm": 100.0, **(detector or {})})
    beam = nb.Beam(**{"wavelength_angstrom": 1.5, **(beam or {})})
    sampling = nb.Sampling(**{"oversample": 1, **(sampling or {})})
    return nb.Simulator(detector, beam, table() if factors is None else factors, sampling=sampling, **how), crystal


def records(prepared, fast, slow):
    """All steps of a pixel as arrays by name, without those beyond the resolution limit."""
    record = np.zeros((prepared.steps + 2, len(RECORD_FIELDS)))
    *_, steps = strict.trace_pixel(prepared.scene, fast, slow, initial_state(prepared.interpolating), record)
    return dict(zip(RECORD_FIELDS, record[:steps].T))


# -- single: bits


def emulated_pixel(prepared, shape, fast, slow, summation):
    """A pixel in single precision, by numpy from the indices of the strict evaluator's steps."""
    scene = prepared.scene
    row = records(prepared, fast, slow)
    hkl = np.array([row["h"], row["k"], row["l"]])
    fractions = (hkl - np.array([row["h0"], row["k0"], row["l0"]])).astype(F)
    crystal, sampling = scene.crystal, scene.sampling
    square = naive_single.squared_lattice_factor(shape, *fractions, crystal.n_cells, crystal.reciprocal, crystal.fudge)
    if prepared.interpolating:
        amplitude = np.array([_interpolated(scene.lookup, point) for point in hkl.T])
        assert amplitude.dtype == F
        squared_f = amplitude * amplitude
    else:
        # what the strict evaluator looked up, where it looked
        f_cell = np.where(row["f_latt"] == 0.0, 0.0, row["f_cell"])
        squared_f = (f_cell * f_cell).astype(F)
    weight = np.ones(len(squared_f))
    for asked, name in ((sampling.oversample_thick, "capture_fraction"),
                        (sampling.oversample_polar, "polarisation_factor"), (sampling.oversample_omega, "solid_angle")):
        if asked:
            weight = weight * row[name]
    if (weight != 1.0).any():
        squared_f = squared_f * weight.astype(F)
    terms = squared_f * square
    assert terms.dtype == F
    add = naive_single.summed_by_neumaier if summation == "kahan" else naive_single.summed
    value = sampling.scale * add(sampling.background, terms) / sampling.steps
    for asked, name in ((sampling.oversample_thick, "capture_fraction"),
                        (sampling.oversample_polar, "polarisation_factor"), (sampling.oversample_omega, "solid_angle")):
        if not asked:
            value = value * row[name][-1]
    return F(value)


def _interpolated(lookup, point):
    low = np.floor(point)
    h, k, l = (low - 1 - np.array(lookup.minimum)).astype(int)
    values = lookup.table[h:h + 4, k:k + 4, l:l + 4].astype(F)
    return naive_single.interpolated(values, (point - low).astype(F))


SCENES = {
    "plain": {},
    "interpolated": {"sampling": {"interpolation": True}},
    "one cell": {"crystal": {"n_cells": 1}},
    "oversampled, weighted": {"sampling": {"oversample": 2, "per_step": ("polarisation", "solid_angle")},
                              "beam": {"polarisation_fraction": 0.9}},
    "water": {"crystal": {"water_size_um": 20.0}},
}


@compiled_only
@pytest.mark.parametrize("shape, scene, summation", [
    pytest.param(shape, scene, summation, marks=by_turns("single", summation, shape, scene == "interpolated"))
    for shape in SHAPES for scene in SCENES for summation in SUMMATIONS])
def test_single_has_the_bits_of_its_definition(shape, scene, summation):
    changes = {name: dict(value) for name, value in SCENES[scene].items()}
    changes.setdefault("crystal", {})["shape"] = shape
    simulation, crystal = simulator(precision="single", summation=summation, **changes)
    found = simulation.run(crystal)
    assert found.outcome.strict_pixels == 0
    pixels = [(fast, slow) for slow in range(20) for fast in range(slow % 3, 24, 3)]
    for fast, slow in pixels:
        wanted = emulated_pixel(found.prepared, shape, fast, slow, summation)
        assert found.image[slow, fast].view("i4") == wanted.view("i4"), (fast, slow, found.image[slow, fast], wanted)
    assert found.image.any() and len(np.unique(found.image)) > 1


@compiled_only
@pytest.mark.skipif("avx2" not in numba.core.codegen.get_host_cpu_features(), reason="looks for the vectors of AVX2")
def test_lanes_are_eight_to_a_vector():
    """The sines and the quotient of the kernel itself: packed float32 in vectors of 256 bits."""
    from numbragg.kernels.compile.compilation import jit
    from numbragg.kernels.evaluate.lanes import lane_kernel
    from numbragg.kernels.physics.records import SEQUENTIAL, SINGLE, SQUARE

    simulation, crystal = simulator(precision="single")
    simulation.image(crystal)
    kernel = lane_kernel(SQUARE, False, False, SINGLE, SEQUENTIAL)
    anew = jit(kernel.py_func, variant="looked at")
    anew._cache = numba.core.caching.NullCache()
    anew.compile(kernel.signatures[0])
    assembly, = anew.inspect_asm().values()
    assert re.search(r"vdivps\s[^\n]*%[yz]mm", assembly)
    # six sines of five fused operations each, and the reductions of three
    assert len(re.findall(r"vfn?m(?:add|sub)\d+ps\s[^\n]*%[yz]mm", assembly)) >= 30


# -- compensated: accuracy


@pytest.mark.parametrize("n", [1.0, 2.0, 5.0, 100.0, 5000.0])
def test_accurate_grating(n):
    rng = np.random.default_rng(int(n))
    whole = rng.integers(0, int(n) // 2 + 1, 100) / n
    some = np.concatenate([rng.uniform(-0.5, 0.5, 200), np.exp(rng.uniform(-600, -1, 100)), whole,
                           np.nextafter(whole, 1.0), [0.5, -0.5, 0.25, 1e-300, 5e-324]])
    worst = 0.0
    with mpmath.workdps(400):
        for f in some.tolist():
            found = abs(grating_accurate(f, n))
            if f == 0.0:
                assert found == n
                continue
            exact = abs(mpmath.sin(mpmath.pi * mpmath.mpf(f) * int(n)) / mpmath.sin(mpmath.pi * mpmath.mpf(f)))
            worst = max(worst, abs(found - exact) / exact if exact > 1e-300 else abs(found - exact))
    assert (0.5 * U if n > 1.0 else 0.0) <= worst <= 10 * U


def test_accurate_sphere():
    rng = np.random.default_rng(2)
    some = np.concatenate([np.exp(rng.uniform(-300, 0, 100)), rng.uniform(0.0, 1.2, 300), rng.uniform(1.0, 30.0, 300),
                           [0.0, 1.0, 1.0000000001, 4.4934, 1e5]])
    with mpmath.workdps(400):
        for x in some.tolist():
            y = mpmath.mpf(x)
            exact = abs(3 * (mpmath.sin(y) / y - mpmath.cos(y)) / y**2) if x else 1
            error = abs(abs(sphere_accurate(x)) - exact)
            # by the series relative, beyond absolute: 3 SPHERE_DIFFERENCE_BOUND / x**2 and the products
            assert error <= (6 * U if x <= 1.0 else (3 * 12.0 / x**2 + 6 * exact) * U), x


def reference(prepared, fast, slow):
    """The value of a pixel of parallelepipeds from the strict evaluator's h, k, l, with 40 digits."""
    row = records(prepared, fast, slow)
    crystal, sampling = prepared.scene.crystal, prepared.scene.sampling
    with mpmath.workdps(40):
        total = mpmath.mpf(sampling.background)
        for h, k, l, f in zip(row["h"], row["k"], row["l"], row["f_cell"]):
            term = mpmath.mpf(f) ** 2
            for index, n in zip((h, k, l), crystal.n_cells):
                x = mpmath.mpf(index)
                term *= ((mpmath.sinpi(x * n) / mpmath.sinpi(x)) ** 2) if x != int(x) else mpmath.mpf(n) ** 2
            total += term
        value = mpmath.mpf(sampling.scale) * total / sampling.steps
        return value * row["capture_fraction"][-1] * row["polarisation_factor"][-1] * row["solid_angle"][-1]


@compiled_only
def test_compensated_is_nearer_to_the_formula_than_the_c_program():
    """The doubles before rounding: within 70 u of the exact sum of exact terms, whatever their number."""
    simulation, crystal = simulator({"n_cells": (50, 60, 70), "mosaic_domains": 200})
    prepared = simulation.prepare(crystal)
    worst = {}
    for precision, modes in (("exact", {"lanes": False}),
                             ("compensated", {"precision": COMPENSATED, "summation": KAHAN})):
        doubles = np.zeros((24 * 20, 2))
        render_tools.render(prepared.scene, prepared.window, None, np.zeros((20, 24), dtype=F), interpolating=False,
                          doubles=doubles, **modes)
        values = doubles[:, 0].reshape(20, 24)
        worst[precision] = max(float(abs(values[slow, fast] / reference(prepared, fast, slow) - 1)) / U
                               for fast, slow in ((2, 3), (11, 9), (12, 10), (20, 17), (7, 15)))
    assert worst["compensated"] <= 70
    assert worst["exact"] > 3 * worst["compensated"]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_compensated_sum_is_that_of_neumaier(kind):
    rng = np.random.default_rng(4)
    terms = np.exp(rng.uniform(-20, 20, 2000)).astype(kind)
    total, correction = kind(0), kind(0)
    textbook, carried = kind(0), kind(0)
    for term in terms:
        total, correction = map(kind, accumulate.add_compensated(total, correction, term))
        now = kind(textbook + term)
        carried = carried + ((textbook - now) + term if abs(textbook) >= abs(term) else (term - now) + textbook)
        textbook = now
        assert total == textbook and correction == carried
    exact = math.fsum(terms.tolist())
    unit = float(np.finfo(kind).eps) / 2
    # the total is a double, and what is left of the error in `kind` is of second order
    assert abs(accumulate.compensated_total(total, correction) - exact) <= (2 * U + len(terms) * unit**2) * exact
    assert accumulate.compensated_total(math.inf, math.nan) == math.inf


# -- what every precision promises


@compiled_only
@pytest.mark.parametrize("precision, summation, shape, interpolation", kernels())
def test_bits_depend_on_neither_threads_nor_region(precision, summation, shape, interpolation, monkeypatch):
    how = dict(precision=precision, summation=summation, factors=table(4 if interpolation else 20),
               sampling={"interpolation": interpolation}, crystal={"shape": shape})
    simulation, crystal = simulator(threads=1, **how)
    wanted = simulation.run(crystal)
    # where the table is left in the middle of the image, one pixel is the strict evaluator's
    assert (wanted.outcome.first_out_of_range is not None) >= interpolation
    monkeypatch.setattr(driver_cpu, "LANE_CHUNK_STEPS", 50)
    simulation, _ = simulator(threads=3, **how)
    assert np.array_equal(simulation.image(crystal).view("i4"), wanted.image.view("i4"))
    if not interpolation:
        simulation, _ = simulator(roi=(3, 17, 5, 13), **how)
        part = simulation.image(crystal)
        assert np.array_equal(part[5:14, 3:18], wanted.image[5:14, 3:18])
        part[5:14, 3:18] = 0
        assert not part.any()


@compiled_only
@each_mode
def test_first_pixel_of_a_region_is_no_other_where_the_polarisation_axis_settles_late(precision, summation):
    """Normalising this axis once more changes its last bit, and the exact evaluation begins each region with it."""
    how = dict(detector={"convention": "custom"}, precision=precision, summation=summation,
               beam={"polarisation_fraction": 0.9, "polarisation_axis": (0, 1, 2)})
    simulation, crystal = simulator(**how)
    whole = simulation.run(crystal)
    assert whole.prepared.scene.beam.next_axis[-1] > 0
    assert not whole.outcome.reasons
    for fast, slow in ((0, 0), (7, 9), (11, 3), (23, 19)):
        simulation, _ = simulator(roi=(fast, fast, slow, slow), **how)
        assert simulation.image(crystal)[slow, fast] == whole.image[slow, fast]


@compiled_only
@pytest.mark.parametrize("precision, summation, shape, interpolation", kernels(interpolations=[False]))
def test_images_are_near_the_exact_one(precision, summation, shape, interpolation):
    sampling = {"interpolation": interpolation}
    simulation, crystal = simulator({"shape": shape}, sampling=sampling)
    exact = simulation.image(crystal).astype("f8")
    simulation, _ = simulator(precision=precision, summation=summation, sampling=sampling)
    found = simulation.image(crystal).astype("f8")
    limit = 2.0**-23 if precision == "compensated" else 2.0**-18
    assert np.abs(found - exact).max() <= limit * exact.max()


@pytest.mark.parametrize("arguments, said", [
    ({"precision": "double"}, "precision: 'double' must be one of 'exact', 'compensated', 'single'"),
    ({"summation": "pairwise"}, "summation: 'pairwise' must be one of 'sequential', 'kahan'"),
    ({"summation": "kahan"}, "summation: 'kahan' does not go with precision='exact', which has 'sequential'"),
    ({"precision": "compensated", "summation": "sequential"},
     "summation: 'sequential' does not go with precision='compensated', which has 'kahan'"),
])
def test_what_does_not_go_together_is_refused(arguments, said):
    with pytest.raises(ValueError) as caught:
        Evaluation(**arguments)
    assert str(caught.value) == said
    with pytest.raises(ValueError, match=said.split(":")[0]):
        simulator(**arguments)


def test_defaults():
    assert Evaluation() == Evaluation("exact", "sequential", None)
    assert Evaluation("compensated").summation == "kahan"
    assert Evaluation("single").summation == "sequential"


@each_mode
def test_scenes_that_need_the_exact_evaluation_are_refused(precision, summation):
    simulation, crystal = simulator(precision=precision, summation=summation, revision="main",
                                    sampling={"per_step": ("solid_angle",)})
    with pytest.raises(ValueError, match=f"precision: '{precision}' is not possible for this scene .factors that"):
        simulation.image(crystal)


def test_single_refuses_what_float32_cannot_hold(monkeypatch):
    simulation, crystal = simulator({"n_cells": 200000}, precision="single")
    with pytest.raises(ValueError, match="numbers too large"):
        simulation.image(crystal)
    monkeypatch.setattr(certificate, "LARGEST_SINGLE_CELLS", 6.0)
    simulation, crystal = simulator(precision="single")
    with pytest.raises(ValueError, match="number of unit cells"):
        simulation.image(crystal)


# -- command line


@compiled_only
@each_mode
def test_command_line_has_the_api_s_bits(precision, summation, folder):
    words = ["--precision", precision, "--summation", summation, "--stats-json", "stats.json", "--quiet"]
    assert main([*SMALL, *words]) == 0
    image = np.fromfile("floatimage.bin", dtype=F).reshape(20, 24)
    crystal = nb.Crystal(cell=(80, 80, 80, 90, 90, 90), n_cells=5)
    wanted = nb.simulate(crystal, nb.Beam(wavelength_angstrom=1.2), nb.Detector(pixels=(24, 20), pixel_mm=0.2), 100.0,
                         precision=precision, summation=summation)
    assert np.array_equal(image.view("i4"), wanted.view("i4"))
    stats = json.loads((folder / "stats.json").read_text())
    assert (stats["precision"], stats["summation"]) == (precision, summation)


@pytest.mark.parametrize("words, said", [
    (["--precision", "double"], "must be exact or compensated or single"),
    (["--summation", "kahan"], "does not go with precision='exact'"),
    (["--precision", "single", "-printout"], "-printout lists the exact evaluation only"),
])
def test_command_line_refuses(words, said, folder, capfd):
    assert main([*SMALL, *words]) == 2
    assert said in error_line(capfd)
    assert not list(folder.iterdir())


def test_trace_is_of_the_exact_evaluation(capfd):
    assert main(["trace", "3", "4", *SMALL, "--precision", "single"]) == 2
    assert "a trace shows the exact evaluation only" in error_line(capfd)
    assert main(["trace", "3", "4", *SMALL, "--summation", "kahan"]) == 2
    assert "'kahan' does not go with precision='exact'" in error_line(capfd)
