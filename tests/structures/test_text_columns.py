"""Text lists with comments, headers and further columns."""

import gzip

import pytest

import numbragg as nb
from numbragg.io.errors import FileFormatError
from numbragg.notes import Loud
from numbragg.structures.text_columns import column_names, read_text_columns


def rows(path, *arguments, **settings):
    found = read_text_columns(path, *arguments, **settings)
    return [(*hkl, f) for hkl, f in zip(found.indices.tolist(), found.f.tolist())]


@pytest.mark.parametrize("text, columns, expected", [
    ("# made by hand\n! so\n1 2 3 4.5\n\n-1 2 0 5e1 # 2\n", "h,k,l,F", [(1, 2, 3, 4.5), (-1, 2, 0, 50.0)]),
    ("h k l F sigF\n1 2 3 4.5 0.1\n", "auto", [(1, 2, 3, 4.5)]),
    ("H,K,L,SIGF,FP,PHI\r\n1,2,3,0.1,4.5,90\r\n", "auto", [(1, 2, 3, 4.5)]),
    ("F h k l\n4.5 1 2 3\n", "auto", [(1, 2, 3, 4.5)]),
    ("1 2 3 4.5 0.1 o 90\n", "auto", [(1, 2, 3, 4.5)]),
    ("1 2 3 4.5 0.1 6.5\n", "h,k,l,-,-,F", [(1, 2, 3, 6.5)]),
    ("# h k l sigF F\n#\n1 2 3 9 4.5\n", "auto", [(1, 2, 3, 4.5)]), ("# h k l x\n1 2 3 4.5", "auto", [(1, 2, 3, 4.5)]),
    ("# h k l\n1 2 3 4.5", "auto", [(1, 2, 3, 4.5)]),
    ("1, 2, 3, 4.5", "auto", [(1, 2, 3, 4.5)]), ("1,2,3,4.5,of a kind\n", "auto", [(1, 2, 3, 4.5)]),
    ("h k l F(+) F(-) F-obs\n1 2 3 4 5 4.5\n", "auto", [(1, 2, 3, 4.5)]),
    ("h k l F(+) F(-)\n1 2 3 4 4.5\n", "h,k,l,-,F", [(1, 2, 3, 4.5)]),
    ("1.0 2.0 3.0 4.5", "h,k,l,F", [(1, 2, 3, 4.5)]),
    ("1 2 3 -4.5", "h,k,l,F", [(1, 2, 3, -4.5)]),
    ("1 2 3 4.5\n1 2 4 NaN\n1 2 5 ?", "h,k,l,F", [(1, 2, 3, 4.5)])])
def test_lists(folder, text, columns, expected):
    (folder / "a.hkl").write_text(text, newline="")
    assert rows("a.hkl", columns) == expected
    (folder / "b.hkl.gz").write_bytes(gzip.compress(text.encode()))
    assert rows("b.hkl.gz", columns) == expected


def test_what_was_taken_is_said(folder):
    (folder / "a.hkl").write_text("h k l sig F\n1 2 3 0.1 4\n1 2 4 0.1 nan\n")
    factors = nb.StructureFactors.from_file("a.hkl", columns="auto")
    assert factors.notes == ("a.hkl: columns h=1 k=2 l=3 F=5, 1 rows; 1 without a value",)
    assert factors.amplitude(1, 2, 3) == 4.0 and factors.cell is None


def test_intensities(folder):
    (folder / "a.hkl").write_text("1 2 3 9 0.1\n1 2 4 -1 0.1\n")
    assert rows("a.hkl", "h,k,l,I", squared=True) == [(1, 2, 3, 3.0), (1, 2, 4, 0.0)]
    factors = nb.StructureFactors.from_file("a.hkl", columns="h,k,l,I", intensities="sqrt")
    assert "1 negative intensities taken for 0" in factors.notes[0]
    for columns, squared, words in (("h,k,l,I", False, "its column I holds intensities"),
                                    ("h,k,l,F", True, "has no intensities"), ("auto", True, "has no intensities")):
        with pytest.raises(FileFormatError, match=words):
            read_text_columns("a.hkl", columns, squared=squared)


def test_without_columns_a_list_is_read_as_ever(folder):
    (folder / "a.hkl").write_text("1 2 3 9 0.1\n")
    with pytest.raises(FileFormatError, match="after F"):
        nb.StructureFactors.from_file("a.hkl")


@pytest.mark.parametrize("text, columns, message", [
    ("1 2 3\n", "auto", ", line 1: has 3 columns; h, k, l and F are needed"),
    ("1 2 3 4\n1 2 3\n", "auto", ", line 2: found 3 columns; 4 are needed"),
    ("x 2 3 4\n", "h,k,l,F", ": has no reflections"), ("1 2 x 4\n", "auto", ", line 1: found 'x' where the"),
    ("1 2 3 4\n1 2 x 4\n", "auto", ", line 2: found 'x' where the"),
    ("1 2 3 4\n1 2.5 3 4\n", "auto", ", line 2: found '2.5' where the index k should be"),
    ("1 2 3 4\n1 2 3 1e999\n", "auto", ", line 2: found '1e999' where F should be"),
    ("1 2 3 -4\n", "auto", ", line 1: found '-4' where F should be; amplitudes are not negative"),
    ("a b c d\n1 2 3 4\n", "auto", ", line 1: the header 'a b c d' does not name h, k, l and F"),
    ("", "auto", ": has no reflections"), ("# x\n", "h,k,l,F", ": has no reflections"),
    ("1 2 3 nan\n", "auto", ": has no reflections with a value"),
    ("99999999999 2 3 4\n", "h,k,l,F", ", line 1: found '99999999999' where the index h"),
    ("1;2;3;10,5\n", "auto", ", line 1: found '1;2;3;10,5'; numbers are written with a decimal point"),
    ("h k l F\n1 2 3 4\n1 2 4 10,5 # x\n", "auto", ", line 3: found '1 2 4 10,5 # x'; numbers are written"),
    ("1\t2\t3\t10,5\n", "h,k,l,F", ", line 1: found '1\\t2\\t3\\t10,5'; numbers are written"),
    ("h k l F(+) F(-)\n1 2 3 4 5\n", "auto", ", line 1: its columns F(+), F(-) are each of one of a Friedel pair"),
    ("h k l F (+) F (-)\n1 2 3 4 5\n", "auto", ", line 1: its columns F(+), F(-) are each"),
    ("# made\n# h k l F(+) F(-)\n1 2 3 4 5\n", "auto", ", line 2: its columns F(+), F(-) are each"),
    ("#h k l I sigI\n1 2 3 4 5\n", "auto", ": its column I holds intensities"),
    ("h,k,l,Iplus,I_minus\n1,2,3,4,5\n", "auto", ", line 1: its columns Iplus, I_minus are each"),
    ("!FORMAT=XDS_ASCII MERGE=FALSE\n1 2 3 4\n", "auto", ": is an XDS_ASCII file")])
def test_lists_that_are_refused(folder, text, columns, message):
    (folder / "a.hkl").write_text(text)
    with pytest.raises(FileFormatError) as caught:
        read_text_columns("a.hkl", columns)
    assert str(caught.value).startswith(f"a.hkl{message}") and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["h,k,l", "h,k,l,F,F", "h,k,l,F,I", "k,l,F", "", "h,h,k,l,F", "h k l F"])
def test_names_that_are_refused(text):
    with pytest.raises(ValueError, match="^columns: "):
        column_names(text)


@pytest.mark.parametrize("flag", ["-999", "-999.0", "-9999", "-99999.00", "-9.99e2", "-999.9"])
@pytest.mark.parametrize("columns", ["auto", "h,k,l,F,-"])
def test_flags_of_what_is_missing(folder, flag, columns):
    (folder / "a.hkl").write_text(f"1 2 3 10 1\n1 0 0 {flag} {flag}\n0 0 2 20 1\n")
    factors = nb.StructureFactors.from_file("a.hkl", 3.0, columns)
    assert factors.at([[1, 2, 3], [1, 0, 0], [0, 0, 2]]).tolist() == [10, 3, 20]
    assert factors.notes == ("a.hkl: columns h=1 k=2 l=3 F=4, 2 rows; 1 flagged as missing",)
    roots = nb.StructureFactors.from_file("a.hkl", 3.0, "h,k,l,I,-", intensities="sqrt")
    assert roots.amplitude(1, 0, 0) == 3 and "1 flagged as missing" in roots.notes[0]


def test_negative_amplitudes_that_are_no_flags_stay(folder):
    (folder / "a.hkl").write_text("1 2 3 -10\n1 0 0 -998\n")
    assert rows("a.hkl", "h,k,l,F") == [(1, 2, 3, -10.0), (1, 0, 0, -998.0)]


@pytest.mark.parametrize("header, place, name", [
    ("h k l Fc Fo", 1, "Fo"), ("H,K,L,F_calc,F_obs", 1, "F_obs"), ("h k l Fo Fc", 0, "Fo"), ("# h k l FC FP", 1, "FP"),
    ("h k l Fc FMODEL", 0, "Fc"), ("h k l Fmodel Fmeas", 1, "Fmeas")])
def test_observed_amplitudes_before_calculated_ones(folder, header, place, name):
    (folder / "a.hkl").write_text(f"{header}\n1 2 3 7 10\n")
    factors = nb.StructureFactors.from_file("a.hkl", columns="auto")
    assert factors.amplitude(1, 2, 3) == (7, 10)[place]
    assert factors.notes == (f"a.hkl: columns h=1 k=2 l=3 F={4 + place} ({name}), 1 rows",)


def test_calculated_amplitudes_beside_intensities(folder):
    (folder / "a.hkl").write_text("h k l I Fc\n1 2 3 100 9\n")
    factors = nb.StructureFactors.from_file("a.hkl", columns="auto")
    assert factors.amplitude(1, 2, 3) == 9 and isinstance(factors.notes[1], Loud)
    assert "column Fc: calculated amplitudes are taken, and measured intensities (I) passed over" in factors.notes[1]


SHELX = "   1   2   3 1000.00   10.00   1\n-100-201-302   90.00    1.00  12\n"
END = "   0   0   0    0.00    0.00   0\n"


@pytest.mark.parametrize("text", [SHELX, SHELX + END, SHELX + END.replace("   0\n", "\n") + "\nTITL a\nEND\n",
                                  "1 2 3 1000 10\n-100 -201 -302 90 1\n0 0 0 0.00 0.00\n"])
def test_lists_of_shelx(folder, text):
    (folder / "a.hkl").write_text(text)
    with pytest.raises(FileFormatError, match=r"a\.hkl: is a list of SHELX's .* intensities \(HKLF 4\) or amplitudes"
                                              r" \(HKLF 3\): columns h,k,l,I with intensities=\"sqrt\", or"):
        nb.StructureFactors.from_file("a.hkl", columns="auto")
    expected = [(1, 2, 3, 1000.0), (-100, -201, -302, 90.0)]
    assert rows("a.hkl", "h,k,l,F") == expected
    for columns in ("auto", "h,k,l,I"):
        assert rows("a.hkl", columns, squared=True) == [(*row[:3], row[3] ** 0.5) for row in expected]
    said = nb.StructureFactors.from_file("a.hkl", columns="h,k,l,F").notes[0]
    assert ("ends at its row 0 0 0" in said) == ("0.00    0.00" in text or "0.00 0.00" in text)
    assert ("2 lines below it left out" in said) == ("TITL" in text)


def test_what_is_no_list_of_shelx(folder):
    for text, expected in (("1 2 3 4.50 0.10 1\n", (1, 2, 3, 4.5)), ("0 0 0 0\n1 2 3 4\n", (0, 0, 0, 0.0)),
                           ("   1   2   3    4.50\n", (1, 2, 3, 4.5)),
                           ("h k l F sigF\n" + SHELX.splitlines()[0], (1, 2, 3, 1000.0)),
                           ("# h k l F sigF batch\n" + SHELX.splitlines()[0], (1, 2, 3, 1000.0))):
        (folder / "a.hkl").write_text(text)
        assert rows("a.hkl", "auto")[0] == expected
