"""SMV images: the C program's bytes, its keyword look-up, and refused headers."""

import hashlib
import io
import math
import os
from pathlib import Path
import threading

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from numbragg.io import smv
from numbragg.io.errors import FileFormatError

RELAXED = settings(deadline=None, max_examples=60,
                   suppress_health_check=[HealthCheck.function_scoped_fixture])

START = "{\nHEADER_BYTES=512;\nDIM=2;\nBYTE_ORDER=little_endian;\nTYPE=unsigned_short;\n"


def stored(folder, keys="SIZE1=4;\nSIZE2=3;\n", pixels=12, start=START, size=512, end="}\n"):
    content = (start + keys + end).encode().ljust(size) + np.arange(pixels, dtype="<u2").tobytes()
    path = folder / "image.img"
    path.write_bytes(content)
    return path


def values(**changes):
    """A detector of 90 x 70 pixels at 100 mm in the MOSFLM convention, changed at will."""
    plain = smv.HeaderValues(
        fast_pixels=90, slow_pixels=70, pixel_size=0.1e-3, detector_size_s=7.0e-3, distance=0.1,
        close_distance=0.1, wavelength=1e-10, beam_x=3.55e-3, beam_y=4.55e-3, beam_f=4.6e-3, beam_s=3.6e-3,
        origin_x=46.5, origin_y=36.5, dials_origin=(-4.6, 3.6, -100.0), phi_start=0.0, oscillation=0.0,
        twotheta=0.0)
    return plain._replace(**changes)


def smv_bytes(header, image):
    buffer = io.BytesIO()
    smv.write_smv(buffer, header, image)
    return buffer.getvalue()


# -- writing


def test_whole_file_of_the_c_program():
    # a region of interest outside the detector leaves an image of zeros; hash of the C program's file
    for noise in (False, True):
        content = smv_bytes(smv.header_text(values(), noise), np.zeros((70, 90), np.uint16))
        assert hashlib.sha256(content).hexdigest() == (
            "3ce2a81f1b114752c3f4811048e4ff5163b9d837e66d137b09a6273608c0c2ab")


def test_another_file_of_the_c_program():
    # a source of wavelength zero makes all pixels NaN, which are zeros as integers
    header = smv.header_text(values(
        fast_pixels=52, slow_pixels=60, pixel_size=0.2e-3, detector_size_s=12e-3, beam_x=6.1e-3,
        beam_y=5.3e-3, beam_f=5.4e-3, beam_s=6.2e-3, origin_x=27.5, origin_y=31.5,
        dials_origin=(-5.4, 6.2, -100.0)))
    content = smv_bytes(header, np.zeros((60, 52), np.uint16))
    assert hashlib.sha256(content).hexdigest() == (
        "4b610dff20db8ce6148a8aae6bdeec6b53a5d9bb9e106f48c5d70438a0752739")


def line(header, key):
    return next(text for text in header.decode().split("\n") if text.startswith(key))


def test_lines_without_semicolon():
    header = smv.header_text(values())
    assert header.startswith(b"{\nHEADER_BYTES=512;\nDIM=2;\n")
    assert line(header, "DIALS") == "DIALS_ORIGIN=-4.6,3.6,-100"
    assert len(header) == 512 and header.rstrip(b" ").endswith(b"BEAMLINE=fake;\n}\f")


def test_longer_than_it_says():
    odd = 1.23456e-7
    long = values(pixel_size=odd, distance=-odd, beam_x=-odd, beam_y=-odd, beam_f=-odd, beam_s=-odd,
                  origin_x=-odd, origin_y=-odd, dials_origin=(-odd, -odd, -odd), phi_start=-odd,
                  oscillation=odd, twotheta=-odd)
    header = smv.header_text(long)
    assert len(header) > 512 and header.endswith(b"}\f")
    assert header.startswith(b"{\nHEADER_BYTES=512;")


def test_zeros_infinities_and_nan():
    header = smv.header_text(values(origin_x=-0.0, origin_y=math.nan, twotheta=-math.nan, distance=math.inf,
                                    close_distance=-math.inf, dials_origin=(-0.0, 0.0, math.nan)))
    assert line(header, "XDS_ORGX") == "XDS_ORGX=-0;"
    assert line(header, "XDS_ORGY") == "XDS_ORGY=nan;"
    assert line(header, "TWOTHETA") == "TWOTHETA=-nan;"
    assert line(header, "DISTANCE") == "DISTANCE=inf;"
    assert line(header, "CLOSE") == "CLOSE_DISTANCE=-inf;"
    assert line(header, "DIALS") == "DIALS_ORIGIN=-0,0,nan"


def test_the_noise_header_loses_the_sign_of_a_zero():
    zero = values(beam_f=-0.0, beam_s=-0.0)
    assert line(smv.header_text(zero), "DENZO_X") == "DENZO_X_BEAM=-0;"
    assert line(smv.header_text(zero, noise=True), "DENZO_X") == "DENZO_X_BEAM=0;"
    assert line(smv.header_text(zero), "DENZO_Y") == "DENZO_Y_BEAM=-0;"
    assert line(smv.header_text(zero, noise=True), "DENZO_Y") == "DENZO_Y_BEAM=0;"


@pytest.mark.parametrize("value, text", [
    (0.0, "0"), (-0.0, "-0"), (100.0, "100"), (123456.7, "123457"), (1234567.0, "1.23457e+06"),
    (1e-5, "1e-05"), (0.0001, "0.0001"), (1e100, "1e+100"), (math.inf, "inf"), (-math.inf, "-inf"),
    (math.nan, "nan"), (-math.nan, "-nan"), (np.float64(0.5), "0.5"), (999999.5, "1e+06"),
    (0.30000000000000004, "0.3"),
])
def test_general(value, text):
    assert smv.general(value) == text


def test_only_unsigned_16_bit_images():
    for image in (np.zeros((2, 2), np.int32), np.zeros(4, np.uint16), np.zeros((2, 2, 1), np.uint16)):
        with pytest.raises(ValueError, match="uint16"):
            smv.write_smv(io.BytesIO(), b"", image)


@RELAXED
@given(st.integers(1, 9), st.integers(1, 9), st.booleans(), st.integers(0, 2**32 - 1))
def test_what_was_written_is_read(tmp_path, fast, slow, odd, seed):
    image = np.random.default_rng(seed).integers(0, 2**16, (slow, fast), np.uint16)
    stretch = {"dials_origin": (-1.23456e-100,) * 3, "origin_x": -1.23456e-101} if odd else {}
    distances = {"distance": 0.25, "close_distance": 0.125} if seed % 2 else {}
    header = smv.header_text(values(fast_pixels=fast, slow_pixels=slow, **stretch, **distances))
    path = tmp_path / "written.img"
    path.write_bytes(smv_bytes(header, image))
    read, back = smv.read_image(path)
    assert np.array_equal(back, image)
    assert (read.width, read.height, read.header_bytes) == (fast, slow, 512)
    if distances:
        # the distance is looked up in the longer keyword, the last that contains it
        assert read.value("DISTANCE") == 125.0
    if len(header) == 512:
        assert np.array_equal(smv.read_mask(path)[1], image != 0)


def test_a_column_order_image_is_written_row_by_row():
    image = np.arange(6, dtype=np.uint16).reshape(3, 2).T
    assert smv_bytes(b"", image) == np.array([[0, 2, 4], [1, 3, 5]], np.uint16).tobytes()


# -- keywords


def test_keyword_lookup(tmp_path):
    header = smv.read_header(stored(tmp_path, (
        "SIZE1=4;\nSIZE2=3;\nDISTANCE=99;\nCLOSE_DISTANCE=110;\nPHI=1;\nOSC_PHI= 2.5e1 deg;\nWORD=text;\n"
        "HEX=0x10;\nLONELY\nNEXT = 7;\nTAIL\n")))
    assert header.value("DISTANCE") == 110.0
    assert header.value("CLOSE_DISTANCE") == 110.0
    assert header.value("PHI") == 25.0
    assert header.value("WORD") == 0.0
    assert header.value("HEX") == 16.0
    assert header.value("LONELY") == 7.0
    assert header.value("NEXT") == 7.0
    assert header.value("TAIL") == 0.0
    assert math.isnan(header.value("WAVELENGTH"))
    assert header.byte_order == "little_endian"


def test_keywords_end_at_a_zero_byte(tmp_path):
    header = smv.read_header(stored(tmp_path, "SIZE1=4;\nSIZE2=3;\nPHI=1;\n\0PHI=2;\n"))
    assert header.value("PHI") == 1.0


def test_detector_dimensions(tmp_path):
    header = smv.read_header(stored(tmp_path, "SIZE1=0;\nSIZE2=0;\nDETECTOR_DIMENSIONS=3;\n", pixels=9))
    assert (header.width, header.height) == (3, 3)


def test_sizes_are_truncated_like_the_c_program(tmp_path):
    header = smv.read_header(stored(tmp_path, "SIZE1=4.9;\nSIZE2=9;\nSIZE2=3e0;\n"))
    assert (header.width, header.height) == (4, 3)


def test_longer_header(tmp_path):
    start = START.replace("512", "1024").replace("DIM=2;", "DIM=2;\n" + " " * 600)
    header, mask = smv.read_mask(stored(tmp_path, start=start, size=1024))
    assert header.header_bytes == 1024
    assert mask.dtype == bool and mask.shape == (3, 4)
    assert mask.tolist() == [[False, True, True, True], [True] * 4, [True] * 4]


def test_pixels_start_at_an_even_byte(tmp_path):
    _, mask = smv.read_mask(stored(tmp_path, start=START.replace("512", "513"), size=512))
    assert mask.sum() == 11 and not mask[0, 0]


def test_byte_order(tmp_path):
    path = stored(tmp_path, start=START.replace("little", "big"))
    _, mask = smv.read_mask(path)
    assert mask.sum() == 11 and not mask[0, 0]
    header, image = smv.read_image(path)
    assert header.byte_order == "big_endian"
    assert image.tolist() == (np.arange(12).reshape(3, 4) * 256).tolist()
    with pytest.raises(FileFormatError, match="BYTE_ORDER is 'odd'"):
        smv.read_image(stored(tmp_path, start=START.replace("little_endian", "odd")))


@pytest.mark.parametrize("changes, words", [
    ({"size": 0, "pixels": 0, "start": "{\nHEADER_BYTES=512;\n"}, "at least 512"),
    ({"start": "P5\n4 4\n255\n"}, "an SMV image starts with"),
    ({"start": "{HEADER_BYTES=512;\nBYTE_ORDER=little_endian;\n"}, "an SMV image starts with"),
    ({"start": START.replace("512", "1024")}, "HEADER_BYTES gives 1024"),
    ({"start": START.replace("512", "-512")}, "HEADER_BYTES gives -512"),
    ({"start": START.replace("512", "100")}, "HEADER_BYTES gives 100"),
    ({"start": START.replace("512", "1e300")}, "HEADER_BYTES gives no size"),
    ({"start": START.replace("512", "nan")}, "HEADER_BYTES gives no size"),
    ({"start": START.replace("512", "many")}, "HEADER_BYTES gives 0"),
    ({"start": START.replace("HEADER_BYTES", "HEADER_BYTE")}, "HEADER_BYTES gives no size"),
    ({"start": START.replace("BYTE_ORDER", "ORDER")}, "no BYTE_ORDER"),
    ({"start": START.replace("BYTE_ORDER=", "BYTE_ORDER ")}, "no BYTE_ORDER"),
    ({"keys": ""}, "found missing, missing"),
    ({"keys": "SIZE1=4;\n"}, "found 4, missing"),
    ({"keys": "SIZE1=0;\nSIZE2=3;\n"}, "DETECTOR_DIMENSIONS"),
    ({"keys": "SIZE1=-4;\nSIZE2=-3;\n"}, "found -4, -3"),
    ({"keys": "SIZE1=inf;\nSIZE2=3;\n"}, "found missing, 3"),
    ({"keys": "SIZE1=100000;\nSIZE2=100000;\n"}, "at most 2147483647"),
])
def test_refused(tmp_path, changes, words):
    path = stored(tmp_path, **changes)
    for reader in (smv.read_header, smv.read_mask, smv.read_image):
        with pytest.raises(FileFormatError) as caught:
            reader(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("pixels, words", [(11, "has 534 bytes; an image of 4 x 3 pixels of 16 bits needs 536"),
                                           (0, "needs 536")])
def test_a_header_needs_no_pixels(tmp_path, pixels, words):
    """As in nanoBragg, which uses the header of -img alone; masks and images are their pixels."""
    path = stored(tmp_path, pixels=pixels)
    assert smv.read_header(path).width == 4
    for reader in (smv.read_mask, smv.read_image):
        with pytest.raises(FileFormatError, match=words):
            reader(path)


def test_a_stream_is_refused(tmp_path):
    """By its name: where pixels are is known from its size."""
    path = str(tmp_path / "stream.img")
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: Path(path).write_bytes(b"{\nHEADER_BYTES=  512;\n".ljust(1024)))
    writer.start()
    with pytest.raises(FileFormatError) as error:
        smv.read_header(path)
    writer.join()
    assert str(error.value) == f"{path}: is a stream; an SMV image must be a file"


def test_unreadable(tmp_path):
    for reader in (smv.read_header, smv.read_mask):
        with pytest.raises(OSError):
            reader(tmp_path / "missing.img")
