"""Notes on a prepared scene: each where what is simulated differs from the words, and only there."""

import warnings

import numpy as np
import pytest

import numbragg as nb
from numbragg.notes import Reported

CELL = (50, 60, 70, 90, 90, 90)
PLAIN = {"crystal": {"cell": CELL, "n_cells": 5}, "beam": {}, "detector": {"pixels": (20, 16), "pixel_mm": 0.5},
         "factors": 10.0}


def notes(**changed):
    """The notes of an image, and the warnings, which are those that are not plain text."""
    settings = {name: value | changed.get(name, {}) if isinstance(value, dict) else changed.get(name, value)
                for name, value in PLAIN.items()}
    simulator = nb.Simulator(nb.Detector(**settings["detector"]), nb.Beam(**settings["beam"]), settings["factors"],
                             sampling=changed.get("sampling"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = simulator.run(nb.Crystal(**settings["crystal"]))
    warned = [str(warning.message) for warning in caught]
    assert all(warning.category is nb.NumbraggWarning and warning.filename == __file__ for warning in caught)
    assert warned == [note for note in result.notes if isinstance(note, Reported)]
    assert all("\n" not in note for note in result.notes)
    return result.notes, warned


def test_an_ordinary_scene_is_not_worth_a_word():
    assert notes() == ((), [])


@pytest.mark.parametrize("angles, simulated", [
    # the oblique cell of which beta comes out wrong
    ((88.53, 108.57, 111.85), "108.479"),
    # a cell that cannot close
    ((60.0, 60.0, 120.5), ""),
])
def test_a_cell_that_is_not_the_one_given(angles, simulated):
    _, warned = notes(crystal={"cell": (27.25, 31.98, 34.29, *angles)})
    note, = warned
    assert note.startswith(f"cell: angles of {' '.join(f'{a:g}' for a in angles)} degrees were given; simulated is")
    assert simulated in note and "orientation matrix" in note


@pytest.mark.parametrize("angles", [(90, 90, 90), (90, 100, 90), (90, 90, 120), (100, 90, 90)])
def test_cells_that_are_as_given(angles):
    assert notes(crystal={"cell": (40, 50, 60, *angles)})[1] == []


def test_a_matrix_is_what_it_is_and_may_be_left_handed():
    matrix = np.diag([1 / 40, 1 / 50, 1 / 60])
    assert notes(crystal={"cell": None, "matrix": matrix})[1] == []
    matrix[2, 2] *= -1.0
    note, = notes(crystal={"cell": None, "matrix": matrix})[1]
    assert note.startswith("orientation matrix: left-handed")


@pytest.mark.parametrize("crystal, detector, said", [
    ({"phi_steps": 5, "phi_step_deg": 1.0}, {}, "phi: 5 steps asked for, 2 simulated"),
    ({"mosaic_domains": 7}, {}, "mosaic domains: 7 asked for, 1 simulated"),
    ({"mosaic_domains": 7, "mosaic_spread_deg": 0.0}, {}, "mosaic domains: 7 asked for, 1 simulated"),
    ({"oscillation_deg": 0.0}, {}, "phi: an oscillation of 0 makes 2 steps at one angle"),
    ({"oscillation_deg": 0.0, "water_size_um": 5.0}, {}, "the background of water, divided by both, is halved"),
    ({}, {"sensor_layers": 1, "sensor_thickness_um": 100.0}, "sensor layers: 2, 100 micrometres each: together"),
    ({}, {"sensor_layers": 3, "sensor_thickness_um": 100.0}, "3 sensor layers, the captured fraction not at every"),
    ({}, {"sensor_layers": 3}, "sensor layers: 3 have no effect without a thickness"),
    ({}, {"point_pixel": True}, "point pixels leave out the area"),
    ({}, {"curved": True, "convention": "xds"}, "a curved detector takes its angles from y and z"),
    ({"shape": "gauss", "n_cells": (5, 6, 5)}, {}, "shape of spots: 5 x 6 x 5 cells make round ones"),
    ({"fudge": 2.0}, {}, "fudge: 2 has no effect on a parallelepiped"),
    ({"mosaic_domains": 1, "mosaic_spread_deg": 1.0}, {}, "mosaic spread: 1 degrees have no effect"),
    ({"shape": "round", "spot_metric": "hkl"}, {}, "spot metric: hkl has no effect on an ellipsoid"),
    ({"oscillation_deg": 1.0, "phi_steps": 5, "phi_step_deg": 0.5}, {}, "the steps are 0.5 degrees apart"),
    ({"phi_steps": 5}, {}, "phi: 5 steps without an oscillation range are a rotation by 1 degree"),
    ({"size_mm": (0.05, 0.3, 0.05)}, {}, "size of the crystal along b: 0.3 mm is cut to the beam, 0.1 mm"),
])
def test_numbers_that_are_not_those_asked_for(crystal, detector, said):
    _, warned = notes(crystal=crystal, detector=detector, sampling=nb.Sampling(oversample=1))
    assert sum(said in note for note in warned) == 1


def test_numbers_that_are_as_asked_for():
    crystal = {"phi_steps": 3, "oscillation_deg": 1.0, "mosaic_domains": 4, "mosaic_spread_deg": 1.0,
               "size_mm": (0.0001, 0.0001, 0.0001), "n_cells": 1}
    beam = {"divergence_h_mrad": 1.0, "divergence_h_steps": 3, "dispersion_percent": 1.0, "dispersion_steps": 2}
    detector = {"sensor_thickness_um": 100.0}
    detector["pixel_mm"] = 0.02
    sampling = nb.Sampling(oversample=1, per_step=["capture"])
    assert notes(crystal=crystal, beam=beam, detector=detector, sampling=sampling)[1] == []


@pytest.mark.parametrize("fluence, oversample, said", [
    (None, 1, None), (1.25932e29, 1, None), (None, 2, "is divided by the 4 steps of a pixel"),
    (1e28, 1, "counts r_e^2 x fluence twice, as in nanoBragg"),
    (1e28, 2, "counts r_e^2 x fluence twice and is divided by")])
def test_water_is_told_of_where_it_is_not_what_it_should_be(fluence, oversample, said):
    found = notes(crystal={"water_size_um": 5.0}, beam={} if fluence is None else {"fluence_photons_per_m2": fluence},
                  sampling=nb.Sampling(oversample=oversample))[1]
    assert [note for note in found if note.startswith("water")] == [
        note for note in found if said is not None and note.startswith(f"water: the background of 5 um {said}")]
    assert sum(note.startswith("water") for note in found) == (said is not None)


def test_ranges_without_numbers_are_two_lines_at_their_ends():
    found, warned = notes(beam={"dispersion_percent": 1.0, "divergence_h_mrad": 1.0, "round_divergence": False})
    assert [note.split(" is 2,")[0] for note in found] == [
        "horizontal divergence: a range without a number of directions or a step",
        "dispersion: a range without a number of wavelengths"] and not warned


def test_divergence_without_a_range_spreads_over_a_radian():
    note, = notes(beam={"divergence_h_steps": 3, "round_divergence": False})[1]
    assert note.startswith("horizontal divergence: a number of directions without a range means a range of 1000 mrad")


def source(intensity, wavelength=1e-10):
    return (-1.0, 0.0, 0.0, intensity, wavelength)


def test_weights_of_sources_are_not_used():
    assert notes(beam={"sources": [source(2.0), source(2.0)]})[1] == []
    note, = notes(beam={"sources": [source(1.0), source(np.nan)]})[1]
    assert note.startswith("sources: 1 of 2 have no intensity (NaN)")
    assert notes(beam={"sources": [source(np.nan), source(np.nan)]})[1] == []
    note, = notes(beam={"sources": [source(0.25), source(np.nan), source(1.0, 1.1e-10)]})[1]
    assert note.startswith("sources: their intensities differ (0.25 to 1) and are not used")


def test_wavelengths_of_sources_in_angstrom():
    note, = notes(beam={"sources": [source(1.0), source(1.0, 0.98)]})[1]
    assert note.startswith("sources: a wavelength of 0.98 m") and "not in Angstrom" in note


def test_layers_of_a_panel_are_those_asked_for():
    panel = nb.Panel(origin_mm=(-1, -1, 100), fast_mm=(0.1, 0, 0), slow_mm=(0, 0.1, 0), pixels=(8, 8),
                     sensor_layers=1, sensor_thickness_um=100.0, attenuation_depth_um=200.0)
    detector = nb.Detector(panels=[panel], convention="custom")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nb.simulate(nb.Crystal(cell=CELL, n_cells=5), nb.Beam(), detector, 10.0,
                    sampling=nb.Sampling(per_step=["capture"]))


def test_what_an_image_costs_or_lacks():
    """A warning in Python, where nobody reads a report: on the command line a line of it."""
    found, warned = notes(crystal={"n_cells": (100, 200, 150), "size_mm": (0.001, 0.0, 0.0), "oscillation_deg": 0.5},
                          sampling=nb.Sampling(oversample=2))
    assert [note.split(":")[0] for note in found] == ["phi", "number of cells", "sub-pixels"]
    assert warned == list(found[1:])
    assert found[0].startswith("phi: an oscillation without a number of steps is 2 steps, 0.25 degrees apart")
    assert found[1] == "number of cells: the size of the crystal replaces 100 along a by 200"
    assert found[2].startswith("sub-pixels: 2 along each edge where ") and "F^2" in found[2]


def test_a_list_that_ends_before_the_detector():
    """20 x 16 pixels of 0.5 mm at 100 mm see to 14.8 A: indices to 3, 4 and 4."""
    seen = nb.Detector(**PLAIN["detector"]).resolutions_angstrom(1.0).min()
    assert f"{seen:.3g}" == "14.8" and [int(length // seen) for length in CELL[:3]] == [3, 4, 4]

    def table(*last):
        return nb.StructureFactors.from_array(np.ones([2 * n + 1 for n in last]), [-n for n in last])

    assert notes(factors=table(3, 4, 4))[0] == ()
    note, = notes(factors=table(3, 4, 2))[0]
    assert note == ("structure factors: the detector sees to 14.8 Angstrom, the list ends before (l -2..2 of -4..4): "
                    "all else has the default, 0")
    # half a list
    half = nb.StructureFactors.from_array(np.ones((7, 9, 5)), (-3, -4, 0))
    assert "l 0..4 of -4..4" in notes(factors=half)[0][0]


def test_each_crystal_and_panel_is_heard_once():
    detector = nb.Detector(pixels=(20, 16), pixel_mm=0.5, windows=[(0, 0, 10, 16), (10, 0, 10, 16)])
    crystals = [nb.Crystal(cell=CELL, n_cells=5, mosaic_domains=3), nb.Crystal(cell=CELL, n_cells=5, mosaic_domains=4)]
    with pytest.warns(nb.NumbraggWarning) as record:
        result = nb.Simulator(detector, nb.Beam(), 10.0).run(crystals)
    assert [str(warning.message).split(" asked")[0] for warning in record] == ["mosaic domains: 3", "mosaic domains: 4"]
    assert [str(note) for note in result.notes] == [str(warning.message) for warning in record]


def test_interpolation_that_switches_itself_off():
    table = nb.StructureFactors.from_array(np.ones((9, 9, 9)), (-4, -4, -4))
    found, warned = notes(crystal={"n_cells": 3}, sampling=nb.Sampling(interpolation=True, oversample=2), factors=table)
    note = warned[-1]
    assert note.startswith("structure factors: interpolation switched itself off at pixel ") and note in found
    assert notes(crystal={"n_cells": 3}, sampling=nb.Sampling(interpolation=False), factors=table)[1] == []


def test_what_the_revision_asked_for_does_is_no_warning():
    simulator = nb.Simulator(nb.Detector(pixels=(4, 4)), nb.Beam(), 1.0, revision="main",
                             sampling=nb.Sampling(oversample=2, per_step=["solid_angle"]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = simulator.run(nb.Crystal(cell=CELL, n_cells=2, oscillation_deg=1.0, phi_steps=3))
    assert [note.split(",")[0] for note in result.notes if "nanoBragg main" in note] == [
        "phi: the step at a spindle angle of 0 keeps the rotation of the step before it",
        "factors at every step multiply the sum so far"]


def test_a_random_orientation_is_not_uniform():
    found, warned = notes(crystal={"random_misset_seed": 3})
    assert found == ("orientation: random as in nanoBragg, which is not uniform over orientations",) and not warned


@pytest.mark.parametrize("crystal, beam, said", [
    ({"oscillation_deg": 1.0, "phi_step_deg": 0.3}, {}, "phi: 4 steps of 0.3 degrees each are not the oscillation of"),
    ({"oscillation_deg": 1.2, "phi_step_deg": 0.3}, {}, None),
    ({}, {"divergence_h_mrad": 0.0, "divergence_h_steps": 3}, "horizontal divergence: 3 directions asked for, 1 sim"),
    ({}, {"divergence_v_mrad": 1.0, "divergence_v_step_mrad": 0.25},
     "vertical divergence: 4 directions 0.25 mrad apart, from -0.5 to 0.25 mrad: not to the other end of the range"),
    ({}, {"divergence_v_mrad": 1.0, "divergence_v_step_mrad": 0.3, "divergence_v_steps": 10},
     "vertical divergence: 10 directions 0.3 mrad apart, from -0.5 to 2.2 mrad"),
    ({}, {"divergence_v_mrad": 1.0, "divergence_v_step_mrad": 0.5, "divergence_v_steps": 3}, None),
    ({"matrix": ((0.0201, 0.002, 0), (0, 0.0166, 0), (0, 0, 0.0143))}, {},
     "cell: angles of 90 90 90 degrees were given; simulated is 50 60 70 90 90 "),
    ({"matrix": np.diag([1 / 50, 1 / 60.2, 1 / 70])}, {}, None),
    ({"matrix": np.diag([1 / 50, 1 / 60.5, 1 / 70])}, {},
     "cell: edges of 50 60 70 Angstrom were given, the matrix has 50 60.5 70: the lengths of a, b and c are those"),
    ({"matrix": np.diag([1 / 50, 1 / 60, 1 / 70])}, {"wavelength_angstrom": 1.3}, None),
    ({"matrix": 1.3 * np.diag([1 / 50, 1 / 60, 1 / 70])}, {"wavelength_angstrom": 1.3}, None),
    ({"matrix": np.diag([1 / 50, 1 / 60, 1 / 71])}, {"wavelength_angstrom": 1.3},
     "cell: edges of 50 60 70 Angstrom were given, the matrix has 65 78 92.3: the lengths of a, b and c are those"),
    ({}, {"size_mm": 0.02}, "size of the beam: 0.02 mm has no effect on spots without a flux"),
    ({}, {"size_mm": 0.02, "flux_photons_per_s": 1e12}, None),
    ({}, {"wavelength_angstrom": 1.3, "spectrum": nb.Spectrum(wavelengths_angstrom=[1.0, 1.1], weights=[1, 2])},
     "wavelength: 1.3 Angstrom is not simulated: the spectrum has 1 to 1.1"),
    ({}, {"wavelength_angstrom": 1.05, "spectrum": nb.Spectrum(wavelengths_angstrom=[1.0, 1.1], weights=[1, 2])}, None),
])
def test_words_that_do_not_agree(crystal, beam, said):
    found = notes(crystal=crystal, beam=beam | {"round_divergence": False})[1]
    assert found == [] if said is None else len(found) == 1 and found[0].startswith(said)


@pytest.mark.parametrize("beam", [{"wavelength_angstrom": 1e-10}, {"wavelength_angstrom": 12398.0}])
def test_wavelengths_in_another_unit(beam):
    note, = notes(beam=beam)[1]
    assert note.startswith(f"wavelength: {beam['wavelength_angstrom']:g} Angstrom; wavelengths are in Angstrom")
    assert notes(beam={"wavelength_angstrom": 6.2})[1] == []


@pytest.mark.parametrize("crystal, length", [
    ({"cell": (50e-10, 60e-10, 70e-10, 90, 90, 90)}, "5e-09"),
    ({"cell": None, "matrix": np.diag([40.0, 50, 60])}, "0.025"),
    ({"cell": None, "matrix": np.diag([1 / 40, 1e-7, 1 / 60])}, "1e+07")])
def test_cells_in_another_unit(crystal, length):
    said = notes(crystal=crystal, sampling=nb.Sampling(oversample=1))[1]
    assert any(note.startswith(f"cell: a length of {length} Angstrom; cells are in Angstrom, a") for note in said)


@pytest.mark.parametrize("detector, said", [
    ({"pixel_mm": 1e-4}, "pixel: 0.0001 mm; lengths of a detector are in millimetres"),
    ({"pixel_mm": 172.0}, "pixel: 172 mm;"), ({"distance_mm": 0.2}, "distance: 0.2 mm;"),
    ({"close_distance_mm": 2e5}, "distance: 200000 mm;")])
def test_lengths_of_a_detector_in_another_unit(detector, said):
    once = nb.Sampling(oversample=1)
    assert sum(note.startswith(said) for note in notes(detector=detector, sampling=once)[1]) == 1
    panel = nb.Panel(origin_mm=(0, 0, 0.1), fast_mm=(1e-4, 0, 0), slow_mm=(0, 1e-4, 0), pixels=(4, 4))
    with pytest.warns(nb.NumbraggWarning, match="^pixel: 0.0001 mm"):
        nb.simulate(nb.Crystal(cell=CELL), nb.Beam(), nb.Detector(panels=[panel], convention="adxv"), 1.0,
                    sampling=once)


def test_a_weight_that_is_nothing():
    note, = notes(beam={"sources": [source(0.0)]})[1]
    assert note.startswith("sources: an intensity of 0 is not used")


def test_flags_in_an_array():
    values = np.ones((9, 9, 9))
    values[4, 4, 5] = -999.0
    note, = notes(factors=nb.StructureFactors.from_array(values, (-4, -4, -4)))[1]
    assert note.startswith("table: 1 amplitude looks like a flag for missing values, the first -999 of 0 0 1")


def test_sources_on_the_side_to_which_the_beam_goes():
    """A source is where photons come from: at -x for a beam along x, which is MOSFLM's."""
    assert notes(beam={"sources": [(-1.0, 0.5, 0.5, 1.0, 1e-10), (np.nan, np.nan, np.nan, 1.0, 1e-10)]})[1] == []
    note, = notes(beam={"sources": [source(1.0), (10.0, 0.0, 0.01, 1.0, 1e-10), (1.0, 0.0, 0.0, 1.0, 1e-10)]})[1]
    assert note == ("sources: the source at 10 0 0.01 is more than 90 degrees from that of the nominal beam, at -1 0 0,"
                    " and its photons travel against the beam (2 of 3 sources)")
    # of another convention
    assert notes(beam={"sources": [(0.0, 0.0, -1.0, 1.0, 1e-10)]}, detector={"convention": "adxv"})[1] == []
