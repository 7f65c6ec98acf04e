"""MTZ files: columns, gaps, flags, pairs, and what is refused."""

import gzip

import gemmi
import numpy as np
import pytest
from structure_tools import mtz, real

import numbragg as nb
from numbragg.io.errors import FileFormatError

CELL = (10.0, 11.0, 12.0, 90, 90, 90)
HKL = [(1, 2, 3), (2, 0, 1), (0, 2, 0), (3, 1, 1)]
NAN = float("nan")


def written(folder, columns, values, space_group="P 2 2 2", cell=CELL, hkl=HKL):
    kinds = [tuple(word.split("=")) for word in columns.split()]
    return mtz(folder / "a.mtz", space_group, cell, kinds, [(*h, *row) for h, row in zip(hkl, values)])


def test_what_a_file_says(folder):
    path = written(folder, "FREE=I FC=F PHIC=P FP=F SIGFP=Q FWT=F I=J", [
        (0, 1.5, 30, 2.5, 0.1, 9, 6), (1, 1.5, 30, 3.5, 0.1, 9, 7), (1, 1.5, 30, NAN, NAN, 9, 8),
        (1, 1, 1, 4.5, 1, 9, 9)])
    factors = nb.StructureFactors.from_mtz(path, default=0.25)
    assert factors.at([[1, 2, 3], [-1, 2, 3], [1, -2, -3], [2, 0, 1], [0, 2, 0], [9, 9, 9]]).tolist() == [
        2.5, 2.5, 2.5, 3.5, 0.25, 0.25]
    assert factors.cell == CELL and factors.space_group == "P 2 2 2" and factors.reflections == 8 + 4 + 8
    low, high = spacing((2, 0, 1)), spacing((1, 2, 3))
    assert factors.notes == (
        f"{path}: column FP (not FC); 3 reflections in P 2 2 2, 20 in P1 (Friedel mates included); {low:.4g} to"
        f" {high:.4g} Angstrom, {100 * 20 / possible(low, high):.1f} % complete; 1 without a value; gaps have 0.25",)
    summary = factors.summary().splitlines()
    assert summary[:5] == [f"from                {path}", "taken               column FP (not FC)",
                           "reflections         3, 20 in P1", "space group         P 2 2 2",
                           "cell                10 11 12 90 90 90   Angstrom, deg"]
    assert summary[-1] == f"sha256 of the table {factors.sha256}" and len(factors.sha256) == 64
    assert nb.StructureFactors.from_mtz(path, "FC").amplitude(0, 2, 0) == 1.5
    assert nb.StructureFactors.from_mtz(path, "I", intensities="sqrt").amplitude(3, 1, 1) == 3.0
    assert nb.StructureFactors.from_mtz(path, intensities="sqrt").amplitude(3, 1, 1) == 3.0


def spacing(hkl):
    return 1 / sum((h / a) ** 2 for h, a in zip(hkl, CELL)) ** 0.5


def possible(low, high):
    """Lattice points of the shell, counted one by one."""
    points = np.stack(np.meshgrid(*[np.arange(-9, 10)] * 3), axis=-1).reshape(-1, 3).tolist()
    return sum(high - 1e-9 < spacing(hkl) < low + 1e-9 for hkl in points if any(hkl))


def test_friedel_mates_are_kept_apart(folder):
    path = written(folder, "F=F F(+)=G SIGF(+)=L F(-)=G SIGF(-)=L", [
        (1, 2, 0.1, 3, 0.1), (1, 4, 0.1, NAN, NAN), (1, 5, 0.1, 5, 0.1), (1, NAN, NAN, 7, 0.1)])
    factors = nb.StructureFactors.from_mtz(path)
    assert factors.at([[1, 2, 3], [-1, -2, 3], [-1, -2, -3], [1, 2, -3], [-1, 2, 3]]).tolist() == [2, 2, 3, 3, 3]
    assert factors.at([[3, 1, 1], [-3, -1, -1]]).tolist() == [7, 7]
    assert "column F(+) and F(-) (not F)" in factors.notes[0] and "Friedel mates kept apart" in factors.notes[0]
    assert "2 without a Friedel mate of their own" in factors.notes[0]
    assert nb.StructureFactors.from_mtz(path, "F").amplitude(-1, -2, -3) == 1.0
    assert nb.StructureFactors.from_mtz(path, "F(-)").amplitude(-1, -2, -3) == 3.0


def test_missing_values_of_old_files(folder):
    path = written(folder, "FP=F", [(-999,), (5,), (NAN,), (6,)])
    assert "1 flagged as missing; 1 without a value" in nb.StructureFactors.from_mtz(path).notes[0]
    path = written(folder, "FP=F", [(-999,), (2,), (-9999.0,), (float("inf"),)])
    assert "3 flagged as missing" in nb.StructureFactors.from_mtz(path).notes[0]
    assert "without a value" not in nb.StructureFactors.from_mtz(path).notes[0]
    made = gemmi.read_mtz_file(str(path))
    made.valm = 2.0
    with pytest.raises(ValueError, match="column FP: has no value for any reflection"):
        nb.StructureFactors.from_gemmi(made)
    mixed = nb.StructureFactors.from_mtz(written(folder, "F(+)=G F(-)=G", [
        (-999, NAN), (5, -999), (NAN, NAN), (NAN, 7)])).notes[0]
    assert "2 flagged as missing; 1 without a value; 2 without a Friedel mate of their own" in mixed


def refused(call):
    with pytest.raises(ValueError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_negative_intensities_are_counted(folder):
    path = written(folder, "I=J", [(-4,), (16,), (25,), (2,)])
    factors = nb.StructureFactors.from_mtz(path, intensities="sqrt")
    assert factors.at(HKL).tolist() == [0.0, 4.0, 5.0, 2.0 ** 0.5]
    assert "1 negative intensities taken for 0" in factors.notes[0]
    assert "has intensities only (I), no amplitudes" in refused(lambda: nb.StructureFactors.from_mtz(path))


def test_f000_on_request(folder):
    path = written(folder, "FP=F", [(5,), (6,), (7,), (8,)], hkl=[(0, 0, 0), *HKL[:3]])
    assert nb.StructureFactors.from_mtz(path).amplitude(0, 0, 0) == 0.0
    assert "1 0 0 0 left out" in nb.StructureFactors.from_mtz(path).notes[0]
    assert nb.StructureFactors.from_mtz(path, f000=True).amplitude(0, 0, 0) == 5.0


def test_another_space_group(folder):
    path = written(folder, "FP=F", [(5,), (6,), (7,), (8,)])
    factors = nb.StructureFactors.from_mtz(path, space_group="P 1")
    assert factors.at([[1, 2, 3], [-1, -2, -3], [-1, 2, 3]]).tolist() == [5, 5, 0]
    assert "space group P 2 2 2 of the file replaced, as asked for" in factors.notes[0]
    assert "does not have its symmetry" in refused(lambda: nb.StructureFactors.from_mtz(path, space_group="P 4"))


@pytest.mark.parametrize("columns, values, message", [
    ("FP=F", [(-3,), (1,), (1,), (1,)], "column FP: -3 of 1 2 3; amplitudes are not negative (1 are)"),
    ("FP=F", [(NAN,)] * 4, "column FP: has no value for any reflection"),
    ("PHI=P FWT=F", [(1, 1)] * 4, "has no column of amplitudes; the columns are H, K, L, PHI, FWT"),
    ("I=J BATCH=B", [(1, 1)] * 4, "holds unmerged data; amplitudes of merged reflections are wanted"),
    ("FP=F M/ISYM=Y", [(1, 1)] * 4, "holds unmerged data; amplitudes of merged reflections are wanted"),
    ("FA=F FB=F", [(1, 1)] * 4, "several columns may be meant, FA, FB: name one (column)")])
def test_files_that_are_refused(folder, columns, values, message):
    path = written(folder, columns, values)
    assert refused(lambda: nb.StructureFactors.from_mtz(path)) == f"{path}: {message}"


def test_a_merged_file_may_have_symmetry_codes(folder):
    path = written(folder, "F=F SIGF=Q DANO=D SIGDANO=Q ISYM=Y", [(5, 1, 0, 1, 0), (6, 1, 0, 1, 1), (7, 1, 0, 1, 2),
                                                                (8, 1, 0, 1, 0)])
    assert nb.StructureFactors.from_mtz(path).at(HKL).tolist() == [5, 6, 7, 8]


def test_a_map_coefficient_is_refused_by_name(folder):
    path = written(folder, "FWT=F FP=F", [(1, 1)] * 4)
    assert "column FWT: holds no amplitudes but coefficients of a map" in refused(
        lambda: nb.StructureFactors.from_mtz(path, "FWT"))


def test_files_that_are_none(folder):
    path = written(folder, "FP=F", [(5,), (6,), (7,), (8,)])
    data = path.read_bytes()
    (folder / "text.mtz").write_bytes(b"1 2 3 4\n")
    (folder / "cut.mtz").write_bytes(data[:100])
    # a header that announces a thousand million reflections
    (folder / "large.mtz").write_bytes(data.replace(b"NCOL        4            4", b"NCOL        4   1000000000", 1))
    assert (folder / "large.mtz").read_bytes() != data
    (folder / "words.mtz").write_bytes(data.replace(b"NCOL        4            4", b"NCOL  four            4", 1))
    (folder / "label.mtz").write_bytes(data.replace(b"COLUMN FP", b"COLUMN \xc4P", 1))
    (folder / "moved.mtz").write_bytes(data[:90] + b"\r\r\r\r" + data[90:])
    (folder / "bad.mtz.gz").write_bytes(gzip.compress(data)[:-9])
    (folder / "bomb.mtz.gz").write_bytes(gzip.compress(bytes(50_000_000)))
    for name, words in (("text.mtz", "does not begin with MTZ"), ("cut.mtz", "the file is cut off"),
                        ("large.mtz", "its header announces 1000000000 reflections"),
                        ("words.mtz", "its header has 'NCOL four 4' where the numbers of columns"),
                        ("label.mtz", r"the byte '\\xc4' in a name or a title of it is no utf-8"),
                        ("moved.mtz", "its header is not at byte [0-9]+, where it should begin: bytes were lost"),
                        ("bad.mtz.gz", "cannot be decompressed"),
                        ("bomb.mtz.gz", "grows to more than 100 times its size")):
        with pytest.raises(FileFormatError, match=words) as caught:
            nb.StructureFactors.from_mtz(name)
        assert str(caught.value).startswith(f"{name}: ") and "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError):
        nb.StructureFactors.from_mtz("none.mtz")
    with pytest.raises(FileFormatError, match="^/dev/zero: is no regular file"):
        nb.StructureFactors.from_mtz("/dev/zero")


def test_compressed_and_as_an_object(folder):
    path = written(folder, "FP=F", [(5,), (6,), (7,), (8,)])
    (folder / "b.mtz.gz").write_bytes(gzip.compress(path.read_bytes()))
    # by their first bytes, whatever the name
    (folder / "c.mtz").write_bytes((folder / "b.mtz.gz").read_bytes())
    (folder / "d.mtz.gz").write_bytes(path.read_bytes())
    hashes = {nb.StructureFactors.from_mtz("c.mtz").sha256, nb.StructureFactors.from_mtz("d.mtz.gz").sha256,
              nb.StructureFactors.from_mtz(path).sha256, nb.StructureFactors.from_mtz("b.mtz.gz").sha256,
              nb.StructureFactors.from_gemmi(gemmi.read_mtz_file(str(path))).sha256}
    assert len(hashes) == 1


def test_arrays_of_gemmi(folder):
    path = written(folder, "FP=F SIGFP=Q PHI=P", [(5, 1, 10), (6, 1, 20), (7, 1, 30), (8, 1, 40)])
    made, expected = gemmi.read_mtz_file(str(path)), nb.StructureFactors.from_mtz(path)
    for array in (made.get_float("FP"), made.get_value_sigma("FP", "SIGFP"), made.get_f_phi("FP", "PHI")):
        factors = nb.StructureFactors.from_gemmi(array)
        np.testing.assert_allclose(factors.table, expected.table, rtol=1e-6)
        assert factors.cell == CELL and factors.space_group == "P 2 2 2" and factors.reflections == 8 + 4 + 2 + 8
    for bad, words in ((5, "int: is none of gemmi.Mtz"), (gemmi.Structure(), "Structure: is none of"),
                       (gemmi.ReciprocalFloatGrid(), "is none of")):
        assert words in refused(lambda bad=bad: nb.StructureFactors.from_gemmi(bad))
    assert "has no columns" in refused(lambda: nb.StructureFactors.from_gemmi(made.get_float("FP"), "FP"))


def test_a_real_file_with_flags_and_intensities():
    factors = nb.StructureFactors.from_mtz(real("5e5z.mtz"))
    made = gemmi.read_mtz_file(str(real("5e5z.mtz")))
    f = made.array[:, made.column_labels().index("FP")].astype(float)
    found = factors.at(made.make_miller_array())
    assert np.array_equal(found[~np.isnan(f)], f[~np.isnan(f)]) and (found[np.isnan(f)] == 0.0).all()
    assert "38 without a value" in factors.notes[0]
