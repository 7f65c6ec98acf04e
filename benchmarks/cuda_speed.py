"""Seconds for an image on a CUDA device, for the scenes of speed.py and for the published table of the PyTorch port.

    python benchmarks/cuda_speed.py --output FILE

The answer is checked first: an image whose bits are not the CPU's is not timed.  Times are wall
times of whole calls, the host's part and all copies included, after one call that compiles and
copies what stays; with the image left on the device, and with it copied to the host.  Needs a device.
"""

import argparse
from pathlib import Path
import statistics
import sys
import tempfile
import time

from measuring import emit
import numpy as np
from scenes import SCENES, load, write_inputs


def median_seconds(call, repeats):
    """Median and all times of some calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times), times


def measure(name, session, precision, threads, repeats, pixels=None):
    """Check and time one scene; its record."""
    from numbragg.configs.run_options import Evaluation
    from numbragg.kernels.drive import cpu as driver_cpu

    scene = SCENES[name]
    with tempfile.TemporaryDirectory() as folder:
        write_inputs(scene, Path(folder))
        p = load(scene, Path(folder), pixels)
    how = Evaluation(precision, threads=threads).modes
    images = [np.zeros(p.shape, dtype=np.float32) for _ in range(2)]
    targets = [driver_cpu.Target(p.window, p.mask, image) for image in images]
    driver_cpu.render(p.scene, targets[0], how, interpolating=p.interpolating)
    outcome, _ = session.render(p.scene, targets[1], how, interpolating=p.interpolating)
    record = {"benchmark": "cuda", "scene": name, "what": scene.what, "arguments": scene.arguments(pixels),
              "precision": precision, "device": str(session.device), "pixels": images[0].size, "steps_per_pixel": p.steps,
              "differ": int(np.count_nonzero(images[0].view(np.uint32) != images[1].view(np.uint32))),
              "device_fraction": outcome.lane_pixels / max(outcome.pixels, 1), "strict_reasons": dict(outcome.reasons)}
    if record["differ"]:
        return record
    for word, stays in (("seconds", False), ("seconds_left_there", True)):
        call = lambda: session.render(p.scene, targets[1], how, interpolating=p.interpolating, stays=stays)
        call()
        record[word], record[word + "_all"] = median_seconds(call, repeats)
    steps = images[0].size * p.steps
    record["ns_per_step"] = record["seconds_left_there"] / steps * 1e9
    return record


def main(argv=None):
    """Run the command line; returns the exit status."""
    from numbragg.kernels.drive.cuda import Session
    from numbragg.selftest import device_speed

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scene", action="append", choices=list(SCENES), help="may be repeated; default: all")
    parser.add_argument("--device", type=int, help="default: the first")
    parser.add_argument("--threads", type=int, help="of the host's part; default: all processors")
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each (default 5)")
    parser.add_argument("--pixels", type=int, help="shrink the detector, to try this script out")
    parser.add_argument("--output", help="append the JSON lines to this file")
    chosen = parser.parse_args(argv)
    try:
        session = Session(chosen.device)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    status = 0
    for name in chosen.scene or SCENES:
        for precision in ("exact", "compensated", "single"):
            record = measure(name, session, precision, chosen.threads, chosen.repeats, chosen.pixels)
            emit(record, chosen.output)
            if record["differ"]:
                print(f"scene {name}, {precision}: {record['differ']} pixels differ from the CPU's; not timed",
                      file=sys.stderr)
                status = 1
    published = {} if chosen.pixels is None else {"side": chosen.pixels, "domains": (1, 2)}
    for speed in device_speed.measure(chosen.device, chosen.threads, repeats=chosen.repeats, **published):
        emit({"benchmark": "cuda, published table", "device": str(session.device), "precision": speed.precision,
              "domains": speed.domains, "pixels": speed.pixels, "seconds": speed.device,
              "seconds_left_there": speed.device_only, "seconds_cpu": speed.cpu, "same_bits": speed.same}, chosen.output)
        status = status if speed.same else 1
    return status


if __name__ == "__main__":
    sys.exit(main())
