"""Structure factors in mmCIF files."""

import gzip

import pytest
from structure_tools import real

import numbragg as nb
from numbragg.io.errors import FileFormatError
from numbragg.notes import Loud

HEAD = """data_{name}
_cell.length_a 10
_cell.length_b 11
_cell.length_c 12
_cell.angle_alpha 90
_cell.angle_beta 100.5
_cell.angle_gamma 90
_symmetry.space_group_name_H-M '{group}'
loop_
_refln.index_h
_refln.index_k
_refln.index_l
"""


def block(columns, rows, name="r1abcsf", group="P 1 21 1"):
    tags = "".join(f"_refln.{column}\n" for column in columns.split())
    return HEAD.format(name=name, group=group) + tags + "".join(f"{row}\n" for row in rows)


def written(folder, *blocks):
    path = folder / "a-sf.cif"
    path.write_text("".join(blocks), encoding="ascii")
    return path


def test_amplitudes_and_flags(folder):
    path = written(folder, block("status F_meas_au F_meas_sigma_au F_calc pdbx_FWT", [
        "1 2 3 o 5.25 0.1 6 9", "2 1 0 f 6.5 0.1 6 9", "0 2 1 x 7.5 0.1 6 9", "1 1 1 o ? ? 6 9", "0 1 0 - 3 1 0 0",
        "2 2 2 < 0.125 1 1 1"]))
    factors = nb.StructureFactors.from_cif(path, default=0.5)
    assert factors.at([[1, 2, 3], [-1, 2, -3], [-1, -2, -3], [2, 1, 0], [0, 2, 1], [1, 1, 1], [0, 1, 0], [2, 2, 2]]
                      ).tolist() == [5.25, 5.25, 5.25, 6.5, 0.5, 0.5, 0.0, 0.125]
    assert factors.cell == (10, 11, 12, 90, 100.5, 90) and factors.space_group == "P 1 21 1"
    for words in ("column F_meas_au (not F_calc)", "; 1 without a value", "2 of a status that says not measured"):
        assert words in factors.notes[0]
    assert nb.StructureFactors.from_cif(path, "F_calc").amplitude(1, 1, 1) == 6.0
    with pytest.raises(ValueError, match="column pdbx_FWT: holds no amplitudes but coefficients of a map"):
        nb.StructureFactors.from_cif(path, "pdbx_FWT")


def test_friedel_mates_and_intensities(folder):
    path = written(folder, block("pdbx_F_plus pdbx_F_minus intensity_meas", ["1 2 3 5 6 49", "2 1 0 7 ? -3"]))
    factors = nb.StructureFactors.from_cif(path)
    assert factors.at([[1, 2, 3], [-1, 2, -3], [-1, -2, -3], [1, -2, 3], [-2, -1, 0]]).tolist() == [5, 5, 6, 6, 7]
    assert nb.StructureFactors.from_cif(path, intensities="sqrt").at([[1, 2, 3], [2, 1, 0]]).tolist() == [7, 0]


def test_calculated_amplitudes_beside_measured_intensities(folder):
    """Which is said, in a warning."""
    path = written(folder, block("F_calc F_squared_meas", ["1 2 3 5 36", "2 1 0 7 64"]))
    factors = nb.StructureFactors.from_cif(path)
    assert factors.amplitude(1, 2, 3) == 5.0 and isinstance(factors.notes[1], Loud)
    assert factors.notes[1:] == (
        f'{path}: column F_calc: calculated amplitudes are taken, and measured intensities (F_squared_meas) passed'
        ' over; intensities="sqrt" (--intensities sqrt) takes their roots',)
    assert factors.notes[1].partition(": ")[2] in factors.summary()
    assert nb.StructureFactors.from_cif(path, intensities="sqrt").notes[1:] == ()


def test_the_first_block_with_amplitudes(folder):
    path = written(folder, block("intensity_meas", ["1 2 3 9"], "one"), block("F_meas_au", ["1 2 3 4"], "two"),
                   block("F_meas_au", ["1 2 3 5"], "three"))
    assert nb.StructureFactors.from_cif(path).amplitude(1, 2, 3) == 4.0
    assert "block two, column F_meas_au" in nb.StructureFactors.from_cif(path).notes[0]
    assert nb.StructureFactors.from_cif(path, block="three").amplitude(1, 2, 3) == 5.0
    with pytest.raises(FileFormatError, match="has no block 'four' with reflections; its blocks are one, two, three"):
        nb.StructureFactors.from_cif(path, block="four")
    with pytest.raises(FileFormatError, match="has intensities only"):
        nb.StructureFactors.from_cif(path, block="one")


@pytest.mark.parametrize("text, message", [
    ("data_x\n_cell.length_a 10\n", "has no reflections"), ("1 2 3 4\n", "is no CIF file that can be read"),
    ("", "has no reflections"), (block("phase_calc", ["1 2 3 9"]), "has no column of amplitudes"),
    (block("F_meas_au", ["1 2 3 9"], group="Q 3"), "has no space group, or one that is not known; give space_group"),
    (block("F_meas_au", ["1 2 3 9"]).replace("_cell.length_a 10\n", ""), "has no unit cell"),
    (block("F_meas_au", ["1 2 3 9", "-1 2 -3 7"]), "reflections 1 2 3 and -1 2 -3 are equivalent, but have amplitudes"),
    (block("F_meas_au", ["1 2 3 9", "1 2 3 7"]), "reflection 1 2 3 is there twice"),
    (block("F_meas_au", ["1 2 3 9", "1 2 4 abc"]),
     "column F_meas_au: 'abc' of 1 2 4 is no number; what is missing is ? or ."),
    (block("F_meas_au", ["1 2 3 9", "1 2 4 nan"]), "column F_meas_au: 'nan' of 1 2 4 is no number"),
    (block("F_meas_au", ["1 2 3 -9"]), "column F_meas_au: -9 of 1 2 3; amplitudes are not negative")])
def test_files_that_are_refused(folder, text, message):
    path = written(folder, text)
    with pytest.raises(ValueError) as caught:
        nb.StructureFactors.from_cif(path)
    assert str(caught.value).startswith(f"{path}: {message}") and "\n" not in str(caught.value)


def test_unmerged_data_are_refused(folder):
    text = block("F_meas_au", ["1 2 3 9"]).replace("_refln.", "_diffrn_refln.")
    with pytest.raises(FileFormatError, match="has no reflections"):
        nb.StructureFactors.from_cif(written(folder, text))


def test_compressed(folder):
    path = written(folder, block("F_meas_au", ["1 2 3 4"]))
    (folder / "b.cif.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert nb.StructureFactors.from_cif("b.cif.gz").amplitude(1, 2, 3) == 4.0


@pytest.mark.parametrize("name, column, count", [("1yjp-sf.cif", "F_meas_au", 495), ("1CTJ-sf.cif", "F_calc", 101)])
def test_real_files(name, column, count):
    """Every row against the text of the file."""
    factors = nb.StructureFactors.from_cif(real(name))
    assert f"column {column}; {count} reflections" in factors.notes[0]
    assert any("measured intensities (F_squared_meas) passed over" in note for note in factors.notes) == (
        column == "F_calc")
    rows = [line.split() for line in real(name).read_text(encoding="ascii").splitlines() if line.startswith("1 1 1 ")]
    values = {tuple(map(int, row[3:6])): float(row[7]) for row in rows if row[6] in "of" and row[7] != "?"}
    assert len(values) == count
    assert all(factors.amplitude(*hkl) == f for hkl, f in values.items())
