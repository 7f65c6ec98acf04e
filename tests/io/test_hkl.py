"""Reflection lists: exact numbers, refused rows, and the table made from a list."""

import math
import struct
import warnings

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

import numbragg as nb
from numbragg.commands.cli import main
from numbragg.io import hkl
from numbragg.io.errors import FileFormatError

# the first example compiles; the folder is reused on purpose
RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

_digits = st.text("0123456789", min_size=1, max_size=25)
_exponent = st.one_of(st.just(""), st.builds("{}{}{}".format, st.sampled_from("eE"),
                                             st.sampled_from(["", "+", "-"]), st.integers(0, 330).map(str)))
_mantissa = st.one_of(_digits, st.builds("{}.".format, _digits), st.builds(".{}".format, _digits),
                      st.builds("{}.{}".format, _digits, _digits))
DECIMALS = st.builds("{}{}{}".format, st.sampled_from(["", "", "+", "-"]), _mantissa, _exponent)


def written(folder, content):
    path = folder / "list.hkl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def bits(value):
    return struct.pack("<d", value)


def test_rows_in_order_duplicates_kept(tmp_path):
    indices, f = hkl.read_hkl(written(tmp_path, "1 2 3 4.5\n-1 -2 -3 1e2\n1 2 3 7\n"))
    assert indices.dtype == np.int32 and f.dtype == np.float64
    assert indices.tolist() == [[1, 2, 3], [-1, -2, -3], [1, 2, 3]]
    assert f.tolist() == [4.5, 100.0, 7.0]


@pytest.mark.parametrize("content", [
    "0 0 0 100\n1 0 0 50\n",
    "0 0 0 100\n1 0 0 50",
    "0 0 0 100\r\n1 0 0 50\r\n",
    "\n\n  \t 0\t0  0 \t100  \n \r\n1 0 0 50  \n\n   ",
    "+0 -0 00 +1.00E+2\n+1 0 0 .5e2",
    "0 0 0 100\n1 0 0 50 \t",
])
def test_harmless_variations(tmp_path, content):
    indices, f = hkl.read_hkl(written(tmp_path, content))
    assert indices.tolist() == [[0, 0, 0], [1, 0, 0]]
    assert f.tolist() == [100.0, 50.0]


@pytest.mark.parametrize("content, line, words", [
    ("# h k l F\n0 0 0 1\n", 1, "'#' where the index h"),
    ("0 0 0 1\n\n1 0.0 0 1\n", 3, "'0.0' where the index k"),
    ("0 0 0 1\n1 0 1.5 1", 2, "'1.5' where the index l"),
    ("0 0 0 1\n1 0 0\n", 2, "found 3 columns"),
    ("0", 1, "found 1 columns"),
    ("0 0 0 1 0.5\n", 1, "'0.5' after F"),
    ("0 0 0 1 # strong\n", 1, "'#' after F"),
    ("0 0 0 1e30 5\n", 1, "'5' after F"),
    ("0 0 0 1e30\n0 0 1 1e30 5", 2, "'5' after F"),
    ("0 0 0 nan\n", 1, "'nan' where F"),
    ("0 0 0 inf\n", 1, "'inf' where F"),
    ("0 0 0 1\n0 0 1 1e999\n0 0 2 x", 2, "a double cannot hold it"),
    # an exponent of six digits, cut to five, must not look small
    ("0 0 0 0." + "0" * 19998 + "1e199999\n", 1, "a double cannot hold it"),
    ("0 0 0 0x10\n", 1, "'0x10' where F"),
    ("0 0 0 1e\n", 1, "'1e' where F"),
    ("0 0 0 1e+\n", 1, "'1e+' where F"),
    ("0 0 0 1.2.3\n", 1, "'1.2.3' where F"),
    ("0 0 0 .\n", 1, "'.' where F"),
    ("0 0 0 -\n", 1, "'-' where F"),
    ("0 0 0 1d3\n", 1, "'1d3' where F"),
    ("0 0 0 1_0\n", 1, "'1_0' where F"),
    ("0 0 0 1,5\n", 1, "'1,5' where F"),
    ("- 0 0 1\n", 1, "'-' where the index h"),
    ("0 1e3 0 1\n", 1, "'1e3' where the index k"),
    ("2147483648 0 0 1\n", 1, "for the index h, which must fit 32 bits"),
    ("0 0 -2147483649 1\n", 1, "for the index l, which must fit 32 bits"),
    ("0 99999999999999999999999999 0 1\n", 1, "for the index k, which must fit 32 bits"),
    (b"0 0 0 1\r0 0 1 2\r", 1, "'0' after F"),
    (b"\xef\xbb\xbf0 0 0 1\n", 1, r"'\xef\xbb\xbf0' where the index h"),
    (b"0 0 0 1\x00\n", 1, r"'1\x00' where F"),
])
def test_bad_rows(tmp_path, content, line, words):
    path = written(tmp_path, content)
    with pytest.raises(FileFormatError) as caught:
        hkl.read_hkl(path)
    message = str(caught.value)
    assert message.startswith(f"{path}, line {line}: ")
    assert words in message and "\n" not in message


@pytest.mark.parametrize("content", ["", "\n", " \r\n\t\n  "])
def test_no_reflections(tmp_path, content):
    path = written(tmp_path, content)
    with pytest.raises(FileFormatError, match="has no reflections") as caught:
        hkl.read_hkl(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_largest_indices(tmp_path):
    indices, _ = hkl.read_hkl(written(tmp_path, "2147483647 -2147483648 0 1\n"))
    assert indices.tolist() == [[2147483647, -2147483648, 0]]


def test_unreadable_file_is_left_to_the_caller(tmp_path):
    with pytest.raises(FileNotFoundError):
        hkl.read_hkl(tmp_path / "missing.hkl")
    with pytest.raises(OSError):
        hkl.read_hkl(tmp_path)


@RELAXED
@given(st.lists(DECIMALS, min_size=1, max_size=20))
def test_amplitudes_are_correctly_rounded(tmp_path, tokens):
    tokens = [token for token in tokens if math.isfinite(float(token))] or ["0"]
    content = "".join(f"0 0 {row} {token}\n" for row, token in enumerate(tokens))
    _, f = hkl.read_hkl(written(tmp_path, content))
    assert [bits(value) for value in f] == [bits(float(token)) for token in tokens]


@RELAXED
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20),
       st.integers(0, 17))
def test_printed_doubles_are_correctly_rounded(tmp_path, values, places):
    tokens = [repr(value) for value in values] + [f"{value:.{places}e}" for value in values]
    tokens = [token for token in tokens if math.isfinite(float(token))]
    _, f = hkl.read_hkl(written(tmp_path, "".join(f"0 0 0 {token}\n" for token in tokens)))
    assert [bits(value) for value in f] == [bits(float(token)) for token in tokens]


@pytest.mark.parametrize("token", [
    "9007199254740992", "9007199254740993", "9007199254740991e22", "9007199254740993e-22", "1e22", "1e23",
    "1e-22", "1e-23", "123456789012345e22", "5e-324", "2.4703282292062327e-324", "1.7976931348623157e308",
    "-0", "-0e999", "0." + "0" * 12000 + "1e12001", "1" + "0" * 300 + "e-300", "0.1" + "0" * 40,
    "8.5e0000000000000000003", "1e-99999999999", "0" * 50 + "7", "900719925474098999", "9007199254740985.5",
    "0." + "0" * 19990 + "1e20000",
])
def test_edges_of_the_fast_conversion(tmp_path, token):
    _, f = hkl.read_hkl(written(tmp_path, f"0 0 0 {token}\n"))
    assert bits(f[0]) == bits(float(token))


@RELAXED
@given(st.lists(st.tuples(*[st.integers(-2**31, 2**31 - 1)] * 3), min_size=1, max_size=30), st.booleans())
def test_indices_survive(tmp_path, rows, last_newline):
    content = "\n".join(f"{h} {k:+d} {l} 1" for h, k, l in rows) + "\n" * last_newline
    indices, f = hkl.read_hkl(written(tmp_path, content))
    assert [tuple(row) for row in indices.tolist()] == rows
    assert f.size == len(rows)


def test_shortest_rows_fill_the_capacity(tmp_path):
    for ending in ("", "\n"):
        _, f = hkl.read_hkl(written(tmp_path, "\n".join(["0 0 0 1"] * 1000) + ending))
        assert f.size == 1000


def test_index_ranges():
    indices = np.array([[1, -2, 3], [-4, 5, 6], [0, 0, -7]], np.int32)
    assert hkl.index_ranges(indices) == ((-4, -2, -7), (1, 5, 6))


def test_table_has_one_plane_of_padding():
    indices = np.array([[-1, 2, 0], [1, 2, 1]], np.int32)
    table, minimum, maximum = hkl.table_from_reflections(indices, np.array([5.0, 6.0]), 100.0)
    assert (minimum, maximum) == ((-1, 2, 0), (1, 2, 1))
    expected = np.zeros((4, 2, 3))
    expected[:3, :1, :2] = 100.0
    expected[0, 0, 0] = 5.0
    expected[2, 0, 1] = 6.0
    assert np.array_equal(table, expected)


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.integers(-2, 2)] * 3, st.floats(-1e3, 1e3)), min_size=1, max_size=60),
       st.sampled_from([0.0, 3.5]))
def test_last_of_equal_indices_counts(rows, default_f):
    table, minimum, maximum = hkl.table_from_reflections(
        np.array([row[:3] for row in rows], np.int32), np.array([row[3] for row in rows]), default_f)
    known = {row[:3]: row[3] for row in rows}
    for place, value in np.ndenumerate(table):
        index = tuple(offset + low for offset, low in zip(place, minimum))
        padding = any(i > high for i, high in zip(index, maximum))
        assert value == known.get(index, 0.0 if padding else default_f)


def test_table_with_too_many_entries():
    indices = np.array([[0, 0, 0], [30000, 30000, 30000]], np.int32)
    with pytest.raises(ValueError) as caught:
        hkl.table_from_reflections(indices, np.ones(2))
    message = str(caught.value)
    assert "h 0 to 30000" in message and "2.16e+05 GB" in message and "limit is 2147483647" in message
    indices[1] = 2**31 - 1
    indices[0] = -2**31
    with pytest.raises(ValueError, match="the limit is"):
        hkl.table_from_reflections(indices, np.ones(2))


def test_table_larger_than_the_memory(monkeypatch):
    monkeypatch.setattr("numbragg.memory.available", lambda: 4.0e6)
    indices = np.array([[0, 0, 0], [98, 98, 98]], np.int32)
    with pytest.raises(ValueError, match=r"l 0 to 98 need a table of 0.008 GB; it and its squares need "
                                         r"0.01244 GB; 0.004 GB"):
        hkl.table_from_reflections(indices, np.ones(2))




def test_mismatched_arrays():
    for indices, f in [(np.zeros((2, 3), np.int32), np.ones(3)), (np.zeros((0, 3), np.int32), np.ones(0)),
                       (np.zeros((3, 2), np.int32), np.ones(3))]:
        with pytest.raises(ValueError, match="they must be"):
            hkl.table_from_reflections(indices, f)


# -- flags for missing values


def flagged(values):
    indices = np.arange(3 * len(values), dtype=np.int32).reshape(-1, 3)
    return hkl.flag_note("a.hkl", indices, np.array(values, float))


@pytest.mark.parametrize("flag", [-999.0, -9999.0, -99999.99, -999.9, 999.0, 9999.0, 99999.0, 9999999.0, 9.999e36])
def test_flags_for_missing_values_are_counted(flag):
    said = flagged([10.0, flag, 20.0, flag])
    assert said == (f"a.hkl: 2 amplitudes look like a flag for missing values, the first {flag:.12g} of 3 4 5; as"
                    " in nanoBragg they are used as amplitudes (leave out what was not measured)")
    assert "1 amplitude looks" in flagged([flag])


@pytest.mark.parametrize("values", [[-5.0, -1.0, 3.0], [0.999, 99.9, 99.0], [1000.0, 1001.0, -999.5], [999.0, 5000.0],
                                    [0.0], [999.1, 9990.0]])
def test_amplitudes_are_no_flags(values):
    """Negative ones are not, nor is one of three nines among larger ones."""
    assert flagged(values) is None


def test_a_number_that_comes_too_often_is_a_flag():
    assert "3 amplitudes" in flagged([999.0, 5000.0, 999.0, 999.0])


@pytest.mark.parametrize("flag", [-99.0, -32768.0, -32767.0, -2147483648.0, -9.9e1, 1e10, -1e10, 1e36, 65535.0,
                                  2147483647.0])
def test_flags_of_other_programs(flag):
    """Beside ordinary amplitudes, and beside another flag."""
    assert "2 amplitudes look" in flagged([10.0, flag, 20.0, -999.0])
    assert flagged([10.0, 20.0, flag]).startswith(f"a.hkl: 1 amplitude looks like a flag for missing values, the first"
                                                  f" {flag:.12g} of ")


@pytest.mark.parametrize("values", [
    [10.0, -20.0, -1.0], [-1.0, -1.0, -1.0], [1e6, 2e6], [32768.0, 20000.0], [65535.0, 65534.0, 1000.0], [1000.0, 1.0],
    [-5.5, -5.5, -5.5, 1.0], [99.0, 99.0, 99.0, 1.0], [1e10]])
def test_amplitudes_of_the_same_digits(values):
    assert flagged(values) is None


def test_one_negative_number_that_comes_often():
    assert "3 amplitudes look like a flag for missing values, the first -1 of" in flagged([-1.0, 5.0, -1.0, 6.0, -1.0])
    assert flagged([-1.0, 5.0, -1.0, -2.0, -1.0]) is None


def test_a_reflection_with_two_amplitudes(folder, capfd):
    (folder / "a.hkl").write_text("0 0 1 5\n0 0 2 7\n0 0 1 6\n1 0 0 2\n0 0 2 7\n0 0 1 8\n")
    with pytest.warns(nb.NumbraggWarning) as caught:
        factors = nb.StructureFactors.from_file("a.hkl")
        nb.simulate(nb.Crystal(cell=(50, 50, 50, 90, 90, 90), n_cells=3), nb.Beam(), nb.Detector(pixels=(4, 4)),
                    factors)
    said = "a.hkl: 1 reflection is listed more than once with different amplitudes, the first 0 0 1 (5 and 8); as in"
    assert str(caught[0].message).startswith(said) and factors.amplitude(0, 0, 1) == 8.0
    assert main([*"-cell 50 -hkl a.hkl -N 3 -detpixels 4 -seed 1 --quiet".split()]) == 0
    assert capfd.readouterr().err.startswith(f"numbragg: warning: {said}")
    arrays = nb.StructureFactors.from_reflections([[0, 0, 1], [0, 0, 2], [0, 0, 2], [0, 0, 1]], [1.0, 2.0, 3.0, 1.5])
    assert arrays.notes[0].startswith("amplitudes: 2 reflections are listed more than once")
    assert nb.StructureFactors.from_reflections([[0, 0, 1], [0, 0, 1]], [1.0, 1.0]).notes == ()


def test_flags_are_said_by_both_front_ends(folder, capfd):
    (folder / "a.hkl").write_text("1 0 0 100\n0 1 0 -999\n0 0 1 7\n")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        factors = nb.StructureFactors.from_file("a.hkl")
        nb.Simulator(nb.Detector(pixels=(4, 4)), nb.Beam(), factors).prepare(nb.Crystal(cell=(50, 60, 70, 90, 90, 90)))
    assert factors.amplitude(0, 1, 0) == -999.0
    assert [str(w.message)[:40] for w in caught] == ["a.hkl: 1 amplitude looks like a flag for"]
    words = "-cell 50 60 70 90 90 90 -N 3 -oversample 1 -detpixels 4 -seed 1 --quiet -hkl a.hkl"
    assert main(words.split()) == 0
    assert capfd.readouterr().err.startswith("numbragg: warning: a.hkl: 1 amplitude looks like a flag")


def test_what_is_no_number_is_to_be_left_out(folder):
    (folder / "a.hkl").write_text("1 0 0 nan\n")
    with pytest.raises(FileFormatError, match="a.hkl, line 1: found 'nan' where F should be; leave out the"):
        hkl.read_hkl("a.hkl")
