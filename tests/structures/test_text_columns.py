"""Text lists with comments, headers and further columns."""

import gzip

import pytest

import numbragg as nb
from numbragg.io.errors import FileFormatError
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
