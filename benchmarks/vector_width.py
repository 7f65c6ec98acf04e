"""What do vectors of 512 bits give?  The same kernels with 512 and with 256 bits, in turn, on one core.

    python benchmarks/vector_width.py                    all scenes of speed.py, exact and single
    python benchmarks/vector_width.py --scene A --pairs 9 --output FILE
    python benchmarks/vector_width.py --baseline ROOT    another checkout in turn with this one
    python benchmarks/vector_width.py --table            end with the table of docs/benchmarks.md

Each scene has two processes that stay, on the same core: one with kernels as they are, one that is told to keep to
256 bits (`NUMBA_CPU_FEATURES`); and two more of another checkout, whatever width it would choose.  Their images must
have the same bits; then they take turns, --pairs times.  One JSON line a scene and precision.  Exit status 1 if an
image differs, 2 where kernels have no vectors of 512 bits.
"""

import argparse
from concurrent.futures import ThreadPoolExecutor
import hashlib
import json
import os
from pathlib import Path
import subprocess
import sys
import tempfile

from make_table import width_table
from measuring import emit, python_program, spent
import numpy as np
from published_scene import root_of, use
from scenes import SCENES, load, write_inputs

PRECISIONS = ("exact", "single")
#: Steps of an image that is timed at once; of longer ones a band of rows is.
MOST_STEPS = 60_000_000


def ways(baseline=None):
    """Environment and checkout of each way, by the bits of its vectors; None where there is one width only."""
    from numba.core.registry import cpu_target

    from numbragg.kernels.compile.compilation import is_wide

    if not is_wide():
        return None
    features = cpu_target.target_context.codegen().magic_tuple()[2]
    told = {bits: {"NUMBA_CPU_FEATURES": f"{features},{sign}prefer-256-bit"}
            for bits, sign in (("512", "-"), ("256", "+"))}
    found = {"512": ({}, None), "256": (told["256"], None)}
    return found if baseline is None else found | {f"before, {bits}": (each, baseline) for bits, each in told.items()}


# -- the process of a way


def work(name, precision, pixels, core, root):
    """Say what bits the image has, then time it whenever a line comes."""
    if root is not None:
        use(root)
    from speed import Ours

    if core is not None:
        os.sched_setaffinity(0, {core})
    with tempfile.TemporaryDirectory() as folder:
        write_inputs(SCENES[name], Path(folder))
        ours = Ours(load(SCENES[name], Path(folder), pixels), 1)
    outcome = ours.render(precision=precision)
    slow, fast = ours.image.shape
    steps = ours.prepared.steps
    rows = min(slow, max(1, MOST_STEPS // (fast * steps)))
    first = (slow - rows) // 2
    band = (0, fast - 1, first, first + rows - 1)
    print(json.dumps({"sha256": hashlib.sha256(ours.image.tobytes()).hexdigest(), "steps": fast * rows * steps,
                      "lane_fraction": outcome.lane_pixels / max(1, outcome.pixels)}), flush=True)
    spare = np.zeros_like(ours.image)
    for _ in sys.stdin:
        print(spent(lambda: ours.render(window=band, precision=precision, image=spare))[0].cpu, flush=True)


class Way:
    """A process that times one way of computing a scene when it is asked to."""

    def __init__(self, way, name, precision, pixels, core=None):
        environment, root = way
        job = json.dumps([name, precision, pixels, core, root])
        words = python_program(str(Path(__file__).resolve()), "--work", job)
        # another checkout stays as it is
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | environment
        self._process = subprocess.Popen(words, env=environment, stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)
        self.said = None

    def ready(self):
        """Wait until it has computed its image."""
        if self.said is None:
            self.said = json.loads(self._line())
        return self

    def seconds(self):
        """CPU seconds of the band once more."""
        # a process that has died cannot be asked, and its answer tells so
        if self._process.poll() is None:
            print(file=self._process.stdin, flush=True)
        return float(self._line())

    def close(self):
        """End it."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _line(self):
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"a process ended with status {self._process.wait()}")
        return line


# -- what asks them


def compiled(asked, found, pixels):
    """Have all kernels compiled and kept, as many at a time as there are cores."""
    def once(job):
        name, precision, way = job
        Way(way, name, precision, pixels).ready().close()

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(once, [(*each, way) for each in asked for way in found.values()]))


def measure(name, precision, pairs, found, pixels=None):
    """Check and time one scene.

    Returns its record.
    """
    core = max(os.sched_getaffinity(0))
    all_ = {bits: Way(way, name, precision, pixels, core) for bits, way in found.items()}
    try:
        said = [way.ready().said for way in all_.values()]
        record = {"benchmark": "vector width", "scene": name, "what": SCENES[name].what, "precision": precision,
                  "steps": said[0]["steps"], "lane_fraction": said[0]["lane_fraction"],
                  "same_bits": len({each["sha256"] for each in said}) == 1}
        if record["same_bits"]:
            taken = {bits: [] for bits in all_}
            for number in range(pairs + 1):
                # neither is always the first
                for bits in list(all_)[::-1] if number % 2 else all_:
                    taken[bits].append(all_[bits].seconds())
            # the first round wakes the core
            record["ns_per_step"] = {bits: [1e9 * t / record["steps"] for t in times[1:]]
                                     for bits, times in taken.items()}
        return record
    finally:
        for way in all_.values():
            way.close()


def main(argv=None):
    """Run the command line.

    Returns the exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scene", action="append", choices=list(SCENES), help="may be repeated; default: all")
    parser.add_argument("--precision", action="append", choices=PRECISIONS, help="may be repeated; default: both")
    parser.add_argument("--pairs", type=int, default=7, help="measurements of each (default 7)")
    parser.add_argument("--pixels", type=int, help="shrink the detector, to try this script out")
    parser.add_argument("--baseline", metavar="ROOT", help="root of another checkout, run with this Python in turn")
    parser.add_argument("--same", action="store_true", help="both as they are: how well equal times agree")
    parser.add_argument("--output", help="append the JSON lines to this file")
    parser.add_argument("--table", action="store_true", help="end with the table in Markdown")
    parser.add_argument("--work", type=json.loads, help=argparse.SUPPRESS)
    chosen = parser.parse_args(argv)
    if chosen.work is not None:
        work(*chosen.work)
        return 0
    baseline = root_of(chosen.baseline, parser)
    found = {bits: ({}, None) for bits in ("512", "256")} if chosen.same else ways(baseline)
    if chosen.same and baseline is not None:
        found |= {f"before, {bits}": ({}, baseline) for bits in ("512", "256")}
    if found is None:
        print("kernels have no vectors of 512 bits on this processor, or by NUMBA_CPU_*", file=sys.stderr)
        return 2
    asked = [(name, precision) for name in chosen.scene or SCENES for precision in chosen.precision or PRECISIONS]
    compiled(asked, found, chosen.pixels)
    records = [emit(measure(*each, chosen.pairs, found, chosen.pixels), chosen.output) for each in asked]
    if chosen.table:
        print(width_table(records))
    return int(not all(record["same_bits"] for record in records))


if __name__ == "__main__":
    sys.exit(main())
