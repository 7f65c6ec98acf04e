"""`--background` on the command line: single images, panels, scans, tables of users, files and what they say."""

import json

from cli_tools import SMALL, error_line
import h5py
import numpy as np
import pytest
from structure_tools import real

import numbragg as nb
from numbragg.commands.cli import main
from numbragg.io.raw import read_raw

WORDS = [*SMALL, "-nonoise", "-nopgm", "--quiet"]
PLANE = {"pixels": (24, 20), "pixel_mm": 0.2}
CRYSTAL = nb.Crystal(cell=(80, 80, 80, 90, 90, 90), n_cells=5)
#: Two panels of 8 x 6 pixels and one of 8 x 6 behind them, 100 mm away.
GEOM = """\
photon_energy = 10332
clen = 0.1
res = 5000
p0/min_fs = 0
p0/max_fs = 7
p0/min_ss = 0
p0/max_ss = 5
p0/corner_x = 3
p0/corner_y = -3
p0/fs = +x
p0/ss = +y
p1/min_fs = 0
p1/max_fs = 7
p1/min_ss = 6
p1/max_ss = 11
p1/corner_x = -12
p1/corner_y = -3
p1/coffset = 0.02
p1/fs = +x
p1/ss = +y
"""


def mean_of(background, distance=100.0):
    """The same shot in Python."""
    return nb.Simulator(nb.Detector(**PLANE, distance_mm=distance), nb.Beam(wavelength_angstrom=1.2), 100.0,
                        background=background, threads=1).run(CRYSTAL)


def datasets(file):
    """All data of an HDF5 file, by name."""
    found = {}
    file.visititems(lambda name, node: found.update({name: node}) if isinstance(node, h5py.Dataset) else None)
    return found


def images_of(file, shape):
    """The images of an NXmx file."""
    return next(node[()] for node in datasets(file).values() if node.shape == shape)


def truth_of(file):
    """What an NXmx file says of a background."""
    text, = (node[()] for name, node in datasets(file).items() if name.endswith("/background"))
    return json.loads(text)


@pytest.mark.parametrize("name, density, weight", [("air.stol", 1.2e-3, 28.0), ("ice.stol", 0.92, 18.015),
                                                   ("nanoice.stol", 0.92, 18.015)])
def test_tables_of_the_field(name, density, weight, folder):
    table = real(name)
    words = f"{table}:5um:{density}:{weight}"
    # near enough for the rings of ice
    assert main([*WORDS, "-distance", "5", "--background", words, "--stats-json", "s.json"]) == 0
    account = json.loads((folder / "s.json").read_text())["background"]
    layer, = account["layers"]
    assert layer["table_rows"] > 99 and layer["density_g_per_cm3"] == density and account["sum"] > 0
    result = mean_of(words, 5.0)
    assert (folder / "floatimage.bin").read_bytes() == result.image.tobytes()
    rows = [line.split() for line in table.read_text().splitlines() if line[:1] not in ("#", "")]
    stol, f = (np.array([float(row[i]) for row in rows]) for i in (0, 1))
    order = np.argsort(stol)
    at = nb.Background(words).layers[0].material
    assert np.array_equal(at.stol, stol[order]) and np.array_equal(at.f, f[order])


def test_one_image_says_its_background_everywhere(folder):
    words = "water:5um,air:-30mm..20mm"
    assert main([*WORDS, "--background", words, "--stats-json", "s.json", "--nexus", "m.nxs", "--tiff", "m.tif",
                 "--npy", "m.npy"]) == 0
    facts = json.loads((folder / "s.json").read_text())
    result = mean_of(words)
    assert np.array_equal(np.load("m.npy"), result.image)
    assert np.array_equal(read_raw("floatimage.bin", (20, 24)), result.image)
    assert facts["background"]["sum"] == pytest.approx(result.background.sum(), rel=1e-12)
    assert [layer["material"] for layer in facts["background"]["layers"]] == ["water", "air"]
    assert (facts["background"]["layers"][1]["begin_mm"], facts["background"]["layers"][1]["end_mm"]) == (-30.0, 20.0)
    assert facts["arguments"][facts["arguments"].index("--background") + 1] == words
    data = (folder / "m.tif").read_bytes()
    assert b"--background" in data and words.encode() in data
    with h5py.File("m.nxs") as file:
        assert np.array_equal(np.squeeze(images_of(file, (1, 20, 24))), result.image)
        assert truth_of(file) == facts["background"] == result.background_settings


def test_panels_have_it(folder):
    (folder / "p.geom").write_text(GEOM)
    words = ["-cell", "80", "80", "80", "90", "90", "90", "-default_F", "100", "-N", "5", "-lambda", "1.2", "--quiet",
             "--detector", "p.geom"]
    assert main([*words, "-floatfile", "plain.bin"]) == 0
    assert main([*words, "--background", "water:5um,air:30mm", "--stats-json", "s.json", "--nexus", "m.nxs"]) == 0
    with_it, without = (np.fromfile(name, np.float32).astype(float) for name in ("floatimage.bin", "plain.bin"))
    facts = json.loads((folder / "s.json").read_text())["background"]
    added = (with_it - without).reshape(2, -1).sum(axis=1)
    assert len(facts["panels"]) == 2 and facts["panels"] == pytest.approx(added, rel=1e-5)
    assert facts["sum"] == pytest.approx(sum(facts["panels"]), rel=1e-12)
    # the panel that is behind gets fewer
    assert facts["panels"][0] > facts["panels"][1] > 0
    with h5py.File("m.nxs") as file:
        assert truth_of(file) == facts


def test_results_of_panels_are_written(folder):
    panels = [nb.Panel(origin_mm=(x, 3.0, z), fast_mm=(0.2, 0, 0), slow_mm=(0, 0.2, 0), pixels=(4, 3))
              for x, z in ((-5.0, 70.0), (4.0, 90.0))]
    detector = nb.Detector(panels=panels, convention="adxv")
    result = nb.Simulator(detector, nb.Beam(), 100.0, background="water:5um,air:20mm").run(CRYSTAL)
    assert isinstance(result.background, tuple) and [part.shape for part in result.background] == [(3, 4)] * 2
    nb.write_nexus("r.nxs", result)
    with h5py.File("r.nxs") as file:
        assert truth_of(file) == result.background_settings
    assert result.background_settings["panels"] == [part.sum() for part in result.background]
    shot = nb.simulate_counts(CRYSTAL, nb.Beam(), detector, 100.0, background="water:5um,air:20mm", seed=1)
    nb.write_nexus("c.nxs", shot)
    with h5py.File("c.nxs") as file:
        assert truth_of(file) == result.background_settings


def test_scans_have_it(folder):
    words = ["scan", "--frames", "2", *SMALL, "-osc", "1", "-phisteps", "2", "--quiet", "--float"]
    assert main([*words, "--nexus", "plain.nxs"]) == 0
    assert main([*words, "--nexus", "with.nxs", "--background", "water:5um"]) == 0
    frames = []
    for name in ("plain.nxs", "with.nxs"):
        with h5py.File(name) as file:
            frames.append(images_of(file, (2, 20, 24)))
    own = mean_of("water:5um").background
    assert np.array_equal(frames[1], (frames[0].astype(float) + own).astype(np.float32))


@pytest.mark.parametrize("words", [["-floatfile", "t.stol"], ["-intfile", "./t.stol"], ["--npy", "t.stol"],
                                   ["--stats-json", "t.stol"]])
def test_a_table_is_not_written_over(words, folder, capfd):
    text = "0 3\n0.5 1\n"
    (folder / "t.stol").write_text(text)
    assert main([*WORDS, "--background", "t.stol:5um:0.9:40", *words]) == 2
    assert "is read and cannot be written too" in error_line(capfd)
    assert (folder / "t.stol").read_text() == text and [path.name for path in folder.iterdir()] == ["t.stol"]


def test_nor_is_any_other_input(folder, capfd):
    text = "0 0 1 10\n1 0 0 20\n"
    (folder / "p.hkl").write_text(text)
    assert main([*WORDS, "-hkl", "p.hkl", "-floatfile", "p.hkl"]) == 2
    assert "p.hkl: is read and cannot be written too" in error_line(capfd)
    assert (folder / "p.hkl").read_text() == text and [path.name for path in folder.iterdir()] == ["p.hkl"]


def test_a_scan_does_not_write_over_a_table(folder, capfd):
    (folder / "t.nxs").write_text("0 3\n0.5 1\n")
    assert main(["scan", "--frames", "2", *SMALL, "-osc", "1", "--quiet", "--nexus", "t.nxs", "--background",
                 "t.nxs:5um:0.9:40"]) == 2
    assert "is read and cannot be written too" in error_line(capfd)


@pytest.mark.parametrize("words, part", [
    ("water", "must be MATERIAL:EXTENT"), ("water:5um,", "must be MATERIAL:EXTENT"), ("oil.stol:5um", "lacks density"),
    ("no.stol:5um:1:18", "no.stol: No such file"), ("air:1m", "reaches the plane of the detector"),
    ("water:0um", "no thickness"), ("water:nanum", "must be MATERIAL:EXTENT"), ("water:1e999um", "must be MATERIAL"),
    ("water:5um:0", "above 0"), ("air:20mm..-3mm", "no thickness"), (".:5um:1:18", "Is a directory")])
def test_wrong_words(words, part, folder, capfd):
    assert main([*WORDS, "--background", words]) == 2
    assert part in error_line(capfd)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("text, part", [
    ("", "0 rows"), ("0 1\n", "1 rows"), ("0 1\n0 2\n", "line 2"), ("0 1\n0.2\n", "line 2"),
    ("0 -1\n1 2\n", "negative"),
    ("-1 1\n1 2\n", "negative"), ("0 0\n1 0\n", "above 0"), ("0 1\n1 inf\n", "line 2"), ("0 1\n\0 2\n", "no text")])
def test_wrong_tables(text, part, folder, capfd):
    (folder / "t.stol").write_text(text)
    assert main([*WORDS, "--background", "t.stol:5um:0.9:40"]) == 2
    said = error_line(capfd)
    assert "t.stol" in said and part in said
    assert [path.name for path in folder.iterdir()] == ["t.stol"]


def test_the_water_of_nanobragg_too(folder, capfd):
    assert main([*WORDS, "-water", "5", "--background", "water:5um"]) == 0
    assert "-water 5 um and a background: the image has the photons of both" in capfd.readouterr().err
