"""Images of seven formats: what is read, bit for bit, and what is refused."""

import os
import sys

import numpy as np
import pytest

from numbragg.commands.cli import main
from numbragg.io import any_image, trial
from numbragg.io.errors import FileFormatError
from numbragg.io.raw import write_raw
from numbragg.io.smv import write_smv
from numbragg.io.tiff import write_tiff


def spots(shape=(40, 50), seed=1, dtype=np.float32):
    """An image with some hundred peaks, of non-negative values."""
    return np.random.RandomState(seed).exponential(100.0, shape).astype(dtype)


def error_line(capfd):
    said = capfd.readouterr()
    assert said.out == "" and said.err.startswith("numbragg: error: ") and said.err.count("\n") == 1, said
    return said.err


def write_all(folder, image):
    """Files of one image of small whole numbers, by format."""
    import tifffile

    floats = image.astype(np.float32)
    floats.tofile(folder / "raw.bin")
    floats.tofile(folder / "nameless")
    np.save(folder / "float.npy", floats)
    np.save(folder / "fortran.npy", np.asfortranarray(image.astype(">f8")))
    with open(folder / "ours.tif", "wb") as file:
        write_tiff(file, floats, {})
    tifffile.imwrite(folder / "counts.tiff", image.astype(np.uint16), compression="zlib", byteorder=">")
    header = (f"{{\nHEADER_BYTES=512;\nDIM=2;\nBYTE_ORDER={sys.byteorder}_endian;\nTYPE=unsigned_short;\n"
              f"SIZE1={image.shape[1]};\nSIZE2={image.shape[0]};\n}}\f").encode().ljust(512)
    with open(folder / "frame.img", "wb") as file:
        write_smv(file, header, image.astype(np.uint16))
    return {"raw.bin": "raw float32", "nameless": "raw float32", "float.npy": "npy", "fortran.npy": "npy",
            "ours.tif": "TIFF", "counts.tiff": "TIFF", "frame.img": "SMV"}


def test_every_format(folder):
    image = np.random.RandomState(6).randint(0, 60000, (20, 30)).astype(np.uint16)
    for name, kind in write_all(folder, image).items():
        found = any_image.read_image(name, (20, 30))
        assert found.format == kind and np.array_equal(found.pixels, image), name
        assert found.pixels.dtype.isnative and found.pixels.flags.c_contiguous
        if kind.startswith("raw"):
            with pytest.raises(FileFormatError, match="no square image"):
                any_image.read_image(name)
        else:
            assert np.array_equal(any_image.read_image(name).pixels, image)
            with pytest.raises(FileFormatError, match=r"is an image of 20 x 30 pixels"):
                any_image.read_image(name, (30, 20))


def test_bits_of_nan_survive_reading(folder):
    image = np.array([[0x7fa00001, 0xffc12345], [0x80000000, 1]], np.uint32).view(np.float32)
    with open("nan.bin", "wb") as file:
        write_raw(file, image)
    np.save("nan.npy", image.astype(image.dtype.newbyteorder()))
    with open("nan.tif", "wb") as file:
        write_tiff(file, image, {})
    for name in ("nan.bin", "nan.npy", "nan.tif"):
        assert any_image.read_image(name).pixels.tobytes() == image.tobytes(), name


def test_cbf_and_hdf5(folder):
    """Written and read by fabio and h5py; a test that needs numbragg[io]."""
    pytest.importorskip("fabio", reason="fabio is not installed: numbragg[io]")
    h5py = pytest.importorskip("h5py", reason="h5py is not installed: numbragg[io]")
    from fabio.cbfimage import CbfImage

    counts = np.random.RandomState(7).randint(-2, 10 ** 6, (21, 33)).astype(np.int32)
    CbfImage(data=counts).write("frame.cbf")
    found = any_image.read_image("frame.cbf")
    assert found.format == "CBF" and np.array_equal(found.pixels, counts)
    content = bytearray((folder / "frame.cbf").read_bytes())
    (folder / "short.cbf").write_bytes(content[:len(content) // 2])
    with pytest.raises(FileFormatError, match="short.cbf: is incomplete"):
        any_image.read_image("short.cbf")
    # one bit of one pixel, which only the checksum in the header sees
    content[content.index(b"\x0c\x1a\x04\xd5") + 500] ^= 1
    (folder / "flipped.cbf").write_bytes(content)
    with pytest.raises(FileFormatError, match="flipped.cbf: is not a readable CBF file .Checksum"):
        any_image.read_image("flipped.cbf")

    stack = np.stack([spots(seed=1), spots(seed=2)])
    with h5py.File("stack.h5", "w") as file:
        file["entry/data/data"] = stack
        file["single"] = stack[1].astype(">f8")
    for name, expected in (("stack.h5::/entry/data/data[0]", stack[0]),
                           ("stack.h5::/entry/data/data[1]", stack[1]),
                           ("stack.h5::/single", stack[1].astype(float))):
        found = any_image.read_image(name)
        assert found.format == "HDF5" and found.pixels.tobytes() == expected.tobytes(), name
    with h5py.File("single.h5", "w") as file:
        file["entry/data/data"] = stack[1]
    assert np.array_equal(any_image.read_image("single.h5").pixels, stack[1])
    for name, words in (("stack.h5", "holds 2 frames; name one"),
                        ("stack.h5::/entry/data/data", "holds 2 frames"),
                        ("stack.h5::/entry/data/data[2]", "no frame 2 among 2"),
                        ("stack.h5::/none", "not a readable"), ("stack.h5::/entry", "not a readable")):
        with pytest.raises(FileFormatError, match=words):
            any_image.read_image(name)
    with pytest.raises(FileNotFoundError):
        any_image.read_image("missing.h5::/single")


def test_library_errors_stay_off_the_terminal(folder, capfd):
    """One line, also where fabio would log its own."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed: numbragg[io]")
    pytest.importorskip("fabio", reason="fabio is not installed: numbragg[io]")
    with h5py.File("a.h5", "w") as file:
        file["x"] = spots()
    (folder / "bad.cbf").write_bytes(b"###CBF: VERSION 1.5\n" + b"x" * 600)
    assert main(["compare", "a.h5::/none", "a.h5::/x"]) == 2
    assert "a.h5::/none: is not a readable HDF5 image" in error_line(capfd)
    assert main(["compare", "bad.cbf", "a.h5::/x"]) == 2
    assert "bad.cbf: is not a readable CBF file (no pixels begin in it)" in error_line(capfd)


def test_damaged_images_are_not_refused_in_the_words_of_code(folder, capfd):
    """A type of pixels that tifffile does not know: it has None there."""
    import tifffile

    tifffile.imwrite("a.tif", np.ones((5, 5), np.int32), metadata=None)
    content = bytearray((folder / "a.tif").read_bytes())
    # bits per sample, tag 258: 32 becomes 33
    content[content.index(b"\x02\x01\x03\0\x01\0\0\0\x20\0") + 8] = 33
    (folder / "a.tif").write_bytes(content)
    assert main(["plateau", "a.tif"]) == 2
    assert "a.tif: is not a readable TIFF file (its type of pixels is not known)" in error_line(capfd)
    assert "is damaged)" in str(any_image._unreadable("a", "b", AttributeError("'NoneType' object has no attribute")))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("kind", ["link", "storage", "virtual"])
@pytest.mark.parametrize("dataset", ["", "::/entry/data/data"])
def test_hdf5_that_leads_to_a_pipe_is_not_waited_for(kind, dataset, folder, monkeypatch):
    pytest.importorskip("fabio", reason="fabio is not installed: numbragg[io]")
    h5py = pytest.importorskip("h5py", reason="h5py is not installed: numbragg[io]")
    os.mkfifo("pipe")
    with h5py.File("a.h5", "w") as file:
        if kind == "link":
            file["entry/data/data"] = h5py.ExternalLink("pipe", "/x")
        elif kind == "storage":
            file.create_dataset("entry/data/data", (8, 9), "f4", external=[("pipe", 0, 288)])
        else:
            layout = h5py.VirtualLayout((8, 9), "f4")
            layout[:] = h5py.VirtualSource("pipe", "x", (8, 9))
            file.create_virtual_dataset("entry/data/data", layout)
    monkeypatch.setattr(trial, "SECONDS", 5.0)
    with pytest.raises(FileFormatError, match="^a.h5: is damaged: HDF5 does not come to an end with it in 5.* s$"):
        any_image.read_image(f"a.h5{dataset}")


def test_a_name_of_hdf5_is_not_enough(folder, capfd):
    """Other readers, which talk, are not tried."""
    pytest.importorskip("h5py", reason="h5py is not installed: numbragg[io]")
    names = write_all(folder, np.ones((5, 5), np.uint16))
    for name in names:
        (folder / name).rename("a.h5")
        assert main(["plateau", "a.h5"]) == 2
        assert "a.h5: is not a readable HDF5 image (it is no HDF5 file" in error_line(capfd)


@pytest.mark.parametrize("name", ["frame.cbf", "frame.h5"])
def test_without_fabio(name, folder, capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "fabio", None)
    (folder / name).write_bytes(b"x" * 600)
    assert main(["compare", name, name]) == 2
    assert "pip install fabio h5py hdf5plugin" in error_line(capfd)


def test_files_that_are_no_images(folder):
    np.save("line.npy", np.zeros(3))
    np.save("words.npy", np.array([["a"]]))
    np.save("complex.npy", np.zeros((2, 2), complex))
    np.save("objects.npy", np.array([[{}]]), allow_pickle=True)
    np.savez("archive.npz", np.zeros((2, 2)))
    np.save("good.npy", spots())
    whole = (folder / "good.npy").read_bytes()
    (folder / "short.npy").write_bytes(whole[:-1])
    (folder / "long.npy").write_bytes(whole + b"x")
    announced = whole[:128].replace(b"(40, 50), }        ", b"(4000000000, 50), }")
    assert len(announced) == 128 and b"4000000000" in announced
    (folder / "huge.npy").write_bytes(announced + b"x" * 99)
    (folder / "text.tif").write_bytes(b"II*\0 and nothing more")
    with open("cut.tif", "wb") as file:
        write_tiff(file, spots(), {})
    (folder / "cut.tif").write_bytes((folder / "cut.tif").read_bytes()[:-100])
    import tifffile

    tifffile.imwrite("pages.tif", np.zeros((3, 8, 8), np.uint8), photometric="minisblack")
    tifffile.imwrite("colours.tif", np.zeros((8, 8, 3), np.uint8), photometric="rgb")
    header = b"{\nHEADER_BYTES=512;\nBYTE_ORDER=little_endian;\nTYPE=mad;\nSIZE1=2;\nSIZE2=2;\n}\f"
    (folder / "floats.img").write_bytes(header.ljust(512) + b"x" * 16)
    (folder / "empty").write_bytes(b"")
    (folder / "odd").write_bytes(b"x" * 1003)
    for name in ("line.npy", "words.npy", "complex.npy", "objects.npy", "archive.npz", "short.npy",
                 "long.npy", "huge.npy", "text.tif", "cut.tif", "pages.tif", "colours.tif", "floats.img", "empty",
                 "odd", "good.npy::/data"):
        with pytest.raises(FileFormatError, match=f"^{name.partition('::')[0]}: ") as caught:
            any_image.read_image(name)
        assert "\n" not in str(caught.value)
    with pytest.raises(IsADirectoryError):
        any_image.read_image(folder)
    with pytest.raises(FileNotFoundError):
        any_image.read_image("missing.npy")


@pytest.mark.parametrize("start, kind", [(b"SIMPLE  =                    T", "FITS"),
                                         (bytes(208) + b"MAP ", "CCP4 map")])
def test_other_kinds_of_a_square_size_are_no_raw_images(start, kind, tmp_path):
    (tmp_path / "image").write_bytes(start.ljust(1600, b"\0"))
    with pytest.raises(ValueError, match=f"is a file of kind {kind}, which is not read here"):
        any_image.read_image(tmp_path / "image")
