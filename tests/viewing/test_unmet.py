"""What `numbragg view` refuses by its number, what it cannot honour and says, and numbers that are none."""

import json
from pathlib import Path
import shutil
import subprocess
import warnings

import numpy as np
import pytest
import view_tools
from view_tools import facts, numbers

from numbragg.commands.cli import main

SMV = {"WAVELENGTH": ("1", "Angstrom"), "PIXEL_SIZE": ("0.1", "mm"), "DISTANCE": ("100", "mm")}


def changed_smv(name, word, value):
    """An SMV image with another number in its header, of the same length."""
    view_tools.image("a.img")
    content = Path("a.img").read_bytes()
    old = f"\n{word}={SMV[word][0]};".encode()
    assert content.count(old) == 1
    new = content[:512].replace(old, f"\n{word}={value};".encode()).rstrip(b" ")
    Path(name).write_bytes(new.ljust(512) + content[512:])


@pytest.mark.parametrize("output", ["--html x.html", "--png x.png --rings 10,5"])
@pytest.mark.parametrize("value", ["1e-300", "1e300", "9.9e-7", "1000001"])
@pytest.mark.parametrize("word", SMV)
def test_a_header_with_a_number_that_nothing_has(word, value, output, folder, capsys):
    changed_smv("x.img", word, value)
    before = sorted(Path().iterdir())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(["view", "x.img", *output.split()]) == 2
    option = "--wavelength" if word == "WAVELENGTH" else "--geometry"
    assert capsys.readouterr().err == (f"numbragg: error: x.img: {word}: {float(value):g} {SMV[word][1]} must be from "
                                       f"1e-06 to 1e+06 ({option} tells another)\n")
    assert sorted(Path().iterdir()) == before


def test_a_wavelength_that_is_told_takes_the_place_of_the_headers(folder):
    changed_smv("x.img", "WAVELENGTH", "1e-300")
    assert main(["view", "x.img", "--html", "x.html", "--wavelength", "2", "--rings", "9"]) == 0
    assert facts("x.html")["wavelength"] == 2.0 and facts("x.html")["rings"] == [9.0]
    # what a header does not know is often 0
    changed_smv("y.img", "WAVELENGTH", "0")
    assert main(["view", "y.img", "--html", "y.html"]) == 0 and facts("y.html")["wavelength"] is None


@pytest.mark.parametrize("place, value, told", [
    ("entry/instrument/beam/incident_wavelength", 1e-300, "s.nxs: wavelength: 1e-300 Angstrom must be"),
    ("entry/instrument/detector/module/fast_pixel_direction", 1e-300, "edge of a pixel: 1e-300 mm must be")])
def test_the_same_of_hdf5(place, value, told, folder, capsys):
    import h5py

    view_tools.series("s.nxs")
    with h5py.File("s.nxs", "r+") as file:
        places = [place] if place in file else []
        file.visit(lambda name: places.append(name) if name.endswith(place.rpartition("/")[2]) else None)
        for name in set(places):
            file[name][...] = value
    assert places and main(["view", "s.nxs", "--html", "x.html"]) == 2 and told in capsys.readouterr().err


@pytest.mark.parametrize("old, new, told", [
    ("12398.419843320026", "1e-300", "two.geom: wavelength: "), ("res = 10000", "res = 1e11", "edge of a pixel: "),
    ("corner_x = 10", "corner_x = 1e300", "corner: "), ("clen = 0.1", "clen = 1e-200", "distance: ")])
def test_the_same_of_a_geometry(old, new, told, folder, capsys):
    view_tools.stack()
    text = Path("two.geom").read_text()
    assert old in text
    Path("two.geom").write_text(text.replace(old, new, 1))
    assert main(["view", "stack.npy", "--geometry", "two.geom", "--html", "x.html"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("numbragg: error: two.geom: ") and told in error and error.count("\n") == 1
    assert not Path("x.html").exists()


@pytest.mark.parametrize("word", ["1e-200", "1e-7", "1e7", "1e300", "10,0"])
def test_rings_that_nothing_has(word, folder, capsys):
    np.save("a.npy", np.ones((3, 4), np.float32))
    assert main(["view", "a.npy", "--html", "x.html", "--rings", word]) == 2
    assert "must be resolutions from 1e-06 to 1e+06" in capsys.readouterr().err


# -- damage


@pytest.mark.parametrize("shape", [(10, 12), (2, 5, 12)])
def test_a_damaged_npy_is_one_line_wherever_it_is_damaged(shape, folder, capsys):
    np.save("a.npy", np.ones(shape, np.float32))
    sound = Path("a.npy").read_bytes()
    refused = 0
    for at in range(len(sound[:120].rstrip())):
        for byte in b" {'(9\xff":
            Path("x.npy").write_bytes(sound[:at] + bytes([byte]) + sound[at + 1:])
            code, error = main(["view", "x.npy", "--html", "x.html"]), capsys.readouterr().err
            assert code in (0, 2)
            if code == 2:
                refused += 1
                assert error.startswith("numbragg: error: x.npy: ") and error.count("\n") == 1, error
    assert refused > 100


# -- what is not honoured


def warned(words, capsys):
    """The lines on stderr of a look that succeeds."""
    assert main(["view", *words.split()]) == 0
    return capsys.readouterr().err.splitlines()


def test_rings_that_are_not_drawn_are_said(folder, capsys):
    np.save("a.npy", np.ones((30, 40), np.float32))
    for output in ("--html x.html", "--png x.png"):
        line, = warned(f"a.npy {output} --rings 10,5", capsys)
        assert line.startswith("numbragg: warning: --rings: none is drawn: the image has no geometry (--geometry")
    assert facts("x.html")["notes"][-1].startswith("--rings: none is drawn")
    assert warned("a.npy --html x.html --rings none", capsys) == []
    view_tools.image("a.img")
    assert warned("a.img --html x.html --rings 40", capsys) == []
    assert warned("a.img --html x.html --rings 40,2,0.1", capsys) == [
        "numbragg: warning: --rings: not on the detector: 2 \u212b, 0.1 \u212b"]
    changed_smv("y.img", "WAVELENGTH", "0")
    line, = warned("y.img --html x.html --rings 40", capsys)
    assert "the wavelength, or how far the detector is, is not known" in line


def test_a_wavelength_without_a_geometry_is_said(folder, capsys):
    np.save("a.npy", np.ones((30, 40), np.float32))
    assert warned("a.npy --html x.html --wavelength 1.5", capsys) == [
        "numbragg: warning: --wavelength 1.5: has no effect: the image has no geometry (--geometry FILE tells one)"]


def test_a_shape_that_is_not_the_files_is_refused(folder, capsys):
    import h5py

    with h5py.File("a.h5", "w") as file:
        file["entry/data/data"] = np.ones((2, 20, 30), np.int32)
    np.save("flat.npy", np.ones((20, 30), np.float32))
    np.save("stack.npy", np.ones((2, 20, 30), np.float32))
    for name in ("a.h5", "flat.npy", "stack.npy"):
        assert main(["view", name, "--shape", "10x10", "--html", "x.html"]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"numbragg: error: {name}: ") and "20 x 30" in error and error.count("\n") == 1
    for name in ("a.h5", "flat.npy"):
        assert main(["view", name, "--shape", "20x30", "--html", "x.html"]) == 0


def test_pixels_in_no_panel_are_said(folder, capsys):
    view_tools.stack()
    said = "numbragg: warning: {}: {} pixels are in no panel of two.geom and are not shown"
    assert warned("stack.npy --geometry two.geom --html x.html", capsys) == [said.format("stack.npy", "100 of 500")]
    np.save("whole.npy", np.zeros((300, 300), np.float32))
    assert warned("whole.npy --geometry two.geom --html x.html", capsys) == [said.format("whole.npy", "89600 of 90000")]
    np.save("panels.npy", np.zeros((2, 10, 20), np.float32))
    assert warned("panels.npy --geometry two.geom --html x.html", capsys) == []


def test_a_stack_without_a_geometry_is_said(folder, capsys):
    np.save("stack.npy", np.arange(24, dtype=np.float32).reshape(2, 3, 4))
    assert warned("stack.npy --html x.html", capsys) == [
        "numbragg: warning: stack.npy: an array of 2 x 3 x 4 numbers is shown as one image, its 2 parts one below the "
        "other (--geometry FILE tells where panels are)"]
    assert facts("x.html")["panels"][0]["pixels"] == [4, 6]


# -- numbers that are none, or beyond float32


def test_floats_beyond_float32_are_shown_and_nothing_is_warned(folder):
    from numbragg.viewing.picture import _measured, write_picture
    from numbragg.viewing.reading import read_seen

    view_tools.stack()
    values = np.linspace(1.0, 8e299, 500).reshape(25, 20)
    np.save("a.npy", values)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        seen = read_seen("a.npy")
        np.testing.assert_array_equal(_measured(seen, seen.frames[0])[0], values)
        for words in ("--png x.png", "--png y.png --geometry two.geom", "--png z.png --contrast 1%:99% --scale log"):
            assert main(["view", "a.npy", *words.split()]) == 0
        # the same picture, but for its numbers
        np.save("small.npy", values * 1e-290)
        with open("b.png", "wb") as file:
            write_picture(file, read_seen("small.npy"))
    assert len({Path(name).read_bytes() for name in ("x.png", "y.png", "z.png", "b.png")}) == 4
    from matplotlib.image import imread

    large, small = (imread(name)[60:, 80:-130] for name in ("x.png", "b.png"))
    assert large.std() > 0.1 and np.abs(large - small).mean() < 0.02


JS = """
const vm = require("vm"), fs = require("fs");
const source = fs.readFileSync(process.argv[1], "utf8").match(/function why[\\s\\S]*?\\n}/)[0];
const out = [];
for (const [facts, value, mask] of JSON.parse(process.argv[2]))
  out.push(vm.runInNewContext(source + "; why(value, mask, 0)", {facts, mask, value: Number(value)}));
console.log(JSON.stringify(out));
"""


def test_a_page_tells_masked_pixels_from_what_is_no_number(folder):
    """The page's own function, where there is a Node."""
    import numbragg.viewing as room

    cases = [({}, "NaN", None, "no finite number"), ({}, "Infinity", None, "no finite number"),
             ({}, "-Infinity", None, "no finite number"), ({}, "5", None, ""), ({}, "NaN", [0], "masked"),
             ({"marked": 7}, "7", None, "masked"), ({"least": 0}, "-1", [1], "masked"), ({"least": 0}, "0", [1], "")]
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node")
    done = subprocess.run([node, "-e", JS, str(Path(room.__file__).with_name("page.js")),
                           json.dumps([case[:3] for case in cases])], capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout) == [case[3] for case in cases], done.stderr


def test_a_page_keeps_numbers_that_are_none(folder):
    values = np.array([[np.nan, np.inf], [-np.inf, 3.0]], np.float32)
    np.save("a.npy", values)
    assert main(["view", "a.npy", "--html", "x.html", "--png", "x.png"]) == 0
    np.testing.assert_array_equal(numbers("x.html"), values.reshape(-1))
    assert facts("x.html")["saturation"] is None
