"""A still on a detector of many tilted panels, as the CSPAD has them: DIALS indexes it with the known cell."""

import json

from dials_tools import CELL, KNOWN, NEEDS_DIALS, PYTHON, dials, factors, symmetric_angle
import numpy as np
import pytest

import numbragg as nb
from numbragg.results.counts import photons
from numbragg.results.experiment import describe

pytestmark = NEEDS_DIALS

#: Prints cells, A matrices and the spots that were indexed.
REPORT = """
import json
from dials.array_family import flex
from dxtbx.model.experiment_list import ExperimentListFactory
found = ExperimentListFactory.from_json_file("indexed.expt", check_format=False)
table = flex.reflection_table.from_file("indexed.refl")
print(json.dumps({"cells": [e.crystal.get_unit_cell().parameters() for e in found],
                  "a": [e.crystal.get_A() for e in found], "panels": len(found[0].detector), "strong": len(table),
                  "indexed": table.get_flags(table.flags.indexed).count(True),
                  "lit": len(set(table["panel"]))}))
"""


def turned(vector, degrees):
    """Turned about z, and tilted a little as mounted panels are."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    x, y, z = vector
    return np.array([c * x - s * y, s * x + c * y, z])


def cspad():
    """Four quadrants of 4 x 4 panels of 194 x 185 pixels, turned by right angles, no two panels alike."""
    random, panels = np.random.RandomState(11), []
    for quadrant in range(4):
        for row in range(4):
            for column in range(4):
                corner = np.array([4.0 + column * 22.0, -3.0 + row * 21.0, 90.0]) + random.uniform(-0.2, 0.2, 3)
                turn = 90.0 * quadrant + random.uniform(-0.5, 0.5)
                # at right angles to one another, and up to some milliradians out of the plane
                fast = np.array([1.0, 0.0, random.uniform(-0.004, 0.004)])
                slow = np.cross(np.array([random.uniform(-0.004, 0.004), 0.0, 1.0]), fast)
                slow -= fast * (slow @ fast) / (fast @ fast)
                axes = [turned(axis, turn) * 0.11 / np.linalg.norm(axis) for axis in (fast, slow)]
                panels.append(nb.Panel(pixels=(194, 185), origin_mm=tuple(turned(corner, turn)),
                                       fast_mm=tuple(axes[0]), slow_mm=tuple(axes[1])))
    return nb.Detector(panels=panels, convention="adxv")


def test_cspad_still(folder):
    crystal = nb.Crystal(cell=CELL, n_cells=(16, 14, 32), shape="gauss", spot_metric="hkl", misset_deg=(15, 25, 35),
                         water_size_um=1)
    simulator = nb.Simulator(cspad(), nb.Beam(wavelength_angstrom=1.3, fluence_photons_per_m2=5e26), factors(),
                             sampling=nb.Sampling(oversample=2))
    result = simulator.run(crystal)
    counts = [photons(image, np.int32, seed=4, panel=number) for number, image in enumerate(result.image)]
    nb.write_nexus("a.nxs", result, counts)
    dials("dials.import", "a.nxs")
    dials("dials.find_spots", "imported.expt", "nproc=1", "min_spot_size=2")
    # Debian's DIALS lacks the module by which its indexer of stills ends with a fit of mosaicity
    dials("dials.index", "imported.expt", "strong.refl", "stills.indexer=sequences",
          "method=real_space_grid_search", "detector.fix=all", "beam.fix=all", *KNOWN)
    found = json.loads(dials(PYTHON, "-c", REPORT))
    print(found)
    assert found["panels"] == 64 and found["lit"] > 40
    assert found["strong"] > 200 and found["indexed"] >= 0.95 * found["strong"]
    (cell,), (matrix,) = found["cells"], found["a"]
    assert cell == pytest.approx(CELL, rel=1e-3)
    truth = np.diag((-1.0, 1.0, -1.0)) @ describe(result.prepared).crystals[0].a_matrix
    assert symmetric_angle(matrix, truth) < 0.05
