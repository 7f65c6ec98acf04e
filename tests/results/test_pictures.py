"""TIFF of three types and pictures with rings: read back by tifffile, PIL and fabio; rings against resolution."""

from dataclasses import replace
import io
import json

import fabio
import numpy as np
from PIL import Image
import pytest
import tifffile

import numbragg as nb
from numbragg.commands.cli import main
from numbragg.io.tiff import read_tiff
from numbragg.results.experiment import describe
from numbragg.results.rings import rings_of

CRYSTAL = nb.Crystal(cell=(50, 60, 70, 90, 95, 90), misset_deg=(10, 20, 30), n_cells=5)
PLANE = nb.Detector(pixels=(60, 50), pixel_mm=0.8, distance_mm=60, beam_centre_mm=(12, 28))


def shot(detector=PLANE):
    return nb.Simulator(detector, nb.Beam(), 100.0, sampling=nb.Sampling(oversample=1)).run(CRYSTAL)


# -- TIFF


@pytest.mark.parametrize("dtype, largest", [("uint16", 65535), ("uint32", 2 ** 32 - 1)])
def test_whole_numbers(folder, dtype, largest):
    image = np.array([[0.4, 0.6, 2.5], [-3.0, np.nan, 70000.2], [1e12, np.inf, 65535.0]], np.float32)
    above = int((np.nan_to_num(image, nan=0, posinf=1e30) > largest + 0.5).sum())
    with pytest.warns(nb.NumbraggWarning, match=f"a.tif: {above} pixels are above {largest}, the largest of {dtype}"):
        nb.write_tiff("a.tif", image, dtype=dtype)
    right = np.array([[0, 1, 2], [0, 0, min(70000, largest)], [min(10 ** 12, largest), largest, 65535]], dtype)
    assert np.array_equal(tifffile.imread("a.tif"), right) and tifffile.imread("a.tif").dtype == dtype
    assert np.array_equal(fabio.open("a.tif").data, right)
    if dtype == "uint16":
        assert np.array_equal(np.asarray(Image.open("a.tif")), right)


def test_floats_and_pages(folder):
    result = shot()
    nb.write_tiff("a.tif", result)
    assert tifffile.imread("a.tif").tobytes() == result.image.tobytes()
    pages = [np.full((3, 4), 7, np.int32), np.full((5, 2), 9.5)]
    nb.write_tiff("b.tif", pages)
    with tifffile.TiffFile("b.tif") as file:
        assert [page.asarray().tolist() for page in file.pages] == [page.tolist() for page in pages]
    said = read_tiff("a.tif")[1]
    assert said["program"] == "numbragg" and said["beam"]["wavelength_angstrom"] == pytest.approx(1.0)
    with tifffile.TiffFile("b.tif") as file:
        assert json.loads(file.pages[0].description) == {"program": "numbragg"}


@pytest.mark.parametrize("image, dtype, said", [
    (np.ones((3, 3)), "float64", "dtype: 'float64' must be one of 'float32', 'uint16', 'uint32'"),
    (np.ones((0, 3)), "uint16", "image: float64 of shape .0, 3. must be numbers of two dimensions"),
    (np.ones((3, 3), complex), "uint16", "image: complex128"), ([], "uint16", "image: nothing must be"),
    (np.ones((2, 2, 2, 2)), "uint16", "image: float64 of shape .2, 2, 2. must")])
def test_bad_images(folder, image, dtype, said):
    with pytest.raises(ValueError, match=said):
        nb.write_tiff("a.tif", image, dtype=dtype)
    assert not list(folder.iterdir())


LINE = ("-cell 50 60 70 90 95 90 -default_F 1000 -N 8 -distance 60 -pixel 0.8 -detpixels_f 60 -detpixels_s 50 -Xbeam 12"
        " -Ybeam 28 -oversample 1 -seed 4 --quiet").split()


def test_tiff_of_the_command_line(folder, capfd):
    assert main([*LINE, "--tiff", "a.tif", "--tiff-type", "uint16", "--cbf", "a_1.cbf"]) == 0
    counts = fabio.open("a_1.cbf").data
    full = int((counts >= 65535).sum())
    assert full > 0 and np.array_equal(tifffile.imread("a.tif"), np.minimum(counts, 65535))
    assert capfd.readouterr().err == (f"numbragg: warning: a.tif: {full} pixels hold 65535, the largest that counts in "
                                      "uint16, and may have had more photons\n")
    assert main([*LINE, "--tiff", "b.tif", "--tiff-type", "uint32"]) == 0
    assert np.array_equal(tifffile.imread("b.tif"), counts) and not capfd.readouterr().err
    assert main([*LINE, "--tiff", "c.tif"]) == 0
    first = (folder / "c.tif").read_bytes()
    assert main([*LINE, "--tiff", "c.tif", "--threads", "1"][:-2]) == 0
    # nothing of the clock
    assert (folder / "c.tif").read_bytes() == first
    with tifffile.TiffFile("c.tif") as file:
        said = json.loads(file.pages.first.description)
    assert said["crystal"]["n_cells"] == [8, 8, 8] and "seconds" not in said
    assert tifffile.imread("c.tif").tobytes() == (folder / "floatimage.bin").read_bytes()


def test_tiff_of_panels(folder, capfd):
    lines = ["clen = 0.1", "res = 5000"]
    for number, size in enumerate((20, 30)):
        lines += [f"p{number}/{name} = {value}" for name, value in (
            ("min_fs", 0), ("max_fs", size - 1), ("min_ss", 12 * number), ("max_ss", 12 * number + 11),
            ("corner_x", -20.5 * number), ("corner_y", 15 * number), ("fs", "x"), ("ss", "y"))]
    (folder / "a.geom").write_text("\n".join(lines))
    words = "-cell 50 60 70 90 95 90 -default_F 100 -N 5 -oversample 1 -seed 2 --detector a.geom --quiet".split()
    assert main([*words, "--tiff", "a.tif"]) == 0
    floats = np.fromfile("floatimage.bin", np.float32)
    with tifffile.TiffFile("a.tif") as file:
        pages = [page.asarray() for page in file.pages]
    assert [page.shape for page in pages] == [(12, 20), (12, 30)]
    assert np.array_equal(np.concatenate([page.ravel() for page in pages]), floats)


@pytest.mark.parametrize("words, said", [
    ("--tiff-type uint16", "--tiff-type uint16: needs --tiff"), ("--png-rings auto", "--png-rings auto: needs --png"),
    ("--tiff a.tif --tiff-type int8", "--tiff-type int8: must be float32 or uint16 or uint32"),
    ("--png a.png --png-rings 3,-1", "--png-rings 3,-1: must be auto, or resolutions in Angstrom above 0"),
    ("--png a.png --png-rings 3,,1", "--png-rings 3,,1: must be auto"),
    ("--png a.png --png-rings auto -curved_det", "detector: is curved")])
def test_refusals(folder, capfd, words, said):
    assert main([*LINE, *words.split()]) == 2
    assert said in capfd.readouterr().err and not list(folder.iterdir())


# -- rings

TILTED = replace(PLANE, rotation_deg=(3, 5, 7), twotheta_deg=25)
PANELS = nb.Detector(convention="adxv", panels=[
    nb.Panel(pixels=(40, 30), origin_mm=(2, 3, 60), fast_mm=(-0.5, 0.1, 0.2), slow_mm=(0.1, 0.5, 0.0)),
    nb.Panel(pixels=(40, 30), origin_mm=(4, 6, 40), fast_mm=(0.5, 0.2, 0.3), slow_mm=(0.0, 0.5, -0.4)),
    nb.Panel(pixels=(40, 30), origin_mm=(4, -6, -40), fast_mm=(0.5, 0.0, 0.0), slow_mm=(0.0, -0.5, 0.0))])


@pytest.mark.parametrize("detector", [PLANE, TILTED, PANELS], ids=["plane", "tilted", "panels"])
def test_resolution_of_the_rings(detector):
    """As `Detector.resolutions_angstrom` has it at the centres of pixels, between the corners of which it is here."""
    result = shot(detector)
    shot_of = result.prepared if isinstance(result.prepared, tuple) else ((result.prepared,),)
    rings = rings_of(describe(shot_of).panels, 1.0, (30.0, 2.0))
    assert rings.levels == [1 / 900, 0.25] and rings.labels == ["30 \u212b", "2 \u212b"]
    found = detector.resolutions_angstrom(1.0)
    for number, (_, _, squared) in enumerate(rings.panels):
        middle = (squared[1:, 1:] + squared[:-1, 1:] + squared[1:, :-1] + squared[:-1, :-1]) / 4
        expected = found[number] if found.ndim == 3 else found
        assert middle == pytest.approx(expected ** -2.0, rel=2e-3, abs=2e-4)


def ring_pixels(data):
    """Where a picture is as blue as a ring, and where it is as red as the beam."""
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    r, g, b = picture[..., 0], picture[..., 1], picture[..., 2]
    return (b - r > 60) & (b - g < 130) & (r < 150), (r - b > 150) & (r - g > 150)


@pytest.mark.parametrize("detector", [PLANE, TILTED], ids=["plane", "tilted"])
def test_rings_of_a_picture(folder, detector):
    """Blue dots, back on the detector, have the resolution of the ring; the cross is where the direct beam goes."""
    result = shot(detector)
    nb.write_png("a.png", result, np.zeros_like(result.image), rings=(3.0,))
    ring, cross = ring_pixels((folder / "a.png").read_bytes())
    panel, = describe(((result.prepared,),)).panels
    corners = np.array([np.array(panel.origin_mm) + f * 60 * np.array(panel.fast_mm) + s * 50 * np.array(panel.slow_mm)
                        for f in (0, 1) for s in (0, 1)])
    right, up = -corners[:, 0], corners[:, 1]
    # the picture begins at 80 dots from the left and 50 from the top; a place is a whole number of dots wide
    pitch = min(np.linalg.norm(panel.fast_mm), np.linalg.norm(panel.slow_mm))
    dots = max(1, 600 // max(int(np.ceil((right.max() - right.min()) / pitch * (1 - 1e-9))),
                             int(np.ceil((up.max() - up.min()) / pitch * (1 - 1e-9)))))
    scale = pitch / dots

    def back(mask):
        rows, columns = np.nonzero(mask)
        x, y = right.min() + (columns - 80 + 0.5) * scale, up.max() - (rows - 50 + 0.5) * scale
        inside = (x > right.min()) & (x < right.max()) & (y > up.min()) & (y < up.max())
        return x[inside], y[inside]

    x, y = back(ring)
    assert len(x) > 200
    # onto the plane of the panel, along the beam
    normal = np.cross(panel.fast_mm, panel.slow_mm)
    z = (np.dot(normal, panel.origin_mm) + normal[0] * x - normal[1] * y) / normal[2]
    angle = np.arctan2(np.hypot(x, y), z)
    d = 1.0 / (2.0 * np.sin(angle / 2.0))
    # dots of the label and a line's width are off
    assert np.percentile(abs(d - 3.0), 80) < 0.05 and abs(np.median(d) - 3.0) < 0.01
    x, y = back(cross)
    assert (detector is TILTED and len(x) == 0) or abs(np.median(x)) < 2 * scale and abs(np.median(y)) < 2 * scale


def test_pictures(folder, capfd):
    nb.write_png("a.png", shot(PANELS), rings=True, title="three")
    nb.write_png("b.png", shot(PANELS), rings=False)
    assert ring_pixels((folder / "a.png").read_bytes())[0].sum() > 10 * ring_pixels(
        (folder / "b.png").read_bytes())[0].sum() + 100
    assert main([*LINE, "--png", "c.png", "--png-rings", "8,4,2.5"]) == 0
    assert main([*LINE, "--png", "d.png", "--png-rings=8,4,2.5"]) == 0
    title = (folder / "c.png").stat().st_size, (folder / "d.png").stat().st_size
    assert min(title) > 5000 and ring_pixels((folder / "c.png").read_bytes())[0].sum() > 500
    for rings in (-1, (3, 0), (float("nan"),)):
        with pytest.raises((ValueError, TypeError), match="rings|iterable"):
            nb.write_png("e.png", shot(), rings=rings)
    with pytest.raises(ValueError, match="image: float64 of shape .3, 3. must be numbers of shape .50, 60."):
        nb.write_png("e.png", shot(), np.zeros((3, 3)))
