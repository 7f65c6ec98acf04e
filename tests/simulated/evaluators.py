"""Strict evaluator, lanes and simulated device on three scenes, with a copy of the package that changes.

    python tests/simulated/evaluators.py FOLDER

serves tests: each line of its input is a number of cells along an edge and whether the package in the folder is as it
was; each line of its output has the images. NumPy and Numba are loaded once, the package anew in a fork for every line.
"""

import json
import os
import sys
import traceback

from numba import cuda
import numpy as np

#: Reflections on these pixels, and what a changed rule makes of them, have indices within these.
LARGEST_INDEX = 15


def prefer(folder):
    """Load the package from a folder, also where an editable installation would come first."""
    sys.meta_path = [finder for finder in sys.meta_path if "Editable" not in getattr(finder, "__name__", "")]
    sys.path.insert(0, folder)


def scenes():
    """Factors taken once, at every step, and not at all: what is per step, sensor, polarisation, steps."""
    turning = dict(mosaic_spread_deg=0.5, mosaic_domains=2, phi_start_deg=1.0, oscillation_deg=1.0, phi_steps=2)
    sensor = dict(sensor_thickness_um=300.0, attenuation_depth_um=200.0)
    return (((), sensor, 0.9, turning), (("capture", "polarisation", "solid_angle"), sensor, 0.9, turning),
            ((), {}, None, {}))


def images(folder, n_cells, unchanged):
    """For each scene the images of strict evaluator, lanes and device, as text."""
    prefer(folder)
    # byte code of what changes would be taken for that of what comes after within a second
    sys.dont_write_bytecode |= not unchanged
    import numbragg as nb
    from numbragg.kernels.drive import cpu as driver_cpu
    from numbragg.kernels.drive.cuda import Session
    from numbragg.kernels.physics import lattice

    assert lattice.__file__.startswith(folder), lattice.__file__
    sources = [(-1.0, 0.0, 0.0, 1.0, 1.3e-10), (-1.0, 0.02, 0.01, 1.0, 1.5e-10)]
    edge = 2 * LARGEST_INDEX + 1
    table = nb.StructureFactors.from_array(np.random.default_rng(3).uniform(5.0, 90.0, (edge, edge, edge)),
                                           (-LARGEST_INDEX, -LARGEST_INDEX, -LARGEST_INDEX))
    evaluations = (driver_cpu.Modes(threads=1, lanes=False), driver_cpu.Modes(threads=1))
    found = []
    for each, sensor, polarised, crystal in scenes():
        detector = nb.Detector(pixels=(3, 2), pixel_mm=9.0, distance_mm=60.0, **sensor)
        beam = nb.Beam(sources=sources, d_min_angstrom=4.5, polarisation_fraction=polarised)
        prepared = nb.Simulator(detector, beam, table, sampling=nb.Sampling(
            oversample=2, per_step=each, interpolation=False)).prepare(
            nb.Crystal(cell=(50, 55, 60, 90, 90, 90), n_cells=n_cells, misset_deg=(10, 20, 30), **crystal))
        made = [np.zeros(prepared.shape, dtype=np.float32) for _ in range(3)]
        targets = [driver_cpu.Target(prepared.window, None, image) for image in made]
        for target, modes in zip(targets, evaluations):
            driver_cpu.render(prepared.scene, target, modes, interpolating=False)
        outcome, _ = Session().render(prepared.scene, targets[2], evaluations[1], interpolating=False)
        assert not unchanged or outcome.lane_pixels == 6
        found.append([image.tobytes().hex() for image in made])
    return found


def answer(folder, line):
    """The images that a line of input asks for, or what went wrong, as a line."""
    try:
        return json.dumps({"images": images(folder, *json.loads(line))})
    except BaseException:
        return json.dumps({"failure": traceback.format_exc()})


def main(folder):
    """Answer every line of the input in a child."""
    assert cuda.is_available() and "numbragg" not in sys.modules
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            print(answer(folder, line), flush=True)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1])
