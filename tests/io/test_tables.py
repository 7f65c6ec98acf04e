"""Text tables: the tokens of the C program, and the rows that are refused."""

import math

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import pytest

from numbragg.io.errors import FileFormatError
from numbragg.io.tables import read_sources, read_stol

NAN = math.nan
RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def stored(folder, content):
    path = folder / "table.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def same(array, rows):
    return [[repr(float(x)) for x in row] for row in array] == [[repr(float(x)) for x in row] for row in rows]


@pytest.mark.parametrize("content, rows", [
    ("-10 0.01 0.02 0.575 1.00123e-10\n", [[-10, 0.01, 0.02, 0.575, 1.00123e-10]]),
    # missing columns
    ("-10 0.05\n-10 -0.05\n", [[-10, 0.05, NAN, NAN, NAN], [-10, -0.05, NAN, NAN, NAN]]),
    ("3\n", [[3, NAN, NAN, NAN, NAN]]),
    # all kinds of separators, blank lines, columns too many
    ("  -10 0.01 0.02 1 1.01e-10\n\n-10, 0.02, 0.01\n-10;0.03:0.005 2 0.98e-10 77 88\n   \n"
     "-10\t-0.02\t-0.03\t1\n",
     [[-10, 0.01, 0.02, 1, 1.01e-10], [-10, 0.02, 0.01, NAN, NAN], [-10, 0.03, 0.005, 2, 0.98e-10],
      [-10, -0.02, -0.03, 1, NAN]]),
    ("1 2 3 4 5e-10 ! a note\n", [[1, 2, 3, 4, 5e-10]]),
    (" ,;:!\t\n1 2 3,,, \t\n", [[1, 2, 3, NAN, NAN]]),
    # the last line without its newline: missing columns are zero
    ("-10 0.01 0.02 1\n-10 -0.02 0.01 1", [[-10, 0.01, 0.02, 1, NAN], [-10, -0.02, 0.01, 1, 0]]),
    ("-10 0 0 1 1e-10", [[-10, 0, 0, 1, 1e-10]]),
    ("-10 ", [[-10, 0, 0, 0, 0]]),
    # line ends of other systems
    ("-10 0.01 0.02\r\n\r\n-10 0 0\r\n", [[-10, 0.01, 0.02, NAN, NAN], [-10, 0, 0, NAN, NAN]]),
    ("+1. .5 -1E+2 -0 2E-10\n", [[1, 0.5, -100, -0.0, 2e-10]]),
])
def test_sources(tmp_path, content, rows):
    assert same(read_sources(stored(tmp_path, content)), rows)


@pytest.mark.parametrize("content, line, words", [
    ("# X Y Z I lambda\n-10 0.01 0.02 1 1e-10\n", 1, "'#'"),
    ("-10 0 0\n-10 x 0\n", 2, "'x'"),
    ("-10 0 0 # note\n", 1, "'#'"),
    ("-10 0 0 1 1e-10A\n", 1, "'1e-10A'"),
    ("-10 0 0 1-2\n", 1, "'1-2'"),
    ("-10 nan 0\n", 1, "'nan'"),
    ("-10 inf 0\n", 1, "'inf'"),
    ("-10 1e999 0\n", 1, "'1e999'"),
    ("-10 0x10 0\n", 1, "'0x10'"),
    (b"-10 0 0\0\n", 1, r"'0\x00'"),
    (b"-10 0 0\r-10 0 0\r", 1, r"'0\r-10'"),
    ("-10 0 0\n0 0 0 1 1e-10\n", 2, "no direction"),
    ("-10 0 0\n0 -0 0.0\n", 2, "no direction"),
    ("0", 1, "no direction"),
    ("-10 0 0\n   ", 2, "no newline"),
    ("-10 0 0" + " " * 10300 + "\n", 1, "the limit is 10238"),
])
def test_refused_rows(tmp_path, content, line, words):
    path = stored(tmp_path, content)
    with pytest.raises(FileFormatError) as caught:
        read_sources(path)
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("reader", [read_sources, read_stol])
@pytest.mark.parametrize("content", ["", "\n \n\t,\n"])
def test_no_rows(tmp_path, reader, content):
    with pytest.raises(FileFormatError, match="has no rows"):
        reader(stored(tmp_path, content))


def test_longest_line(tmp_path):
    row = "-10 0 0 1 1e-10"
    assert same(read_sources(stored(tmp_path, row.ljust(10238) + "\n")), [[-10, 0, 0, 1, 1e-10]])


_column = st.floats(-1e3, 1e3).filter(lambda x: x != 0)
_gap = st.text(" \t,;:!", min_size=1, max_size=3)


@RELAXED
@given(st.lists(st.lists(_column, min_size=1, max_size=7).map(lambda row: [*row[:4], *map(abs, row[4:])]),
                min_size=1, max_size=5), st.data())
def test_any_separators(tmp_path, rows, data):
    newline = data.draw(st.sampled_from(["\n", "\r\n"]))
    content = ""
    for row in rows:
        content += data.draw(st.text(" \t,;:!", max_size=2))
        content += "".join(repr(x) + data.draw(_gap) for x in row[:-1]) + repr(row[-1]) + newline
    expected = [(row + [NAN] * 5)[:5] for row in rows]
    assert same(read_sources(stored(tmp_path, content)), expected)


def test_stol(tmp_path):
    curve = read_stol(stored(tmp_path, "0 2.57\n0.1 2.6 \n0.2,2.2 extra\n"))
    assert same(curve, [[0, 2.57], [0.1, 2.6], [0.2, 2.2]])


@pytest.mark.parametrize("content, rows", [
    ("#Curve 0, 1000 points\n#x y type\n0 1.3 i\n.1 0.5 i\n", [[0, 1.3], [.1, 0.5]]),
    ("stol F\n0 1\n", [[0, 1]]),
    ("0 1 # the rest\r\n\r\n!0 2\r\n0.1 1e-3 3 4 5 6 7", [[0, 1], [0, 2], [.1, 1e-3]]),
    ("0 2.57\n0.1\n0.2 F\n", [[0, 2.57], [.1, NAN], [.2, NAN]]),
    ("0 nan\n1 -inf\n", [[0, NAN], [1, -math.inf]]),
])
def test_stol_with_comments_and_further_columns(tmp_path, content, rows):
    assert same(read_stol(stored(tmp_path, content)), rows)


@pytest.mark.parametrize("content, words", [
    ("stol F\n", "has no rows"), ("\n  ", "has no rows"), ("0 1" + " " * 10300 + "\n", "the limit is 10238")])
def test_stol_without_numbers(tmp_path, content, words):
    with pytest.raises(FileFormatError, match=words):
        read_stol(stored(tmp_path, content))


def test_unreadable(tmp_path):
    with pytest.raises(OSError):
        read_sources(tmp_path / "missing.txt")


@pytest.mark.parametrize("wavelength", ["0", "0.0", "-1e-10", "-0"])
def test_wavelength_that_is_not_positive(wavelength, tmp_path):
    path = tmp_path / "sources.txt"
    path.write_text(f"-1 0 0 1 1e-10\n\n-1 0 0 1 {wavelength}\n")
    with pytest.raises(FileFormatError, match=r"line 3: found the wavelength .*greater than zero"):
        read_sources(path)
