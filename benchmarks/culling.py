"""What does it save to leave out terms that cannot reach a float32?  Plain lanes against culled ones, in pairs.

    python benchmarks/culling.py                     all scenes, one thread
    python benchmarks/culling.py --scene "gauss 20" --pairs 9 --output FILE

A protein cell (79 x 79 x 38 A) at 1 A, pixels of 0.1 mm at 100 mm, 100 domains over 0.3 degrees, spots of
both metrics; and scenes in which nothing can be left out.  Before it is timed each scene's images are
compared: every pixel must have the same bits.  Then both are timed in turn, --pairs times, by the
processor's time of the evaluators alone.  One JSON line per scene.  Exit status 1 if an image differs.
"""

import argparse
import statistics
import sys
import time

from measuring import emit, quartiles
import numpy as np

import numbragg as nb
from numbragg.kernels.drive import cpu
from numbragg.kernels.drive.tables import Made

_CELL = (79.0, 79.0, 38.0, 90.0, 90.0, 90.0)
#: No image has so many steps.
_NEVER = 1 << 62


def _fudge(n):
    """The fudge factor that gives spots of the C program's metric the volume of those of so many cells an edge."""
    return 1.0 / (n ** 4 * (_CELL[0] * _CELL[1] * _CELL[2]) ** (-2.0 / 3.0))


#: Name: shape, cells an edge, metric.
SCENES = {
    "gauss 20": ("gauss", 20, "hkl"), "gauss 20, C": ("gauss", 20, None),
    "gauss 60": ("gauss", 60, "hkl"), "gauss 60, C": ("gauss", 60, None),
    "top-hat 20": ("tophat", 20, "hkl"), "top-hat 20, C": ("tophat", 20, None),
    "gauss 7": ("gauss", 7, "hkl"), "gauss 7, C": ("gauss", 7, None),
}


def _factors():
    h, k, l = np.meshgrid(np.arange(-50, 51), np.arange(-50, 51), np.arange(-30, 31), indexing="ij")
    f = np.random.default_rng(1).exponential(100.0, h.size)
    return nb.StructureFactors.from_reflections(np.stack([h.ravel(), k.ravel(), l.ravel()], axis=1), f, default=0.0)


def prepared_scene(name, factors, pixels, domains):
    """One of the scenes, ready to be rendered."""
    shape, n, metric = SCENES[name]
    own = {"spot_metric": metric} if metric else {"fudge": _fudge(n)}
    crystal = nb.Crystal(cell=_CELL, misset_deg=(10, 20, 30), n_cells=(n, n, n), mosaic_spread_deg=0.3,
                         mosaic_domains=domains, shape=shape, **own)
    simulator = nb.Simulator(nb.Detector(pixels=(pixels, pixels), pixel_mm=0.1, distance_mm=100.0),
                             nb.Beam(wavelength_angstrom=1.0), factors, sampling=nb.Sampling(oversample=1))
    return simulator.prepare(crystal)


class _Ways:
    """One scene with and without culling, its tables made once."""

    def __init__(self, prepared):
        self.prepared, self.made = prepared, Made()

    def run(self, culled):
        """Image, outcome and seconds of the evaluators."""
        image = np.zeros(self.prepared.shape, dtype=np.float32)
        target, modes = cpu.Target(self.prepared.window, None, image), cpu.Modes(threads=1, culled=culled)
        plan = cpu.planned(self.prepared.scene, modes)
        evaluator = cpu.Evaluator(self.prepared.scene, plan, target, modes, self.made)
        start = time.thread_time()
        outcome = cpu.render_in_order(evaluator, False)
        return image, outcome, time.thread_time() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scene", action="append", choices=SCENES)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--pixels", type=int, default=512)
    parser.add_argument("--domains", type=int, default=100)
    parser.add_argument("--output")
    asked = parser.parse_args()
    factors, wrong = _factors(), False
    for name in asked.scene or SCENES:
        prepared = prepared_scene(name, factors, asked.pixels, asked.domains)
        ways, steps = _Ways(prepared), asked.pixels ** 2 * asked.domains
        plain, _, _ = ways.run(_NEVER)
        culled, outcome, _ = ways.run(1)
        same = plain.tobytes() == culled.tobytes()
        wrong |= not same
        pairs = [(ways.run(_NEVER)[2], ways.run(1)[2]) for _ in range(asked.pairs)]
        emit({"scene": name, "same_bits": same, "steps": steps, "left_out": outcome.left_out / steps,
              "plain_ns": statistics.median(a for a, _ in pairs) / steps * 1e9,
              "culled_ns": statistics.median(b for _, b in pairs) / steps * 1e9,
              "ratio": quartiles([a / b for a, b in pairs])}, asked.output)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
