"""Raw, PGM, TIFF and PNG images."""

import hashlib
import io
import sys

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from numbragg.io import frame, png
from numbragg.io.errors import FileFormatError
from numbragg.io.pgm import write_pgm
from numbragg.io.png import write_png
from numbragg.io.raw import read_raw, write_raw
from numbragg.io.tiff import read_tiff, write_tiff

RELAXED = settings(deadline=None, max_examples=30,
                   suppress_health_check=[HealthCheck.function_scoped_fixture])
FLOATS = np.array([[0.0, -0.0, 1.5], [np.inf, -np.inf, 1e-45]], np.float32)


def written(writer, *arguments):
    buffer = io.BytesIO()
    writer(buffer, *arguments)
    return buffer.getvalue()


# -- raw


def test_raw_of_the_c_program():
    content = written(write_raw, np.zeros((70, 90), np.float32))
    assert hashlib.sha256(content).hexdigest() == (
        "d254f55b2b40b53ed015ee795b480c5c5c0740c2f0fbac38422e4e580235119d")


def test_raw_round_trip(tmp_path):
    path = tmp_path / "floatimage.bin"
    path.write_bytes(written(write_raw, FLOATS))
    image = read_raw(path, (2, 3))
    assert image.tobytes() == FLOATS.tobytes() and image.flags.writeable
    with pytest.raises(FileFormatError, match="has 24 bytes; an image of 4 x 2 pixels has 32"):
        read_raw(path, (2, 4))
    with pytest.raises(FileFormatError, match="more than the 20 bytes"):
        read_raw(path, (1, 5))


def test_raw_takes_only_float_images():
    for image in (np.zeros((2, 2)), np.zeros(4, np.float32)):
        with pytest.raises(ValueError, match="float32"):
            write_raw(io.BytesIO(), image)


def test_raw_writes_row_by_row():
    image = np.arange(6, dtype=np.float32).reshape(3, 2).T
    assert written(write_raw, image) == np.array([0, 2, 4, 1, 3, 5], np.float32).tobytes()


# -- PGM


def test_pgm_of_the_c_program():
    content = written(write_pgm, np.zeros((70, 90), np.uint8), 1.0)
    assert hashlib.sha256(content).hexdigest() == (
        "35f487cd7193caf51140758c01e24b79e3797cca90debe8488d513f2f21cf6ec")
    content = written(write_pgm, np.zeros((60, 52), np.uint8), 1.0)
    assert hashlib.sha256(content).hexdigest() == (
        "eb79b1920e7bcb1a231198ff30ac920df2e1e2a446f7dd31aeb2d8e55cffd490")


def test_pgm_layout():
    image = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert written(write_pgm, image, 1.334571) == b"P5\n3 2\n# pixels scaled by 1.33457\n255\n\0\1\2\3\4\5"
    assert written(write_pgm, image, 1e-7)[:32] == b"P5\n3 2\n# pixels scaled by 1e-07\n"
    with pytest.raises(ValueError, match="uint8"):
        write_pgm(io.BytesIO(), image.astype(np.int32), 1.0)


# -- TIFF


def test_tiff_round_trip(tmp_path):
    image = FLOATS.copy()
    image.view(np.uint32)[0, 0] = 0xFFC00000
    metadata = {"wavelength": 1.25, "convention": "mosflm", "steps": 3, "angles": [0.1, 2],
                "none": None, "curved": False, "nested": {"title": "Ångström, \"quoted\"\n"}}
    path = tmp_path / "image.tif"
    path.write_bytes(written(write_tiff, image, metadata))
    back, found = read_tiff(path)
    assert back.tobytes() == image.tobytes() and back.dtype == np.float32
    assert found == metadata


def test_tiff_metadata_of_numpy_and_not_finite(tmp_path):
    path = tmp_path / "image.tif"
    path.write_bytes(written(write_tiff, FLOATS, {
        "array": np.array([1.0, np.nan]), "number": np.float64(2.0), "count": np.int64(3),
        "missing": float("inf"), "pair": (1, 2)}))
    assert read_tiff(path)[1] == {
        "array": [1.0, None], "number": 2.0, "count": 3, "missing": None, "pair": [1, 2]}


@RELAXED
@given(st.dictionaries(st.text(), st.one_of(
    st.text(), st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False))),
    st.integers(1, 5), st.integers(1, 5))
def test_tiff_any_metadata(tmp_path, metadata, slow, fast):
    path = tmp_path / "image.tif"
    image = np.arange(slow * fast, dtype=np.float32).reshape(slow, fast)
    path.write_bytes(written(write_tiff, image, metadata))
    back, found = read_tiff(path)
    assert np.array_equal(back, image) and back.shape == image.shape
    assert found == metadata


def test_tiff_is_read_by_its_library(tmp_path):
    """tifffile takes a description that has a "shape": for one of its own, and fails."""
    import tifffile

    path = tmp_path / "image.tif"
    metadata = {"crystal": {"shape": "square"}, "image": {"shape": [2, 3]}, "argument": '{"shape":'}
    path.write_bytes(written(write_tiff, FLOATS, metadata))
    assert tifffile.imread(path).tobytes() == FLOATS.tobytes()
    assert read_tiff(path)[1] == metadata


def test_tiff_is_the_same_every_time():
    assert written(write_tiff, FLOATS, {"a": 1}) == written(write_tiff, FLOATS, {"a": 1})


def test_tiff_refuses_other_images():
    for image in (np.zeros((2, 2)), np.zeros(4, np.float32), np.zeros((0, 3), np.float32)):
        with pytest.raises(ValueError, match="float32"):
            write_tiff(io.BytesIO(), image, {})
    with pytest.raises(TypeError):
        write_tiff(io.BytesIO(), FLOATS, {"odd": object()})


def test_tiff_of_other_programs(tmp_path):
    import tifffile

    path = tmp_path / "image.tif"
    tifffile.imwrite(path, FLOATS, description="a picture", metadata=None)
    assert read_tiff(path)[1] == {"description": "a picture"}
    tifffile.imwrite(path, FLOATS, metadata=None)
    assert read_tiff(path)[1] == {}
    for image in (np.zeros((2, 3), np.uint16), np.zeros((2, 3)), np.zeros((2, 3, 3), np.float32)):
        tifffile.imwrite(path, image, metadata=None, photometric="rgb" if image.ndim == 3 else "minisblack")
        with pytest.raises(FileFormatError, match="32-bit floats"):
            read_tiff(path)
    path.write_bytes(written(write_tiff, FLOATS, {})[:-1])
    with pytest.raises(FileFormatError):
        read_tiff(path)


# -- PNG


def picture(content):
    from matplotlib.image import imread

    drawn = imread(io.BytesIO(content))
    # without colours a picture is one of greys
    return np.repeat(drawn[:, :, None], 3, axis=2) if drawn.ndim == 2 else drawn


@pytest.fixture(params=["pillow", "matplotlib"])
def drawing(request, monkeypatch):
    """What draws: Pillow, or Matplotlib where its font is not found."""
    if request.param == "matplotlib":
        monkeypatch.setattr(png, "font_file", lambda: None)
    else:
        assert frame.font_file() is not None
        monkeypatch.setattr(png, "norm_of", None)
    return request.param


pytestmark_png = pytest.mark.usefixtures("drawing")


@pytestmark_png
def test_png_keeps_single_pixels():
    image = np.zeros((300, 400), np.float32)
    image[17, 31] = 1000.0
    drawn = picture(written(write_png, image, "one spot"))
    # one dot per pixel at its place, 80 dots from the left and 50 from the top
    dark = drawn[50:350, 80:480, :3].mean(axis=2) < 0.1
    assert dark[17, 31]
    assert dark[5:-5, 5:-5].sum() == 1


@pytestmark_png
def test_png_reduces_large_images():
    image = np.zeros((2100, 2100), np.float32)
    image[1001, 1003] = 1000.0
    drawn = picture(written(write_png, image))
    assert max(drawn.shape) < 1400
    assert drawn[50 + 500, 80 + 501, :3].mean() < 0.1


@pytest.mark.parametrize("image", [
    np.zeros((8, 8), np.float32),
    np.full((8, 8), np.nan, np.float32),
    np.full((8, 8), np.inf, np.float32),
    np.full((8, 8), -1.0, np.float32),
    np.full((8, 8), 7.0, np.float32),
    np.full((8, 8), 1e-38, np.float32),
    np.full((8, 8), 3e38, np.float32),
    np.ones((1, 1), np.float32),
    np.ones((1, 900), np.float32),
    np.ones((900, 1), np.uint16),
    np.where(np.eye(9) > 0, np.nan, np.arange(81.0).reshape(9, 9)),
])
@pytest.mark.filterwarnings("error")
@pytestmark_png
def test_png_of_odd_images(image):
    content = written(write_png, image, "title with $ and _ and \\")
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert picture(content).size


@pytest.mark.parametrize("scale, low, high", [("sqrt", 0.0, 100.0), ("linear", -20.0, 80.0), ("log", 5.0, 1e5)])
def test_greys_are_those_of_matplotlib(scale, low, high):
    """But for a step of one grey in 256."""
    from matplotlib import colormaps

    look = png.Look(low, high, scale)
    values = np.concatenate([np.linspace(low - 10.0, high + 10.0, 999), np.geomspace(1e-3, high, 999)])
    wanted = colormaps["gray_r"](png.norm_of(look)(values), bytes=True)[:, 0].astype(int)
    assert np.abs(frame.greys(values, look).astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("fields", [{}, {"saturation": 600.0}, {"scale": "log"}, {"scale": "linear"}])
def test_both_ways_of_drawing_agree(fields, monkeypatch):
    """Of the same size, and dot by dot where pixels are."""
    image = np.random.default_rng(5).exponential(200.0, (250, 290))
    image[40:60, 70:90] = np.nan
    look = png.Look(0.0, 1000.0, **fields)
    one = picture(written(write_png, image, "title", look))[:, :, :3]
    monkeypatch.setattr(png, "font_file", lambda: None)
    other = picture(written(write_png, image, "title", look))[:, :, :3]
    assert one.shape == other.shape
    # Matplotlib's frame covers half of the outermost dots
    inside = np.abs(one - other)[50 + 2:50 + 500 - 2, 80 + 2:80 + 580 - 2]
    assert inside.max() <= 1.01 / 255.0


@given(first=st.floats(-1e30, 1e30), last=st.floats(-1e30, 1e30), most=st.integers(1, 12))
def test_ticks_are_round_and_inside(first, last, most):
    found = frame.ticks(first, last, most)
    low, high = min(first, last), max(first, last)
    slack = 1e-6 * (high - low)
    assert all(low - slack <= value <= high + slack for value in found) and len(found) <= most + 1
    steps = {f"{b - a:.6g}".replace(".", "").strip("0")[:1] for a, b in zip(found, found[1:])}
    assert steps <= {"1", "2", "5"} or high - low < 1e-9 * max(abs(low), abs(high))


def test_the_bar_has_the_numbers_of_its_greys(monkeypatch):
    """Words stand where the bar has the grey of their number, in every scale."""
    image, said = np.full((300, 300), 7.0), []
    text = frame._Page.text
    monkeypatch.setattr(frame._Page, "text", lambda self, x, y, words, anchor: (
        said.append((words, y)) if anchor == "lm" else None, text(self, x, y, words, anchor)))
    for look in (png.Look(0.0, 90.0), png.Look(10.0, 20.0, "linear"), png.Look(0.0, 3e7, "log")):
        del said[:]
        drawn = picture(written(write_png, image, None, look))
        assert len(said) > 2
        for words, y in said:
            grey = drawn[min(int(y), 50 + 600 - 1), 80 + 600 + 20 + 9, 0] * 255.0
            assert abs(grey - int(frame.greys(np.array([float(words)]), look)[0])) <= 2.0, words


@pytestmark_png
def test_png_shows_what_is_not_a_number():
    drawn = picture(written(write_png, np.full((600, 600), np.nan)))
    assert drawn[350, 380, :3].tolist() == [1.0, 0.0, 0.0]


def test_png_refuses_what_is_no_image():
    for image in (np.zeros(4), np.zeros((0, 4)), np.zeros((2, 2, 3))):
        with pytest.raises(ValueError, match="two dimensions"):
            write_png(io.BytesIO(), image)


def test_png_without_matplotlib(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"install matplotlib"):
        write_png(io.BytesIO(), np.zeros((2, 2)))
