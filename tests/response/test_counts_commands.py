"""Counts on the command line: regions, what is refused before anything is made, what files say and notes name."""

import json

import numpy as np
import pytest

from numbragg.commands.cli import main

LINE = ["-default_F", "100", "-cell", "79", "79", "38", "90", "90", "90", "-N", "5", "-oversample", "1", "-seed", "5",
        "-detpixels", "60", "-fluence", "1e20", "--background", "water:5um"]
SCAN = ["scan", "--frames", "2", *LINE, "-osc", "1", "-phisteps", "2"]
SPREAD = "[point_spread]\nkind = 'gaussian'\nfwhm_um = 400\n"
STAGES = ("dtype = 'uint16'\n[gain_stages]\nphoton_kev = 12.4\ngains_adu_per_kev = [41, -1.4, -0.1]\n"
          "pedestals_adu = [3000, 15000, 14500]\nnoises_kev = [0.29, 3, 35]\nswitches_kev = [300, 9300]\n"
          "output = 'raw'\n")
RAW = ("r.toml: gain_stages.output: 'raw' must be 'corrected' in miniCBF, which holds counts; NXmx and SMV hold raw "
       "numbers ({})")
NEGATIVE = ("r.toml: readout_adu: 3 with offset_adu: 0 makes counts below 0, which in miniCBF are pixels that "
            "are left out; NXmx holds them, and so does an unsigned dtype, which cuts them at 0 ({})")
WIDE = ("r.toml: point_spread: fwhm_um 8000 with accuracy 0.01 spreads over 5219.06 pixels of 0.1 mm in each "
        "direction; must be at most 1000")
DEAD = "r.toml: defects.dead_pixels: (3, 1, 1) must have a panel from 0 to 0, as the detector has 1"


@pytest.fixture
def response(folder):
    def write(text):
        (folder / "r.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return ["--response", "r.toml"]

    return write


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("text, words, message", [
    (STAGES, [*LINE, "--counts", "a_1.cbf"], RAW.format("a_1.cbf")),
    (STAGES, [*LINE, "--cbf", "a_1.cbf"], RAW.format("a_1.cbf")),
    (STAGES, [*SCAN, "--images", "a_#.cbf"], RAW.format("a_#.cbf")),
    ("readout_adu = 3", [*LINE, "--counts", "a_1.cbf"], NEGATIVE.format("a_1.cbf")),
    ("readout_adu = 3", [*SCAN, "--images", "a_#.cbf"], NEGATIVE.format("a_#.cbf")),
    ("offset_adu = 1e5", [*LINE, "--counts", "a_1.img"],
     "r.toml: offset_adu: 100000 must be at most 65535 in size, the largest of uint16 (a_1.img)"),
    (SPREAD.replace("400", "8000").replace("gaussian", "fibre"), [*LINE, "--counts", "a.npy"], WIDE),
    (SPREAD.replace("400", "8000").replace("gaussian", "fibre"), [*SCAN, "--nexus", "a.h5"], WIDE),
    ("[defects]\ndead_pixels = [[3, 1, 1]]", [*LINE, "--counts", "a.npy"], DEAD),
    ("[defects]\ndead_pixels = [[3, 1, 1]]", [*SCAN, "--nexus", "a.h5"], DEAD),
    ("[defects]\ndead_pixels = 5", [*LINE, "--counts", "a.npy"],
     "r.toml: defects.dead_pixels: 5 must be a list of panel, fast and slow of each pixel"),
    (b"readout_adu = 3 # \xb5m", [*LINE, "--counts", "a.npy"],
     "r.toml: must be TOML, which is text in UTF-8; byte 18 is '\\xb5'"),
])
def test_refused_before_anything_is_made(folder, response, capsys, text, words, message):
    assert main([*words, *response(text)]) == 2
    assert capsys.readouterr() == ("", f"numbragg: error: {message}\n") and files(folder) == ["r.toml"]


def test_notes_name_the_file(folder, response, capsys):
    text = "[defects]\ndead_pixels = [[0, 70, 4]]\n[beamstop]\ncentre_pixels = [-9, 3]\nradius_pixels = 4\n"
    assert main([*LINE, *response(text), "--counts", "a.npy", "--quiet"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "numbragg: warning: r.toml: beamstop: a disc of radius 4 at -9 3 covers no pixel of its panel of 60 x 60 "
        "pixels (fast x slow), and has no effect",
        "numbragg: warning: r.toml: defects.dead_pixels: (0, 70, 4) lies outside its panel of 60 x 60 pixels (fast x "
        "slow), and has no effect"]


def test_a_region_has_the_counts_of_the_whole(folder, response, capsys):
    words = response("readout_adu = 3\noffset_adu = 40\n" + SPREAD)
    region = ["-roi", "10", "29", "20", "39"]
    for name, more in (("a.npy", []), ("b.npy", region)):
        assert main([*LINE, *words, "--counts", name, *more, "--quiet"]) == 0
    whole, part = np.load("a.npy"), np.load("b.npy")
    assert (whole[20:40, 10:30] == part[20:40, 10:30]).all() and abs(part[:20].mean() - 40) < 0.5
    h5py = pytest.importorskip("h5py")
    for name, more in (("a.h5", []), ("b.h5", region)):
        assert main([*SCAN, *words, "--nexus", name, *more, "--quiet"]) == 0
    with h5py.File("a.h5") as one, h5py.File("b.h5") as other:
        frames = [file["entry/data/data"][:, 20:40, 10:30] for file in (one, other)]
    assert (frames[0] == frames[1]).all()
    assert capsys.readouterr().err == ""


def test_what_files_of_counts_say(folder, response, capsys):
    tifffile = pytest.importorskip("tifffile")
    words = response("readout_adu = 3\noffset_adu = 40")
    assert main([*LINE, *words, "--counts", "a.tif", "--smv-readable", "a_1.img", "--quiet"]) == 0
    with tifffile.TiffFile("a.tif") as file:
        said = json.loads(file.pages[0].description)
        counts = file.pages[0].asarray()
    assert said["counts"]["response"]["readout_adu"] == 3 and said["counts"]["seed"] == 5
    assert said["background"]["layers"][0]["material"] == "water" and said["beam"]["fluence_photons_per_m2"] == 1e20
    assert said["detector"]["pixels_fast_slow"] == [60, 60] and "seconds" not in said
    assert counts.dtype == np.int32
    header = (folder / "a_1.img").read_bytes().partition(b"}")[0]
    assert b"\nRESPONSE=seed 5 frame 0 " in header and b"\nBACKGROUND=(layers: " in header
    # an npy file holds numbers only: the report says where the rest is
    assert main([*LINE, *words, "--counts", "a.npy"]) == 0
    assert "a.npy: an npy file says nothing of how it was made; --stats-json does" in capsys.readouterr().out
    assert main([*LINE, *words, "--counts", "a.npy", "--stats-json", "s.json"]) == 0
    assert "an npy file" not in capsys.readouterr().out
    assert (np.load("a.npy") == counts).all()


def test_every_ending_that_is_named_is_taken(folder, capsys):
    from numbragg.command_line.outputs import COUNTS, is_of_counts

    ends = COUNTS.removeprefix("end in ").replace(" or ", ", ").split(", ")
    assert all(is_of_counts(f"a{end}") and is_of_counts(f"a{end.upper()}") for end in ends) and len(ends) == 10
    pytest.importorskip("h5py")
    for name in ("a.HDF5", "a_1.SMV"):
        assert main([*LINE, "--counts", name, "--quiet"]) == 0 and (folder / name).stat().st_size > 1000
