"""Structure factors with a cell and a space group: arrays, crystals, notes, hashes, copies."""

from hashlib import sha256
from pathlib import Path
import pickle
import warnings

import gemmi
import numpy as np
import pytest
from structure_tools import model

import numbragg as nb

HKL = [[1, 2, 3], [2, 0, 1]]
TRICLINIC = (27.25, 31.98, 34.29, 88.53, 108.57, 111.85)


def test_symmetry_of_arrays():
    factors = nb.StructureFactors.from_reflections(HKL, [3 - 4j, 2j], 1.5, space_group="P 1 2 1",
                                                   cell=(30, 40, 50, 90, 100, 90))
    assert factors.at([[1, 2, 3], [-1, 2, -3], [-1, -2, -3], [1, -2, 3], [-1, 2, 3], [-2, 0, -1]]).tolist() == [
        5, 5, 5, 5, 1.5, 2]
    assert factors.space_group == "P 1 2 1" and factors.cell == (30, 40, 50, 90, 100, 90)
    by_object = nb.StructureFactors.from_reflections(HKL, [5, 2], 1.5, space_group=gemmi.SpaceGroup("P 1 2 1"))
    assert by_object.sha256 == factors.sha256 and by_object.cell is None
    # without a space group, as it stands
    assert nb.StructureFactors.from_reflections(HKL, [5, 2]).at([-1, 2, -3]) == 0.0


def test_moduli_are_rounded_right():
    """Root of a sum of squares, each operation rounded: no vector function of a library."""
    random = np.random.default_rng(3)
    f = random.normal(size=500) + 1j * random.normal(size=500)
    hkl = np.stack([np.arange(500), *np.zeros((2, 500), int)], axis=1)
    expected = [(z.real * z.real + z.imag * z.imag) ** 0.5 for z in f.tolist()]
    assert nb.StructureFactors.from_reflections(hkl, f).at(hkl).tolist() == expected


@pytest.mark.parametrize("settings, message", [
    ({"space_group": "Q 1"}, "space_group: 'Q 1' is no space group"), ({"cell": (1, 2, 3)}, "cell: "),
    ({"cell": TRICLINIC}, "cell: belongs to a space group; give space_group too"),
    ({"cell": (1, 2, 3, 90, 90, 180), "space_group": 1}, "cell: .* below 180"),
    ({"cell": TRICLINIC, "space_group": "P 4"}, "space group P 4: the cell .* does not have its symmetry"),
    ({"space_group": "P 1", "amplitudes": [-1.0, 2.0]}, "amplitudes: some are negative"),
    ({"space_group": "P 1", "indices": [[0, 0, 1], [0, 0, 2 ** 30]]}, "indices: beyond 349525")])
def test_refusals(settings, message):
    given = {"indices": HKL, "amplitudes": [1.0, 2.0]} | settings
    with pytest.raises(ValueError, match=f"^{message}"):
        nb.StructureFactors.from_reflections(**given)


@pytest.mark.parametrize("call", [
    lambda: nb.StructureFactors.from_mtz("a.mtz", 5), lambda: nb.StructureFactors.from_mtz("a.mtz", default=np.nan),
    lambda: nb.StructureFactors.from_mtz("a.mtz", intensities="root"),
    lambda: nb.StructureFactors.from_mtz("a", f000=1),
    lambda: nb.StructureFactors.from_cif("a.cif", block=""), lambda: nb.StructureFactors.from_file("a", columns=7),
    lambda: nb.StructureFactors.from_file("a", intensities=True)])
def test_fields_are_checked_before_files_are_read(call):
    with pytest.raises(ValueError, match="^(column|default|intensities|f000|block|columns): "):
        call()


def test_hash_and_copies():
    factors = nb.StructureFactors.from_reflections(HKL, [5, 2], space_group=1)
    text = repr((factors.minimum, factors.maximum)).encode()
    assert factors.sha256 == sha256(text + factors.table.tobytes()).hexdigest()
    copy = pickle.loads(pickle.dumps(factors))
    assert copy.sha256 == factors.sha256 and copy.space_group == "P 1" and copy.summary() == factors.summary()
    assert nb.StructureFactors.constant(3.0).summary().splitlines()[1] == "gaps                3"


def b_matrix(cell):
    """Rows of B by gemmi: the inverse of the axes' matrix."""
    return np.array(gemmi.UnitCell(*cell).frac.mat.tolist())


@pytest.mark.parametrize("cell", [(30, 40, 50, 90, 100, 90), (30, 30, 50, 90, 90, 120), (40, 50, 60, 90, 90, 90),
                                  TRICLINIC, (40.43, 40.43, 40.43, 80.25, 80.25, 80.25)])
@pytest.mark.parametrize("wavelength", [1.0, 0.77])
def test_the_crystal_has_the_cell_exactly(cell, wavelength):
    factors = nb.StructureFactors.from_reflections(HKL, [5, 2], space_group=1, cell=cell)
    crystal = factors.crystal(n_cells=5, misset_deg=(10, 20, 30))
    assert crystal.n_cells == (5, 5, 5) and (crystal.matrix is None) == (sum(a != 90 for a in cell[3:]) < 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error", nb.NumbraggWarning)
        result = nb.Simulator(nb.Detector(pixels=(8, 8)), nb.Beam(wavelength_angstrom=wavelength), factors).run(crystal)
    a = np.array(result.a_matrix)
    # A = U B: its metric is that of B
    np.testing.assert_allclose(a.T @ a, b_matrix(cell) @ b_matrix(cell).T, rtol=1e-12, atol=1e-18)


def test_the_matrix_has_the_orientation_of_the_cell():
    """Of a cell that needs none both ways are the same crystal."""
    from numbragg.structures.cells import reciprocal_columns

    cell = (30, 40, 50, 90, 100, 90)
    simulator = nb.Simulator(nb.Detector(pixels=(8, 8)), nb.Beam(), 10.0)
    one, other = (np.array(simulator.run(nb.Crystal(n_cells=5, **fields)).a_matrix)
                  for fields in ({"cell": cell}, {"cell": cell, "matrix": reciprocal_columns(cell)}))
    np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-16)


def test_crystals_that_cannot_be():
    with pytest.raises(ValueError, match="^structure factors: their cell is not known; give Crystal a cell"):
        nb.StructureFactors.constant(1.0).crystal()
    factors = nb.StructureFactors.from_model(model(), 5.0)
    for name in ("cell", "matrix"):
        with pytest.raises(ValueError, match=f"^{name}: is that of the structure factors"):
            factors.crystal(**{name: (1, 2, 3, 90, 90, 90)})
    with pytest.raises(ValueError, match="^n_cells: "):
        factors.crystal(n_cells=-1)


@pytest.mark.parametrize("cell, noticed", [
    ((30, 40, 50, 90, 100, 90), False), ((30.1, 40.1, 49.9, 90, 100.2, 90), False),
    ((30.2, 40, 50, 90, 100, 90), True), ((30, 40, 50, 90, 100.5, 90), True), ((40, 30, 50, 90, 100, 90), True)])
def test_another_cell_is_noticed(cell, noticed):
    factors = nb.StructureFactors.from_reflections(HKL, [5, 2], space_group=1, cell=(30, 40, 50, 90, 100, 90))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        nb.simulate(nb.Crystal(cell=cell, n_cells=5), nb.Beam(), nb.Detector(pixels=(8, 8)), factors)
    found = [str(one.message) for one in said if "of the cell" in str(one.message)]
    assert len(found) == noticed
    if noticed:
        assert found[0].startswith("structure factors: of the cell 30 40 50 90 100 90, but simulated is ")


@pytest.mark.parametrize("kind", [str, Path, None])
def test_dumps_by_name_or_to_an_open_file(folder, kind):
    factors = nb.StructureFactors.from_reflections(HKL, [5.0, 2.0], 1.5)
    if kind is None:
        with open("d.bin", "wb") as file:
            factors.write_dump(file)
    else:
        Path("d.bin").write_text("replaced", encoding="ascii")
        factors.write_dump(kind("d.bin"))
    read = nb.StructureFactors.from_dump("d.bin", 1.5)
    assert read.sha256 == factors.sha256 and read.at([*HKL, [9, 9, 9]]).tolist() == [5.0, 2.0, 1.5]
    assert [path.name for path in Path().iterdir()] == ["d.bin"]


def test_dumps_that_cannot_be_written(folder):
    factors = nb.StructureFactors.from_reflections(HKL, [5.0, 2.0])
    with pytest.raises(ValueError, match="^file: int must be a path or an open binary file$"):
        factors.write_dump(3)
    with open("text", "w", encoding="ascii") as file, pytest.raises(ValueError, match="^file: TextIOWrapper must be"):
        factors.write_dump(file)
    with pytest.raises(OSError):
        factors.write_dump("no/such/folder/d.bin")
