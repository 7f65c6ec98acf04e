"""An .expt beside an image, as dxtbx reads both: one frame, so that the crystal indexes the peaks; sensors, gains."""

import json
import subprocess

import numpy as np
from places import TESTS
import pytest
from test_dxtbx import DXTBX

import numbragg as nb
from numbragg.commands.cli import main

pytestmark = [pytest.mark.dials, pytest.mark.skipif(not DXTBX, reason="dxtbx is not installed (Debian: dials)")]

LINE = ("-cell 40 44 48 90 100 90 -default_F 100 -misset 10 25 33 -N 14 -distance 60 -pixel 0.1 -detpixels_f 300 "
        "-detpixels_s 260 -lambda 1 -fluence 4e29 -gauss_xtal -oversample 2 -nonoise -nopgm --quiet").split()


def index(image, models):
    done = subprocess.run(["/usr/bin/python3", str(TESTS / "io" / "index_dxtbx.py"), image, models],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def rms(found):
    hkl = np.array(found["hkl"])
    assert len(hkl) > 15
    return float(np.sqrt(((hkl - np.rint(hkl)) ** 2).sum(axis=1).mean()))


@pytest.mark.parametrize("convention", ["-mosflm", "-xds", "-dials", "-adxv", "-denzo"])
@pytest.mark.parametrize("option, name", [("--cbf", "a_0001.cbf"), ("--smv-readable", "a_0001.img"),
                                          ("--nexus", "a.nxs")])
def test_crystals_fit_images(folder, convention, option, name):
    words = [*LINE, convention, option, name, "--expt", "a.expt"]
    if convention == "-adxv" and option != "--nexus":
        # the mirror image
        assert main(words) == 2
        return
    assert main(words) == 0
    found = index(name, "a.expt")
    assert rms(found) < 0.1
    for key in ("axes", "origin"):
        assert found[key][0] == pytest.approx(found[key][1], abs=1e-4), key
    assert found["gain"] == 1.0
    assert found["trusted"][1][1] == pytest.approx(65535 if option == "--smv-readable" else 2**31 - 1, abs=2)
    # what DIALS takes for granted, whatever was simulated
    assert found["normal"][0] == [0.0, 1.0, 0.0] and found["fraction"] == pytest.approx(0.999)


def test_two_frames_are_said(folder, capfd):
    words = [*LINE, "-xds", "--cbf", "a_0001.cbf", "--nexus", "a.nxs", "--expt", "a.expt"]
    assert main(words) == 0
    assert "a.expt: is in the frame of the NXmx file, turned about the beam" in capfd.readouterr().err
    assert rms(index("a.nxs", "a.expt")) < 0.1 < rms(index("a_0001.cbf", "a.expt"))
    words[len(LINE)] = "-mosflm"
    assert main(words) == 0
    assert "frame of the NXmx" not in capfd.readouterr().err
    assert rms(index("a.nxs", "a.expt")) < 0.1 and rms(index("a_0001.cbf", "a.expt")) < 0.1


def test_the_field_lies_where_the_note_says(folder, capfd):
    """The normal of the note is that of the .expt, which is in the frame of the image."""
    assert main([*LINE, "-dials", "-polar", "0.9", "--cbf", "a_0001.cbf", "--expt", "a.expt"]) == 0
    said = capfd.readouterr().err
    normal = [float(v) for v in said.partition("polarization_normal=")[2].split()[0].split(",")]
    assert "the field lies along slow" in said and "polarization_fraction=0.95" in said and "NXmx is read alike" in said
    found = index("a_0001.cbf", "a.expt")
    assert np.abs(np.dot(normal, found["normal"][1])) == pytest.approx(1.0)
    assert np.abs(np.dot(normal, found["axes"][0][:3])) == pytest.approx(1.0)


def test_sensors(folder, capfd):
    words = [*LINE, "-detector_thick", "450", "-detector_abs", "300", "-detector_thicksteps", "4"]
    assert main([*words, "--nexus", "a.nxs", "--expt", "a.expt"]) == 0
    assert "NXmx: the sensor of 450 micrometres" in capfd.readouterr().err
    nexus, ours = index("a.nxs", "a.expt")["sensor"]
    assert nexus[0] == pytest.approx(0.45) and nexus[2] == "Si"
    assert ours[:2] == pytest.approx([0.45, 1 / 0.3], rel=1e-6)


def test_masks(folder):
    mask = np.ones((260, 300), bool)
    mask[10:20, 30:50] = False
    mask[100, 7] = False
    detector = nb.Detector(pixels=(300, 260), pixel_mm=0.1, distance_mm=60, mask=mask)
    result = nb.Simulator(detector, nb.Beam(), 100.0).run(nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=3))
    nb.write_geometry("a.expt", result)
    nb.write_nexus("a.nxs", result)
    assert index("a.nxs", "a.expt")["masked"] == [[30, 10, 50, 20], [7, 100, 8, 101]]
