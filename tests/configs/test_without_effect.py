"""Fields of configurations that change no scene are named: in a warning, a note, or a refusal."""

import copy
import dataclasses
import pickle
import warnings

import numpy as np
import pytest

import numbragg as nb
from numbragg.notes import Loud, Reported

CELL = (50, 60, 70, 90, 90, 90)
PANEL = nb.Panel(origin_mm=(-1, -1, 100), fast_mm=(0.1, 0, 0), slow_mm=(0, 0.1, 0), pixels=(8, 6))
CLASSES = {"crystal": nb.Crystal, "beam": nb.Beam, "detector": nb.Detector, "sampling": nb.Sampling}
BASE = {"crystal": {"cell": CELL, "n_cells": 3}, "beam": {}, "detector": {"pixels": (8, 6)},
        "sampling": {"oversample": 2}}
#: A list that reaches far enough, and is not the same everywhere.
FACTORS = nb.StructureFactors.from_array(np.arange(729.0).reshape(9, 9, 9), (-4, -4, -4))


def scene(factors=FACTORS, **changed):
    """What is computed, the notes, and the warnings, which are those of them that must be read."""
    parts = {name: kind(**(BASE[name] | changed.get(name, {}))) for name, kind in CLASSES.items()}
    simulator = nb.Simulator(parts["detector"], parts["beam"], factors, sampling=parts["sampling"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        shot = simulator.prepare_shot(parts["crystal"])
    from numbragg.scene.notes import scene_notes

    notes = scene_notes(shot)
    assert [str(warning.message) for warning in caught] == [note for note in notes if isinstance(note, Reported)]
    return bits(tuple((prepared.scene, prepared.window, prepared.interpolating) for panel in shot
                      for prepared in panel)), notes


def bits(value):
    if isinstance(value, np.ndarray):
        return value.tobytes()
    return tuple(map(bits, value)) if isinstance(value, tuple) else repr(value)


#: For each field values of which some change the scene and some do not.
TRIED = {
    "beam": {
        "wavelength_angstrom": (1.3, 1e-10), "fluence_photons_per_m2": (1e20, 0.0), "flux_photons_per_s": (1e12,),
        "exposure_s": (2.0,), "size_mm": (0.02, None), "polarisation_fraction": (0.7, None),
        "divergence_h_mrad": (1.0, 0.0), "divergence_v_mrad": (1.0,), "divergence_h_step_mrad": (1.0,),
        "divergence_v_step_mrad": (1.0, 0.0), "divergence_h_steps": (3, 1), "divergence_v_steps": (3,),
        "round_divergence": (False,), "dispersion_percent": (2.0,), "dispersion_steps": (3, 1),
        "sources": ([(-1, 0, 0, 1, 1.1e-10)],), "d_min_angstrom": (3.0,),
        "spectrum": (nb.Spectrum(wavelengths_angstrom=[1.0, 1.1], weights=[1.0, 2.0]),)},
    "crystal": {
        "matrix": (((0.02, 0.001, 0), (0, 0.02, 0), (0, 0, 0.01)),), "u_matrix": (((0, -1, 0), (1, 0, 0), (0, 0, 1)),),
        "misset_deg": ((1, 2, 3),), "random_misset_seed": (5,), "n_cells": (5, (5, 6, 7)), "size_mm": (0.001, 0.0),
        "shape": ("round", "gauss"), "spot_metric": ("hkl",), "fudge": (0.5,), "mosaicity": ("gaussian",),
        "mosaic_spread_deg": (0.5, 0.0), "mosaic_domains": (5, 1), "mosaic_seed": (5,), "phi_start_deg": (4.0,),
        "oscillation_deg": (1.0, 0.0), "phi_step_deg": (0.5, 0.0), "phi_steps": (3, 1), "water_size_um": (3.0,),
        "scale": (2.0, 0.0)},
    "detector": {
        "pixel_mm": (0.2,), "distance_mm": (80.0,), "close_distance_mm": (80.0,), "convention": ("xds", "adxv"),
        "beam_centre_mm": ((0.5, 0.6), (None, None)), "close_point_mm": ((0.5, 0.6), (None, 0.6)),
        "close_point_pixels": ((5, 6),), "rotation_deg": ((1, 2, 3),), "twotheta_deg": (5.0,), "pivot": ("sample",),
        "sensor_thickness_um": (300.0,), "attenuation_depth_um": (100.0,), "sensor_layers": (3, 1), "curved": (True,),
        "point_pixel": (True,), "windows": ([(0, 0, 8, 3), (0, 3, 8, 3)],)},
    "sampling": {"oversample": (1, 5), "interpolation": (True, False),
                 "per_step": (("capture",), ("polarisation",), ("solid_angle",))},
}
#: What may change nothing without a word: zero of what there is none of, what holds anyway, what no random number or
#: grid of this scene asks for.
SAYS_NOTHING_ELSE = {
    ("beam", "size_mm", None), ("beam", "divergence_h_mrad", 0.0), ("beam", "divergence_v_step_mrad", 0.0),
    ("beam", "dispersion_steps", 1), ("beam", "round_divergence", False), ("crystal", "size_mm", 0.0),
    ("crystal", "mosaic_spread_deg", 0.0), ("crystal", "mosaic_domains", 1), ("crystal", "mosaic_seed", 5),
    ("crystal", "phi_step_deg", 0.0), ("crystal", "phi_steps", 1),
    ("detector", "beam_centre_mm", (None, None)), ("detector", "pivot", "sample"),
    ("detector", "sensor_layers", 1), ("sampling", "interpolation", False),
}


@pytest.mark.parametrize("part, name, value", [(part, name, value) for part, names in TRIED.items()
                                               for name, values in names.items() for value in values])
def test_what_changes_no_scene_is_named(part, name, value):
    base, plain = scene()
    assert plain == ()
    changed, notes = scene(**{part: {name: value}})
    if (part, name, value if not isinstance(value, list) else None) in SAYS_NOTHING_ELSE:
        assert changed == base
    elif changed == base:
        assert any(isinstance(note, Loud) for note in notes), (name, value)


def test_all_fields_are_tried():
    """Those that are missing are refused without the custom convention, are the base, or files and masks."""
    left_out = {"beam": {"polarisation_axis", "direction"},
                "crystal": {"cell", "spindle_axis", "structure_factors", "mosaic_spread_per_axis_deg",
                            "mosaic_low_discrepancy", "mosaic_rotations"},
                "detector": {"pixels", "size_mm", "fast_axis", "slow_axis", "normal", "twotheta_axis", "mask",
                             "panels"},
                "sampling": set()}
    for part, kind in CLASSES.items():
        assert {item.name for item in dataclasses.fields(kind)} == {*TRIED[part], *left_out[part]}


def source(wavelength=1e-10, weight=1.0):
    return (-1.0, 0.0, 0.0, weight, wavelength)


@pytest.mark.parametrize("part, fields, said", [
    ("beam", {"flux_photons_per_s": 1e12, "fluence_photons_per_m2": 1e20},
     "fluence_photons_per_m2: 1e+20 has no effect: flux_photons_per_s, exposure_s and size_mm give the fluence"),
    ("beam", {"exposure_s": 0.1}, "exposure_s: 0.1 has no effect without flux_photons_per_s"),
    ("beam", {"exposure_s": 1.0}, "exposure_s: 1 has no effect without flux_photons_per_s"),
    ("beam", {"flux_photons_per_s": 1e12, "exposure_s": 0.1}, None),
    ("beam", {"sources": [source()], "divergence_h_mrad": 1.0, "dispersion_percent": 1.0, "dispersion_steps": 3},
     "sources: they replace divergence and dispersion: no effect of divergence_h_mrad, dispersion_steps, dispersion_p"),
    ("beam", {"sources": [source(), source(0.9e-10)], "wavelength_angstrom": 1.5},
     "wavelength_angstrom: 1.5 is not simulated: the sources have wavelengths of their own, 0.9 to 1 Angstrom"),
    ("beam", {"sources": [source(0.98e-10)], "wavelength_angstrom": 1.0}, "wavelength_angstrom: 1 is not simulated"),
    ("beam", {"sources": [source(0.98e-10)], "wavelength_angstrom": 0.98}, None),
    ("beam", {"sources": [source(0.98e-10)]}, None),
    ("beam", {"sources": [source(np.nan), source()], "wavelength_angstrom": 1.5}, None),
    ("detector", {"distance_mm": 150.0, "close_distance_mm": 120.0},
     "distance_mm: 150 has no effect: close_distance_mm, 120, wins over it"),
    ("detector", {"distance_mm": 100.0, "close_distance_mm": 120.0}, "distance_mm: 100 has no effect"),
    ("detector", {"close_distance_mm": 120.0}, None),
    ("detector", {"close_point_mm": (0.1, 0.2)},
     "close_point_mm: 0.1 0.2 does not move the detector: the mosflm convention takes its centre from beam_centre_mm"),
    ("detector", {"convention": "xds", "beam_centre_mm": (0.1, None)},
     "beam_centre_mm: 0.1 None does not move the detector: the xds convention takes its centre from close_po"),
    ("detector", {"convention": "custom", "beam_centre_mm": (0.1, 0.2), "close_point_mm": (0.1, 0.3)},
     "close_point_mm: 0.1 0.3 has no effect: beam_centre_mm is given"),
    ("detector", {"convention": "custom", "beam_centre_mm": (0.1, None), "close_point_mm": (0.1, 0.3)}, None),
    ("detector", {"pivot": "sample", "twotheta_deg": 5.0}, "pivot: 'sample' has no effect in the mosflm convention"),
    ("detector", {"convention": "custom", "twotheta_axis": (0, 2, 0), "twotheta_deg": 5.0},
     "twotheta_axis: 0 2 0 is not of unit length, which distorts the detector"),
    ("detector", {"convention": "custom", "normal": (1, 0.2, 0)},
     "normal: 1 0.2 0 is not of unit length, so fast x slow is the normal"),
    ("detector", {"convention": "custom", "normal": (2, 0, 0)}, None),
])
def test_two_words_for_one_thing(part, fields, said):
    _, notes = scene(**{part: fields})
    if said is None:
        assert notes == ()
    else:
        note, = notes
        assert isinstance(note, Loud) and note.startswith(said)


def test_what_nobody_gave_is_not_named():
    """Whatever way a configuration came about: a field that was never given stays one."""
    beam = nb.Beam(flux_photons_per_s=1e12)
    for again in (copy.copy(beam), copy.deepcopy(beam), pickle.loads(pickle.dumps(beam)),
                  dataclasses.replace(beam, exposure_s=0.5)):
        assert again.pack().beam_notes == ()
    spectra = [nb.Spectrum(wavelengths_angstrom=[length, 1.1 * length], weights=[1.0, 1.0]) for length in (1.0, 2.0)]
    first = nb.Beam(spectrum=spectra[0])
    assert dataclasses.replace(first, spectrum=spectra[1]).wavelength_angstrom == spectra[1].mean_wavelength_angstrom
    assert type(beam.pack().fluence) is type(beam.pack().exposure) is type(nb.Detector().pack().distance) is float
