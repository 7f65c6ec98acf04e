"""Occupancies of models: 0 and blank ones, special positions, alternative locations, atoms that are there twice."""

import warnings

import gemmi
import naive_atoms
import numpy as np
import pytest
from structure_tools import model, real

import numbragg as nb
from numbragg.notes import Loud
from numbragg.structures.model import model_reflections

CELL = "CRYST1   30.000   40.000   50.000  90.00  90.00  90.00 "


def atom(number, name, place, occupancy="1.00", *, residue="GLY A   1", alternative=" ", element=None):
    x, y, z = place
    return (f"ATOM  {number:5d} {name:4s}{alternative}{residue}    {x:8.3f}{y:8.3f}{z:8.3f}{occupancy:>6s} 20.00"
            f"          {element or name.strip()[:1]:>2s}")


BASE = (atom(1, " CA", (4, 5, 6)), atom(2, " O", (6, 7, 9)))


def written(folder, *lines, space_group="P 21 21 2", cell=CELL):
    path = folder / "m.pdb"
    path.write_text("\n".join((cell + space_group, *lines, "END", "")))
    return path


def loud(path, **options):
    notes = nb.StructureFactors.from_model(path, 3.0, solvent=False, **options).notes
    return [str(note).partition(": ")[2] for note in notes if isinstance(note, Loud)]


def test_nothing_is_said_of_usual_occupancies(folder):
    alternatives = [atom(3 + n, " CB", (10 + n / 10, 3, 7), occupancy, residue="ALA A   2", alternative="ABC"[n])
                    for n, occupancy in enumerate(("0.33", "0.33", "0.34"))]
    on_an_axis = atom(9, "ZN", (0, 0, 7), "0.50", residue=" ZN A   3", element="ZN")
    assert loud(written(folder, *BASE, *alternatives, on_an_axis)) == []
    # two on the axis, that share it
    shared = [atom(9 + n, "ZN", (0, 0, 7), "0.25", residue=f" ZN A   {3 + n}", element="ZN") for n in range(2)]
    assert loud(written(folder, *BASE, *shared)) == []


def test_a_model_that_does_not_scatter_is_refused(folder):
    blank = [line[:54] + " " * 12 + line[66:] for line in BASE]
    for lines in (blank, [line.replace("  1.00", "  0.00") for line in BASE]):
        for solvent in (False, True):
            with pytest.raises(ValueError, match=r"m\.pdb: all of its 2 atoms have an occupancy of 0, so that every"):
                nb.StructureFactors.from_model(written(folder, *lines), 3.0, solvent=solvent)


def test_atoms_that_do_not_scatter_are_counted(folder):
    path = written(folder, *BASE, atom(3, " N", (10, 3, 7), "0.00"))
    factors = nb.StructureFactors.from_model(path, 3.0, solvent=False)
    assert "model of 3 atoms, 1 of them of occupancy 0" in factors.notes[0] and loud(path) == []
    assert "1 of them of occupancy 0" in factors.summary()
    assert factors.amplitude(1, 2, 3) == nb.StructureFactors.from_model(
        written(folder, *BASE), 3.0, solvent=False).amplitude(1, 2, 3)


@pytest.mark.parametrize("field, said", [("", "blank"), ("    x", "no number")])
def test_a_blank_field_is_an_occupancy_of_zero(folder, field, said):
    path = written(folder, *BASE, atom(3, " N", (10, 3, 7), field))
    assert loud(path) == [f"atom 3 N GLY A 1: its field of occupancy is {said}, which counts as 0 (1 atom)"]
    factors = nb.StructureFactors.from_model(path, 3.0, solvent=False)
    assert "1 of them of occupancy 0" in factors.notes[0]
    with warnings.catch_warnings(), pytest.raises(nb.NumbraggWarning, match="occupancy is"):
        warnings.simplefilter("error")
        nb.simulate(factors.crystal(n_cells=2), nb.Beam(), nb.Detector(pixels=(4, 4), pixel_mm=5.0), factors)


def test_a_line_that_ends_before_the_field_has_an_occupancy_of_one(folder):
    assert loud(written(folder, *BASE, atom(3, " C", (10, 3, 7))[:54])) == []


@pytest.mark.parametrize("space_group, place, copies", [("P 21 21 2", (0, 0, 7), 2), ("P 21 21 2", (15, 20, 7), 2),
                                                        ("P 21 21 2", (29.9, 40.05, 7), 2), ("P 2 2 2", (0, 0, 0), 4)])
def test_special_positions_count_each_copy_and_say_so(folder, space_group, place, copies):
    path = written(folder, *BASE, atom(3, "ZN", place, residue=" ZN A   2", element="ZN"), space_group=space_group)
    text, = loud(path)
    assert text == (f"atom A/ZN 2/ZN: lies on a special position, where {copies} symmetry copies of occupancy 1 count"
                    f" as {copies} atoms; occupancies are taken as they stand, and {1 / copies:g} would be one atom"
                    " (1 atom)")
    # as gemmi has it
    structure = gemmi.read_structure(str(path))
    calculator = gemmi.StructureFactorCalculatorX(structure.cell)
    factors = nb.StructureFactors.from_model(path, 3.0, solvent=False)
    for hkl in ((1, 2, 3), (2, 0, 0), (1, 1, 1)):
        expected = abs(calculator.calculate_sf_from_model(structure[0], hkl))
        assert factors.amplitude(*hkl) == pytest.approx(expected, rel=2e-5, abs=2e-5)


def test_what_is_not_near_enough_is_no_special_position(folder):
    path = written(folder, *BASE, atom(3, "ZN", (0.2, 0, 7), residue=" ZN A   2", element="ZN"))
    # copies are 0.4 Angstrom apart
    assert loud(path) == []


@pytest.mark.parametrize("occupancy", ["1.50", "-0.20"])
def test_occupancies_beyond_their_range(folder, occupancy):
    path = written(folder, *BASE, atom(3, " N", (10, 3, 7), occupancy), atom(4, " N", (11, 5, 7), occupancy))
    assert loud(path) == [f"atom A/GLY 1/N: an occupancy of {float(occupancy):g}, taken as it is; they lie between 0"
                          " and 1 (2 atoms)"]


def test_alternative_locations_of_more_than_one_atom(folder):
    lines = [atom(3 + n, " CB", (10 + 0.6 * n, 3, 7), "0.80", residue="ALA A   2", alternative="AB"[n])
             for n in range(2)]
    assert loud(written(folder, *BASE, *lines)) == [
        "atom A/ALA 2/CB.A: its 2 alternative locations have occupancies of 1.6 together, taken as they are (1 atom)"]


def test_atoms_that_are_there_twice(folder):
    expected = ("atom A/GLY 1/CA: 2 atoms within 0.3 Angstrom, symmetry copies among them, have occupancies of 2"
                " together; each counts (4 atoms): an atom listed twice, or the wrong space group")
    assert loud(written(folder, *BASE, *BASE)) == [expected]
    # a whole cell under the symmetry of a part of it
    moved = [atom(3, " CA", (26, 35, 6), residue="GLY B   1"), atom(4, " O", (24, 33, 9), residue="GLY B   1")]
    assert loud(written(folder, *BASE, *moved)) == [expected]
    assert loud(written(folder, *BASE, *moved, space_group="P 1")) == []


def test_copies_by_strict_symmetry_are_no_alternatives(folder):
    records = [f"MTRIX{row + 1}   1" + "".join(f"{float(row == column):10.6f}" for column in range(3))
               + f"     {10.0 if row == 0 else 0.0:10.5f}    " for row in range(3)]
    lines = [atom(3 + n, " CB", (10 + n / 10, 3, 7), "0.50", residue="ALA A   2", alternative="AB"[n])
             for n in range(2)]
    assert loud(written(folder, *records, *BASE, *lines)) == []


def test_every_pair_of_atoms_is_found(folder):
    """Against all pairs of atoms and copies, in a cell with oblique angles."""
    generator = np.random.default_rng(5)
    structure = model("C 1 2 1", (9, 7, 8, 90, 107, 90), "C")
    residue = structure[0][0][0]
    template = residue[0].clone()
    for n in range(120):
        template.name, template.occ = f"C{n + 1}", 0.4
        place = structure.cell.orthogonalize(gemmi.Fractional(*generator.random(3).tolist()))
        template.pos = place
        residue.add_atom(template)
    # at the border of the cell
    for place in ((0.001, 0.001, 0.999), (0.999, 0.001, 0.001)):
        template.pos = structure.cell.orthogonalize(gemmi.Fractional(*place))
        residue.add_atom(template)
    atoms = [site.atom for site in structure[0].all()]
    operations = [[op.apply_to_xyz(structure.cell.fractionalize(atom.pos).tolist()) for op in
                   structure.find_spacegroup().operations()] for atom in atoms]
    crowded = 0
    for first in operations:
        total, others = 0.0, False
        for n, images in enumerate(operations):
            for image in images:
                apart = np.array(first[0]) - image
                apart = structure.cell.orthogonalize(gemmi.Fractional(*(apart - np.round(apart)))).length()
                total += (apart < 0.3) * atoms[n].occ
                others |= apart < 0.3 and images is not first
        crowded += others and total > 1.02
    text = [text for text in model_reflections(structure, 3.0, solvent=False).loud if "within" in text]
    assert crowded > 3 and f"({crowded} atoms)" in text[0]


@pytest.mark.parametrize("name", ["1yjp.pdb", "5e5z.pdb"])
def test_real_models_are_as_they_seem(name):
    assert loud(real(name)) == []


def test_two_cells(folder):
    path = written(folder, CELL.replace("30.000", "33.000") + "P 1", *BASE)
    assert loud(path) == ["CRYST1 is there 2 times: 33.000 40.000 50.000 90.00 90.00 90.00 P 1 counts, the last, and"
                          " 30.000 40.000 50.000 90.00 90.00 90.00 P 21 21 2 does not"]
    assert nb.StructureFactors.from_model(path, 3.0).cell[0] == 33.0
    assert loud(written(folder, CELL + "P 21 21 2", *BASE)) == []
    assert naive_atoms.structure_factor(gemmi.read_structure(str(path)), [0, 0, 1]) != 0.0
