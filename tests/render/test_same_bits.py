"""The same shots on processors and libraries that differ: one hash.

What reaches the bits is computed with basic operations, our kernels and the C library's functions.  NumPy's vector
functions, its random distributions and BLAS take other code on other processors; here processes are told to be one.
"""

import os
import platform
import subprocess
import sys

from formula_tools import INTERPRETED
from places import ROOT
from processors import PROCESSORS, THIRD, clean, dispatched, each_processor
import pytest

pytestmark = [pytest.mark.skipif(INTERPRETED, reason="starts interpreters of its own, and these compile"),
              pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names processors of one kind")]

SHOTS = """
import hashlib
import numpy as np
import numbragg as nb

CELL = (50.0, 60.0, 70.0, 80.0, 100.0, 95.0)
made = hashlib.sha256()
beams = [
    nb.Beam(spectrum=nb.Spectrum.sase(1.3, 1.0, seed=3, samples=12), polarisation_fraction=0.9),
    nb.Beam(spectrum=nb.Spectrum.gaussian(1.3, 2.0, samples=5), divergence_h_mrad=2.0, divergence_h_steps=3),
    nb.Beam(spectrum=nb.Spectrum.two_colour((1.2, 1.3), (1, 2), 0.5, samples=3).merged(4)),
    nb.Beam(spectrum=nb.Spectrum(energies_ev=np.linspace(9000, 9500, 7), weights=np.arange(7.0), density="angstrom")),
    nb.Beam(dispersion_percent=1.0, dispersion_steps=3),
]
crystals = [
    dict(mosaicity="gaussian", mosaic_spread_deg=0.5, mosaic_domains=7, shape="gauss", spot_metric="hkl", fudge=0.3),
    dict(mosaicity="gaussian", mosaic_spread_per_axis_deg=0.3, mosaic_domains=5, mosaic_low_discrepancy=True),
    dict(mosaicity="anisotropic", mosaic_spread_deg=(0.1, 0.5, 1.0), mosaic_domains=6, shape="tophat",
         spot_metric="hkl", fudge=0.1),
    dict(mosaic_rotations=nb.random_rotations(4, 9)),
    dict(mosaic_spread_deg=1.0, mosaic_domains=4, random_misset_seed=5, shape="round"),
]
detector = nb.Detector(pixels=(24, 16), pixel_mm=2.0, distance_mm=60.0, sensor_thickness_um=300, sensor_layers=2)
for beam, crystal in zip(beams, crystals):
    turn = {} if "random_misset_seed" in crystal else {"misset_deg": (10, 20, 30)}
    simulator = nb.Simulator(detector, beam, 100.0, threads=2, sampling=nb.Sampling(oversample=1))
    prepared = simulator.prepare(nb.Crystal(cell=CELL, n_cells=(5, 4, 6), **turn, **crystal))
    scene = prepared.scene
    for array in (scene.beam.wavelengths, scene.beam.directions, scene.beam.weights, scene.crystal.mosaic,
                  scene.crystal.cells, scene.crystal.phi_cells):
        made.update(array.tobytes())
    image = simulator.image(nb.Crystal(cell=CELL, n_cells=(5, 4, 6), **turn, **crystal))
    assert image.any()
    made.update(image.tobytes())
print(made.hexdigest())
"""


def digest(folder, **environment):
    path = folder / "shots.py"
    path.write_text(SHOTS)
    done = subprocess.run([sys.executable, "-W", "ignore", path], env=clean() | environment, capture_output=True,
                          text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """The hash on this machine as it is."""
    return digest(tmp_path_factory.mktemp("usual"))


@each_processor
def test_one_hash(name, usual, tmp_path):
    environment = PROCESSORS[name]()
    assert all(environment.values()), f"nothing is changed: {environment}"
    assert digest(tmp_path, **environment) == usual


def test_environments_do_change_what_numpy_computes(tmp_path):
    """The processes are told, and obey: NumPy's own exponentials or sums differ in one of them where they can."""
    path = tmp_path / "obeys.py"
    path.write_text("from numpy._core import _multiarray_umath as core\n"
                    "print(sum(core.__cpu_features__.get(name, False) for name in core.__cpu_dispatch__))\n")

    def features(**environment):
        done = subprocess.run([sys.executable, "-W", "ignore", path], env=dict(os.environ, **environment),
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    left = features(NPY_DISABLE_CPU_FEATURES=dispatched(*THIRD))
    assert left == 0 and left <= features()
