"""Is work shared out evenly?  Times of one thread over those of all, with and without masked rows.

    python benchmarks/balance.py [--scene NAME] [--repeats N] [--output FILE]

Masks are made to leave rows of unequal work: the upper half of the image, or 60 % of the rows at random.
"""

import argparse
from pathlib import Path
import statistics
import sys
import tempfile

from measuring import emit, pair_ratios, spent
import numpy as np
from scenes import SCENES, load, write_inputs

#: Scenes from long to short.
DEFAULT = ("G", "C", "F", "E top-hat")


def masks(shape):
    """What is masked, by name: (slow, fast) uint8 arrays, 0 where it is."""
    half, rows = np.ones(shape, dtype=np.uint8), np.ones(shape, dtype=np.uint8)
    half[:shape[0] // 2] = 0
    rows[np.random.default_rng(1).random(shape[0]) < 0.6] = 0
    return {"whole": None, "upper half masked": half, "random rows masked": rows}


def measure(name, repeats, threads, pixels=None):
    """Time one scene; its record."""
    from numbragg.kernels.drive import cpu as driver_cpu

    scene, seconds, ratios = SCENES[name], {}, {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_inputs(scene, folder)
        p = load(scene, folder, pixels)
    for what, mask in masks(p.shape).items():
        images = {count: np.zeros(p.shape, dtype=np.float32) for count in (1, threads)}

        def timed(count):
            target = driver_cpu.Target(p.window, mask, images[count])
            return spent(lambda: driver_cpu.render(p.scene, target, driver_cpu.Modes(threads=count),
                                                   interpolating=p.interpolating))[0]

        for count in (1, threads):
            timed(count)
        times = [(timed(1), timed(threads)) for _ in range(repeats)]
        if images[1].tobytes() != images[threads].tobytes():
            raise SystemExit(f"scene {name}, {what}: {threads} threads give another image")
        seconds[what] = statistics.median(one.wall for one, _ in times)
        ratios[what] = pair_ratios(*zip(*times), "wall")
    return {"benchmark": "balance", "scene": name, "arguments": scene.arguments(pixels), "threads": threads,
            "seconds": seconds, "ratios": ratios}


def main(argv=None):
    """Run the command line; returns the exit status."""
    from numbragg.kernels.drive.crew import available_threads

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scene", action="append", choices=list(SCENES), help=f"may be repeated; default: {DEFAULT}")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=available_threads(), help="default: all processors")
    parser.add_argument("--pixels", type=int, help="shrink the detector, to try this script out")
    parser.add_argument("--output", help="append the JSON lines to this file")
    chosen = parser.parse_args(argv)
    for name in chosen.scene or DEFAULT:
        emit(measure(name, chosen.repeats, chosen.threads, chosen.pixels), chosen.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
