"""Bits of a background are the same on all processors."""

import subprocess
import sys

from processors import PROCESSORS, clean
import pytest

SCRIPT = """
import hashlib, warnings
import numbragg as nb
from numbragg.background.ground import Ground
warnings.simplefilter("ignore")
detector = nb.Detector(pixels=(40, 30), distance_mm=60, curved=True, sensor_thickness_um=300, attenuation_depth_um=200)
simulator = nb.Simulator(detector, nb.Beam(polarisation_fraction=0.9), 0.0, background="ice:5um,air:30mm,water:5um")
shot = simulator.prepare_shot(nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=5))
print(hashlib.sha256(Ground(simulator.background, shot, 1).images[0].tobytes()).hexdigest())
"""


def digest(**more):
    return subprocess.run([sys.executable, "-c", SCRIPT], env={**clean(), **more}, capture_output=True, text=True,
                          check=True).stdout


@pytest.fixture(scope="module")
def usual():
    """The hash on this machine as it is."""
    return digest()


@pytest.mark.parametrize("name", ["no AVX2 in NumPy", "kernels for any processor"])
def test_bits_do_not_depend_on_the_processor(name, usual):
    assert usual.strip() and digest(**PROCESSORS[name]()) == usual
