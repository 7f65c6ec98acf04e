"""How long until something happens?  A frame with all files and the demo, beside the import of numba; our own import.

    python benchmarks/startup.py [--runs 15] [--output FILE]

The frame is one step for each of 1024 x 1024 pixels, by the command line, with structure factors read
from a list and all five files of the C program written; the demo is `numbragg demo`, its picture included.  Kernels
were compiled and Python's code was kept before.  Programs run in turn, each in a new process; the ratio of each pair of
neighbours counts, of wall times where there are two on a quiet machine, else of CPU times.
"""

import argparse
from pathlib import Path
import statistics
import sys
import tempfile

from measuring import emit, pair_ratios, python_program, quartiles, run_program
from scenes import SCENES, write_inputs

FRAME = ("-hkl protein.hkl -cell 79.1 79.1 37.9 90 90 90 -misset 12 -41 63 -lambda 1 -distance 200 -pixel 0.172 "
         "-N 10 -oversample 1 -seed 1")
FILES = ("floatimage.bin", "intimage.img", "image.pgm", "noiseimage.img", "Fdump.bin")


def main(argv=None):
    """Run the command line.

    Returns the exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=15, help="runs of each program (default 15)")
    parser.add_argument("--pixels", type=int, default=1024, help="edge of the frame")
    parser.add_argument("--output", help="append the JSON line to this file")
    chosen = parser.parse_args(argv)
    programs = {
        "import numba": python_program("-c", "import numba"),
        "frame": python_program("-m", "numbragg", *FRAME.split(), "-detpixels", str(chosen.pixels)),
        "demo": python_program("-m", "numbragg", "demo"),
        "import numpy": python_program("-c", "import numpy"),
        "import numbragg": python_program("-c", "import numbragg"),
    }
    times = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as folder:
        write_inputs(SCENES["A"], Path(folder))
        # what Python compiles is kept, also where the environment says otherwise
        kept = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(Path(folder) / "python")}
        for command in programs.values():
            run_program(command, folder, kept)  # compiles what is not compiled
        absent = [name for name in FILES if not (Path(folder) / name).exists()]
        if absent:
            print(f"not written: {', '.join(absent)}", file=sys.stderr)
            return 1
        for _ in range(chosen.runs):
            for name, command in programs.items():
                times[name].append(run_program(command, folder, kept).spent)
    pairs = {"frame": ("frame", "import numba"), "demo": ("demo", "import numba"),
             "import": ("import numbragg", "import numpy")}
    quiet = all(len(pair_ratios(times[one], times[other], "wall")) > 1 for one, other in pairs.values())
    clock = "wall" if quiet else "cpu"
    emit({"benchmark": "startup", "pixels": chosen.pixels, "arguments": FRAME.split(), "clock": clock,
          "seconds": {name: statistics.median(getattr(t, clock) for t in values) for name, values in times.items()},
          "ratios": {name: quartiles(pair_ratios(times[one], times[other], clock))
                     for name, (one, other) in pairs.items()}},
         chosen.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
