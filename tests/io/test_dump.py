"""Dump files: bytes of the C program, its shifted reading, and refused files."""

import hashlib
import io

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from numbragg.io import dump, hkl
from numbragg.io.errors import FileFormatError

RELAXED = settings(deadline=None, max_examples=60,
                   suppress_health_check=[HealthCheck.function_scoped_fixture])


def dump_bytes(table, minimum, maximum):
    buffer = io.BytesIO()
    dump.write_dump(buffer, table, minimum, maximum)
    return buffer.getvalue()


def stored(folder, content):
    path = folder / "Fdump.bin"
    path.write_bytes(content)
    return path


# hashes of dumps that the C program wrote for these lists
@pytest.mark.parametrize("rows, default_f, digest", [
    ("0 0 0 1000\n1 0 0 80\n0 1 0 60\n0 0 1 40\n0 -2 3 120\n", 0.0,
     "9bef88ec8cc887603d8120e36f20063e88e2578188bebcae0623acc1e8523f93"),
    ("0 0 0 100\n", 0.0, "07687fdbec012976140489836a6aa5b63638227b79e38163d1452946f191ada6"),
    ("0 0 0 100\n1 0 0 100\n0 1 0 100\n0 0 1 100\n", 100.0,
     "0e801f3fefe10ae6557238220a89f69f2c13270df3bbb8a680d95403e554161c"),
])
def test_bytes_of_the_c_program(tmp_path, rows, default_f, digest):
    path = tmp_path / "list.hkl"
    path.write_text(rows)
    content = dump_bytes(*hkl.table_from_reflections(*hkl.read_hkl(path), default_f))
    assert hashlib.sha256(content).hexdigest() == digest


def test_layout():
    content = dump_bytes(np.arange(12.0).reshape(2, 2, 3), (-1, 5, 0), (-1, 5, 1))
    assert content == b"-1 -1 5 5 0 1\n\f" + np.arange(12.0).tobytes()


def test_shape_must_follow_from_the_ranges():
    with pytest.raises(ValueError, match="one plane of padding"):
        dump.write_dump(io.BytesIO(), np.zeros((2, 2, 2)), (0, 0, 0), (1, 0, 0))


def with_first_bytes(start, size):
    rest = np.linspace(1.0, 2.0, size).tobytes()
    return start + rest[len(start):]


@RELAXED
@given(st.tuples(*[st.integers(-40, 40)] * 3), st.tuples(*[st.integers(0, 3)] * 3), st.data())
def test_read_back(tmp_path, minimum, extent, data):
    maximum = tuple(low + more for low, more in zip(minimum, extent))
    shape = tuple(more + 2 for more in extent)
    numbers = data.draw(st.lists(st.integers(1, 10**6), min_size=4, max_size=4))
    table = np.resize(np.array(numbers) * 256.0, shape)
    result = dump.read_dump(stored(tmp_path, dump_bytes(table, minimum, maximum)))
    # multiples of 256 have a zero as their first byte
    assert result.warning is None
    assert (result.minimum, result.maximum) == (minimum, maximum)
    assert np.array_equal(result.table, table)


def shifted(values, count):
    """What a table becomes when its first bytes are skipped: the rest moves up, zeros follow."""
    return values[count:] + bytes(count)


@pytest.mark.parametrize("start", [b"\n", b"\f\r", b" \t\v", b"\t" * 7, b" " * 8, b"\r" * 13])
def test_leading_white_space_is_eaten(tmp_path, start):
    values = with_first_bytes(start, 8)
    path = stored(tmp_path, b"0 0 0 0 0 0\n\f" + values)
    result = dump.read_dump(path)
    assert result.table.tobytes() == shifted(values, len(start))
    assert result.table.shape == (2, 2, 2)
    assert result.warning.startswith(f"{path}: ") and "\n" not in result.warning


def test_nothing_but_white_space(tmp_path):
    size = 20 * 20 * 20
    path = stored(tmp_path, b"0 18 0 18 0 18\n\f" + b" " * (8 * size))
    result = dump.read_dump(path)
    assert not result.table.any() and result.table.shape == (20, 20, 20)
    assert result.warning is not None


GOOD = b"0 1 -2 0 3 3\n\f" + np.arange(3.0 * 4 * 2).tobytes()


def test_the_good_one_is_good(tmp_path):
    assert dump.read_dump(stored(tmp_path, GOOD)).warning is None


@pytest.mark.parametrize("content, words", [
    (b"", "is not a dump"),
    (b"hello this is not a dump.\n", "is not a dump"),
    (b"0 1 -2 0 3\n\f", "is not a dump"),
    (b"0 0 0 0 0 99999999999\n\f" + bytes(64), "32-bit"),
    (b"0 0 0 0 0 0\n" + b"\f" + bytes(62), "by its header"),  # a form feed, or the first byte of a table?
    (b"0 0 0 0 0 0\n" + bytes(63), "by its header"),
    (b"0 0 0 0 0 0" + b" " * 5000 + bytes(64), "by its header"),
    (b"0 0 0 0 0 0x\n\f" + bytes(64), "by its header"),
    (GOOD[:-1], "by its header"),
    (GOOD[:-80], "by its header"),
    (GOOD[:14], "by its header"),
    (GOOD + b"\0", "by its header"),
    (b"1 0 0 0 0 0\n\f" + bytes(64), "h from 1 to 0"),
    (b"0 0 0 0 0 9999999999\n\f" + bytes(64), "32-bit"),
    (b"-2147483648 2147483647 -2147483648 2147483647 -2147483648 2147483647\n\f" + bytes(64),
     "by its header"),
    (b"0 0 0 0 0 0\n\f" + np.full(8, np.nan).tobytes(), "not finite"),
    (b"0 0 0 0 0 0\n\f" + np.full(8, -np.inf).tobytes(), "not finite"),
])
def test_refused(tmp_path, content, words):
    path = stored(tmp_path, content)
    with pytest.raises(FileFormatError, match=words) as caught:
        dump.read_dump(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("header", [
    b"0 1 -2 0 3 3\f", b"0 1 -2 0 3 3 \f", b"0 1 -2 0 3 3 \n\f", b"0 1 -2 0 3 3\r\n\f", b"0 1 -2 0 3 3\n",
    b"0 1 -2 0 3 3\r\n", b"0 1 -2 0 3 3 ", b"\n 0\t+1 -02\n0 3\r\n3\n\n\f\f", b"0 1 -2 0 3 3"])
def test_other_white_space_is_read_as_the_c_program_reads_it(tmp_path, header):
    values = np.arange(0.5, 24.5).tobytes()  # 0.5 begins with bytes of 0
    read = dump.read_dump(stored(tmp_path, header + values))
    assert read.table.tobytes() == values and (read.minimum, read.maximum) == ((0, -2, 3), (1, 0, 3))
    assert read.warning is None


def test_shifted_behind_other_white_space(tmp_path):
    values = b"\t" + bytes(7) + np.arange(1.0, 8.0).tobytes()
    read = dump.read_dump(stored(tmp_path, b"0 0 0 0 0 0\r\n\f" + values))
    assert read.table.tobytes() == values[1:] + b"\0" and "7 bytes" not in read.warning


def test_folder_and_missing_file(tmp_path):
    with pytest.raises(FileFormatError, match="is not a regular file"):
        dump.read_dump(tmp_path)
    with pytest.raises(FileNotFoundError):
        dump.read_dump(tmp_path / "missing.bin")
