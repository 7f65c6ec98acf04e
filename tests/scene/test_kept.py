"""What a simulator keeps for other shots: each shot is what it would be alone."""

from dataclasses import fields, is_dataclass, replace
import itertools

import numpy as np
import pytest

import numbragg as nb
from numbragg.scene import kept, prepare
from numbragg.scene.notes import scene_notes
from numbragg.scene.request import BeamRequest, CrystalRequest

FACTORS = nb.StructureFactors.from_array(np.arange(1.0, 344.0).reshape(7, 7, 7), (-3, -3, -3))
PLANE = nb.Detector(pixels=(40, 30), pixel_mm=0.3)
TURNS = nb.random_rotations(40, seed=3)

pytestmark = pytest.mark.filterwarnings("ignore::numbragg.NumbraggWarning")


def crystal(number, **given):
    return nb.Crystal(**{"cell": (60, 70, 80, 90, 90, 90), "n_cells": 4, "u_matrix": TURNS[number],
                         "mosaic_spread_deg": 1.0, "mosaic_domains": 3, **given})


#: What a crystal may have beside its orientation, a row for each; zeros of either sign are two.
VARIED = [{}, {"n_cells": 5}, {"size_mm": 0.001}, {"shape": "gauss"}, {"shape": "gauss", "spot_metric": "hkl"},
          {"fudge": 2.0}, {"mosaic_spread_deg": 0.5}, {"mosaic_domains": 4}, {"mosaic_seed": 9}, {"mosaic_seed": -9},
          {"phi_start_deg": 3.0}, {"phi_start_deg": 0.0, "oscillation_deg": 2.0},
          {"phi_start_deg": -0.0, "oscillation_deg": 2.0}, {"oscillation_deg": 1.0, "phi_step_deg": 0.3},
          {"phi_steps": 3, "oscillation_deg": 1.0}, {"water_size_um": 5.0}, {"mosaicity": "gaussian"},
          {"mosaicity": "gaussian", "mosaic_low_discrepancy": True},
          {"mosaicity": "anisotropic", "mosaic_spread_deg": (0.5, 1.0, 0.7), "mosaic_domains": 4},
          {"mosaic_spread_deg": None, "mosaic_domains": None}, {"cell": (60, 70, 80, 90, 100, 90)},
          {"cell": (9, 9, 9, 70, 80, 75)},
          {"u_matrix": None, "misset_deg": (1, 2, 3)}, {"u_matrix": None, "random_misset_seed": 7},
          {"u_matrix": None, "random_misset_seed": 7, "mosaic_seed": -2}, {"n_cells": 2}]


def content(item):
    """All that is in a record, arrays by their bits; what is kept for others is not in it."""
    if isinstance(item, np.ndarray):
        return item.shape, item.dtype.str, item.tobytes()
    if isinstance(item, tuple):
        return tuple(map(content, item))
    if hasattr(item, "numbers"):
        return content(item.numbers())
    if is_dataclass(item) and not isinstance(item, nb.StructureFactors):
        return tuple(content(getattr(item, field.name)) for field in fields(item) if field.name != "alike")
    return repr(item)


def all_of(simulator, each):
    prepared = simulator.prepare(each)
    return content(prepared), scene_notes(((prepared,),))


@pytest.mark.parametrize("beam", [nb.Beam(), nb.Beam(dispersion_percent=1.0, dispersion_steps=3)],
                         ids=["one wavelength", "three"])
@pytest.mark.parametrize("revision", ["fixed", "main"])
def test_each_shot_is_what_it_is_alone(beam, revision):
    """Whatever the one before it was, and however often each of them came."""
    def fresh():
        return nb.Simulator(PLANE, beam, FACTORS, revision=revision, sampling=nb.Sampling(per_step=["polarisation"]))

    made, asked = fresh(), [crystal(n, **given) for n, given in enumerate(VARIED)]
    wanted = [all_of(fresh(), each) for each in asked]
    order = [*range(len(asked)), *reversed(range(len(asked))), *range(0, len(asked), 3)]
    assert [all_of(made, asked[n]) for n in order] == [wanted[n] for n in order]
    assert len({found for found, _ in wanted}) == len(wanted)


#: What a beam may have, a row for each; the first ones differ in the number of photons only.
BEAMS = [{}, {"fluence_photons_per_m2": 1e20}, {"fluence_photons_per_m2": 0.0}, {"flux_photons_per_s": 1e12},
         {"flux_photons_per_s": 1e12, "exposure_s": 0.3}, {"flux_photons_per_s": 1e12, "size_mm": 0.2},
         {"wavelength_angstrom": 1.1}, {"polarisation_fraction": 0.5}, {"polarisation_fraction": None},
         {"dispersion_percent": 1.0}, {"dispersion_percent": 1.0, "dispersion_steps": 3}, {"divergence_h_mrad": 1.0},
         {"divergence_v_mrad": 1.0}, {"divergence_h_mrad": 1.0, "divergence_h_step_mrad": 0.3},
         {"divergence_v_mrad": 1.0, "divergence_v_step_mrad": 0.3}, {"divergence_h_mrad": 1.0, "divergence_h_steps": 3},
         {"divergence_v_mrad": 1.0, "divergence_v_steps": 3},
         {"divergence_h_mrad": 1.0, "divergence_v_mrad": 1.0, "divergence_h_steps": 3, "divergence_v_steps": 3},
         {"divergence_h_mrad": 1.0, "divergence_v_mrad": 1.0, "divergence_h_steps": 3, "divergence_v_steps": 3,
          "round_divergence": False}, {"d_min_angstrom": 3.0},
         {"sources": np.array([[-1.0, 0.0, 0.0, 1.0, 1e-10]])}, {"spectrum": nb.Spectrum.gaussian(1.0, 1.0, samples=3)}]


@pytest.mark.parametrize("axes", [{}, {"direction": (1, 0.01, 0), "polarisation_axis": (0, 1, 0)}])
def test_each_beam_is_what_it_is_alone(axes):
    """Of simulators that have what they can in common."""
    plane = replace(PLANE, convention="custom") if axes else PLANE
    beams = [nb.Beam(**{**axes, **given}) for given in BEAMS]
    asked = [crystal(0), crystal(1, water_size_um=5.0)]

    def of(simulator):
        return [all_of(simulator, each) for each in asked]

    wanted = [of(nb.Simulator(plane, beam, FACTORS)) for beam in beams]
    first = nb.Simulator(plane, nb.Beam(), FACTORS)
    for n in (*range(len(beams)), *reversed(range(len(beams)))):
        assert of(first.with_surroundings(plane, beams[n], None)) == wanted[n], n
    assert len({repr(found) for found in wanted}) == len(wanted)


def test_nothing_of_a_beam_is_forgotten():
    """Its fields are either what is kept is found by, or the number of its photons, words, or somebody's arrays."""
    names = {field.name for field in fields(BeamRequest)}
    alone = {"fluence", "flux", "exposure", "sources", "spectrum", "spectrum_notes", "beam_notes"}
    found = kept._BESIDE_INTENSITY.__reduce__()[1]
    assert set(found) | alone == names and not set(found) & alone


def test_beams_that_differ_in_their_photons_share_all_else():
    first = nb.Simulator(PLANE, nb.Beam(), FACTORS)

    def shared(**given):
        return first.with_surroundings(PLANE, nb.Beam(**given), None).prepare(crystal(0)).alike[0]

    one, other, third = shared(), shared(fluence_photons_per_m2=1e20), shared(wavelength_angstrom=1.1)
    assert one is not other and one.whatever_intensity is other.whatever_intensity
    assert third.whatever_intensity is not one.whatever_intensity


def test_nothing_of_a_crystal_is_forgotten():
    """Its fields are either what is kept is found by, or its cell and orientation, or arrays of somebody else's."""
    names = {field.name for field in fields(CrystalRequest)}
    alone = {"cell_given", "cell_lengths", "cell_angles", "matrix", "u_matrix", "misset", "misset_angles",
             "misset_seed", "mosaic_rotations", "matrix_cell", "crystal_notes"}
    found = kept._BESIDE_ORIENTATION.__reduce__()[1]
    assert set(found) | alone == names and not set(found) & alone


def test_notes_are_those_of_the_scene_as_it_is():
    """Where somebody has changed what was prepared, too."""
    made = nb.Simulator(PLANE, nb.Beam(), FACTORS)
    plain = made.prepare(crystal(0))
    changed = replace(plain, scene=plain.scene._replace(beam=plain.scene.beam._replace(wavelengths=np.array([1.0]))))
    assert not any("wavelength" in note for note in scene_notes(((plain,),)))
    assert any("wavelength: 1e+10 Angstrom" in note for note in scene_notes(((changed,),)))


def test_arrays_are_each_shot_s_own():
    made = nb.Simulator(PLANE, nb.Beam(), FACTORS)

    def arrays(item):
        parts = item if isinstance(item, tuple) else ()
        return [item] if isinstance(item, np.ndarray) else list(itertools.chain.from_iterable(map(arrays, parts)))

    one, other = (arrays(made.prepare(crystal(n)).scene._replace(lookup=None)) for n in (0, 0))
    assert len(one) == len(other) > 8
    assert not any(np.shares_memory(a, b) for a in one for b in other)


def test_few_are_kept():
    made = nb.Simulator(PLANE, nb.Beam(), FACTORS)
    for number in range(3 * kept.MOST):
        made.prepare(crystal(0, fudge=1.0 + number))
    assert 0 < max(map(len, made._shared().kept._made.values())) <= kept.MOST


def test_what_comes_and_goes_leaves_alone_what_stays(monkeypatch):
    """Mosaic domains are drawn once, whatever else every shot has anew."""
    first, drawn, real = nb.Simulator(PLANE, nb.Beam(), FACTORS), [], prepare.mosaic_domains
    monkeypatch.setattr(prepare, "mosaic_domains", lambda *given: drawn.append(given) or real(*given))
    for number in range(3 * kept.MOST):
        beam = nb.Beam(wavelength_angstrom=1.0 + 0.001 * number)
        first.with_surroundings(PLANE, beam, None).prepare(crystal(0))
    assert len(drawn) == 1
