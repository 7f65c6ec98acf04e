"""How long does a list of structure factors take to read?  330,000 lines, beside the C program.

    NB_C_BIN=... python benchmarks/read_hkl.py [--lines 330000] [--pairs 7] [--output FILE]

Reading means: from the file to the filled table.  The C program cannot be asked for that alone, so its time is the
difference of two runs that compute one pixel: of the list, and of its two corners, which make a
table (and a dump) of the same size.  The same difference is taken of ours: in one process, with the
reader compiled; and as commands, each in a new process.  The tables are compared first.
"""

import argparse
from pathlib import Path
import statistics
import sys
import tempfile

from measuring import c_binary, c_facts, emit, pair_ratios, python_program, quartiles, run_program, spent
import numpy as np

ARGUMENTS = ("-cell 79.1 79.1 37.9 90 90 90 -lambda 1 -distance 200 -detpixels 16 -pixel 0.172 -N 5 -oversample 1 "
             "-roi 0 0 0 0 -nonoise -nopgm -noprogress").split()


def write_lists(folder, lines):
    """Write all.hkl, with so many lines, and corners.hkl, with the extreme indices alone."""
    edge = int(np.ceil((lines / 2) ** (1 / 3)))
    limits = (edge, edge, 2 * edge)
    axes = [np.arange(n) - n // 2 for n in limits]
    indices = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    random = np.random.RandomState(5)
    keep = np.r_[0, len(indices) - 1, 1 + random.permutation(len(indices) - 2)[:lines - 2]]
    keep.sort()
    amplitudes = random.random_sample(len(keep)) * 1000.0
    rows = [f"{h:4d} {k:4d} {l:4d} {f:10.2f}\n" for (h, k, l), f in zip(indices[keep].tolist(), amplitudes.tolist())]
    (folder / "all.hkl").write_text("".join(rows), encoding="ascii")
    (folder / "corners.hkl").write_text(rows[0] + rows[-1], encoding="ascii")
    return len(rows)


def read(path):
    """Read a list with numbragg."""
    from numbragg import StructureFactors

    return StructureFactors.from_file(path, 0.0)


def in_process(folder):
    """Our time in this process, the reader compiled."""
    return spent(lambda: read(folder / "all.hkl"))[0] - spent(lambda: read(folder / "corners.hkl"))[0]


def as_command(program, folder, dump):
    """Time of a command's reading, in a new process; its dump is kept under another name."""
    name = {"OMP_NUM_THREADS": "1"}
    whole = run_program([*program, "-hkl", "all.hkl", *ARGUMENTS], folder, name)
    (folder / "Fdump.bin").replace(folder / dump)
    return whole.spent - run_program([*program, "-hkl", "corners.hkl", *ARGUMENTS], folder, name).spent


def main(argv=None):
    """Run the command line.

    Returns the exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lines", type=int, default=330_000)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--output", help="append the JSON line to this file")
    chosen = parser.parse_args(argv)
    path, ours = c_binary(), python_program("-m", "numbragg", "--quiet")
    times = {"process": [], "command": [], "c": []}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        lines = write_lists(folder, chosen.lines)
        as_command(ours, folder, "ours.bin")
        in_process(folder)
        if path is not None:
            as_command([path], folder, "c.bin")
            if (folder / "ours.bin").read_bytes() != (folder / "c.bin").read_bytes():
                print("the tables differ; not timed", file=sys.stderr)
                return 1
        for _ in range(chosen.pairs):
            if path is not None:
                times["c"].append(as_command([path], folder, "c.bin"))
            times["process"].append(in_process(folder))
            times["command"].append(as_command(ours, folder, "ours.bin"))
    found = {f"c_over_{name}": quartiles(pair_ratios(times["c"], times[name]))
             for name in ("process", "command") if times["c"]}
    emit({"benchmark": "read_hkl", "lines": lines,
          "seconds": {name: statistics.median(t.cpu for t in values) for name, values in times.items() if values},
          "ratios": found, "c": None if path is None else c_facts(path)}, chosen.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
