"""The same command makes the same bytes of every file: twice, and where processors have other features."""

import platform
import subprocess
import sys

from formula_tools import INTERPRETED
from processors import PROCESSORS, clean, each_processor
import pytest

pytestmark = [pytest.mark.skipif(INTERPRETED, reason="starts interpreters of its own, and these compile"),
              pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names processors of one kind")]

#: Writes all kinds of files by the command line and from Python; prints names and hashes.
FILES = """
import hashlib, os, sys
import numbragg as nb
from numbragg.commands.cli import main
line = ("-cell 50 60 70 90 95 90 -default_F 100 -N 5 -distance 80 -detpixels 60 -pixel 0.4 -lambda 1 -misset 10 20 30 "
        "-phisteps 3 -osc 0.5 -mosaic 0.3 -mosaic_dom 3 -water 2 -seed 3 --quiet").split()
assert main([*line, "--nexus", "a.nxs", "--cbf", "a.cbf", "--smv-readable", "a.img", "--tiff", "a.tif", "--npy",
             "a.npy", "--png", "a.png", "--geom", "a.geom", "--expt", "a.expt"]) == 0
scan = ["scan", "--frames", "3", *line]
for word in ("gzip", "bitshuffle", "zstd", "none"):
    assert main([*scan, "--nexus", f"{word}.h5", "--compression", word]) == 0
assert main([*scan, "--nexus", "means.h5", "--float"]) == 0
assert main([*scan, "--images", "s_##.img", "--xds-inp", "XDS.INP"]) == 0
assert main([*scan, "--images", "s_##.cbf", "--phi-midpoints"]) == 0
crystal = nb.Crystal(cell=(50, 60, 70, 90, 95, 90), n_cells=5, oscillation_deg=2.0, phi_steps=2)
nb.Simulator(nb.Detector(pixels=(60, 50), pixel_mm=0.4), nb.Beam(), 100.0).run(crystal).spots().write_csv("spots.csv")
# hundreds of rows with all their digits, of what takes many functions: mosaicity, polarisation, a spectrum, panels
axes = {"fast_mm": (0.1, 0.01, 0.003), "slow_mm": (0.01, -0.1, 0.02)}
panels = nb.Detector(panels=[nb.Panel(pixels=(40, 60), origin_mm=(x, 21.0, 60.0), **axes) for x in (-17.0, 1.0)],
                     convention="xds")
beam = nb.Beam(polarisation_fraction=0.9, spectrum=nb.Spectrum.gaussian(1.0, 1.0, 3))
big = nb.Crystal(cell=(150, 160, 170, 85, 95, 100), misset_deg=(10, 25, 33), n_cells=5, mosaic_spread_deg=0.3,
                 mosaic_domains=3, phi_start_deg=17.3)
turning = nb.Crystal(cell=(150, 160, 170, 85, 95, 100), misset_deg=(10, 25, 33), n_cells=5, oscillation_deg=20.0)
round_one = nb.Crystal(cell=(150, 160, 170, 85, 95, 100), n_cells=(5, 3, 4), shape="gauss", spot_metric="hkl")
for name, one in (("still", big), ("turning", turning), ("gauss", round_one)):
    nb.Simulator(panels, beam, 100.0, sampling=nb.Sampling(oversample=1)).run(one).spots().write_csv(f"{name}.csv")
    with open(f"{name}.csv") as file:
        assert len(list(file)) > 200, name
for name in sorted(os.listdir()):
    with open(name, "rb") as file:
        print(name, hashlib.sha256(file.read()).hexdigest())
"""

WRITTEN = {"a.nxs", "a.cbf", "a.img", "a.tif", "a.npy", "a.png", "a.geom", "a.expt", "gzip.h5", "bitshuffle.h5",
           "zstd.h5", "none.h5", "means.h5", "s_01.img", "s_03.cbf", "XDS.INP", "spots.csv", "floatimage.bin",
           "still.csv", "turning.csv", "gauss.csv"}


def hashes(folder, **environment):
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FILES], env=clean() | environment, cwd=folder,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(line.split() for line in done.stdout.splitlines() if " " in line and len(line.split()) == 2)


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """The hashes on this machine as it is."""
    return hashes(tmp_path_factory.mktemp("usual"))


def test_twice(usual, tmp_path):
    assert WRITTEN <= set(usual)
    assert hashes(tmp_path) == usual


@each_processor
def test_other_processors(name, usual, tmp_path):
    environment = PROCESSORS[name]()
    assert all(environment.values()), f"nothing is changed: {environment}"
    assert hashes(tmp_path, **environment) == usual
