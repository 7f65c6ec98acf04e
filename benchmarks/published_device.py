"""What does a shot of a published training set cost with a CUDA device?  Seconds a shot, by number of processes.

    python benchmarks/published_device.py                     the scene "pilatus", exact and single
    python benchmarks/published_device.py --processes 6 --shots 4 --output FILE

The scene is published_scene.py's.  Each process makes whole shots, each of another orientation: preparing, Bragg steps
on the device, background, response, the file.  All share one device, as the published pipeline's six do.  Before that
the bits are compared with the CPU's in rows spread over the detector.  Wall times, from a moment at which every
process has made a shot already.  Exit status 1 if an image differs.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
import multiprocessing
from pathlib import Path
import sys
import tempfile
import threading
import time
import warnings

from measuring import emit
import numpy as np
from published_scene import (
    CALIBRATION,
    DOMAINS,
    OF_A_SHOT,
    PRECISIONS,
    PUBLISHED_SECONDS,
    SCENES,
    STAYS,
    Shot,
    checked_rows,
    plastic,
)


class Maker:
    """Makes whole shots with a device."""

    def __init__(self, job, folder):
        import numbragg as nb
        from numbragg.background.ground import Ground
        from numbragg.response import Calibration

        # one sub-pixel a pixel is the pipeline's choice, and so is where the amplitudes end
        warnings.simplefilter("ignore", nb.NumbraggWarning)
        self.folder = Path(folder)
        self.shot = Shot(SCENES[job["scene"]], job["pixels"], job["domains"])
        self.simulator = self.shot.simulator(backend=job["backend"], precision=job["precision"])
        self.response = nb.Response.named(self.shot.response, calibration=Calibration(fraction=CALIBRATION))
        self.own = nb.Background(OF_A_SHOT.format(plastic(folder)))
        self.stays = Ground(nb.Background(STAYS), self.simulator.prepare_shot(self.shot.crystal), 1)

    def make(self, number):
        """One shot: wall seconds of each part."""
        from dataclasses import replace

        import numbragg as nb
        from numbragg.background.ground import Ground
        from numbragg.render.result import Result

        crystal = replace(self.shot.crystal, u_matrix=nb.random_rotations(1, seed=number)[0])
        times, start = {}, time.perf_counter()

        def passed(name):
            nonlocal start
            now = time.perf_counter()
            times[name], start = now - start, now

        prepared = self.simulator.prepare_shot(crystal)
        passed("preparing")
        (image,), (outcome,) = self.simulator.backend.render_shot(prepared, self.simulator.evaluation)
        passed("Bragg")
        ground = Ground(self.own, prepared, 1)
        self.stays.add([image])
        ground.add([image])
        passed("background")
        counts = self.response.apply(image, seed=number, threads=1)
        passed("response")
        nb.write_nexus(self.folder / f"shot_{number:06d}.nxs", Result(image, prepared[0][0], outcome), counts)
        passed("writing")
        return times


def differing(job):
    """Pixels in some rows whose bits the CPU does not have."""
    shot = Shot(SCENES[job["scene"]], job["pixels"], job["domains"])
    rows = checked_rows(shot.shape[0])
    images = [shot.simulator(rows, precision=job["precision"], backend=backend).image(shot.crystal)
              for backend in ("cpu", job["backend"])]
    if not images[0].any():
        raise SystemExit("an image without anything on it")
    return int(np.count_nonzero(images[0].view("u4") != images[1].view("u4")))


def _share(barrier):
    """Keep in a process what all wait at."""
    global _together
    _together = barrier


def _process(job, first):
    """Times of the parts of each shot, and when this process began and ended: seconds of a clock that all share."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            maker = Maker(job, folder)
            maker.make(first)
            _together.wait()
            start = time.monotonic()
            parts = [maker.make(first + 1 + n) for n in range(job["shots"])]
            return parts, start, time.monotonic()
    except BaseException:
        _together.abort()
        raise


def timed(job, processes):
    """Wall seconds a shot, and medians of each part within a process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _share, (context.Barrier(processes),)) as pool:
        asked = [pool.submit(_process, job, 1000 * (n + 1)) for n in range(processes)]
        errors = [each.exception() for each in asked]
    for error in errors:
        # the others of one that failed wait no longer
        if error is not None and not isinstance(error, threading.BrokenBarrierError):
            raise SystemExit(f"{type(error).__name__}: {error}")
    found = [each.result() for each in asked]
    seconds = max(end for _, _, end in found) - min(start for _, start, _ in found)
    every = [times for parts, _, _ in found for times in parts]
    return {"seconds": seconds / len(every),
            "parts": {name: float(np.median([times[name] for times in every])) for name in every[0]}}


def _what(job):
    """What a table calls it: a trial is no shot of the published set."""
    scene = SCENES[job["scene"]]
    if job["pixels"] is None and job["domains"] == DOMAINS:
        return scene.what
    fast, slow = job["pixels"] or scene.pixels
    return f"trial of {fast} x {slow} pixels, {job['domains']} domains"


def main(argv=None):
    """Run the command line.

    Returns the exit status.
    """
    import numbragg as nb

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scene", choices=list(SCENES), default="pilatus")
    parser.add_argument("--precision", action="append", choices=PRECISIONS, help="may be repeated; default: both")
    parser.add_argument("--processes", type=int, action="append", help="may be repeated; default: 1 and 6")
    parser.add_argument("--shots", type=int, default=3, help="of each process that are timed (default 3)")
    parser.add_argument("--domains", type=int, default=DOMAINS, help=f"mosaic domains (default {DOMAINS})")
    parser.add_argument("--backend", default="cuda", choices=("cuda", "cpu"), help="default: cuda")
    parser.add_argument("--pixels", type=int, nargs=2, metavar=("FAST", "SLOW"),
                        help="fewer and larger pixels, to try this script out")
    parser.add_argument("--output", help="append the JSON lines to this file")
    chosen = parser.parse_args(argv)
    warnings.simplefilter("ignore", nb.NumbraggWarning)
    status = 0
    for precision in chosen.precision or PRECISIONS:
        job = {"scene": chosen.scene, "precision": precision, "domains": chosen.domains, "pixels": chosen.pixels,
               "shots": chosen.shots, "backend": chosen.backend}
        differ = differing(job)
        status = status or int(differ > 0)
        for processes in chosen.processes or (1, 6):
            record = {"benchmark": "published scene, device", "what": _what(job), **job,
                      "processes": processes, "differ": differ, "published_seconds": PUBLISHED_SECONDS}
            if not differ:
                record |= timed(job, processes)
            if chosen.backend == "cuda":
                from numbragg.kernels.compile.cuda_target import open_device

                record["device"] = str(open_device(None))
            emit(record, chosen.output)
    return status


if __name__ == "__main__":
    sys.exit(main())
