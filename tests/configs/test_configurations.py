"""Configuration objects: every field is checked, and every error names field, value and rule."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

import numbragg as nb

CUBIC = (100, 100, 100, 90, 90, 90)

NAN, INF = math.nan, math.inf
NOT_NUMBERS = ["1", None, NAN, INF, -INF, True, 1j, [1.0]]


def not_number(*but):
    return [value for value in NOT_NUMBERS if not any(value is item for item in but)]


OPTIONAL = not_number(None)
NOT_POSITIVE = [0, -1.5, 0.0]
COUNTS = [0, -1, 2.5, "3", NAN, 2 ** 31, [1]]
VECTORS = [(1, 2), (0, 0, 0), (1, 2, NAN), (1, 2, "3"), 5, "x", (1, 2, 3, 4), (1, INF, 0)]
TRIPLES = [(1, 2), "x", (1, 2, "3"), (1, NAN, 2), {}, (1, 2, 3, 4)]
PAIRS = [5, (1,), (1, 2, 3), "x", ("a", "b"), (1, NAN), (INF, 1)]
WORDS = ["other", None, 3, "", [], {}]
FLAGS = ["no", 2, None, [], 0.5]
MATRICES = [5, "x", ((1, 0), (0, 1)), ((1, 0, 0), (0, 1, 0), (0, 0, "1")),
            ((1, 0, 0), (0, 1, 0), (0, 0, NAN)), ((1, 2, 3), (2, 4, 6), (0, 0, 1)), (1, 2, 3),
            np.zeros((3, 3)), [[1, 0, 0]] * 2]

BAD = {
    nb.Crystal: {
        "cell": [5, "x", (1, 2, 3), (0, 50, 50, 90, 90, 90), (50, 50, -1, 90, 90, 90),
                 (50, 50, 50, 90, 90, 180), (50, 50, 50, 0, 90, 90), (50, 50, 50, NAN, 90, 90), ("a",) * 6],
        "matrix": MATRICES, "u_matrix": [*MATRICES, ((1, 0, 0), (0, 1, 0), (0, 0, 2)),
                                         ((1, 0.1, 0), (0, 1, 0), (0, 0, 1)), ((1, 0, 0), (0, 1, 0), (0, 0, -1)),
                                         -np.eye(3)], "misset_deg": [5, *TRIPLES],
        "random_misset_seed": [-2 ** 31, 2.5, "3", 2 ** 31], "n_cells": [*TRIPLES, *COUNTS, (1, 2, 0)],
        "size_mm": [*TRIPLES, -1.0, (1, 1, -1), (1, 1, NAN), None], "shape": WORDS,
        "spot_metric": WORDS, "fudge": not_number(), "mosaicity": WORDS, "mosaic_spread_deg": [-1, *OPTIONAL],
        "mosaic_spread_per_axis_deg": [-1, *OPTIONAL], "mosaic_domains": COUNTS,
        "mosaic_seed": [-2 ** 31, 2.5, "3", 2 ** 31, None], "mosaic_low_discrepancy": FLAGS,
        "mosaic_rotations": [5, "x", np.eye(3), np.empty((0, 3, 3)), np.zeros((2, 3, 3)), -np.eye(3)[np.newaxis],
                             np.full((1, 3, 3), NAN), 2.0 * np.eye(3)[np.newaxis]], "phi_start_deg": not_number(),
        "oscillation_deg": [-1, *OPTIONAL], "phi_step_deg": [-1, *OPTIONAL], "phi_steps": COUNTS,
        "spindle_axis": VECTORS, "water_size_um": [-1, *not_number()],
        "structure_factors": ["x", [1.0], True, (1, 2), {}], "scale": [-1, *not_number()],
    },
    nb.Beam: {
        "wavelength_angstrom": [*NOT_POSITIVE, *not_number()], "fluence_photons_per_m2": [-1, *not_number()],
        "flux_photons_per_s": [-1, *not_number()], "exposure_s": [*NOT_POSITIVE, *not_number()],
        "size_mm": [*NOT_POSITIVE, *OPTIONAL], "polarisation_fraction": [1.5, -1.01, *OPTIONAL],
        "polarisation_axis": VECTORS, "direction": VECTORS, "divergence_h_mrad": [-1, *OPTIONAL],
        "divergence_v_mrad": [-1, *OPTIONAL], "divergence_h_step_mrad": [-1, *OPTIONAL],
        "divergence_v_step_mrad": [-1, *OPTIONAL], "divergence_h_steps": COUNTS, "divergence_v_steps": COUNTS,
        "round_divergence": FLAGS, "dispersion_percent": [-1, 200.0, *not_number()],
        "dispersion_steps": COUNTS, "sources": [5, "x", [], (1, 2, 3), np.ones((2, 4)),
                                                [[1, 0, 0, 1, -1e-10]], [[1, 0, 0, 1, 0]],
                    [[0, 0, 0, 1, 1e-10]], [[INF, 0, 0, 1, 1e-10]], [["a"] * 5], [[1, 2, 3, 4, 5], [1, 2]]],
        "d_min_angstrom": [-1, *not_number()], "spectrum": [5, "x", [1.0], {}],
    },
    nb.Detector: {
        "pixels": [*PAIRS, (0, 5), (5, -1), (5, 2.5), (2 ** 31, 1), (None, 5)],
        "size_mm": [*PAIRS, (0, 5), (5, -1), (None, 5), (5.0, None)],
        "pixel_mm": [*NOT_POSITIVE, *not_number()], "distance_mm": [*NOT_POSITIVE, *not_number()],
        "close_distance_mm": [*NOT_POSITIVE, *OPTIONAL], "convention": WORDS, "beam_centre_mm": PAIRS,
        "close_point_mm": PAIRS, "close_point_pixels": PAIRS, "rotation_deg": [5, *TRIPLES],
        "twotheta_deg": not_number(), "fast_axis": VECTORS, "slow_axis": VECTORS, "normal": VECTORS,
        "twotheta_axis": VECTORS, "pivot": WORDS, "sensor_thickness_um": [-1, *not_number()],
        "attenuation_depth_um": [*NOT_POSITIVE, *OPTIONAL], "sensor_layers": COUNTS, "curved": FLAGS,
        "point_pixel": FLAGS, "mask": [np.ones((3, 3)), 5, "x", np.ones(100), [[1, 2], [3]]],
        "panels": [5, "x", [], (None,), [5], {}],
        "windows": [5, "x", [], [5], [(1, 2, 3)], [(0, 0, 0, 5)], [(0, 0, 11, 5)], [(0, 0, 2.5, 5)], [(-1, 0, 1, 1)]],
    },
    nb.Sampling: {
        "oversample": COUNTS, "per_step": ["other", ["capture", "other"], 5, [3], [[]]],
        "interpolation": ["yes", 1, 2, 0.5, []],
    },
}
NEEDED = {nb.Crystal: dict(cell=CUBIC), nb.Beam: {}, nb.Detector: dict(pixels=(10, 8)), nb.Sampling: {}}
TOGETHER = {"size_mm": dict(pixels=None), "fast_axis": dict(convention="custom"),
            "slow_axis": dict(convention="custom"), "normal": dict(convention="custom"),
            "twotheta_axis": dict(convention="custom")}


def bad_fields():
    for config, table in BAD.items():
        for field, values in table.items():
            for number, value in enumerate(values):
                yield pytest.param(config, field, value, id=f"{config.__name__}.{field}-{number}")


@pytest.mark.parametrize("config", BAD)
def test_every_field_is_in_the_table(config):
    assert list(BAD[config]) == [item.name for item in dataclasses.fields(config)]


@pytest.mark.parametrize("config, field, value", list(bad_fields()))
def test_error_names_field_value_and_rule(config, field, value):
    arguments = NEEDED[config] | (TOGETHER.get(field, {}) if config is nb.Detector else {}) | {field: value}
    with pytest.raises(ValueError) as caught:
        config(**arguments)
    message = str(caught.value)
    assert message.startswith(f"{field}: ") and "\n" not in message
    assert len(message) < 400
    # the value, or the part of it that is wrong, or its shape; of what can be large, the type
    parts = [value, *(value if isinstance(value, (list, tuple)) else []), getattr(value, "shape", None)]
    shown = any(repr(part) in message for part in parts if part is not None) or value is None
    shown |= field == "structure_factors" and f": {type(value).__name__} must be" in message
    assert shown or any(word in message for word in ("number", "shape", "singular", "infinite", "positive",
                                                     "zero", "rows"))
    # the rule
    assert any(word in message for word in ("must", "not a", "no direction", "singular", "infinite",
                                            "is zero", "is not"))


@pytest.mark.parametrize("make, words", [
    (lambda: nb.Crystal(), "cell"),
    (lambda: nb.Crystal(cell=CUBIC, misset_deg=(1, 2, 3), random_misset_seed=4), "misset_deg"),
    (lambda: nb.Detector(pixels=(5, 5), size_mm=(5, 5)), "pixels"),
    (lambda: nb.Detector(pixels=(5, 5), fast_axis=(1, 0, 0)), "fast_axis"),
    (lambda: nb.Detector(pixels=(5, 5), twotheta_axis=(1, 0, 0), convention="xds"), "twotheta_axis"),
    (lambda: nb.simulate(nb.Crystal(cell=CUBIC, spindle_axis=(1, 0, 0)), nb.Beam(),
                         nb.Detector(pixels=(5, 5)), 1.0),
     "crystal.spindle_axis"),
    (lambda: nb.simulate(nb.Crystal(cell=CUBIC), nb.Beam(direction=(1, 0, 0)), nb.Detector(pixels=(5, 5)),
                         1.0),
     "beam.direction"),
    (lambda: nb.simulate(nb.Crystal(cell=CUBIC), nb.Beam(polarisation_axis=(1, 0, 0)),
                         nb.Detector(pixels=(5, 5)), 1.0),
     "beam.polarisation_axis"),
    (lambda: nb.Beam(flux_photons_per_s=1e12, size_mm=1e-300), "size_mm"),
    (lambda: nb.Beam(flux_photons_per_s=1e12, size_mm=1e-322), "size_mm"),
    (lambda: nb.Beam(flux_photons_per_s=1e12, size_mm=None), "size_mm"),
    (lambda: nb.Beam.from_energy(0.0), "energy_ev"),
    (lambda: nb.Beam.from_energy("x"), "energy_ev"),
])
def test_fields_that_do_not_go_together(make, words):
    with pytest.raises(ValueError, match=rf"\A{words}: "):
        make()


@pytest.mark.parametrize("cell", [(50, 60, 70, 30, 60, 90), (50, 60, 70, 120, 120, 120)])
def test_cell_without_volume(cell):
    """Angles that cannot meet are simulated as the C program does, but for cells that are flat."""
    with pytest.raises(ValueError, match="cell"):
        nb.simulate(nb.Crystal(cell=cell), nb.Beam(), nb.Detector(pixels=(5, 5)), 1.0)


SIMULATOR = {
    "roi": [5, (1, 2, 3), (1, 2, 3, "4"), (0, 10, 0, 5), (0, 5, 0, 8), (5, 4, 0, 5), (-1, 5, 0, 5),
            (0, 1.5, 0, 5), "x"],
    "threads": [0, -1, 1.5, "2", 2 ** 31], "revision": ["other", None, 3],
    "structure_factors": ["x", None, True, [1.0]],
}


@pytest.mark.parametrize("field, value",
                         [(field, value) for field in SIMULATOR for value in SIMULATOR[field]])
def test_arguments_of_simulate(field, value):
    arguments = dict(structure_factors=1.0) | {field: value}
    if field == "revision" and value is None:
        arguments["revision"] = ""
    with pytest.raises(ValueError, match=rf"\A{field}: "):
        nb.simulate(nb.Crystal(cell=CUBIC), nb.Beam(), nb.Detector(pixels=(10, 8)), **arguments)


@pytest.mark.parametrize("position, wrong", list(itertools.product(range(3), [None, 5, "x"])))
def test_configurations_of_the_wrong_kind(position, wrong):
    """Swapped or forgotten configurations are told apart from everything else."""
    arguments = [nb.Crystal(cell=CUBIC), nb.Beam(), nb.Detector(pixels=(10, 8))]
    arguments[position] = wrong
    with pytest.raises((TypeError, ValueError), match=["crystal", "beam", "detector"][position]):
        nb.simulate(*arguments, 1.0)


FACTORS = [
    (lambda: nb.StructureFactors.constant(NAN), "default"),
    (lambda: nb.StructureFactors.from_array(np.ones((2, 2)), (0, 0, 0)), "table"),
    (lambda: nb.StructureFactors.from_array(np.ones((2, 0, 2)), (0, 0, 0)), "table"),
    (lambda: nb.StructureFactors.from_array(np.full((2, 2, 2), NAN), (0, 0, 0)), "table"),
    (lambda: nb.StructureFactors.from_array(np.ones((2, 2, 2)), (0, 0)), "minimum"),
    (lambda: nb.StructureFactors.from_array(np.ones((2, 2, 2)), (0, 0.5, 0)), "minimum"),
    (lambda: nb.StructureFactors.from_array(np.ones((2, 2, 2)), 5), "minimum"),
    (lambda: nb.StructureFactors.from_array(np.ones((2, 2, 2)), (2 ** 31, 0, 0)), "minimum"),
    (lambda: nb.StructureFactors.from_reflections([[0, 0, 1]], [1.0, 2.0]), "amplitudes"),
    (lambda: nb.StructureFactors.from_reflections([[0, 0, 1]], [NAN]), "amplitudes"),
    (lambda: nb.StructureFactors.from_reflections([[0, 0]], [1.0]), "indices"),
    (lambda: nb.StructureFactors.from_reflections([[0.0, 0.0, 1.0]], [1.0]), "indices"),
    (lambda: nb.StructureFactors.from_reflections([[0, 0, 2 ** 31]], [1.0]), "indices"),
    (lambda: nb.StructureFactors.from_reflections(np.empty((0, 3), int), []), "amplitudes"),
    (lambda: nb.StructureFactors.from_reflections([[0, 0, 0], [10 ** 6, 10 ** 6, 10 ** 6]], [1.0, 1.0]),
     "GB"),
    (lambda: nb.StructureFactors(np.ones((2, 2, 2)), (0, 0, 0), (5, 5, 5)), "shape"),
]


@pytest.mark.parametrize("make, words", FACTORS)
def test_structure_factors_of_no_use(make, words):
    with pytest.raises(ValueError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_configurations_are_frozen():
    for config in (nb.Crystal(cell=CUBIC), nb.Beam(), nb.Detector(pixels=(10, 8)), nb.Sampling()):
        field = dataclasses.fields(config)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(config, field, None)
    with pytest.raises(ValueError, match="read-only"):
        nb.Detector(pixels=(2, 2), mask=np.ones((2, 2))).mask[0, 0] = False


def test_a_beam_without_size_clips_nothing():
    """As a negative -beamsize: the fluence counts, and a large crystal keeps its size."""
    crystal = nb.Crystal(cell=CUBIC, size_mm=(0.0002, 0.0002, 0.0002))
    cells = [nb.Simulator(nb.Detector(pixels=(4, 4)), nb.Beam(size_mm=size), 1.0).prepare(crystal).n_cells
             for size in (None, 1.0, 0.0001)]
    assert cells == [(20.0, 20.0, 20.0), (20.0, 20.0, 20.0), (20.0, 10.0, 10.0)]
