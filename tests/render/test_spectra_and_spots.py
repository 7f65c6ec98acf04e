"""Images with weighted wavelengths, spots in indices and our own mosaicity: evaluators, threads, sums, the oracle."""

import math

from formula_tools import INTERPRETED, factors_for_oracle, image_bits, prepared_scene
import naive
import numpy as np
import pytest
import render_tools

import numbragg as nb
from numbragg.kernels.evaluate import certificate
from numbragg.kernels.physics import records
from numbragg.scene.request import Draft
from numbragg.selftest.rounds import compare

CELL = (50.0, 60.0, 70.0, 90.0, 100.0, 90.0)
DETECTOR = nb.Detector(pixels=(61, 47), pixel_mm=0.8, distance_mm=60.0)
INDICES = np.array([(h, k, l) for h in range(-9, 10) for k in range(-9, 10) for l in range(-9, 10)])
TABLE = nb.StructureFactors.from_reflections(INDICES, np.random.default_rng(1).uniform(5.0, 90.0, len(INDICES)))
PINK = nb.Spectrum([1.27, 1.28, 1.3, 1.31, 1.33], [1.0, 0.03, 6.0, 2.5, 1e-4])
DIVERGENCE = dict(divergence_h_mrad=3.0, divergence_h_steps=3, divergence_v_mrad=2.0, divergence_v_steps=2)
ALL_PER_STEP = dict(oversample=1, per_step=("capture", "polarisation", "solid_angle"))

slow_if_interpreted = pytest.mark.skipif(INTERPRETED, reason="millions of steps are for compiled kernels")


def crystal(**more):
    return nb.Crystal(**{"cell": CELL, "n_cells": (5, 4, 6), "misset_deg": (10, 20, 30), **more})


def prepare(beam=None, made=None, detector=DETECTOR, table=TABLE, **sampling):
    beam = nb.Beam(polarisation_fraction=0.9, **(beam or {"spectrum": PINK}))
    simulator = nb.Simulator(detector, beam, table, sampling=nb.Sampling(**{"oversample": 1, **sampling}))
    return simulator.prepare(made or crystal())


def image(prepared, **how):
    made = np.zeros(prepared.shape, dtype=np.float32)
    outcome = render_tools.render(prepared.scene, prepared.window, prepared.mask, made,
                                  interpolating=prepared.interpolating, **how)
    return made, outcome


SENSOR = nb.Detector(pixels=(61, 47), pixel_mm=0.8, distance_mm=60.0, sensor_thickness_um=300.0, sensor_layers=2)
MOSAIC = dict(mosaicity="gaussian", mosaic_spread_deg=0.4, mosaic_domains=5)
SCENES = {
    "weights": lambda: prepare(),
    "weights and divergence": lambda: prepare({"spectrum": PINK, **DIVERGENCE}),
    "weights, every factor at every step": lambda: prepare({"spectrum": PINK, **DIVERGENCE}, detector=SENSOR,
                                                           **ALL_PER_STEP),
    "weights and a limit of resolution": lambda: prepare({"spectrum": PINK, "d_min_angstrom": 2.3}),
    "weights, interpolation": lambda: prepare(made=crystal(n_cells=2), interpolation=True),
    "weights, sphere": lambda: prepare(made=crystal(shape="round")),
    "weights, one cell": lambda: prepare(made=crystal(n_cells=1), interpolation=False),
    "weights, top-hat in indices": lambda: prepare(made=crystal(shape="tophat", spot_metric="hkl", fudge=0.1)),
    "Gaussian in indices": lambda: prepare({}, crystal(shape="gauss", spot_metric="hkl", fudge=0.3)),
    "Gaussian in indices, interpolation": lambda: prepare(
        {}, crystal(shape="gauss", spot_metric="hkl", n_cells=2), interpolation=True),
    "Gaussian mosaicity": lambda: prepare({}, crystal(**MOSAIC)),
    "anisotropic mosaicity": lambda: prepare({}, crystal(mosaicity="anisotropic", mosaic_spread_deg=(0.1, 0.3, 0.6),
                                                         mosaic_domains=6)),
    "all together": lambda: prepare({"spectrum": PINK, **DIVERGENCE}, crystal(
        shape="gauss", spot_metric="hkl", mosaic_low_discrepancy=True, phi_steps=2, oscillation_deg=1.0, **MOSAIC)),
}


@slow_if_interpreted
@pytest.mark.parametrize("name", SCENES)
def test_lanes_have_the_bits_of_the_strict_evaluator(name):
    scene = SCENES[name]()
    strict, _ = image(scene, threads=1, lanes=False)
    assert strict.any() and np.isfinite(strict).all()
    for threads in (1, 2):
        lanes, outcome = image(scene, threads=threads)
        assert image_bits(lanes) == image_bits(strict)
        assert outcome.refused is None and outcome.lane_pixels > 0.9 * outcome.pixels
    # the doubles before rounding are within the certificate's half-widths, and not for lack of trying
    found, _ = compare(scene, threads=2)
    assert (found.violations, found.mismatches) == (0, 0) and found.ratio <= 1.0


@slow_if_interpreted
def test_revision_main():
    """Its flags multiply the running sum, weights its terms: the strict evaluator alone."""
    scene = nb.Simulator(DETECTOR, nb.Beam(spectrum=PINK), TABLE, revision="main", sampling=nb.Sampling(
        oversample=1, per_step=("solid_angle",))).prepare(crystal())
    made, outcome = image(scene, threads=2)
    assert outcome.lane_pixels == 0 and made.any()


# -- the oracle


def oracle(p, factors, umats=None):
    return naive.image(p, umats=umats, **factors_for_oracle(factors))


BASE = {"cell_given": True, "cell_lengths": [40.0, 50.0, 60.0], "pixels_f": 6, "pixels_s": 5, "pixel_size": 3e-3,
        "distance": 0.05, "oversample": 1, "n_cells": [5.0, 4.0, 3.0], "polarisation_fraction": 0.7}


@pytest.mark.parametrize("settings", [
    {}, {"shape": "gauss", "spot_metric": "hkl", "fudge": 0.2}, {"shape": "tophat", "spot_metric": "hkl", "fudge": 0.2},
    {"divergence_h": 0.004, "divergence_h_steps": 2, "oversample_polar": True, "oversample_omega": True},
    {"d_min": 2e-10, "oversample": 2}, {"revision": "main", "oversample_omega": True}])
@pytest.mark.parametrize("weighted", [True, False])
def test_bits_of_the_oracle(settings, weighted):
    p = Draft(**(BASE | settings))
    if weighted:
        p.spectrum = np.array([(1.0e-10, 0.2), (1.02e-10, 2.3), (1.05e-10, 0.5)])
    scene = prepared_scene(p, TABLE)
    expected = oracle(p, TABLE)
    assert expected.any()
    for lanes in (True, False):
        made, _ = image(scene, threads=1, lanes=lanes)
        assert image_bits(made) == image_bits(expected)


def test_mosaic_domains_of_the_oracle():
    p = Draft(**BASE, mosaicity="gaussian", mosaic_spread=0.01, mosaic_domains=3)
    scene = prepared_scene(p, TABLE)
    made, _ = image(scene, threads=1)
    assert image_bits(made) == image_bits(oracle(p, TABLE, scene.scene.crystal.mosaic))


# -- sums of single wavelengths


@pytest.mark.parametrize("precision", ["exact", "compensated", "single"])
@pytest.mark.parametrize("beam", [{}, DIVERGENCE], ids=["parallel", "divergent"])
def test_spectrum_is_the_weighted_sum_of_its_wavelengths(precision, beam):
    detector = nb.Detector(pixels=(16, 12), pixel_mm=3.0, distance_mm=60.0)

    def made(**more):
        simulator = nb.Simulator(detector, nb.Beam(**beam, **more), TABLE, precision=precision,
                                 sampling=nb.Sampling(oversample=1))
        return simulator.image(crystal()).astype(np.float64)

    total = sum(weight * made(wavelength_angstrom=wavelength) for wavelength, weight
                in zip(PINK.wavelengths_angstrom.tolist(), PINK.weights.tolist())) / len(PINK)
    whole = made(spectrum=PINK)
    # each image is rounded to float32; in single precision each of some ten operations on a term is, and each addition
    terms = 30 if precision == "single" else 2
    assert (np.abs(whole - total) <= terms * 2.0 ** -24 * total).all() and whole.any()
    # and the weights matter
    plain = made(spectrum=nb.Spectrum(PINK.wavelengths_angstrom))
    assert (np.abs(plain - total) > 1e-3 * total).any()


@pytest.mark.parametrize("precision", ["exact", "compensated", "single"])
def test_equal_weights_have_the_bits_of_a_list_without(precision):
    waves = [1.27, 1.3, 1.33]
    rows = [(math.nan, math.nan, math.nan, 1.0, wave / 1e10) for wave in waves]
    one, other = (nb.Simulator(DETECTOR, beam, TABLE, precision=precision).prepare(crystal()) for beam in (
        nb.Beam(wavelength_angstrom=1.3, spectrum=nb.Spectrum(waves, [0.3] * 3)),
        nb.Beam(wavelength_angstrom=1.3, sources=rows)))
    assert len(one.scene.beam.weights) == 0
    mode = dict(precision=records.PRECISIONS[precision],
                summation=records.KAHAN if precision == "compensated" else records.SEQUENTIAL)
    assert image_bits(image(one, **mode)[0]) == image_bits(image(other, **mode)[0])


def test_listed_sources_stay_without_weights():
    """The C program's own lists have bits that do not depend on their intensities."""
    rows = np.array([(-1.0, 0.0, 0.0, 1.0, 1.0e-10), (-1.0, 0.01, 0.0, 1.0, 1.1e-10)])
    images = []
    for intensity in (1.0, 5.0):
        rows[1, 3] = intensity
        simulator = nb.Simulator(DETECTOR, nb.Beam(sources=rows), TABLE)
        if intensity == 1.0:
            images.append(simulator.image(crystal()))
        else:
            with pytest.warns(nb.NumbraggWarning, match="their intensities differ"):
                images.append(simulator.image(crystal()))
    assert image_bits(images[0]) == image_bits(images[1])


def test_directions_and_wavelengths_are_not_multiplied_in_memory():
    beam = prepare({"spectrum": nb.Spectrum.sase(1.3, 0.5, 1), **DIVERGENCE}).scene.beam
    assert (len(beam.directions), len(beam.wavelengths), len(beam.weights), beam.per_direction) == (6, 100, 100, 100)


def test_truth_tells_the_weights():
    result = nb.Simulator(DETECTOR, nb.Beam(spectrum=PINK, **DIVERGENCE), TABLE).run(crystal())
    found = result.sources
    assert len(found.weights) == len(found.wavelengths_angstrom) == len(found.directions) == 30
    assert found.weights.sum() == pytest.approx(1.0, rel=1e-14)
    assert found.weights[:5] / found.weights[0] == pytest.approx(PINK.weights / PINK.weights[0], rel=1e-14)
    assert found.wavelengths_angstrom[5:10] == pytest.approx(PINK.wavelengths_angstrom, rel=1e-15)
    assert (found.directions[:5] == found.directions[0]).all() and (found.directions[5] != found.directions[0]).any()


def test_trace_of_a_spectrum():
    """The trace of a pixel goes through every pair of a direction and a wavelength."""
    beam = nb.Beam(spectrum=PINK, **DIVERGENCE)
    trace = nb.trace(crystal(), beam, DETECTOR, TABLE, 30, 20, steps="all", sampling=nb.Sampling(oversample=1))
    waves = trace.column("wavelength")
    assert len(waves) == 30 and waves[5:10] == pytest.approx(PINK.wavelengths_angstrom / 1e10, rel=1e-15)
    assert (trace.column("s0_y")[:5] == trace.column("s0_y")[0]).all()
    # what a step adds to the sum has the weight of its wavelength
    amplitudes = trace.column("f_cell") * trace.column("f_latt")
    sums = np.cumsum(amplitudes ** 2 * np.tile(PINK.weights, 6))
    assert trace.column("sum") == pytest.approx(sums, rel=1e-12)
    assert trace.value == pytest.approx(float(nb.Simulator(DETECTOR, beam, TABLE, sampling=nb.Sampling(
        oversample=1)).image(crystal())[20, 30]), rel=1e-7)


@pytest.mark.parametrize("per_step", [(), ("polarisation",), ("capture", "polarisation", "solid_angle")], ids=str)
def test_printed_factors_of_a_step_multiply_to_what_it_adds(per_step):
    beam = nb.Beam(spectrum=PINK, polarisation_fraction=0.9, **DIVERGENCE)
    trace = nb.trace(crystal(), beam, SENSOR, TABLE, 30, 20, steps="all", sampling=nb.Sampling(
        oversample=1, per_step=per_step))
    assert set(trace.column("source_weight")) == set(PINK.weights)
    names = {"capture": "capture_fraction", "polarisation": "polarisation_factor", "solid_angle": "solid_angle"}
    total = trace.before["background"]
    for step in map(trace.step, range(trace.steps_summed)):
        term = step["f_cell"] * step["f_cell"] * step["f_latt"] * step["f_latt"] * step["source_weight"]
        for name in per_step:
            term = term * step[names[name]]
        total = total + term
        assert total == step["sum"]
    plain = nb.trace(crystal(), nb.Beam(spectrum=nb.Spectrum([1.3])), SENSOR, TABLE, 30, 20)
    assert set(plain.column("source_weight")) == {1.0}


# -- the certificate


@slow_if_interpreted
@pytest.mark.parametrize("shape", ["one cell", "tophat"])
def test_the_bound_of_weights_is_needed(shape):
    """Terms without an elementary function, many weights: what they are off is of the size of the bound."""
    spectrum = nb.Spectrum(np.linspace(1.2, 1.4, 7), [1.0, 3.1, 2.7, 0.9, 1.7, 2.2, 3.3])
    detector = nb.Detector(pixels=(300, 300), pixel_mm=0.2, distance_mm=60.0)
    made = crystal(n_cells=1) if shape == "one cell" else crystal(shape="tophat", spot_metric="hkl", fudge=0.0)
    scene = prepare({"spectrum": spectrum}, made, detector=detector, interpolation=False,
                    per_step=("polarisation", "solid_angle"))
    found, _ = compare(scene, threads=2)
    assert (found.violations, found.mismatches) == (0, 0)
    assert 0.05 < found.ratio <= 1.0


def test_the_bound_counts_weights():
    weighted, plain = (certificate.plan(prepare({"spectrum": spectrum}).scene) for spectrum in (
        PINK, nb.Spectrum(PINK.wavelengths_angstrom)))
    assert weighted.error == plain.error + 2.0 and weighted.bound.relative > plain.bound.relative
    assert weighted.bound.smallest == plain.bound.smallest * PINK.weights.max()


@pytest.mark.parametrize("weights", [[1.0, 0.0], [1.0, -1.0], [1.0, math.nan], [1.0, 1e12]])
def test_weights_that_the_lanes_do_not_take(weights):
    """Nobody can give these: scenes are made of them by hand."""
    scene = prepare({"spectrum": nb.Spectrum([1.2, 1.3], [1, 2])}).scene
    scene = scene._replace(beam=scene.beam._replace(weights=np.array(weights)))
    assert certificate.plan(scene).reason == "weight of a source"


def test_parts_of_a_weighted_list_share_a_sum():
    from numbragg.kernels.drive import contributions
    from numbragg.kernels.drive.cpu import Modes, Target
    from numbragg.kernels.physics.records import Window

    prepared = prepare()
    beam = prepared.scene.beam
    parts = [contributions.Contribution(prepared.scene._replace(beam=beam._replace(
        wavelengths=beam.wavelengths[some].copy(), weights=beam.weights[some].copy(), per_direction=count)),
        prepared.interpolating) for some, count in ((slice(0, 3), 3), (slice(3, None), 2))]
    assert len(contributions.in_groups(parts)) == 1
    made = np.zeros(prepared.shape, dtype=np.float32)
    contributions.render_sum(parts, Target(Window(*prepared.window), None, made), Modes(threads=2))
    assert image_bits(made) == image_bits(image(prepared)[0])
