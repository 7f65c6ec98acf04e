"""How long does a kernel take to compile?  The strict one and every variant of the lanes, each from nothing.

    python benchmarks/compile_time.py [--variant NAME] [--output FILE]

Each variant is compiled in a new process with an empty cache folder.  A second process with the same
folder shows what loading it takes.  Times are of the compilation of the one kernel, with all that is
inlined into it; what else a first run compiles is not in it.
"""

import argparse
import json
import os
from pathlib import Path
import sys
import tempfile
import time

from measuring import emit, python_program, run_program
import numpy as np

#: Options that lead to each kernel; `strict` stands for the strict evaluator.
_SHAPES = {"square": "-N 5", "round": "-N 5 -round_xtal", "gauss": "-N 5 -gauss_xtal", "top-hat": "-N 5 -tophat_spots",
           "one cell": "-N 1", "square, large indices": "-N 1000"}
_EXACT = {f"{shape}, {how}": f"{options} {flag}" for shape, options in _SHAPES.items()
          for how, flag in (("nearest", "-nointerpolate"), ("tricubic", "-interpolate"))}
_OTHERS = {f"{name}, {precision}": f"{options} {words}" for name, options in _EXACT.items()
           # the shorter reduction of arguments is the exact precision's own
           if not name.startswith("square, large")
           for precision, words in (("compensated", "--precision compensated"), ("single", "--precision single"),
                                    ("single, Kahan", "--precision single --summation kahan"))}
VARIANTS = {"strict": "-N 5", **_EXACT, **_OTHERS}
_COMMON = "-cell 50 60 70 80 85 95 -lambda 1 -distance 100 -pixel 0.1 -detpixels 8 -oversample 1"


def compile_one(name):
    """Use one kernel in this process: seconds of compilation by kernel, and of the first and second use."""
    from numba.core import event

    from numbragg import StructureFactors
    from numbragg.command_line.parse import parse
    from numbragg.configs.run_options import Evaluation
    from numbragg.kernels.drive import cpu as driver_cpu
    from numbragg.kernels.physics.records import Window
    from numbragg.scene.prepare import prepare

    line = parse((_COMMON + " -default_F 1 " + VARIANTS[name]).split())
    factors = StructureFactors.from_array(np.ones((41, 41, 41)), (-20, -20, -20), 1.0)
    prepared = prepare(line.draft.freeze(), factors)
    modes = Evaluation(line.precision, line.summation).modes
    image = np.zeros(prepared.shape, dtype=np.float32)
    compiled, started = {}, {}

    class Watch(event.Listener):
        """Keeps the time of each kernel's compilation."""

        def on_start(self, event):
            """A compilation begins."""
            started[id(event.data["dispatcher"])] = time.process_time()

        def on_end(self, event):
            """A compilation ends."""
            dispatcher = event.data["dispatcher"]
            compiled[dispatcher.py_func.__name__] = time.process_time() - started[id(dispatcher)]

    def use():
        start = time.process_time()
        outcome = driver_cpu.render(prepared.scene, driver_cpu.Target(Window(0, 7, 0, 0), prepared.mask, image),
                                    modes._replace(threads=1, lanes=name != "strict"),
                                    interpolating=prepared.interpolating)
        return time.process_time() - start, outcome

    watch = Watch()
    event.register("numba:compile", watch)
    first, outcome = use()
    event.unregister("numba:compile", watch)
    return {"compiled": compiled, "first": first, "second": use()[0], "reasons": outcome.reasons}


def in_new_process(name, cache):
    """`compile_one` in a process of its own."""
    words = python_program(str(Path(__file__).resolve()), "--variant", name, "--inside")
    return json.loads(run_program(words, environment={"NUMBRAGG_CACHE_DIR": str(cache)}).output.splitlines()[-1])


def main(argv=None):
    """Run the command line.

    Returns the exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--variant", action="append", choices=list(VARIANTS), help="may be repeated; default: all")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--output", help="append the JSON lines to this file")
    chosen = parser.parse_args(argv)
    names = chosen.variant or list(VARIANTS)
    if chosen.inside:
        print(json.dumps(compile_one(names[0])))
        return 0
    for name in names:
        kernel = "strict_pixels" if name == "strict" else "lane_pixels"
        with tempfile.TemporaryDirectory() as cache:
            cold, warm = in_new_process(name, cache), in_new_process(name, cache)
            size = sum(os.path.getsize(path) for path in Path(cache).rglob(f"*{kernel}*.nbc"))
        if kernel not in cold["compiled"]:
            print(f"{name}: no such kernel was compiled: {cold}", file=sys.stderr)
            return 1
        emit({"benchmark": "compile_time", "variant": name, "variants": len(VARIANTS),
              "seconds": cold["compiled"][kernel], "load_seconds": warm["first"] - warm["second"],
              "kept": kernel not in warm["compiled"], "bytes": size}, chosen.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
