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


PLAIN = ("_cell.length_a 30\n_cell.length_b 40\n_cell.length_c 50\n_cell.angle_alpha 90\n_cell.angle_beta 90\n"
         "_cell.angle_gamma 90\n")
LOOP = "loop_\n_refln.index_h\n_refln.index_k\n_refln.index_l\n_refln.F_meas_au\n_refln.F_meas_sigma_au\n"


def plain(folder, symmetry, rows="1 2 3 10 1\n", cell=PLAIN, loop=LOOP):
    path = folder / "b.cif"
    path.write_text(f"data_b\n{cell}{symmetry}\n{loop}{rows}")
    return path


@pytest.mark.parametrize("symmetry", [
    "_space_group.name_H-M_alt 'P 21 21 21'", "_space_group.IT_number 19", "_symmetry.Int_Tables_number 19",
    "_symmetry.space_group_name_Hall 'P 2ac 2ab'", "_space_group.name_Hall 'P 2ac 2ab'",
    "_SYMMETRY.Space_Group_Name_h-m 'P 21 21 21'",
    "_symmetry.space_group_name_H-M ?\n_symmetry.Int_Tables_number 19",
    "_symmetry.space_group_name_H-M 'P odd'\n_symmetry.Int_Tables_number 19"])
def test_space_groups_by_any_item(folder, symmetry):
    factors = nb.StructureFactors.from_cif(plain(folder, symmetry))
    assert factors.space_group == "P 21 21 21" and factors.amplitude(-1, 2, -3) == 10 and len(factors.notes) == 1


def test_items_that_name_two_space_groups(folder):
    path = plain(folder, "_symmetry.space_group_name_H-M 'P 21 21 21'\n_symmetry.Int_Tables_number 18")
    factors = nb.StructureFactors.from_cif(path)
    assert factors.space_group == "P 21 21 21" and isinstance(factors.notes[1], Loud)
    assert factors.notes[1] == (f"{path}: the space group is P 21 21 21 by _symmetry.space_group_name_H-M, which"
                                " counts, but P 21 21 2 by _symmetry.Int_Tables_number")
    assert len(nb.StructureFactors.from_cif(path, space_group="P 2 2 2").notes) == 1


def test_a_block_without_a_space_group_has_that_of_the_one_before(folder):
    path = plain(folder, "_space_group.IT_number 19", loop=LOOP.replace("F_meas_au", "intensity_meas"))
    path.write_text(path.read_text() + f"data_c\n{LOOP}1 2 3 77 1\n")
    factors = nb.StructureFactors.from_cif(path)
    assert factors.space_group == "P 21 21 21" and factors.amplitude(1, 2, 3) == 77


def test_one_reflection_without_a_loop(folder):
    items = "_refln.index_h 1\n_refln.index_k 2\n_refln.index_l 3\n_refln.F_meas_au 4\n"
    factors = nb.StructureFactors.from_cif(plain(folder, "_space_group.IT_number 19", "", loop=items))
    assert factors.amplitude(1, 2, 3) == 4 and factors.reflections == 8


def test_items_in_any_case(folder):
    loop = LOOP.replace("F_meas_sigma_au", "STATUS").replace("index_h", "Index_H").replace("F_meas", "f_MEAS")
    path = plain(folder, "_space_group.it_number 19", "1 2 3 10 o\n2 1 1 9 x\n", cell=PLAIN.upper(), loop=loop)
    factors = nb.StructureFactors.from_cif(path)
    assert factors.amplitude(1, 2, 3) == 10 and factors.amplitude(2, 1, 1) == 0
    assert "column F_meas_au; 1 reflections" in factors.notes[0]
    for name in ("_refln.F_meas_au", "f_meas_AU", "_REFLN.f_meas_au"):
        assert nb.StructureFactors.from_cif(path, name).amplitude(1, 2, 3) == 10


@pytest.mark.parametrize("change, message", [
    ({"cell": PLAIN.replace("_cell.length_b 40", "_cell.length_b forty")},
     "_cell.length_b: 'forty' must be a number above 0"),
    ({"cell": PLAIN.replace("_cell.length_b 40", "")}, "has no unit cell .*; _cell.length_b is not there"),
    ({"rows": "1 2.5 3 10 1\n"}, "_refln.index_k: '2.5' of reflection 1 must be a whole number"),
    ({"rows": "1 2 3 ten 1\n"}, "column F_meas_au: 'ten' of 1 2 3 is no number"),
    ({"symmetry": "_symmetry.space_group_name_H-M 'P odd'"},
     "has no space group, or one that is not known; give space_group .*: _symmetry.space_group_name_H-M 'P odd'"),
    ({"symmetry": "_space_group.IT_number 300"}, ".* not known; .*: _space_group.IT_number '300'"),
    ({"symmetry": ""}, r"has no space group, or one that is not known; give space_group \(--space-group\)")])
def test_messages_name_item_and_value(folder, change, message):
    path = plain(folder, **({"symmetry": "_space_group.IT_number 19"} | change))
    with pytest.raises(ValueError, match=rf"b\.cif: {message}"):
        nb.StructureFactors.from_cif(path)


def test_zeros_without_a_standard_deviation_were_not_measured(folder):
    path = plain(folder, "_space_group.IT_number 19", "1 2 3 0 0\n2 1 1 0 0.5\n3 1 1 9 0\n")
    factors = nb.StructureFactors.from_cif(path, default=5.0)
    assert factors.at([[1, 2, 3], [2, 1, 1], [3, 1, 1]]).tolist() == [5, 0, 9]
    assert "; 1 of 0 with a standard deviation of 0, taken for not measured;" in factors.notes[0]
    pairs = LOOP.replace("F_meas_au", "pdbx_F_plus").replace("F_meas_sigma_au", "pdbx_F_plus_sigma")
    pairs += "_refln.pdbx_F_minus\n_refln.pdbx_F_minus_sigma\n"
    path = plain(folder, "_space_group.IT_number 19", "1 2 3 10 1 0 0\n", loop=pairs)
    assert nb.StructureFactors.from_cif(path).at([[1, 2, 3], [-1, -2, -3]]).tolist() == [10, 10]
