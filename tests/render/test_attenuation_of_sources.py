"""Sensors that absorb each wavelength in its own way: evaluators, threads, the oracle."""

from dataclasses import replace
from types import SimpleNamespace

from formula_tools import INTERPRETED, factors_for_oracle, image_bits
import naive
import numpy as np
import pytest
import render_tools

import numbragg as nb
from numbragg.kernels.evaluate import certificate
from numbragg.scene.prepare import prepare
from numbragg.scene.request import Draft
from numbragg.selftest.rounds import compare

INDICES = np.array([(h, k, l) for h in range(-9, 10) for k in range(-9, 10) for l in range(-9, 10)])
TABLE = nb.StructureFactors.from_reflections(INDICES, np.random.default_rng(1).uniform(5.0, 90.0, len(INDICES)))
SPECTRUM = np.array([(1.0e-10, 0.2), (1.02e-10, 2.3), (1.05e-10, 0.5)])
#: Of each of its wavelengths [1/m]: an edge between the second and the third.
ATTENUATIONS = [2000.0, 2300.0, 900.0]
BASE = {"cell_given": True, "cell_lengths": [40.0, 50.0, 60.0], "pixels_f": 6, "pixels_s": 5, "pixel_size": 3e-3,
        "distance": 0.05, "oversample": 1, "n_cells": [5.0, 4.0, 3.0], "polarisation_fraction": 0.7,
        "oversample_thick": True, "sensor_thickness": 4e-4, "sensor_layers": 2}
SETTINGS = {
    "layers": {},
    "equal weights": {"spectrum": np.array([(wavelength, 1.0) for wavelength, _ in SPECTRUM])},
    "directions, every factor at every step": {"divergence_h": 0.004, "divergence_h_steps": 2, "oversample_polar": True,
                                               "oversample_omega": True},
    "sub-pixels and a limit of resolution": {"d_min": 2e-10, "oversample": 2},
    "unpolarised": {"unpolarised_factor": True},
    "curved": {"curved": True, "shape": "gauss", "spot_metric": "hkl", "fudge": 0.2},
    "a tilted plane": {"rotation_y": 0.4, "shape": "round", "oversample": 2},
    "interpolation": {"interpolation": True, "n_cells": [2.0, 2.0, 2.0]},
    "revision main": {"revision": "main"},
}

slow_if_interpreted = pytest.mark.skipif(INTERPRETED, reason="millions of steps are for compiled kernels")


def settings_of(name, **more):
    return {"spectrum": SPECTRUM} | BASE | SETTINGS[name] | more


def prepared_with(attenuations, **settings):
    """A plane of the C program's words, whose sensor absorbs the wavelengths differently: no words say so."""
    prepared = prepare(Draft(**settings).freeze(), TABLE)
    scene = prepared.scene
    return replace(prepared, scene=scene._replace(beam=scene.beam._replace(attenuations=np.array(attenuations))))


def plain(attenuation, settings):
    return prepare(Draft(**settings, attenuation=attenuation).freeze(), TABLE)


def image(prepared, **how):
    made = np.zeros(prepared.shape, dtype=np.float32)
    outcome = render_tools.render(prepared.scene, prepared.window, prepared.mask, made,
                                  interpolating=prepared.interpolating, **how)
    return made, outcome


def oracle(attenuations, **settings):
    draft = Draft(**settings)
    p = SimpleNamespace(**{name: getattr(draft, name) for name in draft.__slots__}, attenuations=attenuations)
    return naive.image(p, **factors_for_oracle(TABLE))


@pytest.mark.parametrize("name", SETTINGS)
def test_bits_of_the_oracle(name):
    settings = settings_of(name)
    expected = oracle(ATTENUATIONS, **settings)
    assert expected.any()
    for lanes in (True, False):
        made, _ = image(prepared_with(ATTENUATIONS, **settings), threads=1, lanes=lanes)
        assert image_bits(made) == image_bits(expected)
    # other attenuations, or these for other wavelengths, are another image
    for wrong in ([2000.0] * 3, ATTENUATIONS[::-1]):
        made, _ = image(prepared_with(wrong, **settings), threads=1)
        assert image_bits(made) != image_bits(expected)


@pytest.mark.parametrize("name", SETTINGS)
def test_equal_attenuations_are_one(name):
    """The same number for every wavelength has the image of a sensor with that number."""
    settings = settings_of(name)
    one, _ = image(plain(2300.0, settings), threads=1)
    each, _ = image(prepared_with([2300.0] * 3, **settings), threads=1)
    # but for a direction that the polarisation factor of the source before has normalised once more
    assert np.allclose(one, each, rtol=2.0 ** -22, atol=0.0) and one.any()


@slow_if_interpreted
@pytest.mark.parametrize("name", SETTINGS)
def test_lanes_have_the_bits_of_the_strict_evaluator(name):
    scene = prepared_with(ATTENUATIONS, **settings_of(name, pixels_f=61, pixels_s=47, pixel_size=8e-4))
    strict, _ = image(scene, threads=1, lanes=False)
    assert strict.any() and np.isfinite(strict).all()
    for threads in (1, 2):
        lanes, outcome = image(scene, threads=threads)
        assert image_bits(lanes) == image_bits(strict)
        assert name == "revision main" or outcome.lane_pixels > 0.9 * outcome.pixels
    found, _ = compare(scene, threads=2)
    assert (found.violations, found.mismatches) == (0, 0) and found.ratio <= 1.0


def test_the_bound_is_that_of_one_attenuation():
    """A captured fraction is computed by one function from the same numbers in both evaluators."""
    settings = settings_of("layers")
    one, own = (certificate.plan(prepared.scene) for prepared in (plain(2300.0, settings), prepared_with(
        ATTENUATIONS, **settings)))
    assert own.reason is None and own.bound == one.bound


@pytest.mark.parametrize("attenuation", [np.nan, -1e7, np.inf])
def test_attenuations_that_make_no_factor_are_evaluated_strictly(attenuation):
    scene = prepared_with([2000.0, attenuation, 900.0], **settings_of("layers"))
    made, outcome = image(scene, threads=1)
    strict, _ = image(scene, threads=1, lanes=False)
    assert image_bits(made) == image_bits(strict)
    assert outcome.strict_pixels == outcome.pixels


def test_parts_of_a_list_share_a_sum():
    from numbragg.kernels.drive import contributions
    from numbragg.kernels.drive.cpu import Modes, Target
    from numbragg.kernels.physics.records import Window

    prepared = prepared_with(ATTENUATIONS, **settings_of("unpolarised", sensor_layers=-1))
    assert prepared.scene.geometry.layers == 2
    one_layer = prepared.scene._replace(geometry=prepared.scene.geometry._replace(layers=1))
    beam = one_layer.beam
    parts = [contributions.Contribution(one_layer._replace(beam=beam._replace(
        wavelengths=beam.wavelengths[some].copy(), weights=beam.weights[some].copy(), per_direction=count,
        attenuations=beam.attenuations[some].copy())), prepared.interpolating)
        for some, count in ((slice(0, 1), 1), (slice(1, None), 2))]
    assert len(contributions.in_groups(parts)) == 1
    made, whole = (np.zeros(prepared.shape, dtype=np.float32) for _ in range(2))
    contributions.render_sum(parts, Target(Window(*prepared.window), None, made), Modes(threads=2))
    render_tools.render(one_layer, prepared.window, None, whole, interpolating=False, threads=1)
    assert image_bits(made) == image_bits(whole) and whole.any()
