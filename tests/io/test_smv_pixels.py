"""Pixels of SMV images by their type: read as other programs write them, or refused by name; whole files written."""

import os
import sys

import numpy as np
import pytest

from numbragg.io import smv
from numbragg.io.any_image import read_image
from numbragg.io.errors import FileFormatError
from numbragg.io.raw import read_raw, write_raw

SHAPE = 3, 4


def image(kind):
    values = np.random.RandomState(3).randint(0, 120, SHAPE)
    values[0, 0] = {"i": -5, "u": 200, "f": -2}[kind[0]]
    return values.astype(kind)


def stored(folder, keys, pixels, order="little_endian", size=512):
    head = f"{{\nHEADER_BYTES={size};\nDIM=2;\nBYTE_ORDER={order};\nSIZE1=4;\nSIZE2=3;\n{keys}\n}}\f"
    path = folder / "image.img"
    path.write_bytes(head.encode().ljust(size) + pixels.tobytes())
    return path


@pytest.mark.parametrize("order, sign", [("little_endian", "<"), ("big_endian", ">")])
@pytest.mark.parametrize("keys, kind", [
    ("TYPE=unsigned_short;", "u2"), ("TYPE=signed_short;", "i2"), ("TYPE=short_int;", "i2"),
    ("TYPE=unsigned_char;", "u1"),
    ("TYPE=signed_char;", "i1"), ("TYPE=long_int;", "i4"), ("TYPE=signed_long;", "i4"), ("TYPE=unsigned_long;", "u4"),
    ("TYPE=float;", "f4"), ("Data_type=long int;", "i4"), ("Data_type= unsigned short int;", "u2"),
    ("DATA_TYPE=float IEEE;", "f4"), ("TYPE=mad;\nData_type=long int;", "i4"), ("TYPE=double;", "f8"),
    ("TYPE=unsigned_short;\nData_type=unsigned short int;", "u2"), ("MY_TYPE=float;", "u2"),
    ("RAXIS_COMPRESSION_RATIO=1;\nCOMPRESSION=None;\nData_type=short int;", "i2"),
])
def test_types_of_all_writers(tmp_path, keys, kind, order, sign):
    pixels = image(kind)
    header, read = smv.read_image(stored(tmp_path, keys, pixels.astype(sign + kind), order))
    assert read.dtype == np.dtype(kind) and read.tolist() == pixels.tolist()
    assert (header.width, header.height) == (4, 3)


@pytest.mark.parametrize("keys, kind, words", [
    ("TYPE=mad;", "u2", "TYPE is 'mad'"), ("TYPE=char;", "u1", "TYPE is 'char'"),
    ("Data_type=Compressed;", "u2", "Data_type is 'Compressed'"), ("TYPE=unsigned_short;\nData_type=Other_type;", "u2",
                                                                 "Data_type is 'Other_type'"),
    ("TYPE=;", "u2", "TYPE is ''"), ("TYPE=unsigned_short;\nData_type=long int;", "i4", "a pixel has one type"),
    ("", "i4", "names no TYPE, which means unsigned_short, 2 bytes a pixel, but the file has 4"),
    ("", "u1", "has 524 bytes; .* needs 536|names no TYPE"),
    ("TYPE=unsigned_short;", "f4", "TYPE is 'unsigned_short', 2 bytes a pixel, but the file has 4"),
    ("TYPE=long_int;", "i8", "4 bytes a pixel, but the file has 8"),
    ("TYPE=long_int;", "i2", "has 536 bytes; an image of 4 x 3 pixels of 32 bits needs 560"),
    ("COMPRESSION=pck;\nTYPE=unsigned_short;", "u2", "COMPRESSION is 'pck'"),
    ("DIM=3;\nSIZE3=2;", "u2", "SIZE3 is '2'"), ("DIM=1;", "u2", "DIM is '1'"),
    ("RAXIS_COMPRESSION_RATIO=8;\nData_type=unsigned short int;", "u2", "RAXIS_COMPRESSION_RATIO is 8"),
])
def test_what_is_not_certain_is_refused_by_name(tmp_path, keys, kind, words):
    path = stored(tmp_path, keys, image(kind))
    with pytest.raises(FileFormatError, match=words) as caught:
        smv.read_image(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    # the header alone is fine, and a mask is what the C program takes it for
    assert smv.read_header(path).width == 4


def test_one_pixel_of_a_wide_image_makes_a_difference(tmp_path):
    """Which was lost where 32 bits were read as 16."""
    one, other = image("i4"), image("i4")
    other[2, 3] += 2 ** 20
    assert np.array_equal(read_image(stored(tmp_path, "Data_type=long int;", one)).pixels, one)
    assert np.array_equal(read_image(stored(tmp_path, "Data_type=long int;", other)).pixels, other)


# -- writing


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "f4"])
def test_what_is_written_is_read_by_others(tmp_path, kind):
    pixels, path = image(kind), tmp_path / "made.img"
    smv.write_image(path, {"DISTANCE": 99.87654321, "ORIGIN": (1.0, np.float32(0.5)), "BEAMLINE": "fake"}, pixels)
    header, read = smv.read_image(path)
    assert read.dtype == pixels.dtype and read.tolist() == pixels.tolist()
    assert header.value("DISTANCE") == 99.87654321 and b"ORIGIN=1.0 0.5;" in header.text
    assert len(header.content) == header.header_bytes == 512
    fabio = pytest.importorskip("fabio", reason="fabio is not installed: numbragg[io]")
    other = fabio.open(str(path))
    assert other.data.dtype == pixels.dtype and other.data.tolist() == pixels.tolist()
    assert other.header["DISTANCE"] == "99.87654321"
    other.write(str(tmp_path / "theirs.img"))
    assert smv.read_image(tmp_path / "theirs.img")[1].tolist() == pixels.tolist()


@pytest.mark.parametrize("order, sign", [("little_endian", "<"), ("big_endian", ">")])
def test_a_header_that_was_read_gives_the_same_bytes(tmp_path, order, sign):
    path = stored(tmp_path, "TYPE=unsigned_short;\nPHI=1;", image("u2").astype(sign + "u2"), order)
    whole = path.read_bytes()
    header, pixels = smv.read_image(path)
    path.unlink()
    smv.write_image(path, header, pixels)
    assert path.read_bytes() == whole
    smv.write_image(path, header.content, np.asfortranarray(pixels))
    assert path.read_bytes() == whole


def test_a_header_longer_than_it_says_gives_the_same_bytes(tmp_path):
    text = (f"{{\nHEADER_BYTES=512;\nBYTE_ORDER={sys.byteorder}_endian;\nTYPE=unsigned_short;\nSIZE1=4;\nSIZE2=3;\n"
            f"LONG={'9' * 500};\n}}\f").encode()
    path = tmp_path / "long.img"
    path.write_bytes(text + image("u2").tobytes())
    header, pixels = smv.read_image(path)
    assert np.array_equal(pixels, image("u2"))
    smv.write_image(tmp_path / "again.img", header, pixels)
    assert (tmp_path / "again.img").read_bytes() == path.read_bytes()


def test_a_long_header_is_longer_by_multiples_of_512(tmp_path):
    values = {f"KEY{n}": "x" * 90 for n in range(12)}
    smv.write_image(tmp_path / "long.img", values, image("u2"))
    header, pixels = smv.read_image(tmp_path / "long.img")
    assert header.header_bytes == 1536 and np.array_equal(pixels, image("u2"))
    assert header.text.count(b"KEY") == 12


@pytest.mark.parametrize("header, pixels, words", [
    ({}, np.zeros(3, np.uint16), "^pixels: shape"), ({}, np.zeros((0, 3), np.uint16), "^pixels: shape"),
    ({}, np.zeros(SHAPE, np.int64), "^pixels: .*int64"), ({}, np.zeros(SHAPE, float), "^pixels: .*float64"),
    ({}, np.zeros(SHAPE, complex), "^pixels: "), ({}, np.zeros(SHAPE, bool), "^pixels: .*bool"),
    (None, np.zeros(SHAPE, np.uint16), "^header: NoneType"),
    ({"SIZE1": 4}, np.zeros(SHAPE, np.uint16), "SIZE1 follows"),
    ({"type": "x"}, np.zeros(SHAPE, np.uint16), "type follows"), ({"A B": 1}, np.zeros(SHAPE, np.uint16), "'A B'"),
    ({"A=": 1}, np.zeros(SHAPE, np.uint16), "'A='"), ({1: 1}, np.zeros(SHAPE, np.uint16), "keyword 1"),
    ({"A": "x;y"}, np.zeros(SHAPE, np.uint16), "A is 'x;y'"), ({"A": "x\n"}, np.zeros(SHAPE, np.uint16), "A is"),
    ({"A": True}, np.zeros(SHAPE, np.uint16), "A is True"), ({"A": [1, None]}, np.zeros(SHAPE, np.uint16), "A is"),
    ({"A": "\xe9"}, np.zeros(SHAPE, np.uint16), "A is"),
    (b"{\nHEADER", np.zeros(SHAPE, np.uint16), "^header: has 8 bytes"),
])
def test_refused_in_one_line_and_nothing_written(tmp_path, header, pixels, words):
    with pytest.raises(ValueError, match=words) as caught:
        smv.write_image(tmp_path / "x.img", header, pixels)
    assert "\n" not in str(caught.value) and os.listdir(tmp_path) == []


def test_a_header_of_other_pixels_is_refused(tmp_path):
    header, pixels = smv.read_image(stored(tmp_path, "TYPE=unsigned_short;", image("u2")))
    for other in (pixels.T, pixels[:2], pixels.astype(np.int16), pixels.astype(np.uint32)):
        with pytest.raises(ValueError, match="but the header is that of 3 x 4 of uint16|2 bytes a pixel"):
            smv.write_image(tmp_path / "x.img", header, other)
    with pytest.raises(ValueError, match="has 513 bytes, but its HEADER_BYTES says 512"):
        smv.write_image(tmp_path / "x.img", header.content + b" ", pixels)
    assert os.listdir(tmp_path) == ["image.img"]


def test_raw_images_are_written_whole_or_not_at_all(tmp_path):
    floats = np.array([[0x7fa00001, 0xffc12345], [0x80000000, 1]], np.uint32).view(np.float32)
    write_raw(tmp_path / "a.bin", floats.T)
    assert read_raw(tmp_path / "a.bin", (2, 2)).tobytes() == floats.T.tobytes()
    for bad in (np.zeros((2, 2)), floats[0], floats.view(floats.dtype.newbyteorder())):
        with pytest.raises(ValueError, match="2-dimensional float32"):
            write_raw(tmp_path / "b.bin", bad)
    with pytest.raises(OSError):
        write_raw(tmp_path / "no" / "b.bin", floats)
    assert os.listdir(tmp_path) == ["a.bin"]
