"""How much memory does the command take?  Its largest resident set beside what is allowed.

    python benchmarks/memory.py [--pixels 4096] [--edge 200] [--output FILE]

Allowed are three float32 images, twice the table of structure factors and 250 MB.  The table comes
from the C program's dump or, in a second run, from a list with a line for each of its entries.
Exit status 1 if a run takes more.
"""

import argparse
import json
from pathlib import Path
import sys
import tempfile

from measuring import emit, python_program, run_program
from scenes import dump_box

ARGUMENTS = ("-cell 100 100 100 90 90 90 -lambda 1 -distance 200 -pixel 0.075 -N 10 -oversample 1 -seed 1 "
             "-noprogress --quiet").split()
ALLOWED_BESIDES = 250_000_000

#: Starts a program from a small process: Linux counts what the parent held when it forked.
LAUNCHER = """
import json, os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print()
print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024]))
"""


def peak(command, folder):
    """Largest resident set of a command [bytes]."""
    done = run_program(python_program("-S", "-c", LAUNCHER, *command), folder)
    code, size = json.loads(done.output.strip().splitlines()[-1])
    if code != 0:
        raise RuntimeError(done.output[-500:])
    return size


def write_list(box, path):
    """Write a table as a list of reflections."""
    low = box.minimum
    with open(path, "w", encoding="ascii") as file:
        for h, plane in enumerate(box.table[:-1, :-1, :-1]):
            file.writelines(f"{h + low[0]} {k + low[1]} {l + low[2]} {f:.2f}\n"
                            for k, row in enumerate(plane.tolist()) for l, f in enumerate(row))


def main(argv=None):
    """Run the command line.

    Returns the exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pixels", type=int, default=4096, help="edge of the image")
    parser.add_argument("--edge", type=int, default=200, help="edge of the table")
    parser.add_argument("--output", help="append the JSON lines to this file")
    chosen = parser.parse_args(argv)
    box = dump_box(chosen.edge)
    allowed = 3 * 4 * chosen.pixels ** 2 + 2 * box.table.nbytes + ALLOWED_BESIDES
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        with open(folder / "Fdump.bin", "wb") as file:
            box.write_dump(file)
        write_list(box, folder / "box.hkl")
        command = python_program("-m", "numbragg", *ARGUMENTS, "-detpixels", str(chosen.pixels))
        for source, words in (("dump", ["-default_F", "1"]), ("list", ["-hkl", "box.hkl"])):
            used = peak(command + words, folder)
            emit({"benchmark": "memory", "pixels": chosen.pixels, "table_bytes": box.table.nbytes, "source": source,
                  "peak_bytes": used, "allowed_bytes": allowed}, chosen.output)
            if used > allowed:
                print(f"{source}: {used / 1e6:.0f} MB, above {allowed / 1e6:.0f} MB", file=sys.stderr)
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
