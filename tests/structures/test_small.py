"""Models of small molecules: against a sum over all atoms of the cell, written out from the CIF's own numbers."""

import cmath
import math

import gemmi
import pytest

import numbragg as nb
from numbragg.io.errors import FileFormatError
from numbragg.notes import Loud

HEAD = """data_{name}
_cell_length_a {cell[0]}
_cell_length_b {cell[1]}
_cell_length_c {cell[2]}
_cell_angle_alpha {cell[3]}
_cell_angle_beta {cell[4]}
_cell_angle_gamma {cell[5]}
_space_group_name_H-M_alt '{group}'
"""
ATOMS = "loop_\n" + "".join(f"_atom_site_{word}\n" for word in (
    "label type_symbol fract_x fract_y fract_z U_iso_or_equiv occupancy").split())
ANISO = "loop_\n_atom_site_aniso_label\n" + "".join(
    f"_atom_site_aniso_U_{word}\n" for word in "11 22 33 12 13 23".split())

CELL = (6.1, 7.3, 8.9, 90, 104.5, 90)
U = (0.021, 0.034, 0.027, 0.004, 0.009, -0.003)


def written(folder, text, name="a.cif"):
    path = folder / name
    path.write_text(text, encoding="ascii")
    return path


def naive(cell, group, atoms, hkl):
    """F(hkl): `atoms` are (symbol, x, y, z, occupancy, U or six of them); an image on another one counts once."""
    metric = gemmi.UnitCell(*cell)
    star = metric.reciprocal().parameters
    stol2 = metric.calculate_1_d2(hkl) / 4
    total = 0
    for symbol, x, y, z, occupancy, u in atoms:
        table = gemmi.Element(symbol).it92
        f = sum(a * math.exp(-b * stol2) for a, b in zip(table.a, table.b)) + table.c
        images = {}
        for operation in gemmi.SpaceGroup(group).operations():
            place = operation.apply_to_xyz([x, y, z])
            images.setdefault(tuple(round(v % 1.0, 6) % 1.0 for v in place), (place, operation))
        for place, operation in images.values():
            turned = [sum(h * row[n] for h, row in zip(hkl, operation.rot)) / 24 for n in range(3)]
            if isinstance(u, tuple):
                h, k, l = (v * s for v, s in zip(turned, star))
                exponent = 2 * math.pi ** 2 * (u[0] * h * h + u[1] * k * k + u[2] * l * l
                                               + 2 * (u[3] * h * k + u[4] * h * l + u[5] * k * l))
            else:
                exponent = 8 * math.pi ** 2 * u * stol2
            phase = 2 * math.pi * sum(h * value for h, value in zip(hkl, place))
            total += occupancy * f * math.exp(-exponent) * cmath.exp(1j * phase)
    return abs(total)


def test_like_the_naive_sum(folder):
    """Anisotropic U along reciprocal axes, an atom on a centre, half an atom, standard deviations in brackets."""
    text = HEAD.format(name="small", cell=CELL, group="P 1 21/c 1") + ATOMS + (
        "C1 C 0.1130(2) 0.2070 0.3110(11) 0.03 1\nCl1 Cl1- 0.41 0.33 0.05 0.025(1) 0.5\nZn1 Zn2+ 0 0.5 0.5 0.015 1\n"
        "H1 H 0.2 0.25 0.4 0.05 .\n") + ANISO + "C1 " + " ".join(map(str, U)) + "\n"
    atoms = [("C", 0.113, 0.207, 0.311, 1.0, U), ("Cl", 0.41, 0.33, 0.05, 0.5, 0.025),
             ("Zn", 0.0, 0.5, 0.5, 1.0, 0.015), ("H", 0.2, 0.25, 0.4, 1.0, 0.05)]
    factors = nb.StructureFactors.from_model(written(folder, text), 0.9, solvent=False)
    for hkl in ([1, 0, 0], [0, 2, 0], [1, 1, 1], [1, 1, -1], [-2, 3, 4], [2, -3, 1], [0, 4, 3], [3, 0, -2], [5, 2, 1]):
        # gemmi keeps occupancies, B and U as 32-bit floats
        assert factors.amplitude(*hkl) == pytest.approx(naive(CELL, "P 1 21/c 1", atoms, hkl), rel=2e-6), hkl
    assert factors.cell == CELL and factors.space_group == "P 1 21/c 1" and "model of 4 atoms" in factors.notes[0]
    assert factors.amplitude(0, 1, 0) == 0.0


@pytest.mark.parametrize("group, cell, atoms", [
    ("F m -3 m", (5.64,) * 3 + (90,) * 3, [("Na", 0, 0, 0, 1.0, 0.02), ("Cl", 0.5, 0.5, 0.5, 1.0, 0.02)]),
    ("F d -3 m:1", (5.431,) * 3 + (90,) * 3, [("Si", 0, 0, 0, 1.0, 0.006)]),
    ("F d -3 m:2", (5.431,) * 3 + (90,) * 3, [("Si", 0.125, 0.125, 0.125, 1.0, 0.006)]),
    ("R -3 m:H", (3.9, 3.9, 10.2, 90, 90, 120), [("Bi", 0, 0, 0.234, 1.0, 0.01)])])
def test_atoms_on_special_positions(folder, group, cell, atoms):
    """They are there once; origins and settings are those of the name."""
    rows = "".join(f"{s}{n} {s} {x} {y} {z} {u} {o}\n" for n, (s, x, y, z, o, u) in enumerate(atoms))
    factors = nb.StructureFactors.from_model(
        written(folder, HEAD.format(name="x", cell=cell, group=group) + ATOMS + rows), 1.0, solvent=False)
    checked = 0
    for h in range(-2, 5):
        for k in range(3):
            for l in range(5):
                if 0 < gemmi.UnitCell(*cell).calculate_1_d2([h, k, l]) <= 1.0:
                    expected = naive(cell, group, atoms, [h, k, l])
                    assert factors.amplitude(h, k, l) == pytest.approx(expected, rel=2e-6, abs=2e-5), (h, k, l)
                    checked += expected > 1.0
    assert checked > 5


def test_b_of_older_files_and_atoms_at_rest(folder):
    head = HEAD.format(name="x", cell=(5,) * 3 + (90,) * 3, group="P 1")
    words = "label fract_x fract_y fract_z B_iso_or_equiv".split()
    atoms = "loop_\n" + "".join(f"_atom_site_{word}\n" for word in words)
    factors = nb.StructureFactors.from_model(written(folder, head + atoms + "Si1 0 0 0 0.5(1)\nC2 .5 0 0 ?\n"), 1.2,
                                             solvent=False)
    sites = [("Si", 0, 0, 0, 1, 0.5 / (8 * math.pi ** 2)), ("C", 0.5, 0, 0, 1, 0)]
    expected = naive((5,) * 3 + (90,) * 3, "P 1", sites, [2, 1, 1])
    assert factors.amplitude(2, 1, 1) == pytest.approx(expected, rel=2e-6)
    assert "model of 2 atoms, 1 of them at rest (B 0)" in factors.notes[0]


@pytest.mark.parametrize("said, operations, notes", [
    ("_symmetry_space_group_name_H-M 'P 1 21/c 1'", "P 1 21/n 1", ["P 1 21/c 1 by its name"]),
    ("_symmetry_space_group_name_H-M 'P 1 21/n 1'", "P 1 21/n 1", []),
    ("_symmetry_space_group_name_H-M 'P 21/n'\n_symmetry_Int_Tables_number 14", "P 1 21/n 1", []),
    ("_symmetry_Int_Tables_number 15", "P 1 21/n 1", ["15 by its number"]),
    ("_symmetry_space_group_name_Hall '-P 2ybc'", "P 1 21/n 1", ["-P 2ybc by its Hall symbol"]),
    ("_symmetry_space_group_name_Hall '-P 2yn'", "P 1 21/n 1", []),
    ("_symmetry_space_group_name_H-M 'P n n n'", "P n n n:2", []),
    ("_symmetry_space_group_name_H-M 'P n n n:1'", "P n n n:2", ["P n n n:1 by its name"])])
def test_names_and_operations_that_disagree(folder, said, operations, notes):
    text = HEAD.format(name="x", cell=(6.1, 7.3, 8.9, 90, 90, 90), group="").replace(
        "_space_group_name_H-M_alt ''\n", said + "\nloop_\n_symmetry_equiv_pos_as_xyz\n" + "".join(
            f"'{operation.triplet()}'\n" for operation in gemmi.SpaceGroup(operations).operations()))
    path = written(folder, text + ATOMS + "C1 C 0.1 0.2 0.3 0.02 1\n")
    factors = nb.StructureFactors.from_model(path, 2.0, solvent=False)
    assert factors.space_group == operations
    assert factors.notes[1:] == tuple(f"{path}: the space group is {operations} by its symmetry operations, which"
                                      f" counts, but {note}" for note in notes)
    assert all(isinstance(note, Loud) for note in factors.notes[1:])


@pytest.mark.parametrize("group, atoms, message", [
    ("P 1 nonsense", "C1 C 0 0 0 0.02 1\n", r"its space group \(P 1 nonsense\) is not known"),
    ("P 1", "Q1 Q 0 0 0 0.02 1\n", "has no atoms of a known element"),
    ("P 1", "C1 C ? 0 0 0.02 1\n", "atom .*: its place, occupancy or B factor is no sensible number"),
    ("P 4", "C1 C 0 0 0 0.02 1\n", "does not have its symmetry")])
def test_what_is_refused(folder, group, atoms, message):
    path = written(folder, HEAD.format(name="x", cell=CELL, group=group) + ATOMS + atoms)
    with pytest.raises(ValueError, match=f"a.cif: {message}|a.cif: .*{message}") as caught:
        nb.StructureFactors.from_model(path, 2.0, solvent=False)
    assert "\n" not in str(caught.value)


def test_what_has_no_atoms(folder):
    with pytest.raises(FileFormatError, match="^.*b.cif: has no atoms$"):
        nb.StructureFactors.from_model(written(folder, "data_x\n_cell_length_a 5\n", "b.cif"), 2.0)
    with pytest.raises(FileFormatError, match="^.*empty.cif: has no atoms$"):
        nb.StructureFactors.from_model(written(folder, "", "empty.cif"), 2.0)
    with pytest.raises(FileFormatError, match="has no atoms, but reflections, which from_cif reads"):
        nb.StructureFactors.from_model(written(folder, "data_x\nloop_\n_refln.index_h\n1\n", "c.cif"), 2.0)
