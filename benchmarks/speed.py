"""How fast are the evaluators?  Nanoseconds per step, beside the C program and the PyTorch port.

    python benchmarks/speed.py                       all scenes, without the C program
    NB_C_BIN=... python benchmarks/speed.py --scene A --pairs 5 --output FILE
    python benchmarks/speed.py --table               end with the table of docs/benchmarks.md

Each scene is checked before it is timed: the lanes' image against the strict evaluator in a band of
rows and, where there is a C program, against its file, byte for byte; those of the other precisions
against the exact one.  Then all are timed in turn, --pairs times, so that
each ratio belongs to one pair of neighbours in time.  One JSON line per scene.  Exit status 1 if an
image is wrong or fewer than 99 % of the pixels went through the lanes.
"""

import argparse
from pathlib import Path
import statistics
import sys
import tempfile

from make_table import speed_tables
from measuring import c_binary, c_facts, emit, pair_ratios, quartiles, run_program, spent
import numpy as np
from scenes import SCENES, load, write_inputs
from torch_port import missing, ways

#: Least part of the pixels that must go through the lanes.
LEAST_LANES = 0.99

#: Steps of the band of rows, about the centre, on which the strict evaluator is timed: some 0.6 seconds.
BAND_STEPS = 6_000_000

#: Seconds that one measurement of the lanes takes at least, by repetition.
LEAST_SECONDS = 0.6

#: The other precisions, and how the driver is asked for them.
OTHERS = {"compensated": {"precision": "compensated", "summation": "kahan"},
          "single": {"precision": "single", "summation": "sequential"},
          "single_kahan": {"precision": "single", "summation": "kahan"}}

#: Least correlation of their images with the exact one.
LEAST_CORRELATION = 0.9999


class CProgram:
    """The C program on one scene."""

    def __init__(self, path, words, folder):
        self.command, self.folder = [path, *words], folder

    def run(self, window=None, threads=1):
        """Time of a run: `Spent`."""
        roi = [] if window is None else ["-roi", *map(str, window)]
        return run_program(self.command + roi, self.folder, {"OMP_NUM_THREADS": str(threads)}).spent

    def image(self, shape):
        """The image of the last run."""
        return np.fromfile(self.folder / "floatimage.bin", "<f4").reshape(shape)


class Ours:
    """Our evaluators on one prepared scene."""

    def __init__(self, prepared, threads):
        self.prepared, self.threads = prepared, threads
        self.image = np.zeros(prepared.shape, dtype=np.float32)
        slow, fast = prepared.shape
        rows = max(1, min(slow, BAND_STEPS // (fast * prepared.steps)))
        first = (slow - rows) // 2
        self.band = (0, fast - 1, first, first + rows - 1)
        self.band_pixels = fast * rows

    def render(self, window=None, threads=1, lanes=True, image=None, precision="exact", summation="sequential"):
        """Render once.

        Returns the driver's account.
        """
        from numbragg.kernels.drive import cpu as driver_cpu
        from numbragg.kernels.physics import records

        p = self.prepared
        target = driver_cpu.Target(p.window if window is None else records.Window(*window), p.mask,
                                   self.image if image is None else image)
        modes = driver_cpu.Modes(records.PRECISIONS[precision], records.SUMMATIONS[summation], threads, lanes)
        return driver_cpu.render(p.scene, target, modes, interpolating=p.interpolating)

    def timed(self, repeats=1, **how):
        """Time of a rendering: `Spent`."""
        return spent(lambda: self.render(**how), repeats)[0]


def zero_terms(prepared, samples=64):
    """Part of the terms that are 0, over the steps of some pixels spread over the detector."""
    from numbragg.kernels.evaluate.strict import RECORD_FIELDS, trace_pixel
    from numbragg.kernels.physics.records import initial_state

    f_cell, f_latt = RECORD_FIELDS.index("f_cell"), RECORD_FIELDS.index("f_latt")
    slow, fast = prepared.shape
    edge = round(samples ** 0.5)
    zeros = terms = 0
    for number in range(edge * edge):
        x, y = ((place + 0.5) / edge for place in divmod(number, edge))
        record = np.zeros((prepared.steps + 1, len(RECORD_FIELDS)))
        steps = trace_pixel(prepared.scene, int(x * fast), int(y * slow), initial_state(prepared.interpolating),
                            record)[-1]
        amplitude = record[:steps, f_cell] * record[:steps, f_latt]
        zeros += int(np.count_nonzero(amplitude * amplitude == 0.0))
        terms += prepared.steps
    return zeros / terms


def check(ours, c):
    """Compare the lanes' image with the strict evaluator's and the C program's.

    Returns the pixels that differ, and the account.
    """
    outcome = ours.render(threads=ours.threads)
    strict = np.zeros_like(ours.image)
    ours.render(window=ours.band, threads=ours.threads, lanes=False, image=strict)
    fast_min, fast_max, slow_min, slow_max = ours.band
    region = np.s_[slow_min:slow_max + 1, fast_min:fast_max + 1]
    differ = {"strict": int(np.count_nonzero(strict[region].view("u4") != ours.image[region].view("u4")))}
    if c is not None:
        c.run(threads=ours.threads)
        differ["c"] = int(np.count_nonzero(c.image(ours.image.shape).view("u4") != ours.image.view("u4")))
    return differ, outcome


def correlations(ours):
    """How the images of the other precisions correlate with the exact one."""
    found = {}
    for name, how in OTHERS.items():
        image = np.zeros_like(ours.image)
        ours.render(threads=ours.threads, image=image, **how)
        found[name] = float(np.corrcoef(image.ravel(), ours.image.ravel())[0, 1])
    return found


def take_times(ours, c, pairs, least_seconds=LEAST_SECONDS):
    """Measure all in turn, `pairs` times: lists of `Spent` by name.

    `lanes` and `c` are the whole image, `strict` and `c_band` the band of rows, one thread each;
    `lanes_all`, `strict_all` use all threads, with `lanes_one`, `strict_one` as their neighbours.
    The names of OTHERS are the whole image in the other precisions, one thread.
    The C program's times are less those of a run of the same scene that computes one pixel.
    """
    once = ours.timed().wall
    repeats = max(1, int(np.ceil(least_seconds / max(once, 1e-6))))
    band = {"window": ours.band, "lanes": False}
    strict_repeats = max(1, int(np.ceil(least_seconds / max(ours.timed(**band).wall, 1e-6))))
    spare = np.zeros_like(ours.image)
    times = {}

    def take(name, value):
        times.setdefault(name, []).append(value)

    for _ in range(pairs):
        take("lanes", ours.timed(repeats))
        if c is not None:
            whole, band_only, one_pixel = c.run(), c.run(ours.band), c.run((0, 0, 0, 0))
            take("c", whole - one_pixel)
            take("c_band", band_only - one_pixel)
        take("strict", ours.timed(strict_repeats, **band))
        for name, how in OTHERS.items():
            take(name, ours.timed(repeats, image=spare, **how))
        take("lanes_again", ours.timed(repeats))
        if ours.threads > 1:
            for name, count, how in (("lanes", repeats, {}), ("strict", strict_repeats, band)):
                take(f"{name}_one", ours.timed(count, **how))
                take(f"{name}_all", ours.timed(count, threads=ours.threads, **how))
    return times


def ratios(times):
    """What is reported of the times: a list over the pairs by name."""
    found = {}
    if "c" in times:
        found["c_over_lanes"] = pair_ratios(times["c"], times["lanes"])
        found["c_over_lanes_wall"] = pair_ratios(times["c"], times["lanes"], "wall")
        found["c_over_strict"] = pair_ratios(times["c_band"], times["strict"])
        found["c_over_strict_wall"] = pair_ratios(times["c_band"], times["strict"], "wall")
    for name in OTHERS:
        found[f"lanes_over_{name}"] = pair_ratios(times["lanes_again"], times[name])
    for name in ("lanes", "strict"):
        if f"{name}_all" in times:
            found[f"{name}_threads"] = pair_ratios(times[f"{name}_one"], times[f"{name}_all"], "wall")
    return found


def per_step(times, ours):
    """CPU nanoseconds per step of one thread, a list over the pairs by name."""
    steps = ours.prepared.steps
    whole, band = ours.image.size * steps, ours.band_pixels * steps
    sizes = {"lanes": whole, "c": whole, "strict": band, "c_band": band} | dict.fromkeys(OTHERS, whole)
    return {name: [value.cpu / size * 1e9 for value in times[name]] for name, size in sizes.items() if name in times}


def measure_port(name, pixels=None):
    """Time the PyTorch port on a scene, each way in a process of its own.

    Returns its record.
    """
    scene = SCENES[name]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_inputs(scene, folder)
        ours = Ours(load(scene, folder, pixels), 1)
        ours.render()
        np.save(folder / "ours.npy", ours.image)
        record = {"benchmark": "port", "scene": name, "what": scene.what, "arguments": scene.arguments(pixels),
                  "ways": {way: run_way(scene, folder, pixels) for way, run_way in ways().items()}}
        lanes = [ours.timed() for _ in range(5)]
    steps = ours.image.size * ours.prepared.steps
    return {**record, "lanes_ns_per_step": statistics.median(t.cpu for t in lanes) / steps * 1e9}


def measure(name, pairs, threads, pixels=None, least_seconds=LEAST_SECONDS):
    """Check and time one scene.

    Returns its record.
    """
    scene = SCENES[name]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_inputs(scene, folder)
        ours = Ours(load(scene, folder, pixels), threads)
        path = c_binary()
        c = None if path is None else CProgram(path, scene.arguments(pixels), folder)
        differ, outcome = check(ours, c)
        record = {"benchmark": "speed", "scene": name, "what": scene.what, "arguments": scene.arguments(pixels),
                  "pixels": ours.image.size, "steps_per_pixel": ours.prepared.steps, "threads": threads,
                  "zero_terms": zero_terms(ours.prepared), "differ": differ, "least": scene.least,
                  "lane_fraction": outcome.lane_pixels / (outcome.lane_pixels + outcome.strict_pixels),
                  "strict_reasons": dict(outcome.reasons), "c": None if path is None else c_facts(path)}
        if any(differ.values()) or record["lane_fraction"] < LEAST_LANES:
            return record
        record["correlation"] = correlations(ours)
        if complaint(record):
            return record
        times = take_times(ours, c, pairs, least_seconds)
        record["ns_per_step"] = per_step(times, ours)
        record["ratios"] = ratios(times)
    return record


def complaint(record):
    """What is wrong with a record, or None."""
    for other, pixels in record["differ"].items():
        if pixels:
            return f"scene {record['scene']}: {pixels} pixels differ from {other}; not timed"
    if record["lane_fraction"] < LEAST_LANES:
        return (f"scene {record['scene']}: {record['lane_fraction']:.2%} of the pixels in the lanes, "
                f"not {LEAST_LANES:.0%}; not timed: {record['strict_reasons']}")
    for name, value in record.get("correlation", {}).items():
        if not value >= LEAST_CORRELATION:
            return f"scene {record['scene']}: correlation of {name} with exact is {value:.6f}; not timed"
    return None


def main(argv=None):
    """Run the command line.

    Returns the exit status.
    """
    from numbragg.kernels.drive.crew import available_threads

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scene", action="append", choices=list(SCENES), help="may be repeated; default: all")
    parser.add_argument("--pairs", type=int, default=5, help="measurements of each (default 5)")
    parser.add_argument("--threads", type=int, default=available_threads(), help="default: all processors")
    parser.add_argument("--pixels", type=int, help="shrink the detector, to try this script out")
    parser.add_argument("--seconds", type=float, default=LEAST_SECONDS,
                        help=f"least time of one measurement, by repetition (default {LEAST_SECONDS:g})")
    parser.add_argument("--output", help="append the JSON lines to this file")
    parser.add_argument("--table", action="store_true", help="end with the tables in Markdown")
    chosen = parser.parse_args(argv)
    records, status = [], 0
    why_no_port = missing()
    if why_no_port is not None:
        print(f"PyTorch port skipped: {why_no_port}", file=sys.stderr)
    for name in chosen.scene or SCENES:
        record = emit(measure(name, chosen.pairs, chosen.threads, chosen.pixels, chosen.seconds), chosen.output)
        records.append(record)
        wrong = complaint(record)
        if wrong is not None:
            print(wrong, file=sys.stderr)
            status = 1
        for ratio, values in record.get("ratios", {}).items():
            shown = " ".join(f"{v:.2f}" for v in quartiles(values)) or "always disturbed"
            print(f"  {name}: {ratio} {shown}", file=sys.stderr)
        if why_no_port is None:
            records.append(emit(measure_port(name, chosen.pixels), chosen.output))
    if chosen.table:
        print(speed_tables(records))
    return status


if __name__ == "__main__":
    sys.exit(main())
