"""All that needs a CUDA device, the most important first: published table, batches, self-test, scenes of speed.py.

Started by on_device.sh, which lays out the package.  Every result is one JSON line, written as it
comes, so a run that is cut off leaves what it had found; a page of text ends the run.  Kernels are
compiled as they are met, so the self-test runs in several processes that share what they compiled.
"""

import argparse
import itertools
import multiprocessing
import os
import sys
import time

from measuring import emit
import numpy as np

#: Published times of the PyTorch port on an RTX 4090, compiled, in seconds by number of mosaic domains.
PORT = {"float32": {1: 0.0084, 10: 0.0094, 100: 0.0103, 1000: 0.0172},
        "float64": {1: 0.0093, 10: 0.0158, 100: 0.042, 1000: 0.33}}

#: Domains and crystals of a batch.
BATCHES = ((1, 100), (10, 100), (100, 20))

#: Share of the time after which a part is not begun any more, and after which the self-test stops.
SCENES_UNTIL, SELFTEST_UNTIL = 0.97, 0.75

#: Where the simulator takes the device's place: pixels along an edge, domains, crystals, scenes' steps.
SIMULATED_SIDE, SIMULATED_DOMAINS, SIMULATED_BATCHES, SIMULATED_STEPS = 4, (1, 2), ((1, 2),), 250


class Clock:
    """Seconds since the start, as parts of what is allowed."""

    def __init__(self, minutes):
        self._start, self._allowed = time.monotonic(), 60.0 * minutes

    def seconds(self):
        """Seconds since the start."""
        return time.monotonic() - self._start

    def left(self, until=1.0):
        """Seconds until this share of the time is used up; negative afterwards."""
        return until * self._allowed - self.seconds()


# -- parts


def published_table(chosen):
    """Seconds for an image against the number of mosaic domains, the bits compared with the CPU's."""
    from numbragg.selftest.device_speed import measure

    size = {"side": SIMULATED_SIDE, "domains": SIMULATED_DOMAINS, "repeats": 1} if chosen.simulate else {}
    for s in measure(chosen.device, chosen.threads, **size):
        port = PORT["float64" if s.precision == "exact" else "float32"].get(s.domains)
        yield {"benchmark": "cuda, published table", "precision": s.precision, "domains": s.domains, "pixels": s.pixels,
               "seconds": s.device, "seconds_left_there": s.device_only, "seconds_cpu": s.cpu, "same_bits": s.same,
               "seconds_port_rtx4090": port}


def batches(chosen):
    """Images a second of many crystals with one detector, left on the device and copied."""
    import numbragg as nb

    side = SIMULATED_SIDE if chosen.simulate else 1024
    for precision, (domains, number) in itertools.product(("exact", "single"),
                                                          SIMULATED_BATCHES if chosen.simulate else BATCHES):
        how = dict(sampling=nb.Sampling(oversample=1), precision=precision, threads=chosen.threads)
        detector = nb.Detector(pixels=(side, side), pixel_mm=0.1, distance_mm=100.0)
        beam = nb.Beam(wavelength_angstrom=1.0)
        crystals = [nb.Crystal(cell=(79, 79, 38, 90, 90, 90), n_cells=20, misset_deg=(n, 2 * n, 3 * n),
                               mosaic_spread_deg=0.3 * (domains > 1), mosaic_domains=domains) for n in range(number)]
        session = nb.Simulator(detector, beam, 100.0, backend="cuda", device=chosen.device, **how)
        session.image(crystals[0]), session.device_image(crystals[0])
        times = []
        for each in (session.image, session.device_image):
            start = time.perf_counter()
            for crystal in crystals:
                found = each(crystal)
            times.append((time.perf_counter() - start) / number)
        expected = nb.Simulator(detector, beam, 100.0, **how).image(crystals[-1])
        yield {"benchmark": "cuda, batch", "precision": precision, "domains": domains, "crystals": number,
               "pixels": side * side, "seconds": times[0], "seconds_left_there": times[1],
               "same_bits": session.image(crystals[-1]).tobytes() == expected.tobytes(),
               "shape": list(np.shape(found.copy_to_host())) if hasattr(found, "copy_to_host") else None}


def sums(chosen):
    """Several crystals on two panels: sums that are shared, tables and scales of their own."""
    import numbragg as nb

    side = SIMULATED_SIDE if chosen.simulate else 512
    draw = np.random.default_rng(1)
    other = nb.StructureFactors.from_array(draw.uniform(1.0, 300.0, (41, 41, 41)), (-20, -20, -20), 5.0)
    cell = dict(cell=(79, 79, 38, 90, 90, 90), n_cells=6)
    crystals = [nb.Crystal(misset_deg=(10, 20, 30), **cell), nb.Crystal(misset_deg=(50, 1, 2), **cell),
                nb.Crystal(shape="gauss", structure_factors=other, scale=0.5, **cell)]
    pitch = 0.2 * 512 / side
    panels = [nb.Panel(origin_mm=(100.0, 51.2, z), fast_mm=(0, 0, pitch), slow_mm=(0, -pitch, 0),
                       pixels=(side // 2, side)) for z in (-51.2, 1.0)]
    for precision in ("exact", "compensated", "single"):
        how = dict(sampling=nb.Sampling(oversample=1), precision=precision, threads=chosen.threads)
        scene = (nb.Detector(panels=panels), nb.Beam(wavelength_angstrom=1.0), 100.0)
        session = nb.Simulator(*scene, backend="cuda", device=chosen.device, **how)
        session.image(crystals)
        start = time.perf_counter()
        found = session.image(crystals)
        seconds = time.perf_counter() - start
        yield {"benchmark": "cuda, sums", "precision": precision, "crystals": len(crystals), "panels": len(panels),
               "pixels": found.size, "seconds": seconds, "largest": float(found.max()),
               "same_bits": bool(found.max() > 0.0) and found.tobytes() == nb.Simulator(*scene, **how).image(
                   crystals).tobytes()}


def _campaign(place, seed, seconds, device, threads, simulate):
    """Compare scenes of one seed until the time is up.

    Returns an account that can be sent to another process.
    """
    from numbragg.kernels.drive.cuda import Session
    from numbragg.selftest.rounds import campaign

    end = time.monotonic() + seconds

    def names():
        for number in itertools.count():
            if number and time.monotonic() > end:
                return
            yield f"{seed}:{number}"

    tally = campaign(names(), 60 if simulate else 1 << 62, threads, session=Session(device),
                     most_steps=SIMULATED_STEPS if simulate else None)
    total = tally.total
    place.put({"scenes": total.scenes, "pixels": total.pixels, "steps": total.steps, "lane_pixels": total.lane_pixels,
               "largest_ratio": total.ratio, "violations": total.violations, "mismatches": total.mismatches,
               "other_precisions_pixels": total.others, "other_precisions_mismatches": total.others_mismatches,
               "recomputed": dict(total.recomputed), "refused": dict(tally.refused),
               "kinds": {", ".join(kind): r.pixels for kind, r in sorted(tally.kinds.items())},
               "failures": [str(f) for f in total.failures]})


def _report(place, *arguments):
    try:
        _campaign(place, *arguments)
    except Exception as error:
        place.put({"error": f"{type(error).__name__}: {error}; {' '.join(getattr(error, '__notes__', []))}"})


def selftest(chosen, seconds):
    """Random scenes: exact against the strict evaluator, the other precisions against the CPU's lanes."""
    context = multiprocessing.get_context("spawn")
    place = context.SimpleQueue()
    number = 1 if chosen.simulate else chosen.processes
    threads = max(1, (chosen.threads or len(os.sched_getaffinity(0))) // number)
    workers = [context.Process(target=_report, args=(place, chosen.seed + n, seconds, chosen.device, threads,
                                                     chosen.simulate)) for n in range(number)]
    for worker in workers:
        worker.start()
    for n, worker in enumerate(workers):
        while place.empty() and any(w.is_alive() for w in workers):
            time.sleep(0.05)
        if place.empty():
            yield {"benchmark": "cuda, selftest", "same_bits": False, "error": "a process ended without a word"}
            continue
        found = place.get()
        bad = [found.get(word, 1) for word in ("violations", "mismatches", "other_precisions_mismatches")]
        yield {"benchmark": "cuda, selftest", **found, "same_bits": not any(bad)}
    for worker in workers:
        worker.join()


def scenes(chosen, clock):
    """The scenes of speed.py, each in three precisions, as long as there is time."""
    from cuda_speed import measure

    from numbragg.kernels.drive.cuda import Session

    session = Session(chosen.device)
    for name in "ABCDEFG" if chosen.simulate else _scene_names():
        if name not in _scene_names():
            continue
        for precision in ("exact", "compensated", "single"):
            if clock.left(SCENES_UNTIL) < 0:
                return
            record = measure(name, session, precision, chosen.threads, 1 if chosen.simulate else 3,
                             3 if chosen.simulate else None)
            yield {**record, "same_bits": not record["differ"]}


def _scene_names():
    from scenes import SCENES

    return list(SCENES)


# -- the page


def page(records, device, seconds):
    """Lines of text that say what was found."""
    yield f"device {device}; {seconds:.0f} s"
    yield ""
    yield "seconds for one image, 1024 x 1024, N=5, one structure factor (the port: compiled, on an RTX 4090)"
    yield f"{'precision':<12}{'domains':>8}{'to host':>10}{'stays':>10}{'CPU':>10}{'port':>10}  same bits"
    for r in records:
        if r["benchmark"] == "cuda, published table":
            port = r["seconds_port_rtx4090"]
            yield (f"{r['precision']:<12}{r['domains']:>8}{r['seconds']:>10.5f}{r['seconds_left_there']:>10.5f}"
                   f"{r['seconds_cpu']:>10.4f}{port if port else '-':>10}  {_yes(r)}")
    yield ""
    yield "seconds an image, many crystals"
    for r in records:
        if r["benchmark"] == "cuda, batch":
            yield (f"{r['precision']:<12}{r['domains']:>8}{r['seconds']:>10.5f}{r['seconds_left_there']:>10.5f}"
                   f"  {r['crystals']} crystals  {_yes(r)}")
    yield ""
    yield "several crystals on panels, seconds an image"
    for r in records:
        if r["benchmark"] == "cuda, sums":
            yield (f"{r['precision']:<12}{r['seconds']:>18.5f}  {r['crystals']} crystals, {r['panels']} panels"
                   f"  {_yes(r)}")
    yield ""
    yield "scenes of speed.py, ns per step (image left on the device)"
    for r in records:
        if r["benchmark"] == "cuda":
            time_taken = f"{r['ns_per_step']:.4f}" if "ns_per_step" in r else "-"
            yield (f"{r['scene']:<12}{r['precision']:<14}{time_taken:>10}"
                   f"{100 * r['device_fraction']:>10.4f} % by the device  {_yes(r)}")
    yield ""
    tests = [r for r in records if r["benchmark"] == "cuda, selftest"]
    whole = [r for r in tests if "error" not in r]
    if whole:
        add = lambda word: sum(r[word] for r in whole)
        yield (f"self-test: {add('scenes')} scenes, {add('pixels')} pixels, {add('steps'):.3g} steps: "
               f"{add('violations')} violations, {add('mismatches')} mismatches, largest ratio "
               f"{max(r['largest_ratio'] for r in whole):.3f}; other precisions "
               f"{add('other_precisions_pixels')} pixels, {add('other_precisions_mismatches')} mismatches")
    for r in tests:
        if "error" in r:
            yield f"self-test: {r['error']}"
        yield from r.get("failures", [])
    yield "FAILED" if any(not r["same_bits"] for r in records) else "passed"


def _yes(record):
    return "yes" if record["same_bits"] else "NO"


def main(argv=None):
    """Run the command line.

    Returns the exit status.
    """
    parser = argparse.ArgumentParser(prog="on_device.sh", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=6.0, help="time for all of it (default 6)")
    parser.add_argument("--output", default="on_device.jsonl", help="JSON lines are appended to this file")
    parser.add_argument("--device", type=int, help="default: the first")
    parser.add_argument("--threads", type=int, help="of the host's part; default: all processors")
    parser.add_argument("--processes", type=int, default=max(1, len(os.sched_getaffinity(0)) // 2),
                        help="of the self-test; default: one for two processors")
    parser.add_argument("--seed", type=int, default=1, help="of the first process; the others follow")
    parser.add_argument("--simulate", action="store_true", help="on numba's simulator of a device, in small")
    chosen = parser.parse_args(argv)
    clock, records = Clock(chosen.minutes), []

    from numbragg.kernels.compile.cuda_target import open_device

    try:
        device = open_device(chosen.device)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2

    def take(part):
        for record in part:
            records.append(emit({**record, "device": str(device), "after": round(clock.seconds(), 1)}, chosen.output))

    take(published_table(chosen))
    take(batches(chosen))
    take(sums(chosen))
    take(selftest(chosen, max(1.0, clock.left(SELFTEST_UNTIL))))
    take(scenes(chosen, clock))
    print("\n".join(page(records, device, clock.seconds())))
    return 0 if all(r["same_bits"] for r in records) else 1


if __name__ == "__main__":
    sys.exit(main())
