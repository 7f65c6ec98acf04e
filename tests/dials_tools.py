"""DIALS as the tests run it, a synthetic protein's amplitudes, and orientations up to the crystal's symmetry."""

import functools
import itertools
import json
import os
import shutil
import subprocess

import numpy as np
from places import ROOT
import pytest

import numbragg as nb

#: Marks of a module whose tests are DIALS's.
NEEDS_DIALS = [pytest.mark.dials,
               pytest.mark.skipif(shutil.which("dials.import") is None,
                                  reason="DIALS is not installed (Debian: apt-get install dials)")]

#: The Python that dxtbx belongs to.
PYTHON = "/usr/bin/python3"

CELL = (59.1, 68.5, 30.5, 90.0, 90.0, 90.0)

#: What is known of the crystal, for dials.index. Of fifty candidates, fits of all of which take most of its time, the
#: four best do: with the known cell all are the same crystal.
KNOWN = ("space_group=P212121", "unit_cell=" + ",".join(map(str, CELL)), "basis_vector_combinations.max_refine=4")


@functools.cache
def factors():
    """Amplitudes of P 21 21 21 as Wilson has them, with anomalous differences; from a fixed seed."""
    import gemmi

    group, random = gemmi.SpaceGroup("P 21 21 21"), np.random.RandomState(5)
    hkl, amplitudes = [], []
    for h, k, m in itertools.product(range(34), range(39), range(18)):
        squared = (h / CELL[0]) ** 2 + (k / CELL[1]) ** 2 + (m / CELL[2]) ** 2
        if not 0.0 < squared < 1 / 1.75 ** 2:
            continue
        # four times a thousand atoms, with a B factor of 15
        mean = 1.8e5 * np.exp(-0.5 * 15.0 * squared)
        plus, sign = random.exponential(mean) ** 0.5, random.uniform(-0.1, 0.1)
        if group.operations().is_systematically_absent([h, k, m]):
            continue
        hkl.append((h, k, m))
        amplitudes.append(plus * (1.0 + sign))
        if h and k and m:
            hkl.append((-h, -k, -m))
            amplitudes.append(plus * (1.0 - sign))
    return nb.StructureFactors.from_reflections(hkl, amplitudes, space_group="P 21 21 21", cell=CELL)


def dials(*words, folder="."):
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, f"{words[0]}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
    return done.stdout


def figures(*files):
    return json.loads(dials(PYTHON, str(ROOT / "tests" / "dials" / "figures.py"), *files))


def turned_by(first, second):
    """Angle [deg] between the orientations of two A matrices."""
    u, _, v = np.linalg.svd(first @ np.linalg.inv(second))
    return np.degrees(2.0 * np.arcsin(min(np.linalg.norm(u @ v - np.eye(3)) / 8.0 ** 0.5, 1.0)))


def symmetric_angle(fitted, truth):
    """Angle [deg] between a fitted and the true A matrix of P 21 21 21, by the nearest of its proper rotations."""
    turns = [np.diag(signs) for signs in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))]
    return min(turned_by(np.reshape(fitted, (3, 3)), truth @ turn) for turn in turns)
