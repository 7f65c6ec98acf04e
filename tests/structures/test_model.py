"""Amplitudes of models: against sums written out in plain Python, gemmi's direct summation, and the grid."""

import gemmi
import naive_atoms
import numpy as np
import pytest
from structure_tools import model, real

import numbragg as nb
from numbragg.notes import Loud
from numbragg.structures.model import B_SOLVENT, K_SOLVENT, model_reflections

CRYSTALS = {"orthorhombic": model(), "triclinic": model("P 1", (9, 10, 12, 88.5, 108.6, 111.9)),
            "centrosymmetric": model("P -1", (9, 10, 12, 88.5, 108.6, 111.9)),
            "hexagonal": model("P 61", (12, 12, 21, 90, 90, 120)),
            "rhombohedral": model("R 3 2:H", (20, 20, 24, 90, 90, 120)),
            "centred": model("C 1 2 1", (16, 11, 13, 90, 101.2, 90))}


@pytest.mark.parametrize("name", CRYSTALS)
def test_like_the_naive_sum(name):
    structure = CRYSTALS[name]
    found = model_reflections(structure, 2.5, solvent=False)
    expected = [abs(naive_atoms.structure_factor(structure, hkl)) for hkl in found.indices.tolist()]
    assert found.minus is None and len(expected) > 40
    # gemmi keeps u as floats; the sums are doubles
    np.testing.assert_allclose(found.plus, expected, rtol=1e-11, atol=1e-10)


def scattering_at(wavelength):
    """f' and f'' by element."""
    return {symbol: gemmi.cromer_liberman(gemmi.Element(symbol).atomic_number, 12398.42 / wavelength)
            for symbol in "C N O Se".split()}


@pytest.mark.parametrize("name", CRYSTALS)
def test_anomalous_scattering_like_the_naive_sum(name):
    """f' and f'' of selenium near its edge: F(h) and F(-h) differ, and have the right signs."""
    structure, wavelength = CRYSTALS[name], 0.95
    found = model_reflections(structure, 3.0, wavelength, solvent=False)
    anomalous = scattering_at(wavelength)
    assert anomalous["Se"][1] > 3.0
    plus = [abs(naive_atoms.structure_factor(structure, hkl, anomalous)) for hkl in found.indices.tolist()]
    minus = [abs(naive_atoms.structure_factor(structure, [-h for h in hkl], anomalous))
             for hkl in found.indices.tolist()]
    np.testing.assert_allclose(found.plus, plus, rtol=1e-11, atol=1e-10)
    np.testing.assert_allclose(found.minus, minus, rtol=1e-11, atol=1e-10)
    differ = np.abs(found.plus - found.minus).max() > 0.1
    assert differ == (name != "centrosymmetric")


def test_friedel_signs_in_the_table():
    """All equivalents in P1, each against a sum of its own; also the mates."""
    structure = CRYSTALS["hexagonal"]
    factors = nb.StructureFactors.from_model(structure, 4.0, 0.95, solvent=False)
    anomalous = scattering_at(0.95)
    checked = 0
    for hkl in np.argwhere(factors.table > 0.0) + np.array(factors.minimum):
        expected = abs(naive_atoms.structure_factor(structure, hkl.tolist(), anomalous))
        assert factors.amplitude(*hkl.tolist()) == pytest.approx(expected, rel=1e-11)
        checked += 1
    assert checked > 100 and "kept apart" in factors.summary()


@pytest.mark.parametrize("name", ["1yjp.pdb", "5e5z.pdb"])
def test_like_direct_summation_of_gemmi(name):
    structure = gemmi.read_structure(str(real(name)))
    found = nb.StructureFactors.from_model(real(name), 2.0, solvent=False)
    calculator = gemmi.StructureFactorCalculatorX(structure.cell)
    expected = [abs(calculator.calculate_sf_from_model(structure[0], hkl)) for hkl in INDICES.tolist()]
    # gemmi takes form factors as floats
    np.testing.assert_allclose(found.at(INDICES), expected, rtol=2e-5, atol=2e-5)


INDICES = np.array([[1, 0, 1], [-1, 0, 1], [0, 2, 0], [1, 1, 2], [2, 1, 2], [-2, -1, 1], [3, 2, 4], [0, 1, 1]])


@pytest.mark.parametrize("wavelength", [None, 0.95])
def test_the_density_gives_the_same(wavelength):
    structure = CRYSTALS["orthorhombic"]
    direct, grid = (model_reflections(structure, 1.5, wavelength, method=method) for method in ("sum", "fft"))
    assert np.abs(direct.plus - grid.plus).max() < 1e-3 and direct.plus.mean() > 10.0
    if wavelength:
        assert np.abs(direct.minus - grid.minus).max() < 1e-3
        assert np.abs(direct.minus - direct.plus).max() > 0.1
    assert grid.said.endswith("on a grid") and not direct.said.endswith("on a grid")


def test_solvent_is_the_transform_of_a_mask():
    structure = CRYSTALS["orthorhombic"]
    found = model_reflections(structure, 2.5, solvent=True)
    grid = gemmi.FloatGrid()
    grid.set_unit_cell(structure.cell)
    grid.spacegroup = structure.find_spacegroup()
    grid.set_size_from_spacing(2.5 / 3.0, gemmi.GridSizeRounding.Up)
    gemmi.SolventMasker(gemmi.AtomicRadiiSet.Cctbx).put_mask_on_float_grid(grid, structure[0])
    mask = np.array(grid.array, float)
    assert 0.1 < mask.mean() < 0.95
    places = [np.arange(n) / n for n in mask.shape]
    for n in (0, 3, 17):
        h, k, l = found.indices[n].tolist()
        waves = [np.exp(2j * np.pi * index * x) for index, x in zip((h, k, l), places)]
        m = np.einsum("ijk,i,j,k", mask, *waves) * structure.cell.volume / mask.size
        stol2 = 0.25 * structure.cell.calculate_1_d2([h, k, l])
        expected = naive_atoms.structure_factor(structure, [h, k, l]) + K_SOLVENT * np.exp(-B_SOLVENT * stol2) * m
        assert found.plus[n] == pytest.approx(abs(expected), abs=1e-3)


def test_f000_is_the_number_of_electrons():
    structure = model("P 1", elements="C N")
    with_it = nb.StructureFactors.from_model(structure, 3.0, solvent=False, f000=True)
    without = nb.StructureFactors.from_model(structure, 3.0, solvent=False)
    # the table of form factors misses whole numbers by some thousandths
    assert with_it.amplitude(0, 0, 0) == pytest.approx(6 + 0.8 * 7, abs=0.02) and without.amplitude(0, 0, 0) == 0.0


@pytest.mark.parametrize("edge, times", [(30.0, 10), (21.0, 7), (33.3, 9), (0.1 * 77, 7), (49.0, 49), (10.7, 3)])
def test_reflections_at_the_resolution_itself_are_there(edge, times):
    """h 0 0 where d_min is the h-th part of an edge, whatever the rounding."""
    structure = model("P 1", (edge, 9.0, 9.5, 90, 90, 90), "C")
    factors = nb.StructureFactors.from_model(structure, edge / times, solvent=False)
    assert factors.maximum[0] == times and factors.amplitude(times, 0, 0) > 0.0


def test_numbered_assemblies_are_models(folder):
    structure = model()
    structure.write_pdb(str(folder / "a.pdb1"))
    factors = nb.StructureFactors.from_model(folder / "a.pdb1", 3.0)
    assert factors.cell == tuple(structure.cell.parameters)


def test_all_reflections_to_the_resolution():
    structure = CRYSTALS["centred"]
    factors = nb.StructureFactors.from_model(structure, 2.5, solvent=False)
    box = np.stack(np.meshgrid(*[np.arange(-8, 9)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = [hkl for hkl in box.tolist() if any(hkl) and sum(hkl[:2]) % 2 == 0
              and structure.cell.calculate_d(hkl) >= 2.5]
    assert (factors.at(inside) > 0.0).all() and np.count_nonzero(factors.table) == len(inside)


def test_strict_symmetry_between_copies_counts():
    """A copy that the file leaves out scatters as one that it has."""
    structure = model("P 1", elements="C N O")
    written = structure.clone()
    shift = gemmi.Transform()
    shift.vec.fromlist([2.0, 3.5, 1.0])
    structure.ncs.append(gemmi.NcsOp(shift, "1", False))
    copies = [site.atom.clone() for site in written[0].all()]
    for copy in copies:
        copy.pos = gemmi.Position(*[x + d for x, d in zip(copy.pos.tolist(), (2.0, 3.5, 1.0))])
        written[0][0][0].add_atom(copy)
    one, other = (model_reflections(each, 3.0, solvent=False) for each in (structure, written))
    np.testing.assert_allclose(one.plus, other.plus, rtol=1e-9)
    assert "6 atoms" in one.said and "6 atoms" in other.said


@pytest.mark.parametrize("matrix, vector", [
    ([[1, 0, 0], [0, 1, 0], [0, 0, 1e9]], [0, 0, 0]), ([[1, 0, 0], [0, 1, 0], [0, 1, 0]], [1, 0, 0]),
    ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [0, 2e9, 0]), ([[1, 0, 0], [0, float("nan"), 0], [0, 0, 1]], [0, 0, 0])])
def test_copies_by_no_rotation_are_refused(matrix, vector):
    """Before gemmi looks for neighbours in all the space that such copies spread over."""
    structure = model("P 1", elements="C N O")
    transform = gemmi.Transform()
    transform.mat.fromlist(matrix)
    transform.vec.fromlist(vector)
    structure.ncs.append(gemmi.NcsOp(transform, "7", False))
    with pytest.raises(ValueError, match=r"operation '7' between copies \(MTRIXn\) is no rotation with a shift"):
        model_reflections(structure, 3.0)


def broken(change):
    structure = model()
    change(structure)
    return structure


@pytest.mark.parametrize("change, message", [
    (lambda s: s.remove_empty_chains() or s[0].remove_chain("A"), "has no atoms"),
    (lambda s: s.cell.set(1, 1, 1, 90, 90, 90), "has no unit cell"),
    (lambda s: setattr(s, "spacegroup_hm", "Q 3"), "has the space group 'Q 3', which is not known"),
    (lambda s: setattr(s, "spacegroup_hm", "P 4"), "space group P 4: the cell 11 13 17 90 90 90 does not have its"),
    (lambda s: setattr(s[0][0][0][0], "occ", float("nan")), "atom .*: its place, occupancy or B factor is no sensible"),
    (lambda s: setattr(s[0][0][0][0], "b_iso", -1e4), "its amplitudes are (not finite|too large): a B factor is far"),
    (lambda s: [setattr(site.atom, "element", gemmi.Element("X")) for site in s[0].all()],
     "has no atoms of a known element"),
    (lambda s: setattr(s[0][0][0][0], "occ", 1e9), "atom .*: its place, occupancy or B factor is no sensible")])
def test_models_that_are_refused(change, message):
    with pytest.raises(ValueError, match=f"^gemmi.Structure: {message}") as caught:
        nb.StructureFactors.from_model(broken(change), 1.0)
    assert "\n" not in str(caught.value)


def test_what_is_left_out_is_a_warning():
    structure = broken(lambda s: setattr(s[0][0][0][0], "element", gemmi.Element("X")))
    structure.add_model(gemmi.Model(2))
    factors = nb.StructureFactors.from_model(structure, 3.0)
    loud = [str(note) for note in factors.notes if isinstance(note, Loud)]
    assert loud == ["gemmi.Structure: 2 models; the first is taken",
                    "gemmi.Structure: left out: 1 atoms of no known element"]


@pytest.mark.parametrize("arguments, message", [
    ((5.0, 2.0), "model: 5.0 must be a file or a gemmi.Structure"),
    (("a.txt", 2.0), "model: 'a.txt' must be a PDB"),
    (("a.mtz", 2.0), "model: 'a.mtz' must be a PDB or"), ((model(), 0.0), "d_min_angstrom: 0.0 must be above 0"),
    ((model(), 2.0, -1.0), "wavelength_angstrom: -1.0"), ((model(), 2.0, 1.0, 2), "solvent: 2"),
    ((model(), 1e-4), "gemmi.Structure: model: .* reflections to 0.0001 Angstrom need"),
    ((model(), 100.0), "gemmi.Structure: d_min_angstrom: 100 Angstrom; no reflection")])
def test_arguments_that_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        nb.StructureFactors.from_model(*arguments)
    with pytest.raises(ValueError, match="^method: "):
        nb.StructureFactors.from_model(model(), 3.0, method="slow")


def test_the_sum_does_not_depend_on_how_it_is_shared_out(monkeypatch):
    from numbragg.structures import model as module

    whole = model_reflections(CRYSTALS["orthorhombic"], 2.0, 0.95, solvent=False)
    monkeypatch.setattr(module, "_REFLECTIONS", 7)
    monkeypatch.setattr(module, "_TERMS", 1)
    monkeypatch.setattr(module, "available_threads", lambda: 2)
    parts = model_reflections(CRYSTALS["orthorhombic"], 2.0, 0.95, solvent=False)
    assert whole.plus.tobytes() == parts.plus.tobytes() and whole.minus.tobytes() == parts.minus.tobytes()


@pytest.mark.parametrize("beam, warned", [
    ({"wavelength_angstrom": 0.98}, ""), ({"wavelength_angstrom": 0.985}, ""),
    ({"wavelength_angstrom": 2.0}, "2"),
    # a dispersion about it, of which no step has it
    ({"wavelength_angstrom": 0.98, "dispersion_percent": 10.0, "dispersion_steps": 2}, ""),
    ({"spectrum": nb.Spectrum([0.9, 0.975, 1.1], [1.0, 2.0, 1.0])}, ""),
    ({"spectrum": nb.Spectrum([0.9, 1.0, 1.1], [1.0, 2.0, 1.0])}, "0.9 to 1.1"),
    ({"sources": [[-1.0, 0.0, 0.0, 1.0, 0.9e-10], [-1.0, 0.0, 0.0, 1.0, 0.98e-10]]}, "")])
def test_a_beam_of_another_wavelength_than_the_anomalous_scattering(beam, warned):
    factors = nb.StructureFactors.from_model(model(), 4.0, 0.98, solvent=False)
    detector = nb.Detector(pixels=(6, 6), pixel_mm=1.0, distance_mm=100.0)
    result = nb.Simulator(detector, nb.Beam(**beam), factors).run(factors.crystal(n_cells=5))
    said = [note for note in result.notes if note.startswith("structure factors: f' and f''")]
    expected = f"structure factors: f' and f'' at 0.98 Angstrom, but simulated is {warned}"
    assert said == ([expected] if warned else []) and all(isinstance(note, Loud) for note in said)


@pytest.mark.parametrize("wavelength, loud", [(0.98, False), (0.05, False), (10.0, False), (0.98e-10, True),
                                              (12.4, True), (12400.0, True)])
def test_a_wavelength_in_another_unit(wavelength, loud):
    notes = nb.StructureFactors.from_model(model(elements="C N"), 4.0, wavelength, solvent=False).notes
    assert any(isinstance(note, Loud) and "wavelengths are in Angstrom" in note for note in notes) == loud


def test_a_space_group_in_other_letters_is_shown_as_ascii():
    structure = model()
    structure.spacegroup_hm = "P 21 \xa121 21"
    with pytest.raises(ValueError, match=r"has the space group 'P 21 \\xa121 21', which is not known"):
        nb.StructureFactors.from_model(structure, 4.0)
