"""What does a campaign cost beside its kernels, its noise and its compression?  One JSON line a size of shot.

    python benchmarks/campaign.py [--edge N --steps N] [--shots N] [--rounds N] [--output FILE] [--table]

A campaign of one file: crystals of random orientation and cell in a beam of random fluence, on a list of 68921
structure factors, counted by a detector and packed with gzip.  Frames of the file are first compared with shots that
are made alone.  In every round the file is made in the way of a worker, with the kernels and the counting of photons
timed where they are called; the same frames are then packed by HDF5 in memory, less what it takes without a filter.
Overhead is all that is left, over these three: CPU time of one thread, and wall time where other programs left the
processor alone.
"""

import argparse
from contextlib import chdir, contextmanager
import os
import sys
import tempfile
import threading
import time

from measuring import QUIET, emit, quartiles, spent
import numpy as np

#: Pixels along an edge, mosaic domains (steps of a pixel), shots of the file, and the overhead that is allowed.
SIZES = ((256, 10, 200, 0.20), (1024, 50, 12, 0.05))

TEXT = """\
[campaign]
shots = {shots}
seed = 5
shots_per_file = {shots}

[structure]
file = "list.hkl"

[detector]
pixels = [{edge}, {edge}]
pixel_mm = {pixel_mm}
distance_mm = 100.0

[beam]
size_mm = 0.01

[crystal]
cell = [79, 79, 38, 90, 90, 90]
n_cells = 8
mosaic_spread_deg = 0.5
mosaic_domains = {steps}

[sampling]
oversample = 1

[vary.orientation]
distribution = "uniform"

[vary.cell_length_factor]
distribution = "uniform"
low = 0.99
high = 1.01

[vary.fluence_photons_per_m2]
distribution = "log-uniform"
low = 1e27
high = 1e28
"""


def write_description(edge, steps, shots):
    """Write a description and its list of structure factors into the current folder. Returns its name."""
    amplitudes = np.random.default_rng(1).uniform(10.0, 1000.0, (41, 41, 41))
    with open("list.hkl", "w", encoding="ascii") as file:
        for place, value in np.ndenumerate(amplitudes):
            file.write("{} {} {} {:.3f}\n".format(*(index - 20 for index in place), value))
    with open("set.toml", "w", encoding="utf-8") as file:
        file.write(TEXT.format(edge=edge, steps=steps, shots=shots, pixel_mm=25.6 / edge))
    return "set.toml"


class Timed:
    """Functions that are timed where they are called: CPU and wall time of each by name."""

    def __init__(self):
        self.cpu, self.wall = {}, {}

    @contextmanager
    def watching(self, **places):
        """Time functions, given as (owner, name), by the names they are told by."""
        before = {}
        for said, (owner, name) in places.items():
            before[said] = owner, name, getattr(owner, name)
            setattr(owner, name, self._timed(said, before[said][2]))
        try:
            yield self
        finally:
            for owner, name, function in before.values():
                setattr(owner, name, function)

    def _timed(self, said, function):
        self.cpu[said] = self.wall[said] = 0.0

        def call(*arguments, **more):
            cpu, wall = time.process_time(), time.perf_counter()
            try:
                return function(*arguments, **more)
            finally:
                self.cpu[said] += time.process_time() - cpu
                self.wall[said] += time.perf_counter() - wall

        return call


def in_a_thread(function):
    """What a function returns, called where a worker of Dask calls it."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def make_file(maker, tell_size=None):
    """Make the campaign's one file in a folder that is gone afterwards.

    Returns the time that it took, and its frames; `tell_size` is called with the bytes of what was written.
    """
    import h5py

    from numbragg.campaign.shard import names_of, write_shard

    with tempfile.TemporaryDirectory() as folder:
        taken = in_a_thread(lambda: spent(lambda: write_shard(maker, 0, folder, "benchmark"))[0])
        if tell_size is not None:
            tell_size(sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)))
        with h5py.File(os.path.join(folder, names_of(0)[0])) as file:
            return taken, file["entry/data/data"][:]


def packing(frames, compression):
    """CPU and wall time that HDF5 takes in memory for frames of a compression, less that without one."""
    import h5py

    from numbragg.io.hdf5_filters import filters

    taken = {}
    for name in (compression, "none"):
        cpu = wall = 0.0
        for frame in frames:
            with h5py.File("packing", "w", driver="core", backing_store=False) as file:
                data = file.create_dataset("data", (1, *frame.shape), frame.dtype, chunks=(1, *frame.shape),
                                           **filters(name))

                def put(data=data, file=file, frame=frame):
                    data[0] = frame
                    file.flush()

                one, _ = spent(put)
                cpu, wall = cpu + one.cpu, wall + one.wall
        taken[name] = cpu, wall
    return [with_it - without for with_it, without in zip(taken[compression], taken["none"])]


def check(maker, frames):
    """Stop where frames of the file are not the shots."""
    for number in range(0, len(frames), max(len(frames) // 5, 1)):
        if not np.array_equal(frames[number], maker.shot(number).images[0]):
            sys.exit(f"shot {number}: the file has other pixels than the shot that is made alone; not timed")


def maker_of(folder, edge, steps, shots):
    """What makes such shots by one thread, from files that are written into a folder."""
    from numbragg.campaign.shots import Maker

    with chdir(folder):
        return Maker(write_description(edge, steps, shots), threads=1)


def measure(edge, steps, shots, rounds):
    """One record."""
    from numbragg.campaign import shots as made_by
    from numbragg.render.backends import CPU

    with tempfile.TemporaryDirectory() as folder:
        maker = maker_of(folder, edge, steps, shots)
        _, frames = make_file(maker)
        check(maker, frames)
        done = []
        for _ in range(rounds):
            maker.spent = made_by.Spent()
            with Timed().watching(kernels=(CPU, "render_shot"), noise=(made_by, "count_panels")) as timed:
                whole, again = make_file(maker)
            if not np.array_equal(frames, again):
                sys.exit("the file was made once more, and has other pixels; not timed")
            cpu, wall = packing(frames, maker.description.output.compression)
            done.append({"whole": whole, "cpu": {**timed.cpu, "compression": cpu},
                         "wall": {**timed.wall, "compression": wall}})
    overhead = {clock: [getattr(one["whole"], clock) / sum(one[clock].values()) - 1.0 for one in done
                        if clock == "cpu" or one["whole"].others < QUIET] for clock in ("cpu", "wall")}
    return {"benchmark": "campaign overhead", "edge": edge, "steps": steps, "shots": shots,
            "shot_ms": [1e3 * t for t in quartiles([one["whole"].cpu / shots for one in done])],
            "parts_ms": {name: 1e3 * quartiles([one["cpu"][name] / shots for one in done])[1]
                         for name in ("kernels", "noise", "compression")},
            "overhead": quartiles(overhead["cpu"]), "overhead_wall": quartiles(overhead["wall"]),
            "frame_bytes": frames.nbytes // shots}


def _percent(values):
    return "-" if not values else f"{100.0 * values[1]:.1f} ({100.0 * values[0]:.1f}-{100.0 * values[2]:.1f})"


def table(records):
    """The records as a table of Markdown."""
    head = ("shot", "in all [ms]", "kernels [ms]", "noise [ms]", "compression [ms]", "overhead, CPU [%]",
            "overhead, wall [%]")
    rows = [(f"{each['edge']} x {each['edge']}, {each['steps']} steps", f"{each['shot_ms'][1]:.2f}",
             *(f"{each['parts_ms'][name]:.2f}" for name in ("kernels", "noise", "compression")),
             _percent(each["overhead"]), _percent(each["overhead_wall"])) for each in records]
    return markdown(head, rows)


def markdown(head, rows):
    """A table of Markdown."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows))


def main(argv=None):
    """Measure.

    Returns the exit status: 1 if an overhead is above what is allowed.
    """
    import warnings

    import numbragg as nb

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edge", type=int, help="one size only: pixels along an edge")
    parser.add_argument("--steps", type=int, default=10, help="its mosaic domains (default 10)")
    parser.add_argument("--shots", type=int, help="shots of the file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", help="append the JSON lines to this file")
    parser.add_argument("--table", action="store_true", help="print a table, too")
    chosen = parser.parse_args(argv)
    if min(chosen.rounds, chosen.steps, chosen.edge or 1, 1 if chosen.shots is None else chosen.shots) < 1:
        parser.error("--edge, --steps, --shots and --rounds must be 1 or more")
    # so few sub-pixels follow F^2 poorly
    warnings.simplefilter("ignore", nb.NumbraggWarning)
    records, status = [], 0
    for edge, steps, shots, allowed in SIZES if chosen.edge is None else ((chosen.edge, chosen.steps, 20, None),):
        record = {**measure(edge, steps, chosen.shots or shots, chosen.rounds), "allowed": allowed}
        records.append(emit(record, chosen.output))
        if allowed is not None and record["overhead"][1] > allowed:
            print(f"{edge} x {edge} pixels, {steps} steps: overhead {100 * record['overhead'][1]:.1f} %, and "
                  f"{100 * allowed:g} % are allowed", file=sys.stderr)
            status = 1
    if chosen.table:
        print(table(records))
    return status


if __name__ == "__main__":
    sys.exit(main())
