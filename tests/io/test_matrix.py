"""Orientation matrices, and numbers as the C library reads them."""

import math
import pickle
import struct
import warnings

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

import numbragg as nb
from numbragg.io import matrix
from numbragg.io.errors import FileFormatError
from numbragg.io.literals import leading_number
from numbragg.io.matrix import read_matrix


def stored(folder, content):
    path = folder / "A.mat"
    path.write_bytes(content.encode())
    return path


def test_nine_numbers_row_by_row(tmp_path):
    path = stored(tmp_path, "  0.01468901  -0.00402144  -0.00154704\n"
                            "   0.00621041   0.01350066   0.00645986\n"
                            " -0.00241029  -0.00310514   0.01725414\n       0.000       0.000       0.000\n"
                            "words that do not matter\n")
    assert read_matrix(path) == (0.01468901, -0.00402144, -0.00154704, 0.00621041, 0.01350066, 0.00645986,
                                 -0.00241029, -0.00310514, 0.01725414)


@pytest.mark.parametrize("content", [
    "1 0 0 0 1 0 0 0 1",
    "1 0 0\r\n0 1 0\r\n0 0 1\r\n",
    "\n\n1\n0\n0\n0\n1\n0\n0\n0\n1\n",
    "1+0-0 0+1+0-0-0+1",
    "+1.e0 0. .0 0e5 0x1p0 -0 0 0 1.0E+0",
    "1 0 0 0 1 0 0 0 1abc",
])
def test_spellings(tmp_path, content):
    assert read_matrix(stored(tmp_path, content)) == (1, 0, 0, 0, 1, 0, 0, 0, 1)


@pytest.mark.parametrize("content, line, words", [
    ("", 1, "end of the file after 0 numbers"),
    ("0.01 0 0\n0 0.01 0\n", 3, "end of the file after 6 numbers"),
    ("# matrix\n1 0 0", 1, "'#' after 0 numbers"),
    ("1 0 0\n0 1 x\n0 0 1", 2, "'x' after 5 numbers"),
    ("1,0,0", 1, "',0,0' after 1 numbers"),
    ("1 0 0 0 1 0 0 0 1e", 1, "'1e' after 8 numbers"),
    ("1 0 0 0 1 0 0 0 0x", 1, "'0x' after 8 numbers"),
    ("1 0 0\n0 nan 0\n0 0 1", 2, "'nan'; the nine numbers of a matrix must be finite"),
    ("1 0 0\n0 1 0\n0 0 -inf", 3, "'-inf'; the nine"),
    ("1e999 0 0\n0 1 0\n0 0 1", 1, "'1e999'; the nine"),
])
def test_refused(tmp_path, content, line, words):
    path = stored(tmp_path, content)
    with pytest.raises(FileFormatError) as caught:
        read_matrix(path)
    assert str(caught.value).startswith(f"{path}, line {line}: ") and words in str(caught.value)


@pytest.mark.parametrize("content", [
    "0 0 0 0 0 0 0 0 0",
    "1 0 0 0 1 0 0 0 0",
    "1 2 3 4 5 6 7 8 9",
    "0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9",
    "1e-200 0 0 0 1e-200 0 0 0 1e-200",
])
def test_singular(tmp_path, content):
    with pytest.raises(FileFormatError, match="singular"):
        read_matrix(stored(tmp_path, content))


def test_nearly_singular_is_not_refused(tmp_path):
    assert read_matrix(stored(tmp_path, "1 1 0  0 1e-9 0  0 0 1"))[4] == 1e-9


def test_unreadable(tmp_path):
    with pytest.raises(OSError):
        read_matrix(tmp_path / "missing.mat")


@given(st.floats(allow_nan=False), st.sampled_from([b"", b";", b"\n", b" 7", b"x", b",", b"e", b"E+"]))
def test_leading_number_reads_what_was_printed(value, after):
    for text in (repr(value), value.hex(), f"{value:.3g}"):
        if "p" in text and after.lower().startswith((b"e", b" ")):
            continue
        expected = float.fromhex(text) if "0x" in text else float(text)
        found = leading_number(b" \t" + text.encode() + after)
        assert struct.pack("<d", found) == struct.pack("<d", expected)


@pytest.mark.parametrize("text, value", [
    (b"", 0.0), (b"abc", 0.0), (b"-", 0.0), (b".", 0.0), (b"1e", 1.0), (b"1e+x", 1.0), (b"0x", 0.0),
    (b"0xg", 0.0), (b"512;\nDIM=2", 512.0), (b"\n 3.5.6", 3.5), (b"1,5", 1.0), (b"-inf", -math.inf),
    (b"INFINITY", math.inf), (b"infinit", math.inf), (b"0x1p99999", math.inf), (b"-0x1p99999", -math.inf),
    (b"1d5", 1.0), (b"+-3", 0.0),
])
def test_leading_number(text, value):
    assert leading_number(text) == value


def test_leading_number_nan():
    assert math.isnan(leading_number(b"nan")) and math.isnan(leading_number(b"-NaN(12) x"))


MOSFLM = """\
  0.01266784  0.00000000  0.00000000
  0.00000000  0.01266784  0.00000000
  0.00000000  0.00000000  0.02699784
       {misset}
  1.0000000  0.0000000  0.0000000
  0.0000000  1.0000000  0.0000000
  0.0000000  0.0000000  1.0000000
     77.3010     77.3010     36.2700     90.0000     90.0000     90.0000
       0.000       0.000       0.000
"""


def test_what_mosflm_says_besides_is_compared(tmp_path):
    path = tmp_path / "a.mat"
    path.write_text(MOSFLM.format(misset="0.000       0.000       0.000"))
    assert matrix.matrix_notes(path, 0.97924) == []
    assert matrix.matrix_notes(path, 1.0) == [
        f"{path}: the cell of the file is 77.301 77.301 36.27 90 90 90, but at 1 Angstrom its matrix is that of 78.9401"
        " 78.9401 37.04 90 90 90, which is simulated (was it made for another wavelength?)"]
    path.write_text(MOSFLM.format(misset="0.100      -0.200       0.000"))
    assert matrix.matrix_notes(path, 0.97924) == [
        f"{path}: the missetting angles of the file, 0.1 -0.2 0 degrees, are not used, as in nanoBragg"]


@pytest.mark.parametrize("rest", ["", "and words", "0 0 0\n1 0 0 0 1 0 0 0 1\n", "1 " * 18, "0 " * 18, "nan " * 18])
def test_what_follows_a_matrix_may_be_anything(rest, tmp_path):
    (tmp_path / "a.mat").write_text("0.01 0 0\n0 0.01 0\n0 0 0.02\n" + rest)
    assert matrix.matrix_notes(tmp_path / "a.mat", 1.0) == []


def test_a_triclinic_cell_is_found(tmp_path):
    direct = np.array([[30.0, 4.0, -3.0], [1.0, 40.0, 5.0], [-2.0, 3.0, 50.0]])
    lengths = np.linalg.norm(direct, axis=1)
    cosines = direct @ direct.T / np.outer(lengths, lengths)
    angles = [np.degrees(np.arccos(cosines[pair])) for pair in ((1, 2), (0, 2), (0, 1))]
    rows = 1.5 * np.linalg.inv(direct)
    text = "\n".join(" ".join(f"{value:.8f}" for value in row) for row in rows)
    cell = " ".join(f"{value:.3f}" for value in (*lengths, *angles))
    (tmp_path / "a.mat").write_text(f"{text}\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n{cell}\n0 0 0\n")
    assert matrix.matrix_notes(tmp_path / "a.mat", 1.5) == []
    assert len(matrix.matrix_notes(tmp_path / "a.mat", 1.502)) == 1


def test_what_mosflm_says_besides_is_told_in_python(tmp_path):
    def told(wavelength, **fields):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            crystal = nb.Crystal.from_matrix_file(path, n_cells=3, **fields)
            nb.simulate(crystal, nb.Beam(wavelength_angstrom=wavelength), nb.Detector(pixels=(4, 4)), 1.0)
        return [str(warning.message) for warning in caught]

    path = tmp_path / "a.mat"
    path.write_text(MOSFLM.format(misset="0.000       0.000       0.000"))
    assert told(0.97924) == []
    assert told(1.0) == ["orientation matrix: its file has the cell 77.301 77.301 36.27 90 90 90, but simulated is"
                         " 78.9401 78.9401 37.04 90 90 90 (Angstrom, degrees): was it made for another wavelength?"]
    note, = told(1.0, cell=(77.3, 77.3, 36.3, 90, 90, 90))
    assert note.startswith("cell: edges of 77.3 77.3 36.3 Angstrom were given, the matrix has 78.9401 78.9401 37.04")
    path.write_text(MOSFLM.format(misset="0.100      -0.200       0.000"))
    assert told(0.97924) == [f"{path}: the missetting angles of the file, 0.1 -0.2 0 degrees, are not used, as in"
                             " nanoBragg"]
    path.write_text("0.01 0 0\n0 0.01 0\n0 0 0.02\n")
    assert told(1.0) == []
    # a copy is of the numbers
    assert pickle.loads(pickle.dumps(nb.Crystal.from_matrix_file(path))) == nb.Crystal.from_matrix_file(path)
