"""`numbragg view`: what is read, where it is put, and what pages and pictures hold."""

import math
import os
from pathlib import Path
import re
import subprocess
import sys

import numpy as np
import pytest
import view_tools
from view_tools import facts, numbers

from numbragg.commands.cli import main
from numbragg.viewing.picture import make_window, pixel_text
from numbragg.viewing.reading import read_seen


def png_size(path):
    with open(path, "rb") as file:
        start = file.read(24)
    assert start[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(start[16:20], "big"), int.from_bytes(start[20:24], "big")


def pixels_around(spot, shape):
    return tuple(slice(max(int(v) - 1, 0), min(int(v) + 2, size)) for v, size in zip(spot[2:0:-1], shape))


@pytest.mark.parametrize("kind", ["uint8", "int16", "uint16", "int32", "uint32", "float32", "float64", "int64",
                                  "float16"])
def test_a_page_has_every_pixel_exactly(kind, folder):
    rng = np.random.default_rng(3)
    if kind.startswith("float"):
        pixels = rng.normal(size=(37, 51)).astype(kind)
        pixels[3, 4], pixels[5, 6] = np.nan, np.inf
    else:
        limits = np.iinfo(kind) if kind != "int64" else np.iinfo(np.int32)
        pixels = rng.integers(limits.min, limits.max, (37, 51), endpoint=True).astype(kind)
    np.save("a.npy", pixels)
    assert main(["view", "a.npy", "--html", "a.html"]) == 0
    np.testing.assert_array_equal(numbers("a.html").astype(kind), pixels.reshape(-1))
    assert facts("a.html")["rings"] == [] and facts("a.html")["panels"][0]["pixels"] == [51, 37]


def test_what_javascript_cannot_hold_is_refused(folder, capsys):
    np.save("a.npy", np.array([[2 ** 53 + 1, 0], [0, 0]], np.int64))
    assert main(["view", "a.npy", "--html", "a.html"]) == 2 and os.listdir() == ["a.npy"]
    assert capsys.readouterr().err == ("numbragg: error: a.npy: has numbers of type int64 that a page cannot hold "
                                       "exactly\n")


def test_an_smv_image_has_its_geometry(folder, capsys):
    pixels = view_tools.image("a.img")
    assert main(["view", "a.img", "--html", "a.html", "--png", "a.png", "--rings", "10,5"]) == 0
    assert re.fullmatch(r"a.html: a page of 1 frame, 0\.\d MB\na.png: a picture of frame 0\n", capsys.readouterr().out)
    said = facts("a.html")
    np.testing.assert_array_equal(numbers("a.html"), pixels.reshape(-1))
    assert said["wavelength"] == 1.0 and said["rings"] == [10.0, 5.0] and said["panels"][0]["origin"][2] == 100.0
    assert min(png_size("a.png")) > 300


def test_panels_lie_where_a_geometry_has_them(folder):
    pixels = view_tools.stack()
    seen = read_seen("stack.npy", geometry="two.geom")
    np.testing.assert_array_equal(seen.frames[0].images[0], pixels[:10])
    np.testing.assert_array_equal(seen.frames[0].images[1], pixels[12:22])
    assert seen.wavelength_angstrom == pytest.approx(1.0, rel=1e-12) and seen.panels[1].fast_mm[0] == -0.1
    assert main(["view", "stack.npy", "--geometry", "two.geom", "--html", "a.html", "--png", "a.png"]) == 0
    mask = numbers("a.html", "mask-1").reshape(10, 20)
    assert mask[2, 3] == 0 and mask.sum() == 199 and not facts("a.html")["panels"][0]["masked"]


@pytest.mark.parametrize("shape", ["panels", "raw", "stacked"])
def test_panels_one_after_the_other(shape, folder):
    view_tools.stack()
    pixels = np.arange(400, dtype=np.float32)
    name = "a.bin" if shape == "raw" else "a.npy"
    if shape == "raw":
        pixels.tofile(name)
    else:
        np.save(name, pixels.reshape((2, 10, 20) if shape == "panels" else (20, 20)))
    seen = read_seen(name, geometry="two.geom")
    np.testing.assert_array_equal(np.concatenate(seen.frames[0].images).reshape(-1), pixels)


def test_a_length_that_is_not_known_has_no_rings(folder):
    view_tools.stack(clen="/LCLS/detector")
    assert main(["view", "stack.npy", "--geometry", "two.geom", "--html", "a.html", "--wavelength", "1"]) == 0
    assert facts("a.html")["wavelength"] is None and "--distance" in facts("a.html")["notes"][0]
    assert main(["view", "stack.npy", "--geometry", "two.geom", "--html", "a.html", "--distance", "80"]) == 0
    assert facts("a.html")["panels"][0]["origin"][2] == pytest.approx(80.0) and facts("a.html")["rings"]


def test_a_series_has_frames_and_the_spots_of_its_crystal(folder):
    pixels = view_tools.series("s.nxs")
    assert main(["view", "s.nxs", "--frames", "0:3", "--html", "s.html"]) == 0
    for number in range(3):
        np.testing.assert_array_equal(numbers("s.html", f"frame-{number}"), pixels[number].reshape(-1))
    said = facts("s.html")
    assert [frame["phi"] for frame in said["frames"]] == [[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]]
    assert said["marked"] == 2 ** 31 - 1 and said["saturation"] > 1e6
    # a spot is brighter on the frame that it is predicted on than on the next but one
    for number in (0, 2):
        around = [pixels_around(spot, pixels[0].shape) for spot in said["spots"] if number <= spot[6] < number + 1]
        brighter = [pixels[number][place].max() > pixels[2 - number][place].max() for place in around]
        assert len(brighter) > 5 and np.mean(brighter) > 0.9, brighter
    assert main(["view", "s.nxs", "--frame", "2", "--png", "s.png"]) == 0 and min(png_size("s.png")) > 300


def test_spots_of_the_series_are_those_that_are_predicted(folder):
    """Ours from the file's truth, against the prediction of the simulation itself."""
    import numbragg as nb

    crystal = nb.Crystal(cell=(60, 60, 60, 90, 90, 90), n_cells=20, misset_deg=(10, 20, 30), oscillation_deg=3.0)
    result = nb.Simulator(nb.Detector(pixels=(220, 200), pixel_mm=0.1), nb.Beam(), 100.0).run(crystal)
    result.spots().write_csv("spots.csv")
    nb.write_nexus("a.nxs", result)
    ours = read_seen("a.nxs").spots
    table = read_seen("a.nxs", spots="spots.csv").spots
    assert len(table) > 20
    for spot in table:
        same = [one for one in ours if one[3:6] == spot[3:6] and abs(one[6] - spot[6]) < 1e-6]
        assert len(same) == 1 and math.dist(same[0][1:3], spot[1:3]) < 1e-6


def test_contrast_in_numbers_and_percentiles(folder):
    np.save("a.npy", np.arange(101, dtype=np.float32).reshape(1, 101))
    for word, wanted in (("3:70", [3.0, 70.0]), ("10%:90%", [10.0, 90.0]), ("-5:50%", [-5.0, 50.0])):
        assert main(["view", "a.npy", "--html", "a.html", "--contrast", word]) == 0
        assert facts("a.html")["contrast"] == wanted
    for scale in ("linear", "sqrt", "log"):
        assert main(["view", "a.npy", "--png", f"{scale}.png", "--scale", scale]) == 0
    assert len({Path(f"{scale}.png").read_bytes() for scale in ("linear", "sqrt", "log")}) == 3


@pytest.mark.parametrize("words, said", [
    ("", "there must be one image"), ("a.npy b.npy", "there must be one image, not 2"),
    ("no.npy --html x.html", "no.npy"),
    ("a.npy --html a.npy", "a.npy is read and cannot be written too"), ("a.npy --html x.png", "must not have the name"),
    ("a.npy --png x.png --frame -1", "must be the number of a frame"), ("a.npy --html x.html --frames 2:2", "A:B"),
    ("a.npy --html x.html --frame 1", "a.npy: has one frame, number 0; not 1"), ("a.npy --contrast 5:1", "LOW:HIGH"),
    ("a.npy --html x.html --contrast 90%:0.5", "the first must be below the second"),
    ("a.npy --frame 0 --frames 0:1", "exclude one another"),
    ("a.npy --png x.png --frames 0:2", "a picture has one frame"),
    ("a.npy --distance 5", "--distance replaces the camera length"), ("a.npy --rings 0", "must be resolutions"),
    ("a.npy --html x.html --geometry two.geom", "a.npy: is an image of 3 x 4 numbers, and the geometry has 2 panels of "
                                                "400 pixels"),
    ("a.npy --html x.html --geometry a.npy", "a.npy: a geometry must end in .geom"),
    ("a.npy --html x.html --spots two.geom", "two.geom, line 1: has no column h"),
    ("a.npy --html x.html --spots bad.csv", "bad.csv, line 3: panel 1: must be from 0 to 0"),
    ("s.h5 --html x.html", "s.h5"), ("a.npy --html nowhere/x.html", "nowhere")])
def test_what_is_wrong_is_one_line(words, said, folder, capsys):
    view_tools.stack()
    np.save("a.npy", np.ones((3, 4), np.float32))
    with open("bad.csv", "w") as file:
        file.write("h,k,l,panel,fast,slow\n1,2,3,0,1.5,2.5\n1,2,3,1,1.5,2.5\n")
    with open("s.h5", "wb") as file:
        file.write(b"\x89HDF\r\n\x1a\n" + b"x" * 100)
    before = sorted(os.listdir())
    assert main(["view", *words.split()]) == 2
    error = capsys.readouterr().err
    assert error.startswith("numbragg: error: ") and error.count("\n") == 1 and said in error, error
    assert sorted(os.listdir()) == before


def test_a_series_without_the_frame(folder, capsys):
    view_tools.series("s.nxs")
    assert main(["view", "s.nxs", "--frames", "1:4", "--html", "x.html"]) == 2
    assert "s.nxs: has 3 frames, from 0 to 2; not 1:4" in capsys.readouterr().err and not os.path.exists("x.html")


def test_a_page_that_becomes_too_large(folder, capsys, monkeypatch):
    monkeypatch.setattr("numbragg.viewing.page.LARGEST_PAGE", 1000)
    view_tools.series("s.nxs")
    assert main(["view", "s.nxs", "--frames", "0:3", "--html", "x.html"]) == 2
    assert "choose fewer frames than 3 (--frames A:B)" in capsys.readouterr().err and not os.path.exists("x.html")


HOSTILE = "<script>alert(1)<\\script>&{facts}\u2028'\".npy"


def test_names_of_files_are_text_in_a_page(folder):
    np.save(HOSTILE, np.ones((3, 4), np.float32))
    assert main(["view", HOSTILE, "--html", "x.html"]) == 0
    text = Path("x.html").read_text(encoding="utf-8")
    assert "<script>alert" not in text and text.count("<script") == 3
    # no address of another place, and a policy that forbids it
    assert "default-src 'none'" in text and not re.search(r"(src|href)=|https?:|import\(", text)


def test_without_a_display_one_line_says_what_to_do(folder, capsys, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    np.save("a.npy", np.ones((3, 4), np.float32))
    assert main(["view", "a.npy"]) == 2
    assert capsys.readouterr().err == ("numbragg: error: view: there is no display for a window; --html FILE writes a "
                                       "page, --png FILE a picture\n")


def test_a_window_shows_pixels_and_changes_frames(folder):
    from matplotlib.backend_bases import KeyEvent
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    pixels = view_tools.series("s.nxs")
    seen = read_seen("s.nxs", frames=range(3))
    figure = Figure()
    FigureCanvasAgg(figure)
    make_window(figure, seen, (0.0, 100.0), "sqrt", None)
    assert figure.axes[0].get_title(loc="left") == "s.nxs, frame 0"
    assert figure.axes[0].get_xlabel() == "right of the beam [mm]"
    assert figure.axes[0].get_ylabel() == "above the beam [mm]"
    # under the pointer the pixel alone, not what Matplotlib would add
    assert figure.axes[0].images[0].format_cursor_data(np.float64(3.0)) == ""
    figure.canvas.callbacks.process("key_press_event", KeyEvent("key_press_event", figure.canvas, "right"))
    assert figure.axes[0].get_title(loc="left") == "s.nxs, frame 1"
    panel = seen.panels[0]
    x, y = (panel.origin_mm[i] + 30.5 * panel.fast_mm[i] + 40.5 * panel.slow_mm[i] for i in (0, 1))
    assert pixel_text(seen, seen.frames[1], -x, y) == f"fast 30   slow 40   value {pixels[1, 40, 30]}"


def test_a_tilt_that_is_not_used_is_said(folder):
    """Notes on what simulations do not take are left out, and those on where pixels are stay."""
    view_tools.image("a.img")
    content = Path("a.img").read_bytes().replace(b"TWOTHETA=0", b"TWOTHETA=9", 1)
    assert content != Path("a.img").read_bytes()
    Path("a.img").write_bytes(content)
    said = read_seen("a.img").notes
    assert said.count("header: not used, the panel is taken for normal to the beam: TWOTHETA = 9") == 1


def test_notes_that_are_a_simulations_are_left_out(folder):
    view_tools.stack()
    with open("two.geom", "a") as file:
        file.write("a/dim0 = ss\na/dim1 = fs\nb/dim0 = ss\nb/dim1 = fs\na/no_such_word = 3\n")
    import numbragg as nb

    with pytest.warns(nb.NumbraggWarning, match="no_such_word"):
        told = nb.Detector.from_geom("two.geom", distance_mm=80.0).notes
    said = read_seen("stack.npy", geometry="two.geom", distance_mm=80.0).notes
    said = [note for note in said if "in no panel" not in note]
    # all that the reader tells, but for three: the beam's energy, how data lie, and the replaced length
    assert len(told) == len(said) + 3 and set(said) < set(told) and any("no_such_word" in note for note in said)


def test_a_picture_without_matplotlib_is_one_line(folder, capsys, monkeypatch):
    np.save("a.npy", np.ones((3, 4), np.float32))
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for words in (["--png", "x.png"], ["--html", "x.html", "--png", "x.png"]):
        assert main(["view", "a.npy", *words]) == 2 and os.listdir() == ["a.npy"]
        assert capsys.readouterr().err == ("numbragg: error: writing PNG pictures needs matplotlib: pip install "
                                           "matplotlib\n")
    assert main(["view", "a.npy"]) == 2
    assert capsys.readouterr().err == ("numbragg: error: a window needs matplotlib: pip install matplotlib; --html "
                                       "FILE needs nothing\n")
    # and with a page nothing of it is needed
    assert main(["view", "a.npy", "--html", "x.html"]) == 0


def test_it_starts_without_compiling_anything(folder):
    """Help loads no NumPy; neither a flat image nor one with a geometry, rings and spots Numba."""
    np.save("a.npy", np.ones((3, 4), np.float32))
    view_tools.stack()
    view_tools.image("a.img")
    view_tools.series("s.nxs")
    for words, absent in ((["--help"], "numpy"), (["a.npy", "--html", "x.html"], "numba"),
                          (["a.img", "--html", "x.html"], "numba"), (["s.nxs", "--html", "x.html"], "numba"),
                          (["stack.npy", "--geometry", "two.geom", "--html", "x.html", "--png", "x.png"], "numba")):
        code = f"import sys; from numbragg.commands.cli import main; main({['view', *words]!r}); print(" \
               f"{absent!r} in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "False"
