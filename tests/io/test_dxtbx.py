"""Masks, saturation and places as dxtbx reads them, of one image with gaps and of a skewed panel."""

from dataclasses import replace
import json
import subprocess
import warnings

import numpy as np
from places import TESTS
import pytest
from test_one_image import CRYSTAL, GAPS, simulator, small, whole_of
from test_right_angles import corners, nearest, place, skewed

import numbragg as nb

DXTBX = subprocess.run(["/usr/bin/python3", "-c", "import dxtbx"], capture_output=True, check=False).returncode == 0

pytestmark = [pytest.mark.dials, pytest.mark.skipif(not DXTBX, reason="dxtbx is not installed (Debian: dials)")]


def read(name):
    done = subprocess.run(["/usr/bin/python3", str(TESTS / "io" / "read_dxtbx.py"), name], capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def counted():
    """An image of six modules with a dead pixel and one above the saturation value."""
    dead = np.ones((12, 20), bool)
    dead[4, 5] = False
    detector = small().in_convention("mosflm")
    panels = [replace(panel, mask=dead if number == 0 else None) for number, panel in enumerate(detector.panels)]
    result = simulator(nb.Detector(panels=panels, convention="mosflm")).run(CRYSTAL)
    counts = [np.minimum(np.rint(image), 900).astype(np.int32) for image in result.image]
    counts[1][2, 3] = 1001
    return result, counts, dead


@pytest.mark.parametrize("kind", ["nxs", "cbf", "img"])
def test_values(folder, kind):
    result, counts, dead = counted()
    if kind == "nxs":
        nb.write_nexus("a_0001.nxs", result, counts, saturation=1000)
    elif kind == "cbf":
        nb.write_minicbf("a_0001.cbf", result, counts, count_cutoff=1000)
    else:
        nb.write_smv("a_0001.img", result, [part.astype(np.uint16) for part in counts])
    panel, = read(f"a_0001.{kind}")
    assert panel["size"] == [43, 46] and panel["pixel"] == pytest.approx([0.3, 0.3])
    whole = whole_of(counts, 0)
    good = ~GAPS & whole_of([dead] + [np.ones_like(dead)] * 5, False)
    if kind == "img":
        # 16 bits have no room for a mask: gaps are zeros
        assert panel["trusted"][1] == 65535 and panel["values"] == whole.ravel().tolist()
    else:
        # below 0 there is nothing in these files
        assert panel["trusted"][1] == 1000 and -1 <= panel["trusted"][0] <= 0
        good &= whole <= 1000
        assert panel["good"] == good.sum() and panel["values"] == whole[good].tolist()
    # DIALS's frame: x along fast, y up
    distance, centre = 90.0, (15.3, 40.2)
    origin = np.array(panel["origin"])
    assert abs(origin[2]) == pytest.approx(distance)
    assert [-origin @ panel["fast"] / 0.3, -origin @ panel["slow"] / 0.3] == pytest.approx(centre, abs=1e-4)


def test_stacked(folder):
    result, counts, dead = counted()
    nb.write_nexus("a.nxs", result, counts, layout="stacked")
    panels = read("a.nxs")
    assert [panel["good"] for panel in panels] == [239, *[240] * 5]
    assert panels[1]["values"] == counts[1].ravel().tolist() and panels[0]["values"] == counts[0][dead].tolist()


def test_skewed(folder):
    """dxtbx takes it, and has the nearest panel with axes at right angles."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nb.write_nexus("a.nxs", skewed(0.02), np.zeros((30, 40), np.int32))
    panel, = read("a.nxs")
    flip = np.diag((-1.0, 1.0, -1.0))
    found = np.array([np.array(panel["origin"]) + a * 40 * panel["pixel"][0] * np.array(panel["fast"])
                      + b * 30 * panel["pixel"][1] * np.array(panel["slow"]) for a in (0, 1) for b in (0, 1)])
    expected = corners(nearest(place((-0.2, 0, 0), (0.2 * 0.02, -0.2, 0), (40, 30), (4, -3, 80)))[0])
    assert found @ flip == pytest.approx(expected, abs=1e-6)
