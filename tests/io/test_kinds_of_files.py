"""Images under compression, grey images, and files of other kinds; a raw image among others."""

import bz2
import gzip
import io
import logging
import os
import warnings

import numpy as np
import pytest

from numbragg.commands.cli import main
from numbragg.io import endings, pgm
from numbragg.io.any_image import read_image, read_images
from numbragg.io.errors import FileFormatError
from numbragg.io.silence import silenced

FLOATS = np.random.RandomState(2).random_sample((6, 10)).astype(np.float32)
GREYS = np.random.RandomState(3).randint(0, 256, (6, 10)).astype(np.uint8)


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize("compress, end", [(gzip.compress, ".gz"), (bz2.compress, ".bz2")])
def test_compressed(folder, compress, end):
    """By their first bytes, whatever the name; errors name the file that was given, and nothing is left behind."""
    for name in ("a.npy" + end, "b.npy", "c"):
        (folder / name).write_bytes(compress(npy(FLOATS)))
        assert read_image(name).pixels.tobytes() == FLOATS.tobytes() and read_image(name).format == "npy"
    (folder / ("a.bin" + end)).write_bytes(compress(FLOATS.tobytes()))
    assert np.array_equal(read_image("a.bin" + end, (6, 10)).pixels, FLOATS)
    with pytest.raises(FileFormatError, match=f"^a.bin{end}: has 240 bytes: .* no square image"):
        read_image("a.bin" + end)
    (folder / ("cut.npy" + end)).write_bytes(compress(npy(FLOATS))[:-20])
    with pytest.raises(FileFormatError, match=f"^cut.npy{end}: is not a readable (gzip|bzip2) file"):
        read_image("cut.npy" + end)
    (folder / ("odd.npy" + end)).write_bytes(compress(npy(FLOATS)[:-1]))
    with pytest.raises(FileFormatError, match=f"^odd.npy{end}: is not a readable npy file") as caught:
        read_image("odd.npy" + end)
    assert "numbragg-" not in str(caught.value)


def test_what_is_larger_than_memory_is_refused(folder, monkeypatch):
    (folder / "zeros.gz").write_bytes(gzip.compress(bytes(4 * 2 ** 20)))
    monkeypatch.setattr("numbragg.memory.available", lambda: 2 ** 21)
    with pytest.raises(FileFormatError, match="zeros.gz: is larger, decompressed, than the memory"):
        read_image("zeros.gz")


def test_grey_images(folder):
    with open("ours.pgm", "wb") as file:
        pgm.write_pgm(file, GREYS, 2.5)
    (folder / "text").write_bytes(b"P2\n# by hand\n10 6 # fast slow\n255\n" + " ".join(map(str, GREYS.flat)).encode())
    wide = GREYS.astype(np.uint16) * 250
    (folder / "wide.pgm").write_bytes(b"P5 10 6 65535\n" + wide.astype(">u2").tobytes())
    for name, expected in (("ours.pgm", GREYS), ("text", GREYS), ("wide.pgm", wide)):
        found = read_image(name)
        assert found.format == "PGM" and found.pixels.dtype == expected.dtype
        assert np.array_equal(found.pixels, expected), name
    from PIL import Image

    assert np.array_equal(np.asarray(Image.open("wide.pgm")), wide)


@pytest.mark.parametrize("content, words", [
    (b"P5 10 6 255\n" + bytes(59), "fewer bytes of pixels than the 60"), (b"P5 10 6 255\n" + bytes(62), "more bytes"),
    (b"P5 10 0 255\n", "10 x 0 pixels"), (b"P5 10 6 70000\n" + bytes(120), "up to 70000"),
    (b"P5 10 6\n", "starts with"),
    (b"P5 1 1 9\n\x0a", "has a pixel of 10"), (b"P2 2 1 9\n1", "has 1 numbers"), (b"P2 2 1 9\n1 x", "found 'x'"),
    (b"P2 3 9999999999 300\n1 2 3\n", "has 3 numbers; its header announces 29999999997"),
    (b"P2 2 1 9\n1 12", "has a pixel of 12"), (b"P2 1 1 255\n300", "has a pixel of 300"),
    (b"P5 1000000000 1000000000 255\n" + bytes(9), "fewer bytes")])
def test_grey_images_that_are_none(folder, content, words):
    (folder / "a.pgm").write_bytes(content)
    with pytest.raises(FileFormatError, match=words):
        read_image("a.pgm")


@pytest.mark.parametrize("name, start, kind", [
    ("a.npz", b"PK\x03\x04", "ZIP"), ("a.dat", b"PK\x03\x04", "ZIP"), ("a.png", b"\x89PNG\r\n", "PNG"),
    ("a.jpg", b"\xff\xd8\xff\xe0", "JPEG"), ("a.edf", b"{\nHeaderID = EH:1;\n", "EDF"),
    ("a.img", b"{\nHeaderID = EH:1;\n", "EDF"),
    ("a.xz", b"\xfd7zXZ\0", "xz"), ("a.mtz", b"MTZ ", "MTZ"), ("a.hkl", b"1 2 3 4", "reflection list"),
    ("a.json", b"{}", "JSON"), ("a.ppm", b"P6\n1 1\n255\n", "PBM, PPM or PFM"), ("a.osc", b"R-AXIS IV", "R-AXIS"),
    ("a.img", b"{\r\nHEADER_BYTES=512;\r\n", "SMV-like"), ("a.img", b"{ HEADER_BYTES=512;", "SMV-like")])
def test_other_kinds_are_refused_by_name(name, start, kind, folder, capfd):
    """Also where their size would suit a raw image."""
    for size in (400, 403):
        (folder / name).write_bytes(start.ljust(size))
        assert main(["compare", name, name]) == 2
        said = capfd.readouterr()
        assert said.out == "" and said.err.count("\n") == 1
        assert said.err.startswith(f"numbragg: error: {name}: is a file of kind {kind}"), said.err


def test_a_raw_image_takes_the_shape_of_another(folder, capfd):
    FLOATS.tofile("a.bin")
    np.save("b.npy", FLOATS)
    (folder / "a.bin.gz").write_bytes(gzip.compress(FLOATS.tobytes()))
    for pair in (("a.bin", "b.npy"), ("b.npy", "a.bin"), ("a.bin.gz", "b.npy")):
        assert main(["compare", *pair]) == 0, capfd.readouterr()
    square = np.arange(36, dtype=np.float32).reshape(6, 6)
    square.tofile("square.bin")
    np.save("flat.npy", square.reshape(4, 9))
    assert main(["compare", "square.bin", "flat.npy"]) == 0
    # of another size it is square all the same, and then refused for its shape
    assert [image.pixels.shape for image in read_images(["square.bin", "b.npy"])] == [(6, 6), (6, 10)]
    assert main(["compare", "a.bin", "a.bin"]) == 2
    assert "--shape SLOWxFAST" in capfd.readouterr().err


# -- names of outputs


def test_names_of_formats():
    assert endings.fits_ending("a.TIFF", "TIFF") and endings.fits_ending("a.dat", "TIFF")
    assert endings.fits_ending("a", "npy")
    assert not endings.fits_ending("a.tiff", "PNG") and not endings.fits_ending("a.npy.gz", "npy")
    assert endings.without_compression("a.cbf.gz") == "a.cbf" and endings.without_compression("a.cbf") == "a.cbf"


SCENE = "-cell 50 60 70 90 90 90 -default_F 1 -N 3 -detpixels 8 -seed 1 --quiet".split()


@pytest.mark.parametrize("words", [
    [*SCENE, "--png", "x.jpg"], [*SCENE, "--tiff", "x.png"], [*SCENE, "--npy=x.tif"], [*SCENE, "--stats-json", "x.png"],
    ["compare", "a.npy", "a.npy", "--png", "x.pdf"], ["compare", "a.npy", "a.npy", "--json", "x.csv"],
    ["plateau", "a.npy", "--png", "x.svg"], ["plateau", "a.npy", "--csv", "x.json"]])
def test_outputs_are_not_named_as_another_format(words, folder, capfd):
    np.save("a.npy", FLOATS)
    assert main(words) == 2
    said = capfd.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "must not have the name of another format" in said.err
    assert os.listdir(folder) == ["a.npy"]


def test_names_of_no_format_are_fine(folder):
    assert main([*SCENE, "--tiff", "x.TIF", "--npy", "y", "--stats-json", "z.dat"]) == 0


# -- other libraries


def test_warnings_and_log_lines_of_others_are_kept(capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with silenced() as errors:
            warnings.warn("odd")
            logging.getLogger("tifffile").warning("odd")
            logging.getLogger("fabio.cbfimage").error("two\nlines")
        assert errors == ["two lines"]
        with pytest.raises(UserWarning):
            warnings.warn("ours")
    assert capfd.readouterr() == ("", "")
    assert all(logging.getLogger(name).propagate for name in ("fabio", "tifffile"))


def test_odd_tiff_files_are_refused_without_a_log(folder, capfd):
    """Whatever a damaged file makes tifffile say: one line of ours, or none."""
    import tifffile

    from numbragg.io.tiff import read_tiff

    tifffile.imwrite("whole.tif", FLOATS)
    whole = (folder / "whole.tif").read_bytes()
    refused = 0
    for place in range(4, 200):
        (folder / "odd.tif").write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1:])
        for reader in (read_tiff, read_image):
            try:
                reader("odd.tif")
            except FileFormatError as error:
                refused += 1
                assert "\n" not in str(error)
    assert refused > 50 and capfd.readouterr() == ("", "")


def test_pictures_of_odd_images_and_names_are_silent(folder, capfd, monkeypatch):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: numbragg[plot]")
    np.save("huge.npy", np.full((4, 5), 1e308))
    np.save("mixed.npy", np.where(np.arange(20).reshape(4, 5) % 2, np.inf, -1e308))
    assert main(["compare", "huge.npy", "mixed.npy", "--png", "p.png"]) == 1
    assert main([*SCENE, "--png", "\u3042.png"]) == 0
    assert capfd.readouterr().err == ""


def test_a_cbf_without_its_mark_ends(folder):
    """Behind which fabio would look for pixels for ever."""
    fabio = pytest.importorskip("fabio", reason="fabio is not installed: numbragg[io]")
    fabio.cbfimage.CbfImage(data=GREYS.astype(np.int32)).write("a.cbf")
    content = (folder / "a.cbf").read_bytes()
    mark = b"--CIF-BINARY-FORMAT-SECTION--"
    assert content.count(mark) == 2
    (folder / "b.cbf").write_bytes(content.replace(mark, b"--CIF-BINARY-FORMAT-SEC,ION--", 1))
    with pytest.raises(FileFormatError, match="b.cbf: is not a readable CBF file .no pixels begin in it"):
        read_image("b.cbf")
    assert np.array_equal(read_image("a.cbf").pixels, GREYS)
