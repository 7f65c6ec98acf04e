"""What do many small shots cost beside their steps, and do two threads halve it?  One JSON line a size of shot.

    python benchmarks/small_shots.py [--shots N] [--repeats N] [--output FILE] [--table]

Shots of one detector and beam, each a crystal of another orientation.  Images of `Simulator.images`, by one thread and
by two, are first compared with those of `Simulator.run`, each of a simulator of its own.  In every round all ways
follow each other: the kernels alone, everything prepared; preparation alone; images one by one; `images` by one
thread and by two.  Overhead is CPU time over that of the kernels, less 1.
"""

import argparse
import sys
import warnings

from measuring import emit, pair_ratios, quartiles, spent
import numpy as np

#: Pixels along an edge, and mosaic domains: steps of a pixel.
SIZES = ((256, 10), (256, 1), (128, 10), (512, 10))


def simulator(edge, threads):
    """Shots of a protein crystal's list of structure factors, 68921 of them."""
    import numbragg as nb

    table = np.random.default_rng(1).uniform(10.0, 1000.0, (41, 41, 41))
    return nb.Simulator(nb.Detector(pixels=(edge, edge), pixel_mm=25.6 / edge, distance_mm=100.0), nb.Beam(),
                        nb.StructureFactors.from_array(table, (-20, -20, -20)), sampling=nb.Sampling(oversample=1),
                        threads=threads)


def crystals(number, domains):
    """As many orientations."""
    import numbragg as nb

    mosaic = {"mosaic_spread_deg": 0.5, "mosaic_domains": domains} if domains > 1 else {}
    return [nb.Crystal(cell=(79, 79, 38, 90, 90, 90), n_cells=8, u_matrix=turn, **mosaic)
            for turn in nb.random_rotations(number, seed=1)]


def kernels_alone(shots, modes):
    """What is left of shots when all that comes before their kernels is done: a function that runs these."""
    from numbragg.kernels.drive import cpu as driver_cpu
    from numbragg.kernels.drive.order import _Begun

    begun = []
    for (prepared,), in shots:
        target = driver_cpu.Target(prepared.window, None, np.zeros(prepared.shape, np.float32))
        how = driver_cpu.planned(prepared.scene, modes)
        evaluator = driver_cpu.Evaluator(prepared.scene, how, target, modes)
        # written to once, as memory is that a program has had before
        evaluator.image.fill(0.0)
        begun.append(_Begun(evaluator, prepared.interpolating, None))

    def run():
        for each in begun:
            for chunk in each.chunks:
                each.work(chunk)

    return run


def check(edge, domains, number=5):
    """Stop where images differ."""
    asked = crystals(number, domains)
    wanted = [simulator(edge, 1).run(each).image.tobytes() for each in asked]
    for threads in (1, 2):
        if [image.tobytes() for image in simulator(edge, threads).images(asked)] != wanted:
            sys.exit(f"{edge} x {edge} pixels, {domains} steps: other images by {threads} threads")


def measure(edge, domains, number, repeats):
    """One record."""
    asked, one, two = crystals(number, domains), simulator(edge, 1), simulator(edge, 2)
    alone = kernels_alone([one.prepare_shot(each) for each in asked], one.evaluation.modes)
    ways = {"kernels": alone, "preparation": lambda: [one.prepare_shot(each) for each in asked],
            "one by one": lambda: [one.image(each).shape for each in asked],
            "images, 1 thread": lambda: [image.shape for image in one.images(asked)],
            "images, 2 threads": lambda: [image.shape for image in two.images(asked)]}
    times = {way: [] for way in ways}
    for _ in range(repeats + 1):
        for way, work in ways.items():
            times[way].append(spent(work)[0])
    # the first round loads what the others have
    times = {way: each[1:] for way, each in times.items()}

    def over(way, base):
        return quartiles([1.0 / ratio - 1.0 for ratio in pair_ratios(times[base], times[way])])

    return {"benchmark": "small shots", "edge": edge, "steps": domains, "shots": number,
            "kernels_ms": [1e3 * t for t in quartiles([each.cpu / number for each in times["kernels"]])],
            "preparation_ms": [1e3 * t for t in quartiles([each.cpu / number for each in times["preparation"]])],
            "overhead": {way: over(way, "kernels") for way in ("one by one", "images, 1 thread")},
            "cpu_of_two": quartiles(pair_ratios(times["images, 2 threads"], times["images, 1 thread"])),
            "two_threads": pair_ratios(times["images, 1 thread"], times["images, 2 threads"], "wall")}


def _cell(values, form="{:.2f}"):
    return "-" if not values else f"{form.format(values[1])} ({form.format(values[0])}-{form.format(values[2])})"


def table(records):
    """The records as a table of Markdown."""
    head = ("shot", "kernels [ms]", "preparation [ms]", "overhead, one by one", "overhead, `images`",
            "CPU time, two threads / one", "two threads over one, wall")
    rows = [(f"{each['edge']} x {each['edge']}, {each['steps']} steps", _cell(each["kernels_ms"]),
             _cell(each["preparation_ms"]), _cell(each["overhead"]["one by one"]),
             _cell(each["overhead"]["images, 1 thread"]), _cell(each["cpu_of_two"]),
             _cell(quartiles(each["two_threads"]))) for each in records]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows))


def main(argv=None):
    """Measure.

    Returns the exit status.
    """
    import numbragg as nb

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shots", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--edge", type=int, help="one size only, of 10 steps")
    parser.add_argument("--output", help="append the JSON lines to this file")
    parser.add_argument("--table", action="store_true", help="print a table, too")
    chosen = parser.parse_args(argv)
    # so few sub-pixels follow F^2 poorly
    warnings.simplefilter("ignore", nb.NumbraggWarning)
    records = []
    for edge, domains in SIZES if chosen.edge is None else ((chosen.edge, 10),):
        check(edge, domains)
        records.append(emit(measure(edge, domains, chosen.shots, chosen.repeats), chosen.output))
    if chosen.table:
        print(table(records))
    return 0


if __name__ == "__main__":
    sys.exit(main())
