"""What does it save to leave out terms that cannot reach a float32?  Plain lanes against culled ones, in pairs.

    python benchmarks/culling.py                     all scenes, one thread
    python benchmarks/culling.py --scene "gauss 20" --pairs 9 --output FILE

A protein cell (79 x 79 x 38 A) at 1 A, pixels of 0.1 mm at 100 mm, 100 domains over 0.3 degrees, spots of
both metrics; scenes in which nothing can be left out; and parallelepipeds of which many structure factors are
0: centred lists of a small molecule (8 x 11 x 15 A) with pixels of 0.05 and of 0.1 mm, of the protein with
usual and with fine pixels, half a list and the whole of it.  Before it is timed each scene's images are
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

#: Name: reflections that are listed, whether of the small molecule, pixels [mm], distance [mm].
ZEROS = {
    "molecule, C": ("C", True, 0.05, 100.0), "molecule, F": ("F", True, 0.05, 100.0),
    "molecule, C, usual pixels": ("C", True, 0.1, 100.0), "molecule, F, usual pixels": ("F", True, 0.1, 100.0),
    "molecule, I, usual pixels": ("I", True, 0.1, 100.0),
    "protein, C, fine pixels": ("C", False, 0.02, 200.0), "protein, F, fine pixels": ("F", False, 0.02, 200.0),
    "protein, half": ("half", False, 0.1, 100.0), "protein, C": ("C", False, 0.1, 100.0),
    "protein, I": ("I", False, 0.1, 100.0), "protein, all": ("all", False, 0.1, 100.0),
}
_MOLECULE = (8.0, 11.0, 15.0, 90.0, 100.0, 90.0)


def _factors(listed="all", reach=(50, 50, 30)):
    h, k, l = (each.ravel() for each in np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"))
    f = np.random.default_rng(1).exponential(100.0, h.size)
    kept = {"all": h == h, "C": (h + k) % 2 == 0, "I": (h + k + l) % 2 == 0,
            "F": ((h + k) % 2 == 0) & ((h + l) % 2 == 0), "half": l >= 0}[listed]
    return nb.StructureFactors.from_reflections(np.stack([h, k, l], axis=1)[kept], f[kept], default=0.0)


def _prepared_zeros(name, pixels, domains):
    listed, small, pixel_mm, distance_mm = ZEROS[name]
    crystal = nb.Crystal(cell=_MOLECULE if small else _CELL, misset_deg=(10, 20, 30), n_cells=(10, 10, 10),
                         mosaic_spread_deg=0.3, mosaic_domains=domains)
    factors = _factors(listed, (12, 14, 16) if small else (50, 50, 30))
    simulator = nb.Simulator(nb.Detector(pixels=(pixels, pixels), pixel_mm=pixel_mm, distance_mm=distance_mm),
                             nb.Beam(wavelength_angstrom=1.0), factors, sampling=nb.Sampling(oversample=1))
    return simulator.prepare(crystal)


def prepared_scene(name, factors, pixels, domains):
    """One of the scenes, ready to be rendered."""
    if name in ZEROS:
        return _prepared_zeros(name, pixels, domains)
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
    parser.add_argument("--scene", action="append", choices=[*SCENES, *ZEROS])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--pixels", type=int, default=512)
    parser.add_argument("--domains", type=int, default=100)
    parser.add_argument("--output")
    asked = parser.parse_args()
    factors, wrong = _factors(), False
    for name in asked.scene or [*SCENES, *ZEROS]:
        prepared = prepared_scene(name, factors, asked.pixels, asked.domains)
        ways, steps = _Ways(prepared), asked.pixels ** 2 * asked.domains
        plain, _, _ = ways.run(_NEVER)
        culled, outcome, _ = ways.run(1)
        same = plain.tobytes() == culled.tobytes()
        wrong |= not same
        pairs = [(ways.run(_NEVER)[2], ways.run(1)[2]) for _ in range(asked.pairs)]
        # what lanes pass over is not counted
        counted = {} if name in ZEROS else {"left_out": outcome.left_out / steps}
        emit({"benchmark": "culling", "scene": name, "same_bits": same, "steps": steps, **counted,
              "plain_ns": statistics.median(a for a, _ in pairs) / steps * 1e9,
              "culled_ns": statistics.median(b for _, b in pairs) / steps * 1e9,
              "ratio": quartiles([a / b for a, b in pairs])}, asked.output)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
