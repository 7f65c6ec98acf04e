"""How long until something happens?  A frame with all files, beside the import of numba; our import beside numpy's.

    python benchmarks/startup.py [--runs 15] [--output FILE]

The frame is one step for each of 1024 x 1024 pixels, by the command line, with structure factors read
from a list and all five files of the C program written; kernels were compiled before.  Programs run
in turn, each in a new process; the ratio of each pair of neighbours counts.
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
        "import numpy": python_program("-c", "import numpy"),
        "import numbragg": python_program("-c", "import numbragg"),
    }
    times = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as folder:
        write_inputs(SCENES["A"], Path(folder))
        run_program(programs["frame"], folder)  # compiles what is not compiled
        absent = [name for name in FILES if not (Path(folder) / name).exists()]
        if absent:
            print(f"not written: {', '.join(absent)}", file=sys.stderr)
            return 1
        for _ in range(chosen.runs):
            for name, command in programs.items():
                times[name].append(run_program(command, folder).spent)
    emit({"benchmark": "startup", "pixels": chosen.pixels, "arguments": FRAME.split(),
          "seconds": {name: statistics.median(t.wall for t in values) for name, values in times.items()},
          "ratios": {"frame": quartiles(pair_ratios(times["frame"], times["import numba"], "wall")),
                     "import": quartiles(pair_ratios(times["import numbragg"], times["import numpy"], "wall"))}},
         chosen.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
