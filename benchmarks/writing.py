"""How fast are files written?  Rates of each compression, the peak memory of large frames, a series beside its kernels.

    python benchmarks/writing.py [--runs 5] [--pixels 4096] [--output FILE]

Three measurements: the CPU time of `io.nxmx` for frames of counts that are in memory; the largest resident set of a
process that writes few such frames beside that of one that writes many; and a series of 100 frames of 512 x 512 in one
process beside the time of its kernels, its drawing of photons and its writing, each on its own.  Exit status 1 if a
series takes more than 1.2 times their sum, or uncompressed frames are written at less than 200 megapixels/s.
"""

import argparse
import os
from pathlib import Path
import statistics
import sys
import tempfile
import warnings

from measuring import emit, python_program, spent
from memory import peak
import numpy as np

import numbragg as nb
from numbragg.io.experiment import Series
from numbragg.io.hdf5_filters import COMPRESSIONS
from numbragg.io.nxmx import NexusWriter
from numbragg.results.counts import photons
from numbragg.results.experiment import describe

#: Writes frames of a square detector; prints nothing.
WRITE = """
import sys
sys.path.insert(0, sys.argv[4])
from writing import frames_of, written
frames = int(sys.argv[2])
written(frames_of(int(sys.argv[1])), frames, sys.argv[3], "frames.nxs")
"""


def scene(pixels, oversample, phi_steps):
    """A simulator and a crystal; water makes every pixel's mean more than nothing."""
    warnings.simplefilter("ignore", nb.NumbraggWarning)
    plane = nb.Detector(pixels=(pixels, pixels), pixel_mm=100.0 / pixels, distance_mm=100.0)
    simulator = nb.Simulator(plane, nb.Beam(fluence_photons_per_m2=1e26), 100.0, threads=1,
                             sampling=nb.Sampling(oversample=oversample))
    crystal = nb.Crystal(cell=(60, 70, 30, 90, 90, 90), n_cells=8, oscillation_deg=0.2, phi_steps=phi_steps,
                         water_size_um=2)
    return simulator, crystal


def frames_of(pixels):
    """What is written: the experiment, and counts of a mean of 1 with some spots."""
    simulator, crystal = scene(pixels, 1, 1)
    mean = np.ones((pixels, pixels), np.float32)
    mean[::40, ::40] = 3000.0
    return describe(simulator.prepare_shot((crystal,))), photons(mean, np.int32, seed=1)


def written(made, frames, compression, path):
    """Write one frame many times."""
    experiment, counts = made
    with NexusWriter(path, experiment, Series(frames, 0.2, (0.0,) * frames), np.int32,
                     compression=compression) as file:
        for frame in range(frames):
            file.write(frame, counts)
        file.finish()
    return os.path.getsize(path)


def rates(pixels, runs):
    """Of each compression megapixels a second of CPU time, of wall time, and bytes a pixel."""
    made, frames, found = frames_of(pixels), 4, {}
    for compression in COMPRESSIONS:
        times, size = [], 0
        for _ in range(runs):
            used, size = spent(lambda: written(made, frames, compression, "rate.nxs"))
            times.append(used)
        million = frames * pixels ** 2 / 1e6
        found[compression] = {"megapixels_per_cpu_second": [million / t.cpu for t in times],
                              "megapixels_per_second": [million / t.wall for t in times],
                              "bytes_per_pixel": size / (frames * pixels ** 2)}
    return found


def peaks(pixels, compression):
    """Largest resident set [bytes] of a process that writes 1 frame, and 8."""
    here = str(Path(__file__).resolve().parent)
    return {frames: peak(python_program("-c", WRITE, str(pixels), str(frames), compression, here), None)
            for frames in (1, 8)}


def series(runs):
    """CPU seconds of 100 frames with their file, and of what is needed for them: kernels, photons, writing."""
    simulator, crystal = scene(512, 2, 10)
    frames = nb.scan(simulator, crystal, 100)
    images = [frames.image(n) for n in range(3)]
    counts = photons(images[0], np.int32, seed=1)
    experiment = frames.experiment
    found = []
    for _ in range(runs):
        whole = spent(lambda: frames.write_nexus("series.nxs", compression="none"))[0]
        kernels = spent(lambda: [simulator.backend.render_shot(frames._prepared(n), simulator.evaluation)
                                 for n in range(100)])[0]
        drawing = spent(lambda: [photons(images[n % 3], np.int32, seed=1, frame=n) for n in range(100)])[0]
        writing = spent(lambda: written((experiment, counts), 100, "none", "alone.nxs"))[0]
        found.append({"whole": whole.cpu, "kernels": kernels.cpu, "photons": drawing.cpu, "writing": writing.cpu})
    return found


def main(argv=None):
    """Run the command line.

    Returns the exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=5, help="runs of each measurement (default 5)")
    parser.add_argument("--pixels", type=int, default=4096, help="edge of the large frames")
    parser.add_argument("--output", help="append the JSON lines to this file")
    chosen = parser.parse_args(argv)
    output = chosen.output and str(Path(chosen.output).resolve())
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        speeds = rates(chosen.pixels, chosen.runs)
        largest = peaks(chosen.pixels, "none"), peaks(chosen.pixels, "gzip")
        times = series(chosen.runs)
        os.chdir("/")
    ratios = [t["whole"] / (t["kernels"] + t["photons"] + t["writing"]) for t in times]
    emit({"benchmark": "writing", "pixels": chosen.pixels, "rates": speeds,
          "peak_bytes": dict(zip(("none", "gzip"), largest)), "series": times, "ratios": ratios}, output)
    slow = statistics.median(speeds["none"]["megapixels_per_cpu_second"]) < 200.0
    return 1 if slow or statistics.median(ratios) > 1.2 else 0


if __name__ == "__main__":
    sys.exit(main())
